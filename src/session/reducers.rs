//! Which reducer folds which category, and whether its file has changed since.
//!
//! The first of these that names a category decides: a reducer given on the command line (for every category), the
//! `stepback.toml` beside the dump, the one in the configuration directory. A category nobody names is folded by
//! `merge`. A file that is missing or broken never falls back silently: its streams show the error in place.

mod scripts;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use serde::Deserialize;
use toml::Spanned;

use crate::domain::{Failure, FailureKind, StreamName};
use crate::reducers::Definition;
use crate::regular;
use crate::replay::{FoldError, Reducer, ScriptPlace, Stale};
use scripts::Scripts;

/// The file that names reducers: `[reducers]`, then `category = "file.js"` lines; `"*"` is every other category.
pub const PROJECT_FILE: &str = "stepback.toml";

/// The largest script, in bytes; more than anybody writes, and less than hurts.
const MAX_SCRIPT: u64 = 16 << 20;

/// Categories named to somebody whose names fit none.
const NAMED: usize = 5;

/// The largest project file, in bytes.
const MAX_PROJECT: u64 = 1 << 20;

/// A project file as it is written.
#[derive(Deserialize, Debug, Default)]
struct Project {
    #[serde(default)]
    reducers: BTreeMap<String, Spanned<toml::Value>>,
}

/// What stands behind a category.
#[derive(Debug)]
enum Named {
    /// Its script.
    File(PathBuf),
    /// A table: the category was written with a dot and without quotes.
    Table(toml::Table),
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
    scripts: Scripts,
    /// Why a project file that was saved is not used, when it is not.
    refused: Option<Arc<Stale>>,
    /// Whether there was never one that could be used: then nobody knows what folds.
    unusable: bool,
    /// What is written in the project files and means nothing.
    remarks: Vec<String>,
    /// What every file looked like when it was read.
    seen: Vec<(PathBuf, Option<Stamp>)>,
}

/// What changes when a file is saved.
type Stamp = (SystemTime, u64);

