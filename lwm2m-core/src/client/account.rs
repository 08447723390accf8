//! What the client knows of one server, and what follows from what happens to it. No bytes are written here.

use core::time::Duration;

use coap_tcp_core::wire::OptionNumber;
use coap_tcp_core::{Code, Instant, Message, RequestId};

use super::config::Config;
use super::event::{Event, Problem, Why};
use super::registration::{Changes, Location};
use super::schedule::{Jitter, Schedule, Terms, Verdict};
use super::state::{Input, State};
use crate::version::Version;

/// What a server says by 5.03 without Max-Age (C-5.6.1-1).
const DEFAULT_MAX_AGE: u32 = 60;

#[derive(Debug)]
pub(super) struct Account {
    /// Its instance of object 1.
    pub(super) instance: u16,
    pub(super) state: State,
    /// When the next thing of the state is due; `None`: never.
    pub(super) due: Option<Instant>,
    /// It is due, and waits for room in `tx` or for the peer's CSM: no deadline (F-2).
    pub(super) blocked: bool,
    /// Our own request under way: one at a time (REG-48).
    pub(super) in_flight: Option<RequestId>,
    pub(super) terms: Terms,
    pub(super) location: Location,
    /// The version to register with (REG-33).
    pub(super) version: Version,
    schedule: Schedule,
    /// What the server wants at least (REG-90).
    not_before: Option<Instant>,
    /// The lifetime that the server goes by.
    accepted: u32,
    /// What our request under way tells the server, and when it went.
    told: Told,
    /// What it is to be told (REG-41).
    news: News,
    /// When it will have forgotten us; `None`: never, or it does not know us.
    expires: Option<Instant>,
}

#[derive(Clone, Copy, Default, Debug)]
struct Told {
    lifetime: u32,
    list: bool,
    at: Option<Instant>,
}

#[derive(Clone, Copy, Default, Debug)]
struct News {
    list: bool,
    any: bool,
}

impl Account {
    pub(super) const fn new(instance: u16, terms: Terms, version: Version) -> Self {
        Self {
            instance,
            state: State::Idle,
            due: Some(Instant::ZERO),
            blocked: false,
            in_flight: None,
            terms,
            location: Location::NONE,
            version,
            schedule: Schedule::NEW,
            not_before: None,
            accepted: 0,
            told: Told { lifetime: 0, list: false, at: None },
            news: News { list: false, any: false },
            expires: None,
        }
    }

    /// The one way from state to state; `false` where the input means nothing now.
    pub(super) fn step(&mut self, input: Input, due: Option<Instant>) -> bool {
        let next = self.state.next(input);
        if let Some(state) = next {
            self.state = state;
            self.due = due;
            self.blocked = false;
        }
        next.is_some()
    }

    /// When something is due, and what. Of the moments that are past, the actions have no time of their own.
    pub(super) fn poll_timeout(&self) -> Option<(Instant, Why)> {
        match self.state {
            State::Connecting | State::Stopped => None,
            State::Dead => Some((Instant::ZERO, Why::Close)),
            State::Idle => self.due.map(|due| (due, Why::Connect)),
            State::Closing => self.due.map(|due| (due, Why::Close)),
            State::Registering | State::Updating | State::Deregistering => {
                self.due.map(|due| (due, Why::Answer))
            }
            State::Ready | State::Waiting | State::Registered | State::Leaving | State::Releasing => {
                self.due.filter(|_| !self.blocked).map(|due| (due, Why::Send))
            }
        }
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.due.is_some_and(|due| due <= now)
    }

    pub(super) fn lost(&mut self, now: Instant, config: &Config<'_>, jitter: &mut Jitter) {
        self.in_flight = None;
        let due = match self.state {
            State::Registered | State::Updating => Some(now + jitter.up_to(config.reconnect_within)),
            State::Connecting | State::Ready | State::Registering => self.failed(now, config, jitter).0,
            _ => self.due,
        };
        self.step(Input::Lost, due.max(due.and(self.not_before)));
    }

    /// The application wants to go (REG-60). A request of ours under way gets a second to end (TCP-80).
    pub(super) fn leave(&mut self, now: Instant) {
        let patience = if self.in_flight.is_some() { Duration::from_secs(1) } else { Duration::ZERO };
        self.step(Input::Leave, Some(now + patience));
    }

    /// The server asks to be left alone for a while (REG-90).
    pub(super) fn hold_off(&mut self, now: Instant, wait: Duration) {
        self.not_before = Some(now + wait);
    }

