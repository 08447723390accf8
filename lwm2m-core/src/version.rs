//! Versions: of the enabler that a client speaks, and of an object's definition.

use core::fmt;
use core::str::FromStr;

use thiserror::Error;

/// The LwM2M enabler version of a registration, the value of `lwm2m` (REG-2). 1.1.1 is written, and counts, as 1.1.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Version {
    /// LwM2M 1.0.
    V1_0,
    /// LwM2M 1.1 and 1.1.1.
    V1_1,
    /// LwM2M 1.2 and its maintenance releases.
    V1_2,
}

/// Why a version cannot be used.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum VersionError {
    /// Not `major.minor`; 4.00 to a Register (ERR-11).
    #[error("version is not written as major.minor")]
    Malformed,
    /// Well written, not known here; 4.12 to a Register (ERR-11).
    #[error("version is not supported")]
    Unsupported,
}

impl Version {
    /// The form that goes on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V1_0 => "1.0",
            Self::V1_1 => "1.1",
            Self::V1_2 => "1.2",
        }
    }
}

impl FromStr for Version {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, VersionError> {
        match text {
            "1.0" => Ok(Self::V1_0),
            "1.1" => Ok(Self::V1_1),
            "1.2" => Ok(Self::V1_2),
            _ => Err(major_minor(text).map_or(VersionError::Malformed, |_| VersionError::Unsupported)),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The version of an object's definition, the value of `ver` (REG-24). The same major means compatible (OBJ-1).
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ObjectVersion {
    /// Raised when old readers would misunderstand.
    pub major: u8,
    /// Raised when something optional was added.
    pub minor: u8,
}

impl ObjectVersion {
    /// 1.0, which an object has when nothing says otherwise.
    pub const V1_0: Self = Self::new(1, 0);

    /// `major.minor`.
    pub const fn new(major: u8, minor: u8) -> Self {
        Self { major, minor }
    }

    /// What a Register without `ver` means for `object` (OBJ-3).
    ///
    /// Where the sources differ (1.1 against 1.1.1, releases of 1.2: DBT-6) this is the lower minor, which OBJ-1 makes
    /// the safe reading. A client that always sends `ver` for anything but 1.0 never depends on it.
    pub const fn assumed(object: u16, enabler: Version) -> Self {
        match (enabler, object) {
            (Version::V1_1, 0 | 1 | 4) | (Version::V1_2, 2 | 3 | 5 | 21) => Self::new(1, 1),
            (Version::V1_2, 0 | 1 | 4) => Self::new(1, 2),
            _ => Self::V1_0,
        }
    }
}

impl FromStr for ObjectVersion {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, VersionError> {
        major_minor(text).ok_or(VersionError::Malformed)
    }
}

impl fmt::Display for ObjectVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

fn major_minor(text: &str) -> Option<ObjectVersion> {
    // `u8::from_str` alone would take a sign.
    let number =
        |digits: &str| digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok()).flatten();
    let (major, minor) = text.split_once('.')?;
    Some(ObjectVersion::new(number(major)?, number(minor)?))
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn err_11_unknown_versions_differ_from_malformed_ones() {
        for (text, expected) in [
            ("1.0", Ok(Version::V1_0)),
            ("1.1", Ok(Version::V1_1)),
            ("1.2", Ok(Version::V1_2)),
            ("9.9", Err(VersionError::Unsupported)),
            ("1.3", Err(VersionError::Unsupported)),
            ("1.1.1", Err(VersionError::Malformed)),
            ("abc", Err(VersionError::Malformed)),
            ("+1.1", Err(VersionError::Malformed)),
            ("1.", Err(VersionError::Malformed)),
            ("", Err(VersionError::Malformed)),
        ] {
            assert_eq!(text.parse(), expected, "{text}");
        }
        assert_eq!(Version::V1_1.to_string(), "1.1");
    }

    #[test]
    fn reg_24_object_versions_are_two_numbers() {
        assert_eq!("2.2".parse(), Ok(ObjectVersion::new(2, 2)));
        assert_eq!(ObjectVersion::new(2, 2).to_string(), "2.2");
        for wrong in ["", "1", "1.", ".1", "1.0.0", "a.b", "1.256", "-1.0", "1.+0"] {
            assert_eq!(wrong.parse::<ObjectVersion>(), Err(VersionError::Malformed), "{wrong}");
        }
    }

    #[test]
    fn obj_3_a_missing_version_follows_the_enabler() {
        let assumed = |object, enabler| ObjectVersion::assumed(object, enabler).to_string();
        for (object, expected) in [(0, ["1.0", "1.1", "1.2"]), (3, ["1.0", "1.0", "1.1"]), (6, ["1.0"; 3])] {
            let versions = [Version::V1_0, Version::V1_1, Version::V1_2];
            assert_eq!(versions.map(|enabler| assumed(object, enabler)), expected, "{object}");
        }
        assert_eq!(assumed(3303, Version::V1_2), "1.0");
    }
}
