//! The characters of RFC 6690, section 2.

/// Of a target between `<` and `>`: what a URI may hold.
pub(super) fn is_target(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'<' | b'>' | b'"' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}')
}

/// Of an attribute's name.
pub(super) fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#' | b'$' | b'&' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~' | b'*'
        )
}

/// Of a value without quotes.
pub(super) fn is_token(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'"' | b',' | b';' | b'\\')
}

/// Of a value in quotes.
pub(super) fn is_quoted(byte: u8) -> bool {
    byte == b'\t' || !byte.is_ascii_control()
}
