//! The error matrix (section H) as counters: what causes a row makes its counter grow, and no other.

use std::time::Duration;

use crate::rig::{Rig, frame, frames};
use coap_tcp_core::{
    Code, Config, Connection, Count, Instant, KeepAlive, Oversized, Settled, Slot, Stats, Tally, Tolerance,
};

const SECOND: Duration = Duration::from_secs(1);

/// What bytes do to an open connection.
fn open(bytes: &str) -> Rig {
    open_with(Config::new(), bytes)
}

fn open_with(config: Config, bytes: &str) -> Rig {
    let mut rig = Rig::open_with(config);
    let _ = rig.feed(bytes);
    rig
}

/// What they do as the first ones.
fn first(bytes: &[u8]) -> Rig {
    let mut rig = Rig::accept(Config::new());
    let _ = rig.feed_bytes(bytes);
    rig
}

fn tolerant(change: impl FnOnce(&mut Tolerance)) -> Config {
    let mut tolerance = Tolerance::DEFAULT;
    change(&mut tolerance);
    Config::new().tolerance(tolerance)
}

/// What a request makes the server on top answer.
fn asked(code: Code, options: &[(u16, &[u8])]) -> Rig {
    let mut rig = Rig::open();
    rig.feed_bytes(&frame(code, &[7], options, b"")).unwrap();
    rig
}

fn says(code: Code) -> Rig {
    asked(Code::GET, &[(11, b"says"), (11, &[code.0])])
}

/// A request of ours, and what comes then.
fn asking(bytes: &str) -> Rig {
    let mut rig = Rig::open();
    rig.get("a", 1);
    rig.flush();
    let _ = rig.feed(bytes);
    rig
}

/// A response that is too large for us.
fn passed_over(config: Config, size: usize) -> Rig {
    let mut rig = Rig::open_with(config);
    rig.get("a", 1);
    let token = frames(&rig.flush())[0][2..4].to_vec();
    rig.feed_bytes(&frame(Code::CONTENT, &token, &[], &vec![0x55; size])).unwrap();
    rig
}

fn pinged(then: impl FnOnce(&mut Rig)) -> Rig {
    let mut rig = Rig::open();
    let peer = rig.session.peer(&mut rig.tx);
    peer.conn.ping(rig.now, false, peer.tx).unwrap();
    rig.flush();
    then(&mut rig);
    rig
}

/// A Ping with Custody while an answer is owed.
fn custody() -> Rig {
    let mut rig = asked(Code::GET, &[(11, b"later")]);
    rig.feed("11 E2 42 20").unwrap();
    rig
}

/// A notification that was on its way when we cancelled.
fn cancelled() -> Rig {
    let mut rig = Rig::open();
    let mut peer = rig.session.peer(&mut rig.tx);
    let mut request = peer.request(rig.now, Code::GET).unwrap();
    request.uint(coap_tcp_core::OptionNumber::OBSERVE, 0).unwrap();
    let id = request.finish(1).unwrap();
    let token = frames(&rig.flush())[0][2..4].to_vec();
    rig.feed_bytes(&frame(Code::CONTENT, &token, &[(6, b"")], b"")).unwrap();
    let peer = rig.session.peer(&mut rig.tx);
    peer.conn.deregister(rig.now, id, Code::GET, peer.tx).unwrap().finish().unwrap();
    rig.stats = Stats::new();
    rig.feed_bytes(&frame(Code::CONTENT, &token, &[(6, b"")], b"")).unwrap();
    rig
}

fn observed_twice() -> Rig {
    let mut rig = Rig::open();
    let register = frame(Code::GET, &[7], &[(6, b""), (11, b"obs")], b"");
    rig.feed_bytes(&register).unwrap();
    rig.feed_bytes(&register).unwrap();
    rig
}

fn eof(mut rig: Rig) -> Rig {
    rig.session.handle_eof(rig.now);
    rig
}

fn waited(mut rig: Rig, time: Duration) -> Rig {
    rig.wait(time);
    rig
}

/// Its slots are full, and so is nothing else.
fn crowded() -> Rig {
    let mut rig = Rig::open_with(Config::new().max_inbound(1));
    let request = frame(Code::GET, &[7], &[(11, b"later")], b"");
    rig.feed_bytes(&request).unwrap();
    rig.feed_bytes(&request).unwrap();
    rig
}

/// Row, what causes it, what then has grown by one.
type Row = (&'static str, fn() -> Rig, &'static [Count]);

