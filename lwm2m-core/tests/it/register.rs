//! What a device says on the registration interface, and what it makes of the answers.

use std::time::Duration;

use coap_tcp_core::Code;
use coap_tcp_core::wire::OptionNumber;
use lwm2m_core::client::{Config, State};
use lwm2m_core::content::ContentFormat;
use lwm2m_core::version::Version;

use super::rig::*;

const LOCATION: OptionNumber = OptionNumber::LOCATION_PATH;

fn config() -> Config<'static> {
    Config::new("dev").jitter_percent(0).reconnect_within(Duration::ZERO)
}

#[test]
fn reg_1_reg_2_reg_5_reg_20_reg_24_a_register_says_who_and_what() {
    let mut device = Device::new();
    device.turn();
    let register = device.sent_one();
    let view = register.view();
    assert!(view.code == Code::POST && view.path_is(&["rd"]));
    assert_eq!(queries(&register), ["ep=dev", "lt=300", "lwm2m=1.1", "b=T"]);
    assert_eq!(format_of(&register), Some(ContentFormat::LINK));
    assert_eq!(
        text(&register),
        "</>;rt=\"oma.lwm2m\";ct=\"0 42 112 11542\",</1>;ver=1.2,</1/0>,</3>;ver=1.2,</3/0>,\
         </3303>;ver=1.1,</3303/0>,</3303/1>"
    );
}

#[test]
fn reg_7_queue_mode_is_a_flag() {
    let mut objects = app();
    objects.0.lifetime = 0;
    let mut device = Device::<Heap>::with(config().versions(Version::V1_0, Version::V1_2), objects);
    device.turn();
    assert_eq!(queries(&device.sent_one()), ["ep=dev", "lt=0", "lwm2m=1.2", "b=T"]);
}

#[test]
fn reg_30_the_location_is_replayed_byte_for_byte() {
    let mut device = Device::new();
    device.turn();
    let register = device.sent_one();
    device.answer(
        &register,
        Code::CREATED,
        &[(LOCATION, b"rd"), (LOCATION, b"a b"), (LOCATION, b"%2F"), (LOCATION, b"")],
    );
    assert_eq!(device.events, ["Registered"]);
    device.client.update(device.now, 0);
    let update = device.sent_one();
    assert_eq!(update.view().path().collect::<Vec<_>>(), [&b"rd"[..], b"a b", b"%2F", b""]);
    device.answer(&update, Code::CHANGED, &[]);
    device.client.deregister(device.now, 0);
    let deregister = device.sent_one();
    assert_eq!(deregister.view().code, Code::DELETE);
    assert_eq!(deregister.view().path().collect::<Vec<_>>(), [&b"rd"[..], b"a b", b"%2F", b""]);
}

#[test]
fn reg_31_no_location_or_too_long_a_one_is_a_failed_attempt() {
    for location in [None, Some([b'x'; 64])] {
        let mut device = Device::new();
        device.turn();
        let register = device.sent_one();
        let options: Vec<_> = location.iter().map(|segment| (LOCATION, &segment[..])).collect();
        device.answer(&register, Code::CREATED, &options);
        assert_eq!(device.client.state(0), State::Waiting);
        assert!(device.events[0].starts_with("Failed { problem: BadLocation"), "{:?}", device.events);
        device.wait(s(60.0));
        device.register("ok");
        assert_eq!(device.client.state(0), State::Registered);
    }
}

#[test]
fn reg_33_after_4_12_an_older_version_is_tried_at_once() {
    let mut device = Device::<Heap>::with(config().versions(Version::V1_0, Version::V1_2), app());
    device.turn();
    let mut said = Vec::new();
    for _ in 0..3 {
        let register = device.sent_one();
        said.extend(queries(&register).into_iter().filter(|query| query.starts_with("lwm2m")));
        device.answer(&register, Code::PRECONDITION_FAILED, &[]);
    }
    assert_eq!(said, ["lwm2m=1.2", "lwm2m=1.1", "lwm2m=1.0"]);
    assert!(device.events[2].contains("exhausted: true"), "{:?}", device.events);
    assert!(device.sent().is_empty());
}

#[test]
fn reg_87_a_rejection_is_final_and_another_refusal_an_attempt() {
    for (code, again, exhausted) in [
        (Code::BAD_REQUEST, 86_400.0, true),
        (Code::UNAUTHORIZED, 86_400.0, true),
        (Code::FORBIDDEN, 86_400.0, true),
        (Code::PRECONDITION_FAILED, 86_400.0, true),
        (Code::NOT_FOUND, 60.0, false),
        (Code::METHOD_NOT_ALLOWED, 60.0, false),
        (Code::CONFLICT, 60.0, false),
        (Code::INTERNAL_SERVER_ERROR, 60.0, false),
    ] {
        let mut device = Device::new();
        device.turn();
        let register = device.sent_one();
        device.answer(&register, code, &[]);
        assert_eq!(device.client.poll_timeout().unwrap().0, at(again), "{code}");
        assert!(device.events[0].ends_with(&format!("exhausted: {exhausted} }}")), "{:?}", device.events);
    }
}

