//! How streams end, and what an end leads to.

#![allow(clippy::unwrap_used)]

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bind_tokio::core::{Closed, Code, Config, Count, Incoming};
use bind_tokio::{Draft, Endpoint, NoService, Reply, RequestError};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf};
use tokio::net::TcpListener;

/// A stream that tells an end from a cut, as TLS does with close_notify: here the peer says it by a flag.
struct Tls {
    io: DuplexStream,
    peer_notified: Arc<AtomicBool>,
    we_notified: Arc<AtomicBool>,
}

impl AsyncRead for Tls {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        std::task::ready!(Pin::new(&mut self.io).poll_read(cx, into))?;
        let ended = into.filled().len() == before;
        match ended && !self.peer_notified.load(Ordering::Relaxed) {
            true => Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
            false => Poll::Ready(Ok(())),
        }
    }
}

impl AsyncWrite for Tls {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.we_notified.store(true, Ordering::Relaxed);
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// A request under way when the stream ends, with or without close_notify: what became of the request, why the
/// connection is over, and whether we said close_notify.
async fn ends(notified: bool) -> (RequestError, Closed, bool) {
    let (io, mut theirs) = tokio::io::duplex(1024);
    let (peer_notified, we_notified) = (Arc::new(AtomicBool::new(notified)), Arc::<AtomicBool>::default());
    let io = Tls { io, peer_notified, we_notified: we_notified.clone() };
    let endpoint = Endpoint::new(Config::new());
    let (handle, driver) = endpoint.connect_over(io, NoService);
    let driving = tokio::spawn(driver);
    theirs.write_all(&[0x00, 0xe1]).await.unwrap();
    let asking = tokio::spawn(async move { handle.request(Draft::get("/a")).await });
    let mut said = [0; 9];
    theirs.read_exact(&mut said).await.unwrap();
    theirs.shutdown().await.unwrap();
    let failed = asking.await.unwrap().unwrap_err();
    let why = driving.await.unwrap().unwrap();
    let counted = if notified { Count::Eof } else { Count::Transport };
    assert_eq!(endpoint.stats().get(counted), 1);
    (failed, why, we_notified.load(Ordering::Relaxed))
}

#[tokio::test(start_paused = true)]
async fn t_d5_5_an_end_without_close_notify_is_a_loss() {
    let why = Closed::Transport;
    assert_eq!(ends(false).await, (RequestError::Closed { why, sent: true }, why, false));
}

#[tokio::test(start_paused = true)]
async fn t_d5_5_an_end_with_close_notify_is_answered_with_ours() {
    let why = Closed::Eof;
    assert_eq!(ends(true).await, (RequestError::Closed { why, sent: true }, why, true));
}

/// It would have to earn trust of its own (S-10-1).
#[tokio::test]
async fn t_10_1_1_nobody_goes_to_an_alternative_address_by_himself() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = elsewhere.local_addr().unwrap().to_string();
    let listener = Endpoint::new(Config::new()).listen_plain("127.0.0.1:0").await.unwrap();
    let to = listener.local_addr().unwrap();
    let serve = move |_: &Incoming<'_>, mut reply: Reply<'_, '_, '_>| {
        reply.connection().release_with(Some(1), &[&address]);
        reply.code(Code::VALID);
    };
    tokio::spawn(listener.serve(move |_| serve.clone(), std::future::pending()));
    let client = Endpoint::new(Config::new()).connect_plain(to, NoService).await.unwrap();
    assert_eq!(client.request(Draft::get("/")).await.unwrap().view().code, Code::VALID);
    assert_eq!(client.closed().await, Closed::Released);
    let elsewhere = elsewhere.into_std().unwrap();
    assert_eq!(elsewhere.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock);
    let again = client.request(Draft::get("/")).await.unwrap_err();
    assert_eq!(again, RequestError::Closed { why: Closed::Released, sent: false });
}

/// An answer has the options that the service has given it, and none that says what holds anyway: Max-Age 60, a Block2
/// that is whole.
#[tokio::test(start_paused = true)]
async fn c_5_4_4_1_an_answer_has_no_option_that_holds_its_default() {
    let (ours, mut theirs) = tokio::io::duplex(1024);
    let serve = |_: &Incoming<'_>, reply: Reply<'_, '_, '_>| reply.content(Code::CONTENT, 42, b"hi");
    let (_handle, driver) = Endpoint::new(Config::new().block_wise(false)).connect_over(ours, serve);
    tokio::spawn(driver);
    theirs.write_all(&[0x00, 0xe1, 0x01, 0x01, 0x07]).await.unwrap();
    let mut said = [0; 5 + 8];
    theirs.read_exact(&mut said).await.unwrap();
    assert_eq!(said[5..], [0x51, 0x45, 0x07, 0xc1, 42, 0xff, b'h', b'i']);
}
