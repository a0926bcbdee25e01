//! Copies in the directory for temporary files: only where there is room, and only as long as somebody wants them.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::ops::ControlFlow;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use tempfile::TempDir;

use crate::domain::{Failure, FailureKind};
use crate::sources::feed::Feed;

/// How much is copied at a time.
const CHUNK: usize = 1 << 20;
/// What a copy leaves free.
const SPARE: u64 = 16 << 20;
const DOING: &str = "copy it to read it";

/// A new directory of our own for a copy.
///
/// # Errors
/// When there is none for temporary files.
pub fn directory(name: &str) -> Result<TempDir, Failure> {
    tempfile::Builder::new().prefix("stepback-").tempdir().map_err(|e| failed(name, &e))
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
    let mut from = File::open(from).map_err(|e| Failure::io(name, DOING, &e))?;
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
    Failure::io(name, DOING, error).hint("stepback needs a directory with room for temporary files: see TMPDIR")
}

fn wanted(name: &str, flow: ControlFlow<()>) -> Result<(), Failure> {
    match flow {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(Failure::new(FailureKind::Cancelled, name, DOING, "nobody wants it any more")),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_room_is_said_before_it_is_copied() {
        let directory = directory("a store").unwrap();
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
    }
}
