//! `index/lookup`: what one append must know of a large store, found without reading the store.
//!
//! ```text
//! lookup := header, streams, ids, records          each table sorted by its key, cut into blocks
//! header := magic "SBLOOK1\n", store id, events, record number, segment, offset, 3 × (entries, where), crc32c
//! table  := (entry*, crc32c)*, first key of each block u64*, crc32c
//! stream := hash u64, last version u64, its ordinal u32
//! id     := hash u64, ordinal u32
//! record := first ordinal u64, segment u32, offset u32
//! ```
//!
//! It covers a prefix of the journal; what follows is read from the journal (`appender`). Nothing in it is trusted: every
//! byte that is used is covered by a sum that knows its place, a hash is only a candidate, and who finds it wrong does
//! without it. It is written whole, beside the index it goes with, and never changed.
//!
//! It has a second use: a store whose head is lost and whose journal ends before what this covers has lost events.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::catalog::{Catalog, End, Place};
use super::codec::{u32_at, u64_at};
use super::disk::create_private;
use super::ids::hash_id;
use super::index;
use super::journal::Grows;

const MAGIC: &[u8; 8] = b"SBLOOK1\n";
const HEADER: usize = 108;
/// The bytes of a block, at most, without its sum.
const BLOCK: usize = 4096;
const SUM: usize = 4;
/// More entries than a store has events is no table.
const MOST: u64 = u32::MAX as u64;

/// Where it lies in a store.
pub(super) fn path(directory: &Path) -> PathBuf {
    index::path(directory).join("lookup")
}

/// What a lookup covers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Covered {
    pub(super) store: [u8; 16],
    pub(super) events: u64,
    /// The number of the record that follows.
    pub(super) seq: u64,
    pub(super) end: End,
}

/// What is wrong with a lookup: it cannot be read, or is not what was written.
#[derive(Debug)]
pub(super) struct Useless;

impl From<io::Error> for Useless {
    fn from(_: io::Error) -> Self {
        Self
    }
}

/// An opened lookup.
pub(super) struct Lookup {
    file: File,
    pub(super) covered: Covered,
    streams: Table,
    ids: Table,
    records: Table,
}

/// The last event of a stream, as far as its hash tells.
pub(super) struct LastOf {
    pub(super) version: u64,
    pub(super) ordinal: u32,
}

impl Lookup {
    /// What the lookup of a store covers, where there is one and its header is whole.
    pub(super) fn covered(directory: &Path) -> Option<Covered> {
        let file = crate::regular::open(&path(directory)).ok()?;
        Some(read_header(&file).ok()?.0)
    }

    /// Opens it.
    pub(super) fn open(directory: &Path) -> Result<Self, Useless> {
        let file = crate::regular::open(&path(directory))?;
        let (covered, [streams, ids, records]) = read_header(&file)?;
        let mut number = 0..;
        let mut table = |(entries, at), width| Table::open(&file, number.next().unwrap_or(0), entries, at, width);
        let (streams, ids, records) = (table(streams, 20)?, table(ids, 12)?, table(records, 16)?);
        Ok(Self { file, covered, streams, ids, records })
    }

    /// The streams whose name has this hash.
    pub(super) fn streams(&self, hash: u64) -> Result<Vec<LastOf>, Useless> {
        let found = self.streams.with_key(&self.file, hash)?;
        Ok(found.iter().map(|entry| LastOf { version: u64_at(entry, 8), ordinal: u32_at(entry, 16) }).collect())
    }

    /// The events whose id has this hash, oldest first.
    pub(super) fn ids(&self, hash: u64) -> Result<Vec<u32>, Useless> {
        let found = self.ids.with_key(&self.file, hash)?;
        Ok(found.iter().map(|entry| u32_at(entry, 8)).collect())
    }

    /// The record an event is in.
    pub(super) fn record(&self, ordinal: u32) -> Result<Place, Useless> {
        let entry = self.records.at_most(&self.file, u64::from(ordinal))?.ok_or(Useless)?;
        let first = u32::try_from(u64_at(&entry, 0)).map_err(|_| Useless)?;
        Ok(Place { first, segment: u32_at(&entry, 8), offset: u32_at(&entry, 12) })
    }

