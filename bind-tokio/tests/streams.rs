//! Bodies that are nowhere as a whole: made while they are sent, taken as they come.

#![allow(clippy::unwrap_used)]

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bind_tokio::core::blockwise::Fault;
use bind_tokio::core::wire::{Block, BlockSize};
use bind_tokio::core::{Closed, Code, Config, Incoming, OptionNumber, SendError};
use bind_tokio::{
    BodyError, Coap, Draft, Endpoint, Handle, NoService, Reader, Reply, RequestError, Role, Service,
    Streaming, send, upload,
};
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};
use tokio::task::yield_now;
use tokio::time::sleep;

fn pair_of(client: Config, server: Config, service: impl Service) -> Handle {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let (handle, driver) = Endpoint::new(client).connect_over(ours, NoService);
    let served =
        Endpoint::new(server).drive(theirs, Role::Acceptor, Coap::new(service), std::future::pending());
    tokio::spawn(driver);
    tokio::spawn(served);
    handle
}

fn pair(service: impl Service) -> Handle {
    pair_of(Config::new(), Config::new(), service)
}

/// Bytes that depend on where they are.
#[derive(Clone, Copy)]
struct Pattern {
    at: usize,
    length: usize,
    salt: usize,
}

const fn pattern(length: usize, salt: usize) -> Pattern {
    Pattern { at: 0, length, salt }
}

impl Pattern {
    fn check(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            assert_eq!(byte, self.next());
        }
    }

    fn next(&mut self) -> u8 {
        self.at += 1;
        (self.at / 251 + self.at + self.salt) as u8
    }
}

impl AsyncRead for Pattern {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        for _ in 0..into.remaining().min(self.length - self.at) {
            into.put_slice(&[self.next()]);
        }
        Poll::Ready(Ok(()))
    }
}

fn size(request: &Incoming<'_>) -> usize {
    let query = request.query().next().unwrap_or(b"0");
    std::str::from_utf8(query).unwrap().parse().unwrap()
}

/// GET: so many bytes, of its query's number. PUT: counts and checks them. POST: the other way round, too.
fn serve(request: &Incoming<'_>, reply: Reply<'_, '_, '_>) {
    let length = size(request);
    match request.code {
        Code::GET => {
            let body = reply.stream(Draft::new(Code::CONTENT), Some(length as u64)).unwrap();
            tokio::spawn(async move { send(body, pattern(length, 0)).await.unwrap() });
        }
        code => {
            let mut body = reply.receive().unwrap();
            tokio::spawn(async move {
                let mut expect = pattern(length, 0);
                while let Some(part) = body.chunk().await {
                    expect.check(&part.unwrap());
                }
                if code == Code::POST {
                    let answer = body.stream(Draft::new(Code::CONTENT), None).unwrap();
                    send(answer, pattern(expect.at, 0)).await.unwrap();
                } else {
                    body.respond(Draft::new(Code::CHANGED).payload(expect.at.to_string())).unwrap();
                }
            });
        }
    }
}

async fn read(download: bind_tokio::Download, salt: usize) -> usize {
    let (mut expect, mut body) = (pattern(0, salt), Reader::new(download));
    let mut piece = [0; 3000];
    loop {
        match body.read(&mut piece).await.unwrap() {
            0 => return expect.at,
            n => expect.check(&piece[..n]),
        }
    }
}

/// B-6-5
#[tokio::test(start_paused = true)]
async fn b_6_5_bodies_pass_both_ways_whatever_the_limits() {
    for (client, server) in
        [(1152, 1152), (600, 1152), (1152, 100), (2304, 5000), (1 << 20, 3000), (1 << 20, 1 << 20)]
    {
        let config = |size| Config::new().max_message_size(size);
        let handle = pair_of(config(client), config(server), Streaming(serve));
        for length in [0, 1, 15, 16, 1023, 1024, 1025, 2048, 5000, 65_536, 65_537, 300_000] {
            let download = handle.download(Draft::get(&format!("/?{length}"))).await.unwrap();
            assert_eq!(download.head().view().code, Code::CONTENT);
            assert_eq!(read(download, 0).await, length, "{client} {server}");
            for told in [None, Some(length as u64)] {
                let answer = upload(&handle, Draft::put("/"), told, pattern(length, 0)).await.unwrap();
                assert_eq!(answer.view().payload, length.to_string().as_bytes(), "{client} {server}");
            }
            let mut both = handle.upload(Draft::post("/"), None).await.unwrap();
            let mut bytes = Vec::new();
            pattern(length, 0).read_to_end(&mut bytes).await.unwrap();
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                rest = &rest[both.write(rest).await..];
            }
            assert_eq!(read(both.download().await.unwrap(), 0).await, length, "{client} {server}");
        }
    }
}

