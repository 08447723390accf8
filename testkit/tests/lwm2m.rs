//! Every script about LwM2M, without a runtime.

use std::process::ExitCode;

use testkit::bare::Bare;
use testkit::conformance::run;
use testkit::lwm2m::{DeviceApp, ServerApp, trials};
use testkit::pipe_rig::PipeRig;

fn main() -> ExitCode {
    run([
        trials::<PipeRig<Bare, DeviceApp>>("bare-device"),
        trials::<PipeRig<Bare, ServerApp>>("bare-server"),
    ])
}
