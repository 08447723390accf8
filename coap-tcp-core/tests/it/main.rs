//! The session as an adapter sees it: bytes and time in, bytes and events out. Test names carry the
//! requirement that they keep.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

mod closing;
mod csm;
mod deadlines;
mod keep_alive;
mod laws;
mod malformed;
mod observe;
mod pressure;
mod requests;
mod rig;
mod signal;
mod sizes;
mod stats;
