//! The core's advice, in smoltcp's words.

use coap_tcp_core::Advice;
use smoltcp::socket::tcp::Socket;

/// Tells a socket what the core advises, before it connects or listens (F-20).
///
/// smoltcp has no limit of its own on how long it sends the same bytes again, so one is always set; it also ends an
/// attempt to connect. Its delay of acknowledgements is kept where the advice is to delay them.
///
/// The segment size is the device's to tell: smoltcp derives it from `max_transmission_unit`, which should be
/// [`Advice::ip_mtu`], and 14 more where that is Ethernet (F-22).
pub fn tune(socket: &mut Socket<'_>, advice: &Advice) {
    socket.set_nagle_enabled(advice.nagle);
    if !advice.delayed_ack {
        socket.set_ack_delay(None);
    }
    socket.set_keep_alive(advice.keep_alive.map(Into::into));
    socket.set_timeout(Some(advice.user_timeout.unwrap_or(advice.patience).into()));
}
