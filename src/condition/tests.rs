//! Conditions on events as stores really hold them.

use std::sync::Arc;

use super::*;
use crate::domain::{Note, NoteKind, Payload, Position, Version, time};

fn event(data: &str) -> Arc<Event> {
    Arc::new(Event {
        id: Some("e-0312".into()),
        time: time::parse("2025-03-01T14:03:22.518Z"),
        data: Payload::json_text(data),
        metadata: Payload::json_text(r#"{"user":"u-17"}"#),
        causation: Some("c-9".into()),
        notes: vec![Note::new(NoteKind::Archived, "its stream is archived")],
        ..Event::new("order-1002", Version(7), Position::Number(312), "PaymentFailed")
    })
}

fn judge(condition: &str, data: &str) -> Result<bool, String> {
    let condition = Condition::parse(condition).unwrap_or_else(|problem| panic!("{}", problem.shown(condition)));
    condition.judge(&Cancel::default()).holds(&event(data))
}

#[track_caller]
fn holds(condition: &str, data: &str) {
    assert_eq!(judge(condition, data), Ok(true), "{condition} on {data}");
}

#[track_caller]
fn refused(condition: &str, column: usize, part: &str) {
    let problem = Condition::parse(condition).expect_err(condition);
    assert!(problem.why.contains(part), "{condition}: {problem}");
    assert_eq!(problem.column, column, "{}", problem.shown(condition));
}

#[test]
fn everything_known_of_an_event_can_be_asked() {
    for condition in [
        "event.type == 'PaymentFailed' && event.data.amount > 100",
        "event.stream == 'order-1002' && event.category == 'order'",
        "event.stream.startsWith('order-') && event.type.endsWith('Failed') && event.type.contains('ment')",
        "event.version == 7 && event.position == 312 && event.id == 'e-0312'",
        "event.correlation == null && event.causation == 'c-9'",
        "event.metadata.user == 'u-17' && event.metadata['user'] == 'u-17'",
        "event.notes.exists(n, n.contains('archived')) && size(event.notes) == 1",
        "event.time > timestamp('2025-03-01T14:03:22Z') && event.time < timestamp('2025-03-01T15:03:23+01:00')",
        "event.time.getFullYear() == 2025 && event.time + duration('1h') > timestamp('2025-03-01T15:00:00Z')",
        "event.data.items.exists(i, i.sku == 'B-02' && i.qty == 1) && !event.data.items.all(i, i.qty == 1)",
        "event.data.items.filter(i, i.qty > 1).size() == 1 && event.data.items.map(i, i.qty)[0] == 2",
        "event.data.items.exists_one(i, i.qty == 2) && event.data.items[1].sku.matches('^B-[0-9]+$')",
        "has(event.data.items) && !has(event.data.missing) && 'amount' in event.data && size(event.data) == 4",
        "event.data.who == {'name': 'Zoë', 'tags': ['a', 'b']} && {'name': 'Zoë', 'tags': ['a', 'b']} == event.data.who",
        "event.data.who.name in ['Ann', 'Zoë'] && event.data.who.tags == ['a', 'b'] && 'b' in event.data.who.tags",
        "event.data.who.exists(key, key == 'name')",
        "event.data.nothing == null && (event.data.amount > 1000 ? false : true)",
        "type(event.data.amount) == double && int('7') == event.version && string(event.version) == '7'",
    ] {
        let data = r#"{"amount":120.5,"items":[{"sku":"A-19","qty":2},{"sku":"B-02","qty":1}],"who":{"name":"Zoë","tags":["a","b"]},"nothing":null}"#;
        holds(condition, data);
    }
}

#[test]
fn whole_numbers_are_exact_whatever_their_size() {
    for (condition, number) in [
        ("event.data.n == 9007199254740993", "9007199254740993"),
        ("event.data.n != 9007199254740992 && event.data.n > 9007199254740992", "9007199254740993"),
        ("event.data.n != 9007199254740992.0 && 9007199254740992.0 != event.data.n", "9007199254740993"),
        ("event.data.n > 9007199254740992.0 && 9007199254740992.0 < event.data.n", "9007199254740993"),
        ("event.data.n == 18446744073709551615u && event.data.n > 9223372036854775807", "18446744073709551615"),
        ("event.data.n != 18446744073709551614u && event.data.n < 18446744073709551616.0", "18446744073709551615"),
        ("event.data.n > 18446744073709551615u && event.data.n != 1 && 1 < event.data.n", "18446744073709551616"),
        ("event.data.n > 36893488147419103232.0 && 36893488147419103232.0 < event.data.n", "36893488147419103233"),
        ("event.data.n < -9223372036854775808 && -1 > event.data.n", "-9223372036854775809"),
        ("event.data.n == 9007199254740993", "9007199254740993.0"),
        ("event.data.n == 9007199254740993", "9.007199254740993e15"),
        ("event.data.n == -9223372036854775808", "-9223372036854775808"),
        ("event.data.n + 1 == 9007199254740994 && event.data.n % 2 == 1", "9007199254740993"),
        ("event.data.n - 1u == 18446744073709551614u", "18446744073709551615"),
        ("event.data.n == 0.1 && event.data.n < 1 && event.data.n * 10 > 0", "0.1"),
        ("event.data.n == 1 && event.data.n == 1.0 && event.data.n * 1.5 == 1.5", "1.0"),
        ("event.data.n * 1.1 > 13 && event.data.n / 2 == 6", "12"),
    ] {
        holds(condition, &format!(r#"{{"n":{number}}}"#));
    }
    // What cannot be exact is not guessed.
    for (condition, number, part) in [
        ("event.data.n + 1 > 0", "18446744073709551615", "too large to be exact"),
        ("event.data.n + 1 > 0", "18446744073709551616", "too large to be calculated"),
        ("event.data.n + 0.5 > 0", "9007199254740993", "too large to be calculated"),
        ("event.data.n > 0", "1e400", "too large to be compared"),
        ("event.data.n / 0 > 0", "1", "division by zero"),
    ] {
        let judged = judge(condition, &format!(r#"{{"n":{number}}}"#));
        assert!(judged.as_ref().is_err_and(|why| why.contains(part)), "{condition} on {number}: {judged:?}");
    }
}

#[test]
fn what_is_missing_or_of_another_kind_is_not_true_and_said() {
    for (condition, data, why) in [
        ("event.data.amount > 100", "{}", "no such key amount"),
        ("event.data.a.b == 1", r#"{"a":{}}"#, "no such key b"),
        ("event.data.a.b == 1", r#"{"a":null}"#, "null has no keys"),
        ("event.data.a.b == 1", r#"{"a":"text"}"#, "a text has no keys"),
        ("event.data.a[5] == 1", r#"{"a":[1]}"#, "no element 5"),
        ("event.data.a > 5", r#"{"a":"text"}"#, "`>` does not go with event.data.a (a text) and 5 (a number)"),
        ("event.data.a", r#"{"a":"text"}"#, "the condition gives a text, not true or false"),
        ("event.data.a && true", r#"{"a":"text"}"#, "`&&` does not go with a text and true or false"),
        ("event.data.a.startsWith('x')", r#"{"a":5}"#, "`startsWith` does not go with a number and a text"),
        ("event.data == 5", "not json", "its data is not JSON"),
        ("event.data.a.all(x, x > 1)", r#"{"a":5}"#, "this is a number, and a list or an object is needed"),
    ] {
        let judged = judge(condition, data);
        assert!(judged.as_ref().is_err_and(|said| said.contains(why)), "{condition} on {data}: {judged:?}");
    }
    // What decides does so whatever stands beside it.
    holds("event.data.missing == 1 || event.version == 7", "{}");
    assert_eq!(judge("event.data.missing == 1 && event.version == 8", "{}"), Ok(false));
}

#[test]
fn what_is_of_different_kinds_is_neither_the_same_nor_another() {
    for (condition, why) in [
        ("event.version == \"3\"", "`==` does not go with event.version (a number) and \"3\" (a text)"),
        ("event.version != \"7\"", "`!=` does not go with event.version (a number) and \"7\" (a text)"),
        ("\"7\" == event.version", "`==` does not go with \"7\" (a text) and event.version (a number)"),
        ("event.id == 3", "`==` does not go with event.id (a text) and 3 (a number)"),
        ("event.position == '312'", "`==` does not go with event.position (a number) and \"312\" (a text)"),
        ("event.data.a != 5", "`!=` does not go with event.data.a (a text) and 5 (a number)"),
        ("event.data.b == true", "`==` does not go with event.data.b (a number) and true (true or false)"),
        ("event.data.tags == 'x'", "`==` does not go with event.data.tags (a list) and \"x\" (a text)"),
        ("event.version in ['7', '8']", "`in` does not go with event.version (a number) and"),
        (
            "event.time == '2025-03-01T15:00+01:00'",
            "event.time (a time) and \"2025-03-01T15:00+01:00\" (a text): write timestamp(\"2025-03-01T14:00:00Z\")",
        ),
        ("event.time > '2025-03-01'", "write timestamp(\"2025-03-01T00:00:00Z\")"),
        ("event.time > 'noon'", "write timestamp(\"2025-03-01T14:00:00Z\")"),
        ("event.data.at < event.time", "write timestamp(event.data.at)"),
        ("event.time > 5", "`>` does not go with event.time (a time) and 5 (a number)"),
    ] {
        let judged = judge(condition, r#"{"a":"5","b":1,"tags":["x"],"at":"2025-03-01T14:00:00Z"}"#);
        assert!(judged.as_ref().is_err_and(|said| said.contains(why)), "{condition}: {judged:?}");
        assert!(judged.is_err_and(|said| !said.contains("protobuf")), "{condition}");
    }
    let data = r#"{"a":"5","n":null,"tags":["x"],"who":{"name":"Zoë"}}"#;
    for condition in [
        "event.data.n != 5 && event.data.n == null && event.data.a != null && event.time != null",
        "event.version in ['x', 7] && !(event.version in ['x', 8]) && !(event.data.a in []) && !(null in ['x'])",
        "event.data.tags == ['x'] && 'name' in event.data.who && !('age' in event.data.who)",
        "event.data.a == '5' || event.data.a == 5",
        "type(event.version) == int && type(event.data.a) != int",
    ] {
        holds(condition, data);
    }
    assert_eq!(judge("event.data.tags == [1]", data), Ok(false), "lists of others are other lists");
}

#[test]
fn what_is_never_true_or_false_is_no_condition() {
    refused("5", 1, "5 is neither true nor false");
    refused("  'text'", 3, "neither");
    refused("event.type", 1, "event.type is neither true nor false");
    refused("event.version > 1 && event.version", 22, "event.version is neither");
    refused("!(event.version + 1)", 3, "neither");
    refused("[1, 2]", 1, "a list");
    refused("size(event.data.items)", 1, "size(event.data.items) is neither");
    refused("event.type.size()", 1, "neither");
    refused("true ? event.id : false", 8, "event.id is neither");
    // Of what others wrote only the events can tell.
    let condition = Condition::parse(" event.data.amount").expect("perhaps a condition");
    let mut judge = condition.judge(&Cancel::default());
    assert!(judge.holds(&event("{}")).is_err() && judge.refused().is_none());
    assert!(judge.holds(&event(r#"{"amount":5}"#)).is_err());
    let problem = judge.refused().expect("it is none");
    assert!(problem.column == 2 && problem.why.contains("a number, not true or false"), "{problem}");
    assert_eq!(judge.holds(&event(r#"{"amount":true}"#)), Ok(true));
    assert_eq!(judge.refused(), None);
}

#[test]
fn payloads_that_are_not_asked_for_are_not_parsed() {
    holds("event.type == 'PaymentFailed' && event.stream.startsWith('order')", "this is not JSON");
    holds("event.type == 'PaymentFailed' || event.data.x == 1", "this is not JSON");
}

#[test]
fn what_makes_no_sense_is_refused_where_it_stands() {
    refused("event.type = 'A'", 12, "");
    refused("event.type == ", 15, "the end");
    refused("event.typ == 'A'", 6, "an event has no `typ`");
    refused("event.version > 1 && type == 'A'", 22, "did you mean event.type?");
    refused("amount > 100", 1, "event.data.amount");
    refused("event.version == 1 && like(event.type, 'A')", 27, "no function `like`");
    refused("event.type.matches('(')", 20, "regular expression");
    refused("event.data.items.all(i, j > 1)", 25, "there is no `j`");
    refused("Order{a: 1} == 1", 6, "messages");
    refused("", 1, "");
    refused(&format!("event.version == {}", "1+".repeat(1_500)), LONGEST, "at most");
    let shown =
        Condition::parse("event.version > 1 && typ == 1").expect_err("refused").shown("event.version > 1 && typ == 1");
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines[1].find("typ"), lines[2].find('^'), "{shown}");
}

#[test]
fn no_condition_takes_for_ever_or_fills_the_memory() {
    let many = format!(r#"{{"a":[{}0],"s":"{}"}}"#, "1,".repeat(20_000), "x".repeat(10_000));
    let chain =
        |times: usize, body: &str| format!("[event.data.s]{}.size() > 0", format!(".map(x, {body})").repeat(times));
    for condition in [
        "event.data.a.all(a, event.data.a.all(b, event.data.a.all(c, a + b + c >= 0)))".to_owned(),
        "event.data.a.map(a, event.data.a.map(b, event.data.a)).size() > 0".to_owned(),
        "event.data.a.exists(a, event.data.a.exists(b, a + b == 77))".to_owned(),
        chain(60, "x + x"),
        chain(60, "[x, x]"),
        chain(60, "{'a': x, 'b': x}"),
        chain(60, "[x, x].map(y, [y, y])"),
    ] {
        let Ok(parsed) = Condition::parse(&condition) else { continue };
        let judged = parsed.judge(&Cancel::default()).holds(&event(&many));
        assert_eq!(judged, Err(TOO_LONG_WORDS.to_owned()), "{condition}");
    }
    let cancel = Cancel::default();
    cancel.cancel();
    let condition = Condition::parse("event.data.a.all(a, a >= 0)").expect("a condition");
    assert!(condition.judge(&cancel).holds(&event(&many)).is_err(), "a stopped judgement ends");
    holds("event.data.a.all(a, a >= 0) && event.data.a.map(a, a + 1).size() == 20001", &many);
}

const TOO_LONG_WORDS: &str = functions::TOO_LONG;

#[test]
fn whatever_is_typed_is_a_condition_or_a_problem() {
    let deep = |open: &str, close: &str, times: usize| format!("{}1{} == 1", open.repeat(times), close.repeat(times));
    for written in [
        deep("(", ")", 900),
        deep("[", "]", 900),
        deep("-", "", 1_900),
        deep("!", "", 1_900),
        format!("event.data{} == 1", ".a".repeat(900)),
        format!("{} == 1", vec!["1"; 900].join("+")),
        vec!["true"; 240].join("&&"),
        vec!["true"; 240].join("||"),
        format!("{}true", "true?".repeat(300)),
        ".".into(),
        "/".into(),
        "1 +".into(),
        "'".into(),
        "\u{0}".into(),
        "event.data.all(x)".into(),
        "event.data.all(1, 2)".into(),
        "has(1)".into(),
        "has(event)".into(),
        "`".into(),
        "b'\\xff' == b''".into(),
        "1 == 99999999999999999999".into(),
        "'\\ud800' == ''".into(),
        "event.data.a.?b == 1".into(),
        "matches('a')".into(),
    ] {
        if let Ok(condition) = Condition::parse(&written) {
            let _ = condition.judge(&Cancel::default()).holds(&event(r#"{"a":1}"#));
        }
    }
}
