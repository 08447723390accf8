//! Client and server of this crate over a pipe in memory, under a clock that jumps.

#![allow(clippy::unwrap_used)]

use core::time::Duration;
use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bind_tokio::core::{Closed, Code, Config, Incoming, KeepAlive, OptionNumber, SendError};
use bind_tokio::{Coap, Draft, Endpoint, Handle, NoService, Reply, RequestError, Role, Service};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

type Ended = JoinHandle<Closed>;

/// Two ends that talk to each other over a pipe that holds `window` bytes.
fn pair(window: usize, config: Config, client: impl Service, server: impl Service) -> (Handle, Ended, Ended) {
    let (ours, theirs) = tokio::io::duplex(window);
    let endpoint = Endpoint::new(config);
    let (handle, driver) = endpoint.connect_over(ours, client);
    let served = endpoint.drive(theirs, Role::Acceptor, Coap::new(server), std::future::pending());
    let client = tokio::spawn(async move { driver.await.unwrap() });
    let server = tokio::spawn(async move { served.await.unwrap() });
    (handle, client, server)
}

/// One end, and the bytes of the other in the test's hands.
async fn raw(config: Config, service: impl Service) -> (DuplexStream, Handle, Ended) {
    let (ours, mut theirs) = tokio::io::duplex(64 * 1024);
    let (handle, driver) = Endpoint::new(config).connect_over(ours, service);
    let ended = tokio::spawn(async move { driver.await.unwrap() });
    let mut csm = [0; 6];
    theirs.read_exact(&mut csm).await.unwrap();
    theirs.write_all(&[0x00, 0xe1]).await.unwrap();
    (theirs, handle, ended)
}

fn echo(request: &Incoming<'_>, reply: Reply<'_, '_, '_>) {
    reply.content(Code::CONTENT, 42, request.payload);
}

