//! What a registry reports, and what it wants done.

use alloc::boxed::Box;

use coap_tcp_core::{Code, Event as CoapEvent, Failure, Message, SendError};
use thiserror::Error;

use super::registration::{Changes, Registration, RegistrationId};
use crate::operation::Operation;
use crate::path::Path;

/// A request to a device: the tag of its slot.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Op {
    /// To whom.
    pub registration: RegistrationId,
    /// What.
    pub operation: Operation,
    /// On what.
    pub path: Path,
    /// The caller's own name for it.
    pub handle: u64,
}

/// Only what the outside must do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action<K> {
    /// Send a Release over this connection, and close it when the device does, or at the release timeout of its
    /// configuration, for which 5 s are recommended (TCP-60). Where no Release can be sent, just close it.
    Release(K),
}

/// What came of an event of a connection, or of a deadline.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'f, K> {
    /// A device has registered; the answer is written. Requests to it may follow (REG-67).
    Registered {
        /// Its registration.
        id: RegistrationId,
        /// The one before, of the same endpoint, which is gone with its observations (REG-63).
        replaced: Option<Box<Registration<K>>>,
    },
    /// A device has updated its registration (REG-50).
    Updated {
        /// Its registration.
        id: RegistrationId,
        /// What is new.
        changes: Changes,
    },
    /// A device has De-registered (REG-62).
    Deregistered(Box<Registration<K>>),
    /// A registration was not updated in time (REG-62, REG-65).
    Expired(Box<Registration<K>>),
    /// A request of a device was refused; nothing has changed.
    Refused(Code),
    /// The last answer to a request, whatever its code. Of an [`Operation::Observe`] it says that the device does not
    /// observe (IR-4), or does so no longer (IR-5).
    Answered {
        /// The request.
        op: Op,
        /// The answer.
        message: Message<'f>,
    },
    /// What is observed has this value.
    Notified {
        /// The observation.
        op: Op,
        /// This is the answer to the request itself.
        first: bool,
        /// The notification.
        message: Message<'f>,
    },
    /// A request will not be answered in a way that could be read.
    Failed {
        /// The request.
        op: Op,
        /// Why.
        why: Failure,
    },
    /// Not ours: whatever the connection reports.
    Other(CoapEvent<'f, Op>),
}

/// Why a request was not sent to a device.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum DownlinkError {
    /// There is no such registration, or no such observation of it.
    #[error("no such registration")]
    Unknown,
    /// The operation cannot be at such a path.
    #[error("operation not possible at this path")]
    Path,
    /// The connection does not take it.
    #[error(transparent)]
    Send(SendError),
}

impl<E: Into<SendError>> From<E> for DownlinkError {
    fn from(error: E) -> Self {
        Self::Send(error.into())
    }
}
