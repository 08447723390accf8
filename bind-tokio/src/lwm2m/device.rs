//! A device: its client, its objects, and one connection after the other.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

use coap_tcp_core::{Closed, ConfigError, Event, Expired, Instant, Shutdown};
use lwm2m_core::client::{Action, Client, Config, Event as ClientEvent, Op, State};
use lwm2m_core::objects::Objects;
use lwm2m_core::path::Path;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Notify, mpsc};

use crate::endpoint::Endpoint;
use crate::layer::{Layer, Lent};
use coap_tcp_app::Role;

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
    waker: Option<Waker>,
}

struct Shared<O> {
    core: Mutex<Core<O>>,
    /// Wakes the device while it has no connection.
    nudge: Notify,
    /// Events that nobody took.
    dropped: AtomicU64,
}

impl<O> Shared<O> {
    fn lock(&self) -> MutexGuard<'_, Core<O>> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn report(&self, events: &mpsc::Sender<DeviceEvent>, event: DeviceEvent) {
        if events.try_send(event).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn wake(&self) {
        let waker = self.lock().waker.take();
        self.nudge.notify_one();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// A device with one server, whose account is instance 0 of object 1.
pub struct Device<O> {
    endpoint: Endpoint,
    shared: Arc<Shared<O>>,
    /// Closed when the device is gone: the handle has none.
    events: mpsc::Sender<DeviceEvent>,
}

/// The application's side of a [`Device`].
pub struct DeviceHandle<O> {
    endpoint: Endpoint,
    shared: Arc<Shared<O>>,
}

impl<O: Objects + Send + 'static> Device<O> {
    /// A device, its handle, and what it reports. `seed` spreads its retries: it should differ from device to
    /// device and from start to start (REG-88).
    pub fn new(
        endpoint: Endpoint,
        config: Config<'static>,
        objects: O,
        seed: u64,
    ) -> (Self, DeviceHandle<O>, mpsc::Receiver<DeviceEvent>) {
        let client = Client::new(config, [0], seed, &objects);
        let core = Mutex::new(Core { client, objects, waker: None });
        let shared = Arc::new(Shared { core, nudge: Notify::new(), dropped: AtomicU64::new(0) });
        let (events, reports) = mpsc::channel(EVENTS);
        let handle = DeviceHandle { endpoint: endpoint.clone(), shared: shared.clone() };
        (Self { endpoint, shared, events }, handle, reports)
    }

    /// Runs until it is de-registered: connects as `connect` says, registers, serves, and connects again when
    /// and as the policy says.
    ///
    /// # Errors
    /// When the endpoint's configuration cannot work; then it has not connected.
    pub async fn run<IO, F>(self, mut connect: impl FnMut() -> F) -> Result<(), ConfigError>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
        F: Future<Output = std::io::Result<IO>>,
    {
        self.endpoint.check()?;
        let clock = self.endpoint.clock();
        loop {
            let (action, due, state) = {
                let mut core = self.shared.lock();
                let action = core.client.poll_action(clock.now());
                (action, core.client.poll_timeout(), core.client.state(0))
            };
            match (action, due) {
                (Some(Action::Connect { .. }), _) => {
                    let why = self.connection(connect().await).await;
                    self.shared.lock().client.handle_closed(clock.now(), 0);
                    self.shared.report(&self.events, DeviceEvent::Disconnected(why));
                }
                (Some(Action::Close { .. }), _) => {}
                (None, _) if state == State::Stopped => return Ok(()),
                (None, Some((at, ..))) => {
                    tokio::select! {
                        () = tokio::time::sleep_until(clock.tokio(at)) => {}
                        () = self.shared.nudge.notified() => {}
                    }
                }
                (None, None) => self.shared.nudge.notified().await,
            }
        }
    }

    /// One connection, from its beginning to its end.
    async fn connection<IO>(&self, io: std::io::Result<IO>) -> Closed
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        let Ok(io) = io else {
            return Closed::Transport;
        };
        self.shared.report(&self.events, DeviceEvent::Connected);
        self.shared.lock().client.handle_connected(self.endpoint.clock().now(), 0);
        let layer = DeviceLayer { shared: self.shared.clone(), events: self.events.clone(), due: None };
        let ended = self.endpoint.drive(io, Role::Initiator, layer, std::future::pending()).await;
        // The configuration is known to work: there is only the memory to want, and that may pass.
        ended.unwrap_or(Closed::Local)
    }
}

impl<O: Objects> DeviceHandle<O> {
    /// Changes the application's values. What `change` returns is the path of what has changed; its observers
    /// are told.
    pub fn change(&self, change: impl FnOnce(&mut O) -> Path) {
        {
            let mut core = self.shared.lock();
            let Core { client, objects, .. } = &mut *core;
            let path = change(objects);
            client.changed(self.endpoint.clock().now(), path);
        }
        self.shared.wake();
    }

    /// Sends an Update now (REG-41).
    pub fn update(&self) {
        self.shared.lock().client.update(self.endpoint.clock().now(), 0);
        self.shared.wake();
    }

    /// De-registers, closes, and ends [`Device::run`] (TCP-80).
    pub fn deregister(&self) {
        self.shared.lock().client.deregister(self.endpoint.clock().now(), 0);
        self.shared.wake();
    }

    /// Events that were dropped since nobody took them.
    pub fn dropped_events(&self) -> u64 {
        self.shared.dropped.load(Ordering::Relaxed)
    }

    /// Where the device stands with its server.
    pub fn state(&self) -> State {
        self.shared.lock().client.state(0)
    }
}

struct DeviceLayer<O> {
    shared: Arc<Shared<O>>,
    events: mpsc::Sender<DeviceEvent>,
    due: Option<Instant>,
}

impl<O> DeviceLayer<O> {
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
        self.shared.report(&self.events, event);
    }
}

impl<O: Objects> Layer for DeviceLayer<O> {
    type Tag = Op;

    fn handle_event(&mut self, now: Instant, event: Event<'_, Op>, peer: &mut Lent<'_, '_, Op>) {
        let mut core = self.shared.lock();
        let Core { client, objects, .. } = &mut *core;
        let event = client.handle_event(now, 0, event, objects, peer);
        self.tell(&event);
    }

    fn handle_expired(&mut self, _: Instant, _: Expired<Op>, _: &mut Lent<'_, '_, Op>) {}

    fn handle_turn(&mut self, cx: &mut Context<'_>, now: Instant, peer: &mut Lent<'_, '_, Op>) -> bool {
        let mut core = self.shared.lock();
        core.waker = Some(cx.waker().clone());
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

    fn handle_closed(&mut self, _: Instant, _: Closed, pending: &mut dyn Iterator<Item = Op>) {
        // The client knows what it has asked for, and hears of the end from `run`.
        pending.for_each(drop);
    }
}
