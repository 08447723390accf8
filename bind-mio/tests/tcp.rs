//! Reactors over real TCP: each on its thread, spoken to from this one.

#![allow(clippy::unwrap_used)]

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bind_mio::core::{Closed, Code, Config, Count, Incoming};
use bind_mio::{
    Clock, Coap, Counters, Draft, Handle, NoService, Notifier, Reactor, Remote, Reply, RequestError, Service,
    block_on,
};
#[cfg(target_os = "linux")]
use socket2::SockRef;

static CONFIG: Config = Config::new();

/// What both sides of these tests serve.
#[derive(Default)]
struct Echo(Vec<Notifier>);

impl Service for Echo {
    fn handle(&mut self, request: &Incoming<'_>, mut reply: Reply<'_, '_, '_>) {
        match (request.code, request.path().next()) {
            (Code::POST, Some(b"later")) => {
                let (payload, deferred) = (request.payload.to_vec(), reply.defer());
                thread::spawn(move || {
                    deferred.map(|it| it.respond(Draft::new(Code::CHANGED).payload(payload)))
                });
            }
            // Asks back on the same connection, from a thread of its own.
            (Code::POST, Some(b"call")) => {
                let (client, deferred) = (reply.connection(), reply.defer());
                thread::spawn(move || {
                    let asked = block_on(client.request(Draft::post("/echo").payload("back")));
                    let payload = asked.map(|answer| answer.view().payload.to_vec()).unwrap_or_default();
                    deferred.map(|it| it.respond(Draft::new(Code::CHANGED).payload(payload)))
                });
            }
            (Code::GET, Some(b"watched")) => {
                self.0.extend(reply.observe(&Draft::new(Code::CONTENT).payload("0")));
            }
            (Code::PUT, Some(b"watched")) => {
                let state = Draft::new(Code::CONTENT).payload(request.payload.to_vec());
                self.0.retain(|watching| watching.notify(&state));
                reply.code(Code::CHANGED);
            }
            (Code::POST, _) => reply.content(Code::CONTENT, 42, request.payload),
            _ => reply.code(Code::NOT_FOUND),
        }
    }
}

type Server = Remote<'static, Coap<Echo>>;

fn server(max_connections: usize) -> (SocketAddr, Server, JoinHandle<()>) {
    let mut reactor = Reactor::new(&CONFIG).unwrap().max_connections(max_connections);
    let on = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let address = reactor.listen(on, |stream, _| (stream, Coap::new(Echo::default()))).unwrap();
    let remote = reactor.remote();
    (address, remote, thread::spawn(move || reactor.run(Clock::start()).unwrap()))
}

/// A reactor for connections of ours, which go to `to`.
fn client() -> (Remote<'static, Coap<Echo>>, JoinHandle<()>) {
    let mut reactor = Reactor::new(&CONFIG).unwrap();
    (reactor.remote(), thread::spawn(move || reactor.run(Clock::start()).unwrap()))
}

fn connect(remote: &Remote<'static, Coap<Echo>>, to: SocketAddr) -> Handle {
    let (layer, handle) = Coap::with_handle(Echo::default());
    remote.call(move |reactor, now| reactor.connect(now, to, layer).unwrap()).unwrap();
    handle
}

fn post(handle: &Handle, path: &str, payload: &str) -> Vec<u8> {
    let answer = block_on(handle.request(Draft::post(path).payload(payload.to_owned()))).unwrap();
    answer.view().payload.to_vec()
}

#[test]
fn requests_go_both_ways_and_a_stop_releases() {
    let (to, server, serving) = server(100);
    let (client, asking) = client();
    let handles: Vec<Handle> = (0..20).map(|_| connect(&client, to)).collect();
    for (n, handle) in handles.iter().enumerate() {
        assert_eq!(post(handle, "/echo", &n.to_string()), n.to_string().as_bytes());
        assert_eq!(post(handle, "/later", "late"), b"late");
        assert_eq!(post(handle, "/call", ""), b"back");
    }
    let large = "x".repeat(1000);
    assert_eq!(post(&handles[0], "/echo", &large), large.as_bytes());

    handles[1].release();
    assert_eq!(block_on(handles[1].closed()), Closed::Local);
    assert_eq!(post(&handles[2], "/echo", "still"), b"still");

    server.stop().unwrap();
    serving.join().unwrap();
    for handle in handles.iter().filter(|handle| handle.is_closed() != Some(Closed::Local)) {
        assert_eq!(block_on(handle.closed()), Closed::Released);
    }
    client.stop().unwrap();
    asking.join().unwrap();
}

#[test]
fn observers_are_told_and_many_ask_at_once() {
    let (to, server, serving) = server(100);
    let (client, asking) = client();
    let handle = connect(&client, to);
    let mut watching = block_on(handle.observe(Draft::get("/watched"))).unwrap();
    assert_eq!(block_on(watching.next()).unwrap().unwrap().view().payload, b"0");
    for n in 1..5_u8 {
        let put = Draft::put("/watched").payload(vec![n]);
        assert_eq!(block_on(handle.request(put)).unwrap().view().code, Code::CHANGED);
        assert_eq!(block_on(watching.next()).unwrap().unwrap().view().payload, [n]);
    }
    drop(watching);
    // More than may wait at once: the rest have their turn.
    let threads = (0..200).map(|n| {
        let handle = handle.clone();
        thread::spawn(move || assert_eq!(post(&handle, "/echo", &n.to_string()), n.to_string().as_bytes()))
    });
    threads.collect::<Vec<_>>().into_iter().for_each(|thread| thread.join().unwrap());
    client.stop().unwrap();
    asking.join().unwrap();
    server.stop().unwrap();
    serving.join().unwrap();
}

