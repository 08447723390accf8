//! The prober against our own server and client, and against peers that are wrong in one way each.

#![allow(clippy::unwrap_used)]

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use coap_numbers::code;
use coap_tcp_app::core::{Config, Instant};
use coap_tcp_app::{Coap, Draft, Driver, Layer, NoService, Role, Turn};
use demo::{Demo, Runtime};
use testkit::cut::Cut;
use testkit::model::Plain;
use testkit::pipe::{Pipe, PipeEnd};
use testkit::probe::{Heard, Lost, Meeting, Missed, Report, Survey, Verdict, Wire, all, judge};
use testkit::rig::End;
use testkit::script;

static CONFIG: Config = demo::config();

fn probe(meeting: &mut dyn Meeting, role: script::Role, path: &str) -> Vec<Report> {
    let survey = Survey::new(meeting, role, path).unwrap();
    let probes = all(path).unwrap();
    probes.iter().filter(|probe| probe.is_for(role)).map(|probe| judge(probe, &survey, meeting)).collect()
}

/// The first verdict on a requirement.
fn verdict(reports: &[Report], requirement: &str) -> (Verdict, String) {
    let report = reports.iter().find(|report| report.requirement == requirement);
    report.map(|report| (report.verdict, report.why.clone())).unwrap()
}

#[test]
fn our_server_passes() {
    let mut ours = || {
        let layer = Coap::new(Demo::new(Nothing));
        Ok(Box::new(Ours::new(Role::Acceptor, layer)) as Box<dyn Wire>)
    };
    for report in probe(&mut Connections(&mut ours), script::Role::Server, "/large") {
        assert_eq!(report.verdict, Verdict::Pass, "{report}\n{}", report.transcript.join("\n"));
    }
}

#[test]
fn our_client_passes() {
    let mut ours = || {
        let (layer, handle) = Coap::with_handle(NoService);
        let mut wire = Ours::new(Role::Initiator, layer);
        let mut asks = Box::pin(async move { drop(handle.request(Draft::get("/t")).await) });
        // Asked once, then nobody looks at the answer; but it is still wanted.
        assert!(asks.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        wire.asks = Some(asks);
        Ok(Box::new(wire) as Box<dyn Wire>)
    };
    for report in probe(&mut Connections(&mut ours), script::Role::Client, "/large") {
        assert_eq!(report.verdict, Verdict::Pass, "{report}\n{}", report.transcript.join("\n"));
    }
}

#[test]
fn a_silent_peer_is_no_hang() {
    let reports = probe(&mut wrong(|_| vec![], vec![]), script::Role::Server, "/t");
    let nothing = |instead: &str| (Verdict::Fail, format!("nothing instead of {instead}"));
    assert_eq!(verdict(&reports, "T-3.3-1"), nothing("first 7.01 token=* *"));
    assert_eq!(verdict(&reports, "T-3.3-11"), nothing("error token=5a"));
    assert_eq!(verdict(&reports, "T-3.3-3"), (Verdict::Differs, "nothing".into()));
    assert_eq!(verdict(&reports, "T-5.3.1-1"), (Verdict::NotApplicable, "no CSM came".into()));
    let unless = "the resource is not there, or is too short".to_owned();
    assert_eq!(verdict(&reports, "T-5.3.1-3"), (Verdict::NotApplicable, unless));
    assert!(reports.iter().any(Report::breaks_a_must));
}

#[test]
fn a_peer_without_csm_breaks_t_3_3_1() {
    let reports = probe(&mut wrong(answers, vec![]), script::Role::Server, "/t");
    assert_eq!(verdict(&reports, "T-3.3-1").0, Verdict::Fail);
    assert_eq!(verdict(&reports, "T-3.3-7").0, Verdict::Pass);
    assert_eq!(verdict(&reports, "T-3.3-11").0, Verdict::Pass);
}

#[test]
fn a_peer_that_answers_no_ping_breaks_t_5_4_2() {
    let deaf = |said: &Plain| if said.code == code::PING { vec![] } else { answers(said) };
    let reports = probe(&mut wrong(deaf, csm()), script::Role::Server, "/t");
    assert_eq!(verdict(&reports, "T-5.4-2"), (Verdict::Fail, "nothing instead of 7.03 token=42 *".into()));
    assert_eq!(verdict(&reports, "T-3.3-1").0, Verdict::Pass);
}

#[test]
fn a_pong_without_its_token_breaks_t_5_4_2_and_is_said() {
    let bare = |said: &Plain| {
        answers(said)
            .into_iter()
            .map(|answer| match answer.code {
                code::PONG => Plain { token: vec![], options: vec![(2, vec![])], ..answer },
                _ => answer,
            })
            .collect()
    };
    let reports = probe(&mut wrong(bare, csm()), script::Role::Server, "/t");
    let why = "7.03 without token Custody instead of 7.03 token=42 *";
    assert_eq!(verdict(&reports, "T-5.4-2"), (Verdict::Fail, why.into()));
    assert_eq!(verdict(&reports, "T-5.4.1-3"), (Verdict::Differs, "7.03 without token Custody".into()));
}

#[test]
fn a_peer_that_serves_on_after_a_syntax_error_breaks_t_5_6_7() {
    let reports = probe(&mut wrong(answers, csm()), script::Role::Server, "/t");
    let open = "nothing, stays open instead of 7.05 *, closes";
    assert_eq!(verdict(&reports, "T-5.6-7"), (Verdict::Fail, open.into()));
    assert_eq!(verdict(&reports, "T-5.5-1"), (Verdict::Differs, "nothing, stays open".into()));
}

#[test]
fn an_answer_over_our_limit_breaks_t_5_3_1_3() {
    let large = |said: &Plain| {
        answers(said)
            .into_iter()
            .map(|answer| match answer.code {
                code::NOT_FOUND => Plain { code: code::CONTENT, payload: vec![b'x'; 200], ..answer },
                _ => answer,
            })
            .collect()
    };
    let reports = probe(&mut wrong(large, csm()), script::Role::Server, "/t");
    let why = "2.05 token=01 of 205 bytes instead of at-most=128 response token=01";
    assert_eq!(verdict(&reports, "T-5.3.1-3"), (Verdict::Fail, why.into()));
}

#[test]
fn who_takes_no_more_connections_fails() {
    let (mut peer, mut calls) = (wrong(answers, csm()), 0);
    let survey = Survey::new(&mut peer, script::Role::Server, "/t").unwrap();
    let mut crashed = || {
        calls += 1;
        Err(if calls == 1 { Missed::Refused("connection refused".into()) } else { Missed::OutOfTime })
    };
    let (probes, mut meeting) = (all("/t").unwrap(), Connections(&mut crashed));
    let report = judge(&probes[0], &survey, &mut meeting);
    assert_eq!((report.verdict, report.why.as_str()), (Verdict::Fail, "no connection: connection refused"));
    let report = judge(&probes[0], &survey, &mut meeting);
    assert_eq!((report.verdict, report.why.as_str()), (Verdict::NotApplicable, "no time is left"));
}

#[test]
fn a_path_that_is_none_is_refused() {
    assert_eq!(all("well-known").unwrap_err(), "no path: well-known");
    assert!(all("/a b").is_err());
}

struct Connections<'a>(&'a mut dyn FnMut() -> Result<Box<dyn Wire>, Missed>);

