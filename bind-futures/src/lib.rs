#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![deny(missing_docs)]

#[cfg(feature = "async-io")]
mod async_io;
mod drive;
mod half_close;
#[cfg(feature = "lwm2m")]
pub mod lwm2m;
mod server;
mod timer;

#[cfg(feature = "async-io")]
pub use async_io::AsyncIo;
pub use coap_tcp_app::{
    Coap, Counters, Deferred, Draft, Driver, Handle, KNOWN_OPTIONS, KnownPath, Layer, Lent, NoService,
    Notifier, Observation, Pooled, Received, Released, Reply, RequestError, Responding, Role, Service, Slots,
    Tag, buffer_bytes_in_use, set_buffer_budget, tune,
};
pub use coap_tcp_core as core;
pub use drive::{drive, run};
pub use half_close::HalfClose;
pub use server::{Connection, Server};
pub use timer::Timer;
