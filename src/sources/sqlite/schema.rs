//! The tables of a database file: what they are called, what columns they have, and how a row is found again.
//!
//! Read from the schema table, and for ordinary tables only; nothing is asked that would make SQLite expand a view or
//! connect a virtual table.

use rusqlite::Connection;

use crate::sources::tables::{Column, Table};

/// More tables than these are not looked at.
const TABLES: usize = 10_000;
/// In files up to this size rows are counted: that reads no more than a moment.
const COUNTED: u64 = 16 << 20;

/// What the file holds.
#[derive(Debug, Default)]
pub struct Schema {
    /// The tables.
    pub tables: Vec<Table>,
    /// How to read each of them, in the same order.
    pub readings: Vec<Reading>,
    /// What is not read, and why; one sentence each.
    pub unread: Vec<String>,
}

/// How a table is read.
#[derive(Clone, Debug)]
pub struct Reading {
    /// Its name, quoted.
    pub table: String,
    /// Its columns, quoted and separated.
    pub columns: String,
    /// How many columns that is.
    pub width: usize,
    /// What finds a row.
    pub key: Key,
}

/// What finds a row of a table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Key {
    /// Its row number, by a name that no column has taken.
    Row(&'static str),
    /// Its primary key, for it has no row numbers: quoted columns.
    Primary(Vec<String>),
}

/// Reads the schema of a file of this size.
///
/// # Errors
/// When it is damaged.
pub fn read(connection: &Connection, size: u64) -> rusqlite::Result<Schema> {
    let mut schema = Schema::default();
    let mut virtuals: Vec<String> = Vec::new();
    let mut names: Vec<String> = Vec::new();
    let mut statement =
        connection.prepare("SELECT name, sql, rootpage FROM main.sqlite_schema WHERE type = 'table'")?;
    let mut rows = statement.query(())?;
    while let Some(row) = rows.next()? {
        let name: String = row.get(0)?;
        let sql: Option<String> = row.get(1)?;
        let page: Option<i64> = row.get(2)?;
        if name.to_ascii_lowercase().starts_with("sqlite_") {
            continue;
        }
        if page.unwrap_or(0) == 0 || sql.as_deref().is_some_and(is_virtual) {
            virtuals.push(name);
        } else if names.len() < TABLES {
            names.push(name);
        } else {
            schema.unread.push(format!("it has more than {TABLES} tables; the rest is not read"));
            break;
        }
    }
    for name in names {
        if let Some(owner) = virtuals.iter().find(|owner| is_shadow(&name, owner)) {
            schema.unread.push(format!("`{name}` is not read: it belongs to the virtual table `{owner}`"));
            continue;
        }
        match table(connection, &name, size) {
            Ok((table, reading)) => {
                schema.tables.push(table);
                schema.readings.push(reading);
            }
            Err(e) => schema.unread.push(format!("`{name}` is not read: {e}")),
        }
    }
    schema.unread.extend(virtuals.iter().map(|name| format!("`{name}` is not read: it is a virtual table")));
    Ok(schema)
}

/// Whether a table is made by a module.
fn is_virtual(sql: &str) -> bool {
    let mut words = sql.split_whitespace();
    words.next().is_some_and(|word| word.eq_ignore_ascii_case("create"))
        && words.next().is_some_and(|word| word.eq_ignore_ascii_case("virtual"))
}

/// Whether a table is one of those a virtual table of SQLite's own modules keeps its content in.
fn is_shadow(name: &str, owner: &str) -> bool {
    let parts =
        ["content", "segments", "segdir", "docsize", "stat", "data", "idx", "config", "node", "parent", "rowid"];
    let Some(rest) = name.get(..owner.len()).filter(|start| start.eq_ignore_ascii_case(owner)) else { return false };
    name[rest.len()..].strip_prefix('_').is_some_and(|part| parts.iter().any(|name| name.eq_ignore_ascii_case(part)))
}

