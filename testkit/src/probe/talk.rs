//! One connection, as the prober sees it.

use coap_numbers::code;

use super::limits::Limits;
use super::wire::{Heard, Wire};
use crate::model::{Plain, hex};

/// Bytes that are gathered for one message; whoever sends more without one talks nonsense.
const MOST_BYTES: usize = 32 << 20;
/// Messages that are taken down on one connection.
const MOST_FRAMES: usize = 1000;

/// A message that came.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub(super) message: Plain,
    /// Bytes of it.
    pub(super) size: usize,
    /// How many came before it.
    pub(super) index: usize,
    /// Its code is that of the survey.
    pub(super) same: bool,
}

impl Frame {
    /// Whether it says nothing about what was sent: CSM, Ping, Empty, requests.
    pub(super) const fn may_come_any_time(&self) -> bool {
        matches!(self.message.code, code::CSM | code::PING) || self.message.code >> 5 == 0
    }
}

/// What came next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Next {
    Frame,
    Silence,
    End,
    /// It cannot be read.
    Nonsense,
}

pub(super) struct Talk<'a> {
    wire: Box<dyn Wire + 'a>,
    same: Option<u8>,
    got: Vec<u8>,
    pub(super) frames: Vec<Frame>,
    pub(super) limits: Option<Limits>,
    pub(super) ended: bool,
    pub(super) nonsense: bool,
    /// Tokens that we have used.
    tokens: Vec<Vec<u8>>,
    pub(super) transcript: Vec<String>,
}

impl<'a> Talk<'a> {
    pub(super) fn new(wire: Box<dyn Wire + 'a>, same: Option<u8>) -> Self {
        Self {
            wire,
            same,
            got: vec![],
            frames: vec![],
            limits: None,
            ended: false,
            nonsense: false,
            tokens: vec![],
            transcript: vec![],
        }
    }

    /// Messages that go out in one write.
    pub(super) fn say(&mut self, messages: &[Vec<u8>]) {
        messages.iter().for_each(|message| self.note(message));
        if self.wire.send(&messages.concat()).is_err() {
            self.transcript.push("-> (not all of it was taken)".into());
        }
    }

    pub(super) fn drip(&mut self, bytes: &[u8]) {
        self.note(bytes);
        for byte in bytes {
            // Whether it arrives shows in what is answered.
            if self.wire.send(&[*byte]).is_err() {
                return;
            }
            self.wire.pause();
        }
    }

    pub(super) fn end(&mut self) {
        self.transcript.push("-> (the end)".into());
        self.wire.end();
    }

    fn note(&mut self, bytes: &[u8]) {
        match Plain::decode(bytes) {
            Ok(Some((message, size))) if size == bytes.len() => {
                self.transcript.push(format!("-> {message}"));
                self.tokens.push(message.token);
            }
            _ => self.transcript.push(format!("-> raw {}", hex(bytes))),
        }
    }

    /// From now on the usual time is waited.
    pub(super) fn patience(&mut self) {
        self.wire.patience();
    }

    /// The next message goes to the end of `frames`.
    pub(super) fn next(&mut self) -> Next {
        loop {
            match Plain::decode(&self.got) {
                Ok(Some((message, size))) if self.frames.len() < MOST_FRAMES => {
                    self.got.drain(..size);
                    self.take(message, size);
                    return Next::Frame;
                }
                Ok(None) if self.got.len() < MOST_BYTES => {}
                _ => {
                    self.nonsense = true;
                    return Next::Nonsense;
                }
            }
            match self.wire.hear() {
                Heard::Bytes(bytes) => self.got.extend(bytes),
                Heard::Silence => return Next::Silence,
                Heard::End => {
                    if !self.ended {
                        self.transcript.push("<- (the end)".into());
                    }
                    self.ended = true;
                    return Next::End;
                }
            }
        }
    }

    fn take(&mut self, message: Plain, size: usize) {
        self.transcript.push(format!("<- {message}"));
        if message.code == code::CSM {
            self.limits.get_or_insert_default().take(&message);
        }
        let same = self.same == Some(message.code);
        self.frames.push(Frame { message, size, index: self.frames.len(), same });
    }

    /// What came since then, in words that are the same the next time.
    pub(super) fn describe(&self, since: usize, wants_end: bool) -> String {
        let frames = self.frames.get(since..).unwrap_or_default();
        let telling = frames.iter().filter(|frame| !frame.may_come_any_time());
        let mut words: Vec<_> = telling.map(|frame| self.describe_frame(frame)).collect();
        // Their order may be another the next time.
        words.sort();
        if self.nonsense {
            words.push("bytes that are no message".into());
        }
        if words.is_empty() {
            words.push("nothing".into());
        }
        if self.ended {
            words.push("closes".into());
        } else if wants_end {
            words.push("stays open".into());
        }
        words.join(", ")
    }

    fn describe_frame(&self, frame: &Frame) -> String {
        let Plain { code: byte, token, options, .. } = &frame.message;
        let bare = Plain { code: *byte, ..Plain::default() };
        let signal = byte >> 5 == 7;
        let options = if signal { options.clone() } else { vec![] };
        let token = match token.as_slice() {
            [] if !signal && self.tokens.iter().all(|token| !token.is_empty()) => " without token".into(),
            [] if *byte == code::PONG => " without token".into(),
            [] => String::new(),
            token if self.tokens.iter().any(|said| said == token) => format!(" token={}", hex(token)),
            _ => " with another token".into(),
        };
        let words = Plain { options, ..bare }.to_string();
        let (code, options) = words.split_once(' ').unwrap_or((&words, ""));
        let size = if frame.size > 128 { format!(" of {} bytes", frame.size) } else { String::new() };
        format!("{code}{token} {options}").trim_end().to_owned() + if signal { "" } else { &size }
    }
}
