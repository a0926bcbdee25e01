//! How to open a database file so that nothing of it and nothing beside it changes.
//!
//! SQLite writes beside a file even when it only reads: an index of the log (`-shm`) and an empty log (`-wal`). Opened as
//! immutable it writes nothing, but does not look at the log either, nor at a journal that says what must be undone. So:
//! without a log and a journal the file itself is opened as immutable; with one of them a copy of both is, in the
//! directory for temporary files, after SQLite has brought it to rest there.
//!
//! Facts: <https://www.sqlite.org/fileformat.html>, sections 1.3, 3 and 4; <https://www.sqlite.org/uri.html>.

use std::fs::Metadata;
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::copy;
use crate::domain::{Failure, FailureKind, SourceChange};
use crate::regular;
use crate::sources::input::Input;
use rusqlite::{Connection, ErrorCode, OpenFlags};

/// A copy of more is worth a remark.
const REMARKABLE: u64 = 1 << 30;
/// How often a copy is tried while somebody writes.
const TRIES: usize = 3;
/// What a copy is called.
const DATABASE: &str = "database";

/// Where a database can be opened as immutable, and what is to be said about that.
#[derive(Debug)]
pub struct Untouched {
    /// The file to open.
    pub path: PathBuf,
    /// What keeps a copy there; none for the file itself.
    pub copied: Option<copy::Directory>,
    /// How it is read, one sentence a line.
    pub reasons: Vec<String>,
    /// What the user must know about it.
    pub caveats: Vec<String>,
    /// Those of the caveats that say that it may not be whole.
    pub losses: Vec<String>,
    /// Whether it is the file itself that is opened.
    pub in_place: bool,
    /// What the original looked like; none where there is no file.
    pub seen: Option<Seen>,
}

impl Untouched {
    /// Finds out how to open an input, and makes a copy where it must.
    ///
    /// # Errors
    /// When it cannot be read, or there is no room for a copy.
    pub fn prepare(input: &Input, looked: &mut dyn FnMut(u64, u64) -> ControlFlow<()>) -> Result<Self, Failure> {
        let Some(path) = &input.path else { return Self::spooled(input, looked) };
        let io = |e: io::Error| Failure::io(input.feed.name(), "open", &e);
        // SQLite finds the log beside the file a link leads to.
        let path = path.canonicalize().map_err(io)?;
        let seen = Seen::look(&path).map_err(io)?;
        if seen.log == Beside::default() && seen.journal == Beside::default() {
            let reasons = if seen.has_log_mode {
                vec!["it is in WAL mode, and its log is empty or was not copied with it: nothing is missing if it was closed".into()]
            } else {
                Vec::new()
            };
            return Ok(Self {
                path,
                copied: None,
                reasons,
                caveats: Vec::new(),
                losses: Vec::new(),
                in_place: true,
                seen: Some(seen),
            });
        }
        Self::copied(input, &path, looked)
    }

    /// Bytes that lie in no file of their own: a pipe, something unpacked.
    fn spooled(input: &Input, looked: &mut dyn FnMut(u64, u64) -> ControlFlow<()>) -> Result<Self, Failure> {
        let directory = copy::Directory::new(input.feed.name())?;
        let path = directory.path().join(DATABASE);
        copy::spool(&input.feed, &path, looked)?;
        Ok(Self {
            path,
            copied: Some(directory),
            reasons: Vec::new(),
            caveats: Vec::new(),
            losses: Vec::new(),
            in_place: false,
            seen: None,
        })
    }

