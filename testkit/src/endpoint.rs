//! A session with its buffers and its application: one turn of an adapter, without the adapter.

use std::fmt::Debug;

use coap_tcp_core::{
    Buf, Closed, Event, Expired, Fixed, Flow, Instant, Peer, Session, Shutdown, Slot, Slots,
};

use crate::script::{Role, Setup};

/// What memory a connection is given.
pub trait Memory {
    /// Where an unfinished frame is gathered.
    type Spill: Buf + Debug;
    /// Where exchanges are kept.
    type Slots: Slots<Tag = u32> + Debug;
    /// What must go out.
    type Tx: Buf + Debug;
    /// The largest message that fits.
    const MAX_MESSAGE_SIZE: u32;

    /// All three, empty.
    fn new() -> (Self::Spill, Self::Slots, Self::Tx);
}

/// As on a server: vectors that grow.
#[derive(Clone, Copy, Debug)]
pub struct Growing;

impl Memory for Growing {
    type Slots = Vec<Slot<u32>>;
    type Spill = Vec<u8>;
    type Tx = Vec<u8>;

    const MAX_MESSAGE_SIZE: u32 = u32::MAX;

    fn new() -> (Vec<u8>, Self::Slots, Vec<u8>) {
        (Vec::new(), Vec::new(), Vec::new())
    }
}

/// As in firmware: arrays.
#[derive(Clone, Copy, Debug)]
pub struct Frugal;

impl Memory for Frugal {
    type Slots = [Slot<u32>; 16];
    type Spill = Fixed<1152>;
    type Tx = Fixed<2400>;

    const MAX_MESSAGE_SIZE: u32 = 1152;

    fn new() -> (Fixed<1152>, Self::Slots, Fixed<2400>) {
        (Fixed::new(), [Slot::FREE; 16], Fixed::new())
    }
}

/// What happens between an endpoint and its transport.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Io<'t> {
    /// The transport has taken so many bytes of what waited.
    Flushed {
        /// All that waited.
        tx: &'t [u8],
        /// Bytes from its front.
        sent: usize,
    },
    /// So many bytes have come.
    Received(usize),
    /// The peer's stream has ended behind them.
    Ended,
    /// The transport has failed.
    Lost,
}

