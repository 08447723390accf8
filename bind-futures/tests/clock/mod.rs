//! A clock that is moved by hand.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bind_futures::Timer;
use bind_futures::core::Instant;

/// A clock with one sleeper. Clones are the same.
#[derive(Clone)]
pub(crate) struct Clock(Arc<Mutex<State>>);

struct State {
    now: Instant,
    sleeper: Option<(Instant, Waker)>,
}

impl Default for Clock {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(State { now: Instant::ZERO, sleeper: None })))
    }
}

impl Clock {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves on to the next sleeper, if it wakes by `end`, else to `end`: then false.
    pub(crate) fn step(&self, end: Instant) -> bool {
        let mut state = self.lock();
        match state.sleeper.take_if(|(at, _)| *at <= end) {
            Some((at, waker)) => {
                state.now = state.now.max(at);
                waker.wake();
                true
            }
            None => {
                state.now = end;
                false
            }
        }
    }
}

impl Timer for Clock {
    fn now(&self) -> Instant {
        self.lock().now
    }

    fn poll_until(&mut self, cx: &mut Context<'_>, at: Instant) -> Poll<()> {
        let mut state = self.lock();
        if at <= state.now {
            return Poll::Ready(());
        }
        state.sleeper = Some((at, cx.waker().clone()));
        Poll::Pending
    }
}
