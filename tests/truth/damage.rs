//! Damage below the records: to what a file is packed in, and to the bytes between rows.

use std::io::Write;
use std::path::Path;

use super::asked::Asked;

const ROWS: usize = 60;

/// The same events in every kind of file that may be packed.
fn files() -> [(&'static str, Vec<u8>); 4] {
    let cells = |n: usize| (n % 3, n / 3 + 1, 100 + n);
    let object = |n: usize| {
        let (stream, version, amount) = cells(n);
        format!(r#"{{"stream_id":"o-{stream}","version":{version},"event_type":"A","data":{{"amount":{amount}}}}}"#)
    };
    let lines: String = (0..ROWS).map(|n| object(n) + "\n").collect();
    let array = format!("[{}]", (0..ROWS).map(object).collect::<Vec<_>>().join(",\n"));
    let comma = |n: usize| {
        let (stream, version, amount) = cells(n);
        format!("o-{stream},{version},A,\"{{\"\"amount\"\":{amount}}}\"\n")
    };
    let table = "stream_id,version,event_type,data\n".to_owned() + &(0..ROWS).map(comma).collect::<String>();
    let tab = |n: usize| {
        let (stream, version, amount) = cells(n);
        format!("o-{stream}\t{version}\tA\t{{\"amount\": {amount}}}\n")
    };
    let dump = "--\n-- PostgreSQL database dump\n--\n\nCREATE TABLE public.events (\n    stream_id text,\n    version bigint,\n    \
        event_type text,\n    data jsonb\n);\n\nCOPY public.events (stream_id, version, event_type, data) FROM stdin;\n"
        .to_owned()
        + &(0..ROWS).map(tab).collect::<String>()
        + "\\.\n\n--\n-- PostgreSQL database dump complete\n--\n\n";
    [("lines.jsonl", lines), ("array.json", array), ("table.csv", table), ("dump.sql", dump)]
        .map(|(name, text)| (name, text.into_bytes()))
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packing = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    packing.write_all(bytes).unwrap();
    packing.finish().unwrap()
}

fn asked(folder: &Path, name: &str, bytes: &[u8]) -> Asked {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    Asked::of(&path)
}

#[track_caller]
fn is_said(asked: &Asked, finding: &str, word: &str, what: &str) {
    assert_eq!((asked.code, asked.export_code), (65, 65), "{what}: {}", asked.said);
    assert!(asked.said.contains(word), "{what}: {}", asked.said);
    assert!(asked.findings.iter().any(|found| found == finding), "{what}: {:?}", asked.findings);
    assert!(asked.inspect_says_so(), "{what}");
}

#[test]
fn damage_to_what_a_file_is_packed_in_is_said() {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files() {
        let packed_name = format!("{name}.gz");
        let whole = asked(folder.path(), &packed_name, &gzip(&bytes));
        assert_eq!((whole.code, whole.export_code, whole.events.len()), (0, 0, ROWS), "{name}: {}", whole.said);
        assert!(!whole.findings.contains(&"incomplete".to_owned()), "{name}");

        // The sum at the end is not that of what comes out: once of the file, once of what it is packed in again.
        let mut wrong = gzip(&bytes);
        let sum = wrong.len() - 8;
        wrong[sum] ^= 1;
        is_said(&asked(folder.path(), &packed_name, &wrong), "incomplete", "damaged gzip data", name);
        let mut twice = gzip(&gzip(&bytes));
        let sum = twice.len() - 8;
        twice[sum] ^= 1;
        let outer = asked(folder.path(), &format!("{name}.gz.gz"), &twice);
        is_said(&outer, "incomplete", "damaged gzip data", &format!("{name}, packed twice"));

        // The end of the sum is missing; all events are there.
        let packed = gzip(&bytes);
        let cut = asked(folder.path(), &packed_name, &packed[..packed.len() - 4]);
        is_said(&cut, "incomplete", "ends too early", name);

        // A byte between two members hides the second.
        let middle = bytes.len() - 40;
        let apart = [&gzip(&bytes[..middle])[..], b"\0", &gzip(&bytes[middle..])].concat();
        is_said(&asked(folder.path(), &packed_name, &apart), "incomplete", "is no gzip", name);
        // Zeros that fill a block up hide nothing.
        let filled = [&gzip(&bytes)[..], &[0; 512]].concat();
        assert_eq!(asked(folder.path(), &packed_name, &filled).code, 0, "{name}");
    }
}

#[test]
fn zeros_over_the_end_of_a_row_make_no_event_of_two() {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files().into_iter().filter(|(name, _)| name.ends_with("csv") || name.ends_with("sql")) {
        let whole = asked(folder.path(), name, &bytes);
        assert_eq!((whole.code, whole.events.len()), (0, ROWS), "{name}: {}", whole.said);
        let rows = memchr::memmem::find(&bytes, b"o-0").unwrap();
        let row = rows + memchr::memchr(b'\n', &bytes[rows + 800..]).unwrap() + 800;
        // From the middle of a row into the next one.
        for (from, to) in [(row - 1, row + 2), (row - 5, row + 5), (row - 8, row + 8), (row - 3, row)] {
            let mut broken = bytes.clone();
            broken[from..to].fill(0);
            let asked = asked(folder.path(), name, &broken);
            is_said(&asked, "unreadable-records", "could not be read", name);
            let made_up = asked.events.iter().find(|event| !whole.events.contains(event));
            assert_eq!(made_up, None, "{name}: zeros from {from} to {to}");
            assert!(asked.events.len() >= ROWS - 2, "{name}: {} events", asked.events.len());
        }
    }
}
