//! When a device tries again (A.6, TCP-11).

use std::time::Duration;

use coap_tcp_core::Code;
use lwm2m_core::client::{Config, State};

use super::rig::*;

/// F-9.
#[test]
fn reg_83_reg_91_attempts_to_connect_double_their_distance() {
    let mut device = Device::new();
    device.net = Net::Refuses;
    device.wait(s(90_000.0));
    let expected = [0.0, 60.0, 180.0, 420.0, 900.0, 87_300.0, 87_360.0, 87_480.0, 87_720.0, 88_200.0];
    assert_eq!(device.connects, expected.map(at));
}

#[test]
fn reg_83_the_account_says_how_often_and_how_far_apart() {
    let mut objects = app();
    objects.0.retry_count = Some(2);
    objects.0.retry_timer = Some(5);
    objects.0.sequence_delay = Some(100);
    let mut device = Device::<Heap>::with(Config::new("dev").jitter_percent(0), objects);
    device.net = Net::Refuses;
    device.wait(s(220.0));
    assert_eq!(device.connects, [0.0, 5.0, 105.0, 110.0, 210.0, 215.0].map(at));
}

#[test]
fn reg_83_a_delay_of_the_largest_number_means_never() {
    let mut objects = app();
    objects.0.retry_count = Some(1);
    objects.0.sequence_delay = Some(u32::MAX);
    let mut device = Device::<Heap>::with(Config::new("dev"), objects);
    device.net = Net::Refuses;
    device.wait(s(1e6));
    assert_eq!((device.connects.len(), device.client.poll_timeout()), (1, None));
    device.net = Net::Up;
    device.client.start(device.now, 0);
    device.turn();
    assert_eq!(device.client.state(0), State::Registering);
}

/// Though each Register is taken: who aborts has a reason, which will not have gone at once.
#[test]
fn f_9_after_an_abort_there_is_no_new_connection_before_the_retry_timer() {
    let mut device = Device::registered();
    for connections in 1..=3 {
        device.feed(&frame(Code::ABORT, &[], &[], b"out of order"));
        device.disconnect();
        device.wait(s(59.0));
        assert_eq!(device.connects.len(), connections);
        device.wait(s(1.0));
        assert_eq!(device.connects.len(), connections + 1);
        device.register("abc");
    }
}

#[test]
fn reg_92_success_begins_the_count_anew() {
    let mut device = Device::new();
    device.net = Net::Refuses;
    device.wait(s(70.0));
    device.net = Net::Up;
    device.wait(s(110.0));
    device.register("abc");
    device.net = Net::Refuses;
    device.disconnect();
    let lost = device.now;
    device.wait(s(60.0));
    assert_eq!(device.connects[3..], [lost, lost + s(60.0)]);
}

#[test]
fn tcp_11_a_lost_registration_is_missed_within_two_seconds() {
    let mut moments = Vec::new();
    for seed in 0..50 {
        let mut device = Device::registered();
        let config = Config::new("dev");
        device.client = lwm2m_core::client::Client::new(config, [0], seed, &device.objects);
        device.session = None;
        device.turn();
        device.register("abc");
        device.disconnect();
        let (due, ..) = device.client.poll_timeout().unwrap();
        moments.push(due.duration_since(device.now));
    }
    assert!(moments.iter().all(|moment| *moment <= s(2.0)));
    assert!(moments.iter().max().unwrap().saturating_sub(*moments.iter().min().unwrap()) > s(1.0));
}

#[test]
fn reg_83_a_connection_lost_before_the_answer_is_an_attempt() {
    let mut device = Device::new();
    device.turn();
    device.sent_one();
    device.wait(s(3.0));
    device.disconnect();
    device.wait(s(60.0));
    assert_eq!(device.connects, [at(0.0), at(63.0)]);
}

#[test]
fn tcp_70_a_register_without_an_answer_ends_the_connection_and_is_an_attempt() {
    let mut device = Device::new();
    device.turn();
    device.sent_one();
    device.wait(s(30.0));
    assert!(device.session.is_none());
    assert!(device.events[0].starts_with("Failed { problem: Silent"), "{:?}", device.events);
    device.wait(s(60.0));
    assert_eq!(device.connects, [at(0.0), at(90.0)]);
}

#[test]
fn reg_83_a_refused_device_stays_connected_until_its_next_attempt() {
    let mut device = Device::new();
    device.turn();
    let register = device.sent_one();
    device.answer(&register, Code::NOT_FOUND, &[]);
    device.wait(s(10.0));
    // The server need not have so much patience (TCP-61): that is no second failure.
    device.disconnect();
    device.wait(s(49.0));
    assert_eq!(device.connects.len(), 1);
    device.wait(s(1.0));
    assert_eq!(device.connects, [at(0.0), at(60.0)]);
    let register = device.sent_one();
    device.answer(&register, Code::NOT_FOUND, &[]);
    device.wait(s(119.0));
    assert!(device.sent().is_empty());
    device.wait(s(1.0));
    assert_eq!(device.sent().len(), 1);
    assert_eq!(device.connects.len(), 2);
}

#[test]
fn reg_81_servers_without_an_order_are_independent() {
    use lwm2m_core::client::{Action, Client};
    let objects = ([app().0; 3],);
    let mut client: Client<'_, 3, 1> = Client::new(Config::new("dev"), [0, 1, 2], 1, &objects);
    let now = at(0.0);
    let asked: Vec<_> = std::iter::from_fn(|| client.poll_action(now)).collect();
    assert_eq!(asked, [0, 1, 2].map(|server| Action::Connect { server }));
    client.handle_closed(now, 1);
    assert_eq!(client.state(0), State::Connecting);
    let (due, server, _) = client.poll_timeout().unwrap();
    assert!(server == 1 && due >= now + Duration::from_secs(60));
    // One that there is not.
    client.handle_connected(now, 3);
    assert_eq!(client.state(3), State::Stopped);
}
