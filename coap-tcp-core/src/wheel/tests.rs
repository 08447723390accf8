use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Op {
    Set(u32, Duration),
    SetPast(u32, Duration),
    Remove(u32),
    Advance(Duration),
    /// Sleeps as long as it is told to.
    Wake,
}

/// Of every magnitude, past the top level as well.
fn spans() -> impl Strategy<Value = Duration> {
    (0..52u32, any::<u64>()).prop_map(|(bits, n)| Duration::from_micros(n >> (63 - bits)))
}

fn ops() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (0..24u32, spans()).prop_map(|(key, ahead)| Op::Set(key, ahead)),
        1 => (0..24u32, spans()).prop_map(|(key, ago)| Op::SetPast(key, ago)),
        1 => (0..32u32).prop_map(Op::Remove),
        2 => spans().prop_map(Op::Advance),
        2 => Just(Op::Wake),
    ]
}

/// The same with a map.
#[derive(Default)]
struct Model(BTreeMap<u32, Instant>);

impl Model {
    fn tick(at: Instant) -> u64 {
        at.as_micros().div_ceil(1000)
    }

    /// What is due, earliest first, keys of one tick in their order.
    fn advance(&mut self, now: Instant) -> Vec<(u64, u32)> {
        let due = |at: Instant| Self::tick(at) <= now.as_micros() / 1000;
        let mut fired: Vec<_> =
            self.0.iter().filter(|&(_, &at)| due(at)).map(|(&key, &at)| (Self::tick(at), key)).collect();
        self.0.retain(|_, at| !due(*at));
        fired.sort_unstable();
        fired
    }
}

fn advance(wheel: &mut Wheel, deadlines: &BTreeMap<u32, Instant>, now: Instant) -> Vec<(u64, u32)> {
    // What was overdue when it was set comes first, in any order.
    let passed = wheel.now;
    let fired = core::iter::from_fn(|| wheel.advance(now));
    let mut fired: Vec<_> =
        fired.map(|key| (deadlines.get(&key).map_or(0, |&at| Model::tick(at)), key)).collect();
    assert!(fired.is_sorted_by_key(|&(tick, _)| tick.max(passed)));
    fired.sort_unstable();
    fired
}

proptest! {
    #[test]
    fn the_wheel_does_as_a_map_does(ops in proptest::collection::vec(ops(), 1..200)) {
        let (mut wheel, mut model, mut now) = (Wheel::new(), Model::default(), Instant::ZERO);
        for op in ops {
            match op {
                Op::Set(key, ahead) => {
                    wheel.set(key, now + ahead);
                    model.0.insert(key, now + ahead);
                }
                Op::SetPast(key, ago) => {
                    wheel.set(key, now - ago);
                    model.0.insert(key, now - ago);
                }
                Op::Remove(key) => prop_assert_eq!(wheel.remove(key), model.0.remove(&key).is_some()),
                Op::Advance(by) => now = now + by,
                Op::Wake => now = wheel.next_deadline().map_or(now, |at| at.max(now)),
            }
            let first = model.0.values().min().copied();
            let next = wheel.next_deadline();
            prop_assert_eq!(next.is_some(), first.is_some());
            prop_assert!(next.is_none_or(|next| next.as_micros().div_ceil(1000)
                <= first.map_or(0, Model::tick).max(wheel.now)));
            let deadlines = model.0.clone();
            prop_assert_eq!(advance(&mut wheel, &deadlines, now), model.advance(now));
            prop_assert!(wheel.next_deadline().is_none_or(|next| next > now), "law 3");
        }
    }

    #[test]
    fn a_deadline_is_reached_in_few_steps(start in 0..u64::MAX / 4, ahead in spans()) {
        let (mut wheel, start) = (Wheel::new(), Instant::from_micros(start));
        prop_assert_eq!(wheel.advance(start), None);
        let at = start + ahead;
        wheel.set(0, at);
        let mut steps = 0;
        while let Some(next) = wheel.next_deadline() {
            let fired = wheel.advance(next.max(start));
            prop_assert!(fired.is_none() || next.as_micros() >= at.as_micros());
            prop_assert!(next.as_micros() < at.as_micros() + 1000);
            steps += 1;
        }
        prop_assert!(steps <= 8 + (ahead.as_millis() >> 36), "{} steps", steps);
    }
}

#[test]
fn what_is_due_comes_in_the_order_of_its_time() {
    let mut wheel = Wheel::new();
    let times = [5, 70, 4096, 4097, 300_000, 1 << 37, 6];
    for (key, ms) in (0..).zip(times) {
        wheel.set(key, Instant::from_millis(ms));
    }
    let end = Instant::from_millis(1 << 40);
    let fired: Vec<u32> = core::iter::from_fn(|| wheel.advance(end)).collect();
    assert_eq!(fired, [0, 6, 1, 2, 3, 4, 5]);
}

#[test]
fn a_timer_is_sixteen_bytes() {
    assert_eq!(size_of::<Timer>(), 16);
}
