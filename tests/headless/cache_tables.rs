//! Indexes of dumps, SQLite files, tables of text and documents, kept between two runs: all answers are the same with them
//! and without, what is kept is not looked for again, and nothing that is wrong with an entry is seen.

#![cfg(feature = "sqlite")]
#![allow(clippy::unwrap_used)]

use std::fmt::Write as _;
use std::fs::{self, File};
use std::ops::ControlFlow;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use rusqlite::{Connection, params};
use stepback::domain::{
    About, Anchor, Cancel, DeclaredStream, Direction, Event, EventQuery, FailureKind, Progress, Scope, StoredSnapshot,
    StreamPage,
};
use stepback::sources::cache::{Blocks, Cache, Kept};
use stepback::sources::open::{OpenOptions, open};
use stepback::sources::{Source, TypeCount};

use crate::support::postgres;

/// A folder with a store in it and the cache; in memory, where that can be had, for every entry waits for the disk.
struct Desk {
    folder: tempfile::TempDir,
    store: PathBuf,
    /// The layout that is asked for, where it is not to be recognised.
    layout: Option<&'static str>,
}

impl Desk {
    fn new(name: &str, content: &[u8]) -> Self {
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let store = folder.path().join(name);
        fs::write(&store, content).unwrap();
        let desk = Self { folder, store, layout: None };
        desk.settle();
        desk
    }

    /// A database made by these statements.
    fn database(name: &str, fill: impl FnOnce(&Connection)) -> Self {
        let desk = Self::new(name, b"");
        let connection = Connection::open(&desk.store).unwrap();
        fill(&connection);
        connection.close().unwrap();
        desk.settle();
        desk
    }

    /// As if it had been changed long ago: what was changed just now is not kept.
    fn settle(&self) {
        settle(&self.store);
    }

    fn cache(&self) -> PathBuf {
        self.folder.path().join("cache")
    }

    /// Read by this layout: recognising one of all takes most of the time of opening something small.
    fn by(mut self, layout: &'static str) -> Self {
        self.layout = Some(layout);
        self
    }

    fn options(&self) -> OpenOptions {
        OpenOptions {
            cache: Some(self.cache()),
            keep_from: Some(1),
            layout: self.layout.map(Into::into),
            ..OpenOptions::default()
        }
    }

    fn open(&self, options: &OpenOptions) -> Arc<dyn Source> {
        open(self.store.to_str().unwrap(), options).unwrap()
    }

    /// Without a cache.
    fn plain(&self) -> Answers {
        answers(&*self.open(&OpenOptions { cache: None, ..self.options() }))
    }

    /// With it; the entry is there afterwards.
    fn kept(&self) -> Answers {
        answers(&*self.open(&self.options()))
    }

    fn entries(&self) -> Vec<PathBuf> {
        Cache::new(&self.cache()).list().unwrap().into_iter().map(|entry| entry.file).collect()
    }

    fn entry(&self) -> PathBuf {
        let [entry] = &self.entries()[..] else { panic!("{:?}", self.entries()) };
        entry.clone()
    }

    /// Asks everything with the entry that is there, and says whether it was used: else it would have been rewritten.
    fn uses_entry(&self) -> (Answers, bool) {
        let inode = || fs::metadata(self.entry()).unwrap().ino();
        let before = inode();
        let answers = self.kept();
        (answers, inode() == before)
    }
}

fn settle(path: &Path) {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + COUNT.fetch_add(1, Ordering::Relaxed));
    File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
}

/// Everything a source can be asked.
#[derive(PartialEq, Debug)]
struct Answers {
    about: About,
    progress: Progress,
    streams: StreamPage,
    types: Option<Vec<TypeCount>>,
    events: Vec<Vec<Arc<Event>>>,
    orders: Vec<Option<u64>>,
    snapshots: Vec<StoredSnapshot>,
    declared: Vec<DeclaredStream>,
    rows: Vec<Vec<String>>,
}

