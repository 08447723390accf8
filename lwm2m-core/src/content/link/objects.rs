//! The object list of Register and Update (REG-20 to REG-28).

use super::reader::{AttributeValue, Link, LinkError, Links};
use crate::content::format::ContentFormat;
use crate::path::Path;
use crate::version::ObjectVersion;

/// An object list that was checked once, to be walked as often as needed. Borrows the payload; keeps nothing.
///
/// Links that are not below the root and do not begin with a number are accepted and passed over (REG-25); [`Links`] has
/// them. That the payload is there at all, its format and its size are the caller's to judge (REG-27 to REG-29).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ObjectList<'a> {
    payload: &'a [u8],
    root: &'a str,
    formats: Option<AttributeValue<'a>>,
}

/// An object or an instance that a client has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Listed {
    /// Depth 1 or 2.
    pub path: Path,
    /// The version of the object; on an instance it means the same (REG-24).
    pub version: Option<ObjectVersion>,
}

/// Links looked at again for objects that are not in order; those that ascend cost none. About a hundredth of a second.
const PATIENCE: u32 = 100_000;

/// Whether a client may list `object`: Security, OSCORE and COSE are between it and the bootstrap server (REG-21). A
/// server ignores them in a list.
pub const fn is_listable(object: u16) -> bool {
    !matches!(object, 0 | 21 | 23)
}

impl<'a> ObjectList<'a> {
    /// Checks every link, and finds the root.
    pub fn parse(payload: &'a [u8]) -> Result<Self, LinkError> {
        let (mut declared, mut plain) = (None, None);
        for link in Links::new(payload) {
            let link = link?;
            if declares_root(&link) {
                if declared.replace(link).is_some() {
                    return Err(LinkError::Root);
                }
            } else if link.target == "/" {
                plain = plain.or(Some(link));
            }
        }
        let root = declared.map_or(Ok(""), |link| alternate_path(link.target))?;
        let formats = declared.or(plain).and_then(|link| link.attribute("ct"));
        let list = Self { payload, root, formats };
        if formats.is_some_and(|value| numbers(value).any(|number| number.is_none())) {
            return Err(LinkError::Formats);
        }
        list.links().try_for_each(|link| listed(&link, root).map(drop))?;
        Ok(list)
    }

    /// What to put before every path of device management: empty, or such as `/lwm2m` (REG-23).
    pub fn root(&self) -> &'a str {
        self.root
    }

    /// The formats of `ct`; none where the client does not say (REG-22). That one of them is not for the client's version
    /// (FMT-3) is the caller's to see.
    pub fn formats(&self) -> impl Iterator<Item = ContentFormat> {
        self.formats.into_iter().flat_map(numbers).flatten().map(ContentFormat)
    }

    /// The objects and instances, in the order of the payload.
    pub fn iter(&self) -> impl Iterator<Item = Listed> {
        let root = self.root;
        self.links().filter_map(move |link| listed(&link, root).ok().flatten())
    }

    /// The version of `object`: the first that the list gives (REG-24).
    pub fn version(&self, object: u16) -> Option<ObjectVersion> {
        self.iter().filter(|listed| listed.path.object() == Some(object)).find_map(|listed| listed.version)
    }

    /// For a strict server: refuses two versions of one object (REG-24).
    pub fn check_versions(&self) -> Result<(), LinkError> {
        let version = |link| {
            let listed = listed(&link, self.root).ok()??;
            Some((listed.path.object()?, listed.version?))
        };
        let (mut patience, mut highest) = (PATIENCE, None);
        for (at, link) in self.links().enumerate() {
            let Some((object, here)) = version(link) else { continue };
            if highest < Some(object) {
                highest = Some(object);
                continue;
            }
            for before in self.links().take(at) {
                patience = patience.checked_sub(1).ok_or(LinkError::Complex)?;
                if version(before).is_some_and(|(other, there)| other == object && there != here) {
                    return Err(LinkError::Version);
                }
            }
        }
        Ok(())
    }

    fn links(&self) -> impl Iterator<Item = Link<'a>> {
        Links::new(self.payload).flatten()
    }
}

/// What a link lists: `None` for the root and for what is no object.
fn listed(link: &Link<'_>, root: &str) -> Result<Option<Listed>, LinkError> {
    // The prefix may be there or not.
    let below = link.target.strip_prefix(root).filter(|below| below.starts_with('/')).unwrap_or(link.target);
    let first = below.strip_prefix('/').unwrap_or(below).split('/').next().unwrap_or_default();
    if !is_number(first) {
        return Ok(None);
    }
    let path =
        Path::parse(below.as_bytes()).ok().filter(|path| path.depth() <= 2).ok_or(LinkError::Object)?;
    let version = match link.attribute("ver") {
        None => None,
        Some(value) => Some(value.as_str().and_then(|text| text.parse().ok()).ok_or(LinkError::Version)?),
    };
    Ok(Some(Listed { path, version }))
}

fn declares_root(link: &Link<'_>) -> bool {
    let types = link.attribute("rt").and_then(AttributeValue::as_str);
    types.is_some_and(|types| types.split(' ').any(|ty| ty == "oma.lwm2m"))
}

/// The prefix that a root stands for: no segment is empty or a number (REG-23).
fn alternate_path(target: &str) -> Result<&str, LinkError> {
    let segments = target.strip_prefix('/').ok_or(LinkError::Root)?;
    if segments.is_empty() {
        return Ok("");
    }
    let legal = |segment: &str| !segment.is_empty() && !is_number(segment) && !segment.contains(['?', '#']);
    if segments.split('/').all(legal) { Ok(target) } else { Err(LinkError::Root) }
}

fn is_number(segment: &str) -> bool {
    !segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_digit())
}

/// The numbers of `ct`: one, or several between blanks. `None` for what is none.
fn numbers(value: AttributeValue<'_>) -> impl Iterator<Item = Option<u16>> {
    let words = value.as_str().unwrap_or("?").split(' ').filter(|word| !word.is_empty());
    words.map(|word| if is_number(word) { word.parse().ok() } else { None })
}
