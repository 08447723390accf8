//! A layer of LwM2M with an application that does what the script says.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

use coap_tcp_app::{Layer, Lent};
use coap_tcp_core::{Closed, Event, Expired, Instant};

use crate::layer_app::App;
use crate::rig::Seen;
use crate::script::{Command, Role, Setup};

/// An application above one layer of LwM2M.
pub trait Actor: Sized + Send + 'static {
    /// What it is about.
    type Layer: Layer<Tag: Send> + Send + 'static;
    /// Which side of the transport it is on.
    const ROLE: Role;

    /// Both, at the beginning of time. `clock` tells it.
    fn new(clock: impl Fn() -> Instant + Send + Sync + 'static) -> (Self, Self::Layer);

    /// Does what the script says.
    fn act(&mut self, command: &Command, seen: &mut Vec<Seen>);

    /// Once a turn: its next deadline.
    fn turn(&mut self, cx: &mut Context<'_>, now: Instant) -> Option<Instant>;

    /// What it has been told.
    fn gather(&mut self, seen: &mut Vec<Seen>);
}

/// The application as the rig has it.
#[derive(Debug)]
pub struct Stage<A>(Arc<Shared<A>>);

#[derive(Debug)]
struct Shared<A> {
    state: Mutex<State<A>>,
    /// In microseconds, as the layer was told.
    now: Arc<AtomicU64>,
}

#[derive(Debug)]
struct State<A> {
    actor: A,
    commands: VecDeque<Command>,
    waker: Option<Waker>,
    seen: Vec<Seen>,
    turns: u64,
}

/// The application as the connection has it, over what it is about.
#[derive(Debug)]
pub struct Acting<A: Actor> {
    layer: A::Layer,
    shared: Arc<Shared<A>>,
    due: Option<Instant>,
}

impl<A> Shared<A> {
    fn lock(&self) -> MutexGuard<'_, State<A>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, now: Instant) {
        self.now.store(now.as_micros(), Ordering::Relaxed);
    }
}

impl<A: Actor> App for Stage<A> {
    type Layer = Acting<A>;

    fn can(setup: &Setup) -> bool {
        setup.role == A::ROLE
    }

    fn new() -> (Self, Acting<A>) {
        let now = Arc::new(AtomicU64::new(0));
        let clock = now.clone();
        let (actor, layer) = A::new(move || Instant::from_micros(clock.load(Ordering::Relaxed)));
        let (commands, seen) = (VecDeque::new(), Vec::new());
        let state = Mutex::new(State { actor, commands, waker: None, seen, turns: 0 });
        let shared = Arc::new(Shared { state, now });
        (Self(shared.clone()), Acting { layer, shared, due: None })
    }

    fn command(&self, command: &Command) {
        self.0.lock().commands.push_back(command.clone());
        self.wake();
    }

    fn wake(&self) {
        let waker = self.0.lock().waker.take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn take_seen(&self) -> Vec<Seen> {
        let State { actor, seen, .. } = &mut *self.0.lock();
        actor.gather(seen);
        core::mem::take(seen)
    }

    fn turns(&self) -> u64 {
        self.0.lock().turns
    }
}

impl<A: Actor> Layer for Acting<A> {
    type Tag = <A::Layer as Layer>::Tag;

    fn handle_connected(&mut self, now: Instant, peer: &mut Lent<'_, '_, Self::Tag>) {
        self.shared.tell(now);
        self.layer.handle_connected(now, peer);
    }

    fn handle_event(
        &mut self,
        now: Instant,
        event: Event<'_, Self::Tag>,
        peer: &mut Lent<'_, '_, Self::Tag>,
    ) {
        self.shared.tell(now);
        self.layer.handle_event(now, event, peer);
    }

    fn handle_expired(
        &mut self,
        now: Instant,
        expired: Expired<Self::Tag>,
        peer: &mut Lent<'_, '_, Self::Tag>,
    ) {
        self.shared.tell(now);
        self.layer.handle_expired(now, expired, peer);
    }

    fn handle_turn(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
        peer: &mut Lent<'_, '_, Self::Tag>,
    ) -> bool {
        self.shared.tell(now);
        {
            let State { actor, commands, waker, seen, turns } = &mut *self.shared.lock();
            *turns += 1;
            *waker = Some(cx.waker().clone());
            for command in commands.drain(..) {
                actor.act(&command, seen);
            }
            self.due = actor.turn(cx, now);
        }
        self.layer.handle_turn(cx, now, peer)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        [self.layer.poll_timeout(), self.due].into_iter().flatten().min()
    }

    fn handle_closed(&mut self, now: Instant, why: Closed, pending: &mut dyn Iterator<Item = Self::Tag>) {
        self.layer.handle_closed(now, why, pending);
        let State { actor, seen, .. } = &mut *self.shared.lock();
        actor.gather(seen);
        seen.push(Seen::Closed(why));
    }
}
