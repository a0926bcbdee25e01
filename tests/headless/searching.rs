//! Searching and filtering from outside: the real binary, on stores small enough to know by heart.

use std::path::Path;

use stepback::domain::Json;

use crate::support::program::{run, text};

/// What a command says, after how it must have ended.
#[track_caller]
fn said(arguments: &[&str], code: i32) -> (String, String) {
    let output = run(arguments);
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{arguments:?}\n{out}\n{err}");
    (out, err)
}

/// What a command says that answered: one record of the shop cannot be read, which it says where it met it.
#[track_caller]
fn answered(arguments: &[&str]) -> (String, String) {
    let output = run(arguments);
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    let lacks = err.contains("1 record could not be read as an event");
    assert_eq!(output.status.code(), Some(if lacks { 65 } else { 0 }), "{arguments:?}\n{out}\n{err}");
    (out, err)
}

#[track_caller]
fn lines(arguments: &[&str]) -> Vec<Json> {
    let (out, _) = answered(arguments);
    out.lines().map(|line| Json::parse(line.as_bytes()).unwrap_or_else(|error| panic!("{line}: {error}"))).collect()
}

#[track_caller]
fn positions(arguments: &[&str]) -> Vec<i64> {
    lines(arguments).iter().filter_map(|line| line.get("position")?.as_i64()).collect()
}

