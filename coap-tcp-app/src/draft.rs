//! Messages that are written in one task and sent by another.

use bytes::Bytes;
use coap_tcp_core::uri::{Destination, Uri};
use coap_tcp_core::wire::{Block, OwnedMessage, Writer};
use coap_tcp_core::{Buf, Code, Message, OptionNumber, WriteError};

/// A message that came, kept whole in one allocation. [`OwnedMessage::view`] reads it.
pub type Received = OwnedMessage<Bytes>;

/// A message to be sent: code, options in any order, payload. The token is the connection's business.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    code: Code,
    /// Sorted by number; equal numbers stay in the order they were added.
    options: Vec<(OptionNumber, Bytes)>,
    payload: Bytes,
}

impl Draft {
    /// With nothing but a code.
    pub const fn new(code: Code) -> Self {
        Self { code, options: Vec::new(), payload: Bytes::new() }
    }

    /// A GET of a path such as `/a/b?c=d`, in which `%2F` and the like are decoded.
    pub fn get(path: &str) -> Self {
        Self::new(Code::GET).path(path)
    }

    /// A POST to a path.
    pub fn post(path: &str) -> Self {
        Self::new(Code::POST).path(path)
    }

    /// A PUT to a path.
    pub fn put(path: &str) -> Self {
        Self::new(Code::PUT).path(path)
    }

    /// A DELETE of a path.
    pub fn delete(path: &str) -> Self {
        Self::new(Code::DELETE).path(path)
    }

    /// Adds an option; options with a lower number go before it by themselves.
    #[must_use]
    pub fn option(mut self, number: OptionNumber, value: impl Into<Bytes>) -> Self {
        let at = self.options.partition_point(|&(n, _)| n <= number);
        self.options.insert(at, (number, value.into()));
        self
    }

    /// Adds an option with a uint value (C-3.2-1).
    #[must_use]
    pub fn uint(self, number: OptionNumber, value: u32) -> Self {
        let bytes = value.to_be_bytes();
        let start = value.leading_zeros() as usize / 8;
        self.option(number, Bytes::copy_from_slice(&bytes[start..]))
    }

