//! The LwM2M server of the examples on async-std.

use std::future::Future;
use std::io;
use std::net::Shutdown;
use std::process::ExitCode;
use std::time::Duration;

use async_std::net::TcpListener;
use bind_futures::core::Advice;
use bind_futures::lwm2m::core::{profile, server};
use bind_futures::lwm2m::{self, Server};
use bind_futures::{AsyncIo, HalfClose, tune};
use demo::Runtime;
use demo::lwm2m::{ServerArguments, random, watch};

fn main() -> ExitCode {
    let arguments = match demo::arguments::<ServerArguments>() {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    let listen = arguments.listen;
    match async_std::task::block_on(run(arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lwm2m-server-async-std: {listen}: {error}");
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
        Ok((HalfClose::new(stream, |stream| stream.shutdown(Shutdown::Write)), address))
    };
    let over = bind_futures::Server::new(profile::SERVER, AsyncIo::start()).map_err(io::Error::other)?;
    let ended = watch(AsyncStd, server.clone(), events, arguments);
    lwm2m::serve(&over, &server, accept, |task| drop(async_std::task::spawn(task)), ended).await;
    Ok(())
}

#[derive(Clone, Copy, Debug)]
struct AsyncStd;

impl Runtime for AsyncStd {
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        async_std::task::spawn(task);
    }

    async fn sleep(&self, time: Duration) {
        async_std::task::sleep(time).await;
    }
}
