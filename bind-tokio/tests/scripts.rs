//! Every script, on tokio with its clock paused.

use std::process::ExitCode;
use std::task::{Context, Poll};
use std::time::Duration;
use std::{io, pin::Pin};

use bind_tokio::core::Closed;
use bind_tokio::{Clock, drive};
use coap_tcp_app::{Layer, Role, Transport};
use testkit::conformance::{run, trials};
use testkit::lwm2m::{self, DeviceApp, ServerApp};
use testkit::pipe::PipeEnd;
use testkit::pipe_rig::{PipeRig, Runtime};
use testkit::script::{self, Setup};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

fn main() -> ExitCode {
    run([
        trials::<PipeRig<Tokio>>("tokio"),
        lwm2m::trials::<PipeRig<Tokio, DeviceApp>>("tokio-device"),
        lwm2m::trials::<PipeRig<Tokio, ServerApp>>("tokio-server"),
    ])
}

struct Tokio {
    runtime: tokio::runtime::Runtime,
    _driver: tokio::task::JoinHandle<Closed>,
}

impl Runtime for Tokio {
    fn start(setup: &Setup, io: PipeEnd, layer: impl Layer<Tag: Send> + Send + 'static) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        let runtime = runtime.unwrap_or_else(|error| panic!("{error}"));
        let (role, config) = (role(setup.role), setup.config);
        let driver = runtime.spawn(async move {
            let ended = drive(Stream(io), role, config, Clock::start(), layer, std::future::pending()).await;
            ended.unwrap_or_else(|error| panic!("{error}"))
        });
        Self { runtime, _driver: driver }
    }

    fn run(&mut self) {
        self.runtime.block_on(async { tokio::task::yield_now().await });
    }

    /// With its clock paused, tokio jumps to the next deadline when there is nothing to do.
    fn advance(&mut self, by: Duration) {
        self.runtime.block_on(async { tokio::time::sleep(by).await });
    }
}

const fn role(role: script::Role) -> Role {
    match role {
        script::Role::Client => Role::Initiator,
        script::Role::Server => Role::Acceptor,
    }
}

/// The pipe in tokio's terms.
struct Stream(PipeEnd);

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.0.poll_read(cx, into.initialize_unfilled()).map_ok(|n| into.advance(n))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.0.poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_close(cx)
    }
}
