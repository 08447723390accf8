use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use coap_tcp_core::{Buf, Fixed};
use proptest::prelude::*;

use super::*;
use crate::content::tests::path;
use crate::content::{ContentFormat, WriteError};
use crate::path::Path;
use crate::version::ObjectVersion;

/// All links as text: target, then attributes with unescaped values.
fn links(payload: &str) -> Result<Vec<String>, LinkError> {
    let show = |attribute: Attribute<'_>| match attribute.value {
        Some(value) => format!(" {}={value}", attribute.name),
        None => format!(" {}", attribute.name),
    };
    let links = Links::new(payload.as_bytes());
    links
        .map(|link| {
            link.map(|link| link.attributes().fold(link.target.to_string(), |text, a| text + &show(a)))
        })
        .collect()
}

fn listed(payload: &str) -> Result<Vec<String>, LinkError> {
    let list = ObjectList::parse(payload.as_bytes())?;
    let show = |listed: Listed| match listed.version {
        Some(version) => format!("{} {version}", listed.path),
        None => listed.path.to_string(),
    };
    Ok(list.iter().map(show).collect())
}

fn written(write: impl FnOnce(&mut Writer<'_>) -> Result<(), WriteError>) -> Result<String, WriteError> {
    let mut buf = Fixed::<128>::new();
    buf.append(b"head").unwrap();
    write(&mut Writer::new(&mut buf))?;
    Ok(core::str::from_utf8(buf.as_slice()).unwrap().strip_prefix("head").unwrap().to_string())
}

#[test]
fn vec_lf1_a_register_lists_objects_and_instances() {
    let payload = r#"</>;rt="oma.lwm2m";ct="60 110 112",</1/0>,</3/0>,</5>;ver=1.1,</5/0>"#;
    assert_eq!(listed(payload).unwrap(), ["/1/0", "/3/0", "/5 1.1", "/5/0"]);
    let list = ObjectList::parse(payload.as_bytes()).unwrap();
    assert_eq!(list.root(), "");
    assert_eq!(list.formats().map(|format| format.0).collect::<Vec<_>>(), [60, 110, 112]);
    assert_eq!((list.version(5), list.version(3)), (Some(ObjectVersion::new(1, 1)), None));

    let formats = [60, 110, 112].map(ContentFormat);
    let again = written(|links| {
        links.root(&formats)?;
        links.object(1, ObjectVersion::V1_0, |each| each(0))?;
        links.object(3, ObjectVersion::V1_0, |each| each(0))?;
        links.object(5, ObjectVersion::new(1, 1), |each| each(0))
    });
    assert_eq!(again.as_deref(), Ok(payload));
}

#[test]
fn vec_lf2_and_reg_23_an_alternate_path_is_found_and_taken_off() {
    let payload = r#"</lwm2m>;rt="oma.lwm2m";ct=110,</lwm2m/1/0>,</lwm2m/3/0>,</5/0>,</lwm2m3/7>"#;
    assert_eq!(listed(payload).unwrap(), ["/1/0", "/3/0", "/5/0"]);
    let list = ObjectList::parse(payload.as_bytes()).unwrap();
    assert_eq!(list.root(), "/lwm2m");
    assert_eq!(list.formats().collect::<Vec<_>>(), [ContentFormat::SENML_JSON]);
    assert_eq!(ObjectList::parse(br#"</3/0>,</a/b>;rt="x oma.lwm2m""#).unwrap().root(), "/a/b");
    for wrong in ["</5>", "</a/1>", "</a/>", "<a>", "</a//b>", "</a?b>"] {
        assert_eq!(listed(&format!(r#"{wrong};rt="oma.lwm2m""#)), Err(LinkError::Root), "{wrong}");
    }
    assert_eq!(listed(r#"</a>;rt="oma.lwm2m",</b>;rt="oma.lwm2m""#), Err(LinkError::Root));
}

#[test]
fn vec_lf3_and_dm_66_discover_answers_are_read() {
    let payload =
        r#"</>;lwm2m=1.1,</0/0>;ssid=101;uri="coaps+tcp://s.example:5684",</0/1>,</1/0>;ssid=101,</3/0>"#;
    let expected =
        ["/ lwm2m=1.1", "/0/0 ssid=101 uri=coaps+tcp://s.example:5684", "/0/1", "/1/0 ssid=101", "/3/0"];
    assert_eq!(links(payload).unwrap(), expected);
    assert_eq!(
        links("</3/0/7>;dim=2;pmin=\"10\";foo , </3/0/7/0>").unwrap(),
        ["/3/0/7 dim=2 pmin=10 foo", "/3/0/7/0"]
    );
    let link = Links::new(b"</a/3/0>;ver=1.1").next().unwrap().unwrap();
    assert_eq!(
        (link.path("/a"), link.path("").is_err(), link.path("/b").is_err()),
        (Ok(path("/3/0")), true, true)
    );
    assert_eq!(Links::new(b"</a>").next().unwrap().unwrap().path("/a"), Ok(Path::ROOT));
}

#[test]
fn reg_20_objects_without_instances_are_listed_themselves() {
    assert_eq!(listed("</1/0>,</3/0>,</5>").unwrap(), ["/1/0", "/3/0", "/5"]);
    let text = written(|links| {
        links.object(5, ObjectVersion::V1_0, |_| {})?;
        links.object(6, ObjectVersion::new(2, 0), |_| {})?;
        links.object(9, ObjectVersion::V1_0, |each| [0, 7].into_iter().for_each(each))
    });
    assert_eq!(text.as_deref(), Ok("</5>,</6>;ver=2.0,</9/0>,</9/7>"));
}

#[test]
fn reg_21_security_objects_are_never_written() {
    let text = written(|links| {
        [0, 21, 23, 3]
            .into_iter()
            .try_for_each(|object| links.object(object, ObjectVersion::new(1, 2), |each| each(0)))
    });
    assert_eq!(text.as_deref(), Ok("</3>;ver=1.2,</3/0>"));
    assert_eq!(listed("</0/0>,</3/0>").unwrap(), ["/0/0", "/3/0"], "the server decides");
}

#[test]
fn reg_22_formats_are_one_number_or_a_list() {
    let formats = |payload: &str| {
        let list = ObjectList::parse(payload.as_bytes());
        list.map(|list| list.formats().map(|format| format.0).collect::<Vec<_>>())
    };
    assert_eq!(formats("</>;ct=110,</3/0>").unwrap(), [110]);
    assert_eq!(formats("</>;ct=\"110 112  60\"").unwrap(), [110, 112, 60]);
    assert_eq!(formats("</>;rt=\"oma.lwm2m\"").unwrap(), []);
    assert_eq!(formats("</3>;ct=60").unwrap(), [], "of the root only");
    for wrong in ["a", "\"110,112\"", "65536", "-1", "+1"] {
        assert_eq!(formats(&format!("</>;ct={wrong}")), Err(LinkError::Formats), "{wrong}");
    }
    assert_eq!(
        written(|links| links.root(&[ContentFormat::TLV])).as_deref(),
        Ok(r#"</>;rt="oma.lwm2m";ct=11542"#)
    );
    assert_eq!(written(|links| links.root(&[])).as_deref(), Ok(r#"</>;rt="oma.lwm2m""#));
}

#[test]
fn reg_24_versions_stand_on_objects_or_instances_and_must_agree() {
    assert_eq!(listed("</44>;ver=2.2,</44/0>").unwrap(), ["/44 2.2", "/44/0"]);
    assert_eq!(listed("</44/0>;ver=\"2.2\"").unwrap(), ["/44/0 2.2"]);
    for wrong in ["2", "a.b", "\"\"", "2.2.2", "\"2\\.2\""] {
        assert_eq!(listed(&format!("</44>;ver={wrong}")), Err(LinkError::Version), "{wrong}");
    }
    for (payload, expected) in [
        ("</44>;ver=2.2,</44/0>;ver=2.2,</44/1>", Ok(())),
        ("</44>;ver=2.2,</44/0>;ver=2.1", Err(LinkError::Version)),
        ("</44/0>;ver=1.0,</45>;ver=2.0,</44/1>;ver=1.1", Err(LinkError::Version)),
        ("</45>;ver=1.0,</44>;ver=2.0,</45/1>;ver=1.0", Ok(())),
    ] {
        let list = ObjectList::parse(payload.as_bytes()).unwrap();
        assert_eq!(list.check_versions(), expected, "{payload}");
    }
    let worst: String = (0..2_000).rev().map(|id| format!(",</{id}>;ver=1.0")).collect();
    assert_eq!(ObjectList::parse(&worst.as_bytes()[1..]).unwrap().check_versions(), Err(LinkError::Complex));
    let first = ObjectList::parse(b"</44>;ver=2.2,</44/0>;ver=2.1").unwrap();
    assert_eq!(first.version(44), Some(ObjectVersion::new(2, 2)), "leniently, the first wins");
}

#[test]
fn reg_25_unknown_objects_and_attributes_are_accepted() {
    assert_eq!(listed(r#"</65000/3>;foo="a,b;c>",</sensors/temp>;obs,<coap://x/3>"#).unwrap(), ["/65000/3"]);
    assert_eq!(
        links(r#"</3>;foo="a,b;c>";title*=UTF-8''n;t="say \"hi\" \\""#).unwrap(),
        [r#"/3 foo=a,b;c> title*=UTF-8''n t=say "hi" \"#]
    );
}

#[test]
fn reg_26_malformed_links_are_refused() {
    for wrong in [
        "/3>",
        "</3",
        "</3/0>,",
        ",</3/0>",
        "</3/0>,,</1>",
        "</3/0></1>",
        "</3>x",
        "</3>;",
        "</3>;=1",
        "</3>;a=",
        "</3>;a=\"b",
        "</3>;a=\"b\\",
        "</3>;a=\"b\\\"",
        "</3>;a=b,c",
        "</3>;a=\"b\"c",
        "</3>;a=\"b\nc\"",
        "</3 0>",
        "</3>;a b",
        "</<3>",
        "</3>; a=1",
        "</3> ;a=1",
        "</3>;*=1",
        "</3>;a*b=1",
        "</3>;a=\u{e9}",
        "</\u{e9}>",
        "</3/0>\n",
    ] {
        assert_eq!(listed(wrong), Err(LinkError::Malformed), "{wrong}");
    }
    for wrong in ["</65535>", "</65536/0>", "</01>", "</3/>", "</3/00>", "</3/0/1>", "</3/a>", "<3/0>"] {
        assert_eq!(listed(wrong), Err(LinkError::Object), "{wrong}");
    }
    assert_eq!(listed(" </3/0> ,\t</1/0>\t").unwrap(), ["/3/0", "/1/0"], "blanks around commas");
    assert!(Links::new(b"</3>;a=\"\xFF\"").all(|link| link.is_err()));
    assert_eq!(Links::new(b"</3>,</4").count(), 2, "nothing follows an error");
}

#[test]
fn reg_28_an_empty_list_is_the_callers_to_judge() {
    assert_eq!(listed("").unwrap(), Vec::<String>::new());
}

#[test]
fn links_that_do_not_fit_change_nothing() {
    let mut buf = Fixed::<16>::new();
    let mut links = Writer::new(&mut buf);
    assert_eq!(links.attribute("pmin", 1), Err(WriteError::Order), "of no link");
    links.link(path("/3/0")).unwrap();
    assert_eq!(links.quoted("a", "12345678"), Err(WriteError::Full));
    assert_eq!(links.root(&[]), Err(WriteError::Full));
    assert_eq!(links.object(5, ObjectVersion::V1_0, |each| (0..9).for_each(each)), Err(WriteError::Full));
    assert_eq!(links.object(5, ObjectVersion::V1_0, |each| each(65535)), Err(WriteError::Outside));
    assert_eq!(links.flag("a b"), Err(WriteError::Form));
    assert_eq!(links.quoted("a", "\n"), Err(WriteError::Form));
    links.link(path("/4")).unwrap();
    links.flag("x").unwrap();
    assert_eq!(buf.as_slice(), b"</3/0>,</4>;x");
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(
        made in prop::collection::vec(
            (prop::collection::vec(0..u16::MAX, 0..=4), prop::collection::vec(("[a-z][a-z0-9*]{0}", "[ -~\u{e9}]{0,8}"), 0..3)),
            0..5,
        ),
    ) {
        let mut buf = Fixed::<4096>::new();
        let mut writer = Writer::new(&mut buf);
        for (ids, attributes) in &made {
            writer.link(Path::new(ids).unwrap()).unwrap();
            for (name, value) in attributes {
                writer.quoted(name, value).unwrap();
            }
        }
        let read: Vec<_> = Links::new(buf.as_slice())
            .map(|link| link.unwrap())
            .map(|link| {
                let ids = link.path("").unwrap().ids().to_vec();
                let attributes = link.attributes().map(|a| (a.name.to_string(), a.value.unwrap().to_string()));
                (ids, attributes.collect::<Vec<_>>())
            })
            .collect();
        prop_assert_eq!(read, made);
    }

    #[test]
    fn any_bytes_are_read_without_panic(text in r#"[</>0-9;,="\\ a*\u{e9}]{0,40}"#, bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        for payload in [text.as_bytes(), &bytes] {
            for link in Links::new(payload).flatten() {
                prop_assert!(link.attributes().all(|attribute| !attribute.name.is_empty()));
                let _ = link.path("/a");
            }
            if let Ok(list) = ObjectList::parse(payload) {
                let _ = (list.iter().count(), list.formats().count(), list.check_versions());
            }
        }
    }
}
