//! Two names for the same moment.

use coap_tcp_core::Instant;

/// The core's moment for one of smoltcp's. Both count microseconds; before the start there is nothing.
pub fn from_smoltcp(at: smoltcp::time::Instant) -> Instant {
    Instant::from_micros(u64::try_from(at.total_micros()).unwrap_or(0))
}

/// smoltcp's moment for one of the core's; the last one it knows for what is later.
pub fn to_smoltcp(at: Instant) -> smoltcp::time::Instant {
    smoltcp::time::Instant::from_micros(i64::try_from(at.as_micros()).unwrap_or(i64::MAX))
}
