//! One side of a connection as the digest describes it: plain data, slow and obvious.
//!
//! It shares nothing with the core but the names of what comes out, and is told nothing but facts: what was
//! said, what was heard, what time it is. From these it knows what has to follow.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use coap_numbers::{code, option};
use coap_tcp_core::{Closed, Config, Instant, KeepAlive, SendError, Settings, Settled, State};

use crate::model::Plain;

/// What a side is configured with. The rest is as by default.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "as the setters of `Config`")]
pub struct Rules {
    pub max_message_size: u32,
    pub block_wise: bool,
    pub tx_limit: u32,
    pub reply_room: u16,
    pub max_outstanding: u16,
    pub max_inbound: u16,
    pub max_observers: u16,
    pub await_csm: bool,
    pub custody: bool,
    pub keep_alive: KeepAlive,
    pub token_salt: Option<u64>,
    pub idle_timeout: Option<Duration>,
}

/// Those of the defaults that matter here (F-10), written down once more.
const CSM: Duration = Duration::from_secs(30);
const PING: Duration = Duration::from_secs(30);
const CUSTODY: Duration = Duration::from_secs(93);
const HOLD: Duration = Duration::from_secs(20);
const REQUEST: Duration = Duration::from_secs(93);
const RELEASE: Duration = Duration::from_secs(30);
const DRAIN: Duration = Duration::from_secs(30);

impl Rules {
    /// As the defaults have it.
    pub const DEFAULT: Self = Self {
        max_message_size: 1152,
        block_wise: true,
        tx_limit: 64 * 1024,
        reply_room: 128,
        max_outstanding: 64,
        max_inbound: 64,
        max_observers: 64,
        await_csm: false,
        custody: true,
        keep_alive: KeepAlive::Off,
        token_salt: None,
        idle_timeout: Some(Duration::from_secs(300)),
    };

