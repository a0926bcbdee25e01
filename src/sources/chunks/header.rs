//! What frames the records of a chunk: its header, the header of its transform, its footer; and the checkpoints beside it.
//!
//! All numbers are little-endian. The layout is that of log format "V2", which EventStoreDB 5 to 24 and KurrentDB write.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::regular;

/// The length of the header, and of the footer.
pub const FRAME: u64 = 128;
/// The newest layout of chunks that is known.
const NEWEST: u8 = 4;
/// The file type of a chunk; the tables of the index have another.
const CHUNK: u8 = 2;
/// The version whose chunks may be transformed.
const TRANSFORMED: u8 = 4;

/// What the bytes of a chunk went through before they were written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Transform {
    /// Nothing.
    Identity,
    /// AES-GCM: encryption at rest.
    Encrypted,
    /// Something that is not known.
    Unknown(u8),
}

/// The header of a chunk.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Header {
    /// How many bytes of the log a chunk stands for.
    pub size: i64,
    /// The first chunk of the log in this file.
    pub first: i64,
    /// The last one: another when chunks were merged.
    pub last: i64,
    /// Whether records were taken out, so that they no longer lie where the log says.
    pub scavenged: bool,
    /// Its identity.
    pub id: [u8; 16],
    /// What its data went through.
    pub transform: Transform,
}

impl Header {
    /// Reads one.
    ///
    /// # Errors
    /// Why this is no chunk that can be read.
    pub fn read(bytes: &[u8; FRAME as usize]) -> Result<Self, String> {
        let number =
            |at: usize| i64::from(i32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]));
        if bytes[0] != CHUNK {
            return Err("its header is not that of a chunk".into());
        }
        if bytes[1] > NEWEST {
            return Err(format!("its format needs a reader of version {}; this one reads up to {NEWEST}", bytes[1]));
        }
        let version = if bytes[34] == 0 { bytes[1] } else { bytes[34] };
        let transform = match (version, bytes[35]) {
            (..TRANSFORMED, _) | (_, 0) => Transform::Identity,
            (_, 1) => Transform::Encrypted,
            (_, other) => Transform::Unknown(other),
        };
        let (size, first, last) = (number(2), number(6), number(10));
        if size <= 0 || first < 0 || last < first {
            return Err(format!("its header says chunks {first} to {last} of {size} bytes each"));
        }
        let mut id = [0; 16];
        id.copy_from_slice(&bytes[18..34]);
        Ok(Self { size, first, last, scavenged: number(14) != 0, id, transform })
    }

    /// The position of the log this chunk begins at.
    pub fn start(&self) -> i64 {
        // Both are below 2^31.
        self.first * self.size
    }

    /// The position of the log behind this chunk.
    pub fn end(&self) -> i64 {
        (self.last + 1) * self.size
    }
}

/// The footer of a chunk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Footer {
    /// How many bytes of records the file holds.
    pub data: u64,
    /// How long the map of positions is, which only scavenged chunks have.
    pub map: u64,
    /// The MD5 of all bytes of the file before it.
    pub md5: [u8; 16],
}

impl Footer {
    /// Reads the footer of a file of this length; `None` when the chunk was never completed.
    ///
    /// # Errors
    /// When it says what cannot be.
    pub fn read(bytes: &[u8; FRAME as usize], length: u64) -> Result<Option<Self>, String> {
        if bytes[0] & 1 == 0 {
            return Ok(None);
        }
        let number =
            |at: usize| i64::from(i32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]));
        let (data, map) = (number(1), number(if bytes[0] & 2 == 0 { 9 } else { 13 }));
        let fits = |data: i64, map: i64| {
            let (data, map) = (u64::try_from(data).ok()?, u64::try_from(map).ok()?);
            (data + map + 2 * FRAME <= length).then_some((data, map))
        };
        let Some((data, map)) = fits(data, map) else {
            return Err(format!("its footer says {data} bytes of records and {map} of map, in a file of {length}"));
        };
        let mut md5 = [0; 16];
        md5.copy_from_slice(&bytes[FRAME as usize - 16..]);
        Ok(Some(Self { data, map, md5 }))
    }
}

