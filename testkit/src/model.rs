//! A message as plain data, and a slow, obvious codec for it (RFC 8323 section 3.2).
//!
//! It shares nothing with the codec under test: scripts are encoded by it, and fuzzing compares the two.

use std::fmt;

use coap_numbers::option;
use coap_tcp_core::Message;

use crate::vocabulary::{Format, format, option_name};

/// A message that owns all its parts.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Plain {
    /// The code byte.
    pub code: u8,
    /// The token.
    pub token: Vec<u8>,
    /// Numbers and values, in the order of the numbers.
    pub options: Vec<(u16, Vec<u8>)>,
    /// The payload; empty when there is none.
    pub payload: Vec<u8>,
}

/// Bytes that are no message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bad;

impl Plain {
    /// A copy of what the codec under test has read.
    pub fn of(message: &Message<'_>) -> Self {
        Self {
            code: message.code.0,
            token: message.token.to_vec(),
            options: message.options().map(|(number, value)| (number.0, value.to_vec())).collect(),
            payload: message.payload.to_vec(),
        }
    }

    /// The one canonical frame.
    pub fn encode(&self) -> Vec<u8> {
        let mut body = Vec::new();
        let mut last = 0;
        for (number, value) in &self.options {
            let (delta, delta_more) = nibble(usize::from(number - last));
            let (length, length_more) = nibble(value.len());
            body.push(delta << 4 | length);
            body.extend(delta_more);
            body.extend(length_more);
            body.extend(value);
            last = *number;
        }
        if !self.payload.is_empty() {
            body.push(0xff);
            body.extend(&self.payload);
        }
        let (length, length_more) = match body.len() {
            n if n >= 65805 => (15, ((n - 65805) as u32).to_be_bytes().to_vec()),
            n => nibble(n),
        };
        let (token, token_more) = nibble(self.token.len());
        let mut frame = vec![length << 4 | token];
        frame.extend(length_more);
        frame.push(self.code);
        frame.extend(token_more);
        frame.extend(&self.token);
        frame.extend(body);
        frame
    }

    /// The message at the front of `bytes` and the size of its frame; `None` when it is not all there.
    pub fn decode(bytes: &[u8]) -> Result<Option<(Self, usize)>, Bad> {
        let mut all = Reader(bytes);
        let Ok(first) = all.byte() else {
            return Ok(None);
        };
        if first & 15 == 15 {
            return Err(Bad);
        }
        let head = |all: &mut Reader<'_>| {
            let length = match first >> 4 {
                15 => 65805 + all.number(4)?,
                n => all.extended(n)?,
            };
            let code = all.byte()?;
            let token = all.extended(first & 15)?;
            Ok::<_, Bad>((length, code, token))
        };
        // Only a lack of bytes can fail here.
        let Ok((length, code, token)) = head(&mut all) else {
            return Ok(None);
        };
        let Ok(token) = all.take(token) else {
            return Ok(None);
        };
        let Ok(body) = all.take(length) else {
            return Ok(None);
        };
        let size = bytes.len() - all.0.len();
        let (options, payload) = Self::body(body)?;
        Ok(Some((Self { code, token: token.to_vec(), options, payload }, size)))
    }

    #[allow(clippy::type_complexity, reason = "used once, just above")]
    fn body(bytes: &[u8]) -> Result<(Vec<(u16, Vec<u8>)>, Vec<u8>), Bad> {
        let mut rest = Reader(bytes);
        let (mut options, mut last) = (Vec::new(), 0);
        while let Ok(first) = rest.byte() {
            if first == 0xff {
                let payload = rest.0.to_vec();
                return if payload.is_empty() { Err(Bad) } else { Ok((options, payload)) };
            }
            if first >> 4 == 15 || first & 15 == 15 {
                return Err(Bad);
            }
            last += rest.extended(first >> 4)?;
            let length = rest.extended(first & 15)?;
            let number = u16::try_from(last).map_err(|_| Bad)?;
            options.push((number, rest.take(length)?.to_vec()));
        }
        Ok((options, Vec::new()))
    }

    /// Uri-Path as `/a/b`.
    pub fn path(&self) -> String {
        self.values(option::URI_PATH).fold(String::new(), |path, segment| path + "/" + &lossy(segment))
    }

    /// Adds an option behind those with the same or a lower number.
    pub fn insert(&mut self, number: u16, value: Vec<u8>) {
        let at = self.options.partition_point(|&(n, _)| n <= number);
        self.options.insert(at, (number, value));
    }

    fn values(&self, number: u16) -> impl Iterator<Item = &[u8]> {
        self.options.iter().filter(move |&&(n, _)| n == number).map(|(_, value)| value.as_slice())
    }

    /// As words of the script language: code, token, address, options, payload.
    pub fn words(&self) -> Vec<String> {
        let mut words = vec![format!("{}.{:02}", self.code >> 5, self.code & 31)];
        if !self.token.is_empty() {
            words.push(format!("token={}", hex(&self.token)));
        }
        let request = self.code >> 5 == 0;
        let address = |&number: &u16| request && [option::URI_PATH, option::URI_QUERY].contains(&number);
        if self.options.iter().any(|(number, _)| address(number)) {
            let query: Vec<_> = self.values(option::URI_QUERY).map(lossy).collect();
            let mark = if query.is_empty() { "" } else { "?" };
            words.push(format!("{}{mark}{}", self.path(), query.join("&")));
        }
        let others = self.options.iter().filter(|(number, _)| !address(number));
        words.extend(others.map(|(number, value)| self.option_word(*number, value)));
        if !self.payload.is_empty() {
            words.push(format!("payload={}", text_or_hex(&self.payload)));
        }
        words
    }

    fn option_word(&self, number: u16, value: &[u8]) -> String {
        let name = option_name(self.code, number).map_or_else(|| number.to_string(), str::to_owned);
        let uint = || value.iter().fold(0_u64, |n, &b| n << 8 | u64::from(b));
        match format(self.code, number) {
            Format::Empty if value.is_empty() => name,
            Format::Uint if value.len() <= 4 => format!("{name}={}", uint()),
            Format::Block if value.len() <= 3 => {
                let n = uint();
                format!("{name}={}/{}/{}", n >> 4, n >> 3 & 1, n & 7)
            }
            Format::Text => format!("{name}={}", text_or_hex(value).trim_matches('"')),
            _ => format!("{name}=0x{}", hex(value)),
        }
    }
}