    /// For the core.
    pub const fn config(&self) -> Config {
        Config::new()
            .max_message_size(self.max_message_size)
            .block_wise(self.block_wise)
            .tx_limit(self.tx_limit)
            .reply_room(self.reply_room)
            .max_outstanding(self.max_outstanding)
            .max_inbound(self.max_inbound)
            .max_observers(self.max_observers)
            .await_csm(self.await_csm)
            .custody(self.custody)
            .keep_alive(self.keep_alive)
            .token_salt(self.token_salt)
            .idle_timeout(self.idle_timeout)
    }
}

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

    /// A message of the peer's, `size` bytes long: what must come of it.
    pub fn hear(&mut self, now: Instant, message: &Plain, size: usize) -> Due {
        assert!(self.listens(), "law 5: {message} is heard in {:?}", self.state);
        self.check_answered();
        if self.state == State::Waiting && message.code != code::ABORT {
            // Our CSM goes out at once (T-3.3-3).
            self.state = State::Starting;
        }
        assert!(
            self.state != State::Starting || matches!(message.code, code::CSM | code::ABORT),
            "T-3.3-1: {message} comes before the CSM"
        );
        let large = size > self.rules.max_message_size as usize;
        match (message.code >> 5, message.code) {
            (0, code::EMPTY) => Due::Settled(Settled::Empty),
            (0, _) if large => {
                self.current = Some(Theirs::of(message, false));
                Due::Settled(Settled::TooLarge)
            }
            (0, _) => self.hear_request(message),
            (2 | 4 | 5, _) => self.hear_response(message, large),
            (_, code::CSM) => self.hear_csm(message),
            (_, code::PING) => self.hear_ping(now, message),
            (_, code::PONG) => self.hear_pong(message),
            (_, code::RELEASE) if self.state == State::Draining => Due::Settled(Settled::ReleasedAgain),
            (_, code::RELEASE) => {
                self.drain(now, Closed::Released);
                Due::Released
            }
            (_, code::ABORT) => {
                self.end(State::Closed, Closed::Aborted { bad_csm_option: None });
                Due::Aborted
            }
            _ => panic!("nobody says {message}"),
        }
    }

    fn hear_csm(&mut self, message: &Plain) -> Due {
        if let Some(size) = uint(message, 2) {
            self.peer.max_message_size = size;
        }
        self.peer.block_wise |= has(message, 4);
        if let Some(length) = uint(message, 6) {
            self.peer.token_length = length;
        }
        if self.state == State::Starting {
            (self.state, self.until) = (State::Open, None);
        }
        Due::Ready(self.peer)
    }

    fn hear_request(&mut self, message: &Plain) -> Due {
        let observe = uint(message, option::OBSERVE).filter(|_| can_observe(message.code));
        if matches!(observe, Some(0 | 1)) {
            self.observers.remove(&message.token);
        }
        self.current = Some(Theirs::of(message, observe == Some(0)));
        Due::Request
    }

    /// The application has handled the request, and means to answer it later.
    pub fn deferred(&mut self) {
        if self.owed.len() < self.rules.max_inbound.into() {
            self.owed.extend(self.current.take());
        }
    }

    fn hear_response(&mut self, message: &Plain, large: bool) -> Due {
        let Some(ours) = self.ours.get_mut(&message.token) else {
            return if large { Due::Settled(Settled::TooLargeUnmatched) } else { Due::Unmatched };
        };
        let tag = ours.tag;
        let observes = message.code >> 5 == 2 && has(message, option::OBSERVE);
        match ours.stage {
            _ if large => {
                self.abandon(&message.token.clone());
                Due::Failed(tag)
            }
            Stage::Cancelling if observes => Due::Settled(Settled::AfterCancel),
            Stage::Registering | Stage::Observing if observes => {
                (ours.stage, ours.until) = (Stage::Observing, None);
                Due::Response { tag, last: false }
            }
            _ => {
                self.ours.remove(&message.token);
                Due::Response { tag, last: true }
            }
        }
    }

    fn hear_ping(&mut self, now: Instant, message: &Plain) -> Due {
        let custody = has(message, 2) && self.rules.custody && self.held.is_none();
        let owes = !self.owed.is_empty() || !self.consent;
        if custody && owes {
            self.held = Some((message.token.clone(), now));
            self.owed.iter_mut().for_each(|theirs| theirs.before_ping = true);
            return Due::Settled(Settled::CustodyHeld);
        }
        self.pongs.push_back((message.token.clone(), custody));
        Due::Settled(Settled::Ping)
    }

    fn hear_pong(&mut self, message: &Plain) -> Due {
        if self.custody_ping.as_ref().is_some_and(|(token, _)| *token == message.token) {
            self.custody_ping = None;
            let awaits =
                |token: &Vec<u8>| self.ours.get(token).is_some_and(|ours| ours.stage != Stage::Observing);
            let true_claim = !has(message, 2) || !self.before_ping.iter().any(awaits);
            assert!(true_claim, "T-5.4.1-1: {message} claims what is not true");
            return Due::Pong { custody: has(message, 2) };
        }
        if message.token.is_empty() && self.ping.take().is_some() {
            return Due::Pong { custody: false };
        }
        Due::Settled(Settled::StrayPong)
    }

    /// The peer's stream has ended, in the middle of a message or not. `unsent`: something waits to be sent.
    pub fn hear_end(&mut self, now: Instant, in_message: bool, unsent: bool) {
        self.eof = true;
        match self.state {
            State::Closed => {}
            State::Closing if unsent => {}
            State::Closing => self.state = State::Closed,
            _ if in_message => self.end(State::Closed, Closed::EofInMessage),
            State::Waiting | State::Starting => self.end(State::Closed, Closed::Eof),
            _ => self.drain(now, Closed::Eof),
        }
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

    /// We say something, `size` bytes long; `asks` gives the tag of a request. Panics where it may not be
    /// said.
    pub fn say(&mut self, now: Instant, message: &Plain, size: usize, mut asks: impl FnMut() -> u32) {
        assert!(self.listens() && !self.said_abort, "law 5: {message} is said in {:?}", self.state);
        assert!(self.said_csm || message.code == code::CSM, "T-3.3-1: {message} is our first word");
        let limit = self.peer.max_message_size;
        assert!(size <= limit as usize, "T-5.3.1-3: {message} has {size} bytes, the peer takes {limit}");
        match (message.code >> 5, message.code) {
            (0, code::EMPTY) => assert_eq!(size, 2, "T-3.4-2: {message}"),
            (0, _) => self.say_request(now, message, &mut asks),
            (2 | 4 | 5, _) => self.say_response(message),
            (_, code::CSM) => self.say_csm(),
            (_, code::PING) => self.say_ping(now, message),
            (_, code::PONG) => self.say_pong(now, message),
            (_, code::RELEASE) => {
                assert_eq!(self.state, State::Open, "T-5.5-4: a Release");
                (self.state, self.until) = (State::Releasing, Some(now + RELEASE));
                self.why.get_or_insert(Closed::Local);
            }
            (_, code::ABORT) => self.said_abort = true,
            _ => panic!("we said {message}"),
        }
    }

    fn say_csm(&mut self) {
        if std::mem::replace(&mut self.said_csm, true) {
            assert!(self.extra_csms > 0, "a second CSM");
            self.extra_csms -= 1;
        } else if self.state == State::Waiting {
            self.state = State::Starting;
        }
    }

    fn say_request(&mut self, now: Instant, message: &Plain, asks: &mut impl FnMut() -> u32) {
        assert!(message.token.len() <= 8, "X-2.2-4: {message}");
        let until = Some(now + REQUEST);
        if let Some(ours) = self.ours.get_mut(&message.token) {
            let cancels = uint(message, option::OBSERVE) == Some(1);
            let observes = matches!(ours.stage, Stage::Registering | Stage::Observing);
            assert!(cancels && observes, "C-5.3.1-2: {message} takes a token in use");
            assert!(matches!(self.state, State::Starting | State::Open), "T-5.5-4: {message}");
            (ours.stage, ours.until) = (Stage::Cancelling, until);
            return;
        }
        assert_eq!(self.may_request(), Ok(()), "{message}");
        assert!(self.used.insert(message.token.clone()), "E-4.2-1: {message} takes a token again");
        let registers = can_observe(message.code) && uint(message, option::OBSERVE) == Some(0);
        let stage = if registers { Stage::Registering } else { Stage::Once };
        self.ours.insert(message.token.clone(), Ours { tag: asks(), until, stage });
    }

    fn say_response(&mut self, message: &Plain) {
        let (token, observes) = (&message.token, has(message, option::OBSERVE));
        if let Some(theirs) = self.current.take_if(|theirs| theirs.token == *token) {
            self.answered = Some(message.code);
            assert!(!observes || theirs.observes, "O-3.1-1: {message} was not asked to observe");
            if observes {
                self.observers.insert(token.clone());
                let most = self.rules.max_observers.into();
                assert!(self.observers.len() <= most, "{} observers", self.observers.len());
            }
        } else if let Some(at) = self.owed.iter().position(|theirs| theirs.token == *token) {
            self.owed.remove(at);
        } else {
            assert!(self.observers.contains(token), "{message} answers nothing");
            assert_eq!(observes, message.code >> 5 == 2, "O-4.2-1: {message}");
            if !observes {
                self.observers.remove(token);
            }
        }
    }

    fn say_ping(&mut self, now: Instant, message: &Plain) {
        let custody = has(message, 2);
        assert_eq!(self.may_ping(custody), Ok(()), "{message}");
        match custody {
            true => {
                self.custody_ping = Some((message.token.clone(), now));
                self.before_ping = self.ours.keys().cloned().collect();
            }
            false => self.ping = Some(now),
        }
    }

    fn say_pong(&mut self, now: Instant, message: &Plain) {
        let custody = has(message, 2);
        if self.pongs.front().is_some_and(|pong| *pong == (message.token.clone(), custody)) {
            self.pongs.pop_front();
            return;
        }
        let Some((token, since)) = self.held.take() else {
            panic!("{message} answers no Ping");
        };
        assert_eq!(token, message.token, "T-5.4-2: {message}");
        match custody {
            true => assert!(self.may_grant(), "T-5.4.1-5: {message} claims what is not true"),
            false => assert!(now >= since + HOLD, "T-5.4.1-5: {message} is too soon"),
        }
    }

    fn may_grant(&self) -> bool {
        self.consent && !self.owed.iter().any(|theirs| theirs.before_ping)
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

impl Theirs {
    fn of(message: &Plain, observes: bool) -> Self {
        Self { token: message.token.clone(), observes, before_ping: false }
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