    /// A copy of a file and of the log or the journal that belongs to it.
    fn copied(
        input: &Input,
        path: &Path,
        looked: &mut dyn FnMut(u64, u64) -> ControlFlow<()>,
    ) -> Result<Self, Failure> {
        let name = input.feed.name();
        let io = |e: io::Error| Failure::io(name, "copy it, to read it with its log", &e);
        let mut tries = 0;
        let (directory, seen, still) = loop {
            tries += 1;
            let before = Seen::look(path).map_err(io)?;
            let copied = before.copy(name, path, looked);
            let after = Seen::look(path).map_err(io)?;
            match copied {
                Ok(directory) if tries == TRIES || after.continues(&before) => {
                    break (directory, before.clone(), after.continues(&before));
                }
                // A journal that is deleted while it is copied is no failure: its transaction is finished.
                Err(failure) if tries == TRIES || after == before || failure.kind == FailureKind::Cancelled => {
                    return Err(failure);
                }
                _ => {}
            }
        };
        let target = directory.path().join(DATABASE);
        settle(name, &target)?;
        let what = if seen.journal == Beside::default() {
            "it has a write-ahead log that is not yet part of it"
        } else {
            "it has a journal of a transaction that was not finished, which is undone"
        };
        let size = seen.size + seen.log.size + seen.journal.size;
        let reasons = vec![format!("{what}: read from a copy, so that nothing beside it changes")];
        let mut caveats = Vec::new();
        if size > REMARKABLE {
            let directory = std::env::temp_dir();
            let size = size as f64 / REMARKABLE as f64;
            caveats.push(format!(
                "a copy of {size:.1} GiB was made in {}; it is gone when this ends",
                directory.display()
            ));
        }
        let mut losses = Vec::new();
        if !still {
            losses.push("somebody wrote to it while it was copied: the copy may be between two states".to_owned());
        }
        caveats.extend(losses.iter().cloned());
        Ok(Self { path: target, copied: Some(directory), reasons, caveats, losses, in_place: false, seen: Some(seen) })
    }

    /// Whether the file itself is read, and somebody wrote to it since: what SQLite says of it then is of two states.
    pub fn is_moved(&self, original: Option<&Path>) -> bool {
        self.in_place && !matches!(self.change(original), Ok(SourceChange::Same))
    }

    /// What became of the original since.
    ///
    /// # Errors
    /// When that cannot be told.
    pub fn change(&self, original: Option<&Path>) -> io::Result<SourceChange> {
        let (Some(seen), Some(path)) = (&self.seen, original) else { return Ok(SourceChange::Same) };
        let now = match path.canonicalize().and_then(|path| Seen::look(&path)) {
            Ok(now) => now,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(SourceChange::Removed),
            Err(e) => return Err(e),
        };
        Ok(if (now.device, now.inode) != (seen.device, seen.inode) {
            SourceChange::Replaced
        } else if now.same_content(seen) {
            SourceChange::Same
        } else {
            // Rows may have come, gone and changed anywhere: what is known of it no longer holds.
            SourceChange::Truncated
        })
    }
}

/// What a database file and what belongs to it look like from outside.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Seen {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    /// The head of the file, with its counter of changes.
    head: Vec<u8>,
    has_log_mode: bool,
    log: Beside,
    journal: Beside,
}

/// A log or a journal; nothing where there is none, or nothing in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Beside {
    size: u64,
    modified: (i64, i64),
    /// Its beginning: a log that starts over gets new salts.
    head: [u8; 32],
}

