//! LwM2M 1.1/1.2 over CoAP over TCP as pure state machines.
#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

#[cfg(any(feature = "alloc", test))]
extern crate alloc;

pub mod client;
pub mod content;
pub mod objects;
mod operation;
pub mod path;
pub mod registration;
#[cfg(feature = "alloc")]
pub mod server;
pub mod value;
pub mod version;

pub use operation::{Operation, Rule};
pub use path::Path;
pub use value::Value;
