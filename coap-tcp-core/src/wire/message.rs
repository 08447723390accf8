//! A checked view of one frame: every accessor after [`Message::parse`] is infallible.

use core::fmt;

use super::block::Block;
use super::code::Code;
use super::head::Head;
use super::option::{OptionNumber, Options, Shape, shape, split, uint};
use crate::error::{BadOption, Defect, Malformed};

/// One message, borrowed from the bytes it came in.
///
/// There is no type, no message ID and no version: reliable transports have none (T-3.2-5).
#[derive(Clone, Copy)]
pub struct Message<'a> {
    /// The code.
    pub code: Code,
    /// The token, of any length that RFC 8974 allows.
    pub token: &'a [u8],
    options: &'a [u8],
    /// The payload; empty when there is none.
    pub payload: &'a [u8],
}

impl<'a> Message<'a> {
    /// 0.00 without token, options or payload (T-3.4-2).
    pub const EMPTY: Self = Self { code: Code::EMPTY, token: &[], options: &[], payload: &[] };

    /// Checks a whole frame in one walk. Token lengths are read as RFC 8974 has them; a limit below that is
    /// the business of whoever cut the frame.
    pub fn parse(frame: &'a [u8]) -> Result<Self, Malformed> {
        Self::with_head(frame, &Head::of(frame)?)
    }

    /// [`Message::parse`] where the head is read already.
    pub(crate) fn with_head(frame: &'a [u8], head: &Head) -> Result<Self, Malformed> {
        let whole = Malformed { defect: Defect::Length, at: 0 };
        let (_, rest) = frame.split_at_checked(head.fixed).ok_or(whole)?;
        let (token, body) = rest.split_at_checked(head.token).ok_or(whole)?;
        let at = |defect, rest: &[u8]| Malformed { defect, at: (frame.len() - rest.len()) as u32 };
        let (mut rest, mut last) = (body, 0);
        while let Some((number, _, after)) = split(rest, last).map_err(|defect| at(defect, rest))? {
            (rest, last) = (after, number);
        }
        let options = body.get(..body.len() - rest.len()).unwrap_or_default();
        let payload = match rest.split_first() {
            None => rest,
            Some((_, [])) => return Err(at(Defect::PayloadMissing, rest)),
            Some((_, payload)) => payload,
        };
        Ok(Self { code: head.code, token, options, payload })
    }

    /// All options as they came, in the order of their numbers.
    pub fn options(&self) -> Options<'a> {
        Options::new(self.options)
    }

    /// The first occurrence of an option, unless its length is none that the option may have: it then counts
    /// as unknown (C-5.4.3-1), and later occurrences always do (C-5.4.5-1).
    pub fn option(&self, number: OptionNumber) -> Option<&'a [u8]> {
        let value = self.all(number).next()?;
        self.shape(number).is_none_or(|shape| shape.fits(value)).then_some(value)
    }

    /// Signaling options have numbers of their own, which the table does not know (T-5.2-1).
    fn shape(&self, number: OptionNumber) -> Option<Shape> {
        shape(number).filter(|_| !self.code.is_signal())
    }

    /// [`Message::option`] as a uint.
    pub fn uint(&self, number: OptionNumber) -> Option<u32> {
        self.option(number).and_then(uint)
    }

    /// Every occurrence of an option.
    pub fn all(&self, number: OptionNumber) -> Segments<'a> {
        Segments { options: self.options(), number }
    }

    /// The segments of Uri-Path, raw: no percent-encoding in them, and perhaps no UTF-8.
    pub fn path(&self) -> Segments<'a> {
        self.all(OptionNumber::URI_PATH)
    }

    /// The pieces of Uri-Query.
    pub fn query(&self) -> Segments<'a> {
        self.all(OptionNumber::URI_QUERY)
    }

    /// Whether Uri-Path is just these segments.
    pub fn path_is(&self, segments: &[&str]) -> bool {
        self.path().eq(segments.iter().map(|s| s.as_bytes()))
    }

    /// Observe: 0 registers and 1 deregisters in a request (O-2-1); in a response only its presence counts
    /// (O-7.1-1).
    pub fn observe(&self) -> Option<u32> {
        self.uint(OptionNumber::OBSERVE)
    }

    /// Block1 or Block2 (B-2.2-1). More than 3 bytes is a bad option, since both are critical.
    pub fn block(&self, which: OptionNumber) -> Result<Option<Block>, BadOption> {
        match self.all(which).next() {
            None => Ok(None),
            Some(value) => Block::read(value).map(Some).ok_or(BadOption(which.0)),
        }
    }

    /// The first critical option that is not in `known`, has a length that it may not have, or comes once too
    /// often (C-5.4.1-2, C-5.4.3-1, C-5.4.5-1).
    pub fn unknown_critical(&self, known: &[OptionNumber]) -> Option<OptionNumber> {
        let mut last = None;
        self.options().find_map(|(number, value)| {
            let again = last.replace(number) == Some(number);
            let fits = known.contains(&number)
                && self.shape(number).is_none_or(|shape| shape.fits(value) && (shape.repeatable || !again));
            (number.is_critical() && !fits).then_some(number)
        })
    }
}

/// One line: code, token, options, size of the payload. Bytes are escaped, so it is safe to log.
impl fmt::Display for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if !self.token.is_empty() {
            f.write_str(" token=")?;
            self.token.iter().try_for_each(|b| write!(f, "{b:02x}"))?;
        }
        for (number, value) in self.options() {
            let signal = match self.code.is_signal() {
                true => coap_numbers::signaling_option::to_name(self.code.0, number.0),
                false => None,
            };
            match signal {
                Some(name) => write!(f, " {name}=")?,
                None if self.code.is_signal() => write!(f, " Option-{}=", number.0)?,
                None => write!(f, " {number}=")?,
            }
            show(f, value, is_text(self.code, number))?;
        }
        match self.payload.len() {
            0 => Ok(()),
            n => write!(f, " [{n} bytes]"),
        }
    }
}

impl fmt::Debug for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn is_text(code: Code, number: OptionNumber) -> bool {
    if code.is_signal() {
        return code == Code::RELEASE && number.0 == 2;
    }
    matches!(
        number,
        OptionNumber::URI_HOST
            | OptionNumber::URI_PATH
            | OptionNumber::URI_QUERY
            | OptionNumber::LOCATION_PATH
            | OptionNumber::LOCATION_QUERY
            | OptionNumber::PROXY_URI
            | OptionNumber::PROXY_SCHEME
    )
}

fn show(f: &mut fmt::Formatter<'_>, value: &[u8], text: bool) -> fmt::Result {
    match uint(value) {
        _ if text => write!(f, "\"{}\"", value.escape_ascii()),
        Some(n) => write!(f, "{n}"),
        None => value.iter().try_for_each(|b| write!(f, "{b:02x}")),
    }
}

/// The values of one repeatable option, in order.
#[derive(Clone, Debug)]
pub struct Segments<'a> {
    options: Options<'a>,
    number: OptionNumber,
}

impl<'a> Iterator for Segments<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<Self::Item> {
        self.options
            .find(|&(number, _)| number >= self.number)
            .filter(|&(n, _)| n == self.number)
            .map(|(_, v)| v)
    }
}
