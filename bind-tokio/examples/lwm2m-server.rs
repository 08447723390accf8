//! An LwM2M server over TCP for the command line: reads and observes whoever registers.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::net::SocketAddr;
use std::process::ExitCode;

use bind_tokio::Endpoint;
use bind_tokio::lwm2m::core::content::ContentFormat;
use bind_tokio::lwm2m::core::{Path, profile, server};
use bind_tokio::lwm2m::{Answer, Server, ServerEvent};
use clap::{Parser, ValueEnum};

/// Listens for LwM2M devices, prints their registrations, reads and observes them.
#[derive(Parser)]
struct Arguments {
    /// Address to listen on; port 0 picks a free one
    #[arg(long, default_value = "127.0.0.1:5683")]
    listen: SocketAddr,
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

#[derive(Clone, Copy, ValueEnum)]
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

fn main() -> ExitCode {
    let arguments = match demo::arguments::<Arguments>() {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    match runtime.and_then(|runtime| runtime.block_on(run(&arguments))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lwm2m-server: {}: {error}", arguments.listen);
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> std::io::Result<()> {
    let listener = Endpoint::new(profile::SERVER).listen_plain(arguments.listen).await?;
    println!("listening on coap+tcp://{}", listener.local_addr()?);
    let (server, mut events) =
        Server::new(server::Config::new(), || RandomState::new().build_hasher().finish());
    let end = async {
        while let Some(event) = events.recv().await {
            let left = matches!(event, ServerEvent::Deregistered { .. });
            show(event, arguments, &server);
            if left && arguments.exit_after_deregister {
                return;
            }
        }
    };
    let ended = async {
        tokio::select! {
            () = end => {}
            _ = tokio::signal::ctrl_c() => {}
        }
    };
    server.serve(listener, ended).await;
    Ok(())
}

fn show(event: ServerEvent, arguments: &Arguments, server: &Server) {
    match event {
        ServerEvent::Registered { endpoint, summary } => {
            println!("registered {endpoint} {summary}");
            let accept = arguments.format.map(Format::content);
            for &path in &arguments.read {
                tokio::spawn(read(server.clone(), endpoint.clone(), path, accept));
            }
            for &path in &arguments.observe {
                tokio::spawn(observe(server.clone(), endpoint.clone(), path, accept));
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
