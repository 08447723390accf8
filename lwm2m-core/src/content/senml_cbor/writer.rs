//! Writes SenML record by record, without knowing how many will come.

use core::fmt::{self, Write};

use coap_tcp_core::{Buf, Full};
use minicbor::Encoder;

use crate::content::output::Output;
use crate::content::short::Short;
use crate::content::values::{Values, WriteError};
use crate::path::Path;
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
type Name = Short<24>;

impl<'b> Writer<'b> {
    /// Begins with an array of no records (DM-14).
    pub fn new(buf: &'b mut dyn Buf, target: Path) -> Result<Self, WriteError> {
        let mut out = Output::new(buf);
        let at = out.len();
        out.append(ArrayHead::of(0).as_slice())?;
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

        let (old, head) = (ArrayHead::of(self.records), ArrayHead::of(self.records + 1));
        let grows = head.as_slice().len() - old.as_slice().len();
        self.out.atomically(|out| {
            let mut record = Encoder::new(&mut *out);
            record.map(labels).map_err(full)?;
            if let Some(name) = base_name {
                record.i8(-2).and_then(|record| record.str(name.as_str())).map_err(full)?;
            }
            if let Some(name) = name {
                record.u8(0).and_then(|record| record.str(name.as_str())).map_err(full)?;
            }
            put(&mut record, field)?;
            // Room for the number of records: once it is there nothing can fail.
            (0..grows).try_for_each(|_| out.append(&[0])).map_err(WriteError::from)
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
    match base {
        None => Ok(()),
        Some(base) if base.depth() == 2 => write!(text, "{base}/"),
        Some(base) => write!(text, "{base}"),
    }
    .map_err(|_| WriteError::Form)?;
    Ok(text)
}

/// The rest of `path` behind an instance that is the base name, or all of it.
fn name(path: Path, base: Option<Path>) -> Result<Name, WriteError> {
    let mut text = Name::new();
    match (base, path.ids()) {
        (None, _) => write!(text, "{path}"),
        (Some(_), [_, _, resource]) => write!(text, "{resource}"),
        (Some(_), [_, _, resource, instance]) => write!(text, "{resource}/{instance}"),
        _ => Err(fmt::Error),
    }
    .map_err(|_| WriteError::Form)?;
    Ok(text)
}

fn put(record: &mut Encoder<&mut Output<'_>>, field: Field<'_>) -> Result<(), WriteError> {
    match field {
        Field::Nothing => return Ok(()),
        Field::Null => record.u8(2).and_then(|record| record.null()),
        Field::Value(value) => match value {
            Value::Integer(n) | Value::Time(n) => record.u8(2).and_then(|record| record.i64(n)),
            Value::Unsigned(n) => record.u8(2).and_then(|record| record.u64(n)),
            Value::Float(n) => record.u8(2).and_then(|record| {
                let narrow = n as f32;
                if f64::from(narrow) == n || n.is_nan() { record.f32(narrow) } else { record.f64(n) }
            }),
            Value::String(text) | Value::CoreLink(text) => record.u8(3).and_then(|record| record.str(text)),
            Value::Boolean(yes) => record.u8(4).and_then(|record| record.bool(yes)),
            Value::Opaque(bytes) => record.u8(8).and_then(|record| record.bytes(bytes)),
            Value::ObjectLink(object, instance) => {
                let mut link = Short::<11>::new();
                write!(link, "{object}:{instance}").map_err(|_| WriteError::Form)?;
                record.str("vlo").and_then(|record| record.str(link.as_str()))
            }
        },
    }
    .map(drop)
    .map_err(full)
}

fn full(_: minicbor::encode::Error<Full>) -> WriteError {
    WriteError::Full
}

/// The head of an array of so many records.
#[derive(Clone, Copy)]
struct ArrayHead {
    bytes: [u8; 9],
    len: usize,
}

impl ArrayHead {
    fn of(records: u64) -> Self {
        let mut bytes = [0; 9];
        let mut free = bytes.as_mut_slice();
        // Nine bytes hold any length.
        let _ = Encoder::new(&mut free).array(records);
        let len = 9 - free.len();
        Self { bytes, len }
    }

    fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}
