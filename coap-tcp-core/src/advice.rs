//! What a TCP stack should be told (RFC 9006), and what a connection costs in bytes (digest I).
//!
//! No call here does anything: adapters pass [`Advice`] on to their stack, and designers ask [`Cost`] whether to keep
//! a connection or to open one each time.

use core::time::Duration;

use crate::buf::Fixed;
use crate::config::Config;
use crate::wire::{Code, Writer};

/// What a stack should be told of a connection, before it is opened.
///
/// The first request need not wait for the peer's CSM (T-3.3-4), so our CSM and it should leave in one write
/// (K-3.2-5): [`Advice::fits_first_segment`] says whether one segment takes both.
///
/// ```
/// use coap_tcp_core::{Advice, Config};
/// use core::time::Duration;
///
/// const CONFIG: Config = Config::new();
/// const ADVICE: Advice =
///     Advice { user_timeout: Some(Duration::from_secs(120)), ..Advice::initiator(&CONFIG) };
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Advice {
    /// The largest segment to announce. 1220 fits an IPv6 datagram of 1280 bytes, which needs no path MTU
    /// discovery and no fragments (K-3.1.1-1).
    pub mss: u16,
    /// Hold small segments back while others are unacknowledged. Never: with the peer's delayed acknowledgements it
    /// stalls, and whole messages are written at once anyway (K-3.2.3-2, F-30).
    pub nagle: bool,
    /// Wait with acknowledgements for data to go with them. On the side that is asked an answer will follow at once;
    /// the side that asks rarely acknowledges the answer at once (K-3.3.2-1).
    pub delayed_ack: bool,
    /// Probe an idle connection, at the level of TCP. Off: two hours are too late for a NAT, less drains batteries,
    /// and the connection's own [`KeepAlive`](crate::KeepAlive) proves more (K-4.3-4, F-31).
    pub keep_alive: Option<Duration>,
    /// Give up when sent bytes are not acknowledged for so long. Off: the stack's own limit holds.
    pub user_timeout: Option<Duration>,
    /// The same for stacks that have no limit of their own: how long the core lets bytes wait (F-13, F-20).
    pub patience: Duration,
}

impl Advice {
    /// For the side that opens the connection: a device that asks rarely.
    pub const fn initiator(config: &Config) -> Self {
        Self { delayed_ack: false, ..Self::acceptor(config) }
    }

    /// For the side that accepts it.
    pub const fn acceptor(config: &Config) -> Self {
        Self {
            mss: 1220,
            nagle: false,
            delayed_ack: true,
            keep_alive: None,
            user_timeout: None,
            patience: config.write_timeout,
        }
    }

    /// Bytes of window for so many segments: 1 suffices where one request is open at a time and fits a segment
    /// (K-3.2-2), from 3 on losses are found before the timer, 5 are right for a peer that delays its
    /// acknowledgements (K-3.3.1-1, F-21).
    pub const fn window(&self, segments: u16) -> usize {
        self.mss as usize * segments as usize
    }

    /// The IP packet that holds a segment of [`Advice::mss`]: the MTU to give to a stack that derives its segments from
    /// that (F-22).
    pub const fn ip_mtu(&self, ip: Ip) -> usize {
        self.mss as usize + (ip.header() + TCP_HEADER) as usize
    }

    /// The largest first request that goes into one segment with our CSM (I.4). `mss` is what the peer announced: a
    /// stack that hears nothing has to assume 536 (K-3.2-4).
    pub fn first_request_room(config: &Config, mss: u16) -> usize {
        usize::from(mss).saturating_sub(csm_size(config))
    }

    /// Whether a first request of so many bytes goes into one segment with our CSM. If not, a stack with one segment
    /// under way has to wait for an acknowledgement between them: one round trip more, and up to 500 ms where the
    /// peer delays it (K-3.2-3).
    pub fn fits_first_segment(config: &Config, mss: u16, request: usize) -> bool {
        request <= Self::first_request_room(config, mss)
    }
}

/// Bytes of our CSM.
pub fn csm_size(config: &Config) -> usize {
    let mut tx = Fixed::<32>::new();
    let Ok(mut writer) = Writer::new(&mut tx, Code::CSM, &[]) else {
        return 0;
    };
    // At most 11 bytes, with every option there is.
    let _ = config.csm().write(&mut writer);
    writer.finish()
}

/// Bytes of a message before its token, by the bytes after it: options, marker and payload (I-4).
pub const fn head_size(body: usize) -> usize {
    match body {
        0..=12 => 2,
        13..=268 => 3,
        269..=65804 => 4,
        _ => 6,
    }
}

/// The version of IP below TCP.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ip {
    /// 20 bytes a packet.
    V4,
    /// 40 bytes a packet.
    V6,
}

impl Ip {
    const fn header(self) -> u32 {
        match self {
            Self::V4 => 20,
            Self::V6 => 40,
        }
    }
}

/// Without options.
const TCP_HEADER: u32 = 20;
const UDP_HEADER: u32 = 8;