const ROWS: &[Row] = &[
    ("1", || first(&[0x01, 0x01, 0x07]), &[Count::CsmMissing]),
    ("2", || waited(Rig::accept(Config::new()), 30 * SECOND), &[Count::CsmTimeouts]),
    (
        "2, borne",
        || waited(Rig::accept(tolerant(|it| it.missing_csm = true)), 30 * SECOND),
        &[Count::CsmsAssumed],
    ),
    ("3", || eof(Rig::accept(Config::new())), &[Count::Eof]),
    ("4", || first(&[0x00, 0xe1]), &[Count::Csms]),
    ("5", || open("00 E1"), &[Count::Csms]),
    ("6", || open("50 E1 22 04 80 61 00"), &[Count::Csms, Count::IgnoredOptions]),
    ("7", || open("10 E1 10"), &[Count::BadCsmOptions]),
    ("8", || open("20 E1 41 01"), &[Count::BadCsmOptions]),
    (
        "8, borne",
        || open_with(tolerant(|it| it.bad_csm_value = true), "20 E1 41 01"),
        &[Count::Csms, Count::IgnoredOptions],
    ),
    ("9", || open("20 E1 61 07"), &[Count::Csms, Count::IgnoredOptions]),
    ("9, clamped", || open("40 E1 63 01 01 0D"), &[Count::Csms]),
    ("10", || open("60 E1 22 04 80 02 08 00"), &[Count::Csms, Count::IgnoredOptions]),
    ("11", || open("10 E1 20"), &[Count::BadCsmOptions]),
    ("12", || open("10 E2 10"), &[Count::CriticalSignalOptions]),
    ("13, unknown", || open("10 E2 80"), &[Count::Pings, Count::IgnoredOptions]),
    ("13, length", || open("20 E2 21 01"), &[Count::Pings, Count::IgnoredOptions]),
    ("13, Pong", || open("20 E3 21 01"), &[Count::StrayPongs, Count::IgnoredOptions]),
    ("13, Release", || open("50 E4 44 01 00 00 00"), &[Count::Released, Count::IgnoredOptions]),
    ("13, address", || open("10 E4 20"), &[Count::Released, Count::IgnoredOptions]),
    ("13, Abort", || open("40 E5 23 00 00 09"), &[Count::Aborted, Count::IgnoredOptions]),
    ("14", || open("00 E6"), &[Count::UnknownSignals]),
    ("15", || open("10 E2 FF"), &[Count::PayloadsMissing]),
    ("16", || open("00 00"), &[Count::Empties]),
    ("17", || open("01 00 AA"), &[Count::FilledEmpties]),
    (
        "17, strict",
        || open_with(tolerant(|it| it.filled_empty = false), "01 00 AA"),
        &[Count::FilledEmptyAborts],
    ),
    ("18", || open("0F 01"), &[Count::TokenLengths]),
    ("19", || open("09 01 000000000000000000"), &[Count::TokenLengths]),
    (
        "19, announced",
        || open_with(Config::new().token_length(9), "0A 01 00000000000000000000"),
        &[Count::TokenLengths],
    ),
    (
        "20",
        || {
            let mut rig = Rig::open_with(Config::new().token_length(12));
            rig.feed_bytes(&frame(Code::GET, &[7; 12], &[(11, b"later")], b"")).unwrap();
            rig
        },
        &[Count::Unavailable],
    ),
    ("21", || open("08 45 01 02 03 04 05 06 07 08"), &[Count::Unmatched]),
    ("22, delta", || open("10 01 F0"), &[Count::OptionNibbles]),
    ("22, length", || open("10 01 0F"), &[Count::OptionNibbles]),
    ("23", || open("20 01 B5 61"), &[Count::OptionsTruncated]),
    ("24", || open("30 01 E0 FF FF"), &[Count::OptionNumbers]),
    ("25", || open("10 45 FF"), &[Count::PayloadsMissing]),
    ("26", || open("F0 00 00 00 00 02"), &[Count::TooLarge]),
    (
        "26, passed over",
        || open_with(Config::new().oversized(Oversized::Drain), "F0 00 00 00 00 02"),
        &[Count::EntityTooLarge],
    ),
    ("27", || open_with(Config::new().max_message_size(64), "D1 40 02 07"), &[Count::EntityTooLarge]),
    (
        "26, a response",
        || passed_over(Config::new().oversized(Oversized::Drain), 1200),
        &[Count::FailedTooLarge],
    ),
    ("27, a response", || passed_over(Config::new().max_message_size(64), 80), &[Count::FailedTooLarge]),
    (
        "27, that nobody waits for",
        || open_with(Config::new().max_message_size(64), "D1 40 45 07"),
        &[Count::Unmatched],
    ),
    ("28", || open("00 20"), &[Count::ReservedClassAborts]),
    ("28, borne", || open_with(tolerant(|it| it.reserved_class = true), "00 20"), &[Count::ReservedClasses]),
    ("29", || open("00 08"), &[Count::MethodNotAllowed]),
    ("30", || asked(Code::GET, &[(11, b"silent")]), &[Count::NotImplemented]),
    ("31", || asked(Code::GET, &[(269, b"x")]), &[Count::BadOption]),
    ("33", || asked(Code::GET, &[(3, b"")]), &[Count::BadOption]),
    ("34", || asked(Code::GET, &[(11, b"..")]), &[Count::BadRequest]),
    ("35", || asked(Code::GET, &[(35, b"coap://a")]), &[Count::ProxyingNotSupported]),
    ("36", || says(Code::NOT_ACCEPTABLE), &[Count::NotAcceptable]),
    ("37", || says(Code::UNSUPPORTED_CONTENT_FORMAT), &[Count::UnsupportedFormat]),
    ("38, 39", || says(Code::BAD_REQUEST), &[Count::BadRequest]),
    ("40", || says(Code::REQUEST_ENTITY_INCOMPLETE), &[Count::EntityIncomplete]),
    ("41", || says(Code::REQUEST_ENTITY_TOO_LARGE), &[Count::EntityTooLarge]),
    ("44", observed_twice, &[Count::ObservationsEnded]),
    ("45", crowded, &[Count::Unavailable]),
    ("45, 4.29", || says(Code::TOO_MANY_REQUESTS), &[Count::TooManyRequests]),
    ("46", || open("01 45 07"), &[Count::Unmatched]),
    ("47", || asking("32 45 10 00 D1 FC 78"), &[Count::FailedBadOption]),
    ("51", cancelled, &[Count::LateNotifications]),
    ("53", || open("01 E2 42"), &[Count::Pings]),
    ("54", || open("01 E3 AA"), &[Count::StrayPongs]),
    ("55", || open("00 E4"), &[Count::Released]),
    (
        "55, never ready",
        || {
            let mut rig = asked(Code::GET, &[(11, b"later")]);
            rig.feed("00 E4").unwrap();
            waited(rig, 30 * SECOND)
        },
        &[Count::DrainTimeouts],
    ),
    ("56", || open("00 E4 00 E4"), &[Count::ReleasedAgain, Count::Released]),
    ("57", || open("00 E5"), &[Count::Aborted]),
    ("59", || eof(Rig::open()), &[Count::Eof]),
    ("60", || eof(open("10 01")), &[Count::EofInMessage]),
    (
        "61",
        || {
            let mut rig = Rig::open();
            rig.session.handle_lost();
            rig
        },
        &[Count::Transport],
    ),
    ("62", || pinged(|rig| drop(rig.wait(30 * SECOND))), &[Count::PingTimeouts]),
    (
        "62, another sign of life",
        || {
            pinged(|rig| {
                rig.wait(SECOND);
                rig.feed("01 45 07").unwrap();
                rig.wait(29 * SECOND);
            })
        },
        &[Count::Unmatched, Count::PongsMissing],
    ),
    (
        "63",
        || {
            let mut rig = Rig::open();
            let peer = rig.session.peer(&mut rig.tx);
            peer.conn.release(rig.now, None, &[], peer.tx).unwrap();
            rig.flush();
            waited(rig, 30 * SECOND)
        },
        &[Count::ReleaseTimeouts],
    ),
    ("66", || first(b"GET / HTTP/1.1\r\n"), &[Count::CsmMissing]),
    ("66, TLS", || first(&[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc]), &[Count::CsmMissing]),
    ("67", || waited(open("10 01"), 31 * SECOND), &[Count::FrameTimeouts]),
    (
        "68",
        || {
            let mut rig = open("00 E2");
            rig.session.sent(rig.now, 0, 2);
            waited(rig, 60 * SECOND)
        },
        &[Count::Pings, Count::WriteTimeouts],
    ),
    ("69", custody, &[Count::CustodyHeld]),
    (
        "69, given up",
        || waited(flushed(custody()), 20 * SECOND),
        &[Count::CustodyHeld, Count::CustodyGivenUp],
    ),
    ("70", || asked(Code::GET, &[(11, b"forgets")]), &[Count::InternalError]),
    (
        "70, later",
        || {
            let mut rig = asked(Code::GET, &[(11, b"later")]);
            let ticket = rig.app.tickets.remove(0);
            let mut peer = rig.session.peer(&mut rig.tx);
            peer.respond_later(&ticket, Code::INTERNAL_SERVER_ERROR).unwrap().finish().unwrap();
            rig
        },
        &[Count::InternalError],
    ),
];