/// The forms that gather a body, on one side each.
/// B-2.3-1
#[tokio::test(start_paused = true)]
async fn b_2_3_1_a_streamed_body_is_an_ordinary_one_to_the_other_side() {
    let handle = pair(Streaming(serve));
    let mut bytes = Vec::new();
    pattern(20_000, 0).read_to_end(&mut bytes).await.unwrap();
    let answer = handle.request(Draft::put("/").payload(bytes.clone())).await.unwrap();
    assert_eq!(answer.view().payload, b"20000");
    let answer = handle.request(Draft::get("/?20000")).await.unwrap();
    assert_eq!(answer.view().payload, bytes);
    assert_eq!(answer.view().uint(OptionNumber::SIZE2), None);

    let gathering = |request: &Incoming<'_>, reply: Reply<'_, '_, '_>| {
        reply.content(Code::CONTENT, 42, request.payload);
    };
    let handle = pair(gathering);
    let mut both = handle.upload(Draft::post("/"), None).await.unwrap();
    let mut rest = &bytes[..];
    while !rest.is_empty() {
        rest = &rest[both.write(rest).await..];
    }
    let download = both.download().await.unwrap();
    assert_eq!(download.head().view().uint(OptionNumber::CONTENT_FORMAT), Some(42));
    assert_eq!(read(download, 0).await, 20_000);
    // A service that has not asked for parts gets the whole as one.
    let handle = pair(serve);
    let answer = upload(&handle, Draft::put("/"), None, pattern(20_000, 0)).await.unwrap();
    assert_eq!(answer.view().payload, b"20000");
}

