//! The same questions to every source. `Memory` is the reference: a source passes when it answers as a memory of the same
//! events does, and keeps the promises that no single answer shows.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use proptest::prelude::*;
use stepback::domain::{
    Anchor, Asked, Cancel, Direction, Event, EventPage, EventQuery, FailureKind, Form, Payload, Position, Scope,
    Timestamp, Trouble, Version,
};
use stepback::sources::Source;
use stepback::sources::memory::Memory;
use stepback::sources::open::{OpenOptions, open};

/// Asks everything, of every scope the reference knows and of some it does not.
fn holds(source: &dyn Source, reference: &Memory) {
    let mut told = 0;
    source.complete(&Cancel::default(), &mut |_| told += 1).expect("complete");
    assert!(told > 0, "the progress is told");
    progress_agrees(source, reference);
    streams_agree(source, reference);
    let scopes = scopes(reference);
    for scope in &scopes {
        pages_agree(source, reference, scope);
        anchors_agree(source, reference, scope);
        picks_agree(source, reference, scope);
        refuses(source, scope);
        for other in &scopes {
            for ordinal in 0..=total(reference, scope) {
                let expected = reference.translate(scope, ordinal, other).unwrap();
                assert_eq!(source.translate(scope, ordinal, other).unwrap(), expected, "{scope:?} {ordinal} {other:?}");
            }
        }
    }
}

fn progress_agrees(source: &dyn Source, reference: &Memory) {
    let (found, expected) = (source.progress(), reference.progress());
    assert!(found.complete);
    assert_eq!(found.done, found.total);
    assert_eq!((found.events, found.troubles, found.streams), (expected.events, expected.troubles, expected.streams));
}

fn streams_agree(source: &dyn Source, reference: &Memory) {
    let all = source.streams(0, usize::MAX).unwrap();
    assert_eq!(all, reference.streams(0, usize::MAX).unwrap());
    assert_eq!(all.total, all.streams.len());
    for from in 0..=all.total + 1 {
        let page = source.streams(from, 2).unwrap();
        assert_eq!(page.streams, all.streams.iter().skip(from).take(2).cloned().collect::<Vec<_>>());
        assert_eq!((page.total, page.partial), (all.total, false));
    }
    for summary in &all.streams {
        assert_eq!(source.stream(&summary.stream).unwrap().as_ref(), Some(summary));
        let page = read(source, Scope::Stream(summary.stream.clone()), Anchor::Start, Direction::Forward, usize::MAX);
        let (first, last) = (page.events.first().unwrap(), page.events.last().unwrap());
        assert_eq!(summary.events, page.events.len() as u64);
        assert_eq!((summary.first_version, summary.last_version), (first.version, last.version));
        let times = || page.events.iter().filter_map(|event| event.time);
        assert_eq!((summary.first_time, summary.last_time), (times().min(), times().max()));
    }
    assert_eq!(source.stream(&"no such stream".into()).unwrap(), None);
    assert_eq!(source.stream(&"".into()).unwrap(), None);
}

fn pages_agree(source: &dyn Source, reference: &Memory, scope: &Scope) {
    let all = read(reference, scope.clone(), Anchor::Start, Direction::Forward, usize::MAX);
    let expected: Vec<_> = all.events.iter().map(|event| comparable(event)).collect();
    for limit in [1, 2, 7, 1000, usize::MAX] {
        let mut found = Vec::new();
        loop {
            let page = read(source, scope.clone(), Anchor::Ordinal(found.len() as u64), Direction::Forward, limit);
            assert_eq!((page.total, page.partial), (all.total, false));
            if page.events.is_empty() {
                break;
            }
            assert!(page.events.len() <= limit);
            assert_eq!(page.first, found.len() as u64);
            found.extend(page.events.iter().map(|event| comparable(event)));
        }
        assert_eq!(found, expected, "{scope:?} {limit} at a time");
    }
    for end in 0..expected.len() {
        let page = read(source, scope.clone(), Anchor::Ordinal(end as u64), Direction::Backward, end + 1);
        let reversed: Vec<_> = expected[..=end].iter().rev().cloned().collect();
        assert_eq!(page.first, end as u64);
        assert_eq!(page.events.iter().map(|event| comparable(event)).collect::<Vec<_>>(), reversed);
    }
    let past = read(source, scope.clone(), Anchor::Ordinal(u64::MAX), Direction::Forward, 3);
    assert_eq!((past.first, past.events.len(), past.total), (0, 0, all.total));
    let none = read(source, scope.clone(), Anchor::Start, Direction::Forward, 0);
    assert_eq!((none.events.len(), none.total), (0, all.total));
}

