//! Many at once, and methods that are rare.

#![allow(clippy::unwrap_used)]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use bind_tokio::core::{Code, Config, Incoming, OptionNumber};
use bind_tokio::{
    Coap, Deferred, Draft, Endpoint, Handle, NoService, Notifier, Reply, RequestError, Role, Service,
};

fn pair(config: Config, service: impl Service) -> Handle {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let endpoint = Endpoint::new(config);
    let (handle, driver) = endpoint.connect_over(ours, NoService);
    tokio::spawn(endpoint.drive(theirs, Role::Acceptor, Coap::new(service), std::future::pending()));
    tokio::spawn(driver);
    handle
}

type Notifiers = Arc<Mutex<HashMap<Vec<u8>, Notifier>>>;

/// Every resource can be observed; by its path.
fn observable() -> (Notifiers, impl Service) {
    let notifiers = Notifiers::default();
    let kept = notifiers.clone();
    let serve = move |request: &Incoming<'_>, reply: Reply<'_, '_, '_>| {
        let path = request.path().next().unwrap_or_default().to_vec();
        match reply.observe(&Draft::new(Code::CONTENT).payload("registered")) {
            Some(notifier) => drop(kept.lock().unwrap().insert(path, notifier)),
            None => drop(kept.lock().unwrap().remove(&path)),
        }
    };
    (notifiers, serve)
}

/// O-4-1, F-35
#[tokio::test(start_paused = true)]
async fn a_thousand_observations_on_one_connection() {
    let (notifiers, service) = observable();
    let handle = pair(Config::new().max_observers(1000), service);
    let mut observations = Vec::new();
    for n in 0..1000 {
        let mut observation = handle.observe(Draft::get(&format!("/{n}"))).await.unwrap();
        let first = observation.next().await.unwrap().unwrap();
        assert_eq!(first.view().observe(), Some(0), "{n}");
        observations.push(observation);
    }
    // One too many is answered all the same (O-3.1-1).
    let mut beyond = handle.observe(Draft::get("/beyond")).await.unwrap();
    assert_eq!(beyond.next().await.unwrap().unwrap().view().observe(), None);
    assert!(beyond.next().await.is_none());
    for round in 0..3 {
        for (path, notifier) in notifiers.lock().unwrap().iter() {
            let state = [path.as_slice(), b" ", &[b'0' + round]].concat();
            assert!(notifier.notify(&Draft::new(Code::CONTENT).payload(state)));
        }
        for (n, observation) in observations.iter_mut().enumerate() {
            let state = observation.next().await.unwrap().unwrap();
            assert_eq!(state.view().payload, format!("{n} {round}").as_bytes());
        }
    }
    // Requests have their place beside them.
    assert_eq!(handle.request(Draft::get("/5000")).await.unwrap().view().payload, b"registered");
    observations.clear();
    handle.ping().await.unwrap();
    handle.ping().await.unwrap();
    assert_eq!(notifiers.lock().unwrap().len(), 0);
    let again = handle.observe(Draft::get("/1")).await.unwrap().next().await.unwrap().unwrap();
    assert_eq!(again.view().observe(), Some(0));
}

/// O-3.1-2
#[tokio::test(start_paused = true)]
async fn o_3_1_2_a_resource_is_registered_once() {
    let (notifiers, service) = observable();
    let handle = pair(Config::new(), service);
    let mut observation = handle.observe(Draft::get("/a")).await.unwrap();
    observation.next().await.unwrap().unwrap();
    assert_eq!(handle.observe(Draft::get("/a")).await.unwrap_err(), RequestError::Observed);
    // An option that is no part of the cache key makes no other resource of it; another query does.
    let sized = Draft::get("/a").uint(OptionNumber::SIZE1, 7);
    assert_eq!(handle.observe(sized).await.unwrap_err(), RequestError::Observed);
    let other = handle.observe(Draft::get("/a?b")).await.unwrap();
    drop(other);
    let fetch = |what: &'static str| Draft::new(Code::FETCH).path("/f").payload(what);
    let _one = handle.observe(fetch("one")).await.unwrap();
    let _two = handle.observe(fetch("two")).await.unwrap();
    assert_eq!(handle.observe(fetch("two")).await.unwrap_err(), RequestError::Observed);
    // Given up, or ended by the server, it can be observed again.
    drop(observation);
    let mut observation = handle.observe(Draft::get("/a")).await.unwrap();
    observation.next().await.unwrap().unwrap();
    handle.ping().await.unwrap();
    notifiers.lock().unwrap().remove(&b"a"[..]).unwrap().end(Code::NOT_FOUND);
    assert_eq!(observation.next().await.unwrap().unwrap().view().code, Code::NOT_FOUND);
    assert!(observation.next().await.is_none());
    let mut again = handle.observe(Draft::get("/a")).await.unwrap();
    assert_eq!(again.next().await.unwrap().unwrap().view().observe(), Some(0));
    again.cancel().await.unwrap();
    handle.observe(Draft::get("/a")).await.unwrap();
}

