//! An LwM2M device with Server, Device and Temperature objects, over smoltcp, without an allocator.
//!
//! Its life is a test: it registers at 10.0.2.2 (the host, for QEMU), waits to be read and observed, notifies,
//! updates, loses its connection, comes back, notifies again and de-registers. Exit code 0 when all of it was so.
#![no_std]
#![no_main]

use core::task::Poll;
use core::time::Duration;

use bind_smoltcp::{Account, Driver, Role, to_smoltcp, tune, turn};
use coap_tcp_core::advice::Ip;
use coap_tcp_core::{Advice, Config, Instant, Slice, Slot};
use cortex_m::singleton;
use cortex_m_rt::entry;
use firmware::board::enet::{self, Enet};
use firmware::board::{self, Host};
use lwm2m_core::client::{self, Action, Client, Event, Op, State};
use lwm2m_core::objects::{Device, Server, Temperature};
use lwm2m_core::{Operation, Path, profile};
use smoltcp::iface::{Interface, SocketHandle, SocketSet, SocketStorage};
use smoltcp::socket::tcp::{Socket, SocketBuffer};
use smoltcp::wire::{EthernetAddress, HardwareAddress, IpAddress, IpCidr, Ipv4Address};

const CONFIG: Config = profile::DEVICE;
/// A dead link is to be noticed within the patience of a test.
const ADVICE: Advice = Advice { user_timeout: Some(Duration::from_secs(3)), ..Advice::initiator(&CONFIG) };
const CLIENT: client::Config<'_> = client::Config::new("qemu")
    .request_timeout(Duration::from_secs(5))
    .reconnect_within(Duration::from_millis(500));

const BUFFER: usize = 1152;
const SLOTS: usize = 6;
const RING: usize = ADVICE.window(1);
const FRAME: usize = enet::frame(ADVICE.ip_mtu(Ip::V4));

const SERVER: Ipv4Address = Ipv4Address::new(10, 0, 2, 2);
const US: Ipv4Address = Ipv4Address::new(10, 0, 2, 15);

/// How often it is as warm as something else.
const PERIOD: Duration = Duration::from_millis(200);
/// For all of it.
const PATIENCE: Duration = Duration::from_secs(60);

struct Net {
    iface: Interface,
    card: Enet,
    sockets: SocketSet<'static>,
    handle: SocketHandle,
    port: u16,
    local_port: u16,
}

struct Thermometer {
    client: Client<'static, 1, 4>,
    objects: (Server, Device<'static>, Temperature<'static>),
    next: Instant,
    seen: Seen,
}

/// What has happened.
#[derive(Default)]
struct Seen {
    registered: u32,
    updated: u32,
    deregistered: u32,
    /// Since the last registration.
    read: u32,
    observed: u32,
    measured: u32,
}

#[entry]
fn main() -> ! {
    let (Some(mut net), Some(mut thermometer)) = (net(), Thermometer::new()) else {
        board::end(Some("start"))
    };
    let buffers = (singleton!(: [u8; BUFFER] = [0; BUFFER]), singleton!(: [u8; BUFFER] = [0; BUFFER]));
    let (Some(rx), Some(tx)) = buffers else { board::end(Some("buffers")) };
    loop {
        match thermometer.client.poll_action(board::now()) {
            Some(Action::Connect { .. }) => connection(&mut net, &mut thermometer, rx, tx),
            Some(Action::Close { .. }) => {}
            None => board::sleep(),
        }
        if thermometer.client.state(0) == State::Stopped {
            board::end(thermometer.seen.fault())
        }
        thermometer.lose_patience(board::now());
    }
}

/// One connection, from its opening to its end.
fn connection(net: &mut Net, thermometer: &mut Thermometer, rx: &mut [u8], tx: &mut [u8]) {
    let slots: [Slot<Op>; SLOTS] = [Slot::FREE; SLOTS];
    let mut driver = Driver::new(Role::Initiator, &CONFIG, Slice::new(rx), slots, Slice::new(tx));
    net.connect();
    loop {
        let now = board::now();
        thermometer.act(now);
        let Net { iface, card, sockets, handle, .. } = net;
        let polled = turn(to_smoltcp(now), iface, card, sockets, |_, sockets| {
            if let Some(Action::Close { .. }) = thermometer.client.poll_action(now) {
                driver.close();
            }
            let Thermometer { client, objects, seen, .. } = thermometer;
            let report = &mut |event: Event<'_>| seen.note(&event);
            let mut account = Account { client, server: 0, objects, report };
            driver.poll(now, sockets.get_mut(*handle), &mut account)
        });
        match polled {
            Poll::Ready(Ok(_)) => return board::say(&["disconnected"]),
            Poll::Ready(Err(_)) => board::end(Some("configuration")),
            Poll::Pending => thermometer.lose_patience(now),
        }
        if net.iface.poll_at(to_smoltcp(now), &net.sockets).is_none_or(|at| at > to_smoltcp(now)) {
            board::sleep();
        }
    }
}

