//! Where fuzzing begins: what the scripts' peers say.

use std::collections::BTreeMap;

use super::{ops, session, session_ops};
use crate::model::Plain;
use crate::rig::End;
use crate::script::{Names, Said, Script, Step};

/// Inputs for each target, named after the scripts that they come from. No two are the same.
pub fn seeds(scripts: &[Script]) -> BTreeMap<&'static str, BTreeMap<String, Vec<u8>>> {
    let mut seeds = BTreeMap::<_, BTreeMap<String, Vec<u8>>>::new();
    let mut known = std::collections::BTreeSet::new();
    let mut add = |target: &'static str, name: String, bytes: Vec<u8>| {
        // Long ones slow a fuzzer down and teach it nothing.
        if bytes.len() <= 2048 && known.insert((target, bytes.clone())) {
            seeds.entry(target).or_default().insert(name.replace('/', "-"), bytes);
        }
    };
    for script in scripts {
        for (run, n) in script.runs.iter().zip(1..) {
            let (mut names, mut all) = (Names::new(), Vec::new());
            let mut session = vec![session::flags(run.setup.role), 0];
            // The lines and rules that come to nothing special.
            let mut two = vec![0, 0, 0];
            for line in &run.lines {
                let mut messages = vec![];
                match &line.step {
                    Step::Peer(said) | Step::Drip { what: said, .. } => {
                        let bytes = said_bytes(said, &mut names);
                        messages
                            .extend(frames(&bytes).filter_map(|frame| Some(Plain::decode(frame).ok()??.0)));
                        for (frame, m) in frames(&bytes).zip(1..) {
                            add("message", format!("{}-{}-{m}", script.name, line.number), frame.to_vec());
                        }
                        all.extend_from_slice(&bytes);
                        session.extend(ops::encode_write(&bytes));
                    }
                    Step::App(command) => session.extend(ops::encode_command(command)),
                    Step::Wait(time) => session.push(ops::encode_wait(*time)),
                    Step::Stall(false) => session.push(ops::encode_read()),
                    Step::Eof => session.push(ops::encode_end(End::Eof)),
                    Step::Reset => session.push(ops::encode_end(End::Reset)),
                    Step::Expect(_) | Step::Event(_) | Step::Stall(true) | Step::Closed(_) => {}
                }
                two.extend(session_ops::encode(run.setup.role, &line.step, &messages));
            }
            let name = format!("{}-{n}", script.name);
            add("deframe", name.clone(), [&[0, 200, 1], all.as_slice()].concat());
            add("session_bytes", name.clone(), session);
            add("session_ops", name, two);
        }
    }
    seeds
}

/// Tokens that a script takes down are guessed: ours count up.
fn said_bytes(said: &Said, names: &mut Names) -> Vec<u8> {
    for _ in 0..16 {
        match said.bytes(names) {
            Ok(bytes) => return bytes,
            Err(error) => {
                let name: String = error
                    .chars()
                    .skip_while(|&c| c != '$')
                    .skip(1)
                    .take_while(|c| c.is_alphanumeric())
                    .collect();
                let n = names.len() as u16;
                names.insert(name, ((n + 1) << 12 | n).to_be_bytes().to_vec());
            }
        }
    }
    Vec::new()
}

fn frames(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let size = match Plain::decode(bytes) {
            Ok(Some((_, size))) => size,
            _ => bytes.len(),
        };
        let (frame, rest) = bytes.split_at_checked(size)?;
        bytes = rest;
        (!frame.is_empty()).then_some(frame)
    })
}
