//! What was found, and how it is printed.

use std::fmt;

use super::script::Probe;
use super::verdict::{Level, Verdict};

/// One line of the result.
#[derive(Clone, Debug)]
pub struct Report {
    /// The first requirement of the probe.
    pub requirement: String,
    /// How much it is demanded.
    pub level: Level,
    /// What it is about.
    pub title: String,
    /// The verdict.
    pub verdict: Verdict,
    /// Why it is not a pass.
    pub why: String,
    /// Every message, in both directions.
    pub transcript: Vec<String>,
}

impl Report {
    pub(super) fn new(probe: &Probe, verdict: Verdict, why: String, transcript: Vec<String>) -> Self {
        Self {
            requirement: probe.requirements.first().cloned().unwrap_or_default(),
            level: probe.level,
            title: probe.title.clone(),
            verdict,
            why,
            transcript,
        }
    }

    /// Whether the peer breaks what it must do.
    pub fn breaks_a_must(&self) -> bool {
        self.verdict == Verdict::Fail && self.level == Level::Must
    }
}

impl fmt::Display for Report {
    /// Without times, ports and payloads, so that two runs can be compared.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { requirement, level, title, verdict, why, .. } = self;
        write!(f, "{verdict:<7} {level:<6} {requirement:<10} {title}")?;
        if why.is_empty() { Ok(()) } else { write!(f, ": {why}") }
    }
}

/// How many of each.
#[derive(Clone, Default, Debug)]
pub struct Tally(Vec<Verdict>);

impl Tally {
    /// Counts one more.
    pub fn count(&mut self, verdict: Verdict) {
        self.0.push(verdict);
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |verdict| self.0.iter().filter(|&&counted| counted == verdict).count();
        let words: Vec<_> = Verdict::ALL.map(|verdict| format!("{} {verdict}", number(verdict))).to_vec();
        f.write_str(&words.join(", "))
    }
}
