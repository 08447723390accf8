//! What objects are made of, as the OMA registry defines them: constant tables, no code (OBJ-6).

use crate::value::Type;
use crate::version::ObjectVersion;

/// An object's definition (OBJ-1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ObjectDef {
    /// Its number, the first in a path.
    pub id: u16,
    /// Its name in the registry.
    pub name: &'static str,
    /// The version of this definition.
    pub version: ObjectVersion,
    /// Whether there may be more than one instance; else there is only instance 0.
    pub multiple: bool,
    /// Whether every client has it (OBJ-4).
    pub mandatory: bool,
    /// What it holds, by ascending id.
    pub resources: &'static [ResourceDef],
}

/// A resource's definition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ResourceDef {
    /// Its number, the third in a path.
    pub id: u16,
    /// Its name in the registry.
    pub name: &'static str,
    /// What a server may do with it.
    pub operations: Operations,
    /// Whether it has resource instances.
    pub multiple: bool,
    /// Whether every instance has it.
    pub mandatory: bool,
    /// The type of its value; `None` for what can only be executed.
    pub ty: Option<Type>,
    /// The unit of its value.
    pub unit: Option<&'static str>,
}

/// What a server that manages the device may do with a resource.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Operations {
    /// Nothing: for bootstrap servers only (OBJ-5).
    None,
    /// Read.
    R,
    /// Write.
    W,
    /// Read and Write.
    RW,
    /// Execute.
    E,
}

impl ObjectDef {
    /// The definition of resource `id`.
    pub fn resource(&self, id: u16) -> Option<&'static ResourceDef> {
        let at = self.resources.binary_search_by_key(&id, |resource| resource.id).ok()?;
        self.resources.get(at)
    }
}

impl Operations {
    /// Whether Read, Observe and Send may carry it (DM-10).
    pub const fn readable(self) -> bool {
        matches!(self, Self::R | Self::RW)
    }

    /// Whether Write may set it (DM-34).
    pub const fn writable(self) -> bool {
        matches!(self, Self::W | Self::RW)
    }

    /// Whether Execute may run it (DM-73).
    pub const fn executable(self) -> bool {
        matches!(self, Self::E)
    }
}

/// Object 1, version 1.2: one instance for each server that the client registers with.
pub const SERVER: ObjectDef = ObjectDef {
    id: 1,
    name: "LwM2M Server",
    version: ObjectVersion::new(1, 2),
    multiple: true,
    mandatory: true,
    resources: &[
        value(0, "Short Server ID", R, Type::Integer).mandatory(),
        value(1, "Lifetime", RW, Type::Integer).mandatory().unit("s"),
        value(2, "Default Minimum Period", RW, Type::Integer).unit("s"),
        value(3, "Default Maximum Period", RW, Type::Integer).unit("s"),
        action(4, "Disable"),
        value(5, "Disable Timeout", RW, Type::Integer).unit("s"),
        value(6, "Notification Storing When Disabled or Offline", RW, Type::Boolean).mandatory(),
        value(7, "Binding", RW, Type::String).mandatory(),
        action(8, "Registration Update Trigger").mandatory(),
        action(9, "Bootstrap-Request Trigger"),
        value(10, "APN Link", RW, Type::ObjectLink),
        value(11, "TLS-DTLS Alert Code", R, Type::Unsigned),
        value(12, "Last Bootstrapped", R, Type::Time),
        value(13, "Registration Priority Order", R, Type::Unsigned),
        value(14, "Initial Registration Delay Timer", RW, Type::Unsigned).unit("s"),
        value(15, "Registration Failure Block", R, Type::Boolean),
        value(16, "Bootstrap on Registration Failure", R, Type::Boolean),
        value(17, "Communication Retry Count", RW, Type::Unsigned),
        value(18, "Communication Retry Timer", RW, Type::Unsigned).unit("s"),
        value(19, "Communication Sequence Delay Timer", RW, Type::Unsigned).unit("s"),
        value(20, "Communication Sequence Retry Count", RW, Type::Unsigned),
        value(21, "Trigger", RW, Type::Boolean),
        value(22, "Preferred Transport", RW, Type::String),
        value(23, "Mute Send", RW, Type::Boolean),
        value(24, "Alternate APN Links", RW, Type::ObjectLink).multiple(),
        value(25, "Supported Server Versions", RW, Type::String).multiple(),
        value(26, "Default Notification Mode", RW, Type::Integer),
        value(27, "Profile ID Hash Algorithm", RW, Type::Unsigned),
    ],
};

