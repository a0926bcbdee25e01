//! What is kept of a dump in text between two runs: its tables, where their rows lie and how they are written. With it the
//! dump need not be read through to find them.
//!
//! Invariant: whatever the bytes say, what is made of them names no place behind the end of the dump and no column that is
//! not there; else it is nothing.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use super::catalogue::{Head, Stored};
use super::database::Dump;
use super::encoding::Encoding;
use super::large::{LargeObjects, Pieces};
use super::rows::{Form, Kind, Section, Slot};
use super::tokens::Name;
use super::values::MOST_COLUMNS;
use super::walk::{Dialect, Syntax};
use crate::sources::cache::{Kept, Sequence};
use crate::sources::index::saved::{Reader, Writer};
use crate::sources::input::Input;
use crate::sources::tables::{Column, Table};

/// What is one of a few, as a number.
trait Numbered: Sized {
    fn number(self) -> u64;
    fn numbered(number: u64) -> Option<Self>;
}

macro_rules! numbered {
    ($kind:ident: $($variant:ident $number:literal),*) => {
        impl Numbered for $kind {
            fn number(self) -> u64 {
                match self {
                    $(Self::$variant => $number),*
                }
            }

            fn numbered(number: u64) -> Option<Self> {
                match number {
                    $($number => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

numbered!(Dialect: Postgres 0, Mysql 1, Sqlite 2);
numbered!(Form: Copy 0, Inserts 1);
numbered!(Kind: Plain 0, Integer 1, Bytea 2, Bytes 3);
numbered!(Encoding: AsIs 0, Latin1 1, Latin9 2, Windows1252 3);

/// Tells a dump.
///
/// # Errors
/// Of the operating system.
pub fn save(dump: &Dump, out: &mut Kept<'_>) -> io::Result<()> {
    out.written(|out| out.bytes(dump.kind.as_bytes()))?;
    for sentences in [&dump.reasons, &dump.caveats, &dump.losses] {
        out.list(sentences, |out, sentence| out.bytes(sentence.as_bytes()))?;
    }
    out.list(&dump.tables, write_table)?;
    let sections: Vec<(usize, &Section)> = dump
        .sections
        .iter()
        .enumerate()
        .flat_map(|(table, of)| of.iter().map(move |section| (table, section)))
        .collect();
    // Many stretches of rows begin alike and have their values in the same places: each of those is told once.
    let (mut heads, mut slots) = (Shared::default(), Shared::default());
    let numbers: Vec<(u64, u64)> =
        sections.iter().map(|(_, section)| (heads.number(&section.head), slots.number(&section.slots))).collect();
    out.list(&heads.each, |out, head| write_head(out, head))?;
    out.list(&slots.each, |out, slots| write_slots(out, slots))?;
    let sections: Vec<_> = sections.into_iter().zip(numbers).collect();
    out.list(&sections, |out, &((table, section), (head, slots))| {
        for number in [table as u64, head, slots, section.start, section.end] {
            out.number(number);
        }
        out.number(section.form.number());
        write_syntax(out, section.syntax);
        out.number(section.encoding.number());
        write_count(out, section.rows);
    })?;
    match &dump.large {
        LargeObjects::Text(pieces) => pieces.save(out),
        // Dumps in text have no others.
        LargeObjects::None | LargeObjects::Blocks(_) => Err(io::Error::other("it is no dump in text")),
    }
}

/// A dump in this input, of which `save` told; `None` when that is none.
pub fn load(input: &Input, front: &mut Sequence) -> Option<Dump> {
    let kind = front.read(text)?;
    let (reasons, caveats, losses) = (front.list(text)?, front.list(text)?, front.list(text)?);
    let tables = front.list(read_table)?;
    let heads: Vec<Arc<Head>> = front.list(|read| read_head(read).map(Arc::new))?;
    let slots: Vec<Arc<[Slot]>> = front.list(|read| read_slots(read).map(Arc::from))?;
    let length = input.feed.arrived().upto;
    let mut stored: Vec<Stored> = tables.into_iter().map(|table| Stored { table, sections: Vec::new() }).collect();
    let number = |read: &mut Reader<'_>| usize::try_from(read.number()?).ok();
    let found = front.list(|read| {
        let (table, head, slots) = (number(read)?, heads.get(number(read)?)?, slots.get(number(read)?)?);
        let (start, end) = (read.number()?, read.number()?);
        let columns = stored.get(table)?.table.columns.len();
        let section = Section {
            head: head.clone(),
            bytes: input.feed.clone(),
            own: false,
            start,
            end,
            form: Form::numbered(read.number()?)?,
            syntax: read_syntax(read)?,
            encoding: Encoding::numbered(read.number()?)?,
            slots: slots.clone(),
            columns,
            rows: read_count(read)?,
        };
        let placed = slots.iter().all(|slot| slot.column.is_none_or(|column| column < columns));
        (start <= end && end <= length && placed).then_some((table, section))
    })?;
    for (table, section) in found {
        let sections = &mut stored[table].sections;
        // A row is looked for in the last one that begins before it.
        if sections.last().is_some_and(|last| last.start > section.start) {
            return None;
        }
        sections.push(section);
    }
    let large = LargeObjects::Text(Pieces::load(front, input.feed.clone(), input.feed.name(), length)?);
    let mut dump = Dump::new(kind, stored, large, input);
    (dump.reasons, dump.caveats, dump.losses) = (reasons, caveats, losses);
    Some(dump)
}

/// Things that several stretches of rows share, each once.
struct Shared<'a, T: ?Sized> {
    each: Vec<&'a Arc<T>>,
    numbers: HashMap<*const T, u64>,
}

impl<T: ?Sized> Default for Shared<'_, T> {
    fn default() -> Self {
        Self { each: Vec::new(), numbers: HashMap::new() }
    }
}

impl<'a, T: ?Sized> Shared<'a, T> {
    fn number(&mut self, thing: &'a Arc<T>) -> u64 {
        *self.numbers.entry(Arc::as_ptr(thing)).or_insert_with(|| {
            self.each.push(thing);
            self.each.len() as u64 - 1
        })
    }
}

/// A number that may be missing, one higher.
fn write_count(out: &mut Writer, count: Option<u64>) {
    out.number(count.map_or(0, |count| count.saturating_add(1)));
}

fn read_count(read: &mut Reader<'_>) -> Option<Option<u64>> {
    Some(read.number()?.checked_sub(1))
}

fn text(read: &mut Reader<'_>) -> Option<String> {
    String::from_utf8(read.bytes()?.to_vec()).ok()
}

fn write_texts<'a>(out: &mut Writer, texts: impl ExactSizeIterator<Item = &'a String>) {
    out.number(texts.len() as u64);
    texts.for_each(|text| out.bytes(text.as_bytes()));
}

fn texts(read: &mut Reader<'_>) -> Option<Vec<String>> {
    (0..read.number()?).map(|_| text(read)).collect()
}

fn write_table(out: &mut Writer, table: &Table) {
    write_texts(out, table.schema.as_slice().iter());
    out.bytes(table.name.as_bytes());
    write_count(out, table.rows);
    write_texts(out, table.columns.iter().map(|column| &column.name));
    write_texts(out, table.columns.iter().map(|column| &column.declared));
    out.number(table.unique.len() as u64);
    table.unique.iter().for_each(|columns| write_texts(out, columns.iter()));
}

fn read_table(read: &mut Reader<'_>) -> Option<Table> {
    let (schema, name, rows) = (texts(read)?.pop(), text(read)?, read_count(read)?);
    let (names, declared) = (texts(read)?, texts(read)?);
    let unique = (0..read.number()?).map(|_| texts(read)).collect::<Option<_>>()?;
    let alike = names.len() == declared.len() && names.len() <= MOST_COLUMNS;
    let columns = names.into_iter().zip(declared).map(|(name, declared)| Column { name, declared }).collect();
    alike.then_some(Table { schema, name, columns, rows, unique })
}

fn write_head(out: &mut Writer, head: &Head) {
    write_texts(out, head.name.schema.as_slice().iter());
    out.bytes(head.name.name.as_bytes());
    out.number(u64::from(head.columns.is_some()));
    write_texts(out, head.columns.as_deref().unwrap_or_default().iter());
}

fn read_head(read: &mut Reader<'_>) -> Option<Head> {
    let name = Name { schema: texts(read)?.pop(), name: text(read)? };
    let named = read.number()? == 1;
    let columns = Some(texts(read)?).filter(|_| named);
    Some(Head { name, columns })
}

fn write_slots(out: &mut Writer, slots: &[Slot]) {
    out.number(slots.len() as u64);
    for slot in slots {
        write_count(out, slot.column.map(|column| column as u64));
        out.number(slot.kind.number());
    }
}

fn read_slots(read: &mut Reader<'_>) -> Option<Vec<Slot>> {
    let slot = |read: &mut Reader<'_>| {
        let column = read_count(read)?.map(usize::try_from).transpose().ok()?;
        Some(Slot { column, kind: Kind::numbered(read.number()?)? })
    };
    (0..read.number()?).map(|_| slot(read)).collect()
}

/// How text is to be read, as a number.
pub fn write_syntax(out: &mut Writer, syntax: Syntax) {
    out.number(syntax.dialect.number() << 1 | u64::from(syntax.backslash));
}

/// The same, read back.
pub fn read_syntax(read: &mut Reader<'_>) -> Option<Syntax> {
    let number = read.number()?;
    Some(Syntax { dialect: Dialect::numbered(number >> 1)?, backslash: number & 1 == 1 })
}
