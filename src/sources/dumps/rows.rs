//! The rows of a stretch of a dump: of a COPY, one a line, or of INSERT statements, one a pair of parentheses.
//!
//! Invariant: a row's place is where it begins, and is all that is needed to read it again.

use std::borrow::Cow;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::catalogue::Head;
use super::encoding::Encoding;
use super::schema;
use super::values::{self, Value};
use super::walk::{Dialect, Ending, Syntax, Until, after_blanks, walk};
use super::window::{Bytes, Halt, LARGEST, Window};
use crate::sources::tables::{Cell, Row, overwritten};

/// The longest head of an INSERT: that of a table with as many columns as there can be.
pub const LONGEST_HEAD: usize = 1 << 20;

/// How rows are written.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Form {
    /// Lines of a COPY.
    Copy,
    /// Values of INSERT statements.
    Inserts,
}

/// What the text of a value means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Text, or what is not known.
    Plain,
    /// A whole number.
    Integer,
    /// Bytes in PostgreSQL's spelling.
    Bytea,
    /// Bytes as they are.
    Bytes,
}

impl Kind {
    /// What values of a type mean.
    pub fn of(declared: &str, dialect: Dialect) -> Self {
        let end = declared.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(declared.len());
        let (word, rest) = declared.split_at(end);
        match (dialect, word) {
            // SQLite's values say themselves what they are.
            (Dialect::Sqlite, _) => Self::Plain,
            _ if rest.contains('[') => Self::Plain,
            (_, "smallint" | "int" | "integer" | "bigint" | "int2" | "int4" | "int8" | "oid") => Self::Integer,
            (_, "smallserial" | "serial" | "bigserial") => Self::Integer,
            (Dialect::Mysql, "tinyint" | "mediumint") => Self::Integer,
            (Dialect::Postgres, "bytea") => Self::Bytea,
            (Dialect::Mysql, "blob" | "tinyblob" | "mediumblob" | "longblob" | "binary" | "varbinary") => Self::Bytes,
            // Dumps have these as bytes too, in hexadecimal or as they are.
            (Dialect::Mysql, "bit" | "vector" | "geometry" | "point" | "linestring" | "polygon") => Self::Bytes,
            (Dialect::Mysql, "multipoint" | "multilinestring" | "multipolygon") => Self::Bytes,
            (Dialect::Mysql, "geometrycollection" | "geomcollection") => Self::Bytes,
            _ => Self::Plain,
        }
    }
}

/// Where a value goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Slot {
    /// The column of the table; `None` for what is not shown.
    pub column: Option<usize>,
    /// What it means.
    pub kind: Kind,
}

/// A stretch of rows.
pub struct Section {
    /// What it begins with.
    pub head: Arc<Head>,
    /// What it lies in.
    pub bytes: Arc<dyn Bytes>,
    /// Whether nothing else lies in there.
    pub own: bool,
    /// Where it begins.
    pub start: u64,
    /// Where it ends; at most.
    pub end: u64,
    /// How its rows are written.
    pub form: Form,
    /// How its text is to be read.
    pub syntax: Syntax,
    /// The encoding of its text.
    pub encoding: Encoding,
    /// Where each value of a row goes.
    pub slots: Arc<[Slot]>,
    /// How many columns the table has.
    pub columns: usize,
    /// How many rows there are, where that is known.
    pub rows: Option<u64>,
}

/// The words for a place where there is nothing that looks like a row.
const NO_VALUES: &str = "incomplete: values were expected here; the dump was cut or changed";

type Told<'t> = &'t mut dyn FnMut(Row<'_>) -> ControlFlow<()>;

fn tell(told: Told<'_>, row: Row<'_>) -> Result<(), Halt> {
    match told(row) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(Halt::Unwanted),
    }
}

/// The words for a row that is too large.
fn too_large(size: u64) -> String {
    format!("it has {size} bytes: rows of more than {LARGEST} are not read")
}

