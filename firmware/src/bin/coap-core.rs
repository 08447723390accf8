//! The core alone, for its size: a client and server of CoAP whose peer is written down here. No network, no LwM2M.
#![no_std]
#![no_main]

use core::hint::black_box;
use core::time::Duration;

use coap_tcp_core::{
    Buf, Code, Config, Event, Incoming, Instant, KeepAlive, Observer, OptionNumber, Peer, SendError, Session,
    Slice, Slot,
};
use cortex_m::singleton;
use cortex_m_rt::entry;
use firmware::board;

static CONFIG: Config = Config::new().keep_alive(KeepAlive::Ping(Duration::from_secs(60))).max_outstanding(1);

/// CSM; the answer to our request; GET /t; GET /t with Observe; a Ping; a Release.
const PEER: [&[u8]; 6] = [
    b"\x00\xe1",
    b"\x32\x45\x10\x00\xff21",
    b"\x21\x01\x01\xb1t",
    b"\x31\x01\x02\x60\x51t",
    b"\x00\xe2",
    b"\x00\xe4",
];
const BUFFER: usize = 1152;

type Slots = [Slot<u8>; 4];
type Lent<'a, 'c, 't> = Peer<'a, 'c, Slots, Slice<'t>>;

#[derive(Default)]
struct App {
    answers: u32,
    served: u32,
    observer: Option<Observer>,
}

#[entry]
fn main() -> ! {
    let done = run(board::start().map(drop));
    board::end((!done.unwrap_or(false)).then_some("something has not been said"))
}

fn run(started: Option<()>) -> Option<bool> {
    started?;
    let rx = singleton!(: [u8; BUFFER] = [0; BUFFER])?;
    let tx = singleton!(: [u8; BUFFER] = [0; BUFFER])?;
    let place = singleton!(: Option<Session<'static, Slice<'static>, Slots>> = None)?;
    let mut tx = Slice::new(tx);
    let mut now = Instant::ZERO;
    let session = Session::initiate(&CONFIG, Slice::new(rx), [Slot::FREE; 4], now, &mut tx).ok()?;
    let session = place.insert(session);
    let mut app = App::default();
    ask(now, &mut session.peer(&mut tx)).ok()?;
    for bytes in black_box(PEER) {
        now = now + Duration::from_secs(1);
        let _ = session.receive(now, bytes, &mut tx, |event, peer| app.handle(event, peer));
        if let Some(observer) = app.observer {
            let _ = notify(observer, &mut session.peer(&mut tx));
        }
        while session.handle_timeout(now, &mut tx).is_some() {}
        let said = black_box(tx.as_slice()).len();
        tx.consume(said);
        session.sent(now, said, 0);
        black_box((session.poll_timeout(), session.shutdown()));
    }
    black_box(session).handle_eof(now);
    Some(app.answers == 1 && app.served == 2)
}

fn ask(now: Instant, peer: &mut Lent<'_, '_, '_>) -> Result<(), SendError> {
    let mut request = peer.request(now, Code::GET)?;
    request.option(OptionNumber::URI_PATH, b"t")?;
    request.finish(0)?;
    Ok(())
}

fn notify(observer: Observer, peer: &mut Lent<'_, '_, '_>) -> Result<(), SendError> {
    let mut answer = peer.notify(observer, Code::CONTENT)?;
    answer.uint(OptionNumber::OBSERVE, 0)?.payload(b"22")?;
    answer.finish()
}

impl App {
    fn handle(&mut self, event: Event<'_, u8>, peer: &mut Lent<'_, '_, '_>) {
        match event {
            Event::Request(request) => {
                self.served += 1;
                let _ = self.serve(&request, peer);
            }
            Event::Response { message, .. } => self.answers += u32::from(message.payload == b"21"),
            other => drop(black_box(other)),
        }
    }

    fn serve(&mut self, request: &Incoming<'_>, peer: &mut Lent<'_, '_, '_>) -> Result<(), SendError> {
        if let Some(refusal) = request.refusal(&[OptionNumber::URI_PATH]) {
            return peer.conn.refuse(request, refusal, peer.tx);
        }
        if !request.path_is(&["t"]) {
            return peer.respond(request, Code::NOT_FOUND)?.finish();
        }
        if request.wants_observe() {
            self.observer = peer.conn.observe(request).ok();
        }
        let mut answer = peer.respond(request, Code::CONTENT)?;
        if self.observer.is_some() {
            answer.uint(OptionNumber::OBSERVE, 0)?;
        }
        answer.uint(OptionNumber::CONTENT_FORMAT, 0)?.payload(b"21")?;
        answer.finish()
    }
}
