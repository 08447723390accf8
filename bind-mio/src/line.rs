//! One connection in its place.

use std::sync::Arc;
use std::task::{Context, Waker};

use coap_tcp_app::{Driver, Layer, Turn};
use coap_tcp_core::Instant;

use crate::stream::{Asked, Stream};
use crate::wake::Bell;

/// Turns of one connection before others get theirs.
const TURNS: usize = 4;

pub(crate) struct Line<'c, L: Layer, S> {
    pub(crate) driver: Driver<'c, L>,
    pub(crate) stream: S,
    pub(crate) bell: Arc<Bell>,
    /// It is among those to be looked after.
    pub(crate) listed: bool,
}

impl<L: Layer, S: Stream> Line<'_, L, S> {
    pub(crate) fn turns(&mut self, now: Instant) -> Turn {
        self.listed = false;
        self.bell.answer();
        let waker = Waker::from(self.bell.clone());
        let mut cx = Context::from_waker(&waker);
        for _ in 0..TURNS {
            match self.driver.turn(&mut cx, now, &mut Asked(&mut self.stream)) {
                Turn::Again => {}
                done => return done,
            }
        }
        Turn::Again
    }
}
