//! One connection over one socket: flush, read, decide, flush.

use core::task::Poll;

use coap_tcp_core::{
    Buf, Closed, Config, ConfigError, Event, Expired, Flow, Instant, KeepAliveSearch, Peer, Session,
    Shutdown, Slots, Tally,
};
use smoltcp::socket::tcp::{RecvError, Socket};

use crate::layer::Layer;

/// Which side opened the transport.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// This one: `Socket::connect` was called.
    Initiator,
    /// The other one: `Socket::listen` was.
    Acceptor,
}

/// Drives one connection from the opening of its socket to the end of it. Made anew for each connection, while the
/// socket may be used again.
///
/// `B` is where an unfinished frame is gathered, `S` are the slots for exchanges under way, `T` is where words wait
/// for room in the socket. All three can be lent memory.
#[derive(Debug)]
pub struct Driver<'c, B, S, T> {
    role: Role,
    config: &'c Config,
    phase: Phase<'c, B, S>,
    tx: T,
    /// Bytes at the front of `tx` that have been counted.
    counted: usize,
    /// The peer has ended its stream, and the session knows.
    eof: bool,
    /// How long the socket may wait for an acknowledgement.
    patience: Option<smoltcp::time::Duration>,
    /// What was known of the path before the session, and what is after it.
    search: KeepAliveSearch,
    split: Split,
}

/// Where the split hack stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Split {
    Off,
    /// What is said next leaves in halves.
    Next,
    /// The first half goes with this poll; the other waits for the next.
    Half,
    /// The other half goes.
    Rest,
}

#[derive(Debug)]
enum Phase<'c, B, S> {
    /// The socket is not open yet.
    Opening {
        spill: B,
        slots: S,
    },
    Up(Session<'c, B, S>),
    /// The connection is over; the socket may still be busy with its last segments.
    Over(Result<Closed, ConfigError>),
}

impl<'c, B: Buf, S: Slots, T: Buf> Driver<'c, B, S, T> {
    /// For a socket that has been told to connect, or to listen. `tx` is empty, or is emptied.
    pub fn new(role: Role, config: &'c Config, spill: B, slots: S, mut tx: T) -> Self {
        tx.release();
        Self {
            role,
            config,
            phase: Phase::Opening { spill, slots },
            tx,
            counted: 0,
            eof: false,
            patience: None,
            split: Split::Off,
            search: KeepAliveSearch::new(),
        }
    }

    /// Goes on with what an adaptive keep-alive has learned in earlier connections.
    #[must_use]
    pub const fn resume_keep_alive(mut self, search: KeepAliveSearch) -> Self {
        self.search = search;
        self
    }

    /// What it has learned, after the end of the connection too: for the next one, and for flash over a reboot.
    pub const fn keep_alive_search(&self) -> KeepAliveSearch {
        match &self.phase {
            Phase::Up(session) => session.conn().keep_alive_search(),
            Phase::Opening { .. } | Phase::Over(_) => self.search,
        }
    }

    /// Sends what is said while nothing is unacknowledged as two smaller segments, so that a peer which delays its
    /// acknowledgements until the second segment does not delay this one (K-3.2.3-1). For a window of one segment
    /// and messages that nobody answers; off, since it costs a header each time, and a peer need acknowledge only
    /// every second segment of full size.
    #[must_use]
    pub const fn split_hack(mut self, on: bool) -> Self {
        self.split = if on { Split::Next } else { Split::Off };
        self
    }

    /// The connection and where it writes, for commands between polls. `None` while the socket is not open yet, and
    /// after the end.
    pub const fn peer(&mut self) -> Option<Peer<'_, 'c, S, T>> {
        match &mut self.phase {
            Phase::Up(session) => Some(session.peer(&mut self.tx)),
            Phase::Opening { .. } | Phase::Over(_) => None,
        }
    }