/// Sizes of the messages of a connection's first exchange.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FirstExchange {
    /// Our CSM; [`csm_size`].
    pub csm: u32,
    /// The peer's.
    pub peer_csm: u32,
    /// The request.
    pub request: u32,
    /// The response.
    pub response: u32,
}

/// Prices connections, in bytes of IP packets without link layer, TLS and losses (I.1 to I.3). Sums saturate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cost {
    ip: Ip,
    tcp_options: u32,
}

impl Cost {
    /// Without TCP options in the segments.
    pub const fn new(ip: Ip) -> Self {
        Self { ip, tcp_options: 0 }
    }

    /// With so many bytes of options in each segment: 12 for timestamps (K-3.2.2-1).
    #[must_use]
    pub const fn tcp_options(self, bytes: u32) -> Self {
        Self { tcp_options: bytes, ..self }
    }

    /// One segment.
    pub const fn segment(&self, payload: u32) -> u32 {
        self.segments(1, payload)
    }

    /// So many segments, with so many bytes in all.
    pub const fn segments(&self, count: u32, payload: u32) -> u32 {
        let headers = (self.ip.header() + TCP_HEADER).saturating_add(self.tcp_options);
        count.saturating_mul(headers).saturating_add(payload)
    }

    /// Opening a connection and its first exchange, as adapters here make it: each side's CSM goes with its first
    /// message, and with the acknowledgement (I.2).
    pub const fn first_exchange(&self, sizes: FirstExchange) -> u32 {
        self.segments(4, sizes.payload())
    }

    /// The same with each message in a segment of its own (I.1).
    pub const fn first_exchange_apart(&self, sizes: FirstExchange) -> u32 {
        self.segments(7, sizes.payload())
    }

    /// Ending a connection: two FINs, the second with the acknowledgement of the first.
    pub const fn close(&self) -> u32 {
        self.segments(3, 0)
    }

    /// The same with an acknowledgement of its own for each.
    pub const fn close_apart(&self) -> u32 {
        self.segments(4, 0)
    }

    /// An exchange over a connection that is there. The response acknowledges the request; its own acknowledgement is
    /// [`Cost::segment`] of 0 where nothing follows to carry it.
    pub const fn exchange(&self, request: u32, response: u32) -> u32 {
        self.segments(2, request.saturating_add(response))
    }

    /// The same over UDP, by the sizes of its own, longer messages.
    pub const fn udp_exchange(&self, request: u32, response: u32) -> u32 {
        (2 * (self.ip.header() + UDP_HEADER)).saturating_add(request).saturating_add(response)
    }

    /// An Empty message and its acknowledgement ([`KeepAlive::Empty`](crate::KeepAlive)).
    pub const fn keep_alive_empty(&self) -> u32 {
        self.segments(2, 2)
    }

    /// A Ping and its Pong ([`KeepAlive::Ping`](crate::KeepAlive)), without the Pong's acknowledgement.
    pub const fn keep_alive_ping(&self) -> u32 {
        self.exchange(2, 2)
    }

    /// TCP's own probe and its acknowledgement.
    pub const fn keep_alive_tcp(&self) -> u32 {
        self.segments(2, 0)
    }

    /// What a keep-alive costs a day (I.3).
    pub const fn per_day(&self, period: Duration, keep_alive: u32) -> u64 {
        const DAY: u64 = 24 * 60 * 60;
        match DAY.checked_div(period.as_secs()) {
            Some(times) => times.saturating_mul(keep_alive as u64),
            None => u64::MAX,
        }
    }

    /// What a connection for one exchange costs over an exchange on one that is there. Where keep-alives between two
    /// exchanges cost more than this, short connections cost less (K-4.3-1).
    pub const fn reconnect(&self, sizes: FirstExchange) -> u32 {
        let once = self.first_exchange(sizes).saturating_add(self.close());
        once.saturating_sub(self.exchange(sizes.request, sizes.response))
    }
}

