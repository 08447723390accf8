//! One side of a connection as the digest describes it: plain data, slow and obvious.
//!
//! It shares nothing with the core but the names of what comes out, and is told nothing but facts: what was
//! said, what was heard, what time it is. From these it knows what has to follow.

mod heard;
mod rules;
mod said;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use coap_numbers::code;
use coap_tcp_core::{Closed, Instant, KeepAlive, SendError, Settings, Settled, State};

pub use self::rules::Rules;
use crate::model::Plain;

/// Those of the defaults that matter here (F-10), written down once more.
const CSM: Duration = Duration::from_secs(30);
const PING: Duration = Duration::from_secs(30);
const CUSTODY: Duration = Duration::from_secs(93);
const HOLD: Duration = Duration::from_secs(20);
const REQUEST: Duration = Duration::from_secs(93);
const RELEASE: Duration = Duration::from_secs(30);
const DRAIN: Duration = Duration::from_secs(30);

/// A request of ours.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "said by the names")]
pub struct Ours {
    pub tag: u32,
    pub until: Option<Instant>,
    pub stage: Stage,
}

/// How far it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "said by the names")]
pub enum Stage {
    Once,
    Registering,
    Observing,
    Cancelling,
}

/// A request of the peer's that wants its answer.
#[derive(Clone, Debug)]
struct Theirs {
    token: Vec<u8>,
    observes: bool,
    /// It came before the Ping that is held.
    before_ping: bool,
}

/// What must come of a message.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "as the events of the core")]
pub enum Due {
    Ready(Settings),
    Request,
    Response { tag: u32, last: bool },
    Failed(u32),
    Unmatched,
    Pong { custody: bool },
    Released,
    Aborted,
    Settled(Settled),
}

/// One side.
#[derive(Clone, Debug)]
pub struct Reference {
    rules: Rules,
    state: State,
    peer: Settings,
    ours: BTreeMap<Vec<u8>, Ours>,
    /// Observations that we wait for no longer, and have not cancelled: the peer may still think of them.
    abandoned: BTreeSet<Vec<u8>>,
    /// Tokens that we have ever used (E-4.2-1).
    used: BTreeSet<Vec<u8>>,
    /// The request that is being handled.
    current: Option<Theirs>,
    /// What the one before was answered.
    answered: Option<u8>,
    owed: Vec<Theirs>,
    observers: BTreeSet<Vec<u8>>,
    /// Pongs that are due at once, with Custody or without.
    pongs: VecDeque<(Vec<u8>, bool)>,
    held: Option<(Vec<u8>, Instant)>,
    consent: bool,
    ping: Option<Instant>,
    custody_ping: Option<(Vec<u8>, Instant)>,
    /// What awaited its answer when that was said.
    before_ping: BTreeSet<Vec<u8>>,
    /// Of the state: for the peer's CSM, for its end after our Release, for what we owe.
    until: Option<Instant>,
    received: Instant,
    eof: bool,
    why: Option<Closed>,
    /// Further CSMs that are not the core's.
    extra_csms: usize,
    said_csm: bool,
    said_abort: bool,
}

impl Reference {
    /// Nothing said, nothing heard.
    pub fn new(rules: Rules, now: Instant) -> Self {
        Self {
            rules,
            state: State::Waiting,
            peer: Settings { max_message_size: 1152, block_wise: false, token_length: 8 },
            ours: BTreeMap::new(),
            abandoned: BTreeSet::new(),
            used: BTreeSet::new(),
            current: None,
            answered: None,
            owed: vec![],
            observers: BTreeSet::new(),
            pongs: VecDeque::new(),
            held: None,
            consent: true,
            ping: None,
            custody_ping: None,
            before_ping: BTreeSet::new(),
            until: Some(now + CSM),
            received: now,
            eof: false,
            why: None,
            extra_csms: 0,
            said_csm: false,
            said_abort: false,
        }
    }

    /// Where it stands.
    pub const fn state(&self) -> State {
        self.state
    }

    /// What the peer has told.
    pub const fn peer(&self) -> Settings {
        self.peer
    }

    /// Whether messages still mean anything.
    pub const fn listens(&self) -> bool {
        !matches!(self.state, State::Closing | State::Closed)
    }

    /// Why it is over.
    pub fn closed(&self) -> Option<Closed> {
        self.why.filter(|_| !self.listens())
    }

    /// Requests of the peer's to be answered later.
    pub fn owed(&self) -> usize {
        self.owed.len()
    }

    /// Observations of the peer's.
    pub const fn observers(&self) -> &BTreeSet<Vec<u8>> {
        &self.observers
    }

