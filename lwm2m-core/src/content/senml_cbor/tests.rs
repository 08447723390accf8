use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use coap_tcp_core::{Buf, Fixed};

use super::*;
use crate::content::tests::{device, hex, path};
use crate::content::{Entry, Raw, ReadError, Values, WriteError};
use crate::path::{Path, PathError};
use crate::value::{Type, Value, ValueError};

/// VEC-S1.
const DEVICE: &str = "90a321652f332f302f00613003744f70656e204d6f62696c6520416c6c69616e6365a200613103764c69676874776569\
                      676874204d324d20436c69656e74a20061320369333435303030313233a20061330363312e30a20063362f300201a200\
                      63362f310205a20063372f3002190ed8a20063372f3102191388a20063382f3002187da20063382f3102190384a20061\
                      39021864a200623130020fa2006431312f300200a200623133021a5182428fa20062313403662b30323a3030a2006231\
                      36036155";

fn read(target: &str, payload: &[u8]) -> Result<Vec<(Path, String)>, ReadError> {
    let entries = Reader::new(payload, path(target));
    entries.map(|entry| entry.map(|entry| (entry.path, format!("{:?}", entry.raw)))).collect()
}

/// The one value of a payload, as its type.
fn typed(payload: &str, ty: Type) -> Value<'static> {
    let payload = hex(payload).leak();
    let entry = Reader::new(payload, Path::ROOT).next().unwrap().unwrap();
    entry.raw.typed(ty, vec![0; 64].leak()).unwrap()
}

