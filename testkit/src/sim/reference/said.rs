//! What may be said.

use coap_numbers::{code, option};
use coap_tcp_core::{Closed, Instant, State};

use super::{HOLD, Ours, RELEASE, REQUEST, Reference, Stage, can_observe, has, uint};
use crate::model::Plain;

impl Reference {
    /// We say something, `size` bytes long; `asks` gives the tag of a request. Panics where it may not be
    /// said.
    pub fn say(&mut self, now: Instant, message: &Plain, size: usize, mut asks: impl FnMut() -> u32) {
        assert!(self.listens() && !self.said_abort, "law 5: {message} is said in {:?}", self.state);
        assert!(self.said_csm || message.code == code::CSM, "T-3.3-1: {message} is our first word");
        let limit = self.peer.max_message_size;
        assert!(size <= limit as usize, "T-5.3.1-3: {message} has {size} bytes, the peer takes {limit}");
        match (message.code >> 5, message.code) {
            (0, code::EMPTY) => assert_eq!(size, 2, "T-3.4-2: {message}"),
            (0, _) => self.say_request(now, message, &mut asks),
            (2 | 4 | 5, _) => self.say_response(message),
            (_, code::CSM) => self.say_csm(),
            (_, code::PING) => self.say_ping(now, message),
            (_, code::PONG) => self.say_pong(now, message),
            (_, code::RELEASE) => {
                assert_eq!(self.state, State::Open, "T-5.5-4: a Release");
                (self.state, self.until) = (State::Releasing, Some(now + RELEASE));
                self.why.get_or_insert(Closed::Local);
            }
            (_, code::ABORT) => self.said_abort = true,
            _ => panic!("we said {message}"),
        }
    }

    fn say_csm(&mut self) {
        if std::mem::replace(&mut self.said_csm, true) {
            assert!(self.extra_csms > 0, "a second CSM");
            self.extra_csms -= 1;
        } else if self.state == State::Waiting {
            self.state = State::Starting;
        }
    }

    fn say_request(&mut self, now: Instant, message: &Plain, asks: &mut impl FnMut() -> u32) {
        assert!(message.token.len() <= 8, "X-2.2-4: {message}");
        let until = Some(now + REQUEST);
        if let Some(ours) = self.ours.get_mut(&message.token) {
            let cancels = uint(message, option::OBSERVE) == Some(1);
            let observes = matches!(ours.stage, Stage::Registering | Stage::Observing);
            assert!(cancels && observes, "C-5.3.1-2: {message} takes a token in use");
            assert!(matches!(self.state, State::Starting | State::Open), "T-5.5-4: {message}");
            (ours.stage, ours.until) = (Stage::Cancelling, until);
            return;
        }
        assert_eq!(self.may_request(), Ok(()), "{message}");
        assert!(self.used.insert(message.token.clone()), "E-4.2-1: {message} takes a token again");
        let registers = can_observe(message.code) && uint(message, option::OBSERVE) == Some(0);
        let stage = if registers { Stage::Registering } else { Stage::Once };
        self.ours.insert(message.token.clone(), Ours { tag: asks(), until, stage });
    }

    fn say_response(&mut self, message: &Plain) {
        let (token, observes) = (&message.token, has(message, option::OBSERVE));
        if let Some(theirs) = self.current.take_if(|theirs| theirs.token == *token) {
            self.answered = Some(message.code);
            assert!(!observes || theirs.observes, "O-3.1-1: {message} was not asked to observe");
            if observes {
                self.observers.insert(token.clone());
                let most = self.rules.max_observers.into();
                assert!(self.observers.len() <= most, "{} observers", self.observers.len());
            }
        } else if let Some(at) = self.owed.iter().position(|theirs| theirs.token == *token) {
            self.owed.remove(at);
        } else {
            assert!(self.observers.contains(token), "{message} answers nothing");
            assert_eq!(observes, message.code >> 5 == 2, "O-4.2-1: {message}");
            if !observes {
                self.observers.remove(token);
            }
        }
    }

    fn say_ping(&mut self, now: Instant, message: &Plain) {
        let custody = has(message, 2);
        assert_eq!(self.may_ping(custody), Ok(()), "{message}");
        match custody {
            true => {
                self.custody_ping = Some((message.token.clone(), now));
                self.before_ping = self.ours.keys().cloned().collect();
            }
            false => self.ping = Some(now),
        }
    }

    fn say_pong(&mut self, now: Instant, message: &Plain) {
        let custody = has(message, 2);
        if self.pongs.front().is_some_and(|pong| *pong == (message.token.clone(), custody)) {
            self.pongs.pop_front();
            return;
        }
        let Some((token, since)) = self.held.take() else {
            panic!("{message} answers no Ping");
        };
        assert_eq!(token, message.token, "T-5.4-2: {message}");
        match custody {
            true => assert!(self.may_grant(), "T-5.4.1-5: {message} claims what is not true"),
            false => assert!(now >= since + HOLD, "T-5.4.1-5: {message} is too soon"),
        }
    }

    pub(super) fn may_grant(&self) -> bool {
        self.consent && !self.owed.iter().any(|theirs| theirs.before_ping)
    }
}
