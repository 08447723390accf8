//! What leaves, in how many packets, and after how many round trips.

use std::time::Duration;

use bind_smoltcp::Role;
use coap_tcp_core::advice::{Cost, FirstExchange, Ip, csm_size};
use coap_tcp_core::{Advice, Closed, Config, Instant};

use crate::ours::{App, CONFIG, Ours, driver};
use crate::world::{Make, Packet, Ring, V4, World};

type Pair = World<Ours, Ours>;

fn pair(make: Make, ask: &[usize], reply: usize) -> Pair {
    let asker = Ours::new(Role::Initiator, App::asking(ask));
    let mut world = World::new(make, asker, Ours::new(Role::Acceptor, App::replying(reply)));
    world.open(&CONFIG);
    world
}

fn sizes(log: &[Packet]) -> u32 {
    log.iter().map(|packet| packet.plain_size() as u32).sum()
}

/// Neither a header nor the CSM goes alone (T-3.2-13, K-3.2-5).
#[test]
fn i_1_the_first_segment_has_csm_and_request_and_two_carry_the_exchange() {
    for (v6, ip, mtu) in [(false, Ip::V4, 1260), (true, Ip::V6, 1280)] {
        let mut world = pair(Make { v6, mtu, ..V4 }, &[9], 6);
        world.run(|world| world.a.actor.app.is_done());
        let log = world.take_log();
        let data: Vec<_> = log.iter().filter(|packet| !packet.payload().is_empty()).collect();
        assert_eq!(data.len(), 2, "{data:?}");
        let csm = csm_size(&CONFIG);
        // Head, token, Uri-Path "t", marker, payload.
        let (request, response) = (2 + 1 + 1 + 2 + 1 + 9, 2 + 2 + 1 + 6);
        assert_eq!(
            [data[0].payload().len(), data[1].payload().len()],
            [csm + request - 1 + 1, csm + response]
        );

        // The same bytes as digest I.2 counts, before and after a Release.
        let csm = csm as u32;
        let exchange =
            FirstExchange { csm, peer_csm: csm, request: request as u32, response: response as u32 };
        let acks: Vec<_> = log.iter().skip(4).collect();
        assert!(acks.iter().all(|packet| packet.payload().is_empty()), "{acks:?}");
        assert_eq!(sizes(&log[..4]), Cost::new(ip).first_exchange(exchange));
    }
}

#[test]
fn i_3_the_answer_is_there_two_round_trips_after_the_start() {
    let mut world = pair(V4, &[9], 6);
    world.cable.borrow_mut().delay = Duration::from_millis(50);
    let start = world.now;
    world.run(|world| world.a.actor.app.is_done());
    assert_eq!(world.now.duration_since(start), Duration::from_millis(200));
    // And one after that on the warm connection.
    world.a.actor.app.ask.push(3);
    let start = world.now;
    world.run(|world| world.a.actor.app.is_done());
    assert_eq!(world.now.duration_since(start), Duration::from_millis(100));
}

#[test]
fn i_3_waiting_for_the_peers_csm_costs_a_round_trip() {
    static WAITS: Config = Config::new().reply_room(200).max_outstanding(4).await_csm(true);
    let trips = |patient: Role, config| {
        let mut world = pair(V4, &[9], 6);
        match patient {
            Role::Initiator => world.a.actor.driver = driver(patient, config),
            Role::Acceptor => world.b.actor.driver = driver(patient, config),
        }
        world.cable.borrow_mut().delay = Duration::from_millis(50);
        let start = world.now;
        world.run(|world| world.a.actor.app.is_done());
        world.now.duration_since(start).as_millis() / 100
    };
    assert_eq!(trips(Role::Initiator, &CONFIG), 2);
    assert_eq!(trips(Role::Initiator, &WAITS), 3);
    // Ours has come with the request: an acceptor that waits for it loses nothing.
    assert_eq!(trips(Role::Acceptor, &WAITS), 2);
}

/// K-3.1.1-1, K-3.2.3-2, K-3.3.2-1, F-31. Nothing goes with the SYN, either (F-36).
#[test]
fn f_20_f_22_the_stack_is_told_what_the_core_advises() {
    let mut world = pair(V4, &[], 0);
    world.settle();
    for end in [0, 1] {
        let socket = if end == 0 { world.a.socket() } else { world.b.socket() };
        assert!(!socket.nagle_enabled());
        assert_eq!(socket.keep_alive(), None);
        // Only while something is to be acknowledged.
        assert_eq!(socket.timeout(), None);
        assert_eq!(socket.ack_delay().is_some(), end == 1);
    }
    // The MSS option of both SYNs: kind 2, length 4, 1220.
    let syns: Vec<_> = world.take_log().into_iter().take(2).collect();
    for (syn, mss) in syns.iter().zip([Advice::initiator(&CONFIG).mss; 2]) {
        assert_eq!(&syn.bytes[40..44], [&[2, 4][..], &mss.to_be_bytes()].concat());
        assert_eq!(syn.payload(), b"");
    }
}

