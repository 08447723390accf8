//! A message that outlives the bytes it came in.

use core::fmt;

use super::message::Message;
use crate::error::Malformed;

/// One buffer that holds a whole, checked frame; [`OwnedMessage::view`] lends it as a [`Message`].
#[derive(Clone, PartialEq, Eq)]
pub struct OwnedMessage<B> {
    frame: B,
}

impl<B: AsRef<[u8]>> OwnedMessage<B> {
    /// Checks the frame and keeps it.
    pub fn new(frame: B) -> Result<Self, Malformed> {
        Message::parse(frame.as_ref())?;
        Ok(Self { frame })
    }

    /// The message. Walks the options once more, since a view cannot be kept beside what it borrows.
    pub fn view(&self) -> Message<'_> {
        match Message::parse(self.frame.as_ref()) {
            Ok(message) => message,
            // `new` has seen these bytes, but a buffer with inner mutability could have changed since.
            Err(_) => Message::EMPTY,
        }
    }

    /// The frame as it came.
    pub fn into_inner(self) -> B {
        self.frame
    }
}

impl<B: AsRef<[u8]>> fmt::Debug for OwnedMessage<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.view(), f)
    }
}
