//! Stores that change while they are open, of every kind that is read again: what they have more appears at its end, what
//! shown stays, and what is no longer what was opened is told.

#![allow(clippy::unwrap_used)]

use std::fs::{self, OpenOptions as Options};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use stepback::domain::{Cancel, Event, EventQuery, Scope, SourceChange};
use stepback::sources::Source;
use stepback::sources::open::{OpenOptions, open};

use crate::support::chunks;
use crate::support::nats;

fn opened(path: &Path) -> Arc<dyn Source> {
    let source = open(path.to_str().unwrap(), &OpenOptions::default()).unwrap();
    // One that ends in the middle of a write fails at its end.
    let _ = source.complete(&Cancel::default(), &mut |_| ());
    source
}

fn all(source: &dyn Source) -> Vec<Arc<Event>> {
    source.events(&EventQuery::first(Scope::All, usize::MAX), &Cancel::default()).unwrap().events
}

/// How many records are known, whether they can still be read or not.
fn count(source: &dyn Source) -> u64 {
    let progress = source.progress();
    assert_eq!(
        source.events(&EventQuery::first(Scope::All, 0), &Cancel::default()).unwrap().total,
        progress.events + progress.troubles
    );
    progress.events + progress.troubles
}

/// Looks until something is told.
fn told(source: &dyn Source) -> SourceChange {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        match source.look().unwrap() {
            SourceChange::Same => assert!(Instant::now() < deadline, "nothing was told"),
            change => return change,
        }
        std::thread::yield_now();
    }
}

/// Looks again and again, for longer than the clock of a file takes to tick: a small store is read within each look.
fn nothing_is_told(source: &dyn Source) {
    let end = Instant::now() + Duration::from_millis(50);
    while Instant::now() < end {
        assert_eq!(source.look().unwrap(), SourceChange::Same);
        std::thread::yield_now();
    }
}

/// What is told of it as new is what opening it again finds, at its end.
fn grows(source: &dyn Source, path: &Path) -> usize {
    let before = all(source);
    let streams = source.streams(0, usize::MAX).unwrap().streams;
    assert_eq!(told(source), SourceChange::Grown, "{}", path.display());
    source.complete(&Cancel::default(), &mut |_| ()).unwrap();
    let (after, again) = (all(source), opened(path));
    assert!(after == all(&*again), "{:?}", after.iter().zip(all(&*again)).find(|(a, b)| *a != b));
    assert!(after[..before.len()] == before[..], "ordinals stay");
    assert_eq!(source.progress(), again.progress());
    let listed = source.streams(0, usize::MAX).unwrap();
    assert_eq!((listed.total, listed.streams.len()), (again.streams(0, 0).unwrap().total, listed.total));
    for (at, stream) in listed.streams.iter().enumerate() {
        assert!(streams.get(at).is_none_or(|before| before.stream == stream.stream), "streams keep their places");
        assert_eq!(source.streams(at, 1).unwrap().streams, std::slice::from_ref(stream));
        assert_eq!(again.stream(&stream.stream).unwrap().as_ref(), Some(stream));
        let query = EventQuery::first(Scope::Stream(stream.stream.clone()), usize::MAX);
        let page = |source: &dyn Source| source.events(&query, &Cancel::default()).unwrap();
        assert_eq!(page(source), page(&*again));
    }
    nothing_is_told(source);
    after.len() - before.len()
}

fn add(path: &Path, text: &[u8]) {
    Options::new().append(true).open(path).unwrap().write_all(text).unwrap();
}

/// Writes a file as a tool does that puts it in place when it is whole.
fn put(path: &Path, content: &[u8]) {
    let other = path.with_extension("new");
    fs::write(&other, content).unwrap();
    fs::rename(other, path).unwrap();
}

