//! Whether the files of a store stood still while an answer was read from them.
//!
//! What is appended to a file of text is no change: the answer is of what was there when it was opened. A file that was cut
//! or written over holds other bytes than its index says, and an answer from it may lack anything.

use std::fs::Metadata;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::regular;

/// Bytes remembered of the beginning and of the end of a file.
const SAMPLE: usize = 4096;
/// What a file of SQLite begins with.
const SQLITE: &[u8] = b"SQLite format 3\0";

/// The files of a store as they were before it was opened.
#[derive(Debug, Default)]
pub struct Steady {
    files: Vec<Seen>,
}

/// How a file may change without harm to whoever reads it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Nature {
    /// It may grow at its end.
    Text,
    /// A database: its writers change it in place, and say so in it.
    Database,
    /// Its writer changes and replaces it and readers expect that, but it never loses what an index of it says.
    Managed,
}

/// One file.
#[derive(Debug)]
struct Seen {
    path: PathBuf,
    nature: Nature,
    inode: (u64, u64),
    length: u64,
    time: (i64, i64),
    head: Vec<u8>,
    tail: Vec<u8>,
}

impl Steady {
    /// Looks at the files. Those that cannot be looked at are left out: opening them says why.
    pub(super) fn of(address: &Path, files: &[PathBuf]) -> Self {
        let is_folder = address.is_dir();
        Self { files: files.iter().filter_map(|path| Seen::of(path, is_folder)).collect() }
    }

    /// What became of the first file that did not stand still, in words: `was cut from 80 to 40 bytes`.
    pub fn changed(&self) -> Option<String> {
        self.files.iter().find_map(|file| {
            let what = file.change()?;
            Some(format!("{} {what}", file.path.display()))
        })
    }
}

impl Seen {
    fn of(path: &Path, in_folder: bool) -> Option<Self> {
        let metadata = std::fs::metadata(path).ok().filter(Metadata::is_file)?;
        let (head, tail) = samples(path, metadata.len())?;
        let nature = match in_folder {
            true => Nature::Managed,
            false if head.starts_with(SQLITE) => Nature::Database,
            false => Nature::Text,
        };
        Some(Self {
            path: path.into(),
            nature,
            inode: (metadata.dev(), metadata.ino()),
            length: metadata.len(),
            time: time(&metadata),
            head,
            tail,
        })
    }

    fn change(&self) -> Option<String> {
        let gone = || (self.nature != Nature::Managed).then(|| "was removed while it was read".to_owned());
        let Ok(now) = std::fs::metadata(&self.path) else { return gone() };
        if (now.dev(), now.ino()) != self.inode {
            let replaced = "was replaced by another file while it was read".to_owned();
            return (self.nature != Nature::Managed).then_some(replaced);
        }
        if now.len() < self.length {
            return Some(format!("was cut from {} to {} bytes while it was read", self.length, now.len()));
        }
        let written_over = || Some("was written over while it was read".to_owned());
        match self.nature {
            Nature::Managed => None,
            Nature::Text | Nature::Database if now.len() == self.length && time(&now) == self.time => None,
            Nature::Database => match samples(&self.path, SAMPLE as u64) {
                Some((head, _)) if is_of_a_writer(&self.head, &head) => None,
                _ => written_over(),
            },
            Nature::Text if now.len() == self.length => written_over(),
            Nature::Text => match samples(&self.path, self.length) {
                Some((head, tail)) if head == self.head && tail == self.tail => None,
                _ => written_over(),
            },
        }
    }
}

/// Whether a database that was written to may be the one it was: its format is the same, and whoever writes to one counts
/// that in its header; with a log of its own (WAL) only later, when what is in the log is brought over.
fn is_of_a_writer(before: &[u8], now: &[u8]) -> bool {
    let format = |head: &[u8]| Some((head.get(16..18)?.to_owned(), head.get(56..60)?.to_owned()));
    let count = |head: &[u8]| Some(u32::from_be_bytes(head.get(24..28)?.try_into().ok()?));
    let has_log = now.get(18) == Some(&2);
    let counts_on = match (count(before), count(now)) {
        (Some(before), Some(now)) => now != before && now.wrapping_sub(before) < 1 << 31 || now == before && has_log,
        _ => false,
    };
    now.starts_with(SQLITE) && format(before) == format(now) && counts_on
}

