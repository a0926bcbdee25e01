//! What it costs to find out what a file is, and what is not waited for.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

#[allow(dead_code)]
#[path = "support/chunks.rs"]
mod chunks;
#[path = "support/running.rs"]
mod running;
#[path = "support/scaling.rs"]
mod scaling;

use std::path::Path;
use std::process::Command;

use running::stepback;

#[test]
fn a_file_is_read_at_most_twice_to_find_out_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let offences = scaling::offences(folder.path());
    assert!(offences.is_empty(), "{offences:#?}");
}

/// How many bytes lie in a folder.
fn spooled(folder: &Path) -> u64 {
    std::fs::read_dir(folder)
        .unwrap()
        .flatten()
        .map(|entry| entry.metadata().map_or(0, |metadata| metadata.len()))
        .sum()
}

fn gzip(text: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn nested_bombs_are_refused_with_sizes_and_a_way_to_allow_them() {
    let folder = tempfile::tempdir().unwrap();
    let line = b"{\"streamId\":\"a\",\"type\":\"T\",\"data\":{}}\n";
    // 100 MiB out of a few hundred bytes, and neither layer alone is out of proportion.
    let nested = gzip(&gzip(&line.repeat((100 << 20) / line.len())));
    let zeros = gzip(&gzip(&vec![0; 100 << 20]));
    for (name, bytes, says) in [
        ("events.gz.gz", &nested, ["more than 1000 times as much", "gzip in gzip", "--allow-unpacked"]),
        ("zeros.gz.gz", &zeros, ["nothing in it is known", "its first 1.0 MiB were looked at", "--allow-unpacked"]),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let output = stepback(folder.path(), &["inspect", path.to_str().unwrap(), "--no-cache"]);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_ne!(output.status.code(), Some(0), "{name}");
        assert!(says.iter().all(|words| told.contains(words)), "{name}: {told}");
    }
    let path = folder.path().join("events.gz.gz");
    let allowed = ["inspect", path.to_str().unwrap(), "--no-cache", "--allow-unpacked", "1G"];
    let output = stepback(folder.path(), &allowed);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(spooled(folder.path()) < 2 << 20, "nothing is left behind");
}

#[test]
fn what_is_no_regular_file_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let fifo = |path: &Path| {
        let (kind, mode) = (rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU);
        rustix::fs::mknodat(rustix::fs::CWD, path, kind, mode, 0).unwrap();
    };
    let events = at("events.jsonl");
    std::fs::write(&events, "{\"streamId\":\"a-1\",\"type\":\"T\",\"data\":{\"n\":1}}\n").unwrap();
    let (events, layout) = (events.to_str().unwrap().to_owned(), at("layout.toml"));
    fifo(&layout);
    let csv = at("rows.csv");
    std::fs::write(&csv, "stream,type,version\na,T,1\n").unwrap();
    let csv = csv.to_str().unwrap().to_owned();
    for (layout, says) in [("/dev/zero", "a device"), (layout.to_str().unwrap(), "a pipe")] {
        let output = stepback(folder.path(), &["events", &csv, "--layout", layout]);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(told.contains(says) && output.status.code() != Some(0), "{told}");
    }
    // The cache, the project file, the user's layouts and settings.
    let cache = at("cache").join("stepback");
    let configuration = at("config").join("stepback");
    std::fs::create_dir_all(&cache).unwrap();
    std::fs::create_dir_all(configuration.join("layouts")).unwrap();
    fifo(&cache.join("0-0.index"));
    fifo(&configuration.join("layouts").join("mine.toml"));
    fifo(&configuration.join("config.toml"));
    let output = stepback(folder.path(), &["events", &events]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(stepback(folder.path(), &["cache"]).status.code().is_some());
    let told = stepback(folder.path(), &["inspect", &csv]);
    assert!(String::from_utf8_lossy(&told.stdout).contains("a pipe"), "{}", String::from_utf8_lossy(&told.stdout));
    fifo(&at("stepback.toml"));
    let output = stepback(folder.path(), &["state", &events, "a-1"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("a pipe"), "{}", String::from_utf8_lossy(&output.stderr));
    // The log of a database.
    let database = at("store.sqlite");
    std::fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/emmett-sqlite/emmett.sqlite"), &database).unwrap();
    for ending in ["-wal", "-shm", "-journal"] {
        fifo(&at(&format!("store.sqlite{ending}")));
    }
    let output = stepback(folder.path(), &["streams", database.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}

/// In a store of our own too: what should be its file may have become something else.
#[test]
fn a_pipe_in_a_store_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let made = folder.path().join("made");
    let made = made.to_str().unwrap();
    let append = ["append", made, "a-1", "--type", "T", "--data", "{}"];
    for _ in 0..3 {
        let output = stepback(folder.path(), &append);
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    }
    for (name, codes) in [
        ("journal/000001.evj", [74, 74, 74]),
        ("journal/head", [74, 74, 74]),
        // Whether somebody writes cannot be told: the answer may not be whole, and `verify` names it.
        ("lock", [65, 1, 74]),
        ("index/lookup", [0, 1, 0]),
    ] {
        let file = Path::new(made).join(name);
        let kept = std::fs::read(&file).unwrap();
        std::fs::remove_file(&file).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, &file, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0).unwrap();
        let commands = [&["events", made][..], &["verify", made][..], &append[..]];
        for (arguments, code) in commands.into_iter().zip(codes) {
            let output = stepback(folder.path(), arguments);
            let told = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(code), "{name}: {arguments:?}: {told}");
            assert!(code != 74 || told.contains("a pipe"), "{name}: {arguments:?}: {told}");
        }
        std::fs::remove_file(&file).unwrap();
        std::fs::write(&file, kept).unwrap();
    }
}

#[test]
fn what_may_not_be_looked_into_is_told_as_that() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let closed = folder.path().join("closed");
    std::fs::create_dir(&closed).unwrap();
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o0)).unwrap();
    // The superuser may look into everything.
    if std::fs::read_dir(&closed).is_ok() {
        return;
    }
    let output = stepback(folder.path(), &["events", closed.to_str().unwrap()]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("ermission denied") && output.status.code() == Some(69), "{told}");
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn names_that_are_not_utf_8_open() {
    use std::os::unix::ffi::OsStrExt;
    let folder = tempfile::tempdir().unwrap();
    let named = |name: &[u8]| folder.path().join(std::ffi::OsStr::from_bytes(name));
    let (lines, rows, database) = (named(b"d\xff mp.jsonl"), named(b"r\xfews.csv"), named(b"st\xffre.sqlite"));
    std::fs::write(&lines, "{\"streamId\":\"a-1\",\"type\":\"T\",\"data\":{\"n\":1}}\n").unwrap();
    std::fs::write(&rows, "stream,type,version\na-1,T,1\n").unwrap();
    std::fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/emmett-sqlite/emmett.sqlite"), &database).unwrap();
    for path in [&lines, &rows, &database] {
        for command in ["streams", "doctor", "inspect"] {
            // Twice: the second time from the cache.
            for _ in 0..2 {
                let output = Command::new(env!("CARGO_BIN_EXE_stepback"))
                    .arg(command)
                    .arg(path)
                    .env("XDG_CACHE_HOME", folder.path().join("cache"))
                    .env("XDG_CONFIG_HOME", folder.path().join("config"))
                    .output()
                    .unwrap();
                let told = String::from_utf8(output.stderr).expect("what is shown is UTF-8");
                assert!(matches!(output.status.code(), Some(0 | 1)), "{command} {path:?}: {told}");
                String::from_utf8(output.stdout).expect("what is shown is UTF-8");
            }
        }
    }
    // A command to copy names the very file.
    let mut types = Command::new(env!("CARGO_BIN_EXE_stepback"));
    let output = types.arg("types").arg(&lines).arg("--json").output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(told.contains(r"d\\xff mp.jsonl'"), "{told}");
}
