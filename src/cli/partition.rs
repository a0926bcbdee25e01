//! `stepback export --partition-by`: a store in parts that other machines can fold, with a manifest that says what they are.
//!
//! Events are written once in the order of the store, each to the part of its stream, and then each part is put in order, by
//! stream and within it as the store has it. So the store is read from front to back, and what is kept in memory is where
//! the lines lie. The manifest is written last: a folder without one is not finished.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use clap::ValueEnum;

use crate::domain::part::{self, Part};
use crate::domain::{Event, Failure, Position, Scope, StreamName, words};
use crate::session::Source;
use crate::wire::{push_optional, push_position, push_text};

/// What says what is in a folder of parts.
pub const MANIFEST: &str = "manifest.json";

/// A part up to this size is put in order in memory.
const IN_MEMORY: u64 = 64 << 20;

/// By what a store is parted, as it is written: `stream/64`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PartitionBy {
    /// How many parts there are.
    pub parts: u32,
}

impl FromStr for PartitionBy {
    type Err = String;

    fn from_str(written: &str) -> Result<Self, Self::Err> {
        let parts = written.strip_prefix("stream/").and_then(|parts| parts.parse().ok());
        let parts = parts.ok_or_else(|| format!("{written} is no way to part a store: write stream/64"))?;
        part::check_count(parts)?;
        Ok(Self { parts })
    }
}

/// How parts are written.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, ValueEnum)]
pub enum Format {
    /// JSON Lines
    #[default]
    Jsonl,
    /// Parquet: the columns stream, version, position, id, type, time, and event, which is the JSON line
    Parquet,
}

impl Format {
    fn name(self) -> &'static str {
        match self {
            Self::Jsonl => "jsonl",
            Self::Parquet => "parquet",
        }
    }

    /// Whether this program can write it.
    fn check(self) -> Result<(), Failure> {
        match self {
            Self::Parquet if cfg!(not(feature = "parquet")) => Err(super::usage(
                "this program was built without Parquet",
                "build it with `cargo build --release --features parquet`, or leave --format out",
            )),
            Self::Jsonl | Self::Parquet => Ok(()),
        }
    }
}

/// Where the lines of a part go, in their order.
enum Lines {
    Jsonl(BufWriter<File>),
    #[cfg(feature = "parquet")]
    Parquet(Box<super::parquet::Writer>),
}

