//! Hostile files, given to the program itself: it ends, in words, with the memory it is allowed, and touches nothing.
//!
//! Alone in its process: the memory of a command counts from that of the process that starts it.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

#[path = "support/hostile.rs"]
mod files;
#[path = "support/running.rs"]
mod running;
#[path = "support/untouched.rs"]
mod untouched;

use std::path::Path;
use std::process::Output;

use files::{Hostile, Outcome};
use running::stepback;
use untouched::Untouched;

/// The most memory a command may take, whatever it opens.
const MEMORY: u64 = 300 << 20;
/// The most memory any command of this process took so far.
fn most_memory() -> u64 {
    use nix::sys::resource::{UsageWho, getrusage};
    getrusage(UsageWho::RUSAGE_CHILDREN).unwrap().max_rss() as u64 * 1024
}

/// What every command must do, whatever came of it.
fn ends_well(name: &str, output: &Output) -> bool {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!said.contains("panicked") && !said.contains("bug in stepback"), "{name}: {said}");
    assert!(
        !said.bytes().chain(output.stdout.iter().copied()).any(|b| b.is_ascii_control() && !matches!(b, b'\n' | b'\t')),
        "{name}: a control character came through"
    );
    let code = output.status.code();
    assert!(matches!(code, Some(0 | 1 | 65 | 69)), "{name}: {code:?} {said}");
    if code != Some(0) {
        assert!(!said.trim().is_empty(), "{name}: refused without a word");
    }
    // With 65 it was answered, but not whole; without an answer, refused.
    code == Some(0) || (code == Some(65) && !output.stdout.is_empty())
}

/// What `events --json` gives: how many events, and how many records it says cannot be read.
fn counted(output: &Output) -> (u64, u64) {
    let is_event = |line: &&[u8]| {
        let value: serde_json::Value = serde_json::from_slice(line).unwrap_or_default();
        !line.is_empty() && value.get("trouble").is_none()
    };
    let events = output.stdout.split(|&b| b == b'\n').filter(is_event).count() as u64;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let troubles = said.lines().find(|line| line.contains("could not be read as"));
    let troubles = troubles.and_then(|line| line.split_whitespace().find_map(|word| word.parse().ok()));
    (events, troubles.unwrap_or(0))
}

fn tried(folder: &Path, hostile: &Hostile) {
    let name = hostile.name;
    let opened = folder.join("opened");
    std::fs::create_dir_all(&opened).unwrap();
    let path = opened.join(name);
    std::fs::write(&path, &hostile.bytes).unwrap();
    let before = Untouched::look(&opened);
    let path = path.to_str().unwrap();

    let output = stepback(folder, &["events", path, "--json"]);
    let opens = ends_well(name, &output);
    match hostile.outcome {
        Outcome::Opens(events, troubles) => {
            assert!(opens, "{name}: {}", String::from_utf8_lossy(&output.stderr));
            assert_eq!(counted(&output), (events, troubles), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        }
        Outcome::Refused => assert!(!opens, "{name} opened"),
        Outcome::Ends => {}
    }
    for command in [&["streams", path][..], &["inspect", path]] {
        ends_well(name, &stepback(folder, command));
    }
    let most = most_memory();
    assert!(most <= MEMORY, "{name} took {} MiB", most >> 20);
    before.assert_same(name);
    std::fs::remove_file(path).unwrap();
}

#[test]
fn hostile_files_end_in_words_and_within_the_memory_allowed() {
    let folder = tempfile::tempdir().unwrap();
    // All are tried, so that one failure does not hide the others.
    let mut failed = Vec::new();
    for hostile in files::files() {
        let tried = || tried(folder.path(), &hostile);
        if let Err(panic) = std::panic::catch_unwind(std::panic::AssertUnwindSafe(tried)) {
            let said = panic.downcast_ref::<String>().cloned();
            failed.push(said.unwrap_or_else(|| hostile.name.to_owned()));
        }
    }
    assert!(failed.is_empty(), "{} files:\n{}", failed.len(), failed.join("\n"));
}
