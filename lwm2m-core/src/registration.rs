//! The query parameters of Register and Update, one Uri-Query option each (REG-1).

use core::fmt;
use core::str;

use coap_tcp_core::Buf;
use coap_tcp_core::wire::Decimal;
use thiserror::Error;

use crate::version::{Version, VersionError};

mod binding;

pub use binding::{Binding, Transport};

/// What a client says of itself in the query of a Register or an Update; `None` where it says nothing.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Parameters<'a> {
    /// `ep`: the endpoint name (REG-4).
    pub endpoint: Option<&'a str>,
    /// `lt`: seconds until the registration expires; 0 means never (REG-14).
    pub lifetime: Option<u32>,
    /// `lwm2m`: the enabler version (REG-2).
    pub version: Option<Version>,
    /// `b`: how the client can be reached (REG-5).
    pub binding: Option<Binding>,
    /// `Q`: the client sleeps (REG-7); of a 1.0 client the same, read from `b` (REG-8).
    pub queue: bool,
    /// `sms`: the number for the SMS binding, opaque (REG-9).
    pub sms: Option<&'a str>,
    /// `pid`: the profile that stands for the object list (REG-10).
    pub profile: Option<&'a str>,
}

/// How strictly a server reads parameters. The default is what the digest recommends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Strictness {
    /// Refuse a Register without `lt` from a client of 1.1 or later; else it lasts 86,400 s (REG-3). Default: no.
    pub lifetime_required: bool,
    /// Refuse a Register without `lwm2m`; else the client is taken for 1.0 (REG-3). Default: yes.
    pub version_required: bool,
    /// Refuse a `b` that is absent or lacks `T`: the client did come over TCP (REG-6). Default: no.
    pub tcp_required: bool,
    /// Refuse a `Q` with a value (REG-7). Default: no.
    pub queue_without_value: bool,
    /// Refuse parameters that are not known here (REG-11). Default: no; [`others`] lists them.
    pub known_only: bool,
}

/// The name of a parameter.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Parameter {
    /// `ep`.
    Endpoint,
    /// `lt`.
    Lifetime,
    /// `lwm2m`.
    Version,
    /// `b`.
    Binding,
    /// `Q`.
    Queue,
    /// `sms`.
    Sms,
    /// `pid`.
    Profile,
}

/// Why a query is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum ParameterError {
    /// Not there (REG-3); 4.00.
    #[error("parameter {0} is missing")]
    Missing(Parameter),
    /// There twice (REG-12); 4.00.
    #[error("parameter {0} is repeated")]
    Duplicate(Parameter),
    /// Not a value that it can have; 4.00.
    #[error("parameter {0} has a bad value")]
    Malformed(Parameter),
    /// Not a known name (REG-11), or no text; 4.00.
    #[error("unknown parameter")]
    Unknown,
    /// Well written, not a version that is known here (ERR-11); 4.12.
    #[error("enabler version is not supported")]
    UnsupportedVersion,
}

/// The lifetime of a registration whose client named none (REG-3).
pub const DEFAULT_LIFETIME: u32 = 86_400;

impl<'a> Parameters<'a> {
    /// Reads the query of a Register. `lifetime` and `version` are always there afterwards.
    pub fn register(
        queries: impl IntoIterator<Item = &'a [u8]>,
        strictness: &Strictness,
    ) -> Result<Self, ParameterError> {
        let (mut read, binding) = Self::read(queries, strictness, |_| true)?;
        let version = match read.version {
            None if strictness.version_required => return Err(ParameterError::Missing(Parameter::Version)),
            None => Version::V1_0,
            Some(version) => version,
        };
        // Since 1.1 the parameter is mandatory; 1.0 gave it this default.
        if read.lifetime.is_none() && strictness.lifetime_required && version > Version::V1_0 {
            return Err(ParameterError::Missing(Parameter::Lifetime));
        }
        read.version = Some(version);
        read.lifetime = read.lifetime.or(Some(DEFAULT_LIFETIME));
        read.bind(binding, version)?;
        if strictness.tcp_required && !read.binding.is_some_and(|b| b.contains(Transport::Tcp)) {
            return Err(ParameterError::Malformed(Parameter::Binding));
        }
        Ok(read)
    }

    /// Reads the query of an Update of a registration made with `version`. An Update cannot change `ep` and `lwm2m`:
    /// they count as unknown (REG-50).
    pub fn update(
        queries: impl IntoIterator<Item = &'a [u8]>,
        version: Version,
        strictness: &Strictness,
    ) -> Result<Self, ParameterError> {
        let changeable = |parameter| !matches!(parameter, Parameter::Endpoint | Parameter::Version);
        let (mut read, binding) = Self::read(queries, strictness, changeable)?;
        read.bind(binding, version)?;
        Ok(read)
    }

