//! What runs on top of a connection: CoAP requests, an LwM2M device, an LwM2M server.

use std::task::Context;

use coap_tcp_core::{Closed, Event, Expired, Instant, Peer, Slot};

use crate::pool::Pooled;

/// Where exchanges under way are kept: as many as there are, none while idle.
pub type Slots<T> = Vec<Slot<T>>;

/// A connection as a layer sees it for the time of one call.
pub type Lent<'a, 'c, T> = Peer<'a, 'c, Slots<T>, Pooled>;

/// A protocol on top of one connection. Every call lends it the connection and where it writes; none may
/// block.
pub trait Layer {
    /// Kept with each request of ours.
    type Tag;

    /// The transport stands. What is written now leaves together with the connection's own first words (K-3.2-5).
    fn handle_connected(&mut self, _now: Instant, _peer: &mut Lent<'_, '_, Self::Tag>) {}

    /// A message came.
    fn handle_event(&mut self, now: Instant, event: Event<'_, Self::Tag>, peer: &mut Lent<'_, '_, Self::Tag>);

    /// A deadline of the connection has passed.
    fn handle_expired(
        &mut self,
        now: Instant,
        expired: Expired<Self::Tag>,
        peer: &mut Lent<'_, '_, Self::Tag>,
    );

    /// Once a turn: what other tasks have asked for, and the layer's own deadlines. The waker of `cx` is to
    /// be woken when there is more. `true`: something waits for room, so call again after the flush.
    fn handle_turn(&mut self, cx: &mut Context<'_>, now: Instant, peer: &mut Lent<'_, '_, Self::Tag>)
    -> bool;

    /// Notifications that were not sent since newer ones came, since the last call: to be counted.
    fn take_skipped(&mut self) -> u64 {
        0
    }

    /// The layer's next deadline.
    fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    /// The connection is over, and all that was to be said has left; nothing follows. `pending` gives back
    /// each request that will not be answered.
    fn handle_closed(&mut self, now: Instant, why: Closed, pending: &mut dyn Iterator<Item = Self::Tag>);
}
