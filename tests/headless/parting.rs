//! A store in parts: each stream whole in one of them, in order, and nothing lost on the way.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::support::program::{manifest, run, text};

/// The lines of each stream, in their order.
fn streams(lines: &str) -> BTreeMap<String, Vec<String>> {
    let mut streams: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in lines.lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        let stream = event["stream"].as_str().unwrap_or_default().to_owned();
        streams.entry(stream).or_default().push(line.to_owned());
    }
    streams
}

fn parted(folder: &Path) -> (Value, Vec<String>) {
    let manifest: Value = serde_json::from_str(&fs::read_to_string(folder.join("manifest.json")).unwrap()).unwrap();
    let name = |part: &Value| folder.join(part["file"].as_str().unwrap());
    let parts = manifest["parts"].as_array().unwrap().iter().map(|part| fs::read_to_string(name(part)).unwrap());
    (manifest.clone(), parts.collect())
}

fn number(value: &Value) -> usize {
    usize::try_from(value.as_u64().unwrap()).unwrap()
}

#[test]
fn the_parts_hold_what_an_export_holds() {
    let directory = tempfile::tempdir().unwrap();
    let sources = ["sample-data/orders.jsonl", "tests/corpus/message-db/messages_copy_only.sql"];
    for (n, source) in sources.into_iter().enumerate() {
        let source = manifest(source);
        for of in [1_usize, 7, 64] {
            let folder = directory.path().join(format!("{n}-{of}"));
            let by = format!("stream/{of}");
            let output = run(&["export", &source, "--partition-by", &by, "-o", folder.to_str().unwrap()]);
            assert_eq!((output.status.code(), output.stdout.len()), (Some(0), 0), "{}", text(&output.stderr));
            let (manifest, parts) = parted(&folder);
            assert_eq!((number(&manifest["of"]), parts.len()), (of, of));
            let mut all = BTreeMap::new();
            for (part, (text, told)) in parts.iter().zip(manifest["parts"].as_array().unwrap()).enumerate() {
                let held = streams(text);
                assert_eq!(number(&told["part"]), part);
                assert_eq!(number(&told["events"]), text.lines().count());
                assert_eq!((number(&told["streams"]), number(&told["bytes"])), (held.len(), text.len()));
                // One stream after the other, by name.
                assert_eq!(held.values().flatten().map(|line| format!("{line}\n")).collect::<String>(), *text);
                for (stream, lines) in held {
                    let hash = Sha256::digest(stream.as_bytes());
                    let front = u64::from_be_bytes(hash[..8].try_into().unwrap());
                    assert_eq!(usize::try_from(front % of as u64).unwrap(), part, "{stream}");
                    assert!(all.insert(stream.clone(), lines).is_none(), "{stream} is in two parts");
                }
            }
            let whole = streams(&text(&run(&["export", &source]).stdout));
            assert!(all == whole, "{source} in {of} parts");
        }
    }
}

