//! What a request and an idle connection cost in allocations, seen by a counting allocator.

#![allow(clippy::unwrap_used)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::net::SocketAddr;
use std::sync::Mutex;

use bind_tokio::core::{Code, Config, Incoming};
use bind_tokio::{
    Coap, Draft, Endpoint, NoService, Reader, Reply, Role, Streaming, buffer_bytes_in_use, send, upload,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

struct Counting;

// A thread each: a test's runtime has one, and what the test harness does is not counted.
thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
    static LIVE: Cell<isize> = const { Cell::new(0) };
    static MOST: Cell<isize> = const { Cell::new(0) };
}

/// The bytes in use are counted for the whole process.
static ALONE: Mutex<()> = Mutex::new(());

// Counting every allocation has no safe form.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        LIVE.set(LIVE.get() + layout.size() as isize);
        MOST.set(MOST.get().max(LIVE.get()));
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.set(LIVE.get() - layout.size() as isize);
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn serve(request: &Incoming<'_>, reply: Reply<'_, '_, '_>) {
    match request.code {
        Code::GET => reply.content(Code::CONTENT, 0, b"22.5 C"),
        _ => reply.content(Code::CHANGED, 0, request.payload),
    }
}

/// A server, and clients that only know bytes.
async fn server() -> SocketAddr {
    let config = Config::new().max_message_size(20_000).block_wise(false);
    let listener = Endpoint::new(config).listen_plain("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(listener.serve(|_| serve, std::future::pending()));
    address
}

async fn client(address: SocketAddr) -> TcpStream {
    let mut client = TcpStream::connect(address).await.unwrap();
    client.set_nodelay(true).unwrap();
    // Both CSMs: Max-Message-Size 20,000.
    const CSM: [u8; 5] = [0x30, 0xe1, 0x22, 0x4e, 0x20];
    client.write_all(&CSM).await.unwrap();
    let mut csm = [0; CSM.len()];
    client.read_exact(&mut csm).await.unwrap();
    assert_eq!(csm, CSM);
    client
}

/// V17, answered with a Content-Format that V18 lacks.
async fn exchange(client: &mut TcpStream) {
    client.write_all(b"\xc1\x01\x71\xbbtemperature").await.unwrap();
    let mut answer = [0; 11];
    client.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"\x81\x45\x71\xc0\xff22.5 C");
}

fn run(test: impl Future<Output = ()>) {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test);
}

#[test]
fn a_small_request_costs_no_allocation() {
    run(async {
        let mut client = client(server().await).await;
        for _ in 0..10 {
            exchange(&mut client).await;
        }
        let before = ALLOCATIONS.get();
        for _ in 0..1000 {
            exchange(&mut client).await;
        }
        assert_eq!(ALLOCATIONS.get() - before, 0);
    });
}

#[test]
fn an_idle_connection_keeps_no_buffer() {
    const CONNECTIONS: usize = 100;
    const BODY: usize = 10_000;
    run(async {
        let address = server().await;
        let mut clients = Vec::with_capacity(CONNECTIONS);
        for _ in 0..CONNECTIONS {
            let mut client = client(address).await;
            exchange(&mut client).await;
            clients.push(client);
        }
        let before = LIVE.get();
        let body = [b'x'; BODY];
        for client in &mut clients {
            // In two pieces, so that the first has to be kept.
            let head = [0xe0, ((BODY + 1 - 269) >> 8) as u8, ((BODY + 1 - 269) & 0xff) as u8, 0x02, 0xff];
            client.write_all(&head).await.unwrap();
            client.write_all(&body[..4000]).await.unwrap();
            tokio::task::yield_now().await;
            client.write_all(&body[4000..]).await.unwrap();
            let mut answer = [0; BODY + 6];
            client.read_exact(&mut answer).await.unwrap();
            assert_eq!(answer[3..6], [0x44, 0xc0, 0xff]);
        }
        exchange(&mut clients[0]).await;
        assert_eq!(buffer_bytes_in_use(), 0);
        let grown = LIVE.get() - before;
        // What the pool keeps for the next one, not what each connection once needed.
        assert!(grown < (CONNECTIONS * BODY / 10) as isize, "{grown} bytes more after the burst");
    });
}

