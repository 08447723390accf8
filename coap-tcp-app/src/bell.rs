//! How other tasks wake a connection's own.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

/// Rung when something has changed that the connection's task is to look at.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    waker: Mutex<Option<Waker>>,
}

impl Bell {
    fn lock(&self) -> MutexGuard<'_, Option<Waker>> {
        self.waker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whom to wake, from now on until it has rung.
    pub(crate) fn register(&self, cx: &Context<'_>) {
        match &mut *self.lock() {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
    }

    /// After the change, so that whoever is woken sees it.
    pub(crate) fn ring(&self) {
        let waker = self.lock().take();
        wake(waker);
    }
}

pub(crate) fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}
