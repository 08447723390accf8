//! Signaling messages (RFC 8323 section 5). Each code has an option space of its own (T-5.2-1), hence a
//! module each.

use core::time::Duration;

use super::message::Message;
use super::option::{OptionNumber, uint};
use super::writer::Writer;
use crate::buf::Buf;
use crate::error::WriteError;

/// Options of 7.01 CSM.
pub mod csm {
    use super::OptionNumber;

    /// Largest whole message that the sender can receive.
    pub const MAX_MESSAGE_SIZE: OptionNumber = OptionNumber(2);
    /// The sender knows RFC 7959.
    pub const BLOCK_WISE_TRANSFER: OptionNumber = OptionNumber(4);
    /// Longest request token that the sender takes (RFC 8974).
    pub const EXTENDED_TOKEN_LENGTH: OptionNumber = OptionNumber(6);
}

/// Options of 7.02 Ping and 7.03 Pong.
pub mod ping {
    use super::OptionNumber;

    /// In a Ping: answer when all before is processed. In a Pong: it is.
    pub const CUSTODY: OptionNumber = OptionNumber(2);
}

/// Options of 7.04 Release.
pub mod release {
    use fluent_uri::UriRef;

    use super::{Duration, Message, OptionNumber, uint};

    /// Where to go instead, as `host[:port]`; repeatable.
    pub const ALTERNATIVE_ADDRESS: OptionNumber = OptionNumber(2);
    /// Seconds to stay away.
    pub const HOLD_OFF: OptionNumber = OptionNumber(4);

    /// How long not to come back; an option of more than 3 bytes is ignored (M25).
    pub fn hold_off(message: &Message<'_>) -> Option<Duration> {
        let value = message.all(HOLD_OFF).next().filter(|value| value.len() <= 3)?;
        uint(value).map(|seconds| Duration::from_secs(seconds.into()))
    }

    /// The addresses offered. What is empty, too long or no authority is passed over (T-5.5-8).
    pub fn alternatives<'a>(message: &Message<'a>) -> impl Iterator<Item = &'a str> + use<'a> {
        message.all(ALTERNATIVE_ADDRESS).filter_map(|value| {
            let text = core::str::from_utf8(value).ok().filter(|text| (1..=255).contains(&text.len()))?;
            is_authority(text).then_some(text)
        })
    }

    /// `host[:port]` without user information, as RFC 3986 has it.
    pub(crate) fn is_authority(text: &str) -> bool {
        let mut bytes = [b'/'; 2 + 255];
        let Some(to) = bytes.get_mut(2..2 + text.len()) else {
            return false;
        };
        to.copy_from_slice(text.as_bytes());
        let reference = bytes.get(..2 + text.len()).and_then(|bytes| core::str::from_utf8(bytes).ok());
        let Some(uri) = reference.and_then(|text| UriRef::parse(text).ok()) else {
            return false;
        };
        let only_authority = uri.path().is_empty() && uri.query().is_none() && uri.fragment().is_none();
        only_authority
            && uri.authority().is_some_and(|authority| {
                !authority.host().is_empty()
                    && authority.userinfo().is_none()
                    && authority.port_to_u16().is_ok()
            })
    }
}

/// Options of 7.05 Abort.
pub mod abort {
    use super::{Message, OptionNumber, uint};

    /// The CSM option that was not understood.
    pub const BAD_CSM_OPTION: OptionNumber = OptionNumber(2);

    /// That number; an option of more than 2 bytes is ignored.
    pub fn bad_csm_option(message: &Message<'_>) -> Option<u16> {
        let value = message.all(BAD_CSM_OPTION).next().filter(|value| value.len() <= 2)?;
        uint(value).and_then(|number| u16::try_from(number).ok())
    }
}

/// Whether a signaling message has Custody; a value in it makes it an unknown elective option (M24).
pub(crate) fn has_custody(message: &Message<'_>) -> bool {
    message.all(ping::CUSTODY).next().is_some_and(<[u8]>::is_empty)
}

/// What one CSM says. What it does not say keeps its value (T-5.3-2).
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Csm {
    /// Max-Message-Size.
    pub max_message_size: Option<u32>,
    /// Block-Wise-Transfer.
    pub block_wise: bool,
    /// Extended-Token-Length, at most 65804; below 8 it is ignored (X-2.2.1-1).
    pub extended_token_length: Option<u32>,
}

impl Csm {
    /// Reads all options before any of them counts (D-C-7). The error is the number of an unknown critical
    /// option (T-5.6-1), or, unless `lenient`, of a known one with a length that it may not have (T-5.6-2).
    pub fn read(message: &Message<'_>, lenient: bool) -> Result<Self, OptionNumber> {
        let mut csm = Self::default();
        let mut last = None;
        for (number, value) in message.options() {
            let again = last.replace(number) == Some(number);
            if again && !number.is_critical() {
                continue;
            }
            let limit = match number {
                csm::MAX_MESSAGE_SIZE => 4,
                csm::BLOCK_WISE_TRANSFER => 0,
                csm::EXTENDED_TOKEN_LENGTH => 3,
                _ if number.is_critical() => return Err(number),
                _ => continue,
            };
            match uint(value).filter(|_| value.len() <= limit) {
                None if lenient => {}
                None => return Err(number),
                Some(n) if number == csm::MAX_MESSAGE_SIZE => csm.max_message_size = Some(n),
                Some(n) if number == csm::EXTENDED_TOKEN_LENGTH => {
                    csm.extended_token_length = (n >= 8).then(|| n.min(65804));
                }
                Some(_) => csm.block_wise = true,
            }
        }
        Ok(csm)
    }

    /// Adds the options of this CSM to a frame.
    pub fn write<T: Buf + ?Sized>(&self, writer: &mut Writer<'_, T>) -> Result<(), WriteError> {
        if let Some(n) = self.max_message_size {
            writer.uint(csm::MAX_MESSAGE_SIZE, n)?;
        }
        if self.block_wise {
            writer.option(csm::BLOCK_WISE_TRANSFER, &[])?;
        }
        if let Some(n) = self.extended_token_length {
            writer.uint(csm::EXTENDED_TOKEN_LENGTH, n)?;
        }
        Ok(())
    }
}