fn element(n: usize) -> String {
    format!(r#"{{"stream":"a-{}","type":"T","version":{},"data":{{"n":{n},"text":"Zoë, \"x\""}}}}"#, n % 7, n / 7)
}

fn array(count: usize) -> Vec<u8> {
    format!("[{}]\n", (0..count).map(element).collect::<Vec<_>>().join(",\n")).into_bytes()
}

fn csv(count: usize) -> Vec<u8> {
    let row = |n: usize| {
        let (stream, version) = (n % 7, n / 7);
        format!(
            "{n},a-{stream},{version},T{},\"{{\"\"n\"\":{n}}}\",2025-01-01T00:{:02}:{:02}Z\n",
            n % 3,
            n / 60,
            n % 60
        )
    };
    ("id,stream,version,type,data,time\n".to_owned() + &(0..count).map(row).collect::<String>()).into_bytes()
}

fn sql(count: usize) -> Vec<u8> {
    let mut dump = String::from(
        "--\n-- PostgreSQL database dump\n--\n\nSET client_encoding = 'UTF8';\n\nCREATE TABLE public.events (\n    \
         id bigint NOT NULL,\n    stream_id text NOT NULL,\n    version integer NOT NULL,\n    type text NOT NULL,\n    \
         data jsonb NOT NULL,\n    created_at timestamp with time zone NOT NULL\n);\n\n\
         COPY public.events (id, stream_id, version, type, data, created_at) FROM stdin;\n",
    );
    for n in 0..count {
        let at = format!("2025-01-01 00:{:02}:{:02}+00", n / 60, n % 60);
        dump += &format!("{n}\ta-{}\t{}\tT{}\t{{\"n\": {n}}}\t{at}\n", n % 7, n / 7, n % 3);
    }
    (dump + "\\.\n\n--\n-- PostgreSQL database dump complete\n--\n\n").into_bytes()
}

fn kcat(count: usize) -> Vec<u8> {
    let record = |n: usize| {
        let (ts, key) = (1_700_000_000_000 + n, n % 7);
        format!(
            r#"{{"topic":"t","partition":0,"offset":{n},"tstype":"create","ts":{ts},"broker":1,"key":"a-{key}","payload":"{{\"type\":\"T\",\"n\":{n}}}"}}"#
        ) + "\n"
    };
    (0..count).map(record).collect::<String>().into_bytes()
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(content).unwrap();
    packed.finish().unwrap()
}

/// So many events as a file of some kind.
type Content = fn(usize) -> Vec<u8>;

const FILES: [(&str, Content); 7] = [
    ("events.csv", csv),
    ("array.json", array),
    ("dump.sql", sql),
    ("records.json", kcat),
    ("events.csv.gz", |count| gzip(&csv(count))),
    ("array.json.gz", |count| gzip(&array(count))),
    ("dump.sql.zst", |count| zstd::encode_all(&sql(count)[..], 1).unwrap()),
];

fn scratch(name: &str) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(name);
    (directory, path)
}

#[test]
fn a_file_that_is_longer_has_new_events() {
    for (name, content) in FILES {
        let (_directory, path) = scratch(name);
        fs::write(&path, content(40)).unwrap();
        let source = opened(&path);
        nothing_is_told(&*source);
        fs::write(&path, content(43)).unwrap();
        assert_eq!(grows(&*source, &path), 3, "{name} written over");
        put(&path, &content(60));
        assert_eq!(grows(&*source, &path), 17, "{name} put in place of it");
        put(&path, &content(60));
        nothing_is_told(&*source);
        assert_eq!(all(&*source).len(), 60);
    }
    let (_directory, path) = scratch("events.csv");
    let whole = csv(500);
    let (part, rest) = whole.split_at(csv(400).len());
    fs::write(&path, part).unwrap();
    let source = opened(&path);
    add(&path, rest);
    assert_eq!(grows(&*source, &path), 100, "appended");
}