    /// Looks at every byte.
    pub(super) fn check(&self) -> Result<(), Useless> {
        for table in [&self.streams, &self.ids, &self.records] {
            let mut before = 0;
            for block in 0..table.first_keys.len() {
                for entry in table.block(&self.file, block)?.chunks_exact(table.width) {
                    if u64_at(entry, 0) < before {
                        return Err(Useless);
                    }
                    before = u64_at(entry, 0);
                }
            }
        }
        Ok(())
    }

    /// Writes the lookup of a whole catalog; the one before stays until this one is whole.
    pub(super) fn write(directory: &Path, store: &[u8; 16], catalog: &Catalog) -> io::Result<()> {
        let to = path(directory);
        let new = to.with_extension("new");
        let written = create_private(&new).and_then(|file| write(&file, store, catalog));
        let named = written.and_then(|()| std::fs::rename(&new, &to));
        if named.is_err() {
            drop(std::fs::remove_file(&new));
        }
        named
    }

    /// Removes it.
    pub(super) fn discard(directory: &Path) {
        drop(std::fs::remove_file(path(directory)));
    }
}

fn write(file: &File, store: &[u8; 16], catalog: &Catalog) -> io::Result<()> {
    let mut streams: Vec<(u64, u64, u32)> = (0..catalog.stream_count())
        .filter_map(|n| catalog.stream_at(n))
        .filter_map(|stream| Some((hash_id(stream.name.as_str()), stream.last_version(), *stream.ordinals.last()?)))
        .collect();
    streams.sort_unstable();
    let mut ids: Vec<(u64, u32)> = (0..catalog.events() as u32).map(|n| (catalog.id_hash(n), n)).collect();
    ids.retain(|(hash, _)| *hash != super::ids::NO_ID);
    ids.sort_unstable();
    let mut out = Tables { out: BufWriter::with_capacity(256 << 10, file), at: HEADER as u64, whole: Vec::new() };
    out.out.write_all(&[0; HEADER])?;
    out.table(
        20,
        streams
            .iter()
            .map(|(hash, version, ordinal)| (*hash, [&version.to_le_bytes()[..], &ordinal.to_le_bytes()].concat())),
    )?;
    out.table(12, ids.iter().map(|(hash, ordinal)| (*hash, ordinal.to_le_bytes().to_vec())))?;
    let records = catalog.records().iter();
    out.table(
        16,
        records
            .map(|place| (u64::from(place.first), [place.segment.to_le_bytes(), place.offset.to_le_bytes()].concat())),
    )?;
    let whole = std::mem::take(&mut out.whole);
    out.out.flush()?;
    let covered = Covered { store: *store, events: catalog.events(), seq: catalog.seq(), end: catalog.end() };
    file.write_all_at(&header(&covered, &whole), 0)
}

fn header(covered: &Covered, tables: &[(u64, u64)]) -> [u8; HEADER] {
    let mut bytes = [0; HEADER];
    bytes[..8].copy_from_slice(MAGIC);
    bytes[8..24].copy_from_slice(&covered.store);
    let numbers = [covered.events, covered.seq, u64::from(covered.end.segment), covered.end.offset];
    let tables = tables.iter().flat_map(|(entries, at)| [*entries, *at]);
    for (n, number) in numbers.into_iter().chain(tables).enumerate() {
        bytes[24 + n * 8..32 + n * 8].copy_from_slice(&number.to_le_bytes());
    }
    let sum = crc32c::crc32c(&bytes[..HEADER - SUM]);
    bytes[HEADER - SUM..].copy_from_slice(&sum.to_le_bytes());
    bytes
}

type Where = (u64, u64);

