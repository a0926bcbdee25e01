//! Conditions on events as stores really hold them.

use std::sync::Arc;

use super::*;
use crate::domain::{Event, Note, NoteKind, Payload, Position, State, Version, time};

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
    condition.judge(&Cancel::default()).holds(&Subject::event(&event(data)))
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
    assert!(judge.holds(&Subject::event(&event("{}"))).is_err() && judge.refused().is_none());
    assert!(judge.holds(&Subject::event(&event(r#"{"amount":5}"#))).is_err());
    let problem = judge.refused().expect("it is none");
    assert!(problem.column == 2 && problem.why.contains("a number, not true or false"), "{problem}");
    assert_eq!(judge.holds(&Subject::event(&event(r#"{"amount":true}"#))), Ok(true));
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
        let judged = parsed.judge(&Cancel::default()).holds(&Subject::event(&event(&many)));
        assert_eq!(judged, Err(TOO_LONG_WORDS.to_owned()), "{condition}");
    }
    let cancel = Cancel::default();
    cancel.cancel();
    let condition = Condition::parse("event.data.a.all(a, a >= 0)").expect("a condition");
    assert!(condition.judge(&cancel).holds(&Subject::event(&event(&many))).is_err(), "a stopped judgement ends");
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
            let _ = condition.judge(&Cancel::default()).holds(&Subject::event(&event(r#"{"a":1}"#)));
        }
    }
}

fn state(text: &str) -> State {
    (text != "-").then(|| Json::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}")))
}

/// At an event between two states, `-` for one that is not there.
fn at(condition: &str, before: &str, after: &str) -> Result<bool, String> {
    let condition = Condition::parse(condition).unwrap_or_else(|problem| panic!("{}", problem.shown(condition)));
    let states = States::new(Ok(state(before)), Ok(state(after)), None);
    condition.judge(&Cancel::default()).holds(&Subject::at(Some(event("{}")), states))
}

#[test]
fn states_are_asked_before_and_after_an_event() {
    for condition in [
        "state.total == -12.5 && prev.total == 37.5 && state.total < 0",
        "state.items[0].qty == 2 && size(state.items) == 2 && size(prev.items) == 1",
        "event.type == 'PaymentFailed' && state.status == prev.status",
        "changed('/total') && changed('.total') && !changed('/status') && changed('')",
        "changed('/items/*/qty') && !changed('/items/*/sku') && changed('.items[1].qty') && changed('/items/0/qty')",
        "changed('/new') && changed('/gone') && !changed('/never')",
        "patch.exists(c, c.path == '/total' && c.kind == 'replaced' && c.before == 37.5 && c.after == -12.5)",
        "patch.exists(c, c.path == '/new' && c.kind == 'added' && c.before == null && c.after == 1)",
        "patch.exists(c, c.path == '/gone' && c.kind == 'removed' && c.after == null)",
        "fault == null && state != null && has(state.total) && !has(state.never)",
        "has(state.never) || state.big == 9007199254740993",
    ] {
        let before = r#"{"total":37.5,"status":"open","items":[{"qty":1}],"gone":1,"big":9007199254740993}"#;
        let after = r#"{"total":-12.5,"status":"open","items":[{"qty":2},{"qty":1}],"new":1,"big":9007199254740993}"#;
        assert_eq!(at(condition, before, after), Ok(true), "{condition}");
    }
}

#[test]
fn an_absent_state_is_null_and_its_fields_are_unknown() {
    for (condition, before, after, expected) in [
        ("state == null", "{}", "-", Ok(true)),
        ("prev == null", "-", "{}", Ok(true)),
        ("state != null", "-", "{}", Ok(true)),
        ("state.total > 0", "{}", "-", Err("null has no keys")),
        ("state.total > 0", "-", "{}", Err("no such key total")),
        ("prev.total == state.total", "-", r#"{"total":1}"#, Err("null has no keys")),
        // 1 and 1.0 are written differently, and equal.
        ("changed('/n')", r#"{"n":1}"#, r#"{"n":1.0}"#, Ok(true)),
        ("prev.n == state.n", r#"{"n":1}"#, r#"{"n":1.0}"#, Ok(true)),
        ("changed('')", "-", "-", Ok(false)),
        ("changed('/a')", "-", r#"{"a":null}"#, Ok(true)),
        // A parent replaced by an equal one writes nothing.
        ("changed('/a/b')", r#"{"a":{"b":1,"c":1}}"#, r#"{"a":{"b":1}}"#, Ok(false)),
    ] {
        let judged = at(condition, before, after);
        match expected {
            Ok(truth) => assert_eq!(judged, Ok(truth), "{condition}"),
            Err(why) => assert!(judged.as_ref().is_err_and(|said| said.contains(why)), "{condition}: {judged:?}"),
        }
    }
}

#[test]
fn a_failed_event_has_its_words_and_no_change() {
    let judge = |condition: &str| {
        let states = States::new(Ok(state("{}")), Ok(state("{}")), Some("no such account".into()));
        let condition = Condition::parse(condition).expect(condition);
        condition.judge(&Cancel::default()).holds(&Subject::at(Some(event("{}")), states))
    };
    assert_eq!(judge("fault != null && fault.contains('account') && state == prev && size(patch) == 0"), Ok(true));
    assert_eq!(judge("fault == null || changed('/a')"), Ok(false));
    // A state that is not known is neither.
    let states = || States::new(Ok(state("{}")), Err("it is too large".into()), None);
    let unknown = |condition: &str| {
        let condition = Condition::parse(condition).expect(condition);
        condition.judge(&Cancel::default()).holds(&Subject::at(Some(event("{}")), states()))
    };
    for condition in ["state.a == 1", "changed('/a')", "size(patch) == 0"] {
        assert_eq!(unknown(condition), Err("the state is not known: it is too large".into()), "{condition}");
    }
    assert_eq!(unknown("prev == {} && fault == null"), Ok(true));
    let nowhere = Condition::parse("state == null").expect("one").judge(&Cancel::default());
    assert_eq!({ nowhere }.holds(&Subject::event(&event("{}"))), Err(NO_STATES.into()));
}

#[test]
fn before_the_first_event_there_is_none() {
    let judge = |condition: &str| {
        let states = States::new(Ok(None), Ok(None), None);
        Condition::parse(condition).expect(condition).judge(&Cancel::default()).holds(&Subject::at(None, states))
    };
    assert_eq!(judge("state == null && prev == null"), Ok(true));
    assert_eq!(judge("event.version > 0"), Err("there is no event before the first".into()));
    assert_eq!(judge("event.version > 0 || state == null"), Ok(true));
}

#[test]
fn an_expression_says_what_it_names() {
    let needs = |written: &str| Expression::parse(written).expect(written).needs();
    assert_eq!(needs("event.version > 1"), Needs { event: true, ..Needs::default() });
    assert_eq!(needs("state.a == prev.a"), Needs { state: true, prev: true, ..Needs::default() });
    assert_eq!(needs("changed('/a') || fault != null"), Needs { changed: true, fault: true, ..Needs::default() });
    assert_eq!(needs("[1].exists(state, state == 1)"), Needs::default());
    assert_eq!(needs("size(patch)"), Needs { patch: true, ..Needs::default() });
    assert!(!needs("event.type").fold() && needs("fault").fold() && !needs("fault").states());
}

#[test]
fn what_names_a_state_wrongly_is_refused_at_its_place() {
    refused("changed(state.total)", 8, "takes one path");
    refused("true && changed('total')", 17, "is no path");
    refused("changed('/a', '/b')", 8, "takes one path");
    refused("state.changed('/a')", 14, "asked of nothing");
    refused("stat.total > 1", 1, "there are event, state, prev, patch and fault");
    refused("fault", 1, "`fault` is neither true nor false");
    refused("patch && true", 1, "`patch` is neither true nor false");
    refused("event.states == 1", 6, "an event has no `states`");
}

#[test]
fn an_expression_gives_its_value_as_json() {
    let value = |written: &str| {
        let expression = Expression::parse(written).unwrap_or_else(|problem| panic!("{}", problem.shown(written)));
        let after =
            r#"{"total":12.50,"big":18446744073709551616,"items":[{"z":1,"a":[1.0,"x"]}],"n":9007199254740993}"#;
        let states = States::new(Ok(None), Ok(state(after)), None);
        let given = expression.judge(&Cancel::default()).value(&Subject::at(Some(event("{}")), states));
        given.map(|json| json.to_string())
    };
    for (written, given) in [
        ("state.items", r#"[{"z":1,"a":[1.0,"x"]}]"#),
        ("state.items[0]", r#"{"z":1,"a":[1.0,"x"]}"#),
        ("state.items[0].a[0]", "1.0"),
        ("state.total", "12.50"),
        ("state.total * 2", "25.0"),
        ("state.big", "18446744073709551616"),
        ("state.n + 1", "9007199254740994"),
        ("event.time", r#""2025-03-01T14:03:22.518Z""#),
        ("event.time - timestamp('2025-03-01T14:03:20.518Z')", r#""2s""#),
        ("{'b': state.n > 1, 'a': [null, 'x', 1u]}", r#"{"a":[null,"x",1],"b":true}"#),
        ("state.items.map(i, i.z)", "[1]"),
        ("prev", "null"),
        ("prev == null ? 'absent' : 'there'", r#""absent""#),
        ("event.data", "{}"),
        ("event.trouble", "null"),
    ] {
        assert_eq!(value(written).as_deref(), Ok(given), "{written}");
    }
    assert_eq!(value("state.never"), Err("no such key never".into()));
    assert_eq!(value("type(1)"), Err("it is a kind of value, which is no JSON".into()));
}
