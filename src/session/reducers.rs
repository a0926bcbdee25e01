//! Which reducer folds which category, and whether its file has changed since.
//!
//! The first of these that names a category decides: a reducer given on the command line (for every category), the
//! `stepback.toml` beside the dump, the one in the configuration directory. A category nobody names is folded by
//! `merge`. A file that is missing or broken never falls back silently: its streams show the error in place.

use std::collections::BTreeMap;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::Deserialize;

use crate::domain::{Failure, FailureKind};
use crate::reducers::Definition;
use crate::replay::Reducer;

/// The file that names reducers: `[reducers]`, then `category = "file.js"` lines; `"*"` is every other category.
pub const PROJECT_FILE: &str = "stepback.toml";

/// The largest script, in bytes; more than anybody writes, and less than hurts.
const MAX_SCRIPT: u64 = 16 << 20;

/// The largest project file, in bytes.
const MAX_PROJECT: u64 = 1 << 20;

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

    /// A book of the same places that reads them again, whenever it is asked for.
    pub fn reader(&self) -> impl Fn() -> Result<Self, Failure> + Send + Sync + use<> {
        let places = self.places.clone();
        move || Self::read(places.clone())
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
        let source = read_text(&path, MAX_SCRIPT).map_err(|error| {
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

    /// Whether any file read so far has changed; when so, everything is read anew and a sentence says what changed. A
    /// project file that cannot be understood any more (it may be half written) changes nothing until it can.
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
        let mut named = BTreeMap::new();
        self.seen.clear();
        let folders = self.places.folders.clone();
        // All are watched, even those behind one that is broken.
        folders.iter().for_each(|folder| self.watch(&folder.join(PROJECT_FILE)));
        for folder in folders {
            for (category, file) in project(&folder.join(PROJECT_FILE))?.reducers {
                named.entry(category).or_insert_with(|| folder.join(file));
            }
        }
        self.named = named;
        Ok(())
    }

    fn watch(&mut self, path: &Path) {
        if !self.seen.iter().any(|(seen, _)| seen == path) {
            self.seen.push((path.to_path_buf(), stamp_of(path)));
        }
    }
}

/// What a project file says; one that is not there says nothing.
fn project(path: &Path) -> Result<Project, Failure> {
    let text = match read_text(path, MAX_PROJECT) {
        Ok(text) => text,
        Err(error) if is_absent(&error) => return Ok(Project::default()),
        Err(error) => return Err(Failure::io(path.display().to_string(), "read", &error)),
    };
    toml::from_str(&text).map_err(|error| {
        Failure::new(
            FailureKind::Malformed,
            path.display().to_string(),
            "understand it",
            error.to_string().trim_end().to_owned(),
        )
        .hint("it holds `[reducers]` and lines like `account = \"account.js\"`")
    })
}

/// Whether there is no such file; what stands for its folder may be none.
fn is_absent(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory)
}

/// The text of a regular file of at most `most` bytes. Whatever else has that name is not waited for: a pipe might never
/// speak, and a device never end.
fn read_text(path: &Path, most: u64) -> std::io::Result<String> {
    let nonblocking = rustix::fs::OFlags::NONBLOCK.bits() as i32;
    let file = std::fs::OpenOptions::new().read(true).custom_flags(nonblocking).open(path)?;
    let other = |why: String| std::io::Error::other(why);
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(other("it is a folder".into()));
    }
    if !metadata.is_file() {
        return Err(other("it is no regular file".into()));
    }
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(other(format!("it is too large: at most {} MiB are read", most >> 20)));
    }
    String::from_utf8(bytes)
        .map_err(|error| other(format!("it is not UTF-8 (byte {})", error.utf8_error().valid_up_to())))
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

    #[test]
    fn a_project_file_that_breaks_changes_nothing_until_it_is_mended() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut book = book(folder.path(), "[reducers]\naccount = \"account.js\"\n").expect("a project file");
        std::fs::write(folder.path().join(PROJECT_FILE), "[reducers]\nacc").expect("written");
        assert!(book.refresh().is_some_and(|text| text.contains("line 2")));
        assert!(book.script("account").is_some(), "never merged silently");
        assert_eq!(book.refresh(), None, "it is said once");
        std::fs::write(folder.path().join(PROJECT_FILE), "[reducers]\norder = \"order.js\"\n").expect("written");
        assert!(book.refresh().is_some_and(|text| text.contains("folded anew")));
        assert!(book.script("account").is_none() && book.script("order").is_some());
    }

    #[test]
    fn what_is_no_text_file_is_refused_and_not_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        let pipe = at("pipe.js");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0)
            .expect("a pipe");
        std::fs::create_dir(at("folder.js")).expect("a folder");
        std::fs::write(at("latin.js"), b"// caf\xe9").expect("written");
        std::fs::File::create(at("huge.js")).and_then(|file| file.set_len(MAX_SCRIPT + 1)).expect("a sparse file");
        for (name, why) in [
            ("pipe.js", "no regular file"),
            ("/dev/zero", "no regular file"),
            ("folder.js", "a folder"),
            ("latin.js", "not UTF-8 (byte 6)"),
            ("huge.js", "too large"),
            ("absent.js", "No such file"),
        ] {
            let places = ReducerPlaces { explicit: Some(at(name)), ..ReducerPlaces::default() };
            let mut book = ReducerBook::read(places).expect("no project file");
            let Err(failure) = book.reducer("account") else { panic!("{name} is no reducer") };
            assert!(failure.to_string().contains(why), "{name}: {failure}");
        }
        std::fs::create_dir(at("project")).expect("a folder");
        std::fs::rename(&pipe, at("project").join(PROJECT_FILE)).expect("renamed");
        assert!(ReducerBook::read(ReducerPlaces { folders: vec![at("project")], ..Default::default() }).is_err());
        assert!(ReducerBook::read(ReducerPlaces { folders: vec![at("latin.js")], ..Default::default() }).is_ok());
    }
}
