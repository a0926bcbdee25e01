//! Copies in the directory for temporary files: only where there is room, and only as long as somebody wants them. Those
//! that are being made when the program ends are removed by [`remove_all`]: nothing else would be left to do it.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::ops::ControlFlow;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tempfile::TempDir;

use crate::domain::{Failure, FailureKind};
use crate::regular;
use crate::sources::feed::Feed;

/// How much is copied at a time.
const CHUNK: usize = 1 << 20;
/// What a copy leaves free.
const SPARE: u64 = 16 << 20;
/// How often removing a directory is tried.
const TRIES: usize = 3;
const DOING: &str = "copy it to read it";

/// The directories there are now.
static DIRECTORIES: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

fn directories() -> MutexGuard<'static, Vec<PathBuf>> {
    DIRECTORIES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A directory of our own for a copy, which is gone with its value.
#[derive(Debug)]
pub struct Directory(Option<TempDir>, PathBuf);

impl Directory {
    /// A new one.
    ///
    /// # Errors
    /// When there is none for temporary files.
    pub fn new(name: &str) -> Result<Self, Failure> {
        // Held, so that the program does not end between the two.
        let mut directories = directories();
        let directory = tempfile::Builder::new().prefix("stepback-").tempdir().map_err(|e| failed(name, &e))?;
        let path = directory.path().to_path_buf();
        directories.push(path.clone());
        Ok(Self(Some(directory), path))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.1
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        drop(self.0.take());
        directories().retain(|path| *path != self.1);
    }
}

/// Removes all of them. Whoever is copying into one fails; what is open stays readable.
pub fn remove_all() {
    for directory in directories().drain(..) {
        // A file may be made in it just now; what cannot be removed then could not be removed later either.
        let _ = (0..TRIES).any(|_| std::fs::remove_dir_all(&directory).is_ok());
    }
}

/// Looks whether so many bytes have room there.
///
/// # Errors
/// When they have not.
pub fn room(name: &str, directory: &Path, bytes: u64) -> Result<(), Failure> {
    let Ok(there) = rustix::fs::statvfs(directory) else { return Ok(()) };
    let free = there.f_bavail.saturating_mul(there.f_frsize);
    if free >= bytes.saturating_add(SPARE) {
        return Ok(());
    }
    let mib = |bytes: u64| bytes.div_ceil(1 << 20);
    let parent = directory.parent().unwrap_or(directory).display();
    let why = format!("it needs {} MiB for a copy, and {parent} has {} MiB", mib(bytes), mib(free));
    Err(Failure::new(FailureKind::Io, name, DOING, why).hint("name a directory with more room in TMPDIR"))
}

/// Copies a file; gives its size.
///
/// # Errors
/// When it cannot be read or written, or nobody wants it any more.
pub fn file(
    name: &str,
    from: &Path,
    to: &Path,
    looked: &mut dyn FnMut(u64) -> ControlFlow<()>,
) -> Result<u64, Failure> {
    let mut from = regular::open(from).map_err(|e| Failure::io(name, DOING, &e))?;
    let mut to = create(to).map_err(|e| failed(name, &e))?;
    // Where the file system can share the blocks, a copy of any size is made at once.
    #[cfg(target_os = "linux")]
    if rustix::fs::ioctl_ficlone(&to, &from).is_ok() {
        let length = to.metadata().map_err(|e| failed(name, &e))?.len();
        wanted(name, looked(length))?;
        return Ok(length);
    }
    let mut buffer = vec![0; CHUNK];
    let mut done = 0;
    loop {
        let count = match from.read(&mut buffer) {
            Ok(0) => return Ok(done),
            Ok(count) => count,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(Failure::io(name, DOING, &e)),
        };
        to.write_all(&buffer[..count]).map_err(|e| failed(name, &e))?;
        done += count as u64;
        wanted(name, looked(done))?;
    }
}

/// Copies what comes out of a feed, to its end.
///
/// # Errors
/// When it cannot be read or written, or nobody wants it any more.
pub fn spool(feed: &Feed, to: &Path, looked: &mut dyn FnMut(u64, u64) -> ControlFlow<()>) -> Result<(), Failure> {
    let name = feed.name();
    let mut to = create(to).map_err(|e| failed(name, &e))?;
    let mut buffer = vec![0; CHUNK];
    let mut done = 0;
    let stop = AtomicBool::new(false);
    loop {
        let arrived = feed.wait_beyond(done, &stop);
        if arrived.upto <= done {
            return arrived.failed.map_or(Ok(()), Err);
        }
        let count = (arrived.upto - done).min(CHUNK as u64) as usize;
        let count = feed.read_at(done, &mut buffer[..count]).map_err(|e| feed.failure(&e))?;
        if count == 0 {
            return Ok(());
        }
        to.write_all(&buffer[..count]).map_err(|e| failed(name, &e))?;
        done += count as u64;
        wanted(name, looked(done, if arrived.finished { arrived.upto } else { 0 }))?;
    }
}

/// A new file that only its owner reads: a copy has the secrets of what it is a copy of.
fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

fn failed(name: &str, error: &io::Error) -> Failure {
    Failure::writing(name, DOING, error).hint("stepback needs a directory with room for temporary files: see TMPDIR")
}

fn wanted(name: &str, flow: ControlFlow<()>) -> Result<(), Failure> {
    match flow {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(Failure::cancelled(name, DOING)),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_room_is_said_before_it_is_copied() {
        let directory = Directory::new("a store").unwrap();
        assert!(room("a store", directory.path(), 1).is_ok());
        let refused = room("a store", directory.path(), 1 << 60).unwrap_err();
        assert_eq!(refused.kind, FailureKind::Io);
        assert!(refused.why.contains("1099511627776 MiB") && refused.hint.contains("TMPDIR"), "{refused}");
        let mut stop = |_| ControlFlow::Break(());
        let (from, to) = (directory.path().join("from"), directory.path().join("to"));
        std::fs::write(&from, b"some bytes").unwrap();
        let refused = file("a store", &from, &to, &mut stop).unwrap_err();
        assert_eq!(refused.kind, FailureKind::Cancelled);
        let mut go = |_| ControlFlow::Continue(());
        assert!(file("a store", &from, &to, &mut go).is_err(), "nothing is ever written over");
        let path = directory.path().to_path_buf();
        drop(directory);
        assert!(!path.exists() && !directories().contains(&path));
    }
}
