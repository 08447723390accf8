//! The tables of registrations and connections, kept true to each other and to their deadlines. No bytes here.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::time::Duration;

use coap_tcp_core::Instant;

use super::registration::{Registration, RegistrationId};
use super::timers::Timers;

#[derive(Debug)]
pub(super) struct Table<K> {
    registrations: BTreeMap<RegistrationId, Registration<K>>,
    endpoints: BTreeMap<Box<str>, RegistrationId>,
    connections: BTreeMap<K, Connection>,
    timers: Timers<Due<K>>,
    /// Connections that the outside is still to be asked to close.
    closing: VecDeque<K>,
}

/// What has a deadline.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Due<K> {
    /// A registration is to be removed.
    Removal(RegistrationId),
    /// A connection without a registration is to be closed.
    Close(K),
}

#[derive(Debug)]
pub(super) struct Connection {
    /// Whom its security context names.
    pub(super) identity: Option<Box<str>>,
    pub(super) registrations: Vec<RegistrationId>,
    /// It is to close: nobody registers over it any more.
    pub(super) closing: bool,
    /// When to close it, unless somebody registers.
    close: Option<Instant>,
    /// Requests in a row without an answer.
    silences: u8,
}

impl<K: Copy + Ord> Table<K> {
    pub(super) const fn new() -> Self {
        Self {
            registrations: BTreeMap::new(),
            endpoints: BTreeMap::new(),
            connections: BTreeMap::new(),
            timers: Timers::new(),
            closing: VecDeque::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.registrations.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Registration<K>> {
        self.registrations.values()
    }

    pub(super) fn get(&self, id: RegistrationId) -> Option<&Registration<K>> {
        self.registrations.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: RegistrationId) -> Option<&mut Registration<K>> {
        self.registrations.get_mut(&id)
    }

    pub(super) fn find(&self, endpoint: &str) -> Option<&Registration<K>> {
        self.get(*self.endpoints.get(endpoint)?)
    }

    pub(super) fn connection(&self, connection: K) -> Option<&Connection> {
        self.connections.get(&connection)
    }

    pub(super) fn next_due(&self) -> Option<Instant> {
        self.timers.next()
    }

    pub(super) fn pop_due(&mut self, now: Instant) -> Option<Due<K>> {
        self.timers.pop(now)
    }

    pub(super) fn pop_closing(&mut self) -> Option<K> {
        while let Some(connection) = self.closing.pop_front() {
            if self.connections.contains_key(&connection) {
                return Some(connection);
            }
        }
        None
    }

    /// A name that nobody has, if `wanted` is taken one close to it.
    pub(super) fn vacant(&self, mut wanted: u64) -> RegistrationId {
        while self.registrations.contains_key(&RegistrationId(wanted)) {
            wanted = wanted.wrapping_add(1);
        }
        RegistrationId(wanted)
    }

    pub(super) fn connect(
        &mut self,
        now: Instant,
        connection: K,
        identity: Option<Box<str>>,
        grace: Duration,
    ) {
        self.disconnect(connection);
        let entry =
            Connection { identity, registrations: Vec::new(), closing: false, close: None, silences: 0 };
        self.connections.insert(connection, entry);
        self.close_after(now, connection, grace);
    }

    /// Its registrations live on, without observations (TCP-40, TCP-52).
    pub(super) fn disconnect(&mut self, connection: K) {
        let Some(Connection { mut close, registrations, .. }) = self.connections.remove(&connection) else {
            return;
        };
        self.timers.set(Due::Close(connection), &mut close, None);
        for id in registrations {
            if let Some(registration) = self.registrations.get_mut(&id) {
                registration.connection = None;
                registration.observations.clear();
            }
        }
    }

    pub(super) fn insert(&mut self, registration: Registration<K>) {
        self.endpoints.insert(registration.endpoint.clone(), registration.id);
        self.registrations.insert(registration.id, registration);
    }

    /// Takes a registration out, and off its connection, which may then live for `grace` without any.
    pub(super) fn remove(
        &mut self,
        now: Instant,
        id: RegistrationId,
        grace: Duration,
    ) -> Option<Registration<K>> {
        self.unbind(now, id, grace);
        let mut registration = self.registrations.remove(&id)?;
        self.endpoints.remove(&registration.endpoint);
        self.timers.set(Due::Removal(id), &mut registration.removal, None);
        Some(registration)
    }

    /// Requests to a registration go over this connection from now on. One that it had before may then live for `grace`
    /// (TCP-12, TCP-14).
    pub(super) fn bind(&mut self, now: Instant, id: RegistrationId, to: K, grace: Duration) {
        self.unbind(now, id, grace);
        if let (Some(registration), Some(entry)) =
            (self.registrations.get_mut(&id), self.connections.get_mut(&to))
        {
            registration.connection = Some(to);
            entry.registrations.push(id);
            self.timers.set(Due::Close(to), &mut entry.close, None);
        }
    }

    fn unbind(&mut self, now: Instant, id: RegistrationId, grace: Duration) {
        let Some(registration) = self.registrations.get_mut(&id) else {
            return;
        };
        let Some(connection) = registration.connection.take() else {
            return;
        };
        if let Some(entry) = self.connections.get_mut(&connection) {
            entry.registrations.retain(|other| *other != id);
            if entry.registrations.is_empty() {
                self.close_after(now, connection, grace);
            }
        }
    }

    /// Its lifetime begins again (REG-43, REG-44); it is removed some `grace` after its end (REG-65).
    pub(super) fn prolong(&mut self, now: Instant, id: RegistrationId, grace: Duration) {
        let Some(registration) = self.registrations.get_mut(&id) else {
            return;
        };
        let lifetime = Duration::from_secs(registration.lifetime.into());
        registration.expires = Some(now + lifetime).filter(|_| !lifetime.is_zero());
        let removal = registration.expires.map(|expires| expires + grace);
        self.timers.set(Due::Removal(id), &mut registration.removal, removal);
    }

    /// Something came from it.
    pub(super) fn heard(&mut self, connection: K) {
        if let Some(entry) = self.connections.get_mut(&connection) {
            entry.silences = 0;
        }
    }

    /// A request was left unanswered; after `most` in a row the connection is closed (TCP-70).
    pub(super) fn silent(&mut self, connection: K, most: u8) {
        if let Some(entry) = self.connections.get_mut(&connection) {
            entry.silences = entry.silences.saturating_add(1);
            if entry.silences >= most {
                self.close(connection);
            }
        }
    }

    pub(super) fn close(&mut self, connection: K) {
        if let Some(entry) = self.connections.get_mut(&connection) {
            self.timers.set(Due::Close(connection), &mut entry.close, None);
            if !core::mem::replace(&mut entry.closing, true) {
                self.closing.push_back(connection);
            }
        }
    }

    fn close_after(&mut self, now: Instant, connection: K, grace: Duration) {
        if let Some(entry) = self.connections.get_mut(&connection).filter(|entry| !entry.closing) {
            self.timers.set(Due::Close(connection), &mut entry.close, Some(now + grace));
        }
    }
}