fn answers(source: &dyn Source) -> Answers {
    let cancel = Cancel::default();
    source.check(&cancel, &mut |_| ()).unwrap();
    let streams = source.streams(0, usize::MAX).unwrap();
    let page = |scope: Scope, from, direction| {
        source.events(&EventQuery { from, direction, ..EventQuery::first(scope, 5000) }, &cancel).unwrap().events
    };
    let mut events = vec![
        page(Scope::All, Anchor::Start, Direction::Forward),
        page(Scope::All, Anchor::End, Direction::Backward),
        page(Scope::All, Anchor::Ordinal(7), Direction::Forward),
    ];
    let mut orders = Vec::new();
    for summary in streams.streams.iter().step_by(1 + streams.streams.len() / 8) {
        let scope = Scope::Stream(summary.stream.clone());
        events.push(page(scope.clone(), Anchor::End, Direction::Backward));
        events.push(page(Scope::Category(summary.stream.category().into()), Anchor::Start, Direction::Forward));
        orders.extend((0..20).map(|ordinal| source.translate(&Scope::All, ordinal, &scope).unwrap()));
        orders.extend((0..20).map(|ordinal| source.translate(&scope, ordinal, &Scope::All).unwrap()));
    }
    let about = source.about();
    let (mut snapshots, mut declared) = (Vec::new(), Vec::new());
    let go = ControlFlow::Continue(());
    source.snapshots(&cancel, &mut |snapshot| (snapshots.push(snapshot), go).1).unwrap();
    source.declared(&cancel, &mut |stream| (declared.push(stream), go).1).unwrap();
    let rows = about.beside.iter().map(|beside| {
        let mut rows = Vec::new();
        source.rows(&beside.name, &cancel, &mut |row| (rows.push(row), go).1).unwrap();
        rows
    });
    let rows = rows.collect();
    let (progress, types) = (source.progress(), source.types().unwrap());
    Answers { about, progress, streams, types, events, orders, snapshots, declared, rows }
}

fn corpus(name: &str) -> Desk {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(name);
    Desk::new(path.file_name().unwrap().to_str().unwrap(), &fs::read(&path).unwrap())
}

/// A dump of a Message DB table, with a table of something else, and rows that are none.
fn dump(events: usize) -> String {
    let mut text = String::from(
        "--\n-- PostgreSQL database dump\n--\n\nSET client_encoding = 'UTF8';\n\nCREATE SCHEMA message_store;\n\n\
         CREATE TABLE message_store.messages (\n    global_position bigint NOT NULL,\n    \"position\" bigint NOT NULL,\n    \
         \"time\" timestamp without time zone NOT NULL,\n    stream_name text NOT NULL,\n    type text NOT NULL,\n    \
         data jsonb,\n    metadata jsonb,\n    id uuid NOT NULL\n);\n\n\
         CREATE TABLE public.notes (\n    id integer,\n    text character varying(200)\n);\n\n\
         COPY public.notes (id, text) FROM stdin;\n1\tone\n2\t\\N\n\\.\n\n\
         COPY message_store.messages (global_position, \"position\", \"time\", stream_name, type, data, metadata, id) FROM stdin;\n",
    );
    for number in 0..events {
        if number % 500 == 499 {
            text.push_str("not a row\n");
        }
        // Not in the order of their positions.
        let position = if number % 2 == 0 { number + 1 } else { number - 1 };
        writeln!(
            text,
            "{}\t{}\t2025-01-01 00:00:{:02}\ts{}-{}\tT{}\t{{\"n\":{number}}}\t{{}}\t2f61396f-5670-44f4-99d0-{number:012}",
            position + 1,
            number / 7,
            number % 60,
            number % 2,
            number % 7,
            number % 3,
        )
        .unwrap();
    }
    text.push_str("\\.\n\n--\n-- PostgreSQL database dump complete\n--\n");
    text
}

/// The same events as statements of MySQL, in several stretches.
fn statements(events: usize) -> String {
    let mut text = String::from(
        "-- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)\n\n/*!40101 SET NAMES utf8mb4 */;\n\
         CREATE TABLE `stored_events` (\n  `id` bigint unsigned NOT NULL AUTO_INCREMENT,\n  `aggregate_uuid` char(36) DEFAULT NULL,\n  \
         `aggregate_version` bigint unsigned DEFAULT NULL,\n  `event_version` tinyint unsigned NOT NULL DEFAULT '1',\n  \
         `event_class` varchar(255) NOT NULL,\n  `event_properties` json NOT NULL,\n  `meta_data` json NOT NULL,\n  \
         `created_at` timestamp NOT NULL,\n  PRIMARY KEY (`id`)\n) ENGINE=InnoDB;\n\
         CREATE TABLE `users` (\n  `id` int NOT NULL,\n  `name` varchar(100)\n) ENGINE=InnoDB;\n",
    );
    for number in 0..events {
        writeln!(
            text,
            "INSERT INTO `stored_events` VALUES ({},'2f61396f-5670-44f4-99d0-{:012}',{},1,'App.T{}','{{\\\"n\\\": {number}}}','{{}}','2025-01-01 00:00:00');",
            number + 1,
            number % 5,
            number / 5 + 1,
            number % 3
        )
        .unwrap();
        if number % 100 == 50 {
            writeln!(text, "INSERT INTO `users` VALUES ({number},'somebody\\'s');").unwrap();
        }
    }
    text.push_str("-- Dump completed on 2025-01-01  0:00:00\n");
    text
}

