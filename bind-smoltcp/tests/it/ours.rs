//! Our end of a connection, with an application that asks and answers.

use std::task::Poll;

use bind_smoltcp::{Driver, Layer, Role};
use coap_tcp_core::{
    Buf, Closed, Code, Config, ConfigError, Event, Fixed, Instant, OptionNumber, Peer, SendError, Slot,
    Stats, Tagged,
};
use smoltcp::socket::tcp::{Socket, State};

use crate::world::Actor;

pub(crate) type Spill = Fixed<1152>;
pub(crate) type Slots = [Slot<u32>; 4];
pub(crate) type Tx = Fixed<1400>;
pub(crate) type Ended = Option<Result<Closed, ConfigError>>;

pub(crate) static CONFIG: Config = Config::new().reply_room(200).max_outstanding(4);

/// Asks with payloads of these sizes, one after the other or as many at once as there are slots; answers with a
/// payload of `reply` bytes.
#[derive(Default)]
pub(crate) struct App {
    pub(crate) ask: Vec<usize>,
    pub(crate) reply: usize,
    pub(crate) asked: u32,
    pub(crate) answers: Vec<(u32, usize)>,
    pub(crate) served: Vec<usize>,
    pub(crate) lost: Vec<u32>,
    pub(crate) closed: Option<Closed>,
}

impl App {
    pub(crate) fn asking(ask: &[usize]) -> Self {
        Self { ask: ask.to_vec(), ..Self::default() }
    }

    pub(crate) fn replying(reply: usize) -> Self {
        Self { reply, ..Self::default() }
    }

    /// Every answer has come, in order, and each was one to its own request.
    pub(crate) fn is_done(&self) -> bool {
        self.ask.is_empty() && self.answers.len() == self.asked as usize
    }

    fn go_on(&mut self, now: Instant, peer: &mut Peer<'_, '_, Slots, Tx>) -> bool {
        while let Some(&size) = self.ask.first() {
            let sent = (|| {
                let mut request = peer.request(now, Code::POST)?;
                request.option(OptionNumber::URI_PATH, b"t")?;
                request.payload(&vec![7; size])?;
                request.finish(self.asked)
            })();
            match sent {
                Ok(_) => (self.asked, _) = (self.asked + 1, self.ask.remove(0)),
                Err(SendError::Full) => return true,
                Err(SendError::TooMany | SendError::NotReady) => return false,
                Err(error) => panic!("{error}"),
            }
        }
        false
    }
}

impl Layer<Slots, Tx> for App {
    fn handle_connected(&mut self, now: Instant, peer: &mut Peer<'_, '_, Slots, Tx>) {
        self.go_on(now, peer);
    }

    fn handle_event(&mut self, _: Instant, event: Event<'_, u32>, peer: &mut Peer<'_, '_, Slots, Tx>) {
        match event {
            Event::Request(request) => {
                self.served.push(request.message().payload.len());
                let mut answer = peer.respond(&request, Code::CONTENT).unwrap();
                answer.payload(&vec![8; self.reply]).unwrap();
                answer.finish().unwrap();
            }
            Event::Response { tag: Tagged::Last(tag), message, .. } => {
                assert_eq!(message.code, Code::CONTENT);
                self.answers.push((tag, message.payload.len()));
            }
            _ => {}
        }
    }

    fn handle_turn(&mut self, now: Instant, peer: &mut Peer<'_, '_, Slots, Tx>) -> bool {
        self.go_on(now, peer)
    }

    fn handle_closed(&mut self, _: Instant, why: Closed, pending: &mut dyn Iterator<Item = u32>) {
        assert!(self.closed.replace(why).is_none());
        self.lost.extend(pending);
    }
}

pub(crate) struct Ours {
    pub(crate) driver: Driver<'static, Spill, Slots, Tx>,
    pub(crate) app: App,
    pub(crate) ended: Ended,
    pub(crate) stats: Stats,
}

impl Ours {
    pub(crate) fn new(role: Role, app: App) -> Self {
        Self { driver: driver(role, &CONFIG), app, ended: None, stats: Stats::new() }
    }
}

pub(crate) fn driver(role: Role, config: &'static Config) -> Driver<'static, Spill, Slots, Tx> {
    Driver::new(role, config, Fixed::new(), [Slot::FREE; 4], Fixed::new())
}

impl Actor for Ours {
    fn act(&mut self, now: Instant, socket: &mut Socket<'static>) {
        if self.ended.is_none()
            && let Poll::Ready(why) = self.driver.poll_counting(now, socket, &mut self.app, &mut self.stats)
        {
            self.ended = Some(why);
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.driver.poll_timeout().filter(|_| self.ended.is_none())
    }
}

/// The bytes of an end that is not ours.
#[derive(Default)]
pub(crate) struct Raw {
    pub(crate) say: Vec<u8>,
    pub(crate) heard: Vec<u8>,
    /// Reads nothing.
    pub(crate) deaf: bool,
    /// Ends its stream once all is said.
    pub(crate) end: bool,
    pub(crate) ended: bool,
}

impl Actor for Raw {
    fn act(&mut self, _: Instant, socket: &mut Socket<'static>) {
        // smoltcp's would end an idle connection.
        socket.set_timeout(None);
        while !self.deaf && socket.can_recv() {
            let heard = &mut self.heard;
            socket.recv(|bytes| (bytes.len(), heard.extend_from_slice(bytes))).unwrap();
        }
        self.ended |=
            !self.deaf && matches!(socket.state(), State::CloseWait | State::LastAck | State::TimeWait);
        if socket.may_send() {
            let n = socket.send_slice(self.say.as_slice()).unwrap();
            self.say.consume(n);
            if self.end && self.say.is_empty() {
                socket.close();
            }
        }
    }
}
