//! The CoAP layer: a [`Service`] for the peer's requests, a [`Handle`] for ours.

mod ask;
mod notify;
mod serve;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Context;

use coap_tcp_core::blockwise::Terms;
use coap_tcp_core::echo::Echoes;
use coap_tcp_core::wire::BlockSize;
use coap_tcp_core::{Closed, Event, Expired, Instant, OptionNumber, SendError, Tagged};
use thin_vec::ThinVec;

use crate::bodies::Bodies;
use crate::commands::{Begun, Command, PingCell, Shared};
use crate::draft::keep;
use crate::exchange::{Exchange, RequestError, Stage, Tag};
use crate::flows::Flows;
use crate::handle::Handle;
use crate::layer::{Layer, Lent};
use crate::parting::{Parting, Released, text};
use crate::service::{KNOWN_OPTIONS, Link, Service};

/// Serves CoAP on one connection, and sends what the handles of other tasks ask for.
// Lists that are empty while the connection is idle are a pointer each.
#[derive(Debug)]
pub struct Coap<S> {
    service: S,
    link: Link,
    pings: ThinVec<Arc<PingCell>>,
    bodies: Bodies,
    flows: Flows,
    /// Requests of ours that go on with another block.
    going_on: ThinVec<Arc<Exchange>>,
    next_tag: u32,
    echoes: Echoes,
    largest: BlockSize,
}

impl<S: Service> Coap<S> {
    /// For a connection whose requests `service` serves.
    pub const fn new(service: S) -> Self {
        Self {
            service,
            link: Link::new(None),
            pings: ThinVec::new(),
            bodies: Bodies::new(1024 * 1024),
            flows: Flows::new(),
            going_on: ThinVec::new(),
            next_tag: 0,
            echoes: Echoes::new(),
            largest: BlockSize::Bert,
        }
    }

    /// The same, with a handle from the start.
    pub fn with_handle(service: S) -> (Self, Handle) {
        let shared = Shared::new();
        let mut layer = Self::new(service);
        layer.link = Link::new(Some(shared.clone()));
        (layer, Handle { shared })
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
                Err(error) => refuse(command, RequestError::unsent(error, peer.conn.closed())),
            }
        }
        let terms = self.terms(peer);
        while let Some(exchange) = shared.pop_request() {
            if !exchange.is_ready(&terms) {
                self.going_on.push(exchange);
                continue;
            }
            match self.send_request(&exchange, now, peer) {
                Ok(()) => {}
                Err(error) if is_passing(error) => {
                    shared.lock().requests.push_front(exchange);
                    return error == SendError::Full;
                }
                Err(error) => exchange.deliver(Err(RequestError::unsent(error, peer.conn.closed())), true),
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
            Command::Deregister(exchange) => Self::send_deregister(exchange, now, peer),
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
                let alternatives = alternatives.iter().map(String::as_str).collect();
                release(*hold_off, alternatives, now, peer)
            }
        }
    }

    /// Without a handle nobody can ask for it, and no handle comes any more.
    fn note_parting(&self, note: impl FnOnce(&mut Parting)) {
        if let Some(shared) = self.link.existing() {
            note(shared.lock().parting.get_or_insert_default());
        }
    }
}

/// Ends the connection with as much of this as the peer takes.
fn release(
    hold_off: Option<u32>,
    mut alternatives: Vec<&str>,
    now: Instant,
    peer: &mut Lent<'_, '_, Tag>,
) -> Result<(), SendError> {
    loop {
        match peer.conn.release(now, hold_off, &alternatives, peer.tx) {
            Ok(()) | Err(SendError::Releasing | SendError::Closed) => return Ok(()),
            Err(error) if is_passing(error) => return Err(error),
            Err(_) if alternatives.pop().is_some() => {}
            Err(_) => {
                peer.conn.close();
                return Ok(());
            }
        }
    }
}

/// A command that will never succeed.
fn refuse(command: Command, error: RequestError) {
    if let Command::Ping(cell) = command {
        cell.deliver(Err(error));
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
                    None => {
                        // No challenge: it has been registered.
                        let _ = self.echoes.handle_response(&message, true);
                        exchange.deliver(Ok(keep(&message)), false);
                    }
                    Some(_) => self.take(&exchange.fetch(), &message, peer),
                }
            }
            Event::Failed { tag: Tag(exchange), why, .. } => {
                exchange.deliver(Err(RequestError::Failed(why)), true)
            }
            Event::Pong { after, .. } => self.pings.drain(..).for_each(|cell| cell.deliver(Ok(after))),
            Event::Released { hold_off, message } => {
                let released = Released::new(now, hold_off, &message);
                self.note_parting(|parting| parting.released = Some(released));
            }
            Event::Aborted(message) => self.note_parting(|parting| parting.aborted = Some(text(&message))),
            Event::Ready(_) | Event::Unmatched(_) | Event::Settled(_) => {}
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
        self.flows.handle_timeout(now);
        let Some(shared) = self.link.existing().cloned() else {
            return false;
        };
        // Before the look, so that nothing left meanwhile is missed.
        shared.bell().register(cx);
        let waits = self.go_on(now, peer) || self.send_commands(&shared, now, peer);
        let terms = self.terms(peer);
        let begun = core::mem::take(&mut shared.lock().begun);
        for Begun { owed, head, body } in begun {
            self.flows.send(now, owed, head, body);
        }
        let waits = self.flows.flow(now, &mut self.bodies, &terms, peer) || waits;
        shared.let_in();
        self.send_notifications(now, &shared, peer) || waits
    }

    fn take_skipped(&mut self) -> u64 {
        self.link.existing().map_or(0, |shared| shared.skipped.swap(0, Ordering::Relaxed))
    }

    fn poll_timeout(&self) -> Option<Instant> {
        [self.bodies.poll_timeout(), self.flows.poll_timeout()].into_iter().flatten().min()
    }

    fn handle_closed(&mut self, _: Instant, why: Closed, pending: &mut dyn Iterator<Item = Tag>) {
        pending.for_each(|Tag(exchange)| exchange.close(why));
        self.end(why);
    }
}

impl<S> Coap<S> {
    /// Tells all who wait for something. Again, it finds nobody.
    fn end(&mut self, why: Closed) {
        self.flows.close(why);
        self.going_on.drain(..).for_each(|exchange| exchange.close(why));
        let closed = RequestError::Closed { why, sent: true };
        self.pings.drain(..).for_each(|cell| cell.deliver(Err(closed)));
        self.link.end(|_| true);
        if let Some(shared) = self.link.existing() {
            shared.close(why);
        }
    }
}

/// Dropped before its connection began, it has ended all the same: whoever waits for an answer is told so.
impl<S> Drop for Coap<S> {
    fn drop(&mut self) {
        self.end(Closed::Local);
    }
}
