//! Servers over TCP on 127.0.0.1: a listener with a cap, and LwM2M, on smol and on async-std.

#![allow(clippy::unwrap_used)]
#![cfg(feature = "async-io")]

use std::future::{Future, pending};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr};

use bind_futures::core::{Advice, Closed, Code, Config, Incoming};
use bind_futures::{
    AsyncIo, Coap, Connection, Draft, HalfClose, Handle, NoService, Reply, Role, Server, drive, tune,
};
use futures_io::{AsyncRead, AsyncWrite};

const ANY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

static CONFIG: Config = Config::new();

/// What differs between the two runtimes.
trait Runtime {
    type Listener;
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    async fn listen() -> (Self::Listener, SocketAddr);
    async fn accept(listener: &Self::Listener) -> io::Result<(Self::Stream, SocketAddr)>;
    async fn connect(to: SocketAddr) -> io::Result<Self::Stream>;
    fn spawn(task: Connection);
}

struct Smol;

impl Runtime for Smol {
    type Listener = smol::net::TcpListener;
    type Stream = smol::net::TcpStream;

    async fn listen() -> (Self::Listener, SocketAddr) {
        let listener = smol::net::TcpListener::bind(ANY).await.unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    async fn accept(listener: &Self::Listener) -> io::Result<(Self::Stream, SocketAddr)> {
        let (stream, address) = listener.accept().await?;
        tune(&stream, &Advice::acceptor(&CONFIG))?;
        Ok((stream, address))
    }

    async fn connect(to: SocketAddr) -> io::Result<Self::Stream> {
        smol::net::TcpStream::connect(to).await
    }

    fn spawn(task: Connection) {
        smol::spawn(task).detach();
    }
}

struct AsyncStd;

type End = fn(&async_std::net::TcpStream) -> io::Result<()>;

fn half_close(stream: async_std::net::TcpStream) -> HalfClose<async_std::net::TcpStream, End> {
    HalfClose::new(stream, |stream| stream.shutdown(Shutdown::Write))
}

impl Runtime for AsyncStd {
    type Listener = async_std::net::TcpListener;
    type Stream = HalfClose<async_std::net::TcpStream, End>;

    async fn listen() -> (Self::Listener, SocketAddr) {
        let listener = async_std::net::TcpListener::bind(ANY).await.unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    async fn accept(listener: &Self::Listener) -> io::Result<(Self::Stream, SocketAddr)> {
        let (stream, address) = listener.accept().await?;
        tune(&stream, &Advice::acceptor(&CONFIG))?;
        Ok((half_close(stream), address))
    }

    async fn connect(to: SocketAddr) -> io::Result<Self::Stream> {
        async_std::net::TcpStream::connect(to).await.map(half_close)
    }

    fn spawn(task: Connection) {
        async_std::task::spawn(task);
    }
}

async fn client<R: Runtime>(to: SocketAddr) -> Handle {
    let (layer, handle) = Coap::with_handle(NoService);
    let stream = R::connect(to).await.unwrap();
    R::spawn(Box::pin(async move {
        drive(stream, Role::Initiator, &CONFIG, AsyncIo::start(), layer, pending()).await.unwrap();
    }));
    handle
}

fn echo(request: &Incoming<'_>, reply: Reply<'_, '_, '_>) {
    reply.content(Code::CONTENT, 42, request.payload);
}

async fn f_34_a_full_server_takes_the_next_when_one_has_gone_and_a_stop_releases<R: Runtime>() {
    let (listener, address) = R::listen().await;
    let server = Server::new(Config::new(), AsyncIo::start()).unwrap().max_connections(1);
    let (stop, stopped) = smol::channel::bounded::<()>(1);
    let stopped = async move { stopped.recv().await.unwrap_or(()) };
    let serving = server.serve(|| R::accept(&listener), |_| echo, R::spawn, stopped);
    let asking = async {
        let (first, second) = (client::<R>(address).await, client::<R>(address).await);
        let ask = |handle: Handle| async move { handle.request(Draft::get("/")).await.unwrap() };
        ask(first.clone()).await;
        let waiting = ask(second.clone());
        first.release();
        assert_eq!(first.closed().await, Closed::Local);
        waiting.await;
        drop(stop);
        assert_eq!(second.closed().await, Closed::Released);
    };
    both(serving, asking).await;
}

/// Until both are ready.
async fn both(one: impl Future<Output = ()>, other: impl Future<Output = ()>) {
    smol::future::zip(one, other).await;
}

#[test]
fn f_34_smol() {
    smol::block_on(f_34_a_full_server_takes_the_next_when_one_has_gone_and_a_stop_releases::<Smol>());
}

#[test]
fn f_34_async_std() {
    let test = f_34_a_full_server_takes_the_next_when_one_has_gone_and_a_stop_releases::<AsyncStd>();
    async_std::task::block_on(test);
}

#[cfg(feature = "lwm2m")]
mod lwm2m {
    use bind_futures::Timer as _;
    use bind_futures::lwm2m::core::objects::{self, Temperature};
    use bind_futures::lwm2m::core::{Path, client, profile, server};
    use bind_futures::lwm2m::{self, Answer, Device, DeviceEvent, Events, ServerEvent};

