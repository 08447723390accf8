//! What can be chosen, with the defaults of the digest (F-10).

use core::time::Duration;

use crate::keep_alive::KeepAlive;
use crate::wire::{Csm, OptionNumber};

/// What happens to a message over our Max-Message-Size (D-C-5).
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Oversized {
    /// Abort, as soon as its length is known.
    Abort,
    /// Pass over it; a request is answered 4.13 with Size1, a response fails its exchange.
    Drain,
}

/// Deviations of peers that are borne, each by a switch of its own (appendix N). The defaults are those of
/// the digest.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Tolerance {
    /// No CSM within `csm_timeout`: go on with base values instead of an Abort. Off. (Californium.)
    pub missing_csm: bool,
    /// Messages before the CSM are served under base values; the CSM still has to come in time. Off.
    /// (Leshan's client over TLS.)
    pub late_csm: bool,
    /// A known CSM option with a length that it may not have is ignored instead of an Abort (T-5.6-2). Off.
    pub bad_csm_value: bool,
    /// A message of a reserved code class is ignored instead of an Abort (D-H-2). Off.
    pub reserved_class: bool,
    /// No Block-Wise-Transfer in its CSM: a request that does not fit goes in blocks all the same, and so does
    /// an answer (D-C-6). Off. (go-coap.)
    pub unannounced_blocks: bool,
    /// An Empty message with a token, options or payload is ignored instead of an Abort (T-3.4-3). On.
    pub filled_empty: bool,
}

impl Tolerance {
    /// The digest's defaults.
    pub const DEFAULT: Self = Self {
        missing_csm: false,
        late_csm: false,
        bad_csm_value: false,
        reserved_class: false,
        unannounced_blocks: false,
        filled_empty: true,
    };
}

impl Default for Tolerance {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// All choices for a connection. One value serves any number of connections, which borrow it; a device keeps
/// it in a `static`.
///
/// ```
/// use coap_tcp_core::{Config, KeepAlive};
/// use core::time::Duration;
///
/// static CONFIG: Config =
///     Config::new().max_message_size(2304).keep_alive(KeepAlive::Ping(Duration::from_secs(3000)));
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) max_message_size: u32,
    pub(crate) oversized: Oversized,
    pub(crate) block_wise: bool,
    pub(crate) token_length: u16,
    pub(crate) token_salt: Option<u64>,
    pub(crate) tx_limit: u32,
    pub(crate) reply_room: u16,
    pub(crate) max_outstanding: u16,
    pub(crate) max_inbound: u16,
    pub(crate) max_observers: u16,
    pub(crate) known_in_responses: &'static [OptionNumber],
    pub(crate) await_csm: bool,
    pub(crate) custody: bool,
    pub(crate) keep_alive: KeepAlive,
    pub(crate) jitter: Option<u64>,
    pub(crate) tolerance: Tolerance,
    pub(crate) min_rate: u32,
    pub(crate) csm_timeout: Duration,
    pub(crate) ping_timeout: Duration,
    pub(crate) custody_timeout: Duration,
    pub(crate) custody_hold: Duration,
    pub(crate) request_timeout: Option<Duration>,
    pub(crate) frame_timeout: Duration,
    pub(crate) write_timeout: Duration,
    pub(crate) release_timeout: Duration,
    pub(crate) drain_timeout: Duration,
    pub(crate) linger: Duration,
    pub(crate) idle_timeout: Option<Duration>,
}

