//! A change of shape is told when there is one, and only then.

use proptest::prelude::*;

use super::*;
use crate::domain::shape::{Field, Happened, JsonKind};
use crate::domain::{Position, Trouble, Version};

/// Events of these types and payloads, a minute apart, in one stream.
fn events(list: &[(&str, String)]) -> Vec<Event> {
    (1..)
        .zip(list)
        .map(|(n, (event_type, data))| Event {
            time: Timestamp::from_second(1_740_000_000 + 60 * n as i64).ok(),
            data: Payload::json_text(data.clone()),
            ..Event::new("order-1", Version(n), Position::Number(100 + n), *event_type)
        })
        .collect()
}

fn shapes(events: &[Event]) -> Shapes {
    let mut collector = Collector::new(Part::Data, None);
    (0..).zip(events).for_each(|(ordinal, event)| collector.event(ordinal, event));
    collector.finish("memory".into(), &mut |ordinal| events.get(ordinal as usize).cloned().map(Arc::new))
}

/// The shape of events of one type with these payloads.
fn one(payloads: impl IntoIterator<Item = String>) -> TypeShape {
    let list: Vec<(&str, String)> = payloads.into_iter().map(|data| ("Changed", data)).collect();
    shapes(&events(&list)).types.remove(0)
}

fn field<'a>(shape: &'a TypeShape, path: &str) -> &'a Field {
    shape.fields.iter().find(|field| field.path == path).unwrap_or_else(|| panic!("{path} of {:?}", shape.fields))
}

/// The history as `path what place`.
fn told(shape: &TypeShape) -> Vec<String> {
    let place = |turn: &Turn| turn.proof.as_ref().map_or(0, |proof| proof.place);
    shape.history.iter().map(|turn| format!("{} {} {}", turn.path, turn.happened.name(), place(turn))).collect()
}

#[test]
fn types_are_counted_with_their_first_and_last_event() {
    let mut list = vec![
        ("A", "{}".to_owned()),
        ("B", "[1]".into()),
        ("A", "{\"x\":1}".into()),
        ("B", "7".into()),
        ("A", "{}".into()),
    ];
    list.push(("C", "null".into()));
    let mut all = events(&list);
    all[5].trouble = Some(Trouble { place: "line 6".into(), reason: "no JSON".into() });
    let shapes = shapes(&all);
    let told: Vec<_> =
        shapes.types.iter().map(|shape| (shape.name.as_str(), shape.count, shape.bytes, shape.largest)).collect();
    assert_eq!(told, [("A", 3, 11, 7), ("B", 2, 4, 3)]);
    let a = &shapes.types[0];
    let place =
        |proof: &Option<Proof>| proof.as_ref().map(|proof| (proof.place, proof.version.0, proof.position.to_string()));
    assert_eq!(place(&a.first), Some((1, 1, "101".into())));
    assert_eq!(place(&a.last), Some((5, 5, "105".into())));
    assert_eq!(place(&a.largest_at), Some((3, 3, "103".into())));
    assert_eq!((a.rate.len(), a.rate.iter().sum::<u64>(), a.rate[0], a.rate[STRETCHES - 1]), (STRETCHES, 3, 1, 1));
    assert_eq!(shapes.events, 5);
}

