//! Sending: Block1 by `Chunks`, Block2 by `Wanted`.

use super::*;
use crate::blockwise::{Fault, Next, Window};
use crate::wire::uint;

fn respond(chunks: &mut Chunks, code: Code, options: Options<'_>) -> Result<Next, Fault> {
    chunks.handle_response(&Message::parse(&message(code, options, &[])).unwrap())
}

fn respond_block(chunks: &mut Chunks, code: Code, block: &[u8]) -> Next {
    respond(chunks, code, &[(OptionNumber::BLOCK1, block)]).unwrap()
}

fn payload(frame: &[u8]) -> &[u8] {
    Message::parse(frame).unwrap().payload
}

/// D-E-5
#[test]
fn d_e_5_what_fits_one_message_goes_in_one() {
    for (length, limit) in [(900, 1152), (0, 1152), (1139, 1152), (5000, 1 << 20)] {
        let mut chunks = Chunks::new();
        let frame = put(&mut chunks, &[PATH], &body(length), &bert(limit)).unwrap();
        assert_eq!(block1(&frame), None, "{length}");
        assert_eq!(payload(&frame), body(length));
        assert!(frame.len() <= limit as usize);
        assert_eq!(respond(&mut chunks, Code::CHANGED, &[]), Ok(Next::Over));
    }
    let frame = put(&mut Chunks::new(), &[PATH], &body(1140), &plain(1152)).unwrap();
    assert_eq!(block1(&frame), Some(block(0, true, BlockSize::B1024)));
}

/// B-6-5
#[test]
fn b_6_5_bert_fills_the_message_with_units_and_stays_within_the_limit() {
    // 2304 bytes and about 60 of options: 2 units.
    let long = [(OptionNumber::URI_PATH, &[b'p'; 58][..])];
    let mut chunks = Chunks::new();
    let frame = put(&mut chunks, &long, &body(9000), &bert(2304)).unwrap();
    assert_eq!(block1(&frame), Some(block(0, true, BlockSize::Bert)));
    assert_eq!(payload(&frame).len(), 2048);
    assert!(frame.len() <= 2304);
    // Not one unit has room: smaller blocks.
    let long = [(OptionNumber::URI_PATH, &[b'p'; 250][..]); 1];
    let frame = put(&mut Chunks::new(), &long, &body(9000), &bert(1160)).unwrap();
    assert_eq!(block1(&frame), Some(block(0, true, BlockSize::B512)));
    assert_eq!(payload(&frame).len(), 512);
    // No BERT without its announcement, or at the base size (T-5.3.2-2).
    let frame = put(&mut Chunks::new(), &[PATH], &body(9000), &bert(1152)).unwrap();
    assert_eq!(block1(&frame), Some(block(0, true, BlockSize::B1024)));
}

/// B-6-6
#[test]
fn b_6_6_the_put_of_rfc_8323_section_6_2() {
    let (terms, whole) = (bert(20_000).bert_units(8), body(8192 + 16384 + 5683));
    let mut chunks = Chunks::new();
    let terms = [terms, terms.bert_units(16), terms];
    let at = [0..8192, 8192..24576, 24576..30259];
    for ((number, more), (terms, at)) in
        [(0, true), (8, true), (24, false)].into_iter().zip(terms.iter().zip(at))
    {
        let frame = put(&mut chunks, &[PATH], &whole, terms).unwrap();
        assert_eq!(block1(&frame), Some(block(number, more, BlockSize::Bert)));
        assert_eq!(payload(&frame), &whole[at]);
        let size1 = Message::parse(&frame).unwrap().uint(OptionNumber::SIZE1);
        assert_eq!(size1, (number == 0).then_some(30259));
        let (code, next) = if more { (Code::CONTINUE, Next::Send) } else { (Code::CHANGED, Next::Over) };
        assert_eq!(respond_block(&mut chunks, code, &value(number, more, BlockSize::Bert)), next);
    }
}

