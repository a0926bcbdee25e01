//! `stepback types`: the real binary on the sample data and on stores of others.

use std::collections::BTreeMap;
use std::process::Output;

use stepback::domain::Json;

use crate::support::program::{manifest, run, text};

fn types(arguments: &[&str]) -> Output {
    run(&[&["types"], arguments].concat())
}

fn lines(output: &Output) -> Vec<Json> {
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    text(&output.stdout).lines().map(|line| Json::parse(line.as_bytes()).expect("JSON")).collect()
}

fn list(value: &Json, key: &str) -> Vec<Json> {
    match value.get(key) {
        Some(Json::Array(array)) => array.iter().cloned().collect(),
        other => panic!("{key}: {other:?}"),
    }
}

fn str_of<'a>(value: &'a Json, key: &str) -> &'a str {
    value.get(key).and_then(Json::as_str).unwrap_or_else(|| panic!("{key} of {value}"))
}

#[test]
fn the_types_of_a_foreign_store_are_counted_as_its_own_library_counts_them() {
    let truth = std::fs::read(manifest("tests/corpus/message-db/truth.json")).expect("truth.json");
    let truth = Json::parse(&truth).expect("JSON");
    let Some(Json::Object(by_type)) = truth.get("by_type") else { panic!("no counts: {truth}") };
    let wanted: BTreeMap<String, i64> =
        by_type.sorted().map(|entry| (entry.key.to_string(), entry.value.as_i64().expect("a count"))).collect();
    let shapes = lines(&types(&[&manifest("tests/corpus/message-db/messages.jsonl"), "--json"]));
    let count = |shape: &Json| shape.get("count").and_then(Json::as_i64).expect("a count");
    let found: BTreeMap<String, i64> =
        shapes.iter().map(|shape| (str_of(shape, "type").to_owned(), count(shape))).collect();
    assert_eq!(found, wanted);
    assert!(shapes.windows(2).all(|pair| count(&pair[0]) >= count(&pair[1])), "the most frequent first");
    for shape in &shapes {
        let rate: i64 = list(shape, "rate").iter().filter_map(Json::as_i64).sum();
        assert_eq!((list(shape, "rate").len(), rate), (40, count(shape)));
    }
}

#[test]
fn a_change_of_schema_is_told_with_the_event_that_proves_it() {
    let path = manifest("sample-data/orders.jsonl");
    let shape = lines(&types(&[&path, "ItemAdded", "--json"])).remove(0);
    let history = list(&shape, "history");
    let told: Vec<String> =
        history.iter().map(|turn| format!("{} {}", str_of(turn, "path"), str_of(turn, "what"))).collect();
    assert_eq!(told, [".sku vanished", ".name vanished", ".unitPrice type", ".item appeared"]);
    let price = &history[2];
    assert_eq!((str_of(price, "from"), str_of(price, "to")), ("number", "object"));
    let event = price.get("event").expect("the proof");
    assert_eq!(str_of(event, "command"), format!("stepback {path} --stream order-1020 --at 2"));
    // The proof is the first line whose price is an object.
    let all = std::fs::read_to_string(&path).expect("the sample data");
    let is_new = |line: &&str| {
        let event = Json::parse(line.as_bytes()).expect("JSON");
        str_of(&event, "type") == "ItemAdded"
            && matches!(event.get("data").and_then(|data| data.get("unitPrice")), Some(Json::Object(_)))
    };
    let first = Json::parse(all.lines().find(is_new).expect("a new one").as_bytes()).expect("JSON");
    assert_eq!(str_of(&first, "stream"), "order-1020");
    let fields = list(&shape, "fields");
    let sku = fields.iter().find(|field| str_of(field, "path") == ".sku").expect("the field");
    assert_eq!(
        (sku.get("present").and_then(Json::as_i64), sku.get("of").and_then(Json::as_i64)),
        (Some(52), Some(122))
    );
}

#[test]
fn a_person_reads_a_table_and_the_fields_of_one_type() {
    let path = manifest("sample-data/orders.jsonl");
    let output = types(&[&path]);
    let out = text(&output.stdout);
    assert!(out.starts_with("TYPE ") && out.lines().count() == 23, "{out}");
    assert!(out.lines().any(|line| line.starts_with("ItemAdded ") && line.contains(" 122 ")), "{out}");
    let out = text(&types(&[&path, "ItemAdded"]).stdout);
    for part in
        ["122 of 532 events", ".item.options.note", "number 52, object 70", ".unitPrice changed from number to object"]
    {
        assert!(out.contains(part), "{part}: {out}");
    }
    let out = text(&types(&[&path, "ItemAdded", "--metadata"]).stdout);
    assert!(out.contains(".schemaVersion") && !out.contains(".unitPrice"), "{out}");
}

#[test]
fn a_type_that_is_not_there_is_said_with_those_that_are() {
    let output = types(&[&manifest("sample-data/orders.jsonl"), "ItemAded"]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(said.contains("is a `ItemAded`") && said.contains("there are ItemAdded, OrderOpened"), "{said}");
    let folder = tempfile::tempdir().expect("a folder");
    let hostile = folder.path().join("hostile.jsonl");
    let line = r#"{"stream":"a-1","version":1,"type":"\u001b[2JBoom","data":{"\u001b]0;x\u0007":"\u001b[31m"}}"#;
    std::fs::write(&hostile, format!("{line}\n")).expect("written");
    for arguments in [&[hostile.to_str().expect("text")][..], &[hostile.to_str().expect("text"), "\u{1b}[2JBoom"]] {
        let output = types(arguments);
        assert!(!output.stdout.contains(&0x1b), "{}", text(&output.stdout));
        assert_eq!(output.status.code(), Some(0));
    }
}

#[test]
fn the_command_of_an_event_whose_version_stands_twice_opens_that_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("twins.jsonl").display().to_string();
    let line = |version: u64, name: &str| {
        format!("{{\"stream\":\"a-1\",\"version\":{version},\"type\":\"{name}\",\"data\":{{}}}}\n")
    };
    std::fs::write(&path, [line(1, "One"), line(2, "Two"), line(2, "Again"), line(3, "Two")].concat())
        .expect("written");
    let shape = lines(&types(&[&path, "Two", "--json"])).remove(0);
    let command = |key: &str| shape.get(key).map(|proof| str_of(proof, "command").to_owned()).expect("an event");
    assert!(command("first").ends_with(" --stream a-1 --at '#2'"), "{}", command("first"));
    assert!(command("last").ends_with(" --stream a-1 --at 3"), "{}", command("last"));
}
