//! What may come, and whether it did.

use coap_numbers::code;

use super::talk::Frame;
use super::verdict::Verdict;
use crate::model::Plain;
use crate::script::{Names, Spec, key_value};

/// All of it comes, in any order, and nothing else that would matter.
#[derive(Clone, Debug)]
pub(super) struct Outcome {
    /// What is said of a peer that does so.
    pub(super) verdict: Verdict,
    pub(super) wanted: Vec<Wanted>,
    /// Then the peer ends its stream.
    pub(super) closed: bool,
}

impl Outcome {
    pub(super) const fn new(verdict: Verdict) -> Self {
        Self { verdict, wanted: vec![], closed: false }
    }

    /// As it is written, for humans.
    pub(super) fn text(&self) -> String {
        let end = self.closed.then(|| "closes".to_owned());
        let words: Vec<_> = self.wanted.iter().map(|wanted| wanted.text.clone()).chain(end).collect();
        words.join(", ")
    }

    /// Whether these frames are it. Gives the tokens that it took down.
    pub(super) fn is(&self, frames: &[Frame], ended: bool, names: &Names) -> Option<Names> {
        let mut names = names.clone();
        let mut open: Vec<_> = self.wanted.iter().collect();
        for frame in frames {
            match open.iter().position(|wanted| wanted.matches(frame, &mut names)) {
                Some(at) => drop(open.remove(at)),
                None if frame.may_come_any_time() => {}
                None => return None,
            }
        }
        (open.is_empty() && (ended || !self.closed)).then_some(names)
    }
}

/// One message that is waited for.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    kind: Kind,
    spec: Spec,
    first: bool,
    at_most: Option<usize>,
    pub(super) text: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    /// The code of the spec.
    Code,
    Response,
    Error,
    Request,
    /// The code that the survey had.
    Same,
}

impl Wanted {
    /// The words behind `expect` or `given`.
    pub(super) fn parse(words: &[String]) -> Result<Self, String> {
        let text = words.join(" ");
        let (mut first, mut at_most, mut rest) = (false, None, words);
        while let [word, more @ ..] = rest {
            match key_value(word) {
                ("first", None) => first = true,
                ("at-most", Some(n)) => {
                    at_most = Some(n.parse().map_err(|_| format!("no number of bytes: {n}"))?);
                }
                _ => break,
            }
            rest = more;
        }
        let (head, more) = rest.split_first().ok_or("which message?")?;
        let kind = match head.as_str() {
            "response" => Kind::Response,
            "error" => Kind::Error,
            "request" => Kind::Request,
            "same" => Kind::Same,
            _ => Kind::Code,
        };
        let spec = match kind {
            Kind::Code => Spec::parse(rest)?,
            // Any code will do, which is put in its place when it comes.
            _ => Spec::parse(&[&[ANY_CODE.to_owned(), "*".to_owned()], more].concat())?,
        };
        Ok(Self { kind, spec, first, at_most, text })
    }

    pub(super) fn matches(&self, frame: &Frame, names: &mut Names) -> bool {
        let class = frame.message.code >> 5;
        let kind = match self.kind {
            Kind::Code => true,
            Kind::Response => matches!(class, 2 | 4 | 5),
            Kind::Error => matches!(class, 4 | 5),
            Kind::Request => class == 0 && frame.message.code != code::EMPTY,
            Kind::Same => frame.same,
        };
        let code = if self.kind == Kind::Code { frame.message.code } else { 0 };
        let message = Plain { code, ..frame.message.clone() };
        kind && (!self.first || frame.index == 0)
            && self.at_most.is_none_or(|limit| frame.size <= limit)
            && self.spec.matches(&message, names)
    }
}

const ANY_CODE: &str = "0.00";
