//! Rows of a table: all of them in the order they lie, or some again by their places.
//!
//! A row that SQLite cannot read is a bad row, and reading goes on behind it where that is possible.

use std::borrow::Cow;
use std::ops::ControlFlow;
use std::sync::PoisonError;

use rusqlite::types::{Value, ValueRef};
use rusqlite::{ErrorCode, params_from_iter};

use super::database::{LARGEST, Sqlite, Used};
use super::places::{KEPT, Leads, given, usual};
use super::schema::{Key, Reading, SMALLEST};
use crate::domain::Failure;
use crate::sources::tables::{Cell, Row};

/// After so many rows it is told how far the scan is.
const OFTEN: u64 = 256;
/// After so many bad rows the rest of a table is given up.
const BAD: usize = 1000;
/// Rows so near behind the last one are reached by walking on, not by looking them up.
const NEAR: i64 = 8;

/// Why a row that was looked up is none.
const GONE: &str = "there is no such row any more";

/// What a bad row says that ends a table.
const REST: &str = "the rest of the table cannot be read";

/// How a part of a scan ended.
enum Ended {
    /// There are no more rows, or nobody wants them.
    Done,
    /// A row could not be read.
    Bad(String),
}

/// See `Database::scan`.
pub fn scan(
    database: &Sqlite,
    table: usize,
    looked: &mut dyn FnMut(u64, u64) -> ControlFlow<()>,
    told: &mut dyn FnMut(Row<'_>) -> ControlFlow<()>,
) -> Result<(), Failure> {
    let Some(reading) = database.schema.readings.get(table) else { return Ok(()) };
    let connection = database.connection()?;
    let mut scan = Scan {
        database,
        connection: &connection,
        table,
        reading,
        looked,
        told,
        rows: 0,
        bytes: 0,
        unusual: 0,
        ends: None,
    };
    match &reading.key {
        Key::Row(_) => scan.by_row(),
        // Keys that descend cannot be walked along: every one is kept.
        Key::Primary { ascending, .. } => scan.by_key(if *ascending { KEPT } else { 1 }),
    }
}

struct Scan<'a> {
    database: &'a Sqlite,
    connection: &'a Used<'a>,
    table: usize,
    reading: &'a Reading,
    looked: &'a mut dyn FnMut(u64, u64) -> ControlFlow<()>,
    told: &'a mut dyn FnMut(Row<'_>) -> ControlFlow<()>,
    rows: u64,
    bytes: u64,
    /// How many rows had no usual place.
    unusual: usize,
    /// The lowest and the highest row number.
    ends: Option<(i64, i64)>,
}