impl ReducerBook {
    /// A book without scripts: everything is folded by `merge`.
    pub fn empty() -> Self {
        Self {
            places: ReducerPlaces::default(),
            named: BTreeMap::new(),
            scripts: Scripts::default(),
            refused: None,
            unusable: false,
            remarks: Vec::new(),
            seen: Vec::new(),
        }
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

    /// Reads the project files for somebody who wants to see events also where these cannot be understood: then nothing is
    /// folded, and every state says why, until they are mended.
    pub fn read_anyway(places: ReducerPlaces) -> Self {
        let mut book = Self { places, ..Self::empty() };
        if let Err(failure) = book.load() {
            let projects: Vec<PathBuf> = book.seen.iter().map(|(path, _)| path.clone()).collect();
            book.refused = Some(Arc::new(refusal(&projects, &failure)));
            book.unusable = true;
        }
        book
    }

    /// Why nobody knows what folds, when that is so.
    pub fn unusable(&self) -> Option<&FoldError> {
        let named = self.places.explicit.is_none() && self.unusable;
        self.refused.as_deref().filter(|_| named).map(|stale| &stale.why)
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
        if !self.seen.iter().any(|(seen, _)| *seen == path) {
            self.look_again(&path);
        }
        let source = self.scripts.text(&path).map(str::to_owned).map_err(|error| {
            Failure::opening(&shown, "read the reducer", &error)
                .hint(format!("streams of `{category}` are folded by this file; see `{PROJECT_FILE}` or --reducer"))
        })?;
        Ok(Definition::JavaScript { file_name: name, source, host: self.places.host.clone() }.build())
    }

    /// The script that folds a category, if one does: the one that names it, else that of the most exact pattern.
    pub fn script(&self, category: &str) -> Option<&Path> {
        let by_pattern = || {
            let matching = self.named.iter().filter(|(name, _)| matches(name, category));
            matching.max_by_key(|(name, _)| exactness(name)).map(|(_, path)| path)
        };
        let named = || self.named.get(category).or_else(by_pattern).map(PathBuf::as_path);
        self.places.explicit.as_deref().or_else(named)
    }

    /// What the project files say that means nothing for a store of these categories, a sentence each.
    pub fn remarks(&self, categories: &BTreeSet<String>) -> Vec<String> {
        let means_nothing = |name: &&String| {
            *name != "*" && !categories.contains(*name) && !categories.iter().any(|category| matches(name, category))
        };
        let some: Vec<&str> = categories.iter().take(NAMED).map(String::as_str).collect();
        let more = if categories.len() > NAMED { ", ..." } else { "" };
        let there =
            if some.is_empty() { "it has none".to_owned() } else { format!("there are {}{more}", some.join(", ")) };
        let idle = self.named.keys().filter(means_nothing).map(|name| match is_pattern(name) {
            true => format!("{PROJECT_FILE}: `{name}` in [reducers] matches no category of this store: {there}"),
            false => format!("{PROJECT_FILE}: `{name}` in [reducers] is no category of this store: {there}"),
        });
        // What folds nothing here need not be there.
        let used = self.named.iter().filter(|(name, _)| !means_nothing(name));
        let absent = used.filter_map(|(name, path)| {
            let error = std::fs::metadata(path).err()?;
            Some(format!("{PROJECT_FILE}: `{name}` in [reducers] names {}: {error}", path.display()))
        });
        self.remarks.iter().cloned().chain(idle).chain(absent).collect()
    }

    /// Why the reducer of a category is not the one that was saved last, when it is not.
    pub fn stale(&self, category: &str) -> Option<Arc<Stale>> {
        let refused = self.script(category).and_then(|path| self.scripts.refusal(path));
        refused.or(self.refused.as_ref().filter(|_| !self.unusable)).cloned()
    }

    /// Whether any file read so far has changed; when so, it is read again. What cannot be used (it may be half written)
    /// changes nothing until it can. `streams` are some that are folded.
    pub fn refresh(&mut self, streams: &[StreamName]) -> Option<Refreshed> {
        let changed: Vec<PathBuf> =
            self.seen.iter().filter(|(path, stamp)| stamp_of(path) != *stamp).map(|(path, _)| path.clone()).collect();
        if changed.is_empty() {
            return None;
        }
        let (projects, scripts): (Vec<PathBuf>, Vec<PathBuf>) =
            changed.into_iter().partition(|path| self.is_project(path));
        let mut refused = None;
        if !projects.is_empty() {
            self.refused = self.load().err().map(|failure| Arc::new(refusal(&projects, &failure)));
            self.unusable &= self.refused.is_some();
            // Where there is nothing from before the save, State says what is wrong now.
            refused.clone_from(&self.refused);
            refused.take_if(|_| self.unusable);
        }
        for path in &scripts {
            let stream = streams.iter().find(|stream| self.script(stream.category()) == Some(path)).cloned();
            let stream = stream.unwrap_or_else(|| StreamName::from("stream-1"));
            self.look_again(path);
            let host = self.places.host.clone();
            refused = self.scripts.saved(path, &host, &stream).or(refused);
        }
        let name = |path: &PathBuf| path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let (there, gone): (Vec<&PathBuf>, Vec<&PathBuf>) =
            projects.iter().chain(&scripts).partition(|path| stamp_of(path).is_some());
        let told = [(there, "saved"), (gone, "deleted")].into_iter().filter(|(files, _)| !files.is_empty());
        let told = told.map(|(files, what)| {
            let files: Vec<String> = files.into_iter().map(name).collect();
            format!("{} {what}", files.join(", "))
        });
        Some(Refreshed { happened: told.collect::<Vec<_>>().join(", "), refused })
    }

    /// Tells whether any file read so far has changed, without reading it.
    pub fn watch(&self) -> impl Fn() -> bool + Send + use<> {
        let seen = self.seen.clone();
        move || seen.iter().any(|(path, stamp)| stamp_of(path) != *stamp)
    }

    fn is_project(&self, path: &Path) -> bool {
        self.places.folders.iter().any(|folder| folder.join(PROJECT_FILE) == path)
    }

    fn load(&mut self) -> Result<(), Failure> {
        let (mut named, mut remarks) = (BTreeMap::new(), Vec::new());
        let folders = self.places.folders.clone();
        // All are watched, even those behind one that is broken.
        folders.iter().for_each(|folder| self.look_again(&folder.join(PROJECT_FILE)));
        for folder in folders {
            for (category, file) in project(&folder.join(PROJECT_FILE), &mut remarks)? {
                match file {
                    Named::File(file) => drop(named.entry(category).or_insert_with(|| folder.join(file))),
                    Named::Table(table) => remarks.push(dotted(category, table)),
                }
            }
        }
        // That one of them is absent is remarked: when it comes, that is no longer so.
        named.values().filter(|path| stamp_of(path).is_none()).for_each(|path| self.look_again(path));
        (self.named, self.remarks) = (named, remarks);
        Ok(())
    }

    /// Remembers what a file looks like now, before it is read.
    fn look_again(&mut self, path: &Path) {
        let stamp = stamp_of(path);
        match self.seen.iter_mut().find(|(seen, _)| seen == path) {
            Some((_, seen)) => *seen = stamp,
            None => self.seen.push((path.to_path_buf(), stamp)),
        }
    }
}

/// What became of files that were saved.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refreshed {
    /// Their names, and whether they were saved or deleted.
    pub happened: String,
    /// Why one of them is not used, when it is not.
    pub refused: Option<Arc<Stale>>,
}

