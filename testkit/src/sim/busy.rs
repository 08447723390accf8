//! An application that asks and answers as much as it is told to, and keeps accounts.

use std::time::Duration;

use coap_tcp_core::{Closed, Code, Event, Expired, Incoming, Instant, Peer, SendError, Tagged, Ticket};

use crate::endpoint::{App, Growing, Memory};
use crate::rng::Rng;

/// What it is told.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Requests to make in all.
    pub requests: u32,
    /// Bytes of payload in a request, at most; at least the 4 that number it.
    pub request_size: usize,
    /// Bytes of payload in an answer, at most; at least the 4 of the request.
    pub answer_size: usize,
    /// One request in so many is answered later; 0: none.
    pub defer_one_in: usize,
    /// How much later, at most.
    pub later: Duration,
    /// Release the connection after so many requests.
    pub release_after: Option<u32>,
}

impl Plan {
    /// Asks nothing, and answers at once.
    pub const QUIET: Self = Self {
        requests: 0,
        request_size: 4,
        answer_size: 4,
        defer_one_in: 0,
        later: Duration::ZERO,
        release_after: None,
    };
}

/// How it went.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Requests made.
    pub asked: u32,
    /// Answers that came to them.
    pub answered: u32,
    /// Requests that came back otherwise: expired, failed, lost.
    pub lost: u32,
    /// Requests of the peer's.
    pub served: u32,
    /// Answers to them that could not be given.
    pub unserved: u32,
    /// When it ended, and why.
    pub ended: Option<(Instant, Closed)>,
}

/// The application.
#[derive(Debug)]
pub struct Busy {
    plan: Plan,
    rng: Rng,
    /// Whether the request with this number is under way. Law 8: each comes back once.
    open: Vec<bool>,
    deferred: Vec<(Instant, Ticket, [u8; 4])>,
    tally: Tally,
    released: bool,
}

impl Busy {
    /// Nothing is done yet.
    pub fn new(plan: Plan, seed: u64) -> Self {
        Self {
            plan,
            rng: Rng::new(seed),
            open: vec![],
            deferred: vec![],
            tally: Tally::default(),
            released: false,
        }
    }

    /// How it went so far.
    pub const fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Whether all that was to be asked has come back.
    pub fn is_done(&self) -> bool {
        self.tally.asked == self.plan.requests && !self.open.contains(&true)
    }

    /// Whether all that was asked has come back.
    pub fn is_even(&self) -> bool {
        !self.open.contains(&true)
    }

    fn came_back(&mut self, tag: u32) {
        let open = self.open.get_mut(tag as usize);
        assert!(open.is_some_and(std::mem::take), "request {tag} came back twice");
    }

    fn serve(&mut self, now: Instant, incoming: &Incoming<'_>, peer: &mut GrowingPeer<'_, '_>) {
        let number = incoming.payload.first_chunk().copied().unwrap_or_default();
        self.tally.served += 1;
        if self.plan.defer_one_in > 0 && self.rng.one_in(self.plan.defer_one_in) {
            if let Ok(ticket) = peer.conn.defer(incoming) {
                let later = self.rng.below(self.plan.later.as_micros() as usize + 1) as u64;
                self.deferred.push((now + Duration::from_micros(later), ticket, number));
                return;
            }
        }
        let size = self.rng.below(self.plan.answer_size);
        let answered = peer.respond(incoming, Code::CONTENT).and_then(|mut answer| {
            answer.payload(&body(number, size))?;
            answer.finish()
        });
        self.tally.unserved += u32::from(answered.is_err());
    }

    fn answer_deferred(&mut self, now: Instant, peer: &mut GrowingPeer<'_, '_>) {
        let size = self.rng.below(self.plan.answer_size);
        let mut answer = |ticket: &Ticket, number: [u8; 4]| {
            let mut answer = peer.respond_later(ticket, Code::CONTENT)?;
            answer.payload(&body(number, size))?;
            answer.finish()
        };
        let mut unserved = 0;
        self.deferred.retain(|(at, ticket, number)| {
            *at > now
                || match answer(ticket, *number) {
                    Ok(()) => false,
                    Err(SendError::Full) => true,
                    Err(_) => {
                        unserved += 1;
                        false
                    }
                }
        });
        self.tally.unserved += unserved;
    }

    fn ask(&mut self, now: Instant, peer: &mut GrowingPeer<'_, '_>) {
        while self.tally.asked < self.plan.requests && !self.released {
            let number = self.tally.asked;
            let size = self.rng.clone().below(self.plan.request_size);
            let asked = peer.request(now, Code::POST).and_then(|mut request| {
                request.payload(&body(number.to_be_bytes(), size))?;
                request.finish(number)
            });
            match asked {
                Ok(_) => {
                    self.rng.next();
                    self.open.push(true);
                    self.tally.asked += 1;
                }
                Err(SendError::Full | SendError::TooMany | SendError::NotReady) => return,
                Err(_) => {
                    self.plan.requests = number;
                    return;
                }
            }
            if self.plan.release_after.is_some_and(|after| self.tally.asked >= after) {
                self.plan.requests = self.tally.asked;
            }
        }
        let due = self.plan.release_after.is_some_and(|after| self.tally.asked >= after);
        if due && !self.released {
            self.released = peer.conn.release(now, None, &[], peer.tx).is_ok();
        }
    }
}

type GrowingPeer<'a, 'c> = Peer<'a, 'c, <Growing as Memory>::Slots, <Growing as Memory>::Tx>;

/// A number, and so many bytes with it.
fn body(number: [u8; 4], size: usize) -> Vec<u8> {
    let mut body = number.to_vec();
    body.resize(size.max(4), b'x');
    body
}

impl App<Growing> for Busy {
    fn event(&mut self, now: Instant, event: Event<'_, u32>, peer: &mut GrowingPeer<'_, '_>) {
        match event {
            Event::Request(incoming) => self.serve(now, &incoming, peer),
            Event::Response { tag: Tagged::Last(tag), message, .. } => {
                self.came_back(tag);
                let ours = message.code == Code::CONTENT && message.payload.starts_with(&tag.to_be_bytes());
                assert!(ours, "request {tag} got {message}");
                self.tally.answered += 1;
            }
            Event::Failed { tag, .. } => {
                self.came_back(tag);
                self.tally.lost += 1;
            }
            Event::Response { tag: Tagged::More, message, .. } | Event::Unmatched(message) => {
                panic!("nobody asked for {message}");
            }
            Event::Ready(_)
            | Event::Pong { .. }
            | Event::Released { .. }
            | Event::Aborted(_)
            | Event::Settled(_) => {}
        }
    }

    fn expired(&mut self, _: Instant, expired: Expired<u32>, _: &mut GrowingPeer<'_, '_>) {
        if let Expired::Request(_, tag) = expired {
            self.came_back(tag);
            self.tally.lost += 1;
        }
    }

    fn turn(&mut self, now: Instant, peer: &mut GrowingPeer<'_, '_>) {
        self.answer_deferred(now, peer);
        self.ask(now, peer);
        while let Some((_, tag)) = peer.conn.take_pending() {
            self.came_back(tag);
            self.tally.lost += 1;
        }
        if let (Some(why), None) = (peer.conn.closed(), &self.tally.ended) {
            self.tally.ended = Some((now, why));
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.deferred.iter().map(|&(at, ..)| at).min()
    }
}
