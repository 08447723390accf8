//! The LwM2M device of the examples on mio.

use std::error::Error;
use std::future::Future;
use std::net::ToSocketAddrs;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use bind_mio::lwm2m::core::profile;
use bind_mio::lwm2m::{self, Device, DeviceEvent};
use bind_mio::{Clock, Reactor, block_on};
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
            eprintln!("lwm2m-device-mio: {error}");
            return ExitCode::from(2);
        }
    };
    match run(thermometer) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("lwm2m-device-mio: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether the server has taken its De-register.
fn run(thermometer: Thermometer) -> Result<bool, Box<dyn Error>> {
    let Thermometer { host, port, config, objects, duration } = thermometer;
    let server = (host.as_str(), port).to_socket_addrs()?.next().ok_or("no address")?;
    let clock = Clock::start();
    let (device, handle, mut events) = Device::new(config, objects, random(), move || clock.now());
    let mut reactor = Reactor::new(&profile::DEVICE)?;
    lwm2m::run(&mut reactor, device, server);
    let remote = reactor.remote();
    let running = thread::spawn(move || reactor.run(clock));
    thread::spawn(move || {
        block_on(measure(Threads, &handle, duration));
        handle.deregister();
    });
    let mut left = false;
    // They end with the device.
    while let Some(event) = block_on(events.recv()) {
        left |= event == DeviceEvent::Deregistered;
        show_device(event);
    }
    remote.stop()?;
    running.join().map_err(|_| "the reactor's thread has panicked")??;
    Ok(left)
}

#[derive(Clone, Copy, Debug)]
struct Threads;

impl Runtime for Threads {
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        thread::spawn(|| block_on(task));
    }

    async fn sleep(&self, time: Duration) {
        thread::sleep(time);
    }
}
