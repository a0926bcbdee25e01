//! Writes database folders of KurrentDB / EventStoreDB as their description says: no server wrote them.
//!
//! It shares no code with the reader, so that one misunderstanding does not hide the other.

use std::fs;
use std::path::Path;

use md5::{Digest, Md5};

/// Flags of a prepare.
pub const DATA: u16 = 0x1;
pub const BEGIN: u16 = 0x2;
pub const END: u16 = 0x4;
pub const DELETE: u16 = 0x8;
pub const COMMITTED: u16 = 0x20;
pub const JSON: u16 = 0x100;
pub const REDACTED: u16 = 0x200;
pub const PROPERTIES: u16 = 0x400;
/// An event written alone.
pub const SINGLE: u16 = DATA | BEGIN | END | COMMITTED | JSON;

/// The header and the footer have this many bytes.
pub const FRAME: usize = 128;
/// 2025-01-01T00:00:00Z in ticks.
const EPOCH: i64 = 638_712_864_000_000_000;

/// A record that carries an event.
#[derive(Clone, Debug)]
pub struct Prepare {
    pub version: u8,
    pub flags: u16,
    /// The position of its transaction; its own when left out.
    pub transaction: Option<i64>,
    pub offset: i32,
    pub expected: i64,
    pub stream: String,
    pub id: u128,
    pub seconds: i64,
    pub event_type: String,
    pub data: Vec<u8>,
    pub metadata: Vec<u8>,
}

impl Prepare {
    /// The event with this number, written alone.
    pub fn new(stream: &str, number: i64, event_type: &str, data: &str) -> Self {
        Self {
            version: 1,
            flags: SINGLE,
            transaction: None,
            offset: 0,
            expected: number.wrapping_sub(1),
            stream: stream.into(),
            id: 0,
            seconds: 0,
            event_type: event_type.into(),
            data: data.into(),
            metadata: Vec::new(),
        }
    }

    pub fn flags(mut self, flags: u16) -> Self {
        self.flags = flags;
        self
    }

    pub fn metadata(mut self, metadata: &str) -> Self {
        self.metadata = metadata.into();
        self
    }

    pub fn at(mut self, seconds: i64) -> Self {
        self.seconds = seconds;
        self
    }

    pub fn version(mut self, version: u8) -> Self {
        self.version = version;
        self
    }

    /// Of the transaction at this position, with this place in it.
    pub fn within(mut self, transaction: i64, offset: i32) -> Self {
        self.transaction = Some(transaction);
        self.offset = offset;
        self
    }

    fn bytes(&self, position: i64) -> Vec<u8> {
        let mut bytes = vec![0, self.version];
        bytes.extend(position.to_le_bytes());
        bytes.extend(self.flags.to_le_bytes());
        bytes.extend(self.transaction.unwrap_or(position).to_le_bytes());
        bytes.extend(self.offset.to_le_bytes());
        match self.version {
            0 if self.expected == i64::MAX - 1 => bytes.extend((i32::MAX - 1).to_le_bytes()),
            0 => bytes.extend((self.expected as i32).to_le_bytes()),
            _ => bytes.extend(self.expected.to_le_bytes()),
        }
        string(&mut bytes, &self.stream);
        let id = if self.id == 0 { (0xabcd << 64) + position as u128 + 1 } else { self.id };
        bytes.extend(uuid::Uuid::from_u128(id).to_bytes_le());
        bytes.extend([0x11; 16]);
        bytes.extend((EPOCH + self.seconds * 10_000_000).to_le_bytes());
        string(&mut bytes, &self.event_type);
        blob(&mut bytes, &self.data);
        blob(&mut bytes, &self.metadata);
        bytes
    }
}

fn string(bytes: &mut Vec<u8>, text: &str) {
    let mut length = text.len();
    while length >= 0x80 {
        bytes.push(length as u8 | 0x80);
        length >>= 7;
    }
    bytes.push(length as u8);
    bytes.extend(text.as_bytes());
}

fn blob(bytes: &mut Vec<u8>, blob: &[u8]) {
    bytes.extend((blob.len() as i32).to_le_bytes());
    bytes.extend(blob);
}

/// The records of one chunk, with their positions in the log.
pub type Records = Vec<(i64, Vec<u8>)>;

/// A log that is being written.
#[derive(Clone, Debug)]
pub struct Log {
    pub size: i32,
    pub chunks: Vec<Records>,
}

impl Log {
    /// An empty log, of chunks of this size.
    pub fn new(size: i32) -> Self {
        Self { size, chunks: vec![Vec::new()] }
    }

    /// Where the next record will be.
    pub fn position(&self) -> i64 {
        let chunk = self.chunks.len() - 1;
        match self.chunks[chunk].last() {
            Some((position, record)) => position + record.len() as i64 + 8,
            None => chunk as i64 * i64::from(self.size),
        }
    }

    /// Adds a record; gives its position.
    pub fn raw(&mut self, record: impl FnOnce(i64) -> Vec<u8>) -> i64 {
        let position = self.position();
        let record = record(position);
        let end = position + record.len() as i64 + 8;
        assert!(end <= self.chunks.len() as i64 * i64::from(self.size), "the chunk is full");
        self.chunks.last_mut().expect("a chunk").push((position, record));
        position
    }

    pub fn prepare(&mut self, prepare: Prepare) -> i64 {
        self.raw(|position| prepare.bytes(position))
    }

    /// An event written alone.
    pub fn event(&mut self, stream: &str, number: i64, event_type: &str, data: &str) -> i64 {
        self.prepare(Prepare::new(stream, number, event_type, data))
    }

