//! What is kept between two runs: indexes of large files, so that opening one again does not read it again.
//!
//! An entry is one file of the user's cache directory: blocks, each with a CRC-32C, the first of which says of what it is.
//! It is written beside its place under a name of its own, synced, and renamed, so that another
//! process sees the old entry, the new one, or none. It holds where records lie, the names of streams and types, and of
//! tables without row numbers some of their keys; no payload ever.
//!
//! It is not a store: whatever is wrong with an entry (another file, another version of the program, a bit that turned)
//! means that there is none, and any of it may be deleted at any time.
//!
//! Invariant: an entry is used only for the bytes it was made of, as far as [`Identity`] tells.

mod entry;
mod identity;
mod keeper;

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

#[cfg(test)]
pub use entry::told;
pub use entry::{Blocks, Kept, Sequence};
pub use identity::{Identity, hash, sample};
pub use keeper::{Entry, Keeper};

use super::index::saved::{Reader, Writer};

/// How much all entries may take; then those used longest ago are removed.
const LIMIT: u64 = 2 << 30;
/// What is left of a write that never ended is removed after this time.
const LEFT_OVER: Duration = Duration::from_secs(3600);
/// How the names of entries end.
const ENDING: &str = "index";
/// The directory of the indexes within that of the program.
const FOLDER: &str = "indexes";

/// The entries of one directory.
#[derive(Clone, Debug)]
pub struct Cache {
    directory: PathBuf,
}

/// Of what an entry is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Key {
    /// The file.
    pub identity: Identity,
    /// What belongs to it and lies beside it, where anything may: nothing where it is not there, or is empty.
    pub beside: Vec<Option<Identity>>,
    /// What its bytes, or many of them, hash to. It is asked for when the file grew.
    pub sample: u64,
    /// How it is read: another way of reading gives another entry.
    pub reading: String,
    /// Where the file lay; only for people.
    pub path: PathBuf,
}

/// An entry, as it is listed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listed {
    /// The entry's own file.
    pub file: PathBuf,
    /// The file it is an index of, where it lay then.
    pub path: PathBuf,
    /// How large that was.
    pub length: u64,
    /// How many bytes the entry takes.
    pub size: u64,
    /// When it was used last.
    pub used: SystemTime,
}

impl Cache {
    /// The entries below the program's cache directory, which need not exist.
    pub fn new(directory: &Path) -> Self {
        Self { directory: directory.join(FOLDER) }
    }

    /// The entry of a file that is open, if there is one for this reading of it: what it was made of, and its blocks, the
    /// first of which says that.
    pub fn find(&self, identity: &Identity, reading: &str) -> Option<(Key, Blocks)> {
        let path = self.place(identity, reading);
        let blocks = Blocks::open(&path)?;
        let key = Key::load(&blocks.get(0)?)?;
        if key.reading != reading || (key.identity.device, key.identity.inode) != (identity.device, identity.inode) {
            return None;
        }
        // When it was used last is the time of its file. That it cannot be said does not matter.
        drop(File::options().write(true).open(&path).and_then(|file| file.set_modified(SystemTime::now())));
        Some((key, blocks))
    }

