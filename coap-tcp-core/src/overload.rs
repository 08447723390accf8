//! Servers that have too much to do (RFC 8516).

use core::time::Duration;

use crate::wire::{Code, Message, OptionNumber};

/// Max-Age where a response has none (RFC 7252, section 5.10.5).
const MAX_AGE: u32 = 60;

impl Message<'_> {
    /// How long not to send such a request again, as a response says: 4.29 where this client asks too much, 5.03 where
    /// everybody does (C-8516-1). 60 s where it has no Max-Age; `None` for any other response.
    ///
    /// ```
    /// use coap_tcp_core::Message;
    /// use core::time::Duration;
    ///
    /// // 4.29, token 34, Max-Age 300
    /// let message = Message::parse(&[0x41, 0x9d, 0x34, 0xd2, 0x01, 0x01, 0x2c])?;
    /// assert_eq!(message.retry_after(), Some(Duration::from_secs(300)));
    /// # Ok::<(), coap_tcp_core::Malformed>(())
    /// ```
    pub fn retry_after(&self) -> Option<Duration> {
        let busy = matches!(self.code, Code::TOO_MANY_REQUESTS | Code::SERVICE_UNAVAILABLE);
        let seconds = self.uint(OptionNumber::MAX_AGE).unwrap_or(MAX_AGE);
        busy.then(|| Duration::from_secs(seconds.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// C-8516-1
    #[test]
    fn c_8516_1_v59_and_v60_say_when_to_come_again() {
        let seconds = |frame: &[u8]| Message::parse(frame).unwrap().retry_after().map(|wait| wait.as_secs());
        assert_eq!(seconds(&[0x41, 0x9d, 0x34, 0xd2, 0x01, 0x01, 0x2c]), Some(300), "V59");
        assert_eq!(seconds(&[0x21, 0xa3, 0x35, 0xd0, 0x01]), Some(0), "V60");
        // Without Max-Age, and with one that is longer than it may be.
        assert_eq!(seconds(&[0x01, 0xa3, 0x35]), Some(60));
        assert_eq!(seconds(&[0x71, 0x9d, 0x35, 0xd5, 0x01, 0, 0, 0, 0, 1]), Some(60));
        // Max-Age of another answer is about caches.
        assert_eq!(seconds(&[0x31, 0x45, 0x35, 0xd1, 0x01, 7]), None);
    }
}
