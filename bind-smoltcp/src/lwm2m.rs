//! An LwM2M device's account with one server, as a layer.

use core::fmt;

use coap_tcp_core::{Buf, Closed, Event, Expired, Instant, Peer, Slots};
use lwm2m_core::client::{self, Client, Op};
use lwm2m_core::objects::Objects;

use crate::layer::Layer;

/// Joins a [`Client`], the objects of the application and one server, for the time of one
/// [`Driver::poll`](crate::Driver::poll). The client and its objects stay with the caller, who also asks
/// [`Client::poll_action`] when to connect and when to close.
pub struct Account<'a, 'd, const SERVERS: usize, const OBSERVATIONS: usize> {
    /// The device.
    pub client: &'a mut Client<'d, SERVERS, OBSERVATIONS>,
    /// Which server.
    pub server: usize,
    /// What the device has to say.
    pub objects: &'a mut dyn Objects,
    /// Told of everything that happens.
    pub report: &'a mut dyn FnMut(client::Event<'_>),
}

impl<const SERVERS: usize, const OBSERVATIONS: usize> fmt::Debug for Account<'_, '_, SERVERS, OBSERVATIONS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Account({}: {:?})", self.server, self.client.state(self.server))
    }
}

impl<S, T, const SERVERS: usize, const OBSERVATIONS: usize> Layer<S, T>
    for Account<'_, '_, SERVERS, OBSERVATIONS>
where
    S: Slots<Tag = Op>,
    T: Buf,
{
    fn handle_connected(&mut self, now: Instant, _: &mut Peer<'_, '_, S, T>) {
        self.client.handle_connected(now, self.server);
    }

    fn handle_event(&mut self, now: Instant, event: Event<'_, Op>, peer: &mut Peer<'_, '_, S, T>) {
        let event = self.client.handle_event(now, self.server, event, self.objects, peer);
        (self.report)(event);
    }

    fn handle_expired(&mut self, _: Instant, _: Expired<Op>, _: &mut Peer<'_, '_, S, T>) {
        // The client has deadlines of its own; those of the connection that end it are told by its end.
    }

    fn handle_turn(&mut self, now: Instant, peer: &mut Peer<'_, '_, S, T>) -> bool {
        while let Some(event) = self.client.handle_timeout(now, self.server, self.objects, peer) {
            (self.report)(event);
        }
        true
    }

    fn handle_closed(&mut self, now: Instant, _: Closed, _: &mut dyn Iterator<Item = Op>) {
        self.client.handle_closed(now, self.server);
    }
}
