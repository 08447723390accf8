//! The main job: a device registers with a server over TCP, is read, is observed, updates, de-registers, and
//! closes. Both are in this process; between them is a real TCP connection on 127.0.0.1, and every message on
//! it is shown.

use core::fmt;
use core::time::Duration;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::io::IsTerminal;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use bind_tokio::core::wire::Csm;
use bind_tokio::core::{Code, Message};
use bind_tokio::lwm2m::core::objects::{self, Temperature};
use bind_tokio::lwm2m::core::{Path, client, profile, server};
use bind_tokio::lwm2m::{
    Answer, Device, DeviceEvent, DeviceHandle, Events, Observation, Server, ServerEvent,
};
use bind_tokio::{Direction, Endpoint, Wiretap};
use clap::Parser;
use tokio::sync::oneshot;
use tokio::time::timeout;

const NAME: &str = "thermometer";
const LIFETIME: u32 = 60;
/// For each step; all of them take about two seconds.
const STEP: Duration = Duration::from_secs(5);

/// Shows a whole life of an LwM2M device over TCP.
#[derive(Parser)]
struct Arguments {
    /// Port on 127.0.0.1 for the server; 0 picks a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
}

type Objects = (objects::Server, objects::Device<'static>, Temperature<'static>);
type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let arguments = match demo::arguments::<Arguments>() {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    let show = Show::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime.map_err(Failure::from).and_then(|runtime| runtime.block_on(run(&arguments, &show))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lwm2m: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments, show: &Show) -> Result<(), Failure> {
    let address = SocketAddr::from(([127, 0, 0, 1], arguments.port));
    let listening = Endpoint::new(profile::SERVER).listen_plain(address).await;
    let listener = listening.map_err(|error| format!("cannot listen on {address}: {error}"))?;
    let address = listener.local_addr()?;
    show.title(format_args!("A server on coap+tcp://{address}, and a device that knows its address"));
    let (server, mut events) = Server::new(server::Config::new(), random);
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = {
        let server = server.clone();
        tokio::spawn(async move {
            let stopped = async {
                let _ = stopped.await;
            };
            server.serve(listener, stopped).await;
        })
    };

    let (device, handle, mut reports) = thermometer();
    let running = tokio::spawn(device.run({
        let show = show.clone();
        move || connect(address, show.clone())
    }));

    show.step("The device connects, and registers");
    let registered = expect(&mut events, "registration", |event| match event {
        ServerEvent::Registered { endpoint, summary } => Some(format!("{endpoint} {summary}")),
        _ => None,
    });
    let registered = registered.await?;
    expect(&mut reports, "answer to the registration", |event| {
        (event == DeviceEvent::Registered).then_some(())
    })
    .await?;
    show.fact("server", format!("has {registered}"));

    show.step("The server reads who made it");
    for (what, path) in [("manufacturer", "/3/0/0"), ("model", "/3/0/1")] {
        let answer = step(what, server.read(NAME, path.parse()?, None)).await??;
        show.fact("server", format!("{what} is {}", value(&answer)?));
    }

    show.step("The server observes the temperature");
    let mut observation = server.observe(NAME, "/3303/0/5700".parse()?, None)?;
    show.fact("server", format!("it is {} °C now", next(&mut observation).await?));
    for measured in [21.75, 22.0, 22.5] {
        tokio::time::sleep(Duration::from_millis(250)).await;
        handle.change(|objects| measure(objects, measured));
        let notified = next(&mut observation).await?;
        if notified != measured {
            return Err(format!("measured {measured}, but the server was told {notified}").into());
        }
        show.fact("server", format!("notified of {notified} °C"));
    }
    step("end of the observation", observation.cancel()).await?;

    show.step("The device says that it is still there");
    handle.update();
    let updated = |event: ServerEvent| matches!(event, ServerEvent::Updated { .. }).then_some(());
    expect(&mut events, "Update", updated).await?;
    expect(&mut reports, "answer to the Update", |event| (event == DeviceEvent::Updated).then_some(()))
        .await?;
    show.fact("server", format!("good for another {LIFETIME} seconds"));

    show.step("The device leaves");
    handle.deregister();
    let gone = |event: ServerEvent| matches!(event, ServerEvent::Deregistered { .. }).then_some(());
    expect(&mut events, "De-register", gone).await?;
    let closed = expect(&mut events, "close", |event| match event {
        ServerEvent::Disconnected(why) => Some(why),
        _ => None,
    });
    let why = closed.await?;
    step("end of the device", running).await???;
    show.fact("server", format!("connection {why}"));
    drop(stop);
    step("end of the server", serving).await??;
    show.title(format_args!("Done"));
    Ok(())
}

/// Objects 1, 3 and 3303, and the client that registers them.
fn thermometer() -> (Device<Objects>, DeviceHandle<Objects>, Events<DeviceEvent>) {
    let mut temperature = Temperature::new("Cel");
    temperature.measure(21.5);
    let objects = (
        objects::Server::new(1, LIFETIME),
        objects::Device { manufacturer: "Example Instruments", model: "T1", ..objects::Device::new() },
        temperature,
    );
    Device::new(Endpoint::new(profile::DEVICE), client::Config::new(NAME), objects, random())
}

fn measure(objects: &mut Objects, celsius: f64) -> Path {
    objects.2.measure(celsius);
    Path::new(&[3303, 0, 5700]).unwrap_or(Path::ROOT)
}

/// The device's transport: TCP, and somebody who reads along.
async fn connect(
    address: SocketAddr,
    show: Show,
) -> std::io::Result<Wiretap<tokio::net::TcpStream, impl FnMut(Direction, &Message<'_>) + Unpin>> {
    let stream = Endpoint::new(profile::DEVICE).tcp(address).await?;
    show.fact("device", format!("connected from {}", stream.local_addr()?));
    Ok(Wiretap::new(stream, move |direction, message: &Message<'_>| show.message(direction, message)))
}

/// The one value of an answer.
fn value(answer: &Answer) -> Result<String, Failure> {
    let mut text = None;
    answer.values(|reading| text = reading.value.as_text().map(|text| text.to_string()))?;
    text.ok_or_else(|| "an answer without a value".into())
}

async fn next(observation: &mut Observation) -> Result<f64, Failure> {
    let answer = step("notification", observation.next()).await?;
    Ok(value(&answer.ok_or("the observation ended early")??)?.parse()?)
}

async fn step<T>(what: &str, future: impl Future<Output = T>) -> Result<T, Failure> {
    timeout(STEP, future).await.map_err(|_| format!("no {what} within {STEP:?}").into())
}

/// Waits for an event, passing over others.
async fn expect<E, T>(
    events: &mut Events<E>,
    what: &str,
    mut wanted: impl FnMut(E) -> Option<T>,
) -> Result<T, Failure> {
    let search = async {
        while let Some(event) = events.recv().await {
            if let Some(found) = wanted(event) {
                return Some(found);
            }
        }
        None
    };
    step(what, search).await?.ok_or_else(|| format!("no {what}, and nothing more to come").into())
}

/// A number that nobody guesses.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// One line an event: when, who, what.
#[derive(Clone)]
struct Show {
    start: Instant,
    /// Escape sequences for titles, steps, what is agreed, and the end of each; empty where nobody could see
    /// colours.
    style: Arc<[&'static str; 4]>,
}

impl Show {
    fn new() -> Self {
        let colours = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        let style = if colours { ["\x1b[1m", "\x1b[1;36m", "\x1b[2m", "\x1b[0m"] } else { [""; 4] };
        Self { start: Instant::now(), style: Arc::new(style) }
    }

    fn line(&self, who: &str, what: impl fmt::Display) {
        println!("{:>9.1} ms  {who:<6}  {what}", self.start.elapsed().as_secs_f64() * 1e3);
    }

    fn title(&self, text: fmt::Arguments<'_>) {
        let [bold, .., end] = *self.style;
        println!("{bold}{text}{end}");
    }

    fn step(&self, text: &str) {
        let [_, step, _, end] = *self.style;
        println!("\n{step}{text}{end}");
    }

    fn fact(&self, who: &str, text: impl fmt::Display) {
        self.line(who, text);
    }

    fn message(&self, direction: Direction, message: &Message<'_>) {
        let [.., dim, end] = *self.style;
        let (who, arrow) = match direction {
            Direction::Out => ("device", "──▶"),
            Direction::In => ("server", "◀──"),
        };
        self.line(who, format_args!("{dim}{arrow} {message}{end}"));
        if message.code == Code::CSM {
            if let Ok(csm) = Csm::read(message, true) {
                let size = csm.max_message_size.unwrap_or(1152);
                let block = if csm.block_wise { "and block by block" } else { "in one piece" };
                self.line(who, format_args!("takes messages of up to {size} bytes, {block}"));
            }
        }
    }
}