/// What an index says of types, streams and times is what reading says.
fn picks_agree(source: &dyn Source, reference: &Memory, scope: &Scope) {
    let all = read(reference, scope.clone(), Anchor::Start, Direction::Forward, usize::MAX).events;
    let Some(some) = all.get(all.len() / 2) else { return };
    let of_type = |name: &str| *name == *some.event_type;
    let in_stream = |name: &str| name == some.stream.as_str();
    let types: &dyn Fn(&str) -> bool = &of_type;
    let streams: &dyn Fn(&str) -> bool = &in_stream;
    let (after, before) = (some.time, some.time);
    for asked in [
        Asked { types: Some(types), ..Asked::default() },
        Asked { streams: Some(streams), ..Asked::default() },
        Asked { after, ..Asked::default() },
        Asked { before, ..Asked::default() },
        Asked { types: Some(types), streams: Some(streams), after, ..Asked::default() },
    ] {
        let passes = |event: &Event| {
            event.trouble.is_none()
                && asked.types.is_none_or(|wanted| wanted(&event.event_type))
                && asked.streams.is_none_or(|wanted| wanted(event.stream.as_str()))
                && asked.after.is_none_or(|after| event.time.is_some_and(|time| time >= after))
                && asked.before.is_none_or(|before| event.time.is_some_and(|time| time < before))
        };
        let mut found = Vec::new();
        let mut from = 0;
        while let Some(picked) = source.pick(scope, from, 3, &asked).unwrap() {
            assert_eq!(picked.total, all.len() as u64);
            found.extend(picked.ordinals);
            if picked.looked == from {
                break;
            }
            from = picked.looked;
        }
        if from == 0 {
            // It has no index to ask.
            continue;
        }
        assert_eq!(from, all.len() as u64);
        for &(ordinal, certain) in &found {
            let event = &all[ordinal as usize];
            assert!(!certain || passes(event), "{scope:?} {ordinal} {asked:?}");
        }
        let missing =
            (0..).zip(&all).find(|(ordinal, event)| passes(event) && !found.iter().any(|(at, _)| at == ordinal));
        assert!(missing.is_none(), "{scope:?} {missing:?} {asked:?}");
    }
}

fn anchors_agree(source: &dyn Source, reference: &Memory, scope: &Scope) {
    let all = read(reference, scope.clone(), Anchor::Start, Direction::Forward, usize::MAX).events;
    let mut anchors = vec![Anchor::Start, Anchor::End, Anchor::Ordinal(all.len() as u64), Anchor::Id("nobody".into())];
    for event in &all {
        anchors.extend(event.id.clone().map(Anchor::Id));
        for nanoseconds in [-1_000_000_000, -1, 0, 1] {
            let time = event.time.and_then(|time| time.checked_add(jiff::SignedDuration::from_nanos(nanoseconds)).ok());
            anchors.extend(time.map(Anchor::AsOf));
        }
        if matches!(scope, Scope::Stream(_)) {
            let version = event.version.0;
            anchors.extend([version, version + 1].map(|version| Anchor::Version(Version(version))));
        }
    }
    for anchor in anchors {
        for direction in [Direction::Forward, Direction::Backward] {
            let expected = read(reference, scope.clone(), anchor.clone(), direction, 3);
            let found = read(source, scope.clone(), anchor.clone(), direction, 3);
            assert_eq!(found.first, expected.first, "{scope:?} {anchor:?} {direction:?}");
            let comparable = |page: &EventPage| page.events.iter().map(|event| comparable(event)).collect::<Vec<_>>();
            assert_eq!(comparable(&found), comparable(&expected), "{scope:?} {anchor:?} {direction:?}");
        }
    }
}

