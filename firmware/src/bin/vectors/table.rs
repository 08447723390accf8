//! The vectors of digest A.6, A.7 and the streams of A.6, with what comes of them.

/// A valid message.
pub(crate) struct Valid {
    pub(crate) name: &'static str,
    /// Its first bytes; the last of them is repeated up to `size`.
    pub(crate) bytes: &'static str,
    pub(crate) size: usize,
    pub(crate) code: u8,
    pub(crate) token: usize,
    /// How many options, and the number of the last.
    pub(crate) options: (usize, u16),
    pub(crate) payload: usize,
}

type Row = (&'static str, &'static str, usize, u8, usize, (usize, u16), usize);

const fn valid((name, bytes, size, code, token, options, payload): Row) -> Valid {
    Valid { name, bytes, size, code, token, options, payload }
}

/// Name, first bytes, size, code, token length, options, payload length; as a decoder written apart from the core has them.
#[rustfmt::skip]
pub(crate) const VALID: &[Valid] = &[
    valid(("V01", "00 00", 2, 0x00, 0, (0, 0), 0)),
    valid(("V02", "01 43 7F", 3, 0x43, 1, (0, 0), 0)),
    valid(("V03", "01 E2 42", 3, 0xe2, 1, (0, 0), 0)),
    valid(("V04", "01 E3 42", 3, 0xe3, 1, (0, 0), 0)),
    valid(("V05", "00 E1", 2, 0xe1, 0, (0, 0), 0)),
    valid(("V06", "30 E1 22 04 80", 5, 0xe1, 0, (1, 2), 0)),
    valid(("V07", "40 E1 22 09 00 20", 6, 0xe1, 0, (2, 4), 0)),
    valid(("V08", "90 E1 23 10 00 00 20 23 01 01 0C", 11, 0xe1, 0, (3, 6), 0)),
    valid(("V09", "50 E1 24 FF FF FF FF", 7, 0xe1, 0, (1, 2), 0)),
    valid(("V10", "50 E1 24 00 00 04 80", 7, 0xe1, 0, (1, 2), 0)),
    valid(("V11", "10 E2 20", 3, 0xe2, 0, (1, 2), 0)),
    valid(("V12", "12 E3 A1 B2 20", 5, 0xe3, 2, (1, 2), 0)),
    valid(("V13", "00 E4", 2, 0xe4, 0, (0, 0), 0)),
    valid(("V14", "D0 15 E4 2D 05 5B 32 30 30 31 3A 64 62 38 3A 3A 32 5D 3A 35 36 38 33 0B 61 6C 74 2E 65 78 61 6D 70 6C 65 21 3C", 37, 0xe4, 0, (3, 4), 0)),
    valid(("V15", "C0 E5 FF 43 53 4D 20 6D 69 73 73 69 6E 67", 14, 0xe5, 0, (0, 0), 11)),
    valid(("V16", "80 E5 21 09 FF 6F 70 74 20 39", 10, 0xe5, 0, (1, 2), 5)),
    valid(("V17", "C1 01 71 BB 74 65 6D 70 65 72 61 74 75 72 65", 15, 0x01, 1, (1, 11), 0)),
    valid(("V18", "71 45 71 FF 32 32 2E 35 20 43", 10, 0x45, 1, (0, 0), 6)),
    valid(("V19", "D1 00 01 71 BC 74 65 6D 70 65 72 61 74 75 72 65 73", 17, 0x01, 1, (1, 11), 0)),
    valid(("V20", "D0 FF 02 FF AA", 271, 0x02, 0, (0, 0), 267)),
    valid(("V21", "E0 00 00 02 FF AA", 273, 0x02, 0, (0, 0), 268)),
    valid(("V22", "E0 FF FF 02 FF AA", 65808, 0x02, 0, (0, 0), 65803)),
    valid(("V23", "F0 00 00 00 00 02 FF AA", 65811, 0x02, 0, (0, 0), 65804)),
    valid(("V24", "68 01 01 02 03 04 05 06 07 08 B1 61 43 62 3D 31", 16, 0x01, 8, (2, 15), 0)),
    valid(("V25", "51 01 10 60 53 6F 62 73", 8, 0x01, 1, (2, 11), 0)),
    valid(("V26", "51 45 10 60 61 3C FF 00", 8, 0x45, 1, (2, 12), 1)),
    valid(("V27", "61 01 10 61 01 53 6F 62 73", 9, 0x01, 1, (2, 11), 0)),
    valid(("V28", "91 01 20 B6 73 74 61 74 75 73 C1 37", 12, 0x01, 1, (2, 23), 0)),
    valid(("V29", "E1 12 F7 45 20 D1 0A 3F FF 55", 5129, 0x45, 1, (1, 23), 5120)),
    valid(("V30", "41 5F 21 D2 0E 01 8F", 7, 0x5f, 1, (1, 27), 0)),
    valid(("V31", "81 8D 22 D1 0E 06 D3 14 01 00 00", 11, 0x8d, 1, (2, 60), 0)),
    valid(("V32", "D1 20 02 0A B2 72 64 11 28 34 65 70 3D 6E 06 6C 74 3D 33 30 30 09 6C 77 6D 32 6D 3D 31 2E 31 03 62 3D 54 FF 3C 2F 31 2F 30 3E 2C 3C 2F 33 2F 30 3E", 49, 0x02, 1, (6, 15), 13)),
    valid(("V33", "81 41 0A 82 72 64 04 35 61 33 66", 11, 0x41, 1, (2, 8), 0)),
    valid(("V34", "D1 0D 01 53 B7 73 65 6E 73 6F 72 73 0B 74 65 6D 70 65 72 61 74 75 72 65 45 75 3D 43 65 6C", 30, 0x01, 1, (3, 15), 0)),
    valid(("V36", "2C 01 00 01 02 03 04 05 06 07 08 09 0A 0B B1 78", 16, 0x01, 12, (1, 11), 0)),
    valid(("V37", "2D 01 00 00 01 02 03 04 05 06 07 08 09 0A 0B 0C B1 78", 18, 0x01, 13, (1, 11), 0)),
    valid(("V38", "DD 00 02 00 00 01 02 03 04 05 06 07 08 09 0A 0B 0C FF 68 65 6C 6C 6F 20 77 6F 72 6C 64 21", 30, 0x02, 13, (0, 0), 12)),
    valid(("V39", "0D 01 FF 77", 271, 0x01, 268, (0, 0), 0)),
    valid(("V40", "0E 01 00 00 77", 273, 0x01, 269, (0, 0), 0)),
    valid(("V41", "0E 01 FF FF 77", 65808, 0x01, 65804, (0, 0), 0)),
    valid(("V42", "60 02 C0 D1 23 01 FF 70", 8, 0x02, 0, (2, 60), 1)),
    valid(("V43", "30 02 D1 F5 1A", 5, 0x02, 0, (1, 258), 0)),
    valid(("V44", "20 01 D0 FF", 4, 0x01, 0, (1, 268), 0)),
    valid(("V45", "30 01 E0 00 00", 5, 0x01, 0, (1, 269), 0)),
    valid(("V46", "60 02 D2 EF 01 02 D0 1B", 8, 0x02, 0, (2, 292), 0)),
    valid(("V47", "30 01 E0 FE F2", 5, 0x01, 0, (1, 65535), 0)),
    valid(("V48", "D0 00 01 BC 61 61 61 61 61 61 61 61 61 61 61 61", 16, 0x01, 0, (1, 11), 0)),
    valid(("V49", "D0 02 01 BD 00 61 61 61 61 61 61 61 61 61 61 61 61 61", 18, 0x01, 0, (1, 11), 0)),
    valid(("V50", "E0 00 02 01 DD 16 FF 75", 275, 0x01, 0, (1, 35), 0)),
    valid(("V51", "E0 00 04 01 DE 16 00 00 75", 277, 0x01, 0, (1, 35), 0)),
    valid(("V52", "E0 03 01 01 DE 16 02 FD 75", 1042, 0x01, 0, (1, 35), 0)),
    valid(("V53", "50 45 42 FF FF FF FF", 7, 0x45, 0, (1, 4), 1)),
    valid(("V54", "50 E1 22 04 80 61 00", 7, 0xe1, 0, (2, 8), 0)),
    valid(("V55", "10 E1 10", 3, 0xe1, 0, (1, 1), 0)),
    valid(("V56", "20 E5 21 01", 4, 0xe5, 0, (1, 2), 0)),
    valid(("V57", "41 82 01 FF 32 36 39", 7, 0x82, 1, (0, 0), 3)),
    valid(("V58", "91 05 33 B1 33 01 30 11 70 FF 81 00", 12, 0x05, 1, (3, 12), 2)),
    valid(("V59", "41 9D 34 D2 01 01 2C", 7, 0x9d, 1, (1, 14), 0)),
    valid(("V60", "21 A3 35 D0 01", 5, 0xa3, 1, (1, 14), 0)),
];

