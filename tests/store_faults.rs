//! What happens to an embedded store when the world fails: killed at any point, damaged anywhere, on a disk that fails,
//! fills up, or forgets what was not synced.
//!
//! Each test prints its seed; `STEPBACK_SEED=n` runs it with another one.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use stepback::domain::{Cancel, Event, EventQuery, Scope, StreamName};
use stepback::store::{
    Expected, Faults, History, IndexState, NewEvent, Notice, Operation, Options, Store, StoreError, Taken, Viewer,
    verify,
};

/// A small generator of numbers that are the same for the same seed.
struct Random(u64);

impl Random {
    fn new(test: &str, default: u64) -> Self {
        let seed = std::env::var("STEPBACK_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(default);
        println!("{test}: STEPBACK_SEED={seed}");
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }
}

fn stream(name: &str) -> StreamName {
    StreamName::from(name)
}

fn all(history: &History) -> Result<Vec<Arc<Event>>, StoreError> {
    history.events(&EventQuery::first(Scope::All, usize::MAX), &Cancel::default()).map(|page| page.events)
}

fn look(directory: &Path) -> Vec<Arc<Event>> {
    let viewer = Viewer::open(directory).expect("a store");
    viewer.read_all(&Cancel::default(), &mut |_| {}).expect("readable");
    assert_eq!(viewer.damage(), None);
    all(viewer.history()).expect("readable")
}

fn sound(directory: &Path) {
    let report = verify(directory, &Cancel::default(), &mut |_| {}).expect("readable");
    assert!(!report.is_damaged(), "{report}");
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("made");
    for entry in fs::read_dir(from).expect("readable") {
        let entry = entry.expect("readable");
        let to = to.join(entry.file_name());
        if entry.file_type().expect("readable").is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).expect("copied");
        }
    }
}

/// The files of a store that hold something.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        match entry.path() {
            path if path.is_dir() => found.extend(files(&path)),
            path if fs::metadata(&path).is_ok_and(|it| it.len() > 0) => found.push(path),
            _ => {}
        }
    }
    found.sort();
    found
}

/// Kills `child` after a while; says whether it had ended by itself with success.
fn kill_after(child: &mut std::process::Child, wait: Duration) -> bool {
    let started = Instant::now();
    while started.elapsed() < wait {
        if let Some(status) = child.try_wait().expect("a child") {
            return status.success();
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    drop(child.kill());
    child.wait().expect("an end").success()
}

#[test]
fn killed_while_appending_by_command() {
    const KILLS: usize = 100;
    let mut random = Random::new("killed_while_appending_by_command", 1);
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("store");
    let (mut kills, mut version) = (0, 0_u64);
    let mut longest = Duration::from_millis(40);
    while kills < KILLS {
        let before = version;
        let started = Instant::now();
        let mut child = Command::new(env!("CARGO_BIN_EXE_stepback"))
            .args(["append", path.to_str().expect("a path"), "account-1", "--type", "T", "--data"])
            .arg(format!("{{\"n\":{}}}", before + 1))
            .args(["--expect", &if before == 0 { "none".into() } else { before.to_string() }])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program");
        let wait = Duration::from_micros(random.below(longest.as_micros() as u64 * 5 / 4));
        let acknowledged = kill_after(&mut child, wait);
        if acknowledged {
            longest = (longest * 3 + started.elapsed()) / 4;
        } else {
            kills += 1;
        }
        if path.join("journal/000001.evj").exists() {
            let events = look(&path);
            version = events.len() as u64;
            for (n, event) in events.iter().enumerate() {
                assert_eq!(event.data.text(), format!("{{\"n\":{}}}", n + 1));
            }
        }
        assert!(version == before + 1 || (version == before && !acknowledged), "{before} -> {version} events");
    }
    sound(&path);
}

/// Not a test: what `killed_while_many_append` runs in a process of its own. Four threads append batches; what is
/// acknowledged is printed.
#[test]
fn child_that_appends() {
    let Ok(path) = std::env::var("STEPBACK_TEST_STORE") else { return };
    let run = std::env::var("STEPBACK_TEST_RUN").expect("given");
    let store = Store::open_with(path, Options { segment: 64 << 10, ..Options::default() }).expect("opens");
    let out = Mutex::new(std::io::stdout());
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (store, out, run) = (&store, &out, &run);
            scope.spawn(move || {
                for batch in 0.. {
                    let size = 1 + (batch * 7 + thread) % 4;
                    let name = format!("{run}/{thread}/{batch}");
                    let events = (0..size).map(|n| {
                        let text = "padding ".repeat(n * 20);
                        NewEvent::new(
                            "T",
                            format!("{{\"batch\":\"{name}\",\"n\":{n},\"of\":{size},\"text\":\"{text}\"}}"),
                        )
                        .id(format!("{name}/{n}"))
                    });
                    let stream = stream(&format!("s-{}", batch % 5));
                    store.append(&stream, events, Expected::Any).expect("appended");
                    let mut out = out.lock().expect("not poisoned");
                    writeln!(out, "ack {name} {size}").and_then(|()| out.flush()).expect("somebody listens");
                }
            });
        }
    });
}

