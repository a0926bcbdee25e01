//! Database files made here and by others, read without touching them.

#![allow(clippy::unwrap_used)]

mod beside;
mod faults;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::{self, File};
use std::ops::ControlFlow;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use rusqlite::Connection;

use super::open;
use crate::domain::{Failure, FailureKind, SourceChange};
use crate::sources::input::Input;
use crate::sources::tables::{Cell, Database, Row};

/// What can be seen of a file: its size, time, mode, inode and content.
type Seen = (u64, i64, i64, u32, u64, Vec<u8>);

/// What can be seen of a directory.
fn listing(directory: &Path) -> BTreeMap<OsString, Seen> {
    fs::read_dir(directory)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let about = entry.metadata().unwrap();
            let content = fs::read(entry.path()).unwrap();
            let seen = (about.len(), about.mtime(), about.mtime_nsec(), about.mode(), about.ino(), content);
            (entry.file_name(), seen)
        })
        .collect()
}

fn input(path: &Path) -> Input {
    let file = File::open(path).unwrap();
    let length = file.metadata().unwrap().len();
    Input::of_file(file, length, path.to_str().unwrap())
}

fn go(_: u64, _: u64) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn opened(path: &Path) -> Box<dyn Database> {
    open(&input(path), &mut go).unwrap_or_else(|e| panic!("{e}"))
}

fn table(database: &dyn Database, name: &str) -> usize {
    database.tables().iter().position(|table| table.name == name).unwrap()
}

/// A row as text: its place and its cells, or why it is bad.
fn spelled(row: &Row<'_>) -> (u64, String) {
    match row {
        Row::Bad(place, why) => (*place, format!("bad: {why}")),
        Row::Cells(place, cells) => {
            let cell = |cell: &Cell<'_>| match cell {
                Cell::Null => "null".into(),
                Cell::Integer(number) => number.to_string(),
                Cell::Real(number) => format!("{number:?}"),
                Cell::Text(text) => format!("'{}'", String::from_utf8_lossy(text)),
                Cell::Bytes(bytes) => format!("x{bytes:02x?}"),
            };
            (*place, cells.iter().map(cell).collect::<Vec<_>>().join("|"))
        }
    }
}

fn rows(database: &dyn Database, name: &str) -> Vec<(u64, String)> {
    let mut rows = Vec::new();
    let mut told = |row: Row<'_>| {
        rows.push(spelled(&row));
        ControlFlow::Continue(())
    };
    database.scan(table(database, name), &mut go, &mut told).unwrap();
    rows
}

fn fetched(database: &dyn Database, name: &str, places: &[u64]) -> Vec<(u64, String)> {
    let mut rows = Vec::new();
    let mut told = |row: Row<'_>| {
        rows.push(spelled(&row));
        ControlFlow::Continue(())
    };
    database.fetch(table(database, name), places, &mut told).unwrap();
    rows
}

/// Every row can be read again by its place: in order, backward, and with steps between.
fn places_lead_back(database: &dyn Database, name: &str) {
    let all = rows(database, name);
    let distinct: BTreeSet<u64> = all.iter().map(|(place, _)| *place).collect();
    assert_eq!(distinct.len(), all.len(), "places are unique");
    assert!(distinct.iter().all(|place| *place < 1 << 47));
    assert_eq!(rows(database, name), all, "the same again");
    let mut ways = vec![all.clone(), all.iter().rev().cloned().collect()];
    for step in [2, 3, 11] {
        ways.push(all.iter().step_by(step).cloned().collect());
    }
    for way in ways {
        let places: Vec<u64> = way.iter().map(|(place, _)| *place).collect();
        assert!(fetched(database, name, &places) == way, "{name}");
    }
}

fn corpus(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(name)
}

fn truth(name: &str) -> serde_json::Value {
    serde_json::from_slice(&fs::read(corpus(name)).unwrap()).unwrap()
}

/// A directory with a copy of a corpus file.
fn copied(name: &str) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.db");
    fs::copy(corpus(name), &path).unwrap();
    (directory, path)
}

