//! One registration, as it is kept.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use coap_tcp_core::{Instant, RequestId};

use crate::content::ContentFormat;
use crate::content::link::{Listed, ObjectList};
use crate::path::Path;
use crate::registration::{Binding, Parameters};
use crate::version::{ObjectVersion, Version};

/// Names a registration. Never names another one, and cannot be guessed: it is what the location says (SEC-31).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RegistrationId(pub(super) u64);

/// What a server knows of a device that has registered.
#[derive(Debug)]
pub struct Registration<K> {
    pub(super) id: RegistrationId,
    pub(super) endpoint: Box<str>,
    pub(super) identity: Option<Box<str>>,
    pub(super) connection: Option<K>,
    pub(super) version: Version,
    pub(super) lifetime: u32,
    pub(super) binding: Option<Binding>,
    pub(super) queue: bool,
    pub(super) sms: Option<Box<str>>,
    pub(super) others: Vec<Other>,
    pub(super) listed: Objects,
    /// `None`: never.
    pub(super) expires: Option<Instant>,
    /// When it is removed: [`Registration::expires`] and grace.
    pub(super) removal: Option<Instant>,
    pub(super) observations: Vec<Observation>,
}

/// A parameter that LwM2M does not name: `name=value`, or `name` alone.
pub(super) type Other = (Box<[u8]>, Option<Box<[u8]>>);

/// What an object list said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Objects {
    pub(super) root: Box<str>,
    pub(super) formats: Vec<ContentFormat>,
    pub(super) paths: Vec<Listed>,
}

/// An observation that was asked for, and not ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Observation {
    pub(super) request: RequestId,
    pub(super) path: Path,
    pub(super) accept: Option<ContentFormat>,
    pub(super) handle: u64,
    /// The device has said yes.
    pub(super) established: bool,
    /// It has been told to stop.
    pub(super) cancelled: bool,
}

/// What an Update has changed (REG-50).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Changes {
    /// The lifetime.
    pub lifetime: bool,
    /// The binding.
    pub binding: bool,
    /// Queue mode, which an Update can only switch on (QUE-14).
    pub queue: bool,
    /// The number for SMS.
    pub sms: bool,
    /// The objects, or what else the object list says.
    pub objects: bool,
    /// The connection: requests go to the new one from now on (TCP-12).
    pub connection: bool,
}

impl<K: Copy> Registration<K> {
    /// Its name, which is also in the location.
    pub const fn id(&self) -> RegistrationId {
        self.id
    }

    /// The endpoint name.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Whom the security context of the connection named, when it was made.
    pub fn identity(&self) -> Option<&str> {
        self.identity.as_deref()
    }

    /// Where it can be reached; `None` after the connection was lost.
    pub const fn connection(&self) -> Option<K> {
        self.connection
    }

    /// The enabler version.
    pub const fn version(&self) -> Version {
        self.version
    }

    /// Seconds from one Update to the next; 0: for ever.
    pub const fn lifetime(&self) -> u32 {
        self.lifetime
    }

    /// What the device said of its transports, whatever it uses (REG-6).
    pub const fn binding(&self) -> Option<Binding> {
        self.binding
    }

    /// It sleeps (REG-7).
    pub const fn queue(&self) -> bool {
        self.queue
    }

    /// Its number for SMS (REG-9).
    pub fn sms(&self) -> Option<&str> {
        self.sms.as_deref()
    }

    /// Parameters of the Register that LwM2M does not name (REG-11).
    pub fn others(&self) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        self.others.iter().map(|(name, value)| (&**name, value.as_deref()))
    }

    /// What stands before every path (REG-23); empty, or such as `/lwm2m`.
    pub fn root(&self) -> &str {
        &self.listed.root
    }

    /// The formats that the device reads and writes, if it said so (REG-22).
    pub fn formats(&self) -> &[ContentFormat] {
        &self.listed.formats
    }

    /// Its objects and instances, in the order of the list.
    pub fn objects(&self) -> &[Listed] {
        &self.listed.paths
    }

    /// The version of an object's definition, said or assumed (OBJ-3); `None` where the device does not have it.
    pub fn object_version(&self, object: u16) -> Option<ObjectVersion> {
        let mut listed =
            self.objects().iter().filter(|listed| listed.path.object() == Some(object)).peekable();
        listed.peek()?;
        let said = listed.find_map(|listed| listed.version);
        Some(said.unwrap_or(ObjectVersion::assumed(object, self.version)))
    }

    /// The format to ask for: the first structured one of those that the device named and that can be read here, else
    /// by version (FMT-4).
    pub fn preferred_format(&self) -> ContentFormat {
        let readable = [ContentFormat::SENML_CBOR, ContentFormat::TLV];
        let named = readable.into_iter().find(|format| self.formats().contains(format));
        let assumed =
            if self.version == Version::V1_0 { ContentFormat::TLV } else { ContentFormat::SENML_CBOR };
        named.unwrap_or(assumed)
    }

    /// Whether its lifetime has not passed. Grace does not count (REG-65).
    pub fn is_alive(&self, now: Instant) -> bool {
        self.expires.is_none_or(|expires| now < expires)
    }

    pub(super) fn observation(&mut self, request: RequestId) -> Option<&mut Observation> {
        self.observations.iter_mut().find(|observation| observation.request == request)
    }

    /// Takes over what an Update says, and tells what is new by it.
    pub(super) fn update(&mut self, parameters: &Parameters<'_>, listed: Option<Objects>) -> Changes {
        let mut changes = Changes::default();
        if let Some(lifetime) = parameters.lifetime {
            changes.lifetime = core::mem::replace(&mut self.lifetime, lifetime) != lifetime;
        }
        if let Some(binding) = parameters.binding {
            changes.binding = self.binding.replace(binding) != Some(binding);
        }
        if let Some(sms) = parameters.sms {
            changes.sms = self.sms.replace(sms.into()).as_deref() != Some(sms);
        }
        if parameters.queue {
            changes.queue = !core::mem::replace(&mut self.queue, true);
        }
        if let Some(listed) = listed {
            changes.objects = self.listed != listed;
            self.listed = listed;
        }
        changes
    }
}

impl From<ObjectList<'_>> for Objects {
    fn from(list: ObjectList<'_>) -> Self {
        let listable = |listed: &Listed| listed.path.object().is_some_and(crate::content::link::is_listable);
        Self {
            root: list.root().into(),
            formats: list.formats().collect(),
            paths: list.iter().filter(listable).collect(),
        }
    }
}

impl RegistrationId {
    /// The last segment of its location.
    pub(super) fn digits(self) -> [u8; 16] {
        let mut shift = 64;
        [(); 16].map(|()| {
            shift -= 4;
            match (self.0 >> shift & 15) as u8 {
                digit @ 0..=9 => b'0' + digit,
                digit => b'a' - 10 + digit,
            }
        })
    }

    /// From the last segment of a location.
    pub(super) fn parse(segment: &[u8]) -> Option<Self> {
        let canonical = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let text = core::str::from_utf8(segment).ok().filter(|_| segment.iter().all(canonical))?;
        (text.len() == 16).then(|| u64::from_str_radix(text, 16).ok()).flatten().map(Self)
    }
}

/// As the location has it.
impl fmt::Display for RegistrationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Not the whole of it: who knows it can De-register the device.
impl fmt::Debug for RegistrationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04x}..", self.0 >> 48)
    }
}
