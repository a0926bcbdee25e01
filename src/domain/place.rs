//! A place in a scope, as it is typed: one grammar for every command and for `:`.
//!
//! A number is the store's own: of an event in a stream its version, in a wider scope its position as shown. `#N` counts the
//! events of the scope from 1. Digits alone are never a time.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::time::{self, Timestamp};

/// A place in a scope.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Place {
    /// Before the first event: the initial state.
    Start,
    /// After the first event.
    First,
    /// After the last event.
    Last,
    /// After the event the store gives this number: its version in a stream, its position in a wider scope.
    Number(u64),
    /// After the event with this id, or, in a wider scope than a stream, at this position that is no number: `2/1041`.
    Position(Arc<str>),
    /// After the n-th event of the scope, from 1.
    Ordinal(u64),
    /// After the last event recorded at or before this time.
    Time(Timestamp),
    /// The same at this time of the day the last event of the scope lies in.
    Clock(jiff::civil::Time),
    /// The same, so many seconds before the last event of the scope.
    Ago(i64),
}

/// What may be typed, for messages.
pub const EXAMPLES: &str = "a version or position as the store numbers it (12), #N for the N-th event, \
     a time (2025-03-01T14:03, @14:03, -2h before the last event), the id of an event, or first, last, start";

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unknown = || format!("`{text}` is no place: {EXAMPLES}");
        match text {
            "start" => return Ok(Self::Start),
            "first" => return Ok(Self::First),
            "last" => return Ok(Self::Last),
            _ => {}
        }
        if let Some(digits) = text.strip_prefix('#') {
            let counted = || format!("`{text}` is no place: # counts the events of the scope from 1");
            return match digits.parse() {
                Ok(0) | Err(_) => Err(counted()),
                Ok(ordinal) => Ok(Self::Ordinal(ordinal)),
            };
        }
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return text.parse().map(Self::Number).map_err(|_| format!("`{text}` is too large for a version"));
        }
        if let Some(moment) = text.strip_prefix('@') {
            if let Some(clock) = time::parse_clock(moment) {
                return Ok(Self::Clock(clock));
            }
            return time::parse(moment).filter(|_| !is_number(moment)).map(Self::Time).ok_or_else(unknown);
        }
        if let Some(seconds) = time::parse_back(text) {
            return Ok(Self::Ago(seconds));
        }
        if let Some(time) = time::parse(text) {
            return Ok(Self::Time(time));
        }
        // What a store writes as a position or an id has a number in it, and is no date with a mistake.
        let is_position = text.bytes().any(|byte| byte.is_ascii_digit()) && !text.starts_with('-') && !is_dated(text);
        if is_position { Ok(Self::Position(text.into())) } else { Err(unknown()) }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start => f.write_str("start"),
            Self::First => f.write_str("first"),
            Self::Last => f.write_str("last"),
            Self::Number(number) => number.fmt(f),
            Self::Position(text) => f.write_str(text),
            Self::Ordinal(ordinal) => write!(f, "#{ordinal}"),
            Self::Time(time) => time.fmt(f),
            Self::Clock(clock) => write!(f, "@{clock}"),
            Self::Ago(seconds) => write!(f, "-{seconds}s"),
        }
    }
}

/// Parts `STREAM@PLACE`: the last `@` divides, for names may contain one.
///
/// # Errors
/// When there is no `@`, or what stands behind it is no place.
pub fn divided(text: &str) -> Result<(&str, Place), String> {
    let (stream, place) = text.rsplit_once('@').ok_or_else(|| format!("`{text}` names no place: STREAM@12"))?;
    Ok((stream, place.parse()?))
}

fn is_number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether it begins as a date does: four digits, a hyphen and a digit.
fn is_dated(text: &str) -> bool {
    matches!(text.as_bytes(), [a, b, c, d, b'-', e, ..] if [a, b, c, d, e].iter().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_ordinals_times_and_words_are_places() {
        let at = |text| time::parse(text).expect("an instant");
        for (text, place) in [
            ("12", Place::Number(12)),
            ("0", Place::Number(0)),
            ("2025", Place::Number(2025)),
            ("20250301", Place::Number(20_250_301)),
            ("1735689600000", Place::Number(1_735_689_600_000)),
            ("#3", Place::Ordinal(3)),
            ("start", Place::Start),
            ("first", Place::First),
            ("last", Place::Last),
            ("@2025-03-01T14:03Z", Place::Time(at("2025-03-01T14:03Z"))),
            ("2025-03-01", Place::Time(at("2025-03-01"))),
            ("2025-03-01T14:03", Place::Time(at("2025-03-01T14:03:00Z"))),
            ("-2h", Place::Ago(7200)),
            ("-90s", Place::Ago(90)),
            ("@14:03", Place::Clock(jiff::civil::time(14, 3, 0, 0))),
            ("@9:03:02.5", Place::Clock(jiff::civil::time(9, 3, 2, 500_000_000))),
            ("2/1041", Place::Position("2/1041".into())),
            ("e-332", Place::Position("e-332".into())),
            ("orders.jsonl:12", Place::Position("orders.jsonl:12".into())),
            ("0/16B3748", Place::Position("0/16B3748".into())),
        ] {
            assert_eq!(text.parse(), Ok(place), "{text}");
        }
        for text in
            ["", "soon", "#0", "#", "#x", "@", "@12", "@25:00", "-2", "-2y", "2025-13-45", "99999999999999999999"]
        {
            assert!(text.parse::<Place>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_last_at_divides() {
        assert_eq!(divided("order-7@12"), Ok(("order-7", Place::Number(12))));
        assert_eq!(divided("user-eve@example.com@#2"), Ok(("user-eve@example.com", Place::Ordinal(2))));
        assert_eq!(divided("a@last"), Ok(("a", Place::Last)));
        assert!(divided("order-7").is_err() && divided("eve@example.com").is_err());
    }
}
