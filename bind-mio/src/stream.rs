//! Byte streams that mio can watch.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::task::{Context, Poll};

use coap_tcp_app::Transport;
use mio::event::Source;

/// A non-blocking byte stream, such as [`mio::net::TcpStream`], or TLS over it.
pub trait Stream: Read + Write + Source {
    /// Whether what we have opened stands; asked again when mio has something to say of it. An error: it will
    /// not. What stands from the start need not say so.
    fn is_open(&self) -> io::Result<bool> {
        Ok(true)
    }

    /// Ends our direction. `WouldBlock`: not all that goes before has left.
    fn end_output(&mut self) -> io::Result<()>;
}

impl Stream for mio::net::TcpStream {
    fn is_open(&self) -> io::Result<bool> {
        match self.take_error()? {
            Some(error) => Err(error),
            None => match self.peer_addr() {
                Ok(_) => Ok(true),
                Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(false),
                Err(error) => Err(error),
            },
        }
    }

    fn end_output(&mut self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

#[cfg(unix)]
impl Stream for mio::net::UnixStream {
    fn end_output(&mut self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

/// In terms of readiness that is asked for; the reactor hears from mio when to ask again.
pub(crate) struct Asked<'s, S>(pub(crate) &'s mut S);

impl<S: Stream> Transport for Asked<'_, S> {
    fn poll_read(&mut self, _: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        ask(|| self.0.read(into))
    }

    fn poll_write(&mut self, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ask(|| self.0.write(bytes))
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        ask(|| self.0.flush())
    }

    fn poll_close(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        ask(|| self.0.end_output())
    }
}

fn ask<T>(mut try_it: impl FnMut() -> io::Result<T>) -> Poll<io::Result<T>> {
    loop {
        match try_it() {
            Err(error) => match error.kind() {
                io::ErrorKind::Interrupted => {}
                io::ErrorKind::WouldBlock => return Poll::Pending,
                _ => return Poll::Ready(Err(error)),
            },
            done => return Poll::Ready(done),
        }
    }
}
