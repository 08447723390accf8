//! Connections, and what happens to them in which order.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::Duration;

use coap_tcp_core::{Closed, Instant, Peer};

use super::nat::Nat;
use super::pipe::{Line, Pipe};
use crate::endpoint::{App, Endpoint, Growing, Io, Memory};
use crate::rng::Rng;
use crate::script::Setup;

/// One end of a connection in the world.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Side {
    /// Which connection.
    pub connection: usize,
    /// Which end: 0 or 1.
    pub end: usize,
}

/// All connections and the time.
#[derive(Debug)]
pub struct World<A> {
    now: Instant,
    /// Moments at which somebody wants a turn. What something sooner has made pointless stays and is skipped.
    queue: BinaryHeap<Reverse<(Instant, u64, Side)>>,
    queued: u64,
    connections: Vec<[Node<A>; 2]>,
    nats: BTreeMap<usize, Nat>,
    rng: Rng,
    turns: u64,
    /// Turns since the time last moved.
    standing: u64,
}

type GrowingPeer<'a> = Peer<'a, 'static, <Growing as Memory>::Slots, <Growing as Memory>::Tx>;

/// More turns at one moment than anything can be good for.
const BUSY_LOOP: u64 = 1_000_000;

#[derive(Debug)]
struct Node<A> {
    us: Endpoint<Growing>,
    app: A,
    /// To the other end.
    out: Pipe,
    /// Does not read.
    stalled: bool,
    told_eof: bool,
    /// The soonest moment in the queue for it.
    wake: Option<Instant>,
}

impl<A> Node<A> {
    /// Whether it would take what has arrived.
    fn reads(&self) -> bool {
        self.us.wants_input() && !self.stalled && !self.told_eof
    }
}

impl<A: App<Growing>> World<A> {
    /// Nothing in it yet.
    pub fn new(seed: u64) -> Self {
        let (queue, connections, nats) = (BinaryHeap::new(), Vec::new(), BTreeMap::new());
        let rng = Rng::new(seed);
        Self { now: Instant::ZERO, queue, queued: 0, connections, nats, rng, turns: 0, standing: 0 }
    }

    /// Another connection; the first of each pair is end 0.
    pub fn connect(&mut self, setups: [&Setup; 2], apps: [A; 2], line: Line) -> usize {
        let connection = self.connections.len();
        let now = self.now;
        let node = |setup, app| Node {
            us: Endpoint::new(setup, now),
            app,
            out: Pipe::new(line),
            stalled: false,
            told_eof: false,
            wake: None,
        };
        let ([first, second], [a, b]) = (setups, apps);
        self.connections.push([node(first, a), node(second, b)]);
        for end in [0, 1] {
            self.wake(Side { connection, end }, now);
        }
        connection
    }

    /// The time.
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// Numbers from the world's seed.
    pub const fn rng(&mut self) -> &mut Rng {
        &mut self.rng
    }

    /// Turns that anybody has taken.
    pub const fn turns(&self) -> u64 {
        self.turns
    }

    /// What sits on one end.
    pub fn app(&self, side: Side) -> &A {
        &self.node(side).app
    }

    /// Why one end is over.
    pub fn closed(&self, side: Side) -> Option<Closed> {
        self.node(side).us.closed()
    }

    /// Whether one end has dropped the transport.
    pub fn is_gone(&self, side: Side) -> bool {
        self.node(side).us.is_gone()
    }

    /// A [`Nat`] is between the ends, which forgets them when both are silent for longer.
    pub fn forget_after(&mut self, connection: usize, silence: Duration) {
        self.nats.insert(connection, Nat::new(self.now, silence));
    }

    /// Since when that has forgotten the connection, if it has and somebody spoke.
    pub fn forgotten(&self, connection: usize) -> Option<Instant> {
        self.nats.get(&connection)?.forgotten()
    }