/// B-2.5-4
#[test]
fn b_2_5_4_a_smaller_size_is_followed_and_numbers_are_rescaled() {
    let whole = body(5000);
    let mut chunks = Chunks::new();
    let frame = put(&mut chunks, &[PATH], &whole, &bert(2304)).unwrap();
    assert_eq!((block1(&frame), payload(&frame).len()), (Some(block(0, true, BlockSize::Bert)), 2048));
    assert_eq!(respond_block(&mut chunks, Code::CONTINUE, &value(0, true, BlockSize::B256)), Next::Send);
    let frame = put(&mut chunks, &[PATH], &whole, &bert(2304)).unwrap();
    assert_eq!(block1(&frame), Some(block(8, true, BlockSize::B256)));
    assert_eq!(payload(&frame), &whole[2048..2304]);
    // It does not grow again.
    assert_eq!(respond_block(&mut chunks, Code::CONTINUE, &value(8, true, BlockSize::B1024)), Next::Send);
    let frame = put(&mut chunks, &[PATH], &whole, &bert(2304)).unwrap();
    assert_eq!(block1(&frame), Some(block(9, true, BlockSize::B256)));
}

/// B-2.5-4
#[test]
fn b_2_5_4_our_own_offset_counts_not_the_number_of_the_answer() {
    // go-coap takes BERT and answers with SZX 6 and numbers of its own.
    let whole = body(5000);
    let mut chunks = Chunks::new();
    put(&mut chunks, &[PATH], &whole, &bert(3500)).unwrap();
    assert_eq!(respond_block(&mut chunks, Code::CONTINUE, &value(0, true, BlockSize::B1024)), Next::Send);
    let frame = put(&mut chunks, &[PATH], &whole, &bert(3500)).unwrap();
    assert_eq!(block1(&frame), Some(block(3, true, BlockSize::B1024)));
    assert_eq!(respond_block(&mut chunks, Code::CONTINUE, &value(1, true, BlockSize::B1024)), Next::Send);
    let frame = put(&mut chunks, &[PATH], &whole, &bert(3500)).unwrap();
    assert_eq!(block1(&frame), Some(block(4, false, BlockSize::B1024)));
    assert_eq!(payload(&frame), &whole[4096..]);
}

/// B-2.5-3
#[test]
fn b_2_5_3_a_4_13_asks_for_smaller_blocks_or_for_blocks_at_all() {
    let too_large = Code::REQUEST_ENTITY_TOO_LARGE;
    let mut chunks = Chunks::new();
    let frame = put(&mut chunks, &[PATH], &body(3000), &plain(1152)).unwrap();
    assert_eq!(block1(&frame), Some(block(0, true, BlockSize::B1024)));
    assert_eq!(respond_block(&mut chunks, too_large, &value(0, false, BlockSize::B64)), Next::Send);
    let frame = put(&mut chunks, &[PATH], &body(3000), &plain(1152)).unwrap();
    assert_eq!(block1(&frame), Some(block(0, true, BlockSize::B64)));
    // No smaller: no use.
    assert_eq!(respond_block(&mut chunks, too_large, &value(0, false, BlockSize::B64)), Next::Over);

    // Whole, with the hint; then without; then with a limit that no block helps against.
    let size1 = (OptionNumber::SIZE1, &[0x02, 0x00][..]);
    for (hint, next) in [
        (&[(OptionNumber::BLOCK1, &value(0, false, BlockSize::B1024)[..])][..], Next::Send),
        (&[], Next::Over),
        (&[(OptionNumber::BLOCK1, &value(0, false, BlockSize::B256)[..]), size1], Next::Over),
    ] {
        let mut chunks = Chunks::new();
        assert_eq!(block1(&put(&mut chunks, &[PATH], &body(1100), &plain(1152)).unwrap()), None);
        assert_eq!(respond(&mut chunks, too_large, hint), Ok(next));
        if next == Next::Send {
            let frame = put(&mut chunks, &[PATH], &body(1100), &plain(1152)).unwrap();
            assert_eq!(block1(&frame), Some(block(0, true, BlockSize::B1024)));
        }
    }
}

