#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod body;
mod drive;
mod endpoint;
#[cfg(feature = "lwm2m")]
pub mod lwm2m;
mod trace;
mod wiretap;

// What no runtime has a part in.
use coap_tcp_app::{coap, handle, layer, service};

pub use body::{Reader, feed, send, upload};
pub use coap_tcp_app::{
    BodyError, Coap, Counters, Deferred, Download, Draft, Handle, KNOWN_OPTIONS, KnownPath, Layer, Lent,
    NoService, Notifier, Observation, Pooled, Received, Receiving, Released, Reply, RequestError, Responding,
    Role, Sending, Service, Slots, Streaming, Tag, Upload, buffer_bytes_in_use, set_buffer_budget,
};
pub use coap_tcp_core as core;
pub use drive::{Clock, drive};
pub use endpoint::{Endpoint, Listener};
pub use wiretap::{Direction, Wiretap};

#[cfg(all(doctest, feature = "lwm2m"))]
#[doc = include_str!("../../README.md")]
mod readme {}
