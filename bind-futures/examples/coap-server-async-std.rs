//! The CoAP server of the examples on async-std.

use std::future::{Future, pending};
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use async_std::net::TcpListener;
use bind_futures::core::Advice;
use bind_futures::{AsyncIo, HalfClose, Server, tune};
use clap::Parser;
use demo::{Demo, Runtime};

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
    match async_std::task::block_on(serve(arguments.listen)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("coap-server-async-std: {}: {error}", arguments.listen);
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
        Ok((HalfClose::new(stream, |stream| stream.shutdown(Shutdown::Write)), address))
    };
    let demo = Demo::new(AsyncStd);
    server.serve(accept, |_| demo.clone(), |task| drop(async_std::task::spawn(task)), pending()).await;
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
