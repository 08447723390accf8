//! Bodies in blocks that the application of scripts serves and gathers.

use coap_tcp_core::blockwise::{Brief, Collected, Collector, Key, Terms, Wanted, Written};
use coap_tcp_core::wire::{BlockSize, Code, Writer};
use coap_tcp_core::{Buf, Incoming, Message, OptionNumber, Peer, SendError, Slots};

use crate::model::Plain;

/// Requests that are gathered at once.
const UPLOADS: usize = 2;

/// How a resource is cut.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cutting {
    /// The largest block that is sent.
    pub largest: BlockSize,
    /// The body is made anew for each block, as in firmware, and passes through a window.
    pub made: bool,
}

/// Large requests of the peer's, as far as they have come.
#[derive(Debug, Default)]
pub(super) struct Uploads(Vec<(Key, Collector<Vec<u8>>)>);

impl Uploads {
    /// Takes one block. `Err` is what to answer to it; what carries no block is whole.
    pub(super) fn collect(
        &mut self,
        request: &Message<'_>,
        wanted: &Wanted,
        terms: &Terms,
        limit: usize,
    ) -> Result<Vec<u8>, Brief> {
        let Some(block) = wanted.block1() else {
            return Ok(request.payload.to_vec());
        };
        let key = wanted.key();
        let found = self.0.iter().position(|(of, _)| *of == key).map(|at| self.0.remove(at).1);
        let mut body = match found.filter(|_| block.number > 0) {
            Some(body) => body,
            None if block.number > 0 => return Err(Brief::INCOMPLETE),
            None => Collector::new(Vec::new(), limit),
        };
        let Collected::More(brief) = body.handle_request(request, terms)? else {
            return Ok(body.into_body());
        };
        if self.0.len() >= UPLOADS {
            return Err(Brief::BUSY);
        }
        self.0.push((key, body));
        Err(brief)
    }
}

/// Answers how a transfer stands.
pub(super) fn brief<S: Slots, T: Buf + ?Sized>(
    to: &Incoming<'_>,
    brief: Brief,
    peer: &mut Peer<'_, '_, S, T>,
) -> Result<(), SendError> {
    let mut answer = peer.respond(to, brief.code)?;
    brief.write(&mut answer)?;
    answer.finish()
}

/// Writes as much of an answer as was asked for, and as goes into one message.
pub(super) fn cut<T: Buf + ?Sized>(
    writer: &mut Writer<'_, T>,
    message: &Plain,
    wanted: &Wanted,
    terms: &Terms,
    cutting: Cutting,
) -> Result<Written, SendError> {
    let (code, options, terms) = (Code(message.code), options(message), &terms.largest(cutting.largest));
    if !cutting.made {
        return wanted.write(writer, code, options, &message.payload, terms);
    }
    wanted.stream(writer, code, options, terms, |window| {
        message.payload.chunks(7).try_for_each(|piece| window.push(piece)).map_err(SendError::from)
    })
}

pub(super) fn options(message: &Plain) -> impl Iterator<Item = (OptionNumber, &[u8])> + Clone {
    message.options.iter().map(|(number, value)| (OptionNumber(*number), value.as_slice()))
}