/// A directory with a database made by these statements.
fn made(sql: &str) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("made.db");
    Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    (directory, path)
}

/// A WAL database whose last rows are in the log only, as it is found when its writer was killed: copied while open.
fn unclean(checkpointed: i64, logged: i64) -> (tempfile::TempDir, PathBuf) {
    let (origin, path) = made("PRAGMA journal_mode = WAL; CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT);");
    let writer = Connection::open(&path).unwrap();
    let insert = |from: i64, count: i64| {
        for id in from..from + count {
            writer.execute("INSERT INTO t VALUES (?1, ?2)", (id, "x".repeat(100))).unwrap();
        }
    };
    insert(0, checkpointed);
    writer.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(())).unwrap();
    insert(checkpointed, logged);
    let directory = tempfile::tempdir().unwrap();
    let target = directory.path().join("copied.db");
    for ending in ["", "-wal", "-shm"] {
        let name = |path: &Path| PathBuf::from(format!("{}{ending}", path.display()));
        fs::copy(name(&path), name(&target)).unwrap();
    }
    drop(writer);
    drop(origin);
    (directory, target)
}

#[test]
fn stores_of_others_are_read_whole() {
    let (directory, path) = copied("emmett-sqlite/emmett.sqlite");
    let before = listing(directory.path());
    let database = opened(&path);
    let truth = truth("emmett-sqlite/truth.json");
    assert_eq!(database.kind(), "SQLite database");
    assert_eq!(rows(&*database, "emt_messages").len() as u64, truth["events"].as_u64().unwrap());
    assert_eq!(rows(&*database, "emt_streams").len() as u64, truth["streams"].as_u64().unwrap());
    let messages = &database.tables()[table(&*database, "emt_messages")];
    assert_eq!(messages.rows, truth["events"].as_u64());
    let declared = |name: &str| messages.columns[messages.column(name).unwrap()].declared.as_str();
    assert_eq!((declared("message_data"), declared("global_position")), ("jsonb", "integer"));
    places_lead_back(&*database, "emt_messages");
    places_lead_back(&*database, "emt_streams");
    let (cqrs, path) = copied("cqrs-es-sqlite/cqrs.sqlite");
    let before_cqrs = listing(cqrs.path());
    let database = opened(&path);
    assert_eq!(rows(&*database, "events").len(), 533, "and the seed row of its migrations");
    assert_eq!(rows(&*database, "snapshots").len(), 13);
    places_lead_back(&*database, "events");
    drop(database);
    assert_eq!(listing(directory.path()), before);
    assert_eq!(listing(cqrs.path()), before_cqrs);
}

#[test]
fn every_class_of_value_is_told_as_it_is_stored() {
    let (_directory, path) = made(
        "CREATE TABLE \"Odd \"\"Name\" (A INTEGER, \"b c\" VARCHAR(20), d DECIMAL(10, 2), e, f AS (a + 1), g TEXT AS ('s' || a) STORED);
         INSERT INTO \"Odd \"\"Name\" (A, \"b c\", d, e) VALUES (9223372036854775807, 'ü', 1.5, x'00ff'), (-1, '', '', NULL);",
    );
    let database = opened(&path);
    let odd = &database.tables()[0];
    let columns: Vec<(&str, &str)> = odd.columns.iter().map(|c| (c.name.as_str(), c.declared.as_str())).collect();
    assert_eq!((odd.name.as_str(), odd.rows), ("Odd \"Name", Some(2)));
    assert_eq!(columns[..4], [("A", "integer"), ("b c", "varchar(20)"), ("d", "decimal(10, 2)"), ("e", "")]);
    let big = "9223372036854775807|'ü'|1.5|x[00, ff]|9.223372036854776e18|'s9223372036854775807'";
    assert_eq!(rows(&*database, "Odd \"Name"), [(1, big.into()), (2, "-1|''|''|null|0|'s-1'".into())]);
}

