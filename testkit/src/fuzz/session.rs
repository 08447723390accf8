//! A session in the hands of a hostile peer, a careless application and a clock.

use std::sync::OnceLock;
use std::time::Duration;

use coap_tcp_core::{Code, Config, KeepAlive, KeepAliveBounds, Oversized, Tolerance};

use super::ops::{Op, decode};
use crate::core_rig::CoreRig;
use crate::cut::Cut;
use crate::endpoint::{Frugal, Growing, Memory};
use crate::model::Plain;
use crate::rig::{End, Rig, Seen};
use crate::rng::Rng;
use crate::script::{Behaviour, Command, Role, Setup};

/// Two bytes choose the setup and the cuts, the rest is [operations](super::ops).
pub fn session_bytes(data: &[u8]) {
    let Some((&[flags, seed], rest)) = data.split_first_chunk() else {
        return;
    };
    let ops = decode(rest);
    if flags & 0x80 == 0 { laws::<Growing>(flags, seed, &ops) } else { laws::<Frugal>(flags, seed, &ops) }
}

/// How the setup that a script wants most is written.
pub fn flags(role: Role) -> u8 {
    u8::from(role == Role::Server)
}

fn laws<M: Memory>(flags: u8, seed: u8, ops: &[Op]) {
    let setup = setup(flags);
    let whole = run::<M>(&setup, ops, |left| left);
    // Law 4.
    assert_eq!(whole, run::<M>(&setup, ops, |left| left), "the same again");
    // Law 1.
    assert_eq!(whole, run::<M>(&setup, ops, |_| 1), "cut byte by byte");
    let mut rng = Rng::new(seed.into());
    assert_eq!(whole, run::<M>(&setup, ops, |left| 1 + rng.below(left.min(32))), "cut at random");
}

fn setup(flags: u8) -> Setup {
    // Connections borrow their configuration; this way a million runs leave nothing behind.
    static CONFIGS: OnceLock<Vec<Config>> = OnceLock::new();
    let configs = CONFIGS.get_or_init(|| (0..=255).map(config).collect());
    Setup {
        role: if flags & 1 == 0 { Role::Client } else { Role::Server },
        config: configs.get(usize::from(flags)).unwrap_or(const { &Config::new() }),
        max_message_size: 1152,
        window: (flags & 2 != 0).then_some(64),
        cut: Cut::Whole,
    }
}

fn config(flags: u8) -> Config {
    let mut config = Config::new().csm_timeout(Duration::from_secs(10));
    if flags & 2 != 0 {
        config = config.tx_limit(600).reply_room(250).max_outstanding(4).max_inbound(3).max_observers(2);
    }
    if flags & 4 != 0 {
        config = config.oversized(Oversized::Drain).token_length(20).keep_alive(KeepAlive::Ping(MINUTE));
    }
    if flags & 8 != 0 {
        config = config.await_csm(true).keep_alive(KeepAlive::Empty(MINUTE)).token_salt(Some(7));
    }
    if flags & 16 != 0 {
        let mut tolerance = Tolerance::DEFAULT;
        (tolerance.missing_csm, tolerance.late_csm) = (true, true);
        (tolerance.bad_csm_value, tolerance.reserved_class) = (true, true);
        config = config.tolerance(tolerance);
    }
    if flags & 32 != 0 {
        config = config.idle_timeout(None).request_timeout(None);
    }
    if flags & 64 != 0 {
        config = config.max_message_size(256);
    }
    if flags & 128 != 0 {
        let bounds = KeepAliveBounds::new(MINUTE / 30, MINUTE);
        config = config.keep_alive(KeepAlive::Adaptive(bounds)).jitter(Some(8323));
    }
    config
}

const MINUTE: Duration = Duration::from_secs(60);

/// What was sent and told. Laws 2 and 3 are watched over by the rig below, 5 and 8 here.
fn run<M: Memory>(setup: &Setup, ops: &[Op], mut size: impl FnMut(usize) -> usize) -> Transcript {
    let mut rig = CoreRig::<M>::start(setup);
    let mut transcript = Transcript::default();
    for (path, behaviour) in behaviours() {
        rig.app(&Command::On(path, behaviour));
    }
    for op in ops {
        match op {
            Op::Write(data) => rig.peer_write_in_pieces(data, &mut size),
            Op::Read => transcript.read(&mut rig),
            Op::Wait(time) => rig.advance(*time),
            Op::App(command) => {
                if let Command::Request { tag, .. } = command {
                    transcript.tags.push(*tag);
                }
                rig.app(command);
            }
            Op::End(end) => rig.peer_end(*end),
        }
        if setup.window.is_none() {
            transcript.read(&mut rig);
        }
        transcript.listen(&mut rig);
    }
    rig.peer_end(End::Reset);
    transcript.listen(&mut rig);
    assert!(transcript.closed, "no end");
    assert!(transcript.tags.is_empty(), "never came back: {:?}", transcript.tags);
    transcript
}

#[derive(PartialEq, Eq, Debug, Default)]
struct Transcript {
    sent: Vec<u8>,
    told: Vec<Seen>,
    tags: Vec<u32>,
    closed: bool,
}

impl Transcript {
    fn read<M: Memory>(&mut self, rig: &mut CoreRig<M>) {
        let mut before = usize::MAX;
        while self.sent.len() != before {
            before = self.sent.len();
            rig.peer_read(&mut self.sent);
        }
    }

    fn listen<M: Memory>(&mut self, rig: &mut CoreRig<M>) {
        let first = self.told.len();
        rig.events(&mut self.told);
        for seen in self.told.iter().skip(first) {
            if let Some(tag) = seen.returned() {
                let at = self.tags.iter().position(|&t| t == tag);
                let Some(at) = at else { panic!("law 8: tag {tag} came back twice") };
                self.tags.swap_remove(at);
            }
            let refused = matches!(seen, Seen::Refused { .. } | Seen::Settled(_));
            assert!(!self.closed || refused, "law 5: {seen} after the end");
            self.closed |= matches!(seen, Seen::Closed(_));
        }
    }
}

fn behaviours() -> impl Iterator<Item = (String, Behaviour)> {
    let content = |payload| Plain { code: Code::CONTENT.0, payload, ..Plain::default() };
    let all = [
        ("/t", Behaviour::Answer(content(vec![]))),
        ("/big", Behaviour::Answer(content(vec![b'x'; 200]))),
        ("/huge", Behaviour::Answer(content(vec![b'x'; 1200]))),
        ("/slow", Behaviour::Defer),
        ("/obs", Behaviour::Observe(content(vec![1]))),
    ];
    all.into_iter().map(|(path, behaviour)| (path.to_owned(), behaviour))
}
