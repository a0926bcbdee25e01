//! Indexes kept between two runs: opening again gives the same, whatever became of the entry; nothing else is written.

#![allow(clippy::unwrap_used)]

use std::fs::{self, File, OpenOptions as Options};
use std::io::Write;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use stepback::domain::{Cancel, Event, EventQuery, Progress, Scope, StreamPage};
use stepback::sources::Source;
use stepback::sources::cache::{Blocks, Cache, Kept};
use stepback::sources::open::{OpenOptions, open};

const CANARY: &str = "canary-7c1f";

/// A dump of few events and more than four mebibytes, changed long ago; a word stands in every payload.
fn dump(directory: &Path, events: usize) -> PathBuf {
    let path = directory.join("dump.jsonl");
    let mut file = File::create(&path).unwrap();
    let filling = "x".repeat((5 << 20) / events);
    for number in 0..events {
        writeln!(
            file,
            r#"{{"stream":"a-{}","type":"T{}","version":{number},"time":{},"data":{{"word":"{CANARY}","n":"{filling}"}}}}"#,
            number % 3,
            number % 2,
            1_700_000_000 + number,
        )
        .unwrap();
    }
    settle(&path);
    path
}

/// As if it had been changed long ago: what was changed just now is not kept.
fn settle(path: &Path) {
    static COUNT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let time = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000 + count);
    Options::new().write(true).open(path).unwrap().set_modified(time).unwrap();
}

#[derive(PartialEq, Debug)]
struct Answers {
    progress: Progress,
    streams: StreamPage,
    events: Vec<Arc<Event>>,
    caveats: Vec<stepback::domain::Caveat>,
}

fn answers(source: &dyn Source) -> Answers {
    source.complete(&Cancel::default(), &mut |_| ()).unwrap();
    Answers {
        progress: source.progress(),
        streams: source.streams(0, usize::MAX).unwrap(),
        events: source.events(&EventQuery::first(Scope::All, usize::MAX), &Cancel::default()).unwrap().events,
        caveats: source.about().caveats,
    }
}

fn opened(path: &Path, cache: Option<&Path>) -> Arc<dyn Source> {
    let options = OpenOptions { cache: cache.map(PathBuf::from), ..OpenOptions::default() };
    open(path.to_str().unwrap(), &options).unwrap()
}

/// Opens, asks, and closes: an entry is there afterwards.
fn run(path: &Path, cache: Option<&Path>) -> Answers {
    answers(&*opened(path, cache))
}

fn entry(cache: &Path) -> PathBuf {
    let listed = Cache::new(cache).list().unwrap();
    assert_eq!(listed.len(), 1);
    listed[0].file.clone()
}

/// Whether the entry is used: one with other names in it is believed, for its sums are right.
fn is_used(path: &Path, cache: &Path) -> bool {
    let file = entry(cache);
    let before = fs::metadata(&file).unwrap();
    run(path, Some(cache));
    let after = fs::metadata(entry(cache)).unwrap();
    before.ino() == after.ino()
}

#[test]
fn opening_again_gives_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let cache = directory.path().join("cache");
    let path = dump(directory.path(), 5000);
    let plain = run(&path, None);
    assert!(!cache.exists(), "nobody asked for a cache");
    let listing = |folder: &Path| fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name()).collect::<Vec<_>>();
    assert_eq!(run(&path, Some(&cache)), plain);
    assert_eq!(run(&path, Some(&cache)), plain);
    assert!(is_used(&path, &cache));
    assert_eq!(listing(directory.path()).len(), 2, "the dump and the cache");

    let kept = fs::read(entry(&cache)).unwrap();
    assert!(kept.len() < 5000 * 24 + 2000, "{} bytes", kept.len());
    assert!(memchr::memmem::find(&kept, CANARY.as_bytes()).is_none(), "no payload is kept");
    assert!(memchr::memmem::find(&kept, b"a-2").is_some());
    let listed = Cache::new(&cache).list().unwrap();
    assert_eq!((&listed[0].path, listed[0].size), (&path, kept.len() as u64));
    assert_eq!(fs::metadata(entry(&cache)).unwrap().permissions().mode() & 0o777, 0o600);

    // Another way of reading is another entry.
    let options = OpenOptions {
        cache: Some(cache.clone()),
        map: Some("stream=.type,type=.stream".into()),
        ..OpenOptions::default()
    };
    let other = answers(&*open(path.to_str().unwrap(), &options).unwrap());
    assert_eq!((other.streams.total, plain.streams.total), (2, 3));
    assert_eq!(Cache::new(&cache).list().unwrap().len(), 2);
    assert_eq!(Cache::new(&cache).clear().unwrap().0, 2);
}

