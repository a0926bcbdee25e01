//! Dumps in PostgreSQL's custom format, what `pg_dump -Fc` writes, read without `pg_restore`.
//!
//! The table of contents says which tables there are; their rows are read as those of a dump in text, from what is
//! unpacked of them. Checked with files of `pg_dump` 15 (not compressed, zlib) and 17 (zlib, LZ4, Zstandard); what other
//! versions write only with files made by the tests from the format's description.

pub mod contents;
pub mod format;
mod objects;
#[cfg(test)]
pub mod tests;
pub mod unpack;

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use self::contents::{Contents, Lies};
use self::format::{Container, Data, Header, Reader};
use self::objects::Objects;
use self::unpack::{Pieces, Spool, Unpacked, unpacker};
use super::database::Dump;
use super::large::LargeObjects;
use super::text::Pass;
use super::walk::Dialect;
use super::window::{Halt, STRIDE, Window};
use crate::domain::{Failure, FailureKind};
use crate::sources::input::Input;
use crate::sources::tables::Database;

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
    whole(input, &mut window).map_err(|halt| halt.failure(input.feed.name()))
}

fn whole(input: &Input, window: &mut Window<'_>) -> Result<Dump, Halt> {
    let source = input.feed.name();
    let mut pass = Pass::new(input.feed.clone(), Dialect::Postgres, source);
    let contents = Contents::read(window, source, Container::Custom, &mut pass)?;
    // So that whoever reads rows later need not wait for them.
    while !input.feed.arrived().finished {
        let upto = input.feed.arrived().upto;
        window.go(upto, u64::MAX);
        window.more(upto)?;
    }
    let (blocks, cut) = blocks(window, source, &contents)?;
    let (int_size, compression) = (contents.header.int_size, contents.header.compression);
    let spool = Arc::new(Spool::of(input, input.feed.arrived().upto));
    let mut starts = Vec::new();
    for entry in &contents.with_data {
        match blocks.get(&entry.id) {
            Some(&(OBJECTS, start)) => starts.push(start),
            Some(&(_, start)) => {
                let feed = input.feed.clone();
                let bytes = Unpacked::new(source, spool.clone(), move || {
                    unpacker(Pieces::new(feed.clone(), int_size, start), compression)
                });
                contents::add(&mut pass, entry, Lies::own(Arc::new(bytes)))?;
            }
            None => pass.catalogue.loss(format!("the rows of `{}` are not in it", entry.tag)),
        }
    }
    if cut {
        pass.catalogue.loss("it was cut: what is behind the cut is missing");
    }
    let objects = Objects::new(input.feed.clone(), &contents.header, starts);
    let large = LargeObjects::Blocks(Box::new(objects));
    Ok(finish(input, &contents, pass, "PostgreSQL dump, custom format", large))
}

/// A dump of what was found.
pub fn finish(input: &Input, contents: &Contents, pass: Pass, kind: &str, large: LargeObjects) -> Dump {
    let mut catalogue = pass.catalogue;
    let stored = catalogue.finish();
    let rows = stored.iter().filter(|stored| !stored.sections.is_empty()).count();
    let mut dump = Dump::new(kind.into(), stored, large, input);
    dump.reasons = input.packed.iter().map(|packing| format!("unpacked from {packing}")).collect();
    dump.reasons.extend(contents.reasons());
    dump.reasons.push(format!("{} tables, {rows} of them with rows", dump.tables().len()));
    (dump.caveats, dump.losses) = (catalogue.caveats, catalogue.losses);
    dump
}

/// Where the pieces of each entry's data begin and what they are, and whether the dump ends too early.
type Blocks = (HashMap<u64, (u8, u64)>, bool);

fn blocks(window: &mut Window<'_>, source: &str, contents: &Contents) -> Result<Blocks, Halt> {
    let Contents { header: Header { int_size, .. }, with_data: entries, end } = contents;
    let mut found = HashMap::new();
    for entry in entries {
        let Data::At(at) = entry.data else { break };
        let mut reader = Reader::new(window, source, at, *int_size);
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
    let wanted: HashSet<u64> = entries.iter().map(|entry| entry.id).collect();
    let mut reader = Reader::new(window, source, *end, *int_size);
    loop {
        match block(&mut reader, &wanted, &mut found) {
            Ok(true) => {}
            Ok(false) => return Ok((found, false)),
            Err(Halt::Failed(failure)) if failure.kind == FailureKind::Malformed => return Ok((found, true)),
            Err(halt) => return Err(halt),
        }
    }
}

/// Passes a block; `false` behind the last.
fn block(
    reader: &mut Reader<'_, '_>,
    wanted: &HashSet<u64>,
    found: &mut HashMap<u64, (u8, u64)>,
) -> Result<bool, Halt> {
    if reader.is_at_end()? {
        return Ok(false);
    }
    let kind = reader.byte()?;
    let id = reader.int()?;
    let Ok(id) = u64::try_from(id) else { return Err(reader.malformed("a block has no number there can be")) };
    if !matches!(kind, ROWS | OBJECTS) {
        return Err(reader.malformed("a block is of no kind there is"));
    }
    if wanted.contains(&id) {
        found.insert(id, (kind, reader.at()));
    }
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
