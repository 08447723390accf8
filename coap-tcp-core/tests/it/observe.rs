//! E.3: Observe, from both ends.

use crate::rig::{Rig, frame};
use coap_tcp_core::{Code, Message, OptionNumber, RequestId, SendError};

const OBSERVE: u16 = 6;

fn feed(rig: &mut Rig, code: Code, token: &[u8], options: &[(u16, &[u8])]) {
    rig.feed_bytes(&frame(code, token, options, b"")).unwrap();
}

/// An observation of ours, as far as the request, and its token.
fn observe(rig: &mut Rig, tag: u32) -> (RequestId, Vec<u8>) {
    let mut peer = rig.session.peer(&mut rig.tx);
    let mut request = peer.request(rig.now, Code::GET).unwrap();
    request.uint(OptionNumber::OBSERVE, 0).unwrap();
    request.option(OptionNumber::URI_PATH, b"obs").unwrap();
    let id = request.finish(tag).unwrap();
    (id, Message::parse(&rig.flush()).unwrap().token.to_vec())
}

fn cancel(rig: &mut Rig, id: RequestId) -> Result<(), SendError> {
    let peer = rig.session.peer(&mut rig.tx);
    let mut cancel = peer.conn.deregister(rig.now, id, Code::GET, peer.tx)?;
    cancel.uint(OptionNumber::OBSERVE, 1)?;
    cancel.option(OptionNumber::URI_PATH, b"obs")?;
    cancel.finish()
}

fn notify(rig: &mut Rig, n: usize, code: Code) -> Result<(), SendError> {
    let observer = rig.app.observers[n];
    let mut peer = rig.session.peer(&mut rig.tx);
    let mut notification = peer.notify(observer, code)?;
    if code.is_success() {
        notification.option(OptionNumber::OBSERVE, &[])?;
    }
    notification.finish()
}

