//! Connecting and listening.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use coap_tcp_app::{Counters, Driver, KnownPath, Role, tune};
use coap_tcp_core::{Advice, Closed, Config, ConfigError, KeepAliveSearch, Stats, Tally};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, ToSocketAddrs};
use tokio::sync::{Semaphore, watch};

use crate::coap::Coap;
use crate::drive::{Clock, run};
use crate::handle::Handle;
use crate::layer::Layer;
use crate::service::Service;
use crate::trace::{connection, not_accepted};

/// Opens and accepts connections with one configuration. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Endpoint {
    config: Arc<Config>,
    clock: Clock,
    connect_timeout: Duration,
    max_connections: usize,
    max_starting: usize,
    body_limit: usize,
    counters: Arc<Counters>,
    path: Arc<KnownPath>,
    advice: Advice,
}

impl Endpoint {
    /// With 10 s to connect, and at most 10,000 accepted connections at once, 1,000 of them without a CSM.
    pub fn new(config: Config) -> Self {
        let advice = Advice::acceptor(&config);
        Self {
            config: Arc::new(config),
            advice,
            clock: Clock::start(),
            connect_timeout: Duration::from_secs(10),
            max_connections: 10_000,
            max_starting: 1000,
            body_limit: 1024 * 1024,
            counters: Arc::default(),
            path: Arc::default(),
        }
    }

    /// For the TCP connection to stand; 10 s.
    #[must_use]
    pub const fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Accepted connections at once; more wait in the system's queue (F-34). 10,000.
    #[must_use]
    pub const fn max_connections(mut self, max: usize) -> Self {
        self.max_connections = max;
        self
    }

    /// Accepted connections at once whose peer has not sent its CSM yet; more wait in the system's queue (F-34). 1,000.
    /// Whoever only connects takes no place from those who speak for longer than
    /// [`Config::csm_timeout`](coap_tcp_core::Config::csm_timeout).
    #[must_use]
    pub const fn max_starting(mut self, max: usize) -> Self {
        self.max_starting = max;
        self
    }

    /// The most bytes of a body that comes in blocks, see [`Coap::body_limit`]; 1 MiB. What makes its own
    /// layers tells them itself.
    #[must_use]
    pub const fn body_limit(mut self, bytes: usize) -> Self {
        self.body_limit = bytes;
        self
    }

    /// Has TCP probe idle connections after so long. Off: two hours, as is usual, are too late for a NAT, and
    /// the configuration's keep-alive proves more (K-4.3-4, F-31).
    #[must_use]
    pub const fn tcp_keep_alive(mut self, after: Duration) -> Self {
        self.advice.keep_alive = Some(after);
        self
    }

    /// Has TCP give up when sent bytes are not acknowledged for so long (TCP_USER_TIMEOUT; only where the system
    /// has it). Off: its own limit holds (F-31).
    #[must_use]
    pub const fn tcp_user_timeout(mut self, timeout: Duration) -> Self {
        self.advice.user_timeout = Some(timeout);
        self
    }

    /// Goes on with what an adaptive keep-alive has learned before, over connections that this side opens.
    #[must_use]
    pub fn resume_keep_alive(mut self, search: KeepAliveSearch) -> Self {
        self.path = Arc::new(KnownPath::new(search));
        self
    }

    /// What an adaptive keep-alive has learned: to be kept in a file over restarts. All connections that this side
    /// opens, and those of its clones, share it, since it is the way out that they have in common.
    pub fn keep_alive_search(&self) -> KeepAliveSearch {
        self.path.search()
    }

