//! Devices and a server on reactors, over TCP on 127.0.0.1.

#![cfg(feature = "lwm2m")]
#![allow(clippy::unwrap_used)]

use std::net::{Ipv4Addr, SocketAddr};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bind_mio::core::{Closed, Config};
use bind_mio::lwm2m::core::client::State;
use bind_mio::lwm2m::core::objects::{self, Temperature};
use bind_mio::lwm2m::core::{Path, client, profile, server};
use bind_mio::lwm2m::{
    self, Answer, AskError, Device, DeviceEvent, DeviceHandle, DeviceLayer, Events, Server, ServerEvent,
    ServerLayer,
};
use bind_mio::{Clock, Reactor, Remote, block_on};

type Objects = (objects::Server, objects::Device<'static>, Temperature<'static>);

static DEVICE: Config = profile::DEVICE;
static SERVER: Config = profile::SERVER;

const MANUFACTURER: Path = path([3, 0, 0]);
const TEMPERATURE: Path = path([3303, 0, 5700]);

const fn path(numbers: [u16; 3]) -> Path {
    match Path::new(&numbers) {
        Ok(path) => path,
        Err(_) => Path::ROOT,
    }
}

struct Serving {
    server: Server,
    events: Events<ServerEvent>,
    address: SocketAddr,
    remote: Remote<'static, ServerLayer>,
    thread: JoinHandle<()>,
}

fn serve(config: server::Config) -> Serving {
    let mut number = 0;
    let (server, events) = Server::new(config, move || {
        number += 1;
        number
    });
    let mut reactor = Reactor::new(&SERVER).unwrap();
    let on = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let address = lwm2m::serve(&mut reactor, &server, on).unwrap();
    let remote = reactor.remote();
    let thread = thread::spawn(move || reactor.run(Clock::start()).unwrap());
    Serving { server, events, address, remote, thread }
}

struct Living {
    handle: DeviceHandle<Objects>,
    events: Events<DeviceEvent>,
}

fn device(
    reactor: &mut Reactor<'static, DeviceLayer<Objects>>,
    clock: Clock,
    name: &'static str,
    to: SocketAddr,
) -> Living {
    let mut temperature = Temperature::new("Cel");
    temperature.measure(20.5);
    let device = objects::Device { manufacturer: "Example", ..objects::Device::new() };
    let config = client::Config::new(name).reconnect_within(Duration::from_millis(10));
    let objects = (objects::Server::new(1, 60), device, temperature);
    let (device, handle, events) = Device::new(config, objects, 1, move || clock.now());
    lwm2m::run(reactor, device, to);
    Living { handle, events }
}

fn until<E>(events: &mut Events<E>, wanted: impl Fn(&E) -> bool) -> E {
    loop {
        let event = block_on(events.recv()).unwrap();
        if wanted(&event) {
            return event;
        }
    }
}

fn values(answer: &Answer) -> Vec<String> {
    let mut values = Vec::new();
    answer.values(|reading| values.push(reading.value.as_text().unwrap().to_string())).unwrap();
    values
}

#[test]
fn a_reactor_holds_many_devices_and_they_are_asked_from_any_thread() {
    let mut serving = serve(server::Config::new());
    let clock = Clock::start();
    let mut reactor = Reactor::new(&DEVICE).unwrap();
    let names = ["dev0", "dev1", "dev2"];
    let living = names.map(|name| device(&mut reactor, clock, name, serving.address));
    let remote = reactor.remote();
    let running = thread::spawn(move || reactor.run(clock).unwrap());
    for _ in names {
        until(&mut serving.events, |event| matches!(event, ServerEvent::Registered { .. }));
    }
    let asking = names.map(|name| {
        let server = serving.server.clone();
        thread::spawn(move || values(&block_on(server.read(name, MANUFACTURER, None)).unwrap()))
    });
    asking.into_iter().for_each(|thread| assert_eq!(thread.join().unwrap(), ["Example"]));
    let unknown = block_on(serving.server.read("dev9", MANUFACTURER, None));
    assert_eq!(unknown.unwrap_err(), AskError::NotConnected);

    let mut observation = serving.server.observe("dev1", TEMPERATURE, None).unwrap();
    assert_eq!(values(&block_on(observation.next()).unwrap().unwrap()), ["20.5"]);
    living[1].handle.change(|objects| {
        objects.2.measure(21.5);
        TEMPERATURE
    });
    assert_eq!(values(&block_on(observation.next()).unwrap().unwrap()), ["21.5"]);
    block_on(observation.cancel());

    living[2].handle.update();
    until(&mut serving.events, |event| *event == ServerEvent::Updated { endpoint: "dev2".to_owned() });

    for Living { handle, mut events } in living {
        handle.deregister();
        until(&mut events, |event| *event == DeviceEvent::Deregistered);
        // What it reports ends with it.
        while block_on(events.recv()).is_some() {}
        assert_eq!(handle.state(), State::Stopped);
    }
    remote.stop().unwrap();
    running.join().unwrap();
    serving.remote.stop().unwrap();
    serving.thread.join().unwrap();
}

#[test]
fn tcp_83_a_device_hears_that_its_server_stops_and_tries_again() {
    let first = serve(server::Config::new());
    let address = first.address;
    let clock = Clock::start();
    let mut reactor = Reactor::new(&DEVICE).unwrap();
    let Living { handle, mut events } = device(&mut reactor, clock, "dev1", address);
    let remote = reactor.remote();
    let running = thread::spawn(move || reactor.run(clock).unwrap());
    until(&mut events, |event| *event == DeviceEvent::Registered);
    // All are released, and `run` returns when they have gone.
    first.remote.stop().unwrap();
    first.thread.join().unwrap();
    let ended = until(&mut events, |event| matches!(event, DeviceEvent::Disconnected(_)));
    assert_eq!(ended, DeviceEvent::Disconnected(Closed::Released));
    // Nobody is there now.
    let failed = until(&mut events, |event| matches!(event, DeviceEvent::Disconnected(_)));
    assert_eq!(failed, DeviceEvent::Disconnected(Closed::Transport));
    remote.stop().unwrap();
    running.join().unwrap();
    drop(handle);
}

#[test]
fn tcp_61_a_connection_without_a_registration_is_closed_although_nothing_happens_on_it() {
    let config = server::Config::new().unregistered_timeout(Duration::from_millis(20));
    let mut serving = serve(config);
    let idle = std::net::TcpStream::connect(serving.address).unwrap();
    until(&mut serving.events, |event| matches!(event, ServerEvent::Disconnected(_)));
    drop(idle);
    serving.remote.stop().unwrap();
    serving.thread.join().unwrap();
}
