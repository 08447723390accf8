//! The application of scripts at both ends, with a [`Reference`] beside each session that is asked after
//! every step whether that is right.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;

use coap_tcp_core::wire::{Code, Csm, Writer};
use coap_tcp_core::{Closed, Event, Expired, Failure, Instant, Peer, SendError, Settled, State, Tagged};

use super::reference::{Due, Reference, Rules, Stage};
use crate::core_app::CoreApp;
use crate::endpoint::{App, Growing, Io, Memory};
use crate::model::Plain;
use crate::rig::Seen;
use crate::script::Command;

type GrowingPeer<'a, 'c> = Peer<'a, 'c, <Growing as Memory>::Slots, <Growing as Memory>::Tx>;

/// What both ends have said, and where each should stand.
#[derive(Debug)]
struct Court([Seat; 2]);

#[derive(Debug)]
struct Seat {
    reference: Reference,
    /// Said and not heard by the other end yet, with the sizes of the frames.
    said: VecDeque<(Plain, usize)>,
    /// Bytes of `tx` that have been looked at.
    seen: usize,
    /// Bytes that have come, and those of them that were messages.
    received: usize,
    heard: usize,
    /// The other end's stream has ended, and it has not been told yet.
    ended: bool,
    /// Longest `tx` that can be right.
    most: usize,
}

/// One end.
#[derive(Debug)]
pub struct Judged {
    end: usize,
    court: Rc<RefCell<Court>>,
    app: CoreApp,
    /// Requests that have not come back (law 8).
    open: BTreeSet<u32>,
    /// The newest state that each observation has brought.
    states: BTreeMap<u32, Plain>,
    told: Vec<String>,
    ended: bool,
}

/// The paths that are answered later.
pub const LATER: &str = "/slow";

impl Judged {
    /// Both ends of one connection.
    pub fn pair(rules: [Rules; 2], now: Instant) -> [Self; 2] {
        let seat = |rules: Rules| Seat {
            reference: Reference::new(rules, now),
            said: VecDeque::new(),
            seen: 0,
            received: 0,
            heard: 0,
            ended: false,
            most: rules.tx_limit as usize + 4200 * usize::from(rules.max_inbound + rules.max_observers + 4),
        };
        let court = Rc::new(RefCell::new(Court(rules.map(seat))));
        [0, 1].map(|end| Self {
            end,
            court: court.clone(),
            app: CoreApp::default(),
            open: BTreeSet::new(),
            states: BTreeMap::new(),
            told: vec![],
            ended: false,
        })
    }

    /// What its application was told, in words.
    pub fn told(&self) -> &[String] {
        &self.told
    }

    /// Where it stands.
    pub fn state(&self) -> State {
        self.seat(|seat| seat.reference.state())
    }

    /// Whether all that it has said has been heard, and nothing is owed.
    pub fn is_quiet(&self) -> bool {
        self.seat(|seat| seat.said.is_empty() && seat.reference.owed() == 0)
    }

    /// Whether each request has come back, and the end was told.
    pub fn is_over(&self) -> bool {
        self.ended && self.open.is_empty()
    }

    /// Requests that have not come back.
    pub fn open(&self) -> &BTreeSet<u32> {
        &self.open
    }

    /// For when nothing is under way any more: all that was asked is answered (T-3.3-11), each observation has
    /// brought the newest state of the other end (O-4-1), and both agree on which observations there are.
    pub fn check_quiet(&self, other: &Self, newest: &Plain) {
        let court = self.court.borrow();
        let [ours, theirs] = [self.end, other.end].map(|end| &court.0[end].reference);
        assert!(ours.awaits_nothing(), "not answered: {ours:?}");
        let observing = ours.ours().iter().filter(|(_, ours)| ours.stage == Stage::Observing);
        for (token, request) in observing {
            assert!(theirs.observers().contains(token), "{} observes for itself alone", request.tag);
            let brought = self.states.get(&request.tag).map(|state| &state.payload);
            assert_eq!(brought, Some(&newest.payload), "O-4-1: {} has an old state", request.tag);
        }
        let known = theirs.observers().iter().all(|token| ours.may_observe(token));
        assert!(known, "O-7.4-1: observers nobody knows: {:?}", theirs.observers());
    }

    /// Says a CSM of the test's own: legal at any time after the first (T-3.3-9).
    pub fn say_csm(&mut self, now: Instant, max_message_size: u32, peer: &mut GrowingPeer<'_, '_>) {
        if !self.seat(|seat| seat.reference.listens() && seat.reference.state() != State::Waiting) {
            return;
        }
        let csm = Csm { max_message_size: Some(max_message_size), ..Csm::default() };
        let mut writer = Writer::new(&mut *peer.tx, Code::CSM, &[]).unwrap_or_else(|full| panic!("{full}"));
        csm.write(&mut writer).unwrap_or_else(|error| panic!("{error}"));
        writer.finish();
        self.seat_mut(|seat| seat.reference.expect_csm());
        self.look(now, peer);
    }

