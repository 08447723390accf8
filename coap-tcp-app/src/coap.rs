//! The CoAP layer: a [`Service`] for the peer's requests, a [`Handle`] for ours.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Context;

use coap_tcp_core::blockwise::{Brief, Terms, Wanted};
use coap_tcp_core::wire::BlockSize;
use coap_tcp_core::{Closed, Event, Expired, Incoming, Instant, Message, OptionNumber, SendError, Tagged};

use crate::bodies::Bodies;
use crate::commands::{Command, Dirty, PingCell, Shared, Watch};
use crate::draft::{Draft, keep};
use crate::exchange::{Exchange, RequestError, Stage, Tag, Wish};
use crate::handle::Handle;
use crate::layer::{Layer, Lent};
use crate::service::{KNOWN_OPTIONS, Link, Reply, Service};

/// Serves CoAP on one connection, and sends what the handles of other tasks ask for.
#[derive(Debug)]
pub struct Coap<S> {
    service: S,
    link: Link,
    pings: Vec<Arc<PingCell>>,
    bodies: Bodies,
    /// Requests of ours that go on with another block.
    going_on: Vec<Arc<Exchange>>,
    next_tag: u32,
    largest: BlockSize,
}

impl<S: Service> Coap<S> {
    /// For a connection whose requests `service` serves.
    pub const fn new(service: S) -> Self {
        Self {
            service,
            link: Link::new(None),
            pings: Vec::new(),
            bodies: Bodies::new(1024 * 1024),
            going_on: Vec::new(),
            next_tag: 0,
            largest: BlockSize::Bert,
        }
    }

    /// The same, with a handle from the start.
    pub fn with_handle(service: S) -> (Self, Handle) {
        let shared = Shared::new();
        let link = Link::new(Some(shared.clone()));
        (Self { link, ..Self::new(service) }, Handle { shared })
    }

    /// The most bytes of a body that comes in blocks (row 41): of one answer to us, of all requests to us, and
    /// of all answers of ours that the peer has not fetched yet. 1 MiB.
    #[must_use]
    pub const fn body_limit(mut self, bytes: usize) -> Self {
        self.bodies.limit = bytes;
        self
    }

    /// The largest blocks that we send. BERT, where the peer takes it; libcoap 4.3.1 loses what comes so.
    #[must_use]
    pub const fn largest_block(mut self, size: BlockSize) -> Self {
        self.largest = size;
        self
    }

    fn terms(&self, peer: &Lent<'_, '_, Tag>) -> Terms {
        peer.conn.terms().largest(self.largest)
    }

    /// Puts a body together from its blocks, cuts an answer, or hands the request on as it is.
    fn serve(&mut self, now: Instant, request: &Incoming<'_>, peer: &mut Lent<'_, '_, Tag>) {
        let terms = self.terms(peer);
        let Self { service, link, bodies, .. } = self;
        let wanted = match Wanted::of(request, &terms) {
            Ok(wanted) => wanted,
            Err(brief) => {
                let _ = peer.respond(request, brief.code).and_then(|answer| answer.finish());
                return;
            }
        };
        if !wanted.is_plain() {
            bodies.handle_timeout(now);
        }
        if wanted.block1().is_some() {
            match bodies.collect(now, request, &wanted, &terms) {
                Ok(body) => {
                    let whole = request.with_payload(body.body());
                    service.handle(&whole, Reply { request: &whole, peer, link, bodies, wanted, terms, now });
                }
                Err(brief) => Reply { request, peer, link, bodies, wanted, terms, now }.brief(brief),
            }
            return;
        }
        let kept = bodies.kept(&wanted);
        let reply = Reply { request, peer, link, bodies, wanted, terms, now };
        match kept {
            Some(draft) => reply.send(&draft),
            // Made again where that harms nothing.
            None if wanted.continues() && !request.code.can_observe() => reply.brief(Brief::INCOMPLETE),
            None => service.handle(request, reply),
        }
    }

    /// A response, or a notification of which there may be more to fetch.
    fn take(&mut self, exchange: &Arc<Exchange>, response: &Message<'_>, peer: &Lent<'_, '_, Tag>) {
        if exchange.take(response, &self.terms(peer), self.bodies.limit) {
            self.going_on.push(exchange.clone());
        }
    }

    /// Sends the next blocks of requests under way. `true`: the rest waits for room.
    fn go_on(&mut self, now: Instant, peer: &mut Lent<'_, '_, Tag>) -> bool {
        while !self.going_on.is_empty() {
            let exchange = self.going_on.remove(0);
            match self.send_request(&exchange, now, peer) {
                Err(error @ (SendError::Full | SendError::TooMany | SendError::NotReady)) => {
                    self.going_on.insert(0, exchange);
                    return error == SendError::Full;
                }
                Err(error) => match unsent(error, peer) {
                    // Some of it had been sent.
                    RequestError::Closed { why, .. } => exchange.close(why),
                    error => exchange.deliver(Err(error), true),
                },
                Ok(()) => {}
            }
        }
        false
    }