fn read_header(file: &File) -> Result<(Covered, [Where; 3]), Useless> {
    let mut bytes = [0; HEADER];
    file.read_exact_at(&mut bytes, 0)?;
    if bytes[..8] != *MAGIC || crc32c::crc32c(&bytes[..HEADER - SUM]) != u32_at(&bytes, HEADER - SUM) {
        return Err(Useless);
    }
    let number = |n: usize| u64_at(&bytes, 24 + n * 8);
    let mut store = [0; 16];
    store.copy_from_slice(&bytes[8..24]);
    let end = End { segment: u32::try_from(number(2)).map_err(|_| Useless)?, offset: number(3) };
    let tables = [(number(4), number(5)), (number(6), number(7)), (number(8), number(9))];
    Ok((Covered { store, events: number(0), seq: number(1), end }, tables))
}

/// A sorted table in blocks. Its keys are the first eight bytes of each entry.
struct Table {
    /// Which of the tables it is, so that no block passes for one of another.
    number: u32,
    entries: u64,
    at: u64,
    width: usize,
    first_keys: Vec<u64>,
}

impl Table {
    fn open(file: &File, number: u32, entries: u64, at: u64, width: usize) -> Result<Self, Useless> {
        if entries > MOST {
            return Err(Useless);
        }
        let mut table = Self { number, entries, at, width, first_keys: Vec::new() };
        let blocks = entries.div_ceil(table.in_block()) as usize;
        let mut bytes = vec![0; blocks * 8 + SUM];
        file.read_exact_at(&mut bytes, at + entries * width as u64 + (blocks * SUM) as u64)?;
        let (keys, sum) = bytes.split_at(blocks * 8);
        if block_sum(number, u32::MAX, keys) != u32_at(sum, 0) {
            return Err(Useless);
        }
        table.first_keys = keys.chunks_exact(8).map(|key| u64_at(key, 0)).collect();
        Ok(table)
    }

    fn in_block(&self) -> u64 {
        (BLOCK / self.width) as u64
    }

    /// The entries of a block.
    fn block(&self, file: &File, block: usize) -> Result<Vec<u8>, Useless> {
        let before = block as u64 * self.in_block();
        let entries = (self.entries - before).min(self.in_block()) as usize;
        let mut bytes = vec![0; entries * self.width + SUM];
        file.read_exact_at(&mut bytes, self.at + before * self.width as u64 + (block * SUM) as u64)?;
        let sum = u32_at(&bytes, entries * self.width);
        bytes.truncate(entries * self.width);
        if block_sum(self.number, block as u32, &bytes) != sum {
            return Err(Useless);
        }
        Ok(bytes)
    }

    /// All entries with a key.
    fn with_key(&self, file: &File, key: u64) -> Result<Vec<Vec<u8>>, Useless> {
        // The first of them may stand in the block before the first one that begins with the key.
        let from = self.first_keys.partition_point(|first| *first < key).saturating_sub(1);
        let to = self.first_keys.partition_point(|first| *first <= key);
        let mut found = Vec::new();
        for block in from..to {
            let bytes = self.block(file, block)?;
            let entries = bytes.chunks_exact(self.width);
            found.extend(entries.filter(|entry| u64_at(entry, 0) == key).map(<[u8]>::to_vec));
        }
        Ok(found)
    }

    /// The last entry whose key is not greater.
    fn at_most(&self, file: &File, key: u64) -> Result<Option<Vec<u8>>, Useless> {
        let Some(block) = self.first_keys.partition_point(|first| *first <= key).checked_sub(1) else {
            return Ok(None);
        };
        let bytes = self.block(file, block)?;
        Ok(bytes.chunks_exact(self.width).rfind(|entry| u64_at(entry, 0) <= key).map(<[u8]>::to_vec))
    }
}

/// The sum of a block; it knows the table and the place in it.
fn block_sum(table: u32, block: u32, bytes: &[u8]) -> u32 {
    let place = [table.to_le_bytes(), block.to_le_bytes()].concat();
    crc32c::crc32c_append(crc32c::crc32c(&place), bytes)
}

/// Tables on their way into a file.
struct Tables<W: Write> {
    out: W,
    at: u64,
    /// How many entries each whole table has, and where it begins.
    whole: Vec<Where>,
}

