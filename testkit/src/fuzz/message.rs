//! One frame: lengths, views, round trips; beside the model codec.

use coap_tcp_core::wire::{Csm, Prefix, abort, head, release};
use coap_tcp_core::{Buf, Fixed, Message, OptionNumber};

use crate::model::Plain;

/// Takes any bytes as a frame.
pub fn message(data: &[u8]) {
    lengths(data, false);
    lengths(data, true);
    let model = Plain::decode(data);
    let parsed = Message::parse(data);
    let Ok(message) = parsed else {
        let whole = matches!(model, Ok(Some((_, size))) if size == data.len());
        assert!(!whole, "the model reads what the codec refuses with {parsed:?}");
        return;
    };
    let plain = Plain::of(&message);
    assert_eq!(model, Ok(Some((plain.clone(), data.len()))), "the model reads otherwise");
    look_at(&message);
    round_trip(data, &message, &plain);
}

/// What the first bytes tell only becomes more exact with more of them.
fn lengths(data: &[u8], extended: bool) {
    let whole = head(data, extended);
    for n in 0..data.len().min(10) {
        let (Some(part), Ok(Prefix::Head(whole))) = (data.get(..n), whole) else {
            return;
        };
        match head(part, extended) {
            Ok(Prefix::Head(head)) => assert_eq!(head, whole),
            Ok(Prefix::Partial { need, least }) => {
                assert!(need > 0 && (n + need) as u64 <= whole.total(), "wants more than there is");
                assert!(least <= whole.total(), "promised too much");
            }
            Err(error) => panic!("{error}, but with more bytes it is well"),
        }
    }
    if let Ok(Prefix::Head(head)) = whole {
        assert!((2..=8).contains(&head.fixed) && head.token <= 65804 && head.total() >= 2);
    }
}

/// Every accessor is infallible.
fn look_at(message: &Message<'_>) {
    let mut last = OptionNumber(0);
    for (number, value) in message.options() {
        assert!(number >= last);
        last = number;
        assert!(message.all(number).any(|other| other == value));
        let _ = (message.option(number), message.uint(number), message.block(number).is_ok());
    }
    let known: Vec<_> = message.options().map(|(number, _)| number).collect();
    if let Some(number) = message.unknown_critical(&[]) {
        assert!(number.is_critical() && known.contains(&number));
    }
    let _ = (message.unknown_critical(&known), message.observe(), message.path_is(&["t"]));
    let _ = (message.path().count(), message.query().count(), message.to_string());
    let _ = (Csm::read(message, true), Csm::read(message, false));
    let _ = (abort::bad_csm_option(message), release::hold_off(message));
    let _ = release::alternatives(message).count();
}

/// Law 7. Each length has one encoding, so a frame is written again as it was (T-3.2-6).
fn round_trip(data: &[u8], message: &Message<'_>, plain: &Plain) {
    let mut again = b"before".to_vec();
    assert_eq!(message.write(&mut again), Ok(data.len()));
    assert_eq!(again.get(6..), Some(data), "not canonical");
    assert_eq!(plain.encode(), data, "the model writes otherwise");
    // Law 2.
    let mut small = Fixed::<64>::new();
    let _ = small.append(b"before");
    if message.write(&mut small).is_err() {
        assert_eq!(small.as_slice(), b"before", "a frame that does not fit leaves a trace");
    } else {
        assert_eq!(small.as_slice().get(6..), Some(data));
    }
}
