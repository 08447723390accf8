//! Appends one frame to a buffer.

use core::fmt::{self, Write as _};

use super::code::Code;
use super::head::encode_length as encode_body_length;
use super::message::Message;
use super::option::{OptionNumber, Options, encode_head, encode_uint, split};
use super::token::encode_length as encode_token_length;
use crate::buf::Buf;
use crate::error::{Full, WriteError};

/// Room left for the lengths, which are known last: byte 0 and up to 4 bytes of extended Len. What is not
/// used of it is closed up by [`Writer::finish`].
const GAP: usize = 5;

/// The longest token that TKL can express.
const LONGEST_TOKEN: usize = 269 + u16::MAX as usize;

/// The longest value that an option's length can express.
const LONGEST_VALUE: usize = LONGEST_TOKEN;

/// The longest body that Len can express.
const MAX_BODY: u64 = 65805 + u32::MAX as u64;

/// One frame under way. Dropped without [`Writer::finish`], it leaves the buffer as it was.
///
/// While it is written it takes up to 4 bytes more than the finished frame.
#[derive(Debug)]
pub struct Writer<'t, T: Buf + ?Sized> {
    tx: &'t mut T,
    start: usize,
    body: usize,
    last: u16,
    /// Where the payload begins, once there is a marker.
    payload: Option<usize>,
    open: bool,
}

impl<'t, T: Buf + ?Sized> Writer<'t, T> {
    /// Begins a frame. The token may have up to 65804 bytes; what the peer takes is for the caller to know.
    pub fn new(tx: &'t mut T, code: Code, token: &[u8]) -> Result<Self, Full> {
        let start = tx.as_slice().len();
        if token.len() > LONGEST_TOKEN {
            return Err(Full);
        }
        let (nibble, extension, wide) = encode_token_length(token.len());
        let mut writer = Self { tx, start, body: start, last: 0, payload: None, open: true };
        writer.tx.append(&[0, 0, 0, 0, nibble, code.0])?;
        writer.tx.append(extension.get(..wide).unwrap_or_default())?;
        writer.tx.append(token)?;
        writer.body = writer.tx.as_slice().len();
        Ok(writer)
    }

    /// Adds an option. Numbers must not fall, and no option can follow the payload (C-3.1-1).
    pub fn option(&mut self, number: OptionNumber, value: &[u8]) -> Result<&mut Self, WriteError> {
        let delta = number.0.checked_sub(self.last).ok_or(WriteError::Order)?;
        if self.payload.is_some() {
            return Err(WriteError::Order);
        }
        if value.len() > LONGEST_VALUE {
            return Err(Full.into());
        }
        let (head, used) = encode_head(delta, value.len());
        self.append(&[head.get(..used).unwrap_or_default(), value])?;
        self.last = number.0;
        Ok(self)
    }

    /// Adds an option with a uint value, without leading zeros (C-3.2-1).
    pub fn uint(&mut self, number: OptionNumber, value: u32) -> Result<&mut Self, WriteError> {
        let (bytes, start) = encode_uint(value);
        self.option(number, bytes.get(start..).unwrap_or_default())
    }

    /// Adds one option for each value, as Uri-Path has one for each segment.
    pub fn options<V: AsRef<[u8]>>(
        &mut self,
        number: OptionNumber,
        values: impl IntoIterator<Item = V>,
    ) -> Result<&mut Self, WriteError> {
        for value in values {
            self.option(number, value.as_ref())?;
        }
        Ok(self)
    }

    /// Replaces the value of an option that is there already by one of the same length, for what is known
    /// last: an ETag, or Block2's M. `false` when there is none such.
    pub fn patch(&mut self, number: OptionNumber, value: &[u8]) -> bool {
        let mut rest = self.tx.as_slice().get(self.body..).unwrap_or_default();
        let (end, mut last) = (self.tx.as_slice().len(), 0);
        while let Ok(Some((n, old, after))) = split(rest, last) {
            if n == number.0 && old.len() == value.len() {
                let at = end - after.len() - old.len();
                if let Some(old) = self.tx.as_mut_slice().get_mut(at..at + value.len()) {
                    old.copy_from_slice(value);
                }
                return true;
            }
            (rest, last) = (after, n);
        }
        false
    }