impl Section {
    /// Tells every row. Places are where rows begin, plus `base`.
    ///
    /// # Errors
    /// `Unwanted` when `told` breaks; when they cannot be read.
    pub fn scan(&self, base: u64, window: &mut Window<'_>, told: Told<'_>) -> Result<(), Halt> {
        match self.form {
            Form::Copy => {
                let mut at = self.start;
                while let Some(next) = self.line(base, at, window, told)? {
                    at = next;
                }
                Ok(())
            }
            Form::Inserts => self.statements(base, window, told),
        }
    }

    /// Tells the row that begins at an offset.
    ///
    /// # Errors
    /// As `scan`.
    pub fn fetch(&self, base: u64, at: u64, window: &mut Window<'_>, told: Told<'_>) -> Result<(), Halt> {
        window.hold(at);
        let before = if at == self.start { None } else { window.at_least(at - 1, 1)?.first().copied() };
        let gone = |told| tell(told, Row::Bad(base + at, "no row begins here: the dump was changed".into()));
        match self.form {
            Form::Copy if before.is_some_and(|before| before != b'\n') => gone(told),
            Form::Copy => {
                let mut any = false;
                self.line(base, at, window, &mut |row| {
                    any = true;
                    told(row)
                })?;
                if any { Ok(()) } else { gone(told) }
            }
            Form::Inserts if window.at_least(at, 1)?.first() != Some(&b'(') => {
                tell(told, Row::Bad(base + at, NO_VALUES.into()))
            }
            Form::Inserts => self.values(base, at, window, told).map(|_| ()),
        }
    }

    /// Tells the row of a line; gives where the next one begins, `None` behind the last.
    fn line(&self, base: u64, at: u64, window: &mut Window<'_>, told: Told<'_>) -> Result<Option<u64>, Halt> {
        if at >= self.end {
            return Ok(None);
        }
        window.hold(at);
        let end = match window.find(b'\n', at)? {
            Ok(feed) => feed,
            Err(end) if end == at => {
                return match window.fault() {
                    Some(fault) => tell(told, Row::Bad(base + at, fault)).map(|()| None),
                    None => Ok(None),
                };
            }
            Err(end) => {
                if window.slice(at, end).is_some_and(|line| line.trim_ascii_end() == b"\\.") {
                    return Ok(None);
                }
                let why = window.fault().unwrap_or_else(|| "incomplete: the dump ends in the middle of it".into());
                return tell(told, Row::Bad(base + at, why)).map(|()| None);
            }
        };
        let Some(line) = window.slice(at, end).filter(|line| line.len() <= LARGEST) else {
            tell(told, Row::Bad(base + at, too_large(end - at)))?;
            return Ok(Some(end + 1));
        };
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line == b"\\." {
            return Ok(None);
        }
        match overwritten(line, at).map_or_else(|| self.copied(line), Err) {
            Ok(cells) => tell(told, Row::Cells(base + at, &cells))?,
            Err(why) => tell(told, Row::Bad(base + at, why))?,
        }
        Ok(Some(end + 1))
    }

