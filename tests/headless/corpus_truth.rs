//! Dumps whose truths are known (`tests/corpus`) read as their `truth.json` says.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;
use stepback::domain::{
    Anchor, Cancel, Direction, Event, EventQuery, Form, Json, Position, Scope, StreamName, Version,
};
use stepback::sources::Source;
use stepback::sources::open::{OpenOptions, open};

struct Dump {
    source: Arc<dyn Source>,
    events: Vec<Arc<Event>>,
    text: String,
    truth: Value,
}

fn dump(directory: &str, file: &str) -> Dump {
    let directory: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(directory);
    let path = directory.join(file);
    let source = open(path.to_str().unwrap(), &OpenOptions::default()).expect("recognised without help");
    source.complete(&Cancel::default(), &mut |_| ()).unwrap();
    let events = source.events(&EventQuery::first(Scope::All, usize::MAX), &Cancel::default()).unwrap().events;
    let truth = serde_json::from_str(&fs::read_to_string(directory.join("truth.json")).unwrap()).unwrap();
    Dump { source, events, text: fs::read_to_string(path).unwrap(), truth }
}

impl Dump {
    fn count_by(&self, key: impl Fn(&Event) -> String) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        for event in &self.events {
            *counts.entry(key(event)).or_default() += 1;
        }
        counts
    }

    fn number(&self, key: &str) -> u64 {
        self.truth[key].as_u64().unwrap_or_else(|| panic!("{key} is a number"))
    }

    fn numbers(&self, key: &str) -> BTreeMap<String, u64> {
        let map = self.truth[key].as_object().unwrap_or_else(|| panic!("{key} is an object"));
        map.iter().map(|(name, value)| (name.clone(), value.as_u64().unwrap())).collect()
    }

    fn last_versions(&self) -> BTreeMap<String, u64> {
        let streams = self.source.streams(0, usize::MAX).unwrap().streams;
        streams.iter().map(|summary| (summary.stream.to_string(), summary.last_version.0)).collect()
    }

    /// Every payload is what stands in the file, byte for byte.
    fn payloads_are_exact(&self, between: &str) {
        for (event, line) in self.events.iter().zip(self.text.lines()) {
            for (key, payload) in [("data", &event.data), ("metadata", &event.metadata)] {
                let written = format!("\"{key}\":{between}{}", payload.text());
                assert!(line.contains(&written), "{key} of {line}");
                assert_eq!(payload.form(), Form::Json);
                payload.json().expect("a payload is JSON");
            }
        }
    }
}

#[test]
fn message_db() {
    let dump = dump("message-db", "messages.jsonl");
    let progress = dump.source.progress();
    assert_eq!(progress.events, dump.number("events"));
    assert_eq!(progress.streams, dump.number("streams"));
    assert_eq!((progress.troubles, progress.complete), (0, true));
    assert_eq!(dump.count_by(|event| event.event_type.to_string()), dump.numbers("by_type"));
    assert_eq!(dump.last_versions(), dump.numbers("stream_max_version_0_based"));
    assert!(
        dump.source.streams(0, usize::MAX).unwrap().streams.iter().all(|stream| stream.first_version == Version(0))
    );
    for (category, count) in dump.numbers("by_category") {
        let query = EventQuery::first(Scope::Category(category.as_str().into()), 1);
        assert_eq!(dump.source.events(&query, &Cancel::default()).unwrap().total, count, "{category}");
    }
    dump.payloads_are_exact("");

    let positions = dump.events.iter().map(|event| match event.position {
        Position::Number(number) => number,
        Position::Text(_) | Position::Nth(_) => panic!("positions are numbers"),
    });
    let positions: Vec<u64> = positions.collect();
    assert_eq!(positions.first(), Some(&dump.number("min_global_position")));
    assert_eq!(positions.last(), Some(&dump.number("max_global_position")));
    let gaps: u64 = positions.windows(2).map(|pair| pair[1] - pair[0] - 1).sum();
    assert_eq!(gaps, dump.number("global_position_gaps"));

    let largest = dump.events.iter().max_by_key(|event| event.data.stored().len()).unwrap();
    assert_eq!(*largest.event_type, *dump.truth["largest_payload_event_type"].as_str().unwrap());

    let correlated = dump.events.iter().filter(|event| {
        let metadata = event.metadata.json().unwrap();
        let stream = metadata.get("correlationStreamName").and_then(Json::as_str);
        event.stream.category() == "account" && stream.is_some_and(|s| StreamName::from(s).category() == "order")
    });
    assert_eq!(correlated.count() as u64, dump.number("get_category_messages_account_correlated_to_order"));
}