impl FirstExchange {
    const fn payload(self) -> u32 {
        let csms = self.csm.saturating_add(self.peer_csm);
        csms.saturating_add(self.request).saturating_add(self.response)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buf::Buf;
    use crate::wire::{Prefix, head};

    /// Both CSMs without options, V17 and V18.
    const SIZES: FirstExchange = FirstExchange { csm: 2, peer_csm: 2, request: 15, response: 10 };
    const NOTHING: FirstExchange = FirstExchange { csm: 0, peer_csm: 0, request: 0, response: 0 };

    #[test]
    fn i_2_the_figures_of_both_digest_tables_come_out() {
        for (ip, figures) in [
            (Ip::V4, [280, 309, 469, 189, 309, 105, 145, 85]),
            (Ip::V6, [420, 449, 689, 269, 449, 145, 205, 125]),
        ] {
            let cost = Cost::new(ip);
            let apart = cost.first_exchange_apart(SIZES);
            let together = cost.first_exchange(SIZES);
            let warm = cost.exchange(15, 10);
            assert_eq!(
                [
                    cost.first_exchange_apart(NOTHING),
                    apart,
                    apart + cost.close_apart(),
                    together,
                    together + cost.close(),
                    warm,
                    warm + cost.segment(0),
                    cost.udp_exchange(17, 12),
                ],
                figures
            );
        }
    }

    /// Digest I.3.
    #[test]
    fn what_keep_alives_cost_a_day() {
        let cost = Cost::new(Ip::V4);
        assert_eq!([cost.keep_alive_empty(), cost.keep_alive_ping()], [82, 84]);
        assert_eq!(cost.keep_alive_ping() + cost.segment(0), 124);
        assert_eq!(Cost::new(Ip::V6).keep_alive_empty(), 122);
        let per_day = |minutes: u64, bytes| cost.per_day(Duration::from_secs(minutes * 60), bytes);
        assert_eq!(cost.per_day(Duration::from_secs(100), cost.keep_alive_empty()), 70_848);
        assert_eq!(per_day(60, cost.keep_alive_empty()), 1_968);
        assert_eq!(per_day(110, cost.keep_alive_empty()), 1_066);
        assert_eq!(per_day(120, cost.keep_alive_tcp()), 960);
        assert_eq!(cost.per_day(Duration::ZERO, 1), u64::MAX);
        assert_eq!(cost.tcp_options(12).segment(0), 52);
    }

    #[test]
    fn k_4_3_1_from_three_keep_alives_between_exchanges_on_short_connections_cost_less() {
        let cost = Cost::new(Ip::V4);
        assert_eq!(cost.reconnect(SIZES), 204);
        let kept = |keep_alives| cost.exchange(15, 10) + keep_alives * cost.keep_alive_empty();
        let short = cost.first_exchange(SIZES) + cost.close();
        assert!(kept(2) < short && short < kept(3));
    }

    #[test]
    fn i_4_heads_grow_as_the_writer_makes_them() {
        let mut tx = Fixed::<66_000>::new();
        let payload = [7; 65_805];
        for body in [0usize, 12, 13, 268, 269, 65_804, 65_805, 65_806] {
            tx.truncate(0);
            let mut writer = Writer::new(&mut tx, Code::POST, &[]).unwrap();
            writer.payload(payload.get(..body.saturating_sub(1)).unwrap()).unwrap();
            writer.finish();
            let Ok(Prefix::Head(head)) = head(tx.as_slice(), false) else { panic!("no head") };
            assert_eq!((head.fixed, head.body), (head_size(body), if body == 1 { 0 } else { body as u64 }));
        }
    }

    /// Digest I.4.
    #[test]
    fn k_3_2_4_the_csm_and_a_full_message_share_a_segment_of_1220_bytes() {
        const V07: Config = Config::new().max_message_size(2304);
        assert_eq!(csm_size(&V07), 6);
        let rooms = [1220, 1200, 536].map(|mss| Advice::first_request_room(&V07, mss));
        assert_eq!(rooms, [1214, 1194, 530]);
        let fits = [1220, 1200, 536].map(|mss| Advice::fits_first_segment(&V07, mss, 1152));
        assert_eq!(fits, [true, true, false]);
        let long = Config::new().max_message_size(u32::MAX).token_length(u16::MAX);
        assert_eq!(csm_size(&long), 11);
        assert!(Advice::fits_first_segment(&long, Advice::initiator(&long).mss, 1152));
        assert_eq!(Advice::first_request_room(&V07, 3), 0);
    }

    #[test]
    fn k_3_1_1_1_f_22_segments_fit_ipv6_everywhere() {
        let advice = Advice::initiator(&Config::new());
        assert_eq!(advice.mss, 1220);
        assert_eq!([Ip::V4, Ip::V6].map(|ip| advice.ip_mtu(ip)), [1260, 1280]);
    }

    #[test]
    fn k_3_2_3_2_k_3_3_2_1_f_31_neither_side_holds_segments_back_or_probes() {
        let config = Config::new();
        let (device, server) = (Advice::initiator(&config), Advice::acceptor(&config));
        assert_eq!((device.nagle, server.nagle), (false, false));
        assert_eq!((device.delayed_ack, server.delayed_ack), (false, true));
        assert_eq!((device.keep_alive, server.keep_alive), (None, None));
        assert_eq!(device.user_timeout, None);
    }

    #[test]
    fn f_21_windows_are_of_whole_segments() {
        let device = Advice::initiator(&Config::new());
        assert_eq!([1, 3, 5].map(|n| device.window(n)), [1220, 3660, 6100]);
    }

    #[test]
    fn f_20_the_stacks_patience_is_ours() {
        assert_eq!(Advice::acceptor(&Config::new()).patience, Duration::from_secs(60));
        let patient = Config::new().write_timeout(Duration::from_secs(500));
        assert_eq!(Advice::initiator(&patient).patience, Duration::from_secs(500));
    }
}
