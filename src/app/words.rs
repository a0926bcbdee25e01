//! Numbers, times and values as a person reads them in one line.

use crate::domain::words::{count, counted};
use crate::domain::{Event, Json, StreamName, Timestamp, json::write_string, text};

/// Whether an instant is not a whole second, to the millisecond.
pub fn has_fraction(time: Timestamp) -> bool {
    time.as_millisecond().rem_euclid(1_000) != 0
}

/// The instants of a column, all written alike: the clock where they are of one day, else the day too, and the year where
/// there are several. Seconds are always there.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Instants {
    dates: Dates,
}

/// What of its date an instant needs to be told from the others of its column.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
enum Dates {
    /// All are of one day.
    #[default]
    None,
    /// All are of one year.
    Day,
    /// Nothing is known of them, or they are of several years.
    Year,
}

/// How finely an instant is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Precision {
    /// To the second.
    Seconds,
    /// To the millisecond.
    Milliseconds,
}

impl Instants {
    /// For the instants between these two, which are those of the whole scope, whatever of it is seen.
    pub fn between(first: Timestamp, last: Timestamp) -> Self {
        let date = |time: Timestamp| time.to_zoned(jiff::tz::TimeZone::UTC).date();
        let (first, last) = (date(first), date(last));
        let dates = match (first == last, first.year() == last.year()) {
            (true, _) => Dates::None,
            (false, true) => Dates::Day,
            (false, false) => Dates::Year,
        };
        Self { dates }
    }

    /// How wide each is.
    pub fn width(self, precision: Precision) -> usize {
        let date = match self.dates {
            Dates::None => 0,
            Dates::Day => "03-01 ".len(),
            Dates::Year => "2026-03-01 ".len(),
        };
        date + match precision {
            Precision::Seconds => "12:00:00".len(),
            Precision::Milliseconds => "12:00:00.000".len(),
        }
    }

