//! LwM2M under a script: what an adapter runs on a connection is a device, or a server, with an application of the
//! script's.

mod acting;
mod device;
mod server;

pub use acting::{Acting, Actor, Stage};
pub use device::{DeviceActor, Objects, thermometer};
pub use server::ServerActor;

use std::path::Path;

use libtest_mimic::Trial;

use crate::conformance::trials_of;
use crate::rig::Rig;

/// A device on one connection.
pub type DeviceApp = Stage<DeviceActor>;
/// A server on one connection.
pub type ServerApp = Stage<ServerActor>;

/// Where the scripts are.
pub const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/lwm2m");

/// All scripts about a device, or about a server, that a rig can play, as its tests.
///
/// # Errors
///
/// Says which script is not understood, and where.
pub fn trials<R: Rig + 'static>(rig: &str) -> Result<Vec<Trial>, String> {
    trials_of::<R>(Path::new(SCRIPTS), rig)
}
