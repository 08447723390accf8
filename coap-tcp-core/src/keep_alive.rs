//! How a silent connection is kept alive (F-5), and how long a silence may be: chosen (F-7), or learned (K-4.3-3).

use core::fmt;
use core::time::Duration;

use crate::time::{Instant, micros};

/// How the connection keeps itself alive while nothing else is said (F-5).
///
/// A period is never exceeded; [`Config::jitter`](crate::Config::jitter) may shorten it. Which one is right depends on
/// what lies between the peers: measured NATs forget after 2 minutes to more than 6 hours, half of them within an hour,
/// and RFC 5382 asks for 124 minutes. The constants are for what is known about them (F-7).
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum KeepAlive {
    /// Not at all: right for short connections, and where there is no NAT.
    Off,
    /// Two bytes that nobody answers, when nothing was *sent* for so long: refreshes a NAT binding, and finds nothing
    /// out. The stack takes the bytes whether or not they arrive, so a connection that is dead lives on here until TCP
    /// gives up.
    Empty(Duration),
    /// A Ping, when nothing was *received* for so long: also proves that the peer lives. The connection ends
    /// when no Pong, and nothing else, comes within `ping_timeout`.
    Ping(Duration),
    /// [`KeepAlive::Ping`] with a period that learns how long a silence may be: see [`KeepAliveSearch`].
    Adaptive(KeepAliveBounds),
}

impl KeepAlive {
    /// Learns between a minute and what RFC 5382 asks for.
    pub const ADAPTIVE: Self = Self::Adaptive(KeepAliveBounds::new(Self::FLOOR, Self::CONFORMING_NAT));
    /// The period where every NAT follows RFC 5382: 110 minutes.
    pub const CONFORMING_NAT: Duration = Duration::from_secs(110 * 60);
    /// The least that is worth learning: a minute.
    pub const FLOOR: Duration = Duration::from_secs(60);
    /// The period for a typical NAT: 50 minutes. Nearly half of them forget sooner.
    pub const TYPICAL_NAT: Duration = Duration::from_secs(50 * 60);
    /// The period where nothing is known: 100 seconds, below the shortest NAT that was measured.
    pub const UNKNOWN_NAT: Duration = Duration::from_secs(100);
}

impl KeepAlive {
    /// The shortest and the longest period there may be, jitter apart.
    pub(crate) const fn periods(&self) -> Option<(Duration, Duration)> {
        match self {
            Self::Off => None,
            Self::Empty(period) | Self::Ping(period) => Some((*period, *period)),
            Self::Adaptive(bounds) => Some((bounds.floor(), bounds.ceiling())),
        }
    }

    /// When the next one is due if nothing is said after `since`. What jitter takes away follows from that moment, so
    /// that it stays the same without being kept (F-6).
    pub(crate) fn due(&self, search: KeepAliveSearch, since: Instant, seed: Option<u64>) -> Instant {
        let (period, least) = match self {
            Self::Off => (u64::MAX, u64::MAX),
            Self::Empty(period) | Self::Ping(period) => (micros(*period), 0),
            Self::Adaptive(bounds) => (bounds.learning.periods)(search, bounds),
        };
        let off = match seed {
            // Of 51/256, which is a fifth, so many parts of 256.
            Some(seed) => (period >> 16) * 51 * (scramble(seed ^ since.as_micros()) >> 56),
            None => 0,
        };
        Instant::from_micros(since.as_micros().saturating_add((period - off).max(least.min(period))))
    }
}

/// The finish of SplitMix64: spreads what little differs over all bits.
const fn scramble(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Between which periods [`KeepAlive::Adaptive`] learns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeepAliveBounds {
    /// In microseconds, as the ceiling.
    floor: u64,
    ceiling: u64,
    learning: &'static Learning,
}

/// What learns. A connection reaches it through its configuration only, so a device that does not choose to learn does
/// not carry the code.
struct Learning {
    /// The next period, and the least that jitter may leave of it.
    periods: fn(KeepAliveSearch, &KeepAliveBounds) -> (u64, u64),
    success: fn(&mut KeepAliveSearch, Rung, &KeepAliveBounds),
    failure: fn(&mut KeepAliveSearch, Rung, &KeepAliveBounds),
}

impl Learning {
    const SEARCH: Self = Self {
        periods: |search, bounds| (bounds.period(search.next(bounds)), search.least(bounds)),
        success: KeepAliveSearch::note_success,
        failure: KeepAliveSearch::note_failure,
    };
}

/// There is only one.
impl PartialEq for Learning {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Learning {}

impl fmt::Debug for Learning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Learning")
    }
}

