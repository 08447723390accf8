//! The machine: one account for each server, driven by index.

use coap_tcp_core::{
    Buf, Event as CoapEvent, Instant, Peer, RequestId, SendError, Slots, State as Stage, Tagged,
};
use core::time::Duration;

use super::account::Account;
use super::config::Config;
use super::dispatch::{self, Asker};
use super::event::{Action, Event, Op, Problem, Why};
use super::notify::Observations;
use super::registration;
use super::schedule::{Jitter, Terms};
use super::state::{Input, State};
use crate::objects::Objects;
use crate::path::Path;
use crate::version::Version;

/// How long a server may take to close after our Release (TCP-80).
const CLOSE_GRACE: Duration = Duration::from_secs(2);

/// A device: its registrations with up to `SERVERS` servers, and up to `OBSERVATIONS` observations of each.
///
/// It owns no connection and no data: each call is lent what it needs. One turn for one server is:
///
/// 1. [`Client::poll_action`], and do what it says;
/// 2. with a transport: flush, read, `Session::receive` with [`Client::handle_event`] for each event;
/// 3. [`Client::handle_timeout`], until it says `None`: here everything is written that is not an answer, as soon as
///    it is due and there is room, so call it after each flush, too;
/// 4. wait for the transport, or for the earlier of `Session::poll_timeout` and [`Client::poll_timeout`].
///
/// A connection's slots hold its observations as well as our own requests: give it two more than `OBSERVATIONS`, or no
/// Update may go out while they are all taken. An index that is not below `SERVERS` means no server: nothing happens.
#[derive(Debug)]
pub struct Client<'d, const SERVERS: usize = 1, const OBSERVATIONS: usize = 8> {
    config: Config<'d>,
    accounts: [Account; SERVERS],
    observations: [Observations<OBSERVATIONS>; SERVERS],
    jitter: Jitter,
}

impl<'d, const SERVERS: usize, const OBSERVATIONS: usize> Client<'d, SERVERS, OBSERVATIONS> {
    /// For servers that are these instances of object 1, each to be connected to at once (REG-81). `seed` spreads delays:
    /// it should differ from device to device and from start to start (REG-88).
    pub fn new(config: Config<'d>, servers: [u16; SERVERS], seed: u64, objects: &dyn Objects) -> Self {
        let account = |instance| Account::new(instance, Terms::read(objects, instance), config.newest);
        Self {
            config,
            accounts: servers.map(account),
            observations: [const { Observations::NONE }; SERVERS],
            jitter: Jitter(seed),
        }
    }

    /// Where it stands with a server; [`State::Stopped`] with one that there is not.
    pub fn state(&self, server: usize) -> State {
        self.accounts.get(server).map_or(State::Stopped, |account| account.state)
    }

    /// What the outside must do now. Ask until `None`.
    pub fn poll_action(&mut self, now: Instant) -> Option<Action> {
        self.accounts.iter_mut().enumerate().find_map(|(server, account)| match account.state {
            State::Idle if account.is_due(now) => {
                account.step(Input::Connect, None);
                Some(Action::Connect { server })
            }
            State::Dead => {
                account.step(Input::Close, account.due);
                Some(Action::Close { server })
            }
            State::Closing if account.is_due(now) => {
                account.step(Input::Close, None);
                Some(Action::Close { server })
            }
            _ => None,
        })
    }

    /// The next moment at which something is due, and with which server: [`Client::handle_timeout`] sees to it, or
    /// [`Client::poll_action`] for [`Why::Connect`] and [`Why::Close`].
    pub fn poll_timeout(&self) -> Option<(Instant, usize, Why)> {
        (0..SERVERS)
            .filter_map(|server| self.poll_timeout_of(server).map(|(at, why)| (at, server, why)))
            .min_by_key(|d| d.0)
    }

    /// [`Client::poll_timeout`] for one server, for an adapter with a task for each.
    pub fn poll_timeout_of(&self, server: usize) -> Option<(Instant, Why)> {
        let account = self.accounts.get(server)?.poll_timeout();
        match (account, self.observations.get(server)?.poll_timeout()) {
            (Some((at, why)), Some(notify)) if at <= notify => Some((at, why)),
            (_, Some(notify)) => Some((notify, Why::Notify)),
            (account, None) => account,
        }
    }

    /// A transport to `server` is open, and its session made. A Register goes out with the next
    /// [`Client::handle_timeout`], whatever was before (TCP-10).
    pub fn handle_connected(&mut self, now: Instant, server: usize) {
        if let Some(account) = self.accounts.get_mut(server) {
            account.step(Input::Connected, Some(now));
        }
    }

