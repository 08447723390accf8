//! Inputs that are bytes: one frame in, one event out.

use super::state::{Input, State};
use super::{Connection, Current, SMALLEST_MESSAGE_SIZE};
use crate::buf::Buf;
use crate::deframe::StreamError;
use crate::error::{Closed, Violation};
use crate::event::{Event, Failure, Incoming, Settings, Settled, Tagged};
use crate::keep_alive::Rung;
use crate::requests::{Asked, Held, Key, Observer, RequestId, Slots};
use crate::time::Instant;
use crate::wire::signal::has_custody;
use crate::wire::{Class, Code, Csm, Head, Message, OptionNumber, Token, abort, release};

impl<S: Slots> Connection<'_, S> {
    /// Whether a message with this code is taken now. Requests and Pings wait for room in `tx`; what needs no
    /// answer never does (F-14).
    pub fn admits<T: Buf + ?Sized>(&self, code: Code, tx: &T) -> bool {
        let wants_answer = code.is_request() || code == Code::PING;
        !wants_answer || !self.state.listens() || self.room_in(tx) >= self.config.room_for_answer()
    }

    /// Bytes until `tx` is as full as it may get.
    pub(super) fn room_in<T: Buf + ?Sized>(&self, tx: &T) -> usize {
        tx.room().min((self.config.tx_limit as usize).saturating_sub(tx.as_slice().len()))
    }

    /// Takes one whole frame. An error is the end: where the peer is to be told, an Abort is in `tx`.
    ///
    /// After [`Event::Request`] has been handled, call [`Connection::settle`].
    pub fn handle_frame<'f, T: Buf + ?Sized>(
        &mut self,
        now: Instant,
        frame: &'f [u8],
        tx: &mut T,
    ) -> Result<Event<'f, S::Tag>, Closed> {
        self.health.received = now;
        if !self.state.listens() {
            return Ok(Event::Settled(Settled::AfterEnd));
        }
        let event = self.judge(now, frame, tx);
        self.break_silence();
        event.map_err(|why| self.fail(why, tx))
    }

    /// A whole message has come: what was unanswered until now says nothing about the path any more.
    const fn break_silence(&mut self) {
        self.health.silence = Rung::NONE;
        self.requests.unanswered = false;
    }

    fn judge<'f, T: Buf + ?Sized>(
        &mut self,
        now: Instant,
        frame: &'f [u8],
        tx: &mut T,
    ) -> Result<Event<'f, S::Tag>, Closed> {
        let head = Head::of(frame)?;
        self.check(head.code, head.token, tx)?;
        let message = Message::with_head(frame, &head)?;
        match message.code.class() {
            Class::Empty => self.on_empty(&message),
            Class::Request => Ok(self.on_request(message)),
            Class::Success | Class::ClientError | Class::ServerError => Ok(self.on_response(message)),
            Class::Signal => self.on_signal(now, message, tx),
            Class::Reserved if self.config.tolerance.reserved_class => {
                Ok(Event::Settled(Settled::ReservedClass(message.code)))
            }
            Class::Reserved => Err(Violation::ReservedClass.into()),
        }
    }

    /// What the head alone tells: whether such a message may come now (T-3.3-6), and whether its token is one
    /// that we have agreed to (X-2.2-1, D-A-1). Once a message may come, our CSM goes before whatever it
    /// makes us say.
    fn check<T: Buf + ?Sized>(&mut self, code: Code, token: usize, tx: &mut T) -> Result<(), Closed> {
        let input = match code {
            Code::CSM => Input::Csm,
            // An Abort may also be the answer to our CSM, before any of the peer's; and is never answered.
            Code::ABORT => Input::Gone,
            _ if self.config.tolerance.late_csm => Input::EarlyMessage,
            _ => Input::Message,
        };
        self.state.next(input)?;
        if (code.is_request() || code.is_signal()) && token > self.config.longest_token() {
            return Err(Violation::TokenTooLong.into());
        }
        if self.state == State::Waiting && code != Code::ABORT {
            self.say_csm(tx).map_err(|_| Closed::OutOfMemory)?;
        }
        Ok(())
    }

    /// C.2: cumulative, and all or nothing.
    fn on_csm<'f>(&mut self, message: &Message<'f>) -> Result<Event<'f, S::Tag>, Closed> {
        let bad = |number: OptionNumber| Violation::BadCsmOption(number.0);
        let csm = Csm::read(message, self.config.tolerance.bad_csm_value).map_err(bad)?;
        let Settings { max_message_size, block_wise, token_length } = self.peer;
        let peer = Settings {
            max_message_size: csm.max_message_size.unwrap_or(max_message_size),
            block_wise: csm.block_wise || block_wise,
            token_length: csm.extended_token_length.unwrap_or(token_length),
        };
        if peer.max_message_size < SMALLEST_MESSAGE_SIZE {
            return Err(bad(crate::wire::csm::MAX_MESSAGE_SIZE).into());
        }
        self.peer = peer;
        self.step(Input::Csm, None);
        Ok(Event::Ready(peer))
    }

    fn on_empty<'f>(&mut self, message: &Message<'_>) -> Result<Event<'f, S::Tag>, Closed> {
        let plain =
            message.token.is_empty() && message.payload.is_empty() && message.options().next().is_none();
        match plain {
            true => Ok(Event::Settled(Settled::Empty)),
            false if self.config.tolerance.filled_empty => Ok(Event::Settled(Settled::FilledEmpty)),
            false => Err(Violation::FilledEmpty.into()),
        }
    }

    fn on_request<'f>(&mut self, message: Message<'f>) -> Event<'f, S::Tag> {
        self.current = Current::Untouched;
        Event::Request(Incoming { message, ended: self.end_observation(&message) })
    }

    /// An Observe option in a request ends the observation of the same token: by cancelling it, or because
    /// the new one takes its place (O-3.1-1, O-7.4-1, D-E-2). Other methods do not know the option (C-5.4-1).
    fn end_observation(&mut self, message: &Message<'_>) -> Option<Observer> {
        let observed = self.requests.observers > 0 && message.code.can_observe();
        if !observed || !matches!(message.observe(), Some(0 | 1)) {
            return None;
        }
        let key = self.requests.observer(message.token)?;
        self.requests.take(key)?;
        Some(Observer(key))
    }

    fn on_response<'f>(&mut self, message: Message<'f>) -> Event<'f, S::Tag> {
        let Some((key, asked)) = self.find_ours(message.token) else {
            return Event::Unmatched(message);
        };
        let id = RequestId(key);
        let observes = message.code.is_success() && message.observe().is_some();
        if asked == Asked::Cancelling && observes {
            return Event::Settled(Settled::AfterCancel);
        }
        if let Some(option) = message.unknown_critical(self.config.known_in_responses) {
            return self.failed(key, Failure::BadOption(option)).unwrap_or(Event::Unmatched(message));
        }
        if observes && asked != Asked::Once {
            self.requests.set_asked(key, Asked::Observing, None);
            return Event::Response { id, tag: Tagged::More, message };
        }
        match self.requests.take_tag(key) {
            Some(tag) => Event::Response { id, tag: Tagged::Last(tag), message },
            None => Event::Unmatched(message),
        }
    }

    fn find_ours(&self, token: &[u8]) -> Option<(Key, Asked)> {
        let key = Key::from_token(token, self.config.token_salt)?;
        match self.requests.get(key)? {
            Held::Ours { asked, .. } => Some((key, *asked)),
            _ => None,
        }
    }

    fn failed<'f>(&mut self, key: Key, why: Failure) -> Option<Event<'f, S::Tag>> {
        let tag = self.requests.take_tag(key)?;
        Some(Event::Failed { id: RequestId(key), tag, why })
    }

    fn on_signal<'f, T: Buf + ?Sized>(
        &mut self,
        now: Instant,
        message: Message<'f>,
        tx: &mut T,
    ) -> Result<Event<'f, S::Tag>, Closed> {
        // Every signaling option that is known is elective, so a critical one is unknown (T-5.2-2). A CSM names
        // it in the Abort; in an Abort it changes nothing (T-5.6-6).
        let critical = message.options().map(|(number, _)| number).find(|number| number.is_critical());
        match (message.code, critical) {
            (Code::CSM, _) => self.on_csm(&message),
            (Code::ABORT, _) => Ok(self.on_abort(message)),
            (_, Some(number)) => Err(Violation::CriticalSignalOption(number.0).into()),
            (Code::PING, None) => Ok(self.on_ping(now, &message, tx)),
            (Code::PONG, None) => Ok(self.on_pong(now, &message)),
            (Code::RELEASE, None) => Ok(self.on_release(now, message)),
            (code, None) => Ok(Event::Settled(Settled::UnknownSignal(code))),
        }
    }

    /// D.4: never answered.
    fn on_abort<'f>(&mut self, message: Message<'f>) -> Event<'f, S::Tag> {
        self.end(Input::Gone, Closed::Aborted { bad_csm_option: abort::bad_csm_option(&message) });
        Event::Aborted(message)
    }

    /// D.1, D.2: a Pong at once, unless Custody is asked for and something older is still owed.
    fn on_ping<'f, T: Buf + ?Sized>(
        &mut self,
        now: Instant,
        message: &Message<'_>,
        tx: &mut T,
    ) -> Event<'f, S::Tag> {
        let custody = has_custody(message) && self.config.custody && self.health.hold_until.is_none();
        let owes = self.requests.owed > 0 || !self.consent;
        if custody && owes && self.hold_pong(now, message.token) {
            return Event::Settled(Settled::CustodyHeld);
        }
        match self.say_pong(message.token, custody && !owes, tx) {
            Ok(()) => Event::Settled(Settled::Ping),
            Err(_) => Event::Settled(Settled::PongDropped),
        }
    }

    /// A Pong that cannot be held goes without Custody, which is legal as well (T-5.4.1-4).
    fn hold_pong(&mut self, now: Instant, token: &[u8]) -> bool {
        let (Some(token), Some(key)) = (Token::new(token), self.requests.vacant()) else {
            return false;
        };
        self.requests.mark_before_ping();
        self.requests.occupy(key, Held::Pong { token });
        self.health.hold_until = Some(now + self.config.custody_hold);
        true
    }

    fn on_pong<'f>(&mut self, now: Instant, message: &Message<'_>) -> Event<'f, S::Tag> {
        let key = Key::from_token(message.token, self.config.token_salt);
        if let Some((sent, key)) = self.requests.custody_ping().filter(|&(_, ours)| key == Some(ours)) {
            self.requests.take(key);
            self.health.learn_from_pong(self.config);
            return Event::Pong { custody: has_custody(message), after: now.duration_since(sent) };
        }
        match self.health.ping.take_if(|_| message.token.is_empty()) {
            Some(sent) => {
                self.health.learn_from_pong(self.config);
                Event::Pong { custody: false, after: now.duration_since(sent) }
            }
            None => Event::Settled(Settled::StrayPong),
        }
    }

    /// D.3: what is owed is still answered, for a while.
    fn on_release<'f>(&mut self, now: Instant, message: Message<'f>) -> Event<'f, S::Tag> {
        if self.state == State::Draining {
            return Event::Settled(Settled::ReleasedAgain);
        }
        self.drain(now, Input::PeerReleases, Closed::Released);
        Event::Released { hold_off: release::hold_off(&message), message }
    }

    /// The peer will close, or has: answer what is owed, then end.
    pub(super) fn drain(&mut self, now: Instant, input: Input, why: Closed) {
        self.closed.get_or_insert(why);
        self.step(input, Some(now + self.config.drain_timeout));
    }

    /// A message over our limit, of which only the head came; the cutter passes over the rest (D-C-3, D-C-5).
    pub fn handle_oversized<'f, T: Buf + ?Sized>(
        &mut self,
        now: Instant,
        head: &Head,
        token: &[u8],
        tx: &mut T,
    ) -> Result<Event<'f, S::Tag>, Closed> {
        self.health.received = now;
        if !self.state.listens() {
            return Ok(Event::Settled(Settled::AfterEnd));
        }
        self.break_silence();
        self.judge_oversized(head, token, tx).map_err(|why| self.fail(why, tx))
    }

    fn judge_oversized<'f, T: Buf + ?Sized>(
        &mut self,
        head: &Head,
        token: &[u8],
        tx: &mut T,
    ) -> Result<Event<'f, S::Tag>, Closed> {
        self.check(head.code, head.token, tx)?;
        match head.code.class() {
            Class::Request => match self.say_too_large(token, tx) {
                Ok(()) => Ok(Event::Settled(Settled::TooLarge)),
                Err(_) => Err(Violation::TooLarge.into()),
            },
            Class::Success | Class::ClientError | Class::ServerError => {
                let failed = self.find_ours(token).and_then(|(key, _)| self.failed(key, Failure::TooLarge));
                Ok(failed.unwrap_or(Event::Settled(Settled::TooLargeUnmatched)))
            }
            Class::Empty | Class::Signal | Class::Reserved => Err(Violation::TooLarge.into()),
        }
    }

    /// The cutter can go no further.
    pub fn handle_stream_error<T: Buf + ?Sized>(&mut self, error: StreamError, tx: &mut T) -> Closed {
        let why = match error {
            StreamError::Malformed(malformed) => malformed.into(),
            StreamError::TooLarge => Violation::TooLarge.into(),
            StreamError::Full => Closed::OutOfMemory,
        };
        self.fail(why, tx)
    }
}
