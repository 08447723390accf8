//! What can go wrong, and whose fault it is.
//!
//! | type | whose fault | then |
//! | --- | --- | --- |
//! | [`Malformed`] | the peer's bytes | Abort, closed |
//! | [`Violation`] | the peer's order of messages | Abort, closed |
//! | [`BadOption`] | the peer's request | 4.02 by the layer above, the connection stays |
//! | [`Full`], [`WriteError`], [`SendError`] | not now, or not so | nothing has changed |
//! | [`ConfigError`] | ours, at the start | no object is made |
//! | [`Closed`] | the end, whoever's | final: nothing but [`Closed`] comes after it |

use thiserror::Error;

mod text;

pub(crate) use text::Phrase;

/// A buffer has no room for all that was to be appended; it holds what it held before.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("no room left")]
pub struct Full;

/// Bytes that are no CoAP message (T-5.6-7).
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Malformed {
    /// What is wrong.
    pub defect: Defect,
    /// Where, counted from the first byte of the frame.
    pub at: u32,
}

/// What is wrong with the bytes of a frame.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Defect {
    /// A token length that is reserved (15), or one over 8 while no more was announced (X-2.1-1, C-3-1).
    TokenLength,
    /// The option delta nibble 15 outside a payload marker (C-3.1-3).
    OptionDelta,
    /// The option length nibble 15 (C-3.1-4).
    OptionLength,
    /// An option that runs past the end of the body (C-3.1-7).
    OptionTruncated,
    /// An option number above 65535 (C-3.1-6).
    OptionNumber,
    /// A payload marker with nothing after it (C-3-3).
    PayloadMissing,
    /// The frame ends before its own length says so, or goes on after it.
    Length,
}

/// A message that may not come now, or not in this form (error matrix rows 1, 7, 8, 11, 12, 28).
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Violation {
    /// The first message is not a CSM (T-3.3-6).
    NotCsmFirst,
    /// An unknown critical option in a CSM, or a value of a known one that cannot be (T-5.6-1, T-5.6-2).
    BadCsmOption(u16),
    /// An unknown critical option in another signaling message (T-5.2-2).
    CriticalSignalOption(u16),
    /// A code of class 1, 3 or 6 (D-H-2).
    ReservedClass,
    /// An Empty message with a token, options or payload, where that is not borne (T-3.4-3).
    FilledEmpty,
    /// A message over our Max-Message-Size (D-C-5).
    TooLarge,
    /// A request whose token is longer than we announced (X-2.2-1).
    TokenTooLong,
}

/// An option of a request that cannot be served (C-5.4.1-2, C-5.4.3-1, C-5.4.5-1).
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("bad option {0}")]
pub struct BadOption(pub u16);

/// Why a frame could not be written so.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum WriteError {
    /// No room; the frame is as it was before the call.
    #[error(transparent)]
    Full(#[from] Full),
    /// An option after one with a higher number, or after the payload (C-3.1-1).
    #[error("option out of order")]
    Order,
}

/// Why a message was not sent. Always found before anything has changed.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum SendError {
    /// `tx` has no room now: flush it, then try again.
    #[error("no room to send")]
    Full,
    /// As many exchanges as the configuration allows are open already.
    #[error("too many exchanges")]
    TooMany,
    /// Over the peer's Max-Message-Size (T-5.3.1-3).
    #[error("message over the peer's limit of {limit} bytes")]
    TooLarge {
        /// The peer's limit for a whole message.
        limit: u32,
    },
    /// A token that does not fit a slot (over 8 bytes): answer now, or 5.03 (X-2.2-2).
    #[error("token too long to keep")]
    TokenTooLong,
    /// Only after the peer's CSM: because the configuration waits for it, or because the message is over the
    /// base Max-Message-Size.
    #[error("waiting for the peer's CSM")]
    NotReady,
    /// A Release or the end of the peer's stream forbids new requests (T-5.5-4, T-5.5-3, T-D5-3).
    #[error("the connection is being released")]
    Releasing,
    /// What it belongs to is gone: answered already, cancelled, or from another connection.
    #[error("the exchange is over")]
    Gone,
    /// The connection is over.
    #[error("the connection is closed")]
    Closed,
    /// An option after one with a higher number, or after the payload.
    #[error("option out of order")]
    Order,
}

impl From<Full> for SendError {
    fn from(_: Full) -> Self {
        Self::Full
    }
}

impl From<WriteError> for SendError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Full(_) => Self::Full,
            WriteError::Order => Self::Order,
        }
    }
}

/// A configuration that cannot work.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The spill cannot hold one message of the announced size.
    #[error("max_message_size {size} does not fit the spill of {room} bytes")]
    SpillTooSmall {
        /// Announced Max-Message-Size.
        size: u32,
        /// What the spill can hold.
        room: usize,
    },
    /// `tx` cannot hold our CSM, or not one answer beside an Abort.
    #[error("reply_room {reply_room} does not fit tx of {room} bytes")]
    TxTooSmall {
        /// Room asked for one answer.
        reply_room: u16,
        /// What `tx` can hold.
        room: usize,
    },
    /// A max_message_size below 16: no useful message fits, and peers take it for an error (D-C-4).
    #[error("max_message_size below 16")]
    MessageSizeTooSmall,
    /// More slots than a token can name.
    #[error("more than 4096 slots")]
    TooManySlots,
}

/// Why a connection is over. Everything that belonged to it is gone with it (T-3.4-5).
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Closed {
    /// We closed it: after our own Release, or without words.
    Local,
    /// We sent an Abort at the application's wish.
    LocalAbort,
    /// The peer sent a Release, and has had its answers (T-5.5-2).
    Released,
    /// The peer sent an Abort (T-5.6-6), perhaps because of an option in our CSM.
    Aborted {
        /// The number in Bad-CSM-Option, if there was one.
        bad_csm_option: Option<u16>,
    },
    /// The peer's bytes were no message; an Abort was sent.
    Malformed(Malformed),
    /// The peer broke the order of messages; an Abort was sent.
    Violation(Violation),
    /// No CSM came in time (D-C-1); an Abort was sent.
    CsmTimeout,
    /// A frame was begun and not ended in time (F-12); an Abort was sent.
    FrameTimeout,
    /// The peer has not read what we sent (F-13).
    WriteTimeout,
    /// A Ping was not answered, and nothing else came (T-5.4-4).
    PingTimeout,
    /// The peer did not close after our Release (T-5.5-5).
    ReleaseTimeout,
    /// Answers that were owed at a Release or at the end of the stream did not come in time (T-5.5-3).
    DrainTimeout,
    /// Nothing has happened for the configured idle time (F-8).
    Idle,
    /// The peer ended its stream between two messages (T-D5-3).
    Eof,
    /// The peer ended its stream within a message (T-D5-3).
    EofInMessage,
    /// The transport failed: reset, TLS alert, I/O error.
    Transport,
    /// A buffer could not grow for a message of legal size; an Abort was sent (row 71).
    OutOfMemory,
}

impl From<Malformed> for Closed {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

impl From<Violation> for Closed {
    fn from(violation: Violation) -> Self {
        Self::Violation(violation)
    }
}
