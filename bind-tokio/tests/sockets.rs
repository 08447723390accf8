//! What is asked of a socket, and how much is given to it (RFC 9006).

#![allow(clippy::unwrap_used)]

use core::time::Duration;

use bind_tokio::core::wire::{Csm, Prefix, Writer, head};
use bind_tokio::core::{Code, Config};
use bind_tokio::{Draft, Endpoint, NoService};
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

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