fn net() -> Option<Net> {
    board::start()?;
    let port = board::argument(&Host::arguments(), "port").and_then(|port| u16::try_from(port).ok())?;
    let came = singleton!(: [u8; FRAME] = [0; FRAME])?;
    let goes = singleton!(: [u8; FRAME] = [0; FRAME])?;
    let mut card = Enet::new(came, goes);
    let mut config = smoltcp::iface::Config::new(HardwareAddress::Ethernet(EthernetAddress(card.address())));
    // For lack of anything random; a product has to have something.
    config.random_seed = board::now().as_micros();
    let mut iface = Interface::new(config, &mut card, to_smoltcp(board::now()));
    iface.update_ip_addrs(|all| {
        // There is room for one.
        let _ = all.push(IpCidr::new(IpAddress::Ipv4(US), 24));
    });
    let rx = singleton!(: [u8; RING] = [0; RING])?;
    let tx = singleton!(: [u8; RING] = [0; RING])?;
    let storage = singleton!(: [SocketStorage<'static>; 1] = [SocketStorage::EMPTY])?;
    let mut socket = Socket::new(SocketBuffer::new(&mut rx[..]), SocketBuffer::new(&mut tx[..]));
    tune(&mut socket, &ADVICE);
    let mut sockets = SocketSet::new(&mut storage[..]);
    let handle = sockets.add(socket);
    Some(Net { iface, card, sockets, handle, port, local_port: 49_152 })
}

impl Net {
    fn connect(&mut self) {
        self.local_port = self.local_port.checked_add(1).unwrap_or(49_152);
        let socket = self.sockets.get_mut::<Socket<'_>>(self.handle);
        socket.abort();
        let remote = (IpAddress::Ipv4(SERVER), self.port);
        // What does not open is noticed by the driver.
        let _ = socket.connect(self.iface.context(), remote, self.local_port);
    }
}

impl Thermometer {
    fn new() -> Option<Self> {
        let server = Server {
            retry_count: Some(100),
            retry_timer: Some(1),
            sequence_delay: Some(1),
            ..Server::new(1, 60)
        };
        let device = Device { manufacturer: "Example Instruments", model: "T1", ..Device::new() };
        let objects = (server, device, Temperature::new("Cel"));
        let client = Client::new(CLIENT, [0], board::now().as_micros(), &objects);
        Some(Self { client, objects, next: Instant::ZERO, seen: Seen::default() })
    }

    /// Measures, and takes its next step.
    fn act(&mut self, now: Instant) {
        if now < self.next {
            return;
        }
        self.next = now + PERIOD;
        let Self { client, objects, seen, .. } = self;
        seen.measured += 1;
        objects.2.measure(20.0 + f64::from(seen.measured) / 4.0);
        if let Ok(temperature) = Path::new(&[3303, 0, 5700]) {
            client.changed(now, temperature);
        }
        if seen.read == 0 || seen.observed == 0 || seen.measured < 10 {
            return;
        }
        match (seen.registered, seen.updated) {
            (1, 0) => client.update(now, 0),
            (2.., 1..) => client.deregister(now, 0),
            _ => {}
        }
    }

    fn lose_patience(&self, now: Instant) {
        if now > Instant::ZERO + PATIENCE {
            board::end(Some("took too long"))
        }
    }
}

impl Seen {
    fn note(&mut self, event: &Event<'_>) {
        match event {
            Event::Registered => {
                board::say(&["registered"]);
                self.registered += 1;
                (self.read, self.observed, self.measured) = (0, 0, 0);
            }
            Event::Updated(_) => {
                board::say(&["updated"]);
                self.updated += 1;
            }
            Event::Deregistered => {
                board::say(&["deregistered"]);
                self.deregistered += 1;
            }
            Event::Served(served) => match served.operation {
                Some(Operation::Read) => self.read += 1,
                Some(Operation::Observe) => self.observed += 1,
                _ => board::say(&["asked for something else"]),
            },
            Event::Failed { .. } => board::say(&["failed, again later"]),
            _ => {}
        }
    }

    /// What is missing at the end.
    const fn fault(&self) -> Option<&'static str> {
        match self {
            Self { registered: 0 | 1, .. } => Some("did not come back"),
            Self { updated: 0, .. } => Some("no update"),
            Self { deregistered: 0, .. } => Some("no answer to the de-registration"),
            _ => None,
        }
    }
}
