//! A server: one registry, and the connections of its devices.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

use coap_tcp_core::{Closed, Event, Expired, Instant, SendError};
use lwm2m_core::content::ContentFormat;
use lwm2m_core::server::{
    Action, AnswerError, Config, DownlinkError, Event as RegistryEvent, Op, Reading, RegistrationId,
    Registry, known, read_answer,
};
use lwm2m_core::{Operation, Path};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc};

use crate::draft::{Received, keep};
use crate::endpoint::Listener;
use crate::layer::{Layer, Lent};

/// Events kept for an application that does not take them; then new ones are dropped and counted.
const EVENTS: usize = 1024;
/// Notifications kept for one that does not take them; then new ones are dropped and counted.
const NOTIFICATIONS: usize = 64;

/// Names a connection. Never used twice.
type ConnectionId = u64;

/// What a server reports of its devices.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ServerEvent {
    /// A device has registered, and can be asked.
    Registered {
        /// Its name.
        endpoint: String,
        /// What it said, as one line.
        summary: String,
    },
    /// A device has updated its registration.
    Updated {
        /// Its name.
        endpoint: String,
    },
    /// A device has De-registered.
    Deregistered {
        /// Its name.
        endpoint: String,
    },
    /// A registration was not updated in time.
    Expired {
        /// Its name.
        endpoint: String,
    },
    /// A request of a device was refused.
    Refused(coap_tcp_core::Code),
    /// A connection is over.
    Disconnected(Closed),
}

/// Why a device was not asked, or did not answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// No such registration, or none with a connection now.
    #[error("not connected")]
    NotConnected,
    /// It cannot be asked so.
    #[error(transparent)]
    Downlink(DownlinkError),
    /// No answer came in time.
    #[error("no answer in time")]
    Timeout,
    /// The connection ended first.
    #[error("connection lost: {0}")]
    Closed(Closed),
    /// The answer cannot be used.
    #[error("unusable answer: {0:?}")]
    Failed(coap_tcp_core::Failure),
}

/// What a device answered, or notified.
#[derive(Clone, Debug)]
pub struct Answer {
    op: Op,
    message: Received,
}

impl Answer {
    /// The message, as it came.
    pub const fn message(&self) -> &Received {
        &self.message
    }

