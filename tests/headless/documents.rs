//! Documents of JSON that are not generic lines, CSV files and packed ones: what others wrote is read as they wrote it,
//! and a fault costs the records it touches.

#![allow(clippy::unwrap_used)]

#[cfg(feature = "sqlite")]
mod identity;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use stepback::domain::{
    Anchor, Cancel, Direction, Event, EventQuery, Failure, Form, Json, NoteKind, Position, Scope, StoredSnapshot,
    StreamKind, StreamName, Version,
};
use stepback::session::{ReducerBook, Walker};
use stepback::sources::Source;
use stepback::sources::open::{OpenOptions, open, open_pipe};

use crate::support::random::Random;

fn corpus(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(name)
}

fn truth(directory: &str) -> Value {
    serde_json::from_slice(&fs::read(corpus(directory).join("truth.json")).unwrap()).unwrap()
}

fn read(path: &Path) -> (Arc<dyn Source>, Vec<Arc<Event>>) {
    let source = open(path.to_str().unwrap(), &OpenOptions::default()).unwrap_or_else(|e| panic!("{e}"));
    let events = all(&*source);
    (source, events)
}

fn all(source: &dyn Source) -> Vec<Arc<Event>> {
    source.complete(&Cancel::default(), &mut |_| ()).unwrap();
    let events = source.events(&EventQuery::first(Scope::All, usize::MAX), &Cancel::default()).unwrap().events;
    let troubles = events.iter().filter(|event| event.trouble.is_some()).count() as u64;
    let progress = source.progress();
    assert_eq!((progress.events + progress.troubles, progress.troubles), (events.len() as u64, troubles));
    assert!(progress.complete && progress.done == progress.total, "{progress:?}");
    // Backward is forward reversed.
    let back =
        EventQuery { from: Anchor::End, direction: Direction::Backward, ..EventQuery::first(Scope::All, usize::MAX) };
    let mut reversed = source.events(&back, &Cancel::default()).unwrap().events;
    reversed.reverse();
    assert!(reversed == events, "backward");
    events
}

fn write(directory: &tempfile::TempDir, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = directory.path().join(name);
    fs::write(&path, content).unwrap();
    path
}

fn read_text(content: impl AsRef<[u8]>) -> (Arc<dyn Source>, Vec<Arc<Event>>) {
    let directory = tempfile::tempdir().unwrap();
    read(&write(&directory, "dump.json", content))
}

fn counts<K: Ord>(events: &[Arc<Event>], key: impl Fn(&Event) -> K) -> BTreeMap<K, u64> {
    let mut counts = BTreeMap::new();
    for event in events {
        *counts.entry(key(event)).or_default() += 1;
    }
    counts
}

fn numbers(value: &Value) -> BTreeMap<String, u64> {
    value.as_object().unwrap().iter().map(|(name, count)| (name.clone(), count.as_u64().unwrap())).collect()
}

fn names(events: &[Arc<Event>]) -> Vec<String> {
    events.iter().map(|event| format!("{} {} {}", event.stream, event.version, event.event_type)).collect()
}

/// What the records are, a letter each.
fn kinds(events: &[Arc<Event>]) -> String {
    events.iter().map(|event| if event.trouble.is_some() { 't' } else { 'e' }).collect()
}

#[test]
fn cloud_events_lines() {
    let truth = truth("cloudevents");
    let (source, events) = read(&corpus("cloudevents/events.jsonl"));
    assert_eq!(source.about().kind, "CloudEvents");
    assert_eq!(events.len() as u64, truth["events.jsonl"]);
    assert_eq!(source.progress().troubles, 0);
    let streams = source.streams(0, usize::MAX).unwrap().streams;
    assert_eq!(streams.len() as u64, truth["subjects"]);
    // `sequence` counts the events of a subject, from 0.
    for stream in &streams {
        assert_eq!((stream.first_version, stream.last_version), (Version(0), Version(stream.events - 1)));
    }
    let types = counts(&events, |event| event.event_type.strip_prefix("com.example.shop.").unwrap().to_owned());
    assert_eq!(types, numbers(&truth["by_type_without_prefix"]));
    let lines = fs::read_to_string(corpus("cloudevents/events.jsonl")).unwrap();
    for (event, line) in events.iter().zip(lines.lines()) {
        let written: Value = serde_json::from_str(line).unwrap();
        assert_eq!(event.id.as_deref(), written["id"].as_str());
        assert_eq!(event.correlation.as_deref(), written["correlationid"].as_str());
        assert_eq!(event.causation.as_deref(), written["causationid"].as_str());
        assert!(line.contains(&format!("\"data\": {}}}", event.data.text())), "{line}");
        let attributes = event.metadata.json().unwrap();
        assert_eq!(attributes.get("source").and_then(Json::as_str), written["source"].as_str());
        assert!(attributes.get("data").is_none());
    }
}

#[test]
fn cloud_events_in_every_shape_are_the_same_events() {
    let text = fs::read_to_string(corpus("cloudevents/events.jsonl")).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let (_, expected) = read(&corpus("cloudevents/events.jsonl"));
    let values: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let pretty: Vec<String> = values.iter().map(|value| serde_json::to_string_pretty(value).unwrap()).collect();
    for (shape, content) in [
        ("batch", format!("[{}]", lines.join(","))),
        ("batch with a mark", format!("\u{feff}\n [ {} ]\n", lines.join(" ,\n"))),
        ("pretty batch", serde_json::to_string_pretty(&values).unwrap()),
        ("pretty objects", pretty.join("\n")),
        ("CRLF", lines.join("\r\n")),
    ] {
        let (source, events) = read_text(content);
        assert_eq!(source.about().kind, "CloudEvents", "{shape}");
        assert_eq!(names(&events), names(&expected), "{shape}");
        assert_eq!(source.progress().troubles, 0, "{shape}");
        for (event, expected) in events.iter().zip(&expected) {
            assert_eq!(
                (&event.time, &event.id, &event.correlation),
                (&expected.time, &expected.id, &expected.correlation)
            );
        }
    }
    let (_, one) = read_text(&pretty[0]);
    assert_eq!(names(&one), names(&expected[..1]));
    // Line breaks inside a payload stay as they are stored.
    assert!(one[0].data.text().contains("\n    \"userId\""), "{}", one[0].data.text());
}

