//! Spans and events, as a collector sees them.

#![allow(clippy::unwrap_used)]

use std::fmt::{Debug, Write as _};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bind_tokio::core::{Code, Config, Incoming};
use bind_tokio::{Draft, Endpoint, NoService, Reply};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Metadata, Subscriber};

/// Writes down what opens, happens and closes: `id` and its parent, name, fields.
#[derive(Clone, Default)]
struct Collector {
    lines: Arc<Mutex<Vec<String>>>,
    spans: Arc<Mutex<Vec<Span>>>,
    entered: Arc<Mutex<Vec<u64>>>,
    last: Arc<AtomicU64>,
}

struct Span {
    id: u64,
    name: &'static str,
    holders: usize,
}

struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = match field.name() {
            "message" => write!(self.0, " {value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
    }
}

impl Collector {
    fn install(&self) -> DefaultGuard {
        tracing::subscriber::set_default(self.clone())
    }

    fn line(&self, line: String) {
        self.lines.lock().unwrap().push(line);
    }

    fn name(&self, id: Option<u64>) -> &'static str {
        let spans = self.spans.lock().unwrap();
        spans.iter().find(|span| Some(span.id) == id).map_or("", |span| span.name)
    }

    fn current(&self) -> Option<u64> {
        self.entered.lock().unwrap().last().copied()
    }

    /// All lines since the last call, of ours only.
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.lines.lock().unwrap())
    }
}

impl Subscriber for Collector {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("bind_tokio")
            || metadata.target().starts_with("coap_tcp_app")
            || metadata.target() == "tracing"
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let id = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        let parent =
            span.parent().map(Id::into_u64).or_else(|| self.current().filter(|_| span.is_contextual()));
        let mut fields = Fields(format!("+ {}/{}", self.name(parent), span.metadata().name()));
        span.record(&mut fields);
        self.line(fields.0);
        self.spans.lock().unwrap().push(Span { id, name: span.metadata().name(), holders: 1 });
        Id::from_u64(id)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let parent =
            event.parent().map(Id::into_u64).or_else(|| self.current().filter(|_| event.is_contextual()));
        let mut fields = Fields(format!("  {} {}", self.name(parent), event.metadata().level()));
        event.record(&mut fields);
        self.line(fields.0);
    }

    fn enter(&self, id: &Id) {
        self.entered.lock().unwrap().push(id.into_u64());
    }

    fn exit(&self, id: &Id) {
        assert_eq!(self.entered.lock().unwrap().pop(), Some(id.into_u64()));
    }

    fn clone_span(&self, id: &Id) -> Id {
        let mut spans = self.spans.lock().unwrap();
        spans.iter_mut().find(|span| span.id == id.into_u64()).unwrap().holders += 1;
        id.clone()
    }

    fn try_close(&self, id: Id) -> bool {
        let mut spans = self.spans.lock().unwrap();
        let at = spans.iter().position(|span| span.id == id.into_u64()).unwrap();
        spans[at].holders -= 1;
        let closes = spans[at].holders == 0;
        if closes {
            self.line(format!("- {}", spans.remove(at).name));
        }
        closes
    }
}

fn serve(request: &Incoming<'_>, reply: Reply<'_, '_, '_>) {
    match request.path_is(&["a", "b"]) {
        true => reply.content(Code::CONTENT, 0, b"hello"),
        false => reply.code(Code::NOT_FOUND),
    }
}

/// A connection whose peer speaks through the test.
#[tokio::test(start_paused = true)]
async fn a_request_has_a_span_within_that_of_who_asks() {
    let collector = Collector::default();
    let _guard = collector.install();
    let (ours, theirs) = tokio::io::duplex(1024);
    let endpoint = Endpoint::new(Config::new().request_timeout(Some(Duration::from_secs(5))));
    let (handle, driver) = endpoint.connect_over(ours, NoService);
    let client = tokio::spawn(driver);
    let (_, driver) = {
        let (layer, handle) = bind_tokio::Coap::with_handle(serve);
        (handle, endpoint.drive(theirs, bind_tokio::Role::Acceptor, layer, std::future::pending()))
    };
    let server = tokio::spawn(driver);
    tokio::task::yield_now().await;
    let opened = ["+ /coap_connection role=Initiator", "+ /coap_connection role=Acceptor"];
    assert_eq!(collector.take(), opened);

    let span = tracing::info_span!(target: "tracing", "work");
    let asked = tracing::Instrument::instrument(handle.request(Draft::get("/a/b")), span);
    assert_eq!(asked.await.unwrap().view().payload, b"hello");
    let seen = [
        "+ /work",
        "+ work/coap_request method=0.01 GET path=/a/b",
        "  coap_request DEBUG sent",
        "  coap_request DEBUG answered code=2.05 Content bytes=5",
    ];
    let lines = collector.take();
    assert_eq!(lines[..4], seen);
    assert!(lines.contains(&"- coap_request".to_owned()), "{lines:?}");

    // Whatever is in a path, a line is a line.
    handle.request(Draft::get("/%0Aa%1B[31m")).await.unwrap();
    let lines = collector.take();
    assert!(lines[0].ends_with(r"path=/\na\x1b[31m"), "{lines:?}");
    assert!(lines.iter().all(|line| !line.contains(['\n', '\x1b'])), "{lines:?}");

    handle.release();
    client.await.unwrap().unwrap();
    server.await.unwrap().unwrap();
    let mut lines = collector.take();
    lines.sort();
    let ended = [
        "  coap_connection INFO closed why=closed here",
        "  coap_connection INFO closed why=released by the peer",
        "- coap_connection",
        "- coap_connection",
    ];
    assert_eq!(lines, ended);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_fails_says_so_and_an_end_says_why() {
    let collector = Collector::default();
    let _guard = collector.install();
    let (ours, mut theirs) = tokio::io::duplex(1024);
    let endpoint = Endpoint::new(Config::new().request_timeout(Some(Duration::from_secs(5))));
    let (handle, driver) = endpoint.connect_over(ours, NoService);
    let client = tokio::spawn(driver);
    theirs.write_all(&[0x00, 0xe1]).await.unwrap();
    handle.request(Draft::get("/")).await.unwrap_err();
    theirs.write_all(&[0x0f]).await.unwrap();
    client.await.unwrap().unwrap();
    let mut rest = Vec::new();
    drop(theirs.read_to_end(&mut rest).await);
    let lines = collector.take();
    let seen = [
        "+ /coap_connection role=Initiator",
        "+ /coap_request method=0.01 GET path=/",
        "  coap_request DEBUG sent",
        "  coap_request DEBUG failed error=no answer in time",
    ];
    assert_eq!(lines[..4], seen);
    assert!(
        lines.contains(&"  coap_connection INFO closed why=token length at byte 0".to_owned()),
        "{lines:?}"
    );
}

#[tokio::test]
async fn addresses_of_peers_are_in_the_span() {
    let collector = Collector::default();
    let _guard = collector.install();
    let endpoint = Endpoint::new(Config::new());
    let listener = endpoint.listen_plain("127.0.0.1:0").await.unwrap();
    let to: SocketAddr = listener.local_addr().unwrap();
    tokio::spawn(listener.serve(|_| serve, std::future::pending()));
    let client = endpoint.connect_plain(to, NoService).await.unwrap();
    client.request(Draft::get("/a/b")).await.unwrap();
    let lines = collector.take();
    assert!(lines.contains(&format!("+ /coap_connection role=Initiator peer={to}")), "{lines:?}");
    assert!(lines.iter().any(|line| line.starts_with("+ /coap_connection role=Acceptor peer=127.0.0.1:")));
}
