//! Messages as bytes, and back.

use coap_tcp_core::Code;
use coap_tcp_core::wire::{OptionNumber, OwnedMessage, Prefix, Writer, head};
use lwm2m_core::content::ContentFormat;

/// One that says nothing.
pub const CSM: &[u8] = &[0, 0xe1];

pub type Owned = OwnedMessage<Vec<u8>>;

pub fn frame(code: Code, token: &[u8], options: &[(OptionNumber, &[u8])], payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = Writer::new(&mut bytes, code, token).unwrap();
    for (number, value) in options {
        writer.option(*number, value).unwrap();
    }
    writer.payload(payload).unwrap();
    writer.finish();
    bytes
}

/// A request to a path, with Observe, Accept and Content-Format where they are given.
pub fn request(code: Code, token: &[u8], path: &str, observe: Option<u8>, accept: Option<u16>) -> Vec<u8> {
    let mut options = Vec::new();
    let (observe, accept) = (observe.map(|n| [n]), accept.map(u16::to_be_bytes));
    if let Some(observe) = &observe {
        options.push((OptionNumber::OBSERVE, if *observe == [0] { &[][..] } else { observe }));
    }
    options.extend(path.split('/').skip(1).map(|segment| (OptionNumber::URI_PATH, segment.as_bytes())));
    if let Some(accept) = &accept {
        options.push((OptionNumber::ACCEPT, accept));
    }
    frame(code, token, &options, &[])
}

/// All messages in `bytes` but CSMs.
pub fn messages(mut bytes: &[u8]) -> Vec<Owned> {
    let mut all = Vec::new();
    while let Ok(Prefix::Head(head)) = head(bytes, true) {
        let (frame, rest) = bytes.split_at(head.total() as usize);
        all.push(OwnedMessage::new(frame.to_vec()).unwrap());
        bytes = rest;
    }
    assert!(bytes.is_empty(), "part of a frame was written");
    all.retain(|message| message.view().code != Code::CSM);
    all
}

pub fn uint(message: &Owned, number: OptionNumber) -> Option<u32> {
    message.view().uint(number)
}

pub fn format_of(message: &Owned) -> Option<ContentFormat> {
    uint(message, OptionNumber::CONTENT_FORMAT).map(|number| ContentFormat(number as u16))
}

pub fn queries(message: &Owned) -> Vec<String> {
    message.view().query().map(|query| String::from_utf8(query.to_vec()).unwrap()).collect()
}

pub fn text(message: &Owned) -> String {
    String::from_utf8(message.view().payload.to_vec()).unwrap()
}
