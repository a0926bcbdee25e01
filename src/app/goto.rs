//! What is typed after `:`, understood.

use std::sync::Arc;

use crate::domain::{Timestamp, time};

/// A place to go to, as typed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Goto {
    /// The event with this version; in a wider scope the n-th event.
    Number(u64),
    /// So many events on (or, when negative, back).
    By(i64),
    /// This part of the scope, in thousandths of a percent.
    Part(u64),
    /// The last event at or before an instant.
    AsOf(Timestamp),
    /// Before the first event.
    First,
    /// The last event.
    Last,
    /// A stream, or an event with this id.
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
            "" => return Err("a version, +10, -10, 50%, @14:03, an event id, or a stream".into()),
            "first" | "start" => return Ok(Self::First),
            "last" | "end" => return Ok(Self::Last),
            _ => {}
        }
        if let Some(moment) = text.strip_prefix('@') {
            return instant(moment.trim(), today).map(Self::AsOf);
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
            return Ok(Self::Number(version));
        }
        Ok(Self::Name(text.into()))
    }
}

fn instant(text: &str, today: Option<Timestamp>) -> Result<Timestamp, String> {
    if let Some(time) = time::parse(text) {
        return Ok(time);
    }
    let is_clock = text.contains(':') && text.bytes().all(|byte| byte.is_ascii_digit() || b":.".contains(&byte));
    if !is_clock {
        return Err(format!("{text} is not a time: 14:03, 14:03:22.5, 2025-03-01, or 2025-03-01T14:03"));
    }
    let today = today.ok_or("the event here has no time, so the time needs a date: 2025-03-01T14:03")?;
    let hour = if text.find(':') == Some(1) { "0" } else { "" };
    time::parse(&format!("{}T{hour}{text}", today.strftime("%Y-%m-%d"))).ok_or_else(|| format!("{text} is not a time"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_is_understood() {
        let at = |text| time::parse(text).expect("an instant");
        let today = Some(at("2026-03-01T23:00:00Z"));
        for (text, meant) in [
            ("312", Goto::Number(312)),
            ("1,000_000", Goto::Number(1_000_000)),
            ("+10", Goto::By(10)),
            ("-10", Goto::By(-10)),
            ("50%", Goto::Part(50_000)),
            ("12.5%", Goto::Part(12_500)),
            ("@14:03", Goto::AsOf(at("2026-03-01T14:03:00Z"))),
            ("@9:03:02.5", Goto::AsOf(at("2026-03-01T09:03:02.5Z"))),
            ("@2025-03-01", Goto::AsOf(at("2025-03-01"))),
            ("@2025-03-01T14:03", Goto::AsOf(at("2025-03-01T14:03:00Z"))),
            (" first ", Goto::First),
            ("end", Goto::Last),
            ("order-7", Goto::Name("order-7".into())),
            ("5f0c8f1e-0b7e-4f6a-9b53-2f2d9a1c7a10", Goto::Name("5f0c8f1e-0b7e-4f6a-9b53-2f2d9a1c7a10".into())),
        ] {
            assert_eq!(Goto::parse(text, today), Ok(meant), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_said() {
        for text in ["", "101%", "x%", "@noon", "@25:99", "@14:03"] {
            assert!(Goto::parse(text, None).is_err(), "{text}");
        }
    }
}
