//! What a request of ours needs beyond one message: its body in blocks, its answer from blocks.

use coap_tcp_core::blockwise::{Chunks, Collected, Collector, Fault, Next, Sequence, Terms};
use coap_tcp_core::echo::Echo;
use coap_tcp_core::wire::{Block, BlockSize, Writer};
use coap_tcp_core::{Buf, Code, Message, OptionNumber, SendError};

use crate::draft::{Draft, Received, keep, keep_with};
use crate::outlet::Outlet;
use crate::pool::Pooled;

/// How far a request of ours has come.
#[derive(Debug, Default)]
pub(crate) struct Transfer {
    chunks: Chunks,
    answer: Option<Box<Rest>>,
    restarted: bool,
    /// The answer is wanted as it comes.
    streamed: bool,
    /// Keeps an answer in blocks apart from others that look alike (E-3-1).
    tag: Option<u32>,
    /// What all is sent once more with (E-2.3-1).
    echo: Option<Echo>,
}

/// An answer of which more is to come.
#[derive(Debug)]
struct Rest {
    next: Block,
    so_far: Gathered,
}

#[derive(Debug)]
enum Gathered {
    /// Its first message, and the body.
    Kept(Received, Collector<Pooled>),
    /// Whoever waits for it has it.
    Passed(Sequence),
}

/// What an answer means.
#[derive(Debug)]
pub(crate) enum Came {
    /// It is the answer to the request, perhaps put together; or the last part of one that is wanted as it comes.
    Answer(Received),
    /// A part of an answer that is wanted as it comes.
    Part(Received),
    /// Another message is to be sent.
    Next,
    /// It cannot be used.
    Fault(Fault),
}

impl Transfer {
    /// Something has been sent, and more would have followed.
    pub(crate) const fn is_under_way(&self) -> bool {
        self.chunks.is_cut() || self.answer.is_some()
    }

    /// The next message carries a part of the body.
    pub(crate) const fn is_sending(&self) -> bool {
        self.answer.is_none()
    }

    pub(crate) const fn is_streamed(&self) -> bool {
        self.streamed
    }

    pub(crate) const fn set_streamed(&mut self) {
        self.streamed = true;
    }

    /// Begins again with this, since that was a challenge: with the body, or with the block of the answer that was
    /// asked for. `false`: a part of the body is not here any more.
    pub(crate) fn repeat(&mut self, echo: Echo, body: Option<&Outlet>) -> bool {
        if self.answer.is_none() {
            if body.is_some() && self.chunks.position() > 0 {
                return false;
            }
            self.chunks = Chunks::new();
        }
        self.echo = Some(echo);
        true
    }

    pub(crate) const fn echo(&self) -> Option<Echo> {
        self.echo
    }

    /// Writes the next message. `tag` tells operations of one connection apart (E-3-1).
    pub(crate) fn write<T: Buf + ?Sized>(
        &mut self,
        draft: &Draft,
        body: Option<&Outlet>,
        tag: &mut u32,
        writer: &mut Writer<'_, T>,
        terms: &Terms,
    ) -> Result<(), SendError> {
        if let Some(answer) = &self.answer {
            let tagged = self.tag.map(|tag| draft.clone().uint(OptionNumber::REQUEST_TAG, tag));
            self.chunks.ask(answer.next, writer, tagged.as_ref().unwrap_or(draft).options())?;
            if draft.code() == Code::FETCH && !self.chunks.is_cut() {
                writer.payload(draft.body())?;
            }
            return Ok(());
        }
        let first = !self.chunks.is_cut();
        if first {
            self.chunks = self.chunks.tagged(*tag);
        }
        match body {
            None => self.write_draft(draft, *tag, writer, terms)?,
            Some(body) => {
                let stock = body.stock(terms.chunk()).ok_or(SendError::NotReady)?;
                let fill = |takes, payload: &mut dyn Buf| body.fill(takes, payload);
                self.chunks.write_from(writer, draft.options(), stock, terms, fill)?;
            }
        }
        if first && (self.chunks.is_cut() || self.tag.is_some()) {
            *tag = tag.wrapping_add(1);
        }
        Ok(())
    }