impl KeepAliveBounds {
    /// The floor is taken to survive always: shorter silences prove nothing. It is 2 seconds at least, and the ceiling
    /// no less than the floor.
    pub const fn new(floor: Duration, ceiling: Duration) -> Self {
        const LEAST: u64 = 2_000_000;
        let (floor, ceiling) = (micros(floor), micros(ceiling));
        let floor = if floor < LEAST { LEAST } else { floor };
        let ceiling = if ceiling < floor { floor } else { ceiling };
        Self { floor, ceiling, learning: &Learning::SEARCH }
    }

    /// A Pong has come after such a silence.
    pub(crate) fn learn_success(&self, search: &mut KeepAliveSearch, silence: Rung) {
        (self.learning.success)(search, silence, self);
    }

    /// The connection ended after such a silence.
    pub(crate) fn learn_failure(&self, search: &mut KeepAliveSearch, silence: Rung) {
        (self.learning.failure)(search, silence, self);
    }

    /// The shortest period.
    pub const fn floor(&self) -> Duration {
        Duration::from_micros(self.floor)
    }

    /// The longest period.
    pub const fn ceiling(&self) -> Duration {
        Duration::from_micros(self.ceiling)
    }

    fn period(&self, rung: Rung) -> u64 {
        match rung {
            _ if rung <= Rung::of(self.floor) => self.floor,
            _ if rung >= Rung::of(self.ceiling) => self.ceiling,
            _ => rung.micros(),
        }
    }
}

/// What is known of the silence that a path survives: four bytes, to be kept when the connection ends
/// ([`Connection::keep_alive_search`](crate::Connection::keep_alive_search)), over a reboot too, and handed to the next
/// one over the same path ([`Connection::resume_keep_alive`](crate::Connection::resume_keep_alive)).
///
/// - Only a Ping teaches, by the silence before it, in which neither side has said anything. Its Pong proves that the
///   silence survives. Where the connection ends instead, without a byte since, that silence has failed; the same goes
///   for a request whose time was over. Silences shorter than the floor teach nothing.
/// - The period begins at the floor, so that the beginning costs no connection. It doubles with each success, and after
///   a failure goes to the middle between what survived and what failed, until they are an eighth apart.
/// - What had survived before is given up only when it fails twice with no success between: a peer may reboot. Then the
///   period halves until something survives.
/// - What failed without having survived before may have failed for another reason, too. So it is tried again after 16
///   successes, then 32, 64, 128, and from then on 255. At most one connection in so many is lost by trying.
///
/// Several connections over one path may begin with the same search; what the last one knows is as good as any.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct KeepAliveSearch {
    /// The longest that has survived; 0: none has.
    good: Rung,
    /// The shortest that has failed; 0: none has. More than `good`.
    bad: Rung,
    /// Successes since the last failure.
    run: u8,
    /// How often `bad` has been tried again.
    tries: u8,
}

/// What survived and what failed are no further apart than this when the search rests.
const CLOSE: u8 = Rung::OCTAVE / 8;

impl KeepAliveSearch {
    /// Nothing is known.
    pub const fn new() -> Self {
        Self { good: Rung::NONE, bad: Rung::NONE, run: 0, tries: 0 }
    }

    /// A silence that is known to survive, from elsewhere. The search goes on with twice of it.
    pub const fn known(survives: Duration) -> Self {
        Self { good: Rung::of(micros(survives)), ..Self::new() }
    }

    /// For a file or flash.
    pub const fn to_bytes(self) -> [u8; 4] {
        [self.good.0, self.bad.0, self.run, self.tries]
    }

    /// The reverse. Bytes that contradict themselves, as from a worn flash, are a new search.
    pub const fn from_bytes([good, bad, run, tries]: [u8; 4]) -> Self {
        match bad != 0 && bad <= good {
            true => Self::new(),
            false => Self { good: Rung(good), bad: Rung(bad), run, tries },
        }
    }

    /// The longest silence that has survived, rounded to a sixteenth.
    pub fn survived(&self) -> Option<Duration> {
        self.good.known().map(Rung::time)
    }

    /// The shortest silence that has failed, rounded to a sixteenth.
    pub fn failed(&self) -> Option<Duration> {
        self.bad.known().map(Rung::time)
    }

