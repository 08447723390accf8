//! Two stacks, the cable between them, and time that passes only when nothing else is to be done.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use bind_smoltcp::{to_smoltcp, tune, turn};
use coap_tcp_core::{Advice, Instant};
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{ChecksumCapabilities, Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::socket::tcp::{Socket, SocketBuffer};
use smoltcp::wire::{HardwareAddress, IpAddress, IpCidr, Ipv4Address, Ipv6Address};

pub(crate) const PORT: u16 = 5683;

/// A packet as it was sent, lost or not.
#[derive(Clone, Debug)]
pub(crate) struct Packet {
    pub(crate) from: usize,
    pub(crate) bytes: Vec<u8>,
}

impl Packet {
    /// What TCP carries in it.
    pub(crate) fn payload(&self) -> &[u8] {
        let ip = if self.bytes[0] >> 4 == 4 { 20 } else { 40 };
        let tcp = usize::from(self.bytes[ip + 12] >> 4) * 4;
        &self.bytes[ip + tcp..]
    }

    /// Its size without TCP options, which the digest's figures leave out.
    pub(crate) fn plain_size(&self) -> usize {
        let ip = if self.bytes[0] >> 4 == 4 { 20 } else { 40 };
        ip + 20 + self.payload().len()
    }
}

/// Decides whether the packet is lost.
type Loss = Box<dyn FnMut(&Packet) -> bool>;

pub(crate) struct Cable {
    mtu: usize,
    pub(crate) delay: Duration,
    pub(crate) lose: Loss,
    pub(crate) log: Vec<Packet>,
    under_way: [VecDeque<(Instant, Vec<u8>)>; 2],
    now: Instant,
}

impl Cable {
    fn send(&mut self, from: usize, bytes: Vec<u8>) {
        let packet = Packet { from, bytes };
        if !(self.lose)(&packet) {
            self.under_way[1 - from].push_back((self.now + self.delay, packet.bytes.clone()));
        }
        self.log.push(packet);
    }
}

/// One end of the cable.
struct Port {
    cable: Rc<RefCell<Cable>>,
    side: usize,
}

impl Device for Port {
    type RxToken<'a> = Came;
    type TxToken<'a> = Goes<'a>;

    fn receive(&mut self, _: smoltcp::time::Instant) -> Option<(Came, Goes<'_>)> {
        let mut cable = self.cable.borrow_mut();
        let now = cable.now;
        let queue = &mut cable.under_way[self.side];
        queue.front().filter(|(at, _)| *at <= now)?;
        let (_, bytes) = queue.pop_front()?;
        drop(cable);
        Some((Came(bytes), Goes(self)))
    }

    fn transmit(&mut self, _: smoltcp::time::Instant) -> Option<Goes<'_>> {
        Some(Goes(self))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.checksum = ChecksumCapabilities::ignored();
        capabilities.max_transmission_unit = self.cable.borrow().mtu;
        capabilities
    }
}

struct Came(Vec<u8>);
impl RxToken for Came {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&self.0)
    }
}

struct Goes<'a>(&'a Port);
impl TxToken for Goes<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let mut bytes = vec![0; len];
        let result = f(&mut bytes);
        self.0.cable.borrow_mut().send(self.0.side, bytes);
        result
    }
}

/// What uses a socket.
pub(crate) trait Actor {
    fn act(&mut self, now: Instant, socket: &mut Socket<'static>);

    fn deadline(&self) -> Option<Instant> {
        None
    }
}

/// How a stack is built.
#[derive(Clone, Copy)]
pub(crate) struct Make {
    pub v6: bool,
    pub(crate) mtu: usize,
    pub(crate) rings: [Ring; 2],
}

/// Sizes of a socket's two rings.
#[derive(Clone, Copy)]
pub(crate) struct Ring {
    pub(crate) rx: usize,
    pub(crate) tx: usize,
}

pub(crate) const ROOMY: Ring = Ring { rx: 6100, tx: 6100 };
pub(crate) const V4: Make = Make { v6: false, mtu: 1260, rings: [ROOMY; 2] };

/// One stack and what uses its only socket.
pub(crate) struct End<X> {
    iface: Interface,
    port: Port,
    sockets: SocketSet<'static>,
    handle: SocketHandle,
    pub(crate) actor: X,
}

impl<X: Actor> End<X> {
    fn new(make: Make, cable: &Rc<RefCell<Cable>>, side: usize, actor: X) -> Self {
        let mut port = Port { cable: cable.clone(), side };
        let config = Config::new(HardwareAddress::Ip);
        let mut iface = Interface::new(config, &mut port, to_smoltcp(Instant::ZERO));
        iface.update_ip_addrs(|all| all.push(IpCidr::new(address(make, side), 64 / 2)).unwrap());
        let Ring { rx, tx } = make.rings[side];
        let socket = Socket::new(SocketBuffer::new(vec![0; rx]), SocketBuffer::new(vec![0; tx]));
        let mut sockets = SocketSet::new(vec![]);
        let handle = sockets.add(socket);
        Self { iface, port, sockets, handle, actor }
    }