#[test]
fn killed_while_many_append() {
    const KILLS: usize = 150;
    let mut random = Random::new("killed_while_many_append", 2);
    let directory = tempfile::tempdir().expect("a directory");
    let (mut acknowledged, mut known, mut total) = (BTreeSet::new(), 0, 0);
    for run in 0..KILLS {
        // A new store from time to time: looking at all of it after every kill takes its time.
        let path = directory.path().join(format!("store-{}", run / 15));
        if run % 15 == 0 {
            total += acknowledged.len();
            (acknowledged, known) = (BTreeSet::new(), 0);
        }
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", "child_that_appends", "--nocapture", "--test-threads=1"])
            .env("STEPBACK_TEST_STORE", &path)
            .env("STEPBACK_TEST_RUN", run.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("this program");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        // From its first word on it is killed soon; some never come to say one.
        let mut acks = Vec::new();
        if run % 10 != 0 {
            acks.extend(lines.by_ref().map_while(Result::ok).find(|line| line.starts_with("ack ")));
        }
        kill_after(&mut child, Duration::from_micros(random.below(12_000)));
        acks.extend(lines.map_while(Result::ok).filter(|line| line.starts_with("ack ")));
        acknowledged.extend(acks.iter().filter_map(|line| line.split(' ').nth(1).map(str::to_owned)));
        if !path.join("journal/000001.evj").exists() {
            continue;
        }
        let events = look(&path);
        assert!(events.len() >= known, "events were lost");
        known = events.len();
        let mut batches: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for event in &events {
            let json = event.data.json().expect("as written");
            let batch = json.get("batch").and_then(|it| it.as_str()).expect("as written").to_owned();
            let n = json.get("n").and_then(|it| it.as_i64()).expect("as written") as u64;
            let of = json.get("of").and_then(|it| it.as_i64()).expect("as written") as u64;
            let seen = batches.entry(batch).or_insert_with(|| vec![of]);
            assert_eq!(seen.len() as u64 - 1, n, "a batch in its order");
            seen.push(n);
        }
        assert!(batches.values().all(|seen| seen.len() as u64 - 1 == seen[0]), "a torn batch");
        let lost: Vec<&String> = acknowledged.iter().filter(|batch| !batches.contains_key(*batch)).collect();
        assert!(lost.is_empty(), "lost {lost:?} of {} acknowledged in run {run}", acknowledged.len());
        if run % 10 == 9 {
            sound(&path);
        }
    }
    println!("{total} batches were acknowledged");
    assert!(total > KILLS, "it never came to work");
}

#[test]
fn killed_while_importing() {
    const KILLS: usize = 250;
    const EVENTS: usize = 12_000;
    let mut random = Random::new("killed_while_importing", 3);
    let directory = tempfile::tempdir().expect("a directory");
    let source = directory.path().join("source");
    {
        let store = Store::open(&source).expect("a new store");
        for batch in 0..EVENTS / 100 {
            let name = stream(&format!("s-{}", batch % 17));
            let events = (0..100).map(|n| {
                // Every third has no identity, and some repeat what another one says.
                let event = NewEvent::new("T", format!("{{\"n\":{},\"text\":\"{}\"}}", n % 50, "x".repeat(n * 7)));
                if n % 3 == 0 { event.id(format!("{batch}/{n}")) } else { event }
            });
            store.append(&name, events, Expected::Any).expect("appended");
        }
    }
    let truth = look(&source);
    let (mut kills, mut finished) = (0, 0);
    let mut target = directory.path().join("target-0");
    let mut known = 0;
    // How long a whole import takes here; the first one is left alone to tell.
    let mut whole = None;
    while kills < KILLS {
        let started = Instant::now();
        let mut child = Command::new(env!("CARGO_BIN_EXE_stepback"))
            .args(["import", source.to_str().expect("a path"), target.to_str().expect("a path")])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program");
        // Killed while something is left to do, most of the time.
        let left = (EVENTS - known) as u64 * 1000 / EVENTS as u64 + 50;
        let wait = whole.map_or(60_000_000, |whole: Duration| random.below(whole.as_micros() as u64 * left / 1000));
        let ended = kill_after(&mut child, Duration::from_micros(wait));
        kills += usize::from(!ended);
        if !target.join("journal/000001.evj").exists() {
            continue;
        }
        // Without gap or duplicate: it is the beginning of the source. What is new now, and all of it in the end.
        let viewer = Viewer::open(&target).expect("a store");
        viewer.read_all(&Cancel::default(), &mut |_| {}).expect("readable");
        assert_eq!(viewer.damage(), None);
        let now = viewer.history().events_known() as usize;
        assert!(now >= known, "events were lost");
        let from = if ended { 0 } else { known.saturating_sub(50) };
        let query = EventQuery::at(Scope::All, from as u64, usize::MAX);
        let events = viewer.history().events(&query, &Cancel::default()).expect("readable").events;
        assert_eq!(events, truth[from..now], "after {kills} kills");
        known = now;
        if ended {
            assert_eq!(known, truth.len());
            sound(&target);
            whole.get_or_insert(started.elapsed());
            fs::remove_dir_all(&target).expect("removed");
            finished += 1;
            target = directory.path().join(format!("target-{finished}"));
            known = 0;
        }
    }
    println!("{kills} kills, {finished} imports finished, {whole:?} each when left alone");
}

/// A store of several segments, with a read model and everything on disk.
fn filled(directory: &Path) -> (Vec<Arc<Event>>, BTreeMap<String, Vec<u8>>) {
    let store = Store::open_with(directory, small()).expect("a new store");
    for n in 0..300_u64 {
        let batch = (0..1 + n % 4).map(|m| {
            NewEvent::new("T", format!("{{\"n\":{n},\"m\":{m},\"text\":\"{}\"}}", "word ".repeat((n % 40) as usize)))
                .id(format!("{n}/{m}"))
        });
        store.append(&stream(&format!("s-{}", n % 13)), batch, Expected::Any).expect("appended");
    }
    store.project("streams", &Cancel::default(), &mut by_stream).expect("folded");
    let truth = all(store.history()).expect("readable");
    let model = store.read_model("streams").expect("readable");
    drop(store);
    assert!(directory.join("journal/000004.evj").exists(), "several segments");
    (truth, model)
}

fn small() -> Options {
    Options { segment: 6 << 10, ..Options::default() }
}

fn by_stream(model: &mut stepback::store::ReadModel<'_>, event: &Event) -> Result<(), String> {
    let mut text = model.get(event.stream.as_str()).unwrap_or_default();
    text.extend_from_slice(event.version.to_string().as_bytes());
    model.put(event.stream.as_str(), text);
    Ok(())
}

/// Damages a file in one of the ways disks do, and says how. Nothing happens where the bytes already were so.
fn damage(path: &Path, random: &mut Random) -> String {
    let mut bytes = fs::read(path).expect("readable");
    let length = bytes.len() as u64;
    let what = match random.below(7) {
        0 | 1 => {
            let (at, bit) = (random.below(length), random.below(8));
            bytes[at as usize] ^= 1 << bit;
            format!("bit {bit} of byte {at} flipped")
        }
        2 => {
            let at = random.below(length) as usize / 512 * 512;
            let end = (at + 512).min(bytes.len());
            bytes[at..end].fill(0);
            format!("sector at {at} zeroed")
        }
        3 => {
            bytes.truncate(random.below(length) as usize);
            format!("cut to {}", bytes.len())
        }
        4 => {
            bytes.truncate((length - 1 - random.below(length.min(40))) as usize);
            format!("tail cut to {}", bytes.len())
        }
        5 => {
            let blocks = length / 512;
            if blocks >= 2 {
                let (one, other) = (random.below(blocks) as usize * 512, random.below(blocks) as usize * 512);
                for n in 0..512 {
                    bytes.swap(one + n, other + n);
                }
            }
            "two sectors swapped".into()
        }
        _ => {
            fs::remove_file(path).expect("removed");
            return "removed".into();
        }
    };
    fs::write(path, bytes).expect("written");
    what
}

#[test]
fn damage_is_never_silent() {
    const CASES: usize = 300;
    let mut random = Random::new("damage_is_never_silent", 4);
    let directory = tempfile::tempdir().expect("a directory");
    let original = directory.path().join("original");
    let (truth, model) = filled(&original);
    sound(&original);
    let journal = files(&original.join("journal"));
    let index = files(&original.join("index"));
    let last = journal.iter().rfind(|path| path.extension().is_some()).expect("segments");
    let last = last.strip_prefix(&original).expect("inside");
    let mut outcomes: BTreeMap<&str, usize> = BTreeMap::new();
    for case in 0..CASES {
        let path = directory.path().join(format!("case-{case}"));
        copy(&original, &path);
        let in_journal = case % 3 != 2;
        let victims = if in_journal { &journal } else { &index };
        let victim = victims[random.below(victims.len() as u64) as usize].strip_prefix(&original).expect("inside");
        let before = fs::read(path.join(victim)).expect("readable");
        let what = format!("case {case}: {} {}", victim.display(), damage(&path.join(victim), &mut random));
        let harmless = fs::read(path.join(victim)).is_ok_and(|after| after == before);

        // Somebody looks.
        let mut told = false;
        match Viewer::open(&path) {
            Ok(viewer) => {
                viewer.read_all(&Cancel::default(), &mut |_| {}).expect("damage is no failure to read");
                let events = all(viewer.history()).unwrap_or_else(|error| panic!("{what}: {error}"));
                assert!(truth.starts_with(&events), "{what}: other events are shown");
                told |= viewer.damage().is_some();
                assert!(told || events.len() == truth.len(), "{what}: a viewer misses events and does not say so");
                assert!(!told || in_journal, "{what}: a viewer is told of what does not concern it");
            }
            Err(StoreError::Damaged(_)) => told = true,
            Err(StoreError::NotFound(_)) if what.contains("000001.evj removed") => told = true,
            Err(error) => panic!("{what}: {error}"),
        }

        // Somebody verifies.
        let report = verify(&path, &Cancel::default(), &mut |_| {}).unwrap_or_else(|error| panic!("{what}: {error}"));
        if in_journal && !harmless {
            assert!(report.is_damaged(), "{what}: verified as whole\n{report}");
        }
        assert!(!told || report.damage.is_some(), "{what}: seen by a viewer, not by verifying\n{report}");

        // Somebody writes.
        let outcome = match Store::open_with(&path, small()) {
            Ok(store) => {
                match all(store.history()) {
                    Ok(events) => assert_eq!(events, truth, "{what}: the writer sees other events"),
                    // Opening reads only the last segment through; the others are checked as they are read.
                    Err(StoreError::Damaged(place)) => {
                        assert_eq!(
                            Some(&place.segment),
                            report.damage.as_ref().map(|damage| &damage.segment),
                            "{what}"
                        );
                        assert_ne!(victim, last, "{what}: the last segment is read when opening");
                        *outcomes.entry("damage reported when read").or_default() += 1;
                        continue;
                    }
                    Err(error) => panic!("{what}: {error}"),
                }
                assert!(report.damage.is_none(), "{what}: opened for writing\n{report}");
                let said = !store.notices().is_empty();
                assert!(said || report.head.is_none(), "{what}: the writer does not say so");
                let status = store
                    .project("streams", &Cancel::default(), &mut by_stream)
                    .unwrap_or_else(|error| panic!("{what}: {error}"));
                assert_eq!(status.lag(), 0, "{what}");
                assert_eq!(store.read_model("streams").expect("readable"), model, "{what}: another read model");
                store.append(&stream("new"), [NewEvent::new("T", "1")], Expected::NoStream).expect("appended");
                match store.notices() {
                    [] => "nothing to say",
                    notices if notices.iter().any(|it| matches!(it, Notice::IndexSetAside { .. })) => "index set aside",
                    _ => "repaired and said",
                }
            }
            Err(StoreError::Damaged(place)) => {
                assert!(in_journal, "{what}: {place}");
                "damage reported"
            }
            Err(error) => panic!("{what}: {error}"),
        };
        *outcomes.entry(outcome).or_default() += 1;
        fs::remove_dir_all(&path).expect("removed");
    }
    println!("{outcomes:?}");
    assert!(outcomes.contains_key("damage reported") && outcomes.contains_key("index set aside"), "{outcomes:?}");
}

/// Loses parts of a journal, each with its head and without.
#[test]
fn lost_segments_are_said_with_the_head_and_without() {
    let directory = tempfile::tempdir().expect("a directory");
    let original = directory.path().join("original");
    let (truth, _) = filled(&original);
    let last = files(&original.join("journal")).iter().filter(|path| path.extension().is_some()).count();
    let name = |number: usize| format!("journal/{number:06}.evj");
    type Loss = Box<dyn Fn(&Path)>;
    let remove =
        |number: usize| -> Loss { Box::new(move |path| fs::remove_file(path.join(name(number))).expect("lost")) };
    let losses: Vec<(&str, Loss)> = vec![
        ("last", remove(last)),
        ("first", remove(1)),
        ("middle", remove(3)),
        (
            "last two",
            Box::new(move |path| {
                fs::remove_file(path.join(name(last))).expect("lost");
                fs::remove_file(path.join(name(last - 1))).expect("lost");
            }),
        ),
        ("all", Box::new(move |path| (1..=last).for_each(|n| fs::remove_file(path.join(name(n))).expect("lost")))),
        (
            "last renamed",
            Box::new(move |path| fs::rename(path.join(name(last)), path.join("journal/last.bak")).expect("renamed")),
        ),
        (
            "middle renamed to the end",
            Box::new(move |path| fs::rename(path.join(name(3)), path.join(name(last + 1))).expect("renamed")),
        ),
        (
            "middle cut",
            Box::new(move |path| {
                fs::File::options()
                    .write(true)
                    .open(path.join(name(3)))
                    .and_then(|file| file.set_len(3_000))
                    .expect("cut")
            }),
        ),
        (
            "last a copy of another",
            Box::new(move |path| assert_ne!(fs::copy(path.join(name(2)), path.join(name(last))).expect("copied"), 0)),
        ),
        (
            "one more, a copy",
            Box::new(move |path| {
                assert_ne!(fs::copy(path.join(name(last)), path.join(name(last + 1))).expect("copied"), 0)
            }),
        ),
    ];
    for (what, lose) in &losses {
        for head in [true, false] {
            let path = directory.path().join("case");
            copy(&original, &path);
            lose(&path);
            if !head {
                fs::remove_file(path.join("journal/head")).expect("lost");
            }
            let what = format!("{what}, {} the head", if head { "with" } else { "without" });
            assert!(stepback::store::is_store(&path), "{what}: no store any more");
            let report =
                verify(&path, &Cancel::default(), &mut |_| {}).unwrap_or_else(|error| panic!("{what}: {error}"));
            assert!(report.damage.is_some(), "{what}: verified as whole\n{report}");
            match Viewer::open(&path) {
                Ok(viewer) => {
                    viewer.read_all(&Cancel::default(), &mut |_| {}).expect("readable");
                    assert!(viewer.damage().is_some(), "{what}: a viewer does not say so");
                    assert_eq!(viewer.damage(), report.damage, "{what}: a viewer says something else");
                    let events = all(viewer.history()).expect("readable");
                    assert!(truth.starts_with(&events), "{what}: other events are shown");
                }
                Err(StoreError::Damaged(damage)) => assert_eq!(Some(damage), report.damage, "{what}"),
                Err(error) => panic!("{what}: {error}"),
            }
            let opened = Store::open_with(&path, small()).map(|_| ());
            assert!(matches!(opened, Err(StoreError::Damaged(_))), "{what}: opened for writing {opened:?}");
            fs::remove_dir_all(&path).expect("removed");
        }
    }
    // A copy beside it under a name of its own changes nothing.
    fs::copy(original.join(name(2)), original.join("journal/2.evj")).expect("copied");
    fs::copy(original.join(name(2)), original.join("journal/000002 (copy).evj")).expect("copied");
    assert_eq!(look(&original), truth);
    sound(&original);
    // Without its head alone a store is whole, and it is said that nothing tells so.
    fs::remove_file(original.join("journal/head")).expect("lost");
    let viewer = Viewer::open(&original).expect("opens");
    viewer.read_all(&Cancel::default(), &mut |_| {}).expect("readable");
    assert!(viewer.is_headless());
    assert_eq!((viewer.damage(), all(viewer.history()).expect("readable")), (None, truth));
}

#[test]
fn a_torn_tail_is_cut_and_said_and_nothing_acknowledged_with_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let original = directory.path().join("original");
    let (truth, _) = filled(&original);
    let last = files(&original.join("journal")).into_iter().rfind(|path| path.extension().is_some()).expect("segments");
    let last = last.strip_prefix(&original).expect("inside").to_path_buf();
    let length = fs::metadata(original.join(&last)).expect("there").len();
    // A write that did not come to its end, in every shape: some bytes of a record, zeros, nonsense.
    let record = fs::read(original.join(&last)).expect("readable")[56..300].to_vec();
    for (case, tail) in
        [record[..1].to_vec(), record[..16].to_vec(), record, vec![0; 4096], vec![0xff; 700]].into_iter().enumerate()
    {
        let path = directory.path().join(format!("case-{case}"));
        copy(&original, &path);
        let file = fs::File::options().write(true).open(path.join(&last)).expect("opens");
        file.write_all_at(&tail, length).expect("written");
        assert_eq!(look(&path), truth);
        let report = verify(&path, &Cancel::default(), &mut |_| {}).expect("readable");
        assert!(report.torn.is_some() && !report.is_damaged(), "{report}");
        {
            let store = Store::open_with(&path, small()).expect("opens");
            let cut = |notice: &Notice| matches!(notice, Notice::TornTailCut { offset, bytes, .. } if (*offset, *bytes) == (length, tail.len() as u64));
            assert!(store.notices().iter().any(cut), "{:?}", store.notices());
            assert_eq!(all(store.history()).expect("readable"), truth);
            store.append(&stream("new"), [NewEvent::new("T", "1")], Expected::NoStream).expect("appended");
        }
        assert_eq!(look(&path).len(), truth.len() + 1);
        sound(&path);
    }
}