    /// Requests of ours that wait for their first answer.
    pub fn awaiting(&self) -> usize {
        self.ours.values().filter(|ours| ours.stage != Stage::Observing).count()
    }

    /// Whether all requests and Pings of ours are answered.
    pub fn awaits_nothing(&self) -> bool {
        self.awaiting() == 0 && self.ping.is_none() && self.custody_ping.is_none()
    }

    /// Whether the peer may rightly think that we observe under this token.
    pub fn may_observe(&self, token: &[u8]) -> bool {
        let observes = |ours: &Ours| ours.stage == Stage::Observing;
        self.ours.get(token).is_some_and(observes) || self.abandoned.contains(token)
    }

    /// All requests of ours, by their tokens.
    pub const fn ours(&self) -> &BTreeMap<Vec<u8>, Ours> {
        &self.ours
    }

    /// Whether we may make a request.
    pub fn may_request(&self) -> Result<(), SendError> {
        match self.state {
            State::Waiting => Err(SendError::NotReady),
            State::Starting if self.rules.await_csm => Err(SendError::NotReady),
            State::Releasing | State::Draining => Err(SendError::Releasing),
            State::Closing | State::Closed => Err(SendError::Closed),
            _ if self.awaiting() >= self.rules.max_outstanding.into() => Err(SendError::TooMany),
            State::Starting | State::Open => Ok(()),
        }
    }

    /// Whether we may send a Ping.
    pub const fn may_ping(&self, custody: bool) -> Result<(), SendError> {
        let busy = if custody { self.custody_ping.is_some() } else { self.ping.is_some() };
        match self.state {
            State::Waiting => Err(SendError::NotReady),
            State::Draining => Err(SendError::Releasing),
            State::Closing | State::Closed => Err(SendError::Closed),
            _ if busy => Err(SendError::TooMany),
            _ => Ok(()),
        }
    }

    /// Whether we may release the connection.
    pub const fn may_release(&self) -> Result<(), SendError> {
        match self.state {
            State::Waiting | State::Starting => Err(SendError::NotReady),
            State::Open => Ok(()),
            State::Releasing | State::Draining => Err(SendError::Releasing),
            State::Closing | State::Closed => Err(SendError::Closed),
        }
    }

    /// Bytes have come, whatever they are: a sign of life (T-5.4-6).
    pub const fn received(&mut self, now: Instant) {
        self.received = now;
    }

    /// The transport has failed.
    pub fn lose(&mut self) {
        self.end(State::Closed, Closed::Transport);
    }

    /// A CSM that the test says by itself.
    pub const fn expect_csm(&mut self) {
        self.extra_csms += 1;
    }

    /// The application agrees to confirm Custody, or does not.
    pub const fn consent(&mut self, consent: bool) {
        self.consent = consent;
    }

    /// Nobody waits any longer for the answer to a request of ours.
    pub fn forget(&mut self, tag: u32) {
        let token = self.ours.iter().find(|(_, ours)| ours.tag == tag).map(|(token, _)| token.clone());
        self.abandon(&token.unwrap_or_else(|| panic!("law 8: {tag} was not under way")));
    }

    fn abandon(&mut self, token: &[u8]) {
        let ours = self.ours.remove(token);
        if ours.is_some_and(|ours| ours.stage != Stage::Once) {
            self.abandoned.insert(token.to_vec());
        }
    }

    /// Bytes have left, `left` remain.
    pub fn flush(&mut self, left: usize) {
        if left == 0 && self.wants_to_end() {
            self.end(State::Closing, self.why.unwrap_or(Closed::Local));
            if self.eof {
                self.state = State::Closed;
            }
        }
    }

    /// All that is owed has been said (T-5.5-2, T-D5-3).
    fn wants_to_end(&self) -> bool {
        let answered = self.owed.is_empty() && self.held.is_none() && (self.eof || self.awaiting() == 0);
        self.state == State::Closing || self.state == State::Draining && answered
    }

    /// We end it without words, or with an Abort that has been said.
    pub fn stop(&mut self, why: Closed) {
        if self.state != State::Closed {
            self.end(State::Closing, why);
        }
    }

    /// A request of ours was not answered in time.
    pub fn expire(&mut self, now: Instant, tag: u32) {
        let due = |ours: &Ours| ours.tag == tag && ours.until.is_some_and(|until| until <= now);
        let token = self.ours.iter().find(|(_, ours)| due(ours)).map(|(token, _)| token.clone());
        self.abandon(&token.unwrap_or_else(|| panic!("D-E-4: {tag} expires too soon")));
    }

