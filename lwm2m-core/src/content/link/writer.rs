//! Writes links: the payload of Register and Update, the answer to Discover.

use core::fmt::{Display, Write};

use coap_tcp_core::{Buf, Full};

use super::grammar;
use super::objects::is_listable;
use crate::content::format::ContentFormat;
use crate::content::output::Output;
use crate::content::values::WriteError;
use crate::path::Path;
use crate::version::ObjectVersion;

/// Appends links, each followed by its attributes. A call that fails has written nothing.
#[derive(Debug)]
pub struct Writer<'b> {
    out: Output<'b>,
    links: usize,
}

impl<'b> Writer<'b> {
    /// Begins with no link.
    pub fn new(buf: &'b mut dyn Buf) -> Self {
        Self { out: Output::new(buf), links: 0 }
    }

    /// Begins a link to a node.
    pub fn link(&mut self, path: Path) -> Result<(), WriteError> {
        let begin: &[u8] = if self.links == 0 { b"<" } else { b",<" };
        self.out.atomically(|out| {
            out.append(begin)?;
            out.path(path)?;
            out.append(b">")
        })?;
        self.links += 1;
        Ok(())
    }

    /// Gives the link an attribute without a value.
    pub fn flag(&mut self, name: &str) -> Result<(), WriteError> {
        self.append(name, |_| Ok(()))
    }

    /// Gives the link an attribute whose value is a number, a version or another word of letters, digits, `.` and `-`.
    pub fn attribute(&mut self, name: &str, value: impl Display) -> Result<(), WriteError> {
        self.append(name, |out| write!(out, "={value}").map_err(|_| Full))
    }

    /// Gives the link an attribute whose value is any text without control characters, in quotes.
    pub fn quoted(&mut self, name: &str, value: &str) -> Result<(), WriteError> {
        if !value.bytes().all(grammar::is_quoted) {
            return Err(WriteError::Form);
        }
        self.append(name, |out| {
            out.append(b"=\"")?;
            for byte in value.bytes() {
                if matches!(byte, b'"' | b'\\') {
                    out.append(b"\\")?;
                }
                out.append(&[byte])?;
            }
            out.append(b"\"")
        })
    }

    /// The root link of a Register: the formats that the client reads and writes (REG-22).
    pub fn root(&mut self, formats: &[ContentFormat]) -> Result<(), WriteError> {
        self.atomically(|links| {
            links.link(Path::ROOT)?;
            links.quoted("rt", "oma.lwm2m")?;
            match formats {
                [] => Ok(()),
                [format] => links.append("ct", |out| {
                    out.append(b"=")?;
                    out.number(format.0.into())
                }),
                _ => links.append("ct", |out| {
                    for (at, format) in formats.iter().enumerate() {
                        out.append(if at == 0 { b"=\"" } else { b" " })?;
                        out.number(format.0.into())?;
                    }
                    out.append(b"\"")
                }),
            }
        })
    }

    /// The links of one object in a Register: its instances, or itself where it has none (REG-20), and itself with `ver`
    /// where its version is not 1.0, whatever the enabler would assume (REG-24, OBJ-3). `instances` calls back with each
    /// instance. Objects that must not be listed are passed over (REG-21).
    pub fn object(
        &mut self,
        object: u16,
        version: ObjectVersion,
        instances: impl FnOnce(&mut dyn FnMut(u16)),
    ) -> Result<(), WriteError> {
        if !is_listable(object) {
            return Ok(());
        }
        let path = Path::ROOT.child(object).map_err(|_| WriteError::Outside)?;
        self.atomically(|links| {
            let before = links.links;
            if version != ObjectVersion::V1_0 {
                links.link(path)?;
                links.append("ver", |out| {
                    out.append(b"=")?;
                    out.number(version.major.into())?;
                    out.append(b".")?;
                    out.number(version.minor.into())
                })?;
            }
            let mut written = Ok(());
            instances(&mut |instance| {
                if written.is_ok() {
                    let instance = path.child(instance).map_err(|_| WriteError::Outside);
                    written = instance.and_then(|instance| links.link(instance));
                }
            });
            written?;
            if links.links == before { links.link(path) } else { Ok(()) }
        })
    }

    fn append(
        &mut self,
        name: &str,
        value: impl FnOnce(&mut Output<'_>) -> Result<(), Full>,
    ) -> Result<(), WriteError> {
        if name.is_empty() || !name.bytes().all(grammar::is_name) {
            return Err(WriteError::Form);
        }
        if self.links == 0 {
            return Err(WriteError::Order);
        }
        let written = self.out.atomically(|out| {
            out.append(b";")?;
            out.append(name.as_bytes())?;
            value(out)
        });
        Ok(written?)
    }

    fn atomically(
        &mut self,
        write: impl FnOnce(&mut Self) -> Result<(), WriteError>,
    ) -> Result<(), WriteError> {
        let (len, links) = (self.out.len(), self.links);
        let written = write(self);
        if written.is_err() {
            self.out.truncate(len);
            self.links = links;
        }
        written
    }
}