    /// Adds to the payload. The first byte brings the marker with it; nothing brings nothing (C-3-2).
    pub fn payload(&mut self, bytes: &[u8]) -> Result<&mut Self, WriteError> {
        if bytes.is_empty() {
            return Ok(self);
        }
        match self.payload {
            Some(_) => self.append(&[bytes])?,
            None => {
                let marker = self.tx.as_slice().len();
                self.append(&[&[0xff], bytes])?;
                self.payload = Some(marker + 1);
            }
        }
        Ok(self)
    }

    /// Adds text to the payload, all of it or none.
    pub fn text(&mut self, text: fmt::Arguments<'_>) -> Result<&mut Self, WriteError> {
        let text_of =
            |payload: &mut dyn Buf| Text(payload).write_fmt(text).map_err(|_| WriteError::Full(Full));
        self.payload_with(text_of)
    }

    /// Lends the payload as a buffer to something that writes, patches and measures by itself, such as a
    /// content format. Where `fill` fails, what it appended is gone.
    pub fn payload_with<E: From<Full>>(
        &mut self,
        fill: impl FnOnce(&mut dyn Buf) -> Result<(), E>,
    ) -> Result<&mut Self, E> {
        let before = self.tx.as_slice().len();
        let start = match self.payload {
            Some(start) => start,
            None => {
                self.append(&[&[0xff]])?;
                before + 1
            }
        };
        let mut payload = Payload { tx: &mut *self.tx, start };
        let filled = fill(&mut payload);
        if filled.is_err() {
            self.tx.truncate(before);
        }
        let empty = self.tx.as_slice().len() <= start;
        if empty {
            self.tx.truncate(start - 1);
        }
        self.payload = (!empty).then_some(start);
        filled.map(|()| self)
    }

    /// Bytes of the token; its extension is not counted.
    pub(crate) fn token_len(&self) -> usize {
        let prefix = self.tx.as_slice().get(self.start + GAP - 1..).unwrap_or_default();
        let wide = match prefix.first().map_or(0, |tkl| tkl & 0x0f) {
            13 => 1,
            14 => 2,
            _ => 0,
        };
        (self.body - self.start).saturating_sub(GAP + 1 + wide)
    }

