//! LwM2M over TCP: a [`Device`] that registers, a [`Server`] that it registers with.

mod device;
mod server;

pub use device::{Device, DeviceEvent, DeviceHandle};
pub use lwm2m_core as core;
pub use server::{Answer, AskError, Observation, Server, ServerEvent};
