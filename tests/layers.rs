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

/// Parts of a layer, by the beginning of their paths, and outside names they must not use beyond those of their layer.
const PARTS: &[(&str, &[&str])] = &[
    // Its threads are lent to it, so that their panics reach whoever owns the terminal.
    ("session/desk", &["std::thread", "std::fs", "std::process", "tokio"]),
    // It knows the terminal, threads and signals: what walks and what reads a source is the desk's business.
    ("runtime", &["Walking", "Answers", "Patience", "Timeline", "sources::open"]),
];

#[test]
fn parts_of_a_layer_use_only_what_they_may() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut offences = Vec::new();
    for (part, never) in PARTS {
        let files = rust_files(&source.join(part));
        assert!(!files.is_empty(), "there is no `{part}`");
        for file in files {
            let text = std::fs::read_to_string(&file).expect("readable source");
            for (number, line) in code_lines(&text) {
                let named = never.iter().filter(|name| names(line, name));
                offences
                    .extend(named.map(|name| format!("{}:{number}: `{part}` must not name `{name}`", file.display())));
            }
        }
    }
    assert!(offences.is_empty(), "\n{}", offences.join("\n"));
}

/// Layers whose files use each other in one direction only. A file that carries a part of what its parent declares
/// (`impl App` in many files) uses its parent, and its parent it: that is one thing in several files, and not counted.
const WITHOUT_CIRCLES: &[&str] = &["app", "replay", "session"];

#[test]
fn files_of_a_layer_use_each_other_in_one_direction() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for layer in WITHOUT_CIRCLES {
        let mut uses: Vec<(String, BTreeSet<String>)> = Vec::new();
        let folder = source.join(layer);
        let files: Vec<(String, String)> = rust_files(&folder)
            .into_iter()
            .map(|file| {
                let name = file.strip_prefix(&folder).expect("a file of the layer").with_extension("");
                let name = name.to_string_lossy().trim_end_matches("mod").trim_end_matches('/').to_owned();
                (name, std::fs::read_to_string(&file).expect("readable source"))
            })
            .filter(|(name, _)| !name.ends_with("tests"))
            .collect();
        for (name, text) in &files {
            let own: Vec<&str> = name.split('/').filter(|part| !part.is_empty()).collect();
            let code: String = code_lines(text).map(|(_, line)| format!("{line} ")).collect();
            let used = paths(&code).into_iter().filter_map(|path| inside(&path, layer, &own));
            let file_of = |path: Vec<String>| {
                (0..=path.len()).rev().map(|n| path[..n].join("/")).find(|it| files.iter().any(|(name, _)| name == it))
            };
            let is_family = |other: &str| {
                other.is_empty()
                    || name.is_empty()
                    || name.starts_with(&format!("{other}/"))
                    || other.starts_with(&format!("{name}/"))
            };
            let used = used.filter_map(file_of).filter(|other| other != name && !is_family(other)).collect();
            uses.push((name.clone(), used));
        }
        assert!(uses.iter().any(|(_, used)| !used.is_empty()), "`{layer}` is seen to use nothing");
        // What uses nothing that is left is in no circle.
        loop {
            let left: BTreeSet<String> = uses.iter().map(|(name, _)| name.clone()).collect();
            let before = uses.len();
            uses.retain(|(_, used)| used.iter().any(|other| left.contains(other)));
            if uses.len() == before {
                break;
            }
        }
        assert!(uses.is_empty(), "files of `{layer}` in a circle, or using one: {uses:#?}");
    }
}

/// Where a path leads inside a layer: the parts below it; `None` when it leads elsewhere.
fn inside(path: &str, layer: &str, own: &[&str]) -> Option<Vec<String>> {
    let mut parts: Vec<&str> = path.split("::").collect();
    let mut base = match parts.first() {
        Some(&"crate") if parts.get(1) == Some(&layer) => {
            parts.drain(..2);
            Vec::new()
        }
        Some(&"super") => own.to_vec(),
        _ => return None,
    };
    while parts.first() == Some(&"super") {
        base.pop()?;
        parts.remove(0);
    }
    Some(base.into_iter().chain(parts).map(str::to_owned).collect())
}

/// The paths in some code, those of a group each on its own.
fn paths(code: &str) -> Vec<String> {
    fn expand(prefix: &str, tree: &str, found: &mut Vec<String>) {
        let tree = tree.trim();
        let Some((front, group)) = tree.split_once('{') else {
            let path = tree.split(" as ").next().unwrap_or_default();
            return found.push(format!("{prefix}{}", path.trim()));
        };
        let group = group.trim_end().strip_suffix('}').unwrap_or(group);
        let (mut depth, mut start) = (0, 0);
        for (at, c) in group.char_indices().chain([(group.len(), ',')]) {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    expand(&format!("{prefix}{front}"), &group[start..at], found);
                    start = at + 1;
                }
                _ => {}
            }
        }
    }
    let mut found = Vec::new();
    for (at, _) in code.match_indices("use ") {
        let rest = &code[at + 4..];
        if let (true, Some(end)) = (code[..at].ends_with([' ', '\n']) || at == 0, rest.find(';')) {
            expand("", &rest[..end], &mut found);
        }
    }
    for root in ["crate::", "super::"] {
        for (at, _) in code.match_indices(root) {
            let end = code[at..].find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
            found.push(code[at..at + end.unwrap_or(code.len() - at)].trim_end_matches(':').to_owned());
        }
    }
    found
}

#[test]
fn the_scan_sees_what_it_should() {
    assert_eq!(
        paths("use super::a::{b, c::{D, self}}; crate::app::x(1)")[..3],
        ["super::a::b", "super::a::c::D", "super::a::c::self"]
    );
    let of = |path: &str| inside(path, "app", &["panes", "tree"]).map(|parts| parts.join("/"));
    assert_eq!(of("super::rows::Row").as_deref(), Some("panes/rows/Row"));
    assert_eq!(of("super::super::walk").as_deref(), Some("walk"));
    assert_eq!((of("crate::app::ids").as_deref(), of("crate::domain::Json")), (Some("ids"), None));
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
