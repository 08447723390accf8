//! CoAP over TCP (RFC 8323) as a pure state machine.
#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

#[cfg(any(feature = "alloc", test))]
extern crate alloc;

pub mod advice;
pub mod blockwise;
pub mod buf;
mod config;
mod connection;
pub mod deframe;
pub mod error;
mod event;
mod requests;
mod session;
mod time;
pub mod uri;
#[cfg(feature = "alloc")]
mod wheel;
pub mod wire;

pub use advice::Advice;
pub use buf::{Buf, Fixed, Slice};
pub use config::{Config, KeepAlive, Oversized, Tolerance};
pub use connection::Connection;
pub use connection::deadlines::Shutdown;
pub use connection::health::Why;
pub use connection::outgoing::{Answer, Deregistration, Request};
pub use connection::state::State;
pub use deframe::Deframer;
pub use error::{Closed, ConfigError, Full, Malformed, SendError, Violation, WriteError};
pub use event::{Event, Expired, Failure, Incoming, Refusal, Settings, Settled, Tagged};
pub use requests::{Observer, RequestId, Slot, Slots, Ticket};
pub use session::{Flow, Peer, Session};
pub use time::Instant;
pub use uri::Uri;
#[cfg(feature = "alloc")]
pub use wheel::Wheel;
pub use wire::{Code, Message, OptionNumber};
