//! CoAP over TCP (RFC 8323) over a [smoltcp] socket: no operating system, no allocator, no protocol.
//!
//! The socket stays the caller's: it is lent to [`Driver::poll`] together with what runs on top, a [`Layer`]. A
//! device's loop is
//!
//! 1. [`turn`]: the interface takes what came, `Driver::poll` acts on the socket, the interface sends. In this order
//!    an answer leaves in the segment that acknowledges its request, and our first words in the one that ends the
//!    handshake (digest I.2);
//! 2. wait for the network, or for the earlier of `Interface::poll_at` and [`Driver::poll_timeout`] (F-23).
//!
//! What the stack must be told is the core's advice, which [`tune`] passes on.
#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod driver;
mod layer;
#[cfg(feature = "lwm2m")]
mod lwm2m;
mod time;
mod tune;
mod turn;

pub use coap_tcp_core as core;
pub use driver::{Driver, Role};
pub use layer::Layer;
#[cfg(feature = "lwm2m")]
pub use lwm2m::Account;
pub use time::{from_smoltcp, to_smoltcp};
pub use tune::tune;
pub use turn::turn;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
