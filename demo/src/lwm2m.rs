//! What the LwM2M examples share: a server that reads and observes whoever registers, and a thermometer.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::net::SocketAddr;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use coap_tcp_app::core::uri::{Scheme, Uri};
use lwm2m_app::core::content::ContentFormat;
use lwm2m_app::core::objects::{self, Temperature};
use lwm2m_app::core::{Path, client};
use lwm2m_app::{Answer, DeviceEvent, DeviceHandle, Events, Server, ServerEvent};

use crate::Runtime;

/// Listens for LwM2M devices, prints their registrations, reads and observes them.
#[derive(Clone, Debug, Parser)]
pub struct ServerArguments {
    /// Address to listen on; port 0 picks a free one
    #[arg(long, default_value = "127.0.0.1:5683")]
    pub listen: SocketAddr,
    /// Path to read after each registration; may be repeated
    #[arg(long, value_name = "PATH", default_value = "/3/0/0")]
    read: Vec<Path>,
    /// Path to observe after each registration; may be repeated
    #[arg(long, value_name = "PATH", default_value = "/3303/0/5700")]
    observe: Vec<Path>,
    /// Format to ask for; without it, what the device said it speaks
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// End when a device has de-registered
    #[arg(long)]
    exit_after_deregister: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Tlv,
    SenmlCbor,
    Text,
}

impl Format {
    const fn content(self) -> ContentFormat {
        match self {
            Self::Tlv => ContentFormat::TLV,
            Self::SenmlCbor => ContentFormat::SENML_CBOR,
            Self::Text => ContentFormat::TEXT,
        }
    }
}

/// A number that nobody guesses.
pub fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// Prints what a server reports, reads and observes who registers, until it is time to end.
pub async fn watch<R: Runtime>(
    runtime: R,
    server: Server,
    mut events: Events<ServerEvent>,
    arguments: ServerArguments,
) {
    while let Some(event) = events.recv().await {
        let left = matches!(event, ServerEvent::Deregistered { .. });
        show_server(event, &arguments, &server, &runtime);
        if left && arguments.exit_after_deregister {
            return;
        }
    }
}

fn show_server<R: Runtime>(event: ServerEvent, arguments: &ServerArguments, server: &Server, runtime: &R) {
    match event {
        ServerEvent::Registered { endpoint, summary } => {
            println!("registered {endpoint} {summary}");
            let accept = arguments.format.map(Format::content);
            for &path in &arguments.read {
                runtime.spawn(read(server.clone(), endpoint.clone(), path, accept));
            }
            for &path in &arguments.observe {
                runtime.spawn(observe(server.clone(), endpoint.clone(), path, accept));
            }
        }
        ServerEvent::Updated { endpoint } => println!("updated {endpoint}"),
        ServerEvent::Deregistered { endpoint } => println!("deregistered {endpoint}"),
        ServerEvent::Expired { endpoint } => println!("expired {endpoint}"),
        ServerEvent::Refused(code) => println!("refused with {code}"),
        ServerEvent::Disconnected(why) => println!("disconnected: {why}"),
        _ => {}
    }
}

async fn read(server: Server, endpoint: String, path: Path, accept: Option<ContentFormat>) {
    match server.read(&endpoint, path, accept).await {
        Ok(answer) => {
            println!("read {endpoint} {path} {:?} {}", answer.message().view().code, values(&answer))
        }
        Err(error) => println!("read {endpoint} {path} failed: {error}"),
    }
}

async fn observe(server: Server, endpoint: String, path: Path, accept: Option<ContentFormat>) {
    let mut observation = match server.observe(&endpoint, path, accept) {
        Ok(observation) => observation,
        Err(error) => return println!("observe {endpoint} {path} failed: {error}"),
    };
    let mut first = true;
    while let Some(notification) = observation.next().await {
        match notification {
            Ok(answer) => {
                if core::mem::take(&mut first) {
                    println!("observing {endpoint} {path}");
                }
                println!("notify {endpoint} {path} {}", values(&answer));
            }
            Err(error) => println!("observe {endpoint} {path} ended: {error}"),
        }
    }
}

