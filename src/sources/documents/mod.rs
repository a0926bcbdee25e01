//! JSON that is not generic lines: arrays, objects spread over lines, and the exports of known tools.
//!
//! What a document is, is told from its beginning (`glance`). `walker` finds its records wherever they stand, in place and
//! with a bounded piece in memory; a [`format::Format`] says which events they are. Documents whose order is that of their
//! events are indexed while they are read (`in_place`), the others are sorted first (`ordered`).
//!
//! It is not the reader of JSON Lines: those keep their own fast path in `sources::files`, and nothing here claims them.

mod atom;
mod cloudevents;
mod cursor;
mod debezium;
mod dynamodb;
mod encoded;
mod export;
mod format;
mod generic;
mod glance;
mod in_place;
mod kafka;
mod opening;
mod ordered;
mod records;
mod redux;
mod refined;
mod scan;
mod temporal;
mod walker;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use bytes::Bytes;

pub use self::export::{export_files, is_export, open_export};

use self::dynamodb::Shape;
use self::format::{Format, Sorting};
use self::glance::{Kind, glance};
use self::records::Documents;
use self::walker::{Framing, Step, Walker};
use super::Source;
use super::cache::{self, Keeper};
use super::input::Input;
use super::open::OpenOptions;
use crate::domain::{Failure, FailureKind};

/// From how many records is told what their fields are like.
const SAMPLE: usize = 128;
/// How far into a document without a readable record at its beginning one is looked for.
const SEARCH: u64 = 256 << 20;

/// Whether the beginning of a file is a document of this module, rather than generic lines.
pub fn claims(head: &[u8], whole: bool) -> bool {
    glance(head, whole).is_some_and(|glance| glance.kind != Kind::Lines)
}

/// Opens one.
///
/// # Errors
/// When it cannot be read or holds no events.
pub fn open(input: Input, options: &OpenOptions) -> Result<Arc<dyn Source>, Failure> {
    let (head, whole) = input.head()?;
    let Some(glance) = glance(&head, whole) else {
        return Err(failure(&input, FailureKind::Malformed, "it is no JSON document"));
    };
    let framing = if glance.by_line { Framing::Lines } else { Framing::Values };
    match glance.kind {
        Kind::Generic => opening::generic(input, framing, options),
        Kind::Lines if opening::is_mapped_into_text(&input, options)? => lines_in_text(input, options),
        Kind::Lines => super::files::open(input, options),
        Kind::CloudEvents => opening::cloud_events(input, glance, framing, options),
        Kind::Kcat => opening::kcat(input, framing, options),
        Kind::Debezium => opening::debezium(input, framing, options),
        Kind::DynamoFull => opening::dynamo_db(vec![input], framing, Shape::Full, options),
        Kind::DynamoIncremental => opening::dynamo_db(vec![input], framing, Shape::Incremental, options),
        Kind::DynamoScan => opening::dynamo_db(vec![input], Framing::Under("Items"), Shape::Scan, options),
        Kind::AtomPages => opening::atom(input, Framing::Under("entries"), options),
        Kind::AtomEntries => opening::atom(input, framing, options),
        Kind::TemporalHistory => opening::temporal(input, Framing::Under("events"), options),
        Kind::TemporalEvents => opening::temporal(input, framing, options),
        Kind::ReduxLifted | Kind::ReduxExport if options.map.is_some() => {
            let why = "what an action of Redux DevTools is, is said by the document: --map has nothing to say of it";
            Err(failure(&input, FailureKind::Usage, why))
        }
        Kind::ReduxLifted => redux::open(&input, false),
        Kind::ReduxExport => redux::open(&input, true),
    }
}

pub use opening::is_mapped_into_text;

/// Opens a file of lines by a map that leads into JSON that stands in them as text.
///
/// # Errors
/// As [`open`].
pub fn lines_in_text(input: Input, options: &OpenOptions) -> Result<Arc<dyn Source>, Failure> {
    opening::generic(input, Framing::Lines, options)
}

