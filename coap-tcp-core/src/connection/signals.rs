//! Commands: what we say of the connection itself. Each appends one whole frame to `tx`, or changes nothing.

use super::Connection;
use super::state::{Input, State};
use crate::buf::Buf;
use crate::error::{Closed, Phrase, SendError, WriteError};
use crate::requests::{Held, Slots};
use crate::time::Instant;
use crate::wire::{Code, Token, Writer, ping, release};

impl<S: Slots> Connection<'_, S> {
    /// Tests the connection (T-3.4-4). With `custody`, also asks whether all that we sent has been processed;
    /// the Pong may then rightly take long, and takes a slot meanwhile. One of each kind can be under way.
    pub fn ping<T: Buf + ?Sized>(
        &mut self,
        now: Instant,
        custody: bool,
        tx: &mut T,
    ) -> Result<(), SendError> {
        match self.state {
            State::Waiting => return Err(SendError::NotReady),
            State::Starting | State::Open | State::Releasing => {}
            State::Draining => return Err(SendError::Releasing),
            State::Closing | State::Closed => return Err(SendError::Closed),
        }
        let busy = if custody { self.requests.custody_ping().is_some() } else { self.health.ping.is_some() };
        if busy {
            return Err(SendError::TooMany);
        }
        // Some peers answer every Ping without its token, and with Custody: only a token proves that one.
        let key = if custody { Some(self.requests.vacant().ok_or(SendError::TooMany)?) } else { None };
        let token = key.map_or(Token::EMPTY, |key| key.token(self.config.token_salt));
        let mut writer = Writer::new(tx, Code::PING, token.as_slice())?;
        if custody {
            writer.option(ping::CUSTODY, &[])?;
        }
        writer.finish();
        self.health.unsent = true;
        match key {
            Some(key) => self.requests.occupy(key, Held::CustodyPing { sent: now }),
            None => self.health.ping = Some(now),
        }
        Ok(())
    }

    /// Sends an Empty message: two bytes that refresh a NAT binding (T-3.4-2).
    pub fn keep_alive<T: Buf + ?Sized>(&mut self, tx: &mut T) -> Result<(), SendError> {
        if self.state == State::Waiting {
            return Err(SendError::NotReady);
        }
        self.may_answer()?;
        Writer::new(tx, Code::EMPTY, &[])?.finish();
        self.health.unsent = true;
        Ok(())
    }

    /// Asks the peer to end the connection, orderly (D.3): it may be told for how many seconds not to come
    /// back, and where to go instead (`host[:port]`, 1 to 255 bytes each). No request of ours follows.
    ///
    /// Before the peer's CSM it is [`SendError::NotReady`]: there is nothing yet to end orderly.
    pub fn release<T: Buf + ?Sized>(
        &mut self,
        now: Instant,
        hold_off: Option<u32>,
        alternatives: &[&str],
        tx: &mut T,
    ) -> Result<(), SendError> {
        self.may_request()?;
        if self.state == State::Starting {
            return Err(SendError::NotReady);
        }
        let mut writer = Writer::new(tx, Code::RELEASE, &[])?;
        writer.options(release::ALTERNATIVE_ADDRESS, alternatives)?;
        if let Some(seconds) = hold_off {
            writer.uint(release::HOLD_OFF, seconds.min(0x00ff_ffff))?;
        }
        self.check_size(&writer)?;
        writer.finish();
        self.health.unsent = true;
        self.closed.get_or_insert(Closed::Local);
        self.step(Input::WeRelease, Some(now + self.config.release_timeout));
        Ok(())
    }

    /// Ends the connection at once, with an Abort that says why (at most 64 bytes of it).
    pub fn abort<T: Buf + ?Sized>(&mut self, diagnostic: &str, tx: &mut T) {
        let longest = diagnostic.len().min(64);
        let text = (0..=longest).rev().find_map(|end| diagnostic.get(..end)).unwrap_or_default();
        self.say_abort(Phrase::new(text), None, tx);
        self.end(Input::Stop, Closed::LocalAbort);
    }

    pub(super) fn say_pong<T: Buf + ?Sized>(
        &mut self,
        token: &[u8],
        custody: bool,
        tx: &mut T,
    ) -> Result<(), WriteError> {
        let mut writer = Writer::new(tx, Code::PONG, token)?;
        if custody {
            writer.option(ping::CUSTODY, &[])?;
        }
        writer.finish();
        self.health.unsent = true;
        Ok(())
    }
}
