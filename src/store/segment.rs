//! The files of the journal and the frame of a record.
//!
//! ```text
//! segment := magic "SBEVJ01\n", store id 16 bytes, number u32, zero u32, first record u64, events before it u64, crc32c u32, zero u32
//! record  := body length u32, crc32c u32, number u64, body
//! ```
//!
//! Little endian. The checksum of a record covers the store's id, the length, the number and the body, so that no record
//! passes for another one, not even one of another store. Record numbers are dense over all segments, from 1.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::codec::{u32_at, u64_at};
use super::error::StoreError;

const MAGIC: &[u8; 8] = b"SBEVJ01\n";
/// The length of what stands before the first record.
pub(super) const HEADER: u64 = 56;
/// The length of what stands before a body.
pub(super) const FRAME: usize = 16;
/// The longest body; a longer claim is damage.
pub(super) const MAX_BODY: usize = 256 << 20;

/// What a segment says of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct SegmentHeader {
    pub(super) store: [u8; 16],
    pub(super) number: u32,
    pub(super) first_seq: u64,
    pub(super) events_before: u64,
}

impl SegmentHeader {
    pub(super) fn bytes(&self) -> [u8; HEADER as usize] {
        let mut bytes = [0; HEADER as usize];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..24].copy_from_slice(&self.store);
        bytes[24..28].copy_from_slice(&self.number.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.first_seq.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.events_before.to_le_bytes());
        let sum = crc32c::crc32c(&bytes[..48]);
        bytes[48..52].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    /// Reads it; `Err` says what is wrong with the bytes.
    pub(super) fn read(file: &File) -> io::Result<Result<Self, String>> {
        let mut bytes = [0; HEADER as usize];
        match file.read_exact_at(&mut bytes, 0) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Ok(Err("the segment is shorter than its header".into()));
            }
            Err(error) => return Err(error),
        }
        if crc32c::crc32c(&bytes[..48]) != u32_at(&bytes, 48) || bytes[52..] != [0; 4] {
            return Ok(Err("the checksum of the segment's header does not match".into()));
        }
        if bytes[..8] != *MAGIC {
            return Ok(Err("the segment has an unknown format".into()));
        }
        let mut store = [0; 16];
        store.copy_from_slice(&bytes[8..24]);
        Ok(Ok(Self {
            store,
            number: u32_at(&bytes, 24),
            first_seq: u64_at(&bytes, 32),
            events_before: u64_at(&bytes, 40),
        }))
    }
}

/// The path of a segment.
pub(super) fn path(journal: &Path, number: u32) -> PathBuf {
    journal.join(format!("{number:06}.evj"))
}

/// The numbers of the segments in a directory, in order. What is named in another way, as copies are, is none.
pub(super) fn list(journal: &Path) -> io::Result<Vec<u32>> {
    let number = |entry: io::Result<std::fs::DirEntry>| {
        let name = entry.ok()?.file_name();
        let number = name.to_str()?.strip_suffix(".evj")?.parse().ok()?;
        (path(Path::new(""), number).as_os_str() == name).then_some(number)
    };
    let mut numbers: Vec<u32> = std::fs::read_dir(journal)?.filter_map(number).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// The sum a record's header carries.
pub(super) fn checksum(store: &[u8; 16], seq: u64, body: &[u8]) -> u32 {
    let mut start = [0; 28];
    start[..16].copy_from_slice(store);
    start[16..20].copy_from_slice(&(body.len() as u32).to_le_bytes());
    start[20..].copy_from_slice(&seq.to_le_bytes());
    crc32c::crc32c_append(crc32c::crc32c(&start), body)
}

/// Writes a record behind what is in `out`.
pub(super) fn frame(out: &mut Vec<u8>, store: &[u8; 16], seq: u64, body: &[u8]) {
    out.extend_from_slice(&(body.len() as u32).to_le_bytes());
    out.extend_from_slice(&checksum(store, seq, body).to_le_bytes());
    out.extend_from_slice(&seq.to_le_bytes());
    out.extend_from_slice(body);
}

/// Reads a segment forward through a buffer, record by record.
pub(super) struct Records<'a> {
    file: &'a File,
    store: [u8; 16],
    /// Bytes at and after `limit` are not there.
    limit: u64,
    buffer: Vec<u8>,
    /// The offset of the buffer in the file, and of the next record.
    start: u64,
    at: u64,
}

/// The next thing in a segment.
pub(super) enum Next<'a> {
    /// A record that is as it was written.
    Record {
        /// Where it begins.
        offset: u64,
        /// What it holds.
        body: &'a [u8],
    },
    /// The end, just behind the last record.
    End,
    /// Something else.
    Bad(String),
}

/// How much is read at once.
const CHUNK: usize = 256 << 10;

impl<'a> Records<'a> {
    /// Reads from an offset where a record begins.
    pub(super) fn new(file: &'a File, store: [u8; 16], from: u64, limit: u64) -> Self {
        Self { file, store, limit, buffer: Vec::new(), start: from, at: from }
    }