    /// The connection's next deadline. Besides that, poll after each packet that may be for the socket.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match &self.phase {
            // At once: the stack has sent the first half.
            Phase::Up(_) if self.split == Split::Half => Some(Instant::ZERO),
            Phase::Up(session) => session.poll_timeout().map(|(at, _)| at),
            Phase::Opening { .. } | Phase::Over(_) => None,
        }
    }

    /// Asks for an orderly end: what is owed is still answered, the peer closes. A transport that is not open yet is
    /// given up.
    pub fn release(&mut self, now: Instant) {
        match self.peer() {
            Some(peer) => {
                if peer.conn.release(now, None, &[], peer.tx).is_err() {
                    peer.conn.close();
                }
            }
            None => self.close(),
        }
    }

    /// Ends without words, as soon as what was said has left.
    pub fn close(&mut self) {
        match &mut self.phase {
            Phase::Up(session) => session.peer(&mut self.tx).conn.close(),
            Phase::Opening { .. } => self.phase = Phase::Over(Ok(Closed::Local)),
            Phase::Over(_) => {}
        }
    }

    /// One turn: does all that can be done without new packets. Ready once the connection is over and the socket free
    /// for another; an error says that none can be made from this configuration and this memory.
    pub fn poll(
        &mut self,
        now: Instant,
        socket: &mut Socket<'_>,
        layer: &mut impl Layer<S, T>,
    ) -> Poll<Result<Closed, ConfigError>> {
        self.poll_counting(now, socket, layer, &mut ())
    }

    /// [`Driver::poll`] that counts what happens: into a [`Stats`](coap_tcp_core::Stats), which may be that of all
    /// connections.
    pub fn poll_counting(
        &mut self,
        now: Instant,
        socket: &mut Socket<'_>,
        layer: &mut impl Layer<S, T>,
        tally: &mut impl Tally,
    ) -> Poll<Result<Closed, ConfigError>> {
        self.open(now, socket, layer);
        if self.split == Split::Half {
            self.split = Split::Rest;
        }
        while let Phase::Up(session) = &mut self.phase {
            let (tx, counted, eof) = (&mut self.tx, &mut self.counted, &mut self.eof);
            let split = &mut self.split;
            let mut turn = Turn { now, session, tx, counted, eof, split, socket, layer, tally };
            let moved = turn.step();
            if turn.session.shutdown() == Shutdown::Now {
                let why = turn.closed();
                self.search = session.conn().keep_alive_search();
                self.phase = Phase::Over(Ok(why));
            } else if !moved {
                break;
            }
        }
        if self.split == Split::Rest {
            self.split = Split::Next;
        }
        let free = matches!(self.phase, Phase::Over(_)) && self.finish(socket);
        self.limit_waiting(socket);
        match &self.phase {
            Phase::Over(why) if free => Poll::Ready(*why),
            _ => Poll::Pending,
        }
    }

    /// smoltcp counts its timeout from the peer's last packet, also while nothing is to be acknowledged, and would
    /// reset a connection for being idle. So it holds only while something is: bytes, or in the end our FIN (F-20).
    /// With TCP's keep-alive it is meant as smoltcp has it.
    fn limit_waiting(&self, socket: &mut Socket<'_>) {
        if let Phase::Up(_) = self.phase
            && socket.keep_alive().is_none()
        {
            socket.set_timeout(self.patience.filter(|_| socket.send_queue() > 0));
        } else if let Phase::Over(_) = self.phase {
            socket.set_timeout(self.patience);
        }
    }

    /// Makes the session once the socket is open. Until then the deadline is the socket's own.
    fn open(&mut self, now: Instant, socket: &Socket<'_>, layer: &mut impl Layer<S, T>) {
        if let Phase::Opening { .. } = self.phase
            && (socket.may_send() || !socket.is_open())
        {
            let opening = core::mem::replace(&mut self.phase, Phase::Over(Ok(Closed::Transport)));
            let Phase::Opening { spill, slots } = opening else { return };
            if !socket.may_send() {
                layer.handle_closed(now, Closed::Transport, &mut core::iter::empty());
                return;
            }
            self.patience = socket.timeout();
            let tx = &mut self.tx;
            let session = match self.role {
                Role::Initiator => Session::initiate(self.config, spill, slots, now, tx),
                Role::Acceptor => Session::accept(self.config, spill, slots, now, tx),
            };
            self.phase = match session {
                Ok(mut session) => {
                    let mut peer = session.peer(tx);
                    peer.conn.resume_keep_alive(self.search);
                    layer.handle_connected(now, &mut peer);
                    Phase::Up(session)
                }
                Err(error) => Phase::Over(Err(error)),
            };
        }
    }

    /// `true` once the socket is free. Where the peer has ended its stream our own end is still under way, and its
    /// acknowledgement awaited; else nothing orderly can come any more (F-24).
    fn finish(&self, socket: &mut Socket<'_>) -> bool {
        if !self.eof {
            socket.abort();
        } else {
            socket.close();
        }
        !socket.is_open()
    }
}

/// What one turn works on.
struct Turn<'t, 'c, 's, B, S, T, L, C> {
    now: Instant,
    session: &'t mut Session<'c, B, S>,
    tx: &'t mut T,
    counted: &'t mut usize,
    eof: &'t mut bool,
    split: &'t mut Split,
    socket: &'t mut Socket<'s>,
    layer: &'t mut L,
    tally: &'t mut C,
}

