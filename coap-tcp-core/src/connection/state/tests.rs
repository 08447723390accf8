use super::*;

/// All of the table, a row a state: the first letter of the state that follows (`L` for Closed), `.` for the
/// same, `!` for a violation.
#[test]
fn the_table_has_no_surprises() {
    use Input::{Csm, EarlyMessage, Eof, Gone, Message, OurCsm, PeerReleases, Stop, WeRelease};
    let inputs = [OurCsm, Csm, Message, EarlyMessage, PeerReleases, WeRelease, Eof, Stop, Gone];
    let table = [
        (State::Waiting, "S.!...LCL"),
        (State::Starting, ".O!.D.LCL"),
        (State::Open, "....DRDCL"),
        (State::Releasing, "....D.DCL"),
        (State::Draining, ".......CL"),
        (State::Closing, "........L"),
        (State::Closed, "........."),
    ];
    for (state, row) in table {
        for (input, expected) in inputs.into_iter().zip(row.chars()) {
            let got = match state.next(input) {
                Err(Violation::NotCsmFirst) => '!',
                Err(_) => '?',
                Ok(next) if next == state => '.',
                Ok(State::Starting) => 'S',
                Ok(State::Open) => 'O',
                Ok(State::Releasing) => 'R',
                Ok(State::Draining) => 'D',
                Ok(State::Closing) => 'C',
                Ok(State::Closed) => 'L',
                Ok(State::Waiting) => 'W',
            };
            assert_eq!(got, expected, "{state:?} and {input:?}");
        }
    }
}
