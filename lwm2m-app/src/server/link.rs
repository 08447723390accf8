//! Between the tasks that ask and the task of a connection: what is asked, and what comes back.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use coap_tcp_core::Closed;
use lwm2m_core::content::ContentFormat;
use lwm2m_core::server::RegistrationId;
use lwm2m_core::{Operation, Path};

use super::event::{Answer, AskError};
use crate::queue::Queue;

/// Questions that wait for one connection; then more are refused.
const QUESTIONS: usize = 64;
/// Notifications kept for a task that does not take them; then the oldest goes.
const NOTIFICATIONS: usize = 64;

#[derive(Clone, Copy)]
pub(super) struct Question {
    pub(super) registration: RegistrationId,
    pub(super) operation: Operation,
    pub(super) path: Path,
    pub(super) accept: Option<ContentFormat>,
    /// Never used twice.
    pub(super) handle: u64,
}

/// What is asked of a connection's task.
pub(super) enum Command {
    /// A registration is not here any more.
    Leave(RegistrationId),
    Release,
    Cancel {
        registration: RegistrationId,
        handle: u64,
    },
    Ask(Question, Reply),
}

/// How a connection's task is reached.
#[derive(Default)]
pub(super) struct Link {
    state: Mutex<LinkState>,
}

#[derive(Default)]
struct LinkState {
    /// Only these may have to wait for a place on the connection: the others pass them.
    questions: VecDeque<(Question, Reply)>,
    /// At most one for each question that was sent.
    cancels: VecDeque<(RegistrationId, u64)>,
    left: VecDeque<RegistrationId>,
    release: bool,
    closed: Option<Closed>,
    waker: Option<Waker>,
}

impl Link {
    /// An error: it has not been asked.
    pub(super) fn ask(link: &Arc<Self>, question: Question) -> Result<Asked, AskError> {
        let inbox = Arc::new(Queue::new(NOTIFICATIONS));
        link.change(|state| {
            if let Some(why) = state.closed {
                return Err(AskError::Closed(why));
            }
            if state.questions.len() >= QUESTIONS {
                return Err(AskError::Busy);
            }
            state.questions.push_back((question, Reply(inbox.clone())));
            Ok(())
        })?;
        Ok(Asked { link: link.clone(), question, inbox })
    }

    pub(super) fn leave(&self, registration: RegistrationId) {
        self.change(|state| {
            if state.closed.is_none() {
                state.left.push_back(registration);
            }
        });
    }

    pub(super) fn release(&self) {
        self.change(|state| state.release = true);
    }

    /// What was not sent will not be.
    fn cancel(&self, question: &Question) {
        let unsent = self.change(|state| {
            let waits = |(other, _): &(Question, _)| other.handle == question.handle;
            let unsent = state.questions.iter().position(waits).and_then(|at| state.questions.remove(at));
            if unsent.is_none() && state.closed.is_none() {
                state.cancels.push_back((question.registration, question.handle));
            }
            unsent
        });
        drop(unsent);
    }

    /// The connection's task is woken by `waker` when there is something for it.
    pub(super) fn listen(&self, waker: &Waker) {
        self.lock().waker = Some(waker.clone());
    }

    pub(super) fn wake(&self) {
        self.change(|_| ());
    }

    pub(super) fn pop(&self) -> Option<Command> {
        let mut state = self.lock();
        if let Some(registration) = state.left.pop_front() {
            return Some(Command::Leave(registration));
        }
        if core::mem::take(&mut state.release) {
            return Some(Command::Release);
        }
        if let Some((registration, handle)) = state.cancels.pop_front() {
            return Some(Command::Cancel { registration, handle });
        }
        state.questions.pop_front().map(|(question, reply)| Command::Ask(question, reply))
    }

    /// For what [`Link::pop`] has given and could not be done now: it comes again.
    pub(super) fn put_back(&self, command: Command) {
        let mut state = self.lock();
        match command {
            Command::Leave(registration) => state.left.push_front(registration),
            Command::Release => state.release = true,
            Command::Cancel { registration, handle } => state.cancels.push_front((registration, handle)),
            Command::Ask(question, reply) => {
                // Whoever has cancelled it meanwhile could not find it.
                let cancelled = state.cancels.iter().position(|(_, handle)| *handle == question.handle);
                match cancelled {
                    Some(at) => drop(state.cancels.remove(at)),
                    None => return state.questions.push_front((question, reply)),
                }
                drop(state);
                drop(reply);
            }
        }
    }

    /// Nothing can be asked from now on, and what waits is told so. `false`: it was closed before.
    pub(super) fn close(&self, why: Closed) -> bool {
        let (first, unsent) = {
            let mut state = self.lock();
            let first = state.closed.is_none();
            state.closed.get_or_insert(why);
            state.cancels.clear();
            state.left.clear();
            (first, core::mem::take(&mut state.questions))
        };
        for (_, reply) in unsent {
            reply.deliver(Err(AskError::Closed(why)));
        }
        first
    }

    fn change<R>(&self, change: impl FnOnce(&mut LinkState) -> R) -> R {
        let (result, waker) = {
            let mut state = self.lock();
            (change(&mut state), state.waker.take())
        };
        if let Some(waker) = waker {
            waker.wake();
        }
        result
    }

    fn lock(&self) -> MutexGuard<'_, LinkState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A question to a device, as the task that asked has it. Dropped, it is cancelled.
pub(super) struct Asked {
    link: Arc<Link>,
    question: Question,
    inbox: Inbox,
}

type Inbox = Arc<Queue<Result<Answer, AskError>>>;

impl Asked {
    pub(super) fn skipped(&self) -> u64 {
        self.inbox.lost()
    }

    pub(super) fn is_over(&self) -> bool {
        self.inbox.is_over()
    }

    pub(super) fn cancel(&self) {
        self.link.cancel(&self.question);
    }

    /// `None` after the last.
    pub(super) async fn next(&mut self) -> Option<Result<Answer, AskError>> {
        core::future::poll_fn(|cx| self.inbox.poll_next(cx)).await
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        if !self.inbox.is_over() {
            self.cancel();
        }
    }
}

/// The same question, as the connection's task has it. Dropped, it is over.
pub(super) struct Reply(Inbox);

impl Reply {
    pub(super) fn deliver(&self, answer: Result<Answer, AskError>) {
        self.0.push_newest(answer);
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        self.0.finish();
    }
}
