#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod device;
mod queue;
mod server;

pub use device::{Device, DeviceEvent, DeviceHandle, DeviceLayer, Next};
pub use lwm2m_core as core;
pub use queue::Events;
pub use server::{Answer, AskError, Observation, Server, ServerEvent, ServerLayer};