    /// Adds Uri-Path and Uri-Query as T-8.6-1 says: nothing for `/`, one option for each segment else.
    #[must_use]
    pub fn path(mut self, path: &str) -> Self {
        let (path, query) = match path.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (path, None),
        };
        let path = path.strip_prefix('/').unwrap_or(path);
        if !path.is_empty() {
            for segment in path.split('/') {
                self = self.option(OptionNumber::URI_PATH, decode(segment));
            }
        }
        for piece in query.into_iter().flat_map(|query| query.split('&')) {
            self = self.option(OptionNumber::URI_QUERY, decode(piece));
        }
        self
    }

    /// Adds the options of a URI, as for a connection to just its host and port: none for those.
    ///
    /// # Errors
    /// None that [`Uri::parse`] has left.
    pub fn uri(mut self, uri: &Uri<'_>) -> Result<Self, WriteError> {
        let mut frame = Vec::new();
        let mut writer = Writer::new(&mut frame, self.code, &[])?;
        uri.write(Destination { host: uri.host(), port: uri.port() }, .., &mut writer)?;
        writer.finish();
        for (number, value) in Message::parse(&frame).into_iter().flat_map(|message| message.options()) {
            self = self.option(number, value.to_vec());
        }
        Ok(self)
    }

    /// Sets Content-Format and payload.
    #[must_use]
    pub fn content(self, format: u16, payload: impl Into<Bytes>) -> Self {
        self.uint(OptionNumber::CONTENT_FORMAT, format.into()).payload(payload)
    }

    /// Sets the payload.
    #[must_use]
    pub fn payload(mut self, payload: impl Into<Bytes>) -> Self {
        self.payload = payload.into();
        self
    }

    /// The code.
    pub const fn code(&self) -> Code {
        self.code
    }

    /// What another writer has written so far.
    pub(crate) fn of<T: Buf + ?Sized>(code: Code, written: &Writer<'_, T>) -> Self {
        let copy = |(number, value): (OptionNumber, &[u8])| (number, Bytes::copy_from_slice(value));
        let payload = Bytes::copy_from_slice(written.written_payload());
        Self { code, options: written.written().map(copy).collect(), payload }
    }

    /// The options, sorted.
    pub(crate) fn options(&self) -> impl Iterator<Item = (OptionNumber, &[u8])> + Clone {
        self.options.iter().map(|(number, value)| (*number, &**value))
    }

    /// The payload.
    pub(crate) const fn body(&self) -> &Bytes {
        &self.payload
    }

    /// Whether it asks for a later block by itself, so that its author wants to see blocks.
    pub(crate) fn asks_for_rest(&self) -> bool {
        let mut blocks = self.options().filter(|&(number, _)| number == OptionNumber::BLOCK2);
        blocks.any(|(_, value)| Block::read(value).is_none_or(|block| block.number > 0))
    }

    /// Whether both ask for the same: method, payload and the options that are cache keys (RFC 7252 section 5.6),
    /// Observe apart.
    pub(crate) fn asks_the_same(&self, other: &Self) -> bool {
        let key = |(number, _): &(OptionNumber, &[u8])| {
            *number != OptionNumber::OBSERVE && (number.is_critical() || !number.is_no_cache_key())
        };
        (self.code, &self.payload) == (other.code, &other.payload)
            && self.options().filter(key).eq(other.options().filter(key))
    }

    /// Whether it has an option.
    pub(crate) fn has(&self, number: OptionNumber) -> bool {
        self.options.iter().any(|&(n, _)| n == number)
    }

    /// The same without an option.
    pub(crate) fn without(mut self, number: OptionNumber) -> Self {
        self.options.retain(|&(n, _)| n != number);
        self
    }

    /// The same without ETags, and with another value in the Observe option.
    pub(crate) fn with_observe(&self, value: u32) -> Self {
        let mut draft = self.clone();
        draft.options.retain(|&(n, _)| !matches!(n, OptionNumber::OBSERVE | OptionNumber::ETAG));
        draft.uint(OptionNumber::OBSERVE, value)
    }

    /// Writes all but code and token.
    pub(crate) fn write<T: Buf + ?Sized>(&self, to: &mut Writer<'_, T>) -> Result<(), WriteError> {
        for (number, value) in &self.options {
            to.option(*number, value)?;
        }
        to.payload(&self.payload)?;
        Ok(())
    }
}

/// `%XX` to bytes; what is no such triple stays as it is.
fn decode(text: &str) -> Bytes {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let pair = after.get(..2).and_then(|pair| core::str::from_utf8(pair).ok());
        let value = pair.filter(|_| first == b'%').and_then(|pair| u8::from_str_radix(pair, 16).ok());
        bytes.push(value.unwrap_or(first));
        rest = if value.is_some() { &after[2..] } else { after };
    }
    bytes.into()
}

/// Keeps a message whose body came in blocks: without Block options, and with all of its body.
pub(crate) fn keep_with(first: &Message<'_>, body: &[u8]) -> Received {
    let mut frame = Vec::with_capacity(body.len() + 64);
    let blocks = [OptionNumber::BLOCK1, OptionNumber::BLOCK2, OptionNumber::SIZE2];
    let written =
        Writer::new(&mut frame, first.code, first.token).map_err(WriteError::from).and_then(|mut to| {
            first
                .options()
                .filter(|(number, _)| !blocks.contains(number))
                .try_for_each(|(number, value)| to.option(number, value).map(drop))?;
            to.payload(body)?;
            Ok(to.finish())
        });
    debug_assert!(written.is_ok(), "a Vec has room");
    OwnedMessage::new(frame.into()).expect("the core wrote it")
}

/// Keeps a message beyond its event.
pub fn keep(message: &Message<'_>) -> Received {
    let mut frame = Vec::new();
    let written = message.write(&mut frame);
    debug_assert!(written.is_ok(), "a Vec has room");
    OwnedMessage::new(frame.into()).expect("the core wrote it")
}
