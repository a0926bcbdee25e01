//! From what the user named to an opened source and a walker over it.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::reducers::{ReducerBook, ReducerPlaces};
use super::walker::Walker;
use crate::domain::Failure;
use crate::sources::open::OpenOptions;
use crate::sources::steady::Steady;
use crate::sources::{Looking, Source};

/// Streams listed at once.
const LISTED: usize = 4096;

/// What to open, and how.
#[derive(Clone, Debug, Default)]
pub struct Opening {
    /// A file, the folder of an embedded store, or `-`.
    pub address: OsString,
    /// The user's mapping of fields, see `OpenOptions`.
    pub map: Option<String>,
    /// The layout to read by: a name, or a file.
    pub layout: Option<OsString>,
    /// Where indexes may be kept.
    pub cache: Option<PathBuf>,
    /// A reducer for every stream.
    pub reducer: Option<PathBuf>,
    /// The configuration directory, where there is one.
    pub configuration: Option<PathBuf>,
    /// How many bytes may come out of what is packed; the usual bounds when it is left out.
    pub allow_unpacked: Option<u64>,
    /// Follows and ends the finding out what it is.
    pub looking: Looking,
}

impl Opening {
    /// How to open it.
    pub fn options(&self) -> OpenOptions {
        OpenOptions {
            map: self.map.clone(),
            layout: self.layout.clone(),
            layouts: self.configuration.as_ref().map(|folder| folder.join("layouts")),
            cache: self.cache.clone(),
            allow_unpacked: self.allow_unpacked,
            looking: self.looking.clone(),
            ..OpenOptions::default()
        }
    }

    /// Opens the source.
    ///
    /// # Errors
    /// As `sources::open::open`.
    pub fn source(&self) -> Result<Arc<dyn Source>, Failure> {
        crate::sources::open::open(&self.address, &self.options())
    }

    /// What its files look like before they are opened.
    pub fn steady(&self) -> Steady {
        crate::sources::open::steady(&self.address)
    }

    /// What the project files say that means nothing for this source, or why they cannot be understood: a sentence each.
    ///
    /// # Errors
    /// When the source cannot be read.
    pub fn remarks(&self, source: &dyn Source) -> Result<Vec<String>, Failure> {
        match self.places().and_then(ReducerBook::read) {
            Ok(book) => Ok(book.remarks(&categories(source)?)),
            Err(failure) => Ok(vec![failure.to_string()]),
        }
    }

    /// Where its reducers are looked for.
    fn places(&self) -> Result<ReducerPlaces, Failure> {
        let beside = (self.address != "-").then(|| {
            let path = std::path::absolute(&self.address).unwrap_or_else(|_| PathBuf::from(&self.address));
            path.parent().map_or_else(|| path.clone(), Path::to_path_buf)
        });
        Ok(ReducerPlaces {
            explicit: self.reducer.clone(),
            folders: beside.into_iter().chain(self.configuration.clone()).collect(),
            host: own_program()?,
        })
    }

    /// A walker over the opened source, with the reducers that belong to it.
    ///
    /// # Errors
    /// When a project file cannot be understood, or the reducer given does not exist.
    pub fn walker(&self, source: &Arc<dyn Source>) -> Result<Walker, Failure> {
        self.reducer_is_there()?;
        Ok(Walker::new(source.clone(), ReducerBook::read(self.places()?)?))
    }

    /// The same for somebody who looks at events first: a project file that cannot be understood keeps nobody from them.
    ///
    /// # Errors
    /// When the reducer given does not exist.
    pub fn browser(&self, source: &Arc<dyn Source>) -> Result<Walker, Failure> {
        self.reducer_is_there()?;
        Ok(Walker::new(source.clone(), ReducerBook::read_anyway(self.places()?)))
    }

    fn reducer_is_there(&self) -> Result<(), Failure> {
        let Some(reducer) = &self.reducer else { return Ok(()) };
        let failed = |error| Failure::io(reducer.display().to_string(), "read the reducer", &error);
        std::fs::metadata(reducer).map(|_| ()).map_err(failed)
    }
}

/// The categories of all streams known so far.
///
/// # Errors
/// When the source cannot be read.
pub fn categories(source: &dyn Source) -> Result<BTreeSet<String>, Failure> {
    let (mut all, mut from) = (BTreeSet::new(), 0);
    loop {
        let page = source.streams(from, LISTED)?;
        from += page.streams.len();
        for stream in &page.streams {
            let category = stream.stream.category();
            if !all.contains(category) {
                all.insert(category.to_owned());
            }
        }
        if page.streams.is_empty() || from >= page.total {
            return Ok(all);
        }
    }
}

/// This program, to be started again. On Linux the kernel's own name for it, which stays right when the file was replaced
/// by a newer build, or removed, while we run.
fn own_program() -> Result<PathBuf, Failure> {
    let own = Path::new("/proc/self/exe");
    if cfg!(target_os = "linux") && own.exists() {
        return Ok(own.to_path_buf());
    }
    std::env::current_exe().map_err(|error| Failure::io("stepback", "find its own program file", &error))
}
