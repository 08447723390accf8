//! For streams that end our direction only when they are dropped.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::{AsyncRead, AsyncWrite};

/// A stream whose `poll_close` also calls a function that ends our direction, once all is flushed.
///
/// A peer that we have released, or that has released us, waits for the end of our stream. The streams of smol
/// send it when asked; async-std's, and `async_io::Async`, do not, and the peer would wait for the linger time:
///
/// ```
/// # fn wrap(stream: async_std::net::TcpStream) {
/// let io = bind_futures::HalfClose::new(stream, |stream| stream.shutdown(std::net::Shutdown::Write));
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct HalfClose<IO, F> {
    io: IO,
    end: F,
}

impl<IO, F> HalfClose<IO, F>
where
    F: FnMut(&IO) -> io::Result<()>,
{
    /// `end` ends our direction of `io`.
    pub const fn new(io: IO, end: F) -> Self {
        Self { io, end }
    }
}

impl<IO: AsyncRead + Unpin, F: Unpin> AsyncRead for HalfClose<IO, F> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_read(cx, into)
    }
}

impl<IO, F> AsyncWrite for HalfClose<IO, F>
where
    IO: AsyncWrite + Unpin,
    F: FnMut(&IO) -> io::Result<()> + Unpin,
{
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { io, end } = &mut *self;
        ready!(Pin::new(&mut *io).poll_flush(cx))?;
        Poll::Ready(end(io))
    }
}
