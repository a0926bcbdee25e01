//! JSON that is not generic lines: arrays, objects spread over lines, and the exports of known tools.
//!
//! What a document is, is told from its beginning (`glance`). `walker` finds its records wherever they stand, in place and
//! with a bounded piece in memory; a [`format::Format`] says which events they are. Documents whose order is that of their
//! events are indexed while they are read (`in_place`), the others are sorted first (`ordered`).
//!
//! It is not the reader of JSON Lines: those keep their own fast path in `sources::files`, and nothing here claims them.

mod cloudevents;
mod cursor;
mod encoded;
mod format;
mod generic;
mod glance;
mod in_place;
mod ordered;
mod records;
mod redux;
mod scan;
mod walker;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use bytes::Bytes;

use self::cloudevents::{CloudEvents, Sequence};
use self::format::Format;
use self::generic::Generic;
use self::glance::{Glance, Kind, glance};
use self::records::Documents;
use self::walker::{Framing, Step, Walker};
use super::Source;
use super::files::mapping::{Overrides, Sample, guess};
use super::input::{HEAD, Input};
use super::open::OpenOptions;
use crate::domain::{About, Failure, FailureKind};

/// From how many records is told what their fields are like.
const SAMPLE: usize = 128;

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
    if options.map.is_some() {
        // Whoever says which field is which is told nothing else.
        return match glance.by_line {
            true => super::files::open(input, options),
            false => generic(input, Framing::Values, options),
        };
    }
    let framing = if glance.by_line { Framing::Lines } else { Framing::Values };
    match glance.kind {
        Kind::Generic => generic(input, framing, options),
        Kind::CloudEvents => cloud_events(input, glance, framing),
        Kind::ReduxLifted => redux::open(&input, false),
        Kind::ReduxExport => redux::open(&input, true),
        _ => Err(failure(&input, FailureKind::Unsupported, "this document cannot be read yet")),
    }
}

/// Whether a directory is the export of a known tool (DynamoDB).
pub fn is_export(_directory: &Path) -> bool {
    false
}

/// Opens one.
///
/// # Errors
/// As [`open`].
pub fn open_export(directory: &Path, _options: &OpenOptions) -> Result<Arc<dyn Source>, Failure> {
    let name = directory.display().to_string();
    Err(Failure::new(FailureKind::Unsupported, name, "open", "exports cannot be read yet"))
}

fn failure(input: &Input, kind: FailureKind, why: &str) -> Failure {
    Failure::new(kind, input.feed.name(), "open", why)
}

/// The first records of a document, as far as they have arrived: nobody waits for the rest of a pipe.
fn sample(input: &Input, framing: &Framing) -> Result<Vec<Vec<u8>>, Failure> {
    let (head, whole) = input.head()?;
    let records = walked(input, framing, head.len() as u64)?;
    if !records.is_empty() || whole {
        return Ok(records);
    }
    // The first record may be larger than the head.
    let stop = AtomicBool::new(false);
    let mut upto = HEAD;
    loop {
        upto *= 4;
        let arrived = input.feed.wait_beyond(upto - 1, &stop);
        let records = walked(input, framing, arrived.upto.min(upto))?;
        if !records.is_empty() || arrived.upto < upto || upto > cursor::MAX_RECORD as u64 {
            return Ok(records);
        }
    }
}

