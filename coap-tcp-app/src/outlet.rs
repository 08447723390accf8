//! A body that one task makes while a connection's task sends it. Of it no more is at hand than one message carries.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use coap_tcp_core::blockwise::Stock;
use coap_tcp_core::{Buf, Full};

use crate::bell::{Bell, wake};
use crate::pool::Pooled;

/// Before the connection has said what a message carries: one block of the common size.
const BLOCK: usize = 1024;

#[derive(Debug)]
pub(crate) struct Outlet {
    bell: Arc<Bell>,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    bytes: Pooled,
    /// What one message carries.
    chunk: usize,
    /// Bytes that the peer has already.
    skip: u64,
    total: Option<u32>,
    state: State,
    /// Of the task that makes it.
    waker: Option<Waker>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Open,
    /// What is at hand is the rest.
    Ended,
    /// It will never be whole.
    Lost,
    /// Nobody wants more of it.
    Stopped,
}

impl Outlet {
    /// For a body of `total` bytes, if that is known, of which the peer has the first `skip`.
    pub(crate) fn new(bell: Arc<Bell>, total: Option<u64>, skip: u64) -> Arc<Self> {
        let inner = Inner {
            bytes: Pooled::default(),
            chunk: BLOCK,
            skip,
            total: total.and_then(|total| u32::try_from(total).ok()),
            state: State::Open,
            waker: None,
        };
        Arc::new(Self { bell, inner: Mutex::new(inner) })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what there is room for; 0: nobody wants more.
    pub(crate) fn poll_write(&self, cx: &Context<'_>, bytes: &[u8]) -> Poll<usize> {
        let (taken, full) = {
            let mut inner = self.lock();
            let inner = &mut *inner;
            if inner.state != State::Open || bytes.is_empty() {
                return Poll::Ready(0);
            }
            let skipped = usize::try_from(inner.skip).unwrap_or(usize::MAX).min(bytes.len());
            inner.skip -= skipped as u64;
            let room = (inner.chunk + 1).saturating_sub(inner.bytes.as_slice().len());
            let kept = room.min(bytes.len() - skipped);
            if skipped + kept == 0 {
                inner.waker = Some(cx.waker().clone());
                return Poll::Pending;
            }
            let appended = inner.bytes.append(bytes.get(skipped..skipped + kept).unwrap_or_default());
            if appended.is_err() {
                inner.state = State::Lost;
            }
            (skipped + kept, appended.is_err() || room == kept)
        };
        if full {
            self.bell.ring();
        }
        Poll::Ready(taken)
    }

    /// That was all of it.
    pub(crate) fn end(&self) {
        self.change(State::Ended);
    }

    /// The rest will never come.
    pub(crate) fn lose(&self) {
        self.change(State::Lost);
    }

    fn change(&self, to: State) {
        let mut inner = self.lock();
        if inner.state == State::Open {
            inner.state = to;
            drop(inner);
            self.bell.ring();
        }
    }

    /// Nobody wants more of it.
    pub(crate) fn stop(&self) {
        let waker = {
            let mut inner = self.lock();
            inner.state = State::Stopped;
            inner.bytes.release();
            inner.waker.take()
        };
        wake(waker);
    }

    /// Whether the rest will never come.
    pub(crate) fn is_lost(&self) -> bool {
        self.lock().state == State::Lost
    }

    /// What is at hand, if that is enough for a message that carries `chunk` bytes.
    pub(crate) fn stock(&self, chunk: usize) -> Option<Stock> {
        let mut inner = self.lock();
        let ended = inner.state == State::Ended;
        let ready = inner.bytes.as_slice().len();
        inner.chunk = chunk;
        if ended || ready > chunk {
            return Some(Stock { ready, ended, total: inner.total });
        }
        let waker = inner.waker.take();
        drop(inner);
        wake(waker);
        None
    }

    /// Appends the first bytes to a message.
    pub(crate) fn fill(&self, takes: usize, payload: &mut dyn Buf) -> Result<(), Full> {
        payload.append(self.lock().bytes.as_slice().get(..takes).unwrap_or_default())
    }

    /// The peer has these.
    pub(crate) fn consume(&self, bytes: usize) {
        let waker = {
            let mut inner = self.lock();
            inner.bytes.consume(bytes);
            inner.waker.take()
        };
        wake(waker);
    }
}
