//! The bytes of messages, wherever they lie: blocks in files, blocks in the tar of a backup, entries of an archive.
//!
//! A backup is unpacked once into an unlinked temporary file, for nothing in it can be read by position. Of everything
//! else one block at a time is in memory, and a few that were asked for last.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::folder::{Kept, Stream};
use super::record::key;
use super::s2::{Frames, uvarint, varint};
use crate::regular;

/// The largest block; servers roll them at 8 MiB, behind a message of at most 64 MiB.
const LARGEST: u64 = 256 << 20;
/// How much of blocks is kept in memory once it was read.
const KEPT: usize = 64 << 20;
/// What may come out of a backup, however small it is.
const UNPACKED: u64 = 1 << 30;
/// What may come out beyond that, for each byte of it.
const RATIO: u64 = 1000;
/// How an archive begins.
const ARCHIVE: &[u8] = b"NATSARC1";

/// Where the bytes of a block are.
#[derive(Debug)]
pub enum Place {
    /// In a file of its own.
    File(PathBuf),
    /// In a temporary file: from where, how many.
    Unpacked(Arc<File>, u64, u64),
    /// Entries of an archive, in a temporary file of this length.
    Archive(Arc<File>, u64),
}

/// Some messages of a stream.
#[derive(Debug)]
pub struct Block {
    /// Of which stream, by its place in the list.
    pub stream: usize,
    /// Its number in the stream.
    pub number: u64,
    /// The key of its checksums.
    pub key: [u64; 4],
    /// Where it is.
    pub place: Place,
}

/// What a block holds.
#[derive(Debug)]
pub struct Contents {
    /// Its records.
    pub bytes: Vec<u8>,
    /// Why some of them are not there.
    pub fault: Option<String>,
}

/// An entry of an archive.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// The sequence of a message; 0 of anything else.
    pub seq: u64,
    /// When, in nanoseconds since 1970.
    pub time: i64,
    /// The subject of a message.
    pub name: Vec<u8>,
    /// Its headers.
    pub headers: Vec<u8>,
    /// What it says.
    pub payload: Vec<u8>,
    /// Where the next one begins.
    pub next: u64,
}

/// The blocks that were read last.
#[derive(Debug, Default)]
pub struct Cache {
    kept: Mutex<Vec<(usize, Arc<Vec<u8>>)>>,
}

impl Cache {
    /// The bytes of a block, uncompressed.
    ///
    /// # Errors
    /// Why they cannot be had.
    pub fn block(&self, number: usize, block: &Block) -> Result<Arc<Vec<u8>>, String> {
        let lock = || self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let found = {
            let mut kept = lock();
            kept.iter().position(|(known, _)| *known == number).map(|at| {
                let found = kept.remove(at);
                let bytes = found.1.clone();
                kept.push(found);
                bytes
            })
        };
        if let Some(bytes) = found {
            return Ok(bytes);
        }
        let bytes = Arc::new(block.read()?.bytes);
        let mut kept = lock();
        kept.push((number, bytes.clone()));
        while kept.len() > 1 && kept.iter().map(|(_, bytes)| bytes.len()).sum::<usize>() > KEPT {
            kept.remove(0);
        }
        Ok(bytes)
    }
}

impl Block {
    /// Reads it, uncompressed.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub fn read(&self) -> Result<Contents, String> {
        let text = |e: io::Error| e.to_string();
        let bounded = |length: u64| match length {
            ..=LARGEST => Ok(length as usize),
            _ => Err(format!("it has {length} bytes, more than any block")),
        };
        let bytes = match &self.place {
            Place::File(path) => {
                let file = regular::open(path).map_err(text)?;
                let length = bounded(file.metadata().map_err(text)?.len())?;
                let mut bytes = Vec::with_capacity(length);
                // It may be growing.
                file.take(LARGEST).read_to_end(&mut bytes).map_err(text)?;
                bytes
            }
            Place::Unpacked(file, from, length) => {
                let mut bytes = vec![0; bounded(*length)?];
                file.read_exact_at(&mut bytes, *from).map_err(text)?;
                bytes
            }
            Place::Archive(..) => return Err("it is no block".into()),
        };
        uncompressed(bytes)
    }
}

