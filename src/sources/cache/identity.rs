//! What tells one file, as it is, from all others: its device and inode, its length, its time, and the first and last
//! bytes it had. What changed in its middle while all of these stayed is not seen; reading it shows that.

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
        Ok(Self { device: metadata.dev(), inode: metadata.ino(), length, time: Self::time(&metadata), head, tail })
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

    /// When a file was changed, in nanoseconds since 1970.
    pub fn time(metadata: &Metadata) -> i128 {
        i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec())
    }

    /// Writes it.
    pub fn save(&self, out: &mut Writer) {
        for number in [self.device, self.inode, self.length, self.head, self.tail] {
            out.number(number);
        }
        out.bytes(&self.time.to_le_bytes());
    }

    /// Reads it back.
    pub fn load(read: &mut Reader<'_>) -> Option<Self> {
        let [device, inode, length, head, tail] =
            [read.number()?, read.number()?, read.number()?, read.number()?, read.number()?];
        let time = i128::from_le_bytes(read.bytes()?.try_into().ok()?);
        Some(Self { device, inode, length, time, head, tail })
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

/// A hash that is the same in every process.
pub fn hash(bytes: &[u8]) -> u64 {
    use highway::HighwayHash;
    highway::HighwayHasher::new(highway::Key([0x7374_6570, 0x6261_636b, 0, 1])).hash64(bytes)
}