/// Power loss: what was not synced is lost sector by sector, in any order, and the head may be older than the journal.
#[test]
fn a_disk_that_forgets_what_was_not_synced_loses_nothing_acknowledged() {
    const SEEDS: u64 = 200;
    let mut random = Random::new("a_disk_that_forgets", 5);
    let directory = tempfile::tempdir().expect("a directory");
    for seed in 0..SEEDS {
        let path = directory.path().join(format!("case-{seed}"));
        let head = path.join("journal/head");
        let segment = path.join("journal/000001.evj");
        let mut heads = Vec::new();
        let mut number = 0;
        let mut write = |store: &Store, count: u64| {
            // Many records with one sync.
            let events = (0..count).map(|_| {
                number += 1;
                let mut event = (*sample(number)).clone();
                event.id = Some(number.to_string().into());
                Taken { event: Arc::new(event), next: number }
            });
            store.take_over(1, events.collect()).expect("taken");
        };
        let store = Store::open(&path).expect("a new store");
        for _ in 0..1 + random.below(3) {
            heads.push(fs::read(&head).expect("readable"));
            write(&store, 1 + random.below(200));
        }
        let synced = fs::metadata(&segment).expect("there").len();
        let acknowledged = store.history().events_known();
        heads.push(fs::read(&head).expect("readable"));
        write(&store, 100 + random.below(300));
        let mut bytes = fs::read(&segment).expect("readable");
        drop(store);
        // The last write was never acknowledged: any of its sectors may be missing, and its end.
        let end = synced + random.below(bytes.len() as u64 - synced + 1);
        bytes.truncate(if random.below(2) == 0 { end as usize } else { bytes.len() });
        for sector in synced as usize / 512..=bytes.len() / 512 {
            if random.below(3) == 0 {
                let (from, to) = ((sector * 512).max(synced as usize), (sector * 512 + 512).min(bytes.len()));
                if from < to {
                    bytes[from..to].fill(if random.below(4) == 0 { 0xee } else { 0 });
                }
            }
        }
        fs::write(&segment, bytes).expect("written");
        fs::write(&head, &heads[random.below(heads.len() as u64) as usize]).expect("written");
        fs::remove_dir_all(path.join("index")).expect("removed");
        let store = Store::open(&path).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        let events = all(store.history()).expect("readable");
        assert!(events.len() as u64 >= acknowledged, "seed {seed}: {} of {acknowledged}", events.len());
        for (n, event) in events.iter().enumerate() {
            assert_eq!(event.data, sample(n as u64 + 1).data, "seed {seed}");
        }
        assert_eq!(store.origin(1).map(|origin| origin.next), Some(events.len() as u64));
        drop(store);
        sound(&path);
        fs::remove_dir_all(&path).expect("removed");
    }
}

