//! The peer's requests, on their way to the service.

use coap_tcp_core::blockwise::{Brief, Sequence, Wanted};
use coap_tcp_core::{Incoming, Instant};

use super::Coap;
use crate::exchange::Tag;
use crate::layer::Lent;
use crate::service::{Reply, Service};

impl<S: Service> Coap<S> {
    /// Puts a body together from its blocks, cuts an answer, or hands the request on as it is.
    pub(super) fn serve(&mut self, now: Instant, request: &Incoming<'_>, peer: &mut Lent<'_, '_, Tag>) {
        let terms = self.terms(peer);
        let Self { service, link, bodies, flows, .. } = self;
        let wanted = match Wanted::of(request, &terms) {
            Ok(wanted) => wanted,
            Err(brief) => {
                let _ = peer.respond(request, brief.code).and_then(|answer| answer.finish());
                return;
            }
        };
        if !wanted.is_plain() {
            bodies.handle_timeout(now);
            flows.handle_timeout(now);
        }
        let mut reply = Reply { request, peer, link, bodies, flows, wanted, terms, now, step: None };
        let Some(block) = wanted.block1() else {
            return Self::serve_rest(service, request, reply);
        };
        if block.number > 0 {
            match reply.flows.take(now, request, &wanted, &terms, reply.peer) {
                Some(Ok(())) => return,
                Some(Err(brief)) => return reply.brief(brief),
                None => {}
            }
        } else {
            reply.flows.begin_anew(wanted.key());
            if service.streams(request) {
                let mut sequence = Sequence::new();
                match sequence.handle_request(request, &terms) {
                    Ok(step) => reply.step = Some((sequence, step)),
                    Err(brief) => return reply.brief(brief),
                }
                return service.handle(request, reply);
            }
        }
        match reply.bodies.collect(now, request, &wanted, &terms) {
            Ok(body) => {
                let whole = request.with_payload(body.body());
                service.handle(&whole, reply.to(&whole));
            }
            Err(brief) => reply.brief(brief),
        }
    }

    /// A request without blocks of its own; perhaps for more of an answer.
    fn serve_rest(service: &mut S, request: &Incoming<'_>, reply: Reply<'_, '_, '_>) {
        let Reply { wanted, now, .. } = reply;
        if wanted.continues() && reply.flows.ask(now, request, &wanted, reply.peer) {
            return;
        }
        match reply.bodies.kept(&wanted) {
            Some(draft) => reply.send(&draft),
            // Made again where that harms nothing.
            None if wanted.continues() && !request.code.can_observe() => reply.brief(Brief::INCOMPLETE),
            None => service.handle(request, reply),
        }
    }
}
