//! From the bytes of a JSON value to the parts of an event: text, whole numbers, instants.

use std::borrow::Cow;

use crate::domain::{Json, Timestamp, time};

/// What a JSON string spells. One that is not Unicode (a lone surrogate) stands for itself, quotes and all.
///
/// `None` when the value is no string.
pub fn string(raw: &[u8]) -> Option<Cow<'_, str>> {
    let inner = raw.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    if memchr::memchr(b'\\', inner).is_none() {
        return std::str::from_utf8(inner).ok().map(Cow::Borrowed);
    }
    match Json::parse(raw) {
        Ok(Json::String(text) | Json::Verbatim(text)) => Some(Cow::Owned(text.as_ref().into())),
        _ => None,
    }
}

/// A string's text or a number's spelling: what may serve as a name or an id.
pub fn name(raw: &[u8]) -> Option<Cow<'_, str>> {
    match raw.first()? {
        b'"' => string(raw).filter(|text| !text.is_empty()),
        b'-' | b'0'..=b'9' => std::str::from_utf8(raw).ok().map(Cow::Borrowed),
        _ => None,
    }
}

/// The same as [`name`], in bytes: for a value known to be UTF-8, a million times.
pub fn name_bytes(raw: &[u8]) -> Option<Cow<'_, [u8]>> {
    match raw {
        [b'"', inner @ .., b'"'] if !inner.contains(&b'\\') => (!inner.is_empty()).then_some(Cow::Borrowed(inner)),
        [b'"', ..] => match name(raw)? {
            Cow::Borrowed(text) => Some(Cow::Borrowed(text.as_bytes())),
            Cow::Owned(text) => Some(Cow::Owned(text.into_bytes())),
        },
        [b'-' | b'0'..=b'9', ..] => Some(Cow::Borrowed(raw)),
        _ => None,
    }
}

/// Whether nothing is said: the value is absent or `null`.
pub fn is_nothing(raw: &[u8]) -> bool {
    raw.is_empty() || raw == b"null"
}

/// A whole number from 0, written as a number (`12`, also `12.0`) or as a string of one.
pub fn whole(raw: &[u8]) -> Option<u64> {
    let digits = unquoted(raw);
    let digits = match memchr::memchr(b'.', digits) {
        Some(point) if point + 1 < digits.len() && digits[point + 1..].iter().all(|&b| b == b'0') => &digits[..point],
        Some(_) => return None,
        None => digits,
    };
    if digits.is_empty() || digits.len() > 20 {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, &digit| {
        digit.is_ascii_digit().then_some(())?;
        number.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
    })
}

/// An instant: ISO 8601 text, or an epoch number in seconds (also with a fraction), milliseconds, microseconds or
/// nanoseconds, as a number or as a string of one.
pub fn instant(raw: &[u8]) -> Option<Timestamp> {
    let text = unquoted(raw);
    if let Some(instant) = iso(text) {
        return Some(instant);
    }
    let text = std::str::from_utf8(text).ok()?;
    if let Ok(number) = text.parse::<i64>() {
        return time::from_epoch(number);
    }
    if text.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        let (seconds, fraction) = text.split_once('.')?;
        return match time::from_epoch(seconds.parse().ok()?)? {
            // A fraction belongs to seconds; of anything finer it is dust.
            whole if seconds.len() <= 11 => {
                let nanoseconds = format!("{fraction:0<9.9}").parse::<i32>().ok()?;
                Timestamp::new(whole.as_second(), nanoseconds).ok()
            }
            whole => Some(whole),
        };
    }
    if raw.first() == Some(&b'"') && raw.contains(&b'\\') { time::parse(&string(raw)?) } else { time::parse(text) }
}

fn unquoted(raw: &[u8]) -> &[u8] {
    raw.strip_prefix(b"\"").and_then(|raw| raw.strip_suffix(b"\"")).unwrap_or(raw)
}

