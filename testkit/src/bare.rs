//! No runtime at all: what the adapters of an operating system share, called by hand.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use coap_tcp_app::{Driver, Layer, Role, Turn};
use coap_tcp_core::Instant;

use crate::pipe::PipeEnd;
use crate::pipe_rig::Runtime;
use crate::script::{self, Setup};

type Run = Box<dyn FnMut(&mut Context<'_>, Instant) -> Turn>;

/// For a [`PipeRig`](crate::pipe_rig::PipeRig).
pub struct Bare {
    /// Until it is over.
    run: Option<Run>,
    now: Instant,
    next: Turn,
    bell: Arc<Bell>,
}

struct Bell(AtomicBool);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Runtime for Bare {
    fn start(setup: &Setup, mut io: PipeEnd, layer: impl Layer<Tag: Send> + Send + 'static) -> Self {
        let role = match setup.role {
            script::Role::Client => Role::Initiator,
            script::Role::Server => Role::Acceptor,
        };
        let now = Instant::ZERO;
        let driver = Driver::new(role, setup.config, layer, now);
        let mut driver = driver.unwrap_or_else(|error| panic!("{error}"));
        let run: Run = Box::new(move |cx, now| driver.turn(cx, now, &mut io));
        Self { run: Some(run), now, next: Turn::Again, bell: Arc::new(Bell(AtomicBool::new(true))) }
    }

    fn run(&mut self) {
        let waker = Waker::from(self.bell.clone());
        let mut cx = Context::from_waker(&waker);
        while let Some(run) = &mut self.run {
            let rung = self.bell.0.swap(false, Ordering::Relaxed);
            match self.next {
                Turn::Closed(_) => self.run = None,
                Turn::Rest(until) if !rung && until.is_none_or(|at| at > self.now) => return,
                Turn::Again | Turn::Rest(_) => self.next = run(&mut cx, self.now),
            }
        }
    }

    fn advance(&mut self, by: Duration) {
        let end = self.now + by;
        while let Turn::Rest(Some(at)) = self.next {
            if at > end {
                break;
            }
            self.now = self.now.max(at);
            self.run();
        }
        self.now = end;
        self.run();
    }
}

impl fmt::Debug for Bare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bare").field("now", &self.now).finish_non_exhaustive()
    }
}
