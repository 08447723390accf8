//! Connections in a world of their own: what takes too long for a script, or needs two of us.
//!
//! In each of them laws 2 to 8 hold (`ARCHITECTURE.md`): the endpoints and applications of the world see to it.

use std::time::Duration;

use coap_tcp_core::{Closed, Config, Instant, KeepAlive};
use testkit::cut::Cut;
use testkit::fuzz::session_ops;
use testkit::fuzz::session_ops::play;
use testkit::rng::Rng;
use testkit::script::{Role, Setup};
use testkit::sim::{Busy, Line, Plan, Side, World, for_seeds};

const MINUTE: Duration = Duration::from_secs(60);

const FAST: Line = Line { latency: Duration::from_millis(1), rate: 0, window: 64 * 1024, segment: 1460 };

fn setups(config: &'static Config) -> [Setup; 2] {
    let setup = |role| Setup { role, config, max_message_size: 1152, window: None, cut: Cut::Whole };
    [setup(Role::Client), setup(Role::Server)]
}

/// Two ends with one plan.
fn pair(seed: u64, config: &'static Config, plans: [Plan; 2], line: Line) -> World<Busy> {
    let mut world = World::new(seed);
    let [client, server] = setups(config);
    let [first, second] = plans;
    let apps = [Busy::new(first, seed ^ 1), Busy::new(second, seed ^ 2)];
    world.connect([&client, &server], apps, line);
    world
}

fn ends() -> [Side; 2] {
    [0, 1].map(|end| Side { connection: 0, end })
}

/// F-14: with what the peer may have in flight times the answer within half of `tx`, nobody stops.
#[test]
fn two_busy_peers_with_tiny_windows_never_stop_each_other() {
    static CONFIG: Config = Config::new().tx_limit(256).reply_room(40).max_outstanding(3).max_inbound(3);
    let plan = Plan {
        requests: 2000,
        request_size: 60,
        answer_size: 30,
        defer_one_in: 3,
        later: Duration::from_millis(20),
        ..Plan::QUIET
    };
    for_seeds(5, |seed| {
        let window = 16 + 16 * (seed as usize % 4);
        let line = Line { latency: Duration::from_millis(seed), rate: 0, window, segment: 1 + seed as usize };
        let mut world = pair(seed, &CONFIG, [plan; 2], line);
        world.run_until(Instant::ZERO + 60 * MINUTE);
        for side in ends() {
            let tally = world.app(side).tally();
            assert!(world.app(side).is_even(), "law 8: {tally:?}");
            assert_eq!((tally.answered, tally.served, tally.unserved), (2000, 2000, 0), "{tally:?}");
        }
    });
}

/// Beyond that promise they may stop each other; then the deadline for writing ends it, and every tag comes
/// back.
#[test]
fn what_stops_for_ever_is_ended() {
    static CONFIG: Config = Config::new().tx_limit(256).reply_room(200).max_outstanding(64);
    let plan = Plan { requests: 500, request_size: 30, answer_size: 190, ..Plan::QUIET };
    let mut stopped = 0;
    for_seeds(12, |seed| {
        let line = Line { window: 48, segment: 8, ..FAST };
        let mut world = pair(seed, &CONFIG, [plan; 2], line);
        world.run_until(Instant::ZERO + 600 * MINUTE);
        for side in ends() {
            let (app, closed) = (world.app(side), world.closed(side));
            assert!(app.is_even(), "law 8: {:?}", app.tally());
            assert!(app.is_done() || closed.is_some(), "neither done nor over: {:?}", app.tally());
            stopped += u32::from(closed == Some(Closed::WriteTimeout));
        }
    });
    println!("{stopped} of 24 ends were stopped");
}

/// Whenever the transport breaks, every tag comes back once.
#[test]
fn a_reset_at_any_moment_loses_no_tag() {
    static CONFIG: Config = Config::new();
    let plan = Plan {
        requests: 10_000,
        request_size: 200,
        answer_size: 200,
        defer_one_in: 2,
        later: Duration::from_millis(50),
        ..Plan::QUIET
    };
    for_seeds(12, |seed| {
        let line = Line { latency: Duration::from_millis(5), rate: 100_000, window: 4096, segment: 700 };
        let mut world = pair(seed, &CONFIG, [plan; 2], line);
        let at = Duration::from_micros(world.rng().below(1_000_000) as u64);
        world.run_until(Instant::ZERO + at);
        world.reset(0);
        world.run_until(Instant::ZERO + 60 * MINUTE);
        for side in ends() {
            let (app, tally) = (world.app(side), world.app(side).tally());
            assert!(app.is_even() && tally.asked == tally.answered + tally.lost, "law 8: {tally:?}");
            assert_eq!(world.closed(side), Some(Closed::Transport));
        }
    });
}

