//! What every deadline promises, and what a simulated connection does: the tables of `docs/deadlines.md`.

use std::fmt::Write as _;
use std::time::Duration;

use coap_tcp_core::{Closed, Code, Config, Expired, KeepAlive, KeepAliveBounds, KeepAliveSearch};

use super::dwelling::{Dwelling, Stay};
use super::lone::Lone;
use crate::script::Role;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// One thing that a peer, a path or an application leaves undone.
#[derive(Clone, Debug)]
pub struct Row {
    /// What.
    pub what: &'static str,
    /// What is configured, where it is not the default.
    pub with: &'static str,
    /// Within what time it ends; `None`: never.
    pub promised: Option<Duration>,
    /// When it did.
    pub seen: Option<Duration>,
    /// With what.
    pub how: String,
}

impl Row {
    /// Whether the promise is kept; and reached to a second, where it is exact.
    pub fn is_kept(&self, exact: bool) -> bool {
        match (self.promised, self.seen) {
            (None, None) => true,
            (Some(promised), Some(seen)) => seen <= promised && (!exact || seen + SECOND >= promised),
            _ => false,
        }
    }
}

fn ended(lone: &Lone, since: Duration) -> (Option<Duration>, String) {
    match lone.ended() {
        Some((at, why)) => (Some(at.saturating_sub(since)), name(why)),
        None => (None, "goes on".into()),
    }
}

fn name(why: Closed) -> String {
    let name = format!("{why:?}");
    name.split(['(', ' ', '{']).next().unwrap_or_default().to_owned()
}

fn get(lone: &mut Lone) {
    lone.act(|now, peer| {
        let asked = peer.request(now, Code::GET).and_then(|request| request.finish(1));
        assert!(asked.is_ok(), "{asked:?}");
    });
}

/// When something passed that ends no connection.
fn expired(lone: &Lone, since: Duration, wanted: fn(&Expired<u32>) -> bool) -> Option<Duration> {
    let found = lone.app().expired().iter().find(|(_, expired)| wanted(expired));
    found.map(|(at, _)| at.duration_since(coap_tcp_core::Instant::ZERO).saturating_sub(since))
}