    /// Keeps an entry, and removes what there is no more room for.
    ///
    /// # Errors
    /// Why it cannot be kept; there is none then, or the one before.
    pub fn keep(&self, key: &Key, fill: impl FnOnce(&mut Kept) -> io::Result<()>) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.directory)?;
        let mut temporary = tempfile::Builder::new();
        let temporary = temporary.prefix(".new-").permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600));
        let file = temporary.tempfile_in(&self.directory)?;
        let mut kept = Kept::new(file.as_file())?;
        kept.block(&key.save())?;
        fill(&mut kept)?;
        kept.end()?;
        file.as_file().sync_data()?;
        file.persist(self.place(&key.identity, &key.reading)).map_err(|e| e.error)?;
        OpenOptions::new().read(true).custom_flags(libc_directory()).open(&self.directory)?.sync_all()?;
        self.trim(LIMIT);
        Ok(())
    }

    /// Removes the entry of a file for this reading of it. That it cannot be removed costs the next run as much as this one.
    pub fn discard(&self, identity: &Identity, reading: &str) {
        drop(remove(&self.place(identity, reading)));
    }

    /// The entries, those used last first.
    ///
    /// # Errors
    /// When the directory cannot be read. One that does not exist has none.
    pub fn list(&self) -> io::Result<Vec<Listed>> {
        let mut listed = Vec::new();
        let entries = match fs::read_dir(&self.directory) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(listed),
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            let file = entry.path();
            if file.extension() != Some(OsStr::new(ENDING)) {
                continue;
            }
            // A folder of that name is nobody's index.
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.is_dir() {
                continue;
            }
            let key = Blocks::open(&file).and_then(|blocks| Key::load(&blocks.get(0)?));
            let (path, length) = key.map_or_else(Default::default, |key| (key.path, key.identity.length));
            let used = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            listed.push(Listed { file, path, length, size: metadata.len(), used });
        }
        listed.sort_by(|a, b| b.used.cmp(&a.used).then_with(|| a.file.cmp(&b.file)));
        Ok(listed)
    }

    /// Removes every entry and what was left over. Gives how many entries there were and how many bytes they took.
    ///
    /// # Errors
    /// When one cannot be removed.
    pub fn clear(&self) -> io::Result<(usize, u64)> {
        let listed = self.list()?;
        for entry in &listed {
            remove(&entry.file)?;
        }
        for file in self.left_over(Duration::ZERO) {
            remove(&file)?;
        }
        Ok((listed.len(), listed.iter().map(|entry| entry.size).sum()))
    }

    /// Removes what was used longest ago, until the rest takes no more than `limit` bytes.
    fn trim(&self, limit: u64) {
        let mut taken = 0;
        for entry in self.list().unwrap_or_default() {
            taken += entry.size;
            if taken > limit {
                drop(remove(&entry.file));
            }
        }
        for file in self.left_over(LEFT_OVER) {
            drop(remove(&file));
        }
    }

    /// Files of writes that never ended, older than this.
    fn left_over(&self, age: Duration) -> Vec<PathBuf> {
        let old = |path: &Path| {
            let modified = fs::metadata(path).and_then(|metadata| metadata.modified());
            modified.is_ok_and(|time| time.elapsed().unwrap_or_default() >= age) && !path.is_dir()
        };
        let entries = fs::read_dir(&self.directory).into_iter().flatten().flatten().map(|entry| entry.path());
        entries
            .filter(|path| path.file_name().is_some_and(|name| name.as_bytes().starts_with(b".new-")) && old(path))
            .collect()
    }

    fn place(&self, identity: &Identity, reading: &str) -> PathBuf {
        let file = [identity.device.to_le_bytes(), identity.inode.to_le_bytes()].concat();
        self.directory.join(format!("{:016x}-{:016x}.{ENDING}", hash(&file), hash(reading.as_bytes())))
    }
}

/// What opens directories only.
fn libc_directory() -> i32 {
    rustix::fs::OFlags::DIRECTORY.bits() as i32
}

/// Removes a file; one that is not there any more is removed.
fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

impl Key {
    fn save(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.bytes(env!("CARGO_PKG_VERSION").as_bytes());
        out.bytes(self.reading.as_bytes());
        out.bytes(self.path.as_os_str().as_bytes());
        self.identity.save(&mut out);
        out.number(self.sample);
        for beside in &self.beside {
            out.number(u64::from(beside.is_some()));
            if let Some(identity) = beside {
                identity.save(&mut out);
            }
        }
        out.done()
    }