#[test]
fn rows_without_usual_numbers_have_places() {
    let (_directory, path) = made(
        "CREATE TABLE keyed (a TEXT, n INTEGER, v BLOB, PRIMARY KEY (a, n)) WITHOUT ROWID;
         CREATE TABLE down (a TEXT, n INTEGER, v, PRIMARY KEY (a DESC, n ASC)) WITHOUT ROWID;
         CREATE TABLE blind (a TEXT COLLATE NOCASE, n REAL, PRIMARY KEY (n, a)) WITHOUT ROWID;
         CREATE TABLE far (id INTEGER PRIMARY KEY, v);
         CREATE TABLE hidden (rowid TEXT, oid, v);
         CREATE TABLE all_taken (rowid TEXT, oid, _rowid_, v);
         CREATE TABLE aliased (rowid INTEGER PRIMARY KEY, oid, _rowid_, v);
         WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 500)
         INSERT INTO keyed SELECT 's' || (n % 7), n, zeroblob(n % 5) FROM c;
         INSERT INTO down SELECT a, n, v FROM keyed;
         INSERT INTO blind SELECT a, n / 9 FROM keyed GROUP BY 1, 2;
         INSERT INTO blind VALUES (CAST(x'ff' AS TEXT), 0), ('Zz', 0);
         INSERT INTO far VALUES (-9223372036854775808, 'a'), (-1, 'b'), (0, 'c'), (5, 'd'), (9223372036854775807, 'e');
         INSERT INTO hidden VALUES ('x', 1, 'p'), ('y', 2, 'q');
         INSERT INTO all_taken VALUES ('x', 1, 1, 'p');
         INSERT INTO aliased VALUES (7, 1, 1, 'p');",
    );
    let database = opened(&path);
    for (name, count) in [("keyed", 500), ("down", 500), ("blind", 393), ("far", 5), ("hidden", 2), ("aliased", 1)] {
        assert_eq!(rows(&*database, name).len(), count, "{name}");
        places_lead_back(&*database, name);
    }
    assert!(
        database.caveats().iter().any(|caveat| caveat.contains("`all_taken` is not read")),
        "{:?}",
        database.caveats()
    );
    let places = fetched(&*database, "far", &[3, 5, (1 << 46) + 99]);
    assert_eq!(places[1], (5, "5|'d'".into()));
    assert!(
        places[0].1.starts_with("bad: there is no such row") && places[2].1.starts_with("bad: there is no such row")
    );
}

#[test]
fn only_ordinary_tables_are_read() {
    let (_directory, path) = made(
        "CREATE TABLE t (v); INSERT INTO t VALUES (1);
         CREATE VIEW endless AS WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT n FROM c;
         CREATE TRIGGER spy AFTER INSERT ON t BEGIN DELETE FROM t; END;
         CREATE TABLE slow (a INTEGER, b AS (length(hex(zeroblob(a)))));
         INSERT INTO slow VALUES (3), (50000000), (4);",
    );
    // A virtual table of a module that is not there, and one of its tables, as a file from elsewhere has them.
    let writer = Connection::open(&path).unwrap();
    writer
        .execute_batch(
            "PRAGMA writable_schema = ON;
             INSERT INTO sqlite_schema VALUES ('table', 'words', 'words', 0, 'CREATE VIRTUAL TABLE words USING fts9(v)');
             PRAGMA writable_schema = RESET;
             CREATE TABLE words_content (c);",
        )
        .unwrap();
    drop(writer);
    let database = opened(&path);
    let names: Vec<&str> = database.tables().iter().map(|table| table.name.as_str()).collect();
    assert_eq!(names, ["t", "slow"]);
    let caveats = database.caveats();
    assert!(caveats.iter().any(|caveat| caveat.contains("`words` is not read: it is a virtual table")), "{caveats:?}");
    assert!(caveats.iter().any(|caveat| caveat.contains("`words_content` is not read")), "{caveats:?}");
    let slow = rows(&*database, "slow");
    assert_eq!((slow[0].1.as_str(), slow[2].1.as_str()), ("3|6", "4|8"));
    assert!(slow[1].1.starts_with("bad: it has a value of more than 64 MiB"), "{slow:?}");
}
