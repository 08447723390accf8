// What chooses among all formats needs them all.
#![cfg_attr(not(feature = "default"), allow(dead_code, unused_imports))]

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use coap_tcp_core::{Buf, Fixed};
use proptest::prelude::*;

use super::*;
use crate::value::Type;

pub(super) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().filter_map(|c| c.to_digit(16)).map(|d| d as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

pub(super) fn path(text: &str) -> Path {
    text.parse().unwrap()
}

/// What /3/0 holds in the vectors T1 and S1.
pub(super) fn device() -> Vec<(&'static str, Value<'static>)> {
    [
        ("0", Value::String("Open Mobile Alliance")),
        ("1", Value::String("Lightweight M2M Client")),
        ("2", Value::String("345000123")),
        ("3", Value::String("1.0")),
        ("6/0", Value::Integer(1)),
        ("6/1", Value::Integer(5)),
        ("7/0", Value::Integer(3800)),
        ("7/1", Value::Integer(5000)),
        ("8/0", Value::Integer(125)),
        ("8/1", Value::Integer(900)),
        ("9", Value::Integer(100)),
        ("10", Value::Integer(15)),
        ("11/0", Value::Integer(0)),
        ("13", Value::Time(1_367_491_215)),
        ("14", Value::String("+02:00")),
        ("16", Value::String("U")),
    ]
    .to_vec()
}

/// A value that owns what it holds.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Owned {
    Text(String),
    Bytes(Vec<u8>),
    Plain(Value<'static>),
    /// No value: a container that may stay empty.
    Container,
}

impl Owned {
    fn value(&self) -> Option<Value<'_>> {
        match self {
            Self::Text(text) => Some(Value::String(text)),
            Self::Bytes(bytes) => Some(Value::Opaque(bytes)),
            Self::Plain(value) => Some(*value),
            Self::Container => None,
        }
    }
}

/// What an object may hold, in order: paths below /3303, each with its value.
pub(super) type Tree = BTreeMap<Path, Owned>;

fn id() -> impl Strategy<Value = u16> {
    prop_oneof![0..4u16, any::<u16>().prop_map(|id| id.min(65534))]
}

fn owned() -> impl Strategy<Value = Owned> {
    prop_oneof![
        ".{0,12}".prop_map(Owned::Text),
        prop::collection::vec(any::<u8>(), 0..9).prop_map(Owned::Bytes),
        prop::collection::vec(any::<u8>(), 230..260).prop_map(Owned::Bytes),
        any::<i64>().prop_map(|n| Owned::Plain(Value::Integer(n >> (n & 63)))),
        any::<u64>().prop_map(|n| Owned::Plain(Value::Unsigned(n >> (n & 63)))),
        any::<i64>().prop_map(|n| Owned::Plain(Value::Time(n))),
        any::<bool>().prop_map(|yes| Owned::Plain(Value::Boolean(yes))),
        prop_oneof![prop::num::f64::NORMAL, any::<f32>().prop_map(f64::from)]
            .prop_filter("a value equal to itself", |n| !n.is_nan())
            .prop_map(|n| Owned::Plain(Value::Float(n))),
        any::<(u16, u16)>().prop_map(|(o, i)| Owned::Plain(Value::ObjectLink(o, i))),
    ]
}

pub(super) fn tree() -> impl Strategy<Value = Tree> {
    let resource = prop_oneof![
        owned().prop_map(|value| (Some(value), BTreeMap::new())),
        prop::collection::btree_map(id(), owned(), 0..4).prop_map(|multiple| (None, multiple)),
    ];
    let object = prop::collection::btree_map(id(), prop::collection::btree_map(id(), resource, 0..5), 0..4);
    object.prop_map(|object| {
        let mut tree = Tree::new();
        for (instance, resources) in object {
            let instance = Path::new(&[3303, instance]).unwrap();
            tree.insert(instance, Owned::Container);
            for (resource, (single, multiple)) in resources {
                let resource = instance.child(resource).unwrap();
                tree.insert(resource, single.unwrap_or(Owned::Container));
                for (id, value) in multiple {
                    tree.insert(resource.child(id).unwrap(), value);
                }
            }
        }
        tree
    })
}