/// A Commanded store, whose rows of events do not say in which streams they are: one is in none of the global order; in a
/// store with links one is in two streams.
fn linked(links: bool) -> String {
    let id = |number: usize| format!("2f61396f-5670-44f4-99d0-{number:012}");
    let mut text = String::from(
        "--\n-- PostgreSQL database dump\n--\n\n\
         CREATE TABLE public.events (event_id uuid NOT NULL, event_type text NOT NULL, causation_id uuid, \
         correlation_id uuid, data bytea NOT NULL, metadata bytea, created_at timestamp with time zone NOT NULL);\n\
         CREATE TABLE public.stream_events (event_id uuid NOT NULL, stream_id bigint NOT NULL, stream_version bigint NOT NULL, \
         original_stream_id bigint, original_stream_version bigint);\n\
         CREATE TABLE public.streams (stream_id bigint NOT NULL, stream_uuid text NOT NULL, stream_version bigint NOT NULL, \
         created_at timestamp with time zone NOT NULL, deleted_at timestamp with time zone);\n\n\
         COPY public.events (event_id, event_type, causation_id, correlation_id, data, metadata, created_at) FROM stdin;\n",
    );
    for number in 1..9 {
        let time = format!("2025-01-01 00:00:{number:02}+00");
        writeln!(text, "{}\tElixir.Shop.T{}\t\\N\t\\N\t\\\\x7b7d\t\\\\x7b7d\t{time}", id(number), number % 3).unwrap();
    }
    text.push_str("\\.\n\nCOPY public.stream_events (event_id, stream_id, stream_version, original_stream_id, original_stream_version) FROM stdin;\n");
    for number in 1..9 {
        writeln!(text, "{}\t1\t{number}\t1\t{number}", id(number)).unwrap();
        if number != 5 {
            writeln!(text, "{}\t0\t{}\t1\t{number}", id(number), 10 - number).unwrap();
        }
    }
    if links {
        writeln!(text, "{}\t2\t1\t1\t3", id(3)).unwrap();
    }
    text.push_str(
        "\\.\n\nCOPY public.streams (stream_id, stream_uuid, stream_version, created_at, deleted_at) FROM stdin;\n",
    );
    for (number, name) in ["$all", "order-1", "payments"].iter().enumerate() {
        writeln!(text, "{number}\t{name}\t8\t2025-01-01 00:00:00+00\t\\N").unwrap();
    }
    text.push_str("\\.\n");
    text
}

/// An event store of Python's `eventsourcing`, with its rows under other names for them.
fn python(connection: &Connection, events: usize, rows: &str) {
    let id = |number: usize| format!("2f61396f-5670-44f4-99d0-{number:012}");
    connection
        .execute_batch(&format!(
            "CREATE TABLE stored_events (originator_id TEXT, originator_version INTEGER, topic TEXT, state BLOB,
             PRIMARY KEY (originator_id, originator_version)) {rows};
             CREATE TABLE stored_snapshots (originator_id TEXT, originator_version INTEGER, topic TEXT, state BLOB,
             PRIMARY KEY (originator_id, originator_version)) {rows};
             CREATE TABLE stored_tracking (application_name TEXT, notification_id INTEGER)"
        ))
        .unwrap();
    let insert = |table: &str, number: usize, version: usize| {
        let state = format!(
            r#"{{"timestamp":{{"_type_":"datetime_iso","_data_":"2025-01-01T00:00:{:02}+00:00"}},"n":{number}}}"#,
            number % 60
        );
        let sql = format!("INSERT INTO {table} VALUES (?1, ?2, ?3, ?4)");
        let topic = format!("shop.domain:Order.T{}", number % 3);
        connection.execute(&sql, params![id(number % 11), version as i64, topic, state.as_bytes()]).unwrap();
    };
    connection.execute_batch("BEGIN").unwrap();
    (0..events).for_each(|number| insert("stored_events", number, number / 11 + 1));
    (0..11).for_each(|number| insert("stored_snapshots", number, 2));
    connection.execute_batch("INSERT INTO stored_tracking VALUES ('reports', 17); COMMIT").unwrap();
}

