//! Bodies of the fuzz targets. A body takes any bytes and panics when a law is broken; `fuzz/` feeds them for
//! hours, `tests/fuzz.rs` the committed corpus and some mutations of it in every test run.

pub mod deframe;
pub mod message;
pub mod ops;
pub mod seeds;
pub mod session;
pub mod session_ops;

pub use deframe::deframe;
pub use message::message;
pub use session::session_bytes;
pub use session_ops::session_ops;

/// Takes any bytes.
pub type Body = fn(&[u8]);

/// Every body, with the name of its target and its corpus.
pub const BODIES: &[(&str, Body)] = &[
    ("message", message),
    ("deframe", deframe),
    ("session_bytes", session_bytes),
    ("session_ops", session_ops),
];
