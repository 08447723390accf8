//! What one line of a script says.

use std::time::Duration;

use coap_numbers::code as codes;
use coap_tcp_core::wire::BlockSize;

use super::lwm2m::Lwm2m;
use super::spec::{Names, Spec, code};
use super::words::{duration, hex, key_value};
use crate::core_app::Cutting;
use crate::model::Plain;

/// A line with its place.
#[derive(Clone, Debug)]
pub struct Line {
    /// Counted from 1.
    pub number: usize,
    /// As it is written.
    pub text: String,
    /// As it is meant.
    pub step: Step,
}

/// One thing that happens, or must have happened.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "as the verbs of the language")]
pub enum Step {
    Peer(Said),
    Drip { every: Duration, what: Said },
    Expect(Expected),
    App(Command),
    Event(Vec<String>),
    Wait(Duration),
    Stall(bool),
    Eof,
    Reset,
    Closed(Vec<String>),
}

/// Bytes that the peer sends; a message so many times.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "as the language has it")]
pub enum Said {
    Message(Spec, usize),
    Raw(Vec<u8>),
}

/// What we must send next; a message so many times.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "as the language has it")]
pub enum Expected {
    Message(Spec, usize),
    Raw(Vec<u8>),
    Nothing,
}

/// What our application does of its own accord. In the messages only code, options and payload count.
#[derive(Clone, Debug)]
pub enum Command {
    /// `get /t tag=1 [within=5s] [blocks] [Observe=0] [payload=..]`; also post, put, delete, fetch.
    Request {
        /// Comes back with the answer.
        tag: u32,
        /// What to send.
        message: Plain,
        /// A deadline of its own.
        within: Option<Duration>,
        /// `blocks`, `blocks=64`: as many messages as it takes, in blocks up to this size.
        blocks: Option<BlockSize>,
    },
    /// `cancel tag=1`: ends an observation by asking.
    Cancel(u32),
    /// `forget tag=1`: nobody waits any longer.
    Forget(u32),
    /// `on /t ...`: what is done with requests for this path from now on. Without it they are not touched.
    On(String, Behaviour),
    /// `answer /t 2.05 ..`: the oldest that was deferred.
    Answer(String, Plain),
    /// `notify /t 2.05 ..`: all who observe.
    Notify(String, Plain),
    /// `ping` or `ping custody`.
    Ping {
        /// Whether all has been processed.
        custody: bool,
    },
    /// `keep-alive`: an Empty message.
    KeepAlive,
    /// `release [hold-off=60] [alternative=host:port]..`
    Release {
        /// Seconds.
        hold_off: Option<u32>,
        /// Addresses.
        alternatives: Vec<String>,
    },
    /// `abort "text"`
    Abort(String),
    /// `close`: without words.
    Close,
    /// `consent yes|no`: whether Custody may be confirmed.
    Consent(bool),
    /// Of a device, or of its server.
    Lwm2m(Lwm2m),
}

/// What the application does with a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Behaviour {
    /// `answer 2.05 ..`: at once.
    Answer(Plain),
    /// `defer`: it will answer later.
    Defer,
    /// `observe 2.05 ..`: at once, and the peer may observe.
    Observe(Plain),
    /// `serve [size=64] 2.05 ..`, `make [size=64] 2.05 ..`: the same, and in blocks where it has to be; with
    /// `make` the body is made anew for each.
    Serve(Plain, Cutting),
    /// `collect limit=4000 [size=64] 2.04 ..`: the same, once the body is here, from blocks if need be.
    Collect(Plain, Cutting, usize),
}

