//! Writing the JSON text that other encodings stand for, within a budget.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{Refused, budget};
use crate::domain::json;

/// The reason when a text would grow beyond its budget.
const TOO_LARGE: Refused = Refused::Because("too large to be decoded");

/// JSON text while it is written.
#[derive(Debug)]
pub struct Writer {
    /// What is written so far.
    pub text: String,
    limit: usize,
}

impl Writer {
    /// For what an encoding of so many bytes stands for.
    pub fn new(bytes: usize) -> Self {
        Self { text: String::with_capacity((bytes + bytes / 4).min(1 << 20)), limit: budget(bytes) }
    }

    /// Another one for a part, with the same limit.
    pub fn part(&self) -> Self {
        Self { text: String::new(), limit: self.limit }
    }

    /// Text that is JSON already: punctuation, a number.
    pub fn raw(&mut self, text: &str) -> Result<(), Refused> {
        self.room(text.len())?;
        self.text.push_str(text);
        Ok(())
    }

    /// What was written before, once more.
    pub fn again(&mut self, range: std::ops::Range<usize>) -> Result<(), Refused> {
        self.room(range.len())?;
        self.text.extend_from_within(range);
        Ok(())
    }

    /// A string.
    pub fn string(&mut self, text: &str) -> Result<(), Refused> {
        self.room(text.len() + 2)?;
        json::write_string(&mut self.text, text).map_err(|_| TOO_LARGE)?;
        self.room(0)
    }

    /// Bytes, which JSON does not know: `{"$binary":"…"}` in base64.
    pub fn binary(&mut self, bytes: &[u8]) -> Result<(), Refused> {
        self.room(bytes.len() / 3 * 4 + 16)?;
        self.text.push_str("{\"$binary\":\"");
        STANDARD.encode_string(bytes, &mut self.text);
        self.text.push_str("\"}");
        Ok(())
    }

    /// A number with a fraction; what JSON does not know of them is a string.
    pub fn real(&mut self, value: f64) -> Result<(), Refused> {
        match word(value) {
            Some(word) => self.string(word),
            None => self.raw(&format!("{value:?}")),
        }
    }

    /// The same of half the size: spelt as short as it can be read back.
    pub fn short_real(&mut self, value: f32) -> Result<(), Refused> {
        match word(f64::from(value)) {
            Some(word) => self.string(word),
            None => self.raw(&format!("{value:?}")),
        }
    }

    fn room(&self, more: usize) -> Result<(), Refused> {
        if self.text.len().saturating_add(more) > self.limit { Err(TOO_LARGE) } else { Ok(()) }
    }
}

/// The name of a number that JSON has no digits for.
fn word(value: f64) -> Option<&'static str> {
    match value {
        _ if value.is_nan() => Some("NaN"),
        _ if value == f64::INFINITY => Some("Infinity"),
        _ if value == f64::NEG_INFINITY => Some("-Infinity"),
        _ => None,
    }
}

/// Text as a JSON string.
pub fn string(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    json::write_string(&mut out, text).expect("invariant: writing to a string does not fail");
    out
}

/// An instant as text.
pub fn instant(seconds: i64, nanoseconds: i32) -> Option<String> {
    Some(crate::domain::Timestamp::new(seconds, nanoseconds).ok()?.to_string())
}
