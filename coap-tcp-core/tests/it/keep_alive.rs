//! F-5 to F-7, K-4.3-3: a keep-alive that learns; and what a configuration promises about half-open connections.

use std::time::Duration;

use crate::rig::Rig;
use coap_tcp_core::{
    Closed, Code, Config, Expired, KeepAlive, KeepAliveBounds, KeepAliveSearch, Shutdown, Tolerance,
};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const BOUNDS: KeepAliveBounds = KeepAliveBounds::new(MINUTE, HOUR);

const fn adaptive() -> Config {
    Config::new().keep_alive(KeepAlive::Adaptive(BOUNDS)).idle_timeout(None)
}

/// Waits until the Ping is said and its Pong comes; how long that took.
fn survive(rig: &mut Rig) -> Duration {
    let since = rig.now;
    let (due, _) = rig.session.poll_timeout().unwrap();
    assert_eq!(rig.wait(due.duration_since(since)), [Expired::KeepAlive]);
    assert_eq!(rig.said_hex(), "00E2");
    rig.feed("00 E3").unwrap();
    rig.now.duration_since(since)
}

/// The same, and no Pong comes.
fn die(rig: &mut Rig) -> KeepAliveSearch {
    let (due, _) = rig.session.poll_timeout().unwrap();
    assert_eq!(rig.wait(due.duration_since(rig.now)), [Expired::KeepAlive]);
    rig.flush();
    assert_eq!(rig.wait(30 * SECOND), [Expired::Closed(Closed::PingTimeout)]);
    rig.session.conn().keep_alive_search()
}

fn resume(search: KeepAliveSearch) -> Rig {
    let mut rig = Rig::open_with(adaptive());
    rig.session.peer(&mut rig.tx).conn.resume_keep_alive(search);
    rig
}

fn minutes(rig: &Rig) -> u64 {
    rig.session.conn().keep_alive_search().period(&BOUNDS).as_secs() / 60
}

#[test]
fn k_4_3_3_the_period_doubles_with_each_pong_up_to_the_ceiling() {
    let mut rig = Rig::open_with(adaptive());
    let taken: Vec<_> = (0..8).map(|_| survive(&mut rig).as_secs()).collect();
    assert_eq!(taken[0], 60);
    assert!(
        taken.windows(2).all(|two| two[1] == 3600 || two[1].abs_diff(two[0] * 2) <= two[0] / 8),
        "{taken:?}"
    );
    assert_eq!(taken[6..], [3600, 3600]);
    assert!(rig.session.conn().keep_alive_search().is_settled(&BOUNDS));
}

#[test]
fn k_4_3_3_what_is_learned_goes_on_in_the_next_connection() {
    let mut rig = Rig::open_with(adaptive());
    for _ in 0..4 {
        survive(&mut rig);
    }
    assert_eq!(minutes(&rig), 16);
    let search = die(&mut rig);
    assert_eq!(search.survived().unwrap().as_secs() / 60, 8);
    let kept = search.to_bytes();

    let mut rig = resume(KeepAliveSearch::from_bytes(kept));
    let period = survive(&mut rig);
    assert!(period > 10 * MINUTE && period < 13 * MINUTE, "{period:?}");
}

#[test]
fn k_4_3_3_with_traffic_nothing_is_learned() {
    let mut rig = Rig::open_with(adaptive());
    for _ in 0..20 {
        // What we say counts as much as what comes; a Ping is due all the same, since the peer has to be heard of.
        assert_eq!(rig.wait(30 * SECOND), []);
        let peer = rig.session.peer(&mut rig.tx);
        peer.conn.keep_alive(peer.tx).unwrap();
        rig.flush();
        assert_eq!(rig.wait(30 * SECOND), [Expired::KeepAlive]);
        rig.flush();
        rig.feed("00 E3").unwrap();
    }
    assert_eq!(rig.session.conn().keep_alive_search(), KeepAliveSearch::new());
    for _ in 0..20 {
        assert_eq!(rig.wait(30 * SECOND), []);
        rig.feed("00 00").unwrap();
    }
    assert_eq!(rig.session.conn().keep_alive_search(), KeepAliveSearch::new());
}

