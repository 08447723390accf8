//! Counters of what was ignored, refused or given up. A connection keeps none: they follow from its events.

use core::ops::AddAssign;

use crate::error::{Closed, Defect, Malformed, Violation};
use crate::event::{Event, Expired, Failure, Settled};
use crate::wire::{Code, Head, Message, Prefix, csm, head, ping, release, uint};

/// Counts what happens on a connection. What comes is counted by
/// [`Session::receive_counting`](crate::Session::receive_counting); the rest is to be told: every deadline, the
/// end once, and what has been appended to `tx`.
///
/// ```
/// # use coap_tcp_core::{Buf, Config, Fixed, Instant, Session, Slot};
/// use coap_tcp_core::{Count, Stats, Tally};
///
/// # static CONFIG: Config = Config::new();
/// # let now = Instant::ZERO;
/// # let mut tx = Fixed::<256>::new();
/// # let mut session =
/// #     Session::accept(&CONFIG, Fixed::<1152>::new(), [const { Slot::<()>::FREE }; 4], now, &mut tx)?;
/// let mut stats = Stats::new();
/// let ended = session.receive_counting(now, b"GET / HTTP/1.1\r\n", &mut tx, &mut stats, |_event, _peer| {});
/// if let Err(why) = ended {
///     stats.closed(why);
/// }
/// stats.said(tx.as_slice());
/// assert_eq!(stats.get(Count::CsmMissing), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Tally {
    /// Adds to one counter.
    fn add(&mut self, count: Count, n: u64);

    /// Counts what is ignored in a frame that has come, and is none to end the connection for.
    fn frame(&mut self, frame: &[u8]) {
        let signal = |head: &Head| head.code.is_signal();
        let head = Head::of(frame).ok().filter(signal);
        if let Some(message) = head.and_then(|head| Message::with_head(frame, &head).ok()) {
            match ignored_options(&message) {
                0 => {}
                ignored => self.add(Count::IgnoredOptions, ignored),
            }
        }
    }

    /// Counts what came of it. What ends in an answer is counted by [`Tally::said`].
    fn event<T>(&mut self, event: &Event<'_, T>) {
        if matches!(event, Event::Request(request) if request.ended().is_some()) {
            self.add(Count::ObservationsEnded, 1);
        }
        if let Some(count) = Count::of_event(event) {
            self.add(count, 1);
        }
    }

    /// Counts a deadline. The end itself is for [`Tally::closed`].
    fn expired<T>(&mut self, expired: &Expired<T>) {
        if let Some(count) = Count::of_expired(expired) {
            self.add(count, 1);
        }
    }

    /// Counts the end of a connection.
    fn closed(&mut self, why: Closed) {
        self.add(Count::of_closed(why), 1);
    }

    /// Counts the error answers among whole frames of ours, whoever has written them: this crate, the layer
    /// above at once, or later. `frames` is what was appended to `tx` since the last call.
    fn said(&mut self, mut frames: &[u8]) {
        while let Ok(Prefix::Head(head)) = head(frames, true) {
            if let Some(count) = Count::of_answer(head.code) {
                self.add(count, 1);
            }
            let total = usize::try_from(head.total()).unwrap_or(usize::MAX);
            frames = frames.get(total..).unwrap_or_default();
        }
    }
}

macro_rules! counts {
    ($($variant:ident $name:ident $rows:literal $what:literal)*) => {
        /// What is counted. The rows are those of the error matrix (section H of the digest).
        ///
        /// Not counted are what is served like anything else (rows 42, 48, 50, 52), transfers that fail, since
        /// whoever asked is told (row 49), and elective options ignored in requests, which only the layer above
        /// knows (row 32, half of row 33). After the end of a [`Session`](crate::Session) its input is
        /// discarded unread.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        #[non_exhaustive]
        pub enum Count {
            $(#[doc = concat!($what, " Rows: ", $rows, ".")] $variant,)*
        }

        impl Count {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Its name, for whoever exports it: small letters and underscores.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => stringify!($name),)*
                }
            }

            /// The rows of the error matrix that it counts; `none` for what is nobody's fault.
            pub const fn rows(self) -> &'static str {
                match self {
                    $(Self::$variant => $rows,)*
                }
            }
        }
    };
}

