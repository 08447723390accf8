//! CoAP over TCP (RFC 8323) as a pure state machine.
#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

#[cfg(any(feature = "alloc", test))]
extern crate alloc;

pub mod buf;
pub mod error;
pub mod time;

pub use buf::{Buf, Fixed, Slice};
pub use error::Full;
pub use time::Instant;
