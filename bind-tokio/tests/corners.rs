//! What goes wrong between tasks: cancelling early, waiting in line, ending while something is owed.

#![allow(clippy::unwrap_used)]

use core::time::Duration;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use bind_tokio::core::{Closed, Code, Config, Incoming};
use bind_tokio::{Coap, Deferred, Draft, Endpoint, Handle, NoService, Reply, RequestError, Role, Service};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, yield_now};
use tokio::time::timeout;

/// Longer than anything here should take, shorter than any deadline of the connection.
const SOON: Duration = Duration::from_secs(1);

/// One end, and the bytes of the other in the test's hands, after both CSMs.
async fn raw(config: Config, service: impl Service) -> (DuplexStream, Handle, JoinHandle<Closed>) {
    let (ours, mut theirs) = tokio::io::duplex(64 * 1024);
    let (handle, driver) = Endpoint::new(config.block_wise(false)).connect_over(ours, service);
    let ended = tokio::spawn(async move { driver.await.unwrap() });
    let mut csm = [0; 5];
    theirs.read_exact(&mut csm).await.unwrap();
    theirs.write_all(&[0x00, 0xe1]).await.unwrap();
    (theirs, handle, ended)
}

fn ask(handle: &Handle, path: &'static str) -> JoinHandle<Result<bind_tokio::Received, RequestError>> {
    let handle = handle.clone();
    tokio::spawn(async move { handle.request(Draft::get(path)).await })
}

/// Hands each request to the test, to be answered there.
fn deferring() -> (impl Service, mpsc::UnboundedReceiver<Deferred>) {
    let (send, deferred) = mpsc::unbounded_channel();
    let serve = move |_: &Incoming<'_>, reply: Reply<'_, '_, '_>| {
        send.send(reply.defer().unwrap()).unwrap();
    };
    (serve, deferred)
}

/// O-7.4-1
#[tokio::test(start_paused = true)]
async fn o_7_4_1_an_observation_may_be_cancelled_before_it_is_sent() {
    let (ours, theirs) = tokio::io::duplex(1024);
    let endpoint = Endpoint::new(Config::new());
    let (handle, driver) = endpoint.connect_over(ours, NoService);
    let serve = |_: &Incoming<'_>, reply: Reply<'_, '_, '_>| {
        core::mem::forget(reply.observe(&Draft::new(Code::CONTENT).payload("a")));
    };
    tokio::spawn(endpoint.drive(theirs, Role::Acceptor, Coap::new(serve), std::future::pending()));
    tokio::spawn(driver);
    let observation = handle.observe(Draft::get("/x")).await.unwrap();
    let answer = timeout(SOON, observation.cancel()).await.unwrap().unwrap();
    assert_eq!(answer.view().code, Code::CONTENT);
}

/// F-35
#[tokio::test(start_paused = true)]
async fn f_35_a_dropped_request_makes_place_for_the_next() {
    let config = Config::new().max_outstanding(1).request_timeout(None);
    let (mut peer, handle, _ended) = raw(config, NoService).await;
    let first = ask(&handle, "/a");
    let mut bytes = [0; 100];
    let n = peer.read(&mut bytes).await.unwrap();
    assert!(bytes[..n].contains(&b'a'));
    ask(&handle, "/b");
    yield_now().await;
    first.abort();
    let n = timeout(SOON, peer.read(&mut bytes)).await.unwrap().unwrap();
    assert!(bytes[..n].contains(&b'b'));
}

/// T-5.6-3
#[tokio::test(start_paused = true)]
async fn t_5_6_3_an_abort_waits_for_nobody() {
    let (_peer, handle, _ended) = raw(Config::new().max_outstanding(1), NoService).await;
    for _ in 0..2 {
        ask(&handle, "/");
    }
    yield_now().await;
    handle.abort("enough");
    assert_eq!(timeout(Duration::from_secs(3), handle.closed()).await, Ok(Closed::LocalAbort));
}

/// T-5.4-6
#[tokio::test(start_paused = true)]
async fn t_5_4_6_a_ping_without_pong_ends_though_the_peer_lives() {
    let config = Config::new().ping_timeout(Duration::from_secs(5)).idle_timeout(None);
    let (mut peer, handle, _ended) = raw(config, NoService).await;
    let alive = async {
        tokio::time::sleep(SOON).await;
        peer.write_all(&[0, 0]).await.unwrap();
    };
    let (pong, ()) = tokio::join!(handle.ping(), alive);
    assert_eq!(pong, Err(RequestError::Timeout));
    assert_eq!(handle.is_closed(), None);
}

