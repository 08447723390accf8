//! Bodies too large for one message, over a pipe in memory, under a clock that jumps.

#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bind_tokio::core::blockwise::Fault;
use bind_tokio::core::wire::{Block, BlockSize, OwnedMessage, Writer};
use bind_tokio::core::{Code, Config, Incoming, Message, OptionNumber, SendError, Tolerance};
use bind_tokio::{
    Coap, Draft, Endpoint, Handle, NoService, Notifier, Observation, Reply, RequestError, Role, Service,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

fn pair_of(client: Config, server: Config, limit: usize, service: impl Service) -> Handle {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let (handle, driver) = Endpoint::new(client).body_limit(limit).connect_over(ours, NoService);
    let layer = Coap::new(service).body_limit(limit);
    let served = Endpoint::new(server).drive(theirs, Role::Acceptor, layer, std::future::pending());
    tokio::spawn(driver);
    tokio::spawn(served);
    handle
}

fn pair(config: Config, service: impl Service) -> Handle {
    pair_of(config.clone(), config, 1 << 20, service)
}

fn body(length: usize) -> Vec<u8> {
    (0..length).map(|n| (n / 100 + n) as u8).collect()
}

fn echo(request: &Incoming<'_>, reply: Reply<'_, '_, '_>) {
    reply.content(Code::CONTENT, 42, request.payload);
}

/// Serves one body of this size, and counts how often it is asked.
fn large(length: usize) -> (Arc<AtomicUsize>, impl Service) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let serve = move |_: &Incoming<'_>, reply: Reply<'_, '_, '_>| {
        count.fetch_add(1, Ordering::Relaxed);
        reply.content(Code::CONTENT, 42, &body(length));
    };
    (asked, serve)
}

/// B-2.7-1
#[tokio::test(start_paused = true)]
async fn b_2_7_1_large_requests_and_answers_arrive_whole_whatever_the_limits() {
    for (client, server) in [(1152, 1152), (600, 1152), (1152, 100), (2304, 5000), (1 << 20, 3000)] {
        let config = |size| Config::new().max_message_size(size);
        let handle = pair_of(config(client), config(server), 1 << 20, echo);
        for length in [0, 1, 100, 1024, 1100, 5000, 100 * 1024] {
            let answer = handle.request(Draft::post("/echo").payload(body(length))).await.unwrap();
            let answer = answer.view();
            assert_eq!(
                (answer.code, answer.payload),
                (Code::CONTENT, &body(length)[..]),
                "{client} {server}"
            );
            assert_eq!(answer.uint(OptionNumber::CONTENT_FORMAT), Some(42));
            assert_eq!(answer.block(OptionNumber::BLOCK2), Ok(None));
        }
    }
}

/// B-2.4-1
#[tokio::test(start_paused = true)]
async fn b_2_4_1_a_large_answer_is_kept_for_its_blocks_or_made_again() {
    let (asked, service) = large(10_000);
    let handle = pair(Config::new(), service);
    assert_eq!(handle.request(Draft::get("/")).await.unwrap().view().payload, body(10_000));
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    // Not kept: over the limit.
    let (asked, service) = large(10_000);
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let (handle, driver) = Endpoint::new(Config::new()).connect_over(ours, NoService);
    let layer = Coap::new(service).body_limit(9_999);
    tokio::spawn(driver);
    tokio::spawn(Endpoint::new(Config::new()).drive(theirs, Role::Acceptor, layer, std::future::pending()));
    assert_eq!(handle.request(Draft::get("/")).await.unwrap().view().payload, body(10_000));
    assert_eq!(asked.load(Ordering::Relaxed), 10);
}

/// row-49
#[tokio::test(start_paused = true)]
async fn row_49_a_body_that_changes_meanwhile_is_read_again_once() {
    for (changes, expect) in [(1, Ok(2)), (9, Err(RequestError::Blocks(Fault::Changed)))] {
        let state = Arc::new(AtomicUsize::new(0));
        let now = state.clone();
        // Each answer is too large to be kept, and the first few are all different.
        let serve = move |_: &Incoming<'_>, reply: Reply<'_, '_, '_>| {
            let n = now.fetch_add(1, Ordering::Relaxed).min(changes);
            reply.content(Code::CONTENT, 0, &[n as u8 + 1; 3000]);
        };
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        let (handle, driver) = Endpoint::new(Config::new()).connect_over(ours, NoService);
        let layer = Coap::new(serve).body_limit(1000);
        tokio::spawn(driver);
        tokio::spawn(Endpoint::new(Config::new()).drive(
            theirs,
            Role::Acceptor,
            layer,
            std::future::pending(),
        ));
        let answer = handle.request(Draft::get("/")).await;
        assert_eq!(answer.map(|answer| answer.view().payload[0]), expect);
    }
}