fn write(target: &str, values: &[(&str, Value<'_>)]) -> Vec<u8> {
    let mut buf = Fixed::<512>::new();
    buf.append(b"head").unwrap();
    let mut writer = Writer::new(&mut buf, path(target)).unwrap();
    for (at, value) in values {
        writer.value(path(at), *value).unwrap();
    }
    buf.as_slice().strip_prefix(b"head").unwrap().to_vec()
}

#[test]
fn vec_s1_device_is_written_and_read() {
    let device = device();
    let paths: Vec<_> = device.iter().map(|(at, _)| format!("/3/0/{at}")).collect();
    let values: Vec<_> = paths.iter().map(String::as_str).zip(device.iter().map(|(_, v)| *v)).collect();
    let payload = hex(DEVICE);
    assert_eq!(payload.len(), 196);
    assert_eq!(write("/3/0", &values), payload);
    let mut entries = Reader::new(&payload, path("/3/0"));
    for (at, value) in &values {
        let Entry { path: read, raw, time } = entries.next().unwrap().unwrap();
        assert_eq!((read, raw.typed(value.ty(), &mut []), time), (path(at), Ok(*value), None));
    }
    assert_eq!(entries.next(), None);
}

#[test]
fn vec_s2_s3_s7_single_values_have_only_a_base_name() {
    for (at, value, bytes) in [
        ("/1/0/1", Value::Integer(86400), "81a221662f312f302f31021a00015180"),
        ("/0/0/3", Value::Opaque(&[0xAB, 0xCD, 0xEF]), "81a221662f302f302f330843abcdef"),
    ] {
        assert_eq!(write(at, &[(at, value)]), hex(bytes));
        assert_eq!(typed(bytes, value.ty()), value);
    }
    let link = Value::ObjectLink(67, 0);
    assert_eq!(typed("81a200672f36362f302f3263766c6f6436373a30", Type::ObjectLink), link);
    assert_eq!(write("/66/0/2", &[("/66/0/2", link)]), hex("81a221672f36362f302f3263766c6f6436373a30"));
}

#[test]
fn vec_s4_half_floats_and_any_order_of_labels_are_read() {
    assert_eq!(typed("81a202f95cb0216b2f333434322f302f313330", Type::Float), Value::Float(300.0));
    for (half, expected) in
        [("0000", 0.0), ("8000", -0.0), ("3c00", 1.0), ("c000", -2.0), ("0001", 5.960_464_477_539_063e-8)]
    {
        let payload = format!("81a2 00662f332f302f30 02f9{half}");
        assert_eq!(typed(&payload, Type::Float), Value::Float(expected), "{half}");
    }
    assert!(matches!(typed("81a2 00662f332f302f30 02f97e00", Type::Float), Value::Float(n) if n.is_nan()));
    assert_eq!(typed("81a2 00662f332f302f30 02f9fc00", Type::Float), Value::Float(f64::NEG_INFINITY));
}

#[test]
fn vec_s5_names_alone_are_read_and_written() {
    let names = hex("82a100662f332f302f30a100662f312f302f31");
    let name = |at| (path(at), String::from("Name"));
    assert_eq!(read("/", &names), Ok(vec![name("/3/0/0"), name("/1/0/1")]));
    let mut buf = Fixed::<64>::new();
    let mut writer = Writer::new(&mut buf, Path::ROOT).unwrap();
    writer.name(path("/3/0/0")).unwrap();
    writer.name(path("/1/0/1")).unwrap();
    assert_eq!(buf.as_slice(), names);
    assert_eq!(read("/", &hex("81a100612f")), Ok(vec![name("/")]));
}

#[test]
fn vec_s6_nulls_are_read_and_written_beside_values() {
    let null = hex("81a200682f332f302f362f3102f6");
    assert_eq!(read("/", &null), Ok(vec![(path("/3/0/6/1"), String::from("Null"))]));
    let mut buf = Fixed::<64>::new();
    let mut writer = Writer::new(&mut buf, Path::ROOT).unwrap();
    writer.null(path("/3/0/6/1")).unwrap();
    writer.value(path("/1/0/1"), Value::Integer(1)).unwrap();
    writer.null(path("/3/0/6/2")).unwrap();
    writer.value(path("/1/0/2"), Value::Integer(2)).unwrap();
    let read: Vec<_> = Reader::new(buf.as_slice(), Path::ROOT)
        .map(|entry| entry.unwrap())
        .map(|e| (e.path, e.raw))
        .collect();
    let one = Raw::Typed(Value::Integer(1));
    let two = Raw::Typed(Value::Integer(2));
    let expected = [("/3/0/6/1", Raw::Null), ("/1/0/1", one), ("/3/0/6/2", Raw::Null), ("/1/0/2", two)];
    assert_eq!(read, expected.map(|(at, raw)| (path(at), raw)));
    assert!(buf.as_slice().starts_with(&hex("84a200682f332f302f362f3102f6")));
}

#[test]
fn vec_s8_and_ir_43_times_are_resolved() {
    let payload = hex("82a3216c2f333330332f302f35373030221a6553f1000216a206240215");
    let times: Vec<_> = Reader::new(&payload, path("/3303")).map(|entry| entry.unwrap().time).collect();
    assert_eq!(times, [Some(1_700_000_000.0), Some(1_699_999_995.0)]);
    for (payload, sent, absolute) in [
        ("81a3 00662f332f302f30 0201 0624", Some(-5.0), Some(1_699_999_995.0)),
        ("81a3 00662f332f302f30 0201 06190141", Some(321.0), Some(1_700_000_321.0)),
        ("81a3 00662f332f302f30 0201 06f93800", Some(0.5), Some(1_700_000_000.5)),
        ("81a3 00662f332f302f30 0201 061a6553f100", Some(1_700_000_000.0), Some(1_700_000_000.0)),
        ("81a2 00662f332f302f30 0201", None, None),
    ] {
        let payload = hex(payload);
        let entry = Reader::new(&payload, Path::ROOT).next().unwrap().unwrap();
        assert_eq!((entry.time, entry.unix_time(1_700_000_000.0)), (sent, absolute));
    }
}

#[test]
fn vec_s11_nothing_is_read_and_written_as_an_empty_array() {
    for nothing in ["", "80", "9fff", "9800"] {
        assert_eq!(read("/", &hex(nothing)), Ok(vec![]), "{nothing}");
    }
    assert_eq!(write("/3/0/6", &[]), hex("80"));
}

#[test]
fn fmt_30_names_are_base_name_and_name_in_a_row() {
    let record = |bn: &str, n: &str| {
        let mut payload = vec![0x81, 0xA3, 0x21, 0x60 + bn.len() as u8];
        payload.extend_from_slice(bn.as_bytes());
        payload.extend_from_slice(&[0x00, 0x60 + n.len() as u8]);
        payload.extend_from_slice(n.as_bytes());
        payload.extend_from_slice(&[0x02, 0x01]);
        payload
    };
    let first = |payload: &[u8], root: &'static str| {
        Reader::new(payload, path("/3")).below(root).next().unwrap().map(|entry| entry.path)
    };
    for (bn, n, expected) in [
        ("/3/0/", "1", Ok(path("/3/0/1"))),
        ("/3/0/1", "1", Ok(path("/3/0/11"))),
        ("", "/3/0/1", Ok(path("/3/0/1"))),
        ("3/", "0/1/2", Ok(path("/3/0/1/2"))),
        ("/3/0/1", "", Ok(path("/3/0/1"))),
        ("/3/0/", "", Err(ReadError::Path(PathError::Id))),
        ("", "", Err(ReadError::Path(PathError::Id))),
        ("/3/0/0", "1", Err(ReadError::Path(PathError::Id))),
        ("/3/0/0/0/", "1", Err(ReadError::Path(PathError::Depth))),
        ("/3/", "0", Err(ReadError::Misplaced)),
        ("/4/0/", "0", Err(ReadError::Outside)),
    ] {
        assert_eq!(first(&record(bn, n), ""), expected, "{bn} {n}");
    }
    for (bn, n, expected) in [
        ("/lwm2m/3/0/", "1", Ok(path("/3/0/1"))),
        ("/lwm2", "m/3/0/1", Ok(path("/3/0/1"))),
        ("/lwm2m", "3/0/1", Err(ReadError::Path(PathError::Id))),
        ("/3/0/", "1", Err(ReadError::Outside)),
        ("/lwm2m", "", Err(ReadError::Misplaced)),
    ] {
        assert_eq!(first(&record(bn, n), "/lwm2m"), expected, "{bn} {n}");
    }
}

#[test]
fn fmt_35_the_same_content_in_other_forms_is_the_same() {
    for payload in [
        "81a2 00662f332f302f30 036141",
        "9fa2 00662f332f302f30 036141ff",
        "81bf 00662f332f302f30 036141ff",
        "9fbf 00 7f 632f332f 62302f 6130 ff 03 7f6141ff ffff",
        "9801 b802 1800 78062f332f302f30 190003 6141",
        "81a2 00662f332f302f30 037f 60 6141 60 ff",
    ] {
        assert_eq!(typed(payload, Type::String), Value::String("A"), "{payload}");
    }
    assert_eq!(typed("81a2 00662f332f302f30 1802 1900ff", Type::Integer), Value::Integer(255));
    let pieces = hex("81a2 00662f332f302f30 08 5f 41ab 42cdef ff");
    let entry = Reader::new(&pieces, Path::ROOT).next().unwrap().unwrap();
    assert_eq!(entry.raw.typed(Type::Opaque, &mut [0; 3]), Ok(Value::Opaque(&[0xAB, 0xCD, 0xEF])));
    assert_eq!(entry.raw.typed(Type::Opaque, &mut [0; 2]), Err(ValueError::Scratch));
    assert_eq!(entry.raw.typed(Type::String, &mut [0; 3]), Err(ValueError::Mismatch));
}

#[test]
fn fmt_15_and_fmt_35_numbers_stay_exact() {
    for (number, ty, expected) in [
        ("1bffffffffffffffff", Type::Unsigned, Value::Unsigned(u64::MAX)),
        ("1b7ffffffffffffff8", Type::Integer, Value::Integer(9_223_372_036_854_775_800)),
        ("3b7fffffffffffffff", Type::Integer, Value::Integer(i64::MIN)),
        ("16", Type::Float, Value::Float(22.0)),
        ("fa41b73333", Type::Float, Value::Float(f64::from(22.9f32))),
        ("c48220182d", Type::Float, Value::Float(4.5)),
        ("c4820205", Type::Integer, Value::Integer(500)),
        ("fb40a3880000000000", Type::Integer, Value::Integer(2500)),
    ] {
        assert_eq!(typed(&format!("81a2 00662f332f302f30 02{number}"), ty), expected, "{number}");
    }
    for (number, expected) in [
        ("3bffffffffffffffff", ReadError::Range),
        ("c4821b7fffffffffffffff01", ReadError::Range),
        ("c48101", ReadError::Malformed),
        ("c11a5182428f", ReadError::Malformed),
        ("f5", ReadError::Malformed),
        ("6131", ReadError::Malformed),
        ("f7", ReadError::Malformed),
    ] {
        assert_eq!(read("/", &hex(&format!("81a2 00662f332f302f30 02{number}"))), Err(expected), "{number}");
    }
}

#[test]
fn fmt_31_to_fmt_33_labels_are_understood_ignored_or_refused() {
    for (count, labels, expected) in [
        (3, "0201 63666f6f 82a10102 f4", Ok(())),
        (3, "0201 1863 9f9fffff", Ok(())),
        (3, "0201 07 00", Ok(())),
        (3, "0201 01 6143", Ok(())),
        (3, "0201 20 0a", Ok(())),
        (3, "0201 20 0b", Err(ReadError::Unsupported)),
        (3, "0201 64666f6f5f 01", Err(ReadError::Unsupported)),
        (3, "0201 24 01", Err(ReadError::Unsupported)),
        (3, "0201 25 01", Err(ReadError::Unsupported)),
        (2, "05 01", Err(ReadError::Unsupported)),
        (3, "0201 036178", Err(ReadError::Duplicate)),
        (3, "0201 0202", Err(ReadError::Duplicate)),
        (3, "0201 00 6130", Err(ReadError::Duplicate)),
        (3, "0201 f4 01", Err(ReadError::Malformed)),
        (3, "0201 06 6131", Err(ReadError::Malformed)),
        (3, "0201 06 f97c00", Err(ReadError::Range)),
        (2, "03 4141", Err(ReadError::Malformed)),
        (2, "08 6141", Err(ReadError::Malformed)),
        (2, "04 01", Err(ReadError::Malformed)),
        (2, "0361ff", Err(ReadError::Malformed)),
        (2, "63766c6f 6131", Err(ReadError::Malformed)),
        (2, "63766c6f 6737303030303a30", Err(ReadError::Range)),
        (2, "63766c6f 7f 6136 613a 6130 ff", Ok(())),
        (3, "0201 1863 818181818181818100", Ok(())),
        (3, "0201 1863 81818181818181818100", Err(ReadError::Complex)),
        (3, "0201 1863 c1c1c1c1c1c1c1c1c100", Err(ReadError::Complex)),
        (3, "0201 1863 bbffffffffffffffff", Err(ReadError::Malformed)),
        (3, "0201 1863 bb7fffffffffffffff", Err(ReadError::Malformed)),
    ] {
        let payload = hex(&format!("81a{count} 00662f332f302f30 {labels}"));
        assert_eq!(read("/", &payload).map(drop), expected, "{labels}");
    }
}

#[test]
fn err_38_what_is_not_an_array_of_maps_is_refused() {
    for wrong in
        ["01", "a0", "8101", "81", "82a100612f", "8000", "81a100612f00", "9fff00", "9fa100612f", "ff", "81ff"]
    {
        assert_eq!(read("/", &hex(wrong)), Err(ReadError::Malformed), "{wrong}");
    }
    assert_eq!(read("/", &hex("81a0")), Err(ReadError::Path(PathError::Id)));
    let payload = hex("82 a1 00 612f 01");
    let mut reader = Reader::new(&payload, Path::ROOT);
    assert!(reader.next().unwrap().is_ok());
    assert!(reader.next().unwrap().is_err());
    assert_eq!(reader.next(), None, "nothing follows an error");
}

#[test]
fn fmt_36_and_fmt_38_every_instance_has_its_base_name() {
    let one = Value::Integer(1);
    let written = write("/", &[("/1/0/1", one), ("/1/0/2", one), ("/3/0/6/0", one)]);
    assert_eq!(
        written,
        hex("83 a3 21652f312f302f 006131 0201 a2 006132 0201 a3 21652f332f302f 0063362f30 0201")
    );
    // A target that is one resource, read as single and as multiple.
    assert_eq!(write("/3/0/6", &[("/3/0/6/0", one)]), hex("81 a3 21652f332f302f 0063362f30 0201"));
}

#[test]
fn the_number_of_records_grows_in_place() {
    let ids = [23, 24, 255, 256, 300];
    for count in ids {
        let mut buf = Fixed::<8192>::new();
        buf.append(b"head").unwrap();
        let mut writer = Writer::new(&mut buf, path("/9")).unwrap();
        for id in 0..count {
            writer.value(Path::new(&[9, 0, id]).unwrap(), Value::Boolean(true)).unwrap();
        }
        let payload = buf.as_slice().strip_prefix(b"head").unwrap();
        let read: Vec<_> =
            Reader::new(payload, path("/9")).map(|entry| entry.unwrap().path.resource().unwrap()).collect();
        assert_eq!(read, (0..count).collect::<Vec<_>>());
    }
}

#[test]
fn records_out_of_place_are_refused_and_change_nothing() {
    let mut buf = Fixed::<16>::new();
    let mut writer = Writer::new(&mut buf, path("/3")).unwrap();
    let one = Value::Integer(1);
    assert_eq!(writer.value(path("/4/0/0"), one), Err(WriteError::Outside));
    assert_eq!(writer.value(path("/3/0"), one), Err(WriteError::Outside));
    assert_eq!(writer.name(path("/4")), Err(WriteError::Outside));
    assert_eq!(writer.value(path("/3/0/0"), Value::String("too long")), Err(WriteError::Full));
    assert_eq!(buf.as_slice(), [0x80]);
    assert!(matches!(Writer::new(&mut Fixed::<0>::new(), Path::ROOT), Err(WriteError::Full)));
}
