//! What a connection costs in memory. Ceilings, not wishes: a growing field should be noticed.

use coap_tcp_core::wire::Token;
use coap_tcp_core::{Config, Connection, Deframer, Event, Instant, Message, Session, Settings, Slot, Ticket};

#[test]
fn sizes_have_ceilings() {
    let session = size_of::<Session<'_, Vec<u8>, Vec<Slot<()>>>>();
    let table = [
        ("Instant", size_of::<Instant>(), 8),
        ("Option<Instant>", size_of::<Option<Instant>>(), 8),
        ("Message", size_of::<Message<'_>>(), 56),
        ("Event<()>", size_of::<Event<'_, ()>>(), 96),
        ("Slot<()>", size_of::<Slot<()>>(), 24),
        ("Token", size_of::<Token>(), 9),
        ("Ticket", size_of::<Ticket>(), 8),
        ("Settings", size_of::<Settings>(), 12),
        ("Deframer<Vec>", size_of::<Deframer<Vec<u8>>>(), 40),
        ("Connection<Vec>", size_of::<Connection<'_, Vec<Slot<()>>>>(), 120),
        ("Connection<[_; 4]>", size_of::<Connection<'_, [Slot<()>; 4]>>(), 192),
        ("Session<Vec, Vec>", session, 168),
        ("Session and tx", session + size_of::<Vec<u8>>(), 192),
        ("Config", size_of::<Config>(), 300),
    ];
    for (what, size, ceiling) in table {
        assert!(size <= ceiling, "{what}: {size} > {ceiling}");
    }
}
