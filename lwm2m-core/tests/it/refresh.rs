//! Updates: when, with what, and what their answers mean.

use coap_tcp_core::Code;
use coap_tcp_core::wire::OptionNumber;
use lwm2m_core::client::{State, Why};

use super::rig::*;

fn lifetime(lifetime: u32) -> Device {
    let mut device = Device::new();
    device.objects.0.lifetime = lifetime;
    device.turn();
    device.register("abc");
    device
}

#[test]
fn reg_46_reg_14_an_update_goes_before_the_lifetime_is_over() {
    for (seconds, due) in
        [(300, Some(240.0)), (86_400, Some(86_340.0)), (20, Some(10.0)), (1, Some(0.5)), (0, None)]
    {
        let device = lifetime(seconds);
        let timeout = device.client.poll_timeout();
        assert_eq!(timeout, due.map(|due| (at(due), 0, Why::Send)), "{seconds}");
    }
}

#[test]
fn reg_40_a_refresh_says_nothing_and_reg_44_counts_from_its_own_time() {
    let mut device = lifetime(300);
    device.wait(s(240.0));
    let update = device.sent_one();
    assert_eq!((update.view().code, queries(&update), text(&update)), (Code::POST, vec![], String::new()));
    assert_eq!(format_of(&update), None);
    device.wait(s(1.0));
    device.answer(&update, Code::CHANGED, &[]);
    assert_eq!(device.client.poll_timeout().unwrap().0, at(480.0));
}

#[test]
fn reg_41_reg_13_a_new_lifetime_and_reg_40_a_new_list_are_told_each_alone() {
    let mut device = lifetime(300);
    device.objects.0.lifetime = 60;
    device.client.changed(device.now, path("/1/0/1"));
    let update = device.sent_one();
    assert_eq!((queries(&update), text(&update)), (vec!["lt=60".into()], String::new()));
    device.answer(&update, Code::CHANGED, &[]);
    assert_eq!(device.client.poll_timeout().unwrap().0, at(30.0));

    device.client.instances_changed(device.now, path("/3303"));
    let update = device.sent_one();
    assert_eq!(queries(&update), Vec::<String>::new());
    assert!(text(&update).starts_with("</>;rt="), "{}", text(&update));
    device.answer(&update, Code::CHANGED, &[]);
    device.wait(s(30.0));
    assert_eq!(text(&device.sent_one()), "");
}

#[test]
fn reg_41_several_triggers_make_one_update_and_reg_48_one_is_under_way_at_a_time() {
    let mut device = lifetime(300);
    device.client.update(device.now, 0);
    device.client.instances_changed(device.now, path("/3303/1"));
    let update = device.sent_one();
    device.client.instances_changed(device.now, path("/3303/2"));
    device.client.instances_changed(device.now, path("/3303/3"));
    assert!(device.sent().is_empty());
    device.answer(&update, Code::CHANGED, &[]);
    let update = device.sent_one();
    device.answer(&update, Code::CHANGED, &[]);
    assert!(device.sent().is_empty());
}

#[test]
fn reg_49_what_happens_during_a_register_is_told_right_after_it() {
    let mut device = Device::new();
    device.turn();
    device.client.update(device.now, 0);
    let register = device.sent_one();
    device.objects.0.lifetime = 77;
    device.client.changed(device.now, path("/1"));
    let location = [(OptionNumber::LOCATION_PATH, &b"x"[..])];
    device.answer(&register, Code::CREATED, &location);
    let update = device.sent_one();
    assert_eq!(queries(&update), ["lt=77"]);
    device.answer(&update, Code::CHANGED, &[]);
    assert!(device.sent().is_empty());
}

#[test]
fn reg_34_reg_35_reg_52_err_76_what_the_answer_to_an_update_means() {
    for (code, event, state) in [
        (Code::CHANGED, "Updated(2.04)", State::Registered),
        (Code::CONTENT, "Updated(2.05)", State::Registered),
        (Code::NOT_FOUND, "Forgotten(4.04)", State::Registering),
        (Code::BAD_REQUEST, "Forgotten(4.00)", State::Registering),
        (Code::FORBIDDEN, "Forgotten(4.03)", State::Registering),
        (Code::SERVICE_UNAVAILABLE, "Failed", State::Registered),
    ] {
        let mut device = lifetime(300);
        device.events.clear();
        device.client.update(device.now, 0);
        let update = device.sent_one();
        device.answer(&update, code, &[(OptionNumber::MAX_AGE, &[30])]);
        assert!(device.events[0].starts_with(event), "{:?}", device.events);
        assert_eq!(device.client.state(0), state, "{code}");
        let next = device.sent();
        match state {
            State::Registering => assert!(next[0].view().path_is(&["rd"])),
            _ => assert!(next.is_empty()),
        }
        if code == Code::SERVICE_UNAVAILABLE {
            device.wait(s(29.9));
            assert!(device.sent().is_empty());
            device.wait(s(0.1));
            assert!(device.sent_one().view().path_is(&["rd", "abc"]));
        }
        assert_eq!(device.connects.len(), 1);
    }
}

#[test]
fn reg_40_a_postponed_update_keeps_its_news() {
    let mut device = lifetime(300);
    device.objects.0.lifetime = 100;
    device.client.changed(device.now, path("/1/0/1"));
    device.client.instances_changed(device.now, path("/3303"));
    let update = device.sent_one();
    device.answer(&update, Code::SERVICE_UNAVAILABLE, &[(OptionNumber::MAX_AGE, &[5])]);
    device.wait(s(5.0));
    let again = device.sent_one();
    assert_eq!((queries(&again), text(&again)), (queries(&update), text(&update)));
}

#[test]
fn reg_52_a_lifetime_that_has_passed_needs_a_register() {
    let mut device = lifetime(20);
    device.client.update(device.now, 0);
    let update = device.sent_one();
    device.answer(&update, Code::SERVICE_UNAVAILABLE, &[(OptionNumber::MAX_AGE, &[200])]);
    device.wait(s(20.0));
    assert!(device.sent_one().view().path_is(&["rd"]));
}

#[test]
fn tcp_70_no_answer_makes_a_new_connection_and_tcp_10_a_new_registration() {
    let mut device = lifetime(300);
    device.client.update(device.now, 0);
    device.sent_one();
    device.wait(s(29.9));
    assert_eq!(device.connects.len(), 1);
    device.wait(s(0.1));
    assert_eq!(device.connects, [at(0.0), at(30.0)]);
    assert!(device.sent_one().view().path_is(&["rd"]));
}
