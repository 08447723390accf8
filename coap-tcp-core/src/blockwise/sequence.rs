//! What makes blocks one body: each begins where the last one ended, and all are of one representation.

use thiserror::Error;

use super::serve::Brief;
use super::terms::Terms;
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

/// How far the blocks of one body have come. For whoever takes a body as it comes: nothing of it is kept here;
/// [`Collector`](super::Collector) is this with memory for the whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sequence {
    position: u64,
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
}

impl Sequence {
    /// The largest body that block numbers reach (B-6-3).
    const LARGEST: usize = (Block::MAX_NUMBER as usize + 1) * 1024;

    /// Nothing has come yet.
    pub const fn new() -> Self {
        Self { position: 0, first: None }
    }

    /// Bytes that have come.
    pub const fn position(&self) -> u64 {
        self.position
    }

    /// Takes a block of a large request; its payload is the next part of the body. A block with number 0 begins
    /// anew. An error is the answer to give, and the end of the transfer.
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
            *self = Self::new();
        }
        match self.add(request, block) {
            Ok(()) if block.more => {
                Ok(Collected::More(Brief { code: Code::CONTINUE, block: Some(block), size1: None }))
            }
            Ok(()) => Ok(Collected::Whole(block)),
            Err(Wrong::Shape) => Err(Brief::code(Code::BAD_REQUEST)),
            Err(Wrong::Gap | Wrong::Changed) => Err(Brief::INCOMPLETE),
        }
    }

    /// Takes an answer with a block of a large body; its payload is the next part of that. The first one may
    /// come unasked, whatever the CSMs said: not to follow it would cut the body silently. An answer without
    /// Block2 is whole by itself if it is the first.
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
        self.add(response, block).map_err(|wrong| match wrong {
            Wrong::Shape => Fault::Malformed,
            Wrong::Gap => Fault::Gap,
            Wrong::Changed => Fault::Changed,
        })?;
        if !block.more {
            return Ok(Collected::Whole(block));
        }
        // B-2.3-1: on with the size that came; M means nothing in a request.
        let number = u32::try_from(self.position / u64::from(block.size.unit())).ok();
        let number = number.filter(|&number| number <= Block::MAX_NUMBER);
        let number = number.ok_or(Fault::TooLarge { limit: Self::LARGEST })?;
        Ok(Collected::More(Block { number, more: false, size: block.size }))
    }

    fn add(&mut self, message: &Message<'_>, block: Block) -> Result<(), Wrong> {
        if !has_shape(block, message.payload.len()) {
            return Err(Wrong::Shape);
        }
        if block.offset() != self.position {
            return Err(Wrong::Gap);
        }
        let (now, first) = (First::of(message), *self.first.get_or_insert(First::of(message)));
        if now.etag != first.etag || now.format.is_some() && now.format != first.format {
            return Err(Wrong::Changed);
        }
        self.position += message.payload.len() as u64;
        Ok(())
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
