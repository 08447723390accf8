//! A server on tokio.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::ops::Deref;
use std::pin::pin;

use lwm2m_app::{Events, ServerEvent};
use lwm2m_core::server::Config;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::sleep_until;

use crate::drive::{Clock, rest};
use crate::endpoint::Listener;

/// An LwM2M server. Clones are the same server; all its listeners are of clones of one
/// [`Endpoint`](crate::Endpoint), for the sake of its clock.
#[derive(Clone, Debug)]
pub struct Server(lwm2m_app::Server);

impl Server {
    /// A server, and what it reports. `random` is asked for the locations of registrations; where devices are
    /// not authenticated it must not be guessable (SEC-31).
    pub fn new(config: Config, random: impl FnMut() -> u64 + Send + 'static) -> (Self, Events<ServerEvent>) {
        let (server, events) = lwm2m_app::Server::new(config, random);
        (Self(server), events)
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
        tokio::select! {
            () = listener.serve_layers(|_| self.0.layer(), wrap, shutdown) => {}
            _ = self.keep_time(clock) => {}
        }
    }

    /// Sees to the registry's deadlines, for ever.
    async fn keep_time(&self, clock: Clock) -> Infallible {
        let mut sleep = pin!(sleep_until(clock.tokio(clock.now())));
        let turn = poll_fn(|cx| {
            let due = self.0.poll(cx, clock.now());
            rest(cx, clock, due, sleep.as_mut())
        });
        turn.await
    }
}

/// What it is asked for does not depend on the runtime.
impl Deref for Server {
    type Target = lwm2m_app::Server;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}