/// Where a project file is wrong, as far as can be told.
fn refusal(projects: &[PathBuf], failure: &Failure) -> Stale {
    let found = projects.iter().find_map(|path| {
        let text = regular::read_text(path, MAX_PROJECT).ok()?;
        let Mistake { line, message } = understood(&text).err()?;
        let line = line?;
        let place = ScriptPlace { file: PROJECT_FILE.to_owned(), line, column: 0 };
        Some(Stale {
            why: FoldError { place: Some(place), ..FoldError::new(message) },
            line: scripts::line_of(&text, Some(line)),
        })
    });
    found.unwrap_or_else(|| Stale { why: FoldError::new(failure.to_string()), line: None })
}

/// Whether a name in `[reducers]` is a pattern.
fn is_pattern(name: &str) -> bool {
    name.contains(['*', '?'])
}

/// Whether a pattern covers a category: `order*`, and `order-*` as the streams of it are called.
fn matches(name: &str, category: &str) -> bool {
    let covers = |pattern: &glob::Pattern| pattern.matches(category) || pattern.matches(&format!("{category}-"));
    is_pattern(name) && glob::Pattern::new(name).is_ok_and(|pattern| covers(&pattern))
}

/// How much of a pattern is written out.
fn exactness(name: &str) -> usize {
    name.chars().filter(|c| !matches!(c, '*' | '?')).count()
}

/// What to say of `a.b = "x.js"`, which TOML reads as a table.
fn dotted(category: String, mut table: toml::Table) -> String {
    let mut name = category;
    while let Some((part, value)) = table.into_iter().next() {
        name = format!("{name}.{part}");
        table = match value {
            toml::Value::Table(table) => table,
            _ => break,
        };
    }
    format!(
        "{PROJECT_FILE}: {name} without quotes is a table in TOML, and names no reducer: write \"{name}\" = \"FILE.js\""
    )
}

/// What is wrong in a project file, in one line of words.
struct Mistake {
    line: Option<u32>,
    message: String,
}

