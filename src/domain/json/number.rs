//! A number that keeps the text it was written with.

use std::fmt;
use std::sync::Arc;

/// A JSON number. Two numbers are equal when their texts are: `1`, `1.0` and `1e0` are three numbers.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Number(Repr);

/// Whole numbers and short decimals in their usual spelling need no text. Each text has one representation: what fits the
/// first takes it, what fits the second takes that, the rest is `Text`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Repr {
    /// Spelt as Rust spells it.
    Int(i64),
    /// `digits` with a point before the last `scale` of them (1 to 17), at least one digit before it.
    Decimal { digits: i64, scale: u8 },
    /// Anything else: exponents, `-0`, what is long. Boxed, so that a number stays two words.
    Text(Arc<Box<str>>),
}

/// More digits than these are kept as text: so many always fit.
const DIGITS: usize = 18;

impl Number {
    /// The number with this text, which must be a JSON number (the parser checks it).
    pub(super) fn from_checked_text(text: &str) -> Self {
        Self(Self::short(text).unwrap_or_else(|| match text.parse::<i64>() {
            Ok(value) if text != "-0" => Repr::Int(value),
            _ => Repr::Text(Arc::new(text.into())),
        }))
    }

    /// The representation without text of a number of few digits.
    fn short(text: &str) -> Option<Repr> {
        let unsigned = text.strip_prefix('-').unwrap_or(text);
        if unsigned.len() > DIGITS {
            return None;
        }
        let mut digits = 0i64;
        let mut point = None;
        for (at, byte) in unsigned.bytes().enumerate() {
            match byte {
                b'0'..=b'9' => digits = digits * 10 + i64::from(byte - b'0'),
                b'.' => point = Some(at),
                _ => return None,
            }
        }
        if unsigned.len() < text.len() {
            // There is no negative zero without text.
            digits = (digits != 0).then_some(-digits)?;
        }
        Some(match point {
            None => Repr::Int(digits),
            Some(at) => Repr::Decimal { digits, scale: (unsigned.len() - at - 1) as u8 },
        })
    }

    /// Hands out the text.
    pub(super) fn with_text<R>(&self, look: impl FnOnce(&str) -> R) -> R {
        let (digits, scale) = match &self.0 {
            Repr::Int(value) => (*value, 0),
            Repr::Decimal { digits, scale } => (*digits, usize::from(*scale)),
            Repr::Text(text) => return look(text),
        };
        // From behind: twenty digits at most, a point, a sign.
        let mut buffer = [0u8; 24];
        let mut at = buffer.len();
        let mut rest = digits.unsigned_abs();
        let mut written = 0;
        while rest > 0 || written <= scale {
            if written == scale && scale > 0 {
                at -= 1;
                buffer[at] = b'.';
            }
            at -= 1;
            buffer[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
            written += 1;
        }
        if digits < 0 {
            at -= 1;
            buffer[at] = b'-';
        }
        look(std::str::from_utf8(&buffer[at..]).unwrap_or_default())
    }

    /// The value, when it is written as a whole number and fits.
    pub fn as_i64(&self) -> Option<i64> {
        match &self.0 {
            Repr::Int(value) => Some(*value),
            Repr::Decimal { .. } | Repr::Text(_) => None,
        }
    }

    /// The nearest floating-point number: for drawing and rough comparison, never for showing.
    pub fn as_f64(&self) -> f64 {
        match &self.0 {
            Repr::Int(value) => *value as f64,
            Repr::Decimal { .. } | Repr::Text(_) => self.with_text(|text| text.parse().unwrap_or(f64::NAN)),
        }
    }

    /// Whether this is a whole number (written without fraction or exponent) that a double cannot hold exactly.
    pub fn is_beyond_double(&self) -> bool {
        match &self.0 {
            Repr::Int(value) => value.unsigned_abs() > 1 << 53,
            Repr::Decimal { .. } => false,
            Repr::Text(text) => text.as_ref().as_ref() != "-0" && text.bytes().all(|b| b.is_ascii_digit() || b == b'-'),
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
        self.with_text(|text| f.write_str(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn number(text: &str) -> Number {
        Number::from_checked_text(text)
    }

    #[test]
    fn every_spelling_is_a_number_of_its_own() {
        let spellings = [
            "0",
            "-0",
            "0.0",
            "-0.0",
            "0.00",
            "1",
            "1.0",
            "1e0",
            "-1.50",
            "0.000000000000001",
            "-0.0000000000000001",
            "123456789012345678",
            "12345678901234567.8",
            "123456789012345678.9",
            "9223372036854775807",
            "-9223372036854775808",
            "9223372036854775808",
            "0.1E-5",
        ];
        for (n, text) in spellings.iter().enumerate() {
            assert_eq!(number(text).to_string(), *text);
            assert_eq!(number(text).as_f64(), text.parse::<f64>().expect("a number"), "{text}");
            for other in &spellings[..n] {
                assert_ne!(number(text), number(other), "{text} {other}");
            }
        }
        assert_eq!(number("9223372036854775807"), Number::from(i64::MAX));
        assert_eq!(number("-9223372036854775808").as_i64(), Some(i64::MIN));
        assert!(number("9007199254740993").is_beyond_double() && !number("9007199254740993.5").is_beyond_double());
        assert!(number("92233720368547758080").is_beyond_double() && !number("-0").is_beyond_double());
        assert_eq!(size_of::<Number>(), 16);
    }

    proptest! {
        #[test]
        fn the_text_comes_back(text in r"-?(0|[1-9][0-9]{0,19})(\.[0-9]{1,19})?([eE][+-]?[0-9]{1,2})?") {
            prop_assert_eq!(number(&text).to_string(), &*text);
            let value: f64 = text.parse().expect("a number");
            prop_assert!(number(&text).as_f64() == value);
        }
    }
}
