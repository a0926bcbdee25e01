//! Kinds of stores a history can be written to, as their tools write them.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Map, Value};

use super::records::Record;

/// What a store is made of besides the events' own parts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Columns {
    /// Whether the tenants stand in a column of their own.
    pub tenant: bool,
    /// Whether the events are split into tables of these names, orders and all others.
    pub split: Option<[&'static str; 2]>,
}

/// A kind of store.
pub struct Store {
    pub name: &'static str,
    pub file: &'static str,
    pub write: fn(&Path, &[Record], Columns),
    /// Whether it keeps its payloads in cells, where one that is no JSON is text.
    pub is_table: bool,
    /// Whether its events are shown by position, and not in the order of the file.
    pub is_sorted: bool,
    /// Whether it is text in which a single byte can be damaged.
    pub is_text: bool,
}

pub const STORES: &[Store] = &[
    Store { name: "JSON lines", file: "dump.jsonl", write: lines, is_table: false, is_sorted: false, is_text: true },
    Store { name: "a JSON array", file: "dump.json", write: array, is_table: false, is_sorted: false, is_text: true },
    Store { name: "CSV", file: "dump.csv", write: delimited, is_table: true, is_sorted: true, is_text: true },
    #[cfg(feature = "sqlite")]
    Store { name: "SQLite", file: "store.sqlite", write: sqlite, is_table: true, is_sorted: true, is_text: false },
    Store { name: "pg_dump", file: "dump.sql", write: pg_dump, is_table: true, is_sorted: true, is_text: true },
    Store { name: "mysqldump", file: "mysql.sql", write: mysqldump, is_table: true, is_sorted: true, is_text: true },
    Store {
        name: "packed lines",
        file: "dump.jsonl.gz",
        write: packed,
        is_table: false,
        is_sorted: false,
        is_text: false,
    },
    Store { name: "Debezium", file: "changes.jsonl", write: debezium, is_table: false, is_sorted: true, is_text: true },
    Store {
        name: "CloudEvents",
        file: "cloud.jsonl",
        write: cloud_events,
        is_table: false,
        is_sorted: false,
        is_text: true,
    },
];

/// Names and values of a record. The payload is JSON text in a column of a table, JSON itself in a document.
fn columns(record: &Record, kept: Columns) -> Vec<(&'static str, Option<String>)> {
    let mut columns = vec![("position", Some(record.position.clone()))];
    if kept.tenant && record.tenant.is_some() {
        columns.push(("tenant_id", record.tenant.clone()));
    }
    columns.extend([
        ("stream_id", Some(record.stream.clone())),
        ("version", (!record.says_no_version).then(|| record.version.clone())),
        ("event_id", Some(record.id.clone())),
        ("event_type", Some(record.kind.clone())),
        ("recorded_at", Some(record.time.clone())),
        ("data", Some(record.data.clone())),
        ("causation_id", record.causation.clone()),
    ]);
    columns
}

fn object(record: &Record, kept: Columns) -> String {
    let mut object = Map::new();
    for (name, value) in columns(record, kept) {
        let value = match (name, value) {
            (_, None) => Value::Null,
            ("position" | "version", Some(text)) => text.parse::<u64>().map_or(Value::String(text), Value::from),
            (_, Some(text)) => Value::String(text),
        };
        if name != "data" {
            object.insert(name.to_owned(), value);
        }
    }
    let mut line = Value::Object(object).to_string();
    line.pop();
    // Whatever the payload is: a broken one breaks the record.
    write!(line, ",\"data\":{}}}", record.data).unwrap();
    line
}

fn lines(path: &Path, records: &[Record], kept: Columns) {
    let text: String = records.iter().map(|record| object(record, kept) + "\n").collect();
    std::fs::write(path, text).unwrap();
}

fn packed(path: &Path, records: &[Record], kept: Columns) {
    let text: String = records.iter().map(|record| object(record, kept) + "\n").collect();
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut out, text.as_bytes()).unwrap();
    std::fs::write(path, out.finish().unwrap()).unwrap();
}

/// Rows of a table as Debezium tells them: what is the position of an event is its place in the database's log.
fn debezium(path: &Path, records: &[Record], kept: Columns) {
    let change = |record: &Record| {
        let row = object(record, kept).replacen(&format!("\"position\":{},", record.position), "", 1);
        format!(
            "{{\"before\":null,\"after\":{row},\"source\":{{\"lsn\":{}}},\"op\":\"c\",\"ts_ms\":1}}\n",
            record.position
        )
    };
    std::fs::write(path, records.iter().map(change).collect::<String>()).unwrap();
}

/// CloudEvents with the extensions that event stores write. A tenant stands in the subject.
fn cloud_events(path: &Path, records: &[Record], kept: Columns) {
    let event = |record: &Record| {
        let subject = if kept.tenant { record.stream_name() } else { record.stream.clone() };
        let number = |text: &str| text.parse::<u64>().map_or(Value::String(text.into()), Value::from);
        let mut object = Map::new();
        for (name, value) in [
            ("specversion", Value::from("1.0")),
            ("source", Value::from("/shop")),
            ("sequence", Value::from(record.position.clone())),
            ("subject", Value::from(subject)),
            ("streamversion", if record.says_no_version { Value::Null } else { number(&record.version) }),
            ("id", Value::from(record.id.clone())),
            ("type", Value::from(record.kind.clone())),
            ("time", Value::from(record.time.clone())),
            ("causationid", record.causation.clone().map_or(Value::Null, Value::from)),
        ] {
            object.insert(name.to_owned(), value);
        }
        let mut line = Value::Object(object).to_string();
        line.pop();
        line + ",\"data\":" + &record.data + "}\n"
    };
    std::fs::write(path, records.iter().map(event).collect::<String>()).unwrap();
}

