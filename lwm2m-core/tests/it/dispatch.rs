//! What a device answers to requests (E.2, E.3, J).

use coap_tcp_core::Code;
use coap_tcp_core::wire::OptionNumber;
use lwm2m_core::client::Config;
use lwm2m_core::content::{ContentFormat, Values};
use lwm2m_core::objects::{Object, Objects, Refusal, Resource, schema};
use lwm2m_core::{Path, Value};

use super::rig::*;

const TEXT: u16 = 0;
const TLV: u16 = 11542;
const CBOR: u16 = 112;

fn get(path: &str, accept: Option<u16>) -> Vec<u8> {
    request(Code::GET, b"t", path, None, accept)
}

#[test]
fn dm_10_a_read_is_answered_in_the_format_that_was_asked_for() {
    let mut device = Device::registered();
    for (target, accept, payload) in [
        ("/3/0/0", TEXT, &b"Example"[..]),
        ("/3303/0/5700", TEXT, b"21.5"),
        ("/3/0/6/1", TEXT, b"5"),
        ("/3/0/0", TLV, b"\xc7\x00Example"),
        ("/3/0/6", TLV, b"\x86\x06\x41\x00\x01\x41\x01\x05"),
        ("/3/0/6/1", TLV, b"\x41\x01\x05"),
        ("/3303/1", TLV, b"\xe3\x16\x45Cel"),
        ("/3303/1/5701", CBOR, b"\x81\xa2\x21\x6c/3303/1/5701\x03\x63Cel"),
    ] {
        let answer = device.ask(&get(target, Some(accept)));
        let view = answer.view();
        assert_eq!((view.code, view.token), (Code::CONTENT, &b"t"[..]), "{target} {accept}");
        assert_eq!(uint(&answer, OptionNumber::CONTENT_FORMAT), Some(accept.into()));
        assert_eq!(view.payload, payload, "{target} {accept} {:02x?}", view.payload);
    }
    assert_eq!(device.events.len(), 8);
    assert_eq!(device.events[0], "Served(Served { operation: Some(Read), path: /3/0/0, code: 2.05 })");
}

#[test]
fn dm_12_without_accept_the_device_chooses() {
    let mut device = Device::registered();
    for target in ["/3/0/0", "/3/0", "/3303"] {
        assert_eq!(uint(&device.ask(&get(target, None)), OptionNumber::CONTENT_FORMAT), Some(112));
    }
    let config = Config::new("dev").read_format(ContentFormat::TEXT);
    let mut device = Device::<Heap>::with(config, app());
    device.turn();
    device.register("x");
    assert_eq!(uint(&device.ask(&get("/3/0/0", None)), OptionNumber::CONTENT_FORMAT), Some(0));
    assert_eq!(uint(&device.ask(&get("/3/0", None)), OptionNumber::CONTENT_FORMAT), Some(112));
}

