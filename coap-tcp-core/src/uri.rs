//! `coap+tcp` URIs and their sisters, to options and back (RFC 8323 section 8).

use core::fmt::{self, Write as _};
use core::net::IpAddr;
use core::ops::RangeBounds;

use thiserror::Error;

use crate::buf::Buf;
use crate::error::WriteError;
use crate::wire::{Message, OptionNumber, Writer};

/// The longest value of Uri-Host, Uri-Path and Uri-Query (B.3).
const LONGEST: usize = 255;

/// One of the four schemes of RFC 8323 (B.6). The same authority under another scheme is another server.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Scheme {
    /// `coap+tcp`: TCP, without security.
    CoapTcp,
    /// `coaps+tcp`: TLS over TCP.
    CoapsTcp,
    /// `coap+ws`: WebSocket, without security.
    CoapWs,
    /// `coaps+ws`: WebSocket over TLS.
    CoapsWs,
}

impl Scheme {
    const ALL: [Self; 4] = [Self::CoapTcp, Self::CoapsTcp, Self::CoapWs, Self::CoapsWs];

    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CoapTcp => "coap+tcp",
            Self::CoapsTcp => "coaps+tcp",
            Self::CoapWs => "coap+ws",
            Self::CoapsWs => "coaps+ws",
        }
    }

    /// The port of a URI without one.
    pub const fn default_port(self) -> u16 {
        match self {
            Self::CoapTcp => 5683,
            Self::CoapsTcp => 5684,
            Self::CoapWs => 80,
            Self::CoapsWs => 443,
        }
    }

    /// Runs over TLS.
    pub const fn is_secure(self) -> bool {
        matches!(self, Self::CoapsTcp | Self::CoapsWs)
    }

    /// Runs over WebSocket.
    pub const fn is_web_socket(self) -> bool {
        matches!(self, Self::CoapWs | Self::CoapsWs)
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why some text is no URI of ours.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum UriError {
    /// No absolute URI by the rules of RFC 3986.
    #[error("not an absolute URI")]
    Syntax,
    /// None of the four schemes.
    #[error("scheme is not one of CoAP over TCP or WebSocket")]
    Scheme,
    /// No host, or something before an `@`.
    #[error("authority is not host[:port]")]
    Authority,
    /// A port above 65535.
    #[error("port out of range")]
    Port,
    /// A fragment, which no request can carry.
    #[error("fragment in a request URI")]
    Fragment,
    /// A host, path segment or query argument of more than 255 bytes.
    #[error("component over 255 bytes")]
    TooLong,
}

/// What is reached without Uri-Host and Uri-Port (T-8.5-1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Destination<'a> {
    /// The address as a literal (`192.0.2.1`, `[2001:db8::1]`); with TLS and SNI the name in it, over
    /// WebSocket that of the Host header.
    pub host: &'a str,
    /// The TCP port.
    pub port: u16,
}

/// A checked URI, in parts of the text it was read from.
///
/// ```
/// use coap_tcp_core::uri::{Destination, Uri};
/// use coap_tcp_core::wire::{Code, Message, OptionNumber, Writer};
///
/// let uri = Uri::parse("coap+tcp://example.org/sensors/temperature?u=Cel")?;
/// assert_eq!((uri.host(), uri.port()), ("example.org", 5683));
///
/// // Options go out in the order of their numbers: those of the caller between those of the URI.
/// let there = Destination { host: "192.0.2.1", port: 5683 };
/// let mut tx = coap_tcp_core::Fixed::<128>::new();
/// let mut writer = Writer::new(&mut tx, Code::GET, &[1])?;
/// uri.write(there, ..OptionNumber::OBSERVE, &mut writer)?;
/// writer.uint(OptionNumber::OBSERVE, 0)?;
/// uri.write(there, OptionNumber::OBSERVE.., &mut writer)?;
/// writer.uint(OptionNumber::ACCEPT, 112)?;
/// writer.finish();
/// # use coap_tcp_core::Buf;
/// let message = Message::parse(tx.as_slice())?;
/// assert!(message.path_is(&["sensors", "temperature"]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Uri<'a> {
    scheme: Scheme,
    host: &'a str,
    port: u16,
    path: &'a str,
    query: Option<&'a str>,
}

