//! One connection, one future: flush, read, decide, flush, sleep.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use coap_tcp_core::{Buf, Closed, Config, ConfigError, Expired, Flow, Instant, Session, Shutdown};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep_until};

use crate::layer::{Layer, Slots};
use crate::pool::{Pooled, with_read_buffer};

/// Which side opened the transport.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// This one.
    Initiator,
    /// The other one.
    Acceptor,
}

/// Tells [`Instant`]s. Connections of one [`Layer`] that share state are told by one clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Clock(tokio::time::Instant);

impl Clock {
    /// Starts now.
    pub fn start() -> Self {
        Self(tokio::time::Instant::now())
    }

    /// The moment of now.
    pub fn now(&self) -> Instant {
        let passed = self.0.elapsed();
        Instant::from_micros(u64::try_from(passed.as_micros()).unwrap_or(u64::MAX))
    }

    /// The same moment for tokio's timers.
    pub fn tokio(&self, at: Instant) -> tokio::time::Instant {
        self.0 + at.duration_since(Instant::ZERO)
    }
}

/// Reads of one connection before others get their turn.
const TURNS: usize = 4;

/// Drives one connection over any byte stream (TCP, TLS, a test's pipe) to its end, and says why it ended.
///
/// When `stop` is ready the connection is released: what is owed is still answered, the peer closes. The
/// future may be dropped at any time; the transport then closes without words.
pub async fn drive<IO, L>(
    io: IO,
    role: Role,
    config: &Config,
    clock: Clock,
    layer: L,
    stop: impl Future<Output = ()>,
) -> Result<Closed, ConfigError>
where
    IO: AsyncRead + AsyncWrite + Unpin,
    L: Layer,
{
    let mut tx = Pooled::default();
    let (spill, slots, now) = (Pooled::default(), Vec::new(), clock.now());
    let session = match role {
        Role::Initiator => Session::initiate(config, spill, slots, now, &mut tx)?,
        Role::Acceptor => Session::accept(config, spill, slots, now, &mut tx)?,
    };
    let mut driver = Driver { io, session, tx, layer, clock, unflushed: false, ended: Ended::default() };
    let mut sleep = pin!(sleep_until(clock.tokio(now)));
    let mut stop = pin!(stop);
    let mut stopping = false;
    Ok(core::future::poll_fn(|cx| {
        if !stopping && stop.as_mut().poll(cx).is_ready() {
            stopping = true;
            driver.release();
        }
        driver.poll(cx, sleep.as_mut())
    })
    .await)
}

/// Which directions of the stream are over.
#[derive(Default)]
struct Ended {
    input: bool,
    output: bool,
}

struct Driver<'c, IO, L: Layer> {
    io: IO,
    session: Session<'c, Pooled, Slots<L::Tag>>,
    tx: Pooled,
    layer: L,
    clock: Clock,
    /// Written to the stream, which may hold it back (TLS).
    unflushed: bool,
    ended: Ended,
}

impl<IO, L> Driver<'_, IO, L>
where
    IO: AsyncRead + AsyncWrite + Unpin,
    L: Layer,
{
    fn poll(&mut self, cx: &mut Context<'_>, mut sleep: Pin<&mut Sleep>) -> Poll<Closed> {
        for _ in 0..TURNS {
            let now = self.clock.now();
            let read = self.read(cx, now);
            let waits = self.layer.handle_turn(cx, now, &mut self.session.peer(&mut self.tx));
            self.expire(now);
            if let Err(error) = self.flush(cx, now) {
                self.lose(error);
            }
            // After the flush there may be room for a keep-alive that waited for it, or a held Pong.
            self.expire(now);
            if self.session.shutdown() == Shutdown::Now {
                return Poll::Ready(self.close(now));
            }
            let can_go_on = (waits || self.session.is_blocked()) && self.tx.as_slice().is_empty();
            if !read && !can_go_on {
                return self.rest(cx, sleep.as_mut(), now);
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Nothing more can be done now: sleep until the next deadline.
    fn rest(&self, cx: &mut Context<'_>, mut sleep: Pin<&mut Sleep>, now: Instant) -> Poll<Closed> {
        let session = self.session.poll_timeout().map(|(at, _)| at);
        let due = [session, self.layer.poll_timeout()].into_iter().flatten().min();
        let Some(due) = due else {
            return Poll::Pending;
        };
        // The clock goes before the timer: out of its budget, tokio calls an elapsed sleep pending.
        if due <= now {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let at = self.clock.tokio(due);
        if sleep.deadline() != at {
            sleep.as_mut().reset(at);
        }
        if sleep.poll(cx).is_ready() {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    /// One read at most. `true` when something came.
    fn read(&mut self, cx: &mut Context<'_>, now: Instant) -> bool {
        if self.session.is_blocked() {
            self.receive(now, &[]);
            return false;
        }
        if self.ended.input {
            return false;
        }
        with_read_buffer(|buffer| {
            let mut read = ReadBuf::new(buffer);
            match Pin::new(&mut self.io).poll_read(cx, &mut read) {
                Poll::Pending => return false,
                Poll::Ready(Err(error)) => self.lose(error),
                Poll::Ready(Ok(())) if read.filled().is_empty() => {
                    self.ended.input = true;
                    self.session.handle_eof(now);
                }
                Poll::Ready(Ok(())) => self.receive(now, read.filled()),
            }
            true
        })
    }

    fn receive(&mut self, now: Instant, input: &[u8]) {
        let Self { session, layer, tx, .. } = self;
        let flow = session.receive(now, input, tx, |event, peer| layer.handle_event(now, event, peer));
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
            self.layer.handle_expired(now, expired, &mut self.session.peer(&mut self.tx));
        }
    }

    fn flush(&mut self, cx: &mut Context<'_>, now: Instant) -> io::Result<()> {
        let mut sent = 0;
        while !self.tx.as_slice().is_empty() {
            match Pin::new(&mut self.io).poll_write(cx, self.tx.as_slice()) {
                Poll::Pending => break,
                Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(n)) => {
                    sent += n;
                    self.tx.consume(n);
                    self.unflushed = true;
                }
                Poll::Ready(Err(error)) => return Err(error),
            }
        }
        if self.unflushed {
            match Pin::new(&mut self.io).poll_flush(cx) {
                Poll::Ready(flushed) => flushed.map(|()| self.unflushed = false)?,
                Poll::Pending => {}
            }
        }
        let after_flush = self.session.shutdown() == Shutdown::AfterFlush;
        self.session.sent(now, sent, self.tx.as_slice().len());
        if after_flush && self.tx.as_slice().is_empty() && !self.unflushed && !self.ended.output {
            match Pin::new(&mut self.io).poll_shutdown(cx) {
                Poll::Ready(done) => done.map(|()| self.ended.output = true)?,
                Poll::Pending => {}
            }
        }
        Ok(())
    }

    fn lose(&mut self, _: io::Error) {
        self.session.handle_lost();
    }

    fn release(&mut self) {
        let now = self.clock.now();
        let peer = self.session.peer(&mut self.tx);
        if peer.conn.release(now, None, &[], peer.tx).is_err() {
            peer.conn.close();
        }
    }

    fn close(&mut self, now: Instant) -> Closed {
        let peer = self.session.peer(&mut self.tx);
        let why = peer.conn.closed().unwrap_or(Closed::Local);
        let mut pending = core::iter::from_fn(|| peer.conn.take_pending().map(|(_, tag)| tag));
        self.layer.handle_closed(now, why, &mut pending);
        why
    }
}
