//! E.1 and the rows of H about requests and responses.

use std::time::Duration;

use crate::rig::{Rig, frame};
use coap_tcp_core::{Code, Config, Message, OptionNumber, SendError};

fn feed(rig: &mut Rig, code: Code, token: &[u8], options: &[(u16, &[u8])]) {
    rig.feed_bytes(&frame(code, token, options, b"")).unwrap();
}

#[test]
fn t_3_3_12_answers_come_in_any_order() {
    let mut rig = Rig::open();
    for tag in 1..=3 {
        rig.get("a", tag);
    }
    let sent = rig.flush();
    let tokens: Vec<_> =
        crate::rig::frames(&sent).iter().map(|f| Message::parse(f).unwrap().token.to_vec()).collect();
    for n in [2, 0, 1] {
        feed(&mut rig, Code::CONTENT, &tokens[n], &[]);
    }
    let tags: Vec<_> = rig.heard().iter().map(|event| event[9..16].to_owned()).collect();
    assert_eq!(tags, ["Last(3)", "Last(1)", "Last(2)"]);
    feed(&mut rig, Code::CONTENT, &tokens[0], &[]);
    assert!(rig.heard()[0].starts_with("unmatched"), "row 46");
}

#[test]
fn t_3_3_14_both_directions_have_tokens_of_their_own() {
    let mut rig = Rig::open();
    rig.get("a", 1);
    rig.flush();
    feed(&mut rig, Code::GET, &[0x10, 0x00], &[]);
    assert_eq!(rig.said(), [r#"2.05 Content token=1000 "ok""#]);
    feed(&mut rig, Code::CONTENT, &[0x10, 0x00], &[]);
    assert!(rig.heard()[1].starts_with("response Last(1)"));
}

#[test]
fn row_44_two_requests_with_the_same_token_are_both_answered() {
    let mut rig = Rig::open();
    rig.feed("00 01 00 01").unwrap();
    assert_eq!(rig.said(), [r#"2.05 Content "ok""#, r#"2.05 Content "ok""#]);
    feed(&mut rig, Code::GET, &[1], &[(11, b"later")]);
    feed(&mut rig, Code::GET, &[1], &[(11, b"later")]);
    rig.answer("a");
    rig.answer("b");
    assert_eq!(rig.said(), [r#"2.05 Content token=01 "a""#, r#"2.05 Content token=01 "b""#]);
}

/// C-5.4.1-1, C-5.4.1-2, C-5.4.3-1, C-5.4.5-1, C-5.8-1, C-5.10.1-1, C-5.10.2-1.
#[test]
fn rows_29_to_35_what_is_refused_before_any_resource_is_looked_at() {
    type Row = (Code, &'static [(u16, &'static [u8])], &'static str);
    let table: &[Row] = &[
        (Code(0x08), &[], "4.05 Method Not Allowed"),
        (Code(0x1f), &[], "4.05 Method Not Allowed"),
        (Code::GET, &[(269, b"")], r#"4.02 Bad Option "269""#),
        (Code::GET, &[(13, b"\x01")], r#"4.02 Bad Option "13""#),
        (Code::GET, &[(21, b"")], r#"4.02 Bad Option "21""#),
        (Code::GET, &[(268, b"")], r#"2.05 Content "ok""#),
        (Code::GET, &[(3, b"")], r#"4.02 Bad Option "3""#),
        (Code::GET, &[(7, b"\0\0\0")], r#"4.02 Bad Option "7""#),
        (Code::GET, &[(7, b"\x16\x33"), (7, b"\x16\x33")], r#"4.02 Bad Option "7""#),
        (Code::POST, &[(12, b"\0\0\0")], r#"2.05 Content "ok""#),
        (Code::GET, &[(23, b"\0\0\0\0")], r#"4.02 Bad Option "23""#),
        (Code::GET, &[(11, b"a"), (11, b"..")], "4.00 Bad Request"),
        (Code::GET, &[(11, b".")], "4.00 Bad Request"),
        (Code::GET, &[(35, b"coap://h/")], "5.05 Proxying Not Supported"),
        (Code::GET, &[(3, b"h"), (39, b"coap")], "5.05 Proxying Not Supported"),
        (Code::GET, &[(11, b"silent")], "5.01 Not Implemented"),
        (Code::GET, &[(11, b"forgets")], "5.00 Internal Server Error"),
    ];
    for (code, options, expected) in table {
        let mut rig = Rig::open();
        feed(&mut rig, *code, &[], options);
        assert_eq!(rig.said(), [*expected], "{code} {options:?}");
    }
}

/// It is for proxies to count down. The last three are values that cannot be, of an option that is elective.
#[test]
fn c_8768_1_hop_limit_means_nothing_to_the_origin() {
    for value in [&[16][..], &[1], &[255], &[0], &[0, 16], &[]] {
        let mut rig = Rig::open();
        feed(&mut rig, Code::GET, &[1], &[(11, b"a"), (16, value)]);
        assert_eq!(rig.said(), [r#"2.05 Content token=01 "ok""#], "{value:?}");
    }
}

#[test]
fn t_3_3_11_a_side_without_server_answers_all_the_same() {
    let mut rig = Rig::open();
    let Rig { session, tx, now, .. } = &mut rig;
    session.receive(*now, &[0x02, 0x02, 0x0A, 0x0B], tx, |_, _| {}).unwrap();
    assert_eq!(rig.said(), ["5.01 Not Implemented token=0a0b"]);
}

#[test]
fn row_70_a_lost_handler_is_5_00() {
    let mut rig = Rig::open();
    feed(&mut rig, Code::GET, &[1], &[(11, b"later")]);
    assert_eq!(rig.session.conn().owed(), 1);
    let ticket = rig.app.tickets.remove(0);
    let mut peer = rig.session.peer(&mut rig.tx);
    peer.respond_later(&ticket, Code::INTERNAL_SERVER_ERROR).unwrap().finish().unwrap();
    assert_eq!(peer.respond_later(&ticket, Code::CONTENT).err(), Some(SendError::Gone));
    assert_eq!(rig.said(), ["5.00 Internal Server Error token=01"]);
}

#[test]
fn row_45_too_many_deferred_requests() {
    let mut rig = Rig::open_with(Config::new().max_inbound(2));
    (1..=3).for_each(|token| feed(&mut rig, Code::GET, &[token], &[(11, b"later")]));
    assert_eq!(rig.said(), ["5.03 Service Unavailable token=03"]);
    rig.answer("a");
    feed(&mut rig, Code::GET, &[4], &[(11, b"later")]);
    assert_eq!(rig.session.conn().owed(), 2);
}

#[test]
fn row_20_x_2_2_2_a_legal_token_that_cannot_be_kept_is_5_03() {
    let mut rig = Rig::open_with(Config::new().token_length(40));
    feed(&mut rig, Code::GET, &[7; 20], &[(11, b"later")]);
    assert!(rig.said()[0].starts_with("5.03"));
    assert_eq!(rig.ended(), None);
}

#[test]
fn x_5_1_1_long_tokens_pin_no_memory() {
    let mut rig = Rig::open_with(Config::new().token_length(1000));
    for token in [8, 9, 300, 1000] {
        let token = vec![7; token];
        feed(&mut rig, Code::GET, &token, &[(11, b"later")]);
        feed(&mut rig, Code::GET, &token, &[(6, b""), (11, b"obs")]);
        feed(&mut rig, Code::PING, &token, &[(2, b"")]);
    }
    // A slot has room for 8 bytes of token, as before RFC 8974: what is longer is answered at once or not at all.
    let conn = rig.session.conn();
    assert_eq!((conn.owed(), conn.observers()), (1, 1));
    const { assert!(size_of::<coap_tcp_core::Slot<()>>() <= 48) };
    let said = rig.flush();
    let answers: Vec<_> = crate::rig::frames(&said)
        .iter()
        .map(|answer| {
            let answer = Message::parse(answer).unwrap();
            (answer.code, answer.token.len(), answer.options().count())
        })
        .collect();
    // The first Pong is held: something is owed. The others come without Custody.
    let kept = [(Code::CONTENT, 8, 1)];
    let refused = [9, 300, 1000]
        .map(|n| [(Code::SERVICE_UNAVAILABLE, n, 0), (Code::CONTENT, n, 0), (Code::PONG, n, 0)]);
    assert_eq!(answers, [&kept[..], &refused.concat()].concat());
}

/// C-5.4.1-3.
#[test]
fn row_47_a_critical_option_in_a_response_fails_its_exchange_only() {
    let mut rig = Rig::open();
    rig.get("a", 1);
    rig.flush();
    feed(&mut rig, Code::CONTENT, &[0x10, 0x00], &[(23, b"\x06"), (269, b"")]);
    assert_eq!(rig.heard(), ["failed 1 BadOption(Option-269)"]);
    rig.get("a", 2);
    let sent = rig.flush();
    feed(&mut rig, Code::CONTENT, &sent[2..4], &[(23, b"\x06"), (27, b"\x06")]);
    assert!(rig.heard()[0].starts_with("response Last(2)"));

    static MORE: &[OptionNumber] = &[OptionNumber::OSCORE];
    let mut rig = Rig::open_with(Config::new().known_in_responses(MORE));
    rig.get("a", 3);
    let sent = rig.flush();
    feed(&mut rig, Code::CHANGED, &sent[2..4], &[(9, b"")]);
    assert!(rig.heard()[0].starts_with("response Last(3)"), "S-8613-2");
}

/// C-5.2-1.
#[test]
fn row_48_unknown_details_keep_their_class() {
    for (code, ok) in [(0x54, true), (0x9C, false), (0xBF, false)] {
        let mut rig = Rig::open();
        rig.get("a", 1);
        rig.flush();
        feed(&mut rig, Code(code), &[0x10, 0x00], &[]);
        assert!(rig.heard()[0].starts_with("response Last(1)"));
        assert_eq!(Code(code).is_success(), ok);
    }
}

#[test]
fn c_5_3_1_2_a_forgotten_requests_token_stays_unused() {
    let mut rig = Rig::open();
    let id = rig.get("a", 1);
    let first = rig.flush();
    assert_eq!(rig.session.peer(&mut rig.tx).conn.forget(id), Some(1));
    assert_eq!(rig.session.peer(&mut rig.tx).conn.forget(id), None);
    rig.get("a", 2);
    assert_ne!(rig.flush()[2..4], first[2..4]);
    feed(&mut rig, Code::CONTENT, &first[2..4], &[]);
    assert!(rig.heard()[0].starts_with("unmatched"));
}

/// Nor does an id of ours that is over name the request that has its slot now.
#[test]
fn e_4_2_1_an_id_that_is_over_names_no_other_request() {
    let mut rig = Rig::open();
    let over = rig.get("a", 1);
    feed(&mut rig, Code::CONTENT, &[0x10, 0x00], &[]);
    rig.flush();
    rig.heard();
    let under_way = rig.get("b", 2);
    let sent = rig.flush();
    let token = Message::parse(&sent).unwrap().token.to_vec();
    assert_eq!(token[1] & 0x0f, 0, "the same slot");
    let peer = rig.session.peer(&mut rig.tx);
    assert_eq!(peer.conn.forget(over), None);
    assert_eq!(peer.conn.deregister(rig.now, over, Code::GET, peer.tx).err(), Some(SendError::Gone));
    assert_eq!(peer.conn.tag(under_way), Some(&2));
    feed(&mut rig, Code::CONTENT, &token, &[]);
    assert!(rig.heard()[0].starts_with("response Last(2)"));
}

#[test]
fn e_4_2_1_tokens_of_many_timed_out_requests_are_distinct() {
    let config = Config::new().request_timeout(Some(Duration::from_millis(1)));
    let mut rig = Rig::open_with(config);
    let mut seen = std::collections::HashSet::new();
    for _ in 0..(1 << 16) + 1 {
        rig.get("a", 1);
        let sent = rig.flush();
        assert!(seen.insert(Message::parse(&sent).unwrap().token.to_vec()));
        assert_eq!(rig.wait(Duration::from_millis(1)).len(), 1);
    }
}

#[test]
fn c_5_3_1_3_a_salt_makes_tokens_long() {
    let mut rig = Rig::open_with(Config::new().token_salt(Some(0x0123_4567_89ab_cdef)));
    rig.get("a", 1);
    let sent = rig.flush();
    let token = Message::parse(&sent).unwrap().token.to_vec();
    assert_eq!(token.len(), 8);
    feed(&mut rig, Code::CONTENT, &[0x10, 0x00], &[]);
    feed(&mut rig, Code::CONTENT, &token[1..], &[]);
    feed(&mut rig, Code::CONTENT, &token, &[]);
    assert!(rig.heard()[2].starts_with("response Last(1)"));
}

#[test]
fn c_5_9_1_a_limit_to_our_own_open_requests() {
    let mut rig = Rig::open_with(Config::new().max_outstanding(1));
    rig.get("a", 1);
    let mut peer = rig.session.peer(&mut rig.tx);
    assert_eq!(peer.request(rig.now, Code::GET).err(), Some(SendError::TooMany));
    feed(&mut rig, Code::CONTENT, &[0x10, 0x00], &[]);
    rig.get("a", 2);
}

#[test]
fn c_258_1_no_response_leaves_out_what_it_names() {
    for (bits, left) in
        [(&[][..], vec!["2", "4", "5"]), (&[2], vec!["4", "5"]), (&[8], vec!["2", "5"]), (&[26], vec![])]
    {
        let mut rig = Rig::open();
        for (token, code) in [(2, Code::CONTENT), (4, Code::NOT_FOUND), (5, Code::SERVICE_UNAVAILABLE)] {
            feed(&mut rig, Code::POST, &[token], &[(11, b"later"), (258, bits)]);
            let ticket = rig.app.tickets.remove(0);
            let mut peer = rig.session.peer(&mut rig.tx);
            peer.respond_later(&ticket, code).unwrap().finish().unwrap();
        }
        let said: Vec<_> = rig.said().iter().map(|line| line[..1].to_owned()).collect();
        assert_eq!(said, left, "{bits:?}");
        assert_eq!(rig.session.conn().owed(), 0);
    }
}

#[test]
fn t_5_3_1_3_an_answer_over_the_peers_limit_is_never_silence() {
    let mut rig = Rig::open();
    feed(&mut rig, Code::GET, &[1], &[(11, b"big"), (15, b"1146")]);
    assert_eq!(rig.flush().len(), 1152, "just fits");
    feed(&mut rig, Code::GET, &[1], &[(11, b"big"), (15, b"1147")]);
    assert_eq!(rig.said(), ["5.00 Internal Server Error token=01"]);
    rig.feed("30 E1 22 04 00").unwrap();
    feed(&mut rig, Code::GET, &[1], &[(11, b"big"), (15, b"1143")]);
    assert_eq!(rig.said(), ["5.00 Internal Server Error token=01"], "the peer has lowered its limit");
}

#[test]
fn an_answer_can_be_given_once() {
    let mut rig = Rig::open();
    let Rig { session, tx, now, .. } = &mut rig;
    session
        .receive(*now, &[0x00, 0x01], tx, |event, peer| {
            let coap_tcp_core::Event::Request(incoming) = event else { panic!() };
            drop(peer.respond(&incoming, Code::CONTENT));
            peer.respond(&incoming, Code::NOT_FOUND).unwrap().finish().unwrap();
            assert_eq!(peer.respond(&incoming, Code::CONTENT).err(), Some(SendError::Gone));
            assert_eq!(peer.conn.defer(&incoming).err(), Some(SendError::Gone));
        })
        .unwrap();
    assert_eq!(rig.said(), ["4.04 Not Found"]);
}