/// Every store of the corpus: written again as it is, it is the same; in place of it, too.
#[test]
fn a_store_that_is_written_as_it_was_is_the_same() {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus")];
    let mut tried = 0;
    while let Some(folder) = folders.pop() {
        for original in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if original.is_dir() {
                folders.push(original);
                continue;
            }
            let (_directory, path) = scratch(original.file_name().unwrap().to_str().unwrap());
            let content = fs::read(&original).unwrap();
            fs::write(&path, &content).unwrap();
            let Ok(source) = open(path.to_str().unwrap(), &OpenOptions::default()) else { continue };
            if source.complete(&Cancel::default(), &mut |_| ()).is_err() || !path.is_file() {
                continue;
            }
            let before = all(&*source);
            nothing_is_told(&*source);
            fs::write(&path, &content).unwrap();
            nothing_is_told(&*source);
            // JSON Lines are read on, and another file is another one.
            if !before.is_empty() && source.about().kind != "JSON Lines" {
                put(&path, &content);
                nothing_is_told(&*source);
                tried += 1;
            }
            assert!(all(&*source) == before, "{}", original.display());
        }
    }
    assert!(tried >= 8, "{tried}");
}

#[test]
fn what_is_no_longer_what_was_opened_is_told_once() {
    for (name, content) in FILES {
        let (_directory, path) = scratch(name);
        let start = || {
            fs::write(&path, content(40)).unwrap();
            let source = opened(&path);
            nothing_is_told(&*source);
            source
        };
        let stays = |source: &dyn Source, change: SourceChange, why: &str| {
            assert_eq!(told(source), change, "{name}: {why}");
            nothing_is_told(source);
            assert_eq!(count(source), 40, "{name}: {why}");
        };
        let source = start();
        fs::write(&path, content(20)).unwrap();
        stays(&*source, SourceChange::Truncated, "fewer");
        // It is written again, and longer.
        fs::write(&path, content(50)).unwrap();
        assert_eq!(told(&*source), SourceChange::Grown, "{name}");
        assert_eq!(all(&*source), all(&*opened(&path)));

        let source = start();
        fs::write(&path, b"").unwrap();
        stays(&*source, SourceChange::Truncated, "nothing");
        let source = start();
        put(&path, &content(20));
        stays(&*source, SourceChange::Replaced, "another");
        let source = start();
        put(&path, b"something else altogether\n");
        stays(&*source, SourceChange::Replaced, "something else");
        let source = start();
        fs::remove_file(&path).unwrap();
        stays(&*source, SourceChange::Removed, "removed");
        fs::write(&path, content(40)).unwrap();
        assert_eq!(told(&*source), SourceChange::Grown, "{name}: it is back");
        let source = start();
        fs::remove_file(&path).unwrap();
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        stays(&*source, SourceChange::Replaced, "a pipe, which nobody opens");
        fs::remove_file(&path).unwrap();
    }
}

#[test]
fn what_is_inserted_or_changed_in_the_middle_is_told() {
    let (_directory, path) = scratch("events.csv");
    let text = String::from_utf8(csv(40)).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let inserted = [&lines[..10], &["8,a-9,0,T,{},2025-01-01T00:00:00Z"], &lines[10..]].concat().join("\n") + "\n";
    let exchanged = text.replace("\n5,a-5", "\n5,a-6");
    let payload = text.replace("{\"\"n\"\":5}", "{\"\"n\"\":6}");
    for changed in [inserted, exchanged, payload] {
        assert_ne!(changed, text);
        fs::write(&path, &text).unwrap();
        let source = opened(&path);
        nothing_is_told(&*source);
        fs::write(&path, changed + "40,a-5,5,T1,{},2025-01-01T00:00:40Z\n").unwrap();
        assert_eq!(told(&*source), SourceChange::Truncated);
        nothing_is_told(&*source);
        assert_eq!(count(&*source), 40);
    }
}