/// Every row asks for something in one wrong way, or in two of which the first counts (DM-4). With row-36: 4.06.
#[test]
fn dm_3_dm_4_dm_6_dm_10_to_15_err_30_to_36_what_is_wrong_decides_the_code() {
    let mut device = Device::registered();
    for (code, target, accept, expected) in [
        // Paths: not canonical, not numeric, out of range, too deep.
        (Code::GET, "/03/0", None, Code::NOT_FOUND),
        (Code::GET, "/3/", None, Code::NOT_FOUND),
        (Code::GET, "/65535", None, Code::NOT_FOUND),
        (Code::GET, "/rd", None, Code::NOT_FOUND),
        (Code::GET, "/bs", None, Code::NOT_FOUND),
        (Code::GET, "/3/0/0/0/0", None, Code::METHOD_NOT_ALLOWED),
        // Security.
        (Code::GET, "/0", None, Code::UNAUTHORIZED),
        (Code::GET, "/0/0/1", Some(9), Code::UNAUTHORIZED),
        (Code::DELETE, "/0/1", None, Code::UNAUTHORIZED),
        (Code::PUT, "/21/0", None, Code::UNAUTHORIZED),
        (Code::POST, "/23", None, Code::UNAUTHORIZED),
        (Code::GET, "/0", Some(40), Code::UNAUTHORIZED),
        // What is not there.
        (Code::GET, "/999", None, Code::NOT_FOUND),
        (Code::PUT, "/999", None, Code::NOT_FOUND),
        (Code::GET, "/3/1", None, Code::NOT_FOUND),
        (Code::GET, "/3303/2/5700", None, Code::NOT_FOUND),
        (Code::GET, "/3/0/999", None, Code::NOT_FOUND),
        (Code::GET, "/3/0/2", None, Code::NOT_FOUND),
        (Code::GET, "/3303/1/5700", None, Code::NOT_FOUND),
        (Code::GET, "/3/0/6/9", None, Code::NOT_FOUND),
        // What cannot be.
        (Code::GET, "", None, Code::METHOD_NOT_ALLOWED),
        (Code::PUT, "", None, Code::METHOD_NOT_ALLOWED),
        (Code::PUT, "/3", None, Code::BAD_REQUEST),
        (Code::PUT, "/3/0", None, Code::BAD_REQUEST),
        (Code::DELETE, "/3", None, Code::METHOD_NOT_ALLOWED),
        (Code::POST, "/3/0/6/0", None, Code::METHOD_NOT_ALLOWED),
        (Code::GET, "/3/0/4", None, Code::METHOD_NOT_ALLOWED),
        (Code::GET, "/1/0/8", None, Code::METHOD_NOT_ALLOWED),
        (Code::GET, "/3/0/0/0", None, Code::METHOD_NOT_ALLOWED),
        // Formats.
        (Code::GET, "/3/0", Some(TEXT), Code::NOT_ACCEPTABLE),
        (Code::GET, "/3/1", Some(TEXT), Code::NOT_ACCEPTABLE),
        (Code::GET, "/3/0/6", Some(TEXT), Code::NOT_ACCEPTABLE),
        (Code::GET, "/3/0/0", Some(42), Code::NOT_ACCEPTABLE),
        (Code::GET, "/3/0", Some(11543), Code::NOT_ACCEPTABLE),
        (Code::GET, "/3/0", Some(9999), Code::NOT_ACCEPTABLE),
        // Operations to come.
        (Code::GET, "/3", Some(40), Code::METHOD_NOT_ALLOWED),
        (Code::POST, "/3/0/4", None, Code::METHOD_NOT_ALLOWED),
        (Code::POST, "/3303", None, Code::METHOD_NOT_ALLOWED),
        (Code::DELETE, "/3303/0", None, Code::METHOD_NOT_ALLOWED),
        (Code::FETCH, "", None, Code::METHOD_NOT_ALLOWED),
        (Code::FETCH, "/3", None, Code::METHOD_NOT_ALLOWED),
        (Code::IPATCH, "", None, Code::METHOD_NOT_ALLOWED),
        (Code(31), "/3/0/0", None, Code::METHOD_NOT_ALLOWED),
    ] {
        let answer = device.ask(&request(code, b"t", target, None, accept));
        assert_eq!(answer.view().code, expected, "{code:?} {target} {accept:?}");
        assert_eq!(answer.view().token, b"t");
    }
}

#[test]
fn dm_11_an_object_without_instances_is_an_empty_container() {
    struct Empty;
    impl Objects for Empty {
        fn schema(&self) -> &'static [&'static schema::ObjectDef] {
            &[&schema::TEMPERATURE]
        }
        fn instances(&self, _: u16, _: &mut dyn FnMut(u16)) {}
        fn read(&self, _: Path, _: &mut dyn Values) -> Result<(), Refusal> {
            Err(Refusal::NotFound)
        }
    }
    let mut device = Device::<Heap, _>::with(Config::new("dev"), Empty);
    device.turn();
    device.register("x");
    for (accept, payload) in [(TLV, &b""[..]), (CBOR, &[0x80])] {
        let answer = device.ask(&get("/3303", Some(accept)));
        assert_eq!((answer.view().code, answer.view().payload), (Code::CONTENT, payload));
        assert_eq!(uint(&answer, OptionNumber::CONTENT_FORMAT), Some(accept.into()));
    }
}

