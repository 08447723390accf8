//! What the prober needs of a transport, so that it can be tested without one.

/// One connection to the implementation under test.
pub trait Wire {
    /// Sends all of it.
    ///
    /// # Errors
    /// The peer has gone or takes no more. What it said before can still be heard.
    fn send(&mut self, bytes: &[u8]) -> Result<(), Lost>;

    /// Ends our stream.
    fn end(&mut self);

    /// A moment passes, so that what was sent arrives by itself.
    fn pause(&mut self);

    /// From now on it is waited for the usual time, no longer.
    fn patience(&mut self);

    /// What comes next within that time.
    fn hear(&mut self) -> Heard;
}

/// What came.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Heard {
    /// Some bytes.
    Bytes(Vec<u8>),
    /// Nothing in time.
    Silence,
    /// The peer's stream has ended, in whatever way.
    End,
}

/// It could not be sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lost;

/// Where connections come from.
pub trait Meeting {
    /// A new one.
    ///
    /// # Errors
    /// There is none.
    fn meet(&mut self) -> Result<Box<dyn Wire + '_>, Missed>;
}

/// Why there is no connection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Missed {
    /// The peer does not take one.
    Refused(String),
    /// Nobody called.
    Nobody,
    /// All the time for all the probes is over.
    OutOfTime,
}
