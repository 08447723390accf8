//! What happens to a session, as bytes that a fuzzer can change.

use std::time::Duration;

use coap_tcp_core::{Code, OptionNumber};

use crate::model::Plain;
use crate::rig::End;
use crate::script::Command;

/// One thing that happens.
#[derive(Clone, Debug)]
pub enum Op {
    /// The peer sends.
    Write(Vec<u8>),
    /// The peer reads all there is.
    Read,
    /// Time passes.
    Wait(Duration),
    /// The application acts.
    App(Command),
    /// The peer's side ends.
    End(End),
}

const WIDE: u8 = 0x40;
const WAIT: u8 = 0x60;
const READ: u8 = 0x80;
const EOF: u8 = 0x81;
const RESET: u8 = 0x82;
const APP: u8 = 0x90;

/// Reads all operations. What is none is passed over, so every change of a byte gives something.
pub fn decode(mut bytes: &[u8]) -> Vec<Op> {
    let (mut ops, mut tag) = (Vec::new(), 0);
    while let Some((&first, rest)) = bytes.split_first() {
        bytes = rest;
        let write = match first {
            0..WIDE => usize::from(first) + 1,
            WIDE..WAIT => (usize::from(first - WIDE) + 1) * 64,
            WAIT..READ => {
                // Up to 24 days.
                ops.push(Op::Wait(Duration::from_millis(1 << (first - WAIT))));
                continue;
            }
            READ => {
                ops.push(Op::Read);
                continue;
            }
            EOF | RESET => {
                ops.push(Op::End(if first == EOF { End::Eof } else { End::Reset }));
                continue;
            }
            _ => {
                tag += 1;
                ops.extend(command(first, tag).map(Op::App));
                continue;
            }
        };
        let (data, rest) = bytes.split_at(write.min(bytes.len()));
        bytes = rest;
        ops.push(Op::Write(data.to_vec()));
    }
    ops
}

/// The command behind a byte. All requests have tags of their own.
fn command(byte: u8, tag: u32) -> Option<Command> {
    let message =
        |code: Code, payload: usize| Plain { code: code.0, payload: vec![b'x'; payload], ..Plain::default() };
    let request = |code: Code, option: Option<OptionNumber>, payload: usize| {
        let mut message = message(code, payload);
        message.options.extend(option.map(|number| (number.0, vec![])));
        Command::Request { tag, message, within: None, blocks: None }
    };
    let path = |path: &str| path.to_owned();
    Some(match byte.checked_sub(APP)? {
        0 => request(Code::GET, None, 0),
        1 => request(Code::GET, Some(OptionNumber::OBSERVE), 0),
        2 => request(Code::POST, None, 100),
        3 => request(Code::PUT, None, 1200),
        4 => Command::Cancel(tag.saturating_sub(1)),
        5 => Command::Cancel(1),
        6 => Command::Forget(tag.saturating_sub(1)),
        7 => Command::Forget(1),
        8 => Command::Answer(path("/slow"), message(Code::CONTENT, 0)),
        9 => Command::Answer(path("/slow"), message(Code::CONTENT, 200)),
        10 => Command::Notify(path("/obs"), message(Code::CONTENT, 1)),
        11 => Command::Notify(path("/obs"), message(Code::NOT_FOUND, 0)),
        12 => Command::Ping { custody: false },
        13 => Command::Ping { custody: true },
        14 => Command::KeepAlive,
        15 => Command::Release { hold_off: Some(60), alternatives: vec![path("example:5683")] },
        16 => Command::Abort(path("enough")),
        17 => Command::Close,
        18 => Command::Consent(false),
        19 => Command::Consent(true),
        _ => return None,
    })
}

/// The bytes of some of the operations: those that scripts are made of.
pub fn encode_write(mut data: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    while !data.is_empty() {
        let n = match data.len() {
            n @ 0..=64 => n,
            n => n.min(2048) / 64 * 64,
        };
        bytes.push(if n <= 64 { n as u8 - 1 } else { WIDE + (n / 64) as u8 - 1 });
        let (now, rest) = data.split_at(n);
        bytes.extend_from_slice(now);
        data = rest;
    }
    bytes
}

/// See [`Op::Wait`]; rounded up to a power of two.
pub fn encode_wait(time: Duration) -> u8 {
    let ms = u32::try_from(time.as_millis()).unwrap_or(u32::MAX);
    WAIT + (32 - ms.saturating_sub(1).leading_zeros()).min(31) as u8
}

/// See [`Op::End`].
pub const fn encode_end(end: End) -> u8 {
    match end {
        End::Eof => EOF,
        End::Reset => RESET,
    }
}

/// See [`Op::Read`].
pub const fn encode_read() -> u8 {
    READ
}

/// The nearest there is to a command of a script.
pub fn encode_command(command: &Command) -> Option<u8> {
    let observes = |message: &Plain| message.options.iter().any(|(n, _)| *n == OptionNumber::OBSERVE.0);
    let n = match command {
        Command::Request { message, .. } if observes(message) => 1,
        Command::Request { message, .. } if message.payload.is_empty() => 0,
        Command::Request { .. } => 2,
        Command::Cancel(_) => 5,
        Command::Forget(_) => 7,
        Command::On(..) | Command::Lwm2m(_) => return None,
        Command::Answer(..) => 8,
        Command::Notify(_, message) if message.code >> 5 == 2 => 10,
        Command::Notify(..) => 11,
        Command::Ping { custody } => 12 + u8::from(*custody),
        Command::KeepAlive => 14,
        Command::Release { .. } => 15,
        Command::Abort(_) => 16,
        Command::Close => 17,
        Command::Consent(consent) => 18 + u8::from(*consent),
    };
    Some(APP + n)
}