fn array(path: &Path, records: &[Record], kept: Columns) {
    let all: Vec<String> = records.iter().map(|record| format!("  {}", object(record, kept))).collect();
    std::fs::write(path, format!("[\n{}\n]\n", all.join(",\n"))).unwrap();
}

fn delimited(path: &Path, records: &[Record], kept: Columns) {
    let mut out = csv::Writer::from_path(path).unwrap();
    out.write_record(columns(&records[0], kept).iter().map(|(name, _)| *name)).unwrap();
    for record in records {
        let cells = columns(record, kept);
        out.write_record(cells.iter().map(|(_, cell)| cell.as_deref().unwrap_or_default())).unwrap();
    }
    out.flush().unwrap();
}

/// The records of each table, by its name.
fn tables(records: &[Record], kept: Columns) -> Vec<(&'static str, Vec<&Record>)> {
    match kept.split {
        None => vec![("events", records.iter().collect())],
        Some([one, other]) => {
            let (orders, others) = records.iter().partition(|record| record.stream.starts_with("order"));
            vec![(one, orders), (other, others)]
        }
    }
}

const TYPES: &[(&str, &str)] = &[
    ("position", "bigint NOT NULL"),
    ("tenant_id", "text NOT NULL"),
    ("stream_id", "text"),
    ("version", "integer"),
    ("event_id", "uuid NOT NULL"),
    ("event_type", "text"),
    ("recorded_at", "timestamp with time zone"),
    ("data", "jsonb NOT NULL"),
    ("causation_id", "uuid"),
];

/// The columns of a table, each with its type.
fn schema(records: &[&Record], kept: Columns, of: impl Fn(&str) -> String) -> String {
    let names = columns(records[0], kept);
    let columns = names.iter().map(|(name, _)| {
        let (_, kind) = TYPES.iter().find(|(known, _)| known == name).unwrap();
        of(&format!("{name} {kind}"))
    });
    columns.collect::<Vec<_>>().join(",\n    ")
}

fn pg_dump(path: &Path, records: &[Record], kept: Columns) {
    let mut out = String::from("--\n-- PostgreSQL database dump\n--\n\nSET client_encoding = 'UTF8';\n\n");
    for (table, records) in tables(records, kept) {
        let columns_of = schema(&records, kept, str::to_owned);
        writeln!(out, "CREATE TABLE public.{table} (\n    {columns_of}\n);\n").unwrap();
        let names: Vec<&str> = columns(records[0], kept).iter().map(|(name, _)| *name).collect();
        writeln!(out, "COPY public.{table} ({}) FROM stdin;", names.join(", ")).unwrap();
        for record in records {
            let cells = columns(record, kept).into_iter().map(|(_, cell)| match cell {
                Some(text) => text.replace('\\', "\\\\").replace('\t', "\\t").replace('\n', "\\n"),
                None => "\\N".to_owned(),
            });
            writeln!(out, "{}", cells.collect::<Vec<_>>().join("\t")).unwrap();
        }
        out.push_str("\\.\n\n");
    }
    out.push_str("--\n-- PostgreSQL database dump complete\n--\n");
    std::fs::write(path, out).unwrap();
}

fn mysqldump(path: &Path, records: &[Record], kept: Columns) {
    let mut out =
        String::from("-- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)\n--\n-- Host: db    Database: shop\n\n");
    for (table, records) in tables(records, kept) {
        let columns_of = schema(&records, kept, |column| {
            let column = column.replace("jsonb", "json").replace("uuid", "char(36)").replace(" text", " varchar(200)");
            let column = column.replace("timestamp with time zone", "varchar(40)");
            let (name, kind) = column.split_once(' ').unwrap();
            format!("`{name}` {kind}")
        });
        writeln!(out, "CREATE TABLE `{table}` (\n    {columns_of}\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;\n")
            .unwrap();
        for some in records.chunks(20) {
            let rows = some.iter().map(|record| {
                let cells = columns(record, kept).into_iter().map(|(name, cell)| match (name, cell) {
                    (_, None) => "NULL".to_owned(),
                    ("position" | "version", Some(text)) if text.parse::<u64>().is_ok() => text,
                    (_, Some(text)) => format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'")),
                });
                format!("({})", cells.collect::<Vec<_>>().join(","))
            });
            writeln!(out, "INSERT INTO `{table}` VALUES {};", rows.collect::<Vec<_>>().join(",")).unwrap();
        }
    }
    out.push_str("\n-- Dump completed on 2025-03-05  3:00:00\n");
    std::fs::write(path, out).unwrap();
}

#[cfg(feature = "sqlite")]
fn sqlite(path: &Path, records: &[Record], kept: Columns) {
    let database = rusqlite::Connection::open(path).unwrap();
    let writing = database.unchecked_transaction().unwrap();
    for (table, records) in tables(records, kept) {
        let columns_of = schema(&records, kept, |column| column.replace("timestamp with time zone", "text"));
        writing.execute(&format!("CREATE TABLE {table} ({columns_of})"), []).unwrap();
        for record in records {
            let cells: Vec<Option<String>> = columns(record, kept).into_iter().map(|(_, cell)| cell).collect();
            let places = vec!["?"; cells.len()].join(", ");
            writing
                .execute(&format!("INSERT INTO {table} VALUES ({places})"), rusqlite::params_from_iter(cells))
                .unwrap();
        }
    }
    writing.commit().unwrap();
}