/// A name as SQL.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn table(connection: &Connection, name: &str, size: u64) -> rusqlite::Result<(Table, Reading)> {
    let mut columns = Vec::new();
    let mut primary: Vec<(i64, String)> = Vec::new();
    let mut statement = connection.prepare(&format!("PRAGMA main.table_xinfo({})", quoted(name)))?;
    let mut rows = statement.query(())?;
    while let Some(row) = rows.next()? {
        let column: String = row.get(1)?;
        let declared: Option<String> = row.get(2)?;
        let place: i64 = row.get(5)?;
        if place > 0 {
            primary.push((place, quoted(&column)));
        }
        columns.push(Column { name: column, declared: declared.unwrap_or_default().to_lowercase() });
    }
    drop(rows);
    primary.sort();
    let table = format!("main.{}", quoted(name));
    let taken = |word: &str| columns.iter().any(|column| column.name.eq_ignore_ascii_case(word));
    let free = ["rowid", "_rowid_", "oid"].into_iter().find(|word| !taken(word));
    let key = match free.filter(|word| connection.prepare(&format!("SELECT {word} FROM {table}")).is_ok()) {
        Some(word) => Key::Row(word),
        None => Key::Primary(primary.into_iter().map(|(_, column)| column).collect()),
    };
    let list: Vec<String> = columns.iter().map(|column| quoted(&column.name)).collect();
    let reading = Reading { columns: list.join(", "), width: columns.len(), key, table };
    // A table without a primary key has row numbers; one that has neither is no table of SQLite's.
    if columns.is_empty() || reading.key == Key::Primary(Vec::new()) {
        return Err(rusqlite::Error::QueryReturnedNoRows);
    }
    // Reading must be possible at all: a column may be computed by something that is not there.
    connection.prepare(&reading.scan())?;
    let rows = (size <= COUNTED)
        .then(|| connection.query_row(&format!("SELECT count(*) FROM {}", reading.table), (), |row| row.get(0)).ok())
        .flatten()
        .and_then(|count: i64| u64::try_from(count).ok());
    Ok((Table { schema: None, name: name.into(), columns, rows }, reading))
}

impl Reading {
    /// Reads the key and all columns from the beginning, in the order the rows lie.
    pub fn scan(&self) -> String {
        match &self.key {
            Key::Row(word) => {
                format!("SELECT {}, {word} FROM {} ORDER BY {word}", self.columns, self.table)
            }
            Key::Primary(key) => format!("SELECT {}, {} FROM {}", self.columns, key.join(", "), self.table),
        }
    }

    /// Reads the rows from a row number on, or the one with a primary key.
    pub fn seek(&self) -> String {
        match &self.key {
            Key::Row(word) => {
                format!("SELECT {}, {word} FROM {} WHERE {word} >= ?1 ORDER BY {word}", self.columns, self.table)
            }
            Key::Primary(key) => {
                let is = |(at, column): (usize, &String)| format!("{column} IS ?{}", at + 1);
                let condition = key.iter().enumerate().map(is).collect::<Vec<_>>().join(" AND ");
                format!("SELECT {} FROM {} WHERE {condition}", self.columns, self.table)
            }
        }
    }

    /// The first row number from one on.
    pub fn next(&self) -> Option<String> {
        let Key::Row(word) = self.key else { return None };
        Some(format!("SELECT {word} FROM {} WHERE {word} >= ?1 ORDER BY {word} LIMIT 1", self.table))
    }

    /// The lowest and the highest row number.
    pub fn ends(&self) -> Option<String> {
        let Key::Row(word) = self.key else { return None };
        Some(format!("SELECT (SELECT min({word}) FROM {0}), (SELECT max({word}) FROM {0})", self.table))
    }

    /// How many columns the key has.
    pub fn key_width(&self) -> usize {
        match &self.key {
            Key::Row(_) => 1,
            Key::Primary(key) => key.len(),
        }
    }
}
