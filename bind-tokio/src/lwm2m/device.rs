//! A device on tokio.

use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::task::Poll;

use coap_tcp_core::ConfigError;
use lwm2m_app::{DeviceEvent, DeviceHandle, Events, Next};
use lwm2m_core::client::Config;
use lwm2m_core::objects::Objects;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::sleep_until;

use crate::Role;
use crate::drive::rest;
use crate::endpoint::Endpoint;

/// A device with one server, whose account is instance 0 of object 1.
#[derive(Debug)]
pub struct Device<O> {
    endpoint: Endpoint,
    device: lwm2m_app::Device<O>,
}

impl<O: Objects + Send + 'static> Device<O> {
    /// A device, its handle, and what it reports. `seed` spreads its retries: it should differ from device to
    /// device and from start to start (REG-88).
    pub fn new(
        endpoint: Endpoint,
        config: Config<'static>,
        objects: O,
        seed: u64,
    ) -> (Self, DeviceHandle<O>, Events<DeviceEvent>) {
        let clock = endpoint.clock();
        let (device, handle, events) = lwm2m_app::Device::new(config, objects, seed, move || clock.now());
        (Self { endpoint, device }, handle, events)
    }

    /// Runs until it is de-registered: connects as `connect` says, registers, serves, and connects again when
    /// and as the policy says.
    ///
    /// # Errors
    /// When the endpoint's configuration cannot work; then it has not connected.
    pub async fn run<IO, F>(self, mut connect: impl FnMut() -> F) -> Result<(), ConfigError>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
        F: Future<Output = std::io::Result<IO>>,
    {
        let Self { endpoint, mut device } = self;
        endpoint.check()?;
        let clock = endpoint.clock();
        let mut sleep = pin!(sleep_until(clock.tokio(clock.now())));
        loop {
            let next = poll_fn(|cx| match device.poll(cx, clock.now()) {
                Next::Wait(until) => rest(cx, clock, until, sleep.as_mut()),
                next => Poll::Ready(next),
            });
            match next.await {
                Next::Connect(layer) => {
                    if let Ok(io) = connect().await {
                        // The configuration is known to work: there is only the memory to want, and that may pass.
                        let _ = endpoint.drive(io, Role::Initiator, layer, pending()).await;
                    }
                }
                Next::Wait(_) => {}
                Next::Over => return Ok(()),
            }
        }
    }
}
