use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::buf::Fixed;
use crate::wire::Code;

const HERE: Destination<'_> = Destination { host: "192.0.2.1", port: 5683 };

/// The options of a URI, as `number=value`.
fn options(uri: &str, to: Destination<'_>) -> Result<Vec<String>, UriError> {
    let uri = Uri::parse(uri)?;
    let mut tx = Fixed::<2048>::new();
    let mut writer = Writer::new(&mut tx, Code::GET, &[]).unwrap();
    uri.write(to, .., &mut writer).unwrap();
    writer.finish();
    let message = Message::parse(tx.as_slice()).unwrap();
    let show = |(n, v): (OptionNumber, &[u8])| match n {
        OptionNumber::URI_PORT => format!("{}={}", n.0, crate::wire::uint(v).unwrap()),
        _ => format!("{}={}", n.0, v.escape_ascii()),
    };
    Ok(message.options().map(show).collect())
}

fn back(uri: &str, to: Destination<'_>) -> String {
    let parsed = Uri::parse(uri).unwrap();
    let mut tx = Fixed::<4096>::new();
    let mut writer = Writer::new(&mut tx, Code::GET, &[]).unwrap();
    parsed.write(to, .., &mut writer).unwrap();
    writer.finish();
    let message = Message::parse(tx.as_slice()).unwrap();
    RequestUri { scheme: parsed.scheme(), to, message: &message }.to_string()
}

#[test]
fn c_5_4_4_1_defaults_are_not_sent_and_absence_means_them() {
    for uri in ["coap+tcp://192.0.2.1:5683/a", "coap+tcp://192.0.2.1/a"] {
        assert_eq!(options(uri, HERE).unwrap(), ["11=a"], "Uri-Host and Uri-Port are where it goes");
        assert_eq!(back(uri, HERE), "coap+tcp://192.0.2.1/a");
    }
    assert_eq!(options("coap+tcp://192.0.2.1:1/a", HERE).unwrap(), ["7=1", "11=a"]);
}

/// Dot segments never become options (C-5.10.1-1).
#[test]
fn t_8_6_1_uri_to_options() {
    let table: &[(&str, &[&str])] = &[
        ("coap+tcp://192.0.2.1", &[]),
        ("coap+tcp://192.0.2.1/", &[]),
        ("coap+tcp://192.0.2.1/foo", &["11=foo"]),
        ("coap+tcp://192.0.2.1/foo/", &["11=foo", "11="]),
        ("coap+tcp://192.0.2.1//", &["11=", "11="]),
        ("coap+tcp://192.0.2.1?", &["15="]),
        ("coap+tcp://192.0.2.1/?a&b", &["15=a", "15=b"]),
        ("coap+tcp://192.0.2.1/%7Efoo%2fbar?x=%26&y", &["11=~foo/bar", "15=x=&", "15=y"]),
        ("coap+tcp://192.0.2.1/%C3%A9", &["11=\\xc3\\xa9"]),
        ("coap+tcp://192.0.2.1:5683/a", &["11=a"]),
        ("coap+tcp://192.0.2.1:61616/a", &["7=61616", "11=a"]),
        ("COAP+TCP://Example.ORG/A", &["3=example.org", "11=A"]),
        ("coap+tcp://ex%61mple.org/A", &["3=example.org", "11=A"]),
        ("coaps+tcp://192.0.2.1/", &["7=5684"]),
        ("coap+ws://192.0.2.1/", &["7=80"]),
        ("coaps+ws://192.0.2.1/", &["7=443"]),
        ("coap+tcp://192.0.2.1/a/./b/../c", &["11=a", "11=c"]),
        ("coap+tcp://192.0.2.1/a/b/..", &["11=a", "11="]),
        ("coap+tcp://192.0.2.1/a/.", &["11=a", "11="]),
        ("coap+tcp://192.0.2.1/../a", &["11=a"]),
        ("coap+tcp://192.0.2.1/a/%2E%2e/b", &["11=b"]),
        ("coap+tcp://192.0.2.1/a/..", &[]),
        ("coap+tcp://192.0.2.1/..", &[]),
        ("coap+tcp://192.0.2.1/...", &["11=..."]),
    ];
    for (uri, expected) in table {
        assert_eq!(options(uri, HERE).unwrap(), *expected, "{uri}");
    }
}

/// Uri-Host and Uri-Port have defaults, too (C-5.4.4-1).
#[test]
fn t_8_5_1_what_the_destination_says_already_is_left_out() {
    let v6 = Destination { host: "[2001:db8::1]", port: 5683 };
    assert!(options("coap+tcp://[2001:db8::1]", v6).unwrap().is_empty());
    assert!(options("coap+tcp://[2001:DB8:0:0::0001]", v6).unwrap().is_empty(), "another notation");
    assert_eq!(options("coap+tcp://[2001:db8::2]", v6).unwrap(), ["3=[2001:db8::2]"]);
    let sni = Destination { host: "example.org", port: 5684 };
    assert!(options("coaps+tcp://EXAMPLE.org", sni).unwrap().is_empty());
    let ws = Destination { host: "example.org", port: 80 };
    let sensors = options("coap+ws://example.org/sensors/temperature?u=Cel", ws).unwrap();
    assert_eq!(sensors, ["11=sensors", "11=temperature", "15=u=Cel"], "W-8.3-1: V35");
}

