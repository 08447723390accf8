//! A world with a clock of its own: many connections, and nothing that sleeps.
//!
//! [`World`] jumps from one moment at which something happens to the next. A [`Pipe`] is TCP as the core sees
//! it; what sits on an [`Endpoint`](crate::endpoint::Endpoint) is an [`App`](crate::endpoint::App), such as
//! [`Busy`], or [`Judged`], with a [`Reference`] that is asked after every step whether that is right.
//! Everything follows from a seed; a failing test prints its own, and `SIM_SEED=` replays it.

mod busy;
pub mod deadlines;
mod dwelling;
mod judged;
mod lone;
mod nat;
mod pipe;
mod reference;
mod seeds;
mod world;

pub use busy::{Busy, Plan, Tally};
pub use dwelling::{Dwelling, Stay};
pub use judged::{Judged, LATER};
pub use lone::{Lone, Still};
pub use nat::Nat;
pub use pipe::{Line, Pipe};
pub use reference::{Due, Ours, Reference, Rules, Stage};
pub use seeds::for_seeds;
pub use world::{Side, World};
