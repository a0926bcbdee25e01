//! Stores that lie in tables, whatever holds the tables: a database file, a dump of a server, a CSV file.
//!
//! A [`Database`] knows tables, columns and rows, and nothing of events. What the tables mean is said by a layout (see
//! `sources::layouts`).

use std::borrow::Cow;
use std::io;
use std::ops::ControlFlow;

use super::cache::{Kept, Sequence};
use super::input::Input;
use crate::domain::{Failure, SourceChange};

/// Opens the tables of an input; called in the background, and telling how much it has looked at.
pub type Opener = fn(&Input, &mut dyn FnMut(u64, u64) -> ControlFlow<()>) -> Result<Box<dyn Database>, Failure>;

/// Opens the tables of an input with what [`Database::save`] told of them when they were opened before; `None` when that is
/// not what was told.
pub type Reopener = fn(
    &Input,
    &mut Sequence,
    &mut dyn FnMut(u64, u64) -> ControlFlow<()>,
) -> Result<Option<Box<dyn Database>>, Failure>;

/// Tables that lie in one file, so that what is found out about them can be kept between two runs.
#[derive(Clone, Copy, Debug)]
pub struct OneFile {
    /// Opens them.
    pub open: Opener,
    /// Opens them again; nothing where opening costs little, and what is kept is the index alone.
    pub reopen: Option<Reopener>,
    /// How files beside it end that hold a part of it; then it is read by its name.
    pub beside: &'static [&'static str],
}

impl OneFile {
    /// Tables of which nothing is kept but the index.
    pub const fn new(open: Opener) -> Self {
        Self { open, reopen: None, beside: &[] }
    }
}

/// A column of a table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Column {
    /// Its name, as the database folds it.
    pub name: String,
    /// Its type as declared, in lower case (`character varying(255)`, `bytea`); empty where that is not known.
    pub declared: String,
}

/// A table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Table {
    /// The schema it is in, where there are schemas.
    pub schema: Option<String>,
    /// Its name. Parts of a partitioned table appear as that table.
    pub name: String,
    /// Its columns, in the order of the cells of its rows.
    pub columns: Vec<Column>,
    /// How many rows it has, where that is known without reading them.
    pub rows: Option<u64>,
    /// Columns that together are different in every row, because the store says so; one list a constraint.
    pub unique: Vec<Vec<String>>,
}

impl Table {
    /// Its name with its schema, where that is not the usual one.
    pub fn full_name(&self) -> String {
        match &self.schema {
            Some(schema) if schema != "public" && schema != "main" => format!("{schema}.{}", self.name),
            _ => self.name.clone(),
        }
    }

    /// The number of a column.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }
}

/// A value in a row.
#[derive(Clone, PartialEq, Debug)]
pub enum Cell<'a> {
    /// Nothing; not the same as empty text.
    Null,
    /// A whole number.
    Integer(i64),
    /// A number with a fraction.
    Real(f64),
    /// Text: what a person would read, unescaped. In dumps without types numbers, times and `\x`-bytes are text too. It
    /// need not be UTF-8.
    Text(Cow<'a, [u8]>),
    /// Bytes.
    Bytes(Cow<'a, [u8]>),
}

/// A row of a scan.
#[derive(Debug)]
pub enum Row<'a> {
    /// Its place, and one cell a column.
    Cells(u64, &'a [Cell<'a>]),
    /// Its place, and why it cannot be read.
    Bad(u64, String),
}

/// Why a row that begins at this byte of its file cannot be believed, where it holds NUL bytes: no program writes them
/// into rows of text, but a disk or a copy that fails leaves them over what stood there, line breaks too.
pub fn overwritten(row: &[u8], at: u64) -> Option<String> {
    let nul = memchr::memchr(0, row)?;
    Some(format!("damaged: NUL bytes stand in it, from byte {} on", at + nul as u64))
}

/// Tables that can be read, and only read.
pub trait Database: Send + Sync {
    /// What it is: `SQLite database`, `PostgreSQL dump, plain text`.
    fn kind(&self) -> String;

    /// How it was recognised and what was found, one sentence a line.
    fn reasons(&self) -> Vec<String>;

    /// What the user must know about it.
    fn caveats(&self) -> Vec<String>;

    /// Those of the caveats that say that rows may be missing.
    fn losses(&self) -> Vec<String> {
        Vec::new()
    }

    /// The tables, those without rows too.
    fn tables(&self) -> &[Table];

    /// How many rows a table has, where that is known: without reading them, or because all have been read.
    fn rows(&self, table: usize) -> Option<u64> {
        self.tables().get(table).and_then(|table| table.rows)
    }

    /// Every row of a table, in the order they lie, until `told` breaks. Places are below 2^47, and unique in their table.
    /// Between rows it calls `looked` now and then with how many bytes of how many have been looked at for this table.
    ///
    /// # Errors
    /// When it cannot be read. A single bad row is told as one.
    fn scan(
        &self,
        table: usize,
        looked: &mut dyn FnMut(u64, u64) -> ControlFlow<()>,
        told: &mut dyn FnMut(Row<'_>) -> ControlFlow<()>,
    ) -> Result<(), Failure>;

    /// The rows at these places again, in their order, until `told` breaks.
    ///
    /// # Errors
    /// When it cannot be read. A row that is no longer what it was is told as a bad one.
    fn fetch(
        &self,
        table: usize,
        places: &[u64],
        told: &mut dyn FnMut(Row<'_>) -> ControlFlow<()>,
    ) -> Result<(), Failure>;

    /// A large object that a cell of type `oid` names (PostgreSQL).
    ///
    /// # Errors
    /// When it cannot be read.
    fn large_object(&self, _oid: u64) -> Result<Option<Vec<u8>>, Failure> {
        Ok(None)
    }

    /// Tells what the scans so far found out and opening again must know, for its [`Reopener`].
    ///
    /// # Errors
    /// Of the operating system.
    fn save(&self, _out: &mut Kept<'_>) -> io::Result<()> {
        Ok(())
    }

    /// Whether rows lie in the order they were written in, as the lines of a file do. Where they do not, one that lies behind
    /// a later one is nothing to wonder at.
    fn lies_in_order(&self) -> bool {
        false
    }

    /// Whether what was opened has changed, see `Source::look`.
    ///
    /// # Errors
    /// When that cannot be told.
    fn look(&self) -> Result<SourceChange, Failure> {
        Ok(SourceChange::Same)
    }
}