fn sample(number: u64) -> Arc<Event> {
    use stepback::domain::{Payload, Position, Version};
    let text: String = (0..20).map(|n| format!("{:x}", number.wrapping_mul(0x9e37_79b9 + n))).collect();
    Arc::new(Event {
        data: Payload::json_text(format!("{{\"n\":{number},\"text\":\"{}\"}}", text.repeat(4))),
        ..Event::new(stream(&format!("s-{}", number % 7)), Version(1 + number / 7), Position::Number(number), "T")
    })
}

/// Each change of the disk fails once, in each of its ways, until none is left to fail.
#[test]
fn whichever_operation_fails_nothing_acknowledged_is_lost() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut failed = 0;
    for nth in 1.. {
        let mut reached = false;
        for way in 0..3 {
            let path = directory.path().join(format!("case-{nth}-{way}"));
            let count = Arc::new(AtomicUsize::new(0));
            let counted = count.clone();
            let faults: Faults = Arc::new(move |operation| {
                if counted.fetch_add(1, Ordering::Relaxed) + 1 != nth {
                    return Ok(());
                }
                let written = match (operation, way) {
                    (Operation::Write(length), 1) => length / 2,
                    (Operation::Write(length), 2) => length - 1,
                    _ => 0,
                };
                let error = if way == 0 { rustix::io::Errno::IO } else { rustix::io::Errno::NOSPC };
                Err((written, error.into()))
            });
            let acknowledged = work(&path, faults);
            reached |= count.load(Ordering::Relaxed) >= nth;
            check(&path, &acknowledged, &format!("operation {nth}, way {way}"));
            fs::remove_dir_all(&path).expect("removed");
        }
        if !reached {
            break;
        }
        failed += 1;
    }
    println!("{failed} operations failed, each in three ways");
    assert!(failed > 50, "{failed}");
}

