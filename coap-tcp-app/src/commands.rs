//! What other tasks leave for the task of a connection.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use coap_tcp_core::blockwise::Wanted;
use coap_tcp_core::{Closed, Code, Observer, Ticket};

use crate::bell::{Bell, wake};
use crate::draft::Draft;
use crate::exchange::{Exchange, RequestError};
use crate::outlet::Outlet;
use crate::parting::Parting;

/// Requests that wait to be sent, for one connection. More callers wait for their turn.
const QUEUE: usize = 64;

/// What other tasks ask of a connection's own.
#[derive(Debug)]
pub(crate) enum Command {
    /// Cancel on the wire (O-7.4-1).
    Deregister(Arc<Exchange>),
    /// Nobody waits for it any more.
    Forget(Arc<Exchange>),
    Answer(Ticket, Draft, Wanted),
    Ping(Arc<PingCell>),
    Release {
        hold_off: Option<u32>,
        alternatives: Vec<String>,
    },
}

#[derive(Debug)]
pub(crate) struct Shared {
    state: Mutex<Commands>,
    bell: Arc<Bell>,
    /// Notifications replaced by newer ones, not counted yet.
    pub(crate) skipped: AtomicU64,
}

/// What waits for the connection's task.
#[derive(Debug, Default)]
pub(crate) struct Commands {
    /// Ends the connection before anything else is said.
    pub(crate) abort: Option<Box<str>>,
    /// What makes room or is owed: it goes before requests of ours, which may have to wait for it.
    pub(crate) queue: VecDeque<Command>,
    pub(crate) requests: VecDeque<Arc<Exchange>>,
    /// Who waits for a place among the requests.
    pub(crate) places: Waiters,
    /// What is observed (O-3.1-2), and what was until lately.
    observed: Vec<Weak<Exchange>>,
    /// Answers whose bodies are made while they are sent.
    pub(crate) begun: Vec<Begun>,
    /// Observed resources with something unsent, in the order in which they changed.
    pub(crate) dirty: Vec<Dirty>,
    pub(crate) closed: Option<Closed>,
    /// What the peer has said of that.
    pub(crate) parting: Option<Box<Parting>>,
    /// Who waits for that.
    pub(crate) ends: Waiters,
}

/// An answer whose body is made while it is sent.
#[derive(Debug)]
pub(crate) struct Begun {
    pub(crate) owed: (Ticket, Wanted),
    pub(crate) head: Draft,
    pub(crate) body: Arc<Outlet>,
}

/// What an observer has not been sent yet.
#[derive(Debug)]
pub(crate) struct Dirty {
    pub(crate) watch: Arc<Watch>,
    /// The newest state; older ones have been replaced (O-4-1).
    pub(crate) state: Option<Draft>,
    /// Then the observation ends so (O-4.2-1).
    pub(crate) end: Option<Code>,
}

/// What the connection's task and a [`Notifier`] know of one observation.
#[derive(Debug)]
pub(crate) struct Watch {
    pub(crate) observer: Observer,
    /// How its notifications are cut (B-2.6-1).
    pub(crate) wanted: Wanted,
    pub(crate) over: AtomicBool,
    pub(crate) skipped: AtomicU64,
    /// Over TCP the value of Observe means nothing (O-7.1-1), but some peers take a notification whose number
    /// has not grown for an old one.
    pub(crate) number: AtomicU32,
}

