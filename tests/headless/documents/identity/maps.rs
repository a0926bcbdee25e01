//! What `--map` names must be there: the same mistakes are answered alike in every format.

use super::*;

/// A file, and what leads to the fields of its records.
struct Mapped {
    path: PathBuf,
    prefix: &'static str,
}

/// The same eight events in every format that takes a map. They have fields nobody could guess.
fn mapped(folder: &tempfile::TempDir) -> Vec<Mapped> {
    let mut records = Vec::new();
    for (version, kind) in [(1, "Opened"), (2, "Closed")] {
        for (org, sid) in [("a", 1), ("a", 2), ("b", 1), ("b", 2)] {
            let note = if records.len() < 3 { Value::Null } else { "seen".into() };
            records.push(json!({
                "org": org, "sid": sid, "nr": version, "what": kind, "note": note, "body": {"sid": sid},
            }));
        }
    }
    let twins = Twins::of(records.clone());
    let of_twins = twins.all().into_iter().map(|path| {
        let kept = folder.path().join(path.file_name().unwrap());
        fs::copy(&path, &kept).unwrap();
        Mapped { path: kept, prefix: "" }
    });
    let mut all: Vec<Mapped> = of_twins.collect();
    let mut write = |name: &str, prefix: &'static str, line: &dyn Fn(usize, &Value) -> Value| {
        let path = folder.path().join(name);
        let lines = records.iter().enumerate().map(|(at, record)| format!("{}\n", line(at, record)));
        fs::write(&path, lines.collect::<String>()).unwrap();
        all.push(Mapped { path, prefix });
    };
    write(
        "kcat.jsonl",
        "payload.",
        &|at, record| json!({"topic": "t", "partition": 0, "offset": at, "ts": 1, "key": "k", "payload": record.to_string()}),
    );
    write(
        "debezium.jsonl",
        "",
        &|at, record| json!({"before": null, "after": record, "source": {"lsn": at}, "op": "c", "ts_ms": 1}),
    );
    write("dynamodb.jsonl", "", &|_, record| {
        json!({"Item": {
            "org": {"S": record["org"]}, "sid": {"N": record["sid"].to_string()}, "nr": {"N": record["nr"].to_string()},
            "what": {"S": record["what"]}, "note": match &record["note"] { Value::Null => json!({"NULL": true}), note => json!({"S": note}) },
            "body": {"M": {"sid": {"N": record["sid"].to_string()}}},
        }})
    });
    write(
        "cloudevents.jsonl",
        "data.",
        &|at, record| json!({"specversion": "1.0", "id": at.to_string(), "source": "/s", "type": "T", "subject": "x", "data": record}),
    );
    all
}

#[test]
fn what_a_map_names_and_is_not_there_is_named_in_every_format() {
    let folder = tempfile::tempdir().unwrap();
    let files = mapped(&folder);
    let refused = |file: &Mapped, map: &str| {
        let map = map.replace('~', file.prefix);
        let options = OpenOptions { map: Some(map.clone()), ..OpenOptions::default() };
        let path = file.path.display();
        let Err(failure) = open(file.path.to_str().unwrap(), &options).map(|_| ()) else {
            panic!("{path} takes {map}")
        };
        assert_eq!(failure.kind, FailureKind::Usage, "{path}, {map}: {failure}");
        assert!(!failure.to_string().contains("layout"), "{path}, {map}: {failure}");
        failure.why
    };
    for file in &files {
        let rest = "type=.~what,version=.~nr,data=.~body";
        for (stream, wrong, right) in [
            ("{~Org}/{~sid}", "Org", "org"),
            ("{~org}/{~sd}", "sd", "sid"),
            ("{~orgg}/{~sid}", "orgg", "org"),
            (".~SID", "SID", "sid"),
            (".~body.sd", "body.sd", "body.sid"),
            ("{~org}/{~body.Sid}", "body.Sid", "body.sid"),
        ] {
            let why = refused(file, &format!("stream={stream},{rest}"));
            let path = file.path.display();
            assert!(why.contains(&format!("--map stream=.{}{wrong}: ", file.prefix)), "{path}, {stream}: {why}");
            let (_, nearest) = why.split_once("the nearest there are: ").unwrap_or_else(|| panic!("{path}: {why}"));
            assert!(nearest.contains(&format!("{}{right}", file.prefix)), "{path}, {stream}: {why}");
            assert!(!nearest.contains("@table"), "{path}: {why}");
        }
        // All that is wrong is told together.
        let why = refused(file, "stream={~org}/{~sidd},type=.~What,version=.~nrr");
        for wrong in ["sidd", "What", "nrr"] {
            assert!(why.contains(&format!(".{}{wrong}: ", file.prefix)), "{}: {why}", file.path.display());
        }
    }
}