fn csv(events: usize) -> String {
    let mut text = String::from("id,stream,version,type,time,data\n");
    for number in 0..events {
        let (stream, version) = (number % 7, number / 7 + 1);
        if number == 300 {
            text.push_str("a row of,three,fields\n");
        }
        writeln!(
            text,
            r#"{number},a-{stream},{version},T{},2025-01-01T00:00:{:02}Z,"{{""n"":{number}}}""#,
            number % 3,
            number % 60
        )
        .unwrap();
    }
    text
}

fn array(events: usize) -> String {
    let item = |number: usize| {
        format!(
            r#"{{"stream":"a-{}","type":"T{}","version":{},"data":{{"n":{number}}}}}"#,
            number % 7,
            number % 3,
            number / 7
        )
    };
    format!("[{}]\n", (0..events).map(item).collect::<Vec<_>>().join(",\n"))
}

fn scan(items: usize) -> String {
    let item = |number: usize| {
        let number = items - number;
        format!(
            r#"{{"aggregateId":{{"S":"a-{}"}},"version":{{"N":"{}"}},"eventType":{{"S":"T"}},"timestamp":{{"S":"2025-01-01T00:00:{:02}Z"}},"payload":{{"M":{{"n":{{"N":"{number}"}}}}}}}}"#,
            number % 5,
            number / 5,
            number % 60
        )
    };
    format!(
        r#"{{"Items":[{}],"Count":{items},"ScannedCount":{items}}}"#,
        (0..items).map(item).collect::<Vec<_>>().join(",")
    )
}

/// Stores of every kind, with whether their index is kept.
fn stores() -> Vec<(Desk, bool)> {
    let by_row = |connection: &Connection| {
        python(connection, 900, "");
        // Row numbers nobody expects have places given to them.
        connection.execute("UPDATE stored_events SET rowid = -rowid WHERE rowid % 9 = 0", ()).unwrap();
    };
    vec![
        (corpus("message-db/messages_copy_only.sql"), true),
        (corpus("message-db/message_store.csv"), true),
        (corpus("message-db/messages.jsonl"), true),
        (corpus("generic/camel.jsonl"), true),
        (corpus("cloudevents/events.jsonl"), true),
        (corpus("kafka-kcat/shop.events.kcat-J.jsonl"), true),
        (corpus("cqrs-es-sqlite/cqrs.sqlite"), true),
        (corpus("emmett-sqlite/emmett.sqlite"), true),
        (corpus("commanded/process_manager_rename.sql"), true),
        (Desk::new("inside.sql", linked(false).as_bytes()), true),
        (Desk::new("links.sql", linked(true).as_bytes()), true),
        // It is read as a whole.
        (corpus("redux-devtools/lifted-state-full.json"), false),
        (Desk::new("dump.sql", dump(2000).as_bytes()), true),
        (Desk::new("statements.sql", statements(2000).as_bytes()), true),
        (Desk::database("rows.sqlite", by_row), true),
        (Desk::database("keys.sqlite", |connection| python(connection, 900, "WITHOUT ROWID")), true),
        (Desk::new("table.csv", csv(900).as_bytes()), true),
        (Desk::new("array.json", array(900).as_bytes()), true),
        (Desk::new("scan.json", scan(900).as_bytes()), true),
    ]
}

#[test]
fn every_store_gives_the_same_from_the_cache() {
    for (desk, is_kept) in stores() {
        let name = desk.store.display();
        let plain = desk.plain();
        assert!(plain.progress.events > 1, "{name}: {:?}", plain.progress);
        assert!(!desk.cache().exists(), "nobody asked for a cache");
        assert!(desk.kept() == plain, "{name}, read for the cache");
        if !is_kept {
            assert_eq!(desk.entries().len(), 0, "{name}");
            continue;
        }
        let entry = desk.entry();
        let (again, used) = desk.uses_entry();
        assert!(used, "{name}: the entry is not used");
        assert!(again == plain, "{name}, from the cache");
        let text = fs::read(&entry).unwrap();
        let payload =
            plain.events[0].iter().find(|event| event.data.stored().len() > 20).map(|event| event.data.clone());
        if let Some(payload) = payload {
            assert!(memchr::memmem::find(&text, payload.stored()).is_none(), "{name}: no payload is kept");
        }
        assert_eq!(fs::read_dir(desk.folder.path()).unwrap().count(), 2, "{name}: the store and the cache");
    }
}

