//! A.7, the stream vectors of A.6, and the rows of H about bytes that make no sense.

use std::time::Duration;

use crate::rig::{Rig, frame, hex, line};
use coap_tcp_core::error::Defect;
use coap_tcp_core::{
    Buf, Closed, Code, Config, Full, Instant, Malformed, Message, Oversized, Session, Slot, State, Tolerance,
    Violation,
};

/// What a message does to an open connection.
enum Then {
    /// The connection ends with an Abort that says so.
    Abort(&'static str),
    /// It goes on, and the event reads so.
    Event(&'static str),
    /// It goes on, and this is answered.
    Reply(&'static str),
}
use Then::{Abort, Event, Reply};

const MALFORMED: &[(&str, &str, Then)] = &[
    ("M01", "10 45 FF", Abort(r#"7.05 Abort "payload marker without payload at byte 2""#)),
    ("M02", "10 01 F0", Abort(r#"7.05 Abort "option delta 15 at byte 2""#)),
    ("M03", "10 01 0F", Abort(r#"7.05 Abort "option length 15 at byte 2""#)),
    ("M04", "10 01 D0", Abort(r#"7.05 Abort "option past the end at byte 2""#)),
    ("M05", "20 01 B5 61", Abort(r#"7.05 Abort "option past the end at byte 2""#)),
    ("M06", "20 01 E0 FF", Abort(r#"7.05 Abort "option past the end at byte 2""#)),
    ("M07", "09 01 000000000000000000", Abort(r#"7.05 Abort "token length at byte 0""#)),
    ("M08", "0F 01", Abort(r#"7.05 Abort "token length at byte 0""#)),
    ("M09", "30 01 E0 FF FF", Abort(r#"7.05 Abort "option number too large at byte 2""#)),
    ("M10", "40 01 E0 FE F2 10", Abort(r#"7.05 Abort "option number too large at byte 5""#)),
    ("M11", "01 00 AA", Event("settled FilledEmpty")),
    ("M12", "10 00 60", Event("settled FilledEmpty")),
    ("M13", "10 00 FF", Abort(r#"7.05 Abort "payload marker without payload at byte 2""#)),
    ("M14", "00 20", Abort(r#"7.05 Abort "reserved code class""#)),
    ("M15", "00 C0", Abort(r#"7.05 Abort "reserved code class""#)),
    ("M16", "00 60", Abort(r#"7.05 Abort "reserved code class""#)),
    ("M17", "00 E0", Event("settled UnknownSignal(7.00)")),
    ("M18", "00 E6", Event("settled UnknownSignal(7.06)")),
    ("M19", "60 E1 25 00 00 00 04 80", Abort(r#"7.05 Abort Bad-CSM-Option=2 "bad CSM option 2""#)),
    ("M20", "20 E1 41 01", Abort(r#"7.05 Abort Bad-CSM-Option=4 "bad CSM option 4""#)),
    ("M21", "20 E1 61 07", Event("ready mms=1152 bwt=false bert=false etl=8")),
    ("M22", "40 E1 63 01 01 0D", Event("ready mms=1152 bwt=false bert=false etl=65804")),
    ("M23", "60 E1 22 04 80 02 08 00", Event("ready mms=1152 bwt=false bert=false etl=8")),
    ("M24", "20 E2 21 01", Reply("7.03 Pong")),
    ("M25", "50 E4 44 01 00 00 00", Event("released None 7.04 Release Hold-Off=16777216")),
    ("M26", "10 E4 20", Event(r#"released None 7.04 Release Alternative-Address="""#)),
    ("M27", "10 45 F1", Abort(r#"7.05 Abort "option delta 15 at byte 2""#)),
    ("M28", "30 02 FF 61 62", Event(r#"request 0.02 POST "ab""#)),
    ("M29", "20 01 B0 2E", Abort(r#"7.05 Abort "option past the end at byte 3""#)),
    ("M30", "00 08", Reply("4.05 Method Not Allowed")),
    ("T-5.2-2", "10 E2 10", Abort(r#"7.05 Abort "critical signaling option 1""#)),
    ("T-5.4-7", "10 E3 10", Abort(r#"7.05 Abort "critical signaling option 1""#)),
    ("D-D-1", "10 E6 10", Abort(r#"7.05 Abort "critical signaling option 1""#)),
    ("V54", "50 E1 22 04 80 61 00", Event("ready mms=1152 bwt=false bert=false etl=8")),
    ("V55", "10 E1 10", Abort(r#"7.05 Abort Bad-CSM-Option=1 "bad CSM option 1""#)),
    ("S-8613-1", "10 E1 90", Abort(r#"7.05 Abort Bad-CSM-Option=9 "bad CSM option 9""#)),
    ("C-5.5.2-1", "30 E1 FF C3 28", Event("ready mms=1152 bwt=false bert=false etl=8")),
];

#[test]
fn a_7_every_row_has_its_outcome() {
    for (id, bytes, then) in MALFORMED {
        let mut rig = Rig::open();
        let flow = rig.feed(bytes);
        match then {
            Abort(expected) => {
                assert!(flow.is_err(), "{id}");
                assert_eq!(rig.said(), [*expected], "{id}");
                assert_eq!(rig.heard(), [""; 0], "{id}: T-5.6-7, nothing is processed");
                assert_eq!(rig.session.conn().state(), State::Closing, "{id}");
            }
            Event(expected) => {
                assert!(flow.is_ok(), "{id}");
                assert_eq!(rig.heard(), [*expected], "{id}");
                assert_eq!(rig.ended(), None, "{id}");
            }
            Reply(expected) => {
                assert!(flow.is_ok(), "{id}");
                assert_eq!(rig.said(), [*expected], "{id}");
                assert_eq!(rig.ended(), None, "{id}");
            }
        }
    }
}

#[test]
fn t_5_6_4_abort_bytes_are_as_in_v56_with_a_diagnostic() {
    let mut rig = Rig::open();
    assert_eq!(rig.feed("10 E1 10"), Err(Closed::Violation(Violation::BadCsmOption(1))));
    let expected = frame(Code::ABORT, &[], &[(2, &[1])], b"bad CSM option 1");
    assert_eq!(rig.flush(), expected);
}

#[test]
fn d_h_3_an_abort_gives_one_reason_and_later_bytes_are_not_parsed() {
    let mut rig = Rig::open();
    assert!(rig.feed("10 45 FF 10 01 F0 00 01").is_err());
    assert_eq!(rig.said().len(), 1);
    assert_eq!(rig.feed("00 01 F0"), Ok(coap_tcp_core::Flow::Drained), "row 58");
    assert!(rig.said().is_empty() && rig.heard().is_empty());
}

#[test]
fn c_3_3_a_marker_is_judged_by_its_own_frame() {
    let mut rig = Rig::open();
    assert!(rig.feed("10 45 FF 01 E2 42").is_err());
    assert_eq!(rig.said(), [r#"7.05 Abort "payload marker without payload at byte 2""#]);
}

#[test]
fn d_h_2_and_t_3_4_3_tolerance_switches_both_ways() {
    let mut tolerance = Tolerance::DEFAULT;
    tolerance.reserved_class = true;
    tolerance.filled_empty = false;
    tolerance.bad_csm_value = true;
    let mut rig = Rig::open_with(Config::new().tolerance(tolerance));
    rig.feed("00 20 00 C0 00 60").unwrap();
    assert_eq!(rig.heard().len(), 3);
    rig.feed("60 E1 25 00 00 00 04 80 20 E1 41 01").unwrap();
    let unchanged = "ready mms=1152 bwt=false bert=false etl=8";
    assert_eq!(rig.heard(), [unchanged, unchanged]);
    assert_eq!(rig.feed("01 00 AA"), Err(Closed::Violation(Violation::FilledEmpty)));
    assert_eq!(rig.said(), [r#"7.05 Abort "empty message not empty""#]);
}

#[test]
fn row_10_an_extra_occurrence_is_ignored_even_when_it_is_bad() {
    let mut rig = Rig::open();
    rig.feed("90 E1 22 04 80 05 00 00 00 08 00").unwrap();
    assert_eq!(rig.heard(), ["ready mms=1152 bwt=false bert=false etl=8"]);
}

#[test]
fn row_11_a_message_size_that_leaves_no_room_for_messages() {
    for bytes in ["10 E1 20", "20 E1 21 0F"] {
        let mut rig = Rig::open();
        assert!(rig.feed(bytes).is_err());
        assert_eq!(rig.said(), [r#"7.05 Abort Bad-CSM-Option=2 "bad CSM option 2""#]);
    }
    let mut rig = Rig::open();
    rig.feed("20 E1 21 10").unwrap();
}

#[test]
fn d_h_1_an_abort_fits_the_peers_limit() {
    let mut rig = Rig::open();
    rig.feed("20 E1 21 10").unwrap();
    assert!(rig.feed("10 45 FF").is_err());
    let said = rig.flush();
    assert_eq!(said, frame(Code::ABORT, &[], &[], &[]), "without its text rather than not at all");

    let mut rig = Rig::open();
    rig.feed("20 E1 21 10").unwrap();
    let peer = rig.session.peer(&mut rig.tx);
    peer.conn.abort("a long story that does not fit", peer.tx);
    assert_eq!(rig.flush(), frame(Code::ABORT, &[], &[], &[]));
}

#[test]
fn d_h_1_a_diagnostic_has_at_most_64_bytes() {
    let mut rig = Rig::open();
    let text = "é".repeat(60);
    let peer = rig.session.peer(&mut rig.tx);
    peer.conn.abort(&text, peer.tx);
    let said = rig.flush();
    let message = Message::parse(&said).unwrap();
    assert_eq!(message.payload, "é".repeat(32).as_bytes());
}

#[test]
fn x_2_2_1_a_token_longer_than_announced_is_refused() {
    let mut rig = Rig::open_with(Config::new().token_length(12));
    rig.feed("2C 01 00 01 02 03 04 05 06 07 08 09 0A 0B B1 78").unwrap();
    assert_eq!(rig.said(), [r#"2.05 Content token=000102030405060708090a0b "ok""#]);
    let v37 = "2D 01 00 00 01 02 03 04 05 06 07 08 09 0A 0B 0C B1 78";
    assert_eq!(rig.feed(v37), Err(Closed::Violation(Violation::TokenTooLong)));

    let ping = "0D E2 00 00 01 02 03 04 05 06 07 08 09 0A 0B 0C";
    let mut rig = Rig::open_with(Config::new().token_length(12));
    assert_eq!(rig.feed(ping), Err(Closed::Violation(Violation::TokenTooLong)), "D-A-1");

    let response = "0D 45 00 00 01 02 03 04 05 06 07 08 09 0A 0B 0C";
    let mut rig = Rig::open_with(Config::new().token_length(12));
    rig.feed(response).unwrap();
    assert_eq!(rig.heard(), ["unmatched 2.05 Content token=000102030405060708090a0b0c"], "row 21");
}

#[test]
fn c_3_1_a_short_announcement_does_not_outlaw_base_tokens() {
    let mut rig = Rig::open_with(Config::new().token_length(2));
    rig.feed("08 01 01 02 03 04 05 06 07 08").unwrap();
    assert_eq!(rig.said(), [r#"2.05 Content token=0102030405060708 "ok""#]);
}

#[test]
fn st1_csm_and_request_in_one_read() {
    let mut rig = Rig::accept(Config::new());
    rig.feed("00 E1 C1 01 71 BB 74 65 6D 70 65 72 61 74 75 72 65").unwrap();
    let get = r#"request 0.01 GET token=71 Uri-Path="temperature""#;
    assert_eq!(rig.heard(), ["ready mms=1152 bwt=false bert=false etl=8", get]);
}

#[test]
fn st2_one_byte_a_read() {
    let v34 =
        hex("D1 0D 01 53 B7 73 65 6E 73 6F 72 73 0B 74 65 6D 70 65 72 61 74 75 72 65 45 75 3D 43 65 6C");
    let mut rig = Rig::open();
    for (n, byte) in v34.iter().enumerate() {
        assert!(rig.heard().is_empty(), "before byte {}", n + 1);
        rig.feed_bytes(&[*byte]).unwrap();
    }
    assert_eq!(rig.heard().len(), 1);
}

#[test]
fn st3_st4_sizes_are_judged_by_the_first_bytes() {
    let mut rig = Rig::open_with(Config::new().max_message_size(65811));
    rig.feed("F0 00 00 00 00").unwrap();
    assert_eq!(rig.ended(), None, "65811 bytes are just legal");
    let mut rig = Rig::open_with(Config::new().max_message_size(65810));
    assert_eq!(rig.feed("F0 00 00 00 00"), Err(Closed::Violation(Violation::TooLarge)));
    assert_eq!(rig.said(), [r#"7.05 Abort "message too large""#]);
    let mut rig = Rig::open();
    assert_eq!(rig.feed("F0"), Err(Closed::Violation(Violation::TooLarge)), "65811 bytes at least");
    let mut rig = Rig::open_with(Config::new().oversized(Oversized::Drain));
    rig.feed("F0 FF FF FF").unwrap();
    assert_eq!(rig.feed("FF"), Err(Closed::Violation(Violation::TooLarge)), "decided at byte 5");
}

#[test]
fn st5_st6_row_66_http_and_tls_on_our_port() {
    let tls = "16 03 01 02 00 01 00 01 FC 03 03";
    for bytes in ["47 45 54 20 2F 20 48 54 54 50 2F 31 2E 31 0D 0A", tls] {
        let mut rig = Rig::accept(Config::new());
        rig.flush();
        assert_eq!(rig.feed(bytes), Err(Closed::Violation(Violation::NotCsmFirst)));
        assert_eq!(rig.said(), [r#"7.05 Abort "CSM missing""#]);
    }
}

/// T-3.3-8.
#[test]
fn st7_an_empty_message_is_no_csm() {
    let mut rig = Rig::accept(Config::new());
    rig.flush();
    assert_eq!(rig.feed("00 00"), Err(Closed::Violation(Violation::NotCsmFirst)));
}

#[test]
fn st8_keep_alives_are_ignored_and_a_ping_answered() {
    let mut rig = Rig::accept(Config::new());
    rig.flush();
    rig.feed("00 E1 00 00 00 00 01 E2 42").unwrap();
    assert_eq!(rig.said_hex(), "01E342");
    assert_eq!(rig.heard()[1..], ["settled Empty", "settled Empty", "settled Ping"]);
}

#[test]
fn row_26_a_message_over_our_limit() {
    // 1200 bytes of POST, token 05
    let big = frame(Code::POST, &[5], &[], &vec![0xAA; 1194]);
    assert_eq!(big.len(), 1200);
    let mut rig = Rig::open();
    assert_eq!(rig.feed_bytes(&big), Err(Closed::Violation(Violation::TooLarge)));

    let mut rig = Rig::open_with(Config::new().oversized(Oversized::Drain));
    rig.feed_bytes(&big).unwrap();
    rig.feed("01 E2 42").unwrap();
    assert_eq!(rig.heard(), ["settled TooLarge", "settled Ping"]);
    assert_eq!(rig.said(), ["4.13 Request Entity Too Large token=05 Size1=1152", "7.03 Pong token=42"]);

    let ping = frame(Code::PING, &[5], &[], &vec![0xAA; 1194]);
    let mut rig = Rig::open_with(Config::new().oversized(Oversized::Drain));
    assert_eq!(rig.feed_bytes(&ping), Err(Closed::Violation(Violation::TooLarge)), "D-C-5: signaling");
}

#[test]
fn t_5_3_1_1_a_message_of_just_our_limit() {
    let just = frame(Code::POST, &[5], &[], &vec![0xAA; 1146]);
    assert_eq!(just.len(), 1152);
    let mut rig = Rig::open();
    rig.feed_bytes(&just).unwrap();
    assert_eq!(rig.said(), [r#"2.05 Content token=05 "ok""#]);
    let over = frame(Code::POST, &[5], &[], &vec![0xAA; 1147]);
    assert!(rig.feed_bytes(&over).is_err());
}

/// D-C-3.
#[test]
fn row_27_up_to_1152_bytes_are_passed_over_with_a_smaller_limit() {
    let early = frame(Code::POST, &[7], &[], &vec![0xAA; 900]);
    for chunk in [1, 13, 250, 4096] {
        let mut rig = Rig::accept(Config::new().max_message_size(256));
        rig.flush();
        rig.feed("00 E1").unwrap();
        for part in early.chunks(chunk) {
            rig.feed_bytes(part).unwrap();
        }
        rig.feed("01 E2 42").unwrap();
        assert_eq!(rig.said(), ["4.13 Request Entity Too Large token=07 Size1=256", "7.03 Pong token=42"]);
    }
}

/// D-C-3.
#[test]
fn row_27_a_response_over_our_limit_fails_its_exchange_only() {
    let mut rig = Rig::open_with(Config::new().oversized(Oversized::Drain));
    rig.get("a", 77);
    let token = Message::parse(&rig.flush()).unwrap().token.to_vec();
    rig.feed_bytes(&frame(Code::CONTENT, &token, &[], &vec![0xAA; 2000])).unwrap();
    assert_eq!(rig.heard(), ["failed 77 TooLarge"]);
    rig.feed_bytes(&frame(Code::CONTENT, &token, &[], &vec![0xAA; 2000])).unwrap();
    assert_eq!(rig.heard(), ["settled TooLargeUnmatched"]);
}

#[test]
fn law_6_the_token_of_a_message_passed_over_is_bounded_as_well() {
    let config =
        Config::new().max_message_size(256).token_length(65535).oversized(Oversized::Drain).tx_limit(1 << 20);
    let mut rig = Rig::open_with(config);
    let v41 = [hex("0E 01 FF FF"), vec![0x77; 65804]].concat();
    assert_eq!(rig.feed_bytes(&v41), Err(Closed::Violation(Violation::TooLarge)));
}

#[test]
fn f_12_a_long_message_is_passed_over_at_its_own_pace() {
    let config = Config::new().oversized(Oversized::Drain);
    let mut rig = Rig::open_with(config);
    // 1 MiB at 2 kB a second
    rig.feed_bytes(&[hex("F1 00 0F 00 00 02 05 FF"), vec![0xAA; 2000]].concat()).unwrap();
    assert_eq!(rig.said().len(), 1);
    for _ in 0..500 {
        assert_eq!(rig.wait(Duration::from_secs(1)), []);
        rig.feed_bytes(&[0xAA; 2000]).unwrap();
    }
    assert_eq!(rig.ended(), None);
}

/// Memory that is not there.
#[derive(Debug)]
struct Poor(Vec<u8>);

impl Buf for Poor {
    fn as_slice(&self) -> &[u8] {
        &self.0
    }
    fn as_mut_slice(&mut self) -> &mut [u8] {
        &mut self.0
    }
    fn append(&mut self, bytes: &[u8]) -> Result<(), Full> {
        match self.0.len() + bytes.len() > 64 {
            true => Err(Full),
            false => Buf::append(&mut self.0, bytes),
        }
    }
    fn truncate(&mut self, len: usize) {
        self.0.truncate(len);
    }
    fn consume(&mut self, n: usize) {
        self.0.drain(..n);
    }
    fn room(&self) -> usize {
        usize::MAX
    }
}

#[test]
fn row_71_no_memory_for_a_frame_of_legal_size() {
    let config = crate::rig::keep(Config::new());
    let (now, mut tx) = (Instant::ZERO, Vec::new());
    let slots: Vec<Slot<()>> = Vec::new();
    let mut session = Session::accept(config, Poor(Vec::new()), slots, now, &mut tx).unwrap();
    session.receive(now, &hex("00 E1"), &mut tx, |_, _| {}).unwrap();
    tx.clear();
    let part = &frame(Code::POST, &[], &[], &[0xAA; 500])[..100];
    assert_eq!(session.receive(now, part, &mut tx, |_, _| {}), Err(Closed::OutOfMemory));
    assert_eq!(line(&Message::parse(&tx).unwrap()), r#"7.05 Abort "out of memory""#);
}

#[test]
fn malformed_says_where() {
    let mut rig = Rig::open();
    let why = Malformed { defect: Defect::OptionTruncated, at: 3 };
    assert_eq!(rig.feed("20 01 B0 2E"), Err(Closed::Malformed(why)));
}
