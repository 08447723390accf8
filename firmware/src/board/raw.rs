//! All that the compiler cannot check: registers, semihosting, the stack, the handlers of last resort.

use core::panic::PanicInfo;
use core::ptr::{read_volatile, write_volatile};

use cortex_m_rt::{ExceptionFrame, exception};
use cortex_m_semihosting::{debug, syscall, syscall1};

/// The registers of the Ethernet controller.
const ENET: usize = 0x4004_8000;

/// One register of the Ethernet controller, by its offset.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Register(usize);

impl Register {
    pub(super) const RECEIVE_CONTROL: Self = Self(0x08);
    pub(super) const TRANSMIT_CONTROL: Self = Self(0x0c);
    pub(super) const DATA: Self = Self(0x10);
    pub(super) const ADDRESS_LOW: Self = Self(0x14);
    pub(super) const ADDRESS_HIGH: Self = Self(0x18);
    pub(super) const PACKETS: Self = Self(0x34);
    pub(super) const TRANSMIT: Self = Self(0x38);

    pub(super) fn get(self) -> u32 {
        // SAFETY: the offsets above are those of registers that the board has; reading DATA takes from a FIFO, which
        // only the one network card does.
        unsafe { read_volatile((ENET + self.0) as *const u32) }
    }

    pub(super) fn set(self, value: u32) {
        // SAFETY: as above, and nothing that is written moves memory.
        unsafe { write_volatile((ENET + self.0) as *mut u32, value) }
    }
}

/// Text to the console of the host.
pub(super) fn write(text: &str) {
    let mut bytes = text.bytes();
    while bytes.len() > 0 {
        let mut line = [0u8; 32];
        // Nothing here may panic, since a panic is told, too.
        line.iter_mut().take(31).zip(&mut bytes).for_each(|(place, byte)| *place = byte);
        // SAFETY: WRITE0 reads a string that ends with a zero, which `line` does.
        unsafe { syscall1!(WRITE0, line.as_ptr()) };
    }
}

/// Ends the emulator.
pub(super) fn exit(success: bool) -> ! {
    debug::exit(if success { debug::EXIT_SUCCESS } else { debug::EXIT_FAILURE });
    loop {
        cortex_m::asm::wfi();
    }
}

/// The arguments that the host gave, as one line.
pub struct Host([u8; 80]);

impl Host {
    /// Asks for them.
    pub fn arguments() -> Self {
        let mut line = [0u8; 80];
        // SAFETY: GET_CMDLINE writes at most as many bytes as the second argument says to where the first points.
        unsafe { syscall!(GET_CMDLINE, line.as_mut_ptr(), line.len() - 1) };
        Self(line)
    }
}

/// The number that follows `name=` in the arguments.
pub fn argument(host: &Host, name: &str) -> Option<u32> {
    let text = host.0.split(|byte| *byte == 0).next()?;
    let words = text.split(|byte| *byte == b' ');
    let value = words.filter_map(|word| word.strip_prefix(name.as_bytes())?.strip_prefix(b"=")).next()?;
    core::str::from_utf8(value).ok()?.parse().ok()
}

/// The most of the stack that was ever in use: the start-up code has painted it.
pub fn stack_used() -> u32 {
    const PAINT: u32 = 0xcccc_cccc;
    unsafe extern "C" {
        static mut _stack_start: u32;
        static mut _stack_end: u32;
    }
    // SAFETY: the linker script defines both as the ends of the stack's memory, aligned to words; it is only read, and
    // never beyond them.
    unsafe {
        let (top, mut at) = (&raw const _stack_start, &raw const _stack_end);
        while at < top && read_volatile(at) == PAINT {
            at = at.add(1);
        }
        top.byte_offset_from(at) as u32
    }
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    if let Some(place) = info.location().filter(|_| cfg!(feature = "speak")) {
        super::say(&["panic in ", place.file()]);
        super::say_number("line", place.line());
    }
    exit(false)
}

/// The start-up code's own would loop for ever.
#[exception]
unsafe fn HardFault(_: &ExceptionFrame) -> ! {
    exit(false)
}
