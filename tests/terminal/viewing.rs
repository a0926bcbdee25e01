//! Looking changes nothing: every store of the corpus is listed, searched, examined and walked in the interface, and is
//! afterwards what it was, with nothing new beside it.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::pty::{Pty, Setup};
use crate::support::untouched::Untouched;

/// What a person would run on a store. `{}` is the store.
const COMMANDS: &[&[&str]] = &[
    &["inspect", "{}"],
    &["streams", "{}", "--json"],
    &["events", "{}", "--json"],
    &["events", "{}", "--where", "event.version > 1"],
    &["search", "{}", "a"],
    &["types", "{}"],
    &["doctor", "{}"],
    &["export", "{}"],
];

/// The stores of the corpus and of the sample data: whatever is neither documentation nor truth nor a reducer.
fn stores() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut stores = Vec::new();
    let mut folders = vec![root.join("tests/corpus"), root.join("sample-data")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.join("toc.dat").is_file() {
                // A dump in a directory.
                stores.push(path);
            } else if path.is_dir() {
                folders.push(path);
            } else if !["truth.json", ".md", ".js", ".toml", ".py", ".mjs", ".gitattributes"]
                .iter()
                .any(|end| name.ends_with(end))
            {
                stores.push(path);
            }
        }
    }
    stores.sort();
    stores
}

fn environment(home: &Path) -> [(&'static str, String); 4] {
    let folder = |name: &str| home.join(name).display().to_string();
    [
        ("XDG_DATA_HOME", folder("data")),
        ("XDG_CONFIG_HOME", folder("config")),
        ("XDG_CACHE_HOME", folder("cache")),
        ("HOME", folder(".")),
    ]
}

fn looked_at(store: &Path, home: &Path) {
    let address = store.display().to_string();
    let mut opens = true;
    for command in COMMANDS {
        let arguments = command.iter().map(|argument| argument.replace("{}", &address));
        let output = Command::new(env!("CARGO_BIN_EXE_stepback"))
            .args(arguments)
            .envs(environment(home))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        // Some are refused until they are mapped, and of some not everything can be read.
        assert!(matches!(output.status.code(), Some(0 | 1 | 65)), "{command:?} {address}: {said}");
        opens &= !said.contains("cannot open");
    }
    if !opens {
        return;
    }
    let mut setup = Setup { args: vec![address], size: (120, 36), ..Setup::default() };
    for (name, value) in environment(home) {
        setup = setup.env(name, &value);
    }
    let mut pty = Pty::run(setup);
    pty.ready();
    pty.wait_for("[RO]");
    pty.keys("jj").ready();
    pty.keys("2").ready();
    pty.keys("kk").ready();
    pty.keys("Q");
    assert_eq!(pty.exit(), 0);
    pty.close();
}

fn copy(original: &Path, to: &Path) {
    if original.is_dir() {
        std::fs::create_dir(to).unwrap();
        for entry in std::fs::read_dir(original).unwrap() {
            let path = entry.unwrap().path();
            copy(&path, &to.join(path.file_name().unwrap()));
        }
    } else {
        std::fs::copy(original, to).unwrap();
    }
}

#[test]
fn looking_changes_nothing() {
    for (number, original) in stores().into_iter().enumerate() {
        let folder = tempfile::tempdir().unwrap();
        let (kept, home) = (folder.path().join("kept"), folder.path().join("home"));
        std::fs::create_dir_all(&kept).unwrap();
        std::fs::create_dir_all(&home).unwrap();
        let store = kept.join(original.file_name().unwrap());
        copy(&original, &store);
        // Every other one lies where nothing could be written anyway, as on a disk of evidence.
        if number % 2 == 1 {
            let mut permissions = std::fs::metadata(&kept).unwrap().permissions();
            permissions.set_readonly(true);
            std::fs::set_permissions(&kept, permissions).unwrap();
        }
        let before = Untouched::look(&kept);
        looked_at(&store, &home);
        before.assert_same(&original.display().to_string());
    }
}