#[test]
fn every_form_of_a_real_dump_is_kept() {
    let Some(server) = postgres::Postgres::start() else { return };
    server.execute("postgres", "CREATE DATABASE shop");
    server.execute(
        "shop",
        "CREATE SCHEMA message_store;
         CREATE TABLE message_store.messages (global_position bigint NOT NULL, position bigint NOT NULL,
           time timestamp NOT NULL DEFAULT '2025-01-01 00:00:00', stream_name text NOT NULL, type text NOT NULL, data jsonb,
           metadata jsonb, id uuid NOT NULL DEFAULT gen_random_uuid());
         INSERT INTO message_store.messages (global_position, position, stream_name, type, data, metadata)
           SELECT n, (n - 1) / 9, 's-' || (n - 1) % 9, 'T' || n % 4, jsonb_build_object('n', n, 'text', repeat('é', 40)), '{}'
           FROM generate_series(1, 3000) AS n;
         CREATE TABLE public.notes (id serial, text text);
         INSERT INTO public.notes (text) SELECT 'note ' || n FROM generate_series(1, 50) AS n;
         SELECT lo_from_bytea(0, '\\x7b7d')",
    );
    let forms: [&[&str]; 6] = [
        &["-Fp"],
        &["-Fp", "--inserts"],
        &["-Fp", "--column-inserts", "-E", "LATIN1"],
        &["-Fc"],
        &["-Fc", "-Z0"],
        &["-Fc", "--inserts"],
    ];
    for form in forms {
        let arguments = [&["-d", "shop"][..], form].concat();
        let desk = Desk::new("shop.dump", &server.run("pg_dump", &arguments));
        let plain = desk.plain();
        assert_eq!((plain.progress.events, plain.progress.streams), (3000, 9), "{form:?}");
        assert!(desk.kept() == plain, "{form:?}");
        let (again, used) = desk.uses_entry();
        assert!(used && again == plain, "{form:?}, used: {used}");
        // The last row first: what is packed is unpacked up to there.
        let source = desk.open(&desk.options());
        let last = EventQuery { from: Anchor::Ordinal(2999), ..EventQuery::first(Scope::All, 1) };
        source.complete(&Cancel::default(), &mut |_| ()).unwrap();
        let last = source.events(&last, &Cancel::default()).unwrap().events;
        assert_eq!(last[..], plain.events[0][2999..], "{form:?}");
    }
}

/// Overwrites the middle of a file and leaves its length, its time and its ends as they are.
fn spoil(path: &Path, with: u8, from: u64, until: u64) {
    let file = File::options().write(true).open(path).unwrap();
    let time = file.metadata().unwrap().modified().unwrap();
    file.write_all_at(&vec![with; (until - from) as usize], from).unwrap();
    file.set_modified(time).unwrap();
}

#[test]
fn what_is_kept_is_used_until_the_file_changes() {
    // Rows follow one another from the first page of 64 KiB on.
    let desks = [
        Desk::new("dump.sql", dump(4000).as_bytes()),
        Desk::new("statements.sql", statements(4000).as_bytes()),
        Desk::new("table.csv", csv(8000).as_bytes()),
        Desk::new("array.json", array(8000).as_bytes()),
        Desk::new("scan.json", scan(4000).as_bytes()),
        Desk::database("rows.sqlite", |connection| python(connection, 4000, "")),
    ];
    for desk in desks {
        let name = desk.store.display();
        let whole = desk.kept();
        let (again, used) = desk.uses_entry();
        assert!(used, "{name}");
        assert_eq!((again.progress, again.streams), (whole.progress, whole.streams), "{name}");
        let length = fs::metadata(&desk.store).unwrap().len();
        assert!(length > 300_000, "{name} has {length} bytes");
        // Whoever puts the time of the file back does not put back that of its inode.
        spoil(&desk.store, b'\n', length / 2, length / 2 + 64_000);
        let progress = |options: &OpenOptions| {
            let source = desk.open(options);
            source.complete(&Cancel::default(), &mut |_| ()).unwrap();
            source.progress()
        };
        let scanned = progress(&OpenOptions::default());
        assert_ne!(scanned, whole.progress, "{name}");
        assert_eq!(progress(&desk.options()), scanned, "{name}");
    }
}