#[test]
fn cloud_events_without_subjects_and_with_binary_data() {
    let event = |id: u32, rest: &str| {
        format!(
            r#"{{"specversion":"1.0","id":"{id}","source":"/s","type":"T","time":"2025-01-01T00:00:0{id}Z",{rest}}}"#
        )
    };
    let text = [
        event(1, r#""data_base64":"eyJhIjoxfQ==","datacontenttype":"application/json""#),
        event(2, r#""data_base64":"AP8=""#),
        event(3, r#""subject":"a-1","data":null,"sequence":"17""#),
        event(4, r#""data":"text""#),
    ];
    let (source, events) = read_text(text.join("\n"));
    assert_eq!(names(&events), ["/s 1 T", "/s 2 T", "a-1 1 T", "/s 3 T"]);
    assert_eq!((events[0].data.encoding(), events[0].data.text().as_ref()), (Some("base64, JSON"), r#"{"a":1}"#));
    assert_eq!(events[1].data.form(), Form::Opaque);
    assert_eq!(events[1].data.stored().as_ref(), [0, 255]);
    assert!(source.about().caveats.iter().any(|caveat| caveat.starts_with("no versions")));
}

#[test]
fn kafka_records_are_none_of_them_lost() {
    let truth = truth("kafka-kcat");
    let (source, events) = read(&corpus("kafka-kcat/shop.events.kcat-J.jsonl"));
    assert_eq!(events.len() as u64, truth["messages"]);
    assert_eq!(source.progress().troubles, 0);
    assert!(source.about().caveats.iter().any(|caveat| caveat.starts_with("no order across partitions")));
    let partitions = counts(&events, |event| match &event.position {
        Position::Text(place) => place.split_once('/').unwrap().0.to_owned(),
        Position::Number(_) | Position::Nth(_) => panic!("a partition and an offset"),
    });
    assert_eq!(partitions, numbers(&truth["by_partition"]));
    let mut keys = counts(&events, |event| event.stream.to_string());
    assert_eq!(keys.remove("shop.events"), truth["null_keys"].as_u64(), "a record without a key is its topic's");
    assert_eq!(keys.len() as u64, truth["distinct_keys"].as_u64().unwrap());
    // The truth spells the bytes of one key as replacement characters.
    let binary = keys.remove("\\xff\\xfebinary").unwrap();
    keys.insert("\u{fffd}\u{fffd}binary".into(), binary);
    assert_eq!(keys, numbers(&truth["keys"]));
    let mut types = counts(&events, |event| event.event_type.to_string());
    assert_eq!(types.remove("tombstone"), truth["tombstones"].as_u64());
    assert_eq!(types.remove("shop.events"), Some(3), "no key, an empty value, bytes");
    assert_eq!(types, numbers(&truth["by_type"]));

    let of = |stream: &str| events.iter().filter(|event| event.stream.as_str() == stream).collect::<Vec<_>>();
    let tombstones: Vec<_> = events.iter().filter(|event| &*event.event_type == "tombstone").collect();
    assert!(tombstones.iter().all(|event| event.has(NoteKind::Deleted) && event.data.is_absent()));
    let empty = of("empty")[0];
    assert_eq!((empty.data.form(), empty.data.text().as_ref()), (Form::Json, "\"\""));
    let bytes = &of("\\xff\\xfebinary")[0].data;
    assert_eq!(bytes.stored().as_ref(), (0..=255).collect::<Vec<u8>>());
    let no_key = of("shop.events")[0];
    assert_eq!(no_key.data.json().unwrap().get("no").and_then(Json::as_str), Some("key"));
    assert!(no_key.metadata.text().contains(r#""nullhdr",null"#));
    let correlated = events.iter().filter(|event| event.correlation.is_some()).count();
    assert_eq!(correlated, 993);
    let first = of("user-3e440097-be73-4dea-86ff-885a612db214")[0];
    assert_eq!(first.id.as_deref(), Some("5c90a600-20f7-448f-94ca-56f95aee0061"));
    assert_eq!(first.time.unwrap().to_string(), "2025-01-01T12:03:44.999Z");
    assert_eq!(first.data.form(), Form::JsonText);
}

#[test]
fn a_record_without_a_payload_is_no_deletion_unless_it_says_so() {
    // Other tools write the fields of kcat, and call the payload `value`.
    let record = |n: u64| {
        let value = json!({"type": "Paid", "data": {"n": n}}).to_string();
        json!({"topic": "t", "key": "a", "value": value, "timestamp": 1_741_597_237_000_u64, "partition": 0, "offset": n})
    };
    let (source, events) = read_text((0..4).map(|n| record(n).to_string() + "\n").collect::<String>());
    assert_ne!(source.about().layout.as_deref(), Some("kafka-kcat"));
    assert_eq!(events.len(), 4);
    for event in &events {
        assert!(!event.has(NoteKind::Deleted) && &*event.event_type != "tombstone", "{event:?}");
        assert!(event.data.text().contains("Paid"), "{event:?}");
    }
    let kcat = |n: u64, rest: &str| {
        format!("{{\"topic\":\"t\",\"partition\":0,\"offset\":{n},\"ts\":1,\"key\":\"a\"{rest}}}\n")
    };
    let text =
        [kcat(0, ",\"payload\":\"{}\""), kcat(1, ",\"payload\":null"), kcat(2, ",\"value\":\"{}\""), kcat(3, "")]
            .concat();
    let (source, events) = read_text(text);
    assert_eq!(source.about().layout.as_deref(), Some("kafka-kcat"));
    assert_eq!(
        events.iter().map(|event| event.has(NoteKind::Deleted)).collect::<Vec<_>>(),
        [false, true, false, false]
    );
    assert_eq!(events.iter().map(|event| &*event.event_type).collect::<Vec<_>>(), ["t", "tombstone", "t", "t"]);
    assert!(events[2..].iter().all(|event| event.notes.iter().any(|note| &*note.text == "it has no `payload`")));
}

/// The actions that count, folded by a reducer of ours, are what the library computed.
#[cfg(feature = "javascript")]
#[test]
fn redux_actions_fold_to_what_the_library_computed() {
    let state = |at: Option<u64>| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_stepback"));
        command.args(["state", corpus("redux-devtools/lifted-state-full.json").to_str().unwrap(), "actions", "--json"]);
        command.args(["--reducer", corpus("shop.redux.js").to_str().unwrap()]);
        if let Some(at) = at {
            command.args(["--at", &at.to_string()]);
        }
        let output = command.stdin(std::process::Stdio::null()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice::<Value>(&output.stdout).unwrap()["state"].clone()
    };
    assert_eq!(state(None)["accounts"], truth("redux-devtools")["final_state_with_skips"]);
    // The states the library kept along the way are at hand to be held against ours.
    let (source, _) = read(&corpus("redux-devtools/lifted-state-full.json"));
    let mut kept: Vec<StoredSnapshot> = Vec::new();
    source
        .snapshots(&Cancel::default(), &mut |snapshot| {
            kept.push(snapshot);
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(kept.len(), 58, "60 states, two of them after actions that are switched off");
    for snapshot in kept.iter().step_by(7).chain(kept.last()) {
        let written: Value = serde_json::from_slice(snapshot.state.stored()).unwrap();
        assert_eq!(state(Some(snapshot.version.0)), written, "after {}", snapshot.version);
    }
}

#[test]
fn redux_lifted_state() {
    let truth = truth("redux-devtools");
    let (source, events) = read(&corpus("redux-devtools/lifted-state-full.json"));
    assert_eq!(events.len() as u64, truth["actions"]);
    let skipped: BTreeSet<u64> = truth["skipped"].as_array().unwrap().iter().filter_map(Value::as_u64).collect();
    let aside: BTreeSet<u64> =
        events.iter().filter(|event| event.has(NoteKind::Deleted)).map(|event| event.version.0).collect();
    assert_eq!(aside, skipped);
    assert!(events.iter().all(|event| (event.stream.as_str() == "actions") != event.has(NoteKind::Deleted)));
    assert_eq!(*events[0].event_type, *truth["first"].as_str().unwrap());
    let apart = source.stream(&StreamName::from("actions (skipped)")).unwrap().unwrap();
    assert_eq!((apart.kind, apart.events), (StreamKind::System, 2));
    assert!(source.about().caveats.iter().any(|caveat| caveat.contains("(40, 41)")), "{:?}", source.about().caveats);
    assert_eq!(events[1].data.json().unwrap().get("type").and_then(Json::as_str), Some("user/UserCreated"));
    assert_eq!(events[1].correlation.as_deref(), Some("70582416-5471-4973-8aa5-87ae48fde71b"));
}

#[test]
fn redux_in_its_other_shapes() {
    // Staged in another order than they are numbered, one staged no longer, one missing, one whose reducer threw.
    let lifted = json!({
        "actionsById": {
            "0": {"type": "PERFORM_ACTION", "action": {"type": "@@INIT"}, "timestamp": 1795408117146_u64},
            "3": {"type": "PERFORM_ACTION", "action": {"type": "b"}, "timestamp": 1795408117147_u64},
            "2": {"type": "PERFORM_ACTION", "action": {"type": "a"}, "timestamp": 1795408117148_u64},
            "5": {"type": "PERFORM_ACTION", "action": {"type": "c"}, "timestamp": 1795408117149_u64},
        },
        "stagedActionIds": [0, 2, 3, 4], "skippedActionIds": [], "nextActionId": 6, "currentStateIndex": 3,
        "committedState": {"n": 1},
        "computedStates": [{"state": 0}, {"state": 1}, {"state": 1, "error": "thrown"}, {"state": 3}],
    });
    let (source, events) = read_text(lifted.to_string());
    let told: Vec<_> = events
        .iter()
        .map(|e| e.trouble.as_ref().map_or_else(|| format!("{} {}", e.stream, e.event_type), |t| t.to_string()))
        .collect();
    assert_eq!(
        told,
        [
            "actions @@INIT",
            "actions a",
            "actions b",
            "action 4: it is staged, but not among the actions",
            "actions (skipped) c"
        ]
    );
    assert!(source.about().caveats.iter().any(|caveat| caveat.contains("committedState")));
    let mut versions = Vec::new();
    source
        .snapshots(&Cancel::default(), &mut |snapshot| {
            versions.push(snapshot.version.0);
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(versions[..2], [0, 2], "not the one that threw");
    // What the tool computed is the state; what threw failed, and the tool's own place is known.
    assert_eq!(source.about().stood_at, Some(("actions".into(), Version(3))));
    let mut walker = Walker::new(source.clone(), ReducerBook::empty());
    let mut state = |version| {
        let to = stepback::domain::Destination::At(stepback::domain::Place::Number(version));
        let scope = Scope::Stream("actions".into());
        let moment = walker.go(&scope, 0, &to, &Cancel::default(), &mut |_| {}).expect("an action").moment;
        assert_eq!((moment.reducer.name.as_str(), moment.reducer.approximate), ("computedStates", false));
        (moment.state.map(|state| state.to_string()), moment.fault.map(|fault| fault.message), moment.faults.before)
    };
    assert_eq!(state(0), (Some("0".into()), None, 0));
    assert_eq!(state(2), (Some("1".into()), None, 0));
    assert_eq!(state(3), (Some("1".into()), Some("thrown".into()), 1));

    let actions = json!([{"type": "a", "n": 1}, {"type": "PERFORM_ACTION", "action": {"type": "b"}, "timestamp": 1795408117147_u64}, {"x": 1}]);
    let exported = json!({"payload": actions.to_string(), "preloadedState": "{\"n\":5}"});
    let (source, events) = read_text(serde_json::to_string_pretty(&exported).unwrap());
    assert_eq!(source.about().kind, "Redux DevTools export");
    assert_eq!(kinds(&events), "eet");
    assert_eq!(names(&events[..2]), ["actions 1 a", "actions 2 b"]);
    assert_eq!(events[0].data.text(), r#"{"n":1,"type":"a"}"#);
    assert!(source.about().caveats.iter().any(|caveat| caveat.contains("preloadedState")));
}

fn good(n: usize) -> String {
    format!(
        r#"{{"stream":"a-{}","type":"T","version":{},"data":{{"n":{n},"text":"Zoë \u00e9","list":[{{"x":"]}}"}}]}}}}"#,
        n % 7,
        n / 7
    )
}

#[test]
fn an_array_of_records_is_read_in_place() {
    let records: Vec<String> = (0..5_000).map(good).collect();
    let values: Vec<Value> = records.iter().map(|record| serde_json::from_str(record).unwrap()).collect();
    for (shape, text) in [
        ("compact", format!("[{}]", records.join(","))),
        ("one a line", format!("[\n{}\n]\n", records.join(",\n"))),
        ("pretty", serde_json::to_string_pretty(&values).unwrap()),
        ("several arrays", format!("[{}]\n[{}]", records[..2_500].join(","), records[2_500..].join(","))),
        ("objects", values.iter().map(|v| serde_json::to_string_pretty(v).unwrap()).collect::<Vec<_>>().join("\n")),
    ] {
        let (source, events) = read_text(&text);
        assert_eq!(kinds(&events), "e".repeat(5_000), "{shape}");
        assert_eq!(source.progress().streams, 7);
        for (n, event) in events.iter().enumerate() {
            assert_eq!(
                (event.version.0, event.data.json().unwrap().get("n").and_then(Json::as_i64)),
                (n as u64 / 7, Some(n as i64))
            );
            assert_eq!(event.position, Position::Number(n as u64 + 1));
        }
        // The same through a pipe, and packed.
        let pipe = open_pipe(std::io::Cursor::new(text.clone()), "pipe", &OpenOptions::default()).unwrap();
        assert!(all(&*pipe) == events, "{shape} through a pipe");
        let directory = tempfile::tempdir().unwrap();
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(text.as_bytes()).unwrap();
        let (source, unpacked) = read(&write(&directory, "dump.json.gz", packed.finish().unwrap()));
        assert!(unpacked == events, "{shape} packed");
        assert!(source.about().reasons.contains(&"unpacked from gzip".into()));
    }
}

#[test]
fn a_cut_array_keeps_what_is_there() {
    let records: Vec<String> = (0..10).map(good).collect();
    let text = format!("[{}]", records.join(","));
    for cut in 1..text.len() {
        let Ok(text) = std::str::from_utf8(&text.as_bytes()[..cut]) else { continue };
        let directory = tempfile::tempdir().unwrap();
        let path = write(&directory, "dump.json", text);
        let opened = open(path.to_str().unwrap(), &OpenOptions::default());
        let complete = text.matches("}]}}").count();
        match opened {
            Err(failure) => assert!(complete == 0, "{cut}: {failure}"),
            Ok(source) => {
                let events = all(&*source);
                assert_eq!(kinds(&events), "e".repeat(complete) + "t", "cut at {cut}");
                let trouble = events.last().unwrap().trouble.clone().unwrap();
                assert!(trouble.reason.starts_with("incomplete"), "{trouble}");
            }
        }
    }
}

/// Mutates a text until it is no JSON.
fn broken(text: &str, random: &mut Random) -> Vec<u8> {
    // Also not a value with something behind it: that would be a record and a fault.
    let is_json = |text: &[u8]| {
        let text = String::from_utf8_lossy(text);
        let mut values = serde_json::Deserializer::from_str(&text).into_iter::<serde::de::IgnoredAny>();
        !text.contains('\u{fffd}') && values.next().is_some_and(|value| value.is_ok())
    };
    let mut line = text.as_bytes().to_vec();
    while is_json(&line) {
        let at = random.below(line.len() - 2) + 1;
        match random.below(3) {
            0 => line[at] = [b'"', b'\\', 0, 0xff, b'{', b']', b'}'][random.below(7)],
            1 => drop(line.remove(at)),
            _ => line.insert(at, [b'"', b'}', b',', 0x80, 0x1f, b'['][random.below(6)]),
        }
    }
    line
}

#[test]
fn one_mutated_element_is_one_trouble() {
    for (seed, separator) in [(1_u64, &b","[..]), (2, b",\n"), (3, b" ,\n  "), (4, b"\n")] {
        let mut random = Random(0x9e37_79b9_7f4a_7c15_u64.rotate_left(seed as u32));
        let mut text = if separator == b"\n" { Vec::new() } else { b"[".to_vec() };
        let mut expected = String::new();
        for n in 0..3_000 {
            if n > 0 {
                text.extend_from_slice(separator);
            }
            if n > 0 && random.below(40) == 0 {
                text.extend(broken(&good(n), &mut random));
                expected.push('t');
            } else {
                text.extend(good(n).bytes());
                expected.push('e');
            }
        }
        if separator != b"\n" {
            text.push(b']');
        }
        let (_, events) = read_text(&text);
        let found = kinds(&events);
        let faults = expected.matches('t').count();
        assert!(faults > 40);
        // Neighbours that are both broken are told as one where they stand in one line; nothing good is lost.
        assert_eq!(found.matches('e').count(), expected.matches('e').count(), "seed {seed}");
        let lines = separator.contains(&b'\n') && separator.contains(&b',');
        let together = if lines { 0 } else { expected.matches("tt").count() };
        // A fault that ends a record too early shows twice.
        assert!(
            (faults - 2 * together..=faults + faults / 20).contains(&found.matches('t').count()),
            "seed {seed}: {} of {faults}",
            found.matches('t').count()
        );
        for event in events.iter().filter(|event| event.trouble.is_none()) {
            let n = event.data.json().unwrap().get("n").and_then(Json::as_i64).unwrap() as u64;
            assert_eq!((event.stream.to_string(), event.version.0), (format!("a-{}", n % 7), n / 7));
        }
    }
}

#[test]
fn broken_neighbours_are_told_one_by_one_where_each_begins_a_line() {
    let first = |between: &str, form: &dyn Fn(usize) -> String| (7..19).map(form).collect::<Vec<_>>().join(between);
    let pretty = |n: usize| {
        let value: Value = serde_json::from_str(&good(n)).unwrap();
        serde_json::to_string_pretty(&value).unwrap().replace('\n', "\n  ")
    };
    let cut = |text: String| text.replacen("\"version\":", "\"version\" ", 1);
    for (name, open, between) in [("a line each", "[", ",\n"), ("spread out", "[\n  ", ",\n  ")] {
        let form: &dyn Fn(usize) -> String = if name == "spread out" { &pretty } else { &good };
        let [a, b, c, d] = [19, 20, 21, 22].map(form);
        let whole = [first(between, form), cut(a), cut(b), cut(c), d].join(between);
        let (_, events) = read_text(format!("{open}{whole}\n]\n"));
        assert_eq!(kinds(&events), "eeeeeeeeeeeettte", "{name}");
        let places: BTreeSet<String> =
            events.iter().filter_map(|event| event.trouble.as_ref()).map(|trouble| trouble.place.clone()).collect();
        assert_eq!(places.len(), 3, "{name}: {places:?}");
    }
    // What a broken element holds is no element.
    let inner = "{\"stream\":\"a-1\",\"type\":\"T\",\"list\":[\n    {\"x\":1},\n    {\"x\":2},\n    {\"x\" 3}\n  ]}";
    let (_, events) = read_text(format!("[\n  {},\n  {inner},\n  {}\n]", first(",\n  ", &good), good(20)));
    assert_eq!(kinds(&events), "eeeeeeeeeeeete");
}

#[test]
fn troubles_say_where_they_stand() {
    let text = format!("[{},\n{{\"a\":tru}},\n{},\n{{\"stream\":\"a\"}}]x", good(1), good(2));
    let (_, events) = read_text(text);
    let told: Vec<_> = events.iter().filter_map(|event| Some(event.trouble.as_ref()?.to_string())).collect();
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told[0].starts_with("record 2: expected a value"), "{told:?}");
    assert_eq!(told[1], "record 4: the event's type cannot be read: it is missing");
    assert!(told[2].starts_with("record 5: expected a value at byte"), "{told:?}");
    assert_eq!(events[1].data.text(), "{\"a\":tru}");
}

#[test]
fn a_generic_file_of_lines_is_not_taken() {
    for text in [
        format!("{}\n{}\n", good(1), good(2)),
        format!("{}\n", good(1)),
        good(1),
        format!("{}\n{}\n", &good(1)[..30], good(2)),
    ] {
        let (source, _) = read_text(&text);
        assert_eq!(source.about().kind, "JSON Lines", "{text}");
    }
}

fn dynamo(n: usize, payload: &Value) -> Value {
    json!({
        "aggregateId": {"S": format!("COUNTER#c-{}", n % 5)},
        "version": {"N": (n / 5 + 1).to_string()},
        "type": {"S": if n < 5 { "Opened" } else { "Counted" }},
        "timestamp": {"S": format!("2025-01-01T00:{:02}:{:02}.000Z", n / 60, n % 60)},
        "payload": payload,
    })
}

#[test]
fn dynamo_db_in_every_shape() {
    let payload = json!({"M": {"amount": {"N": "9007199254740993.10"}, "bytes": {"B": "AP8="}, "list": {"L": [{"NULL": true}, {"BOOL": false}]}}});
    let mut items: Vec<Value> = (0..60).map(|n| dynamo(n, &payload)).collect();
    // The order of hashes is none.
    let mut random = Random(99);
    for at in (1..items.len()).rev() {
        items.swap(at, random.below(at + 1));
    }
    let full: Vec<String> = items.iter().map(|item| json!({"Item": item}).to_string()).collect();
    let incremental: Vec<String> = items
        .iter()
        .map(|item| {
            json!({
                "Metadata": {"WriteTimestampMicros": {"N": "1680109764000000"}},
                "Keys": {"aggregateId": item["aggregateId"], "version": item["version"]},
                "NewImage": item,
            })
            .to_string()
        })
        .collect();
    let deleted =
        json!({"Metadata": {}, "Keys": {"aggregateId": {"S": "x"}, "version": {"N": "1"}}, "OldImage": items[0]});
    let scan = json!({"Items": items, "Count": 60, "ScannedCount": 60, "ConsumedCapacity": null});
    for (shape, text) in [
        ("DynamoDB export", full.join("\n")),
        ("DynamoDB incremental export", format!("{}\n{deleted}\n", incremental.join("\n"))),
        ("DynamoDB scan", scan.to_string()),
        ("DynamoDB scan", serde_json::to_string_pretty(&scan).unwrap()),
        (
            "DynamoDB scan",
            format!("{}\n{}", json!({"Items": items[..30], "Count": 30}), json!({"Items": items[30..], "Count": 30})),
        ),
    ] {
        let (source, events) = read_text(text);
        let about = source.about();
        assert_eq!(about.kind, shape);
        assert_eq!(kinds(&events), "e".repeat(60), "{shape}");
        let streams = source.streams(0, usize::MAX).unwrap().streams;
        assert_eq!(streams.len(), 5);
        for stream in &streams {
            assert_eq!((stream.first_version, stream.last_version, stream.events), (Version(1), Version(12), 12));
        }
        // Sorted by version in each stream, and by time over all.
        assert!(events.is_sorted_by_key(|event| event.time));
        assert_eq!(names(&events[..2]), ["COUNTER#c-0 1 Opened", "COUNTER#c-1 1 Opened"]);
        assert_eq!(events[0].data.text(), r#"{"amount":9007199254740993.10,"bytes":"AP8=","list":[null,false]}"#);
        assert!(about.caveats.iter().any(|caveat| caveat.starts_with("no global order")), "{:?}", about.caveats);
        assert!(!about.caveats.iter().any(|caveat| caveat.contains("versions go back")), "{:?}", about.caveats);
        assert_eq!(
            about.caveats.iter().any(|caveat| caveat.starts_with("1 items were deleted")),
            shape.contains("incremental")
        );
    }

    // An export as a folder: a manifest and packed files; one file is cut.
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("data")).unwrap();
    let mut manifest = String::new();
    for (name, lines) in [("a.json.gz", &full[..20]), ("b.json.gz", &full[20..])] {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        packed.write_all(lines.join("\n").as_bytes()).unwrap();
        fs::write(directory.path().join("data").join(name), packed.finish().unwrap()).unwrap();
        manifest +=
            &json!({"itemCount": lines.len(), "dataFileS3Key": format!("AWSDynamoDB/016-2d/data/{name}")}).to_string();
        manifest.push('\n');
    }
    write(&directory, "manifest-files.json", &manifest);
    write(&directory, "manifest-summary.json", "{}");
    let (source, events) = read(directory.path());
    assert_eq!(kinds(&events), "e".repeat(60));
    assert_eq!(source.progress().streams, 5);
    let broken = format!("{}\n{}\n{}", full[0], &full[1][..full[1].len() - 3], r#"{"Item":{"a":{"Z":1}}}"#);
    let (_, events) = read_text(format!("{}\n{broken}\n", full[2..].join("\n")));
    assert_eq!((kinds(&events).matches('e').count(), kinds(&events).matches('t').count()), (59, 2));
}

#[test]
fn debezium_outbox_and_table() {
    let row = |n: u64| {
        json!({"id": format!("id-{n}"), "aggregatetype": "order", "aggregateid": format!("{}", n % 3), "type": format!("T{n}"),
               "payload": format!("{{\"n\":{n}}}")})
    };
    let change = |n: u64, op: &str| {
        let (before, after) = if op == "d" { (row(n), Value::Null) } else { (Value::Null, row(n)) };
        json!({"before": before, "after": after, "op": op, "ts_ms": 1735721881438_u64 + n,
               "source": {"lsn": 1000 + n * 8, "txId": n, "ts_ms": 1735721881000_u64 + n, "table": "outbox"}})
    };
    // Partitions were read one after the other, so the log's order is not that of the lines.
    let mut changes: Vec<Value> = Vec::new();
    for n in [5, 1, 2, 4, 3, 6] {
        changes.push(change(n, if n == 1 { "r" } else { "c" }));
        changes.push(change(n, "d"));
    }
    let wrapped: Vec<String> =
        changes.iter().map(|change| json!({"schema": {"type": "struct"}, "payload": change}).to_string()).collect();
    let plain: Vec<String> = changes.iter().map(Value::to_string).collect();
    for lines in [plain, wrapped] {
        let (source, events) = read_text(format!("{}\nnull\n", lines.join("\n")));
        assert_eq!(source.about().kind, "Debezium outbox");
        assert_eq!(
            names(&events),
            ["order-1 1 T1", "order-2 1 T2", "order-0 1 T3", "order-1 2 T4", "order-2 2 T5", "order-0 2 T6"]
        );
        assert_eq!(events[0].position, Position::Number(1008));
        assert_eq!((events[0].id.as_deref(), events[0].data.text().as_ref()), (Some("id-1"), r#""{\"n\":1}""#));
        assert_eq!(events[0].data.form(), Form::JsonText);
        assert_eq!(events[0].time.unwrap().as_millisecond(), 1735721881001);
        let caveats = source.about().caveats;
        assert!(
            caveats.iter().any(|caveat| caveat.starts_with("7 records left out: the outbox's clean-up")),
            "{caveats:?}"
        );
    }
    // A table of events, from MySQL.
    let lines: Vec<String> = [(1, 2), (0, 9), (0, 4)]
        .iter()
        .zip(1..)
        .map(|((file, pos), n)| {
            json!({"before": null, "op": "c", "ts_ms": 1735721881438_u64,
                   "after": {"aggregate_id": "a", "sequence": 4 - n, "event_type": "T", "payload": "{}"},
                   "source": {"file": format!("mysql-bin.00000{file}"), "pos": pos, "row": 0}})
            .to_string()
        })
        .collect();
    let (source, events) = read_text(lines.join("\n"));
    assert_eq!(source.about().kind, "Debezium change events");
    assert_eq!(names(&events), ["a 1 T", "a 2 T", "a 3 T"]);
    assert_eq!(events[0].position, Position::Text("mysql-bin.000000:4".into()));
}

#[test]
fn pages_of_event_store_db() {
    let entry = |number: u64| {
        json!({"eventId": format!("e-{number}"), "eventType": "OrderPlaced", "eventNumber": number,
               "data": format!("{{\n  \"n\": {number}\n}}"), "metaData": "{\"$correlationId\":\"c\",\"$causationId\":\"d\"}",
               "streamId": "order-1", "isJson": true, "isMetaData": true, "isLinkMetaData": false,
               "positionEventNumber": number, "positionStreamId": "order-1", "title": format!("{number}@order-1"),
               "updated": format!("2025-01-01T00:00:0{number}.1234567Z"), "summary": "OrderPlaced"})
    };
    let page = |numbers: &[u64]| {
        json!({"title": "Event stream 'order-1'", "headOfStream": true, "links": [{"uri": "x", "relation": "self"}],
               "entries": numbers.iter().map(|&n| entry(n)).collect::<Vec<_>>()})
    };
    let two = [page(&[4, 3, 2]), page(&[1, 0])];
    for text in [
        format!("{}\n{}", two[0], two[1]),
        format!("[{},{}]", two[0], two[1]),
        serde_json::to_string_pretty(&page(&[4, 3, 2, 1, 0])).unwrap(),
    ] {
        let (source, events) = read_text(&text);
        assert_eq!(source.about().kind, "EventStoreDB pages", "{text}");
        let expected: Vec<_> = (0..5).map(|n| format!("order-1 {n} OrderPlaced")).collect();
        assert_eq!(names(&events), expected);
        assert_eq!((events[2].correlation.as_deref(), events[2].causation.as_deref()), (Some("c"), Some("d")));
        assert_eq!(events[2].data.json().unwrap().get("n").and_then(Json::as_i64), Some(2));
        assert_eq!(events[2].time.unwrap().subsec_nanosecond(), 123_456_700);
    }
    // A category: entries are links, and without bodies only their titles say what they are.
    let link = |at: u64, number: u64| {
        let mut entry = entry(number);
        entry["positionStreamId"] = json!("$ce-order");
        entry["positionEventNumber"] = json!(at);
        entry["streamId"] = json!(format!("order-{at}"));
        entry
    };
    let (_, events) = read_text(json!({"links": [], "entries": [link(8, 0), link(7, 1)]}).to_string());
    assert_eq!(names(&events), ["order-7 1 OrderPlaced", "order-8 0 OrderPlaced"]);
    assert_eq!(events[0].notes[0].text.as_ref(), "read through the link 7@$ce-order");
    let bare = json!({"entries": [{"title": "1@order-1", "id": "http://x/1", "updated": "2025-01-01T00:00:01Z", "summary": "B"},
                                  {"title": "0@order-1", "id": "http://x/0", "updated": "2025-01-01T00:00:00Z", "summary": "A"}]});
    let (_, events) = read_text(bare.to_string());
    assert_eq!(names(&events), ["order-1 0 A", "order-1 1 B"]);
    assert!(events[0].notes[0].text.contains("embed=body"));
}

#[test]
fn a_temporal_history() {
    let base64 = |text: &str| STANDARD.encode(text);
    let payload = |text: &str| json!({"metadata": {"encoding": base64("json/plain")}, "data": base64(text)});
    let history = |prefixed: bool| {
        let kind = |upper: &str, camel: &str| if prefixed { format!("EVENT_TYPE_{upper}") } else { camel.into() };
        json!({"events": [
            {"eventId": "1", "eventTime": "2025-01-01T00:00:01.5Z", "eventType": kind("WORKFLOW_EXECUTION_STARTED", "WorkflowExecutionStarted"),
             "taskId": "1048587", "workflowExecutionStartedEventAttributes": {"workflowId": "order-77", "workflowType": {"name": "Order"},
             "input": {"payloads": [payload("{\"amount\":9007199254740993}")]}, "originalExecutionRunId": "r-1"}},
            {"eventId": "2", "eventTime": "2025-01-01T00:00:01.6Z", "eventType": kind("WORKFLOW_TASK_SCHEDULED", "WorkflowTaskScheduled"),
             "taskId": "1048588", "workflowTaskScheduledEventAttributes": {"attempt": 1}},
            {"eventId": "3", "eventTime": "2025-01-01T00:00:01.7Z", "eventType": kind("ACTIVITY_TASK_COMPLETED", "ActivityTaskCompleted"),
             "taskId": "1048589", "activityTaskCompletedEventAttributes": {"scheduledEventId": "1", "startedEventId": "2", "result": {"payloads": [payload("null")]}}},
        ]})
    };
    let texts = [
        history(true).to_string(),
        serde_json::to_string_pretty(&history(false)).unwrap(),
        history(true)["events"].to_string(),
    ];
    for text in texts {
        let (source, events) = read_text(&text);
        assert_eq!(source.about().kind, "Temporal workflow history", "{text}");
        assert_eq!(
            names(&events),
            [
                "order-77 1 WorkflowExecutionStarted",
                "order-77 2 WorkflowTaskScheduled",
                "order-77 3 ActivityTaskCompleted"
            ]
        );
        let text = events[0].data.text().into_owned();
        assert!(text.contains(r#"[{"amount":9007199254740993}]"#), "{text}");
        assert_eq!(events[0].data.form(), Form::Encoded);
        assert!(
            String::from_utf8_lossy(events[0].data.stored()).contains(&base64("json/plain")),
            "the stored bytes stay"
        );
        assert_eq!(events[2].causation.as_deref(), Some("order-77/2"));
        assert!(events[2].metadata.text().contains("1048589"));
    }
}

#[test]
fn nothing_is_written_beside_what_is_opened() {
    let directory = tempfile::tempdir().unwrap();
    let path = write(&directory, "dump.json", format!("[{},{}]", good(1), good(2)));
    let before = fs::metadata(&path).unwrap();
    read(&path);
    let after = fs::metadata(&path).unwrap();
    assert_eq!((before.len(), before.modified().unwrap()), (after.len(), after.modified().unwrap()));
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn a_pipe_is_shown_before_it_ends() {
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(format!("[{},\n{},\n", good(1), good(2)).as_bytes()).unwrap();
    let source = open_pipe(reader, "pipe", &OpenOptions::default()).unwrap();
    // What has arrived becomes visible without waiting for the rest.
    let seen = |wanted: usize| {
        while source.events(&EventQuery::first(Scope::All, 10), &Cancel::default()).unwrap().events.len() < wanted {
            std::thread::yield_now();
        }
    };
    seen(2);
    assert!(!source.progress().complete);
    writer.write_all(format!("{}]", good(3)).as_bytes()).unwrap();
    drop(writer);
    assert_eq!(kinds(&all(&*source)), "eee");
}

#[test]
fn what_cannot_be_understood_is_refused_in_words() {
    let says = |text: &str, words: &str| {
        let directory = tempfile::tempdir().unwrap();
        let path = write(&directory, "dump.json", text);
        let failure: Failure = open(path.to_str().unwrap(), &OpenOptions::default()).map(|_| ()).expect_err(text);
        assert!(failure.to_string().contains(words), "{text}: {failure}");
    };
    says("[{\"level\":\"info\",\"msg\":\"hello\"}]", ".level  \"info\"");
    says("[{\"level\":\"info\",\"msg\":\"hello\"}]", "--map");
    says("{\n  \"a\": 1\n}\n", ".a  1");
    says("[]", "no JSON object");
    says("{\"actionsById\":{},\"stagedActionIds\":[]}", "no actions");
    says("{\"actionsById\":{\"0\":{\"type\":\"PERFORM_ACTION\"", "incomplete");
}

/// The events of Message DB as `row_to_json` wrote them, to be held against the same as CSV.
fn message_db() -> Vec<Arc<Event>> {
    read(&corpus("message-db/messages.jsonl")).1
}

fn same(events: &[Arc<Event>], expected: &[Arc<Event>]) {
    assert_eq!(names(events), names(expected));
    for (event, expected) in events.iter().zip(expected) {
        assert_eq!((&event.position, &event.id, event.time), (&expected.position, &expected.id, expected.time));
        assert_eq!(event.data.json().unwrap(), expected.data.json().unwrap());
    }
}

#[test]
fn message_db_as_csv() {
    let (source, events) = read(&corpus("message-db/message_store.csv"));
    assert_eq!((source.progress().events, source.progress().streams, source.progress().troubles), (1034, 78, 0));
    assert_eq!(source.about().layout.as_deref(), Some("message-db"));
    same(&events, &message_db());
    // NULL is nothing, not empty text.
    let absent = events.iter().filter(|event| event.data.is_absent()).count();
    assert_eq!(absent, 1);
}

#[test]
fn csv_as_others_write_it() {
    let expected = message_db();
    let text = fs::read(corpus("message-db/message_store.csv")).unwrap();
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(&text[..]);
    let records: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let written = |separator: u8, header: bool| {
        let mut writer =
            csv::WriterBuilder::new().delimiter(separator).terminator(csv::Terminator::CRLF).from_writer(Vec::new());
        records.iter().skip(usize::from(!header)).for_each(|record| writer.write_record(record).unwrap());
        writer.into_inner().unwrap()
    };
    let copied = || {
        let escape = |field: &str| match field {
            "" => "\\N".into(),
            field => field.replace('\\', "\\\\").replace('\t', "\\t").replace('\n', "\\n"),
        };
        let lines = records.iter().skip(1).map(|record| record.iter().map(escape).collect::<Vec<_>>().join("\t"));
        lines.collect::<Vec<_>>().join("\n") + "\n"
    };
    for (what, text) in [
        ("spreadsheet", ["\u{feff}".as_bytes(), &written(b';', true)].concat()),
        ("tabs", written(b'\t', true)),
        ("bars", written(b'|', true)),
        ("no names", written(b',', false)),
        ("COPY in text format", copied().into_bytes()),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let path = write(&directory, "dump.csv", text);
        let source = open(path.to_str().unwrap(), &OpenOptions::default()).unwrap_or_else(|e| panic!("{what}: {e}"));
        same(&all(&*source), &expected);
    }
}

#[test]
fn a_fault_in_a_table_costs_the_rows_it_touches() {
    let text = fs::read_to_string(corpus("message-db/message_store.csv")).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 1035, "no row has a line break in it");
    let mut broken: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
    broken[100] = broken[100].replacen(",\"", ",\"\"x", 1);
    broken[200].push_str(",more");
    broken[300] = "short,row".into();
    broken[400] = format!("\"{}", broken[400]);
    broken[1034] = format!("\"{}", broken[1034]);
    let directory = tempfile::tempdir().unwrap();
    let (_, events) = read(&write(&directory, "dump.csv", broken.join("\n")));
    let troubles: Vec<_> = events.iter().filter_map(|event| event.trouble.clone()).collect();
    assert_eq!((troubles.len(), events.len()), (5, 1034), "{troubles:?}");
    assert!(troubles.iter().any(|trouble| trouble.reason.contains("9 fields")), "{troubles:?}");
    let told = |words: &str| troubles.iter().filter(|trouble| trouble.reason.contains(words)).count();
    assert_eq!((told("closing quote"), told("not closed")), (2, 1), "{troubles:?}");
}
