//! Payloads that are not the JSON they should be, or say one thing twice, and records without a place of their own: told in
//! every format alike, and also of what was exported.

use std::fmt::Write as _;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::*;

/// A text as JSON.
fn quoted(text: &str) -> String {
    Json::from(text).to_string()
}

/// Files of eight events of one stream whose payloads are texts: by name, with the stream and the place of an event there.
fn texts(text: &dyn Fn(u64) -> String) -> Vec<(&'static str, String, &'static str)> {
    let each = |write: &dyn Fn(u64, String) -> String| (1..9).map(|n| write(n, text(n))).collect::<Vec<_>>();
    let lines = |write: &dyn Fn(u64, String) -> String| each(write).join("\n") + "\n";
    let row = |n: u64, data: String| {
        let data = quoted(&data);
        format!(r#"{{"stream_id":"order-1","version":{n},"event_type":"Paid","recorded_at":"{TIME}","data":{data}}}"#)
    };
    let kcat = |n: u64, data: String| {
        let data = quoted(&data);
        format!(
            r#"{{"topic":"t","partition":0,"offset":{n},"tstype":"create","ts":1700000000000,"broker":1,"headers":["type","Paid"],"key":"order-1","payload":{data}}}"#
        )
    };
    let cloud = |n: u64, field: &str, data: &str| {
        let data = quoted(data);
        format!(
            r#"{{"specversion":"1.0","id":"e{n}","source":"/s","subject":"order-1","type":"Paid","time":"{TIME}","{field}":{data}}}"#
        )
    };
    let page = |n: u64, data: String| {
        let data = quoted(&data);
        format!(
            r#"{{"eventId":"00000000-0000-0000-0000-00000000000{n}","eventType":"Paid","eventNumber":{n},"data":{data},"streamId":"order-1","isJson":true,"positionEventNumber":{n},"positionStreamId":"order-1","title":"{n}@order-1","updated":"{TIME}","summary":"Paid"}}"#
        )
    };
    let change = |n: u64, data: String| {
        let data = quoted(&data);
        format!(
            r#"{{"before":null,"after":{{"id":"e{n}","aggregatetype":"order","aggregateid":"1","type":"Paid","payload":{data}}},"source":{{"version":"2","connector":"postgresql","lsn":{n},"ts_ms":1700000000000}},"op":"c","ts_ms":1700000000000}}"#
        )
    };
    let mut csv = String::from("stream_id,version,event_type,recorded_at,data\n");
    for (n, data) in (1..9).map(|n| (n, text(n))) {
        writeln!(csv, "order-1,{n},Paid,{TIME},\"{}\"", data.replace('"', "\"\"")).expect("text");
    }
    vec![
        ("rows.jsonl", lines(&row), "order-1"),
        ("rows.json", format!("[{}]", each(&row).join(",")), "order-1"),
        ("kcat.jsonl", lines(&kcat), "order-1"),
        ("cloud.jsonl", lines(&|n, data| cloud(n, "data", &data)), "order-1"),
        ("cloud64.jsonl", lines(&|n, data| cloud(n, "data_base64", &STANDARD.encode(data))), "order-1"),
        ("page.json", format!(r#"{{"title":"x","entries":[{}]}}"#, each(&page).join(",")), "order-1"),
        ("outbox.jsonl", lines(&change), "order-1"),
        ("rows.csv", csv, "order-1"),
    ]
}

fn faults(file: &str, stream: &str) -> Option<i64> {
    number(&json(&stdout(&run(&["state", file, stream, "--json"]))), "faults")
}

#[test]
fn a_cut_text_among_texts_of_json_is_a_fault_in_every_format() {
    let folder = tempfile::tempdir().expect("a folder");
    for cut in [r#"{"a":4,"b":"x"#, r#"[{"a":4},{"#, "{"] {
        let text = |n: u64| if n == 4 { cut.to_owned() } else { format!(r#"{{"a":{n},"b":"x"}}"#) };
        for (name, content, stream) in texts(&text) {
            let file = named(&folder, name, content);
            assert_eq!(faults(&file, stream), Some(1), "{name}: {cut}");
            for command in [&["streams", &file][..], &["search", &file, "order"], &["types", &file], &["export", &file]]
            {
                let answer = run(command);
                let said = stderr(&answer);
                assert_eq!(code(&answer), 65, "{command:?}, {cut}: {said}");
                assert!(said.contains("1 payload is not the JSON it should be"), "{command:?}, {cut}: {said}");
            }
            assert!(stdout(&run(&["doctor", &file, "--json"])).contains("\"unparsable-payloads\""), "{name}");
            let again = named(&folder, "again.jsonl", &run(&["export", &file]).stdout);
            assert_eq!(faults(&again, stream), Some(1), "{name}: {cut}");
        }
    }
    for (name, content, stream) in texts(&|n| format!("hello {{world}} [{n}]")) {
        let file = named(&folder, name, content);
        let answer = run(&["streams", &file]);
        assert_eq!(code(&answer), 0, "{name}: {}", stderr(&answer));
        // In a table text is no payload that could be folded.
        if !name.ends_with(".csv") {
            assert_eq!(faults(&file, stream), Some(0), "{name}");
        }
    }
}

/// However late it comes among payloads that are none, and whether its file was looked at before or not.
#[test]
fn a_cut_text_that_comes_late_is_a_fault_to_every_command() {
    let folder = tempfile::tempdir().expect("a folder");
    let record = |n: u32| {
        let data = if n == 900 { quoted("{\"a\":1") } else { format!("{{\"a\":{n}}}") };
        format!(r#"{{"stream_id":"order-1","version":{n},"event_type":"Paid","data":{data}}}"#)
    };
    let records: Vec<String> = (1..=1000).map(record).collect();
    for (name, text) in [("late.jsonl", records.join("\n") + "\n"), ("late.json", format!("[{}]", records.join(",\n")))]
    {
        let file = named(&folder, name, &text);
        for command in [&["streams", &file][..], &["search", &file, "order"], &["types", &file], &["streams", &file]] {
            let answer = run(command);
            let said = stderr(&answer);
            assert_eq!(code(&answer), 65, "{command:?}: {said}");
            assert!(said.contains("1 payload is not the JSON it should be"), "{command:?}: {said}");
        }
    }
}

#[test]
fn a_key_that_stands_twice_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let text =
        |n: u64| if n == 5 { r#"{"paid":{"a":1,"a":2}}"#.to_owned() } else { format!(r#"{{"paid":{{"a":{n}}}}}"#) };
    for (name, content, stream) in texts(&text) {
        let file = named(&folder, name, content);
        for file in [&file, &named(&folder, "again.jsonl", &run(&["export", &file]).stdout)] {
            let events: Vec<Json> = stdout(&run(&["events", file, "--json"])).lines().map(json).collect();
            let noted: Vec<_> = events.iter().filter(|event| event.to_string().contains("\"repeated-key\"")).collect();
            assert_eq!(noted.len(), 1, "{file}");
            assert!(noted[0].to_string().contains("a stands more than once in its data"), "{}", noted[0]);
            let found = run(&["doctor", file, "--json"]);
            assert_eq!(code(&found), 1, "{file}");
            assert!(stdout(&found).contains(r#""finding":"repeated-keys","severity":"warning","count":1"#), "{file}");
        }
        // The last counts.
        let told = json(&stdout(&run(&["state", &file, stream, "--at", "#5", "--json"])));
        assert!(told.to_string().contains(r#""a":2"#), "{name}: {told}");
    }
}

#[test]
fn a_record_without_a_position_of_its_own_takes_no_other_s() {
    let line = |n: u64| {
        format!(
            r#"{{"position":{},"stream_id":"order-1","version":{n},"event_type":"Paid","recorded_at":"{TIME}","data":{{"a":{n}}}}}"#,
            n + 1
        )
    };
    // The record of line 4 stands where the position 4 is that of the third event.
    let lines = [1, 2, 3, 4, 5, 6, 7, 8].map(line);
    let cut = |line: &str| line[..line.len() - 3].replace("\"position\":5,", "");
    let with = |bad: &str| {
        let mut lines = lines.to_vec();
        lines[3] = bad.to_owned();
        lines
    };
    let broken = with(&cut(&lines[3]));
    let mut csv = String::from("position,stream_id,version,event_type,recorded_at,data\n");
    for n in 1..9 {
        match n {
            4 => csv.push_str("order-1,4,Paid\n"),
            n => writeln!(csv, "{},order-1,{n},Paid,{TIME},\"{{\"\"a\"\":{n}}}\"", n + 1).expect("text"),
        }
    }
    let folder = tempfile::tempdir().expect("a folder");
    let kept = with(&lines[3].replace("\"Paid\"", "null"));
    for (name, content, position) in [
        ("cut.jsonl", broken.join("\n") + "\n", "\"#4\""),
        ("nothing.jsonl", with("nothing").join("\n") + "\n", "\"#4\""),
        ("nothing.json", format!("[{}]", with("{\"a\":}").join(",\n")), "\"#4\""),
        ("rows.csv", csv, "\"#4\""),
        // It has one, and keeps it.
        ("kept.jsonl", kept.join("\n") + "\n", "5"),
        ("kept.json", format!("[{}]", kept.join(",\n")), "5"),
    ] {
        let file = named(&folder, name, content);
        let listed = stdout(&run(&["events", &file, "--json"]));
        let bad = json(
            listed.lines().find(|line| line.contains("\"trouble\"")).unwrap_or_else(|| panic!("{name}: {listed}")),
        );
        assert_eq!(bad.get("position").map(ToString::to_string).as_deref(), Some(position), "{name}");
        // What it was taken for is another event.
        let fourth = stdout(&run(&["events", &file, "--from", "4", "--limit", "1", "--json"]));
        assert_eq!(number(&json(&fourth), "version"), Some(3), "{name}: {fourth}");
        let typed = position.trim_matches('"');
        let there = stdout(&run(&["events", &file, "--from", typed, "--limit", "1", "--json"]));
        assert!(there.contains("\"trouble\""), "{name}: {there}");
        let found = stdout(&run(&["doctor", &file]));
        assert!(found.contains(&format!("position {typed}: ")), "{name}: {found}");
    }
}

#[test]
fn versions_that_were_counted_are_not_the_store_s_own_when_an_export_is_opened() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = |n: u64| format!(r#"{{"a":{n}}}"#);
    let checked = |file: &str| {
        let told = stdout(&run(&["doctor", file]));
        told.lines().filter(|line| line.contains("versions")).map(str::to_owned).collect::<Vec<_>>()
    };
    let versions = |file: &str| {
        let listed = stdout(&run(&["events", file, "--json"]));
        listed.lines().map(|line| number(&json(line), "version")).collect::<Vec<_>>()
    };
    for (name, content, _) in texts(&text) {
        let all = named(&folder, name, &content);
        let mut files = vec![all];
        if name.starts_with("rows.j") {
            // One of them says none.
            files.push(named(&folder, &format!("some-{name}"), content.replace("\"version\":3,", "")));
            files.push(named(&folder, &format!("none-{name}"), content.replace("\"version\":", "\"paid\":")));
        }
        for file in files {
            let again = named(&folder, "again.jsonl", &run(&["export", &file]).stdout);
            assert_eq!(checked(&file), checked(&again), "{file}");
            assert_eq!(versions(&file), versions(&again), "{file}");
            let none = checked(&file).iter().any(|line| line.contains("the store has no versions"));
            let exported = std::fs::read_to_string(&again).expect("it");
            assert_eq!(exported.contains("\"version\":null"), none || file.contains("some-"), "{file}");
        }
    }
}

#[test]
fn what_a_recorded_state_lacks_is_a_finding() {
    let folder = tempfile::tempdir().expect("a folder");
    let states = |failed: &str| {
        let actions: Vec<String> = (0..4)
            .map(|n| {
                format!(
                    r#""{n}":{{"type":"PERFORM_ACTION","action":{{"type":"add","n":{n}}},"timestamp":170000000000{n}}}"#
                )
            })
            .collect();
        format!(
            r#"{{"actionsById":{{{}}},"nextActionId":4,"stagedActionIds":[0,1,2,3],"skippedActionIds":[],"computedStates":[{{"state":{{"n":0}}}},{{"state":{{"n":1}}}},{failed},{{"state":{{"n":3}}}}],"currentStateIndex":3}}"#,
            actions.join(",")
        )
    };
    let file =
        named(&folder, "failed.json", states(r#"{"state":{"n":1},"error":"Interrupted by an error up the chain"}"#));
    let found = run(&["doctor", &file, "--json"]);
    let told = stdout(&found);
    let finding =
        told.lines().map(json).find(|line| line.get("finding").and_then(Json::as_str) == Some("reducer-faults"));
    let finding = finding.unwrap_or_else(|| panic!("{told}"));
    let example = finding.get("example").expect("an example");
    assert_eq!((code(&found), number(&finding, "count"), number(example, "version")), (65, Some(1), Some(2)));
    assert!(example.to_string().contains("Interrupted by an error up the chain"), "{example}");
    assert_eq!(faults(&file, "actions"), Some(1));
    let whole = named(&folder, "whole.json", states(r#"{"state":{"n":2}}"#));
    assert!(!stdout(&run(&["doctor", &whole, "--json"])).contains("reducer-faults"));
}

#[test]
fn a_file_of_rows_that_ends_within_one_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let rows: Vec<Row> = ["1", "2", "3", "4"].map(|version| ["order-1", version, "Paid", TIME, r#"{"a":1}"#]).to_vec();
    let csv = formats::delimited(&rows);
    let copy: String = rows.iter().map(|row| row.join("\t").replace(TIME, "\\N") + "\n").collect();
    let copy = format!("stream_id\tversion\tevent_type\trecorded_at\tdata\n{copy}");
    let inspected = |name: &str, content: &str| {
        let answer = run(&["inspect", &named(&folder, name, content)]);
        (code(&answer), stdout(&answer))
    };
    let says = |told: &str| told.contains("its last row has no line end");
    assert!(!says(&inspected("whole.csv", &csv).1));
    assert!(says(&inspected("cut.csv", csv.trim_end()).1));
    assert!(!says(&inspected("crlf.csv", &csv.replace('\n', "\r\n")).1));
    // A quote that is not closed is a row that cannot be read.
    let (_, told) = inspected("open.csv", &csv[..csv.len() - 4]);
    assert!(told.contains("1 record that could not be read"), "{told}");
    assert!(!says(&inspected("whole.tsv", &copy).1));
    assert!(says(&inspected("cut.tsv", copy.trim_end()).1));
}

#[test]
fn a_time_of_kafka_s_that_is_none_is_noted() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_, content, _) = texts(&|n| format!(r#"{{"a":{n}}}"#)).swap_remove(2);
    for (written, is_noted) in [("\"soon\"", true), ("{}", true), ("-1", false), ("\"2025-01-01T00:00:00Z\"", false)] {
        let bad = content.replacen("\"ts\":1700000000000", &format!("\"ts\":{written}"), 1);
        let file = named(&folder, "kcat.jsonl", bad);
        let told = stdout(&run(&["doctor", &file, "--json"]));
        assert_eq!(told.contains("unreadable-times"), is_noted, "{written}: {told}");
        let first = stdout(&run(&["events", &file, "--limit", "1", "--json"]));
        assert_eq!(json(&first).get("time") == Some(&Json::Null), written != "\"2025-01-01T00:00:00Z\"", "{first}");
    }
}
