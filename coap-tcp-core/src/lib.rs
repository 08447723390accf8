//! CoAP over TCP (RFC 8323) as a pure state machine: bytes and time in, bytes and events out. No socket, no
//! clock, no allocator and no `unsafe`; the same code runs a server's hundred thousand connections and a
//! device's only one.
//!
//! | | |
//! | --- | --- |
//! | [`Session`] | one connection: cuts what comes, decides, reports. What an adapter drives |
//! | [`Connection`] | the half of it that decides; what the layer above gives its commands to |
//! | [`Deframer`] | the half that cuts: in place where it can, gathering only an unfinished frame |
//! | [`Buf`] | bytes that are the caller's: [`Fixed`], [`Slice`], `Vec`, `BytesMut` |
//! | [`wire`] | messages, options, codes, and nothing of connections |
//! | [`uri`] | `coap+tcp://` to options and back |
//! | [`link`] | what a server has, for `/.well-known/core` |
//! | [`echo`] | requests that have to be fresh |
//! | [`Tally`], [`Stats`] | what was ignored, refused or given up, counted |
//!
//! # Two sessions, and no network
//!
//! ```
//! use coap_tcp_core::{Buf, Code, Config, Event, Fixed, Instant, OptionNumber, Session, Slot, Tagged};
//!
//! static CONFIG: Config = Config::new();
//! let now = Instant::ZERO; // of any clock that never goes back
//! let slots = || [const { Slot::FREE }; 4];
//!
//! // What a side has to say is appended to the `tx` it is lent. Its CSM lies there from the start.
//! let (mut up, mut down) = (Fixed::<256>::new(), Fixed::<256>::new());
//! let mut client = Session::initiate(&CONFIG, Fixed::<1152>::new(), slots(), now, &mut up)?;
//! let mut server = Session::accept(&CONFIG, Fixed::<1152>::new(), slots(), now, &mut down)?;
//!
//! // A request need not wait for the other side's CSM. Its tag, 7 here, comes back with the answer.
//! let mut peer = client.peer(&mut up);
//! let mut request = peer.request(now, Code::GET)?;
//! request.option(OptionNumber::URI_PATH, b"hello")?;
//! request.finish(7)?;
//!
//! // A request can be read while its answer is written: it lies in the input, the answer in `tx`. If
//! // something fails here, the peer gets a 5.00; if nobody answers, a 5.01.
//! server.receive(now, up.as_slice(), &mut down, |event: Event<'_, u32>, peer| {
//!     let Event::Request(request) = event else { return };
//!     let answered = (|| {
//!         let mut answer = peer.respond(&request, Code::CONTENT)?;
//!         answer.payload(b"hello from ")?.payload(request.path().next().unwrap_or_default())?;
//!         answer.finish()
//!     })();
//!     assert_eq!(answered, Ok(()));
//! })?;
//! let n = up.as_slice().len();
//! up.consume(n);
//! client.sent(now, n, up.as_slice().len());
//!
//! let mut got = None;
//! client.receive(now, down.as_slice(), &mut up, |event, _| {
//!     if let Event::Response { tag: Tagged::Last(tag), message, .. } = event {
//!         got = Some((tag, message.code, message.payload == b"hello from hello"));
//!     }
//! })?;
//! assert_eq!(got, Some((7, Code::CONTENT, true)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The turn of an adapter
//!
//! 1. Write `tx` to the transport, then say what became of it: [`Session::sent`].
//! 2. Unless [`Session::is_blocked`], read once: [`Session::receive`]. It takes all of the input, or says how
//!    much it took before `tx` was too full for another answer: then flush, and call it again with the rest.
//!    At the end of the stream [`Session::handle_eof`], when the transport fails [`Session::handle_lost`].
//! 3. Give the layers above their say, through [`Session::peer`].
//! 4. [`Session::handle_timeout`], until it has nothing more to do.
//! 5. Ask [`Session::shutdown`] whether to go on, and [`Session::poll_timeout`] how long to sleep. If `tx` has
//!    something in it again, do not sleep.
//!
//! # Kinds of methods
//!
//! A. *Getters* ask and change nothing: [`Connection::state`], [`Connection::peer`], [`Connection::tag`].
//!
//! B. *Inputs* tell what has happened, and never fail for want of room: `receive`, `sent`, `handle_timeout`,
//! `handle_eof`, `handle_lost`.
//!
//! C. *Commands* say something: [`Connection::request`], [`Connection::respond`], [`Connection::notify`],
//! [`Connection::ping`], [`Connection::release`], … Each appends one whole frame to `tx`, or fails with a
//! [`SendError`] and has changed nothing.
//!
//! D. *Outputs* that are neither bytes nor events: `poll_timeout` and `shutdown`.
//!
//! # Features
//!
//! None is on by default. `alloc`: [`Buf`] and [`Slots`] for `Vec`, and a timer wheel for many connections.
//! `bytes`: [`Buf`] for `BytesMut`. `log` and `defmt`: lines of what was learned, refused, ended, with nothing of
//! the peer's in them as it came; and `defmt::Format` for public types. `coap-message`: the community's message
//! traits, so that handlers written for them serve over TCP. Features add implementations; they do not change what the core does.
#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)
)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

#[cfg(any(feature = "alloc", test))]
extern crate alloc;

pub mod advice;
mod arith;
pub mod blockwise;
pub mod buf;
#[cfg(feature = "coap-message")]
pub mod coap_message;
mod config;
mod connection;
pub mod deframe;
pub mod echo;
pub mod error;
mod event;
mod half_open;
mod keep_alive;
pub mod link;
mod overload;
mod requests;
mod session;
mod stats;
mod time;
mod trace;
pub mod uri;
#[cfg(feature = "alloc")]
mod wheel;
pub mod wire;

pub use advice::Advice;
pub use buf::{Buf, Fixed, Slice};
pub use config::{Config, Oversized, Tolerance};
pub use connection::Connection;
pub use connection::deadlines::Shutdown;
pub use connection::health::Why;
pub use connection::outgoing::{Answer, Deregistration, Request};
pub use connection::state::State;
pub use deframe::Deframer;
pub use error::{Closed, ConfigError, Full, Malformed, SendError, Violation, WriteError};
pub use event::{Event, Expired, Failure, Incoming, Refusal, Settings, Settled, Tagged};
pub use keep_alive::{KeepAlive, KeepAliveBounds, KeepAliveSearch};
pub use requests::{Observer, RequestId, Slot, Slots, Ticket};
pub use session::{Flow, Peer, Session};
pub use stats::{Count, Stats, Tally};
pub use time::Instant;
pub use uri::Uri;
#[cfg(feature = "alloc")]
pub use wheel::Wheel;
pub use wire::{Code, Message, OptionNumber};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
