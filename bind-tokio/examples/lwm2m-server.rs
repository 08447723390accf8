//! An LwM2M server over TCP for the command line, on tokio.

use std::future::Future;
use std::process::ExitCode;
use std::time::Duration;

use bind_tokio::Endpoint;
use bind_tokio::lwm2m::Server;
use bind_tokio::lwm2m::core::{profile, server};
use demo::Runtime;
use demo::lwm2m::{ServerArguments, random, watch};

fn main() -> ExitCode {
    let arguments = match demo::arguments::<ServerArguments>() {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    let listen = arguments.listen;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    match runtime.and_then(|runtime| runtime.block_on(run(arguments))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lwm2m-server: {listen}: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: ServerArguments) -> std::io::Result<()> {
    let listener = Endpoint::new(profile::SERVER).listen_plain(arguments.listen).await?;
    println!("listening on coap+tcp://{}", listener.local_addr()?);
    let (server, events) = Server::new(server::Config::new(), random);
    let ended = async {
        tokio::select! {
            () = watch(Tokio, (*server).clone(), events, arguments) => {}
            _ = tokio::signal::ctrl_c() => {}
        }
    };
    server.serve(listener, ended).await;
    Ok(())
}

#[derive(Clone, Copy, Debug)]
struct Tokio;

impl Runtime for Tokio {
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        tokio::spawn(task);
    }

    async fn sleep(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}
