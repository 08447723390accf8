//! The network card: packets go through a FIFO word by word, no DMA.

use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::time::Instant;

use super::raw::Register;

/// Ethernet's header.
const HEADER: usize = 14;

/// Bytes of a frame, its check sum apart, that carries an IP packet of so many bytes.
pub const fn frame(ip_mtu: usize) -> usize {
    HEADER + ip_mtu
}

/// The only network card, and the packet that came last.
pub struct Enet {
    came: &'static mut [u8],
    goes: &'static mut [u8],
}

impl Enet {
    /// Switches it on. Larger packets than fit are neither sent nor taken.
    pub fn new(came: &'static mut [u8], goes: &'static mut [u8]) -> Self {
        // Full duplex, check sums and padding by the card; no packets with bad check sums, an empty FIFO.
        Register::TRANSMIT_CONTROL.set(0b1_0111);
        Register::RECEIVE_CONTROL.set(0b1_1000);
        Register::RECEIVE_CONTROL.set(0b0_1001);
        Self { came, goes }
    }

    /// The address that it came with.
    pub fn address(&self) -> [u8; 6] {
        let [a, b, c, d] = Register::ADDRESS_LOW.get().to_le_bytes();
        let [e, f, ..] = Register::ADDRESS_HIGH.get().to_le_bytes();
        [a, b, c, d, e, f]
    }

    /// Takes the next packet out of the FIFO: its length in front, its check sum behind it.
    fn take(&mut self) -> Option<usize> {
        if Register::PACKETS.get() & 0x3f == 0 {
            return None;
        }
        let [low, high, a, b] = Register::DATA.get().to_le_bytes();
        let total = usize::from(u16::from_le_bytes([low, high]));
        let mut put = |at: usize, bytes: &[u8]| {
            for (byte, at) in bytes.iter().zip(at..) {
                if let Some(place) = self.came.get_mut(at) {
                    *place = *byte;
                }
            }
        };
        put(0, &[a, b]);
        // Also what is too long must leave the FIFO.
        for at in (2..total.saturating_sub(2)).step_by(4) {
            put(at, &Register::DATA.get().to_le_bytes());
        }
        total.checked_sub(6)
    }
}

/// Hands a frame to the card: the length of what follows the header stands in front.
fn send(frame: &[u8]) {
    let byte = |at: usize| frame.get(at).copied().unwrap_or(0);
    let [low, high, ..] = frame.len().saturating_sub(HEADER).to_le_bytes();
    Register::DATA.set(u32::from_le_bytes([low, high, byte(0), byte(1)]));
    for at in (2..frame.len().max(HEADER)).step_by(4) {
        Register::DATA.set(u32::from_le_bytes([byte(at), byte(at + 1), byte(at + 2), byte(at + 3)]));
    }
    Register::TRANSMIT.set(1);
}

impl Device for Enet {
    type RxToken<'a> = Came<'a>;
    type TxToken<'a> = Goes<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Came<'_>, Goes<'_>)> {
        let length = self.take()?;
        // smoltcp passes over an empty frame.
        let frame = self.came.get(..length).unwrap_or_default();
        Some((Came(frame), Goes(self.goes)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Goes<'_>> {
        Some(Goes(self.goes))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = self.goes.len();
        capabilities.max_burst_size = Some(1);
        capabilities
    }
}

/// A packet that came.
pub struct Came<'a>(&'a [u8]);

impl RxToken for Came<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(self.0)
    }
}

/// Room for a packet to go.
pub struct Goes<'a>(&'a mut [u8]);

impl TxToken for Goes<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        // Never longer than `capabilities` says.
        let frame = self.0.get_mut(..len).unwrap_or_default();
        let result = f(frame);
        send(frame);
        result
    }
}