impl Meeting for Connections<'_> {
    fn meet(&mut self) -> Result<Box<dyn Wire + '_>, Missed> {
        (self.0)().map(|wire| wire as Box<dyn Wire + '_>)
    }
}

/// A connection of ours in memory, whose time stands still.
struct Ours<L: Layer> {
    driver: Driver<'static, L>,
    end: Option<PipeEnd>,
    pipe: Pipe,
    asks: Option<Pin<Box<dyn Future<Output = ()>>>>,
}

impl<L: Layer> Ours<L> {
    fn new(role: Role, layer: L) -> Self {
        let (pipe, end) = Pipe::new(None, Cut::Whole);
        let driver = Driver::new(role, &CONFIG, layer, Instant::ZERO).unwrap();
        Self { driver, end: Some(end), pipe, asks: None }
    }

    /// Until there is nothing more to do.
    fn settle(&mut self) {
        let mut cx = Context::from_waker(Waker::noop());
        while let Some(end) = &mut self.end {
            match self.driver.turn(&mut cx, Instant::ZERO, end) {
                Turn::Again => {}
                Turn::Rest(_) => break,
                Turn::Closed(_) => self.end = None,
            }
        }
    }
}

impl<L: Layer> Wire for Ours<L> {
    fn send(&mut self, bytes: &[u8]) -> Result<(), Lost> {
        self.pipe.write(bytes);
        self.settle();
        Ok(())
    }

    fn end(&mut self) {
        self.pipe.end(End::Eof);
        self.settle();
    }

    fn pause(&mut self) {}

    fn patience(&mut self) {}

    fn hear(&mut self) -> Heard {
        self.settle();
        let mut bytes = Vec::new();
        match self.pipe.read(&mut bytes) {
            _ if !bytes.is_empty() => Heard::Bytes(bytes),
            true => Heard::End,
            false => Heard::Silence,
        }
    }
}

