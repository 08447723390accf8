//! Answers: those that are only about blocks, and those that are cut into them.

use super::key::{Hash, Key};
use super::merge::{Extra, merge, size_of, write};
use super::stock::Stock;
use super::terms::Terms;
use super::window::Window;
use crate::buf::Buf;
use crate::error::{Full, SendError, WriteError};
use crate::wire::{Block, BlockSize, Code, Message, OptionNumber, Writer};

/// An answer that says only how a transfer stands: 2.31, or why it ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Brief {
    /// 2.31, 4.00, 4.02, 4.08, 4.13 or 5.03.
    pub code: Code,
    /// For Block1.
    pub(super) block: Option<Block>,
    /// The most that we take (B-2.5-3).
    pub(super) size1: Option<u32>,
}

impl Brief {
    /// 4.08: the blocks before this one are not here, or not any more (B-2.5-2).
    pub const INCOMPLETE: Self = Self::code(Code::REQUEST_ENTITY_INCOMPLETE);

    /// 4.00: there is no such block.
    pub const BEYOND: Self = Self::code(Code::BAD_REQUEST);

    /// 5.03: too many transfers at once (B-2.4-2).
    pub const BUSY: Self = Self::code(Code::SERVICE_UNAVAILABLE);

    pub(super) const fn code(code: Code) -> Self {
        Self { code, block: None, size1: None }
    }

    /// A Block option, where it is one (B-2.1-1) and of a size that was agreed upon (B-2.2-2).
    pub(super) fn read(
        message: &Message<'_>,
        which: OptionNumber,
        terms: &Terms,
    ) -> Result<Option<Block>, Self> {
        let block = message.block(which).map_err(|_| Self::code(Code::BAD_OPTION))?;
        if message.all(which).nth(1).is_some() {
            return Err(Self::code(Code::BAD_OPTION));
        }
        match block {
            Some(block) if !terms.accepts(block.size) => Err(Self::code(Code::BAD_REQUEST)),
            block => Ok(block),
        }
    }

    /// Writes its options; the writer has been begun with its code.
    pub fn write<T: Buf + ?Sized>(&self, writer: &mut Writer<'_, T>) -> Result<(), WriteError> {
        if let Some(block) = self.block {
            writer.uint(OptionNumber::BLOCK1, block.value())?;
        }
        if let Some(size) = self.size1 {
            writer.uint(OptionNumber::SIZE1, size)?;
        }
        Ok(())
    }
}

/// How the answer to a request is to be cut: what its Block options ask for, and which operation it belongs
/// to. Outlives the request, for answers that come later and for notifications.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wanted {
    key: Key,
    block1: Option<Block>,
    block2: Option<Block>,
}

/// What has been written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Written {
    /// The whole answer.
    Whole,
    /// One block of it; `more` follow.
    Part {
        /// It is not the last one.
        more: bool,
    },
    /// Nothing: the body has no such block. [`Brief::BEYOND`] is the answer.
    Beyond,
}

/// Where an answer is cut.
struct Cut {
    block: Block,
    offset: usize,
    takes: usize,
}

impl Wanted {
    /// Of a request. An error is the answer to give (B-2.1-1, B-2.2-2).
    pub fn of(request: &Message<'_>, terms: &Terms) -> Result<Self, Brief> {
        let block1 = Brief::read(request, OptionNumber::BLOCK1, terms)?;
        let block2 = Brief::read(request, OptionNumber::BLOCK2, terms)?;
        Ok(Self { key: Key::of(request), block1, block2 })
    }

    /// The operation.
    pub const fn key(&self) -> Key {
        self.key
    }

    /// The block of the body that the request carries.
    pub const fn block1(&self) -> Option<Block> {
        self.block1
    }

    /// Whether it asks for nothing special.
    pub const fn is_plain(&self) -> bool {
        self.block1.is_none() && self.block2.is_none()
    }

    /// The first byte of the answer that it asks for (B-6-3).
    pub fn offset(&self) -> u64 {
        self.block2.map_or(0, |block| block.offset())
    }

    /// Whether it asks for more of an answer of which it has the first block.
    pub fn continues(&self) -> bool {
        self.block1.is_none() && self.block2.is_some_and(|block| block.number > 0)
    }

    /// The same for a notification: its first block, no larger than the registration wanted (B-2.6-1).
    pub const fn notification(self) -> Self {
        let block2 = match self.block2 {
            Some(block) => Some(Block { number: 0, ..block }),
            None => None,
        };
        Self { block1: None, block2, ..self }
    }

