//! Who observes what, and what they are still to be told (F.1).

use coap_tcp_core::{Buf, Code, Instant, Observer, Peer, SendError, Slots};

use super::reading;
use crate::content::ContentFormat;
use crate::objects::{Objects, Refusal};
use crate::path::Path;

/// The observations of one server, at most `N` (IR-3). They end with the connection (TCP-40).
#[derive(Debug)]
pub(super) struct Observations<const N: usize> {
    table: [Option<Observation>; N],
    /// A notification waits for room in `tx`.
    blocked: bool,
}

#[derive(Clone, Copy, Debug)]
struct Observation {
    observer: Observer,
    path: Path,
    format: ContentFormat,
    /// When the newest state is to be told: a mark, not a queue.
    due: Option<Instant>,
}

/// How far one notification came.
enum Told {
    Sent,
    /// The observation is over: the server has been told so, or is past telling.
    Ended,
    Blocked,
}

impl<const N: usize> Observations<N> {
    pub(super) const NONE: Self = Self { table: [None; N], blocked: false };

    /// The caller has seen to it that there is room.
    pub(super) fn insert(&mut self, observer: Observer, path: Path, format: ContentFormat) {
        if let Some(free) = self.table.iter_mut().find(|entry| entry.is_none()) {
            *free = Some(Observation { observer, path, format, due: None });
        }
    }

    pub(super) fn has_room(&self) -> bool {
        self.table.iter().any(Option::is_none)
    }

    pub(super) fn remove(&mut self, observer: Observer) {
        let matches = |observation: &Observation| observation.observer == observer;
        self.table
            .iter_mut()
            .filter(|entry| entry.as_ref().is_some_and(matches))
            .for_each(|entry| *entry = None);
    }

    /// Ends all on our side, while the connection goes on.
    pub(super) fn forget<S: Slots, T: ?Sized>(&mut self, peer: &mut Peer<'_, '_, S, T>) {
        self.table.iter().flatten().for_each(|observation| peer.conn.unobserve(observation.observer));
        self.clear();
    }

    /// Ends all with their connection.
    pub(super) fn clear(&mut self) {
        *self = Self::NONE;
    }

    /// What `path` holds has changed, or what holds it. Attributes will have their say here: pmin makes it due later, a
    /// threshold not at all (IR-12).
    pub(super) fn mark(&mut self, now: Instant, path: Path) {
        for observation in self.table.iter_mut().flatten() {
            if observation.path.contains(path) || path.contains(observation.path) {
                observation.due.get_or_insert(now);
            }
        }
    }

    /// When the next notification is due. One that waits for room is no deadline (F-2).
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.table.iter().flatten().filter(|_| !self.blocked).filter_map(|observation| observation.due).min()
    }

    /// Tells what is due, as far as there is room (IR-5).
    pub(super) fn handle_timeout<S: Slots, T: Buf + ?Sized>(
        &mut self,
        now: Instant,
        objects: &dyn Objects,
        peer: &mut Peer<'_, '_, S, T>,
    ) {
        self.blocked = false;
        for entry in &mut self.table {
            let Some(observation) = entry.as_mut().filter(|o| o.due.is_some_and(|due| due <= now)) else {
                continue;
            };
            match observation.tell(objects, peer) {
                Told::Sent => observation.due = None,
                Told::Ended => *entry = None,
                Told::Blocked => {
                    self.blocked = true;
                    return;
                }
            }
        }
    }
}

impl Observation {
    fn tell<S: Slots, T: Buf + ?Sized>(&self, objects: &dyn Objects, peer: &mut Peer<'_, '_, S, T>) -> Told {
        let idle = peer.tx.as_slice().is_empty();
        match self.notify(objects, peer) {
            Ok(()) => Told::Sent,
            // What an empty buffer cannot take will never go.
            Err(Refusal::TooLarge) if !idle => Told::Blocked,
            Err(refusal) => match end(self.observer, refusal.code(), peer) {
                Err(SendError::Full) if !idle => Told::Blocked,
                _ => Told::Ended,
            },
        }
    }

    fn notify<S: Slots, T: Buf + ?Sized>(
        &self,
        objects: &dyn Objects,
        peer: &mut Peer<'_, '_, S, T>,
    ) -> Result<(), Refusal> {
        let def = reading::object(objects, self.path)?.ok_or(Refusal::NotFound)?;
        reading::check(objects, def, self.path, self.format)?;
        let mut notification = peer.notify(self.observer, Code::CONTENT).map_err(unsent)?;
        reading::write(&mut notification, true, self.format, self.path, def, objects)?;
        notification.finish().map_err(unsent)
    }
}

/// The last word to an observer: an error, without Observe (IR-5).
fn end<S: Slots, T: Buf + ?Sized>(
    observer: Observer,
    code: Code,
    peer: &mut Peer<'_, '_, S, T>,
) -> Result<(), SendError> {
    peer.notify(observer, code)?.finish()
}

/// `Full` waits; what is over the peer's limit, or without an observer, does not become better by waiting.
fn unsent(error: SendError) -> Refusal {
    match error {
        SendError::Full => Refusal::TooLarge,
        _ => Refusal::Internal,
    }
}
