use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;

const LENIENT: Strictness = Strictness {
    lifetime_required: false,
    version_required: false,
    tcp_required: false,
    queue_without_value: false,
    known_only: false,
};

fn register<'a>(query: &'a str, strictness: &Strictness) -> Result<Parameters<'a>, ParameterError> {
    Parameters::register(query.split('&').map(str::as_bytes), strictness)
}

fn written(parameters: &Parameters<'_>) -> Vec<String> {
    let mut all = Vec::new();
    let done: Result<(), ()> = parameters.write(|name, value| {
        all.push(match value {
            Some(value) => format!("{name}={}", str::from_utf8(value).unwrap()),
            None => name.to_string(),
        });
        Ok(())
    });
    done.unwrap();
    all
}

#[test]
fn reg_1_the_order_of_parameters_is_free() {
    let expected = Parameters {
        endpoint: Some("node=1"),
        lifetime: Some(300),
        version: Some(Version::V1_2),
        binding: Some(Binding::TCP.with(Transport::Udp)),
        queue: true,
        sms: Some("+49 123"),
        profile: Some("x"),
    };
    let mut queries = ["ep=node=1", "lt=300", "lwm2m=1.2", "b=TU", "Q", "sms=+49 123", "pid=x"];
    for _ in 0..queries.len() {
        queries.rotate_left(1);
        assert_eq!(register(&queries.join("&"), &Strictness::default()), Ok(expected));
    }
    assert_eq!(written(&expected), ["ep=node=1", "lt=300", "lwm2m=1.2", "b=UT", "Q", "sms=+49 123", "pid=x"]);
}

#[test]
fn reg_3_missing_parameters_are_judged_by_strictness() {
    let default = Strictness::default();
    let strict = Strictness { lifetime_required: true, ..default };
    let (lt, lwm2m) = (Parameter::Lifetime, Parameter::Version);
    for (query, strictness, expected) in [
        ("lwm2m=1.1", default, Ok((86_400, Version::V1_1))),
        ("lwm2m=1.1", strict, Err(ParameterError::Missing(lt))),
        ("lwm2m=1.0", strict, Ok((86_400, Version::V1_0))),
        ("lt=60", default, Err(ParameterError::Missing(lwm2m))),
        ("lt=60", LENIENT, Ok((60, Version::V1_0))),
    ] {
        let read = register(query, &strictness).map(|p| (p.lifetime.unwrap(), p.version.unwrap()));
        assert_eq!(read, expected, "{query}");
    }
}

#[test]
fn reg_5_bindings_are_sets_of_the_letters_of_their_version() {
    use Version::{V1_0, V1_1, V1_2};
    for (text, version, expected) in [
        ("T", V1_1, Some(("T", false))),
        ("TU", V1_1, Some(("UT", false))),
        ("UT", V1_2, Some(("UT", false))),
        ("HMNSTU", V1_2, Some(("UTSNMH", false))),
        ("M", V1_1, None),
        ("X", V1_1, None),
        ("u", V1_1, None),
        ("TT", V1_1, None),
        ("", V1_1, None),
        ("UQ", V1_1, None),
        // REG-8: the six strings of 1.0.
        ("U", V1_0, Some(("U", false))),
        ("UQ", V1_0, Some(("U", true))),
        ("S", V1_0, Some(("S", false))),
        ("SQ", V1_0, Some(("S", true))),
        ("US", V1_0, Some(("US", false))),
        ("UQS", V1_0, Some(("US", true))),
        ("TQ", V1_0, None),
        ("T", V1_0, None),
        ("USQ", V1_0, None),
    ] {
        let read = Binding::parse(text, version).map(|(set, queue)| (set.to_string(), queue));
        assert_eq!(read, expected.map(|(set, queue)| (set.to_string(), queue)), "{text} of {version}");
    }
}

#[test]
fn reg_6_a_binding_without_tcp_is_judged_by_strictness() {
    let strict = Strictness { tcp_required: true, ..Strictness::default() };
    for query in ["lwm2m=1.1&b=U", "lwm2m=1.1"] {
        assert!(register(query, &Strictness::default()).is_ok());
        assert_eq!(register(query, &strict), Err(ParameterError::Malformed(Parameter::Binding)));
    }
    assert!(register("lwm2m=1.1&b=UT", &strict).is_ok());
}

#[test]
fn reg_7_a_value_of_queue_mode_is_judged_by_strictness() {
    let strict = Strictness { queue_without_value: true, ..Strictness::default() };
    assert!(register("lwm2m=1.1&Q", &strict).unwrap().queue);
    assert!(register("lwm2m=1.1&Q=1", &Strictness::default()).unwrap().queue);
    assert_eq!(register("lwm2m=1.1&Q=1", &strict), Err(ParameterError::Malformed(Parameter::Queue)));
}

