use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::buf::Fixed;
use crate::wire::Writer;

const CUTTING: Cutting = Cutting { max_message_size: 300, max_skipped: 1152, extended: false };

fn frame(code: u8, token: u8, size: usize) -> Vec<u8> {
    let mut tx = Fixed::<2000>::new();
    let mut writer = Writer::new(&mut tx, Code(code), &[token]).unwrap();
    writer.payload(&vec![token; size]).unwrap();
    writer.finish();
    tx.as_slice().to_vec()
}

/// What has been cut off: the frame, or its token where it was passed over.
fn note(cut: Cut<'_>) -> Option<(bool, Vec<u8>)> {
    match cut {
        Cut::Frame(frame) => Some((true, frame.to_vec())),
        Cut::Oversized { token, .. } => Some((false, token.to_vec())),
        Cut::Refused | Cut::Nothing => None,
    }
}

#[test]
fn a_whole_frame_is_cut_in_place() {
    let mut rx = Deframer::new(Fixed::<0>::new());
    let stream = [frame(1, 7, 0), frame(2, 8, 20)].concat();
    let mut input = &stream[..];
    let Ok(Cut::Frame(first)) = rx.next_if(&mut input, &CUTTING, |_| true) else { panic!() };
    assert_eq!(first.as_ptr(), stream.as_ptr(), "no copy");
    assert_eq!(rx.next_if(&mut input, &CUTTING, |_| true), Ok(Cut::Frame(&frame(2, 8, 20)[..])));
    assert_eq!(rx.next_if(&mut input, &CUTTING, |_| true), Ok(Cut::Nothing));
}

#[test]
fn a_refused_frame_stays_and_so_does_what_follows() {
    let mut rx = Deframer::new(Fixed::<300>::new());
    let stream = [frame(2, 8, 20), frame(1, 7, 0)].concat();
    let mut input = &stream[..];
    assert_eq!(rx.next_if(&mut input, &CUTTING, |_| false), Ok(Cut::Refused));
    assert!(rx.is_refused() && rx.pending() == 0 && input.len() == stream.len());
    let mut part = &stream[..5];
    assert_eq!(rx.next_if(&mut part, &CUTTING, |_| false), Ok(Cut::Nothing));
    let mut rest = &stream[5..];
    assert_eq!(rx.next_if(&mut rest, &CUTTING, |_| false), Ok(Cut::Refused));
    assert_eq!(
        (rx.pending(), rest),
        (stream.len() - 3, &stream[stream.len() - 3..]),
        "gathered, no byte more"
    );
    rx.stash(rest).unwrap();
    assert_eq!(rx.next_if(&mut &[][..], &CUTTING, |_| true), Ok(Cut::Frame(&frame(2, 8, 20)[..])));
    assert_eq!(rx.next_if(&mut &[][..], &CUTTING, |_| true), Ok(Cut::Frame(&frame(1, 7, 0)[..])));
    assert_eq!(rx.next_if(&mut &[][..], &CUTTING, |_| true), Ok(Cut::Nothing));
    assert!(!rx.in_frame());
}

#[test]
fn f_12_the_announced_size_is_known_as_far_as_the_bytes_tell() {
    let mut rx = Deframer::new(Fixed::<300>::new());
    for (bytes, announced) in [(&[0xE1][..], 274), (&[0x00], 274), (&[0x01, 0x02], 275)] {
        assert_eq!(rx.next_if(&mut &bytes[..], &CUTTING, |_| true), Ok(Cut::Nothing));
        assert_eq!(rx.announced(&CUTTING), announced);
    }
    let mut rx = Deframer::new(Fixed::<300>::new());
    let cut = rx.next_if(&mut &[0xE1, 0x00, 0x80, 0x02, 0x07][..], &CUTTING, |_| true).unwrap();
    assert_eq!(note(cut), Some((false, vec![7])));
    assert_eq!(rx.announced(&CUTTING), 5 + 269 + 128, "while it is passed over");
    assert!(rx.in_frame());
}

/// Counts the bytes that are copied or moved.
#[derive(Debug, Default)]
struct Counting {
    bytes: Vec<u8>,
    work: usize,
}

impl Buf for Counting {
    fn as_slice(&self) -> &[u8] {
        &self.bytes
    }
    fn as_mut_slice(&mut self) -> &mut [u8] {
        &mut self.bytes
    }
    fn append(&mut self, bytes: &[u8]) -> Result<(), Full> {
        self.work += bytes.len();
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }
    fn truncate(&mut self, len: usize) {
        self.bytes.truncate(len);
    }
    fn consume(&mut self, n: usize) {
        self.work += self.bytes.len() - n;
        self.bytes.drain(..n);
    }
    fn room(&self) -> usize {
        usize::MAX
    }
}

#[test]
fn t_3_2_9_the_work_is_linear_in_the_bytes() {
    let stream: Vec<u8> = (0..20_000_u32).flat_map(|n| frame(1, n as u8, n as usize % 60)).collect();
    for chunk in [1, 2, 61, 1500, 65536, stream.len()] {
        for stashed in [false, true] {
            let mut rx = Deframer::new(Counting::default());
            let mut frames = 0;
            for part in stream.chunks(chunk) {
                let mut input = part;
                if stashed {
                    rx.stash(part).unwrap();
                    input = &[];
                }
                while let Some((true, _)) = note(rx.next_if(&mut input, &CUTTING, |_| true).unwrap()) {
                    frames += 1;
                }
            }
            assert_eq!(frames, 20_000);
            let work = rx.spill.work;
            assert!(work <= 3 * stream.len(), "chunks of {chunk}: {work} of {}", stream.len());
        }
    }
}

proptest! {
    /// Laws 1 and 6, with refusals thrown in; a spill of fixed size holds one frame.
    #[test]
    fn law_1_law_6_however_the_stream_is_cut(
        frames in proptest::collection::vec((1..3_u8, any::<u8>(), 0..700_usize), 1..20),
        cuts in proptest::collection::vec(1..400_usize, 1..10),
        refusals in proptest::collection::vec(any::<bool>(), 1..10),
    ) {
        let stream: Vec<u8> = frames.iter().flat_map(|&(code, token, size)| frame(code, token, size)).collect();
        let whole = |frame: &Vec<u8>| frame.len() <= 300;
        let expected: Vec<_> = frames
            .iter()
            .map(|&(code, token, size)| frame(code, token, size))
            .map(|frame| if whole(&frame) { (true, frame) } else { (false, vec![frame[frame.len() - 1]]) })
            .collect();
        let mut rx = Deframer::new(Fixed::<300>::new());
        let (mut got, mut socket, mut rest) = (Vec::new(), Vec::new(), &stream[..]);
        let (mut cuts, mut refusals) = (cuts.iter().cycle(), refusals.iter().cycle());
        let mut calls = 0;
        while !rest.is_empty() || !socket.is_empty() || rx.is_refused() {
            let (part, after) = rest.split_at(rest.len().min(*cuts.next().unwrap()));
            socket.extend_from_slice(part);
            rest = after;
            loop {
                let mut input = &socket[..];
                let refuse = calls < 2000 && *refusals.next().unwrap();
                calls += 1;
                let cut = rx.next_if(&mut input, &CUTTING, |_| !refuse).unwrap();
                let again = matches!(cut, Cut::Frame(_) | Cut::Oversized { .. });
                got.extend(note(cut));
                let taken = socket.len() - input.len();
                socket.drain(..taken);
                prop_assert!(rx.pending() <= 300);
                if !again {
                    break;
                }
            }
        }
        prop_assert_eq!(got, expected);
        prop_assert!(!rx.in_frame());
    }
}
