//! The one loop: cut, admit, decide, report.

use crate::arith::divide;
use crate::buf::Buf;
use crate::config::{Config, Oversized};
use crate::connection::Connection;
use crate::connection::deadlines::Shutdown;
use crate::connection::health::{Soonest, Why};
use crate::connection::outgoing::{Answer, Request};
use crate::deframe::{Cut, Cutting, Deframer};
use crate::error::{Closed, ConfigError, Full, SendError};
use crate::event::{Event, Expired, Incoming};
use crate::requests::{Observer, Slots, Ticket};
use crate::stats::Tally;
use crate::time::Instant;
use crate::trace;
use crate::wire::Code;

/// A [`Connection`] with its cutter: what an adapter drives.
///
/// `B` is the spill, where an unfinished frame is gathered; `S` are the slots for exchanges under way.
#[derive(Debug)]
pub struct Session<'c, B, S> {
    rx: Deframer<B>,
    conn: Connection<'c, S>,
    /// Since when the frame at the front is begun and not ended.
    frame_since: Option<Instant>,
}

/// A connection and where its words go: what the layer above is lent for the time of one call.
#[derive(Debug)]
pub struct Peer<'a, 'c, S, T: ?Sized> {
    /// The machine.
    pub conn: &'a mut Connection<'c, S>,
    /// Where it writes.
    pub tx: &'a mut T,
}

/// How far [`Session::receive`] came.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flow {
    /// All input is taken.
    Drained,
    /// Only so many bytes are, since `tx` has no room for another answer. Flush, then call again with the
    /// rest, or [`Session::stash`] the rest where the source cannot keep it.
    Blocked(usize),
}

impl<'c, B: Buf, S: Slots> Session<'c, B, S> {
    /// For the side that opened the transport. Our CSM is in `tx` afterwards.
    pub fn initiate<T: Buf + ?Sized>(
        config: &'c Config,
        spill: B,
        slots: S,
        now: Instant,
        tx: &mut T,
    ) -> Result<Self, ConfigError> {
        let rx = Self::deframer(config, spill)?;
        Connection::initiate(config, slots, now, tx).map(|conn| Self::new(rx, conn))
    }

    /// For the side that accepted it.
    pub fn accept<T: Buf + ?Sized>(
        config: &'c Config,
        spill: B,
        slots: S,
        now: Instant,
        tx: &mut T,
    ) -> Result<Self, ConfigError> {
        let rx = Self::deframer(config, spill)?;
        Connection::accept(config, slots, now, tx).map(|conn| Self::new(rx, conn))
    }

    fn deframer(config: &Config, spill: B) -> Result<Deframer<B>, ConfigError> {
        let rx = Deframer::new(spill);
        let (size, room) = (config.max_message_size, rx.capacity());
        match size as usize > room {
            true => Err(ConfigError::SpillTooSmall { size, room }),
            false => Ok(rx),
        }
    }

    const fn new(rx: Deframer<B>, conn: Connection<'c, S>) -> Self {
        Self { rx, conn, frame_since: None }
    }

