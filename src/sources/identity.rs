//! Which file was opened, so that it can be told whether it is still the same.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use crate::domain::{Failure, SourceChange};

/// A file as it was when it was opened.
#[derive(Debug)]
pub struct Identity {
    path: PathBuf,
    file: (u64, u64),
    size: u64,
    changed: (i64, i64),
}

fn parts(metadata: &Metadata) -> ((u64, u64), u64, (i64, i64)) {
    ((metadata.dev(), metadata.ino()), metadata.size(), (metadata.mtime(), metadata.mtime_nsec()))
}

impl Identity {
    /// The file of this name, if there is one.
    pub fn of(path: PathBuf) -> Option<Self> {
        let (file, size, changed) = parts(&std::fs::metadata(&path).ok()?);
        Some(Self { path, file, size, changed })
    }

    /// What became of it. For whoever cannot go on reading at the end of a file, one that is longer than it was holds other
    /// records than were found: nothing of it is known any more, as when it is shorter.
    ///
    /// # Errors
    /// When that cannot be told.
    pub fn look(&self) -> Result<SourceChange, Failure> {
        let metadata = match std::fs::metadata(&self.path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(SourceChange::Removed),
            Err(error) => return Err(Failure::io(self.path.display().to_string(), "look at", &error)),
        };
        let (file, size, changed) = parts(&metadata);
        Ok(match () {
            () if file != self.file => SourceChange::Replaced,
            () if (size, changed) == (self.size, self.changed) => SourceChange::Same,
            () => SourceChange::Truncated,
        })
    }
}
