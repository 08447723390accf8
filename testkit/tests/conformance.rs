//! Every script, on the core alone.

use std::process::ExitCode;

use testkit::conformance::{run, trials};
use testkit::core_rig::CoreRig;
use testkit::endpoint::{Frugal, Growing};

fn main() -> ExitCode {
    run([trials::<CoreRig<Growing>>("growing"), trials::<CoreRig<Frugal>>("frugal")])
}
