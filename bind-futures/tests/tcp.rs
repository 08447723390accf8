//! Client and server over real TCP with real timers, on smol and on async-std.

#![allow(clippy::unwrap_used)]
#![cfg(feature = "async-io")]

use std::future::{Future, pending};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bind_futures::core::{Closed, Code, Config, Count, Incoming};
use bind_futures::{
    AsyncIo, Coap, Counters, Draft, Driver, HalfClose, Handle, NoService, Reply, RequestError, Role, Timer,
    drive, run,
};
use futures_io::{AsyncRead, AsyncWrite};

const ANY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

const LINGER: Duration = Duration::from_secs(60);

static CONFIG: Config = Config::new().request_timeout(Some(Duration::from_millis(50))).linger(LINGER);

/// Answers each payload with itself, and what is sent to /late only when the next request comes.
fn echo() -> Coap<impl bind_futures::Service> {
    let mut late = Vec::new();
    Coap::new(move |request: &Incoming<'_>, reply: Reply<'_, '_, '_>| {
        if request.path().next() == Some(b"late") {
            late.extend(reply.defer());
        } else {
            late.clear();
            reply.content(Code::CONTENT, 42, request.payload);
        }
    })
}

async fn serve<IO: AsyncRead + AsyncWrite + Unpin>(io: IO, stop: impl Future<Output = ()>) -> Closed {
    drive(io, Role::Acceptor, &CONFIG, AsyncIo::start(), echo(), stop).await.unwrap()
}

fn connect<IO>(io: IO) -> (Handle, impl Future<Output = Closed>)
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let (layer, handle) = Coap::with_handle(NoService);
    let driven = drive(io, Role::Initiator, &CONFIG, AsyncIo::start(), layer, pending());
    (handle, async { driven.await.unwrap() })
}

async fn talk(handle: &Handle) {
    let late = handle.request(Draft::get("/late")).await;
    assert_eq!(late.unwrap_err(), RequestError::Timeout);
    for payload in ["a", "bc", &"d".repeat(900)] {
        let answer = handle.request(Draft::post("/echo").payload(payload.to_owned())).await.unwrap();
        assert_eq!(answer.view().payload, payload.as_bytes());
    }
}

#[test]
fn smol() {
    let start = Instant::now();
    smol::block_on(async {
        let listener = smol::net::TcpListener::bind(ANY).await.unwrap();
        let stream = smol::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (accepted, _) = listener.accept().await.unwrap();
        let (stop, stopped) = smol::channel::bounded::<()>(1);
        let server = smol::spawn(serve(accepted, async move { stopped.recv().await.unwrap_or(()) }));
        let (handle, driven) = connect(stream);
        let client = smol::spawn(driven);
        talk(&handle).await;
        drop(stop);
        assert_eq!(client.await, Closed::Released);
        assert_eq!(server.await, Closed::Local);
    });
    assert!(start.elapsed() < LINGER / 2, "the ends of the streams were not told");
}

#[test]
fn async_std() {
    let start = Instant::now();
    async_std::task::block_on(async {
        let listener = async_std::net::TcpListener::bind(ANY).await.unwrap();
        let stream = async_std::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (accepted, _) = listener.accept().await.unwrap();
        let accepted = HalfClose::new(accepted, |stream| stream.shutdown(Shutdown::Write));
        let server = async_std::task::spawn(serve(accepted, pending()));
        let (handle, driven) = connect(HalfClose::new(stream, |stream| stream.shutdown(Shutdown::Write)));
        let client = async_std::task::spawn(driven);
        talk(&handle).await;
        handle.release();
        assert_eq!(client.await, Closed::Local);
        assert_eq!(server.await, Closed::Released);
    });
    assert!(start.elapsed() < LINGER / 2, "the ends of the streams were not told");
}

#[test]
fn a_connection_that_never_begins_is_over() {
    smol::block_on(async {
        let io = || smol::io::Cursor::new(Vec::new());
        let (handle, driven) = connect(io());
        drop(driven);
        let lost = handle.request(Draft::get("/")).await.unwrap_err();
        assert_eq!(lost, RequestError::Closed { why: Closed::Local, sent: false });

        let config = Config::new().max_message_size(0);
        let (layer, handle) = Coap::with_handle(NoService);
        drive(io(), Role::Initiator, &config, AsyncIo::start(), layer, pending()).await.unwrap_err();
        assert_eq!(handle.is_closed(), Some(Closed::Local));
    });
}

#[test]
fn connections_may_count_together() {
    smol::block_on(async {
        let counters = Arc::new(Counters::new());
        for n in 1..=2 {
            let listener = smol::net::TcpListener::bind(ANY).await.unwrap();
            let stream = smol::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let (accepted, _) = listener.accept().await.unwrap();
            let timer = AsyncIo::start();
            let driver = Driver::new(Role::Acceptor, &CONFIG, Coap::new(NoService), timer.now()).unwrap();
            let server = smol::spawn(run(accepted, driver.counting(counters.clone()), timer, pending()));
            let (handle, driven) = connect(stream);
            let client = smol::spawn(driven);
            let answer = handle.request(Draft::get("/")).await.unwrap();
            assert_eq!(answer.view().code, Code::NOT_IMPLEMENTED);
            handle.release();
            assert_eq!(client.await, Closed::Local);
            assert_eq!(server.await, Closed::Released);
            let counted = [Count::Requests, Count::NotImplemented, Count::Released];
            assert_eq!(counted.map(|count| counters.snapshot().get(count)), [n; 3]);
        }
    });
}
