//! Writes SenML record by record, without knowing how many will come.

use coap_tcp_core::wire::Decimal;
use coap_tcp_core::{Buf, Fixed, Full};

use super::head::Head;
use crate::content::output::Output;
use crate::content::values::{Values, WriteError};
use crate::path::{Path, append_id};
use crate::value::Value;

/// Writes the answer to a Read of its target, or a request with values, names or nulls.
///
/// What is in the buffer is a whole payload after every call: the number of records is kept up to date, so there is
/// nothing to finish. Names are split as FMT-36 recommends: the instance goes into the base name.
#[derive(Debug)]
pub struct Writer<'b> {
    out: Output<'b>,
    target: Path,
    /// Where the array begins.
    at: usize,
    records: u64,
    /// What the base name in effect names: an instance, or a target that is a single value.
    base: Option<Path>,
}

/// What a record says of its path.
enum Field<'v> {
    Nothing,
    Null,
    Value(Value<'v>),
}

/// A name at its longest: `/` and five digits, four times.
type Name = Fixed<24>;

impl<'b> Writer<'b> {
    /// Begins with an array of no records (DM-14).
    pub fn new(buf: &'b mut dyn Buf, target: Path) -> Result<Self, WriteError> {
        let mut out = Output::new(buf);
        let at = out.len();
        out.append(Head::array(0).as_slice())?;
        Ok(Self { out, target, at, records: 0, base: None })
    }

    /// A path alone, for Read-Composite (DM-16).
    pub fn name(&mut self, path: Path) -> Result<(), WriteError> {
        self.record(path, None, Field::Nothing)
    }

    /// A null in the place of a value, which deletes a resource instance in Write-Composite (FMT-37).
    pub fn null(&mut self, path: Path) -> Result<(), WriteError> {
        self.record(path, None, Field::Null)
    }

    /// One record. Its name is split where `base` ends, which becomes the base name unless it is so already.
    fn record(&mut self, path: Path, base: Option<Path>, field: Field<'_>) -> Result<(), WriteError> {
        if !self.target.contains(path) {
            return Err(WriteError::Outside);
        }
        let base_name = if base == self.base { None } else { Some(base_name(base)?) };
        let name = if base == Some(path) { None } else { Some(name(path, base)?) };
        let labels = u64::from(base_name.is_some())
            + u64::from(name.is_some())
            + u64::from(!matches!(field, Field::Nothing));

        let (old, head) = (Head::array(self.records), Head::array(self.records + 1));
        let grows = head.as_slice().len() - old.as_slice().len();
        self.out.atomically(|out| {
            out.append(Head::map(labels).as_slice())?;
            if let Some(name) = base_name {
                string(out, Head::int(-2), Head::text, name.as_slice())?;
            }
            if let Some(name) = name {
                string(out, Head::int(0), Head::text, name.as_slice())?;
            }
            put(out, field)?;
            // Room for the number of records: once it is there nothing can fail.
            (0..grows).try_for_each(|_| out.append(&[0]))
        })?;
        let end = self.out.len() - grows;
        self.out.replace(self.at, old.as_slice().len(), head.as_slice(), end);
        self.records += 1;
        self.base = base;
        Ok(())
    }
}

impl Values for Writer<'_> {
    fn value(&mut self, path: Path, value: Value<'_>) -> Result<(), WriteError> {
        if path.depth() < 3 {
            return Err(WriteError::Outside);
        }
        // A target that is a single value needs no name beside its base name.
        let base = if path == self.target { path } else { path.ancestor(2) };
        self.record(path, Some(base), Field::Value(value))
    }
}

/// The base name: of a value as it is, of an instance with the slash that the names below it lack.
fn base_name(base: Option<Path>) -> Result<Name, WriteError> {
    let mut text = Name::new();
    if let Some(base) = base {
        base.append_to(&mut text)?;
        if base.depth() == 2 {
            text.append(b"/")?;
        }
    }
    Ok(text)
}

/// The rest of `path` behind an instance that is the base name, or all of it.
fn name(path: Path, base: Option<Path>) -> Result<Name, WriteError> {
    let mut text = Name::new();
    match (base, path.ids()) {
        (None, _) => path.append_to(&mut text)?,
        (Some(_), [_, _, below @ ..]) if !below.is_empty() => {
            below.iter().try_for_each(|id| append_id(*id, &mut text))?;
            // The slash is in the base name.
            text.consume(1);
        }
        _ => return Err(WriteError::Form),
    }
    Ok(text)
}

/// The label and the value of a field.
fn put(out: &mut Output<'_>, field: Field<'_>) -> Result<(), Full> {
    const VALUE: Head = Head::int(2);
    let value = match field {
        Field::Nothing => return Ok(()),
        Field::Null => Head::NULL,
        Field::Value(value) => match value {
            Value::Integer(n) | Value::Time(n) => Head::int(n),
            Value::Unsigned(n) => Head::unsigned(n),
            Value::Float(n) => Head::float(n),
            Value::String(text) | Value::CoreLink(text) => {
                return string(out, Head::int(3), Head::text, text.as_bytes());
            }
            Value::Boolean(yes) => {
                out.append(Head::int(4).as_slice())?;
                return out.append(Head::bool(yes).as_slice());
            }
            Value::Opaque(bytes) => return string(out, Head::int(8), Head::bytes, bytes),
            Value::ObjectLink(object, instance) => {
                out.append(b"\x63vlo")?;
                let (object, instance) = (Decimal::new(object.into()), Decimal::new(instance.into()));
                let length = object.as_slice().len() + 1 + instance.as_slice().len();
                out.append(Head::text(length).as_slice())?;
                return [object.as_slice(), b":", instance.as_slice()]
                    .iter()
                    .try_for_each(|part| out.append(part));
            }
        },
    };
    out.append(VALUE.as_slice())?;
    out.append(value.as_slice())
}

/// A label, and a text or byte string.
fn string(
    out: &mut Output<'_>,
    label: Head,
    head: impl FnOnce(usize) -> Head,
    bytes: &[u8],
) -> Result<(), Full> {
    out.append(label.as_slice())?;
    out.append(head(bytes.len()).as_slice())?;
    out.append(bytes)
}
