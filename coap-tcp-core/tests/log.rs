//! What a log says of one connection's life.

#![allow(clippy::unwrap_used)]

use std::cell::RefCell;
use std::time::Duration;

use coap_tcp_core::{Code, Config, Event, Instant, KeepAlive, Session, Slot};
use log::{Level, LevelFilter, Log, Metadata, Record};

thread_local! {
    static LINES: RefCell<Vec<(Level, String)>> = const { RefCell::new(Vec::new()) };
}

struct Kept;

impl Log for Kept {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        assert_eq!(record.target(), "coap_tcp");
        LINES.with_borrow_mut(|lines| lines.push((record.level(), record.args().to_string())));
    }

    fn flush(&self) {}
}

fn lines() -> Vec<(Level, String)> {
    LINES.take()
}

struct End {
    session: Session<'static, Vec<u8>, Vec<Slot<u32>>>,
    tx: Vec<u8>,
    now: Instant,
}

impl End {
    fn new() -> Self {
        let _ = log::set_logger(&Kept);
        log::set_max_level(LevelFilter::Trace);
        let config: &Config =
            Box::leak(Box::new(Config::new().keep_alive(KeepAlive::Empty(Duration::from_secs(9)))));
        let (now, mut tx) = (Instant::ZERO, Vec::new());
        let session = Session::accept(config, Vec::new(), Vec::new(), now, &mut tx).unwrap();
        Self { session, tx, now }
    }

    /// What comes; a request for `/silent` is not touched, others are refused where they must be.
    fn feed(&mut self, bytes: &[u8]) {
        let _ = self.session.receive(self.now, bytes, &mut self.tx, |event, peer| {
            if let Event::Request(request) = event {
                if let Some(refusal) = request.refusal(&[]) {
                    peer.conn.refuse(&request, refusal, peer.tx).unwrap();
                }
            }
        });
        let n = self.tx.len();
        self.tx.clear();
        self.session.sent(self.now, n, 0);
    }
}

fn frame(code: Code, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = coap_tcp_core::wire::Writer::new(&mut bytes, code, &[]).unwrap();
    writer.payload(payload).unwrap();
    writer.finish();
    bytes
}

#[test]
fn the_life_of_a_connection() {
    let mut end = End::new();
    assert_eq!(lines(), []);
    end.feed(&[0x20, 0xe1, 0x21, 0x40]);
    end.feed(&frame(Code::GET, b""));
    end.feed(&[0x10, 0x01, 0x90]);
    end.feed(&[0x01, 0x45, 0x07, 0x00, 0xe2, 0x00, 0xe6]);
    end.now = end.now + Duration::from_secs(9);
    while end.session.handle_timeout(end.now, &mut end.tx).is_some() {}
    end.feed(&[0x10, 0x45, 0xff]);
    let expected = [
        (
            Level::Debug,
            "the peer's settings: Settings { max_message_size: 64, block_wise: false, token_length: 8 }",
        ),
        (Level::Trace, "request 0.01 GET"),
        (Level::Warn, "a request nobody serves: 5.01"),
        (Level::Trace, "request 0.01 GET"),
        (Level::Debug, "request refused: 4.02 Bad Option"),
        (Level::Debug, "a response 2.05 Content that nobody waits for"),
        (Level::Trace, "a sign of life"),
        (Level::Debug, "settled: UnknownSignal(7.06)"),
        (Level::Trace, "keep-alive sent"),
        (Level::Warn, "over: payload marker without payload at byte 2"),
    ];
    assert_eq!(lines(), expected.map(|(level, line)| (level, line.to_owned())));
    end.feed(&[0x00, 0xe1]);
    end.session.handle_lost();
    assert_eq!(lines(), [], "one end, one line");
}

#[test]
fn row_3_an_end_before_any_csm_is_told() {
    let mut end = End::new();
    end.session.handle_eof(end.now);
    assert_eq!(lines(), [(Level::Info, "over: end of stream".to_owned())]);
}

/// D-H-1, C-5.5.2-1: text of the peer's is escaped, and bounded.
#[test]
fn d_h_1_c_5_5_2_1_no_line_has_bytes_of_the_peer_unescaped() {
    let mut end = End::new();
    let hostile = [&b"\x1b[31m\r\nERROR all is lost \xff\xc3(\0"[..], &[b'x'; 900]].concat();
    end.feed(&frame(Code::CSM, &hostile));
    end.feed(&frame(Code::PING, &hostile));
    end.feed(&frame(Code::POST, &hostile));
    end.feed(&frame(Code::CONTENT, &hostile));
    end.feed(&frame(Code(0xe6), &hostile));
    end.feed(&frame(Code::ABORT, &hostile));
    let lines = lines();
    assert_eq!(lines.len(), 8, "{lines:?}");
    for (_, line) in &lines {
        assert!(line.bytes().all(|b| (32..127).contains(&b)), "{line:?}");
        assert!(line.len() < 300, "{line:?}");
    }
    let aborted =
        r"aborted by the peer: \x1b[31m\r\nERROR all is lost \xff\xc3(\x00".to_owned() + &"x".repeat(34);
    let at = lines.iter().position(|(_, line)| line.starts_with("aborted")).unwrap();
    assert!(lines[at].1.starts_with(&aborted), "{lines:?}");
}
