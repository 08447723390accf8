//! Object 1 of an application.

use super::object::{Object, Refusal, Resource};
use super::schema::{ObjectDef, SERVER};
use crate::value::Value;

/// A server that the device registers with: what the client does is what these values say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Server {
    /// /1/x/0: which server it is; 1 to 65534.
    pub short_id: u16,
    /// /1/x/1: seconds until a registration expires; 0 means never (REG-14).
    pub lifetime: u32,
    /// /1/x/17: attempts in a sequence; 5 where it is absent (REG-83).
    pub retry_count: Option<u32>,
    /// /1/x/18: seconds after the first failed attempt, doubled for each that follows; 60.
    pub retry_timer: Option<u32>,
    /// /1/x/19: seconds between two sequences; 86,400.
    pub sequence_delay: Option<u32>,
    /// /1/x/20: sequences until registration counts as failed; 1.
    pub sequence_count: Option<u32>,
}

impl Server {
    /// With the defaults of A.6.
    pub const fn new(short_id: u16, lifetime: u32) -> Self {
        Self {
            short_id,
            lifetime,
            retry_count: None,
            retry_timer: None,
            sequence_delay: None,
            sequence_count: None,
        }
    }
}

impl Object for Server {
    const DEF: &'static ObjectDef = &SERVER;

    fn read(&self, _: u16, resource: u16, out: &mut Resource<'_>) -> Result<(), Refusal> {
        let number = |value: Option<u32>| value.map(|n| Value::Unsigned(n.into()));
        match resource {
            0 => out.value(Value::Integer(self.short_id.into())),
            1 => out.value(Value::Integer(self.lifetime.into())),
            6 => out.value(Value::Boolean(false)),
            7 => out.value(Value::String("T")),
            17 => out.optional(number(self.retry_count)),
            18 => out.optional(number(self.retry_timer)),
            19 => out.optional(number(self.sequence_delay)),
            20 => out.optional(number(self.sequence_count)),
            _ => Err(Refusal::NotFound),
        }
    }
}
