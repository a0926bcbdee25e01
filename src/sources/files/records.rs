//! Reads the records at known places: few reads for neighbours, one for a record far from the others.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use memchr::memmem;

use super::build::Build;
use super::envelope::{Read, Reader};
use super::mapping::Mapping;
use crate::domain::{Cancel, Event, Failure};
use crate::sources::feed::Feed;
use crate::sources::index::Place;

/// Records that lie together within this many bytes are read at once.
const TOGETHER: u64 = 256 << 10;
/// Between two records read at once lie at most this many bytes of others.
const APART: u64 = 8 << 10;

/// So many records that lie together share the memory they were read into.
const DENSE: usize = 16;

/// What becomes of the lines that are read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lines {
    /// Events are made of them.
    Kept,
    /// Nearly all are only looked at.
    Passed,
}

/// What reads of one file share: a reader knows the shape of the lines it read last.
#[derive(Default)]
pub struct Readers(Mutex<Vec<Reader>>);

/// Reads records of one file.
pub struct Records<'a> {
    feed: &'a Feed,
    build: &'a Build,
    readers: &'a Readers,
    reader: Option<Reader>,
    buffer: Vec<u8>,
}

impl Drop for Records<'_> {
    fn drop(&mut self) {
        self.readers.0.lock().unwrap_or_else(PoisonError::into_inner).extend(self.reader.take());
    }
}

/// A line of the file, without what ends it.
struct Line<'a> {
    text: &'a [u8],
    /// The same bytes, where they were read into memory that can be shared.
    shared: Option<Bytes>,
    /// No line feed ends it.
    unfinished: bool,
}

impl Line<'_> {
    /// Its bytes, to be kept.
    fn kept(&self) -> Bytes {
        self.shared.clone().unwrap_or_else(|| Bytes::copy_from_slice(self.text))
    }
}

impl<'a> Records<'a> {
    /// Records of a file by a mapping.
    pub fn new(feed: &'a Feed, build: &'a Build, mapping: &Arc<Mapping>, readers: &'a Readers) -> Self {
        let idle = readers.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let reader = idle.unwrap_or_else(|| Reader::new(mapping.clone()));
        Self { feed, build, readers, reader: Some(reader), buffer: Vec::new() }
    }

