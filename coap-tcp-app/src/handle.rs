//! A connection as other tasks see it.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use coap_tcp_core::blockwise::Wanted;
use coap_tcp_core::{Closed, Code, OptionNumber, Ticket};
use futures_core::Stream;

use crate::asking::Asking;
use crate::commands::{Begun, Command, Dirty, PingCell, Place, Shared, Watch};
use crate::draft::{Draft, Received};
use crate::exchange::{Exchange, RequestError};
use crate::outlet::Outlet;
use crate::parting::Released;
use crate::streamed::{Download, Sending, Upload};

/// Speaks on one connection from any task. Clones speak on the same connection, which goes on when all are
/// dropped; [`Handle::release`] ends it.
#[derive(Clone, Debug)]
pub struct Handle {
    pub(crate) shared: Arc<Shared>,
}

impl Handle {
    /// Sends a request and waits for its answer, for as long as the configuration's `request_timeout` says.
    ///
    /// Dropping the future is safe at any time: the request is taken back if it has not been sent, else its
    /// answer is ignored.
    pub async fn request(&self, draft: Draft) -> Result<Received, RequestError> {
        self.ask(Exchange::new(draft)).await?.answer().await
    }

    /// Sends a request whose answer's body is wanted as it comes, whatever its size: no more of it is kept than one
    /// message carries, and the next block is asked for when the last one has been taken. Ready with the first.
    ///
    /// ```
    /// # async fn example(handle: coap_tcp_app::Handle) -> Result<(), coap_tcp_app::RequestError> {
    /// use coap_tcp_app::Draft;
    ///
    /// let mut firmware = handle.download(Draft::get("/firmware")).await?;
    /// let mut bytes = 0;
    /// while let Some(chunk) = firmware.chunk().await {
    ///     bytes += chunk?.len(); // written to flash, say
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn download(&self, draft: Draft) -> Result<Download, RequestError> {
        let exchange = Exchange::new(draft);
        exchange.set_streamed();
        Download::begin(self.ask(exchange).await?).await
    }

