//! The core alone under a script: no socket, no runtime, a transport made of two vectors.

use std::time::Duration;

use coap_tcp_core::{Buf, Fixed, Flow, Instant, Session, Shutdown, Slot, Slots};

use crate::core_app::CoreApp;
use crate::rig::{End, Rig, Seen};
use crate::script::{Command, Role, Setup};

/// What memory a connection is given.
pub trait Memory {
    /// Where an unfinished frame is gathered.
    type Spill: Buf;
    /// Where exchanges are kept.
    type Slots: Slots<Tag = u32>;
    /// What must go out.
    type Tx: Buf;
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

/// The rig.
#[derive(Debug)]
pub struct CoreRig<M: Memory> {
    now: Instant,
    session: Session<'static, M::Spill, M::Slots>,
    tx: M::Tx,
    app: CoreApp,
    /// From the peer, not taken yet.
    inbox: Vec<u8>,
    /// To the peer, not read yet.
    wire: Vec<u8>,
    window: usize,
    /// The peer's stream ends behind the inbox.
    eof: bool,
    /// Our stream has ended.
    fin: bool,
    gone: bool,
}

impl<M: Memory> CoreRig<M> {
    /// The peer sends, and we read it in pieces, but send nothing in between. What we have sent can matter to
    /// what comes after: a peer that has released the connection is listened to until we are done.
    pub fn peer_write_in_pieces(&mut self, bytes: &[u8], mut size: impl FnMut(usize) -> usize) {
        let mut rest = bytes;
        while !rest.is_empty() && !self.gone {
            let (piece, later) = rest.split_at(size(rest.len()).min(rest.len()));
            self.inbox.extend_from_slice(piece);
            self.read();
            rest = later;
        }
        self.turn();
    }

    /// What an adapter does each time it wakes, until nothing moves.
    fn turn(&mut self) {
        while !self.gone && self.step() {}
        self.app.turned(self.session.peer(&mut self.tx).conn);
        // Law 3: what is due has been done.
        if let Some((at, why)) = self.session.poll_timeout() {
            assert!(self.gone || at > self.now, "{why:?} is due and not done");
        }
    }

    fn step(&mut self) -> bool {
        let mut moved = self.flush();
        moved |= self.read();
        while let Some(expired) = self.session.handle_timeout(self.now, &mut self.tx) {
            self.app.expired(expired);
            moved = true;
        }
        self.app.turned(self.session.peer(&mut self.tx).conn);
        match self.session.shutdown() {
            Shutdown::No => {}
            Shutdown::AfterFlush => self.fin |= self.tx.as_slice().is_empty(),
            Shutdown::Now => (self.fin, self.gone) = (true, true),
        }
        // A held Pong goes out without an event of its own.
        moved || (!self.tx.as_slice().is_empty() && self.wire.len() < self.window)
    }

    fn flush(&mut self) -> bool {
        let n = self.tx.as_slice().len().min(self.window.saturating_sub(self.wire.len()));
        self.wire.extend_from_slice(self.tx.as_slice().get(..n).unwrap_or_default());
        self.tx.consume(n);
        self.session.sent(self.now, n, self.tx.as_slice().len());
        n > 0
    }

    fn read(&mut self) -> bool {
        let before = self.inbox.len();
        if before > 0 || self.session.is_blocked() {
            let app = &mut self.app;
            let receive = self
                .session
                .receive(self.now, &self.inbox, &mut self.tx, |event, peer| app.event(event, peer));
            match receive {
                Ok(Flow::Blocked(n)) => drop(self.inbox.drain(..n)),
                Ok(Flow::Drained) | Err(_) => self.inbox.clear(),
            }
        }
        if self.eof && self.inbox.is_empty() {
            self.eof = false;
            self.session.handle_eof(self.now);
            return true;
        }
        self.inbox.len() < before
    }
}

impl<M: Memory> Rig for CoreRig<M> {
    fn can(setup: &Setup) -> bool {
        setup.max_message_size <= M::MAX_MESSAGE_SIZE
    }

    fn start(setup: &Setup) -> Self {
        let (spill, slots, mut tx) = M::new();
        let now = Instant::from_millis(1000);
        let session = match setup.role {
            Role::Client => Session::initiate(setup.config, spill, slots, now, &mut tx),
            Role::Server => Session::accept(setup.config, spill, slots, now, &mut tx),
        };
        let session = session.unwrap_or_else(|error| panic!("{error}"));
        let window = setup.window.unwrap_or(usize::MAX);
        let (app, inbox, wire) = (CoreApp::default(), vec![], vec![]);
        let mut rig =
            Self { now, session, tx, app, inbox, wire, window, eof: false, fin: false, gone: false };
        rig.turn();
        rig
    }

    fn peer_write(&mut self, bytes: &[u8]) {
        if !self.gone {
            self.inbox.extend_from_slice(bytes);
            self.turn();
        }
    }

    fn peer_read(&mut self, out: &mut Vec<u8>) -> bool {
        out.append(&mut self.wire);
        self.turn();
        self.fin && self.wire.is_empty()
    }

    fn peer_end(&mut self, end: End) {
        match end {
            End::Eof => self.eof = true,
            End::Reset => {
                self.session.handle_lost();
            }
        }
        self.turn();
    }

    fn app(&mut self, command: &Command) {
        self.app.command(self.now, command, &mut self.session.peer(&mut self.tx));
        self.turn();
    }

    fn events(&mut self, out: &mut Vec<Seen>) {
        out.extend(self.app.take_seen());
    }

    fn advance(&mut self, by: Duration) {
        let end = self.now + by;
        while let Some((at, _)) = self.session.poll_timeout().filter(|&(at, _)| !self.gone && at <= end) {
            self.now = self.now.max(at);
            self.turn();
        }
        self.now = end;
        self.turn();
    }
}
