//! Where a connection stands. All legality is in the one table below; it knows no bytes, no time and no role.

use crate::error::Violation;

/// Where a connection stands.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// Our CSM waits for the peer's (T-3.3-3).
    Waiting,
    /// Our CSM is out; the peer's is awaited.
    Starting,
    /// Both CSMs are exchanged.
    Open,
    /// We sent a Release: no requests of ours, but theirs are still answered (T-5.5-5).
    Releasing,
    /// The peer sent a Release, or ended its stream: what is owed is still answered (T-5.5-2, T-D5-3).
    Draining,
    /// The last bytes are leaving; whatever comes is discarded (D-D-2).
    Closing,
    /// Nothing more.
    Closed,
}

/// What moves it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Input {
    /// Our CSM.
    OurCsm,
    /// The peer's CSM.
    Csm,
    /// Any other message of the peer's.
    Message,
    /// The same before its CSM, where that is borne.
    EarlyMessage,
    /// A Release of the peer's.
    PeerReleases,
    /// A Release of ours.
    WeRelease,
    /// The peer has ended its stream.
    Eof,
    /// We stop: after an Abort of ours, or with all said.
    Stop,
    /// The transport is gone, or the peer has aborted.
    Gone,
}

impl State {
    pub(super) fn next(self, input: Input) -> Result<Self, Violation> {
        use Input::{Csm, EarlyMessage, Eof, Gone, Message, OurCsm, PeerReleases, Stop, WeRelease};
        Ok(match (self, input) {
            (Self::Closed, _) | (_, Gone) => Self::Closed,

            (Self::Waiting | Self::Starting, Message) => return Err(Violation::NotCsmFirst),
            (Self::Waiting | Self::Starting, Eof) => Self::Closed,
            (Self::Waiting, OurCsm) => Self::Starting,
            (Self::Starting, Csm) => Self::Open,
            (Self::Open, WeRelease) => Self::Releasing,

            (Self::Starting | Self::Open | Self::Releasing, PeerReleases) => Self::Draining,
            (Self::Open | Self::Releasing, Eof) => Self::Draining,

            (_, Stop) => Self::Closing,

            (_, OurCsm | Csm | Message | EarlyMessage | PeerReleases | WeRelease | Eof) => self,
        })
    }

    /// Whether the peer's messages still mean anything.
    pub(crate) const fn listens(self) -> bool {
        !matches!(self, Self::Closing | Self::Closed)
    }
}

#[cfg(test)]
mod tests;
