//! What a connection reports.

use core::time::Duration;

use crate::error::Closed;
use crate::requests::{Observer, RequestId};
use crate::wire::{Code, Message, OptionNumber};

/// What the peer has told us it can take (T-5.3-1). Base values hold until its CSM comes (T-3.3-5).
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Settings {
    /// Largest whole message that it takes.
    pub max_message_size: u32,
    /// It knows block-wise transfer; `false` says nothing either way (T-5.3.2-1).
    pub block_wise: bool,
    /// Longest request token that it takes.
    pub token_length: u32,
}

impl Settings {
    /// What holds before any CSM.
    pub const BASE: Self = Self { max_message_size: 1152, block_wise: false, token_length: 8 };

    /// The peer understands BERT (T-5.3.2-2).
    pub const fn bert(&self) -> bool {
        self.block_wise && self.max_message_size > 1152
    }
}

/// What came of one frame. Exhaustive on purpose: whoever handles events should notice a new one.
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Event<'f, T> {
    /// The peer's settings, after its first CSM or a later one.
    Ready(Settings),
    /// A request, to be answered, deferred or observed before this event is over; else 5.01 is sent.
    Request(Incoming<'f>),
    /// The answer to a request of ours, or a notification.
    Response {
        /// Which request.
        id: RequestId,
        /// Its tag, unless more is to come.
        tag: Tagged<T>,
        /// The answer.
        message: Message<'f>,
    },
    /// A request of ours has failed on its own; the connection goes on.
    Failed {
        /// Which request.
        id: RequestId,
        /// Its tag.
        tag: T,
        /// Why.
        why: Failure,
    },
    /// A response that nobody waits for: late, or a notification after the end of its observation (D-E-1).
    Unmatched(Message<'f>),
    /// The peer's Pong to a Ping of ours.
    Pong {
        /// All that we sent before the Ping has been processed (T-5.4.1-1).
        custody: bool,
        /// Time since the Ping.
        after: Duration,
    },
    /// The peer wants the connection to end; what is owed is still answered, new requests are refused.
    Released {
        /// How long not to connect to it again (T-5.5-7).
        hold_off: Option<Duration>,
        /// All of it: [`wire::release::alternatives`](crate::wire::release::alternatives) has the addresses.
        message: Message<'f>,
    },
    /// The peer has aborted the connection; its payload says why, to a human.
    Aborted(Message<'f>),
    /// Settled by the core itself; to be counted ([`Tally`](crate::Tally)), no more.
    Settled(Settled),
}

/// Whether a request of ours is over.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tagged<T> {
    /// It is; here is its tag back.
    Last(T),
    /// It observes: [`Connection::tag`](crate::Connection::tag) lends the tag.
    More,
}

/// Why one request of ours has failed.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Failure {
    /// The response has a critical option that is unknown, or cannot be so (C-5.4.1-3).
    BadOption(OptionNumber),
    /// The response is over our Max-Message-Size and was passed over (D-C-3, D-C-5).
    TooLarge,
}

/// What the core has settled by itself.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Settled {
    /// An Empty message (T-3.4-1).
    Empty,
    /// An Empty message with something in it (T-3.4-3).
    FilledEmpty,
    /// A Ping; its Pong has been sent (T-5.4-2).
    Ping,
    /// A Ping with Custody; its Pong waits for answers still owed (T-5.4.1-5).
    CustodyHeld,
    /// A Pong that answers no Ping of ours: a sign of life (T-5.4-5).
    StrayPong,
    /// A second Release.
    ReleasedAgain,
    /// A signaling code that is not known, without critical options (D-D-1).
    UnknownSignal(Code),
    /// A reserved code class, borne by tolerance (D-H-2).
    ReservedClass(Code),
    /// A notification from before our cancellation (O-7.4-3).
    AfterCancel,
    /// A request over our Max-Message-Size: answered 4.13 with Size1 (D-C-5).
    TooLarge,
    /// A response over our Max-Message-Size that nobody waits for (D-E-1).
    TooLargeUnmatched,
    /// A request that the layer above has not touched: answered 5.01 (T-3.3-11).
    Unserved,
    /// A request whose answer was begun and came to nothing: answered 5.00.
    AnswerFailed,
    /// A Pong of ours that had no room; the Ping counts as unanswered.
    PongDropped,
    /// Anything after the end: discarded unread (row 58).
    AfterEnd,
}

