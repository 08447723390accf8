//! An LwM2M device over TCP for the command line, on tokio.

use std::future::{Future, pending};
use std::process::ExitCode;
use std::time::Duration;

use bind_tokio::Endpoint;
use bind_tokio::lwm2m::core::profile;
use bind_tokio::lwm2m::{Device, DeviceEvent};
use demo::Runtime;
use demo::lwm2m::{DeviceArguments, Thermometer, measure, random, show_device};

fn main() -> ExitCode {
    let arguments = match demo::arguments::<DeviceArguments>() {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    let thermometer = match arguments.thermometer() {
        Ok(thermometer) => thermometer,
        Err(error) => {
            eprintln!("lwm2m-device: {error}");
            return ExitCode::from(2);
        }
    };
    match run(thermometer) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

#[tokio::main(flavor = "current_thread")]
async fn run(thermometer: Thermometer) -> bool {
    let Thermometer { host, port, config, objects, duration } = thermometer;
    let endpoint = Endpoint::new(profile::DEVICE);
    let (device, handle, mut events) = Device::new(endpoint.clone(), config, objects, random());
    let connect = || async {
        let stream = endpoint.tcp((host.as_str(), port)).await;
        stream.inspect_err(|error| eprintln!("lwm2m-device: {host}:{port}: {error}"))
    };
    // Never ends: the device does.
    let live = async {
        tokio::select! {
            () = measure(Tokio, &handle, duration) => {}
            _ = tokio::signal::ctrl_c() => {}
        }
        handle.deregister();
        pending::<()>().await;
    };
    let mut left = false;
    let mut watch = |event| {
        left |= event == DeviceEvent::Deregistered;
        show_device(event);
    };
    tokio::select! {
        ended = device.run(connect) => {
            if let Err(error) = ended {
                eprintln!("lwm2m-device: {error}");
            }
        }
        () = live => {}
        () = async { while let Some(event) = events.recv().await { watch(event) } } => {}
    }
    while let Some(event) = events.try_recv() {
        watch(event);
    }
    left
}

#[derive(Clone, Copy, Debug)]
struct Tokio;

impl Runtime for Tokio {
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        tokio::spawn(task);
    }

    async fn sleep(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}