    /// Begins a request whose body is made while it is sent, instead of the draft's payload: ready when the request
    /// has a place in the queue. `length` is a hint for the peer (B-4-1); where it is wrong, the peer may refuse.
    ///
    /// ```
    /// # async fn example(handle: coap_tcp_app::Handle) -> Result<(), coap_tcp_app::RequestError> {
    /// use coap_tcp_app::Draft;
    ///
    /// let mut upload = handle.upload(Draft::put("/log"), None).await?;
    /// let mut rest: &[u8] = b"line after line";
    /// while !rest.is_empty() {
    ///     match upload.write(rest).await {
    ///         0 => break, // the peer wants no more: its answer says why
    ///         taken => rest = &rest[taken..],
    ///     }
    /// }
    /// let answer = upload.finish().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn upload(&self, draft: Draft, length: Option<u64>) -> Result<Upload, RequestError> {
        let body = Outlet::new(self.shared.bell().clone(), length, 0);
        let exchange = Exchange::with_body(draft.without(OptionNumber::BLOCK1), body.clone());
        Ok(Upload::new(self.ask(exchange).await?, body))
    }

    /// Registers as an observer (O-2-1), by GET or FETCH. The first item of the [`Observation`] is the answer
    /// to the registration, which also tells whether more will come.
    ///
    /// # Errors
    /// [`RequestError::Observed`] while the same is observed on this connection (O-3.1-2).
    pub async fn observe(&self, draft: Draft) -> Result<Observation, RequestError> {
        let exchange = Exchange::new(draft.with_observe(0));
        if !self.shared.observe(&exchange) {
            return Err(RequestError::Observed);
        }
        self.ask(exchange).await.map(|asking| Observation { asking })
    }

    async fn ask(&self, exchange: Arc<Exchange>) -> Result<Asking, RequestError> {
        let mut place = Place::new(&self.shared, |commands| &mut commands.places);
        poll_fn(|cx| self.shared.poll_ask(cx, &exchange, &mut place))
            .await
            .map_err(|why| RequestError::Closed { why, sent: false })?;
        Ok(Asking { shared: self.shared.clone(), exchange })
    }

    /// Sends a Ping and waits for its Pong; gives the round trip time. With several callers at once, all get
    /// the Pong of the first (T-5.4-5). Without one [`RequestError::Timeout`] says that something else came
    /// meanwhile; else the connection is over.
    pub async fn ping(&self) -> Result<Duration, RequestError> {
        let cell = Arc::new(PingCell::default());
        let closed = |why| RequestError::Closed { why, sent: false };
        self.shared.push(Command::Ping(cell.clone())).map_err(closed)?;
        poll_fn(|cx| cell.poll(cx)).await
    }

    /// Ends the connection orderly: a Release goes out, what is owed is still answered, the peer closes.
    /// [`Handle::closed`] tells when it is over.
    pub fn release(&self) {
        self.release_with(None, &[]);
    }

    /// [`Handle::release`] that also asks the peer to stay away for some seconds, and to go elsewhere
    /// (`host[:port]`, 1 to 255 bytes each) (T-5.5-6, T-5.5-7). The connection is to end in any case: where that is
    /// more than the peer's Max-Message-Size, addresses are left out, the last ones first.
    pub fn release_with(&self, hold_off: Option<u32>, alternatives: &[&str]) {
        let alternatives = alternatives.iter().map(ToString::to_string).collect();
        // Over already: that is what was wanted.
        let _ = self.shared.push(Command::Release { hold_off, alternatives });
    }

    /// Ends the connection at once, and tells the peer why.
    pub fn abort(&self, diagnostic: &str) {
        // Over already: that is what was wanted.
        let _ = self.shared.leave(|commands| commands.abort = Some(diagnostic.into()));
    }

    /// Waits until the connection is over, and tells why it is.
    pub fn closed(&self) -> impl Future<Output = Closed> + use<'_> {
        let mut place = Place::new(&self.shared, |commands| &mut commands.ends);
        poll_fn(move |cx| {
            // All of it belongs to the future, so that it goes with it.
            let place = &mut place;
            let mut commands = self.shared.lock();
            match commands.closed {
                Some(why) => Poll::Ready(why),
                None => {
                    commands.ends.wait(&mut place.number, cx);
                    Poll::Pending
                }
            }
        })
    }

    /// Whether it is over, and why.
    pub fn is_closed(&self) -> Option<Closed> {
        self.shared.lock().closed
    }

    /// What the peer's Release has said, once it has come; also after the end.
    pub fn released(&self) -> Option<Released> {
        self.shared.lock().parting.as_ref()?.released.clone()
    }

    /// What the peer's Abort has said, to a human: the first 256 bytes of it, empty where it has said nothing. Also after
    /// the end, whose reason has the CSM option that it complains of ([`Closed::Aborted`]) (T-5.6-6).
    pub fn aborted(&self) -> Option<String> {
        self.shared.lock().parting.as_ref()?.aborted.clone()
    }
}

/// An observation of the peer's resource, also as a [`Stream`]. Dropped, it is cancelled on the wire (O-7.4-1).
#[derive(Debug)]
pub struct Observation {
    asking: Asking,
}

impl Observation {
    /// The next notification; `None` once the observation is over. The first one answers the registration.
    /// Safe to drop at any time.
    pub async fn next(&mut self) -> Option<Result<Received, RequestError>> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// [`Observation::next`] for hand-written futures and streams.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Received, RequestError>>> {
        self.asking.exchange.poll_next(cx)
    }

    /// Cancels it on the wire and waits for the answer, passing over what was under way (O-7.4-3).
    pub async fn cancel(mut self) -> Result<Received, RequestError> {
        if self.asking.exchange.cancel() {
            let deregister = Command::Deregister(self.asking.exchange.clone());
            let closed = |why| RequestError::Closed { why, sent: true };
            self.asking.shared.push(deregister).map_err(closed)?;
        }
        let mut last = Err(RequestError::Timeout);
        while let Some(answer) = self.next().await {
            last = answer;
        }
        last
    }

    /// How many notifications were dropped here for newer ones, since nobody took them.
    pub fn skipped(&self) -> u64 {
        self.asking.exchange.skipped()
    }
}

