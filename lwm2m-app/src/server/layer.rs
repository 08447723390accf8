//! The server on one connection.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::task::Context;

use coap_tcp_app::draft::keep;
use coap_tcp_app::{Layer, Lent};
use coap_tcp_core::{Closed, Event, Expired, Instant, Message, RequestId, SendError};
use lwm2m_core::Operation;
use lwm2m_core::server::{DownlinkError, Event as RegistryEvent, Op, Registration, RegistrationId};

use super::event::{Answer, AskError, ServerEvent};
use super::link::{Command, Link, Question, Reply};
use super::shared::{ConnectionId, Shared};

/// A [`Server`](crate::Server) on the connection of one device.
pub struct ServerLayer {
    shared: Arc<Shared>,
    id: ConnectionId,
    link: Arc<Link>,
    /// Who waits for what.
    asked: BTreeMap<u64, Waiting>,
}

struct Waiting {
    request: RequestId,
    registration: RegistrationId,
    observes: bool,
    reply: Reply,
}

impl ServerLayer {
    pub(super) fn new(shared: &Arc<Shared>) -> Self {
        let (id, link) = (shared.next(), Arc::new(Link::default()));
        shared.links().insert(id, link.clone());
        Self { shared: shared.clone(), id, link, asked: BTreeMap::new() }
    }

    fn handle_registry_event(&mut self, event: RegistryEvent<'_, ConnectionId>) {
        let event = match event {
            RegistryEvent::Registered { id, .. } => match self.shared.registry().get(id) {
                Some(device) => {
                    let summary = summary(device);
                    ServerEvent::Registered { endpoint: device.endpoint().to_owned(), summary }
                }
                None => return,
            },
            RegistryEvent::Updated { id, .. } => match self.shared.registry().get(id) {
                Some(device) => ServerEvent::Updated { endpoint: device.endpoint().to_owned() },
                None => return,
            },
            RegistryEvent::Deregistered(device) => {
                ServerEvent::Deregistered { endpoint: device.endpoint().to_owned() }
            }
            RegistryEvent::Expired(device) => ServerEvent::Expired { endpoint: device.endpoint().to_owned() },
            RegistryEvent::Refused(code) => ServerEvent::Refused(code),
            RegistryEvent::Answered { op, message } => {
                self.deliver(op, &message);
                self.asked.remove(&op.handle);
                return;
            }
            RegistryEvent::Notified { op, message, .. } => return self.deliver(op, &message),
            RegistryEvent::Failed { op, why } => return self.fail(op.handle, AskError::Failed(why)),
            _ => return,
        };
        self.shared.reports.tell(event);
        self.shared.nudge();
    }

    fn deliver(&self, op: Op, message: &Message<'_>) {
        if let Some(waiting) = self.asked.get(&op.handle) {
            waiting.reply.deliver(Ok(Answer { op, message: keep(message) }));
        }
    }

    fn fail(&mut self, handle: u64, why: AskError) {
        if let Some(waiting) = self.asked.remove(&handle) {
            waiting.reply.deliver(Err(why));
        }
    }

    /// An error gives back what is to be tried again, later.
    fn handle_command(
        &mut self,
        now: Instant,
        command: Command,
        peer: &mut Lent<'_, '_, Op>,
    ) -> Result<(), (SendError, Command)> {
        match command {
            Command::Leave(registration) => self.leave(registration, peer),
            Command::Release => match peer.conn.release(now, None, &[], peer.tx) {
                // It is on its way already, and what is owed is still to be answered.
                Ok(()) | Err(SendError::Releasing) => {}
                Err(SendError::Full) => return Err((SendError::Full, command)),
                Err(_) => peer.conn.close(),
            },
            Command::Cancel { registration, handle } => {
                match self.shared.registry().cancel(now, registration, handle, peer) {
                    Ok(()) => {}
                    Err(DownlinkError::Send(error)) if is_passing(error) => return Err((error, command)),
                    // It has ended by itself meanwhile, or is nothing that the wire could be told of.
                    Err(_) => drop(self.asked.remove(&handle)),
                }
            }
            Command::Ask(question, reply) => match self.ask(now, &question, peer) {
                Ok(request) => {
                    let Question { registration, operation, handle, .. } = question;
                    let observes = operation == Operation::Observe;
                    self.asked.insert(handle, Waiting { request, registration, observes, reply });
                }
                Err(AskError::Downlink(DownlinkError::Send(error))) if is_passing(error) => {
                    return Err((error, Command::Ask(question, reply)));
                }
                Err(error) => reply.deliver(Err(error)),
            },
        }
        Ok(())
    }

