//! What happens to the table of registrations, and what is asked of devices.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use coap_tcp_core::wire::OptionNumber;
use coap_tcp_core::{Buf, Code, Event as CoapEvent, Incoming, Instant, Peer, RequestId, Slots, Tagged};

use super::config::Config;
use super::event::{Action, DownlinkError, Event, Op};
use super::intake::{self, Request};
use super::registration::{Changes, Observation, Registration, RegistrationId};
use super::table::{Connection, Due, Table};
use super::wire;
use crate::content::ContentFormat;
use crate::operation::Operation;
use crate::path::Path;
use crate::registration::others;

/// The critical options that requests to a server may have.
const KNOWN: &[OptionNumber] = &[
    OptionNumber::URI_HOST,
    OptionNumber::URI_PORT,
    OptionNumber::URI_PATH,
    OptionNumber::URI_QUERY,
    OptionNumber::ACCEPT,
];

/// Who is registered, over which connection, until when.
///
/// `K` names a connection, for as long as the registry lives. The registry owns none: each call is lent the one that it
/// is about. One turn is:
///
/// 1. [`Registry::handle_connected`] for a new connection, then [`Registry::handle_event`] for each of its events;
/// 2. [`Registry::handle_unanswered`] for each request that its session reports as expired;
/// 3. [`Registry::handle_timeout`] until `None`, then [`Registry::poll_action`] until `None`;
/// 4. wait, for [`Registry::poll_timeout`] at most.
pub struct Registry<K> {
    config: Config,
    random: Box<dyn FnMut() -> u64 + Send>,
    table: Table<K>,
}

impl<K: Copy + Ord> Registry<K> {
    /// Empty. `random` is asked for the location of each registration: where devices are not authenticated, who can
    /// guess what it says can De-register them (SEC-31).
    pub fn new(config: Config, random: impl FnMut() -> u64 + Send + 'static) -> Self {
        Self { config, random: Box::new(random), table: Table::new() }
    }

    /// A registration.
    pub fn get(&self, id: RegistrationId) -> Option<&Registration<K>> {
        self.table.get(id)
    }

    /// The registration of an endpoint.
    pub fn find(&self, endpoint: &str) -> Option<&Registration<K>> {
        self.table.find(endpoint)
    }

    /// All registrations, in no order that means anything.
    pub fn iter(&self) -> impl Iterator<Item = &Registration<K>> {
        self.table.iter()
    }