/// row-41
#[tokio::test(start_paused = true)]
async fn row_41_a_body_over_the_limit_is_4_13_and_one_to_us_is_an_error() {
    let handle = pair_of(Config::new(), Config::new(), 4000, echo);
    let answer = handle.request(Draft::put("/").payload(body(4001))).await.unwrap();
    assert_eq!(answer.view().code, Code::REQUEST_ENTITY_TOO_LARGE);
    assert_eq!(answer.view().uint(OptionNumber::SIZE1), Some(4000));
    assert_eq!(handle.request(Draft::put("/").payload(body(4000))).await.unwrap().view().payload.len(), 4000);
    let (_, service) = large(4001);
    let handle = pair_of(Config::new(), Config::new(), 4000, service);
    let error = handle.request(Draft::get("/")).await.unwrap_err();
    assert_eq!(error, RequestError::Blocks(Fault::TooLarge { limit: 4000 }));
}

/// E-3-1
#[tokio::test(start_paused = true)]
async fn e_3_1_uploads_of_the_same_resource_side_by_side_stay_apart() {
    let handle = pair(Config::new(), echo);
    let puts: Vec<_> = (0..4_usize)
        .map(|n| {
            let handle = handle.clone();
            tokio::spawn(async move { handle.request(Draft::put("/").payload(vec![n as u8; 9000])).await })
        })
        .collect();
    for (n, put) in puts.into_iter().enumerate() {
        assert_eq!(put.await.unwrap().unwrap().view().payload, vec![n as u8; 9000]);
    }
}

/// D-E-6
#[tokio::test(start_paused = true)]
async fn d_e_6_other_requests_go_between_the_blocks() {
    let config = Config::new();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let order = seen.clone();
    let serve = move |request: &Incoming<'_>, reply: Reply<'_, '_, '_>| {
        order.lock().unwrap().push(request.payload.len());
        reply.code(Code::CHANGED);
    };
    let handle = pair(config, serve);
    let other = handle.clone();
    let small = tokio::spawn(async move {
        for _ in 0..20 {
            other.request(Draft::get("/")).await.unwrap();
        }
        other.ping().await.unwrap();
    });
    let upload = handle.request(Draft::put("/").payload(body(100 * 1024))).await;
    assert_eq!(upload.unwrap().view().code, Code::CHANGED);
    small.await.unwrap();
    let seen = seen.lock().unwrap();
    assert_eq!((seen.len(), *seen.last().unwrap()), (21, 100 * 1024));
}

#[tokio::test(start_paused = true)]
async fn an_answer_given_later_or_written_by_hand_is_cut_as_well() {
    let serve = |request: &Incoming<'_>, mut reply: Reply<'_, '_, '_>| match request.path_is(&["later"]) {
        true => {
            let deferred = reply.defer().unwrap();
            tokio::spawn(async move {
                tokio::task::yield_now().await;
                deferred.respond(Draft::new(Code::CONTENT).content(0, body(5000)))
            });
        }
        false => {
            let mut answer = reply.respond(Code::CONTENT).unwrap();
            answer.option(OptionNumber::ETAG, b"mine").unwrap().payload(&body(5000)).unwrap();
            answer.finish().unwrap();
        }
    };
    let handle = pair(Config::new(), serve);
    for (path, length) in [("/later", 0), ("/later", 3000), ("/", 0), ("/", 3000)] {
        let answer = handle.request(Draft::post(path).payload(body(length))).await.unwrap();
        assert_eq!(answer.view().payload, body(5000));
    }
}

async fn next(observation: &mut Observation) -> usize {
    observation.next().await.unwrap().unwrap().view().payload.len()
}

