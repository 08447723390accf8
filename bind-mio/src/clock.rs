//! The time of day for [`Instant`]s.

use std::time;

use coap_tcp_core::Instant;

/// Tells [`Instant`]s.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Clock(time::Instant);

impl Clock {
    /// Starts now.
    pub fn start() -> Self {
        Self(time::Instant::now())
    }

    /// The moment of now.
    pub fn now(&self) -> Instant {
        Instant::from_micros(u64::try_from(self.0.elapsed().as_micros()).unwrap_or(u64::MAX))
    }
}
