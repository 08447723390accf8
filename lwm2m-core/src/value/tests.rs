use alloc::string::ToString;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;

fn text(text: &str, ty: Type) -> Result<Value<'_>, ValueError> {
    Value::from_text(text.as_bytes(), ty, &mut [])
}

#[test]
fn fmt_10_integers_are_plain_decimals() {
    for (written, expected) in [
        ("0", Ok(0)),
        ("-0", Ok(0)),
        ("007", Ok(7)),
        ("-9223372036854775808", Ok(i64::MIN)),
        ("9223372036854775807", Ok(i64::MAX)),
        ("9223372036854775808", Err(ValueError::Range)),
        ("+1", Err(ValueError::Malformed)),
        (" 1", Err(ValueError::Malformed)),
        ("1 ", Err(ValueError::Malformed)),
        ("--1", Err(ValueError::Malformed)),
        ("-", Err(ValueError::Malformed)),
        ("1.0", Err(ValueError::Malformed)),
        ("", Err(ValueError::Malformed)),
    ] {
        assert_eq!(text(written, Type::Integer), expected.map(Value::Integer), "{written}");
        assert_eq!(text(written, Type::Time), expected.map(Value::Time), "{written}");
    }
}

#[test]
fn fmt_10_floats_have_digits_on_both_sides_of_the_point() {
    for (written, expected) in
        [("1", 1.0), ("-1.5", -1.5), ("1e3", 1000.0), ("1.638435E9", 1.638435e9), ("25E-2", 0.25)]
    {
        assert_eq!(text(written, Type::Float), Ok(Value::Float(expected)), "{written}");
    }
    for wrong in
        ["1.", ".5", "+1", " 1", "", "-", "NaN", "inf", "-inf", "infinity", "1e", "1e+", "e3", "1.e3", "0x1"]
    {
        assert_eq!(text(wrong, Type::Float), Err(ValueError::Malformed), "{wrong}");
    }
    assert_eq!(text("1e999", Type::Float), Err(ValueError::Range));
    assert!(Value::Float(f64::NAN).as_text().is_none() && Value::Float(f64::INFINITY).as_text().is_none());
}

#[test]
fn fmt_11_booleans_are_one_digit() {
    assert_eq!(text("0", Type::Boolean), Ok(Value::Boolean(false)));
    assert_eq!(text("1", Type::Boolean), Ok(Value::Boolean(true)));
    for wrong in ["true", "2", "", "01"] {
        assert_eq!(text(wrong, Type::Boolean), Err(ValueError::Malformed), "{wrong}");
    }
}

#[test]
fn fmt_12_opaque_text_is_base64_whose_padding_may_be_missing() {
    for (written, expected) in [
        ("q83v", Ok(&[0xAB, 0xCD, 0xEF][..])),
        ("qw==", Ok(&[0xAB])),
        ("qw", Ok(&[0xAB])),
        ("q80=", Ok(&[0xAB, 0xCD])),
        ("", Ok(&[])),
        ("qw=", Err(ValueError::Malformed)),
        ("q83v=", Err(ValueError::Malformed)),
        ("q", Err(ValueError::Malformed)),
        ("====", Err(ValueError::Malformed)),
        ("qx==", Err(ValueError::Malformed)),
        ("q8 3v", Err(ValueError::Malformed)),
        ("q83-", Err(ValueError::Malformed)),
        ("q83vq83v", Err(ValueError::Scratch)),
    ] {
        let read = Value::from_text(written.as_bytes(), Type::Opaque, &mut [0; 3])
            .map(|value| value.to_binary().as_slice().to_vec());
        assert_eq!(read, expected.map(<[u8]>::to_vec), "{written}");
    }
}

#[test]
fn fmt_13_object_links_are_two_numbers() {
    for (written, expected) in [
        ("66:0", Ok((66, 0))),
        ("65535:65535", Ok((65535, 65535))),
        ("FFFF:FFFF", Ok((65535, 65535))),
        ("70000:0", Err(ValueError::Range)),
        ("1", Err(ValueError::Malformed)),
        ("1:", Err(ValueError::Malformed)),
        ("+1:1", Err(ValueError::Malformed)),
        ("1:2:3", Err(ValueError::Malformed)),
    ] {
        assert_eq!(
            text(written, Type::ObjectLink),
            expected.map(|(o, i)| Value::ObjectLink(o, i)),
            "{written}"
        );
    }
}

#[test]
fn fmt_15_numbers_change_type_only_where_nothing_is_lost() {
    use ValueError::{Mismatch, Range};
    for (value, ty, expected) in [
        (Value::Float(1.638435e9), Type::Integer, Ok(Value::Integer(1_638_435_000))),
        (Value::Float(5.0), Type::Unsigned, Ok(Value::Unsigned(5))),
        (Value::Float(-1.0), Type::Time, Ok(Value::Time(-1))),
        (Value::Float(5.5), Type::Integer, Err(Range)),
        (Value::Float(-1.0), Type::Unsigned, Err(Range)),
        (Value::Float(9_223_372_036_854_775_808.0), Type::Integer, Err(Range)),
        (Value::Float(18_446_744_073_709_551_616.0), Type::Unsigned, Err(Range)),
        (Value::Float(f64::NAN), Type::Integer, Err(Range)),
        (Value::Integer(-1), Type::Unsigned, Err(Range)),
        (Value::Integer(22), Type::Float, Ok(Value::Float(22.0))),
        (Value::Unsigned(u64::MAX), Type::Integer, Err(Range)),
        (Value::Unsigned(u64::MAX), Type::Unsigned, Ok(Value::Unsigned(u64::MAX))),
        (Value::Unsigned(7), Type::Time, Ok(Value::Time(7))),
        (Value::Integer(1), Type::Boolean, Err(Mismatch)),
        (Value::Float(1.0), Type::Boolean, Err(Mismatch)),
        (Value::String("1"), Type::Integer, Err(Mismatch)),
        (Value::String("67:0"), Type::ObjectLink, Ok(Value::ObjectLink(67, 0))),
        (Value::String("</3>"), Type::CoreLink, Ok(Value::CoreLink("</3>"))),
        (Value::Opaque(b"1"), Type::String, Err(Mismatch)),
    ] {
        assert_eq!(value.to(ty), expected, "{value:?} to {ty:?}");
    }
    assert_eq!(text("18446744073709551615", Type::Unsigned), Ok(Value::Unsigned(u64::MAX)));
    assert_eq!(text("9223372036854775800", Type::Unsigned), Ok(Value::Unsigned(9_223_372_036_854_775_800)));
    assert_eq!(text("-0", Type::Unsigned), Err(ValueError::Malformed));
}