    /// Has one end say something, now.
    pub fn act<T>(&mut self, side: Side, act: impl FnOnce(&mut A, Instant, &mut GrowingPeer<'_>) -> T) -> T {
        let now = self.now;
        let node = self.node_mut(side);
        let done = act(&mut node.app, now, &mut node.us.peer());
        self.wake(side, now);
        done
    }

    /// One end stops reading, or reads again.
    pub fn stall(&mut self, side: Side, stalled: bool) {
        self.node_mut(side).stalled = stalled;
        self.wake(side, self.now);
    }

    /// Nothing arrives any more, and nobody is told.
    pub fn break_off(&mut self, connection: usize) {
        for end in [0, 1] {
            self.node_mut(Side { connection, end }).out.break_off();
        }
    }

    /// What one end writes from now on goes nowhere, and nobody is told.
    pub fn silence(&mut self, side: Side) {
        self.node_mut(side).out.break_off();
    }

    /// One end's stream ends behind what it has written; it goes on reading, and writes into the void.
    pub fn half_close(&mut self, side: Side) {
        let now = self.now;
        self.node_mut(side).out.end_early();
        self.wake(Side { end: 1 - side.end, ..side }, now);
    }

    /// Both ends are told that the transport has failed.
    pub fn reset(&mut self, connection: usize) {
        self.break_off(connection);
        for end in [0, 1] {
            let (now, side) = (self.now, Side { connection, end });
            let node = self.node_mut(side);
            node.app.io(now, Io::Lost);
            node.us.lose();
            self.wake(side, self.now);
        }
    }

    /// Lets things happen until `end`, or until nothing more can.
    pub fn run_until(&mut self, end: Instant) {
        while let Some(&Reverse((at, _, side))) = self.queue.peek().filter(|Reverse((at, ..))| *at <= end) {
            self.queue.pop();
            let node = self.node_mut(side);
            if node.wake != Some(at) {
                // Something sooner came, and all has been looked at anew since.
                continue;
            }
            node.wake = None;
            self.standing = if at > self.now { 0 } else { self.standing + 1 };
            assert!(self.standing < BUSY_LOOP, "time stands still at {side:?}");
            self.now = self.now.max(at);
            self.turn(side);
        }
        self.now = self.now.max(end);
    }

    /// One end reads once and has its turn.
    fn turn(&mut self, side: Side) {
        self.turns += 1;
        let (now, rng) = (self.now, &mut self.rng);
        let Some(connection) = self.connections.get_mut(side.connection) else {
            return;
        };
        let [first, second] = connection;
        let (us, them) = if side.end == 0 { (first, second) } else { (second, first) };
        let mut read = vec![];
        if us.reads() {
            read = them.out.read(now, rng);
            us.us.push(&read);
            if !read.is_empty() {
                us.app.io(now, Io::Received(read.len()));
            }
            if them.out.is_at_end() {
                us.told_eof = true;
                us.app.io(now, Io::Ended);
                us.us.push_eof();
            }
        }
        let out = &mut us.out;
        let mut nat = self.nats.get_mut(&side.connection);
        let mut passes = true;
        us.us.turn(now, &mut us.app, |bytes| {
            passes &= bytes.is_empty() || nat.as_mut().is_none_or(|nat| nat.passes(now));
            out.write(now, bytes, rng)
        });
        if !passes {
            us.out.break_off();
            them.out.break_off();
        }
        if us.us.is_finished() {
            us.out.finish();
        }
        // What was read may not have been all; and who can read again must look whether there is something.
        let arrives = us.reads().then(|| them.out.next_read(now)).flatten();
        let own = [us.us.poll_timeout(), us.app.poll_timeout(), arrives].into_iter().flatten().min();
        let other = Side { end: 1 - side.end, ..side };
        let theirs = us.out.next_read(now).filter(|_| them.reads());
        let room = (!read.is_empty() && them.us.wants_output()).then_some(now);
        own.into_iter().for_each(|at| self.wake(side, at));
        theirs.into_iter().chain(room).for_each(|at| self.wake(other, at));
    }

    fn wake(&mut self, side: Side, at: Instant) {
        let at = at.max(self.now);
        let node = self.node_mut(side);
        if node.us.is_gone() || node.wake.is_some_and(|wake| wake <= at) {
            return;
        }
        node.wake = Some(at);
        self.queued += 1;
        self.queue.push(Reverse((at, self.queued, side)));
    }

    fn node(&self, side: Side) -> &Node<A> {
        self.connections
            .get(side.connection)
            .and_then(|ends| ends.get(side.end))
            .unwrap_or_else(|| absent(side))
    }

    fn node_mut(&mut self, side: Side) -> &mut Node<A> {
        let ends = self.connections.get_mut(side.connection);
        ends.and_then(|ends| ends.get_mut(side.end)).unwrap_or_else(|| absent(side))
    }
}

fn absent(side: Side) -> ! {
    panic!("there is no {side:?}")
}
