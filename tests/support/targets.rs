//! What is fuzzed: every parser, through the doors its input really comes by. The same functions serve the short run of
//! the tests and the long ones guided by coverage (`fuzz/`).

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use stepback::app::goto::Goto;
use stepback::domain::{Anchor, Cancel, Direction, EventQuery, Failure, Pattern, Scope, SearchStep};
use stepback::session::search::{Case, EventFilter, pattern};
use stepback::session::{Opening, PROJECT_FILE};
use stepback::sources::Source;
use stepback::sources::cache::{Blocks, Cache};
use stepback::sources::open::{OpenOptions, open, open_pipe};

/// How many events are read of what opens.
const EVENTS: usize = 500;

/// Something that takes any bytes.
pub struct Target {
    /// Its name.
    pub name: &'static str,
    /// Gives it bytes.
    pub run: fn(&[u8]),
    /// How much longer a run takes than one of most others.
    #[allow(dead_code, reason = "runs guided by coverage count themselves")]
    pub cost: usize,
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target { name: "source", run: source, cost: 1 },
    Target { name: "chunk", run: chunk, cost: 1 },
    Target { name: "block", run: block, cost: 1 },
    Target { name: "directory", run: directory, cost: 1 },
    Target { name: "layout", run: layout, cost: 1 },
    Target { name: "map", run: map, cost: 1 },
    Target { name: "segment", run: segment, cost: 1 },
    Target { name: "condition", run: condition, cost: 1 },
    Target { name: "cached", run: cached, cost: 10 },
    Target { name: "cached-dump", run: cached_dump, cost: 4 },
    Target { name: "config", run: config, cost: 1 },
];

/// Bytes through a pipe, whatever they are: recognised, unpacked, parsed, mapped.
pub fn source(bytes: &[u8]) {
    opened(open_pipe(std::io::Cursor::new(bytes.to_vec()), "fuzz", &OpenOptions::default()));
}

/// Bytes as the only chunk of a KurrentDB folder.
pub fn chunk(bytes: &[u8]) {
    let folder = tempfile::tempdir().expect("a folder");
    put(folder.path(), "chunk-000000.000000", bytes);
    put(folder.path(), "writer.chk", &(bytes.len() as u64).to_le_bytes());
    open_folder(folder.path());
}

/// Bytes as the only block of a JetStream stream.
pub fn block(bytes: &[u8]) {
    let folder = tempfile::tempdir().expect("a folder");
    put(folder.path(), "meta.inf", br#"{"name":"S","subjects":["a.>"],"created":"2025-01-01T00:00:00Z"}"#);
    std::fs::create_dir(folder.path().join("msgs")).expect("a folder");
    put(&folder.path().join("msgs"), "1.blk", bytes);
    open_folder(folder.path());
}

/// Bytes as the table of contents of a dump in a directory, or, where they do not begin as one, as the file of its rows.
pub fn directory(bytes: &[u8]) {
    const CONTENTS: &[u8] = include_bytes!("../corpus/pg17/messages-zstd/toc.dat");
    const ROWS: &[u8] = include_bytes!("../corpus/pg17/messages-zstd/3424.dat.zst");
    let folder = tempfile::tempdir().expect("a folder");
    let is_contents = bytes.starts_with(b"PGDMP");
    let rows = if is_contents { ROWS } else { bytes };
    put(folder.path(), "toc.dat", if is_contents { bytes } else { CONTENTS });
    let name = match rows {
        [0x1f, 0x8b, ..] => "3424.dat.gz",
        [0x04, 0x22, 0x4d, 0x18, ..] => "3424.dat.lz4",
        [0x28, 0xb5, 0x2f, 0xfd, ..] => "3424.dat.zst",
        _ => "3424.dat",
    };
    put(folder.path(), name, rows);
    open_folder(folder.path());
}

/// Bytes as a layout of the user's, over a table of text.
pub fn layout(bytes: &[u8]) {
    let folder = tempfile::tempdir().expect("a folder");
    put(folder.path(), "layout.toml", bytes);
    let layout = folder.path().join("layout.toml").display().to_string();
    let options = OpenOptions { layout: Some(layout.into()), ..OpenOptions::default() };
    let table = "id,stream,version,type,data\n1,a-1,1,T,{}\n2,a-1,2,T,{}\n";
    opened(open_pipe(std::io::Cursor::new(table), "fuzz", &options));
}

/// Bytes as what a user says about fields.
pub fn map(bytes: &[u8]) {
    let options = OpenOptions { map: Some(String::from_utf8_lossy(bytes).into_owned()), ..OpenOptions::default() };
    let line = "{\"stream\":\"a-1\",\"type\":\"T\",\"version\":1,\"data\":{\"a.b\":1}}\n";
    opened(open_pipe(std::io::Cursor::new(line), "fuzz", &options));
}

/// Bytes as the journal of an embedded store.
pub fn segment(bytes: &[u8]) {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("journal")).expect("a folder");
    put(&folder.path().join("journal"), "000001.evj", bytes);
    open_folder(folder.path());
}

