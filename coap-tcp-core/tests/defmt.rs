//! What defmt makes of the public types. On a host nothing decodes its frames, since their strings are not where a
//! debug probe finds them; but which values follow the strings can be read.

#![allow(clippy::unwrap_used)]

use std::sync::{Mutex, PoisonError};

use coap_tcp_core::wire::{Block, BlockSize, Token};
use coap_tcp_core::{
    Closed, Code, Config, Event, Expired, Instant, Message, OptionNumber, Session, Settled, Slot,
};
use coap_tcp_core::{Settings, Violation};

static BYTES: Mutex<Vec<u8>> = Mutex::new(Vec::new());

#[defmt::global_logger]
struct Kept;

// SAFETY: one test at a time speaks, since all are in one function.
unsafe impl defmt::Logger for Kept {
    fn acquire() {}

    unsafe fn flush() {}

    unsafe fn release() {}

    unsafe fn write(bytes: &[u8]) {
        BYTES.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
    }
}

defmt::timestamp!("");

/// The bytes of one line, without the numbers of its own string and of the timestamp's.
fn said(line: impl FnOnce()) -> Vec<u8> {
    line();
    let bytes = std::mem::take(&mut *BYTES.lock().unwrap());
    bytes.get(4..).expect("defmt leaves lines out unless it is told: DEFMT_LOG=trace cargo test").to_vec()
}

macro_rules! said {
    ($value:expr) => {
        said(|| defmt::println!("{}", $value))
    };
}

#[test]
fn the_values_of_public_types_are_encoded() {
    // After the number of a type's own string.
    assert!(said!(Code::CONTENT)[2..].starts_with(&[2, 5]));
    assert!(said!(OptionNumber(0x1234))[2..].starts_with(&[0x34, 0x12]));
    assert!(said!(Instant::from_micros(0x0102))[2..].starts_with(&[2, 1, 0, 0, 0, 0, 0, 0]));
    assert!(said!(Token::new(&[9, 8]).unwrap())[2..].starts_with(&[2, 0, 0, 0, 9, 8]));
    let has = |bytes: Vec<u8>, part: &[u8]| bytes.windows(part.len()).any(|bytes| bytes == part);
    let block = Block { number: 3, more: true, size: BlockSize::B64 };
    assert!(has(said!(block), &[3, 0, 0, 0, 1]) && has(said!(block), &[64, 0, 0, 0]));
    let settings = Settings { max_message_size: 0x0102_0304, block_wise: true, token_length: 8 };
    assert!(has(said!(settings), &[4, 3, 2, 1]));
    assert!(has(said!(Closed::Violation(Violation::BadCsmOption(0x0b0a))), &[0x0a, 0x0b]));
    assert_ne!(said!(Closed::Eof), said!(Closed::Idle));
    assert_ne!(said!(Settled::Unserved), said!(Settled::AnswerFailed));
    assert_ne!(said!(Expired::<u8>::KeepAlive), said!(Expired::<u8>::PongMissing));
    let message = Message::parse(&[0x31, 0x45, 0x07, 0xff, b'h', b'i']).unwrap();
    assert!(has(said!(Event::<u8>::Unmatched(message)), &[2, 5]));
    assert!(!has(said!(Event::<u8>::Unmatched(message)), b"hi"), "no payload");

    // And of the lines that a connection says by itself: D-H-1, text of the peer's is cut, and escaped when shown.
    let (config, mut tx) = (Config::new(), Vec::new());
    let mut session =
        Session::accept(&config, Vec::new(), Vec::<Slot<u8>>::new(), Instant::ZERO, &mut tx).unwrap();
    let mut feed = |bytes: &[u8]| said(|| _ = session.receive(Instant::ZERO, bytes, &mut tx, |_, _| {}));
    assert_ne!(feed(&[0x00, 0xe1]), [], "its settings");
    let abort = [&[0xe0, 0x00, 0x00, 0xe5, 0xff][..], &[b'x'; 268]].concat();
    let aborted = feed(&abort);
    assert_eq!(aborted.iter().filter(|&&b| b == b'x').count(), 64, "{aborted:02x?}");
}
