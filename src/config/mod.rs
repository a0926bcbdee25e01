//! The user's settings: what is written becomes what is meant, with every problem told at once.
//!
//! Flags win over the file, the file over the defaults of `assets/config.toml`.

use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;

use crate::regular;

/// The largest file of settings that is read.
const LARGEST: u64 = 1 << 20;

/// The embedded defaults.
pub const DEFAULTS: &str = include_str!("../../assets/config.toml");

/// Which colours to draw with.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ThemeChoice {
    /// As the terminal suggests.
    #[default]
    Auto,
    /// For a dark background.
    Dark,
    /// For a light background.
    Light,
    /// Without colour.
    Mono,
}

impl ThemeChoice {
    /// The choice with this name.
    ///
    /// # Errors
    /// The names there are.
    pub fn named(name: &str) -> Result<Self, String> {
        match name {
            "auto" => Ok(Self::Auto),
            "dark" => Ok(Self::Dark),
            "light" => Ok(Self::Light),
            "mono" => Ok(Self::Mono),
            _ => Err(format!("there is no theme `{name}`: auto, dark, light, mono")),
        }
    }
}

/// What is meant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// Which colours.
    pub theme: ThemeChoice,
    /// Whether to listen to the mouse.
    pub mouse: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { theme: ThemeChoice::Auto, mouse: true }
    }
}

/// Where the user's files are.
#[derive(Clone, Debug, Default)]
pub struct Folders {
    /// Settings and reducers; `None` without a home directory.
    pub configuration: Option<PathBuf>,
    /// Stores of ours, such as the demo.
    pub data: Option<PathBuf>,
    /// What can be made again: indexes.
    pub cache: Option<PathBuf>,
}

impl Folders {
    /// The folders of this user (XDG base directories).
    pub fn of_user() -> Self {
        match etcetera::choose_base_strategy() {
            Ok(base) => {
                let home = base.home_dir().to_path_buf();
                // A home that is not there is not made: some accounts have none (`/nonexistent`), and root could.
                let is_there = home.is_dir();
                let of = |folder: PathBuf| (is_there || !folder.starts_with(&home)).then(|| folder.join("stepback"));
                Self { configuration: of(base.config_dir()), data: of(base.data_dir()), cache: of(base.cache_dir()) }
            }
            Err(_) => Self::default(),
        }
    }
}

/// Reads the settings; a file that is not there means the defaults.
///
/// # Errors
/// Every problem of the file, one a line, each with its place.
pub fn read(configuration: Option<&Path>) -> Result<Settings, String> {
    let Some(path) = configuration.map(|folder| folder.join("config.toml")) else { return Ok(Settings::default()) };
    match regular::read_text(&path, LARGEST) {
        Ok(text) => meant(&text).map_err(|problems| {
            let name = path.display();
            problems.iter().map(|problem| format!("{name}: {problem}")).collect::<Vec<_>>().join("\n")
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Settings::default()),
        Err(error) => Err(format!("{}: cannot read it: {error}", path.display())),
    }
}

/// What a text of settings means.
fn meant(text: &str) -> Result<Settings, Vec<String>> {
    let document: toml::Table = match text.parse() {
        Ok(document) => document,
        Err(error) => return Err(vec![error.to_string().trim_end().to_owned()]),
    };
    let mut settings = Settings::default();
    let mut problems = Vec::new();
    for (section, value) in &document {
        match (section.as_str(), value) {
            ("interface", toml::Value::Table(table)) => {
                for (key, value) in table {
                    match (key.as_str(), value) {
                        ("theme", toml::Value::String(name)) => match ThemeChoice::named(name) {
                            Ok(theme) => settings.theme = theme,
                            Err(problem) => problems.push(at(text, key, &problem)),
                        },
                        ("theme", _) => problems.push(at(text, key, "theme is a name in quotes")),
                        ("mouse", toml::Value::Boolean(mouse)) => settings.mouse = *mouse,
                        ("mouse", _) => problems.push(at(text, key, "mouse is true or false")),
                        _ => problems.push(at(text, key, &format!("there is no setting `{key}`: theme, mouse"))),
                    }
                }
            }
            _ => problems.push(at(text, section, &format!("there is no section `{section}`: [interface]"))),
        }
    }
    if problems.is_empty() { Ok(settings) } else { Err(problems) }
}

/// A problem with the line its key stands on.
fn at(text: &str, key: &str, problem: &str) -> String {
    let line = text.lines().position(|line| line.trim_start().trim_start_matches('[').starts_with(key));
    match line {
        Some(line) => format!("line {}: {problem}", line + 1),
        None => problem.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_defaults_are_the_defaults() {
        assert_eq!(meant(DEFAULTS), Ok(Settings::default()));
    }

    #[test]
    fn every_problem_is_told_with_its_line() {
        let problems =
            meant("[interface]\ntheme = \"pink\"\nmouse = 3\nfont = 1\n\n[colours]\n").expect_err("four problems");
        assert_eq!(problems.len(), 4, "{problems:?}");
        for line in ["line 2:", "line 3:", "line 4:", "line 6:"] {
            assert!(problems.iter().any(|problem| problem.starts_with(line)), "{line} in {problems:?}");
        }
    }
}
