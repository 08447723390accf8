//! Every script about an LwM2M device, on two smoltcp stacks and without an allocator.
#![allow(clippy::unwrap_used)]

#[allow(dead_code)]
#[path = "it/world.rs"]
mod world;

#[path = "it/them.rs"]
mod them;

use std::process::ExitCode;
use std::task::Poll;
use std::time::Duration;

use bind_smoltcp::{Account, Driver, Layer, Role};
use coap_tcp_core::{Closed, Event, Expired, Fixed, Instant, Peer, Slot};
use lwm2m_core::client::{self, Action, Client, Config, Op};
use lwm2m_core::path::Path;
use smoltcp::socket::tcp::Socket;
use testkit::conformance::run;
use testkit::lwm2m::{Objects, thermometer, trials};
use testkit::rig::{End, Rig, Seen, kebab};
use testkit::script::{self, Command, Lwm2m, Setup};

use crate::them::Them;
use crate::world::{Actor, World};

fn main() -> ExitCode {
    run([trials::<Smoltcp>("smoltcp-device")])
}

type Spill = Fixed<1152>;
type Slots = [Slot<Op>; 4];
type Tx = Fixed<2400>;
type Lent<'a, 'c> = Peer<'a, 'c, Slots, Tx>;

struct Us {
    client: Client<'static, 1, 2>,
    objects: Objects,
    driver: Driver<'static, Spill, Slots, Tx>,
    seen: Vec<Seen>,
    /// It has been told of the end, mostly while the last bytes are leaving.
    told: bool,
    over: bool,
}

/// The account, and who wants to know how it goes.
struct Told<'a, 'c> {
    account: Account<'a, 'c, 1, 2>,
    end: &'a mut Option<Closed>,
}

impl Layer<Slots, Tx> for Told<'_, '_> {
    fn handle_connected(&mut self, now: Instant, peer: &mut Lent<'_, '_>) {
        self.account.handle_connected(now, peer);
    }

    fn handle_event(&mut self, now: Instant, event: Event<'_, Op>, peer: &mut Lent<'_, '_>) {
        self.account.handle_event(now, event, peer);
    }

    fn handle_expired(&mut self, now: Instant, expired: Expired<Op>, peer: &mut Lent<'_, '_>) {
        self.account.handle_expired(now, expired, peer);
    }

    fn handle_turn(&mut self, now: Instant, peer: &mut Lent<'_, '_>) -> bool {
        self.account.handle_turn(now, peer)
    }

    fn handle_closed(&mut self, now: Instant, why: Closed, pending: &mut dyn Iterator<Item = Op>) {
        Layer::<Slots, Tx>::handle_closed(&mut self.account, now, why, pending);
        *self.end = Some(why);
    }
}

impl Actor for Us {
    fn act(&mut self, now: Instant, socket: &mut Socket<'static>) {
        let Self { client, objects, driver, seen, told, over } = self;
        if *over {
            return;
        }
        if let Some(Action::Close { .. }) = client.poll_action(now) {
            driver.close();
        }
        let mut report = |event: client::Event<'_>| match event {
            client::Event::Nothing | client::Event::Other(_) => {}
            event => seen.push(Seen::Lwm2m(kebab(&event))),
        };
        let mut end = None;
        let account = Account { client, server: 0, objects, report: &mut report };
        if let Poll::Ready(ended) = driver.poll(now, socket, &mut Told { account, end: &mut end }) {
            ended.unwrap();
            *over = true;
        }
        let leaving = || driver.peer().and_then(|peer| peer.conn.closed());
        if let Some(why) = end.or_else(leaving).filter(|_| !*told) {
            *told = true;
            seen.push(Seen::Closed(why));
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let client = self.client.poll_timeout().map(|(at, ..)| at);
        [self.driver.poll_timeout(), client].into_iter().flatten().min().filter(|_| !self.over)
    }
}

struct Smoltcp {
    world: World<Us, Them>,
}

impl Rig for Smoltcp {
    fn can(setup: &Setup) -> bool {
        setup.role == script::Role::Client
    }

    fn start(setup: &Setup) -> Self {
        let objects = thermometer();
        let client = Client::new(Config::new("dev1"), [0], 1, &objects);
        let driver = Driver::new(Role::Initiator, setup.config, Spill::new(), [Slot::FREE; 4], Tx::new());
        let us = Us { client, objects, driver, seen: Vec::new(), told: false, over: false };
        let mut world = World::new(them::make(setup), us, Them::default());
        let now = world.now;
        assert_eq!(world.a.actor.client.poll_action(now), Some(Action::Connect { server: 0 }));
        world.open(setup.config);
        world.settle();
        Self { world }
    }

    fn peer_write(&mut self, bytes: &[u8]) {
        self.world.peer_write(bytes);
    }

    fn peer_read(&mut self, out: &mut Vec<u8>) -> bool {
        self.world.peer_read(out)
    }

    fn peer_end(&mut self, end: End) {
        self.world.peer_end(end);
    }

    fn app(&mut self, command: &Command) {
        let now = self.world.now;
        let Us { client, objects, .. } = &mut self.world.a.actor;
        match command {
            Command::Lwm2m(Lwm2m::Measure(celsius)) => {
                objects.2.measure(*celsius);
                client.changed(now, Path::new(&[3303, 0, 5700]).unwrap());
            }
            Command::Lwm2m(Lwm2m::Update) => client.update(now, 0),
            Command::Lwm2m(Lwm2m::Deregister) => client.deregister(now, 0),
            other => panic!("a device cannot {other:?}"),
        }
        self.world.settle();
    }

    fn events(&mut self, out: &mut Vec<Seen>) {
        out.append(&mut self.world.a.actor.seen);
    }

    fn advance(&mut self, by: Duration) {
        self.world.advance(by);
    }
}
