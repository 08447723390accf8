//! Judges another implementation of CoAP over TCP by what it does on the wire.

use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{ArgGroup, Parser};
use coap_tcp_core::uri::{Scheme, Uri};
use testkit::probe::{Caller, Host, Meeting, Missed, Probe, Survey, Tally, Times, all, judge};
use testkit::script::Role;

/// Judges a CoAP-over-TCP server, or a client, requirement by requirement (docs/probe.md).
///
/// Exit code 0 where no MUST is broken, 1 where one is, 2 for bad arguments, 3 where there is no connection.
#[derive(Parser)]
#[command(group(ArgGroup::new("who").required(true).args(["uri", "listen", "list"])))]
struct Arguments {
    /// The server: coap+tcp://HOST[:PORT]
    uri: Option<String>,
    /// Wait for clients instead
    #[arg(long, value_name = "ADDRESS", num_args = 0..=1, default_missing_value = "127.0.0.1:5683")]
    listen: Option<SocketAddr>,
    /// A command that starts the client, run for each connection; {uri} and {port} are filled in
    #[arg(long, value_name = "COMMAND", requires = "listen")]
    client: Option<String>,
    /// List the probes
    #[arg(long)]
    list: bool,
    /// Only those about this requirement; may be repeated
    #[arg(long, value_name = "ID")]
    only: Vec<String>,
    /// A resource of the server
    #[arg(long, default_value = "/.well-known/core")]
    path: String,
    /// Seconds to wait for each thing that should come
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0)]
    timeout: f64,
    /// Seconds to wait for a connection
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0)]
    connect: f64,
    /// Seconds for it all
    #[arg(long, value_name = "SECONDS", default_value_t = 55.0)]
    limit: f64,
    /// Show every message
    #[arg(short, long)]
    verbose: bool,
}

fn main() -> ExitCode {
    let arguments = match demo::arguments::<Arguments>() {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    match run(&arguments) {
        Ok(code) => ExitCode::from(code),
        Err((code, error)) => {
            eprintln!("probe: {error}");
            ExitCode::from(code)
        }
    }
}

type Ended = (u8, String);

fn run(arguments: &Arguments) -> Result<u8, Ended> {
    let role = if arguments.listen.is_some() { Role::Client } else { Role::Server };
    let mut probes = all(&arguments.path).map_err(usage)?;
    for id in &arguments.only {
        if !probes.iter().any(|probe| probe.requirements.contains(id)) {
            return Err(usage(format!("no probe is about {id}")));
        }
    }
    let wanted = |probe: &Probe| {
        arguments.only.is_empty() || probe.requirements.iter().any(|id| arguments.only.contains(id))
    };
    probes.retain(wanted);
    if arguments.list {
        list(&probes);
        return Ok(0);
    }
    probes.retain(|probe| probe.is_for(role));
    let mut meeting = meeting(arguments)?;
    let survey = Survey::new(&mut *meeting, role, &arguments.path).map_err(unmet)?;
    let (mut tally, mut broken) = (Tally::default(), false);
    for probe in &probes {
        let report = judge(probe, &survey, &mut *meeting);
        println!("{report}");
        if arguments.verbose {
            report.transcript.iter().for_each(|line| println!("    {line}"));
        }
        tally.count(report.verdict);
        broken |= report.breaks_a_must();
    }
    println!("{tally}");
    Ok(u8::from(broken))
}

const fn usage(error: String) -> Ended {
    (2, error)
}

fn unmet(missed: Missed) -> Ended {
    (3, missed.to_string())
}

fn list(probes: &[Probe]) {
    for probe in probes {
        let role = match probe.role {
            None => "either",
            Some(Role::Client) => "client",
            Some(Role::Server) => "server",
        };
        println!("{:<6} {role} {}: {}", probe.level, probe.requirements.join(" "), probe.title);
    }
}

fn meeting(arguments: &Arguments) -> Result<Box<dyn Meeting>, Ended> {
    let seconds =
        |seconds: f64| Duration::try_from_secs_f64(seconds).map_err(|error| usage(error.to_string()));
    let times = Times {
        each: seconds(arguments.timeout)?.max(Duration::from_millis(1)),
        call: seconds(arguments.connect)?.max(Duration::from_millis(1)),
        end: Instant::now().checked_add(seconds(arguments.limit)?).ok_or_else(|| usage("too long".into()))?,
    };
    let Some(on) = arguments.listen else {
        let address = address(arguments.uri.as_deref().unwrap_or_default())?;
        return Ok(Box::new(Caller::new(address, times)));
    };
    let listener = TcpListener::bind(on).map_err(|error| (3, format!("{on}: {error}")))?;
    let bound = listener.local_addr().map_err(|error| (3, format!("{on}: {error}")))?;
    eprintln!("listening on coap+tcp://{bound}");
    let command = arguments.client.as_ref().map(|command| {
        command.replace("{uri}", &format!("coap+tcp://{bound}")).replace("{port}", &bound.port().to_string())
    });
    let host = Host::new(listener, times, command).map_err(|error| (3, format!("{on}: {error}")))?;
    Ok(Box::new(host))
}

fn address(uri: &str) -> Result<SocketAddr, Ended> {
    let parsed = Uri::parse(uri).map_err(|error| usage(format!("{uri}: {error}")))?;
    if parsed.scheme() != Scheme::CoapTcp {
        return Err(usage(format!("{uri}: only coap+tcp is spoken here")));
    }
    let host = (parsed.host().trim_matches(['[', ']']), parsed.port());
    let mut found = host.to_socket_addrs().map_err(|error| (3, format!("{uri}: {error}")))?;
    found.next().ok_or_else(|| (3, format!("{uri}: no address")))
}
