//! One end alone: its peer and what lies between are played by hand, and every moment is exact.

use std::time::Duration;

use coap_tcp_core::{Closed, Config, Event, Expired, Instant, KeepAliveSearch, Peer, Slot, Ticket};

use crate::cut::Cut;
use crate::endpoint::{App, Endpoint, Growing};
use crate::script::{Role, Setup};

/// The end, and its clock.
#[derive(Debug)]
pub struct Lone {
    us: Endpoint<Growing>,
    app: Still,
    now: Instant,
    /// Bytes that the transport still takes.
    window: usize,
    taken: usize,
    gone: Option<Instant>,
}

/// An application that answers nothing, and notes what time does.
#[derive(Debug, Default)]
pub struct Still {
    owed: Vec<Ticket>,
    expired: Vec<(Instant, Expired<u32>)>,
    pongs: u32,
    ended: Option<(Instant, Closed)>,
    /// What the connection is to go on with.
    resume: Option<KeepAliveSearch>,
    search: KeepAliveSearch,
}

impl Still {
    /// Begins with what an earlier connection has learned.
    pub fn resuming(search: KeepAliveSearch) -> Self {
        Self { resume: Some(search), ..Self::default() }
    }

    /// What has passed, and when.
    pub fn expired(&self) -> &[(Instant, Expired<u32>)] {
        &self.expired
    }

    /// Pongs to Pings of ours.
    pub const fn pongs(&self) -> u32 {
        self.pongs
    }

    /// When it was over, and why.
    pub const fn ended(&self) -> Option<(Instant, Closed)> {
        self.ended
    }

    /// What the keep-alive has learned.
    pub const fn search(&self) -> KeepAliveSearch {
        self.search
    }
}

impl App<Growing> for Still {
    fn event(&mut self, _: Instant, event: Event<'_, u32>, peer: &mut Peer<'_, '_, Vec<Slot<u32>>, Vec<u8>>) {
        match event {
            Event::Request(incoming) => self.owed.extend(peer.conn.defer(&incoming)),
            Event::Pong { .. } => self.pongs += 1,
            _ => {}
        }
    }

    fn expired(
        &mut self,
        now: Instant,
        expired: Expired<u32>,
        _: &mut Peer<'_, '_, Vec<Slot<u32>>, Vec<u8>>,
    ) {
        self.expired.push((now, expired));
    }

    fn turn(&mut self, now: Instant, peer: &mut Peer<'_, '_, Vec<Slot<u32>>, Vec<u8>>) {
        if let Some(search) = self.resume.take() {
            peer.conn.resume_keep_alive(search);
        }
        self.search = peer.conn.keep_alive_search();
        if let (Some(why), None) = (peer.conn.closed(), self.ended) {
            self.ended = Some((now, why));
        }
    }
}

impl Lone {
    /// With nothing in between that holds anything back. Its CSM is gone.
    pub fn new(role: Role, config: Config) -> Self {
        let setup = Setup {
            role,
            config: Box::leak(Box::new(config)),
            max_message_size: 1152,
            window: None,
            cut: Cut::Whole,
        };
        let now = Instant::ZERO;
        let us = Endpoint::new(&setup, now);
        let mut lone = Self { us, app: Still::default(), now, window: usize::MAX, taken: 0, gone: None };
        lone.turn();
        lone
    }

    /// The same after the peer's CSM.
    pub fn open(role: Role, config: Config) -> Self {
        let mut lone = Self::new(role, config);
        lone.hear(&[0x00, 0xe1]);
        lone
    }

    /// The time since its beginning.
    pub fn now(&self) -> Duration {
        self.now.duration_since(Instant::ZERO)
    }

    /// What sits on it.
    pub const fn app(&self) -> &Still {
        &self.app
    }

    /// Bytes that the transport has taken.
    pub const fn taken(&self) -> usize {
        self.taken
    }

    /// When it was over, since its beginning, and why.
    pub fn ended(&self) -> Option<(Duration, Closed)> {
        self.app.ended.map(|(at, why)| (at.duration_since(Instant::ZERO), why))
    }

    /// When it dropped the transport.
    pub fn gone(&self) -> Option<Duration> {
        self.gone.map(|at| at.duration_since(Instant::ZERO))
    }

    /// So many bytes more can leave.
    pub fn window(&mut self, bytes: usize) {
        self.window = bytes;
        self.turn();
    }

    /// Bytes come from the peer.
    pub fn hear(&mut self, bytes: &[u8]) {
        self.us.push(bytes);
        self.turn();
    }

    /// Does something to the connection now.
    pub fn act(&mut self, act: impl FnOnce(Instant, &mut Peer<'_, 'static, Vec<Slot<u32>>, Vec<u8>>)) {
        act(self.now, &mut self.us.peer());
        self.turn();
    }

    /// Time passes, and each deadline is kept to the microsecond.
    pub fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.us.poll_timeout().filter(|&due| due <= end) {
            self.now = self.now.max(due);
            self.turn();
        }
        self.now = end;
    }

    fn turn(&mut self) {
        let (window, taken) = (&mut self.window, &mut self.taken);
        self.us.turn(self.now, &mut self.app, |bytes| {
            let n = bytes.len().min(*window);
            *window -= n;
            *taken += n;
            n
        });
        if self.us.is_gone() && self.gone.is_none() {
            self.gone = Some(self.now);
        }
    }
}
