//! What a CoAP server does with requests.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use coap_tcp_core::blockwise::{Brief, Terms, Wanted};
use coap_tcp_core::link::{self, Resource};
use coap_tcp_core::wire::Writer;
use coap_tcp_core::{Code, Incoming, Instant, OptionNumber, Refusal, SendError};
use thin_vec::ThinVec;

use crate::bodies::{Answering, Bodies};
use crate::commands::{Shared, Watch};
use crate::draft::Draft;
use crate::exchange::Tag;
use crate::flows::{Flows, Step};
use crate::handle::{Deferred, Handle, Notifier};
use crate::inlet::Inlet;
use crate::layer::Lent;
use crate::outlet::Outlet;
use crate::pool::Pooled;
use crate::streamed::{Receiving, Sending};

/// application/link-format
const LINK_FORMAT: u16 = 40;

/// Critical options that a [`Service`] is taken to understand, or that are seen to for it; others are answered 4.02 (C-5.4.1-2).
pub const KNOWN_OPTIONS: &[OptionNumber] = &[
    OptionNumber::IF_MATCH,
    OptionNumber::URI_HOST,
    OptionNumber::IF_NONE_MATCH,
    OptionNumber::URI_PORT,
    OptionNumber::URI_PATH,
    OptionNumber::URI_QUERY,
    OptionNumber::ACCEPT,
    OptionNumber::BLOCK2,
    OptionNumber::BLOCK1,
];

/// Serves the requests of one connection. Bodies that come in blocks have been put together, and answers that
/// are too large are cut; a GET may be asked again for each block of its answer. It is called on the connection's task, so it may not block: what
/// takes time is [deferred](Reply::defer) to another task.
pub trait Service: Send + 'static {
    /// Serves a request that has passed the checks of [`Incoming::refusal`]. What is neither answered nor
    /// deferred is answered 5.01.
    fn handle(&mut self, request: &Incoming<'_>, reply: Reply<'_, '_, '_>);

    /// Whether the body of a request is wanted as it comes, instead of gathered up to a limit: asked when its first
    /// block is here, which [`Service::handle`] then gets with this request. See [`Reply::receive`].
    fn streams(&mut self, _request: &Incoming<'_>) -> bool {
        false
    }
}

impl<F> Service for F
where
    F: FnMut(&Incoming<'_>, Reply<'_, '_, '_>) + Send + 'static,
{
    fn handle(&mut self, request: &Incoming<'_>, reply: Reply<'_, '_, '_>) {
        self(request, reply);
    }
}

/// A service that wants all bodies as they come.
#[derive(Clone, Copy, Debug, Default)]
pub struct Streaming<S>(pub S);

impl<S: Service> Service for Streaming<S> {
    fn handle(&mut self, request: &Incoming<'_>, reply: Reply<'_, '_, '_>) {
        self.0.handle(request, reply);
    }

    fn streams(&mut self, _: &Incoming<'_>) -> bool {
        true
    }
}

/// No service at all: every request is answered 5.01 (T-3.3-11).
#[derive(Clone, Copy, Debug, Default)]
pub struct NoService;

impl Service for NoService {
    fn handle(&mut self, _: &Incoming<'_>, _: Reply<'_, '_, '_>) {}
}

/// The ways to answer one request.
#[derive(Debug)]
pub struct Reply<'r, 'a, 'c> {
    pub(crate) request: &'r Incoming<'r>,
    pub(crate) peer: &'r mut Lent<'a, 'c, Tag>,
    pub(crate) link: &'r mut Link,
    pub(crate) bodies: &'r mut Bodies,
    pub(crate) flows: &'r mut Flows,
    pub(crate) wanted: Wanted,
    pub(crate) terms: Terms,
    pub(crate) now: Instant,
    /// The request is the first block of a body that is wanted as it comes.
    pub(crate) step: Option<Step>,
}