    /// The period that comes next.
    pub fn period(&self, bounds: &KeepAliveBounds) -> Duration {
        Duration::from_micros(bounds.period(self.next(bounds)))
    }

    /// Whether the search rests: the period is known to survive, and a little more fails or is not wanted.
    pub fn is_settled(&self, bounds: &KeepAliveBounds) -> bool {
        self.next(bounds) <= self.good
    }

    /// The least that jitter may leave of the period: enough to learn from, which shorter than the floor nothing is.
    fn least(&self, bounds: &KeepAliveBounds) -> u64 {
        let next = self.next(bounds);
        match next > self.good {
            true => bounds.period(Rung(self.good.0.midpoint(next.0.saturating_sub(1)).saturating_add(1))),
            false => bounds.floor,
        }
    }

    fn next(&self, bounds: &KeepAliveBounds) -> Rung {
        let Self { good, bad, run, tries } = *self;
        let patience = match tries {
            0..=3 => 16 << tries,
            _ => u8::MAX,
        };
        let next = match (good.known(), bad.known()) {
            (None, None) => good,
            (None, Some(bad)) => bad.half(),
            (Some(good), None) => good.twice(),
            (Some(good), Some(bad)) if bad.0.saturating_sub(good.0) > CLOSE => Rung(good.0.midpoint(bad.0)),
            (Some(_), Some(bad)) if run >= patience => bad,
            // A little less than what just survived.
            (Some(good), Some(_)) => Rung(good.0 - 1),
        };
        next.clamp(Rung::of(bounds.floor), Rung::of(bounds.ceiling))
    }

    fn note_success(&mut self, silence: Rung, bounds: &KeepAliveBounds) {
        if silence < Rung::of(bounds.floor) {
            return;
        }
        if self.bad.known().is_some_and(|bad| silence >= bad) {
            (self.bad, self.tries) = (Rung::NONE, 0);
        }
        // Jitter leaves 4/5, which is 6 rungs at most.
        if silence.0.saturating_add(8) >= self.next(bounds).0 {
            self.run = self.run.saturating_add(1);
        }
        self.good = self.good.max(silence);
    }

    fn note_failure(&mut self, silence: Rung, bounds: &KeepAliveBounds) {
        if silence < Rung::of(bounds.floor) {
            return;
        }
        // Who wakes late has been silent for longer than was meant: then it is the period that is too long for it.
        let silence = silence.min(self.next(bounds));
        let again = core::mem::take(&mut self.run) == 0;
        if silence > self.good {
            self.tries = if silence == self.bad { self.tries.saturating_add(1) } else { 0 };
            self.bad = silence;
        } else if again {
            *self = Self { bad: silence, ..Self::new() };
        }
    }
}

/// A length of time in a byte, as a float with 4 bits of fraction: from a second to 18 hours, in steps of 1/16 to 1/31.
/// 0 is less than that, or nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(crate) struct Rung(u8);

impl Rung {
    pub(crate) const NONE: Self = Self(0);
    const OCTAVE: u8 = 16;
    /// Units of 2¹⁶ microseconds, 16 of which are about a second.
    const UNIT: u32 = 16;

    /// Of so many microseconds: rounded down, unless less than 1/64 is missing to the next one. A silence is measured
    /// with some latency.
    pub(crate) const fn of(micros: u64) -> Self {
        let units = micros.saturating_add(micros >> 6) >> Self::UNIT;
        match units.checked_ilog2() {
            None | Some(0..=3) => Self::NONE,
            Some(20..) => Self(u8::MAX),
            // 16 to 31, of which the first bit is the octave's.
            Some(log) => Self(((log as u8 - 4) << 4) + ((units >> (log - 4)) as u8 - 16)),
        }
    }

    const fn micros(self) -> u64 {
        (16 + (self.0 & 15) as u64) << (self.0 >> 4) << Self::UNIT
    }

    const fn time(self) -> Duration {
        Duration::from_micros(self.micros())
    }

    fn known(self) -> Option<Self> {
        (self.0 > 0).then_some(self)
    }

    const fn twice(self) -> Self {
        Self(self.0.saturating_add(Self::OCTAVE))
    }

    const fn half(self) -> Self {
        Self(self.0.saturating_sub(Self::OCTAVE))
    }
}

#[cfg(test)]
mod tests;
