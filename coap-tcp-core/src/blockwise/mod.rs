//! Block-wise transfer (RFC 7959) with BERT (RFC 8323 section 6): bodies that are too large for one message.
//!
//! Nothing here owns a connection or a buffer. Whoever sends or serves asks these for what to write next:
//!
//! | | sends | receives |
//! | --- | --- | --- |
//! | Block1: large requests | [`Chunks`] | [`Collector::handle_request`] |
//! | Block2: large answers | [`Wanted`], [`Window`] | [`Collector::handle_response`] |
//!
//! [`Terms`] say what both sides allow, [`Key`] tells operations apart.

mod collect;
mod key;
mod merge;
mod send;
mod serve;
mod terms;
mod window;

pub use collect::{Collected, Collector, Fault};
pub use key::Key;
pub use send::{Chunks, Next};
pub use serve::{Brief, Wanted, Written};
pub use terms::Terms;
pub use window::Window;

#[cfg(test)]
mod tests;
