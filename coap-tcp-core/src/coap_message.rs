//! The community's message traits (crate [`coap_message`]) for our view and our writers: what serves requests
//! through them, such as the handlers of `coap-handler-implementations`, serves them over TCP.
//!
//! ```
//! # use coap_tcp_core::{Buf, Code, Incoming, Peer, SendError, Slots};
//! use coap_handler::Handler;
//! use coap_message::error::RenderableOnMinimal;
//!
//! fn serve<S: Slots, T: Buf>(
//!     handler: &mut impl Handler,
//!     request: &Incoming<'_>,
//!     peer: &mut Peer<'_, '_, S, T>,
//! ) -> Result<(), SendError> {
//!     let data = handler.extract_request_data(&request.message());
//!     let mut answer = peer.respond(request, Code::CONTENT)?;
//!     let written = match data {
//!         Ok(data) => match handler.build_response(&mut answer, data) {
//!             Ok(()) => true,
//!             Err(error) => {
//!                 answer.restart(Code::INTERNAL_SERVER_ERROR);
//!                 error.render(&mut answer).is_ok()
//!             }
//!         },
//!         Err(error) => error.render(&mut answer).is_ok(),
//!     };
//!     // Else it is answered 5.00 when the event is over.
//!     if written { answer.finish() } else { Ok(()) }
//! }
//! ```
//!
//! What the traits do not have, their handlers cannot do: answers later, observations, blocks larger than 1024
//! bytes. Such handlers write a Block2 option into every answer, which says nothing wrong where all is in the first
//! block. Some panic where there is hardly room for an answer: leave them 64 bytes at least, by
//! [`Config::reply_room`](crate::Config::reply_room) and by not serving a peer with a smaller
//! [Max-Message-Size](crate::Settings::max_message_size).

use core::convert::Infallible;
use core::fmt::Debug;

use coap_message::error::RenderableOnMinimal;
use coap_message::{
    Code as _, MessageOption, MinimalWritableMessage, MutableWritableMessage, ReadableMessage,
    WithSortedOptions,
};

use crate::buf::Buf;
use crate::connection::outgoing::Answer;
use crate::error::{Full, WriteError};
use crate::requests::Slots;
use crate::wire::{Code, Message, OptionNumber, Options, Writer};

/// One option of a [`Message`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReadOption<'a> {
    number: OptionNumber,
    value: &'a [u8],
}

impl MessageOption for ReadOption<'_> {
    fn number(&self) -> u16 {
        self.number.0
    }

    fn value(&self) -> &[u8] {
        self.value
    }
}

/// The options of a [`Message`], in the order of their numbers.
#[derive(Clone, Debug)]
pub struct ReadOptions<'a>(Options<'a>);

impl<'a> Iterator for ReadOptions<'a> {
    type Item = ReadOption<'a>;

    fn next(&mut self) -> Option<ReadOption<'a>> {
        self.0.next().map(|(number, value)| ReadOption { number, value })
    }
}

/// All options as they came: lengths and repetitions that may not be are for the handler to find (C-5.4.3-1,
/// C-5.4.5-1), or for [`Incoming::refusal`](crate::Incoming::refusal) before it.
impl ReadableMessage for Message<'_> {
    type Code = u8;
    type MessageOption<'a>
        = ReadOption<'a>
    where
        Self: 'a;
    type OptionsIter<'a>
        = ReadOptions<'a>
    where
        Self: 'a;

    fn code(&self) -> u8 {
        self.code.0
    }

    fn options(&self) -> ReadOptions<'_> {
        ReadOptions(Message::options(self))
    }

    fn payload(&self) -> &[u8] {
        self.payload
    }
}

impl WithSortedOptions for Message<'_> {}

/// Rendered as 5.00.
impl RenderableOnMinimal for WriteError {
    type Error<IE: RenderableOnMinimal + Debug> = IE;

    fn render<M: MinimalWritableMessage>(self, message: &mut M) -> Result<(), M::UnionError> {
        message.set_code(M::Code::new(Code::INTERNAL_SERVER_ERROR.0)?);
        Ok(())
    }
}

impl From<Infallible> for WriteError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// The most that is said to be left: handlers count it in 16 bits.
const MOST: usize = u16::MAX as usize;

