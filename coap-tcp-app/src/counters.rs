//! Counters that many connections share.

use std::sync::atomic::{AtomicU64, Ordering};

use coap_tcp_core::{Count, Stats, Tally};

/// What has been ignored, refused or given up on all connections that share it, from any thread: see
/// [`Count`]. Each counter is right by itself; a snapshot of all of them is not of one moment.
#[derive(Debug)]
pub struct Counters([AtomicU64; Count::ALL.len()]);

impl Counters {
    /// Nothing counted.
    pub const fn new() -> Self {
        Self([const { AtomicU64::new(0) }; Count::ALL.len()])
    }

    /// What has been counted up to now.
    pub fn snapshot(&self) -> Stats {
        let mut stats = Stats::new();
        for (&count, n) in Count::ALL.iter().zip(&self.0) {
            stats.add(count, n.load(Ordering::Relaxed));
        }
        stats
    }
}

impl Default for Counters {
    fn default() -> Self {
        Self::new()
    }
}

impl Tally for &Counters {
    fn add(&mut self, count: Count, n: u64) {
        if let Some(sum) = self.0.get(count as usize) {
            sum.fetch_add(n, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_count_together() {
        let counters = Counters::new();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..1000).for_each(|_| (&counters).add(Count::Pings, 1)));
            }
        });
        assert_eq!(counters.snapshot().get(Count::Pings), 4000);
        assert_eq!(counters.snapshot().iter().map(|(_, n)| n).sum::<u64>(), 4000);
    }
}