    /// The options written so far.
    pub fn written(&self) -> Options<'_> {
        Options::new(self.tx.as_slice().get(self.body..).unwrap_or_default())
    }

    /// The payload written so far.
    pub fn written_payload(&self) -> &[u8] {
        self.payload.and_then(|start| self.tx.as_slice().get(start..)).unwrap_or_default()
    }

    /// The size that the frame has if finished now.
    pub fn size(&self) -> usize {
        self.extent().1
    }

    /// Takes back options and payload, and changes the code.
    pub(crate) fn restart(&mut self, code: Code) {
        self.tx.truncate(self.body);
        (self.last, self.payload) = (0, None);
        self.set_code(code);
    }

    /// Changes the code, and nothing else.
    pub(crate) fn set_code(&mut self, code: Code) {
        if let Some(to) = self.tx.as_mut_slice().get_mut(self.start + GAP) {
            *to = code.0;
        }
    }

    /// Bytes that the buffer still takes.
    #[cfg(feature = "coap-message")]
    pub(crate) fn tx_room(&self) -> usize {
        self.tx.room()
    }

    /// The payload written so far, to patch.
    #[cfg(feature = "coap-message")]
    pub(crate) fn payload_mut(&mut self) -> &mut [u8] {
        let start = self.payload.unwrap_or(usize::MAX);
        self.tx.as_mut_slice().get_mut(start..).unwrap_or_default()
    }

    /// The value of each option written so far, to patch.
    #[cfg(feature = "coap-message")]
    pub(crate) fn each_value(&mut self, mut patch: impl FnMut(u16, &mut [u8])) {
        let end = self.tx.as_slice().len();
        let (mut at, mut last) = (self.body, 0);
        while let Ok(Some((number, value, rest))) =
            split(self.tx.as_slice().get(at..).unwrap_or_default(), last)
        {
            (at, last) = (end - rest.len(), number);
            let begin = at - value.len();
            if let Some(value) = self.tx.as_mut_slice().get_mut(begin..at) {
                patch(number, value);
            }
        }
    }

    /// Where the buffer ended before this frame, and the size that the frame has if finished now.
    pub(crate) fn extent(&self) -> (usize, usize) {
        let end = self.tx.as_slice().len();
        let (_, _, wide) = encode_body_length(end - self.body);
        (self.start, end - self.start - GAP + 1 + wide)
    }

    /// What the buffer can hold in all.
    pub(crate) fn capacity(&self) -> usize {
        self.tx.room().saturating_add(self.tx.as_slice().len())
    }

    /// Writes the lengths, closes the gap, and gives the size of the frame.
    pub fn finish(mut self) -> usize {
        let end = self.tx.as_slice().len();
        let (nibble, extension, wide) = encode_body_length(end - self.body);
        let unused = GAP - 1 - wide;
        let frame = self.tx.as_mut_slice().get_mut(self.start..).unwrap_or_default();
        let tkl = frame.get(GAP - 1).copied().unwrap_or_default();
        if let Some([first, rest @ ..]) = frame.get_mut(unused..GAP) {
            *first = nibble << 4 | tkl;
            rest.iter_mut().zip(extension).for_each(|(to, from)| *to = from);
        }
        if unused > 0 {
            frame.copy_within(unused.., 0);
            self.tx.truncate(end - unused);
        }
        self.open = false;
        end - unused - self.start
    }

    /// All of `parts`, or none of them.
    fn append(&mut self, parts: &[&[u8]]) -> Result<(), Full> {
        let before = self.tx.as_slice().len();
        let added: usize = parts.iter().map(|part| part.len()).sum();
        if (before - self.body + added) as u64 > MAX_BODY {
            return Err(Full);
        }
        let appended = parts.iter().try_for_each(|part| self.tx.append(part));
        if appended.is_err() {
            self.tx.truncate(before);
        }
        appended
    }
}

impl<T: Buf + ?Sized> Drop for Writer<'_, T> {
    fn drop(&mut self) {
        if self.open {
            self.tx.truncate(self.start);
        }
    }
}

/// The payload of a frame under way, as a buffer that cannot touch what is before it.
#[derive(Debug)]
pub struct Payload<'w, T: Buf + ?Sized> {
    tx: &'w mut T,
    start: usize,
}

impl<T: Buf + ?Sized> Buf for Payload<'_, T> {
    fn as_slice(&self) -> &[u8] {
        self.tx.as_slice().get(self.start..).unwrap_or_default()
    }

    fn as_mut_slice(&mut self) -> &mut [u8] {
        self.tx.as_mut_slice().get_mut(self.start..).unwrap_or_default()
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), Full> {
        self.tx.append(bytes)
    }

    fn truncate(&mut self, len: usize) {
        self.tx.truncate(self.start.saturating_add(len));
    }

    fn consume(&mut self, n: usize) {
        let payload = self.as_mut_slice();
        let n = n.min(payload.len());
        payload.copy_within(n.., 0);
        let left = payload.len() - n;
        self.truncate(left);
    }

    fn room(&self) -> usize {
        self.tx.room()
    }
}

struct Text<'a>(&'a mut dyn Buf);

impl fmt::Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.append(text.as_bytes()).map_err(|_| fmt::Error)
    }
}

impl Message<'_> {
    /// Appends this message in its canonical form, and gives its size.
    pub fn write<T: Buf + ?Sized>(&self, tx: &mut T) -> Result<usize, Full> {
        let full = |_| Full;
        let mut writer = Writer::new(tx, self.code, self.token)?;
        for (number, value) in self.options() {
            writer.option(number, value).map_err(full)?;
        }
        writer.payload(self.payload).map_err(full)?;
        Ok(writer.finish())
    }
}
