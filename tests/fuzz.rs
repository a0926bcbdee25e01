//! A short fuzzing run, the same every time: seeds are mutated, and no parser may panic, hang or fill the memory.
//!
//! `STEPBACK_FUZZ_RUNS=100000 cargo test --test fuzz` runs longer, `STEPBACK_FUZZ_TARGET=source` only that target, and
//! `STEPBACK_FUZZ_SEED=7` with other mutations. A failure names its target and seed, and leaves the
//! bytes in a file. Guided by coverage: see `fuzz/README.md`.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

#[path = "support/hostile.rs"]
mod files;
#[path = "support/targets.rs"]
mod targets;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use targets::{TARGETS, Target};

/// How often a target is run, unless the environment says otherwise.
const RUNS: usize = 400;
/// An input that takes longer hangs.
const HANGS: Duration = Duration::from_secs(60);
/// Larger seeds are cut, but for databases, of which a part is worth nothing.
const SEED: usize = 48 << 10;
/// Larger databases are cut too.
const DATABASE: usize = 512 << 10;

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }
}

/// Bytes that often matter to parsers.
const PIECES: &[&[u8]] = &[
    b"\n",
    b"\r\n",
    b"\0",
    b"\"",
    b"\\",
    b"'",
    b"''",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b"\t",
    b"\\N",
    b"\\.",
    b"\\x",
    b"$$",
    b"-1",
    b"0",
    b"99999999999999999999",
    b"1e999",
    b"null",
    b"\xff\xff\xff\xff",
    b"\x7f\xff\xff\xff",
    b"\0\0\0\0",
    b"\x80",
    b"\xc3",
    b"\xe2\x82",
    b"--",
    b"/*",
    b";",
    b"(",
    b")",
    b"COPY ",
    b"INSERT INTO ",
    b"VALUES",
    b"!!binary",
];

fn mutated(random: &mut Random, seeds: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = seeds[random.below(seeds.len())].clone();
    for _ in 0..1 + random.below(6) {
        let at = random.below(bytes.len());
        let until = (at + 1 + random.below(64)).min(bytes.len());
        match random.below(8) {
            0 if !bytes.is_empty() => bytes[at] ^= 1 << random.below(8),
            1 if !bytes.is_empty() => bytes[at] = random.next() as u8,
            2 => drop(bytes.drain(at..until)),
            3 => {
                let piece = bytes[at..until].to_vec();
                let to = random.below(bytes.len());
                drop(bytes.splice(to..to, piece));
            }
            4 => drop(bytes.splice(at..at, PIECES[random.below(PIECES.len())].iter().copied())),
            5 => {
                let end = (at + 4).min(bytes.len());
                drop(bytes.splice(at..end, PIECES[random.below(PIECES.len())].iter().copied()));
            }
            6 => bytes.truncate(at),
            _ => {
                let other = &seeds[random.below(seeds.len())];
                let from = random.below(other.len());
                bytes.truncate(at);
                bytes.extend_from_slice(&other[from..]);
                bytes.truncate(DATABASE);
            }
        }
    }
    bytes
}

/// The files under `tests/corpus` and `fuzz/seeds/<target>`, and for sources the small hostile ones.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut seeds = Vec::new();
    let mut folders = vec![root.join("fuzz/seeds").join(target)];
    if target == "source" {
        folders.push(root.join("tests/corpus"));
        seeds.extend(files::files().into_iter().map(|file| file.bytes).filter(|bytes| bytes.len() <= SEED));
    }
    if target == "layout" {
        folders.push(root.join("assets/layouts"));
    }
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        for path in paths {
            if path.is_dir() {
                folders.push(path);
            } else {
                let mut bytes = std::fs::read(&path).unwrap();
                bytes.truncate(if bytes.starts_with(b"SQLite format 3\0") { DATABASE } else { SEED });
                seeds.push(bytes);
            }
        }
    }
    seeds.push(b"a".to_vec());
    seeds
}

fn fuzz(target: &'static Target, runs: usize) {
    let seeds = seeds(target.name);
    let seed = environment::<u64>("STEPBACK_FUZZ_SEED").unwrap_or(0);
    let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ seed);
    let (give, taken) = mpsc::channel::<Vec<u8>>();
    let (done, ended) = mpsc::channel();
    let runner = std::thread::spawn(move || {
        for bytes in taken {
            let ran = catch_unwind(AssertUnwindSafe(|| (target.run)(&bytes)));
            if done.send(ran.is_ok()).is_err() {
                return;
            }
        }
    });
    for run in 0..runs {
        let bytes = if run < seeds.len() { seeds[run].clone() } else { mutated(&mut random, &seeds) };
        give.send(bytes.clone()).unwrap();
        let ended = ended.recv_timeout(HANGS);
        if ended != Ok(true) {
            let kept = std::env::temp_dir().join(format!("stepback-fuzz-{}-{run}", target.name));
            std::fs::write(&kept, &bytes).unwrap();
            let how = if ended.is_ok() { "panicked" } else { "hangs" };
            panic!("{} {how} in run {run}: the bytes are in {}", target.name, kept.display());
        }
    }
    // What the target kept for itself is removed with its thread.
    drop(give);
    runner.join().unwrap();
}

fn environment<T: std::str::FromStr>(name: &str) -> Option<T> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn no_parser_panics_or_hangs() {
    let runs = environment("STEPBACK_FUZZ_RUNS").unwrap_or(RUNS);
    let wanted = environment::<String>("STEPBACK_FUZZ_TARGET");
    for target in TARGETS.iter().filter(|target| wanted.as_ref().is_none_or(|wanted| wanted == target.name)) {
        fuzz(target, (runs / target.cost).max(seeds(target.name).len()));
    }
    // All targets in one process: what one of them kept would be seen here.
    use nix::sys::resource::{UsageWho, getrusage};
    let most = getrusage(UsageWho::RUSAGE_SELF).unwrap().max_rss() as u64 * 1024;
    assert!(most < 512 << 20, "{} MiB", most >> 20);
}
