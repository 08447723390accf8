//! Observations on a device (F.1).

use coap_tcp_core::Code;
use coap_tcp_core::wire::OptionNumber;

use super::rig::*;

fn observe(token: &[u8], path: &str) -> Vec<u8> {
    request(Code::GET, token, path, Some(0), Some(0))
}

fn measure<M: Memory>(device: &mut Device<M>, value: f64) {
    device.objects.2[0].measure(value);
    device.client.changed(device.now, path("/3303/0/5700"));
}

fn is_notification(message: &Owned) -> bool {
    message.view().observe().is_some()
}

#[test]
fn ir_1_ir_5_the_first_answer_and_notifications_look_alike() {
    let mut device = Device::registered();
    let first = device.ask(&observe(b"o", "/3303/0/5700"));
    measure(&mut device, 22.0);
    let second = device.sent_one();
    for (message, value) in [(&first, "21.5"), (&second, "22.0")] {
        assert_eq!(
            (message.view().code, message.view().token, text(message)),
            (Code::CONTENT, &b"o"[..], value.into())
        );
        assert_eq!(message.view().option(OptionNumber::OBSERVE), Some(&[][..]));
        assert_eq!(uint(message, OptionNumber::CONTENT_FORMAT), Some(0));
    }
}

#[test]
fn ir_1_observe_1_ends_it_and_is_answered_as_a_read() {
    let mut device = Device::registered();
    device.ask(&observe(b"o", "/3303/0/5700"));
    for _ in 0..2 {
        // The second time there is nothing to end.
        let answer = device.ask(&request(Code::GET, b"o", "/3303/0/5700", Some(1), Some(0)));
        assert_eq!((answer.view().code, is_notification(&answer)), (Code::CONTENT, false));
        measure(&mut device, 22.0);
        assert!(device.sent().is_empty());
    }
}

#[test]
fn ir_3_a_token_is_one_observation_and_two_tokens_are_two() {
    let mut device = Device::registered();
    device.ask(&observe(b"a", "/3303/0/5700"));
    device.ask(&observe(b"b", "/3303/0/5700"));
    device.ask(&observe(b"a", "/3303/0/5601"));
    device.client.changed(device.now, path("/3303/0/5700"));
    assert_eq!(device.sent_one().view().token, b"b");
    device.client.changed(device.now, path("/3303/0"));
    assert_eq!(device.sent().len(), 2);
}

#[test]
fn ir_4_err_45_a_full_table_answers_without_observe() {
    let mut device = Device::registered();
    for token in [b"1", b"2", b"3", b"4"] {
        assert!(is_notification(&device.ask(&observe(token, "/3303/0/5700"))));
    }
    let answer = device.ask(&observe(b"5", "/3303/0/5700"));
    assert_eq!((answer.view().code, is_notification(&answer)), (Code::CONTENT, false));
    measure(&mut device, 1.0);
    assert_eq!(device.sent().len(), 4);
    // One that goes makes room.
    device.ask(&request(Code::GET, b"2", "/3303/0/5700", Some(1), Some(0)));
    assert!(is_notification(&device.ask(&observe(b"6", "/3303/0/5700"))));
}

#[test]
fn ir_23_only_what_is_observed_counts_and_many_changes_are_one_notification() {
    let mut device = Device::registered();
    device.ask(&request(Code::GET, b"o", "/3303/0", Some(0), Some(11542)));
    for other in ["/3303/1/5700", "/3/0/9", "/3"] {
        device.client.changed(device.now, path(other));
    }
    assert!(device.sent().is_empty());
    for value in 0..1000 {
        device.objects.2[0].measure(value.into());
        device.client.changed(device.now, path("/3303/0/5700"));
        device.client.changed(device.now, path("/3303"));
    }
    assert_eq!(device.sent().len(), 1);
}

#[test]
fn ir_5_pit_14_what_is_gone_is_told_once_and_for_all() {
    let mut device = Device::registered();
    device.ask(&observe(b"o", "/3/0/9"));
    device.objects.1.battery = None;
    device.client.changed(device.now, path("/3/0/9"));
    let last = device.sent_one();
    assert_eq!(
        (last.view().code, last.view().token, is_notification(&last)),
        (Code::NOT_FOUND, &b"o"[..], false)
    );
    device.objects.1.battery = Some(1);
    device.client.changed(device.now, path("/3/0/9"));
    assert!(device.sent().is_empty());
    assert_eq!(device.session.as_ref().unwrap().conn().observers(), 0);
}

#[test]
fn err_44_what_cannot_be_read_cannot_be_observed() {
    let mut device = Device::registered();
    for (target, code) in
        [("/3/0/4", Code::METHOD_NOT_ALLOWED), ("/0/0", Code::UNAUTHORIZED), ("/3/7", Code::NOT_FOUND)]
    {
        let answer = device.ask(&request(Code::GET, b"o", target, Some(0), None));
        assert_eq!((answer.view().code, is_notification(&answer)), (code, false));
    }
    assert_eq!(device.session.as_ref().unwrap().conn().observers(), 0);
}

#[test]
fn reg_69_a_register_on_the_same_connection_ends_observations() {
    let mut device = Device::registered();
    device.ask(&observe(b"o", "/3303/0/5700"));
    device.client.update(device.now, 0);
    let update = device.sent_one();
    device.answer(&update, Code::NOT_FOUND, &[]);
    device.register("new");
    measure(&mut device, 3.0);
    assert!(device.sent().is_empty());
    assert_eq!(device.session.as_ref().unwrap().conn().observers(), 0);
}

#[test]
fn the_newest_value_waits_for_room_and_is_no_deadline_meanwhile() {
    let mut device =
        Device::<Firmware>::with(lwm2m_core::client::Config::new("dev").jitter_percent(0), app());
    device.turn();
    device.register("x");
    device.ask(&observe(b"o", "/3303/0/5700"));
    let (mut sent, mut blocked) = (0, false);
    for value in 0..100 {
        measure(&mut device, value.into());
        device.turn();
        let queued = messages(coap_tcp_core::Buf::as_slice(&device.tx)).len();
        blocked |= queued == sent;
        sent = queued;
        // Law 3: what waits for room is due at no time.
        assert!(device.client.poll_timeout().is_none_or(|(at, ..)| at > device.now));
    }
    assert!(blocked, "100 notifications fit");
    let values: Vec<_> = device.sent().iter().map(text).collect();
    assert_eq!(values.last().unwrap(), "99.0");
    assert_eq!(values.len(), sent + 1);
}

#[test]
fn a_notification_that_no_buffer_can_hold_ends_with_5_00() {
    static LONG: [u8; 1100] = [b'x'; 1100];
    let mut device = Device::<Firmware>::with(lwm2m_core::client::Config::new("dev"), app());
    device.turn();
    device.register("x");
    device.ask(&observe(b"o", "/3/0/0"));
    device.objects.1.manufacturer = std::str::from_utf8(&LONG).unwrap();
    device.client.changed(device.now, path("/3/0"));
    let last = device.sent_one();
    assert_eq!((last.view().code, is_notification(&last)), (Code::INTERNAL_SERVER_ERROR, false));
}
