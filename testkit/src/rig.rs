//! What a script is played on.

use std::fmt::{self, Debug};
use std::time::Duration;

use coap_tcp_core::blockwise::Fault;
use coap_tcp_core::{Closed, Failure, SendError, Settings, Settled};

use crate::model::{Plain, text_or_hex};
use crate::script::{Command, Setup};

/// One connection of ours, and the peer's end of its transport in the player's hands.
///
/// Calls are synchronous. A rig with a runtime below it blocks on that, with its clock paused; each call
/// returns when there is nothing more to do before time passes or the peer acts.
pub trait Rig: Sized {
    /// Whether this rig can play it, such as a transport with a window as small as that. A script that it
    /// cannot is listed as ignored.
    fn can(_setup: &Setup) -> bool {
        true
    }

    /// Sets the connection up.
    fn start(setup: &Setup) -> Self;

    /// The peer sends. What the transport does not take now waits in the rig.
    fn peer_write(&mut self, bytes: &[u8]);

    /// The peer reads all there is; true once our stream has ended. We may send more as soon as there is room
    /// again, so it is called until it brings nothing.
    fn peer_read(&mut self, out: &mut Vec<u8>) -> bool;

    /// The peer's last act.
    fn peer_end(&mut self, end: End);

    /// Our application acts.
    fn app(&mut self, command: &Command);

    /// What our application has been told since the last call.
    fn events(&mut self, out: &mut Vec<Seen>);

    /// Time passes; what becomes due on the way is done when it is due.
    fn advance(&mut self, by: Duration);
}

/// How the peer's side of the transport ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// Its stream ends behind what it has written; it goes on reading.
    Eof,
    /// The transport breaks.
    Reset,
}

/// What our application is told. Reads as the words of an `event` line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Seen {
    /// `ready max-message-size=.. block-wise=yes token-length=..`
    Ready(Settings),
    /// `request 0.01 token=.. /t`
    Request(Plain),
    /// `response tag=1 last 2.05 ..`, or `more` instead of `last`.
    Response {
        /// Of the request.
        tag: u32,
        /// The tag has come back.
        last: bool,
        /// The answer.
        message: Plain,
    },
    /// `failed tag=1 bad-option ..`
    Failed {
        /// Of the request.
        tag: u32,
        /// Why.
        why: Failure,
    },
    /// `fault tag=1 gap`: a transfer in blocks that cannot be gone on with.
    Fault {
        /// Of the request.
        tag: u32,
        /// Why.
        why: Fault,
    },
    /// `body /up payload=..`: a request's, put together from its blocks.
    Body {
        /// Of the request.
        path: String,
        /// All of it.
        body: Vec<u8>,
    },
    /// `unmatched 2.05 ..`
    Unmatched(Plain),
    /// `pong`, `pong custody`
    Pong {
        /// All is processed.
        custody: bool,
    },
    /// `released hold-off=60 alternative=..`
    Released {
        /// For how long not to come back.
        hold_off: Option<Duration>,
        /// Where to go instead.
        alternatives: Vec<String>,
    },
    /// `aborted 7.05 payload=..`
    Aborted(Plain),
    /// `expired tag=1`
    Expired(u32),
    /// `lost tag=1`: the connection ended first.
    Lost(u32),
    /// `forgotten tag=1`: at our own wish.
    Forgotten(u32),
    /// `unobserved /t`: the peer observes it no longer.
    Unobserved(String),
    /// `refused tag=1 full`: a command was not carried out, and changed nothing.
    Refused {
        /// Of a request, which has thereby come back.
        tag: Option<u32>,
        /// Why.
        why: SendError,
    },
    /// `settled ping`: by the core itself.
    Settled(Settled),
    /// `timer keep-alive`: a deadline that ends nothing.
    Timer(&'static str),
    /// `registered ..`, `updated ..`: what only LwM2M has.
    Lwm2m(Vec<String>),
    /// `closed ..`: once, and the last.
    Closed(Closed),
}