/// Reads the header of an opened file.
///
/// # Errors
/// Why it cannot be read, or is none.
pub fn header(file: &File) -> Result<Header, String> {
    let mut bytes = [0; FRAME as usize];
    match file.read_exact_at(&mut bytes, 0) {
        Ok(()) => Header::read(&bytes),
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Err("it is too short for a chunk".into()),
        Err(e) => Err(e.to_string()),
    }
}

/// Reads the footer of an opened file of this length.
///
/// # Errors
/// Why it cannot be read, or says what cannot be.
pub fn footer(file: &File, length: u64) -> Result<Option<Footer>, String> {
    let Some(at) = length.checked_sub(FRAME).filter(|&at| at >= FRAME) else { return Ok(None) };
    let mut bytes = [0; FRAME as usize];
    file.read_exact_at(&mut bytes, at).map_err(|e| e.to_string())?;
    Footer::read(&bytes, length)
}

/// A checkpoint: a file of exactly eight bytes. `None` when there is no such file.
///
/// # Errors
/// When it is something else.
pub fn checkpoint(path: &Path) -> Result<Option<i64>, String> {
    // Looked at before it is opened: opening a pipe would wait.
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e.to_string()),
    };
    if !metadata.is_file() || metadata.len() != 8 {
        return Err("it is not a file of eight bytes".into());
    }
    let mut bytes = [0; 8];
    let read = regular::open(path).and_then(|file| file.read_exact_at(&mut bytes, 0));
    read.map(|()| Some(i64::from_le_bytes(bytes))).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(min: u8, version: u8, transform: u8) -> [u8; 128] {
        let mut bytes = [0; 128];
        bytes[..2].copy_from_slice(&[2, min]);
        bytes[2..6].copy_from_slice(&1000_i32.to_le_bytes());
        bytes[6..10].copy_from_slice(&2_i32.to_le_bytes());
        bytes[10..14].copy_from_slice(&4_i32.to_le_bytes());
        bytes[34..36].copy_from_slice(&[version, transform]);
        bytes
    }

    #[test]
    fn headers_of_every_version() {
        for (min, version, transform, expected) in [
            (2, 0, 0, Transform::Identity),
            (3, 3, 1, Transform::Identity),
            (3, 4, 0, Transform::Identity),
            (4, 4, 1, Transform::Encrypted),
            (4, 0, 1, Transform::Encrypted),
            (4, 4, 9, Transform::Unknown(9)),
        ] {
            let header = Header::read(&bytes(min, version, transform)).expect("a header");
            assert_eq!(header.transform, expected);
            assert_eq!((header.start(), header.end(), header.scavenged), (2000, 5000, false));
        }
        assert!(Header::read(&bytes(5, 5, 0)).unwrap_err().contains("version 5"));
        let mut table = bytes(3, 3, 0);
        table[0] = 1;
        assert!(Header::read(&table).is_err());
        for (at, value) in [(2, 0_i32), (2, -1), (6, -1), (6, 5), (10, 1)] {
            let mut wrong = bytes(3, 3, 0);
            wrong[at..at + 4].copy_from_slice(&value.to_le_bytes());
            assert!(Header::read(&wrong).is_err(), "{at} {value}");
        }
    }

    #[test]
    fn footers_of_both_layouts() {
        let mut footer = [0; 128];
        assert_eq!(Footer::read(&footer, 4096), Ok(None));
        footer[0] = 1;
        footer[1..5].copy_from_slice(&700_i32.to_le_bytes());
        footer[9..13].copy_from_slice(&16_i32.to_le_bytes());
        footer[112] = 7;
        let read = Footer::read(&footer, 4096).unwrap().unwrap();
        assert_eq!((read.data, read.map, read.md5[0]), (700, 16, 7));
        footer[0] = 3;
        assert_eq!(Footer::read(&footer, 4096).unwrap().unwrap().map, 0);
        assert!(Footer::read(&footer, 900).is_err());
        footer[4] = 0xff;
        assert!(Footer::read(&footer, 4096).is_err());
    }
}
