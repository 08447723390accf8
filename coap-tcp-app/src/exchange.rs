//! One request of ours, seen from the task that made it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

use coap_tcp_core::blockwise::{Fault, Terms};
use coap_tcp_core::echo::Echo;
use coap_tcp_core::wire::Writer;
use coap_tcp_core::{Buf, Closed, Code, Failure, Message, OptionNumber, RequestId, SendError};

use crate::bell::wake;
use crate::draft::{Draft, Received};
use crate::outlet::Outlet;
use crate::trace::Trace;
use crate::transfer::{Came, Transfer};

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
    /// It came in blocks that do not make a body (row 49).
    #[error("transfer failed: {0}")]
    Blocks(Fault),
    /// The resource is observed already, on this connection: a client registers once for each (O-3.1-2). Share that
    /// observation, or cancel it first.
    #[error("observed already")]
    Observed,
}

impl RequestError {
    /// Whether the same request may be made again, on another connection, without doing twice what it asks for
    /// (T-D5-2): it has surely not been acted on, or doing what `method` asks for twice is as good as once. POST and
    /// PATCH are for the application to decide, which knows what they do. Nothing here repeats a request by itself.
    pub const fn may_repeat(&self, method: Code) -> bool {
        match self {
            Self::Closed { sent: false, .. } | Self::Observed => true,
            Self::Closed { .. } | Self::Timeout | Self::Send(_) | Self::Failed(_) | Self::Blocks(_) => {
                method.is_idempotent()
            }
        }
    }

    /// What the asking side is told: that the connection is over is told with its reason.
    pub(crate) const fn unsent(error: SendError, closed: Option<Closed>) -> Self {
        match (error, closed) {
            (SendError::Closed, Some(why)) => Self::Closed { why, sent: false },
            _ => Self::Send(error),
        }
    }
}

impl From<SendError> for RequestError {
    fn from(error: SendError) -> Self {
        Self::Send(error)
    }
}

/// What the asking side wants of an exchange that it does not want any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wish {
    /// Its answer is not waited for.
    Forget,
    /// Its observation is to be cancelled on the wire (O-7.4-1).
    Deregister,
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
    /// What is made while it is sent, in place of the draft's payload.
    body: Option<Arc<Outlet>>,
    /// The observation that this fetches the rest of a notification for (B-2.6-1).
    observation: Option<Arc<Self>>,
    trace: Trace,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    stage: Stage,
    /// What was wished before it was sent.
    wish: Option<Wish>,
    /// Nobody wants more of it.
    left: bool,
    transfer: Transfer,
    /// Of an observation: the fetch of the rest of its last notification.
    fetch: Weak<Exchange>,
    inbox: VecDeque<Result<Received, RequestError>>,
    skipped: u64,
    waker: Option<Waker>,
}

impl Exchange {
    pub(crate) fn new(draft: Draft) -> Arc<Self> {
        Self::make(draft, None, None)
    }

    /// With a body that is made while it is sent.
    pub(crate) fn with_body(draft: Draft, body: Arc<Outlet>) -> Arc<Self> {
        Self::make(draft, Some(body), None)
    }

    fn make(draft: Draft, body: Option<Arc<Outlet>>, observation: Option<Arc<Self>>) -> Arc<Self> {
        let inner = Inner {
            stage: Stage::Queued,
            wish: None,
            left: false,
            transfer: Transfer::default(),
            fetch: Weak::new(),
            inbox: VecDeque::new(),
            skipped: 0,
            waker: None,
        };
        let trace = if observation.is_none() { Trace::request(&draft) } else { Trace::NONE };
        Arc::new(Self { draft, body, observation, trace, inner: Mutex::new(inner) })
    }

    /// For the rest of a notification; what it brings is brought to the observation.
    pub(crate) fn fetch(self: &Arc<Self>) -> Arc<Self> {
        let fetch = Self::make(self.draft.clone(), None, Some(self.clone()));
        self.lock().fetch = Arc::downgrade(&fetch);
        fetch
    }

    /// The fetch of a notification that a newer one has come after.
    pub(crate) fn outdated(&self) -> Option<Arc<Self>> {
        core::mem::take(&mut self.lock().fetch).upgrade()
    }

    /// Writes its next message. `tag` tells operations of one connection apart; `echo` is the connection's, for one
    /// that has none of its own. Tells whether it was used.
    pub(crate) fn write<T: Buf + ?Sized>(
        &self,
        tag: &mut u32,
        echo: Option<Echo>,
        writer: &mut Writer<'_, T>,
        terms: &Terms,
    ) -> Result<bool, SendError> {
        let mut inner = self.lock();
        let own = inner.transfer.echo();
        let echo = own.or(echo).filter(|_| !self.draft.has(OptionNumber::ECHO));
        let echoing =
            echo.map(|echo| self.draft.clone().option(OptionNumber::ECHO, echo.as_slice().to_vec()));
        let draft = echoing.as_ref().unwrap_or(&self.draft);
        inner.transfer.write(draft, self.body.as_deref(), tag, writer, terms)?;
        Ok(own.is_none() && echo.is_some())
    }

    /// Whether a challenge is its answer: it was sent once more already, or its author sees to
    /// Echo by hand (E-2.3-1).
    pub(crate) fn is_challenged(&self) -> bool {
        self.draft.has(OptionNumber::ECHO) || self.lock().transfer.echo().is_some()
    }

    /// It is to be sent once more. `false`: it cannot be, or nobody waits for it any more.
    pub(crate) fn repeat(&self, echo: Echo) -> bool {
        let mut inner = self.lock();
        let repeats = inner.stage != Stage::Over && inner.transfer.repeat(echo, self.body.as_deref());
        if repeats {
            inner.stage = Stage::Queued;
        }
        repeats
    }

