//! A message as a script writes it: to be sent, or to be matched with one that we send.

use std::collections::BTreeMap;

use coap_numbers::option;

use super::words::{block, bytes, hex, key_value, uint};
use crate::model::Plain;
use crate::vocabulary::{Format, format, option_number};

/// Values taken down by name, most of them tokens.
pub type Names = BTreeMap<String, Vec<u8>>;

/// A message, parts of which may be open.
#[derive(Clone, Debug)]
pub struct Spec {
    code: u8,
    token: Value,
    options: Vec<(u16, Value)>,
    payload: Value,
    /// Further options and any payload.
    rest: bool,
}

#[derive(Clone, Debug)]
enum Value {
    Is(Vec<u8>),
    Named(String),
    Any,
}

impl Spec {
    /// Reads the words of a message: its code first.
    pub(crate) fn parse(words: &[String]) -> Result<Self, String> {
        let (first, words) = words.split_first().ok_or("a message begins with its code")?;
        let mut spec = Self {
            code: code(first)?,
            token: Value::Is(vec![]),
            options: vec![],
            payload: Value::Is(vec![]),
            rest: false,
        };
        for word in words {
            spec.word(word)?;
        }
        spec.options.sort_by_key(|&(number, _)| number);
        Ok(spec)
    }

    fn word(&mut self, word: &str) -> Result<(), String> {
        if let Some(address) = word.strip_prefix('/') {
            return self.address(address);
        }
        match key_value(word) {
            ("*", None) => self.rest = true,
            ("token", Some(value)) => self.token = open(value, hex)?,
            ("payload", Some(value)) => self.payload = open(value, bytes)?,
            (name, value) => {
                let of = self.code;
                let number = option_number(of, name).ok_or_else(|| format!("no option {name}"))?;
                let value = open(value.unwrap_or_default(), |text| option_value(of, number, text))?;
                self.options.push((number, value));
            }
        }
        Ok(())
    }

    fn address(&mut self, address: &str) -> Result<(), String> {
        let (path, query) = address.split_once('?').unwrap_or((address, ""));
        let segments = path.split('/').filter(|_| !path.is_empty());
        let pieces = query.split('&').filter(|_| !query.is_empty());
        let option = |number| move |text: &str| (number, Value::Is(text.as_bytes().to_vec()));
        self.options.extend(segments.map(option(option::URI_PATH)));
        self.options.extend(pieces.map(option(option::URI_QUERY)));
        Ok(())
    }

    /// The message to send.
    pub fn plain(&self, names: &Names) -> Result<Plain, String> {
        let fixed = |value: &Value| match value {
            Value::Is(bytes) => Ok(bytes.clone()),
            Value::Named(name) => names.get(name).cloned().ok_or_else(|| format!("no ${name} yet")),
            Value::Any => Err("what is sent cannot be left open".to_owned()),
        };
        if self.rest {
            return Err("what is sent cannot be left open".into());
        }
        let options = self.options.iter().map(|(number, value)| Ok((*number, fixed(value)?)));
        Ok(Plain {
            code: self.code,
            token: fixed(&self.token)?,
            options: options.collect::<Result<_, String>>()?,
            payload: fixed(&self.payload)?,
        })
    }

    /// Whether this is the message. Takes down what has a new name.
    pub fn matches(&self, plain: &Plain, names: &mut Names) -> bool {
        let mut new = names.clone();
        let mut options = plain.options.iter();
        let mut next = |wanted: u16, value: &Value| {
            let mut is = |(number, bytes): &(u16, Vec<u8>)| *number == wanted && value.is(bytes, &mut new);
            if self.rest { options.any(is) } else { options.next().is_some_and(&mut is) }
        };
        let same = self.code == plain.code
            && self.options.iter().all(|(number, value)| next(*number, value))
            && (self.rest || options.next().is_none())
            && self.token.is(&plain.token, &mut new)
            && (self.payload.is(&plain.payload, &mut new)
                || self.rest && matches!(&self.payload, Value::Is(bytes) if bytes.is_empty()));
        if same {
            *names = new;
        }
        same
    }

    /// Whether it is about this code.
    pub const fn is_code(&self, code: u8) -> bool {
        self.code == code
    }
}

impl Value {
    fn is(&self, bytes: &[u8], names: &mut Names) -> bool {
        match self {
            Self::Is(wanted) => wanted == bytes,
            Self::Named(name) => names.entry(name.clone()).or_insert(bytes.to_vec()) == bytes,
            Self::Any => true,
        }
    }
}

/// `2.05` as a byte.
pub(super) fn code(text: &str) -> Result<u8, String> {
    let (class, detail) = text.split_once('.').ok_or_else(|| format!("no code: {text}"))?;
    match (class.parse::<u8>(), detail.parse::<u8>()) {
        (Ok(class @ 0..=7), Ok(detail @ 0..=31)) if detail < 32 => Ok(class << 5 | detail),
        _ => Err(format!("no code: {text}")),
    }
}

fn open(text: &str, fixed: impl Fn(&str) -> Result<Vec<u8>, String>) -> Result<Value, String> {
    match (text, text.strip_prefix('$')) {
        ("*", _) => Ok(Value::Any),
        (_, Some(name)) => Ok(Value::Named(name.to_owned())),
        _ => fixed(text).map(Value::Is),
    }
}

fn option_value(of: u8, number: u16, text: &str) -> Result<Vec<u8>, String> {
    match (format(of, number), text.parse()) {
        (_, Ok(n)) if format(of, number) != Format::Text => Ok(uint(n)),
        (Format::Block, _) if text.contains('/') => block(text),
        _ => bytes(text),
    }
}