counts! {
    Requests requests "none" "Requests that came."
    Responses responses "none" "Answers and notifications that came."
    Csms csms "4, 5" "CSMs that came, the first and later ones."
    CsmsAssumed csms_assumed "2" "Connections that go on without a CSM, by tolerance."
    IgnoredOptions ignored_options "6, 8, 9, 10, 13" "Options ignored in signaling messages: unknown, of a bad length or value, repeated."
    Empties empties "16" "Empty messages."
    FilledEmpties filled_empties "17" "Empty messages with something in them, by tolerance."
    UnknownSignals unknown_signals "14" "Signaling messages with an unknown code."
    ReservedClasses reserved_classes "28" "Messages of a reserved code class, by tolerance."
    ObservationsEnded observations_ended "44" "Observations that a request with their token has cancelled or replaced."
    Unmatched unmatched "21, 46" "Responses that nobody waits for."
    FailedBadOption failed_bad_option "47" "Requests of ours that failed for a critical option in the response."
    FailedTooLarge failed_too_large "26, 27" "Requests of ours that failed for a response over our Max-Message-Size."
    LateNotifications late_notifications "51" "Notifications from before our cancellation."
    SkippedNotifications skipped_notifications "none" "Notifications not sent, since newer ones came."
    Pings pings "53" "Pings answered at once."
    PongsDropped pongs_dropped "53" "Pings that went unanswered for want of room."
    CustodyHeld custody_held "69" "Pings with Custody whose Pong waits for answers still owed."
    CustodyGivenUp custody_given_up "69" "Pongs that waited too long, and went without Custody."
    StrayPongs stray_pongs "54" "Pongs to no Ping of ours."
    ReleasedAgain released_again "56" "Second Releases."
    AfterEnd after_end "43, 58" "Messages after the end, where a connection is used without its session."

    BadRequest bad_request "34, 38, 39" "Answers 4.00."
    BadOption bad_option "31, 33" "Answers 4.02."
    MethodNotAllowed method_not_allowed "29" "Answers 4.05."
    NotAcceptable not_acceptable "36" "Answers 4.06."
    EntityIncomplete entity_incomplete "40" "Answers 4.08."
    EntityTooLarge entity_too_large "26, 27, 41" "Answers 4.13."
    UnsupportedFormat unsupported_format "37" "Answers 4.15."
    TooManyRequests too_many_requests "45" "Answers 4.29."
    InternalError internal_error "70" "Answers 5.00."
    NotImplemented not_implemented "30" "Answers 5.01."
    Unavailable unavailable "20, 45" "Answers 5.03."
    ProxyingNotSupported proxying_not_supported "35" "Answers 5.05."
    OtherErrors other_errors "none" "Answers 4.xx and 5.xx of other codes."

    RequestTimeouts request_timeouts "none" "Requests of ours without an answer in time."
    KeepAlives keep_alives "none" "Keep-alives sent."
    PongsMissing pongs_missing "62" "Pings of ours without a Pong in time, while something else came."
    CustodyRefused custody_refused "none" "Pings of ours with Custody without a Pong in time."

    CsmMissing csm_missing "1, 66" "Connections that began with something else than a CSM."
    CsmTimeouts csm_timeouts "2" "Connections without a CSM in time."
    BadCsmOptions bad_csm_options "7, 8, 11" "Connections ended for an option in a CSM."
    CriticalSignalOptions critical_signal_options "12" "Connections ended for a critical option in another signaling message."
    TokenLengths token_lengths "18, 19" "Connections ended for the length of a token."
    OptionNibbles option_nibbles "15, 22" "Connections ended for a reserved option delta or length."
    OptionsTruncated options_truncated "15, 23" "Connections ended for an option past the end of its message."
    OptionNumbers option_numbers "15, 24" "Connections ended for an option number that is too large."
    PayloadsMissing payloads_missing "15, 25" "Connections ended for a payload marker without payload."
    FrameLengths frame_lengths "none" "Connections ended for a frame given to them that is not one."
    TooLarge too_large "26" "Connections ended for a message over our Max-Message-Size."
    ReservedClassAborts reserved_class_aborts "28" "Connections ended for a reserved code class."
    FilledEmptyAborts filled_empty_aborts "17" "Connections ended for an Empty message with something in it."
    Released released "55" "Connections that the peer released."
    Aborted aborted "57" "Connections that the peer aborted."
    Eof eof "3, 59" "Streams that the peer ended, between two messages or before any."
    EofInMessage eof_in_message "60" "Streams that the peer ended within a message."
    Transport transport "61" "Transports that failed."
    PingTimeouts ping_timeouts "62" "Connections whose peer fell silent."
    ReleaseTimeouts release_timeouts "63" "Connections whose peer ignored our Release."
    FrameTimeouts frame_timeouts "67" "Connections with a frame begun and not ended in time."
    WriteTimeouts write_timeouts "68" "Connections whose peer did not read."
    DrainTimeouts drain_timeouts "55, 59" "Connections at whose end answers were not ready in time."
    OutOfMemory out_of_memory "71" "Connections ended for want of memory."
    Idle idle "none" "Connections closed for being idle."
    Closed closed "none" "Connections that we closed."
    AbortedHere aborted_here "none" "Connections that the application aborted."
}