    fn load(block: &[u8]) -> Option<Self> {
        let mut read = Reader::new(block);
        if read.bytes()? != env!("CARGO_PKG_VERSION").as_bytes() {
            return None;
        }
        let reading = String::from_utf8(read.bytes()?.to_vec()).ok()?;
        let path = PathBuf::from(std::ffi::OsString::from_vec(read.bytes()?.to_vec()));
        let identity = Identity::load(&mut read)?;
        let sample = read.number()?;
        let mut beside = Vec::new();
        while !read.is_done() {
            beside.push(match read.number()? {
                0 => None,
                _ => Some(Identity::load(&mut read)?),
            });
        }
        Some(Self { identity, beside, sample, reading, path })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(inode: u64) -> Key {
        let identity = Identity { device: 1, inode, length: 3, time: -4, inode_time: -3, head: 5, tail: 6 };
        let beside = vec![None, Some(Identity { inode: 77, ..identity.clone() })];
        Key { identity, beside, sample: 8, reading: "lines".into(), path: "/somewhere/dump.jsonl".into() }
    }

    fn keep(cache: &Cache, key: &Key, text: &[u8]) {
        cache.keep(key, |kept| kept.block(text)).unwrap();
    }

    #[test]
    fn entries_are_kept_found_listed_and_removed() {
        let directory = tempfile::tempdir().unwrap();
        let cache = Cache::new(directory.path());
        assert_eq!(cache.list().unwrap(), []);
        assert_eq!(cache.clear().unwrap(), (0, 0));
        for inode in 0..3 {
            keep(&cache, &key(inode), format!("block {inode}").as_bytes());
        }
        let (found, blocks) = cache.find(&key(1).identity, "lines").unwrap();
        assert_eq!(found, key(1));
        assert_eq!(blocks.get(1).as_deref(), Some(&b"block 1"[..]));
        assert_eq!(blocks.get(2), None);
        assert!(cache.find(&key(1).identity, "other lines").is_none());
        assert!(cache.find(&key(7).identity, "lines").is_none());

        let mode = |path: &Path| std::os::unix::fs::MetadataExt::mode(&fs::metadata(path).unwrap()) & 0o777;
        let listed = cache.list().unwrap();
        assert_eq!((listed.len(), mode(&cache.directory)), (3, 0o700));
        assert!(listed.iter().all(|entry| mode(&entry.file) == 0o600 && entry.path == key(0).path));

        // Of what is too much the one used longest ago goes first.
        let used = |inode, seconds| {
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
            let file = File::options().write(true).open(cache.place(&key(inode).identity, "lines")).unwrap();
            file.set_modified(time).unwrap();
        };
        used(0, 1000);
        used(1, 10);
        used(2, 100);
        cache.trim(listed[0].size * 2);
        assert!(cache.find(&key(1).identity, "lines").is_none());
        assert!(cache.find(&key(0).identity, "lines").is_some() && cache.find(&key(2).identity, "lines").is_some());

        File::create(cache.directory.join(".new-1234")).unwrap();
        File::create(cache.directory.join("not ours")).unwrap();
        fs::create_dir(cache.directory.join(format!("folder.{ENDING}"))).unwrap();
        fs::create_dir(cache.directory.join(".new-folder")).unwrap();
        assert_eq!(cache.clear().unwrap(), (2, listed[0].size * 2));
        let mut left: Vec<_> =
            fs::read_dir(&cache.directory).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, [".new-folder", "folder.index", "not ours"]);
    }

    #[test]
    fn nothing_is_kept_where_nothing_can_be_written() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        File::create(&file).unwrap();
        let cache = Cache::new(&file);
        assert!(cache.keep(&key(0), |_| Ok(())).is_err());
        let cache = Cache::new(directory.path());
        let failed = cache.keep(&key(0), |_| Err(io::Error::other("the disk is full")));
        assert!(failed.is_err() && cache.list().unwrap().is_empty());
        assert_eq!(fs::read_dir(&cache.directory).unwrap().count(), 0, "nothing is left over");
    }
}
