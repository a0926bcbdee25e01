//! A source as it is typed.

use std::ffi::{OsStr, OsString};
use std::sync::{Arc, Mutex, PoisonError};

use clap::Args;

use super::missing::Missing;
use crate::config::Folders;
use crate::domain::Failure;
use crate::session::demo::{self, Demo};
use crate::session::{Opening, Source, Steady};

/// A source, as every reading command takes it.
#[derive(Args, Debug)]
pub struct SourceArgs {
    /// A file, the folder of a store, demo, or - for standard input; what it is, is told from what is in it
    pub source: OsString,
    /// Which fields hold the parts of an event: stream=.aggregate.id,type=.kind,... or stream={tenantId}/{streamId}
    #[arg(long, value_name = "ROLE=PATH,...")]
    pub map: Option<String>,
    /// Read by this layout: one of `stepback layouts`, or a file of yours
    #[arg(long, value_name = "NAME|FILE")]
    pub layout: Option<OsString>,
    /// Neither use nor keep an index of the source
    #[arg(long)]
    pub no_cache: bool,
    /// How much may come out of packed files: 500M, 20G (in all, however often they are packed)
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub allow_unpacked: Option<u64>,
}

/// A number of bytes as it is typed: `500M`, `1.5GiB`, `20000`.
///
/// # Errors
/// What it is that was typed, and what is expected.
pub fn size(text: &str) -> Result<u64, String> {
    let wrong = || "expected a number of bytes, such as 500M or 20G".to_owned();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = text[digits.len()..].to_ascii_lowercase();
    let shift = match unit.trim_end_matches("ib").trim_end_matches('b') {
        "" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        "t" => 40,
        _ => return Err(wrong()),
    };
    let number: f64 = digits.parse().map_err(|_| wrong())?;
    let bytes = number * (1_u64 << shift) as f64;
    if (0.0..u64::MAX as f64).contains(&bytes) { Ok(bytes as u64) } else { Err(wrong()) }
}

/// Opens a source for an answer that says what it lacks.
///
/// # Errors
/// As [`Opening::source`].
pub fn open(opening: &Opening) -> Result<(Arc<dyn Source>, Missing), Failure> {
    // Looked at before it is opened: what changes from then on may be missing in the answer.
    let steady = opening.steady();
    let keep = |source| *OPENED.lock().unwrap_or_else(PoisonError::into_inner) = Some((source, steady.clone()));
    keep(None);
    let source = opening.source()?;
    keep(Some(source.clone()));
    Ok((source, Missing::over(steady)))
}

/// What the command reads, and its files as they were before.
type Opened = (Option<Arc<dyn Source>>, Steady);

static OPENED: Mutex<Option<Opened>> = Mutex::new(None);

/// What was opened for the answer of this command, if anything was: a command that ends early must say, too, what its
/// answer lacks.
pub(super) fn opened() -> Option<Opened> {
    OPENED.lock().unwrap_or_else(PoisonError::into_inner).take()
}

impl SourceArgs {
    /// Opens it for an answer that says what it lacks.
    ///
    /// # Errors
    /// As [`Opening::source`].
    pub fn open(&self) -> Result<(Arc<dyn Source>, Missing), Failure> {
        open(&self.opening()?)
    }

    /// What to open.
    ///
    /// # Errors
    /// When the demo store is asked for and cannot be made.
    pub fn opening(&self) -> Result<Opening, Failure> {
        let folders = Folders::of_user();
        Ok(Opening {
            address: address(&self.source, &folders)?,
            map: self.map.clone(),
            layout: self.layout.clone(),
            cache: folders.cache.filter(|_| !self.no_cache),
            configuration: folders.configuration,
            reducer: None,
            allow_unpacked: self.allow_unpacked,
            looking: Default::default(),
        })
    }
}

/// A demo store that was made for this command only, until that ends.
static DEMO: Mutex<Option<Demo>> = Mutex::new(None);

/// Where what was named lies: the demo store has a name of its own.
///
/// # Errors
/// When the demo store cannot be made.
pub fn address(named: &OsStr, folders: &Folders) -> Result<OsString, Failure> {
    if named != demo::NAME {
        return Ok(named.to_owned());
    }
    let demo = demo::demo(folders.data.as_deref())?;
    let store = demo.store.clone();
    *DEMO.lock().unwrap_or_else(PoisonError::into_inner) = Some(demo);
    Ok(store.into())
}

/// The command has ended: what was made for it alone is removed.
pub(super) fn leave() {
    drop(DEMO.lock().unwrap_or_else(PoisonError::into_inner).take());
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_are_typed_with_units() {
        for (typed, bytes) in
            [("0", 0), ("20000", 20_000), ("1k", 1024), ("500M", 500 << 20), ("1.5GiB", 3 << 29), ("2tb", 2 << 40)]
        {
            assert_eq!(size(typed), Ok(bytes), "{typed}");
        }
        for typed in ["", "M", "-1", "1X", "1e99T", "ten", "nan"] {
            assert!(size(typed).is_err(), "{typed}");
        }
    }
}
