//! A device: its client, its objects, and one connection after the other.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

use coap_tcp_app::{Layer, Lent};
use coap_tcp_core::{Closed, Event, Expired, Instant, Shutdown};
use lwm2m_core::client::{Action, Client, Config, Event as ClientEvent, Op, State};
use lwm2m_core::objects::Objects;
use lwm2m_core::path::Path;

use crate::queue::{Events, Queue, Reports};

/// Events kept for an application that does not take them; then new ones are dropped and counted.
const EVENTS: usize = 256;

/// What a device reports.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum DeviceEvent {
    /// The transport stands.
    Connected,
    /// The transport could not be had, or is gone.
    Disconnected(Closed),
    /// The server has taken the registration.
    Registered,
    /// The server has taken an Update.
    Updated,
    /// A Register or an Update came to nothing.
    Failed(lwm2m_core::client::Problem),
    /// The server does not know us any more; a Register follows.
    Forgotten,
    /// The server has taken the De-register.
    Deregistered,
    /// A request of the server's was answered.
    Served(lwm2m_core::client::Served),
}

struct Core<O> {
    client: Client<'static, 1, 16>,
    objects: O,
    line: Line,
    /// Of whoever polls the device, and of the connection's task.
    wakers: [Option<Waker>; 2],
}

/// Where in `wakers`.
const DEVICE: usize = 0;
const CONNECTION: usize = 1;

/// The connection, of which there is one at most (K-4.2-1).
#[derive(Clone, Copy)]
enum Line {
    None,
    /// Its layer is there.
    Open,
    /// Its layer has gone; the client does not know yet.
    Ended(Closed),
}

struct Shared<O> {
    core: Mutex<Core<O>>,
    clock: Box<dyn Fn() -> Instant + Send + Sync>,
}

impl<O> Shared<O> {
    fn lock(&self) -> MutexGuard<'_, Core<O>> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes something, and wakes whoever may have to do something about it.
    fn change<R>(&self, change: impl FnOnce(Instant, &mut Core<O>) -> R) -> R {
        let (result, wakers) = {
            let mut core = self.lock();
            let result = change((self.clock)(), &mut core);
            (result, core::mem::take(&mut core.wakers))
        };
        wakers.into_iter().flatten().for_each(Waker::wake);
        result
    }
}

/// A device with one server, whose account is instance 0 of object 1. A binding runs it.
pub struct Device<O> {
    shared: Arc<Shared<O>>,
    /// Closed when the device is gone: the handle has none.
    reports: Reports<DeviceEvent>,
}

/// What a [`Device`] wants of its binding.
#[derive(Debug)]
#[must_use]
pub enum Next<O: Objects> {
    /// A connection to the server, with this on it. Dropped, there is none: it could not be had.
    Connect(DeviceLayer<O>),
    /// Nothing before the waker is woken, or this moment comes.
    Wait(Option<Instant>),
    /// Nothing more: it is de-registered, or there is nothing left to try.
    Over,
}

/// The application's side of a [`Device`].
pub struct DeviceHandle<O> {
    shared: Arc<Shared<O>>,
    events: Arc<Queue<DeviceEvent>>,
}

impl<O: Objects + Send + 'static> Device<O> {
    /// A device, its handle, and what it reports. `seed` spreads its retries: it should differ from device to
    /// device and from start to start (REG-88). `clock` tells the time as the connections are told it.
    pub fn new(
        config: Config<'static>,
        objects: O,
        seed: u64,
        clock: impl Fn() -> Instant + Send + Sync + 'static,
    ) -> (Self, DeviceHandle<O>, Events<DeviceEvent>) {
        let client = Client::new(config, [0], seed, &objects);
        let core = Core { client, objects, line: Line::None, wakers: [None, None] };
        let shared = Arc::new(Shared { core: Mutex::new(core), clock: Box::new(clock) });
        let (reports, events) = Reports::new(EVENTS);
        let handle = DeviceHandle { shared: shared.clone(), events: reports.queue() };
        (Self { shared, reports }, handle, events)
    }

    /// To be called at first, when the waker of `cx` was woken, and when the moment of [`Next::Wait`] has come.
    pub fn poll(&mut self, cx: &mut Context<'_>, now: Instant) -> Next<O> {
        let mut core = self.shared.lock();
        core.wakers[DEVICE] = Some(cx.waker().clone());
        match core.line {
            Line::Open => return Next::Wait(None),
            Line::Ended(why) => {
                core.line = Line::None;
                core.client.handle_closed(now, 0);
                self.reports.tell(DeviceEvent::Disconnected(why));
            }
            Line::None => {}
        }
        while let Some(action) = core.client.poll_action(now) {
            if let Action::Connect { .. } = action {
                core.line = Line::Open;
                drop(core);
                let (shared, reports) = (self.shared.clone(), self.reports.clone());
                return Next::Connect(DeviceLayer { shared, reports, due: None, why: Closed::Transport });
            }
        }
        match core.client.state(0) {
            State::Stopped => Next::Over,
            _ => Next::Wait(core.client.poll_timeout().map(|(at, ..)| at)),
        }
    }
}