impl<W: Write> Tables<W> {
    fn table(&mut self, width: usize, entries: impl Iterator<Item = (u64, Vec<u8>)>) -> io::Result<()> {
        let number = self.whole.len() as u32;
        let (begin, mut count) = (self.at, 0);
        let (mut first_keys, mut block) = (Vec::new(), Vec::with_capacity(BLOCK));
        let mut blocks = 0;
        for (key, rest) in entries {
            if block.is_empty() {
                first_keys.extend_from_slice(&key.to_le_bytes());
            }
            block.extend_from_slice(&key.to_le_bytes());
            block.extend_from_slice(&rest);
            count += 1;
            if block.len() + width > BLOCK {
                self.summed(&block, block_sum(number, blocks, &block))?;
                blocks += 1;
                block.clear();
            }
        }
        if !block.is_empty() {
            self.summed(&block, block_sum(number, blocks, &block))?;
        }
        self.summed(&first_keys, block_sum(number, u32::MAX, &first_keys))?;
        self.whole.push((count, begin));
        Ok(())
    }

    fn summed(&mut self, bytes: &[u8], sum: u32) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.out.write_all(&sum.to_le_bytes())?;
        self.at += (bytes.len() + SUM) as u64;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(keys: &[u64]) -> (File, Table) {
        let file = tempfile::tempfile().expect("a temporary file");
        let mut out = Tables { out: &file, at: 0, whole: Vec::new() };
        out.table(12, keys.iter().enumerate().map(|(n, key)| (*key, (n as u32).to_le_bytes().to_vec())))
            .expect("written");
        let (entries, at) = out.whole[0];
        let table = Table::open(&file, 0, entries, at, 12).unwrap_or_else(|_| panic!("opened"));
        (file, table)
    }

    #[test]
    fn every_key_is_found_with_all_its_entries() {
        // Runs of one key over the ends of blocks, which hold 341 entries.
        let keys: Vec<u64> = (0..3_000_u64).map(|n| n / 7 * 3 + if n > 1_500 { 10_000 } else { 0 }).collect();
        let (file, table) = table(&keys);
        for wanted in 0..12_000_u64 {
            let expected: Vec<u32> = (0..keys.len()).filter(|n| keys[*n] == wanted).map(|n| n as u32).collect();
            let found = table.with_key(&file, wanted).unwrap_or_else(|_| panic!("{wanted}"));
            assert_eq!(found.iter().map(|entry| u32_at(entry, 8)).collect::<Vec<_>>(), expected, "{wanted}");
            let last = keys.iter().rposition(|key| *key <= wanted).map(|n| n as u32);
            let found = table.at_most(&file, wanted).unwrap_or_else(|_| panic!("{wanted}"));
            assert_eq!(found.map(|entry| u32_at(&entry, 8)), last, "{wanted}");
        }
        let same = vec![7; 2_000];
        let (file, table) = self::table(&same);
        assert_eq!(table.with_key(&file, 7).map(|found| found.len()).ok(), Some(2_000));
        let (file, table) = self::table(&[]);
        assert_eq!(table.with_key(&file, 7).map(|found| found.len()).ok(), Some(0));
        assert!(matches!(table.at_most(&file, 7), Ok(None)));
    }

    #[test]
    fn a_flipped_bit_is_never_an_answer() {
        let keys: Vec<u64> = (0..1_000).collect();
        let (file, table) = table(&keys);
        for (n, at) in (0..12_000_u64).step_by(97).enumerate() {
            let mut byte = [0];
            file.read_exact_at(&mut byte, at).expect("readable");
            file.write_all_at(&[byte[0] ^ 1 << (n % 8)], at).expect("written");
            let key = (0..1_000).find(|key| table.with_key(&file, *key).is_err());
            let keys_whole = Table::open(&file, 0, table.entries, table.at, 12).is_ok();
            assert!(key.is_some() || !keys_whole, "byte {at}");
            file.write_all_at(&byte, at).expect("written");
        }
        assert!(Table::open(&file, 1, table.entries, table.at, 12).is_err(), "a table of another number");
    }
}
