//! One record of delimited text: where it ends and what its fields say.
//!
//! Stricter than the usual readers, on purpose: text after a closing quote is a fault, not more of the field, because it
//! is how a quote that was opened by mistake shows before it has swallowed the file. And an empty field is told from a
//! quoted empty one, which `\copy` writes for NULL and for empty text.

use std::borrow::Cow;

use super::dialect::{Dialect, Quoting};

/// A field of a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Field {
    /// Its first byte, within its quotes.
    pub start: usize,
    /// The byte after its last.
    pub end: usize,
    /// Whether it stands in quotes.
    pub quoted: bool,
    /// Whether something in it is written otherwise than it is meant.
    pub escaped: bool,
}

/// What stands at the beginning of some text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Found {
    /// A record; the next one begins here.
    Record(usize),
    /// A blank line; the next record begins here.
    Blank(usize),
    /// The text ends within the record.
    More,
    /// It is no record, as shows at this byte.
    Bad(usize, &'static str),
}

/// Reads the record at the start of `text` into `fields`. `all` tells that nothing follows the text.
pub fn record(text: &[u8], dialect: Dialect, all: bool, fields: &mut Vec<Field>) -> Found {
    fields.clear();
    if let Some(next) = blank(text, all) {
        return next;
    }
    let mut at = 0;
    loop {
        let field = match (text.get(at), dialect.quoting) {
            (Some(b'"'), Quoting::Doubled) => match quoted(text, at + 1, all) {
                Ok(field) => field,
                Err(found) => return found,
            },
            (_, quoting) => plain(text, at, dialect.separator, quoting),
        };
        let after = field.end + usize::from(field.quoted);
        fields.push(field);
        match text.get(after) {
            Some(&b) if b == dialect.separator => at = after + 1,
            Some(b'\n') => return Found::Record(after + 1),
            Some(b'\r') if text.get(after + 1) == Some(&b'\n') => return Found::Record(after + 2),
            Some(b'\r') if text.get(after + 1).is_none() => {
                return if all { Found::Record(after + 1) } else { Found::More };
            }
            None => return if all { Found::Record(after) } else { Found::More },
            Some(_) => return Found::Bad(after, "something follows a closing quote"),
        }
    }
}

fn blank(text: &[u8], all: bool) -> Option<Found> {
    match text {
        [b'\n', ..] => Some(Found::Blank(1)),
        [b'\r', b'\n', ..] => Some(Found::Blank(2)),
        [] | [b'\r'] if all => Some(Found::Blank(text.len())),
        [] | [b'\r'] => Some(Found::More),
        _ => None,
    }
}

fn quoted(text: &[u8], start: usize, all: bool) -> Result<Field, Found> {
    let mut at = start;
    let mut escaped = false;
    loop {
        match memchr::memchr(b'"', &text[at..]) {
            Some(quote) if text.get(at + quote + 1) == Some(&b'"') => {
                escaped = true;
                at += quote + 2;
            }
            // The next byte decides whether it closes.
            Some(quote) if at + quote + 1 < text.len() || all => {
                return Ok(Field { start, end: at + quote, quoted: true, escaped });
            }
            None if all => return Err(Found::Bad(start - 1, "a quote is not closed")),
            _ => return Err(Found::More),
        }
    }
}

fn plain(text: &[u8], start: usize, separator: u8, quoting: Quoting) -> Field {
    let mut at = start;
    let mut escaped = false;
    let backslash = if quoting == Quoting::Backslash { b'\\' } else { b'\n' };
    loop {
        let Some(found) = memchr::memchr3(separator, b'\n', backslash, text.get(at..).unwrap_or_default()) else {
            at = text.len();
            break;
        };
        at += found;
        if text[at] != b'\\' || quoting != Quoting::Backslash {
            break;
        }
        escaped = true;
        at = (at + 2).min(text.len());
    }
    // The line end of two bytes is no part of the field.
    let ends_line = text.get(at).is_none_or(|&b| b == b'\n');
    let end = if ends_line && at > start && text[at - 1] == b'\r' { at - 1 } else { at };
    Field { start, end, quoted: false, escaped }
}

/// What a field says: `None` is NULL.
pub fn said<'a>(text: &'a [u8], field: Field, dialect: Dialect) -> Option<Cow<'a, [u8]>> {
    let raw = &text[field.start..field.end];
    let is_null = !field.quoted
        && match dialect.quoting {
            Quoting::Backslash => raw == b"\\N",
            Quoting::Doubled => raw.is_empty() || raw == b"\\N",
        };
    match (is_null, field.escaped, dialect.quoting) {
        (true, ..) => None,
        (_, false, _) => Some(Cow::Borrowed(raw)),
        (_, _, Quoting::Doubled) => Some(Cow::Owned(undoubled(raw))),
        (_, _, Quoting::Backslash) => Some(Cow::Owned(unescaped(raw))),
    }
}

fn undoubled(raw: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(quote) = memchr::memchr(b'"', rest) {
        text.extend_from_slice(&rest[..=quote]);
        rest = rest.get(quote + 2..).unwrap_or_default();
    }
    text.extend_from_slice(rest);
    text
}

