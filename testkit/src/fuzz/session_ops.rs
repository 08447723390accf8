//! Two sessions in the simulated world, their applications, and what happens to both, beside the reference
//! model.

use std::sync::OnceLock;
use std::time::Duration;

use coap_tcp_core::wire::BlockSize;
use coap_tcp_core::{Code, Config, KeepAlive, OptionNumber, SendError, State};

use crate::core_app::Cutting;
use crate::cut::Cut;
use crate::model::Plain;
use crate::rig::End;
use crate::script::{Behaviour, Command, Role, Setup, Step};
use crate::sim::{Judged, LATER, Line, Rules, Side, World};

/// Three bytes choose the setups, the lines and the world; each of the others is something that happens.
pub fn session_ops(data: &[u8]) {
    let Some((&[rules, line, seed], ops)) = data.split_first_chunk() else {
        return;
    };
    let ops = ops.get(..ops.len().min(MOST)).unwrap_or_default();
    let told = play(rules, line_of(line), seed, ops);
    // Law 4.
    assert_eq!(told, play(rules, line_of(line), seed, ops), "the same again");
}

/// More things than that make an input slow, and teach nothing new.
const MOST: usize = 160;
const MINUTE: Duration = Duration::from_secs(60);

/// The first of those that let time pass.
const WAIT: u8 = 42;

/// Ends of the only connection.
const ENDS: [Side; 2] = [Side { connection: 0, end: 0 }, Side { connection: 0, end: 1 }];

const RULES: [Rules; 8] = [
    Rules::DEFAULT,
    Rules { max_outstanding: 2, max_inbound: 1, max_observers: 1, ..Rules::DEFAULT },
    Rules { tx_limit: 600, reply_room: 250, max_outstanding: 4, max_inbound: 3, ..Rules::DEFAULT },
    Rules { max_message_size: 4096, ..Rules::DEFAULT },
    Rules { max_message_size: 256, ..Rules::DEFAULT },
    Rules { await_csm: true, ..Rules::DEFAULT },
    Rules {
        keep_alive: KeepAlive::Ping(MINUTE),
        idle_timeout: None,
        token_salt: Some(0x0123_4567_89ab_cdef),
        ..Rules::DEFAULT
    },
    Rules {
        keep_alive: KeepAlive::Empty(Duration::from_secs(20)),
        custody: false,
        block_wise: false,
        ..Rules::DEFAULT
    },
];

fn setup(role: Role, index: usize) -> Setup {
    // Connections borrow their configuration; this way a million runs leave nothing behind.
    static CONFIGS: OnceLock<[Config; 8]> = OnceLock::new();
    let configs = CONFIGS.get_or_init(|| RULES.map(|rules| rules.config()));
    Setup {
        role,
        config: &configs[index],
        max_message_size: RULES[index].max_message_size,
        window: None,
        cut: Cut::Whole,
    }
}

fn line_of(bits: u8) -> Line {
    let pick = |at: u8| usize::from(bits >> at & 3);
    Line {
        latency: Duration::from_millis([0, 1, 50, 2000][pick(0)]),
        rate: [0, 300, 10_000, 1_000_000][pick(2)],
        window: [64 * 1024, 64, 700, 3000][pick(4)],
        segment: [1460, 1, 16, 300][pick(6)],
    }
}

/// What both applications were told, in words.
pub fn play(rules: u8, line: Line, seed: u8, ops: &[u8]) -> [Vec<String>; 2] {
    let [first, second] = [rules & 7, rules >> 3 & 7].map(usize::from);
    let mut world = World::new(seed.into());
    let setups = [setup(Role::Client, first), setup(Role::Server, second)];
    let judged = Judged::pair([RULES[first], RULES[second]], world.now());
    world.connect([&setups[0], &setups[1]], judged, line);
    if rules >> 6 == 3 {
        world.forget_after(0, 2 * MINUTE);
    }
    let most = [first, second].map(|index| RULES[index].max_message_size);
    let mut player = Player { world, tags: 0, states: [0; 2], dirty: [false; 2], broken: false, most };
    player.prepare();
    for &op in ops {
        player.op(op);
    }
    player.finish();
    ENDS.map(|end| player.world.app(end).told().to_vec())
}

