//! The CoAP server of the examples on smol.

use std::future::{Future, pending};
use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use bind_futures::core::Advice;
use bind_futures::{AsyncIo, Server, tune};
use clap::Parser;
use demo::{Demo, Runtime};
use smol::net::TcpListener;

/// Serves CoAP over TCP: /test, /echo, /large, /tick (observable), /slow (answers late), /call (asks the
/// client back), and keeps whatever is PUT anywhere else.
#[derive(Parser)]
struct Arguments {
    /// Address to listen on; port 0 picks a free one
    #[arg(long, default_value = "127.0.0.1:5683")]
    listen: SocketAddr,
}

fn main() -> ExitCode {
    let arguments = match demo::arguments::<Arguments>() {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    match smol::block_on(serve(arguments.listen)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("coap-server-smol: {}: {error}", arguments.listen);
            ExitCode::FAILURE
        }
    }
}

async fn serve(listen: SocketAddr) -> io::Result<()> {
    let listener = TcpListener::bind(listen).await?;
    println!("listening on coap+tcp://{}", listener.local_addr()?);
    let config = demo::config();
    let advice = Advice::acceptor(&config);
    let server = Server::new(config, AsyncIo::start()).map_err(io::Error::other)?;
    let accept = || async {
        let (stream, address) = listener.accept().await?;
        tune(&stream, &advice)?;
        Ok((stream, address))
    };
    let demo = Demo::new(Smol);
    server.serve(accept, |_| demo.clone(), |task| smol::spawn(task).detach(), pending()).await;
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
