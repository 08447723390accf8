//! Reads links, strictly and in place.

use core::fmt::{self, Write};
use core::str;

use thiserror::Error;

use super::grammar;
use crate::path::{Path, PathError};

/// The links of a payload, in its order. Ends after the first error.
///
/// Blanks around commas are tolerated, nothing else beyond RFC 6690 is (REG-26, DM-66). An empty payload has no links.
#[derive(Clone, Debug)]
pub struct Links<'a> {
    /// What is not read yet; `None` after an error.
    rest: Option<&'a str>,
    /// A comma was read: another link must follow.
    owed: bool,
}

/// One link; all of it was checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Link<'a> {
    /// What stands between `<` and `>`.
    pub target: &'a str,
    /// All from the first semicolon on.
    attributes: &'a str,
}

/// The attributes of a link, in its order.
#[derive(Clone, Debug)]
pub struct Attributes<'a>(&'a str);

/// One attribute.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Attribute<'a> {
    /// What stands before `=`.
    pub name: &'a str,
    /// What stands behind it, if there is an `=`.
    pub value: Option<AttributeValue<'a>>,
}

/// The value of an attribute, without its quotes; displayed without its escapes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AttributeValue<'a>(&'a str);

/// Why a payload is no list of links, or not one that a Register may send; 4.00 (REG-26).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum LinkError {
    /// Against the grammar.
    #[error("malformed link")]
    Malformed,
    /// A link to an object that is none: its id out of range or not canonical, or too deep (REG-26).
    #[error("malformed link to an object")]
    Object,
    /// A version that is none, or two for one object (REG-24).
    #[error("bad object version")]
    Version,
    /// An alternate path that is none, or more than one (REG-23).
    #[error("bad alternate path")]
    Root,
    /// A list of content formats that is none (REG-22).
    #[error("bad content formats")]
    Formats,
    /// Legal perhaps, but in a worse order than a reader without memory follows (FMT-5).
    #[error("object list too complex")]
    Complex,
}

impl<'a> Links<'a> {
    /// Reads `payload`, which must be UTF-8.
    pub fn new(payload: &'a [u8]) -> Self {
        match str::from_utf8(payload) {
            Ok(text) => Self { rest: Some(skip_blanks(text)), owed: false },
            // No link begins like this.
            Err(_) => Self { rest: Some("?"), owed: true },
        }
    }

    fn link(&mut self, text: &'a str) -> Result<Link<'a>, LinkError> {
        let (target, behind) =
            text.strip_prefix('<').and_then(|text| text.split_once('>')).ok_or(LinkError::Malformed)?;
        if !target.bytes().all(grammar::is_target) {
            return Err(LinkError::Malformed);
        }
        let mut rest = behind;
        while let Some(text) = rest.strip_prefix(';') {
            (_, rest) = attribute(text)?;
        }
        let attributes = behind.strip_suffix(rest).unwrap_or(behind);
        rest = skip_blanks(rest);
        self.owed = false;
        if let Some(next) = rest.strip_prefix(',') {
            rest = skip_blanks(next);
            self.owed = true;
        } else if !rest.is_empty() {
            return Err(LinkError::Malformed);
        }
        self.rest = Some(rest);
        Ok(Link { target, attributes })
    }
}

impl<'a> Iterator for Links<'a> {
    type Item = Result<Link<'a>, LinkError>;

    fn next(&mut self) -> Option<Self::Item> {
        let text = self.rest.take()?;
        if text.is_empty() && !self.owed {
            return None;
        }
        Some(self.link(text))
    }
}

impl<'a> Link<'a> {
    /// The attributes.
    pub fn attributes(&self) -> Attributes<'a> {
        Attributes(self.attributes)
    }

    /// The value of the first attribute with this name; `None` where there is none, or it has no value.
    pub fn attribute(&self, name: &str) -> Option<AttributeValue<'a>> {
        self.attributes().find(|attribute| attribute.name == name)?.value
    }

    /// The node that the target names, for a device whose objects lie below `root`: empty, or such as `/lwm2m`.
    pub fn path(&self, root: &str) -> Result<Path, PathError> {
        match self.target.strip_prefix(root).ok_or(PathError::Id)? {
            "" => Ok(Path::ROOT),
            below => Path::parse(below.as_bytes()),
        }
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Attribute<'a>;

    fn next(&mut self) -> Option<Attribute<'a>> {
        let (found, rest) = attribute(self.0.strip_prefix(';')?).ok()?;
        self.0 = rest;
        Some(found)
    }
}

impl<'a> AttributeValue<'a> {
    /// The characters, with escapes resolved.
    pub fn chars(self) -> impl Iterator<Item = char> {
        let mut chars = self.0.chars();
        core::iter::from_fn(move || match chars.next()? {
            '\\' => chars.next(),
            other => Some(other),
        })
    }

    /// The text, where it has no escapes: numbers, versions, names.
    pub fn as_str(self) -> Option<&'a str> {
        (!self.0.contains('\\')).then_some(self.0)
    }
}

impl PartialEq<str> for AttributeValue<'_> {
    fn eq(&self, text: &str) -> bool {
        self.chars().eq(text.chars())
    }
}

impl fmt::Display for AttributeValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.chars().try_for_each(|c| f.write_char(c))
    }
}

/// The attribute that begins `text`, and what is behind it.
fn attribute(text: &str) -> Result<(Attribute<'_>, &str), LinkError> {
    let (name, rest) = split_while(text, grammar::is_name);
    // RFC 5987: the star of a name is its last character.
    if name.trim_end_matches('*').is_empty() || name.find('*').is_some_and(|star| star + 1 != name.len()) {
        return Err(LinkError::Malformed);
    }
    let Some(value) = rest.strip_prefix('=') else {
        return Ok((Attribute { name, value: None }, rest));
    };
    let (value, rest) = match value.strip_prefix('"') {
        Some(quoted) => split_quoted(quoted)?,
        None => match split_while(value, grammar::is_token) {
            ("", _) => return Err(LinkError::Malformed),
            token => token,
        },
    };
    Ok((Attribute { name, value: Some(AttributeValue(value)) }, rest))
}

/// What stands before the quote that ends the value, and what behind it.
fn split_quoted(text: &str) -> Result<(&str, &str), LinkError> {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        if !grammar::is_quoted(byte) {
            break;
        }
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => {
                let (value, rest) = text.split_at_checked(at).ok_or(LinkError::Malformed)?;
                return Ok((value, rest.strip_prefix('"').unwrap_or(rest)));
            }
            _ => {}
        }
    }
    Err(LinkError::Malformed)
}

fn split_while(text: &str, belongs: fn(u8) -> bool) -> (&str, &str) {
    let end = text.bytes().position(|byte| !belongs(byte)).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

fn skip_blanks(text: &str) -> &str {
    text.trim_start_matches([' ', '\t'])
}