/// A body that came in blocks is the one that was sent.
fn check_body(told: &str) {
    let whole = told.starts_with("body ") || told.starts_with("response ");
    let runs = told.split(['"', '=']).filter_map(|word| word.strip_suffix('*')).filter(|_| whole);
    for length in runs {
        assert!(["100", "300", "800", "900", "1000", "2000", "2500", "3000"].contains(&length), "{told}");
    }
}

struct Player {
    world: World<Judged>,
    tags: u32,
    /// Of what can be observed at each end.
    states: [u32; 2],
    /// The newest state has not been told to all.
    dirty: [bool; 2],
    /// Something has gone missing on the way.
    broken: bool,
    /// Max-Message-Sizes.
    most: [u32; 2],
}

impl Player {
    fn prepare(&mut self) {
        let content = |size| plain(Code::CONTENT, b'x', size);
        let cutting = Cutting { largest: BlockSize::Bert, made: false };
        let behaviours = [
            ("/t", Behaviour::Answer(content(1))),
            ("/big", Behaviour::Answer(content(900))),
            (LATER, Behaviour::Defer),
            ("/obs", Behaviour::Observe(state(0))),
            ("/fw", Behaviour::Serve(content(3000), cutting)),
            ("/made", Behaviour::Serve(content(3000), Cutting { largest: BlockSize::B64, made: true })),
            ("/up", Behaviour::Collect(plain(Code::CHANGED, 0, 0), cutting, 2900)),
            ("/both", Behaviour::Collect(plain(Code::CHANGED, b'y', 2000), cutting, 5000)),
        ];
        for (path, behaviour) in behaviours {
            for end in ENDS {
                self.act(end, &Command::On(path.to_owned(), behaviour.clone()));
            }
        }
    }

    /// One thing that happens: at an end, and mostly with a turn for both after it.
    fn op(&mut self, op: u8) {
        let end = ENDS[usize::from(op >> 6 & 1)];
        self.happen(end, op & 63);
        if op & 0x80 == 0 {
            self.world.run_until(self.world.now());
            self.notify_again();
        }
    }

    fn happen(&mut self, end: Side, op: u8) {
        let answer = |size| plain(Code::CONTENT, b'z', size);
        match op {
            0 => self.request(end, Code::GET, "/t", 0, false, false),
            1 => self.request(end, Code::GET, LATER, 0, false, false),
            2 => self.request(end, Code::GET, "/obs", 0, true, false),
            3 => self.request(end, Code::POST, "/t", 100, false, false),
            4 => self.request(end, Code::PUT, "/t", 1000, false, false),
            5 => self.request(end, Code::GET, "/none", 0, false, false),
            6 => self.request(end, Code::GET, "/big", 0, false, false),
            7 => self.request(end, Code::POST, LATER, 300, false, false),
            8 => self.request(end, Code::FETCH, "/obs", 10, true, false),
            9 => {
                let size = self.brink(end);
                self.request(end, Code::PUT, "/t", size, false, false);
            }
            10 => self.request(end, Code::GET, "/fw", 0, false, true),
            11 => self.request(end, Code::PUT, "/up", 2500, false, true),
            12 => self.request(end, Code::PUT, "/up", 3000, false, true),
            13 => self.request(end, Code::POST, "/both", 3000, false, true),
            14 => self.request(end, Code::GET, "/made", 0, false, true),
            15 => self.command(end, &Command::Answer(LATER.to_owned(), answer(0))),
            16 => self.command(end, &Command::Answer(LATER.to_owned(), answer(800))),
            17 => self.command(end, &Command::Answer(LATER.to_owned(), plain(Code::NOT_FOUND, 0, 0))),
            18 | 19 => self.change(end),
            20 => self.command(end, &Command::Notify("/obs".to_owned(), plain(Code::NOT_FOUND, 0, 0))),
            21 => self.command(end, &Command::Cancel(self.tags)),
            22 => self.command(end, &Command::Cancel(self.tags.saturating_sub(1))),
            23 => self.command(end, &Command::Forget(self.tags)),
            24 => self.command(end, &Command::Forget(self.tags.saturating_sub(2))),
            25 => self.command(end, &Command::Ping { custody: false }),
            26 | 27 => self.command(end, &Command::Ping { custody: true }),
            28 => self.command(end, &Command::KeepAlive),
            29 => self.command(end, &Command::Release { hold_off: Some(60), alternatives: vec![] }),
            30 => self.command(end, &Command::Abort("enough".to_owned())),
            31 => self.command(end, &Command::Close),
            32 => self.command(end, &Command::Consent(false)),
            33 => self.command(end, &Command::Consent(true)),
            34 => self.say_csm(end, 64),
            35 => self.say_csm(end, 40 + self.tags * 37 % 400),
            36 => self.say_csm(end, u32::MAX),
            37 => self.world.stall(end, true),
            38 => self.world.stall(end, false),
            39 => self.world.reset(0),
            40 => self.lose(|world| world.silence(end)),
            41 => self.lose(|world| world.half_close(end)),
            // From a millisecond to an hour.
            _ => {
                let time = Duration::from_millis(1 << (op - WAIT));
                self.world.run_until(self.world.now() + time);
            }
        }
    }

