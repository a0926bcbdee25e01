//! What is fuzzed: every parser, through the doors its input really comes by. The same functions serve the short run of
//! the tests and the long ones guided by coverage (`fuzz/`).

use std::path::Path;
use std::sync::Arc;

use stepback::domain::{Anchor, Cancel, Direction, EventQuery, Failure, Pattern, Scope, SearchStep};
use stepback::sources::Source;
use stepback::sources::open::{OpenOptions, open, open_pipe};

/// How many events are read of what opens.
const EVENTS: usize = 500;

/// Something that takes any bytes.
pub struct Target {
    /// Its name.
    pub name: &'static str,
    /// Gives it bytes.
    pub run: fn(&[u8]),
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target { name: "source", run: source },
    Target { name: "chunk", run: chunk },
    Target { name: "block", run: block },
    Target { name: "layout", run: layout },
    Target { name: "map", run: map },
    Target { name: "segment", run: segment },
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

/// Bytes as a layout of the user's, over a table of text.
pub fn layout(bytes: &[u8]) {
    let folder = tempfile::tempdir().expect("a folder");
    put(folder.path(), "layout.toml", bytes);
    let layout = folder.path().join("layout.toml").display().to_string();
    let options = OpenOptions { layout: Some(layout), ..OpenOptions::default() };
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

fn put(folder: &Path, name: &str, bytes: &[u8]) {
    std::fs::write(folder.join(name), bytes).expect("written");
}

fn open_folder(folder: &Path) {
    opened(open(&folder.display().to_string(), &OpenOptions::default()));
}

/// A refusal is well, a bug that was contained is not.
fn opened(result: Result<Arc<dyn Source>, Failure>) {
    match result {
        Ok(source) => walk(&source),
        Err(failure) => no_bug(&failure),
    }
}

fn no_bug(failure: &Failure) {
    assert!(!failure.why.contains("a bug in stepback"), "{failure}");
}

/// Asks everything of what opened.
fn walk(source: &Arc<dyn Source>) {
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
            assert!(page.is_ok_and(|page| page.total == summary.events), "{}", summary.stream);
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
