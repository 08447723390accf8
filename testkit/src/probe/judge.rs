//! Plays a probe, and says what is to be said.

use coap_numbers::code;

use super::limits::Limits;
use super::outcome::Outcome;
use super::report::Report;
use super::script::{Condition, Probe, Step};
use super::talk::{Next, Talk};
use super::verdict::Verdict;
use super::wire::{Meeting, Missed};
use crate::model::Plain;
use crate::script::{Names, Role};

/// Nobody needs larger messages to be told apart.
const MOST_FILL: u64 = 16 << 20;

/// What is known of a peer before it is judged.
#[derive(Clone, Debug)]
pub struct Survey {
    limits: Limits,
    /// A GET of the path: the code of the answer and its bytes.
    answer: Option<(u8, usize)>,
    path: Plain,
}

impl Survey {
    /// Asks on a connection of its own: for the peer's CSM, and a server for the resource.
    ///
    /// # Errors
    /// There is no connection.
    pub fn new(meeting: &mut dyn Meeting, role: Role, path: &str) -> Result<Self, Missed> {
        let path = request(path);
        let mut talk = Talk::new(meeting.meet()?, None);
        let csm =
            Plain { code: code::CSM, options: vec![(2, vec![0x10, 0, 0]), (4, vec![])], ..Plain::default() };
        talk.say(&[csm.encode()]);
        if role == Role::Server {
            talk.say(&[path.encode()]);
        }
        talk.patience();
        let mut answer = None;
        while (talk.limits.is_none() || role == Role::Server && answer.is_none())
            && talk.next() == Next::Frame
        {
            let response = talk.frames.last().filter(|frame| matches!(frame.message.code >> 5, 2 | 4 | 5));
            answer = answer.or(response.map(|frame| (frame.message.code, frame.size)));
        }
        Ok(Self { limits: talk.limits.unwrap_or_default(), answer, path })
    }

    /// Why a probe would say nothing.
    fn lacks(&self, condition: Condition) -> Option<String> {
        let content = self.answer.filter(|&(code, _)| code == code::CONTENT);
        let lacks = match condition {
            Condition::Content => content.is_none(),
            Condition::Large => content.is_none_or(|(_, size)| size <= 128),
            Condition::BlockWise => !self.limits.block_wise,
            Condition::ShortTokens => self.limits.token_length > 8,
            Condition::Limit(bytes) => self.limits.max_message_size < bytes,
        };
        lacks.then(|| match condition {
            Condition::Content => "the resource is not there".into(),
            Condition::Large => "the resource is not there, or is too short".into(),
            Condition::BlockWise => "no blocks are announced".into(),
            Condition::ShortTokens => "longer tokens are announced".into(),
            Condition::Limit(bytes) => format!("not so much is taken: {bytes} bytes"),
        })
    }
}

/// The GET that all is compared with.
fn request(path: &str) -> Plain {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let mut message = Plain { code: code::GET, token: vec![1], ..Plain::default() };
    for segment in path.split('/').skip(1).filter(|_| path != "/") {
        message.insert(coap_numbers::option::URI_PATH, segment.as_bytes().to_vec());
    }
    for piece in query.split('&').filter(|_| !query.is_empty()) {
        message.insert(coap_numbers::option::URI_QUERY, piece.as_bytes().to_vec());
    }
    message
}

/// Plays one probe, each of its runs on a connection of its own, until one is no pass.
pub fn judge(probe: &Probe, survey: &Survey, meeting: &mut dyn Meeting) -> Report {
    if let Some(why) = probe.conditions.iter().find_map(|&condition| survey.lacks(condition)) {
        return Report::new(probe, Verdict::NotApplicable, why, vec![]);
    }
    let (mut worst, mut transcript) = ((Verdict::Pass, String::new()), vec![]);
    for run in &probe.runs {
        let talk = match meeting.meet() {
            Ok(wire) => Talk::new(wire, survey.answer.map(|(code, _)| code)),
            Err(missed) => return Report::new(probe, missed.verdict(), missed.to_string(), transcript),
        };
        let mut play = Play { probe, survey, talk, names: Names::new() };
        let found = play.run(run);
        transcript.append(&mut play.talk.transcript);
        if found.0 > worst.0 {
            worst = found;
        }
        if worst.0 == Verdict::Fail {
            break;
        }
    }
    Report::new(probe, worst.0, worst.1, transcript)
}

