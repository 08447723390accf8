//! Law 2: all or nothing.

use super::Fixture;
use crate::rig::{App, frame, hex, keep};
use coap_tcp_core::{
    Buf, Code, Config, Event, Fixed, Flow, Instant, OptionNumber, RequestId, SendError, Session, Slice, Slot,
};

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
