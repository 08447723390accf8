//! The LwM2M server of the examples on mio.

use std::future::Future;
use std::process::ExitCode;
use std::time::Duration;
use std::{io, thread};

use bind_mio::lwm2m::core::{profile, server};
use bind_mio::lwm2m::{self, Server};
use bind_mio::{Clock, Reactor, block_on};
use demo::Runtime;
use demo::lwm2m::{ServerArguments, random, watch};

fn main() -> ExitCode {
    let arguments = match demo::arguments::<ServerArguments>() {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    let listen = arguments.listen;
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lwm2m-server-mio: {listen}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: ServerArguments) -> io::Result<()> {
    let mut reactor = Reactor::new(&profile::SERVER)?;
    let (server, events) = Server::new(server::Config::new(), random);
    let address = lwm2m::serve(&mut reactor, &server, arguments.listen)?;
    println!("listening on coap+tcp://{address}");
    let remote = reactor.remote();
    thread::spawn(move || {
        block_on(watch(Threads, server, events, arguments));
        remote.stop()
    });
    reactor.run(Clock::start())
}

/// A thread for each task: they wait for a device most of the time.
#[derive(Clone, Copy, Debug)]
struct Threads;

impl Runtime for Threads {
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        thread::spawn(|| block_on(task));
    }

    async fn sleep(&self, time: Duration) {
        thread::sleep(time);
    }
}