macro_rules! setters {
    ($($(#[$doc:meta])* $name:ident: $type:ty;)*) => {
        $($(#[$doc])*
        #[must_use]
        pub const fn $name(mut self, $name: $type) -> Self {
            self.$name = $name;
            self
        })*
    };
}

impl Config {
    /// The defaults, each named at its setter.
    pub const fn new() -> Self {
        Self {
            max_message_size: 1152,
            oversized: Oversized::Abort,
            block_wise: true,
            token_length: 8,
            token_salt: None,
            tx_limit: 64 * 1024,
            reply_room: 128,
            max_outstanding: 64,
            max_inbound: 64,
            max_observers: 64,
            known_in_responses: &[OptionNumber::BLOCK2, OptionNumber::BLOCK1],
            await_csm: false,
            custody: true,
            keep_alive: KeepAlive::Off,
            jitter: None,
            tolerance: Tolerance::DEFAULT,
            min_rate: 1000,
            csm_timeout: Duration::from_secs(30),
            ping_timeout: Duration::from_secs(30),
            custody_timeout: Duration::from_secs(93),
            custody_hold: Duration::from_secs(20),
            request_timeout: Some(Duration::from_secs(93)),
            frame_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(60),
            release_timeout: Duration::from_secs(30),
            drain_timeout: Duration::from_secs(30),
            linger: Duration::from_secs(2),
            idle_timeout: Some(Duration::from_secs(300)),
        }
    }

    setters! {
        /// Largest whole message that we take, header included; announced in our CSM and enforced (T-5.3.1-1).
        /// 1152, which is also the base value that holds before any CSM. A spill of fixed size must hold as
        /// much; a growing one grows up to it. Below 1152 a peer may still send 1152 before it knows (D-C-3).
        max_message_size: u32;
        /// What happens to larger ones. `Abort`.
        oversized: Oversized;
        /// Announce Block-Wise-Transfer (T-5.3.2-1). Yes.
        block_wise: bool;
        /// Longest request token that we take; above 8 it is announced (RFC 8974). 8, and never less.
        token_length: u16;
        /// Makes our tokens 8 bytes that cannot be guessed, from a random number of the caller's
        /// (C-5.3.1-3). None: tokens are short numbers.
        token_salt: Option<u64>;
        /// Bytes in `tx` above which no further request of the peer is taken. 64 KiB, or what `tx` can hold.
        tx_limit: u32;
        /// The room that must be free in `tx` before a request is taken: the largest answer that is sure to
        /// be given. 128 bytes, and never less than a Pong or a 4.13 takes.
        reply_room: u16;
        /// Our own requests under way at once; observations do not count after the first answer. 64.
        max_outstanding: u16;
        /// The peer's requests to be answered later at once (D-E-3). 64.
        max_inbound: u16;
        /// The peer's observations at once. 64.
        max_observers: u16;
        /// Critical options that a response may have; any other fails its exchange (C-5.4.1-3). Block1 and
        /// Block2.
        known_in_responses: &'static [OptionNumber];
        /// As acceptor, send our CSM only after the peer's (T-3.3-3); as initiator, send requests only after
        /// it (T-3.3-4). No.
        await_csm: bool;
        /// Confirm Custody once all requests before the Ping are answered (T-5.4.1-2). Yes; a layer above
        /// that needs a say uses [`Connection::consent_custody`](crate::Connection::consent_custody).
        custody: bool;
        /// Off. What it is worth: [`Config::detection_bound`].
        keep_alive: KeepAlive;
        /// Shortens each keep-alive period by up to 20 %, from a random number of the caller's, so that devices that
        /// began together do not speak together (F-6). Connections of one configuration differ by their moments. None:
        /// every period is whole.
        jitter: Option<u64>;
        /// Which deviations of the peer are borne.
        tolerance: Tolerance;
        /// Bytes a second that stretch `frame_timeout` for long frames. 1000.
        min_rate: u32;
        /// For the peer's CSM, from the start (D-C-1). 30 s.
        csm_timeout: Duration;
        /// For a Pong, or any other sign of life, after our Ping (T-5.4-4). 30 s.
        ping_timeout: Duration;
        /// For a Pong to a Ping of ours with Custody; its end closes nothing. 93 s.
        custody_timeout: Duration;
        /// How long a Pong with Custody is held back at most (T-5.4.1-5). 20 s.
        custody_hold: Duration;
        /// For the answer to a request of ours (D-E-4). 93 s; `None`: as long as the connection lives.
        request_timeout: Option<Duration>;
        /// For the rest of a frame, from its first byte (F-12). 30 s, plus its length / `min_rate`.
        frame_timeout: Duration;
        /// For the next byte to leave, while bytes wait (F-13). 60 s.
        write_timeout: Duration;
        /// For the peer to close after our Release (T-5.5-5). 30 s.
        release_timeout: Duration;
        /// For the answers still owed after the peer's Release or end of stream (T-5.5-3). 30 s.
        drain_timeout: Duration;
        /// Between our last byte and the end, so that it arrives (D-D-2). 2 s.
        linger: Duration;
        /// Close when nothing has happened for so long, and nothing is under way or observed (F-8). 300 s;
        /// `None` where the layer above knows better, or a keep-alive is to hold the connection.
        idle_timeout: Option<Duration>;
    }

    /// Longest token that we take (C-3-1).
    pub(crate) fn longest_token(&self) -> usize {
        self.token_length.max(8).into()
    }

    /// Room for an answer, and in any case for the longest that the core makes: a 4.13 with Size1.
    pub(crate) fn room_for_answer(&self) -> usize {
        usize::from(self.reply_room).max(self.longest_token() + 16)
    }

    /// Our CSM.
    pub(crate) const fn csm(&self) -> Csm {
        Csm {
            max_message_size: Some(self.max_message_size),
            block_wise: self.block_wise,
            extended_token_length: if self.token_length > 8 { Some(self.token_length as u32) } else { None },
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}
