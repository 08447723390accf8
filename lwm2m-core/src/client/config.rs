//! What can be chosen, with the defaults of the digest.

use core::time::Duration;

use crate::content::ContentFormat;
use crate::registration::Binding;
use crate::version::Version;

/// All choices of a device but those that its objects make: lifetimes and retries are resources of
/// [`Server`](crate::objects::Server).
///
/// ```
/// use lwm2m_core::client::Config;
///
/// const CONFIG: Config = Config::new("urn:imei:490154203237518");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Config<'d> {
    pub(super) endpoint: &'d str,
    pub(super) newest: Version,
    pub(super) oldest: Version,
    pub(super) binding: Binding,
    pub(super) queue: bool,
    pub(super) read_format: Option<ContentFormat>,
    pub(super) request_timeout: Duration,
    pub(super) update_margin: Duration,
    pub(super) reconnect_within: Duration,
    pub(super) deregister_timeout: Duration,
    pub(super) jitter_percent: u8,
}

impl<'d> Config<'d> {
    /// The defaults, each named at its setter. The endpoint name goes into one option: 252 bytes at most.
    pub const fn new(endpoint: &'d str) -> Self {
        Self {
            endpoint,
            newest: Version::V1_1,
            oldest: Version::V1_1,
            binding: Binding::TCP,
            queue: false,
            read_format: None,
            request_timeout: Duration::from_secs(30),
            update_margin: Duration::from_secs(60),
            reconnect_within: Duration::from_secs(2),
            deregister_timeout: Duration::from_secs(5),
            jitter_percent: 10,
        }
    }

    /// The enabler versions to register with: the newest first, and after 4.12 the one below, down to the oldest
    /// (REG-33). 1.1 alone.
    #[must_use]
    pub const fn versions(mut self, oldest: Version, newest: Version) -> Self {
        self.oldest = oldest;
        self.newest = newest;
        self
    }

    /// The transports to name in `b` (REG-5). TCP.
    #[must_use]
    pub const fn binding(mut self, binding: Binding) -> Self {
        self.binding = binding;
        self
    }

    /// The format of an answer to a Read without Accept (DM-12). SenML CBOR; toward a server of 1.0 TLV, or text for a
    /// single value.
    #[must_use]
    pub const fn read_format(mut self, format: ContentFormat) -> Self {
        self.read_format = Some(format);
        self
    }

    /// How long to wait for the answer to a Register or an Update; then the connection counts as dead (TCP-70). 30 s.
    #[must_use]
    pub const fn request_timeout(mut self, timeout: Duration) -> Self {
        self.request_timeout = timeout;
        self
    }

    /// How long before a registration expires it is updated; half of the lifetime where that is less (REG-46). 60 s.
    #[must_use]
    pub const fn update_margin(mut self, margin: Duration) -> Self {
        self.update_margin = margin;
        self
    }

    /// Within what time after the loss of a registered connection, at random, to connect again (TCP-11). 2 s.
    #[must_use]
    pub const fn reconnect_within(mut self, within: Duration) -> Self {
        self.reconnect_within = within;
        self
    }

    /// How long to wait for the answer to a De-register (REG-60). 5 s.
    #[must_use]
    pub const fn deregister_timeout(mut self, timeout: Duration) -> Self {
        self.deregister_timeout = timeout;
        self
    }

    /// Up to how much each delay of a retry is stretched, at random, in percent of it (REG-88). 10.
    #[must_use]
    pub const fn jitter_percent(mut self, percent: u8) -> Self {
        self.jitter_percent = percent;
        self
    }
}