fn flushed(mut rig: Rig) -> Rig {
    rig.flush();
    rig
}

/// All that is somebody's fault and has been counted.
fn grown(rig: &mut Rig) -> Vec<(Count, u64)> {
    rig.flush();
    if let Some(why) = rig.ended() {
        rig.stats.closed(why);
    }
    let counts = rig.stats.iter();
    counts.filter(|&(count, n)| n > 0 && count.rows() != "none").collect()
}

#[test]
fn h_each_row_has_its_counter() {
    for (row, cause, expected) in ROWS {
        let mut expected: Vec<_> = expected.iter().map(|&count| (count, 1)).collect();
        expected.sort();
        assert_eq!(grown(&mut cause()), expected, "row {row}");
    }
}

/// The test above proves what each counter says of itself.
#[test]
fn h_each_counter_names_its_rows() {
    let rows = |text: &str| -> Vec<u32> { text.split(", ").filter_map(|row| row.parse().ok()).collect() };
    for &count in Count::ALL {
        let claimed = rows(count.rows());
        let mut proven: Vec<u32> = ROWS
            .iter()
            .filter(|(_, _, counts)| counts.contains(&count))
            .flat_map(|(row, ..)| rows(row))
            .filter(|row| claimed.contains(row))
            .collect();
        proven.dedup();
        let elsewhere: &[u32] = match count {
            // A connection without its session, no room, no memory: below.
            Count::AfterEnd => &[43, 58],
            Count::PongsDropped => &[53],
            Count::OutOfMemory => &[71],
            // The same in a signaling message as in a request.
            Count::OptionNibbles | Count::OptionsTruncated | Count::OptionNumbers => &[15],
            // The same after the end of the stream.
            Count::DrainTimeouts => &[59],
            _ => &[],
        };
        proven.extend(elsewhere);
        proven.sort_unstable();
        proven.dedup();
        assert_eq!(proven, claimed, "{count:?}");
    }
}

