//! F-35: every future may be dropped at every await. Each is polled k times and dropped, for every k until it is
//! ready; then the connection works as before, and nothing is left behind.

#![allow(clippy::unwrap_used)]

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use bind_tokio::core::{Closed, Code, Config, Incoming};
use bind_tokio::{
    Coap, Draft, Endpoint, Handle, NoService, Notifier, Observation, Reply, Role, Service, Streaming,
};
use tokio::task::yield_now;

/// One request and one observation at a time, so that one that is left behind is noticed.
fn config() -> Config {
    Config::new().max_outstanding(1).max_observers(1).request_timeout(None)
}

/// A narrow pipe, so that messages are cut everywhere.
fn pair(service: impl Service) -> Handle {
    let (ours, theirs) = tokio::io::duplex(100);
    let endpoint = Endpoint::new(config());
    let (handle, driver) = endpoint.connect_over(ours, NoService);
    tokio::spawn(endpoint.drive(theirs, Role::Acceptor, Coap::new(service), std::future::pending()));
    tokio::spawn(driver);
    handle
}

/// The test's future is polled after each poll of another task; else these would go on for as long as they can.
fn run(paused: bool, test: impl Future<Output = ()>) {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().start_paused(paused).event_interval(1).build().unwrap().block_on(test);
}

