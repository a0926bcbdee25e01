//! Stores of every layout, as tables in memory: rows as the frameworks write them, with their traps.

mod recognition;
mod stores;

use std::borrow::Cow;
use std::ops::ControlFlow::{self, Break, Continue};
use std::sync::Arc;

use super::records::Tables;
use crate::domain::{Cancel, Event, EventQuery, Failure, Scope};
use crate::sources::Source;
use crate::sources::input::Input;
use crate::sources::open::OpenOptions;
use crate::sources::sorted;
use crate::sources::tables::{Cell, Column, Database, Row, Table};

/// Tables in memory. A place of a row is its number from 1, as a row id is.
#[derive(Clone, Default)]
pub struct Store {
    tables: Vec<Table>,
    rows: Vec<Vec<Vec<Cell<'static>>>>,
    large: Vec<(u64, Vec<u8>)>,
}

impl Store {
    /// One more table: `schema.name`, its columns as `name type`, and rows whose cells are separated by `|`. `\N` is null,
    /// `0x…` bytes, `#…` a number, everything else text.
    pub fn table(mut self, name: &str, columns: &str, rows: &[&str]) -> Self {
        let (schema, name) = match name.split_once('.') {
            Some((schema, name)) => (Some(schema.to_owned()), name),
            None => (None, name),
        };
        let column = |column: &str| {
            let (name, declared) = column.trim().split_once(' ').unwrap_or((column.trim(), ""));
            Column { name: name.into(), declared: declared.into() }
        };
        let columns: Vec<Column> = columns.split(',').map(column).collect();
        let rows: Vec<Vec<Cell<'static>>> = rows
            .iter()
            .map(|row| {
                let cells: Vec<_> = row.split('|').map(|cell| read_cell(cell.trim())).collect();
                assert_eq!(cells.len(), columns.len(), "{name}: {row}");
                cells
            })
            .collect();
        self.tables.push(Table {
            schema,
            name: name.into(),
            columns,
            rows: Some(rows.len() as u64),
            unique: Vec::new(),
        });
        self.rows.push(rows);
        self
    }

    pub fn large_object(mut self, oid: u64, bytes: &[u8]) -> Self {
        self.large.push((oid, bytes.to_vec()));
        self
    }

    /// The same without the types of columns, as in a dump of data only.
    pub fn untyped(mut self) -> Self {
        self.tables.iter_mut().flat_map(|table| &mut table.columns).for_each(|column| column.declared.clear());
        self
    }

    pub fn open(self) -> Arc<dyn Source> {
        self.try_open(&OpenOptions::default()).unwrap()
    }

    pub fn try_open(self, options: &OpenOptions) -> Result<Arc<dyn Source>, Failure> {
        let input = Input::of_pipe(std::io::empty(), "store")?;
        let opener = move |_: &Input, _: &mut dyn FnMut(u64, u64) -> ControlFlow<()>| {
            Ok(Box::new(self.clone()) as Box<dyn Database>)
        };
        let source = sorted::open(Tables::new(input, opener, options.clone()))?;
        source.complete(&Cancel::default(), &mut |_| ())?;
        Ok(source)
    }
}

fn read_cell(text: &str) -> Cell<'static> {
    if text == "\\N" {
        return Cell::Null;
    }
    if let Some(digits) = text.strip_prefix("0x") {
        let hex = super::cells::hexadecimal(format!("\\x{digits}").as_bytes()).unwrap();
        return Cell::Bytes(Cow::Owned(hex));
    }
    if let Some(number) = text.strip_prefix('#') {
        return Cell::Integer(number.parse().unwrap());
    }
    Cell::Text(Cow::Owned(text.as_bytes().to_vec()))
}

impl Database for Store {
    fn kind(&self) -> String {
        "tables in memory".into()
    }

    fn reasons(&self) -> Vec<String> {
        Vec::new()
    }

    fn caveats(&self) -> Vec<String> {
        Vec::new()
    }

    fn tables(&self) -> &[Table] {
        &self.tables
    }

    fn scan(
        &self,
        table: usize,
        looked: &mut dyn FnMut(u64, u64) -> ControlFlow<()>,
        told: &mut dyn FnMut(Row<'_>) -> ControlFlow<()>,
    ) -> Result<(), Failure> {
        for (row, place) in self.rows[table].iter().zip(1..) {
            if looked(place, self.rows[table].len() as u64) == Break(()) || told(Row::Cells(place, row)) == Break(()) {
                break;
            }
        }
        Ok(())
    }

    fn fetch(
        &self,
        table: usize,
        places: &[u64],
        told: &mut dyn FnMut(Row<'_>) -> ControlFlow<()>,
    ) -> Result<(), Failure> {
        for &place in places {
            if told(Row::Cells(place, &self.rows[table][place as usize - 1])) == Break(()) {
                break;
            }
        }
        Ok(())
    }

    fn large_object(&self, oid: u64) -> Result<Option<Vec<u8>>, Failure> {
        Ok(self.large.iter().find(|(other, _)| *other == oid).map(|(_, bytes)| bytes.clone()))
    }
}

/// All events of a scope.
pub fn events(source: &dyn Source, scope: Scope) -> Vec<Arc<Event>> {
    source.events(&EventQuery::first(scope, 1000), &Cancel::default()).unwrap().events
}

/// Events in short: `stream/version@position type data [notes]`, or what is wrong with them.
pub fn short(events: &[Arc<Event>]) -> Vec<String> {
    events
        .iter()
        .map(|event| {
            if let Some(trouble) = &event.trouble {
                return format!("! {trouble}");
            }
            let mut text = format!(
                "{}/{}@{} {} {}",
                event.stream,
                event.version,
                event.position,
                event.event_type,
                event.data.plain().text()
            );
            for note in &event.notes {
                text.push_str(&format!(" [{}]", note.text));
            }
            text
        })
        .collect()
}

/// All events of the store, in short.
pub fn all(source: &dyn Source) -> Vec<String> {
    short(&events(source, Scope::All))
}

/// The events of a stream, in short.
pub fn stream(source: &dyn Source, name: &str) -> Vec<String> {
    short(&events(source, Scope::Stream(name.into())))
}

/// Names and kinds of all streams.
pub fn streams(source: &dyn Source) -> Vec<String> {
    let page = source.streams(0, 1000).unwrap();
    page.streams.iter().map(|stream| format!("{} {}", stream.stream, stream.kind.name())).collect()
}

/// Every snapshot, as `stream/version state`.
pub fn snapshots(source: &dyn Source) -> Vec<String> {
    let mut found = Vec::new();
    source
        .snapshots(&Cancel::default(), &mut |snapshot| {
            let state = snapshot.state.plain();
            found.push(format!("{}/{} {}", snapshot.stream, snapshot.version, state.text()));
            Continue(())
        })
        .unwrap();
    found
}

/// Every declared stream, as `stream/version archived deleted`.
pub fn declared(source: &dyn Source) -> Vec<String> {
    let mut found = Vec::new();
    source
        .declared(&Cancel::default(), &mut |stream| {
            let version = stream.version.map_or("-".into(), |version| version.to_string());
            let flag = |flag: bool, word: &str| if flag { format!(" {word}") } else { String::new() };
            let flags = flag(stream.archived, "archived") + &flag(stream.deleted, "deleted");
            found.push(format!("{}/{version}{flags}", stream.stream));
            Continue(())
        })
        .unwrap();
    found
}