/// The answer under way: options in the order of their numbers, then the payload, then `finish`. Dropped
/// before, it is as if never begun.
#[derive(Debug)]
#[must_use = "nothing is sent before `finish`"]
pub struct Responding<'x, 'c> {
    answer: Answering<'x, 'c>,
    bodies: &'x mut Bodies,
    wanted: Wanted,
    terms: Terms,
    now: Instant,
}

impl Responding<'_, '_> {
    /// Sends it, or its first block where it is too large for the peer or for what it asked.
    pub fn finish(self) -> Result<(), SendError> {
        let Self { mut answer, bodies, wanted, terms, now } = self;
        if wanted.is_plain() && terms.takes(answer.size()) {
            return answer.finish();
        }
        let draft = Draft::of(answer.code(), &answer);
        answer.restart(draft.code());
        bodies.answer(now, answer, &wanted, &draft, &terms)
    }
}

impl<'x> Deref for Responding<'x, '_> {
    type Target = Writer<'x, Pooled>;

    fn deref(&self) -> &Self::Target {
        &self.answer
    }
}

impl DerefMut for Responding<'_, '_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.answer
    }
}

impl<'r, 'a, 'c> Reply<'r, 'a, 'c> {
    /// The same for the request with its whole body.
    pub(crate) fn to<'w>(self, whole: &'w Incoming<'w>) -> Reply<'w, 'a, 'c>
    where
        'r: 'w,
    {
        Reply { request: whole, ..self }
    }

    /// Begins an answer, written straight to where it leaves from. It allocates nothing, unless it has to be
    /// cut.
    pub fn respond(&mut self, code: Code) -> Result<Responding<'_, 'c>, SendError> {
        let Self { bodies, wanted, terms, now, .. } = self;
        let answer = self.peer.respond(self.request, code)?;
        Ok(Responding { answer, bodies, wanted: *wanted, terms: *terms, now: *now })
    }

    /// Answers how a transfer stands.
    pub(crate) fn brief(self, brief: Brief) {
        let answer = self.peer.respond(self.request, brief.code);
        let _ = answer.and_then(|mut answer| {
            brief.write(&mut answer)?;
            answer.finish()
        });
    }

    /// Answers with a code alone. What cannot be sent becomes 5.00, here and below, when the event is over.
    pub fn code(mut self, code: Code) {
        let _ = self.respond(code).and_then(Responding::finish);
    }

    /// Answers with a payload.
    pub fn content(mut self, code: Code, format: u16, payload: &[u8]) {
        let _ = self.respond(code).and_then(|mut answer| {
            answer.uint(OptionNumber::CONTENT_FORMAT, format.into())?.payload(payload)?;
            answer.finish()
        });
    }

    /// Answers 4.01 with an Echo value of 1 to 40 bytes: the client is to send the request once more, with this value,
    /// which [`Message::echo`](coap_tcp_core::Message::echo) then has (E-2.3-1). How a value proves to be fresh is the
    /// service's secret.
    pub fn challenge(mut self, echo: &[u8]) {
        let _ = self.respond(Code::UNAUTHORIZED).and_then(|mut answer| {
            answer.option(OptionNumber::ECHO, echo)?;
            answer.finish()
        });
    }

    /// Answers 4.29: this client asks too much, and should not ask so again before `wait` is over (C-8516-1).
    pub fn too_many(self, wait: Duration) {
        self.later(Code::TOO_MANY_REQUESTS, wait);
    }

    /// Answers 5.03: no client should ask so again before `wait` is over (C-8516-1).
    pub fn unavailable(self, wait: Duration) {
        self.later(Code::SERVICE_UNAVAILABLE, wait);
    }

