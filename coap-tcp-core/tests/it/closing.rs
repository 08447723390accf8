//! D.5: order, half-close, the end.

use std::time::Duration;

use crate::rig::{Rig, frame, hex};
use coap_tcp_core::error::Defect;
use coap_tcp_core::{
    Buf, Closed, Code, Config, Expired, Fixed, Flow, Instant, Malformed, SendError, Session, Shutdown, Slot,
    State, Violation,
};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn t_d5_3_csm_get_fin_in_one_segment_gets_its_answer() {
    let mut rig = Rig::accept(Config::new());
    rig.feed("00 E1 01 01 07").unwrap();
    rig.session.handle_eof(rig.now);
    assert_eq!(rig.shutdown(), Shutdown::AfterFlush);
    let said = rig.said();
    assert_eq!(said[1..], [r#"2.05 Content token=07 "ok""#]);
    assert_eq!(rig.shutdown(), Shutdown::Now);
    assert_eq!(rig.ended(), Some(Closed::Eof));
}

#[test]
fn t_d5_3_what_is_held_back_is_served_before_the_eof() {
    static CONFIG: Config = Config::new();
    let now = Instant::ZERO;
    let mut tx = Fixed::<160>::new();
    let slots = [const { Slot::<()>::FREE }; 1];
    let mut session = Session::accept(&CONFIG, Fixed::<1152>::new(), slots, now, &mut tx).unwrap();
    let mut all = hex("00 E1");
    (1..=20).for_each(|token| all.extend(frame(Code::GET, &[token], &[], b"")));
    let mut input = &all[..];
    let (mut answers, mut stops, mut eof) = (0, 0, false);
    while session.shutdown() != Shutdown::Now {
        let flow = session
            .receive(now, input, &mut tx, |event, peer| {
                if let coap_tcp_core::Event::Request(incoming) = event {
                    let mut answer = peer.respond(&incoming, Code::CONTENT).unwrap();
                    answer.payload(&[0; 10]).unwrap();
                    answer.finish().unwrap();
                    answers += 1;
                }
            })
            .unwrap();
        match flow {
            Flow::Drained => input = &[],
            Flow::Blocked(taken) => {
                input = &input[taken..];
                session.stash(input, &mut tx).unwrap();
                input = &[];
                stops += 1;
            }
        }
        if !eof {
            session.handle_eof(now);
            eof = true;
            assert!(session.is_blocked());
        }
        assert!(stops < 100);
        let n = tx.as_slice().len();
        tx.consume(n);
        session.sent(now, n, 0);
    }
    assert_eq!(answers, 20);
    assert!(stops > 3, "{stops}");
    assert_eq!(session.conn().closed(), Some(Closed::Eof));
}

#[test]
fn t_d5_3_an_eof_waits_for_a_pending_handler_but_not_for_ever() {
    let mut rig = Rig::open();
    rig.feed_bytes(&frame(Code::GET, &[1], &[(11, b"later")], b"")).unwrap();
    rig.get("a", 5);
    rig.flush();
    rig.session.handle_eof(rig.now);
    assert_eq!((rig.shutdown(), rig.session.conn().state()), (Shutdown::No, State::Draining));
    let mut peer = rig.session.peer(&mut rig.tx);
    assert_eq!(peer.request(rig.now, Code::GET).err(), Some(SendError::Releasing), "no new requests");
    rig.answer("now");
    assert_eq!(rig.shutdown(), Shutdown::AfterFlush, "our own request can no longer be answered");
    assert_eq!(rig.said(), [r#"2.05 Content token=01 "now""#]);
    assert_eq!(rig.shutdown(), Shutdown::Now);
    assert_eq!(rig.session.peer(&mut rig.tx).conn.take_pending().map(|(_, tag)| tag), Some(5), "T-D5-2");

    let mut rig = Rig::open();
    rig.feed_bytes(&frame(Code::GET, &[1], &[(11, b"later")], b"")).unwrap();
    rig.session.handle_eof(rig.now);
    assert_eq!(rig.wait(30 * SECOND), [Expired::Closed(Closed::DrainTimeout)]);
    rig.flush();
    assert_eq!(rig.shutdown(), Shutdown::Now);
}

#[test]
fn row_59_an_eof_between_messages_with_nothing_owed() {
    let mut rig = Rig::open();
    rig.session.handle_eof(rig.now);
    rig.flush();
    assert_eq!((rig.ended(), rig.shutdown()), (Some(Closed::Eof), Shutdown::Now));
    assert_eq!(rig.session.poll_timeout(), None);
}

#[test]
fn row_60_an_eof_inside_a_message() {
    for part in ["F0 00", "50", "C1 01 71 BB 74"] {
        let mut rig = Rig::open_with(Config::new().max_message_size(100_000));
        rig.feed(part).unwrap();
        rig.session.handle_eof(rig.now);
        assert_eq!((rig.ended(), rig.shutdown()), (Some(Closed::EofInMessage), Shutdown::Now));
        assert_eq!(rig.said_hex(), "", "no Abort needed");
    }
    let config = Config::new().oversized(coap_tcp_core::Oversized::Drain);
    let mut rig = Rig::open_with(config);
    rig.feed("E0 FF FF 02 FF AA AA").unwrap();
    rig.session.handle_eof(rig.now);
    assert_eq!(rig.ended(), Some(Closed::EofInMessage), "while it is passed over");
}

#[test]
fn row_61_a_lost_transport_ends_everything() {
    let mut rig = Rig::open();
    rig.get("a", 1);
    assert_eq!(rig.session.handle_lost(), Closed::Transport);
    assert_eq!(rig.shutdown(), Shutdown::Now);
    assert_eq!(rig.session.peer(&mut rig.tx).conn.take_pending().map(|(_, tag)| tag), Some(1));
}

#[test]
fn law_5_closed_absorbs() {
    let mut rig = Rig::open();
    rig.session.handle_lost();
    assert_eq!(rig.feed("01 01 07 10 45 FF"), Ok(Flow::Drained));
    rig.session.handle_eof(rig.now);
    assert_eq!(rig.session.handle_lost(), Closed::Transport, "the first reason stays");
    rig.session.peer(&mut rig.tx).conn.close();
    assert_eq!(rig.wait(1000 * SECOND), []);
    assert_eq!((rig.ended(), rig.shutdown()), (Some(Closed::Transport), Shutdown::Now));
    assert!(rig.heard().is_empty() && rig.tx.is_empty());
    assert_eq!(rig.session.poll_timeout(), None);
}

#[test]
fn t_d5_4_a_close_with_nothing_outstanding_has_no_words() {
    let mut rig = Rig::open();
    rig.session.peer(&mut rig.tx).conn.close();
    assert_eq!(rig.shutdown(), Shutdown::AfterFlush);
    assert_eq!(rig.flush(), []);
    rig.session.handle_eof(rig.now);
    assert_eq!((rig.ended(), rig.shutdown()), (Some(Closed::Local), Shutdown::Now));
}

#[test]
fn d_d_2_an_eof_before_the_last_flush_ends_after_it() {
    let mut rig = Rig::open();
    let peer = rig.session.peer(&mut rig.tx);
    peer.conn.abort("enough", peer.tx);
    rig.session.handle_eof(rig.now);
    assert_eq!(rig.shutdown(), Shutdown::AfterFlush);
    rig.flush();
    assert_eq!(rig.shutdown(), Shutdown::Now);
}

#[test]
fn a_blocked_session_that_fails_holds_nothing_back() {
    static CONFIG: Config = Config::new();
    let now = Instant::ZERO;
    let mut tx = Fixed::<160>::new();
    let slots = [const { Slot::<()>::FREE }; 1];
    let mut session = Session::accept(&CONFIG, Fixed::<1152>::new(), slots, now, &mut tx).unwrap();
    let input = [hex("00 E1"), hex("00 01").repeat(20)].concat();
    session.receive(now, &input, &mut tx, |_, _| {}).unwrap();
    assert!(session.is_blocked());
    session.peer(&mut tx).conn.close();
    assert!(!session.is_blocked());
    assert_eq!(session.shutdown(), Shutdown::AfterFlush);
    session.handle_eof(now);
    let n = tx.as_slice().len();
    tx.consume(n);
    session.sent(now, n, 0);
    assert_eq!(session.shutdown(), Shutdown::Now);
}

/// One terminal cause for each way to end, told apart, and every tag back with it.
#[test]
fn f_11_each_end_has_one_cause_and_takes_everything_with_it() {
    type End = fn(&mut Rig);
    fn conn(rig: &mut Rig, end: impl FnOnce(coap_tcp_core::Peer<'_, 'static, Vec<Slot<u32>>, Vec<u8>>)) {
        end(rig.session.peer(&mut rig.tx));
    }
    fn fed(rig: &mut Rig, bytes: &str) {
        let _ = rig.feed(bytes);
    }
    let ends: [(Closed, End); 12] = [
        (Closed::Local, |rig| conn(rig, |peer| peer.conn.close())),
        (Closed::LocalAbort, |rig| conn(rig, |peer| peer.conn.abort("enough", peer.tx))),
        (Closed::Released, |rig| {
            fed(rig, "00 E4 02 45 30 02 02 45 40 03");
            rig.answer("last");
        }),
        (Closed::Aborted { bad_csm_option: Some(9) }, |rig| fed(rig, "20 E5 21 09")),
        (Closed::Violation(Violation::ReservedClass), |rig| fed(rig, "00 20")),
        (Closed::Malformed(Malformed { defect: Defect::PayloadMissing, at: 2 }), |rig| fed(rig, "10 45 FF")),
        (Closed::FrameTimeout, |rig| {
            fed(rig, "D0");
            rig.wait(31 * SECOND);
        }),
        (Closed::PingTimeout, |rig| {
            conn(rig, |peer| peer.conn.ping(Instant::from_millis(1000), false, peer.tx).unwrap());
            rig.flush();
            rig.wait(30 * SECOND);
        }),
        (Closed::WriteTimeout, |rig| {
            rig.get("more", 7);
            rig.session.sent(rig.now, 0, rig.tx.len());
            rig.wait(60 * SECOND);
        }),
        (Closed::Eof, |rig| {
            rig.session.handle_eof(rig.now);
            rig.answer("last");
        }),
        (Closed::EofInMessage, |rig| {
            fed(rig, "D0");
            rig.session.handle_eof(rig.now);
        }),
        (Closed::Transport, |rig| {
            rig.session.handle_lost();
        }),
    ];
    for (cause, end) in ends {
        let mut rig = Rig::open();
        rig.feed_bytes(&frame(Code::GET, &[1], &[(11, b"later")], b"")).unwrap();
        rig.feed_bytes(&frame(Code::GET, &[2], &[(6, b""), (11, b"obs")], b"")).unwrap();
        rig.get("a", 1);
        rig.get("b", 2);
        rig.flush();
        end(&mut rig);
        rig.flush();
        assert_eq!(rig.session.conn().closed(), Some(cause));
        let peer = rig.session.peer(&mut rig.tx);
        let back: Vec<u32> = std::iter::from_fn(|| peer.conn.take_pending().map(|(_, tag)| tag)).collect();
        // Before a Release is done, both have been answered.
        assert!(back.starts_with(&[1, 2]) || cause == Closed::Released, "{cause}: {back:?}");
        let observer = rig.app.observers[0];
        let mut peer = rig.session.peer(&mut rig.tx);
        let late = peer.notify(observer, Code::CONTENT).err();
        assert!(matches!(late, Some(SendError::Closed | SendError::Gone)), "{cause}: {late:?}");
        rig.wait(1000 * SECOND);
        assert_eq!(rig.session.conn().closed(), Some(cause), "and no other after it");
    }
}
