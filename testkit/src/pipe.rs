//! A byte stream in memory, one end of which is the player's: with a window, and it can end and break.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use coap_tcp_app::Transport;

use crate::cut::{Cut, Pieces};
use crate::rig::End;

/// The peer's end.
#[derive(Clone, Debug)]
pub struct Pipe(Arc<Mutex<State>>);

/// Our end. Dropped, our stream ends.
#[derive(Debug)]
pub struct PipeEnd(Pipe);

#[derive(Debug)]
struct State {
    to_us: Vec<u8>,
    to_peer: Vec<u8>,
    /// Bytes that may lie there for the peer.
    window: usize,
    /// What our end may write at a time.
    pieces: Pieces,
    peer_ended: bool,
    we_ended: bool,
    broken: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Pipe {
    /// Both ends; what ours writes is taken in pieces.
    pub fn new(window: Option<usize>, cut: Cut) -> (Self, PipeEnd) {
        let state = State {
            to_us: vec![],
            to_peer: vec![],
            window: window.unwrap_or(usize::MAX),
            pieces: Pieces::new(cut),
            peer_ended: false,
            we_ended: false,
            broken: false,
            reader: None,
            writer: None,
        };
        let pipe = Self(Arc::new(Mutex::new(state)));
        (pipe.clone(), PipeEnd(pipe))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The peer sends.
    pub fn write(&self, bytes: &[u8]) {
        let mut state = self.lock();
        state.to_us.extend_from_slice(bytes);
        wake(&mut state.reader);
    }

    /// The peer reads all there is; true once our stream has ended.
    pub fn read(&self, out: &mut Vec<u8>) -> bool {
        let mut state = self.lock();
        out.append(&mut state.to_peer);
        wake(&mut state.writer);
        state.we_ended
    }

    /// The peer's last act.
    pub fn end(&self, end: End) {
        let mut state = self.lock();
        state.peer_ended = true;
        state.broken |= end == End::Reset;
        wake(&mut state.reader);
        wake(&mut state.writer);
    }
}

fn wake(waker: &mut Option<Waker>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}

impl Transport for PipeEnd {
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut state = self.0.lock();
        let n = state.to_us.len().min(into.len());
        if state.broken {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        if n == 0 && !state.peer_ended {
            state.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        into.iter_mut().zip(state.to_us.drain(..n)).for_each(|(to, from)| *to = from);
        Poll::Ready(Ok(n))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut state = self.0.lock();
        let room = bytes.len().min(state.window.saturating_sub(state.to_peer.len()));
        if state.broken || state.we_ended {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if room == 0 {
            state.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let n = state.pieces.next(room);
        state.to_peer.extend_from_slice(bytes.get(..n).unwrap_or_default());
        Poll::Ready(Ok(n))
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.lock().we_ended = true;
        Poll::Ready(Ok(()))
    }
}

impl Drop for PipeEnd {
    fn drop(&mut self) {
        self.0.lock().we_ended = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_our_end_writes_is_taken_in_pieces() {
        let written = |cut| {
            let (pipe, mut end) = Pipe::new(Some(3), cut);
            let cx = &mut Context::from_waker(Waker::noop());
            let write = |end: &mut PipeEnd, cx: &mut Context<'_>| match end.poll_write(cx, &[7; 5]) {
                Poll::Ready(Ok(n)) => n,
                _ => 0,
            };
            let sizes = [(); 4].map(|()| write(&mut end, cx));
            let mut out = vec![];
            pipe.read(&mut out);
            (sizes, out.len())
        };
        assert_eq!(written(Cut::Whole), ([3, 0, 0, 0], 3));
        assert_eq!(written(Cut::Bytes), ([1, 1, 1, 0], 3));
    }
}
