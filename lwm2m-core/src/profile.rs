//! How LwM2M wants its connections: profiles of [`coap_tcp_core::Config`] (F-10 there, B.2 here).

use core::time::Duration;

use coap_tcp_core::{Config, KeepAlive, KeepAliveBounds, Tolerance};

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

/// For a device that keeps its connection and does not sleep (TCP-72): a Ping after a silence that is learned, between
/// a minute and an hour. `DEVICE.keep_alive(LONG_LIVED)`; what is learned goes from one connection to the next by
/// [`Connection::keep_alive_search`](coap_tcp_core::Connection::keep_alive_search).
pub const LONG_LIVED: KeepAlive =
    KeepAlive::Adaptive(KeepAliveBounds::new(KeepAlive::FLOOR, Duration::from_secs(3600)));

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
    fn f_10_the_profiles_over_the_defaults() {
        let both = [
            "ping_timeout: 30s",
            "frame_timeout: 30s",
            "write_timeout: 60s",
            "linger: 2s",
            "idle_timeout: None",
            "keep_alive: Off",
        ];
        let device =
            ["csm_timeout: 30s", "request_timeout: Some(30s)", "release_timeout: 2s", "drain_timeout: 30s"];
        let server =
            ["csm_timeout: 10s", "request_timeout: Some(60s)", "release_timeout: 5s", "drain_timeout: 5s"];
        for (config, own) in [(DEVICE, device), (SERVER, server)] {
            let text = alloc::format!("{config:?}");
            for part in both.iter().chain(&own) {
                assert!(text.contains(part), "{part} in {text}");
            }
        }
    }

    #[test]
    fn tcp_72_a_device_that_keeps_its_connection_learns_how() {
        let KeepAlive::Adaptive(bounds) = LONG_LIVED else { panic!("{LONG_LIVED:?}") };
        assert_eq!([bounds.floor(), bounds.ceiling()].map(|it| it.as_secs()), [60, 3600]);
        assert_eq!(DEVICE.detection_bound(), None, "its requests find it out (TCP-70)");
        let config = DEVICE.keep_alive(LONG_LIVED);
        assert_eq!(config.detection_bound(), Some(Duration::from_secs(3600 + 60)));
    }

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
