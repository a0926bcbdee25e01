//! What is typed after `:`, understood.

use std::sync::Arc;

use crate::domain::{Place, Timestamp, time};

/// Where to go, as typed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Goto {
    /// A place of the scope, in the grammar of every command.
    Place(Place),
    /// So many events on (or, when negative, back).
    By(i64),
    /// This part of the scope, in thousandths of a percent.
    Part(u64),
    /// A stream, a place of one (`order-7@12`), an event with this id, or a position that is no number.
    Name(Arc<str>),
}

impl Goto {
    /// Reads what was typed. `today` dates a time that has no date.
    ///
    /// # Errors
    /// What cannot be understood, in words.
    pub fn parse(text: &str, today: Option<Timestamp>) -> Result<Self, String> {
        let text = text.trim();
        let number = |digits: &str| digits.replace([',', '_'], "").parse::<u64>().ok();
        match text {
            "" => return Err("a version or position, #5, +10, -10, 50%, @14:03, -2h, an event id, or a stream".into()),
            "end" => return Ok(Self::Place(Place::Last)),
            _ => {}
        }
        if let Some(moment) = text.strip_prefix('@') {
            return instant(moment.trim(), today).map(Self::Place);
        }
        if let Some(part) = text.strip_suffix('%') {
            let part: f64 = part.trim().parse().map_err(|_| format!("{text} is not a percentage"))?;
            return match part {
                0.0..=100.0 => Ok(Self::Part((part * 1_000.0) as u64)),
                _ => Err("a percentage lies between 0 and 100".into()),
            };
        }
        if let Some(by) = text.strip_prefix('+').and_then(number) {
            return Ok(Self::By(i64::try_from(by).unwrap_or(i64::MAX)));
        }
        if let Some(by) = text.strip_prefix('-').and_then(number) {
            return Ok(Self::By(-i64::try_from(by).unwrap_or(i64::MAX)));
        }
        if let Some(version) = number(text) {
            return Ok(Self::Place(Place::Number(version)));
        }
        match text.parse() {
            // What else has a number in it may be the name of a stream or an id as well as a position.
            Ok(Place::Position(_)) => Ok(Self::Name(text.into())),
            Ok(place) => Ok(Self::Place(place)),
            Err(why) if text.starts_with('#') => Err(why),
            Err(_) => Ok(Self::Name(text.into())),
        }
    }
}

fn instant(text: &str, today: Option<Timestamp>) -> Result<Place, String> {
    let wrong = || format!("{text} is not a time: 14:03, 14:03:22.5, 2025-03-01, or 2025-03-01T14:03");
    match (time::parse(text), time::parse_clock(text)) {
        (Some(time), _) => Ok(Place::Time(time)),
        (None, Some(clock)) => {
            // Before the first event, and at one without a time, it is that of the day of the last one.
            let there = today.and_then(|today| time::on_the_day_of(clock, today));
            Ok(there.map_or(Place::Clock(clock), Place::Time))
        }
        (None, None) => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_is_understood() {
        let at = |text: &str| crate::domain::time::parse(text).expect("an instant");
        let time = |text: &str| Goto::Place(Place::Time(at(text)));
        let today = Some(at("2026-03-01T23:00:00Z"));
        for (text, meant) in [
            ("312", Goto::Place(Place::Number(312))),
            ("1,000_000", Goto::Place(Place::Number(1_000_000))),
            ("+10", Goto::By(10)),
            ("-10", Goto::By(-10)),
            ("50%", Goto::Part(50_000)),
            ("12.5%", Goto::Part(12_500)),
            ("@14:03", time("2026-03-01T14:03:00Z")),
            ("@9:03:02.5", time("2026-03-01T09:03:02.5Z")),
            ("@2025-03-01", time("2025-03-01")),
            ("@2025-03-01T14:03", time("2025-03-01T14:03:00Z")),
            (" first ", Goto::Place(Place::First)),
            ("start", Goto::Place(Place::Start)),
            ("#5", Goto::Place(Place::Ordinal(5))),
            ("-2h", Goto::Place(Place::Ago(7200))),
            ("2025-03-01", time("2025-03-01")),
            ("2025", Goto::Place(Place::Number(2025))),
            ("2/1041", Goto::Name("2/1041".into())),
            ("order-7@3", Goto::Name("order-7@3".into())),
            ("end", Goto::Place(Place::Last)),
            ("order-7", Goto::Name("order-7".into())),
            ("5f0c8f1e-0b7e-4f6a-9b53-2f2d9a1c7a10", Goto::Name("5f0c8f1e-0b7e-4f6a-9b53-2f2d9a1c7a10".into())),
        ] {
            assert_eq!(Goto::parse(text, today), Ok(meant), "{text}");
        }
    }

    #[test]
    fn a_time_of_day_without_a_day_is_a_place_all_the_same() {
        let clock = jiff::civil::time(14, 3, 0, 0);
        assert_eq!(Goto::parse("@14:03", None), Ok(Goto::Place(Place::Clock(clock))));
    }

    #[test]
    fn what_cannot_be_meant_is_said() {
        for text in ["", "#0", "#x", "101%", "x%", "@noon", "@25:99"] {
            assert!(Goto::parse(text, None).is_err(), "{text}");
        }
    }
}