/// A writer is met in the middle of its write, at any byte: what was there stays, what is bad only because its rest is not
/// there yet is gone when it is, and nothing of it is ever kept.
#[test]
fn a_writer_in_the_middle_of_its_write_takes_nothing_away() {
    let mut random = 0x9e37_79b9_u64;
    let mut below = move |limit: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random % limit as u64) as usize
    };
    for (name, content) in FILES {
        let (_directory, path) = scratch(name);
        let before = content(30);
        for round in 0..5 {
            fs::write(&path, &before).unwrap();
            let source = opened(&path);
            nothing_is_told(&*source);
            let whole = content(60);
            let mut cut = below(whole.len());
            // Several writes, as a buffer is emptied, with a look between some of them.
            while cut < whole.len() {
                fs::write(&path, &whole[..cut]).unwrap();
                for _ in 0..below(3) {
                    source.look().unwrap();
                }
                assert!(count(&*source) >= 30, "{name} {round}: cut at {cut}");
                cut += 1 + below(whole.len());
            }
            fs::write(&path, &whole).unwrap();
            let deadline = Instant::now() + Duration::from_secs(60);
            while count(&*source) != 60 || source.progress().troubles > 0 {
                source.look().unwrap();
                assert!(Instant::now() < deadline, "{name} {round}: {:?}", source.progress());
            }
            // It may have been read in the middle once more.
            nothing_is_told(&*source);
            assert_eq!(all(&*source), all(&*opened(&path)), "{name} {round}");
            assert_eq!((source.progress().events, source.progress().troubles), (60, 0), "{name} {round}");
        }
    }
}

#[cfg(feature = "sqlite")]
mod sqlite {
    use rusqlite::Connection;

    use super::*;