impl fmt::Display for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words().join(" "))
    }
}

/// Bytes as hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Bytes as a script has them: text, or hexadecimal digits; long ones of few different bytes as runs.
pub(crate) fn text_or_hex(bytes: &[u8]) -> String {
    let runs = bytes.chunk_by(|a, b| a == b);
    if bytes.len() > 32 && runs.clone().count() <= 16 {
        let runs = runs.map(|run| format!("{}*{}", run.len(), text_or_hex(run.get(..1).unwrap_or_default())));
        return runs.collect::<Vec<_>>().join("+");
    }
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains(|c: char| c == '"' || c.is_control()) => format!("\"{text}\""),
        _ => format!("0x{}", hex(bytes)),
    }
}

/// A length or delta up to 65804: the nibble, and the bytes that extend it.
fn nibble(n: usize) -> (u8, Vec<u8>) {
    match n {
        0..=12 => (n as u8, vec![]),
        13..=268 => (13, vec![(n - 13) as u8]),
        _ => (14, ((n - 269) as u16).to_be_bytes().to_vec()),
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, n: u64) -> Result<&'a [u8], Bad> {
        let n = usize::try_from(n).map_err(|_| Bad)?;
        let (taken, rest) = self.0.split_at_checked(n).ok_or(Bad)?;
        self.0 = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, Bad> {
        self.number(1).map(|n| n as u8)
    }

    fn number(&mut self, bytes: u64) -> Result<u64, Bad> {
        Ok(self.take(bytes)?.iter().fold(0, |n, &b| n << 8 | u64::from(b)))
    }

    fn extended(&mut self, nibble: u8) -> Result<u64, Bad> {
        match nibble {
            13 => Ok(13 + self.number(1)?),
            14 => Ok(269 + self.number(2)?),
            15 => Err(Bad),
            n => Ok(n.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use coap_numbers::code;

    use super::*;

    #[test]
    fn plain_messages_survive_their_frames() {
        let mut plain = Plain { code: code::POST, token: vec![1], ..Plain::default() };
        plain.insert(option::URI_PATH, b"t".to_vec());
        plain.insert(option::OBSERVE, vec![]);
        for size in [0, 1, 12, 13, 268, 269, 65804, 65805, 70000] {
            plain.payload = vec![b'a'; size];
            let frame = plain.encode();
            assert_eq!(Plain::decode(&frame), Ok(Some((plain.clone(), frame.len()))));
            assert_eq!(Plain::decode(&frame[..frame.len() - 1]), Ok(None));
        }
        plain.payload = b"hi".to_vec();
        assert_eq!(plain.to_string(), r#"0.02 token=01 /t Observe=0 payload="hi""#);
    }
}
