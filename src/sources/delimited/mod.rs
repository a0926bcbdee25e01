//! CSV and TSV files: rows with separators, as one table.
//!
//! It knows what spreadsheets and `\copy` write: any of `, ; | TAB`, a byte order mark, doubled quotes, line breaks inside
//! quotes, NULL as an empty field or `\N`, PostgreSQL's text format with backslashes. It knows nothing of events.
//!
//! Invariant: a row's place is the offset of its first byte, and a fault costs the rows it touches, never the file.

mod dialect;
mod known;
mod record;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use self::dialect::{Dialect, Quoting, Told, tell};
use self::record::{Field, Found, record, said};
use super::feed::Feed;
use super::input::Input;
use super::tables::{Cell, Column, Database, OneFile, Row, Table, overwritten};
use crate::domain::{Failure, FailureKind, SourceChange};
use crate::sources::indexed::CHANGED;

/// A record larger than this is a fault, such as a quote that is never closed.
const MAX_RECORD: usize = 64 << 20;
/// How much is read at a time.
const BUFFER: usize = 256 << 10;
/// How much is read for a row at a known place.
const NEAR: usize = 16 << 10;
/// How much of a file is looked at to tell how it is written, where its head says nothing.
const CLOSER: u64 = 8 << 20;

/// What is to be said of a file whose last row is not whole.
const CUT: &str = "its last row has no line end, which COPY writes behind every row: it was cut";

const BOM: &[u8] = "\u{feff}".as_bytes();

/// How a file of rows is opened.
pub const FILE: OneFile = OneFile::new(open);

/// Whether the beginning of a file is rows of fields.
pub fn claims(head: &[u8], whole: bool) -> bool {
    tell(head.strip_prefix(BOM).unwrap_or(head), whole).is_some()
}

/// Opens a file of delimited rows as one table.
///
/// # Errors
/// When it cannot be read.
pub fn open(input: &Input, _looked: &mut dyn FnMut(u64, u64) -> ControlFlow<()>) -> Result<Box<dyn Database>, Failure> {
    let feed = input.feed.clone();
    let (mut head, mut whole) = input.head()?;
    let start = if head.starts_with(BOM) { BOM.len() } else { 0 };
    let mut told = tell(&head[start..], whole);
    if told.is_none() && !whole {
        // The first records may be larger than the head.
        let stop = AtomicBool::new(false);
        let arrived = feed.wait_beyond(CLOSER, &stop);
        head = vec![0; arrived.upto.min(CLOSER) as usize];
        let count = feed.read_at(0, &mut head).map_err(|e| feed.failure(&e))?;
        head.truncate(count);
        whole = arrived.finished && arrived.upto <= CLOSER;
        told = tell(&head[start..], whole);
    }
    let Some(told) = told else {
        let why = "its rows do not have the same number of fields, whatever separates them";
        return Err(Failure::new(FailureKind::Malformed, feed.name(), "read it as a table", why)
            .hint("stepback reads rows separated by `,`, `;`, `|` or tabs"));
    };
    Ok(Box::new(Delimited::new(input, told, start as u64)))
}

/// A file of rows.
struct Delimited {
    feed: Arc<Feed>,
    packed: Vec<&'static str>,
    dialect: Dialect,
    tables: Vec<Table>,
    /// Where the first row begins.
    start: u64,
    /// Whether the first row is that of the names.
    header: bool,
    /// How the names came to be, where there is no row of names.
    named: Option<String>,
}

impl Delimited {
    fn new(input: &Input, told: Told, start: u64) -> Self {
        let header = told.header.is_some();
        let (names, named) = match told.header {
            Some(names) => (names, None),
            None => match known::columns(told.columns, &told.sample) {
                Some((store, names)) => {
                    (names, Some(format!("no names: the columns are those of {store}, in its order")))
                }
                None => {
                    let names = (1..=told.columns).map(|n| format!("c{n}")).collect();
                    (names, Some("no names: the columns are called c1, c2, … in their order".into()))
                }
            },
        };
        let columns = names.into_iter().map(|name| Column { name, declared: String::new() }).collect();
        let table = Table { schema: None, name: input.stem.clone(), columns, rows: None, unique: Vec::new() };
        Self {
            feed: input.feed.clone(),
            packed: input.packed.clone(),
            dialect: told.dialect,
            tables: vec![table],
            start,
            header,
            named,
        }
    }

