//! The server: who is registered, for how long, and what is asked of them.

mod answer;
mod config;
mod event;
mod intake;
mod registration;
mod registry;
mod table;
mod timers;
mod wire;

pub use answer::{AnswerError, Reading, known, read_answer};
pub use config::{Authorize, Config};
pub use event::{Action, DownlinkError, Event, Op};
pub use registration::{Changes, Registration, RegistrationId};
pub use registry::Registry;