/// Each deadline of [`Config`] alone, with the defaults.
pub fn deadlines() -> Vec<Row> {
    let quiet = || Config::new().idle_timeout(None);
    let row = |what, with, promised, (seen, how)| Row { what, with, promised: Some(promised), seen, how };
    let never = |what, with, (seen, how)| Row { what, with, promised: None, seen, how };
    let mut rows = vec![];

    let mut lone = Lone::new(Role::Server, Config::new());
    lone.wait(HOUR);
    rows.push(row("no CSM", "", 30 * SECOND, ended(&lone, Duration::ZERO)));

    let mut lone = Lone::open(Role::Server, Config::new());
    lone.hear(&[0xd0, 0xff, 0x02]);
    while lone.ended().is_none() {
        lone.wait(SECOND);
        lone.hear(&[0xff]);
    }
    let promised = Duration::from_millis(30_271);
    rows.push(row("a frame of 271 bytes, one byte a second", "", promised, ended(&lone, Duration::ZERO)));

    let mut lone = Lone::open(Role::Server, Config::new().max_message_size(2 << 20));
    lone.hear(&[0xf0, 0x00, 0x0e, 0xff, 0x00, 0x02, 0xff]);
    (0..490).for_each(|_| {
        lone.wait(SECOND);
        lone.hear(&[0xaa; 2000]);
    });
    rows.push(never("a frame of 1 MiB, 2 kB a second", "", ended(&lone, Duration::ZERO)));

    let mut lone = Lone::open(Role::Client, quiet());
    lone.window(0);
    get(&mut lone);
    lone.wait(HOUR);
    rows.push(row("window 0", "", 60 * SECOND, ended(&lone, Duration::ZERO)));

    let mut lone = Lone::open(Role::Client, quiet());
    lone.window(0);
    get(&mut lone);
    (0..2).for_each(|_| {
        lone.wait(30 * SECOND);
        lone.window(1);
    });
    (0..100).for_each(|_| {
        get(&mut lone);
        lone.wait(30 * SECOND);
        lone.window(1);
    });
    rows.push(never("a window that opens by a byte every 30 s", "", ended(&lone, Duration::ZERO)));

    let mut lone = Lone::open(Role::Client, quiet());
    get(&mut lone);
    lone.wait(HOUR);
    let seen = expired(&lone, Duration::ZERO, |it| matches!(it, Expired::Request(..)));
    rows.push(row("no answer to a request", "", 93 * SECOND, (seen, "request fails".into())));
    rows.push(never("the same, for the connection", "no idle time", ended(&lone, Duration::ZERO)));

    let mut lone = Lone::open(Role::Client, quiet());
    lone.act(|now, peer| peer.conn.ping(now, false, peer.tx).unwrap_or_default());
    lone.wait(HOUR);
    rows.push(row("no Pong", "", 30 * SECOND, ended(&lone, Duration::ZERO)));

    let mut lone = Lone::open(Role::Client, quiet());
    lone.act(|now, peer| peer.conn.ping(now, true, peer.tx).unwrap_or_default());
    lone.wait(HOUR);
    let seen = expired(&lone, Duration::ZERO, |it| matches!(it, Expired::CustodyRefused));
    rows.push(row("no Pong with Custody", "", 93 * SECOND, (seen, "goes on".into())));

    let mut lone = Lone::open(Role::Server, quiet());
    lone.hear(&[0x01, 0x01, 0x07, 0x11, 0xe2, 0x01, 0x20]);
    lone.wait(HOUR);
    let seen = expired(&lone, Duration::ZERO, |it| matches!(it, Expired::CustodyGivenUp));
    rows.push(row(
        "a Pong with Custody that waits for our answer",
        "",
        20 * SECOND,
        (seen, "goes on".into()),
    ));

    let mut lone = Lone::open(Role::Client, quiet());
    lone.act(|now, peer| peer.conn.release(now, None, &[], peer.tx).unwrap_or_default());
    lone.wait(HOUR);
    rows.push(row("our Release ignored", "", 30 * SECOND, ended(&lone, Duration::ZERO)));

    let mut lone = Lone::open(Role::Server, quiet());
    lone.hear(&[0x01, 0x01, 0x07, 0x00, 0xe4]);
    lone.wait(HOUR);
    rows.push(row(
        "our answer missing after the peer's Release",
        "",
        30 * SECOND,
        ended(&lone, Duration::ZERO),
    ));

    let mut lone = Lone::open(Role::Client, quiet());
    lone.act(|_, peer| peer.conn.close());
    lone.wait(HOUR);
    let lingers = (lone.gone(), "transport dropped".into());
    rows.push(row("the peer's end of stream, after ours", "", 2 * SECOND, lingers));

    let mut lone = Lone::open(Role::Server, Config::new());
    lone.wait(HOUR);
    rows.push(row("nothing at all", "", 300 * SECOND, ended(&lone, Duration::ZERO)));
    rows
}

/// What half-open connections come to: the last byte comes at the start, and nothing after it.
pub fn half_open() -> Vec<Row> {
    let ping = || Config::new().keep_alive(KeepAlive::Ping(KeepAlive::UNKNOWN_NAT)).idle_timeout(None);
    let empty = || Config::new().keep_alive(KeepAlive::Empty(KeepAlive::UNKNOWN_NAT)).idle_timeout(None);
    let row = |what, with, promised, lone: &Lone| {
        let how = lone.ended().map_or("goes on".into(), |(_, why)| name(why));
        Row { what, with, promised, seen: lone.gone(), how }
    };
    let after = |config: Config, act: fn(&mut Lone)| {
        let mut lone = Lone::open(Role::Client, config);
        act(&mut lone);
        lone.wait(DAY);
        lone
    };
    let idle = |_: &mut Lone| {};
    let stuck = |lone: &mut Lone| {
        lone.wait(99 * SECOND);
        lone.window(0);
        get(lone);
    };
    let (plain, none) = (Config::new(), Config::new().idle_timeout(None));
    vec![
        row("idle", "Ping 100 s, no idle time", ping().idle_detection_bound(), &after(ping(), idle)),
        row(
            "a request unanswered",
            "Ping 100 s, no idle time",
            ping().detection_bound(),
            &after(ping(), get),
        ),
        row(
            "bytes stuck after 99 s",
            "Ping 100 s, no idle time",
            ping().detection_bound(),
            &after(ping(), stuck),
        ),
        row("idle", "", plain.idle_detection_bound(), &after(plain.clone(), idle)),
        row("a request unanswered", "", plain.idle_detection_bound(), &after(plain.clone(), get)),
        row("bytes stuck after 99 s", "no idle time", Some(159 * SECOND), &after(none.clone(), stuck)),
        row("a request unanswered", "no idle time", none.detection_bound(), &after(none.clone(), get)),
        row("idle", "Empty 100 s, no idle time", empty().detection_bound(), &after(empty(), idle)),
        row(
            "a request unanswered",
            "Empty 100 s, no idle time",
            empty().detection_bound(),
            &after(empty(), get),
        ),
    ]
}

