//! Names of options, and how their values are written in scripts.

use coap_numbers::{code, option, signaling_option};

/// How a value is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Format {
    Empty,
    Uint,
    Text,
    Opaque,
    Block,
}

const EXTENDED_TOKEN_LENGTH: &str = "Extended-Token-Length";

/// The name of an option of messages with this code.
pub(crate) fn option_name(of: u8, number: u16) -> Option<&'static str> {
    match (is_signal(of), of, number) {
        // RFC 8974 is not in the table of names.
        (true, code::CSM, 6) => Some(EXTENDED_TOKEN_LENGTH),
        (true, ..) => signaling_option::to_name(of, number),
        (false, ..) => option::to_name(number),
    }
}

/// The number behind a name, or behind a number.
pub(crate) fn option_number(of: u8, name: &str) -> Option<u16> {
    let named = || (0..=2056).find(|&number| option_name(of, number) == Some(name));
    name.parse().ok().or_else(named)
}

/// How values of this option are written.
pub(crate) fn format(of: u8, number: u16) -> Format {
    if is_signal(of) {
        return match (of, number) {
            (code::CSM, 4) | (code::PING | code::PONG, 2) => Format::Empty,
            (code::CSM, 2 | 6) | (code::RELEASE, 4) | (code::ABORT, 2) => Format::Uint,
            (code::RELEASE, 2) => Format::Text,
            _ => Format::Opaque,
        };
    }
    match number {
        option::IF_NONE_MATCH => Format::Empty,
        option::BLOCK1 | option::BLOCK2 => Format::Block,
        option::URI_HOST
        | option::LOCATION_PATH
        | option::URI_PATH
        | option::URI_QUERY
        | option::LOCATION_QUERY
        | option::PROXY_URI
        | option::PROXY_SCHEME => Format::Text,
        option::OBSERVE
        | option::URI_PORT
        | option::CONTENT_FORMAT
        | option::MAX_AGE
        | option::HOP_LIMIT
        | option::ACCEPT
        | option::SIZE1
        | option::SIZE2
        | option::NO_RESPONSE => Format::Uint,
        _ => Format::Opaque,
    }
}

const fn is_signal(of: u8) -> bool {
    of >> 5 == 7
}
