//! Whether an opened file is still what it was: looked at by its name and by what is open, never by waiting for news.
//!
//! A file is known by its device and inode, its length, its time, and the first and last bytes it had. What changed in its
//! middle while all of these stayed is not seen here; reading it shows that.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use crate::domain::{Change, Failure};
use crate::sources::feed::Feed;

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
        Ok(Self { device: metadata.dev(), inode: metadata.ino(), length, time: time(&metadata), head, tail })
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

fn time(metadata: &Metadata) -> i128 {
    i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec())
}

/// Looks whether a file changes.
#[derive(Debug)]
pub struct Watch {
    path: PathBuf,
    seen: Mutex<Seen>,
}

/// What was seen when it was looked last.
#[derive(Debug)]
struct Seen {
    identity: Identity,
    /// What was told last, when that was not that all is as it was.
    told: Change,
}

impl Watch {
    /// Watches what is open under this name.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn new(path: PathBuf, feed: &Feed) -> Result<Self, Failure> {
        let identity = Identity::of(feed, feed.arrived().upto)?;
        Ok(Self { path, seen: Mutex::new(Seen { identity, told: Change::Same }) })
    }

    /// How long the file was when it was looked at last.
    pub fn length(&self) -> u64 {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).identity.length
    }

    /// Looks once. What is no longer what was opened is told once.
    ///
    /// # Errors
    /// When it cannot be looked at.
    pub fn look(&self, feed: &Feed) -> Result<Change, Failure> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let change = self.change(&mut seen.identity, feed)?;
        match change {
            Change::Same | Change::Grown => {
                seen.told = Change::Same;
                Ok(change)
            }
            change if seen.told == change => Ok(Change::Same),
            change => {
                seen.told = change;
                Ok(change)
            }
        }
    }

    fn change(&self, identity: &mut Identity, feed: &Feed) -> Result<Change, Failure> {
        let found = match std::fs::metadata(&self.path) {
            Ok(found) => found,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Change::Removed),
            Err(e) => return Err(Failure::io(feed.name(), "look at it", &e)),
        };
        if !found.is_file() || (found.dev(), found.ino()) != (identity.device, identity.inode) {
            return Ok(Change::Replaced);
        }
        if found.len() < identity.length {
            return Ok(Change::Truncated);
        }
        if found.len() == identity.length && time(&found) == identity.time {
            return Ok(Change::Same);
        }
        if !identity.is_beginning_of(feed)? {
            return Ok(Change::Replaced);
        }
        let grown = found.len() > identity.length;
        *identity = Identity { time: time(&found), ..Identity::of(feed, found.len())? };
        Ok(if grown { Change::Grown } else { Change::Same })
    }
}
