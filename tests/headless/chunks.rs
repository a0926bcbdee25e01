//! Database folders of KurrentDB / EventStoreDB, read offline: what their description says, and what can go wrong with it.
//!
//! The folders are generated; none was written by a server.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use stepback::domain::report::{Kind, Severity};
use stepback::domain::{
    About, Anchor, Cancel, Direction, Event, EventQuery, Failure, NoteKind, Position, Scope, SourceChange, StreamKind,
    Version,
};
use stepback::sources::Source;
use stepback::sources::open::{OpenOptions, open};

use crate::support::chunks;
use crate::support::chunks::{
    BEGIN, COMMITTED, DATA, DELETE, END, JSON, Log, PROPERTIES, Prepare, REDACTED, SINGLE, checkpoint,
};

const SIZE: i32 = 16 << 10;

struct Opened {
    source: Arc<dyn Source>,
    about: About,
    all: Vec<Arc<Event>>,
}

fn try_open(directory: &Path) -> Result<Opened, Failure> {
    let source = open(directory.to_str().unwrap(), &OpenOptions::default())?;
    source.complete(&Cancel::default(), &mut |_| ())?;
    let all = source.events(&EventQuery::first(Scope::All, usize::MAX), &Cancel::default())?.events;
    Ok(Opened { about: source.about(), source, all })
}

fn opened(log: &Log) -> Opened {
    let directory = tempfile::tempdir().unwrap();
    log.write(directory.path());
    try_open(directory.path()).expect("it opens")
}

impl Opened {
    fn stream(&self, name: &str) -> Vec<Arc<Event>> {
        let query = EventQuery::first(Scope::Stream(name.into()), usize::MAX);
        self.source.events(&query, &Cancel::default()).unwrap().events
    }

    /// `stream/version type`, of events; `!` for what is none.
    fn lines(&self) -> Vec<String> {
        self.all.iter().map(|event| line(event)).collect()
    }

    fn warns(&self, of: &str) -> bool {
        self.about.caveats.iter().any(|caveat| caveat.contains(of))
    }

    fn troubles(&self) -> Vec<String> {
        self.all.iter().filter_map(|event| event.trouble.as_ref()).map(ToString::to_string).collect()
    }
}

fn line(event: &Event) -> String {
    match &event.trouble {
        Some(_) => "!".into(),
        None => format!("{}/{} {}", event.stream, event.version, event.event_type),
    }
}

fn notes(event: &Event, kind: NoteKind) -> Vec<&str> {
    event.notes.iter().filter(|note| note.kind == kind).map(|note| &*note.text).collect()
}

/// Names, sizes, times and contents of a directory.
fn listing(directory: &Path) -> BTreeMap<String, (u64, SystemTime, Vec<u8>)> {
    let entry = |entry: fs::DirEntry| {
        let metadata = entry.metadata().unwrap();
        let content = fs::read(entry.path()).unwrap();
        (entry.file_name().to_str().unwrap().to_owned(), (metadata.len(), metadata.modified().unwrap(), content))
    };
    fs::read_dir(directory).unwrap().map(|found| entry(found.unwrap())).collect()
}

