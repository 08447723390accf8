//! What a server says: answers to its devices, and requests to them.

use coap_tcp_core::wire::{OptionNumber, Writer};
use coap_tcp_core::{Buf, Code, Incoming, Peer, SendError, Slots, WriteError};

use super::registration::RegistrationId;
use crate::content::ContentFormat;
use crate::operation::Operation;
use crate::path::Path;

/// 2.01 with the location (REG-30).
pub(super) fn created<S: Slots, T: Buf + ?Sized>(
    id: RegistrationId,
    request: &Incoming<'_>,
    peer: &mut Peer<'_, '_, S, T>,
) -> Result<(), SendError> {
    let mut answer = peer.respond(request, Code::CREATED)?;
    answer.option(OptionNumber::LOCATION_PATH, b"rd")?;
    answer.option(OptionNumber::LOCATION_PATH, &id.digits())?;
    answer.finish()
}

/// A code and nothing else.
pub(super) fn say<S: Slots, T: Buf + ?Sized>(
    code: Code,
    request: &Incoming<'_>,
    peer: &mut Peer<'_, '_, S, T>,
) -> Result<(), SendError> {
    peer.respond(request, code)?.finish()
}

/// The options of a request to a device: what the operation wants, where, and in which format the answer.
pub(super) fn target<T: Buf + ?Sized>(
    request: &mut Writer<'_, T>,
    operation: Operation,
    root: &str,
    path: Path,
    accept: Option<ContentFormat>,
) -> Result<(), WriteError> {
    if let Some(observe) = operation.rule().observe {
        request.uint(OptionNumber::OBSERVE, observe)?;
    }
    // Every path is behind the root that the device has declared (REG-23).
    request.options(OptionNumber::URI_PATH, root.split('/').filter(|segment| !segment.is_empty()))?;
    for id in path.ids() {
        let (digits, start) = decimal(*id);
        request.option(OptionNumber::URI_PATH, digits.get(start..).unwrap_or_default())?;
    }
    if let Some(format) = accept {
        request.uint(OptionNumber::ACCEPT, format.0.into())?;
    }
    Ok(())
}

/// Five digits, and where the first that counts is.
fn decimal(id: u16) -> ([u8; 5], usize) {
    let digit = |unit: u16| b'0' + (id / unit % 10) as u8;
    let digits = [10_000, 1000, 100, 10, 1].map(digit);
    let start = digits.iter().position(|digit| *digit != b'0').unwrap_or(4);
    (digits, start)
}