#[test]
fn k_4_3_3_a_pong_that_comes_in_pieces_teaches_as_much() {
    let mut rig = Rig::open_with(adaptive());
    rig.wait(MINUTE);
    rig.flush();
    rig.feed("00").unwrap();
    rig.feed("E3").unwrap();
    assert_eq!(minutes(&rig), 2);
}

#[test]
fn t_5_4_6_another_byte_instead_of_the_pong_teaches_nothing_and_ends_nothing() {
    let mut rig = Rig::open_with(adaptive());
    rig.wait(MINUTE);
    rig.flush();
    rig.wait(SECOND);
    rig.feed("00 00").unwrap();
    assert_eq!(rig.wait(29 * SECOND), [Expired::PongMissing]);
    assert_eq!(rig.session.conn().keep_alive_search(), KeepAliveSearch::new());
    assert_eq!(rig.wait(31 * SECOND), [Expired::KeepAlive]);
}

#[test]
fn k_4_3_3_a_reset_after_the_ping_is_a_failure_and_an_orderly_end_is_none() {
    let known = KeepAliveSearch::known(10 * MINUTE);
    let mut rig = resume(known);
    rig.wait(21 * MINUTE);
    rig.flush();
    rig.session.handle_lost();
    assert!(rig.session.conn().keep_alive_search().failed().is_some(), "the NAT answers for the peer");

    let mut rig = resume(known);
    rig.session.handle_lost();
    assert_eq!(rig.session.conn().keep_alive_search(), known, "no silence before it");

    let mut rig = resume(known);
    rig.wait(21 * MINUTE);
    rig.flush();
    rig.session.handle_eof(rig.now);
    rig.flush();
    assert_eq!(rig.session.conn().keep_alive_search(), known, "the path has borne the end of the stream");
}

#[test]
fn k_4_3_3_a_request_into_the_void_teaches_as_much_as_a_ping() {
    let known = KeepAliveSearch::known(30 * MINUTE);
    let failed = |search: KeepAliveSearch| search.to_bytes()[2] == 0 && search != known;
    // The layer above has lost its patience.
    for _ in 0..2 {
        let mut rig = resume(known);
        survive(&mut rig);
        rig.wait(10 * MINUTE);
        rig.get("a", 1);
        rig.flush();
        rig.wait(60 * SECOND);
        rig.session.peer(&mut rig.tx).conn.close();
        assert!(failed(rig.session.conn().keep_alive_search()));
    }
    // Or the core has, before it.
    let mut rig = resume(known);
    survive(&mut rig);
    rig.wait(10 * MINUTE);
    let id = rig.get("a", 1);
    rig.flush();
    assert_eq!(rig.wait(93 * SECOND), [Expired::Request(id, 1)]);
    rig.session.peer(&mut rig.tx).conn.close();
    assert!(failed(rig.session.conn().keep_alive_search()));
    // Not so if anything came since, or nothing was asked.
    let mut rig = resume(known);
    rig.wait(10 * MINUTE);
    rig.get("a", 1);
    rig.flush();
    rig.feed("00 00").unwrap();
    rig.wait(93 * SECOND);
    rig.session.peer(&mut rig.tx).conn.close();
    assert_eq!(rig.session.conn().keep_alive_search(), known);
    let mut rig = resume(known);
    rig.wait(10 * MINUTE);
    rig.session.peer(&mut rig.tx).conn.close();
    assert_eq!(rig.session.conn().keep_alive_search(), known);
}

#[test]
fn f_6_periods_are_shortened_by_the_callers_seed() {
    let drawn = |seed| {
        let keep_alive = KeepAlive::Ping(100 * SECOND);
        let mut rig = Rig::open_with(Config::new().keep_alive(keep_alive).jitter(seed).idle_timeout(None));
        (0..20).map(|_| survive(&mut rig)).collect::<Vec<_>>()
    };
    assert_eq!(drawn(None), [100 * SECOND; 20]);
    let [one, other] = [drawn(Some(1)), drawn(Some(2))];
    assert_eq!(one, drawn(Some(1)), "determinism");
    assert_ne!(one, other);
    assert!(one.iter().chain(&other).all(|&it| it <= 100 * SECOND && it >= 80 * SECOND), "{one:?} {other:?}");
    assert!(one.iter().any(|&it| it < 85 * SECOND) && one.iter().any(|&it| it > 95 * SECOND), "{one:?}");
}

