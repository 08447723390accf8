//! LwM2M over TCP: a [`Device`] that registers, a [`Server`] that it registers with.

mod device;
mod server;

pub use device::Device;
pub use lwm2m_app::{Answer, AskError, DeviceEvent, DeviceHandle, Events, Observation, ServerEvent};
pub use lwm2m_core as core;
pub use server::Server;
