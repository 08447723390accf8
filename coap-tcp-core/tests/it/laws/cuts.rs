//! Law 1: however the stream is cut.

use proptest::collection::vec;
use proptest::prelude::*;

use super::{Fixture, message};
use crate::rig::{App, hex, keep};
use coap_tcp_core::{Buf, Closed, Config, Fixed, Flow, Instant, Oversized, Session, Slot, State};

/// Everything that one way of cutting the stream has brought about.
#[derive(PartialEq, Debug)]
struct Outcome {
    events: Vec<String>,
    said: Vec<u8>,
    state: State,
    closed: Option<Closed>,
}

fn play<T: Buf>(config: &'static Config, stream: &[u8], cuts: &[usize], mut tx: T) -> Outcome {
    let now = Instant::ZERO;
    let slots = [const { Slot::FREE }; 16];
    let mut session: Fixture<16> = Session::accept(config, Fixed::new(), slots, now, &mut tx).unwrap();
    let (mut app, mut said) = (App::default(), Vec::new());
    let (mut socket, mut rest) = (Vec::new(), stream);
    let mut cuts = cuts.iter().cycle();
    while !rest.is_empty() || !socket.is_empty() || session.is_blocked() {
        let (part, after) = rest.split_at(cuts.next().map_or(1, |&cut| cut).min(rest.len()));
        socket.extend_from_slice(part);
        rest = after;
        let taken = match session.receive(now, &socket, &mut tx, |event, peer| app.on(event, peer)) {
            Ok(Flow::Blocked(taken)) => taken,
            Ok(Flow::Drained) | Err(_) => socket.len(),
        };
        socket.drain(..taken);
        if session.is_blocked() || rest.is_empty() {
            said.extend_from_slice(tx.as_slice());
            let n = tx.as_slice().len();
            tx.consume(n);
        }
        assert!(session.conn().owed() + session.conn().observers() <= 16, "law 6");
    }
    said.extend_from_slice(tx.as_slice());
    let conn = session.conn();
    Outcome { events: app.log, said, state: conn.state(), closed: conn.closed() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Law 1, T-3.2-9.
    #[test]
    fn law_1_however_the_stream_is_cut(
        messages in vec(message(), 1..25),
        cuts in vec(1..80_usize, 1..8),
        small in any::<bool>(),
        drain in any::<bool>(),
    ) {
        let oversized = if drain { Oversized::Drain } else { Oversized::Abort };
        let config = keep(Config::new().oversized(oversized).max_message_size(if small { 600 } else { 1152 }));
        let stream = [hex("00 E1"), messages.concat()].concat();
        let whole = play(config, &stream, &[stream.len()], Vec::<u8>::new());
        prop_assert_eq!(&play(config, &stream, &cuts, Vec::new()), &whole);
        prop_assert_eq!(&play(config, &stream, &[1], Vec::new()), &whole);
        prop_assert_eq!(&play(config, &stream, &cuts, Fixed::<160>::new()), &whole);
        prop_assert_eq!(&play(config, &stream, &[1], Fixed::<160>::new()), &whole);
    }
}