/// The smallest stores of some kinds, with short entries.
fn small() -> [Desk; 5] {
    let rows = (0..6).map(|n| {
        format!("2f61396f-5670-44f4-99d0-{n:012},s-{},T,{},{},{{}},{{}},2025-01-01 00:00:00\n", n % 2, n / 2, 9 - n)
    });
    let csv = format!("id,stream_name,type,position,global_position,data,metadata,time\n{}", rows.collect::<String>());
    let unusual = |connection: &Connection| {
        python(connection, 6, "");
        connection.execute("UPDATE stored_events SET rowid = -rowid WHERE rowid = 3", ()).unwrap();
    };
    [
        Desk::new("dump.sql", dump(6).as_bytes()).by("message-db"),
        Desk::database("rows.sqlite", unusual).by("eventsourcing-python"),
        Desk::new("table.csv", csv.as_bytes()).by("message-db"),
        Desk::new("links.sql", linked(true).as_bytes()).by("commanded"),
        Desk::new("array.json", array(8).as_bytes()),
    ]
}

#[test]
fn whatever_bit_turns_the_answers_are_the_same() {
    for (every, desk) in small().into_iter().enumerate() {
        let name = desk.store.display();
        let run = || {
            let source = desk.open(&desk.options());
            source.check(&Cancel::default(), &mut |_| ()).unwrap();
            let streams = source.streams(0, usize::MAX).unwrap();
            let events = |scope| source.events(&EventQuery::first(scope, 10), &Cancel::default()).unwrap();
            let pages = [events(Scope::All), events(Scope::Stream(streams.streams[1].stream.clone()))];
            (source.about(), source.progress(), streams, pages)
        };
        let plain = run();
        let file = desk.entry();
        let kept = fs::read(&file).unwrap();
        assert!((500..4000).contains(&kept.len()), "{name}: {} bytes", kept.len());
        // Every byte of the first three; of the others some will do.
        let step = if every < 3 { 1 } else { 5 };
        for at in (0..kept.len()).step_by(step) {
            let mut wrong = kept.clone();
            wrong[at] ^= 1 << (at % 8);
            fs::write(&file, &wrong).unwrap();
            assert!(run() == plain, "{name}, byte {at}");
        }
        for length in (0..kept.len()).step_by(41) {
            fs::write(&file, &kept[..length]).unwrap();
            assert!(run() == plain, "{name}, cut at {length}");
        }
        assert_eq!(fs::read(desk.entry()).unwrap(), kept, "{name}: it was rewritten");
    }
}

/// The blocks of an entry, the one that says of what it is among them.
fn blocks(entry: &Path) -> Vec<Vec<u8>> {
    let blocks = Blocks::open(entry).unwrap();
    (0..).map_while(|number| blocks.get(number)).collect()
}

#[test]
fn what_is_believed_is_looked_at_all_the_same() {
    for desk in small() {
        desk.kept();
        let file = desk.entry();
        let good = blocks(&file);
        let believed = |blocks: &[Vec<u8>]| {
            let out = File::create(&file).unwrap();
            let mut kept = Kept::new(&out).unwrap();
            blocks.iter().for_each(|block| kept.block(block).unwrap());
            kept.end().unwrap();
            // Whatever it says now: it ends, and not with a bug.
            let source = desk.open(&desk.options());
            source.complete(&Cancel::default(), &mut |_| ()).unwrap();
            let cancel = Cancel::default();
            let mut scopes = vec![Scope::All];
            scopes
                .extend(source.streams(0, 4).unwrap().streams.into_iter().map(|summary| Scope::Stream(summary.stream)));
            for scope in scopes {
                for direction in [Direction::Forward, Direction::Backward] {
                    let from = if direction == Direction::Forward { Anchor::Start } else { Anchor::End };
                    let query = EventQuery { from, direction, ..EventQuery::first(scope.clone(), 10) };
                    if let Err(failure) = source.events(&query, &cancel) {
                        assert!(!failure.why.contains("bug") && failure.kind != FailureKind::Cancelled, "{failure}");
                    }
                }
            }
            drop(source.about());
        };
        for (number, block) in good.iter().enumerate().skip(1) {
            for at in 0..block.len() {
                // Of every number a byte or two, and every number by one.
                for change in [0xff, 0x01] {
                    let tried = if change == 0xff { at % 3 == number % 3 } else { at % 8 == 0 };
                    if !tried {
                        continue;
                    }
                    let mut wrong = good.clone();
                    wrong[number][at] ^= change;
                    believed(&wrong);
                }
            }
            let mut fewer = good.clone();
            fewer.remove(number);
            believed(&fewer);
            let mut twice = good.clone();
            twice.insert(number, block.clone());
            believed(&twice);
        }
    }
}

