//! How a file of rows is written, told from its first records.

use super::record::{Field, Found, record, said};

/// The separators that are tried, the commonest first.
const SEPARATORS: [u8; 4] = [b',', b'\t', b';', b'|'];
/// How many records are looked at.
const RECORDS: usize = 64;
/// Fewer columns hold no events: a stream, a type and something else are the least.
const COLUMNS: usize = 3;

/// How a file is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Dialect {
    /// What stands between fields.
    pub separator: u8,
    /// How a separator inside a field is written.
    pub quoting: Quoting,
}

/// How what would end a field is written inside it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Quoting {
    /// The field stands in quotes, and quotes inside it are doubled (RFC 4180, `COPY … CSV`).
    Doubled,
    /// After a backslash (`COPY` in text format).
    Backslash,
}

/// What the first records tell.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Told {
    /// How it is written.
    pub dialect: Dialect,
    /// How many columns most records have.
    pub columns: usize,
    /// The names in the first record, if that is what it holds.
    pub header: Option<Vec<String>>,
    /// The first records that are none of names, for a closer look.
    pub sample: Vec<Vec<Option<Vec<u8>>>>,
}

/// Looks at the beginning of a text, without its byte order mark. `whole` tells that there is no more. `None` when it is
/// not rows of one width.
pub fn tell(text: &[u8], whole: bool) -> Option<Told> {
    let mut best: Option<(usize, Told)> = None;
    for separator in SEPARATORS {
        for quoting in [Quoting::Doubled, Quoting::Backslash] {
            // Backslashes belong to PostgreSQL's text format, whose separator is nearly always a tab.
            if quoting == Quoting::Backslash && separator != b'\t' {
                continue;
            }
            let Some((points, told)) = judge(text, whole, Dialect { separator, quoting }) else { continue };
            if best.as_ref().is_none_or(|(most, _)| points > *most) {
                best = Some((points, told));
            }
        }
    }
    best.map(|(_, told)| told)
}

/// Points for a dialect, if the text can be read by it.
fn judge(text: &[u8], whole: bool, dialect: Dialect) -> Option<(usize, Told)> {
    let (mut rest, mut fields) = (text, Vec::<Field>::new());
    let mut records: Vec<Vec<Option<Vec<u8>>>> = Vec::new();
    let (mut bad, mut nulls) = (0, 0);
    while records.len() + bad < RECORDS && !rest.is_empty() {
        match record(rest, dialect, whole, &mut fields) {
            Found::Record(next) => {
                let said = fields.iter().map(|&field| said(rest, field, dialect).map(|text| text.into_owned()));
                records.push(said.collect());
                nulls += fields.iter().filter(|field| &rest[field.start..field.end] == b"\\N").count();
                rest = &rest[next..];
            }
            Found::Blank(next) => rest = &rest[next..],
            Found::Bad(..) => {
                bad += 1;
                rest = memchr::memchr(b'\n', rest).map_or(&[][..], |end| &rest[end + 1..]);
            }
            Found::More => break,
        }
    }
    let first = records.first()?;
    let header = names(first);
    // The width of most records, or of the names alone.
    let mut widths: Vec<usize> = records.iter().map(Vec::len).collect();
    widths.sort_unstable();
    let columns = match &header {
        Some(names) => names.len(),
        None => widths[widths.len() / 2],
    };
    let fitting = widths.iter().filter(|&&width| width == columns).count();
    if columns < COLUMNS
        || fitting * 10 < (records.len() + bad) * 7
        || (header.is_none() && records.len() < 2 && !whole)
    {
        return None;
    }
    // A text without names and without structure is prose with commas in it.
    if header.is_none() && records.len() < 2 {
        return None;
    }
    let quality = fitting * 100 / (records.len() + bad);
    let is_copy = dialect.quoting == Quoting::Backslash;
    let points = 1000 * quality / 100 * 10 + columns.min(100) * 2 + usize::from(is_copy && nulls > 0)
        - usize::from(is_copy && nulls == 0).min(1);
    if header.is_some() {
        records.remove(0);
    }
    Some((points, Told { dialect, columns, header, sample: records }))
}

/// The names a record holds, if they are names of columns: words, each another.
fn names(record: &[Option<Vec<u8>>]) -> Option<Vec<String>> {
    let mut names: Vec<String> = Vec::with_capacity(record.len());
    for field in record {
        let name = std::str::from_utf8(field.as_deref()?).ok()?.trim();
        let mut letters = name.chars();
        let starts = letters.next().is_some_and(|c| c.is_alphabetic() || matches!(c, '_' | '$' | '@'));
        let goes_on = letters.all(|c| c.is_alphanumeric() || matches!(c, '_' | '$' | '@' | '.' | ' ' | '-' | '#'));
        if !starts || !goes_on || name.len() > 128 || uuid::Uuid::try_parse(name).is_ok() {
            return None;
        }
        names.push(name.into());
    }
    let mut sorted: Vec<String> = names.iter().map(|name| name.to_lowercase()).collect();
    sorted.sort_unstable();
    let distinct = sorted.windows(2).all(|pair| pair[0] != pair[1]);
    // `t` and `f` are what PostgreSQL writes for booleans, not what people call columns.
    (distinct && !names.iter().all(|name| name.len() == 1 && matches!(name.as_str(), "t" | "f"))).then_some(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Option<(char, Quoting, usize, bool)> {
        tell(text.as_bytes(), true)
            .map(|told| (char::from(told.dialect.separator), told.dialect.quoting, told.columns, told.header.is_some()))
    }

    #[test]
    fn the_separator_is_the_one_that_fits_most_records() {
        use Quoting::{Backslash, Doubled};
        for (text, expected) in [
            ("a,b,c\n1,2,3\n", Some((',', Doubled, 3, true))),
            ("a;b;c\n1,5;2,5;3\n1,5;2,5;3\n", Some((';', Doubled, 3, true))),
            ("id|stream|type|data\n1|a|T|\"{\"\"a\"\":1,\"\"b\"\":2}\"\n", Some(('|', Doubled, 4, true))),
            ("id\tstream\tdata\n1\ta\t{\"a\":1,\"b\":2}\n", Some(('\t', Doubled, 3, true))),
            ("1\ta\t\\N\n2\tb\tc\\td\n", Some(('\t', Backslash, 3, false))),
            ("1,a,T\n2,b,T\n", Some((',', Doubled, 3, false))),
            ("a,b,c\n", Some((',', Doubled, 3, true))),
            ("Dear diary, today\n", None),
            ("Dear diary, today, I saw\nnothing, really\n", None),
            ("nonsense", None),
            ("a,b\n1,2\n", None),
        ] {
            assert_eq!(told(text), expected, "{text}");
        }
    }

    #[test]
    fn one_hundred_thousand_columns_are_columns() {
        let header: Vec<String> = (0..100_000).map(|n| format!("c{n}")).collect();
        let row = vec!["1"; 100_000].join(",");
        let told = tell(format!("{}\n{row}\n", header.join(",")).as_bytes(), true).unwrap();
        assert_eq!(told.columns, 100_000);
    }
}
