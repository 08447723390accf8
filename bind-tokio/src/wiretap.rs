//! Sees the messages that pass through a byte stream, for logs.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use coap_tcp_core::Message;
use coap_tcp_core::deframe::{Cut, Cutting, Deframer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Which way a message went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// The peer sent it.
    In,
    /// We sent it.
    Out,
}

/// A byte stream that shows each whole CoAP message that passes through it, unchanged. For logs and demos:
/// what cannot be cut is passed on and shown no more.
pub struct Wiretap<IO, F> {
    io: IO,
    show: F,
    rx: Option<Deframer<Vec<u8>>>,
    tx: Option<Deframer<Vec<u8>>>,
}

impl<IO, F: FnMut(Direction, &Message<'_>)> Wiretap<IO, F> {
    /// Shows what passes through `io`.
    pub const fn new(io: IO, show: F) -> Self {
        Self { io, show, rx: Some(Deframer::new(Vec::new())), tx: Some(Deframer::new(Vec::new())) }
    }
}

fn watch(deframer: &mut Option<Deframer<Vec<u8>>>, mut bytes: &[u8], mut show: impl FnMut(&Message<'_>)) {
    while let Some(cutter) = deframer {
        match cutter.next_if(&mut bytes, &Cutting::WATCHING, |_| true) {
            Ok(Cut::Frame(frame)) => {
                if let Ok(message) = Message::parse(frame) {
                    show(&message);
                }
            }
            Ok(Cut::Oversized { .. } | Cut::Refused) => {}
            Ok(Cut::Nothing) => return,
            Err(_) => *deframer = None,
        }
    }
}

impl<IO: AsyncRead + Unpin, F: FnMut(Direction, &Message<'_>) + Unpin> AsyncRead for Wiretap<IO, F> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let read = Pin::new(&mut this.io).poll_read(cx, buf);
        let show = &mut this.show;
        watch(&mut this.rx, &buf.filled()[before..], |message| show(Direction::In, message));
        read
    }
}

impl<IO: AsyncWrite + Unpin, F: FnMut(Direction, &Message<'_>) + Unpin> AsyncWrite for Wiretap<IO, F> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.io).poll_write(cx, bytes);
        if let Poll::Ready(Ok(n)) = written {
            let show = &mut this.show;
            watch(&mut this.tx, &bytes[..n], |message| show(Direction::Out, message));
        }
        written
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }
}

impl<IO: fmt::Debug, F> fmt::Debug for Wiretap<IO, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wiretap").field("io", &self.io).finish_non_exhaustive()
    }
}