    /// Hands each value in it to `each`.
    ///
    /// # Errors
    /// When the device refused, or its payload cannot be read.
    pub fn values(&self, each: impl FnMut(Reading<'_>)) -> Result<(), AnswerError> {
        read_answer(&self.op, &self.message.view(), known, each)
    }
}

/// What is asked of a connection's task.
enum Command {
    Ask { op: Question, reply: mpsc::Sender<Result<Answer, AskError>>, handle: u64 },
    Cancel { registration: RegistrationId, handle: u64 },
    Release,
}

struct Question {
    registration: RegistrationId,
    operation: Operation,
    path: Path,
    accept: Option<ContentFormat>,
}

#[derive(Default)]
struct Link {
    state: Mutex<LinkState>,
}

#[derive(Default)]
struct LinkState {
    commands: VecDeque<Command>,
    waker: Option<Waker>,
}

impl Link {
    fn lock(&self) -> MutexGuard<'_, LinkState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, command: Command) {
        let waker = {
            let mut state = self.lock();
            state.commands.push_back(command);
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

struct Shared {
    registry: Mutex<Registry<ConnectionId>>,
    links: Mutex<BTreeMap<ConnectionId, Arc<Link>>>,
    events: mpsc::Sender<ServerEvent>,
    dropped: AtomicU64,
    next: AtomicU64,
    /// The registry's next deadline may have come nearer.
    nudge: Notify,
}

impl Shared {
    fn registry(&self) -> MutexGuard<'_, Registry<ConnectionId>> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn links(&self) -> MutexGuard<'_, BTreeMap<ConnectionId, Arc<Link>>> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    fn report(&self, event: ServerEvent) {
        if self.events.try_send(event).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The connection over which a device is reached now.
    fn link(&self, endpoint: &str) -> Result<(RegistrationId, Arc<Link>), AskError> {
        let (id, connection) = {
            let registry = self.registry();
            let registration = registry.find(endpoint).ok_or(AskError::NotConnected)?;
            (registration.id(), registration.connection().ok_or(AskError::NotConnected)?)
        };
        let link = self.links().get(&connection).cloned().ok_or(AskError::NotConnected)?;
        Ok((id, link))
    }
}

/// An LwM2M server. Clones are the same server.
#[derive(Clone)]
pub struct Server {
    shared: Arc<Shared>,
}

impl Server {
    /// A server, and what it reports. `random` is asked for the locations of registrations; where devices are
    /// not authenticated it must not be guessable (SEC-31).
    pub fn new(
        config: Config,
        random: impl FnMut() -> u64 + Send + 'static,
    ) -> (Self, mpsc::Receiver<ServerEvent>) {
        let (events, reports) = mpsc::channel(EVENTS);
        let shared = Shared {
            registry: Mutex::new(Registry::new(config, random)),
            links: Mutex::default(),
            events,
            dropped: AtomicU64::new(0),
            next: AtomicU64::new(1),
            nudge: Notify::new(),
        };
        (Self { shared: Arc::new(shared) }, reports)
    }

    /// Serves devices until `shutdown` is ready, then releases their connections.
    pub async fn serve(&self, listener: Listener, shutdown: impl Future<Output = ()>) {
        self.serve_over(listener, |stream, _| stream, shutdown).await;
    }

    /// [`Server::serve`] over what `wrap` makes of the TCP stream.
    pub async fn serve_over<IO>(
        &self,
        listener: Listener,
        wrap: impl FnMut(TcpStream, SocketAddr) -> IO,
        shutdown: impl Future<Output = ()>,
    ) where
        IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let clock = listener.clock();
        let layer = |_| {
            let (id, link) = (self.shared.next(), Arc::new(Link::default()));
            self.shared.links().insert(id, link.clone());
            self.shared.registry().handle_connected(clock.now(), id, None);
            self.shared.nudge.notify_one();
            ServerLayer { shared: self.shared.clone(), id, link, asked: BTreeMap::new() }
        };
        tokio::select! {
            () = listener.serve_layers(layer, wrap, shutdown) => {}
            () = self.keep_time(clock) => {}
        }
    }

    /// Sees to the registry's deadlines, for ever.
    async fn keep_time(&self, clock: crate::drive::Clock) {
        loop {
            let (due, closing) = {
                let mut registry = self.shared.registry();
                while let Some(event) = registry.handle_timeout(clock.now()) {
                    if let RegistryEvent::Expired(registration) = event {
                        self.shared
                            .report(ServerEvent::Expired { endpoint: registration.endpoint().to_owned() });
                    }
                }
                let closing: Vec<_> = core::iter::from_fn(|| registry.poll_action()).collect();
                (registry.poll_timeout(), closing)
            };
            for Action::Release(connection) in closing {
                if let Some(link) = self.shared.links().get(&connection) {
                    link.push(Command::Release);
                }
            }
            let nudged = self.shared.nudge.notified();
            match due {
                Some(at) => {
                    let _ = tokio::time::timeout_at(clock.tokio(at), nudged).await;
                }
                None => nudged.await,
            }
        }
    }

    /// Reads what is at `path` of a device, in its preferred format unless `accept` names one.
    pub async fn read(
        &self,
        endpoint: &str,
        path: Path,
        accept: Option<ContentFormat>,
    ) -> Result<Answer, AskError> {
        let mut asked = self.ask(endpoint, Operation::Read, path, accept)?;
        asked.answers.recv().await.unwrap_or(Err(AskError::NotConnected))
    }

    /// Observes what is at `path` of a device. The first item of the [`Observation`] is the answer, which may
    /// also be the last.
    pub fn observe(
        &self,
        endpoint: &str,
        path: Path,
        accept: Option<ContentFormat>,
    ) -> Result<Observation, AskError> {
        self.ask(endpoint, Operation::Observe, path, accept).map(|asked| Observation { asked })
    }

    fn ask(
        &self,
        endpoint: &str,
        operation: Operation,
        path: Path,
        accept: Option<ContentFormat>,
    ) -> Result<Asked, AskError> {
        let (registration, link) = self.shared.link(endpoint)?;
        let preferred = || self.shared.registry().get(registration).map(|device| device.preferred_format());
        let accept = accept.or_else(preferred);
        let handle = self.shared.next();
        let (reply, answers) = mpsc::channel(NOTIFICATIONS);
        link.push(Command::Ask { op: Question { registration, operation, path, accept }, reply, handle });
        Ok(Asked { link, registration, handle, answers })
    }

    /// Events that were dropped since nobody took them.
    pub fn dropped_events(&self) -> u64 {
        self.shared.dropped.load(Ordering::Relaxed)
    }

    /// Looks at the registry. Keep it short: all connections wait meanwhile.
    pub fn with_registry<R>(&self, look: impl FnOnce(&Registry<ConnectionId>) -> R) -> R {
        look(&self.shared.registry())
    }
}

/// A question to a device, and where its answers arrive.
struct Asked {
    link: Arc<Link>,
    registration: RegistrationId,
    handle: u64,
    answers: mpsc::Receiver<Result<Answer, AskError>>,
}

/// An observation of a device's resource. Dropped, it is cancelled on the wire (IR-1).
pub struct Observation {
    asked: Asked,
}

impl Observation {
    /// The next value; `None` when the observation is over.
    pub async fn next(&mut self) -> Option<Result<Answer, AskError>> {
        self.asked.answers.recv().await
    }

    /// Cancels it on the wire and waits until the device has confirmed.
    pub async fn cancel(mut self) {
        self.ask_to_cancel();
        while self.next().await.is_some() {}
    }

    fn ask_to_cancel(&self) {
        let Asked { link, registration, handle, .. } = &self.asked;
        link.push(Command::Cancel { registration: *registration, handle: *handle });
    }
}

impl Drop for Observation {
    fn drop(&mut self) {
        if !self.asked.answers.is_closed() {
            self.ask_to_cancel();
        }
    }
}

struct ServerLayer {
    shared: Arc<Shared>,
    id: ConnectionId,
    link: Arc<Link>,
    /// Who waits for what.
    asked: BTreeMap<u64, mpsc::Sender<Result<Answer, AskError>>>,
}

impl ServerLayer {
    fn handle_registry_event(&mut self, event: RegistryEvent<'_, ConnectionId>) {
        let event = match event {
            RegistryEvent::Registered { id, .. } => match self.shared.registry().get(id) {
                Some(device) => {
                    let summary = summary(device);
                    ServerEvent::Registered { endpoint: device.endpoint().to_owned(), summary }
                }
                None => return,
            },
            RegistryEvent::Updated { id, .. } => match self.shared.registry().get(id) {
                Some(device) => ServerEvent::Updated { endpoint: device.endpoint().to_owned() },
                None => return,
            },
            RegistryEvent::Deregistered(device) => {
                ServerEvent::Deregistered { endpoint: device.endpoint().to_owned() }
            }
            RegistryEvent::Expired(device) => ServerEvent::Expired { endpoint: device.endpoint().to_owned() },
            RegistryEvent::Refused(code) => ServerEvent::Refused(code),
            RegistryEvent::Answered { op, message } => return self.deliver(op, &message, true),
            RegistryEvent::Notified { op, message, .. } => return self.deliver(op, &message, false),
            RegistryEvent::Failed { op, why } => return self.fail(op.handle, AskError::Failed(why)),
            _ => return,
        };
        self.shared.report(event);
        self.shared.nudge.notify_one();
    }

    fn deliver(&mut self, op: Op, message: &coap_tcp_core::Message<'_>, last: bool) {
        let answer = Ok(Answer { op, message: keep(message) });
        let sent = self.asked.get(&op.handle).map(|reply| reply.try_send(answer));
        if let Some(Err(_)) = sent {
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
        }
        if last {
            self.asked.remove(&op.handle);
        }
    }

    fn fail(&mut self, handle: u64, why: AskError) {
        if let Some(reply) = self.asked.remove(&handle) {
            let _ = reply.try_send(Err(why));
        }
    }

    /// An error says that it is to be tried again, later.
    fn handle_command(
        &mut self,
        now: Instant,
        command: &Command,
        peer: &mut Lent<'_, '_, Op>,
    ) -> Result<(), SendError> {
        match command {
            Command::Ask { op, reply, handle } => {
                let Question { registration, operation, path, accept } = *op;
                let asked = {
                    let mut registry = self.shared.registry();
                    match operation {
                        Operation::Observe => {
                            registry.observe(now, registration, path, accept, *handle, peer)
                        }
                        _ => registry.read(now, registration, path, accept, *handle, peer),
                    }
                };
                self.asked.insert(*handle, reply.clone());
                match asked {
                    Ok(_) => {}
                    Err(DownlinkError::Send(error)) if is_passing(error) => return Err(error),
                    Err(error) => self.fail(*handle, AskError::Downlink(error)),
                }
            }
            Command::Cancel { registration, handle } => {
                match self.shared.registry().cancel(now, *registration, *handle, peer) {
                    Ok(()) => {}
                    Err(DownlinkError::Send(error)) if is_passing(error) => return Err(error),
                    // It has ended by itself meanwhile.
                    Err(_) => drop(self.asked.remove(handle)),
                }
            }
            Command::Release => {
                if peer.conn.release(now, None, &[], peer.tx).is_err() {
                    peer.conn.close();
                }
            }
        }
        Ok(())
    }
}

/// The core says these before it changes anything.
const fn is_passing(error: SendError) -> bool {
    matches!(error, SendError::Full | SendError::NotReady | SendError::TooMany)
}

fn summary(device: &lwm2m_core::server::Registration<ConnectionId>) -> String {
    use core::fmt::Write as _;
    let mut text = format!("id={} lt={} lwm2m={}", device.id(), device.lifetime(), device.version());
    if let Some(binding) = device.binding() {
        let _ = write!(text, " b={binding}");
    }
    if device.queue() {
        text.push_str(" Q");
    }
    let objects: Vec<String> = device.objects().iter().map(|listed| listed.path.to_string()).collect();
    let _ = write!(text, " objects={}", objects.join(","));
    text
}

impl Layer for ServerLayer {
    type Tag = Op;

    fn handle_event(&mut self, now: Instant, event: Event<'_, Op>, peer: &mut Lent<'_, '_, Op>) {
        let event = self.shared.registry().handle_event(now, self.id, event, peer);
        self.handle_registry_event(event);
    }

    fn handle_expired(&mut self, _: Instant, expired: Expired<Op>, _: &mut Lent<'_, '_, Op>) {
        if let Expired::Request(id, op) = expired {
            self.shared.registry().handle_unanswered(id, &op);
            self.fail(op.handle, AskError::Timeout);
            self.shared.nudge.notify_one();
        }
    }

    fn handle_turn(&mut self, cx: &mut Context<'_>, now: Instant, peer: &mut Lent<'_, '_, Op>) -> bool {
        let link = self.link.clone();
        link.lock().waker = Some(cx.waker().clone());
        loop {
            let Some(command) = link.lock().commands.pop_front() else {
                return false;
            };
            if let Err(error) = self.handle_command(now, &command, peer) {
                link.lock().commands.push_front(command);
                return error == SendError::Full;
            }
        }
    }

    fn handle_closed(&mut self, _: Instant, why: Closed, pending: &mut dyn Iterator<Item = Op>) {
        pending.for_each(|op| self.fail(op.handle, AskError::Closed(why)));
        self.asked.clear();
        self.shared.links().remove(&self.id);
        self.shared.registry().handle_closed(self.id);
        self.shared.report(ServerEvent::Disconnected(why));
    }
}
