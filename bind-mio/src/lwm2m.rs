//! LwM2M over TCP: a [`Device`] that registers, a [`Server`] that it registers with, each on a [`Reactor`].
//!
//! A reactor holds connections of one kind: all those of a server, or those of any number of devices with the same
//! type of objects. Handles and the server are used in other threads; [`block_on`](crate::block_on) waits for what they
//! promise.

use std::io;
use std::net::SocketAddr;

use coap_tcp_core::Instant;
use lwm2m_app::Next;
pub use lwm2m_app::{
    Answer, AskError, Device, DeviceEvent, DeviceHandle, DeviceLayer, Events, Observation, Server,
    ServerEvent, ServerLayer,
};
pub use lwm2m_core as core;
use lwm2m_core::objects::Objects;

use crate::reactor::Reactor;
use crate::stream::Stream;
use crate::task::Attend;

/// Serves devices over TCP: listens, and keeps the time of their registrations. Says where it listens.
///
/// # Errors
/// When the address cannot be had.
pub fn serve(
    reactor: &mut Reactor<'_, ServerLayer>,
    server: &Server,
    on: SocketAddr,
) -> io::Result<SocketAddr> {
    keep_time(reactor, server);
    let server = server.clone();
    reactor.listen(on, move |stream, _| (stream, server.layer()))
}

/// Keeps the time of a server's registrations, which goes on without connections. For who listens by other means
/// than [`serve`].
pub fn keep_time<S: Stream>(reactor: &mut Reactor<'_, ServerLayer, S>, server: &Server) {
    let server = server.clone();
    reactor.attend(move |_, cx, now| Attend::Wait(server.poll(cx, now)));
}

/// Runs a device until it is de-registered: over TCP to `server`, again and again as its policy says.
pub fn run<O>(reactor: &mut Reactor<'_, DeviceLayer<O>>, device: Device<O>, server: SocketAddr)
where
    O: Objects + Send + 'static,
{
    run_over(reactor, device, move |reactor, now, layer| reactor.connect(now, server, layer));
}

/// [`run`] over whatever `connect` opens, by [`Reactor::open`].
pub fn run_over<'c, O, S>(
    reactor: &mut Reactor<'c, DeviceLayer<O>, S>,
    mut device: Device<O>,
    mut connect: impl FnMut(&mut Reactor<'c, DeviceLayer<O>, S>, Instant, DeviceLayer<O>) -> io::Result<()>
    + Send
    + 'c,
) where
    O: Objects + Send + 'static,
    S: Stream,
{
    reactor.attend(move |reactor, cx, now| {
        loop {
            match device.poll(cx, now) {
                // Where that fails, the device knows by the layer, which has gone.
                Next::Connect(layer) => drop(connect(reactor, now, layer)),
                Next::Wait(until) => return Attend::Wait(until),
                Next::Over => return Attend::Over,
            }
        }
    });
}
