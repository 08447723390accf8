//! Bodies that are nowhere as a whole, as tokio's readers.

use std::error::Error;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use coap_tcp_app::{Draft, Handle, Received, Sending, Upload};
use futures_core::Stream;
use tokio::io::{AsyncRead, ReadBuf};

/// What one read of a source may give.
const PIECE: usize = 16 * 1024;

/// Reads a body that comes in parts: a [`Download`](crate::Download), or what a service is
/// [`Receiving`](crate::Receiving). What ends it early is an [`io::Error`] around its error.
///
/// ```
/// # async fn example(handle: bind_tokio::Handle) -> Result<(), Box<dyn std::error::Error>> {
/// use bind_tokio::{Draft, Reader};
///
/// let mut body = Reader::new(handle.download(Draft::get("/firmware")).await?);
/// let mut file = tokio::fs::File::create("firmware").await?;
/// tokio::io::copy(&mut body, &mut file).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Reader<S> {
    parts: S,
    part: Bytes,
}

impl<S> Reader<S> {
    /// Over the parts of a body.
    pub const fn new(parts: S) -> Self {
        Self { parts, part: Bytes::new() }
    }

    /// What it reads from, and what has been taken from that and not been read.
    pub fn into_inner(self) -> (S, Bytes) {
        (self.parts, self.part)
    }
}

impl<S, E> AsyncRead for Reader<S>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.part.is_empty() {
            match ready!(Pin::new(&mut self.parts).poll_next(cx)) {
                None => return Poll::Ready(Ok(())),
                Some(part) => self.part = part.map_err(io::Error::other)?,
            }
        }
        let taken = self.part.len().min(into.remaining());
        into.put_slice(&self.part.split_to(taken));
        Poll::Ready(Ok(()))
    }
}

/// Sends a request with all that `source` gives as its body, and waits for the answer, which may come before the
/// end. See [`Handle::upload`]; what fails on the way to the peer is an [`io::Error`] around its
/// [`RequestError`](crate::RequestError).
///
/// ```
/// # async fn example(handle: bind_tokio::Handle) -> Result<(), Box<dyn std::error::Error>> {
/// use bind_tokio::{Draft, upload};
///
/// let file = tokio::fs::File::open("firmware").await?;
/// let length = file.metadata().await?.len();
/// let answer = upload(&handle, Draft::put("/firmware"), Some(length), file).await?;
/// # Ok(())
/// # }
/// ```
pub async fn upload(
    handle: &Handle,
    draft: Draft,
    length: Option<u64>,
    source: impl AsyncRead,
) -> io::Result<Received> {
    let mut upload = handle.upload(draft, length).await.map_err(io::Error::other)?;
    feed(&mut upload, source).await?;
    upload.finish().await.map_err(io::Error::other)
}

/// Gives an upload all that `source` has, as far as the peer wants it: [`upload`] in parts, for an answer that is
/// wanted as it comes as well, or for a body of more than one source.
pub async fn feed(upload: &mut Upload, source: impl AsyncRead) -> io::Result<()> {
    copy(source, |cx, bytes| upload.poll_write(cx, bytes)).await
}

/// Answers with all that `source` gives, as far as the peer wants it. See [`Reply::stream`](crate::Reply::stream).
pub async fn send(mut body: Sending, source: impl AsyncRead) -> io::Result<()> {
    copy(source, |cx, bytes| body.poll_write(cx, bytes)).await?;
    body.finish();
    Ok(())
}

/// Until the end of the source, or nobody wants more.
async fn copy(
    source: impl AsyncRead,
    mut write: impl FnMut(&mut Context<'_>, &[u8]) -> Poll<usize>,
) -> io::Result<()> {
    let mut source = std::pin::pin!(source);
    let mut piece = vec![0; PIECE];
    loop {
        let mut read = ReadBuf::new(&mut piece);
        poll_fn(|cx| source.as_mut().poll_read(cx, &mut read)).await?;
        let mut rest = read.filled();
        if rest.is_empty() {
            return Ok(());
        }
        while rest.has_remaining() {
            match poll_fn(|cx| write(cx, rest)).await {
                0 => return Ok(()),
                taken => rest.advance(taken),
            }
        }
    }
}
