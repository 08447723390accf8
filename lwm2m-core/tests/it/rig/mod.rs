//! A device, a server, and the bytes between them.

mod device;
mod frames;
mod host;
mod world;

use std::time::Duration;

use coap_tcp_core::Instant;
use lwm2m_core::path::Path;

pub use device::*;
pub use frames::*;
pub use host::*;
pub use world::*;

/// Seconds.
pub fn s(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

pub fn path(text: &str) -> Path {
    text.parse().unwrap()
}

pub fn at(seconds: f64) -> Instant {
    Instant::from_micros((seconds * 1e6) as u64)
}
