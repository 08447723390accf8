use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::buf::{Buf, Fixed, Slice};
use crate::error::{Defect, Full, Malformed, WriteError};

mod vectors;

/// Bytes written in hexadecimal; `…xx*n` repeats a byte up to a size of `n` in all.
fn hex(text: &str) -> Vec<u8> {
    let (text, filled) = text.split_once('…').map_or((text, None), |(text, filled)| (text, Some(filled)));
    let digits: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(core::str::from_utf8(pair).unwrap(), 16).unwrap();
    let mut bytes: Vec<u8> = digits.chunks(2).map(byte).collect();
    if let Some((fill, size)) = filled.map(|filled| filled.split_once('*').unwrap()) {
        bytes.resize(size.parse().unwrap(), byte(fill.as_bytes()));
    }
    bytes
}

/// A.7, as far as one frame alone can tell; what a connection makes of them is tested there.
#[test]
fn a_7_defects_and_where_they_are() {
    let table = [
        ("M01", "10 45 FF", Defect::PayloadMissing, 2),
        ("M02", "10 01 F0", Defect::OptionDelta, 2),
        ("M03", "10 01 0F", Defect::OptionLength, 2),
        ("M04", "10 01 D0", Defect::OptionTruncated, 2),
        ("M05", "20 01 B5 61", Defect::OptionTruncated, 2),
        ("M06", "20 01 E0 FF", Defect::OptionTruncated, 2),
        ("M08", "0F 01", Defect::TokenLength, 0),
        ("M09", "30 01 E0 FF FF", Defect::OptionNumber, 2),
        ("M10", "40 01 E0 FE F2 10", Defect::OptionNumber, 5),
        ("M13", "10 00 FF", Defect::PayloadMissing, 2),
        ("M27", "10 45 F1", Defect::OptionDelta, 2),
        ("M29", "20 01 B0 2E", Defect::OptionTruncated, 3),
        ("short", "20 01 B0", Defect::Length, 0),
        ("long", "00 01 B0", Defect::Length, 0),
        ("nothing", "", Defect::Length, 0),
    ];
    for (id, text, defect, at) in table {
        assert_eq!(Message::parse(&hex(text)).err(), Some(Malformed { defect, at }), "{id}");
    }
    for text in ["01 00 AA", "10 00 60", "00 20", "00 E6", "20 E2 21 01", "30 02 FF 61 62", "00 08"] {
        assert!(Message::parse(&hex(text)).is_ok(), "{text}");
    }
}

#[test]
fn t_3_2_11_a_bad_token_length_is_seen_on_byte_0() {
    assert!(head(&[0x0F], true).is_err() && head(&[0x0F], false).is_err());
    assert!(head(&[0x09], false).is_err() && head(&[0x09], true).is_ok(), "M07");
    assert!(head(&[0x0D], false).is_err() && head(&[0x0D], true).is_ok());
}

#[test]
fn st3_st4_t_3_2_8_the_size_is_known_as_soon_as_can_be() {
    let total = |text: &str| match head(&hex(text), true).unwrap() {
        Prefix::Head(head) => (0, head.total()),
        Prefix::Partial { need, least } => (need, least),
    };
    assert_eq!(total(""), (2, 2));
    assert_eq!(total("F0"), (5, 65811));
    assert_eq!(total("F0 00 00 00 00"), (1, 65811), "ST3");
    assert_eq!(total("F0 FF FF FF FF"), (1, 4_295_033_106), "ST4, T-3.2-7");
    assert_eq!(total("F0 FF FF FF FF 02"), (0, 4_295_033_106));
    assert_eq!(total("DD 00"), (2, 30));
    assert_eq!(total("FE FF FF FF FF 01 FF FF"), (0, 8 + 65804 + 4_295_033_100));
    for (bytes, need) in [("0E", 3), ("0E 01", 2), ("0E 01 FF", 1), ("E0 FF", 2)] {
        assert_eq!(total(bytes).0, need, "{bytes}");
    }
}