/// Appends until done, opening again where it must; gives the batches that were acknowledged.
fn work(path: &Path, faults: Faults) -> Vec<u64> {
    let open =
        || Store::open_with(path, Options { segment: 2 << 10, faults: Some(faults.clone()), ..Options::default() });
    let mut acknowledged = Vec::new();
    let mut store = open().ok();
    for batch in 0..24_u64 {
        let events = || {
            (0..3).map(|n| {
                NewEvent::new("T", format!("{{\"batch\":{batch},\"n\":{n},\"text\":\"{}\"}}", "x".repeat(100)))
                    .id(format!("{batch}/{n}"))
            })
        };
        // A failed append may be sent again, to the same store or to the store opened again.
        for _ in 0..5 {
            let Some(opened) = &store else {
                store = open().ok();
                continue;
            };
            match opened.append(&stream("s"), events(), Expected::Any) {
                Ok(_) => {
                    acknowledged.push(batch);
                    break;
                }
                Err(StoreError::Io { .. }) => {}
                Err(StoreError::Stopped(_)) => store = None,
                Err(error) => panic!("batch {batch}: {error}"),
            }
        }
    }
    acknowledged
}

fn check(path: &Path, acknowledged: &[u64], what: &str) {
    assert_eq!(acknowledged.len(), 24, "{what}: one failure stopped everything");
    let events = look(path);
    let store = Store::open(path).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(all(store.history()).expect("readable"), events, "{what}");
    drop(store);
    sound(path);
    let mut batches: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    for event in events {
        let json = event.data.json().expect("as written");
        let number = |key| json.get(key).and_then(|it| it.as_i64()).expect("as written") as u64;
        batches.entry(number("batch")).or_default().push(number("n"));
    }
    assert_eq!(batches.keys().copied().collect::<Vec<_>>(), acknowledged, "{what}");
    assert!(batches.values().all(|batch| *batch == [0, 1, 2]), "{what}: torn or repeated: {batches:?}");
}