/// The complete records before an offset.
fn walked(input: &Input, framing: &Framing, upto: u64) -> Result<Vec<Vec<u8>>, Failure> {
    let stop = AtomicBool::new(false);
    let start = records::beginning(&input.feed)?;
    let mut walker = Walker::new(&input.feed, &stop, framing.clone(), start).within(upto);
    let mut records = Vec::new();
    while records.len() < SAMPLE {
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

/// Puts a format behind a source.
fn source(input: Input, framing: Framing, format: impl Format) -> Result<Arc<dyn Source>, Failure> {
    let mut about = format.about();
    about.name.clone_from(&input.name);
    let packed = input.packed.iter().map(|packing| format!("unpacked from {packing}"));
    about.reasons = packed.chain(about.reasons).collect();
    let sorted = format.is_sorted();
    let documents =
        Documents::new(input.feed.name().into(), vec![input.feed.clone()], framing, Arc::new(format), about);
    if sorted { ordered::open(documents) } else { in_place::open(documents) }
}

/// Records of any shape, by a guess.
fn generic(input: Input, framing: Framing, options: &OpenOptions) -> Result<Arc<dyn Source>, Failure> {
    let overrides = match &options.map {
        Some(map) => Overrides::parse(map)
            .map_err(|why| Failure::new(FailureKind::Usage, format!("--map {map}"), "understand", why))?,
        None => Overrides::default(),
    };
    let records = sample(&input, &framing)?;
    let mut sample = Sample::default();
    for record in &records {
        sample.add(record);
    }
    if sample.records() == 0 {
        return Err(failure(&input, FailureKind::Malformed, "there is no JSON object in it that is complete"));
    }
    let guessed = guess(&sample, &overrides, &input.stem).map_err(|fields| {
        let why = format!("no events were recognised in it; its records have these fields:\n  {}", fields.join("\n  "));
        failure(&input, FailureKind::Malformed, &why)
            .hint("say which is which: --map stream=.FIELD,type=.FIELD,version=.FIELD,time=.FIELD,data=.FIELD")
    })?;
    let (head, _) = input.head()?;
    let is_array = head.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&head).trim_ascii_start().starts_with(b"[");
    let kind = if is_array { "JSON array" } else { "JSON objects" };
    let mut reasons = vec![format!("{kind}: {} records looked at", sample.records())];
    reasons.extend(guessed.reasons);
    let caveats = guessed.caveats.iter().map(|caveat| caveat.replace("by line", "by record")).collect();
    let about = About { kind: kind.into(), reasons, caveats, ..About::default() };
    source(input, framing, Generic::new(guessed.mapping, about))
}

fn cloud_events(input: Input, glance: Glance, framing: Framing) -> Result<Arc<dyn Source>, Failure> {
    let records = sample(&input, &framing)?;
    let mut sample = Sample::default();
    for record in &records {
        sample.add(record);
    }
    let said = Overrides::parse("stream=.subject,type=.type,data=.data").unwrap_or_default();
    let guessed = guess(&sample, &said, &input.stem).ok().map(|guessed| guessed.mapping);
    let is_sequence = |path: &Option<super::files::mapping::FieldPath>| {
        path.as_ref().is_some_and(|path| matches!(path.keys(), [key] if key == "sequence"))
    };
    let sequence = match &guessed {
        Some(mapping) if is_sequence(&mapping.version) => Sequence::Subject,
        Some(mapping) if is_sequence(&mapping.position) => Sequence::Store,
        _ => Sequence::None,
    };
    let has = |field: &str| {
        let path = super::files::mapping::FieldPath::new([field]);
        sample.field(&path).is_some_and(|field| field.count() > 0)
    };
    let mut caveats = Vec::new();
    if !has("subject") && !has("streamid") {
        caveats.push("no subjects: the source of an event is its stream".into());
    }
    let mut mapping: Vec<(String, String)> = vec![
        ("stream".into(), if has("streamid") { "streamid" } else { "subject, else source" }.into()),
        ("type".into(), "type".into()),
    ];
    match sequence {
        Sequence::Subject => mapping.push(("version".into(), "sequence: it grows within each subject".into())),
        _ if has("streamversion") => mapping.push(("version".into(), "streamversion".into())),
        _ => caveats.push("no versions: counted from 1 in each stream".into()),
    }
    match sequence {
        Sequence::Store => mapping.push(("position".into(), "sequence: it grows through the file".into())),
        _ => caveats.push("no position: shown in file order".into()),
    }
    let shape = if glance.by_line { "one a line" } else { "in a batch" };
    let reasons = vec![format!("CloudEvents, {shape}: `specversion`, `id`, `source` and `type` in each")];
    let about = About { kind: "CloudEvents".into(), reasons, caveats, mapping, ..About::default() };
    source(input, framing, CloudEvents { sequence, about })
}
