//! What lies beside the events: snapshots, declared streams, and tables that are only listed.

use std::collections::HashMap;
use std::ops::ControlFlow::{self, Break, Continue};

use super::expression::Expression;
use super::found::{Found, named};
use super::opened::Opened;
use super::reader::{Ground, Reader, row_json};
use super::spec::{ColumnRule, Snapshots};
use crate::domain::{Beside, Cancel, DeclaredStream, Failure, NoteKind, StoredSnapshot, StreamKey, Version};
use crate::sources::tables::{Database, Row, Table};

/// Tables that lie beside stores of many kinds.
const COMMON: &[(&str, &str)] = &[
    ("wolverine_*", "queue"),
    ("*outbox*", "queue"),
    ("*inbox*", "queue"),
    ("*dead_letter*", "queue"),
    ("schema_migrations", "book-keeping"),
    ("*_migrations", "book-keeping"),
    ("migrations", "book-keeping"),
    ("schema_info", "book-keeping"),
    ("ar_internal_metadata", "book-keeping"),
    ("flyway_schema_history", "book-keeping"),
    ("databasechangelog*", "book-keeping"),
    ("__efmigrationshistory", "book-keeping"),
    ("sqlite_sequence", "book-keeping"),
    ("*checkpoint*", "book-keeping"),
    ("*subscription*", "book-keeping"),
    ("*projection*", "projections"),
    ("*snapshot*", "snapshots"),
];

/// The tables that are not those of events, with what they are for.
pub fn listing(opened: &Opened) -> Vec<Beside> {
    let layout = &opened.found.layout;
    let tables = opened.database.tables().iter().enumerate();
    let others = tables.filter(|(number, _)| !opened.found.events.contains(number));
    others
        .map(|(number, table)| Beside {
            name: table.full_name(),
            role: role(&opened.found, number, table),
            rows: opened.database.rows(number),
        })
        .map(|mut beside| {
            if beside.role.is_empty() {
                beside.role = layout.beside.get("*").cloned().unwrap_or_else(|| "not known".into());
            }
            beside
        })
        .collect()
}

/// The name of a stream with whose it is before it.
pub fn owned(owner: &str, stream: &str) -> String {
    StreamKey::join(&[owner, stream])
}

/// Whether nothing is known of what a table is for.
pub fn is_unknown(found: &Found, database: &dyn Database, number: usize) -> bool {
    let is_found = found.events.contains(&number) || found.also.contains(&number);
    !is_found && database.tables().get(number).is_some_and(|table| role(found, number, table).is_empty())
}

fn role(found: &Found, number: usize, table: &Table) -> String {
    let layout = &found.layout;
    if let Some((name, _)) = found.others.iter().find(|(_, other)| **other == number) {
        return layout.tables.get(name).map(|table| table.role.clone()).unwrap_or_default();
    }
    if found.also.contains(&number) || found.unusual.iter().any(|(other, _)| *other == number) {
        return "events".into();
    }
    // The longest pattern says most.
    let own = layout.beside.iter().filter(|(pattern, _)| *pattern != "*" && named(&[(*pattern).clone()], &table.name));
    let own = own.max_by_key(|(pattern, _)| pattern.len());
    let common = || COMMON.iter().find(|(pattern, _)| named(&[(*pattern).to_owned()], &table.name));
    match own {
        Some((_, role)) => role.clone(),
        None => common().map(|(_, role)| (*role).to_owned()).unwrap_or_default(),
    }
}

/// Every snapshot the store keeps.
///
/// # Errors
/// When it cannot be read, or nobody wants the rest.
pub fn snapshots(
    opened: &Opened,
    source: &str,
    cancel: &Cancel,
    told: &mut dyn FnMut(StoredSnapshot) -> ControlFlow<()>,
) -> Result<(), Failure> {
    for snapshots in &opened.found.layout.snapshots {
        let Some((number, rules)) = opened.table(&snapshots.table) else { continue };
        let table = &opened.database.tables()[number];
        let name = table.full_name();
        // Whose a stream is, its snapshots say as its events do, where their table has the column.
        let owners = &opened.found.layout.events.qualify;
        let mut values = vec![&snapshots.stream, &snapshots.version, &snapshots.state];
        values.extend(owners.iter().map(|owner| &owner.value));
        let mut reader = reader(opened, table, &rules, &values);
        let mut row_number = 0_u64;
        let mut each = |row: Row<'_>| {
            row_number += 1;
            let Row::Cells(place, cells) = row else { return Continue(()) };
            reader.row(place, cells);
            let (Some(stream), Some(version)) = (reader.text(0, cells), reader.raw(1, cells).whole()) else {
                return Continue(());
            };
            let Some(mut stream) = of_stream(snapshots, &stream) else { return Continue(()) };
            for (at, owner) in owners.iter().enumerate() {
                if let Some(said) = reader.text(3 + at, cells)
                    && !owner.unless.iter().any(|usual| *usual == *said)
                {
                    stream = owned(&said, &stream);
                }
            }
            let state = reader.payload(2, cells, None);
            if state.is_absent() {
                return Continue(());
            }
            told(StoredSnapshot {
                stream: opened.stream_name(&stream),
                version: Version(version),
                state,
                place: format!("{name}, row {row_number}"),
            })
        };
        scan(opened, source, number, cancel, &mut each)?;
    }
    Ok(())
}

