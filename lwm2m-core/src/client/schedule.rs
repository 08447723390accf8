//! When to try again: the account's 1/17 to 1/20 (REG-83 to REG-92), stretched at random (REG-88).

use core::time::Duration;

use crate::content::{Values, WriteError};
use crate::objects::{Objects, Refusal};
use crate::path::Path;
use crate::value::{Type, Value};

/// What the client goes by, read from one instance of object 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Terms {
    /// /1/x/1; 0: for ever.
    pub(super) lifetime: u32,
    /// /1/x/17; at least 1 (REG-84).
    pub(super) retry_count: u32,
    /// /1/x/18, in seconds.
    pub(super) retry_timer: u32,
    /// /1/x/19, in seconds; the largest number means never.
    pub(super) sequence_delay: u32,
    /// /1/x/20.
    pub(super) sequence_count: u32,
}

impl Terms {
    pub(super) fn read(objects: &dyn Objects, instance: u16) -> Self {
        let number = |resource| number(objects, instance, resource);
        Self {
            lifetime: number(1).unwrap_or(crate::registration::DEFAULT_LIFETIME),
            retry_count: number(17).unwrap_or(5).max(1),
            retry_timer: number(18).unwrap_or(60),
            sequence_delay: number(19).unwrap_or(86_400),
            sequence_count: number(20).unwrap_or(1).max(1),
        }
    }
}

/// A number of object 1. What no client can use counts as absent, but what is only too large is the largest.
fn number(objects: &dyn Objects, instance: u16, resource: u16) -> Option<u32> {
    struct Number(Option<u64>);
    impl Values for Number {
        fn value(&mut self, _: Path, value: Value<'_>) -> Result<(), WriteError> {
            if let Ok(Value::Unsigned(n)) = value.to(Type::Unsigned) {
                self.0 = Some(n);
            }
            Ok(())
        }
    }
    let path = Path::new(&[1, instance, resource]).ok()?;
    let mut number = Number(None);
    let read: Result<(), Refusal> = objects.read(path, &mut number);
    read.ok()?;
    number.0.map(|n| u32::try_from(n).unwrap_or(u32::MAX))
}

/// How many attempts have failed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schedule {
    attempts: u32,
    sequences: u32,
}

/// What follows from a failure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Verdict {
    /// How long to wait; `None` for ever.
    pub(super) delay: Option<Duration>,
    /// The registration counts as failed (REG-85). It is tried again all the same, from the first sequence on.
    pub(super) exhausted: bool,
}

impl Schedule {
    /// None has.
    pub(super) const NEW: Self = Self { attempts: 0, sequences: 0 };

    /// An attempt has failed (REG-83).
    pub(super) fn failed(&mut self, terms: &Terms) -> Verdict {
        self.attempts += 1;
        if self.attempts < terms.retry_count {
            let doublings = (self.attempts - 1).min(31);
            let seconds = u64::from(terms.retry_timer) << doublings;
            return Verdict { delay: Some(Duration::from_secs(seconds)), exhausted: false };
        }
        self.attempts = 0;
        self.sequences += 1;
        let exhausted = self.sequences >= terms.sequence_count;
        if exhausted {
            self.sequences = 0;
        }
        let never = terms.sequence_delay == u32::MAX;
        let delay = Duration::from_secs(terms.sequence_delay.into());
        Verdict { delay: Some(delay).filter(|_| !never), exhausted }
    }

    /// The server refuses for good: no attempt more in this sequence, nor another (REG-87).
    pub(super) fn rejected(&mut self, terms: &Terms) -> Verdict {
        *self = Self { attempts: terms.retry_count, sequences: terms.sequence_count };
        self.failed(terms)
    }
}

/// Numbers that only have to differ from device to device: splitmix64, of the caller's seed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Jitter(pub(super) u64);

impl Jitter {
    /// Anything from zero to `most`.
    pub(super) fn up_to(&mut self, most: Duration) -> Duration {
        part(most, self.share().into())
    }