    /// The clock that all its connections are told the time by.
    pub const fn clock(&self) -> Clock {
        self.clock
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What has been ignored, refused or given up on all its connections, and on those of its clones.
    pub fn stats(&self) -> Stats {
        self.counters.snapshot()
    }

    /// Whether connections can be made with the configuration.
    ///
    /// # Errors
    /// What every one of them would end with at once.
    pub fn check(&self) -> Result<(), ConfigError> {
        coap_tcp_app::check(&self.config)
    }

    /// Opens a TCP connection without TLS (`coap+tcp`) and drives it in a task of its own. `service` serves
    /// the requests that the peer makes on it; [`NoService`](crate::NoService) has none.
    ///
    /// # Errors
    /// When no address can be reached in time, or the configuration cannot work.
    pub async fn connect_plain(&self, to: impl ToSocketAddrs, service: impl Service) -> io::Result<Handle> {
        self.check().map_err(invalid)?;
        let stream = self.tcp(to).await?;
        let peer = stream.peer_addr().ok();
        let (layer, handle) = self.client(service);
        tokio::spawn(self.drive_to(peer, ((), ()), stream, Role::Initiator, layer, std::future::pending()));
        Ok(handle)
    }

    /// Opens a TCP connection, ready for small messages (K-3.2.3-2).
    pub async fn tcp(&self, to: impl ToSocketAddrs) -> io::Result<TcpStream> {
        let stream = tokio::time::timeout(self.connect_timeout, TcpStream::connect(to)).await??;
        tune(&stream, &self.advice)?;
        Ok(stream)
    }

    /// Speaks over any byte stream that this side has opened: TLS, a wiretap, a test's pipe. Nothing happens
    /// until the future is polled; it ends with the connection.
    pub fn connect_over<IO, S>(
        &self,
        io: IO,
        service: S,
    ) -> (Handle, impl Future<Output = Result<Closed, ConfigError>> + use<IO, S>)
    where
        IO: AsyncRead + AsyncWrite + Unpin,
        S: Service,
    {
        let (layer, handle) = self.client(service);
        (handle, self.drive(io, Role::Initiator, layer, std::future::pending()))
    }

    fn client<S: Service>(&self, service: S) -> (Coap<S>, Handle) {
        let (layer, handle) = Coap::with_handle(service);
        (layer.body_limit(self.body_limit), handle)
    }

    /// Drives any [`Layer`] over any byte stream to the end of the connection; released when `stop` is ready.
    pub fn drive<IO, L, F>(
        &self,
        io: IO,
        role: Role,
        layer: L,
        stop: F,
    ) -> impl Future<Output = Result<Closed, ConfigError>> + use<IO, L, F>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
        L: Layer,
        F: Future<Output = ()>,
    {
        self.drive_to(None, ((), ()), io, role, layer, stop)
    }

    /// [`Endpoint::drive`], to a peer whose address is known, for whoever watches. Drops `starting` when the
    /// peer has shown that it speaks CoAP, and `kept` when all is over: another future around this one would cost its size
    /// again.
    fn drive_to<K, P, IO, L, F>(
        &self,
        peer: Option<SocketAddr>,
        (kept, starting): (K, P),
        io: IO,
        role: Role,
        layer: L,
        stop: F,
    ) -> impl Future<Output = Result<Closed, ConfigError>> + use<K, P, IO, L, F>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
        L: Layer,
        F: Future<Output = ()>,
    {
        let (config, clock, counters) = (self.config.clone(), self.clock, self.counters.clone());
        let path = (role == Role::Initiator).then(|| self.path.clone());
        let driven = async move {
            let driver = Driver::new(role, &config, layer, clock.now()).inspect_err(|_| {
                // Else it is the configuration, which is for the caller to know.
                if coap_tcp_app::check(&config).is_ok() {
                    (&*counters).closed(Closed::OutOfMemory);
                }
            })?;
            let driver = driver.counting(counters).over(path);
            let why = run(io, driver, clock, starting, stop).await;
            drop(kept);
            Ok(why)
        };
        connection(role, peer, driven)
    }

    /// Listens for TCP connections without TLS (`coap+tcp`).
    ///
    /// # Errors
    /// When the address cannot be bound, or the configuration cannot work.
    pub async fn listen_plain(&self, on: impl ToSocketAddrs) -> io::Result<Listener> {
        self.check().map_err(invalid)?;
        let listener = TcpListener::bind(on).await?;
        Ok(Listener { endpoint: self.clone(), listener })
    }
}

fn invalid(error: ConfigError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, error)
}

/// Accepts connections.
#[derive(Debug)]
pub struct Listener {
    endpoint: Endpoint,
    listener: TcpListener,
}

impl Listener {
    /// Where it listens.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// The clock of the endpoint.
    pub const fn clock(&self) -> Clock {
        self.endpoint.clock()
    }

    /// Serves CoAP until `shutdown` is ready: each connection gets the service that `service` makes for it.
    /// Then every connection is released and has the configured time to drain; returns when all are over.
    pub async fn serve<S: Service>(
        self,
        mut service: impl FnMut(SocketAddr) -> S,
        shutdown: impl Future<Output = ()>,
    ) {
        let limit = self.endpoint.body_limit;
        let layer = |address| Coap::new(service(address)).body_limit(limit);
        self.serve_layers(layer, |stream, _| stream, shutdown).await;
    }

    /// [`Listener::serve`] for any [`Layer`], over what `wrap` makes of the TCP stream.
    pub async fn serve_layers<L, IO>(
        self,
        mut layer: impl FnMut(SocketAddr) -> L,
        mut wrap: impl FnMut(TcpStream, SocketAddr) -> IO,
        shutdown: impl Future<Output = ()>,
    ) where
        L: Layer + Send + 'static,
        L::Tag: Send,
        IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Self { endpoint, listener } = self;
        let max = endpoint.max_connections.min(Semaphore::MAX_PERMITS).min(u32::MAX as usize);
        let places = Arc::new(Semaphore::new(max));
        let starts = Arc::new(Semaphore::new(endpoint.max_starting.min(Semaphore::MAX_PERMITS)));
        let (stop, stopped) = watch::channel(());
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            let accepted = async {
                let place = places.clone().acquire_owned().await;
                let starting = starts.clone().acquire_owned().await;
                (place, starting, listener.accept().await)
            };
            let (place, starting, accepted) = tokio::select! {
                () = &mut shutdown => break,
                accepted = accepted => accepted,
            };
            let (stream, address) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of files, most likely: the next one would fail at once, too.
                    not_accepted(&error);
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            };
            if tune(&stream, &endpoint.advice).is_err() {
                // It has gone again already.
                (&*endpoint.counters).closed(Closed::Transport);
                continue;
            }
            let mut stopped = stopped.clone();
            let stop = async move {
                // The sender goes when the server shuts down.
                let _ = stopped.changed().await;
            };
            let (io, layer) = (wrap(stream, address), layer(address));
            // The configuration is known to work: there is only the memory to want, for this connection.
            tokio::spawn(endpoint.drive_to(
                Some(address),
                (place, starting),
                io,
                Role::Acceptor,
                layer,
                stop,
            ));
        }
        drop((listener, stopped, stop));
        // Every place is free when every connection is over.
        let _ = places.acquire_many(max as u32).await;
    }
}
