//! Commands: our requests and our answers. Each appends one whole frame to `tx`, or changes nothing.

use core::ops::{Deref, DerefMut};
use core::time::Duration;

use super::state::State;
use super::{Connection, Current};
use crate::buf::Buf;
use crate::error::{Closed, SendError, WriteError};
use crate::event::{Incoming, Refusal, Settled};
use crate::requests::{Asked, Held, Key, Observer, RequestId, Requests, Slots, Ticket};
use crate::time::Instant;
use crate::trace;
use crate::wire::{Code, Decimal, OptionNumber, Token, Writer, uint};

/// An answer under way. Writes like the [`Writer`] it is; dropped without [`Answer::finish`] it is as if
/// never begun, and the request is still owed one.
#[derive(Debug)]
#[must_use = "nothing is sent before `finish`"]
pub struct Answer<'x, 'c, S: Slots, T: Buf + ?Sized> {
    conn: &'x mut Connection<'c, S>,
    writer: Writer<'x, T>,
    to: Owed,
    code: Code,
}

/// A request of ours under way.
#[derive(Debug)]
#[must_use = "nothing is sent before `finish`"]
pub struct Request<'x, 'c, S: Slots, T: Buf + ?Sized> {
    conn: &'x mut Connection<'c, S>,
    writer: Writer<'x, T>,
    key: Key,
    deadline: Option<Instant>,
    now: Instant,
}

/// The cancellation of an observation of ours under way.
#[derive(Debug)]
#[must_use = "nothing is sent before `finish`"]
pub struct Deregistration<'x, 'c, S: Slots, T: Buf + ?Sized>(Request<'x, 'c, S, T>);

/// What there is to note about a request that has been written.
struct Sent<'x, S> {
    requests: &'x mut Requests<S>,
    deadline: Option<Instant>,
    observe: Option<u32>,
}

/// What an answer settles.
#[derive(Debug)]
enum Owed {
    Current { no_response: u8 },
    Later(Key),
    Observer(Key),
}

