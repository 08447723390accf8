//! One request of ours and whoever waits for it.

use std::future::poll_fn;
use std::sync::Arc;

use coap_tcp_core::OptionNumber;

use crate::commands::{Command, Shared};
use crate::draft::Received;
use crate::exchange::{Exchange, RequestError, Wish};

/// A request for whose answer somebody waits; dropped, nobody does.
#[derive(Debug)]
pub(crate) struct Asking {
    pub(crate) shared: Arc<Shared>,
    pub(crate) exchange: Arc<Exchange>,
}

impl Asking {
    pub(crate) async fn answer(self) -> Result<Received, RequestError> {
        self.answer_by_ref().await
    }

    pub(crate) async fn answer_by_ref(&self) -> Result<Received, RequestError> {
        let answer = poll_fn(|cx| self.exchange.poll_next(cx)).await;
        answer.unwrap_or(Err(RequestError::Timeout))
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        if self.exchange.draft.has(OptionNumber::OBSERVE) {
            self.shared.unobserve(&self.exchange);
        }
        let command = match self.exchange.leave() {
            None if self.exchange.is_streamed() => return self.shared.bell().ring(),
            None => return,
            Some(Wish::Deregister) => Command::Deregister(self.exchange.clone()),
            Some(Wish::Forget) => Command::Forget(self.exchange.clone()),
        };
        // Over already: nothing to take back.
        let _ = self.shared.push(command);
    }
}
