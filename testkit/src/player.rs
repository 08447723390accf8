//! Plays a script on a rig: whole, byte by byte, and cut at random.

use crate::cut::{Cut, Pieces};
use crate::model::{Plain, hex};
use crate::rig::{End, Rig, Seen};
use crate::script::{Expected, Line, Names, Run, Script, Setup, Spec, Step};

/// Seeds of the cuts that every script is played at.
pub const SEEDS: u64 = 7;

/// Plays all runs at all cuts. The error says where, and what was seen instead.
pub fn play<R: Rig>(script: &Script) -> Result<(), String> {
    for run in &script.runs {
        let whole = play_run::<R>(script, run, Cut::Whole)?;
        for cut in [Cut::Bytes].into_iter().chain((0..SEEDS).map(Cut::Seeded)) {
            let other = play_run::<R>(script, run, cut)?;
            // Law 1.
            if other != whole {
                return Err(format!(
                    "{}: with {cut:?} it goes otherwise\n--- whole\n{whole}\n--- {cut:?}\n{other}",
                    script.name
                ));
            }
        }
    }
    Ok(())
}

/// Whether the rig can play all runs.
pub fn can<R: Rig>(script: &Script) -> bool {
    script.runs.iter().all(|run| R::can(&run.setup))
}

/// Plays one run, what the peer writes and what our side writes cut alike, and gives its transcript: all that we sent
/// and all that we were told.
fn play_run<R: Rig>(script: &Script, run: &Run, cut: Cut) -> Result<String, String> {
    let setup = Setup { cut, ..run.setup.clone() };
    let mut player = Player::new(R::start(&setup), cut);
    player.pull();
    for line in &run.lines {
        player.line(line).map_err(|error| {
            let so_far = player.so_far();
            format!(
                "{}:{} ({cut:?}): {}\n  {error}\n--- so far\n{so_far}",
                script.name, line.number, line.text
            )
        })?;
    }
    player.finish().map_err(|error| {
        format!("{} ({cut:?}), at the end:\n  {error}\n--- so far\n{}", script.name, player.so_far())
    })?;
    Ok(player.transcript())
}

struct Player<R> {
    rig: R,
    /// Of what the peer writes.
    pieces: Pieces,
    /// What the peer has said and not written yet.
    batch: Vec<u8>,
    /// What the peer has read and the script has not looked at.
    got: Vec<u8>,
    ended: bool,
    csm_passed: bool,
    stalled: bool,
    seen: Vec<Seen>,
    closed: Option<Seen>,
    names: Names,
    /// Tags of requests that are under way (law 8).
    tags: Vec<u32>,
    sent: Vec<u8>,
    told: Vec<String>,
}

impl<R: Rig> Player<R> {
    fn new(rig: R, cut: Cut) -> Self {
        Self {
            rig,
            pieces: Pieces::new(cut),
            batch: vec![],
            got: vec![],
            ended: false,
            csm_passed: false,
            stalled: false,
            seen: vec![],
            closed: None,
            names: Names::new(),
            tags: vec![],
            sent: vec![],
            told: vec![],
        }
    }

    fn line(&mut self, line: &Line) -> Result<(), String> {
        if let Step::Peer(said) = &line.step {
            self.batch.extend(said.bytes(&self.names)?);
            return Ok(());
        }
        self.write()?;
        match &line.step {
            Step::Peer(_) => {}
            Step::Drip { every, what } => {
                for byte in what.bytes(&self.names)? {
                    self.rig.peer_write(&[byte]);
                    self.pull();
                    self.rig.advance(*every);
                    self.pull();
                }
            }
            Step::Expect(expected) => return self.expect(expected),
            Step::App(command) => {
                self.tags.extend(command.tag());
                self.rig.app(command);
            }
            Step::Event(words) => return self.event(words),
            Step::Wait(time) => self.rig.advance(*time),
            Step::Stall(on) => self.stalled = *on,
            Step::Eof => self.rig.peer_end(End::Eof),
            Step::Reset => self.rig.peer_end(End::Reset),
            Step::Closed(words) => return self.closed(words),
        }
        self.pull();
        self.listen()
    }

