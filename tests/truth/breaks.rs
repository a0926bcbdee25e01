//! Known ways to break a store.

use std::path::Path;

use super::records::{LENGTH, Random, Record};
use super::stores::{Columns, Store};

/// A break: what it does, and what must be said of it.
pub struct Break {
    pub name: &'static str,
    /// How many tenants the history has before it is broken.
    pub tenants: usize,
    pub columns: Columns,
    /// A tenant whose streams go by their names alone, because a sample shows no other.
    pub usual: Option<&'static str>,
    /// Changes the history, and says what it changed.
    pub apply: fn(&mut Vec<Record>, &mut Random) -> String,
    /// Damages the file; says how, or `None` where it cannot be damaged so.
    pub damage: Option<fn(&Path, &mut Random) -> Option<String>>,
    /// Findings of the doctor of which one must be there; none where nothing can be found in the events.
    pub findings: &'static [&'static str],
    /// Whether a record cannot be read, so that every command must say that its answer is not whole.
    pub lost: bool,
    pub fits: fn(&Store) -> bool,
    /// What `inspect` must say; nothing where the finding is enough.
    pub said: &'static str,
    /// Whether the events are shown as they were written, in stores that are sorted too.
    pub is_as_written: bool,
}

pub const ALL_COLUMNS: Columns = Columns { tenant: true, split: None };

const PLAIN: Break = Break {
    name: "",
    tenants: 1,
    columns: ALL_COLUMNS,
    usual: None,
    apply: |_, _| String::new(),
    damage: None,
    findings: &[],
    lost: false,
    fits: |_| true,
    said: "",
    is_as_written: false,
};

/// A place in the middle of the history.
fn somewhere(records: &[Record], random: &mut Random) -> usize {
    let from = records.len() / 5;
    from + random.below(records.len() - 2 * from)
}

/// An event of the middle that is neither the first nor the last of its stream.
fn inside(records: &[Record], random: &mut Random) -> usize {
    loop {
        let at = somewhere(records, random);
        let stream = records[at].stream_name();
        let of_stream = |record: &Record| record.stream_name() == stream;
        if records[..at].iter().any(of_stream) && records[at + 1..].iter().any(of_stream) {
            return at;
        }
    }
}

fn named(record: &Record) -> String {
    format!("at version {} of {}", record.version, record.stream)
}

fn later(number: &str, by: usize) -> String {
    (number.parse::<usize>().unwrap() + by).to_string()
}

/// Changes one event inside its stream.
fn change(records: &mut [Record], random: &mut Random, change: impl Fn(&mut Record)) -> String {
    let at = inside(records, random);
    let said = named(&records[at]);
    change(&mut records[at]);
    said
}

/// The next event of the same stream.
fn next_of_stream(records: &[Record], at: usize) -> usize {
    let name = records[at].stream_name();
    at + 1 + records[at + 1..].iter().position(|record| record.stream_name() == name).unwrap()
}

