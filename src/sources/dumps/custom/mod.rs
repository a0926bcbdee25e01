//! Dumps in PostgreSQL's custom format, what `pg_dump -Fc` writes, read without `pg_restore`.
//!
//! The table of contents says which tables there are; their rows are read as those of a dump in text, from what is
//! unpacked of them. Checked with files of `pg_dump` 15 (not compressed, zlib); LZ4 and Zstandard and the versions of
//! `pg_dump` 16 to 18 only with files made by the tests from the format's description.

mod format;
mod objects;
#[cfg(test)]
mod tests;
mod unpack;

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use self::format::{Data, Entry, Header, Reader};
use self::objects::Objects;
use self::unpack::{Spool, Unpacked};
use super::catalogue::{Catalogue, Found, Head};
use super::database::Dump;
use super::large::LargeObjects;
use super::rows::{self, Form};
use super::schema::{self, Statement};
use super::text::{Pass, first_row};
use super::tokens::Name;
use super::walk::{Dialect, after_blanks};
use super::window::{Bytes, Halt, STRIDE, Window};
use crate::domain::{Failure, FailureKind};
use crate::sources::input::Input;
use crate::sources::tables::Database;

/// What the names and statements of entries with data may take together.
const MOST_TEXT: usize = 32 << 20;
/// A block of rows, and one of large objects.
const ROWS: u8 = 1;
const OBJECTS: u8 = 3;

/// Opens a custom dump.
///
/// # Errors
/// When it cannot be read, or nobody wants it any more.
pub fn open(input: &Input, looked: &mut dyn FnMut(u64, u64) -> ControlFlow<()>) -> Result<Dump, Failure> {
    let mut seen = |at: u64| looked(at, input.feed.arrived().upto.max(at));
    let mut window = Window::new(&*input.feed, 0, u64::MAX, STRIDE / 4, &mut seen);
    match contents(input, &mut window) {
        Ok(dump) => Ok(dump),
        Err(Halt::Failed(failure)) => Err(failure),
        Err(Halt::Unwanted) => {
            let why = "nobody wants it any more";
            Err(Failure::new(FailureKind::Cancelled, input.feed.name(), "open", why))
        }
    }
}

fn contents(input: &Input, window: &mut Window<'_>) -> Result<Dump, Halt> {
    let source = input.feed.name();
    let mut reader = Reader::new(window, source, 0, 4);
    let header = reader.header()?;
    let mut pass = Pass::new(input.feed.clone(), Dialect::Postgres, source);
    let mut with_data = Vec::new();
    let mut text = 0;
    for _ in 0..reader.count()? {
        let entry = reader.entry(&header)?;
        pass.catalogue.search(&entry.schema);
        if !entry.definition.is_empty() {
            pass.read(&entry.definition)?;
        }
        let is_data = matches!(entry.desc.as_str(), "TABLE DATA" | "BLOBS");
        if is_data && entry.data != Data::None {
            text += entry.tag.len() + entry.schema.len() + entry.copy.len() + 256;
            if text > MOST_TEXT {
                return Err(reader.malformed("its table of contents is longer than one can be"));
            }
            with_data.push(Entry { definition: Vec::new(), ..entry });
        }
    }
    let end = reader.at();
    // So that whoever reads rows later need not wait for them.
    while !input.feed.arrived().finished {
        let upto = input.feed.arrived().upto;
        window.go(upto, u64::MAX);
        window.more(upto)?;
    }
    let (blocks, cut) = blocks(window, source, &header, &with_data, end)?;
    let spool: Arc<Spool> = Arc::default();
    let mut starts = Vec::new();
    for entry in with_data {
        match blocks.get(&entry.id) {
            Some(&(OBJECTS, start)) => starts.push(start),
            Some(&(_, start)) => {
                let compression = header.compression;
                let bytes = Unpacked::new(input.feed.clone(), spool.clone(), header.int_size, start, compression);
                add(&mut pass, &entry, Arc::new(bytes))?;
            }
            None => pass.catalogue.caveat(format!("the rows of `{}` are not in it", entry.tag)),
        }
    }
    if cut {
        pass.catalogue.caveat("it was cut: what is behind the cut is missing");
    }
    finish(input, &header, pass.catalogue, starts)
}

fn finish(input: &Input, header: &Header, mut catalogue: Catalogue, starts: Vec<u64>) -> Result<Dump, Halt> {
    let stored = catalogue.finish();
    let rows = stored.iter().filter(|stored| !stored.sections.is_empty()).count();
    let objects = Objects::new(input.feed.clone(), header, starts);
    let large = LargeObjects::Blocks(Box::new(objects));
    let mut dump = Dump::new("PostgreSQL dump, custom format".into(), stored, large, input.path.clone());
    dump.reasons = input.packed.iter().map(|packing| format!("unpacked from {packing}")).collect();
    dump.reasons.push(format!("database {} of PostgreSQL {}", header.database, header.server));
    dump.reasons.push(format!(
        "dumped by pg_dump {}, format 1.{}, {}",
        header.dumper,
        header.version,
        header.compression.name()
    ));
    dump.reasons.push(format!("{} tables, {rows} of them with rows", dump.tables().len()));
    dump.caveats = catalogue.caveats;
    Ok(dump)
}