fn refuses(source: &dyn Source, scope: &Scope) {
    if !matches!(scope, Scope::Stream(_)) {
        let query = EventQuery { from: Anchor::Version(Version(1)), ..EventQuery::first(scope.clone(), 1) };
        assert_eq!(source.events(&query, &Cancel::default()).unwrap_err().kind, FailureKind::Unsupported);
    }
    let cancel = Cancel::default();
    cancel.cancel();
    for from in [Anchor::Start, Anchor::Id("nobody".into())] {
        let query = EventQuery { from, ..EventQuery::first(scope.clone(), 1) };
        assert_eq!(source.events(&query, &cancel).unwrap_err().kind, FailureKind::Cancelled);
    }
    assert_eq!(source.complete(&cancel, &mut |_| ()).unwrap_err().kind, FailureKind::Cancelled);
}

fn read(source: &dyn Source, scope: Scope, from: Anchor, direction: Direction, limit: usize) -> EventPage {
    source.events(&EventQuery { scope, from, direction, limit }, &Cancel::default()).expect("events")
}

fn total(source: &dyn Source, scope: &Scope) -> u64 {
    read(source, scope.clone(), Anchor::Start, Direction::Forward, 0).total
}

/// All scopes with events, and two without.
fn scopes(reference: &Memory) -> Vec<Scope> {
    let streams = reference.streams(0, usize::MAX).unwrap().streams;
    let categories: BTreeSet<_> = streams.iter().map(|summary| summary.stream.category().to_owned()).collect();
    let nowhere = [
        Scope::Stream("no such stream".into()),
        Scope::Category("no such category".into()),
        Scope::Correlation("no such correlation".into()),
    ];
    let mut scopes = vec![Scope::All];
    scopes.extend(nowhere);
    let all = read(reference, Scope::All, Anchor::Start, Direction::Forward, usize::MAX).events;
    let correlations: BTreeSet<_> = all.iter().filter_map(|event| event.correlation.clone()).collect();
    // Every pair of scopes is compared: one will do.
    scopes.extend(correlations.into_iter().take(1).map(Scope::Correlation));
    scopes.extend(streams.into_iter().map(|summary| Scope::Stream(summary.stream)));
    scopes.extend(categories.into_iter().map(|name| Scope::Category(name.as_str().into())));
    scopes
}

/// The event, without the words in which its trouble is told.
fn comparable(event: &Event) -> Event {
    let trouble = event.trouble.clone().map(|trouble| Trouble { reason: String::new(), ..trouble });
    Event { trouble, ..event.clone() }
}

/// What a viewer must not change about a directory: names, contents, times.
fn snapshot(directory: &Path) -> Vec<(String, Vec<u8>, SystemTime)> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| {
        let entry = entry.unwrap();
        let metadata = entry.metadata().unwrap();
        let name = entry.file_name().to_string_lossy().into_owned();
        (name, fs::read(entry.path()).unwrap_or_default(), metadata.modified().unwrap())
    });
    let mut entries: Vec<_> = entries.collect();
    entries.sort();
    entries
}

// ---- JSON Lines ----------------------------------------------------------------------------------------------------

/// How a store is written down as lines.
#[derive(Clone, Debug)]
struct Style {
    line_end: &'static str,
    last_line_end: bool,
    bom: bool,
    positions: bool,
    /// Blank lines before the lines with these numbers.
    blanks: Vec<usize>,
}

impl Style {
    const PLAIN: Self = Self { line_end: "\n", last_line_end: true, bom: false, positions: true, blanks: Vec::new() };
}

const MAP: &str =
    "stream=.s,type=.t,version=.v,time=.at,id=.id,data=.data,metadata=.meta,correlation=.c,causation=.meta.by";

