//! What runs on a reactor beside its connections.

use std::task::Context;

use coap_tcp_core::Instant;

/// When something beside the connections wants to be called again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum Attend {
    /// When its waker is woken, or this moment comes.
    Wait(Option<Instant>),
    /// Never: it is over.
    Over,
}

/// `R` is the reactor.
pub(crate) type Task<'c, R> = Box<dyn FnMut(&mut R, &mut Context<'_>, Instant) -> Attend + Send + 'c>;
