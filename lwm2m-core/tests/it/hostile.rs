//! Whatever comes, there is one answer to each request, and no panic.

use coap_tcp_core::Code;
use coap_tcp_core::wire::{Class, OptionNumber};
use proptest::collection::vec;
use proptest::prelude::*;

use super::rig::*;

/// A path that is often one that exists.
fn paths() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let id = prop_oneof![
        6 => prop::sample::select(vec!["0", "1", "3", "6", "9", "3303", "5700", "65534", "rd", "x", "feed"]),
        1 => Just("65535"),
    ];
    let segment = prop_oneof![9 => id.prop_map(|id| id.as_bytes().to_vec()), 1 => vec(any::<u8>(), 0..4)];
    vec(segment, 0..6)
}

/// Observe and others, mostly in a form that they may have.
fn extras() -> impl Strategy<Value = Vec<(u16, Vec<u8>)>> {
    let number = prop::sample::select(vec![1, 3, 4, 6, 7, 12, 15, 17, 23, 27, 35, 60, 258, 9999]);
    let value = prop_oneof![
        prop::sample::select(vec![vec![], vec![0], vec![1], vec![40], vec![112], vec![0x2d, 0x16]]),
        vec(any::<u8>(), 0..6)
    ];
    vec((number, value), 0..4)
}

fn requests() -> impl Strategy<Value = Vec<u8>> {
    let code = prop_oneof![4 => Just(1_u8), 1 => 1_u8..32];
    (code, vec(any::<u8>(), 0..3), paths(), extras(), vec(any::<u8>(), 0..20)).prop_map(
        |(code, token, path, extras, payload)| {
            let mut options: Vec<_> = path.into_iter().map(|segment| (11, segment)).collect();
            // No-Response asks for silence; it has its own tests below.
            options.extend(extras.into_iter().filter(|(number, _)| *number != 258));
            options.sort_by_key(|(number, _)| *number);
            let options: Vec<_> = options.iter().map(|(n, value)| (OptionNumber(*n), &value[..])).collect();
            frame(Code(code), &token, &options, &payload)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn every_request_to_a_device_gets_one_answer(requests in vec(requests(), 1..8), registered: bool) {
        let mut device = if registered { Device::registered() } else { Device::new() };
        device.sent();
        for request in requests {
            let asked = messages(&request).remove(0);
            device.feed(&request);
            let sent = device.sent();
            prop_assert_eq!(sent.len(), 1, "{:?} {:?}", asked, sent);
            let answer = sent[0].view();
            prop_assert_eq!(answer.token, asked.view().token);
            prop_assert!(matches!(answer.code.class(), Class::Success | Class::ClientError | Class::ServerError));
            prop_assert_eq!(answer.code.is_success(), answer.option(OptionNumber::CONTENT_FORMAT).is_some());
        }
    }

    #[test]
    fn every_request_to_a_server_gets_one_answer(requests in vec(requests(), 1..8)) {
        let mut host = Host::new(lwm2m_core::server::Config::new());
        host.connect(1, None);
        for request in requests {
            let asked = messages(&request).remove(0);
            let answer = host.ask(1, &request);
            prop_assert_eq!(answer.view().token, asked.view().token);
        }
    }

    #[test]
    fn bytes_of_all_kinds_are_survived(bytes in vec(any::<u8>(), 0..200), cut in 0_usize..200) {
        let cut = cut.min(bytes.len());
        let mut device = Device::registered();
        device.feed(&bytes[..cut]);
        device.feed(&bytes[cut..]);
        device.wait(s(100.0));
        let mut host = Host::new(lwm2m_core::server::Config::new());
        host.connect(1, None);
        host.feed(1, &bytes[..cut]);
        host.feed(1, &bytes[cut..]);
        host.wait(s(100.0));
    }

    /// Answers of all kinds to whatever a device says, at all times: it never stops trying, and never spins.
    #[test]
    fn a_device_survives_its_server(answers in vec((0_u8..=255, extras(), 0_u32..400, any::<bool>()), 1..12)) {
        let mut device = Device::new();
        device.turn();
        for (code, options, wait, lost) in answers {
            let token = device.sent().last().map(|message| message.view().token.to_vec()).unwrap_or_default();
            let mut options = options;
            options.sort_by_key(|(number, _)| *number);
            let mut all: Vec<_> = options.iter().map(|(n, value)| (OptionNumber(*n), &value[..])).collect();
            all.retain(|(n, _)| *n != OptionNumber::LOCATION_PATH);
            all.push((OptionNumber::LOCATION_PATH, b"rd"));
            all.sort_by_key(|(n, _)| *n);
            device.feed(&frame(Code(code), &token, &all, &[]));
            if lost {
                device.disconnect();
            }
            device.wait(s(wait.into()));
        }
        prop_assert!(device.client.poll_timeout().is_some() || device.client.state(0) != lwm2m_core::client::State::Idle);
    }
}
