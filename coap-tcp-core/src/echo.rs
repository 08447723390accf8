//! Echo (RFC 9175, section 2): how a server makes sure that a request is fresh, and that its sender can be reached.

use core::fmt;

use crate::wire::{Code, Message, OptionNumber};

/// The longest value.
const LONGEST: usize = 40;

/// An Echo value: 1 to 40 bytes that mean something to their server only.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Echo {
    bytes: [u8; LONGEST],
    length: u8,
}

impl Echo {
    /// `None` for a length that it may not have.
    pub fn new(value: &[u8]) -> Option<Self> {
        let mut bytes = [0; LONGEST];
        if value.is_empty() {
            return None;
        }
        bytes.get_mut(..value.len())?.copy_from_slice(value);
        Some(Self { bytes, length: value.len() as u8 })
    }

    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.length)).unwrap_or_default()
    }
}

impl fmt::Debug for Echo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.as_slice().escape_ascii())
    }
}

impl<'a> Message<'a> {
    /// The Echo option: of a response, what to give back; of a request, what this server has given. A value of a length
    /// that it may not have is as if absent.
    pub fn echo(&self) -> Option<&'a [u8]> {
        self.option(OptionNumber::ECHO)
    }
}

/// What a client does with Echo, on one connection: values never go to another peer (E-2.3-1).
///
/// ```
/// use coap_tcp_core::{Code, Message, OptionNumber, echo::Echoes, wire::Writer};
///
/// let mut frame = Vec::new();
/// let mut challenge = Writer::new(&mut frame, Code::UNAUTHORIZED, &[])?;
/// challenge.option(OptionNumber::ECHO, b"now")?;
/// challenge.finish();
/// let challenge = Message::parse(&frame)?;
///
/// let mut echoes = Echoes::default();
/// let again = echoes.handle_response(&challenge, false).expect("to be sent once more");
/// assert_eq!(again.as_slice(), b"now");
/// // The same answer to that is the answer; its value goes with the next request.
/// assert_eq!(echoes.handle_response(&challenge, true), None);
/// assert_eq!(echoes.next(), Some(again));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Echoes {
    next: Option<Echo>,
}

impl Echoes {
    /// None has come.
    pub const fn new() -> Self {
        Self { next: None }
    }

    /// Takes a response. With `Some`, it is a challenge: its request is to be sent once more, with this value. `again`
    /// tells that it had been already, or that its sender sees to Echo by hand: then the response is the answer.
    #[must_use]
    pub fn handle_response(&mut self, response: &Message<'_>, again: bool) -> Option<Echo> {
        let echo = response.echo().and_then(Echo::new)?;
        if response.code == Code::UNAUTHORIZED && !again {
            return Some(echo);
        }
        self.next = Some(echo);
        None
    }

    /// For the next request, if it has no Echo of its own.
    pub const fn next(&self) -> Option<Echo> {
        self.next
    }

    /// It has been sent: once is enough.
    pub const fn sent(&mut self) {
        self.next = None;
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;
    use alloc::vec::Vec;

    use super::*;
    use crate::wire::Writer;

    fn response(code: Code, echo: &[u8]) -> Vec<u8> {
        let mut frame = Vec::new();
        let mut writer = Writer::new(&mut frame, code, &[]).unwrap();
        writer.option(OptionNumber::ECHO, echo).unwrap();
        writer.finish();
        frame
    }

    /// E-2.3-1
    #[test]
    fn e_2_3_1_a_challenge_is_answered_once_and_any_other_value_goes_with_the_next_request() {
        let mut echoes = Echoes::default();
        let mut take = |code, echo: &[u8], again| {
            let frame = response(code, echo);
            let taken = echoes.handle_response(&Message::parse(&frame).unwrap(), again);
            (taken.map(|echo| echo.as_slice().to_vec()), echoes.next().map(|echo| echo.as_slice().to_vec()))
        };
        assert_eq!(take(Code::UNAUTHORIZED, b"a", false), (Some(b"a".to_vec()), None));
        assert_eq!(take(Code::UNAUTHORIZED, b"b", true), (None, Some(b"b".to_vec())));
        assert_eq!(take(Code::CONTENT, b"c", false), (None, Some(b"c".to_vec())));
        assert_eq!(take(Code::CONTENT, &[7; 40], true), (None, Some(vec![7; 40])));
        // Of no length that it may have: as if absent.
        assert_eq!(take(Code::UNAUTHORIZED, &[7; 41], false), (None, Some(vec![7; 40])));
        assert_eq!(take(Code::UNAUTHORIZED, &[], false), (None, Some(vec![7; 40])));
        echoes.sent();
        assert_eq!(echoes.next(), None);
    }
}
