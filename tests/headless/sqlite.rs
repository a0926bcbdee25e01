//! SQLite stores as somebody finds them: copied cleanly, copied with their log while they were written, packed, piped, in a
//! directory that must not be written. All events are there, and nothing in the directory changes.

#![cfg(feature = "sqlite")]
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use rusqlite::Connection;
use serde_json::Value;
use stepback::domain::{Cancel, Event, EventQuery, Form, Scope, SourceChange};
use stepback::sources::Source;
use stepback::sources::open::{OpenOptions, open};

fn corpus(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(name)
}

/// A directory of its own with a copy of a store of the corpus.
fn copied(name: &str) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.sqlite");
    fs::copy(corpus(name), &path).unwrap();
    (directory, path)
}

/// The Emmett store as a backup finds it that copies files while the store is written: of its 993 events 201 are in the log.
fn unclean() -> (tempfile::TempDir, PathBuf) {
    let (origin, path) = copied("emmett-sqlite/emmett.sqlite");
    let writer = Connection::open(&path).unwrap();
    writer.execute("ATTACH ?1 AS whole", [corpus("emmett-sqlite/emmett.sqlite").to_str()]).unwrap();
    writer.execute("DELETE FROM main.emt_messages WHERE global_position > 792", ()).unwrap();
    writer.query_row("PRAGMA main.wal_checkpoint(TRUNCATE)", (), |_| Ok(())).unwrap();
    writer
        .execute("INSERT INTO main.emt_messages SELECT * FROM whole.emt_messages WHERE global_position > 792", ())
        .unwrap();
    let directory = tempfile::tempdir().unwrap();
    let target = directory.path().join("backup.sqlite");
    for ending in ["", "-wal", "-shm"] {
        let name = |path: &Path| format!("{}{ending}", path.display());
        fs::copy(name(&path), name(&target)).unwrap();
    }
    drop((writer, origin));
    (directory, target)
}

/// What can be seen of a file: its time, mode, inode and content.
type Seen = (i64, i64, u32, u64, Vec<u8>);

/// What can be seen of a directory.
fn listing(directory: &Path) -> BTreeMap<OsString, Seen> {
    let seen = |entry: fs::DirEntry| {
        let about = entry.metadata().unwrap();
        let content = fs::read(entry.path()).unwrap();
        (entry.file_name(), (about.mtime(), about.mtime_nsec(), about.mode(), about.ino(), content))
    };
    fs::read_dir(directory).unwrap().map(|entry| seen(entry.unwrap())).collect()
}

fn opened(path: &Path) -> Arc<dyn Source> {
    let source = open(path.to_str().unwrap(), &OpenOptions::default()).unwrap_or_else(|e| panic!("{e}"));
    source.complete(&Cancel::default(), &mut |_| ()).unwrap();
    source
}

fn events(source: &dyn Source) -> Vec<Arc<Event>> {
    source.events(&EventQuery::first(Scope::All, usize::MAX), &Cancel::default()).unwrap().events
}

fn truth(name: &str) -> Value {
    serde_json::from_slice(&fs::read(corpus(name)).unwrap()).unwrap()
}

fn numbers(value: &Value) -> BTreeMap<String, u64> {
    value.as_object().unwrap().iter().map(|(name, number)| (name.clone(), number.as_u64().unwrap())).collect()
}

fn by_type(events: &[Arc<Event>]) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    events.iter().for_each(|event| *counts.entry(event.event_type.to_string()).or_default() += 1);
    counts
}

fn last_versions(source: &dyn Source) -> BTreeMap<String, u64> {
    let streams = source.streams(0, usize::MAX).unwrap().streams;
    streams.iter().map(|summary| (summary.stream.to_string(), summary.last_version.0)).collect()
}

