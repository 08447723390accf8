//! The search alone, against NATs that are a number.

use alloc::vec::Vec;

use super::*;

const MINUTE: Duration = Duration::from_secs(60);
const BOUNDS: KeepAliveBounds = KeepAliveBounds::new(MINUTE, Duration::from_secs(6 * 3600));

fn rung(time: Duration) -> Rung {
    Rung::of(micros(time))
}

/// The period with jitter, counted from some millisecond.
fn drawn(keep_alive: KeepAlive, search: KeepAliveSearch, seed: u64, millis: u64) -> Duration {
    let since = Instant::from_millis(millis);
    keep_alive.due(search, since, Some(seed)).duration_since(since)
}

/// What a path does to a search: so many silences, of which those up to `survives` do.
fn use_path(search: &mut KeepAliveSearch, bounds: &KeepAliveBounds, survives: Duration, times: u32) -> u32 {
    let mut lost = 0;
    for _ in 0..times {
        let silence = search.period(bounds);
        if silence <= survives {
            search.note_success(rung(silence), bounds);
        } else {
            search.note_failure(rung(silence), bounds);
            lost += 1;
        }
    }
    lost
}

#[test]
fn rungs_are_rounded_down_and_come_back() {
    for n in 1..=u8::MAX {
        let time = Rung(n).time();
        assert_eq!(rung(time), Rung(n));
        assert_eq!(rung(time - time / 40), Rung(n - 1), "{time:?}");
        assert_eq!(rung(time + time / 200), Rung(n));
    }
    assert_eq!(rung(Duration::from_secs(1)), Rung::NONE);
    assert_eq!(rung(Duration::MAX), Rung(u8::MAX));
    assert!(Rung(u8::MAX).time() > Duration::from_secs(18 * 3600));
    assert_eq!(rung(2 * MINUTE), rung(MINUTE).twice());
}

/// K-4.3-3, TCP-72: wherever between the bounds the NAT forgets, the period ends an eighth below it or less, and few
/// connections are lost on the way.
#[test]
fn k_4_3_3_every_nat_is_found() {
    for seconds in (60..6 * 3600).step_by(17) {
        let survives = Duration::from_secs(seconds);
        let mut search = KeepAliveSearch::new();
        let lost = use_path(&mut search, &BOUNDS, survives, 14);
        let period = search.period(&BOUNDS);
        assert!(search.is_settled(&BOUNDS), "{survives:?}: {search:?}");
        assert!(period <= survives && period >= survives / 8 * 6, "{survives:?}: {period:?}");
        assert!(lost <= 4, "{survives:?}: {lost}");
    }
    let mut search = KeepAliveSearch::new();
    use_path(&mut search, &KeepAliveBounds::new(MINUTE, MINUTE * 60), Duration::from_secs(300), 14);
    let period = search.period(&BOUNDS).as_secs();
    assert!((200..=300).contains(&period), "TCP-72: {period}");
}

#[test]
fn k_4_3_3_a_long_run_costs_one_connection_in_255_at_most() {
    let mut search = KeepAliveSearch::new();
    let survives = Duration::from_secs(900);
    use_path(&mut search, &BOUNDS, survives, 20);
    assert_eq!(use_path(&mut search, &BOUNDS, survives, 16 + 32 + 64 + 128 + 4), 4);
    assert_eq!(use_path(&mut search, &BOUNDS, survives, 2560), 10);
}

#[test]
fn k_4_3_3_what_survived_before_is_given_up_when_it_fails_twice() {
    let mut search = KeepAliveSearch::new();
    use_path(&mut search, &BOUNDS, Duration::from_secs(900), 10);
    let before = search.period(&BOUNDS);
    search.note_failure(rung(before), &BOUNDS);
    assert_eq!(search.period(&BOUNDS), before, "the peer may have rebooted");
    search.note_success(rung(before), &BOUNDS);
    search.note_failure(rung(before), &BOUNDS);
    assert_eq!(search.period(&BOUNDS), before);
    search.note_failure(rung(before), &BOUNDS);
    assert!(search.period(&BOUNDS) <= before / 2 + Duration::from_secs(1));
    assert_eq!(search.survived(), None);

    // Another network: what it survives is found as well.
    let lost = use_path(&mut search, &BOUNDS, Duration::from_secs(130), 14);
    assert!(search.is_settled(&BOUNDS) && lost <= 4, "{search:?} {lost}");
    assert!((100..=130).contains(&search.period(&BOUNDS).as_secs()), "{search:?}");
}

#[test]
fn k_4_3_3_a_failure_for_another_reason_is_forgotten() {
    let mut search = KeepAliveSearch::new();
    use_path(&mut search, &BOUNDS, Duration::MAX, 2);
    search.note_failure(rung(search.period(&BOUNDS)), &BOUNDS);
    assert!(search.failed().is_some());
    assert_eq!(use_path(&mut search, &BOUNDS, Duration::MAX, 40), 0);
    assert_eq!(search.period(&BOUNDS), BOUNDS.ceiling());
    assert_eq!(search.failed(), None);
}

