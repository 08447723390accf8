//! What can be seen of a connection from outside: with the feature `tracing` a span, else nothing.

use std::future::Future;
use std::io;
use std::net::SocketAddr;

use coap_tcp_app::Role;
use coap_tcp_core::{Closed, ConfigError};

/// Runs a connection within its span, which a last event tells the end of.
#[cfg(feature = "tracing")]
pub(crate) fn connection<F>(
    role: Role,
    peer: Option<SocketAddr>,
    driven: F,
) -> impl Future<Output = F::Output>
where
    F: Future<Output = Result<Closed, ConfigError>>,
{
    use tracing::Instrument;

    let peer = peer.map(tracing::field::display);
    let span = tracing::info_span!("coap_connection", ?role, peer);
    let told = async move {
        let ended = driven.await;
        match &ended {
            Ok(why) => tracing::info!(why = %why, "closed"),
            Err(error) => tracing::error!(%error, "not opened"),
        }
        ended
    };
    told.instrument(span)
}

#[cfg(not(feature = "tracing"))]
pub(crate) const fn connection<F>(_: Role, _: Option<SocketAddr>, driven: F) -> F
where
    F: Future<Output = Result<Closed, ConfigError>>,
{
    driven
}

/// A listener's trouble.
#[cfg(feature = "tracing")]
pub(crate) fn not_accepted(error: &io::Error) {
    tracing::warn!(%error, "no connection accepted");
}

#[cfg(not(feature = "tracing"))]
pub(crate) const fn not_accepted(_: &io::Error) {}