/// B-2.5-1
#[test]
fn b_2_5_1_a_final_code_for_one_block_does_not_end_it_and_an_error_does() {
    let mut chunks = Chunks::new();
    put(&mut chunks, &[PATH], &body(3000), &plain(1152)).unwrap();
    assert_eq!(respond_block(&mut chunks, Code::CHANGED, &value(0, false, BlockSize::B1024)), Next::Send);
    let frame = put(&mut chunks, &[PATH], &body(3000), &plain(1152)).unwrap();
    assert_eq!(block1(&frame), Some(block(1, true, BlockSize::B1024)));
    let mut other = chunks;
    assert_eq!(respond(&mut other, Code::CHANGED, &[]), Err(Fault::Unexpected));
    assert_eq!(respond(&mut chunks, Code::REQUEST_ENTITY_INCOMPLETE, &[]), Ok(Next::Over));
}

/// B-2.10-1
#[test]
fn b_2_10_1_if_none_match_is_asked_with_the_first_block_only() {
    let options = [(OptionNumber::IF_NONE_MATCH, &b""[..]), PATH];
    let mut chunks = Chunks::new();
    let has = |frame: &[u8]| Message::parse(frame).unwrap().option(OptionNumber::IF_NONE_MATCH).is_some();
    assert!(has(&put(&mut chunks, &options, &body(3000), &plain(1152)).unwrap()));
    respond_block(&mut chunks, Code::CONTINUE, &value(0, true, BlockSize::B1024));
    assert!(!has(&put(&mut chunks, &options, &body(3000), &plain(1152)).unwrap()));
}

/// D-C-6
#[test]
fn d_c_6_blocks_are_not_offered_to_a_peer_that_has_not_announced_them() {
    let silent = Settings { block_wise: false, ..Settings::BASE };
    let too_large = SendError::TooLarge { limit: 1152 };
    let terms = Terms::new(&Config::new(), &silent);
    assert_eq!(put(&mut Chunks::new(), &[PATH], &body(3000), &terms), Err(too_large));
    assert_eq!(put(&mut Chunks::new(), &[PATH], &body(3000), &terms.unsettled()), Err(SendError::NotReady));
    let get = wanted(&message(Code::GET, &[PATH], &[]), &terms);
    assert_eq!(answer(&get, Code::CONTENT, &[], &body(3000), &terms), Err(too_large));
    // It asks for blocks itself: no offer.
    let asks = [PATH, (OptionNumber::BLOCK2, &value(0, false, BlockSize::B1024))];
    let get = wanted(&message(Code::GET, &asks, &[]), &terms);
    let (frame, written) = answer(&get, Code::CONTENT, &[], &body(3000), &terms).unwrap();
    assert_eq!(block2(&frame), Some(block(0, true, BlockSize::B1024)));
    assert_eq!(written, Written::Part { more: true });
    // Where it is configured so, it is tried.
    let mut tolerance = crate::Tolerance::DEFAULT;
    tolerance.unannounced_blocks = true;
    let terms = Terms::new(&Config::new().tolerance(tolerance), &silent);
    assert!(put(&mut Chunks::new(), &[PATH], &body(3000), &terms).is_ok());
}

/// E-3-1
#[test]
fn e_3_1_blocks_carry_their_request_tag() {
    let mut chunks = Chunks::new().tagged(0x0102);
    let frame = put(&mut chunks, &[PATH], &body(100), &plain(1152)).unwrap();
    assert_eq!(Message::parse(&frame).unwrap().option(OptionNumber::REQUEST_TAG), None);
    let mut chunks = Chunks::new().tagged(0x0102);
    for _ in 0..3 {
        let frame = put(&mut chunks, &[PATH], &body(3000), &plain(1152)).unwrap();
        let tag = Message::parse(&frame).unwrap().option(OptionNumber::REQUEST_TAG);
        assert_eq!(tag, Some(&[1, 2][..]));
        respond_block(&mut chunks, Code::CONTINUE, &value(0, true, BlockSize::B1024));
    }
    // So does the request for the rest of the answer, which belongs to the same operation (B-2.7-1).
    let mut frame = Vec::new();
    let mut writer = Writer::new(&mut frame, Code::PUT, &[]).unwrap();
    chunks.ask(block(1, false, BlockSize::B64), &mut writer, [PATH].into_iter()).unwrap();
    writer.finish();
    assert_eq!(Message::parse(&frame).unwrap().option(OptionNumber::REQUEST_TAG), Some(&[1, 2][..]));
}

