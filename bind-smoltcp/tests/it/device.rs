//! An LwM2M device over one stack, its server over the other.

use std::task::Poll;
use std::time::Duration;

use bind_smoltcp::{Account, Driver, Layer, Role};
use coap_tcp_core::{Closed, Event, Fixed, Instant, Peer, Slot};
use lwm2m_core::client::{self, Action, Client};
use lwm2m_core::objects::{Device, Server, Temperature};
use lwm2m_core::profile;
use lwm2m_core::server::{self, Registry};
use smoltcp::socket::tcp::Socket;

use crate::world::{Actor, Ring, V4, World};

type Spill = Fixed<1152>;
type Tx = Fixed<1152>;
type DeviceSlots = [Slot<client::Op>; 4];
type ServerSlots = Vec<Slot<server::Op>>;

struct Thermometer {
    client: Client<'static, 1, 2>,
    objects: (Server, Device<'static>, Temperature<'static>),
    driver: Driver<'static, Spill, DeviceSlots, Tx>,
    said: Vec<&'static str>,
    ended: Option<Closed>,
}

static DEVICE: coap_tcp_core::Config = profile::DEVICE;
static SERVER: coap_tcp_core::Config = profile::SERVER;

impl Actor for Thermometer {
    fn act(&mut self, now: Instant, socket: &mut Socket<'static>) {
        let Self { client, objects, driver, said, ended } = self;
        if ended.is_some() {
            return;
        }
        if let Some(Action::Close { .. }) = client.poll_action(now) {
            driver.close();
        }
        let mut report = |event: client::Event<'_>| match event {
            client::Event::Registered => said.push("registered"),
            client::Event::Updated(_) => said.push("updated"),
            client::Event::Deregistered => said.push("deregistered"),
            _ => {}
        };
        let mut account = Account { client, server: 0, objects, report: &mut report };
        if let Poll::Ready(why) = driver.poll(now, socket, &mut account) {
            *ended = Some(why.unwrap());
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let client = self.client.poll_timeout().map(|(at, ..)| at);
        [self.driver.poll_timeout(), client].into_iter().flatten().min().filter(|_| self.ended.is_none())
    }
}

struct Host {
    registry: Registered,
    driver: Driver<'static, Vec<u8>, ServerSlots, Vec<u8>>,
    over: bool,
}

struct Registered(Registry<u32>);

impl Layer<ServerSlots, Vec<u8>> for Registered {
    fn handle_connected(&mut self, now: Instant, _: &mut Peer<'_, '_, ServerSlots, Vec<u8>>) {
        self.0.handle_connected(now, 1, None);
    }

    fn handle_event(
        &mut self,
        now: Instant,
        event: Event<'_, server::Op>,
        peer: &mut Peer<'_, '_, ServerSlots, Vec<u8>>,
    ) {
        self.0.handle_event(now, 1, event, peer);
    }
}

impl Actor for Host {
    fn act(&mut self, now: Instant, socket: &mut Socket<'static>) {
        self.over = self.over || self.driver.poll(now, socket, &mut self.registry).is_ready();
    }

    fn deadline(&self) -> Option<Instant> {
        self.driver.poll_timeout().filter(|_| !self.over)
    }
}

/// A day of silence but for Updates, over rings of one segment, then the end in its order (TCP-80).
#[test]
fn a_device_stays_registered_for_a_day_and_leaves() {
    let objects = (Server::new(1, 7200), Device::new(), Temperature::new("Cel"));
    let client = Client::new(client::Config::new("dev"), [0], 1, &objects);
    let driver = Driver::new(Role::Initiator, &DEVICE, Spill::new(), [Slot::FREE; 4], Tx::new());
    let device = Thermometer { client, objects, driver, said: vec![], ended: None };
    let registry = Registered(Registry::new(server::Config::new(), || 7));
    let driver = Driver::new(Role::Acceptor, &SERVER, vec![], vec![], vec![]);
    let rings = [Ring { rx: 1220, tx: 1220 }; 2];
    let mut world =
        World::new(crate::world::Make { rings, ..V4 }, device, Host { registry, driver, over: false });
    let now = world.now;
    assert_eq!(world.a.actor.client.poll_action(now), Some(Action::Connect { server: 0 }));
    world.open(&DEVICE);
    world.settle();
    assert_eq!(world.a.actor.said, ["registered"]);
    assert!(world.b.actor.registry.0.find("dev").is_some());
    world.advance(Duration::from_secs(24 * 3600));
    assert_eq!(world.a.actor.said.len(), 1 + 12);
    assert_eq!((world.a.actor.ended, world.b.actor.over), (None, false));
    // Twelve Updates, their answers, and an acknowledgement for each of these.
    let log = world.take_log();
    assert!(log.len() <= 10 + 3 * 12, "{}", log.len());

    let now = world.now;
    world.a.actor.client.deregister(now, 0);
    world.advance(Duration::from_secs(3));
    assert_eq!(world.a.actor.said.last(), Some(&"deregistered"));
    assert_eq!(world.a.actor.ended, Some(Closed::Local));
    assert!(world.b.actor.registry.0.find("dev").is_none() && world.b.actor.over);
}
