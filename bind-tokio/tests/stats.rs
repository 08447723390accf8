//! What a server counts over all its connections: rows of the error matrix (section H of the digest).

#![allow(clippy::unwrap_used)]

use core::time::Duration;
use std::sync::Arc;

use bind_tokio::core::{Closed, Code, Config, Count, Incoming, OptionNumber, Stats, wire};
use bind_tokio::{Deferred, Draft, Endpoint, NoService, Reply, Service};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// What was counted on a connection whose peer said this, after both CSMs, and then ended its stream.
async fn counted(service: impl Service, config: Config, frames: &[Vec<u8>]) -> Vec<(Count, u64)> {
    let endpoint = Endpoint::new(config).body_limit(64);
    let (ours, mut theirs) = tokio::io::duplex(64 * 1024);
    let (_handle, driver) = endpoint.connect_over(ours, service);
    let driving = tokio::spawn(driver);
    theirs.write_all(&[0x00, 0xe1]).await.unwrap();
    theirs.write_all(&frames.concat()).await.unwrap();
    theirs.shutdown().await.unwrap();
    let mut said = Vec::new();
    theirs.read_to_end(&mut said).await.unwrap();
    driving.await.unwrap().unwrap();
    errors(&endpoint.stats())
}

/// All but what every such connection counts.
fn errors(stats: &Stats) -> Vec<(Count, u64)> {
    let usual = [Count::Csms, Count::Requests, Count::Responses, Count::Eof];
    stats.iter().filter(|&(count, n)| n > 0 && !usual.contains(&count)).collect()
}

fn request(code: Code, options: &[(OptionNumber, &[u8])], payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    let mut writer = wire::Writer::new(&mut frame, code, &[7]).unwrap();
    for &(number, value) in options {
        writer.option(number, value).unwrap();
    }
    writer.payload(payload).unwrap();
    writer.finish();
    frame
}

fn block1(value: u8, payload: &[u8]) -> Vec<u8> {
    request(Code::PUT, &[(OptionNumber::BLOCK1, &[value])], payload)
}

fn answers_never(_: &Incoming<'_>, reply: Reply<'_, '_, '_>) {
    let lost: Option<Deferred> = reply.defer();
    assert!(lost.is_some());
}

fn hello(_: &Incoming<'_>, reply: Reply<'_, '_, '_>) {
    reply.content(Code::CONTENT, 0, b"hello");
}

#[tokio::test(start_paused = true)]
async fn h_each_refusal_of_a_server_has_its_counter() {
    let config = || Config::new().block_wise(true);
    let get = || request(Code::GET, &[], b"");
    let rows: [(&str, Vec<Vec<u8>>, Count); 7] = [
        ("29", vec![request(Code(0x08), &[], b"")], Count::MethodNotAllowed),
        ("31", vec![request(Code::GET, &[(OptionNumber(269), b"x")], b"")], Count::BadOption),
        ("34", vec![request(Code::GET, &[(OptionNumber::URI_PATH, b"..")], b"")], Count::BadRequest),
        (
            "35",
            vec![request(Code::GET, &[(OptionNumber::PROXY_SCHEME, b"coap")], b"")],
            Count::ProxyingNotSupported,
        ),
        // More to come, but not 16 bytes.
        ("39", vec![block1(0x08, b"short")], Count::BadRequest),
        // The second block, and no first one.
        ("40", vec![block1(0x10, b"x")], Count::EntityIncomplete),
        // Five blocks of 16 bytes, where 64 are allowed.
        ("41", (0..5).map(|n| block1(n << 4 | 0x08, &[b'x'; 16])).collect(), Count::EntityTooLarge),
    ];
    for (row, frames, count) in rows {
        assert_eq!(counted(hello, config(), &frames).await, [(count, 1)], "row {row}");
    }
    // BERT, where our CSM has not said so.
    let bert = block1(0x0f, &[b'x'; 1024]);
    assert_eq!(counted(hello, config(), &[bert]).await, [(Count::BadRequest, 1)], "row 38");
    assert_eq!(counted(NoService, config(), &[get()]).await, [(Count::NotImplemented, 1)], "row 30");
    assert_eq!(counted(answers_never, config(), &[get()]).await, [(Count::InternalError, 1)], "row 70");
    assert_eq!(counted(hello, config(), &[get()]).await, []);
}

#[tokio::test(start_paused = true)]
async fn d_e_3_row_45_a_crowd_is_refused_and_counted() {
    let mut kept = Vec::new();
    let keep = move |_: &Incoming<'_>, reply: Reply<'_, '_, '_>| kept.extend(reply.defer());
    let config = Config::new().max_inbound(2).drain_timeout(Duration::from_secs(5));
    let frames = vec![request(Code::GET, &[], b""); 5];
    let counts = counted(keep, config, &frames).await;
    assert!(counts.contains(&(Count::Unavailable, 3)), "{counts:?}");
}

#[tokio::test(start_paused = true)]
async fn connections_and_clones_of_an_endpoint_count_together() {
    let endpoint = Endpoint::new(Config::new());
    let ends = (0..3).map(|_| {
        let endpoint = endpoint.clone();
        async move {
            let (ours, mut theirs) = tokio::io::duplex(1024);
            let (handle, driver) = endpoint.connect_over(ours, NoService);
            let driving = tokio::spawn(driver);
            theirs.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
            assert_eq!(driving.await.unwrap().unwrap(), handle.closed().await);
        }
    });
    for end in ends {
        end.await;
    }
    assert_eq!(errors(&endpoint.stats()), [(Count::CsmMissing, 3)]);
    assert_eq!(errors(&Endpoint::new(Config::new()).stats()), []);
}

/// A future that is dropped closes its connection, and that is counted, too.
#[tokio::test(start_paused = true)]
async fn what_is_dropped_has_ended() {
    let endpoint = Endpoint::new(Config::new());
    let (ours, _theirs) = tokio::io::duplex(1024);
    let (handle, driver) = endpoint.connect_over(ours, NoService);
    let driving = tokio::spawn(driver);
    tokio::task::yield_now().await;
    driving.abort();
    assert_eq!(handle.closed().await, Closed::Local);
    assert_eq!(errors(&endpoint.stats()), [(Count::Closed, 1)]);
}

/// O-4-1: only the newest state is kept for a slow observer.
#[tokio::test(start_paused = true)]
async fn o_4_1_skipped_notifications_are_counted() {
    let notify = Arc::new(tokio::sync::Notify::new());
    let wanted = notify.clone();
    let service = move |_: &Incoming<'_>, reply: Reply<'_, '_, '_>| {
        let Some(notifier) = reply.observe(&Draft::new(Code::CONTENT).payload("0")) else { return };
        let wanted = wanted.clone();
        tokio::spawn(async move {
            wanted.notified().await;
            // Without a turn of the connection between them.
            (1..=5).for_each(|n: u8| assert!(notifier.notify(&Draft::new(Code::CONTENT).payload(vec![n]))));
            core::future::pending::<()>().await;
        });
    };
    let endpoint = Endpoint::new(Config::new());
    let (ours, mut theirs) = tokio::io::duplex(1024);
    let (_handle, driver) = endpoint.connect_over(ours, service);
    tokio::spawn(driver);
    theirs.write_all(&[0x00, 0xe1, 0x11, 0x01, 0x10, 0x60]).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    notify.notify_one();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(errors(&endpoint.stats()), [(Count::SkippedNotifications, 4)]);
}
