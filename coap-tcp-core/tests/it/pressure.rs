//! Back-pressure: the points where an earlier draft failed.

use std::collections::VecDeque;
use std::time::Duration;

use crate::rig::{Rig, frame, frames, hex, keep};
use coap_tcp_core::{
    Buf, Code, Config, Event, Fixed, Flow, Instant, KeepAlive, Message, Oversized, Peer, SendError, Session,
    Slot, Tagged,
};

/// One end, with buffers of fixed size and a source that keeps what was not taken.
struct End {
    session: Session<'static, Fixed<1152>, [Slot<u32>; 8]>,
    tx: Fixed<256>,
    ask: u32,
    asked: u32,
    answered: u32,
    served: u32,
}

impl End {
    fn new(config: Config, now: Instant, ask: u32) -> Self {
        let mut tx = Fixed::new();
        let slots = [const { Slot::FREE }; 8];
        let session = Session::accept(keep(config), Fixed::new(), slots, now, &mut tx).unwrap();
        Self { session, tx, ask, asked: 0, answered: 0, served: 0 }
    }

    fn request(&mut self, now: Instant) -> bool {
        if self.asked == self.ask {
            return false;
        }
        let mut peer = self.session.peer(&mut self.tx);
        let sent = peer.request(now, Code::GET).and_then(|mut request| {
            request.option(coap_tcp_core::OptionNumber::URI_PATH, b"a")?;
            request.finish(self.asked)
        });
        self.asked += u32::from(sent.is_ok());
        sent.is_ok()
    }

    /// Takes what it can of what lies in the socket.
    fn receive(&mut self, now: Instant, socket: &mut VecDeque<u8>) -> usize {
        let input: Vec<u8> = socket.iter().copied().collect();
        let Self { session, tx, answered, served, .. } = self;
        let flow = session
            .receive(now, &input, tx, |event, peer: &mut Peer<'_, '_, _, Fixed<256>>| match event {
                Event::Request(incoming) => {
                    let mut answer = peer.respond(&incoming, Code::CONTENT).unwrap();
                    answer.payload(&[0x55; 24]).unwrap();
                    answer.finish().unwrap();
                    *served += 1;
                }
                Event::Response { tag: Tagged::Last(_), .. } => *answered += 1,
                _ => {}
            })
            .unwrap();
        let taken = match flow {
            Flow::Drained => input.len(),
            Flow::Blocked(taken) => taken,
        };
        socket.drain(..taken);
        taken
    }

    fn flush(&mut self, now: Instant, window: usize, socket: &mut VecDeque<u8>) -> usize {
        let n = self.tx.as_slice().len().min(window - socket.len().min(window));
        socket.extend(&self.tx.as_slice()[..n]);
        self.tx.consume(n);
        self.session.sent(now, n, self.tx.as_slice().len());
        n
    }
}

/// F-14: both ask all they can at once, through a window of 64 bytes each way, in every order of moves.
#[test]
fn f_14_two_busy_peers_over_a_64_byte_window_come_to_an_end() {
    for seed in 1..200_u64 {
        let config = || Config::new().reply_room(48).max_outstanding(3);
        let now = Instant::ZERO;
        let mut ends = [End::new(config(), now, 200), End::new(config(), now, 200)];
        let mut wires = [VecDeque::new(), VecDeque::new()];
        let mut random = seed;
        let mut quiet = 0;
        while ends.iter().any(|end| end.answered < end.ask) {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let side = (random >> 20) as usize % 2;
            let moved = match (random >> 40) % 3 {
                0 => ends[side].request(now),
                1 => ends[side].receive(now, &mut wires[1 - side]) > 0,
                _ => ends[side].flush(now, 64, &mut wires[side]) > 0,
            };
            quiet = if moved { 0 } else { quiet + 1 };
            assert!(quiet < 200, "seed {seed}: stuck");
        }
        assert_eq!([ends[0].served, ends[1].served], [200, 200], "none lost");
    }
}

