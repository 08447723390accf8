//! An LwM2M device without a network, for its size: what its server says is written down here.
#![no_std]
#![no_main]

use core::hint::black_box;
use core::time::Duration;

use coap_tcp_core::{Buf, Config, Instant, Session, Slice, Slot};
use cortex_m::singleton;
use cortex_m_rt::entry;
use firmware::board;
use lwm2m_core::client::{self, Client, Event, Op};
use lwm2m_core::objects::{Device, Server, Temperature};
use lwm2m_core::{Path, profile};

static CONFIG: Config = profile::DEVICE;
const BUFFER: usize = 1152;

/// CSM; 2.01 with /rd/a; GET /3/0, GET /3, GET /3303/0/5700 observed, all as SenML CBOR; 2.04; 2.02.
const SERVER: [&[u8]; 7] = [
    b"\x00\xe1",
    b"\x52\x41\x10\x00\x82rd\x01a",
    b"\x61\x01\x01\xb13\x010\x61\x70",
    b"\x41\x01\x02\xb13\x61\x70",
    b"\xd1\x02\x01\x03\x60\x543303\x010\x045700\x61\x70",
    b"\x02\x44\x30\x01",
    b"\x02\x42\x40\x01",
];

type Objects = (Server, Device<'static>, Temperature<'static>);

/// All that stays in memory.
struct All {
    session: Session<'static, Slice<'static>, [Slot<Op>; 4]>,
    client: Client<'static, 1, 4>,
    objects: Objects,
    tx: Slice<'static>,
}

#[derive(Default)]
struct Seen {
    served: u32,
    done: u32,
}

impl Seen {
    fn note(&mut self, event: &Event<'_>) {
        match event {
            Event::Registered | Event::Updated(_) | Event::Deregistered => self.done += 1,
            Event::Served(served) if served.code.is_success() => self.served += 1,
            _ => {}
        }
    }
}

#[entry]
fn main() -> ! {
    let seen = run(board::start().map(drop)).unwrap_or_default();
    board::say_number("served", seen.served);
    board::say_number("done", seen.done);
    let complete = (seen.served, seen.done) == (3, 3);
    board::end((!complete).then_some("something has not been said"))
}

fn run(started: Option<()>) -> Option<Seen> {
    started?;
    let rx = singleton!(: [u8; BUFFER] = [0; BUFFER])?;
    let tx = singleton!(: [u8; BUFFER] = [0; BUFFER])?;
    let place = singleton!(: Option<All> = None)?;
    let mut now = Instant::ZERO;
    let device = Device { manufacturer: "Example Instruments", model: "T1", ..Device::new() };
    let objects = (Server::new(1, 60), device, Temperature::new("Cel"));
    let client = Client::new(client::Config::new("urn:dev:1"), [0], 1, &objects);
    let mut tx = Slice::new(tx);
    let session = Session::initiate(&CONFIG, Slice::new(rx), [Slot::FREE; 4], now, &mut tx).ok()?;
    let All { session, client, objects, tx } = place.insert(All { session, client, objects, tx });
    black_box(client.poll_action(now));
    client.handle_connected(now, 0);
    let mut seen = Seen::default();
    for (step, bytes) in black_box(SERVER).into_iter().enumerate() {
        now = now + Duration::from_secs(1);
        objects.2.measure(black_box(20.5));
        client.changed(now, Path::new(&[3303, 0, 5700]).ok()?);
        // What the server will answer next.
        match step {
            5 => client.update(now, 0),
            6 => client.deregister(now, 0),
            _ => {}
        }
        while let Some(event) = client.handle_timeout(now, 0, objects, &mut session.peer(tx)) {
            seen.note(&event);
        }
        flush(now, session, tx);
        let _ = session.receive(now, bytes, tx, |event, peer| {
            seen.note(&client.handle_event(now, 0, event, objects, peer));
        });
        while session.handle_timeout(now, tx).is_some() {}
        flush(now, session, tx);
        black_box((session.poll_timeout(), client.poll_timeout(), session.shutdown()));
    }
    client.handle_closed(now, 0);
    Some(seen)
}

fn flush(
    now: Instant,
    session: &mut Session<'static, Slice<'static>, [Slot<Op>; 4]>,
    tx: &mut Slice<'static>,
) {
    let said = black_box(tx.as_slice()).len();
    tx.consume(said);
    session.sent(now, said, 0);
}
