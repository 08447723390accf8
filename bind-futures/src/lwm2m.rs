//! LwM2M over TCP: a [`Device`] that registers, a [`Server`] that it registers with.

use std::convert::Infallible;
use std::future::{Future, pending, poll_fn};
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use coap_tcp_app::{Driver, KnownPath, Role, check};
use coap_tcp_core::{Config, ConfigError, Instant};
use futures_io::{AsyncRead, AsyncWrite};
use lwm2m_app::Next;
pub use lwm2m_app::{
    Answer, AskError, Device, DeviceEvent, DeviceHandle, DeviceLayer, Events, Observation, Server,
    ServerEvent, ServerLayer,
};
pub use lwm2m_core as core;
use lwm2m_core::objects::Objects;

use crate::drive;
use crate::server::Connection;
use crate::timer::Timer;

/// Serves devices on the connections that a listener of any runtime accepts, until `stop` is ready; then releases
/// them. The rest is as with [`Server::serve`](crate::Server::serve) of `over`.
pub async fn serve<T, IO, A, F>(
    over: &crate::Server<T>,
    server: &Server,
    accept: impl FnMut() -> F,
    spawn: impl FnMut(Connection),
    stop: impl Future<Output = ()>,
) where
    T: Timer + Clone + Send + 'static,
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: Future<Output = io::Result<(IO, A)>>,
{
    let mut serving = pin!(over.serve_layers(accept, |_: &A| server.layer(), spawn, stop));
    let mut keeping = pin!(keep_time(server, over.timer().clone()));
    poll_fn(|cx| {
        // It never ends.
        let _ = keeping.as_mut().poll(cx);
        serving.as_mut().poll(cx)
    })
    .await
}

/// Keeps the time of a server's registrations, which goes on without connections, for ever. For who serves by other
/// means than [`serve`].
pub async fn keep_time(server: &Server, mut timer: impl Timer) -> Infallible {
    let turn = poll_fn(|cx| {
        let due = server.poll(cx, timer.now());
        rest(cx, &mut timer, due)
    });
    turn.await
}

/// Runs a device until it is de-registered: connects as `connect` says, registers, serves, and connects again when and
/// as the policy says. `timer` has the clock that the device was made with. What one connection learns of the silence
/// that the path survives, the next one knows.
///
/// # Errors
/// When the configuration cannot work; then it has not connected.
pub async fn run<O, T, IO, F>(
    mut device: Device<O>,
    config: &Config,
    mut timer: T,
    mut connect: impl FnMut() -> F,
) -> Result<(), ConfigError>
where
    O: Objects + Send + 'static,
    T: Timer + Clone,
    IO: AsyncRead + AsyncWrite + Unpin,
    F: Future<Output = io::Result<IO>>,
{
    check(config)?;
    let path = Arc::new(KnownPath::default());
    loop {
        let next = poll_fn(|cx| match device.poll(cx, timer.now()) {
            Next::Wait(until) => rest(cx, &mut timer, until),
            next => Poll::Ready(next),
        });
        match next.await {
            Next::Connect(layer) => {
                if let Ok(io) = connect().await {
                    // The configuration is known to work: there is only the memory to want, and that may pass.
                    if let Ok(driver) = Driver::new(Role::Initiator, config, layer, timer.now()) {
                        drive::run(io, driver.over(path.clone()), timer.clone(), pending()).await;
                    }
                }
            }
            Next::Wait(_) => {}
            Next::Over => return Ok(()),
        }
    }
}

/// Nothing more can be done now: sleep until the next deadline.
fn rest<T>(cx: &mut Context<'_>, timer: &mut impl Timer, until: Option<Instant>) -> Poll<T> {
    if until.is_some_and(|at| timer.poll_until(cx, at).is_ready()) {
        cx.waker().wake_by_ref();
    }
    Poll::Pending
}
