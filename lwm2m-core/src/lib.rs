//! LwM2M 1.1/1.2 over CoAP over TCP as pure state machines.
#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used))]
