//! How streams end, and what an end leads to.

#![allow(clippy::unwrap_used)]

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bind_tokio::core::{Closed, Code, Config, Count, Incoming, OptionNumber, wire};
use bind_tokio::{Draft, Endpoint, Handle, NoService, Reply, RequestError};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

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
    let released = client.released().unwrap();
    assert_eq!(released.hold_off, Some(Duration::from_secs(1)));
    assert_eq!(released.alternatives, [elsewhere.local_addr().unwrap().to_string()]);
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

/// A client whose peer, a test, has said its CSM; with what drives it.
fn client() -> (Handle, DuplexStream, JoinHandle<Closed>) {
    let (ours, theirs) = tokio::io::duplex(16 * 1024);
    let (handle, driver) = Endpoint::new(Config::new()).connect_over(ours, NoService);
    (handle, theirs, tokio::spawn(async { driver.await.unwrap() }))
}

fn frame(code: Code, options: &[(u16, &[u8])], payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    let mut writer = wire::Writer::new(&mut frame, code, &[]).unwrap();
    for &(number, value) in options {
        writer.option(OptionNumber(number), value).unwrap();
    }
    writer.payload(payload).unwrap();
    writer.finish();
    frame
}

/// T-5.5-6, T-5.5-7: what the Release says is there for whoever decides where to go next, and when; of the addresses eight,
/// and those that are none are passed over.
#[tokio::test(start_paused = true)]
async fn t_5_5_6_t_5_5_7_hold_off_and_alternative_addresses_reach_the_layer_above() {
    let (handle, mut theirs, driving) = client();
    theirs.write_all(&[0x00, 0xe1]).await.unwrap();
    assert_eq!(handle.released(), None);
    let names: Vec<String> = (0..20).map(|n| format!("[2001:db8::{n}]:5683")).collect();
    let mut options: Vec<(u16, &[u8])> = vec![(2, b"no/authority"), (2, b"")];
    options.extend(names.iter().map(|name| (2, name.as_bytes())));
    options.push((4, &[0x01, 0x00]));
    theirs.write_all(&frame(Code::RELEASE, &options, b"")).await.unwrap();
    theirs.shutdown().await.unwrap();
    assert_eq!(driving.await.unwrap(), Closed::Released);
    let released = handle.released().unwrap();
    assert_eq!(released.hold_off, Some(Duration::from_secs(256)));
    assert_eq!(released.alternatives, names[..8]);
    assert_eq!(handle.aborted(), None);
}

/// T-5.5-6, T-5.5-7: both are elective.
#[tokio::test(start_paused = true)]
async fn t_5_5_6_t_5_5_7_a_bare_release_says_neither() {
    let (handle, mut theirs, driving) = client();
    theirs.write_all(&[0x00, 0xe1, 0x00, 0xe4]).await.unwrap();
    theirs.shutdown().await.unwrap();
    assert_eq!(driving.await.unwrap(), Closed::Released);
    let released = handle.released().unwrap();
    assert_eq!((released.hold_off, released.alternatives.len()), (None, 0));
}

/// T-5.6-6: the option by the reason, the text as far as a human reads it, whatever its bytes.
#[tokio::test(start_paused = true)]
async fn t_5_6_6_the_text_of_an_abort_reaches_the_layer_above() {
    let long = [b'x'; 1000];
    let cases: [(&[u8], &str); 4] = [
        (b"", ""),
        (b"Unknown option 7", "Unknown option 7"),
        (b"\xff!", "\u{fffd}!"),
        (&long, std::str::from_utf8(&long[..256]).unwrap()),
    ];
    for (text, expected) in cases {
        let (handle, mut theirs, driving) = client();
        let abort = frame(Code::ABORT, &[(2, &[7])], text);
        theirs.write_all(&[&[0x00, 0xe1], &abort[..]].concat()).await.unwrap();
        assert_eq!(driving.await.unwrap(), Closed::Aborted { bad_csm_option: Some(7) });
        assert_eq!(handle.aborted().as_deref(), Some(expected));
        assert_eq!(handle.released(), None);
    }
}

/// T-5.3.1-3, T-5.5-6: a peer that takes 16 bytes is released with the addresses that fit, or with none.
#[tokio::test(start_paused = true)]
async fn t_5_5_6_a_release_over_the_peers_limit_goes_with_less() {
    let cases: [(u8, &[&str], &[u8]); 2] = [
        (16, &["a.long.name.example"], &[0x20, 0xe4, 0x41, 0x09]),
        (16, &["a.example", "b.example"], &[0xc0, 0xe4, 0x29]),
    ];
    for (limit, alternatives, expected) in cases {
        let (handle, mut theirs, driving) = client();
        theirs.write_all(&frame(Code::CSM, &[(2, &[limit])], b"")).await.unwrap();
        handle.release_with(Some(9), alternatives);
        let mut said = Vec::new();
        theirs.read_to_end(&mut said).await.unwrap();
        let csm = usize::from(said[0] >> 4) + 2;
        assert!(said[csm..].starts_with(expected), "{said:02x?}");
        assert_eq!(driving.await.unwrap(), Closed::ReleaseTimeout, "this peer goes on");
    }
}

#[tokio::test]
async fn a_connection_that_never_begins_is_over() {
    let endpoint = Endpoint::new(Config::new());
    let (handle, driver) = endpoint.connect_over(tokio::io::duplex(64).0, NoService);
    let asking = tokio::spawn({
        let handle = handle.clone();
        async move { handle.request(Draft::get("/")).await }
    });
    tokio::task::yield_now().await;
    drop(driver);
    let lost = asking.await.unwrap().unwrap_err();
    assert_eq!(lost, RequestError::Closed { why: Closed::Local, sent: false });
    assert_eq!(handle.is_closed(), Some(Closed::Local));
}
