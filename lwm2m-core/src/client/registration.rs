//! The registration interface as it is written (A.1, A.2) and answered (A.3).

use coap_tcp_core::wire::{OptionNumber, Writer};
use coap_tcp_core::{Buf, Code, Fixed, Full, Instant, Message, Peer, RequestId, SendError, Slots};

use super::config::Config;
use super::event::Op;
use crate::content::{ContentFormat, FORMATS, WriteError, link};
use crate::objects::Objects;
use crate::registration::{Parameter, Parameters};
use crate::version::Version;

/// What a Location-Path may need: one byte and its length for each segment. `/rd/` and an id of 60 characters fit;
/// Leshan's takes 14.
pub const LOCATION_CAPACITY: usize = 64;

/// Where a registration lives: the segments that the server named, byte for byte (REG-30).
#[derive(Clone, Copy, Debug)]
pub(super) struct Location {
    bytes: [u8; LOCATION_CAPACITY],
    len: usize,
}

impl Location {
    pub(super) const NONE: Self = Self { bytes: [0; LOCATION_CAPACITY], len: 0 };
    /// Where one registers.
    const RD: Self = {
        let mut bytes = [0; LOCATION_CAPACITY];
        [bytes[0], bytes[1], bytes[2]] = *b"\x02rd";
        Self { bytes, len: 3 }
    };

    /// `None` where there is no Location-Path (REG-31), or one that does not fit.
    pub(super) fn read(answer: &Message<'_>) -> Option<Self> {
        let mut location = Self::NONE;
        for segment in answer.all(OptionNumber::LOCATION_PATH) {
            let (len, rest) = location.bytes.get_mut(location.len..)?.split_first_mut()?;
            *len = u8::try_from(segment.len()).ok()?;
            rest.get_mut(..segment.len())?.copy_from_slice(segment);
            location.len += 1 + segment.len();
        }
        (location.len > 0).then_some(location)
    }

    pub(super) const fn is_none(&self) -> bool {
        self.len == 0
    }

    fn segments(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = self.bytes.get(..self.len).unwrap_or_default();
        core::iter::from_fn(move || {
            let (len, behind) = rest.split_first()?;
            let (segment, behind) = behind.split_at_checked(usize::from(*len))?;
            rest = behind;
            Some(segment)
        })
    }
}

/// What an Update says: only what is new (REG-40).
#[derive(Clone, Copy, Debug)]
pub(super) struct Changes {
    pub(super) lifetime: Option<u32>,
    pub(super) list: bool,
}

pub(super) fn register<S: Slots<Tag = Op>, T: Buf + ?Sized>(
    now: Instant,
    config: &Config<'_>,
    version: Version,
    lifetime: u32,
    objects: &dyn Objects,
    peer: &mut Peer<'_, '_, S, T>,
) -> Result<RequestId, SendError> {
    let parameters = Parameters {
        endpoint: Some(config.endpoint),
        lifetime: Some(lifetime),
        version: Some(version),
        binding: Some(config.binding),
        queue: config.queue,
        ..Parameters::default()
    };
    post(now, &Location::RD, &parameters, Some(objects), Op::Register, peer)
}

pub(super) fn update<S: Slots<Tag = Op>, T: Buf + ?Sized>(
    now: Instant,
    location: &Location,
    changes: Changes,
    objects: &dyn Objects,
    peer: &mut Peer<'_, '_, S, T>,
) -> Result<RequestId, SendError> {
    let parameters = Parameters { lifetime: changes.lifetime, ..Parameters::default() };
    post(now, location, &parameters, changes.list.then_some(objects), Op::Update, peer)
}

/// A Register or an Update, with the object list or without.
fn post<S: Slots<Tag = Op>, T: Buf + ?Sized>(
    now: Instant,
    to: &Location,
    parameters: &Parameters<'_>,
    objects: Option<&dyn Objects>,
    op: Op,
    peer: &mut Peer<'_, '_, S, T>,
) -> Result<RequestId, SendError> {
    let mut request = peer.request(now, Code::POST)?.within(None);
    request.options(OptionNumber::URI_PATH, to.segments())?;
    if objects.is_some() {
        request.uint(OptionNumber::CONTENT_FORMAT, ContentFormat::LINK.0.into())?;
    }
    parameters.write(|name, value| query(&mut request, name, value))?;
    if let Some(objects) = objects {
        request.payload_with(|buf| list(objects, buf)).map_err(not_written)?;
    }
    request.finish(op)
}

pub(super) fn deregister<S: Slots<Tag = Op>, T: Buf + ?Sized>(
    now: Instant,
    location: &Location,
    peer: &mut Peer<'_, '_, S, T>,
) -> Result<RequestId, SendError> {
    let mut request = peer.request(now, Code::DELETE)?.within(None);
    request.options(OptionNumber::URI_PATH, location.segments())?;
    request.finish(Op::Deregister)
}

/// The object list (REG-20 to REG-24).
fn list(objects: &dyn Objects, buf: &mut dyn Buf) -> Result<(), WriteError> {
    let mut links = link::Writer::new(buf);
    links.root(FORMATS)?;
    for object in objects.schema() {
        links.object(object.id, object.version, |each| objects.instances(object.id, each))?;
    }
    Ok(())
}

/// One Uri-Query option.
fn query<T: Buf + ?Sized>(
    request: &mut Writer<'_, T>,
    name: Parameter,
    value: Option<&[u8]>,
) -> Result<(), SendError> {
    let equals: &[u8] = if value.is_some() { b"=" } else { b"" };
    let mut line = Fixed::<255>::new();
    let parts = [name.as_str().as_bytes(), equals, value.unwrap_or_default()];
    // More than an option of its kind can hold will fit no buffer.
    let fits = parts.into_iter().try_for_each(|part| line.append(part));
    fits.map_err(|Full| SendError::TooLarge { limit: 255 })?;
    request.option(OptionNumber::URI_QUERY, line.as_slice())?;
    Ok(())
}

fn not_written(error: WriteError) -> SendError {
    match error {
        WriteError::Full => SendError::Full,
        WriteError::Outside | WriteError::Order | WriteError::Form => SendError::Order,
    }
}
