//! Counts, sizes, shares and instants as a person reads them, for screens, commands and messages alike.

use super::Timestamp;

/// A number with its thousands separated: `1,234,567`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 event`, `2 events`.
pub fn counted(number: u64, thing: &str) -> String {
    format!("{} {thing}{}", count(number), if number == 1 { "" } else { "s" })
}

/// A number of bytes: `640 B`, `200 KiB`, `1.5 MiB`.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let (mut value, mut unit) = (bytes as f64 / 1024.0, 0);
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if value < 10.0 { format!("{value:.1} {}", UNITS[unit]) } else { format!("{value:.0} {}", UNITS[unit]) }
}

/// A part of a whole, in percent, rounded down so that 100 means all.
pub fn percent(part: u64, whole: u64) -> u64 {
    if whole == 0 { 100 } else { (u128::from(part.min(whole)) * 100 / u128::from(whole)) as u64 }
}

/// A whole instant in UTC, to the millisecond.
pub fn instant(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S%.3fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_in_groups() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (12_408_113, "12,408,113")] {
            assert_eq!(count(number), text);
        }
        assert_eq!(
            [counted(0, "event"), counted(1, "event"), counted(2_000, "event")],
            ["0 events", "1 event", "2,000 events"]
        );
    }

    #[test]
    fn sizes_are_read_easily() {
        for (bytes, text) in [(640, "640 B"), (204_800, "200 KiB"), (1_572_864, "1.5 MiB"), (u64::MAX, "16384 PiB")] {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn instants_are_whole() {
        let noon = crate::domain::time::parse("2026-03-01T12:00:00.5Z").expect("an instant");
        assert_eq!(instant(noon), "2026-03-01 12:00:00.500Z");
    }

    #[test]
    fn only_all_of_it_is_a_hundred_percent() {
        assert_eq!([percent(999, 1000), percent(1000, 1000), percent(5, 0), percent(0, 7)], [99, 100, 100, 0]);
    }
}
