//! Echo, and servers that have too much to do.

#![allow(clippy::unwrap_used)]

use core::time::Duration;
use std::sync::{Arc, Mutex};

use bind_tokio::core::{Code, Config, Incoming, OptionNumber};
use bind_tokio::{Coap, Draft, Endpoint, Handle, NoService, Reply, Role, Service, Streaming, upload};

fn pair(service: impl Service) -> Handle {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let endpoint = Endpoint::new(Config::new());
    let (handle, driver) = endpoint.connect_over(ours, NoService);
    tokio::spawn(endpoint.drive(theirs, Role::Acceptor, Coap::new(service), std::future::pending()));
    tokio::spawn(driver);
    handle
}

type Seen = Arc<Mutex<Vec<Option<Vec<u8>>>>>;

/// Notes the Echo values that come. Wants `fresh` in each request to /guarded; /gives has a new value in its answer.
fn guarded() -> (Seen, impl Service) {
    let seen = Seen::default();
    let note = seen.clone();
    let serve = move |request: &Incoming<'_>, mut reply: Reply<'_, '_, '_>| {
        note.lock().unwrap().push(request.echo().map(<[u8]>::to_vec));
        match request.path().next() {
            Some(b"guarded") if request.echo() != Some(b"fresh") => reply.challenge(b"fresh"),
            Some(b"never") => reply.challenge(b"other"),
            Some(b"gives") => {
                let mut answer = reply.respond(Code::CONTENT).unwrap();
                answer.option(OptionNumber::ECHO, b"given").unwrap();
                answer.finish().unwrap();
            }
            _ if request.wants_observe() => drop(reply.observe(&Draft::new(Code::CONTENT).payload("ok"))),
            _ => reply.content(Code::CONTENT, 0, request.payload),
        }
    };
    (seen, serve)
}

fn echoes(seen: &Seen) -> Vec<String> {
    let seen = core::mem::take(&mut *seen.lock().unwrap());
    seen.into_iter().map(|echo| String::from_utf8(echo.unwrap_or_default()).unwrap()).collect()
}

/// E-2.3-1
#[tokio::test(start_paused = true)]
async fn e_2_3_1_a_challenged_request_is_sent_once_more_with_the_value() {
    let (seen, service) = guarded();
    let handle = pair(service);
    for draft in [Draft::get("/guarded"), Draft::put("/guarded").payload("small")] {
        let answer = handle.request(draft).await.unwrap();
        assert_eq!(answer.view().code, Code::CONTENT);
        assert_eq!(echoes(&seen), ["", "fresh"]);
    }
    let mut observation = handle.observe(Draft::get("/guarded")).await.unwrap();
    assert_eq!(observation.next().await.unwrap().unwrap().view().code, Code::CONTENT);
    assert_eq!(echoes(&seen), ["", "fresh"]);
    // Once, and no more: the second challenge is the answer, as a value.
    let answer = handle.request(Draft::get("/never")).await.unwrap();
    assert_eq!((answer.view().code, answer.view().echo()), (Code::UNAUTHORIZED, Some(&b"other"[..])));
    assert_eq!(echoes(&seen), ["", "other"]);
    // Whoever sees to it by hand gets the challenge.
    let draft = Draft::get("/guarded").option(OptionNumber::ECHO, &b"mine"[..]);
    assert_eq!(handle.request(draft).await.unwrap().view().code, Code::UNAUTHORIZED);
    assert_eq!(echoes(&seen), ["mine"]);
}

/// E-2.3-1
#[tokio::test(start_paused = true)]
async fn e_2_3_1_any_other_value_goes_into_the_next_request_on_that_connection() {
    let (seen, service) = guarded();
    let handle = pair(service);
    let (other_seen, service) = guarded();
    let other = pair(service);
    handle.request(Draft::get("/gives")).await.unwrap();
    other.request(Draft::get("/")).await.unwrap();
    handle.request(Draft::get("/")).await.unwrap();
    handle.request(Draft::get("/")).await.unwrap();
    assert_eq!(echoes(&seen), ["", "given", ""]);
    assert_eq!(echoes(&other_seen), [""]);
}

/// E-2.3-1
#[tokio::test(start_paused = true)]
async fn e_2_3_1_bodies_in_blocks_are_sent_once_more_too() {
    let serve = |request: &Incoming<'_>, reply: Reply<'_, '_, '_>| match request.echo() {
        None => reply.challenge(b"fresh"),
        Some(_) => {
            let mut body = reply.receive().unwrap();
            tokio::spawn(async move {
                let mut bytes = Vec::new();
                while let Some(part) = body.chunk().await {
                    bytes.extend_from_slice(&part.unwrap());
                }
                body.respond(Draft::new(Code::CONTENT).payload(bytes)).unwrap();
            });
        }
    };
    let bytes: Vec<u8> = (0..5000_u32).map(|n| n as u8).collect();
    // Challenged at its end, when the service sees it, and at its first block.
    for handle in [pair(serve), pair(Streaming(serve))] {
        let answer = handle.request(Draft::post("/").payload(bytes.clone())).await.unwrap();
        assert_eq!(answer.view().payload, bytes);
    }
    // A body that is made while it is sent is there once: challenged at its first block, it goes on.
    let handle = pair(Streaming(serve));
    let answer = upload(&handle, Draft::post("/"), None, &bytes[..]).await.unwrap();
    assert_eq!(answer.view().payload, bytes);
    // Later, the challenge is the answer.
    let handle = pair(serve);
    let answer = upload(&handle, Draft::post("/"), None, &bytes[..]).await.unwrap();
    assert_eq!((answer.view().code, answer.view().echo()), (Code::UNAUTHORIZED, Some(&b"fresh"[..])));
}

/// C-8516-1, row-45
#[tokio::test(start_paused = true)]
async fn c_8516_1_an_overwhelmed_server_says_when_to_come_again() {
    let serve = |request: &Incoming<'_>, reply: Reply<'_, '_, '_>| match request.path().next() {
        Some(b"you") => reply.too_many(Duration::from_millis(299_001)),
        Some(b"all") => reply.unavailable(Duration::ZERO),
        Some(b"soon") => reply.code(Code::SERVICE_UNAVAILABLE),
        _ => reply.code(Code::CONTENT),
    };
    let handle = pair(serve);
    for (path, code, wait) in [
        ("/you", Code::TOO_MANY_REQUESTS, Some(300)),
        ("/all", Code::SERVICE_UNAVAILABLE, Some(0)),
        ("/soon", Code::SERVICE_UNAVAILABLE, Some(60)),
        ("/", Code::CONTENT, None),
    ] {
        let answer = handle.request(Draft::get(path)).await.unwrap();
        assert_eq!(answer.view().code, code);
        assert_eq!(answer.view().retry_after(), wait.map(Duration::from_secs), "{path}");
    }
}
