//! Little rings: one segment, a few bytes, one byte.

use std::time::Duration;

use bind_smoltcp::Role;
use coap_tcp_core::wire::Writer;
use coap_tcp_core::{Advice, Code};

use crate::ours::{App, CONFIG, Ours, Raw};
use crate::world::{Make, Ring, V4, World};

fn make(mtu: usize, rx: usize, tx: usize) -> Make {
    Make { mtu, rings: [Ring { rx, tx }; 2], ..V4 }
}

/// All exchanges take place between two ends with such rings, in both directions at once.
fn both_ways(make: Make, ask: &[usize], reply: usize) -> World<Ours, Ours> {
    let both = || App { ask: ask.to_vec(), reply, ..App::default() };
    let mut world = World::new(make, Ours::new(Role::Initiator, both()), Ours::new(Role::Acceptor, both()));
    world.open(&CONFIG);
    world.run(|world| world.a.actor.app.is_done() && world.b.actor.app.is_done());
    for ours in [&world.a.actor, &world.b.actor] {
        assert_eq!(ours.app.served, ask);
        let expected: Vec<_> = (0..).zip(ask).map(|(tag, _)| (tag, reply)).collect();
        assert_eq!(ours.app.answers, expected);
        assert_eq!(ours.ended, None);
    }
    world
}

#[test]
fn frames_cross_the_wrap_of_the_ring_at_every_offset() {
    for ring in 30..70 {
        both_ways(make(1260, ring, ring), &[20, 21, 22, 23, 19, 1, 40, 30, 50, 20], 25);
    }
}

#[test]
fn a_socket_that_takes_one_byte_at_a_time() {
    both_ways(make(1260, 1, 1), &[5, 100, 0, 30], 40);
    both_ways(make(1260, 64, 1), &[5, 100, 0, 30], 40);
    both_ways(make(1260, 1, 64), &[5, 100, 0, 30], 40);
}

#[test]
fn k_3_2_1_stacks_with_one_segment_of_window() {
    for mtu in [104, 168, 576, 1260] {
        let mss = mtu - 40;
        both_ways(make(mtu, mss, mss), &[1000, 4, 900, 300, 1000, 64, 1], 190);
    }
}

/// Round trips until the answer to a first request with so much payload, both stacks with one segment of `mss`.
fn round_trips(mss: usize, payload: usize) -> u64 {
    let asker = Ours::new(Role::Initiator, App::asking(&[payload]));
    let server = Ours::new(Role::Acceptor, App::replying(1));
    let mut world = World::new(make(mss + 40, mss, mss), asker, server);
    world.cable.borrow_mut().delay = Duration::from_millis(500);
    world.open(&CONFIG);
    // The stacks' own little delays apart.
    let start = world.now;
    world.run(|world| world.a.actor.app.is_done());
    world.now.duration_since(start).as_millis() as u64 / 1000
}

#[test]
fn k_3_2_3_what_does_not_fit_beside_our_csm_costs_a_round_trip() {
    // Head and token: 5, or 6 with a body of 269 and more; Uri-Path "t": 2; marker: 1.
    let request = |payload: usize| 5 + 2 + 1 + payload;
    for (payload, trips) in [(520, 2), (530, 3)] {
        assert_eq!(Advice::fits_first_segment(&CONFIG, 536, request(payload)), trips == 2, "{payload}");
        assert_eq!(round_trips(536, payload), trips, "{payload}");
    }
    assert!(Advice::fits_first_segment(&CONFIG, 1220, 1152));
    assert_eq!(round_trips(1220, 1100), 2);
}

#[test]
fn f_21_larger_windows_carry_more_in_a_round_trip() {
    let seconds = [1, 3, 5].map(|segments| {
        let ring = Advice::acceptor(&CONFIG).window(segments);
        let asker = Ours::new(Role::Initiator, App::asking(&[1000; 24]));
        let server = Ours::new(Role::Acceptor, App::replying(1));
        let mut world = World::new(make(1260, ring, ring), asker, server);
        world.cable.borrow_mut().delay = Duration::from_millis(500);
        world.open(&CONFIG);
        let start = world.now;
        world.run(|world| world.a.actor.app.is_done());
        assert_eq!(world.b.actor.app.served, [1000; 24]);
        world.now.duration_since(start).as_secs()
    });
    // One to open, then 24 KB in windows; the largest has room for more than the four messages that may be under way.
    assert_eq!(seconds, [21, 8, 7]);
}

/// A peer that reads nothing is pushed back by TCP, and loses nothing when it reads again (F-32).
#[test]
fn f_32_requests_stay_in_the_ring_while_answers_cannot_leave() {
    let rings = [Ring { rx: 300, tx: 300 }; 2];
    let server = Ours::new(Role::Initiator, App::replying(190));
    let mut world = World::new(Make { rings, ..V4 }, server, Raw { deaf: true, ..Raw::default() });
    world.open(&CONFIG);
    let say = &mut world.b.actor.say;
    Writer::new(say, Code::CSM, &[]).unwrap().finish();
    for n in 0..100 {
        Writer::new(say, Code::GET, &[n]).unwrap().finish();
    }
    world.advance(Duration::from_secs(10));
    let served = world.a.actor.app.served.len();
    assert!((4..20).contains(&served), "{served}");
    assert!(world.a.socket().recv_queue() > 0);
    world.b.actor.deaf = false;
    world.run(|world| world.a.actor.app.served.len() == 100);
    world.advance(Duration::from_secs(10));
    assert!(world.b.actor.heard.len() > 100 * 190);
}