/// T-5.5-2, T-5.5-5: who is released in the middle of things answers and is answered, then closes.
#[test]
fn a_release_in_the_middle_of_things_loses_nothing() {
    static CONFIG: Config = Config::new().max_outstanding(8);
    for_seeds(30, |seed| {
        let mut plans = [Plan {
            requests: 300,
            request_size: 100,
            answer_size: 100,
            defer_one_in: 2,
            later: Duration::from_millis(300),
            ..Plan::QUIET
        }; 2];
        plans[seed as usize % 2].release_after = Some(40 + seed as u32);
        let line = Line { latency: Duration::from_millis(20), rate: 50_000, window: 2000, segment: 300 };
        let mut world = pair(seed, &CONFIG, plans, line);
        world.run_until(Instant::ZERO + 60 * MINUTE);
        for side in ends() {
            let tally = world.app(side).tally();
            assert!(tally.asked >= 8 && tally.asked == tally.answered, "{tally:?}");
            assert_eq!((tally.lost, tally.unserved), (0, 0), "{tally:?}");
            assert!(matches!(world.closed(side), Some(Closed::Released | Closed::Local)), "{tally:?}");
        }
    });
}

/// F-5, T-5.4-4: a connection that is dead without a word is found out in one period and the patience.
#[test]
fn a_half_open_connection_is_found_out_in_time() {
    static CONFIG: Config = Config::new().keep_alive(KeepAlive::Ping(MINUTE)).idle_timeout(None);
    let plan = Plan { requests: 50, request_size: 20, answer_size: 20, ..Plan::QUIET };
    for_seeds(24, |seed| {
        let line = Line { latency: Duration::from_millis(300), ..FAST };
        let mut world = pair(seed, &CONFIG, [plan, Plan::QUIET], line);
        let cut = Instant::ZERO + Duration::from_millis(world.rng().below(600_000) as u64);
        world.run_until(cut);
        world.break_off(0);
        let latest = cut + line.latency + MINUTE + Duration::from_secs(30);
        world.run_until(latest);
        for side in ends() {
            let tally = world.app(side).tally();
            assert!(tally.ended.is_some_and(|(at, _)| at > cut), "{tally:?}");
            assert_eq!(world.closed(side), Some(Closed::PingTimeout));
            assert!(world.app(side).is_even(), "law 8: {tally:?}");
        }
    });
}

/// F-13: a peer that stops reading is given up; one that reads a little, and again, is not.
#[test]
fn a_stalled_peer_is_given_up_and_a_slow_one_is_not() {
    static CONFIG: Config =
        Config::new().frame_timeout(MINUTE.saturating_mul(60)).idle_timeout(None).request_timeout(None);
    let plan = Plan { requests: 100, request_size: 500, answer_size: 4, ..Plan::QUIET };
    let line = Line { window: 1000, ..FAST };
    let [us, peer] = ends();

    let mut world = pair(1, &CONFIG, [plan, Plan::QUIET], line);
    world.run_until(Instant::ZERO + Duration::from_millis(20));
    world.stall(peer, true);
    world.run_until(Instant::ZERO + 10 * MINUTE);
    assert_eq!(world.closed(us), Some(Closed::WriteTimeout));
    assert!(world.app(us).is_even(), "law 8: {:?}", world.app(us).tally());

    let slow = Line { rate: 20, ..line };
    let mut world = pair(2, &CONFIG, [plan, Plan::QUIET], slow);
    world.run_until(Instant::ZERO + 120 * MINUTE);
    assert_eq!(world.closed(us), None);
    assert!(world.app(us).is_done(), "{:?}", world.app(us).tally());
}

/// Nobody wakes without a reason: a quiet day costs a Ping and its Pong every 50 minutes, and no more.
#[test]
fn a_thousand_quiet_connections_for_a_day() {
    static DEVICE: Config =
        Config::new().keep_alive(KeepAlive::Ping(Duration::from_secs(3000))).idle_timeout(None);
    static SERVER: Config = Config::new().idle_timeout(None);
    let mut world = World::new(8323);
    let ([device, _], [_, server]) = (setups(&DEVICE), setups(&SERVER));
    for n in 0..1000 {
        let apps = [Busy::new(Plan::QUIET, n), Busy::new(Plan::QUIET, n)];
        world.connect([&device, &server], apps, FAST);
    }
    world.run_until(Instant::ZERO + 24 * 60 * MINUTE);
    let side = |connection| Side { connection, end: 0 };
    let open = (0..1000).filter(|&n| world.closed(side(n)).is_none()).count();
    let turns = world.turns() / 1000;
    println!("{open} open, {turns} turns a connection");
    assert_eq!(open, 1000);
    assert!(turns < 28 * 8 + 20, "{turns} turns a connection");
}

/// Laws 2 to 8 and all that the reference model knows, with operations at random: the body of the fuzz target.
#[test]
fn random_operations_beside_the_reference_model() {
    for_seeds(120, |seed| {
        let mut rng = Rng::new(seed);
        let length = 3 + rng.below(100);
        // Every other world is without what ends or breaks it, so that more happens.
        let harmless = |op: u8| !matches!(op & 63, 29..=31 | 39..=41);
        let ops: Vec<_> = std::iter::repeat_with(|| rng.next() as u8)
            .filter(|&op| seed % 2 == 0 || harmless(op))
            .take(length)
            .collect();
        session_ops(&ops);
    });
}