#[test]
fn f_7_the_presets() {
    assert_eq!(KeepAlive::UNKNOWN_NAT, 100 * SECOND);
    assert_eq!(KeepAlive::TYPICAL_NAT, 50 * MINUTE);
    assert_eq!(KeepAlive::CONFORMING_NAT, 110 * MINUTE);
    let KeepAlive::Adaptive(bounds) = KeepAlive::ADAPTIVE else { panic!() };
    assert_eq!((bounds.floor(), bounds.ceiling()), (MINUTE, 110 * MINUTE));
}

#[test]
fn t_5_4_4_what_a_configuration_promises_about_half_open_connections() {
    let ping = |seconds: u32| Config::new().keep_alive(KeepAlive::Ping(seconds * SECOND)).idle_timeout(None);
    let mut borne = Tolerance::DEFAULT;
    borne.missing_csm = true;
    for (config, whatever, idle) in [
        (Config::new(), None, Some(302)),
        (Config::new().idle_timeout(None), None, None),
        (ping(100), Some(160), Some(130)),
        (ping(100).jitter(Some(1)), Some(160), Some(130)),
        // A request that is answered late may hide one Ping.
        (ping(10), Some(90), Some(60)),
        (ping(10).write_timeout(5 * SECOND), Some(60), Some(60)),
        (ping(100).release_timeout(HOUR), Some(3660), Some(130)),
        (ping(10).tolerance(borne).csm_timeout(200 * SECOND), Some(260), Some(230)),
        (ping(100).idle_timeout(Some(50 * SECOND)), Some(160), Some(52)),
        (ping(100).idle_timeout(Some(90 * SECOND)).jitter(Some(1)), Some(160), Some(130)),
        (Config::new().keep_alive(KeepAlive::Empty(100 * SECOND)), None, None),
        (Config::new().keep_alive(KeepAlive::Empty(400 * SECOND)), None, Some(602)),
        (Config::new().keep_alive(KeepAlive::Empty(350 * SECOND)).jitter(Some(1)), None, None),
        (adaptive(), Some(3660), Some(3630)),
    ] {
        let seconds = |bound: Option<Duration>| bound.map(|bound| bound.as_secs());
        let promised = (seconds(config.detection_bound()), seconds(config.idle_detection_bound()));
        assert_eq!(promised, (whatever, idle), "{config:?}");
    }
}

/// The last words after some other end are not waited for where a Ping has told that nobody is there.
#[test]
fn t_5_4_4_a_missing_pong_ends_the_last_words_as_well() {
    let config = Config::new().keep_alive(KeepAlive::Ping(MINUTE)).idle_timeout(None).linger(HOUR);
    let mut rig = Rig::open_with(config.clone());
    rig.wait(MINUTE);
    rig.flush();
    rig.session.peer(&mut rig.tx).conn.close();
    rig.flush();
    assert_eq!(rig.shutdown(), Shutdown::AfterFlush);
    rig.wait(30 * SECOND);
    assert_eq!((rig.shutdown(), rig.ended()), (Shutdown::Now, Some(Closed::Local)));

    let mut rig = Rig::open_with(config);
    rig.wait(MINUTE);
    rig.flush();
    rig.session.peer(&mut rig.tx).conn.close();
    rig.flush();
    rig.wait(SECOND);
    rig.feed("00 E3").unwrap();
    assert_eq!(rig.wait(30 * SECOND), [], "law 5");
    assert_eq!(rig.shutdown(), Shutdown::AfterFlush);
}

/// A request alone ends no connection.
#[test]
fn t_3_4_4_the_deadline_of_a_request_ends_the_request_only() {
    let mut rig = Rig::open_with(Config::new().idle_timeout(None));
    let id = rig.get("a", 1);
    rig.flush();
    assert_eq!(rig.wait(93 * SECOND), [Expired::Request(id, 1)]);
    assert_eq!(rig.wait(1000 * HOUR), []);
    assert_eq!((rig.ended(), rig.session.poll_timeout()), (None, None));
    assert!(rig.session.peer(&mut rig.tx).request(rig.now, Code::GET).is_ok());
}
