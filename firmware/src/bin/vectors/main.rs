//! The digest's byte vectors on 32 bits: lengths beyond 4 GiB, every extension, every defect.
#![no_std]
#![no_main]

mod table;

use coap_tcp_core::wire::{Prefix, head};
use coap_tcp_core::{Buf, Config, Event, Fixed, Instant, Message, Session, Settled, Slot};
use cortex_m_rt::entry;
use firmware::board;
use table::{STREAMS, SUSPICIOUS, VALID, Valid};

/// The longest message that is built whole; of longer ones the lengths are looked at.
const LONGEST: usize = 5200;

static CONFIG: Config = Config::new();

type Check = Result<(), &'static str>;

#[entry]
fn main() -> ! {
    if board::start().is_none() {
        board::end(Some("no start"))
    }
    let mut failed = None;
    let mut note = |name: &'static str, check: Check| {
        if let Err(why) = check {
            board::say(&[name, ": ", why]);
            failed = Some("vectors");
        }
    };
    for vector in VALID {
        note(vector.name, valid(vector));
    }
    for &(name, bytes, ends) in SUSPICIOUS {
        let verdict = stream(&["00 E1", bytes], usize::MAX);
        let found = if verdict.1 == ends { Ok(()) } else { Err("the end is not as it should be") };
        note(name, found);
    }
    for &(name, bytes, messages, ends) in STREAMS {
        for cut in [usize::MAX, 1, 2, 3] {
            let found = stream(&[bytes], cut) == (messages, ends);
            note(name, if found { Ok(()) } else { Err("other messages, or another end") });
        }
    }
    board::say_number("vectors", (VALID.len() + SUSPICIOUS.len() + STREAMS.len()) as u32);
    board::end(failed)
}

fn valid(vector: &Valid) -> Check {
    let mut bytes = Fixed::<LONGEST>::new();
    append_hex(&mut bytes, vector.bytes)?;
    let Ok(Prefix::Head(head)) = head(bytes.as_slice(), true) else {
        return Err("no head");
    };
    if head.total() != vector.size as u64 || head.code.0 != vector.code || head.token != vector.token {
        return Err("another head");
    }
    if vector.size > LONGEST {
        return Ok(());
    }
    let last = *bytes.as_slice().last().ok_or("empty")?;
    while bytes.as_slice().len() < vector.size {
        bytes.append(&[last]).map_err(|_| "too long")?;
    }
    let message = Message::parse(bytes.as_slice()).map_err(|_| "malformed")?;
    let options = message.options();
    let found = options.fold((0, 0), |(count, _), (number, _)| (count + 1, number.0));
    if found != vector.options || message.payload.len() != vector.payload {
        return Err("another body");
    }
    // Law 7: all of these are canonical.
    let mut again = Fixed::<LONGEST>::new();
    message.write(&mut again).map_err(|_| "no room")?;
    if again.as_slice() == bytes.as_slice() { Ok(()) } else { Err("written otherwise") }
}

/// Feeds a server, in reads of `cut` bytes, and says how many messages it reported, and whether it ended itself.
fn stream(parts: &[&str], cut: usize) -> (usize, bool) {
    let mut bytes = Fixed::<64>::new();
    if parts.iter().any(|part| append_hex(&mut bytes, part).is_err()) {
        return (usize::MAX, false);
    }
    let mut tx = Fixed::<512>::new();
    let slots: [Slot<()>; 2] = [Slot::FREE; 2];
    let Ok(mut session) = Session::accept(&CONFIG, Fixed::<1152>::new(), slots, Instant::ZERO, &mut tx)
    else {
        return (usize::MAX, false);
    };
    let mut messages = 0;
    for read in bytes.as_slice().chunks(cut.min(64)) {
        let received = session.receive(Instant::ZERO, read, &mut tx, |event, _| {
            // What is said of a request that nobody has served is no message.
            messages += usize::from(!matches!(event, Event::Settled(Settled::Unserved)));
        });
        if received.is_err() {
            return (messages, true);
        }
    }
    (messages, false)
}

fn append_hex<const N: usize>(to: &mut Fixed<N>, text: &str) -> Check {
    for pair in text.split(' ') {
        let byte = u8::from_str_radix(pair, 16).map_err(|_| "no byte")?;
        to.append(&[byte]).map_err(|_| "too long")?;
    }
    Ok(())
}
