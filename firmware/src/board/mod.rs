//! The LM3S6965 evaluation board, as far as QEMU has it: time, a voice, an end, a network card.

pub mod enet;
#[allow(unsafe_code)]
mod raw;

use core::sync::atomic::{AtomicU32, Ordering};

use coap_tcp_core::Instant;
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m_rt::exception;

pub use raw::{Host, argument, stack_used};

/// The core clock after a reset, for a millisecond.
const CYCLES: u32 = 12_500;

static MILLIS: AtomicU32 = AtomicU32::new(0);

/// Starts the clock. Once.
pub fn start() -> Option<cortex_m::Peripherals> {
    let mut peripherals = cortex_m::Peripherals::take()?;
    let clock = &mut peripherals.SYST;
    clock.set_clock_source(SystClkSource::Core);
    clock.set_reload(CYCLES - 1);
    clock.clear_current();
    clock.enable_counter();
    clock.enable_interrupt();
    Some(peripherals)
}

#[exception]
fn SysTick() {
    // The only writer, so no read-modify-write is needed.
    MILLIS.store(MILLIS.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
}

/// Time since the start, for 49 days.
pub fn now() -> Instant {
    Instant::from_millis(MILLIS.load(Ordering::Relaxed).into())
}

/// Sleeps until the next interrupt, a millisecond at most.
pub fn sleep() {
    cortex_m::asm::wfi();
}

/// Says something to whoever runs the image. Pieces, so that no formatting is linked in.
pub fn say(pieces: &[&str]) {
    if cfg!(feature = "speak") {
        pieces.iter().for_each(|piece| raw::write(piece));
        raw::write("\n");
    }
}

/// Says a name and a number.
pub fn say_number(name: &str, number: u32) {
    if cfg!(feature = "speak") {
        let mut digits = [0; 10];
        let mut left = number;
        let mut at = digits.len();
        loop {
            at -= 1;
            if let Some(digit) = digits.get_mut(at) {
                *digit = b'0' + (left % 10) as u8;
            }
            left /= 10;
            if left == 0 {
                break;
            }
        }
        let digits = digits.get(at..).and_then(|digits| core::str::from_utf8(digits).ok());
        say(&[name, " ", digits.unwrap_or_default()]);
    }
}

/// Ends the run: exit code 0, or 1 with a reason.
pub fn end(failure: Option<&str>) -> ! {
    if let Some(why) = failure {
        say(&["failed: ", why]);
    }
    say_number("stack", stack_used());
    raw::exit(failure.is_none())
}
