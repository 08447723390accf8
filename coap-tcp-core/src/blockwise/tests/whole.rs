//! Both ends together, and anything at all at either of them.

use proptest::prelude::*;

use super::*;
use crate::blockwise::{Collected, Collector, Next, Sequence, Stock};

fn sizes() -> impl Strategy<Value = BlockSize> {
    (0..8_u8).prop_map(|n| Block::read(&[n]).unwrap().size)
}

proptest! {
    #[test]
    fn blocks_of_a_request_make_its_body(
        length in 0..6000_usize,
        limits in prop::collection::vec(100..6000_u32, 1..5),
        wishes in prop::collection::vec(sizes(), 1..5),
    ) {
        let whole = body(length);
        let mut chunks = Chunks::new();
        let mut collector = Collector::new(Vec::new(), length);
        let mut turn = 0;
        loop {
            // Limits change in between; the peer wants now this size, now that.
            let (limit, size) = (limits[turn % limits.len()], wishes[turn % wishes.len()]);
            turn += 1;
            let frame = put(&mut chunks, &[PATH], &whole, &bert(limit)).unwrap();
            prop_assert!(frame.len() <= limit as usize);
            let request = Message::parse(&frame).unwrap();
            if !chunks.is_cut() {
                prop_assert_eq!(request.payload, &whole);
                break;
            }
            let (code, more) = match collector.handle_request(&request, &bert(1 << 20)) {
                Ok(Collected::More(brief)) => (brief.code, true),
                Ok(Collected::Whole(_)) => (Code::CHANGED, false),
                Err(brief) => panic!("{brief:?}"),
            };
            let number = block1(&frame).unwrap().number;
            let response = message(code, &[(OptionNumber::BLOCK1, &value(number, more, size))], &[]);
            let next = chunks.handle_response(&Message::parse(&response).unwrap()).unwrap();
            prop_assert_eq!(next, if more { Next::Send } else { Next::Over });
            if !more {
                prop_assert_eq!(collector.body(), &whole);
                break;
            }
        }
    }

    #[test]
    fn blocks_of_an_answer_make_its_body(
        length in 0..6000_usize,
        limits in prop::collection::vec(100..6000_u32, 1..5),
        first in prop::option::of(sizes()),
        streamed: bool,
    ) {
        let whole = body(length);
        let mut collector = Collector::new(Vec::new(), length);
        let mut ask = first.map(|size| block(0, false, size));
        for turn in 0.. {
            let terms = bert(limits[turn % limits.len()]);
            let mut request = Vec::new();
            let mut writer = Writer::new(&mut request, Code::GET, &[]).unwrap();
            match ask {
                Some(block) => Chunks::new().ask(block, &mut writer, [PATH].into_iter()).unwrap(),
                None => drop(writer.option(PATH.0, PATH.1).unwrap()),
            }
            writer.finish();
            let get = wanted(&request, &terms);
            let frame = match streamed {
                false => answer(&get, Code::CONTENT, &[], &whole, &terms).unwrap().0,
                true => {
                    let mut frame = Vec::new();
                    let mut writer = Writer::new(&mut frame, Code::CONTENT, &[]).unwrap();
                    let made = |window: &mut crate::blockwise::Window<'_>| {
                        whole.chunks(100).try_for_each(|piece| window.push(piece)).map_err(SendError::from)
                    };
                    get.stream(&mut writer, Code::CONTENT, [].into_iter(), &terms, made).unwrap();
                    writer.finish();
                    frame
                }
            };
            prop_assert!(frame.len() <= limits[turn % limits.len()] as usize);
            match collector.handle_response(&Message::parse(&frame).unwrap(), &terms) {
                Ok(Collected::More(next)) => ask = Some(next),
                Ok(Collected::Whole(_)) => break,
                Err(fault) => panic!("{fault}"),
            }
        }
        prop_assert_eq!(collector.body(), &whole);
    }

    #[test]
    fn a_body_made_while_it_is_sent_arrives_as_it_comes(
        length in 0..9000_usize,
        limit in 60..6000_u32,
        told: bool,
        size in sizes(),
    ) {
        let (whole, terms) = (body(length), bert(limit));
        let stock = |at: usize| {
            let ready = (length - at).min(terms.chunk() + 1);
            Stock { ready, ended: at + ready == length, total: told.then_some(length as u32) }
        };
        // As a request.
        let (mut chunks, mut sequence, mut arrived) = (Chunks::new(), Sequence::new(), Vec::new());
        loop {
            let at = chunks.position() as usize;
            let fill = |takes, payload: &mut dyn crate::Buf| payload.append(&whole[at..at + takes]);
            let mut frame = Vec::new();
            let mut writer = Writer::new(&mut frame, Code::PUT, &[7, 7]).unwrap();
            chunks.write_from(&mut writer, [PATH].into_iter(), stock(at), &terms, fill).unwrap();
            writer.finish();
            prop_assert!(frame.len() <= limit as usize);
            let request = Message::parse(&frame).unwrap();
            arrived.extend_from_slice(request.payload);
            if !chunks.is_cut() {
                break;
            }
            prop_assert_eq!(request.uint(OptionNumber::SIZE1).is_some(), told && at == 0);
            match sequence.handle_request(&request, &bert(1 << 20)) {
                Ok(Collected::More(brief)) => prop_assert_eq!(brief.code, Code::CONTINUE),
                Ok(Collected::Whole(_)) => break,
                Err(brief) => panic!("{brief:?}"),
            }
            let number = block1(&frame).unwrap().number;
            let response = message(Code::CONTINUE, &[(OptionNumber::BLOCK1, &value(number, true, size))], &[]);
            prop_assert_eq!(chunks.handle_response(&Message::parse(&response).unwrap()), Ok(Next::Send));
        }
        prop_assert_eq!(&arrived, &whole);
        // As an answer.
        let (mut sequence, mut arrived) = (Sequence::new(), Vec::new());
        let mut ask = Some(block(0, false, size));
        while let Some(next) = ask {
            let request = message(Code::GET, &[(OptionNumber::BLOCK2, &value(next.number, false, next.size))], &[]);
            let get = wanted(&request, &terms);
            let at = get.offset() as usize;
            let fill = |takes, payload: &mut dyn crate::Buf| payload.append(&whole[at..at + takes]);
            let mut frame = Vec::new();
            let mut writer = Writer::new(&mut frame, Code::CONTENT, &[7, 7]).unwrap();
            get.write_from(&mut writer, Code::CONTENT, [].into_iter(), stock(at), &terms, fill).unwrap();
            writer.finish();
            prop_assert!(frame.len() <= limit as usize);
            let response = Message::parse(&frame).unwrap();
            arrived.extend_from_slice(response.payload);
            ask = match sequence.handle_response(&response, &bert(1 << 20)) {
                Ok(Collected::More(next)) => Some(next),
                Ok(Collected::Whole(_)) => None,
                Err(fault) => panic!("{fault}"),
            };
        }
        prop_assert_eq!(&arrived, &whole);
    }

    #[test]
    fn nothing_that_comes_makes_anything_panic(
        messages in prop::collection::vec(
            (any::<u8>(), prop::collection::vec((0..300_u16, prop::collection::vec(any::<u8>(), 0..5)), 0..6),
             prop::collection::vec(any::<u8>(), 0..80)),
            1..20,
        ),
        limit in 16..3000_u32,
        announced: bool,
    ) {
        let terms = if announced { bert(limit) } else { plain(limit) };
        let mut chunks = Chunks::new().tagged(1);
        let mut requests = Collector::new(crate::Fixed::<100>::new(), 90);
        let mut responses = Collector::new(Vec::new(), 90);
        for (code, mut options, payload) in messages {
            // Block options are what it is about.
            for (number, _) in &mut options {
                *number = [4, 6, 11, 12, 23, 27, 28, 60, 292].get(usize::from(*number) % 16).copied().unwrap_or(*number);
            }
            options.sort_by_key(|&(number, _)| number);
            let options: Vec<_> = options.iter().map(|(number, value)| (OptionNumber(*number), &value[..])).collect();
            let frame = message(Code(code), &options, &payload);
            let message = Message::parse(&frame).unwrap();
            let _ = requests.handle_request(&message, &terms);
            let _ = responses.handle_response(&message, &terms);
            prop_assert!(requests.body().len() <= 90 && responses.body().len() <= 90);
            if let Ok(frame) = put(&mut chunks, &options, &body(5000), &terms) {
                prop_assert!(!chunks.is_cut() || frame.len() <= limit as usize);
            }
            let _ = chunks.handle_response(&message);
            if let Ok(wanted) = Wanted::of(&message, &terms) {
                let answered = answer(&wanted, Code::CONTENT, &[], &body(700), &terms);
                prop_assert!(answered.is_err() || answered.is_ok_and(|(frame, _)| frame.len() <= limit as usize));
            }
        }
    }
}
