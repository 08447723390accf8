//! Two smoltcp stacks back to back, in virtual time.
#![allow(clippy::unwrap_used)]

mod exchange;
mod narrow;
mod ours;
mod shutdown;
mod uip;
mod world;
