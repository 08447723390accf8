//! Bodies that pass through one connection's service as they come and go: a block of each at a time.

use std::sync::Arc;

use coap_tcp_core::blockwise::{Brief, Collected, Key, Sequence, Terms, Wanted, Written};
use coap_tcp_core::{Closed, Code, Incoming, Instant, OptionNumber, SendError, Ticket};
use thin_vec::ThinVec;

use crate::bodies::{Bodies, LIFETIME};
use crate::draft::Draft;
use crate::exchange::Tag;
use crate::inlet::{Answer, BodyError, Inlet};
use crate::layer::Lent;
use crate::outlet::Outlet;

/// Bodies of each direction at once.
const MOST: usize = 16;

/// What streamed bodies keep between their blocks.
#[derive(Debug)]
pub(crate) struct Flows {
    coming: ThinVec<Coming>,
    going: ThinVec<Going>,
    /// Makes ETags that no other body has.
    made: u16,
}

/// A request's body.
#[derive(Debug)]
struct Coming {
    key: Key,
    sequence: Sequence,
    body: Arc<Inlet>,
    /// The block that is not answered yet.
    owed: Option<Owed>,
    until: Instant,
}

/// A block of a request, and what to say when its part has been taken; nothing after the last.
#[derive(Debug)]
struct Owed {
    ticket: Ticket,
    wanted: Wanted,
    go_on: Option<Brief>,
}

/// An answer's body.
#[derive(Debug)]
struct Going {
    key: Key,
    head: Draft,
    body: Arc<Outlet>,
    /// Bytes that the peer has.
    at: u64,
    /// Who has asked for the next block.
    owed: Option<(Ticket, Wanted)>,
    until: Instant,
}

/// The first block of a request, or all of it.
pub(crate) type Step = (Sequence, Collected<Brief>);

impl Flows {
    pub(crate) const fn new() -> Self {
        Self { coming: ThinVec::new(), going: ThinVec::new(), made: 0 }
    }

    /// Whether one more may be received. The oldest whose peer does not go on gives way (B-2.4-2).
    pub(crate) fn make_place(&mut self) -> bool {
        if self.coming.len() >= MOST {
            if let Some(oldest) = self.coming.iter().position(|coming| coming.owed.is_none()) {
                self.fail(oldest, BodyError::Abandoned);
            }
        }
        self.coming.len() < MOST
    }

    /// Gives the first part of a request's body, which may be all of it.
    pub(crate) fn receive(
        &mut self,
        now: Instant,
        request: &Incoming<'_>,
        (ticket, wanted): (Ticket, Wanted),
        step: Option<Step>,
        body: Arc<Inlet>,
    ) {
        let (sequence, go_on) = match step {
            Some((sequence, Collected::More(brief))) => (sequence, Some(brief)),
            Some((sequence, Collected::Whole(_))) => (sequence, None),
            None => (Sequence::new(), None),
        };
        body.put(request.payload);
        if go_on.is_none() {
            body.end(Ok(()));
        }
        let owed = Some(Owed { ticket, wanted, go_on });
        self.coming.push(Coming { key: wanted.key(), sequence, body, owed, until: now + LIFETIME });
    }

    /// A request with its first block begins anew: an older body of the same key will not come any more.
    pub(crate) fn begin_anew(&mut self, key: Key) {
        let outdated = |coming: &Coming| coming.key == key && !coming.is_whole();
        if let Some(at) = self.coming.iter().position(outdated) {
            self.fail(at, BodyError::Abandoned);
        }
    }

    /// Takes a later block of a request, if its first one was taken here. An error is the answer to give.
    pub(crate) fn take(
        &mut self,
        now: Instant,
        request: &Incoming<'_>,
        wanted: &Wanted,
        terms: &Terms,
        peer: &mut Lent<'_, '_, Tag>,
    ) -> Option<Result<(), Brief>> {
        let found = |coming: &Coming| coming.key == wanted.key() && !coming.is_whole();
        let at = self.coming.iter().position(found)?;
        let taken = self.coming.get_mut(at)?.take(now, request, wanted, terms, peer);
        if let Err(brief) = taken {
            self.fail(at, BodyError::Blocks(brief.code));
        }
        Some(taken)
    }

