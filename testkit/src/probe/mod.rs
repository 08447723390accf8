//! A black-box prober: what an implementation that we know nothing of does on the wire, requirement by requirement.
//!
//! The probes (`testkit/probes`) are in the language of the [scripts](crate::script): `us` is the implementation
//! under test, `peer` says what the prober sends.
//!
//! ```text
//! # T-5.6-1 V55 MUST  An unknown critical option in a CSM ends the connection, and is named
//! us either
//! peer raw 10 E1 10
//! expect 7.05 Bad-CSM-Option=1 *
//! closed
//! or differs
//! expect 7.05 *
//! closed
//! ```
//!
//! A probe begins with its head: requirements, a level, a title. What is not as expected is a failure where the
//! level is MUST or SHOULD, and a difference where it is MAY or DESIGN. `us` is `server`, `client` or `either`,
//! and may name [conditions](Condition). `---` begins a further connection. Verbs:
//!
//! | line | means |
//! | --- | --- |
//! | `peer MESSAGE`, `peer raw HEX` | sent; lines in a row go out in one write |
//! | `drip MESSAGE` | sent byte by byte |
//! | `fill N` | a POST of just the size that the peer's CSM allows, plus N bytes |
//! | `eof` | our stream ends |
//! | `given PATTERN` | waits for it; without it the probe says nothing |
//! | `expect PATTERN` | lines in a row: all of them come, in any order, and nothing else |
//! | `closed` | the peer ends its stream |
//! | `or pass`, `or differs` | what else may come instead of the expectation above, and what it is then |
//!
//! A pattern is a message as in scripts, or `response`, `error` (4.xx or 5.xx), `same` (the code that a GET of the
//! path had before), each with nothing but a token behind it; before it may stand `first` (nothing came earlier on
//! this connection) and `at-most=128` (bytes of the frame). `{path}` is the path of the resource that is asked for.
//! What a peer may say at any time (CSM, Ping, Empty, requests) is passed over where it is not expected.

mod judge;
mod limits;
mod outcome;
mod report;
mod script;
mod talk;
mod tcp;
mod verdict;
mod wire;

pub use judge::{Survey, judge};
pub use report::{Report, Tally};
pub use script::{Condition, Probe, all};
pub use tcp::{Caller, Host, Times};
pub use verdict::{Level, Verdict};
pub use wire::{Heard, Lost, Meeting, Missed, Wire};