    use super::*;

    static DEVICE: Config = profile::DEVICE;

    const TEMPERATURE: Path = match Path::new(&[3303, 0, 5700]) {
        Ok(path) => path,
        Err(_) => Path::ROOT,
    };

    async fn until<E>(events: &mut Events<E>, wanted: impl Fn(&E) -> bool) -> E {
        loop {
            let event = events.recv().await.unwrap();
            if wanted(&event) {
                return event;
            }
        }
    }

    fn value(answer: Answer) -> String {
        let mut text = None;
        answer.values(|reading| text = reading.value.as_text().map(|text| text.to_string())).unwrap();
        text.unwrap()
    }

    async fn a_device_registers_is_observed_updates_and_leaves<R: Runtime>() {
        let (listener, address) = R::listen().await;
        let over = Server::new(profile::SERVER, AsyncIo::start()).unwrap();
        let (server, mut events) = lwm2m::Server::new(server::Config::new(), || 4);
        let (stop, stopped) = smol::channel::bounded::<()>(1);
        let stopped = async move { stopped.recv().await.unwrap_or(()) };
        let serving = lwm2m::serve(&over, &server, || R::accept(&listener), R::spawn, stopped);

        let timer = AsyncIo::start();
        let clock = timer.clone();
        let mut temperature = Temperature::new("Cel");
        temperature.measure(20.5);
        let objects = (objects::Server::new(1, 60), objects::Device::new(), temperature);
        let (device, handle, mut reports) =
            Device::new(client::Config::new("dev1"), objects, 1, move || clock.now());
        let living = async {
            lwm2m::run(device, &DEVICE, timer, || R::connect(address)).await.unwrap();
            drop(stop);
        };
        let asking = async {
            until(&mut events, |event| matches!(event, ServerEvent::Registered { .. })).await;
            let mut observation = server.observe("dev1", TEMPERATURE, None).unwrap();
            assert_eq!(value(observation.next().await.unwrap().unwrap()), "20.5");
            handle.change(|objects| {
                objects.2.measure(21.5);
                TEMPERATURE
            });
            assert_eq!(value(observation.next().await.unwrap().unwrap()), "21.5");
            observation.cancel().await;
            assert_eq!(value(server.read("dev1", TEMPERATURE, None).await.unwrap()), "21.5");
            handle.update();
            until(&mut events, |event| matches!(event, ServerEvent::Updated { .. })).await;
            handle.deregister();
            until(&mut events, |event| matches!(event, ServerEvent::Deregistered { .. })).await;
            until(&mut reports, |event| *event == DeviceEvent::Deregistered).await;
            until(&mut events, |event| matches!(event, ServerEvent::Disconnected(_))).await;
        };
        both(serving, both(living, asking)).await;
    }

    #[test]
    fn smol() {
        smol::block_on(a_device_registers_is_observed_updates_and_leaves::<Smol>());
    }

    #[test]
    fn async_std() {
        let test = a_device_registers_is_observed_updates_and_leaves::<AsyncStd>();
        async_std::task::block_on(test);
    }
}