#[test]
fn o_3_1_1_register_notify_and_cancel_as_server() {
    let mut rig = Rig::open();
    rig.feed("51 01 10 60 53 6F 62 73").unwrap();
    assert_eq!(rig.said(), ["2.05 Content token=10 Observe=0"]);
    notify(&mut rig, 0, Code::CONTENT).unwrap();
    assert_eq!(rig.said(), ["2.05 Content token=10 Observe=0"]);
    rig.feed("61 01 10 61 01 53 6F 62 73").unwrap();
    assert_eq!(rig.heard()[1], r#"request 0.01 GET token=10 Observe=1 Uri-Path="obs" (ends)"#);
    assert_eq!(rig.said(), [r#"2.05 Content token=10 "ok""#]);
    assert_eq!(notify(&mut rig, 0, Code::CONTENT), Err(SendError::Gone));
    assert_eq!(rig.session.conn().observers(), 0);
}

#[test]
fn o_3_1_1_the_same_token_again_replaces() {
    let mut rig = Rig::open();
    rig.feed("51 01 10 60 53 6F 62 73 51 01 10 60 53 6F 62 73").unwrap();
    assert_eq!(rig.session.conn().observers(), 1);
    assert_eq!(notify(&mut rig, 0, Code::CONTENT), Err(SendError::Gone), "the old handle");
    notify(&mut rig, 1, Code::CONTENT).unwrap();
}

#[test]
fn o_3_1_1_asking_twice_for_one_request_is_one_entry() {
    let mut rig = Rig::open();
    let Rig { session, tx, now, .. } = &mut rig;
    session
        .receive(*now, &frame(Code::GET, &[1], &[(OBSERVE, b"")], b""), tx, |event, peer| {
            let coap_tcp_core::Event::Request(incoming) = event else { return };
            assert_eq!(peer.conn.observe(&incoming), peer.conn.observe(&incoming));
        })
        .unwrap();
    assert_eq!(rig.session.conn().observers(), 1);
}

#[test]
fn o_2_1_other_values_and_other_methods_do_not_observe() {
    let mut rig = Rig::open();
    feed(&mut rig, Code::GET, &[1], &[(OBSERVE, b""), (11, b"obs")]);
    feed(&mut rig, Code::GET, &[1], &[(OBSERVE, b"\x02"), (11, b"obs")]);
    feed(&mut rig, Code::POST, &[1], &[(OBSERVE, b""), (11, b"obs")]);
    feed(&mut rig, Code::GET, &[1], &[(11, b"obs")]);
    assert_eq!(rig.session.conn().observers(), 1, "D-E-2: only Observe touches an observation");
    feed(&mut rig, Code::FETCH, &[1], &[(OBSERVE, b"\x01"), (11, b"obs")]);
    assert_eq!(rig.session.conn().observers(), 0);
}

#[test]
fn o_4_2_1_a_notification_that_is_no_success_ends_it() {
    let mut rig = Rig::open();
    rig.feed("51 01 10 60 53 6F 62 73").unwrap();
    rig.flush();
    notify(&mut rig, 0, Code::NOT_FOUND).unwrap();
    assert_eq!(rig.said(), ["4.04 Not Found token=10"]);
    assert_eq!(notify(&mut rig, 0, Code::CONTENT), Err(SendError::Gone));
}

#[test]
fn o_7_1_1_notifications_arrive_whatever_their_value() {
    let mut rig = Rig::open();
    let (id, token) = observe(&mut rig, 7);
    for value in [&b"\x05"[..], b"\x03", b"\x03", b""] {
        feed(&mut rig, Code::CONTENT, &token, &[(OBSERVE, value)]);
    }
    let heard = rig.heard();
    assert_eq!(heard.len(), 4);
    assert!(heard.iter().all(|event| event.starts_with("response More")), "{heard:?}");
    assert_eq!(rig.session.conn().tag(id), Some(&7));
    assert_eq!(rig.session.conn().awaiting(), 0, "C-5.9-1");
}

#[test]
fn row_50_a_success_without_observe_is_no_observation() {
    let mut rig = Rig::open();
    let (_, token) = observe(&mut rig, 7);
    feed(&mut rig, Code::CONTENT, &token, &[]);
    feed(&mut rig, Code::CONTENT, &token, &[(OBSERVE, b"")]);
    let heard = rig.heard();
    assert!(heard[0].starts_with("response Last(7)") && heard[1].starts_with("unmatched"), "{heard:?}");
}

#[test]
fn row_52_an_error_ends_our_observation() {
    let mut rig = Rig::open();
    let (_, token) = observe(&mut rig, 7);
    feed(&mut rig, Code::CONTENT, &token, &[(OBSERVE, b"")]);
    feed(&mut rig, Code::NOT_FOUND, &token, &[]);
    let heard = rig.heard();
    assert!(heard[1].starts_with("response Last(7) 4.04"), "{heard:?}");
}

#[test]
fn o_7_4_1_o_7_4_3_a_notification_crosses_the_cancel() {
    let mut rig = Rig::open();
    let (id, token) = observe(&mut rig, 7);
    feed(&mut rig, Code::CONTENT, &token, &[(OBSERVE, b"")]);
    cancel(&mut rig, id).unwrap();
    assert_eq!(rig.said(), [r#"0.01 GET token=1000 Observe=1 Uri-Path="obs""#], "the same token");
    feed(&mut rig, Code::CONTENT, &token, &[(OBSERVE, b"\x09")]);
    assert_eq!(rig.heard()[1], "settled AfterCancel", "row 51");
    feed(&mut rig, Code::CONTENT, &token, &[]);
    assert!(rig.heard()[0].starts_with("response Last(7)"));
    assert_eq!(cancel(&mut rig, id), Err(SendError::Gone));
}

#[test]
fn o_7_4_3_the_cancel_may_be_answered_by_an_error() {
    let mut rig = Rig::open();
    let (id, token) = observe(&mut rig, 7);
    feed(&mut rig, Code::CONTENT, &token, &[(OBSERVE, b"")]);
    cancel(&mut rig, id).unwrap();
    feed(&mut rig, Code::NOT_FOUND, &token, &[]);
    assert!(rig.heard()[1].starts_with("response Last(7) 4.04"));
}

#[test]
fn o_7_4_1_only_an_observation_can_be_cancelled_and_once() {
    let mut rig = Rig::open();
    let id = rig.get("a", 1);
    assert_eq!(cancel(&mut rig, id), Err(SendError::Gone));
    rig.flush();
    let (id, _) = observe(&mut rig, 2);
    cancel(&mut rig, id).unwrap();
    assert_eq!(cancel(&mut rig, id), Err(SendError::Gone));
}

#[test]
fn a_limit_to_the_observers() {
    let mut rig = Rig::open_with(coap_tcp_core::Config::new().max_observers(1));
    let Rig { session, tx, now, .. } = &mut rig;
    let mut outcomes = Vec::new();
    let two =
        [frame(Code::GET, &[1], &[(OBSERVE, b"")], b""), frame(Code::GET, &[2], &[(OBSERVE, b"")], b"")];
    session
        .receive(*now, &two.concat(), tx, |event, peer| {
            let coap_tcp_core::Event::Request(incoming) = event else { return };
            outcomes.push(peer.conn.observe(&incoming).err());
        })
        .unwrap();
    assert_eq!(outcomes, [None, Some(SendError::TooMany)]);
}
