//! The application of scripts, for rigs that speak to the core themselves.

mod served;
mod transfers;

use coap_tcp_core::blockwise::{Brief, Wanted, Written};
use coap_tcp_core::{
    Buf, Event, Expired, Incoming, Instant, Observer, OptionNumber, Peer, RequestId, SendError, Slots,
    Tagged, Ticket, wire,
};

pub use self::served::Cutting;
use self::served::{Uploads, brief, cut};
use self::transfers::Transfers;
use crate::endpoint::{App, Memory};
use crate::model::Plain;
use crate::rig::Seen;
use crate::script::{Behaviour, Command};

/// The critical options that its resources know. Those that go in blocks know three more.
pub const KNOWN: &[OptionNumber] = &[
    OptionNumber::URI_HOST,
    OptionNumber::URI_PORT,
    OptionNumber::URI_PATH,
    OptionNumber::URI_QUERY,
    OptionNumber::ACCEPT,
];

const KNOWN_WITH_BLOCKS: &[OptionNumber] = &[
    OptionNumber::URI_HOST,
    OptionNumber::IF_NONE_MATCH,
    OptionNumber::URI_PORT,
    OptionNumber::URI_PATH,
    OptionNumber::URI_QUERY,
    OptionNumber::ACCEPT,
    OptionNumber::BLOCK2,
    OptionNumber::BLOCK1,
];

/// Does what commands say, answers what behaviours say, and writes down what it is told.
#[derive(Debug, Default)]
pub struct CoreApp {
    behaviours: Vec<(String, Behaviour)>,
    /// Those without a name are transfers, whose messages have one each.
    ours: Vec<(u32, Option<RequestId>, Plain)>,
    deferred: Vec<(String, Ticket)>,
    observers: Vec<Watcher>,
    uploads: Uploads,
    transfers: Transfers,
    /// Tags of the requests that have been sent, in their order.
    asked: Vec<u32>,
    seen: Vec<Seen>,
    closed: bool,
}

/// An observation of the peer's.
#[derive(Debug)]
struct Watcher {
    path: String,
    observer: Observer,
    /// How its notifications are cut, where they are.
    cut: Option<(Wanted, Cutting)>,
}

