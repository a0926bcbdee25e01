//! From what the user named to an opened source and a walker over it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::reducers::{ReducerBook, ReducerPlaces};
use super::walker::Walker;
use crate::domain::Failure;
use crate::sources::Source;
use crate::sources::open::OpenOptions;

/// What to open, and how.
#[derive(Clone, Debug, Default)]
pub struct Opening {
    /// A file, the folder of an embedded store, or `-`.
    pub address: String,
    /// The user's mapping of fields, see `OpenOptions`.
    pub map: Option<String>,
    /// A reducer for every stream.
    pub reducer: Option<PathBuf>,
    /// The configuration directory, where there is one.
    pub configuration: Option<PathBuf>,
}

impl Opening {
    /// Opens the source.
    ///
    /// # Errors
    /// As `sources::open::open`.
    pub fn source(&self) -> Result<Arc<dyn Source>, Failure> {
        crate::sources::open::open(&self.address, &OpenOptions { map: self.map.clone() })
    }

    /// A walker over the opened source, with the reducers that belong to it.
    ///
    /// # Errors
    /// When a project file cannot be understood, or the reducer given does not exist.
    pub fn walker(&self, source: &Arc<dyn Source>) -> Result<Walker, Failure> {
        if let Some(reducer) = &self.reducer {
            std::fs::metadata(reducer)
                .map_err(|error| Failure::io(reducer.display().to_string(), "read the reducer", &error))?;
        }
        let beside = (self.address != "-").then(|| {
            let path = std::path::absolute(&self.address).unwrap_or_else(|_| PathBuf::from(&self.address));
            path.parent().map_or_else(|| path.clone(), Path::to_path_buf)
        });
        let places = ReducerPlaces {
            explicit: self.reducer.clone(),
            folders: beside.into_iter().chain(self.configuration.clone()).collect(),
            host: std::env::current_exe()
                .map_err(|error| Failure::io("stepback", "find its own program file", &error))?,
        };
        Ok(Walker::new(source.clone(), ReducerBook::read(places)?))
    }
}
