//! Requests of a server: what they are, and the answer, in the order of checks of DM-4.

use coap_tcp_core::wire::OptionNumber;
use coap_tcp_core::{Buf, Code, Incoming, Observer, Peer, SendError, Slots};

use super::event::Served;
use super::notify::Observations;
use super::reading;
use super::state::State;
use crate::content::ContentFormat;
use crate::objects::{Objects, Refusal};
use crate::operation::Operation;
use crate::path::{Path, PathError};

/// The critical options that requests to a device may have.
const KNOWN: &[OptionNumber] = &[
    OptionNumber::URI_HOST,
    OptionNumber::URI_PORT,
    OptionNumber::URI_PATH,
    OptionNumber::URI_QUERY,
    OptionNumber::ACCEPT,
];

/// How long a server that is too early should wait, in seconds (REG-68).
const TOO_EARLY: u32 = 1;

/// What the client thinks of the server that asks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asker {
    pub(super) state: State,
    pub(super) read_format: Option<ContentFormat>,
    /// It speaks LwM2M 1.0.
    pub(super) legacy: bool,
}

/// Answers a request. Where even the refusal does not fit, the core gives the last one (row 70).
pub(super) fn serve<S: Slots, T: Buf + ?Sized, const N: usize>(
    asker: Asker,
    request: &Incoming<'_>,
    objects: &dyn Objects,
    observations: &mut Observations<N>,
    peer: &mut Peer<'_, '_, S, T>,
) -> Served {
    if let Some(observer) = request.ended() {
        observations.remove(observer);
    }
    let served = |operation, path, code| Served { operation, path, code };
    match asker.state {
        State::Registering => return served(None, Path::ROOT, too_early(request, peer)),
        state if !state.serves() => return served(None, Path::ROOT, say(Code::FORBIDDEN, request, peer)),
        _ => {}
    }
    if let Some(refusal) = request.refusal(KNOWN) {
        // Answered by the core's rule; what does not fit is settled there, too.
        let _ = peer.conn.refuse(request, refusal, peer.tx);
        return served(None, Path::ROOT, refusal.code);
    }
    let path = match Path::from_segments(request.path()) {
        Ok(path) => path,
        Err(error) => return served(None, Path::ROOT, say(bad_path(error), request, peer)),
    };
    let (operation, outcome) = match classify(request, objects, path) {
        Ok(operation) => {
            (Some(operation), operate(asker, operation, request, path, objects, observations, peer))
        }
        Err(code) => (None, Err(code)),
    };
    match outcome {
        Ok(code) => served(operation, path, code),
        Err(code) => served(operation, path, say(code, request, peer)),
    }
}

/// Steps 4 to 6.
fn classify(request: &Incoming<'_>, objects: &dyn Objects, path: Path) -> Result<Operation, Code> {
    reading::object(objects, path).map_err(Refusal::code)?;
    Operation::of(request, path.depth())
}

/// Steps 7 and on. An error is the code that is still to be said.
fn operate<S: Slots, T: Buf + ?Sized, const N: usize>(
    asker: Asker,
    operation: Operation,
    request: &Incoming<'_>,
    path: Path,
    objects: &dyn Objects,
    observations: &mut Observations<N>,
    peer: &mut Peer<'_, '_, S, T>,
) -> Result<Code, Code> {
    match operation {
        Operation::Read | Operation::Cancel | Operation::Observe => {
            // Without room for one more, the answer has no Observe option, and the server knows (ERR-45).
            let observe = operation == Operation::Observe && observations.has_room();
            let (observer, format) = read(asker, request, path, objects, observe, peer)?;
            if let Some(observer) = observer {
                observations.insert(observer, path, format);
            }
            Ok(Code::CONTENT)
        }
        Operation::Discover
        | Operation::Write
        | Operation::WritePartial
        | Operation::WriteAttributes
        | Operation::Execute
        | Operation::Create
        | Operation::Delete
        | Operation::ReadComposite
        | Operation::ObserveComposite
        | Operation::CancelComposite
        | Operation::WriteComposite => Err(Code::METHOD_NOT_ALLOWED),
    }
}

/// Answers with values, and says whom the core remembers as an observer, and which format they get.
fn read<S: Slots, T: Buf + ?Sized>(
    asker: Asker,
    request: &Incoming<'_>,
    path: Path,
    objects: &dyn Objects,
    observe: bool,
    peer: &mut Peer<'_, '_, S, T>,
) -> Result<(Option<Observer>, ContentFormat), Code> {
    // Attributes of one observation are for 1.2 clients that know them (IR-11, ERR-44).
    if request.query().next().is_some() {
        return Err(Code::BAD_REQUEST);
    }
    let format = match request.uint(OptionNumber::ACCEPT) {
        None => reading::default_format(asker.read_format, asker.legacy, path),
        Some(number) => ContentFormat(u16::try_from(number).unwrap_or(u16::MAX)),
    };
    let def = reading::object(objects, path).map_err(Refusal::code)?.ok_or(Code::METHOD_NOT_ALLOWED)?;
    reading::check(objects, def, path, format).map_err(Refusal::code)?;

    let observer = if observe { peer.conn.observe(request).ok() } else { None };
    let mut answer = peer.respond(request, Code::CONTENT).map_err(unsent)?;
    let written = reading::write(&mut answer, observer.is_some(), format, path, def, objects);
    let sent = written.map_err(Refusal::code).and_then(|()| answer.finish().map_err(unsent));
    if let (Err(_), Some(observer)) = (sent, observer) {
        peer.conn.unobserve(observer);
    }
    sent.map(|()| (observer, format))
}

/// The state of a Register under way: a server that keeps to the order never meets it (REG-68).
fn too_early<S: Slots, T: Buf + ?Sized>(request: &Incoming<'_>, peer: &mut Peer<'_, '_, S, T>) -> Code {
    let mut unavailable = || -> Result<(), SendError> {
        let mut answer = peer.respond(request, Code::SERVICE_UNAVAILABLE)?;
        answer.uint(OptionNumber::MAX_AGE, TOO_EARLY)?;
        answer.finish()
    };
    match unavailable() {
        Ok(()) => Code::SERVICE_UNAVAILABLE,
        Err(_) => reading::TOO_LARGE,
    }
}

fn say<S: Slots, T: Buf + ?Sized>(code: Code, request: &Incoming<'_>, peer: &mut Peer<'_, '_, S, T>) -> Code {
    let said = peer.respond(request, code).and_then(|answer| answer.finish());
    said.map_or(reading::TOO_LARGE, |()| code)
}

fn bad_path(error: PathError) -> Code {
    match error {
        PathError::Id => Code::NOT_FOUND,
        PathError::Depth => Code::METHOD_NOT_ALLOWED,
    }
}

/// An answer that is over the peer's limit, or larger than the room there is, is 5.00 until it can go in blocks.
const fn unsent(_: SendError) -> Code {
    reading::TOO_LARGE
}