    /// No more of it comes. What is owed is still answered.
    fn fail(&mut self, at: usize, why: BodyError) {
        let Some(failed) = self.coming.get_mut(at) else {
            return;
        };
        failed.body.end(Err(why));
        match &mut failed.owed {
            Some(owed) => owed.go_on = None,
            None => drop(self.coming.remove(at)),
        }
    }

    /// A later block of an answer is asked for. `false`: not one that is made here.
    pub(crate) fn ask(
        &mut self,
        now: Instant,
        request: &Incoming<'_>,
        wanted: &Wanted,
        peer: &mut Lent<'_, '_, Tag>,
    ) -> bool {
        let next = |going: &&mut Going| {
            going.key == wanted.key() && going.at == wanted.offset() && going.owed.is_none()
        };
        let Some(going) = self.going.iter_mut().find(next) else {
            return false;
        };
        // Too many open requests: the service is asked, and cannot defer either (row 45).
        let Ok(ticket) = peer.conn.defer(request) else {
            return false;
        };
        going.owed = Some((ticket, *wanted));
        going.until = now + LIFETIME;
        true
    }

    /// Begins an answer whose body is made while it is sent. The oldest that nobody waits for gives way.
    pub(crate) fn send(&mut self, now: Instant, owed: (Ticket, Wanted), head: Draft, body: Arc<Outlet>) {
        let key = owed.1.key();
        self.going.retain(|other| {
            let outdated = other.key == key && other.owed.is_none();
            if outdated {
                other.body.stop();
            }
            !outdated
        });
        if self.going.len() >= MOST {
            match self.going.iter().position(|other| other.owed.is_none()) {
                Some(oldest) => self.going.remove(oldest).body.stop(),
                None => body.lose(),
            }
        }
        let head = match head.has(OptionNumber::ETAG) {
            true => head,
            false => head.option(OptionNumber::ETAG, self.etag(now)),
        };
        let at = owed.1.offset();
        self.going.push(Going { key, head, body, at, owed: Some(owed), until: now + LIFETIME });
    }

    fn etag(&mut self, now: Instant) -> Vec<u8> {
        self.made = self.made.wrapping_add(1);
        let made = (now.as_micros() << 16 | u64::from(self.made)).to_be_bytes();
        made.to_vec()
    }

    /// Says what there is to be said of streamed bodies. `true`: the rest waits for room.
    pub(crate) fn flow(
        &mut self,
        now: Instant,
        bodies: &mut Bodies,
        terms: &Terms,
        peer: &mut Lent<'_, '_, Tag>,
    ) -> bool {
        if self.coming.is_empty() && self.going.is_empty() {
            return false;
        }
        let coming = core::mem::take(&mut self.coming);
        let mut full = false;
        for mut coming in coming {
            match self.go_on(now, &mut coming, bodies, terms, peer) {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => full |= error == SendError::Full,
            }
            self.coming.push(coming);
        }
        self.going.retain_mut(|going| match going.go_on(now, terms, peer) {
            Ok(over) => !over,
            Err(error) => {
                full |= error == SendError::Full;
                true
            }
        });
        full
    }

