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
//!
//! A body need not be anywhere as a whole: [`Sequence`] takes one as it comes, [`Chunks::write_from`] and
//! [`Wanted::write_from`] send what there is of one, a [`Stock`], and [`Wanted::stream`] makes it anew for each block.

mod collect;
mod key;
mod merge;
mod send;
mod sequence;
mod serve;
mod stock;
mod terms;
mod window;

pub use collect::Collector;
pub use key::Key;
pub use send::{Chunks, Next};
pub use sequence::{Collected, Fault, Sequence};
pub use serve::{Brief, Wanted, Written};
pub use stock::Stock;
pub use terms::Terms;
pub use window::Window;

#[cfg(test)]
mod tests;