    fn later(mut self, code: Code, wait: Duration) {
        let seconds = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0));
        let seconds = u32::try_from(seconds).unwrap_or(u32::MAX);
        let _ = self.respond(code).and_then(|mut answer| {
            answer.uint(OptionNumber::MAX_AGE, seconds)?;
            answer.finish()
        });
    }

    /// Answers GET `/.well-known/core` with the resources that its query asks for, as link format (C-6690-1,
    /// C-6690-4); 4.06 where another format is wanted (row 36).
    ///
    /// ```
    /// use coap_tcp_app::Reply;
    /// use coap_tcp_app::core::link::Resource;
    /// use coap_tcp_app::core::{Code, Incoming};
    ///
    /// static RESOURCES: [Resource<'_>; 1] = [Resource { obs: true, ..Resource::new("/temperature") }];
    ///
    /// fn serve(request: &Incoming<'_>, reply: Reply<'_, '_, '_>) {
    ///     match request.code {
    ///         Code::GET if request.path_is(&[".well-known", "core"]) => reply.links(&RESOURCES),
    ///         _ => reply.code(Code::NOT_FOUND),
    ///     }
    /// }
    /// ```
    pub fn links<'l>(self, resources: impl IntoIterator<Item = &'l Resource<'l>>) {
        if self.request.uint(OptionNumber::ACCEPT).is_some_and(|format| format != LINK_FORMAT.into()) {
            return self.code(Code::NOT_ACCEPTABLE);
        }
        let mut queries = self.request.query();
        let query = queries.next().filter(|_| queries.next().is_none());
        let mut text = String::new();
        match link::write(resources, query, &mut text) {
            Ok(()) => self.content(Code::CONTENT, LINK_FORMAT, text.as_bytes()),
            Err(_) => self.code(Code::INTERNAL_SERVER_ERROR),
        }
    }

    /// Answers with something written before.
    pub fn send(mut self, draft: &Draft) {
        let _ = self.write(draft);
    }

    fn write(&mut self, draft: &Draft) -> Result<(), SendError> {
        let answer = self.peer.respond(self.request, draft.code())?;
        self.bodies.answer(self.now, answer, &self.wanted, draft, &self.terms)
    }

    /// Answers as [`Incoming::refusal`] says.
    pub fn refuse(self, refusal: Refusal) {
        let _ = self.peer.conn.refuse(self.request, refusal, self.peer.tx);
    }

    /// Answers later, from any task. Where too many wait already, it is answered 5.03 (D-E-3, X-2.2-2).
    pub fn defer(self) -> Option<Deferred> {
        match self.peer.conn.defer(self.request) {
            Ok(ticket) => Some(Deferred::new(self.link.shared(), ticket, self.wanted)),
            Err(_) => {
                self.code(Code::SERVICE_UNAVAILABLE);
                None
            }
        }
    }

    /// Takes the body of the request as it comes, in another task: this part of it first, the rest with
    /// back-pressure, so that no more of it is kept than one message carries. Where [`Service::streams`] has not asked
    /// for that, the body is here already, as one part. Where too many wait already, it is answered 5.03.
    ///
    /// ```
    /// use coap_tcp_app::core::{Code, Incoming};
    /// use coap_tcp_app::{Draft, Reply};
    ///
    /// // Of `Streaming(serve)`, which is the service.
    /// fn serve(_: &Incoming<'_>, reply: Reply<'_, '_, '_>) {
    ///     let Some(mut body) = reply.receive() else { return };
    ///     let task = async move {
    ///         let mut bytes = 0;
    ///         while let Some(Ok(part)) = body.chunk().await {
    ///             bytes += part.len(); // written to a file, say
    ///         }
    ///         let _ = body.respond(Draft::new(Code::CHANGED).payload(format!("{bytes} bytes")));
    ///     };
    ///     # drop(task);
    ///     // spawned on the runtime that there is
    /// }
    /// ```
    pub fn receive(self) -> Option<Receiving> {
        let place = self.flows.make_place();
        let Some(ticket) = place.then(|| self.peer.conn.defer(self.request).ok()).flatten() else {
            self.code(Code::SERVICE_UNAVAILABLE);
            return None;
        };
        let body = Inlet::new(self.link.shared().bell().clone());
        let owed = (ticket, self.wanted);
        self.flows.receive(self.now, self.request, owed, self.step, body.clone());
        Some(Receiving::new(body))
    }

    /// Answers with a body that is made while it is sent, by another task, which waits while the peer takes what it
    /// has: no more of it is kept than one message carries. `head` has code and options; an ETag is added where it has
    /// none. `length` is a hint for the peer (B-4-1). Where too many wait already, it is answered 5.03.
    ///
    /// ```
    /// use coap_tcp_app::core::{Code, Incoming};
    /// use coap_tcp_app::{Draft, Reply};
    ///
    /// fn serve(_: &Incoming<'_>, reply: Reply<'_, '_, '_>) {
    ///     let Some(mut body) = reply.stream(Draft::new(Code::CONTENT), None) else { return };
    ///     let task = async move {
    ///         for n in 0..1_000_000 {
    ///             let line = format!("line {n}\n");
    ///             let mut rest = line.as_bytes();
    ///             while !rest.is_empty() {
    ///                 match body.write(rest).await {
    ///                     0 => return, // nobody wants more
    ///                     taken => rest = &rest[taken..],
    ///                 }
    ///             }
    ///         }
    ///         body.finish();
    ///     };
    ///     # drop(task);
    ///     // spawned on the runtime that there is
    /// }
    /// ```
    pub fn stream(self, head: Draft, length: Option<u64>) -> Option<Sending> {
        let Ok(ticket) = self.peer.conn.defer(self.request) else {
            self.code(Code::SERVICE_UNAVAILABLE);
            return None;
        };
        let body = Outlet::new(self.link.shared().bell().clone(), length, self.wanted.offset());
        self.flows.send(self.now, (ticket, self.wanted), head, body.clone());
        Some(Sending::new(body))
    }

    /// Registers the peer as an observer and answers with the state of now; later ones go through the
    /// [`Notifier`], from any task. Where the request did not ask for it, or too many are registered, it is
    /// answered all the same, as a plain request (O-3.1-1).
    pub fn observe(mut self, now: &Draft) -> Option<Notifier> {
        let wanted = self.request.wants_observe();
        let Some(Ok(observer)) = wanted.then(|| self.peer.conn.observe(self.request)) else {
            self.send(now);
            return None;
        };
        if self.write(&now.with_observe(0)).is_err() || !now.code().is_success() {
            self.peer.conn.unobserve(observer);
            return None;
        }
        Some(self.link.watch(Watch::new(observer, &self.wanted)))
    }

    /// The connection that the request came on: requests of our own go out on it too (T-3.3-10).
    pub fn connection(&mut self) -> Handle {
        Handle { shared: self.link.shared() }
    }
}

/// A connection's side of what other tasks hold. Made when the first of them asks for it.
#[derive(Debug, Default)]
pub(crate) struct Link {
    shared: Option<Arc<Shared>>,
    watches: ThinVec<Arc<Watch>>,
}

impl Link {
    pub(crate) const fn new(shared: Option<Arc<Shared>>) -> Self {
        Self { shared, watches: ThinVec::new() }
    }

    pub(crate) const fn existing(&self) -> Option<&Arc<Shared>> {
        self.shared.as_ref()
    }

    fn shared(&mut self) -> Arc<Shared> {
        self.shared.get_or_insert_with(Shared::new).clone()
    }

    fn watch(&mut self, watch: Arc<Watch>) -> Notifier {
        self.watches.push(watch.clone());
        Notifier::new(self.shared(), watch)
    }

    /// An observation has ended.
    pub(crate) fn end(&mut self, ended: impl Fn(&Watch) -> bool) {
        let Some(shared) = &self.shared else {
            return;
        };
        self.watches.retain(|watch| {
            let over = ended(watch);
            if over {
                watch.over.store(true, Ordering::Release);
                shared.lock().dirty.retain(|dirty| !Arc::ptr_eq(&dirty.watch, watch));
            }
            !over
        });
    }
}
