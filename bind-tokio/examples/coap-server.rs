//! A small CoAP server over TCP, to try clients against.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use bind_tokio::core::Message;
use bind_tokio::{Coap, Direction, Endpoint, Wiretap};
use clap::Parser;
use demo::{Demo, Runtime};

/// Serves CoAP over TCP: /test, /echo, /large, /tick (observable), /slow (answers late), /call (asks the
/// client back), /stream (bodies of any size), and keeps whatever is PUT anywhere else.
#[derive(Parser)]
struct Arguments {
    /// Address to listen on; port 0 picks a free one
    #[arg(long, default_value = "127.0.0.1:5683")]
    listen: SocketAddr,
    /// Show every message
    #[arg(short, long)]
    verbose: bool,
}

fn main() -> ExitCode {
    let arguments = match demo::arguments::<Arguments>() {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    match runtime.and_then(|runtime| runtime.block_on(serve(&arguments))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("coap-server: {}: {error}", arguments.listen);
            ExitCode::FAILURE
        }
    }
}

async fn serve(arguments: &Arguments) -> io::Result<()> {
    let listener = Endpoint::new(demo::config()).listen_plain(arguments.listen).await?;
    println!("listening on coap+tcp://{}", listener.local_addr()?);
    let verbose = arguments.verbose;
    let demo = Demo::new(Tokio);
    let layer = |_| Coap::new(demo.clone());
    let wrap = |stream, address: SocketAddr| {
        Wiretap::new(stream, move |direction, message: &Message<'_>| {
            if verbose {
                println!("{address} {} {message}", if direction == Direction::In { "->" } else { "<-" });
            }
        })
    };
    let interrupted = async {
        let _ = tokio::signal::ctrl_c().await;
    };
    listener.serve_layers(layer, wrap, interrupted).await;
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