    /// A Ping was not answered in time, and other things were heard.
    pub fn miss_pong(&mut self, now: Instant) {
        let since = self.ping.take();
        let due = since.is_some_and(|since| since + PING <= now && self.received > since);
        assert!(due, "T-5.4-4: a Pong is missed that was asked for at {since:?}");
    }

    /// The same for one with Custody.
    pub fn miss_custody(&mut self, now: Instant) {
        let since = self.custody_ping.take();
        assert!(since.is_some_and(|(_, since)| since + CUSTODY <= now), "T-5.4.1-4: given up too soon");
    }

    /// A deadline has ended it.
    pub fn time_out(&mut self, now: Instant, why: Closed) {
        if !self.listens() {
            self.state = State::Closed;
            return;
        }
        let due = self.until.is_some_and(|until| until <= now);
        let (right, state) = match why {
            Closed::CsmTimeout => {
                (due && matches!(self.state, State::Waiting | State::Starting), State::Closing)
            }
            Closed::ReleaseTimeout => (due && self.state == State::Releasing, State::Closing),
            Closed::DrainTimeout => (due && self.state == State::Draining, State::Closing),
            Closed::Idle => (self.is_idle() && self.rules.idle_timeout.is_some(), State::Closing),
            Closed::FrameTimeout => (true, State::Closing),
            Closed::WriteTimeout => (true, State::Closed),
            Closed::PingTimeout => {
                let silent = |since: Instant| since + PING <= now && self.received <= since;
                (self.ping.is_some_and(silent), State::Closed)
            }
            _ => (false, State::Closed),
        };
        assert!(right, "{why:?} in {self:?} at {now:?}");
        self.end(state, why);
    }

    fn is_idle(&self) -> bool {
        self.state == State::Open && self.ours.is_empty() && self.owed.is_empty() && self.observers.is_empty()
    }

    /// A keep-alive has been said.
    pub fn kept_alive(&self) {
        let off = matches!(self.rules.keep_alive, KeepAlive::Off);
        assert!(!off && self.state == State::Open, "F-5: a keep-alive in {:?}", self.state);
    }

    /// After all that is due has been done: nothing is overdue. `unsent`: something waits to be sent.
    pub fn check(&self, now: Instant, unsent: bool) {
        if !self.listens() {
            return;
        }
        self.check_answered();
        assert!(self.pongs.is_empty(), "T-5.4-2: no Pong for {:?}", self.pongs);
        assert!(self.until.is_none_or(|until| until > now), "overdue since {:?}", self.until);
        let late = |ours: &Ours| ours.until.is_some_and(|until| until <= now);
        assert!(!self.ours.values().any(late), "D-E-4: overdue: {:?}", self.ours);
        assert!(self.ping.is_none_or(|since| since + PING > now), "T-5.4-4: overdue");
        assert!(self.held.is_none() || unsent || !self.may_grant(), "T-5.4.1-2: the Pong could go out");
    }

    /// The request before has its answer, or is kept for later.
    fn check_answered(&self) {
        assert!(self.current.is_none(), "T-3.3-11: not answered: {:?}", self.current);
    }

    /// The core has answered by itself.
    pub fn check_settled(&self, settled: Settled) {
        self.check_answered();
        let code = match settled {
            Settled::Unserved => code::NOT_IMPLEMENTED,
            _ => code::INTERNAL_SERVER_ERROR,
        };
        assert_eq!(self.answered, Some(code), "T-3.3-11: {settled:?}");
    }

    /// It is over, and every tag has come back.
    pub fn take_ours(&mut self) -> usize {
        std::mem::take(&mut self.ours).len()
    }

    fn drain(&mut self, now: Instant, why: Closed) {
        self.why.get_or_insert(why);
        if self.state != State::Draining {
            (self.state, self.until) = (State::Draining, Some(now + DRAIN));
        }
    }

    /// The first reason stays; an intention before it does not.
    fn end(&mut self, state: State, why: Closed) {
        if self.listens() {
            self.why = Some(why);
        }
        (self.state, self.until) = (state, None);
    }
}

const fn can_observe(of: u8) -> bool {
    matches!(of, code::GET | code::FETCH)
}

fn has(message: &Plain, number: u16) -> bool {
    message.options.iter().any(|(n, _)| *n == number)
}

fn uint(message: &Plain, number: u16) -> Option<u32> {
    let (_, value) = message.options.iter().find(|(n, _)| *n == number)?;
    Some(value.iter().fold(0, |n, &byte| n << 8 | u32::from(byte)))
}
