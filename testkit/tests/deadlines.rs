//! What is promised about time, against what a simulated connection does. The tables are those of
//! `docs/deadlines.md`: with `-- --nocapture` they are printed, with `DEADLINES_WRITE=1` they are written there.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use coap_tcp_core::{Code, Config, KeepAlive, KeepAliveBounds, KeepAliveSearch, Tolerance};
use testkit::rng::Rng;
use testkit::script::Role;
use testkit::sim::deadlines::{BOUNDS, Row, Through, deadlines, half_open, nats, tables};
use testkit::sim::{Dwelling, Lone, for_seeds};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Configurations that are made up.
const TRIALS: u64 = 4000;

const DOC: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/deadlines.md");

/// D-C-1, row-2, T-5.4-4, row-62, T-5.5-5, row-63, T-5.5-3, D-D-2, F-8, F-12, row-67, F-13, row-68, row-69: each
/// deadline alone, to the second.
fn each_deadline_is_kept(rows: &[Row]) {
    for row in rows {
        assert!(row.is_kept(true), "{row:?}");
    }
}

/// T-3.4-4, T-5.4-4: what bounds a half-open connection, and what does not.
fn half_open_connections_end_as_promised(rows: &[Row]) {
    for row in rows {
        // For a request unanswered the promise is that of the worst that may be under way.
        assert!(row.is_kept(row.what != "a request unanswered"), "{row:?}");
    }
}

/// F-7, K-4.3-3: a period below what the NAT bears loses nothing, one above it everything; learned is nearly as good
/// as known.
fn keep_alives_do_through_nats_what_they_should(nats: &[Through]) {
    for through @ Through { forgets_after, keep_alive, promised, stay } in nats {
        assert!(stay.longest_dead <= *promised, "{through:?}");
        let period = match *keep_alive {
            "Ping 100 s" => KeepAlive::UNKNOWN_NAT,
            "Ping 50 min" => KeepAlive::TYPICAL_NAT,
            "Ping 110 min" => KeepAlive::CONFORMING_NAT,
            _ => {
                let settled = stay.search.survived().unwrap();
                let most = (*forgets_after).min(BOUNDS.ceiling());
                assert!(settled <= most + most / 60 && settled >= most / 8 * 6, "{through:?}");
                assert!(stay.settled.is_some_and(|after| after < 12 * 60 * MINUTE), "{through:?}");
                assert!(stay.dead < 7 * DAY / 100, "{through:?}");
                continue;
            }
        };
        assert_eq!(stay.ends.is_empty(), period < *forgets_after, "{through:?}");
    }
}

#[test]
fn t_5_4_4_f_12_f_13_k_4_3_3_the_tables_of_the_document_are_what_is_computed() {
    let (deadlines, half_open, nats) = (deadlines(), half_open(), nats());
    let tables = tables(&deadlines, &half_open, &nats);
    println!("{}", tables.join("\n"));
    each_deadline_is_kept(&deadlines);
    half_open_connections_end_as_promised(&half_open);
    keep_alives_do_through_nats_what_they_should(&nats);

    let text = std::fs::read_to_string(DOC).unwrap();
    let mut new = String::new();
    let mut rest = text.as_str();
    for table in &tables {
        let (before, after) = rest.split_at(rest.find("\n|").expect("a table is missing") + 1);
        new.push_str(before);
        new.push_str(table);
        rest = after.split_at(after.find("\n\n").map_or(after.len(), |end| end + 1)).1;
    }
    new.push_str(rest);
    if std::env::var_os("DEADLINES_WRITE").is_some() {
        std::fs::write(DOC, &new).unwrap();
        return;
    }
    assert_eq!(text, new, "write it with DEADLINES_WRITE=1");
}