impl<'c, S: Slots> Connection<'c, S> {
    /// Begins a request. It may go before the peer's CSM has come, under base values (T-3.3-4), unless the
    /// configuration waits. An Observe option 0 in it makes an observation, if the peer agrees.
    pub fn request<'x, T: Buf + ?Sized>(
        &'x mut self,
        now: Instant,
        code: Code,
        tx: &'x mut T,
    ) -> Result<Request<'x, 'c, S, T>, SendError> {
        self.may_request()?;
        if self.requests.awaiting >= self.config.max_outstanding {
            return Err(SendError::TooMany);
        }
        let key = self.requests.vacant().ok_or(SendError::TooMany)?;
        self.begin_request(now, key, code, tx)
    }

    /// Begins the cancellation of an observation of ours: a request with the same token, in which the caller
    /// repeats the options of the registration, ETags apart, and writes Observe 1 (O-7.4-1).
    pub fn deregister<'x, T: Buf + ?Sized>(
        &'x mut self,
        now: Instant,
        id: RequestId,
        code: Code,
        tx: &'x mut T,
    ) -> Result<Deregistration<'x, 'c, S, T>, SendError> {
        self.may_request()?;
        match self.requests.get(id.0) {
            Some(Held::Ours { asked: Asked::Observe | Asked::Observing, .. }) => {
                self.begin_request(now, id.0, code, tx).map(Deregistration)
            }
            _ => Err(SendError::Gone),
        }
    }

    pub(super) fn may_request(&self) -> Result<(), SendError> {
        match self.state {
            State::Waiting => Err(SendError::NotReady),
            State::Starting if self.config.await_csm => Err(SendError::NotReady),
            State::Starting | State::Open => Ok(()),
            State::Releasing | State::Draining => Err(SendError::Releasing),
            State::Closing | State::Closed => Err(SendError::Closed),
        }
    }

    fn begin_request<'x, T: Buf + ?Sized>(
        &'x mut self,
        now: Instant,
        key: Key,
        code: Code,
        tx: &'x mut T,
    ) -> Result<Request<'x, 'c, S, T>, SendError> {
        let deadline = self.config.request_timeout.map(|timeout| now + timeout);
        let writer = Writer::new(tx, code, key.token(self.config.token_salt).as_slice())?;
        Ok(Request { conn: self, writer, key, deadline, now })
    }

    /// Begins the answer to the request whose event is being handled.
    pub fn respond<'x, T: Buf + ?Sized>(
        &'x mut self,
        to: &Incoming<'_>,
        code: Code,
        tx: &'x mut T,
    ) -> Result<Answer<'x, 'c, S, T>, SendError> {
        self.may_answer()?;
        if self.current == Current::None {
            return Err(SendError::Gone);
        }
        self.current = Current::Failed;
        let writer = Writer::new(tx, code, to.message.token)?;
        Ok(Answer { conn: self, writer, to: Owed::Current { no_response: to.no_response() }, code })
    }

    /// Answers what a [`Refusal`] says.
    pub fn refuse<T: Buf + ?Sized>(
        &mut self,
        to: &Incoming<'_>,
        refusal: Refusal,
        tx: &mut T,
    ) -> Result<(), SendError> {
        let mut answer = self.respond(to, refusal.code, tx)?;
        if let Some(option) = refusal.option {
            answer.payload(Decimal::new(option.0.into()).as_slice())?;
        }
        trace::refused(refusal.code);
        answer.finish()
    }

    /// Leaves the request unanswered that is being handled, at the peer's wish (No-Response) or at ours.
    pub fn ignore(&mut self, _: &Incoming<'_>) {
        self.current = Current::None;
    }

    /// Keeps the request that is being handled, to be answered by [`Connection::respond_later`]. At
    /// [`SendError::TooMany`] and [`SendError::TokenTooLong`], 5.03 is the answer to give now.
    pub fn defer(&mut self, to: &Incoming<'_>) -> Result<Ticket, SendError> {
        self.may_answer()?;
        if self.current == Current::None {
            return Err(SendError::Gone);
        }
        if self.requests.owed >= self.config.max_inbound {
            return Err(SendError::TooMany);
        }
        let token = Token::new(to.message.token).ok_or(SendError::TokenTooLong)?;
        let key = self.requests.vacant().ok_or(SendError::TooMany)?;
        self.requests.occupy(key, Held::Owed { token, no_response: to.no_response(), before_ping: false });
        self.current = Current::None;
        Ok(Ticket(key))
    }

    /// Begins the answer to a request that was deferred. [`SendError::Gone`] means that it is answered.
    pub fn respond_later<'x, T: Buf + ?Sized>(
        &'x mut self,
        to: &Ticket,
        code: Code,
        tx: &'x mut T,
    ) -> Result<Answer<'x, 'c, S, T>, SendError> {
        self.may_answer()?;
        let Some(&Held::Owed { token, .. }) = self.requests.get(to.0) else {
            return Err(SendError::Gone);
        };
        let writer = Writer::new(tx, code, token.as_slice())?;
        Ok(Answer { conn: self, writer, to: Owed::Later(to.0), code })
    }

    /// Adds the peer to the observers, under the token of the request that is being handled. It still wants
    /// its answer: with an empty Observe option in it, and before any notification.
    pub fn observe(&mut self, to: &Incoming<'_>) -> Result<Observer, SendError> {
        self.may_answer()?;
        if let Some(key) = self.requests.observer(to.message.token) {
            return Ok(Observer(key));
        }
        if self.requests.observers >= self.config.max_observers {
            return Err(SendError::TooMany);
        }
        let token = Token::new(to.message.token).ok_or(SendError::TokenTooLong)?;
        let key = self.requests.vacant().ok_or(SendError::TooMany)?;
        self.requests.occupy(key, Held::Observer { token });
        Ok(Observer(key))
    }

    /// Takes the peer off the observers without a word: for one whose registration was then not confirmed.
    pub fn unobserve(&mut self, observer: Observer) {
        if matches!(self.requests.get(observer.0), Some(Held::Observer { .. })) {
            self.requests.take(observer.0);
        }
    }

    /// Begins a notification: with an Observe option and 2.xx, or with another code, which ends the
    /// observation (O-4.2-1).
    pub fn notify<'x, T: Buf + ?Sized>(
        &'x mut self,
        to: Observer,
        code: Code,
        tx: &'x mut T,
    ) -> Result<Answer<'x, 'c, S, T>, SendError> {
        self.may_answer()?;
        let Some(&Held::Observer { token }) = self.requests.get(to.0) else {
            return Err(SendError::Gone);
        };
        let writer = Writer::new(tx, code, token.as_slice())?;
        Ok(Answer { conn: self, writer, to: Owed::Observer(to.0), code })
    }

    pub(super) fn may_answer(&self) -> Result<(), SendError> {
        match self.state.listens() {
            true => Ok(()),
            false => Err(SendError::Closed),
        }
    }

    /// Sees to it that the request just handled is not met with silence: 5.01 if nobody touched it
    /// (T-3.3-11), 5.00 if an answer was begun and came to nothing. Tells which of the two.
    pub fn settle<T: Buf + ?Sized>(&mut self, token: &[u8], tx: &mut T) -> Option<Settled> {
        let (settled, code) = match core::mem::replace(&mut self.current, Current::None) {
            Current::None => return None,
            _ if !self.state.listens() => return None,
            Current::Untouched => (Settled::Unserved, Code::NOT_IMPLEMENTED),
            Current::Failed => (Settled::AnswerFailed, Code::INTERNAL_SERVER_ERROR),
        };
        if Writer::new(tx, code, token).map(Writer::finish).is_err() {
            // `admits` has kept room for this. Who gave it away to something else owes the peer an answer
            // that can no longer be given.
            self.fail(Closed::OutOfMemory, tx);
            return None;
        }
        self.health.unsent = true;
        Some(settled)
    }

    pub(super) fn say_too_large<T: Buf + ?Sized>(
        &mut self,
        token: &[u8],
        tx: &mut T,
    ) -> Result<(), WriteError> {
        let mut writer = Writer::new(tx, Code::REQUEST_ENTITY_TOO_LARGE, token)?;
        writer.uint(OptionNumber::SIZE1, self.config.max_message_size)?;
        writer.finish();
        self.health.unsent = true;
        Ok(())
    }

    /// T-5.3.1-3: nothing leaves that the peer does not take. What is over the base value has to wait until
    /// its CSM says more (T-3.3-4).
    pub(super) fn check_size<T: Buf + ?Sized>(&self, writer: &Writer<'_, T>) -> Result<(), SendError> {
        let limit = self.peer.max_message_size;
        match writer.extent().1 as u64 > limit.into() {
            true if self.state == State::Starting => Err(SendError::NotReady),
            true => Err(SendError::TooLarge { limit }),
            false => Ok(()),
        }
    }

    /// F-3: what we say unasked fills half of `tx`, the rest is kept for answers. The only one of its kind
    /// there may be longer, as long as one answer still fits.
    fn check_share<T: Buf + ?Sized>(&self, writer: &Writer<'_, T>) -> Result<(), SendError> {
        let (start, size) = writer.extent();
        let share = writer.capacity().min(self.config.tx_limit as usize) / 2;
        let beside_answer = writer.capacity().saturating_sub(self.config.room_for_answer());
        let alone = !self.health.unasked && start + size <= beside_answer;
        match start {
            _ if start + size <= share || alone => Ok(()),
            // No flush can make room for it.
            0 if !self.health.unasked => Err(SendError::TooLarge {
                limit: u32::try_from(share.max(beside_answer)).unwrap_or(u32::MAX),
            }),
            _ => Err(SendError::Full),
        }
    }
}

