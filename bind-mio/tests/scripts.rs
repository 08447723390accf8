//! Every script, on a reactor whose clock is moved by hand, over a pair of sockets.

#![cfg(unix)]

mod narrow;

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::time::Duration;

use bind_mio::core::Instant;
use bind_mio::{Reactor, Role};
use narrow::{Gauge, Narrow};
use testkit::conformance::{run, trials};
use testkit::layer_app::{App, LayerApp};
use testkit::lwm2m::{self, DeviceApp, ServerApp};
use testkit::rig::{End, Rig, Seen};
use testkit::script::{self, Command, Setup};

fn main() -> ExitCode {
    run([
        trials::<Mio<LayerApp>>("mio"),
        lwm2m::trials::<Mio<DeviceApp>>("mio-device"),
        lwm2m::trials::<Mio<ServerApp>>("mio-server"),
    ])
}

struct Mio<A: App> {
    reactor: Reactor<'static, A::Layer, Narrow>,
    app: A,
    now: Instant,
    peer: UnixStream,
    gauge: Gauge,
    /// What the socket to us has not taken yet.
    outbox: Vec<u8>,
    ended: bool,
}

impl<A: App> Mio<A> {
    /// Until nothing moves. What is written to such a socket can be read at once.
    fn settle(&mut self) {
        loop {
            let before = (self.app.turns(), self.outbox.len());
            if let Ok(n) = self.peer.write(&self.outbox) {
                self.outbox.drain(..n);
            }
            self.reactor.wait(Some(Duration::ZERO)).unwrap_or_else(|error| panic!("{error}"));
            self.reactor.turn(self.now);
            if before == (self.app.turns(), self.outbox.len()) {
                return;
            }
        }
    }
}

impl<A: App> Rig for Mio<A> {
    fn can(setup: &Setup) -> bool {
        A::can(setup)
    }

    fn start(setup: &Setup) -> Self {
        let role = match setup.role {
            script::Role::Client => Role::Initiator,
            script::Role::Server => Role::Acceptor,
        };
        let (ours, peer) = UnixStream::pair().unwrap_or_else(|error| panic!("{error}"));
        let (app, layer) = A::new();
        let (gauge, now) = (Gauge::new(setup), Instant::ZERO);
        let mut reactor = Reactor::new(setup.config).unwrap_or_else(|error| panic!("{error}"));
        let opened = peer.set_nonblocking(true).and_then(|()| ours.set_nonblocking(true)).and_then(|()| {
            let stream = Narrow::new(mio::net::UnixStream::from_std(ours), &gauge);
            reactor.open(now, role, stream, layer)
        });
        opened.unwrap_or_else(|error| panic!("{error}"));
        let mut rig = Self { reactor, app, now, peer, gauge, outbox: vec![], ended: false };
        rig.settle();
        rig
    }

    fn peer_write(&mut self, bytes: &[u8]) {
        if !self.ended {
            self.outbox.extend_from_slice(bytes);
        }
        self.settle();
    }

    fn peer_read(&mut self, out: &mut Vec<u8>) -> bool {
        let before = out.len();
        let ended = self.peer.read_to_end(out).err().map(|error| error.kind()) != Some(ErrorKind::WouldBlock);
        self.gauge.took(out.len() - before);
        self.app.wake();
        self.settle();
        ended
    }

    fn peer_end(&mut self, end: End) {
        match end {
            End::Reset => self.gauge.reset(),
            End::Eof => drop(self.peer.shutdown(Shutdown::Write)),
        }
        self.ended = true;
        self.app.wake();
        self.settle();
    }

    fn app(&mut self, command: &Command) {
        self.app.command(command);
        self.settle();
    }

    fn events(&mut self, out: &mut Vec<Seen>) {
        out.extend(self.app.take_seen());
    }

    fn advance(&mut self, by: Duration) {
        let end = self.now + by;
        while let Some(at) = self.reactor.next_deadline().filter(|&at| at <= end) {
            self.now = self.now.max(at);
            self.settle();
        }
        self.now = end;
        self.settle();
    }
}