/// A configuration as nobody would choose it.
fn any_config(rng: &mut Rng) -> Config {
    let mut time = |most: usize| Duration::from_millis(1000 + rng.below(most * 1000) as u64);
    let (period, floor, ceiling) = (time(300), time(200), time(2000));
    let config = Config::new()
        .csm_timeout(time(60))
        .ping_timeout(time(120))
        .custody_timeout(time(100))
        .custody_hold(time(30))
        .frame_timeout(time(100))
        .write_timeout(time(120))
        .release_timeout(time(60))
        .drain_timeout(time(60))
        .linger(time(60))
        .request_timeout(Some(time(200)))
        .idle_timeout(Some(time(300)));
    let mut tolerance = Tolerance::DEFAULT;
    tolerance.missing_csm = rng.one_in(4);
    let config = config.tolerance(tolerance).tx_limit(200 + rng.below(400) as u32);
    let config = if rng.one_in(2) { config.idle_timeout(None) } else { config };
    let config = if rng.one_in(2) { config.request_timeout(None) } else { config };
    let config = if rng.one_in(2) { config.jitter(Some(rng.next())) } else { config };
    config.keep_alive(match rng.below(5) {
        0 => KeepAlive::Off,
        1 => KeepAlive::Empty(period),
        2 => KeepAlive::Adaptive(KeepAliveBounds::new(floor, ceiling)),
        _ => KeepAlive::Ping(period),
    })
}

/// What the peer says before it dies: whole messages, pieces, nothing.
fn hear_something(lone: &mut Lone, rng: &mut Rng) {
    const WORDS: &[&[u8]] = &[
        b"\0\0",
        b"\0\xe2",
        b"\0\xe3",
        b"\0\xe1",
        b"\x01\x01\x07",
        b"\x01\xe2\x09",
        b"\x11\xe2\x01\x20",
        b"\xd0",
    ];
    if rng.one_in(3) {
        let room = rng.below(200);
        lone.window(room);
    }
    lone.hear(WORDS[rng.below(WORDS.len())]);
}

/// What the application says, whether or not anybody hears it.
fn say_something(lone: &mut Lone, rng: &mut Rng) {
    let what = rng.below(5);
    lone.act(|now, peer| {
        // Some of it is refused, as it should be.
        let _ = match what {
            0 => peer.request(now, Code::GET).and_then(|request| request.finish(1)).map(drop),
            1 => peer.request(now, Code::GET).and_then(|request| request.within(None).finish(1)).map(drop),
            2 => peer.conn.ping(now, false, peer.tx),
            3 => peer.conn.ping(now, true, peer.tx),
            _ => peer.conn.keep_alive(peer.tx),
        };
    });
}

fn some_time(rng: &mut Rng, most: usize) -> Duration {
    Duration::from_millis(rng.below(1 + rng.clone().below(most * 1000)) as u64)
}

fn start(config: &Config, rng: &mut Rng) -> Lone {
    let role = if rng.one_in(2) { Role::Client } else { Role::Server };
    let mut lone = Lone::new(role, config.clone());
    let search = KeepAliveSearch::from_bytes(rng.next().to_le_bytes()[..4].try_into().unwrap());
    lone.act(|_, peer| peer.conn.resume_keep_alive(search));
    if !rng.one_in(8) {
        lone.hear(b"\0\xe1");
    }
    lone
}

/// T-5.4-4, F-13: whatever is configured, whatever has been said before the peer died and is said after it, the
/// connection ends within [`Config::detection_bound`].
#[test]
fn t_5_4_4_no_half_open_connection_outlives_its_bound() {
    let (mut bounded, mut closest) = (0, 0.0f64);
    for_seeds(TRIALS, |seed| {
        let mut rng = Rng::new(seed);
        let config = any_config(&mut rng);
        let Some(bound) = config.detection_bound() else { return };
        let mut lone = start(&config, &mut rng);
        for _ in 0..rng.below(12) {
            lone.wait(some_time(&mut rng, 60));
            match rng.one_in(2) {
                true => hear_something(&mut lone, &mut rng),
                false => say_something(&mut lone, &mut rng),
            }
        }
        if lone.gone().is_some() {
            return;
        }
        lone.hear(b"\0\0");
        // It is dead. What the transport still takes is all that it ever will.
        let mut died = lone.now();
        let room = rng.below(400);
        lone.window(room);
        let (talks, ends) = (rng.one_in(2), rng.one_in(10));
        while lone.gone().is_none() && lone.now() < died + bound {
            let pause = some_time(&mut rng, 60).min(died + bound - lone.now());
            lone.wait(pause);
            if talks {
                say_something(&mut lone, &mut rng);
            } else if ends && rng.one_in(4) && lone.ended().is_none() {
                died = lone.now();
                lone.act(|now, peer| match peer.conn.release(now, None, &[], peer.tx) {
                    Ok(()) => {}
                    Err(_) => peer.conn.close(),
                });
            }
        }
        lone.wait(Duration::from_millis(1));
        let Some(gone) = lone.gone() else { panic!("still there after {bound:?}: {config:?} {lone:?}") };
        bounded += 1;
        closest = closest.max(gone.saturating_sub(died).as_secs_f64() / bound.as_secs_f64());
    });
    println!("{bounded} connections, one of which took {closest:.3} of its bound");
    assert!(
        std::env::var_os("SIM_SEED").is_some() || (bounded > 1500 && closest > 0.99),
        "{bounded} {closest}"
    );
}

