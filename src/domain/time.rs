//! Instants, as stores write them.

pub use jiff::Timestamp;

/// Reads an instant: ISO 8601 / RFC 3339 in its usual shapes (`T` or a blank between date and time, fraction of any
/// length, `Z`, an offset, or none, which is read as UTC), or a bare date.
pub fn parse(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time);
    }
    let civil: jiff::civil::DateTime = text.strip_suffix(" UTC").unwrap_or(text).parse().ok()?;
    civil.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

/// Reads a time of day: `14:03`, `9:03:02.5`.
pub fn parse_clock(text: &str) -> Option<jiff::civil::Time> {
    let is_clock = text.contains(':') && text.bytes().all(|byte| byte.is_ascii_digit() || b":.".contains(&byte));
    let hour = if text.find(':') == Some(1) { "0" } else { "" };
    is_clock.then(|| format!("{hour}{text}").parse().ok()).flatten()
}

/// A time of the day another instant lies in.
pub fn on_the_day_of(clock: jiff::civil::Time, day: Timestamp) -> Option<Timestamp> {
    let day = day.to_zoned(jiff::tz::TimeZone::UTC).date();
    day.to_datetime(clock).to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

/// Reads so long before something else, in seconds: `-2h`, `-90s` (s, m, h, d, w).
pub fn parse_back(text: &str) -> Option<i64> {
    let span = text.strip_prefix('-')?;
    let unit = span.chars().last()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return None,
    };
    span[..span.len() - unit.len_utf8()].parse::<u32>().ok().map(|count| i64::from(count) * seconds)
}

/// Reads an epoch number in seconds, milliseconds, microseconds or nanoseconds, told apart by its size: each unit covers
/// the years 1973 to 5138 of its own range, so that a plausible recording time is never ambiguous.
pub fn from_epoch(number: i64) -> Option<Timestamp> {
    match number.unsigned_abs() {
        0..100_000_000_000 => Timestamp::from_second(number).ok(),
        100_000_000_000..100_000_000_000_000 => Timestamp::from_millisecond(number).ok(),
        100_000_000_000_000..100_000_000_000_000_000 => Timestamp::from_microsecond(number).ok(),
        _ => Timestamp::from_nanosecond(i128::from(number)).ok(),
    }
}

/// Reads an epoch number in seconds with a fraction (`1735689600.123`).
pub fn from_epoch_seconds(number: f64) -> Option<Timestamp> {
    Timestamp::from_nanosecond((number * 1e9) as i128).ok().filter(|_| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_shapes_are_read() {
        for text in [
            "2025-01-01T08:58:01.438Z",
            "2025-01-01T08:58:01.438",
            "2025-01-01 08:58:01.438",
            "2025-01-01 08:58:01.438+00",
            "2025-01-01T09:58:01.438+01:00",
            "2025-01-01 08:58:01.438 UTC",
        ] {
            assert_eq!(parse(text).map(|time| time.as_millisecond()), Some(1_735_721_881_438), "{text}");
        }
        assert_eq!(parse("2025-01-01").map(|time| time.as_second()), Some(1_735_689_600));
        assert_eq!(parse("yesterday"), None);
        for number in [1_735_689_600, 1_735_689_600_000, 1_735_689_600_000_000, 1_735_689_600_000_000_000] {
            assert_eq!(from_epoch(number).map(|time| time.as_second()), Some(1_735_689_600), "{number}");
        }
        assert_eq!(from_epoch_seconds(1_735_689_600.5).map(|time| time.as_millisecond()), Some(1_735_689_600_500));
    }
}
