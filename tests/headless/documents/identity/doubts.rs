//! What may be several streams, or is left out, says so wherever an answer stands; and says what to do.

use std::process::{Command, Output};

use stepback::domain::LeftOut;

use super::*;

fn stepback(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_stepback")).args(arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn lines(output: &Output) -> Vec<Value> {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Two customers in one stream, with a version missing, so that the customer is no proof.
fn in_doubt() -> Twins {
    let of = |(customer, version): (&str, u64)| json!({"customer": customer, "stream_id": "o-1", "version": version, "event_type": "T", "data": {"n": version}});
    Twins::of([("a", 1), ("a", 2), ("a", 4), ("a", 5), ("b", 1), ("b", 2), ("b", 3)].map(of).to_vec())
}

#[test]
fn commands_on_a_stream_that_may_be_two_say_so() {
    let twins = in_doubt();
    for path in [twins.lines(), twins.sqlite("")] {
        let path = path.to_str().unwrap();
        let map = "`--map stream={customer}/{stream_id}`";
        for arguments in [
            &["state", path, "o-1", "--json"][..],
            &["diff", path, "o-1", "first", "last", "--json"],
            &["events", path, "o-1", "--json"],
        ] {
            let output = stepback(arguments);
            assert_eq!(output.status.code(), Some(0), "{arguments:?}");
            assert!(
                said(&output).contains("two streams may be shown as one") && said(&output).contains(map),
                "{arguments:?}"
            );
            for line in lines(&output) {
                let doubt = match arguments[0] {
                    "events" => {
                        assert_eq!(line["notes"][0]["kind"], "doubtful-key");
                        &line["notes"][0]["text"]
                    }
                    _ => &line["key_doubt"],
                };
                assert!(doubt.as_str().unwrap().contains(map), "{line}");
            }
        }
        // Whoever says which it is has no doubt.
        let output = stepback(&["state", path, "a/o-1", "--json", "--map", "stream={customer}/{stream_id}"]);
        assert_eq!((said(&output).as_str(), lines(&output)[0].get("key_doubt")), ("", None));
    }
}

#[test]
fn tenants_that_come_late_are_a_doubt_with_its_count() {
    let of_streams = |tenant: fn(usize) -> Option<&'static str>| {
        let record = |at: usize| {
            let mut record =
                json!({"stream_id": format!("o-{}", at % 40), "version": at / 40 + 1, "event_type": "T", "data": {}});
            if let Some(tenant) = tenant(at) {
                record["tenant_id"] = tenant.into();
            }
            record
        };
        Twins::of((0..400).map(record).collect())
    };
    let two = of_streams(|at| (at >= 360).then_some(if at % 2 == 0 { "acme" } else { "zeta" }));
    for path in [two.lines(), two.array(), two.sqlite("")] {
        let source = opened(&path);
        let told = caveat(&source.about(), "two streams may be shown as one");
        assert!(told.contains("(40 of the 40 streams that were looked at)"), "{told}");
        assert!(told.contains("`--map stream={tenant_id}/{stream_id}`"), "{told}");
        assert_eq!(found(&doctor(&*source)), [(Kind::DoubtfulKey, 1)], "{}", path.display());
    }
    // One tenant that is written down at last tells nothing apart, nor do streams that each have theirs.
    for one in [of_streams(|at| (at >= 360).then_some("acme")), of_streams(|_| None)] {
        let source = opened(&one.lines());
        assert_eq!(found(&doctor(&*source)), []);
    }
}

#[test]
fn text_that_holds_an_object_is_no_part_of_a_name() {
    let of = |(tenant, version): (&str, u64)| {
        json!({
            "position": version, "stream_id": "o-1", "version": version, "event_type": "T", "data": {"n": 1},
            "metadata": json!({"tenantId": tenant}).to_string(),
        })
    };
    let twins = Twins::of([("a", 1), ("b", 1), ("a", 2), ("b", 2), ("a", 3), ("b", 3)].map(of).to_vec());
    let source = opened(&twins.lines());
    assert!(listed(&*source).iter().all(|stream| !stream.stream.as_str().contains('{')), "{:?}", streams(&*source));
}

const UNUSUAL: &str = "
    CREATE TABLE events(id INTEGER PRIMARY KEY, stream_id TEXT, version INTEGER, event_type TEXT, data TEXT, UNIQUE(stream_id, version));
    CREATE TABLE billing_log(id INTEGER PRIMARY KEY, invoice_id TEXT, seq INTEGER, event_type TEXT, payload TEXT, created_at TEXT);
    CREATE TABLE payment_events(event_id TEXT, payment_id TEXT, rev INTEGER, name TEXT, body TEXT, at TEXT);
    CREATE TABLE facts(ref TEXT, n INTEGER, what TEXT, doc TEXT);
    CREATE TABLE lines(order_id TEXT, line_no INTEGER, sku TEXT, qty INTEGER);
";

/// A store with tables of events that nobody's names are in.
fn unusual() -> (tempfile::TempDir, Vec<PathBuf>) {
    let folder = tempfile::tempdir().unwrap();
    let mut script = UNUSUAL.to_owned();
    for at in 0..12 {
        let (stream, version) = (at % 3, at / 3 + 1);
        let what = ["Opened", "Changed", "Changed", "Closed"][version - 1];
        let time = format!("2025-03-01T10:00:{at:02}Z");
        let _ = write!(
            script,
            "INSERT INTO events VALUES({at}, 's-{stream}', {version}, '{what}', '{{}}');
             INSERT INTO billing_log VALUES({at}, 'i-{stream}', {version}, '{what}', '{{}}', '{time}');
             INSERT INTO payment_events VALUES('e{at}', 'p-{stream}', {version}, '{what}', '{{\"n\":1}}', '{time}');
             INSERT INTO facts VALUES('f-{stream}', {version}, '{what}', '{{\"n\":1}}');
             INSERT INTO lines VALUES('s-{stream}', {version}, 'SKU{}', 1);\n",
            at * 5 % 7
        );
    }
    let database = folder.path().join("store.sqlite");
    Connection::open(&database).unwrap().execute_batch(&script).unwrap();
    let dump = folder.path().join("store.sql");
    fs::write(&dump, format!("PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n{script}COMMIT;\n")).unwrap();
    (folder, vec![database, dump])
}