    /// Hands each parameter and its value, in the order of the fields, to `each`, which makes one Uri-Query option of the
    /// two, with `=` between them where there is a value.
    ///
    /// Toward a 1.0 server queue mode is a letter of `b`, which then names UDP and SMS only and is left out when it would
    /// be empty (REG-8).
    pub fn write<E>(&self, mut each: impl FnMut(Parameter, Option<&[u8]>) -> Result<(), E>) -> Result<(), E> {
        let legacy = self.version == Some(Version::V1_0);
        let lifetime = self.lifetime.map(|lifetime| Decimal::new(lifetime.into()));
        let binding = self.binding.unwrap_or_default();
        let letters = binding.letters();
        let binding = match legacy {
            true => binding.legacy_mode(self.queue).unwrap_or_default().as_bytes(),
            false => letters.as_slice(),
        };
        let text = |text: Option<&'a str>| text.map(|text| Some(text.as_bytes()));
        let all = [
            (Parameter::Endpoint, text(self.endpoint)),
            (Parameter::Lifetime, lifetime.as_ref().map(|digits| Some(digits.as_slice()))),
            (Parameter::Version, text(self.version.map(Version::as_str))),
            (Parameter::Binding, Some(Some(binding)).filter(|_| !binding.is_empty())),
            (Parameter::Queue, (self.queue && !legacy).then_some(None)),
            (Parameter::Sms, text(self.sms)),
            (Parameter::Profile, text(self.profile)),
        ];
        all.into_iter().try_for_each(|(name, value)| value.map_or(Ok(()), |value| each(name, value)))
    }

    /// All but `b`, which cannot be understood before the version is known.
    fn read(
        queries: impl IntoIterator<Item = &'a [u8]>,
        strictness: &Strictness,
        known: impl Fn(Parameter) -> bool,
    ) -> Result<(Self, Option<&'a str>), ParameterError> {
        let (mut read, mut binding) = (Self::default(), None);
        for query in queries {
            let (name, value) = split(query);
            let Some(parameter) = Parameter::named(name).filter(|&parameter| known(parameter)) else {
                if strictness.known_only {
                    return Err(ParameterError::Unknown);
                }
                continue;
            };
            let malformed = ParameterError::Malformed(parameter);
            if parameter == Parameter::Queue {
                if read.queue {
                    return Err(ParameterError::Duplicate(parameter));
                }
                if strictness.queue_without_value && value.is_some() {
                    return Err(malformed);
                }
                read.queue = true;
                continue;
            }
            let value = value
                .and_then(|value| str::from_utf8(value).ok())
                .filter(|v| !v.is_empty())
                .ok_or(malformed)?;
            let repeated = match parameter {
                Parameter::Endpoint => read.endpoint.replace(value).is_some(),
                Parameter::Lifetime => read.lifetime.replace(seconds(value).ok_or(malformed)?).is_some(),
                Parameter::Version => read.version.replace(value.parse()?).is_some(),
                Parameter::Binding => binding.replace(value).is_some(),
                Parameter::Sms => read.sms.replace(value).is_some(),
                Parameter::Profile => read.profile.replace(value).is_some(),
                Parameter::Queue => false,
            };
            if repeated {
                return Err(ParameterError::Duplicate(parameter));
            }
        }
        Ok((read, binding))
    }

    fn bind(&mut self, binding: Option<&str>, version: Version) -> Result<(), ParameterError> {
        let Some(text) = binding else { return Ok(()) };
        let malformed = ParameterError::Malformed(Parameter::Binding);
        let (binding, queue) = Binding::parse(text, version).ok_or(malformed)?;
        self.binding = Some(binding);
        self.queue |= queue;
        Ok(())
    }
}

/// The parameters that LwM2M does not name, as pairs of name and value (REG-11). In an Update, `ep` and `lwm2m` are among
/// those that were ignored but not among these.
pub fn others<'a>(
    queries: impl IntoIterator<Item = &'a [u8]>,
) -> impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)> {
    queries.into_iter().map(split).filter(|(name, _)| Parameter::named(name).is_none())
}

impl Parameter {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Endpoint => "ep",
            Self::Lifetime => "lt",
            Self::Version => "lwm2m",
            Self::Binding => "b",
            Self::Queue => "Q",
            Self::Sms => "sms",
            Self::Profile => "pid",
        }
    }

    fn named(name: &[u8]) -> Option<Self> {
        [Self::Endpoint, Self::Lifetime, Self::Version, Self::Binding, Self::Queue, Self::Sms, Self::Profile]
            .into_iter()
            .find(|parameter| parameter.as_str().as_bytes() == name)
    }
}

impl fmt::Display for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Default for Strictness {
    fn default() -> Self {
        Self {
            lifetime_required: false,
            version_required: true,
            tcp_required: false,
            queue_without_value: false,
            known_only: false,
        }
    }
}

impl From<VersionError> for ParameterError {
    fn from(error: VersionError) -> Self {
        match error {
            VersionError::Malformed => Self::Malformed(Parameter::Version),
            VersionError::Unsupported => Self::UnsupportedVersion,
        }
    }
}

fn split(query: &[u8]) -> (&[u8], Option<&[u8]>) {
    let mut parts = query.splitn(2, |&byte| byte == b'=');
    (parts.next().unwrap_or_default(), parts.next())
}

fn seconds(text: &str) -> Option<u32> {
    // `u32::from_str` alone would take a plus sign.
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests;