/// Law 1, at both ends at once: what they are told does not depend on how the streams are cut.
#[test]
fn law_1_however_two_streams_are_cut() {
    for_seeds(24, |seed| {
        let mut rng = Rng::new(seed);
        // Nothing that ends or stops it, no Pong that waits for our own turn, no buffer that the pace of reading
        // could fill, and no two deadlines at one moment.
        let harmless = |op: u8| !matches!(op & 63, 26 | 27 | 29..=31 | 37..=41 | 52..);
        let ops = std::iter::repeat_with(|| rng.next() as u8).filter(|&op| harmless(op));
        let ops: Vec<_> = ops.take(60).collect();
        let rules = [0o00, 0o13, 0o34, 0o50, 0o01, 0o33][seed as usize % 6];
        let told = [1460, 1, 16, 300].map(|segment| {
            let line = Line { latency: Duration::ZERO, rate: 0, window: 64 * 1024, segment };
            play(rules, line, seed as u8, &ops)
        });
        for other in &told {
            assert_eq!(*other, told[0], "rules {rules:o}");
        }
    });
}

/// I-3: the answer is there after one round trip if the request goes with the CSM, after two if it waits for
/// the peer's; the handshake of TCP is one more.
#[test]
fn an_answer_takes_one_round_trip_or_two() {
    static EAGER: Config = Config::new();
    static WAITS: Config = Config::new().await_csm(true);
    let latency = Duration::from_millis(100);
    for (config, trips) in [(&EAGER, 1), (&WAITS, 2)] {
        let plan = Plan { requests: 1, ..Plan::QUIET };
        let mut world = World::new(1);
        // It opens half a round trip later, which comes to the same as a CSM that waits for ours.
        let ([client, _], [_, server]) = (setups(config), setups(&WAITS));
        let apps = [Busy::new(plan, 1), Busy::new(Plan::QUIET, 2)];
        world.connect([&client, &server], apps, Line { latency, ..FAST });
        let [us, _] = ends();
        let due = Instant::ZERO + 2 * latency * trips;
        world.run_until(due - Duration::from_millis(1));
        assert_eq!(world.app(us).tally().answered, 0, "{trips} round trips");
        world.run_until(due);
        assert_eq!(world.app(us).tally().answered, 1, "{trips} round trips");
    }
}

/// T-D5-3, T-D5-2: a stream that ends in the middle of things. Who is told so answers what it owes, takes what
/// still comes, and every tag comes back; who has ended it is told when the other has.
#[test]
fn a_half_closed_connection_ends_in_order() {
    static CONFIG: Config = Config::new();
    let plan = Plan {
        requests: 10_000,
        request_size: 200,
        answer_size: 200,
        defer_one_in: 2,
        later: Duration::from_millis(50),
        ..Plan::QUIET
    };
    for_seeds(12, |seed| {
        let line = Line { latency: Duration::from_millis(5), rate: 100_000, window: 4096, segment: 700 };
        let mut world = pair(seed, &CONFIG, [plan; 2], line);
        let at = Duration::from_micros(50_000 + world.rng().below(1_000_000) as u64);
        world.run_until(Instant::ZERO + at);
        let [quiet, told] = ends();
        world.half_close(quiet);
        world.run_until(Instant::ZERO + 60 * MINUTE);
        for side in ends() {
            let (app, tally) = (world.app(side), world.app(side).tally());
            assert!(app.is_even() && tally.asked == tally.answered + tally.lost, "law 8: {tally:?}");
        }
        // Who was told so in the middle of a message has nothing more to say, in the middle of one or not.
        let closed = [told, quiet].map(|side| world.closed(side));
        let cut_off = |closed| matches!(closed, Some(Closed::Eof | Closed::EofInMessage));
        let in_order = closed == [Some(Closed::Eof); 2];
        assert!(in_order || closed[0] == Some(Closed::EofInMessage) && cut_off(closed[1]), "{closed:?}");
    });
}

/// F-11: silence in one direction only. Its reader finds out by the Ping that is not answered, the other by
/// the silence that follows.
#[test]
fn silence_in_one_direction_is_found_out() {
    static CONFIG: Config = Config::new().keep_alive(KeepAlive::Ping(MINUTE)).idle_timeout(None);
    let plan = Plan { requests: 50, request_size: 20, answer_size: 20, ..Plan::QUIET };
    for_seeds(12, |seed| {
        let mut world = pair(seed, &CONFIG, [plan, Plan::QUIET], FAST);
        let cut = Instant::ZERO + Duration::from_millis(world.rng().below(300_000) as u64);
        world.run_until(cut);
        let [mute, deaf] = ends();
        world.silence(mute);
        world.run_until(cut + MINUTE + Duration::from_secs(30) + FAST.latency);
        assert_eq!(world.closed(deaf), Some(Closed::PingTimeout));
        world.run_until(cut + 10 * MINUTE);
        assert!(world.closed(mute).is_some() && world.app(mute).is_even(), "{:?}", world.app(mute).tally());
    });
}