/// The escapes of PostgreSQL's COPY in text format.
fn unescaped(raw: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        text.extend_from_slice(&rest[..at]);
        let (byte, length) = escape(&rest[at + 1..]);
        text.push(byte);
        rest = rest.get(at + 1 + length..).unwrap_or_default();
    }
    text.extend_from_slice(rest);
    text
}

/// The byte an escape stands for, and how long it is after its backslash.
fn escape(rest: &[u8]) -> (u8, usize) {
    let digits = |radix: u32, from: usize, most: usize| {
        let is_digit = |b: &&u8| char::from(**b).is_digit(radix);
        let count = rest.iter().skip(from).take(most).take_while(is_digit).count();
        let value = rest[from..from + count]
            .iter()
            .fold(0_u32, |value, &b| value * radix + char::from(b).to_digit(radix).unwrap_or_default());
        ((value & 0xff) as u8, count)
    };
    match rest.first() {
        Some(b'b') => (8, 1),
        Some(b'f') => (12, 1),
        Some(b'n') => (b'\n', 1),
        Some(b'r') => (b'\r', 1),
        Some(b't') => (b'\t', 1),
        Some(b'v') => (11, 1),
        Some(b'0'..=b'7') => digits(8, 0, 3),
        Some(b'x') => match digits(16, 1, 2) {
            (_, 0) => (b'x', 1),
            (value, count) => (value, count + 1),
        },
        Some(&other) => (other, 1),
        None => (b'\\', 0),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CSV: Dialect = Dialect { separator: b',', quoting: Quoting::Doubled };
    const COPY: Dialect = Dialect { separator: b'\t', quoting: Quoting::Backslash };

    fn all(text: &str, dialect: Dialect) -> Vec<Vec<Option<String>>> {
        let (mut rest, mut fields, mut records) = (text.as_bytes(), Vec::new(), Vec::new());
        while !rest.is_empty() {
            match record(rest, dialect, true, &mut fields) {
                Found::Record(next) => {
                    let said = fields.iter().map(|&field| {
                        said(rest, field, dialect).map(|text| String::from_utf8_lossy(&text).into_owned())
                    });
                    records.push(said.collect());
                    rest = &rest[next..];
                }
                Found::Blank(next) => rest = &rest[next..],
                other => panic!("{other:?} at {}", String::from_utf8_lossy(rest)),
            }
        }
        records
    }

    fn row(fields: &[&str]) -> Vec<Option<String>> {
        fields.iter().map(|&field| (field != "NULL").then(|| field.to_owned())).collect()
    }

    #[test]
    fn quotes_are_doubled_and_lines_are_quoted() {
        let found = all("a,\"b \"\"c\"\"\",\"d\r\ne\"\r\n,\"\",x\n\n\\N,\"\\N\",\"\"\"\"", CSV);
        assert_eq!(found, [row(&["a", "b \"c\"", "d\r\ne"]), row(&["NULL", "", "x"]), row(&["NULL", "\\N", "\""])]);
    }

    #[test]
    fn copy_escapes_are_undone() {
        let found = all("\\N\t\ta\\tb\\\\\\n\t\\\\x00\t\\101\\x42\n\\\\N\tb\\\n\r\n", COPY);
        assert_eq!(found, [row(&["NULL", "", "a\tb\\\n", "\\x00", "AB"]), row(&["\\N", "b\n"])]);
    }

    #[test]
    fn an_open_quote_is_a_fault() {
        let mut fields = Vec::new();
        assert_eq!(
            record(b"a,\"b\n1,\"c\"\n", CSV, true, &mut fields),
            Found::Bad(8, "something follows a closing quote")
        );
        assert_eq!(record(b"a,\"b\nc\n", CSV, true, &mut fields), Found::Bad(2, "a quote is not closed"));
        assert_eq!(record(b"a,\"b\nc\n", CSV, false, &mut fields), Found::More);
        assert_eq!(record(b"a,b", CSV, false, &mut fields), Found::More);
        assert_eq!(record(b"a,\"b\"", CSV, false, &mut fields), Found::More);
    }

    proptest! {
        #[test]
        fn what_the_csv_crate_writes_is_read_back(rows in prop::collection::vec(
            prop::collection::vec("[a-z\",;\n\r \u{e9}]{0,6}", 2..5), 1..6)) {
            let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
            for row in &rows {
                writer.write_record(row).unwrap();
            }
            let text = String::from_utf8(writer.into_inner().unwrap()).unwrap();
            let found: Vec<Vec<String>> =
                all(&text, CSV).into_iter().map(|row| row.into_iter().map(Option::unwrap_or_default).collect()).collect();
            prop_assert_eq!(found, rows);
        }

        #[test]
        fn no_bytes_upset_it(bytes in prop::collection::vec(prop::sample::select(b"a,\"\"\n\r\\\tx7\xff".to_vec()), 0..60),
                             ends in any::<bool>()) {
            for dialect in [CSV, COPY] {
                let mut fields = Vec::new();
                match record(&bytes, dialect, ends, &mut fields) {
                    Found::Record(next) => {
                        prop_assert!(next <= bytes.len());
                        fields.iter().for_each(|&field| drop(said(&bytes, field, dialect)));
                    }
                    Found::Blank(next) => prop_assert!(next <= bytes.len()),
                    Found::More => prop_assert!(!ends),
                    Found::Bad(at, _) => prop_assert!(at <= bytes.len()),
                }
            }
        }
    }
}
