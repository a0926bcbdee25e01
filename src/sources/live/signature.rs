//! What the files of a store look like from outside: cheap enough to be taken twice a second, and different whenever
//! somebody wrote to one of them.
//!
//! It is names, lengths and times, and the contents of what has a few bytes only: a checkpoint that is written through a
//! memory map keeps its time for long. A file is never opened to read it otherwise, and nothing is opened that is no
//! regular file.

use std::fs::Metadata;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::domain::Failure;
use crate::regular;

/// A write this shortly after another may leave the time as it is: clocks of file systems tick slowly.
const GRAIN: Duration = Duration::from_millis(20);
/// The contents of files of so many bytes count.
const FEW: u64 = 64;

/// Which files a store at an address consists of.
pub type Parts = fn(&Path) -> Vec<PathBuf>;

/// What lies under a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Nothing.
    Nothing,
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A pipe, a device, a socket: nothing to be read again.
    Other,
}

/// A store from outside.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Signature {
    /// What lies at its address.
    pub kind: Kind,
    /// The device and the number of that.
    pub identity: (u64, u64),
    /// How long it is, when it is a file.
    length: u64,
    digest: u64,
    /// Whether it was written so recently that it may have been written again since, unseen.
    pub fresh: bool,
}

impl Signature {
    /// Looks at an address and at what belongs to it.
    ///
    /// # Errors
    /// When that cannot be looked at. Nothing there is an answer.
    pub fn of(address: &Path, parts: Parts) -> Result<Self, Failure> {
        let failed = |e: io::Error| Failure::io(address.display().to_string(), "look whether it has changed", &e);
        let mut signature = Self { kind: Kind::Nothing, identity: (0, 0), length: 0, digest: 0, fresh: false };
        let Some(metadata) = metadata(address).map_err(failed)? else { return Ok(signature) };
        signature.identity = (metadata.dev(), metadata.ino());
        signature.kind = match () {
            () if metadata.is_file() => Kind::File,
            () if metadata.is_dir() => Kind::Directory,
            () => Kind::Other,
        };
        if signature.kind == Kind::Other {
            return Ok(signature);
        }
        let mut hasher = DefaultHasher::new();
        let mut newest = SystemTime::UNIX_EPOCH;
        for part in parts(address) {
            let Some(metadata) = self::metadata(&part).map_err(failed)? else { continue };
            if metadata.is_file() {
                part.as_os_str().hash(&mut hasher);
                note(&part, &metadata, &mut hasher);
                newest = newest.max(metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH));
            }
        }
        signature.digest = hasher.finish();
        signature.length = if metadata.is_file() { metadata.len() } else { 0 };
        signature.fresh = SystemTime::now().duration_since(newest).is_ok_and(|age| age < GRAIN);
        Ok(signature)
    }

    /// Whether it is the file it was, and was cut since: what lay in it may not be where it was.
    pub fn is_cut_from(&self, earlier: &Self) -> bool {
        (self.kind, self.identity) == (earlier.kind, earlier.identity) && self.length < earlier.length
    }

    /// Whether nothing was written between the two, as far as can be seen from outside.
    pub fn same(&self, other: &Self) -> bool {
        (self.kind, self.identity, self.digest) == (other.kind, other.identity, other.digest)
    }
}

fn metadata(path: &Path) -> io::Result<Option<Metadata>> {
    match std::fs::metadata(path) {
        Ok(metadata) => Ok(Some(metadata)),
        // A part of the path may have become a file.
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(e) => Err(e),
    }
}

fn note(path: &Path, metadata: &Metadata, hasher: &mut DefaultHasher) {
    (metadata.dev(), metadata.ino(), metadata.len(), metadata.mtime(), metadata.mtime_nsec()).hash(hasher);
    if metadata.len() <= FEW {
        let mut bytes = [0; FEW as usize];
        let read = regular::open(path).and_then(|file| file.read_at(&mut bytes, 0));
        bytes[..read.unwrap_or(0)].hash(hasher);
    }
}

/// Whether a regular file ends with a line feed.
pub fn ends_line(path: &Path) -> bool {
    let last = || {
        let metadata = metadata(path).ok()??;
        let at = metadata.len().checked_sub(1).filter(|_| metadata.is_file())?;
        let mut byte = [0];
        regular::open(path).and_then(|file| file.read_exact_at(&mut byte, at)).ok()?;
        Some(byte[0])
    };
    last() == Some(b'\n')
}

/// A file, and beside it what SQLite keeps of a database that is being written: its log and its journal.
pub fn file(address: &Path) -> Vec<PathBuf> {
    // They lie beside the file a link leads to.
    let path = address.canonicalize().unwrap_or_else(|_| address.to_path_buf());
    let beside = |ending: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        PathBuf::from(name)
    };
    vec![beside(""), beside("-wal"), beside("-journal")]
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_shows() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.db");
        let look = || Signature::of(&path, file).unwrap();
        assert_eq!(look().kind, Kind::Nothing);
        std::fs::write(&path, "one\n").unwrap();
        let first = look();
        assert!(first.kind == Kind::File && ends_line(&path) && first.same(&look()));
        std::fs::write(&path, "two ").unwrap();
        assert!(!look().is_cut_from(&first));
        assert!(!first.same(&look()) && !ends_line(&path), "of few bytes the contents count");
        std::fs::write(&path, "one\n".repeat(100)).unwrap();
        let old = SystemTime::now() - Duration::from_secs(60);
        std::fs::File::options().write(true).open(&path).unwrap().set_modified(old).unwrap();
        let before = look();
        assert!(!before.fresh && first.is_cut_from(&before));
        std::fs::write(path.with_extension("db-wal"), "a log").unwrap();
        assert!(!before.same(&look()) && look().fresh);
        std::fs::remove_file(path.with_extension("db-wal")).unwrap();
        assert!(before.same(&look()));
        std::fs::write(path.with_extension("other"), "one\n".repeat(100)).unwrap();
        std::fs::rename(path.with_extension("other"), &path).unwrap();
        assert!(!before.same(&look()), "another file");
        std::fs::remove_file(&path).unwrap();
        std::os::unix::net::UnixListener::bind(&path).unwrap();
        assert_eq!(look().kind, Kind::Other);
    }
}