/// Bytes as what a user writes to filter, to search and to go somewhere, tried on events of every kind.
pub fn condition(bytes: &[u8]) {
    const EVENTS: &str = concat!(
        r#"{"stream":"order-1","type":"Placed","version":1,"time":"2025-03-01T12:00:00Z","data":{"amount":12.5,"#,
        r#""lines":[{"sku":"a","count":9007199254740993},{"sku":"b","count":-1}],"note":null,"paid":true}}"#,
        "\n",
        r#"{"stream":"order-2","type":"Näme ❤","version":18446744073709551615,"data":[[1,[2,[]]],"x",1e999],"#,
        r#""metadata":{"causationId":"1"}}"#,
        "\n",
        "{\"stream\":\"order-1\",\"typ\n",
    );
    let line = String::from_utf8_lossy(bytes);
    drop(Goto::parse(&line, None));
    let source = open_pipe(std::io::Cursor::new(EVENTS), "fuzz", &OpenOptions::default()).expect("good lines");
    let cancel = Cancel::default();
    let page = source.events(&EventQuery::first(Scope::All, EVENTS.len()), &cancel).expect("events");
    match EventFilter::parse(&line) {
        Ok(filter) => {
            let mut sieve = filter.sieve(&*source, &Scope::All, &cancel).expect("a source that can be read");
            for event in &page.events {
                if let Err(why) = sieve.passes(event) {
                    assert!(!why.is_empty());
                }
            }
        }
        Err(problem) => drop(problem.shown(&line)),
    }
    for expression in [false, true] {
        let Ok(pattern) = pattern(&line, expression, Case::Smart) else { continue };
        let _ = source.search(&pattern, &Scope::All, &cancel, &mut |_| std::ops::ControlFlow::Continue(()));
    }
}

/// A dump whose index is worth keeping, and the blocks of the index of it that was kept.
struct Indexed {
    folder: tempfile::TempDir,
    entry: PathBuf,
    key: Vec<u8>,
}

impl Indexed {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let filling = "x".repeat(44_000);
        let line = |number: usize| {
            let (stream, kind) = (number % 7, number % 3);
            format!("{{\"stream\":\"a-{stream}\",\"type\":\"T{kind}\",\"version\":{number},\"data\":\"{filling}\"}}\n")
        };
        put(folder.path(), "dump.jsonl", (0..100).map(line).collect::<String>().as_bytes());
        // What was changed just now is not kept.
        let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let dump = File::options().write(true).open(folder.path().join("dump.jsonl")).expect("the dump");
        dump.set_modified(long_ago).expect("a time");
        let mut indexed = Self { folder, entry: PathBuf::new(), key: Vec::new() };
        indexed.open();
        let listed = Cache::new(&indexed.folder.path().join("cache")).list().expect("the entry");
        indexed.entry = listed[0].file.clone();
        indexed.key = Blocks::open(&indexed.entry).and_then(|blocks| blocks.get(0)).expect("the block of the key");
        indexed
    }

    fn open(&self) {
        let options = OpenOptions { cache: Some(self.folder.path().join("cache")), ..OpenOptions::default() };
        let source = open(self.folder.path().join("dump.jsonl"), &options);
        opened(source);
    }
}