/// B-2.6-1
#[tokio::test(start_paused = true)]
async fn b_2_6_1_a_large_notification_arrives_whole() {
    let notifier = Arc::new(Mutex::new(None::<Notifier>));
    let kept = notifier.clone();
    let serve = move |request: &Incoming<'_>, reply: Reply<'_, '_, '_>| {
        assert!(request.wants_observe(), "the rest is kept");
        *kept.lock().unwrap() = reply.observe(&Draft::new(Code::CONTENT).payload(body(3000)));
    };
    let handle = pair(Config::new(), serve);
    let mut observation = handle.observe(Draft::get("/")).await.unwrap();
    assert_eq!(next(&mut observation).await, 3000);
    for length in [5000, 10, 2000, 20_000] {
        let state = Draft::new(Code::CONTENT).payload(body(length));
        assert!(notifier.lock().unwrap().as_ref().unwrap().notify(&state));
        assert_eq!(next(&mut observation).await, length);
    }
    // A newer one overtakes an older one whose rest is still being fetched.
    for length in [50_000, 15] {
        let state = Draft::new(Code::CONTENT).payload(body(length));
        notifier.lock().unwrap().as_ref().unwrap().notify(&state);
        tokio::task::yield_now().await;
    }
    assert_eq!(next(&mut observation).await, 15);
    handle.ping().await.unwrap();
    let state = Draft::new(Code::CONTENT).payload(body(2500));
    notifier.lock().unwrap().as_ref().unwrap().notify(&state);
    assert_eq!(next(&mut observation).await, 2500);
}

/// A server, and the bytes of its client in the test's hands. Announces Block-Wise-Transfer with 1152 bytes.
async fn raw(service: impl Service) -> DuplexStream {
    let (ours, mut theirs) = tokio::io::duplex(1 << 16);
    let layer = Coap::new(service).body_limit(4096);
    tokio::spawn(Endpoint::new(Config::new()).drive(ours, Role::Acceptor, layer, std::future::pending()));
    let mut csm = [0; 6];
    theirs.read_exact(&mut csm).await.unwrap();
    theirs.write_all(&[0x10, 0xe1, 0x40]).await.unwrap();
    theirs
}

