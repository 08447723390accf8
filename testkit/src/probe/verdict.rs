//! How much is demanded, and what is to be said of it.

use std::fmt;

/// How much something is demanded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Level {
    /// Or it is broken.
    Must,
    /// Unless there is a reason.
    Should,
    /// As one likes.
    May,
    /// The standards say nothing: a choice of this project.
    Design,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Must => "MUST",
            Self::Should => "SHOULD",
            Self::May => "MAY",
            Self::Design => "DESIGN",
        })
    }
}

impl Level {
    pub(super) fn parse(word: &str) -> Result<Self, String> {
        let all = [Self::Must, Self::Should, Self::May, Self::Design];
        let found = all.into_iter().find(|level| level.to_string() == word);
        found.ok_or_else(|| format!("a level, MUST, SHOULD, MAY or DESIGN, is wanted, not {word}"))
    }

    /// What it means when something else is done.
    pub(super) const fn missed(self) -> Verdict {
        match self {
            Self::Must | Self::Should => Verdict::Fail,
            Self::May | Self::Design => Verdict::Differs,
        }
    }
}

/// What is to be said of one requirement. The worse is the greater.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Verdict {
    /// As demanded.
    Pass,
    /// It could not be seen.
    NotApplicable,
    /// Legal, but not what this project does.
    Differs,
    /// Against a MUST or SHOULD.
    Fail,
}

impl Verdict {
    pub(super) const ALL: [Self; 4] = [Self::Pass, Self::Differs, Self::Fail, Self::NotApplicable];

    const fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::NotApplicable => "n/a",
            Self::Differs => "differs",
            Self::Fail => "fail",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}
