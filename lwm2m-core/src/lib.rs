//! LwM2M 1.1/1.2 over CoAP over TCP as pure state machines.
#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

#[cfg(any(feature = "alloc", test))]
extern crate alloc;

pub mod content;
/// What the objects of a device are.
pub mod objects {
    pub mod schema;
}
pub mod path;
pub mod registration;
pub mod value;
pub mod version;