/// B-2.3-1
#[test]
fn b_2_3_1_an_answer_is_cut_to_the_size_asked_for_or_a_smaller_one() {
    let whole = body(5000);
    for (asked, terms, number, size, length) in [
        (value(0, true, BlockSize::B64), bert(1 << 20), 0, BlockSize::B64, 64),
        (value(3, true, BlockSize::B512), plain(1152), 3, BlockSize::B512, 512),
        (value(1, false, BlockSize::B1024), bert(600), 2, BlockSize::B512, 512),
        // B-6-4: BERT asked for, a smaller block given.
        (value(1, false, BlockSize::Bert), bert(600), 2, BlockSize::B512, 512),
        (value(1, false, BlockSize::Bert), bert(3200), 1, BlockSize::Bert, 3072),
    ] {
        let get = wanted(&message(Code::GET, &[PATH, (OptionNumber::BLOCK2, &asked)], &[]), &bert(2000));
        let (frame, written) = answer(&get, Code::CONTENT, &[], &whole, &terms).unwrap();
        assert_eq!(block2(&frame), Some(block(number, true, size)));
        let at = (number * size.unit()) as usize;
        assert_eq!(payload(&frame), &whole[at..at + length]);
        assert_eq!(written, Written::Part { more: true });
    }
    let beyond = [PATH, (OptionNumber::BLOCK2, &value(5, false, BlockSize::B1024))];
    let get = wanted(&message(Code::GET, &beyond, &[]), &plain(1152));
    assert!(get.continues());
    assert_eq!(answer(&get, Code::CONTENT, &[], &whole, &plain(1152)).unwrap().1, Written::Beyond);
    // An error is no part of the body that was asked for.
    let (frame, written) = answer(&get, Code::NOT_FOUND, &[], b"gone", &plain(1152)).unwrap();
    assert_eq!((payload(&frame), block2(&frame), written), (&b"gone"[..], None, Written::Whole));
}

/// B-2.4-1
#[test]
fn b_2_4_1_every_block_has_the_etag_of_the_whole() {
    let tag = |whole: &[u8], number| {
        let asks = [PATH, (OptionNumber::BLOCK2, &value(number, false, BlockSize::B64)[..])];
        let get = wanted(&message(Code::GET, &asks, &[]), &plain(1152));
        let (frame, _) = answer(&get, Code::CONTENT, &[], whole, &plain(1152)).unwrap();
        Message::parse(&frame).unwrap().option(OptionNumber::ETAG).unwrap().to_vec()
    };
    let mut whole = body(500);
    let first = tag(&whole, 0);
    assert_eq!(first, tag(&whole, 7));
    whole[499] ^= 1;
    assert_ne!(first, tag(&whole, 0));
    // The service's own is left alone.
    let get = wanted(&message(Code::GET, &[PATH], &[]), &plain(1152));
    let (frame, _) =
        answer(&get, Code::CONTENT, &[(OptionNumber::ETAG, b"v1")], &body(3000), &plain(1152)).unwrap();
    let message = Message::parse(&frame).unwrap();
    assert_eq!(message.all(OptionNumber::ETAG).collect::<Vec<_>>(), [b"v1"]);
    assert_eq!(message.uint(OptionNumber::SIZE2), Some(3000));
}