/// A shop of seven events, one of them unreadable, with numbers no double can hold.
fn shop() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("shop.jsonl");
    let event = |n: u64, stream: &str, kind: &str, hour: u64, data: &str| {
        format!(
            r#"{{"position":{n},"stream":"{stream}","type":"{kind}","time":"2025-03-01T{hour}:00:00Z","data":{data}}}"#
        )
    };
    let lines = [
        event(1, "order-1", "OrderPlaced", 10, r#"{"amount":120,"customer":{"name":"Zoë"}}"#),
        event(2, "payment-1", "PaymentRequested", 11, r#"{"amount":9007199254740993}"#),
        "{\"stream\": \"order-1\", broken Zoë".to_owned(),
        event(4, "payment-1", "PaymentFailed", 12, r#"{"amount":18446744073709551615,"reason":"Declined"}"#),
        event(5, "order-2", "OrderPlaced", 13, r#"{"items":[{"sku":"A-19"},{"sku":"B-02"}]}"#),
        event(6, "payment-2", "PaymentFailed", 14, r#"{"amount":12.50,"reason":"declined twice"}"#),
        event(7, "order-1", "OrderClosed", 15, "{}"),
    ];
    std::fs::write(&path, lines.join("\n")).expect("written");
    let path = path.display().to_string();
    (folder, path)
}

#[test]
fn a_search_tells_where_in_which_event() {
    let (_folder, shop) = shop();
    let hits = lines(&["search", &shop, "declined", "--json"]);
    let parts: Vec<String> = hits
        .iter()
        .map(|hit| {
            let part = |name: &str| hit.get(name).map_or(String::new(), |value| value.to_string());
            [part("stream"), part("version"), part("type"), part("where"), part("text")].join(" ")
        })
        .collect();
    assert_eq!(
        parts,
        [
            r#""payment-1" 2 "PaymentFailed" "data/reason" "Declined""#,
            r#""payment-2" 1 "PaymentFailed" "data/reason" "declined twice""#,
        ]
    );
    let (table, _) = answered(&["search", &shop, "b-02"]);
    assert!(table.contains("data/items/1/sku") && table.lines().count() == 2, "{table}");
}

#[test]
fn ids_and_whatever_else_an_event_shows_are_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("log.jsonl");
    let lines = [
        r#"{"stream":"a-1","type":"T","id":"e-206","correlationId":"corr-eve","causationId":"cause-1","data":{"n":1}}"#,
        r#"{"stream":"a-1","type":"T","id":"e-207","correlationId":"corr-adam","data":{"n":"z\u00fcrich"},"remark":"t9"}"#,
    ];
    std::fs::write(&path, lines.join("\n")).expect("written");
    let path = path.display().to_string();
    for (wanted, place, found) in [
        ("e-206", "id", "e-206"),
        ("CORR-EVE", "correlation", "corr-eve"),
        ("cause-1", "causation", "cause-1"),
        ("zürich", "data/n", "zürich"),
        ("t9", "fields/remark", "t9"),
    ] {
        let hits = self::lines(&["search", &path, wanted, "--ignore-case", "--json"]);
        let part = |name: &str| hits[0].get(name).and_then(|value| value.as_str()).unwrap_or_default().to_owned();
        assert_eq!((hits.len(), part("where"), part("text")), (1, place.into(), found.into()), "{wanted}");
    }
}

#[test]
fn patterns_cases_scopes_and_limits() {
    let (_folder, shop) = shop();
    let shop = shop.as_str();
    for (arguments, count) in [
        (&["declined"][..], 2),
        (&["Declined"], 1),
        (&["DECLINED", "--ignore-case"], 2),
        (&["zoë"], 2),
        (&["ORDER-1", "--ignore-case"], 3),
        (&["--regex", r#""amount":\d+[,}]"#], 3),
        (&["--regex", "^OrderP"], 2),
        (&["amount", "--stream", "payment-1"], 2),
        (&["Payment", "--limit", "2"], 2),
    ] {
        let (out, _) = answered(&[&["search", shop][..], arguments, &["--count"]].concat());
        assert_eq!(out.trim(), count.to_string(), "{arguments:?}");
    }
    // One record of it could not be read as an event, so that nothing found is not sure.
    let (out, err) = said(&["search", shop, "nowhere"], 65);
    assert!(out.is_empty() && err.contains("nothing in shop.jsonl contains nowhere"), "{err}");
    assert_eq!(said(&["search", shop, "nowhere", "--count"], 65).0.trim(), "0");
    let (_, err) = said(&["search", shop, "--regex", "("], 2);
    assert!(err.contains("no regular expression") && err.contains("--regex"), "{err}");
    said(&["search", shop, "x", "--stream", "order-9"], 65);
}

#[test]
fn what_cannot_be_read_is_searched_as_it_is_stored() {
    let (_folder, shop) = shop();
    let hits = lines(&["search", &shop, "broken", "--json"]);
    assert_eq!(hits.len(), 1);
    assert!(hits[0].get("trouble").is_some(), "{}", hits[0]);
}

#[test]
fn conditions_choose_events_and_whole_numbers_are_exact() {
    let (_folder, shop) = shop();
    let shop = shop.as_str();
    for (condition, expected) in [
        ("event.type == 'PaymentFailed' && event.data.amount > 100", vec![4]),
        ("event.data.amount == 9007199254740993", vec![2]),
        ("event.data.amount == 18446744073709551615u", vec![4]),
        ("event.data.amount > 18446744073709551614u", vec![4]),
        ("event.data.amount < 120.5", vec![1, 6]),
        ("type:Payment* && event.data.amount < 100", vec![6]),
        ("stream:order-* !type:OrderClosed", vec![1, 5]),
        ("after:2025-03-01T12:00 before:-1h", vec![4, 5]),
        ("event.time.getHours() == 13", vec![5]),
        ("event.data.items.exists(i, i.sku.startsWith('B'))", vec![5]),
    ] {
        assert_eq!(positions(&["events", shop, "--json", "--where", condition]), expected, "{condition}");
        assert_eq!(positions(&["export", shop, "--where", condition]), expected, "{condition}");
    }
    let stream = ["events", shop, "payment-1", "--json", "--where", "event.version > 1"];
    assert_eq!(positions(&stream), [4]);
    assert_eq!(positions(&["events", shop, "--json", "--backward", "--where", "type:Order*"]), [7, 5, 1]);
    assert_eq!(positions(&["events", shop, "--json", "--limit", "1", "--where", "type:Order*"]), [1]);
}

#[test]
fn options_choose_events_by_type_stream_and_time() {
    let (_folder, shop) = shop();
    let shop = shop.as_str();
    for (options, expected) in [
        (&["--type", "PaymentFailed"][..], vec![4, 6]),
        (&["--type", "Order*", "--type", "PaymentRequested"], vec![1, 2, 5, 7]),
        (&["--match", "*-2"], vec![5, 6]),
        (&["--after", "2025-03-01T14:00"], vec![6, 7]),
        (&["--after", "-2h", "--before", "2025-03-01T15:00Z"], vec![5, 6]),
        (&["--type", "Payment*", "--where", "event.data.amount > 100", "--before", "-3h"], vec![2]),
    ] {
        assert_eq!(positions(&[&["events", shop, "--json"][..], options].concat()), expected, "{options:?}");
        assert_eq!(positions(&[&["export", shop][..], options].concat()), expected, "{options:?}");
    }
    let (_, err) = said(&["events", shop, "--after", "soon"], 2);
    assert!(err.contains("--after: `soon` is no time"), "{err}");
    // What could not be read may be one.
    said(&["export", shop, "--type", "Nothing"], 65);
}

#[test]
fn what_a_condition_cannot_judge_is_said_with_its_count() {
    let (_folder, shop) = shop();
    let (out, err) = answered(&["events", &shop, "--where", "event.data.amount > 100"]);
    assert_eq!(out.lines().count(), 4, "{out}");
    assert!(err.contains("2 events could not be judged: no such key amount"), "{err}");
}

#[test]
fn a_condition_that_makes_no_sense_is_shown_where_it_does_not() {
    let (_folder, shop) = shop();
    for (condition, column, part) in [
        ("event.version == 1 && amount > 1", 23, "event.data.amount"),
        ("event.type = 'A'", 12, "="),
        ("type:A && event.typ == 1", 16, "an event has no `typ`"),
    ] {
        let (out, err) = said(&["events", &shop, "--where", condition], 2);
        assert!(out.is_empty() && err.contains(&format!("column {column}")) && err.contains(part), "{err}");
        let lines: Vec<&str> = err.lines().collect();
        let shown = lines.iter().position(|line| line.trim() == condition).expect("the condition");
        let caret = lines[shown + 1].find('^').expect("a caret");
        assert_eq!(caret, lines[shown].find(condition).expect("it") + column - 1, "{err}");
    }
}

#[test]
fn a_whole_sample_is_searched_as_it_is_counted() {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("sample-data/orders.jsonl");
    let stored = std::fs::read_to_string(&sample).expect("a sample");
    let expected = stored.lines().filter(|line| line.contains("OrderOpened")).count();
    assert!(expected > 0);
    let sample = sample.display().to_string();
    let (out, _) = answered(&["search", &sample, "OrderOpened", "--count"]);
    assert_eq!(out.trim(), expected.to_string());
}

/// Each way of spelling a text in JSON, in data, in metadata, in a field without a role, and in JSON inside a string.
#[test]
fn a_text_is_found_however_json_spells_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let spelled = [
        r"zürich a/b R&D <b> it's",
        r"z\u00fcrich a\/b R\u0026D \u003cb> it\u0027s",
        r"\u007a\u00FCrich a\u002fb \u0052\u0026D <\u0062\u003E it\u0027s",
        r"Z\u00fcrich A\/b R\u0026D \u003cB\u003e IT\u0027S",
        "nothing of the kind",
    ];
    let nested = |text: &str| text.replace('\\', "\\\\");
    let record = |place: usize, version: usize, text: &str| {
        let fields = match place {
            0 => format!(r#""data":{{"u":"{text}"}}"#),
            1 => format!(r#""data":{{}},"metadata":{{"u":"{text}"}}"#),
            2 => format!(r#""data":{{}},"u":"{text}""#),
            3 => format!(r#""data":{{"u":"{{\"v\":\"{}\"}}"}}"#, nested(text)),
            _ => format!(r#""data":"{{\"u\":\"{}\"}}""#, nested(text)),
        };
        format!(r#"{{"stream_id":"s-1","version":{version},"event_type":"A",{fields}}}"#)
    };
    for (place, path) in ["data/u", "metadata/u", "fields/u", "data/u", "data/u"].into_iter().enumerate() {
        let all: Vec<String> = spelled.iter().enumerate().map(|(n, text)| record(place, n + 1, text)).collect();
        let (rows, array) = (folder.path().join("rows.jsonl"), folder.path().join("rows.json"));
        std::fs::write(&rows, all.join("\n")).expect("written");
        std::fs::write(&array, format!("[{}]", all.join(",\n"))).expect("written");
        for (arguments, versions) in [
            (&["zürich"][..], &[1, 2, 3, 4][..]),
            (&["Zürich"], &[4]),
            (&["ZÜRICH", "--ignore-case"], &[1, 2, 3, 4]),
            (&["z.rich", "--regex"], &[1, 2, 3, 4]),
            (&["Z.rich", "--regex"], &[4]),
            (&[r"\bz.rich", "--regex"], &[1, 2, 3, 4]),
            (&["a/b"], &[1, 2, 3, 4]),
            (&["R&D"], &[1, 2, 3, 4]),
            (&["<b>"], &[1, 2, 3, 4]),
            (&["it's"], &[1, 2, 3, 4]),
            (&["R&D <b>", "--stream", "s-1"], &[1, 2, 3]),
        ] {
            for file in [&rows, &array] {
                let mut all = vec!["search", file.to_str().expect("UTF-8")];
                all.extend(arguments);
                all.push("--json");
                let hits = lines(&all);
                let found: Vec<_> = hits.iter().filter_map(|hit| hit.get("version")?.as_i64()).collect();
                assert_eq!(found, versions, "{arguments:?} in {path} of {}", file.display());
                for hit in &hits {
                    assert_eq!(hit.get("where"), Some(&Json::from(path)), "{arguments:?}: {hit}");
                    assert_ne!(hit.get("text"), Some(&Json::from("")), "{arguments:?}: {hit}");
                }
            }
        }
    }
}

/// Three events of a bank: the second has no time.
fn bank() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bank.jsonl");
    let lines = [
        r#"{"stream":"account-1","type":"Opened","version":1,"id":"e-1","time":"2025-03-01T08:00:00Z","data":{"amount":5}}"#,
        r#"{"stream":"account-1","type":"Moved","version":2,"id":"e-2","data":{"amount":"7"}}"#,
        r#"{"stream":"account-1","type":"Moved","version":3,"id":"e-3","time":"2025-03-01T10:00:00Z","data":{}}"#,
    ];
    std::fs::write(&path, lines.join("\n")).expect("written");
    let path = path.display().to_string();
    (folder, path)
}

#[test]
fn an_event_without_a_time_is_counted_where_times_are_asked_for() {
    let (_folder, bank) = bank();
    let told = "1 event could not be judged: it has no time (position 2, version 2 of account-1)";
    for arguments in [
        &["events", "--after", "2025-03-01T09:00"][..],
        &["export", "--before", "2025-03-02"],
        &["events", "--where", "after:-1h"],
        &["events", "--type", "Moved", "--after=-1h"],
    ] {
        let (_, err) = said(&[&arguments[..1], &[bank.as_str()], &arguments[1..]].concat(), 0);
        assert!(err.contains(told), "{arguments:?}: {err}");
    }
    let (_, err) = said(&["events", &bank, "--type", "Opened", "--before", "2025-03-02"], 0);
    assert!(!err.contains("judged"), "what another word leaves out is not asked for its time: {err}");
    let output = run(&["doctor", &bank]);
    assert!(text(&output.stdout).contains("1 event has no time"), "{}", text(&output.stdout));
    let (out, _) = said(&["inspect", &bank], 0);
    assert!(out.contains("from 2025-03-01T08:00:00Z to 2025-03-01T10:00:00Z, 1 event has no time"), "{out}");
    let (out, _) = said(&["inspect", &bank, "--json"], 0);
    assert!(out.contains("\"without_time\":1"), "{out}");
}

#[test]
fn what_is_compared_with_another_kind_is_counted_with_its_first_place() {
    let (_folder, bank) = bank();
    for (condition, told) in [
        (
            "event.version == '3'",
            "3 events could not be judged: `==` does not go with event.version (a number) and \"3\" (a text) \
             (first position 1, version 1 of account-1)",
        ),
        (
            "event.data.amount > 6",
            "2 events could not be judged: of 1, `>` does not go with event.data.amount (a text) and 6 (a number) \
             (position 2, version 2 of account-1); of 1, no such key amount (position 3, version 3 of account-1)",
        ),
        ("event.time == '2025-03-01T08:00'", "write timestamp(\"2025-03-01T08:00:00Z\")"),
        ("event.id in [1, 2]", "`in` does not go with event.id (a text) and"),
    ] {
        let (out, err) = said(&["events", &bank, "--where", condition], 1);
        assert!(out.is_empty() && err.contains(told), "{condition}: {err}");
    }
}

#[test]
fn what_is_no_condition_is_refused_with_its_place() {
    let (_folder, bank) = bank();
    for (condition, column, told) in [
        ("5", 1, "5 is neither true nor false"),
        ("type:Moved event.version", 12, "event.version is neither true nor false"),
        ("event.time.getSeconds()", 1, "event.time.getSeconds() is neither true nor false"),
        ("event.data.amount", 1, "the condition gives a number, not true or false: compare it"),
        ("event.data", 1, "the condition gives an object, not true or false"),
    ] {
        for command in ["events", "export"] {
            let (out, err) = said(&[command, &bank, "--where", condition], 2);
            let caret = err.lines().find(|line| line.trim() == "^").map(|line| line.find('^').unwrap_or(0));
            assert!(out.is_empty() && err.contains(told), "{condition}: {err}");
            assert_eq!(caret, Some(column + 3), "{condition}: {err}");
        }
    }
}

#[test]
fn a_place_is_an_id_or_a_time_of_day_everywhere() {
    let (_folder, bank) = bank();
    let version = |arguments: &[&str]| {
        let output = run(&[&["events", &bank, "account-1", "--json"], arguments].concat());
        let out = text(&output.stdout);
        (
            out.lines()
                .next()
                .unwrap_or_default()
                .split("\"id\":")
                .nth(1)
                .unwrap_or_default()
                .chars()
                .take(5)
                .collect::<String>(),
            text(&output.stderr),
        )
    };
    assert_eq!(version(&["--from", "e-2"]).0, "\"e-2\"");
    let (found, err) = version(&["--from", "@09:30"]);
    assert!(found == "\"e-2\"", "the first event behind what was at that time: {found}: {err}");
    let (out, err) = said(&["state", &bank, "account-1", "--at", "@09:30", "--json"], 0);
    assert!(
        out.contains("\"version\":1,") && err.contains("09:30:00 is that of 2025-03-01, the day of the last event"),
        "{out}{err}"
    );
    let (out, _) = said(&["state", &bank, "account-1", "--at", "e-2", "--json"], 0);
    assert!(out.contains("\"version\":2,"), "{out}");
    let (_, err) = said(&["state", &bank, "account-1", "--at", "e-9"], 1);
    assert!(err.contains("no event has the id e-9"), "{err}");
    let (_, err) = said(&["state", &bank, "account-1", "--at", "14:03"], 1);
    assert!(err.contains("a time of day is written @14:03"), "{err}");
}

#[test]
fn no_line_is_asked_for_and_none_is_missed() {
    let (_folder, bank) = bank();
    for command in [&["events"][..], &["events", "--json"], &["search", "account"]] {
        let (out, err) = said(&[&command[..1], &[bank.as_str()], &command[1..], &["--limit", "0"]].concat(), 0);
        assert!(!out.contains("account-1") && err.is_empty(), "{command:?}: {out}{err}");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("text.jsonl");
    let line = r#"{"stream":"a-1","type":"T","version":1,"data":"{\"n\": 1}"}"#;
    std::fs::write(&path, line).expect("written");
    let (out, _) = said(&["events", &path.display().to_string()], 0);
    assert!(out.contains("{\"n\": 1}"), "what a text holds is shown as in the interface: {out}");
}
