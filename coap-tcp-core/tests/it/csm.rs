//! Section C: connection start and CSM.

use std::time::Duration;

use crate::rig::{Rig, frame, hex};
use coap_tcp_core::{
    Buf, Closed, Code, Config, ConfigError, Event, Fixed, Instant, SendError, Session, Slot, State,
    Tolerance, Violation,
};

const SECOND: Duration = Duration::from_secs(1);

fn late_csm() -> Tolerance {
    let mut tolerance = Tolerance::DEFAULT;
    tolerance.late_csm = true;
    tolerance
}

#[test]
fn t_3_3_1_our_csm_is_the_first_message_on_both_sides() {
    for mut rig in [Rig::accept(Config::new()), Rig::initiate(Config::new())] {
        assert_eq!(rig.said_hex(), "40E122048020");
        assert_eq!(rig.session.conn().state(), State::Starting);
    }
    let mut rig = Rig::accept(Config::new().max_message_size(2304).block_wise(false).token_length(12));
    assert_eq!(rig.said_hex(), "50E1220900410C");
}

#[test]
fn t_3_3_3_an_acceptor_may_wait_for_the_peers() {
    let mut rig = Rig::accept(Config::new().await_csm(true));
    assert_eq!(rig.said_hex(), "");
    let mut peer = rig.session.peer(&mut rig.tx);
    assert_eq!(peer.request(rig.now, Code::GET).err(), Some(SendError::NotReady));
    assert_eq!(peer.conn.ping(rig.now, false, peer.tx), Err(SendError::NotReady));
    assert_eq!(peer.conn.keep_alive(peer.tx), Err(SendError::NotReady));
    rig.feed("00 E1").unwrap();
    assert_eq!(rig.said_hex(), "40E122048020");
    assert_eq!(rig.session.conn().state(), State::Open);
}

#[test]
fn t_3_3_2_an_initiator_never_waits_with_its_csm_but_may_with_its_requests() {
    let mut rig = Rig::initiate(Config::new().await_csm(true));
    assert_eq!(rig.said_hex(), "40E122048020");
    let mut peer = rig.session.peer(&mut rig.tx);
    assert_eq!(peer.request(rig.now, Code::GET).err(), Some(SendError::NotReady));
    rig.feed("00 E1").unwrap();
    rig.get("a", 1);
}

#[test]
fn t_3_3_4_k_3_2_5_csm_and_request_in_one_write() {
    let mut rig = Rig::initiate(Config::new());
    rig.get("t", 1);
    assert_eq!(
        rig.said(),
        ["7.01 CSM Max-Message-Size=1152 Block-Wise-Transfer=0", "0.01 GET token=1000 Uri-Path=\"t\""]
    );
}

#[test]
fn t_3_3_5_base_values_hold_until_the_peers_csm() {
    let mut rig = Rig::initiate(Config::new());
    let mut peer = rig.session.peer(&mut rig.tx);
    let mut request = peer.request(rig.now, Code::POST).unwrap();
    request.payload(&[0; 1200]).unwrap();
    assert_eq!(request.finish(1), Err(SendError::NotReady));
    rig.feed("30 E1 22 10 00").unwrap();
    let mut peer = rig.session.peer(&mut rig.tx);
    let mut request = peer.request(rig.now, Code::POST).unwrap();
    request.payload(&[0; 1200]).unwrap();
    request.finish(1).unwrap();
}