#[test]
fn a_full_server_takes_the_next_when_one_has_gone() {
    let (to, server, serving) = server(1);
    let (client, asking) = client();
    let (first, second) = (connect(&client, to), connect(&client, to));
    assert_eq!(post(&first, "/echo", "1"), b"1");
    let waiting = thread::spawn(move || post(&second, "/echo", "2"));
    first.release();
    assert_eq!(waiting.join().unwrap(), b"2");
    client.stop().unwrap();
    asking.join().unwrap();
    server.stop().unwrap();
    serving.join().unwrap();
}

#[test]
fn nobody_there_and_a_reactor_that_goes_are_told() {
    let nobody = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    let (client, asking) = client();
    let handle = connect(&client, nobody);
    let refused = block_on(handle.request(Draft::get("/"))).unwrap_err();
    assert!(matches!(refused, RequestError::Closed { why: Closed::Transport, .. }), "{refused}");
    client.stop().unwrap();
    asking.join().unwrap();

    let mut reactor = Reactor::new(&CONFIG).unwrap();
    let (layer, handle) = Coap::with_handle(NoService);
    reactor.connect(Clock::start().now(), nobody, layer).unwrap();
    drop(reactor);
    assert_eq!(handle.is_closed(), Some(Closed::Local));
}

#[test]
fn a_connection_that_never_begins_is_over() {
    let nobody = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    let now = Clock::start().now();
    let mut reactor = Reactor::new(&CONFIG).unwrap();
    reactor.stop(now);
    let (layer, handle) = Coap::with_handle(NoService);
    let asking = thread::spawn({
        let handle = handle.clone();
        move || block_on(handle.request(Draft::get("/")))
    });
    reactor.connect(now, nobody, layer).unwrap_err();
    let lost = asking.join().unwrap().unwrap_err();
    assert_eq!(lost, RequestError::Closed { why: Closed::Local, sent: false });
    assert_eq!(handle.is_closed(), Some(Closed::Local));
}

#[test]
fn reactors_may_count_together() {
    let counters = Arc::new(Counters::new());
    let mut ends = Vec::new();
    for _ in 0..2 {
        let mut reactor = Reactor::new(&CONFIG).unwrap().counting(counters.clone());
        let on = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let to = reactor.listen(on, |stream, _| (stream, Coap::new(Echo::default()))).unwrap();
        let (tell, told) = mpsc::channel();
        let remote = reactor.remote();
        let serving = thread::spawn(move || {
            reactor.run(Clock::start()).unwrap();
            tell.send(reactor.stats()).unwrap();
        });
        let (client, asking) = client();
        let handle = connect(&client, to);
        let lost = block_on(handle.request(Draft::get("/nothing"))).unwrap();
        assert_eq!(lost.view().code, Code::NOT_FOUND);
        let proxied = Draft::get("/").option(bind_mio::core::OptionNumber::PROXY_SCHEME, "coap");
        assert_eq!(block_on(handle.request(proxied)).unwrap().view().code, Code::PROXYING_NOT_SUPPORTED);
        client.stop().unwrap();
        asking.join().unwrap();
        remote.stop().unwrap();
        serving.join().unwrap();
        ends.push(told.recv().unwrap());
    }
    let of = |count| ends.iter().map(|stats| stats.get(count)).collect::<Vec<_>>();
    assert_eq!(of(Count::ProxyingNotSupported), [1, 2]);
    assert_eq!(of(Count::OtherErrors), [1, 2], "4.04");
    assert_eq!(of(Count::Released), [1, 2]);
    assert_eq!(counters.snapshot(), ends[1]);
}

#[cfg(target_os = "linux")]
#[test]
fn k_3_2_3_2_f_31_a_socket_is_told_what_is_wanted_before_anything_is_said() {
    let (after, limit) = (Duration::from_secs(7200), Duration::from_secs(90));
    let plain = Reactor::new(&CONFIG).unwrap();
    let told = Reactor::new(&CONFIG).unwrap().tcp_keep_alive(after).tcp_user_timeout(limit);
    for (mut reactor, wanted) in [(plain, None), (told, Some(limit))] {
        let (tell, seen) = mpsc::channel();
        let on = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let welcome = move |stream: mio::net::TcpStream, _| {
            let socket = SockRef::from(&stream);
            let settings = (socket.tcp_nodelay(), socket.keepalive(), socket.tcp_user_timeout());
            tell.send(settings).unwrap();
            (stream, Coap::new(NoService))
        };
        let to = reactor.listen(on, welcome).unwrap();
        let connected = std::net::TcpStream::connect(to).unwrap();
        while reactor.is_empty() {
            reactor.wait(None).unwrap();
            reactor.turn(Clock::start().now());
        }
        let (no_delay, keep_alive, timeout) = seen.recv().unwrap();
        assert!(no_delay.unwrap());
        assert_eq!(keep_alive.unwrap(), wanted.is_some());
        assert_eq!(timeout.unwrap().filter(|timeout| !timeout.is_zero()), wanted);
        drop(connected);
    }
}