    fn lose(&mut self, what: impl FnOnce(&mut World<Judged>)) {
        self.broken = true;
        what(&mut self.world);
    }

    fn request(&mut self, end: Side, code: Code, path: &str, size: usize, observe: bool, blocks: bool) {
        self.tags += 1;
        let mut message = plain(code, b'r', size);
        message.insert(OptionNumber::URI_PATH.0, path.trim_start_matches('/').as_bytes().to_vec());
        if observe {
            message.insert(OptionNumber::OBSERVE.0, vec![]);
        }
        let blocks = blocks.then_some(BlockSize::Bert);
        self.command(end, &Command::Request { tag: self.tags, message, within: None, blocks });
    }

    /// A payload that fills a message to the last byte of the peer's limit, or over it by one (T-5.3.1-3).
    fn brink(&mut self, end: Side) -> usize {
        let limit = self.world.act(end, |_, _, peer| peer.conn.peer().max_message_size).min(5000);
        let wanted = limit as usize + self.tags as usize % 2;
        let size = |payload| {
            let mut message = plain(Code::PUT, b'r', payload);
            message.token = vec![0; 2];
            message.insert(OptionNumber::URI_PATH.0, b"t".to_vec());
            message.encode().len()
        };
        (1..wanted).rev().find(|&payload| size(payload) <= wanted).unwrap_or(1)
    }

    /// What can be observed at this end is something else now.
    fn change(&mut self, end: Side) {
        self.states[end.end] += 1;
        let state = state(self.states[end.end]);
        self.command(end, &Command::On("/obs".to_owned(), Behaviour::Observe(state)));
        self.dirty[end.end] = true;
        self.notify(end);
    }

    fn notify(&mut self, end: Side) {
        let state = state(self.states[end.end]);
        let refused = self.act(end, &Command::Notify("/obs".to_owned(), state));
        self.dirty[end.end] = refused == Some(SendError::Full);
    }

    /// A slow reader gets the newest state once there is room (O-4-1).
    fn notify_again(&mut self) {
        for end in ENDS {
            if self.dirty[end.end] {
                self.notify(end);
            }
        }
    }

    fn say_csm(&mut self, end: Side, most: u32) {
        // No more than we really take.
        let size = self.most[end.end].min(most);
        self.world.act(end, |judged, now, peer| judged.say_csm(now, size, peer));
    }

    fn command(&mut self, end: Side, command: &Command) {
        self.act(end, command);
    }

    fn act(&mut self, end: Side, command: &Command) -> Option<SendError> {
        self.world.act(end, |judged, now, peer| judged.command(now, command, peer))
    }