    pub(crate) fn socket(&mut self) -> &mut Socket<'static> {
        self.sockets.get_mut(self.handle)
    }

    fn turn(&mut self, now: Instant) {
        let Self { iface, port, sockets, handle, actor } = self;
        turn(to_smoltcp(now), iface, port, sockets, |_, sockets| {
            actor.act(now, sockets.get_mut::<Socket<'_>>(*handle));
        });
    }

    fn deadline(&mut self, now: Instant) -> Option<Instant> {
        let stack = self.iface.poll_at(to_smoltcp(now), &self.sockets).map(bind_smoltcp::from_smoltcp);
        [stack, self.actor.deadline()].into_iter().flatten().min()
    }
}

fn address(make: Make, side: usize) -> IpAddress {
    match make.v6 {
        false => Ipv4Address::new(192, 0, 2, side as u8 + 1).into(),
        true => Ipv6Address::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, side as u16 + 1).into(),
    }
}

/// Side 0 connects to side 1.
pub(crate) struct World<A, B> {
    pub(crate) now: Instant,
    pub(crate) cable: Rc<RefCell<Cable>>,
    pub(crate) a: End<A>,
    pub(crate) b: End<B>,
    make: Make,
    local_port: u16,
}

impl<A: Actor, B: Actor> World<A, B> {
    pub(crate) fn new(make: Make, a: A, b: B) -> Self {
        let now = Instant::from_millis(1000);
        let cable = Rc::new(RefCell::new(Cable {
            mtu: make.mtu,
            delay: Duration::ZERO,
            lose: Box::new(|_| false),
            log: vec![],
            under_way: Default::default(),
            now,
        }));
        let (a, b) = (End::new(make, &cable, 0, a), End::new(make, &cable, 1, b));
        Self { now, cable, a, b, make, local_port: 50_000 }
    }

    /// Both sockets are told what the core advises, and open.
    pub(crate) fn open(&mut self, config: &coap_tcp_core::Config) {
        tune(self.b.socket(), &Advice::acceptor(config));
        self.b.socket().listen(PORT).unwrap();
        let socket = self.a.sockets.get_mut::<Socket<'_>>(self.a.handle);
        tune(socket, &Advice::initiator(config));
        self.local_port += 1;
        let remote = (address(self.make, 1), PORT);
        socket.connect(self.a.iface.context(), remote, self.local_port).unwrap();
    }

    /// All that can be done without time.
    pub(crate) fn settle(&mut self) {
        for _ in 0..100_000 {
            let before = self.cable.borrow().log.len();
            self.a.turn(self.now);
            self.b.turn(self.now);
            if self.cable.borrow().log.len() == before && self.next().is_none_or(|at| at > self.now) {
                return;
            }
        }
        let next = self.next();
        panic!("no rest at {:?}; next is {next:?}", self.now);
    }

    /// When there is something to do next.
    pub(crate) fn next(&mut self) -> Option<Instant> {
        let arrival = |queue: &VecDeque<(Instant, Vec<u8>)>| queue.front().map(|(at, _)| *at);
        let cable = self.cable.borrow();
        let arrivals = cable.under_way.each_ref().map(arrival);
        drop(cable);
        let ends = [self.a.deadline(self.now), self.b.deadline(self.now)];
        arrivals.into_iter().chain(ends).flatten().min()
    }

    /// Time passes.
    pub(crate) fn advance(&mut self, by: Duration) {
        let end = self.now + by;
        self.settle();
        while let Some(at) = self.next().filter(|at| *at <= end) {
            self.set_now(at.max(self.now));
            self.settle();
        }
        self.set_now(end);
        self.settle();
    }

    /// Time passes until `done`, an hour at most.
    pub(crate) fn run(&mut self, mut done: impl FnMut(&mut Self) -> bool) {
        let end = self.now + Duration::from_secs(3600);
        loop {
            self.settle();
            if done(self) {
                return;
            }
            match self.next().filter(|at| *at <= end) {
                Some(at) => self.set_now(at.max(self.now)),
                None => panic!("nothing more happens"),
            }
        }
    }

    fn set_now(&mut self, now: Instant) {
        self.now = now;
        self.cable.borrow_mut().now = now;
    }

    /// All packets so far, which are then forgotten.
    pub(crate) fn take_log(&mut self) -> Vec<Packet> {
        core::mem::take(&mut self.cable.borrow_mut().log)
    }
}