#[test]
fn row_2_d_c_1_no_csm_in_time() {
    let mut rig = Rig::accept(Config::new());
    rig.flush();
    assert_eq!(rig.wait(29 * SECOND), []);
    assert_eq!(rig.wait(SECOND), [coap_tcp_core::Expired::Closed(Closed::CsmTimeout)]);
    assert_eq!(rig.said(), [r#"7.05 Abort "CSM timeout""#]);
}

#[test]
fn row_2_a_peer_without_csm_is_borne_by_a_switch() {
    let mut tolerance = Tolerance::DEFAULT;
    tolerance.missing_csm = true;
    let mut rig = Rig::accept(Config::new().tolerance(tolerance).await_csm(true));
    assert_eq!(rig.wait(30 * SECOND), [coap_tcp_core::Expired::CsmAssumed]);
    assert_eq!(rig.said_hex(), "40E122048020");
    rig.feed("00 01").unwrap();
    assert_eq!(rig.said(), ["2.05 Content \"ok\""]);
}

#[test]
fn row_3_the_transport_closes_before_a_csm() {
    let mut rig = Rig::accept(Config::new());
    rig.flush();
    rig.session.handle_eof(rig.now);
    assert_eq!(rig.ended(), Some(Closed::Eof));
    assert_eq!(rig.shutdown(), coap_tcp_core::Shutdown::Now);
}

/// T-3.3-9.
#[test]
fn row_5_t_5_3_2_later_csms_are_cumulative() {
    let mut rig = Rig::open();
    rig.feed("40 E1 22 09 00 20 00 E1 30 E1 22 04 80 30 E1 22 09 00").unwrap();
    assert_eq!(
        rig.heard(),
        [
            "ready mms=2304 bwt=true bert=true etl=8",
            "ready mms=2304 bwt=true bert=true etl=8",
            "ready mms=1152 bwt=true bert=false etl=8",
            "ready mms=2304 bwt=true bert=true etl=8",
        ]
    );
}

/// T-5.3-2.
#[test]
fn t_5_3_2_2_bert_may_come_in_two_csms() {
    let mut rig = Rig::open();
    rig.feed("30 E1 22 09 00 10 E1 40").unwrap();
    assert_eq!(
        rig.heard(),
        ["ready mms=2304 bwt=false bert=false etl=8", "ready mms=2304 bwt=true bert=true etl=8"]
    );
}

#[test]
fn d_c_7_a_csm_counts_all_or_not_at_all() {
    let mut rig = Rig::open();
    assert!(rig.feed("40 E1 22 09 00 10").is_err());
    assert_eq!(rig.session.conn().peer().max_message_size, 1152);
}

#[test]
fn d_c_8_token_and_payload_of_a_csm_are_ignored() {
    let mut rig = Rig::accept(Config::new());
    rig.feed("21 E1 55 FF 68").unwrap();
    assert_eq!(rig.session.conn().state(), State::Open);
}

#[test]
fn t_3_3_10_the_acceptor_may_send_the_first_request() {
    let mut rig = Rig::open();
    rig.get("a", 1);
    let request = rig.flush();
    rig.feed_bytes(&frame(Code::CONTENT, &request[2..4], &[], b"")).unwrap();
    assert_eq!(rig.heard(), ["response Last(1) 2.05 Content token=1000"]);
}

#[test]
fn t_3_3_6_an_invalid_first_csm_is_told_even_by_an_acceptor_that_waits() {
    let mut rig = Rig::accept(Config::new().await_csm(true));
    assert_eq!(rig.feed("10 E1 10"), Err(Closed::Violation(Violation::BadCsmOption(1))));
    assert_eq!(
        rig.said(),
        [
            "7.01 CSM Max-Message-Size=1152 Block-Wise-Transfer=0",
            r#"7.05 Abort Bad-CSM-Option=1 "bad CSM option 1""#
        ]
    );
}

#[test]
fn t_3_3_3_an_acceptor_that_waits_tells_a_port_scanner_nothing() {
    let mut rig = Rig::accept(Config::new().await_csm(true));
    assert_eq!(rig.feed("00 00"), Err(Closed::Violation(Violation::NotCsmFirst)));
    assert_eq!(rig.said_hex(), "");
}

#[test]
fn late_csm_is_borne_by_a_switch_but_has_to_come() {
    let mut rig = Rig::accept(Config::new().tolerance(late_csm()));
    rig.flush();
    rig.feed("01 01 05 00 00").unwrap();
    assert_eq!(rig.said(), [r#"2.05 Content token=05 "ok""#]);
    assert_eq!(rig.session.conn().state(), State::Starting);
    assert_eq!(rig.wait(30 * SECOND), [coap_tcp_core::Expired::Closed(Closed::CsmTimeout)]);
}

#[test]
fn t_3_3_1_nothing_overtakes_our_csm_with_late_csm_and_await_csm() {
    let mut rig = Rig::accept(Config::new().tolerance(late_csm()).await_csm(true));
    rig.feed("01 01 05").unwrap();
    assert_eq!(
        rig.said(),
        ["7.01 CSM Max-Message-Size=1152 Block-Wise-Transfer=0", r#"2.05 Content token=05 "ok""#]
    );
    rig.feed("00 E1").unwrap();
    assert_eq!(rig.said_hex(), "", "one CSM is enough");
    assert_eq!(rig.session.conn().state(), State::Open);
}

#[test]
fn late_csm_a_release_before_the_csm_is_honoured() {
    let mut rig = Rig::accept(Config::new().tolerance(late_csm()));
    rig.flush();
    rig.feed("00 E4").unwrap();
    assert_eq!(rig.session.conn().state(), State::Draining);
    rig.flush();
    assert_eq!(rig.ended(), Some(Closed::Released));
}

#[test]
fn t_5_6_6_an_abort_before_the_csm_is_not_answered_with_an_abort() {
    let mut rig = Rig::initiate(Config::new());
    rig.flush();
    rig.feed("20 E5 21 06").unwrap();
    assert_eq!(rig.heard(), ["aborted 7.05 Abort Bad-CSM-Option=6"]);
    assert_eq!(rig.said_hex(), "");
    assert_eq!(rig.ended(), Some(Closed::Aborted { bad_csm_option: Some(6) }));
}

#[test]
fn config_is_checked_at_the_start() {
    fn start<const RX: usize, const TX: usize>(config: Config) -> Option<ConfigError> {
        let mut tx = Fixed::<TX>::new();
        let slots = [const { Slot::<()>::FREE }; 1];
        Session::accept(crate::rig::keep(config), Fixed::<RX>::new(), slots, Instant::ZERO, &mut tx).err()
    }
    let base = Config::new;
    assert_eq!(start::<1152, 256>(base()), None);
    assert_eq!(start::<1151, 256>(base()), Some(ConfigError::SpillTooSmall { size: 1152, room: 1151 }));
    let tx = |reply_room, room| Some(ConfigError::TxTooSmall { reply_room, room });
    assert_eq!(start::<1152, 100>(base()), tx(128, 100));
    assert_eq!(start::<1152, 256>(base().tx_limit(64)), tx(128, 64));
    assert_eq!(start::<64, 256>(base().max_message_size(15)), Some(ConfigError::MessageSizeTooSmall));
    let many: Vec<Slot<()>> = std::iter::repeat_with(|| Slot::FREE).take(4097).collect();
    let session = Session::accept(crate::rig::keep(base()), Vec::new(), many, Instant::ZERO, &mut Vec::new());
    assert_eq!(session.err(), Some(ConfigError::TooManySlots));
}

#[test]
fn f_10_defaults_of_the_deadlines() {
    let text = format!("{:?}", Config::new());
    for part in [
        "csm_timeout: 30s",
        "ping_timeout: 30s",
        "custody_timeout: 93s",
        "custody_hold: 20s",
        "request_timeout: Some(93s)",
        "frame_timeout: 30s",
        "write_timeout: 60s",
        "release_timeout: 30s",
        "drain_timeout: 30s",
        "linger: 2s",
        "idle_timeout: Some(300s)",
        "keep_alive: Off",
        "jitter: None",
        "max_message_size: 1152",
        "max_inbound: 64",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

/// Through a window of one byte, with all that can be said in `tx` behind it.
#[test]
fn d_c_2_nothing_overtakes_our_csm() {
    for mut rig in [Rig::initiate(Config::new()), Rig::accept(Config::new())] {
        rig.get("a", 1);
        let mut said = Vec::new();
        let mut socket = hex("00 E1 01 E2 42 01 01 05").into_iter();
        while !rig.tx.is_empty() {
            said.push(rig.tx[0]);
            rig.flush_some(1);
            let byte: Vec<u8> = socket.by_ref().take(1).collect();
            rig.feed_bytes(&byte).unwrap();
            if said.len() == 2 {
                let peer = rig.session.peer(&mut rig.tx);
                peer.conn.keep_alive(peer.tx).unwrap();
                peer.conn.ping(rig.now, false, peer.tx).unwrap();
            }
        }
        let said: Vec<_> = crate::rig::lines(&said).iter().map(|line| line[..4].to_owned()).collect();
        assert_eq!(said, ["7.01", "0.01", "0.00", "7.02", "7.03", "2.05"]);
    }
}

#[test]
fn a_session_works_over_fixed_memory_and_a_dyn_buffer() {
    static CONFIG: Config = Config::new();
    let mut store = Fixed::<256>::new();
    let tx: &mut dyn Buf = &mut store;
    let slots = [const { Slot::<()>::FREE }; 2];
    let mut session = Session::accept(&CONFIG, Fixed::<1152>::new(), slots, Instant::ZERO, tx).unwrap();
    let mut ready = 0;
    session
        .receive(Instant::ZERO, &hex("00 E1"), tx, |event, _| {
            ready += usize::from(matches!(event, Event::Ready(_)));
        })
        .unwrap();
    assert_eq!(ready, 1);
}
