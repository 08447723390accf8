//! What can go wrong, and whose fault it is.

use thiserror::Error;

/// A buffer has no room for all that was to be appended; it holds what it held before.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("no room left")]
pub struct Full;
