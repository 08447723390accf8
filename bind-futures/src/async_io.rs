//! Time from async-io.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time;

use async_io::Timer as Sleep;
use coap_tcp_core::Instant;

use crate::timer::Timer;

/// A [`Timer`] of async-io, which drives smol, and works under any executor. Clones have one clock.
#[derive(Debug)]
pub struct AsyncIo {
    start: time::Instant,
    sleep: Sleep,
    until: Option<Instant>,
}

impl AsyncIo {
    /// Its clock starts now.
    pub fn start() -> Self {
        Self { start: time::Instant::now(), sleep: Sleep::never(), until: None }
    }
}

impl Clone for AsyncIo {
    fn clone(&self) -> Self {
        Self { start: self.start, sleep: Sleep::never(), until: None }
    }
}

impl Timer for AsyncIo {
    fn now(&self) -> Instant {
        Instant::from_micros(u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX))
    }

    fn poll_until(&mut self, cx: &mut Context<'_>, at: Instant) -> Poll<()> {
        if self.until != Some(at) {
            self.until = Some(at);
            match self.start.checked_add(at.duration_since(Instant::ZERO)) {
                Some(at) => self.sleep.set_at(at),
                None => self.sleep = Sleep::never(),
            }
        }
        Pin::new(&mut self.sleep).poll(cx).map(|_| self.until = None)
    }
}
