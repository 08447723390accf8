//! What an application has to say: its objects, and how their values are read.
//!
//! An application puts together what it has as a tuple:
//!
//! ```
//! use lwm2m_core::objects::{Device, Objects, Server, Temperature};
//!
//! let objects = (
//!     Server::new(1, 300),
//!     Device { manufacturer: "Example", model: "T1", ..Device::new() },
//!     [Temperature::new("Cel"), Temperature::new("Cel")],
//! );
//! assert_eq!(objects.schema().len(), 3);
//! ```

mod device;
mod object;
pub mod schema;
mod server;
mod temperature;

pub use device::Device;
pub use object::{Object, Objects, Refusal, Resource};
pub use server::Server;
pub use temperature::Temperature;