impl Seen {
    fn look(path: &Path) -> io::Result<Self> {
        let file = regular::open(path)?;
        let metadata = file.metadata()?;
        let mut head = Vec::with_capacity(100);
        file.take(100).read_to_end(&mut head)?;
        let journal = Beside::look(&beside(path, "-journal"))?;
        Ok(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.len(),
            modified: modified(&metadata),
            has_log_mode: head.get(18..20) == Some(&[2, 2]),
            head,
            log: Beside::look(&beside(path, "-wal"))?,
            // A journal that is kept for the next time begins with zeros; nothing is to be undone by it.
            journal: if journal.head[0] == 0 { Beside::default() } else { journal },
        })
    }

    /// Copies the file and what belongs to it into a new directory.
    fn copy(
        &self,
        name: &str,
        path: &Path,
        looked: &mut dyn FnMut(u64, u64) -> ControlFlow<()>,
    ) -> Result<copy::Directory, Failure> {
        let directory = copy::Directory::new(name)?;
        let target = directory.path().join(DATABASE);
        let total = self.size + self.log.size + self.journal.size;
        // The log may be as large again once its pages are in the copy.
        copy::room(name, directory.path(), total + self.log.size)?;
        let mut done = 0;
        for (ending, size) in [("-journal", self.journal.size), ("", self.size), ("-wal", self.log.size)] {
            if size > 0 {
                let mut told = |count| looked(done + count, total.max(done + count));
                done += copy::file(name, &beside(path, ending), &beside(&target, ending), &mut told)?;
            }
        }
        Ok(directory)
    }

    /// Whether what was copied between the two looks is of one state. A log that only grew is: what is behind its last
    /// whole transaction does not count.
    fn continues(&self, before: &Self) -> bool {
        let grown = self.log.head == before.log.head && self.log.size >= before.log.size && before.log.size > 0;
        let file = |seen: &Self| (seen.device, seen.inode, seen.size, seen.modified, seen.journal);
        file(self) == file(before) && self.head == before.head && (grown || self.log == before.log)
    }

    /// Whether nothing was written, whatever the clock of the file says.
    fn same_content(&self, other: &Self) -> bool {
        (self.size, &self.head, self.log, self.journal) == (other.size, &other.head, other.log, other.journal)
    }
}

impl Beside {
    fn look(path: &Path) -> io::Result<Self> {
        // Looked at before it is opened: what is no regular file is no log.
        match std::fs::metadata(path) {
            Ok(metadata) if metadata.is_file() && metadata.len() > 0 => {}
            Ok(_) => return Ok(Self::default()),
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(e) => return Err(e),
        }
        let file = regular::open(path)?;
        let metadata = file.metadata()?;
        let mut head = [0; 32];
        let _ = file.read_at(&mut head, 0)?;
        Ok(Self { size: metadata.len(), modified: modified(&metadata), head })
    }
}

fn modified(metadata: &Metadata) -> (i64, i64) {
    (metadata.mtime(), metadata.mtime_nsec())
}

/// The name of what belongs to a file.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// Lets SQLite bring a copy to rest: undo what its journal says, or put the pages of its log where they belong.
fn settle(name: &str, path: &Path) -> Result<(), Failure> {
    let failed = |e: rusqlite::Error| {
        let why = format!("its log or journal cannot be applied: {e}");
        match e.sqlite_error_code() {
            Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure) => {
                Failure::new(FailureKind::Io, name, "open", why).hint("name a directory with more room in TMPDIR")
            }
            _ => Failure::new(FailureKind::Malformed, name, "open", why),
        }
    };
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    super::database::harden(&connection).map_err(failed)?;
    // Taking the first page applies a journal.
    connection.pragma_query_value(None, "schema_version", |_| Ok(())).map_err(failed)?;
    connection.pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(())).map_err(failed)?;
    connection.close().map_err(|(_, e)| failed(e))
}

/// The address under which SQLite opens a file as immutable.
pub fn immutable(path: &Path) -> String {
    let mut address = String::from("file:");
    for &byte in path.as_os_str().as_bytes() {
        match byte {
            b'/' | b'-' | b'_' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => address.push(char::from(byte)),
            _ => address.push_str(&format!("%{byte:02X}")),
        }
    }
    address.push_str("?mode=ro&immutable=1");
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_hold_anything() {
        let path = Path::new(std::ffi::OsStr::from_bytes(b"/tmp/a b?#%\xff.db"));
        assert_eq!(immutable(path), "file:/tmp/a%20b%3F%23%25%FF.db?mode=ro&immutable=1");
        assert_eq!(beside(Path::new("/a/b.db"), "-wal"), Path::new("/a/b.db-wal"));
    }
}
