//! One session, a small server on top of it, and a clock that is moved by hand.

use std::fmt::Write as _;
use std::time::Duration;

use coap_tcp_core::buf::Buf;
use coap_tcp_core::wire::{Prefix, head};
use coap_tcp_core::{
    Closed, Code, Config, Event, Expired, Flow, Instant, Message, Observer, OptionNumber, Peer, Session,
    Shutdown, Slot, Slots, Stats, Tally, Ticket,
};

/// What the server on top has understood of an option.
pub const KNOWN: &[OptionNumber] = &[
    OptionNumber::URI_HOST,
    OptionNumber::URI_PORT,
    OptionNumber::URI_PATH,
    OptionNumber::URI_QUERY,
    OptionNumber::IF_MATCH,
    OptionNumber::ACCEPT,
    OptionNumber::BLOCK1,
    OptionNumber::BLOCK2,
];

/// Bytes written as hexadecimal digits; spaces are for the eye.
pub fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    assert!(digits.len() % 2 == 0, "{text}");
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

pub fn unhex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, b| {
        let _ = write!(text, "{b:02X}");
        text
    })
}

/// A configuration that lives as long as the test.
pub fn keep(config: Config) -> &'static Config {
    Box::leak(Box::new(config))
}

/// The frames that some bytes are made of.
pub fn frames(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    while !bytes.is_empty() {
        let Ok(Prefix::Head(head)) = head(bytes, true) else { panic!("no whole frames: {bytes:02x?}") };
        let (frame, rest) = bytes.split_at(head.total() as usize);
        frames.push(frame.to_vec());
        bytes = rest;
    }
    frames
}

/// `2.05 Content token=01 "text"`: a message on one line, with its payload.
pub fn line(message: &Message<'_>) -> String {
    let mut text = message.to_string();
    if !message.payload.is_empty() {
        let end = text.rfind(" [").unwrap_or(text.len());
        text.truncate(end);
        let _ = match message.payload.len() {
            n @ 0..=80 if message.payload.iter().all(|b| (32..127).contains(b)) => {
                let _ = n;
                write!(text, " {:?}", String::from_utf8_lossy(message.payload))
            }
            n => write!(text, " [{n}]"),
        };
    }
    text
}

/// All frames among some bytes, a line each.
pub fn lines(bytes: &[u8]) -> Vec<String> {
    frames(bytes).iter().map(|frame| line(&Message::parse(frame).unwrap())).collect()
}

/// An event on one line.
pub fn render<T: std::fmt::Debug>(event: &Event<'_, T>) -> String {
    match event {
        Event::Ready(settings) => format!(
            "ready mms={} bwt={} bert={} etl={}",
            settings.max_message_size,
            settings.block_wise,
            settings.bert(),
            settings.token_length
        ),
        Event::Request(incoming) => match incoming.ended() {
            Some(_) => format!("request {} (ends)", line(incoming)),
            None => format!("request {}", line(incoming)),
        },
        Event::Response { tag, message, .. } => format!("response {tag:?} {}", line(message)),
        Event::Failed { tag, why, .. } => format!("failed {tag:?} {why:?}"),
        Event::Unmatched(message) => format!("unmatched {}", line(message)),
        Event::Pong { custody, after } => format!("pong custody={custody} after={after:?}"),
        Event::Released { hold_off, message } => format!("released {hold_off:?} {}", line(message)),
        Event::Aborted(message) => format!("aborted {}", line(message)),
        Event::Settled(settled) => format!("settled {settled:?}"),
    }
}

/// The server on top: what it does depends on the first segment of the path.
#[derive(Debug, Default)]
pub struct App {
    pub log: Vec<String>,
    pub tickets: Vec<Ticket>,
    pub observers: Vec<Observer>,
}

impl App {
    pub fn on<S: Slots, T: Buf + ?Sized>(&mut self, event: Event<'_, S::Tag>, peer: &mut Peer<'_, '_, S, T>)
    where
        S::Tag: std::fmt::Debug,
    {
        self.log.push(render(&event));
        let Event::Request(incoming) = event else { return };
        if let Some(refusal) = incoming.refusal(KNOWN) {
            peer.conn.refuse(&incoming, refusal, peer.tx).unwrap();
            return;
        }
        match incoming.path().next().unwrap_or_default() {
            b"later" => match peer.conn.defer(&incoming) {
                Ok(ticket) => self.tickets.push(ticket),
                Err(_) => {
                    peer.respond(&incoming, Code::SERVICE_UNAVAILABLE).and_then(|it| it.finish()).unwrap();
                }
            },
            b"obs" if incoming.wants_observe() => {
                let observer = peer.conn.observe(&incoming);
                let mut answer = peer.respond(&incoming, Code::CONTENT).unwrap();
                if let Ok(observer) = observer {
                    answer.option(OptionNumber::OBSERVE, &[]).unwrap();
                    self.observers.push(observer);
                }
                answer.finish().unwrap();
            }
            b"silent" => {}
            // The code is a byte of the path.
            b"says" => {
                let code = incoming.path().nth(1).and_then(|code| code.first()).copied().unwrap();
                peer.respond(&incoming, Code(code)).and_then(|answer| answer.finish()).unwrap();
            }
            b"forgets" => drop(peer.respond(&incoming, Code::CONTENT)),
            b"big" => {
                let size = incoming.query().next().unwrap_or_default();
                let size: usize = std::str::from_utf8(size).unwrap().parse().unwrap();
                let mut answer = peer.respond(&incoming, Code::CONTENT).unwrap();
                let fits = answer.payload(&vec![0x55; size]).is_ok();
                if fits {
                    let _ = answer.finish();
                }
            }
            _ => {
                let mut answer = peer.respond(&incoming, Code::CONTENT).unwrap();
                answer.payload(b"ok").unwrap();
                answer.finish().unwrap();
            }
        }
    }
}

/// A session over growing buffers, its server and its clock.
#[derive(Debug)]
pub struct Rig {
    pub session: Session<'static, Vec<u8>, Vec<Slot<u32>>>,
    pub tx: Vec<u8>,
    pub now: Instant,
    pub app: App,
    /// Of all that the rig has seen but the end, and of what has left.
    pub stats: Stats,
}

impl Rig {
    /// An acceptor whose CSM is still in `tx`.
    pub fn accept(config: Config) -> Self {
        Self::start(config, true)
    }

