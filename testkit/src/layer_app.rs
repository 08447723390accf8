//! The application of scripts as a layer, for rigs with an adapter.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

use coap_tcp_app::{Layer, Lent};
use coap_tcp_core::{Closed, Event, Expired, Instant, SendError};

use crate::core_app::CoreApp;
use crate::rig::Seen;
use crate::script::{Command, Setup};

/// An application as a rig has it, and the layer that it is on the connection.
pub trait App: Sized {
    /// What the adapter runs.
    type Layer: Layer<Tag: Send> + Send + 'static;

    /// Whether it can play this part.
    fn can(_setup: &Setup) -> bool {
        true
    }

    /// Both.
    fn new() -> (Self, Self::Layer);

    /// Leaves a command for the next turn.
    fn command(&self, command: &Command);

    /// Has the connection looked after, as if its transport had woken it.
    fn wake(&self);

    /// What it was told since the last call.
    fn take_seen(&self) -> Vec<Seen>;

    /// How many turns it has had: when there are no more, nothing moves.
    fn turns(&self) -> u64;
}

/// The layer. Its clone stays with the rig.
#[derive(Clone, Debug, Default)]
pub struct LayerApp(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    app: CoreApp,
    commands: VecDeque<Command>,
    waker: Option<Waker>,
    seen: Vec<Seen>,
    turns: u64,
    closed: bool,
    over: bool,
}

impl LayerApp {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl App for LayerApp {
    type Layer = Self;

    fn new() -> (Self, Self) {
        let app = Self::default();
        (app.clone(), app)
    }

    fn command(&self, command: &Command) {
        let mut state = self.lock();
        if state.over {
            state.refuse(command);
            return;
        }
        state.commands.push_back(command.clone());
        drop(state);
        self.wake();
    }

    fn wake(&self) {
        let waker = self.lock().waker.take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn take_seen(&self) -> Vec<Seen> {
        let mut state = self.lock();
        state.gather();
        std::mem::take(&mut state.seen)
    }

    fn turns(&self) -> u64 {
        self.lock().turns
    }
}

impl State {
    fn gather(&mut self) {
        let Self { app, seen, closed, .. } = self;
        let new = seen.len();
        seen.extend(app.take_seen());
        *closed |= seen.iter().skip(new).any(|seen| matches!(seen, Seen::Closed(_)));
    }

    /// Nobody is left to carry it out.
    fn refuse(&mut self, command: &Command) {
        if let Command::On(..) | Command::Abort(_) | Command::Close | Command::Consent(_) = command {
            return;
        }
        self.seen.push(Seen::Refused { tag: command.tag(), why: SendError::Closed });
    }
}

impl Layer for LayerApp {
    type Tag = u32;

    fn handle_event(&mut self, now: Instant, event: Event<'_, u32>, peer: &mut Lent<'_, '_, u32>) {
        self.lock().app.on_event(now, event, peer);
    }

    fn handle_expired(&mut self, _: Instant, expired: Expired<u32>, _: &mut Lent<'_, '_, u32>) {
        self.lock().app.on_expired(expired);
    }

    fn handle_turn(&mut self, cx: &mut Context<'_>, now: Instant, peer: &mut Lent<'_, '_, u32>) -> bool {
        let mut state = self.lock();
        state.turns += 1;
        state.waker = Some(cx.waker().clone());
        while let Some(command) = state.commands.pop_front() {
            state.app.command(now, &command, peer);
        }
        state.app.on_turn(now, peer)
    }

    fn handle_closed(&mut self, _: Instant, why: Closed, pending: &mut dyn Iterator<Item = u32>) {
        let mut state = self.lock();
        state.app.lose(pending);
        state.gather();
        if !std::mem::replace(&mut state.closed, true) {
            state.seen.push(Seen::Closed(why));
        }
        state.over = true;
        for command in std::mem::take(&mut state.commands) {
            state.refuse(&command);
        }
    }
}
