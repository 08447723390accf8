//! One connection on one byte stream: read, decide, write, say when to go on.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

use coap_tcp_core::{
    Buf, Closed, Config, ConfigError, Count, Event, Expired, Flow, Instant, SendError, Session, Shutdown,
    State, Tally,
};

use crate::counters::Counters;
use crate::layer::{Layer, Lent, Slots};
use crate::path::KnownPath;
use crate::pool::{Pooled, with_read_buffer};

/// Which side opened the transport.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// This one.
    Initiator,
    /// The other one.
    Acceptor,
}

/// A byte stream that does not block. `Pending`: the waker of `cx` is woken when it is worth asking again.
pub trait Transport {
    /// Reads what there is; 0 is the end of the stream.
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>>;

    /// Takes what it can.
    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>>;

    /// Passes on what it has held back (TLS).
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Ends our direction of the stream.
    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
}

/// Whether connections can be made with a configuration.
///
/// # Errors
/// What every one of them would end with at once.
pub fn check(config: &Config) -> Result<(), ConfigError> {
    let (spill, mut tx) = (Vec::new(), Vec::new());
    let slots: Slots<()> = Vec::new();
    Session::initiate(config, spill, slots, Instant::ZERO, &mut tx).map(drop)
}

/// What came of a turn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use = "it says what to wait for"]
pub enum Turn {
    /// There is more to do at once. Others first, after a few such turns.
    Again,
    /// Nothing before the transport or the layer wakes, or this moment comes.
    Rest(Option<Instant>),
    /// It is over: drop the transport.
    Closed(Closed),
}

/// A connection with its buffers and its [`Layer`]: all of a binding but the stream, the clock and the sleep.
#[derive(Debug)]
pub struct Driver<'c, L: Layer> {
    session: Session<'c, Pooled, Slots<L::Tag>>,
    tx: Pooled,
    layer: L,
    /// When it was last called.
    now: Instant,
    /// Written to the stream, which may hold it back.
    unflushed: bool,
    input_ended: bool,
    output_ended: bool,
    /// The layer knows that it is over.
    told: bool,
    counters: Option<Arc<Counters>>,
    path: Option<Arc<KnownPath>>,
    /// Bytes at the front of `tx` that have been counted.
    counted: usize,
}

impl<'c, L: Layer> Driver<'c, L> {
    /// Says its first words in the first [`Driver::turn`].
    pub fn new(role: Role, config: &'c Config, mut layer: L, now: Instant) -> Result<Self, ConfigError> {
        let mut tx = Pooled::default();
        let (spill, slots) = (Pooled::default(), Vec::new());
        let mut session = match role {
            Role::Initiator => Session::initiate(config, spill, slots, now, &mut tx)?,
            Role::Acceptor => Session::accept(config, spill, slots, now, &mut tx)?,
        };
        layer.handle_connected(now, &mut session.peer(&mut tx));
        Ok(Self {
            session,
            tx,
            layer,
            now,
            unflushed: false,
            input_ended: false,
            output_ended: false,
            told: false,
            counters: None,
            path: None,
            counted: 0,
        })
    }

    /// Counts what happens on the connection, together with others.
    #[must_use]
    pub fn counting(mut self, counters: Arc<Counters>) -> Self {
        self.counters = Some(counters);
        self
    }

    /// Begins with what earlier connections have learned of the path, and adds to it.
    #[must_use]
    pub fn over(mut self, path: impl Into<Option<Arc<KnownPath>>>) -> Self {
        self.path = path.into();
        if let Some(path) = &self.path {
            self.session.peer(&mut self.tx).conn.resume_keep_alive(path.search());
        }
        self
    }

    /// One read, what follows from it, one flush. To be called when woken, when the moment of
    /// [`Turn::Rest`] has come, and after [`Driver::release`].
    pub fn turn(&mut self, cx: &mut Context<'_>, now: Instant, io: &mut impl Transport) -> Turn {
        self.now = now;
        let known = self.session.conn().keep_alive_search();
        let read = self.read(cx, now, io);
        let waits = self.serve_layer(cx, now);
        self.expire(now);
        if self.flush(cx, now, io).is_err() {
            self.session.handle_lost();
        }
        // After the flush there may be room for a keep-alive that waited for it, or a held Pong.
        let flushed = self.tx.as_slice().is_empty();
        self.expire(now);
        let learned = self.session.conn().keep_alive_search();
        if let Some(path) = self.path.as_ref().filter(|_| learned != known) {
            path.learn(learned);
        }
        let (shutdown, has_room) = (self.session.shutdown(), self.tx.as_slice().is_empty());
        let spoke = flushed && !has_room;
        let over = self.session.conn().closed().filter(|_| shutdown == Shutdown::Now || has_room);
        if let Some(why) = over {
            self.tell_end(why);
        }
        if shutdown == Shutdown::Now {
            return Turn::Closed(over.unwrap_or(Closed::Local));
        }
        if read || spoke || (waits || self.session.is_blocked()) && has_room {
            return Turn::Again;
        }
        let due = self.poll_timeout();
        if due.is_some_and(|due| due <= now) { Turn::Again } else { Turn::Rest(due) }
    }

