//! Life behind a NAT: connections that are kept alive, and what is learned from their ends.

use std::time::Duration;

use coap_tcp_core::{Closed, Config, Instant, KeepAliveBounds, KeepAliveSearch};

use super::lone::Still;
use super::pipe::Line;
use super::world::{Side, World};
use crate::cut::Cut;
use crate::script::{Role, Setup};

/// A device behind a NAT that opens a connection, keeps it, and opens the next one when it has ended.
#[derive(Clone, Debug)]
pub struct Dwelling {
    /// How the device keeps its connections.
    pub device: Config,
    /// How the server does.
    pub server: Config,
    /// Where an adaptive one searches.
    pub bounds: KeepAliveBounds,
    /// For how long the NAT bears silence.
    pub forgets_after: Duration,
}

/// How it went.
#[derive(Clone, Debug, Default)]
pub struct Stay {
    /// Connections that ended, after how long, and why.
    pub ends: Vec<(Duration, Closed)>,
    /// Pings that were answered.
    pub pings: u32,
    /// The longest that a connection was dead before its device knew.
    pub longest_dead: Duration,
    /// All that time.
    pub dead: Duration,
    /// What was learned in the end.
    pub search: KeepAliveSearch,
    /// The periods that an adaptive keep-alive has had, and since when.
    pub periods: Vec<(Duration, Duration)>,
    /// When it first came to rest.
    pub settled: Option<Duration>,
}

impl Dwelling {
    /// For so long, from a search that knows so much.
    pub fn stay(&self, time: Duration, search: KeepAliveSearch) -> Stay {
        let setup = |role, config: &Config| {
            let config = Box::leak(Box::new(config.clone()));
            Setup { role, config, max_message_size: 1152, window: None, cut: Cut::Whole }
        };
        let setups = [setup(Role::Client, &self.device), setup(Role::Server, &self.server)];
        let line = Line { latency: Duration::from_millis(50), rate: 0, window: 64 * 1024, segment: 1460 };
        let mut world = World::new(1);
        let mut stay = Stay { search, ..Stay::default() };
        let end = world.now() + time;
        while world.now() < end {
            let apps = [Still::resuming(stay.search), Still::default()];
            let connection = world.connect([&setups[0], &setups[1]], apps, line);
            world.forget_after(connection, self.forgets_after);
            let (device, begun) = (Side { connection, end: 0 }, world.now());
            while world.now() < end && world.app(device).ended().is_none() {
                world.run_until((world.now() + Duration::from_secs(1)).min(end));
                stay.note(world.now(), world.app(device).search(), self.bounds);
            }
            stay.pings += world.app(device).pongs();
            let Some((at, why)) = world.app(device).ended() else { break };
            let died = world.forgotten(connection).unwrap_or(at);
            stay.ends.push((at.duration_since(begun), why));
            stay.longest_dead = stay.longest_dead.max(at.duration_since(died));
            stay.dead += at.duration_since(died);
        }
        stay
    }
}

impl Stay {
    fn note(&mut self, now: Instant, search: KeepAliveSearch, bounds: KeepAliveBounds) {
        let (now, period) = (now.duration_since(Instant::ZERO), search.period(&bounds));
        if self.periods.last().is_none_or(|&(_, last)| last != period) {
            self.periods.push((now, period));
        }
        if self.settled.is_none() && search.is_settled(&bounds) {
            self.settled = Some(now);
        }
        self.search = search;
    }
}
