//! Discovery (RFC 6690): what a server has, as the answer to GET `/.well-known/core`.

use core::fmt::{self, Write};

/// A resource, as `/.well-known/core` tells of it. Tables of them are `static`s.
///
/// ```
/// use coap_tcp_core::link::{self, Resource};
///
/// static RESOURCES: [Resource<'_>; 2] = [
///     Resource { rt: &["temperature-c"], obs: true, ..Resource::new("/sensors/temp") },
///     Resource { ct: &[0, 40], title: Some("All of \"them\""), ..Resource::new("/sensors") },
/// ];
///
/// let mut text = String::new();
/// link::write(&RESOURCES, None, &mut text)?;
/// assert_eq!(
///     text,
///     r#"</sensors/temp>;rt="temperature-c";obs,</sensors>;ct="0 40";title="All of \"them\"""#
/// );
/// text.clear();
/// link::write(&RESOURCES, Some(b"rt=temp*"), &mut text)?;
/// assert_eq!(text, r#"</sensors/temp>;rt="temperature-c";obs"#);
/// # Ok::<(), core::fmt::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Resource<'a> {
    /// A URI reference, such as `/a/b`; whatever a URI cannot hold is percent-encoded in it.
    pub path: &'a str,
    /// Resource types: words without blanks.
    pub rt: &'a [&'a str],
    /// Interface descriptions: words without blanks. `if` in the link.
    pub interfaces: &'a [&'a str],
    /// Content-Formats.
    pub ct: &'a [u16],
    /// The most bytes of its representation, where that is worth a word.
    pub sz: Option<u32>,
    /// It can be observed (RFC 7641).
    pub obs: bool,
    /// For humans.
    pub title: Option<&'a str>,
    /// Other attributes, by name; without a value, they are flags.
    pub others: &'a [(&'a str, Option<&'a str>)],
}

impl<'a> Resource<'a> {
    /// With nothing but a path.
    pub const fn new(path: &'a str) -> Self {
        Self { path, rt: &[], interfaces: &[], ct: &[], sz: None, obs: false, title: None, others: &[] }
    }

    /// Whether it is among those that a query such as `rt=temp*` asks for (C-6690-4). What is no such query asks for
    /// all.
    pub fn is_wanted(&self, query: &[u8]) -> bool {
        let Some(equals) = query.iter().position(|&byte| byte == b'=') else {
            return true;
        };
        let (name, value) = query.split_at(equals);
        let value = value.get(1..).unwrap_or_default();
        let (value, prefix) = match value.strip_suffix(b"*") {
            Some(value) => (value, true),
            None => (value, false),
        };
        let fits = |text: &str| match prefix {
            true => text.as_bytes().starts_with(value),
            false => text.as_bytes() == value,
        };
        let number = |number: u32| Number::new(number).is(fits);
        match name {
            b"href" => fits(self.path),
            b"rt" => self.rt.iter().any(|text| fits(text)),
            b"if" => self.interfaces.iter().any(|text| fits(text)),
            b"ct" => self.ct.iter().any(|&format| number(format.into())),
            b"sz" => self.sz.is_some_and(number),
            b"title" => self.title.is_some_and(fits),
            name => self.others.iter().any(|(other, text)| {
                other.as_bytes() == name && text.is_some_and(|text| text.split(' ').any(fits))
            }),
        }
    }

    fn write(&self, to: &mut impl Write) -> fmt::Result {
        write!(to, "<{}>", self.path)?;
        words(to, "rt", self.rt)?;
        words(to, "if", self.interfaces)?;
        match self.ct {
            [] => {}
            [format] => write!(to, ";ct={format}")?,
            [first, others @ ..] => {
                write!(to, ";ct=\"{first}")?;
                others.iter().try_for_each(|format| write!(to, " {format}"))?;
                to.write_char('"')?;
            }
        }
        if let Some(size) = self.sz {
            write!(to, ";sz={size}")?;
        }
        if let Some(title) = self.title {
            quoted(to, "title", title)?;
        }
        for (name, value) in self.others {
            match value {
                Some(value) => quoted(to, name, value)?,
                None => write!(to, ";{name}")?,
            }
        }
        if self.obs { to.write_str(";obs") } else { Ok(()) }
    }
}

/// Writes the links of those that the query asks for (C-6690-1, C-6690-4), to a text, or without memory for it to a
/// [`Window`](crate::blockwise::Window) of an answer in blocks ([`Wanted::stream`](crate::blockwise::Wanted::stream)).
pub fn write<'a>(
    resources: impl IntoIterator<Item = &'a Resource<'a>>,
    query: Option<&[u8]>,
    to: &mut impl Write,
) -> fmt::Result {
    let wanted = |resource: &&Resource<'_>| query.is_none_or(|query| resource.is_wanted(query));
    for (at, resource) in resources.into_iter().filter(wanted).enumerate() {
        if at > 0 {
            to.write_char(',')?;
        }
        resource.write(to)?;
    }
    Ok(())
}

fn words(to: &mut impl Write, name: &str, words: &[&str]) -> fmt::Result {
    let Some((first, others)) = words.split_first() else {
        return Ok(());
    };
    write!(to, ";{name}=\"{first}")?;
    others.iter().try_for_each(|word| write!(to, " {word}"))?;
    to.write_char('"')
}

