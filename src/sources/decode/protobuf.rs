//! The little of Protobuf that can be read without a schema of the user's: the fields of a message, and
//! `google.protobuf.Struct`, which is JSON in Protobuf.

use bytes::Bytes;

use super::json::Writer;
use super::{DEPTH, Refused};

/// A field's value as it lies.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Value<'a> {
    /// A whole number.
    Number(u64),
    /// Eight bytes.
    Eight([u8; 8]),
    /// Bytes, text, or a message.
    Bytes(&'a [u8]),
    /// Four bytes.
    Four([u8; 4]),
}

/// The fields of a message, in the order they lie. What is not a message ends in an error.
pub struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    /// Of a message.
    pub fn of(message: &'a [u8]) -> Self {
        Self(message)
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0u64;
        for at in 0..10 {
            let byte = self.take(1)?[0];
            let bits = u64::from(byte & 0x7f);
            if at == 9 && bits > 1 {
                return None;
            }
            number |= bits << (7 * at);
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    fn field(&mut self) -> Option<(u64, Value<'a>)> {
        let key = self.number()?;
        let value = match key & 7 {
            0 => Value::Number(self.number()?),
            1 => Value::Eight(self.take(8)?.try_into().ok()?),
            2 => {
                let length = usize::try_from(self.number()?).ok()?;
                Value::Bytes(self.take(length)?)
            }
            5 => Value::Four(self.take(4)?.try_into().ok()?),
            // Groups are not written any more.
            _ => return None,
        };
        (1..1 << 29).contains(&(key >> 3)).then_some((key >> 3, value))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, Value<'a>), Refused>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field().ok_or(Refused::Other);
        if field.is_err() {
            self.0 = &[];
        }
        Some(field)
    }
}

/// The JSON text of a `google.protobuf.Struct`; `None` where the bytes are none.
pub fn protobuf_struct(bytes: &[u8]) -> Option<Bytes> {
    let mut out = Writer::new(bytes.len());
    object(bytes, &mut out, 0).ok()?;
    Some(out.text.into())
}

/// `Struct`: entries of a map, each a message of a key (1) and a `Value` (2).
fn object(message: &[u8], out: &mut Writer, depth: usize) -> Result<(), Refused> {
    out.raw("{")?;
    for (at, field) in Fields::of(message).enumerate() {
        let (1, Value::Bytes(entry)) = field? else { return Err(Refused::Other) };
        let (mut key, mut inner): (&[u8], &[u8]) = (b"", b"");
        for field in Fields::of(entry) {
            match field? {
                (1, Value::Bytes(bytes)) => key = bytes,
                (2, Value::Bytes(bytes)) => inner = bytes,
                _ => return Err(Refused::Other),
            }
        }
        if at > 0 {
            out.raw(",")?;
        }
        out.string(std::str::from_utf8(key).map_err(|_| Refused::Other)?)?;
        out.raw(":")?;
        value(inner, out, depth + 1)?;
    }
    out.raw("}")
}

/// `Value`: one of null (1), number (2), text (3), truth (4), `Struct` (5), `ListValue` (6).
fn value(message: &[u8], out: &mut Writer, depth: usize) -> Result<(), Refused> {
    if depth > DEPTH {
        return Err(Refused::Because("nested too deep"));
    }
    // Of several the last one counts.
    let Some(field) = Fields::of(message).last() else { return out.raw("null") };
    match field? {
        (1, Value::Number(0)) => out.raw("null"),
        (2, Value::Eight(bytes)) => number(f64::from_le_bytes(bytes), out),
        (3, Value::Bytes(text)) => out.string(std::str::from_utf8(text).map_err(|_| Refused::Other)?),
        (4, Value::Number(truth @ 0..=1)) => out.raw(if truth == 1 { "true" } else { "false" }),
        (5, Value::Bytes(inner)) => object(inner, out, depth),
        (6, Value::Bytes(list)) => {
            out.raw("[")?;
            for (at, field) in Fields::of(list).enumerate() {
                let (1, Value::Bytes(inner)) = field? else { return Err(Refused::Other) };
                if at > 0 {
                    out.raw(",")?;
                }
                value(inner, out, depth + 1)?;
            }
            out.raw("]")
        }
        _ => Err(Refused::Other),
    }
}

/// All numbers are doubles there; a whole one was written as a whole one.
fn number(value: f64, out: &mut Writer) -> Result<(), Refused> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if value.fract() == 0.0 && value.abs() <= EXACT && (value != 0.0 || value.is_sign_positive()) {
        return out.raw(&(value as i64).to_string());
    }
    out.real(value)
}