#[test]
fn k_4_3_3_who_wakes_late_learns_all_the_same() {
    let mut search = KeepAliveSearch::new();
    let late = |silence: Duration| rung(silence.max(Duration::from_secs(600)));
    for _ in 0..12 {
        let silence = search.period(&BOUNDS);
        match silence.max(Duration::from_secs(600)) <= Duration::from_secs(1000) {
            true => search.note_success(late(silence), &BOUNDS),
            false => search.note_failure(late(silence), &BOUNDS),
        }
    }
    assert!((800..=1000).contains(&search.period(&BOUNDS).as_secs()), "{search:?}");
}

#[test]
fn f_7_below_the_floor_nothing_is_learned() {
    let mut search = KeepAliveSearch::new();
    for silence in [0, 1, 30, 55] {
        search.note_success(rung(Duration::from_secs(silence)), &BOUNDS);
        search.note_failure(rung(Duration::from_secs(silence)), &BOUNDS);
    }
    assert_eq!(search, KeepAliveSearch::new());
    for _ in 0..10 {
        search.note_failure(rung(MINUTE), &BOUNDS);
        assert_eq!(search.period(&BOUNDS), MINUTE);
    }
}

/// F-6: between nothing and a fifth off, and spread over all of that.
#[test]
fn f_6_jitter_shortens_by_a_fifth_at_most() {
    let period = Duration::from_secs(1000);
    for keep_alive in [KeepAlive::Ping(period), KeepAlive::Empty(period)] {
        let draw = |seed, n| drawn(keep_alive, KeepAliveSearch::new(), seed, n);
        let all: Vec<_> = (0..1000).map(|n| draw(7, n)).collect();
        assert!(all.iter().all(|&it| it <= period && it >= period / 5 * 4));
        let below = |part| all.iter().filter(|&&it| it < period / 5 * 4 + period / 50 * part).count();
        assert!((1..10).all(|part| below(part).abs_diff(part as usize * 100) < 50), "{}", below(5));
        assert_eq!(all[5], draw(7, 5), "the same each time it is asked");
        assert_ne!(all[5], draw(8, 5));
        let whole = keep_alive.due(KeepAliveSearch::new(), Instant::ZERO, None);
        assert_eq!(whole.duration_since(Instant::ZERO), period);
    }
    for period in [Duration::ZERO, Duration::from_micros(1), Duration::MAX] {
        let it = drawn(KeepAlive::Ping(period), KeepAliveSearch::new(), 1, 0);
        assert!(it <= period && it >= (period / 5 * 4).min(Duration::from_secs(1 << 40)));
    }
}

/// F-6: what is tried is still told apart from what is known.
#[test]
fn f_6_a_jittered_search_comes_to_its_end() {
    for seconds in (70..6 * 3600).step_by(97) {
        let (survives, mut search) = (Duration::from_secs(seconds), KeepAliveSearch::new());
        for n in 0..30 {
            let silence = drawn(KeepAlive::Adaptive(BOUNDS), search, seconds, n);
            assert!(silence >= MINUTE);
            match silence <= survives {
                true => search.note_success(rung(silence), &BOUNDS),
                false => search.note_failure(rung(silence), &BOUNDS),
            }
        }
        let survived = search.survived().unwrap();
        assert!(
            survived <= survives + survives / 60 && survived >= survives / 16 * 13,
            "{survives:?}: {survived:?} {search:?}"
        );
    }
}

#[test]
fn four_bytes_keep_all_of_it_and_any_four_are_a_search() {
    for bytes in [[0; 4], [94, 110, 3, 1], [110, 94, 3, 1], [u8::MAX; 4], [0, 1, 0, 200]] {
        let mut search = KeepAliveSearch::from_bytes(bytes);
        assert_eq!(KeepAliveSearch::from_bytes(search.to_bytes()), search);
        for n in 0..=u8::MAX {
            search.note_success(Rung(n), &BOUNDS);
            search.note_failure(Rung(n.wrapping_mul(7)), &BOUNDS);
            let period = search.period(&BOUNDS);
            assert!((BOUNDS.floor()..=BOUNDS.ceiling()).contains(&period), "{search:?}");
            assert_eq!(KeepAliveSearch::from_bytes(search.to_bytes()), search);
        }
    }
    assert_eq!(size_of::<KeepAliveSearch>(), 4);
    assert_eq!(KeepAliveSearch::known(10 * MINUTE).period(&BOUNDS).as_secs() / 60, 20);
}

#[test]
fn f_7_bounds_are_in_order() {
    let bounds = KeepAliveBounds::new(Duration::from_secs(90), Duration::from_secs(30));
    assert_eq!((bounds.floor(), bounds.ceiling()), (Duration::from_secs(90), Duration::from_secs(90)));
    assert_eq!(KeepAliveBounds::new(Duration::ZERO, MINUTE).floor(), Duration::from_secs(2));
    let mut search = KeepAliveSearch::new();
    assert_eq!(use_path(&mut search, &bounds, MINUTE * 2, 10), 0);
    assert_eq!(search.period(&bounds), Duration::from_secs(90));
}
