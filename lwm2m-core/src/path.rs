//! Where a value lives: `/object/instance/resource/resource instance`.

use core::cmp::Ordering;
use core::fmt;
use core::str::FromStr;

use coap_tcp_core::wire::Decimal;
use coap_tcp_core::{Buf, Full};
use thiserror::Error;

/// Up to four identifiers from the root down (DM-3). Ten bytes, `Copy`.
///
/// Every identifier is 0..=65534: a `Path` that exists is one that LwM2M allows. Paths are ordered as a tree is walked:
/// a node before what it holds, siblings by number.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Path {
    // What lies beyond `depth` is zero, so that the derived `Eq` and `Hash` hold.
    ids: [u16; 4],
    depth: u8,
}

/// Why something is not a path.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum PathError {
    /// A segment that is no canonical decimal of 0..=65534; 4.04 to a request (DM-3).
    #[error("identifier is not a canonical number below 65535")]
    Id,
    /// More than four segments; 4.05 to a request (DM-3).
    #[error("more than four identifiers")]
    Depth,
}

impl Path {
    /// `/`, which holds everything.
    pub const ROOT: Self = Self { ids: [0; 4], depth: 0 };

    /// From identifiers, outermost first.
    pub const fn new(mut ids: &[u16]) -> Result<Self, PathError> {
        let mut path = Self::ROOT;
        while let [id, rest @ ..] = ids {
            path = match path.child(*id) {
                Ok(child) => child,
                Err(error) => return Err(error),
            };
            ids = rest;
        }
        Ok(path)
    }

    /// From its text form: `/` or `/3/0/0`, nothing before, nothing after (DM-3).
    pub fn parse(text: &[u8]) -> Result<Self, PathError> {
        let mut parser = Parser::absolute();
        text.iter().try_for_each(|&byte| parser.push(byte))?;
        parser.finish()
    }

    /// From the Uri-Path options of a request, one segment each. No segment at all is the root.
    pub fn from_segments<'a>(segments: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, PathError> {
        segments.into_iter().try_fold(Self::ROOT, |path, segment| {
            let id = segment.iter().try_fold(None, |id, &byte| digit(id, byte).map(Some))?;
            path.child(id.ok_or(PathError::Id)?)
        })
    }

    /// The node `id` right below this one.
    pub const fn child(self, id: u16) -> Result<Self, PathError> {
        if id == u16::MAX {
            return Err(PathError::Id);
        }
        let [object, instance, resource, _] = self.ids;
        let ids = match self.depth {
            0 => [id, 0, 0, 0],
            1 => [object, id, 0, 0],
            2 => [object, instance, id, 0],
            3 => [object, instance, resource, id],
            _ => return Err(PathError::Depth),
        };
        Ok(Self { ids, depth: self.depth + 1 })
    }

    /// The node right above, `None` for the root.
    pub fn parent(self) -> Option<Self> {
        self.depth().checked_sub(1).map(|depth| self.ancestor(depth))
    }

    /// The node above at `depth`; the path itself where it is not deeper than that.
    pub fn ancestor(self, depth: usize) -> Self {
        if depth >= self.depth() {
            return self;
        }
        let [object, instance, resource, _] = self.ids;
        match depth {
            0 => Self::ROOT,
            1 => Self { ids: [object, 0, 0, 0], depth: 1 },
            2 => Self { ids: [object, instance, 0, 0], depth: 2 },
            _ => Self { ids: [object, instance, resource, 0], depth: 3 },
        }
    }

    /// Whether `other` is this node or lies below it.
    pub fn contains(self, other: Self) -> bool {
        other.ids().starts_with(self.ids())
    }

    /// The number of identifiers: 0 for the root, 4 for a resource instance.
    pub fn depth(&self) -> usize {
        usize::from(self.depth)
    }

    /// The identifiers, outermost first; made for slice patterns.
    pub fn ids(&self) -> &[u16] {
        self.ids.get(..self.depth()).unwrap_or_default()
    }

    /// Appends its text form, as `Display` gives it, or as much of it as there is room for.
    pub(crate) fn append_to(self, buf: &mut dyn Buf) -> Result<(), Full> {
        if self.depth == 0 {
            return buf.append(b"/");
        }
        self.ids().iter().try_for_each(|id| append_id(*id, buf))
    }

    /// The first identifier.
    pub fn object(&self) -> Option<u16> {
        self.ids().first().copied()
    }

    /// The second identifier.
    pub fn instance(&self) -> Option<u16> {
        self.ids().get(1).copied()
    }

    /// The third identifier.
    pub fn resource(&self) -> Option<u16> {
        self.ids().get(2).copied()
    }

    /// The fourth identifier.
    pub fn resource_instance(&self) -> Option<u16> {
        self.ids().get(3).copied()
    }
}

impl PartialOrd for Path {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Path {
    fn cmp(&self, other: &Self) -> Ordering {
        self.ids().cmp(other.ids())
    }
}

impl FromStr for Path {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        Self::parse(text.as_bytes())
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.depth == 0 {
            return f.write_str("/");
        }
        self.ids().iter().try_for_each(|id| write!(f, "/{id}"))
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Appends a slash and an identifier.
pub(crate) fn append_id(id: u16, buf: &mut dyn Buf) -> Result<(), Full> {
    buf.append(b"/")?;
    buf.append(Decimal::new(id.into()).as_slice())
}

/// Reads a path byte by byte: the names of SenML come in pieces that may split a number (FMT-30).
#[derive(Clone, Copy)]
pub(crate) struct Parser {
    path: Path,
    at: At,
}

#[derive(Clone, Copy)]
enum At {
    Start { slash_needed: bool },
    Slash,
    Id(u16),
}

impl Parser {
    /// For a text that must begin with a slash.
    pub(crate) const fn absolute() -> Self {
        Self { path: Path::ROOT, at: At::Start { slash_needed: true } }
    }

    /// For a text whose first slash may be missing.
    pub(crate) const fn relaxed() -> Self {
        Self { path: Path::ROOT, at: At::Start { slash_needed: false } }
    }

    /// One more byte.
    pub(crate) fn push(&mut self, byte: u8) -> Result<(), PathError> {
        self.at = match (self.at, byte) {
            (At::Start { .. }, b'/') => At::Slash,
            (At::Id(id), b'/') => {
                self.path = self.path.child(id)?;
                At::Slash
            }
            (At::Id(id), _) => At::Id(digit(Some(id), byte)?),
            (At::Slash | At::Start { slash_needed: false }, _) => At::Id(digit(None, byte)?),
            (At::Start { slash_needed: true }, _) => return Err(PathError::Id),
        };
        Ok(())
    }

    /// The path, now that all bytes were pushed.
    pub(crate) fn finish(self) -> Result<Path, PathError> {
        match self.at {
            At::Id(id) => self.path.child(id),
            At::Slash if self.path == Path::ROOT => Ok(Path::ROOT),
            At::Slash | At::Start { .. } => Err(PathError::Id),
        }
    }
}

/// `id` with one more decimal digit behind it; refuses a zero that leads.
fn digit(id: Option<u16>, byte: u8) -> Result<u16, PathError> {
    if id == Some(0) || !byte.is_ascii_digit() {
        return Err(PathError::Id);
    }
    id.unwrap_or(0)
        .checked_mul(10)
        .and_then(|tens| tens.checked_add(u16::from(byte - b'0')))
        .ok_or(PathError::Id)
}

#[cfg(test)]
mod tests;
