//! One request of ours, seen from the task that made it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use coap_tcp_core::{Closed, Failure, RequestId, SendError};

use crate::draft::{Draft, Received};

/// Notifications kept for a task that does not take them; then the oldest goes.
const INBOX: usize = 16;

/// Why a request has no answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// None came in time. It may still have been acted on.
    #[error("no answer in time")]
    Timeout,
    /// The connection ended first. `sent` tells whether the request had been written: if not, it has surely
    /// not been acted on (T-D5-2).
    #[error("connection lost: {why}")]
    Closed {
        /// Why it ended.
        why: Closed,
        /// Whether the peer may have got the request.
        sent: bool,
    },
    /// It could not be sent.
    #[error(transparent)]
    Send(SendError),
    /// It was answered in a way that cannot be used (C-5.4.1-3, D-C-5).
    #[error("unusable answer: {0:?}")]
    Failed(Failure),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stage {
    Queued,
    Sent(RequestId),
    Over,
}

/// What the connection keeps beside each request made through a [`Handle`](crate::Handle).
#[derive(Clone, Debug)]
pub struct Tag(pub(crate) Arc<Exchange>);

#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) draft: Draft,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    stage: Stage,
    inbox: VecDeque<Result<Received, RequestError>>,
    skipped: u64,
    waker: Option<Waker>,
}

impl Exchange {
    pub(crate) fn new(draft: Draft) -> Arc<Self> {
        let inner = Inner { stage: Stage::Queued, inbox: VecDeque::new(), skipped: 0, waker: None };
        Arc::new(Self { draft, inner: Mutex::new(inner) })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn stage(&self) -> Stage {
        self.lock().stage
    }

    pub(crate) fn set_sent(&self, id: RequestId) {
        self.lock().stage = Stage::Sent(id);
    }

    /// Ends it from the asking side, and tells how far it was.
    pub(crate) fn abandon(&self) -> Stage {
        core::mem::replace(&mut self.lock().stage, Stage::Over)
    }

    /// Brings an answer; `last` ends it.
    pub(crate) fn deliver(&self, answer: Result<Received, RequestError>, last: bool) {
        let waker = {
            let mut inner = self.lock();
            if inner.inbox.len() == INBOX {
                inner.inbox.pop_front();
                inner.skipped += 1;
            }
            inner.inbox.push_back(answer);
            if last {
                inner.stage = Stage::Over;
            }
            inner.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(crate) fn close(&self, why: Closed) {
        let sent = matches!(self.stage(), Stage::Sent(_));
        self.deliver(Err(RequestError::Closed { why, sent }), true);
    }

    /// The next answer; `None` after the last.
    pub(crate) fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Option<Result<Received, RequestError>>> {
        let mut inner = self.lock();
        match inner.inbox.pop_front() {
            Some(answer) => Poll::Ready(Some(answer)),
            None if inner.stage == Stage::Over => Poll::Ready(None),
            None => {
                inner.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    /// Notifications that were dropped for newer ones.
    pub(crate) fn skipped(&self) -> u64 {
        self.lock().skipped
    }
}
