//! Lines for a log, where one is wanted: features `log` and `defmt`, both at once if need be. Without them nothing
//! of this is in the program.
//!
//! What the peer has chosen is never in a line as it came (D-H-1, C-5.5.2-1): numbers, names of the registries, and
//! text that is escaped and cut.

use crate::error::Closed;
use crate::event::{Event, Expired, Settled};
use crate::wire::Code;

/// One line: its level, a literal that `core::fmt` and defmt both know, and what goes into its gaps.
macro_rules! line {
    ($level:ident, $text:literal $(, $value:expr)*) => {{
        #[cfg(feature = "log")]
        log::$level!(target: "coap_tcp", $text $(, $value)*);
        #[cfg(feature = "defmt")]
        defmt::$level!($text $(, $value)*);
        $(let _ = &$value;)*
    }};
}

/// What has come.
pub(crate) fn event<T>(event: &Event<'_, T>) {
    match event {
        Event::Ready(settings) => line!(debug, "the peer's settings: {:?}", settings),
        Event::Request(request) => line!(trace, "request {}", request.message.code),
        Event::Response { message, .. } => line!(trace, "response {}", message.code),
        Event::Failed { why, .. } => line!(warn, "a request failed: {:?}", why),
        Event::Unmatched(message) => line!(debug, "a response {} that nobody waits for", message.code),
        Event::Pong { after, .. } => line!(trace, "Pong after {:?}", after),
        Event::Released { hold_off, .. } => line!(info, "released by the peer, hold off {:?}", hold_off),
        Event::Aborted(message) => line!(warn, "aborted by the peer: {}", Escaped(message.payload)),
        Event::Settled(Settled::Empty | Settled::Ping) => line!(trace, "a sign of life"),
        Event::Settled(Settled::Unserved) => line!(warn, "a request nobody serves: 5.01"),
        Event::Settled(Settled::AnswerFailed) => line!(warn, "an answer begun and not finished: 5.00"),
        Event::Settled(settled) => line!(debug, "settled: {:?}", settled),
    }
}

/// What has not come in time.
pub(crate) fn expired<T>(expired: &Expired<T>) {
    match expired {
        Expired::Request(..) => line!(warn, "a request without an answer in time"),
        Expired::CsmAssumed => line!(info, "no CSM came: base values hold"),
        Expired::KeepAlive => line!(trace, "keep-alive sent"),
        Expired::PongMissing => line!(debug, "no Pong came, but something else"),
        Expired::CustodyRefused => line!(debug, "no Pong with Custody came"),
        Expired::CustodyGivenUp => line!(debug, "a Pong went without Custody"),
        // Told already, where it was decided.
        Expired::Closed(_) => {}
    }
}

/// What a request is answered that nobody looks at.
pub(crate) fn refused(code: Code) {
    line!(debug, "request refused: {}", code);
}

/// The end.
pub(crate) fn ended(why: Option<Closed>) {
    match why {
        None => {}
        Some(why @ (Closed::Local | Closed::Released | Closed::Eof | Closed::Idle)) => {
            line!(info, "over: {}", why)
        }
        Some(why) => line!(warn, "over: {}", why),
    }
}

/// Text of the peer's: the first 64 bytes, escaped.
#[cfg_attr(not(any(feature = "log", feature = "defmt")), expect(dead_code, reason = "no lines"))]
struct Escaped<'a>(&'a [u8]);

#[cfg(any(feature = "log", feature = "defmt"))]
impl Escaped<'_> {
    fn cut(&self) -> &[u8] {
        self.0.get(..64).unwrap_or(self.0)
    }
}

#[cfg(feature = "log")]
impl core::fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}", self.cut().escape_ascii())
    }
}

#[cfg(feature = "defmt")]
mod format {
    use defmt::{Format, Formatter, write};

    use super::Escaped;
    use crate::event::Incoming;
    use crate::keep_alive::KeepAliveBounds;
    use crate::time::Instant;
    use crate::wire::{Block, BlockSize, Code, Message, OptionNumber, Token};

    impl Format for Escaped<'_> {
        fn format(&self, f: Formatter<'_>) {
            write!(f, "{=[u8]:a}", self.cut());
        }
    }

    /// `2.05`
    impl Format for Code {
        fn format(&self, f: Formatter<'_>) {
            write!(f, "{=u8}.{=u8:02}", self.0 >> 5, self.0 & 0x1f);
        }
    }

    impl Format for OptionNumber {
        fn format(&self, f: Formatter<'_>) {
            write!(f, "Option-{=u16}", self.0);
        }
    }

    impl Format for KeepAliveBounds {
        fn format(&self, f: Formatter<'_>) {
            write!(f, "{} to {}", self.floor(), self.ceiling());
        }
    }

    /// In seconds.
    impl Format for Instant {
        fn format(&self, f: Formatter<'_>) {
            write!(f, "{=u64:us}", self.as_micros());
        }
    }

    impl Format for Token {
        fn format(&self, f: Formatter<'_>) {
            write!(f, "{=[u8]:02x}", self.as_slice());
        }
    }

    impl Format for BlockSize {
        fn format(&self, f: Formatter<'_>) {
            write!(f, "{=u32}", self.unit());
        }
    }

    impl Format for Block {
        fn format(&self, f: Formatter<'_>) {
            write!(f, "{=u32}/{=bool}/{}", self.number, self.more, self.size);
        }
    }

    /// Its code, its token, and how long its payload is: the options are too many for a line.
    impl Format for Message<'_> {
        fn format(&self, f: Formatter<'_>) {
            write!(f, "{} token={=[u8]:02x} [{=usize} bytes]", self.code, self.token, self.payload.len());
        }
    }

    impl Format for Incoming<'_> {
        fn format(&self, f: Formatter<'_>) {
            self.message.format(f);
        }
    }
}