    /// The cells of a line of a COPY.
    fn copied<'a>(&self, line: &'a [u8]) -> Result<Vec<Cell<'a>>, String> {
        // So that short rows of a table said to have very many columns cost nothing.
        if self.slots.len() > line.len() + 1 {
            return Err(self.miscounted(line.split(|&b| b == b'\t').count()));
        }
        let mut cells = vec![Cell::Null; self.columns];
        let mut slots = self.slots.iter();
        let mut rest = line;
        if self.slots.is_empty() && line.is_empty() {
            return Ok(cells);
        }
        loop {
            let tab = memchr::memchr(b'\t', rest);
            let field = &rest[..tab.unwrap_or(rest.len())];
            let Some(slot) = slots.next() else { return Err(self.miscounted(line.split(|&b| b == b'\t').count())) };
            if let Some(cell) = slot.column.and_then(|column| cells.get_mut(column)) {
                *cell = self.field(field, slot.kind);
            }
            match tab {
                Some(tab) => rest = &rest[tab + 1..],
                None => break,
            }
        }
        match slots.len() {
            0 => Ok(cells),
            missing => Err(self.miscounted(self.slots.len() - missing)),
        }
    }

    fn miscounted(&self, found: usize) -> String {
        format!("it has {found} values for {} columns", self.slots.len())
    }

    fn field<'a>(&self, field: &'a [u8], kind: Kind) -> Cell<'a> {
        if field == b"\\N" {
            return Cell::Null;
        }
        if let (Kind::Integer, Some(number)) = (kind, integer(field)) {
            return Cell::Integer(number);
        }
        let text = match memchr::memchr(b'\\', field) {
            None => Cow::Borrowed(field),
            Some(first) => {
                let mut plain = Vec::with_capacity(field.len());
                let (mut rest, mut next) = (field, first);
                loop {
                    plain.extend_from_slice(&rest[..next]);
                    let used = values::escaped(&rest[next..], false, &mut plain);
                    rest = &rest[next + used..];
                    match memchr::memchr(b'\\', rest) {
                        Some(hit) => next = hit,
                        None => break,
                    }
                }
                plain.extend_from_slice(rest);
                Cow::Owned(plain)
            }
        };
        self.text(text, kind)
    }

    fn text<'a>(&self, text: Cow<'a, [u8]>, kind: Kind) -> Cell<'a> {
        match kind {
            Kind::Bytes => Cell::Bytes(text),
            Kind::Bytea => match values::bytea(&text) {
                Some(bytes) => Cell::Bytes(bytes.into()),
                None => Cell::Text(text),
            },
            Kind::Plain | Kind::Integer => Cell::Text(self.encoding.decode(text)),
        }
    }

    /// Tells the rows of the statements of this table.
    fn statements(&self, base: u64, window: &mut Window<'_>, told: Told<'_>) -> Result<(), Halt> {
        let mut known = Vec::new();
        let mut at = self.start;
        loop {
            at = after_blanks(window, at, self.syntax, &mut |_| ())?;
            if at >= self.end || window.at_least(at, 1)?.is_empty() {
                break;
            }
            let begins = match window.at_least(at, known.len() + 1)?.starts_with(&known) && !known.is_empty() {
                true => Some(at + known.len() as u64),
                false => match head(window, at, self.syntax, self.encoding)? {
                    Some(found) if found.name == self.head.name && found.columns == self.head.columns => {
                        known = window.from(at)[..found.length].to_vec();
                        Some(at + found.length as u64)
                    }
                    _ => None,
                },
            };
            if let Some(begins) = begins {
                at = self.rows_of_statement(base, begins, window, told)?;
            }
            window.limit(LONGEST_HEAD);
            at = walk(window, at, self.syntax, Until::Semicolon)?.at;
            window.limit(LARGEST);
        }
        match window.fault() {
            Some(fault) => tell(told, Row::Bad(base + at, fault)),
            None => Ok(()),
        }
    }

    /// Tells the rows of a statement from behind its VALUES; gives where they end.
    fn rows_of_statement(&self, base: u64, mut at: u64, window: &mut Window<'_>, told: Told<'_>) -> Result<u64, Halt> {
        loop {
            at = after_blanks(window, at, self.syntax, &mut |_| ())?;
            if window.at_least(at, 1)?.first() != Some(&b'(') {
                // Before it, as it may be the end, where no place is.
                tell(told, Row::Bad(base + at - 1, NO_VALUES.into()))?;
                return Ok(at);
            }
            let ending = self.values(base, at, window, told)?;
            if !ending.found {
                return Ok(ending.at);
            }
            at = after_blanks(window, ending.at, self.syntax, &mut |_| ())?;
            match window.at_least(at, 1)?.first() {
                Some(b',') => at += 1,
                _ => return Ok(at),
            }
        }
    }

    /// Tells the row whose values begin at `at`; gives where they end.
    fn values(&self, base: u64, at: u64, window: &mut Window<'_>, told: Told<'_>) -> Result<Ending, Halt> {
        window.hold(at);
        let ending = walk(window, at, self.syntax, Until::Parenthesis)?;
        if !ending.found {
            let why = window.fault().unwrap_or_else(|| "incomplete: the dump ends in the middle of it".into());
            tell(told, Row::Bad(base + at, why))?;
            return Ok(ending);
        }
        let Some(text) = window.slice(at, ending.at).filter(|text| text.len() <= LARGEST) else {
            tell(told, Row::Bad(base + at, too_large(ending.at - at)))?;
            return Ok(ending);
        };
        let mut values = Vec::with_capacity(self.slots.len());
        let read = values::row(text, self.syntax, &mut values).and_then(|()| match values.len() == self.slots.len() {
            true => Ok(()),
            false => Err(self.miscounted(values.len())),
        });
        // Bytes may be written as they are; in text, a NUL is none that a dump wrote.
        let holds_nul = |(value, slot): (&Value<'_>, &Slot)| match value {
            Value::Text(text) => slot.kind != Kind::Bytes && memchr::memchr(0, text).is_some(),
            _ => false,
        };
        let damage = overwritten(text, at).filter(|_| values.iter().zip(self.slots.iter()).any(holds_nul));
        match damage.map_or(read, Err) {
            Ok(()) => {
                let mut cells = vec![Cell::Null; self.columns];
                for (value, slot) in values.into_iter().zip(self.slots.iter()) {
                    if let Some(cell) = slot.column.and_then(|column| cells.get_mut(column)) {
                        *cell = self.value(value, slot.kind);
                    }
                }
                tell(told, Row::Cells(base + at, &cells))?;
            }
            Err(why) => tell(told, Row::Bad(base + at, why))?,
        }
        Ok(ending)
    }

    fn value<'a>(&self, value: Value<'a>, kind: Kind) -> Cell<'a> {
        match value {
            // As a COPY has them, so that a layout need not know the form of the dump.
            Value::Boolean(true) => Cell::Text(Cow::Borrowed(b"t")),
            Value::Boolean(false) => Cell::Text(Cow::Borrowed(b"f")),
            // The dump does not hold what the database computes.
            Value::Null | Value::Default => Cell::Null,
            Value::Raw(text) => Cell::Text(Cow::Borrowed(text)),
            Value::Bytes(bytes) => Cell::Bytes(bytes),
            Value::Number(number) => match integer(number) {
                Some(integer) if kind == Kind::Integer || self.syntax.dialect != Dialect::Postgres => {
                    Cell::Integer(integer)
                }
                _ => match (self.syntax.dialect, std::str::from_utf8(number).ok().and_then(|n| n.parse().ok())) {
                    (Dialect::Sqlite, Some(real)) => Cell::Real(real),
                    _ => Cell::Text(Cow::Borrowed(number)),
                },
            },
            Value::Text(text) => match (kind, integer(&text)) {
                (Kind::Integer, Some(number)) => Cell::Integer(number),
                _ => self.text(text, kind),
            },
        }
    }
}

