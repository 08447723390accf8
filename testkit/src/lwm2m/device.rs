//! The scripts' device: a thermometer by the name of `dev1`.

use std::task::{Context, Waker};

use coap_tcp_core::Instant;
use lwm2m_app::core::client::Config;
use lwm2m_app::core::objects::{self, Temperature};
use lwm2m_app::core::path::Path;
use lwm2m_app::{Device, DeviceEvent, DeviceHandle, DeviceLayer, Events, Next};

use super::acting::Actor;
use crate::rig::{Seen, kebab};
use crate::script::{Command, Lwm2m, Role};

/// Of the scripts' device.
pub type Objects = (objects::Server, objects::Device<'static>, Temperature<'static>);

/// Objects 1 with a lifetime of 60 seconds, 3, and 3303 in degrees Celsius.
pub fn thermometer() -> Objects {
    let device = objects::Device { manufacturer: "Example", model: "T1", ..objects::Device::new() };
    let mut temperature = Temperature::new("Cel");
    temperature.measure(20.5);
    (objects::Server::new(1, 60), device, temperature)
}

/// It, and its application.
#[derive(Debug)]
pub struct DeviceActor {
    handle: DeviceHandle<Objects>,
    events: Events<DeviceEvent>,
}

impl Actor for DeviceActor {
    type Layer = DeviceLayer<Objects>;
    const ROLE: Role = Role::Client;

    fn new(clock: impl Fn() -> Instant + Send + Sync + 'static) -> (Self, DeviceLayer<Objects>) {
        let (mut device, handle, events) = Device::new(Config::new("dev1"), thermometer(), 1, clock);
        let Next::Connect(layer) = device.poll(&mut Context::from_waker(Waker::noop()), Instant::ZERO) else {
            panic!("a device begins with a connection");
        };
        (Self { handle, events }, layer)
    }

    fn act(&mut self, command: &Command, _: &mut Vec<Seen>) {
        match command {
            Command::Lwm2m(Lwm2m::Measure(celsius)) => self.handle.change(|objects| {
                objects.2.measure(*celsius);
                Path::new(&[3303, 0, 5700]).unwrap_or(Path::ROOT)
            }),
            Command::Lwm2m(Lwm2m::Update) => self.handle.update(),
            Command::Lwm2m(Lwm2m::Deregister) => self.handle.deregister(),
            other => panic!("a device cannot {other:?}"),
        }
    }

    fn turn(&mut self, _: &mut Context<'_>, _: Instant) -> Option<Instant> {
        None
    }

    fn gather(&mut self, seen: &mut Vec<Seen>) {
        let told = core::iter::from_fn(|| self.events.try_recv());
        seen.extend(told.map(|event| Seen::Lwm2m(kebab(&event))));
    }
}