async fn next(observation: &mut bind_tokio::Observation) -> String {
    let notification = observation.next().await.unwrap().unwrap();
    String::from_utf8(notification.view().payload.to_vec()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn requests_are_answered_and_a_release_ends_both_sides() {
    let (handle, client, server) = pair(64, Config::new(), NoService, echo);
    for n in 0..100_u32 {
        let answer = handle.request(Draft::post("/echo").payload(n.to_string())).await.unwrap();
        assert_eq!(answer.view().code, Code::CONTENT);
        assert_eq!(answer.view().payload, n.to_string().as_bytes());
    }
    handle.release();
    assert_eq!(handle.closed().await, Closed::Local);
    assert_eq!(client.await.unwrap(), Closed::Local);
    assert_eq!(server.await.unwrap(), Closed::Released);
    let late = handle.request(Draft::get("/")).await;
    assert_eq!(late.unwrap_err(), RequestError::Closed { why: Closed::Local, sent: false });
}

#[tokio::test(start_paused = true)]
async fn many_requests_of_many_tasks_share_one_narrow_connection() {
    let (handle, _client, _server) = pair(64, Config::new().max_outstanding(8), NoService, echo);
    let tasks: Vec<_> = (0..200_u32)
        .map(|n| {
            let handle = handle.clone();
            tokio::spawn(async move {
                let answer = handle.request(Draft::post("/").payload(n.to_string())).await.unwrap();
                assert_eq!(answer.view().payload, n.to_string().as_bytes());
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

/// T-3.3-11
#[tokio::test(start_paused = true)]
async fn t_3_3_11_without_a_service_requests_are_answered_5_01() {
    let (handle, _client, _server) = pair(1024, Config::new(), NoService, NoService);
    let answer = handle.request(Draft::get("/")).await.unwrap();
    assert_eq!(answer.view().code, Code::NOT_IMPLEMENTED);
}

/// row-70
#[tokio::test(start_paused = true)]
async fn row_70_an_answer_may_come_late_and_a_lost_one_is_5_00() {
    let serve = |request: &Incoming<'_>, reply: Reply<'_, '_, '_>| {
        let lost = request.path_is(&["lost"]);
        let deferred = reply.defer().unwrap();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(10)).await;
            if !lost {
                deferred.respond(Draft::new(Code::CONTENT).payload("late")).unwrap();
            }
        });
    };
    let (handle, _client, _server) = pair(1024, Config::new(), NoService, serve);
    let (late, lost) = tokio::join!(handle.request(Draft::get("/")), handle.request(Draft::get("/lost")));
    assert_eq!(late.unwrap().view().payload, b"late");
    assert_eq!(lost.unwrap().view().code, Code::INTERNAL_SERVER_ERROR);
}

/// T-3.3-10
#[tokio::test(start_paused = true)]
async fn t_3_3_10_a_server_asks_back_on_the_same_connection() {
    let serve = |_: &Incoming<'_>, mut reply: Reply<'_, '_, '_>| {
        let client = reply.connection();
        let deferred = reply.defer().unwrap();
        tokio::spawn(async move {
            let answer = client.request(Draft::post("/").payload("ping-pong")).await.unwrap();
            deferred.respond(Draft::new(Code::CONTENT).payload(answer.view().payload.to_vec()))
        });
    };
    let (handle, _client, _server) = pair(64, Config::new(), echo, serve);
    let answer = handle.request(Draft::get("/")).await.unwrap();
    assert_eq!(answer.view().payload, b"ping-pong");
}

/// Serves one observable resource whose states come from the test.
fn observable(states: mpsc::UnboundedReceiver<String>, ended: mpsc::UnboundedSender<u64>) -> impl Service {
    let mut states = Some(states);
    move |_: &Incoming<'_>, reply: Reply<'_, '_, '_>| {
        let first = Draft::new(Code::CONTENT).payload("first");
        let Some(notifier) = reply.observe(&first) else {
            return;
        };
        let (mut states, ended) = (states.take().unwrap(), ended.clone());
        tokio::spawn(async move {
            while let Some(state) = states.recv().await {
                if !notifier.notify(&Draft::new(Code::CONTENT).payload(state)) {
                    break;
                }
            }
            let _ = ended.send(notifier.skipped());
        });
    }
}

/// O-7.4-1
#[tokio::test(start_paused = true)]
async fn o_7_4_1_an_observation_is_notified_then_cancelled() {
    let (send, states) = mpsc::unbounded_channel();
    let (ended, mut end) = mpsc::unbounded_channel();
    let (handle, _client, _server) = pair(1024, Config::new(), NoService, observable(states, ended));
    let mut observation = handle.observe(Draft::get("/")).await.unwrap();
    assert_eq!(next(&mut observation).await, "first");
    for state in ["a", "b", "c"] {
        send.send(state.to_owned()).unwrap();
        assert_eq!(next(&mut observation).await, state);
    }
    assert_eq!(observation.cancel().await.unwrap().view().code, Code::CONTENT);
    send.send("nobody hears".to_owned()).unwrap();
    assert_eq!(end.recv().await, Some(0));
}

/// O-7.4-1
#[tokio::test(start_paused = true)]
async fn o_7_4_1_a_dropped_observation_is_cancelled_on_the_wire() {
    let (send, states) = mpsc::unbounded_channel();
    let (ended, mut end) = mpsc::unbounded_channel();
    let (handle, _client, _server) = pair(1024, Config::new(), NoService, observable(states, ended));
    let mut observation = handle.observe(Draft::get("/")).await.unwrap();
    assert_eq!(next(&mut observation).await, "first");
    drop(observation);
    handle.ping().await.unwrap();
    send.send("nobody hears".to_owned()).unwrap();
    assert_eq!(end.recv().await, Some(0));
}

/// O-4-1
#[tokio::test(start_paused = true)]
async fn o_3_1_2_a_resource_is_observed_once_at_a_time() {
    let serve = |_: &Incoming<'_>, reply: Reply<'_, '_, '_>| {
        core::mem::forget(reply.observe(&Draft::new(Code::CONTENT).payload("a")));
    };
    let (handle, _client, _server) = pair(1024, Config::new(), NoService, serve);
    let mut first = handle.observe(Draft::get("/a?b")).await.unwrap();
    assert_eq!(next(&mut first).await, "a");
    let again = handle.clone().observe(Draft::get("/a?b")).await;
    assert_eq!(again.unwrap_err(), RequestError::Observed);
    // What is not the same: another query, method, format.
    let fetch = Draft::new(Code::FETCH).path("/a?b").content(112, "x");
    let other = [Draft::get("/a?c"), fetch, Draft::get("/a?b").uint(OptionNumber::ACCEPT, 60)];
    let mut others = Vec::new();
    for draft in other {
        others.push(handle.observe(draft).await.unwrap());
        assert_eq!(next(others.last_mut().unwrap()).await, "a");
    }
    // An ordinary request is none, and Size2 is no other resource.
    assert_eq!(handle.request(Draft::get("/a?b")).await.unwrap().view().payload, b"a");
    let sized = Draft::get("/a?b").uint(OptionNumber::SIZE2, 0);
    assert_eq!(handle.observe(sized).await.unwrap_err(), RequestError::Observed);
    // Cancelled, or dropped, it leaves its place.
    first.cancel().await.unwrap();
    let mut second = handle.observe(Draft::get("/a?b")).await.unwrap();
    assert_eq!(next(&mut second).await, "a");
    drop(second);
    let mut third = handle.observe(Draft::get("/a?b")).await.unwrap();
    assert_eq!(next(&mut third).await, "a");
}

/// A registration that comes to nothing, or ends by itself, is over.
#[tokio::test(start_paused = true)]
async fn o_3_1_2_what_is_not_observed_may_be_asked_for_again() {
    let serve = |_: &Incoming<'_>, reply: Reply<'_, '_, '_>| reply.code(Code::NOT_FOUND);
    let (handle, _client, _server) = pair(1024, Config::new(), NoService, serve);
    for _ in 0..3 {
        let mut observation = handle.observe(Draft::get("/a")).await.unwrap();
        let answer = observation.next().await.unwrap().unwrap();
        assert_eq!(answer.view().code, Code::NOT_FOUND);
        assert!(observation.next().await.is_none());
        core::mem::forget(observation);
    }
}

#[tokio::test(start_paused = true)]
async fn o_4_1_a_slow_observer_gets_the_newest_state_and_the_skipped_are_counted() {
    let (send, states) = mpsc::unbounded_channel();
    let (ended, mut end) = mpsc::unbounded_channel();
    let (ours, mut theirs) = tokio::io::duplex(16);
    let service = observable(states, ended);
    let config = Config::new().tx_limit(256);
    let served =
        Endpoint::new(config).drive(ours, Role::Acceptor, Coap::new(service), std::future::pending());
    tokio::spawn(served);
    // CSM and a GET with Observe 0, then nothing is read for a while.
    theirs.write_all(&[0x00, 0xe1, 0x11, 0x01, 0x10, 0x60]).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    for n in 0..1000 {
        send.send(format!("state {n}")).unwrap();
        tokio::task::yield_now().await;
    }
    drop(send);
    let skipped = end.recv().await.unwrap();
    let mut read = Vec::new();
    let mut piece = [0; 64];
    while !String::from_utf8_lossy(&read).contains("state 999") {
        let n = theirs.read(&mut piece).await.unwrap();
        assert!(n > 0, "ended before the newest state");
        read.extend_from_slice(&piece[..n]);
    }
    let arrived = String::from_utf8_lossy(&read).matches("state").count() as u64;
    assert_eq!(skipped + arrived, 1000);
    assert!(skipped > 900, "{skipped}");
    // Then the notifier was dropped.
}

/// F-35
#[tokio::test(start_paused = true)]
async fn f_35_a_dropped_request_is_forgotten_and_disturbs_nobody() {
    let serve = |request: &Incoming<'_>, reply: Reply<'_, '_, '_>| match request.path_is(&["never"]) {
        true => {
            let deferred = reply.defer();
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_secs(5)).await;
                drop(deferred);
            });
        }
        false => reply.code(Code::CONTENT),
    };
    let config = Config::new().max_outstanding(1);
    let (handle, _client, _server) = pair(1024, config, NoService, serve);
    for _ in 0..10 {
        let never = handle.request(Draft::get("/never"));
        tokio::time::timeout(Duration::from_millis(10), never).await.unwrap_err();
    }
    // With one request at a time, this one goes only because the others are gone.
    let answer = tokio::time::timeout(Duration::from_secs(1), handle.request(Draft::get("/"))).await;
    assert_eq!(answer.unwrap().unwrap().view().code, Code::CONTENT);
}

/// D-E-4, T-D5-2
#[tokio::test(start_paused = true)]
async fn d_e_4_a_request_expires_and_t_d5_2_a_lost_connection_says_what_was_sent() {
    let config = Config::new().request_timeout(Some(Duration::from_secs(5)));
    let (mut peer, handle, ended) = raw(config, NoService).await;
    assert_eq!(handle.request(Draft::get("/")).await.unwrap_err(), RequestError::Timeout);
    let request = handle.request(Draft::get("/"));
    let cut = async {
        let mut get = [0; 64];
        let _ = peer.read(&mut get).await.unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        drop(peer);
    };
    let (answer, ()) = tokio::join!(request, cut);
    let why = ended.await.unwrap();
    assert_eq!(answer.unwrap_err(), RequestError::Closed { why, sent: true });
}

/// T-5.3.1-3
#[tokio::test(start_paused = true)]
async fn t_5_3_1_3_what_the_peer_does_not_take_is_not_sent() {
    let (_peer, handle, _ended) = raw(Config::new(), NoService).await;
    let large = Draft::put("/").payload(vec![0; 1200]);
    let error = handle.request(large).await.unwrap_err();
    assert_eq!(error, RequestError::Send(SendError::TooLarge { limit: 1152 }));
}

/// T-5.4-4
#[tokio::test(start_paused = true)]
async fn t_5_4_4_a_silent_peer_is_found_out() {
    let keep_alive = KeepAlive::Ping(Duration::from_secs(60));
    let config = Config::new().keep_alive(keep_alive).ping_timeout(Duration::from_secs(10));
    let start = tokio::time::Instant::now();
    let (_peer, handle, _ended) = raw(config, NoService).await;
    assert_eq!(handle.closed().await, Closed::PingTimeout);
    assert_eq!(start.elapsed().as_secs(), 70);
}

#[tokio::test]
async fn a_server_shuts_down_gracefully_over_tcp() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let endpoint = Endpoint::new(Config::new()).max_connections(2);
        let listener = endpoint.listen_plain(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let serve = listener.serve(|_| echo, async {
            let _ = stopped.await;
        });
        let server = tokio::spawn(serve);
        let handle = endpoint.connect_plain(address, NoService).await.unwrap();
        let answer = handle.request(Draft::post("/").payload("hi")).await.unwrap();
        assert_eq!(answer.view().payload, b"hi");
        stop.send(()).unwrap();
        assert_eq!(handle.closed().await, Closed::Released);
        server.await.unwrap();
    }
}