#[test]
fn a_cause_in_message_db_is_another_event() {
    let dump = dump("message-db", "messages.jsonl");
    let mut causes = 0;
    for event in &dump.events {
        let Some(cause) = &event.causation else { continue };
        let (stream, version) = cause.rsplit_once('/').expect("stream/version");
        let query = EventQuery {
            scope: Scope::Stream(stream.into()),
            from: Anchor::Version(Version(version.parse().unwrap())),
            direction: Direction::Forward,
            limit: 1,
        };
        let page = dump.source.events(&query, &Cancel::default()).unwrap();
        assert_eq!(page.events[0].version, Version(version.parse().unwrap()));
        let Position::Number(position) = page.events[0].position else { panic!("a number") };
        let metadata = event.metadata.json().unwrap();
        let said = metadata.get("causationMessageGlobalPosition").and_then(Json::as_i64);
        assert_eq!(said, Some(position as i64), "{cause}");
        causes += 1;
    }
    assert_eq!(causes, dump.text.matches("causationMessageStreamName").count());
    assert!(causes > 500);
    let correlated = dump.events.iter().filter(|event| event.correlation.is_some()).count();
    assert_eq!(correlated, 993, "every domain event, by metadata.properties.correlationId");
}

#[test]
fn generic_spellings() {
    let dump = dump("generic", "camel.jsonl");
    let progress = dump.source.progress();
    assert_eq!(progress.events, dump.number("camel.jsonl"));
    assert_eq!((progress.troubles, progress.complete), (0, true));
    dump.payloads_are_exact(" ");

    // The same domain events as in Message DB, but for the one with the largest payload.
    let other = self::dump("message-db", "messages.jsonl");
    let domain = |stream: &str| !stream.contains(':') && stream != "system";
    let mut types = other.count_by(|event| event.event_type.to_string());
    for (event_type, count) in other.count_by(|event| event.event_type.to_string()) {
        let companions =
            other.events.iter().filter(|e| *e.event_type == *event_type && !domain(e.stream.as_str())).count();
        types.insert(event_type, count - companions as u64);
    }
    types.retain(|_, count| *count > 0);
    assert_eq!(types.remove("AvatarUploaded"), Some(1));
    assert_eq!(dump.count_by(|event| event.event_type.to_string()), types);
    let mut versions = other.last_versions();
    versions.retain(|stream, _| domain(stream));
    assert_eq!(dump.last_versions(), versions, "the event left out is not the last of its stream");
    assert_eq!(progress.streams, 51);

    let same: BTreeMap<_, _> = other.events.iter().map(|event| (event.id.clone(), event)).collect();
    for event in &dump.events {
        let twin = same[&event.id];
        assert_eq!((&event.stream, event.version, &event.event_type), (&twin.stream, twin.version, &twin.event_type));
        assert_eq!(event.correlation, twin.correlation);
        let domain_time = twin.metadata.json().unwrap().get("time").and_then(Json::as_str).map(str::to_owned);
        assert_eq!(event.time, domain_time.and_then(|time| stepback::domain::time::parse(&time)));
    }
}

#[test]
fn what_was_guessed_is_told() {
    let about = dump("message-db", "messages.jsonl").source.about();
    assert_eq!(about.kind, "JSON Lines");
    for reason in ["stream = .stream_name", "version = .position", "position = .global_position", "time = .time"] {
        assert!(about.reasons.iter().any(|told| told.starts_with(reason)), "{reason}: {:?}", about.reasons);
    }
    let about = dump("generic", "camel.jsonl").source.about();
    assert!(about.caveats.iter().any(|caveat| caveat.starts_with("no position")), "{:?}", about.caveats);
    assert!(!about.caveats.iter().any(|caveat| caveat.contains("versions go back")), "{:?}", about.caveats);
}
