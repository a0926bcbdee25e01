//! The few operations through which the journal changes a disk, so that a test can make any of them fail.
//!
//! Reads are not here: what they bring is checked, whatever a disk answers.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

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
}

impl Default for Options {
    fn default() -> Self {
        Self { segment: 64 << 20, faults: None }
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
        OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)
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