    /// Has the application act. Why it could not.
    pub fn command(
        &mut self,
        now: Instant,
        command: &Command,
        peer: &mut GrowingPeer<'_, '_>,
    ) -> Option<SendError> {
        let expected = self.seat(|seat| match command {
            Command::Request { .. } => Some(seat.reference.may_request()),
            Command::Ping { custody } => Some(seat.reference.may_ping(*custody)),
            Command::Release { .. } => Some(seat.reference.may_release()),
            _ => None,
        });
        match command {
            Command::Request { tag, .. } => drop(self.open.insert(*tag)),
            Command::Consent(consent) => self.seat_mut(|seat| seat.reference.consent(*consent)),
            _ => {}
        }
        let empty = peer.tx.is_empty();
        self.app.command(now, command, peer);
        self.look(now, peer);
        match command {
            Command::Abort(_) => self.seat_mut(|seat| seat.reference.stop(Closed::LocalAbort)),
            Command::Close => self.seat_mut(|seat| seat.reference.stop(Closed::Local)),
            _ => {}
        }
        let refused = self.listen();
        match (expected, refused) {
            (None, _) | (Some(Ok(())), None) => {}
            (Some(Err(wanted)), Some(why)) => assert_eq!(why, wanted, "{command:?}"),
            (Some(Ok(())), Some(SendError::Full)) => assert!(!empty, "full, and nothing in it: {command:?}"),
            (Some(Ok(())), Some(why @ (SendError::TooLarge { .. } | SendError::NotReady))) => {
                let limit = match why {
                    SendError::TooLarge { limit } => limit,
                    _ => peer.conn.peer().max_message_size,
                };
                // The token that it would get has 8 bytes at most.
                let large = |message: &Plain| message.encode().len() + 8 > limit as usize;
                let too_large = matches!(command, Command::Request { message, .. } if large(message));
                assert!(too_large, "{why:?} for {command:?}");
            }
            (expected, refused) => panic!("{command:?}: {refused:?} instead of {expected:?}"),
        }
        self.compare(peer);
        refused
    }

    fn seat<T>(&self, look: impl FnOnce(&Seat) -> T) -> T {
        look(&self.court.borrow().0[self.end])
    }

    fn seat_mut<T>(&self, change: impl FnOnce(&mut Seat) -> T) -> T {
        change(&mut self.court.borrow_mut().0[self.end])
    }

    /// The other end's stream has ended: to be noticed once all that came before it is heard.
    fn hear_end(&mut self, now: Instant, unsent: bool) {
        let mut court = self.court.borrow_mut();
        let next = court.0[1 - self.end].said.front().map(|&(_, size)| size);
        let seat = &mut court.0[self.end];
        let waits = next.is_some_and(|size| seat.received >= seat.heard + size) && seat.reference.listens();
        if seat.ended && !waits {
            seat.ended = false;
            seat.reference.hear_end(now, seat.received != seat.heard, unsent);
        }
    }

    /// What has been said since the last look.
    fn look(&mut self, now: Instant, peer: &GrowingPeer<'_, '_>) {
        let mut asked = self.app.take_asked().into_iter();
        self.seat_mut(|seat| seat.look(now, peer.tx, &mut asked));
        assert_eq!(asked.next(), None, "a request was not said");
    }

    /// What the application has been told. Why it could not do something.
    fn listen(&mut self) -> Option<SendError> {
        let mut refused = None;
        for seen in self.app.take_seen().collect::<Vec<_>>() {
            self.told.push(seen.to_string());
            if let Some(tag) = seen.returned() {
                assert!(self.open.remove(&tag), "law 8: {seen}, which was not under way");
                self.states.remove(&tag);
            }
            let late = matches!(seen, Seen::Refused { .. });
            assert!(!self.ended || late, "law 5: {seen} after the end");
            match seen {
                Seen::Closed(_) => self.ended = true,
                Seen::Refused { why, .. } => refused = Some(why),
                Seen::Response { tag, last: false, message } => drop(self.states.insert(tag, message)),
                Seen::Forgotten(tag) => self.seat_mut(|seat| seat.reference.forget(tag)),
                _ => {}
            }
        }
        refused
    }

    /// The session says of itself what the reference says.
    fn compare(&self, peer: &GrowingPeer<'_, '_>) {
        let conn = &*peer.conn;
        self.seat(|seat| {
            let right = &seat.reference;
            assert_eq!(conn.state(), right.state(), "state");
            assert_eq!(conn.closed(), right.closed(), "closed");
            assert_eq!(*conn.peer(), right.peer(), "settings of the peer");
            if right.listens() {
                assert_eq!(conn.owed(), right.owed(), "owed");
                assert_eq!(conn.awaiting(), right.awaiting(), "awaiting");
                assert_eq!(conn.observers(), right.observers().len(), "observers");
            }
        });
    }
}

