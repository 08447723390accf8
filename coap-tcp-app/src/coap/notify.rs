//! Notifications to those who observe.

use std::sync::Arc;

use coap_tcp_core::{Instant, SendError};

use super::Coap;
use crate::commands::{Dirty, Shared, Watch};
use crate::draft::Draft;
use crate::exchange::Tag;
use crate::layer::Lent;
use crate::service::Service;

impl<S: Service> Coap<S> {
    /// Notifies: the newest state of each resource, in the order in which they changed. `true`: the rest
    /// waits for room.
    pub(super) fn send_notifications(
        &mut self,
        now: Instant,
        shared: &Shared,
        peer: &mut Lent<'_, '_, Tag>,
    ) -> bool {
        loop {
            let next = {
                let dirty = &mut shared.lock().dirty;
                if dirty.is_empty() { None } else { Some(dirty.remove(0)) }
            };
            let Some(mut next) = next else {
                return false;
            };
            let end = next.end.map(Draft::new);
            let state = next.state.take();
            let observer = next.watch.observer;
            let mut send = |draft| self.send_notification(now, &next.watch, draft, peer);
            match state.iter().chain(&end).try_for_each(&mut send) {
                Ok(()) if end.is_none() => {}
                Err(SendError::Full) => {
                    // The state may have gone, and a newer one may have come: no harm in either again.
                    next.state = state;
                    put_back(&mut shared.lock().dirty, next);
                    return true;
                }
                Ok(()) | Err(_) => self.link.end(|watch| watch.observer == observer),
            }
        }
    }

    pub(super) fn send_notification(
        &mut self,
        now: Instant,
        watch: &Watch,
        draft: &Draft,
        peer: &mut Lent<'_, '_, Tag>,
    ) -> Result<(), SendError> {
        let terms = self.terms(peer);
        let notification = peer.notify(watch.observer, draft.code())?;
        self.bodies.answer(now, notification, &watch.wanted, draft, &terms)
    }
}

fn put_back(dirty: &mut Vec<Dirty>, old: Dirty) {
    match dirty.iter_mut().find(|new| Arc::ptr_eq(&new.watch, &old.watch)) {
        Some(new) => {
            new.state = new.state.take().or(old.state);
            new.end = new.end.or(old.end);
        }
        None => dirty.insert(0, old),
    }
}
