//! The probes as they are written.

use super::outcome::{Outcome, Wanted};
use super::verdict::{Level, Verdict};
use crate::script::{Role, Said, is_requirement, key_value, words};

/// All probes of this project, in their order; `path` is what servers are asked for.
///
/// # Errors
/// The path does not fit into a script.
pub fn all(path: &str) -> Result<Vec<Probe>, String> {
    if !path.starts_with('/') || path.contains(|c: char| c.is_whitespace() || c == '"' || c == '#') {
        return Err(format!("no path: {path}"));
    }
    let files = [
        ("csm", include_str!("../../probes/csm.script")),
        ("signal", include_str!("../../probes/signal.script")),
        ("frame", include_str!("../../probes/frame.script")),
        ("request", include_str!("../../probes/request.script")),
        ("limit", include_str!("../../probes/limit.script")),
    ];
    let mut probes = Vec::new();
    for (name, text) in files {
        probes.extend(parse(name, &text.replace("/{path}", path))?);
    }
    Ok(probes)
}

/// One requirement, and how it is seen whether it is met.
#[derive(Clone, Debug)]
pub struct Probe {
    /// What it is about; the first names it.
    pub requirements: Vec<String>,
    /// How much it is demanded.
    pub level: Level,
    /// In words.
    pub title: String,
    /// Who can be asked; `None`: either.
    pub role: Option<Role>,
    /// When it says anything.
    pub conditions: Vec<Condition>,
    /// Each on a connection of its own.
    pub(super) runs: Vec<Vec<Step>>,
}

/// What must be known of the peer before a probe makes sense.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Condition {
    /// `content`: GET of the path is 2.05.
    Content,
    /// `large`: and that answer is over 128 bytes.
    Large,
    /// `block-wise`: it announces blocks.
    BlockWise,
    /// `short-tokens`: it announces no long ones.
    ShortTokens,
    /// `limit=70000`: it takes so many bytes.
    Limit(u64),
}

#[derive(Clone, Debug)]
pub(super) enum Step {
    Say(Said),
    Drip(Said),
    Fill(u64),
    End,
    Given(Wanted),
    /// The first is what is demanded.
    See(Vec<Outcome>),
}

impl Probe {
    /// Whether it can be played with such a peer.
    pub fn is_for(&self, role: Role) -> bool {
        self.role.is_none_or(|wanted| wanted == role)
    }
}

impl Condition {
    fn parse(word: &str) -> Result<Self, String> {
        match key_value(word) {
            ("content", None) => Ok(Self::Content),
            ("large", None) => Ok(Self::Large),
            ("block-wise", None) => Ok(Self::BlockWise),
            ("short-tokens", None) => Ok(Self::ShortTokens),
            ("limit", Some(n)) => n.parse().map(Self::Limit).map_err(|_| format!("no number: {n}")),
            _ => Err(format!("no condition {word}")),
        }
    }
}

/// Reads a file of probes. Errors name the line.
pub(super) fn parse(name: &str, text: &str) -> Result<Vec<Probe>, String> {
    let mut probes = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let at = |error: String| format!("{name}:{number}: {error}");
        if let Some(probe) = head(line).map_err(at)? {
            probes.push(probe);
            continue;
        }
        let words = words(line).map_err(at)?;
        let Some((verb, rest)) = words.split_first() else {
            continue;
        };
        let probe = probes.last_mut().ok_or_else(|| at("a probe begins with its head".into()))?;
        probe.line(verb, rest).map_err(at)?;
    }
    Ok(probes)
}

/// `# T-3.3-1 V05 MUST  Title`, or none.
fn head(line: &str) -> Result<Option<Probe>, String> {
    let words: Vec<_> = line.strip_prefix("# ").unwrap_or_default().split_whitespace().collect();
    let of = words.iter().take_while(|word| is_requirement(word)).count();
    let (requirements, rest) = words.split_at(of);
    let (Some((level, title)), 1..) = (rest.split_first(), of) else {
        return Ok(None);
    };
    Ok(Some(Probe {
        requirements: requirements.iter().map(|&word| word.to_owned()).collect(),
        level: Level::parse(level)?,
        title: title.join(" "),
        role: None,
        conditions: vec![],
        runs: vec![],
    }))
}

