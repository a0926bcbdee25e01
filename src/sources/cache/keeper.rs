//! Keeps what is known of one file between two runs, and gives it back while the file is what it was.
//!
//! It knows the file and its entry, and nothing of what a reader keeps beside the index: that is blocks of the reader's own
//! before those of the index. Small files are read faster than they are worth keeping. What cannot be kept is said once,
//! among the caveats, and changes nothing else.
//!
//! Invariant: an entry is written only when the file is after its reading what it was before.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hashbrown::DefaultHashBuilder;

use super::{Cache, Identity, Kept, Key, Sequence, sample};
use crate::sources::feed::Feed;
use crate::sources::index::Index;
use crate::sources::input::Input;
use crate::sources::open::OpenOptions;

/// Files smaller than this are not worth an entry.
const SMALLEST: u64 = 4 << 20;
/// A file changed less than this before it was looked at may change again without its time saying so.
const GRAIN: Duration = Duration::from_millis(20);
/// An entry that no longer fits is replaced only when its file has rested for so long: what is written to all the time would
/// be kept again all the time.
const REST: Duration = Duration::from_secs(1);

/// Keeps the index of one file.
#[derive(Debug)]
pub struct Keeper {
    cache: Cache,
    directory: PathBuf,
    reading: String,
    path: PathBuf,
    feed: Arc<Feed>,
    /// The file by its own name, and those that belong to it.
    beside: Option<(PathBuf, Vec<PathBuf>)>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// What the file was when its reading began.
    begun: Option<Key>,
    /// Whether the entry was looked for.
    tried: bool,
    /// Whether there is one that does not fit.
    outdated: bool,
    /// Why there is none.
    note: Option<String>,
}

/// A kept entry: first what the reader kept, then the index.
#[derive(Debug)]
pub struct Entry {
    /// How long the file was when it was made.
    pub length: u64,
    /// What the reader kept.
    pub front: Sequence,
}

impl Entry {
    /// The index, behind what the reader kept and read back. What it holds is read when it is asked for, and may turn out
    /// broken then; names are hashed as given.
    pub fn index(self, hasher: &DefaultHashBuilder) -> Option<Index> {
        let (blocks, next) = self.front.rest();
        Index::kept(Arc::new(blocks), next, hasher).filter(|index| index.end() <= self.length)
    }
}

impl Keeper {
    /// What keeps the index of an input that is read in this way: whatever the same file may be read by besides must be part
    /// of `reading`. `None` for what is no file or not worth it, and where nothing may be kept.
    pub fn new(options: &OpenOptions, input: &Input, reading: String) -> Option<Self> {
        let (directory, path) = (options.cache.as_deref()?, input.path.as_deref()?);
        if input.feed.is_pipe() || input.feed.arrived().upto < options.keep_from.unwrap_or(SMALLEST) {
            return None;
        }
        Some(Self {
            cache: Cache::new(directory),
            directory: directory.into(),
            reading,
            path: std::path::absolute(path).unwrap_or_else(|_| path.into()),
            feed: input.feed.clone(),
            beside: None,
            state: Mutex::default(),
        })
    }

