//! What all bindings of [`coap_tcp_core`] to an operating system share, whatever they wait with: one
//! connection's turn ([`Driver`]), its buffers ([`Pooled`]), and what runs on top ([`Layer`]).
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod asking;
mod bell;
mod bodies;
pub mod coap;
mod commands;
pub mod counters;
pub mod draft;
pub mod driver;
pub mod exchange;
mod flows;
pub mod handle;
mod inlet;
pub mod layer;
mod outlet;
mod parting;
mod path;
pub mod pool;
pub mod service;
mod streamed;
mod trace;
mod transfer;
mod tune;

pub use coap::Coap;
pub use coap_tcp_core as core;
pub use counters::Counters;
pub use draft::{Draft, Received};
pub use driver::{Driver, Role, Transport, Turn, check};
pub use exchange::{RequestError, Tag};
pub use handle::{Deferred, Handle, Notifier, Observation};
pub use inlet::BodyError;
pub use layer::{Layer, Lent, Slots};
pub use parting::Released;
pub use path::KnownPath;
pub use pool::{Pooled, buffer_bytes_in_use, set_buffer_budget};
pub use service::{KNOWN_OPTIONS, NoService, Reply, Responding, Service, Streaming};
pub use streamed::{Download, Receiving, Sending, Upload};
pub use tune::tune;