#[test]
fn fmt_24_only_the_listed_widths_are_numbers() {
    for width in [0, 3, 5, 6, 7, 9] {
        let bytes = &[0; 9][..width];
        for ty in [Type::Integer, Type::Unsigned, Type::Time, Type::Float, Type::Boolean, Type::ObjectLink] {
            assert_eq!(Value::from_binary(bytes, ty), Err(ValueError::Malformed), "{width} {ty:?}");
        }
    }
    for wrong in [&[2][..], &[0, 1]] {
        assert_eq!(Value::from_binary(wrong, Type::Boolean), Err(ValueError::Malformed));
    }
    assert_eq!(Value::from_binary(&[0xFF], Type::String), Err(ValueError::Malformed));
}

#[test]
fn fmt_25_unsigned_is_written_with_a_clear_top_bit_and_read_by_width() {
    let written = |n| Value::Unsigned(n).to_binary().as_slice().to_vec();
    assert_eq!(written(0x7F), [0x7F]);
    assert_eq!(written(0x80), [0, 0x80]);
    assert_eq!(written(4_294_967_295), [0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF]);
    assert_eq!(written(u64::MAX), [0xFF; 8]);
    assert_eq!(Value::from_binary(&[0xFF; 4], Type::Unsigned), Ok(Value::Unsigned(4_294_967_295)));
    assert_eq!(Value::from_binary(&[0xFF], Type::Unsigned), Ok(Value::Unsigned(255)));
}

/// A value of any type, with what it borrows.
fn any_value() -> impl Strategy<Value = (Vec<u8>, Type, i64, f64)> {
    use Type::*;
    let ty = prop::sample::select(
        &[String, Integer, Unsigned, Float, Boolean, Opaque, Time, ObjectLink, CoreLink][..],
    );
    (".{0,40}".prop_map(|s| s.into_bytes()), ty, any::<i64>(), prop::num::f64::NORMAL | prop::num::f64::ZERO)
}

fn value((bytes, ty, n, float): &(Vec<u8>, Type, i64, f64)) -> Value<'_> {
    let text = core::str::from_utf8(bytes).unwrap();
    match ty {
        Type::String => Value::String(text),
        Type::CoreLink => Value::CoreLink(text),
        Type::Opaque => Value::Opaque(bytes),
        Type::Integer => Value::Integer(*n >> (*n & 63)),
        Type::Time => Value::Time(*n),
        Type::Unsigned => Value::Unsigned(*n as u64),
        Type::Float => Value::Float(*float),
        Type::Boolean => Value::Boolean(*n & 1 == 1),
        Type::ObjectLink => Value::ObjectLink(*n as u16, (*n >> 16) as u16),
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(made in any_value()) {
        let value = value(&made);
        let binary = value.to_binary();
        prop_assert_eq!(Value::from_binary(binary.as_slice(), value.ty()), Ok(value));
        let (text, mut scratch) = (value.as_text().unwrap().to_string(), [0; 256]);
        prop_assert_eq!(Value::from_text(text.as_bytes(), value.ty(), &mut scratch), Ok(value));
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..24), made in any_value()) {
        let _ = Value::from_text(&bytes, made.1, &mut [0; 8]);
        let _ = Value::from_binary(&bytes, made.1);
        let _ = value(&made).to(made.1);
    }
}

#[test]
fn fmt_24_a_float_is_narrow_where_nothing_is_lost() {
    let wide = [0.1, 1e300, f64::MIN_POSITIVE, 16_777_217.0, f64::from(f32::MAX) * 2.0, 1e-46];
    assert!(wide.iter().all(|n| narrow(*n).is_none()));
    let exact = [0.0, -0.0, 1.0, -20.5, f32::MAX, f32::MIN_POSITIVE, f32::INFINITY, f32::NEG_INFINITY];
    assert!(exact.iter().all(|n| narrow(f64::from(*n)) == Some(n.to_bits())));
    assert!(narrow(f64::NAN).is_some_and(|bits| f32::from_bits(bits).is_nan()));
}

proptest! {
    #[test]
    fn fmt_24_narrow_floats_say_the_same(bits: u64, single: f32) {
        let n = f64::from_bits(bits);
        if let Some(bits) = narrow(n) {
            let read = f64::from(f32::from_bits(bits));
            prop_assert!(read == n || (read.is_nan() && n.is_nan()));
        }
        // A subnormal one is written wide.
        prop_assert!(narrow(single.into()).is_some() != single.is_subnormal());
    }
}
