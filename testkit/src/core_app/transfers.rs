//! Requests of the scripts' application that may take many messages.

use coap_tcp_core::blockwise::{Chunks, Collected, Collector, Next, Terms};
use coap_tcp_core::wire::{Block, BlockSize, Code};
use coap_tcp_core::{Buf, Connection, Instant, Message, Peer, RequestId, SendError, Slots, Tagged};

use super::served::options;
use crate::model::Plain;
use crate::rig::Seen;

/// The longest answer that is put together.
const LIMIT: usize = 64 * 1024;

/// All that are under way.
#[derive(Debug, Default)]
pub(super) struct Transfers {
    all: Vec<Transfer>,
    /// Tags of those whose next message waits for room.
    waiting: Vec<u32>,
    asked: Vec<u32>,
}

#[derive(Debug)]
struct Transfer {
    /// Comes back with the answer.
    tag: u32,
    message: Plain,
    /// The largest block that we send or ask for.
    largest: BlockSize,
    chunks: Chunks,
    answer: Option<Gathered>,
    /// The message under way.
    id: Option<RequestId>,
    /// The observation, whose notifications may be too large.
    observed: Option<RequestId>,
}

/// An answer of which more is to come.
#[derive(Debug)]
struct Gathered {
    head: Plain,
    body: Collector<Vec<u8>>,
    next: Block,
}

/// What an answer means.
enum Came {
    /// Another message is to be sent.
    Next,
    /// That is all there is to tell.
    Told(Seen),
}

impl Transfers {
    /// Sends the first message. An error changes nothing.
    pub(super) fn begin<S: Slots<Tag = u32>, T: Buf + ?Sized>(
        &mut self,
        now: Instant,
        tag: u32,
        message: &Plain,
        largest: BlockSize,
        peer: &mut Peer<'_, '_, S, T>,
    ) -> Result<RequestId, SendError> {
        let chunks = Chunks::new().tagged(tag);
        let (message, answer, id, observed) = (message.clone(), None, None, None);
        let mut transfer = Transfer { tag, message, largest, chunks, answer, id, observed };
        let id = transfer.send(now, peer)?;
        self.asked.push(tag);
        self.all.push(transfer);
        Ok(id)
    }

    /// Tags of the messages that have been sent since the last call.
    pub(super) fn take_asked(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.asked)
    }

    /// What to name in a command.
    pub(super) fn name(&self, tag: u32) -> Option<RequestId> {
        let transfer = self.all.iter().find(|transfer| transfer.tag == tag)?;
        transfer.observed.or(transfer.id)
    }

    /// Whether a message is one of theirs.
    pub(super) fn has(&self, id: RequestId) -> bool {
        self.position(id).is_some()
    }

    /// Takes an answer to a message, or a notification, and sends the next one. What the script is told.
    pub(super) fn take<S: Slots<Tag = u32>, T: Buf + ?Sized>(
        &mut self,
        now: Instant,
        id: RequestId,
        tag: &Tagged<u32>,
        response: &Message<'_>,
        peer: &mut Peer<'_, '_, S, T>,
    ) -> Option<Seen> {
        let at = self.position(id)?;
        let transfer = self.all.get_mut(at)?;
        let seen = match transfer.take(id, matches!(tag, Tagged::Last(_)), response, peer.conn) {
            Came::Told(seen) => seen,
            Came::Next => match transfer.send(now, peer) {
                Ok(_) => {
                    self.asked.push(transfer.tag);
                    return None;
                }
                Err(SendError::Full | SendError::TooMany | SendError::NotReady) => {
                    self.waiting.push(transfer.tag);
                    return None;
                }
                Err(why) => Seen::Refused { tag: Some(transfer.tag), why },
            },
        };
        self.tell(at, seen)
    }

    /// A message will get no answer that can be used: `seen`, unless there was more to the transfer.
    pub(super) fn give_up(&mut self, id: RequestId, seen: Seen) -> Option<Seen> {
        let Some(at) = self.position(id) else {
            return Some(seen);
        };
        self.tell(at, seen)
    }

    /// Sends what waited for room. What the script is told.
    pub(super) fn go_on<S: Slots<Tag = u32>, T: Buf + ?Sized>(
        &mut self,
        now: Instant,
        peer: &mut Peer<'_, '_, S, T>,
    ) -> Option<Seen> {
        while let Some(&tag) = self.waiting.first() {
            let at = self.all.iter().position(|transfer| transfer.tag == tag);
            let Some((at, transfer)) = at.and_then(|at| Some((at, self.all.get_mut(at)?))) else {
                self.waiting.remove(0);
                continue;
            };
            let why = match transfer.send(now, peer) {
                Err(SendError::Full | SendError::TooMany | SendError::NotReady) => return None,
                Err(why) => why,
                Ok(_) => {
                    self.asked.push(tag);
                    self.waiting.remove(0);
                    continue;
                }
            };
            self.waiting.remove(0);
            return self.tell(at, Seen::Refused { tag: Some(tag), why });
        }
        None
    }

    /// Whether one waits for room.
    pub(super) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// The connection is over, and `lost` has come back: whether the script is told, once a transfer.
    pub(super) fn lose(&mut self, lost: u32) -> bool {
        let Some(at) = self.all.iter().position(|transfer| transfer.tag == lost) else {
            return true;
        };
        let transfer = self.all.get_mut(at);
        // An observation and the fetch of its rest have one tag between them, and come back as two.
        if let Some(transfer) =
            transfer.filter(|transfer| transfer.id.is_some() && transfer.observed.is_some())
        {
            transfer.id = None;
            return false;
        }
        self.all.remove(at);
        true
    }

    /// Those of which nothing was under way when it ended.
    pub(super) fn take_rest(&mut self) -> impl Iterator<Item = u32> + '_ {
        self.waiting.clear();
        self.all.drain(..).map(|transfer| transfer.tag)
    }

    /// One has been forgotten, or has told its last.
    pub(super) fn remove(&mut self, tag: u32) {
        self.all.retain(|transfer| transfer.tag != tag);
        self.waiting.retain(|&waiting| waiting != tag);
    }

    fn position(&self, id: RequestId) -> Option<usize> {
        self.all.iter().position(|transfer| transfer.id == Some(id) || transfer.observed == Some(id))
    }

    /// An observation goes on whatever came of one notification.
    fn tell(&mut self, at: usize, seen: Seen) -> Option<Seen> {
        let transfer = self.all.get_mut(at)?;
        (transfer.id, transfer.answer) = (None, None);
        let (tag, goes_on) = (transfer.tag, transfer.observed.is_some());
        if !goes_on {
            self.remove(tag);
        }
        match seen {
            Seen::Response { .. } => Some(seen),
            _ if goes_on => Some(Seen::Timer("notification-incomplete")),
            _ => Some(seen),
        }
    }
}

