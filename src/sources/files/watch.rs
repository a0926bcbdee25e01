//! Whether an opened file is still what it was: looked at by its name and by what is open, never by waiting for news.
//!
//! A file is known by its device and inode, its length, its times, and the first and last bytes it had. What changed in its
//! middle while all of these stayed is not seen here; reading it shows that.

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use crate::domain::{Failure, SourceChange};
use crate::sources::cache::Identity;
use crate::sources::feed::Feed;

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
    told: SourceChange,
}

impl Watch {
    /// Watches what is open under this name.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn new(path: PathBuf, feed: &Feed) -> Result<Self, Failure> {
        let identity = Identity::of(feed, feed.arrived().upto)?;
        Ok(Self { path, seen: Mutex::new(Seen { identity, told: SourceChange::Same }) })
    }

    /// How long the file was when it was looked at last.
    pub fn length(&self) -> u64 {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).identity.length
    }

    /// Looks once. What is no longer what was opened is told once.
    ///
    /// # Errors
    /// When it cannot be looked at.
    pub fn look(&self, feed: &Feed) -> Result<SourceChange, Failure> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let change = self.change(&mut seen.identity, feed)?;
        match change {
            SourceChange::Same | SourceChange::Grown => {
                seen.told = SourceChange::Same;
                Ok(change)
            }
            change if seen.told == change => Ok(SourceChange::Same),
            change => {
                seen.told = change;
                Ok(change)
            }
        }
    }

    fn change(&self, identity: &mut Identity, feed: &Feed) -> Result<SourceChange, Failure> {
        let found = match std::fs::metadata(&self.path) {
            Ok(found) => found,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(SourceChange::Removed),
            Err(e) => return Err(Failure::io(feed.name(), "look at it", &e)),
        };
        if !found.is_file() || (found.dev(), found.ino()) != (identity.device, identity.inode) {
            return Ok(SourceChange::Replaced);
        }
        if found.len() < identity.length {
            return Ok(SourceChange::Truncated);
        }
        if found.len() == identity.length && identity.is_at(&found) {
            return Ok(SourceChange::Same);
        }
        if !identity.is_beginning_of(feed)? {
            return Ok(SourceChange::Replaced);
        }
        let grown = found.len() > identity.length;
        *identity = Identity::of(feed, found.len())?.at(&found);
        Ok(if grown { SourceChange::Grown } else { SourceChange::Same })
    }
}
