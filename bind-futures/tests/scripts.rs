//! Every script, on smol and on async-std.

mod clock;

use std::future::Future;
use std::pin::Pin;
use std::process::ExitCode;
use std::task::{Context, Poll};
use std::time::Duration;
use std::{future, io};

use bind_futures::{Role, Timer, drive};
use clock::Clock;
use coap_tcp_app::{Layer, Transport};
use futures_io::{AsyncRead, AsyncWrite};
use smol::LocalExecutor;
use testkit::conformance::{run, trials};
use testkit::lwm2m::{self, DeviceApp, ServerApp};
use testkit::pipe::PipeEnd;
use testkit::pipe_rig::{PipeRig, Runtime};
use testkit::script::{self, Setup};

fn main() -> ExitCode {
    run([
        trials::<PipeRig<Smol>>("smol"),
        lwm2m::trials::<PipeRig<Smol, DeviceApp>>("smol-device"),
        lwm2m::trials::<PipeRig<Smol, ServerApp>>("smol-server"),
        trials::<PipeRig<AsyncStd>>("async-std"),
        lwm2m::trials::<PipeRig<AsyncStd, DeviceApp>>("async-std-device"),
        lwm2m::trials::<PipeRig<AsyncStd, ServerApp>>("async-std-server"),
    ])
}

struct Smol {
    executor: LocalExecutor<'static>,
    clock: Clock,
    _driver: smol::Task<()>,
}

impl Runtime for Smol {
    fn start(setup: &Setup, io: PipeEnd, layer: impl Layer<Tag: Send> + Send + 'static) -> Self {
        let (executor, clock) = (LocalExecutor::new(), Clock::default());
        let _driver = executor.spawn(driven(setup, io, layer, &clock));
        Self { executor, clock, _driver }
    }

    fn run(&mut self) {
        while self.executor.try_tick() {}
    }

    fn advance(&mut self, by: Duration) {
        let end = self.clock.now() + by;
        while self.clock.step(end) {
            self.run();
        }
    }
}

struct AsyncStd {
    clock: Clock,
    _driver: async_std::task::JoinHandle<()>,
}

impl Runtime for AsyncStd {
    fn start(setup: &Setup, io: PipeEnd, layer: impl Layer<Tag: Send> + Send + 'static) -> Self {
        let clock = Clock::default();
        let _driver = async_std::task::spawn_local(driven(setup, io, layer, &clock));
        Self { clock, _driver }
    }

    /// A few rounds: the executor takes its tasks in an order of its own.
    fn run(&mut self) {
        async_std::task::block_on(async {
            for _ in 0..4 {
                async_std::task::yield_now().await;
            }
        });
    }

    fn advance(&mut self, by: Duration) {
        let end = self.clock.now() + by;
        while self.clock.step(end) {
            self.run();
        }
    }
}

fn driven<L: Layer>(
    setup: &Setup,
    io: PipeEnd,
    layer: L,
    clock: &Clock,
) -> impl Future<Output = ()> + use<L> {
    let role = match setup.role {
        script::Role::Client => Role::Initiator,
        script::Role::Server => Role::Acceptor,
    };
    let (config, clock) = (setup.config, clock.clone());
    async move {
        let ended = drive(Stream(io), role, config, clock, layer, future::pending()).await;
        ended.unwrap_or_else(|error| panic!("{error}"));
    }
}

/// The pipe in terms of futures-io.
struct Stream(PipeEnd);

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        self.0.poll_read(cx, into)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.0.poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_close(cx)
    }
}