async fn others_once() {
    let mut waited = false;
    poll_fn(|cx| {
        if core::mem::replace(&mut waited, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Polls so many times, and lets others run in between. `None`: dropped before it was ready.
async fn polled<F: Future>(times: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    for _ in 0..times {
        match poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await {
            Poll::Ready(output) => return Some(output),
            Poll::Pending => others_once().await,
        }
    }
    None
}

/// Drops the future after each poll, and makes it anew.
macro_rules! impatiently {
    ($future:expr) => {
        loop {
            if let Some(output) = polled(1, $future).await {
                break output;
            }
        }
    };
}

const LARGE: usize = 2500;

fn large() -> Vec<u8> {
    (0..LARGE).map(|n| (n / 100 + n) as u8).collect()
}

/// Gives back what it gets; /later after a few turns of the scheduler; /watch is observed, and notifies for a while.
fn serve(request: &Incoming<'_>, reply: Reply<'_, '_, '_>) {
    match request.path().next() {
        Some(b"later") => {
            let deferred = reply.defer().unwrap();
            tokio::spawn(async move {
                for _ in 0..5 {
                    yield_now().await;
                }
                let _ = deferred.respond(Draft::new(Code::CONTENT).payload("later"));
            });
        }
        Some(b"watch") => {
            let state = |n: usize| Draft::new(Code::CONTENT).payload(n.to_string());
            let Some(notifier): Option<Notifier> = reply.observe(&state(0)) else {
                return;
            };
            tokio::spawn(async move {
                for n in 1.. {
                    yield_now().await;
                    if !notifier.notify(&state(n)) {
                        break;
                    }
                }
            });
        }
        Some(b"up") => {
            let mut body = reply.receive().unwrap();
            tokio::spawn(async move {
                let mut bytes = Vec::new();
                while let Some(Ok(part)) = body.chunk().await {
                    bytes.extend_from_slice(&part);
                }
                let _ = body.respond(Draft::new(Code::CHANGED).payload(bytes));
            });
        }
        Some(b"large") => reply.content(Code::CONTENT, 42, &large()),
        _ => reply.content(Code::CONTENT, 42, request.payload),
    }
}

/// It works as before, and nothing is left behind.
async fn check(handle: &Handle) {
    handle.ping().await.unwrap();
    let answer = handle.request(Draft::post("/").payload("still there")).await.unwrap();
    assert_eq!(answer.view().payload, b"still there");
    let mut observation = handle.observe(Draft::get("/watch")).await.unwrap();
    for _ in 0..2 {
        let notification = observation.next().await.unwrap().unwrap();
        assert!(notification.view().observe().is_some(), "the only place for an observation is free");
    }
    observation.cancel().await.unwrap();
}

/// More requests than have a place in the queue.
async fn check_queue(handle: &Handle) {
    let tasks: Vec<_> = (0..100_u32)
        .map(|n| {
            let handle = handle.clone();
            tokio::spawn(async move { handle.request(Draft::post("/").payload(n.to_string())).await })
        })
        .collect();
    for (n, task) in tasks.into_iter().enumerate() {
        assert_eq!(task.await.unwrap().unwrap().view().payload, n.to_string().as_bytes());
    }
}

/// Runs `act` with every number of polls until it is ready. All of it on one connection, and on one of its own.
async fn everywhere<F, O>(act: impl Fn(Handle) -> F) -> O
where
    F: Future<Output = O>,
{
    let same = pair(Streaming(serve));
    for times in 0..100_000 {
        let own = pair(Streaming(serve));
        polled(times, act(own.clone())).await;
        check(&own).await;
        if let Some(output) = polled(times, act(same.clone())).await {
            assert!(times > 3, "it has been dropped here and there");
            check(&same).await;
            check_queue(&same).await;
            return output;
        }
        if times % 10 == 0 {
            check(&same).await;
        }
    }
    panic!("never ready");
}

/// F-35
#[test]
fn f_35_request() {
    run(true, async {
        let answer =
            everywhere(|handle| async move { handle.request(Draft::get("/later")).await.unwrap() }).await;
        assert_eq!(answer.view().payload, b"later");
    });
}

/// F-35
#[test]
fn f_35_request_in_blocks() {
    run(true, async {
        let answer =
            everywhere(|handle| async move { handle.request(Draft::get("/large")).await.unwrap() }).await;
        assert_eq!(answer.view().payload, large());
        let post = |handle: Handle| async move {
            handle.request(Draft::post("/up").payload(large())).await.unwrap()
        };
        assert_eq!(everywhere(post).await.view().payload, large());
    });
}

/// F-35
#[test]
fn f_35_observe_next_and_cancel() {
    run(true, async {
        let all = |handle: Handle| async move {
            let mut observation = handle.observe(Draft::get("/watch")).await.unwrap();
            for _ in 0..3 {
                observation.next().await.unwrap().unwrap();
            }
            observation.cancel().await.unwrap()
        };
        assert_eq!(everywhere(all).await.view().code, Code::CONTENT);
    });
}

/// F-35
#[test]
fn f_35_next_loses_no_notification() {
    run(true, async {
        let handle = pair(Streaming(serve));
        let mut observation: Observation = handle.observe(Draft::get("/watch")).await.unwrap();
        let mut last = None;
        for _ in 0..50 {
            let notification = impatiently!(observation.next()).unwrap().unwrap();
            let n: u64 = std::str::from_utf8(notification.view().payload).unwrap().parse().unwrap();
            assert!(last.is_none_or(|last| n > last), "none twice, and in order");
            last = Some(n);
        }
        drop(observation);
        check(&handle).await;
    });
}

/// F-35
#[test]
fn f_35_ping() {
    run(true, async {
        everywhere(|handle| async move { handle.ping().await.unwrap() }).await;
    });
}

/// F-35
#[test]
fn f_35_closed() {
    run(true, async {
        let handle = pair(Streaming(serve));
        for times in 0..50 {
            assert_eq!(polled(times, handle.closed()).await, None);
        }
        check(&handle).await;
        handle.release();
        assert_eq!(impatiently!(handle.closed()), Closed::Local);
    });
}

/// F-35
#[test]
fn f_35_upload_and_download() {
    run(true, async {
        let up = |handle: Handle| async move {
            let (bytes, mut upload) = (large(), handle.upload(Draft::post("/up"), None).await.unwrap());
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                match upload.write(rest).await {
                    0 => break,
                    taken => rest = &rest[taken..],
                }
            }
            upload.finish().await.unwrap()
        };
        assert_eq!(everywhere(up).await.view().payload, large());
        let down = |handle: Handle| async move {
            let mut bytes = Vec::new();
            let mut download = handle.download(Draft::get("/large")).await.unwrap();
            while let Some(part) = download.chunk().await {
                bytes.extend_from_slice(&part.unwrap());
            }
            bytes
        };
        assert_eq!(everywhere(down).await, large());
    });
}

/// F-35: dropped after each poll on both sides, no byte of a body is lost or comes twice.
#[test]
fn f_35_bodies_are_whole_whatever_is_dropped() {
    run(true, async {
        let serve = |_: &Incoming<'_>, reply: Reply<'_, '_, '_>| {
            let mut body = reply.receive().unwrap();
            tokio::spawn(async move {
                let mut bytes = Vec::new();
                while let Some(part) = impatiently!(body.chunk()) {
                    bytes.extend_from_slice(&part.unwrap());
                }
                let mut answer = body.stream(Draft::new(Code::CONTENT), None).unwrap();
                let mut rest = &bytes[..];
                while !rest.is_empty() {
                    rest = &rest[impatiently!(answer.write(&rest[..rest.len().min(300)]))..];
                }
                answer.finish();
            });
        };
        let handle = pair(Streaming(serve));
        let (bytes, mut upload) = (large(), handle.upload(Draft::post("/"), None).await.unwrap());
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            rest = &rest[impatiently!(upload.write(&rest[..rest.len().min(300)]))..];
        }
        let mut download = upload.download().await.unwrap();
        let mut arrived = Vec::new();
        while let Some(part) = impatiently!(download.chunk()) {
            arrived.extend_from_slice(&part.unwrap());
        }
        assert_eq!(arrived, bytes);
    });
}

/// F-35
#[test]
fn f_35_connect() {
    run(false, async {
        let endpoint = Endpoint::new(config());
        let listener = endpoint.listen_plain("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (served, over) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        struct Counted(Arc<AtomicUsize>);
        impl Service for Counted {
            fn handle(&mut self, request: &Incoming<'_>, reply: Reply<'_, '_, '_>) {
                serve(request, reply);
            }
        }
        impl Drop for Counted {
            fn drop(&mut self) {
                self.0.fetch_add(1, Ordering::Relaxed);
            }
        }
        let (begun, ended) = (served.clone(), over.clone());
        let service = move |_| {
            begun.fetch_add(1, Ordering::Relaxed);
            Counted(ended.clone())
        };
        tokio::spawn(listener.serve(service, std::future::pending()));
        let mut times = 0;
        let handle = loop {
            if let Some(handle) = polled(times, endpoint.connect_plain(address, NoService)).await {
                break handle.unwrap();
            }
            times += 1;
        };
        check(&handle).await;
        handle.release();
        handle.closed().await;
        // No connection is left at the server.
        while over.load(Ordering::Relaxed) < served.load(Ordering::Relaxed) {
            yield_now().await;
        }
    });
}

/// F-35: a server that is dropped releases its connections, which are still answered what they are owed.
#[test]
fn f_35_serve() {
    run(false, async {
        let endpoint = Endpoint::new(config());
        for times in 1..50 {
            let listener = endpoint.listen_plain("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let mut serving = Box::pin(listener.serve(|_| serve, std::future::pending()));
            let client = endpoint.clone();
            let asked = tokio::spawn(async move {
                let handle = client.connect_plain(address, NoService).await.ok()?;
                let answer = handle.request(Draft::get("/later")).await;
                Some((answer, handle.closed().await))
            });
            assert!(polled(times, serving.as_mut()).await.is_none());
            drop(serving);
            // Accepted or not, it comes to an end.
            if let Some((Ok(answer), why)) = asked.await.unwrap() {
                assert_eq!((answer.view().payload, why), (&b"later"[..], Closed::Released));
            }
        }
    });
}
