//! What is on the wire, and nothing else: no time, no state, no role.
//!
//! [`head()`] tells how long the frame is that starts here, [`Message`] is a checked view of one frame,
//! [`Writer`] appends one frame to a buffer.

mod block;
mod code;
mod decimal;
mod head;
mod message;
mod option;
mod owned;
pub(crate) mod signal;
mod token;
mod writer;

pub use block::{Block, BlockSize};
pub use code::{Class, Code};
pub use decimal::Decimal;
pub(crate) use head::body_room;
pub use head::{Head, Prefix, head};
pub use message::{Message, Segments};
pub use option::{OptionNumber, Options, Shape, shape, uint};
pub(crate) use option::{encode_head, encode_uint};
pub use owned::OwnedMessage;
pub use signal::{Csm, abort, csm, ping, release};
pub use token::Token;
pub use writer::{Payload, Writer};

#[cfg(test)]
mod tests;
