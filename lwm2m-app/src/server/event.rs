//! What a server reports, and what its devices answer.

use coap_tcp_app::Received;
use coap_tcp_core::Closed;
use lwm2m_core::server::{AnswerError, DownlinkError, Op, Reading, known, read_answer};

/// What a server reports of its devices.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ServerEvent {
    /// A device has registered, and can be asked.
    Registered {
        /// Its name.
        endpoint: String,
        /// What it said, as one line.
        summary: String,
    },
    /// A device has updated its registration.
    Updated {
        /// Its name.
        endpoint: String,
    },
    /// A device has De-registered.
    Deregistered {
        /// Its name.
        endpoint: String,
    },
    /// A registration was not updated in time.
    Expired {
        /// Its name.
        endpoint: String,
    },
    /// A request of a device was refused.
    Refused(coap_tcp_core::Code),
    /// A connection is over.
    Disconnected(Closed),
}

/// Why a device was not asked, or did not answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// No such registration, or none with a connection now.
    #[error("not connected")]
    NotConnected,
    /// It cannot be asked so.
    #[error(transparent)]
    Downlink(DownlinkError),
    /// Too many questions wait for its connection already.
    #[error("too many questions")]
    Busy,
    /// No answer came in time.
    #[error("no answer in time")]
    Timeout,
    /// The connection ended first.
    #[error("connection lost: {0}")]
    Closed(Closed),
    /// The observation is over since its registration is (REG-69), or has moved to another connection
    /// (TCP-40).
    #[error("registration ended or moved")]
    Unregistered,
    /// The answer cannot be used.
    #[error("unusable answer: {0:?}")]
    Failed(coap_tcp_core::Failure),
}

/// What a device answered, or notified.
#[derive(Clone, Debug)]
pub struct Answer {
    pub(super) op: Op,
    pub(super) message: Received,
}

impl Answer {
    /// The message, as it came.
    pub const fn message(&self) -> &Received {
        &self.message
    }

    /// Hands each value in it to `each`.
    ///
    /// # Errors
    /// When the device refused, or its payload cannot be read.
    pub fn values(&self, each: impl FnMut(Reading<'_>)) -> Result<(), AnswerError> {
        read_answer(&self.op, &self.message.view(), known, each)
    }
}