/// What a text says of reducers.
fn understood(text: &str) -> Result<Vec<(String, Named)>, Mistake> {
    let line = |at: usize| 1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count() as u32;
    let project: Project = toml::from_str(text).map_err(|error| Mistake {
        line: error.span().map(|span| line(span.start)),
        message: error.message().trim().lines().collect::<Vec<_>>().join(", "),
    })?;
    let named = |(category, value): (String, Spanned<toml::Value>)| {
        let at = Some(line(value.span().start));
        let wrong = |what: &str| Mistake {
            line: at,
            message: format!("`{category}` is {what}, and no file: write {category} = \"FILE.js\""),
        };
        match value.into_inner() {
            toml::Value::String(file) if file.is_empty() => Err(wrong("an empty text")),
            toml::Value::String(file) => Ok((category, Named::File(file.into()))),
            toml::Value::Table(table) => Ok((category, Named::Table(table))),
            toml::Value::Array(_) => Err(wrong("a list")),
            other => Err(wrong(&other.to_string())),
        }
    };
    project.reducers.into_iter().map(named).collect()
}

/// What a project file says; one that is not there says nothing. What it says that is not known is remarked.
fn project(path: &Path, remarks: &mut Vec<String>) -> Result<Vec<(String, Named)>, Failure> {
    let text = match regular::read_text(path, MAX_PROJECT) {
        Ok(text) => text,
        Err(error) if is_absent(&error) => return Ok(Vec::new()),
        // A folder that may not be entered, such as the home of the one who called us: whether there is a file is not known.
        Err(error) if is_denied(&error) && path.symlink_metadata().is_err_and(|error| is_denied(&error)) => {
            remarks.push(format!(
                "{}: {error}: whether it is there is not known, and nothing of it is used",
                path.display()
            ));
            return Ok(Vec::new());
        }
        Err(error) => return Err(Failure::io(path.display().to_string(), "read", &error)),
    };
    let unknown = toml::from_str::<toml::Table>(&text).unwrap_or_default();
    remarks.extend(
        unknown
            .keys()
            .filter(|name| *name != "reducers")
            .map(|name| format!("{PROJECT_FILE}: `{name}` is not known and does nothing; it holds [reducers]")),
    );
    understood(&text).map_err(|Mistake { line, message }| {
        let line = line.map_or(String::new(), |line| format!("line {line}: "));
        Failure::new(FailureKind::Malformed, path.display().to_string(), "understand it", format!("{line}{message}"))
            .hint("it holds `[reducers]` and lines like `account = \"account.js\"`")
    })
}

/// Whether there is no such file; what stands for its folder may be none.
fn is_absent(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory)
}

