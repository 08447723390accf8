//! The laws that hold for any input, any cut of it, any order of calls and any times.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use crate::rig::{App, frame, hex, keep};
use coap_tcp_core::{
    Buf, Closed, Code, Config, Event, Expired, Fixed, Flow, Instant, KeepAlive, Message, OptionNumber,
    Oversized, Peer, RequestId, SendError, Session, Shutdown, Slice, Slot, State, Tagged,
};

type Fixture<const N: usize> = Session<'static, Fixed<1152>, [Slot<u32>; N]>;

/// What a peer may send, sense and nonsense.
fn message() -> impl Strategy<Value = Vec<u8>> {
    let paths = prop::sample::select(vec!["a", "later", "silent", "forgets", "obs", ".."]);
    let token = vec(0..4_u8, 0..3);
    let codes = prop::sample::select(vec![0x01_u8, 0x02, 0x05, 0x08]);
    let request = (codes, token.clone(), paths, prop::option::of(0..3_u8), vec(any::<u8>(), 0..40)).prop_map(
        |(code, token, path, observe, payload)| {
            let observe = observe.map(|n| [n]);
            let mut options: Vec<(u16, &[u8])> = Vec::new();
            options.extend(observe.as_ref().map(|n| (6, n.as_slice())));
            options.push((11, path.as_bytes()));
            frame(Code(code), &token, &options, &payload)
        },
    );
    let ping = (token.clone(), any::<bool>()).prop_map(|(token, custody)| {
        let custody: &[(u16, &[u8])] = if custody { &[(2, b"")] } else { &[] };
        frame(Code::PING, &token, custody, b"")
    });
    let response = (1..4_u8, 0..4_u8, any::<bool>()).prop_map(|(generation, slot, observe)| {
        let observe: &[(u16, &[u8])] = if observe { &[(6, b"")] } else { &[] };
        frame(Code::CONTENT, &[generation << 4, slot], observe, b"x")
    });
    let rest = prop::sample::select(vec![
        "00 00",
        "01 00 AA",
        "00 E1",
        "30 E1 22 02 00",
        "40 E1 22 09 00 20",
        "00 E3",
        "11 E3 01 20",
        "00 E6",
        "30 01 E0 00 00",
        "20 E1 61 07",
    ])
    .prop_map(hex);
    let large = (500..1400_usize, token).prop_map(|(n, token)| frame(Code::POST, &token, &[], &vec![0; n]));
    let fatal = prop::sample::select(vec!["10 45 FF", "00 20", "0F", "10 E2 10", "00 E4", "00 E5", "F0"])
        .prop_map(hex);
    prop_oneof![8 => request, 2 => ping, 3 => response, 3 => rest, 1 => large, 1 => fatal]
}

/// Everything that one way of cutting the stream has brought about.
#[derive(PartialEq, Debug)]
struct Outcome {
    events: Vec<String>,
    said: Vec<u8>,
    state: State,
    closed: Option<Closed>,
}