impl Transfer {
    /// Sends the next message. Until it can be, nothing has changed.
    fn send<S: Slots<Tag = u32>, T: Buf + ?Sized>(
        &mut self,
        now: Instant,
        peer: &mut Peer<'_, '_, S, T>,
    ) -> Result<RequestId, SendError> {
        let terms = self.terms(peer.conn);
        let mut chunks = self.chunks;
        let mut request = peer.request(now, Code(self.message.code))?;
        let (options, payload) = (options(&self.message), &self.message.payload);
        match &self.answer {
            Some(answer) => {
                chunks.ask(answer.next, &mut request, options)?;
                if self.message.code == Code::FETCH.0 && !chunks.is_cut() {
                    request.payload(payload)?;
                }
            }
            None => chunks.write(&mut request, options, payload, &terms)?,
        }
        let id = request.finish(self.tag)?;
        (self.chunks, self.id) = (chunks, Some(id));
        Ok(id)
    }

    /// Takes an answer: the last to this message, or a notification.
    fn take<S: Slots<Tag = u32>>(
        &mut self,
        id: RequestId,
        last: bool,
        response: &Message<'_>,
        conn: &mut Connection<'_, S>,
    ) -> Came {
        let terms = self.terms(conn);
        let under_way = self.id.take();
        if !last || self.observed == Some(id) {
            // Only the newest state counts: what was fetched of an older one is not wanted any more.
            under_way.filter(|&other| other != id).map(|other| conn.forget(other));
            self.answer = None;
            self.observed = (!last).then_some(id);
        } else if self.answer.is_none() {
            match self.chunks.handle_response(response) {
                Ok(Next::Send) => return Came::Next,
                Ok(Next::Over) => {}
                Err(why) => return Came::Told(Seen::Fault { tag: self.tag, why }),
            }
        }
        self.gather(response, &terms)
    }

    fn gather(&mut self, response: &Message<'_>, terms: &Terms) -> Came {
        let (head, mut body) = match self.answer.take() {
            _ if !response.code.is_success() => return Came::Told(self.whole(Plain::of(response))),
            Some(Gathered { head, body, .. }) => (head, body),
            None => (Plain::of(response), Collector::new(Vec::new(), LIMIT)),
        };
        match body.handle_response(response, terms) {
            Ok(Collected::Whole(_)) => Came::Told(self.whole(Plain { payload: body.into_body(), ..head })),
            Ok(Collected::More(next)) => {
                self.answer = Some(Gathered { head, body, next });
                Came::Next
            }
            Err(why) => Came::Told(Seen::Fault { tag: self.tag, why }),
        }
    }

    fn whole(&self, message: Plain) -> Seen {
        Seen::Response { tag: self.tag, last: self.observed.is_none(), message }
    }

    fn terms<S: Slots>(&self, conn: &Connection<'_, S>) -> Terms {
        conn.terms().largest(self.largest)
    }
}
