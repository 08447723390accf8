//! LwM2M 1.1/1.2 over CoAP over TCP as pure state machines.
//!
//! A [`Client`](client::Client) is a device: it registers with its servers, answers them and tells them of changes. With
//! the feature `alloc` there is a server, too: a `server::Registry` knows who is registered, and asks. Neither owns a
//! connection, a clock or a buffer: each call is lent a [`Peer`](coap_tcp_core::Peer), and told what time it is.
//!
//! A device without an allocator; what is missing is a transport, and a loop:
//!
//! ```
//! use coap_tcp_core::{Buf, Config as Coap, Fixed, Instant, Session, Slot};
//! use lwm2m_core::client::{Action, Client, Config, State};
//! use lwm2m_core::objects::{Device, Server, Temperature};
//! use lwm2m_core::Path;
//!
//! static COAP: Coap = Coap::new().block_wise(false).reply_room(512);
//!
//! let mut objects =
//!     (Server::new(1, 300), Device { model: "T1", ..Device::new() }, [Temperature::new("Cel"); 2]);
//! let mut client: Client<'_> = Client::new(Config::new("urn:dev:mac:0024befffe804ff1"), [0], 42, &objects);
//!
//! // It wants a connection to the server that instance 0 of object 1 stands for.
//! let now = Instant::ZERO;
//! assert_eq!(client.poll_action(now), Some(Action::Connect { server: 0 }));
//! let mut tx = Fixed::<1280>::new();
//! let mut session = Session::initiate(&COAP, Fixed::<1152>::new(), [Slot::FREE; 10], now, &mut tx)?;
//! client.handle_connected(now, 0);
//!
//! // Whatever is due is written; here the CSM and a Register, which the transport sends.
//! while client.handle_timeout(now, 0, &objects, &mut session.peer(&mut tx)).is_some() {}
//! let sent = tx.as_slice().len();
//! tx.consume(sent);
//! session.sent(now, sent, 0);
//!
//! // The server's CSM comes, and its 2.01 with the location /rd/7.
//! let received = b"\0\xe1\x52\x41\x10\0\x82rd\x017";
//! session.receive(now, received, &mut tx, |event, peer| {
//!     client.handle_event(now, 0, event, &mut objects, peer);
//! })?;
//! assert_eq!(client.state(0), State::Registered);
//!
//! // A new value is told to whoever observes it, with the next `handle_timeout`.
//! objects.2[0].measure(21.5);
//! client.changed(now, Path::new(&[3303, 0, 5700])?);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The layers, from the bottom: [`path`], [`value`], [`version`], [`registration`] are the data model; [`content`] is
//! what payloads look like; [`Operation`] is what can be done; [`objects`] is what an application has; [`client`] and
//! `server` are the machines.
//!
//! # Features
//!
//! On by default are the formats of payloads that a device or a server chooses from: `text`, `tlv`, `senml-cbor`. Octets
//! are always there. Off by default: `alloc`, the server side.
#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

#[cfg(any(feature = "alloc", test))]
extern crate alloc;

pub mod client;
pub mod content;
pub mod objects;
mod operation;
pub mod path;
pub mod profile;
pub mod registration;
#[cfg(feature = "alloc")]
pub mod server;
pub mod value;
pub mod version;

pub use operation::{Operation, Rule};
pub use path::Path;
pub use value::Value;