#[test]
fn t_8_6_1_what_is_no_uri_of_ours() {
    let long = format!("coap+tcp://h/{}", "a".repeat(256));
    let fits = format!("coap+tcp://h/{}", "%61".repeat(255));
    let table = [
        ("/foo", UriError::Syntax),
        ("coap+tcp://h/ x", UriError::Syntax),
        ("coap+tcp://h/%4", UriError::Syntax),
        ("coap://h/", UriError::Scheme),
        ("http://h/", UriError::Scheme),
        ("coap+tcp:foo", UriError::Authority),
        ("coap+tcp:///foo", UriError::Authority),
        ("coap+tcp://me@h/", UriError::Authority),
        ("coap+tcp://h:70000/", UriError::Port),
        ("coap+tcp://h/#f", UriError::Fragment),
        (&long, UriError::TooLong),
    ];
    for (uri, expected) in table {
        assert_eq!(Uri::parse(uri), Err(expected), "{uri}");
    }
    assert!(Uri::parse(&fits).is_ok(), "the length counts when decoded");
    assert_eq!(Uri::parse("coap+tcp://h:/").unwrap().port(), 5683);
}

#[test]
fn the_options_of_the_caller_come_between() {
    let uri = Uri::parse("coap+tcp://h:1/p?q").unwrap();
    let mut tx = Fixed::<128>::new();
    let mut writer = Writer::new(&mut tx, Code::GET, &[]).unwrap();
    writer.option(OptionNumber::IF_MATCH, &[]).unwrap();
    uri.write(HERE, ..OptionNumber::OBSERVE, &mut writer).unwrap();
    writer.uint(OptionNumber::OBSERVE, 0).unwrap();
    uri.write(HERE, OptionNumber::OBSERVE..OptionNumber::CONTENT_FORMAT, &mut writer).unwrap();
    writer.uint(OptionNumber::CONTENT_FORMAT, 60).unwrap();
    uri.write(HERE, OptionNumber::CONTENT_FORMAT.., &mut writer).unwrap();
    writer.uint(OptionNumber::ACCEPT, 60).unwrap();
    writer.finish();
    let message = Message::parse(tx.as_slice()).unwrap();
    let numbers: Vec<u16> = message.options().map(|(n, _)| n.0).collect();
    assert_eq!(numbers, [1, 3, 6, 7, 11, 12, 15, 17]);
}

#[test]
fn t_8_7_1_options_to_uri() {
    let table = [
        ("coap+tcp://192.0.2.1", "coap+tcp://192.0.2.1/"),
        ("coap+tcp://192.0.2.1:5683/a/b/?x&y=%26", "coap+tcp://192.0.2.1/a/b/?x&y=%26"),
        ("coap+tcp://Example.org:1/%7e%2f%c3%a9", "coap+tcp://example.org:1/~%2F%C3%A9"),
        ("coap+tcp://[2001:db8::2]/", "coap+tcp://[2001:db8::2]/"),
        ("coap+tcp://192.0.2.1?", "coap+tcp://192.0.2.1/?"),
    ];
    for (uri, expected) in table {
        assert_eq!(back(uri, HERE), expected, "{uri}");
    }
}

proptest! {
    #[test]
    fn t_8_7_1_there_and_back(
        host in "[a-z][a-z0-9.-]{0,20}",
        port in any::<u16>(),
        path in proptest::collection::vec("[ -~é]{1,12}", 0..5),
        query in proptest::collection::vec("[ -~é]{0,12}", 0..4),
    ) {
        prop_assume!(path.iter().all(|segment| segment != "." && segment != ".."));
        let mut tx = Fixed::<2048>::new();
        let mut writer = Writer::new(&mut tx, Code::GET, &[]).unwrap();
        writer.option(OptionNumber::URI_HOST, host.as_bytes()).unwrap();
        writer.uint(OptionNumber::URI_PORT, port.into()).unwrap();
        writer.options(OptionNumber::URI_PATH, &path).unwrap();
        writer.options(OptionNumber::URI_QUERY, &query).unwrap();
        writer.finish();
        let message = Message::parse(tx.as_slice()).unwrap();
        let text = RequestUri { scheme: Scheme::CoapTcp, to: HERE, message: &message }.to_string();

        let nowhere = Destination { host: "", port: !port };
        let mut again = Fixed::<2048>::new();
        let mut writer = Writer::new(&mut again, Code::GET, &[]).unwrap();
        Uri::parse(&text).unwrap().write(nowhere, .., &mut writer).unwrap();
        writer.finish();
        prop_assert_eq!(again.as_slice(), tx.as_slice(), "{}", text);
    }

    #[test]
    fn no_text_makes_it_panic(text in "(coap\\+tcp://)?[ -~]{0,40}") {
        if let Ok(uri) = Uri::parse(&text) {
            let mut writer_buf = Fixed::<1024>::new();
            let mut writer = Writer::new(&mut writer_buf, Code::GET, &[]).unwrap();
            uri.write(HERE, .., &mut writer).unwrap();
        }
    }
}
