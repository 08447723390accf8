//! A body that a connection's task gives to another as it comes: never more than one block of it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use coap_tcp_core::{Closed, Code};

use crate::bell::{Bell, wake};
use crate::draft::Draft;
use crate::outlet::Outlet;

/// Why the rest of a request's body does not come.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BodyError {
    /// The connection is over.
    #[error("connection lost: {0}")]
    Closed(Closed),
    /// The peer sent something else than the next block; it has been told so, with this code (rows 39, 40).
    #[error("not the next block: answered {0}")]
    Blocks(Code),
    /// The peer sends no more: it has begun anew, or nothing has come for too long (B-2.4-2).
    #[error("abandoned by the peer")]
    Abandoned,
}

/// What a request is answered with.
#[derive(Debug)]
pub(crate) enum Answer {
    Whole(Draft),
    /// With a body that is made while it is sent.
    Streamed(Draft, Arc<Outlet>),
}

#[derive(Debug)]
pub(crate) struct Inlet {
    bell: Arc<Bell>,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    chunk: Option<Bytes>,
    end: Option<Result<(), BodyError>>,
    closed: Option<Closed>,
    answer: Option<Answer>,
    /// Of the task that takes it.
    waker: Option<Waker>,
}

impl Inlet {
    pub(crate) fn new(bell: Arc<Bell>) -> Arc<Self> {
        Arc::new(Self { bell, inner: Mutex::default() })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) const fn bell(&self) -> &Arc<Bell> {
        &self.bell
    }

    /// The next part; the peer is asked for the one after it.
    pub(crate) fn poll_chunk(&self, cx: &Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        let mut inner = self.lock();
        if let Some(chunk) = inner.chunk.take() {
            drop(inner);
            self.bell.ring();
            return Poll::Ready(Some(Ok(chunk)));
        }
        match inner.end {
            None => {
                inner.waker = Some(cx.waker().clone());
                Poll::Pending
            }
            Some(Ok(())) => Poll::Ready(None),
            Some(Err(error)) => {
                inner.end = Some(Ok(()));
                Poll::Ready(Some(Err(error)))
            }
        }
    }

    /// What the request is to be answered with, whatever of its body has come.
    pub(crate) fn answer(&self, answer: Answer) -> Result<(), Closed> {
        let mut inner = self.lock();
        if let Some(why) = inner.closed {
            return Err(why);
        }
        inner.answer = Some(answer);
        drop(inner);
        self.bell.ring();
        Ok(())
    }

    /// A part has come.
    pub(crate) fn put(&self, payload: &[u8]) {
        let waker = {
            let mut inner = self.lock();
            inner.chunk = Some(Bytes::copy_from_slice(payload)).filter(|chunk| !chunk.is_empty());
            inner.waker.take()
        };
        wake(waker);
    }

    /// Nothing more comes.
    pub(crate) fn end(&self, how: Result<(), BodyError>) {
        let waker = {
            let mut inner = self.lock();
            inner.end = inner.end.or(Some(how));
            inner.waker.take()
        };
        wake(waker);
    }

    /// The connection is over.
    pub(crate) fn close(&self, why: Closed) {
        self.lock().closed = Some(why);
        self.end(Err(BodyError::Closed(why)));
    }

    /// All that has come is taken.
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().chunk.is_none()
    }

    pub(crate) fn take_answer(&self) -> Option<Answer> {
        self.lock().answer.take()
    }

    pub(crate) fn put_back(&self, answer: Answer) {
        self.lock().answer = Some(answer);
    }
}
