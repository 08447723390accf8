//! The transports by which a client can be reached: `b`, /3/0/16, /1/x/7.

use core::fmt;

use coap_tcp_core::{Buf, Fixed};

use crate::version::Version;

/// A transport; its discriminant is its bit in a [`Binding`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Transport {
    /// `U`.
    Udp = 1,
    /// `T`; LwM2M 1.1.
    Tcp = 2,
    /// `S`.
    Sms = 4,
    /// `N`: the non-IP transports; LwM2M 1.1.
    NonIp = 8,
    /// `M`; LwM2M 1.2.
    Mqtt = 16,
    /// `H`; LwM2M 1.2.
    Http = 32,
}

/// A set of transports (REG-5). Without order: `UT` and `TU` are the same set, written `UT`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub struct Binding(u8);

impl Transport {
    const ALL: [Self; 6] = [Self::Udp, Self::Tcp, Self::Sms, Self::NonIp, Self::Mqtt, Self::Http];

    /// Its letter.
    pub const fn letter(self) -> char {
        match self {
            Self::Udp => 'U',
            Self::Tcp => 'T',
            Self::Sms => 'S',
            Self::NonIp => 'N',
            Self::Mqtt => 'M',
            Self::Http => 'H',
        }
    }

    /// The transport of a letter, as also /1/x/22 and the Registration Update Trigger name it (REG-103).
    pub fn from_letter(letter: char) -> Option<Self> {
        Self::ALL.into_iter().find(|transport| transport.letter() == letter)
    }

    /// The first enabler version that has it (REG-100).
    pub const fn since(self) -> Version {
        match self {
            Self::Udp | Self::Sms => Version::V1_0,
            Self::Tcp | Self::NonIp => Version::V1_1,
            Self::Mqtt | Self::Http => Version::V1_2,
        }
    }
}

impl Binding {
    /// No transport at all, which is not a legal value of `b`.
    pub const EMPTY: Self = Self(0);
    /// TCP alone.
    pub const TCP: Self = Self::EMPTY.with(Transport::Tcp);

    /// The same set and `transport`.
    pub const fn with(self, transport: Transport) -> Self {
        Self(self.0 | transport as u8)
    }

    /// Whether `transport` is in the set.
    pub const fn contains(self, transport: Transport) -> bool {
        self.0 & transport as u8 != 0
    }

    /// What is in both sets (REG-101).
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether nothing is in the set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The transports, in the order in which they are written.
    pub fn iter(self) -> impl Iterator<Item = Transport> {
        Transport::ALL.into_iter().filter(move |&transport| self.contains(transport))
    }

    /// Reads the letters that `version` knows: not empty, none twice. Of 1.0 they may say queue mode, the second half of
    /// the result (REG-8).
    pub fn parse(text: &str, version: Version) -> Option<(Self, bool)> {
        if version == Version::V1_0 {
            let legal = matches!(text, "U" | "UQ" | "S" | "SQ" | "US" | "UQS");
            let letters = legal.then(|| text.chars().filter(|&letter| letter != 'Q'))?;
            return Some((
                letters.filter_map(Transport::from_letter).fold(Self::EMPTY, Self::with),
                text.contains('Q'),
            ));
        }
        let set = text.chars().try_fold(Self::EMPTY, |set, letter| {
            let transport =
                Transport::from_letter(letter).filter(|transport| transport.since() <= version)?;
            (!set.contains(transport)).then(|| set.with(transport))
        })?;
        (!set.is_empty()).then_some((set, false))
    }

    /// The string of 1.0 for the part of the set that 1.0 has (REG-8).
    pub(super) fn legacy_mode(self, queue: bool) -> Option<&'static str> {
        match (self.contains(Transport::Udp), self.contains(Transport::Sms), queue) {
            (true, false, false) => Some("U"),
            (true, false, true) => Some("UQ"),
            (false, true, false) => Some("S"),
            (false, true, true) => Some("SQ"),
            (true, true, false) => Some("US"),
            (true, true, true) => Some("UQS"),
            (false, false, _) => None,
        }
    }

    /// The letters, in the order in which they are written.
    pub(super) fn letters(self) -> Fixed<6> {
        let mut letters = Fixed::new();
        for transport in self.iter() {
            // There are six transports.
            let _ = letters.append(&[transport.letter() as u8]);
        }
        letters
    }
}

impl fmt::Display for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write;
        self.iter().try_for_each(|transport| f.write_char(transport.letter()))
    }
}
