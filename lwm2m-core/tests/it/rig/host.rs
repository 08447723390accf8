//! A registry, and the connections of its devices.

use std::collections::BTreeMap;
use std::time::Duration;

use coap_tcp_core::{Config, Expired, Instant, Message, Session, Slot};
use lwm2m_core::server::{self, Event, Registry, known, read_answer};

use super::frames::{CSM, Owned, messages};

pub static HOST: Config =
    Config::new().block_wise(false).max_message_size(100_000).request_timeout(Some(Duration::from_secs(60)));

pub type HostSession = Session<'static, Vec<u8>, Vec<Slot<server::Op>>>;

pub struct Host {
    pub now: Instant,
    pub registry: Registry<u32>,
    pub links: BTreeMap<u32, (HostSession, Vec<u8>)>,
    pub events: Vec<String>,
    /// Handle, operation, and what it brought.
    pub answers: Vec<(u64, String, Vec<String>)>,
    /// Who was to be released, and when.
    pub released: Vec<(u32, Instant)>,
}

impl Host {
    pub fn new(config: server::Config) -> Self {
        let mut id = 0xfeed_0000_0000_0000;
        let random = move || {
            id += 1;
            id
        };
        Self {
            now: Instant::ZERO,
            registry: Registry::new(config, random),
            links: BTreeMap::new(),
            events: Vec::new(),
            answers: Vec::new(),
            released: Vec::new(),
        }
    }

    pub fn connect(&mut self, k: u32, identity: Option<&str>) {
        let mut tx = Vec::new();
        let session = Session::accept(&HOST, Vec::new(), Vec::new(), self.now, &mut tx).unwrap();
        self.links.insert(k, (session, tx));
        self.registry.handle_connected(self.now, k, identity);
        self.feed(k, CSM);
        self.take(k);
    }

    pub fn disconnect(&mut self, k: u32) {
        self.links.remove(&k);
        self.registry.handle_closed(k);
    }

    pub fn feed(&mut self, k: u32, bytes: &[u8]) {
        let Some((session, tx)) = self.links.get_mut(&k) else { return };
        let (registry, events, answers, now) =
            (&mut self.registry, &mut self.events, &mut self.answers, self.now);
        let _ =
            session.receive(now, bytes, tx, |event, peer| match registry.handle_event(now, k, event, peer) {
                Event::Other(_) => {}
                Event::Answered { op, message } => answers.push(told(&op, &message)),
                Event::Notified { op, first, message } => {
                    let (handle, operation, values) = told(&op, &message);
                    let operation = if first { operation } else { "Notify".into() };
                    answers.push((handle, operation, values));
                }
                event => events.push(brief(&event)),
            });
        self.turn();
    }

    pub fn turn(&mut self) {
        for (session, tx) in self.links.values_mut() {
            while let Some(expired) = session.handle_timeout(self.now, tx) {
                if let Expired::Request(id, op) = expired {
                    self.registry.handle_unanswered(id, &op);
                    self.answers.push((op.handle, "Unanswered".into(), Vec::new()));
                }
            }
        }
        while let Some(event) = self.registry.handle_timeout(self.now) {
            self.events.push(brief(&event));
        }
        while let Some(server::Action::Release(k)) = self.registry.poll_action() {
            self.released.push((k, self.now));
            if let Some((session, tx)) = self.links.get_mut(&k) {
                let peer = session.peer(tx);
                // Where the connection is over already there is nothing to say.
                let _ = peer.conn.release(self.now, None, &[], peer.tx);
            }
        }
    }

    pub fn take(&mut self, k: u32) -> Vec<u8> {
        let Some((session, tx)) = self.links.get_mut(&k) else { return Vec::new() };
        let bytes = std::mem::take(tx);
        session.sent(self.now, bytes.len(), 0);
        bytes
    }

    /// The only answer to a request of a device.
    pub fn ask(&mut self, k: u32, request: &[u8]) -> Owned {
        self.feed(k, request);
        let mut sent = messages(&self.take(k));
        assert_eq!(sent.len(), 1, "{sent:?}");
        sent.remove(0)
    }

    pub fn wait(&mut self, time: Duration) {
        let until = self.now + time;
        for _ in 0..100_000 {
            self.turn();
            let sessions =
                self.links.values().filter_map(|(session, _)| session.poll_timeout()).map(|(at, _)| at);
            let next = sessions.chain(self.registry.poll_timeout()).min();
            let Some(next) = next.filter(|next| *next <= until) else {
                self.now = until;
                return;
            };
            assert!(next > self.now, "something is due and not done");
            self.now = next;
        }
        panic!("time does not pass");
    }
}

fn told(op: &server::Op, message: &Message<'_>) -> (u64, String, Vec<String>) {
    let mut values = Vec::new();
    let read = read_answer(op, message, known, |reading| {
        values.push(format!("{} {:?}", reading.path, reading.value));
    });
    if let Err(error) = read {
        values.push(error.to_string());
    }
    (op.handle, format!("{:?}", op.operation), values)
}

fn brief(event: &Event<'_, u32>) -> String {
    match event {
        Event::Registered { replaced, .. } => format!("registered, replaced {}", replaced.is_some()),
        Event::Deregistered(registration) => format!("deregistered {}", registration.endpoint()),
        Event::Expired(registration) => format!("expired {}", registration.endpoint()),
        event => format!("{event:?}"),
    }
}