/// Bytes as the blocks of a kept index, behind the block that says of what it is: each after its length in four bytes.
/// Their sums are right, so that what is in them is believed.
pub fn cached(bytes: &[u8]) {
    thread_local! {
        static INDEXED: Indexed = Indexed::new();
    }
    INDEXED.with(|indexed| {
        let file = File::create(&indexed.entry).expect("the entry");
        let mut kept = stepback::sources::cache::Kept::new(&file).expect("written");
        kept.block(&indexed.key).expect("written");
        let mut rest = bytes;
        while let Some((length, behind)) = rest.split_first_chunk::<4>() {
            let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX).min(behind.len());
            let (block, behind) = behind.split_at(length);
            kept.block(block).expect("written");
            rest = behind;
        }
        kept.end().expect("written");
        indexed.open();
    });
}

/// A dump with everything that is kept of one: tables, two forms of rows in several stretches, large objects.
const DUMP: &str = r#"-- PostgreSQL database dump
CREATE TABLE public.notes (id integer, text text);
CREATE TABLE message_store.messages (global_position bigint, "position" bigint, "time" timestamp, stream_name text, type text, data jsonb, metadata jsonb, id uuid);
COPY message_store.messages (global_position, "position", "time", stream_name, type, data, metadata, id) FROM stdin;
2	0	2025-01-01 00:00:01	s-1	T	{"n":1}	{}	2f61396f-5670-44f4-99d0-000000000001
1	0	2025-01-01 00:00:02	s-2	T	{"n":2}	{}	2f61396f-5670-44f4-99d0-000000000002
4	1	2025-01-01 00:00:03	s-1	U	{"n":3}	{}	2f61396f-5670-44f4-99d0-000000000003
\.
INSERT INTO public.notes VALUES (1, 'one');
INSERT INTO message_store.messages VALUES (5, 1, '2025-01-01 00:00:04', 's-2', 'U', '{"n":4}', '{}', '2f61396f-5670-44f4-99d0-000000000004');
INSERT INTO message_store.messages VALUES (6, 2, '2025-01-01 00:00:05', 's-2', 'T', '{"n":5}', '{}', '2f61396f-5670-44f4-99d0-000000000005');
SELECT pg_catalog.lo_open('17', 131072);
SELECT pg_catalog.lowrite(0, '\x7b7d');
SELECT pg_catalog.lo_close(0);
-- PostgreSQL database dump complete
"#;

/// That dump, and the blocks of what was kept of it.
struct Dumped {
    folder: tempfile::TempDir,
    entry: PathBuf,
    blocks: Vec<Vec<u8>>,
}

impl Dumped {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        put(folder.path(), "dump.sql", DUMP.as_bytes());
        // What was changed just now is not kept.
        let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let dump = File::options().write(true).open(folder.path().join("dump.sql")).expect("the dump");
        dump.set_modified(long_ago).expect("a time");
        let mut dumped = Self { folder, entry: PathBuf::new(), blocks: Vec::new() };
        dumped.open();
        let listed = Cache::new(&dumped.folder.path().join("cache")).list().expect("the entry");
        dumped.entry = listed[0].file.clone();
        let blocks = Blocks::open(&dumped.entry).expect("an entry");
        dumped.blocks = (0..).map_while(|number| blocks.get(number)).collect();
        dumped
    }

    fn open(&self) {
        let options = OpenOptions {
            cache: Some(self.folder.path().join("cache")),
            keep_from: Some(1),
            layout: Some("message-db".into()),
            ..OpenOptions::default()
        };
        match open(self.folder.path().join("dump.sql"), &options) {
            Ok(source) => walk(&source, false),
            Err(failure) => no_bug(&failure),
        }
    }
}

