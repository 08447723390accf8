//! One connection, one future.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use coap_tcp_app::{Driver, Layer, Role, Transport, Turn};
use coap_tcp_core::{Closed, Config, ConfigError};
use futures_io::{AsyncRead, AsyncWrite};

use crate::timer::Timer;

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
    timer: impl Timer,
    layer: L,
    stop: impl Future<Output = ()>,
) -> Result<Closed, ConfigError>
where
    IO: AsyncRead + AsyncWrite + Unpin,
    L: Layer,
{
    let driver = Driver::new(role, config, layer, timer.now())?;
    Ok(run(io, driver, timer, stop).await)
}

/// [`drive`], of a driver that is made already: with [`Driver::counting`] or [`Driver::over`], for one.
// No `async fn`, whose future would hold its arguments twice.
pub fn run<'c, IO, L, T, F>(
    io: IO,
    mut driver: Driver<'c, L>,
    mut timer: T,
    stop: F,
) -> impl Future<Output = Closed> + use<'c, IO, L, T, F>
where
    IO: AsyncRead + AsyncWrite + Unpin,
    L: Layer,
    T: Timer,
    F: Future<Output = ()>,
{
    let mut io = Stream(io);
    async move {
        let mut stop = pin!(stop);
        let mut stopping = false;
        poll_fn(|cx| {
            if !stopping && stop.as_mut().poll(cx).is_ready() {
                stopping = true;
                driver.release(timer.now());
            }
            for _ in 0..TURNS {
                match driver.turn(cx, timer.now(), &mut io) {
                    Turn::Again => {}
                    Turn::Rest(None) => return Poll::Pending,
                    Turn::Rest(Some(at)) => match timer.poll_until(cx, at) {
                        Poll::Ready(()) => break,
                        Poll::Pending => return Poll::Pending,
                    },
                    Turn::Closed(why) => return Poll::Ready(why),
                }
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await
    }
}

struct Stream<IO>(IO);

impl<IO: AsyncRead + AsyncWrite + Unpin> Transport for Stream<IO> {
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_read(cx, into)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_close(cx)
    }
}