fn failure(input: &Input, kind: FailureKind, why: &str) -> Failure {
    Failure::new(kind, input.feed.name(), "open", why)
}

/// The first records of a document, as far as they have arrived: nobody waits for the rest of a pipe.
fn sample(input: &Input, framing: &Framing) -> Result<Vec<Vec<u8>>, Failure> {
    let (head, whole) = input.head()?;
    let records = walked(input, framing, head.len() as u64, SAMPLE)?;
    // The first record may be larger than the head.
    let search = if input.packed.is_empty() { SEARCH } else { input.allowance.search(cursor::MAX_RECORD as u64) };
    match records.is_empty() && !whole {
        true => walked(input, framing, search, 1),
        false => Ok(records),
    }
}

/// So many complete records before an offset.
fn walked(input: &Input, framing: &Framing, upto: u64, most: usize) -> Result<Vec<Vec<u8>>, Failure> {
    let stop = AtomicBool::new(false);
    let start = records::beginning(&input.feed)?;
    let mut walker = Walker::new(&input.feed, &stop, framing.clone(), start).within(upto);
    let mut records = Vec::new();
    while records.len() < most {
        match walker.next(&mut |_| true)? {
            // The last line before the offset may be cut.
            Step::Record(_, text) if *framing != Framing::Lines || walker::value_end(&text).is_some() => {
                records.push(text)
            }
            Step::End => break,
            _ => {}
        }
    }
    Ok(records)
}

/// All of a document that is read as a whole, its line breaks blanked.
fn whole(input: &Input, most: u64) -> Result<Bytes, Failure> {
    input.recognised();
    let (feed, stop) = (&input.feed, AtomicBool::new(false));
    let mut upto = 0;
    loop {
        let arrived = feed.wait_beyond(upto, &stop);
        if let Some(failed) = arrived.failed {
            return Err(failed);
        }
        upto = arrived.upto;
        if upto > most {
            let why = format!("it is larger than {} MiB, and a document like this is read as a whole", most >> 20);
            return Err(failure(input, FailureKind::Unsupported, &why));
        }
        if arrived.finished {
            break;
        }
    }
    let start = records::beginning(feed)?;
    let mut bytes = vec![0; (upto - start) as usize];
    let count = feed.read_at(start, &mut bytes).map_err(|e| feed.failure(&e))?;
    bytes.truncate(count);
    Ok(Bytes::from(unbroken(bytes)))
}

/// JSON without line breaks between its tokens; one inside a string, where none may be, stays.
fn unbroken(mut text: Vec<u8>) -> Vec<u8> {
    if memchr::memchr(b'\n', &text).is_some() {
        let _ = scan::Scanner::default().scan(&mut text, 0);
    }
    text
}

/// Puts a format behind a source. Of several inputs the first gives the name.
fn source(
    inputs: &[Input],
    framing: Framing,
    format: impl Format,
    options: &OpenOptions,
) -> Result<Arc<dyn Source>, Failure> {
    let input = &inputs[0];
    let mut about = format.about();
    // What is known without the records is what was decided about reading them; a stream may be called like the file.
    let decided = cache::hash(format!("{:?} {about:?} {}", options.map, input.stem).as_bytes());
    let keeper = match inputs {
        [one] => Keeper::new(options, one, format!("documents {framing:?} {decided:016x}")),
        _ => None,
    };
    about.name.clone_from(&input.name);
    let packed = input.packed.iter().map(|packing| format!("unpacked from {packing}"));
    about.reasons = packed.chain(about.reasons).collect();
    inputs.iter().for_each(Input::recognised);
    let sorted = format.sorting() != Sorting::None;
    let feeds = inputs.iter().map(|input| input.feed.clone()).collect();
    let documents = Documents::new(input.feed.name().into(), feeds, framing, Arc::new(format), about, keeper);
    if sorted { ordered::open(documents) } else { in_place::open(documents) }
}