#[test]
fn tables_of_events_with_unusual_columns_are_told_and_how_to_open_them() {
    let (_folder, paths) = unusual();
    for path in paths {
        let source = opened(&path);
        let about = source.about();
        let names: Vec<&str> = about.left_out.iter().map(|other| other.name.as_str()).collect();
        assert_eq!(names, ["billing_log", "payment_events", "facts"], "{}", path.display());
        assert_eq!(found(&doctor(&*source)), [(Kind::LeftOut, 3)], "{}", path.display());
        for LeftOut { name, choose, rows, .. } in &about.left_out {
            assert_eq!(*rows, Some(12));
            caveat(&about, &format!("`{choose}` shows it"));
            let (layout, map) = choose.strip_prefix("--layout ").unwrap().split_once(" --map ").unwrap();
            let other = Asked { map: Some(map), layout: Some(layout) }.open(&path);
            let all = streams(&*other);
            assert_eq!(all.len(), 3, "{name}: {all:?}");
            assert!(
                all.iter().all(|stream| stream.ends_with(": 1Opened 2Changed 3Changed 4Closed")),
                "{name}: {all:?}"
            );
        }
    }
}

#[test]
fn a_key_that_the_store_draws_is_its_order() {
    let folder = tempfile::tempdir().unwrap();
    let mut script = "CREATE TABLE event_log(rowno INTEGER PRIMARY KEY AUTOINCREMENT, stream_id TEXT, version INTEGER, event_type TEXT, data TEXT);".to_owned();
    for at in 0..9 {
        let _ = writeln!(
            script,
            "INSERT INTO event_log(stream_id, version, event_type, data) VALUES('s-{}', {}, 'T', '{{}}');",
            at % 3,
            at / 3 + 1
        );
    }
    let path = folder.path().join("store.sqlite");
    Connection::open(&path).unwrap().execute_batch(&script).unwrap();
    let source = opened(&path);
    let report = doctor(&*source);
    assert_eq!((found(&report), skipped(&report, "positions")), (vec![], None));
    let page = source.events(&EventQuery::first(Scope::All, 9), &Cancel::default()).unwrap();
    assert_eq!(page.events[8].position.to_string(), "9");
}

#[test]
fn several_lists_in_one_object_are_made_lines_by_a_command_that_is_filled_in() {
    let folder = tempfile::tempdir().unwrap();
    let list = json!([{"stream_id": "o-1", "version": 1, "type": "T", "data": {}}]);
    for (name, value, command) in [
        ("two.json", json!({"orders": list, "payments": list}), "jq -c '.orders[],.payments[]' "),
        ("deep.json", json!({"of": 2, "all": {"a": list, "my-b": list}}), "jq -c '.all.a[],.all.\"my-b\"[]' "),
        ("one.json", json!({"answer": {"items": list}}), "jq -c '.answer.items[]' "),
    ] {
        let path = folder.path().join(name);
        fs::write(&path, serde_json::to_vec_pretty(&value).unwrap()).unwrap();
        let refused = said(&stepback(&["inspect", path.to_str().unwrap()]));
        assert!(refused.contains(command) && refused.contains(path.to_str().unwrap()), "{refused}");
    }
}

#[test]
fn a_tenant_in_json_that_stands_as_text_is_parted_by_the_map_that_is_proposed() {
    for (role, more) in [("data", json!({})), ("metadata", json!({"data": {"n": 1}}))] {
        let of = |(tenant, version): (&str, u64)| {
            let mut record = json!({
                "position": version * 2 + u64::from(tenant == "b"), "stream_id": "o-1", "version": version, "event_type": "T",
                role: json!({"tenantId": tenant, "version": 7}).to_string(),
            });
            more.as_object().unwrap().iter().for_each(|(name, value)| record[name] = value.clone());
            record
        };
        let twins = Twins::of([("a", 1), ("b", 1), ("a", 2), ("b", 2), ("a", 3), ("b", 3)].map(of).to_vec());
        for path in [twins.lines(), twins.array(), twins.csv(), twins.sqlite("")] {
            let source = opened(&path);
            let map = format!("stream={{{role}.tenantId}}/{{stream_id}}");
            if source.about().key.is_some() {
                // What stands in the cells of a table is looked into from the start.
                assert_eq!(streams(&*source), ["a/o-1: 1T 2T 3T", "b/o-1: 1T 2T 3T"], "{}", path.display());
                continue;
            }
            let told = caveat(&source.about(), "several streams are shown as one");
            assert!(told.contains(&format!("`--map {map}`")), "{}: {told}", path.display());
            let parted = Asked::map(&map).open(&path);
            assert_eq!(streams(&*parted), ["a/o-1: 1T 2T 3T", "b/o-1: 1T 2T 3T"], "{}", path.display());
            assert_eq!(found(&doctor(&*parted)), [], "{}", path.display());
            let page = parted.events(&EventQuery::first(Scope::All, 1), &Cancel::default()).unwrap();
            let event = &page.events[0];
            let payload = if role == "data" { &event.data } else { &event.metadata };
            assert!(payload.text().contains("tenantId"), "{}", path.display());
        }
    }
}