#[test]
fn fields_have_their_types_presence_and_examples() {
    let shape = one((0..10).map(|n| match n % 2 {
        0 => format!(r#"{{"n":{n},"lines":[{{"sku":"a"}},{{"sku":"b","qty":2}}],"to":{{"zip":null}}}}"#),
        _ => format!(r#"{{"n":{n},"lines":[],"a.b":true,"":1}}"#),
    }));
    let paths: Vec<&str> = shape.fields.iter().map(|field| field.path.as_str()).collect();
    assert_eq!(
        paths,
        [".", ".n", ".lines", ".lines[]", ".lines[].sku", ".lines[].qty", ".to", ".to.zip", r#"."a.b""#, r#"."""#]
    );
    assert_eq!(field(&shape, ".n").kinds, [(JsonKind::Number, 10)]);
    assert_eq!(field(&shape, ".n").examples, ["0", "1", "2"]);
    assert_eq!((field(&shape, ".to").present, field(&shape, ".to").of), (5, 10));
    let lines = field(&shape, ".lines[]");
    assert_eq!((lines.kinds.clone(), lines.present, lines.of), (vec![(JsonKind::Object, 10)], 5, 10));
    assert_eq!((field(&shape, ".lines[].sku").percent(), field(&shape, ".lines[].qty").percent()), (100, 50));
    assert_eq!(field(&shape, ".to.zip").kinds, [(JsonKind::Null, 5)]);
    assert_eq!(field(&shape, ".lines[].sku").examples, [r#""a""#, r#""b""#]);
    assert!(shape.history.is_empty(), "{:?}", shape.history);
}

#[test]
fn a_deployed_change_is_told_with_its_first_event() {
    let old = |n: u32| format!(r#"{{"id":{n},"amount":{n}.5,"note":"x"}}"#);
    let new = |n: u32| format!(r#"{{"id":"{n}","amount":{n},"amountMinor":{n}}}"#);
    let shape = one((0..30).map(old).chain((30..50).map(new)));
    assert_eq!(told(&shape), [".note vanished 30", ".id type 31", ".amountMinor appeared 31"]);
    assert_eq!(shape.history[1].happened, Happened::Became(JsonKind::Number, JsonKind::String));
    let back = one((0..30).map(old).chain((30..50).map(new)).chain((50..90).map(old)));
    assert_eq!(
        told(&back),
        [".id type 31", ".amountMinor appeared 31", ".amountMinor vanished 50", ".note returned 51"]
    );
    assert_eq!(back.history[0].happened, Happened::Also(JsonKind::String));
}

#[test]
fn what_is_inside_vanishes_with_what_it_is_in() {
    let shape = one((0..40).map(|n| match n < 20 {
        true => format!(r#"{{"n":{n},"to":{{"zip":"1","city":{{"name":"x"}}}}}}"#),
        false => format!(r#"{{"n":{n}}}"#),
    }));
    assert_eq!(told(&shape), [".to vanished 20"], "not once for each field inside");
}

#[test]
fn null_is_no_type_of_its_own() {
    let shape = one((0..40).map(|n| format!(r#"{{"coupon":{}}}"#, if n % 3 == 0 { "\"SPRING\"" } else { "null" })));
    assert!(shape.history.is_empty());
    assert_eq!(field(&shape, ".coupon").kinds, [(JsonKind::Null, 26), (JsonKind::String, 14)]);
}

#[test]
fn ids_as_keys_are_one_field() {
    let id = |n: u64| uuid::Uuid::from_u128(u128::from(n) << 64 | 7);
    let shape =
        one((0..20)
            .map(|n| format!(r#"{{"items":{{"{}":{{"qty":{n}}},"{}":{{"qty":1,"x":2}}}}}}"#, id(n), id(n + 100))));
    let paths: Vec<&str> = shape.fields.iter().map(|field| field.path.as_str()).collect();
    assert_eq!(paths, [".", ".items", ".items.*", ".items.*.qty", ".items.*.x"]);
    assert_eq!(field(&shape, ".items.*").kinds, [(JsonKind::Object, 40)]);
    assert_eq!(field(&shape, ".items.*.qty").kinds, [(JsonKind::Number, 40)]);
    assert!(shape.history.is_empty(), "{:?}", shape.history);
    // Names nobody would take for ids are a map too, once they are very many.
    let word = |n: u32| char::from_u32('\u{4e00}' as u32 + n).unwrap_or('x');
    let shape = one((0..600).map(|n| format!(r#"{{"by":{{"{}":{n},"{}":"x"}}}}"#, word(n), word(n + 600))));
    let paths: Vec<&str> = shape.fields.iter().map(|field| field.path.as_str()).collect();
    assert_eq!(paths, [".", ".by", ".by.*"]);
    assert_eq!(field(&shape, ".by.*").kinds, [(JsonKind::Number, 600), (JsonKind::String, 600)]);
    // A wide record whose fields are always there is none.
    let wide: Vec<String> = (0..200).map(|n| format!(r#""field_{n}":{n}"#)).collect();
    let shape = one((0..5).map(|_| format!("{{{}}}", wide.join(","))));
    assert_eq!(shape.fields.len(), 201);
}

#[test]
fn what_is_left_out_is_told() {
    let deep = format!("{}1{}", "[".repeat(40), "]".repeat(40));
    let long = format!("[{}0]", "1,".repeat(300));
    let shape = one([deep, long]);
    assert!(shape.cut.iter().any(|cut| cut == "1 values are nested deeper than is looked"), "{:?}", shape.cut);
    assert!(shape.cut.iter().any(|cut| cut == "45 elements of long arrays were not looked at"), "{:?}", shape.cut);
    let many: Vec<String> = (0..70)
        .map(|a| {
            let inner: Vec<String> = (0..70).map(|b| format!(r#""f{a}_{b}":1"#)).collect();
            format!(r#""o{a}":{{{}}}"#, inner.join(","))
        })
        .collect();
    let shape = one([format!("{{{}}}", many.join(","))]);
    assert!(
        shape.fields.len() <= 2000 && shape.cut.iter().any(|cut| cut.contains("beyond those told apart")),
        "{:?}",
        shape.cut
    );
}

#[test]
fn payloads_that_are_no_json_are_counted_and_others_looked_into() {
    let mut all = events(&[
        ("A", "{\"x\":1}".into()),
        ("A", "{\"x\":".into()),
        ("A", "".into()),
        ("A", "".into()),
        ("A", "".into()),
        ("A", "".into()),
    ]);
    all[2].data = Payload::decoded(vec![1].into(), "zlib, JSON", b"{\"y\":2}"[..].into());
    all[3].data = Payload::named(vec![1].into(), "Erlang term");
    all[4].data = Payload::new(Form::Opaque, vec![1].into());
    all[5].data = Payload::default();
    let shape = shapes(&all).types.remove(0);
    assert_eq!((shape.read, shape.unparsable, shape.absent), (2, 1, 1));
    assert_eq!(shape.opaque, [(String::new(), 1), ("Erlang term".to_owned(), 1)]);
    let paths: Vec<&str> = shape.fields.iter().map(|field| field.path.as_str()).collect();
    assert_eq!(paths, [".", ".x", ".y"]);
}

#[test]
fn a_huge_value_is_an_example_cut_with_a_sign() {
    let shape = one([format!(r#"{{"avatar":"{}"}}"#, "é".repeat(100_000))]);
    let example = &field(&shape, ".avatar").examples[0];
    assert!(example.ends_with('…') && crate::domain::text::width(example) <= 40, "{example}");
}

/// The shapes side by side: what they have, how many, and the place of the first.
fn beside(shape: &TypeShape) -> Vec<(String, u64, u64)> {
    let place = |beside: &Beside| beside.first.as_ref().map_or(0, |proof| proof.place);
    shape.beside.iter().map(|beside| (beside.fields.join(" "), beside.count, place(beside))).collect()
}

#[test]
fn shapes_that_stand_side_by_side_are_no_history() {
    // Two writers, 63 to 37, each in short bursts.
    let minor = |n: u64| n % 100 < 63 && n % 7 != 3 || n % 100 >= 63 && n % 7 == 3;
    let shape = one((0..300).map(|n| match minor(n) {
        true => format!(r#"{{"id":{n},"amountMinor":{n},"note":"x"}}"#),
        false => format!(r#"{{"id":{n},"amount":{n}.5,"note":"x"}}"#),
    }));
    assert_eq!(told(&shape), Vec::<String>::new());
    let (most, few) = ((0..300).filter(|&n| minor(n)).count() as u64, (0..300).filter(|&n| !minor(n)).count() as u64);
    assert_eq!(beside(&shape), [(".amountMinor".into(), most, 1), (".amount".into(), few, 4)]);
    assert!(shape.beside[0].sentence().contains(&format!("({most} of 300) have .amountMinor")));
    // What was deployed, even what was taken back, is history.
    let old = |n: u32| format!(r#"{{"id":{n},"amount":{n}}}"#);
    let new = |n: u32| format!(r#"{{"id":{n},"amountMinor":{n}}}"#);
    let shape = one((0..30).map(old).chain((30..60).map(new)).chain((60..90).map(old)));
    assert!(shape.beside.is_empty() && !shape.history.is_empty(), "{:?}", shape.beside);
    // Fields that are optional each for itself are no shapes.
    let shape = one((0..300_u64).map(|n| {
        let (a, b) = (n * 7919 % 10 < 5, n * 104_729 % 11 < 5);
        let part = |there, text: &str| if there { text.to_owned() } else { String::new() };
        format!(r#"{{{}{}"n":{n}}}"#, part(a, r#""a":1,"#), part(b, r#""b":1,"#))
    }));
    assert_eq!((beside(&shape), told(&shape)), (Vec::new(), Vec::new()));
    // Inside an object, and three of them.
    let shape = one((0..90).map(|n| format!(r#"{{"to":{{"k":1,"{}":{n}}}}}"#, ["mail", "post", "phone"][n % 3])));
    let names: Vec<String> = beside(&shape).into_iter().map(|(fields, ..)| fields).collect();
    assert_eq!(names, [".to.mail", ".to.post", ".to.phone"]);
}

#[test]
fn fields_that_come_and_go_in_long_runs_are_optional() {
    // A campaign: there for some twenty events, gone for some twenty, again and again.
    let runs = [25, 18, 22, 30, 17, 21, 26, 19, 24, 28];
    let mut payloads = Vec::new();
    for (turn, run) in runs.into_iter().enumerate() {
        let payload = if turn % 2 == 0 { r#"{"n":1}"# } else { r#"{"n":1,"coupon":"SPRING"}"# };
        payloads.extend(std::iter::repeat_n(payload.to_owned(), run));
    }
    assert_eq!(told(&one(payloads)), Vec::<String>::new());
}

/// Whatever comes and goes by chance is optional; once in hundreds it may look otherwise. The same chances every time.
#[test]
fn optional_fields_have_no_history() {
    let mut random = 1u64;
    let mut chance = |often: u64| {
        random = random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (random ^ (random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % 100 < often
    };
    let mut entries = 0;
    for often in [5, 20, 50, 80, 95] {
        for _ in 0..40 {
            let payload = |there| if there { r#"{"n":1,"o":1}"# } else { r#"{"n":1}"# };
            entries += one((0..200).map(|_| payload(chance(often)).to_owned())).history.len();
        }
    }
    assert!(entries <= 4, "{entries} of 200");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_change_is_found_wherever_it_is(before in 12u64..60, after in 12u64..60) {
        let shape = one((0..before).map(|n| format!(r#"{{"n":{n},"old":1}}"#)).chain((0..after).map(|n| format!(r#"{{"n":"{n}","new":1}}"#))));
        let (last, first) = (before, before + 1);
        prop_assert_eq!(
            told(&shape),
            [format!(".old vanished {last}"), format!(".n type {first}"), format!(".new appeared {first}")]
        );
    }
}

#[test]
fn encodings_that_are_too_many_are_counted_together() {
    let mut collector = Collector::new(Part::Data, None);
    for n in 0..100 {
        let data = Payload::named(vec![1].into(), &format!("encoding {n:02}"));
        let event = Event { data, ..Event::new("a-1", Version(n), Position::Number(n), "T") };
        collector.event(n, &event);
    }
    let shapes = collector.finish("s".into(), &mut |_| None);
    let counted: u64 = shapes.types[0].opaque.iter().map(|(_, count)| count).sum();
    assert_eq!(counted, 100);
    assert!(shapes.types[0].opaque.iter().any(|(name, count)| name == OTHER_ENCODINGS && *count > 1));
}
