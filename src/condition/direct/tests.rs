//! What is judged directly is judged as the language does.

use std::sync::Arc;

use proptest::prelude::*;

use crate::condition::{Condition, Subject};
use crate::domain::payload::Form;
use crate::domain::{Cancel, Event, Payload, Position, Version, time};

/// Parts of conditions: places that are there, that are not, and that are of every kind.
fn place() -> impl Strategy<Value = String> {
    prop_oneof![
        5 => prop::sample::select(vec![
            "event.data.a", "event.data.b", "event.data.a.b", "event.data['a']['c d']", "event.data.a.b.c", "event.data",
            "event.metadata.a", "event.fields.a",
        ]),
        2 => prop::sample::select(vec![
            "event.type", "event.stream", "event.category", "event.version", "event.position", "event.id", "event.time",
            "event.correlation", "event.trouble",
        ]),
    ]
    .prop_map(str::to_owned)
}

fn literal() -> impl Strategy<Value = String> {
    let literals = vec![
        "1",
        "1.0",
        "0.5",
        "9007199254740993",
        "9007199254740992.0",
        "18446744073709551615u",
        "''",
        "'x'",
        "'\u{e9}'",
        "\"1\"",
        "true",
        "false",
        "null",
        "'order-7'",
    ];
    prop::sample::select(literals).prop_map(str::to_owned)
}

fn condition() -> impl Strategy<Value = String> {
    let sign = prop::sample::select(vec!["==", "!=", "<", "<=", ">", ">="]);
    let leaf = prop_oneof![
        6 => (place(), sign.clone(), literal()).prop_map(|(a, sign, b)| format!("{a} {sign} {b}")),
        2 => (literal(), sign.clone(), place()).prop_map(|(a, sign, b)| format!("{a} {sign} {b}")),
        1 => (place(), sign, place()).prop_map(|(a, sign, b)| format!("{a} {sign} {b}")),
        1 => prop::sample::select(vec!["a", "b", "a.b", "a.b.c"]).prop_map(|place| format!("has(event.data.{place})")),
        1 => prop::sample::select(vec!["event.data.a", "event.metadata.a.b", "true", "false"]).prop_map(str::to_owned),
    ];
    leaf.prop_recursive(3, 12, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} && {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} || {b})")),
            inner.prop_map(|a| format!("!({a})")),
        ]
    })
}

/// JSON as stores hold it: with repeated and spelt keys, large numbers, texts that are not Unicode, blanks.
fn json() -> impl Strategy<Value = String> {
    let leaves = vec![
        "null",
        "true",
        "false",
        "0",
        "1",
        "-1.5",
        "1.0",
        "1e0",
        "0.5",
        "9007199254740993",
        "18446744073709551615",
        "1e400",
        "123456789012345678901234567890",
        "\"\"",
        "\"x\"",
        "\"\\u0078\"",
        "\"\u{e9}\"",
        "\"\\ud800\"",
        "\"1\"",
        "[]",
        "{}",
        "[1,\"x\"]",
    ];
    let leaf = prop::sample::select(leaves).prop_map(str::to_owned);
    let key = prop::sample::select(vec!["\"a\"", "\"b\"", "\"\\u0061\"", "\"c d\"", "\"\\ud800\"", "\"c\""]);
    leaf.prop_recursive(3, 12, 3, move |inner| {
        prop_oneof![
            3 => prop::collection::vec((key.clone(), inner.clone()), 0..4).prop_map(|entries| {
                let entries: Vec<String> = entries.iter().map(|(key, value)| format!("{key} :\n{value}")).collect();
                format!("{{{} }}", entries.join(" , "))
            }),
            1 => prop::collection::vec(inner, 0..3).prop_map(|elements| format!("[{}]", elements.join(","))),
        ]
    })
}

fn payload() -> impl Strategy<Value = Payload> {
    prop_oneof![
        8 => json().prop_map(Payload::json_text),
        1 => (json(), 0_usize..40).prop_map(|(json, end)| Payload::json_text(json.chars().take(end).collect::<String>())),
        1 => json().prop_map(|json| {
            Payload::new(Form::JsonText, serde_json::to_string(&json).expect("a text").into())
        }),
        1 => json().prop_map(|json| Payload::decoded(vec![1, 2].into(), "zlib", json.into())),
        1 => Just(Payload::default()),
        1 => Just(Payload::new(Form::Opaque, vec![0xff].into())),
        1 => Just(Payload::new(Form::Json, b"{\"a\":\"\xff\"}"[..].into())),
    ]
}

fn event() -> impl Strategy<Value = Arc<Event>> {
    let own = prop::sample::select(vec![None, Some("x"), Some("1")]);
    (payload(), payload(), payload(), own, any::<bool>()).prop_map(|(data, metadata, fields, id, dated)| {
        let time = if dated { time::parse("2025-03-01T14:03:22.518Z") } else { None };
        let id = id.map(Arc::from);
        let event = Event::new("order-7", Version(1), Position::Number(1), "x");
        Arc::new(Event { data, metadata, fields, id, time, ..event })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn it_says_what_the_language_says(written in condition(), events in prop::collection::vec(event(), 1..5)) {
        // What can never be true or false is refused before anything is judged.
        let Ok(condition) = Condition::parse(&written) else { return Ok(()) };
        prop_assert!(condition.0.direct.is_some(), "{}", written);
        let mut judge = condition.judge(&Cancel::default());
        let mut other = condition.judge(&Cancel::default());
        for event in &events {
            let subject = Subject::event(event);
            prop_assert_eq!(judge.holds(&subject), other.holds_in_the_language(&subject), "{}", written);
        }
        prop_assert_eq!(judge.has_judged(), other.has_judged());
        prop_assert_eq!(judge.refused(), other.refused());
    }
}

#[test]
fn a_text_too_long_to_be_looked_at_is_so_for_both() {
    let long = format!("{{\"a\":\"{}\"}}", "x".repeat(20_000_000));
    let event = Event::new("order-7", Version(1), Position::Number(1), "x");
    let subject = Subject::event(&Arc::new(Event { data: Payload::json_text(long), ..event }));
    let condition = Condition::parse("event.data.a == 'x' || event.data.a > 'x'").expect("a condition");
    let judged = condition.judge(&Cancel::default()).holds(&subject);
    assert_eq!(judged, condition.judge(&Cancel::default()).holds_in_the_language(&subject));
    assert!(judged.is_err(), "{judged:?}");
}

#[test]
fn only_what_is_more_than_places_and_literals_is_left_to_the_language() {
    let is_direct = |written| Condition::parse(written).expect("a condition").0.direct.is_some();
    assert!(is_direct("event.type == 'Paid' && !(event.data.order['the total'] > 100 || has(event.data.note))"));
    for written in ["size(event.data.items) > 1", "event.data.items[0] == 1", "state.total < 0", "event.data.a + 1 > 2"]
    {
        assert!(!is_direct(written), "{written}");
    }
}
