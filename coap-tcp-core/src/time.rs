//! Time as the caller tells it. Nothing in this crate reads a clock.

use core::num::NonZeroU64;
use core::ops::{Add, Sub};
use core::time::Duration;

use crate::arith::divide;

/// A moment: whole microseconds since a start that the caller chose.
///
/// Any monotonic source will do (uptime, `std::time::Instant` since program start, a simulated clock), as
/// long as one connection is told moments of one source only. `Option<Instant>` takes 8 bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Instant(NonZeroU64);

impl Instant {
    /// The start itself.
    pub const ZERO: Self = Self(NonZeroU64::MIN);

    /// The moment `us` microseconds after the start. The last representable one is 584,000 years away.
    pub const fn from_micros(us: u64) -> Self {
        Self(NonZeroU64::MIN.saturating_add(us))
    }

    /// The moment `ms` milliseconds after the start.
    pub const fn from_millis(ms: u64) -> Self {
        Self::from_micros(ms.saturating_mul(1000))
    }

    /// Microseconds since the start.
    pub const fn as_micros(self) -> u64 {
        self.0.get() - 1
    }

    /// Time passed since `earlier`; zero when `earlier` is later.
    pub const fn duration_since(self, earlier: Self) -> Duration {
        let micros = self.0.get().saturating_sub(earlier.0.get());
        // A second is 15,625 times 64 microseconds.
        let (seconds, rest) = divide(micros >> 6, 15_625);
        Duration::new(seconds, (rest as u32 * 64 + (micros & 63) as u32) * 1000)
    }
}

/// Saturates at the last representable moment.
impl Add<Duration> for Instant {
    type Output = Self;

    // Out of line, as `micros` is, for the sake of a device that has many deadlines.
    #[inline(never)]
    fn add(self, rhs: Duration) -> Self {
        Self(self.0.saturating_add(micros(rhs)))
    }
}

/// Saturates at the start.
impl Sub<Duration> for Instant {
    type Output = Self;

    fn sub(self, rhs: Duration) -> Self {
        Self::from_micros(self.as_micros().saturating_sub(micros(rhs)))
    }
}

/// Whole microseconds; saturates. `Duration::as_micros` calculates with 128 bits, which costs a device at every
/// sum.
#[inline(never)]
pub(crate) const fn micros(time: Duration) -> u64 {
    let (seconds, rest) = (time.as_secs(), time.subsec_micros());
    match seconds.checked_mul(1_000_000) {
        Some(whole) => whole.saturating_add(rest as u64),
        None => u64::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_optional_instant_is_eight_bytes_and_sums_saturate() {
        assert_eq!(size_of::<Option<Instant>>(), 8);
        let end = Instant::from_micros(u64::MAX);
        assert_eq!(end + Duration::MAX, end);
        assert_eq!(Instant::ZERO - Duration::MAX, Instant::ZERO);
        assert_eq!(Instant::from_millis(5).duration_since(Instant::from_millis(2)), Duration::from_millis(3));
        assert_eq!(Instant::ZERO.duration_since(end), Duration::ZERO);
    }
}