/// B-2.6-1
#[test]
fn b_2_6_1_a_notification_is_a_first_block_no_larger_than_the_registration_wanted() {
    let asks =
        [(OptionNumber::OBSERVE, &b""[..]), PATH, (OptionNumber::BLOCK2, &value(0, false, BlockSize::B128))];
    let observe = [(OptionNumber::OBSERVE, &[5][..])];
    let get = wanted(&message(Code::GET, &asks, &[]), &plain(1152)).notification();
    let (frame, _) = answer(&get, Code::CONTENT, &observe, &body(3000), &plain(1152)).unwrap();
    assert_eq!(block2(&frame), Some(block(0, true, BlockSize::B128)));
    assert!(Message::parse(&frame).unwrap().observe().is_some());
    let asks = [PATH, (OptionNumber::BLOCK2, &value(1, false, BlockSize::B128)[..])];
    let rest = wanted(&message(Code::GET, &asks, &[]), &plain(1152));
    assert_eq!(rest.key(), get.key());
    let (frame, _) = answer(&rest, Code::CONTENT, &observe, &body(3000), &plain(1152)).unwrap();
    assert!(Message::parse(&frame).unwrap().observe().is_none());
}

#[test]
fn a_window_answers_each_block_by_making_the_body_again() {
    use core::fmt::Write as _;
    let mut made = Vec::new();
    for number in 0.. {
        let asks = [PATH, (OptionNumber::BLOCK2, &value(number, false, BlockSize::B64)[..])];
        let get = wanted(&message(Code::GET, &asks, &[]), &plain(1152));
        let mut frame = Vec::new();
        let mut writer = Writer::new(&mut frame, Code::CONTENT, &[]).unwrap();
        let format = [(OptionNumber::CONTENT_FORMAT, &[40][..])];
        let written = get.stream(&mut writer, Code::CONTENT, format.into_iter(), &plain(1152), |window| {
            (0..100).try_for_each(|n| write!(window, "</{n}>,").map_err(|_| SendError::Full))?;
            window.push(b"</end>").map_err(SendError::from)
        });
        let more = match written.unwrap() {
            Written::Part { more } => more,
            written => panic!("{written:?}"),
        };
        writer.finish();
        let message = Message::parse(&frame).unwrap();
        assert_eq!(message.block(OptionNumber::BLOCK2), Ok(Some(block(number, more, BlockSize::B64))));
        assert_eq!(uint(message.option(OptionNumber::CONTENT_FORMAT).unwrap()), Some(40));
        made.push((message.option(OptionNumber::ETAG).unwrap().to_vec(), message.payload.to_vec()));
        if !more {
            break;
        }
    }
    assert!(made.iter().all(|(tag, _)| *tag == made[0].0));
    let text: Vec<u8> = made.into_iter().flat_map(|(_, part)| part).collect();
    assert!(text.starts_with(b"</0>,</1>,") && text.ends_with(b"</99>,</end>"));
    assert_eq!(text.len(), 10 * 5 + 90 * 6 + 6);
    let mut part = Vec::new();
    let mut window = Window::new(&mut part, 3, 4);
    [&b"01"[..], b"2345", b"6789"].iter().for_each(|piece| window.push(piece).unwrap());
    assert_eq!(window.length(), 10);
    assert_eq!(part, b"3456");
}

#[test]
fn an_answer_begun_again_is_as_if_it_had_been_begun_so() {
    let mut frame = alloc::vec![1, 2, 3];
    let mut writer = Writer::new(&mut frame, Code::CONTENT, &[7, 7]).unwrap();
    writer.option(OptionNumber::ETAG, b"tag").unwrap().payload(b"payload").unwrap();
    assert_eq!(writer.written().count(), 1);
    assert_eq!(writer.written_payload(), b"payload");
    writer.restart(Code::BAD_REQUEST);
    assert_eq!(writer.written().count(), 0);
    writer.option(OptionNumber::IF_MATCH, b"").unwrap();
    assert_eq!(writer.size(), writer.finish());
    assert_eq!(frame[3..], message(Code::BAD_REQUEST, &[(OptionNumber::IF_MATCH, b"")], &[]));
}
