//! Rows of a table: all of them in the order they lie, or some again by their places.
//!
//! A row that SQLite cannot read is a bad row, and reading goes on behind it where that is possible. A damaged part of the
//! file is one fault, however many rows lie in it, and stands at the place of the first of them. What could be read when it
//! was scanned and cannot when it is looked up was written over meanwhile: that is a failure, and no record.

use std::borrow::Cow;
use std::ops::ControlFlow;
use std::sync::PoisonError;

use rusqlite::types::{Value, ValueRef};
use rusqlite::{ErrorCode, OptionalExtension, params_from_iter};

use super::database::{LARGEST, Sqlite, Used};
use super::places::{KEPT, Leads, given, usual};
use super::schema::{Key, Reading, SMALLEST};
use crate::domain::Failure;
use crate::sources::tables::{Cell, Row};

/// After so many rows it is told how far the scan is.
const OFTEN: u64 = 256;
/// After so many bad rows the rest of a table is given up.
const BAD: usize = 20_000;
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
    Bad(Fault),
}

/// Why a row cannot be read.
enum Fault {
    /// It is this one's own.
    Own(String),
    /// The file is damaged where it lies.
    Damaged(String),
}

/// Rows that lie in a damaged part of the file.
struct Part {
    /// The place of the first of them.
    place: u64,
    first: i64,
    last: i64,
    why: String,
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
        part: None,
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
    /// The damaged part the scan is in.
    part: Option<Part>,
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
            let fault = match self.rows_from(from, &mut last)? {
                Ended::Bad(fault) => fault,
                Ended::Done => {
                    let _ = self.tell_part();
                    return Ok(());
                }
            };
            // The row that failed is the first one behind the last good one, if its number at least can be read.
            let from = last.map_or(i64::MIN, |last| last.saturating_add(1));
            let found = self.next(from).and_then(Result::ok).flatten();
            let flow = match (fault, found) {
                (Fault::Own(why), Some(row)) => {
                    last = Some(row);
                    let told = self.tell_part();
                    if told.is_break() { told } else { self.tell_bad(row, &why) }
                }
                (Fault::Own(why), None) => return self.give_up(from, &why),
                (Fault::Damaged(why), Some(row)) => {
                    last = Some(row);
                    // Those before it, if there were any, are not found any more.
                    self.damaged(from.max(self.low()), row, &why)
                }
                // Not even the numbers of the rows can be read: the next ones that can lie in another part of the file.
                (Fault::Damaged(why), None) => match self.behind(from) {
                    Some(row) => {
                        let until = row - 1;
                        last = Some(until);
                        self.damaged(from.max(self.low()), until, &why)
                    }
                    None => return self.give_up(from, &why),
                },
            };
            if flow.is_break() {
                return Ok(());
            }
        }
        self.give_up(last.map_or(0, |last| last.saturating_add(1)), "too many of its rows cannot be read")
    }

    /// The first row number from one on: none where there are no more rows.
    fn next(&self, from: i64) -> Option<rusqlite::Result<Option<i64>>> {
        let sql = self.reading.next()?;
        self.connection.begin_row();
        let found = self.connection.query_row(&sql, [from], |row| row.get::<_, i64>(0)).optional();
        // A damaged tree may lead anywhere.
        Some(found.map(|row| row.filter(|row| *row >= from && !self.is_beyond(*row))))
    }

    /// The first row number behind a part of the file in which not even these can be read, near enough: rows before it may
    /// be looked for in steps that grow, and then in halves.
    fn behind(&self, from: i64) -> Option<i64> {
        let readable = |from: i64| self.next(from).and_then(Result::ok).flatten();
        let (mut bad, mut step) = (from.max(self.low()), 1_i64);
        let mut good = loop {
            let probed = bad.checked_add(step)?;
            match readable(probed) {
                Some(row) => break row,
                // Where there are no more rows, they end within the damaged part.
                None if self.ends.is_some_and(|(_, high)| probed > high) => return None,
                None => (bad, step) = (probed, step.checked_mul(2)?),
            }
        };
        let mut probed = good;
        while probed - bad > 1 {
            let middle = bad + (probed - bad) / 2;
            match readable(middle) {
                Some(row) => (good, probed) = (row, middle),
                None => bad = middle,
            }
        }
        Some(good)
    }

    /// Whether there can be no such row number: it is garbage of a damaged part, behind which other rows may lie.
    fn is_beyond(&self, row: i64) -> bool {
        // Somebody who writes to the file itself may have added rows since.
        self.ends.is_some_and(|(_, high)| row > high) && !self.database.is_moved()
    }

    /// The lowest row number there may be.
    fn low(&self) -> i64 {
        self.ends.map_or(0, |(low, _)| low)
    }

    /// Rows that lie in a damaged part of the file: in the one before, if no row between could be read.
    fn damaged(&mut self, first: i64, last: i64, why: &str) -> ControlFlow<()> {
        match &mut self.part {
            Some(part) => part.last = last,
            None => {
                let place = self.place(first);
                self.part = Some(Part { place, first, last, why: why.to_owned() });
            }
        }
        ControlFlow::Continue(())
    }

    /// Tells of the damaged part the scan was in.
    fn tell_part(&mut self) -> ControlFlow<()> {
        let Some(Part { place, first, last, why }) = self.part.take() else { return ControlFlow::Continue(()) };
        let rows = if first == last { format!("row {first}") } else { format!("rows {first} to {last}") };
        self.note(place, format!("{rows} cannot be read, the file is damaged there: {why}"))
    }

    /// Tells of one row that cannot be read.
    fn tell_bad(&mut self, row: i64, why: &str) -> ControlFlow<()> {
        let place = self.place(row);
        (self.told)(Row::Bad(place, why.to_owned()))
    }

    fn note(&mut self, place: u64, why: String) -> ControlFlow<()> {
        self.places().note(place, &why);
        (self.told)(Row::Bad(place, why))
    }

    /// Tells that the rest cannot be read.
    fn give_up(&mut self, from: i64, why: &str) -> Result<(), Failure> {
        let (place, from) = match self.part.take() {
            Some(part) => (part.place, part.first),
            None => (self.place(from.max(self.low())), from.max(self.low())),
        };
        let _ = self.note(place, format!("{REST}, from row {from} on: {why}"));
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
                Err(e) => return self.fault(&e).map(Ended::Bad),
            };
            let number: i64 = row.get(self.reading.width).map_err(|e| failed(&e))?;
            // A damaged tree may lead in a circle.
            if number < from || last.is_some_and(|last| number <= last) || self.is_beyond(number) {
                return Ok(Ended::Bad(Fault::Damaged("its rows are out of order".into())));
            }
            *last = Some(number);
            if self.tell_part().is_break() {
                return Ok(Ended::Done);
            }
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
                    let (Fault::Own(why) | Fault::Damaged(why)) = self.fault(&e)?;
                    let _ = self.note(given(nth), format!("{REST}: {why}"));
                    return Ok(());
                }
            };
            // A damaged tree may lead in a circle; one that does not has no more rows than have room in the file.
            if self.rows > database.size / SMALLEST {
                let _ = self.note(given(nth), format!("{REST}: its rows are out of order"));
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

    /// Why a row cannot be read.
    ///
    /// # Errors
    /// Where it is not the row's fault, nor that of the file as it lay there when it was opened.
    fn fault(&self, error: &rusqlite::Error) -> Result<Fault, Failure> {
        match bad(error) {
            Some(Fault::Damaged(_)) if self.database.is_moved() => Err(self.database.failure(error)),
            Some(fault) => Ok(fault),
            None => Err(self.database.failure(error)),
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
            Leads::Fault(why) => told(Row::Bad(place, why)),
            Leads::Key(nth, first, key) => {
                let rows = statement.query(params_from_iter(key.iter())).map_err(failed)?;
                let walk = Walk { database, connection: &connection, reading, rows, number: Some(first as i64) };
                walk.tell((place, nth as i64), &mut places, &mut None, told)?
            }
            Leads::Row(row) => {
                let mut from = Some((place, row));
                let mut flow = ControlFlow::Continue(());
                while let Some(wanted) = from.take() {
                    let rows = statement.query([wanted.1]).map_err(failed)?;
                    let walk = Walk { database, connection: &connection, reading, rows, number: None };
                    flow = walk.tell(wanted, &mut places, &mut from, told)?;
                }
                flow
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
    /// Tells the row wanted, and those near behind it that are wanted next. One that is not reached because something on the
    /// way to it is damaged is put into `again`: it is to be looked up.
    fn tell(
        mut self,
        mut wanted: (u64, i64),
        places: &mut std::iter::Peekable<impl Iterator<Item = (u64, Leads)>>,
        again: &mut Option<(u64, i64)>,
        told: &mut dyn FnMut(Row<'_>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, Failure> {
        let (mut between, mut is_first) = (0, true);
        loop {
            self.connection.begin_row();
            let found = self.rows.next();
            if !is_first && self.number.is_none() && found.is_err() {
                *again = Some(wanted);
                return Ok(ControlFlow::Continue(()));
            }
            is_first = false;
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
                Leads::Nowhere | Leads::Fault(_) => false,
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
            Some(Fault::Own(why)) => Ok(told(Row::Bad(place, why))),
            // The scan read it.
            Some(Fault::Damaged(_)) | None => Err(database.failure(&e)),
        },
    }
}

/// Why a row cannot be read; `None` when it is not the row's fault.
fn bad(error: &rusqlite::Error) -> Option<Fault> {
    Some(match error.sqlite_error_code() {
        Some(ErrorCode::SystemIoFailure | ErrorCode::OutOfMemory | ErrorCode::CannotOpen) => return None,
        Some(ErrorCode::TooBig) => Fault::Own(format!("it has a value of more than {} MiB", LARGEST >> 20)),
        Some(ErrorCode::OperationInterrupted) => Fault::Own("it takes too long to be computed".into()),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Fault::Damaged(format!("SQLite says: {error}")),
        _ => Fault::Own(format!("SQLite says: {error}")),
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
