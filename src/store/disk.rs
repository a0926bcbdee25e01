//! The few operations through which the journal changes a disk, so that a test can make any of them fail.
//!
//! Reads are not here: what they bring is checked, whatever a disk answers.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use rustix::fs::OFlags;

use super::error::StoreError;
use crate::domain::Timestamp;

/// One change of the disk, told before it happens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operation {
    /// A new file is made.
    Create,
    /// As many bytes are written.
    Write(usize),
    /// Written bytes are made durable.
    Sync,
    /// A file is cut.
    Cut,
    /// A file is given its name.
    Rename,
    /// A directory's names are made durable.
    SyncDirectory,
}

/// What a test lets happen instead of an operation: nothing (`Ok(())`), or a failure after so many bytes were written.
pub type Fate = Result<(), (usize, io::Error)>;

/// Decides the fate of every operation.
pub type Faults = Arc<dyn Fn(Operation) -> Fate + Send + Sync>;

/// How a store is kept on disk; the default is what everybody wants, the rest is for tests.
#[derive(Clone)]
pub struct Options {
    /// A segment of the journal that would grow beyond this many bytes gets no further record.
    pub segment: u64,
    /// What happens instead of changes of the disk.
    pub faults: Option<Faults>,
    /// The clock that must say a possible time before anything is done.
    pub clock: fn() -> SystemTime,
}

impl Default for Options {
    fn default() -> Self {
        Self { segment: 64 << 20, faults: None, clock: SystemTime::now }
    }
}

/// The disk; with faults when a test asked for them.
#[derive(Clone, Default)]
pub(super) struct Disk {
    pub(super) options: Options,
}

impl Disk {
    fn before(&self, operation: Operation) -> Fate {
        self.options.faults.as_ref().map_or(Ok(()), |faults| faults(operation))
    }

    fn simply(&self, operation: Operation) -> io::Result<()> {
        self.before(operation).map_err(|(_, error)| error)
    }

    /// Makes a file (or empties the one there is).
    pub(super) fn create(&self, path: &Path) -> io::Result<File> {
        self.simply(Operation::Create)?;
        create_private(path)
    }

    /// Writes all bytes at an offset.
    pub(super) fn write(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        if let Err((written, error)) = self.before(Operation::Write(bytes.len())) {
            file.write_all_at(&bytes[..written.min(bytes.len())], offset)?;
            return Err(error);
        }
        file.write_all_at(bytes, offset)
    }

    /// Waits until what was written is on disk, and the length with it.
    pub(super) fn sync(&self, file: &File) -> io::Result<()> {
        self.simply(Operation::Sync)?;
        file.sync_data()
    }

    /// Cuts a file.
    pub(super) fn cut(&self, file: &File, length: u64) -> io::Result<()> {
        self.simply(Operation::Cut)?;
        file.set_len(length)
    }

    /// Gives a file its name; whole or not at all.
    pub(super) fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.simply(Operation::Rename)?;
        std::fs::rename(from, to)
    }

    /// Waits until the names in a directory are on disk.
    pub(super) fn sync_directory(&self, path: &Path) -> io::Result<()> {
        self.simply(Operation::SyncDirectory)?;
        File::open(path)?.sync_all()
    }
}

/// What the clock of the machine says, as a time that may stand in a store.
///
/// # Errors
/// `Refused` before 1970 and after 9999: a clock that says so is not set, and what it says would stand for ever.
pub(super) fn recorded(clock: SystemTime) -> Result<Timestamp, StoreError> {
    let since = clock.duration_since(SystemTime::UNIX_EPOCH).ok();
    since.and_then(|_| Timestamp::try_from(clock).ok()).ok_or_else(|| {
        StoreError::Refused("the clock of this machine says a time before 1970 or after 9999; set it first".into())
    })
}

/// Opens a file of the store to be written, as the options say beyond that: a regular file, and never through a link,
/// which may lead to a file of somebody else.
pub(super) fn open_to_write(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32;
    let file = options.read(true).write(true).mode(0o600).custom_flags(flags).open(path).map_err(|error| {
        match error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) {
            true => io::Error::new(io::ErrorKind::InvalidInput, format!("{} {LINK}", path.display())),
            false => error,
        }
    })?;
    crate::regular::check(file.metadata()?.file_type())?;
    Ok(file)
}

/// Makes a file that only its owner can read. One that is there is emptied and keeps its rights.
pub(super) fn create_private(path: &Path) -> io::Result<File> {
    let file = open_to_write(path, OpenOptions::new().create(true).truncate(false))?;
    // Only now it is known that it is ours to empty.
    file.set_len(0)?;
    Ok(file)
}

/// What is said of a file of the store that is a link.
const LINK: &str = "is a link, and nothing is written through links";

/// Which files of a store are links, a sentence each. They can be read.
pub(super) fn links(directory: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for folder in ["", "journal", "index"] {
        for entry in std::fs::read_dir(directory.join(folder)).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_symlink() && !path.is_dir() {
                let name = path.strip_prefix(directory).unwrap_or(&path).display().to_string();
                found.push(format!("{name} {LINK}"));
            }
        }
    }
    found.sort();
    found
}

/// Makes a folder that only its owner can look into, and those above it that are missing.
pub(super) fn create_private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Keeps what others make in a folder of ours as private as the folder. A folder that is open to others was made so.
pub(super) fn keep_private(folder: &Path) {
    if open_to_others(folder) != Some(false) {
        return;
    }
    for path in std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
        if open_to_others(&path) == Some(true) {
            let mode = if path.is_dir() { 0o700 } else { 0o600 };
            // Inside a private folder it is private all the same.
            drop(std::fs::set_permissions(&path, Permissions::from_mode(mode)));
        }
    }
}

/// Whether anybody but its owner has a right to something; `None` when it is not there. Links are not followed.
fn open_to_others(path: &Path) -> Option<bool> {
    let metadata = std::fs::symlink_metadata(path).ok()?;
    Some(!metadata.is_symlink() && metadata.permissions().mode() & 0o077 != 0)
}

/// What of a store anybody but its owner has a right to, with its folder first.
pub(super) fn open_paths(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    if open_to_others(directory) == Some(true) {
        found.push(directory.to_path_buf());
    }
    let mut entries: Vec<_> = std::fs::read_dir(directory).into_iter().flatten().flatten().collect();
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => found.extend(open_paths(&entry.path())),
            _ if open_to_others(&entry.path()) == Some(true) => found.push(entry.path()),
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn only_a_clock_that_can_be_right_is_believed() {
        let epoch = SystemTime::UNIX_EPOCH;
        let of = |clock| recorded(clock).map_err(|error| error.to_string());
        assert_eq!(of(epoch), Ok(Timestamp::UNIX_EPOCH));
        assert!(of(epoch - Duration::from_nanos(1)).is_err());
        assert!(of(epoch - Duration::from_secs(1 << 40)).is_err());
        assert!(of(epoch + Duration::from_secs(253_402_200_000)).is_ok(), "in 9999");
        assert!(of(epoch + Duration::from_secs(253_402_300_800)).is_err(), "in 10000");
        assert!(of(epoch + Duration::from_secs(1 << 40)).is_err());
    }
}