#[test]
fn what_was_changed_is_read_and_kept_again() {
    let desk = Desk::new("dump.sql", dump(50).as_bytes());
    let check = |what: &str| {
        assert!(desk.kept() == desk.plain(), "{what}, read again");
        let (answers, used) = desk.uses_entry();
        assert!(used && answers == desk.plain(), "{what}, from the cache");
        assert_eq!(desk.entries().len(), 1, "{what}");
    };
    check("new");
    for (what, content) in [("grown", dump(60)), ("shorter", dump(40)), ("something else", csv(30))] {
        fs::write(&desk.store, content).unwrap();
        desk.settle();
        check(what);
    }
    let end = fs::metadata(&desk.store).unwrap().len();
    spoil(&desk.store, b'7', end - 20, end - 17);
    check("another end at the same time");
    desk.settle();
    check("another time");
    let other = desk.folder.path().join("other");
    fs::write(&other, csv(70)).unwrap();
    fs::rename(&other, &desk.store).unwrap();
    desk.settle();
    assert!(desk.kept() == desk.plain(), "replaced");
    assert_eq!(desk.entries().len(), 2, "the other file may still be somewhere");
}

#[test]
fn what_is_written_to_all_the_time_is_not_kept_again_all_the_time() {
    let desk = Desk::new("table.csv", csv(50).as_bytes());
    desk.kept();
    let before = fs::read(desk.entry()).unwrap();
    fs::write(&desk.store, csv(60)).unwrap();
    let now = File::options().write(true).open(&desk.store).unwrap();
    now.set_modified(SystemTime::now() + Duration::from_secs(60)).unwrap();
    assert!(desk.kept() == desk.plain());
    assert!(fs::read(desk.entry()).unwrap() == before, "it has not rested");
    desk.settle();
    desk.kept();
    assert!(fs::read(desk.entry()).unwrap() != before);
}

#[test]
fn the_log_of_a_database_is_a_part_of_it() {
    let desk = Desk::database("store.sqlite", |connection| {
        connection.query_row("PRAGMA journal_mode = WAL", (), |_| Ok(())).unwrap();
        python(connection, 40, "");
    });
    let log = PathBuf::from(format!("{}-wal", desk.store.display()));
    let settle_both = || {
        desk.settle();
        if log.exists() {
            settle(&log);
        }
    };
    let events = |answers: &Answers| answers.progress.events;
    assert_eq!(events(&desk.kept()), 40);
    assert!(desk.uses_entry().1);
    let writer = Connection::open(&desk.store).unwrap();
    writer.query_row("PRAGMA wal_autocheckpoint = 0", (), |_| Ok(())).unwrap();
    for added in 1..4_u64 {
        let id = format!("2f61396f-5670-44f4-99d0-{:012}", 100 + added);
        writer.execute("INSERT INTO stored_events VALUES (?1, 1, 'T', '{}')", [id]).unwrap();
        // The database itself stays as it is.
        settle_both();
        assert_eq!(events(&desk.kept()), 40 + added);
        let (answers, used) = desk.uses_entry();
        assert!(used && answers == desk.plain() && events(&answers) == 40 + added, "{added} in the log");
    }
    assert!(fs::metadata(&log).unwrap().len() > 0);
    drop(writer);
    assert!(!log.exists());
    settle_both();
    assert!(desk.kept() == desk.plain());
    assert!(desk.uses_entry().1);
    // A link to it is the same file, and its log lies beside what the link leads to.
    let link = desk.folder.path().join("folder");
    fs::create_dir(&link).unwrap();
    let link = link.join("store.sqlite");
    std::os::unix::fs::symlink(&desk.store, &link).unwrap();
    let through = answers(&*open(link.to_str().unwrap(), &desk.options()).unwrap());
    assert!(through == desk.plain());
    assert_eq!(desk.entries().len(), 1);
}