impl Probe {
    fn line(&mut self, verb: &str, rest: &[String]) -> Result<(), String> {
        match (verb, rest) {
            ("us", [role, conditions @ ..]) => return self.us(role, conditions),
            ("---", []) => {
                self.runs.push(vec![]);
                return Ok(());
            }
            _ => {}
        }
        let run = self.runs.last_mut().ok_or("`us` comes first")?;
        match (verb, rest) {
            ("peer", _) => run.push(Step::Say(Said::parse(rest)?)),
            ("drip", _) => run.push(Step::Drip(Said::parse(rest)?)),
            ("fill", [n]) => run.push(Step::Fill(n.parse().map_err(|_| format!("no number: {n}"))?)),
            ("eof", []) => run.push(Step::End),
            ("given", _) => run.push(Step::Given(Wanted::parse(rest)?)),
            ("expect", _) => {
                let wanted = Wanted::parse(rest)?;
                expect(run, |outcome| outcome.wanted.push(wanted));
            }
            ("closed", []) => expect(run, |outcome| outcome.closed = true),
            ("or", [verdict]) => {
                let verdict = match verdict.as_str() {
                    "pass" => Verdict::Pass,
                    "differs" => Verdict::Differs,
                    _ => return Err(format!("or pass, or differs, not {verdict}")),
                };
                match run.last_mut() {
                    Some(Step::See(outcomes)) => outcomes.push(Outcome::new(verdict)),
                    _ => return Err("`or` stands behind an expectation".into()),
                }
            }
            _ => return Err(format!("not understood: {verb} {}", rest.join(" "))),
        }
        Ok(())
    }

    fn us(&mut self, role: &str, conditions: &[String]) -> Result<(), String> {
        self.role = match role {
            "server" => Some(Role::Server),
            "client" => Some(Role::Client),
            "either" => None,
            _ => return Err(format!("us server, client or either, not {role}")),
        };
        self.conditions = conditions.iter().map(|word| Condition::parse(word)).collect::<Result<_, _>>()?;
        self.runs.push(vec![]);
        Ok(())
    }
}

/// Lines in a row speak of one outcome, the last.
fn expect(run: &mut Vec<Step>, more: impl FnOnce(&mut Outcome)) {
    if let Some(Step::See(outcomes)) = run.last_mut() {
        outcomes.last_mut().map(more);
        return;
    }
    let mut outcome = Outcome::new(Verdict::Pass);
    more(&mut outcome);
    run.push(Step::See(vec![outcome]));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fails(text: &str) -> String {
        parse("t", text).unwrap_err()
    }

    #[test]
    fn errors_name_their_line() {
        assert_eq!(fails("us server\n"), "t:1: a probe begins with its head");
        assert!(fails("# T-1-1 NEVER  x\n").starts_with("t:1: a level"));
        assert_eq!(fails("# T-1-1 MUST  x\npeer 7.01\n"), "t:2: `us` comes first");
        assert_eq!(fails("# T-1-1 MUST  x\nus server hot\n"), "t:2: no condition hot");
        assert_eq!(fails("# T-1-1 MUST  x\nus server\nor pass\n"), "t:3: `or` stands behind an expectation");
        assert_eq!(fails("# T-1-1 MUST  x\nus server\nexpect 9.01\n"), "t:3: no code: 9.01");
        assert_eq!(fails("# T-1-1 MUST  x\nus server\nwait 5s\n"), "t:3: not understood: wait 5s");
    }

    #[test]
    fn every_probe_has_a_run_and_a_name_of_its_own() {
        let probes = all("/.well-known/core").unwrap();
        for (at, probe) in probes.iter().enumerate() {
            assert!(probe.runs.iter().all(|run| !run.is_empty()), "{}", probe.title);
            let same = |other: &&Probe| {
                other.requirements.first() == probe.requirements.first() && other.title == probe.title
            };
            let twins = probes.iter().skip(at + 1).filter(same);
            // A server and a client may be asked in different ways.
            assert!(
                twins.into_iter().all(|twin| twin.role.is_some() && twin.role != probe.role),
                "{}",
                probe.title
            );
        }
    }
}
