//! The machines as a whole: no I/O, and time is a number.
#![cfg(all(feature = "alloc", feature = "default"))]
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

mod dispatch;
mod hostile;
mod observe;
mod refresh;
mod register;
mod registry;
mod retry;
mod rig;
mod slice;