    /// One of them.
    pub fn write(self, time: Timestamp, precision: Precision) -> String {
        // A list of events asks this for every row of every frame: the clock is written without a calendar.
        const DAY: i64 = 86_400_000;
        let of_day = time.as_millisecond().rem_euclid(DAY);
        let (seconds, rest) = (of_day / 1_000, of_day % 1_000);
        let mut written = match self.dates {
            Dates::None => String::new(),
            Dates::Day => time.strftime("%m-%d ").to_string(),
            Dates::Year => time.strftime("%Y-%m-%d ").to_string(),
        };
        written.push_str(&format!("{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60));
        if precision == Precision::Milliseconds {
            written.push_str(&format!(".{rest:03}"));
        }
        written
    }
}

/// The first and the last of some instants, in whatever order they come.
pub type Span = Option<(Timestamp, Timestamp)>;

/// What two spans are together.
pub fn together(one: Span, other: Span) -> Span {
    match (one, other) {
        (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
        (one, other) => one.or(other),
    }
}

/// The time between two instants: `+803ms`, `+2.8s`, `-3d04h`.
pub fn gap(from: Timestamp, to: Timestamp) -> String {
    let milliseconds = to.duration_since(from).as_millis();
    let sign = if milliseconds < 0 { '-' } else { '+' };
    let ms = milliseconds.unsigned_abs();
    match ms {
        0..1_000 => format!("{sign}{ms}ms"),
        1_000..60_000 => format!("{sign}{}.{}s", ms / 1_000, ms % 1_000 / 100),
        60_000..3_600_000 => format!("{sign}{}m{:02}s", ms / 60_000, ms % 60_000 / 1_000),
        3_600_000..86_400_000 => format!("{sign}{}h{:02}m", ms / 3_600_000, ms % 3_600_000 / 60_000),
        _ => format!("{sign}{}d{:02}h", ms / 86_400_000, ms % 86_400_000 / 3_600_000),
    }
}

/// Containers with more children than this are not looked into for one line.
const PREVIEW: usize = 32;

/// A value in one line of roughly at most `cells` characters: exact scalars, the beginning of containers. What does not
/// fit ends with `…`. Not yet safe to show.
pub fn value(value: &Json, cells: usize) -> String {
    let mut out = String::new();
    write_value(&mut out, value, cells, 0);
    out
}

fn write_value(out: &mut String, value: &Json, cells: usize, depth: usize) {
    let left = cells.saturating_sub(out.len());
    match value {
        Json::String(text) => write_text(out, text, left),
        Json::Verbatim(text) => out.push_str(beginning(text, left)),
        Json::Object(object) if object.is_empty() => out.push_str("{}"),
        Json::Array(array) if array.is_empty() => out.push_str("[]"),
        Json::Object(object) if depth > 2 || object.len() > PREVIEW => {
            out.push_str(&format!("{{{}}}", counted(object.len() as u64, "key")));
        }
        Json::Array(array) if depth > 2 => out.push_str(&format!("[{}]", counted(array.len() as u64, "item"))),
        Json::Object(object) => {
            out.push('{');
            for (n, entry) in object.in_order().into_iter().enumerate() {
                if n > 0 {
                    out.push_str(", ");
                }
                if out.len() >= cells {
                    out.push('…');
                    break;
                }
                out.push_str(beginning(&entry.key, cells));
                out.push_str(": ");
                write_value(out, &entry.value, cells, depth + 1);
            }
            out.push('}');
        }
        Json::Array(array) => {
            out.push('[');
            for (n, element) in array.iter().enumerate() {
                if n > 0 {
                    out.push_str(", ");
                }
                if out.len() >= cells {
                    out.push('…');
                    break;
                }
                write_value(out, element, cells, depth + 1);
            }
            out.push(']');
        }
        Json::Null | Json::Bool(_) | Json::Number(_) => out.push_str(&value.to_string()),
    }
}

fn write_text(out: &mut String, text: &str, cells: usize) {
    let shown = beginning(text, cells);
    // Writing into a string cannot fail.
    let _ = write_string(out, shown);
    if shown.len() < text.len() {
        out.pop();
        out.push('…');
    }
}

/// The beginning of a text that surely fills so many cells: what follows is never looked at.
fn beginning(text: &str, cells: usize) -> &str {
    let mut end = text.len().min(cells.saturating_mul(4).saturating_add(64));
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Two values of which so many cells are seen, each in one line. Where what is seen of them would be alike, both begin
/// where they begin to differ.
pub fn told_apart(before: &Json, after: &Json, [old, new]: [usize; 2]) -> [String; 2] {
    let seen = old.min(new);
    let safe = |text: &str| text::safe(text).into_owned();
    let shown = [value(before, old), value(after, new)].map(|shown| safe(&shown));
    let alike = shown[0].chars().zip(shown[1].chars()).take_while(|(a, b)| a == b).count();
    if alike + 1 < seen || (text::width(&shown[0]) <= old && text::width(&shown[1]) <= new) {
        return shown;
    }
    // A text of any length is looked through; of the beginning of a container as much as is worth looking for.
    const LOOKED_AT: usize = 2_000;
    let whole = match (before, after) {
        (Json::String(old), Json::String(new)) => [old.to_string(), new.to_string()],
        _ => [value(before, LOOKED_AT), value(after, LOOKED_AT)],
    };
    let shared = whole[0].char_indices().zip(whole[1].chars()).take_while(|((_, a), b)| a == b).map(|((at, _), _)| at);
    // One character before the difference stays.
    let Some(from) = shared.last().filter(|from| *from > 0) else { return shown };
    whole.map(|whole| safe(&format!("…{}", beginning(&whole[from..], old.max(new)))))
}

/// The part of a line around a column, from 1, that has so many cells; what is left out of it is a `…`. Without a column
/// its beginning.
pub fn around(line: &str, column: u32, cells: usize) -> String {
    let line = text::safe(line);
    let before = (column as usize).saturating_sub(1);
    if text::width(&line) <= cells || before < cells * 2 / 3 {
        return text::fit(&line, cells);
    }
    // A half before it, so that it is seen what it belongs to; no less of the line than there is room for.
    let longest = line.chars().count().saturating_sub(cells.saturating_sub(1));
    let skipped = (before + 1).saturating_sub(cells / 2).min(longest);
    text::fit(&format!("…{}", line.chars().skip(skipped).collect::<String>()), cells)
}

/// Payloads longer than this are not parsed for one line of a list.
const DIGESTED: usize = 8 * 1024;

/// The data of an event in one line: its fields without braces, the value that only repeats the stream's own name left
/// out. At most some 200 characters. Not yet safe to show.
pub fn digest(event: &Event) -> String {
    const CELLS: usize = 200;
    if let Some(trouble) = &event.trouble {
        return trouble.to_string();
    }
    if event.data.is_absent() {
        return String::new();
    }
    let stored = event.data.stored();
    if stored.len() > DIGESTED {
        let start = String::from_utf8_lossy(&stored[..CELLS * 2]).into_owned();
        return format!("{} bytes  {}", count(stored.len() as u64), text::fit(&start, CELLS));
    }
    match event.data.json() {
        Ok(Json::Object(object)) if object.len() <= 256 => {
            let mut out = String::new();
            for entry in object.in_order() {
                if entry.value.as_str().is_some_and(|text| names(&event.stream, text)) {
                    continue;
                }
                if !out.is_empty() {
                    out.push_str("  ");
                }
                if out.len() >= CELLS {
                    out.push('…');
                    break;
                }
                out.push_str(beginning(&entry.key, CELLS));
                out.push(' ');
                let room = out.len() + 60;
                write_value(&mut out, &entry.value, room, 1);
            }
            out
        }
        Ok(other) => value(&other, CELLS),
        Err(_) => text::fit(&event.data.text(), CELLS),
    }
}

/// Whether a text is the stream's name or what stands after its category.
fn names(stream: &StreamName, text: &str) -> bool {
    let name = stream.as_str();
    text == name || (name.len() == stream.category().len() + 1 + text.len() && name.ends_with(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Payload, Position, Version, time};

    #[test]
    fn times_are_short_and_whole() {
        let at = |text: &str| time::parse(text).expect("an instant");
        let noon = at("2026-03-01T12:00:00.5Z");
        let old = at("1969-12-31T23:59:59.999Z");
        let (seconds, whole) = (Precision::Seconds, Precision::Milliseconds);
        for (first, last, brief, long) in [
            ("2026-03-01", "2026-03-01T23:59:59.999Z", "12:00:00", "12:00:00.500"),
            ("2026-02-28", "2026-03-01T12:00:00.5Z", "03-01 12:00:00", "03-01 12:00:00.500"),
            ("2025-12-31", "2026-03-02", "2026-03-01 12:00:00", "2026-03-01 12:00:00.500"),
        ] {
            let format = Instants::between(at(first), at(last));
            assert_eq!((format.write(noon, seconds).as_str(), format.write(noon, whole).as_str()), (brief, long));
            assert_eq!((format.width(seconds), format.width(whole)), (brief.len(), long.len()));
        }
        assert_eq!(Instants::between(old, old).write(old, whole), "23:59:59.999");
        for (to, words) in [
            ("2026-03-01T12:00:00.5Z", "+0ms"),
            ("2026-03-01T12:00:03.3Z", "+2.8s"),
            ("2026-03-01T12:01:10.5Z", "+1m10s"),
            ("2026-03-04T16:00:00.5Z", "+3d04h"),
            ("2026-03-01T11:59:59.5Z", "-1.0s"),
        ] {
            assert_eq!(gap(noon, at(to)), words);
        }
    }

    #[test]
    fn a_digest_leaves_out_what_the_row_already_says() {
        let event = |data: &str| Event {
            data: Payload::json_text(data),
            ..Event::new("order-7", Version(1), Position::Number(1), "X")
        };
        assert_eq!(digest(&event(r#"{"orderId":"order-7","qty":2,"sku":{"a":[1,2]}}"#)), "qty 2  sku {a: [1, 2]}");
        assert_eq!(digest(&event(r#"{"id":"7","n":9007199254740993}"#)), "n 9007199254740993");
        assert_eq!(digest(&event("not json")), "not json");
        let wide = format!(r#"{{"text":"{}"}}"#, "x".repeat(100_000));
        assert!(digest(&event(&wide)).len() < 1_000);
        assert!(digest(&event(&wide[..8_000])).len() < 1_000);
    }

    #[test]
    fn values_that_begin_alike_are_told_apart() {
        let json = |text: &str| Json::parse(text.as_bytes()).expect("JSON");
        let apart = |a: &str, b: &str, cells| told_apart(&json(a), &json(b), cells);
        assert_eq!(apart(r#""shipped""#, r#""delivered""#, [6, 6]), [r#""shipped""#, r#""delivered""#]);
        assert_eq!(apart("1", "2", [3, 3]), ["1", "2"]);
        let long = |end: &str| format!("\"{}{end}\"", "a".repeat(900));
        assert_eq!(apart(&long("ONE"), &long("TWO"), [12, 12]), ["…aONE", "…aTWO"]);
        assert_eq!(apart(&long(""), &long("more"), [12, 12]), ["…a", "…amore"]);
        let id = |end: &str| format!(r#"{{"id":"5a1e0000-0000-4000-8000","n":{end}}}"#);
        assert_eq!(apart(&id("1"), &id("2"), [12, 20]), ["… 1}", "… 2}"]);
    }

    #[test]
    fn a_line_is_cut_around_its_fault() {
        let line = "  return { ...state, total: state.total + (event.data.amount ?? 1), last: event.type,) };";
        assert_eq!(around(line, 5, 20), "  return { ...state…");
        assert_eq!(around(line, 85, 24), "…, last: event.type,) };");
        assert_eq!(around(line, 44, 24), "…e.total + (event.data.…");
        assert_eq!(around(line, 900, 24), around(line, 88, 24), "a column behind the end is the end");
        assert_eq!(around("short", 3, 24), "short");
    }

    #[test]
    fn one_line_of_a_value_is_bounded() {
        let json = |text: &str| Json::parse(text.as_bytes()).expect("JSON");
        assert_eq!(value(&json(r#"{"a":1,"b":[true,null,"x\n"]}"#), 80), r#"{a: 1, b: [true, null, "x\n"]}"#);
        let wide = format!("[{}]", vec!["12345678"; 100_000].join(","));
        assert!(value(&json(&wide), 40).len() < 80);
        assert!(value(&Json::string(&"é".repeat(1_000_000)), 40).len() < 600);
    }
}