/// E-3-1
#[tokio::test(start_paused = true)]
async fn e_3_1_transfers_of_one_resource_at_once_stay_apart() {
    let next = AtomicUsize::new(0);
    // Each body has bytes of its own, which the head tells.
    let serve = move |request: &Incoming<'_>, reply: Reply<'_, '_, '_>| {
        let salt = next.fetch_add(1, Ordering::Relaxed);
        match request.code {
            Code::GET => {
                let head = Draft::new(Code::CONTENT).uint(OptionNumber::MAX_AGE, salt as u32);
                let body = reply.stream(head, None).unwrap();
                tokio::spawn(send(body, pattern(30_000, salt)));
            }
            _ => {
                let mut body = reply.receive().unwrap();
                tokio::spawn(async move {
                    let first = body.chunk().await.unwrap().unwrap();
                    let mut expect = pattern(0, usize::from(first[0]) - 1);
                    expect.check(&first);
                    while let Some(part) = body.chunk().await {
                        expect.check(&part.unwrap());
                    }
                    body.respond(Draft::new(Code::CHANGED).payload(expect.at.to_string())).unwrap();
                });
            }
        }
    };
    let handle = pair(Streaming(serve));
    let mut tasks = Vec::new();
    for salt in 0..8 {
        let (gets, puts) = (handle.clone(), handle.clone());
        tasks.push(tokio::spawn(async move {
            let download = gets.download(Draft::get("/")).await.unwrap();
            let salt = download.head().view().uint(OptionNumber::MAX_AGE).unwrap();
            assert_eq!(read(download, salt as usize).await, 30_000);
        }));
        tasks.push(tokio::spawn(async move {
            let answer = upload(&puts, Draft::put("/"), None, pattern(30_000, salt)).await.unwrap();
            assert_eq!(answer.view().payload, b"30000");
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
}

/// B-2.4-1
#[tokio::test(start_paused = true)]
async fn b_2_4_1_a_body_that_changes_meanwhile_is_an_error_of_the_stream() {
    // A body made for each block anew, which is another one each time.
    let made = AtomicUsize::new(0);
    let serve = move |request: &Incoming<'_>, mut reply: Reply<'_, '_, '_>| {
        let block = request.block(OptionNumber::BLOCK2).unwrap().unwrap();
        let mut answer = reply.respond(Code::CONTENT).unwrap();
        let n = made.fetch_add(1, Ordering::Relaxed) as u8;
        answer.option(OptionNumber::ETAG, &[n / 2]).unwrap();
        let block = Block { more: true, size: BlockSize::B64, ..block };
        answer.uint(OptionNumber::BLOCK2, block.value()).unwrap();
        answer.payload(&[n; 64]).unwrap();
        answer.finish().unwrap();
    };
    let handle = pair(serve);
    let mut download = handle.download(Draft::get("/")).await.unwrap();
    assert_eq!(download.chunk().await.unwrap().unwrap(), [0; 64][..]);
    assert_eq!(download.chunk().await.unwrap().unwrap(), [1; 64][..]);
    assert_eq!(download.chunk().await, Some(Err(RequestError::Blocks(Fault::Changed))));
    assert_eq!(download.chunk().await, None);
    // As a reader, an I/O error around it.
    let mut body = Reader::new(handle.download(Draft::get("/")).await.unwrap());
    let error = body.read_to_end(&mut Vec::new()).await.unwrap_err();
    let inner = error.get_ref().unwrap().downcast_ref::<RequestError>();
    assert_eq!(inner, Some(&RequestError::Blocks(Fault::Changed)));
}

#[tokio::test(start_paused = true)]
async fn no_more_is_taken_than_one_message_carries() {
    let taken = Arc::new(Mutex::new(None));
    let hold = taken.clone();
    let serve = move |_: &Incoming<'_>, reply: Reply<'_, '_, '_>| {
        *hold.lock().unwrap() = reply.receive();
    };
    let handle = pair(Streaming(serve));
    let mut upload = handle.upload(Draft::put("/"), None).await.unwrap();
    // The service takes nothing.
    let mut written = 0;
    while let Ok(n) = tokio::time::timeout(Duration::from_secs(1), upload.write(&[0; 500])).await {
        written += n;
    }
    assert_eq!(written, 1024 + 1);
    // Then one part, which lets one more come.
    let mut body = taken.lock().unwrap().take().unwrap();
    assert_eq!(body.chunk().await.unwrap().unwrap().len(), 1024);
    while let Ok(n) = tokio::time::timeout(Duration::from_secs(1), upload.write(&[0; 500])).await {
        written += n;
    }
    assert_eq!(written, 2 * 1024 + 1);
    drop(upload);
    // B-2.4-2: what never goes on is given up.
    assert_eq!(body.chunk().await.unwrap().unwrap().len(), 1024);
    assert_eq!(body.chunk().await, Some(Err(BodyError::Abandoned)));
    assert_eq!(body.chunk().await, None);
}

/// row-41
#[tokio::test(start_paused = true)]
async fn row_41_an_answer_before_the_end_stops_an_upload() {
    let serve = |_: &Incoming<'_>, reply: Reply<'_, '_, '_>| {
        let mut body = reply.receive().unwrap();
        tokio::spawn(async move {
            for _ in 0..3 {
                body.chunk().await.unwrap().unwrap();
            }
            body.respond(Draft::new(Code::REQUEST_ENTITY_TOO_LARGE)).unwrap();
        });
    };
    let handle = pair(Streaming(serve));
    let answer = upload(&handle, Draft::put("/"), None, tokio::io::repeat(7)).await.unwrap();
    assert_eq!(answer.view().code, Code::REQUEST_ENTITY_TOO_LARGE);
    // Without taking anything, too.
    let handle = pair(Streaming(|_: &Incoming<'_>, reply: Reply<'_, '_, '_>| reply.code(Code::FORBIDDEN)));
    let answer = upload(&handle, Draft::put("/"), None, tokio::io::repeat(7)).await.unwrap();
    assert_eq!(answer.view().code, Code::FORBIDDEN);
}

/// row-70
#[tokio::test(start_paused = true)]
async fn row_70_what_is_dropped_halfway_is_no_silence() {
    let serve = |request: &Incoming<'_>, reply: Reply<'_, '_, '_>| match request.code {
        Code::GET => {
            let mut body = reply.stream(Draft::new(Code::CONTENT), None).unwrap();
            tokio::spawn(async move {
                let mut rest: &[u8] = &[1; 3000];
                while !rest.is_empty() {
                    rest = &rest[body.write(rest).await..];
                }
            });
        }
        _ => {
            let mut body = reply.receive().unwrap();
            tokio::spawn(async move { drop((body.chunk().await, body)) });
        }
    };
    let handle = pair(Streaming(serve));
    let answer = upload(&handle, Draft::put("/"), None, tokio::io::repeat(7)).await.unwrap();
    assert_eq!(answer.view().code, Code::INTERNAL_SERVER_ERROR);
    let mut download = handle.download(Draft::get("/")).await.unwrap();
    assert_eq!(download.chunk().await.unwrap().unwrap().len(), 1024);
    assert_eq!(download.chunk().await.unwrap().unwrap().len(), 1024);
    assert_eq!(download.chunk().await, Some(Err(RequestError::Blocks(Fault::Unexpected))));
}

#[tokio::test(start_paused = true)]
async fn a_download_that_nobody_wants_any_more_stops_its_maker() {
    let (told, mut hear) = tokio::sync::mpsc::unbounded_channel();
    let serve = move |_: &Incoming<'_>, reply: Reply<'_, '_, '_>| {
        let mut body = reply.stream(Draft::new(Code::CONTENT), None).unwrap();
        let told = told.clone();
        tokio::spawn(async move {
            while body.write(&[0; 100]).await > 0 {}
            told.send(()).unwrap();
        });
    };
    let handle = pair(Streaming(serve));
    let mut download = handle.download(Draft::get("/")).await.unwrap();
    download.chunk().await.unwrap().unwrap();
    drop(download);
    hear.recv().await.unwrap();
    // Or the connection ends.
    let mut download = handle.download(Draft::get("/")).await.unwrap();
    download.chunk().await.unwrap().unwrap();
    handle.abort("enough");
    hear.recv().await.unwrap();
    let last = loop {
        match download.chunk().await.unwrap() {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert_eq!(last, RequestError::Closed { why: Closed::LocalAbort, sent: true });
}

#[tokio::test(start_paused = true)]
async fn an_upload_hears_of_the_end_of_the_connection() {
    let (hold, held) = std::sync::mpsc::channel();
    let serve =
        move |_: &Incoming<'_>, reply: Reply<'_, '_, '_>| hold.send(reply.receive().unwrap()).unwrap();
    let handle = pair(Streaming(serve));
    let sending = handle.clone();
    let sending =
        tokio::spawn(async move { upload(&sending, Draft::put("/"), None, tokio::io::repeat(1)).await });
    sleep(Duration::from_secs(1)).await;
    handle.abort("enough");
    let error = sending.await.unwrap().unwrap_err();
    let closed = RequestError::Closed { why: Closed::LocalAbort, sent: true };
    assert_eq!(error.get_ref().unwrap().downcast_ref(), Some(&closed));
    let mut body = held.recv().unwrap();
    assert_eq!(body.chunk().await.unwrap().unwrap().len(), 1024);
    assert!(matches!(body.chunk().await, Some(Err(BodyError::Closed(_)))));
    assert!(body.respond(Draft::new(Code::CHANGED)).is_err());
}

/// D-C-6
#[tokio::test(start_paused = true)]
async fn d_c_6_a_streamed_body_without_blocks_is_an_error_and_a_small_one_is_not() {
    let handle = pair_of(Config::new(), Config::new().block_wise(false), Streaming(serve));
    let answer = upload(&handle, Draft::put("/"), None, pattern(900, 0)).await.unwrap();
    assert_eq!(answer.view().payload, b"900");
    let error = upload(&handle, Draft::put("/"), None, pattern(9000, 0)).await.unwrap_err();
    let too_large = RequestError::Send(SendError::TooLarge { limit: 1152 });
    assert_eq!(error.get_ref().unwrap().downcast_ref(), Some(&too_large));
    assert_eq!(read(handle.download(Draft::get("/?900")).await.unwrap(), 0).await, 900);
}

/// D-E-6
#[tokio::test(start_paused = true)]
async fn d_e_6_other_requests_go_between_the_blocks_of_a_stream() {
    let handle = pair(Streaming(serve));
    let other = handle.clone();
    let sending =
        tokio::spawn(async move { upload(&other, Draft::put("/"), None, pattern(1 << 20, 0)).await });
    yield_now().await;
    for _ in 0..20 {
        assert_eq!(read(handle.download(Draft::get("/?10")).await.unwrap(), 0).await, 10);
        handle.ping().await.unwrap();
    }
    assert!(!sending.is_finished());
    assert_eq!(sending.await.unwrap().unwrap().view().payload, b"1048576");
}
