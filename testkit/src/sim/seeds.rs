//! Which seeds a test runs with.

/// Runs a test with `count` seeds, or with the one in `SIM_SEED`. Where it panics, says with which.
pub fn for_seeds(count: u64, mut test: impl FnMut(u64)) {
    let replayed = std::env::var("SIM_SEED").ok().and_then(|seed| seed.parse().ok());
    let seeds = replayed.map_or(0..count, |seed| seed..seed + 1);
    for seed in seeds {
        let told = Told(seed);
        test(seed);
        drop(told);
    }
}

struct Told(u64);

impl Drop for Told {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("replay with SIM_SEED={}", self.0);
        }
    }
}