    fn send_request(
        &mut self,
        exchange: &Arc<Exchange>,
        now: Instant,
        peer: &mut Lent<'_, '_, Tag>,
    ) -> Result<(), SendError> {
        if exchange.stage() == Stage::Over {
            return Ok(());
        }
        let terms = self.terms(peer);
        let mut request = peer.request(now, exchange.draft.code())?;
        exchange.write(&mut self.next_tag, &mut request, &terms)?;
        let id = request.finish(Tag(exchange.clone()))?;
        match exchange.set_sent(id) {
            None => {}
            Some(Wish::Forget) => {
                exchange.abandon();
                peer.conn.forget(id);
            }
            Some(Wish::Deregister) => {
                if let Some(shared) = self.link.existing() {
                    let _ = shared.push(Command::Deregister(exchange.clone()));
                }
            }
        }
        Ok(())
    }

    /// Sends what other tasks left: first what makes room or is owed, then requests. `true`: the rest waits
    /// for room in `tx`; what waits for something else is tried again when that comes.
    fn send_commands(&mut self, shared: &Shared, now: Instant, peer: &mut Lent<'_, '_, Tag>) -> bool {
        let abort = shared.lock().abort.take();
        if let Some(diagnostic) = abort {
            peer.conn.abort(&diagnostic, peer.tx);
        }
        while let Some(command) = shared.pop_command() {
            match self.send_command(&command, now, peer) {
                Ok(()) => {}
                Err(error) if is_passing(error) => {
                    shared.lock().queue.push_front(command);
                    if error == SendError::Full {
                        return true;
                    }
                    break;
                }
                Err(error) => refuse(command, unsent(error, peer)),
            }
        }
        while let Some(exchange) = shared.pop_request() {
            match self.send_request(&exchange, now, peer) {
                Ok(()) => {}
                Err(error) if is_passing(error) => {
                    shared.lock().requests.push_front(exchange);
                    return error == SendError::Full;
                }
                Err(error) => exchange.deliver(Err(unsent(error, peer)), true),
            }
        }
        false
    }

    fn send_command(
        &mut self,
        command: &Command,
        now: Instant,
        peer: &mut Lent<'_, '_, Tag>,
    ) -> Result<(), SendError> {
        match command {
            Command::Deregister(exchange) => send_deregister(exchange, now, peer),
            Command::Forget(exchange) => {
                if let Stage::Sent(id) = exchange.abandon() {
                    peer.conn.forget(id);
                }
                Ok(())
            }
            Command::Answer(ticket, draft, wanted) => {
                let terms = self.terms(peer);
                let answer = peer.respond_later(ticket, draft.code())?;
                self.bodies.answer(now, answer, wanted, draft, &terms)
            }
            Command::Ping(cell) => match peer.conn.ping(now, false, peer.tx) {
                Ok(()) | Err(SendError::TooMany) => {
                    self.pings.push(cell.clone());
                    Ok(())
                }
                Err(error) => Err(error),
            },
            Command::Release { hold_off, alternatives } => {
                let alternatives: Vec<&str> = alternatives.iter().map(String::as_str).collect();
                peer.conn.release(now, *hold_off, &alternatives, peer.tx)
            }
        }
    }

    /// Notifies: the newest state of each resource, in the order in which they changed. `true`: the rest
    /// waits for room.
    fn send_notifications(&mut self, now: Instant, shared: &Shared, peer: &mut Lent<'_, '_, Tag>) -> bool {
        loop {
            let next = {
                let dirty = &mut shared.lock().dirty;
                if dirty.is_empty() { None } else { Some(dirty.remove(0)) }
            };
            let Some(mut next) = next else {
                return false;
            };
            let end = next.end.map(Draft::new);
            let state = next.state.take();
            let observer = next.watch.observer;
            let mut send = |draft| self.send_notification(now, &next.watch, draft, peer);
            match state.iter().chain(&end).try_for_each(&mut send) {
                Ok(()) if end.is_none() => {}
                Err(SendError::Full) => {
                    // The state may have gone, and a newer one may have come: no harm in either again.
                    next.state = state;
                    put_back(&mut shared.lock().dirty, next);
                    return true;
                }
                Ok(()) | Err(_) => self.link.end(|watch| watch.observer == observer),
            }
        }
    }

    fn send_notification(
        &mut self,
        now: Instant,
        watch: &Watch,
        draft: &Draft,
        peer: &mut Lent<'_, '_, Tag>,
    ) -> Result<(), SendError> {
        let terms = self.terms(peer);
        let notification = peer.notify(watch.observer, draft.code())?;
        self.bodies.answer(now, notification, &watch.wanted, draft, &terms)
    }
}

fn put_back(dirty: &mut Vec<Dirty>, old: Dirty) {
    match dirty.iter_mut().find(|new| Arc::ptr_eq(&new.watch, &old.watch)) {
        Some(new) => {
            new.state = new.state.take().or(old.state);
            new.end = new.end.or(old.end);
        }
        None => dirty.insert(0, old),
    }
}

