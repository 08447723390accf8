//! Bodies on their way, in blocks, through one connection's service.

use std::time::Duration;

use coap_tcp_core::blockwise::{Brief, Collected, Collector, Key, Terms, Wanted, Written};
use coap_tcp_core::{Answer, Code, Instant, Message, SendError};
use thin_vec::ThinVec;

use crate::draft::Draft;
use crate::exchange::Tag;
use crate::layer::Slots;
use crate::pool::Pooled;

/// An answer of the core's.
pub(crate) type Answering<'x, 'c> = Answer<'x, 'c, Slots<Tag>, Pooled>;

/// Requests that are gathered at once.
const UPLOADS: usize = 4;
/// Answers that are kept at once.
const ANSWERS: usize = 4;
/// EXCHANGE_LIFETIME: what has not moved for so long is dropped (B-2.4-2).
pub(crate) const LIFETIME: Duration = Duration::from_secs(247);

/// What block-wise transfer keeps for the peer's requests. Requests and answers may each take `limit` bytes
/// in all.
#[derive(Debug)]
pub(crate) struct Bodies {
    pub(crate) limit: usize,
    uploads: ThinVec<Upload>,
    answers: ThinVec<Kept>,
}

/// A request of which more is to come.
#[derive(Debug)]
struct Upload {
    key: Key,
    body: Collector<Pooled>,
    until: Instant,
}

/// An answer whose later blocks have not been fetched yet.
#[derive(Debug)]
struct Kept {
    key: Key,
    draft: Draft,
    until: Instant,
}

impl Bodies {
    pub(crate) const fn new(limit: usize) -> Self {
        Self { limit, uploads: ThinVec::new(), answers: ThinVec::new() }
    }

    /// Takes one block of a request: the body if it was the last, else what to answer.
    pub(crate) fn collect(
        &mut self,
        now: Instant,
        request: &Message<'_>,
        wanted: &Wanted,
        terms: &Terms,
    ) -> Result<Collector<Pooled>, Brief> {
        let key = wanted.key();
        let found = self.uploads.iter().position(|upload| upload.key == key);
        let begins = wanted.block1().is_some_and(|block| block.number == 0);
        let mut body = match found {
            _ if begins => {
                found.map(|at| self.uploads.remove(at));
                Collector::new(Pooled::default(), self.limit)
            }
            Some(at) => self.uploads.remove(at).body,
            None => return Err(Brief::INCOMPLETE),
        };
        let others: usize = self.uploads.iter().map(|upload| upload.body.body().len()).sum();
        let gathered = body.handle_request(request, terms)?;
        let Collected::More(brief) = gathered else {
            return Ok(body);
        };
        if self.uploads.len() >= UPLOADS
            || !self.uploads.is_empty() && others + body.body().len() > self.limit
        {
            return Err(Brief::BUSY);
        }
        self.uploads.push(Upload { key, body, until: now + LIFETIME });
        Err(brief)
    }

    /// The answer that the rest is wanted of.
    pub(crate) fn kept(&self, wanted: &Wanted) -> Option<Draft> {
        let kept = self.answers.iter().find(|kept| wanted.continues() && kept.key == wanted.key());
        kept.map(|kept| kept.draft.clone())
    }

    /// Finishes an answer with as much of it as goes into one message, and keeps it for the rest.
    pub(crate) fn answer(
        &mut self,
        now: Instant,
        mut answer: Answering<'_, '_>,
        wanted: &Wanted,
        draft: &Draft,
        terms: &Terms,
    ) -> Result<(), SendError> {
        match wanted.write(&mut answer, draft.code(), draft.options(), draft.body(), terms) {
            Ok(Written::Whole) => answer.finish(),
            Ok(Written::Part { more }) => {
                answer.finish()?;
                self.answers.retain(|kept| kept.key != wanted.key());
                if more {
                    self.keep(now, wanted.key(), draft);
                }
                Ok(())
            }
            Ok(Written::Beyond) => {
                answer.restart(Brief::BEYOND.code);
                answer.finish()
            }
            // Not silence, and not an old state (O-4.2-1).
            Err(error @ SendError::TooLarge { .. }) => {
                answer.restart(Code::INTERNAL_SERVER_ERROR);
                answer.finish()?;
                Err(error)
            }
            Err(error) => Err(error),
        }
    }

    /// The oldest give way. What is larger than all that may be kept has to be made again.
    fn keep(&mut self, now: Instant, key: Key, draft: &Draft) {
        let size = draft.body().len();
        if size > self.limit {
            return;
        }
        let mut others: usize = self.answers.iter().map(|kept| kept.draft.body().len()).sum();
        while !self.answers.is_empty() && (self.answers.len() >= ANSWERS || others + size > self.limit) {
            others -= self.answers.remove(0).draft.body().len();
        }
        self.answers.push(Kept { key, draft: draft.clone(), until: now + LIFETIME });
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let uploads = self.uploads.iter().map(|upload| upload.until);
        let kept = self.answers.iter().map(|kept| kept.until);
        uploads.chain(kept).min()
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        self.uploads.retain(|upload| upload.until > now);
        self.answers.retain(|kept| kept.until > now);
    }
}
