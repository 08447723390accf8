//! Writes TLV as values come, without knowing how many will.

use coap_tcp_core::Buf;

use super::item::{Head, Kind};
use crate::content::output::Output;
use crate::content::values::{Values, WriteError};
use crate::path::Path;
use crate::value::Value;

/// Writes the answer to a Read of its target, or the payload of a Write to it.
///
/// What is in the buffer is a whole payload after every call: the lengths of open containers are kept up to date, so there
/// is nothing to finish.
#[derive(Debug)]
pub struct Writer<'b> {
    out: Output<'b>,
    target: Path,
    last: Option<Last>,
    instance: Option<Container>,
    multiple: Option<Container>,
}

/// What came before.
#[derive(Clone, Copy, Debug)]
enum Last {
    Value(Path),
    Container(Path),
}

/// A container that the next value may still go into.
#[derive(Clone, Copy, Debug)]
struct Container {
    path: Path,
    at: usize,
    /// Bytes of its head as it stands in the buffer; 0 before it does.
    head: usize,
    content: usize,
}

/// A container whose content grows, and the head that it needs then.
#[derive(Clone, Copy, Debug)]
struct Grown {
    before: Container,
    head: Head,
    content: usize,
}

impl<'b> Writer<'b> {
    /// `target` is not the root: several objects have no form in TLV, and values are refused.
    pub fn new(buf: &'b mut dyn Buf, target: Path) -> Self {
        Self { out: Output::new(buf), target, last: None, instance: None, multiple: None }
    }

    /// Checks that `path` may come now.
    fn admit(&self, path: Path) -> Result<(), WriteError> {
        match self.last {
            _ if self.target == Path::ROOT => Err(WriteError::Form),
            _ if !self.target.contains(path) => Err(WriteError::Outside),
            Some(Last::Value(last) | Last::Container(last)) if path <= last => Err(WriteError::Order),
            Some(Last::Value(last)) if last.contains(path) => Err(WriteError::Order),
            _ => Ok(()),
        }
    }

    /// Appends `head` and `value` inside the containers that lead to `parent`, or does nothing.
    fn write(&mut self, parent: Path, head: &[u8], value: &[u8]) -> Result<(), WriteError> {
        let start = self.out.len();
        let added = head.len() + value.len();
        let mut grown = added;
        // Inside out, since a head that grows is content of the container around it.
        let multiple = (parent.depth() == 3 && self.target.depth() < 4)
            .then(|| Container::at(parent, self.multiple, start).grow(&mut grown))
            .transpose()?;
        let instance = (self.target.depth() < 2)
            .then(|| Container::at(parent.ancestor(2), self.instance, start).grow(&mut grown))
            .transpose()?;

        self.out.atomically(|out| {
            out.append(head)?;
            out.append(value)?;
            // Room for the heads: once it is there nothing can fail.
            (added..grown).try_for_each(|_| out.append(&[0]))
        })?;

        let mut end = start + added;
        for container in [multiple, instance].into_iter().flatten() {
            self.out.replace(container.before.at, container.before.head, container.head.as_slice(), end);
            end += container.shift();
        }
        let pushed = instance.map_or(0, |instance| instance.shift());
        self.multiple = multiple.map(|multiple| multiple.after(pushed));
        self.instance = instance.map(|instance| instance.after(0));
        Ok(())
    }
}

impl Values for Writer<'_> {
    fn value(&mut self, path: Path, value: Value<'_>) -> Result<(), WriteError> {
        self.admit(path)?;
        let (kind, id) = match *path.ids() {
            [_, _, resource] => (Kind::Resource, resource),
            [_, _, _, instance] => (Kind::ResourceInstance, instance),
            _ => return Err(WriteError::Outside),
        };
        let binary = value.to_binary();
        let head = Head::new(kind, id, binary.as_slice().len()).ok_or(WriteError::Form)?;
        self.write(path.parent().unwrap_or_default(), head.as_slice(), binary.as_slice())?;
        self.last = Some(Last::Value(path));
        Ok(())
    }

    fn container(&mut self, path: Path) -> Result<(), WriteError> {
        self.admit(path)?;
        match path.depth() {
            2 | 3 => self.write(path, &[], &[])?,
            4 => return Err(WriteError::Outside),
            _ => {}
        }
        self.last = Some(Last::Container(path));
        Ok(())
    }
}

impl Container {
    /// The open container where it is the one at `path`, else a new one that will begin at `start`.
    fn at(path: Path, open: Option<Self>, start: usize) -> Self {
        open.filter(|open| open.path == path).unwrap_or(Self { path, at: start, head: 0, content: 0 })
    }

    /// Takes in `grown` bytes, to which those that its head grows by are added.
    fn grow(self, grown: &mut usize) -> Result<Grown, WriteError> {
        let (kind, id) = match *self.path.ids() {
            [_, _, resource] => (Kind::Multiple, resource),
            [_, instance] => (Kind::Instance, instance),
            _ => return Err(WriteError::Outside),
        };
        let content = self.content + *grown;
        let head = Head::new(kind, id, content).ok_or(WriteError::Form)?;
        let after = Grown { before: self, head, content };
        *grown += after.shift();
        Ok(after)
    }
}

impl Grown {
    /// How far its content moves. Heads never shrink, since containers do not.
    fn shift(&self) -> usize {
        self.head.as_slice().len().saturating_sub(self.before.head)
    }

    /// What it has become, `pushed` by the container around it.
    fn after(&self, pushed: usize) -> Container {
        Container {
            path: self.before.path,
            at: self.before.at + pushed,
            head: self.head.as_slice().len(),
            content: self.content,
        }
    }
}