/// Whether a source is the whole Emmett store of the corpus.
fn is_whole(source: &dyn Source) {
    let truth = truth("emmett-sqlite/truth.json");
    let events = events(source);
    assert_eq!(source.about().layout.as_deref(), Some("emmett-sqlite"));
    assert_eq!(events.len() as u64, truth["events"].as_u64().unwrap());
    assert_eq!(by_type(&events), numbers(&truth["by_type"]));
    assert_eq!(last_versions(source), numbers(&truth["stream_max_position_1_based"]));
    assert_eq!(source.progress().troubles, 0);
    // Every payload is what SQLite itself gives, byte for byte.
    let reader = copied("emmett-sqlite/emmett.sqlite");
    let reader = Connection::open(&reader.1).unwrap();
    let sql = "SELECT message_data, message_metadata FROM emt_messages WHERE global_position = ?1";
    let mut asked = reader.prepare(sql).unwrap();
    for event in &events {
        let row = asked.query_row([event.position.to_string()], |row| Ok((row.get(0)?, row.get(1)?)));
        let (data, metadata): (String, String) = row.unwrap();
        assert_eq!((event.data.text(), event.metadata.text()), (data.into(), metadata.into()));
        assert_eq!(event.data.form(), Form::Json);
        event.data.json().unwrap();
        event.metadata.json().unwrap();
    }
}

fn run(arguments: &[&str], temporary: &Path, input: Stdio) -> Output {
    Command::new(env!("CARGO_BIN_EXE_stepback"))
        .args(arguments)
        .stdin(input)
        .env("TMPDIR", temporary)
        .env("HOME", "/nonexistent")
        .env("XDG_CONFIG_HOME", "/nonexistent")
        .env("XDG_DATA_HOME", "/nonexistent")
        .env("XDG_CACHE_HOME", "/nonexistent")
        .output()
        .unwrap()
}

#[test]
fn an_emmett_store_is_read_as_its_library_reads_it() {
    let (directory, path) = copied("emmett-sqlite/emmett.sqlite");
    let before = listing(directory.path());
    let source = opened(&path);
    is_whole(&*source);
    assert_eq!(source.look().unwrap(), SourceChange::Same);
    drop(source);
    assert_eq!(listing(directory.path()), before);
}