/// C-8132-1, C-8132-2
#[tokio::test(start_paused = true)]
async fn c_8132_1_fetch_patch_and_ipatch_carry_bodies_of_any_size() {
    let serve = |request: &Incoming<'_>, reply: Reply<'_, '_, '_>| {
        assert_eq!(request.uint(OptionNumber::CONTENT_FORMAT), Some(50));
        match request.code {
            Code::FETCH => reply.content(Code::CONTENT, 50, request.payload),
            Code::PATCH | Code::IPATCH if request.payload.is_empty() => {
                reply.code(Code::UNPROCESSABLE_ENTITY)
            }
            Code::PATCH => reply.code(Code::CREATED),
            Code::IPATCH => reply.code(Code::CHANGED),
            _ => reply.code(Code::METHOD_NOT_ALLOWED),
        }
    };
    let handle = pair(Config::new(), serve);
    for length in [0, 10, 5000] {
        let body: Vec<u8> = (0..length).map(|n| (n / 100 + n) as u8).collect();
        let draft = |code| Draft::new(code).path("/").content(50, body.clone());
        let fetched = handle.request(draft(Code::FETCH)).await.unwrap();
        assert_eq!((fetched.view().code, fetched.view().payload), (Code::CONTENT, &body[..]));
        let (patch, ipatch) = match length {
            0 => (Code::UNPROCESSABLE_ENTITY, Code::UNPROCESSABLE_ENTITY),
            _ => (Code::CREATED, Code::CHANGED),
        };
        assert_eq!(handle.request(draft(Code::PATCH)).await.unwrap().view().code, patch);
        assert_eq!(handle.request(draft(Code::IPATCH)).await.unwrap().view().code, ipatch);
        // A FETCH answer of which no more is kept than a message.
        let mut download = handle.download(draft(Code::FETCH)).await.unwrap();
        let mut bytes = Vec::new();
        while let Some(part) = download.chunk().await {
            bytes.extend_from_slice(&part.unwrap());
        }
        assert_eq!(bytes, body);
    }
}

/// D-E-3, row-45
#[tokio::test(start_paused = true)]
async fn d_e_3_what_is_to_be_answered_later_is_bounded() {
    let owed = Arc::new(Mutex::new(Vec::<Deferred>::new()));
    let kept = owed.clone();
    let serve = move |_: &Incoming<'_>, reply: Reply<'_, '_, '_>| kept.lock().unwrap().extend(reply.defer());
    let handle = pair(Config::new().max_inbound(3), serve);
    let ask = || {
        let handle = handle.clone();
        tokio::spawn(async move { handle.request(Draft::get("/")).await.unwrap().view().code })
    };
    let mut waiting = vec![ask(), ask(), ask()];
    while owed.lock().unwrap().len() < 3 {
        tokio::task::yield_now().await;
    }
    assert_eq!(handle.request(Draft::get("/")).await.unwrap().view().code, Code::SERVICE_UNAVAILABLE);
    owed.lock().unwrap().pop().unwrap().respond(Draft::new(Code::CONTENT)).unwrap();
    waiting.push(ask());
    while owed.lock().unwrap().len() < 3 {
        tokio::task::yield_now().await;
    }
    for deferred in owed.lock().unwrap().drain(..) {
        deferred.respond(Draft::new(Code::CONTENT)).unwrap();
    }
    for answer in waiting {
        assert_eq!(answer.await.unwrap(), Code::CONTENT);
    }
}