/// The commonest spelling, a million times in a file: `2025-01-01T08:58:01[.438…][Z|±hh[:mm]]`. Whatever is not quite
/// that is left to the careful reader.
fn iso(text: &[u8]) -> Option<Timestamp> {
    let two = |at: usize| -> Option<i64> {
        let (tens, ones) = (text[at].wrapping_sub(b'0'), text[at + 1].wrapping_sub(b'0'));
        (tens < 10 && ones < 10).then(|| i64::from(tens) * 10 + i64::from(ones))
    };
    if text.len() < 19 || text[4] != b'-' || text[7] != b'-' || text[13] != b':' || text[16] != b':' {
        return None;
    }
    if !matches!(text[10], b'T' | b' ') {
        return None;
    }
    let year = two(0)? * 100 + two(2)?;
    let (month, day, hour, minute, second) = (two(5)?, two(8)?, two(11)?, two(14)?, two(17)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=days).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let mut at = 19;
    let mut nanoseconds = 0;
    if text.get(at) == Some(&b'.') {
        at += 1;
        let start = at;
        while let Some(digit) = text.get(at).filter(|b| b.is_ascii_digit()) {
            if at - start == 9 {
                return None;
            }
            nanoseconds = nanoseconds * 10 + i32::from(digit - b'0');
            at += 1;
        }
        if at == start {
            return None;
        }
        nanoseconds *= 10_i32.pow(9 - (at - start) as u32);
    }
    let offset = match &text[at..] {
        b"" | b"Z" => 0,
        [sign @ (b'+' | b'-'), rest @ ..] => {
            let minutes = match rest.len() {
                2 => two(at + 1)? * 60,
                5 if rest[2] == b':' => two(at + 1)? * 60 + two(at + 4).filter(|&minutes| minutes < 60)?,
                _ => return None,
            };
            if minutes > 24 * 60 {
                return None;
            }
            if *sign == b'-' { -minutes } else { minutes }
        }
        _ => return None,
    };
    // Days since 1970 of a civil date; the year begins in March so that the leap day is its last.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * y + y.div_euclid(4) - y.div_euclid(100) + y.div_euclid(400) + (153 * m + 2) / 5 + day - 719_469;
    Timestamp::new(days * 86_400 + hour * 3600 + (minute - offset) * 60 + second, nanoseconds).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_and_numbers() {
        assert_eq!(string(br#""a\u00e9\n""#).as_deref(), Some("aé\n"));
        assert_eq!(string(br#""\ud800""#).as_deref(), Some(r#""\ud800""#));
        assert_eq!(name(b"17").as_deref(), Some("17"));
        assert_eq!(name(b"\"\"").as_deref(), None);
        assert_eq!(name(b"null").as_deref(), None);
        for (raw, number) in [
            (&b"0"[..], Some(0)),
            (b"12.0", Some(12)),
            (b"\"12\"", Some(12)),
            (b"18446744073709551615", Some(u64::MAX)),
            (b"18446744073709551616", None),
            (b"-1", None),
            (b"1.5", None),
            (b"1.", None),
            (b"1e3", None),
            (b"\"\"", None),
            (b"null", None),
        ] {
            assert_eq!(whole(raw), number, "{}", String::from_utf8_lossy(raw));
        }
    }

    #[test]
    fn instants_in_every_unit() {
        let expected: Timestamp = "2025-01-01T08:58:01.438Z".parse().unwrap();
        for raw in [
            r#""2025-01-01T08:58:01.438Z""#,
            r#""2025-01-01T08:58:01.438""#,
            r#""2025-01-01T09:58:01.438+01:00""#,
            r#""2025-01-01 08:58:01.438+00""#,
            r#""2025\u002d01-01T08:58:01.438Z""#,
            "1735721881438",
            "\"1735721881438\"",
            "1735721881438000",
            "1735721881438000000",
            "1735721881.438",
            "\"1735721881.438000\"",
        ] {
            assert_eq!(instant(raw.as_bytes()), Some(expected), "{raw}");
        }
        for raw in ["null", "\"\"", "\"soon\"", "{}", "\"2025-02-29T00:00:00Z\"", "true", "\"-\"", "\".\""] {
            assert_eq!(instant(raw.as_bytes()), None, "{raw}");
        }
        // More digits than nanoseconds have.
        for fraction in ["4380000000", "6250024353", "99999999999999999999"] {
            assert_eq!(instant(format!("\"2025-01-01T08:58:01.{fraction}Z\"").as_bytes()), None, "{fraction}");
        }
    }

    proptest! {
        #[test]
        fn the_quick_reader_agrees_with_the_careful_one(
            seconds in -60_000_000_000_i64..250_000_000_000,
            nanoseconds in 0_i32..1_000_000_000,
            digits in 0_usize..=9,
            zone in prop::sample::select(vec!["Z", "", "+00:00", "-05:30", "+14:00"]),
        ) {
            let base = Timestamp::new(seconds, 0).unwrap().to_string();
            let base = base.trim_end_matches('Z');
            let fraction = if digits == 0 { String::new() } else { format!(".{}", &format!("{nanoseconds:09}")[..digits]) };
            let text = format!("{base}{fraction}{zone}");
            if let Some(found) = iso(text.as_bytes()) {
                prop_assert_eq!(Some(found), time::parse(&text), "{}", text);
            } else {
                prop_assert!(text.starts_with('-') || text.starts_with('+'), "{}", text);
            }
        }

        #[test]
        fn no_bytes_upset_the_readers(raw in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = (instant(&raw), whole(&raw), string(&raw));
            if let Ok(text) = std::str::from_utf8(&raw) {
                let raw = text.as_bytes();
                prop_assert_eq!(name(raw).map(|name| name.as_bytes().to_vec()), name_bytes(raw).map(Cow::into_owned));
            }
        }
    }
}
