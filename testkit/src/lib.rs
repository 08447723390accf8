//! What the crates of this workspace are tested with.
//!
//! [`script`] reads texts that say how a connection behaves, one behaviour each; [`player`] plays them on
//! anything that is a [`rig::Rig`]: the core alone ([`core_rig`]) or an adapter. [`conformance`] makes one
//! named test of each script; [`lwm2m`] does so for LwM2M devices and servers. [`sim`] is a world with a clock
//! of its own, for what is too long for a script. [`fuzz`] holds the bodies of the fuzz targets, which also run
//! as tests. [`model`] is the slow and obvious
//! codec that the fast one is compared with. [`probe`] judges any other implementation from outside.

#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod bare;
pub mod conformance;
pub mod core_app;
pub mod core_rig;
pub mod cut;
pub mod endpoint;
pub mod fuzz;
pub mod layer_app;
pub mod lwm2m;
pub mod model;
pub mod pipe;
pub mod pipe_rig;
pub mod player;
pub mod probe;
pub mod rig;
pub mod rng;
pub mod script;
pub mod sim;
mod vocabulary;
