//! The rig of adapters that drive a connection as a future, over a pipe in memory.

use std::time::Duration;

use coap_tcp_app::Layer;

use crate::layer_app::{App, LayerApp};
use crate::pipe::{Pipe, PipeEnd};
use crate::rig::{End, Rig, Seen};
use crate::script::{Command, Setup};

/// A runtime with one connection on it, and a clock that is the rig's.
pub trait Runtime {
    /// Sets the connection up.
    fn start(setup: &Setup, io: PipeEnd, layer: impl Layer<Tag: Send> + Send + 'static) -> Self;

    /// Runs what can be run now.
    fn run(&mut self);

    /// Time passes, from deadline to deadline.
    fn advance(&mut self, by: Duration);
}

/// The rig.
#[derive(Debug)]
pub struct PipeRig<R, A = LayerApp> {
    runtime: R,
    pipe: Pipe,
    app: A,
}

impl<R: Runtime, A: App> PipeRig<R, A> {
    /// Until nothing moves.
    fn settle(&mut self) {
        loop {
            let before = self.app.turns();
            self.runtime.run();
            if self.app.turns() == before {
                return;
            }
        }
    }
}

impl<R: Runtime, A: App> Rig for PipeRig<R, A> {
    fn can(setup: &Setup) -> bool {
        A::can(setup)
    }

    fn start(setup: &Setup) -> Self {
        let (pipe, end) = Pipe::new(setup.window, setup.cut);
        let (app, layer) = A::new();
        let mut rig = Self { runtime: R::start(setup, end, layer), pipe, app };
        rig.settle();
        rig
    }

    fn peer_write(&mut self, bytes: &[u8]) {
        self.pipe.write(bytes);
        self.settle();
    }

    fn peer_read(&mut self, out: &mut Vec<u8>) -> bool {
        let ended = self.pipe.read(out);
        self.settle();
        ended
    }

    fn peer_end(&mut self, end: End) {
        self.pipe.end(end);
        self.settle();
    }

    fn app(&mut self, command: &Command) {
        self.app.command(command);
        self.settle();
    }

    fn events(&mut self, out: &mut Vec<Seen>) {
        out.extend(self.app.take_seen());
    }

    fn advance(&mut self, by: Duration) {
        self.runtime.advance(by);
        self.settle();
    }
}
