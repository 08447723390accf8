//! The machine that decides: what a frame means, what is owed, when it is over.
//!
//! The methods of [`Connection`] are of four kinds, as those of quinn's: getters (here), inputs
//! ([`inbound`], [`deadlines`]), commands ([`outgoing`], [`signals`]), and the outputs that are neither bytes nor events
//! ([`Connection::poll_timeout`], [`Connection::shutdown`]).

pub(crate) mod deadlines;
pub(crate) mod health;
pub(crate) mod inbound;
pub(crate) mod outgoing;
mod signals;
pub(crate) mod state;

use crate::blockwise::Terms;
use crate::buf::Buf;
use crate::config::Config;
use crate::error::{Closed, ConfigError, Full, Phrase, Violation, WriteError};
use crate::event::Settings;
use crate::keep_alive::KeepAliveSearch;
use crate::requests::{Held, MAX_SLOTS, RequestId, Requests, Slots};
use crate::time::Instant;
use crate::wire::{Code, Decimal, Writer, abort};
use health::Health;
use state::{Input, State};

/// A Max-Message-Size below this leaves no room for a useful message (D-C-4).
const SMALLEST_MESSAGE_SIZE: u32 = 16;

/// One connection, from the moment the transport is up to its end. Owns no bytes: what it says is appended to
/// the `tx` that each call is lent.
///
/// [`Session`](crate::Session) is this with the cutter, and what adapters use.
#[derive(Debug)]
pub struct Connection<'c, S> {
    config: &'c Config,
    requests: Requests<S>,
    health: Health,
    /// The deadline of the state: CSM, Release, drain or linger.
    until: Option<Instant>,
    peer: Settings,
    state: State,
    /// Why it is over, or what it will be over for if all goes well.
    closed: Option<Closed>,
    /// The request whose event is being handled.
    current: Current,
    /// The peer has ended its stream.
    eof: bool,
    consent: bool,
}

/// What has become of the request whose event is being handled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Current {
    /// There is none, or it is settled.
    None,
    /// Nobody has touched it.
    Untouched,
    /// An answer was begun and not finished.
    Failed,
}

impl<'c, S: Slots> Connection<'c, S> {
    /// As the side that opened the transport: our CSM goes out at once, whatever the peer does (T-3.3-2).
    pub fn initiate<T: Buf + ?Sized>(
        config: &'c Config,
        slots: S,
        now: Instant,
        tx: &mut T,
    ) -> Result<Self, ConfigError> {
        Self::new(config, slots, now, tx, true)
    }

    /// As the side that accepted it: our CSM goes out at once too, unless the configuration waits (T-3.3-3).
    pub fn accept<T: Buf + ?Sized>(
        config: &'c Config,
        slots: S,
        now: Instant,
        tx: &mut T,
    ) -> Result<Self, ConfigError> {
        Self::new(config, slots, now, tx, !config.await_csm)
    }

    fn new<T: Buf + ?Sized>(
        config: &'c Config,
        slots: S,
        now: Instant,
        tx: &mut T,
        speak: bool,
    ) -> Result<Self, ConfigError> {
        if slots.as_slice().len() > MAX_SLOTS {
            return Err(ConfigError::TooManySlots);
        }
        if config.max_message_size < SMALLEST_MESSAGE_SIZE {
            return Err(ConfigError::MessageSizeTooSmall);
        }
        let mut connection = Self {
            config,
            requests: Requests::new(slots),
            health: Health::new(now),
            until: Some(now + config.csm_timeout),
            peer: Settings::BASE,
            state: State::Waiting,
            closed: None,
            current: Current::None,
            eof: false,
            consent: true,
        };
        let room = connection.room_in(tx);
        let too_small = ConfigError::TxTooSmall { reply_room: config.reply_room, room };
        if room < config.room_for_answer() {
            return Err(too_small);
        }
        if speak {
            connection.say_csm(tx).map_err(|_| too_small)?;
        }
        Ok(connection)
    }

    /// Where it stands.
    pub const fn state(&self) -> State {
        self.state
    }

    /// What the peer takes.
    pub const fn peer(&self) -> &Settings {
        &self.peer
    }

    /// What block-wise transfer may do here, as far as both sides have said.
    pub const fn terms(&self) -> Terms {
        let terms = Terms::new(self.config, &self.peer);
        if matches!(self.state, State::Waiting | State::Starting) { terms.unsettled() } else { terms }
    }

