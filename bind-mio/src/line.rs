//! One connection in its place.

use std::io;
use std::sync::Arc;
use std::task::Context;

use coap_tcp_app::{Counters, Driver, KnownPath, Layer, Role, Turn};
use coap_tcp_core::{Closed, Config, ConfigError, Instant};

use crate::stream::{Asked, Stream};

/// Turns of one connection before others get theirs.
const TURNS: usize = 4;

/// What all connections of a reactor are made with.
pub(crate) struct Terms<'c> {
    pub(crate) config: &'c Config,
    pub(crate) counters: Arc<Counters>,
    /// Of those that it opens.
    pub(crate) path: Arc<KnownPath>,
}

impl<'c> Terms<'c> {
    fn driver<L: Layer>(&self, role: Role, layer: L, now: Instant) -> Result<Driver<'c, L>, ConfigError> {
        let driver = Driver::new(role, self.config, layer, now)?.counting(self.counters.clone());
        Ok(driver.over((role == Role::Initiator).then(|| self.path.clone())))
    }
}

pub(crate) struct Line<'c, L: Layer, S> {
    phase: Phase<'c, L>,
    pub(crate) stream: S,
}

#[allow(clippy::large_enum_variant, reason = "nearly all lines are up, nearly all the time")]
enum Phase<'c, L: Layer> {
    /// The transport does not stand yet, and has until then.
    Opening {
        layer: L,
        until: Instant,
    },
    Up(Driver<'c, L>),
    Over,
}

impl<'c, L: Layer, S: Stream> Line<'c, L, S> {
    /// A transport that the peer has opened.
    ///
    /// # Errors
    /// When the configuration cannot work.
    pub(crate) fn accepted(terms: &Terms<'c>, stream: S, layer: L, now: Instant) -> io::Result<Self> {
        let driver = terms.driver(Role::Acceptor, layer, now).map_err(io::Error::other)?;
        Ok(Self { phase: Phase::Up(driver), stream })
    }

    /// One that we have opened; it has time until then.
    pub(crate) const fn opening(stream: S, layer: L, until: Instant) -> Self {
        Self { phase: Phase::Opening { layer, until }, stream }
    }

    pub(crate) fn turns(&mut self, cx: &mut Context<'_>, terms: &Terms<'c>, now: Instant) -> Turn {
        if let Phase::Opening { until, .. } = self.phase {
            match self.stream.is_open() {
                Ok(true) => self.begin(terms, now),
                Ok(false) if now < until => return Turn::Rest(Some(until)),
                Ok(false) | Err(_) => self.give_up(now, Closed::Transport),
            }
        }
        let Phase::Up(driver) = &mut self.phase else {
            return Turn::Closed(Closed::Transport);
        };
        for _ in 0..TURNS {
            match driver.turn(cx, now, &mut Asked(&mut self.stream)) {
                Turn::Again => {}
                done => return done,
            }
        }
        Turn::Again
    }

    /// Ends it orderly.
    pub(crate) fn release(&mut self, now: Instant) {
        match &mut self.phase {
            Phase::Up(driver) => driver.release(now),
            Phase::Opening { .. } | Phase::Over => self.give_up(now, Closed::Local),
        }
    }

    fn begin(&mut self, terms: &Terms<'c>, now: Instant) {
        if let Phase::Opening { layer, .. } = core::mem::replace(&mut self.phase, Phase::Over) {
            // The configuration is known to work: there is only the memory to want.
            self.phase = terms.driver(Role::Initiator, layer, now).map_or(Phase::Over, Phase::Up);
        }
    }

    fn give_up(&mut self, now: Instant, why: Closed) {
        if let Phase::Opening { mut layer, .. } = core::mem::replace(&mut self.phase, Phase::Over) {
            layer.handle_closed(now, why, &mut core::iter::empty());
        }
    }
}

/// Dropped before it stood, it has ended all the same: whoever waits for it is told.
impl<L: Layer, S> Drop for Line<'_, L, S> {
    fn drop(&mut self) {
        if let Phase::Opening { layer, until } = &mut self.phase {
            layer.handle_closed(*until, Closed::Local, &mut core::iter::empty());
        }
    }
}
