//! The directory of a dump. Nothing in it is followed anywhere: what is no regular file is refused with that reason.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, openat, statat};

use super::{CONTENTS, Member};
use crate::domain::{Failure, address};
use crate::sources::feed::{Feed, read_at};
use crate::sources::input::Input;

/// How many files are held open.
const OPEN: usize = 16;

/// Whether a directory is a dump: told from what its table of contents begins with.
pub fn is_dump(path: &Path) -> bool {
    let mut magic = [0; 5];
    let contents = Folder::open(path).and_then(|folder| folder.file(CONTENTS));
    contents.is_ok_and(|file| file.read_exact_at(&mut magic, 0).is_ok()) && magic == *b"PGDMP"
}

/// The directory of a dump as an input: its table of contents, under the name of the directory.
///
/// # Errors
/// When it cannot be opened.
pub fn input(path: &Path) -> Result<Input, Failure> {
    let address = address::shown(path);
    let failed = |error: io::Error| Failure::io(address.as_str(), "open", &error);
    let file = Folder::open(path).and_then(|folder| folder.file(CONTENTS)).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    let file = file.try_clone().map_err(failed)?;
    let path = path.to_path_buf();
    // `.` has a name too.
    let named = std::fs::canonicalize(&path).ok();
    let name = named.as_deref().and_then(Path::file_name).or(path.file_name());
    let name = name.map_or_else(|| address.clone(), address::shown);
    let feed = Feed::of_file(file, &address, length);
    Ok(Input::of_feed(feed, name.clone(), name, Some(path)))
}

/// The files of a directory, whatever they are called: its table of contents says which of them count.
pub fn files(path: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    files.sort_unstable();
    files
}

/// An opened directory.
pub struct Folder {
    directory: File,
    /// The files that were read last, the newest first.
    open: Mutex<VecDeque<(Arc<str>, Arc<File>)>>,
}

impl Folder {
    /// Opens it.
    ///
    /// # Errors
    /// Of the operating system.
    pub fn open(path: &Path) -> io::Result<Self> {
        let directory = File::open(path)?;
        if !directory.metadata()?.is_dir() {
            return Err(io::Error::from(io::ErrorKind::NotADirectory));
        }
        Ok(Self { directory, open: Mutex::default() })
    }

    /// Opens a file in it. Never waits: a FIFO is refused.
    fn file(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = File::from(openat(&self.directory, name, flags, Mode::empty())?);
        match file.metadata()?.is_file() {
            true => Ok(file),
            false => Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file")),
        }
    }

    /// A file in it, if there is one; why not, where it is none that is read.
    pub fn member(self: &Arc<Self>, name: &str) -> Result<Option<Member>, String> {
        // A link is told from what cannot be opened for other reasons.
        let kind = match statat(&self.directory, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(status) => FileType::from_raw_mode(status.st_mode),
            Err(rustix::io::Errno::NOENT) => return Ok(None),
            Err(error) => return Err(io::Error::from(error).to_string()),
        };
        if kind == FileType::Symlink {
            return Err("it is a symbolic link, which is not followed".into());
        }
        let length = self.file(name).and_then(|file| file.metadata()).map_err(|error| error.to_string())?.len();
        Ok(Some(Member::File { folder: self.clone(), name: name.into(), length }))
    }

    /// Fills a buffer from an offset in a file; gives how much there was.
    ///
    /// # Errors
    /// Of the operating system.
    pub fn read_at(&self, name: &Arc<str>, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let file = self.kept(name)?;
        read_at(&file, offset, buffer)
    }

    fn kept(&self, name: &Arc<str>) -> io::Result<Arc<File>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let found = open.iter().position(|(known, _)| known == name);
        let entry = match found.and_then(|at| open.remove(at)) {
            Some(entry) => entry,
            None => {
                let file = self.file(name).map_err(|e| io::Error::new(e.kind(), format!("`{name}`: {e}")))?;
                (name.clone(), Arc::new(file))
            }
        };
        let file = entry.1.clone();
        open.push_front(entry);
        open.truncate(OPEN);
        Ok(file)
    }
}