    /// What it was made with.
    pub const fn config(&self) -> &'c Config {
        self.config
    }

    /// Why it is over; `None` while the peer is still listened to.
    pub const fn closed(&self) -> Option<Closed> {
        if self.state.listens() { None } else { self.closed }
    }

    /// The tag of a request of ours, while it is under way.
    pub fn tag(&self, id: RequestId) -> Option<&S::Tag> {
        match self.requests.get(id.0)? {
            Held::Ours { tag, .. } => Some(tag),
            _ => None,
        }
    }

    /// The peer's requests that are owed an answer later.
    pub const fn owed(&self) -> usize {
        self.requests.owed as usize
    }

    /// The peer's observations.
    pub const fn observers(&self) -> usize {
        self.requests.observers as usize
    }

    /// Our own requests that await their (first) answer.
    pub const fn awaiting(&self) -> usize {
        self.requests.awaiting as usize
    }

    /// Whether Custody may be confirmed once all is answered: what the layer above knows (T-5.4.1-5).
    pub const fn consent_custody(&mut self, consent: bool) {
        self.consent = consent;
    }

    /// What [`KeepAlive::Adaptive`](crate::KeepAlive) has learned so far, and before: to be kept when the connection
    /// ends, and handed to the next one.
    pub const fn keep_alive_search(&self) -> KeepAliveSearch {
        self.health.search
    }

    /// Goes on where an earlier connection over the same path has left off. Without this the search is a new one.
    pub const fn resume_keep_alive(&mut self, search: KeepAliveSearch) {
        self.health.search = search;
    }

    /// Forgets a request of ours. Its token stays unused, so a late answer will be
    /// [`Event::Unmatched`](crate::Event::Unmatched). For an observation the wire wants
    /// [`Connection::deregister`] first (O-7.4-1).
    pub fn forget(&mut self, id: RequestId) -> Option<S::Tag> {
        self.requests.take_tag(id.0)
    }

    /// Gives back, one a call, the tags of requests that will never be answered. Empty until it is over.
    pub fn take_pending(&mut self) -> Option<(RequestId, S::Tag)> {
        if self.state.listens() {
            return None;
        }
        let key = self.requests.any_of_ours()?;
        self.requests.take_tag(key).map(|tag| (RequestId(key), tag))
    }

    /// The transport has failed, or is taken away.
    pub fn handle_lost(&mut self) -> Closed {
        self.end(Input::Gone, Closed::Transport)
    }

    /// Ends without words once `tx` is empty: right when nothing is under way (T-D5-4).
    pub fn close(&mut self) {
        self.end(Input::Stop, Closed::Local);
    }

    /// Ends the connection for a reason that the peer is told (T-5.6-3, T-5.6-4).
    pub(crate) fn fail<T: Buf + ?Sized>(&mut self, why: Closed, tx: &mut T) -> Closed {
        self.say_abort(why.phrase(), bad_csm_option(why), tx);
        self.end(Input::Stop, why)
    }

    /// The one way to the end. The first reason stays; before it there may be an intention, which does not.
    fn end(&mut self, input: Input, why: Closed) -> Closed {
        if self.state.listens() {
            self.closed = Some(why);
            self.learn_from_end(why);
        }
        self.step(input, None);
        *self.closed.get_or_insert(why)
    }

    /// Whether the path has died of a silence too long (K-4.3-3): where the end of the stream came it has not, and
    /// who closes because no answer came has the same reason to think so as a Ping without its Pong.
    fn learn_from_end(&mut self, why: Closed) {
        let died = match why {
            Closed::PingTimeout | Closed::Transport | Closed::WriteTimeout => true,
            Closed::Local | Closed::LocalAbort => self.requests.awaiting > 0 || self.requests.unanswered,
            _ => false,
        };
        if died && !self.eof {
            self.health.learn_from_death(self.config);
        }
    }

    /// For inputs that no state refuses. A new state has its own deadline.
    fn step(&mut self, input: Input, until: Option<Instant>) {
        if let Ok(state) = self.state.next(input) {
            if state != self.state {
                self.until = until;
            }
            if self.state.listens() && !state.listens() {
                crate::trace::ended(self.closed);
            }
            self.state = state;
        }
    }

    fn say_csm<T: Buf + ?Sized>(&mut self, tx: &mut T) -> Result<(), WriteError> {
        let mut writer = Writer::new(tx, Code::CSM, &[])?;
        self.config.csm().write(&mut writer)?;
        writer.finish();
        self.health.unsent = true;
        self.step(Input::OurCsm, self.until);
        Ok(())
    }

    /// An Abort, unless it would be our first word (T-3.3-1). A peer whose limit is below the text gets it
    /// without (D-H-1); where not even that has room there is a bare close (D-D-3).
    fn say_abort<T: Buf + ?Sized>(&mut self, text: Phrase<'_>, option: Option<u16>, tx: &mut T) {
        if self.state.listens() && self.state != State::Waiting {
            let limit = self.peer.max_message_size;
            let said = write_abort(text, option, limit, tx)
                .or_else(|_| write_abort(Phrase::new(""), option, limit, tx));
            self.health.unsent |= said.is_ok();
        }
    }
}

fn write_abort<T: Buf + ?Sized>(
    why: Phrase<'_>,
    bad_csm_option: Option<u16>,
    limit: u32,
    tx: &mut T,
) -> Result<(), WriteError> {
    let mut writer = Writer::new(tx, Code::ABORT, &[])?;
    if let Some(number) = bad_csm_option {
        writer.uint(abort::BAD_CSM_OPTION, number.into())?;
    }
    writer.payload(why.text.as_bytes())?;
    if let Some((joint, number)) = why.number {
        writer.payload(joint.as_bytes())?.payload(Decimal::new(number.into()).as_slice())?;
    }
    if writer.extent().1 as u64 > limit.into() {
        return Err(Full.into());
    }
    writer.finish();
    Ok(())
}

fn bad_csm_option(why: Closed) -> Option<u16> {
    match why {
        Closed::Violation(Violation::BadCsmOption(number)) => Some(number),
        _ => None,
    }
}