/// What an answer holds: `= a`, or `= /3/0/0 a, /3/0/1 b`, or what is wrong with it.
fn values(answer: &Answer) -> String {
    let mut values = Vec::new();
    let read = answer.values(|reading| {
        let text = reading.value.as_text().map_or_else(|| "?".to_owned(), |text| text.to_string());
        values.push((reading.path, text));
    });
    match (read, values.as_slice()) {
        (Err(error), _) => error.to_string(),
        (Ok(()), [(_, value)]) => format!("= {value}"),
        (Ok(()), values) => {
            let values: Vec<_> = values.iter().map(|(path, value)| format!("{path} {value}")).collect();
            format!("= {}", values.join(", "))
        }
    }
}

/// Registers with an LwM2M server as a thermometer, serves it for a while, and de-registers.
///
/// Exit code 0 when the server has taken the De-register, 1 otherwise, 2 for bad arguments.
#[derive(Clone, Debug, Parser)]
pub struct DeviceArguments {
    /// coap+tcp://HOST[:PORT]
    #[arg(long, value_name = "URI")]
    server: String,
    /// Endpoint name
    #[arg(long, value_name = "NAME")]
    endpoint: String,
    /// Seconds that a registration holds
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    lifetime: u32,
    /// Seconds until it de-registers; without it, when interrupted
    #[arg(long = "for", value_name = "SECONDS")]
    duration: Option<u32>,
}

/// Objects 1, 3 and 3303.
pub type Objects = (objects::Server, objects::Device<'static>, Temperature<'static>);

/// What arguments make of a device.
#[derive(Debug)]
pub struct Thermometer {
    /// Host of its server, without brackets.
    pub host: String,
    /// Port of its server.
    pub port: u16,
    /// Its name.
    pub config: client::Config<'static>,
    /// What it has to say.
    pub objects: Objects,
    /// For so many seconds; without it, until it is interrupted.
    pub duration: Option<u32>,
}

impl DeviceArguments {
    /// The device that is meant.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn thermometer(self) -> Result<Thermometer, String> {
        if self.endpoint.is_empty() {
            return Err("--endpoint is empty".to_owned());
        }
        let (host, port) = match Uri::parse(&self.server) {
            Ok(uri) if uri.scheme() == Scheme::CoapTcp => (uri.host().to_owned(), uri.port()),
            Ok(_) => return Err("only coap+tcp is spoken here".to_owned()),
            Err(error) => return Err(format!("{}: {error}", self.server)),
        };
        let mut temperature = Temperature::new("Cel");
        temperature.measure(20.0);
        Ok(Thermometer {
            host: host.trim_matches(['[', ']']).to_owned(),
            port,
            // One name for the life of the process.
            config: client::Config::new(self.endpoint.leak()),
            objects: (
                objects::Server::new(1, self.lifetime),
                objects::Device {
                    manufacturer: "Example Instruments",
                    model: "T1",
                    ..objects::Device::new()
                },
                temperature,
            ),
            duration: self.duration,
        })
    }
}

/// Measures once a second, for so many seconds.
pub async fn measure<R: Runtime>(runtime: R, handle: &DeviceHandle<Objects>, duration: Option<u32>) {
    for n in 0.. {
        let celsius = 20.0 + f64::from(n % 40) / 4.0;
        handle.change(|objects| {
            objects.2.measure(celsius);
            Path::new(&[3303, 0, 5700]).unwrap_or(Path::ROOT)
        });
        if duration == Some(n) {
            return;
        }
        runtime.sleep(Duration::from_secs(1)).await;
    }
}

/// Prints what a device reports.
pub fn show_device(event: DeviceEvent) {
    match event {
        DeviceEvent::Connected => println!("connected"),
        DeviceEvent::Disconnected(why) => println!("disconnected: {why}"),
        DeviceEvent::Registered => println!("registered"),
        DeviceEvent::Updated => println!("updated"),
        DeviceEvent::Failed(problem) => println!("failed: {problem:?}"),
        DeviceEvent::Forgotten => println!("forgotten by the server"),
        DeviceEvent::Deregistered => println!("deregistered"),
        DeviceEvent::Served(served) => match served.operation {
            Some(operation) => println!("{operation:?} {} {:?}", served.path, served.code),
            None => println!("request {:?}", served.code),
        },
        _ => {}
    }
}
