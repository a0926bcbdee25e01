//! What tells one file, as it is, from all others: its device and inode, its length, its times, and the first and last
//! bytes it had. The time of its inode is one of them: a writer who puts the time of the file back does not put back that.
//!
//! Whether a file that grew still begins with what it was is asked of its bytes: of all of them, or in a large file of
//! many places of it. What was edited between those places and grew since is not seen; reading it shows that.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::domain::Failure;
use crate::regular;
use crate::sources::feed::Feed;
use crate::sources::index::saved::{Reader, Writer};

/// How much of the beginning and of the end is compared.
const EDGE: u64 = 4 << 10;
/// Files of up to so many bytes are compared whole, larger ones in [`PROBES`] places of [`PROBE`] bytes.
const WHOLE: u64 = PROBES * PROBE;
const PROBES: u64 = 256;
const PROBE: u64 = 64 << 10;

/// What tells one file, as it is, from all others.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identity {
    /// Its device.
    pub device: u64,
    /// Its number there.
    pub inode: u64,
    /// Its length.
    pub length: u64,
    /// When it was changed, in nanoseconds since 1970.
    pub time: i128,
    /// When its inode was changed, which nobody can put back.
    pub inode_time: i128,
    /// What its first 4 KiB (or as many as there are) hash to.
    pub head: u64,
    /// The same of its last.
    pub tail: u64,
}

impl Identity {
    /// Of what is open, taken to end at `length`.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn of(feed: &Feed, length: u64) -> Result<Self, Failure> {
        let metadata = feed.metadata().map_err(|e| feed.failure(&e))?;
        let (head, tail) = edges(feed, length)?;
        Ok(Self { device: metadata.dev(), inode: metadata.ino(), length, time: 0, inode_time: 0, head, tail }
            .at(&metadata))
    }

    /// Of the file of this name; nothing where there is none, or nothing in it.
    ///
    /// # Errors
    /// When that cannot be told.
    pub fn of_name(path: &Path) -> Result<Option<Self>, Failure> {
        let name = path.display().to_string();
        let failed = |e: io::Error| Failure::io(name.as_str(), "look at", &e);
        // Looked at before it is opened: opening what is no regular file may do anything.
        match std::fs::metadata(path) {
            Ok(metadata) if metadata.is_file() && metadata.len() > 0 => {}
            Ok(_) => return Ok(None),
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(failed(e)),
        }
        let file = regular::open(path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        Self::of(&Feed::of_file(file, &name, length), length).map(Some)
    }

    /// With the times of a file.
    pub fn at(self, metadata: &Metadata) -> Self {
        let (time, inode_time) = Self::times(metadata);
        Self { time, inode_time, ..self }
    }

    /// Whether the times of a file are those.
    pub fn is_at(&self, metadata: &Metadata) -> bool {
        (self.time, self.inode_time) == Self::times(metadata)
    }

    /// When a file and its inode were changed, in nanoseconds since 1970.
    fn times(metadata: &Metadata) -> (i128, i128) {
        let time = |seconds, nanoseconds| i128::from(seconds) * 1_000_000_000 + i128::from(nanoseconds);
        (time(metadata.mtime(), metadata.mtime_nsec()), time(metadata.ctime(), metadata.ctime_nsec()))
    }

    /// Writes it.
    pub fn save(&self, out: &mut Writer) {
        for number in [self.device, self.inode, self.length, self.head, self.tail] {
            out.number(number);
        }
        out.bytes(&self.time.to_le_bytes());
        out.bytes(&self.inode_time.to_le_bytes());
    }

    /// Reads it back.
    pub fn load(read: &mut Reader<'_>) -> Option<Self> {
        let [device, inode, length, head, tail] =
            [read.number()?, read.number()?, read.number()?, read.number()?, read.number()?];
        let mut time = || Some(i128::from_le_bytes(read.bytes()?.try_into().ok()?));
        Some(Self { device, inode, length, time: time()?, inode_time: time()?, head, tail })
    }

    /// Whether what is open begins with what this was of: the same file, as long or longer, with the same beginning and
    /// the same bytes where this one ended.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn is_beginning_of(&self, feed: &Feed) -> Result<bool, Failure> {
        Ok(feed.metadata().map_err(|e| feed.failure(&e))?.len() >= self.length
            && edges(feed, self.length)? == (self.head, self.tail))
    }
}

/// The hashes of the first and the last bytes of what ends at `length`.
fn edges(feed: &Feed, length: u64) -> Result<(u64, u64), Failure> {
    let mut buffer = vec![0; EDGE.min(length) as usize];
    let mut edge = |offset| {
        let count = feed.read_at(offset, &mut buffer).map_err(|e| feed.failure(&e))?;
        Ok::<_, Failure>(hash(&buffer[..count]))
    };
    Ok((edge(0)?, edge(length.saturating_sub(EDGE))?))
}

/// A hash of what ends at `length`: of all of it, or of places all over it.
///
/// # Errors
/// When it cannot be read.
pub fn sample(feed: &Feed, length: u64) -> Result<u64, Failure> {
    let step = if length <= WHOLE { PROBE } else { length / PROBES };
    let mut buffer = vec![0; PROBE.min(length) as usize];
    let (mut at, mut sample) = (0, 0);
    while at < length {
        let wanted = PROBE.min(length - at) as usize;
        let count = feed.read_at(at, &mut buffer[..wanted]).map_err(|e| feed.failure(&e))?;
        let pair = [sample, hash(&buffer[..count])].map(u64::to_le_bytes).concat();
        sample = hash(&pair);
        at += step;
    }
    Ok(sample)
}

/// A hash that is the same in every process.
pub fn hash(bytes: &[u8]) -> u64 {
    use highway::HighwayHash;
    highway::HighwayHasher::new(highway::Key([0x7374_6570, 0x6261_636b, 0, 1])).hash64(bytes)
}
