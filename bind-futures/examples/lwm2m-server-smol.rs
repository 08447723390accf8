//! The LwM2M server of the examples on smol.

use std::future::Future;
use std::io;
use std::process::ExitCode;
use std::time::Duration;

use bind_futures::core::Advice;
use bind_futures::lwm2m::core::{profile, server};
use bind_futures::lwm2m::{self, Server};
use bind_futures::{AsyncIo, tune};
use demo::Runtime;
use demo::lwm2m::{ServerArguments, random, watch};
use smol::net::TcpListener;

fn main() -> ExitCode {
    let arguments = match demo::arguments::<ServerArguments>() {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    let listen = arguments.listen;
    match smol::block_on(run(arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lwm2m-server-smol: {listen}: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: ServerArguments) -> io::Result<()> {
    let listener = TcpListener::bind(arguments.listen).await?;
    println!("listening on coap+tcp://{}", listener.local_addr()?);
    let (server, events) = Server::new(server::Config::new(), random);
    let advice = Advice::acceptor(&profile::SERVER);
    let accept = || async {
        let (stream, address) = listener.accept().await?;
        tune(&stream, &advice)?;
        Ok((stream, address))
    };
    let over = bind_futures::Server::new(profile::SERVER, AsyncIo::start()).map_err(io::Error::other)?;
    let ended = watch(Smol, server.clone(), events, arguments);
    lwm2m::serve(&over, &server, accept, |task| smol::spawn(task).detach(), ended).await;
    Ok(())
}

#[derive(Clone, Copy, Debug)]
struct Smol;

impl Runtime for Smol {
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        smol::spawn(task).detach();
    }

    async fn sleep(&self, time: Duration) {
        smol::Timer::after(time).await;
    }
}