#[test]
fn a_composed_name_and_what_some_lack_is_the_same_in_every_format() {
    let folder = tempfile::tempdir().unwrap();
    for file in mapped(&folder) {
        let map = "stream={~org}/{~body.sid},type=.~what,version=.~nr,correlation=.~note,id=.~note";
        let map = map.replace('~', file.prefix);
        let source = Asked::map(&map).open(&file.path);
        let path = file.path.display();
        let expected = ["a/1", "a/2", "b/1", "b/2"].map(|name| format!("{name}: 1Opened 2Closed"));
        assert_eq!(streams(&*source), expected, "{path}");
        caveat(&source.about(), &format!("--map id=.{}note: 3 of the first 8 records do not have it", file.prefix));
        // A stream that some lack makes those events unreadable, and is counted.
        let map = "stream=.~note,type=.~what".replace('~', file.prefix);
        let source = Asked::map(&map).open(&file.path);
        let said = caveat(&source.about(), "3 of the first 8 records do not have it");
        assert!(said.contains("cannot be read as events"), "{path}: {said}");
        assert_eq!(source.progress().troubles, 3, "{path}");
    }
}

#[test]
fn a_map_that_is_not_enough_says_what_is_missing_in_every_format() {
    let folder = tempfile::tempdir().unwrap();
    for file in mapped(&folder).iter().filter(|file| file.prefix.is_empty()) {
        let options = OpenOptions { map: Some("stream={org}/{sid}".into()), ..OpenOptions::default() };
        let failure = open(file.path.to_str().unwrap(), &options).map(|_| ()).unwrap_err().to_string();
        let path = file.path.display();
        assert!(failure.contains(".what") && !failure.contains("layout"), "{path}: {failure}");
    }
}

#[test]
fn a_table_without_the_columns_of_a_map_is_left_out_and_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("two.sqlite");
    Connection::open(&path)
        .unwrap()
        .execute_batch(
            "CREATE TABLE moves(org text, sid int, nr int, what text, body text);
             INSERT INTO moves VALUES('a', 1, 1, 'Opened', '{\"n\":1}'), ('a', 1, 2, 'Closed', '{\"n\":2}');
             CREATE TABLE order_events(stream_id text, version int, event_type text, payload text);
             INSERT INTO order_events VALUES('a', 1, 'T', '{\"n\":1}'), ('a', 2, 'T', '{\"n\":2}');",
        )
        .unwrap();
    let source = Asked::map("stream={org}/{sid},type=.what,version=.nr,data=.body").open(&path);
    assert_eq!(streams(&*source), ["a/1: 1Opened 2Closed"]);
    caveat(&source.about(), "`order_events` holds events too");
    assert_eq!(found(&doctor(&*source)), [(Kind::LeftOut, 1)]);
    // A key inside the JSON of a column tells which of two tables is meant.
    let source = Asked::map("stream=.stream_id,type=.payload.n,version=.version").open(&path);
    assert_eq!(streams(&*source), ["a: 11 22"]);
}
