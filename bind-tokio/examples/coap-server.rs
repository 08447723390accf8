//! A small CoAP server over TCP, to try clients against.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bind_tokio::core::{Code, Config, Incoming, Message, OptionNumber, Tolerance};
use bind_tokio::{Coap, Direction, Draft, Endpoint, Reply, Wiretap};
use clap::Parser;

const TEXT: u16 = 0;
const LINK_FORMAT: u16 = 40;

const RESOURCES: &str = "</test>;ct=0,</echo>,</large>;sz=5000,</tick>;obs,</slow>,</call>";

/// Serves CoAP over TCP: /test, /echo, /large, /tick (observable), /slow (answers late), /call (asks the
/// client back), and keeps whatever is PUT anywhere else.
#[derive(Parser)]
struct Arguments {
    /// Address to listen on; port 0 picks a free one
    #[arg(long, default_value = "127.0.0.1:5683")]
    listen: SocketAddr,
    /// Show every message
    #[arg(short, long)]
    verbose: bool,
}

#[derive(Clone, Default)]
struct Store(Arc<Mutex<BTreeMap<Vec<Vec<u8>>, Stored>>>);

#[derive(Clone, Default)]
struct Stored {
    format: u16,
    bytes: Vec<u8>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
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
    // Some peers take blocks without saying so.
    let mut tolerance = Tolerance::DEFAULT;
    tolerance.unannounced_blocks = true;
    let config = Config::new().max_message_size(1024 * 1024 + 256).tolerance(tolerance);
    let listener = Endpoint::new(config).listen_plain(arguments.listen).await?;
    println!("listening on coap+tcp://{}", listener.local_addr()?);
    let store = Store::default();
    let verbose = arguments.verbose;
    let layer = |_| {
        let store = store.clone();
        Coap::new(move |request: &Incoming<'_>, reply: Reply<'_, '_, '_>| {
            serve_request(&store, request, reply)
        })
    };
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

fn serve_request(store: &Store, request: &Incoming<'_>, reply: Reply<'_, '_, '_>) {
    let path: Vec<&[u8]> = request.path().collect();
    match (request.code, path.as_slice()) {
        (Code::GET, [b".well-known", b"core"]) => {
            reply.content(Code::CONTENT, LINK_FORMAT, RESOURCES.as_bytes())
        }
        (Code::GET, [b"test"]) => reply.content(Code::CONTENT, TEXT, b"coap+tcp works"),
        (Code::GET, [b"large"]) => reply.content(Code::CONTENT, TEXT, &[b'x'; 5000]),
        (Code::POST | Code::PUT, [b"echo"]) => {
            let code = if request.code == Code::POST { Code::CONTENT } else { Code::CHANGED };
            reply.content(code, format(request), request.payload);
        }
        (Code::GET, [b"tick"]) => tick(reply),
        (Code::GET, [b"slow"]) => slow(reply),
        (Code::POST, [b"call"]) => call(request, reply),
        (_, [b"test" | b"large" | b"tick" | b"slow" | b"call" | b"echo"]) => {
            reply.code(Code::METHOD_NOT_ALLOWED)
        }
        _ => store.serve(request, reply),
    }
}

fn format(request: &Incoming<'_>) -> u16 {
    request.uint(OptionNumber::CONTENT_FORMAT).map_or(TEXT, |format| format as u16)
}

/// Counts, five a second, for whoever observes.
fn tick(reply: Reply<'_, '_, '_>) {
    let state = |n: u32| Draft::new(Code::CONTENT).content(TEXT, format!("tick {n}"));
    if let Some(notifier) = reply.observe(&state(0)) {
        tokio::spawn(async move {
            let mut clock = tokio::time::interval(Duration::from_millis(200));
            clock.tick().await;
            for n in 1.. {
                clock.tick().await;
                if !notifier.notify(&state(n)) {
                    break;
                }
            }
        });
    }
}

/// Answers half a second later; other requests are served meanwhile.
fn slow(reply: Reply<'_, '_, '_>) {
    if let Some(deferred) = reply.defer() {
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(500)).await;
            deferred.respond(Draft::new(Code::CONTENT).content(TEXT, "slow but sure"))
        });
    }
}

/// GETs a path from the client, on the client's own connection, and answers with what it got.
fn call(request: &Incoming<'_>, mut reply: Reply<'_, '_, '_>) {
    let path = String::from_utf8_lossy(request.payload).into_owned();
    let client = reply.connection();
    if let Some(deferred) = reply.defer() {
        tokio::spawn(async move {
            let answer = match client.request(Draft::get(&path)).await {
                Ok(answer) => Draft::new(Code::CONTENT).content(TEXT, answer.view().payload.to_vec()),
                Err(error) => Draft::new(Code::BAD_GATEWAY).payload(error.to_string()),
            };
            deferred.respond(answer)
        });
    }
}

impl Store {
    fn serve(&self, request: &Incoming<'_>, reply: Reply<'_, '_, '_>) {
        let path: Vec<Vec<u8>> = request.path().map(<[u8]>::to_vec).collect();
        let mut store = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match request.code {
            Code::GET => match store.get(&path) {
                Some(stored) => reply.content(Code::CONTENT, stored.format, &stored.bytes),
                None => reply.code(Code::NOT_FOUND),
            },
            Code::PUT => {
                let stored = Stored { format: format(request), bytes: request.payload.to_vec() };
                let before = store.insert(path, stored);
                reply.code(if before.is_some() { Code::CHANGED } else { Code::CREATED });
            }
            Code::POST => {
                let created = !store.contains_key(&path);
                store.entry(path).or_default().bytes.extend_from_slice(request.payload);
                reply.code(if created { Code::CREATED } else { Code::CHANGED });
            }
            Code::DELETE => {
                store.remove(&path);
                reply.code(Code::DELETED);
            }
            _ => reply.code(Code::METHOD_NOT_ALLOWED),
        }
    }
}
