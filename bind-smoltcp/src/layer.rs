//! What runs on top of a connection: an application's CoAP, or an LwM2M device.

use coap_tcp_core::{Buf, Closed, Event, Expired, Instant, Peer, Slots};

/// A protocol on top of one connection. Every call lends it the connection and where it writes.
pub trait Layer<S: Slots, T: Buf> {
    /// The transport is up. What is written now leaves together with the connection's own first words (K-3.2-5).
    fn handle_connected(&mut self, _now: Instant, _peer: &mut Peer<'_, '_, S, T>) {}

    /// A message came.
    fn handle_event(&mut self, now: Instant, event: Event<'_, S::Tag>, peer: &mut Peer<'_, '_, S, T>);

    /// A deadline of the connection has passed.
    fn handle_expired(&mut self, _now: Instant, _expired: Expired<S::Tag>, _peer: &mut Peer<'_, '_, S, T>) {}

    /// At least once a poll: the place for what the layer says unasked. `true`: something waits for room, so call
    /// again after the flush.
    fn handle_turn(&mut self, _now: Instant, _peer: &mut Peer<'_, '_, S, T>) -> bool {
        false
    }

    /// The connection is over; `pending` names each request of ours that will not be answered.
    fn handle_closed(&mut self, _now: Instant, _why: Closed, _pending: &mut dyn Iterator<Item = S::Tag>) {}
}