    pub fn link(&mut self, stream: &str, number: i64, to: &str) -> i64 {
        self.prepare(Prepare::new(stream, number, "$>", to).flags(SINGLE & !JSON).metadata(r#"{"$causedBy":"x"}"#))
    }

    pub fn commit(&mut self, version: u8, transaction: i64, first: i64) -> i64 {
        self.raw(|position| {
            let mut bytes = vec![1, version];
            bytes.extend(position.to_le_bytes());
            bytes.extend(transaction.to_le_bytes());
            match version {
                0 if first == i64::MAX => bytes.extend(i32::MAX.to_le_bytes()),
                0 => bytes.extend((first as i32).to_le_bytes()),
                _ => bytes.extend(first.to_le_bytes()),
            }
            bytes.extend(position.to_le_bytes());
            bytes.extend([0x22; 16]);
            bytes.extend(EPOCH.to_le_bytes());
            bytes
        })
    }

    pub fn epoch(&mut self) -> i64 {
        self.raw(|position| {
            let mut bytes = vec![2, 0];
            bytes.extend(position.to_le_bytes());
            bytes.extend(EPOCH.to_le_bytes());
            bytes.extend([1, 2]);
            bytes.extend([0; 8]);
            blob(&mut bytes, br#"{"EpochPosition":0,"EpochNumber":0}"#);
            bytes
        })
    }

    /// The next record goes into the next chunk.
    pub fn next(&mut self) {
        self.chunks.push(Vec::new());
    }

    /// Writes the folder: every chunk but the last completed, the last open.
    pub fn write(&self, directory: &Path) {
        for number in 0..self.chunks.len() {
            let file = match number + 1 == self.chunks.len() {
                true => self.file(number, number).open(),
                false => self.file(number, number),
            };
            file.write(directory, 0);
        }
        checkpoint(directory, "writer", self.position());
        checkpoint(directory, "chaser", self.position());
        checkpoint(directory, "epoch", 0);
        checkpoint(directory, "truncate", -1);
    }

    /// The file of some chunks, completed.
    pub fn file(&self, first: usize, last: usize) -> ChunkFile {
        ChunkFile {
            size: self.size,
            first: first as i32,
            last: last as i32,
            records: self.chunks[first..=last].concat(),
            minimum: 3,
            version: 3,
            transform: 0,
            scavenged: false,
            completed: true,
            wide: true,
        }
    }
}

/// A file of the log.
#[derive(Clone, Debug)]
pub struct ChunkFile {
    pub size: i32,
    pub first: i32,
    pub last: i32,
    pub records: Records,
    pub minimum: u8,
    pub version: u8,
    pub transform: u8,
    pub scavenged: bool,
    pub completed: bool,
    /// Whether the map has entries of 12 bytes.
    pub wide: bool,
}

impl ChunkFile {
    /// Without a footer, and as long as it may become.
    pub fn open(mut self) -> Self {
        self.completed = false;
        self
    }

    /// Only the records that are wanted; the rest was taken out.
    pub fn scavenged(mut self, keep: impl Fn(i64) -> bool) -> Self {
        self.records.retain(|(position, _)| keep(*position));
        self.scavenged = true;
        self
    }

    pub fn name(&self, version: u32) -> String {
        format!("chunk-{:06}.{version:06}", self.first)
    }

    pub fn bytes(&self) -> Vec<u8> {
        let start = i64::from(self.first) * i64::from(self.size);
        let mut bytes = vec![2, self.minimum];
        for number in [self.size, self.first, self.last, i32::from(self.scavenged)] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend([self.first as u8 + 1; 16]);
        bytes.extend([self.version, self.transform]);
        bytes.resize(FRAME, 0);
        let mut map = Vec::new();
        for (position, record) in &self.records {
            let (actual, log) = ((bytes.len() - FRAME) as i32, position - start);
            if !self.scavenged {
                assert_eq!(i64::from(actual), log, "records lie where the log says");
            }
            match self.wide {
                true => {
                    map.extend(actual.to_le_bytes());
                    map.extend(log.to_le_bytes());
                }
                false => map.extend(((log as u64) << 32 | actual as u64).to_le_bytes()),
            }
            for part in [&(record.len() as i32).to_le_bytes()[..], record, &(record.len() as i32).to_le_bytes()] {
                bytes.extend(part);
            }
        }
        let data = bytes.len() - FRAME;
        if !self.completed {
            bytes.resize((2 * FRAME + self.size as usize).next_multiple_of(4096), 0);
            return bytes;
        }
        if !self.scavenged {
            map.clear();
        }
        bytes.extend(&map);
        if self.minimum >= 3 {
            bytes.resize((bytes.len() + FRAME).next_multiple_of(4096) - FRAME, 0);
        }
        let footer = bytes.len();
        bytes.push(if self.wide { 3 } else { 1 });
        bytes.extend((data as i32).to_le_bytes());
        match self.wide {
            true => bytes.extend(i64::from(self.size).to_le_bytes()),
            false => bytes.extend(self.size.to_le_bytes()),
        }
        bytes.extend((map.len() as i32).to_le_bytes());
        bytes.resize(footer + FRAME - 16, 0);
        let checksum = Md5::digest(&bytes);
        bytes.extend(&checksum[..]);
        bytes
    }

    pub fn write(&self, directory: &Path, version: u32) {
        fs::write(directory.join(self.name(version)), self.bytes()).expect("a chunk is written");
    }
}

/// Writes a checkpoint.
pub fn checkpoint(directory: &Path, name: &str, value: i64) {
    fs::write(directory.join(format!("{name}.chk")), value.to_le_bytes()).expect("a checkpoint is written");
}