    fn ask(
        &self,
        now: Instant,
        question: &Question,
        peer: &mut Lent<'_, '_, Op>,
    ) -> Result<RequestId, AskError> {
        let Question { registration, operation, path, accept, handle } = *question;
        let mut registry = self.shared.registry();
        // It may have moved while the question waited.
        if registry.get(registration).is_some_and(|device| device.connection() != Some(self.id)) {
            return Err(AskError::NotConnected);
        }
        let asked = match operation {
            Operation::Observe => registry.observe(now, registration, path, accept, handle, peer),
            _ => registry.read(now, registration, path, accept, handle, peer),
        };
        asked.map_err(AskError::Downlink)
    }

    /// The observations of a registration that has ended or moved: nothing will come of them here.
    fn leave(&mut self, registration: RegistrationId, peer: &mut Lent<'_, '_, Op>) {
        let over = |(handle, waiting): (&u64, &Waiting)| {
            (waiting.observes && waiting.registration == registration).then_some((*handle, waiting.request))
        };
        let over: Vec<_> = self.asked.iter().filter_map(over).collect();
        for (handle, request) in over {
            peer.conn.forget(request);
            self.fail(handle, AskError::Unregistered);
        }
    }

    fn end(&mut self, why: Closed) {
        if !self.link.close(why) {
            return;
        }
        for waiting in core::mem::take(&mut self.asked).into_values() {
            waiting.reply.deliver(Err(AskError::Closed(why)));
        }
        self.shared.links().remove(&self.id);
        self.shared.registry().handle_closed(self.id);
        self.shared.reports.tell(ServerEvent::Disconnected(why));
    }
}

/// The core says these before it changes anything. What meets a closed connection waits for its end, which
/// says why.
const fn is_passing(error: SendError) -> bool {
    matches!(error, SendError::Full | SendError::NotReady | SendError::TooMany | SendError::Closed)
}

fn summary(device: &Registration<ConnectionId>) -> String {
    use core::fmt::Write as _;
    let mut text = format!("id={} lt={} lwm2m={}", device.id(), device.lifetime(), device.version());
    if let Some(binding) = device.binding() {
        let _ = write!(text, " b={binding}");
    }
    if device.queue() {
        text.push_str(" Q");
    }
    let objects: Vec<String> = device.objects().iter().map(|listed| listed.path.to_string()).collect();
    let _ = write!(text, " objects={}", objects.join(","));
    text
}

impl Layer for ServerLayer {
    type Tag = Op;

    fn handle_connected(&mut self, now: Instant, _: &mut Lent<'_, '_, Op>) {
        self.shared.registry().handle_connected(now, self.id, None);
        self.shared.nudge();
    }

    fn handle_event(&mut self, now: Instant, event: Event<'_, Op>, peer: &mut Lent<'_, '_, Op>) {
        let event = {
            let mut registry = self.shared.registry();
            let event = registry.handle_event(now, self.id, event, peer);
            self.shared.settle(&event, self.id);
            event
        };
        self.handle_registry_event(event);
    }

    fn handle_expired(&mut self, _: Instant, expired: Expired<Op>, _: &mut Lent<'_, '_, Op>) {
        if let Expired::Request(id, op) = expired {
            self.shared.registry().handle_unanswered(id, &op);
            self.fail(op.handle, AskError::Timeout);
            self.shared.nudge();
            // There is a place for a question that waits.
            self.link.wake();
        }
    }

    fn handle_turn(&mut self, cx: &mut Context<'_>, now: Instant, peer: &mut Lent<'_, '_, Op>) -> bool {
        self.link.listen(cx.waker());
        while let Some(command) = self.link.pop() {
            if let Err((error, command)) = self.handle_command(now, command, peer) {
                self.link.put_back(command);
                return error == SendError::Full;
            }
        }
        false
    }

    fn handle_closed(&mut self, _: Instant, why: Closed, pending: &mut dyn Iterator<Item = Op>) {
        pending.for_each(drop);
        self.end(why);
    }
}

/// Its connection may never have begun.
impl Drop for ServerLayer {
    fn drop(&mut self) {
        self.end(Closed::Local);
    }
}

impl fmt::Debug for ServerLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerLayer").field("id", &self.id).finish_non_exhaustive()
    }
}
