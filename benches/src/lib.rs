//! What is measured, by wall time (`wire.rs`, `session.rs`) and by instructions (`icount`).

use coap_lite::{CoapOption, MessageClass, Packet, RequestType};
use coap_tcp_core::wire::Writer;
use coap_tcp_core::{Buf, Code, Config, Event, Flow, Instant, Message, OptionNumber, Session, Slot};

/// A message in the forms in which it is read and written.
#[derive(Debug)]
pub struct Sample {
    /// What is in it, for the names of benches.
    pub name: &'static str,
    code: Code,
    options: Vec<(OptionNumber, Vec<u8>)>,
    payload: Vec<u8>,
    /// As RFC 8323 has it on the wire.
    pub frame: Vec<u8>,
    /// As RFC 7252 has it: what `coap-lite` reads.
    pub datagram: Vec<u8>,
    /// As `coap-lite` keeps it.
    pub packet: Packet,
}

const TOKEN: &[u8] = &[1, 2];

impl Sample {
    fn new(name: &'static str, code: Code, options: Vec<(OptionNumber, Vec<u8>)>, payload: Vec<u8>) -> Self {
        let packet = packet(code, &options, &payload);
        let datagram = packet.to_bytes().unwrap_or_default();
        let mut sample = Self { name, code, options, payload, frame: vec![], datagram, packet };
        let mut frame = Vec::new();
        sample.write(&mut frame);
        sample.frame = frame;
        sample
    }

    /// A GET with five options, 27 bytes.
    pub fn small_get() -> Self {
        let mut options = segments(OptionNumber::URI_PATH, &["sensors", "3303", "0", "5700"]);
        options.push((OptionNumber::ACCEPT, vec![60]));
        Self::new("small GET", Code::GET, options, vec![])
    }

    /// A POST of 1 KiB.
    pub fn large_post() -> Self {
        let mut options = segments(OptionNumber::URI_PATH, &["dp"]);
        options.push((OptionNumber::CONTENT_FORMAT, vec![112]));
        Self::new("1 KiB POST", Code::POST, options, vec![b'x'; 1024])
    }

    /// A GET with 32 options.
    pub fn many_options() -> Self {
        let mut options = segments(OptionNumber::URI_PATH, &["a"; 16]);
        options.extend(segments(OptionNumber::URI_QUERY, &["k=value"; 16]));
        Self::new("32 options", Code::GET, options, vec![])
    }

    /// All of them.
    pub fn all() -> [Self; 3] {
        [Self::small_get(), Self::large_post(), Self::many_options()]
    }

    /// Appends it to a buffer.
    pub fn write(&self, tx: &mut impl Buf) {
        // A vector is never full.
        let written = Writer::new(tx, self.code, TOKEN).map_err(Into::into).and_then(|mut writer| {
            for (number, value) in &self.options {
                writer.option(*number, value)?;
            }
            writer.payload(&self.payload)?;
            Ok::<_, coap_tcp_core::WriteError>(writer.finish())
        });
        debug_assert!(written.is_ok());
    }

    /// What a server looks at: code, path, one option, payload.
    pub fn read(frame: &[u8]) -> usize {
        let Ok(message) = Message::parse(frame) else {
            return 0;
        };
        look_at(&message)
    }

    /// The same of what `coap-lite` has read.
    pub fn read_lite(datagram: &[u8]) -> usize {
        let Ok(packet) = Packet::from_bytes(datagram) else {
            return 0;
        };
        let path = packet.get_option(CoapOption::UriPath);
        let path = path.map_or(0, |segments| segments.iter().map(Vec::len).sum());
        let accept = packet.get_first_option(CoapOption::Accept).map_or(0, Vec::len);
        path + accept + packet.payload.len()
    }

    /// Builds the packet and writes it, as every sender must.
    pub fn write_lite(&self) -> Vec<u8> {
        packet(self.code, &self.options, &self.payload).to_bytes().unwrap_or_default()
    }
}

fn segments(number: OptionNumber, values: &[&str]) -> Vec<(OptionNumber, Vec<u8>)> {
    values.iter().map(|value| (number, value.as_bytes().to_vec())).collect()
}

fn look_at(message: &Message<'_>) -> usize {
    let path: usize = message.path().map(<[u8]>::len).sum();
    let accept = message.option(OptionNumber::ACCEPT).map_or(0, <[u8]>::len);
    path + accept + message.payload.len()
}

fn packet(code: Code, options: &[(OptionNumber, Vec<u8>)], payload: &[u8]) -> Packet {
    let mut packet = Packet::new();
    packet.header.code = match code {
        Code::GET => MessageClass::Request(RequestType::Get),
        _ => MessageClass::Request(RequestType::Post),
    };
    packet.header.message_id = 1;
    packet.set_token(TOKEN.to_vec());
    for (number, value) in options {
        packet.add_option(number.0.into(), value.clone());
    }
    packet.payload = payload.to_vec();
    packet
}

/// A server's end of a connection, open, with nothing to send.
#[derive(Debug)]
pub struct Server {
    session: Session<'static, Vec<u8>, Vec<Slot<()>>>,
    tx: Vec<u8>,
    served: usize,
}

static CONFIG: Config = Config::new().max_message_size(4096);
const NOW: Instant = Instant::from_millis(1);

impl Server {
    /// Both CSMs are exchanged.
    pub fn open() -> Self {
        let mut tx = Vec::with_capacity(64 * 1024);
        let session = Session::accept(&CONFIG, Vec::new(), Vec::new(), NOW, &mut tx);
        let session = session.unwrap_or_else(|error| panic!("{error}"));
        let mut server = Self { session, tx, served: 0 };
        server.serve(&[0x00, 0xe1]);
        server
    }

    /// One read: requests come, 2.05 with twelve bytes goes out, and is sent. Gives how many were served.
    pub fn serve(&mut self, input: &[u8]) -> usize {
        self.served = 0;
        let served = &mut self.served;
        let flow = self.session.receive(NOW, input, &mut self.tx, |event, peer| {
            let Event::Request(incoming) = event else {
                return;
            };
            *served += usize::from(look_at(&incoming) > 0);
            let answer = peer.respond(&incoming, Code::CONTENT);
            let _ = answer.and_then(|mut answer| {
                answer.uint(OptionNumber::CONTENT_FORMAT, 60)?;
                answer.payload(b"twelve bytes")?;
                answer.finish()
            });
        });
        assert!(flow == Ok(Flow::Drained));
        let n = self.tx.len();
        self.tx.clear();
        self.session.sent(NOW, n, 0);
        self.served
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_what_they_say() {
        for sample in Sample::all() {
            assert!(Sample::read(&sample.frame) > 0, "{}", sample.name);
            assert_eq!(Sample::read(&sample.frame), Sample::read_lite(&sample.datagram), "{}", sample.name);
            assert_eq!(sample.write_lite(), sample.datagram);
            assert_eq!(Server::open().serve(&sample.frame.repeat(64)), 64, "{}", sample.name);
        }
        assert_eq!(Sample::small_get().frame.len(), 27);
        assert_eq!(Sample::many_options().options.len(), 32);
    }
}