    fn separator(&self) -> &'static str {
        match self.dialect.separator {
            b'\t' => "tabs",
            b';' => "semicolons",
            b'|' => "vertical bars",
            _ => "commas",
        }
    }

    /// Whether all of the file is there, and no line end behind its last row.
    fn ends_in_a_row(&self) -> bool {
        let arrived = self.feed.arrived();
        let mut last = [b'\n'];
        arrived.finished
            && arrived.upto > self.start
            && matches!(self.feed.read_at(arrived.upto - 1, &mut last), Ok(1))
            && !matches!(last, [b'\n' | b'\r'])
    }

    /// Tells a row, or why it is none.
    fn tell<'a>(
        &self,
        at: u64,
        text: &'a [u8],
        fields: &[Field],
        cells: &mut Vec<Cell<'a>>,
        told: &mut dyn FnMut(Row<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        if let Some(why) = overwritten(text, at) {
            return told(Row::Bad(at, why));
        }
        let columns = self.tables[0].columns.len();
        if fields.len() != columns {
            return told(Row::Bad(at, format!("it has {} fields, and the table {columns} columns", fields.len())));
        }
        cells.clear();
        cells.extend(fields.iter().map(|&field| said(text, field, self.dialect).map_or(Cell::Null, Cell::Text)));
        told(Row::Cells(at, cells))
    }
}

/// A piece of the file in memory.
#[derive(Default)]
struct Window {
    bytes: Vec<u8>,
    start: u64,
    /// Whether the file ends with it.
    all: bool,
}

impl Window {
    /// Holds at least `wanted` bytes from an offset on, if there are so many.
    fn hold(&mut self, feed: &Feed, offset: u64, wanted: usize) -> Result<(), Failure> {
        let skip = offset.checked_sub(self.start).map_or(usize::MAX, |skip| skip as usize);
        if skip <= self.bytes.len() {
            self.bytes.drain(..skip);
        } else {
            self.bytes.clear();
        }
        self.start = offset;
        let stop = AtomicBool::new(false);
        loop {
            let have = self.bytes.len();
            let arrived = feed.wait_beyond(offset + have as u64, &stop);
            let there = arrived.upto.saturating_sub(offset + have as u64);
            self.all = arrived.finished && there == 0;
            if have >= wanted || there == 0 {
                return arrived.failed.filter(|_| self.all).map_or(Ok(()), Err);
            }
            let more = there.min((wanted - have) as u64) as usize;
            self.bytes.resize(have + more, 0);
            let count = feed.read_at(offset + have as u64, &mut self.bytes[have..]).map_err(|e| feed.failure(&e))?;
            self.bytes.truncate(have + count);
            if count < more {
                let why = format!("the file became shorter: it ends at {} bytes now", offset + (have + count) as u64);
                return Err(Failure::new(FailureKind::Io, feed.name(), "read", why).hint("open it again"));
            }
            self.all = arrived.finished && more as u64 == there;
            if self.all {
                return arrived.failed.map_or(Ok(()), Err);
            }
        }
    }
}

impl Database for Delimited {
    fn lies_in_order(&self) -> bool {
        true
    }

    fn kind(&self) -> String {
        if self.dialect.separator == b'\t' { "TSV file".into() } else { "CSV file".into() }
    }

    fn reasons(&self) -> Vec<String> {
        let mut reasons: Vec<String> = self.packed.iter().map(|packing| format!("unpacked from {packing}")).collect();
        let columns = self.tables[0].columns.len();
        let how = match self.dialect.quoting {
            Quoting::Doubled => "quotes around fields",
            Quoting::Backslash => "backslashes, as COPY writes in text format",
        };
        reasons.push(format!("{columns} columns separated by {}, with {how}", self.separator()));
        reasons.push(self.named.clone().unwrap_or_else(|| "the first row names the columns".into()));
        reasons
    }

    fn caveats(&self) -> Vec<String> {
        let mut caveats = self.feed.remarks();
        caveats.extend(self.ends_in_a_row().then(|| match self.dialect.quoting {
            Quoting::Backslash => CUT.to_owned(),
            Quoting::Doubled => "its last row has no line end: if whoever wrote it ends every row, it was cut".into(),
        }));
        if self.named.is_some() && self.tables[0].column("c1").is_some() {
            caveats.push("the columns have no names: say which is which with --map or --layout".into());
        }
        caveats
    }

    fn losses(&self) -> Vec<String> {
        let mut losses = self.feed.damage();
        if self.dialect.quoting == Quoting::Backslash && self.ends_in_a_row() {
            losses.push(CUT.into());
        }
        losses
    }

