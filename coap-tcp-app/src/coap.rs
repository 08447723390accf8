//! The CoAP layer: a [`Service`] for the peer's requests, a [`Handle`](crate::Handle) for ours.

use std::sync::Arc;
use std::task::Context;

use coap_tcp_core::{Closed, Code, Event, Expired, Instant, Observer, SendError, Tagged};

use crate::draft::{Draft, keep};
use crate::exchange::{Exchange, RequestError, Stage, Tag};
use crate::handle::{Command, Dirty, Handle, PingCell, Shared};
use crate::layer::{Layer, Lent};
use crate::service::{KNOWN_OPTIONS, Link, Reply, Service};

/// Serves CoAP on one connection, and sends what the handles of other tasks ask for.
#[derive(Debug)]
pub struct Coap<S> {
    service: S,
    link: Link,
    pings: Vec<Arc<PingCell>>,
}

impl<S: Service> Coap<S> {
    /// For a connection whose requests `service` serves.
    pub const fn new(service: S) -> Self {
        Self { service, link: Link::new(None), pings: Vec::new() }
    }

    /// The same, with a handle from the start.
    pub fn with_handle(service: S) -> (Self, Handle) {
        let shared = Shared::new();
        let link = Link::new(Some(shared.clone()));
        (Self { service, link, pings: Vec::new() }, Handle { shared })
    }

    /// Sends what other tasks left, in their order. `true`: the rest waits for room.
    fn send_commands(&mut self, shared: &Shared, now: Instant, peer: &mut Lent<'_, '_, Tag>) -> bool {
        loop {
            let Some(command) = shared.pop() else {
                return false;
            };
            match self.send_command(&command, now, peer) {
                // The core says these before it changes anything: the same again, later.
                Err(error @ (SendError::Full | SendError::TooMany | SendError::NotReady)) => {
                    shared.put_back(command);
                    return error == SendError::Full;
                }
                Err(error) => refuse(command, error),
                Ok(()) => {}
            }
        }
    }

    fn send_command(
        &mut self,
        command: &Command,
        now: Instant,
        peer: &mut Lent<'_, '_, Tag>,
    ) -> Result<(), SendError> {
        match command {
            Command::Request(exchange) => send_request(exchange, now, peer),
            Command::Deregister(exchange) => send_deregister(exchange, now, peer),
            Command::Forget(exchange) => {
                if let Stage::Sent(id) = exchange.abandon() {
                    peer.conn.forget(id);
                }
                Ok(())
            }
            Command::Answer(ticket, draft) => {
                let mut answer = peer.respond_later(ticket, draft.code())?;
                draft.write(&mut answer)?;
                match answer.finish() {
                    Err(SendError::TooLarge { .. }) => {
                        peer.respond_later(ticket, Code::INTERNAL_SERVER_ERROR)?.finish()
                    }
                    sent => sent,
                }
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
            Command::Abort(diagnostic) => {
                peer.conn.abort(diagnostic, peer.tx);
                Ok(())
            }
        }
    }

    /// Notifies: the newest state of each resource, in the order in which they changed. `true`: the rest
    /// waits for room.
    fn send_notifications(&mut self, shared: &Shared, peer: &mut Lent<'_, '_, Tag>) -> bool {
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
            match state.iter().chain(&end).try_for_each(|draft| send_notification(observer, draft, peer)) {
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
}

fn send_notification(
    observer: Observer,
    draft: &Draft,
    peer: &mut Lent<'_, '_, Tag>,
) -> Result<(), SendError> {
    let mut notification = peer.notify(observer, draft.code())?;
    draft.write(&mut notification)?;
    match notification.finish() {
        // Not this state, so none: the observer must not believe an old one (O-4.2-1).
        Err(error @ SendError::TooLarge { .. }) => {
            peer.notify(observer, Code::INTERNAL_SERVER_ERROR)?.finish()?;
            Err(error)
        }
        sent => sent,
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

fn send_request(
    exchange: &Arc<Exchange>,
    now: Instant,
    peer: &mut Lent<'_, '_, Tag>,
) -> Result<(), SendError> {
    if exchange.stage() == Stage::Over {
        return Ok(());
    }
    let mut request = peer.request(now, exchange.draft.code())?;
    exchange.draft.write(&mut request)?;
    let id = request.finish(Tag(exchange.clone()))?;
    exchange.set_sent(id);
    Ok(())
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
    let mut request = peer.conn.deregister(now, id, draft.code(), peer.tx)?;
    draft.write(&mut request)?;
    request.finish()
}

/// A command that will never succeed.
fn refuse(command: Command, error: SendError) {
    match command {
        Command::Request(exchange) => exchange.deliver(Err(RequestError::Send(error)), true),
        Command::Ping(cell) => cell.deliver(Err(Closed::Local)),
        _ => {}
    }
}

impl<S: Service> Layer for Coap<S> {
    type Tag = Tag;

    fn handle_event(&mut self, _: Instant, event: Event<'_, Tag>, peer: &mut Lent<'_, '_, Tag>) {
        match event {
            Event::Request(request) => {
                if let Some(ended) = request.ended() {
                    self.link.end(|watch| watch.observer == ended);
                }
                let reply = Reply { request: &request, peer, link: &mut self.link };
                match request.refusal(KNOWN_OPTIONS) {
                    Some(refusal) => reply.refuse(refusal),
                    None => self.service.handle(&request, reply),
                }
            }
            Event::Response { tag: Tagged::Last(Tag(exchange)), message, .. } => {
                exchange.deliver(Ok(keep(&message)), true);
            }
            Event::Response { tag: Tagged::More, id, message } => {
                if let Some(Tag(exchange)) = peer.conn.tag(id) {
                    exchange.deliver(Ok(keep(&message)), false);
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
        if let Expired::Request(_, Tag(exchange)) = expired {
            exchange.deliver(Err(RequestError::Timeout), true);
        }
    }

    fn handle_turn(&mut self, cx: &mut Context<'_>, now: Instant, peer: &mut Lent<'_, '_, Tag>) -> bool {
        let Some(shared) = self.link.existing().cloned() else {
            return false;
        };
        // Before the look, so that nothing left meanwhile is missed.
        shared.register(cx);
        let commands_wait = self.send_commands(&shared, now, peer);
        shared.let_in();
        self.send_notifications(&shared, peer) || commands_wait
    }

    fn handle_closed(&mut self, _: Instant, why: Closed, pending: &mut dyn Iterator<Item = Tag>) {
        pending.for_each(|Tag(exchange)| exchange.close(why));
        self.pings.drain(..).for_each(|cell| cell.deliver(Err(why)));
        self.link.end(|_| true);
        if let Some(shared) = self.link.existing() {
            shared.close(why);
        }
    }
}