fn quoted(to: &mut impl Write, name: &str, value: &str) -> fmt::Result {
    write!(to, ";{name}=\"")?;
    for character in value.chars() {
        if matches!(character, '"' | '\\') {
            to.write_char('\\')?;
        }
        to.write_char(character)?;
    }
    to.write_char('"')
}

/// A number as text.
struct Number(crate::wire::Decimal);

impl Number {
    fn new(number: u32) -> Self {
        Self(crate::wire::Decimal::new(number.into()))
    }

    fn is(&self, fits: impl Fn(&str) -> bool) -> bool {
        core::str::from_utf8(self.0.as_slice()).is_ok_and(fits)
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::String;
    use alloc::vec;
    use alloc::vec::Vec;

    use super::*;
    use crate::blockwise::{Chunks, Collected, Collector, Terms, Wanted, Window};
    use crate::event::Settings;
    use crate::wire::Writer;
    use crate::{Code, Config, Message, OptionNumber, SendError};

    static TABLE: [Resource<'_>; 4] = [
        Resource { rt: &["a", "light-lux"], interfaces: &["core.s"], ..Resource::new("/a") },
        Resource { ct: &[0], sz: Some(5000), obs: true, title: Some(r#"b\"c"#), ..Resource::new("/b/c") },
        Resource { ct: &[50, 112], ..Resource::new("/d") },
        Resource { others: &[("ver", Some("1.1")), ("flag", None)], ..Resource::new("/e") },
    ];

    fn links(query: Option<&[u8]>) -> String {
        let mut text = String::new();
        write(&TABLE, query, &mut text).unwrap();
        text
    }

    /// C-6690-1, C-6690-2, C-6690-3
    #[test]
    fn c_6690_1_resources_are_links() {
        let expect = concat!(
            r#"</a>;rt="a light-lux";if="core.s",</b/c>;ct=0;sz=5000;title="b\\\"c";obs,"#,
            r#"</d>;ct="50 112",</e>;ver="1.1";flag"#
        );
        assert_eq!(links(None), expect);
        assert_eq!(write(&[], None, &mut String::new()), Ok(()));
    }

    /// C-6690-4
    #[test]
    fn c_6690_4_one_query_filters() {
        let targets = |query: &str| {
            let text = links(Some(query.as_bytes()));
            let targets = text.split('<').skip(1).map(|link| link.split('>').next().unwrap());
            targets.map(String::from).collect::<Vec<_>>()
        };
        assert_eq!(targets("rt=a"), ["/a"]);
        assert_eq!(targets("rt=light*"), ["/a"]);
        assert_eq!(targets("rt=light"), [""; 0]);
        assert_eq!(targets("if=core.*"), ["/a"]);
        assert_eq!(targets("href=/b*"), ["/b/c"]);
        assert_eq!(targets("href=/b"), [""; 0]);
        assert_eq!(targets("ct=112"), ["/d"]);
        assert_eq!(targets("ct=0"), ["/b/c"]);
        assert_eq!(targets("ct=*"), ["/b/c", "/d"]);
        assert_eq!(targets("sz=5*"), ["/b/c"]);
        assert_eq!(targets("title=b*"), ["/b/c"]);
        assert_eq!(targets("ver=1.1"), ["/e"]);
        assert_eq!(targets("flag=1"), [""; 0]);
        assert_eq!(targets("no query at all").len(), 4);
        assert_eq!(targets("rt=").len(), 0);
    }

    /// C-6690-1: larger than a message, and nowhere as a whole.
    #[test]
    fn c_6690_1_many_links_go_in_blocks_without_memory_for_them() {
        const OURS: Config = Config::new();
        let terms = Terms::new(&OURS, &Settings { max_message_size: 300, block_wise: true, token_length: 8 });
        let many = vec![TABLE[1]; 100];
        let mut collector = Collector::new(Vec::new(), 100_000);
        let mut ask = None;
        loop {
            let mut request = Vec::new();
            let mut writer = Writer::new(&mut request, Code::GET, &[1]).unwrap();
            if let Some(block) = ask {
                Chunks::new().ask(block, &mut writer, [].into_iter()).unwrap();
            }
            writer.finish();
            let wanted = Wanted::of(&Message::parse(&request).unwrap(), &terms).unwrap();
            let mut answer = Vec::new();
            let mut writer = Writer::new(&mut answer, Code::CONTENT, &[1]).unwrap();
            let options = [(OptionNumber::CONTENT_FORMAT, &[40][..])];
            let links = |window: &mut Window<'_>| write(&many, None, window).map_err(|_| SendError::Full);
            wanted.stream(&mut writer, Code::CONTENT, options.into_iter(), &terms, links).unwrap();
            writer.finish();
            assert!(answer.len() <= 300);
            match collector.handle_response(&Message::parse(&answer).unwrap(), &terms).unwrap() {
                Collected::More(next) => ask = Some(next),
                Collected::Whole(_) => break,
            }
        }
        let mut whole = String::new();
        write(&many, None, &mut whole).unwrap();
        assert_eq!(collector.body(), whole.as_bytes());
    }
}