    fn store(path: &Path) -> Connection {
        let writer = Connection::open(path).unwrap();
        writer
            .execute_batch(
                "CREATE TABLE events (position INTEGER PRIMARY KEY, stream_id TEXT NOT NULL, version INTEGER NOT NULL,
                 type TEXT NOT NULL, data TEXT NOT NULL, created_at TEXT NOT NULL, UNIQUE (stream_id, version))",
            )
            .unwrap();
        writer
    }

    fn insert(writer: &Connection, numbers: std::ops::Range<usize>) {
        let transaction = writer.unchecked_transaction().unwrap();
        for n in numbers {
            let (stream, at) = (format!("a-{}", n % 7), format!("2025-01-01T00:{:02}:{:02}Z", n / 60 % 60, n % 60));
            let data = format!("{{\"n\":{n}}}");
            transaction
                .execute(
                    "INSERT INTO events (stream_id, version, type, data, created_at) VALUES (?1, ?2, 'T', ?3, ?4)",
                    rusqlite::params![stream, (n / 7) as i64, data, at],
                )
                .unwrap();
        }
        transaction.commit().unwrap();
    }

    fn pragma(writer: &Connection, pragma: &str) {
        writer.execute_batch(&format!("PRAGMA {pragma}")).unwrap();
    }

    /// Names and sizes of what lies in a directory.
    fn listing(path: &Path) -> Vec<(PathBuf, u64)> {
        let entries = fs::read_dir(path.parent().unwrap()).unwrap().flatten();
        let mut listing: Vec<_> = entries.map(|entry| (entry.path(), entry.metadata().unwrap().len())).collect();
        listing.sort();
        listing
    }

    #[test]
    fn a_database_without_a_log_is_followed() {
        let (_directory, path) = scratch("store.db");
        let writer = store(&path);
        insert(&writer, 0..50);
        let source = opened(&path);
        nothing_is_told(&*source);
        for from in [50, 58, 66, 1000] {
            insert(&writer, from..from + 8);
            let before = listing(&path);
            assert_eq!(grows(&*source, &path), 8);
            assert_eq!(listing(&path), before, "looking leaves nothing behind");
        }
        // In the middle of a transaction whose pages are in the file already, under a journal.
        pragma(&writer, "cache_size = 1");
        let transaction = writer.unchecked_transaction().unwrap();
        insert_within(&transaction, 2000..4000);
        assert!(path.with_extension("db-journal").exists());
        nothing_is_told(&*source);
        assert_eq!(all(&*source), all(&*opened(&path)));
        transaction.commit().unwrap();
        assert_eq!(grows(&*source, &path), 2000);

        // What is no event changes nothing.
        writer.execute_batch("CREATE TABLE other (a); INSERT INTO other VALUES (1)").unwrap();
        nothing_is_told(&*source);
        assert_eq!(all(&*source), all(&*opened(&path)));
        writer.execute_batch("VACUUM").unwrap();
        nothing_is_told(&*source);
        assert_eq!(all(&*source), all(&*opened(&path)), "its pages lie elsewhere now");
    }

    fn insert_within(writer: &Connection, numbers: std::ops::Range<usize>) {
        for n in numbers {
            writer
                .execute(
                    "INSERT INTO events (stream_id, version, type, data, created_at) VALUES (?1, 0, 'T', '{}', '2025-01-01')",
                    [format!("b-{n}")],
                )
                .unwrap();
        }
    }

    #[test]
    fn a_database_with_a_log_is_followed() {
        let (_directory, path) = scratch("store.db");
        let writer = store(&path);
        pragma(&writer, "journal_mode = WAL");
        pragma(&writer, "wal_autocheckpoint = 0");
        insert(&writer, 0..50);
        let source = opened(&path);
        nothing_is_told(&*source);
        let size = fs::metadata(&path).unwrap().len();
        for from in [50, 58, 66] {
            insert(&writer, from..from + 8);
            assert_eq!(grows(&*source, &path), 8);
        }
        assert_eq!(fs::metadata(&path).unwrap().len(), size, "only the log grew");
        for checkpoint in ["PASSIVE", "RESTART", "TRUNCATE"] {
            pragma(&writer, &format!("wal_checkpoint({checkpoint})"));
            nothing_is_told(&*source);
            assert_eq!(all(&*source), all(&*opened(&path)), "a checkpoint moves pages, and nothing else");
        }
        // The log is empty now; then it starts over, in the place it has.
        insert(&writer, 100..108);
        assert_eq!(grows(&*source, &path), 8);
        pragma(&writer, "wal_checkpoint(RESTART)");
        insert(&writer, 108..109);
        assert_eq!(grows(&*source, &path), 1);
        writer.close().unwrap();
        nothing_is_told(&*source);
        assert_eq!(all(&*source).len(), 83);
    }

    #[test]
    fn what_was_deleted_changed_or_inserted_before_is_told() {
        for (statement, is_told) in [
            ("DELETE FROM events WHERE position = 50", true),
            ("DELETE FROM events WHERE position = 3", true),
            ("UPDATE events SET data = '{}' WHERE position = 3", true),
            ("UPDATE events SET stream_id = 'b-1' WHERE position = 3", true),
            ("INSERT INTO events VALUES (-1, 'b-1', 0, 'T', '{}', '2025-01-01')", true),
            ("UPDATE events SET data = data", false),
        ] {
            for mode in ["DELETE", "WAL"] {
                let (_directory, path) = scratch("store.db");
                let writer = store(&path);
                pragma(&writer, &format!("journal_mode = {mode}"));
                insert(&writer, 0..50);
                let source = opened(&path);
                nothing_is_told(&*source);
                writer.execute_batch(statement).unwrap();
                if is_told {
                    assert_eq!(told(&*source), SourceChange::Truncated, "{mode}: {statement}");
                }
                nothing_is_told(&*source);
                assert_eq!(count(&*source), 50);
            }
        }
    }

    /// While somebody writes, every look shows a beginning of what there is in the end.
    #[test]
    fn a_database_that_is_written_all_the_time_is_followed() {
        for mode in ["DELETE", "WAL"] {
            let (_directory, path) = scratch("store.db");
            let writer = store(&path);
            pragma(&writer, &format!("journal_mode = {mode}"));
            pragma(&writer, "synchronous = OFF");
            insert(&writer, 0..7);
            let source = opened(&path);
            nothing_is_told(&*source);
            let writing = std::thread::spawn(move || {
                (1..200).for_each(|n| insert(&writer, n * 7..n * 7 + 7));
                drop(writer);
            });
            let mut seen = Vec::new();
            while !writing.is_finished() {
                assert!(matches!(source.look().unwrap(), SourceChange::Same | SourceChange::Grown), "{mode}");
                seen.push(count(&*source));
            }
            writing.join().unwrap();
            let deadline = Instant::now() + Duration::from_secs(60);
            while count(&*source) < 1400 {
                assert!(matches!(source.look().unwrap(), SourceChange::Same | SourceChange::Grown), "{mode}");
                assert!(Instant::now() < deadline, "{mode}: {}", count(&*source));
            }
            assert!(seen.is_sorted(), "{mode}: {seen:?}");
            nothing_is_told(&*source);
            assert_eq!(all(&*source), all(&*opened(&path)), "{mode}");
        }
    }
}