/// What a connection makes of a message after the CSM: whether it is the end.
#[rustfmt::skip]
pub(crate) const SUSPICIOUS: &[(&str, &str, bool)] = &[
    ("M01", "10 45 FF", true),
    ("M02", "10 01 F0", true),
    ("M03", "10 01 0F", true),
    ("M04", "10 01 D0", true),
    ("M05", "20 01 B5 61", true),
    ("M06", "20 01 E0 FF", true),
    ("M07", "09 01 00 00 00 00 00 00 00 00 00", true),
    ("M08", "0F 01", true),
    ("M09", "30 01 E0 FF FF", true),
    ("M10", "40 01 E0 FE F2 10", true),
    ("M11", "01 00 AA", false),
    ("M12", "10 00 60", false),
    ("M13", "10 00 FF", true),
    ("M14", "00 20", true),
    ("M15", "00 C0", true),
    ("M16", "00 60", true),
    ("M17", "00 E0", false),
    ("M18", "00 E6", false),
    ("M19", "60 E1 25 00 00 00 04 80", true),
    ("M20", "20 E1 41 01", true),
    ("M21", "20 E1 61 07", false),
    ("M22", "40 E1 63 01 01 0D", false),
    ("M23", "60 E1 22 04 80 02 08 00", false),
    ("M24", "20 E2 21 01", false),
    ("M25", "50 E4 44 01 00 00 00", false),
    ("M26", "10 E4 20", false),
    ("M27", "10 45 F1", true),
    ("M28", "30 02 FF 61 62", false),
    ("M29", "20 01 B0 2E", true),
    ("M30", "00 08", false),
];

/// Whole streams: how many messages are reported, and whether it ends with an Abort.
#[rustfmt::skip]
pub(crate) const STREAMS: &[(&str, &str, usize, bool)] = &[
    ("ST1", "00 E1 C1 01 71 BB 74 65 6D 70 65 72 61 74 75 72 65", 2, false),
    ("ST4", "00 E1 F0 FF FF FF FF", 1, true),
    ("ST5", "47 45 54 20 2F 20 48 54 54 50 2F 31 2E 31 0D 0A", 0, true),
    ("ST6", "16 03 01 02 00 01 00 01 FC", 0, true),
    ("ST7", "00 00", 0, true),
    ("ST8", "00 E1 00 00 00 00 01 E2 42", 4, false),
];
