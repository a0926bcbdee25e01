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
