//! A device and a registry on one wire.

use std::time::Duration;

use coap_tcp_core::{Peer, Slot};
use lwm2m_core::client;
use lwm2m_core::server::{self, Registry};

use super::device::{Device, Heap, Memory, app};
use super::frames::messages;
use super::host::Host;

/// Both, on one wire.
pub struct World<M: Memory = Heap> {
    pub device: Device<M>,
    pub host: Host,
    /// The connection of the device; a new number for each.
    pub k: u32,
    /// What went over the wire: `>` to the server, `<` to the device.
    pub wire: Vec<String>,
    /// Bytes that arrive together.
    pub cut: usize,
}

impl<M: Memory> World<M> {
    pub fn new() -> Self {
        Self::cut(usize::MAX)
    }

    pub fn cut(cut: usize) -> Self {
        let config = client::Config::new("dev").jitter_percent(0).reconnect_within(Duration::ZERO);
        let mut world = Self {
            device: Device::with(config, app()),
            host: Host::new(server::Config::new()),
            k: 0,
            wire: Vec::new(),
            cut,
        };
        world.settle();
        world
    }

    /// Bytes go to and fro until there are none.
    pub fn settle(&mut self) {
        let mut quiet = false;
        while !quiet {
            let connections = self.device.connects.len();
            self.device.turn();
            if self.device.connects.len() > connections {
                self.host.disconnect(self.k);
                self.k += 1;
                self.host.connect(self.k, None);
            }
            if self.device.session.is_none() && self.host.links.contains_key(&self.k) {
                self.host.disconnect(self.k);
            }
            let up = self.device.take();
            up.chunks(self.cut).for_each(|bytes| self.host.feed(self.k, bytes));
            let down = self.host.take(self.k);
            down.chunks(self.cut).for_each(|bytes| self.device.feed(bytes));
            self.wire.extend(messages(&up).iter().map(|message| format!("> {message:?}")));
            self.wire.extend(messages(&down).iter().map(|message| format!("< {message:?}")));
            quiet = up.is_empty() && down.is_empty();
        }
    }

    pub fn wait(&mut self, time: Duration) {
        let until = self.device.now + time;
        while self.device.now < until {
            let step = Duration::from_millis(100).min(until.duration_since(self.device.now));
            self.device.wait(step);
            self.host.wait(step);
            self.settle();
        }
    }

    pub fn ask(&mut self, send: impl FnOnce(&mut Registry<u32>, server::RegistrationId, &mut HostPeer<'_>)) {
        let id = self.host.registry.find("dev").unwrap().id();
        let (session, tx) = self.host.links.get_mut(&self.k).unwrap();
        send(&mut self.host.registry, id, &mut session.peer(tx));
        self.settle();
    }
}

pub type HostPeer<'a> = Peer<'a, 'static, Vec<Slot<server::Op>>, Vec<u8>>;