/// A NAT, and how a device keeps its connection through it for a week.
#[derive(Clone, Debug)]
pub struct Through {
    /// For how long the NAT bears silence.
    pub forgets_after: Duration,
    /// How the connection is kept.
    pub keep_alive: &'static str,
    /// What is promised of a connection that is dead.
    pub promised: Duration,
    /// How it went.
    pub stay: Stay,
}

/// Where [`KeepAlive::ADAPTIVE`] searches.
pub const BOUNDS: KeepAliveBounds = KeepAliveBounds::new(KeepAlive::FLOOR, KeepAlive::CONFORMING_NAT);

/// The NATs and the policies.
pub fn nats() -> Vec<Through> {
    let policies = [
        ("Ping 100 s", KeepAlive::Ping(KeepAlive::UNKNOWN_NAT), None),
        ("Ping 50 min", KeepAlive::Ping(KeepAlive::TYPICAL_NAT), None),
        ("Ping 110 min", KeepAlive::Ping(KeepAlive::CONFORMING_NAT), None),
        ("adaptive", KeepAlive::ADAPTIVE, None),
        ("adaptive, jitter", KeepAlive::ADAPTIVE, Some(8323)),
    ];
    let mut all = vec![];
    for forgets_after in [2 * MINUTE, 15 * MINUTE, 60 * MINUTE, 124 * MINUTE] {
        for (name, keep_alive, jitter) in policies {
            let server = Config::new().idle_timeout(None);
            let device = server.clone().keep_alive(keep_alive).jitter(jitter);
            let promised = device.detection_bound().unwrap_or_default();
            let dwelling = Dwelling { device, server, bounds: BOUNDS, forgets_after };
            let stay = dwelling.stay(WEEK, KeepAliveSearch::new());
            all.push(Through { forgets_after, keep_alive: name, promised, stay });
        }
    }
    all
}

/// `90 s`, `30.3 s`, `50 min`, `2.5 h`.
fn time(time: Duration) -> String {
    let short = |value: f64, unit: &str| {
        let text = if value < 100.0 { format!("{value:.1}") } else { format!("{value:.0}") };
        format!("{} {unit}", text.strip_suffix(".0").unwrap_or(&text))
    };
    match time.as_secs_f64() {
        seconds if seconds < 570.0 => short(seconds, "s"),
        seconds if seconds < 10_000.0 => short(seconds / 60.0, "min"),
        seconds => short(seconds / 3600.0, "h"),
    }
}

fn or_never(moment: Option<Duration>) -> String {
    moment.map_or("never".into(), time)
}

fn rows(title: &str, rows: &[Row]) -> String {
    let mut text = format!(
        "| {title} | configured | promised | seen | ends with |\n| --- | --- | ---: | ---: | --- |\n"
    );
    for Row { what, with, promised, seen, how } in rows {
        let (promised, seen) = (or_never(*promised), or_never(*seen));
        let _ = writeln!(text, "| {what} | {with} | {promised} | {seen} | {how} |");
    }
    text
}

/// The last of the three.
fn through(nats: &[Through]) -> String {
    let mut text = String::from(
        "| NAT forgets after | kept by | lost | dead | dead for at most | promised | Pings a day | learned after | by periods of |\n\
         | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |\n",
    );
    for Through { forgets_after, keep_alive, promised, stay } in nats {
        let settled = stay.settled.filter(|_| keep_alive.starts_with("adaptive"));
        let tried = settled.map_or(vec![], |settled| {
            let tried = stay.periods.iter().take_while(|(since, _)| *since <= settled);
            tried.map(|&(_, period)| time(period)).collect()
        });
        let dead = stay.dead.as_secs_f64() * 100.0 / WEEK.as_secs_f64();
        let lost = stay.ends.len();
        let _ = writeln!(
            text,
            "| {} | {keep_alive} | {lost} | {dead:.1} % | {} | {} | {} | {} | {} |",
            time(*forgets_after),
            if lost == 0 { String::new() } else { time(stay.longest_dead) },
            time(*promised),
            stay.pings / 7,
            settled.map_or(String::new(), time),
            tried.join(", "),
        );
    }
    text
}

/// All of it, as `docs/deadlines.md` has it.
pub fn tables(deadlines: &[Row], half_open: &[Row], nats: &[Through]) -> [String; 3] {
    [rows("left undone", deadlines), rows("the last byte has come, and then", half_open), through(nats)]
}
