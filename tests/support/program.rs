//! The program itself, run in an empty home: what it is given, and what it says.

use std::path::Path;
use std::process::{Command, Output, Stdio};

/// A file of the project, by its path.
pub fn manifest(path: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path).display().to_string()
}

/// Runs the program, with nothing on its standard input.
pub fn run(arguments: &[&str]) -> Output {
    run_in(Path::new("/nonexistent"), arguments)
}

/// Runs the program in a home of its own, where it may make its demo store.
pub fn run_in(home: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stepback"));
    command.args(arguments).stdin(Stdio::null());
    command.env("XDG_CONFIG_HOME", home).env("XDG_DATA_HOME", home).env("XDG_CACHE_HOME", home);
    command.output().expect("stepback runs")
}

/// What it wrote.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}