impl Lines {
    fn begin(file: File, format: Format) -> io::Result<Self> {
        match format {
            Format::Jsonl => Ok(Self::Jsonl(BufWriter::new(file))),
            #[cfg(feature = "parquet")]
            Format::Parquet => super::parquet::Writer::new(file).map(|writer| Self::Parquet(Box::new(writer))),
            #[cfg(not(feature = "parquet"))]
            Format::Parquet => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    fn add(&mut self, line: &[u8]) -> io::Result<()> {
        match self {
            Self::Jsonl(out) => out.write_all(line),
            #[cfg(feature = "parquet")]
            Self::Parquet(writer) => writer.add(line),
        }
    }

    fn end(self) -> io::Result<()> {
        match self {
            Self::Jsonl(out) => out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all(),
            #[cfg(feature = "parquet")]
            Self::Parquet(writer) => writer.end(),
        }
    }
}

/// A line that is written, in the order of the store.
struct Row {
    /// The number of its stream, among those of all parts.
    stream: u32,
    /// Which of the events of its stream it is.
    rank: u64,
    /// Where it begins, and how long it is.
    offset: u64,
    length: u32,
    is_readable: bool,
}

/// A part that is being written.
struct Writing {
    lines: BufWriter<File>,
    written: u64,
    rows: Vec<Row>,
    last_position: Option<Position>,
}

/// A part that is written.
struct Finished {
    file: String,
    events: u64,
    unreadable: u64,
    streams: u64,
    bytes: u64,
    last_position: Option<Position>,
}

/// Writes a store in parts.
pub struct Partition {
    folder: PathBuf,
    format: Format,
    parts: Vec<Writing>,
    numbers: HashMap<StreamName, u32>,
    names: Vec<StreamName>,
}

impl Partition {
    /// Begins to write into a folder, which must be empty or not be there.
    ///
    /// # Errors
    /// When it is not empty, or cannot be written to, or this program cannot write the format.
    pub fn begin(folder: &Path, by: PartitionBy, format: Format) -> Result<Self, Failure> {
        format.check()?;
        let failed = |error: io::Error| failure(folder, &error);
        fs::create_dir_all(folder).map_err(failed)?;
        if fs::read_dir(folder).map_err(failed)?.next().is_some() {
            let what = format!("{} is not empty: parts are written into an empty folder", shown(folder));
            return Err(super::usage(what, ""));
        }
        let part = |_| {
            let file = tempfile::tempfile_in(folder)?;
            Ok(Writing { lines: BufWriter::new(file), written: 0, rows: Vec::new(), last_position: None })
        };
        let parts = (0..by.parts).map(part).collect::<io::Result<_>>().map_err(failed)?;
        Ok(Self { folder: folder.to_owned(), format, parts, numbers: HashMap::new(), names: Vec::new() })
    }

    /// Adds an event of a stream, as the JSON line it is, with its line feed. `ordinal` is its number in the scope that is
    /// written, from 0.
    ///
    /// # Errors
    /// When it cannot be written, or the source not be asked.
    pub fn add(
        &mut self,
        source: &dyn Source,
        scope: &Scope,
        (ordinal, event): (u64, &Arc<Event>),
        line: &[u8],
    ) -> Result<(), Failure> {
        let names = &mut self.names;
        let stream = *self.numbers.entry(event.stream.clone()).or_insert_with(|| {
            names.push(event.stream.clone());
            // As many streams as an index has rows at most.
            names.len() as u32 - 1
        });
        // Where the stream does not know the event its order is that of the store.
        let rank = source.translate(scope, ordinal, &Scope::Stream(event.stream.clone()))?.unwrap_or(ordinal);
        let part = Part::of_stream(&event.stream, self.parts.len() as u32);
        let part = &mut self.parts[part.number as usize];
        part.lines.write_all(line).map_err(|error| failure(&self.folder, &error))?;
        let is_readable = event.trouble.is_none();
        part.rows.push(Row { stream, rank, offset: part.written, length: line.len() as u32, is_readable });
        part.written += line.len() as u64;
        part.last_position = Some(event.position.clone());
        Ok(())
    }

    /// Puts the parts in order and writes what they are. `told` hears how many of them are written. Gives a sentence for the
    /// person.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn end(self, source: &dyn Source, told: &mut dyn FnMut(u64, u64)) -> Result<String, Failure> {
        let Self { folder, format, parts, names, .. } = self;
        let failed = |error: io::Error| failure(&folder, &error);
        // The place of each stream among the names in their order.
        let mut order: Vec<u32> = (0..names.len() as u32).collect();
        order.sort_unstable_by(|one, other| names[*one as usize].as_str().cmp(names[*other as usize].as_str()));
        let mut place = vec![0_u32; names.len()];
        for (at, number) in (0..).zip(order) {
            place[number as usize] = at;
        }
        let (total, mut finished) = (parts.len() as u64, Vec::with_capacity(parts.len()));
        for (number, part) in (0..).zip(parts) {
            finished.push(part.finish((&folder, format), number, &place).map_err(failed)?);
            told(number + 1, total);
        }
        let text = manifest(source, format, &finished);
        let mut file = new_file(&folder.join(MANIFEST)).map_err(failed)?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
        let events: u64 = finished.iter().map(|part| part.events).sum();
        Ok(format!(
            "{} of {} in {} written to {}",
            words::counted(events, "event"),
            words::counted(names.len() as u64, "stream"),
            words::counted(total, "part"),
            shown(&folder)
        ))
    }
}

impl Writing {
    fn finish(self, (folder, format): (&Path, Format), number: u64, place: &[u32]) -> io::Result<Finished> {
        let Self { lines, written, mut rows, last_position } = self;
        let mut lines = lines.into_inner().map_err(io::IntoInnerError::into_error)?;
        rows.sort_unstable_by_key(|row| (place[row.stream as usize], row.rank, row.offset));
        let file = format!("part-{number:05}.{}", format.name());
        let path = folder.join(&file);
        let mut out = Lines::begin(new_file(&path)?, format)?;
        let mut memory = Vec::new();
        if written <= IN_MEMORY {
            lines.seek(SeekFrom::Start(0))?;
            BufReader::new(&lines).read_to_end(&mut memory)?;
        }
        let mut line = Vec::new();
        for row in &rows {
            line.resize(row.length as usize, 0);
            match memory.is_empty() {
                true => lines.read_exact_at(&mut line, row.offset)?,
                false => {
                    let from = row.offset as usize;
                    line.copy_from_slice(&memory[from..from + row.length as usize]);
                }
            }
            out.add(&line)?;
        }
        out.end()?;
        let streams = rows.chunk_by(|one, other| one.stream == other.stream).count() as u64;
        let unreadable = rows.iter().filter(|row| !row.is_readable).count() as u64;
        Ok(Finished {
            file,
            events: rows.len() as u64 - unreadable,
            unreadable,
            streams,
            bytes: written,
            last_position,
        })
    }
}

/// What the parts are, as a JSON object over several lines.
fn manifest(source: &dyn Source, format: Format, parts: &[Finished]) -> String {
    let about = source.about();
    let sum = |of: fn(&Finished) -> u64| parts.iter().map(of).sum::<u64>();
    let mut text = String::from("{\n\"source\":");
    push_text(&mut text, &about.name);
    text.push_str(",\n\"kind\":");
    push_text(&mut text, &about.kind);
    text.push_str(&format!(",\n\"format\":\"{}\"", format.name()));
    text.push_str(",\n\"partition_by\":\"stream\",\n\"hash\":");
    push_text(&mut text, part::HASH);
    text.push_str(&format!(
        ",\n\"of\":{},\n\"events\":{},\n\"unreadable\":{},\n\"streams\":{}",
        parts.len(),
        sum(|part| part.events),
        sum(|part| part.unreadable),
        sum(|part| part.streams),
    ));
    // What puts in doubt that this is all there is.
    text.push_str(",\n\"doubts\":[");
    for (n, doubt) in about.doubts.iter().enumerate() {
        text.push_str(if n > 0 { "," } else { "" });
        push_text(&mut text, doubt);
    }
    text.push_str("],\n\"parts\":[");
    for (number, part) in parts.iter().enumerate() {
        text.push_str(if number > 0 { ",\n" } else { "\n" });
        text.push_str(&format!("{{\"part\":{number},\"file\":"));
        push_text(&mut text, &part.file);
        text.push_str(&format!(
            ",\"events\":{},\"unreadable\":{},\"streams\":{},\"bytes\":{},\"last_position\":",
            part.events, part.unreadable, part.streams, part.bytes
        ));
        match &part.last_position {
            Some(position) => push_position(&mut text, position),
            None => push_optional(&mut text, None),
        }
        text.push('}');
    }
    text.push_str("\n]\n}\n");
    text
}

/// A file that was not there.
fn new_file(path: &Path) -> io::Result<File> {
    File::options().write(true).create_new(true).mode(0o644).open(path)
}

fn shown(folder: &Path) -> String {
    folder.display().to_string()
}

fn failure(folder: &Path, error: &io::Error) -> Failure {
    Failure::io(shown(folder), "write parts", error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_a_store_is_parted_is_read() {
        assert_eq!("stream/64".parse(), Ok(PartitionBy { parts: 64 }));
        for wrong in ["", "64", "stream", "stream/", "stream/0", "stream/513", "stream/x", "category/3"] {
            assert!(wrong.parse::<PartitionBy>().is_err(), "{wrong}");
        }
    }
}
