//! The laws that hold for any input, any cut of it, any order of calls and any times.

mod commands;
mod cuts;
mod order;

use proptest::collection::vec;
use proptest::prelude::*;

use crate::rig::{frame, hex};
use coap_tcp_core::{Code, Fixed, Session, Slot};

type Fixture<const N: usize> = Session<'static, Fixed<1152>, [Slot<u32>; N]>;

/// What a peer may send, sense and nonsense.
fn message() -> impl Strategy<Value = Vec<u8>> {
    let paths = prop::sample::select(vec!["a", "later", "silent", "forgets", "obs", ".."]);
    let token = vec(0..4_u8, 0..3);
    let codes = prop::sample::select(vec![0x01_u8, 0x02, 0x05, 0x08]);
    let request = (codes, token.clone(), paths, prop::option::of(0..3_u8), vec(any::<u8>(), 0..40)).prop_map(
        |(code, token, path, observe, payload)| {
            let observe = observe.map(|n| [n]);
            let mut options: Vec<(u16, &[u8])> = Vec::new();
            options.extend(observe.as_ref().map(|n| (6, n.as_slice())));
            options.push((11, path.as_bytes()));
            frame(Code(code), &token, &options, &payload)
        },
    );
    let ping = (token.clone(), any::<bool>()).prop_map(|(token, custody)| {
        let custody: &[(u16, &[u8])] = if custody { &[(2, b"")] } else { &[] };
        frame(Code::PING, &token, custody, b"")
    });
    let response = (1..4_u8, 0..4_u8, any::<bool>()).prop_map(|(generation, slot, observe)| {
        let observe: &[(u16, &[u8])] = if observe { &[(6, b"")] } else { &[] };
        frame(Code::CONTENT, &[generation << 4, slot], observe, b"x")
    });
    let rest = prop::sample::select(vec![
        "00 00",
        "01 00 AA",
        "00 E1",
        "30 E1 22 02 00",
        "40 E1 22 09 00 20",
        "00 E3",
        "11 E3 01 20",
        "00 E6",
        "30 01 E0 00 00",
        "20 E1 61 07",
    ])
    .prop_map(hex);
    let large = (500..1400_usize, token).prop_map(|(n, token)| frame(Code::POST, &token, &[], &vec![0; n]));
    let fatal = prop::sample::select(vec!["10 45 FF", "00 20", "0F", "10 E2 10", "00 E4", "00 E5", "F0"])
        .prop_map(hex);
    prop_oneof![8 => request, 2 => ping, 3 => response, 3 => rest, 1 => large, 1 => fatal]
}
