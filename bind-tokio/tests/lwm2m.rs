//! A device and a server over TCP on 127.0.0.1.

#![cfg(feature = "lwm2m")]
#![allow(clippy::unwrap_used)]

use core::net::SocketAddr;
use core::time::Duration;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bind_tokio::Endpoint;
use bind_tokio::core::wire::Writer;
use bind_tokio::core::{Closed, Code, Config, ConfigError, Message, OptionNumber};
use bind_tokio::lwm2m::core::client::State;
use bind_tokio::lwm2m::core::content::ContentFormat;
use bind_tokio::lwm2m::core::objects::{self, Temperature};
use bind_tokio::lwm2m::core::{Path, client, profile, server};
use bind_tokio::lwm2m::{
    Answer, AskError, Device, DeviceEvent, DeviceHandle, Events, Observation, Server, ServerEvent,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

type Objects = (objects::Server, objects::Device<'static>, Temperature<'static>);

const TEMPERATURE: Path = match Path::new(&[3303, 0, 5700]) {
    Ok(path) => path,
    Err(_) => Path::ROOT,
};

const MANUFACTURER: Path = match Path::new(&[3, 0, 0]) {
    Ok(path) => path,
    Err(_) => Path::ROOT,
};

struct Running {
    handle: DeviceHandle<Objects>,
    events: Events<DeviceEvent>,
    ended: JoinHandle<Result<(), ConfigError>>,
}

async fn server(config: server::Config) -> (SocketAddr, Server, Events<ServerEvent>) {
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

async fn until<E>(events: &mut Events<E>, wanted: impl Fn(&E) -> bool) -> E {
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

async fn registered(events: &mut Events<ServerEvent>) {
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
    device.ended.await.unwrap().unwrap();
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
    device.ended.await.unwrap().unwrap();
    assert_eq!(device.handle.state(), State::Stopped);
    // What it has reported ends with it.
    while soon(device.events.recv()).await.is_some() {}
}

#[tokio::test]
async fn events_that_the_device_does_not_take_are_counted() {
    let (address, server, mut events) = server(server::Config::new()).await;
    let mut device = device("dev1", address);
    registered(&mut events).await;
    for _ in 0..300 {
        server.read("dev1", MANUFACTURER, None).await.unwrap();
    }
    let dropped = device.handle.dropped_events();
    let kept = core::iter::from_fn(|| device.events.try_recv()).count();
    assert_eq!(kept, 256);
    // Connected, Registered, and each Read.
    assert_eq!(dropped, 302 - 256);
}

#[tokio::test]
async fn a_configuration_that_cannot_work_is_found_before_the_device_connects() {
    let objects = (objects::Server::new(1, 60), objects::Device::new(), Temperature::new("Cel"));
    let endpoint = Endpoint::new(profile::DEVICE.max_message_size(8));
    let (device, _, _) = Device::new(endpoint, client::Config::new("dev1"), objects, 1);
    let ended = device.run(|| async { panic!("connected") as std::io::Result<DuplexStream> }).await;
    assert_eq!(ended, Err(ConfigError::MessageSizeTooSmall));
}

#[tokio::test]
async fn tcp_61_a_connection_without_a_registration_is_closed() {
    let config = server::Config::new().unregistered_timeout(Duration::from_millis(20));
    let (address, _server, mut events) = server(config).await;
    let idle = Endpoint::new(profile::DEVICE).connect_plain(address, bind_tokio::NoService).await.unwrap();
    assert_eq!(idle.closed().await, Closed::Released);
    until(&mut events, |event| *event == ServerEvent::Disconnected(Closed::Local)).await;
}

/// A device whose bytes are in the test's hands.
struct Raw {
    pipe: DuplexStream,
    location: Vec<u8>,
}

/// A server each of whose connections is a pipe of so many bytes.
struct Piped {
    server: Server,
    events: Events<ServerEvent>,
    address: SocketAddr,
    pipes: mpsc::UnboundedReceiver<DuplexStream>,
}

impl Piped {
    async fn new(core: Config, config: server::Config, window: usize) -> Self {
        let listener = Endpoint::new(core).listen_plain("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut number = 0;
        let (server, events) = Server::new(config, move || {
            number += 1;
            number
        });
        let (give, pipes) = mpsc::unbounded_channel();
        let wrap = move |_, _| {
            let (ours, theirs) = tokio::io::duplex(window);
            give.send(theirs).unwrap();
            ours
        };
        let serving = server.clone();
        tokio::spawn(async move { serving.serve_over(listener, wrap, core::future::pending()).await });
        Self { server, events, address, pipes }
    }

    async fn connect(&mut self) -> Raw {
        drop(tokio::net::TcpStream::connect(self.address).await.unwrap());
        let mut pipe = self.pipes.recv().await.unwrap();
        pipe.write_all(&[0x00, 0xe1]).await.unwrap();
        let mut raw = Raw { pipe, location: Vec::new() };
        assert_eq!(raw.message(|message| message.code).await, Code::CSM);
        raw
    }

    async fn device(&mut self) -> Raw {
        let mut device = self.connect().await;
        device.register().await;
        registered(&mut self.events).await;
        device
    }

    /// With one notification, which is `x`.
    async fn observed(&self, device: &mut Raw) -> (Observation, Vec<u8>) {
        let mut observation = self.server.observe("dev1", MANUFACTURER, None).unwrap();
        let token = device.message(|message| message.token.to_vec()).await;
        device.notify(&token, 0, "x").await;
        assert_eq!(values(&observation.next().await.unwrap().unwrap()), ["x"]);
        (observation, token)
    }
}

impl Raw {
    async fn message<R>(&mut self, look: impl FnOnce(&Message<'_>) -> R) -> R {
        let mut bytes = Vec::new();
        loop {
            bytes.push(self.pipe.read_u8().await.unwrap());
            if let Ok(message) = Message::parse(&bytes) {
                return look(&message);
            }
        }
    }

    async fn ask(&mut self, code: Code, path: &[Vec<u8>], queries: &[&str]) -> Vec<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut request = Writer::new(&mut bytes, code, &[1]).unwrap();
        for segment in path {
            request.option(OptionNumber::URI_PATH, segment).unwrap();
        }
        if !queries.is_empty() {
            request.uint(OptionNumber::CONTENT_FORMAT, 40).unwrap();
        }
        for query in queries {
            request.option(OptionNumber::URI_QUERY, query.as_bytes()).unwrap();
        }
        if !queries.is_empty() {
            request.payload(b"</>;rt=\"oma.lwm2m\",</1/0>,</3/0>").unwrap();
        }
        request.finish();
        self.pipe.write_all(&bytes).await.unwrap();
        self.message(|answer| {
            assert!(answer.code.is_success(), "{answer}");
            let location = answer.options().filter(|option| option.0 == OptionNumber::LOCATION_PATH);
            location.map(|option| option.1.to_vec()).collect()
        })
        .await
    }

    async fn register(&mut self) {
        let location = self.ask(Code::POST, &[b"rd".to_vec()], &["ep=dev1", "lt=60", "lwm2m=1.1"]).await;
        self.location = location.last().unwrap().clone();
    }

    async fn notify(&mut self, token: &[u8], number: u32, value: &str) {
        let mut bytes = Vec::new();
        let mut answer = Writer::new(&mut bytes, Code::CONTENT, token).unwrap();
        answer.uint(OptionNumber::OBSERVE, number).unwrap();
        answer.uint(OptionNumber::CONTENT_FORMAT, 0).unwrap();
        answer.payload(value.as_bytes()).unwrap();
        answer.finish();
        self.pipe.write_all(&bytes).await.unwrap();
    }
}

async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.unwrap()
}

#[tokio::test]
async fn a_question_ends_with_its_connection_sent_or_not() {
    let mut piped = Piped::new(profile::SERVER.max_outstanding(1), server::Config::new(), 1024).await;
    let mut device = piped.device().await;
    let server = &piped.server;
    let ask = || server.read("dev1", MANUFACTURER, None);
    let abort = async {
        assert_eq!(device.message(|message| message.code).await, Code::GET);
        device.pipe.write_all(&[0x00, 0xe5]).await.unwrap();
    };
    let (sent, unsent, ()) = soon(async { tokio::join!(ask(), ask(), abort) }).await;
    assert!(matches!(sent, Err(AskError::Closed(_))), "{sent:?}");
    assert!(matches!(unsent, Err(AskError::Closed(_))), "{unsent:?}");
    assert_eq!(ask().await.unwrap_err(), AskError::NotConnected);
}

#[tokio::test]
async fn reg_69_an_observation_ends_with_its_registration() {
    let mut piped = Piped::new(profile::SERVER, server::Config::new(), 1024).await;
    let mut device = piped.device().await;
    let (mut observation, token) = piped.observed(&mut device).await;
    device.register().await;
    assert_eq!(soon(observation.next()).await.unwrap().unwrap_err(), AskError::Unregistered);
    assert!(soon(observation.next()).await.is_none());
    // What the device says yet is nobody's.
    device.notify(&token, 1, "y").await;
    let (mut observation, _) = piped.observed(&mut device).await;
    let path = [b"rd".to_vec(), device.location.clone()];
    device.ask(Code::DELETE, &path, &[]).await;
    assert_eq!(soon(observation.next()).await.unwrap().unwrap_err(), AskError::Unregistered);
}

#[tokio::test]
async fn tcp_12_an_observation_ends_when_the_device_registers_on_another_connection() {
    let mut piped = Piped::new(profile::SERVER, server::Config::new(), 1024).await;
    let mut former = piped.device().await;
    let (mut observation, _) = piped.observed(&mut former).await;
    let mut latter = piped.device().await;
    assert_eq!(soon(observation.next()).await.unwrap().unwrap_err(), AskError::Unregistered);
    piped.observed(&mut latter).await;
}

#[tokio::test]
async fn tcp_12_an_observation_ends_when_the_registration_moves() {
    let config = server::Config::new().plain_rebind(true);
    let mut piped = Piped::new(profile::SERVER, config, 1024).await;
    let mut former = piped.device().await;
    let (mut observation, _) = piped.observed(&mut former).await;
    let mut latter = piped.connect().await;
    latter.ask(Code::POST, &[b"rd".to_vec(), former.location.clone()], &[]).await;
    assert_eq!(soon(observation.next()).await.unwrap().unwrap_err(), AskError::Unregistered);
    piped.observed(&mut latter).await;
}

#[tokio::test]
async fn reg_65_an_observation_ends_when_the_registration_expires() {
    let config = server::Config::new();
    let mut piped = Piped::new(profile::SERVER.idle_timeout(None), config, 1024).await;
    let mut device = piped.device().await;
    let (mut observation, _) = piped.observed(&mut device).await;
    tokio::time::pause();
    assert_eq!(observation.next().await.unwrap().unwrap_err(), AskError::Unregistered);
    until(&mut piped.events, |event| matches!(event, ServerEvent::Expired { .. })).await;
}

#[tokio::test]
async fn more_questions_than_a_connection_keeps_are_refused() {
    let mut piped = Piped::new(profile::SERVER, server::Config::new(), 1024).await;
    let mut device = piped.device().await;
    let ask = || piped.server.observe("dev1", MANUFACTURER, None);
    let asked: Vec<_> = (0..64).map(|_| ask().unwrap()).collect();
    assert_eq!(ask().err(), Some(AskError::Busy));
    // What nobody waits for any more is not sent.
    drop(asked);
    let mut last = piped.server.observe("dev1", TEMPERATURE, None).unwrap();
    let (token, path) = device.message(|message| (message.token.to_vec(), message.to_string())).await;
    assert!(path.contains("3303"), "{path}");
    device.notify(&token, 0, "20.5").await;
    assert_eq!(values(&last.next().await.unwrap().unwrap()), ["20.5"]);
}

#[tokio::test]
async fn o_4_1_who_does_not_take_notifications_gets_the_newest() {
    let mut piped = Piped::new(profile::SERVER, server::Config::new(), 1024).await;
    let mut device = piped.device().await;
    let (mut observation, token) = piped.observed(&mut device).await;
    for number in 1..=100 {
        device.notify(&token, number, &number.to_string()).await;
    }
    // When this is answered, they have been read.
    device.pipe.write_all(&[0x00, 0xe2]).await.unwrap();
    assert_eq!(device.message(|message| message.code).await, Code::PONG);
    assert_eq!(observation.skipped(), 36);
    for number in 37..=100_u32 {
        assert_eq!(values(&observation.next().await.unwrap().unwrap()), [number.to_string()]);
    }
}

#[tokio::test]
async fn t_5_5_2_a_releasing_device_has_its_answers_though_the_server_would_release_too() {
    let config = server::Config::new().unregistered_timeout(Duration::from_secs(1));
    let mut piped = Piped::new(profile::SERVER, config, 16).await;
    let mut device = piped.connect().await;
    tokio::time::pause();
    // GETs of nothing with the tokens 0 to 99, and a Release; their answers do not fit the pipe.
    let mut bytes: Vec<u8> = (0..100).flat_map(|token| [0x01, 0x01, token]).collect();
    bytes.extend([0x00, 0xe4]);
    device.pipe.write_all(&bytes).await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    for token in 0..100 {
        assert_eq!(device.message(|answer| answer.token.to_vec()).await, [token]);
    }
    let gone = until(&mut piped.events, |event| matches!(event, ServerEvent::Disconnected(_))).await;
    assert_eq!(gone, ServerEvent::Disconnected(Closed::Released));
}

#[tokio::test(start_paused = true)]
async fn k_4_2_1_a_day_of_a_device_takes_one_connection() {
    let Piped { address, pipes, mut events, .. } =
        Piped::new(profile::SERVER, server::Config::new(), 4096).await;
    let pipes = Arc::new(tokio::sync::Mutex::new(pipes));
    let opened = Arc::new(AtomicUsize::new(0));
    let count = opened.clone();
    let objects = (objects::Server::new(1, 600), objects::Device::new(), Temperature::new("Cel"));
    let (device, _handle, _reports) =
        Device::new(Endpoint::new(profile::DEVICE), client::Config::new("dev1"), objects, 1);
    tokio::spawn(device.run(move || {
        count.fetch_add(1, Ordering::Relaxed);
        let pipes = pipes.clone();
        async move {
            drop(tokio::net::TcpStream::connect(address).await?);
            Ok(pipes.lock().await.recv().await.unwrap())
        }
    }));
    registered(&mut events).await;
    let day = tokio::time::Instant::now() + Duration::from_secs(24 * 60 * 60);
    let mut updates = 0;
    while let Ok(event) = tokio::time::timeout_at(day, events.recv()).await {
        match event.unwrap() {
            ServerEvent::Updated { .. } => updates += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(updates >= 24 * 6, "{updates}");
    assert_eq!(opened.load(Ordering::Relaxed), 1);
}