impl App<Growing> for Judged {
    fn event(&mut self, now: Instant, event: Event<'_, u32>, peer: &mut GrowingPeer<'_, '_>) {
        if let Event::Settled(settled @ (Settled::Unserved | Settled::AnswerFailed)) = event {
            self.look(now, peer);
            self.seat(|seat| seat.reference.check_settled(settled));
            self.app.on_event(now, event, peer);
            self.listen();
            return;
        }
        let later = {
            let mut court = self.court.borrow_mut();
            let said = court.0[1 - self.end].said.pop_front();
            let (message, size) = said.unwrap_or_else(|| panic!("nobody said {event:?}"));
            let seat = &mut court.0[self.end];
            seat.heard += size;
            let due = seat.reference.hear(now, &message, size);
            let tag = |id| peer.conn.tag(id).copied();
            assert!(is(&event, &due, &message, tag), "{due:?} is due for {message}, not {event:?}");
            message.path() == LATER
        };
        self.look(now, peer);
        self.compare(peer);
        let asks = matches!(event, Event::Request(_));
        self.app.on_event(now, event, peer);
        if later && asks {
            self.seat_mut(|seat| seat.reference.deferred());
        }
        self.look(now, peer);
        self.listen();
        self.compare(peer);
    }

    fn expired(&mut self, now: Instant, expired: Expired<u32>, peer: &mut GrowingPeer<'_, '_>) {
        self.look(now, peer);
        self.hear_end(now, true);
        self.seat_mut(|seat| {
            let right = &mut seat.reference;
            match expired {
                Expired::Request(_, tag) => right.expire(now, tag),
                Expired::KeepAlive => right.kept_alive(),
                Expired::PongMissing => right.miss_pong(now),
                Expired::CustodyRefused => right.miss_custody(now),
                // That it went out without, and in time, was seen when it was said.
                Expired::CustodyGivenUp => {}
                Expired::Closed(why) => right.time_out(now, why),
                Expired::CsmAssumed => panic!("nobody is borne without a CSM"),
            }
        });
        self.app.on_expired(expired);
        self.listen();
        self.compare(peer);
    }

    fn turn(&mut self, now: Instant, peer: &mut GrowingPeer<'_, '_>) {
        self.look(now, peer);
        self.hear_end(now, !peer.tx.is_empty());
        self.seat_mut(|seat| {
            seat.reference.check(now, !peer.tx.is_empty());
            assert!(peer.tx.len() <= seat.most, "law 6: {} bytes wait", peer.tx.len());
        });
        self.compare(peer);
        self.app.on_turn(now, peer);
        self.look(now, peer);
        self.listen();
        if self.ended {
            self.seat_mut(|seat| seat.reference.take_ours());
            assert!(self.open.is_empty(), "law 8: never came back: {:?}", self.open);
        }
        self.compare(peer);
    }

    fn io(&mut self, now: Instant, io: Io<'_>) {
        self.seat_mut(|seat| match io {
            Io::Flushed { tx, sent } => {
                seat.look(now, tx, &mut [].into_iter());
                seat.seen -= sent;
                seat.reference.flush(seat.seen);
            }
            Io::Received(bytes) => {
                seat.received += bytes;
                seat.reference.received(now);
            }
            Io::Ended => seat.ended = true,
            Io::Lost => seat.reference.lose(),
        });
    }
}

impl Seat {
    /// What has been added to `tx` is whole messages, and they may be said.
    fn look(&mut self, now: Instant, tx: &[u8], asked: &mut impl Iterator<Item = u32>) {
        let mut new = tx.get(self.seen..).unwrap_or_default();
        while !new.is_empty() {
            let Ok(Some((message, size))) = Plain::decode(new) else {
                panic!("law 7: no message: {new:02x?}");
            };
            assert!(
                message.encode() == new.get(..size).unwrap_or_default(),
                "law 7: {message} is not canonical"
            );
            let mut tag = || asked.next().unwrap_or_else(|| panic!("nobody asked for {message}"));
            self.reference.say(now, &message, size, &mut tag);
            self.said.push_back((message, size));
            new = new.get(size..).unwrap_or_default();
        }
        self.seen = tx.len();
    }
}

/// Whether this is the event that is due for a message.
fn is(
    event: &Event<'_, u32>,
    due: &Due,
    said: &Plain,
    tag_of: impl Fn(coap_tcp_core::RequestId) -> Option<u32>,
) -> bool {
    match (event, due) {
        (Event::Ready(settings), Due::Ready(due)) => settings == due,
        (Event::Request(incoming), Due::Request) => Plain::of(incoming) == *said,
        (Event::Response { id, tag, message }, Due::Response { tag: due, last }) => {
            let (tag, is_last) = match tag {
                Tagged::Last(tag) => (Some(*tag), true),
                Tagged::More => (tag_of(*id), false),
            };
            tag == Some(*due) && is_last == *last && Plain::of(message) == *said
        }
        (Event::Failed { tag, why: Failure::TooLarge, .. }, Due::Failed(due)) => tag == due,
        (Event::Unmatched(message), Due::Unmatched)
        | (Event::Released { message, .. }, Due::Released)
        | (Event::Aborted(message), Due::Aborted) => Plain::of(message) == *said,
        (Event::Pong { custody, .. }, Due::Pong { custody: due }) => custody == due,
        (Event::Settled(settled), Due::Settled(due)) => settled == due,
        _ => false,
    }
}