/// A block as it was before it was compressed, if it was: `cmp`, how, how long it was, the rest but for its last checksum,
/// that. The length is not to be trusted: servers have written that of the compressed bytes. What cannot be uncompressed is
/// zeros in between, and said.
fn uncompressed(bytes: Vec<u8>) -> Result<Contents, String> {
    let Some(mut rest) = bytes.strip_prefix(b"cmp") else { return Ok(Contents { bytes, fault: None }) };
    let (&how, behind) = rest.split_first().ok_or("it ends within its beginning")?;
    rest = behind;
    uvarint(&mut rest).ok_or("it ends within its beginning")?;
    let (packed, sum) = rest.split_last_chunk::<8>().ok_or("it ends within its beginning")?;
    let (mut out, mut fault) = (Vec::new(), None);
    match how {
        0 => out.extend_from_slice(packed),
        1 => {
            let mut frames = Frames::new(packed);
            let mut buffer = vec![0; 256 << 10];
            loop {
                match frames.read(&mut buffer) {
                    Ok(0) => break,
                    Ok(count) => out.extend_from_slice(&buffer[..count]),
                    Err(e) => {
                        fault.get_or_insert_with(|| format!("it cannot be uncompressed as a whole: {e}"));
                        match frames.lost() {
                            Some(length) => out.resize(out.len() + length, 0),
                            None => break,
                        }
                    }
                }
                if out.len() as u64 > LARGEST {
                    return Err(format!("it uncompresses to more than {LARGEST} bytes"));
                }
            }
        }
        other => return Err(format!("it is compressed in a way that is not known: {other}")),
    }
    out.extend_from_slice(sum);
    Ok(Contents { bytes: out, fault })
}

/// Reads the entry of an archive at an offset; `None` at its end.
///
/// # Errors
/// Why there is none.
pub fn entry(file: &File, offset: u64, length: u64) -> Result<Option<Entry>, String> {
    const WRONG: &str = "the archive ends within an entry";
    // Four lengths of ten bytes and a time.
    let mut head = [0; 50];
    let room = usize::try_from(length.saturating_sub(offset)).unwrap_or(usize::MAX).min(head.len());
    let head = &mut head[..room];
    file.read_exact_at(head, offset).map_err(|e| e.to_string())?;
    let mut rest = &*head;
    let mut read = || {
        Some((uvarint(&mut rest)?, varint(&mut rest)?, uvarint(&mut rest)?, uvarint(&mut rest)?, uvarint(&mut rest)?))
    };
    let (names, time, seq, headers, payloads) = read().ok_or(WRONG)?;
    let start = offset + (room - rest.len()) as u64;
    if (names, time, seq, headers, payloads) == (0, 0, 0, 0, 0) {
        return Ok(None);
    }
    let sizes = [names, headers, payloads];
    if sizes.iter().any(|&size| size > LARGEST) || start + sizes.iter().sum::<u64>() > length {
        return Err(WRONG.into());
    }
    let next = start + names + headers + payloads;
    let mut name = vec![0; (next - start) as usize];
    file.read_exact_at(&mut name, start).map_err(|e| e.to_string())?;
    let payload = name.split_off((names + headers) as usize);
    let headers = name.split_off(names as usize);
    Ok(Some(Entry { seq, time, name, headers, payload, next }))
}

/// What a backup turned out to hold.
pub struct Backup {
    /// Its blocks.
    pub blocks: Vec<Block>,
    /// The files beside them that say what was deleted: which block they are of (none for `index.db`), what they hold.
    pub indexes: Vec<(Option<u64>, Vec<u8>)>,
    /// What is wrong with it.
    pub caveats: Vec<String>,
}

/// Unpacks the backup of a stream; `None` when stopped.
///
/// # Errors
/// Why it cannot be unpacked.
pub fn unpack(path: &Path, stream: usize, name: &str, stopped: &dyn Fn() -> bool) -> Result<Option<Backup>, String> {
    let text = |e: io::Error| e.to_string();
    let packed = regular::open(path).map_err(text)?;
    let size = packed.metadata().map_err(text)?.len();
    let limit = size.saturating_mul(RATIO).clamp(UNPACKED, super::source::LARGEST_BLOCK);
    let mut spool = tempfile::tempfile().map_err(|e| format!("there is no room to unpack it: {e}"))?;
    let mut frames = Frames::new(io::BufReader::with_capacity(256 << 10, packed));
    let mut buffer = vec![0; 256 << 10];
    let (mut length, mut caveats) = (0_u64, Vec::new());
    loop {
        if stopped() {
            return Ok(None);
        }
        match frames.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => {
                length += count as u64;
                if length > limit {
                    return Err(format!("it unpacks to more than {limit} bytes"));
                }
                spool.write_all(&buffer[..count]).map_err(|e| format!("there is no room to unpack it: {e}"))?;
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            // What is in front of the damage can be read.
            Err(e) => {
                caveats
                    .push(format!("the backup of {name} is damaged: only {length} bytes of it can be unpacked ({e})"));
                break;
            }
        }
    }
    if length == 0 {
        return Err(caveats.pop().unwrap_or_else(|| "there is nothing in it".into()));
    }
    let mut head = [0; ARCHIVE.len()];
    if spool.read_at(&mut head, 0).is_ok_and(|count| count == head.len()) && head == ARCHIVE {
        let place = Place::Archive(Arc::new(spool), length);
        let block = Block { stream, number: 0, key: [0; 4], place };
        return Ok(Some(Backup { blocks: vec![block], indexes: Vec::new(), caveats }));
    }
    spool.rewind().map_err(text)?;
    tar(spool, length, stream, name, caveats).map(Some)
}

