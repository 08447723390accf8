//! Scripts: how a connection behaves, as text.
//!
//! ```text
//! # T-3.3-6 T-3.3-5  A first message that is no CSM is refused, and nothing of it is served
//! us server
//! peer 0.01 token=01 /t
//! expect 7.05 *
//! closed violation not-csm-first
//! ```
//!
//! The head names the requirements. `---` begins another run. Verbs:
//!
//! | line | means |
//! | --- | --- |
//! | `us client` or `us server`, then settings | we opened, or accepted; `csm-timeout=5s`, `window=64`, ... |
//! | `peer MESSAGE` or `peer raw HEX` | the peer sends; lines in a row may share a read, and are cut anywhere |
//! | `drip 1s MESSAGE` | the peer sends one byte, waits, sends the next ... |
//! | `expect MESSAGE`, `expect raw HEX`, `expect nothing` | the next that we send |
//! | `app COMMAND` | our application acts (see [`Command`]) |
//! | `event WORDS` | our application was told so; words may be left out |
//! | `wait 90s` | time passes |
//! | `stall on`, `stall off` | the peer stops reading; wants `window=` |
//! | `eof`, `reset` | the peer ends its stream; the transport breaks |
//! | `closed WORDS` | the connection is over, for this reason |
//!
//! A message is a code, `token=`, `/path?query`, options by name or number, and `payload=`. Values are numbers,
//! text (quoted where it has spaces or looks like a number), `0x` and hex digits, `n/m/szx` for a block,
//! `900*"a"+2*"b"` for many; `300*7.02` is the same message so often. In `expect`, a value `*` matches any, a
//! word `*` further options and any payload, and `token=$t` or `ETag=$e` takes the value down for later lines.
//! Our first CSM need not be expected.

mod lwm2m;
mod parse;
mod setup;
mod spec;
mod step;
mod words;

pub use lwm2m::Lwm2m;
pub(crate) use parse::is_requirement;
pub use parse::{Run, Script, load};
pub use setup::{Role, Setup};
pub use spec::{Names, Spec};
pub use step::{Behaviour, Command, Expected, Line, Said, Step};
pub(crate) use words::{key_value, words};
