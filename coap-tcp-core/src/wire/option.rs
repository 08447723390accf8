//! Options: numbers, what the numbers say of themselves, values, and the walk over them (A.3, B.3).

use core::fmt;

use coap_numbers::option as numbers;

use crate::error::Defect;

/// An option number. Whether it is critical or unsafe follows from the number (C-5.4.6-1).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OptionNumber(pub u16);

macro_rules! options {
    ($($name:ident)*) => {
        impl OptionNumber {
            $(#[doc = concat!("See the registry of CoAP options for `", stringify!($name), "`.")]
            pub const $name: Self = Self(numbers::$name);)*
        }
    };
}

options! {
    IF_MATCH URI_HOST ETAG IF_NONE_MATCH OBSERVE URI_PORT LOCATION_PATH OSCORE URI_PATH CONTENT_FORMAT MAX_AGE
    URI_QUERY HOP_LIMIT ACCEPT LOCATION_QUERY BLOCK2 BLOCK1 SIZE2 PROXY_URI PROXY_SCHEME SIZE1 ECHO NO_RESPONSE
    REQUEST_TAG
}

impl OptionNumber {
    /// Must be understood, or the message is refused.
    pub const fn is_critical(self) -> bool {
        self.0 & 1 == 1
    }

    /// Must be understood by a proxy that forwards it.
    pub const fn is_unsafe(self) -> bool {
        self.0 & 2 == 2
    }

    /// No part of the cache key; means nothing for an unsafe option.
    pub const fn is_no_cache_key(self) -> bool {
        self.0 & 0x1e == 0x1c
    }
}

impl fmt::Display for OptionNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match numbers::to_name(self.0) {
            Some(name) => f.write_str(name),
            None => write!(f, "Option-{}", self.0),
        }
    }
}

impl fmt::Debug for OptionNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// How long a known option may be, and whether it may come twice (B.3).
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shape {
    /// Shortest value, in bytes.
    pub min: u16,
    /// Longest value, in bytes.
    pub max: u16,
    /// May occur more than once.
    pub repeatable: bool,
}

impl Shape {
    /// Whether the value has a length that it may have (C-5.4.3-1).
    pub const fn fits(&self, value: &[u8]) -> bool {
        self.min as usize <= value.len() && value.len() <= self.max as usize
    }
}

/// The shape of an option of requests and responses; `None` for one that the table does not know.
pub const fn shape(number: OptionNumber) -> Option<Shape> {
    let (min, max, repeatable) = match number {
        OptionNumber::IF_MATCH | OptionNumber::REQUEST_TAG => (0, 8, true),
        OptionNumber::URI_HOST | OptionNumber::PROXY_SCHEME => (1, 255, false),
        OptionNumber::ETAG => (1, 8, true),
        OptionNumber::IF_NONE_MATCH => (0, 0, false),
        OptionNumber::OBSERVE | OptionNumber::BLOCK1 | OptionNumber::BLOCK2 => (0, 3, false),
        OptionNumber::URI_PORT | OptionNumber::CONTENT_FORMAT | OptionNumber::ACCEPT => (0, 2, false),
        OptionNumber::LOCATION_PATH
        | OptionNumber::URI_PATH
        | OptionNumber::URI_QUERY
        | OptionNumber::LOCATION_QUERY => (0, 255, true),
        OptionNumber::OSCORE => (0, 255, false),
        OptionNumber::MAX_AGE | OptionNumber::SIZE1 | OptionNumber::SIZE2 => (0, 4, false),
        OptionNumber::HOP_LIMIT => (1, 1, false),
        OptionNumber::PROXY_URI => (1, 1034, false),
        OptionNumber::ECHO => (1, 40, false),
        OptionNumber::NO_RESPONSE => (0, 1, false),
        _ => return None,
    };
    Some(Shape { min, max, repeatable })
}

/// A uint value: up to 4 bytes, leading zeros allowed (C-3.2-1).
pub fn uint(value: &[u8]) -> Option<u32> {
    (value.len() <= 4).then(|| value.iter().fold(0, |n, &b| n << 8 | u32::from(b)))
}

/// The bytes of a uint value, and where they begin: no leading zeros, nothing for 0.
pub(crate) fn encode_uint(value: u32) -> ([u8; 4], usize) {
    (value.to_be_bytes(), value.leading_zeros() as usize / 8)
}

/// The options of a message, in the order of the wire, which is that of their numbers.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    rest: &'a [u8],
    last: u16,
}

impl<'a> Options<'a> {
    /// Over the bytes between token and payload marker. Ends at the first byte that makes no sense, so use it
    /// on checked bytes only.
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, last: 0 }
    }
}

impl<'a> Iterator for Options<'a> {
    type Item = (OptionNumber, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (number, value, rest) = split(self.rest, self.last).ok()??;
        self.rest = rest;
        self.last = number;
        Some((OptionNumber(number), value))
    }
}

type Split<'a> = (u16, &'a [u8], &'a [u8]);

/// Cuts one option off the front: its number, its value, and what follows. `None` at the end of the body and
/// at a payload marker, which can only stand where an option could start (C-3.1-5).
pub(crate) fn split(bytes: &[u8], last: u16) -> Result<Option<Split<'_>>, Defect> {
    let Some((&first, rest)) = bytes.split_first() else {
        return Ok(None);
    };
    if first == 0xff {
        return Ok(None);
    }
    if first >> 4 == 15 {
        return Err(Defect::OptionDelta);
    }
    if first & 0x0f == 15 {
        return Err(Defect::OptionLength);
    }
    let (delta, rest) = extend(first >> 4, rest)?;
    let (len, rest) = extend(first & 0x0f, rest)?;
    let number = u16::try_from(u32::from(last) + delta).map_err(|_| Defect::OptionNumber)?;
    let (value, rest) = rest.split_at_checked(len as usize).ok_or(Defect::OptionTruncated)?;
    Ok(Some((number, value, rest)))
}

/// A nibble and its extension (C-3.1-2).
fn extend(nibble: u8, rest: &[u8]) -> Result<(u32, &[u8]), Defect> {
    match (nibble, rest) {
        (13, [a, rest @ ..]) => Ok((13 + u32::from(*a), rest)),
        (14, [a, b, rest @ ..]) => Ok((269 + u32::from(u16::from_be_bytes([*a, *b])), rest)),
        (13 | 14, _) => Err(Defect::OptionTruncated),
        _ => Ok((u32::from(nibble), rest)),
    }
}

/// The bytes that announce an option, and how many they are: 1 to 5. Lengths over 65804 cannot be written;
/// the caller has checked.
pub(crate) fn encode_head(delta: u16, len: usize) -> ([u8; 5], usize) {
    let mut head = [0; 5];
    let mut used = 1;
    let mut nibble = |n: usize| {
        let (nibble, extension, wide) = super::token::encode_length(n);
        for (to, from) in head.iter_mut().skip(used).zip(extension.iter().take(wide)) {
            *to = *from;
        }
        used += wide;
        nibble
    };
    let first = nibble(usize::from(delta)) << 4 | nibble(len);
    if let Some(to) = head.first_mut() {
        *to = first;
    }
    (head, used)
}
