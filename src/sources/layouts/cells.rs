//! From cells, and from values inside their JSON, to the parts of an event: names, numbers, instants, bytes.
//!
//! Stores spell the same thing in many ways (a number as text, a UUID as 16 bytes, a time as a count of milliseconds);
//! here they come together. Nothing here fails: what cannot be read says nothing.

use std::borrow::Cow;

use md5::{Digest, Md5};

use super::spec::TimeUnit;
use crate::domain::Timestamp;
use crate::sources::files::value;
use crate::sources::tables::Cell;

/// What was found where a value comes from.
#[derive(Clone, Debug)]
pub enum Raw<'a> {
    /// Nothing.
    Nothing,
    /// A cell.
    Cell(&'a Cell<'a>),
    /// JSON inside a cell.
    Json(&'a [u8]),
    /// Text that was put together or looked up.
    Text(Cow<'a, str>),
    /// Bytes of an envelope.
    Bytes(&'a [u8]),
    /// A number of ours.
    Number(u64),
}

impl<'a> Raw<'a> {
    /// Whether it says something: empty text, null, and what is not there do not.
    pub fn says(&self) -> bool {
        match self {
            Self::Nothing | Self::Cell(Cell::Null) => false,
            Self::Cell(Cell::Text(text) | Cell::Bytes(text)) => !text.is_empty(),
            Self::Cell(_) | Self::Number(_) => true,
            Self::Json(raw) => !value::is_nothing(raw) && *raw != b"\"\"",
            Self::Text(text) => !text.is_empty(),
            Self::Bytes(bytes) => !bytes.is_empty(),
        }
    }

    /// It as a name or an id. A `uuid` is written in its usual form however it is stored.
    pub fn text(&self, uuid: bool) -> Option<Cow<'a, str>> {
        let text = match self {
            Self::Nothing | Self::Cell(Cell::Null) => return None,
            Self::Cell(Cell::Integer(number)) => Cow::Owned(number.to_string()),
            Self::Cell(Cell::Real(number)) => Cow::Owned(number.to_string()),
            Self::Cell(Cell::Text(text)) => {
                if uuid && let Some(found) = uuid_text(text) {
                    return Some(Cow::Owned(found));
                }
                String::from_utf8_lossy(text)
            }
            Self::Cell(Cell::Bytes(bytes)) => text_of_bytes(bytes, uuid),
            Self::Bytes(bytes) => text_of_bytes(bytes, uuid),
            Self::Json(raw) => value::name(raw)?,
            Self::Text(text) => text.clone(),
            Self::Number(number) => Cow::Owned(number.to_string()),
        };
        (!text.is_empty()).then_some(text)
    }

    /// It as a whole number from 0.
    pub fn whole(&self) -> Option<u64> {
        match self {
            Self::Cell(Cell::Integer(number)) => u64::try_from(*number).ok(),
            Self::Cell(Cell::Real(number)) if *number >= 0.0 && number.fract() == 0.0 && *number < 9e15 => {
                Some(*number as u64)
            }
            Self::Cell(Cell::Text(text) | Cell::Bytes(text)) => value::whole(text),
            Self::Json(raw) => value::whole(raw),
            Self::Text(text) => value::whole(text.as_bytes()),
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// It as a number to sort by; a time is one of microseconds.
    pub fn order(&self) -> Option<i64> {
        match self {
            Self::Cell(Cell::Integer(number)) => Some(*number),
            Self::Cell(Cell::Text(text)) if text.first() == Some(&b'-') => std::str::from_utf8(text).ok()?.parse().ok(),
            _ => match self.whole() {
                Some(number) => Some(i64::try_from(number).unwrap_or(i64::MAX)),
                None => self.time(TimeUnit::Any).map(|time| time.as_microsecond()),
            },
        }
    }

    /// It as an instant.
    pub fn time(&self, unit: TimeUnit) -> Option<Timestamp> {
        let counted = |number: i64| match unit {
            TimeUnit::Any => crate::domain::time::from_epoch(number),
            TimeUnit::Seconds => Timestamp::from_second(number).ok(),
            TimeUnit::Milliseconds => Timestamp::from_millisecond(number).ok(),
            TimeUnit::Microseconds => Timestamp::from_microsecond(number).ok(),
            TimeUnit::Nanoseconds => Timestamp::from_nanosecond(i128::from(number)).ok(),
            // Ticks of 100 ns since the year 1; 1970 is 621355968000000000 of them later.
            TimeUnit::Ticks => {
                let ticks = number.checked_sub(621_355_968_000_000_000)?;
                Timestamp::from_nanosecond(i128::from(ticks) * 100).ok()
            }
        };
        let written = |text: &[u8]| {
            let digits = text.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\"")).unwrap_or(text);
            if unit != TimeUnit::Any && digits.iter().all(u8::is_ascii_digit) {
                return counted(std::str::from_utf8(digits).ok()?.parse().ok()?);
            }
            value::instant(text)
        };
        match self {
            Self::Cell(Cell::Integer(number)) => counted(*number),
            // A real number cannot hold a whole instant: beyond microseconds it is dust.
            Self::Cell(Cell::Real(number)) if unit == TimeUnit::Any && number.abs() < 1e11 => {
                Timestamp::from_microsecond((number * 1e6).round() as i64).ok()
            }
            Self::Cell(Cell::Real(number)) if number.is_finite() => counted(*number as i64),
            Self::Cell(Cell::Text(text) | Cell::Bytes(text)) => written(text),
            Self::Json(raw) => written(raw),
            Self::Text(text) => written(text.as_bytes()),
            Self::Number(number) => counted(i64::try_from(*number).ok()?),
            _ => None,
        }
    }

    /// Whether it says anything but no.
    pub fn is_true(&self) -> bool {
        let no = |text: &[u8]| {
            let words: [&[u8]; 6] = [b"", b"0", b"f", b"false", b"n", b"no"];
            words.iter().any(|word| text.eq_ignore_ascii_case(word)) || text == [0]
        };
        match self {
            Self::Nothing | Self::Cell(Cell::Null) => false,
            Self::Cell(Cell::Integer(number)) => *number != 0,
            Self::Cell(Cell::Real(number)) => *number != 0.0,
            Self::Cell(Cell::Text(text) | Cell::Bytes(text)) => !no(text),
            Self::Json(raw) => !value::is_nothing(raw) && !no(raw),
            Self::Text(text) => !no(text.as_bytes()),
            Self::Bytes(bytes) => !no(bytes),
            Self::Number(number) => *number != 0,
        }
    }

    /// It as stored bytes, where text may be bytes written as `\x0fa0`.
    pub fn bytes(&self) -> Option<Cow<'a, [u8]>> {
        match self {
            Self::Nothing | Self::Cell(Cell::Null) => None,
            Self::Cell(Cell::Text(text)) => Some(match hexadecimal(text) {
                Some(bytes) => Cow::Owned(bytes),
                None => Cow::Owned(text.to_vec()),
            }),
            Self::Cell(Cell::Bytes(bytes)) => Some(Cow::Owned(bytes.to_vec())),
            Self::Json(raw) | Self::Bytes(raw) => Some(Cow::Borrowed(raw)),
            Self::Cell(Cell::Integer(number)) => Some(Cow::Owned(number.to_string().into_bytes())),
            Self::Cell(Cell::Real(number)) => Some(Cow::Owned(number.to_string().into_bytes())),
            Self::Text(text) => Some(Cow::Owned(text.as_bytes().to_vec())),
            Self::Number(number) => Some(Cow::Owned(number.to_string().into_bytes())),
        }
    }

    /// What it is joined by: equal for the same number or the same UUID however they are spelled. Different values have
    /// different keys, but for a collision of MD5.
    pub fn key(&self) -> Option<u128> {
        if let Self::Cell(Cell::Integer(number)) = self {
            return Some(number_key(*number));
        }
        let bytes: Cow<'_, [u8]> = match self {
            Self::Cell(Cell::Text(text) | Cell::Bytes(text)) => Cow::Borrowed(text),
            Self::Bytes(bytes) => Cow::Borrowed(bytes),
            other => Cow::Owned(other.text(false)?.into_owned().into_bytes()),
        };
        if bytes.len() < 19
            && !bytes.is_empty()
            && bytes.iter().all(u8::is_ascii_digit)
            && let Some(number) = std::str::from_utf8(&bytes).ok().and_then(|text| text.parse().ok())
        {
            return Some(number_key(number));
        }
        if let Some(uuid) = uuid_of(&bytes) {
            return Some(uuid);
        }
        if let (Self::Cell(Cell::Bytes(_)), Ok(bytes)) = (self, <[u8; 16]>::try_from(&*bytes)) {
            return Some(u128::from_be_bytes(bytes));
        }
        Some(u128::from_be_bytes(Md5::digest(&bytes).into()))
    }
}