impl<S: Slots, T: Buf + ?Sized> Answer<'_, '_, S, T> {
    /// The code it was begun with.
    pub const fn code(&self) -> Code {
        self.code
    }

    /// Takes back all that was written, to give another answer instead.
    pub fn restart(&mut self, code: Code) {
        self.code = code;
        self.writer.restart(code);
    }

    /// Changes the code, and nothing else.
    #[cfg(feature = "coap-message")]
    pub(crate) fn set_code(&mut self, code: Code) {
        self.code = code;
        self.writer.set_code(code);
    }

    /// The largest that it may be for the peer (T-5.3.1-3).
    #[cfg(feature = "coap-message")]
    pub(crate) const fn limit(&self) -> usize {
        self.conn.peer.max_message_size as usize
    }

    /// Sends it, and settles what it answers. An error changes nothing: [`SendError::TooLarge`] asks for a
    /// smaller answer, [`SendError::Full`] for a later one.
    pub fn finish(self) -> Result<(), SendError> {
        let Self { conn, writer, to, code } = self;
        let no_response = match &to {
            Owed::Current { no_response } => *no_response,
            Owed::Later(key) => match conn.requests.get(*key) {
                Some(Held::Owed { no_response, .. }) => *no_response,
                _ => return Err(SendError::Gone),
            },
            Owed::Observer(_) => 0,
        };
        conn.check_size(&writer)?;
        if let Owed::Observer(_) = to {
            conn.check_share(&writer)?;
            conn.health.unasked = true;
        }
        // C-258-1: bit n of No-Response stands for class n + 1. An answer left out counts as given.
        if no_response >> (code.0 >> 5).saturating_sub(1) & 1 == 0 {
            writer.finish();
            conn.health.unsent = true;
        }
        match to {
            Owed::Current { .. } => conn.current = Current::None,
            Owed::Later(key) => drop(conn.requests.take(key)),
            Owed::Observer(_) if code.is_success() => {}
            Owed::Observer(key) => drop(conn.requests.take(key)),
        }
        Ok(())
    }
}