    /// Answers a request, or tells its sender to go on. `true`: it is over.
    fn go_on(
        &mut self,
        now: Instant,
        coming: &mut Coming,
        bodies: &mut Bodies,
        terms: &Terms,
        peer: &mut Lent<'_, '_, Tag>,
    ) -> Result<bool, SendError> {
        let Some(owed) = coming.owed.take() else {
            return Ok(false);
        };
        match coming.body.take_answer() {
            Some(Answer::Streamed(head, body)) => {
                self.send(now, (owed.ticket, owed.wanted), head, body);
                Ok(true)
            }
            Some(Answer::Whole(draft)) => {
                let answered = peer
                    .respond_later(&owed.ticket, draft.code())
                    .and_then(|answer| bodies.answer(now, answer, &owed.wanted, &draft, terms));
                match answered {
                    Err(error @ (SendError::Full | SendError::NotReady)) => {
                        coming.body.put_back(Answer::Whole(draft));
                        coming.owed = Some(owed);
                        Err(error)
                    }
                    Ok(()) | Err(_) => Ok(true),
                }
            }
            None => match owed.go_on.filter(|_| coming.body.is_empty()) {
                None => {
                    coming.owed = Some(owed);
                    Ok(false)
                }
                Some(brief) => {
                    let told = peer.respond_later(&owed.ticket, brief.code).and_then(|mut answer| {
                        brief.write(&mut answer)?;
                        answer.finish()
                    });
                    match told {
                        Ok(()) => {
                            coming.until = now + LIFETIME;
                            Ok(false)
                        }
                        Err(error) => {
                            coming.owed = Some(owed);
                            Err(error)
                        }
                    }
                }
            },
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let coming = self.coming.iter().filter(|coming| coming.owed.is_none()).map(|coming| coming.until);
        let going = self.going.iter().filter(|going| going.owed.is_none()).map(|going| going.until);
        coming.chain(going).min()
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        self.coming.retain(|coming| {
            let late = coming.owed.is_none() && coming.until <= now;
            if late {
                coming.body.end(Err(BodyError::Abandoned));
            }
            !late
        });
        self.going.retain(|going| {
            let late = going.owed.is_none() && going.until <= now;
            if late {
                going.body.stop();
            }
            !late
        });
    }

    pub(crate) fn close(&mut self, why: Closed) {
        self.coming.drain(..).for_each(|coming| coming.body.close(why));
        self.going.drain(..).for_each(|going| going.body.stop());
    }
}

impl Coming {
    const fn is_whole(&self) -> bool {
        matches!(self.owed, Some(Owed { go_on: None, .. }))
    }

    fn take(
        &mut self,
        now: Instant,
        request: &Incoming<'_>,
        wanted: &Wanted,
        terms: &Terms,
        peer: &mut Lent<'_, '_, Tag>,
    ) -> Result<(), Brief> {
        if self.owed.is_some() {
            // It did not wait for its turn, and there is place for one block only.
            return Err(Brief::INCOMPLETE);
        }
        let step = self.sequence.handle_request(request, terms)?;
        let ticket = peer.conn.defer(request).map_err(|_| Brief::BUSY)?;
        self.body.put(request.payload);
        let go_on = match step {
            Collected::More(brief) => Some(brief),
            Collected::Whole(_) => None,
        };
        if go_on.is_none() {
            self.body.end(Ok(()));
        }
        self.owed = Some(Owed { ticket, wanted: *wanted, go_on });
        self.until = now + LIFETIME;
        Ok(())
    }
}

impl Going {
    /// Sends the block that is asked for, once it is made. `true`: it is over.
    fn go_on(
        &mut self,
        now: Instant,
        terms: &Terms,
        peer: &mut Lent<'_, '_, Tag>,
    ) -> Result<bool, SendError> {
        let Some((ticket, wanted)) = &self.owed else {
            return Ok(false);
        };
        if self.body.is_lost() {
            let answer = peer.respond_later(ticket, Code::INTERNAL_SERVER_ERROR)?;
            return answer.finish().map(|()| true);
        }
        let Some(stock) = self.body.stock(terms.chunk()) else {
            return Ok(false);
        };
        let mut answer = peer.respond_later(ticket, self.head.code())?;
        let fill = |takes, payload: &mut dyn coap_tcp_core::Buf| self.body.fill(takes, payload);
        let code = self.head.code();
        let more = match wanted.write_from(&mut answer, code, self.head.options(), stock, terms, fill) {
            Ok((Written::Part { more }, takes)) => {
                answer.finish()?;
                self.body.consume(takes);
                self.at += takes as u64;
                more
            }
            Ok((Written::Whole, _)) => {
                answer.finish()?;
                false
            }
            Ok((Written::Beyond, _)) => {
                answer.restart(Brief::BEYOND.code);
                answer.finish()?;
                false
            }
            Err(error @ (SendError::Full | SendError::NotReady)) => return Err(error),
            Err(_) => {
                answer.restart(Code::INTERNAL_SERVER_ERROR);
                answer.finish()?;
                false
            }
        };
        self.owed = None;
        self.until = now + LIFETIME;
        if !more {
            self.body.stop();
        }
        Ok(!more)
    }
}