#[test]
fn another_way_of_reading_is_another_entry() {
    let desk = Desk::new("table.csv", csv(50).as_bytes());
    let plain = desk.kept();
    let turned = OpenOptions { map: Some("stream=.type,type=.stream".into()), ..desk.options() };
    let mapped = answers(&*desk.open(&turned));
    assert_ne!(mapped.streams, plain.streams);
    assert_eq!(desk.entries().len(), 2);
    assert!(answers(&*desk.open(&turned)) == mapped && desk.kept() == plain);
    assert_eq!(desk.entries().len(), 2);

    // A layout of the user's own, and then another one of that name.
    let desk = Desk::new("dump.sql", dump(50).as_bytes());
    let layouts = desk.folder.path().join("layouts");
    fs::create_dir(&layouts).unwrap();
    let options = OpenOptions { layouts: Some(layouts.clone()), ..desk.options() };
    let layout = |stream: &str| {
        let text = format!(
            "name = \"mine\"\ntitle = \"Mine\"\nstores = \"mine\"\n[events]\nnames = [\"messages\"]\n\
             must = [\"global_position: integer\", \"stream_name: text\", \"type: text\", \"data: json\", \"id: uuid\", \"time: time\", \"position: integer\"]\n\
             stream = \"{stream}\"\ntype = \"type\"\ndata = \"data\"\norder = [\"global_position\"]\nposition = \"global_position\"\n"
        );
        fs::write(layouts.join("mine.toml"), text).unwrap();
    };
    let asked = OpenOptions { layout: Some("mine".into()), ..options };
    let named = |options: &OpenOptions| {
        let cached = answers(&*desk.open(options));
        let plain = answers(&*desk.open(&OpenOptions { cache: None, ..options.clone() }));
        assert!(cached == plain);
        plain.streams.total
    };
    layout("stream_name");
    assert_eq!((named(&asked), named(&asked)), (14, 14));
    layout("type");
    assert_eq!((named(&asked), named(&asked)), (3, 3));
}

#[test]
fn where_nothing_can_be_written_that_is_said() {
    for desk in [Desk::new("dump.sql", dump(50).as_bytes()), Desk::new("array.json", array(50).as_bytes())] {
        let no_folder = desk.folder.path().join("file");
        File::create(&no_folder).unwrap();
        let options = OpenOptions { cache: Some(no_folder), ..desk.options() };
        let mut found = answers(&*desk.open(&options));
        let said = found.about.caveats.pop().unwrap();
        assert!(said.starts_with("no index kept: cannot write to "), "{said}");
        assert!(found == desk.plain());
    }
}

#[test]
fn what_is_small_or_piped_is_not_kept() {
    let desk = Desk::new("dump.sql", dump(50).as_bytes());
    let usual = OpenOptions { keep_from: None, ..desk.options() };
    answers(&*desk.open(&usual));
    assert!(!desk.cache().exists());
    let pipe = File::open(&desk.store).unwrap();
    let piped = stepback::sources::open::open_pipe(pipe, "pipe", &desk.options()).unwrap();
    assert_eq!(answers(&*piped).progress.events, desk.plain().progress.events);
    assert!(!desk.cache().exists());
}

#[test]
fn the_commands_use_it() {
    // Four mebibytes are worth an entry.
    let desk = Desk::new("dump.sql", dump(50_000).as_bytes());
    let home = desk.folder.path().join("home");
    let stepback = |arguments: &[&str]| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_stepback"))
            .args(arguments)
            .env("XDG_CACHE_HOME", &home)
            .env("HOME", desk.folder.path())
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let store = desk.store.to_str().unwrap();
    let plain = stepback(&["streams", store, "--no-cache"]);
    // Lines that are no rows are left out, which is said.
    assert_eq!((plain.0, home.exists()), (Some(65), false));
    assert_eq!(stepback(&["streams", store]), plain);
    let (code, listed) = stepback(&["cache"]);
    assert!(code == Some(0) && listed.contains(store), "{listed}");
    assert_eq!(stepback(&["streams", store]), plain);
    assert!(stepback(&["cache", "clear"]).1.starts_with("1 index removed"));
}