impl Missed {
    const fn verdict(&self) -> Verdict {
        match self {
            Self::Refused(_) => Verdict::Fail,
            Self::Nobody | Self::OutOfTime => Verdict::NotApplicable,
        }
    }
}

impl std::fmt::Display for Missed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused(why) => write!(f, "no connection: {why}"),
            Self::Nobody => f.write_str("nobody called"),
            Self::OutOfTime => f.write_str("no time is left"),
        }
    }
}

struct Play<'a> {
    probe: &'a Probe,
    survey: &'a Survey,
    talk: Talk<'a>,
    names: Names,
}

type Found = (Verdict, String);

impl Play<'_> {
    fn run(&mut self, steps: &[Step]) -> Found {
        let mut batch = Vec::new();
        for step in steps {
            if let Step::Say(said) = step {
                match said.bytes(&self.names) {
                    Ok(bytes) => batch.push(bytes),
                    Err(error) => return (Verdict::NotApplicable, error),
                }
                continue;
            }
            if !batch.is_empty() {
                self.talk.say(&std::mem::take(&mut batch));
            }
            let found = match step {
                Step::Say(_) => Ok(()),
                Step::Drip(said) => said.bytes(&self.names).map(|bytes| self.talk.drip(&bytes)).map_err(na),
                Step::Fill(more) => self.fill(*more),
                Step::End => {
                    self.talk.end();
                    Ok(())
                }
                Step::Given(wanted) => {
                    let mut outcome = Outcome::new(Verdict::Pass);
                    outcome.wanted.push(wanted.clone());
                    let text = format!("it did not say {}", wanted.text);
                    self.see(&[outcome]).map_err(|_| na(text))
                }
                Step::See(outcomes) => self.see(outcomes),
            };
            if let Err(found) = found {
                return found;
            }
        }
        (Verdict::Pass, String::new())
    }

    /// A request of the size that the peer's CSM allows, and some bytes more.
    fn fill(&mut self, more: u64) -> Result<(), Found> {
        self.talk.patience();
        while self.talk.limits.is_none() && self.talk.next() == Next::Frame {}
        let limits = self.talk.limits.ok_or_else(|| na("no CSM came".into()))?;
        let size = limits.max_message_size + more;
        if size > MOST_FILL {
            return Err(na(format!("its limit is beyond {MOST_FILL} bytes")));
        }
        let message = filled(&self.survey.path, size as usize);
        let message = message.ok_or_else(|| na(format!("no message has just {size} bytes")))?;
        self.talk.say(&[message.encode()]);
        Ok(())
    }

    /// Waits until the first outcome is there, or the time is over.
    fn see(&mut self, outcomes: &[Outcome]) -> Result<(), Found> {
        let Some((demanded, others)) = outcomes.split_first() else {
            return Ok(());
        };
        self.talk.patience();
        let since = self.talk.frames.len();
        loop {
            if let Some(names) = self.is(demanded, since) {
                self.names = names;
                return Ok(());
            }
            if self.talk.next() != Next::Frame && self.is(demanded, since).is_none() {
                break;
            }
        }
        let verdict = match others.iter().find(|other| self.is(other, since).is_some()) {
            Some(other) => other.verdict,
            None => self.probe.level.missed(),
        };
        let came = self.talk.describe(since, demanded.closed);
        let why =
            if verdict == Verdict::Fail { format!("{came} instead of {}", demanded.text()) } else { came };
        Err((verdict, if verdict == Verdict::Pass { String::new() } else { why }))
    }

    fn is(&self, outcome: &Outcome, since: usize) -> Option<Names> {
        let frames = self.talk.frames.get(since..).unwrap_or_default();
        outcome.is(frames, self.talk.ended, &self.names).filter(|_| !self.talk.nonsense)
    }
}

const fn na(why: String) -> Found {
    (Verdict::NotApplicable, why)
}

/// A POST of just so many bytes.
fn filled(path: &Plain, size: usize) -> Option<Plain> {
    let mut message = Plain { code: code::POST, ..path.clone() };
    let bare = message.encode().len();
    // The payload has a marker, and lengths grow with it.
    let payloads = size.saturating_sub(bare + 10)..size.saturating_sub(bare);
    payloads.into_iter().find_map(|payload| {
        message.payload = vec![b'x'; payload];
        (message.encode().len() == size).then(|| message.clone())
    })
}
