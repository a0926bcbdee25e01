//! What one stretch of a store holds, before it is put into the index: by whatever thread reads the stretch.

use hashbrown::DefaultHashBuilder;

use super::streams::hash;
use crate::domain::Timestamp;

/// The records found in one stretch of the file, in its order; what a worker hands over.
#[derive(Debug, Default)]
pub struct Part {
    pub(super) rows: Vec<Row>,
    /// The names the rows refer to.
    text: Vec<u8>,
    /// Before which row how many lines hold nothing.
    pub(super) blanks: Vec<(u32, u64)>,
    /// Lines without a record since the last row.
    pub(super) blank: u64,
    /// Rows too large to be read, with their size.
    pub(super) oversize: Vec<(u32, u64)>,
    /// Up to where the file was looked at.
    pub(super) end: u64,
}

/// What a record is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Event,
    /// It cannot be read, but may be known to belong to a stream.
    Unreadable,
    /// Only its front can be read: it belongs to a stream only if another record says that there is such a stream.
    Unfinished,
}

/// A record: its names are parts of the text.
#[derive(Debug)]
pub(super) struct Row {
    pub offset: u64,
    pub stream: (u32, u32),
    pub event_type: (u32, u32),
    pub stream_hash: u64,
    pub type_hash: u64,
    pub kind: Kind,
    pub version: Option<u64>,
    pub time: Option<Timestamp>,
}

impl Row {
    /// A record that cannot be read and belongs to no stream.
    fn loose(offset: u64) -> Self {
        let none = (0, 0);
        Self {
            offset,
            stream: none,
            event_type: none,
            stream_hash: 0,
            type_hash: 0,
            kind: Kind::Unreadable,
            version: None,
            time: None,
        }
    }
}

/// What the index keeps of an event.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// The stream's name, not empty, in UTF-8.
    pub stream: &'a [u8],
    /// What happened, in UTF-8.
    pub event_type: &'a [u8],
    /// The place in the stream; `None` is counted.
    pub version: Option<u64>,
    /// When.
    pub time: Option<Timestamp>,
}

impl Part {
    /// Starts over, keeping the memory.
    pub fn clear(&mut self) {
        self.rows.clear();
        self.text.clear();
        self.blanks.clear();
        self.blank = 0;
        self.oversize.clear();
    }

    /// A line that holds nothing.
    pub fn blank(&mut self) {
        self.blank += 1;
    }

    /// A record that is an event.
    pub fn event(&mut self, hasher: &DefaultHashBuilder, offset: u64, entry: Entry<'_>) {
        let stream = self.keep(entry.stream);
        let event_type = self.keep(entry.event_type);
        self.row(Row {
            offset,
            stream,
            event_type,
            stream_hash: hash(hasher, entry.stream),
            type_hash: hash(hasher, entry.event_type),
            kind: Kind::Event,
            version: entry.version,
            time: entry.time,
        });
    }

    /// A record that cannot be read, of which the stream is known, and the version where it is there.
    pub fn unreadable(&mut self, hasher: &DefaultHashBuilder, offset: u64, stream: &[u8], version: Option<u64>) {
        let stream_hash = hash(hasher, stream);
        let stream = self.keep(stream);
        self.row(Row { stream, stream_hash, version, ..Row::loose(offset) });
    }

    /// A record of which only the front can be read: the file ends within it, or it is too large. What its front says may
    /// be taken back when the file has grown, so that no stream begins with it.
    pub fn unfinished(&mut self, hasher: &DefaultHashBuilder, offset: u64, stream: &[u8], version: Option<u64>) {
        let stream_hash = hash(hasher, stream);
        let stream = self.keep(stream);
        self.row(Row { stream, stream_hash, version, kind: Kind::Unfinished, ..Row::loose(offset) });
    }

    /// A record that cannot be read, nor what it is of.
    pub fn trouble(&mut self, offset: u64) {
        self.row(Row::loose(offset));
    }

    /// The record that comes next is of this size, too large to be read.
    pub fn oversize(&mut self, size: u64) {
        self.oversize.push((self.rows.len() as u32, size));
    }

    /// The part ends here: the next one goes on at this offset.
    pub fn finish(&mut self, end: u64) {
        self.end = end;
    }

    fn row(&mut self, row: Row) {
        if self.blank > 0 {
            self.blanks.push((self.rows.len() as u32, self.blank));
            self.blank = 0;
        }
        self.rows.push(row);
    }

    fn keep(&mut self, name: &[u8]) -> (u32, u32) {
        let start = self.text.len() as u32;
        self.text.extend_from_slice(name);
        (start, self.text.len() as u32)
    }

    pub(super) fn name(&self, (start, end): (u32, u32)) -> &[u8] {
        &self.text[start as usize..end as usize]
    }
}
