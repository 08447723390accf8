//! What all bindings of [`coap_tcp_core`] to an operating system share, whatever they wait with: one
//! connection's turn ([`Driver`]), its buffers ([`Pooled`]), and what runs on top ([`Layer`]).
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod bodies;
pub mod coap;
mod commands;
pub mod counters;
pub mod draft;
pub mod driver;
pub mod exchange;
pub mod handle;
pub mod layer;
pub mod pool;
pub mod service;
mod transfer;
mod tune;

pub use coap::Coap;
pub use coap_tcp_core as core;
pub use counters::Counters;
pub use draft::{Draft, Received};
pub use driver::{Driver, Role, Transport, Turn, check};
pub use exchange::{RequestError, Tag};
pub use handle::{Deferred, Handle, Notifier, Observation};
pub use layer::{Layer, Lent, Slots};
pub use pool::{Pooled, buffer_bytes_in_use, set_buffer_budget};
pub use service::{KNOWN_OPTIONS, NoService, Reply, Responding, Service};
pub use tune::tune;