    /// All reads, all is answered; then the transport breaks.
    fn finish(&mut self) {
        for end in ENDS {
            self.world.stall(end, false);
        }
        for _ in 0..40 {
            for end in ENDS {
                while self.act(end, &Command::Answer(LATER.to_owned(), plain(Code::CONTENT, 0, 0))).is_none()
                {
                }
            }
            self.world.run_until(self.world.now() + MINUTE / 4);
            self.notify_again();
            if ENDS.iter().all(|&end| self.world.app(end).is_quiet() && !self.dirty[end.end]) {
                break;
            }
        }
        // For Pongs with Custody that nobody has agreed to.
        self.world.run_until(self.world.now() + MINUTE / 2);
        let [first, second] = ENDS.map(|end| self.world.app(end));
        let open = [first, second].iter().all(|judged| judged.state() == State::Open);
        let broken = self.broken || self.world.forgotten(0).is_some();
        if open && !broken && first.is_quiet() && second.is_quiet() {
            first.check_quiet(second, &state(self.states[1]));
            second.check_quiet(first, &state(self.states[0]));
        }
        self.world.reset(0);
        self.world.run_until(self.world.now() + MINUTE);
        for end in ENDS {
            let judged = self.world.app(end);
            assert!(judged.is_over(), "law 8: no end, or {:?} never came back", judged.open());
            judged.told().iter().for_each(|told| check_body(told));
        }
    }
}

fn plain(code: Code, byte: u8, size: usize) -> Plain {
    Plain { code: code.0, payload: vec![byte; size], ..Plain::default() }
}

fn state(number: u32) -> Plain {
    Plain { code: Code::CONTENT.0, payload: number.to_be_bytes().to_vec(), ..Plain::default() }
}

/// What a step of a script is here, if anything. `peer` has the messages that its peer says.
pub fn encode(role: Role, step: &Step, peer: &[Plain]) -> Vec<u8> {
    let us = u8::from(role == Role::Server) << 6;
    let them = us ^ 0x40;
    match step {
        Step::Peer(_) | Step::Drip { .. } => {
            peer.iter().filter_map(|message| Some(them | encode_message(message)?)).collect()
        }
        Step::App(command) => encode_command(command).map(|op| us | op).into_iter().collect(),
        Step::Wait(time) => {
            let ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1);
            vec![WAIT + (ms.ilog2() as u8).min(21)]
        }
        Step::Stall(on) => vec![them | if *on { 37 } else { 38 }],
        Step::Eof => vec![them | encode_end(End::Eof)],
        Step::Reset => vec![them | encode_end(End::Reset)],
        Step::Expect(_) | Step::Event(_) | Step::Closed(_) => vec![],
    }
}

const fn encode_end(end: End) -> u8 {
    match end {
        End::Reset => 39,
        End::Eof => 41,
    }
}

/// The nearest there is. Requests are such that are answered later, since the script says when.
fn encode_message(message: &Plain) -> Option<u8> {
    let value = |wanted: OptionNumber| message.options.iter().find(|(number, _)| *number == wanted.0);
    let observe = value(OptionNumber::OBSERVE).map(|(_, value)| value.as_slice());
    Some(match (message.code >> 5, Code(message.code), observe) {
        (_, Code::EMPTY, _) => 28,
        (0, _, Some([])) => 2,
        (0, _, Some(_)) => 21,
        (0, ..) if value(OptionNumber::BLOCK1).is_some() => 11,
        (0, ..) if value(OptionNumber::BLOCK2).is_some() => 10,
        (0, ..) if message.payload.is_empty() => 1,
        (0, ..) => 7,
        (2 | 4 | 5, ..) => 15,
        (_, Code::CSM, _) => 35,
        (_, Code::PING, _) => 25 + u8::from(!message.options.is_empty()),
        (_, Code::RELEASE, _) => 29,
        (_, Code::ABORT, _) => 30,
        _ => return None,
    })
}

fn encode_command(command: &Command) -> Option<u8> {
    Some(match command {
        Command::Request { message, blocks: Some(_), .. } if message.payload.is_empty() => 10,
        Command::Request { blocks: Some(_), .. } => 13,
        Command::Request { message, .. } => return encode_message(message),
        Command::Cancel(_) => 21,
        Command::Forget(_) => 23,
        Command::On(..) | Command::Lwm2m(_) => return None,
        Command::Answer(..) => 15,
        Command::Notify(_, message) if message.code >> 5 == 2 => 18,
        Command::Notify(..) => 20,
        Command::Ping { custody } => 25 + u8::from(*custody),
        Command::KeepAlive => 28,
        Command::Release { .. } => 29,
        Command::Abort(_) => 30,
        Command::Close => 31,
        Command::Consent(consent) => 32 + u8::from(*consent),
    })
}