    /// Its answer is wanted as it comes.
    pub(crate) fn set_streamed(&self) {
        self.lock().transfer.set_streamed();
    }

    /// Whether its next message can be written: the task that makes its body, or takes its answer's, is far enough.
    pub(crate) fn is_ready(&self, terms: &Terms) -> bool {
        let inner = self.lock();
        let waits_for_reader = inner.transfer.is_streamed() && !inner.inbox.is_empty();
        let body = self.body.as_ref().filter(|_| inner.transfer.is_sending());
        let waits_for_body = || body.is_some_and(|body| body.stock(terms.chunk()).is_none());
        let streamed = self.body.is_some() || inner.transfer.is_streamed();
        // What the peer's CSM says decides on the first message, and with it on the others.
        let waits_for_terms = streamed && !terms.is_settled();
        inner.stage == Stage::Over || !waits_for_terms && !waits_for_reader && !waits_for_body()
    }

    /// Whether it waits for other tasks between its messages.
    pub(crate) fn is_streamed(&self) -> bool {
        self.body.is_some() || self.lock().transfer.is_streamed()
    }

    /// Takes a response. `true`: there is another message to be sent.
    pub(crate) fn take(&self, response: &Message<'_>, terms: &Terms, limit: usize) -> bool {
        let came = {
            let mut inner = self.lock();
            let came = inner.transfer.take(&self.draft, self.body.as_deref(), response, terms, limit);
            if matches!(came, Came::Next | Came::Part(_)) {
                if inner.stage == Stage::Over {
                    return false;
                }
                inner.stage = Stage::Queued;
            }
            came
        };
        match came {
            Came::Answer(answer) => self.deliver(Ok(answer), true),
            Came::Fault(fault) => self.deliver(Err(RequestError::Blocks(fault)), true),
            Came::Part(part) => {
                self.deliver(Ok(part), false);
                return true;
            }
            Came::Next => return true,
        }
        false
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How far it is. A fetch is over with its observation.
    pub(crate) fn stage(&self) -> Stage {
        match &self.observation {
            Some(observation) if observation.stage() == Stage::Over => Stage::Over,
            _ => self.lock().stage,
        }
    }

    /// It has been sent. What was wished before that is to be done now.
    pub(crate) fn set_sent(&self, id: RequestId) -> Option<Wish> {
        self.trace.sent();
        let mut inner = self.lock();
        let left = core::mem::replace(&mut inner.stage, Stage::Sent(id)) == Stage::Over;
        let observes = self.draft.has(OptionNumber::OBSERVE);
        let left = left.then_some(if observes { Wish::Deregister } else { Wish::Forget });
        inner.wish.take().or(left)
    }

    /// Wishes it cancelled on the wire. `true`: that is for the caller to see to, since it has been sent.
    pub(crate) fn cancel(&self) -> bool {
        let mut inner = self.lock();
        inner.left = true;
        if inner.stage == Stage::Queued {
            inner.wish = Some(Wish::Deregister);
        }
        matches!(inner.stage, Stage::Sent(_))
    }

    /// Nobody waits for it any more. What has not been sent never will be; else the wish is for the caller to
    /// see to.
    pub(crate) fn leave(&self) -> Option<Wish> {
        let mut inner = self.lock();
        inner.left = true;
        let observes = self.draft.has(OptionNumber::OBSERVE);
        match inner.stage {
            Stage::Sent(_) if observes => Some(Wish::Deregister),
            Stage::Sent(_) => Some(Wish::Forget),
            Stage::Queued | Stage::Over => {
                inner.stage = Stage::Over;
                None
            }
        }
    }

    /// Whether it observes what another draft would, and goes on doing so.
    pub(crate) fn observes(&self, draft: &Draft) -> bool {
        let inner = self.lock();
        inner.stage != Stage::Over && !inner.left && self.draft.asks_the_same(draft)
    }

    /// Ends it from the asking side, and tells how far it was.
    pub(crate) fn abandon(&self) -> Stage {
        core::mem::replace(&mut self.lock().stage, Stage::Over)
    }

    /// Brings an answer; `last` ends it.
    pub(crate) fn deliver(&self, answer: Result<Received, RequestError>, last: bool) {
        if let Some(observation) = &self.observation {
            if self.abandon() != Stage::Over {
                observation.deliver(answer, false);
            }
            return;
        }
        self.trace.came(&answer);
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
        wake(waker);
        if let Some(body) = self.body.as_ref().filter(|_| last) {
            body.stop();
        }
    }

    pub(crate) fn close(&self, why: Closed) {
        if self.observation.is_some() {
            // The observation hears of it, too.
            self.abandon();
            return;
        }
        let sent = matches!(self.stage(), Stage::Sent(_)) || self.lock().transfer.is_under_way();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t_d5_2_what_was_never_sent_may_be_repeated_and_else_what_is_idempotent() {
        let closed = |sent| RequestError::Closed { why: Closed::Transport, sent };
        let repeatable = [
            (Code::GET, true),
            (Code::POST, false),
            (Code::PUT, true),
            (Code::DELETE, true),
            (Code::FETCH, true),
            (Code::PATCH, false),
            (Code::IPATCH, true),
        ];
        for (method, twice) in repeatable {
            assert!(closed(false).may_repeat(method), "{method}");
            assert_eq!(closed(true).may_repeat(method), twice, "{method}");
            assert_eq!(RequestError::Timeout.may_repeat(method), twice, "{method}");
            assert_eq!(RequestError::Failed(Failure::TooLarge).may_repeat(method), twice, "{method}");
        }
    }
}
