//! Dumps that a newer `pg_dump` than the one at hand made, opened as a user opens them, against what the server said.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use md5::{Digest, Md5};
use serde_json::Value;
use stepback::domain::{Cancel, Event, EventQuery, Scope};
use stepback::sources::Source;
use stepback::sources::open::{OpenOptions, open};

use crate::support::tables;
use crate::support::tables::{Values, rows, table};

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/pg17")
}

/// Rows of the truth: each a list of texts and nulls.
fn truth(name: &str) -> Vec<Vec<Value>> {
    let truth: Value = serde_json::from_slice(&fs::read(corpus().join("truth.json")).unwrap()).unwrap();
    let rows = truth[name].as_array().unwrap();
    rows.iter().map(|row| row.as_array().unwrap().clone()).collect()
}

fn digest(bytes: &[u8]) -> String {
    Md5::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// As the truth has it: what is long by its digest.
fn short(text: &str) -> String {
    if text.chars().count() > 1000 { digest(text.as_bytes()) } else { text.to_owned() }
}

fn events(path: &Path) -> (Arc<dyn Source>, Vec<Arc<Event>>) {
    let source = open(path.to_str().unwrap(), &OpenOptions::default()).expect("recognised without help");
    source.complete(&Cancel::default(), &mut |_| ()).unwrap();
    let events = source.events(&EventQuery::first(Scope::All, usize::MAX), &Cancel::default()).unwrap().events;
    (source, events)
}

fn dumps(of: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(corpus()).unwrap().map(|entry| entry.unwrap().path());
    let mut dumps: Vec<_> =
        entries.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with(of)).collect();
    dumps.sort();
    dumps
}

fn check_messages(path: &Path) {
    let (source, events) = events(path);
    let truth = truth("messages");
    let what = path.display();
    assert_eq!(events.len(), truth.len(), "{what}");
    for (event, row) in events.iter().zip(&truth) {
        let [position, version, _, stream, kind, data, metadata, id] = &row[..] else { panic!("eight columns") };
        assert_eq!(Some(event.position.to_string().as_str()), position.as_str(), "{what}");
        assert_eq!(event.version.0.to_string(), version.as_str().unwrap(), "{what}");
        assert_eq!(
            (event.stream.to_string().as_str(), &*event.event_type),
            (stream.as_str().unwrap(), kind.as_str().unwrap())
        );
        assert_eq!(event.id.as_deref(), id.as_str(), "{what}");
        assert_eq!(short(&event.data.text()), data.as_str().unwrap(), "{what}");
        assert_eq!(event.metadata.text(), metadata.as_str().unwrap_or_default(), "{what}");
        assert!(event.trouble.is_none(), "{what}");
    }
    let about = source.about();
    assert!(about.reasons.iter().any(|reason| reason.contains("17.12")), "{what}: {:?}", about.reasons);
    assert!(
        !about.caveats.iter().any(|caveat| caveat.contains("cut") || caveat.contains("shown:")),
        "{what}: {:?}",
        about.caveats
    );
}

#[test]
fn messages_in_every_form() {
    let dumps = dumps("messages");
    assert_eq!(dumps.len(), 11);
    dumps.iter().for_each(|path| check_messages(path));
}

#[test]
fn large_objects_in_every_form() {
    let dumps = dumps("axon");
    assert_eq!(dumps.len(), 7);
    let (truth, objects) = (truth("entries"), truth("objects"));
    // What an object number stands for.
    let object = |oid: &Value| {
        let row = objects.iter().find(|row| row[0] == *oid).expect("an object");
        row[1].as_str().unwrap().to_owned()
    };
    for path in &dumps {
        let (_, events) = events(path);
        let what = path.display();
        assert_eq!(events.len(), truth.len(), "{what}");
        for (event, row) in events.iter().zip(&truth) {
            assert_eq!(event.id.as_deref(), row[1].as_str(), "{what}");
            assert_eq!(digest(event.metadata.text().as_bytes()), object(&row[2]), "{what}");
            assert_eq!(digest(event.data.text().as_bytes()), object(&row[3]), "{what}");
            assert_eq!(
                (&*event.event_type, event.stream.to_string().as_str()),
                (row[5].as_str().unwrap(), row[7].as_str().unwrap())
            );
        }
        if path.extension().is_some_and(|extension| extension == "gz") {
            continue;
        }
        let database = tables::open(path);
        for row in &objects {
            let oid: u64 = row[0].as_str().unwrap().parse().unwrap();
            let found = database.large_object(oid).unwrap().expect("an object");
            assert_eq!(
                (digest(&found), found.len() as u64),
                (row[1].as_str().unwrap().into(), row[2].as_u64().unwrap())
            );
        }
        assert_eq!(database.large_object(1).unwrap(), None);
    }
}

/// The cells themselves, and again from their places.
#[test]
fn rows_are_what_the_server_says() {
    for (of, name, truth) in
        [("messages", "message_store.messages", truth("messages")), ("axon", "domain_event_entry", truth("entries"))]
    {
        for path in dumps(of).iter().filter(|path| path.extension().is_none_or(|extension| extension != "gz")) {
            let database = tables::open(path);
            let number = table(&*database, name).expect("a table");
            let found = rows(&*database, number);
            let mut values: Vec<Values> = found.iter().map(|(_, values)| values.clone()).collect();
            values.iter_mut().flatten().flatten().for_each(|text| *text = short(text));
            let number_of = |row: &Values| row[0].as_deref().unwrap().parse::<u64>().unwrap();
            values.sort_by_key(number_of);
            let truth: Vec<Values> =
                truth.iter().map(|row| row.iter().map(|cell| cell.as_str().map(str::to_owned)).collect()).collect();
            assert_eq!(values, truth, "{}", path.display());
            let places: Vec<u64> = found.iter().rev().map(|(place, _)| *place).collect();
            let mut again = tables::fetched(&*database, number, &places);
            again.reverse();
            assert!(again == found, "{}", path.display());
            assert_eq!(database.rows(number), Some(truth.len() as u64));
        }
    }
}

/// A directory somebody packed to send it.
#[test]
fn a_directory_in_a_packed_tar() {
    let folder = tempfile::tempdir().unwrap();
    for of in ["messages-lz4", "messages-zstd", "messages-gzip"] {
        let mut builder = tar::Builder::new(Vec::new());
        builder.append_dir_all(of, corpus().join(of)).unwrap();
        let bytes = builder.into_inner().unwrap();
        let plain = folder.path().join("plain");
        fs::write(&plain, &bytes).unwrap();
        check_messages(&plain);
        let packed = folder.path().join("packed");
        fs::write(&packed, zstd::stream::encode_all(&bytes[..], 1).unwrap()).unwrap();
        check_messages(&packed);
    }
}

/// The table of contents alone is no store, and says whose it is.
#[test]
fn the_contents_alone() {
    let path = corpus().join("messages-zstd/toc.dat");
    let source = open(path.to_str().unwrap(), &OpenOptions::default());
    let failure = source.and_then(|source| source.complete(&Cancel::default(), &mut |_| ())).expect_err("no rows");
    assert!(failure.hint.contains("directory"), "{failure}");
}
