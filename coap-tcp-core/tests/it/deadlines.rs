//! F.2: deadlines.

use std::time::Duration;

use crate::rig::{Rig, frame, hex};
use coap_tcp_core::{Closed, Code, Config, Expired, KeepAlive, OptionNumber, Why};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn f_12_row_67_one_byte_a_second_does_not_live() {
    let mut rig = Rig::open();
    rig.feed("D0 FF 02").unwrap();
    for _ in 0..29 {
        assert_eq!(rig.wait(SECOND), []);
        rig.feed("AA").unwrap();
    }
    // 30 s and the time of 271 bytes at 1 kB/s
    assert_eq!(rig.wait(SECOND), []);
    assert_eq!(rig.wait(SECOND), [Expired::Closed(Closed::FrameTimeout)]);
    assert_eq!(rig.said(), [r#"7.05 Abort "frame timeout""#]);
}

#[test]
fn f_12_a_megabyte_at_2_kb_a_second_passes() {
    let mut rig = Rig::open_with(Config::new().max_message_size(2 << 20).tx_limit(4 << 20));
    let whole = frame(Code::POST, &[5], &[], &vec![0xAA; 1 << 20]);
    for part in whole.chunks(2000) {
        assert_eq!(rig.wait(SECOND), []);
        rig.feed_bytes(part).unwrap();
    }
    assert_eq!(rig.said().len(), 1);
}

#[test]
fn f_12_each_frame_has_its_own_time() {
    let mut rig = Rig::open();
    let ping = hex("01 E2 42");
    rig.feed_bytes(&ping[..1]).unwrap();
    for _ in 0..40 {
        assert_eq!(rig.wait(20 * SECOND), []);
        rig.feed_bytes(&[&ping[1..], &ping[..1]].concat()).unwrap();
        rig.flush();
    }
    assert_eq!(rig.ended(), None);
}

#[test]
fn f_12_the_time_stands_still_while_we_do_not_read() {
    let mut rig = Rig::open_with(Config::new().tx_limit(200));
    let gets = hex("00 01").repeat(60);
    let coap_tcp_core::Flow::Blocked(n) = rig.feed_bytes(&gets).unwrap() else { panic!() };
    rig.session.stash(&gets[n..], &mut rig.tx).unwrap();
    let waiting = rig.tx.len();
    rig.session.sent(rig.now, 0, waiting);
    assert_eq!(rig.wait(59 * SECOND), []);
    assert_eq!(rig.session.poll_timeout().map(|(_, why)| why), Some(Why::Write));
    assert_eq!(
        rig.wait(SECOND),
        [Expired::Closed(Closed::WriteTimeout)],
        "the peer is judged by what it reads"
    );
}

#[test]
fn f_13_row_68_a_peer_that_does_not_read() {
    let mut rig = Rig::accept(Config::new());
    rig.feed("00 E1").unwrap();
    rig.session.sent(rig.now, 0, rig.tx.len());
    assert_eq!(rig.wait(59 * SECOND), []);
    assert_eq!(rig.wait(SECOND), [Expired::Closed(Closed::WriteTimeout)]);
    assert_eq!(rig.shutdown(), coap_tcp_core::Shutdown::Now, "without further words");
}

#[test]
fn f_13_a_window_that_opens_by_one_byte_every_30_seconds_lives() {
    let mut rig = Rig::open();
    rig.feed_bytes(&hex("01 01 07").repeat(3)).unwrap();
    rig.session.sent(rig.now, 0, rig.tx.len());
    while !rig.tx.is_empty() {
        assert_eq!(rig.wait(30 * SECOND), []);
        rig.flush_some(1);
    }
    assert_eq!(rig.wait(59 * SECOND), []);
}

#[test]
fn d_e_4_an_unanswered_request_gives_its_tag_back() {
    let mut rig = Rig::open();
    let id = rig.get("a", 1);
    let mut peer = rig.session.peer(&mut rig.tx);
    let quick = peer.request(rig.now, Code::GET).unwrap().within(Some(SECOND)).finish(2).unwrap();
    let patient = peer.request(rig.now, Code::GET).unwrap().within(None).finish(3).unwrap();
    rig.flush();
    assert_eq!(rig.wait(SECOND), [Expired::Request(quick, 2)]);
    assert_eq!(rig.wait(92 * SECOND), [Expired::Request(id, 1)]);
    assert_eq!(rig.wait(100_000 * SECOND), []);
    assert_eq!(rig.session.conn().tag(patient), Some(&3));
    rig.feed("02 45 10 00").unwrap();
    assert_eq!(rig.heard(), ["unmatched 2.05 Content token=1000"], "late");
}

#[test]
fn d_e_4_a_request_may_have_a_deadline_of_its_own_or_none() {
    let mut rig = Rig::open();
    for (tag, own) in [(1, Some(5 * SECOND)), (2, Some(200 * SECOND)), (3, None)] {
        let mut peer = rig.session.peer(&mut rig.tx);
        peer.request(rig.now, Code::GET).unwrap().within(own).finish(tag).unwrap();
    }
    rig.flush();
    let mut over = |time: Duration| -> Vec<u32> {
        let tag = |expired: &Expired<u32>| match expired {
            Expired::Request(_, tag) => Some(*tag),
            _ => None,
        };
        rig.wait(time).iter().filter_map(tag).collect()
    };
    assert_eq!(over(5 * SECOND - Duration::from_millis(1)), []);
    assert_eq!(over(Duration::from_millis(1)), [1]);
    assert_eq!(over(195 * SECOND - Duration::from_millis(1)), []);
    assert_eq!(over(Duration::from_millis(1)), [2]);
    assert_eq!(over(100_000 * SECOND), []);
}

#[test]
fn f_8_an_idle_connection_ends_unless_something_is_under_way() {
    let mut rig = Rig::open();
    assert_eq!(rig.wait(299 * SECOND), []);
    rig.feed("00 00").unwrap();
    assert_eq!(rig.wait(299 * SECOND), []);
    assert_eq!(rig.wait(SECOND), [Expired::Closed(Closed::Idle)]);

    let mut rig = Rig::open();
    rig.feed_bytes(&frame(Code::GET, &[1], &[(6, b""), (11, b"obs")], b"")).unwrap();
    rig.flush();
    assert_eq!(rig.wait(100_000 * SECOND), [], "observed");

    let mut rig = Rig::open();
    rig.feed_bytes(&frame(Code::GET, &[1], &[(11, b"later")], b"")).unwrap();
    assert_eq!(rig.wait(100_000 * SECOND), [], "owed");

    let mut rig = Rig::open_with(Config::new().idle_timeout(None));
    assert_eq!(rig.wait(100_000 * SECOND), []);
    assert_eq!(rig.session.poll_timeout(), None);
}

#[test]
fn f_5_an_empty_keep_alive_counts_what_was_sent() {
    let config = Config::new().keep_alive(KeepAlive::Empty(100 * SECOND)).idle_timeout(None);
    let mut rig = Rig::open_with(config);
    rig.wait(60 * SECOND);
    rig.feed("00 00").unwrap();
    assert_eq!(rig.wait(40 * SECOND), [Expired::KeepAlive], "what came does not refresh our binding");
    assert_eq!(rig.said_hex(), "0000");
    rig.wait(60 * SECOND);
    rig.feed("01 E2 42").unwrap();
    rig.flush();
    assert_eq!(rig.wait(99 * SECOND), [], "a Pong does");
    assert_eq!(rig.wait(SECOND), [Expired::KeepAlive]);
}

#[test]
fn f_5_a_ping_counts_what_was_received() {
    let config = Config::new().keep_alive(KeepAlive::Ping(100 * SECOND)).idle_timeout(None);
    let mut rig = Rig::open_with(config);
    rig.wait(60 * SECOND);
    rig.feed("D0").unwrap();
    assert_eq!(rig.wait(29 * SECOND), [], "any byte is a sign of life (T-5.4-6)");
    rig.feed("00 02 FF AA AA AA AA AA AA AA AA AA AA AA AA").unwrap();
    rig.flush();
    assert_eq!(rig.wait(99 * SECOND), []);
    assert_eq!(rig.wait(SECOND), [Expired::KeepAlive]);
    assert_eq!(rig.said_hex(), "00E2");
    rig.feed("00 E3").unwrap();
    assert_eq!(rig.wait(100 * SECOND), [Expired::KeepAlive]);
    rig.flush();
    assert_eq!(rig.wait(30 * SECOND), [Expired::Closed(Closed::PingTimeout)]);
}

#[test]
fn f_2_t_5_4_4_a_ping_due_while_tx_is_not_empty_is_no_deadline() {
    let config = Config::new().keep_alive(KeepAlive::Ping(10 * SECOND)).idle_timeout(None);
    let mut rig = Rig::open_with(config);
    rig.feed("01 01 07").unwrap();
    let waiting = rig.tx.len();
    rig.session.sent(rig.now, 0, waiting);
    assert_eq!(rig.wait(50 * SECOND), [], "law 3 is checked inside");
    assert_eq!(rig.session.poll_timeout().map(|(_, why)| why), Some(Why::Write));
    assert_eq!(rig.said().len(), 1);
    assert_eq!(rig.due(), [Expired::KeepAlive], "after the flush");
}

/// Whatever the words are: while they wait, a keep-alive has nothing to add, and the connection is not idle.
#[test]
fn f_2_f_5_nothing_more_is_due_while_words_wait() {
    type Say = fn(&mut Rig);
    let words: [(&str, Say); 10] = [
        ("7.03", |rig| _ = rig.feed("00 E2")),
        ("2.05", |rig| _ = rig.feed("00 01")),
        ("5.01", |rig| _ = rig.feed_bytes(&frame(Code::GET, &[], &[(11, b"silent")], b""))),
        ("5.00", |rig| _ = rig.feed_bytes(&frame(Code::GET, &[], &[(11, b"forgets")], b""))),
        ("4.13", |rig| _ = rig.feed("E0 FF FF 02")),
        ("0.01", |rig| _ = rig.get("a", 1)),
        ("7.02", |rig| {
            let peer = rig.session.peer(&mut rig.tx);
            peer.conn.ping(rig.now, false, peer.tx).unwrap();
        }),
        ("0.00", |rig| {
            let peer = rig.session.peer(&mut rig.tx);
            peer.conn.keep_alive(peer.tx).unwrap();
        }),
        ("7.04", |rig| {
            let peer = rig.session.peer(&mut rig.tx);
            peer.conn.release(rig.now, None, &[], peer.tx).unwrap();
        }),
        ("2.04", |rig| {
            rig.feed_bytes(&frame(Code::GET, &[], &[(6, b""), (11, b"obs")], b"")).unwrap();
            rig.flush();
            let observer = rig.app.observers[0];
            let mut peer = rig.session.peer(&mut rig.tx);
            peer.notify(observer, Code::CHANGED).unwrap().finish().unwrap();
        }),
    ];
    for (code, say) in words {
        let config = Config::new().keep_alive(KeepAlive::Empty(5 * SECOND)).idle_timeout(Some(5 * SECOND));
        let mut rig = Rig::open_with(config.oversized(coap_tcp_core::Oversized::Drain));
        say(&mut rig);
        rig.wait(6 * SECOND);
        assert_eq!(rig.ended(), None, "{code}");
        let said = rig.said();
        assert!(said.len() == 1 && said[0].starts_with(code), "{code}: {said:?}");
    }
}

#[test]
fn law_3_one_deadline_that_comes_to_nothing_does_not_hide_another() {
    let config = Config::new().custody_hold(93 * SECOND).idle_timeout(None);
    let mut rig = Rig::open_with(config);
    rig.get("a", 1);
    rig.feed_bytes(&frame(Code::GET, &[1], &[(11, b"later")], b"")).unwrap();
    rig.feed("11 E2 01 20").unwrap();
    let peer = rig.session.peer(&mut rig.tx);
    peer.conn.ping(rig.now, false, peer.tx).unwrap();
    rig.flush();
    rig.now = rig.now + 10 * SECOND;
    rig.feed("00 00").unwrap();
    // The Ping is missed but something has come; the held Pong finds no room; the request is over.
    rig.now = rig.now + 83 * SECOND;
    let mut none = coap_tcp_core::Fixed::<0>::new();
    assert_eq!(rig.session.handle_timeout(rig.now, &mut none), Some(Expired::PongMissing));
    let next = rig.session.handle_timeout(rig.now, &mut none);
    assert!(matches!(next, Some(Expired::Request(_, 1))), "{next:?}");
    assert_eq!(rig.session.handle_timeout(rig.now, &mut none), None);
    assert!(rig.session.poll_timeout().is_none_or(|(at, _)| at > rig.now));
    rig.flush();
    assert_eq!(rig.due(), [Expired::CustodyGivenUp], "the Pong is not lost");
}

#[test]
fn o_observations_have_no_deadline_but_their_cancel_has() {
    let mut rig = Rig::open_with(Config::new().idle_timeout(None));
    let mut peer = rig.session.peer(&mut rig.tx);
    let mut request = peer.request(rig.now, Code::GET).unwrap();
    request.uint(OptionNumber::OBSERVE, 0).unwrap();
    let id = request.finish(7).unwrap();
    rig.flush();
    rig.feed("32 45 10 00 60 FF 31").unwrap();
    assert_eq!(rig.wait(100_000 * SECOND), []);
    let peer = rig.session.peer(&mut rig.tx);
    let mut cancel = peer.conn.deregister(rig.now, id, Code::GET, peer.tx).unwrap();
    cancel.uint(OptionNumber::OBSERVE, 1).unwrap();
    cancel.finish().unwrap();
    rig.flush();
    assert_eq!(rig.wait(93 * SECOND), [Expired::Request(id, 7)]);
}

#[test]
fn row_71_a_csm_that_no_buffer_takes_ends_the_wait_for_theirs() {
    let mut tolerance = coap_tcp_core::Tolerance::DEFAULT;
    tolerance.missing_csm = true;
    let config = Config::new().await_csm(true).tolerance(tolerance);
    let mut rig = Rig::accept(config);
    rig.now = rig.now + 30 * SECOND;
    let mut none = coap_tcp_core::Fixed::<0>::new();
    let ended = rig.session.handle_timeout(rig.now, &mut none);
    assert_eq!(ended, Some(Expired::Closed(Closed::OutOfMemory)));
    assert_eq!(rig.session.handle_timeout(rig.now, &mut none), None);
}
