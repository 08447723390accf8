//! An LwM2M device over TCP for the command line.

use core::time::Duration;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::process::ExitCode;

use bind_tokio::Endpoint;
use bind_tokio::core::uri::{Scheme, Uri};
use bind_tokio::lwm2m::core::objects::{self, Temperature};
use bind_tokio::lwm2m::core::{Path, client, profile};
use bind_tokio::lwm2m::{Device, DeviceEvent, DeviceHandle};
use clap::Parser;

/// Registers with an LwM2M server as a thermometer, serves it for a while, and de-registers.
///
/// Exit code 0 when the server has taken the De-register, 1 otherwise, 2 for bad arguments.
#[derive(Parser)]
struct Arguments {
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
    duration: Option<u64>,
}

type Objects = (objects::Server, objects::Device<'static>, Temperature<'static>);

fn main() -> ExitCode {
    let arguments = match demo::arguments::<Arguments>() {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    if arguments.endpoint.is_empty() {
        return refuse("--endpoint is empty");
    }
    let (host, port) = match Uri::parse(&arguments.server) {
        Ok(uri) if uri.scheme() == Scheme::CoapTcp => (uri.host().to_owned(), uri.port()),
        Ok(_) => return refuse("only coap+tcp is spoken here"),
        Err(error) => return refuse(&format!("{}: {error}", arguments.server)),
    };
    match run(&arguments, &host, port) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

fn refuse(why: &str) -> ExitCode {
    eprintln!("lwm2m-device: {why}");
    ExitCode::from(2)
}

#[tokio::main(flavor = "current_thread")]
async fn run(arguments: &Arguments, host: &str, port: u16) -> bool {
    let mut temperature = Temperature::new("Cel");
    temperature.measure(20.0);
    let objects = (
        objects::Server::new(1, arguments.lifetime),
        objects::Device { manufacturer: "Example Instruments", model: "T1", ..objects::Device::new() },
        temperature,
    );
    // One name for the life of the process.
    let name: &'static str = arguments.endpoint.clone().leak();
    let endpoint = Endpoint::new(profile::DEVICE);
    let seed = RandomState::new().build_hasher().finish();
    let (device, handle, mut events) =
        Device::new(endpoint.clone(), client::Config::new(name), objects, seed);
    let connect = || {
        let endpoint = endpoint.clone();
        async move {
            let stream = endpoint.tcp((host.trim_matches(['[', ']']), port)).await;
            stream.inspect_err(|error| eprintln!("lwm2m-device: {host}:{port}: {error}"))
        }
    };
    let mut left = false;
    let mut watch = |event| {
        left |= event == DeviceEvent::Deregistered;
        show(event);
    };
    tokio::select! {
        ended = device.run(connect) => {
            if let Err(error) = ended {
                eprintln!("lwm2m-device: {error}");
            }
        }
        () = live(arguments, &handle) => {}
        () = async { while let Some(event) = events.recv().await { watch(event) } } => {}
    }
    while let Some(event) = events.try_recv() {
        watch(event);
    }
    left
}

/// Measures once a second until it is time to go. Never ends: the device does.
async fn live(arguments: &Arguments, handle: &DeviceHandle<Objects>) {
    let end = async {
        match arguments.duration {
            Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
            None => drop(tokio::signal::ctrl_c().await),
        }
    };
    let measure = async {
        let mut clock = tokio::time::interval(Duration::from_secs(1));
        for n in 0_u32.. {
            clock.tick().await;
            let celsius = 20.0 + f64::from(n % 40) / 4.0;
            handle.change(|objects| {
                objects.2.measure(celsius);
                Path::new(&[3303, 0, 5700]).unwrap_or(Path::ROOT)
            });
        }
    };
    tokio::select! {
        () = end => {}
        () = measure => {}
    }
    handle.deregister();
    core::future::pending::<()>().await;
}

fn show(event: DeviceEvent) {
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
