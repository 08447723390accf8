//! Where the client stands with one server. All legality is in the one table below; it knows no time and no bytes.

/// Where the client stands with one server.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// Not connected; a connection will be wanted, now or later.
    Idle,
    /// A transport is being opened.
    Connecting,
    /// Connected; a Register is due.
    Ready,
    /// A Register is under way.
    Registering,
    /// Connected, but the last Register failed; the next has its time.
    Waiting,
    /// Registered: requests of the server are served.
    Registered,
    /// Registered, and an Update is under way.
    Updating,
    /// A De-register is due, once our own request under way is over (TCP-80).
    Leaving,
    /// A De-register is under way.
    Deregistering,
    /// A Release is due.
    Releasing,
    /// The server is to close after our Release (TCP-80).
    Closing,
    /// The transport answers no more: it is to be closed, and another opened (TCP-70).
    Dead,
    /// Nothing more, until the application says so.
    Stopped,
}

/// What moves it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Input {
    /// The application wants to be registered.
    Start,
    /// The application wants to be registered no longer.
    Leave,
    /// The outside was asked for a transport.
    Connect,
    /// A transport is there.
    Connected,
    /// The transport is gone, or could not be had.
    Lost,
    /// A Register has been written.
    RegisterSent,
    /// An Update has been written.
    UpdateSent,
    /// A De-register has been written.
    DeregisterSent,
    /// The server took our request.
    Taken,
    /// The server still knows us, but an Update will have to go again.
    Postponed,
    /// The server did not take it, or it could not be sent.
    Refused,
    /// The server no longer knows us, or should not.
    Forgotten,
    /// Our request was not answered in time.
    Unanswered,
    /// A Release has been written, or cannot be.
    ReleaseSent,
    /// The outside was asked to close the transport.
    Close,
}

impl State {
    /// `None` where an input means nothing: a late answer, a second wish.
    pub(super) const fn next(self, input: Input) -> Option<Self> {
        use Input::*;
        Some(match (self, input) {
            (Self::Idle, Connect) => Self::Connecting,
            (Self::Idle | Self::Connecting, Connected) => Self::Ready,
            (Self::Ready | Self::Waiting, RegisterSent) => Self::Registering,
            (Self::Ready | Self::Waiting | Self::Registering, Refused) => Self::Waiting,
            (Self::Registering, Taken) => Self::Registered,
            (Self::Registering, Forgotten) => Self::Ready,
            (Self::Registered, UpdateSent) => Self::Updating,
            (Self::Updating, Taken) | (Self::Registered | Self::Updating, Postponed) => Self::Registered,
            (Self::Registered | Self::Updating, Forgotten | Refused) => Self::Ready,
            (Self::Registering | Self::Updating, Unanswered) => Self::Dead,

            (Self::Registering | Self::Registered | Self::Updating, Leave) => Self::Leaving,
            (Self::Ready | Self::Waiting | Self::Dead, Leave) => Self::Releasing,
            (Self::Idle | Self::Connecting, Leave) => Self::Stopped,
            (Self::Leaving, DeregisterSent) => Self::Deregistering,
            (Self::Leaving | Self::Deregistering, Taken | Refused | Forgotten | Unanswered) => {
                Self::Releasing
            }
            (Self::Stopped, Connected) => Self::Releasing,
            (Self::Releasing, ReleaseSent) => Self::Closing,

            (Self::Dead, Close) => Self::Idle,
            (Self::Releasing | Self::Closing, Close) => Self::Stopped,
            (Self::Leaving | Self::Deregistering | Self::Releasing | Self::Closing, Lost) => Self::Stopped,
            (Self::Connecting | Self::Ready | Self::Registering | Self::Waiting, Lost) => Self::Idle,
            (Self::Registered | Self::Updating | Self::Dead, Lost) => Self::Idle,
            (Self::Stopped, Start) => Self::Idle,

            (_, _) => return None,
        })
    }

    /// Whether the server may work with the device (REG-68): from its 2.01 to our De-register.
    pub const fn serves(self) -> bool {
        matches!(self, Self::Registered | Self::Updating | Self::Leaving)
    }

    /// Whether a transport exists.
    pub const fn is_connected(self) -> bool {
        !matches!(self, Self::Idle | Self::Connecting | Self::Stopped)
    }
}

#[cfg(test)]
mod tests {
    use super::{Input, State};

    #[test]
    fn every_row_is_as_the_table_in_the_documentation_reads() {
        use Input::*;
        use State::*;
        let states = [
            Idle,
            Connecting,
            Ready,
            Registering,
            Waiting,
            Registered,
            Updating,
            Leaving,
            Deregistering,
            Releasing,
            Closing,
            Dead,
            Stopped,
        ];
        let inputs = [
            Start,
            Leave,
            Connect,
            Connected,
            Lost,
            RegisterSent,
            UpdateSent,
            DeregisterSent,
            Taken,
            Postponed,
            Refused,
            Forgotten,
            Unanswered,
            ReleaseSent,
            Close,
        ];
        for state in states {
            for input in inputs {
                let next = state.next(input);
                match input {
                    // Whatever is under way, the end of the transport and the wish to stop lead out of it.
                    Lost => assert!(!next.unwrap_or(state).is_connected(), "{state:?}"),
                    Leave => assert!(!matches!(
                        next.unwrap_or(state),
                        Idle | Connecting | Ready | Registering | Waiting | Registered | Updating | Dead
                    )),
                    // Only answers make or end a registration.
                    Taken => assert!(next != Some(Registered) || matches!(state, Registering | Updating)),
                    RegisterSent => assert!(next.is_none() || matches!(state, Ready | Waiting)),
                    UpdateSent => assert!(next.is_none() || state == Registered),
                    _ => {}
                }
            }
        }
    }

    #[test]
    fn reg_68_only_a_registered_server_is_served() {
        assert!(State::Registered.serves() && State::Updating.serves() && State::Leaving.serves());
        assert!(!State::Registering.serves() && !State::Ready.serves() && !State::Deregistering.serves());
    }
}