#[test]
fn err_1_a_critical_option_that_is_not_known_is_named_and_err_44_a_query_is_bad() {
    let mut device = Device::registered();
    let options = [(OptionNumber::URI_PATH, &b"3"[..]), (OptionNumber(9999), b"")];
    let answer = device.ask(&frame(Code::GET, b"t", &options, &[]));
    assert_eq!((answer.view().code, text(&answer)), (Code::BAD_OPTION, "9999".into()));
    let options = [(OptionNumber::URI_PATH, &b"3"[..]), (OptionNumber::BLOCK2, b"\x06")];
    assert_eq!(device.ask(&frame(Code::GET, b"t", &options, &[])).view().code, Code::BAD_OPTION);
    let options = [(OptionNumber::URI_PATH, &b"3"[..]), (OptionNumber::URI_QUERY, b"pmin=5")];
    assert_eq!(device.ask(&frame(Code::GET, b"t", &options, &[])).view().code, Code::BAD_REQUEST);
}

#[test]
fn reg_68_requests_before_the_registration_wait_or_are_refused() {
    let mut device = Device::new();
    device.turn();
    let register = device.sent_one();
    let answer = device.ask(&get("/3/0/0", None));
    assert_eq!(answer.view().code, Code::SERVICE_UNAVAILABLE);
    assert_eq!(uint(&answer, OptionNumber::MAX_AGE), Some(1));
    device.answer(&register, Code::FORBIDDEN, &[]);
    assert_eq!(device.ask(&get("/3/0/0", None)).view().code, Code::FORBIDDEN);
    assert_eq!(device.ask(&get("/0", None)).view().code, Code::FORBIDDEN);

    // The answer to the Register and a request come in one segment: the order counts.
    let mut device = Device::new();
    device.turn();
    let register = device.sent_one();
    let location = [(OptionNumber::LOCATION_PATH, &b"x"[..])];
    let mut segment = frame(Code::CREATED, register.view().token, &location, &[]);
    segment.extend(get("/3/0/0", None));
    device.feed(&segment);
    assert_eq!(device.sent_one().view().code, Code::CONTENT);

    // After the De-register it is over.
    let mut device = Device::registered();
    device.client.deregister(device.now, 0);
    device.sent();
    assert_eq!(device.ask(&get("/3/0/0", None)).view().code, Code::FORBIDDEN);
}

#[test]
fn err_46_an_application_that_contradicts_its_definitions_is_5_00() {
    struct Wrong;
    impl Object for Wrong {
        const DEF: &'static schema::ObjectDef = &schema::DEVICE;
        fn read(&self, _: u16, resource: u16, out: &mut Resource<'_>) -> Result<(), Refusal> {
            match resource {
                // A number for a text, one value for a list, an instance of what is none.
                0 => out.value(Value::Integer(1)),
                6 => out.value(Value::Integer(1)),
                9 => out.instance(0, Value::Integer(1)),
                // Nothing at all, and what is right but for its width.
                10 => Ok(()),
                21 => out.value(Value::Unsigned(7)),
                16 => Err(Refusal::Unavailable),
                _ => Err(Refusal::NotFound),
            }
        }
    }
    let mut device = Device::<Heap, _>::with(Config::new("dev"), (app().0, Wrong));
    device.turn();
    device.register("x");
    for (target, code) in [
        ("/3/0/0", Code::INTERNAL_SERVER_ERROR),
        ("/3/0/6", Code::INTERNAL_SERVER_ERROR),
        ("/3/0/9", Code::INTERNAL_SERVER_ERROR),
        ("/3/0/10", Code::NOT_FOUND),
        ("/3/0/21", Code::CONTENT),
        ("/3/0/16", Code::SERVICE_UNAVAILABLE),
    ] {
        assert_eq!(device.ask(&get(target, Some(TLV))).view().code, code, "{target}");
    }
}

#[test]
fn what_does_not_fit_is_5_00_and_leaves_no_trace() {
    let mut device = Device::<Firmware>::with(Config::new("dev"), app());
    static LONG: [u8; 900] = [b'x'; 900];
    device.objects.1.manufacturer = std::str::from_utf8(&LONG).unwrap();
    device.objects.1.model = device.objects.1.manufacturer;
    device.turn();
    device.register("x");
    for observe in [None, Some(0)] {
        let answer = device.ask(&request(Code::GET, b"t", "/3/0", observe, None));
        assert_eq!((answer.view().code, answer.view().payload), (Code::INTERNAL_SERVER_ERROR, &b""[..]));
    }
    assert_eq!(device.ask(&get("/3/0/0", Some(TEXT))).view().payload, LONG);
    assert_eq!(device.session.as_ref().unwrap().conn().observers(), 0);
}