impl<O: Objects> DeviceHandle<O> {
    /// Changes the application's values. What `change` returns is the path of what has changed; its observers
    /// are told.
    pub fn change(&self, change: impl FnOnce(&mut O) -> Path) {
        self.shared.change(|now, core| {
            let path = change(&mut core.objects);
            core.client.changed(now, path);
        });
    }

    /// Sends an Update now (REG-41).
    pub fn update(&self) {
        self.shared.change(|now, core| core.client.update(now, 0));
    }

    /// De-registers, closes, and ends the device (TCP-80).
    pub fn deregister(&self) {
        self.shared.change(|now, core| core.client.deregister(now, 0));
    }

    /// Events that were dropped since nobody took them.
    pub fn dropped_events(&self) -> u64 {
        self.events.lost()
    }

    /// Where the device stands with its server.
    pub fn state(&self) -> State {
        self.shared.lock().client.state(0)
    }
}

/// A [`Device`] on one connection. When it is dropped, the connection has ended.
pub struct DeviceLayer<O: Objects> {
    shared: Arc<Shared<O>>,
    reports: Reports<DeviceEvent>,
    due: Option<Instant>,
    /// How it ended.
    why: Closed,
}

impl<O: Objects> DeviceLayer<O> {
    fn tell(&self, event: &ClientEvent<'_>) {
        let event = match *event {
            ClientEvent::Registered => DeviceEvent::Registered,
            ClientEvent::Updated(_) => DeviceEvent::Updated,
            ClientEvent::Forgotten(_) => DeviceEvent::Forgotten,
            ClientEvent::Failed { problem, .. } => DeviceEvent::Failed(problem),
            ClientEvent::Deregistered => DeviceEvent::Deregistered,
            ClientEvent::Served(served) => DeviceEvent::Served(served),
            _ => return,
        };
        self.reports.tell(event);
    }
}

impl<O: Objects> Layer for DeviceLayer<O> {
    type Tag = Op;

    fn handle_connected(&mut self, now: Instant, _: &mut Lent<'_, '_, Op>) {
        self.reports.tell(DeviceEvent::Connected);
        self.shared.lock().client.handle_connected(now, 0);
    }

    fn handle_event(&mut self, now: Instant, event: Event<'_, Op>, peer: &mut Lent<'_, '_, Op>) {
        let mut core = self.shared.lock();
        let Core { client, objects, .. } = &mut *core;
        let event = client.handle_event(now, 0, event, objects, peer);
        self.tell(&event);
    }

    fn handle_expired(&mut self, _: Instant, _: Expired<Op>, _: &mut Lent<'_, '_, Op>) {}

    fn handle_turn(&mut self, cx: &mut Context<'_>, now: Instant, peer: &mut Lent<'_, '_, Op>) -> bool {
        let mut core = self.shared.lock();
        core.wakers[CONNECTION] = Some(cx.waker().clone());
        let Core { client, objects, .. } = &mut *core;
        while let Some(event) = client.handle_timeout(now, 0, objects, peer) {
            self.tell(&event);
        }
        // The action that opened this connection is done; the only other one closes it.
        if client.poll_action(now).is_some() && peer.conn.shutdown() == Shutdown::No {
            peer.conn.close();
        }
        self.due = client.poll_timeout_of(0).map(|(at, _)| at);
        false
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.due
    }

    fn handle_closed(&mut self, _: Instant, why: Closed, pending: &mut dyn Iterator<Item = Op>) {
        // The client knows what it has asked for.
        pending.for_each(drop);
        self.why = why;
    }
}

impl<O: Objects> Drop for DeviceLayer<O> {
    fn drop(&mut self) {
        let why = self.why;
        self.shared.change(|_, core| core.line = Line::Ended(why));
    }
}

impl<O> fmt::Debug for Device<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Device").finish_non_exhaustive()
    }
}

impl<O> fmt::Debug for DeviceHandle<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceHandle").finish_non_exhaustive()
    }
}

impl<O: Objects> fmt::Debug for DeviceLayer<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceLayer").field("due", &self.due).finish_non_exhaustive()
    }
}