/// The blocks in a tar.
fn tar(spool: File, length: u64, stream: usize, name: &str, mut caveats: Vec<String>) -> Result<Backup, String> {
    let file = Arc::new(spool.try_clone().map_err(|e| e.to_string())?);
    let (mut blocks, mut indexes) = (Vec::new(), Vec::new());
    let mut archive = tar::Archive::new(spool);
    let entries = archive.entries_with_seek().map_err(|e| format!("it holds neither a tar nor an archive: {e}"))?;
    for found in entries {
        let mut found = match found {
            Ok(found) => found,
            Err(e) => {
                caveats.push(format!("the backup of {name} ends early: {e}"));
                break;
            }
        };
        let path = String::from_utf8_lossy(&found.path_bytes()).into_owned();
        let Some(inside) = path.strip_prefix("msgs/").or_else(|| path.strip_prefix("./msgs/")) else { continue };
        let (from, size) = (found.raw_file_position(), found.size());
        if from.checked_add(size).is_none_or(|end| end > length) {
            caveats.push(format!("the backup of {name} ends within {path}"));
            break;
        }
        let number = |suffix| inside.strip_suffix(suffix).and_then(|number: &str| number.parse::<u64>().ok());
        if let Some(number) = number(".blk") {
            let place = Place::Unpacked(file.clone(), from, size);
            blocks.push(Block { stream, number, key: key(name, number), place });
        } else if (inside == "index.db" || number(".idx").is_some()) && size <= LARGEST {
            let mut bytes = Vec::new();
            if found.read_to_end(&mut bytes).is_ok() {
                indexes.push((number(".idx"), bytes));
            }
        }
    }
    blocks.sort_by_key(|block| block.number);
    Ok(Backup { blocks, indexes, caveats })
}

/// The blocks of a stream in a server's own directory, and the files beside them.
pub fn of_folder(stream: &Stream, at: usize) -> Backup {
    let mut found = Backup { blocks: Vec::new(), indexes: Vec::new(), caveats: Vec::new() };
    let Kept::Blocks(files) = &stream.kept else { return found };
    for (number, path) in files {
        if let Ok(bytes) = super::folder::read(&path.with_extension("idx")) {
            found.indexes.push((Some(*number), bytes));
        }
        let key = key(&stream.name, *number);
        found.blocks.push(Block { stream: at, number: *number, key, place: Place::File(path.clone()) });
    }
    if let Ok(bytes) = super::folder::read(&stream.directory.join("msgs/index.db")) {
        found.indexes.push((None, bytes));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(text: &[u8]) -> Vec<u8> {
        let mut bytes = vec![1];
        bytes.extend(&(text.len() as u32 + 4).to_le_bytes()[..3]);
        bytes.extend(crc32c::crc32c(text).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes());
        bytes.extend(text);
        bytes
    }

    #[test]
    fn a_compressed_block_is_read_around_its_damage() {
        let mut bytes = b"cmp\x01\x05\xff\x06\0\0S2sTwO".to_vec();
        for text in [&b"first "[..], b"second ", b"third "] {
            bytes.extend(chunk(text));
        }
        bytes.extend(b"checksum");
        // The length it says, 5, is believed by nobody.
        let read = uncompressed(bytes.clone()).unwrap();
        assert_eq!((&read.bytes[..], read.fault), (&b"first second third checksum"[..], None));
        let second = memchr::memmem::find(&bytes, b"second").unwrap();
        bytes[second] ^= 1;
        let read = uncompressed(bytes).unwrap();
        assert_eq!(&read.bytes[..], b"first \0\0\0\0\0\0\0third checksum");
        assert!(read.fault.is_some_and(|fault| fault.contains("checksum")));
        assert!(uncompressed(b"cmp\x07\x05checksum".to_vec()).is_err());
        assert_eq!(uncompressed(b"as it is".to_vec()).unwrap().bytes, b"as it is");
    }
}