impl Step {
    /// Reads one line's words.
    pub(super) fn parse(words: &[String]) -> Result<Self, String> {
        let (verb, rest) = words.split_first().ok_or("an empty line is no step")?;
        let alone = |step| if rest.is_empty() { Ok(step) } else { Err(format!("{verb} stands alone")) };
        match (verb.as_str(), rest) {
            ("peer", _) => Said::parse(rest).map(Self::Peer),
            ("drip", [every, what @ ..]) => {
                Ok(Self::Drip { every: duration(every)?, what: Said::parse(what)? })
            }
            ("expect", [word]) if word == "nothing" => Ok(Self::Expect(Expected::Nothing)),
            ("expect", _) => Ok(Self::Expect(match Said::parse(rest)? {
                Said::Message(spec, times) => Expected::Message(spec, times),
                Said::Raw(bytes) => Expected::Raw(bytes),
            })),
            ("app", _) => Command::parse(rest).map(Self::App),
            ("event", [_, ..]) => Ok(Self::Event(rest.to_vec())),
            ("wait", [time]) => duration(time).map(Self::Wait),
            ("stall", [on]) if on == "on" || on == "off" => Ok(Self::Stall(on == "on")),
            ("eof", _) => alone(Self::Eof),
            ("reset", _) => alone(Self::Reset),
            ("closed", [_, ..]) => Ok(Self::Closed(rest.to_vec())),
            _ => Err(format!("not understood: {}", words.join(" "))),
        }
    }
}

impl Said {
    pub(crate) fn parse(words: &[String]) -> Result<Self, String> {
        match words.split_first() {
            Some((raw, digits)) if raw == "raw" => {
                let bytes: Result<Vec<_>, _> = digits.iter().map(|digits| hex(digits)).collect();
                Ok(Self::Raw(bytes?.concat()))
            }
            Some((first, rest)) => {
                let counted =
                    first.split_once('*').and_then(|(times, code)| Some((times.parse().ok()?, code)));
                let (times, code) = counted.unwrap_or((1, first.as_str()));
                let words: Vec<_> = [code.to_owned()].into_iter().chain(rest.iter().cloned()).collect();
                Ok(Self::Message(Spec::parse(&words)?, times))
            }
            None => Err("a message begins with its code".into()),
        }
    }

    /// The bytes themselves.
    pub fn bytes(&self, names: &Names) -> Result<Vec<u8>, String> {
        match self {
            Self::Raw(bytes) => Ok(bytes.clone()),
            Self::Message(spec, times) => spec.plain(names).map(|plain| plain.encode().repeat(*times)),
        }
    }
}

impl Command {
    /// Comes back with its answer.
    pub const fn tag(&self) -> Option<u32> {
        match self {
            Self::Request { tag, .. } => Some(*tag),
            Self::Lwm2m(command) => command.tag(),
            _ => None,
        }
    }

    fn parse(words: &[String]) -> Result<Self, String> {
        let (verb, rest) = words.split_first().ok_or("app does what?")?;
        let method = match verb.as_str() {
            "get" => Some(codes::GET),
            "post" => Some(codes::POST),
            "put" => Some(codes::PUT),
            "delete" => Some(codes::DELETE),
            "fetch" => Some(codes::FETCH),
            _ => None,
        };
        if let Some(method) = method {
            return Self::request(method, rest);
        }
        match (verb.as_str(), rest) {
            ("cancel", [tag]) => number(tag, "tag").map(Self::Cancel),
            ("forget", [tag]) => number(tag, "tag").map(Self::Forget),
            ("on", [path, rest @ ..]) => Ok(Self::On(root(path), Behaviour::parse(rest)?)),
            ("answer", [path, message @ ..]) => Ok(Self::Answer(root(path), plain(message)?)),
            ("notify", [path, message @ ..]) => Ok(Self::Notify(root(path), plain(message)?)),
            ("ping", []) => Ok(Self::Ping { custody: false }),
            ("ping", [word]) if word == "custody" => Ok(Self::Ping { custody: true }),
            ("keep-alive", []) => Ok(Self::KeepAlive),
            ("release", options) => Self::release(options),
            ("abort", [text]) => Ok(Self::Abort(text.trim_matches('"').to_owned())),
            ("close", []) => Ok(Self::Close),
            ("consent", [word]) if word == "yes" || word == "no" => Ok(Self::Consent(word == "yes")),
            _ => match Lwm2m::parse(words) {
                Some(command) => Ok(Self::Lwm2m(command)),
                None => Err(format!("app cannot {}", words.join(" "))),
            },
        }
    }