    /// The server cannot go on with us. Not even one that takes each Register is asked again at once (F-9).
    pub(super) fn aborted(&mut self, now: Instant) {
        self.hold_off(now, Duration::from_secs(self.terms.retry_timer.into()));
    }

    /// There is news for the server: an Update is due now, or once the exchange under way is over (REG-48, REG-49).
    pub(super) fn inform(&mut self, now: Instant, list: bool) {
        self.news.any = true;
        self.news.list |= list;
        if self.state == State::Registered {
            self.due = Some(now);
        }
    }

    /// Whether the server has forgotten us by now: then an Update would be in vain (TCP-10).
    pub(super) fn is_expired(&self, now: Instant) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }

    pub(super) fn changes(&self) -> Changes {
        let lifetime = Some(self.terms.lifetime).filter(|lifetime| *lifetime != self.accepted);
        Changes { lifetime, list: self.news.list }
    }

    pub(super) fn register_sent(&mut self, now: Instant, id: RequestId, config: &Config<'_>) {
        self.told = Told { lifetime: self.terms.lifetime, list: true, at: Some(now) };
        self.location = Location::NONE;
        self.expires = None;
        self.sent(Input::RegisterSent, now, id, config.request_timeout);
    }

    pub(super) fn update_sent(&mut self, now: Instant, id: RequestId, config: &Config<'_>) {
        self.told = Told { lifetime: self.terms.lifetime, list: self.news.list, at: Some(now) };
        self.sent(Input::UpdateSent, now, id, config.request_timeout);
    }

    pub(super) fn deregister_sent(&mut self, now: Instant, id: RequestId, config: &Config<'_>) {
        self.sent(Input::DeregisterSent, now, id, config.deregister_timeout);
    }

    fn sent(&mut self, input: Input, now: Instant, id: RequestId, timeout: Duration) {
        self.news = News::default();
        self.in_flight = Some(id);
        self.step(input, Some(now + timeout));
    }

    /// The answer to our request under way.
    pub(super) fn answered<'f>(
        &mut self,
        now: Instant,
        answer: &Message<'_>,
        config: &Config<'_>,
        jitter: &mut Jitter,
    ) -> Event<'f> {
        self.in_flight = None;
        match self.state {
            State::Registering => self.register_answered(now, answer, config, jitter),
            State::Updating => self.update_answered(now, answer, config),
            State::Leaving => {
                // Only now is it known what to De-register.
                self.location = Location::read(answer).unwrap_or(self.location);
                self.due = Some(now);
                Event::Nothing
            }
            State::Deregistering => {
                self.step(Input::Taken, Some(now));
                Event::Deregistered
            }
            _ => Event::Nothing,
        }
    }

    fn register_answered<'f>(
        &mut self,
        now: Instant,
        answer: &Message<'_>,
        config: &Config<'_>,
        jitter: &mut Jitter,
    ) -> Event<'f> {
        let older = match self.version {
            Version::V1_2 => Some(Version::V1_1),
            Version::V1_1 => Some(Version::V1_0),
            Version::V1_0 => None,
        };
        let refused = Problem::Refused(answer.code);
        match (answer.code, Location::read(answer), older.filter(|older| *older >= config.oldest)) {
            (code, Some(location), _) if code.is_success() => {
                self.location = location;
                self.schedule = Schedule::NEW;
                self.not_before = None;
                self.taken(config);
                Event::Registered
            }
            (code, None, _) if code.is_success() => self.refused(now, Problem::BadLocation, config, jitter),
            (Code::PRECONDITION_FAILED, _, Some(older)) => {
                self.version = older;
                self.step(Input::Forgotten, Some(now));
                Event::Failed { problem: refused, again: Some(now), exhausted: false }
            }
            (Code::BAD_REQUEST | Code::UNAUTHORIZED | Code::FORBIDDEN | Code::PRECONDITION_FAILED, _, _) => {
                self.version = config.newest;
                let verdict = self.schedule.rejected(&self.terms);
                self.wait(now, refused, verdict, config, jitter)
            }
            (Code::SERVICE_UNAVAILABLE, _, _) => {
                let max_age = answer.uint(OptionNumber::MAX_AGE).unwrap_or(DEFAULT_MAX_AGE);
                self.hold_off(now, Duration::from_secs(max_age.into()));
                self.refused(now, refused, config, jitter)
            }
            _ => self.refused(now, refused, config, jitter),
        }
    }

    /// REG-52. What is not a matter of the server's state, its failures of class 5, is tried again later.
    fn update_answered<'f>(&mut self, now: Instant, answer: &Message<'_>, config: &Config<'_>) -> Event<'f> {
        if answer.code.is_success() {
            self.taken(config);
            return Event::Updated(answer.code);
        }
        if answer.code.class() == coap_tcp_core::wire::Class::ClientError {
            self.step(Input::Forgotten, Some(now));
            return Event::Forgotten(answer.code);
        }
        let max_age = answer.uint(OptionNumber::MAX_AGE).unwrap_or(DEFAULT_MAX_AGE);
        self.postpone(now, Problem::Refused(answer.code), Duration::from_secs(max_age.into()))
    }

    /// An Update that changed nothing: its news are news still.
    fn postpone<'f>(&mut self, now: Instant, problem: Problem, wait: Duration) -> Event<'f> {
        self.news = News { list: self.news.list | self.told.list, any: true };
        let again = now + wait;
        let again = self.expires.map_or(again, |expires| again.min(expires));
        self.step(Input::Postponed, Some(again));
        Event::Failed { problem, again: Some(again), exhausted: false }
    }

    /// The registration lives from now on, counted from our request (REG-44, REG-46).
    fn taken(&mut self, config: &Config<'_>) {
        let at = self.told.at.unwrap_or(Instant::ZERO);
        self.told.list = false;
        self.accepted = self.told.lifetime;
        let lifetime = Duration::from_secs(self.told.lifetime.into());
        self.expires = Some(at + lifetime).filter(|_| !lifetime.is_zero());
        let half = Duration::new((self.told.lifetime / 2).into(), self.told.lifetime % 2 * 500_000_000);
        let margin = config.update_margin.min(half);
        let due = if self.news.any { Some(at) } else { self.expires.map(|expires| expires - margin) };
        self.step(Input::Taken, due);
    }

    /// Our request under way could not be read, or came to nothing before it was one.
    pub(super) fn failed_request<'f>(
        &mut self,
        now: Instant,
        problem: Problem,
        config: &Config<'_>,
        jitter: &mut Jitter,
    ) -> Event<'f> {
        self.in_flight = None;
        match self.state {
            State::Registered | State::Updating => {
                self.postpone(now, problem, Duration::from_secs(DEFAULT_MAX_AGE.into()))
            }
            State::Leaving | State::Deregistering => {
                self.step(Input::Refused, Some(now));
                Event::Deregistered
            }
            _ => self.refused(now, problem, config, jitter),
        }
    }

    /// The answer to our request under way did not come.
    pub(super) fn unanswered<'f>(
        &mut self,
        now: Instant,
        config: &Config<'_>,
        jitter: &mut Jitter,
    ) -> Event<'f> {
        self.in_flight = None;
        let (due, exhausted) = match self.state {
            State::Updating => (Some(now + jitter.up_to(config.reconnect_within)), false),
            State::Registering => self.failed(now, config, jitter),
            _ => {
                self.step(Input::Unanswered, Some(now));
                return Event::Deregistered;
            }
        };
        self.step(Input::Unanswered, due);
        Event::Failed { problem: Problem::Silent, again: due, exhausted }
    }

    fn refused<'f>(
        &mut self,
        now: Instant,
        problem: Problem,
        config: &Config<'_>,
        jitter: &mut Jitter,
    ) -> Event<'f> {
        let verdict = self.schedule.failed(&self.terms);
        self.wait(now, problem, verdict, config, jitter)
    }

    fn wait<'f>(
        &mut self,
        now: Instant,
        problem: Problem,
        verdict: Verdict,
        config: &Config<'_>,
        jitter: &mut Jitter,
    ) -> Event<'f> {
        let again = self.when(now, verdict, config, jitter);
        self.step(Input::Refused, again);
        Event::Failed { problem, again, exhausted: verdict.exhausted }
    }

    fn failed(&mut self, now: Instant, config: &Config<'_>, jitter: &mut Jitter) -> (Option<Instant>, bool) {
        let verdict = self.schedule.failed(&self.terms);
        (self.when(now, verdict, config, jitter), verdict.exhausted)
    }

    fn when(
        &self,
        now: Instant,
        verdict: Verdict,
        config: &Config<'_>,
        jitter: &mut Jitter,
    ) -> Option<Instant> {
        let again = now + jitter.stretch(verdict.delay?, config.jitter_percent);
        Some(self.not_before.map_or(again, |not_before| again.max(not_before)))
    }
}
