//! The layouts there are: those that come with the program, and the user's own.

use std::ffi::OsStr;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use super::spec::Layout;
use crate::domain::{Failure, FailureKind};
use crate::regular;

/// The largest file of a layout that is read.
const LARGEST: u64 = 1 << 20;

/// The files of the layouts that come with the program.
macro_rules! built_in {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../../assets/layouts/", $name, ".toml")))),*]
    };
}

const BUILT_IN: &[(&str, &str)] = built_in![
    "acuris",
    "akka",
    "akka-legacy",
    "axon",
    "axon-5",
    "castore",
    "commanded",
    "cqrs-es",
    "disintegrate",
    "emmett-postgresql",
    "emmett-sqlite",
    "eventsauce",
    "eventsourcing-python",
    "eventsourcing-python-dcb",
    "eventuous",
    "marten",
    "message-db",
    "prooph",
    "rails-event-store",
    "sequent",
    "sequent-7",
    "spatie",
    "sql-stream-store",
];

/// A layout and the text it was read from.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What it says.
    pub layout: Arc<Layout>,
    /// The file.
    pub text: String,
    /// Where the user keeps it; nothing for those that come with the program.
    pub file: Option<String>,
}

/// The layouts there are.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    /// Those that can be used, the user's own first.
    pub entries: Vec<Entry>,
    /// What is wrong with files of the user's that cannot.
    pub problems: Vec<String>,
}

impl Catalogue {
    /// The layouts of the program, and those in a folder of the user's. A layout of the user's hides one of the same name.
    pub fn read(folder: Option<&Path>) -> Self {
        let mut catalogue = Self::default();
        let files = folder.and_then(|folder| std::fs::read_dir(folder).ok());
        let mut files: Vec<_> = files
            .into_iter()
            .flatten()
            .filter_map(Result::ok)
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
            .collect();
        files.sort();
        for file in files {
            match read_file(&file) {
                Ok(entry) if catalogue.find(&entry.layout.name).is_some() => {
                    let name = &entry.layout.name;
                    catalogue.problems.push(format!("{}: there is another layout `{name}`", file.display()));
                }
                Ok(entry) => catalogue.entries.push(entry),
                Err(failure) => catalogue.problems.push(format!("{}: {}", failure.source, failure.why)),
            }
        }
        for entry in built_in() {
            if catalogue.find(&entry.layout.name).is_none() {
                catalogue.entries.push(entry.clone());
            }
        }
        catalogue
    }

    /// A layout by its name.
    pub fn find(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.layout.name == name)
    }

    /// A layout by its name, or by the name of a file.
    ///
    /// # Errors
    /// `Usage` when there is none, or the file is no layout.
    pub fn asked(&self, name: &OsStr) -> Result<Entry, Failure> {
        match name.to_str() {
            Some(name) => self.named(name),
            // No layout is called so.
            None => read_file(Path::new(name)),
        }
    }

    /// The same of a name that is text.
    ///
    /// # Errors
    /// As [`Self::asked`].
    pub fn named(&self, name: &str) -> Result<Entry, Failure> {
        if let Some(entry) = self.find(name) {
            return Ok(entry.clone());
        }
        if name.ends_with(".toml") || name.contains('/') {
            return read_file(Path::new(name));
        }
        let names: Vec<&str> = self.entries.iter().map(|entry| entry.layout.name.as_str()).collect();
        let why = format!("there is no layout `{name}`");
        Err(Failure::new(FailureKind::Usage, "stepback", "use a layout", why)
            .hint(format!("the layouts are {}; or name a file that ends in .toml", names.join(", "))))
    }
}

fn built_in() -> &'static [Entry] {
    static READ: OnceLock<Vec<Entry>> = OnceLock::new();
    READ.get_or_init(|| {
        let read = |(_, text): &(&str, &str)| {
            let layout = Layout::parse(text).expect("the layouts that come with the program are tested");
            Entry { layout: Arc::new(layout), text: (*text).into(), file: None }
        };
        BUILT_IN.iter().map(read).collect()
    })
}

fn read_file(path: &Path) -> Result<Entry, Failure> {
    let name = path.display().to_string();
    let text = regular::read_text(path, LARGEST).map_err(|error| Failure::opening(&name, "read the layout", &error))?;
    let layout = Layout::parse(&text).map_err(|why| {
        Failure::new(FailureKind::Usage, &name, "read the layout", why)
            .hint("`stepback layouts NAME` prints one to start from")
    })?;
    Ok(Entry { layout: Arc::new(layout), text, file: Some(name) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_layout_is_called_like_its_file() {
        for (name, text) in BUILT_IN {
            match Layout::parse(text) {
                Ok(layout) => assert_eq!(layout.name, *name),
                Err(why) => panic!("{name}: {why}"),
            }
        }
        let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/layouts")).unwrap();
        assert_eq!(files.count(), BUILT_IN.len());
    }
}