    /// `delay` and up to `percent` of it more (REG-88).
    pub(super) fn stretch(&mut self, delay: Duration, percent: u8) -> Duration {
        let share = u64::from(self.share() / 100) * u64::from(percent);
        delay.saturating_add(part(delay, share))
    }

    /// How many 2^32ths of something.
    const fn share(&mut self) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed >> 32) as u32
    }
}

/// `share` 2^32ths of a time, or of 17 years where it is longer; at most three times as much. Without a division, which
/// a `Duration` makes of 64 bits: no small device has it.
fn part(of: Duration, share: u64) -> Duration {
    let seconds = of.as_secs().min(1 << 29) * share;
    let fraction = (seconds & u64::from(u32::MAX)) * 1_000_000_000;
    let nanos = (fraction >> 32) + ((u64::from(of.subsec_nanos()) * share) >> 32);
    Duration::new(seconds >> 32, nanos as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objects::Server;

    const TERMS: Terms =
        Terms { lifetime: 300, retry_count: 5, retry_timer: 60, sequence_delay: 86_400, sequence_count: 1 };

    fn delays(terms: &Terms, n: usize) -> alloc::vec::Vec<(Option<u64>, bool)> {
        let mut schedule = Schedule::NEW;
        let verdicts = core::iter::repeat_with(|| schedule.failed(terms)).take(n);
        verdicts.map(|verdict| (verdict.delay.map(|delay| delay.as_secs()), verdict.exhausted)).collect()
    }

    #[test]
    fn reg_83_delays_double_until_the_sequence_is_over() {
        let expected = [(60, false), (120, false), (240, false), (480, false), (86_400, true), (60, false)];
        assert_eq!(delays(&TERMS, 6), expected.map(|(s, end)| (Some(s), end)));
        let two = Terms { sequence_count: 2, retry_count: 2, ..TERMS };
        let expected = [(60, false), (86_400, false), (60, false), (86_400, true)];
        assert_eq!(delays(&two, 4), expected.map(|(s, end)| (Some(s), end)));
    }

    #[test]
    fn reg_84_no_count_and_no_timer_overflows() {
        let terms = Terms { retry_timer: u32::MAX, retry_count: 40, ..TERMS };
        assert_eq!(delays(&terms, 40)[38].0, Some(u64::from(u32::MAX) << 31));
        let objects = (Server { retry_count: Some(0), ..Server::new(1, 0) },);
        assert_eq!(Terms::read(&objects, 0).retry_count, 1);
        let never = Terms { sequence_delay: u32::MAX, retry_count: 1, ..TERMS };
        assert_eq!(delays(&never, 1), [(None, true)]);
    }

    #[test]
    fn reg_87_a_rejection_ends_the_attempts_at_once() {
        let mut schedule = Schedule::NEW;
        let verdict = schedule.rejected(&TERMS);
        assert_eq!(verdict, Verdict { delay: Some(Duration::from_secs(86_400)), exhausted: true });
        assert_eq!(schedule.failed(&TERMS).delay, Some(Duration::from_secs(60)));
    }

    #[test]
    fn reg_88_jitter_stretches_by_up_to_a_tenth() {
        let delay = Duration::from_secs(60);
        let stretched = |seed| Jitter(seed).stretch(delay, 10);
        assert!((0..1000).all(|seed| (delay..=delay * 11 / 10).contains(&stretched(seed))));
        assert!((1..1000).any(|seed| stretched(seed) != stretched(0)));
        assert_eq!(Jitter(7).stretch(delay, 0), delay);
        assert_eq!(Jitter(7).up_to(Duration::ZERO), Duration::ZERO);
    }

    #[test]
    fn reg_13_the_terms_are_those_of_object_1() {
        let server = Server { retry_timer: Some(5), sequence_delay: Some(7), ..Server::new(1, 60) };
        let expected = Terms { lifetime: 60, retry_timer: 5, sequence_delay: 7, ..TERMS };
        assert_eq!(Terms::read(&(server,), 0), expected);
    }
}