/// Also which methods may be repeated (C-8132-1, C-8132-2).
#[test]
fn c_12_1_1_all_256_codes_have_their_class() {
    for byte in 0..=255_u8 {
        let code = Code(byte);
        let class = match byte {
            0x00 => Class::Empty,
            0x01..=0x1f => Class::Request,
            0x40..=0x5f => Class::Success,
            0x80..=0x9f => Class::ClientError,
            0xa0..=0xbf => Class::ServerError,
            0xe0..=0xff => Class::Signal,
            _ => Class::Reserved,
        };
        assert_eq!(code.class(), class, "{code}");
        assert_eq!(code.is_request(), class == Class::Request);
        assert_eq!(code.is_signal(), class == Class::Signal);
        assert_eq!(code.is_success(), class == Class::Success);
        let response = [Class::Success, Class::ClientError, Class::ServerError].contains(&class);
        assert_eq!(code.is_response(), response);
        assert!(code.to_string().starts_with(&format!("{}.{:02}", byte >> 5, byte & 31)));
    }
    assert_eq!(Code::CONTENT.to_string(), "2.05 Content");
    assert_eq!(format!("{:?}", Code(0xE6)), "7.06");
    let idempotent = [Code::GET, Code::PUT, Code::DELETE, Code::FETCH, Code::IPATCH];
    let methods = (0..=255).map(Code).filter(|code| code.is_known_method());
    for code in methods {
        assert_eq!(code.is_idempotent(), idempotent.contains(&code), "{code}");
    }
}

/// B.2: the codes that have names here.
#[test]
fn b_2_codes() {
    let table = [
        (Code::CREATED, 0x41),
        (Code::DELETED, 0x42),
        (Code::VALID, 0x43),
        (Code::CHANGED, 0x44),
        (Code::CONTENT, 0x45),
        (Code::CONTINUE, 0x5F),
        (Code::BAD_REQUEST, 0x80),
        (Code::UNAUTHORIZED, 0x81),
        (Code::BAD_OPTION, 0x82),
        (Code::FORBIDDEN, 0x83),
        (Code::NOT_FOUND, 0x84),
        (Code::METHOD_NOT_ALLOWED, 0x85),
        (Code::NOT_ACCEPTABLE, 0x86),
        (Code::REQUEST_ENTITY_INCOMPLETE, 0x88),
        (Code::CONFLICT, 0x89),
        (Code::PRECONDITION_FAILED, 0x8C),
        (Code::REQUEST_ENTITY_TOO_LARGE, 0x8D),
        (Code::UNSUPPORTED_CONTENT_FORMAT, 0x8F),
        (Code::UNPROCESSABLE_ENTITY, 0x96),
        (Code::TOO_MANY_REQUESTS, 0x9D),
        (Code::INTERNAL_SERVER_ERROR, 0xA0),
        (Code::NOT_IMPLEMENTED, 0xA1),
        (Code::BAD_GATEWAY, 0xA2),
        (Code::SERVICE_UNAVAILABLE, 0xA3),
        (Code::GATEWAY_TIMEOUT, 0xA4),
        (Code::PROXYING_NOT_SUPPORTED, 0xA5),
        (Code::HOP_LIMIT_REACHED, 0xA8),
        (Code::CSM, 0xE1),
        (Code::PING, 0xE2),
        (Code::PONG, 0xE3),
        (Code::RELEASE, 0xE4),
        (Code::ABORT, 0xE5),
    ];
    for (code, byte) in table {
        assert_eq!(code.0, byte, "{code}");
    }
}

/// B.3: number, C, U, N, R, shortest and longest value.
#[test]
fn b_3_options_follow_from_their_numbers_and_the_table() {
    let table = [
        (1, "C..R", 0, 8),
        (3, "CU..", 1, 255),
        (4, "...R", 1, 8),
        (5, "C...", 0, 0),
        (6, ".U..", 0, 3),
        (7, "CU..", 0, 2),
        (8, "...R", 0, 255),
        (9, "C...", 0, 255),
        (11, "CU.R", 0, 255),
        (12, "....", 0, 2),
        (14, ".U..", 0, 4),
        (15, "CU.R", 0, 255),
        (16, "....", 1, 1),
        (17, "C...", 0, 2),
        (20, "...R", 0, 255),
        (23, "CU..", 0, 3),
        (27, "CU..", 0, 3),
        (28, "..N.", 0, 4),
        (35, "CU..", 1, 1034),
        (39, "CU..", 1, 255),
        (60, "..N.", 0, 4),
        (252, "..N.", 1, 40),
        (258, ".U..", 0, 1),
        (292, "...R", 0, 8),
    ];
    for (number, flags, min, max) in table {
        let option = OptionNumber(number);
        let shape = shape(option).unwrap();
        let no_cache_key = option.is_no_cache_key() && !option.is_unsafe();
        let shown: String = [
            (option.is_critical(), 'C'),
            (option.is_unsafe(), 'U'),
            (no_cache_key, 'N'),
            (shape.repeatable, 'R'),
        ]
        .map(|(set, flag)| if set { flag } else { '.' })
        .into_iter()
        .collect();
        assert_eq!(shown, flags, "{number}");
        assert_eq!((shape.min, shape.max), (min, max), "{number}");
        assert!(shape.fits(&vec![0; min.into()]) && shape.fits(&vec![0; max.into()]));
        assert!(!shape.fits(&vec![0; usize::from(max) + 1]));
    }
    for number in [0, 2, 10, 13, 19, 21, 31, 128, 2049, 65000, 65535] {
        assert_eq!(shape(OptionNumber(number)), None, "{number}");
    }
}