/// Object 3, version 1.2: what the device is and how it is doing.
pub const DEVICE: ObjectDef = ObjectDef {
    id: 3,
    name: "Device",
    version: ObjectVersion::new(1, 2),
    multiple: false,
    mandatory: true,
    resources: &[
        value(0, "Manufacturer", R, Type::String),
        value(1, "Model Number", R, Type::String),
        value(2, "Serial Number", R, Type::String),
        value(3, "Firmware Version", R, Type::String),
        action(4, "Reboot").mandatory(),
        action(5, "Factory Reset"),
        value(6, "Available Power Sources", R, Type::Integer).multiple(),
        value(7, "Power Source Voltage", R, Type::Integer).multiple(),
        value(8, "Power Source Current", R, Type::Integer).multiple(),
        value(9, "Battery Level", R, Type::Integer).unit("/100"),
        value(10, "Memory Free", R, Type::Integer),
        value(11, "Error Code", R, Type::Integer).multiple().mandatory(),
        action(12, "Reset Error Code"),
        value(13, "Current Time", RW, Type::Time),
        value(14, "UTC Offset", RW, Type::String),
        value(15, "Timezone", RW, Type::String),
        value(16, "Supported Binding and Modes", R, Type::String).mandatory(),
        value(17, "Device Type", R, Type::String),
        value(18, "Hardware Version", R, Type::String),
        value(19, "Software Version", R, Type::String),
        value(20, "Battery Status", R, Type::Integer),
        value(21, "Memory Total", R, Type::Integer),
        value(22, "ExtDevInfo", R, Type::ObjectLink).multiple(),
    ],
};

/// Object 3303, version 1.1: a temperature sensor.
pub const TEMPERATURE: ObjectDef = ObjectDef {
    id: 3303,
    name: "Temperature",
    version: ObjectVersion::new(1, 1),
    multiple: true,
    mandatory: false,
    resources: &[
        value(5518, "Timestamp", R, Type::Time),
        value(5601, "Min Measured Value", R, Type::Float),
        value(5602, "Max Measured Value", R, Type::Float),
        value(5603, "Min Range Value", R, Type::Float),
        value(5604, "Max Range Value", R, Type::Float),
        action(5605, "Reset Min and Max Measured Values"),
        value(5700, "Sensor Value", R, Type::Float).mandatory(),
        value(5701, "Sensor Units", R, Type::String),
        value(5750, "Application Type", RW, Type::String),
        value(6042, "Measurement Quality Indicator", R, Type::Integer),
        value(6049, "Measurement Quality Level", R, Type::Integer),
        value(6050, "Fractional Timestamp", R, Type::Float).unit("s"),
    ],
};

use Operations::{E, R, RW};

/// A resource with a value: single, optional, without a unit until said otherwise.
const fn value(id: u16, name: &'static str, operations: Operations, ty: Type) -> ResourceDef {
    ResourceDef { id, name, operations, multiple: false, mandatory: false, ty: Some(ty), unit: None }
}

/// A resource to be executed.
const fn action(id: u16, name: &'static str) -> ResourceDef {
    ResourceDef { id, name, operations: E, multiple: false, mandatory: false, ty: None, unit: None }
}

impl ResourceDef {
    const fn mandatory(self) -> Self {
        Self { mandatory: true, ..self }
    }

    const fn multiple(self) -> Self {
        Self { multiple: true, ..self }
    }

    const fn unit(self, unit: &'static str) -> Self {
        Self { unit: Some(unit), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [ObjectDef; 3] = [SERVER, DEVICE, TEMPERATURE];

    #[test]
    fn resources_ascend_so_that_they_can_be_searched() {
        for object in ALL {
            assert!(object.resources.is_sorted_by(|a, b| a.id < b.id), "{}", object.name);
            for resource in object.resources {
                assert_eq!(object.resource(resource.id), Some(resource));
            }
        }
        assert_eq!(DEVICE.resource(23), None);
    }

    #[test]
    fn obj_5_only_what_is_executed_has_no_type() {
        for resource in ALL.iter().flat_map(|object| object.resources) {
            assert_eq!(resource.operations.executable(), resource.ty.is_none(), "{}", resource.name);
        }
        assert!(!Operations::None.readable() && !Operations::None.writable() && Operations::W.writable());
    }

    #[test]
    fn obj_6_the_tables_have_the_mandatory_and_multiple_resources_of_the_registry() {
        let ids = |object: &ObjectDef, wanted: fn(&ResourceDef) -> bool| {
            object.resources.iter().filter(|r| wanted(r)).map(|r| r.id).collect::<alloc::vec::Vec<_>>()
        };
        assert_eq!(ids(&SERVER, |r| r.mandatory), [0, 1, 6, 7, 8]);
        assert_eq!(ids(&SERVER, |r| r.multiple), [24, 25]);
        assert_eq!(ids(&DEVICE, |r| r.mandatory), [4, 11, 16]);
        assert_eq!(ids(&DEVICE, |r| r.multiple), [6, 7, 8, 11, 22]);
        assert_eq!(ids(&DEVICE, |r| r.operations.writable()), [13, 14, 15]);
        assert_eq!(ids(&TEMPERATURE, |r| r.mandatory), [5700]);
        assert_eq!(ids(&TEMPERATURE, |r| r.operations.writable()), [5750]);
    }
}
