//! How connections end, and that the socket is free for another.

use std::time::Duration;

use bind_smoltcp::Role;
use coap_tcp_core::wire::Writer;
use coap_tcp_core::{Closed, Code, Config, Count, KeepAlive, KeepAliveBounds, KeepAliveSearch, Violation};
use smoltcp::socket::tcp::State;

use crate::ours::{App, CONFIG, Ours, Raw};
use crate::world::{V4, World};

fn against(raw: Raw) -> World<Ours, Raw> {
    let mut world = World::new(V4, Ours::new(Role::Initiator, App::replying(4)), raw);
    world.open(&CONFIG);
    world.settle();
    world
}

fn frame(code: Code, token: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    Writer::new(&mut bytes, code, token).unwrap().finish();
    bytes
}

fn ended(world: &World<Ours, Raw>) -> Option<Closed> {
    world.a.actor.ended.map(|ended| ended.unwrap())
}

#[test]
fn d_3_a_release_ends_both_sides_without_a_reset_and_the_socket_serves_again() {
    let ours = |role| Ours::new(role, App::asking(&[3]));
    let mut world = World::new(V4, ours(Role::Initiator), ours(Role::Acceptor));
    world.open(&CONFIG);
    for _ in 0..3 {
        world.run(|world| world.a.actor.app.is_done() && world.b.actor.app.is_done());
        let now = world.now;
        world.a.actor.driver.release(now);
        world.advance(Duration::from_secs(1));
        assert_eq!(world.a.actor.ended, Some(Ok(Closed::Local)));
        assert_eq!(world.b.actor.ended, Some(Ok(Closed::Released)));
        assert!(world.take_log().iter().all(|packet| packet.bytes[33] & 4 == 0));
        // Whoever ends its stream first waits: that is the side that was asked to.
        assert_eq!((world.a.socket().state(), world.b.socket().state()), (State::Closed, State::TimeWait));
        world.a.actor = ours(Role::Initiator);
        world.b.actor = ours(Role::Acceptor);
        world.open(&CONFIG);
    }
}

#[test]
fn f_25_the_end_of_the_peers_stream_is_not_the_end_of_its_answers() {
    let say = [frame(Code::CSM, &[]), frame(Code::GET, &[1]), frame(Code::GET, &[2])].concat();
    let mut world = against(Raw { say, end: true, ..Raw::default() });
    world.advance(Duration::from_secs(1));
    assert_eq!(world.a.actor.app.served.len(), 2);
    assert_eq!(ended(&world), Some(Closed::Eof));
    assert!(world.b.actor.ended);
    let answers = world.b.actor.heard.windows(4).filter(|bytes| *bytes == [8; 4]).count();
    assert_eq!(answers, 2);
    assert_eq!(world.a.socket().state(), State::Closed);
}

#[test]
fn f_24_an_abort_of_ours_arrives_before_the_end() {
    let mut world = against(Raw { say: frame(Code::GET, &[]), ..Raw::default() });
    world.advance(Duration::from_millis(100));
    assert!(world.b.actor.ended);
    let heard = String::from_utf8_lossy(&world.b.actor.heard);
    assert!(heard.ends_with("CSM missing"), "{heard}");
    // The peer does not end its stream: after the linger nothing orderly can come any more.
    assert_eq!(ended(&world), None);
    world.advance(Duration::from_secs(2));
    assert_eq!(ended(&world), Some(Closed::Violation(Violation::NotCsmFirst)));
    assert_eq!(world.a.socket().state(), State::Closed);
    assert_eq!(world.b.socket().state(), State::Closed);
}

#[test]
fn a_reset_is_the_end() {
    let mut world = against(Raw { say: frame(Code::CSM, &[]), ..Raw::default() });
    world.a.actor.app.ask = vec![1];
    world.settle();
    world.b.socket().abort();
    world.settle();
    assert_eq!(ended(&world), Some(Closed::Transport));
    assert_eq!(world.a.actor.app.lost, [0]);
}

#[test]
fn f_13_f_20_a_peer_that_vanishes_is_noticed_and_an_idle_one_left_alone() {
    let mut world = against(Raw { say: frame(Code::CSM, &[]), ..Raw::default() });
    world.advance(Duration::from_secs(250));
    assert_eq!(ended(&world), None);
    world.cable.borrow_mut().lose = Box::new(|_| true);
    world.a.actor.app.ask = vec![1];
    world.advance(Duration::from_secs(59));
    assert_eq!(ended(&world), None);
    world.advance(Duration::from_secs(2));
    assert_eq!(ended(&world), Some(Closed::Transport));
    assert_eq!(world.a.actor.app.lost, [0]);
}