#[test]
fn c_5_4_3_1_c_5_4_5_1_bad_lengths_and_extra_occurrences_count_as_unknown() {
    let bytes = frame_of(&[(12, &[0; 3]), (14, b"\x05"), (14, b"\x07")]);
    let message = Message::parse(&bytes).unwrap();
    assert_eq!(message.uint(OptionNumber::CONTENT_FORMAT), None, "of 3 bytes");
    assert_eq!(message.uint(OptionNumber::MAX_AGE), Some(5), "the first stands");
    let bytes = frame_of(&[(23, b"\x06"), (23, b"\x06")]);
    let message = Message::parse(&bytes).unwrap();
    assert_eq!(message.unknown_critical(&[OptionNumber::BLOCK2]), Some(OptionNumber::BLOCK2));
    assert_eq!(message.unknown_critical(&[]), Some(OptionNumber::BLOCK2));
    let bytes = frame_of(&[(11, b"a"), (11, b"b"), (12, b""), (2049, b"")]);
    let message = Message::parse(&bytes).unwrap();
    let custom = OptionNumber(2049);
    assert_eq!(message.unknown_critical(&[OptionNumber::URI_PATH]), Some(custom));
    assert_eq!(message.unknown_critical(&[OptionNumber::URI_PATH, custom]), None);
    assert!(message.path_is(&["a", "b"]) && !message.path_is(&["a"]) && !message.path_is(&["a", "b", "c"]));
}

#[test]
fn t_5_2_1_signaling_options_are_not_looked_up_among_the_others() {
    // Option 4 is Hold-Off here, and ETag there, which may not be empty.
    let bytes = hex("10 E4 40");
    let message = Message::parse(&bytes).unwrap();
    assert_eq!(message.option(release::HOLD_OFF), Some(&[][..]));
    assert_eq!(release::hold_off(&message), Some(core::time::Duration::ZERO));
    assert_eq!(message.to_string(), "7.04 Release Hold-Off=0");
    assert_eq!(Message::parse(&hex("10 01 40")).unwrap().option(OptionNumber::ETAG), None);
}

#[test]
fn b_2_2_1_block_values() {
    for (value, number, more, unit) in [
        (&[][..], 0, false, 16),
        (&[0x06], 0, false, 1024),
        (&[0x3f], 3, true, 1024),
        (&[0x01, 0x8f], 24, true, 1024),
        (&[0xff, 0xff, 0xff], Block::MAX_NUMBER, true, 1024),
        (&[0x00, 0x00, 0x12], 1, false, 64),
    ] {
        let block = Block::read(value).unwrap();
        assert_eq!((block.number, block.more, block.size.unit()), (number, more, unit));
        assert_eq!(Block::read(&block.value().to_be_bytes()[1..]), Some(block));
    }
    assert_eq!(Block::read(&[0; 4]), None);
    let last = Block { number: u32::MAX, more: false, size: BlockSize::B1024 };
    assert_eq!(last.value() >> 4, Block::MAX_NUMBER, "saturates");
    assert_eq!(Block { number: Block::MAX_NUMBER, ..last }.offset(), (1 << 30) - 1024, "B-6-3: 1 GiB");
}

#[test]
fn c_3_1_1_the_writer_wants_options_in_order() {
    let mut tx = Fixed::<64>::new();
    tx.append(b"before").unwrap();
    let mut writer = Writer::new(&mut tx, Code::GET, &[1]).unwrap();
    writer.option(OptionNumber::URI_QUERY, b"q").unwrap();
    assert_eq!(writer.option(OptionNumber::URI_PATH, b"p").err(), Some(WriteError::Order));
    writer.payload(b"").unwrap();
    writer.option(OptionNumber::URI_QUERY, b"r").unwrap();
    writer.payload(b"x").unwrap();
    assert_eq!(writer.option(OptionNumber::SIZE1, b"").err(), Some(WriteError::Order));
    writer.payload(b"y").unwrap();
    assert_eq!(writer.finish(), 11);
    let message = Message::parse(&tx.as_slice()[6..]).unwrap();
    assert_eq!(message.payload, b"xy");
    assert!(message.query().eq([b"q", b"r"]));
}

