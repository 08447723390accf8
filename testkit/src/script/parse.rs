//! A whole script.

use std::path::{Path, PathBuf};

use super::setup::Setup;
use super::step::{Line, Step};
use super::words::words;

/// One behaviour: what its head says, and the runs that show it.
#[derive(Clone, Debug)]
pub struct Script {
    /// Folder and file, such as `csm/missing`.
    pub name: String,
    /// The requirements it is about.
    pub requirements: Vec<String>,
    /// Each on a connection of its own.
    pub runs: Vec<Run>,
}

/// One connection from its beginning.
#[derive(Clone, Debug)]
pub struct Run {
    /// How it is made.
    pub setup: Setup,
    /// What happens.
    pub lines: Vec<Line>,
}

impl Script {
    /// Reads a script. Errors name the line.
    pub fn parse(name: &str, text: &str) -> Result<Self, String> {
        let head = text.lines().next().and_then(|line| line.strip_prefix('#')).unwrap_or_default();
        let requirements: Vec<_> =
            head.split_whitespace().take_while(|word| is_requirement(word)).map(str::to_owned).collect();
        if requirements.is_empty() {
            return Err(format!("{name}:1: the head names no requirement, such as `# T-3.3-6 What it says`"));
        }
        let mut script = Self { name: name.to_owned(), requirements, runs: vec![] };
        let mut wants_setup = true;
        for (number, text) in (1..).zip(text.lines()) {
            let at = |error: String| format!("{name}:{number}: {error}");
            let words = words(text).map_err(at)?;
            let Some((verb, rest)) = words.split_first() else {
                continue;
            };
            match (verb.as_str(), wants_setup) {
                ("---", _) => wants_setup = true,
                ("us", true) => {
                    let setup = Setup::parse(rest).map_err(at)?;
                    script.runs.push(Run { setup, lines: vec![] });
                    wants_setup = false;
                }
                (_, true) => return Err(at("a run begins with `us client` or `us server`".into())),
                (_, false) => {
                    let step = Step::parse(&words).map_err(at)?;
                    script.push(Line { number, text: text.trim().to_owned(), step }).map_err(at)?;
                }
            }
        }
        if wants_setup {
            return Err(format!("{name}: a run is missing"));
        }
        Ok(script)
    }

    fn push(&mut self, line: Line) -> Result<(), String> {
        let run = self.runs.last_mut().ok_or("no run is begun")?;
        if matches!(line.step, Step::Stall(_)) && run.setup.window.is_none() {
            return Err(
                "`stall` wants `window=` in the setup: how much the peer takes without reading".into()
            );
        }
        run.lines.push(line);
        Ok(())
    }
}

/// `T-3.3-6`, `D-C-1`, `F-14`, `V05`, `ST4`, `row-58`.
pub(crate) fn is_requirement(word: &str) -> bool {
    let letters = word.trim_end_matches(|c: char| c.is_ascii_digit() || c == '-' || c == '.');
    let rest = word.get(letters.len()..).unwrap_or_default();
    let coded = word.split_once('-').is_some_and(|(family, rest)| {
        (1..=3).contains(&family.len())
            && family.bytes().all(|b| b.is_ascii_uppercase())
            && rest.ends_with(|c: char| c.is_ascii_digit())
    });
    coded || (!rest.is_empty() && ["V", "M", "ST", "row"].contains(&letters))
}

/// Every script in a folder and its folders, in the order of their names.
pub fn load(folder: &Path) -> Result<Vec<Script>, String> {
    let mut files = Vec::new();
    find(folder, &mut files).map_err(|error| format!("{}: {error}", folder.display()))?;
    files.sort();
    let script = |file: &PathBuf| {
        let name = file.strip_prefix(folder).unwrap_or(file).with_extension("");
        let text = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
        Script::parse(&name.to_string_lossy(), &text)
    };
    files.iter().map(script).collect()
}

fn find(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            find(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "script") {
            files.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fails(text: &str) -> String {
        Script::parse("t", text).unwrap_err()
    }

    #[test]
    fn errors_name_their_line() {
        assert!(fails("us server\n").starts_with("t:1: the head"));
        assert!(fails("# hello world\nus server\n").starts_with("t:1: the head"));
        assert_eq!(fails("# T-1 x\npeer 0.01\n"), "t:2: a run begins with `us client` or `us server`");
        assert_eq!(fails("# T-1 x\nus server\n\npeer 9.01\n"), "t:4: no code: 9.01");
        assert_eq!(fails("# T-1 x\nus server\npeer 0.01 Wrong=1\n"), "t:3: no option Wrong");
        assert!(fails("# T-1 x\nus server\nstall on\n").starts_with("t:3: `stall` wants"));
        assert_eq!(fails("# T-1 x\nus server\npeer raw 012\n"), "t:3: no hex bytes: 012");
        assert_eq!(fails("# T-1 x\nus server\napp get /t\n"), "t:3: a request wants a tag=");
        assert_eq!(fails("# T-1 x\nus server csm-timeout=5\n"), "t:2: a duration ends in ms, s, min or h: 5");
        assert_eq!(fails("# T-1 x\n"), "t: a run is missing");
    }

    #[test]
    fn a_head_names_requirements() {
        let text = "# T-3.3-6 D-C-1 row-58 ST7  Missing CSM\nus server\n---\nus client\n";
        let script = Script::parse("csm/missing", text).unwrap();
        assert_eq!(script.requirements, ["T-3.3-6", "D-C-1", "row-58", "ST7"]);
        assert_eq!(script.runs.len(), 2);
    }
}