const MIB_10: u64 = 10 * 1024 * 1024;

/// Gives and takes large bodies, as they are made and come.
fn large(request: &Incoming<'_>, reply: Reply<'_, '_, '_>) {
    if request.code == Code::GET {
        let body = reply.stream(Draft::new(Code::CONTENT), None).unwrap();
        tokio::spawn(async move { send(body, tokio::io::repeat(1).take(MIB_10)).await.unwrap() });
        return;
    }
    let mut body = reply.receive().unwrap();
    tokio::spawn(async move {
        let mut bytes = 0;
        while let Some(part) = body.chunk().await {
            bytes += part.unwrap().len();
        }
        body.respond(Draft::new(Code::CHANGED).payload(bytes.to_string())).unwrap();
    });
}

/// Of blocks, and of BERT messages that both sides keep a few of: in the pipe, in a buffer, on the way to a task.
#[test]
fn a_streamed_body_of_10_mib_needs_the_memory_of_a_few_messages() {
    for (message, ceiling) in [(1152, 50_000), (20_000, 300_000), (1 << 20, 400_000)] {
        run(async {
            let (ours, theirs) = tokio::io::duplex(16 * 1024);
            let endpoint = Endpoint::new(Config::new().max_message_size(message));
            let (handle, driver) = endpoint.connect_over(ours, NoService);
            tokio::spawn(driver);
            let layer = Coap::new(Streaming(large));
            tokio::spawn(endpoint.drive(theirs, Role::Acceptor, layer, std::future::pending()));
            handle.ping().await.unwrap();
            let before = LIVE.get();
            MOST.set(before);

            let source = tokio::io::repeat(1).take(MIB_10);
            let answer = upload(&handle, Draft::put("/"), Some(MIB_10), source).await.unwrap();
            assert_eq!(answer.view().payload, MIB_10.to_string().as_bytes());
            let mut body = Reader::new(handle.download(Draft::get("/")).await.unwrap());
            assert_eq!(tokio::io::copy(&mut body, &mut tokio::io::sink()).await.unwrap(), MIB_10);

            let most = MOST.get() - before;
            assert!(most < ceiling, "{most} bytes with messages of {message}");
        });
    }
}

/// Both sides of each, and what a notification to every one of them leaves behind.
#[test]
fn a_thousand_observations_need_a_kilobyte_each() {
    const MANY: u16 = 1000;
    run(async {
        let (ours, theirs) = tokio::io::duplex(16 * 1024);
        let endpoint = Endpoint::new(Config::new().max_observers(MANY));
        let (handle, driver) = endpoint.connect_over(ours, NoService);
        tokio::spawn(driver);
        let (send, mut notifiers) = tokio::sync::mpsc::unbounded_channel();
        let serve = move |_: &Incoming<'_>, reply: Reply<'_, '_, '_>| {
            if let Some(notifier) = reply.observe(&Draft::new(Code::CONTENT)) {
                send.send(notifier).unwrap();
            }
        };
        tokio::spawn(endpoint.drive(theirs, Role::Acceptor, Coap::new(serve), std::future::pending()));
        handle.ping().await.unwrap();
        let before = LIVE.get();
        let mut observations = Vec::new();
        let mut kept = Vec::new();
        for n in 0..MANY {
            let mut observation = handle.observe(Draft::get(&format!("/{n}"))).await.unwrap();
            observation.next().await.unwrap().unwrap();
            observations.push(observation);
            kept.push(notifiers.recv().await.unwrap());
        }
        for _ in 0..3 {
            for notifier in &kept {
                notifier.notify(&Draft::new(Code::CONTENT).payload("a state"));
            }
            for observation in &mut observations {
                observation.next().await.unwrap().unwrap();
            }
        }
        let each = (LIVE.get() - before) / isize::try_from(MANY).unwrap();
        assert!(each < 1024, "{each} bytes each");
        drop((observations, kept));
        handle.ping().await.unwrap();
        handle.ping().await.unwrap();
        let left = LIVE.get() - before;
        // What the connection's queues keep for the next burst.
        assert!(left < 300_000, "{left} bytes left behind");
    });
}