    fn write_draft<T: Buf + ?Sized>(
        &mut self,
        draft: &Draft,
        tag: u32,
        writer: &mut Writer<'_, T>,
        terms: &Terms,
    ) -> Result<(), SendError> {
        if self.streamed && draft.body().is_empty() && terms.may_offer() && !draft.has(OptionNumber::BLOCK2) {
            // A Request-Tag means something only beside a Block option.
            self.tag = Some(tag);
            let size = terms.offer(BlockSize::Bert);
            let block = Block { number: 0, more: false, size };
            let draft = draft.clone().uint(OptionNumber::BLOCK2, block.value());
            let draft = draft.uint(OptionNumber::REQUEST_TAG, tag);
            return self.chunks.write(writer, draft.options(), &[], terms);
        }
        // What is fetched again is not observed again.
        let again = self.restarted;
        let options = draft.options().filter(move |&(number, _)| !again || number != OptionNumber::OBSERVE);
        self.chunks.write(writer, options, draft.body(), terms)
    }

    /// Takes the answer to the last one.
    pub(crate) fn take(
        &mut self,
        draft: &Draft,
        body: Option<&Outlet>,
        response: &Message<'_>,
        terms: &Terms,
        limit: usize,
    ) -> Came {
        if self.answer.is_none() {
            let before = self.chunks.position();
            let next = self.chunks.handle_response(response);
            if let Some(body) = body {
                body.consume((self.chunks.position() - before) as usize);
            }
            match next {
                Ok(Next::Send) => return Came::Next,
                Ok(Next::Over) => {}
                Err(fault) => return Came::Fault(fault),
            }
        }
        let cut = response.all(OptionNumber::BLOCK2).next().is_some();
        let by_hand = draft.asks_for_rest();
        if self.streamed && (cut || self.answer.is_some()) {
            return self.pass(response, terms);
        }
        if !cut && (self.answer.is_none() || !response.code.is_success()) || by_hand {
            return Came::Answer(keep(response));
        }
        match self.gather(response, terms, limit) {
            Err(Fault::Changed) if draft.code().can_observe() && !self.chunks.is_cut() && !self.restarted => {
                *self = Self { restarted: true, echo: self.echo, ..Self::default() };
                Came::Next
            }
            Err(fault) => Came::Fault(fault),
            Ok(came) => came,
        }
    }

    /// Hands a block on as it is.
    fn pass(&mut self, response: &Message<'_>, terms: &Terms) -> Came {
        let mut sequence = match self.answer.as_deref() {
            Some(Rest { so_far: Gathered::Passed(sequence), .. }) => *sequence,
            _ => Sequence::new(),
        };
        match sequence.handle_response(response, terms) {
            Err(fault) => Came::Fault(fault),
            Ok(Collected::Whole(_)) => Came::Answer(keep(response)),
            Ok(Collected::More(next)) => {
                self.answer = Some(Box::new(Rest { next, so_far: Gathered::Passed(sequence) }));
                Came::Part(keep(response))
            }
        }
    }

    fn gather(&mut self, response: &Message<'_>, terms: &Terms, limit: usize) -> Result<Came, Fault> {
        let Some(Rest { next, so_far: Gathered::Kept(head, body) }) = self.answer.as_deref_mut() else {
            let mut body = Collector::new(Pooled::default(), limit);
            return Ok(match body.handle_response(response, terms)? {
                Collected::Whole(_) => Came::Answer(keep(response)),
                Collected::More(next) => {
                    let so_far = Gathered::Kept(keep_with(response, &[]), body);
                    self.answer = Some(Box::new(Rest { next, so_far }));
                    Came::Next
                }
            });
        };
        Ok(match body.handle_response(response, terms)? {
            Collected::Whole(_) => Came::Answer(keep_with(&head.view(), body.body())),
            Collected::More(more) => {
                *next = more;
                Came::Next
            }
        })
    }
}