    /// The connection, for getters and commands.
    pub const fn conn(&self) -> &Connection<'c, S> {
        &self.conn
    }

    /// The connection, joined with where it writes.
    pub const fn peer<'a, T: ?Sized>(&'a mut self, tx: &'a mut T) -> Peer<'a, 'c, S, T> {
        Peer { conn: &mut self.conn, tx }
    }

    /// Takes bytes, and reports each message to `each`, which answers through the [`Peer`] it is lent. A
    /// request that it neither answers nor defers is answered 5.01.
    ///
    /// An error is the end of the connection; what `tx` holds then should still be sent. After it all input
    /// is discarded.
    pub fn receive<T: Buf + ?Sized>(
        &mut self,
        now: Instant,
        input: &[u8],
        tx: &mut T,
        each: impl FnMut(Event<'_, S::Tag>, &mut Peer<'_, 'c, S, T>),
    ) -> Result<Flow, Closed> {
        self.receive_counting(now, input, tx, &mut (), each)
    }

    /// [`Session::receive`] that counts what comes.
    pub fn receive_counting<T: Buf + ?Sized>(
        &mut self,
        now: Instant,
        mut input: &[u8],
        tx: &mut T,
        tally: &mut impl Tally,
        mut each: impl FnMut(Event<'_, S::Tag>, &mut Peer<'_, 'c, S, T>),
    ) -> Result<Flow, Closed> {
        let given = input.len();
        let cutting = cutting(self.conn.config());
        let conn = &mut self.conn;
        let mut settled = None;
        loop {
            if !conn.state().listens() {
                // A sign of life still (T-5.4-6).
                if given > 0 {
                    conn.heard(now);
                }
                return Ok(self.discard(now));
            }
            let event = match settled.take() {
                Some(settled) => Ok(Event::Settled(settled)),
                None => match self.rx.next_if(&mut input, &cutting, |code| conn.admits(code, tx)) {
                    Err(error) => Err(conn.handle_stream_error(error, tx)),
                    Ok(Cut::Nothing) => return Ok(self.drained(now, given > 0)),
                    Ok(Cut::Refused) => {
                        self.frame_since = None;
                        return Ok(Flow::Blocked(given - input.len()));
                    }
                    Ok(Cut::Frame(frame)) => {
                        conn.handle_frame(now, frame, tx).inspect(|_| tally.frame(frame))
                    }
                    Ok(Cut::Oversized { head, token }) => conn.handle_oversized(now, &head, token, tx),
                },
            };
            self.frame_since = None;
            let event = match event {
                Ok(event) => event,
                Err(why) => {
                    self.discard(now);
                    return Err(why);
                }
            };
            tally.event(&event);
            trace::event(&event);
            let request = match &event {
                Event::Request(incoming) => Some(incoming.message()),
                _ => None,
            };
            each(event, &mut Peer { conn, tx });
            settled = request.and_then(|message| conn.settle(message.token, tx));
        }
    }

    fn drained(&mut self, now: Instant, any: bool) -> Flow {
        if any {
            self.conn.heard(now);
        }
        if !self.rx.in_frame() {
            self.frame_since = None;
        } else if self.frame_since.is_none() {
            self.frame_since = Some(now);
        }
        if self.rx.is_ended() {
            self.conn.handle_eof(now, self.rx.in_frame());
        }
        Flow::Drained
    }

    fn discard(&mut self, now: Instant) -> Flow {
        let ended = self.rx.is_ended();
        self.rx.clear();
        self.frame_since = None;
        if ended {
            self.conn.handle_eof(now, false);
        }
        Flow::Drained
    }

    /// Keeps the rest of an input that was [`Flow::Blocked`]. Where the spill cannot hold it the connection
    /// ends (row 71).
    pub fn stash<T: Buf + ?Sized>(&mut self, rest: &[u8], tx: &mut T) -> Result<(), Closed> {
        self.rx.stash(rest).map_err(|Full| self.conn.fail(Closed::OutOfMemory, tx))
    }

    /// Whether a whole frame waits for room in `tx`: do not read, flush, then [`Session::receive`] again.
    pub const fn is_blocked(&self) -> bool {
        self.rx.is_refused() && self.conn.state().listens()
    }

    /// The peer has ended its stream. What is held back is served first (T-D5-3).
    pub fn handle_eof(&mut self, now: Instant) {
        if self.is_blocked() {
            self.rx.end();
        } else {
            self.conn.handle_eof(now, self.rx.in_frame());
        }
    }

    /// The transport has failed.
    pub fn handle_lost(&mut self) -> Closed {
        self.conn.handle_lost()
    }

    /// A buffer of the caller's cannot grow: the connection ends, and the peer is told (row 71).
    pub fn handle_out_of_memory<T: Buf + ?Sized>(&mut self, tx: &mut T) -> Closed {
        self.conn.fail(Closed::OutOfMemory, tx)
    }

    /// See [`Connection::sent`].
    pub fn sent(&mut self, now: Instant, n: usize, left: usize) {
        self.conn.sent(now, n, left);
    }

    /// See [`Connection::poll_timeout`]; knows of unfinished frames as well (F-12).
    pub fn poll_timeout(&self) -> Option<(Instant, Why)> {
        let mut due = Soonest::from(self.conn.poll_timeout());
        due.add(self.frame_deadline(), Why::Frame);
        due.get()
    }

    /// See [`Connection::handle_timeout`].
    pub fn handle_timeout<T: Buf + ?Sized>(&mut self, now: Instant, tx: &mut T) -> Option<Expired<S::Tag>> {
        if self.frame_deadline().is_some_and(|at| at <= now) {
            self.discard(now);
            return Some(Expired::Closed(self.conn.fail(Closed::FrameTimeout, tx)));
        }
        self.conn.handle_timeout(now, tx).inspect(trace::expired)
    }

    fn frame_deadline(&self) -> Option<Instant> {
        let config = self.conn.config();
        let since = self.frame_since.filter(|_| self.conn.state().listens())?;
        // What is announced fits 32 bits, or the stream has ended; nor is there a device that divides more.
        let length = self.rx.announced(&cutting(config)).min(u32::MAX.into());
        let nanos_a_byte = 1_000_000_000 / config.min_rate.max(1);
        let (stretch, _) = divide(length * u64::from(nanos_a_byte), 1000);
        let at = since + config.frame_timeout;
        Some(Instant::from_micros(at.as_micros().saturating_add(stretch)))
    }

    /// See [`Connection::shutdown`].
    pub fn shutdown(&self) -> Shutdown {
        self.conn.shutdown()
    }
}

/// How the configuration wants the stream cut. Up to the base value everything is at least passed over: a
/// peer that has not read our CSM may send as much (D-C-3).
fn cutting(config: &Config) -> Cutting {
    let max_skipped = match config.oversized {
        Oversized::Drain => u32::MAX,
        Oversized::Abort => crate::event::Settings::BASE.max_message_size,
    };
    Cutting { max_message_size: config.max_message_size, max_skipped, extended: config.longest_token() > 8 }
}

impl<'c, S: Slots, T: Buf + ?Sized> Peer<'_, 'c, S, T> {
    /// See [`Connection::request`].
    pub fn request(&mut self, now: Instant, code: Code) -> Result<Request<'_, 'c, S, T>, SendError> {
        self.conn.request(now, code, self.tx)
    }

    /// See [`Connection::respond`].
    pub fn respond(&mut self, to: &Incoming<'_>, code: Code) -> Result<Answer<'_, 'c, S, T>, SendError> {
        self.conn.respond(to, code, self.tx)
    }

    /// See [`Connection::respond_later`].
    pub fn respond_later(&mut self, to: &Ticket, code: Code) -> Result<Answer<'_, 'c, S, T>, SendError> {
        self.conn.respond_later(to, code, self.tx)
    }

    /// See [`Connection::notify`].
    pub fn notify(&mut self, to: Observer, code: Code) -> Result<Answer<'_, 'c, S, T>, SendError> {
        self.conn.notify(to, code, self.tx)
    }
}
