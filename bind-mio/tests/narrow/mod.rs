//! A socket with a small window, which takes no more at a time than it is told to, and can be broken.

use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bind_mio::Stream;
use mio::event::Source;
use mio::net::UnixStream;
use mio::{Interest, Registry, Token};
use testkit::cut::Pieces;
use testkit::script::Setup;

/// What lies between us and the peer.
#[derive(Clone)]
pub(crate) struct Gauge(Arc<Mutex<State>>);

struct State {
    window: usize,
    /// What we may write at a time.
    pieces: Pieces,
    broken: bool,
}

impl Gauge {
    pub(crate) fn new(setup: &Setup) -> Self {
        let (window, pieces) = (setup.window.unwrap_or(usize::MAX), Pieces::new(setup.cut));
        Self(Arc::new(Mutex::new(State { window, pieces, broken: false })))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The peer has read so many bytes.
    pub(crate) fn took(&self, n: usize) {
        let mut state = self.lock();
        state.window = state.window.saturating_add(n);
    }

    pub(crate) fn reset(&self) {
        self.lock().broken = true;
    }
}

pub(crate) struct Narrow {
    stream: UnixStream,
    gauge: Gauge,
}

impl Narrow {
    pub(crate) fn new(stream: UnixStream, gauge: &Gauge) -> Self {
        Self { stream, gauge: gauge.clone() }
    }
}

impl Read for Narrow {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.gauge.lock().broken {
            true => Err(io::ErrorKind::ConnectionReset.into()),
            false => self.stream.read(into),
        }
    }
}

impl Write for Narrow {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.gauge.lock();
        let room = bytes.len().min(state.window);
        match room {
            _ if state.broken => Err(io::ErrorKind::BrokenPipe.into()),
            0 => Err(io::ErrorKind::WouldBlock.into()),
            _ => {
                let n = state.pieces.next(room);
                let n = self.stream.write(bytes.get(..n).unwrap_or_default())?;
                state.window -= n;
                Ok(n)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

impl Source for Narrow {
    fn register(&mut self, registry: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        self.stream.register(registry, token, interest)
    }

    fn reregister(&mut self, registry: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        self.stream.reregister(registry, token, interest)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        self.stream.deregister(registry)
    }
}

impl Stream for Narrow {
    fn end_output(&mut self) -> io::Result<()> {
        self.stream.end_output()
    }
}
