//! Reads TLV without a copy, a recursion or an allocation.

use super::item::{Item, Kind};
use crate::content::entry::{Entry, Raw, ReadError};
use crate::path::Path;

/// Yields the values of a payload, and the containers that are empty, in the order of the payload.
///
/// Ends after the first error.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    target: Path,
    /// What the first element of the payload is; the others are the same.
    row: Option<Row>,
    top: Level<'a>,
    instance: Option<Level<'a>>,
    multiple: Option<Level<'a>>,
    /// Comparisons left for finding duplicates among siblings that do not ascend.
    patience: u32,
    failed: bool,
}

/// A row of siblings.
#[derive(Clone, Copy, Debug)]
struct Level<'a> {
    /// What they lie in.
    path: Path,
    all: &'a [u8],
    rest: &'a [u8],
    highest: Option<u16>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Row {
    Instances,
    Resources,
    ResourceInstances,
}

/// Enough for some 1,400 siblings in the worst order; those that ascend cost none.
const PATIENCE: u32 = 1_000_000;

impl<'a> Reader<'a> {
    /// Reads what was written to, or read from, `target`, which is not the root.
    ///
    /// Beside the shape that FMT-22 prescribes: for an instance also itself wrapped, as 1.0 did; for a multiple resource
    /// also its resource instances unwrapped; for a resource instance also its multiple resource, or a plain resource.
    pub fn new(payload: &'a [u8], target: Path) -> Self {
        Self {
            target,
            row: None,
            top: Level::new(target, payload),
            instance: None,
            multiple: None,
            patience: PATIENCE,
            failed: false,
        }
    }

    /// The row that is being walked, and whether it is that of the payload itself.
    fn innermost(&mut self) -> (&mut Level<'a>, bool) {
        match (&mut self.multiple, &mut self.instance) {
            (Some(level), _) | (None, Some(level)) => (level, false),
            (None, None) => (&mut self.top, true),
        }
    }

    /// Leaves a row that has ended; `false` at the end of the payload.
    fn leave(&mut self) -> bool {
        self.multiple.take().is_some() || self.instance.take().is_some()
    }

    /// Takes one element: yields it, or steps into it.
    fn step(&mut self) -> Result<Option<Entry<'a>>, ReadError> {
        let mut patience = self.patience;
        let (level, is_top) = self.innermost();
        let item = level.take(&mut patience)?;
        let parent = level.path;
        self.patience = patience;
        let path = if is_top { self.place_on_top(item)? } else { place(parent, item)? };
        if !self.target.contains(path) && !path.contains(self.target) {
            return Err(ReadError::Outside);
        }
        let raw = match item.kind {
            Kind::Resource | Kind::ResourceInstance => Raw::Binary(item.value),
            Kind::Instance | Kind::Multiple if item.value.is_empty() => Raw::Empty,
            Kind::Instance => {
                self.instance = Some(Level::new(path, item.value));
                return Ok(None);
            }
            Kind::Multiple => {
                self.multiple = Some(Level::new(path, item.value));
                return Ok(None);
            }
        };
        if self.target.contains(path) {
            Ok(Some(Entry { path, raw, time: None }))
        } else {
            Err(ReadError::Outside)
        }
    }

    /// The path of an element of the outermost row, which may begin above or below the target.
    fn place_on_top(&mut self, item: Item<'_>) -> Result<Path, ReadError> {
        let row = match item.kind {
            Kind::Instance => Row::Instances,
            Kind::Resource | Kind::Multiple => Row::Resources,
            Kind::ResourceInstance => Row::ResourceInstances,
        };
        if *self.row.get_or_insert(row) != row {
            return Err(ReadError::Misplaced);
        }
        let target = self.target;
        let above = match (row, target.depth()) {
            (Row::Instances, 1 | 2) => target.ancestor(1),
            (Row::Resources, 2..=4) => target.ancestor(2),
            (Row::ResourceInstances, 3 | 4) => target.ancestor(3),
            _ => return Err(ReadError::Misplaced),
        };
        let path = above.child(item.id)?;
        // A plain resource in the place of its only resource instance.
        if item.kind == Kind::Resource && path.contains(target) { Ok(target) } else { Ok(path) }
    }
}

impl<'a> Iterator for Reader<'a> {
    type Item = Result<Entry<'a>, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.failed {
            if self.innermost().0.rest.is_empty() {
                if !self.leave() {
                    return None;
                }
                continue;
            }
            match self.step() {
                Ok(None) => {}
                Ok(Some(entry)) => return Some(Ok(entry)),
                Err(error) => {
                    self.failed = true;
                    return Some(Err(error));
                }
            }
        }
        None
    }
}

impl<'a> Level<'a> {
    fn new(path: Path, all: &'a [u8]) -> Self {
        Self { path, all, rest: all, highest: None }
    }

    /// The next sibling, unless one before it has its id (FMT-26).
    fn take(&mut self, patience: &mut u32) -> Result<Item<'a>, ReadError> {
        let (item, rest) = Item::split(self.rest)?;
        if self.highest < Some(item.id) {
            self.highest = Some(item.id);
        } else {
            self.search(item.id, patience)?;
        }
        self.rest = rest;
        Ok(item)
    }

    fn search(&self, id: u16, patience: &mut u32) -> Result<(), ReadError> {
        let mut before = self.all;
        while before.len() > self.rest.len() {
            *patience = patience.checked_sub(1).ok_or(ReadError::Complex)?;
            let (sibling, rest) = Item::split(before)?;
            if sibling.id == id {
                return Err(ReadError::Duplicate);
            }
            before = rest;
        }
        Ok(())
    }
}

/// The path of an element inside the container `parent`.
fn place(parent: Path, item: Item<'_>) -> Result<Path, ReadError> {
    match (parent.depth(), item.kind) {
        (2, Kind::Resource | Kind::Multiple) | (3, Kind::ResourceInstance) => Ok(parent.child(item.id)?),
        _ => Err(ReadError::Misplaced),
    }
}

/// The instance that the payload of a Create names: `None` when it names none and the client chooses (DM-80).
///
/// The payload is then read with that instance as the target. More than one instance is an error.
pub fn named_instance(payload: &[u8]) -> Result<Option<u16>, ReadError> {
    if payload.is_empty() {
        return Ok(None);
    }
    match Item::split(payload)? {
        (Item { kind: Kind::Instance, id, .. }, []) => Ok(Some(id)),
        (Item { kind: Kind::Resource | Kind::Multiple, .. }, _) => Ok(None),
        _ => Err(ReadError::Misplaced),
    }
}