impl Stream for Observation {
    type Item = Result<Received, RequestError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().asking.exchange.poll_next(cx)
    }
}

/// An answer that is still owed. Dropped, it is 5.00: never silence (row 70).
#[derive(Debug)]
#[must_use = "the peer waits for an answer"]
pub struct Deferred {
    shared: Arc<Shared>,
    ticket: Option<Ticket>,
    wanted: Wanted,
}

impl Deferred {
    pub(crate) const fn new(shared: Arc<Shared>, ticket: Ticket, wanted: Wanted) -> Self {
        Self { shared, ticket: Some(ticket), wanted }
    }

    /// Gives the answer. An error: the connection is over, and with it the request (T-3.3-13).
    pub fn respond(mut self, draft: Draft) -> Result<(), Closed> {
        match self.ticket.take() {
            Some(ticket) => self.shared.push(Command::Answer(ticket, draft, self.wanted)),
            None => Ok(()),
        }
    }

    /// Gives the answer with a body that is made while it is sent, see [`Reply::stream`](crate::Reply::stream).
    pub fn stream(mut self, head: Draft, length: Option<u64>) -> Result<Sending, Closed> {
        let body = Outlet::new(self.shared.bell().clone(), length, self.wanted.offset());
        if let Some(ticket) = self.ticket.take() {
            let begun = Begun { owed: (ticket, self.wanted), head, body: body.clone() };
            self.shared.leave(|commands| commands.begun.push(begun))?;
        }
        Ok(Sending::new(body))
    }
}

impl Drop for Deferred {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            let answer = Draft::new(Code::INTERNAL_SERVER_ERROR);
            let _ = self.shared.push(Command::Answer(ticket, answer, self.wanted));
        }
    }
}

/// Notifies one observer of one resource. Dropped, it ends the observation with 5.03.
#[derive(Debug)]
pub struct Notifier {
    shared: Arc<Shared>,
    watch: Arc<Watch>,
}

impl Notifier {
    pub(crate) fn new(shared: Arc<Shared>, watch: Arc<Watch>) -> Self {
        Self { shared, watch }
    }

    /// Sends a new state, with Observe. While the peer is slow only the newest is kept; the ones it replaced
    /// are counted. `false`: nobody observes any more.
    pub fn notify(&self, state: &Draft) -> bool {
        let draft = state.with_observe(self.watch.number.fetch_add(1, Ordering::Relaxed) & 0x00ff_ffff);
        self.leave(|dirty| {
            if dirty.state.replace(draft).is_some() {
                self.watch.skipped.fetch_add(1, Ordering::Relaxed);
                self.shared.skipped.fetch_add(1, Ordering::Relaxed);
            }
        })
    }

    /// Ends the observation with an error, such as 4.04 for a resource that is gone (O-4.2-1). A last state
    /// that waits still goes before it.
    pub fn end(self, code: Code) {
        self.leave(|dirty| dirty.end = Some(code));
    }

    fn leave(&self, change: impl FnOnce(&mut Dirty)) -> bool {
        let left = self.shared.leave(|commands| {
            if self.is_over() {
                return false;
            }
            let waiting = commands.dirty.iter().position(|dirty| Arc::ptr_eq(&dirty.watch, &self.watch));
            let at = waiting.unwrap_or(commands.dirty.len());
            if waiting.is_none() {
                commands.dirty.push(Dirty { watch: self.watch.clone(), state: None, end: None });
            }
            change(&mut commands.dirty[at]);
            true
        });
        left == Ok(true)
    }

    /// Nobody observes any more: cancelled, or the connection is over.
    pub fn is_over(&self) -> bool {
        self.watch.over.load(Ordering::Acquire)
    }

    /// States that were never sent, since newer ones came before there was room.
    pub fn skipped(&self) -> u64 {
        self.watch.skipped.load(Ordering::Relaxed)
    }
}

impl Drop for Notifier {
    fn drop(&mut self) {
        self.leave(|dirty| dirty.end = dirty.end.or(Some(Code::SERVICE_UNAVAILABLE)));
    }
}
