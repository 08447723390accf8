//! The order in which a stack and what uses it take turns.

use smoltcp::iface::{Interface, PollIngressSingleResult, SocketSet};
use smoltcp::phy::Device;
use smoltcp::time::Instant;

/// Takes all packets that came, lets `work` act on the sockets, then sends.
///
/// `Interface::poll` sends before anybody can act, so that each acknowledgement costs a segment of its own.
pub fn turn<'s, D: Device + ?Sized, R>(
    now: Instant,
    iface: &mut Interface,
    device: &mut D,
    sockets: &mut SocketSet<'s>,
    work: impl FnOnce(&mut Interface, &mut SocketSet<'s>) -> R,
) -> R {
    iface.poll_maintenance(now);
    while iface.poll_ingress_single(now, device, sockets) != PollIngressSingleResult::None {}
    let result = work(iface, sockets);
    // Once more than needed: the first call that sends nothing ends it, and each sends a packet a socket.
    while iface.poll_egress(now, device, sockets) == smoltcp::iface::PollResult::SocketStateChanged {}
    result
}