impl Seen {
    /// The first is the kind.
    pub fn words(&self) -> Vec<String> {
        let tagged = |kind: &str, tag: u32| vec![kind.to_owned(), format!("tag={tag}")];
        let message = |kind: &str, plain: &Plain| [vec![kind.to_owned()], plain.words()].concat();
        let reason = |kind: &str, why: &dyn Debug| [vec![kind.to_owned()], kebab(why)].concat();
        match self {
            Self::Ready(peer) => vec![
                "ready".to_owned(),
                format!("max-message-size={}", peer.max_message_size),
                format!("block-wise={}", if peer.block_wise { "yes" } else { "no" }),
                format!("bert={}", if peer.bert() { "yes" } else { "no" }),
                format!("token-length={}", peer.token_length),
            ],
            Self::Request(plain) => message("request", plain),
            Self::Response { tag, last, message } => {
                let more = if *last { "last" } else { "more" };
                [tagged("response", *tag), vec![more.to_owned()], message.words()].concat()
            }
            Self::Failed { tag, why } => [tagged("failed", *tag), kebab(why)].concat(),
            Self::Fault { tag, why } => [tagged("fault", *tag), kebab(why)].concat(),
            Self::Body { path, body } => {
                vec!["body".to_owned(), path.clone(), format!("payload={}", text_or_hex(body))]
            }
            Self::Unmatched(plain) => message("unmatched", plain),
            Self::Pong { custody: false } => vec!["pong".to_owned(), "plain".to_owned()],
            Self::Pong { custody: true } => vec!["pong".to_owned(), "custody".to_owned()],
            Self::Released { hold_off, alternatives } => {
                let hold_off = hold_off.map(|time| format!("hold-off={}", time.as_secs()));
                let alternatives = alternatives.iter().map(|address| format!("alternative={address}"));
                ["released".to_owned()].into_iter().chain(hold_off).chain(alternatives).collect()
            }
            Self::Aborted(plain) => message("aborted", plain),
            Self::Expired(tag) => tagged("expired", *tag),
            Self::Lost(tag) => tagged("lost", *tag),
            Self::Forgotten(tag) => tagged("forgotten", *tag),
            Self::Unobserved(path) => vec!["unobserved".to_owned(), path.clone()],
            Self::Refused { tag: Some(tag), why } => [tagged("refused", *tag), kebab(why)].concat(),
            Self::Refused { tag: None, why } => reason("refused", why),
            Self::Settled(settled) => reason("settled", settled),
            Self::Timer(name) => vec!["timer".to_owned(), (*name).to_owned()],
            Self::Lwm2m(words) => words.clone(),
            Self::Closed(why) => reason("closed", why),
        }
    }

    /// The tag that came back with it, which a script may not pass over.
    pub const fn returned(&self) -> Option<u32> {
        match self {
            Self::Response { last: false, .. } => None,
            Self::Response { tag, .. }
            | Self::Failed { tag, .. }
            | Self::Fault { tag, .. }
            | Self::Expired(tag)
            | Self::Lost(tag)
            | Self::Forgotten(tag) => Some(*tag),
            Self::Refused { tag, .. } => *tag,
            _ => None,
        }
    }

    /// Whether a script may leave it unmentioned.
    pub const fn may_pass(&self) -> bool {
        !matches!(self, Self::Response { .. } | Self::Body { .. } | Self::Refused { .. } | Self::Closed(_))
            && self.returned().is_none()
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words().join(" "))
    }
}

/// The names in a value, as lower-case words: `Violation(BadCsmOption(1))` is `violation bad-csm-option 1`.
pub fn kebab(value: &dyn Debug) -> Vec<String> {
    let text = format!("{value:?}");
    let words = text.split(|c: char| !c.is_alphanumeric() && c != '-' && c != '_' && c != '.');
    words.filter(|word| !word.is_empty()).map(kebab_word).collect()
}

fn kebab_word(word: &str) -> String {
    let mut out = String::new();
    for c in word.chars() {
        if c.is_uppercase() && !out.is_empty() && !out.ends_with('-') {
            out.push('-');
        }
        match c {
            '_' => out.push('-'),
            c => out.extend(c.to_lowercase()),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use coap_tcp_core::Violation;

    use super::*;

    #[test]
    fn reasons_read_as_words() {
        let seen = Seen::Closed(Closed::Violation(Violation::BadCsmOption(9)));
        assert_eq!(seen.to_string(), "closed violation bad-csm-option 9");
        let seen = Seen::Closed(Closed::Aborted { bad_csm_option: Some(1) });
        assert_eq!(seen.to_string(), "closed aborted bad-csm-option some 1");
    }
}
