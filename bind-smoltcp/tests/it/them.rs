//! The peer of a script: a plain socket, in the script's hands.

use bind_smoltcp::core::{Buf, Instant};
use smoltcp::socket::tcp::{Socket, State};
use testkit::cut::Pieces;
use testkit::rig::End;
use testkit::script::Setup;

use crate::world::{Actor, Make, ROOMY, Ring, V4, World};

/// Reads only when the script does.
#[derive(Default)]
pub(crate) struct Them {
    say: Vec<u8>,
    heard: Vec<u8>,
    reads: bool,
    end: Option<End>,
    ended: bool,
}

impl Actor for Them {
    fn act(&mut self, _: Instant, socket: &mut Socket<'static>) {
        // Nothing may wait for time that the script does not let pass.
        socket.set_ack_delay(None);
        socket.set_timeout(None);
        while self.reads && socket.can_recv() {
            let heard = &mut self.heard;
            socket.recv(|bytes| (bytes.len(), heard.extend_from_slice(bytes))).unwrap();
        }
        let open = matches!(socket.state(), State::Established | State::FinWait1 | State::FinWait2);
        self.ended |= self.reads && !open && !socket.is_listening() && !socket.can_recv();
        if socket.may_send() {
            let n = socket.send_slice(&self.say).unwrap();
            self.say.consume(n);
        }
        match self.end {
            Some(End::Eof) if self.say.is_empty() => socket.close(),
            Some(End::Reset) => socket.abort(),
            _ => {}
        }
    }
}

/// Between us and a peer that does not read lie its ring and ours. Ours takes no more at a time than it is large.
pub(crate) fn make(setup: &Setup) -> Make {
    let rings = match setup.window {
        None => [Ring { tx: Pieces::new(setup.cut).next(ROOMY.tx), ..ROOMY }, ROOMY],
        Some(window) => [Ring { tx: 1, ..ROOMY }, Ring { rx: window - 1, ..ROOMY }],
    };
    Make { rings, ..V4 }
}

/// What the peer of a script does.
impl<U: Actor> World<U, Them> {
    pub(crate) fn peer_write(&mut self, bytes: &[u8]) {
        self.b.actor.say.extend_from_slice(bytes);
        self.settle();
    }

    pub(crate) fn peer_read(&mut self, out: &mut Vec<u8>) -> bool {
        self.b.actor.reads = true;
        self.settle();
        let them = &mut self.b.actor;
        them.reads = false;
        out.append(&mut them.heard);
        them.ended
    }

    pub(crate) fn peer_end(&mut self, end: End) {
        self.b.actor.end = Some(end);
        self.settle();
    }
}