/// T-5.5-2
#[tokio::test(start_paused = true)]
async fn t_5_5_2_a_shutdown_keeps_what_is_owed_to_a_peer_that_releases() {
    let (ours, mut peer) = tokio::io::duplex(1024);
    let (serve, mut owed) = deferring();
    let stop = tokio::time::sleep(SOON);
    tokio::spawn(Endpoint::new(Config::new()).drive(ours, Role::Acceptor, Coap::new(serve), stop));
    // CSM, GET with token 01, Release.
    peer.write_all(&[0x00, 0xe1, 0x01, 0x01, 0x01, 0x00, 0xe4]).await.unwrap();
    let deferred = owed.recv().await.unwrap();
    tokio::time::sleep(2 * SOON).await;
    deferred.respond(Draft::new(Code::CONTENT)).unwrap();
    let mut all = Vec::new();
    peer.read_to_end(&mut all).await.unwrap();
    assert!(all.ends_with(&[0x01, 0x45, 0x01]), "{all:x?}");
}

/// F-14
#[tokio::test(start_paused = true)]
async fn t_3_3_13_an_answer_never_moves_to_another_connection() {
    let (send, mut owed) = mpsc::unbounded_channel();
    let mut connect = async || {
        let (ours, mut peer) = tokio::io::duplex(1024);
        let send = send.clone();
        let serve = move |_: &Incoming<'_>, reply: Reply<'_, '_, '_>| {
            send.send(reply.defer().unwrap()).unwrap();
        };
        let driver = Endpoint::new(Config::new()).drive(
            ours,
            Role::Acceptor,
            Coap::new(serve),
            std::future::pending(),
        );
        let ended = tokio::spawn(driver);
        // CSM, GET with token 01: the same on both, so that slots and tokens are.
        peer.write_all(&[0x00, 0xe1, 0x01, 0x01, 0x01]).await.unwrap();
        (peer, owed.recv().await.unwrap(), ended)
    };
    let (first, late, ended) = connect().await;
    let (mut second, in_time, _) = connect().await;
    drop(first);
    assert_eq!(ended.await.unwrap().unwrap(), Closed::DrainTimeout);
    assert_eq!(late.respond(Draft::new(Code::CHANGED)), Err(Closed::DrainTimeout));
    in_time.respond(Draft::new(Code::CONTENT)).unwrap();
    let mut csm_and_answer = [0; 9];
    second.read_exact(&mut csm_and_answer).await.unwrap();
    assert_eq!(csm_and_answer[6..], [0x01, 0x45, 0x01]);
    assert!(timeout(SOON, second.read_u8()).await.is_err(), "no other answer");
}

#[tokio::test(start_paused = true)]
async fn f_14_an_answer_passes_a_request_that_waits() {
    let (serve, mut owed) = deferring();
    let (mut peer, handle, _ended) = raw(Config::new().max_outstanding(1), serve).await;
    for _ in 0..2 {
        ask(&handle, "/");
    }
    let mut bytes = [0; 100];
    assert!(peer.read(&mut bytes).await.unwrap() > 0);
    peer.write_all(&[0x01, 0x01, 0x77]).await.unwrap();
    owed.recv().await.unwrap().respond(Draft::new(Code::CONTENT)).unwrap();
    let n = timeout(SOON, peer.read(&mut bytes)).await.unwrap().unwrap();
    assert_eq!(bytes[..n], [0x01, 0x45, 0x77]);
}

struct Nobody;

impl Wake for Nobody {
    fn wake(self: Arc<Self>) {}
}

#[tokio::test(start_paused = true)]
async fn who_stops_waiting_for_the_end_is_forgotten() {
    let (_peer, handle, _ended) = raw(Config::new(), NoService).await;
    for _ in 0..100 {
        let nobody = Arc::new(Nobody);
        let waker = Waker::from(nobody.clone());
        let mut closed = Box::pin(handle.closed());
        assert!(closed.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        drop((closed, waker));
        assert_eq!(Arc::strong_count(&nobody), 1);
    }
}
