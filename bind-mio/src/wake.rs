//! How other threads, and handlers in this one, tell a connection that there is something for it.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Wake;

/// Connections to be looked after, and the means to have that noticed.
#[derive(Debug)]
pub(crate) struct Alarm {
    keys: Mutex<Vec<u32>>,
    waker: mio::Waker,
}

impl Alarm {
    pub(crate) const fn new(waker: mio::Waker) -> Self {
        Self { keys: Mutex::new(Vec::new()), waker }
    }

    pub(crate) fn take(&self) -> Vec<u32> {
        core::mem::take(&mut *self.keys.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn ring(&self) -> io::Result<()> {
        self.waker.wake()
    }
}

/// The bell of one connection.
#[derive(Debug)]
pub(crate) struct Bell {
    key: u32,
    rung: AtomicBool,
    alarm: Arc<Alarm>,
}

impl Bell {
    pub(crate) fn new(key: u32, alarm: &Arc<Alarm>) -> Arc<Self> {
        Arc::new(Self { key, rung: AtomicBool::new(false), alarm: alarm.clone() })
    }

    /// Before it is looked after what it rang for.
    pub(crate) fn answer(&self) {
        self.rung.store(false, Ordering::Release);
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.rung.swap(true, Ordering::AcqRel) {
            self.alarm.keys.lock().unwrap_or_else(PoisonError::into_inner).push(self.key);
            // Only a full pipe fails, and then the reactor will wake.
            let _ = self.alarm.ring();
        }
    }
}
