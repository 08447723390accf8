//! What a request of ours needs beyond one message: its body in blocks, its answer from blocks.

use coap_tcp_core::blockwise::{Chunks, Collected, Collector, Fault, Next, Terms};
use coap_tcp_core::wire::{Block, Writer};
use coap_tcp_core::{Buf, Code, Message, OptionNumber, SendError};

use crate::draft::{Draft, Received, keep, keep_with};
use crate::pool::Pooled;

/// How far a request of ours has come.
#[derive(Debug, Default)]
pub(crate) struct Transfer {
    chunks: Chunks,
    answer: Option<Box<Gathered>>,
    restarted: bool,
}

/// An answer of which more is to come.
#[derive(Debug)]
struct Gathered {
    /// Its first message.
    head: Received,
    body: Collector<Pooled>,
    next: Block,
}

/// What an answer means.
#[derive(Debug)]
pub(crate) enum Came {
    /// It is the answer to the request, perhaps put together.
    Answer(Received),
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

    /// Writes the next message. `tag` tells operations of one connection apart (E-3-1).
    pub(crate) fn write<T: Buf + ?Sized>(
        &mut self,
        draft: &Draft,
        tag: &mut u32,
        writer: &mut Writer<'_, T>,
        terms: &Terms,
    ) -> Result<(), SendError> {
        if let Some(answer) = &self.answer {
            self.chunks.ask(answer.next, writer, draft.options())?;
            if draft.code() == Code::FETCH && !self.chunks.is_cut() {
                writer.payload(draft.body())?;
            }
            return Ok(());
        }
        let first = !self.chunks.is_cut();
        if first {
            self.chunks = self.chunks.tagged(*tag);
        }
        // What is fetched again is not observed again.
        let again = self.restarted;
        let options = draft.options().filter(move |&(number, _)| !again || number != OptionNumber::OBSERVE);
        self.chunks.write(writer, options, draft.body(), terms)?;
        if first && self.chunks.is_cut() {
            *tag = tag.wrapping_add(1);
        }
        Ok(())
    }

    /// Takes the answer to the last one.
    pub(crate) fn take(
        &mut self,
        draft: &Draft,
        response: &Message<'_>,
        terms: &Terms,
        limit: usize,
    ) -> Came {
        if self.answer.is_none() {
            match self.chunks.handle_response(response) {
                Ok(Next::Send) => return Came::Next,
                Ok(Next::Over) => {}
                Err(fault) => return Came::Fault(fault),
            }
        }
        let cut = response.all(OptionNumber::BLOCK2).next().is_some();
        let by_hand = draft.asks_for_rest();
        if !cut && (self.answer.is_none() || !response.code.is_success()) || by_hand {
            return Came::Answer(keep(response));
        }
        match self.gather(response, terms, limit) {
            Err(Fault::Changed) if draft.code().can_observe() && !self.chunks.is_cut() && !self.restarted => {
                *self = Self { restarted: true, ..Self::default() };
                Came::Next
            }
            Err(fault) => Came::Fault(fault),
            Ok(came) => came,
        }
    }

    fn gather(&mut self, response: &Message<'_>, terms: &Terms, limit: usize) -> Result<Came, Fault> {
        let Some(answer) = &mut self.answer else {
            let mut body = Collector::new(Pooled::default(), limit);
            return Ok(match body.handle_response(response, terms)? {
                Collected::Whole(_) => Came::Answer(keep(response)),
                Collected::More(next) => {
                    let head = keep_with(response, &[]);
                    self.answer = Some(Box::new(Gathered { head, body, next }));
                    Came::Next
                }
            });
        };
        Ok(match answer.body.handle_response(response, terms)? {
            Collected::Whole(_) => Came::Answer(keep_with(&answer.head.view(), answer.body.body())),
            Collected::More(next) => {
                answer.next = next;
                Came::Next
            }
        })
    }
}