    /// An initiator whose CSM is still in `tx`.
    pub fn initiate(config: Config) -> Self {
        Self::start(config, false)
    }

    fn start(config: Config, acceptor: bool) -> Self {
        let (config, now, mut tx) = (keep(config), Instant::from_millis(1000), Vec::new());
        let session = match acceptor {
            true => Session::accept(config, Vec::new(), Vec::new(), now, &mut tx).unwrap(),
            false => Session::initiate(config, Vec::new(), Vec::new(), now, &mut tx).unwrap(),
        };
        Self { session, tx, now, app: App::default(), stats: Stats::new() }
    }

    /// Both CSMs exchanged, nothing in `tx`, nothing in the log.
    pub fn open() -> Self {
        Self::open_with(Config::new())
    }

    pub fn open_with(config: Config) -> Self {
        let mut rig = Self::accept(config);
        rig.feed("00 E1").unwrap();
        rig.flush();
        rig.app.log.clear();
        rig.stats = Stats::new();
        rig
    }

    pub fn feed(&mut self, text: &str) -> Result<Flow, Closed> {
        self.feed_bytes(&hex(text))
    }

    pub fn feed_bytes(&mut self, bytes: &[u8]) -> Result<Flow, Closed> {
        let Self { session, tx, now, app, stats } = self;
        session.receive_counting(*now, bytes, tx, stats, |event, peer| app.on(event, peer))
    }

    /// All that waits leaves.
    pub fn flush(&mut self) -> Vec<u8> {
        let out = std::mem::take(&mut self.tx);
        self.stats.said(&out);
        self.session.sent(self.now, out.len(), 0);
        out
    }

    /// Some of it leaves.
    pub fn flush_some(&mut self, n: usize) {
        self.tx.drain(..n);
        self.session.sent(self.now, n, self.tx.len());
    }

    /// What has been said since the last flush, a line a frame.
    pub fn said(&mut self) -> Vec<String> {
        lines(&self.flush())
    }

    /// The same as hexadecimal digits.
    pub fn said_hex(&mut self) -> String {
        unhex(&self.flush())
    }

    pub fn heard(&mut self) -> Vec<String> {
        std::mem::take(&mut self.app.log)
    }

    /// Moves the clock and does all that is due.
    pub fn wait(&mut self, time: Duration) -> Vec<Expired<u32>> {
        self.now = self.now + time;
        self.due()
    }

    pub fn due(&mut self) -> Vec<Expired<u32>> {
        let mut expired = Vec::new();
        while let Some(one) = self.session.handle_timeout(self.now, &mut self.tx) {
            self.stats.expired(&one);
            expired.push(one);
            assert!(expired.len() < 1000, "no end: {expired:?}");
        }
        if let Some((at, why)) = self.session.poll_timeout() {
            assert!(at > self.now, "law 3: {why:?} is still due");
        }
        expired
    }

    /// Sends a GET and gives its token.
    pub fn get(&mut self, path: &str, tag: u32) -> coap_tcp_core::RequestId {
        let mut peer = self.session.peer(&mut self.tx);
        let mut request = peer.request(self.now, Code::GET).unwrap();
        request.option(OptionNumber::URI_PATH, path.as_bytes()).unwrap();
        request.finish(tag).unwrap()
    }

    /// Answers the oldest deferred request.
    pub fn answer(&mut self, text: &str) {
        let ticket = self.app.tickets.remove(0);
        let mut peer = self.session.peer(&mut self.tx);
        let mut answer = peer.respond_later(&ticket, Code::CONTENT).unwrap();
        answer.payload(text.as_bytes()).unwrap();
        answer.finish().unwrap();
    }

    pub fn ended(&self) -> Option<Closed> {
        self.session.conn().closed()
    }

    pub fn shutdown(&self) -> Shutdown {
        self.session.shutdown()
    }
}

/// A frame from parts: code, token, options with their numbers, payload.
pub fn frame(code: Code, token: &[u8], options: &[(u16, &[u8])], payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = coap_tcp_core::wire::Writer::new(&mut bytes, code, token).unwrap();
    for &(number, value) in options {
        writer.option(OptionNumber(number), value).unwrap();
    }
    writer.payload(payload).unwrap();
    writer.finish();
    bytes
}