    /// Writes an answer, or the block of it that was asked for. `options` are those of the whole, sorted, and
    /// nothing but code and token is in `writer` yet; Block2 and an ETag are added where it is cut (B-2.4-1).
    /// Options that already speak of Block2 are left as they are.
    ///
    /// [`SendError::TooLarge`]: it does not fit, and the peer has not said that it takes blocks (D-C-6).
    pub fn write<'o, T: Buf + ?Sized>(
        &self,
        writer: &mut Writer<'_, T>,
        code: Code,
        options: impl Iterator<Item = (OptionNumber, &'o [u8])> + Clone,
        body: &[u8],
        terms: &Terms,
    ) -> Result<Written, SendError> {
        let token = writer.token_len();
        let has = |wanted| options.clone().any(|(number, _)| number == wanted);
        let ack = self.acknowledgement();
        let whole = [ack];
        let room = terms.room(token, size_of(merge(options.clone(), &whole)));
        if has(OptionNumber::BLOCK2) || self.goes_whole(code, body.len(), room, terms) {
            write(writer, merge(options, &whole))?;
            writer.payload(body)?;
            return Ok(Written::Whole);
        }
        let tag = (!has(OptionNumber::ETAG)).then(|| Extra::etag(etag(options.clone(), body)));
        let total = Extra::uint(OptionNumber::SIZE2, u32::try_from(body.len()).unwrap_or(u32::MAX));
        let extras = |block: u32, first: bool| {
            [tag, Some(Extra::uint(OptionNumber::BLOCK2, block)), ack, first.then_some(total)]
        };
        let widest = extras(0x00ff_ffff, true);
        let room = terms.room(token, size_of(merge(options.clone(), &widest)));
        let Some(Cut { block, offset, takes }) = self.cut(code, Some(body.len()), room, terms)? else {
            return Ok(Written::Beyond);
        };
        let first = offset == 0;
        // B-2.6-1: only the first block notifies.
        let options = options.filter(move |&(number, _)| first || number != OptionNumber::OBSERVE);
        write(writer, merge(options, &extras(block.value(), first)))?;
        writer.payload(body.get(offset..offset + takes).unwrap_or_default())?;
        Ok(Written::Part { more: block.more })
    }

