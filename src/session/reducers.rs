//! Which reducer folds which category, and whether its file has changed since.
//!
//! The first of these that names a category decides: a reducer given on the command line (for every category), the
//! `stepback.toml` beside the dump, the one in the configuration directory. A category nobody names is folded by
//! `merge`. A file that is missing or broken never falls back silently: its streams show the error in place.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::Deserialize;

use crate::domain::{Failure, FailureKind};
use crate::reducers::Definition;
use crate::replay::Reducer;

/// The file that names reducers: `[reducers]`, then `category = "file.js"` lines; `"*"` is every other category.
pub const PROJECT_FILE: &str = "stepback.toml";

#[derive(Deserialize, Debug, Default)]
#[serde(deny_unknown_fields)]
struct Project {
    #[serde(default)]
    reducers: BTreeMap<String, PathBuf>,
}

/// Where reducers are looked for.
#[derive(Clone, Debug, Default)]
pub struct ReducerPlaces {
    /// A reducer file for every category, as the user asked.
    pub explicit: Option<PathBuf>,
    /// Folders that may hold a `stepback.toml`, the first one deciding.
    pub folders: Vec<PathBuf>,
    /// The program that hosts scripts: this one.
    pub host: PathBuf,
}

/// The reducers of one opened source.
#[derive(Debug)]
pub struct ReducerBook {
    places: ReducerPlaces,
    /// Category to script, of all project files; the first to name a category wins.
    named: BTreeMap<String, PathBuf>,
    /// What every file looked like when it was read.
    seen: Vec<(PathBuf, Option<Stamp>)>,
}

/// What changes when a file is saved.
type Stamp = (SystemTime, u64);

impl ReducerBook {
    /// A book without scripts: everything is folded by `merge`.
    pub fn empty() -> Self {
        Self { places: ReducerPlaces::default(), named: BTreeMap::new(), seen: Vec::new() }
    }

    /// Reads the project files.
    ///
    /// # Errors
    /// When a project file is there but cannot be understood: file, line and reason.
    pub fn read(places: ReducerPlaces) -> Result<Self, Failure> {
        let mut book = Self { places, ..Self::empty() };
        book.load()?;
        Ok(book)
    }

    /// The reducer for a category.
    ///
    /// # Errors
    /// When its file cannot be read.
    pub fn reducer(&mut self, category: &str) -> Result<Box<dyn Reducer>, Failure> {
        let Some(path) = self.script(category).map(Path::to_path_buf) else { return Ok(Definition::Merge.build()) };
        let shown = path.display().to_string();
        let name = path.file_name().map_or_else(|| shown.clone(), |name| name.to_string_lossy().into_owned());
        self.watch(&path);
        let source = std::fs::read_to_string(&path).map_err(|error| {
            Failure::io(&shown, "read the reducer", &error)
                .hint(format!("streams of `{category}` are folded by this file; see `{PROJECT_FILE}` or --reducer"))
        })?;
        Ok(Definition::JavaScript { file_name: name, source, host: self.places.host.clone() }.build())
    }

    /// The script that folds a category, if one does.
    pub fn script(&self, category: &str) -> Option<&Path> {
        self.places
            .explicit
            .as_deref()
            .or_else(|| self.named.get(category).or_else(|| self.named.get("*")).map(PathBuf::as_path))
    }

    /// Whether any file read so far has changed; when so, everything is read anew and a sentence says what changed.
    pub fn refresh(&mut self) -> Option<String> {
        let changed: Vec<String> = self
            .seen
            .iter()
            .filter(|(path, stamp)| stamp_of(path) != *stamp)
            .map(|(path, _)| path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned())
            .collect();
        if changed.is_empty() {
            return None;
        }
        let files = changed.join(", ");
        Some(match self.load() {
            Ok(()) => format!("{files} changed: folded anew"),
            Err(failure) => format!("{files} changed, but {failure}"),
        })
    }

    fn load(&mut self) -> Result<(), Failure> {
        self.named.clear();
        self.seen.clear();
        for folder in self.places.folders.clone() {
            let path = folder.join(PROJECT_FILE);
            self.watch(&path);
            let text = match std::fs::read_to_string(&path) {
                Ok(text) => text,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => return Err(Failure::io(path.display().to_string(), "read", &error)),
            };
            let project: Project = toml::from_str(&text).map_err(|error| {
                Failure::new(
                    FailureKind::Malformed,
                    path.display().to_string(),
                    "understand it",
                    error.to_string().trim_end().to_owned(),
                )
                .hint("it holds `[reducers]` and lines like `account = \"account.js\"`")
            })?;
            for (category, file) in project.reducers {
                self.named.entry(category).or_insert_with(|| folder.join(file));
            }
        }
        Ok(())
    }

    fn watch(&mut self, path: &Path) {
        if !self.seen.iter().any(|(seen, _)| seen == path) {
            self.seen.push((path.to_path_buf(), stamp_of(path)));
        }
    }
}

fn stamp_of(path: &Path) -> Option<Stamp> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn book(folder: &Path, toml: &str) -> Result<ReducerBook, Failure> {
        std::fs::write(folder.join(PROJECT_FILE), toml).expect("a writable folder");
        ReducerBook::read(ReducerPlaces { explicit: None, folders: vec![folder.to_path_buf()], host: PathBuf::new() })
    }

    #[test]
    fn the_first_place_that_names_a_category_decides() {
        let near = tempfile::tempdir().expect("a folder");
        let far = tempfile::tempdir().expect("a folder");
        std::fs::write(near.path().join(PROJECT_FILE), "[reducers]\naccount = \"near.js\"\n").expect("written");
        std::fs::write(far.path().join(PROJECT_FILE), "[reducers]\naccount = \"far.js\"\n\"*\" = \"rest.js\"\n")
            .expect("written");
        let folders = vec![near.path().to_path_buf(), far.path().to_path_buf()];
        let book = ReducerBook::read(ReducerPlaces { folders: folders.clone(), ..Default::default() })
            .expect("two project files");
        assert_eq!(book.script("account"), Some(near.path().join("near.js").as_path()));
        assert_eq!(book.script("order"), Some(far.path().join("rest.js").as_path()));
        let explicit = Some(PathBuf::from("mine.js"));
        let book =
            ReducerBook::read(ReducerPlaces { explicit, folders, ..Default::default() }).expect("two project files");
        assert_eq!(book.script("account"), Some(Path::new("mine.js")));
    }

    #[test]
    fn a_broken_project_file_is_said_with_its_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let failure = book(folder.path(), "[reducers]\naccount = 7\n").expect_err("7 is no file");
        assert!(failure.to_string().contains("line 2"), "{failure}");
        assert!(book(folder.path(), "[reducer]\n").is_err());
    }

    #[test]
    fn a_saved_file_is_noticed_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut book = book(folder.path(), "[reducers]\naccount = \"account.js\"\n").expect("a project file");
        assert_eq!(book.refresh(), None);
        std::fs::write(folder.path().join(PROJECT_FILE), "[reducers]\n").expect("written");
        assert!(book.refresh().is_some_and(|text| text.contains(PROJECT_FILE)));
        assert_eq!(book.script("account"), None);
        assert_eq!(book.refresh(), None);
    }
}
