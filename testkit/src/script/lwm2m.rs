//! What an LwM2M application does of its own accord.

use super::words::key_value;

/// Of a device: `measure 21.5`, `update`, `deregister`. Of a server, of the device that is registered: `read /3/0/0 tag=1`,
/// `observe /3303/0/5700 tag=2`.
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs, reason = "as the language has it")]
pub enum Lwm2m {
    Measure(f64),
    Update,
    Deregister,
    Read { tag: u32, path: String },
    Observe { tag: u32, path: String },
}

impl Lwm2m {
    /// `None`: none of these.
    pub(super) fn parse(words: &[String]) -> Option<Self> {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let tag = |word: &str| match key_value(word) {
            ("tag", Some(tag)) => tag.parse().ok(),
            _ => None,
        };
        match words.as_slice() {
            ["measure", value] => value.parse().ok().map(Self::Measure),
            ["update"] => Some(Self::Update),
            ["deregister"] => Some(Self::Deregister),
            ["read", path, word] => Some(Self::Read { tag: tag(word)?, path: (*path).to_owned() }),
            ["observe", path, word] => Some(Self::Observe { tag: tag(word)?, path: (*path).to_owned() }),
            _ => None,
        }
    }

    /// Comes back with the answer.
    pub const fn tag(&self) -> Option<u32> {
        match self {
            Self::Read { tag, .. } | Self::Observe { tag, .. } => Some(*tag),
            Self::Measure(_) | Self::Update | Self::Deregister => None,
        }
    }
}