#[test]
fn a_cqrs_es_store_is_read_as_its_library_reads_it() {
    let (directory, path) = copied("cqrs-es-sqlite/cqrs.sqlite");
    let before = listing(directory.path());
    let source = opened(&path);
    let truth = truth("cqrs-es-sqlite/truth.json");
    assert_eq!(source.about().layout.as_deref(), Some("cqrs-es"));
    // Beside the events of the truth there is the row its migrations leave behind.
    let mut found = by_type(&events(&*source));
    let seed: u64 = numbers(&truth["by_type"]).iter().map(|(name, count)| found.remove(name).unwrap() - count).sum();
    assert_eq!(seed + found.values().sum::<u64>(), 1);
    let versions = last_versions(&*source);
    for (stream, version) in numbers(&truth["max_sequence_1_based"]) {
        let found: Vec<_> = versions.iter().filter(|(name, _)| name.ends_with(&stream)).collect();
        assert_eq!(found.iter().map(|(_, version)| **version).collect::<Vec<_>>(), [version], "{stream}");
    }
    let mut snapshots = 0;
    source
        .snapshots(&Cancel::default(), &mut |_| {
            snapshots += 1;
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(snapshots, 13);
    drop(source);
    assert_eq!(listing(directory.path()), before);
}

#[test]
fn what_is_only_in_the_log_is_there_and_nothing_changes() {
    let (directory, path) = unclean();
    for mode in [0o755, 0o555] {
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(mode)).unwrap();
        let before = listing(directory.path());
        let source = opened(&path);
        is_whole(&*source);
        let said = source.about().reasons.join("\n");
        assert!(said.contains("write-ahead log"), "{said}");
        drop(source);
        assert_eq!(listing(directory.path()), before);
    }
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_store_that_is_packed_or_comes_out_of_a_pipe_is_read_too() {
    let bytes = fs::read(corpus("emmett-sqlite/emmett.sqlite")).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.sqlite.gz");
    let mut packed = flate2::write::GzEncoder::new(File::create(&path).unwrap(), flate2::Compression::fast());
    packed.write_all(&bytes).unwrap();
    packed.finish().unwrap();
    let before = listing(directory.path());
    is_whole(&*opened(&path));
    assert_eq!(listing(directory.path()), before);
    let temporary = tempfile::tempdir().unwrap();
    let file = File::open(corpus("emmett-sqlite/emmett.sqlite")).unwrap();
    let mut cat = Command::new("cat").stdin(file).stdout(Stdio::piped()).spawn().unwrap();
    let output = run(&["events", "-", "--json"], temporary.path(), cat.stdout.take().unwrap().into());
    cat.wait().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 993);
    assert_eq!(listing(temporary.path()), BTreeMap::new());
}

#[test]
fn a_copy_is_made_only_when_it_must_be_and_does_not_stay() {
    let (_directory, path) = unclean();
    let temporary = tempfile::tempdir().unwrap();
    let output = run(&["streams", path.to_str().unwrap()], temporary.path(), Stdio::null());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(listing(temporary.path()), BTreeMap::new());
    // Below a file nothing can be made, not even by root.
    let nowhere = &path.join("nowhere");
    let output = run(&["streams", path.to_str().unwrap()], nowhere, Stdio::null());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("TMPDIR"), "{said}");
    let (_directory, path) = copied("emmett-sqlite/emmett.sqlite");
    let output = run(&["streams", path.to_str().unwrap()], nowhere, Stdio::null());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_store_that_is_written_meanwhile_is_seen_to_have_changed() {
    let (_directory, path) = copied("emmett-sqlite/emmett.sqlite");
    let source = opened(&path);
    let writer = Connection::open(&path).unwrap();
    writer.execute("DELETE FROM emt_messages WHERE global_position = 993", ()).unwrap();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    let mut looks =
        std::iter::repeat_with(|| source.look().unwrap()).take_while(|_| std::time::Instant::now() < deadline);
    assert_eq!(looks.find(|change| *change != SourceChange::Same), Some(SourceChange::Truncated));
    fs::remove_file(&path).unwrap();
    assert_eq!(source.look().unwrap(), SourceChange::Removed);
}

#[test]
fn what_is_written_while_it_is_exported_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let exported_while = |act: &str| {
        drop(fs::remove_file(&path));
        let writer = Connection::open(&path).unwrap();
        writer
            .execute_batch(
                "CREATE TABLE events (id INTEGER PRIMARY KEY, stream TEXT, version INT, type TEXT, data TEXT);
                 WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000)
                 INSERT INTO events SELECT i, 'a-' || i % 7, i, 'T', '{\"x\":\"' || printf('%0150d', i) || '\"}' FROM n;",
            )
            .unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_stepback"))
            .args(["export", path.to_str().unwrap(), "--no-cache"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = child.stdout.take().unwrap();
        std::io::Read::read_exact(&mut out, &mut [0; 50_000]).unwrap();
        writer.execute_batch(act).unwrap();
        std::io::copy(&mut out, &mut std::io::sink()).unwrap();
        let ended = child.wait_with_output().unwrap();
        (ended.status.code(), String::from_utf8(ended.stderr).unwrap())
    };
    assert_eq!(exported_while("SELECT 1 FROM events"), (Some(0), String::new()));
    for act in ["UPDATE events SET data = '{}'", "DELETE FROM events WHERE id > 30000", "DELETE FROM events; VACUUM"] {
        let (code, said) = exported_while(act);
        assert_eq!(code, Some(74), "{act}: {said}");
        assert!(said.contains("while it was read"), "{act}: {said}");
    }
}

#[test]
fn damage_is_told_and_the_rest_is_read() {
    let (_directory, path) = copied("emmett-sqlite/emmett.sqlite");
    let bytes = fs::read(&path).unwrap();
    let size = usize::from(u16::from_be_bytes([bytes[16], bytes[17]]));
    // A leaf of the table of messages: the last one that holds rows of a table.
    let page = (1..bytes.len() / size).rev().find(|page| bytes[page * size] == 0x0d).unwrap();
    let mut damaged = bytes.clone();
    damaged[page * size..(page + 1) * size].fill(0xa5);
    fs::write(&path, damaged).unwrap();
    let source = opened(&path);
    let progress = source.progress();
    assert!(progress.troubles > 0, "{progress:?}");
    assert!(progress.events > 500, "{progress:?}");
}

/// A store of 2,000 events in small rows, some twenty to a page.
fn small_rows(path: &Path) -> usize {
    let connection = Connection::open(path).unwrap();
    connection
        .execute_batch(
            "PRAGMA page_size = 4096;
             CREATE TABLE events (id INTEGER PRIMARY KEY, stream_id TEXT NOT NULL, version INTEGER NOT NULL,
                 type TEXT NOT NULL, data TEXT NOT NULL, created_at TEXT);
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
             INSERT INTO events SELECT i, 'a-' || (i % 50), (i + 49) / 50, 'T',
                 '{\"n\":' || i || ',\"pad\":\"' || hex(zeroblob(60)) || '\"}', '2025-01-01T00:00:00Z' FROM n;",
        )
        .unwrap();
    4096
}

#[test]
fn a_damaged_page_is_one_fault_and_what_lies_behind_it_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.sqlite");
    let size = small_rows(&path);
    let bytes = fs::read(&path).unwrap();
    type Damage = fn(&mut [u8]);
    let zeroed: Damage = |page| page.fill(0);
    let filled: Damage = |page| page.fill(0xff);
    // The numbers of the rows behind can still be read.
    let cells: Damage = |page| page[8..12].copy_from_slice(&[0xff, 0xff, 0, 1]);
    let leaves: Vec<usize> = (2..bytes.len() / size).filter(|page| bytes[page * size] == 0x0d).collect();
    for (damage, pages) in
        [(zeroed, &leaves[20..21]), (filled, &leaves[20..21]), (zeroed, &leaves[10..12]), (cells, &leaves[30..31])]
    {
        let mut damaged = bytes.clone();
        pages.iter().for_each(|page| damage(&mut damaged[page * size..(page + 1) * size]));
        fs::write(&path, damaged).unwrap();
        let source = opened(&path);
        let progress = source.progress();
        // A page has some twenty rows; of two pages side by side one fault is told.
        let lost = 2000 - progress.events;
        assert!((1..=2 * 25).contains(&lost) && progress.troubles == 1, "{progress:?}");
        let doubts = source.about().doubts;
        assert!(doubts.len() == 1 && doubts[0].contains("cannot be read, the file is damaged there"), "{doubts:?}");
        let page = source.events(&EventQuery::first(Scope::All, 3000), &Cancel::default()).unwrap();
        let unreadable: Vec<_> = page.events.iter().filter_map(|event| event.trouble.as_ref()).collect();
        assert_eq!((page.events.len() as u64, unreadable.len()), (progress.events + 1, 1));
        assert!(unreadable[0].reason.contains("cannot be read, the file is damaged there"), "{unreadable:?}");
        let last = page.events.last().unwrap();
        assert!(last.data.text().contains("\"n\":2000"), "{last:?}");
        for arguments in [&["streams"][..], &["events"], &["export"]] {
            let output = Command::new(env!("CARGO_BIN_EXE_stepback"))
                .args([arguments, &[path.to_str().unwrap(), "--no-cache"]].concat())
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(65), "{said}");
            assert!(said.contains("table events: row"), "{said}");
        }
    }
}
