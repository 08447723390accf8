//! A.6: the valid vectors.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use sha2::{Digest, Sha256};

use super::hex;
use crate::wire::*;

/// A.6: bytes, what they read as (long payloads by their size), and the start of the hash of long ones.
const VALID: &[(&str, &str, &str, &str)] = &[
    ("V01", "00 00", "0.00 Empty", ""),
    ("V02", "01 43 7F", "2.03 Valid token=7f", ""),
    ("V03", "01 E2 42", "7.02 Ping token=42", ""),
    ("V04", "01 E3 42", "7.03 Pong token=42", ""),
    ("V05", "00 E1", "7.01 CSM", ""),
    ("V06", "30 E1 22 04 80", "7.01 CSM Max-Message-Size=1152", ""),
    ("V07", "40 E1 22 09 00 20", "7.01 CSM Max-Message-Size=2304 Block-Wise-Transfer=0", ""),
    (
        "V08",
        "90 E1 23 10 00 00 20 23 01 01 0C",
        "7.01 CSM Max-Message-Size=1048576 Block-Wise-Transfer=0 Option-6=65804",
        "",
    ),
    ("V09", "50 E1 24 FF FF FF FF", "7.01 CSM Max-Message-Size=4294967295", ""),
    ("V10", "50 E1 24 00 00 04 80", "7.01 CSM Max-Message-Size=1152", ""),
    ("V11", "10 E2 20", "7.02 Ping Custody=0", ""),
    ("V12", "12 E3 A1 B2 20", "7.03 Pong token=a1b2 Custody=0", ""),
    ("V13", "00 E4", "7.04 Release", ""),
    (
        "V14",
        "D0 15 E4 2D 05 5B 32 30 30 31 3A 64 62 38 3A 3A 32 5D 3A 35 36 38 33 0B 61 6C 74 2E 65 78 61 6D 70 6C 65 21 3C",
        r#"7.04 Release Alternative-Address="[2001:db8::2]:5683" Alternative-Address="alt.example" Hold-Off=60"#,
        "",
    ),
    ("V15", "C0 E5 FF 43 53 4D 20 6D 69 73 73 69 6E 67", "7.05 Abort [11 bytes]", ""),
    ("V16", "80 E5 21 09 FF 6F 70 74 20 39", "7.05 Abort Bad-CSM-Option=9 [5 bytes]", ""),
    (
        "V17",
        "C1 01 71 BB 74 65 6D 70 65 72 61 74 75 72 65",
        r#"0.01 GET token=71 Uri-Path="temperature""#,
        "",
    ),
    ("V18", "71 45 71 FF 32 32 2E 35 20 43", "2.05 Content token=71 [6 bytes]", ""),
    (
        "V19",
        "D1 00 01 71 BC 74 65 6D 70 65 72 61 74 75 72 65 73",
        r#"0.01 GET token=71 Uri-Path="temperatures""#,
        "",
    ),
    ("V20", "D0 FF 02 FF …AA*271", "0.02 POST [267 bytes]", "b5039f891b87a068"),
    ("V21", "E0 00 00 02 FF …AA*273", "0.02 POST [268 bytes]", "dccf1d26c24d22f7"),
    ("V22", "E0 FF FF 02 FF …AA*65808", "0.02 POST [65803 bytes]", "c4b2a68b2424e4ca"),
    ("V23", "F0 00 00 00 00 02 FF …AA*65811", "0.02 POST [65804 bytes]", "71cf2ffac6193147"),
    (
        "V24",
        "68 01 01 02 03 04 05 06 07 08 B1 61 43 62 3D 31",
        r#"0.01 GET token=0102030405060708 Uri-Path="a" Uri-Query="b=1""#,
        "",
    ),
    ("V25", "51 01 10 60 53 6F 62 73", r#"0.01 GET token=10 Observe=0 Uri-Path="obs""#, ""),
    ("V26", "51 45 10 60 61 3C FF 00", "2.05 Content token=10 Observe=0 Content-Format=60 [1 bytes]", ""),
    ("V27", "61 01 10 61 01 53 6F 62 73", r#"0.01 GET token=10 Observe=1 Uri-Path="obs""#, ""),
    ("V28", "91 01 20 B6 73 74 61 74 75 73 C1 37", r#"0.01 GET token=20 Uri-Path="status" Block2=55"#, ""),
    (
        "V29",
        "E1 12 F7 45 20 D1 0A 3F FF …55*5129",
        "2.05 Content token=20 Block2=63 [5120 bytes]",
        "3b46faa8d229761c",
    ),
    ("V30", "41 5F 21 D2 0E 01 8F", "2.31 Continue token=21 Block1=399", ""),
    (
        "V31",
        "81 8D 22 D1 0E 06 D3 14 01 00 00",
        "4.13 Request Entity Too Large token=22 Block1=6 Size1=65536",
        "",
    ),
    (
        "V32",
        "D1 20 02 0A B2 72 64 11 28 34 65 70 3D 6E 06 6C 74 3D 33 30 30 09 6C 77 6D 32 6D 3D 31 2E 31 03 62 3D 54 FF 3C 2F 31 2F 30 3E 2C 3C 2F 33 2F 30 3E",
        r#"0.02 POST token=0a Uri-Path="rd" Content-Format=40 Uri-Query="ep=n" Uri-Query="lt=300" Uri-Query="lwm2m=1.1" Uri-Query="b=T" [13 bytes]"#,
        "",
    ),
    (
        "V33",
        "81 41 0A 82 72 64 04 35 61 33 66",
        r#"2.01 Created token=0a Location-Path="rd" Location-Path="5a3f""#,
        "",
    ),
    (
        "V34",
        "D1 0D 01 53 B7 73 65 6E 73 6F 72 73 0B 74 65 6D 70 65 72 61 74 75 72 65 45 75 3D 43 65 6C",
        r#"0.01 GET token=53 Uri-Path="sensors" Uri-Path="temperature" Uri-Query="u=Cel""#,
        "",
    ),
    (
        "V36",
        "2C 01 00 01 02 03 04 05 06 07 08 09 0A 0B B1 78",
        r#"0.01 GET token=000102030405060708090a0b Uri-Path="x""#,
        "",
    ),
    (
        "V37",
        "2D 01 00 00 01 02 03 04 05 06 07 08 09 0A 0B 0C B1 78",
        r#"0.01 GET token=000102030405060708090a0b0c Uri-Path="x""#,
        "",
    ),
    (
        "V38",
        "DD 00 02 00 00 01 02 03 04 05 06 07 08 09 0A 0B 0C FF 68 65 6C 6C 6F 20 77 6F 72 6C 64 21",
        "0.02 POST token=000102030405060708090a0b0c [12 bytes]",
        "",
    ),
    ("V39", "0D 01 FF …77*271", "0.01 GET token of 268", "cf730c815976372c"),
    ("V40", "0E 01 00 00 …77*273", "0.01 GET token of 269", "aecd041907595746"),
    ("V41", "0E 01 FF FF …77*65808", "0.01 GET token of 65804", "28a948e49a566e7f"),
    ("V42", "60 02 C0 D1 23 01 FF 70", "0.02 POST Content-Format=0 Size1=1 [1 bytes]", ""),
    ("V43", "30 02 D1 F5 1A", "0.02 POST No-Response=26", ""),
    ("V44", "20 01 D0 FF", "0.01 GET Option-268=0", ""),
    ("V45", "30 01 E0 00 00", "0.01 GET Option-269=0", ""),
    ("V46", "60 02 D2 EF 01 02 D0 1B", "0.02 POST Echo=258 Request-Tag=0", ""),
    ("V47", "30 01 E0 FE F2", "0.01 GET Option-65535=0", ""),
    ("V48", "D0 00 01 BC …61*16", r#"0.01 GET Uri-Path="aaaaaaaaaaaa""#, ""),
    ("V49", "D0 02 01 BD 00 …61*18", r#"0.01 GET Uri-Path="aaaaaaaaaaaaa""#, ""),
    ("V50", "E0 00 02 01 DD 16 FF …75*275", "0.01 GET Proxy-Uri of 268", "6c43e57f2d635794"),
    ("V51", "E0 00 04 01 DE 16 00 00 …75*277", "0.01 GET Proxy-Uri of 269", "100281a409d88ed1"),
    ("V52", "E0 03 01 01 DE 16 02 FD …75*1042", "0.01 GET Proxy-Uri of 1034", "fe07f7bdf0101d48"),
    ("V53", "50 45 42 FF FF FF FF", "2.05 Content ETag=65535 [1 bytes]", ""),
    ("V54", "50 E1 22 04 80 61 00", "7.01 CSM Max-Message-Size=1152 Option-8=0", ""),
    ("V55", "10 E1 10", "7.01 CSM Option-1=0", ""),
    ("V56", "20 E5 21 01", "7.05 Abort Bad-CSM-Option=1", ""),
    ("V57", "41 82 01 FF 32 36 39", "4.02 Bad Option token=01 [3 bytes]", ""),
    (
        "V58",
        "91 05 33 B1 33 01 30 11 70 FF 81 00",
        r#"0.05 FETCH token=33 Uri-Path="3" Uri-Path="0" Content-Format=112 [2 bytes]"#,
        "",
    ),
    ("V59", "41 9D 34 D2 01 01 2C", "4.29 Too Many Requests token=34 Max-Age=300", ""),
    ("V60", "21 A3 35 D0 01", "5.03 Service Unavailable token=35 Max-Age=0", ""),
];

/// The sizes that A.6 gives.
const SIZES: [usize; 60] = [
    2, 3, 3, 3, 2, 5, 6, 11, 7, 7, 3, 5, 2, 37, 14, 10, 15, 10, 17, 271, 273, 65808, 65811, 16, 8, 8, 9, 12,
    5129, 7, 11, 49, 11, 30, 29, 16, 18, 30, 271, 273, 65808, 8, 5, 4, 5, 8, 5, 16, 18, 275, 277, 1042, 7, 7,
    3, 4, 7, 12, 7, 5,
];

fn line(message: &Message<'_>) -> String {
    if message.token.len() > 20 {
        return format!("{} token of {}", message.code, message.token.len());
    }
    match message.option(OptionNumber::PROXY_URI) {
        Some(uri) => format!("{} Proxy-Uri of {}", message.code, uri.len()),
        None => message.to_string(),
    }
}

#[test]
fn a_6_every_vector_reads_and_writes() {
    for (id, text, expected, hash) in VALID {
        let bytes = hex(text);
        let number: usize = id[1..].parse().unwrap();
        assert_eq!(bytes.len(), SIZES[number - 1], "{id}");
        if !hash.is_empty() {
            let digest: String = Sha256::digest(&bytes)[..8].iter().map(|b| format!("{b:02x}")).collect();
            assert_eq!(digest, *hash, "{id}");
        }
        let message = Message::parse(&bytes).unwrap();
        assert_eq!(line(&message), *expected, "{id}");
        let mut again = Vec::<u8>::new();
        assert_eq!(message.write(&mut again).unwrap(), bytes.len(), "{id}");
        assert_eq!(again, bytes, "{id}: T-3.2-6, each length has one encoding");
    }
    let ids: Vec<&str> = VALID.iter().map(|row| row.0).collect();
    let all: Vec<String> = (1..=60).filter(|n| *n != 35).map(|n| format!("V{n:02}")).collect();
    assert_eq!(ids, all, "V35 is the WebSocket form");
}

#[test]
fn a_6_decoded_details() {
    let of = |id: &str| hex(VALID.iter().find(|row| row.0 == id).unwrap().1);
    let bytes = of("V14");
    let message = Message::parse(&bytes).unwrap();
    let options: Vec<_> = message.options().map(|(n, v)| (n.0, v.len())).collect();
    assert_eq!(options, [(2, 18), (2, 11), (4, 1)]);
    assert_eq!(release::hold_off(&message), Some(core::time::Duration::from_secs(60)));
    let block = |id: &str, which| {
        let bytes = of(id);
        let block = Message::parse(&bytes).unwrap().block(which).unwrap().unwrap();
        (block.number, block.more, block.size)
    };
    assert_eq!(block("V28", OptionNumber::BLOCK2), (3, false, BlockSize::Bert));
    assert_eq!(block("V29", OptionNumber::BLOCK2), (3, true, BlockSize::Bert));
    assert_eq!(block("V30", OptionNumber::BLOCK1), (24, true, BlockSize::Bert));
    assert_eq!(block("V31", OptionNumber::BLOCK1), (0, false, BlockSize::B1024));
    let bytes = of("V31");
    assert_eq!(Message::parse(&bytes).unwrap().uint(OptionNumber::SIZE1), Some(65536));
    let bytes = of("V32");
    let message = Message::parse(&bytes).unwrap();
    assert!(message.query().eq([&b"ep=n"[..], b"lt=300", b"lwm2m=1.1", b"b=T"]));
    let csm = |id: &str| {
        let bytes = of(id);
        Csm::read(&Message::parse(&bytes).unwrap(), false).unwrap()
    };
    assert_eq!(
        csm("V08"),
        Csm { max_message_size: Some(1 << 20), block_wise: true, extended_token_length: Some(65804) }
    );
    assert_eq!(csm("V10").max_message_size, Some(1152));
    assert_eq!(csm("V54").max_message_size, Some(1152));
}
