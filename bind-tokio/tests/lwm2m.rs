//! A device and a server over TCP on 127.0.0.1.

#![cfg(feature = "lwm2m")]
#![allow(clippy::unwrap_used)]

use core::net::SocketAddr;
use core::time::Duration;

use bind_tokio::Endpoint;
use bind_tokio::core::{Closed, Code};
use bind_tokio::lwm2m::core::client::State;
use bind_tokio::lwm2m::core::content::ContentFormat;
use bind_tokio::lwm2m::core::objects::{self, Temperature};
use bind_tokio::lwm2m::core::{Path, client, profile, server};
use bind_tokio::lwm2m::{Answer, AskError, Device, DeviceEvent, DeviceHandle, Server, ServerEvent};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

type Objects = (objects::Server, objects::Device<'static>, Temperature<'static>);

const TEMPERATURE: Path = match Path::new(&[3303, 0, 5700]) {
    Ok(path) => path,
    Err(_) => Path::ROOT,
};

struct Running {
    handle: DeviceHandle<Objects>,
    events: mpsc::Receiver<DeviceEvent>,
    ended: JoinHandle<()>,
}

async fn server(config: server::Config) -> (SocketAddr, Server, mpsc::Receiver<ServerEvent>) {
    let listener = Endpoint::new(profile::SERVER).listen_plain("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut number = 0;
    let (server, events) = Server::new(config, move || {
        number += 1;
        number
    });
    let serving = server.clone();
    tokio::spawn(async move { serving.serve(listener, core::future::pending()).await });
    (address, server, events)
}

fn device(name: &'static str, address: SocketAddr) -> Running {
    let mut temperature = Temperature::new("Cel");
    temperature.measure(20.5);
    let device = objects::Device { manufacturer: "Example", model: "T1", ..objects::Device::new() };
    let endpoint = Endpoint::new(profile::DEVICE);
    let config = client::Config::new(name).reconnect_within(Duration::from_millis(10));
    let objects = (objects::Server::new(1, 60), device, temperature);
    let (device, handle, events) = Device::new(endpoint.clone(), config, objects, 1);
    let ended = tokio::spawn(device.run(move || {
        let endpoint = endpoint.clone();
        async move { endpoint.tcp(address).await }
    }));
    Running { handle, events, ended }
}

async fn until<E>(events: &mut mpsc::Receiver<E>, wanted: impl Fn(&E) -> bool) -> E {
    let found = async {
        loop {
            let event = events.recv().await.unwrap();
            if wanted(&event) {
                return event;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), found).await.unwrap()
}

async fn registered(events: &mut mpsc::Receiver<ServerEvent>) {
    until(events, |event| matches!(event, ServerEvent::Registered { .. })).await;
}

fn values(answer: &Answer) -> Vec<String> {
    let mut values = Vec::new();
    answer.values(|reading| values.push(reading.value.as_text().unwrap().to_string())).unwrap();
    values
}

#[tokio::test]
async fn a_device_is_read_in_each_format() {
    let (address, server, mut events) = server(server::Config::new()).await;
    let device = device("dev1", address);
    registered(&mut events).await;
    for format in [ContentFormat::TEXT, ContentFormat::TLV, ContentFormat::SENML_CBOR] {
        let answer = server.read("dev1", "/3/0/0".parse().unwrap(), Some(format)).await.unwrap();
        assert_eq!(values(&answer), ["Example"], "{format}");
    }
    let answer = server.read("dev1", "/3/0".parse().unwrap(), None).await.unwrap();
    assert_eq!(values(&answer)[..2], ["Example", "T1"]);
    let absent = server.read("dev1", "/9/0/0".parse().unwrap(), None).await.unwrap();
    assert_eq!(absent.message().view().code, Code::NOT_FOUND);
    let unknown = server.read("dev2", "/3/0/0".parse().unwrap(), None).await;
    assert_eq!(unknown.unwrap_err(), AskError::NotConnected);
    device.handle.deregister();
    device.ended.await.unwrap();
}

#[tokio::test]
async fn ir_1_a_dropped_observation_is_cancelled() {
    let (address, server, mut events) = server(server::Config::new()).await;
    let mut device = device("dev1", address);
    registered(&mut events).await;
    let mut observation = server.observe("dev1", TEMPERATURE, None).unwrap();
    assert_eq!(values(&observation.next().await.unwrap().unwrap()), ["20.5"]);
    device.handle.change(|objects| {
        objects.2.measure(21.5);
        TEMPERATURE
    });
    assert_eq!(values(&observation.next().await.unwrap().unwrap()), ["21.5"]);
    drop(observation);
    let cancelled = |event: &DeviceEvent| {
        matches!(event, DeviceEvent::Served(served)
            if served.operation == Some(bind_tokio::lwm2m::core::Operation::Cancel))
    };
    until(&mut device.events, cancelled).await;
}

#[tokio::test]
async fn tcp_10_a_device_registers_again_on_a_new_connection() {
    let (address, server, mut events) = server(server::Config::new()).await;
    // A device between which and its server somebody cuts the line.
    let between = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut device = device("dev1", between.local_addr().unwrap());
    for _ in 0..3 {
        let (mut near, _) = between.accept().await.unwrap();
        let mut far = tokio::net::TcpStream::connect(address).await.unwrap();
        tokio::select! {
            copied = tokio::io::copy_bidirectional(&mut near, &mut far) => panic!("{copied:?}"),
            _ = until(&mut device.events, |event| *event == DeviceEvent::Registered) => {}
        }
        registered(&mut events).await;
        drop((near, far));
        until(&mut device.events, |event| matches!(event, DeviceEvent::Disconnected(_))).await;
        until(&mut events, |event| {
            matches!(event, ServerEvent::Disconnected(Closed::Eof | Closed::Transport))
        })
        .await;
        // The registration lives on (TCP-52), but nobody can be asked.
        assert!(server.with_registry(|registry| registry.find("dev1").is_some()));
        assert!(server.read("dev1", TEMPERATURE, None).await.is_err());
    }
}

#[tokio::test]
async fn tcp_80_a_device_leaves_in_order_and_tcp_81_the_server_knows() {
    let (address, _server, mut events) = server(server::Config::new()).await;
    let mut device = device("dev1", address);
    registered(&mut events).await;
    device.handle.update();
    until(&mut events, |event| matches!(event, ServerEvent::Updated { .. })).await;
    until(&mut device.events, |event| *event == DeviceEvent::Updated).await;
    device.handle.deregister();
    until(&mut events, |event| matches!(event, ServerEvent::Deregistered { .. })).await;
    until(&mut events, |event| *event == ServerEvent::Disconnected(Closed::Released)).await;
    device.ended.await.unwrap();
    assert_eq!(device.handle.state(), State::Stopped);
}

#[tokio::test]
async fn tcp_61_a_connection_without_a_registration_is_closed() {
    let config = server::Config::new().unregistered_timeout(Duration::from_millis(20));
    let (address, _server, mut events) = server(config).await;
    let idle = Endpoint::new(profile::DEVICE).connect_plain(address, bind_tokio::NoService).await.unwrap();
    assert_eq!(idle.closed().await, Closed::Released);
    until(&mut events, |event| *event == ServerEvent::Disconnected(Closed::Local)).await;
}
