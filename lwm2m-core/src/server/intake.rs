//! What a Register or an Update says, judged before anything changes (A.1, A.2, J).

use coap_tcp_core::wire::{Code, Message, OptionNumber};

use super::config::Config;
use super::registration::{Objects, RegistrationId};
use crate::content::ContentFormat;
use crate::content::link::ObjectList;
use crate::registration::{ParameterError, Parameters};
use crate::version::Version;

/// What a request on the registration interface is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Request {
    Register,
    Update(RegistrationId),
    Deregister(RegistrationId),
}

/// A Register that can be taken, as far as it alone tells.
#[derive(Debug)]
pub(super) struct Register<'m> {
    pub(super) endpoint: &'m str,
    pub(super) version: Version,
    pub(super) lifetime: u32,
    pub(super) parameters: Parameters<'m>,
    pub(super) listed: Objects,
}

impl Request {
    /// 4.04 for every path but ours, 4.05 for every method but theirs (ERR-14, ERR-15, ERR-24).
    pub(super) fn of(message: &Message<'_>) -> Result<Self, Code> {
        let mut path = message.path();
        match (path.next(), path.next(), path.next()) {
            (Some(b"rd"), None, None) if message.code == Code::POST => Ok(Self::Register),
            (Some(b"rd"), None, None) => Err(Code::METHOD_NOT_ALLOWED),
            (Some(b"rd"), Some(id), None) => {
                let id = RegistrationId::parse(id).ok_or(Code::NOT_FOUND)?;
                match message.code {
                    Code::POST => Ok(Self::Update(id)),
                    Code::DELETE => Ok(Self::Deregister(id)),
                    _ => Err(Code::METHOD_NOT_ALLOWED),
                }
            }
            _ => Err(Code::NOT_FOUND),
        }
    }
}

/// Reads a Register from a connection whose security context names `identity`.
pub(super) fn register<'m>(
    message: &Message<'m>,
    identity: Option<&'m str>,
    config: &Config,
) -> Result<Register<'m>, Code> {
    check_payload(message, config)?;
    let parameters = Parameters::register(message.query(), &config.strictness).map_err(refuse)?;
    let version = parameters.version.unwrap_or(Version::V1_0);
    if version < config.oldest || version > config.newest {
        return Err(Code::PRECONDITION_FAILED);
    }
    // REG-4, SEC-20: a name that the security context does not bear is refused, a missing one is taken from it.
    let endpoint = parameters.endpoint.or(identity).ok_or(Code::BAD_REQUEST)?;
    if identity.is_some_and(|identity| identity != endpoint) {
        return Err(Code::BAD_REQUEST);
    }
    if message.payload.is_empty() {
        // No profile is known here (REG-10), and without one the list is mandatory (REG-28).
        return Err(if parameters.profile.is_some() { Code::CONFLICT } else { Code::BAD_REQUEST });
    }
    let listed = objects(message.payload, config)?;
    (config.authorize)(endpoint, identity)?;
    let lifetime = parameters.lifetime.unwrap_or(crate::registration::DEFAULT_LIFETIME);
    Ok(Register { endpoint, version, lifetime, parameters, listed })
}

/// Reads an Update of a registration made with `version`.
pub(super) fn update<'m>(
    message: &Message<'m>,
    version: Version,
    config: &Config,
) -> Result<(Parameters<'m>, Option<Objects>), Code> {
    check_payload(message, config)?;
    let parameters = Parameters::update(message.query(), version, &config.strictness).map_err(refuse)?;
    let listed = match message.payload {
        [] => None,
        payload => Some(objects(payload, config)?),
    };
    Ok((parameters, listed))
}

/// REG-27, REG-29. A payload without a format is taken for what it must be.
fn check_payload(message: &Message<'_>, config: &Config) -> Result<(), Code> {
    if message.payload.len() > config.max_payload {
        return Err(Code::REQUEST_ENTITY_TOO_LARGE);
    }
    match message.uint(OptionNumber::CONTENT_FORMAT) {
        Some(format) if format != u32::from(ContentFormat::LINK.0) && !message.payload.is_empty() => {
            Err(Code::UNSUPPORTED_CONTENT_FORMAT)
        }
        _ => Ok(()),
    }
}

fn objects(payload: &[u8], config: &Config) -> Result<Objects, Code> {
    let list = ObjectList::parse(payload).map_err(|_| Code::BAD_REQUEST)?;
    match list.iter().nth(config.max_links) {
        Some(_) => Err(Code::REQUEST_ENTITY_TOO_LARGE),
        None => Ok(list.into()),
    }
}

fn refuse(error: ParameterError) -> Code {
    match error {
        ParameterError::UnsupportedVersion => Code::PRECONDITION_FAILED,
        ParameterError::Missing(_)
        | ParameterError::Duplicate(_)
        | ParameterError::Malformed(_)
        | ParameterError::Unknown => Code::BAD_REQUEST,
    }
}
