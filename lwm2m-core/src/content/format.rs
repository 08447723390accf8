//! The numbers of Content-Format and Accept (G.1, FMT-1).

use core::fmt;

/// A content format, known here or not.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ContentFormat(pub u16);

impl ContentFormat {
    /// One value as text.
    pub const TEXT: Self = Self(0);
    /// Links: Register, Discover.
    pub const LINK: Self = Self(40);
    /// One Opaque value as it is (FMT-16).
    pub const OPAQUE: Self = Self(42);
    /// One value as a CBOR item (FMT-17).
    pub const CBOR: Self = Self(60);
    /// Records of names and values in JSON.
    pub const SENML_JSON: Self = Self(110);
    /// Records of names and values in CBOR.
    pub const SENML_CBOR: Self = Self(112);
    /// SenML in JSON whose values may be missing or null (FMT-37).
    pub const SENML_ETCH_JSON: Self = Self(320);
    /// SenML in CBOR whose values may be missing or null (FMT-37).
    pub const SENML_ETCH_CBOR: Self = Self(322);
    /// Nested type, length, value; the only structured format that LwM2M 1.0 demands.
    pub const TLV: Self = Self(11542);
    /// The JSON of LwM2M 1.0, which later clients must not send (FMT-3).
    pub const JSON: Self = Self(11543);
    /// Nested maps of CBOR; LwM2M 1.2.
    pub const LWM2M_CBOR: Self = Self(11544);

    /// The media type; `None` where the number is not one of LwM2M's.
    pub const fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::TEXT => "text/plain",
            Self::LINK => "application/link-format",
            Self::OPAQUE => "application/octet-stream",
            Self::CBOR => "application/cbor",
            Self::SENML_JSON => "application/senml+json",
            Self::SENML_CBOR => "application/senml+cbor",
            Self::SENML_ETCH_JSON => "application/senml-etch+json",
            Self::SENML_ETCH_CBOR => "application/senml-etch+cbor",
            Self::TLV => "application/vnd.oma.lwm2m+tlv",
            Self::JSON => "application/vnd.oma.lwm2m+json",
            Self::LWM2M_CBOR => "application/vnd.oma.lwm2m+cbor",
            _ => return None,
        })
    }

    /// Whether it can carry more than one value, each with its path (DM-1).
    pub const fn is_structured(self) -> bool {
        !matches!(self, Self::TEXT | Self::LINK | Self::OPAQUE | Self::CBOR) && self.name().is_some()
    }
}

impl fmt::Display for ContentFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "content format {}", self.0),
        }
    }
}
