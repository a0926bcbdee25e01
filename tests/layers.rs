//! The wall between the layers: which module of the crate may name which, and which outside crates it must not name.
//!
//! The table is the one of `docs/architecture.md`. A module that is missing here fails, and so does a rule that names a
//! module that no longer exists.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// (module, modules of this crate it may use, outside names it must not use)
const TABLE: &[(&str, &[&str], &[&str])] = &[
    ("domain", &[], NO_IO),
    (
        "regular",
        &["domain"],
        &["ratatui", "crossterm", "sled", "tokio", "rquickjs", "std::thread", "std::process", "std::env"],
    ),
    // It reads what was written on a thread with a stack of its own.
    (
        "condition",
        &["domain"],
        &["ratatui", "crossterm", "sled", "tokio", "rquickjs", "std::fs", "std::process", "std::env"],
    ),
    ("wire", &["domain"], NO_IO),
    ("replay", &["domain"], NO_IO),
    ("ask", &["domain", "replay"], NO_IO),
    ("reducers", &["domain", "replay"], &["ratatui", "crossterm", "sled", "tokio"]),
    ("sources", &["domain", "regular", "store"], &["ratatui", "crossterm", "sled"]),
    ("store", &["domain", "regular"], &["ratatui", "crossterm", "tokio", "rquickjs"]),
    (
        "session",
        &["domain", "ask", "condition", "regular", "replay", "reducers", "sources", "store"],
        &["ratatui", "crossterm", "sled", "rquickjs"],
    ),
    (
        "app",
        &["domain", "ask", "replay", "wire"],
        &["tokio", "crossterm", "sled", "std::fs", "std::thread", "Instant", "SystemTime"],
    ),
    (
        "ui",
        &["app", "ask", "domain", "replay"],
        &["tokio", "crossterm", "sled", "std::fs", "std::thread", "&mut App", "RefCell", "Cell<"],
    ),
    ("config", &["domain", "regular", "app", "ui"], &["sled", "tokio", "crossterm"]),
    (
        "cli",
        &["domain", "condition", "regular", "replay", "session", "config", "wire"],
        &["ratatui", "crossterm", "sled"],
    ),
    (
        "runtime",
        &[
            "domain",
            "ask",
            "condition",
            "cli",
            "replay",
            "reducers",
            "sources",
            "store",
            "session",
            "app",
            "ui",
            "config",
        ],
        &["sled", "rquickjs"],
    ),
    ("main", &["domain", "reducers", "cli", "runtime", "config"], &["sled", "rquickjs", "ratatui"]),
    ("lib", &[], NO_IO),
];

const NO_IO: &[&str] = &[
    "std::fs",
    "std::io",
    "std::net",
    "std::thread",
    "std::process",
    "std::env",
    "Instant",
    "SystemTime",
    "tokio",
    "crossterm",
    "ratatui",
    "sled",
    "rquickjs",
    "async ",
];

/// Outside names allowed although a broader rule forbids them.
const ALLOWED: &[(&str, &str)] = &[
    // The names of its threads, whose panics it leaves alone.
    ("runtime", "sled-"),
    ("app", "ratatui::layout"),
    ("domain", "std::io::Error"),
];

#[test]
fn every_module_uses_only_what_its_layer_allows() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut seen = BTreeSet::new();
    let mut offences = Vec::new();
    for file in rust_files(&source) {
        let relative = file.strip_prefix(&source).expect("a file under src");
        let first = relative.components().next().expect("a file name").as_os_str().to_string_lossy().into_owned();
        let module = first.trim_end_matches(".rs").to_owned();
        seen.insert(module.clone());
        let Some((_, may, never)) = TABLE.iter().find(|(name, _, _)| *name == module) else {
            offences.push(format!("{}: the module `{module}` has no row in the table", relative.display()));
            continue;
        };
        let text = std::fs::read_to_string(&file).expect("readable source");
        for (number, line) in code_lines(&text) {
            for used in crate_modules(line) {
                if used != module && !may.contains(&used) {
                    offences.push(format!("{}:{number}: `{module}` must not use `{used}`", relative.display()));
                }
            }
            for name in *never {
                let allowed = ALLOWED
                    .iter()
                    .filter(|(m, _)| *m == module)
                    .fold(line.to_owned(), |line, (_, ok)| line.replace(ok, ""));
                if names(&allowed, name) {
                    offences.push(format!("{}:{number}: `{module}` must not name `{name}`", relative.display()));
                }
            }
        }
    }
    for (name, _, _) in TABLE {
        if !seen.contains(*name) {
            offences.push(format!("the table has a row for `{name}`, which is not there"));
        }
    }
    assert!(offences.is_empty(), "\n{}", offences.join("\n"));
}

#[test]
fn the_scan_sees_what_it_should() {
    assert_eq!(crate_modules("use crate::{domain::Json, ui};"), ["domain", "ui"]);
    assert_eq!(crate_modules("let a = crate::store::open(stepback::app::X);"), ["store", "app"]);
    assert!(names("std::fs::read(x)", "std::fs"));
    assert!(!names("mystd::fsx", "std::fs"));
    assert_eq!(code_lines("a\n// crate::ui\nb // crate::ui\n").map(|(_, l)| l).collect::<Vec<_>>(), ["a", "b "]);
}

/// Lines without comments; what follows the first `#[cfg(test)]` at the start of a line is test code and may use anything.
fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .take_while(|line| !line.starts_with("#[cfg(test)]"))
        .enumerate()
        .map(|(n, line)| (n + 1, line.split_once("//").map_or(line, |(code, _)| code)))
        .filter(|(_, line)| !line.is_empty())
}

/// The first segments of every `crate::a::b`, `crate::{a::b, c}` and `stepback::a` in a line.
fn crate_modules(line: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for root in ["crate::", "stepback::"] {
        for (at, _) in line.match_indices(root) {
            if line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':') {
                continue;
            }
            let rest = &line[at + root.len()..];
            match rest.strip_prefix('{') {
                Some(group) => {
                    let mut depth = 0;
                    let mut start = 0;
                    for (n, c) in group.char_indices() {
                        match c {
                            '{' => depth += 1,
                            '}' if depth == 0 => {
                                found.extend(first_segment(&group[start..n]));
                                break;
                            }
                            '}' => depth -= 1,
                            ',' if depth == 0 => {
                                found.extend(first_segment(&group[start..n]));
                                start = n + 1;
                            }
                            _ => {}
                        }
                    }
                }
                None => found.extend(first_segment(rest)),
            }
        }
    }
    found
}

fn first_segment(path: &str) -> Option<&str> {
    let path = path.trim();
    let end = path.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(path.len());
    let segment = &path[..end];
    // A macro or a type re-exported at the root is not a module.
    (!segment.is_empty() && segment.chars().next().is_some_and(char::is_lowercase)).then_some(segment)
}

/// Whether a line names something as a whole word.
fn names(line: &str, name: &str) -> bool {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(name).any(|(at, _)| {
        let before = line[..at].chars().next_back().is_some_and(word);
        let after = name.ends_with(word) && line[at + name.len()..].chars().next().is_some_and(word);
        !(after || name.starts_with(word) && before)
    })
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a readable folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}
