//! Laws 3 to 8: whatever is called, whenever.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use super::{Fixture, message};
use crate::rig::{App, frame, hex, keep};
use coap_tcp_core::{
    Buf, Closed, Code, Config, Event, Expired, Fixed, Flow, Instant, KeepAlive, Message, OptionNumber,
    Oversized, Peer, RequestId, SendError, Session, Shutdown, Slot, Tagged,
};

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

    /// Laws 3, 4, 5, 6 and 8. Law 4 is F-1: whatever goes in, the same comes out of it again.
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
