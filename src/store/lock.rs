//! One writer at a time: a lock of the operating system on the file `lock`, which dies with its process.
//!
//! The file says who holds it. It stays behind afterwards and means nothing then.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::disk::open_to_write;
use super::error::StoreError;

/// The lock, held as long as this lives.
pub(super) struct Lock(File);

fn path(directory: &Path) -> PathBuf {
    directory.join("lock")
}

impl Lock {
    /// Takes it, or says who has it.
    pub(super) fn take(directory: &Path) -> Result<Self, StoreError> {
        let doing = |error| StoreError::io("take the lock", error);
        let mut options = OpenOptions::new();
        options.create(true).truncate(false);
        let file = open_to_write(&path(directory), &mut options).map_err(doing)?;
        // A viewer that looks whether somebody is writing holds it for a moment.
        for _ in 0..10 {
            match file.try_lock() {
                Ok(()) => {
                    let text = format!("{} {}\n", std::process::id(), host());
                    // Who cannot be written down (the disk is full) is not named; the lock holds all the same.
                    drop(file.set_len(0).and_then(|()| file.write_all_at(text.as_bytes(), 0)));
                    return Ok(Self(file));
                }
                Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(20)),
                Err(TryLockError::Error(error)) => return Err(doing(error)),
            }
        }
        let mut text = String::new();
        drop((&file).read_to_string(&mut text));
        let mut words = text.split_whitespace();
        let pid = words.next().and_then(|pid| pid.parse().ok()).unwrap_or(0);
        Err(StoreError::Locked { pid, host: words.next().unwrap_or("this machine").to_owned() })
    }

    /// Whether somebody is writing now. Nobody is where there is no lock.
    ///
    /// # Errors
    /// When that cannot be told.
    pub(super) fn is_held(directory: &Path) -> io::Result<bool> {
        let file = match crate::regular::open(&path(directory)) {
            Ok(file) => file,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(false),
            Err(error) => return Err(error),
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        drop(self.0.unlock());
    }
}

fn host() -> String {
    let read = |path| std::fs::read_to_string(path).ok().map(|name: String| name.trim().to_owned());
    let named = |name: &String| !name.is_empty() && !name.contains(char::is_whitespace);
    read("/proc/sys/kernel/hostname").filter(named).unwrap_or_else(|| "this machine".into())
}
