//! One direction of a TCP connection.

use std::collections::VecDeque;
use std::time::Duration;

use coap_tcp_core::Instant;

use crate::rng::Rng;

/// What a direction is like.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// From one end to the other.
    pub latency: Duration,
    /// Bytes a second; 0: no limit.
    pub rate: u32,
    /// Bytes that may be under way or unread.
    pub window: usize,
    /// Largest segment. Each write is cut into segments of 1 to so many bytes.
    pub segment: usize,
}

/// Ordered bytes on their way. Room that a reader makes is known to the writer at once.
#[derive(Clone, Debug)]
pub struct Pipe {
    line: Line,
    under_way: VecDeque<(Instant, Vec<u8>)>,
    /// Bytes under way and unread.
    held: usize,
    unread: VecDeque<u8>,
    /// When the last byte so far arrives.
    last: Instant,
    finished: bool,
    /// Takes everything behind its end.
    ended_early: bool,
    /// Takes everything and delivers nothing: a binding that a NAT has forgotten.
    broken: bool,
}

impl Pipe {
    /// Empty.
    pub fn new(line: Line) -> Self {
        let (under_way, unread) = (VecDeque::new(), VecDeque::new());
        Self {
            line,
            under_way,
            held: 0,
            unread,
            last: Instant::ZERO,
            finished: false,
            ended_early: false,
            broken: false,
        }
    }

    /// Takes as much as there is room for.
    pub fn write(&mut self, now: Instant, bytes: &[u8], rng: &mut Rng) -> usize {
        if self.ended_early {
            return bytes.len();
        }
        let n = bytes.len().min(self.room());
        self.held += n;
        let mut rest = bytes.get(..n).unwrap_or_default();
        while !rest.is_empty() {
            let (segment, later) = rest.split_at(1 + rng.below(rest.len().min(self.line.segment)));
            rest = later;
            self.last = self.last.max(now + self.line.latency) + self.time_for(segment.len());
            self.under_way.push_back((self.last, segment.to_vec()));
        }
        n
    }

    fn time_for(&self, bytes: usize) -> Duration {
        match self.line.rate {
            0 => Duration::ZERO,
            rate => Duration::from_micros(bytes as u64 * 1_000_000 / u64::from(rate)),
        }
    }

    /// Bytes that it would take now. As with TCP, room that is not worth a segment is none: else writes get
    /// smaller and smaller.
    pub fn room(&self) -> usize {
        let room = self.line.window.saturating_sub(self.held);
        let worth = self.line.segment.min(self.line.window / 2);
        if self.finished || room < worth { 0 } else { room }
    }

    /// No more comes behind what is under way.
    pub const fn finish(&mut self) {
        self.finished = true;
    }

    /// The same, though more will be written: that goes nowhere.
    pub const fn end_early(&mut self) {
        (self.finished, self.ended_early) = (true, true);
    }

    /// From now on nothing arrives.
    pub const fn break_off(&mut self) {
        self.broken = true;
    }

    fn next_arrival(&self) -> Option<Instant> {
        self.under_way.front().filter(|_| !self.broken).map(|&(at, _)| at)
    }

    /// When there is something to read, be it the end.
    pub fn next_read(&self, now: Instant) -> Option<Instant> {
        let waiting = !self.unread.is_empty() || self.is_at_end();
        if waiting { Some(now) } else { self.next_arrival().map(|at| at.max(now)) }
    }

    /// Some of what has arrived; never all of it for sure.
    pub fn read(&mut self, now: Instant, rng: &mut Rng) -> Vec<u8> {
        while self.next_arrival().is_some_and(|at| at <= now) {
            self.unread.extend(self.under_way.pop_front().map(|(_, segment)| segment).unwrap_or_default());
        }
        let n = match self.unread.len() {
            0 => 0,
            n => 1 + rng.below(n),
        };
        self.held -= n;
        self.unread.drain(..n).collect()
    }

    /// Whether all has been read, and no more comes.
    pub fn is_at_end(&self) -> bool {
        self.finished && !self.broken && self.under_way.is_empty() && self.unread.is_empty()
    }
}