/// What sits on a session.
pub trait App<M: Memory> {
    /// A message has come.
    fn event(&mut self, now: Instant, event: Event<'_, u32>, peer: &mut Peer<'_, '_, M::Slots, M::Tx>);

    /// A deadline has passed.
    fn expired(&mut self, now: Instant, expired: Expired<u32>, peer: &mut Peer<'_, '_, M::Slots, M::Tx>);

    /// Once or more a turn: the place to notice the end, and to say what is to be said unasked.
    fn turn(&mut self, now: Instant, peer: &mut Peer<'_, '_, M::Slots, M::Tx>);

    /// When it wants its next turn.
    fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    /// For who watches: nothing an application needs.
    fn io(&mut self, _: Instant, _: Io<'_>) {}
}

/// One end of a connection.
#[derive(Debug)]
pub struct Endpoint<M: Memory> {
    session: Session<'static, M::Spill, M::Slots>,
    tx: M::Tx,
    /// From the peer, not taken yet.
    inbox: Vec<u8>,
    /// The peer's stream ends behind the inbox.
    eof: bool,
    fin: bool,
    gone: bool,
}

/// More steps without time passing than anything can be good for.
const BUSY_LOOP: usize = 1_000_000;

impl<M: Memory> Endpoint<M> {
    /// Its CSM waits to be sent.
    pub fn new(setup: &Setup, now: Instant) -> Self {
        let (spill, slots, mut tx) = M::new();
        let session = match setup.role {
            Role::Client => Session::initiate(setup.config, spill, slots, now, &mut tx),
            Role::Server => Session::accept(setup.config, spill, slots, now, &mut tx),
        };
        let session = session.unwrap_or_else(|error| panic!("{error}"));
        Self { session, tx, inbox: vec![], eof: false, fin: false, gone: false }
    }

    /// What an adapter does each time it wakes, until nothing moves. `send` takes what the transport takes.
    pub fn turn(
        &mut self,
        now: Instant,
        app: &mut (impl App<M> + ?Sized),
        mut send: impl FnMut(&[u8]) -> usize,
    ) {
        let mut steps = 0;
        while !self.gone && self.step(now, app, &mut send) {
            steps += 1;
            assert!(steps < BUSY_LOOP, "it goes round and round");
        }
        app.turn(now, &mut self.session.peer(&mut self.tx));
        // Law 3: what is due has been done.
        if let Some((at, why)) = self.session.poll_timeout() {
            assert!(self.gone || at > now, "{why:?} is due and not done");
        }
    }

    fn step(
        &mut self,
        now: Instant,
        app: &mut (impl App<M> + ?Sized),
        send: &mut impl FnMut(&[u8]) -> usize,
    ) -> bool {
        let n = send(self.tx.as_slice());
        app.io(now, Io::Flushed { tx: self.tx.as_slice(), sent: n });
        self.tx.consume(n);
        let left = self.tx.as_slice().len();
        self.session.sent(now, n, left);
        let mut moved = n > 0;
        moved |= self.read(now, app);
        while let Some(expired) = self.session.handle_timeout(now, &mut self.tx) {
            app.expired(now, expired, &mut self.session.peer(&mut self.tx));
            moved = true;
        }
        app.turn(now, &mut self.session.peer(&mut self.tx));
        match self.session.shutdown() {
            Shutdown::No => {}
            Shutdown::AfterFlush => self.fin |= self.tx.as_slice().is_empty(),
            Shutdown::Now => (self.fin, self.gone) = (true, true),
        }
        // Not only events bring something to send: a held Pong has none.
        moved || (left == 0 && !self.tx.as_slice().is_empty())
    }

    /// Takes what the inbox has, as far as there is room for answers.
    pub fn read(&mut self, now: Instant, app: &mut (impl App<M> + ?Sized)) -> bool {
        let before = self.inbox.len();
        if before > 0 || self.session.is_blocked() {
            let each = |event: Event<'_, u32>, peer: &mut Peer<'_, '_, M::Slots, M::Tx>| {
                app.event(now, event, peer);
            };
            match self.session.receive(now, &self.inbox, &mut self.tx, each) {
                Ok(Flow::Blocked(n)) => drop(self.inbox.drain(..n)),
                Ok(Flow::Drained) | Err(_) => self.inbox.clear(),
            }
        }
        if self.eof && self.inbox.is_empty() {
            self.eof = false;
            self.session.handle_eof(now);
            return true;
        }
        self.inbox.len() < before
    }

    /// Bytes have come.
    pub fn push(&mut self, bytes: &[u8]) {
        if !self.gone {
            self.inbox.extend_from_slice(bytes);
        }
    }

    /// The peer's stream has ended.
    pub const fn push_eof(&mut self) {
        self.eof = true;
    }

    /// The transport has broken.
    pub fn lose(&mut self) {
        self.session.handle_lost();
    }

    /// Whether it has taken all that has come.
    pub fn wants_input(&self) -> bool {
        self.inbox.is_empty() && !self.session.is_blocked()
    }

    /// Whether bytes wait to be sent.
    pub fn wants_output(&self) -> bool {
        !self.tx.as_slice().is_empty()
    }

    /// Whether our stream has ended.
    pub const fn is_finished(&self) -> bool {
        self.fin
    }

    /// Whether it has dropped the transport.
    pub const fn is_gone(&self) -> bool {
        self.gone
    }

    /// Why it is over.
    pub const fn closed(&self) -> Option<Closed> {
        self.session.conn().closed()
    }

    /// When it wants its next turn.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.session.poll_timeout().filter(|_| !self.gone).map(|(at, _)| at)
    }

    /// For commands.
    pub const fn peer(&mut self) -> Peer<'_, 'static, M::Slots, M::Tx> {
        self.session.peer(&mut self.tx)
    }
}