/// Writes events as lines, and gives what they read as: positions and places of troubles follow from the lines.
fn write_lines(events: &[Event], style: &Style) -> (Vec<u8>, Vec<Event>) {
    let mut text = Vec::new();
    let mut read = Vec::new();
    if style.bom {
        text.extend_from_slice("\u{feff}".as_bytes());
    }
    let mut line = 0;
    for (number, event) in events.iter().enumerate() {
        for _ in style.blanks.iter().filter(|&&blank| blank == number) {
            text.extend_from_slice(b"  ");
            text.extend_from_slice(style.line_end.as_bytes());
            line += 1;
        }
        line += 1;
        let mut event = event.clone();
        let position = number as u64 * 3 + 5;
        event.position = match (style.positions, &event.trouble) {
            (true, None) => Position::Number(position),
            (true, Some(_)) => Position::Nth(number as u64 + 1),
            (false, _) => Position::Number(line),
        };
        match &mut event.trouble {
            Some(trouble) => {
                trouble.place = format!("line {line}");
                text.extend_from_slice(event.data.stored());
            }
            None => {
                let position = if style.positions { format!(r#""gp":{position},"#) } else { String::new() };
                let string = |text: &str| serde_json::to_string(text).unwrap();
                let optional =
                    |key: &str, value: Option<String>| value.map_or(String::new(), |v| format!(r#""{key}":{v},"#));
                let mut written = format!(
                    r#"{{{position}"s":{}, "t":{},{}{}{}"v":{}"#,
                    string(event.stream.as_str()),
                    string(&event.event_type),
                    optional("id", event.id.as_deref().map(string)),
                    optional("at", event.time.map(|time| string(&time.to_string()))),
                    optional("c", event.correlation.as_deref().map(string)),
                    event.version
                );
                for (key, payload) in [("data", &event.data), ("meta", &event.metadata)] {
                    if !payload.is_absent() {
                        write!(written, r#", "{key}" :{}"#, payload.text()).unwrap();
                    }
                }
                text.extend_from_slice(written.as_bytes());
                text.push(b'}');
            }
        }
        if number + 1 < events.len() || style.last_line_end {
            text.extend_from_slice(style.line_end.as_bytes());
        }
        read.push(event);
    }
    (text, read)
}

fn open_lines(directory: &Path, text: &[u8], map: &str) -> Arc<dyn Source> {
    let path = directory.join("dump.jsonl");
    fs::write(&path, text).unwrap();
    open(path.to_str().unwrap(), &OpenOptions { map: Some(map.into()), ..OpenOptions::default() }).expect("open")
}

fn map(style: &Style) -> String {
    if style.positions { format!("{MAP},position=.gp") } else { format!("{MAP},position=none") }
}

/// JSON text as people and programs write it: odd numbers, escapes, duplicate keys, blanks.
fn json_text() -> impl Strategy<Value = String> {
    let string = prop::sample::select(vec![
        r#""""#,
        r#""plain""#,
        r#""Zoë 山田 🌍""#,
        r#""\u00e9\n\t\\\"""#,
        r#""\ud83c\udf0d""#,
        r#""\ud800""#,
        r#""a/b\/c""#,
    ]);
    let leaf = prop_oneof![
        prop::sample::select(vec![
            "null",
            "true",
            "false",
            "0",
            "-0",
            "1.0",
            "1E5",
            "1e400",
            "9007199254740993",
            "18446744073709551616",
        ])
        .prop_map(String::from),
        string.clone().prop_map(String::from),
    ];
    leaf.prop_recursive(3, 16, 4, move |inner| {
        let pair = (string.clone(), inner.clone()).prop_map(|(key, value)| format!("{key} :{value}"));
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(|values| format!("[{}]", values.join(" ,\t"))),
            prop::collection::vec(pair, 0..4).prop_map(|pairs| format!("{{{}}}", pairs.join(", "))),
        ]
    })
}

fn payload() -> impl Strategy<Value = Payload> {
    prop_oneof![
        6 => json_text().prop_map(Payload::json_text),
        1 => Just(Payload::default()),
        1 => Just(Payload::new(Form::JsonText, Bytes::from_static(br#""{\"a\": [1,\n2]}""#))),
    ]
}

/// A store: events of few streams in any order; some without ids or times, some records that are none.
fn store() -> impl Strategy<Value = Vec<Event>> {
    let stream = prop::sample::select(vec!["a-1", "a-2", "b-1", "lonely", "-x", "ü \"q\"\\-1", "a"]);
    let time =
        prop::option::weighted(0.8, (0_i64..4, prop::sample::select(vec![0, 1, 999_999, 1_000_000, 500_000_001])));
    let event = (stream, 0_u64..3, time, payload(), payload(), any::<[bool; 3]>(), 0_u8..12);
    prop::collection::vec(event, 1..20).prop_map(|records| {
        let (mut versions, mut last) = (std::collections::HashMap::new(), std::collections::HashMap::new());
        let mut events = Vec::new();
        for (number, (stream, gap, time, data, metadata, [id, correlation, _], kind)) in records.into_iter().enumerate()
        {
            if kind == 0 {
                let bad: [&[u8]; 7] = [
                    b"{\"s\":",
                    b"nonsense",
                    b"\xff\xfe{}",
                    b"{\"s\":\"a\",\"t\":\"T\",\"v\":-1}",
                    b"{\"s\":\"a\",\"t\":null,\"v\":7}",
                    b"{\"t\":\"T\"}",
                    b"[1]",
                ];
                let line = bad[number % bad.len()];
                let mut record = bad_record(line);
                // Two of them say whose they are; what says no version counts on.
                if line.starts_with(b"{\"s\":\"a\"") {
                    let counted = last.get("a").map_or(1, |version| version + 1);
                    let (version, event_type) = if line.ends_with(b"7}") { (7, "") } else { (counted, "T") };
                    (record.stream, record.version, record.event_type) =
                        ("a".into(), Version(version), event_type.into());
                    last.insert("a", version);
                }
                events.push(record);
                continue;
            }
            let version = versions.entry(stream).and_modify(|version| *version += gap).or_insert(gap);
            last.insert(stream, *version);
            let by = format!(r#"{{"by":"event-{number}","more":{}}}"#, metadata.text());
            let caused = metadata.form() == Form::Json;
            events.push(Event {
                id: (id || number % 2 == 0).then(|| format!("event {number}").into()),
                time: time.and_then(|(second, nanosecond)| Timestamp::new(1_735_689_600 + second, nanosecond).ok()),
                data,
                causation: caused.then(|| format!("event-{number}").into()),
                metadata: if caused { Payload::json_text(by) } else { metadata },
                correlation: correlation.then(|| "transaction".into()),
                ..Event::new(
                    stream,
                    Version(*version),
                    Position::Number(0),
                    ["Opened", "Closed", "Renamed \"x\""][number % 3],
                )
            });
        }
        if events.iter().all(|event| event.trouble.is_some()) {
            let (data, metadata) = (Payload::json_text("{}"), Payload::default());
            events.push(Event { data, metadata, ..Event::new("a-1", Version(1), Position::Number(0), "Opened") });
        }
        events
    })
}

fn bad_record(line: &[u8]) -> Event {
    Event::unreadable(
        Position::Number(0),
        Trouble { place: String::new(), reason: String::new() },
        Payload::new(Form::Opaque, Bytes::copy_from_slice(line)),
    )
}

fn style() -> impl Strategy<Value = Style> {
    let blanks = prop::collection::vec(0_usize..20, 0..4);
    (any::<[bool; 4]>(), blanks).prop_map(|([crlf, last_line_end, bom, positions], blanks)| Style {
        line_end: if crlf { "\r\n" } else { "\n" },
        last_line_end,
        bom,
        positions,
        blanks,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn memory_keeps_its_promises(events in store()) {
        let memory = Memory::new("memory", events.clone());
        holds(&memory, &Memory::new("reference", events));
    }

    #[test]
    fn json_lines_answer_as_memory_does(events in store(), style in style()) {
        let directory = tempfile::tempdir().unwrap();
        let (text, events) = write_lines(&events, &style);
        let source = open_lines(directory.path(), &text, &map(&style));
        holds(&*source, &Memory::new("reference", events));
    }
}

// ---- Stores that others wrote ----------------------------------------------------------------------------------------

/// The stores of the corpus, in every form they are kept in.
const CORPUS: &[&str] = &[
    "cloudevents/events.jsonl",
    "commanded/process_manager_rename.sql",
    #[cfg(feature = "sqlite")]
    "cqrs-es-sqlite/cqrs.sqlite",
    #[cfg(feature = "sqlite")]
    "emmett-sqlite/emmett.sqlite",
    "generic/camel.jsonl",
    "kafka-kcat/shop.events.kcat-J.jsonl",
    "message-db/message_store.csv",
    "message-db/messages.jsonl",
    "message-db/messages_copy_only.sql",
    "pg17/axon-zstd",
    "pg17/axon.tar.gz",
    "pg17/messages-lz4",
    "pg17/messages-lz4-inserts.dump",
    "pg17/messages.tar.gz",
    "redux-devtools/lifted-state-full.json",
];

/// A page read again in other portions, from other ends, and from every kind of anchor, is the same page.
fn holds_by_portions(source: &dyn Source, reference: &Memory, scope: &Scope) {
    let all = read(reference, scope.clone(), Anchor::Start, Direction::Forward, usize::MAX).events;
    let same = |found: &EventPage, expected: &EventPage, what: &str| {
        assert_eq!(
            (found.first, found.total, found.partial),
            (expected.first, expected.total, false),
            "{scope:?} {what}"
        );
        assert_eq!(found.events, expected.events, "{scope:?} {what}");
    };
    let mut anchors = vec![Anchor::Start, Anchor::End, Anchor::Ordinal(all.len() as u64), Anchor::Id("nobody".into())];
    for event in all.iter().step_by(all.len() / 7 + 1) {
        anchors.extend(event.id.clone().map(Anchor::Id));
        anchors.extend(event.time.map(Anchor::AsOf));
        if matches!(scope, Scope::Stream(_)) {
            anchors.push(Anchor::Version(event.version));
        }
    }
    anchors.extend((0..all.len() as u64).step_by(all.len() / 11 + 1).map(Anchor::Ordinal));
    for anchor in anchors {
        for direction in [Direction::Forward, Direction::Backward] {
            let found = read(source, scope.clone(), anchor.clone(), direction, 9);
            let expected = read(reference, scope.clone(), anchor.clone(), direction, 9);
            same(&found, &expected, &format!("{anchor:?} {direction:?}"));
        }
    }
    for limit in [64, usize::MAX] {
        let mut found = Vec::new();
        while found.len() < all.len() {
            let page = read(source, scope.clone(), Anchor::Ordinal(found.len() as u64), Direction::Forward, limit);
            assert!(!page.events.is_empty(), "{scope:?} ends at {} of {}", found.len(), all.len());
            found.extend(page.events);
        }
        assert_eq!(found, all, "{scope:?}");
    }
}

#[test]
fn stores_of_others_keep_the_contract() {
    for store in CORPUS {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(store);
        let source = open(path.to_str().unwrap(), &OpenOptions::default()).expect(store);
        source.complete(&Cancel::default(), &mut |_| ()).expect(store);
        let events = read(&*source, Scope::All, Anchor::Start, Direction::Forward, usize::MAX).events;
        let reference = Memory::new("reference", events.iter().map(|event| Event::clone(event)).collect());
        progress_agrees(&*source, &reference);
        // What a stream is for is the layout's to say; everything else follows from the events.
        let listed = |source: &dyn Source| {
            let mut streams = source.streams(0, usize::MAX).unwrap().streams;
            streams.iter_mut().for_each(|summary| summary.kind = Default::default());
            streams
        };
        assert_eq!(listed(&*source), listed(&reference), "{store}");
        let scopes = scopes(&reference);
        for scope in &scopes {
            holds_by_portions(&*source, &reference, scope);
            refuses(&*source, scope);
            let last = total(&reference, scope).saturating_sub(1);
            for other in scopes.iter().step_by(scopes.len() / 5 + 1) {
                for ordinal in [0, last / 2, last, last + 1] {
                    let expected = reference.translate(scope, ordinal, other).unwrap();
                    assert_eq!(
                        source.translate(scope, ordinal, other).unwrap(),
                        expected,
                        "{store} {scope:?} {ordinal}"
                    );
                }
            }
        }
    }
}

/// A store too large for the head of a file.
fn large() -> Vec<Event> {
    let mut versions = [0_u64; 40];
    (0..4000_u64)
        .map(|number| {
            let stream = (number * number % 97 % 40) as usize;
            versions[stream] += 1;
            if number % 571 == 570 {
                return bad_record(b"{\"cut\":");
            }
            Event {
                id: Some(format!("{number:08}").into()),
                time: Timestamp::from_millisecond(1_735_689_600_000 + number as i64 * 37 % 5000).ok(),
                data: Payload::json_text(format!(
                    r#"{{"number":{number},"text":"{}"}}"#,
                    "x".repeat(number as usize % 500)
                )),
                ..Event::new(
                    format!("c{}-{stream}", stream % 3).as_str(),
                    Version(versions[stream]),
                    Position::Number(0),
                    format!("T{}", number % 9),
                )
            }
        })
        .collect()
}

#[test]
fn growing_only_appends() {
    let directory = tempfile::tempdir().unwrap();
    let (text, events) = write_lines(&large(), &Style::PLAIN);
    assert!(text.len() > 1 << 20, "larger than several stretches");
    let source = open_lines(directory.path(), &text, &map(&Style::PLAIN));
    let scopes = [Scope::All, Scope::Stream("c1-1".into()), Scope::Category("c1".into())];
    let all = |scope: &Scope| read(&*source, scope.clone(), Anchor::Start, Direction::Forward, usize::MAX);

    let early: Vec<_> = scopes.iter().map(&all).collect();
    let early_streams = source.streams(0, usize::MAX).unwrap();
    assert!(early_streams.partial && !source.progress().complete);
    let progress = source.progress();
    assert!(progress.done < progress.total && progress.total == text.len() as u64);
    source.complete(&Cancel::default(), &mut |_| ()).unwrap();
    for (scope, early) in scopes.iter().zip(early) {
        let late = all(scope);
        assert!(early.partial && !late.partial);
        assert!(!early.events.is_empty() && early.events.len() < late.events.len(), "{scope:?}");
        assert_eq!(early.events[..], late.events[..early.events.len()], "{scope:?}");
    }
    let late_streams = source.streams(0, usize::MAX).unwrap();
    for (early, late) in early_streams.streams.iter().zip(&late_streams.streams) {
        assert_eq!(early.stream, late.stream);
        assert!(early.events <= late.events);
    }
    let found: Vec<_> = all(&Scope::All).events.iter().map(|event| comparable(event)).collect();
    assert_eq!(found, events.iter().map(comparable).collect::<Vec<_>>());
    streams_agree(&*source, &Memory::new("reference", events));
}

#[test]
fn a_memory_may_grow() {
    let memory = Memory::new("memory", Vec::new());
    assert_eq!(total(&memory, &Scope::All), 0);
    let events = large();
    memory.append(events[..100].to_vec());
    let early = read(&memory, Scope::Category("c1".into()), Anchor::Start, Direction::Forward, 1000).events;
    memory.append(events[100..200].to_vec());
    let late = read(&memory, Scope::Category("c1".into()), Anchor::Start, Direction::Forward, 1000).events;
    assert_eq!(early[..], late[..early.len()]);
    assert!(early.len() < late.len());
}

#[test]
fn looking_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let (text, events) = write_lines(&large()[..300], &Style::PLAIN);
    fs::write(directory.path().join("dump.jsonl"), &text).unwrap();
    let before = snapshot(directory.path());
    let source = open(
        directory.path().join("dump.jsonl").to_str().unwrap(),
        &OpenOptions { map: Some(map(&Style::PLAIN)), ..OpenOptions::default() },
    )
    .unwrap();
    source.complete(&Cancel::default(), &mut |_| ()).unwrap();
    pages_agree(&*source, &Memory::new("reference", events), &Scope::All);
    drop(source);
    assert_eq!(snapshot(directory.path()), before);
}
