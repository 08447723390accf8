//! Where a stream is cut: into reads and into writes.

use crate::rng::Rng;

/// How a stream is cut.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Cut {
    /// Not at all: lines of a script in a row are one read, and a transport takes all that it has room for.
    #[default]
    Whole,
    /// A byte at a time.
    Bytes,
    /// Pieces of 1 to 40 bytes, from a seed.
    Seeded(u64),
}

/// Makes the pieces of one stream.
#[derive(Clone, Debug)]
pub struct Pieces {
    cut: Cut,
    rng: Rng,
}

impl Pieces {
    /// From the stream's beginning.
    pub const fn new(cut: Cut) -> Self {
        let seed = match cut {
            Cut::Seeded(seed) => seed,
            Cut::Whole | Cut::Bytes => 0,
        };
        Self { cut, rng: Rng::new(seed) }
    }

    /// How many of `most` bytes go next: none of none, else at least one.
    pub fn next(&mut self, most: usize) -> usize {
        match self.cut {
            Cut::Whole => most,
            Cut::Bytes => most.min(1),
            Cut::Seeded(_) => most.min(1 + self.rng.below(most.min(40))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_of_every_size_and_never_empty_but_of_nothing() {
        let sizes = |cut, most| {
            let mut pieces = Pieces::new(cut);
            (0..1000).map(|_| pieces.next(most)).collect::<std::collections::BTreeSet<_>>()
        };
        assert!(sizes(Cut::Whole, 100).into_iter().eq([100]));
        assert!(sizes(Cut::Bytes, 100).into_iter().eq([1]));
        assert!(sizes(Cut::Seeded(3), 100).into_iter().eq(1..=40));
        for cut in [Cut::Whole, Cut::Bytes, Cut::Seeded(3)] {
            assert!(sizes(cut, 0).into_iter().eq([0]));
        }
    }
}
