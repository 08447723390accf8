//! The CoAP server of the examples on smol.

use std::future::{Future, pending};
use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use bind_futures::core::Config;
use bind_futures::{AsyncIo, Coap, Role, drive};
use clap::Parser;
use demo::{Demo, Runtime};
use smol::net::TcpListener;

static CONFIG: Config = demo::config();

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
    let (demo, timer) = (Demo::new(Smol), AsyncIo::start());
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (layer, timer) = (Coap::new(demo.clone()), timer.clone());
        let connection = async move {
            let _ = drive(stream, Role::Acceptor, &CONFIG, timer, layer, pending()).await;
        };
        smol::spawn(connection).detach();
    }
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
