//! What a socket is told, and how much is given to it (RFC 9006, digest F.4).

#![allow(clippy::unwrap_used)]

use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use std::io;
use std::sync::{Arc, Mutex};

use bind_tokio::core::wire::{Csm, Message, Prefix, Writer, head};
use bind_tokio::core::{Code, Config};
use bind_tokio::{Draft, Endpoint, NoService};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf};

/// Every write that was made, in a pipe that takes all.
struct Noted(DuplexStream, Arc<Mutex<Vec<Vec<u8>>>>);

impl AsyncRead for Noted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Noted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.1.lock().unwrap().push(bytes.to_vec());
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// The codes of the messages that some bytes are made of, all of them whole.
fn codes(mut bytes: &[u8]) -> Vec<Code> {
    let mut codes = Vec::new();
    while !bytes.is_empty() {
        let Ok(Prefix::Head(head)) = head(bytes, false) else { panic!("no head: {bytes:02x?}") };
        let (frame, rest) = bytes.split_at(head.total() as usize);
        codes.push(Message::parse(frame).unwrap().code);
        bytes = rest;
    }
    codes
}

/// T-3.2-13, K-3.2-5: what is there to say at once goes in one write, and no message in two.
#[tokio::test(start_paused = true)]
async fn f_30_messages_are_written_whole_and_together() {
    let (ours, mut theirs) = tokio::io::duplex(1 << 16);
    let writes = Arc::new(Mutex::new(Vec::new()));
    let noted = Noted(ours, writes.clone());
    let (handle, driver) = Endpoint::new(Config::new()).connect_over(noted, NoService);
    let requests: Vec<_> = (0..20)
        .map(|n| {
            let (handle, payload) = (handle.clone(), vec![7; n * 40]);
            tokio::spawn(async move { handle.request(Draft::put("/t").payload(payload)).await })
        })
        .collect();
    tokio::task::yield_now().await;
    tokio::spawn(driver);
    theirs.read_exact(&mut [0; 1]).await.unwrap();
    theirs.write_all(&[0x00, 0xe1, 0x01, 0xe2, 0x42]).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let writes = writes.lock().unwrap().clone();
    let said: Vec<_> = writes.iter().map(|write| codes(write)).collect();
    let first = [vec![Code::CSM], vec![Code::PUT; 20]].concat();
    assert_eq!(said, [first, vec![Code::PONG]]);
    requests.iter().for_each(tokio::task::JoinHandle::abort);
}

/// Who goes on sending gets the Abort and the end of the stream, and no reset, which could overtake them.
#[tokio::test]
async fn f_33_d_d_2_an_abort_arrives_though_bytes_still_come() {
    let listener = Endpoint::new(Config::new()).listen_plain("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(listener.serve(|_| NoService, core::future::pending()));
    let mut stream = Endpoint::new(Config::new()).tcp(address).await.unwrap();
    assert_eq!(SockRef::from(&stream).linger().unwrap(), None);
    stream.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    let mut came = Vec::new();
    while stream.read_buf(&mut came).await.unwrap() > 0 {}
    assert_eq!(codes(&came), [Code::CSM, Code::ABORT]);
    for _ in 0..4 {
        stream.write_all(&[b'x'; 4096]).await.unwrap();
    }
}

#[tokio::test]
async fn k_3_2_3_2_f_31_a_socket_holds_nothing_back_and_does_not_probe() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stream = Endpoint::new(Config::new()).tcp(listener.local_addr().unwrap()).await.unwrap();
    let socket = SockRef::from(&stream);
    assert!(socket.tcp_nodelay().unwrap());
    assert!(!socket.keepalive().unwrap());
}

#[tokio::test(start_paused = true)]
async fn k_3_3_3_1_of_a_large_body_one_message_is_under_way() {
    const LIMIT: u32 = 6000;
    let (ours, mut theirs) = tokio::io::duplex(1 << 20);
    let (handle, driver) = Endpoint::new(Config::new()).connect_over(ours, NoService);
    tokio::spawn(driver);
    let mut csm = Vec::new();
    let mut writer = Writer::new(&mut csm, Code::CSM, &[]).unwrap();
    let limits = Csm { max_message_size: Some(LIMIT), block_wise: true, extended_token_length: None };
    limits.write(&mut writer).unwrap();
    writer.finish();
    theirs.write_all(&csm).await.unwrap();
    theirs.read_exact(&mut [0; 6]).await.unwrap();

    let upload = tokio::spawn(async move {
        let _ = handle.request(Draft::put("/firmware").payload(vec![7; 500_000])).await;
    });
    let mut came = Vec::new();
    while let Ok(read) = tokio::time::timeout(Duration::from_secs(5), theirs.read_buf(&mut came)).await {
        assert!(read.unwrap() > 0);
    }
    let Ok(Prefix::Head(head)) = head(&came, false) else { panic!("no head") };
    assert_eq!(head.total(), came.len() as u64, "one message, and all of it");
    assert!((5000..=LIMIT as usize).contains(&came.len()), "{}", came.len());
    upload.abort();
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn f_31_tcps_own_keep_alive_and_user_timeout_can_be_had() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (after, limit) = (Duration::from_secs(7200), Duration::from_secs(90));
    let endpoint = Endpoint::new(Config::new()).tcp_keep_alive(after).tcp_user_timeout(limit);
    let stream = endpoint.tcp(listener.local_addr().unwrap()).await.unwrap();
    let socket = SockRef::from(&stream);
    assert!(socket.tcp_nodelay().unwrap() && socket.keepalive().unwrap());
    assert_eq!(socket.tcp_user_timeout().unwrap(), Some(limit));
}