#[test]
fn law_2_a_writer_without_room_leaves_everything_as_it_was() {
    for room in 0..60 {
        let mut store = vec![0; 6 + room];
        let mut tx = Slice::new(&mut store);
        tx.append(b"before").unwrap();
        let written = (|| {
            let mut writer = Writer::new(&mut tx, Code::GET, &[1, 2])?;
            writer.option(OptionNumber::URI_PATH, &[b'p'; 14])?;
            writer.payload(&[b'x'; 20])?;
            Ok::<_, WriteError>(writer.finish())
        })();
        match written {
            Ok(size) => assert!(size == 42 && room >= 45, "{room}"),
            Err(error) => {
                assert_eq!(error, WriteError::Full(Full));
                assert!(tx.as_slice() == b"before" && room < 45, "{room}");
            }
        }
    }
    let mut tx = Fixed::<16>::new();
    let mut writer = Writer::new(&mut tx, Code::GET, &[]).unwrap();
    writer.option(OptionNumber::URI_PATH, b"ab").unwrap();
    assert!(writer.option(OptionNumber::URI_PATH, &[0; 20]).is_err());
    assert!(writer.text(format_args!("{}{}", "some", "thing longer")).is_err());
    writer.text(format_args!("{}", 12)).unwrap();
    writer.finish();
    let message = Message::parse(tx.as_slice()).unwrap();
    assert!(message.path_is(&["ab"]));
    assert_eq!(message.payload, b"12");
}

#[test]
fn a_writer_refuses_what_no_length_can_express() {
    let mut bytes = Vec::new();
    assert!(Writer::new(&mut bytes, Code::GET, &vec![0; 65805]).is_err());
    let mut writer = Writer::new(&mut bytes, Code::GET, &[]).unwrap();
    assert!(writer.option(OptionNumber::PROXY_URI, &vec![0; 65805]).is_err());
    writer.option(OptionNumber::PROXY_URI, &vec![0; 65804]).unwrap();
    writer.finish();
    assert!(Message::parse(&bytes).is_ok());
}

#[test]
fn a_payload_can_be_lent_patched_and_emptied() {
    let mut tx = Fixed::<64>::new();
    let mut writer = Writer::new(&mut tx, Code::CONTENT, &[]).unwrap();
    writer.option(OptionNumber::ETAG, &[0; 2]).unwrap();
    writer.uint(OptionNumber::BLOCK2, 0x0e).unwrap();
    writer.payload_with(|payload| payload.append(b"abc")).unwrap();
    writer
        .payload_with(|payload| {
            assert_eq!(payload.as_slice(), b"abc");
            payload.append(b"def")?;
            payload.as_mut_slice()[0] = b'A';
            payload.consume(1);
            payload.truncate(4);
            Ok::<_, Full>(())
        })
        .unwrap();
    assert_eq!(writer.payload_with(|payload| payload.append(&[0; 99])).err(), Some(Full));
    assert!(writer.patch(OptionNumber::ETAG, &[7, 8]));
    assert!(writer.patch(OptionNumber::BLOCK2, &[0x06]));
    assert!(!writer.patch(OptionNumber::ETAG, &[7]) && !writer.patch(OptionNumber::SIZE2, &[]));
    writer.finish();
    let message = Message::parse(tx.as_slice()).unwrap();
    assert_eq!(message.payload, b"bcde");
    assert_eq!(message.option(OptionNumber::ETAG), Some(&[7, 8][..]));
    assert_eq!(message.uint(OptionNumber::BLOCK2), Some(6));

    let mut tx = Fixed::<64>::new();
    let mut writer = Writer::new(&mut tx, Code::CONTENT, &[]).unwrap();
    writer.payload(b"abc").unwrap();
    writer
        .payload_with(|payload| {
            payload.truncate(0);
            Ok::<_, Full>(())
        })
        .unwrap();
    writer.finish();
    assert_eq!(tx.as_slice(), [0x00, 0x45], "C-3-2: no marker without payload");
}