#[test]
fn a_folder_of_chunks_is_followed() {
    let directory = tempfile::tempdir().unwrap();
    let mut log = chunks::Log::new(16 << 10);
    log.event("a-1", 0, "One", "{}");
    log.link("$ce-a", 0, "0@a-1");
    log.event("a-2", 0, "One", "{}");
    log.link("$ce-a", 1, "0@a-2");
    log.write(directory.path());
    let source = opened(directory.path());
    nothing_is_told(&*source);
    // A new stream comes before the one of links in the order of its reader, and behind it in what is shown.
    log.event("a-1", 1, "Two", "{}");
    log.link("$ce-a", 2, "1@a-1");
    log.event("b-1", 0, "One", "{}");
    log.link("$ce-b", 0, "0@b-1");
    log.write(directory.path());
    assert_eq!(grows(&*source, directory.path()), 2);
    let names = |source: &dyn Source| -> Vec<String> {
        source.streams(0, usize::MAX).unwrap().streams.iter().map(|stream| stream.stream.to_string()).collect()
    };
    assert_eq!(names(&*source), ["a-1", "a-2", "$ce-a", "b-1", "$ce-b"]);
    log.next();
    log.event("c-1", 0, "One", "{}");
    log.link("$ce-a", 3, "0@c-1");
    log.write(directory.path());
    assert_eq!(grows(&*source, directory.path()), 1);
    assert_eq!(names(&*source), ["a-1", "a-2", "$ce-a", "b-1", "$ce-b", "c-1"]);
    assert_eq!(source.streams(1, 3).unwrap().streams.len(), 3);

    // A scavenge rewrites a file; as long as it takes nothing away, nothing is told.
    let first = directory.path().join("chunk-000000.000000");
    log.file(0, 0).scavenged(|_| true).write(directory.path(), 1);
    fs::remove_file(&first).unwrap();
    nothing_is_told(&*source);
    assert_eq!(all(&*source), all(&*opened(directory.path())));
    log.file(0, 0).scavenged(|position| position > 0).write(directory.path(), 2);
    fs::remove_file(first.with_extension("000001")).unwrap();
    assert_eq!(told(&*source), SourceChange::Truncated);
    nothing_is_told(&*source);
    fs::remove_dir_all(directory.path()).unwrap();
    assert_eq!(told(&*source), SourceChange::Removed);
}

#[test]
fn a_jetstream_folder_is_followed() {
    let Some(program) = nats::program() else { return };
    let directory = tempfile::tempdir().unwrap();
    let server = nats::Server::start(&program, directory.path(), &[]);
    let mut client = server.client();
    let said = serde_json::json!({"name": "ORDERS", "subjects": ["orders.>"], "storage": "file"});
    client.ask("$JS.API.STREAM.CREATE.ORDERS", &said);
    client.publish("orders.1", &[], b"{\"n\":1}");
    client.publish("orders.2", &[], b"{\"n\":2}");
    let path = directory.path().join("jetstream/$G/streams/ORDERS");
    let source = opened(&path);
    let mut known = all(&*source).len();
    assert!(known <= 2);
    for n in 3..20 {
        client.publish(&format!("orders.{}", n % 5), &[], format!("{{\"n\":{n}}}").as_bytes());
        // The server keeps messages to itself for a moment.
        assert_eq!(told(&*source), SourceChange::Grown);
        let now = all(&*source);
        assert!(now.len() > known && now.iter().all(|event| event.trouble.is_none()), "{known}");
        known = now.len();
    }
    let deadline = Instant::now() + Duration::from_secs(60);
    while count(&*source) < 19 {
        assert!(matches!(source.look().unwrap(), SourceChange::Same | SourceChange::Grown));
        assert!(Instant::now() < deadline);
    }
    client.ask("$JS.API.STREAM.MSG.DELETE.ORDERS", &serde_json::json!({"seq": 1}));
    assert_eq!(told(&*source), SourceChange::Truncated);
    server.stop();
}