    /// The file is read by its name, together with files beside it that are called like it with these endings.
    pub fn with_beside(mut self, endings: &[&str]) -> Option<Self> {
        let path = self.path.canonicalize().ok()?;
        let named = |ending: &&str| {
            let mut name = path.as_os_str().to_owned();
            name.push(ending);
            PathBuf::from(name)
        };
        let beside = endings.iter().map(named).collect();
        self.beside = Some((path, beside));
        Some(self)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why no index is kept, if one should be.
    pub fn note(&self) -> Option<String> {
        self.lock().note.clone()
    }

    /// Notes what the file is before it is read.
    pub fn begin(&self) {
        let key = self.key();
        self.lock().begun = key;
    }

    /// Removes the entry, which turned out broken: another one is kept when the file was read again, if it comes to that.
    pub fn discard(&self) {
        if let Some(begun) = &self.lock().begun {
            self.cache.discard(&begun.identity, &self.reading);
        }
    }

    /// Whether the file, and what belongs to it, is what it was when its reading began.
    pub fn is_as_begun(&self) -> bool {
        let now = self.key();
        now.is_some() && self.lock().begun == now
    }

    /// What the file is now, but for its sample; `None` when that cannot be told.
    fn key(&self) -> Option<Key> {
        let identity = Identity::of(&self.feed, self.feed.arrived().upto).ok()?;
        let mut beside = Vec::new();
        if let Some((path, others)) = &self.beside {
            let named = std::fs::metadata(path).ok()?;
            if (named.dev(), named.ino()) != (identity.device, identity.inode) {
                return None;
            }
            for path in others {
                beside.push(Identity::of_name(path).ok()?);
            }
        }
        Some(Key { identity, beside, sample: 0, reading: self.reading.clone(), path: self.path.clone() })
    }

    /// The entry of the file as it was when its reading began; asked for once.
    pub fn find(&self) -> Option<Entry> {
        self.found(|_| false)
    }

    /// The same, or that of its beginning, if it has only grown since.
    pub fn find_beginning(&self) -> Option<Entry> {
        self.found(|kept| {
            let begins = kept.identity.is_beginning_of(&self.feed).unwrap_or(false);
            begins && sample(&self.feed, kept.identity.length).is_ok_and(|sample| sample == kept.sample)
        })
    }

    fn found(&self, is_beginning: impl FnOnce(&Key) -> bool) -> Option<Entry> {
        let mut state = self.lock();
        if std::mem::replace(&mut state.tried, true) {
            return None;
        }
        let now = state.begun.as_ref()?;
        let (kept, blocks) = self.cache.find(&now.identity, &self.reading)?;
        let same = (&kept.identity, &kept.beside) == (&now.identity, &now.beside);
        let fits = same || (kept.identity.length < now.identity.length && is_beginning(&kept));
        state.outdated = !fits;
        if !fits {
            return None;
        }
        // Its first block is the key.
        Some(Entry { length: kept.identity.length, front: Sequence::new(blocks, 1) })
    }

    /// Keeps a complete index, and before it what the reader adds. Gives whether it is kept: it is not when the file was
    /// changed meanwhile, or just now.
    pub fn keep(&self, index: &Index, fill: impl FnOnce(&mut Kept<'_>) -> io::Result<()>) -> bool {
        let mut state = self.lock();
        let rest = if state.outdated { REST } else { GRAIN };
        let same = |key: &Key| state.begun.as_ref() == Some(key) && has_rested(key, rest);
        if !self.key().is_some_and(|key| same(&key)) {
            return false;
        }
        // Its bytes are looked at before it is looked at once more: they are those of the file as it is kept.
        let Ok(sample) = sample(&self.feed, self.feed.arrived().upto) else { return false };
        let Some(key) = self.key().filter(same) else { return false };
        let key = Key { sample, ..key };
        let kept = self.cache.keep(&key, |out| {
            fill(out)?;
            index.save(&mut |block| out.block(block))?;
            // Some of it may have come from an entry that broke meanwhile.
            if index.is_broken() { Err(io::ErrorKind::InvalidData.into()) } else { Ok(()) }
        });
        state.outdated &= kept.is_err();
        state.note = kept.as_ref().err().filter(|_| !index.is_broken()).map(|error| refused(&self.directory, error));
        kept.is_ok()
    }
}

fn refused(directory: &Path, error: &io::Error) -> String {
    format!("no index kept: cannot write to {}: {error}", directory.display())
}

/// Whether neither a file nor what belongs to it was changed within this time.
fn has_rested(key: &Key, rest: Duration) -> bool {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos() as i128;
    let rested = |identity: &Identity| now - identity.time > rest.as_nanos() as i128;
    rested(&key.identity) && key.beside.iter().flatten().all(rested)
}
