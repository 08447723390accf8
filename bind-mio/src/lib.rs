#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod block;
mod clock;
mod door;
mod line;
#[cfg(feature = "lwm2m")]
pub mod lwm2m;
mod places;
mod reactor;
mod stream;
mod task;
mod wake;

pub use block::block_on;
pub use clock::Clock;
pub use coap_tcp_app::{
    Coap, Counters, Deferred, Draft, Handle, KNOWN_OPTIONS, KnownPath, Layer, Lent, NoService, Notifier,
    Observation, Pooled, Received, Released, Reply, RequestError, Responding, Role, Service, Slots, Tag,
    buffer_bytes_in_use, set_buffer_budget,
};
pub use coap_tcp_core as core;
pub use reactor::{Reactor, Remote};
pub use stream::Stream;
pub use task::Attend;
