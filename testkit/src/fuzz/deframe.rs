//! A byte stream: cut anywhere, and cut into the same frames.

use coap_tcp_core::deframe::{Cut, Cutting};
use coap_tcp_core::{Buf, Deframer, Fixed};

use crate::rng::Rng;

/// Three bytes choose limits and cuts, the rest is the stream.
pub fn deframe(data: &[u8]) {
    let Some((&[flags, size, seed], stream)) = data.split_first_chunk() else {
        return;
    };
    // Under 16 bytes not even the head of a frame is sure to fit.
    let max_message_size = 16 + u32::from(size) * if flags & 8 == 0 { 1 } else { 16 };
    let cutting = Cutting {
        max_message_size,
        max_skipped: match flags & 3 {
            0 => 0,
            1 => 1152,
            _ => u32::MAX,
        },
        extended: flags & 4 != 0,
    };
    let whole = run(Vec::new(), stream, &cutting, |_| stream.len());
    let bytes = run(Vec::new(), stream, &cutting, |_| 1);
    assert_eq!(whole, bytes, "cut byte by byte");
    let mut rng = Rng::new(seed.into());
    let cuts = run(Vec::new(), stream, &cutting, |left| 1 + rng.below(left.min(64)));
    assert_eq!(whole, cuts, "cut at random");
    let mut rng = Rng::new(!u64::from(seed));
    let fixed = run(Fixed::<{ 16 + 255 * 16 }>::new(), stream, &cutting, |left| 1 + rng.below(left.min(64)));
    assert_eq!(whole, fixed, "with a fixed spill");
}

/// What came of it, in words: each frame, and how it ended.
fn run<B: Buf>(
    spill: B,
    mut stream: &[u8],
    cutting: &Cutting,
    mut size: impl FnMut(usize) -> usize,
) -> Vec<String> {
    let (mut rx, mut cuts, mut refused) = (Deframer::new(spill), Vec::new(), false);
    while !stream.is_empty() {
        let (mut input, rest) = stream.split_at(size(stream.len()).min(stream.len()));
        stream = rest;
        loop {
            // Every third frame is wanted only when it is offered again.
            let wanted = refused || cuts.len() % 3 != 2;
            let cut = rx.next_if(&mut input, cutting, |_| wanted);
            refused = false;
            match cut {
                Ok(Cut::Frame(frame)) => {
                    assert!(frame.len() <= cutting.max_message_size as usize);
                    cuts.push(format!("{frame:02x?}"));
                }
                Ok(Cut::Oversized { head, token }) => {
                    assert!(head.total() > cutting.max_message_size.into() && token.len() == head.token);
                    cuts.push(format!("{head:?} {token:02x?}"));
                }
                Ok(Cut::Refused) => refused = true,
                Ok(Cut::Nothing) => break,
                Err(error) => {
                    cuts.push(format!("{error:?}"));
                    return cuts;
                }
            }
            // Law 6: all that is kept is of one frame.
            assert!(rx.pending() <= cutting.max_message_size as usize, "keeps {}", rx.pending());
        }
        assert!(input.is_empty(), "bytes are left though nothing is whole");
        assert!(rx.in_frame() || rx.pending() == 0);
    }
    cuts.push(format!("in_frame={}", rx.in_frame()));
    cuts
}
