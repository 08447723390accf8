//! Every script, on two smoltcp stacks: the peer of the script is the plain socket of the other one.
#![allow(clippy::unwrap_used)]

#[allow(dead_code)]
#[path = "it/world.rs"]
mod world;

#[path = "it/them.rs"]
mod them;

use std::process::ExitCode;
use std::task::Poll;
use std::time::Duration;

use bind_smoltcp::{Driver, Layer, Role};
use coap_tcp_core::{Closed, Event, Expired, Instant, Peer, SendError};
use smoltcp::socket::tcp::Socket;
use testkit::conformance::{run, trials};
use testkit::core_app::CoreApp;
use testkit::endpoint::{Frugal, Growing, Memory};
use testkit::rig::{End, Rig, Seen};
use testkit::script::{self, Command, Setup};

use crate::them::Them;
use crate::world::{Actor, World};

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
        let mut world = World::new(them::make(setup), us, Them::default());
        world.open(setup.config);
        let mut rig = Self { world };
        rig.settle();
        rig
    }

    fn peer_write(&mut self, bytes: &[u8]) {
        self.world.peer_write(bytes);
        self.settle();
    }

    fn peer_read(&mut self, out: &mut Vec<u8>) -> bool {
        let ended = self.world.peer_read(out);
        self.settle();
        ended
    }

    fn peer_end(&mut self, end: End) {
        self.world.peer_end(end);
        self.settle();
    }

    fn app(&mut self, command: &Command) {
        let now = self.world.now;
        let Us { driver, app, .. } = &mut self.world.a.actor;
        match driver.peer() {
            Some(mut peer) => app.app.command(now, command, &mut peer),
            // There is nothing more to be told.
            None => app.end.push(Seen::Refused { tag: command.tag(), why: SendError::Closed }),
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
