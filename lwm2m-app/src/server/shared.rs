//! What the tasks of all connections share.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

use lwm2m_core::server::{Event as RegistryEvent, RegistrationId, Registry};

use super::event::{AskError, ServerEvent};
use super::link::Link;
use crate::queue::Reports;

/// Names a connection. Never used twice.
pub(super) type ConnectionId = u64;
/// Names none.
pub(super) const NOWHERE: ConnectionId = 0;

/// The registry, and the way to each connection.
pub(super) struct Shared {
    pub(super) registry: Mutex<Registry<ConnectionId>>,
    pub(super) links: Mutex<BTreeMap<ConnectionId, Arc<Link>>>,
    /// Where each registration is observed. Locked after the registry, before the links.
    pub(super) homes: Mutex<BTreeMap<RegistrationId, ConnectionId>>,
    pub(super) reports: Reports<ServerEvent>,
    pub(super) next: AtomicU64,
    /// Of who keeps the registry's deadlines.
    pub(super) keepers: Mutex<Vec<Waker>>,
}

impl Shared {
    pub(super) fn registry(&self) -> MutexGuard<'_, Registry<ConnectionId>> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn links(&self) -> MutexGuard<'_, BTreeMap<ConnectionId, Arc<Link>>> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn next(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Before the registry is asked for its next deadline.
    pub(super) fn listen(&self, cx: &Context<'_>) {
        let mut keepers = self.keepers.lock().unwrap_or_else(PoisonError::into_inner);
        if !keepers.iter().any(|keeper| keeper.will_wake(cx.waker())) {
            keepers.push(cx.waker().clone());
        }
    }

    /// The registry's next deadline may have come nearer, or it wants something done.
    pub(super) fn nudge(&self) {
        let keepers = core::mem::take(&mut *self.keepers.lock().unwrap_or_else(PoisonError::into_inner));
        keepers.into_iter().for_each(Waker::wake);
    }

    /// Tells the connection that a registration was on that it is so no longer. To be called before anybody
    /// else has the registry.
    pub(super) fn settle(&self, event: &RegistryEvent<'_, ConnectionId>, here: ConnectionId) {
        let mut homes = self.homes.lock().unwrap_or_else(PoisonError::into_inner);
        let (id, former) = match event {
            RegistryEvent::Registered { id, replaced } => {
                homes.insert(*id, here);
                let Some(replaced) = replaced else {
                    return;
                };
                (replaced.id(), homes.remove(&replaced.id()))
            }
            RegistryEvent::Updated { id, .. } => {
                (*id, homes.insert(*id, here).filter(|former| *former != here))
            }
            RegistryEvent::Deregistered(gone) | RegistryEvent::Expired(gone) => {
                (gone.id(), homes.remove(&gone.id()))
            }
            _ => return,
        };
        let Some(former) = former else {
            return;
        };
        if let Some(link) = self.links().get(&former) {
            link.leave(id);
        }
    }

    /// The connection over which a device is reached now.
    pub(super) fn link(&self, endpoint: &str) -> Result<(RegistrationId, Arc<Link>), AskError> {
        let (id, connection) = {
            let registry = self.registry();
            let registration = registry.find(endpoint).ok_or(AskError::NotConnected)?;
            (registration.id(), registration.connection().ok_or(AskError::NotConnected)?)
        };
        let link = self.links().get(&connection).cloned().ok_or(AskError::NotConnected)?;
        Ok((id, link))
    }
}