impl Count {
    /// What an event counts as. `None`: it is a request's answer that counts.
    const fn of_event<T>(event: &Event<'_, T>) -> Option<Self> {
        Some(match event {
            Event::Ready(_) => Self::Csms,
            Event::Request(_) => Self::Requests,
            Event::Response { .. } => Self::Responses,
            Event::Failed { why: Failure::BadOption(_), .. } => Self::FailedBadOption,
            Event::Failed { why: Failure::TooLarge, .. } => Self::FailedTooLarge,
            Event::Unmatched(_) => Self::Unmatched,
            // With the end that they lead to, and nothing by themselves.
            Event::Pong { .. } | Event::Released { .. } | Event::Aborted(_) => return None,
            Event::Settled(settled) => match settled {
                Settled::Empty => Self::Empties,
                Settled::FilledEmpty => Self::FilledEmpties,
                Settled::Ping => Self::Pings,
                Settled::CustodyHeld => Self::CustodyHeld,
                Settled::StrayPong => Self::StrayPongs,
                Settled::ReleasedAgain => Self::ReleasedAgain,
                Settled::UnknownSignal(_) => Self::UnknownSignals,
                Settled::ReservedClass(_) => Self::ReservedClasses,
                Settled::AfterCancel => Self::LateNotifications,
                Settled::TooLargeUnmatched => Self::Unmatched,
                Settled::PongDropped => Self::PongsDropped,
                Settled::AfterEnd => Self::AfterEnd,
                Settled::TooLarge | Settled::Unserved | Settled::AnswerFailed => return None,
            },
        })
    }

    /// What a deadline counts as; the end by its reason.
    const fn of_expired<T>(expired: &Expired<T>) -> Option<Self> {
        Some(match expired {
            Expired::Request(..) => Self::RequestTimeouts,
            Expired::CsmAssumed => Self::CsmsAssumed,
            Expired::KeepAlive => Self::KeepAlives,
            Expired::PongMissing => Self::PongsMissing,
            Expired::CustodyRefused => Self::CustodyRefused,
            Expired::CustodyGivenUp => Self::CustodyGivenUp,
            Expired::Closed(_) => return None,
        })
    }

    /// What the end of a connection counts as.
    const fn of_closed(why: Closed) -> Self {
        match why {
            Closed::Local => Self::Closed,
            Closed::LocalAbort => Self::AbortedHere,
            Closed::Released => Self::Released,
            Closed::Aborted { .. } => Self::Aborted,
            Closed::Malformed(Malformed { defect, .. }) => match defect {
                Defect::TokenLength => Self::TokenLengths,
                Defect::OptionDelta | Defect::OptionLength => Self::OptionNibbles,
                Defect::OptionTruncated => Self::OptionsTruncated,
                Defect::OptionNumber => Self::OptionNumbers,
                Defect::PayloadMissing => Self::PayloadsMissing,
                Defect::Length => Self::FrameLengths,
            },
            Closed::Violation(violation) => match violation {
                Violation::NotCsmFirst => Self::CsmMissing,
                Violation::BadCsmOption(_) => Self::BadCsmOptions,
                Violation::CriticalSignalOption(_) => Self::CriticalSignalOptions,
                Violation::ReservedClass => Self::ReservedClassAborts,
                Violation::FilledEmpty => Self::FilledEmptyAborts,
                Violation::TooLarge => Self::TooLarge,
                Violation::TokenTooLong => Self::TokenLengths,
            },
            Closed::CsmTimeout => Self::CsmTimeouts,
            Closed::FrameTimeout => Self::FrameTimeouts,
            Closed::WriteTimeout => Self::WriteTimeouts,
            Closed::PingTimeout => Self::PingTimeouts,
            Closed::ReleaseTimeout => Self::ReleaseTimeouts,
            Closed::DrainTimeout => Self::DrainTimeouts,
            Closed::Idle => Self::Idle,
            Closed::Eof => Self::Eof,
            Closed::EofInMessage => Self::EofInMessage,
            Closed::Transport => Self::Transport,
            Closed::OutOfMemory => Self::OutOfMemory,
        }
    }