impl Scan<'_> {
    /// A table with row numbers.
    fn by_row(&mut self) -> Result<(), Failure> {
        self.ends = self.reading.ends().and_then(|sql| {
            self.connection.begin_row();
            self.connection.query_row(&sql, (), |row| Ok((row.get(0)?, row.get(1)?))).ok()
        });
        let mut last: Option<i64> = None;
        for _ in 0..BAD {
            let from = match last {
                None => i64::MIN,
                Some(i64::MAX) => return Ok(()),
                Some(last) => last + 1,
            };
            let Ended::Bad(why) = self.rows_from(from, &mut last)? else { return Ok(()) };
            // The row that failed is the first one behind the last good one, if its number at least can be read.
            let from = last.map_or(i64::MIN, |last| last.saturating_add(1));
            let found = self.reading.next().map(|sql| {
                self.connection.begin_row();
                self.connection.query_row(&sql, [from], |row| row.get::<_, i64>(0))
            });
            match found {
                Some(Ok(row)) if row >= from => {
                    let place = self.place(row);
                    if (self.told)(Row::Bad(place, why)).is_break() {
                        return Ok(());
                    }
                    last = Some(row);
                }
                _ => return self.give_up(from, &why),
            }
        }
        self.give_up(last.map_or(0, |last| last.saturating_add(1)), "too many of its rows cannot be read")
    }

    /// Tells that the rest cannot be read.
    fn give_up(&mut self, from: i64, why: &str) -> Result<(), Failure> {
        let place = self.place(from);
        let _ = (self.told)(Row::Bad(place, format!("{REST}: {why}")));
        Ok(())
    }

    /// Reads on from a row number until the end or a row that cannot be read.
    fn rows_from(&mut self, from: i64, last: &mut Option<i64>) -> Result<Ended, Failure> {
        let database = self.database;
        let failed = |e: &rusqlite::Error| database.failure(e);
        let connection = self.connection;
        let mut statement = connection.prepare(&self.reading.seek()).map_err(|e| failed(&e))?;
        let mut rows = statement.query([from]).map_err(|e| failed(&e))?;
        loop {
            connection.begin_row();
            let row = match rows.next() {
                Ok(Some(row)) => row,
                Ok(None) => return Ok(Ended::Done),
                Err(e) => return bad(&e).map(Ended::Bad).ok_or_else(|| failed(&e)),
            };
            let number: i64 = row.get(self.reading.width).map_err(|e| failed(&e))?;
            // A damaged tree may lead in a circle.
            if number < from || last.is_some_and(|last| number <= last) {
                return Ok(Ended::Bad("its rows are out of order".into()));
            }
            *last = Some(number);
            let place = self.place(number);
            if self.tell(place, row).is_break() || self.look(Some(number)).is_break() {
                return Ok(Ended::Done);
            }
        }
    }

    /// A table without row numbers, of whose keys every so manieth is kept.
    fn by_key(&mut self, every: usize) -> Result<(), Failure> {
        let database = self.database;
        let failed = |e: &rusqlite::Error| database.failure(e);
        let connection = self.connection;
        let mut statement = connection.prepare(&self.reading.scan()).map_err(|e| failed(&e))?;
        let mut rows = statement.query(()).map_err(|e| failed(&e))?;
        let mut nth = 0;
        loop {
            connection.begin_row();
            let row = match rows.next() {
                Ok(Some(row)) => row,
                Ok(None) => return Ok(()),
                Err(e) => {
                    let why = bad(&e).ok_or_else(|| failed(&e))?;
                    let _ = (self.told)(Row::Bad(given(nth), format!("{REST}: {why}")));
                    return Ok(());
                }
            };
            // A damaged tree may lead in a circle; one that does not has no more rows than have room in the file.
            if self.rows > database.size / SMALLEST {
                let _ = (self.told)(Row::Bad(given(nth), format!("{REST}: its rows are out of order")));
                return Ok(());
            }
            let width = self.reading.width;
            let key = || (width..width + self.reading.key_width()).map(|at| owned(row.get_ref(at).ok()?)).collect();
            let place = self.places().give_key(nth, every, key);
            nth += 1;
            if self.tell(place, row).is_break() || self.look(None).is_break() {
                return Ok(());
            }
        }
    }

    fn places(&self) -> std::sync::MutexGuard<'_, super::places::Places> {
        self.database.places[self.table].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The place of a row number.
    fn place(&mut self, row: i64) -> u64 {
        usual(row).unwrap_or_else(|| {
            let place = self.places().give_row(self.unusual, row);
            self.unusual += 1;
            place
        })
    }

    fn tell(&mut self, place: u64, row: &rusqlite::Row<'_>) -> ControlFlow<()> {
        let cells = match cells(row, self.reading.width) {
            Ok(cells) => cells,
            Err(e) => return (self.told)(Row::Bad(place, e.to_string())),
        };
        self.rows += 1;
        self.bytes += cells.iter().map(size).sum::<u64>();
        (self.told)(Row::Cells(place, &cells))
    }

    /// Tells how far the scan is, now and then.
    fn look(&mut self, row: Option<i64>) -> ControlFlow<()> {
        if !self.rows.is_multiple_of(OFTEN) {
            return ControlFlow::Continue(());
        }
        let total = self.database.size;
        let done = match (row, self.ends) {
            (Some(row), Some((low, high))) if high > low => {
                let part = (row as f64 - low as f64) / (high as f64 - low as f64);
                (part.clamp(0.0, 1.0) * total as f64) as u64
            }
            _ => self.bytes.min(total),
        };
        (self.looked)(done, total)
    }
}

/// See `Database::fetch`.
pub fn fetch(
    database: &Sqlite,
    table: usize,
    places: &[u64],
    told: &mut dyn FnMut(Row<'_>) -> ControlFlow<()>,
) -> Result<(), Failure> {
    let Some(reading) = database.schema.readings.get(table) else { return Ok(()) };
    let connection = database.connection()?;
    let failed = |e: rusqlite::Error| database.failure(&e);
    let mut statement = connection.prepare(&reading.seek()).map_err(failed)?;
    let leads = |place| database.places[table].lock().unwrap_or_else(PoisonError::into_inner).leads(place);
    let mut places = places.iter().copied().map(|place| (place, leads(place))).peekable();
    while let Some((place, leads)) = places.next() {
        let flow = match leads {
            Leads::Nowhere => told(Row::Bad(place, GONE.into())),
            Leads::Key(nth, first, key) => {
                let rows = statement.query(params_from_iter(key.iter())).map_err(failed)?;
                let walk = Walk { database, connection: &connection, reading, rows, number: Some(first as i64) };
                walk.tell((place, nth as i64), &mut places, told)?
            }
            Leads::Row(row) => {
                let rows = statement.query([row]).map_err(failed)?;
                let walk = Walk { database, connection: &connection, reading, rows, number: None };
                walk.tell((place, row), &mut places, told)?
            }
        };
        if flow.is_break() {
            return Ok(());
        }
    }
    Ok(())
}

/// A walk along a table from where a row was looked up.
struct Walk<'a> {
    database: &'a Sqlite,
    connection: &'a Used<'a>,
    reading: &'a Reading,
    rows: rusqlite::Rows<'a>,
    /// The number of the next row of the scan, where rows have no numbers of their own.
    number: Option<i64>,
}

