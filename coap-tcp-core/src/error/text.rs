//! What the reasons for an end are called: the texts of `Display`, and of the Abort that the peer gets.

use core::error::Error;
use core::fmt;

use super::{Closed, Defect, Malformed, Violation};

/// A text, and perhaps a number with what joins it to the text. An Abort is written from it without `core::fmt`, which
/// would take 2 KB of a device's flash.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Phrase<'a> {
    pub(crate) text: &'a str,
    pub(crate) number: Option<(&'static str, u32)>,
}

impl<'a> Phrase<'a> {
    pub(crate) const fn new(text: &'a str) -> Self {
        Self { text, number: None }
    }

    const fn with(text: &'a str, joint: &'static str, number: u32) -> Self {
        Self { text, number: Some((joint, number)) }
    }
}

impl fmt::Display for Phrase<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text)?;
        match self.number {
            Some((joint, number)) => write!(f, "{joint}{number}"),
            None => Ok(()),
        }
    }
}

impl Defect {
    const fn text(self) -> &'static str {
        match self {
            Self::TokenLength => "token length",
            Self::OptionDelta => "option delta 15",
            Self::OptionLength => "option length 15",
            Self::OptionTruncated => "option past the end",
            Self::OptionNumber => "option number too large",
            Self::PayloadMissing => "payload marker without payload",
            Self::Length => "length of the frame",
        }
    }
}

impl Malformed {
    const fn phrase(self) -> Phrase<'static> {
        Phrase::with(self.defect.text(), " at byte ", self.at)
    }
}

impl Violation {
    const fn phrase(self) -> Phrase<'static> {
        Phrase::new(match self {
            Self::BadCsmOption(number) => return Phrase::with("bad CSM option", " ", number as u32),
            Self::CriticalSignalOption(number) => {
                return Phrase::with("critical signaling option", " ", number as u32);
            }
            Self::NotCsmFirst => "CSM missing",
            Self::ReservedClass => "reserved code class",
            Self::FilledEmpty => "empty message not empty",
            Self::TooLarge => "message too large",
            Self::TokenTooLong => "token too long",
        })
    }
}

impl Closed {
    // Out of line, for the sake of a device.
    #[inline(never)]
    pub(crate) const fn phrase(self) -> Phrase<'static> {
        Phrase::new(match self {
            Self::Malformed(malformed) => return malformed.phrase(),
            Self::Violation(violation) => return violation.phrase(),
            Self::Local => "closed here",
            Self::LocalAbort => "aborted here",
            Self::Released => "released by the peer",
            Self::Aborted { .. } => "aborted by the peer",
            Self::CsmTimeout => "CSM timeout",
            Self::FrameTimeout => "frame timeout",
            Self::WriteTimeout => "peer does not read",
            Self::PingTimeout => "peer is silent",
            Self::ReleaseTimeout => "peer ignores our Release",
            Self::DrainTimeout => "answers not ready in time",
            Self::Idle => "idle",
            Self::Eof => "end of stream",
            Self::EofInMessage => "end of stream within a message",
            Self::Transport => "transport failed",
            Self::OutOfMemory => "out of memory",
        })
    }
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

macro_rules! displayed_as_phrase {
    ($($type:ident)*) => {
        $(impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.phrase(), f)
            }
        })*
    };
}

displayed_as_phrase!(Malformed Violation Closed);

impl Error for Defect {}
impl Error for Malformed {}
impl Error for Violation {}

impl Error for Closed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Malformed(malformed) => Some(malformed),
            Self::Violation(violation) => Some(violation),
            _ => None,
        }
    }
}