    /// The peer writes what it has said.
    fn write(&mut self) -> Result<(), String> {
        let batch = std::mem::take(&mut self.batch);
        let mut rest = batch.as_slice();
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(self.pieces.next(rest.len()));
            self.rig.peer_write(piece);
            self.pull();
            rest = after;
        }
        self.listen()
    }

    /// The peer reads.
    fn pull(&mut self) {
        while !self.stalled {
            let before = self.got.len();
            self.ended |= self.rig.peer_read(&mut self.got);
            let new = self.got.get(before..).unwrap_or_default();
            if new.is_empty() {
                return;
            }
            self.sent.extend_from_slice(new);
        }
    }

    /// The application's news.
    fn listen(&mut self) -> Result<(), String> {
        let mut seen = Vec::new();
        self.rig.events(&mut seen);
        for seen in seen {
            self.told.push(seen.to_string());
            if let Some(tag) = seen.returned() {
                let at = self.tags.iter().position(|&t| t == tag);
                self.tags.remove(at.ok_or_else(|| format!("tag={tag} came back, but was not under way"))?);
            }
            match (&seen, &self.closed) {
                (Seen::Closed(_), None) => self.closed = Some(seen),
                (Seen::Closed(_), Some(first)) => return Err(format!("{first}, then {seen}")),
                _ => self.seen.push(seen),
            }
        }
        Ok(())
    }

    fn expect(&mut self, expected: &Expected) -> Result<(), String> {
        self.pass_csm(expected);
        match expected {
            Expected::Nothing if self.got.is_empty() => Ok(()),
            Expected::Nothing => Err(format!("but this was sent: {}", self.unread())),
            Expected::Raw(bytes) => match self.got.strip_prefix(bytes.as_slice()) {
                Some(rest) => {
                    self.got = rest.to_vec();
                    Ok(())
                }
                None => Err(format!("but what was sent is {}", hex(&self.got))),
            },
            Expected::Message(spec, times) => (0..*times).try_for_each(|_| self.expect_message(spec)),
        }
    }

    fn expect_message(&mut self, spec: &Spec) -> Result<(), String> {
        let Ok(Some((plain, size))) = Plain::decode(&self.got) else {
            return Err(format!("but what was sent is {}", self.unread()));
        };
        if !spec.matches(&plain, &mut self.names) {
            return Err(format!("but this was sent: {plain}"));
        }
        self.got.drain(..size);
        Ok(())
    }

    /// Our first CSM may go unmentioned.
    fn pass_csm(&mut self, expected: &Expected) {
        let wanted = match expected {
            Expected::Message(spec, _) => spec.is_code(coap_numbers::code::CSM),
            Expected::Raw(_) => true,
            Expected::Nothing => false,
        };
        if self.csm_passed || wanted {
            self.csm_passed = true;
            return;
        }
        if let Ok(Some((plain, size))) = Plain::decode(&self.got) {
            self.csm_passed = true;
            if plain.code == coap_numbers::code::CSM {
                self.got.drain(..size);
            }
        }
    }

    fn unread(&self) -> String {
        messages(&self.got)
    }

    /// [`Player::transcript`] for people.
    fn so_far(&self) -> String {
        format!("sent {}\n{}", messages(&self.sent), self.told.join("\n"))
    }

    /// The next event with these words. What may be passed over before it is.
    fn event(&mut self, wanted: &[String]) -> Result<(), String> {
        for (at, seen) in self.seen.iter().enumerate() {
            if has(&seen.words(), wanted) {
                self.seen.drain(..=at);
                return Ok(());
            }
            if !seen.may_pass() {
                return Err(format!("but the next event is {seen}"));
            }
        }
        Err("but there was no such event".into())
    }

    fn closed(&mut self, wanted: &[String]) -> Result<(), String> {
        let Some(seen) = self.closed.take() else {
            return Err("but it is not over".into());
        };
        if !has(seen.words().get(1..).unwrap_or_default(), wanted) {
            return Err(format!("but it is {seen}"));
        }
        if !self.ended && !self.stalled {
            return Err("but our stream has not ended".into());
        }
        // A second end would be one too many.
        self.closed = None;
        self.finish_tags()
    }

    fn finish_tags(&self) -> Result<(), String> {
        match self.tags.as_slice() {
            [] => Ok(()),
            tags => Err(format!("tags that never came back: {tags:?}")),
        }
    }

    /// The end of a run: nothing may be left that the script has not mentioned.
    fn finish(&mut self) -> Result<(), String> {
        self.write()?;
        self.pull();
        self.listen()?;
        self.expect(&Expected::Nothing).or_else(|error| {
            self.pass_csm_at_end();
            if self.got.is_empty() { Ok(()) } else { Err(error) }
        })?;
        if let Some(seen) = self.seen.iter().find(|seen| !seen.may_pass()) {
            return Err(format!("not mentioned: event {seen}"));
        }
        if let Some(seen) = &self.closed {
            return Err(format!("not mentioned: {seen}"));
        }
        self.seen.clear();
        // Law 8: whatever is still under way comes back with the end.
        self.rig.peer_end(End::Reset);
        self.listen()?;
        self.finish_tags()
    }

    fn pass_csm_at_end(&mut self) {
        if let Ok(Some((plain, size))) = Plain::decode(&self.got) {
            if plain.code == coap_numbers::code::CSM && !self.csm_passed {
                self.got.drain(..size);
            }
        }
    }

    fn transcript(&self) -> String {
        let mut lines = vec![format!("sent {}", hex(&self.sent))];
        lines.extend(self.told.iter().cloned());
        lines.join("\n")
    }
}

/// Bytes as the messages that they are, in words.
fn messages(bytes: &[u8]) -> String {
    let (mut words, mut rest) = (Vec::new(), bytes);
    while let Ok(Some((plain, size))) = Plain::decode(rest) {
        words.push(plain.to_string());
        rest = rest.get(size..).unwrap_or_default();
    }
    if !rest.is_empty() {
        words.push(format!("raw {}", hex(rest)));
    }
    if words.is_empty() { "nothing".into() } else { words.join("; ") }
}

/// All of `wanted` are among `words`, in their order.
fn has(words: &[String], wanted: &[String]) -> bool {
    let mut words = words.iter();
    wanted.iter().all(|wanted| wanted == "*" || words.any(|word| word == wanted))
}
