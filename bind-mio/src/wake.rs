//! How other threads, and handlers in this one, tell a connection that there is something for it.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Wake;

/// What a reactor looks after, by its place.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Who {
    Line(u32),
    Task(u32),
}

/// Who is to be looked after, and the means to have that noticed.
#[derive(Debug)]
pub(crate) struct Alarm {
    rung: Mutex<Vec<Who>>,
    waker: mio::Waker,
}

impl Alarm {
    pub(crate) const fn new(waker: mio::Waker) -> Self {
        Self { rung: Mutex::new(Vec::new()), waker }
    }

    pub(crate) fn take(&self) -> Vec<Who> {
        core::mem::take(&mut *self.rung.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn ring(&self) -> io::Result<()> {
        self.waker.wake()
    }
}

/// The bell of one of them.
#[derive(Debug)]
pub(crate) struct Bell {
    who: Who,
    /// It is among those to be looked after, here or with its reactor.
    called: AtomicBool,
    alarm: Arc<Alarm>,
}

impl Bell {
    pub(crate) fn new(who: Who, alarm: &Arc<Alarm>) -> Arc<Self> {
        Arc::new(Self { who, called: AtomicBool::new(false), alarm: alarm.clone() })
    }

    /// `false`: it was called before.
    pub(crate) fn call(&self) -> bool {
        !self.called.swap(true, Ordering::AcqRel)
    }

    /// Before it is looked after what it rang for.
    pub(crate) fn answer(&self) {
        self.called.store(false, Ordering::Release);
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.call() {
            self.alarm.rung.lock().unwrap_or_else(PoisonError::into_inner).push(self.who);
            // Only a full pipe fails, and then the reactor will wake.
            let _ = self.alarm.ring();
        }
    }
}