    /// [`Wanted::write`] for a body that nobody keeps: `produce` makes all of it, for each block again, and
    /// the [`Window`] lets through what was asked for. The ETag is a hash over all of it, so a body that
    /// changes meanwhile is noticed by the peer.
    pub fn stream<'o, T: Buf + ?Sized, E: From<Full> + From<SendError>>(
        &self,
        writer: &mut Writer<'_, T>,
        code: Code,
        options: impl Iterator<Item = (OptionNumber, &'o [u8])> + Clone,
        terms: &Terms,
        produce: impl FnOnce(&mut Window<'_>) -> Result<(), E>,
    ) -> Result<Written, E> {
        let token = writer.token_len();
        let ack = self.acknowledgement();
        let extras =
            |block: u32| [Some(Extra::etag([0; 8])), Some(Extra::uint(OptionNumber::BLOCK2, block)), ack];
        let widest = extras(0x00ff_ffff);
        let options = options.filter(|&(number, _)| number != OptionNumber::ETAG);
        let room = terms.room(token, size_of(merge(options.clone(), &widest)));
        let cut = self.cut(code, None, room, terms)?;
        let Some(Cut { block, offset, takes }) = cut else {
            return Ok(Written::Beyond);
        };
        let first = offset == 0;
        let options = options.filter(move |&(number, _)| first || number != OptionNumber::OBSERVE);
        write(writer, merge(options.clone(), &extras(block.value()))).map_err(SendError::from)?;
        let mut seen = None;
        writer.payload_with(|payload| {
            let mut window = Window::new(payload, offset as u64, takes);
            produce(&mut window)?;
            seen = Some((window.length(), window.etag()));
            Ok::<(), E>(())
        })?;
        let (length, tag) = seen.unwrap_or_default();
        if !first && length <= offset as u64 {
            return Ok(Written::Beyond);
        }
        let more = length > (offset + takes) as u64;
        if more && self.block2.is_none() && !terms.may_offer {
            return Err(too_large(terms).into());
        }
        writer.patch(OptionNumber::ETAG, &tag);
        let (value, wide) = value_of(block);
        if let Some(value) = value.get(3 - wide..).filter(|_| !more) {
            writer.patch(OptionNumber::BLOCK2, value);
        }
        Ok(Written::Part { more })
    }

    /// [`Wanted::write`] for a body that is made while it is sent: `stock` begins at [`Wanted::offset`], and
    /// `fill` appends the first so many bytes of it. Gives these bytes, too. Where the answer is cut, `options` should
    /// have an ETag that no other body has (B-2.4-1).
    pub fn write_from<'o, T: Buf + ?Sized>(
        &self,
        writer: &mut Writer<'_, T>,
        code: Code,
        options: impl Iterator<Item = (OptionNumber, &'o [u8])> + Clone,
        stock: Stock,
        terms: &Terms,
        fill: impl FnOnce(usize, &mut dyn Buf) -> Result<(), Full>,
    ) -> Result<(Written, usize), SendError> {
        let token = writer.token_len();
        let ack = self.acknowledgement();
        let whole = [ack];
        let room = terms.room(token, size_of(merge(options.clone(), &whole)));
        if stock.ended && self.offset() == 0 && self.goes_whole(code, stock.ready, room, terms) {
            write(writer, merge(options, &whole))?;
            writer.payload_with(|payload| fill(stock.ready, payload))?;
            return Ok((Written::Whole, stock.ready));
        }
        let first = self.offset() == 0;
        let total = stock.total.filter(|_| first).map(|total| Extra::uint(OptionNumber::SIZE2, total));
        let extras = |block: u32| [Some(Extra::uint(OptionNumber::BLOCK2, block)), ack, total];
        let widest = extras(0x00ff_ffff);
        let room = terms.room(token, size_of(merge(options.clone(), &widest)));
        if !first && stock.ended && stock.ready == 0 {
            return Ok((Written::Beyond, 0));
        }
        let (most, left) = stock.limits(room);
        let (block, takes) = self.fit(code, left, most, terms)?;
        if block.more {
            self.may_offer(terms)?;
        }
        let options = options.filter(move |&(number, _)| first || number != OptionNumber::OBSERVE);
        write(writer, merge(options, &extras(block.value())))?;
        writer.payload_with(|payload| fill(takes, payload))?;
        Ok((Written::Part { more: block.more }, takes))
    }

    /// B-2.5-1: the answer to the last block names it.
    fn acknowledgement(&self) -> Option<Extra> {
        self.block1.map(|block| Extra::uint(OptionNumber::BLOCK1, Block { more: false, ..block }.value()))
    }

    /// D-E-5: not cut where it fits and nobody has asked for less. Errors are never cut by number.
    fn goes_whole(&self, code: Code, length: usize, room: usize, terms: &Terms) -> bool {
        let most = match self.block2 {
            Some(block) if code.is_success() && block.number > 0 => return false,
            Some(Block { size: BlockSize::Bert, .. }) | None => match terms.at_most(BlockSize::Bert) {
                BlockSize::Bert | BlockSize::B1024 => room,
                size => room.min(size.unit() as usize),
            },
            Some(block) => room.min(terms.at_most(block.size).unit() as usize),
        };
        length <= most
    }

    /// `None`: beyond the end.
    fn cut(
        &self,
        code: Code,
        length: Option<usize>,
        room: usize,
        terms: &Terms,
    ) -> Result<Option<Cut>, SendError> {
        let offset = self.offset_of(code);
        let offset = usize::try_from(offset).map_err(|_| too_large(terms))?;
        let left = match length {
            Some(length) if offset >= length && offset > 0 => return Ok(None),
            Some(length) => length - offset,
            None => usize::MAX - offset,
        };
        let (block, takes) = self.fit(code, left, room, terms)?;
        if block.more && length.is_some() {
            self.may_offer(terms)?;
        }
        Ok(Some(Cut { block, offset, takes }))
    }

    /// Errors are never cut by number.
    fn offset_of(&self, code: Code) -> u64 {
        if code.is_success() { self.offset() } else { 0 }
    }

    fn fit(&self, code: Code, left: usize, room: usize, terms: &Terms) -> Result<(Block, usize), SendError> {
        let offset = usize::try_from(self.offset_of(code)).map_err(|_| too_large(terms))?;
        let size = self.block2.map_or(BlockSize::Bert, |block| block.size);
        terms.fit(offset, left, room, size).ok_or(too_large(terms))
    }

    /// Whether blocks may follow that nobody has asked for (D-C-6).
    const fn may_offer(&self, terms: &Terms) -> Result<(), SendError> {
        match (self.block2, terms) {
            (Some(_), _) | (None, Terms { settled: true, may_offer: true, .. }) => Ok(()),
            (None, Terms { settled: false, .. }) => Err(SendError::NotReady),
            (None, _) => Err(too_large(terms)),
        }
    }
}

const fn too_large(terms: &Terms) -> SendError {
    SendError::TooLarge { limit: terms.max_message_size }
}

/// Block2 without M, in as many bytes as it has with M.
fn value_of(block: Block) -> ([u8; 3], usize) {
    let with = Block { more: true, ..block }.value();
    let [_, value @ ..] = Block { more: false, ..block }.value().to_be_bytes();
    (value, 4 - with.leading_zeros() as usize / 8)
}

/// Of the whole body, and of its format, since other formats are other representations (B-2.4-1).
fn etag<'o>(options: impl Iterator<Item = (OptionNumber, &'o [u8])>, body: &[u8]) -> [u8; 8] {
    let mut hash = Hash::NEW;
    options.filter(|&(n, _)| n == OptionNumber::CONTENT_FORMAT).for_each(|(_, format)| hash.add(format));
    hash.add(body);
    hash.etag()
}
