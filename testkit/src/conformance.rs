//! One named test per script and rig.

use std::path::Path;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};

use crate::player;
use crate::rig::Rig;
use crate::script::{Script, load};

/// Where the scripts are.
pub const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts");

/// All scripts that a rig can play, as its tests: a buffer of fixed size has no room for the longest frames.
///
/// # Errors
///
/// Says which script is not understood, and where.
pub fn trials<R: Rig + 'static>(rig: &str) -> Result<Vec<Trial>, String> {
    trials_of::<R>(Path::new(SCRIPTS), rig)
}

/// The same of another folder.
pub(crate) fn trials_of<R: Rig + 'static>(folder: &Path, rig: &str) -> Result<Vec<Trial>, String> {
    let scripts = load(folder)?;
    Ok(scripts.into_iter().filter(player::can::<R>).map(|script| trial::<R>(rig, script)).collect())
}

fn trial<R: Rig + 'static>(rig: &str, script: Script) -> Trial {
    let name = format!("scripts::{rig}::{}", script.name);
    Trial::test(name, move || player::play::<R>(&script).map_err(Failed::from))
}

/// The `main` of a test with `harness = false`.
///
/// ```no_run
/// use testkit::conformance;
/// use testkit::core_rig::CoreRig;
/// use testkit::endpoint::Growing;
///
/// fn main() -> std::process::ExitCode {
///     conformance::run([conformance::trials::<CoreRig<Growing>>("core")])
/// }
/// ```
pub fn run(trials: impl IntoIterator<Item = Result<Vec<Trial>, String>>) -> ExitCode {
    match trials.into_iter().collect::<Result<Vec<_>, _>>() {
        Ok(trials) => {
            libtest_mimic::run(&Arguments::from_args(), trials.into_iter().flatten().collect()).exit_code()
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
