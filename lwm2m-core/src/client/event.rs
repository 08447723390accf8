//! What a client reports, and what it wants done.

use coap_tcp_core::{Code, Event as CoapEvent, Instant};

use crate::operation::Operation;
use crate::path::Path;

/// Names a request of ours: the tag of its slot.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Op {
    /// A Register.
    Register,
    /// An Update.
    Update,
    /// A De-register.
    Deregister,
    /// A request of the application's own, whose events it gets as [`Event::Other`].
    User(u32),
}

/// Only what the outside must do.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// Open a transport to a server, then call `handle_connected`, or `handle_closed` where that fails.
    Connect {
        /// Index of the server.
        server: usize,
    },
    /// Close the transport to a server, as soon as what was written has left, and at once where it does not.
    Close {
        /// Index of the server.
        server: usize,
    },
}

/// Which deadline comes next; for traces.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    /// A server is to be connected to; ask `poll_action`.
    Connect,
    /// A Register, an Update or a De-register is due.
    Send,
    /// The answer to one of them is missing.
    Answer,
    /// A notification is due.
    Notify,
    /// A transport is to be closed; ask `poll_action`.
    Close,
}

/// What came of an event of the connection, or of a deadline.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'f> {
    /// The server has taken the registration.
    Registered,
    /// The server has taken an Update. A code other than 2.04 deserves a warning (REG-35).
    Updated(Code),
    /// The registration is gone as far as the server is concerned; a Register follows (REG-34, REG-52).
    Forgotten(Code),
    /// A Register or an Update came to nothing.
    Failed {
        /// How.
        problem: Problem,
        /// When it is tried again; `None`: never, until the application asks for it.
        again: Option<Instant>,
        /// It was the last attempt of the last sequence, or the server refused for good: the registration counts as
        /// failed (REG-85).
        exhausted: bool,
    },
    /// The server has taken the De-register, or did not know us any more (REG-61), or did not say in time (REG-60).
    Deregistered,
    /// A request of the server's was answered.
    Served(Served),
    /// Not ours: whatever the connection reports, and answers to [`Op::User`].
    Other(CoapEvent<'f, Op>),
    /// An answer that came too late, or nothing at all.
    Nothing,
}

/// A request of the server's, and how it was answered.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Served {
    /// What it was; `None` where it was no operation of LwM2M.
    pub operation: Option<Operation>,
    /// What on; the root where it was no path.
    pub path: Path,
    /// The code of the answer.
    pub code: Code,
}

/// Why a Register or an Update came to nothing.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Problem {
    /// The server refused it.
    Refused(Code),
    /// 2.01 without a Location-Path (REG-31), or one longer than [`LOCATION_CAPACITY`](super::LOCATION_CAPACITY).
    BadLocation,
    /// The answer could not be read.
    BadAnswer,
    /// No answer came in time; the connection is given up (TCP-70).
    Silent,
    /// It is larger than the buffer, or than the peer takes.
    TooLarge,
}
