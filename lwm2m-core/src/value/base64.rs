//! Base64 with the standard alphabet: how text/plain carries Opaque (FMT-12).

use super::ValueError;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Writes `bytes`, padded.
pub(super) fn encode<E>(bytes: &[u8], out: &mut dyn FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
    for chunk in bytes.chunks(3) {
        let group =
            [0, 1, 2].iter().fold(0, |group, &i| group << 8 | u32::from(chunk.get(i).copied().unwrap_or(0)));
        let mut four = [b'='; 4];
        for (i, place) in four.iter_mut().enumerate().take(chunk.len() + 1) {
            *place = ALPHABET.get((group >> (18 - 6 * i) & 63) as usize).copied().unwrap_or_default();
        }
        out(&four)?;
    }
    Ok(())
}

/// Reads `text` into the front of `out`. Padding may be missing, but not be wrong.
pub(super) fn decode<'s>(text: &[u8], out: &'s mut [u8]) -> Result<&'s [u8], ValueError> {
    let digits = unpadded(text)?;
    let len = digits.len() / 4 * 3 + (digits.len() % 4).saturating_sub(1);
    let out = out.get_mut(..len).ok_or(ValueError::Scratch)?;
    for (from, to) in digits.chunks(4).zip(out.chunks_mut(3)) {
        let mut group = 0;
        for i in 0..4 {
            group = group << 6 | from.get(i).map_or(Ok(0), |&byte| sextet(byte))?;
        }
        let [_, bytes @ ..] = group.to_be_bytes();
        // Bits behind the last byte belong to no value; set, they are another text's.
        if bytes.iter().skip(to.len()).any(|&byte| byte != 0) {
            return Err(ValueError::Malformed);
        }
        to.iter_mut().zip(bytes).for_each(|(to, byte)| *to = byte);
    }
    Ok(out)
}

fn unpadded(text: &[u8]) -> Result<&[u8], ValueError> {
    let digits = match text {
        [digits @ .., b'=', b'='] | [digits @ .., b'='] => digits,
        _ => text,
    };
    let padding = text.len() - digits.len();
    match (digits.len() % 4, padding) {
        (_, 0) | (2, 2) | (3, 1) if digits.len() % 4 != 1 => Ok(digits),
        _ => Err(ValueError::Malformed),
    }
}

fn sextet(byte: u8) -> Result<u32, ValueError> {
    let value = match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return Err(ValueError::Malformed),
    };
    Ok(u32::from(value))
}
