//! Where connections come in.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use coap_tcp_app::tune;
use coap_tcp_core::{Advice, Instant};
use mio::net::{TcpListener, TcpStream};

/// Before the next attempt when there were no files or no memory for a connection.
const SCARCE: Duration = Duration::from_millis(50);

type Welcome<'c, S, L> = Box<dyn FnMut(TcpStream, SocketAddr) -> (S, L) + Send + 'c>;

/// A listening socket, and what is made of the connections that come.
pub(crate) struct Door<'c, S, L> {
    listener: TcpListener,
    welcome: Welcome<'c, S, L>,
}

/// When to look for new connections.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Accepting {
    /// When mio says so.
    Waits,
    /// As soon as one that is here has gone.
    Full,
    /// Then.
    At(Instant),
}

impl<'c, S, L> Door<'c, S, L> {
    pub(crate) fn new(
        listener: TcpListener,
        welcome: impl FnMut(TcpStream, SocketAddr) -> (S, L) + Send + 'c,
    ) -> Self {
        Self { listener, welcome: Box::new(welcome) }
    }

    /// The next that has come, or when to look again.
    pub(crate) fn next(&mut self, now: Instant, advice: &Advice) -> Result<(S, L), Accepting> {
        loop {
            match self.listener.accept() {
                Ok((stream, address)) => {
                    // It has gone again already, then.
                    if tune(&stream, advice).is_ok() {
                        return Ok((self.welcome)(stream, address));
                    }
                }
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => return Err(Accepting::Waits),
                    io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted => {}
                    _ => return Err(Accepting::At(now + SCARCE)),
                },
            }
        }
    }
}
