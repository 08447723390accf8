//! Bodies that are nowhere as a whole, as the tasks see them that make or take them.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use coap_tcp_core::{Closed, Code};
use futures_core::Stream;

use crate::asking::Asking;
use crate::draft::{Draft, Received, keep_with};
use crate::exchange::RequestError;
use crate::inlet::{Answer, BodyError, Inlet};
use crate::outlet::Outlet;

/// A request whose body is made while it is sent ([`Handle::upload`](crate::Handle::upload)). No more of it is kept
/// than one message carries. Dropped before [`Upload::finish`], it is broken off: the peer never has the whole.
#[derive(Debug)]
#[must_use = "it has no answer before `finish`"]
pub struct Upload {
    asking: Asking,
    body: Arc<Outlet>,
}

impl Upload {
    pub(crate) const fn new(asking: Asking, body: Arc<Outlet>) -> Self {
        Self { asking, body }
    }

    /// Takes the next bytes, as many as there is room for. 0: the peer wants no more of them, and
    /// [`Upload::finish`] tells why. Safe to drop at any time: it has then taken nothing.
    pub async fn write(&mut self, bytes: &[u8]) -> usize {
        poll_fn(|cx| self.poll_write(cx, bytes)).await
    }

    /// [`Upload::write`] for hand-written futures.
    pub fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<usize> {
        self.body.poll_write(cx, bytes)
    }

    /// That was all: waits for the answer.
    pub async fn finish(self) -> Result<Received, RequestError> {
        self.body.end();
        self.asking.answer().await
    }

    /// [`Upload::finish`] for an answer whose body is wanted as it comes.
    pub async fn download(self) -> Result<Download, RequestError> {
        self.asking.exchange.set_streamed();
        self.body.end();
        Download::begin(self.asking).await
    }
}

/// An answer whose body is given as it comes ([`Handle::download`](crate::Handle::download)): the next block is asked
/// for when the one before it has been taken. Dropped, the rest is not asked for.
///
/// As a [`Stream`] it gives the parts. A body that changes meanwhile is an error, `Blocks(Fault::Changed)` (B-2.4-1);
/// nothing follows an error.
#[derive(Debug)]
pub struct Download {
    asking: Asking,
    head: Received,
    first: Option<Bytes>,
}

impl Download {
    /// Waits for the first message.
    pub(crate) async fn begin(asking: Asking) -> Result<Self, RequestError> {
        let first = asking.answer_by_ref().await?;
        let head = keep_with(&first.view(), &[]);
        Ok(Self { first: Some(payload(first)), head, asking })
    }

    /// Code and options of the answer. An error has them, too.
    pub const fn head(&self) -> &Received {
        &self.head
    }

    /// The next part of the body; `None` after the last. Safe to drop at any time.
    pub async fn chunk(&mut self) -> Option<Result<Bytes, RequestError>> {
        poll_fn(|cx| self.poll_chunk(cx)).await
    }

    /// [`Download::chunk`] for hand-written futures.
    pub fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, RequestError>>> {
        if let Some(first) = self.first.take() {
            self.asking.shared.bell().ring();
            if !first.is_empty() {
                return Poll::Ready(Some(Ok(first)));
            }
        }
        loop {
            let next = core::task::ready!(self.asking.exchange.poll_next(cx));
            self.asking.shared.bell().ring();
            match next {
                Some(Ok(message)) if message.view().payload.is_empty() => {}
                next => return Poll::Ready(next.map(|next| next.map(payload))),
            }
        }
    }
}

fn payload(message: Received) -> Bytes {
    let frame = message.clone().into_inner();
    frame.slice_ref(message.view().payload)
}

impl Stream for Download {
    type Item = Result<Bytes, RequestError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_chunk(cx)
    }
}

/// A request whose body is taken as it comes ([`Reply::receive`](crate::Reply::receive)): the peer is told to go on
/// when a part has been taken. Dropped without an answer, that is 5.00: never silence (row 70).
///
/// As a [`Stream`] it gives the parts; nothing follows an error.
#[derive(Debug)]
#[must_use = "the peer waits for an answer"]
pub struct Receiving {
    body: Arc<Inlet>,
    answered: bool,
}

impl Receiving {
    pub(crate) const fn new(body: Arc<Inlet>) -> Self {
        Self { body, answered: false }
    }

    /// The next part of the body; `None` after the last. Safe to drop at any time.
    pub async fn chunk(&mut self) -> Option<Result<Bytes, BodyError>> {
        poll_fn(|cx| self.poll_chunk(cx)).await
    }

    /// [`Receiving::chunk`] for hand-written futures.
    pub fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        self.body.poll_chunk(cx)
    }

    /// Answers. Before the end of the body that should be an error, such as 4.13: the peer then sends no more.
    /// An error: the connection is over, and with it the request (T-3.3-13).
    pub fn respond(mut self, draft: Draft) -> Result<(), Closed> {
        self.answered = true;
        self.body.answer(Answer::Whole(draft))
    }

    /// Answers with a body that is made while it is sent, see [`Reply::stream`](crate::Reply::stream).
    pub fn stream(mut self, head: Draft, length: Option<u64>) -> Result<Sending, Closed> {
        self.answered = true;
        let body = Outlet::new(self.body.bell().clone(), length, 0);
        self.body.answer(Answer::Streamed(head, body.clone()))?;
        Ok(Sending::new(body))
    }
}

impl Stream for Receiving {
    type Item = Result<Bytes, BodyError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_chunk(cx)
    }
}

impl Drop for Receiving {
    fn drop(&mut self) {
        if !self.answered {
            // Over already: nobody waits.
            let _ = self.body.answer(Answer::Whole(Draft::new(Code::INTERNAL_SERVER_ERROR)));
        }
    }
}

/// The body of an answer, made while it is sent ([`Reply::stream`](crate::Reply::stream)). Dropped before
/// [`Sending::finish`], the answer is broken off with 5.00.
#[derive(Debug)]
#[must_use = "the answer is not whole before `finish`"]
pub struct Sending {
    body: Arc<Outlet>,
}

impl Sending {
    pub(crate) const fn new(body: Arc<Outlet>) -> Self {
        Self { body }
    }

    /// Takes the next bytes, as many as there is room for. 0: the peer wants no more of them, or is gone. Safe to
    /// drop at any time: it has then taken nothing.
    pub async fn write(&mut self, bytes: &[u8]) -> usize {
        poll_fn(|cx| self.poll_write(cx, bytes)).await
    }

    /// [`Sending::write`] for hand-written futures.
    pub fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<usize> {
        self.body.poll_write(cx, bytes)
    }

    /// That was all.
    pub fn finish(self) {
        self.body.end();
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        // After `finish` this changes nothing.
        self.body.lose();
    }
}