    /// The transport to `server` is gone, for whatever reason, or could not be had (REG-91). Observations are gone
    /// with it (TCP-40); [`Client::poll_timeout`] knows when to try again (TCP-11, REG-83).
    pub fn handle_closed(&mut self, now: Instant, server: usize) {
        let Self { config, accounts, observations, jitter } = self;
        if let (Some(account), Some(observations)) = (accounts.get_mut(server), observations.get_mut(server))
        {
            observations.clear();
            account.lost(now, config, jitter);
        }
    }

    /// Takes an event of the connection to `server`, and answers what it asks.
    ///
    /// [`Event::Other`] gives back what is none of ours. `objects` is there to be written as well as read.
    pub fn handle_event<'f, S: Slots<Tag = Op>, T: Buf + ?Sized>(
        &mut self,
        now: Instant,
        server: usize,
        event: CoapEvent<'f, Op>,
        objects: &mut dyn Objects,
        peer: &mut Peer<'_, '_, S, T>,
    ) -> Event<'f> {
        let Self { config, accounts, observations, jitter } = self;
        let (Some(account), Some(observations)) = (accounts.get_mut(server), observations.get_mut(server))
        else {
            return Event::Other(event);
        };
        let ours = |id: &RequestId| account.in_flight == Some(*id);
        match event {
            CoapEvent::Request(request) => {
                let legacy = account.version == Version::V1_0;
                let asker = Asker { state: account.state, read_format: config.read_format, legacy };
                Event::Served(dispatch::serve(asker, &request, objects, observations, peer))
            }
            CoapEvent::Response { id, tag: Tagged::Last(_), message } if ours(&id) => {
                account.answered(now, &message, config, jitter)
            }
            CoapEvent::Failed { id, .. } if ours(&id) => {
                account.failed_request(now, Problem::BadAnswer, config, jitter)
            }
            CoapEvent::Response { tag: Tagged::Last(Op::Register | Op::Update | Op::Deregister), .. } => {
                Event::Nothing
            }
            CoapEvent::Released { hold_off, message } => {
                account.hold_off(now, hold_off.unwrap_or_default());
                Event::Other(CoapEvent::Released { hold_off, message })
            }
            CoapEvent::Aborted(message) => {
                account.aborted(now);
                Event::Other(CoapEvent::Aborted(message))
            }
            event => Event::Other(event),
        }
    }

    /// Does what is due with `server`, as far as there is room. Ask until `None`.
    pub fn handle_timeout<S: Slots<Tag = Op>, T: Buf + ?Sized>(
        &mut self,
        now: Instant,
        server: usize,
        objects: &dyn Objects,
        peer: &mut Peer<'_, '_, S, T>,
    ) -> Option<Event<'static>> {
        let Self { config, accounts, observations, jitter } = self;
        let (account, observations) = (accounts.get_mut(server)?, observations.get_mut(server)?);
        if account.state.serves() && account.state != State::Leaving {
            observations.handle_timeout(now, objects, peer);
        }
        while account.is_due(now) {
            let sent = match account.state {
                State::Ready | State::Waiting => {
                    // Who registers starts afresh: the server asks to observe again (REG-69).
                    observations.forget(peer);
                    register(now, account, config, objects, peer)
                }
                State::Registered if account.is_expired(now) => {
                    account.step(Input::Forgotten, Some(now));
                    continue;
                }
                State::Registered => update(now, account, config, objects, peer),
                State::Leaving => leave(now, account, config, peer),
                State::Releasing => release(now, account, peer),
                State::Registering | State::Updating | State::Deregistering => {
                    account.in_flight.and_then(|id| peer.conn.forget(id));
                    return Some(account.unanswered(now, config, jitter));
                }
                State::Idle | State::Connecting | State::Closing | State::Dead | State::Stopped => {
                    return None;
                }
            };
            account.blocked = matches!(sent, Err(Unsent::Later));
            match sent {
                Ok(()) => {}
                Err(Unsent::Later) => return None,
                Err(Unsent::Never) => {
                    return Some(account.failed_request(now, Problem::TooLarge, config, jitter));
                }
            }
        }
        None
    }

    /// What `path` holds has a new value: its observers are told in the next [`Client::handle_timeout`], and a server
    /// whose lifetime it is gets an Update (REG-41). Any number of changes at once makes one notification (IR-23).
    pub fn changed(&mut self, now: Instant, path: Path) {
        for (account, observations) in self.accounts.iter_mut().zip(&mut self.observations) {
            observations.mark(now, path);
            let lifetime = Path::new(&[1, account.instance, 1]);
            if lifetime.is_ok_and(|lifetime| path.contains(lifetime)) {
                account.inform(now, false);
            }
        }
    }

    /// Instances have come or gone: all servers get the new list by an Update (REG-41), and observers of `path`, an
    /// object or an instance, are told.
    pub fn instances_changed(&mut self, now: Instant, path: Path) {
        self.accounts.iter_mut().for_each(|account| account.inform(now, true));
        self.observations.iter_mut().for_each(|observations| observations.mark(now, path));
    }

    /// Sends an Update now, with what is new or without anything (the Registration Update Trigger, REG-41).
    pub fn update(&mut self, now: Instant, server: usize) {
        if let Some(account) = self.accounts.get_mut(server) {
            account.inform(now, false);
        }
    }

    /// De-registers and closes, in the order of TCP-80: no notifications any more, our request under way at most a second,
    /// De-register, Release, [`Action::Close`]. Without a connection it just stops. [`Client::start`] undoes it.
    pub fn deregister(&mut self, now: Instant, server: usize) {
        if let (Some(account), Some(observations)) =
            (self.accounts.get_mut(server), self.observations.get_mut(server))
        {
            observations.clear();
            account.leave(now);
        }
    }

    /// Begins with `server` again after [`Client::deregister`], or at once what would be tried later.
    pub fn start(&mut self, now: Instant, server: usize) {
        if let Some(account) = self.accounts.get_mut(server) {
            account.step(Input::Start, Some(now));
            if matches!(account.state, State::Idle | State::Waiting) {
                account.due = Some(now);
            }
        }
    }
}

