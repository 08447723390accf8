//! Handlers that nobody here wrote, served over TCP through the community's message traits.

#![allow(clippy::unwrap_used)]

use coap_handler::Handler;
use coap_handler_implementations::{
    Error, GetRenderable, HandlerBuilder, PutRenderable, ReportingHandlerBuilder, SimpleRendered,
    TypeHandler, new_dispatcher, with_get_put,
};
use coap_message::error::RenderableOnMinimal;
use coap_message::{
    MessageOption, MinimalWritableMessage, MutableWritableMessage, ReadableMessage, WithSortedOptions,
};
use coap_tcp_core::error::{Full, WriteError};
use coap_tcp_core::wire::{OwnedMessage, Prefix, Writer, head};
use coap_tcp_core::{
    Buf, Code, Config, Event, Fixed, Incoming, Instant, Message, OptionNumber, Peer, SendError,
};
use coap_tcp_core::{Session, Slot, Slots};

/// As the module's documentation has it.
fn serve<S: Slots, T: Buf>(
    handler: &mut impl Handler,
    request: &Incoming<'_>,
    peer: &mut Peer<'_, '_, S, T>,
) -> Result<(), SendError> {
    let data = handler.extract_request_data(&request.message());
    let mut answer = peer.respond(request, Code::CONTENT)?;
    let written = match data {
        Ok(data) => match handler.build_response(&mut answer, data) {
            Ok(()) => true,
            Err(error) => {
                answer.restart(Code::INTERNAL_SERVER_ERROR);
                error.render(&mut answer).is_ok()
            }
        },
        Err(error) => error.render(&mut answer).is_ok(),
    };
    if written { answer.finish() } else { Ok(()) }
}

/// A number that can be read and put, in CBOR.
struct Number(u8);

impl GetRenderable for Number {
    type Get = u8;

    fn get(&mut self) -> Result<u8, Error> {
        Ok(self.0)
    }
}

impl PutRenderable for Number {
    type Put = u8;

    fn put(&mut self, representation: &u8) -> Result<(), Error> {
        self.0 = *representation;
        Ok(())
    }
}

struct Server<H> {
    session: Session<'static, Vec<u8>, [Slot<()>; 2]>,
    handler: H,
    tx: Vec<u8>,
}

fn server(peers_limit: u16) -> Server<impl Handler> {
    static CONFIG: Config = Config::new();
    let handler = new_dispatcher()
        .at(&["hi"], SimpleRendered("hello"))
        .at(&["long"], SimpleRendered(include_str!("coap_message.rs")))
        .at_with_attributes(&["number"], &[], TypeHandler::new_minicbor_2(with_get_put(Number(7))))
        .with_wkc();
    let mut tx = Vec::new();
    let slots = [Slot::FREE; 2];
    let mut session = Session::accept(&CONFIG, Vec::new(), slots, Instant::ZERO, &mut tx).unwrap();
    let mut csm = Vec::new();
    let mut writer = Writer::new(&mut csm, Code::CSM, &[]).unwrap();
    writer.uint(coap_tcp_core::wire::csm::MAX_MESSAGE_SIZE, peers_limit.into()).unwrap();
    writer.finish();
    session.receive(Instant::ZERO, &csm, &mut tx, |_, _| {}).unwrap();
    tx.clear();
    Server { session, handler, tx }
}

impl<H: Handler> Server<H> {
    fn ask(
        &mut self,
        code: Code,
        path: &[&str],
        block2: Option<u8>,
        payload: &[u8],
    ) -> OwnedMessage<Vec<u8>> {
        let mut request = Vec::new();
        let mut writer = Writer::new(&mut request, code, b"token").unwrap();
        writer.options(OptionNumber::URI_PATH, path).unwrap();
        if !payload.is_empty() {
            writer.uint(OptionNumber::CONTENT_FORMAT, 60).unwrap();
        }
        writer.options(OptionNumber::BLOCK2, block2.map(|value| [value])).unwrap();
        writer.payload(payload).unwrap();
        writer.finish();
        let Self { session, handler, tx } = self;
        let each = |event: Event<'_, ()>, peer: &mut Peer<'_, '_, _, _>| {
            if let Event::Request(request) = event {
                serve(handler, &request, peer).unwrap();
            }
        };
        session.receive(Instant::ZERO, &request, tx, each).unwrap();
        let answer = OwnedMessage::new(std::mem::take(tx)).unwrap();
        assert_eq!(answer.view().token, b"token");
        answer
    }
}

#[test]
fn a_dispatcher_of_another_crate_serves_get_4_04_and_well_known_core() {
    let mut server = server(1152);
    let answer = server.ask(Code::GET, &["hi"], None, b"");
    assert_eq!((answer.view().code, answer.view().payload), (Code::CONTENT, &b"hello"[..]));

    let answer = server.ask(Code::GET, &["there"], None, b"");
    assert_eq!(answer.view().code, Code::NOT_FOUND);

    let answer = server.ask(Code::GET, &[".well-known", "core"], None, b"");
    assert_eq!(answer.view().code, Code::CONTENT);
    assert_eq!(answer.view().uint(OptionNumber::CONTENT_FORMAT), Some(40));
    let links = core::str::from_utf8(answer.view().payload).unwrap();
    for path in ["</hi>", "</long>", "</number>"] {
        assert!(links.contains(path), "{links}");
    }

    let answer = server.ask(Code::DELETE, &["hi"], None, b"");
    assert_eq!(answer.view().code, Code::METHOD_NOT_ALLOWED);
}

