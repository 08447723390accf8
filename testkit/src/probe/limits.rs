//! What the peer's CSMs say.

use coap_numbers::code;

use crate::model::Plain;

/// Base values, and what later CSMs make of them (T-5.3-2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Limits {
    pub(super) max_message_size: u64,
    pub(super) block_wise: bool,
    pub(super) token_length: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_message_size: 1152, block_wise: false, token_length: 8 }
    }
}

impl Limits {
    /// Takes a CSM in; other messages change nothing.
    pub(super) fn take(&mut self, message: &Plain) {
        if message.code != code::CSM {
            return;
        }
        for (number, value) in &message.options {
            let uint = value.iter().fold(0_u64, |n, &byte| n << 8 | u64::from(byte));
            match number {
                2 if value.len() <= 4 => self.max_message_size = uint,
                4 => self.block_wise = true,
                6 if value.len() <= 3 && uint >= 8 => self.token_length = uint,
                _ => {}
            }
        }
    }
}
