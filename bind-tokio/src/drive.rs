//! One connection, one future.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use coap_tcp_app::{Driver, Layer, Role, Transport, Turn};
use coap_tcp_core::{Closed, Config, ConfigError, Instant};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep_until};

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

/// Turns of one connection before others get theirs.
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
    let driver = Driver::new(role, config, layer, clock.now())?;
    Ok(run(io, driver, clock, (), stop).await)
}

/// [`drive`], of a driver that is made already. `starting` is dropped when the peer has shown that it speaks CoAP. No
/// `async fn`, whose future would hold its arguments twice.
pub(crate) fn run<'c, IO, L, P, F>(
    io: IO,
    mut driver: Driver<'c, L>,
    clock: Clock,
    starting: P,
    stop: F,
) -> impl Future<Output = Closed> + use<'c, IO, L, P, F>
where
    IO: AsyncRead + AsyncWrite + Unpin,
    L: Layer,
    F: Future<Output = ()>,
{
    let mut io = Stream(io);
    let mut starting = Some(starting);
    async move {
        let mut sleep = pin!(sleep_until(clock.tokio(clock.now())));
        let mut stop = pin!(stop);
        let mut stopping = false;
        core::future::poll_fn(|cx| {
            if !stopping && stop.as_mut().poll(cx).is_ready() {
                stopping = true;
                driver.release(clock.now());
            }
            for _ in 0..TURNS {
                let turn = driver.turn(cx, clock.now(), &mut io);
                starting = starting.take().filter(|_| driver.is_starting());
                match turn {
                    Turn::Again => {}
                    Turn::Rest(until) => return rest(cx, clock, until, sleep.as_mut()),
                    Turn::Closed(why) => return Poll::Ready(why),
                }
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await
    }
}

/// Nothing more can be done now: sleep until the next deadline.
pub(crate) fn rest<T>(
    cx: &mut Context<'_>,
    clock: Clock,
    until: Option<Instant>,
    mut sleep: Pin<&mut Sleep>,
) -> Poll<T> {
    let Some(at) = until.map(|until| clock.tokio(until)) else {
        return Poll::Pending;
    };
    if sleep.deadline() != at {
        sleep.as_mut().reset(at);
    }
    // Out of its budget, tokio calls an elapsed sleep pending, and wakes.
    if sleep.poll(cx).is_ready() {
        cx.waker().wake_by_ref();
    }
    Poll::Pending
}

struct Stream<IO>(IO);

impl<IO: AsyncRead + AsyncWrite + Unpin> Transport for Stream<IO> {
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut into = ReadBuf::new(into);
        let read = Pin::new(&mut self.0).poll_read(cx, &mut into);
        read.map_ok(|()| into.filled().len())
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
