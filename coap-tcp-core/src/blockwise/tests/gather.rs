//! Receiving: both kinds by `Collector`.

use super::*;
use crate::blockwise::{Brief, Collected, Collector, Fault, Key};
use crate::buf::Fixed;

/// Gives a Block1 block; the code of a `Brief`, or the block of the whole.
fn give<B: crate::Buf>(
    to: &mut Collector<B>,
    options: Options<'_>,
    payload: &[u8],
    terms: &Terms,
) -> Result<Block, Code> {
    let frame = message(Code::PUT, options, payload);
    match to.handle_request(&Message::parse(&frame).unwrap(), terms) {
        Ok(Collected::Whole(block)) => Ok(block),
        Ok(Collected::More(brief)) | Err(brief) => Err(brief.code),
    }
}

fn give_block<B: crate::Buf>(to: &mut Collector<B>, block: &[u8], length: usize) -> Result<Block, Code> {
    give(to, &[PATH, (OptionNumber::BLOCK1, block)], &body(length), &bert(1 << 20))
}

fn new() -> Collector<Vec<u8>> {
    Collector::new(Vec::new(), 1 << 20)
}

fn text(brief: &Brief) -> Vec<u8> {
    let mut frame = Vec::new();
    let mut writer = Writer::new(&mut frame, brief.code, &[0x21]).unwrap();
    brief.write(&mut writer).unwrap();
    writer.finish();
    frame
}

#[test]
fn v28_to_v31_are_read_and_written() {
    let v28 = [0x91, 0x01, 0x20, 0xb6, b's', b't', b'a', b't', b'u', b's', 0xc1, 0x37];
    assert_eq!(block2(&v28), Some(block(3, false, BlockSize::Bert)));
    let mut v29 = alloc::vec![0xe1, 0x12, 0xf7, 0x45, 0x20, 0xd1, 0x0a, 0x3f, 0xff];
    v29.resize(5129, 0x55);
    assert_eq!(block2(&v29), Some(block(3, true, BlockSize::Bert)));
    let brief = Brief { code: Code::CONTINUE, block: Some(block(24, true, BlockSize::Bert)), size1: None };
    assert_eq!(text(&brief), [0x41, 0x5f, 0x21, 0xd2, 0x0e, 0x01, 0x8f]);
    let block = Some(block(0, false, BlockSize::B1024));
    let brief = Brief { code: Code::REQUEST_ENTITY_TOO_LARGE, block, size1: Some(65536) };
    assert_eq!(text(&brief)[3..], [0xd1, 0x0e, 0x06, 0xd3, 0x14, 0x01, 0x00, 0x00]);
}

/// B-6-3
#[test]
fn b_6_3_bert_blocks_go_where_their_number_says() {
    let mut collector = new();
    for (number, length) in [(0, 3072), (3, 5120)] {
        assert_eq!(
            give_block(&mut collector, &value(number, true, BlockSize::Bert), length),
            Err(Code::CONTINUE)
        );
    }
    let last = give_block(&mut collector, &value(8, false, BlockSize::Bert), 4711);
    assert_eq!(last, Ok(block(8, false, BlockSize::Bert)));
    assert_eq!(collector.body().len(), 12903);
}

/// B-6-2, B-2.3-2, row-39
#[test]
fn b_6_2_and_b_2_3_2_a_block_that_others_follow_is_full() {
    for (size, more, length, good) in [
        (BlockSize::Bert, true, 1500, false),
        (BlockSize::Bert, true, 0, false),
        (BlockSize::Bert, true, 2048, true),
        (BlockSize::Bert, false, 1500, true),
        (BlockSize::Bert, false, 0, true),
        (BlockSize::B64, true, 63, false),
        (BlockSize::B64, true, 65, false),
        (BlockSize::B64, true, 64, true),
        (BlockSize::B64, false, 65, false),
        (BlockSize::B64, false, 10, true),
    ] {
        let given = give_block(&mut new(), &value(0, more, size), length);
        match good {
            true => assert!(matches!(given, Ok(_) | Err(Code::CONTINUE)), "{size:?} {more} {length}"),
            false => assert_eq!(given, Err(Code::BAD_REQUEST), "row 39: {size:?} {more} {length}"),
        }
        assert_eq!(take(&mut new(), &[], &value(0, more, size), length).is_ok(), good);
    }
}

/// B-2.2-2, row-38
#[test]
fn b_2_2_2_szx_7_is_reserved_where_we_announced_no_bert() {
    let options = [PATH, (OptionNumber::BLOCK1, &value(0, true, BlockSize::Bert)[..])];
    assert_eq!(give(&mut new(), &options, &body(1024), &plain(1 << 20)), Err(Code::BAD_REQUEST), "row 38");
    let v28 = [0x91, 0x01, 0x20, 0xb6, b's', b't', b'a', b't', b'u', b's', 0xc1, 0x37];
    let v28 = Message::parse(&v28).unwrap();
    assert_eq!(Wanted::of(&v28, &plain(1 << 20)).map_err(|brief| brief.code), Err(Code::BAD_REQUEST));
    assert!(Wanted::of(&v28, &bert(1152)).is_ok());
    let frame =
        message(Code::CONTENT, &[(OptionNumber::BLOCK2, &value(0, true, BlockSize::Bert))], &body(1024));
    let response = Message::parse(&frame).unwrap();
    assert_eq!(new().handle_response(&response, &plain(1152)), Err(Fault::Malformed));
    assert!(new().handle_response(&response, &bert(1152)).is_ok());
}

