//! Finding an event by its identity: hashes of ids, in a table of ordinals.
//!
//! Not a map of ids: the ids themselves stay in the journal, so that a million of them cost some 25 MB. A hash that is found
//! is therefore only a candidate, and whoever asks reads the event to be sure.

/// The hash of an id that an event does not have; such events are not found.
pub(super) const NO_ID: u64 = 0;

/// A 64-bit hash that stays the same on every machine and in every version, because it is stored in the index.
///
/// It is no defence against ids made to collide: those only make a look-up slower.
pub(super) struct Hash(u64);

impl Default for Hash {
    fn default() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }
}

impl Hash {
    /// Takes in one part; its length counts too, so that `ab, c` is not `a, bc`.
    pub(super) fn part(&mut self, bytes: &[u8]) {
        self.word(bytes.len() as u64);
        let mut chunks = bytes.chunks_exact(8);
        for chunk in &mut chunks {
            let mut word = [0; 8];
            word.copy_from_slice(chunk);
            self.word(u64::from_le_bytes(word));
        }
        let mut word = [0; 8];
        word[..chunks.remainder().len()].copy_from_slice(chunks.remainder());
        self.word(u64::from_le_bytes(word));
    }

    fn word(&mut self, word: u64) {
        let mixed = (self.0 ^ word).wrapping_mul(0xff51_afd7_ed55_8ccd);
        self.0 = (mixed ^ (mixed >> 32)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    }

    /// The hash; never `NO_ID`.
    pub(super) fn finish(&self) -> u64 {
        (self.0 ^ (self.0 >> 29)).max(1)
    }
}

/// The hash of an id.
pub(super) fn hash_id(id: &str) -> u64 {
    let mut hash = Hash::default();
    hash.part(id.as_bytes());
    hash.finish()
}

/// From the hash of an id to the ordinals of the events that may have it. Ordinals are dense: event n is the n-th added.
#[derive(Default)]
pub(super) struct Ids {
    hashes: Vec<u64>,
    /// Open addressing with linear probing: the upper half of the hash above an ordinal plus one, or 0 for a free place.
    /// At most 5/8 full. The half hash spares a look at `hashes`, which is far away, for nearly all that do not match.
    slots: Vec<u64>,
    used: usize,
}

impl Ids {
    /// Adds the next event.
    pub(super) fn push(&mut self, hash: u64) {
        let ordinal = self.hashes.len() as u32;
        self.hashes.push(hash);
        if hash == NO_ID {
            return;
        }
        if (self.used + 1) * 8 > self.slots.len() * 5 {
            self.grow();
        }
        self.used += 1;
        self.place(hash, ordinal);
    }

    /// The ordinals of events whose id has this hash, oldest first.
    pub(super) fn find(&self, hash: u64) -> Vec<u32> {
        let mut found = Vec::new();
        if self.slots.is_empty() || hash == NO_ID {
            return found;
        }
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        while self.slots[at] != 0 {
            let slot = self.slots[at];
            let ordinal = slot as u32 - 1;
            if slot >> 32 == hash >> 32 && self.hashes[ordinal as usize] == hash {
                found.push(ordinal);
            }
            at = (at + 1) & mask;
        }
        found
    }

    /// The hash of the id of an event.
    pub(super) fn hash(&self, ordinal: u32) -> u64 {
        self.hashes[ordinal as usize]
    }

    fn grow(&mut self) {
        let size = (self.slots.len() * 2).max(16);
        self.slots = vec![0; size];
        for ordinal in 0..self.hashes.len() as u32 - 1 {
            let hash = self.hashes[ordinal as usize];
            if hash != NO_ID {
                self.place(hash, ordinal);
            }
        }
    }

    fn place(&mut self, hash: u64, ordinal: u32) {
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        while self.slots[at] != 0 {
            at = (at + 1) & mask;
        }
        self.slots[at] = (hash >> 32) << 32 | u64::from(ordinal + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_is_found_again_and_no_other() {
        let mut ids = Ids::default();
        for n in 0..10_000 {
            ids.push(if n % 3 == 0 { NO_ID } else { hash_id(&format!("id-{}", n % 5_000)) });
        }
        for n in 0..5_000_u32 {
            let expected: Vec<u32> = [n, n + 5_000].into_iter().filter(|n| n % 3 != 0).collect();
            assert_eq!(ids.find(hash_id(&format!("id-{n}"))), expected);
        }
        assert!(ids.find(hash_id("elsewhere")).is_empty());
        assert!(ids.find(NO_ID).is_empty());
    }

    #[test]
    fn the_hash_is_the_one_that_is_stored() {
        assert_eq!(hash_id("4ceaf1b6-df00-4592-ae33-7a77a5e1a559"), hash_id("4ceaf1b6-df00-4592-ae33-7a77a5e1a559"));
        let all: std::collections::HashSet<u64> = (0..100_000).map(|n| hash_id(&n.to_string())).collect();
        assert_eq!(all.len(), 100_000);
    }
}