/// No UUID in use has these bits.
fn number_key(number: i64) -> u128 {
    (0xffff_ffff_ffff_ffff << 64) | u128::from(number as u64)
}

fn text_of_bytes<'a>(bytes: &[u8], uuid: bool) -> Cow<'a, str> {
    if uuid && let Ok(bytes) = <[u8; 16]>::try_from(bytes) {
        return Cow::Owned(uuid::Uuid::from_bytes(bytes).to_string());
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => match uuid_text(bytes).filter(|_| uuid) {
            Some(uuid) => Cow::Owned(uuid),
            None => Cow::Owned(text.to_owned()),
        },
        Err(_) => Cow::Owned(format!("0x{}", bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>())),
    }
}

/// The usual form of a UUID that is written without dashes, or as bytes in hexadecimal.
fn uuid_text(text: &[u8]) -> Option<String> {
    let digits = text.strip_prefix(b"\\x").or_else(|| text.strip_prefix(b"0x")).unwrap_or(text);
    if digits.len() != 32 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    uuid::Uuid::try_parse_ascii(digits).ok().map(|uuid| uuid.to_string())
}

/// A UUID in any of its spellings.
fn uuid_of(text: &[u8]) -> Option<u128> {
    let text = text.strip_prefix(b"\\x").filter(|rest| rest.len() == 32).unwrap_or(text);
    match text.len() {
        32 | 36 | 38 => uuid::Uuid::try_parse_ascii(text).ok().map(|uuid| uuid.as_u128()),
        _ => None,
    }
}

