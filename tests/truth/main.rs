//! Stores that are read right are broken in a known way, and asked again: either the answer stays right, or a finding of the
//! doctor, a caveat or a count names the break.
//!
//! Every break (`breaks`) is tried in every kind of store that can hold it (`stores`), several times at places drawn from a
//! fixed seed; the program is asked from outside (`asked`). All that is silently wrong is told at once, a line for each.
//! Whoever works on one break tries it alone: `TRUTH_BREAK="a position stands twice" cargo test --test truth`.
#![allow(clippy::unwrap_used)]

mod asked;
mod breaks;
mod damage;
mod documents;
mod records;
mod stores;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use asked::Asked;
use breaks::{BREAKS, Break};
use records::{Random, Record, history};
use stores::{STORES, Store};

/// How often each break is tried in each store.
const TRIES: u64 = 2;

/// What an event is known by: its stream, version, type, id and payload.
type Told = (String, u64, String, String, String);

fn told(record: &Record) -> Told {
    let version = record.version.parse().unwrap_or_default();
    (record.stream_name(), version, record.kind.clone(), record.id.clone(), record.data.clone())
}

/// The events of the whole store by streams, each in its order: stores differ in how they order streams among each other.
fn by_stream(events: impl Iterator<Item = Told>) -> Vec<Told> {
    let mut all: Vec<Told> = events.collect();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

/// What is silently wrong in one broken store; nothing when it is right or says what is wrong.
fn silently_wrong(store: &Store, made: &Break, seed: u64) -> Option<String> {
    let mut random = Random::new(seed);
    let mut records = history(made.tenants);
    let mut broken = (made.apply)(&mut records, &mut random);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(store.file);
    (store.write)(&path, &records, made.columns);
    if let Some(damage) = made.damage {
        broken = damage(&path, &mut random)?;
    }
    let asked = Asked::of(&path);
    let mut wrong = String::new();

    // A broken record is lost, and said wherever something is told of the store; all others are told as they are.
    let unreadable = made.lost;
    let mut whole: Vec<&Record> = records.iter().filter(|record| !record.is_broken).collect();
    if store.is_sorted && !made.is_as_written {
        whole.sort_by_key(|record| record.position.parse::<u64>().unwrap_or_default());
    }
    let right = by_stream(whole.into_iter().map(told).map(|(stream, version, kind, id, data)| {
        let alone = made.usual.and_then(|usual| stream.strip_prefix(usual)?.strip_prefix('/'));
        (alone.map(str::to_owned).unwrap_or(stream), version, kind, id, data)
    }));
    let answer = by_stream(asked.events.iter().cloned());
    let is_right = made.damage.is_none() && answer == right;
    if !is_right && !asked.says_not_whole() {
        let missing = right.iter().filter(|event| !answer.contains(event)).count();
        let added = answer.iter().filter(|event| !right.contains(event)).count();
        write!(wrong, " events: {missing} are missing, {added} are not in it, and it exits with 0;").unwrap();
    }
    if unreadable && !asked.says_not_whole() {
        write!(wrong, " events exits with {} and says {:?};", asked.code, asked.said).unwrap();
    }
    if (unreadable || !is_right) && !asked.inspect_says_so() {
        write!(wrong, " inspect says nothing;").unwrap();
    }
    if (unreadable || !is_right) && asked.export_code == 0 {
        write!(wrong, " export exits with 0;").unwrap();
    }
    if !asked.inspect_says(made.said) {
        write!(wrong, " inspect does not say {:?};", made.said).unwrap();
    }
    let expected: BTreeSet<&str> = made.findings.iter().copied().collect();
    let found: BTreeSet<&str> = asked.findings.iter().map(String::as_str).collect();
    if !asked.refused && !expected.is_empty() && expected.is_disjoint(&found) {
        write!(wrong, " doctor finds {found:?}, none of {expected:?};").unwrap();
    }
    (!wrong.is_empty()).then(|| format!("{} in {}, {broken}:{wrong}", made.name, store.name))
}

/// What is told of stores that are not broken must be right, and nothing may be found in them.
fn wrongly_doubted(store: &Store, tenants: usize) -> Option<String> {
    let records = history(tenants);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(store.file);
    (store.write)(&path, &records, breaks::ALL_COLUMNS);
    let asked = Asked::of(&path);
    let mut wrong = String::new();
    if by_stream(asked.events.iter().cloned()) != by_stream(records.iter().map(told)) {
        write!(wrong, " its events are others: {:?};", asked.events.first()).unwrap();
    }
    if asked.code != 0 || asked.export_code != 0 {
        write!(wrong, " exit codes {} and {}: {:?};", asked.code, asked.export_code, asked.said).unwrap();
    }
    if !asked.findings.is_empty() {
        write!(wrong, " the doctor finds {:?};", asked.findings).unwrap();
    }
    (!wrong.is_empty()).then(|| format!("{} of {tenants} tenants:{wrong}", store.name))
}

/// Does all jobs, two at a time as the build machine has processors, and gives what they answer.
fn all<T: Sync>(jobs: &[T], job: impl Fn(&T) -> Option<String> + Sync) -> Vec<String> {
    let (next, said) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|threads| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            threads.spawn(|| {
                while let Some(one) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    said.lock().unwrap().extend(job(one));
                }
            });
        }
    });
    let mut said = said.into_inner().unwrap();
    said.sort();
    said
}

#[test]
fn nothing_is_found_where_nothing_is_broken() {
    let jobs: Vec<_> = STORES.iter().flat_map(|store| [1, 2].map(|tenants| (store, tenants))).collect();
    let wrong = all(&jobs, |(store, tenants)| wrongly_doubted(store, *tenants));
    assert!(wrong.is_empty(), "{} of {} stores:\n{}", wrong.len(), jobs.len(), wrong.join("\n"));
}

#[test]
fn what_is_broken_is_read_right_or_said() {
    let mut jobs = Vec::new();
    let only = std::env::var("TRUTH_BREAK").unwrap_or_default();
    for store in STORES {
        for made in BREAKS.iter().filter(|made| (made.fits)(store) && made.name.contains(&only)) {
            jobs.extend((0..TRIES).map(|seed| (store, made, seed)));
        }
    }
    assert!(!jobs.is_empty(), "no break is called `{only}`");
    let wrong = all(&jobs, |(store, made, seed)| silently_wrong(store, made, *seed));
    assert!(
        wrong.is_empty(),
        "{} of {} broken stores are silently wrong:\n{}",
        wrong.len(),
        jobs.len(),
        wrong.join("\n")
    );
}
