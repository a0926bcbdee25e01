//! Whether the files of a store stood still while an answer was read from them.
//!
//! What is appended to a file of text is no change: the answer is of what was there when it was opened. A file that was cut
//! or written over holds other bytes than its index says, and an answer from it may lack anything. A database that is read
//! where it lies must not be written to at all: its pages are read one by one, and some would be of before, some of after.
//! One with a log or a journal beside it is read from a copy, which stands still.

use std::fs::Metadata;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::regular;

/// Bytes remembered of the beginning and of the end of a file.
const SAMPLE: usize = 4096;
/// What a file of SQLite begins with.
const SQLITE: &[u8] = b"SQLite format 3\0";

/// The files of a store as they were before it was opened.
#[derive(Clone, Debug, Default)]
pub struct Steady {
    files: Vec<Seen>,
}

/// How a file may change without harm to whoever reads it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Nature {
    /// It may grow at its end.
    Text,
    /// Its writer changes and replaces it and readers expect that, but it never loses what an index of it says.
    Managed,
    /// A database that is read where it lies: it may not change at all.
    Database,
}

/// One file.
#[derive(Clone, Debug)]
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
        let files: Vec<Seen> = files.iter().filter_map(|path| Seen::of(path, is_folder)).collect();
        // What lies beside a database says whether it is read from a copy.
        let is_copied = files.iter().skip(1).any(Seen::is_log);
        Self {
            files: match files.first() {
                Some(database) if database.nature == Nature::Database && is_copied => Vec::new(),
                Some(database) if database.nature == Nature::Database => vec![database.clone()],
                _ => files,
            },
        }
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
        let nature = match () {
            () if in_folder => Nature::Managed,
            () if head.starts_with(SQLITE) => Nature::Database,
            () => Nature::Text,
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

    /// Whether it is a log or a journal that says what belongs to a database: one that is kept for the next time begins
    /// with zeros.
    fn is_log(&self) -> bool {
        self.head.first().is_some_and(|&first| first != 0)
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
            Nature::Database => written_over(),
            Nature::Text if now.len() == self.length => written_over(),
            Nature::Text => match samples(&self.path, self.length) {
                Some((head, tail)) if head == self.head && tail == self.tail => None,
                _ => written_over(),
            },
        }
    }
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
    fn a_database_that_is_read_where_it_lies_may_not_change_at_all() {
        let database = [SQLITE, &[7; 9000]].concat();
        assert_eq!(after(&database, |_| ()), None);
        let said = |act: fn(&Path)| after(&database, act).unwrap_or_default();
        let rewritten = |path: &Path| std::fs::write(path, [SQLITE, &[8; 9000]].concat()).expect("written");
        assert!(said(rewritten).contains("was written over"));
        assert!(said(append).contains("was written over"));
        assert!(said(cut).contains("was cut"));
        assert!(said(|path| std::fs::remove_file(path).expect("removed")).contains("was removed"));
    }

    #[test]
    fn a_database_that_is_copied_to_be_read_may_change() {
        let folder = tempfile::tempdir().expect("a folder");
        let [path, log, journal] = ["a.db", "a.db-wal", "a.db-journal"].map(|name| folder.path().join(name));
        let files = [path.clone(), log.clone(), journal.clone()];
        std::fs::write(&path, [SQLITE, &[7; 9000]].concat()).expect("written");
        std::fs::write(&log, b"\x37\x7f some transactions").expect("written");
        let steady = Steady::of(&path, &files);
        append(&path);
        std::fs::remove_file(&log).expect("removed");
        assert_eq!(steady.changed(), None);
        // A journal of zeros says nothing of the database, which is read where it lies.
        std::fs::write(&journal, [0; 512]).expect("written");
        let steady = Steady::of(&path, &files);
        std::fs::remove_file(&journal).expect("removed");
        assert_eq!(steady.changed(), None);
        append(&path);
        assert!(steady.changed().is_some());
    }

    #[test]
    fn an_empty_file_is_looked_at_too() {
        assert_eq!(after(b"", append), None);
        assert_eq!(after(b"", |_| ()), None);
    }
}
