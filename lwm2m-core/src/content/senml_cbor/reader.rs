//! Reads SenML record by record.

use minicbor::Decoder;
use minicbor::data::Type;

use super::item;
use crate::content::entry::{Entry, Raw, ReadError};
use crate::content::pieces::Pieces;
use crate::path::{Parser, Path};

/// Yields one entry for each record, in the order of the payload, with names and times resolved (FMT-30, FMT-34).
///
/// Ends after the first error. An empty payload has no records (FMT-30). Whether the same path may come twice depends on
/// the operation: that is left to the caller.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    decoder: Decoder<'a>,
    target: Path,
    root: &'a [u8],
    base: Base<'a>,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Start,
    /// How many records are left, where the payload said so.
    Records(Option<u64>),
    Done,
}

/// What records leave to those behind them.
#[derive(Clone, Copy, Default, Debug)]
struct Base<'a> {
    name: Option<Pieces<'a>>,
    time: Option<f64>,
}

/// The labels of one record, in whatever order they came.
#[derive(Clone, Copy, Default, Debug)]
struct Record<'a> {
    base: Base<'a>,
    name: Option<Pieces<'a>>,
    time: Option<f64>,
    value: Option<Raw<'a>>,
    /// A bit for each label that was there.
    seen: u16,
}

/// The labels that mean something here (FMT-31).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Label {
    BaseVersion,
    BaseName,
    BaseTime,
    Name,
    Number,
    String,
    Boolean,
    Time,
    Data,
    ObjectLink,
    Unit,
    Unknown,
}

/// The version of RFC 8428, which later ones must raise.
const SENML_VERSION: u64 = 10;

impl<'a> Reader<'a> {
    /// Reads what was written to, or read from, `target`: the root in composite operations and Send.
    pub fn new(payload: &'a [u8], target: Path) -> Self {
        Self { decoder: Decoder::new(payload), target, root: &[], base: Base::default(), state: State::Start }
    }

    /// The same for a client whose objects lie below `root`, such as `/lwm2m`: all names begin with it (REG-23).
    #[must_use]
    pub fn below(self, root: &'a str) -> Self {
        Self { root: root.as_bytes(), ..self }
    }

    fn step(&mut self) -> Result<Option<Entry<'a>>, ReadError> {
        let mut left = match self.state {
            State::Done => return Ok(None),
            State::Start if self.decoder.input().is_empty() => return Ok(None),
            State::Start => self.decoder.array().map_err(item::malformed)?,
            State::Records(left) => left,
        };
        if item::ended(&mut self.decoder, &mut left)? {
            self.state = State::Done;
            let all_read = self.decoder.position() == self.decoder.input().len();
            return if all_read { Ok(None) } else { Err(ReadError::Malformed) };
        }
        self.state = State::Records(left);
        let record = Record::read(&mut self.decoder)?;
        self.base.name = record.base.name.or(self.base.name);
        self.base.time = record.base.time.or(self.base.time);
        self.resolve(&record).map(Some)
    }

    fn resolve(&self, record: &Record<'a>) -> Result<Entry<'a>, ReadError> {
        let path = self.path(record.name)?;
        let time = match (self.base.time, record.time) {
            (None, time) | (time, None) => time,
            (Some(base), Some(time)) => Some(base + time),
        };
        let raw = record.value.unwrap_or(Raw::Name);
        if raw != Raw::Name && path.depth() < 3 {
            return Err(ReadError::Misplaced);
        }
        if !self.target.contains(path) {
            return Err(ReadError::Outside);
        }
        Ok(Entry { path, raw, time })
    }

    /// Base name and name in a row: the seam may be anywhere (FMT-30).
    fn path(&self, name: Option<Pieces<'a>>) -> Result<Path, ReadError> {
        let mut bytes = [self.base.name, name].into_iter().flatten().flat_map(Pieces::bytes).peekable();
        for &expected in self.root {
            if bytes.next() != Some(expected) {
                return Err(ReadError::Outside);
            }
        }
        if !self.root.is_empty() && bytes.peek().is_none() {
            return Ok(Path::ROOT);
        }
        let mut parser = if self.root.is_empty() { Parser::relaxed() } else { Parser::absolute() };
        bytes.try_for_each(|byte| parser.push(byte))?;
        Ok(parser.finish()?)
    }
}

