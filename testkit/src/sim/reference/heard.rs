//! What must come of what is heard.

use coap_numbers::{code, option};
use coap_tcp_core::{Closed, Instant, Settled, State};

use super::{Due, Reference, Stage, Theirs, can_observe, has, uint};
use crate::model::Plain;

impl Reference {
    /// A message of the peer's, `size` bytes long: what must come of it.
    pub fn hear(&mut self, now: Instant, message: &Plain, size: usize) -> Due {
        assert!(self.listens(), "law 5: {message} is heard in {:?}", self.state);
        self.check_answered();
        // What was held back is a sign of life once it is taken.
        self.received = now;
        if self.state == State::Waiting && message.code != code::ABORT {
            // Our CSM goes out at once (T-3.3-3).
            self.state = State::Starting;
        }
        assert!(
            self.state != State::Starting || matches!(message.code, code::CSM | code::ABORT),
            "T-3.3-1: {message} comes before the CSM"
        );
        let large = size > self.rules.max_message_size as usize;
        match (message.code >> 5, message.code) {
            (0, code::EMPTY) => Due::Settled(Settled::Empty),
            (0, _) if large => {
                self.current = Some(Theirs::of(message, false));
                Due::Settled(Settled::TooLarge)
            }
            (0, _) => self.hear_request(message),
            (2 | 4 | 5, _) => self.hear_response(message, large),
            (_, code::CSM) => self.hear_csm(message),
            (_, code::PING) => self.hear_ping(now, message),
            (_, code::PONG) => self.hear_pong(message),
            (_, code::RELEASE) if self.state == State::Draining => Due::Settled(Settled::ReleasedAgain),
            (_, code::RELEASE) => {
                self.drain(now, Closed::Released);
                Due::Released
            }
            (_, code::ABORT) => {
                self.end(State::Closed, Closed::Aborted { bad_csm_option: None });
                Due::Aborted
            }
            _ => panic!("nobody says {message}"),
        }
    }

    fn hear_csm(&mut self, message: &Plain) -> Due {
        if let Some(size) = uint(message, 2) {
            self.peer.max_message_size = size;
        }
        self.peer.block_wise |= has(message, 4);
        if let Some(length) = uint(message, 6) {
            self.peer.token_length = length;
        }
        if self.state == State::Starting {
            (self.state, self.until) = (State::Open, None);
        }
        Due::Ready(self.peer)
    }

    fn hear_request(&mut self, message: &Plain) -> Due {
        let observe = uint(message, option::OBSERVE).filter(|_| can_observe(message.code));
        if matches!(observe, Some(0 | 1)) {
            self.observers.remove(&message.token);
        }
        self.current = Some(Theirs::of(message, observe == Some(0)));
        Due::Request
    }

    /// The application has handled the request, and means to answer it later.
    pub fn deferred(&mut self) {
        if self.owed.len() < self.rules.max_inbound.into() {
            self.owed.extend(self.current.take());
        }
    }

    fn hear_response(&mut self, message: &Plain, large: bool) -> Due {
        let Some(ours) = self.ours.get_mut(&message.token) else {
            return if large { Due::Settled(Settled::TooLargeUnmatched) } else { Due::Unmatched };
        };
        let tag = ours.tag;
        let observes = message.code >> 5 == 2 && has(message, option::OBSERVE);
        match ours.stage {
            _ if large => {
                self.abandon(&message.token.clone());
                Due::Failed(tag)
            }
            Stage::Cancelling if observes => Due::Settled(Settled::AfterCancel),
            Stage::Registering | Stage::Observing if observes => {
                (ours.stage, ours.until) = (Stage::Observing, None);
                Due::Response { tag, last: false }
            }
            _ => {
                self.ours.remove(&message.token);
                Due::Response { tag, last: true }
            }
        }
    }

    fn hear_ping(&mut self, now: Instant, message: &Plain) -> Due {
        let custody = has(message, 2) && self.rules.custody && self.held.is_none();
        let owes = !self.owed.is_empty() || !self.consent;
        if custody && owes {
            self.held = Some((message.token.clone(), now));
            self.owed.iter_mut().for_each(|theirs| theirs.before_ping = true);
            return Due::Settled(Settled::CustodyHeld);
        }
        self.pongs.push_back((message.token.clone(), custody));
        Due::Settled(Settled::Ping)
    }

    fn hear_pong(&mut self, message: &Plain) -> Due {
        if self.custody_ping.as_ref().is_some_and(|(token, _)| *token == message.token) {
            self.custody_ping = None;
            let awaits =
                |token: &Vec<u8>| self.ours.get(token).is_some_and(|ours| ours.stage != Stage::Observing);
            let true_claim = !has(message, 2) || !self.before_ping.iter().any(awaits);
            assert!(true_claim, "T-5.4.1-1: {message} claims what is not true");
            return Due::Pong { custody: has(message, 2) };
        }
        if message.token.is_empty() && self.ping.take().is_some() {
            return Due::Pong { custody: false };
        }
        Due::Settled(Settled::StrayPong)
    }

    /// The peer's stream has ended, in the middle of a message or not. `unsent`: something waits to be sent.
    pub fn hear_end(&mut self, now: Instant, in_message: bool, unsent: bool) {
        self.eof = true;
        match self.state {
            State::Closed => {}
            State::Closing if unsent => {}
            State::Closing => self.state = State::Closed,
            _ if in_message => self.end(State::Closed, Closed::EofInMessage),
            State::Waiting | State::Starting => self.end(State::Closed, Closed::Eof),
            _ => self.drain(now, Closed::Eof),
        }
    }
}

impl Theirs {
    fn of(message: &Plain, observes: bool) -> Self {
        Self { token: message.token.clone(), observes, before_ping: false }
    }
}