#[test]
fn what_cannot_be_read_stands_in_the_part_of_its_stream() {
    let directory = tempfile::tempdir().unwrap();
    let dump = directory.path().join("dump.jsonl");
    let broken = r#"{"stream":"a-1","version":2,"type":"T","data":{"n":"#;
    let good = |version: u64| format!(r#"{{"stream":"a-1","version":{version},"type":"T","data":{{"n":{version}}}}}"#);
    fs::write(&dump, format!("{}\n{broken}\n{}\nnothing\n", good(1), good(3))).unwrap();
    let folder = directory.path().join("parts");
    let arguments = ["export", dump.to_str().unwrap(), "--partition-by", "stream/1", "-o", folder.to_str().unwrap()];
    assert_eq!(run(&arguments).status.code(), Some(65), "a record of no stream is in no part");
    let (told, _) = parted(&folder);
    assert_eq!((number(&told["events"]), number(&told["unreadable"])), (2, 1));
    // Whoever folds the part meets the fault at its place.
    let state = |source: &str| text(&run(&["state", source, "a-1", "--json"]).stdout);
    let part = state(folder.join("part-00000.jsonl").to_str().unwrap());
    assert!(part.contains(r#""faults":1,"first_fault":{"position":2,"stream":"a-1","version":2,"#), "{part}");
    let whole = state(dump.to_str().unwrap());
    assert_eq!(part.split("\"message\"").next(), whole.split("\"message\"").next());
}

#[test]
fn parts_are_written_into_an_empty_folder_only() {
    let directory = tempfile::tempdir().unwrap();
    let source = manifest("sample-data/rides.jsonl");
    fs::write(directory.path().join("other.txt"), "mine").unwrap();
    let folder = directory.path().to_str().unwrap();
    for (by, folder, code, words) in [
        ("stream/4", folder, 2, "not empty"),
        ("stream/0", folder, 2, "1 to 512 parts"),
        ("type/4", folder, 2, "write stream/64"),
        ("stream/4", "/dev/null/parts", 74, "/dev/null/parts"),
    ] {
        let output = run(&["export", &source, "--partition-by", by, "-o", folder]);
        assert_eq!(output.status.code(), Some(code), "{by} {folder}: {}", text(&output.stderr));
        assert!(text(&output.stderr).contains(words), "{}", text(&output.stderr));
    }
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "nothing was written");
    assert_eq!(run(&["export", &source, "--partition-by", "stream/4"]).status.code(), Some(2), "no folder was named");
}

#[cfg(not(feature = "parquet"))]
#[test]
fn parquet_is_refused_where_it_is_not_built_in() {
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path().join("parts");
    let source = manifest("sample-data/rides.jsonl");
    let by = ["--partition-by", "stream/4", "--format", "parquet", "-o", folder.to_str().unwrap()];
    let output = run(&[&["export", &source], &by[..]].concat());
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("--features parquet"), "{}", text(&output.stderr));
    assert!(!folder.exists());
}

#[cfg(feature = "parquet")]
#[test]
fn parquet_holds_the_lines_and_their_columns() {
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::Field;

    let directory = tempfile::tempdir().unwrap();
    let dump = directory.path().join("dump.jsonl");
    let odd = [
        r#"{"stream":"a-1","version":1,"type":"T","time":"2025-03-01T10:00:00.123456789Z","id":"e-1","data":{"n":1.0}}"#,
        r#"{"stream":"a-1","version":18446744073709551615,"type":"T","data":null}"#,
        r#"{"stream":"a-1","version":"three","type":"T","data":{}}"#,
    ];
    fs::write(&dump, odd.join("\n")).unwrap();
    for source in [manifest("sample-data/rides.jsonl"), dump.display().to_string()] {
        let parts = |format: &str| {
            let folder = tempfile::tempdir().unwrap();
            let by = ["--partition-by", "stream/3", "--format", format, "-o", folder.path().to_str().unwrap()];
            run(&[&["export", &source], &by[..]].concat());
            folder
        };
        let (lines, tables) = (parts("jsonl"), parts("parquet"));
        for part in 0..3 {
            let text = fs::read_to_string(lines.path().join(format!("part-{part:05}.jsonl"))).unwrap();
            let file = fs::File::open(tables.path().join(format!("part-{part:05}.parquet"))).unwrap();
            let mut lines = text.lines();
            for row in SerializedFileReader::new(file).unwrap().get_row_iter(None).unwrap() {
                let row: BTreeMap<_, _> = row.unwrap().into_columns().into_iter().collect();
                let line = lines.next().unwrap();
                let event: Value = serde_json::from_str(line).unwrap();
                assert_eq!(row["event"], Field::Str(line.into()));
                let text = |name: &str| event[name].as_str().map_or(Field::Null, |text| Field::Str(text.into()));
                for name in ["stream", "id", "type"] {
                    assert_eq!(row[name], text(name), "{name} of {line}");
                }
                assert_eq!(row["version"], event["version"].as_u64().map_or(Field::Null, Field::ULong), "{line}");
                assert_eq!(row["position"], event["position"].as_i64().map_or(Field::Null, Field::Long), "{line}");
                let time = event["time"].as_str().map(|time| time.parse::<jiff::Timestamp>().unwrap());
                let time = time.map_or(Field::Null, |time| Field::TimestampMicros(time.as_microsecond()));
                assert_eq!(row["time"], time, "{line}");
            }
            assert!(lines.next().is_none());
        }
    }
}
