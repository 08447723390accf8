//! The arguments of an example program.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

/// Reads them. What is wrong is said in one line, with exit code 2; the help that was asked for is given, with 0.
///
/// # Errors
/// The exit code to end with.
pub fn arguments<A: Parser>() -> Result<A, ExitCode> {
    A::try_parse().map_err(|error| {
        if !error.use_stderr() {
            // Nobody reads it: nothing can be done about that.
            let _ = error.print();
            return ExitCode::SUCCESS;
        }
        let text = error.to_string();
        eprintln!("{}: {}", program(), one_line(&text));
        ExitCode::from(2)
    })
}

/// As it was called, without its folder.
fn program() -> String {
    let called = std::env::args_os().next().map(PathBuf::from).unwrap_or_default();
    called.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// What is said before the usage, which follows an empty line.
fn one_line(text: &str) -> String {
    let said: Vec<&str> = text.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
    said.join(" ").trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests {
    use super::one_line;

    #[test]
    fn what_is_wrong_fits_one_line() {
        let text = "error: the following is missing:\n  --server <URI>\n\nUsage: device\n";
        assert_eq!(one_line(text), "the following is missing: --server <URI>");
    }
}