/// Bytes as changes to what was kept of a dump, four each: the block, the place in it, and what it is changed by. Its sums
/// are right, so that what is in it is believed.
pub fn cached_dump(bytes: &[u8]) {
    thread_local! {
        static DUMPED: Dumped = Dumped::new();
    }
    DUMPED.with(|dumped| {
        let mut blocks = dumped.blocks.clone();
        for &[block, low, high, change] in bytes.as_chunks().0 {
            // The first block says of what it is.
            let number = 1 + usize::from(block) % (blocks.len() - 1);
            let block = &mut blocks[number];
            let at = usize::from(u16::from_le_bytes([low, high])) % block.len();
            block[at] ^= change;
        }
        let file = File::create(&dumped.entry).expect("the entry");
        let mut kept = stepback::sources::cache::Kept::new(&file).expect("written");
        blocks.iter().for_each(|block| kept.block(block).expect("written"));
        kept.end().expect("written");
        dumped.open();
    });
}

/// Bytes as the settings, and as the file beside a dump that names its reducers.
pub fn config(bytes: &[u8]) {
    let folder = tempfile::tempdir().expect("a folder");
    put(folder.path(), "config.toml", bytes);
    put(folder.path(), PROJECT_FILE, bytes);
    put(folder.path(), "dump.jsonl", b"{\"stream\":\"a-1\",\"type\":\"T\",\"version\":1,\"data\":{}}\n");
    if let Err(problems) = stepback::config::read(Some(folder.path())) {
        assert!(!problems.is_empty());
    }
    let opening = Opening {
        address: folder.path().join("dump.jsonl").into_os_string(),
        configuration: Some(folder.path().into()),
        ..Opening::default()
    };
    let source = opening.source().expect("a good dump");
    opening.walker(&source).as_ref().err().into_iter().for_each(no_bug);
}

fn put(folder: &Path, name: &str, bytes: &[u8]) {
    fs::write(folder.join(name), bytes).expect("written");
}

fn open_folder(folder: &Path) {
    opened(open(folder, &OpenOptions::default()));
}

/// A refusal is well, a bug that was contained is not.
fn opened(result: Result<Arc<dyn Source>, Failure>) {
    match result {
        Ok(source) => walk(&source, true),
        Err(failure) => no_bug(&failure),
    }
}

fn no_bug(failure: &Failure) {
    assert!(!failure.why.contains("a bug in stepback"), "{failure}");
}

/// Asks everything of what opened; its counts are exact, unless they were made up.
fn walk(source: &Arc<dyn Source>, exact: bool) {
    let cancel = Cancel::default();
    let complete = source.complete(&cancel, &mut |_| ());
    complete.as_ref().err().into_iter().for_each(no_bug);
    let complete = complete.is_ok();
    let about = source.about();
    let _ = source.look();
    let backward =
        EventQuery { from: Anchor::End, direction: Direction::Backward, ..EventQuery::first(Scope::All, EVENTS) };
    for query in [EventQuery::first(Scope::All, EVENTS), backward] {
        for event in source.events(&query, &cancel).map(|page| page.events).unwrap_or_default() {
            let _ = (event.data.json(), event.metadata.json(), event.data.text().len());
        }
    }
    let streams = source.streams(0, 50).map(|page| page.streams).unwrap_or_default();
    for summary in &streams {
        let scope = Scope::Stream(summary.stream.clone());
        let page = source.events(&EventQuery::first(scope.clone(), 50), &cancel);
        if complete {
            // What nobody wrote and is believed may give any answer, but it gives one.
            assert!(page.is_ok_and(|page| page.total == summary.events || !exact), "{}", summary.stream);
            let _ = source.translate(&scope, 0, &Scope::All);
        }
    }
    let go_on = || std::ops::ControlFlow::Continue(());
    let _ = source.snapshots(&cancel, &mut |snapshot| {
        let _ = snapshot.state.json();
        go_on()
    });
    let _ = source.declared(&cancel, &mut |_| go_on());
    for table in &about.beside {
        let _ = source.rows(&table.name, &cancel, &mut |_| go_on());
    }
    let _ = source.search(&Pattern::Text("a".into()), &Scope::All, &cancel, &mut |step| match step {
        SearchStep::Hit(_) | SearchStep::Searched(..) => go_on(),
    });
}
