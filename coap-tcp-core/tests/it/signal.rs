//! Section D: Ping, Pong, Custody, Release, Abort.

use std::time::Duration;

use crate::rig::{Rig, frame};
use coap_tcp_core::{
    Closed, Code, Config, Expired, Fixed, SendError, Session, Shutdown, Slot, State, wire::release,
};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn t_5_4_2_a_pong_has_the_token_of_its_ping() {
    let mut rig = Rig::open();
    rig.feed("01 E2 42 00 E2 08 E2 01 02 03 04 05 06 07 08").unwrap();
    assert_eq!(rig.said_hex(), "01E342".to_owned() + "00E3" + "08E30102030405060708");
}

#[test]
fn t_5_4_3_a_pong_does_not_wait_for_slow_answers() {
    let mut rig = Rig::open();
    rig.feed_bytes(&frame(Code::GET, &[1], &[(11, b"later")], b"")).unwrap();
    rig.feed("01 E2 42").unwrap();
    assert_eq!(rig.said(), ["7.03 Pong token=42"]);
    rig.answer("now");
    assert_eq!(rig.said(), [r#"2.05 Content token=01 "now""#]);
}

#[test]
fn t_5_4_5_pongs_are_matched_and_others_are_signs_of_life() {
    let mut rig = Rig::open();
    let peer = rig.session.peer(&mut rig.tx);
    peer.conn.ping(rig.now, false, peer.tx).unwrap();
    assert_eq!(peer.conn.ping(rig.now, false, peer.tx), Err(SendError::TooMany));
    peer.conn.ping(rig.now, true, peer.tx).unwrap();
    assert_eq!(rig.said_hex(), "00E2".to_owned() + "12E2100020");
    rig.wait(SECOND);
    rig.feed("01 E3 AA").unwrap();
    assert_eq!(rig.heard(), ["settled StrayPong"], "row 54");
    rig.feed("10 E3 20").unwrap();
    assert_eq!(rig.heard(), ["pong custody=false after=1s"], "no token, no custody");
    rig.feed("12 E3 10 00 20").unwrap();
    assert_eq!(rig.heard(), ["pong custody=true after=1s"]);
    let peer = rig.session.peer(&mut rig.tx);
    peer.conn.ping(rig.now, true, peer.tx).unwrap();
    rig.feed("02 E3 20 00").unwrap();
    assert_eq!(rig.heard(), ["pong custody=false after=0ns"], "T-5.4.1-4");
}

#[test]
fn row_62_a_ping_without_answer_ends_the_connection_unless_anything_comes() {
    let mut rig = Rig::open();
    let peer = rig.session.peer(&mut rig.tx);
    peer.conn.ping(rig.now, false, peer.tx).unwrap();
    rig.flush();
    rig.wait(20 * SECOND);
    rig.feed("00 00").unwrap();
    assert_eq!(rig.wait(10 * SECOND), [Expired::PongMissing], "T-5.4-6");
    let peer = rig.session.peer(&mut rig.tx);
    peer.conn.ping(rig.now, false, peer.tx).unwrap();
    rig.flush();
    assert_eq!(rig.wait(30 * SECOND), [Expired::Closed(Closed::PingTimeout)]);
    assert_eq!(rig.shutdown(), Shutdown::Now);
}

#[test]
fn t_5_4_4_a_custody_ping_has_its_own_patience_and_closes_nothing() {
    let mut rig = Rig::open();
    let peer = rig.session.peer(&mut rig.tx);
    peer.conn.ping(rig.now, true, peer.tx).unwrap();
    rig.flush();
    assert_eq!(rig.wait(92 * SECOND), []);
    assert_eq!(rig.wait(SECOND), [Expired::CustodyRefused]);
    assert_eq!(rig.ended(), None);
}

#[test]
fn t_5_4_1_3_custody_is_confirmed_at_once_when_nothing_is_owed() {
    let mut rig = Rig::open();
    rig.feed("10 E2 20").unwrap();
    assert_eq!(rig.said_hex(), "10E320");
    let mut rig = Rig::open_with(Config::new().custody(false));
    rig.feed("10 E2 20").unwrap();
    assert_eq!(rig.said_hex(), "00E3");
}

fn rig_that_owes(n: u8) -> Rig {
    let mut rig = Rig::open();
    for token in 1..=n {
        rig.feed_bytes(&frame(Code::POST, &[token], &[(11, b"later")], b"")).unwrap();
    }
    rig
}

#[test]
fn t_5_4_1_5_custody_pong_waits_for_older_answers() {
    let mut rig = rig_that_owes(2);
    rig.feed("12 E2 A1 B2 20").unwrap();
    rig.feed_bytes(&frame(Code::POST, &[3], &[(11, b"later")], b"")).unwrap();
    assert_eq!(rig.heard()[2..], ["settled CustodyHeld", r#"request 0.02 POST token=03 Uri-Path="later""#]);
    rig.due();
    assert_eq!(rig.said_hex(), "");
    rig.app.tickets.swap(0, 1);
    rig.answer("b");
    rig.due();
    assert_eq!(rig.said(), [r#"2.05 Content token=02 "b""#], "out of order");
    rig.answer("a");
    rig.due();
    assert_eq!(rig.said(), [r#"2.05 Content token=01 "a""#, "7.03 Pong token=a1b2 Custody=0"]);
    rig.answer("c");
    assert_eq!(rig.said(), [r#"2.05 Content token=03 "c""#], "later messages do not matter");
}

#[test]
fn t_5_4_1_5_only_one_is_held() {
    let mut rig = rig_that_owes(1);
    rig.feed("11 E2 01 20 11 E2 02 20").unwrap();
    assert_eq!(rig.said(), ["7.03 Pong token=02"]);
    rig.answer("a");
    rig.due();
    assert_eq!(rig.said(), [r#"2.05 Content token=01 "a""#, "7.03 Pong token=01 Custody=0"]);
}

#[test]
fn t_5_4_1_5_a_handler_that_never_answers_costs_custody_only() {
    let mut rig = rig_that_owes(1);
    rig.feed("11 E2 01 20").unwrap();
    assert_eq!(rig.wait(19 * SECOND), []);
    assert_eq!(rig.wait(SECOND), [Expired::CustodyGivenUp]);
    assert_eq!(rig.said(), ["7.03 Pong token=01"]);
    rig.feed("11 E2 02 20").unwrap();
    rig.answer("a");
    rig.due();
    assert_eq!(rig.said(), [r#"2.05 Content token=01 "a""#, "7.03 Pong token=02 Custody=0"]);
}

#[test]
fn t_5_4_1_4_without_a_slot_to_wait_in_there_is_no_custody() {
    static CONFIG: Config = Config::new();
    let now = coap_tcp_core::Instant::ZERO;
    let mut tx = Vec::new();
    let slots = [const { Slot::<()>::FREE }; 1];
    let mut session = Session::accept(&CONFIG, Vec::new(), slots, now, &mut tx).unwrap();
    let later = frame(Code::POST, &[1], &[(11, b"later")], b"");
    let input = [&[0x00, 0xE1][..], &later, &[0x11, 0xE2, 0x01, 0x20]].concat();
    tx.clear();
    let mut app = crate::rig::App::default();
    session.receive(now, &input, &mut tx, |event, peer| app.on(event, peer)).unwrap();
    assert_eq!(crate::rig::lines(&tx), ["7.03 Pong token=01"]);
    let peer = session.peer(&mut tx);
    assert_eq!(peer.conn.ping(now, true, peer.tx), Err(SendError::TooMany));
}

#[test]
fn t_5_4_1_5_the_layer_above_must_consent() {
    let mut rig = Rig::open();
    rig.session.peer(&mut rig.tx).conn.consent_custody(false);
    rig.feed("11 E2 01 20").unwrap();
    rig.due();
    assert_eq!(rig.said_hex(), "");
    rig.session.peer(&mut rig.tx).conn.consent_custody(true);
    rig.due();
    assert_eq!(rig.said_hex(), "11E30120");
}

#[test]
fn t_5_4_1_5_an_answer_suppressed_by_no_response_counts_as_given() {
    let mut rig = Rig::open();
    rig.feed_bytes(&frame(Code::POST, &[1], &[(11, b"later"), (258, &[26])], b"")).unwrap();
    rig.feed("11 E2 01 20").unwrap();
    rig.answer("a");
    rig.due();
    assert_eq!(rig.said(), ["7.03 Pong token=01 Custody=0"], "C-258-1");
}

#[test]
fn t_5_5_2_a_release_waits_for_the_answers_owed() {
    let mut rig = rig_that_owes(2);
    rig.feed("D0 15 E4 2D 05 5B 32 30 30 31 3A 64 62 38 3A 3A 32 5D 3A 35 36 38 33 0B 61 6C 74 2E 65 78 61 6D 70 6C 65 21 3C").unwrap();
    assert!(rig.heard()[2].starts_with("released Some(60s)"), "T-5.5-7");
    assert_eq!(rig.shutdown(), Shutdown::No);
    rig.answer("a");
    rig.flush();
    assert_eq!(rig.shutdown(), Shutdown::No);
    rig.answer("b");
    assert_eq!(rig.shutdown(), Shutdown::AfterFlush);
    rig.flush();
    assert_eq!(rig.ended(), Some(Closed::Released));
    assert_eq!(rig.shutdown(), Shutdown::AfterFlush, "D-D-2");
    rig.session.handle_eof(rig.now);
    assert_eq!(rig.shutdown(), Shutdown::Now);
}

#[test]
fn t_5_5_6_alternative_addresses() {
    let options: [(u16, &[u8]); 7] = [
        (2, b"[2001:db8::2]:5683"),
        (2, b""),
        (2, b"alt.example"),
        (2, b"no authority/"),
        (2, b"me@example"),
        (2, b"host:99999"),
        (2, b"\xff"),
    ];
    let bytes = frame(Code::RELEASE, &[], &options, b"");
    let message = coap_tcp_core::Message::parse(&bytes).unwrap();
    let found: Vec<_> = release::alternatives(&message).collect();
    assert_eq!(found, ["[2001:db8::2]:5683", "alt.example"], "T-5.5-8");
}

/// Where to go instead is told, and no more: to whom it leads is for whoever goes there to find out.
#[test]
fn t_10_1_1_an_alternative_address_is_an_event_and_never_followed() {
    let mut rig = Rig::open();
    rig.feed_bytes(&frame(Code::RELEASE, &[], &[(2, b"evil.example:5683")], b"")).unwrap();
    assert_eq!(rig.heard(), [r#"released None 7.04 Release Alternative-Address="evil.example:5683""#]);
    assert_eq!(rig.shutdown(), Shutdown::AfterFlush);
    assert!(rig.flush().is_empty());
    rig.session.handle_eof(rig.now);
    assert_eq!((rig.ended(), rig.shutdown()), (Some(Closed::Released), Shutdown::Now));
    assert_eq!(rig.session.poll_timeout(), None, "nothing is left to do");
}

#[test]
fn t_5_5_2_a_release_may_wait_for_our_own_answers_for_a_while() {
    let mut rig = Rig::open();
    rig.get("a", 1);
    rig.flush();
    rig.feed("00 E4").unwrap();
    let mut peer = rig.session.peer(&mut rig.tx);
    assert_eq!(peer.request(rig.now, Code::GET).err(), Some(SendError::Releasing), "T-5.5-3");
    assert_eq!(rig.shutdown(), Shutdown::No);
    assert_eq!(rig.wait(30 * SECOND), [Expired::Closed(Closed::DrainTimeout)]);
    assert_eq!(rig.session.peer(&mut rig.tx).conn.take_pending().map(|(_, tag)| tag), Some(1), "law 8");
}

#[test]
fn row_42_row_43_requests_after_a_release() {
    let mut rig = Rig::open();
    let peer = rig.session.peer(&mut rig.tx);
    peer.conn.release(rig.now, Some(60), &["alt.example"], peer.tx).unwrap();
    assert_eq!(peer.conn.state(), State::Releasing);
    assert_eq!(rig.said(), [r#"7.04 Release Alternative-Address="alt.example" Hold-Off=60"#]);
    let mut peer = rig.session.peer(&mut rig.tx);
    assert_eq!(peer.request(rig.now, Code::GET).err(), Some(SendError::Releasing), "T-5.5-4");
    rig.feed("01 01 07").unwrap();
    assert_eq!(rig.said(), [r#"2.05 Content token=07 "ok""#]);

    let mut rig = Rig::open();
    rig.feed("00 E4").unwrap();
    rig.flush();
    rig.heard();
    rig.feed("01 01 07").unwrap();
    assert_eq!((rig.heard().len(), rig.said_hex().as_str()), (0, ""));
}

#[test]
fn t_5_3_1_3_a_release_over_the_peers_limit_is_refused_and_nothing_has_happened() {
    let mut rig = Rig::open();
    rig.feed("20 E1 21 10").unwrap();
    let peer = rig.session.peer(&mut rig.tx);
    let refused = peer.conn.release(rig.now, Some(60), &["a.long.name.example"], peer.tx);
    assert_eq!(refused, Err(SendError::TooLarge { limit: 16 }));
    assert_eq!(peer.conn.state(), State::Open);
    peer.conn.release(rig.now, Some(60), &["a.example"], peer.tx).unwrap();
    assert_eq!(rig.said(), [r#"7.04 Release Alternative-Address="a.example" Hold-Off=60"#]);
}

/// Three bytes are all that Hold-Off has (B.4).
#[test]
fn t_5_5_7_a_longer_hold_off_becomes_the_longest() {
    let mut rig = Rig::open();
    let peer = rig.session.peer(&mut rig.tx);
    peer.conn.release(rig.now, Some(u32::MAX), &[], peer.tx).unwrap();
    assert_eq!(rig.said(), ["7.04 Release Hold-Off=16777215"]);
}

#[test]
fn t_5_5_3_after_the_peers_release_we_ask_nothing_not_even_with_a_ping() {
    let mut rig = Rig::open();
    rig.feed("62 01 10 00 B5 6C 61 74 65 72").unwrap();
    rig.feed("00 E4").unwrap();
    let mut peer = rig.session.peer(&mut rig.tx);
    assert_eq!(peer.conn.state(), State::Draining);
    assert_eq!(peer.request(rig.now, Code::GET).err(), Some(SendError::Releasing));
    for custody in [false, true] {
        assert_eq!(peer.conn.ping(rig.now, custody, peer.tx), Err(SendError::Releasing));
    }
    assert_eq!(peer.conn.release(rig.now, None, &[], peer.tx), Err(SendError::Releasing));
    assert_eq!(rig.said_hex(), "");
    rig.answer("a");
    assert_eq!(rig.said(), [r#"2.05 Content token=1000 "a""#]);
}

#[test]
fn t_5_5_5_row_63_a_peer_that_ignores_our_release() {
    let mut rig = Rig::open();
    rig.get("a", 1);
    let peer = rig.session.peer(&mut rig.tx);
    peer.conn.release(rig.now, None, &[], peer.tx).unwrap();
    rig.flush();
    rig.feed("02 45 10 00").unwrap();
    assert_eq!(rig.heard(), ["response Last(1) 2.05 Content token=1000"], "answers are still taken");
    assert_eq!(rig.wait(30 * SECOND), [Expired::Closed(Closed::ReleaseTimeout)]);
}

#[test]
fn t_d5_6_crossing_releases_end() {
    let mut rig = Rig::open();
    let peer = rig.session.peer(&mut rig.tx);
    peer.conn.release(rig.now, None, &[], peer.tx).unwrap();
    rig.feed("00 E4").unwrap();
    rig.flush();
    assert_eq!(rig.ended(), Some(Closed::Local));
    rig.session.handle_eof(rig.now);
    assert_eq!(rig.shutdown(), Shutdown::Now);
}

#[test]
fn row_56_a_second_release_is_ignored() {
    let mut rig = rig_that_owes(1);
    rig.feed("00 E4 00 E4").unwrap();
    assert_eq!(rig.heard()[1..], ["released None 7.04 Release", "settled ReleasedAgain"]);
}

#[test]
fn t_5_5_2_a_held_pong_goes_before_the_end() {
    let mut rig = rig_that_owes(1);
    rig.feed("11 E2 01 20 00 E4").unwrap();
    rig.answer("a");
    rig.flush();
    assert_eq!(rig.ended(), None);
    rig.due();
    assert_eq!(rig.said_hex(), "11E30120");
    assert_eq!(rig.ended(), Some(Closed::Released));
}

/// T-5.6-5.
#[test]
fn row_57_row_58_an_abort_is_never_answered_and_ends_everything() {
    let mut rig = rig_that_owes(1);
    rig.get("a", 9);
    rig.flush();
    rig.heard();
    rig.feed("80 E5 21 09 FF 6F 70 74 20 39 01 E2 42").unwrap();
    assert_eq!(rig.heard(), [r#"aborted 7.05 Abort Bad-CSM-Option=9 "opt 9""#]);
    assert_eq!(rig.said_hex(), "");
    assert_eq!(rig.ended(), Some(Closed::Aborted { bad_csm_option: Some(9) }));
    assert_eq!(rig.shutdown(), Shutdown::Now);
    let mut peer = rig.session.peer(&mut rig.tx);
    assert_eq!(peer.conn.take_pending().map(|(_, tag)| tag), Some(9));
    assert_eq!(peer.conn.take_pending(), None);
    let ticket = rig.app.tickets.remove(0);
    let answer = peer.respond_later(&ticket, Code::CONTENT);
    assert_eq!(answer.err(), Some(SendError::Closed), "T-3.3-13");
}

#[test]
fn t_5_6_6_critical_options_in_an_abort_change_nothing() {
    let mut rig = Rig::open();
    rig.feed("10 E5 10").unwrap();
    assert_eq!(rig.ended(), Some(Closed::Aborted { bad_csm_option: None }));
}

#[test]
fn t_5_6_3_an_abort_of_ours_is_the_last_frame() {
    let mut rig = Rig::open();
    let Rig { session, tx, now, .. } = &mut rig;
    session
        .receive(*now, &[0x00, 0x01, 0x00, 0x01], tx, |event, peer| {
            let coap_tcp_core::Event::Request(incoming) = event else { panic!() };
            peer.conn.abort("enough", peer.tx);
            assert_eq!(peer.respond(&incoming, Code::CONTENT).err(), Some(SendError::Closed));
            assert_eq!(peer.conn.defer(&incoming).err(), Some(SendError::Closed));
            assert_eq!(peer.conn.observe(&incoming).err(), Some(SendError::Closed));
        })
        .unwrap();
    assert_eq!(rig.said(), [r#"7.05 Abort "enough""#]);
    let mut peer = rig.session.peer(&mut rig.tx);
    assert_eq!(peer.conn.ping(rig.now, false, peer.tx), Err(SendError::Closed));
    assert_eq!(peer.conn.keep_alive(peer.tx), Err(SendError::Closed));
    assert_eq!(peer.conn.release(rig.now, None, &[], peer.tx), Err(SendError::Closed));
    assert_eq!(peer.request(rig.now, Code::GET).err(), Some(SendError::Closed));
    assert_eq!(rig.ended(), Some(Closed::LocalAbort));
}

#[test]
fn d_d_2_the_end_lingers_until_the_peers_eof_or_two_seconds() {
    let mut rig = Rig::open();
    let peer = rig.session.peer(&mut rig.tx);
    peer.conn.abort("enough", peer.tx);
    assert_eq!(rig.shutdown(), Shutdown::AfterFlush);
    rig.flush();
    assert_eq!(rig.shutdown(), Shutdown::AfterFlush);
    assert_eq!(rig.wait(Duration::from_millis(1999)), []);
    assert_eq!(rig.wait(Duration::from_millis(1)), [Expired::Closed(Closed::LocalAbort)]);
    assert_eq!(rig.shutdown(), Shutdown::Now);
    assert_eq!(rig.session.poll_timeout(), None);
}

#[test]
fn d_d_4_pings_without_end_are_bounded_by_tx() {
    static CONFIG: Config = Config::new();
    let now = coap_tcp_core::Instant::ZERO;
    let mut tx = Fixed::<256>::new();
    let slots = [const { Slot::<()>::FREE }; 1];
    let mut session = Session::accept(&CONFIG, Fixed::<1152>::new(), slots, now, &mut tx).unwrap();
    let input = [&[0x00, 0xE1][..], &[0x01, 0xE2, 0x42].repeat(10_000)].concat();
    let coap_tcp_core::Flow::Blocked(taken) = session.receive(now, &input, &mut tx, |_, _| {}).unwrap()
    else {
        panic!("everything was taken");
    };
    assert!(taken < 256, "{taken}");
    assert!(session.is_blocked());
}

#[test]
fn row_1_a_release_does_not_stand_for_the_peers_csm() {
    let mut rig = Rig::initiate(Config::new());
    let peer = rig.session.peer(&mut rig.tx);
    assert_eq!(peer.conn.release(rig.now, None, &[], peer.tx), Err(SendError::NotReady));
    rig.feed("01 01 01").unwrap_err();
}