    /// What other tasks have asked for. `true`: something waits for room.
    fn serve_layer(&mut self, cx: &mut Context<'_>, now: Instant) -> bool {
        if self.told {
            return false;
        }
        let empty = self.tx.as_slice().is_empty();
        let waits = self.layer.handle_turn(cx, now, &mut self.session.peer(&mut self.tx));
        if waits && empty && self.tx.as_slice().is_empty() {
            // No flush makes room where there is no memory.
            self.session.handle_out_of_memory(&mut self.tx);
        }
        waits
    }

    /// Ends the connection orderly: what is owed is still answered, the peer closes.
    pub fn release(&mut self, now: Instant) {
        let peer = self.session.peer(&mut self.tx);
        match peer.conn.release(now, None, &[], peer.tx) {
            // It is on its way already, and what is owed is still to be answered.
            Ok(()) | Err(SendError::Releasing) => {}
            Err(_) => peer.conn.close(),
        }
    }

    /// Whether the peer still has to send its CSM: it has shown no sign of speaking CoAP (F-34).
    pub fn is_starting(&mut self) -> bool {
        let state = self.session.peer(&mut self.tx).conn.state();
        matches!(state, State::Waiting | State::Starting)
    }

    /// What runs on top.
    pub const fn layer(&mut self) -> &mut L {
        &mut self.layer
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let session = self.session.poll_timeout().map(|(at, _)| at);
        let layer = self.layer.poll_timeout().filter(|_| !self.told);
        [session, layer].into_iter().flatten().min()
    }

    /// One read at most. `true` when something came.
    fn read(&mut self, cx: &mut Context<'_>, now: Instant, io: &mut impl Transport) -> bool {
        if self.session.is_blocked() {
            self.receive(now, &[]);
            return false;
        }
        if self.input_ended {
            return false;
        }
        with_read_buffer(|buffer| {
            match io.poll_read(cx, buffer) {
                Poll::Pending => return false,
                Poll::Ready(Ok(n @ 1..)) => self.receive(now, buffer.get(..n).unwrap_or_default()),
                Poll::Ready(Ok(0)) => {
                    self.input_ended = true;
                    self.session.handle_eof(now);
                }
                Poll::Ready(Err(_)) => {
                    self.session.handle_lost();
                }
            }
            true
        })
    }

    fn receive(&mut self, now: Instant, input: &[u8]) {
        let Self { session, layer, tx, told, counters, .. } = self;
        let each = |event: Event<'_, L::Tag>, peer: &mut Lent<'_, '_, L::Tag>| {
            if !*told {
                layer.handle_event(now, event, peer);
            }
        };
        let flow = session.receive_counting(now, input, tx, &mut counters.as_deref(), each);
        // An error has been noted by the session: it ends as `shutdown` says.
        if let Ok(Flow::Blocked(taken)) = flow {
            let _ = session.stash(input.get(taken..).unwrap_or_default(), tx);
        }
    }

    fn expire(&mut self, now: Instant) {
        while let Some(expired) = self.session.handle_timeout(now, &mut self.tx) {
            if let Expired::Closed(_) = expired {
                return;
            }
            self.counters.as_deref().expired(&expired);
            self.layer.handle_expired(now, expired, &mut self.session.peer(&mut self.tx));
        }
    }

    fn flush(&mut self, cx: &mut Context<'_>, now: Instant, io: &mut impl Transport) -> io::Result<()> {
        self.count();
        let mut sent = 0;
        while !self.tx.as_slice().is_empty() {
            match io.poll_write(cx, self.tx.as_slice())? {
                Poll::Pending => break,
                Poll::Ready(0) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(n) => {
                    sent += n;
                    self.tx.consume(n);
                    self.unflushed = true;
                }
            }
        }
        if self.unflushed {
            self.unflushed = io.poll_flush(cx)?.is_pending();
        }
        self.counted = self.tx.as_slice().len();
        let all_left = self.counted == 0;
        let ends = self.session.shutdown() == Shutdown::AfterFlush;
        self.session.sent(now, sent, self.tx.as_slice().len());
        if ends && all_left && !self.unflushed && !self.output_ended {
            self.output_ended = io.poll_close(cx)?.is_ready();
        }
        Ok(())
    }

    /// Counts what has been said since the last flush, and what has been left unsaid.
    fn count(&mut self) {
        if let Some(mut counters) = self.counters.as_deref() {
            counters.said(self.tx.as_slice().get(self.counted..).unwrap_or_default());
            match self.layer.take_skipped() {
                0 => {}
                skipped => counters.add(Count::SkippedNotifications, skipped),
            }
        }
    }

    /// The last words have left, though the transport may linger.
    fn tell_end(&mut self, why: Closed) {
        if !core::mem::replace(&mut self.told, true) {
            self.counters.as_deref().closed(why);
            let peer = self.session.peer(&mut self.tx);
            let mut pending = core::iter::from_fn(|| peer.conn.take_pending().map(|(_, tag)| tag));
            self.layer.handle_closed(self.now, why, &mut pending);
        }
    }
}

/// Dropped before its end, it closes without words: whoever waits for an answer is told so.
impl<L: Layer> Drop for Driver<'_, L> {
    fn drop(&mut self) {
        self.session.peer(&mut self.tx).conn.close();
        self.tell_end(self.session.conn().closed().unwrap_or(Closed::Local));
    }
}