/// The stream a snapshot is of; `None` when the row is no snapshot.
fn of_stream(snapshots: &Snapshots, written: &str) -> Option<String> {
    let Some(only) = &snapshots.only else { return Some(written.to_owned()) };
    if !only.0.is_match(written) {
        return None;
    }
    Some(match &snapshots.replace {
        Some(by) => only.0.replace(written, by.as_str()).into_owned(),
        None => written.to_owned(),
    })
}

/// Every row of the table of streams.
///
/// # Errors
/// When it cannot be read, or nobody wants the rest.
pub fn declared(
    opened: &Opened,
    source: &str,
    cancel: &Cancel,
    told: &mut dyn FnMut(DeclaredStream) -> ControlFlow<()>,
) -> Result<(), Failure> {
    let Some(declared) = &opened.found.layout.declared else { return Ok(()) };
    let Some((number, rules)) = opened.table(&declared.table) else { return Ok(()) };
    let table = &opened.database.tables()[number];
    let name = table.full_name();
    let none: &[Expression] = &[];
    let one = |expression: &'_ Option<Expression>| expression.as_ref().map_or(none, std::slice::from_ref).to_vec();
    let (version, archived, deleted) = (one(&declared.version), one(&declared.archived), one(&declared.deleted));
    let stream = [declared.stream.clone()];
    let qualifiers: Vec<_> = declared.qualify.iter().map(|qualifier| vec![qualifier.value.clone()]).collect();
    let mut roles: Vec<&[Expression]> = vec![&stream, &version, &archived, &deleted];
    roles.extend(qualifiers.iter().map(|sources| &sources[..]));
    let ground = Ground { lookups: Some(&opened.lookups), ..Ground::of(table, &rules) };
    let mut reader = Reader::new(ground, &roles);
    let mut row_number = 0_u64;
    let mut each = |row: Row<'_>| {
        row_number += 1;
        let Row::Cells(place, cells) = row else { return Continue(()) };
        reader.row(place, cells);
        let Some(stream) = reader.text(0, cells) else { return Continue(()) };
        let mut stream = stream.into_owned();
        for (at, qualifier) in declared.qualify.iter().enumerate() {
            if let Some(said) = reader.text(4 + at, cells)
                && !qualifier.unless.iter().any(|usual| *usual == *said)
            {
                stream = owned(&said, &stream);
            }
        }
        if declared.except.contains(&stream) {
            return Continue(());
        }
        told(DeclaredStream {
            stream: opened.stream_name(&stream),
            version: reader.raw(1, cells).whole(),
            archived: reader.raw(2, cells).is_true(),
            deleted: reader.raw(3, cells).is_true(),
            place: format!("{name}, row {row_number}"),
        })
    };
    scan(opened, source, number, cancel, &mut each)
}

/// The streams that are declared archived or deleted.
///
/// # Errors
/// When the table of streams cannot be read.
pub fn put_away(opened: &Opened, stopped: &dyn Fn() -> bool) -> Result<HashMap<String, NoteKind>, Failure> {
    let mut found = HashMap::new();
    let flags = |declared: &super::spec::Declared| declared.archived.is_some() || declared.deleted.is_some();
    if !opened.found.layout.declared.as_ref().is_some_and(flags) {
        return Ok(found);
    }
    let cancel = Cancel::default();
    declared(opened, "the store", &cancel, &mut |stream| {
        match (stream.deleted, stream.archived) {
            (true, _) => drop(found.insert(stream.stream.to_string(), NoteKind::Deleted)),
            (false, true) => drop(found.insert(stream.stream.to_string(), NoteKind::Archived)),
            (false, false) => {}
        }
        if stopped() { Break(()) } else { Continue(()) }
    })?;
    Ok(found)
}

/// The rows of a table, as JSON.
///
/// # Errors
/// `NotFound` when there is no such table; when it cannot be read, or nobody wants the rest.
pub fn rows(
    opened: &Opened,
    source: &str,
    table: &str,
    cancel: &Cancel,
    told: &mut dyn FnMut(String) -> ControlFlow<()>,
) -> Result<(), Failure> {
    let tables = opened.database.tables();
    let found = tables.iter().position(|other| other.full_name() == table);
    let Some(number) = found.or_else(|| tables.iter().position(|other| other.name == table)) else {
        return Err(crate::sources::no_table(source, table));
    };
    let columns = &tables[number].columns;
    scan(opened, source, number, cancel, &mut |row| match row {
        Row::Cells(_, cells) => told(row_json(columns, cells)),
        Row::Bad(place, reason) => {
            let mut line = format!("{{\"place\":{place},\"trouble\":");
            // Writing to a string cannot fail.
            let _ = crate::domain::json::write_string(&mut line, &reason);
            line.push('}');
            told(line)
        }
    })
}

fn reader(opened: &Opened, table: &Table, rules: &[ColumnRule], roles: &[&Expression]) -> Reader {
    let roles: Vec<_> = roles.iter().map(|role| std::slice::from_ref(*role)).collect();
    let ground = Ground { lookups: Some(&opened.lookups), ..Ground::of(table, rules) };
    Reader::new(ground, &roles)
}

fn scan(
    opened: &Opened,
    source: &str,
    table: usize,
    cancel: &Cancel,
    told: &mut dyn FnMut(Row<'_>) -> ControlFlow<()>,
) -> Result<(), Failure> {
    let mut looked = |_, _| if cancel.is_cancelled() { Break(()) } else { Continue(()) };
    opened.database.scan(table, &mut looked, &mut |row| match cancel.is_cancelled() {
        true => Break(()),
        false => told(row),
    })?;
    crate::sources::cancelled(source, cancel)
}