impl Shared {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), bell: Arc::default(), skipped: AtomicU64::new(0) })
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Commands> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leaves a command, unless it is too late.
    pub(crate) fn push(&self, command: Command) -> Result<(), Closed> {
        self.leave(|commands| commands.queue.push_back(command))
    }

    /// Wakes the connection's task.
    pub(crate) const fn bell(&self) -> &Arc<Bell> {
        &self.bell
    }

    /// Leaves something, and wakes the connection's task to see it; unless it is too late.
    pub(crate) fn leave<R>(&self, change: impl FnOnce(&mut Commands) -> R) -> Result<R, Closed> {
        let left = {
            let mut commands = self.lock();
            match commands.closed {
                Some(why) => return Err(why),
                None => change(&mut commands),
            }
        };
        self.bell.ring();
        Ok(left)
    }

    /// Leaves a request as soon as there is a place for it.
    pub(crate) fn poll_ask(
        &self,
        cx: &Context<'_>,
        exchange: &Arc<Exchange>,
        place: &mut Place<'_>,
    ) -> Poll<Result<(), Closed>> {
        let mut commands = self.lock();
        if let Some(why) = commands.closed {
            return Poll::Ready(Err(why));
        }
        if commands.requests.len() >= QUEUE {
            commands.places.wait(&mut place.number, cx);
            return Poll::Pending;
        }
        commands.requests.push_back(exchange.clone());
        drop(commands);
        self.bell.ring();
        Poll::Ready(Ok(()))
    }

    /// Notes an observation that is to be. `false`: there is one of the same.
    pub(crate) fn observe(&self, exchange: &Arc<Exchange>) -> bool {
        let mut commands = self.lock();
        commands.observed.retain(|other| other.strong_count() > 0);
        let same = |other: &Weak<Exchange>| other.upgrade().is_some_and(|it| it.observes(&exchange.draft));
        let is_new = !commands.observed.iter().any(same);
        if is_new {
            commands.observed.push(Arc::downgrade(exchange));
        }
        is_new
    }

    /// It is observed no more. What is only noted would keep its memory.
    pub(crate) fn unobserve(&self, exchange: &Arc<Exchange>) {
        self.lock().observed.retain(|other| !core::ptr::eq(other.as_ptr(), Arc::as_ptr(exchange)));
    }

    pub(crate) fn pop_command(&self) -> Option<Command> {
        self.lock().queue.pop_front()
    }

    pub(crate) fn pop_request(&self) -> Option<Arc<Exchange>> {
        self.lock().requests.pop_front()
    }

    /// Lets those in who wait for a place, if there is one: once a turn, and all, since some may have left.
    pub(crate) fn let_in(&self) {
        let waiting = {
            let mut commands = self.lock();
            if commands.requests.len() >= QUEUE {
                return;
            }
            commands.places.take()
        };
        waiting.into_iter().for_each(Waker::wake);
    }

    pub(crate) fn close(&self, why: Closed) {
        let (commands, requests, begun, wakers) = {
            let mut commands = self.lock();
            commands.closed.get_or_insert(why);
            commands.dirty.clear();
            let wakers = commands.ends.take().into_iter().chain(commands.places.take());
            let wakers: Vec<Waker> = wakers.collect();
            let queued = (core::mem::take(&mut commands.queue), core::mem::take(&mut commands.requests));
            (queued.0, queued.1, core::mem::take(&mut commands.begun), wakers)
        };
        begun.into_iter().for_each(|begun| begun.body.stop());
        requests.into_iter().for_each(|exchange| exchange.close(why));
        for command in commands {
            if let Command::Ping(cell) = command {
                cell.deliver(Err(RequestError::Closed { why, sent: false }));
            }
        }
        wakers.into_iter().for_each(Waker::wake);
    }
}

/// Whom to wake, once each. Who goes away is forgotten.
#[derive(Debug, Default)]
pub(crate) struct Waiters {
    next: u64,
    wakers: Vec<(u64, Waker)>,
}

impl Waiters {
    pub(crate) fn wait(&mut self, number: &mut Option<u64>, cx: &Context<'_>) {
        let mine = self.wakers.iter_mut().find(|(other, _)| Some(*other) == *number);
        if let Some((_, waker)) = mine {
            waker.clone_from(cx.waker());
            return;
        }
        self.wakers.push((self.next, cx.waker().clone()));
        *number = Some(self.next);
        self.next += 1;
    }

    fn take(&mut self) -> Vec<Waker> {
        self.wakers.drain(..).map(|(_, waker)| waker).collect()
    }
}

/// A place among [`Waiters`], given up when dropped.
pub(crate) struct Place<'s> {
    shared: &'s Shared,
    which: fn(&mut Commands) -> &mut Waiters,
    pub(crate) number: Option<u64>,
}

impl<'s> Place<'s> {
    pub(crate) const fn new(shared: &'s Shared, which: fn(&mut Commands) -> &mut Waiters) -> Self {
        Self { shared, which, number: None }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            (self.which)(&mut self.shared.lock()).wakers.retain(|(other, _)| *other != number);
        }
    }
}

impl Watch {
    pub(crate) fn new(observer: Observer, wanted: &Wanted) -> Arc<Self> {
        Arc::new(Self {
            observer,
            wanted: wanted.notification(),
            over: AtomicBool::new(false),
            skipped: AtomicU64::new(0),
            number: AtomicU32::new(1),
        })
    }
}

/// A Ping under way.
#[derive(Debug, Default)]
pub(crate) struct PingCell {
    inner: Mutex<PingState>,
}

#[derive(Debug, Default)]
struct PingState {
    result: Option<Result<Duration, RequestError>>,
    waker: Option<Waker>,
}

impl PingCell {
    fn lock(&self) -> MutexGuard<'_, PingState> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn deliver(&self, result: Result<Duration, RequestError>) {
        let waker = {
            let mut inner = self.lock();
            inner.result = Some(result);
            inner.waker.take()
        };
        wake(waker);
    }

    pub(crate) fn poll(&self, cx: &mut Context<'_>) -> Poll<Result<Duration, RequestError>> {
        let mut inner = self.lock();
        match inner.result.take() {
            Some(result) => Poll::Ready(result),
            None => {
                inner.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}