#[test]
fn typed_resources_are_read_and_put() {
    let mut server = server(1152);
    assert_eq!(server.ask(Code::GET, &["number"], None, b"").view().payload, [7]);
    assert_eq!(server.ask(Code::PUT, &["number"], None, &[0x17]).view().code, Code::CHANGED);
    assert_eq!(server.ask(Code::GET, &["number"], None, b"").view().payload, [0x17]);
    assert_eq!(server.ask(Code::PUT, &["number"], None, b"\xff").view().code, Code::BAD_REQUEST);
}

/// T-5.3.1-3: the handler is told how much the peer takes, and cuts its answer accordingly.
#[test]
fn t_5_3_1_3_a_handler_cuts_what_is_too_long_for_the_peer() {
    for (limit, size) in [(1152, 1024), (600, 512), (128, 64)] {
        let mut server = server(limit);
        let (mut body, mut number) = (Vec::new(), 0_u8);
        loop {
            let szx = (size as u32 / 16).trailing_zeros() as u8;
            // The first request names no size.
            let wanted = (number > 0).then_some(number << 4 | szx);
            let answer = server.ask(Code::GET, &["long"], wanted, b"");
            let answer = answer.view();
            assert_eq!(answer.code, Code::CONTENT);
            let block = answer.block(OptionNumber::BLOCK2).unwrap().unwrap();
            assert_eq!((block.number, block.size.unit() as usize), (number.into(), size));
            body.extend_from_slice(answer.payload);
            number += 1;
            if !block.more || number == 15 {
                break;
            }
        }
        let whole = include_str!("coap_message.rs").as_bytes();
        assert_eq!(body, &whole[..body.len()]);
        assert!(body.len() == whole.len() || body.len() == 15 * size);
    }
}

#[test]
fn a_message_reads_as_its_options_and_its_payload() {
    let bytes = [0x71, 0x45, 0x07, 0x61, 0x05, 0x61, 0x3c, 0xff, b'h', b'i'];
    let message = Message::parse(&bytes).unwrap();
    fn read<M: ReadableMessage + WithSortedOptions>(message: &M) -> String {
        let options: Vec<_> = message.options().map(|it| (it.number(), it.value().to_vec())).collect();
        let code: u8 = message.code().into();
        format!("{code:#x} {options:?} {:?}", message.payload())
    }
    assert_eq!(read(&message), "0x45 [(6, [5]), (12, [60])] [104, 105]");
    let mut copy = Vec::new();
    let mut writer = Writer::new(&mut copy, Code::GET, &[7]).unwrap();
    writer.set_from_message(&message).unwrap();
    writer.finish();
    assert_eq!(copy, bytes);
}

/// What the traits' documentation asks of a writer.
#[test]
fn a_writer_keeps_the_contract() {
    let mut tx = Fixed::<64>::new();
    let mut writer = Writer::new(&mut tx, Code::CONTENT, &[]).unwrap();
    let m: &mut Writer<'_, Fixed<64>> = writer.promote_to_mutable_writable_message().unwrap();
    MinimalWritableMessage::set_code(m, Code::VALID.0);
    m.add_option(4, &[0; 8]).unwrap();
    assert_eq!(m.add_option(3, b"x"), Err(WriteError::Order));
    let space = m.available_space();
    assert_eq!(m.set_payload(&[1; 64]), Err(WriteError::Full(Full)));
    assert_eq!(m.available_space(), space, "a failed attempt has no effect");
    m.add_option_uint(12, 0x1234_u16).unwrap();
    m.mutate_options(|number, value| {
        if number == 4 {
            value.copy_from_slice(b"etagetag");
        }
    });

    let space = m.available_space();
    let mapped = m.payload_mut_with_len(1000).unwrap();
    assert_eq!(mapped.len(), space - 1, "the longest possible, beside its marker");
    mapped[..5].copy_from_slice(b"hello");
    assert_eq!(m.available_space(), 0);
    assert_eq!(m.payload_mut_with_len(4).unwrap(), b"hell", "what has been set is there");
    assert_eq!(m.set_payload(b"again"), Err(WriteError::Order));
    MutableWritableMessage::truncate(m, 5).unwrap();
    assert_eq!(MutableWritableMessage::truncate(m, 6), Err(WriteError::Order));
    assert_eq!(m.add_option(60, b""), Err(WriteError::Order), "after the payload");
    writer.finish();
    let message = Message::parse(tx.as_slice()).unwrap();
    assert_eq!((message.code, message.payload), (Code::VALID, &b"hello"[..]));
    assert_eq!(message.option(OptionNumber::ETAG), Some(&b"etagetag"[..]));
    assert_eq!(message.uint(OptionNumber::CONTENT_FORMAT), Some(0x1234));

    let mut tx = Vec::new();
    let mut writer = Writer::new(&mut tx, Code::CONTENT, &[]).unwrap();
    assert_eq!(writer.available_space(), usize::from(u16::MAX));
    writer.set_payload(b"gone").unwrap();
    MutableWritableMessage::truncate(&mut writer, 0).unwrap();
    WriteError::Order.render(&mut writer).unwrap();
    writer.finish();
    assert_eq!(tx, [0x00, Code::INTERNAL_SERVER_ERROR.0], "no marker without a payload");
    assert!(matches!(head(&tx, true), Ok(Prefix::Head(_))));
}