impl<'a> Uri<'a> {
    /// Checks everything, so that nothing but room can be missing when the options are written.
    pub fn parse(text: &'a str) -> Result<Self, UriError> {
        let uri = fluent_uri::Uri::parse(text).map_err(|_| UriError::Syntax)?;
        let same = |scheme: &Scheme| scheme.as_str().eq_ignore_ascii_case(uri.scheme().as_str());
        let scheme = Scheme::ALL.into_iter().find(same).ok_or(UriError::Scheme)?;
        let authority = uri.authority().ok_or(UriError::Authority)?;
        if authority.host().is_empty() || authority.has_userinfo() {
            return Err(UriError::Authority);
        }
        if uri.has_fragment() {
            return Err(UriError::Fragment);
        }
        let port = authority.port_to_u16().map_err(|_| UriError::Port)?;
        let uri = Self {
            scheme,
            host: authority.host(),
            port: port.unwrap_or(scheme.default_port()),
            path: uri.path().as_str(),
            query: uri.query().map(|query| query.as_str()),
        };
        let mut parts = core::iter::once(uri.host).chain(uri.segments()).chain(uri.arguments());
        match parts.all(|part| decode(part).count() <= LONGEST) {
            true => Ok(uri),
            false => Err(UriError::TooLong),
        }
    }

    /// Which transport, and whether TLS.
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The host as it is written: a name, an IPv4 address, or an IPv6 address in brackets.
    pub const fn host(&self) -> &'a str {
        self.host
    }

    /// The port, or the scheme's.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Writes those of the URI's options whose numbers are in `range`: Uri-Host 3 and Uri-Port 7 where they
    /// differ from the destination, Uri-Path 11, Uri-Query 15 (T-8.6-1). `..` writes them all; with a narrower
    /// range the caller's own options come between.
    pub fn write<T: Buf + ?Sized>(
        &self,
        to: Destination<'_>,
        range: impl RangeBounds<OptionNumber>,
        writer: &mut Writer<'_, T>,
    ) -> Result<(), WriteError> {
        let host = Decoded::new(decode(self.host).map(|b| b.to_ascii_lowercase()));
        if range.contains(&OptionNumber::URI_HOST) && !same_host(host.as_slice(), to.host) {
            writer.option(OptionNumber::URI_HOST, host.as_slice())?;
        }
        if range.contains(&OptionNumber::URI_PORT) && self.port != to.port {
            writer.uint(OptionNumber::URI_PORT, self.port.into())?;
        }
        if range.contains(&OptionNumber::URI_PATH) {
            let segments = self.segments().map(|segment| Decoded::new(decode(segment)));
            writer.options(OptionNumber::URI_PATH, segments)?;
        }
        if range.contains(&OptionNumber::URI_QUERY) {
            let arguments = self.arguments().map(|argument| Decoded::new(decode(argument)));
            writer.options(OptionNumber::URI_QUERY, arguments)?;
        }
        Ok(())
    }

    /// The segments of the path, dot segments resolved (RFC 3986 section 5.2.4): they must not become options
    /// (C-5.10.1-1). An empty path and `/` have none; a slash at the end gives an empty last one.
    fn segments(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let mut rest = self.path.strip_prefix('/').map(|path| path.split('/'));
        let mut any = false;
        core::iter::from_fn(move || {
            let rest = rest.as_mut()?;
            loop {
                let segment = rest.next()?;
                let last = rest.clone().next().is_none();
                let stays = match dots(segment) {
                    0 if last && segment.is_empty() => any,
                    0 => !is_undone(rest.clone()),
                    _ => any && last,
                };
                any |= stays;
                if stays {
                    return Some(if dots(segment) > 0 { "" } else { segment });
                }
            }
        })
    }

    fn arguments(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.query.into_iter().flat_map(|query| query.split('&'))
    }
}

/// 1 for `.`, 2 for `..`, however they are written; 0 for any other segment.
fn dots(segment: &str) -> usize {
    let mut bytes = decode(segment);
    match (bytes.next(), bytes.next(), bytes.next()) {
        (Some(b'.'), None, _) => 1,
        (Some(b'.'), Some(b'.'), None) => 2,
        _ => 0,
    }
}