/// B-2.1-1
#[test]
fn b_2_1_1_a_block_option_comes_once() {
    let value = value(0, true, BlockSize::B64);
    let twice = [PATH, (OptionNumber::BLOCK1, &value[..]), (OptionNumber::BLOCK1, &value)];
    assert_eq!(give(&mut new(), &twice, &body(64), &plain(1152)), Err(Code::BAD_OPTION));
    let long = [PATH, (OptionNumber::BLOCK1, &[0, 0, 0, 1][..])];
    assert_eq!(give(&mut new(), &long, &body(16), &plain(1152)), Err(Code::BAD_OPTION));
}

/// B-2.5-2, row-40
#[test]
fn b_2_5_2_a_missing_block_is_4_08() {
    let mut collector = new();
    assert_eq!(give_block(&mut collector, &value(0, true, BlockSize::B64), 64), Err(Code::CONTINUE));
    assert_eq!(
        give_block(&mut collector, &value(2, true, BlockSize::B64), 64),
        Err(Code::REQUEST_ENTITY_INCOMPLETE)
    );
    let given = give_block(&mut new(), &value(1, false, BlockSize::B64), 64);
    assert_eq!(given, Err(Code::REQUEST_ENTITY_INCOMPLETE), "row 40");
    // Number 0 begins anew.
    assert_eq!(
        give_block(&mut collector, &value(0, false, BlockSize::B64), 9),
        Ok(block(0, false, BlockSize::B64))
    );
    assert_eq!(collector.body(), body(9));
}

/// B-2.3-2
#[test]
fn b_2_3_2_another_content_format_is_4_08() {
    let mut collector = new();
    let [first, second] = [value(0, true, BlockSize::B64), value(1, false, BlockSize::B64)];
    let options = |format: &'static [u8], block| {
        [PATH, (OptionNumber::CONTENT_FORMAT, format), (OptionNumber::BLOCK1, block)]
    };
    assert_eq!(give(&mut collector, &options(&[42], &first), &body(64), &plain(1152)), Err(Code::CONTINUE));
    let given = give(&mut collector, &options(&[50], &second), &body(5), &plain(1152));
    assert_eq!(given, Err(Code::REQUEST_ENTITY_INCOMPLETE));
}

/// B-2.5-3, row-41
#[test]
fn b_2_5_3_over_the_limit_is_4_13_with_size1() {
    let expect = |collector: &mut Collector<Fixed<100>>, options: Options<'_>, length, limit| {
        let frame = message(Code::PUT, options, &body(length));
        let brief = collector.handle_request(&Message::parse(&frame).unwrap(), &plain(1152)).unwrap_err();
        assert_eq!(brief.code, Code::REQUEST_ENTITY_TOO_LARGE, "row 41");
        let frame = text(&brief);
        assert_eq!(Message::parse(&frame).unwrap().uint(OptionNumber::SIZE1), Some(limit));
        assert_eq!(block1(&frame).map(|block| (block.more, block.size)), Some((false, BlockSize::B64)));
    };
    let first = [PATH, (OptionNumber::BLOCK1, &value(0, true, BlockSize::B64)[..])];
    let second = [PATH, (OptionNumber::BLOCK1, &value(1, false, BlockSize::B64)[..])];
    let mut collector = Collector::new(Fixed::<100>::new(), 5000);
    assert_eq!(give(&mut collector, &first, &body(64), &plain(1152)), Err(Code::CONTINUE));
    assert_eq!(
        collector
            .clone()
            .handle_request(&Message::parse(&message(Code::PUT, &second, &body(36))).unwrap(), &plain(1152)),
        Ok(Collected::Whole(block(1, false, BlockSize::B64)))
    );
    expect(&mut collector, &second, 37, 100);
    // Announced too large: at once.
    let announced = [first[0], first[1], (OptionNumber::SIZE1, &[81][..])];
    expect(&mut Collector::new(Fixed::<100>::new(), 80), &announced, 64, 80);
}

/// Gives a Block2 block.
fn take(
    to: &mut Collector<Vec<u8>>,
    options: Options<'_>,
    block: &[u8],
    length: usize,
) -> Result<Collected<Block>, Fault> {
    let mut options = options.to_vec();
    options.push((OptionNumber::BLOCK2, block));
    let frame = message(Code::CONTENT, &options, &body(length));
    to.handle_response(&Message::parse(&frame).unwrap(), &bert(1 << 20))
}

