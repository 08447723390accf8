//! Inputs that are no bytes: time, bytes that have left, the end of the stream; and what follows from them.

use super::Connection;
use super::health::{Soonest, Why, after};
use super::state::{Input, State};
use crate::buf::Buf;
use crate::error::Closed;
use crate::event::Expired;
use crate::keep_alive::{KeepAlive, Rung};
use crate::requests::{RequestId, Slots};
use crate::time::Instant;

/// What the transport should do once `tx` is as the adapter sees it.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shutdown {
    /// Go on.
    No,
    /// Flush `tx`, end our direction of the stream, and go on reading until the end or the deadline (D-D-2).
    AfterFlush,
    /// Drop the transport.
    Now,
}

impl<S: Slots> Connection<'_, S> {
    /// The next moment at which something is due, and what. Early and late calls of
    /// [`Connection::handle_timeout`] are harmless. What only waits for room in `tx` is not among these
    /// (F-2): call it after each flush, too.
    pub fn poll_timeout(&self) -> Option<(Instant, Why)> {
        let Self { config, health, requests, .. } = self;
        let mut due = Soonest::NONE;
        if self.state == State::Closed {
            return None;
        }
        due.add(self.until, self.why_until());
        due.add(after(health.waiting.then_some(health.sent), config.write_timeout), Why::Write);
        // Where a Ping goes unanswered nobody reads the last words either.
        due.add(after(health.ping, config.ping_timeout), Why::Pong);
        if self.state == State::Closing {
            return due.get();
        }
        due.add(
            after(requests.custody_ping().map(|(sent, _)| sent), config.custody_timeout),
            Why::CustodyPong,
        );
        if !health.unsent {
            due.add(health.hold_until, Why::CustodyHold);
        }
        due.add(requests.next_deadline().map(|(at, _)| at), Why::Request);
        if self.state == State::Open {
            due.add(health.keep_alive_due(config), Why::KeepAlive);
            if self.is_idle() {
                due.add(config.idle_timeout.map(|after| health.idle_due(after)), Why::Idle);
            }
        }
        due.get()
    }

    /// Does what is due, one thing a call. Call until `None`.
    pub fn handle_timeout<T: Buf + ?Sized>(&mut self, now: Instant, tx: &mut T) -> Option<Expired<S::Tag>> {
        self.grant_custody(tx);
        loop {
            let (_, why) = self.poll_timeout().filter(|&(at, _)| at <= now)?;
            let expired = self.expire(now, why, tx);
            if expired.is_some() {
                return expired;
            }
        }
    }

    /// Does one thing that is due. Either way it is then due no longer: `None` is for what came to nothing.
    fn expire<T: Buf + ?Sized>(&mut self, now: Instant, why: Why, tx: &mut T) -> Option<Expired<S::Tag>> {
        match why {
            Why::Request => self.expire_request(),
            Why::KeepAlive => self.say_keep_alive(now, tx),
            Why::Pong => self.miss_pong(),
            Why::CustodyPong => {
                let (_, key) = self.requests.custody_ping()?;
                self.requests.take(key).map(|_| Expired::CustodyRefused)
            }
            Why::CustodyHold => self.give_up_custody(tx),
            Why::Csm if self.config.tolerance.missing_csm => Some(self.assume_csm(tx)),
            Why::Csm => Some(Expired::Closed(self.fail(Closed::CsmTimeout, tx))),
            Why::Frame => Some(Expired::Closed(self.fail(Closed::FrameTimeout, tx))),
            Why::Idle => Some(Expired::Closed(self.end(Input::Stop, Closed::Idle))),
            Why::Write => Some(Expired::Closed(self.end(Input::Gone, Closed::WriteTimeout))),
            Why::Release => Some(Expired::Closed(self.end(Input::Stop, Closed::ReleaseTimeout))),
            Why::Drain => Some(Expired::Closed(self.end(Input::Stop, Closed::DrainTimeout))),
            Why::Linger => Some(Expired::Closed(self.end(Input::Gone, Closed::Local))),
        }
    }

    /// Bytes have left `tx`, or could not: `n` went, `left` remain. To be said once a turn, after the flush.
    pub fn sent(&mut self, now: Instant, n: usize, left: usize) {
        self.health.sent(now, n, left);
        if left > 0 || self.shutdown() != Shutdown::AfterFlush {
            return;
        }
        self.end(Input::Stop, self.closed.unwrap_or(Closed::Local));
        if self.eof {
            self.step(Input::Gone, None);
        } else {
            self.until.get_or_insert(now + self.config.linger);
        }
    }

    /// Bytes have come that are no whole frame yet: a sign of life all the same (T-5.4-6).
    pub(crate) const fn heard(&mut self, now: Instant) {
        self.health.received = now;
    }

    /// The peer has ended its stream, `in_frame` of a message or between two (T-D5-3). What is owed is still
    /// answered; our own requests can no longer be.
    pub fn handle_eof(&mut self, now: Instant, in_frame: bool) {
        self.eof = true;
        if in_frame && self.state.listens() {
            self.end(Input::Gone, Closed::EofInMessage);
            return;
        }
        self.drain(now, Input::Eof, Closed::Eof);
        if self.state == State::Closing && !self.health.unsent {
            self.step(Input::Gone, None);
        }
    }

    /// What the transport should do. Ask after each turn.
    pub fn shutdown(&self) -> Shutdown {
        let answered = self.requests.owed == 0 && self.health.hold_until.is_none();
        let answered = answered && (self.eof || self.requests.awaiting == 0);
        match self.state {
            State::Closed => Shutdown::Now,
            State::Closing => Shutdown::AfterFlush,
            State::Draining if answered => Shutdown::AfterFlush,
            _ => Shutdown::No,
        }
    }

    /// Nothing under way in either direction, nothing observed.
    const fn is_idle(&self) -> bool {
        let requests = &self.requests;
        requests.ours == 0 && requests.owed == 0 && requests.observers == 0 && !self.health.unsent
    }

    /// Which deadline [`Connection::until`](Self) is.
    const fn why_until(&self) -> Why {
        match self.state {
            State::Waiting | State::Starting | State::Open => Why::Csm,
            State::Releasing => Why::Release,
            State::Draining => Why::Drain,
            State::Closing | State::Closed => Why::Linger,
        }
    }

    fn expire_request(&mut self) -> Option<Expired<S::Tag>> {
        let (_, key) = self.requests.next_deadline()?;
        self.requests.unanswered = true;
        self.requests.take_tag(key).map(|tag| Expired::Request(RequestId(key), tag))
    }

    fn say_keep_alive<T: Buf + ?Sized>(&mut self, now: Instant, tx: &mut T) -> Option<Expired<S::Tag>> {
        let said = match self.config.keep_alive {
            KeepAlive::Ping(_) | KeepAlive::Adaptive(_) => self.ping(now, false, tx),
            KeepAlive::Empty(_) | KeepAlive::Off => self.keep_alive(tx),
        };
        // Nothing was unsent, so `tx` was empty: a buffer without room for two bytes keeps nothing alive.
        self.health.unsent = true;
        said.ok().map(|()| Expired::KeepAlive)
    }

    /// Whatever came after the Ping is a sign of life as well (T-5.4-6).
    fn miss_pong(&mut self) -> Option<Expired<S::Tag>> {
        let sent = self.health.ping.take()?;
        if self.health.received <= sent {
            return Some(Expired::Closed(self.end(Input::Gone, Closed::PingTimeout)));
        }
        self.health.silence = Rung::NONE;
        self.state.listens().then_some(Expired::PongMissing)
    }

    /// A held Pong goes out as soon as what it waits for is answered (T-5.4.1-5), and there is room.
    fn grant_custody<T: Buf + ?Sized>(&mut self, tx: &mut T) {
        let Some((token, key)) = self.requests.held_pong() else {
            return;
        };
        if self.state.listens()
            && self.consent
            && !self.requests.owes_before_ping()
            && self.say_pong(token.as_slice(), true, tx).is_ok()
        {
            self.requests.take(key);
            self.health.hold_until = None;
        }
    }

    fn give_up_custody<T: Buf + ?Sized>(&mut self, tx: &mut T) -> Option<Expired<S::Tag>> {
        let (token, key) = self.requests.held_pong()?;
        let said = self.say_pong(token.as_slice(), false, tx);
        // Said or not: what waits for room is not a deadline.
        self.health.unsent = true;
        said.ok()?;
        self.requests.take(key);
        self.health.hold_until = None;
        Some(Expired::CustodyGivenUp)
    }

    fn assume_csm<T: Buf + ?Sized>(&mut self, tx: &mut T) -> Expired<S::Tag> {
        if self.state == State::Waiting && self.say_csm(tx).is_err() {
            return Expired::Closed(self.end(Input::Stop, Closed::OutOfMemory));
        }
        self.step(Input::Csm, None);
        Expired::CsmAssumed
    }
}
