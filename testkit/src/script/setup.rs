//! The line that begins a run: who we are, and what is configured otherwise than by default.

use std::time::Duration;

use coap_tcp_core::{Config, KeepAlive, KeepAliveBounds, Oversized, Tolerance};

use crate::cut::Cut;

use super::words::{duration, key_value};

/// Which side opened the transport.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// We did.
    Client,
    /// The peer did.
    Server,
}

/// What a connection is made of.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Who we are.
    pub role: Role,
    /// How the connection behaves. For ever, since connections borrow it, and a test process is short.
    pub config: &'static Config,
    /// Our Max-Message-Size, which the configuration does not tell.
    pub max_message_size: u32,
    /// Bytes that lie between us and a peer that does not read. `None`: as the transport has it.
    pub window: Option<usize>,
    /// How much of what we write the transport takes at a time. The player's, not the script's.
    pub cut: Cut,
}

impl Setup {
    /// Reads the words after `us`.
    pub(super) fn parse(words: &[String]) -> Result<Self, String> {
        let (role, words) = words.split_first().ok_or("us client, or us server?")?;
        let role = match role.as_str() {
            "client" => Role::Client,
            "server" => Role::Server,
            other => return Err(format!("us client or us server, not {other}")),
        };
        let mut config = Config::new();
        let (mut window, mut max_message_size) = (None, 1152);
        for word in words {
            let (key, value) = key_value(word);
            let value = value.ok_or_else(|| format!("{key} wants a value"))?;
            match key {
                "window" => window = Some(number(value)?),
                "max-message-size" => max_message_size = number(value)?,
                _ => config = set(config, key, value)?,
            }
        }
        let config = Box::leak(Box::new(config.max_message_size(max_message_size)));
        Ok(Self { role, config, max_message_size, window, cut: Cut::Whole })
    }
}

fn set(config: Config, key: &str, value: &str) -> Result<Config, String> {
    let time = || duration(value);
    Ok(match key {
        "oversized" => config.oversized(match value {
            "abort" => Oversized::Abort,
            "drain" => Oversized::Drain,
            _ => return Err(format!("oversized=abort or drain, not {value}")),
        }),
        "block-wise" => config.block_wise(yes(value)?),
        "token-length" => config.token_length(number(value)?),
        "token-salt" => config.token_salt(Some(number(value)?)),
        "tx-limit" => config.tx_limit(number(value)?),
        "reply-room" => config.reply_room(number(value)?),
        "max-outstanding" => config.max_outstanding(number(value)?),
        "max-inbound" => config.max_inbound(number(value)?),
        "max-observers" => config.max_observers(number(value)?),
        "await-csm" => config.await_csm(yes(value)?),
        "custody" => config.custody(yes(value)?),
        "keep-alive" => config.keep_alive(keep_alive(value)?),
        "jitter" => config.jitter(Some(number(value)?)),
        "tolerate" => config.tolerance(tolerance(value)?),
        "min-rate" => config.min_rate(number(value)?),
        "csm-timeout" => config.csm_timeout(time()?),
        "ping-timeout" => config.ping_timeout(time()?),
        "custody-timeout" => config.custody_timeout(time()?),
        "custody-hold" => config.custody_hold(time()?),
        "request-timeout" => config.request_timeout(timeless(value)?),
        "frame-timeout" => config.frame_timeout(time()?),
        "write-timeout" => config.write_timeout(time()?),
        "release-timeout" => config.release_timeout(time()?),
        "drain-timeout" => config.drain_timeout(time()?),
        "linger" => config.linger(time()?),
        "idle-timeout" => config.idle_timeout(timeless(value)?),
        _ => return Err(format!("no setting {key}")),
    })
}

fn timeless(value: &str) -> Result<Option<Duration>, String> {
    if value == "none" { Ok(None) } else { duration(value).map(Some) }
}

fn number<N: std::str::FromStr>(value: &str) -> Result<N, String> {
    value.parse().map_err(|_| format!("no number: {value}"))
}

fn yes(value: &str) -> Result<bool, String> {
    match value {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err(format!("yes or no, not {value}")),
    }
}

fn keep_alive(value: &str) -> Result<KeepAlive, String> {
    match value.split_once(':') {
        Some(("ping", period)) => duration(period).map(KeepAlive::Ping),
        Some(("empty", period)) => duration(period).map(KeepAlive::Empty),
        Some(("adaptive", bounds)) => {
            let (floor, ceiling) = bounds.split_once("..").ok_or("adaptive:60s..1h")?;
            let bounds = KeepAliveBounds::new(duration(floor)?, duration(ceiling)?);
            Ok(KeepAlive::Adaptive(bounds))
        }
        _ => Err(format!("keep-alive=ping:60s, empty:60s or adaptive:60s..1h, not {value}")),
    }
}

fn tolerance(value: &str) -> Result<Tolerance, String> {
    let mut tolerance = Tolerance::DEFAULT;
    for name in value.split(',') {
        match name {
            "missing-csm" => tolerance.missing_csm = true,
            "late-csm" => tolerance.late_csm = true,
            "bad-csm-value" => tolerance.bad_csm_value = true,
            "reserved-class" => tolerance.reserved_class = true,
            "no-filled-empty" => tolerance.filled_empty = false,
            _ => return Err(format!("no tolerance {name}")),
        }
    }
    Ok(tolerance)
}