/// Writes a tree: the values at or below `target`, as `Objects::read` would.
pub(super) fn write(tree: &Tree, target: Path, out: &mut dyn Values) -> Result<usize, WriteError> {
    let mut written = 0;
    for (&path, owned) in tree.iter().filter(|(path, _)| target.contains(**path)) {
        match owned.value() {
            Some(value) => out.value(path, value)?,
            None => out.container(path)?,
        }
        written += 1;
    }
    Ok(written)
}

/// Asserts that `payload` says exactly what `tree` holds at or below `target`.
pub(super) fn assert_says(format: ContentFormat, payload: &[u8], tree: &Tree, target: Path) {
    let mut expected =
        tree.iter().filter(|(path, owned)| target.contains(**path) && **owned != Owned::Container);
    for entry in Reader::new(format, target, payload).unwrap() {
        let Entry { path, raw, time } = entry.unwrap();
        assert_eq!(time, None);
        if raw == Raw::Empty {
            assert!(tree.keys().all(|other| *other == path || !path.contains(*other)), "{path} is not empty");
            assert_eq!(tree.get(&path), Some(&Owned::Container));
            continue;
        }
        let (&expected_path, owned) = expected.next().unwrap();
        let value = owned.value().unwrap();
        assert_eq!((path, raw.typed(value.ty(), &mut [])), (expected_path, Ok(value)));
    }
    assert_eq!(expected.next(), None);
}

/// Targets at every depth that lead to something in the tree.
pub(super) fn targets(tree: &Tree) -> Vec<Path> {
    let mut targets: Vec<Path> = tree.keys().copied().collect();
    targets.push(Path::new(&[3303]).unwrap());
    targets
}

const STRUCTURED: [ContentFormat; 2] = [ContentFormat::TLV, ContentFormat::SENML_CBOR];

#[cfg(feature = "default")]
proptest! {
    #[test]
    fn structured_payloads_are_read_back_at_every_level(tree in tree()) {
        for (format, target) in STRUCTURED.into_iter().flat_map(|f| targets(&tree).into_iter().map(move |t| (f, t))) {
            let mut buf = Fixed::<32768>::new();
            buf.append(b"before").unwrap();
            let mut writer = Writer::new(format, target, &mut buf).unwrap();
            write(&tree, target, &mut writer).unwrap();
            let payload = buf.as_slice().strip_prefix(b"before").unwrap();
            assert_says(format, payload, &tree, target);
        }
    }

    #[test]
    fn a_full_buffer_keeps_a_whole_payload_of_what_fitted(tree in tree(), room in 0..400usize) {
        let target = Path::new(&[3303]).unwrap();
        for format in STRUCTURED {
            let mut buf = Fixed::<4096>::new();
            buf.append(&[0xAA; 4096]).unwrap();
            buf.truncate(4096 - room);
            let Ok(mut writer) = Writer::new(format, target, &mut buf) else {
                prop_assert_eq!(room, 0);
                continue;
            };
            let mut fitted = Tree::new();
            for (&path, owned) in &tree {
                let one = Tree::from([(path, owned.clone())]);
                match write(&one, target, &mut writer) {
                    Ok(_) => drop(fitted.insert(path, owned.clone())),
                    Err(error) => {
                        prop_assert_eq!(error, WriteError::Full);
                        break;
                    }
                }
            }
            let (before, payload) = buf.as_slice().split_at(4096 - room);
            prop_assert!(before.iter().all(|&byte| byte == 0xAA));
            assert_says(format, payload, &fitted, target);
        }
    }

    #[test]
    fn a_damaged_payload_is_read_without_panic(
        tree in tree(),
        damage in prop::collection::vec(any::<(prop::sample::Index, u8)>(), 0..4),
        kept in any::<prop::sample::Index>(),
    ) {
        let target = Path::new(&[3303]).unwrap();
        for format in STRUCTURED {
            let mut buf = Fixed::<32768>::new();
            write(&tree, target, &mut Writer::new(format, target, &mut buf).unwrap()).unwrap();
            let mut payload = buf.as_slice().to_vec();
            for (at, byte) in damage.iter().filter(|_| !buf.as_slice().is_empty()) {
                *at.get_mut(&mut payload) = *byte;
            }
            payload.truncate(kept.index(payload.len() + 1));
            for entry in Reader::new(format, target, &payload).unwrap().flatten() {
                prop_assert!(target.contains(entry.path));
                let _ = entry.raw.typed(Type::String, &mut [0; 16]);
            }
        }
    }

    #[test]
    fn any_bytes_are_read_without_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..64),
        ids in prop::collection::vec(0..4u16, 0..=4),
        format in prop::sample::select(&[0, 42, 112, 11542][..]),
    ) {
        let Some(reader) = Reader::new(ContentFormat(format), Path::new(&ids).unwrap(), &bytes) else { return Ok(()) };
        for entry in reader.flatten() {
            for ty in [Type::String, Type::Integer, Type::Float, Type::Opaque, Type::ObjectLink] {
                let _ = entry.raw.typed(ty, &mut [0; 16]);
            }
        }
    }
}