pub const BREAKS: &[Break] = &[
    Break {
        name: "a version stands twice",
        apply: |records, random| {
            let at = inside(records, random);
            let mut again = records[at].clone();
            again.id = "0195d3a0-ffff-7000-8000-000000000001".into();
            again.position = later(&records[records.len() - 1].position, 1);
            again.time = records[records.len() - 1].time.clone();
            let said = named(&again);
            records.push(again);
            said
        },
        findings: &["duplicate-versions"],
        ..PLAIN
    },
    Break {
        name: "two versions stand twice, one of them three times",
        apply: |records, random| {
            let mut said = Vec::new();
            for copies in [1, 2] {
                let at = inside(records, random);
                for _ in 0..copies {
                    let last = &records[records.len() - 1];
                    let (position, time) = (later(&last.position, 1), last.time.clone());
                    let id = format!("0195d3a0-ffff-7000-8000-{:012x}", records.len());
                    records.push(Record { id, position, time, ..records[at].clone() });
                }
                said.push(named(&records[at]));
            }
            said.join(" and ")
        },
        findings: &["duplicate-versions"],
        ..PLAIN
    },
    Break {
        name: "a version is taken again",
        apply: |records, random| {
            let at = inside(records, random);
            let next = next_of_stream(records, at);
            records[next].version = records[at].version.clone();
            named(&records[next])
        },
        findings: &["duplicate-versions"],
        ..PLAIN
    },
    Break {
        name: "an event is missing",
        apply: |records, random| named(&records.remove(inside(records, random))),
        findings: &["version-gaps"],
        ..PLAIN
    },
    Break {
        name: "the first event of a stream is missing",
        apply: |records, random| {
            let stream = records[somewhere(records, random)].stream_name();
            let first = records.iter().position(|record| record.stream_name() == stream).unwrap();
            named(&records.remove(first))
        },
        findings: &["first-version"],
        ..PLAIN
    },
    Break {
        name: "two versions of a stream are swapped",
        apply: |records, random| {
            let at = inside(records, random);
            let next = next_of_stream(records, at);
            let version = records[next].version.clone();
            records[next].version = std::mem::replace(&mut records[at].version, version);
            named(&records[at])
        },
        findings: &["versions-back"],
        ..PLAIN
    },
    Break {
        name: "two rows are swapped",
        apply: |records, random| {
            let at = inside(records, random);
            let next = next_of_stream(records, at);
            records.swap(at, next);
            named(&records[at])
        },
        fits: |store| !store.is_sorted,
        findings: &["versions-back"],
        ..PLAIN
    },
    Break {
        name: "the file is there twice",
        apply: |records, _| {
            records.extend(records.clone());
            String::new()
        },
        findings: &["duplicate-versions"],
        ..PLAIN
    },
    Break {
        name: "tenants share a stream without a column that tells them apart",
        tenants: 2,
        columns: Columns { tenant: false, split: None },
        apply: |records, _| {
            records.iter_mut().for_each(|record| record.tenant = None);
            String::new()
        },
        findings: &["duplicate-versions"],
        ..PLAIN
    },
    Break {
        name: "a second tenant comes late",
        tenants: 2,
        usual: Some("acme"),
        apply: |records, _| {
            let (first, second): (Vec<_>, Vec<_>) =
                records.drain(..).partition(|record| record.tenant.as_deref() == Some("acme"));
            // Many events of one tenant first, so that a sample of the beginning sees one only.
            for round in 0..60 {
                for record in &first {
                    let stream = format!("{}{round:02}", record.stream);
                    let id = format!("{:08x}{}", round + 1, &record.id[8..]);
                    records.push(Record { stream, id, causation: None, ..record.clone() });
                }
            }
            let streams = first.iter().map(|record| record.stream.clone());
            let known: std::collections::BTreeSet<String> = streams.collect();
            assert!(second.iter().all(|record| known.contains(&record.stream)));
            records.extend(second.iter().map(|record| Record {
                stream: format!("{}00", record.stream),
                causation: None,
                ..record.clone()
            }));
            for (number, record) in (1..).zip(records.iter_mut()) {
                record.position = number.to_string();
                record.time = "2025-03-04T08:00:00.000Z".into();
            }
            String::new()
        },
        // Where a tenant stands in the name, all names are whole.
        fits: |store| store.name != "CloudEvents",
        ..PLAIN
    },
    Break {
        name: "events are in two tables",
        columns: Columns { tenant: true, split: Some(["order_events", "other_events"]) },
        apply: |_, _| String::new(),
        fits: |store| matches!(store.name, "SQLite" | "pg_dump" | "mysqldump"),
        ..PLAIN
    },
    Break {
        name: "one of two tables has another name",
        columns: Columns { tenant: true, split: Some(["order_events", "t_2019_b"]) },
        apply: |_, _| String::new(),
        fits: |store| matches!(store.name, "SQLite" | "pg_dump" | "mysqldump"),
        ..PLAIN
    },
    Break {
        name: "the positions start over",
        said: "position starts over",
        is_as_written: true,
        apply: |records, _| {
            let middle = records.len() / 2;
            for (number, record) in (1..).zip(&mut records[middle..]) {
                record.position = number.to_string();
            }
            String::new()
        },
        // Their places in the log are those of Debezium's events, whatever else a row says.
        fits: |store| !matches!(store.name, "Debezium" | "CloudEvents"),
        ..PLAIN
    },
    Break {
        name: "the tenant of most events comes last",
        tenants: 2,
        apply: |records, _| {
            let (mut late, mut early): (Vec<_>, Vec<_>) =
                records.drain(..).partition(|record| record.tenant.as_deref() == Some("acme"));
            records.append(&mut early);
            records.append(&mut late);
            for (number, record) in (1..).zip(records.iter_mut()) {
                record.position = number.to_string();
                record.time = "2025-03-04T08:00:00.000Z".into();
            }
            String::new()
        },
        ..PLAIN
    },
    Break {
        name: "a payload is broken",
        apply: |records, random| {
            change(records, random, |record| {
                record.data.truncate(record.data.len() / 2);
                record.is_broken = true;
            })
        },
        fits: |store| !store.is_table,
        findings: &["unreadable-records"],
        lost: true,
        ..PLAIN
    },
    Break {
        name: "a payload is no JSON",
        apply: |records, random| change(records, random, |record| record.data.truncate(record.data.len() / 2)),
        fits: |store| store.is_table,
        findings: &["unparsable-payloads"],
        ..PLAIN
    },
    Break {
        name: "a clock is shifted",
        apply: |records, random| change(records, random, |record| record.time = "2024-11-04T08:00:00Z".into()),
        findings: &["time-back"],
        ..PLAIN
    },
    Break {
        name: "an id stands twice",
        apply: |records, random| {
            let (one, other) = (inside(records, random), inside(records, random));
            let other = if one == other { one + 1 } else { other };
            records[other].id = records[one].id.clone();
            named(&records[other])
        },
        findings: &["duplicate-ids"],
        ..PLAIN
    },
    Break {
        name: "a position stands twice",
        apply: |records, random| {
            let at = inside(records, random);
            records[at].position = records[at - 1].position.clone();
            named(&records[at])
        },
        findings: &["duplicate-positions"],
        ..PLAIN
    },
    Break {
        name: "a position stands twice, far from the other",
        apply: |records, random| {
            let at = inside(records, random);
            records[at].position = records[at / 8].position.clone();
            named(&records[at])
        },
        findings: &["duplicate-positions"],
        ..PLAIN
    },
    Break {
        name: "positions go back",
        apply: |records, random| {
            let at = inside(records, random);
            let before = records[at - 1].position.clone();
            let position = std::mem::replace(&mut records[at].position, before);
            records[at - 1].position = position;
            named(&records[at])
        },
        // Tables are shown by their positions.
        fits: |store| !store.is_sorted,
        findings: &["positions-back"],
        ..PLAIN
    },
    Break {
        name: "a version is not said",
        apply: |records, random| change(records, random, |record| record.says_no_version = true),
        findings: &["counted-versions"],
        ..PLAIN
    },
    Break {
        name: "a time is none",
        apply: |records, random| change(records, random, |record| record.time = "the day before".into()),
        findings: &["unreadable-times"],
        ..PLAIN
    },
    Break {
        name: "a cause is not there",
        apply: |records, random| {
            change(records, random, |record| record.causation = Some("0195d3a0-eeee-7000-8000-000000000009".into()))
        },
        findings: &["dangling-causation"],
        ..PLAIN
    },
    Break {
        name: "an event has no stream",
        apply: |records, random| {
            change(records, random, |record| {
                record.stream.clear();
                record.is_broken = true;
            })
        },
        findings: &["unreadable-records"],
        lost: true,
        // Without a subject the source of an event is its stream.
        fits: |store| store.name != "CloudEvents",
        ..PLAIN
    },
    Break {
        name: "an event has no type",
        apply: |records, random| {
            change(records, random, |record| {
                record.kind.clear();
                record.is_broken = true;
            })
        },
        findings: &["unreadable-records"],
        lost: true,
        ..PLAIN
    },
    Break {
        name: "a version is no number",
        apply: |records, random| {
            change(records, random, |record| {
                record.version = "seven".into();
                record.is_broken = true;
            })
        },
        findings: &["unreadable-records"],
        lost: true,
        ..PLAIN
    },
    Break {
        name: "a stream is written another way once",
        apply: |records, random| change(records, random, |record| record.stream.push(' ')),
        findings: &["first-version", "version-gaps"],
        ..PLAIN
    },
    Break {
        name: "the file is cut",
        damage: Some(|path, random| {
            let bytes = std::fs::read(path).ok()?;
            let length = bytes.len() / 2 + random.below(bytes.len() / 3);
            let length = match path.extension()?.to_str()? {
                "gz" => length,
                // In the first half of a line: a row that is cut in its last cell is a whole row.
                _ => bytes[..length].iter().rposition(|&byte| byte == b'\n')? + 1 + 20 + random.below(40),
            };
            std::fs::write(path, &bytes[..length]).ok()?;
            Some(format!("after {length} bytes of {}", bytes.len()))
        }),
        findings: &["unreadable-records", "incomplete"],
        lost: true,
        ..PLAIN
    },
    Break {
        name: "a database is cut",
        damage: Some(|path, random| {
            let bytes = std::fs::read(path).ok()?;
            let length = bytes.len() / 2 + random.below(bytes.len() / 3);
            std::fs::write(path, &bytes[..length]).ok()?;
            Some(format!("after {length} bytes of {}", bytes.len()))
        }),
        fits: |store| store.name == "SQLite",
        findings: &["unreadable-records", "incomplete"],
        lost: true,
        ..PLAIN
    },
    Break {
        name: "the file is cut after a whole record",
        damage: Some(|path, random| {
            let bytes = std::fs::read(path).ok()?;
            let from = bytes.len() / 2 + random.below(bytes.len() / 3);
            let length = from + bytes[from..].iter().position(|&byte| byte == b'\n')? + 1;
            std::fs::write(path, &bytes[..length]).ok()?;
            Some(format!("after {length} bytes of {}", bytes.len()))
        }),
        // A file of lines, or of rows without an end, may end after any of them.
        fits: |store| matches!(store.name, "a JSON array" | "pg_dump" | "mysqldump"),
        findings: &["unreadable-records", "incomplete"],
        lost: true,
        ..PLAIN
    },
    Break {
        name: "a stretch of the file is zeros",
        damage: Some(|path, random| {
            let mut bytes = std::fs::read(path).ok()?;
            let from = bytes.len() / 3 + random.below(bytes.len() / 3);
            bytes[from..from + 64].fill(0);
            std::fs::write(path, &bytes).ok()?;
            Some(format!("64 bytes from {from}"))
        }),
        fits: |store| store.is_text || store.name == "packed lines",
        findings: &["unreadable-records", "incomplete"],
        lost: true,
        ..PLAIN
    },
    Break {
        name: "two lines have become one",
        damage: Some(|path, random| {
            let mut bytes = std::fs::read(path).ok()?;
            let from = bytes.len() / 3 + random.below(bytes.len() / 3);
            let end = from + bytes[from..].iter().position(|&byte| byte == b'\n')?;
            bytes.remove(end);
            std::fs::write(path, &bytes).ok()?;
            Some(format!("at byte {end}"))
        }),
        fits: |store| matches!(store.name, "JSON lines" | "CSV" | "pg_dump"),
        findings: &["unreadable-records"],
        lost: true,
        ..PLAIN
    },
];

const _: () = assert!(LENGTH > 50, "breaks are made in the middle of a history");
