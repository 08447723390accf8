//! Nothing but what every image has, to be subtracted from the others.
#![no_std]
#![no_main]

use cortex_m_rt::entry;
use firmware::board;

#[entry]
fn main() -> ! {
    let started = board::start().is_some();
    board::end((!started).then_some("no start"))
}