fn play<T: Buf>(config: &'static Config, stream: &[u8], cuts: &[usize], mut tx: T) -> Outcome {
    let now = Instant::ZERO;
    let slots = [const { Slot::FREE }; 16];
    let mut session: Fixture<16> = Session::accept(config, Fixed::new(), slots, now, &mut tx).unwrap();
    let (mut app, mut said) = (App::default(), Vec::new());
    let (mut socket, mut rest) = (Vec::new(), stream);
    let mut cuts = cuts.iter().cycle();
    while !rest.is_empty() || !socket.is_empty() || session.is_blocked() {
        let (part, after) = rest.split_at(cuts.next().map_or(1, |&cut| cut).min(rest.len()));
        socket.extend_from_slice(part);
        rest = after;
        let taken = match session.receive(now, &socket, &mut tx, |event, peer| app.on(event, peer)) {
            Ok(Flow::Blocked(taken)) => taken,
            Ok(Flow::Drained) | Err(_) => socket.len(),
        };
        socket.drain(..taken);
        if session.is_blocked() || rest.is_empty() {
            said.extend_from_slice(tx.as_slice());
            let n = tx.as_slice().len();
            tx.consume(n);
        }
        assert!(session.conn().owed() + session.conn().observers() <= 16, "law 6");
    }
    said.extend_from_slice(tx.as_slice());
    let conn = session.conn();
    Outcome { events: app.log, said, state: conn.state(), closed: conn.closed() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Law 1, T-3.2-9.
    #[test]
    fn law_1_however_the_stream_is_cut(
        messages in vec(message(), 1..25),
        cuts in vec(1..80_usize, 1..8),
        small in any::<bool>(),
        drain in any::<bool>(),
    ) {
        let oversized = if drain { Oversized::Drain } else { Oversized::Abort };
        let config = keep(Config::new().oversized(oversized).max_message_size(if small { 600 } else { 1152 }));
        let stream = [hex("00 E1"), messages.concat()].concat();
        let whole = play(config, &stream, &[stream.len()], Vec::<u8>::new());
        prop_assert_eq!(&play(config, &stream, &cuts, Vec::new()), &whole);
        prop_assert_eq!(&play(config, &stream, &[1], Vec::new()), &whole);
        prop_assert_eq!(&play(config, &stream, &cuts, Fixed::<160>::new()), &whole);
        prop_assert_eq!(&play(config, &stream, &[1], Fixed::<160>::new()), &whole);
    }
}

/// One session that has something of every kind under way.
struct Busy {
    session: Fixture<8>,
    app: App,
    asked: RequestId,
    observing: RequestId,
}

fn busy() -> Busy {
    let now = Instant::ZERO;
    let mut tx = Vec::new();
    let slots = [const { Slot::FREE }; 8];
    let mut session: Fixture<8> =
        Session::accept(keep(Config::new()), Fixed::new(), slots, now, &mut tx).unwrap();
    let mut app = App::default();
    let later = frame(Code::GET, &[1], &[(11, b"later")], b"");
    let obs = frame(Code::GET, &[2], &[(6, b""), (11, b"obs")], b"");
    let input = [hex("30 E1 22 00 80"), later, obs].concat();
    session.receive(now, &input, &mut tx, |event, peer| app.on(event, peer)).unwrap();
    let mut peer = session.peer(&mut tx);
    let asked = peer.request(now, Code::GET).unwrap().finish(1).unwrap();
    let mut request = peer.request(now, Code::GET).unwrap();
    request.uint(OptionNumber::OBSERVE, 0).unwrap();
    let observing = request.finish(2).unwrap();
    let n = tx.len();
    session.sent(now, n, 0);
    Busy { session, app, asked, observing }
}

type Command = fn(&mut Busy, &mut Slice<'_>, usize) -> Result<(), SendError>;

const COMMANDS: &[(&str, Command)] = &[
    ("request", |busy, tx, n| {
        let mut peer = busy.session.peer(tx);
        let mut request = peer.request(Instant::ZERO, Code::POST)?;
        request.option(OptionNumber::URI_PATH, b"path")?;
        request.payload(&vec![0; n])?;
        request.finish(3).map(drop_id)
    }),
    ("request out of order", |busy, tx, n| {
        let mut peer = busy.session.peer(tx);
        let mut request = peer.request(Instant::ZERO, Code::POST)?;
        request.payload(&vec![0; n + 1])?;
        request.option(OptionNumber::URI_PATH, b"path")?;
        request.finish(3).map(drop_id)
    }),
    ("request dropped", |busy, tx, _| {
        let mut peer = busy.session.peer(tx);
        peer.request(Instant::ZERO, Code::POST)?.payload(b"some")?;
        Err(SendError::Gone)
    }),
    ("deregister", |busy, tx, n| {
        let peer = busy.session.peer(tx);
        let mut cancel = peer.conn.deregister(Instant::ZERO, busy.observing, Code::GET, peer.tx)?;
        cancel.uint(OptionNumber::OBSERVE, 1)?;
        cancel.option(OptionNumber::URI_PATH, &vec![b'p'; n])?;
        cancel.finish()
    }),
    ("deregister no observation", |busy, tx, _| {
        let peer = busy.session.peer(tx);
        peer.conn.deregister(Instant::ZERO, busy.asked, Code::GET, peer.tx)?.finish()
    }),
    ("respond later", |busy, tx, n| {
        let mut peer = busy.session.peer(tx);
        let mut answer = peer.respond_later(&busy.app.tickets[0], Code::CONTENT)?;
        answer.payload(&vec![0; n])?;
        answer.finish()
    }),
    ("notify", |busy, tx, n| {
        let mut peer = busy.session.peer(tx);
        let mut answer = peer.notify(busy.app.observers[0], Code::CONTENT)?;
        answer.option(OptionNumber::OBSERVE, &[])?;
        answer.payload(&vec![0; n])?;
        answer.finish()
    }),
    ("ping", |busy, tx, n| {
        let peer = busy.session.peer(tx);
        peer.conn.ping(Instant::ZERO, n % 2 == 1, peer.tx)
    }),
    ("keep-alive", |busy, tx, _| {
        let peer = busy.session.peer(tx);
        peer.conn.keep_alive(peer.tx)
    }),
    ("release", |busy, tx, n| {
        let peer = busy.session.peer(tx);
        peer.conn.release(Instant::ZERO, Some(60), &["a.example"; 20][..n.min(20)], peer.tx)
    }),
];

fn drop_id(_: RequestId) {}

/// Law 2: an error has changed nothing, neither in `tx` nor in the session.
#[test]
fn law_2_a_command_that_fails_changes_nothing() {
    let (mut failures, mut successes) = (0, 0);
    for (name, command) in COMMANDS {
        for room in (0..60).chain((60..180).step_by(7)) {
            for n in [0, 1, 9, 40, 90, 140] {
                for held in [0, 30] {
                    let mut busy = busy();
                    let mut store = vec![0; held + room];
                    let mut tx = Slice::new(&mut store);
                    tx.append(&vec![7; held]).unwrap();
                    let before = format!("{:?}", busy.session);
                    let outcome = command(&mut busy, &mut tx, n);
                    let after = format!("{:?}", busy.session);
                    match outcome {
                        Ok(()) => successes += 1,
                        Err(error) => {
                            failures += 1;
                            assert_eq!(tx.as_slice(), vec![7; held], "{name}, {error}");
                            assert_eq!(after, before, "{name}, {error}");
                        }
                    }
                }
            }
        }
    }
    assert!(failures > 1000 && successes > 1000, "{failures} {successes}");
}

/// Law 2 for the request that is being handled: it is still owed an answer.
#[test]
fn law_2_an_answer_that_fails_leaves_the_request_to_be_answered() {
    let now = Instant::ZERO;
    for room in 0..60 {
        let mut busy = busy();
        let mut store = vec![0; 128 + room];
        let mut tx = Slice::new(&mut store);
        let input = frame(Code::GET, &[5], &[], b"");
        let outcome = busy.session.receive(now, &input, &mut tx, |event, peer| {
            let Event::Request(incoming) = event else { panic!() };
            let before = peer.tx.as_slice().to_vec();
            let outcome = (|| {
                let mut answer = peer.respond(&incoming, Code::CONTENT)?;
                answer.payload(&[0; 110 + 20])?;
                answer.finish()
            })();
            match outcome {
                Ok(()) => panic!("over the peer's limit of 128"),
                Err(SendError::Full | SendError::TooLarge { .. }) => assert_eq!(peer.tx.as_slice(), before),
                Err(error) => panic!("{error}"),
            }
            let ticket = peer.conn.defer(&incoming).unwrap();
            busy.app.tickets.push(ticket);
        });
        assert_eq!(outcome, Ok(Flow::Drained));
        assert!(tx.as_slice().is_empty());
        assert_eq!(busy.session.conn().owed(), 2);
    }
}

#[derive(Clone, Debug)]
enum Op {
    Wait(u64),
    Feed(Vec<u8>),
    FeedPart(Vec<u8>, usize),
    /// An answer to the n-th request of ours that is under way.
    Reply(usize, bool),
    Flush(usize),
    FlushAll,
    Ping(bool),
    KeepAlive,
    Request(bool),
    Deregister(usize),
    Forget(usize),
    Answer,
    Notify(bool),
    Consent(bool),
    Release,
    Close,
    Abort,
    Eof,
    Lost,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        8 => (0..40_000_u64).prop_map(Op::Wait),
        10 => message().prop_map(Op::Feed),
        3 => (message(), 1..20_usize).prop_map(|(bytes, n)| Op::FeedPart(bytes, n)),
        4 => (0..4_usize, any::<bool>()).prop_map(|(n, observe)| Op::Reply(n, observe)),
        4 => (0..60_usize).prop_map(Op::Flush),
        8 => Just(Op::FlushAll),
        2 => any::<bool>().prop_map(Op::Ping),
        1 => Just(Op::KeepAlive),
        6 => any::<bool>().prop_map(Op::Request),
        1 => (0..4_usize).prop_map(Op::Deregister),
        1 => (0..4_usize).prop_map(Op::Forget),
        4 => Just(Op::Answer),
        2 => any::<bool>().prop_map(Op::Notify),
        1 => any::<bool>().prop_map(Op::Consent),
        1 => prop_oneof![
            3 => Just(Op::Release), 1 => Just(Op::Close), 1 => Just(Op::Abort), 2 => Just(Op::Eof), 1 => Just(Op::Lost)
        ],
    ]
}

/// A session under any calls, and what is known of it.
struct Run {
    session: Fixture<6>,
    tx: Fixed<400>,
    socket: Vec<u8>,
    now: Instant,
    app: App,
    /// Requests of ours under way, with their tags.
    ours: BTreeMap<u32, RequestId>,
    next: u32,
    transcript: Vec<String>,
    closed: Option<Closed>,
}

impl Run {
    fn new(config: &'static Config) -> Self {
        let (now, mut tx) = (Instant::from_millis(5), Fixed::new());
        let slots = [const { Slot::FREE }; 6];
        let session = Session::accept(config, Fixed::new(), slots, now, &mut tx).unwrap();
        let socket = hex("00 E1");
        let (app, ours) = (App::default(), BTreeMap::new());
        Self { session, tx, socket, now, app, ours, next: 0, transcript: Vec::new(), closed: None }
    }

    fn back(&mut self, tag: u32) {
        assert!(self.ours.remove(&tag).is_some(), "law 8: {tag} comes back twice");
    }

    fn id(&self, n: usize) -> Option<RequestId> {
        self.ours.values().nth(n).copied()
    }

    fn step(&mut self, op: &Op) {
        let now = self.now;
        let mut peer: Peer<'_, '_, _, _> = self.session.peer(&mut self.tx);
        match op {
            Op::Wait(ms) => self.now = now + Duration::from_millis(*ms),
            Op::Feed(bytes) => self.socket.extend_from_slice(bytes),
            Op::FeedPart(bytes, n) => self.socket.extend_from_slice(&bytes[..bytes.len().min(*n)]),
            Op::Reply(n, observe) => {
                if let Some(id) = self.id(*n) {
                    let observe: &[(u16, &[u8])] = if *observe { &[(6, b"")] } else { &[] };
                    self.socket.extend(frame(Code::CONTENT, &token_of(id), observe, b""));
                }
            }
            Op::Flush(n) => self.flush(*n),
            Op::FlushAll => self.flush(usize::MAX),
            Op::Ping(custody) => drop(peer.conn.ping(now, *custody, peer.tx)),
            Op::KeepAlive => drop(peer.conn.keep_alive(peer.tx)),
            Op::Request(observe) => {
                let tag = self.next;
                let sent = peer.request(now, Code::GET).and_then(|mut request| {
                    if *observe {
                        request.uint(OptionNumber::OBSERVE, 0)?;
                    }
                    request.finish(tag)
                });
                self.next += 1;
                if let Ok(id) = sent {
                    self.ours.insert(tag, id);
                }
            }
            Op::Deregister(n) => {
                if let Some(id) = self.id(*n) {
                    let peer = self.session.peer(&mut self.tx);
                    let _ = peer.conn.deregister(now, id, Code::GET, peer.tx).and_then(|mut cancel| {
                        cancel.uint(OptionNumber::OBSERVE, 1)?;
                        cancel.finish()
                    });
                }
            }
            Op::Forget(n) => {
                if let Some(id) = self.id(*n) {
                    let tag = self.session.peer(&mut self.tx).conn.forget(id);
                    self.back(tag.unwrap());
                }
            }
            Op::Answer => {
                if let Some(ticket) = self.app.tickets.first() {
                    let answered = peer.respond_later(ticket, Code::CONTENT).and_then(|it| it.finish());
                    if !matches!(answered, Err(SendError::Full | SendError::Closed)) {
                        let _ = self.app.tickets.remove(0);
                        answered.unwrap();
                    }
                }
            }
            Op::Notify(success) => {
                let code = if *success { Code::CONTENT } else { Code::NOT_FOUND };
                for observer in &self.app.observers {
                    let _ = peer.notify(*observer, code).and_then(|it| it.finish());
                }
            }
            Op::Consent(consent) => peer.conn.consent_custody(*consent),
            Op::Release => drop(peer.conn.release(now, None, &[], peer.tx)),
            Op::Close => peer.conn.close(),
            Op::Abort => peer.conn.abort("done", peer.tx),
            Op::Eof => self.session.handle_eof(now),
            Op::Lost => drop(self.session.handle_lost()),
        }
    }

    fn flush(&mut self, n: usize) {
        let n = self.tx.as_slice().len().min(n);
        self.transcript.push(crate::rig::unhex(&self.tx.as_slice()[..n]));
        self.tx.consume(n);
        self.session.sent(self.now, n, self.tx.as_slice().len());
    }

    /// What an adapter does after anything has happened.
    fn turn(&mut self) {
        let (mut back, mut log) = (Vec::new(), Vec::new());
        let Self { session, tx, socket, now, app, .. } = self;
        let flow = session.receive(*now, socket, tx, |event, peer| {
            match &event {
                Event::Response { tag: Tagged::Last(tag), .. } | Event::Failed { tag, .. } => back.push(*tag),
                _ => {}
            }
            app.on(event, peer);
            log.append(&mut app.log);
        });
        let taken = match flow {
            Ok(Flow::Blocked(taken)) => taken,
            Ok(Flow::Drained) | Err(_) => socket.len(),
        };
        socket.drain(..taken);
        let mut rounds = 0;
        while let Some(expired) = self.session.handle_timeout(self.now, &mut self.tx) {
            log.push(format!("{expired:?}"));
            if let Expired::Request(_, tag) = expired {
                back.push(tag);
            }
            rounds += 1;
            assert!(rounds < 100, "law 3: no end");
        }
        back.into_iter().for_each(|tag| self.back(tag));
        if let Some((at, why)) = self.session.poll_timeout() {
            assert!(at > self.now, "law 3: {why:?} is still due");
        }
        let conn = self.session.conn();
        let held = conn.owed() + conn.observers() + self.ours.len();
        assert!(held <= 6, "law 6: {held} exchanges");
        assert!(self.tx.as_slice().len() <= 400);
        if let Some(closed) = self.closed {
            assert_eq!(conn.closed(), Some(closed), "law 5");
            assert!(log.iter().all(|line| line.starts_with("Closed(")), "law 5: {log:?}");
        }
        self.closed = conn.closed();
        if self.session.shutdown() == Shutdown::Now {
            assert_eq!(self.session.poll_timeout(), None, "nothing is due after the end");
        }
        self.transcript.append(&mut log);
    }

    /// Law 8, and what was said is whole frames.
    fn end(mut self) -> Vec<String> {
        self.flush(usize::MAX);
        self.session.handle_lost();
        while let Some((_, tag)) = self.session.peer(&mut self.tx).conn.take_pending() {
            self.back(tag);
        }
        assert!(self.ours.is_empty(), "law 8: {:?} never came back", self.ours);
        self.transcript
    }
}

/// The token of a request, as it is on the wire: slot and generation.
fn token_of(id: RequestId) -> Vec<u8> {
    let text = format!("{id:?}");
    let number = |name: &str| -> u64 {
        let at = text.find(name).unwrap() + name.len();
        text[at..].chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap()
    };
    coap_tcp_core::wire::Token::from_number(number("generation: ") << 12 | number("slot: "))
        .as_slice()
        .to_vec()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Laws 3, 4, 5, 6 and 8.
    #[test]
    fn laws_3_to_8_whatever_is_called_whenever(ops in vec(op(), 1..80), ping in any::<bool>()) {
        let seconds = Duration::from_secs;
        let keep_alive = if ping { KeepAlive::Ping(seconds(50)) } else { KeepAlive::Empty(seconds(40)) };
        let config = Config::new().keep_alive(keep_alive).request_timeout(Some(seconds(60)));
        let config = keep(config.oversized(Oversized::Drain).reply_room(100));
        let transcripts = [(); 2].map(|()| {
            let mut run = Run::new(config);
            run.turn();
            for op in &ops {
                run.step(op);
                run.turn();
            }
            run.end()
        });
        prop_assert_eq!(&transcripts[0], &transcripts[1], "law 4");
        let said: Vec<u8> = transcripts[0]
            .iter()
            .filter(|line| line.bytes().all(|b| b.is_ascii_hexdigit()))
            .flat_map(|line| hex(line))
            .collect();
        let frames = crate::rig::frames(&said);
        prop_assert!(frames.iter().all(|frame| Message::parse(frame).is_ok()), "T-3.2-12");
        let last_abort = frames.iter().position(|frame| Message::parse(frame).unwrap().code == Code::ABORT);
        prop_assert!(last_abort.is_none_or(|at| at + 1 == frames.len()), "T-5.6-3");
        prop_assert!(frames.first().is_none_or(|frame| Message::parse(frame).unwrap().code == Code::CSM));
    }
}