#[test]
fn a_line_cut_short_when_it_was_kept_is_read_again() {
    let directory = tempfile::tempdir().unwrap();
    let line = r#"{"stream":"a-1","version":5000,"type":"T0","time":1700005000,"data":{"n":{"m":1}}}"#;
    // Within a name, behind the front, and before the last brace, where the front says that it is an event.
    for cut in [20, 45, line.len() - 2, line.len() - 1, line.len()] {
        let cache = directory.path().join(format!("cache-{cut}"));
        let path = dump(directory.path(), 5000);
        let mut file = Options::new().append(true).open(&path).unwrap();
        file.write_all(&line.as_bytes()[..cut]).unwrap();
        settle(&path);
        let before = run(&path, Some(&cache));
        assert_eq!(before, run(&path, Some(&cache)), "cut at {cut}");
        assert_eq!(before.progress.troubles, u64::from(cut < 50), "cut at {cut}");
        file.write_all(&[&line.as_bytes()[cut..], b"\n"].concat()).unwrap();
        settle(&path);
        assert_eq!(run(&path, Some(&cache)), run(&path, None), "cut at {cut}");
        assert_eq!(run(&path, Some(&cache)).progress.troubles, 0, "cut at {cut}");
    }
}

#[test]
fn a_small_file_is_not_worth_an_entry() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("small.jsonl");
    fs::write(&path, r#"{"stream":"a-1","type":"T","version":1,"data":{}}"#).unwrap();
    let cache = directory.path().join("cache");
    run(&path, Some(&cache));
    assert!(!cache.exists());
}