impl<B: Buf, S: Slots, T: Buf, L: Layer<S, T>, C: Tally> Turn<'_, '_, '_, B, S, T, L, C> {
    /// `true` when it is worth another: something came, or room was made for what waits.
    fn step(&mut self) -> bool {
        let read = self.read();
        let waits = self.layer.handle_turn(self.now, &mut self.session.peer(self.tx));
        self.expire();
        let sent = self.flush();
        let flushed = self.tx.as_slice().is_empty();
        // After the flush there may be room for a keep-alive that waited for it, or a held Pong.
        self.expire();
        let says_more = (sent || flushed) && !self.tx.as_slice().is_empty();
        read || says_more || (sent && (waits || self.session.is_blocked()))
    }

    /// Takes what the ring has up to its end. What stands behind its wrap comes with the next step, and what cannot
    /// be served now stays in it: that is the flow control towards the peer (F-32).
    fn read(&mut self) -> bool {
        let Self { now, session, tx, layer, eof, socket, tally, .. } = self;
        let read = socket.recv(|input| {
            let given = input.len();
            if given == 0 && !session.is_blocked() {
                return (0, 0);
            }
            // An error has been noted by the session: it ends as `shutdown` says.
            let each = |event: Event<'_, S::Tag>, peer: &mut Peer<'_, '_, S, T>| {
                layer.handle_event(*now, event, peer);
            };
            let flow = session.receive_counting(*now, input, *tx, *tally, each);
            let taken = match flow {
                Ok(Flow::Blocked(taken)) => taken,
                Ok(Flow::Drained) | Err(_) => given,
            };
            (taken, taken)
        });
        match read {
            Ok(taken) => taken > 0,
            Err(RecvError::Finished) if !**eof => {
                // A frame that waited for room may wait in the session, with the ring empty behind it.
                **eof = true;
                session.handle_eof(*now);
                true
            }
            Err(RecvError::Finished) => self.serve_held_back(),
            Err(RecvError::InvalidState) => {
                session.handle_lost();
                false
            }
        }
    }

    /// With the stream at its end there is nothing to read, but a frame may still wait for room.
    fn serve_held_back(&mut self) -> bool {
        let Self { now, session, tx, layer, tally, .. } = self;
        if session.is_blocked() {
            // As above.
            let each = |event: Event<'_, S::Tag>, peer: &mut Peer<'_, '_, S, T>| {
                layer.handle_event(*now, event, peer);
            };
            let _ = session.receive_counting(*now, &[], *tx, *tally, each);
        }
        false
    }

    fn expire(&mut self) {
        while let Some(expired) = self.session.handle_timeout(self.now, self.tx) {
            if let Expired::Closed(_) = expired {
                return;
            }
            self.tally.expired(&expired);
            self.layer.handle_expired(self.now, expired, &mut self.session.peer(self.tx));
        }
    }

    /// Moves what is to be said into the socket. `true` when something went.
    fn flush(&mut self) -> bool {
        self.tally.said(self.tx.as_slice().get(*self.counted..).unwrap_or_default());
        let (keep, mut sent) = (self.hold_back(), 0);
        // Twice where the ring wraps.
        while let Some(said) = self.tx.as_slice().get(..self.tx.as_slice().len().saturating_sub(keep))
            && !said.is_empty()
        {
            match self.socket.send_slice(said) {
                Ok(0) => break,
                Ok(n) => {
                    self.tx.consume(n);
                    sent += n;
                }
                Err(_) => {
                    self.session.handle_lost();
                    break;
                }
            }
        }
        let after_flush = self.session.shutdown() == Shutdown::AfterFlush;
        let left = self.tx.as_slice().len();
        self.session.sent(self.now, sent, left);
        *self.counted = left;
        if after_flush && left == 0 {
            self.socket.close();
        }
        sent > 0
    }

    /// How much is to stay for the next poll.
    fn hold_back(&mut self) -> usize {
        let waiting = self.tx.as_slice().len();
        match *self.split {
            Split::Half => waiting,
            Split::Next if waiting > 1 && self.socket.send_queue() == 0 => {
                *self.split = Split::Half;
                waiting / 2
            }
            Split::Off | Split::Next | Split::Rest => 0,
        }
    }

    fn closed(&mut self) -> Closed {
        let peer = self.session.peer(self.tx);
        let why = peer.conn.closed().unwrap_or(Closed::Local);
        let mut pending = core::iter::from_fn(|| peer.conn.take_pending().map(|(_, tag)| tag));
        self.tally.closed(why);
        self.layer.handle_closed(self.now, why, &mut pending);
        why
    }
}