/// Whether text or bytes are a UUID.
pub fn is_uuid(cell: &Raw<'_>) -> bool {
    match cell {
        Raw::Cell(Cell::Bytes(bytes)) if bytes.len() == 16 => true,
        Raw::Cell(Cell::Text(text) | Cell::Bytes(text)) => uuid_of(text).is_some(),
        other => other.text(false).is_some_and(|text| uuid_of(text.as_bytes()).is_some()),
    }
}

/// The bytes that PostgreSQL writes as `\x0fa0`.
pub fn hexadecimal(text: &[u8]) -> Option<Vec<u8>> {
    let digits = text.strip_prefix(b"\\x")?;
    if digits.len() % 2 != 0 {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    digits.chunks_exact(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}

/// The parts of a list: `{a,"b c"}` as PostgreSQL writes arrays, or a JSON array of strings.
pub fn list(text: &[u8]) -> Option<Vec<String>> {
    let text = std::str::from_utf8(text).ok()?.trim();
    if text.starts_with('[') {
        return serde_json::from_str(text).ok();
    }
    let inside = text.strip_prefix('{')?.strip_suffix('}')?;
    let (mut parts, mut part, mut quoted, mut was_quoted) = (Vec::new(), String::new(), false, false);
    let mut chars = inside.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => part.extend(chars.next()),
            '"' => {
                quoted = !quoted;
                was_quoted = true;
            }
            ',' if !quoted => {
                parts.push((std::mem::take(&mut part), std::mem::take(&mut was_quoted)));
            }
            c => part.push(c),
        }
    }
    if !part.is_empty() || was_quoted || !parts.is_empty() {
        parts.push((part, was_quoted));
    }
    Some(parts.into_iter().filter(|(part, quoted)| *quoted || part != "NULL").map(|(part, _)| part).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Cell<'_> {
        Cell::Text(Cow::Borrowed(text.as_bytes()))
    }

    #[test]
    fn uuids_have_one_form_and_one_key() {
        let usual = "2f61396f-5670-44f4-99d0-0f3cf997a514";
        let bytes = uuid::Uuid::try_parse(usual).unwrap().into_bytes();
        for cell in [
            text(usual),
            text("2f61396f567044f499d00f3cf997a514"),
            text("\\x2f61396f567044f499d00f3cf997a514"),
            Cell::Bytes(Cow::Borrowed(&bytes)),
        ] {
            let raw = Raw::Cell(&cell);
            assert_eq!(raw.text(true).as_deref(), Some(usual));
            assert_eq!(raw.key(), Raw::Cell(&text(usual)).key());
            assert!(is_uuid(&raw));
        }
        assert_eq!(Raw::Cell(&text("2f61396f567044f499d00f3cf997a514")).text(false).unwrap().len(), 32);
        assert_eq!(Raw::Cell(&text("17")).key(), Raw::Cell(&Cell::Integer(17)).key());
        assert_ne!(Raw::Cell(&text("17")).key(), Raw::Cell(&text("017x")).key());
    }

    #[test]
    fn times_in_every_spelling() {
        let expected: Timestamp = "2025-01-01T08:58:01.438Z".parse().unwrap();
        for (cell, unit) in [
            (text("2025-01-01 08:58:01.438"), TimeUnit::Any),
            (text("2025-01-01 09:58:01.438+01"), TimeUnit::Any),
            (text("2025-01-01T08:58:01.438Z"), TimeUnit::Milliseconds),
            (Cell::Integer(1_735_721_881_438), TimeUnit::Any),
            (text("1735721881438"), TimeUnit::Milliseconds),
            (Cell::Integer(638_713_186_814_380_000), TimeUnit::Ticks),
            (Cell::Real(1_735_721_881.438), TimeUnit::Any),
        ] {
            let found = Raw::Cell(&cell).time(unit).unwrap();
            assert_eq!(found.as_millisecond(), expected.as_millisecond(), "{cell:?}");
        }
        assert_eq!(Raw::Cell(&text("soon")).time(TimeUnit::Any), None);
        assert_eq!(Raw::Cell(&Cell::Integer(i64::MIN)).time(TimeUnit::Ticks), None);
    }

    #[test]
    fn yes_no_bytes_and_lists() {
        for (cell, yes) in [
            (text("t"), true),
            (text("f"), false),
            (text("0"), false),
            (text("2024-01-01"), true),
            (Cell::Null, false),
            (Cell::Integer(1), true),
            (Cell::Bytes(Cow::Borrowed(&[0])), false),
        ] {
            assert_eq!(Raw::Cell(&cell).is_true(), yes, "{cell:?}");
        }
        assert_eq!(hexadecimal(b"\\x7b7D"), Some(b"{}".to_vec()));
        assert_eq!((hexadecimal(b"\\x7"), hexadecimal(b"\\xzz"), hexadecimal(b"{}")), (None, None, None));
        assert_eq!(list(br#"{a,"b, \"c",NULL,""}"#).unwrap(), ["a", "b, \"c", ""]);
        assert_eq!(list(br#"["a","b"]"#).unwrap(), ["a", "b"]);
        assert_eq!(list(b"{}").unwrap(), Vec::<String>::new());
        assert_eq!(list(b"x"), None);
    }
}