fn is_denied(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::PermissionDenied
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
        for (value, said) in [
            ("7", "line 2: `account` is 7, and no file"),
            ("\"\"", "line 2: `account` is an empty text"),
            ("[1]", "line 2: `account` is a list"),
            ("account.js", "line 2: string values must be quoted"),
        ] {
            let failure = book(folder.path(), &format!("[reducers]\naccount = {value}\n")).expect_err("no file");
            assert!(failure.to_string().contains(said), "{failure}");
            assert_eq!(failure.why.lines().count(), 1, "{failure}");
        }
        assert!(book(folder.path(), "[reducers\n").is_err());
    }

    #[test]
    fn what_means_nothing_is_remarked() {
        let folder = tempfile::tempdir().expect("a folder");
        let text = "[reducers]\norder = \"o.js\"\nordr = \"o.js\"\n\"x-*\" = \"x.js\"\n\"pay*\" = \"p.js\"\na.b = \"x.js\"\n[reducer]\n";
        std::fs::write(folder.path().join("o.js"), "").expect("written");
        let book = book(folder.path(), text).expect("a project file");
        let categories = ["order", "payment"].map(str::to_owned).into();
        let remarks = book.remarks(&categories).join("\n");
        for said in [
            "`reducer` is not known",
            "a.b without quotes",
            "`ordr` in [reducers] is no",
            "`x-*` in [reducers] matches no",
            "p.js: No such file",
        ] {
            assert!(remarks.contains(said), "{said}: {remarks}");
        }
        assert_eq!(remarks.lines().count(), 5, "{remarks}");
    }

    #[test]
    fn the_most_exact_pattern_wins() {
        let folder = tempfile::tempdir().expect("a folder");
        let names = ["*", "order*", "order-*", "order-line*", "orders"];
        let lines: String = names.iter().enumerate().map(|(n, name)| format!("\"{name}\" = \"{n}.js\"\n")).collect();
        let book = book(folder.path(), &format!("[reducers]\n{lines}")).expect("a project file");
        for (category, script) in [("order", 2), ("orders", 4), ("orderbook", 1), ("order-line", 3), ("user", 0)] {
            let script = folder.path().join(format!("{script}.js"));
            assert_eq!(book.script(category), Some(script.as_path()), "{category}");
        }
    }

    #[test]
    fn a_saved_file_is_noticed_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut book = book(folder.path(), "[reducers]\naccount = \"account.js\"\n").expect("a project file");
        assert_eq!(book.refresh(&[]), None);
        let changed = book.watch();
        assert!(!changed());
        std::fs::write(folder.path().join(PROJECT_FILE), "[reducers]\n").expect("written");
        assert!(changed(), "it can be told without reading it");
        assert_eq!(book.refresh(&[]), Some(Refreshed { happened: "stepback.toml saved".into(), refused: None }));
        assert_eq!(book.script("account"), None);
        assert_eq!(book.refresh(&[]), None);
        std::fs::remove_file(folder.path().join(PROJECT_FILE)).expect("removed");
        assert_eq!(book.refresh(&[]).map(|refreshed| refreshed.happened).as_deref(), Some("stepback.toml deleted"));
    }

    #[test]
    fn a_project_file_that_breaks_changes_nothing_until_it_is_mended() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut book = book(folder.path(), "[reducers]\naccount = \"account.js\"\n").expect("a project file");
        std::fs::write(folder.path().join(PROJECT_FILE), "[reducers]\nacc").expect("written");
        let refused = book.refresh(&[]).and_then(|refreshed| refreshed.refused).expect("it is broken");
        assert!(refused.to_string().starts_with("stepback.toml:2 "), "{refused}");
        assert_eq!(refused.line.as_deref(), Some("acc"));
        assert!(book.script("account").is_some(), "never merged silently");
        assert_eq!(book.stale("account"), Some(refused), "and every state says so");
        assert_eq!(book.refresh(&[]), None, "it is said once");
        std::fs::write(folder.path().join(PROJECT_FILE), "[reducers]\norder = \"order.js\"\n").expect("written");
        assert!(book.refresh(&[]).is_some_and(|refreshed| refreshed.refused.is_none()));
        assert_eq!(book.stale("account"), None);
        assert!(book.script("account").is_none() && book.script("order").is_some());
    }

    #[test]
    fn a_project_file_that_was_never_understood_folds_nothing_until_it_is_mended() {
        let folder = tempfile::tempdir().expect("a folder");
        let places = |explicit: Option<&str>| ReducerPlaces {
            explicit: explicit.map(PathBuf::from),
            folders: vec![folder.path().to_path_buf()],
            ..Default::default()
        };
        let write = |text: &str| std::fs::write(folder.path().join(PROJECT_FILE), text).expect("written");
        write("[reducers]\nacc");
        assert!(ReducerBook::read(places(None)).is_err(), "commands that fold refuse");
        let mut book = ReducerBook::read_anyway(places(None));
        assert_eq!(book.unusable().and_then(|why| why.place.as_ref()).map(|place| place.line), Some(2));
        assert_eq!(book.stale("account"), None, "there is nothing from before");
        assert_eq!(ReducerBook::read_anyway(places(Some("mine.js"))).unusable(), None, "it is not asked");
        write("[reducers]\n\naccount");
        assert!(book.refresh(&[]).is_some_and(|refreshed| refreshed.refused.is_none()));
        assert_eq!(book.unusable().and_then(|why| why.place.as_ref()).map(|place| place.line), Some(3));
        write("[reducers]\naccount = \"account.js\"\n");
        assert!(book.refresh(&[]).is_some());
        assert_eq!((book.unusable(), book.script("account").is_some()), (None, true));
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
