//! What was exported opens as what it was.

use super::super::fields::corpus;
use super::*;

/// What is told of every stream: all but its kind, which a file of events does not say.
fn streams(file: &str) -> Vec<Vec<Option<Json>>> {
    let told = ["stream", "events", "first_version", "last_version", "first_time", "last_time", "key"];
    let listed = stdout(&run(&["streams", file, "--json"]));
    let mut all: Vec<_> =
        listed.lines().map(json).map(|line| told.map(|name| line.get(name).cloned()).to_vec()).collect();
    all.sort_by_key(|stream| stream[0].as_ref().map(ToString::to_string));
    all
}

/// The lines of an export, without what was undone for it, which has not to be undone again.
fn printed(output: &Output) -> Vec<Vec<(String, Json)>> {
    let fields = |line: &str| match json(line) {
        Json::Object(object) => {
            let all = object.in_order().into_iter().map(|entry| (entry.key.to_string(), entry.value.clone()));
            all.filter(|(key, _)| key != "encoding").collect()
        }
        other => panic!("{other} is no object"),
    };
    stdout(output).lines().map(fields).collect()
}

fn is_same(file: &str, exported: &str) {
    let names = streams(file);
    assert_eq!(names, streams(exported), "{file}");
    for stream in names.iter().take(12) {
        let name = stream[0].as_ref().and_then(Json::as_str).expect("a name");
        let state = |file: &str| {
            let output = run(&["state", file, name, "--json"]);
            // A state that is not known is none.
            let told = stdout(&output).lines().next().map(json).unwrap_or(Json::Null);
            let fields = ["stream", "version", "position", "reducer", "approximate", "faults", "state"];
            (code(&output), fields.map(|field| told.get(field).cloned()))
        };
        assert_eq!(state(file), state(exported), "{file}: {name}");
    }
}

#[test]
fn an_export_says_what_the_store_did() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in [
        "cloudevents/events.jsonl",
        "commanded/process_manager_rename.sql",
        "kafka-kcat/shop.events.kcat-J.jsonl",
        "message-db/messages.jsonl",
        "pg17/axon.tar.gz",
        #[cfg(feature = "sqlite")]
        "cqrs-es-sqlite/cqrs.sqlite",
        #[cfg(feature = "sqlite")]
        "emmett-sqlite/emmett.sqlite",
    ] {
        let file = corpus(name);
        let exported = run(&["export", &file]);
        let again = named(&folder, "again.jsonl", &exported.stdout);
        is_same(&file, &again);
        let second = run(&["export", &again]);
        assert!(printed(&exported) == printed(&second), "{file}");
        assert_eq!(code(&exported), code(&second), "{file}");
    }
}

#[test]
fn the_category_of_a_key_with_several_parts_comes_back() {
    let line = |tenant: &str, kind: &str, id: u64, version: u64| {
        format!(
            r#"{{"tenantId":"{tenant}","aggregateType":"{kind}","aggregateId":"{id}","version":{version},"type":"Made","time":"{TIME}","data":{{"n":{version}}}}}"#
        )
    };
    let keys = [("acme", "shopping-cart"), ("acme", "order"), ("zeta", "shopping-cart")];
    let lines = keys.iter().flat_map(|(tenant, kind)| (1..4).map(|version| line(tenant, kind, 7, version)));
    let folder = tempfile::tempdir().expect("a folder");
    let file = named(&folder, "keys.jsonl", lines.collect::<Vec<_>>().join("\n") + "\n");
    let of_category = |file: &str| stdout(&run(&["events", file, "--category", "shopping-cart", "--json"]));
    assert_eq!(of_category(&file).lines().count(), 6, "{}", stdout(&run(&["inspect", &file])));
    let again = named(&folder, "again.jsonl", &run(&["export", &file]).stdout);
    is_same(&file, &again);
    assert_eq!(of_category(&file), of_category(&again));
    // The embedded store knows names only, and says so.
    let imported = run(&["import", &file, &folder.path().join("store").display().to_string()]);
    let said = stderr(&imported);
    assert!(said.contains("acme/shopping-cart/7 was of `shopping-cart` and is of `acme/shopping`"), "{said}");
}

#[test]
fn what_could_not_be_read_is_no_data_when_it_is_opened_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let row = |version, data| ["order-1", version, "Paid", TIME, data];
    let text = formats::delimited(&[
        row("1", r#"{"a":1}"#),
        row("2", r#"{"a":"#),
        row("3", r#"{"a":3}"#),
        row("bad", r#"{"a":4}"#),
    ]);
    let file = named(&folder, "rows.csv", text);
    let faults = |file: &str| number(&json(&stdout(&run(&["state", file, "order-1", "--json"]))), "faults");
    assert_eq!(faults(&file), Some(2));
    // An export leaves the record out, `events` does not.
    let exported = run(&["export", &file]);
    let again = named(&folder, "exported.jsonl", &exported.stdout);
    assert_eq!((code(&exported), faults(&again)), (65, Some(1)), "{}", stdout(&exported));
    assert_eq!(stdout(&exported), stdout(&run(&["export", &again])));
    let listed = stdout(&run(&["events", &file, "--json"]));
    for (name, content) in
        [("listed.jsonl", listed.clone()), ("listed.json", format!("[{}]", listed.trim().replace('\n', ",")))]
    {
        let again = named(&folder, name, content);
        assert_eq!(faults(&again), Some(2), "{name}: {listed}");
        assert_eq!(streams(&file), streams(&again), "{name}");
    }
}
