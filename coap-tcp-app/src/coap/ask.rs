//! Our requests: sent, gone on with, answered.

use std::sync::Arc;

use coap_tcp_core::{Instant, Message, SendError};

use super::Coap;
use crate::commands::Command;
use crate::exchange::{Exchange, RequestError, Stage, Tag, Wish};
use crate::layer::Lent;
use crate::service::Service;

impl<S: Service> Coap<S> {
    /// A response, or a notification of which there may be more to fetch.
    pub(super) fn take(
        &mut self,
        exchange: &Arc<Exchange>,
        response: &Message<'_>,
        peer: &Lent<'_, '_, Tag>,
    ) {
        if let Some(echo) = self.echoes.handle_response(response, exchange.is_challenged()) {
            if exchange.repeat(echo) {
                self.going_on.push(exchange.clone());
                return;
            }
        }
        if exchange.take(response, &self.terms(peer), self.bodies.limit) {
            self.going_on.push(exchange.clone());
        }
    }

    /// Sends the next blocks of requests under way. `true`: the rest waits for room.
    pub(super) fn go_on(&mut self, now: Instant, peer: &mut Lent<'_, '_, Tag>) -> bool {
        let terms = self.terms(peer);
        let mut at = 0;
        while let Some(exchange) = self.going_on.get(at) {
            if !exchange.is_ready(&terms) {
                at += 1;
                continue;
            }
            let exchange = self.going_on.remove(at);
            match self.send_request(&exchange, now, peer) {
                Err(error @ (SendError::Full | SendError::TooMany | SendError::NotReady)) => {
                    self.going_on.insert(at, exchange);
                    return error == SendError::Full;
                }
                Err(error) => match RequestError::unsent(error, peer.conn.closed()) {
                    // Some of it had been sent.
                    RequestError::Closed { why, .. } => exchange.close(why),
                    error => exchange.deliver(Err(error), true),
                },
                Ok(()) => {}
            }
        }
        false
    }

    pub(super) fn send_request(
        &mut self,
        exchange: &Arc<Exchange>,
        now: Instant,
        peer: &mut Lent<'_, '_, Tag>,
    ) -> Result<(), SendError> {
        if exchange.stage() == Stage::Over {
            return Ok(());
        }
        let terms = self.terms(peer);
        let mut request = peer.request(now, exchange.draft.code())?;
        let echoed = exchange.write(&mut self.next_tag, self.echoes.next(), &mut request, &terms)?;
        let id = request.finish(Tag(exchange.clone()))?;
        if echoed {
            self.echoes.sent();
        }
        match exchange.set_sent(id) {
            None => {}
            Some(Wish::Forget) => {
                exchange.abandon();
                peer.conn.forget(id);
            }
            Some(Wish::Deregister) => {
                if let Some(shared) = self.link.existing() {
                    let _ = shared.push(Command::Deregister(exchange.clone()));
                }
            }
        }
        Ok(())
    }

    /// Cancels an observation on the wire (O-7.4-1).
    pub(super) fn send_deregister(
        exchange: &Arc<Exchange>,
        now: Instant,
        peer: &mut Lent<'_, '_, Tag>,
    ) -> Result<(), SendError> {
        let Stage::Sent(id) = exchange.stage() else {
            return Ok(());
        };
        let draft = exchange.draft.with_observe(1);
        let begun = peer.conn.deregister(now, id, draft.code(), peer.tx);
        if matches!(begun, Err(SendError::Gone)) {
            drop(begun);
            // No observation came of it, but an answer in blocks that nobody wants any more.
            exchange.abandon();
            peer.conn.forget(id);
            return Ok(());
        }
        let mut request = begun?;
        draft.write(&mut request)?;
        request.finish()
    }
}
