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
/// A row takes at least so many bytes of a file: its pointer, its size and its head.
pub const SMALLEST: u64 = 4;

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
    /// Its primary key, for it has no row numbers.
    Primary {
        /// Its columns, quoted.
        columns: Vec<String>,
        /// Whether rows lie from the lowest to the highest key.
        ascending: bool,
    },
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
            primary.push((place, column.clone()));
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
        None => Key::Primary {
            columns: primary.iter().map(|(_, column)| quoted(column)).collect(),
            ascending: ascending(connection, name)?,
        },
    };
    let list: Vec<String> = columns.iter().map(|column| quoted(&column.name)).collect();
    let reading = Reading { columns: list.join(", "), width: columns.len(), key, table };
    // A table without a primary key has row numbers; one that has neither is no table of SQLite's.
    if columns.is_empty() || reading.key_width() == 0 {
        return Err(rusqlite::Error::QueryReturnedNoRows);
    }
    // Reading must be possible at all: a column may be computed by something that is not there.
    connection.prepare(&reading.scan())?;
    let rows = (size <= COUNTED).then(|| count(connection, &reading.table, size)).flatten();
    // What cannot be told is only not known: the rows are there all the same.
    let unique = unique(connection, name, &primary).unwrap_or_default();
    Ok((Table { schema: None, name: name.into(), columns, rows, unique }, reading))
}

/// How many rows a table of a small file has. Counted one by one: a damaged tree that leads in a circle would keep SQLite's
/// own way of counting for ever.
fn count(connection: &Connection, table: &str, size: u64) -> Option<u64> {
    let limit = size / SMALLEST;
    let sql = format!("SELECT count(*) FROM (SELECT 1 FROM {table} LIMIT {})", limit + 1);
    let count = connection.query_row(&sql, (), |row| row.get::<_, i64>(0)).ok()?;
    u64::try_from(count).ok().filter(|count| *count <= limit)
}

/// Constraints of one table that are looked at.
const UNIQUE: usize = 16;

/// The columns that are different in every row together: those of the primary key, and of every unique index over columns.
fn unique(connection: &Connection, name: &str, primary: &[(i64, String)]) -> rusqlite::Result<Vec<Vec<String>>> {
    let mut unique: Vec<Vec<String>> = Vec::new();
    if !primary.is_empty() {
        unique.push(primary.iter().map(|(_, column)| column.clone()).collect());
    }
    let mut statement = connection.prepare(&format!("PRAGMA main.index_list({})", quoted(name)))?;
    let mut rows = statement.query(())?;
    while let Some(row) = rows.next()? {
        if !row.get::<_, bool>(2)? || unique.len() >= UNIQUE {
            continue;
        }
        let index: String = row.get(1)?;
        let mut statement = connection.prepare(&format!("PRAGMA main.index_xinfo({})", quoted(&index)))?;
        // A column without a name is computed; those behind the key are not of it.
        let told = |row: &rusqlite::Row<'_>| Ok((row.get::<_, Option<String>>(2)?, row.get::<_, bool>(5)?));
        let columns = statement.query_map((), told)?.collect::<Result<Vec<_>, _>>()?;
        let columns = columns.into_iter().filter(|(_, of_key)| *of_key).map(|(name, _)| name);
        unique.extend(columns.collect::<Option<Vec<String>>>());
    }
    Ok(unique)
}

/// Whether every column of a table's primary key ascends.
fn ascending(connection: &Connection, name: &str) -> rusqlite::Result<bool> {
    let mut statement = connection.prepare(&format!("PRAGMA main.index_list({})", quoted(name)))?;
    let mut rows = statement.query(())?;
    while let Some(row) = rows.next()? {
        if row.get::<_, String>(3)? != "pk" {
            continue;
        }
        let index: String = row.get(1)?;
        let mut statement = connection.prepare(&format!("PRAGMA main.index_xinfo({})", quoted(&index)))?;
        let mut columns = statement.query(())?;
        while let Some(column) = columns.next()? {
            let (descends, of_key): (bool, bool) = (column.get(3)?, column.get(5)?);
            if descends && of_key {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

impl Reading {
    /// Reads the key and all columns from the beginning, in the order the rows lie.
    pub fn scan(&self) -> String {
        match &self.key {
            Key::Row(word) => {
                format!("SELECT {}, {word} FROM {} ORDER BY {word}", self.columns, self.table)
            }
            Key::Primary { columns, ascending } => {
                let order = if *ascending { format!(" ORDER BY {}", columns.join(", ")) } else { String::new() };
                format!("SELECT {}, {} FROM {}{order}", self.columns, columns.join(", "), self.table)
            }
        }
    }

    /// Reads the rows from a row number or a primary key on; where keys do not ascend, only the one with that key.
    pub fn seek(&self) -> String {
        match &self.key {
            Key::Row(word) => {
                format!("SELECT {}, {word} FROM {} WHERE {word} >= ?1 ORDER BY {word}", self.columns, self.table)
            }
            Key::Primary { columns, ascending } => {
                let key = columns.join(", ");
                let asked = (1..=columns.len()).map(|at| format!("?{at}")).collect::<Vec<_>>().join(", ");
                let (is, order) = if *ascending { (">=", format!(" ORDER BY {key}")) } else { ("=", String::new()) };
                format!("SELECT {} FROM {} WHERE ({key}) {is} ({asked}){order}", self.columns, self.table)
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
            Key::Primary { columns, .. } => columns.len(),
        }
    }
}
