//! What a registry makes of devices (A.1 to A.5, J).

use coap_tcp_core::Code;
use coap_tcp_core::wire::OptionNumber;
use lwm2m_core::registration::Strictness;
use lwm2m_core::server::{Config, Registration};
use lwm2m_core::version::Version;

use super::rig::*;

const LINKS: &[u8] = b"</>;rt=\"oma.lwm2m\";ct=112,</1/0>,</3/0>";

struct Register<'a> {
    path: Vec<&'a [u8]>,
    code: Code,
    format: Option<u8>,
    query: Vec<&'a str>,
    payload: &'a [u8],
}

fn register<'a>(ep: &'a str) -> Register<'a> {
    let query = vec![ep, "lt=60", "lwm2m=1.1", "b=T"];
    Register { path: vec![b"rd"], code: Code::POST, format: Some(40), query, payload: LINKS }
}

impl Register<'_> {
    fn frame(&self) -> Vec<u8> {
        let mut options: Vec<_> =
            self.path.iter().map(|segment| (OptionNumber::URI_PATH, *segment)).collect();
        let format = self.format.map(|format| [format]);
        options.extend(format.iter().map(|format| (OptionNumber::CONTENT_FORMAT, &format[..])));
        options.extend(self.query.iter().map(|query| (OptionNumber::URI_QUERY, query.as_bytes())));
        frame(self.code, b"r", &options, self.payload)
    }
}

/// Uri-Path options for a location.
fn on(code: Code, id: &str, query: &[&str], payload: &[u8]) -> Vec<u8> {
    let format = if payload.is_empty() { None } else { Some(40) };
    Register { path: vec![b"rd", id.as_bytes()], code, format, query: query.to_vec(), payload }.frame()
}

fn update(id: &str) -> Vec<u8> {
    on(Code::POST, id, &[], &[])
}

/// Registers, and gives the id in the location.
fn join(host: &mut Host, k: u32, ep: &str) -> String {
    let answer = host.ask(k, &register(ep).frame());
    let location: Vec<_> = answer.view().all(OptionNumber::LOCATION_PATH).collect();
    assert!(answer.view().code == Code::CREATED && location.len() == 2 && location[0] == b"rd", "{answer:?}");
    String::from_utf8(location[1].to_vec()).unwrap()
}

fn host() -> Host {
    let mut host = Host::new(Config::new());
    host.connect(1, None);
    host
}

fn find<'h>(host: &'h Host, ep: &str) -> &'h Registration<u32> {
    host.registry.find(ep).unwrap()
}

#[test]
fn reg_30_sec_31_a_register_gets_a_location_of_its_own() {
    let mut host = host();
    host.connect(2, None);
    let (a, b) = (join(&mut host, 1, "ep=a"), join(&mut host, 2, "ep=b"));
    assert!(a.len() == 16 && a != b);
    let a = find(&host, "a");
    assert_eq!((a.lifetime(), a.version(), a.queue(), a.connection()), (60, Version::V1_1, false, Some(1)));
    // Half of it is a secret.
    assert_eq!(format!("{:?}", a.id()), "feed..");
    assert_eq!(host.registry.iter().count(), 2);
}