/// Why something due was not sent.
enum Unsent {
    /// There is no room now, or the peer's CSM is awaited, or the connection is about to end: that will be told.
    Later,
    /// No room will do.
    Never,
}

fn register<S: Slots<Tag = Op>, T: Buf + ?Sized>(
    now: Instant,
    account: &mut Account,
    config: &Config<'_>,
    objects: &dyn Objects,
    peer: &mut Peer<'_, '_, S, T>,
) -> Result<(), Unsent> {
    account.terms = Terms::read(objects, account.instance);
    let (version, lifetime) = (account.version, account.terms.lifetime);
    let id = attempt(peer, |peer| registration::register(now, config, version, lifetime, objects, peer))?;
    account.register_sent(now, id, config);
    Ok(())
}

fn update<S: Slots<Tag = Op>, T: Buf + ?Sized>(
    now: Instant,
    account: &mut Account,
    config: &Config<'_>,
    objects: &dyn Objects,
    peer: &mut Peer<'_, '_, S, T>,
) -> Result<(), Unsent> {
    account.terms = Terms::read(objects, account.instance);
    let (location, changes) = (&account.location, account.changes());
    let id = attempt(peer, |peer| registration::update(now, location, changes, objects, peer))?;
    account.update_sent(now, id, config);
    Ok(())
}

/// De-register, or nothing where we are not registered after all.
fn leave<S: Slots<Tag = Op>, T: Buf + ?Sized>(
    now: Instant,
    account: &mut Account,
    config: &Config<'_>,
    peer: &mut Peer<'_, '_, S, T>,
) -> Result<(), Unsent> {
    account.in_flight.take().and_then(|id| peer.conn.forget(id));
    if account.location.is_none() {
        account.step(Input::Refused, Some(now));
        return Ok(());
    }
    let location = &account.location;
    let id = attempt(peer, |peer| registration::deregister(now, location, peer))?;
    account.deregister_sent(now, id, config);
    Ok(())
}

fn release<S: Slots<Tag = Op>, T: Buf + ?Sized>(
    now: Instant,
    account: &mut Account,
    peer: &mut Peer<'_, '_, S, T>,
) -> Result<(), Unsent> {
    match peer.conn.release(now, None, &[], peer.tx) {
        Err(SendError::Full) if !peer.tx.as_slice().is_empty() => Err(Unsent::Later),
        // What cannot be said does not keep us from closing.
        _ => {
            account.step(Input::ReleaseSent, Some(now + CLOSE_GRACE));
            Ok(())
        }
    }
}

fn attempt<S: Slots, T: Buf + ?Sized>(
    peer: &mut Peer<'_, '_, S, T>,
    send: impl FnOnce(&mut Peer<'_, '_, S, T>) -> Result<RequestId, SendError>,
) -> Result<RequestId, Unsent> {
    let idle = peer.tx.as_slice().is_empty();
    let unknown = matches!(peer.conn.state(), Stage::Waiting | Stage::Starting);
    send(peer).map_err(|error| match error {
        SendError::Full if idle => Unsent::Never,
        // The peer may take more than it has had the time to say.
        SendError::TooLarge { .. } if unknown => Unsent::Later,
        SendError::TooLarge { .. } | SendError::Order => Unsent::Never,
        _ => Unsent::Later,
    })
}