#[test]
fn what_is_nobodys_fault_is_counted_too() {
    let mut rig = asking("12 45 10 00 60");
    rig.feed_bytes(&frame(Code::GET, &[1], &[(11, b"says"), (11, &[Code::NOT_FOUND.0])], b"")).unwrap();
    rig.flush();
    rig.get("b", 2);
    rig.flush();
    rig.wait(93 * SECOND);
    let counted = |count| rig.stats.get(count);
    let traffic = [Count::Responses, Count::Requests, Count::OtherErrors, Count::RequestTimeouts];
    assert_eq!(traffic.map(counted), [1; 4]);

    let mut rig = Rig::open_with(Config::new().keep_alive(KeepAlive::Empty(10 * SECOND)));
    rig.wait(10 * SECOND);
    rig.flush();
    assert_eq!(rig.stats.get(Count::KeepAlives), 1);
}

#[test]
fn row_43_row_58_a_connection_without_its_session_reports_what_comes_after_the_end() {
    let config = Config::new();
    let (now, mut tx, mut stats) = (Instant::ZERO, Vec::new(), Stats::new());
    let mut conn = Connection::accept(&config, Vec::<Slot<u32>>::new(), now, &mut tx).unwrap();
    conn.close();
    stats.event(&conn.handle_frame(now, &[0x00, 0xe2], &mut tx).unwrap());
    assert_eq!(stats.get(Count::AfterEnd), 1);
}

#[test]
fn row_71_and_a_pong_without_room() {
    let mut stats = Stats::new();
    let event = coap_tcp_core::Event::<u32>::Settled(Settled::PongDropped);
    stats.event(&event);
    stats.closed(coap_tcp_core::Closed::OutOfMemory);
    assert_eq!((stats.get(Count::PongsDropped), stats.get(Count::OutOfMemory)), (1, 1));
}

/// What the core answers by itself is an event, so that nothing is lost silently.
#[test]
fn t_3_3_11_what_the_layer_above_leaves_is_answered_and_reported() {
    let mut rig = asked(Code::GET, &[(11, b"silent")]);
    assert_eq!(rig.heard()[1..], ["settled Unserved"]);
    assert_eq!(rig.said(), ["5.01 Not Implemented token=07"]);
    let mut rig = asked(Code::GET, &[(11, b"forgets")]);
    assert_eq!(rig.heard()[1..], ["settled AnswerFailed"]);
    assert_eq!(rig.said(), ["5.00 Internal Server Error token=07"]);
}

#[test]
fn sums_and_names() {
    let mut sum = Stats::new();
    let mut one = Stats::new();
    one.add(Count::Pings, 2);
    sum += &one;
    sum += &one;
    assert_eq!(sum.get(Count::Pings), 4);
    sum.add(Count::Pings, u64::MAX);
    assert_eq!(sum.get(Count::Pings), u64::MAX, "no counter begins again");
    let mut names: Vec<_> = Count::ALL.iter().map(|count| count.name()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Count::ALL.len());
    assert!(names.iter().all(|name| name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')));
}