type Ask<'a> = (Code, &'a [(OptionNumber, &'a [u8])], &'a [u8]);

async fn ask(stream: &mut DuplexStream, (code, options, payload): Ask<'_>) -> OwnedMessage<Vec<u8>> {
    let mut frame = Vec::new();
    let mut writer = Writer::new(&mut frame, code, &[1]).unwrap();
    for (number, value) in options {
        writer.option(*number, value).unwrap();
    }
    writer.payload(payload).unwrap();
    writer.finish();
    stream.write_all(&frame).await.unwrap();
    let mut frame = Vec::new();
    loop {
        frame.push(stream.read_u8().await.unwrap());
        if Message::parse(&frame).is_ok() {
            return OwnedMessage::new(frame).unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn uploads_are_bounded_in_number_and_time() {
    let mut stream = raw(echo).await;
    fn tag(n: &[u8; 1]) -> (OptionNumber, &[u8]) {
        (OptionNumber::REQUEST_TAG, n)
    }
    let first = (OptionNumber::BLOCK1, &[0x0a][..]);
    let last = (OptionNumber::BLOCK1, &[0x12][..]);
    for n in [b"1", b"2", b"3", b"4"] {
        let answer = ask(&mut stream, (Code::PUT, &[first, tag(n)], &[0; 64])).await;
        assert_eq!(answer.view().code, Code::CONTINUE);
        assert_eq!(answer.view().block(OptionNumber::BLOCK1), Ok(Block::read(&[0x0a])));
    }
    // B-2.4-2: one too many.
    let answer = ask(&mut stream, (Code::PUT, &[first, tag(b"5")], &[0; 64])).await;
    assert_eq!(answer.view().code, Code::SERVICE_UNAVAILABLE);
    let answer = ask(&mut stream, (Code::PUT, &[last, tag(b"5")], &[0; 9])).await;
    assert_eq!(answer.view().code, Code::REQUEST_ENTITY_INCOMPLETE, "row 40");
    let answer = ask(&mut stream, (Code::PUT, &[last, tag(b"1")], &[0; 9])).await;
    assert_eq!(answer.view().payload.len(), 73);
    assert_eq!(answer.view().block(OptionNumber::BLOCK1), Ok(Block::read(&[0x12])));
    tokio::time::advance(core::time::Duration::from_secs(248)).await;
    let answer = ask(&mut stream, (Code::PUT, &[last, tag(b"2")], &[0; 9])).await;
    assert_eq!(answer.view().code, Code::REQUEST_ENTITY_INCOMPLETE);
}

#[tokio::test(start_paused = true)]
async fn blocks_that_cannot_be_are_refused_and_the_connection_stays() {
    let mut stream = raw(echo).await;
    let block1 = |value| (OptionNumber::BLOCK1, value);
    for (options, length, code) in [
        (&[block1(&[0x0f][..])][..], 1024, Code::BAD_REQUEST),
        (&[block1(&[0x0a])], 65, Code::BAD_REQUEST),
        (&[block1(&[0x0a]), block1(&[0x0a])], 64, Code::BAD_OPTION),
        (&[block1(&[0, 0, 0, 0])], 16, Code::BAD_OPTION),
        (&[(OptionNumber::BLOCK2, &[0x0f])], 0, Code::BAD_REQUEST),
        (&[(OptionNumber::BLOCK2, &[0x16])], 0, Code::REQUEST_ENTITY_INCOMPLETE),
        (&[(OptionNumber::BLOCK2, &[0x06])], 5, Code::CONTENT),
    ] {
        let answer = ask(&mut stream, (Code::POST, options, &body(length))).await;
        assert_eq!(answer.view().code, code, "{options:?}");
    }
    let answer = ask(&mut stream, (Code::GET, &[(OptionNumber::BLOCK2, &[0x16])], &body(1000))).await;
    assert_eq!(answer.view().code, Code::BAD_REQUEST, "no such block");
}

/// D-C-6
#[tokio::test(start_paused = true)]
async fn d_c_6_a_peer_that_announced_nothing_gets_no_blocks_unless_configured() {
    let silent = || Config::new().block_wise(false);
    let handle = pair_of(Config::new(), silent(), 1 << 20, echo);
    let error = handle.request(Draft::put("/").payload(body(2000))).await.unwrap_err();
    assert_eq!(error, RequestError::Send(SendError::TooLarge { limit: 1152 }));
    let mut tolerance = Tolerance::DEFAULT;
    tolerance.unannounced_blocks = true;
    let handle = pair_of(Config::new().tolerance(tolerance), silent(), 1 << 20, echo);
    let answer = handle.request(Draft::put("/").payload(body(2000))).await.unwrap();
    assert_eq!(answer.view().payload, body(2000));
}

#[tokio::test(start_paused = true)]
async fn whoever_asks_for_a_block_by_number_sees_blocks() {
    let (_, service) = large(5000);
    let handle = pair(Config::new(), service);
    let block = Block { number: 2, more: false, size: BlockSize::B512 };
    let draft = Draft::get("/").uint(OptionNumber::BLOCK2, block.value());
    let answer = handle.request(draft).await.unwrap();
    assert_eq!(answer.view().payload, &body(5000)[1024..1536]);
    assert_eq!(answer.view().block(OptionNumber::BLOCK2), Ok(Some(Block { more: true, ..block })));
}

/// F-35
#[tokio::test(start_paused = true)]
async fn f_35_a_transfer_that_nobody_waits_for_stops() {
    let (asked, service) = large(1 << 20);
    let (ours, theirs) = tokio::io::duplex(1 << 12);
    let (handle, driver) = Endpoint::new(Config::new()).connect_over(ours, NoService);
    let layer = Coap::new(service).body_limit(1000);
    tokio::spawn(driver);
    tokio::spawn(Endpoint::new(Config::new()).drive(theirs, Role::Acceptor, layer, std::future::pending()));
    let mut request = Box::pin(handle.request(Draft::get("/")));
    while asked.load(Ordering::Relaxed) < 3 {
        tokio::select! { biased; _ = &mut request => panic!(), () = tokio::task::yield_now() => {} }
    }
    drop(request);
    handle.ping().await.unwrap();
    let before = asked.load(Ordering::Relaxed);
    handle.ping().await.unwrap();
    handle.ping().await.unwrap();
    assert_eq!(asked.load(Ordering::Relaxed), before);
}