/// Somebody who never stops: every look finds half a line at the end, another one each time, and still what is whole
/// appears.
#[test]
fn a_writer_who_never_ends_a_line_is_followed() {
    let (_directory, path) = scratch("events.csv");
    fs::write(&path, csv(10)).unwrap();
    let source = opened(&path);
    nothing_is_told(&*source);
    let whole = csv(15);
    add(&path, &whole[csv(10).len()..]);
    add(&path, b"15,a-1,2,T1,\"");
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        add(&path, b"x");
        match source.look().unwrap() {
            SourceChange::Same => assert!(Instant::now() < deadline),
            change => break assert_eq!(change, SourceChange::Grown),
        }
    }
    assert_eq!(source.progress().events, 15);
    add(&path, b"\",2025-01-01T00:00:15Z\n");
    while source.progress().events < 16 {
        assert!(
            matches!(source.look().unwrap(), SourceChange::Same | SourceChange::Grown) && Instant::now() < deadline
        );
    }
    nothing_is_told(&*source);
    assert_eq!(source.progress().troubles, 0);
    assert_eq!(all(&*source), all(&*opened(&path)));
}

/// A store that forgets its oldest events as new ones come is never at rest, and is told all the same.
#[test]
fn a_store_that_is_another_at_every_look_is_told() {
    let (_directory, path) = scratch("array.json");
    let elements: Vec<String> = (0..5000).map(element).collect();
    let content = |from: usize| format!("[{}]", elements[from..from + 40].join(",")).into_bytes();
    fs::write(&path, content(0)).unwrap();
    let source = opened(&path);
    nothing_is_told(&*source);
    let deadline = Instant::now() + Duration::from_secs(60);
    let changes = (1..).map(|from| {
        fs::write(&path, content(from % 4900)).unwrap();
        assert!(Instant::now() < deadline, "nothing was told");
        source.look().unwrap()
    });
    assert_eq!(changes.into_iter().find(|change| *change != SourceChange::Same), Some(SourceChange::Truncated));
}

/// One that is opened in the middle of a write is gone on with when the write is done.
#[test]
fn what_is_opened_in_the_middle_of_a_write_is_gone_on_with() {
    for (name, content) in FILES {
        let (_directory, path) = scratch(name);
        let whole = content(300);
        let (mut opens, mut followed) = (0, 0);
        for part in (4..16).step_by(2) {
            fs::write(&path, &whole[..whole.len() * part / 16 + part]).unwrap();
            let Ok(source) = open(path.to_str().unwrap(), &OpenOptions::default()) else { continue };
            let _ = source.complete(&Cancel::default(), &mut |_| ());
            if source.progress().events == 0 {
                continue;
            }
            opens += 1;
            nothing_is_told(&*source);
            fs::write(&path, &whole).unwrap();
            if told(&*source) == SourceChange::Grown {
                followed += 1;
                assert_eq!((source.progress().events, source.progress().troubles), (300, 0), "{name} {part}");
                assert_eq!(all(&*source), all(&*opened(&path)));
            }
        }
        // Of something packed that is small nothing comes out before all of it is there.
        assert!(followed == opens && (opens > 4 || name.ends_with(".zst")), "{name}: {followed} of {opens}");
    }
}