#[test]
fn whatever_bit_turns_the_answers_are_the_same() {
    // Every run rewrites the entry and waits for the disk: in memory, where that can be had, there is none to wait for.
    let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let cache = directory.path().join("cache");
    let path = directory.path().join("dump.jsonl");
    let line = |number: usize, text: &str| {
        format!(r#"{{"stream":"a-{}","type":"T{}","version":{number},"data":"{text}"}}"#, number % 3, number % 2) + "\n"
    };
    // One large record makes it worth an entry; only the small ones are read again and again.
    let small: String = (0..6).map(|number| line(number, "")).collect();
    fs::write(&path, small + "\n" + &line(6, &"x".repeat(5 << 20))).unwrap();
    settle(&path);
    let run = |path: &Path, cache: Option<&Path>| {
        let source = opened(path, cache);
        source.complete(&Cancel::default(), &mut |_| ()).unwrap();
        let events = |scope| source.events(&EventQuery::first(scope, 6), &Cancel::default()).unwrap();
        let rows: Vec<_> =
            (0..8).map(|row| source.translate(&Scope::All, row, &Scope::Stream("a-0".into())).unwrap()).collect();
        let pages = [events(Scope::All), events(Scope::Stream("a-1".into())), events(Scope::Category("a".into()))];
        (source.progress(), source.streams(0, usize::MAX).unwrap(), pages, rows, source.about().caveats)
    };
    let plain = run(&path, Some(&cache));
    let file = entry(&cache);
    let kept = fs::read(&file).unwrap();
    assert!((500..4000).contains(&kept.len()), "{} bytes", kept.len());
    for at in 0..kept.len() {
        let mut wrong = kept.clone();
        wrong[at] ^= 1 << (at % 8);
        fs::write(&file, &wrong).unwrap();
        assert!(run(&path, Some(&cache)) == plain, "byte {at}");
    }
    for length in (0..kept.len()).step_by(41) {
        fs::write(&file, &kept[..length]).unwrap();
        assert!(run(&path, Some(&cache)) == plain, "cut at {length}");
    }
    let again = fs::read(entry(&cache)).unwrap();
    let differs = again.iter().zip(&kept).position(|(a, b)| a != b);
    assert_eq!((differs, again.len()), (None, kept.len()), "it was rewritten");
}

#[test]
fn an_index_that_says_something_else_than_its_file_is_thrown_away() {
    let directory = tempfile::tempdir().unwrap();
    let cache = directory.path().join("cache");
    let path = directory.path().join("dump.jsonl");
    let line = |n: usize, data: &str| {
        format!(r#"{{"stream":"a-{}","type":"T{}","version":{n},"data":"{data}"}}"#, n % 3, n % 2) + "\n"
    };
    let small: String = (0..40).map(|n| line(n, "")).collect();
    fs::write(&path, small + &line(40, &"x".repeat(5 << 20)) + &line(41, "")).unwrap();
    settle(&path);
    let options = OpenOptions { cache: Some(cache.clone()), keep_from: Some(1), ..OpenOptions::default() };
    let opened = || open(path.to_str().unwrap(), &options).unwrap();
    let plain = answers(&*opened());
    let file = entry(&cache);
    let read = Blocks::open(&file).unwrap();
    let good: Vec<Vec<u8>> = (0..).map_while(|number| read.get(number)).collect();
    let mut disbelieved = 0;
    // Every block but the one that says of what it is; the sums are right, what is in it is not.
    for (number, block) in good.iter().enumerate().skip(1) {
        for at in (0..block.len()).step_by(23) {
            let mut wrong = good.clone();
            wrong[number][at] ^= 1;
            let out = File::create(&file).unwrap();
            let mut kept = Kept::new(&out).unwrap();
            wrong.iter().for_each(|block| kept.block(block).unwrap());
            kept.end().unwrap();
            let source = opened();
            source.complete(&Cancel::default(), &mut |_| ()).unwrap();
            // Of an index that says nonsense nothing may be had at all.
            let Ok(page) = source.events(&EventQuery::first(Scope::All, 100), &Cancel::default()) else { continue };
            let changed = |event: &Arc<Event>| event.trouble.as_ref().is_some_and(|it| it.reason.contains("changed"));
            assert!(!page.events.iter().any(changed), "block {number}, byte {at}: told as if the file had changed");
            disbelieved += u32::from(page.events == plain.events);
        }
    }
    assert!(disbelieved > 20, "{disbelieved}");
}

#[test]
fn what_has_changed_is_read_again_and_what_has_grown_is_extended() {
    let directory = tempfile::tempdir().unwrap();
    let cache = directory.path().join("cache");
    let path = dump(directory.path(), 5000);
    let check = |what: &str| assert_eq!(run(&path, Some(&cache)), run(&path, None), "{what}");
    let write = || Options::new().write(true).open(&path).unwrap();
    let add = |text: &str| {
        Options::new().append(true).open(&path).unwrap().write_all(text.as_bytes()).unwrap();
        settle(&path);
    };
    check("new");
    assert!(is_used(&path, &cache));
    let line = r#"{"stream":"b-1","type":"T","version":1,"data":{}}"#;
    add(&format!("{line}\n"));
    assert!(is_used(&path, &cache), "a little more is read behind the entry");
    check("grown");
    for added in [&line[..30], &line[30..], "\n", line, "\n \t", "\n"] {
        add(added);
        check("grown by half a line");
    }
    // So much more is worth a new entry.
    let size = fs::metadata(entry(&cache)).unwrap().len();
    add(&format!("{line}\n").repeat(3000));
    check("grown much");
    assert!(fs::metadata(entry(&cache)).unwrap().len() > size);
    assert!(is_used(&path, &cache));
    add(&format!("{line}\n"));
    let end = fs::metadata(&path).unwrap().len();
    write().write_all_at(b"\n{", end - 200).unwrap();
    settle(&path);
    check("changed near the end");
    write().write_all_at(b"}{", 20).unwrap();
    settle(&path);
    check("changed at the beginning");
    write().write_all_at(b"}{", end / 2).unwrap();
    settle(&path);
    check("changed in the middle");
    write().set_len(end - 5000).unwrap();
    settle(&path);
    check("cut");
}

/// Writes another type over that of a record in the middle, as long as it was.
fn retype(path: &Path) {
    let text = fs::read(path).unwrap();
    let at = text[text.len() / 2..].windows(10).position(|bytes| bytes.starts_with(br#""type":"T"#)).unwrap();
    let file = Options::new().write(true).open(path).unwrap();
    file.write_all_at(b"U", (text.len() / 2 + at + 8) as u64).unwrap();
}

#[test]
fn what_was_edited_in_place_is_read_again() {
    let directory = tempfile::tempdir().unwrap();
    let cache = directory.path().join("cache");
    let path = dump(directory.path(), 5000);
    let check = |what: &str| {
        let kept = run(&path, Some(&cache));
        assert_eq!(kept, run(&path, None), "{what}");
        assert_eq!(kept.progress.troubles, 0, "{what}");
    };
    check("new");
    retype(&path);
    let line = r#"{"stream":"b-1","type":"T","version":1,"data":{}}"#;
    Options::new().append(true).open(&path).unwrap().write_all(format!("{line}\n").as_bytes()).unwrap();
    settle(&path);
    check("edited and grown");
    let time = fs::metadata(&path).unwrap().modified().unwrap();
    retype(&path);
    Options::new().write(true).open(&path).unwrap().set_modified(time).unwrap();
    check("edited, and its time put back");
}

#[test]
fn a_check_is_kept_too() {
    let directory = tempfile::tempdir().unwrap();
    let cache = directory.path().join("cache");
    let path = dump(directory.path(), 5000);
    let mut file = Options::new().append(true).open(&path).unwrap();
    writeln!(file, r#"{{"stream":"a-1","type":"T","version":9,"time":1,"data":[}}"#).unwrap();
    settle(&path);
    let troubles = |source: &dyn Source| {
        source.complete(&Cancel::default(), &mut |_| ()).unwrap();
        source.progress().troubles
    };
    let source = opened(&path, Some(&cache));
    assert_eq!(troubles(&*source), 0);
    source.check(&Cancel::default(), &mut |_| ()).unwrap();
    assert_eq!(troubles(&*source), 1);
    drop(source);
    assert_eq!(troubles(&*opened(&path, Some(&cache))), 1);
    assert_eq!(troubles(&*opened(&path, None)), 0);
}

#[test]
fn where_nothing_can_be_written_that_is_said() {
    let directory = tempfile::tempdir().unwrap();
    let path = dump(directory.path(), 5000);
    let no_folder = directory.path().join("file");
    File::create(&no_folder).unwrap();
    let source = opened(&path, Some(&no_folder));
    source.complete(&Cancel::default(), &mut |_| ()).unwrap();
    let progress = source.progress();
    // It is kept, or not, a moment after everything was read: a check waits for that.
    source.check(&Cancel::default(), &mut |_| ()).unwrap();
    let caveats = source.about().caveats;
    assert!(caveats.iter().any(|caveat| caveat.starts_with("no index kept: cannot write to ")), "{caveats:?}");
    assert_eq!(progress, run(&path, None).progress);
}

#[test]
fn two_at_once_do_no_harm() {
    let directory = tempfile::tempdir().unwrap();
    let cache = directory.path().join("cache");
    let path = dump(directory.path(), 2000);
    let plain = run(&path, None);
    for _ in 0..5 {
        std::thread::scope(|scope| {
            let both = [0, 1, 2].map(|_| scope.spawn(|| run(&path, Some(&cache))));
            for one in both {
                assert_eq!(one.join().unwrap(), plain);
            }
        });
        assert!(is_used(&path, &cache));
        Cache::new(&cache).clear().unwrap();
        assert_eq!(fs::read_dir(cache.join("indexes")).unwrap().count(), 0, "nothing is left over");
    }
}

#[test]
fn the_command_lists_and_removes() {
    let directory = tempfile::tempdir().unwrap();
    let path = dump(directory.path(), 5000);
    let stepback = |arguments: &[&str]| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_stepback"))
            .args(arguments)
            .env("XDG_CACHE_HOME", directory.path().join("home"))
            .env("HOME", directory.path())
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let dump = path.to_str().unwrap();
    let plain = stepback(&["streams", dump, "--no-cache"]);
    assert_eq!(plain.0, Some(0));
    assert_eq!(stepback(&["cache"]), (Some(1), String::new()), "nothing is kept");
    assert_eq!(stepback(&["streams", dump]), plain);
    let (code, listed) = stepback(&["cache", "--json"]);
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    assert_eq!((code, listed["source"].as_str()), (Some(0), Some(dump)));
    assert_eq!(listed["source_bytes"].as_u64(), Some(fs::metadata(&path).unwrap().len()));
    assert_eq!(fs::metadata(listed["index"].as_str().unwrap()).unwrap().len(), listed["index_bytes"].as_u64().unwrap());
    assert!(stepback(&["cache"]).1.contains(dump));
    assert_eq!(stepback(&["streams", dump]), plain);
    assert!(stepback(&["cache", "clear"]).1.starts_with("1 index removed"));
    assert_eq!(stepback(&["cache"]).0, Some(1));
}