impl<T: Buf + ?Sized> Writer<'_, T> {
    /// Bytes that options, marker and payload may still take, in a frame of at most `limit` bytes.
    fn space(&self, limit: usize) -> usize {
        // The length of the frame may take two bytes more by then.
        let left = limit.saturating_sub(self.size() + 2);
        self.tx_room().min(left).min(MOST)
    }

    fn set_payload_once(&mut self, data: &[u8]) -> Result<(), WriteError> {
        match self.written_payload() {
            [] => self.payload(data).map(drop),
            _ => Err(WriteError::Order),
        }
    }

    fn map_payload(&mut self, len: usize, limit: usize) -> Result<&mut [u8], WriteError> {
        if self.written_payload().is_empty() {
            let mut left = len.min(self.space(limit).saturating_sub(1));
            while left > 0 {
                let zeros = [0; 64];
                let some = zeros.get(..left).unwrap_or(&zeros);
                self.payload(some)?;
                left -= some.len();
            }
            return Ok(self.payload_mut());
        }
        self.payload_mut().get_mut(..len).ok_or(WriteError::Full(Full))
    }

    fn cut_payload(&mut self, len: usize) -> Result<(), WriteError> {
        if len > self.written_payload().len() {
            return Err(WriteError::Order);
        }
        self.payload_with(|payload| {
            payload.truncate(len);
            Ok(())
        })
        .map(drop)
    }
}

/// Writes one frame. Its code is the one it was begun with until [`set_code`](MinimalWritableMessage::set_code).
impl<T: Buf + ?Sized> MinimalWritableMessage for Writer<'_, T> {
    type Code = u8;
    type OptionNumber = u16;
    type AddOptionError = WriteError;
    type SetPayloadError = WriteError;
    type UnionError = WriteError;

    fn set_code(&mut self, code: u8) {
        self.set_code(Code(code));
    }

    fn add_option(&mut self, number: u16, value: &[u8]) -> Result<(), WriteError> {
        self.option(OptionNumber(number), value).map(drop)
    }

    /// A second call is an error.
    fn set_payload(&mut self, data: &[u8]) -> Result<(), WriteError> {
        self.set_payload_once(data)
    }

    #[expect(refining_impl_trait_reachable, reason = "as the trait's documentation recommends")]
    fn promote_to_mutable_writable_message(&mut self) -> Option<&mut Self> {
        Some(self)
    }
}

/// What the peer takes is not known here: finishing may still fail.
impl<T: Buf + ?Sized> MutableWritableMessage for Writer<'_, T> {
    fn available_space(&self) -> usize {
        self.space(usize::MAX)
    }

    fn payload_mut_with_len(&mut self, len: usize) -> Result<&mut [u8], WriteError> {
        self.map_payload(len, usize::MAX)
    }

    fn truncate(&mut self, len: usize) -> Result<(), WriteError> {
        self.cut_payload(len)
    }

    fn mutate_options<F: FnMut(u16, &mut [u8])>(&mut self, callback: F) {
        self.each_value(callback);
    }
}

impl<S: Slots, T: Buf + ?Sized> MinimalWritableMessage for Answer<'_, '_, S, T> {
    type Code = u8;
    type OptionNumber = u16;
    type AddOptionError = WriteError;
    type SetPayloadError = WriteError;
    type UnionError = WriteError;

    fn set_code(&mut self, code: u8) {
        self.set_code(Code(code));
    }

    fn add_option(&mut self, number: u16, value: &[u8]) -> Result<(), WriteError> {
        self.option(OptionNumber(number), value).map(drop)
    }

    /// A second call is an error.
    fn set_payload(&mut self, data: &[u8]) -> Result<(), WriteError> {
        self.set_payload_once(data)
    }

    #[expect(refining_impl_trait_reachable, reason = "as the trait's documentation recommends")]
    fn promote_to_mutable_writable_message(&mut self) -> Option<&mut Self> {
        Some(self)
    }
}

/// What fits is what fits `tx` and what the peer takes (T-5.3.1-3).
impl<S: Slots, T: Buf + ?Sized> MutableWritableMessage for Answer<'_, '_, S, T> {
    fn available_space(&self) -> usize {
        self.space(self.limit())
    }

    fn payload_mut_with_len(&mut self, len: usize) -> Result<&mut [u8], WriteError> {
        let limit = self.limit();
        self.map_payload(len, limit)
    }

    fn truncate(&mut self, len: usize) -> Result<(), WriteError> {
        self.cut_payload(len)
    }

    fn mutate_options<F: FnMut(u16, &mut [u8])>(&mut self, callback: F) {
        self.each_value(callback);
    }
}
