//! The LwM2M device of the examples on smol.

use std::future::Future;
use std::process::ExitCode;
use std::time::Duration;

use bind_futures::core::{Advice, ConfigError};
use bind_futures::lwm2m::core::profile;
use bind_futures::lwm2m::{self, Device, DeviceEvent};
use bind_futures::{AsyncIo, Timer, tune};
use demo::Runtime;
use demo::lwm2m::{DeviceArguments, Thermometer, measure, random, show_device};
use smol::net::TcpStream;

fn main() -> ExitCode {
    let arguments = match demo::arguments::<DeviceArguments>() {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    let thermometer = match arguments.thermometer() {
        Ok(thermometer) => thermometer,
        Err(error) => {
            eprintln!("lwm2m-device-smol: {error}");
            return ExitCode::from(2);
        }
    };
    match smol::block_on(run(thermometer)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("lwm2m-device-smol: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether the server has taken its De-register.
async fn run(thermometer: Thermometer) -> Result<bool, ConfigError> {
    let Thermometer { host, port, config, objects, duration } = thermometer;
    let timer = AsyncIo::start();
    let clock = timer.clone();
    let (device, handle, mut events) = Device::new(config, objects, random(), move || clock.now());
    let advice = Advice::initiator(&profile::DEVICE);
    let connect = move || {
        let host = host.clone();
        async move {
            let connecting = TcpStream::connect((host.as_str(), port)).await;
            let stream =
                connecting.inspect_err(|error| eprintln!("lwm2m-device-smol: {host}:{port}: {error}"))?;
            tune(&stream, &advice)?;
            Ok(stream)
        }
    };
    let running = smol::spawn(lwm2m::run(device, &profile::DEVICE, timer, connect));
    let live = smol::spawn(async move {
        measure(Smol, &handle, duration).await;
        handle.deregister();
    });
    let mut left = false;
    // They end with the device.
    while let Some(event) = events.recv().await {
        left |= event == DeviceEvent::Deregistered;
        show_device(event);
    }
    drop(live);
    running.await.map(|()| left)
}

#[derive(Clone, Copy, Debug)]
struct Smol;

impl Runtime for Smol {
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        smol::spawn(task).detach();
    }

    async fn sleep(&self, time: Duration) {
        smol::Timer::after(time).await;
    }
}
