//! Two smoltcp stacks back to back, in virtual time.
#![allow(clippy::unwrap_used)]

#[cfg(feature = "lwm2m")]
mod device;
mod exchange;
mod narrow;
mod ours;
mod shutdown;
mod uip;
mod world;