/// F-8, T-5.4-4: the same for a connection that nobody uses, which ends sooner.
#[test]
fn f_8_an_idle_half_open_connection_ends_within_its_bound() {
    let (mut bounded, mut closest) = (0, 0.0f64);
    for_seeds(TRIALS, |seed| {
        let mut rng = Rng::new(seed);
        let config = any_config(&mut rng);
        let mut lone = start(&config, &mut rng);
        lone.hear(b"\0\xe1");
        for _ in 0..rng.below(6) {
            lone.wait(some_time(&mut rng, 60));
            lone.hear([&b"\0\0"[..], b"\0\xe2", b"\0\xe3", b"\x01\x45\x07"][rng.below(4)]);
        }
        if lone.ended().is_some() {
            return;
        }
        let died = lone.now();
        let Some(bound) = config.idle_detection_bound() else {
            lone.wait(DAY / 4);
            // Jitter may make of an Empty message in time one that comes too late.
            let never = config.clone().jitter(None).idle_detection_bound().is_none();
            assert!(!never || lone.ended().is_none(), "nothing bounds it: {config:?}");
            return;
        };
        lone.wait(bound);
        let Some(gone) = lone.gone() else { panic!("still there after {bound:?}: {config:?} {lone:?}") };
        bounded += 1;
        closest = closest.max((gone - died).as_secs_f64() / bound.as_secs_f64());
    });
    println!("{bounded} connections, one of which took {closest:.3} of its bound");
    assert!(
        std::env::var_os("SIM_SEED").is_some() || (bounded > 1000 && closest > 0.99),
        "{bounded} {closest}"
    );
}

/// The bound is no larger than it must be: for each configuration there is a way to reach it.
#[test]
fn t_5_4_4_the_bound_is_reached() {
    for_seeds(500, |seed| {
        let mut rng = Rng::new(seed);
        let period = some_time(&mut rng, 500) + 130 * SECOND;
        let config = Config::new()
            .keep_alive(KeepAlive::Ping(period))
            .ping_timeout(some_time(&mut rng, 120) + SECOND)
            .write_timeout(some_time(&mut rng, 120) + SECOND)
            .request_timeout(None)
            .idle_timeout(None);
        let bound = config.detection_bound().unwrap();
        let stuck = |config: &Config| {
            let mut lone = Lone::open(Role::Client, config.clone());
            lone.wait(period - SECOND / 10);
            lone.window(0);
            lone.act(|now, peer| {
                assert!(peer.request(now, Code::GET).and_then(|request| request.finish(1)).is_ok());
            });
            lone.wait(DAY);
            lone.gone().unwrap()
        };
        let idle = |config: &Config| {
            let mut lone = Lone::open(Role::Client, config.clone());
            lone.wait(DAY);
            lone.gone().unwrap()
        };
        let latest = stuck(&config).max(idle(&config));
        assert!(latest <= bound && latest + SECOND > bound, "{latest:?} of {bound:?}: {config:?}");
    });
}

/// TCP-72: between a minute and an hour, behind a NAT that forgets after 300 s.
#[test]
fn k_4_3_3_a_nat_of_300_seconds_is_learned() {
    let bounds = KeepAliveBounds::new(MINUTE, 60 * MINUTE);
    let server = Config::new().idle_timeout(None);
    let device = server.clone().keep_alive(KeepAlive::Adaptive(bounds));
    let dwelling = Dwelling { device, server, bounds, forgets_after: 300 * SECOND };
    let stay = dwelling.stay(DAY, KeepAliveSearch::new());
    let period = stay.search.period(&bounds).as_secs();
    assert!((200..=300).contains(&period), "{stay:?}");
    // Who knows already loses no connection but by trying again.
    let again = dwelling.stay(DAY / 4, KeepAliveSearch::from_bytes(stay.search.to_bytes()));
    assert!(again.ends.len() <= 1 && stay.ends.len() <= 8, "{stay:?} {again:?}");
}
