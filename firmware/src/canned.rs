//! A peer for images without a network: what it says is written down here.

use coap_tcp_core::wire::{OptionNumber, Writer};
use coap_tcp_core::{Buf, Code, Fixed};

/// One frame: a code, a token, options in their order, a payload. Empty where it does not fit, which ends the
/// connection it is meant for.
pub fn frame(code: Code, token: &[u8], options: &[(OptionNumber, &[u8])], payload: &[u8]) -> Fixed<512> {
    let mut frame = Fixed::new();
    if let Ok(mut writer) = Writer::new(&mut frame, code, token) {
        let written = options.iter().try_for_each(|(number, value)| writer.option(*number, value).map(drop));
        if written.and_then(|()| writer.payload(payload).map(drop)).is_ok() {
            writer.finish();
        }
    }
    frame
}

/// The token of the last message in what was said, which is taken.
pub fn hear(tx: &mut dyn Buf) -> Option<(Code, [u8; 8], usize)> {
    use coap_tcp_core::wire::{Prefix, head};
    let mut last = None;
    let mut rest = tx.as_slice();
    while let Ok(Prefix::Head(head)) = head(rest, false) {
        let (frame, after) = rest.split_at_checked(usize::try_from(head.total()).ok()?)?;
        let mut token = [0; 8];
        let from = frame.get(head.fixed..head.fixed + head.token)?;
        token.get_mut(..head.token)?.copy_from_slice(from);
        last = Some((head.code, token, head.token));
        rest = after;
    }
    let all = tx.as_slice().len();
    tx.consume(all);
    last
}