impl Walk<'_> {
    /// Tells the row wanted, and those near behind it that are wanted next.
    fn tell(
        mut self,
        mut wanted: (u64, i64),
        places: &mut std::iter::Peekable<impl Iterator<Item = (u64, Leads)>>,
        told: &mut dyn FnMut(Row<'_>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, Failure> {
        let mut between = 0;
        loop {
            self.connection.begin_row();
            let found = self.rows.next();
            let number = match (&found, &mut self.number) {
                (Ok(Some(_)), Some(next)) => {
                    *next += 1;
                    Some(*next - 1)
                }
                (Ok(Some(found)), None) => found.get::<_, i64>(self.reading.width).ok(),
                _ => None,
            };
            match number {
                // A damaged tree may lead in a circle; in a sound one no more rows lie between.
                Some(number) if number < wanted.1 && between <= KEPT => {
                    between += 1;
                    continue;
                }
                Some(number) if number < wanted.1 => {
                    return Ok(told(Row::Bad(wanted.0, "the rows of its table are out of order".into())));
                }
                Some(number) if number > wanted.1 => return Ok(told(Row::Bad(wanted.0, GONE.into()))),
                _ => {}
            }
            let walks_on = number.is_some();
            let walks_along = walks_on && !matches!(self.reading.key, Key::Primary { ascending: false, .. });
            if tell(self.database, wanted.0, found, self.reading, told)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
            let near = |next: &(u64, Leads)| match next.1 {
                Leads::Row(row) => walks_on && row > wanted.1 && row.saturating_sub(wanted.1) <= NEAR,
                Leads::Key(nth, ..) => walks_along && nth as i64 > wanted.1 && nth as i64 - wanted.1 <= KEPT as i64,
                Leads::Nowhere => false,
            };
            wanted = match places.next_if(near) {
                Some((place, Leads::Row(row))) => (place, row),
                Some((place, Leads::Key(nth, ..))) => (place, nth as i64),
                _ => return Ok(ControlFlow::Continue(())),
            };
            between = 0;
        }
    }
}

/// Tells a row that was looked up.
fn tell(
    database: &Sqlite,
    place: u64,
    found: rusqlite::Result<Option<&rusqlite::Row<'_>>>,
    reading: &Reading,
    told: &mut dyn FnMut(Row<'_>) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, Failure> {
    match found.and_then(|row| row.map(|row| cells(row, reading.width)).transpose()) {
        Ok(Some(cells)) => Ok(told(Row::Cells(place, &cells))),
        Ok(None) => Ok(told(Row::Bad(place, GONE.into()))),
        Err(e) => match bad(&e) {
            Some(why) => Ok(told(Row::Bad(place, why))),
            None => Err(database.failure(&e)),
        },
    }
}

/// Why a row cannot be read; `None` when it is not the row's fault.
fn bad(error: &rusqlite::Error) -> Option<String> {
    Some(match error.sqlite_error_code() {
        Some(ErrorCode::SystemIoFailure | ErrorCode::OutOfMemory | ErrorCode::CannotOpen) => return None,
        Some(ErrorCode::TooBig) => format!("it has a value of more than {} MiB", LARGEST >> 20),
        Some(ErrorCode::OperationInterrupted) => "it takes too long to be computed".into(),
        _ => format!("SQLite says: {error}"),
    })
}

/// The cells of a row, as they are stored.
fn cells<'a>(row: &'a rusqlite::Row<'_>, width: usize) -> rusqlite::Result<Vec<Cell<'a>>> {
    (0..width)
        .map(|at| {
            Ok(match row.get_ref(at)? {
                ValueRef::Null => Cell::Null,
                ValueRef::Integer(number) => Cell::Integer(number),
                ValueRef::Real(number) => Cell::Real(number),
                ValueRef::Text(text) => Cell::Text(Cow::Borrowed(text)),
                ValueRef::Blob(bytes) => Cell::Bytes(Cow::Borrowed(bytes)),
            })
        })
        .collect()
}

fn size(cell: &Cell<'_>) -> u64 {
    match cell {
        Cell::Null => 1,
        Cell::Integer(_) | Cell::Real(_) => 8,
        Cell::Text(bytes) | Cell::Bytes(bytes) => bytes.len() as u64,
    }
}

/// A value of a key, to be asked for again; none where it cannot be.
fn owned(value: ValueRef<'_>) -> Option<Value> {
    Some(match value {
        ValueRef::Null => return None,
        ValueRef::Integer(number) => Value::Integer(number),
        ValueRef::Real(number) => Value::Real(number),
        ValueRef::Text(text) => Value::Text(std::str::from_utf8(text).ok()?.into()),
        ValueRef::Blob(bytes) => Value::Blob(bytes.to_vec()),
    })
}
