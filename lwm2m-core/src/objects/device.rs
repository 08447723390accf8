//! Object 3 of an application.

use super::object::{Object, Refusal, Resource};
use super::schema::{DEVICE, ObjectDef};
use crate::value::Value;

/// The device itself. Texts that are empty count as absent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Device<'d> {
    /// /3/0/0
    pub manufacturer: &'d str,
    /// /3/0/1
    pub model: &'d str,
    /// /3/0/2
    pub serial: &'d str,
    /// /3/0/3
    pub firmware: &'d str,
    /// /3/0/6: the available sources of power; an empty list counts as absent.
    pub power_sources: &'d [i64],
    /// /3/0/9, in percent.
    pub battery: Option<u8>,
    /// /3/0/11: what is wrong with it; nothing is reported as the one error 0.
    pub errors: &'d [i64],
}

impl Device<'_> {
    /// With nothing to say.
    pub const fn new() -> Self {
        Self {
            manufacturer: "",
            model: "",
            serial: "",
            firmware: "",
            power_sources: &[],
            battery: None,
            errors: &[],
        }
    }
}

impl Default for Device<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl Object for Device<'_> {
    const DEF: &'static ObjectDef = &DEVICE;

    fn read(&self, _: u16, resource: u16, out: &mut Resource<'_>) -> Result<(), Refusal> {
        let text = |text| Some(Value::String(text)).filter(|_| !text.is_empty());
        let numbers = |out: &mut Resource<'_>, list: &[i64]| {
            (0..).zip(list).try_for_each(|(id, n)| out.instance(id, Value::Integer(*n)))
        };
        match resource {
            0 => out.optional(text(self.manufacturer)),
            1 => out.optional(text(self.model)),
            2 => out.optional(text(self.serial)),
            3 => out.optional(text(self.firmware)),
            6 if self.power_sources.is_empty() => Err(Refusal::NotFound),
            6 => numbers(out, self.power_sources),
            9 => out.optional(self.battery.map(|percent| Value::Integer(percent.into()))),
            11 if self.errors.is_empty() => numbers(out, &[0]),
            11 => numbers(out, self.errors),
            16 => out.value(Value::String("T")),
            _ => Err(Refusal::NotFound),
        }
    }
}