fn time(metadata: &Metadata) -> (i64, i64) {
    (metadata.mtime(), metadata.mtime_nsec())
}

/// The first bytes, and those before `end`.
fn samples(path: &Path, end: u64) -> Option<(Vec<u8>, Vec<u8>)> {
    let file = regular::open(path).ok()?;
    let length = SAMPLE.min(usize::try_from(end).unwrap_or(SAMPLE));
    let read = |at: u64| {
        let mut bytes = vec![0; length];
        file.read_exact_at(&mut bytes, at).ok().map(|()| bytes)
    };
    Some((read(0)?, read(end - length as u64)?))
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write;
    use std::time::{Duration, SystemTime};

    use super::*;

    /// What is said of a file of these bytes after something was done to it.
    fn after(bytes: &[u8], act: impl Fn(&Path)) -> Option<String> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.jsonl");
        std::fs::write(&path, bytes).expect("written");
        let old = SystemTime::now() - Duration::from_secs(60);
        File::options().write(true).open(&path).and_then(|file| file.set_modified(old)).expect("an old file");
        let steady = Steady::of(&path, std::slice::from_ref(&path));
        act(&path);
        steady.changed()
    }

    fn append(path: &Path) {
        File::options().append(true).open(path).and_then(|mut file| file.write_all(b"more\n")).expect("appended");
    }

    fn cut(path: &Path) {
        File::options().write(true).open(path).and_then(|file| file.set_len(3)).expect("cut");
    }

    #[test]
    fn what_is_cut_or_written_over_is_told_and_what_grows_is_not() {
        let text = "line\n".repeat(4000);
        let said = |act: fn(&Path)| after(text.as_bytes(), act).unwrap_or_default();
        assert_eq!(said(|_| ()), "");
        assert_eq!(said(append), "");
        assert!(said(cut).contains("was cut from 20000 to 3 bytes"), "{}", said(cut));
        let same = |path: &Path| std::fs::write(path, "LINE\n".repeat(4000)).expect("written");
        assert!(said(same).contains("was written over"));
        let longer = |path: &Path| std::fs::write(path, "LINE\n".repeat(5000)).expect("written");
        assert!(said(longer).contains("was written over"));
        let other = |path: &Path| {
            std::fs::write(path.with_extension("new"), "x").expect("written");
            std::fs::rename(path.with_extension("new"), path).expect("renamed");
        };
        assert!(said(other).contains("was replaced"));
        assert!(said(|path| std::fs::remove_file(path).expect("removed")).contains("was removed"));
    }

    #[test]
    fn a_database_may_be_written_to_and_not_be_cut() {
        fn database(page: u8, log: u8, changes: u8) -> Vec<u8> {
            let mut bytes = [SQLITE, &[7; 9000]].concat();
            (bytes[16], bytes[17], bytes[18], bytes[19]) = (page, 0, log, log);
            bytes[24..28].copy_from_slice(&[0, 0, 0, changes]);
            bytes
        }
        let said = |before: Vec<u8>, now: Vec<u8>| {
            after(&before, |path| std::fs::write(path, &now).expect("written")).unwrap_or_default()
        };
        assert_eq!(said(database(16, 1, 5), database(16, 1, 6)), "");
        assert_eq!(said(database(16, 2, 5), database(16, 2, 5)), "", "what is written stands in its log first");
        for now in [database(16, 1, 5), database(16, 1, 4), database(32, 1, 6), vec![b'#'; 9016]] {
            assert!(said(database(16, 1, 5), now).contains("was written over"));
        }
        let of = |act: fn(&Path)| after(&database(16, 1, 5), act).unwrap_or_default();
        assert!(of(cut).contains("was cut"));
        assert!(of(|path| std::fs::remove_file(path).expect("removed")).contains("was removed"));
        let replaced = of(|path| {
            std::fs::write(path.with_extension("new"), "x").expect("written");
            std::fs::rename(path.with_extension("new"), path).expect("renamed");
        });
        assert!(replaced.contains("was replaced"), "{replaced}");
    }

    #[test]
    fn an_empty_file_is_looked_at_too() {
        assert_eq!(after(b"", append), None);
        assert_eq!(after(b"", |_| ()), None);
    }
}
