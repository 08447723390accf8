//! Object 3303 of an application.

use super::object::{Object, Refusal, Resource};
use super::schema::{ObjectDef, TEMPERATURE};
use crate::value::Value;

/// A temperature sensor, with the extremes that it has seen.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Temperature<'d> {
    units: &'d str,
    measured: Option<Measured>,
}

#[derive(Clone, Copy, PartialEq, Debug)]
struct Measured {
    now: f64,
    min: f64,
    max: f64,
}

impl<'d> Temperature<'d> {
    /// Without a value yet; units as SenML names them, `Cel` for example.
    pub const fn new(units: &'d str) -> Self {
        Self { units, measured: None }
    }

    /// Takes a measurement. The client wants to be told by its `changed`.
    pub fn measure(&mut self, now: f64) {
        let Measured { min, max, .. } = self.measured.unwrap_or(Measured { now, min: now, max: now });
        self.measured = Some(Measured { now, min: min.min(now), max: max.max(now) });
    }
}

impl Object for Temperature<'_> {
    const DEF: &'static ObjectDef = &TEMPERATURE;

    fn read(&self, _: u16, resource: u16, out: &mut Resource<'_>) -> Result<(), Refusal> {
        let number = |pick: fn(Measured) -> f64| self.measured.map(|measured| Value::Float(pick(measured)));
        match resource {
            5601 => out.optional(number(|measured| measured.min)),
            5602 => out.optional(number(|measured| measured.max)),
            5700 => out.optional(number(|measured| measured.now)),
            5701 => out.value(Value::String(self.units)),
            _ => Err(Refusal::NotFound),
        }
    }
}
