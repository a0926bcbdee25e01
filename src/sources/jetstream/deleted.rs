//! Which messages are gone although their records still lie in the blocks.
//!
//! Servers up to 2.9 say so in a file beside each block (`N.idx`), later ones in one for the stream (`index.db`) and, for
//! what happened since, by tombstones among the records. Nothing deleted ever comes back, so an old file is still right in
//! what it says.

use std::collections::BTreeMap;

use hashbrown::HashSet;

use super::record::{checksum, key_of};
use super::s2::{uvarint, varint};

/// The largest set of sequences that is read from one file.
const LARGEST: u64 = 1 << 24;
/// How many bits a node of a set of sequences has, by the version of the set.
const NODES: [(u8, usize); 2] = [(1, 64), (2, 32)];

/// What is gone.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Deleted {
    /// The first sequence that is left.
    first: u64,
    /// The first sequence that is left in each block.
    blocks: BTreeMap<u64, u64>,
    /// Single ones.
    single: HashSet<u64>,
}

impl Deleted {
    /// A message was deleted.
    pub fn insert(&mut self, seq: u64) {
        self.single.insert(seq);
    }

    /// Whether a message of a block is gone.
    pub fn contains(&self, block: u64, seq: u64) -> bool {
        seq < self.first || self.blocks.get(&block).is_some_and(|&first| seq < first) || self.single.contains(&seq)
    }