#[test]
fn reg_90_err_77_a_busy_server_is_left_alone_as_long_as_it_says() {
    let mut device = Device::new();
    device.turn();
    let register = device.sent_one();
    device.answer(&register, Code::SERVICE_UNAVAILABLE, &[(OptionNumber::MAX_AGE, &600_u16.to_be_bytes())]);
    assert_eq!(device.client.poll_timeout().unwrap().0, at(600.0));
    device.disconnect();
    device.wait(s(599.0));
    assert_eq!(device.connects.len(), 1);
    device.wait(s(1.0));
    assert_eq!(device.connects.len(), 2);
}

/// F-9.
#[test]
fn reg_90_a_hold_off_delays_the_next_connection() {
    let mut device = Device::registered();
    device.feed(&frame(Code::RELEASE, &[], &[(OptionNumber(4), &[120])], &[]));
    device.disconnect();
    device.wait(s(119.0));
    assert_eq!(device.connects.len(), 1);
    device.wait(s(1.0));
    assert_eq!(device.connects.len(), 2);
}

#[test]
fn tcp_80_reg_60_deregister_release_close_in_this_order() {
    let mut device = Device::registered();
    device.client.deregister(device.now, 0);
    let deregister = device.sent_one();
    assert_eq!(deregister.view().code, Code::DELETE);
    device.wait(s(1.0));
    device.answer(&deregister, Code::DELETED, &[]);
    assert_eq!(device.events, ["Deregistered"]);
    assert_eq!(device.sent_one().view().code, Code::RELEASE);
    device.wait(s(1.9));
    assert!(device.session.is_some());
    device.wait(s(0.1));
    assert!(device.session.is_none());
    assert_eq!(device.client.state(0), State::Stopped);
    assert_eq!(device.client.poll_timeout(), None);

    device.client.start(device.now, 0);
    device.turn();
    assert_eq!(device.connects.len(), 2);
}

#[test]
fn reg_60_reg_61_no_answer_and_not_found_end_a_registration_as_well() {
    let mut device = Device::registered();
    device.client.deregister(device.now, 0);
    device.sent_one();
    device.wait(s(5.0));
    assert_eq!(device.events, ["Deregistered"]);
    assert_eq!(device.sent_one().view().code, Code::RELEASE);

    let mut device = Device::registered();
    device.client.deregister(device.now, 0);
    let deregister = device.sent_one();
    device.answer(&deregister, Code::NOT_FOUND, &[]);
    assert_eq!(device.events, ["Deregistered"]);
    // The server closes first.
    device.sent();
    device.disconnect();
    assert_eq!(device.client.state(0), State::Stopped);
}

#[test]
fn tcp_80_a_request_of_ours_under_way_has_a_second() {
    // It is answered, and only then known what to De-register.
    let mut device = Device::new();
    device.turn();
    let register = device.sent_one();
    device.client.deregister(device.now, 0);
    assert!(device.sent().is_empty());
    device.answer(&register, Code::CREATED, &[(LOCATION, b"rd"), (LOCATION, b"late")]);
    assert!(device.sent_one().view().path_is(&["rd", "late"]));

    // It is not: there is nothing to De-register.
    let mut device = Device::new();
    device.turn();
    device.sent_one();
    device.client.deregister(device.now, 0);
    device.wait(s(0.9));
    assert!(device.sent().is_empty());
    device.wait(s(0.1));
    assert_eq!(device.sent_one().view().code, Code::RELEASE);
}

#[test]
fn reg_60_whoever_is_not_connected_just_stops() {
    let mut device = Device::new();
    device.net = Net::Refuses;
    device.turn();
    device.client.deregister(device.now, 0);
    assert_eq!((device.client.state(0), device.client.poll_timeout()), (State::Stopped, None));
}

#[test]
fn a_register_that_no_buffer_can_hold_is_a_failed_attempt() {
    static NAME: [u8; 252] = [b'n'; 252];
    let name = std::str::from_utf8(&NAME).unwrap();
    for (config, fits) in
        [(Config::new(name), true), (Config::new(Box::leak("x".repeat(253).into_boxed_str())), false)]
    {
        let mut device = Device::<Heap>::with(config.jitter_percent(0), app());
        device.turn();
        assert_eq!(device.sent().len(), usize::from(fits));
        let failed = device.events.iter().any(|event| event.starts_with("Failed { problem: TooLarge"));
        assert_eq!(failed, !fits);
    }
}

#[test]
fn a_register_over_the_base_limit_waits_for_what_the_server_takes() {
    use lwm2m_core::objects::{Server, Temperature};
    for (csm, fits) in [(CSM, false), (&[0x30, 0xe1, 0x22, 0x10, 0x00], true)] {
        let objects = (Server::new(1, 300), [Temperature::new("Cel"); 200]);
        let mut device = Device::<Heap, _>::with(config(), objects);
        device.csm = &[];
        device.turn();
        assert!(device.sent().is_empty() && device.events.is_empty(), "{:?}", device.events);
        device.feed(csm);
        assert_eq!(device.sent().len(), usize::from(fits));
        assert_eq!(device.events.len(), usize::from(!fits), "{:?}", device.events);
    }
}
