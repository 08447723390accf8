//! Every script, on two smoltcp stacks: the peer of the script is the plain socket of the other one.
#![allow(clippy::unwrap_used)]

#[allow(dead_code)]
#[path = "it/world.rs"]
mod world;

use std::process::ExitCode;
use std::task::Poll;
use std::time::Duration;

use bind_smoltcp::{Driver, Layer, Role};
use coap_tcp_core::{Buf, Closed, Event, Expired, Instant, Peer, SendError};
use smoltcp::socket::tcp::{Socket, State};
use testkit::conformance::{run, trials};
use testkit::core_app::CoreApp;
use testkit::endpoint::{Frugal, Growing, Memory};
use testkit::rig::{End, Rig, Seen};
use testkit::script::{self, Command, Setup};

use crate::world::{Actor, ROOMY, Ring, V4, World};

fn main() -> ExitCode {
    run([trials::<Smoltcp<Growing>>("smoltcp"), trials::<Smoltcp<Frugal>>("smoltcp-frugal")])
}

struct Smoltcp<M: Memory> {
    world: World<Us<M>, Them>,
}

struct Us<M: Memory> {
    driver: Driver<'static, M::Spill, M::Slots, M::Tx>,
    app: App,
    over: bool,
}

/// The scripts' application, and what it is told once the connection is no more.
#[derive(Default)]
struct App {
    app: CoreApp,
    end: Vec<Seen>,
    closed: bool,
}

impl<M: Memory> Layer<M::Slots, M::Tx> for Lent<'_, M> {
    fn handle_event(&mut self, now: Instant, event: Event<'_, u32>, peer: &mut PeerOf<'_, '_, M>) {
        self.0.app.on_event(now, event, peer);
    }

    fn handle_expired(&mut self, _: Instant, expired: Expired<u32>, _: &mut PeerOf<'_, '_, M>) {
        self.0.app.on_expired(expired);
    }

    fn handle_turn(&mut self, now: Instant, peer: &mut PeerOf<'_, '_, M>) -> bool {
        self.0.app.on_turn(now, peer)
    }

    fn handle_closed(&mut self, _: Instant, why: Closed, pending: &mut dyn Iterator<Item = u32>) {
        self.0.app.lose(pending);
        self.0.end.push(Seen::Closed(why));
    }
}

type PeerOf<'a, 'c, M> = Peer<'a, 'c, <M as Memory>::Slots, <M as Memory>::Tx>;

/// The application, for one memory.
struct Lent<'a, M>(&'a mut App, core::marker::PhantomData<M>);

impl<M: Memory> Actor for Us<M> {
    fn act(&mut self, now: Instant, socket: &mut Socket<'static>) {
        let mut layer = Lent::<M>(&mut self.app, core::marker::PhantomData);
        if !self.over
            && let Poll::Ready(ended) = self.driver.poll(now, socket, &mut layer)
        {
            ended.unwrap();
            self.over = true;
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.driver.poll_timeout().filter(|_| !self.over)
    }
}

/// The peer: reads only when the script does.
#[derive(Default)]
struct Them {
    say: Vec<u8>,
    heard: Vec<u8>,
    reads: bool,
    end: Option<End>,
    ended: bool,
}

impl Actor for Them {
    fn act(&mut self, _: Instant, socket: &mut Socket<'static>) {
        // Nothing may wait for time that the script does not let pass.
        socket.set_ack_delay(None);
        socket.set_timeout(None);
        while self.reads && socket.can_recv() {
            let heard = &mut self.heard;
            socket.recv(|bytes| (bytes.len(), heard.extend_from_slice(bytes))).unwrap();
        }
        let open = matches!(socket.state(), State::Established | State::FinWait1 | State::FinWait2);
        self.ended |= self.reads && !open && !socket.is_listening() && !socket.can_recv();
        if socket.may_send() {
            let n = socket.send_slice(&self.say).unwrap();
            self.say.consume(n);
        }
        match self.end {
            Some(End::Eof) if self.say.is_empty() => socket.close(),
            Some(End::Reset) => socket.abort(),
            _ => {}
        }
    }
}

impl<M: Memory> Smoltcp<M> {
    /// What our application is told outside of any poll.
    fn settle(&mut self) {
        self.world.settle();
        let now = self.world.now;
        let Us { driver, app, .. } = &mut self.world.a.actor;
        if let Some(mut peer) = driver.peer() {
            app.app.on_turn(now, &mut peer);
        }
    }
}

const fn tag(command: &Command) -> Option<u32> {
    match command {
        Command::Request { tag, .. } => Some(*tag),
        _ => None,
    }
}

impl<M: Memory> Rig for Smoltcp<M> {
    fn can(setup: &Setup) -> bool {
        setup.max_message_size <= M::MAX_MESSAGE_SIZE
    }

    /// Who opened the transport is of no concern to the driver, so it is always us.
    fn start(setup: &Setup) -> Self {
        let role = match setup.role {
            script::Role::Client => Role::Initiator,
            script::Role::Server => Role::Acceptor,
        };
        let (spill, slots, tx) = M::new();
        let driver = Driver::new(role, setup.config, spill, slots, tx);
        let us = Us { driver, app: App::default(), over: false };
        // Between us and a peer that does not read lie its ring and ours.
        let rings = match setup.window {
            None => [ROOMY; 2],
            Some(window) => [Ring { tx: 1, ..ROOMY }, Ring { rx: window - 1, ..ROOMY }],
        };
        let mut world = World::new(world::Make { rings, ..V4 }, us, Them::default());
        world.open(setup.config);
        let mut rig = Self { world };
        rig.settle();
        rig
    }

    fn peer_write(&mut self, bytes: &[u8]) {
        self.world.b.actor.say.extend_from_slice(bytes);
        self.settle();
    }

    fn peer_read(&mut self, out: &mut Vec<u8>) -> bool {
        self.world.b.actor.reads = true;
        self.settle();
        let them = &mut self.world.b.actor;
        them.reads = false;
        out.append(&mut them.heard);
        them.ended
    }

    fn peer_end(&mut self, end: End) {
        self.world.b.actor.end = Some(end);
        self.settle();
    }

    fn app(&mut self, command: &Command) {
        let now = self.world.now;
        let Us { driver, app, .. } = &mut self.world.a.actor;
        match driver.peer() {
            Some(mut peer) => app.app.command(now, command, &mut peer),
            // There is nothing more to be told.
            None => app.end.push(Seen::Refused { tag: tag(command), why: SendError::Closed }),
        }
        self.settle();
    }

    fn events(&mut self, out: &mut Vec<Seen>) {
        let App { app, end, closed } = &mut self.world.a.actor.app;
        // The end is told once: mostly while the last bytes are leaving.
        out.extend(app.take_seen().chain(end.drain(..)).filter(|seen| {
            let end = matches!(seen, Seen::Closed(_));
            let again = end && *closed;
            *closed |= end;
            !again
        }));
    }

    fn advance(&mut self, by: Duration) {
        self.world.advance(by);
        self.settle();
    }
}
