//! The device: registers with its servers, answers them, and tells them of changes. No allocator is needed.

mod account;
mod config;
mod dispatch;
mod event;
mod machine;
mod notify;
mod reading;
mod registration;
mod schedule;
mod state;

pub use config::Config;
pub use event::{Action, Event, Op, Problem, Served, Why};
pub use machine::Client;
pub use registration::LOCATION_CAPACITY;
pub use state::State;
