//! Documents of known tools that are a part of something, or hold several things that are numbered each by itself.

use std::fmt::Write as _;
use std::path::Path;

use super::asked::Asked;

fn asked(folder: &Path, name: &str, text: &str) -> Asked {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    Asked::of(&path)
}

fn of_kafka(topic: &str, offsets: std::ops::Range<usize>) -> String {
    offsets.fold(String::new(), |mut text, offset| {
        let (key, ts) = (offset % 3, 1_740_000_000_000 + offset * 1000);
        writeln!(
            text,
            r#"{{"topic":"{topic}","partition":0,"offset":{offset},"ts":{ts},"key":"o-{key}","payload":"{{\"type\":\"A\"}}"}}"#
        )
        .unwrap();
        text
    })
}

fn streams(asked: &Asked) -> Vec<&str> {
    let mut names: Vec<&str> = asked.events.iter().map(|event| event.0.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

#[test]
fn topics_share_neither_streams_nor_places() {
    let folder = tempfile::tempdir().unwrap();
    let both = asked(folder.path(), "both.jsonl", &(of_kafka("orders", 0..30) + &of_kafka("bills", 0..30)));
    assert_eq!((both.code, both.events.len()), (0, 60), "{}", both.said);
    assert_eq!(both.findings, [""; 0], "an offset counts within its topic");
    assert_eq!(streams(&both), ["bills/o-0", "bills/o-1", "bills/o-2", "orders/o-0", "orders/o-1", "orders/o-2"]);
    // A topic that comes long after the records by which it is told what the file is.
    let late = asked(folder.path(), "late.jsonl", &(of_kafka("orders", 0..900) + &of_kafka("bills", 0..30)));
    assert_eq!(streams(&late), ["bills/o-0", "bills/o-1", "bills/o-2", "o-0", "o-1", "o-2"]);
    assert_eq!((late.code, &late.findings[..]), (0, &[][..]), "{}", late.said);
    assert!(late.inspect_says("where the topic is not `orders`, it stands before"));
    let again = of_kafka("bills", 0..9) + &of_kafka("orders", 0..9) + &of_kafka("bills", 4..5);
    let twice = asked(folder.path(), "twice.jsonl", &again);
    assert_eq!(twice.findings, ["duplicate-positions", "stream-time-back"], "one that is there twice");
}

#[test]
fn a_feed_of_several_streams_has_no_positions() {
    let folder = tempfile::tempdir().unwrap();
    let entry = |n: usize| {
        let (stream, number) = (n % 3, n / 3);
        format!(
            r#"{{"eventId":"e-{n}","eventType":"A","eventNumber":{number},"data":"{{}}","streamId":"o-{stream}","positionStreamId":"o-{stream}","positionEventNumber":{number},"updated":"2025-01-01T00:00:{n:02}Z"}}"#
        )
    };
    let page = |numbers: std::ops::Range<usize>| {
        let entries: Vec<String> = numbers.rev().map(entry).collect();
        format!(r#"{{"title":"All events","entries":[{}]}}"#, entries.join(","))
    };
    let whole = asked(folder.path(), "page.json", &page(0..30));
    assert_eq!((whole.code, whole.events.len(), &whole.findings[..]), (0, 30, &[][..]), "{}", whole.said);
    // The same event in two pages.
    let twice = asked(folder.path(), "twice.json", &format!("[{},{}]", page(10..30), page(0..12)));
    assert_eq!(twice.findings, ["duplicate-versions", "duplicate-ids"]);
}

#[test]
fn events_that_were_changed_or_deleted_later_are_said() {
    let folder = tempfile::tempdir().unwrap();
    let row = |n: usize| {
        let (stream, version) = (n % 3, n / 3 + 1);
        format!(r#"{{"stream_id":"o-{stream}","version":{version},"event_type":"A","data":"{{\"n\":{n}}}"}}"#)
    };
    let change = |op: &str, n: usize| {
        let (before, after) = match op {
            "c" => ("null".into(), row(n)),
            "u" => (row(n), row(n)),
            _ => (row(n), "null".into()),
        };
        format!(r#"{{"before":{before},"after":{after},"source":{{"lsn":{}}},"op":"{op}","ts_ms":1}}"#, 100 + n) + "\n"
    };
    let created: String = (0..12).map(|n| change("c", n)).collect();
    let whole = asked(folder.path(), "created.jsonl", &created);
    assert_eq!((whole.code, whole.events.len(), &whole.findings[..]), (0, 12, &[][..]), "{}", whole.said);
    for op in ["u", "d"] {
        let changed = asked(folder.path(), "changed.jsonl", &(created.clone() + &change(op, 4)));
        assert_eq!((changed.code, changed.export_code, changed.events.len()), (65, 65, 12), "{op}");
        assert!(changed.said.contains("1 record left out: updates or deletions of rows"), "{op}: {}", changed.said);
        assert_eq!(changed.findings, ["incomplete"], "{op}");
        assert!(changed.inspect_says_so(), "{op}");
    }
}

#[test]
fn a_page_of_a_longer_answer_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let item = |n: usize| {
        let (stream, version) = (n % 3, n / 3 + 1);
        format!(
            r#"{{"streamId":{{"S":"o-{stream}"}},"version":{{"N":"{version}"}},"eventType":{{"S":"A"}},"data":{{"M":{{}}}}}}"#
        )
    };
    let items = |numbers: std::ops::Range<usize>| numbers.map(item).collect::<Vec<_>>().join(",");
    let page = |before: &str, numbers: std::ops::Range<usize>, after: &str| {
        format!(r#"{{{before}"Items":[{}],"Count":1{after}}}"#, items(numbers))
    };
    let event =
        r#"{"eventId":"1","eventTime":"2025-01-01T00:00:00Z","eventType":"EVENT_TYPE_WORKFLOW_EXECUTION_STARTED"}"#;
    let key = r#","LastEvaluatedKey":{"streamId":{"S":"o-1"}}"#;
    for (text, events, is_whole) in [
        (page("", 0..12, ""), 12, true),
        (page("", 0..12, r#","NextToken":null"#), 12, true),
        (page("", 0..12, key), 12, false),
        (page(r#""NextToken":"abc","#, 0..12, ""), 12, false),
        // Of pages one after the other the last one counts.
        (page("", 0..6, key) + "\n" + &page("", 6..12, ""), 12, true),
        (page("", 0..6, "") + "\n" + &page("", 6..12, key), 12, false),
        (format!(r#"{{"events":[{event}]}}"#), 1, true),
        (format!(r#"{{"events":[{event}],"nextPageToken":"abc"}}"#), 1, false),
    ] {
        let answer = asked(folder.path(), "answer.json", &text);
        assert_eq!(
            (answer.code, answer.events.len()),
            (if is_whole { 0 } else { 65 }, events),
            "{text}: {}",
            answer.said
        );
        assert_eq!(answer.export_code, answer.code, "{text}");
        assert_eq!(answer.findings.contains(&"incomplete".to_owned()), !is_whole, "{text}");
        assert_eq!(answer.said.contains("a page of a longer answer"), !is_whole, "{text}: {}", answer.said);
    }
}

#[test]
fn subjects_of_several_sources_are_told_apart_on_request() {
    let folder = tempfile::tempdir().unwrap();
    let event = |source: &str, n: usize| {
        let (subject, version) = (n % 3, n / 3 + 1);
        format!(
            r#"{{"specversion":"1.0","id":"{source}-{n}","source":"{source}","type":"A","subject":"o-{subject}","sequence":"{version}","data":{{}}}}"#
        ) + "\n"
    };
    let text: String = ["/shop", "/depot"].iter().flat_map(|source| (0..12).map(move |n| event(source, n))).collect();
    let merged = asked(folder.path(), "merged.jsonl", &text);
    assert!(merged.said.contains("--map stream={source}/{subject}"), "{}", merged.said);
    assert_eq!(merged.findings, ["duplicate-versions", "doubtful-key"]);
}

#[test]
fn a_part_of_an_event_that_stands_twice_in_its_record_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let record = |n: usize| {
        let (stream, version) = (n % 3, n / 3 + 1);
        let twice = match n {
            4 => r#""version":9,"#,
            7 => r#""id":"other","#,
            8 => r#""data":{"n":1},"#,
            _ => "",
        };
        format!(r#"{{{twice}"id":"e-{n}","streamId":"o-{stream}","version":{version},"type":"A","data":{{"n":0}}}}"#)
    };
    let all: Vec<String> = (0..12).map(record).collect();
    for (name, text) in [("twice.jsonl", all.join("\n") + "\n"), ("twice.json", format!("[{}]", all.join(",")))] {
        let asked = asked(folder.path(), name, &text);
        assert_eq!((asked.code, asked.events.len()), (0, 12), "{name}: {}", asked.said);
        let told = asked.events.iter().map(|event| (event.1, event.3.clone(), event.4.as_str()));
        let right = (0..12).map(|n| ((n / 3 + 1) as u64, format!("e-{n}"), "{\"n\":0}"));
        assert!(told.eq(right), "{name}: the last counts");
        assert_eq!(asked.findings, ["repeated-keys"], "{name}");
    }
}

#[cfg(feature = "sqlite")]
#[test]
fn a_database_of_which_the_rows_are_gone_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.db");
    let writer = rusqlite::Connection::open(&path).unwrap();
    writer
        .execute_batch(
            "CREATE TABLE events (position INTEGER PRIMARY KEY, stream_id TEXT, version INTEGER, event_type TEXT, data TEXT);
             INSERT INTO events VALUES (1, 'a-1', 1, 'T', '{}'), (2, 'a-1', 2, 'T', '{}');",
        )
        .unwrap();
    drop(writer);
    let length = std::fs::metadata(&path).unwrap().len();
    std::fs::File::options().write(true).open(&path).unwrap().set_len(length - 4096).unwrap();
    let asked = Asked::of(&path);
    assert!(asked.refused && asked.code == 65);
    assert!(asked.said.contains("damaged") || asked.said.contains("shorter"), "{}", asked.said);
}