/// A small file system of its own, unmounted in the end.
struct Small(PathBuf);

impl Small {
    fn mount(at: &Path) -> Option<Self> {
        fs::create_dir_all(at).expect("made");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=4m", "tmpfs"]).arg(at).output();
        mounted.is_ok_and(|output| output.status.success()).then(|| Self(at.to_path_buf()))
    }

    fn remount(&self, how: &str) {
        let status = Command::new("mount").args(["-o", how]).arg(&self.0).status().expect("mount");
        assert!(status.success());
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(&self.0).status());
    }
}

#[test]
fn a_full_disk_is_said_and_read_and_left_behind() {
    let directory = tempfile::tempdir().expect("a directory");
    let Some(disk) = Small::mount(&directory.path().join("disk")) else {
        println!("SKIPPED a_full_disk_is_said_and_read_and_left_behind: a file system can only be mounted by root");
        return;
    };
    let path = disk.0.join("store");
    let ballast = disk.0.join("ballast");
    fs::write(&ballast, vec![1; 1 << 20]).expect("written");
    let text: Vec<String> = (0..64).map(|n| sample(n).data.text().into_owned()).collect();
    let store = Store::open(&path).expect("a new store");
    let mut acknowledged = 0;
    let full = loop {
        let events = text.iter().map(|text| NewEvent::new("T", text.as_str()));
        match store.append(&stream("s"), events, Expected::Any) {
            Ok(_) => acknowledged += 64,
            Err(error) => break error,
        }
    };
    assert!(
        matches!(&full, StoreError::Io { error, .. } if error.kind() == std::io::ErrorKind::StorageFull),
        "{full:?}"
    );
    // While it is full: by the writer itself, by a viewer beside it, and by a viewer alone.
    assert_eq!(all(store.history()).expect("readable").len(), acknowledged);
    assert_eq!(look(&path).len(), acknowledged);
    drop(store);
    assert_eq!(look(&path).len(), acknowledged);
    if let Ok(store) = Store::open(&path) {
        assert_eq!(all(store.history()).expect("readable").len(), acknowledged);
    }
    // A disk that may not be written at all.
    disk.remount("remount,ro");
    assert_eq!(look(&path).len(), acknowledged);
    assert!(matches!(Store::open(&path), Err(StoreError::Io { .. })));
    let report = verify(&path, &Cancel::default(), &mut |_| {}).expect("readable");
    assert_eq!((report.events as usize, report.damage), (acknowledged, None));
    assert!(matches!(report.index, IndexState::NotChecked(_)), "{:?}", report.index);
    disk.remount("remount,rw");
    // Once there is space again, it goes on.
    fs::remove_file(&ballast).expect("removed");
    let store = Store::open(&path).expect("opens");
    assert_eq!(all(store.history()).expect("readable").len(), acknowledged);
    store.append(&stream("s"), [NewEvent::new("T", "1")], Expected::Exact(acknowledged as u64)).expect("appended");
    drop(store);
    assert_eq!(look(&path).len(), acknowledged + 1);
    sound(&path);
}
