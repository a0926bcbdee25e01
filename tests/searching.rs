//! Searching and filtering from outside: the real binary, on stores small enough to know by heart.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use stepback::domain::Json;

fn run(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stepback"));
    command.args(arguments).stdin(Stdio::null());
    let nowhere = "/nonexistent";
    command.env("XDG_CONFIG_HOME", nowhere).env("XDG_DATA_HOME", nowhere).env("XDG_CACHE_HOME", nowhere);
    command.output().expect("stepback runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

/// What a command says, after how it must have ended.
#[track_caller]
fn said(arguments: &[&str], code: i32) -> (String, String) {
    let output = run(arguments);
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{arguments:?}\n{out}\n{err}");
    (out, err)
}

#[track_caller]
fn lines(arguments: &[&str]) -> Vec<Json> {
    let (out, _) = said(arguments, 0);
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
    let (table, _) = said(&["search", &shop, "b-02"], 0);
    assert!(table.contains("data/items/1/sku") && table.lines().count() == 2, "{table}");
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
        let (out, _) = said(&[&["search", shop][..], arguments, &["--count"]].concat(), 0);
        assert_eq!(out.trim(), count.to_string(), "{arguments:?}");
    }
    let (out, err) = said(&["search", shop, "nowhere"], 1);
    assert!(out.is_empty() && err.contains("nothing in shop.jsonl contains nowhere"), "{err}");
    assert_eq!(said(&["search", shop, "nowhere", "--count"], 1).0.trim(), "0");
    let (_, err) = said(&["search", shop, "--regex", "("], 2);
    assert!(err.contains("no regular expression") && err.contains("--regex"), "{err}");
    said(&["search", shop, "x", "--stream", "order-9"], 1);
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
    said(&["export", shop, "--type", "Nothing"], 1);
}

#[test]
fn what_a_condition_cannot_judge_is_said_with_its_count() {
    let (_folder, shop) = shop();
    let (out, err) = said(&["events", &shop, "--where", "event.data.amount > 100"], 0);
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
    let (out, _) = said(&["search", &sample, "OrderOpened", "--count"], 0);
    assert_eq!(out.trim(), expected.to_string());
}