impl CoreApp {
    /// What it was told since the last call.
    pub fn take_seen(&mut self) -> impl Iterator<Item = Seen> + '_ {
        self.seen.drain(..)
    }

    /// Tags of the messages with requests that have been sent since the last call, in their order.
    pub fn take_asked(&mut self) -> Vec<u32> {
        let mut asked = std::mem::take(&mut self.asked);
        asked.append(&mut self.transfers.take_asked());
        asked
    }

    /// For `Session::receive`.
    pub fn on_event<S, T>(&mut self, now: Instant, event: Event<'_, u32>, peer: &mut Peer<'_, '_, S, T>)
    where
        S: Slots<Tag = u32>,
        T: Buf + ?Sized,
    {
        let seen = match event {
            Event::Ready(settings) => Seen::Ready(settings),
            Event::Request(incoming) => {
                self.request(&incoming, peer);
                return;
            }
            Event::Response { id, tag, message } if self.transfers.has(id) => {
                self.seen.extend(self.transfers.take(now, id, &tag, &message, peer));
                return;
            }
            Event::Response { tag: Tagged::Last(tag), message, .. } => {
                Seen::Response { tag, last: true, message: Plain::of(&message) }
            }
            Event::Response { id, tag: Tagged::More, message } => match peer.conn.tag(id) {
                Some(&tag) => Seen::Response { tag, last: false, message: Plain::of(&message) },
                None => return,
            },
            Event::Failed { id, tag, why } => {
                self.seen.extend(self.transfers.give_up(id, Seen::Failed { tag, why }));
                return;
            }
            Event::Unmatched(message) => Seen::Unmatched(Plain::of(&message)),
            Event::Pong { custody, .. } => Seen::Pong { custody },
            Event::Released { hold_off, message } => Seen::Released {
                hold_off,
                alternatives: wire::release::alternatives(&message).map(str::to_owned).collect(),
            },
            Event::Aborted(message) => Seen::Aborted(Plain::of(&message)),
            Event::Settled(settled) => Seen::Settled(settled),
        };
        self.seen.push(seen);
    }

    fn request<S, T>(&mut self, incoming: &Incoming<'_>, peer: &mut Peer<'_, '_, S, T>)
    where
        S: Slots<Tag = u32>,
        T: Buf + ?Sized,
    {
        let plain = Plain::of(incoming);
        if let Some(ended) = incoming.ended() {
            self.unobserved(ended);
        }
        let path = plain.path();
        self.seen.push(Seen::Request(plain));
        let behaviour = self.behaviours.iter().rev().find(|(of, _)| *of == path);
        let behaviour = behaviour.map(|(_, behaviour)| behaviour.clone());
        let in_blocks = matches!(behaviour, Some(Behaviour::Serve(..) | Behaviour::Collect(..)));
        if let Some(refusal) = incoming.refusal(if in_blocks { KNOWN_WITH_BLOCKS } else { KNOWN }) {
            let refused = peer.conn.refuse(incoming, refusal, peer.tx);
            self.note(refused);
            return;
        }
        match behaviour {
            None => {}
            Some(Behaviour::Answer(message)) => {
                let answered = respond(incoming, &message, None, peer);
                self.note(answered);
            }
            Some(Behaviour::Defer) => match peer.conn.defer(incoming) {
                Ok(ticket) => self.deferred.push((path, ticket)),
                Err(_) => {
                    let busy = Plain { code: wire::Code::SERVICE_UNAVAILABLE.0, ..Plain::default() };
                    let refused = respond(incoming, &busy, None, peer);
                    self.note(refused);
                }
            },
            Some(Behaviour::Observe(message)) => {
                let answered = self.observe(incoming, path, message, None, peer);
                self.note(answered);
            }
            Some(Behaviour::Serve(message, cutting)) => {
                let answered = self.serve(incoming, path, message, cutting, None, peer);
                self.note(answered);
            }
            Some(Behaviour::Collect(message, cutting, limit)) => {
                let answered = self.serve(incoming, path, message, cutting, Some(limit), peer);
                self.note(answered);
            }
        }
    }

    /// A resource that goes in blocks; with a limit, one that gathers the bodies of requests.
    fn serve<S, T>(
        &mut self,
        incoming: &Incoming<'_>,
        path: String,
        message: Plain,
        cutting: Cutting,
        limit: Option<usize>,
        peer: &mut Peer<'_, '_, S, T>,
    ) -> Result<(), SendError>
    where
        S: Slots<Tag = u32>,
        T: Buf + ?Sized,
    {
        let terms = peer.conn.terms();
        let wanted = match Wanted::of(incoming, &terms) {
            Ok(wanted) => wanted,
            Err(why) => return brief(incoming, why, peer),
        };
        if let Some(limit) = limit.filter(|_| !wanted.continues()) {
            match self.uploads.collect(incoming, &wanted, &terms, limit) {
                Ok(body) => self.seen.push(Seen::Body { path: path.clone(), body }),
                Err(stands) => return brief(incoming, stands, peer),
            }
        }
        self.observe(incoming, path, message, Some((wanted, cutting)), peer)
    }

    fn observe<S, T>(
        &mut self,
        incoming: &Incoming<'_>,
        path: String,
        mut message: Plain,
        cut: Option<(Wanted, Cutting)>,
        peer: &mut Peer<'_, '_, S, T>,
    ) -> Result<(), SendError>
    where
        S: Slots<Tag = u32>,
        T: Buf + ?Sized,
    {
        if !incoming.wants_observe() {
            return respond(incoming, &message, cut, peer);
        }
        let Ok(observer) = peer.conn.observe(incoming) else {
            return respond(incoming, &message, cut, peer);
        };
        message.insert(OptionNumber::OBSERVE.0, vec![]);
        let answered = respond(incoming, &message, cut, peer);
        match answered {
            Ok(()) => self.observers.push(Watcher { path, observer, cut }),
            Err(_) => peer.conn.unobserve(observer),
        }
        answered
    }

    fn unobserved(&mut self, ended: Observer) {
        if let Some(at) = self.observers.iter().position(|watcher| watcher.observer == ended) {
            let watcher = self.observers.remove(at);
            self.seen.push(Seen::Unobserved(watcher.path));
        }
    }

    /// For a line that begins with `app`.
    pub fn command<S, T>(&mut self, now: Instant, command: &Command, peer: &mut Peer<'_, '_, S, T>)
    where
        S: Slots<Tag = u32>,
        T: Buf + ?Sized,
    {
        let before = peer.tx.as_slice().to_vec();
        let tag = match command {
            Command::Request { tag, .. } => Some(*tag),
            _ => None,
        };
        if let Err(why) = self.obey(now, command, peer) {
            // Law 2.
            assert!(peer.tx.as_slice() == before, "{command:?} failed with {why:?} and changed tx");
            self.seen.push(Seen::Refused { tag, why });
        }
    }

    fn obey<S, T>(
        &mut self,
        now: Instant,
        command: &Command,
        peer: &mut Peer<'_, '_, S, T>,
    ) -> Result<(), SendError>
    where
        S: Slots<Tag = u32>,
        T: Buf + ?Sized,
    {
        match command {
            Command::Request { tag, message, blocks: Some(largest), .. } => {
                self.transfers.begin(now, *tag, message, *largest, peer)?;
                self.ours.push((*tag, None, message.clone()));
            }
            Command::Request { tag, message, within, blocks: None } => {
                let mut request = peer.request(now, wire::Code(message.code))?;
                if within.is_some() {
                    request = request.within(*within);
                }
                fill(message, &mut request)?;
                let id = request.finish(*tag)?;
                self.asked.push(*tag);
                self.ours.push((*tag, Some(id), message.clone()));
            }
            Command::Cancel(tag) => {
                let (id, mut message) = self.ours(*tag)?;
                message.options.retain(|(number, _)| *number != OptionNumber::OBSERVE.0);
                message.insert(OptionNumber::OBSERVE.0, vec![1]);
                let mut request = peer.conn.deregister(now, id, wire::Code(message.code), peer.tx)?;
                fill(&message, &mut request)?;
                request.finish()?;
            }
            Command::Forget(tag) => {
                let (id, _) = self.ours(*tag)?;
                let tag = peer.conn.forget(id).ok_or(SendError::Gone)?;
                self.transfers.remove(tag);
                self.seen.push(Seen::Forgotten(tag));
            }
            Command::On(path, behaviour) => self.behaviours.push((path.clone(), behaviour.clone())),
            Command::Answer(path, message) => {
                let at = self.deferred.iter().position(|(of, _)| of == path).ok_or(SendError::Gone)?;
                let (_, ticket) = self.deferred.get(at).ok_or(SendError::Gone)?;
                let mut answer = peer.respond_later(ticket, wire::Code(message.code))?;
                fill(message, &mut answer)?;
                answer.finish()?;
                drop(self.deferred.remove(at));
            }
            Command::Notify(path, message) => self.notify(path, message, peer)?,
            Command::Ping { custody } => peer.conn.ping(now, *custody, peer.tx)?,
            Command::KeepAlive => peer.conn.keep_alive(peer.tx)?,
            Command::Release { hold_off, alternatives } => {
                let alternatives: Vec<_> = alternatives.iter().map(String::as_str).collect();
                peer.conn.release(now, *hold_off, &alternatives, peer.tx)?;
            }
            Command::Abort(text) => peer.conn.abort(text, peer.tx),
            Command::Close => peer.conn.close(),
            Command::Consent(consent) => peer.conn.consent_custody(*consent),
            Command::Lwm2m(command) => panic!("a CoAP application cannot {command:?}"),
        }
        Ok(())
    }

    fn notify<S, T>(
        &mut self,
        path: &str,
        message: &Plain,
        peer: &mut Peer<'_, '_, S, T>,
    ) -> Result<(), SendError>
    where
        S: Slots<Tag = u32>,
        T: Buf + ?Sized,
    {
        let code = wire::Code(message.code);
        let mut message = message.clone();
        if code.is_success() {
            message.insert(OptionNumber::OBSERVE.0, vec![]);
        }
        let all = self.observers.iter().filter(|watcher| watcher.path == path);
        for (observer, cut) in all.map(|watcher| (watcher.observer, watcher.cut)).collect::<Vec<_>>() {
            let terms = peer.conn.terms();
            let mut notification = peer.notify(observer, code)?;
            match cut {
                Some((wanted, cutting)) => {
                    served::cut(&mut notification, &message, &wanted.notification(), &terms, cutting)?;
                }
                None => fill(&message, &mut notification)?,
            }
            notification.finish()?;
            if !code.is_success() {
                self.unobserved(observer);
            }
        }
        Ok(())
    }

    /// For what `Session::handle_timeout` returns.
    pub fn on_expired(&mut self, expired: Expired<u32>) {
        self.seen.push(match expired {
            Expired::Request(id, tag) => {
                self.seen.extend(self.transfers.give_up(id, Seen::Expired(tag)));
                return;
            }
            Expired::CsmAssumed => Seen::Timer("csm-assumed"),
            Expired::KeepAlive => Seen::Timer("keep-alive"),
            Expired::PongMissing => Seen::Timer("pong-missing"),
            Expired::CustodyRefused => Seen::Timer("custody-refused"),
            Expired::CustodyGivenUp => Seen::Timer("custody-given-up"),
            // Noticed by `on_turn`, like every other end.
            Expired::Closed(_) => return,
        });
    }

    /// After every turn: goes on with what waited for room, and notices the end. `true`: something still
    /// waits.
    pub fn on_turn<S, T>(&mut self, now: Instant, peer: &mut Peer<'_, '_, S, T>) -> bool
    where
        S: Slots<Tag = u32>,
        T: Buf + ?Sized,
    {
        self.seen.extend(self.transfers.go_on(now, peer));
        let pending = core::iter::from_fn(|| peer.conn.take_pending().map(|(_, tag)| tag));
        self.lose(&mut { pending });
        if let (Some(why), false) = (peer.conn.closed(), self.closed) {
            self.closed = true;
            self.seen.extend(self.transfers.take_rest().map(Seen::Lost));
            self.seen.push(Seen::Closed(why));
        }
        self.transfers.is_waiting()
    }

    /// What will never be answered.
    pub fn lose(&mut self, pending: &mut dyn Iterator<Item = u32>) {
        self.seen.extend(pending.filter(|&tag| self.transfers.lose(tag)).map(Seen::Lost));
    }

    fn ours(&self, wanted: u32) -> Result<(RequestId, Plain), SendError> {
        let found = self.ours.iter().rev().find(|(tag, ..)| *tag == wanted);
        let (tag, id, message) = found.ok_or(SendError::Gone)?;
        let id = id.or_else(|| self.transfers.name(*tag)).ok_or(SendError::Gone)?;
        Ok((id, message.clone()))
    }

    fn note(&mut self, result: Result<(), SendError>) {
        if let Err(why) = result {
            self.seen.push(Seen::Refused { tag: None, why });
        }
    }
}

impl<M: Memory> App<M> for CoreApp {
    fn event(&mut self, now: Instant, event: Event<'_, u32>, peer: &mut Peer<'_, '_, M::Slots, M::Tx>) {
        self.on_event(now, event, peer);
    }

    fn expired(&mut self, _: Instant, expired: Expired<u32>, _: &mut Peer<'_, '_, M::Slots, M::Tx>) {
        self.on_expired(expired);
    }

    fn turn(&mut self, now: Instant, peer: &mut Peer<'_, '_, M::Slots, M::Tx>) {
        self.on_turn(now, peer);
    }
}

fn respond<S: Slots, T: Buf + ?Sized>(
    to: &Incoming<'_>,
    message: &Plain,
    how: Option<(Wanted, Cutting)>,
    peer: &mut Peer<'_, '_, S, T>,
) -> Result<(), SendError> {
    let terms = peer.conn.terms();
    let mut answer = peer.respond(to, wire::Code(message.code))?;
    match how {
        None => fill(message, &mut answer)?,
        Some((wanted, cutting)) => {
            if cut(&mut answer, message, &wanted, &terms, cutting)? == Written::Beyond {
                answer.restart(Brief::BEYOND.code);
            }
        }
    }
    answer.finish()
}

fn fill<T: Buf + ?Sized>(message: &Plain, writer: &mut wire::Writer<'_, T>) -> Result<(), SendError> {
    for (number, value) in &message.options {
        writer.option(OptionNumber(*number), value)?;
    }
    writer.payload(&message.payload)?;
    Ok(())
}
