//! What the example programs share: their arguments, and the resources of the servers, which are the same code on
//! tokio, mio, smol and async-std.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod arguments;
pub mod lwm2m;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use coap_tcp_app::core::link::Resource;
use coap_tcp_app::core::{Code, Config, Incoming, OptionNumber, Tolerance};
use coap_tcp_app::{Draft, Reply, Service};

pub use arguments::arguments;

const TEXT: u16 = 0;

static RESOURCES: [Resource<'_>; 7] = [
    Resource { ct: &[TEXT], ..Resource::new("/test") },
    Resource { title: Some("Gives back what it gets"), ..Resource::new("/echo") },
    Resource { sz: Some(5000), ct: &[TEXT], ..Resource::new("/large") },
    Resource { obs: true, ct: &[TEXT], ..Resource::new("/tick") },
    Resource { title: Some("Answers late"), ..Resource::new("/slow") },
    Resource { title: Some("Asks the client back"), ..Resource::new("/call") },
    Resource { title: Some("Bodies of any size"), ..Resource::new("/stream") },
];

/// What /stream gives unless its query asks for another size.
const STREAM: u64 = 10 * 1024 * 1024;
const LINE: usize = 16;

/// Large messages, and blocks also with peers that take them without saying so.
pub const fn config() -> Config {
    let mut tolerance = Tolerance::DEFAULT;
    tolerance.unannounced_blocks = true;
    Config::new().max_message_size(1024 * 1024 + 256).tolerance(tolerance)
}

/// What the resources want of a runtime: something to do beside the connections, and to wait there.
pub trait Runtime: Clone + Send + 'static {
    /// Runs a task to its end.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static);

    /// Waits in such a task.
    fn sleep(&self, time: Duration) -> impl Future<Output = ()> + Send;
}

/// /test, /echo, /large, /tick (observable), /slow (answers late), /call (asks the client back), /stream (gives and
/// takes bodies of any size, which it never has as a whole); and keeps whatever is PUT anywhere else, for all its
/// clones.
#[derive(Clone, Debug)]
pub struct Demo<R> {
    runtime: R,
    store: Store,
}

impl<R: Runtime> Demo<R> {
    /// With nothing stored.
    pub fn new(runtime: R) -> Self {
        Self { runtime, store: Store::default() }
    }
}

#[derive(Clone, Debug, Default)]
struct Store(Arc<Mutex<BTreeMap<Vec<Vec<u8>>, Stored>>>);

#[derive(Clone, Debug, Default)]
struct Stored {
    format: u16,
    bytes: Vec<u8>,
}

impl<R: Runtime> Service for Demo<R> {
    fn handle(&mut self, request: &Incoming<'_>, reply: Reply<'_, '_, '_>) {
        let path: Vec<&[u8]> = request.path().collect();
        match (request.code, path.as_slice()) {
            (Code::GET, [b".well-known", b"core"]) => reply.links(&RESOURCES),
            (Code::GET, [b"test"]) => reply.content(Code::CONTENT, TEXT, b"coap+tcp works"),
            (Code::GET, [b"large"]) => reply.content(Code::CONTENT, TEXT, &[b'x'; 5000]),
            (Code::POST | Code::PUT, [b"echo"]) => {
                let code = if request.code == Code::POST { Code::CONTENT } else { Code::CHANGED };
                reply.content(code, format(request), request.payload);
            }
            (Code::GET, [b"tick"]) => self.tick(reply),
            (Code::GET, [b"slow"]) => self.slow(reply),
            (Code::POST, [b"call"]) => self.call(request, reply),
            (Code::GET, [b"stream"]) => self.give(request, reply),
            (Code::PUT | Code::POST, [b"stream"]) => self.take(reply),
            (_, [b"test" | b"large" | b"tick" | b"slow" | b"call" | b"echo" | b"stream"]) => {
                reply.code(Code::METHOD_NOT_ALLOWED)
            }
            _ => self.store.serve(request, reply),
        }
    }