/// Where the pieces of each entry's data begin and what they are, and whether the dump ends too early.
type Blocks = (HashMap<u64, (u8, u64)>, bool);

fn blocks(window: &mut Window<'_>, source: &str, header: &Header, entries: &[Entry], end: u64) -> Result<Blocks, Halt> {
    let mut found = HashMap::new();
    for entry in entries {
        let Data::At(at) = entry.data else { break };
        let mut reader = Reader::new(window, source, at, header.int_size);
        match (reader.byte(), reader.int()) {
            (Ok(kind @ (ROWS | OBJECTS)), Ok(id)) if u64::try_from(id) == Ok(entry.id) => {
                found.insert(entry.id, (kind, reader.at()));
            }
            (Err(Halt::Unwanted), _) | (_, Err(Halt::Unwanted)) => return Err(Halt::Unwanted),
            _ => break,
        }
    }
    if found.len() == entries.len() {
        return Ok((found, false));
    }
    // Where they are is not said, or not so: they are looked for from the first on.
    found.clear();
    let mut reader = Reader::new(window, source, end, header.int_size);
    loop {
        match block(&mut reader, &mut found) {
            Ok(true) => {}
            Ok(false) => return Ok((found, false)),
            Err(Halt::Failed(failure)) if failure.kind == FailureKind::Malformed => return Ok((found, true)),
            Err(halt) => return Err(halt),
        }
    }
}

/// Passes a block; `false` behind the last.
fn block(reader: &mut Reader<'_, '_>, found: &mut HashMap<u64, (u8, u64)>) -> Result<bool, Halt> {
    if reader.is_at_end()? {
        return Ok(false);
    }
    let kind = reader.byte()?;
    let id = reader.int()?;
    let Ok(id) = u64::try_from(id) else { return Err(reader.malformed("a block has no number there can be")) };
    if !matches!(kind, ROWS | OBJECTS) || found.len() > 1 << 20 {
        return Err(reader.malformed("a block is of no kind there is"));
    }
    found.insert(id, (kind, reader.at()));
    match kind {
        ROWS => skip_pieces(reader)?,
        _ => {
            while reader.int()? != 0 {
                skip_pieces(reader)?;
            }
        }
    }
    Ok(true)
}

/// Passes the pieces of a stream.
fn skip_pieces(reader: &mut Reader<'_, '_>) -> Result<(), Halt> {
    loop {
        match u64::try_from(reader.int()?) {
            Ok(0) => return Ok(()),
            Ok(length) => reader.skip(length),
            Err(_) => return Err(reader.malformed("a piece of data has no length there can be")),
        }
    }
}

/// Adds the rows of an entry.
fn add(pass: &mut Pass, entry: &Entry, bytes: Arc<dyn Bytes>) -> Result<(), Halt> {
    pass.catalogue.search(&entry.schema);
    let syntax = pass.syntax;
    let mut values = 0;
    let (head, form) = match schema::statement(&entry.copy, syntax) {
        Statement::Copy(copy) => {
            if let Some(why) = copy.unreadable {
                pass.catalogue.caveat(format!("the rows of `{}` are left out: {why}", entry.tag));
                return Ok(());
            }
            (Head { name: copy.name, columns: copy.columns }, Form::Copy)
        }
        _ => {
            let mut seen = |_| ControlFlow::Continue(());
            let mut window = Window::new(&*bytes, 0, u64::MAX, rows::LONGEST_HEAD / 16, &mut seen);
            let at = after_blanks(&mut window, 0, syntax, &mut |_| ())?;
            let Some(found) = rows::head(&mut window, at, syntax)? else {
                // No rows: what was dumped as INSERT has none to begin with.
                return Ok(());
            };
            let begins = after_blanks(&mut window, at + found.length as u64, syntax, &mut |_| ())?;
            values = first_row(&mut window, begins, syntax)?;
            (Head { name: found.name, columns: found.columns }, Form::Inserts)
        }
    };
    let name = Name { schema: Some(entry.schema.clone()), name: entry.tag.clone() };
    let named =
        if head.name.schema.is_some() { head.name.clone() } else { Name { name: head.name.name.clone(), ..name } };
    let head = Arc::new(Head { name: head.name, columns: head.columns });
    if head.columns.is_some() || pass.catalogue.is_defined(&named) {
        values = 0;
    }
    let encoding = pass.encoding;
    pass.catalogue.add(Found {
        head,
        bytes,
        own: true,
        start: 0,
        end: u64::MAX,
        form,
        syntax,
        encoding,
        values,
        rows: None,
    });
    Ok(())
}
