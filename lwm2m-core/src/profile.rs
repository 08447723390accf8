//! How LwM2M wants its connections: profiles of [`coap_tcp_core::Config`] (F-10 there, B.2 here).

use core::time::Duration;

use coap_tcp_core::{Config, Tolerance};

/// Answers of a device that are sure to fit: an object of a few hundred bytes.
const DEVICE_REPLY: u16 = 512;

/// For a device with two buffers of 1,152 bytes: what a server may send before it knows better (D-C-3).
///
/// A request unanswered for 30 s is a dead connection (TCP-70); after a Release the server gets 2 s to close
/// (TCP-80). No idle time: the registration says how long the connection is wanted (F-8).
pub const DEVICE: Config = Config::new()
    .block_wise(false)
    .reply_room(DEVICE_REPLY)
    .max_outstanding(1)
    .request_timeout(Some(Duration::from_secs(30)))
    .release_timeout(Duration::from_secs(2))
    .idle_timeout(None);

const LATE_CSM: Tolerance = {
    let mut tolerance = Tolerance::DEFAULT;
    tolerance.late_csm = true;
    tolerance
};

/// For a server: messages up to 1 MiB (TCP-91), a CSM within 10 s (TCP-61), 60 s for a device to answer (TCP-70),
/// 5 s to close after a Release (TCP-60). No idle time and no keep-alive: a device may be silent for as long as it
/// is registered (TCP-62). A Register before the CSM is borne, as Leshan's client over TLS sends it.
pub const SERVER: Config = Config::new()
    .max_message_size(1024 * 1024)
    .block_wise(false)
    .tolerance(LATE_CSM)
    .csm_timeout(Duration::from_secs(10))
    .request_timeout(Some(Duration::from_secs(60)))
    .release_timeout(Duration::from_secs(5))
    .drain_timeout(Duration::from_secs(5))
    .idle_timeout(None);

#[cfg(test)]
mod tests {
    use super::*;
    use coap_tcp_core::{Buf, Fixed, Instant, Session, Slot};

    #[test]
    fn tcp_62_f_8_silence_ends_no_connection() {
        for config in [DEVICE, SERVER.max_message_size(1152)] {
            let (mut tx, slots) = (Fixed::<1152>::new(), [const { Slot::<()>::FREE }; 1]);
            let now = Instant::ZERO;
            let spill = Fixed::<1152>::new();
            let mut session = Session::initiate(&config, spill, slots, now, &mut tx).unwrap();
            session.receive(now, &[0x00, 0xe1], &mut tx, |_, _| {}).unwrap();
            let said = tx.as_slice().len();
            session.sent(now, said, 0);
            assert_eq!(session.poll_timeout(), None);
        }
    }
}
