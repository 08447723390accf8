//! The core alone under a script: no socket, no runtime, a transport made of a vector.

use std::time::Duration;

use coap_tcp_core::Instant;

use crate::core_app::CoreApp;
use crate::cut::Pieces;
use crate::endpoint::{Endpoint, Memory};
use crate::rig::{End, Rig, Seen};
use crate::script::{Command, Setup};

/// The rig.
#[derive(Debug)]
pub struct CoreRig<M: Memory> {
    now: Instant,
    us: Endpoint<M>,
    app: CoreApp,
    /// To the peer, not read yet.
    wire: Vec<u8>,
    window: usize,
    /// What the transport takes at a time.
    pieces: Pieces,
}

impl<M: Memory> CoreRig<M> {
    fn turn(&mut self) {
        let Self { wire, window, pieces, .. } = self;
        self.us.turn(self.now, &mut self.app, |bytes| {
            let n = pieces.next(bytes.len().min(window.saturating_sub(wire.len())));
            wire.extend_from_slice(bytes.get(..n).unwrap_or_default());
            n
        });
    }

    /// The peer sends, and we read it in pieces, but send nothing in between. What we have sent can matter to
    /// what comes after: a peer that has released the connection is listened to until we are done.
    pub fn peer_write_in_pieces(&mut self, bytes: &[u8], mut size: impl FnMut(usize) -> usize) {
        let mut rest = bytes;
        while !rest.is_empty() && !self.us.is_gone() {
            let (piece, later) = rest.split_at(size(rest.len()).min(rest.len()));
            self.us.push(piece);
            self.us.read(self.now, &mut self.app);
            rest = later;
        }
        self.turn();
    }
}

impl<M: Memory> Rig for CoreRig<M> {
    fn can(setup: &Setup) -> bool {
        setup.max_message_size <= M::MAX_MESSAGE_SIZE
    }

    fn start(setup: &Setup) -> Self {
        let now = Instant::from_millis(1000);
        let us = Endpoint::new(setup, now);
        let window = setup.window.unwrap_or(usize::MAX);
        let mut rig =
            Self { now, us, app: CoreApp::default(), wire: vec![], window, pieces: Pieces::new(setup.cut) };
        rig.turn();
        rig
    }

    fn peer_write(&mut self, bytes: &[u8]) {
        self.us.push(bytes);
        self.turn();
    }

    fn peer_read(&mut self, out: &mut Vec<u8>) -> bool {
        out.append(&mut self.wire);
        self.turn();
        self.us.is_finished() && self.wire.is_empty()
    }

    fn peer_end(&mut self, end: End) {
        match end {
            End::Eof => self.us.push_eof(),
            End::Reset => self.us.lose(),
        }
        self.turn();
    }

    fn app(&mut self, command: &Command) {
        self.app.command(self.now, command, &mut self.us.peer());
        self.turn();
    }

    fn events(&mut self, out: &mut Vec<Seen>) {
        out.extend(self.app.take_seen());
    }

    fn advance(&mut self, by: Duration) {
        let end = self.now + by;
        while let Some(at) = self.us.poll_timeout().filter(|&at| at <= end) {
            self.now = self.now.max(at);
            self.turn();
        }
        self.now = end;
        self.turn();
    }
}