/// Whether a `..` among the segments after it takes a segment away.
fn is_undone<'a>(after: impl Iterator<Item = &'a str>) -> bool {
    let mut depth = 1_u32;
    for segment in after {
        match dots(segment) {
            0 => depth += 1,
            1 => {}
            _ => depth -= 1,
        }
        if depth == 0 {
            return true;
        }
    }
    false
}

/// The same address in whatever notation, or the same name in whatever case.
fn same_host(one: &[u8], other: &str) -> bool {
    let address = |host: &str| {
        let literal = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        literal.unwrap_or(host).parse::<IpAddr>().ok()
    };
    let parsed = core::str::from_utf8(one).ok().and_then(address);
    one.eq_ignore_ascii_case(other.as_bytes()) || (parsed.is_some() && parsed == address(other))
}

/// The bytes behind percent-encoding.
fn decode(text: &str) -> impl Iterator<Item = u8> + '_ {
    let digit = |b: u8| char::from(b).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut rest = text.as_bytes();
    core::iter::from_fn(move || {
        let (byte, after) = match rest {
            [b'%', high, low, after @ ..] => (digit(*high)? << 4 | digit(*low)?, after),
            [byte, after @ ..] => (*byte, after),
            [] => return None,
        };
        rest = after;
        Some(byte)
    })
}

/// One component, decoded.
struct Decoded {
    bytes: [u8; LONGEST],
    len: usize,
}

impl Decoded {
    /// What [`Uri::parse`] has measured.
    fn new(component: impl Iterator<Item = u8>) -> Self {
        let mut decoded = Self { bytes: [0; LONGEST], len: 0 };
        for (to, from) in decoded.bytes.iter_mut().zip(component) {
            *to = from;
            decoded.len += 1;
        }
        decoded
    }

    fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

impl AsRef<[u8]> for Decoded {
    fn as_ref(&self) -> &[u8] {
        self.as_slice()
    }
}

/// The URI that a request is for, to be displayed (T-8.7-1).
///
/// ```
/// use coap_tcp_core::uri::{Destination, RequestUri, Scheme};
/// use coap_tcp_core::wire::{Code, Message};
///
/// let request = Message::parse(&[0x51, 0x01, 0x10, 0x60, 0x53, b'o', b'b', b's'])?;
/// let to = Destination { host: "[2001:db8::1]", port: 5683 };
/// let uri = RequestUri { scheme: Scheme::CoapTcp, to, message: &request };
/// assert_eq!(uri.to_string(), "coap+tcp://[2001:db8::1]/obs");
/// # Ok::<(), coap_tcp_core::Malformed>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct RequestUri<'m> {
    /// The scheme: transport and security of the connection.
    pub scheme: Scheme,
    /// What stands in where Uri-Host and Uri-Port do not.
    pub to: Destination<'m>,
    /// The request.
    pub message: &'m Message<'m>,
}

impl fmt::Display for RequestUri<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://", self.scheme)?;
        match self.message.option(OptionNumber::URI_HOST) {
            Some(host) if host.starts_with(b"[") => encode(f, host, b"!$&'()*+,;=:[]")?,
            Some(host) => encode(f, host, b"!$&'()*+,;=")?,
            None => f.write_str(self.to.host)?,
        }
        let port = self.message.uint(OptionNumber::URI_PORT).unwrap_or(self.to.port.into());
        if port != self.scheme.default_port().into() {
            write!(f, ":{port}")?;
        }
        let mut path = self.message.path().peekable();
        if path.peek().is_none() {
            f.write_char('/')?;
        }
        for segment in path {
            f.write_char('/')?;
            encode(f, segment, b"!$&'()*+,;=:@")?;
        }
        for (argument, sign) in self.message.query().zip(core::iter::once('?').chain(core::iter::repeat('&')))
        {
            f.write_char(sign)?;
            encode(f, argument, b"!$'()*+,;=:@/?")?;
        }
        Ok(())
    }
}

/// Percent-encodes all but unreserved characters and `plain`, in capitals.
fn encode(f: &mut fmt::Formatter<'_>, bytes: &[u8], plain: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|&b| match b {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => f.write_char(b.into()),
        _ if plain.contains(&b) => f.write_char(b.into()),
        _ => write!(f, "%{b:02X}"),
    })
}

#[cfg(test)]
mod tests;