    /// Where the next record begins.
    pub(super) fn offset(&self) -> u64 {
        self.at
    }

    /// Makes at least `wanted` bytes from the current place available, where there are as many.
    fn fill(&mut self, wanted: usize) -> io::Result<usize> {
        let skip = (self.at - self.start) as usize;
        if self.buffer.len() - skip < wanted {
            self.buffer.drain(..skip);
            self.start = self.at;
            let old = self.buffer.len();
            let room = self.limit.saturating_sub(self.at + old as u64);
            let more = (wanted - old).max(CHUNK).min(usize::try_from(room).unwrap_or(usize::MAX));
            self.buffer.resize(old + more, 0);
            let filled = read_at(self.file, &mut self.buffer[old..], self.start + old as u64)?;
            self.buffer.truncate(old + filled);
        }
        Ok(self.buffer.len() - (self.at - self.start) as usize)
    }

    /// The record with the number `seq`, if it is next.
    pub(super) fn next(&mut self, seq: u64) -> Result<Next<'_>, StoreError> {
        let there = self.fill(FRAME).map_err(|error| StoreError::io("read the journal", error))?;
        if there == 0 {
            return Ok(Next::End);
        }
        if there < FRAME {
            return Ok(Next::Bad(format!("{there} bytes are no record")));
        }
        let skip = (self.at - self.start) as usize;
        let header = &self.buffer[skip..skip + FRAME];
        let (length, sum, found) = (u32_at(header, 0) as usize, u32_at(header, 4), u64_at(header, 8));
        if found != seq {
            return Ok(Next::Bad(format!("record {seq} is expected here, the bytes say {found}")));
        }
        if length > MAX_BODY {
            return Ok(Next::Bad(format!("record {seq} claims {length} bytes")));
        }
        let there = self.fill(FRAME + length).map_err(|error| StoreError::io("read the journal", error))?;
        if there < FRAME + length {
            return Ok(Next::Bad(format!("record {seq} ends after {there} of {} bytes", FRAME + length)));
        }
        let skip = (self.at - self.start) as usize;
        if checksum(&self.store, seq, &self.buffer[skip + FRAME..skip + FRAME + length]) != sum {
            return Ok(Next::Bad(format!("the checksum of record {seq} does not match")));
        }
        let offset = self.at;
        self.at += (FRAME + length) as u64;
        Ok(Next::Record { offset, body: &self.buffer[skip + FRAME..skip + FRAME + length] })
    }

    /// Looks behind a place that is no record for a later one: with a number above `seq` and a matching sum. Gives its
    /// offset and number, and stands before it.
    pub(super) fn resume(&mut self, seq: u64) -> Result<Option<(u64, u64)>, StoreError> {
        let length = self.file.metadata().map_err(|error| StoreError::io("read the journal", error))?.len();
        let end = self.limit.min(length);
        let mut bytes = vec![0; usize::try_from(end.saturating_sub(self.at)).unwrap_or(0)];
        let read = |error| StoreError::io("read the journal", error);
        self.file.read_exact_at(&mut bytes, self.at).map_err(read)?;
        for skip in 1..bytes.len().saturating_sub(FRAME) {
            let header = &bytes[skip..skip + FRAME];
            let (length, found) = (u32_at(header, 0) as usize, u64_at(header, 8));
            if found <= seq || found > seq + bytes.len() as u64 {
                continue;
            }
            let body = bytes.get(skip + FRAME..skip + FRAME + length);
            if body.is_some_and(|body| checksum(&self.store, found, body) == u32_at(header, 4)) {
                self.at += skip as u64;
                self.start = self.at;
                self.buffer.clear();
                return Ok(Some((self.at, found)));
            }
        }
        Ok(None)
    }
}

/// What is read of a record at once; most have no more.
const LIKELY: usize = 16 << 10;

/// Reads until the buffer is full or the file ends, and says how much that was.
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Reads the body of the record at a place, whatever its number, and checks it.
pub(super) fn body_at(file: &File, store: &[u8; 16], offset: u64) -> io::Result<Result<Vec<u8>, String>> {
    let mut bytes = vec![0; LIKELY];
    let mut there = read_at(file, &mut bytes, offset)?;
    let (length, sum, seq) = (u32_at(&bytes, 0) as usize, u32_at(&bytes, 4), u64_at(&bytes, 8));
    if length + FRAME > there && there == LIKELY && length <= MAX_BODY {
        // What is claimed is believed as far as the file goes.
        let left = file.metadata()?.len().saturating_sub(offset);
        bytes.resize(usize::try_from(left).unwrap_or(usize::MAX).min(FRAME + length), 0);
        there += read_at(file, &mut bytes[there..], offset + there as u64)?;
    }
    if there < FRAME || length + FRAME > there {
        return Ok(Err(format!("the record claims {length} bytes, {} are there", there.saturating_sub(FRAME))));
    }
    bytes.truncate(FRAME + length);
    let body = bytes.split_off(FRAME);
    if checksum(store, seq, &body) != sum {
        return Ok(Err("the checksum of the record does not match".into()));
    }
    Ok(Ok(body))
}