    /// Reads the index of a block (`N.idx`).
    ///
    /// # Errors
    /// When it is none.
    pub fn read_idx(&mut self, block: u64, bytes: &[u8]) -> Result<(), &'static str> {
        const WRONG: &str = "it is no index of a block";
        let mut rest = bytes.strip_prefix(&[0x16, 1]).ok_or(WRONG)?;
        let mut read = || -> Option<(u64, Vec<u64>)> {
            let _messages = uvarint(&mut rest)?;
            let _bytes = uvarint(&mut rest)?;
            let first = uvarint(&mut rest)? & !(1 << 63);
            varint(&mut rest)?;
            let _last = uvarint(&mut rest)?;
            varint(&mut rest)?;
            let count = uvarint(&mut rest).filter(|&count| count <= LARGEST)?;
            rest = rest.get(8..)?;
            let mut single = Vec::new();
            for _ in 0..count {
                single.push(first.checked_add(uvarint(&mut rest)?)?);
            }
            Some((first, single))
        };
        let (first, single) = read().ok_or(WRONG)?;
        self.blocks.insert(block, first);
        self.single.extend(single);
        Ok(())
    }

    /// Reads the state of a stream (`index.db`); its name is the key of the checksum.
    ///
    /// # Errors
    /// When it is none, or of a version that is not known.
    pub fn read_state(&mut self, bytes: &[u8], stream: &str) -> Result<(), String> {
        let (bytes, sum) = bytes.split_last_chunk::<8>().ok_or("it is no state of a stream")?;
        if checksum(&key_of(stream), bytes) != *sum {
            return Err("its checksum does not match".into());
        }
        let rest = bytes.strip_prefix(&[0x0b]).ok_or("it is no state of a stream")?;
        let (&version, rest) = rest.split_first().ok_or("it is no state of a stream")?;
        // Versions differ in what is counted for each block, and in whether the last block of a subject with a single
        // message is written. What a version means is known of few, so the reading is the one whose sums are right.
        for counts in [2, 0, 1, 3] {
            for both in [true, false] {
                let mut found = Self::default();
                if found.state(rest, counts, both).is_some() {
                    self.first = self.first.max(found.first);
                    for (block, first) in found.blocks {
                        let known = self.blocks.entry(block).or_default();
                        *known = first.max(*known);
                    }
                    self.single.extend(found.single);
                    return Ok(());
                }
            }
        }
        Err(format!("its version ({version}) cannot be read, or it is damaged"))
    }

    /// `counts` more numbers stand for each block; `both` tells that a subject always has a first and a last block.
    fn state(&mut self, mut rest: &[u8], counts: usize, both: bool) -> Option<()> {
        let rest = &mut rest;
        let messages = uvarint(rest)?;
        let _bytes = uvarint(rest)?;
        self.first = uvarint(rest)?;
        varint(rest)?;
        let last = uvarint(rest)?;
        varint(rest)?;
        let subjects = uvarint(rest)?;
        let mut of_subjects = 0_u64;
        for _ in 0..subjects {
            let length = usize::try_from(uvarint(rest)?).ok()?;
            rest.split_off(..length)?;
            let total = uvarint(rest)?;
            of_subjects = of_subjects.checked_add(total)?;
            let _first_block = uvarint(rest)?;
            if both || total > 1 {
                let _last_block = uvarint(rest)?;
            }
        }
        let blocks = uvarint(rest)?;
        let mut of_blocks = 0_u64;
        for _ in 0..blocks {
            let number = uvarint(rest)?;
            let _bytes = uvarint(rest)?;
            let first = uvarint(rest)?;
            varint(rest)?;
            let behind = uvarint(rest)?.checked_add(1)?;
            varint(rest)?;
            let deleted = uvarint(rest)?;
            for _ in 0..counts {
                uvarint(rest)?;
            }
            let left = behind.checked_sub(first)?.checked_sub(deleted)?;
            of_blocks = of_blocks.checked_add(left)?;
            if behind > last.checked_add(1)? {
                return None;
            }
            self.blocks.insert(number, first);
            if deleted > 0 && self.set(rest)? != deleted {
                return None;
            }
        }
        // The number of the last block, the checksum of its last record.
        uvarint(rest)?;
        let sums = of_blocks == messages && (subjects == 0 || of_subjects == messages);
        (rest.len() == 8 && sums).then_some(())
    }

    /// A set of sequences: nodes of bits. Gives how many it holds.
    fn set(&mut self, rest: &mut &[u8]) -> Option<u64> {
        let head = rest.split_off(..10)?;
        let &(_, words) = NODES.iter().find(|(version, _)| head[0] == 22 && head[1] == *version)?;
        let number = |at: usize| u64::from(u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]));
        let (nodes, length) = (number(2), number(6));
        if length > LARGEST {
            return None;
        }
        let mut found = 0;
        for _ in 0..nodes {
            let node = rest.split_off(..(words + 1) * 8 + 2)?;
            let mut numbers =
                node.chunks_exact(8).map(|bytes| bytes.iter().rev().fold(0, |n, &b| n << 8 | u64::from(b)));
            let base: u64 = numbers.next()?;
            for (bits, word) in numbers.take(words).zip(0_u64..) {
                for bit in (0..64).filter(|bit| bits >> bit & 1 == 1) {
                    found += 1;
                    self.single.insert(base.checked_add(word * 64 + bit)?);
                }
            }
        }
        (found == length).then_some(length)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_index_of_a_block_as_2_9_writes_it() {
        // 15 of 20 messages; 5, 2, 8, 14 and 18 were deleted.
        let mut bytes = vec![0x16, 1, 15, 0x94, 6, 1, 2, 20, 4, 5];
        bytes.extend([0xaa; 8]);
        bytes.extend([4, 1, 7, 13, 17]);
        let mut deleted = Deleted::default();
        deleted.read_idx(1, &bytes).unwrap();
        let gone: Vec<u64> = (1..=20).filter(|&seq| deleted.contains(1, seq)).collect();
        assert_eq!(gone, [2, 5, 8, 14, 18]);
        for end in 0..bytes.len() {
            assert!(Deleted::default().read_idx(1, &bytes[..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn a_state_as_2_15_writes_it() {
        // Two messages are left, 9 and 10, by a limit for each subject.
        let mut bytes = vec![0x0b, 4, 2, 0x4a, 9, 2, 10, 4, 1, 5];
        bytes.extend(b"lim.a");
        bytes.extend([2, 1, 1, 1, 1, 0x4a, 9, 0, 10, 8, 0, 0, 0, 1]);
        bytes.extend([0xee; 8]);
        bytes.extend(checksum(&key_of("S"), &bytes));
        let mut deleted = Deleted::default();
        deleted.read_state(&bytes, "S").unwrap();
        assert!(deleted.contains(1, 8) && !deleted.contains(1, 9));
        for end in 0..bytes.len() {
            assert!(Deleted::default().read_state(&bytes[..end], "S").is_err(), "{end}");
        }
    }

    #[test]
    fn a_state_with_a_set_of_single_ones() {
        // Of 2 to 10 five are left: 3, 7, 8 and 9 are gone. A subject with one message has both its blocks, or one.
        for (version, more, blocks) in [(4, 2, &[1, 1][..]), (1, 0, &[1]), (2, 1, &[1]), (3, 2, &[1])] {
            let mut bytes = vec![0x0b, version, 5, 0x4a, 2, 2, 10, 4, 2, 1, b'a', 4, 1, 1, 1, b'b', 1];
            bytes.extend(blocks);
            bytes.extend([1, 1, 0x4a, 2, 0, 10, 8, 4]);
            bytes.extend(std::iter::repeat_n(0, more));
            bytes.extend([22, 2, 1, 0, 0, 0, 4, 0, 0, 0]);
            let mut words = [0_u64; 33];
            words[1] = 0b11_1000_1000;
            words.iter().for_each(|word| bytes.extend(word.to_le_bytes()));
            bytes.extend([1, 0, 1]);
            bytes.extend([0xee; 8]);
            bytes.extend(checksum(&key_of("S"), &bytes));
            let mut deleted = Deleted::default();
            deleted.read_state(&bytes, "S").unwrap();
            let left: Vec<u64> = (0..12).filter(|&seq| !deleted.contains(1, seq)).collect();
            assert_eq!(left, [2, 4, 5, 6, 10, 11], "version {version}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_upset_the_readers(mut bytes in prop::collection::vec(any::<u8>(), 2..200), state in any::<bool>()) {
            bytes[..2].copy_from_slice(if state { &[0x0b, 1] } else { &[0x16, 1] });
            bytes.extend(checksum(&key_of("S"), &bytes));
            let mut deleted = Deleted::default();
            let _ = (deleted.read_idx(1, &bytes), deleted.read_state(&bytes, "S"));
        }
    }
}