    fn streams(&mut self, request: &Incoming<'_>) -> bool {
        request.path_is(&["stream"])
    }
}

fn format(request: &Incoming<'_>) -> u16 {
    request.uint(OptionNumber::CONTENT_FORMAT).map_or(TEXT, |format| format as u16)
}

impl<R: Runtime> Demo<R> {
    /// Counts, five a second, for whoever observes.
    fn tick(&self, reply: Reply<'_, '_, '_>) {
        let state = |n: u32| Draft::new(Code::CONTENT).content(TEXT, format!("tick {n}"));
        let Some(notifier) = reply.observe(&state(0)) else {
            return;
        };
        let runtime = self.runtime.clone();
        self.runtime.spawn(async move {
            for n in 1.. {
                runtime.sleep(Duration::from_millis(200)).await;
                if !notifier.notify(&state(n)) {
                    break;
                }
            }
        });
    }

    /// Answers half a second later; other requests are served meanwhile.
    fn slow(&self, reply: Reply<'_, '_, '_>) {
        let Some(deferred) = reply.defer() else {
            return;
        };
        let runtime = self.runtime.clone();
        self.runtime.spawn(async move {
            runtime.sleep(Duration::from_millis(500)).await;
            // The client may have gone.
            let _ = deferred.respond(Draft::new(Code::CONTENT).content(TEXT, "slow but sure"));
        });
    }

    /// Lines of 16 bytes with their numbers, 10 MiB or as many bytes as `?size=` says.
    fn give(&self, request: &Incoming<'_>, reply: Reply<'_, '_, '_>) {
        let size = request.query().find_map(|piece| piece.strip_prefix(b"size="));
        let size = size.and_then(|size| std::str::from_utf8(size).ok()?.parse().ok()).unwrap_or(STREAM);
        let head = Draft::new(Code::CONTENT).uint(OptionNumber::CONTENT_FORMAT, TEXT.into());
        let Some(mut body) = reply.stream(head, Some(size)) else {
            return;
        };
        self.runtime.spawn(async move {
            for at in (0..size).step_by(LINE) {
                let line = format!("{:015}\n", at / LINE as u64);
                let mut rest = line.as_bytes();
                rest = &rest[..rest.len().min(usize::try_from(size - at).unwrap_or(LINE))];
                while !rest.is_empty() {
                    match body.write(rest).await {
                        0 => return,
                        taken => rest = &rest[taken..],
                    }
                }
            }
            body.finish();
        });
    }

    /// Counts the bytes, and answers with a digest of them (FNV-1a, 64 bits), so that whoever sent them can compare.
    fn take(&self, reply: Reply<'_, '_, '_>) {
        let Some(mut body) = reply.receive() else {
            return;
        };
        self.runtime.spawn(async move {
            let (mut bytes, mut digest) = (0, 0xcbf2_9ce4_8422_2325);
            while let Some(Ok(part)) = body.chunk().await {
                bytes += part.len();
                let add = |digest: u64, byte: &u8| (digest ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
                digest = part.iter().fold(digest, add);
            }
            // What came to an end early has been answered; the client may have gone, too.
            let _ = body.respond(
                Draft::new(Code::CHANGED).content(TEXT, format!("{bytes} bytes, FNV-1a {digest:016x}")),
            );
        });
    }

    /// GETs a path from the client, on the client's own connection, and answers with what it got.
    fn call(&self, request: &Incoming<'_>, mut reply: Reply<'_, '_, '_>) {
        let path = String::from_utf8_lossy(request.payload).into_owned();
        let client = reply.connection();
        let Some(deferred) = reply.defer() else {
            return;
        };
        self.runtime.spawn(async move {
            let answer = match client.request(Draft::get(&path)).await {
                Ok(answer) => Draft::new(Code::CONTENT).content(TEXT, answer.view().payload.to_vec()),
                Err(error) => Draft::new(Code::BAD_GATEWAY).payload(error.to_string()),
            };
            let _ = deferred.respond(answer);
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