/// K-4.2-1, F-34
#[tokio::test]
async fn f_34_no_more_connections_are_accepted_than_allowed() {
    let endpoint = Endpoint::new(Config::new()).max_connections(1);
    let listener = endpoint.listen_plain("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(listener.serve(|_| echo, std::future::pending()));
    let first = endpoint.connect_plain(address, NoService).await.unwrap();
    first.request(Draft::get("/")).await.unwrap();
    let second = endpoint.connect_plain(address, NoService).await.unwrap();
    let waiting = second.request(Draft::get("/"));
    tokio::pin!(waiting);
    tokio::select! {
        biased;
        _ = &mut waiting => panic!("served beyond the limit"),
        answer = first.request(Draft::get("/")) => drop(answer.unwrap()),
    }
    first.release();
    waiting.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn f_34_silent_connections_give_their_places_back() {
    let config = Config::new().csm_timeout(Duration::from_secs(5));
    let listener = Endpoint::new(config).max_connections(2).listen_plain("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(listener.serve(|_| echo, std::future::pending()));
    let connect = || tokio::net::TcpStream::connect(address);
    let _silent = [connect().await.unwrap(), connect().await.unwrap()];
    let start = tokio::time::Instant::now();
    let client = Endpoint::new(Config::new()).connect_plain(address, NoService).await.unwrap();
    client.request(Draft::get("/")).await.unwrap();
    // The time for a CSM, then that for the last words to arrive.
    assert_eq!(start.elapsed().as_secs(), 5 + 2);
}

/// F-34
#[tokio::test]
async fn f_34_many_who_say_nothing_leave_place_for_those_who_speak() {
    // Fewer than a system keeps in its queue.
    const SILENT: usize = 100;
    let endpoint = Endpoint::new(Config::new()).max_connections(1000).max_starting(20);
    let listener = endpoint.listen_plain("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let accepted = Arc::new(AtomicUsize::new(0));
    let count = accepted.clone();
    let service = move |_| {
        count.fetch_add(1, Ordering::Relaxed);
        echo
    };
    tokio::spawn(listener.serve(service, std::future::pending()));
    // Those who have spoken are no part of the bound.
    let mut speaking = Vec::new();
    for _ in 0..40 {
        let handle = endpoint.connect_plain(address, NoService).await.unwrap();
        handle.request(Draft::get("/")).await.unwrap();
        speaking.push(handle);
    }
    let mut silent = Vec::new();
    for _ in 0..SILENT {
        silent.push(tokio::net::TcpStream::connect(address).await.unwrap());
    }
    for handle in &speaking {
        handle.request(Draft::get("/")).await.unwrap();
    }
    assert_eq!(accepted.load(Ordering::Relaxed), 40 + 20);
    // When they have gone, others are accepted.
    drop(silent);
    let late = endpoint.connect_plain(address, NoService).await.unwrap();
    late.request(Draft::get("/")).await.unwrap();
}

#[tokio::test]
async fn an_address_where_nobody_listens_is_an_error() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let refused = Endpoint::new(Config::new()).connect_plain(address, NoService).await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::ConnectionRefused);
}

#[tokio::test(start_paused = true)]
async fn an_address_that_does_not_answer_is_an_error_in_time() {
    let endpoint = Endpoint::new(Config::new()).connect_timeout(Duration::from_secs(5));
    // Nobody accepts: when the system's queue is full, it says nothing.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut queued = Vec::new();
    let (late, waited) = loop {
        let start = tokio::time::Instant::now();
        match endpoint.tcp(address).await {
            Ok(stream) => queued.push(stream),
            Err(error) => break (error, start.elapsed()),
        }
        assert!(queued.len() < 1000, "the queue has no end");
    };
    assert_eq!((late.kind(), waited.as_secs()), (ErrorKind::TimedOut, 5));
}

#[tokio::test]
async fn a_configuration_that_cannot_work_is_found_at_the_start() {
    for config in [Config::new().max_message_size(8), Config::new().tx_limit(8)] {
        let endpoint = Endpoint::new(config.await_csm(true));
        assert!(endpoint.check().is_err());
        let listening = endpoint.listen_plain("127.0.0.1:0").await;
        assert_eq!(listening.unwrap_err().kind(), ErrorKind::InvalidInput);
        let connected = endpoint.connect_plain("127.0.0.1:1", NoService).await;
        assert_eq!(connected.unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}

/// K-4.3-3: what one connection of a device has learned of its NAT, the next one knows, and a file keeps.
#[tokio::test(start_paused = true)]
async fn k_4_3_3_what_a_connection_learns_the_next_one_knows() {
    let endpoint = Endpoint::new(Config::new().keep_alive(KeepAlive::ADAPTIVE).idle_timeout(None));
    let open = |endpoint: &Endpoint| {
        let (ours, theirs) = tokio::io::duplex(1024);
        let (handle, driver) = endpoint.connect_over(ours, NoService);
        (theirs, handle, tokio::spawn(driver))
    };
    let (mut peer, handle, _driver) = open(&endpoint);
    let mut csm = [0; 6];
    peer.read_exact(&mut csm).await.unwrap();
    peer.write_all(&[0x00, 0xe1]).await.unwrap();
    for _ in 0..4 {
        let mut ping = [0; 2];
        peer.read_exact(&mut ping).await.unwrap();
        assert_eq!(ping, [0x00, 0xe2]);
        peer.write_all(&[0x00, 0xe3]).await.unwrap();
    }
    // From a minute: 1, 2, 4, 8 survive. 16 do not.
    assert_eq!(handle.closed().await, Closed::PingTimeout);
    let known = endpoint.clone().keep_alive_search();
    let minutes = |silence: Option<Duration>| silence.unwrap().as_secs() / 60;
    assert_eq!((minutes(known.survived()), minutes(known.failed())), (8, 16));

    let later = Endpoint::new(endpoint.config().clone()).resume_keep_alive(known);
    for endpoint in [endpoint, later] {
        let (mut peer, _handle, _driver) = open(&endpoint);
        peer.read_exact(&mut csm).await.unwrap();
        peer.write_all(&[0x00, 0xe1]).await.unwrap();
        let start = tokio::time::Instant::now();
        let mut ping = [0; 2];
        peer.read_exact(&mut ping).await.unwrap();
        assert_eq!(start.elapsed().as_secs() / 60, 11, "in between");
    }
}