/// What came of a deadline.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Expired<T> {
    /// A request of ours got no answer in time; a late one will be [`Event::Unmatched`].
    Request(RequestId, T),
    /// The peer sent no CSM and is borne so: base values hold ([`Tolerance::missing_csm`](crate::Tolerance)).
    CsmAssumed,
    /// A keep-alive has been written to `tx`.
    KeepAlive,
    /// A Ping of ours got no Pong in time, but something else came: the peer lives (T-5.4-6).
    PongMissing,
    /// A Ping of ours with Custody got no Pong in time. The peer need not be dead.
    CustodyRefused,
    /// A held Pong went out without Custody (T-5.4.1-5).
    CustodyGivenUp,
    /// The connection is over.
    Closed(Closed),
}

/// A request of the peer's, while its event lasts. Reads as the [`Message`] that it is.
#[derive(Debug)]
pub struct Incoming<'f> {
    pub(crate) message: Message<'f>,
    pub(crate) ended: Option<Observer>,
}

impl<'f> Incoming<'f> {
    /// The message, for as long as the bytes it lies in.
    pub const fn message(&self) -> Message<'f> {
        self.message
    }

    /// The same with another payload: the whole body, gathered from blocks.
    #[must_use]
    pub fn with_payload<'p>(&self, payload: &'p [u8]) -> Incoming<'p>
    where
        'f: 'p,
    {
        let mut message: Message<'p> = self.message;
        message.payload = payload;
        Incoming { message, ended: self.ended }
    }

    /// The observation that this request has ended: by cancelling it, or by taking its token again (O-3.1-1,
    /// O-7.4-1).
    pub const fn ended(&self) -> Option<Observer> {
        self.ended
    }

    /// Whether it asks to observe (O-3.1-1).
    pub fn wants_observe(&self) -> bool {
        self.message.code.can_observe() && self.message.observe() == Some(0)
    }

    /// What must be answered before any resource is looked at: unknown methods, proxying, critical options
    /// not among `known`, paths that may not be (error matrix rows 29, 31, 33, 34, 35).
    pub fn refusal(&self, known: &[OptionNumber]) -> Option<Refusal> {
        let message = &self.message;
        let refuse = |code, option| Some(Refusal { code, option });
        if !message.code.is_known_method() {
            return refuse(Code::METHOD_NOT_ALLOWED, None);
        }
        let proxy =
            |&(n, _): &(OptionNumber, _)| matches!(n, OptionNumber::PROXY_URI | OptionNumber::PROXY_SCHEME);
        if message.options().any(|option| proxy(&option)) {
            return refuse(Code::PROXYING_NOT_SUPPORTED, None);
        }
        if let Some(option) = message.unknown_critical(known) {
            return refuse(Code::BAD_OPTION, Some(option));
        }
        if message.path().any(|segment| segment == b"." || segment == b"..") {
            return refuse(Code::BAD_REQUEST, None);
        }
        None
    }

    /// No-Response, as a bitmap of classes (C-258-1); 0 wants all answers.
    pub(crate) fn no_response(&self) -> u8 {
        self.message.option(OptionNumber::NO_RESPONSE).and_then(<[u8]>::first).map_or(0, |&bits| bits)
    }
}

impl<'f> core::ops::Deref for Incoming<'f> {
    type Target = Message<'f>;

    fn deref(&self) -> &Message<'f> {
        &self.message
    }
}

/// An answer that follows from the request alone.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// The code to answer with.
    pub code: Code,
    /// The option at fault; its number is the diagnostic payload (C-5.4.1-2).
    pub option: Option<OptionNumber>,
}
