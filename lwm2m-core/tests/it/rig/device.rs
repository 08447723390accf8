//! A device with a transport that does what the test says.

use std::time::Duration;

use coap_tcp_core::wire::OptionNumber;
use coap_tcp_core::{Buf, Code, Config, Expired, Fixed, Instant, Session, Shutdown, Slot, Slots};
use lwm2m_core::client::{self, Action, Client};
use lwm2m_core::objects::{Device as DeviceObject, Objects, Server, Temperature};

use super::frames::{CSM, Owned, frame, messages};

pub static DEVICE: Config = Config::new().block_wise(false).reply_room(256);

pub type App = (Server, DeviceObject<'static>, [Temperature<'static>; 2]);

pub fn app() -> App {
    let device = DeviceObject {
        manufacturer: "Example",
        model: "T1",
        power_sources: &[1, 5],
        battery: Some(80),
        ..DeviceObject::new()
    };
    let mut temperatures = [Temperature::new("Cel"), Temperature::new("Cel")];
    temperatures[0].measure(21.5);
    (Server::new(1, 300), device, temperatures)
}

/// What a device keeps its connection in.
pub trait Memory {
    type Spill: Buf;
    type Slots: Slots<Tag = client::Op>;
    type Tx: Buf;
    fn make() -> (Self::Spill, Self::Slots, Self::Tx);
}

pub struct Heap;
impl Memory for Heap {
    type Spill = Vec<u8>;
    type Slots = Vec<Slot<client::Op>>;
    type Tx = Vec<u8>;
    fn make() -> (Self::Spill, Self::Slots, Self::Tx) {
        Default::default()
    }
}

/// What a microcontroller has.
pub struct Firmware;
impl Memory for Firmware {
    type Spill = Fixed<1152>;
    type Slots = [Slot<client::Op>; 6];
    type Tx = Fixed<1024>;
    fn make() -> (Self::Spill, Self::Slots, Self::Tx) {
        (Fixed::new(), [Slot::FREE; 6], Fixed::new())
    }
}

/// What comes of an attempt to connect.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Net {
    Up,
    Refuses,
}

pub struct Device<M: Memory = Heap, O = App> {
    pub now: Instant,
    pub client: Client<'static, 1, 4>,
    pub objects: O,
    pub session: Option<Session<'static, M::Spill, M::Slots>>,
    pub tx: M::Tx,
    pub net: Net,
    /// What the server says as soon as there is a connection.
    pub csm: &'static [u8],
    /// When each connection was asked for.
    pub connects: Vec<Instant>,
    pub events: Vec<String>,
}

impl Device {
    pub fn new() -> Self {
        Self::with(client::Config::new("dev").jitter_percent(0).reconnect_within(Duration::ZERO), app())
    }

    /// Registered; whatever that took is forgotten.
    pub fn registered() -> Self {
        let mut device = Self::new();
        device.turn();
        device.register("abc");
        device.events.clear();
        device
    }
}

impl<M: Memory, O: Objects> Device<M, O> {
    pub fn with(config: client::Config<'static>, objects: O) -> Self {
        let (_, _, tx) = M::make();
        Self {
            now: Instant::ZERO,
            client: Client::new(config, [0], 7, &objects),
            objects,
            session: None,
            tx,
            net: Net::Up,
            csm: CSM,
            connects: Vec::new(),
            events: Vec::new(),
        }
    }

    /// All that can be done without bytes and time.
    pub fn turn(&mut self) {
        self.act();
        self.serve();
        self.act();
    }

    fn act(&mut self) {
        while let Some(action) = self.client.poll_action(self.now) {
            match action {
                Action::Connect { .. } => self.connect(),
                Action::Close { .. } => self.disconnect(),
            }
        }
    }

    fn serve(&mut self) {
        let Some(session) = &mut self.session else { return };
        while let Some(expired) = session.handle_timeout(self.now, &mut self.tx) {
            assert!(!matches!(expired, Expired::Request(..)), "the client keeps its own deadlines");
        }
        let mut peer = session.peer(&mut self.tx);
        while let Some(event) = self.client.handle_timeout(self.now, 0, &self.objects, &mut peer) {
            self.events.push(format!("{event:?}"));
        }
        if session.shutdown() == Shutdown::Now {
            self.disconnect();
        }
    }

    fn connect(&mut self) {
        self.connects.push(self.now);
        match self.net {
            Net::Up => {
                let (spill, slots, tx) = M::make();
                self.tx = tx;
                self.session =
                    Some(Session::initiate(&DEVICE, spill, slots, self.now, &mut self.tx).unwrap());
                self.client.handle_connected(self.now, 0);
                self.feed(self.csm);
            }
            Net::Refuses => self.client.handle_closed(self.now, 0),
        }
    }

    /// The transport is gone.
    pub fn disconnect(&mut self) {
        self.session = None;
        self.tx.truncate(0);
        self.client.handle_closed(self.now, 0);
    }

    pub fn feed(&mut self, bytes: &[u8]) {
        let Some(session) = &mut self.session else { return };
        let (client, objects, events) = (&mut self.client, &mut self.objects, &mut self.events);
        let now = self.now;
        let _ = session.receive(now, bytes, &mut self.tx, |event, peer| {
            match client.handle_event(now, 0, event, objects, peer) {
                client::Event::Nothing | client::Event::Other(_) => {}
                event => events.push(format!("{event:?}")),
            }
        });
        self.turn();
    }

    /// What waits to be sent leaves.
    pub fn take(&mut self) -> Vec<u8> {
        let bytes = self.tx.as_slice().to_vec();
        self.tx.consume(bytes.len());
        if let Some(session) = &mut self.session {
            session.sent(self.now, bytes.len(), 0);
        }
        self.turn();
        bytes
    }

    pub fn sent(&mut self) -> Vec<Owned> {
        let mut sent = messages(&self.take());
        sent.extend(messages(&self.take()));
        sent
    }

    /// The one message that was sent.
    pub fn sent_one(&mut self) -> Owned {
        let mut sent = self.sent();
        assert_eq!(sent.len(), 1, "{sent:?}");
        sent.remove(0)
    }

    /// The only answer to a request of the server's.
    pub fn ask(&mut self, request: &[u8]) -> Owned {
        self.feed(request);
        self.sent_one()
    }

    pub fn answer(&mut self, to: &Owned, code: Code, options: &[(OptionNumber, &[u8])]) {
        self.feed(&frame(code, to.view().token, options, &[]));
    }

    pub fn register(&mut self, id: &str) -> Owned {
        let register = self.sent_one();
        assert!(register.view().code == Code::POST && register.view().path_is(&["rd"]), "{register:?}");
        let location =
            [(OptionNumber::LOCATION_PATH, &b"rd"[..]), (OptionNumber::LOCATION_PATH, id.as_bytes())];
        self.answer(&register, Code::CREATED, &location);
        register
    }

    /// Time passes, and whatever is due is done at its time.
    pub fn wait(&mut self, time: Duration) {
        let until = self.now + time;
        for _ in 0..100_000 {
            self.turn();
            let client = self.client.poll_timeout().map(|(at, ..)| at);
            let session = self.session.as_ref().and_then(|session| session.poll_timeout()).map(|(at, _)| at);
            let Some(next) = client.into_iter().chain(session).min().filter(|next| *next <= until) else {
                self.now = until;
                return;
            };
            assert!(next > self.now, "something is due and not done: {:?}", self.client.poll_timeout());
            self.now = next;
        }
        panic!("time does not pass");
    }
}
