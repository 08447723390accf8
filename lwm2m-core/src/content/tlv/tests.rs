use alloc::vec;
use alloc::vec::Vec;

use coap_tcp_core::{Buf, Fixed};

use super::*;
use crate::content::tests::{device, hex, path};
use crate::content::{Raw, ReadError, Values, WriteError};
use crate::path::Path;
use crate::value::{Type, Value};

/// VEC-T1.
const DEVICE: &str = "C800144F70656E204D6F62696C6520416C6C69616E6365C801164C69676874776569676874204D324D20436C69656E\
                      74C80209333435303030313233C303312E30860641000141010588070842000ED842011388870841007D42010384C1\
                      0964C10A0F830B410000C40D5182428FC60E2B30323A3030C11055";

fn write(target: &str, values: &[(&str, Value<'_>)]) -> Result<Vec<u8>, WriteError> {
    let mut buf = Fixed::<101_000>::new();
    buf.append(b"head").unwrap();
    let mut writer = Writer::new(&mut buf, path(target));
    for (at, value) in values {
        writer.value(path(at), *value)?;
    }
    Ok(buf.as_slice().strip_prefix(b"head").unwrap().to_vec())
}

fn read(target: &str, payload: &[u8]) -> Result<Vec<(Path, Vec<u8>)>, ReadError> {
    let entries = Reader::new(payload, path(target)).map(|entry| {
        let entry = entry?;
        match entry.raw {
            Raw::Binary(bytes) => Ok((entry.path, bytes.to_vec())),
            Raw::Empty => Ok((entry.path, b"empty".to_vec())),
            other => panic!("{other:?}"),
        }
    });
    entries.collect()
}

fn int(n: i64) -> Value<'static> {
    Value::Integer(n)
}

#[test]
fn vec_t_trees_are_written_and_read() {
    let device = device();
    let paths: Vec<_> = device.iter().map(|(at, _)| alloc::format!("/3/0/{at}")).collect();
    let device: Vec<_> =
        paths.iter().map(alloc::string::String::as_str).zip(device.iter().map(|(_, v)| *v)).collect();
    let link = |object, instance| Value::ObjectLink(object, instance);
    for (name, target, bytes, values) in [
        ("T1", "/3/0", DEVICE, &device[..]),
        ("T2", "/3", &alloc::format!("080079{DEVICE}"), &device),
        (
            "T3",
            "/2",
            "08000EC10001C101008302417F07C1037F080212C10003C101008702417F0761013601C1037F",
            &[
                ("/2/0/0", int(1)),
                ("/2/0/1", int(0)),
                ("/2/0/2/127", int(7)),
                ("/2/0/3", int(127)),
                ("/2/2/0", int(3)),
                ("/2/2/1", int(0)),
                ("/2/2/2/127", int(7)),
                ("/2/2/2/310", int(1)),
                ("/2/2/3", int(127)),
            ],
        ),
        (
            "T4",
            "/1",
            "08000FC10001C40100015180C10601C10755",
            &[
                ("/1/0/0", int(1)),
                ("/1/0/1", int(86400)),
                ("/1/0/6", Value::Boolean(true)),
                ("/1/0/7", Value::String("U")),
            ],
        ),
        (
            "T5",
            "/65/0",
            "88000C440000420000440100420001C8010D38363133383030373535353030C40212345678",
            &[
                ("/65/0/0/0", link(66, 0)),
                ("/65/0/0/1", link(66, 1)),
                ("/65/0/1", Value::String("8613800755500")),
                ("/65/0/2", int(0x1234_5678)),
            ],
        ),
        (
            "T6",
            "/66",
            "080026C8000B6D79536572766963652031C8010F496E7465726E65742E31352E323334C40200430000080126C8000B6D795365\
             72766963652032C8010F496E7465726E65742E31352E323335C402FFFFFFFF",
            &[
                ("/66/0/0", Value::String("myService 1")),
                ("/66/0/1", Value::String("Internet.15.234")),
                ("/66/0/2", link(67, 0)),
                ("/66/1/0", Value::String("myService 2")),
                ("/66/1/1", Value::String("Internet.15.235")),
                ("/66/1/2", link(65535, 65535)),
            ],
        ),
        ("T7", "/3/0/6", "8606410001410105", &[("/3/0/6/0", int(1)), ("/3/0/6/1", int(5))]),
        (
            "T8",
            "/9/0",
            "88010A412A45640202000AA289C10204",
            &[("/9/0/1/42", int(69)), ("/9/0/1/514", int(696_969)), ("/9/0/2", int(4))],
        ),
        ("T13", "/3/0/6/0", "4700 31323334353637", &[("/3/0/6/0", Value::String("1234567"))]),
    ] {
        let bytes = hex(bytes);
        assert_eq!(write(target, values).as_deref(), Ok(&bytes[..]), "{name}");
        let mut entries = Reader::new(&bytes, path(target));
        for (at, value) in values {
            let entry = entries.next().unwrap().unwrap();
            assert_eq!((entry.path, entry.raw.typed(value.ty(), &mut [])), (path(at), Ok(*value)), "{name}");
        }
        assert_eq!(entries.next(), None, "{name}");
    }
}

#[test]
fn vec_t9_to_t11_values_take_the_shortest_form() {
    for (value, bytes) in [
        (int(42), "C1012A"),
        (int(4242), "C2011092"),
        (int(424_242), "C40100067932"),
        (int(128), "C2010080"),
        (int(-128), "C10180"),
        (int(-129), "C201FF7F"),
        (int(32768), "C40100008000"),
        (int(-1), "C101FF"),
        (int(-52_543_054), "C401FCDE41B2"),
        (int(4_242_424_242), "C8010800000000FCDE41B2"),
        (Value::Unsigned(4_294_967_295), "C8010800000000FFFFFFFF"),
        (Value::Float(-42000.0), "C401C7241000"),
        (Value::Float(1.0), "C4013F800000"),
        (Value::Float(1.1), "C801083FF199999999999A"),
        (Value::Boolean(true), "C10101"),
        (Value::ObjectLink(1, 65535), "C4010001FFFF"),
        (Value::ObjectLink(65535, 65535), "C401FFFFFFFF"),
    ] {
        assert_eq!(write("/9/0/1", &[("/9/0/1", value)]), Ok(hex(bytes)), "{value:?}");
        let bytes = hex(bytes);
        let entry = Reader::new(&bytes, path("/9/0/1")).next().unwrap().unwrap();
        assert_eq!(entry.raw.typed(value.ty(), &mut []), Ok(value));
    }
}

#[test]
fn vec_t12_heads_take_the_shortest_form() {
    for (id, len, head) in [
        (0, 7, "C700"),
        (42000, 7, "E7A410"),
        (255, 8, "C8FF08"),
        (65534, 8, "E8FFFE08"),
        (42, 1000, "D02A03E8"),
        (42420, 1000, "F0A5B403E8"),
        (69, 100_000, "D8450186A0"),
        (258, 100_000, "F801020186A0"),
    ] {
        let target = alloc::format!("/9/0/{id}");
        let value = vec![0x5A; len];
        let written = write(&target, &[(&target, Value::Opaque(&value))]).unwrap();
        assert_eq!(written.strip_suffix(&value[..]), Some(&hex(head)[..]), "{id} {len}");
        assert_eq!(read(&target, &written), Ok(vec![(path(&target), value)]));
    }
}

#[test]
fn vec_t14_empty_containers_are_written_and_read() {
    for (target, at, bytes) in [
        ("/3/0/6", "/3/0/6", "8006"),
        ("/3/0", "/3/0/6", "8006"),
        ("/3", "/3/0", "0000"),
        ("/3", "/3/0/6", "02008006"),
        ("/3/0", "/3/0", ""),
        ("/3", "/3", ""),
    ] {
        let mut buf = Fixed::<16>::new();
        Writer::new(&mut buf, path(target)).container(path(at)).unwrap();
        assert_eq!(buf.as_slice(), hex(bytes), "{at} of {target}");
        let entries = read(target, buf.as_slice()).unwrap();
        let empty = (path(at), b"empty".to_vec());
        assert_eq!(entries, if bytes.is_empty() { vec![] } else { vec![empty] });
    }
    assert_eq!(read("/3/0", &[]), Ok(vec![]));
}

#[test]
fn a_container_is_filled_by_what_follows() {
    let mut buf = Fixed::<16>::new();
    let mut writer = Writer::new(&mut buf, path("/3"));
    writer.container(path("/3/0")).unwrap();
    writer.container(path("/3/0/6")).unwrap();
    writer.value(path("/3/0/6/1"), int(5)).unwrap();
    assert_eq!(buf.as_slice(), hex("05008306410105"));
}

#[test]
fn fmt_22_shapes_that_others_send_are_read() {
    let one = |at: &str| Ok(vec![(path(at), vec![5])]);
    for (target, bytes, expected) in [
        // An instance wrapped, as 1.0 did.
        ("/3/0", "0300C10905", one("/3/0/9")),
        ("/3/0", "0301C10905", Err(ReadError::Outside)),
        // VEC-T15: resource instances without their multiple resource.
        ("/3/0/6", "410001410105", Ok(vec![(path("/3/0/6/0"), vec![1]), (path("/3/0/6/1"), vec![5])])),
        ("/3/0/6/1", "410105", one("/3/0/6/1")),
        ("/3/0/6/1", "8306410105", one("/3/0/6/1")),
        ("/3/0/6/1", "C10605", one("/3/0/6/1")),
        ("/3/0/6/1", "410005", Err(ReadError::Outside)),
        ("/3/0/6/1", "8306410005", Err(ReadError::Outside)),
        ("/3/0/6/1", "C10705", Err(ReadError::Outside)),
        ("/3/0/6/1", "8006", Err(ReadError::Outside)),
        ("/3/0/9", "C10905", one("/3/0/9")),
        ("/3/0/9", "C10A05", Err(ReadError::Outside)),
        // An object is a row of instances, even if it is one.
        ("/3", "C10905", Err(ReadError::Misplaced)),
        ("/3", "0300C10905", one("/3/0/9")),
        // Longer forms than needed, and bits that mean nothing.
        ("/3/0/9", "F0000900 01 05", one("/3/0/9")),
        ("/3/0/9", "CF09 01 05", one("/3/0/9")),
        ("/", "0300C10905", Err(ReadError::Misplaced)),
    ] {
        assert_eq!(read(target, &hex(bytes)), expected, "{bytes} of {target}");
    }
}

#[test]
fn vec_tx_and_fmt_21_wrong_payloads_are_refused() {
    for (target, bytes, expected) in [
        ("/3", "0011223344556677889900", ReadError::Malformed),
        ("/3", "23FFFFC1010A", ReadError::Malformed),
        ("/3", "0405E1FFFF0A", ReadError::Malformed),
        ("/3/0/6", "61FFFF0A", ReadError::Malformed),
        ("/3/4", "0305C1010A", ReadError::Outside),
        ("/3/0", "E7", ReadError::Malformed),
        ("/3/0", "F801020186", ReadError::Malformed),
        ("/3/0", "C1", ReadError::Malformed),
        ("/3/0", "C209 01", ReadError::Malformed),
        // Nesting that cannot be: R in MR, MR in MR, OI in OI, RI beside R.
        ("/3/0", "8306C10005", ReadError::Misplaced),
        ("/3/0", "8206 8006", ReadError::Misplaced),
        ("/3", "0200 0000", ReadError::Misplaced),
        ("/3/0", "C10905 410005", ReadError::Misplaced),
        ("/3/0", "0300410005", ReadError::Misplaced),
    ] {
        assert_eq!(read(target, &hex(bytes)), Err(expected), "{bytes} of {target}");
    }
    for (bytes, ty) in [
        ("C301000001", Type::Integer),
        ("C5010000000001", Type::Integer),
        ("C000", Type::Integer),
        ("C10102", Type::Boolean),
        ("C2010001", Type::Boolean),
    ] {
        let bytes = hex(bytes);
        let target = if bytes[1] == 0 { "/9/0/0" } else { "/9/0/1" };
        let entry = Reader::new(&bytes, path(target)).next().unwrap().unwrap();
        assert!(entry.raw.typed(ty, &mut []).is_err());
    }
}

#[test]
fn fmt_26_repeated_identifiers_are_refused_in_any_order() {
    for (target, bytes) in [
        ("/3/0", "C1012AC1012B"),
        ("/3/0", "C10201 C10101 C10201"),
        ("/3/0", "C10101 8001"),
        ("/3", "0000 0000"),
        ("/3/0/6", "C10605 C10605"),
        ("/3/0", "8606 410001 410005"),
    ] {
        assert_eq!(read(target, &hex(bytes)), Err(ReadError::Duplicate), "{bytes}");
    }
    assert!(read("/3/0", &hex("C10301 C10201 C10101")).is_ok());
    assert!(read("/3", &hex("0300C10101 0301C10101")).is_ok(), "siblings only");
}

#[test]
fn fmt_5_a_payload_in_the_worst_order_is_given_up() {
    let mut payload = Vec::new();
    for id in (1..20_000u16).rev() {
        payload.push(0xE0);
        payload.extend_from_slice(&id.to_be_bytes());
    }
    assert_eq!(read("/3/0", &payload), Err(ReadError::Complex));
}

#[test]
fn nothing_follows_an_error() {
    let payload = hex("C10905 FF C10A05");
    let mut reader = Reader::new(&payload, path("/3/0"));
    assert!(reader.next().unwrap().is_ok());
    assert!(reader.next().unwrap().is_err());
    assert_eq!(reader.next(), None);
}

#[test]
fn dm_80_a_create_names_its_instance_or_leaves_it_to_the_client() {
    for (bytes, expected) in [
        ("", Ok(None)),
        ("0005", Ok(Some(5))),
        ("0305C1010A", Ok(Some(5))),
        ("C1010A", Ok(None)),
        ("8001C1020A", Ok(None)),
        ("00050006", Err(ReadError::Misplaced)),
        ("410005", Err(ReadError::Misplaced)),
        ("03", Err(ReadError::Malformed)),
    ] {
        assert_eq!(named_instance(&hex(bytes)), expected, "{bytes}");
    }
}

#[test]
fn values_out_of_place_are_refused_and_change_nothing() {
    for (target, values, expected) in [
        ("/3", &["/3/0/9", "/3/0/9"][..], WriteError::Order),
        ("/3", &["/3/0/9", "/3/0/8"], WriteError::Order),
        ("/3", &["/3/1/0", "/3/0/0"], WriteError::Order),
        ("/3", &["/3/0/6", "/3/0/6/0"], WriteError::Order),
        ("/3", &["/3/0/6/0", "/3/0/6"], WriteError::Order),
        ("/3/0", &["/3/0/9", "/3/1/0"], WriteError::Outside),
        ("/3", &["/3/0/9", "/3/1"], WriteError::Outside),
        ("/", &["/3/0/9"], WriteError::Form),
    ] {
        let mut buf = Fixed::<64>::new();
        let mut writer = Writer::new(&mut buf, path(target));
        let (last, before) = values.split_last().unwrap();
        before.iter().for_each(|at| writer.value(path(at), int(1)).unwrap());
        assert_eq!(writer.value(path(last), int(2)), Err(expected), "{values:?}");
        let good: Vec<_> = before.iter().map(|at| (*at, int(1))).collect();
        assert_eq!(buf.as_slice(), write(target, &good).unwrap_or_default());
    }
    let mut buf = Fixed::<64>::new();
    assert_eq!(Writer::new(&mut buf, path("/3")).container(path("/3/0/6/0")), Err(WriteError::Outside));
}