impl<'x, S: Slots, T: Buf + ?Sized> Request<'x, '_, S, T> {
    /// A deadline of its own instead of the configured one; `None` waits as long as the connection lives.
    pub fn within(mut self, timeout: Option<Duration>) -> Self {
        self.deadline = timeout.map(|timeout| self.now + timeout);
        self
    }

    /// Sends it. The tag comes back with the answer, or with the end of waiting for it.
    pub fn finish(self, tag: S::Tag) -> Result<RequestId, SendError> {
        let key = self.key;
        let Sent { requests, deadline, observe } = self.send()?;
        let asked = if observe == Some(0) { Asked::Observe } else { Asked::Once };
        requests.occupy(key, Held::Ours { tag, deadline, asked });
        Ok(RequestId(key))
    }

    fn send(self) -> Result<Sent<'x, S>, SendError> {
        let Self { conn, writer, deadline, .. } = self;
        conn.check_size(&writer)?;
        conn.check_share(&writer)?;
        let observe = writer.written().find(|&(n, _)| n == OptionNumber::OBSERVE);
        let observe = observe.and_then(|(_, value)| uint(value));
        writer.finish();
        conn.health.unsent = true;
        conn.health.unasked = true;
        Ok(Sent { requests: &mut conn.requests, deadline, observe })
    }
}

impl<S: Slots, T: Buf + ?Sized> Deregistration<'_, '_, S, T> {
    /// Sends it. Notifications from before it are dropped from now on; the answer brings the tag back.
    pub fn finish(self) -> Result<(), SendError> {
        let key = self.0.key;
        let Sent { requests, deadline, .. } = self.0.send()?;
        requests.set_asked(key, Asked::Cancelling, deadline);
        Ok(())
    }
}

macro_rules! writes {
    ($type:ident, $($field:tt)+) => {
        impl<'x, S: Slots, T: Buf + ?Sized> Deref for $type<'x, '_, S, T> {
            type Target = Writer<'x, T>;

            fn deref(&self) -> &Self::Target {
                &self.$($field)+
            }
        }

        impl<S: Slots, T: Buf + ?Sized> DerefMut for $type<'_, '_, S, T> {
            fn deref_mut(&mut self) -> &mut Self::Target {
                &mut self.$($field)+
            }
        }
    };
}

writes!(Answer, writer);
writes!(Request, writer);
writes!(Deregistration, 0.writer);