#[test]
fn events_with_everything_that_is_stored() {
    let mut log = Log::new(SIZE);
    log.epoch();
    let first = log.prepare(
        Prepare::new("order-1", 0, "OrderPlaced", r#"{"total":12.50}"#)
            .at(1)
            .metadata(r#"{"$correlationId":"c-1","$causationId":"m-7","user":"ann"}"#),
    );
    log.prepare(Prepare::new("order-1", 1, "Note", "plain text").flags(SINGLE & !JSON).at(2));
    log.prepare(Prepare::new("order-2", 0, "Empty", "").flags(SINGLE & !JSON));
    log.prepare(Prepare::new("größe-1", 0, "Ünïcode", "{}").metadata(r#"{"$causedBy":"by"}"#));
    let opened = opened(&log);
    assert_eq!(opened.lines(), ["order-1/0 OrderPlaced", "order-1/1 Note", "order-2/0 Empty", "größe-1/0 Ünïcode"]);
    let event = &opened.all[0];
    assert_eq!(event.position, Position::Number(first as u64));
    assert_eq!(event.id.as_deref().map(str::len), Some(36));
    assert_eq!(event.time.unwrap().to_string(), "2025-01-01T00:00:01Z");
    assert_eq!(event.data.text(), r#"{"total":12.50}"#);
    assert_eq!((event.correlation.as_deref(), event.causation.as_deref()), (Some("c-1"), Some("m-7")));
    assert_eq!(opened.all[1].data.text(), "plain text");
    assert!(opened.all[2].data.is_absent() && opened.all[2].metadata.is_absent());
    assert_eq!(opened.all[3].causation.as_deref(), Some("by"));
    assert!(opened.warns("verified against generated files only"));
    assert_eq!(opened.about.first_version, Some(0));
    assert!(opened.about.kind.contains("KurrentDB"));
}

#[test]
fn the_log_goes_over_chunks_scavenged_and_merged_ones_too() {
    let directory = tempfile::tempdir().unwrap();
    let mut log = Log::new(SIZE);
    let mut positions = Vec::new();
    for chunk in 0..6 {
        for number in 0..10 {
            positions.push(log.event(&format!("s-{chunk}"), number, "Happened", r#"{"n":1}"#));
        }
        log.next();
    }
    log.event("s-6", 0, "Last", "{}");
    log.write(directory.path());
    let whole = try_open(directory.path()).unwrap();
    assert_eq!(whole.all.len(), 61);

    // Chunk 1 scavenged: a newer version, of which half is left. Chunks 2 to 4 merged; 5 scavenged by an old server.
    let odd = |position: i64| positions.iter().position(|&p| p == position).unwrap_or(1) % 2 == 1;
    log.file(1, 1).scavenged(odd).write(directory.path(), 1);
    log.file(2, 4).scavenged(odd).write(directory.path(), 7);
    let mut old = log.file(5, 5).scavenged(odd);
    (old.wide, old.minimum, old.version) = (false, 2, 0);
    old.write(directory.path(), 2);
    // What is half written is not of the log.
    fs::write(directory.path().join("chunk-000000.000009.tmp"), b"nothing").unwrap();
    fs::create_dir(directory.path().join("index")).unwrap();
    let opened = try_open(directory.path()).unwrap();
    let expected: Vec<_> = whole
        .all
        .iter()
        .zip(0..)
        .filter(|(_, i)| *i < 10 || *i == 60 || i % 2 == 1)
        .map(|(event, _)| (line(event), event.position.clone()))
        .collect();
    assert_eq!(opened.all.iter().map(|event| (line(event), event.position.clone())).collect::<Vec<_>>(), expected);
    assert_eq!(opened.troubles(), [""; 0]);
    assert_eq!(opened.about.caveats.len(), 1, "{:?}", opened.about.caveats);
    assert!(opened.about.reasons.iter().any(|reason| reason.contains("3 of them scavenged, 1 merged")));
}

#[test]
fn only_what_the_writer_vouches_for_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let mut log = Log::new(SIZE);
    log.event("a-1", 0, "One", "{}");
    log.next();
    log.event("a-1", 1, "Two", "{}");
    let writer = log.event("a-1", 2, "Three", "{}");
    log.next();
    log.event("a-1", 3, "Four", "{}");
    log.write(directory.path());
    // The checkpoint was copied first: a completed chunk goes on behind it, and the next one is all behind it.
    checkpoint(directory.path(), "writer", writer);
    let found = try_open(directory.path()).unwrap();
    assert_eq!(found.lines(), ["a-1/0 One", "a-1/1 Two"]);
    assert!(found.warns("chunk-000002.000000 lies behind the end"));
    // The same where the records lie elsewhere.
    log.file(1, 1).scavenged(|_| true).write(directory.path(), 1);
    assert_eq!(try_open(directory.path()).unwrap().lines(), ["a-1/0 One", "a-1/1 Two"]);
    // Garbage behind the writer in an open chunk is never looked at.
    let mut garbage = log.file(1, 1).open().bytes();
    let end = chunks::FRAME + (writer - i64::from(SIZE)) as usize;
    garbage[end..].fill(0xee);
    fs::remove_file(directory.path().join("chunk-000001.000001")).unwrap();
    fs::write(directory.path().join("chunk-000001.000000"), garbage).unwrap();
    let found = try_open(directory.path()).unwrap();
    assert_eq!((found.lines().len(), found.troubles().len()), (2, 0));
    // Without a checkpoint, as far as records are whole.
    fs::remove_file(directory.path().join("writer.chk")).unwrap();
    log.write(directory.path());
    fs::remove_file(directory.path().join("writer.chk")).unwrap();
    let found = try_open(directory.path()).unwrap();
    assert_eq!((found.lines().len(), found.troubles().len()), (4, 0));
    assert!(found.warns("no writer.chk"));
}

#[test]
fn transactions_stand_where_they_were_committed() {
    let mut log = Log::new(SIZE);
    for version in [0, 1] {
        let stream = format!("t-{version}");
        let marker = Prepare::new(&stream, -1, "", "").version(version).flags(BEGIN);
        let begin = log.prepare(marker.clone().within(log.position(), -1));
        let inside = Prepare::new(&stream, -1, "Inside", "{}").version(version).flags(DATA | JSON);
        let one = log.prepare(inside.clone().within(begin, 0));
        let between = log.event(&format!("b-{version}"), 0, "Between", "{}");
        log.next();
        let two = log.prepare(inside.clone().within(begin, 1));
        log.prepare(marker.clone().flags(END).within(begin, -1));
        let lost = log.prepare(inside.clone().within(log.position(), 0));
        let commit = log.commit(version, begin, 40);
        let found = opened(&log);
        let of: Vec<_> =
            found.all.iter().filter(|event| event.stream.as_str().ends_with(&version.to_string())).collect();
        assert_eq!(
            of.iter().map(|event| line(event)).collect::<Vec<_>>(),
            [format!("b-{version}/0 Between"), format!("t-{version}/40 Inside"), format!("t-{version}/41 Inside")]
        );
        assert_eq!(of[0].position, Position::Number(between as u64));
        assert_eq!(of[1].position, Position::Text(format!("C:{commit}/P:{one}").into()));
        assert_eq!(of[2].position, Position::Text(format!("C:{commit}/P:{two}").into()));
        assert!(found.warns("never committed"), "{lost}");
    }
}

#[test]
fn a_write_of_several_is_all_or_nothing() {
    let mut log = Log::new(SIZE);
    let first = log.position();
    let part = |stream: &str, number, offset, flags: u16| {
        Prepare::new(stream, number, "Part", "{}").flags(DATA | JSON | COMMITTED | flags).within(first, offset)
    };
    log.prepare(part("a-1", 0, 0, BEGIN));
    log.prepare(part("b-1", 0, 1, 0));
    log.prepare(part("a-1", 1, 2, END));
    // An empty write is no event.
    log.prepare(Prepare::new("a-1", 2, "", "").flags(BEGIN | END | COMMITTED));
    let second = log.position();
    log.prepare(part("a-1", 2, 0, BEGIN).within(second, 0));
    log.prepare(part("a-1", 3, 1, 0).within(second, 1));
    let found = opened(&log);
    assert_eq!(found.lines(), ["a-1/0 Part", "b-1/0 Part", "a-1/1 Part"]);
    assert!(found.warns("the log ends within a write: its first 2 events are left out"));
    // Its end makes it whole.
    log.prepare(part("b-1", 1, 2, END).within(second, 2));
    let found = opened(&log);
    assert_eq!(found.lines().len(), 6);
    assert!(!found.warns("ends within"));
    // A scavenge may take out any of them, also the last.
    let directory = tempfile::tempdir().unwrap();
    log.next();
    log.event("c-1", 0, "After", "{}");
    log.write(directory.path());
    let last = log.chunks[0].last().unwrap().0;
    log.file(0, 0).scavenged(|position| position != last).write(directory.path(), 1);
    let found = try_open(directory.path()).unwrap();
    assert_eq!(found.lines()[3..], ["a-1/2 Part", "a-1/3 Part", "c-1/0 After"]);
}

#[test]
fn tombstones_truncation_and_soft_deletes_are_marked() {
    let mut log = Log::new(SIZE);
    for stream in ["gone-1", "cut-1", "few-1", "old-1", "soft-1", "kept-1"] {
        for number in 0..4 {
            log.prepare(Prepare::new(stream, number, "Happened", "{}").at(number * 10));
        }
    }
    for (stream, metadata) in [
        ("cut-1", r#"{"$tb":1,"$acl":{"$r":"$admins"}}"#),
        ("few-1", r#"{"$maxCount":1}"#),
        ("old-1", r#"{"$maxAge":15}"#),
        ("soft-1", r#"{"$tb":9223372036854775807}"#),
        ("kept-1", r#"{"$tb":3}"#),
        ("kept-1", "{}"),
    ] {
        log.event(&format!("$${stream}"), 0, "$metadata", metadata);
    }
    let tombstone = Prepare::new("gone-1", i64::MAX, "$streamDeleted", "");
    log.prepare(tombstone.clone().flags(DELETE | BEGIN | END | COMMITTED).at(5));
    let old = Prepare { stream: "gone-2".into(), ..tombstone.version(0) };
    log.prepare(old.flags(DELETE | BEGIN | END | COMMITTED));
    let found = opened(&log);
    let hidden = |stream: &str| -> Vec<u64> {
        let events = found.stream(stream);
        events.iter().filter(|event| event.has(NoteKind::Deleted)).map(|event| event.version.0).collect()
    };
    let last = i64::MAX as u64;
    assert_eq!(hidden("gone-1"), [0, 1, 2, 3, last]);
    assert_eq!(hidden("gone-2"), [last]);
    assert_eq!(hidden("cut-1"), [0]);
    assert_eq!(hidden("few-1"), [0, 1, 2]);
    assert_eq!(hidden("old-1"), [0, 1], "measured from the newest event");
    assert_eq!(hidden("soft-1"), [0, 1, 2, 3]);
    assert_eq!(hidden("kept-1"), [0; 0], "the newest metadata counts");
    assert_eq!(found.all.len(), 32, "nothing is dropped");
    let kind = |stream: &str| found.source.stream(&stream.into()).unwrap().unwrap().kind;
    assert_eq!((kind("$$cut-1"), kind("cut-1")), (StreamKind::System, StreamKind::Domain));
    let mut deleted = BTreeMap::new();
    let mut told = |stream: stepback::domain::DeclaredStream| {
        deleted.insert(stream.stream.to_string(), stream.place);
        std::ops::ControlFlow::Continue(())
    };
    found.source.declared(&Cancel::default(), &mut told).unwrap();
    let expected = [("gone-1", "its tombstone"), ("gone-2", "its tombstone"), ("soft-1", "$$soft-1")];
    assert_eq!(deleted.into_iter().collect::<Vec<_>>(), expected.map(|(stream, place)| (stream.into(), place.into())));
}

/// A stream that is deleted, or was and is written to again, is as the server leaves it: nothing is wrong with it.
#[test]
fn the_doctor_finds_no_error_in_deleted_streams() {
    let mut log = Log::new(SIZE);
    for stream in ["gone-1", "old-1", "soft-1", "again-1", "there-1", "there-2"] {
        for number in 0..4 {
            log.event(stream, number, "Happened", "{}");
        }
    }
    for stream in ["soft-1", "again-1"] {
        log.event(&format!("$${stream}"), 0, "$metadata", r#"{"$tb":9223372036854775807}"#);
    }
    let tombstone = Prepare::new("gone-1", i64::MAX, "$streamDeleted", "");
    log.prepare(tombstone.clone().flags(DELETE | BEGIN | END | COMMITTED));
    // As it was written before numbers had 64 bits.
    let old = Prepare { stream: "old-1".into(), ..tombstone.version(0) };
    log.prepare(old.flags(DELETE | BEGIN | END | COMMITTED));
    log.event("again-1", 4, "Happened", "{}");
    log.event("$$again-1", 1, "$metadata", r#"{"$tb":4}"#);
    let found = opened(&log);
    let (questions, cancel) = (Default::default(), Cancel::default());
    let report =
        stepback::session::doctor::examine(&*found.source, None, &questions, &cancel, &mut |_, _, _| ()).unwrap();
    let wrong: Vec<_> = report.findings.iter().filter(|finding| finding.kind.severity() != Severity::Note).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(report.finding(Kind::DeletedStreams).is_some(), "{:#?}", report.findings);
}

#[test]
fn links_show_their_events() {
    let mut log = Log::new(SIZE);
    log.link("$ce-order", 0, "0@order-1");
    log.event("order-1", 0, "OrderPlaced", r#"{"n":0}"#);
    let begin = log.position();
    log.prepare(
        Prepare::new("order-1", 1, "OrderPaid", r#"{"n":1}"#).flags(DATA | JSON | BEGIN | END).within(begin, 0),
    );
    log.commit(1, begin, 1);
    log.link("$ce-order", 1, "1@order-1");
    log.link("$ce-order", 2, "9@order-1");
    log.link("$et-OrderPaid", 0, "1@order-1");
    log.link("$ce-order", 3, "nonsense");
    log.prepare(Prepare::new("$category-order", 0, "$@", "order-1").flags(SINGLE & !JSON));
    log.link("mine", 0, "0@order@home");
    log.event("order@home", 0, "Odd", "{}");
    let found = opened(&log);
    assert_eq!(found.lines(), ["order-1/0 OrderPlaced", "order-1/1 OrderPaid", "order@home/0 Odd"], "events once");
    let links = found.stream("$ce-order");
    assert_eq!(
        links.iter().map(|event| line(event)).collect::<Vec<_>>(),
        ["$ce-order/0 OrderPlaced", "$ce-order/1 OrderPaid", "$ce-order/2 $>", "$ce-order/3 $>"]
    );
    assert_eq!(links[1].data.text(), r#"{"n":1}"#);
    assert_eq!(links[1].id, found.all[1].id);
    assert_eq!(notes(&links[0], NoteKind::Link), ["link to 0 of order-1"]);
    assert_eq!(notes(&links[2], NoteKind::BrokenLink), ["link to 9 of order-1, which is not here"]);
    assert_eq!(notes(&links[3], NoteKind::BrokenLink), ["not a link: nonsense"]);
    assert_eq!(line(&found.stream("mine")[0]), "mine/0 Odd");
    assert_eq!(notes(&found.stream("$category-order")[0], NoteKind::Link), ["reference to the stream order-1"]);
    for (stream, kind) in
        [("$ce-order", StreamKind::Links), ("$et-OrderPaid", StreamKind::Links), ("$category-order", StreamKind::Links)]
    {
        assert_eq!(found.source.stream(&stream.into()).unwrap().unwrap().kind, kind);
    }
    let (links, all) = (Scope::Stream("$ce-order".into()), Scope::All);
    assert_eq!(found.source.translate(&links, 1, &all).unwrap(), Some(1), "from the link to its event");
    assert_eq!(found.source.translate(&links, 2, &all).unwrap(), None);
    assert!(found.warns("links whose events are not here: 1"));
}

#[test]
fn events_and_links_of_one_stream_stand_in_the_order_of_their_numbers() {
    let mut log = Log::new(SIZE);
    let seconds = |number: i64| number * 10;
    let link = |number, to: &str| Prepare::new("mine", number, "$>", to).flags(SINGLE & !JSON).at(seconds(number));
    log.event("order-1", 0, "Placed", "{}");
    log.prepare(link(0, "0@order-1"));
    for (number, event_type) in [(1, "Noted"), (2, "Closed")] {
        log.prepare(Prepare::new("mine", number, event_type, "{}").at(seconds(number)));
    }
    log.event("order-1", 1, "Paid", "{}");
    log.prepare(link(3, "1@order-1"));
    log.prepare(link(4, "7@order-1"));
    log.prepare(Prepare::new("mine", 5, "Opened", "{}").at(seconds(5)));
    let found = opened(&log);
    assert_eq!(
        found.lines(),
        ["order-1/0 Placed", "mine/1 Noted", "mine/2 Closed", "order-1/1 Paid", "mine/5 Opened"],
        "events once"
    );
    let mine = found.stream("mine");
    assert_eq!(
        mine.iter().map(|event| line(event)).collect::<Vec<_>>(),
        ["mine/0 Placed", "mine/1 Noted", "mine/2 Closed", "mine/3 Paid", "mine/4 $>", "mine/5 Opened"]
    );
    assert!(!found.warns("versions go back"), "{:?}", found.about.caveats);
    let summary = found.source.stream(&"mine".into()).unwrap().unwrap();
    assert_eq!((summary.first_version.0, summary.last_version.0, summary.events), (0, 5, 6));
    assert_eq!((summary.first_time, summary.last_time), (mine[0].time, mine[5].time));
    assert_eq!(found.source.streams(0, 9).unwrap().streams.iter().find(|s| s.stream == summary.stream), Some(&summary));
    let (scope, all) = (Scope::Stream("mine".into()), Scope::All);
    let places = |from: &Scope, to: &Scope, count| -> Vec<Option<u64>> {
        (0..count).map(|ordinal| found.source.translate(from, ordinal, to).unwrap()).collect()
    };
    assert_eq!(places(&scope, &all, 6), [Some(0), Some(1), Some(2), Some(3), None, Some(4)]);
    assert_eq!(places(&all, &scope, 5), [None, Some(1), Some(2), None, Some(5)]);
    for version in 0..6 {
        let from = Anchor::Version(Version(version));
        let query = EventQuery { scope: scope.clone(), from, direction: Direction::Forward, limit: 1 };
        let page = found.source.events(&query, &Cancel::default()).unwrap();
        assert_eq!((page.first, page.events[0].version.0), (version, version));
    }
    let query = EventQuery { scope, from: Anchor::End, direction: Direction::Backward, limit: 9 };
    let back = found.source.events(&query, &Cancel::default()).unwrap().events;
    assert_eq!(back.iter().map(|event| event.version.0).collect::<Vec<_>>(), [5, 4, 3, 2, 1, 0]);
}

#[test]
fn what_was_removed_and_what_will_be_is_said() {
    let directory = tempfile::tempdir().unwrap();
    let mut log = Log::new(SIZE);
    log.prepare(Prepare::new("a-1", 0, "Secret", "xxxxxxxx").flags(SINGLE | REDACTED).metadata("{}"));
    let cut = log.event("a-1", 1, "Doomed", "{}");
    log.event("a-1", 2, "Doomed", "{}");
    log.write(directory.path());
    checkpoint(directory.path(), "truncate", cut);
    let found = try_open(directory.path()).unwrap();
    assert!(found.all[0].data.is_absent() && found.all[0].has(NoteKind::Redacted));
    assert_eq!(found.all[0].metadata.text(), "{}");
    let doomed: Vec<_> = found.all.iter().map(|event| notes(event, NoteKind::Other).len()).collect();
    assert_eq!(doomed, [0, 1, 1]);
    assert!(found.warns(&format!("cuts the log at {cut} when it starts next; events there or behind: 2")));
}

#[test]
fn an_encrypted_chunk_is_named_and_the_rest_read() {
    let directory = tempfile::tempdir().unwrap();
    let mut log = Log::new(SIZE);
    for number in 0..3 {
        log.event("a-1", number, "Happened", "{}");
        log.next();
    }
    log.event("a-1", 3, "Happened", "{}");
    log.write(directory.path());
    for (transform, said) in [(1, "chunk-000001.000000 is encrypted"), (7, "a transform that is not known (7)")] {
        let mut file = log.file(1, 1);
        (file.minimum, file.version, file.transform) = (4, 4, transform);
        file.write(directory.path(), 0);
        let found = try_open(directory.path()).unwrap();
        assert_eq!(found.lines().len(), 3);
        assert!(found.troubles().is_empty() && found.warns(said), "{:?}", found.about.caveats);
    }
    for chunk in 0..4 {
        let mut file = log.file(chunk, chunk);
        (file.minimum, file.version, file.transform) = (4, 4, 1);
        file.write(directory.path(), 0);
    }
    let failure = try_open(directory.path()).err().unwrap();
    assert!(failure.why.contains("encrypted"), "{failure}");
}

#[test]
fn files_that_are_no_chunks_are_told() {
    let directory = tempfile::tempdir().unwrap();
    let mut log = Log::new(SIZE);
    for number in 0..4 {
        log.event("a-1", number, "Happened", "{}");
        log.next();
    }
    log.write(directory.path());
    // The newer version is none, the older stands in; chunk 1 is missing, 3 is of a format to come.
    fs::write(directory.path().join("chunk-000000.000001"), b"half").unwrap();
    fs::remove_file(directory.path().join("chunk-000001.000000")).unwrap();
    let mut file = log.file(3, 3);
    (file.minimum, file.version) = (5, 5);
    file.write(directory.path(), 0);
    let found = try_open(directory.path()).unwrap();
    assert_eq!(found.lines(), ["a-1/0 Happened", "a-1/2 Happened"]);
    assert!(found.warns("chunk-000000.000001 cannot be read: it is too short"));
    assert!(found.warns("chunk 1 is missing"));
    assert!(found.warns("needs a reader of version 5"));

    for chunk in [0, 2] {
        fs::remove_file(directory.path().join(format!("chunk-{chunk:06}.000000"))).unwrap();
    }
    assert!(try_open(directory.path()).err().unwrap().why.contains("none of its chunks"));
    let other = tempfile::tempdir().unwrap();
    fs::write(other.path().join("chunk-000000.000000"), b"not a chunk").unwrap();
    assert!(try_open(other.path()).err().unwrap().why.contains("no event store"));
}

#[test]
fn damage_costs_only_what_it_hits() {
    let directory = tempfile::tempdir().unwrap();
    let mut log = Log::new(SIZE);
    for number in 0..20 {
        log.event("a-1", number, "Happened", r#"{"some":"payload"}"#);
    }
    log.next();
    log.event("a-1", 20, "Happened", "{}");
    log.write(directory.path());
    let path = directory.path().join("chunk-000000.000000");
    let sound = fs::read(&path).unwrap();
    let place = |number: usize| chunks::FRAME + log.chunks[0][number].0 as usize;
    // The length of one, the kind of another, the version of a third.
    let mut bytes = sound.clone();
    bytes[place(3)] ^= 0x40;
    bytes[place(7) + 4] = 9;
    bytes[place(9) + 5] = 2;
    fs::write(&path, &bytes).unwrap();
    let found = try_open(directory.path()).unwrap();
    let missing: Vec<usize> = (0..21).filter(|n| !found.lines().contains(&format!("a-1/{n} Happened"))).collect();
    assert_eq!(missing, [3, 7, 9]);
    let troubles = found.troubles();
    assert_eq!(troubles.len(), 3);
    assert!(troubles[0].starts_with(&format!("chunk-000000.000000, byte {}: ", place(3))), "{troubles:?}");
    assert!(troubles[1].contains("never released") && troubles[2].contains("version"), "{troubles:?}");
    assert!(found.warns("are no records") && found.warns("chunk-000000.000000 is not as it was completed"));
    // What was scavenged says where it lay; the damaged one is skipped there too.
    let mut bytes = log.file(0, 0).scavenged(|_| true).bytes();
    bytes[place(3)] ^= 0x40;
    fs::write(&path, &bytes).unwrap();
    let found = try_open(directory.path()).unwrap();
    assert_eq!((found.lines().len(), found.troubles().len()), (21, 1));
    // A chunk that ends in the middle.
    fs::write(&path, &sound[..place(5) + 20]).unwrap();
    let found = try_open(directory.path()).unwrap();
    assert_eq!((found.lines().len(), found.troubles().len()), (5 + 1 + 1, 1));
    assert!(found.warns("has no footer"));
}

#[test]
fn any_flipped_byte_is_survived() {
    let mut log = Log::new(4096);
    log.event("a-1", 0, "One", r#"{"n":1}"#);
    let begin = log.position();
    log.prepare(Prepare::new("t-1", -1, "In", "{}").version(0).flags(DATA | BEGIN | END).within(begin, 0));
    log.commit(0, begin, 0);
    log.link("$ce-a", 0, "0@a-1");
    log.event("$$a-1", 0, "$metadata", r#"{"$tb":1}"#);
    log.epoch();
    log.next();
    log.event("a-1", 1, "Two", r#"{"n":2}"#);
    let directory = tempfile::tempdir().unwrap();
    log.write(directory.path());
    let sound = try_open(directory.path()).unwrap().all.len();
    let path = directory.path().join("chunk-000000.000000");
    for file in [log.file(0, 0), log.file(0, 0).scavenged(|_| true)] {
        let bytes = file.bytes();
        let data = chunks::FRAME + log.chunks[0].iter().map(|(_, record)| record.len() + 8).sum::<usize>() + 16;
        // Of the scavenged one a third: what differs is where its records are looked for.
        let step = if file.scavenged { 3 } else { 1 };
        for at in (0..data).chain(bytes.len() - chunks::FRAME..bytes.len()).step_by(step) {
            let mask = if file.scavenged { 1 << (at % 8) } else { 0xff };
            let mut bytes = bytes.clone();
            bytes[at] ^= mask;
            fs::write(&path, &bytes).unwrap();
            // Whatever it says, it ends, and what is in the other chunk is there.
            let found = try_open(directory.path()).unwrap_or_else(|e| panic!("byte {at}: {e}"));
            // A scavenged chunk is believed about which chunks were merged into it.
            if !(file.scavenged && (10..14).contains(&at)) {
                assert!(found.lines().contains(&"a-1/1 Two".to_owned()), "byte {at}");
            }
            assert!(found.all.len() <= sound + 8, "byte {at}");
            let backward =
                EventQuery { scope: Scope::All, from: Anchor::End, direction: Direction::Backward, limit: usize::MAX };
            let mut back = found.source.events(&backward, &Cancel::default()).unwrap().events;
            back.reverse();
            assert_eq!(back, found.all, "byte {at}");
        }
    }
}

#[test]
fn lengths_are_believed_only_within_bounds() {
    let directory = tempfile::tempdir().unwrap();
    let mut log = Log::new(SIZE);
    log.event("a-1", 0, "One", "{}");
    log.event("a-1", 1, "Two", "{}");
    log.write(directory.path());
    let path = directory.path().join("chunk-000000.000000");
    let sound = fs::read(&path).unwrap();
    let first = log.chunks[0][0].1.len();
    for length in [0, 1, 8, 9, -1, i32::MAX, i32::MIN, 16 << 20, (16 << 20) + 1] {
        let mut bytes = sound.clone();
        bytes[chunks::FRAME..chunks::FRAME + 4].copy_from_slice(&i32::to_le_bytes(length));
        bytes[chunks::FRAME + 4 + first..chunks::FRAME + 8 + first].copy_from_slice(&i32::to_le_bytes(length));
        fs::write(&path, &bytes).unwrap();
        let found = try_open(directory.path()).unwrap();
        assert_eq!(found.lines(), ["!", "a-1/1 Two"], "{length}");
    }
}

#[test]
fn reading_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let mut log = Log::new(SIZE);
    log.event("a-1", 0, "One", "{}");
    log.next();
    log.event("a-1", 1, "Two", "{}");
    log.write(directory.path());
    let before = listing(directory.path());
    let found = try_open(directory.path()).unwrap();
    assert_eq!(found.source.look().unwrap(), SourceChange::Same);
    assert_eq!(listing(directory.path()), before);
    let told = || {
        let deadline = Instant::now() + Duration::from_secs(60);
        let mut looks =
            std::iter::repeat_with(|| found.source.look().unwrap()).take_while(|_| Instant::now() < deadline);
        looks.find(|change| *change != SourceChange::Same)
    };
    log.event("a-1", 2, "Three", "{}");
    log.write(directory.path());
    assert_eq!(told(), Some(SourceChange::Grown));
    checkpoint(directory.path(), "writer", 10);
    assert_eq!(told(), Some(SourceChange::Truncated));
    fs::remove_dir_all(directory.path()).unwrap();
    assert_eq!(found.source.look().unwrap(), SourceChange::Removed);
}

#[test]
fn metadata_as_protobuf_properties() {
    let mut log = Log::new(SIZE);
    let mut prepare = Prepare::new("a-1", 0, "One", "{}").flags(SINGLE | PROPERTIES);
    // { "$correlationId": "c-9" }
    prepare.metadata = [&[0x0a, 0x17, 0x0a, 14][..], b"$correlationId", &[0x12, 5, 0x1a, 3], b"c-9"].concat();
    log.prepare(prepare);
    let found = opened(&log);
    assert_eq!(found.all[0].metadata.json().unwrap().to_string(), r#"{"$correlationId":"c-9"}"#);
    assert_eq!(found.all[0].correlation.as_deref(), Some("c-9"));
}