    /// What an answer of ours counts as: `None`, unless it is an error.
    const fn of_answer(code: Code) -> Option<Self> {
        Some(match code {
            Code::BAD_REQUEST => Self::BadRequest,
            Code::BAD_OPTION => Self::BadOption,
            Code::METHOD_NOT_ALLOWED => Self::MethodNotAllowed,
            Code::NOT_ACCEPTABLE => Self::NotAcceptable,
            Code::REQUEST_ENTITY_INCOMPLETE => Self::EntityIncomplete,
            Code::REQUEST_ENTITY_TOO_LARGE => Self::EntityTooLarge,
            Code::UNSUPPORTED_CONTENT_FORMAT => Self::UnsupportedFormat,
            Code::TOO_MANY_REQUESTS => Self::TooManyRequests,
            Code::INTERNAL_SERVER_ERROR => Self::InternalError,
            Code::NOT_IMPLEMENTED => Self::NotImplemented,
            Code::SERVICE_UNAVAILABLE => Self::Unavailable,
            Code::PROXYING_NOT_SUPPORTED => Self::ProxyingNotSupported,
            _ if code.is_response() && !code.is_success() => Self::OtherErrors,
            _ => return None,
        })
    }
}

/// One number for each [`Count`]: of one connection, of one endpoint, or of whatever is summed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stats([u64; Count::ALL.len()]);

impl Stats {
    /// Nothing counted.
    pub const fn new() -> Self {
        Self([0; Count::ALL.len()])
    }

    /// How often.
    pub fn get(&self, count: Count) -> u64 {
        self.0.get(count as usize).copied().unwrap_or_default()
    }

    /// All counters, in the order of [`Count::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = (Count, u64)> + '_ {
        Count::ALL.iter().copied().zip(self.0)
    }
}

impl Default for Stats {
    fn default() -> Self {
        Self::new()
    }
}

impl Tally for Stats {
    fn add(&mut self, count: Count, n: u64) {
        if let Some(sum) = self.0.get_mut(count as usize) {
            *sum = sum.saturating_add(n);
        }
    }
}

/// Counts where there is something to count with.
impl<C: Tally> Tally for Option<C> {
    fn add(&mut self, count: Count, n: u64) {
        if let Some(tally) = self {
            tally.add(count, n);
        }
    }
}

/// Counts nothing.
impl Tally for () {
    fn add(&mut self, _: Count, _: u64) {}

    fn frame(&mut self, _: &[u8]) {}

    fn event<T>(&mut self, _: &Event<'_, T>) {}

    fn expired<T>(&mut self, _: &Expired<T>) {}

    fn closed(&mut self, _: Closed) {}

    fn said(&mut self, _: &[u8]) {}
}

impl AddAssign<&Self> for Stats {
    fn add_assign(&mut self, other: &Self) {
        other.iter().for_each(|(count, n)| self.add(count, n));
    }
}

/// Elective options of a signaling message that mean nothing here: unknown ones, ones of a length or value that
/// cannot be, second occurrences.
fn ignored_options(message: &Message<'_>) -> u64 {
    if !matches!(message.code, Code::CSM | Code::PING | Code::PONG | Code::RELEASE | Code::ABORT) {
        return 0;
    }
    let mut last = None;
    let ignored = message.options().filter(|&(number, value)| {
        let again = last.replace(number) == Some(number);
        let longest = match (message.code, number) {
            (Code::CSM, csm::MAX_MESSAGE_SIZE) => 4,
            (Code::CSM, csm::BLOCK_WISE_TRANSFER) => 0,
            // Below 8 it is no length (X-2.2.1-1).
            (Code::CSM, csm::EXTENDED_TOKEN_LENGTH) if uint(value).is_some_and(|n| n < 8) => return true,
            (Code::CSM, csm::EXTENDED_TOKEN_LENGTH) => 3,
            (Code::PING | Code::PONG, ping::CUSTODY) => 0,
            (Code::RELEASE, release::ALTERNATIVE_ADDRESS) => return false,
            (Code::RELEASE, release::HOLD_OFF) => 3,
            (Code::ABORT, crate::wire::abort::BAD_CSM_OPTION) => 2,
            _ => return true,
        };
        again || value.len() > longest
    });
    let ignored = ignored.count();
    let addresses = match message.code {
        Code::RELEASE => {
            message.all(release::ALTERNATIVE_ADDRESS).count() - release::alternatives(message).count()
        }
        _ => 0,
    };
    (ignored + addresses) as u64
}
