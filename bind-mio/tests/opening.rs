//! From when a connection is wanted to when it stands, or does not.

#![cfg(unix)]
#![allow(clippy::unwrap_used)]

use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use bind_mio::core::{Closed, Config, Instant};
use bind_mio::{Coap, Handle, NoService, Reactor, Role, Stream};
use mio::event::Source;
use mio::{Interest, Registry, Token};

static CONFIG: Config = Config::new();

const LIMIT: Duration = Duration::from_secs(3);

/// 0: not yet; 1: it stands; 2: it will not.
#[derive(Clone, Default)]
struct Door(Arc<AtomicU8>);

struct Knocking {
    stream: mio::net::UnixStream,
    door: Door,
}

impl Read for Knocking {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.stream.read(into)
    }
}

impl Write for Knocking {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

impl Source for Knocking {
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

impl Stream for Knocking {
    fn is_open(&self) -> io::Result<bool> {
        match self.door.0.load(Ordering::Relaxed) {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(ErrorKind::ConnectionRefused.into()),
        }
    }

    fn end_output(&mut self) -> io::Result<()> {
        self.stream.end_output()
    }
}

struct Opening {
    reactor: Reactor<'static, Coap<NoService>, Knocking>,
    handle: Handle,
    door: Door,
    peer: UnixStream,
}

impl Opening {
    fn new() -> Self {
        let (ours, peer) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        peer.set_nonblocking(true).unwrap();
        let mut reactor = Reactor::new(&CONFIG).unwrap().connect_timeout(LIMIT);
        let (door, (layer, handle)) = (Door::default(), Coap::with_handle(NoService));
        let stream = Knocking { stream: mio::net::UnixStream::from_std(ours), door: door.clone() };
        reactor.open(Instant::ZERO, Role::Initiator, stream, layer).unwrap();
        reactor.turn(Instant::ZERO);
        Self { reactor, handle, door, peer }
    }

    /// mio has something to say of it.
    fn turn(&mut self, now: Instant) {
        self.reactor.wait(Some(Duration::ZERO)).unwrap();
        self.reactor.turn(now);
    }

    fn said(&mut self) -> Vec<u8> {
        let mut said = vec![0; 100];
        match self.peer.read(&mut said) {
            Ok(n) => said[..n].to_vec(),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                Vec::new()
            }
        }
    }
}

#[test]
fn what_does_not_stand_in_time_is_given_up() {
    let mut opening = Opening::new();
    assert_eq!(opening.said(), []);
    assert!(opening.reactor.next_deadline().is_some_and(|at| at <= Instant::from_millis(3001)));
    opening.turn(Instant::from_millis(2999));
    assert_eq!((opening.handle.is_closed(), opening.reactor.len()), (None, 1));
    opening.turn(Instant::from_millis(3001));
    assert_eq!((opening.handle.is_closed(), opening.reactor.len()), (Some(Closed::Transport), 0));
}

#[test]
fn d_c_1_the_peers_time_for_its_csm_begins_when_the_connection_stands() {
    let mut opening = Opening::new();
    opening.door.0.store(1, Ordering::Relaxed);
    let stands = Instant::from_millis(2999);
    opening.turn(stands);
    assert_eq!(opening.said()[1], 0xe1);
    opening.turn(stands + Duration::from_millis(29_999));
    assert_eq!(opening.handle.is_closed(), None);
    opening.turn(stands + Duration::from_millis(30_001));
    assert_ne!(opening.said(), []);
}

#[test]
fn what_will_not_stand_is_told_at_once() {
    let mut opening = Opening::new();
    opening.door.0.store(2, Ordering::Relaxed);
    opening.turn(Instant::from_millis(10));
    assert_eq!(opening.handle.is_closed(), Some(Closed::Transport));
    assert_eq!(opening.reactor.next_deadline(), None);
}

#[test]
fn a_reactor_that_stops_opens_nothing_more() {
    let mut opening = Opening::new();
    opening.reactor.stop(Instant::from_millis(10));
    opening.reactor.turn(Instant::from_millis(10));
    assert_eq!((opening.handle.is_closed(), opening.reactor.len()), (Some(Closed::Local), 0));
    assert_eq!(opening.said(), []);
}

#[test]
fn one_that_is_dropped_meanwhile_has_ended() {
    let opening = Opening::new();
    let Opening { reactor, handle, .. } = opening;
    drop(reactor);
    assert_eq!(handle.is_closed(), Some(Closed::Local));
}