/// B-2.3-1
#[test]
fn b_2_3_1_the_next_block_is_asked_for_with_the_size_that_came() {
    let mut collector = new();
    let more = |number, size| Ok(Collected::More(block(number, false, size)));
    // Asked for BERT, got blocks of 64 (B-6-4); then it grows and shrinks as the server likes.
    assert_eq!(take(&mut collector, &[], &value(0, true, BlockSize::B64), 64), more(1, BlockSize::B64));
    assert_eq!(take(&mut collector, &[], &value(2, true, BlockSize::B32), 32), more(3, BlockSize::B32));
    let mut writer_frame = Vec::new();
    let mut writer = Writer::new(&mut writer_frame, Code::GET, &[]).unwrap();
    let observe =
        [(OptionNumber::OBSERVE, &b""[..]), PATH, (OptionNumber::BLOCK1, &[8]), (OptionNumber::SIZE1, &[99])];
    Chunks::new().ask(block(3, true, BlockSize::B32), &mut writer, observe.into_iter()).unwrap();
    writer.finish();
    let request = Message::parse(&writer_frame).unwrap();
    assert_eq!(request.options().count(), 2, "B-2.7-1: path and Block2 alone");
    assert_eq!(request.block(OptionNumber::BLOCK2), Ok(Some(block(3, false, BlockSize::B32))));
    assert_eq!(
        take(&mut collector, &[], &value(3, false, BlockSize::B32), 5),
        Ok(Collected::Whole(block(3, false, BlockSize::B32)))
    );
    assert_eq!(collector.body().len(), 101);
}

/// row-49
#[test]
fn row_49_what_does_not_belong_together_is_not_put_together() {
    let [first, second] = [value(0, true, BlockSize::B64), value(1, false, BlockSize::B64)];
    let tag = |tag| [(OptionNumber::ETAG, tag)];
    let start = || {
        let mut collector = new();
        take(&mut collector, &tag(&b"a"[..]), &first, 64).unwrap();
        collector
    };
    assert!(take(&mut start(), &tag(b"a"), &second, 9).is_ok());
    assert_eq!(take(&mut start(), &tag(b"b"), &second, 9), Err(Fault::Changed), "B-2.4-1");
    assert_eq!(take(&mut start(), &[], &second, 9), Err(Fault::Changed));
    let format = [(OptionNumber::ETAG, &b"a"[..]), (OptionNumber::CONTENT_FORMAT, &[50])];
    assert_eq!(take(&mut start(), &format, &second, 9), Err(Fault::Changed), "B-2.3-2");
    assert_eq!(take(&mut start(), &tag(b"a"), &value(2, false, BlockSize::B64), 9), Err(Fault::Gap));
    let whole = message(Code::CONTENT, &[], b"all of it");
    let whole = Message::parse(&whole).unwrap();
    assert_eq!(start().handle_response(&whole, &plain(1152)), Err(Fault::Unexpected));
    assert!(matches!(new().handle_response(&whole, &plain(1152)), Ok(Collected::Whole(_))));
    let mut small = Collector::new(Vec::new(), 64);
    take(&mut small, &[], &first, 64).unwrap();
    assert_eq!(take(&mut small, &[], &second, 1), Err(Fault::TooLarge { limit: 64 }));
}

/// B-4-1
#[test]
fn b_4_1_a_lying_size2_changes_nothing() {
    for size in [&[1][..], &[0xff, 0xff, 0xff, 0xff]] {
        let mut collector = Collector::new(Vec::new(), 1000);
        let frame = message(
            Code::CONTENT,
            &[(OptionNumber::BLOCK2, &value(0, false, BlockSize::B64)), (OptionNumber::SIZE2, size)],
            &body(64),
        );
        assert!(matches!(
            collector.handle_response(&Message::parse(&frame).unwrap(), &plain(1152)),
            Ok(Collected::Whole(_))
        ));
    }
}

/// E-3-1
#[test]
fn e_3_1_request_tag_and_all_but_a_few_options_tell_operations_apart() {
    let key = |options: Options<'_>| Key::of(&Message::parse(&message(Code::PUT, options, &[])).unwrap());
    let tag = |tag| (OptionNumber::REQUEST_TAG, tag);
    assert_ne!(key(&[PATH, tag(&b"1"[..])]), key(&[PATH, tag(b"2")]));
    assert_ne!(key(&[PATH, tag(b"")]), key(&[PATH]));
    assert_ne!(key(&[PATH, (OptionNumber::URI_QUERY, b"a")]), key(&[PATH]));
    assert_ne!(
        key(&[(OptionNumber::URI_PATH, b"ab")]),
        key(&[(OptionNumber::URI_PATH, b"a"), (OptionNumber::URI_PATH, b"b")])
    );
    let varying = [
        (OptionNumber::IF_NONE_MATCH, &b""[..]),
        (OptionNumber::OBSERVE, b""),
        PATH,
        (OptionNumber::BLOCK2, &[6]),
        (OptionNumber::BLOCK1, &[0x16]),
        (OptionNumber::SIZE1, &[9]),
    ];
    assert_eq!(key(&varying), key(&[PATH]));
    let get = message(Code::GET, &[PATH], &[]);
    assert_ne!(Key::of(&Message::parse(&get).unwrap()), key(&[PATH]));
}