    fn tables(&self) -> &[Table] {
        &self.tables
    }

    fn look(&self) -> Result<SourceChange, Failure> {
        self.feed.look()
    }

    fn scan(
        &self,
        _table: usize,
        looked: &mut dyn FnMut(u64, u64) -> ControlFlow<()>,
        told: &mut dyn FnMut(Row<'_>) -> ControlFlow<()>,
    ) -> Result<(), Failure> {
        let (mut at, mut header) = (self.start, self.header);
        let (mut window, mut fields) = (Window::default(), Vec::new());
        let mut wanted = BUFFER;
        loop {
            window.hold(&self.feed, at, wanted)?;
            let arrived = self.feed.arrived();
            if looked(at, if arrived.finished { arrived.upto } else { 0 }).is_break() {
                return Ok(());
            }
            let mut cells = Vec::new();
            let mut used = 0;
            loop {
                let text = &window.bytes[used..];
                let place = at + used as u64;
                if text.is_empty() && window.all {
                    return Ok(());
                }
                match record(text, self.dialect, window.all, &mut fields) {
                    Found::Record(next) => {
                        wanted = BUFFER;
                        used += resumed(text, next);
                        if std::mem::take(&mut header) {
                            continue;
                        }
                        if self.tell(place, &text[..next], &fields, &mut cells, told).is_break() {
                            return Ok(());
                        }
                    }
                    Found::Blank(next) => used += next,
                    Found::More if text.len() < MAX_RECORD => {
                        // Ever more is asked for, so that a long record is not read over and over.
                        if used == 0 {
                            wanted = (wanted * 4).min(MAX_RECORD);
                        }
                        break;
                    }
                    bad => {
                        let reason = reason(bad, place);
                        if told(Row::Bad(place, reason)).is_break() {
                            return Ok(());
                        }
                        header = false;
                        wanted = BUFFER;
                        match memchr::memchr(b'\n', text) {
                            Some(end) => used += end + 1,
                            None => used = window.bytes.len(),
                        }
                    }
                }
            }
            at += used as u64;
        }
    }

    fn fetch(
        &self,
        _table: usize,
        places: &[u64],
        told: &mut dyn FnMut(Row<'_>) -> ControlFlow<()>,
    ) -> Result<(), Failure> {
        let (mut window, mut fields) = (Window::default(), Vec::new());
        for &place in places {
            let mut wanted = NEAR;
            loop {
                // What lies in memory already may do.
                let near = place >= window.start && place - window.start <= window.bytes.len() as u64;
                let skip = if near { (place - window.start) as usize } else { usize::MAX };
                if let Some(text) = window.bytes.get(skip..).filter(|text| !text.is_empty()) {
                    let flow = match record(text, self.dialect, window.all, &mut fields) {
                        Found::Record(next) => Some(self.tell(place, &text[..next], &fields, &mut Vec::new(), told)),
                        Found::More if text.len() < MAX_RECORD && !window.all => None,
                        Found::Blank(_) => Some(told(Row::Bad(place, CHANGED.into()))),
                        bad => Some(told(Row::Bad(place, reason(bad, place)))),
                    };
                    match flow {
                        Some(ControlFlow::Break(())) => return Ok(()),
                        Some(ControlFlow::Continue(())) => break,
                        None => {}
                    }
                    wanted = (text.len() * 4).clamp(NEAR, MAX_RECORD);
                }
                window.hold(&self.feed, place, wanted)?;
                if window.bytes.is_empty() {
                    if told(Row::Bad(place, CHANGED.into())).is_break() {
                        return Ok(());
                    }
                    break;
                }
            }
        }
        Ok(())
    }
}

/// Where to read on behind a record of this length. NUL bytes may have been written over its end: then a line that begins
/// behind them is a row of its own.
fn resumed(text: &[u8], length: usize) -> usize {
    let Some(nul) = memchr::memchr(0, &text[..length]) else { return length };
    memchr::memchr(b'\n', &text[nul..length]).map_or(length, |end| nul + end + 1)
}

/// Why what stands at a place is no row.
fn reason(bad: Found, place: u64) -> String {
    match bad {
        Found::Bad(offset, reason) => format!("{reason}, at byte {}", place + offset as u64),
        _ => format!("it is larger than {} MiB: a quote may not be closed", MAX_RECORD >> 20),
    }
}