/// With row-37: 4.15.
#[test]
fn reg_3_to_29_err_10_to_14_what_is_wrong_decides_the_code() {
    let mut host = Host::new(Config::new().max_payload(200).max_links(3));
    host.connect(1, None);
    let good = || register("ep=a");
    let query = |query: &[&'static str]| Register { query: query.to_vec(), ..good() };
    let long = [b' '; 201];
    for (register, expected) in [
        (query(&["lt=60", "lwm2m=1.1"]), Code::BAD_REQUEST),
        (query(&["ep=a", "lt=60"]), Code::BAD_REQUEST),
        (query(&["ep=a", "ep=b", "lwm2m=1.1"]), Code::BAD_REQUEST),
        (query(&["ep=a", "lt=-1", "lwm2m=1.1"]), Code::BAD_REQUEST),
        (query(&["ep=a", "lwm2m=abc"]), Code::BAD_REQUEST),
        (query(&["ep=a", "lwm2m=9.9"]), Code::PRECONDITION_FAILED),
        (query(&["ep=a", "lwm2m=1.1", "b=X"]), Code::BAD_REQUEST),
        (Register { payload: b"</3/0", ..good() }, Code::BAD_REQUEST),
        (Register { payload: b"", ..good() }, Code::BAD_REQUEST),
        (Register { payload: b"", query: vec!["ep=a", "lwm2m=1.2", "pid=x"], ..good() }, Code::CONFLICT),
        (Register { payload: b"</1>,</2>,</3>,</4>", ..good() }, Code::REQUEST_ENTITY_TOO_LARGE),
        (Register { payload: &long, ..good() }, Code::REQUEST_ENTITY_TOO_LARGE),
        (Register { format: Some(0), ..good() }, Code::UNSUPPORTED_CONTENT_FORMAT),
        (Register { code: Code::GET, ..good() }, Code::METHOD_NOT_ALLOWED),
        (Register { code: Code::PUT, ..good() }, Code::METHOD_NOT_ALLOWED),
        (Register { code: Code::DELETE, ..good() }, Code::METHOD_NOT_ALLOWED),
        (Register { path: vec![b"bs"], ..good() }, Code::NOT_FOUND),
        (Register { path: vec![b"dp"], ..good() }, Code::NOT_FOUND),
        (Register { path: vec![], ..good() }, Code::NOT_FOUND),
        (Register { path: vec![b"rd", b"0000000000000001"], ..good() }, Code::NOT_FOUND),
        (Register { path: vec![b"rd", b"x", b"y"], ..good() }, Code::NOT_FOUND),
    ] {
        assert_eq!(
            host.ask(1, &register.frame()).view().code,
            expected,
            "{:?} {:?}",
            register.query,
            register.path
        );
    }
    assert_eq!(host.registry.iter().count(), 0);
    // REG-3, REG-6, REG-27: leniently, all of these are taken.
    for (k, query) in
        [vec!["ep=a", "lwm2m=1.1"], vec!["ep=b", "lwm2m=1.1", "b=U"], vec!["ep=c", "lwm2m=1.1", "foo=bar"]]
            .into_iter()
            .enumerate()
    {
        host.connect(k as u32 + 2, None);
        let register = Register { query, format: None, ..good() };
        assert_eq!(host.ask(k as u32 + 2, &register.frame()).view().code, Code::CREATED);
    }
    assert_eq!(find(&host, "a").lifetime(), 86_400);
    assert_eq!(find(&host, "c").others().collect::<Vec<_>>(), [(&b"foo"[..], Some(&b"bar"[..]))]);
}

#[test]
fn reg_11_a_strict_server_refuses_what_it_does_not_know() {
    let mut host =
        Host::new(Config::new().strictness(Strictness { known_only: true, ..Strictness::default() }));
    host.connect(1, None);
    let unknown = Register { query: vec!["ep=a", "lwm2m=1.1", "foo=bar"], ..register("") };
    assert_eq!(host.ask(1, &unknown.frame()).view().code, Code::BAD_REQUEST);
}

#[test]
fn err_1_a_critical_option_that_is_not_known_is_4_02() {
    let mut host = host();
    let bad = frame(Code::POST, b"r", &[(OptionNumber::URI_PATH, b"rd"), (OptionNumber(9999), b"")], LINKS);
    assert_eq!(host.ask(1, &bad).view().code, Code::BAD_OPTION);
}

#[test]
fn reg_20_to_24_the_object_list_is_kept_without_what_must_not_be_listed() {
    let mut host = host();
    let list = b"</lwm2m>;rt=\"oma.lwm2m\";ct=\"11542 112\",</lwm2m/0/0>,</lwm2m/1/0>,</3>;ver=1.1,</3/0>,</65000/3>;x=\"a,b\"";
    host.ask(1, &Register { payload: list, ..register("ep=a") }.frame());
    let registration = find(&host, "a");
    let paths: Vec<_> = registration.objects().iter().map(|listed| listed.path.to_string()).collect();
    assert_eq!(
        (registration.root(), paths),
        ("/lwm2m", ["/1/0", "/3", "/3/0", "/65000/3"].map(String::from).to_vec())
    );
    let version = |object| registration.object_version(object).map(|version| version.to_string());
    assert_eq!(
        [3, 1, 65000, 5].map(version),
        [Some("1.1".into()), Some("1.1".into()), Some("1.0".into()), None]
    );

    // REG-23: requests go below the root.
    let id = registration.id();
    let (session, tx) = host.links.get_mut(&1).unwrap();
    let (now, accept) = (host.now, Some(registration_format()));
    host.registry.read(now, id, path("/3/0/13"), accept, 1, &mut session.peer(tx)).unwrap();
    let read = messages(&host.take(1)).remove(0);
    assert!(read.view().path_is(&["lwm2m", "3", "0", "13"]), "{read:?}");
    assert_eq!(uint(&read, OptionNumber::ACCEPT), Some(11542));
}

const fn registration_format() -> lwm2m_core::content::ContentFormat {
    lwm2m_core::content::ContentFormat::TLV
}

#[test]
fn reg_63_the_same_name_again_replaces_and_reg_64_not_when_it_is_refused() {
    let mut host = host();
    let old = join(&mut host, 1, "ep=a");
    let bad = Register { query: vec!["ep=a", "lwm2m=7.7"], ..register("") };
    assert_eq!(host.ask(1, &bad.frame()).view().code, Code::PRECONDITION_FAILED);
    assert_eq!(host.ask(1, &update(&old)).view().code, Code::CHANGED);

    let id = find(&host, "a").id();
    let (session, tx) = host.links.get_mut(&1).unwrap();
    host.registry.observe(host.now, id, path("/3"), None, 1, &mut session.peer(tx)).unwrap();
    let observe = messages(&host.take(1)).remove(0);
    host.events.clear();
    let new = join(&mut host, 1, "ep=a");
    assert_eq!(host.events, ["registered, replaced true"]);
    assert_eq!(host.ask(1, &update(&old)).view().code, Code::NOT_FOUND);
    assert_eq!(host.ask(1, &update(&new)).view().code, Code::CHANGED);
    // What was observed before is nobody's now (REG-62).
    host.feed(1, &frame(Code::CONTENT, observe.view().token, &[(OptionNumber::OBSERVE, b"")], &[]));
    assert!(host.answers.is_empty());
    assert_eq!(host.registry.iter().count(), 1);
}

#[test]
fn tcp_12_a_registration_follows_its_device_and_the_old_connection_ends() {
    let mut host = host();
    let id = join(&mut host, 1, "ep=a");
    host.connect(2, None);
    host.wait(s(20.0));
    assert_eq!(host.ask(2, &update(&id)).view().code, Code::CHANGED);
    assert_eq!(find(&host, "a").connection(), Some(2));
    assert!(host.events.last().unwrap().contains("connection: true"), "{:?}", host.events);
    host.wait(s(10.0));
    assert_eq!(host.released, [(1, at(25.0))]);
    // TCP-14: and back again, over a third.
    host.connect(3, None);
    host.ask(3, &update(&id));
    assert_eq!(find(&host, "a").connection(), Some(3));
}

#[test]
fn tcp_13_a_connection_has_one_registration() {
    let mut host = host();
    let a = join(&mut host, 1, "ep=a");
    assert_eq!(host.ask(1, &register("ep=b").frame()).view().code, Code::FORBIDDEN);
    assert_eq!(host.ask(1, &update(&a)).view().code, Code::CHANGED);

    let mut host = Host::new(Config::new().per_connection(2));
    host.connect(1, None);
    join(&mut host, 1, "ep=a");
    join(&mut host, 1, "ep=b");
    assert_eq!(host.ask(1, &register("ep=c").frame()).view().code, Code::FORBIDDEN);
}

#[test]
fn reg_43_reg_44_reg_50_an_update_counts_from_its_reception_and_tells_what_is_new() {
    let mut host = host();
    let id = join(&mut host, 1, "ep=a");
    host.wait(s(50.0));
    host.ask(1, &on(Code::POST, &id, &["Q"], &[]));
    assert!(
        host.events.last().unwrap().contains("queue: true, sms: false, objects: false"),
        "{:?}",
        host.events
    );
    assert!(find(&host, "a").queue());
    assert!(find(&host, "a").is_alive(at(109.9)) && !find(&host, "a").is_alive(at(110.0)));

    host.ask(1, &on(Code::POST, &id, &["lt=10", "b=UT", "ep=other"], b"</1/0>,</3/0>,</5/0>"));
    let event = host.events.last().unwrap();
    assert!(
        event.contains("lifetime: true, binding: true, queue: false") && event.contains("objects: true"),
        "{event}"
    );
    assert_eq!(find(&host, "a").objects().len(), 3);
    assert!(!find(&host, "a").is_alive(at(60.0)));
    // QUE-14: no Q is no news.
    host.ask(1, &update(&id));
    assert!(host.events.last().unwrap().contains("queue: false") && find(&host, "a").queue());
    assert_eq!(host.ask(1, &on(Code::POST, &id, &["lt=x"], &[])).view().code, Code::BAD_REQUEST);
    assert_eq!(host.ask(1, &on(Code::POST, &id, &[], b"<")).view().code, Code::BAD_REQUEST);
}

#[test]
fn reg_65_tcp_60_a_registration_expires_after_grace_and_its_connection_is_released() {
    let mut host = host();
    let id = join(&mut host, 1, "ep=a");
    host.wait(s(65.0));
    assert_eq!(host.ask(1, &update(&id)).view().code, Code::CHANGED);
    host.wait(s(69.9));
    assert_eq!(host.registry.iter().count(), 1);
    host.wait(s(0.1));
    assert_eq!(host.events.last().unwrap(), "expired a");
    assert_eq!(host.released, [(1, at(135.0))]);
    assert_eq!(host.registry.iter().count(), 0);
    // REG-14: for ever.
    host.connect(2, None);
    host.ask(2, &Register { query: vec!["ep=b", "lt=0", "lwm2m=1.1"], ..register("") }.frame());
    host.wait(s(1e6));
    assert_eq!(find(&host, "b").connection(), Some(2));
}

#[test]
fn reg_45_tcp_52_neither_traffic_prolongs_nor_a_lost_connection_ends_a_registration() {
    let mut host = host();
    join(&mut host, 1, "ep=a");
    for _ in 0..7 {
        host.wait(s(5.0));
        host.feed(1, &frame(Code::PING, &[], &[], &[]));
    }
    assert!(!find(&host, "a").is_alive(at(60.0)));
    host.disconnect(1);
    assert_eq!(find(&host, "a").connection(), None);
    host.wait(s(35.0));
    assert_eq!(host.events.last().unwrap(), "expired a");
    assert!(host.released.is_empty());
}

#[test]
fn tcp_81_after_a_deregister_there_is_time_for_another_register() {
    let mut host = host();
    let id = join(&mut host, 1, "ep=a");
    assert_eq!(host.ask(1, &on(Code::DELETE, &id, &[], &[])).view().code, Code::DELETED);
    assert_eq!(host.events.last().unwrap(), "deregistered a");
    assert_eq!(host.ask(1, &on(Code::DELETE, &id, &[], &[])).view().code, Code::NOT_FOUND);
    host.wait(s(9.0));
    let id = join(&mut host, 1, "ep=a");
    host.wait(s(30.0));
    assert!(host.released.is_empty());
    host.ask(1, &on(Code::DELETE, &id, &[], &[]));
    host.wait(s(11.0));
    assert_eq!(host.released, [(1, at(49.0))]);
    assert_eq!(messages(&host.take(1))[0].view().code, Code::RELEASE);
    // Who comes after that is too late.
    let late = host.ask(1, &register("ep=a").frame());
    assert_eq!(late.view().code, Code::SERVICE_UNAVAILABLE);
}

#[test]
fn tcp_61_who_does_not_register_is_released_after_a_minute() {
    let mut host = host();
    host.wait(s(59.9));
    assert!(host.released.is_empty());
    host.wait(s(0.1));
    assert_eq!(host.released, [(1, at(60.0))]);
}

/// Without Max-Age: its default of 60 s is meant (C-5.4.4-1).
#[test]
fn reg_29_err_19_a_full_server_refuses_for_a_minute_but_takes_whom_it_knows() {
    let mut host = Host::new(Config::new().max_registrations(1));
    host.connect(1, None);
    host.connect(2, None);
    join(&mut host, 1, "ep=a");
    let full = host.ask(2, &register("ep=b").frame());
    assert_eq!((full.view().code, uint(&full, OptionNumber::MAX_AGE)), (Code::SERVICE_UNAVAILABLE, None));
    join(&mut host, 2, "ep=a");
}

#[test]
fn sec_20_sec_21_err_16_to_18_the_identity_decides() {
    let deny: lwm2m_core::server::Authorize = |endpoint, _| match endpoint {
        "bad" => Err(Code::FORBIDDEN),
        _ => Ok(()),
    };
    let mut host = Host::new(Config::new().authorize(deny));
    for (k, identity) in [(1, Some("a")), (2, None), (3, Some("b")), (4, Some("a")), (5, None)] {
        host.connect(k, identity);
    }
    // REG-4: the name is that of the identity, said or not, and no other.
    assert_eq!(host.ask(1, &register("ep=b").frame()).view().code, Code::BAD_REQUEST);
    let unnamed = Register { query: vec!["lwm2m=1.1"], ..register("") };
    assert_eq!(host.ask(1, &unnamed.frame()).view().code, Code::CREATED);
    let id = find(&host, "a").id().to_string();
    // Nobody else takes it over, by Register, Update or De-register.
    assert_eq!(host.ask(2, &register("ep=a").frame()).view().code, Code::FORBIDDEN);
    for k in [2, 3] {
        assert_eq!(host.ask(k, &update(&id)).view().code, Code::BAD_REQUEST);
        assert_eq!(host.ask(k, &on(Code::DELETE, &id, &[], &[])).view().code, Code::BAD_REQUEST);
    }
    assert_eq!(find(&host, "a").connection(), Some(1));
    assert_eq!(host.ask(4, &update(&id)).view().code, Code::CHANGED);
    assert_eq!(host.ask(2, &register("ep=bad").frame()).view().code, Code::FORBIDDEN);

    // SEC-22: without identities the location is the proof, unless that is not wanted.
    let mut host = Host::new(Config::new().plain_rebind(false));
    host.connect(1, None);
    host.connect(2, None);
    let id = join(&mut host, 1, "ep=a");
    assert_eq!(host.ask(2, &update(&id)).view().code, Code::BAD_REQUEST);
    assert_eq!(host.ask(1, &update(&id)).view().code, Code::CHANGED);
}

#[test]
fn tcp_70_two_silences_in_a_row_end_a_connection() {
    let mut host = host();
    host.ask(1, &Register { query: vec!["ep=a", "lt=0", "lwm2m=1.1"], ..register("") }.frame());
    let id = find(&host, "a").id();
    let ask = |host: &mut Host, handle| {
        let (session, tx) = host.links.get_mut(&1).unwrap();
        host.registry.read(host.now, id, path("/3/0/0"), None, handle, &mut session.peer(tx)).unwrap();
        messages(&host.take(1)).remove(0)
    };
    ask(&mut host, 1);
    host.wait(s(60.0));
    let read = ask(&mut host, 2);
    host.feed(1, &frame(Code::NOT_FOUND, read.view().token, &[], &[]));
    ask(&mut host, 3);
    host.wait(s(60.0));
    assert!(host.released.is_empty());
    ask(&mut host, 4);
    host.wait(s(60.0));
    assert_eq!(host.released, [(1, at(180.0))]);
    let outcomes: Vec<_> =
        host.answers.iter().map(|(handle, operation, _)| (*handle, operation.as_str())).collect();
    assert_eq!(outcomes, [(1, "Unanswered"), (2, "Read"), (3, "Unanswered"), (4, "Unanswered")]);
}

#[test]
fn err_70_to_73_ir_4_dm_19_what_an_answer_is_worth() {
    let mut host = host();
    join(&mut host, 1, "ep=a");
    let id = find(&host, "a").id();
    let mut ask = |observe: bool, code: Code, options: &[(OptionNumber, &[u8])], payload: &[u8]| {
        let (session, tx) = host.links.get_mut(&1).unwrap();
        let mut peer = session.peer(tx);
        match observe {
            true => host.registry.observe(host.now, id, path("/3/0/0"), None, 1, &mut peer).unwrap(),
            false => host.registry.read(host.now, id, path("/3/0/0"), None, 1, &mut peer).unwrap(),
        };
        let request = messages(&host.take(1)).remove(0);
        host.feed(1, &frame(code, request.view().token, options, payload));
        let (_, operation, values) = host.answers.pop().unwrap();
        (operation, values.join("; "), host.registry.observations(id).count())
    };
    let said = |operation: &str, values: &str, left| (operation.to_string(), values.to_string(), left);
    let (text, observe) = ((OptionNumber::CONTENT_FORMAT, &b""[..]), (OptionNumber::OBSERVE, &b""[..]));
    assert_eq!(ask(false, Code::CONTENT, &[text], b"x"), said("Read", "/3/0/0 String(\"x\")", 0));
    assert_eq!(ask(false, Code::CONTENT, &[], b"x"), said("Read", "answer without a content format", 0));
    assert_eq!(ask(false, Code::CHANGED, &[text], b"x"), said("Read", "unexpected 2.04 Changed", 0));
    assert_eq!(ask(false, Code(0x9d), &[], b""), said("Read", "refused with 4.29 Too Many Requests", 0));
    let json = (OptionNumber::CONTENT_FORMAT, &[110][..]);
    assert_eq!(
        ask(false, Code::CONTENT, &[json], b"[]"),
        said("Read", "answer in application/senml+json", 0)
    );
    let cbor = (OptionNumber::CONTENT_FORMAT, &[112][..]);
    let other = b"\x81\xa2\x21\x66/4/0/0\x02\x01";
    assert_eq!(ask(false, Code::CONTENT, &[cbor], other), said("Read", "path outside the target", 0));
    let number = b"\x81\xa2\x21\x66/3/0/0\x02\x01";
    assert_eq!(ask(false, Code::CONTENT, &[cbor], number), said("Read", "/3/0/0: value of another type", 0));
    // An observation that is none, and one that is.
    assert_eq!(ask(true, Code::CONTENT, &[text], b"x"), said("Observe", "/3/0/0 String(\"x\")", 0));
    assert_eq!(ask(true, Code::NOT_FOUND, &[], b""), said("Observe", "refused with 4.04 Not Found", 0));
    assert_eq!(ask(true, Code::CONTENT, &[observe, text], b"x"), said("Observe", "/3/0/0 String(\"x\")", 1));
}
