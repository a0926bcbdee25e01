//! The order of a stream that has events and links: that of their versions, as whoever wrote both into it meant them.
//!
//! In an index links stand behind all events, so that the walk of the whole store does not meet them. Of a stream that has
//! either the one or the other the rows are in order as they are; of one that has both, this is the order.
//!
//! Invariant: links come last into an index, so what is woven once stays right.

use super::index::{Index, Stream};

/// The rows of a stream in the order of their versions.
#[derive(Debug)]
pub struct Woven {
    rows: Vec<u32>,
    versions: Vec<u64>,
    /// Each row and where it stands, by rows.
    ordinals: Vec<(u32, u32)>,
}

impl Woven {
    /// Whether a stream has events and links.
    pub fn is_needed(index: &Index, stream: &Stream) -> bool {
        let is_link = |row: &u32| *row as usize >= index.len();
        let rows = || (stream.rows().first(), stream.rows().last());
        index.has_links() && matches!(rows(), (Some(first), Some(last)) if !is_link(first) && is_link(last))
    }

    /// The order of a stream.
    pub fn of(stream: &Stream) -> Self {
        let ascending = stream.rows();
        let mut ranks: Vec<u32> = (0..ascending.len() as u32).collect();
        // Stable: what has the same version stays as it was.
        ranks.sort_by_key(|&rank| stream.version(rank as usize));
        let rows: Vec<u32> = ranks.iter().map(|&rank| ascending[rank as usize]).collect();
        let mut ordinals: Vec<(u32, u32)> = rows.iter().copied().zip(0..).collect();
        ordinals.sort_unstable();
        let versions = ranks.iter().map(|&rank| stream.version(rank as usize)).collect();
        Self { rows, versions, ordinals }
    }

    /// Its rows in their order.
    pub fn versions(&self) -> &[u64] {
        &self.versions
    }

    /// Its rows, in its order.
    pub fn rows(&self) -> &[u32] {
        &self.rows
    }

    /// Where a row stands.
    pub fn ordinal_of(&self, row: u32) -> Option<u64> {
        let at = self.ordinals.binary_search_by_key(&row, |&(row, _)| row).ok()?;
        Some(u64::from(self.ordinals[at].1))
    }

    /// Where the first event with this version or a later one stands.
    pub fn rank_from(&self, version: u64) -> Option<u64> {
        let at = self.versions.partition_point(|&found| found < version);
        (at < self.versions.len()).then_some(at as u64)
    }

    /// The versions of its first and its last event.
    pub fn ends(&self) -> Option<[u64; 2]> {
        Some([*self.versions.first()?, *self.versions.last()?])
    }

    fn repeats(&self) -> bool {
        self.versions.windows(2).any(|pair| pair[0] == pair[1])
    }
}

/// In how many streams the versions go back only because links stand behind events.
pub fn put_in_order(index: &Index) -> u64 {
    let goes_back = |stream: &Stream| (1..stream.len()).any(|rank| stream.version(rank - 1) >= stream.version(rank));
    let mixed = index.streams(0, index.stream_count()).filter(|stream| Woven::is_needed(index, stream));
    mixed.filter(|stream| goes_back(stream) && !Woven::of(stream).repeats()).count() as u64
}