/// What takes time never happens.
#[derive(Clone, Copy)]
struct Nothing;

impl Runtime for Nothing {
    fn spawn(&self, _: impl Future<Output = ()> + Send + 'static) {}

    async fn sleep(&self, _: Duration) {
        std::future::poll_fn(|_| Poll::<()>::Pending).await;
    }
}

/// A peer that knows nothing of rules.
struct Wrong<A> {
    answer: A,
    heard: Vec<u8>,
    says: Vec<u8>,
}

struct Wrongs<A>(A, Vec<u8>);

fn wrong<A: Fn(&Plain) -> Vec<Plain> + Clone>(answer: A, first: Vec<u8>) -> Wrongs<A> {
    Wrongs(answer, first)
}

impl<A: Fn(&Plain) -> Vec<Plain> + Clone> Meeting for Wrongs<A> {
    fn meet(&mut self) -> Result<Box<dyn Wire + '_>, Missed> {
        Ok(Box::new(Wrong { answer: self.0.clone(), heard: vec![], says: self.1.clone() }))
    }
}

impl<A: Fn(&Plain) -> Vec<Plain>> Wire for Wrong<A> {
    fn send(&mut self, bytes: &[u8]) -> Result<(), Lost> {
        self.heard.extend(bytes);
        while let Ok(Some((said, size))) = Plain::decode(&self.heard) {
            self.heard.drain(..size);
            self.says.extend((self.answer)(&said).iter().flat_map(Plain::encode));
        }
        Ok(())
    }

    fn end(&mut self) {}

    fn pause(&mut self) {}

    fn patience(&mut self) {}

    fn hear(&mut self) -> Heard {
        if self.says.is_empty() { Heard::Silence } else { Heard::Bytes(std::mem::take(&mut self.says)) }
    }
}

fn csm() -> Vec<u8> {
    Plain { code: code::CSM, ..Plain::default() }.encode()
}

/// Pongs, and 4.04 to all else.
fn answers(said: &Plain) -> Vec<Plain> {
    let answer = |code| vec![Plain { code, token: said.token.clone(), ..Plain::default() }];
    match said.code {
        code::PING => answer(code::PONG),
        code::EMPTY => vec![],
        request if request >> 5 == 0 => answer(code::NOT_FOUND),
        _ => vec![],
    }
}

mod tcp {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::thread;
    use std::time::{Duration, Instant};

    use testkit::probe::{Caller, Host, Meeting, Missed, Survey, Times, Verdict, all, judge};
    use testkit::script::Role;

    fn times() -> Times {
        let long = Duration::from_secs(60);
        Times { each: long, call: long, end: Instant::now() + long }
    }

    /// A CSM, then it listens until the prober has gone.
    fn talk(mut stream: TcpStream) {
        stream.write_all(&[0x00, 0xe1]).unwrap();
        // However it ends.
        let _ = stream.read_to_end(&mut Vec::new());
    }

    fn first_message(role: Role, meeting: &mut dyn Meeting) -> Verdict {
        let survey = Survey::new(meeting, role, "/t").unwrap();
        let probes = all("/t").unwrap();
        let first = probes.iter().find(|probe| probe.requirements.iter().any(|id| id == "T-3.3-1")).unwrap();
        judge(first, &survey, meeting).verdict
    }

    #[test]
    fn t_3_3_1_a_client_is_waited_for() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let client = thread::spawn(move || (0..2).for_each(|_| talk(TcpStream::connect(address).unwrap())));
        let mut host = Host::new(listener, times(), None).unwrap();
        assert_eq!(first_message(Role::Client, &mut host), Verdict::Pass);
        client.join().unwrap();
    }

    #[test]
    fn t_3_3_1_a_server_is_called() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            for _ in 0..2 {
                let (mut stream, _) = listener.accept().unwrap();
                // Its answer to the survey, if this is it, comes with its CSM.
                stream.write_all(&[0x00, 0xe1, 0x01, 0x84, 0x01]).unwrap();
                let _ = stream.read_to_end(&mut Vec::new());
            }
        });
        let mut caller = Caller::new(address, times());
        assert_eq!(first_message(Role::Server, &mut caller), Verdict::Pass);
        server.join().unwrap();
        assert!(matches!(caller.meet(), Err(Missed::Refused(_))));
    }

    #[test]
    fn no_time_is_no_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let over = Times { end: Instant::now(), ..times() };
        assert!(matches!(Caller::new(address, over).meet(), Err(Missed::OutOfTime)));
        assert!(matches!(Host::new(listener, over, None).unwrap().meet(), Err(Missed::OutOfTime)));
    }
}