    fn request(method: u8, words: &[String]) -> Result<Self, String> {
        let (mut tag, mut within, mut blocks) = (None, None, None);
        let mut message = vec![format!("{}.{:02}", method >> 5, method & 31)];
        for word in words {
            match key_value(word) {
                ("tag", _) => tag = Some(number(word, "tag")?),
                ("within", Some(time)) => within = Some(duration(time)?),
                ("blocks", None) => blocks = Some(BlockSize::Bert),
                ("blocks", Some(size)) => blocks = Some(block_size(size)?),
                _ => message.push(word.clone()),
            }
        }
        let tag = tag.ok_or("a request wants a tag=")?;
        Ok(Self::Request { tag, message: plain(&message)?, within, blocks })
    }

    fn release(options: &[String]) -> Result<Self, String> {
        let (mut hold_off, mut alternatives) = (None, vec![]);
        for option in options {
            match key_value(option) {
                ("hold-off", _) => hold_off = Some(number(option, "hold-off")?),
                ("alternative", Some(address)) => alternatives.push(address.to_owned()),
                _ => return Err(format!("a release has no {option}")),
            }
        }
        Ok(Self::Release { hold_off, alternatives })
    }
}

impl Behaviour {
    fn parse(words: &[String]) -> Result<Self, String> {
        match words.split_first() {
            Some((verb, [])) if verb == "defer" => Ok(Self::Defer),
            Some((verb, message)) if verb == "answer" => plain(message).map(Self::Answer),
            Some((verb, message)) if verb == "observe" => plain(message).map(Self::Observe),
            Some((verb, words)) => Self::in_blocks(verb, words),
            None => Err("on a path: answer, defer, observe, serve, make or collect".into()),
        }
    }

    fn in_blocks(verb: &str, words: &[String]) -> Result<Self, String> {
        let (mut limit, mut largest, mut message) = (None, BlockSize::Bert, vec![]);
        for word in words {
            match key_value(word) {
                ("limit", _) => limit = Some(number(word, "limit")? as usize),
                ("size", Some(size)) => largest = block_size(size)?,
                _ => message.push(word.clone()),
            }
        }
        let (message, cutting) = (plain(&message)?, Cutting { largest, made: verb == "make" });
        match (verb, limit) {
            ("serve" | "make", None) => Ok(Self::Serve(message, cutting)),
            ("collect", Some(limit)) => Ok(Self::Collect(message, cutting, limit)),
            _ => {
                Err(format!("on a path: answer, defer, observe, serve, make, or collect limit=; not {verb}"))
            }
        }
    }
}

fn block_size(bytes: &str) -> Result<BlockSize, String> {
    use BlockSize::{B16, B32, B64, B128, B256, B512, B1024};
    let sizes = [B16, B32, B64, B128, B256, B512, B1024];
    let named = sizes.into_iter().find(|size| bytes.parse() == Ok(size.unit()));
    named.ok_or_else(|| format!("a block has 16, 32, .. or 1024 bytes, not {bytes}"))
}

/// A message without Uri-Path is for `/`.
fn root(path: &str) -> String {
    if path == "/" { String::new() } else { path.to_owned() }
}

fn plain(words: &[String]) -> Result<Plain, String> {
    let first = words.first().ok_or("a message begins with its code")?;
    code(first)?;
    Spec::parse(words)?.plain(&Names::new())
}

fn number(word: &str, key: &str) -> Result<u32, String> {
    match key_value(word) {
        (found, Some(value)) if found == key => value.parse().map_err(|_| format!("no number: {word}")),
        _ => Err(format!("{key}= is wanted, not {word}")),
    }
}