#[test]
fn f_3_requests_fill_half_of_tx_and_a_ping_still_gets_its_pong() {
    let now = Instant::ZERO;
    let mut end = End::new(Config::new().reply_room(100), now, 100);
    let mut wire = VecDeque::new();
    let mut socket: VecDeque<u8> = hex("00 E1").into();
    end.receive(now, &mut socket);
    end.flush(now, 1000, &mut wire);
    let mut post = || {
        let mut peer = end.session.peer(&mut end.tx);
        let mut request = peer.request(now, Code::POST)?;
        request.payload(&[0; 20])?;
        request.finish(1)
    };
    while post().is_ok() {}
    assert_eq!(post(), Err(SendError::Full));
    let ours = end.tx.as_slice().len();
    assert!((100..=128).contains(&ours), "{ours}");
    socket.extend(hex("01 E2 42"));
    end.receive(now, &mut socket);
    assert!(end.tx.as_slice().ends_with(&hex("01 E3 42")));
}

#[test]
fn f_3_a_request_that_no_flush_can_make_room_for_says_so() {
    let now = Instant::ZERO;
    let mut end = End::new(Config::new(), now, 1);
    end.flush(now, 1000, &mut VecDeque::new());
    let mut post = |size: usize| {
        let mut peer = end.session.peer(&mut end.tx);
        let mut request = peer.request(now, Code::POST)?;
        request.payload(&vec![0; size])?;
        request.finish(1)
    };
    assert_eq!(post(150), Err(SendError::TooLarge { limit: 128 }));
    post(100).unwrap();
    assert_eq!(post(100), Err(SendError::Full));
}

/// A fixed spill holds one frame, not a read: the rest stays where it is.
#[test]
fn t_3_2_9_a_fixed_spill_under_back_pressure_loses_nothing() {
    let now = Instant::ZERO;
    for read in [1, 7, 61, 300, 2500] {
        let mut end = End::new(Config::new(), now, 0);
        let mut stream = hex("00 E1");
        for n in 0..100_u8 {
            stream.extend(frame(Code::GET, &[n], &[(11, b"some-path")], &[n; 20]));
        }
        let mut source: VecDeque<u8> = stream.into();
        let (mut socket, mut wire) = (VecDeque::new(), VecDeque::new());
        let mut stops = 0;
        while !source.is_empty() || !socket.is_empty() || end.session.is_blocked() {
            let room = 2500 - socket.len();
            let n = source.len().min(read).min(room);
            socket.extend(source.drain(..n));
            end.receive(now, &mut socket);
            stops += usize::from(end.session.is_blocked());
            end.flush(now, usize::MAX, &mut wire);
        }
        assert_eq!(end.served, 100, "reads of {read}");
        assert!(stops > 10 || read < 300, "{stops} stops");
        let answers = frames(wire.make_contiguous());
        let tokens: Vec<u8> = answers[1..].iter().map(|f| Message::parse(f).unwrap().token[0]).collect();
        assert_eq!(tokens, (0..100).collect::<Vec<u8>>(), "in order");
    }
}

/// A refused frame may lie in the spill behind others that are done.
#[test]
fn a_stash_into_a_fixed_spill_does_not_count_what_is_done() {
    let now = Instant::ZERO;
    let config = keep(Config::new());
    let mut tx = Fixed::<150>::new();
    let slots = [const { Slot::<()>::FREE }; 1];
    let mut session = Session::accept(config, Fixed::<1152>::new(), slots, now, &mut tx).unwrap();
    let mut stream = hex("00 E1");
    (0..100).for_each(|n| stream.extend(frame(Code::PUT, &[n], &[], &[n; 20])));
    let mut served = 0;
    for part in stream.chunks(900) {
        let mut input = part;
        loop {
            let flow = session
                .receive(now, input, &mut tx, |event, peer| {
                    if let Event::Request(incoming) = event {
                        peer.respond(&incoming, Code::CHANGED).unwrap().finish().unwrap();
                        served += 1;
                    }
                })
                .unwrap();
            if let Flow::Blocked(n) = flow {
                session.stash(&input[n..], &mut tx).unwrap();
            }
            let n = tx.as_slice().len();
            tx.consume(n);
            session.sent(now, n, 0);
            input = &[];
            if flow == Flow::Drained {
                break;
            }
        }
    }
    assert_eq!(served, 100);
}