    /// The next moment at which [`Registry::handle_timeout`] has something to do.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.table.next_due()
    }

    /// What the outside must do now. Ask until `None`.
    pub fn poll_action(&mut self) -> Option<Action<K>> {
        self.table.pop_closing().map(Action::Release)
    }

    /// A connection is there. `identity` is the endpoint name that its security context proves, `None` for plain TCP:
    /// then any name is believed (SEC-20), but none that somebody else has proved (SEC-21).
    pub fn handle_connected(&mut self, now: Instant, from: K, identity: Option<&str>) {
        self.table.connect(now, from, identity.map(Into::into), self.config.unregistered_timeout);
    }

    /// A connection is gone, and all observations with it (TCP-40). Its registrations live on (TCP-52). What was asked of
    /// them comes back from the connection's `take_pending`.
    pub fn handle_closed(&mut self, from: K) {
        self.table.disconnect(from);
    }

    /// Takes an event of a connection, and answers what it asks. An answer goes out before what the application does
    /// upon the event that comes of it (REG-67).
    pub fn handle_event<'f, S: Slots<Tag = Op>, T: Buf + ?Sized>(
        &mut self,
        now: Instant,
        from: K,
        event: CoapEvent<'f, Op>,
        peer: &mut Peer<'_, '_, S, T>,
    ) -> Event<'f, K> {
        match event {
            CoapEvent::Request(request) => {
                let outcome = self.handle_request(now, from, &request, peer);
                outcome.unwrap_or_else(|code| {
                    // What does not fit is settled by the core (row 70).
                    let _ = wire::say(code, &request, peer);
                    Event::Refused(code)
                })
            }
            CoapEvent::Response { id, tag: Tagged::Last(op), message } => {
                let op = self.answered(from, id, op);
                Event::Answered { op, message }
            }
            CoapEvent::Response { id, tag: Tagged::More, message } => match peer.conn.tag(id).copied() {
                Some(op) => Event::Notified { op, first: self.notified(from, id, op), message },
                None => Event::Other(CoapEvent::Unmatched(message)),
            },
            CoapEvent::Failed { id, tag, why } => Event::Failed { op: self.answered(from, id, tag), why },
            event => Event::Other(event),
        }
    }

    /// A request was not answered in time: [`Expired::Request`](coap_tcp_core::Expired::Request) of the session. After
    /// some in a row the connection counts as dead (TCP-70).
    pub fn handle_unanswered(&mut self, id: RequestId, op: &Op) {
        let Some(registration) = self.table.get_mut(op.registration) else {
            return;
        };
        registration.observations.retain(|observation| observation.request != id);
        if let Some(connection) = registration.connection {
            self.table.silent(connection, self.config.max_silences);
        }
    }

    /// Does what is due. Ask until `None`; then [`Registry::poll_action`] may have something.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<Event<'static, K>> {
        while let Some(due) = self.table.pop_due(now) {
            match due {
                Due::Close(connection) => self.table.close(connection),
                Due::Removal(id) => {
                    let connection = self.table.get(id).and_then(|registration| registration.connection);
                    let registration = self.table.remove(now, id, Duration::ZERO);
                    // Nothing else would tell the device (TCP-60).
                    let alone =
                        |at: &K| self.table.connection(*at).is_some_and(|at| at.registrations.is_empty());
                    if let Some(connection) = connection.filter(alone) {
                        self.table.close(connection);
                    }
                    return registration.map(|registration| Event::Expired(Box::new(registration)));
                }
            }
        }
        None
    }

    /// Reads what is at `path`: the answer will be [`Event::Answered`], for [`read_answer`](super::read_answer).
    ///
    /// `peer` is that of [`Registration::connection`]; `accept` the format to ask for, such as
    /// [`Registration::preferred_format`], or none (DM-12).
    pub fn read<S: Slots<Tag = Op>, T: Buf + ?Sized>(
        &mut self,
        now: Instant,
        id: RegistrationId,
        path: Path,
        accept: Option<ContentFormat>,
        handle: u64,
        peer: &mut Peer<'_, '_, S, T>,
    ) -> Result<RequestId, DownlinkError> {
        let op = Op { registration: id, operation: Operation::Read, path, handle };
        self.ask(now, op, accept, peer)
    }

    /// Observes what is at `path`: the answer will be [`Event::Notified`], and so will be what follows it; or
    /// [`Event::Answered`] where the device does not observe (IR-1, IR-4). Ends with the connection (TCP-40).
    pub fn observe<S: Slots<Tag = Op>, T: Buf + ?Sized>(
        &mut self,
        now: Instant,
        id: RegistrationId,
        path: Path,
        accept: Option<ContentFormat>,
        handle: u64,
        peer: &mut Peer<'_, '_, S, T>,
    ) -> Result<RequestId, DownlinkError> {
        let op = Op { registration: id, operation: Operation::Observe, path, handle };
        let request = self.ask(now, op, accept, peer)?;
        let registration = self.table.get_mut(id).ok_or(DownlinkError::Unknown)?;
        let observation = Observation { request, path, accept, handle, established: false, cancelled: false };
        registration.observations.push(observation);
        Ok(request)
    }

    /// Ends the observation that was begun with `handle`: [`Event::Answered`] will say so, with
    /// [`Operation::Cancel`] and the value once more (IR-1).
    pub fn cancel<S: Slots<Tag = Op>, T: Buf + ?Sized>(
        &mut self,
        now: Instant,
        id: RegistrationId,
        handle: u64,
        peer: &mut Peer<'_, '_, S, T>,
    ) -> Result<(), DownlinkError> {
        let registration = self.table.get_mut(id).ok_or(DownlinkError::Unknown)?;
        let root = &registration.listed.root;
        let mut observations = registration.observations.iter_mut();
        let observation = observations
            .find(|observation| observation.handle == handle && !observation.cancelled)
            .ok_or(DownlinkError::Unknown)?;
        let rule = Operation::Cancel.rule();
        let mut request = peer.conn.deregister(now, observation.request, rule.method, peer.tx)?;
        wire::target(&mut request, Operation::Cancel, root, observation.path, observation.accept)?;
        request.finish()?;
        observation.cancelled = true;
        Ok(())
    }

    /// The observations of a registration that were asked for and have not ended: path, handle, and whether the device
    /// has confirmed it.
    pub fn observations(&self, id: RegistrationId) -> impl Iterator<Item = (Path, u64, bool)> {
        let all = self.get(id).map(|registration| registration.observations.as_slice()).unwrap_or_default();
        all.iter().map(|observation| (observation.path, observation.handle, observation.established))
    }

    fn ask<S: Slots<Tag = Op>, T: Buf + ?Sized>(
        &mut self,
        now: Instant,
        op: Op,
        accept: Option<ContentFormat>,
        peer: &mut Peer<'_, '_, S, T>,
    ) -> Result<RequestId, DownlinkError> {
        let registration = self.table.get(op.registration).ok_or(DownlinkError::Unknown)?;
        let rule = op.operation.rule();
        if !rule.depths.contains(&op.path.depth()) {
            return Err(DownlinkError::Path);
        }
        let mut request = peer.request(now, rule.method)?;
        wire::target(&mut request, op.operation, registration.root(), op.path, accept)?;
        Ok(request.finish(op)?)
    }

    fn handle_request<'f, S: Slots<Tag = Op>, T: Buf + ?Sized>(
        &mut self,
        now: Instant,
        from: K,
        request: &Incoming<'_>,
        peer: &mut Peer<'_, '_, S, T>,
    ) -> Result<Event<'f, K>, Code> {
        if let Some(refusal) = request.refusal(KNOWN) {
            // What does not fit is settled by the core (row 70).
            let _ = peer.conn.refuse(request, refusal, peer.tx);
            return Ok(Event::Refused(refusal.code));
        }
        match Request::of(request)? {
            Request::Register => self.register(now, from, request, peer),
            Request::Update(id) => self.update(now, from, id, request, peer),
            Request::Deregister(id) => self.deregister(now, from, id, request, peer),
        }
    }

    /// Answers first: what cannot be answered has not happened.
    fn register<'f, S: Slots<Tag = Op>, T: Buf + ?Sized>(
        &mut self,
        now: Instant,
        from: K,
        request: &Incoming<'_>,
        peer: &mut Peer<'_, '_, S, T>,
    ) -> Result<Event<'f, K>, Code> {
        let message = request.message();
        let connection = self.table.connection(from).ok_or(Code::FORBIDDEN)?;
        let identity = connection.identity.as_deref();
        let register = intake::register(&message, identity, &self.config)?;
        let old = self.find(register.endpoint);
        // Whoever has proved the name keeps it from whoever only says it (SEC-21).
        if identity.is_none() && old.is_some_and(|old| old.identity.is_some()) {
            return Err(Code::FORBIDDEN);
        }
        let others_here = connection.registrations.iter().filter(|id| old.is_none_or(|old| old.id != **id));
        if others_here.count() >= self.config.per_connection {
            return Err(Code::FORBIDDEN);
        }
        if connection.closing || (old.is_none() && self.table.len() >= self.config.max_registrations) {
            // Not for 60 s: that is what it says without Max-Age (ERR-19, C-5.4.4-1).
            return Err(Code::SERVICE_UNAVAILABLE);
        }
        let (old, identity) = (old.map(|old| old.id), identity.map(Into::into));
        let id = self.table.vacant((self.random)());
        wire::created(id, request, peer).map_err(unsent)?;

        let owned = |bytes: &[u8]| Box::<[u8]>::from(bytes);
        let registration = Registration {
            id,
            endpoint: register.endpoint.into(),
            identity,
            connection: None,
            version: register.version,
            lifetime: register.lifetime,
            binding: register.parameters.binding,
            queue: register.parameters.queue,
            sms: register.parameters.sms.map(Into::into),
            others: others(message.query()).map(|(name, value)| (owned(name), value.map(owned))).collect(),
            listed: register.listed,
            expires: None,
            removal: None,
            observations: Vec::new(),
        };
        let grace = self.config.superseded_grace;
        let replaced = old.and_then(|old| self.end(now, old, from, grace, peer));
        self.table.insert(registration);
        self.table.bind(now, id, from, grace);
        self.table.prolong(now, id, self.config.grace);
        Ok(Event::Registered { id, replaced: replaced.map(Box::new) })
    }

    fn update<'f, S: Slots<Tag = Op>, T: Buf + ?Sized>(
        &mut self,
        now: Instant,
        from: K,
        id: RegistrationId,
        request: &Incoming<'_>,
        peer: &mut Peer<'_, '_, S, T>,
    ) -> Result<Event<'f, K>, Code> {
        let connection = self.authorised(from, id)?;
        let registration = self.get(id).ok_or(Code::NOT_FOUND)?;
        let moved = registration.connection != Some(from);
        if moved && (connection.closing || connection.registrations.len() >= self.config.per_connection) {
            return Err(Code::FORBIDDEN);
        }
        let message = request.message();
        let (parameters, listed) = intake::update(&message, registration.version, &self.config)?;
        wire::say(Code::CHANGED, request, peer).map_err(unsent)?;

        let registration = self.table.get_mut(id).ok_or(Code::NOT_FOUND)?;
        let changes = Changes { connection: moved, ..registration.update(&parameters, listed) };
        if moved {
            registration.observations.clear();
            self.table.bind(now, id, from, self.config.superseded_grace);
        }
        self.table.prolong(now, id, self.config.grace);
        Ok(Event::Updated { id, changes })
    }

    fn deregister<'f, S: Slots<Tag = Op>, T: Buf + ?Sized>(
        &mut self,
        now: Instant,
        from: K,
        id: RegistrationId,
        request: &Incoming<'_>,
        peer: &mut Peer<'_, '_, S, T>,
    ) -> Result<Event<'f, K>, Code> {
        self.authorised(from, id)?;
        wire::say(Code::DELETED, request, peer).map_err(unsent)?;
        let registration = self.end(now, id, from, self.config.dereg_grace, peer).ok_or(Code::NOT_FOUND)?;
        Ok(Event::Deregistered(Box::new(registration)))
    }

    /// Whether a connection may speak for a registration: it has the identity that made it (REG-51, SEC-22).
    fn authorised(&self, from: K, id: RegistrationId) -> Result<&Connection, Code> {
        let registration = self.get(id).ok_or(Code::NOT_FOUND)?;
        let connection = self.table.connection(from).ok_or(Code::FORBIDDEN)?;
        let same = connection.identity == registration.identity;
        let proved = registration.identity.is_some() || self.config.plain_rebind;
        match same && (proved || registration.connection == Some(from)) {
            true => Ok(connection),
            false => Err(Code::BAD_REQUEST),
        }
    }

    /// Removes a registration. Where it was on this connection, which goes on, the device has forgotten its observations
    /// (REG-69): what still comes of them is nobody's.
    fn end<S: Slots<Tag = Op>, T: Buf + ?Sized>(
        &mut self,
        now: Instant,
        id: RegistrationId,
        here: K,
        grace: Duration,
        peer: &mut Peer<'_, '_, S, T>,
    ) -> Option<Registration<K>> {
        let connection = self.get(id)?.connection;
        let mut registration = self.table.remove(now, id, grace)?;
        if connection == Some(here) {
            for observation in &registration.observations {
                peer.conn.forget(observation.request);
            }
        }
        registration.connection = connection;
        Some(registration)
    }

    /// The last word on a request: its operation is Cancel where an observation was told to stop.
    fn answered(&mut self, from: K, id: RequestId, op: Op) -> Op {
        self.table.heard(from);
        let Some(registration) = self.table.get_mut(op.registration) else {
            return op;
        };
        let cancelled = registration.observation(id).is_some_and(|observation| observation.cancelled);
        registration.observations.retain(|observation| observation.request != id);
        if cancelled { Op { operation: Operation::Cancel, ..op } } else { op }
    }

    /// Whether it is the first of its observation.
    fn notified(&mut self, from: K, id: RequestId, op: Op) -> bool {
        self.table.heard(from);
        let registration = self.table.get_mut(op.registration);
        let observation = registration.and_then(|registration| registration.observation(id));
        observation.is_some_and(|observation| !core::mem::replace(&mut observation.established, true))
    }
}

impl<K: fmt::Debug> fmt::Debug for Registry<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry")
            .field("config", &self.config)
            .field("table", &self.table)
            .finish_non_exhaustive()
    }
}

/// What cannot be answered has not happened.
const fn unsent(_: coap_tcp_core::SendError) -> Code {
    Code::INTERNAL_SERVER_ERROR
}
