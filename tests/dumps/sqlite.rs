//! What the shell of SQLite dumps, compared row by row with the database it dumped.
#![cfg(feature = "sqlite")]

use std::path::Path;
use std::process::Command;

use rusqlite::Connection;
use rusqlite::types::ValueRef;
use stepback::sources::tables::Database;

use crate::support::tables::{Values, fetched, open, rows, table};

const SCHEMA: &str = r#"
CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT, c BLOB, d REAL, e ANY,
    g TEXT GENERATED ALWAYS AS (b || 'x') STORED, h TEXT AS (b || 'y'));
INSERT INTO t(a, b, c, d, e) VALUES
    (1, 'line' || char(10) || 'feed' || char(13) || 'it''s', x'00ff27', 1.5, 9223372036854775807),
    (2, NULL, NULL, 1e300, -9223372036854775807), (3, '', 'text among bytes', 9e999, -9e999),
    (4, '\n' || char(10) || '\012', zeroblob(3), 0.1, '\012'), (5, '); INSERT INTO x VALUES(''', x'', 3, 'Zoë 日本 🎉'),
    (6, char(1, 7, 27) || '--', x'5c27', 1.0000000000000002, 12.0), (7, char(13), x'0a', -1e-300, '007');
CREATE TABLE "odd ""name; (x)"("a,b", [c d], 'e''f', `g`);
INSERT INTO "odd ""name; (x)" VALUES (1, '(', NULL, ''), (2, ');', '''', '"');
CREATE TABLE w(k TEXT PRIMARY KEY, v) WITHOUT ROWID;
INSERT INTO w VALUES ('b', 1), ('a', 2);
CREATE TABLE empty(x INTEGER) STRICT;
CREATE TRIGGER r AFTER INSERT ON t BEGIN INSERT INTO w VALUES ('z', CASE WHEN 1 THEN 2 END); END;
CREATE VIEW v AS SELECT ';' AS x;
CREATE INDEX i ON t(b);
ANALYZE;
"#;

/// What is in a table, as far as dumps hold it.
fn truth(connection: &Connection, table: &str, columns: &[&str]) -> Vec<Values> {
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let names: Vec<String> = columns.iter().map(|name| quoted(name)).collect();
    let sql = format!("SELECT {} FROM {}", names.join(", "), quoted(table));
    let mut statement = connection.prepare(&sql).expect("a table");
    let mut found = statement.query([]).expect("rows");
    let mut rows = Vec::new();
    while let Some(row) = found.next().expect("a row") {
        let value = |column| match row.get_ref(column).expect("a value") {
            ValueRef::Null => None,
            ValueRef::Integer(number) => Some(number.to_string()),
            ValueRef::Real(number) => Some(number.to_string()),
            ValueRef::Text(text) => Some(String::from_utf8(text.to_vec()).expect("UTF-8")),
            ValueRef::Blob(bytes) => {
                Some(format!("\\x{}", bytes.iter().map(|b| format!("{b:02x}")).collect::<String>()))
            }
        };
        rows.push((0..columns.len()).map(value).collect());
    }
    rows.sort();
    rows
}

fn compare(connection: &Connection, form: &str, database: &dyn Database, name: &str, columns: &[&str]) {
    let what = format!("{name}, {form}");
    let truth = truth(connection, name, columns);
    let Some(number) = table(database, name) else {
        assert!(truth.is_empty(), "{what}: {:?}", database.tables());
        return;
    };
    let found = rows(database, number);
    let named: Vec<&str> = database.tables()[number].columns.iter().map(|column| column.name.as_str()).collect();
    // Where in a row each column is; the first ones, where a dump names none.
    let at: Vec<usize> = columns
        .iter()
        .enumerate()
        .map(|(at, name)| match named[0] {
            "column1" => at,
            _ => named.iter().position(|named| named == name).unwrap_or_else(|| panic!("{what}: {named:?}")),
        })
        .collect();
    let mut values: Vec<Values> =
        found.iter().map(|(_, values)| at.iter().map(|&at| values[at].clone()).collect()).collect();
    values.sort();
    assert_eq!(values, truth, "{what}");
    let places: Vec<u64> = found.iter().rev().map(|(place, _)| *place).collect();
    let mut again = fetched(database, number, &places);
    again.reverse();
    assert!(again == found, "{what}: other rows at the same places");
}

#[test]
fn every_form_of_dump_holds_what_the_database_says() {
    let version = Command::new("sqlite3").arg("--version").output();
    if !version.is_ok_and(|output| output.status.success()) {
        let required = std::env::var_os("STEPBACK_REQUIRE_SERVERS").is_some_and(|value| value == "1");
        assert!(!required, "the shell of SQLite is not installed, and STEPBACK_REQUIRE_SERVERS is set");
        eprintln!("skipped: the shell of SQLite is missing (package `sqlite3`)");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.sqlite");
    let connection = Connection::open(&path).expect("a database");
    connection.execute_batch(SCHEMA).expect("tables");
    for form in [".dump", ".dump --newlines", ".dump --preserve-rowids", ".dump --nosys", ".dump --data-only"] {
        let database = open(&dump(folder.path(), &path, &[form]));
        assert_eq!(database.kind(), "SQLite dump", "{form}");
        for (name, columns) in [
            ("t", &["a", "b", "c", "d", "e"][..]),
            ("odd \"name; (x)", &["a,b", "c d", "e'f", "g"]),
            ("w", &["k", "v"]),
            ("empty", &["x"]),
        ] {
            compare(&connection, form, &*database, name, columns);
        }
        assert!(!database.caveats().iter().any(|caveat| caveat.contains("cut")), "{:?}", database.caveats());
    }
    // Rows as statements of their own.
    let database = open(&dump(folder.path(), &path, &[".mode insert w", "SELECT * FROM w"]));
    compare(&connection, ".mode insert", &*database, "w", &["k", "v"]);
}

fn dump(folder: &Path, database: &Path, commands: &[&str]) -> std::path::PathBuf {
    let output = Command::new("sqlite3").arg(database).args(commands).output().expect("the shell");
    assert!(output.status.success(), "{commands:?}: {}", String::from_utf8_lossy(&output.stderr));
    let path = folder.join("dump.sql");
    std::fs::write(&path, output.stdout).expect("room");
    path
}