#[test]
fn law_3_a_ping_due_while_tx_is_full_makes_nobody_spin() {
    let config = Config::new().keep_alive(KeepAlive::Ping(Duration::from_secs(5))).idle_timeout(None);
    let mut now = Instant::ZERO;
    let mut end = End::new(config, now, 100);
    end.session.receive(now, &hex("00 E1"), &mut end.tx, |_, _| {}).unwrap();
    while end.request(now) {}
    end.session.sent(now, 0, end.tx.as_slice().len());
    for _ in 0..11 {
        now = now + Duration::from_secs(5);
        assert_eq!(end.session.handle_timeout(now, &mut end.tx), None);
        assert!(end.session.poll_timeout().is_some_and(|(at, _)| at > now));
    }
}

/// However much lies in the socket: what has no room for its answer stays there.
#[test]
fn f_4_a_session_that_is_blocked_takes_no_more() {
    let now = Instant::ZERO;
    let mut end = End::new(Config::new(), now, 0);
    let get = frame(Code::GET, &[1], &[(11, b"a")], b"");
    let mut socket: VecDeque<u8> = [hex("00 E1"), get.repeat(10_000)].concat().into();
    let offered = socket.len();
    end.receive(now, &mut socket);
    // `tx` holds 256 bytes, an answer takes 28.
    assert!((1..=9).contains(&end.served), "{}", end.served);
    let kept = offered - socket.len() - 2 - end.served as usize * get.len();
    assert!(kept <= get.len(), "{kept} bytes that are not served yet");
    for _ in 0..3 {
        assert_eq!(end.receive(now, &mut socket), 0);
    }
    let served = end.served;
    end.flush(now, 1000, &mut VecDeque::new());
    assert!(end.receive(now, &mut socket) > 0);
    assert!(end.served > served);
}

/// Memory that a peer can pin: an unfinished frame, and not a byte for what it only announced (T-3.2-10, F-4).
#[test]
fn law_6_a_spill_grows_with_what_came() {
    let mut rig = Rig::open_with(Config::new().max_message_size(1 << 20).oversized(Oversized::Drain));
    rig.feed("F0 00 0E").unwrap();
    let before = format!("{:?}", rig.session);
    assert!(before.contains("spill: [240, 0, 14]"), "{before}");
    rig.feed("00 00 02").unwrap();
    rig.feed_bytes(&[0; 50]).unwrap();
    rig.session.handle_lost();
    rig.feed("00").unwrap();
    assert!(format!("{:?}", rig.session).contains("spill: []"), "given back at the end");
}

#[test]
fn o_4_1_a_notification_without_room_is_refused_and_the_newest_state_goes_later() {
    let now = Instant::ZERO;
    let mut end = End::new(Config::new(), now, 0);
    let mut observer = None;
    let get = [hex("00 E1"), frame(Code::GET, &[1], &[(6, b"")], b"")].concat();
    let mut receive = |event: Event<'_, u32>, peer: &mut Peer<'_, '_, _, Fixed<256>>| {
        if let Event::Request(incoming) = event {
            observer = peer.conn.observe(&incoming).ok();
            peer.respond(&incoming, Code::CONTENT).unwrap().finish().unwrap();
        }
    };
    end.session.receive(now, &get, &mut end.tx, &mut receive).unwrap();
    end.session.receive(now, &get[2..2], &mut end.tx, &mut receive).unwrap();
    let observer = observer.unwrap();
    end.flush(now, 1000, &mut VecDeque::new());
    let mut notify = |state: u8| {
        let mut peer = end.session.peer(&mut end.tx);
        let mut notification = peer.notify(observer, Code::CONTENT)?;
        notification.payload(&[state; 30])?;
        notification.finish()
    };
    let sent = (0..100).take_while(|&state| notify(state).is_ok()).count();
    assert!((3..=4).contains(&sent), "{sent}");
    assert_eq!(notify(100), Err(SendError::Full));
    end.flush(now, 1000, &mut VecDeque::new());
    let mut peer = end.session.peer(&mut end.tx);
    peer.notify(observer, Code::CONTENT).unwrap().finish().unwrap();
}
