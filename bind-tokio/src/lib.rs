//! CoAP over TCP (RFC 8323) and LwM2M on tokio: a thin adapter over [`coap_tcp_core`].
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod coap;
mod draft;
mod drive;
mod endpoint;
mod exchange;
mod handle;
mod layer;
#[cfg(feature = "lwm2m")]
pub mod lwm2m;
mod pool;
mod service;
mod wiretap;

pub use coap::Coap;
pub use coap_tcp_core as core;
pub use draft::{Draft, Received};
pub use drive::{Clock, Role, drive};
pub use endpoint::{Endpoint, Listener};
pub use exchange::{RequestError, Tag};
pub use handle::{Deferred, Handle, Notifier, Observation};
pub use layer::{Layer, Lent, Slots};
pub use pool::{Pooled, buffer_bytes_in_use, set_buffer_budget};
pub use service::{KNOWN_OPTIONS, NoService, Reply, Responding, Service};
pub use wiretap::{Direction, Wiretap};