#[cfg(feature = "default")]
#[test]
fn dm_13_a_format_for_one_value_refuses_several() {
    for (target, value_at, expected) in [
        ("/3/0/0", "/3/0/0", Ok(())),
        ("/2/0/2/1", "/2/0/2/1", Ok(())),
        ("/2/0/2", "/2/0/2/1", Err(WriteError::Form)),
        ("/3/0/0", "/3/0/1", Err(WriteError::Form)),
    ] {
        for (format, value) in
            [(ContentFormat::TEXT, Value::String("a")), (ContentFormat::OPAQUE, Value::Opaque(b"a"))]
        {
            let mut buf = Fixed::<8>::new();
            let mut writer = Writer::new(format, path(target), &mut buf).unwrap();
            assert_eq!(writer.value(path(value_at), value), expected);
            assert_eq!(writer.value(path(value_at), value), Err(WriteError::Form), "a second value");
            assert_eq!(buf.as_slice().len(), usize::from(expected.is_ok()));
        }
    }
    for format in [ContentFormat::TEXT, ContentFormat::OPAQUE] {
        assert!(matches!(Writer::new(format, path("/3/0"), &mut Fixed::<8>::new()), Err(WriteError::Form)));
        assert!(Reader::new(format, path("/3/0"), b"").is_none());
    }
}

#[test]
fn fmt_16_octets_are_for_opaque_only() {
    let mut buf = Fixed::<8>::new();
    let mut writer = opaque::Writer::new(&mut buf, path("/1/0/1"));
    assert_eq!(writer.value(path("/1/0/1"), Value::Integer(1)), Err(WriteError::Form));
    let entry = opaque::read(b"\xAB", path("/0/0/3")).unwrap();
    assert_eq!(entry.raw.typed(Type::Opaque, &mut []), Ok(Value::Opaque(b"\xAB")));
    assert!(entry.raw.typed(Type::Integer, &mut []).is_err());
}

#[test]
fn text_that_does_not_fit_leaves_the_buffer_as_it_was() {
    for (value, expected) in [
        (Value::String("12345678"), Err(WriteError::Full)),
        (Value::Opaque(&[1, 2, 3, 4, 5, 6]), Err(WriteError::Full)),
        (Value::Float(f64::NAN), Err(WriteError::Form)),
        (Value::Opaque(&[0xAB]), Ok(())),
    ] {
        let mut buf = Fixed::<8>::new();
        buf.append(b"ab").unwrap();
        let written = text::Writer::new(&mut buf, path("/3/0/0")).value(path("/3/0/0"), value);
        assert_eq!(written, expected);
        assert_eq!(buf.as_slice(), if expected.is_ok() { &b"abqw=="[..] } else { b"ab" });
    }
}

#[test]
fn fmt_1_formats_have_the_names_of_the_registry() {
    use alloc::string::ToString;
    assert_eq!(ContentFormat(11542).to_string(), "application/vnd.oma.lwm2m+tlv");
    assert_eq!(ContentFormat(1542).to_string(), "content format 1542");
    assert!(ContentFormat::SENML_CBOR.is_structured() && !ContentFormat::CBOR.is_structured());
    assert!(!ContentFormat(1542).is_structured());
    assert!(!fits(ContentFormat(1542), path("/3")) && !fits(ContentFormat::TLV, Path::ROOT));
}
