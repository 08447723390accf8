//! Blocks received, of either kind, and put together in memory of the caller's.

use thiserror::Error;

use super::serve::Brief;
use super::terms::Terms;
use crate::buf::Buf;
use crate::wire::{Block, BlockSize, Code, Message, OptionNumber, Token};

/// Why a transfer that we asked for has failed. The connection stays.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum Fault {
    /// A Block option with SZX 7 where we never agreed to BERT, one that cannot be read or comes twice, or a
    /// payload that is no block of that size (B-2.2-2, B-2.3-2, B-6-2).
    #[error("malformed block")]
    Malformed,
    /// Another block than the one asked for.
    #[error("not the block that was asked for")]
    Gap,
    /// The blocks are of different representations: the ETag or the Content-Format differs (B-2.4-1).
    #[error("changed while it was read")]
    Changed,
    /// Over our limit.
    #[error("body over {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// An answer to one block that makes no sense for the whole.
    #[error("answered in the middle")]
    Unexpected,
    /// No memory for it.
    #[error("out of memory")]
    OutOfMemory,
}

/// What came of one block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Collected<A> {
    /// More is to come: for Block1 the [`Brief`] to answer with, for Block2 the block to ask for.
    More(A),
    /// That was all: the block to be named in the answer, or the last one.
    Whole(Block),
}

/// Gathers the blocks of one body in `B`, in their order.
#[derive(Clone, Debug)]
pub struct Collector<B> {
    body: B,
    limit: usize,
    /// What the first block said of the whole.
    first: Option<First>,
}

/// The first block's say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct First {
    etag: Option<Token>,
    format: Option<u32>,
}

impl First {
    fn of(message: &Message<'_>) -> Self {
        let etag = message.option(OptionNumber::ETAG).and_then(Token::new);
        Self { etag, format: message.uint(OptionNumber::CONTENT_FORMAT) }
    }
}

/// What may be wrong with a block of either kind.
enum Wrong {
    Shape,
    Gap,
    Changed,
    TooLarge,
    Full,
}

impl<B: Buf> Collector<B> {
    /// Bodies up to `limit` bytes, and no longer than `body` can hold. What `body` holds is dropped.
    pub fn new(mut body: B, limit: usize) -> Self {
        body.truncate(0);
        let limit = limit.min(body.room());
        Self { body, limit, first: None }
    }

    /// What has come so far.
    pub fn body(&self) -> &[u8] {
        self.body.as_slice()
    }

    /// The memory with the body in it.
    pub fn into_body(self) -> B {
        self.body
    }

    /// Takes a block of a large request. A block with number 0 begins anew. An error is the answer to give;
    /// the collector is of no use after it.
    pub fn handle_request(
        &mut self,
        request: &Message<'_>,
        terms: &Terms,
    ) -> Result<Collected<Brief>, Brief> {
        let block = Brief::read(request, OptionNumber::BLOCK1, terms)?;
        let Some(block) = block else {
            return Err(Brief::code(Code::BAD_REQUEST));
        };
        if block.number == 0 {
            self.body.truncate(0);
            self.first = None;
        }
        let too_large = Brief {
            code: Code::REQUEST_ENTITY_TOO_LARGE,
            block: Some(Block { more: false, ..block }),
            size1: u32::try_from(self.limit).ok(),
        };
        // A hint is enough to spare the peer the rest (B-2.5-3).
        let announced = request.uint(OptionNumber::SIZE1).filter(|_| block.more);
        if announced.is_some_and(|size| size as usize > self.limit) {
            return Err(too_large);
        }
        match self.add(request, block) {
            Ok(()) if block.more => {
                Ok(Collected::More(Brief { code: Code::CONTINUE, block: Some(block), size1: None }))
            }
            Ok(()) => Ok(Collected::Whole(block)),
            Err(Wrong::Shape) => Err(Brief::code(Code::BAD_REQUEST)),
            Err(Wrong::Gap | Wrong::Changed) => Err(Brief::code(Code::REQUEST_ENTITY_INCOMPLETE)),
            Err(Wrong::TooLarge) => Err(too_large),
            Err(Wrong::Full) => Err(Brief::code(Code::SERVICE_UNAVAILABLE)),
        }
    }

    /// Takes an answer with a block of a large body. The first one may come unasked, whatever the CSMs said:
    /// not to follow it would cut the body silently. An answer without Block2 is whole by itself if it is
    /// the first.
    pub fn handle_response(
        &mut self,
        response: &Message<'_>,
        terms: &Terms,
    ) -> Result<Collected<Block>, Fault> {
        let block = Brief::read(response, OptionNumber::BLOCK2, terms).map_err(|_| Fault::Malformed)?;
        let block = match (block, self.first) {
            (Some(block), _) => block,
            (None, None) => Block { number: 0, more: false, size: BlockSize::Bert },
            (None, Some(_)) => return Err(Fault::Unexpected),
        };
        let too_large = Fault::TooLarge { limit: self.limit };
        self.add(response, block).map_err(|wrong| match wrong {
            Wrong::Shape => Fault::Malformed,
            Wrong::Gap => Fault::Gap,
            Wrong::Changed => Fault::Changed,
            Wrong::TooLarge => too_large,
            Wrong::Full => Fault::OutOfMemory,
        })?;
        if !block.more {
            return Ok(Collected::Whole(block));
        }
        // B-2.3-1: on with the size that came; M means nothing in a request.
        let number = self.body.as_slice().len() / block.size.unit() as usize;
        let number = u32::try_from(number).ok().filter(|&n| n <= Block::MAX_NUMBER).ok_or(too_large)?;
        Ok(Collected::More(Block { number, more: false, size: block.size }))
    }

    fn add(&mut self, message: &Message<'_>, block: Block) -> Result<(), Wrong> {
        let payload = message.payload;
        if !has_shape(block, payload.len()) {
            return Err(Wrong::Shape);
        }
        if block.offset() != self.body.as_slice().len() as u64 {
            return Err(Wrong::Gap);
        }
        let (now, first) = (First::of(message), *self.first.get_or_insert(First::of(message)));
        if now.etag != first.etag || now.format.is_some() && now.format != first.format {
            return Err(Wrong::Changed);
        }
        if self.body.as_slice().len() + payload.len() > self.limit {
            return Err(Wrong::TooLarge);
        }
        self.body.append(payload).map_err(|_| Wrong::Full)
    }
}

/// B-2.3-2, B-6-2: a block that others follow is full; a BERT one is of full units.
const fn has_shape(block: Block, length: usize) -> bool {
    let unit = block.size.unit() as usize;
    match (block.size, block.more) {
        (BlockSize::Bert, true) => length > 0 && length % unit == 0,
        (BlockSize::Bert, false) => true,
        (_, true) => length == unit,
        (_, false) => length <= unit,
    }
}