#[test]
fn reg_8_queue_mode_of_a_1_0_client_is_in_its_binding() {
    let read = register("b=UQS&lwm2m=1.0&lt=60", &LENIENT).unwrap();
    assert!(read.queue);
    assert_eq!(written(&read), ["lt=60", "lwm2m=1.0", "b=UQS"]);
    assert_eq!(written(&Parameters { binding: Some(Binding::TCP), ..read }), ["lt=60", "lwm2m=1.0"]);
    assert_eq!(register("b=UQ&lwm2m=1.1", &LENIENT), Err(ParameterError::Malformed(Parameter::Binding)));
}

#[test]
fn reg_11_unknown_parameters_are_kept_or_refused() {
    let query = "lwm2m=1.1&foo=bar&flag&\u{e9}=";
    assert!(register(query, &Strictness::default()).is_ok());
    let strict = Strictness { known_only: true, ..Strictness::default() };
    assert_eq!(register(query, &strict), Err(ParameterError::Unknown));
    let kept: Vec<_> = others(query.split('&').map(str::as_bytes)).collect();
    assert_eq!(kept, [(&b"foo"[..], Some(&b"bar"[..])), (b"flag", None), ("\u{e9}".as_bytes(), Some(b""))]);
}

#[test]
fn reg_12_repeated_and_bad_values_are_refused() {
    use Parameter::*;
    use ParameterError::{Duplicate, Malformed, UnsupportedVersion};
    for (query, expected) in [
        ("ep=a&ep=a", Duplicate(Endpoint)),
        ("lt=1&lt=1", Duplicate(Lifetime)),
        ("lwm2m=1.1&lwm2m=1.1", Duplicate(Version)),
        ("b=T&b=T", Duplicate(Binding)),
        ("Q&Q", Duplicate(Queue)),
        ("sms=1&sms=1", Duplicate(Sms)),
        ("pid=1&pid=1", Duplicate(Profile)),
        ("lt=x", Malformed(Lifetime)),
        ("lt=-1", Malformed(Lifetime)),
        ("lt=+1", Malformed(Lifetime)),
        ("lt=4294967296", Malformed(Lifetime)),
        ("lt=", Malformed(Lifetime)),
        ("lt", Malformed(Lifetime)),
        ("ep=", Malformed(Endpoint)),
        ("b=", Malformed(Binding)),
        ("b=X&lwm2m=1.1", Malformed(Binding)),
        ("lwm2m=abc", Malformed(Version)),
        ("lwm2m=9.9", UnsupportedVersion),
    ] {
        assert_eq!(register(query, &LENIENT), Err(expected), "{query}");
    }
    assert_eq!(register("lt=4294967295&lwm2m=1.1", &LENIENT).unwrap().lifetime, Some(u32::MAX));
    let not_text: [&[u8]; 1] = [b"ep=\xFF"];
    assert_eq!(Parameters::register(not_text, &LENIENT), Err(Malformed(Endpoint)));
}

#[test]
fn reg_50_an_update_changes_neither_endpoint_nor_version() {
    let update = |query: &'static str, strictness: &Strictness| {
        Parameters::update(
            query.split('&').filter(|q| !q.is_empty()).map(str::as_bytes),
            Version::V1_1,
            strictness,
        )
    };
    let kept = update("lt=60&ep=other&lwm2m=abc", &Strictness::default());
    assert_eq!(kept, Ok(Parameters { lifetime: Some(60), ..Parameters::default() }));
    let strict = Strictness { known_only: true, ..Strictness::default() };
    assert_eq!(update("ep=other", &strict), Err(ParameterError::Unknown));
    assert_eq!(update("", &strict), Ok(Parameters::default()));
    assert_eq!(written(&Parameters::default()), Vec::<String>::new());
}

#[test]
fn an_error_of_the_receiver_ends_the_writing() {
    let all = Parameters { endpoint: Some("a"), lifetime: Some(1), ..Parameters::default() };
    let mut calls = 0;
    let refused = all.write(|_, _| {
        calls += 1;
        Err("full")
    });
    assert_eq!((refused, calls), (Err("full"), 1));
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(
        endpoint in prop::option::of(".{1,20}"),
        lifetime in any::<u32>(),
        letters in "[UTSNMH]{0,4}",
        queue in any::<bool>(),
    ) {
        let binding = Binding::parse(&letters, Version::V1_2).map(|(set, _)| set);
        let made = Parameters {
            endpoint: endpoint.as_deref(),
            lifetime: Some(lifetime),
            version: Some(Version::V1_2),
            binding,
            queue,
            ..Parameters::default()
        };
        let queries = written(&made);
        let read = Parameters::register(queries.iter().map(|q| q.as_bytes()), &Strictness::default());
        prop_assert_eq!(read, Ok(made));
    }

    #[test]
    fn any_bytes_are_read_without_panic(
        queries in prop::collection::vec(
            prop_oneof![prop::collection::vec(any::<u8>(), 0..12), "(ep|lt|b|Q|lwm2m)=?.{0,6}".prop_map(String::into_bytes)],
            0..6,
        ),
    ) {
        let queries = || queries.iter().map(Vec::as_slice);
        let _ = Parameters::register(queries(), &LENIENT);
        let _ = Parameters::update(queries(), Version::V1_0, &Strictness::default());
        let _ = others(queries()).count();
    }
}
