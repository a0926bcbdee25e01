//! Keeps the index of a file of lines in the cache, and takes it from there: also that of its beginning, when the file has
//! only grown since.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use hashbrown::DefaultHashBuilder;

use super::build::Build;
use super::mapping::Mapping;
use crate::sources::cache;
use crate::sources::index::Index;
use crate::sources::input::Input;
use crate::sources::open::OpenOptions;

/// An entry is rewritten when so much of the rows (one in so many) is not in it.
const OUTDATED: usize = 8;

/// Keeps the index of one file.
#[derive(Debug)]
pub struct Keeper {
    keeper: cache::Keeper,
    /// How many rows the entry has, and up to where they were checked.
    kept: Mutex<Option<(usize, u64)>>,
}

/// An index from the cache.
pub struct Loaded {
    /// The index.
    pub index: Index,
    /// How long the file was when it was made; it may have grown.
    pub length: u64,
    /// Up to where the file was checked.
    pub checked: u64,
    /// Whether payloads that are meant to hold JSON as text were met then.
    pub has_texts: bool,
    /// What was found then.
    pub broken: BTreeSet<u64>,
}

impl Keeper {
    /// What keeps the index of a file read by this mapping; `None` for a file that is not worth it.
    pub fn new(options: &OpenOptions, input: &Input, mapping: &Mapping) -> Option<Self> {
        let keeper = cache::Keeper::new(options, input, format!("lines {mapping:?}"))?;
        Some(Self { keeper, kept: Mutex::default() })
    }

    /// Why no index is kept, if one should be.
    pub fn note(&self) -> Option<String> {
        self.keeper.note()
    }

    /// Whether the file is what it was when its reading began.
    pub fn is_as_begun(&self) -> bool {
        self.keeper.is_as_begun()
    }

    /// Notes what the file is before it is read.
    pub fn begin(&self) {
        self.keeper.begin();
    }

    /// The kept index, the first time, if it is of this file as it is or of its beginning. What it holds is read when it is
    /// asked for, and names are hashed as given.
    pub fn load(&self, hasher: &DefaultHashBuilder) -> Option<Loaded> {
        let mut entry = self.keeper.find_beginning()?;
        let length = entry.length;
        let (checked, has_texts) = entry.front.read(|read| Some((read.number()?, read.number()? != 0)))?;
        let broken = entry.front.list(|read| read.number())?.into_iter().collect();
        let index = entry.index(hasher)?;
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some((index.len(), checked));
        Some(Loaded { index, length, checked, has_texts, broken })
    }

    /// Keeps the index, which is complete, unless the entry there is as good.
    pub fn keep(&self, build: &Build) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let (rows, checked) = (build.index().len(), build.check().upto());
        let good = |(kept, kept_checked): (usize, u64)| {
            rows >= kept && rows - kept <= rows / OUTDATED && (checked <= kept_checked || checked < build.index().end())
        };
        if kept.is_some_and(good) {
            return;
        }
        let broken: Vec<u64> = build.broken().iter().copied().collect();
        let is_kept = self.keeper.keep(&build.index(), |out| {
            out.written(|out| {
                out.number(checked);
                out.number(u64::from(build.has_texts()));
            })?;
            out.list(&broken, |out, &offset| out.number(offset))
        });
        if is_kept {
            *kept = Some((rows, checked));
        }
    }

    /// Whatever is kept is of no use: the index made next is kept in its place.
    pub fn forget(&self) {
        self.keeper.discard();
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