#[test]
fn a_last_answer_that_is_lost_is_sent_again_after_the_end() {
    let mut world = against(Raw { say: frame(Code::CSM, &[]), ..Raw::default() });
    world.a.actor.app.reply = 190;
    let mut lost = false;
    world.cable.borrow_mut().lose = Box::new(move |packet| {
        !lost && packet.payload().len() > 190 && core::mem::replace(&mut lost, true) | true
    });
    world.b.actor.say = frame(Code::GET, &[9]);
    world.b.actor.end = true;
    world.settle();
    // The session is over as far as the core is concerned, the socket is not.
    assert_eq!(world.a.actor.app.closed, Some(Closed::Eof));
    assert_eq!(ended(&world), None);
    world.run(|world| world.a.actor.ended.is_some());
    assert!(world.b.actor.heard.len() > 190 && world.b.actor.ended);
}

#[test]
fn memory_that_is_too_small_is_an_error_and_not_a_panic() {
    static LARGE: Config = Config::new().max_message_size(1 << 20);
    let mut ours = Ours::new(Role::Initiator, App::default());
    ours.driver = crate::ours::driver(Role::Initiator, &LARGE);
    let mut world = World::new(V4, ours, Raw::default());
    world.open(&LARGE);
    world.settle();
    assert!(matches!(world.a.actor.ended, Some(Err(coap_tcp_core::ConfigError::SpillTooSmall { .. }))));
}

#[test]
fn an_attempt_that_is_given_up_frees_the_socket() {
    let mut world = World::new(V4, Ours::new(Role::Initiator, App::default()), Raw::default());
    world.cable.borrow_mut().lose = Box::new(|_| true);
    world.open(&CONFIG);
    world.settle();
    let now = world.now;
    world.a.actor.driver.release(now);
    world.settle();
    assert_eq!(ended(&world), Some(Closed::Local));
    assert!(!world.a.socket().is_open());
}

/// Rows 1, 4 and 59 of the error matrix.
#[test]
fn h_what_is_refused_is_counted_where_the_user_lends_counters() {
    let mut world = against(Raw { say: b"GET / HTTP/1.1\r\n".to_vec(), ..Raw::default() });
    world.advance(Duration::from_secs(10));
    assert_eq!(ended(&world), Some(Closed::Violation(Violation::NotCsmFirst)));
    let counted: Vec<_> = world.a.actor.stats.iter().filter(|&(_, n)| n > 0).collect();
    assert_eq!(counted, [(Count::CsmMissing, 1)]);

    let say = [frame(Code::CSM, &[]), frame(Code::GET, &[1]), frame(Code(0x08), &[2])].concat();
    let mut world = against(Raw { say, end: true, ..Raw::default() });
    world.advance(Duration::from_secs(10));
    let stats = &world.a.actor.stats;
    let counted = [Count::Csms, Count::Requests, Count::Eof].map(|count| stats.get(count));
    assert_eq!(counted, [1, 2, 1]);
}

#[test]
fn k_4_3_3_what_the_keep_alive_has_learned_is_there_after_the_end() {
    const SECOND: Duration = Duration::from_secs(1);
    static ADAPTIVE: Config = Config::new()
        .keep_alive(KeepAlive::Adaptive(KeepAliveBounds::new(SECOND, SECOND.saturating_mul(1000))))
        .idle_timeout(None);
    let mut ours = Ours::new(Role::Initiator, App::default());
    let known = KeepAliveSearch::known(SECOND * 100);
    ours.driver = crate::ours::driver(Role::Initiator, &ADAPTIVE).resume_keep_alive(known);
    assert_eq!(ours.driver.keep_alive_search(), known);
    let mut world = World::new(V4, ours, Raw { say: frame(Code::CSM, &[]), ..Raw::default() });
    world.open(&ADAPTIVE);
    world.settle();
    world.advance(Duration::from_secs(190));
    assert_eq!((ended(&world), world.a.actor.driver.keep_alive_search()), (None, known));
    world.advance(Duration::from_secs(60));
    assert_eq!(ended(&world), Some(Closed::PingTimeout));
    let learned = world.a.actor.driver.keep_alive_search();
    assert_eq!(learned.survived(), known.survived());
    assert!(learned.failed().is_some_and(|silence| silence > SECOND * 180), "{learned:?}");
}