#[test]
fn f_23_nothing_happens_between_deadlines() {
    let mut world = pair(V4, &[1], 1);
    world.run(|world| world.a.actor.app.is_done());
    world.advance(Duration::from_secs(1));
    world.take_log();
    let due = world.a.actor.driver.poll_timeout().unwrap();
    assert!(due > world.now + Duration::from_secs(200));
    world.advance(Duration::from_secs(200));
    let log = world.take_log();
    assert!(log.is_empty(), "{log:02x?}");
    // Idle for 300 s: the first to notice ends it, and both ends are done.
    world.advance(Duration::from_secs(110));
    assert_eq!(world.a.actor.ended, Some(Ok(Closed::Idle)));
    assert!(matches!(world.b.actor.ended, Some(Ok(Closed::Idle | Closed::Eof))));
}

#[test]
fn losses_are_the_stacks_business() {
    let mut world = pair(V4, &[100, 900, 1000, 3, 500, 1000], 150);
    let mut n = 0u32;
    world.cable.borrow_mut().delay = Duration::from_millis(20);
    world.cable.borrow_mut().lose = Box::new(move |_| {
        n += 1;
        n % 4 == 3
    });
    world.run(|world| world.a.actor.app.is_done());
    assert_eq!(world.b.actor.app.served, [100, 900, 1000, 3, 500, 1000]);
    assert_eq!(world.a.actor.app.answers, (0..6).map(|tag| (tag, 150)).collect::<Vec<_>>());
}

#[test]
fn a_server_that_is_not_there_is_told_and_so_is_one_that_never_answers() {
    let mut world = pair(V4, &[1], 0);
    world.b.socket().close();
    world.advance(Duration::from_secs(1));
    assert_eq!(world.a.actor.ended, Some(Ok(Closed::Transport)));
    assert_eq!(world.a.actor.app.closed, Some(Closed::Transport));

    let mut world = pair(V4, &[1], 0);
    world.cable.borrow_mut().lose = Box::new(|packet| packet.from == 1);
    let start: Instant = world.now;
    world.run(|world| world.a.actor.ended.is_some());
    assert_eq!(world.a.actor.ended, Some(Ok(Closed::Transport)));
    assert_eq!(world.now.duration_since(start), Duration::from_secs(60));
}

/// Sizes of what one side sends for a request on a warm connection.
fn segments(split: bool, size: usize) -> Vec<usize> {
    let mut world = pair(V4, &[], 6);
    let driver = driver(Role::Initiator, &CONFIG);
    world.a.actor.driver = driver.split_hack(split);
    // All is acknowledged.
    world.advance(Duration::from_secs(1));
    world.take_log();
    world.a.actor.app.ask.push(size);
    let start = world.now;
    world.run(|world| world.a.actor.app.is_done());
    assert_eq!(world.now, start, "the halves wait for nothing");
    assert_eq!(world.b.actor.app.served, [size]);
    let ours = world.take_log().into_iter().filter(|packet| packet.from == 0);
    ours.map(|packet| packet.payload().len()).filter(|&size| size > 0).collect()
}

#[test]
fn k_3_2_3_1_the_split_hack_sends_halves_and_is_off_by_default() {
    let whole = 3 + 1 + 1 + 2 + 1 + 100;
    assert_eq!(segments(false, 100), [whole]);
    assert_eq!(segments(true, 100), [whole - whole / 2, whole / 2]);
}

#[test]
fn k_3_2_3_1_whatever_is_said_in_halves_arrives() {
    for rings in [[Ring { rx: 1220, tx: 1220 }; 2], [Ring { rx: 64, tx: 64 }; 2], [Ring { rx: 1, tx: 1 }; 2]]
    {
        let ask = [100, 900, 1000, 3, 500, 0];
        let mut world = pair(Make { rings, ..V4 }, &ask, 150);
        world.a.actor.driver = driver(Role::Initiator, &CONFIG).split_hack(true);
        world.b.actor.driver = driver(Role::Acceptor, &CONFIG).split_hack(true);
        world.run(|world| world.a.actor.app.is_done());
        assert_eq!(world.b.actor.app.served, ask);
    }
}
