//! The CoAP server of the examples on mio: one thread for all connections.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use bind_mio::{Clock, Coap, Reactor, block_on};
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
    match serve(arguments.listen) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("coap-server-mio: {}: {error}", arguments.listen);
            ExitCode::FAILURE
        }
    }
}

fn serve(listen: SocketAddr) -> io::Result<()> {
    let config = demo::config();
    let demo = Demo::new(Threads);
    let mut reactor = Reactor::new(&config)?;
    let address = reactor.listen(listen, move |stream, _| (stream, Coap::new(demo.clone())))?;
    println!("listening on coap+tcp://{address}");
    reactor.run(Clock::start())
}

/// What takes time goes to a thread of its own.
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
