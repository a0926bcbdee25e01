//! Keeps the index of a file of lines in the cache, and takes it from there.
//!
//! Small files are read faster than they are worth keeping. What cannot be kept is said once, among the caveats, and
//! changes nothing else.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hashbrown::DefaultHashBuilder;

use super::build::Build;
use super::mapping::Mapping;
use crate::sources::cache::{Cache, Identity, Key};
use crate::sources::feed::Feed;
use crate::sources::index::Index;
use crate::sources::index::saved::{Reader, Writer};

/// Files smaller than this are not worth an entry.
const SMALLEST: u64 = 4 << 20;
/// A file changed less than this before it was looked at may change again without its time saying so.
const GRAIN: Duration = Duration::from_millis(20);
/// An entry is written anew when so much of the rows (one in so many) is not in it.
const OUTDATED: usize = 8;
/// The block of an entry that says what was checked; the index follows it.
const MARKS: usize = 1;

/// Keeps the index of one file.
#[derive(Debug)]
pub struct Keeper {
    cache: Cache,
    directory: PathBuf,
    reading: String,
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// What the file was when its reading began.
    identity: Option<Identity>,
    /// How many rows the entry has, and up to where they were checked.
    kept: Option<(usize, u64)>,
    /// Whether the entry was looked for.
    tried: bool,
    /// Why there is none.
    note: Option<String>,
}

/// An index from the cache.
pub struct Loaded {
    /// The index.
    pub index: Index,
    /// How long the file was when it was made; it may have grown.
    pub length: u64,
    /// Up to where the file was checked.
    pub checked: u64,
    /// What was found then.
    pub broken: BTreeSet<u64>,
}

impl Keeper {
    /// What keeps the index of a file read by this mapping; `None` for a file that is not worth it.
    pub fn new(directory: &Path, path: &Path, feed: &Feed, mapping: &Mapping) -> Option<Self> {
        if feed.is_pipe() || feed.arrived().upto < SMALLEST {
            return None;
        }
        Some(Self {
            cache: Cache::new(directory),
            directory: directory.into(),
            reading: format!("lines {mapping:?}"),
            path: std::path::absolute(path).unwrap_or_else(|_| path.into()),
            state: Mutex::default(),
        })
    }

    /// Why no index is kept, if one should be.
    pub fn note(&self) -> Option<String> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).note.clone()
    }

    /// Notes what the file is before it is read.
    pub fn begin(&self, feed: &Feed) {
        let identity = Identity::of(feed, feed.arrived().upto).ok();
        self.state.lock().unwrap_or_else(PoisonError::into_inner).identity = identity;
    }

    /// The kept index, the first time, if it is of this file as it is or of its beginning. What it holds is read when it is
    /// asked for, and names are hashed as given.
    pub fn load(&self, feed: &Feed, hasher: &DefaultHashBuilder) -> Option<Loaded> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if std::mem::replace(&mut state.tried, true) {
            return None;
        }
        let identity = state.identity.clone()?;
        let (key, blocks) = self.cache.find(&identity, &self.reading)?;
        let kept = &key.identity;
        let grown = || kept.length < identity.length && kept.is_beginning_of(feed).unwrap_or(false);
        if *kept != identity && !grown() {
            return None;
        }
        let marks = blocks.get(MARKS)?;
        let mut marks = Reader::new(&marks);
        let checked = marks.number()?;
        let broken = (0..marks.number()?).map(|_| marks.number()).collect::<Option<_>>()?;
        let index = Index::kept(Arc::new(blocks), MARKS + 1, hasher).filter(|index| index.end() <= kept.length)?;
        state.kept = Some((index.len(), checked));
        Some(Loaded { index, length: kept.length, checked, broken })
    }

    /// Keeps the index, which is complete, unless the entry there is as good.
    pub fn keep(&self, build: &Build) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (rows, checked) = (build.index().len(), build.check().upto());
        let good = |(kept, kept_checked): (usize, u64)| {
            rows >= kept && rows - kept <= rows / OUTDATED && (checked <= kept_checked || checked < build.index().end())
        };
        if state.kept.is_some_and(good) {
            return;
        }
        let feed = build.feed();
        let found = Identity::of(feed, feed.arrived().upto).ok();
        let Some(identity) = found.filter(|found| state.identity.as_ref() == Some(found) && is_settled(found)) else {
            return;
        };
        let key = Key { identity, reading: self.reading.clone(), path: self.path.clone() };
        let kept = self.cache.keep(&key, |out| {
            let mut marks = Writer::default();
            marks.number(checked);
            {
                let broken = build.broken();
                marks.number(broken.len() as u64);
                broken.iter().for_each(|&offset| marks.number(offset));
            }
            out.block(&marks.done())?;
            build.index().save(&mut |block| out.block(block))?;
            // Some of it may have come from an entry that broke meanwhile.
            if build.index().is_broken() { Err(io::ErrorKind::InvalidData.into()) } else { Ok(()) }
        });
        match kept {
            Ok(()) => state.kept = Some((rows, checked)),
            Err(_) if build.index().is_broken() => {}
            Err(e) => state.note = Some(self.refused(&e)),
        }
    }

    /// Whatever is kept is of no use: the next index is kept anew.
    pub fn forget(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).kept = None;
    }

    fn refused(&self, error: &io::Error) -> String {
        format!("no index kept: cannot write to {}: {error}", self.directory.display())
    }
}

/// Whether a file has not been changed just now.
fn is_settled(identity: &Identity) -> bool {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    (now.as_nanos() as i128) - identity.time > GRAIN.as_nanos() as i128
}
