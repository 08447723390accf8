//! Connections that come in: how many, for how long.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use coap_tcp_app::{Coap, Counters, Driver, Layer, Role, Service, check};
use coap_tcp_core::{Config, ConfigError, Stats};
use event_listener::Event;
use futures_io::{AsyncRead, AsyncWrite};

use crate::drive::run;
use crate::timer::Timer;

/// Before the next attempt when there were no files or no memory for a connection.
const SCARCE: Duration = Duration::from_millis(50);

/// One connection, to be run as a task.
pub type Connection = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Serves the connections that a listener of any runtime accepts. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Server<T> {
    config: Arc<Config>,
    timer: T,
    max_connections: usize,
    body_limit: usize,
    counters: Arc<Counters>,
}

impl<T: Timer + Clone + Send + 'static> Server<T> {
    /// With at most 10,000 connections at once.
    ///
    /// # Errors
    /// When the configuration cannot work.
    pub fn new(config: Config, timer: T) -> Result<Self, ConfigError> {
        check(&config)?;
        Ok(Self {
            config: Arc::new(config),
            timer,
            max_connections: 10_000,
            body_limit: 1024 * 1024,
            counters: Arc::default(),
        })
    }

    /// Connections at once; more wait in the system's queue (F-34). 10,000.
    #[must_use]
    pub const fn max_connections(mut self, max: usize) -> Self {
        self.max_connections = max;
        self
    }

    /// The most bytes of a body that comes in blocks, see [`Coap::body_limit`]; 1 MiB.
    #[must_use]
    pub const fn body_limit(mut self, bytes: usize) -> Self {
        self.body_limit = bytes;
        self
    }

    /// What has been ignored, refused or given up on all its connections, and on those of its clones.
    pub fn stats(&self) -> Stats {
        self.counters.snapshot()
    }

    /// The clock that all connections are told the time by.
    pub const fn timer(&self) -> &T {
        &self.timer
    }

    /// Serves CoAP until `stop` is ready: each connection gets the service that `service` makes for the address
    /// that it came from. Then all are released, and have the configured time to drain; returns when all are
    /// over.
    ///
    /// `accept` gives the next connection, and `spawn` runs one: both are the runtime's. What `accept` gives
    /// should have been told what the core advises, by [`tune`](crate::tune).
    pub async fn serve<IO, A, F, S>(
        &self,
        accept: impl FnMut() -> F,
        mut service: impl FnMut(&A) -> S,
        spawn: impl FnMut(Connection),
        stop: impl Future<Output = ()>,
    ) where
        IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        F: Future<Output = io::Result<(IO, A)>>,
        S: Service,
    {
        let layer = |address: &A| Coap::new(service(address)).body_limit(self.body_limit);
        self.serve_layers(accept, layer, spawn, stop).await;
    }

    /// [`Server::serve`] for any [`Layer`].
    pub async fn serve_layers<IO, A, F, L>(
        &self,
        mut accept: impl FnMut() -> F,
        mut layer: impl FnMut(&A) -> L,
        mut spawn: impl FnMut(Connection),
        stop: impl Future<Output = ()>,
    ) where
        IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        F: Future<Output = io::Result<(IO, A)>>,
        L: Layer + Send + 'static,
        L::Tag: Send,
    {
        let crowd = Arc::new(Crowd::default());
        let mut stop = pin!(stop);
        loop {
            let next = async {
                crowd.fewer_than(self.max_connections).await;
                accept().await
            };
            let Some(accepted) = unless(stop.as_mut(), next).await else {
                break;
            };
            match accepted {
                Ok((io, address)) => spawn(self.connection(io, layer(&address), &crowd)),
                // Out of files, most likely: the next one would fail at once, too.
                Err(_) => {
                    if unless(stop.as_mut(), self.sleep(SCARCE)).await.is_none() {
                        break;
                    }
                }
            }
        }
        crowd.stop();
        crowd.fewer_than(1).await;
    }

    fn connection<IO, L>(&self, io: IO, layer: L, crowd: &Arc<Crowd>) -> Connection
    where
        IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        L: Layer + Send + 'static,
        L::Tag: Send,
    {
        let (config, counters) = (self.config.clone(), self.counters.clone());
        let (timer, member) = (self.timer.clone(), crowd.join());
        Box::pin(async move {
            // The configuration is known to work: there is only the memory to want, for this connection.
            if let Ok(driver) = Driver::new(Role::Acceptor, &config, layer, timer.now()) {
                run(io, driver.counting(counters), timer, member.stopped()).await;
            }
        })
    }

    async fn sleep(&self, time: Duration) {
        let mut timer = self.timer.clone();
        let at = timer.now() + time;
        poll_fn(|cx| timer.poll_until(cx, at)).await;
    }
}

/// `None`: `stop` was ready first.
async fn unless<T>(
    mut stop: Pin<&mut impl Future<Output = ()>>,
    future: impl Future<Output = T>,
) -> Option<T> {
    let mut future = pin!(future);
    poll_fn(|cx| {
        if stop.as_mut().poll(cx).is_ready() {
            return Poll::Ready(None);
        }
        future.as_mut().poll(cx).map(Some)
    })
    .await
}

/// The connections that are here.
#[derive(Debug, Default)]
struct Crowd {
    here: AtomicUsize,
    left: Event,
    stopping: AtomicBool,
    stop: Event,
}

impl Crowd {
    fn join(self: &Arc<Self>) -> Member {
        self.here.fetch_add(1, Ordering::AcqRel);
        Member(self.clone())
    }

    async fn fewer_than(&self, limit: usize) {
        until(&self.left, || self.here.load(Ordering::Acquire) < limit).await;
    }

    fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        self.stop.notify(usize::MAX);
    }
}

async fn until(event: &Event, done: impl Fn() -> bool) {
    while !done() {
        let listener = event.listen();
        // It may have come between the look and the listening.
        if done() {
            return;
        }
        listener.await;
    }
}

/// One of them. Dropped, it has left.
struct Member(Arc<Crowd>);

impl Member {
    async fn stopped(&self) {
        until(&self.0.stop, || self.0.stopping.load(Ordering::Acquire)).await;
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.0.here.fetch_sub(1, Ordering::AcqRel);
        self.0.left.notify(usize::MAX);
    }
}