fn send_deregister(
    exchange: &Arc<Exchange>,
    now: Instant,
    peer: &mut Lent<'_, '_, Tag>,
) -> Result<(), SendError> {
    let Stage::Sent(id) = exchange.stage() else {
        return Ok(());
    };
    let draft = exchange.draft.with_observe(1);
    let begun = peer.conn.deregister(now, id, draft.code(), peer.tx);
    if matches!(begun, Err(SendError::Gone)) {
        drop(begun);
        // No observation came of it, but an answer in blocks that nobody wants any more.
        exchange.abandon();
        peer.conn.forget(id);
        return Ok(());
    }
    let mut request = begun?;
    draft.write(&mut request)?;
    request.finish()
}

/// A command that will never succeed.
fn refuse(command: Command, error: RequestError) {
    if let Command::Ping(cell) = command {
        cell.deliver(Err(error));
    }
}

/// What the asking side is told: that the connection is over is told with its reason.
fn unsent(error: SendError, peer: &Lent<'_, '_, Tag>) -> RequestError {
    match peer.conn.closed() {
        Some(why) if error == SendError::Closed => RequestError::Closed { why, sent: false },
        _ => RequestError::Send(error),
    }
}

/// The core says these before it changes anything: the same again, later.
const fn is_passing(error: SendError) -> bool {
    matches!(error, SendError::Full | SendError::TooMany | SendError::NotReady)
}

impl<S: Service> Layer for Coap<S> {
    type Tag = Tag;

    fn handle_event(&mut self, now: Instant, event: Event<'_, Tag>, peer: &mut Lent<'_, '_, Tag>) {
        match event {
            Event::Request(request) => {
                if let Some(ended) = request.ended() {
                    self.link.end(|watch| watch.observer == ended);
                }
                match request.refusal(KNOWN_OPTIONS) {
                    Some(refusal) => drop(peer.conn.refuse(&request, refusal, peer.tx)),
                    None => self.serve(now, &request, peer),
                }
            }
            Event::Response { tag: Tagged::Last(Tag(exchange)), message, .. } => {
                self.take(&exchange, &message, peer);
            }
            Event::Response { tag: Tagged::More, id, message } => {
                let Some(Tag(exchange)) = peer.conn.tag(id).cloned() else {
                    return;
                };
                if let Some(Stage::Sent(id)) = exchange.outdated().map(|fetch| fetch.abandon()) {
                    peer.conn.forget(id);
                }
                match message.all(OptionNumber::BLOCK2).next() {
                    None => exchange.deliver(Ok(keep(&message)), false),
                    Some(_) => self.take(&exchange.fetch(), &message, peer),
                }
            }
            Event::Failed { tag: Tag(exchange), why, .. } => {
                exchange.deliver(Err(RequestError::Failed(why)), true)
            }
            Event::Pong { after, .. } => self.pings.drain(..).for_each(|cell| cell.deliver(Ok(after))),
            Event::Ready(_)
            | Event::Unmatched(_)
            | Event::Released { .. }
            | Event::Aborted(_)
            | Event::Settled(_) => {}
        }
    }

    fn handle_expired(&mut self, _: Instant, expired: Expired<Tag>, _: &mut Lent<'_, '_, Tag>) {
        match expired {
            Expired::Request(_, Tag(exchange)) => exchange.deliver(Err(RequestError::Timeout), true),
            Expired::PongMissing => {
                self.pings.drain(..).for_each(|cell| cell.deliver(Err(RequestError::Timeout)));
            }
            _ => {}
        }
    }

    fn handle_turn(&mut self, cx: &mut Context<'_>, now: Instant, peer: &mut Lent<'_, '_, Tag>) -> bool {
        self.bodies.handle_timeout(now);
        let Some(shared) = self.link.existing().cloned() else {
            return false;
        };
        // Before the look, so that nothing left meanwhile is missed.
        shared.register(cx);
        let waits = self.go_on(now, peer) || self.send_commands(&shared, now, peer);
        shared.let_in();
        self.send_notifications(now, &shared, peer) || waits
    }

    fn take_skipped(&mut self) -> u64 {
        self.link.existing().map_or(0, |shared| shared.skipped.swap(0, Ordering::Relaxed))
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.bodies.poll_timeout()
    }

    fn handle_closed(&mut self, _: Instant, why: Closed, pending: &mut dyn Iterator<Item = Tag>) {
        self.going_on.drain(..).for_each(|exchange| exchange.close(why));
        pending.for_each(|Tag(exchange)| exchange.close(why));
        let closed = RequestError::Closed { why, sent: true };
        self.pings.drain(..).for_each(|cell| cell.deliver(Err(closed)));
        self.link.end(|_| true);
        if let Some(shared) = self.link.existing() {
            shared.close(why);
        }
    }
}