    /// The events at these places, in their order, until `budget` bytes are read (but at least one).
    ///
    /// # Errors
    /// When the file cannot be read, or the read was cancelled.
    pub fn events(&mut self, places: &[Place], budget: u64, cancel: &Cancel) -> Result<Vec<Arc<Event>>, Failure> {
        let mut events = Vec::with_capacity(places.len());
        let mut read = 0;
        let build = self.build;
        self.each(places, Lines::Kept, cancel, |reader, place, line| {
            events.push(Arc::new(match place.oversize {
                Some(size) => reader.trouble(place, too_large(size), Bytes::new()),
                None => event(build, reader, place, &line),
            }));
            read += line.text.len() as u64;
            if read < budget { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        Ok(events)
    }

    /// The event at a place, given the bytes from there on.
    pub fn event_in(&mut self, place: &Place, text: &[u8]) -> Event {
        let build = self.build;
        let mut reader = self.reader.take().unwrap_or_else(|| Reader::new(build.mapping().clone()));
        let event = event(build, &mut reader, place, &line(text, place.limit - place.offset));
        self.reader = Some(reader);
        event
    }

    /// The first of these places whose event has this id.
    ///
    /// # Errors
    /// When the file cannot be read, or the read was cancelled.
    pub fn find_id(&mut self, places: &[Place], id: &str, cancel: &Cancel) -> Result<Option<usize>, Failure> {
        // Only a line that contains the id can have it; but how an unusual one is escaped is not known.
        let plain = id.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'\\' | b'/'));
        let needle = memmem::Finder::new(if plain { id.as_bytes() } else { b"" });
        let (mut found, mut at) = (None, 0);
        self.each(places, Lines::Passed, cancel, |reader, place, line| {
            if place.event.is_some() && needle.find(line.text).is_some() {
                let read = reader.event(place, &line.kept(), line.unfinished);
                if matches!(read, Read::Event(event) if event.id.as_deref() == Some(id)) {
                    found = Some(at);
                    return ControlFlow::Break(());
                }
            }
            at += 1;
            ControlFlow::Continue(())
        })?;
        Ok(found)
    }

    /// Reads the lines at these places, which lie in file order or in its reverse. A record too large to be read has an
    /// empty line.
    fn each(
        &mut self,
        places: &[Place],
        lines: Lines,
        cancel: &Cancel,
        mut told: impl FnMut(&mut Reader, &Place, Line<'_>) -> ControlFlow<()>,
    ) -> Result<(), Failure> {
        let Some(mut reader) = self.reader.take() else { return Ok(()) };
        let result = self.each_with(&mut reader, places, lines, cancel, &mut told);
        self.reader = Some(reader);
        result
    }

    fn each_with(
        &mut self,
        reader: &mut Reader,
        places: &[Place],
        lines: Lines,
        cancel: &Cancel,
        told: &mut impl FnMut(&mut Reader, &Place, Line<'_>) -> ControlFlow<()>,
    ) -> Result<(), Failure> {
        let mut rest = places;
        while let Some(first) = rest.first() {
            self.feed.cancelled(cancel)?;
            if first.oversize.is_some() {
                if told(reader, first, Line { text: &[], shared: None, unfinished: false }).is_break() {
                    return Ok(());
                }
                rest = &rest[1..];
                continue;
            }
            let (count, start, end) = together(rest);
            let (group, others) = rest.split_at(count);
            rest = others;
            if count == 1 {
                self.read_line(first)?;
            } else {
                self.fill(start, (end - start) as usize)?;
            }
            let shared = (lines == Lines::Kept && is_dense(group, start, end)).then(|| self.share());
            let text = shared.as_deref().unwrap_or(&self.buffer);
            for place in group {
                let at = ((place.offset - start) as usize).min(text.len());
                let mut line = line(&text[at..], place.limit - place.offset);
                line.shared = shared.as_ref().map(|shared| shared.slice_ref(line.text));
                if told(reader, place, line).is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// What was read last, as memory that lines can be kept from.
    fn share(&mut self) -> Bytes {
        Bytes::from(std::mem::take(&mut self.buffer))
    }

    fn fill(&mut self, offset: u64, length: usize) -> Result<(), Failure> {
        self.buffer.resize(length, 0);
        let count = self.feed.read_at(offset, &mut self.buffer).map_err(|e| self.feed.failure(&e))?;
        self.buffer.truncate(count);
        Ok(())
    }

    /// Reads as much as the line needs: its limit may lie far behind it, after lines that hold nothing.
    fn read_line(&mut self, place: &Place) -> Result<(), Failure> {
        let most = place.limit - place.offset;
        let mut length = most.min(TOGETHER);
        loop {
            self.fill(place.offset, length as usize)?;
            let short = (self.buffer.len() as u64) < length;
            if short || length == most || memchr::memchr(b'\n', &self.buffer).is_some() {
                return Ok(());
            }
            length = most.min(length * 4);
        }
    }
}

/// Reads an event; where it is broken behind its front, that is noted.
fn event(build: &Build, reader: &mut Reader, place: &Place, line: &Line<'_>) -> Event {
    match reader.event(place, &line.kept(), line.unfinished) {
        Read::Event(event) | Read::Trouble(event) => event,
        Read::Broken(event) => {
            build.broken().insert(place.offset);
            event
        }
    }
}

/// Whether nearly all that was read are the records asked for, so that keeping one of them keeps little else that nobody
/// wants.
fn is_dense(group: &[Place], start: u64, end: u64) -> bool {
    let wanted: u64 = group.iter().map(|place| place.limit - place.offset).sum();
    group.len() >= DENSE && wanted >= (end - start) / 8 * 7
}

/// How many of the first places are read at once, from where and to where.
fn together(places: &[Place]) -> (usize, u64, u64) {
    let (mut start, mut end) = (places[0].offset, places[0].limit);
    let mut count = 1;
    for place in &places[1..] {
        let (from, to) = (start.min(place.offset), end.max(place.limit));
        let gap = place.offset.saturating_sub(end).max(start.saturating_sub(place.limit));
        if place.oversize.is_some() || to - from > TOGETHER || gap > APART {
            break;
        }
        (start, end) = (from, to);
        count += 1;
    }
    (count, start, end)
}

fn line(text: &[u8], limit: u64) -> Line<'_> {
    let text = &text[..text.len().min(usize::try_from(limit).unwrap_or(usize::MAX))];
    let end = memchr::memchr(b'\n', text);
    let text = &text[..end.unwrap_or(text.len())];
    Line { text: text.strip_suffix(b"\r").unwrap_or(text), shared: None, unfinished: end.is_none() }
}

fn too_large(size: u64) -> String {
    format!(
        "the line has {:.1} MiB; lines over {} MiB are listed, not read",
        size as f64 / f64::from(1 << 20),
        super::stretch::MAX_LINE >> 20
    )
}
