//! The same rows as the files of several formats.

use std::fmt::Write as _;

use super::named;

/// Stream, version, type, time and data; an empty type or version is none, and the data is written as it stands.
pub type Row = [&'static str; 5];

const NAMES: [&str; 5] = ["stream_id", "version", "event_type", "recorded_at", "data"];

/// Every format that has these rows, by its file.
pub fn all(folder: &tempfile::TempDir, rows: &[Row]) -> Vec<String> {
    let mut files = vec![
        named(folder, "rows.jsonl", lines(rows).join("\n") + "\n"),
        named(folder, "rows.json", format!("[\n{}\n]\n", lines(rows).join(",\n"))),
        named(folder, "rows.csv", delimited(rows)),
        named(folder, "rows.sql", dump(rows)),
    ];
    files.extend(sqlite(folder, rows));
    files
}

pub fn lines(rows: &[Row]) -> Vec<String> {
    let line = |[stream, version, kind, time, data]: &Row| {
        let version = match version.parse::<u64>() {
            Ok(number) => number.to_string(),
            Err(_) => format!("\"{version}\""),
        };
        let kind = if kind.is_empty() { "null".to_owned() } else { format!("\"{kind}\"") };
        format!(
            r#"{{"stream_id":"{stream}","version":{version},"event_type":{kind},"recorded_at":"{time}","data":{data}}}"#
        )
    };
    rows.iter().map(line).collect()
}

pub fn delimited(rows: &[Row]) -> String {
    let mut text = NAMES.join(",") + "\n";
    for row in rows {
        let cells = row.map(|cell| format!("\"{}\"", cell.replace('"', "\"\"")));
        writeln!(text, "{}", cells.join(",")).expect("text");
    }
    text
}

pub fn dump(rows: &[Row]) -> String {
    let mut text = String::from("--\n-- PostgreSQL database dump\n--\n\n");
    let columns = NAMES.map(|name| format!("{name} text")).join(", ");
    writeln!(text, "CREATE TABLE public.events ({columns});\n\nCOPY public.events ({}) FROM stdin;", NAMES.join(", "))
        .expect("text");
    for row in rows {
        writeln!(text, "{}", row.map(|cell| if cell.is_empty() { "\\N" } else { cell }).join("\t")).expect("text");
    }
    text + "\\.\n\n--\n-- PostgreSQL database dump complete\n--\n"
}

#[cfg(not(feature = "sqlite"))]
fn sqlite(_folder: &tempfile::TempDir, _rows: &[Row]) -> Option<String> {
    None
}

#[cfg(feature = "sqlite")]
pub fn sqlite(folder: &tempfile::TempDir, rows: &[Row]) -> Option<String> {
    let path = folder.path().join("rows.sqlite");
    let database = rusqlite::Connection::open(&path).expect("a database");
    let columns = NAMES.map(|name| if name == "version" { name.to_owned() } else { format!("{name} text") });
    database.execute(&format!("CREATE TABLE events ({})", columns.join(", ")), []).expect("a table");
    for [stream, version, kind, time, data] in rows {
        let insert = "INSERT INTO events VALUES (?, ?, ?, ?, ?)";
        let kind = Some(kind).filter(|kind| !kind.is_empty());
        match version.parse::<i64>() {
            Ok(number) => database.execute(insert, (stream, number, kind, time, data)),
            Err(_) => database.execute(insert, (stream, version, kind, time, data)),
        }
        .expect("a row");
    }
    Some(path.display().to_string())
}
