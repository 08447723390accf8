//! The core under a stack of uIP's kind (K-A-1): one segment under way, stop and wait, and no memory of it: when it
//! is lost, the application has to bring the same bytes again. So bytes leave `tx` only once they are acknowledged.

use coap_tcp_core::{Buf, Code, Config, Event, Fixed, Instant, OptionNumber, Session, Slot, Tagged};
use std::time::Duration;

const MSS: usize = 48;

static CONFIG: Config = Config::new().reply_room(64).max_outstanding(3);

struct Stack {
    session: Session<'static, Fixed<1152>, [Slot<u32>; 4]>,
    tx: Fixed<512>,
    /// How many bytes at the front of `tx` are under way, and what they were when they first went.
    flight: Option<Vec<u8>>,
    repeated: u32,
    asked: u32,
    answers: Vec<u32>,
    served: u32,
}

impl Stack {
    fn new(initiator: bool, now: Instant) -> Self {
        let (spill, slots, mut tx) = (Fixed::new(), [Slot::FREE; 4], Fixed::new());
        let session = match initiator {
            true => Session::initiate(&CONFIG, spill, slots, now, &mut tx),
            false => Session::accept(&CONFIG, spill, slots, now, &mut tx),
        };
        let session = session.unwrap();
        Self { session, tx, flight: None, repeated: 0, asked: 0, answers: vec![], served: 0 }
    }

    /// A new segment, or the last one again.
    fn segment(&mut self) -> Option<Vec<u8>> {
        let front = self.tx.as_slice();
        let bytes = match &self.flight {
            Some(flight) => {
                self.repeated += 1;
                // The core has not touched them, whatever it has written since.
                assert!(front.starts_with(flight));
                flight.clone()
            }
            None if front.is_empty() => return None,
            None => front[..front.len().min(MSS)].to_vec(),
        };
        self.flight = Some(bytes.clone());
        Some(bytes)
    }

    fn acknowledged(&mut self, now: Instant) {
        let n = self.flight.take().map_or(0, |flight| flight.len());
        self.tx.consume(n);
        self.session.sent(now, n, self.tx.as_slice().len());
    }

    /// `false`: nothing was taken, since answers wait for room; the segment is as if lost.
    fn came(&mut self, now: Instant, bytes: &[u8]) -> bool {
        let Self { session, tx, answers, served, .. } = self;
        let flow = session.receive(now, bytes, tx, |event, peer| match event {
            Event::Request(request) => {
                *served += 1;
                let mut answer = peer.respond(&request, Code::CONTENT).unwrap();
                answer.payload(request.message().payload).unwrap();
                answer.finish().unwrap();
            }
            Event::Response { tag: Tagged::Last(tag), message, .. } => {
                assert_eq!(message.payload, [tag as u8; 40]);
                answers.push(tag);
            }
            _ => {}
        });
        match flow.unwrap() {
            coap_tcp_core::Flow::Drained => true,
            // Such a stack has no ring to keep the rest in.
            coap_tcp_core::Flow::Blocked(taken) => session.stash(&bytes[taken..], tx).is_ok(),
        }
    }

    fn ask(&mut self, now: Instant) {
        let mut peer = self.session.peer(&mut self.tx);
        while self.asked < 40 {
            let Ok(mut request) = peer.request(now, Code::POST) else { return };
            let written = request
                .option(OptionNumber::URI_PATH, b"t")
                .and_then(|request| request.payload(&[self.asked as u8; 40]))
                .is_ok();
            if !written || request.finish(self.asked).is_err() {
                return;
            }
            self.asked += 1;
        }
    }
}

/// Plays two such stacks against each other, with losses drawn from `seed`.
fn play(seed: u64, lost_of_10: u64) -> u32 {
    let mut random = seed;
    let mut lost = move || {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % 10 < lost_of_10
    };
    let mut now = Instant::ZERO;
    let mut stacks = [Stack::new(true, now), Stack::new(false, now)];
    // What the other side has taken already, when its acknowledgement was lost.
    let mut taken = [false; 2];
    for _ in 0..4000 {
        now = now + Duration::from_millis(20);
        for side in [0, 1] {
            stacks[side].ask(now);
            let Some(bytes) = stacks[side].segment() else { continue };
            let other = &mut stacks[1 - side];
            if lost() {
                continue;
            }
            if !taken[side] {
                // A session that holds a frame back is given nothing more.
                if other.session.is_blocked() && !other.came(now, &[]) || other.session.is_blocked() {
                    continue;
                }
                taken[side] = other.came(now, &bytes);
            }
            if taken[side] && !lost() {
                taken[side] = false;
                stacks[side].acknowledged(now);
            }
        }
        for stack in &mut stacks {
            let expired = stack.session.handle_timeout(now, &mut stack.tx);
            assert!(expired.is_none(), "{expired:?}");
        }
        if stacks.iter().all(|stack| stack.answers.len() == 40) {
            break;
        }
    }
    for stack in &stacks {
        assert_eq!(stack.answers, (0..40).collect::<Vec<_>>());
        assert_eq!(stack.served, 40);
    }
    stacks.iter().map(|stack| stack.repeated).sum()
}

#[test]
fn k_a_1_the_same_bytes_are_there_until_they_are_acknowledged() {
    assert_eq!(play(1, 0), 0);
    for seed in 0..50 {
        assert!(play(seed, 3) > 0);
    }
}
