//! What the peer has said of the end, for whoever decides what comes next.

use std::time::Duration;

use coap_tcp_core::wire::release;
use coap_tcp_core::{Instant, Message};

/// Addresses kept of one Release, each of 255 bytes at most; more are passed over, as any one may be chosen (T-5.5-6).
const ALTERNATIVES: usize = 8;

/// Bytes kept of an Abort's text.
const TEXT: usize = 256;

/// The peer's Release: it wants the connection to end, and may say when and where to come instead. Nothing here goes
/// anywhere by itself.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Released {
    /// When it came, by the clock of the connection: what `hold_off` counts from.
    pub at: Instant,
    /// How long not to connect to this peer again (T-5.5-7). It does not apply to the alternatives.
    pub hold_off: Option<Duration>,
    /// Where to go instead, as `host[:port]`, same scheme: the first 8 that are valid. Any of them may be chosen; each is to
    /// be authenticated and authorised as a new peer (T-10.1-1).
    pub alternatives: Vec<String>,
}

impl Released {
    pub(crate) fn new(at: Instant, hold_off: Option<Duration>, message: &Message<'_>) -> Self {
        let alternatives = release::alternatives(message).take(ALTERNATIVES).map(str::to_owned).collect();
        Self { at, hold_off, alternatives }
    }
}

/// All that is kept of it.
#[derive(Debug, Default)]
pub(crate) struct Parting {
    pub(crate) released: Option<Released>,
    pub(crate) aborted: Option<String>,
}

/// An Abort's text, cut and made readable.
pub(crate) fn text(message: &Message<'_>) -> String {
    let kept = message.payload.get(..TEXT).unwrap_or(message.payload);
    String::from_utf8_lossy(kept).into_owned()
}
