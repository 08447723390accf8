//! A server: one registry, and the connections of its devices.

mod event;
mod layer;
mod link;
mod shared;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use lwm2m_core::content::ContentFormat;
use lwm2m_core::server::{Action, Config, Event as RegistryEvent, Registry};
use lwm2m_core::{Operation, Path};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc};

pub use self::event::{Answer, AskError, ServerEvent};
use self::layer::ServerLayer;
use self::link::{Asked, Link, Question};
use self::shared::{ConnectionId, NOWHERE, Shared};
use crate::endpoint::Listener;

/// Events kept for an application that does not take them; then new ones are dropped and counted.
const EVENTS: usize = 1024;

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
            homes: Mutex::default(),
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
            ServerLayer::new(self.shared.clone(), id, link)
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
                    self.shared.settle(&event, NOWHERE);
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
                    link.release();
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

    /// Reads what is at `path` of a device, in its preferred format unless `accept` names one. Dropped before
    /// it is sent, it is not sent.
    pub async fn read(
        &self,
        endpoint: &str,
        path: Path,
        accept: Option<ContentFormat>,
    ) -> Result<Answer, AskError> {
        let mut asked = self.ask(endpoint, Operation::Read, path, accept)?;
        asked.next().await.unwrap_or(Err(AskError::NotConnected))
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
        Link::ask(&link, Question { registration, operation, path, accept, handle })
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

/// An observation of a device's resource. Dropped, it is cancelled on the wire (IR-1).
pub struct Observation {
    asked: Asked,
}

impl Observation {
    /// Notifications that were dropped for newer ones, since nobody took them.
    pub fn skipped(&self) -> u64 {
        self.asked.skipped()
    }

    /// The next value; `None` when the observation is over.
    pub async fn next(&mut self) -> Option<Result<Answer, AskError>> {
        self.asked.next().await
    }

    /// Cancels it on the wire and waits until the device has confirmed.
    pub async fn cancel(mut self) {
        self.asked.cancel();
        while self.next().await.is_some() {}
    }
}