impl<'a> Iterator for Reader<'a> {
    type Item = Result<Entry<'a>, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let entry = self.step();
        if entry.is_err() {
            self.state = State::Done;
        }
        entry.transpose()
    }
}

impl<'a> Record<'a> {
    fn read(decoder: &mut Decoder<'a>) -> Result<Self, ReadError> {
        let mut record = Self::default();
        let mut left = decoder.map().map_err(item::malformed)?;
        while !item::ended(decoder, &mut left)? {
            let label = Label::read(decoder)?;
            record.see(label)?;
            record.field(label, decoder)?;
        }
        Ok(record)
    }

    fn see(&mut self, label: Label) -> Result<(), ReadError> {
        // Of what is ignored anyway there may be any number.
        if matches!(label, Label::Unit | Label::Unknown) {
            return Ok(());
        }
        let bit = 1 << label as u16;
        if self.seen & bit != 0 {
            return Err(ReadError::Duplicate);
        }
        self.seen |= bit;
        Ok(())
    }

    fn field(&mut self, label: Label, decoder: &mut Decoder<'a>) -> Result<(), ReadError> {
        match label {
            Label::BaseVersion => match decoder.u64().map_err(item::malformed)? {
                0..=SENML_VERSION => Ok(()),
                _ => Err(ReadError::Unsupported),
            },
            Label::BaseName => set(&mut self.base.name, name(decoder)?),
            Label::BaseTime => set(&mut self.base.time, item::seconds(decoder)?),
            Label::Name => set(&mut self.name, name(decoder)?),
            Label::Time => set(&mut self.time, item::seconds(decoder)?),
            Label::Number if decoder.datatype().is_ok_and(|ty| ty == Type::Null) => {
                decoder.null().map_err(item::malformed)?;
                set(&mut self.value, Raw::Null)
            }
            Label::Number => set(&mut self.value, Raw::Typed(item::number(decoder)?)),
            Label::String => set(&mut self.value, item::string(decoder, true)?),
            Label::Data => set(&mut self.value, item::string(decoder, false)?),
            Label::Boolean => {
                let yes = decoder.bool().map_err(item::malformed)?;
                set(&mut self.value, Raw::Typed(crate::value::Value::Boolean(yes)))
            }
            Label::ObjectLink => set(&mut self.value, item::object_link(decoder)?),
            Label::Unit | Label::Unknown => item::skip(decoder, 0),
        }
    }
}

impl Label {
    fn read(decoder: &mut Decoder<'_>) -> Result<Self, ReadError> {
        if let Ok(Type::String | Type::StringIndef) = decoder.datatype() {
            let label = Pieces::take(decoder).ok_or(ReadError::Malformed)?;
            return match label.bytes().last() {
                _ if label.bytes().eq(*b"vlo") => Ok(Self::ObjectLink),
                // RFC 8428: such a label must be understood.
                Some(b'_') => Err(ReadError::Unsupported),
                _ => Ok(Self::Unknown),
            };
        }
        Ok(match decoder.i64().map_err(item::malformed)? {
            -1 => Self::BaseVersion,
            -2 => Self::BaseName,
            -3 => Self::BaseTime,
            // Base value, base sum and sum: what they would do to the value, LwM2M does not use (FMT-33).
            -6 | -5 | 5 => return Err(ReadError::Unsupported),
            0 => Self::Name,
            2 => Self::Number,
            3 => Self::String,
            4 => Self::Boolean,
            6 => Self::Time,
            8 => Self::Data,
            // Base unit, unit, update time.
            -4 | 1 | 7 => Self::Unit,
            _ => Self::Unknown,
        })
    }
}

/// Keeps a field; a second value in one record is an error, whatever its label (FMT-32).
fn set<T>(field: &mut Option<T>, value: T) -> Result<(), ReadError> {
    match field.replace(value) {
        None => Ok(()),
        Some(_) => Err(ReadError::Duplicate),
    }
}

fn name<'a>(decoder: &mut Decoder<'a>) -> Result<Pieces<'a>, ReadError> {
    Pieces::take(decoder).filter(|name| name.is_text()).ok_or(ReadError::Malformed)
}
