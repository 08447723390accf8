//! A server: one registry, and the connections of its devices.

mod event;
mod layer;
mod link;
mod shared;

use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::task::Context;

use coap_tcp_core::Instant;
use lwm2m_core::content::ContentFormat;
use lwm2m_core::server::{Action, Config, Event as RegistryEvent, Registry};
use lwm2m_core::{Operation, Path};

pub use self::event::{Answer, AskError, ServerEvent};
pub use self::layer::ServerLayer;
use self::link::{Asked, Link, Question};
use self::shared::{ConnectionId, NOWHERE, Shared};
use crate::queue::{Events, Reports};

/// Events kept for an application that does not take them; then new ones are dropped and counted.
const EVENTS: usize = 1024;

/// An LwM2M server: its registry, and the way to each device. Clones are the same server. A binding makes its
/// connections, all told the time by one clock.
#[derive(Clone)]
pub struct Server {
    shared: Arc<Shared>,
}

impl Server {
    /// A server, and what it reports. `random` is asked for the locations of registrations; where devices are
    /// not authenticated it must not be guessable (SEC-31).
    pub fn new(config: Config, random: impl FnMut() -> u64 + Send + 'static) -> (Self, Events<ServerEvent>) {
        let (reports, events) = Reports::new(EVENTS);
        let shared = Shared {
            registry: Mutex::new(Registry::new(config, random)),
            links: Mutex::default(),
            homes: Mutex::default(),
            reports,
            next: AtomicU64::new(1),
            keepers: Mutex::default(),
        };
        (Self { shared: Arc::new(shared) }, events)
    }

    /// For one more connection.
    pub fn layer(&self) -> ServerLayer {
        ServerLayer::new(&self.shared)
    }

    /// Sees to the registry's deadlines, which go on without connections. To be called at first, when the waker
    /// of `cx` was woken, and at the moment that it gives.
    pub fn poll(&self, cx: &mut Context<'_>, now: Instant) -> Option<Instant> {
        self.shared.listen(cx);
        let (due, closing) = {
            let mut registry = self.shared.registry();
            while let Some(event) = registry.handle_timeout(now) {
                self.shared.settle(&event, NOWHERE);
                if let RegistryEvent::Expired(registration) = event {
                    let endpoint = registration.endpoint().to_owned();
                    self.shared.reports.tell(ServerEvent::Expired { endpoint });
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
        due
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
        self.shared.reports.queue().lost()
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

    /// Whether nothing more will come than what has come already.
    pub fn is_over(&self) -> bool {
        self.asked.is_over()
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

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").finish_non_exhaustive()
    }
}

impl fmt::Debug for Observation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observation").field("skipped", &self.skipped()).finish_non_exhaustive()
    }
}
