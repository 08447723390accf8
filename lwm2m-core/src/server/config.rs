//! What can be chosen, with the defaults of the digest.

use core::time::Duration;

use coap_tcp_core::Code;

use crate::registration::Strictness;
use crate::version::Version;

/// Says whether an endpoint with this identity may register, or with which code it may not (ERR-18).
pub type Authorize = fn(endpoint: &str, identity: Option<&str>) -> Result<(), Code>;

/// All choices of a server.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    pub(super) strictness: Strictness,
    pub(super) oldest: Version,
    pub(super) newest: Version,
    pub(super) authorize: Authorize,
    pub(super) plain_rebind: bool,
    pub(super) max_payload: usize,
    pub(super) max_links: usize,
    pub(super) max_registrations: usize,
    pub(super) per_connection: usize,
    pub(super) max_silences: u8,
    pub(super) grace: Duration,
    pub(super) unregistered_timeout: Duration,
    pub(super) superseded_grace: Duration,
    pub(super) dereg_grace: Duration,
}

macro_rules! setters {
    ($($(#[$doc:meta])* $name:ident: $type:ty;)*) => {
        $($(#[$doc])*
        #[must_use]
        pub const fn $name(mut self, $name: $type) -> Self {
            self.$name = $name;
            self
        })*
    };
}

impl Config {
    /// The defaults, each named at its setter.
    pub fn new() -> Self {
        Self {
            strictness: Strictness::default(),
            oldest: Version::V1_0,
            newest: Version::V1_2,
            authorize: |_, _| Ok(()),
            plain_rebind: true,
            max_payload: 64 * 1024,
            max_links: 10_000,
            max_registrations: 100_000,
            per_connection: 1,
            max_silences: 2,
            grace: Duration::from_secs(10),
            unregistered_timeout: Duration::from_secs(60),
            superseded_grace: Duration::from_secs(5),
            dereg_grace: Duration::from_secs(10),
        }
    }

    setters! {
        /// How parameters are read (A.1).
        strictness: Strictness;
        /// The oldest enabler version that is taken; below it 4.12 (ERR-11). 1.0.
        oldest: Version;
        /// The newest enabler version that is taken; above it 4.12 (ERR-11). 1.2.
        newest: Version;
        /// Who may register, beyond what the identity already says (ERR-17, ERR-18). Everybody.
        authorize: Authorize;
        /// Whether an Update over a connection without an identity may move a registration that was made without one
        /// to itself: then who knows the location is taken for its owner (REG-51, SEC-22). Yes; Leshan's client relies
        /// on it.
        plain_rebind: bool;
        /// Bytes of an object list; more is 4.13 (REG-29). 64 KiB, and at most what the connection takes.
        max_payload: usize;
        /// Objects and instances in an object list; more is 4.13 (REG-29). 10,000.
        max_links: usize;
        /// Registrations in all; one more is 5.03 (ERR-19). 100,000.
        max_registrations: usize;
        /// Registrations of one connection; one more is 4.03 (TCP-13). 1.
        per_connection: usize;
        /// Requests in a row that a device may leave unanswered before its connection is closed (TCP-70). 2.
        max_silences: u8;
        /// How long after its end a registration is still honoured (REG-65). 10 s.
        grace: Duration;
        /// How long a connection may be without a registration (TCP-61). 60 s.
        unregistered_timeout: Duration;
        /// How long a connection may live whose registration has moved to another one (TCP-12). 5 s.
        superseded_grace: Duration;
        /// How long a connection may live after a De-register (TCP-81). 10 s.
        dereg_grace: Duration;
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}