#[test]
fn c_5_5_2_1_what_a_peer_sent_is_escaped_before_it_is_shown() {
    let bytes = frame_of(&[(11, b"a\x1b[2J\n\xff")]);
    assert_eq!(Message::parse(&bytes).unwrap().to_string(), r#"0.01 GET Uri-Path="a\x1b[2J\n\xff""#);
}

#[test]
fn an_owned_message_keeps_its_frame() {
    let owned = OwnedMessage::new(hex("01 E2 42")).unwrap();
    assert_eq!(owned.view().token, [0x42]);
    assert_eq!(format!("{owned:?}"), "7.02 Ping token=42");
    assert!(OwnedMessage::new(hex("01 E2")).is_err());
    assert_eq!(owned.into_inner(), hex("01 E2 42"));
}

#[test]
fn tokens_are_numbers_without_leading_zeros() {
    for number in [0, 1, 0xff, 0x100, 0x1000, u64::from(u32::MAX), u64::MAX] {
        let token = Token::from_number(number);
        assert_eq!(Token::to_number(token.as_slice()), Some(number));
    }
    assert_eq!(Token::from_number(0x1000).as_slice(), [0x10, 0x00]);
    assert_eq!(Token::to_number(&[0, 1]), None);
    assert_eq!(Token::to_number(&[1; 9]), None);
    assert_eq!(Token::new(&[0; 9]), None);
}

fn frame_of(options: &[(u16, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = Writer::new(&mut bytes, Code::GET, &[]).unwrap();
    for (number, value) in options {
        writer.option(OptionNumber(*number), value).unwrap();
    }
    writer.finish();
    bytes
}

proptest! {
    /// T-3.2-2, C-3.1-2, law 7: parse(write(m)) = m.
    #[test]
    fn law_7_what_is_written_is_read(
        code in any::<u8>(),
        token in prop_oneof![vec(0, 20), vec(260, 275)],
        mut options in proptest::collection::vec((any::<u16>(), prop_oneof![vec(0, 20), vec(260, 275)]), 0..6),
        payload in prop_oneof![vec(0, 20), vec(240, 300)],
    ) {
        options.sort_by_key(|(number, _)| *number);
        let mut bytes = Vec::new();
            let mut writer = Writer::new(&mut bytes, Code(code), &token).unwrap();
        for (number, value) in &options {
            writer.option(OptionNumber(*number), value).unwrap();
        }
        writer.payload(&payload).unwrap();
        let (_, size) = writer.extent();
        prop_assert_eq!(writer.finish(), size);
        prop_assert_eq!(size, bytes.len());

        let message = Message::parse(&bytes).unwrap();
        prop_assert_eq!(message.code, Code(code));
        prop_assert_eq!(message.token, &token);
        prop_assert_eq!(message.payload, &payload);
        let read: Vec<_> = message.options().map(|(n, value)| (n.0, value.to_vec())).collect();
        prop_assert_eq!(read, options);
        for end in 0..bytes.len() {
            prop_assert!(Message::parse(&bytes[..end]).is_err(), "cut at {}", end);
        }
    }

    /// Law 7: write(parse(f)) is canonical and no longer than f; nothing makes the reader panic.
    #[test]
    fn law_7_what_is_read_is_written_again(bytes in vec(0, 40)) {
        let _ = head(&bytes, false);
        if let Ok(message) = Message::parse(&bytes) {
            let mut again = Vec::new();
            message.write(&mut again).unwrap();
            prop_assert_eq!(&again, &bytes);
            let _ = (message.to_string(), message.unknown_critical(&[]), Csm::read(&message, false));
            let _ = (release::hold_off(&message), release::alternatives(&message).count());
            let _ = (abort::bad_csm_option(&message), message.block(OptionNumber::BLOCK1));
        }
    }

    /// T-3.2-8: what is announced early is never more than what comes out.
    #[test]
    fn heads_grow_with_their_bytes(bytes in vec(0, 9)) {
        let mut least_before = 0;
        for end in 0..=bytes.len() {
            match head(&bytes[..end], true) {
                Ok(Prefix::Partial { need, least }) => {
                    prop_assert!(need > 0 && least >= least_before && least > end as u64);
                    least_before = least;
                }
                Ok(Prefix::Head(head)) => prop_assert!(head.total() >= least_before),
                Err(_) => return Ok(()),
            }
        }
    }
}

fn vec(from: usize, to: usize) -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), from..to)
}
