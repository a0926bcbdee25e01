//! A number that keeps the text it was written with.

use std::fmt;
use std::sync::Arc;

/// A JSON number. Two numbers are equal when their texts are: `1`, `1.0` and `1e0` are three numbers.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Number(Repr);

/// Small integers in their usual spelling need no text; the parser guarantees that everything else takes `Text`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Repr {
    Int(i64),
    Text(Arc<str>),
}

impl Number {
    /// The number with this text, which must be a JSON number (the parser checks it).
    pub(super) fn from_checked_text(text: &str) -> Self {
        // "-0" is a spelling of its own; anything else that is an integer has only one.
        match text.parse::<i64>() {
            Ok(value) if text != "-0" => Self(Repr::Int(value)),
            _ => Self(Repr::Text(text.into())),
        }
    }

    /// The text, where it is kept; a small integer is only spelt when it is written.
    pub(super) fn as_text(&self) -> Option<&str> {
        match &self.0 {
            Repr::Int(_) => None,
            Repr::Text(text) => Some(text),
        }
    }

    /// The value, when it is written as a whole number and fits.
    pub fn as_i64(&self) -> Option<i64> {
        match &self.0 {
            Repr::Int(value) => Some(*value),
            Repr::Text(_) => None,
        }
    }

    /// The nearest floating-point number: for drawing and rough comparison, never for showing.
    pub fn as_f64(&self) -> f64 {
        match &self.0 {
            Repr::Int(value) => *value as f64,
            Repr::Text(text) => text.parse().unwrap_or(f64::NAN),
        }
    }

    /// Whether this is a whole number (written without fraction or exponent) that a double cannot hold exactly.
    pub fn is_beyond_double(&self) -> bool {
        match &self.0 {
            Repr::Int(value) => value.unsigned_abs() > 1 << 53,
            Repr::Text(text) => text.as_ref() != "-0" && text.bytes().all(|b| b.is_ascii_digit() || b == b'-'),
        }
    }
}

impl From<i64> for Number {
    fn from(value: i64) -> Self {
        Self(Repr::Int(value))
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Int(value) => value.fmt(f),
            Repr::Text(text) => f.write_str(text),
        }
    }
}
