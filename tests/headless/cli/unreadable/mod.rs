//! Records that cannot be read: they stand in their stream wherever it is known, count there, and are said.

mod formats;
mod payloads;
mod round_trip;

use formats::Row;

use super::fields::named;
use super::*;

const TIME: &str = "2025-01-01T00:00:00Z";

fn json(text: &str) -> Json {
    Json::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn number(value: &Json, field: &str) -> Option<i64> {
    value.get(field).and_then(Json::as_i64)
}

/// Eight events of two streams, of which these are in the place of the third and the sixth.
fn rows(third: Row, sixth: Row) -> Vec<Row> {
    let mut rows: Vec<Row> = ["1", "2", "3", "4", "5", "6", "7", "8"]
        .iter()
        .map(|version| ["order-1", version, "Paid", TIME, r#"{"a":1}"#])
        .collect();
    (rows[2], rows[5]) = (third, sixth);
    let other = ["order-2", "1", "Paid", TIME, r#"{"a":1}"#];
    rows.push(other);
    rows
}

#[test]
fn an_unreadable_record_stands_in_its_stream_in_every_format() {
    let folder = tempfile::tempdir().expect("a folder");
    let no_version = ["order-1", "three", "Paid", TIME, r#"{"lost":1}"#];
    let no_type = ["order-1", "6", "", TIME, r#"{"lost":1}"#];
    for file in formats::all(&folder, &rows(no_version, no_type)) {
        let listed = run(&["streams", &file, "--json"]);
        let streams: Vec<Json> = stdout(&listed).lines().map(json).collect();
        let first = &streams[0];
        assert_eq!((number(first, "events"), number(first, "last_version")), (Some(8), Some(8)), "{file}");

        let state = run(&["state", &file, "order-1", "--json"]);
        assert_eq!(code(&state), 65, "{file}: {}", stderr(&state));
        let told = json(&stdout(&state));
        assert_eq!(number(&told, "faults"), Some(2), "{file}: {told}");
        let fault = told.get("first_fault").expect("a fault");
        assert_eq!(fault.get("stream").and_then(Json::as_str), Some("order-1"), "{file}");
        assert_eq!((number(fault, "version"), fault.get("type").and_then(Json::as_str)), (Some(3), Some("Paid")));
        let before = run(&["state", &file, "order-1", "--at", "5", "--json"]);
        assert_eq!(number(&json(&stdout(&before)), "faults"), Some(1), "{file}");
        let diff = run(&["diff", &file, "order-1", "1", "8", "--json"]);
        assert_eq!((code(&diff), number(&json(&stdout(&diff)), "faults")), (65, Some(2)), "{file}");
        let other = json(&stdout(&run(&["state", &file, "order-2", "--json"])));
        assert_eq!(number(&other, "faults"), Some(0), "{file}");

        let events: Vec<Json> = stdout(&run(&["events", &file, "order-1", "--json"])).lines().map(json).collect();
        let versions: Vec<Option<i64>> = events.iter().map(|event| number(event, "version")).collect();
        assert_eq!(versions, (1..=8).map(Some).collect::<Vec<_>>(), "{file}");
        let troubles: Vec<bool> = events.iter().map(|event| event.get("trouble").is_some()).collect();
        assert_eq!(troubles, [false, false, true, false, false, true, false, false], "{file}");
        assert_eq!(events[5].get("type"), Some(&Json::Null), "{file}");
        let said = stdout(&run(&["inspect", &file]));
        assert!(!said.contains("go back or repeat") && !said.contains("no version of their own"), "{file}: {said}");
    }
}

#[test]
fn a_record_that_is_no_json_stands_in_its_stream_where_that_comes_first() {
    let broken = ["order-1", "3", "Paid", TIME, r#"{"lost":"#];
    let mut lines = formats::lines(&rows(broken, ["order-1", "6", "Paid", TIME, r#"{"a":1}"#]));
    // Here the version comes behind what is broken.
    lines[4] = format!(
        r#"{{"stream_id":"order-1","data":{{"lost":}},"recorded_at":"{TIME}","event_type":"Paid","version":5}}"#
    );
    let folder = tempfile::tempdir().expect("a folder");
    let files = [
        named(&folder, "rows.jsonl", lines.join("\n") + "\n"),
        named(&folder, "rows.json", format!("[\n{}\n]\n", lines.join(",\n"))),
        // Cut within a record.
        named(
            &folder,
            "cut.json",
            format!("[\n{}", &lines[..5].join(",\n").strip_suffix("\"version\":5}").expect("it")),
        ),
    ];
    for file in files {
        let told = json(&stdout(&run(&["state", &file, "order-1", "--json"])));
        assert_eq!(number(&told, "faults"), Some(2), "{file}: {told}");
    }
}

#[test]
fn what_repeats_behind_an_unreadable_version_is_no_repetition() {
    // The bad one is no third event between the second and the third, but one too many.
    let rows: Vec<Row> = ["1", "2", "bad", "3", "4", "5", "6", "7"]
        .iter()
        .map(|version| ["order-1", version, "Paid", TIME, r#"{"a":1}"#])
        .collect();
    let folder = tempfile::tempdir().expect("a folder");
    for file in formats::all(&folder, &rows) {
        let said = stdout(&run(&["inspect", &file]));
        assert!(!said.contains("go back or repeat"), "{file}: {said}");
        let told = json(&stdout(&run(&["state", &file, "order-1", "--at", "3", "--json"])));
        assert_eq!((number(&told, "version"), number(&told, "faults")), (Some(3), Some(1)), "{file}: {told}");
    }
}

#[test]
fn one_bad_value_in_a_few_records_is_no_reason_to_read_none() {
    let rows: [Row; 4] = [
        ["order-1", "7", "Placed", TIME, r#"{"a":1}"#],
        ["order-1", "eight", "Paid", "2025-01-01T00:00:01Z", r#"{"a":2}"#],
        ["order-1", "9", "Sent", "soon", r#"{"a":3}"#],
        ["order-1", "10", "Closed", "2025-01-01T00:00:03Z", r#"{"a":4}"#],
    ];
    let folder = tempfile::tempdir().expect("a folder");
    for file in formats::all(&folder, &rows) {
        let events: Vec<Json> = stdout(&run(&["events", &file, "--json"])).lines().map(json).collect();
        let versions: Vec<Option<i64>> = events.iter().map(|event| number(event, "version")).collect();
        assert_eq!(versions, [Some(7), Some(8), Some(9), Some(10)], "{file}");
        assert!(events[1].get("trouble").is_some(), "{file}");
        let times = events.iter().map(|event| event.get("time").and_then(Json::as_str).is_some());
        assert_eq!(times.collect::<Vec<_>>(), [true, false, false, true], "{file}");
    }
}

#[test]
fn types_and_inspect_say_what_is_no_json() {
    let row = |version, data| ["order-1", version, "Paid", TIME, data];
    let rows = [row("1", r#"{"a":1}"#), row("2", r#"{"a":"#), row("3", r#"{"a":3}"#), row("4", r#"{"a":4}"#)];
    let folder = tempfile::tempdir().expect("a folder");
    let files =
        [named(&folder, "rows.csv", formats::delimited(&rows)), named(&folder, "rows.sql", formats::dump(&rows))];
    for file in files {
        let types = run(&["types", &file, "--json"]);
        assert_eq!(code(&types), 65, "{file}");
        assert!(stderr(&types).contains("1 payload is not the JSON it should be; the first: order-1 version 2"));
        let told = json(&stdout(&types));
        let fields = told.get("fields").expect("fields").to_string();
        assert!(fields.contains("\"present\":3,\"of\":4,\"percent\":75"), "{file}: {fields}");
        let said = stdout(&run(&["inspect", &file]));
        assert!(said.contains("data: JSON in 3, broken JSON in 1 of the first 4"), "{said}");
    }
}

#[cfg(feature = "sqlite")]
#[test]
fn a_database_that_changes_while_it_is_exported_is_told() {
    use std::os::unix::fs::FileExt;
    let exported_while = |act: &dyn Fn(&Path)| {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("store.sqlite");
        let database = rusqlite::Connection::open(&path).expect("a database");
        database
            .execute("CREATE TABLE events (stream text, version integer, type text, data text)", [])
            .expect("a table");
        database
            .execute(
                "WITH RECURSIVE n(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < 19999)
                 INSERT INTO events SELECT 'a-' || n % 7, n / 7 + 1, 'Made', json_object('n', n, 'pad', hex(zeroblob(80))) FROM n",
                [],
            )
            .expect("rows");
        drop(database);
        let file = path.display().to_string();
        let mut child =
            command(&["export", &file]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("stepback runs");
        let mut out = child.stdout.take().expect("a pipe");
        let mut text = vec![0; 50_000];
        out.read_exact(&mut text).expect("it has begun");
        act(&path);
        out.read_to_end(&mut text).expect("the rest");
        let ended = child.wait_with_output().expect("it ends");
        (text.iter().filter(|byte| **byte == b'\n').count(), code(&ended), stderr(&ended))
    };
    let (count, code, said) = exported_while(&|path| {
        let file = std::fs::File::options().write(true).open(path).expect("the file");
        file.write_all_at(&[b'#'; 2_000_000], 500_000).expect("written over");
    });
    assert!(count < 20_000 && code == 74 && said.contains("was written over"), "{count} {code} {said}");
    let (count, code, said) = exported_while(&|path| {
        std::fs::write(path.with_extension("new"), "other").expect("written");
        std::fs::rename(path.with_extension("new"), path).expect("renamed");
    });
    assert!(count == 20_000 && code == 74 && said.contains("was replaced"), "{count} {code} {said}");
    let (count, code, said) = exported_while(&|path| {
        let writer = rusqlite::Connection::open(path).expect("a database");
        writer.execute("INSERT INTO events VALUES ('z-1', 1, 'Made', '{}')", []).expect("a row");
    });
    // It may have been read whole, but nobody can tell: pages that were read later may be of after.
    assert!(count >= 19_000 && code == 74 && said.contains("was written over"), "{count} {code} {said}");
}

#[test]
fn what_was_set_aside_is_no_part_of_the_store() {
    let row = |version, data| ["order-1", version, "Paid", TIME, data];
    let events = formats::dump(&[row("1", r#"{"a":1}"#), row("2", r#"{"a":2}"#), row("3", r#"{"a":3}"#)]);
    let failed = [row("4", r#"{"f":1}"#), row("5", r#"{"f":2}"#), row("6", r#"{"f":3}"#), row("7", r#"{"f":4}"#)];
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["dead_letters", "failed_events", "DeadLetterQueue", "events_dlq"] {
        let aside = formats::dump(&failed).replace("public.events", &format!("public.\"{name}\""));
        let file = named(&folder, "store.sql", format!("{events}{aside}"));
        let listed = run(&["events", &file, "--json"]);
        assert_eq!(stdout(&listed).lines().count(), 3, "{name}: {}", stdout(&listed));
        assert!(stderr(&listed).contains(name), "{name}: {}", stderr(&listed));
        let found = stdout(&run(&["doctor", &file, "--json"]));
        assert!(found.contains("left-out-events"), "{name}: {found}");
        let chosen = run(&["events", &file, "--layout", &format!("generic:{name}"), "--json"]);
        assert_eq!(stdout(&chosen).lines().count(), 4, "{name}: {}", stderr(&chosen));
    }
    // A table of an aggregate that may fail is one as any other.
    let other = formats::dump(&failed).replace("public.events", "public.failed_payment_events");
    let file = named(&folder, "store.sql", format!("{events}{other}"));
    assert_eq!(stdout(&run(&["events", &file, "--json"])).lines().count(), 7);
}

#[test]
fn what_cannot_be_read_is_no_event_without_a_time() {
    let row = |stream, version, time| [stream, version, "Paid", time, r#"{"a":1}"#];
    let rows = [
        row("order-1", "1", TIME),
        row("order-1", "2", TIME),
        row("", "3", ""),
        row("order-1", "bad", ""),
        row("order-1", "5", TIME),
        row("order-2", "1", TIME),
        row("order-2", "2", TIME),
        row("order-3", "1", TIME),
        row("order-3", "2", TIME),
    ];
    let folder = tempfile::tempdir().expect("a folder");
    let file = named(&folder, "rows.sql", formats::dump(&rows));
    let said = stdout(&run(&["inspect", &file]));
    assert!(said.contains("2 records that could not be read"), "{said}");
    assert!(!said.contains("without a time") && !said.contains("without a stream"), "{said}");
}