/// The head of the INSERT that begins at `at`.
///
/// # Errors
/// As [`Window::more`].
pub fn head(
    window: &mut Window<'_>,
    at: u64,
    syntax: Syntax,
    encoding: Encoding,
) -> Result<Option<schema::Insert>, Halt> {
    let mut enough = 4 << 10;
    loop {
        window.hold(at);
        let text = window.at_least(at, enough)?;
        let all = text.len() < enough || enough >= LONGEST_HEAD;
        let text = encoding.decode(Cow::Borrowed(&text[..text.len().min(LONGEST_HEAD)]));
        match schema::insert(&text, syntax) {
            Ok(found) => {
                return Ok(found.map(|found| {
                    let length = encoding.encoded_length(&text[..found.length]);
                    schema::Insert { length, ..found }
                }));
            }
            Err(()) if all => return Ok(None),
            Err(()) => enough *= 16,
        }
    }
}

/// A whole number, when that is how it would be written again.
fn integer(text: &[u8]) -> Option<i64> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let canonical = match digits {
        [b'0'] => text.len() == 1,
        [b'1'..=b'9', ..] => digits.len() <= 19 && digits.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    if !canonical {
        return None;
    }
    let value = digits.iter().fold(0_u64, |n, &digit| n.wrapping_mul(10).wrapping_add(u64::from(digit - b'0')));
    match text.len() == digits.len() {
        true => i64::try_from(value).ok(),
        false => 0_i64.checked_sub_unsigned(value),
    }
}
