//! Files that change while they are open: what grows appears, what no longer holds is told, nothing panics.

#![allow(clippy::unwrap_used)]

use std::fs::{self, File, OpenOptions as Options};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use stepback::domain::{Anchor, Cancel, Event, EventQuery, Pattern, Scope, SearchStep, SourceChange};
use stepback::sources::Source;
use stepback::sources::open::{OpenOptions, open};

fn line(number: usize) -> String {
    format!(
        r#"{{"stream":"a-{}","type":"T","version":{},"data":{{"n":{number},"text":"Zoë"}}}}"#,
        number % 7,
        number / 7
    )
}

fn lines(numbers: std::ops::Range<usize>) -> String {
    numbers.map(|number| line(number) + "\n").collect()
}

fn opened(path: &Path) -> Arc<dyn Source> {
    let source = open(path.to_str().unwrap(), &OpenOptions::default()).unwrap();
    complete(&*source);
    source
}

fn complete(source: &dyn Source) {
    source.complete(&Cancel::default(), &mut |_| ()).unwrap();
}

fn all(source: &dyn Source) -> Vec<Arc<Event>> {
    source.events(&EventQuery::first(Scope::All, usize::MAX), &Cancel::default()).unwrap().events
}

fn add(path: &Path, text: &[u8]) {
    Options::new().append(true).open(path).unwrap().write_all(text).unwrap();
}

/// Looks, reads what there is more, and compares everything with the file opened again.
fn follows(source: &dyn Source, path: &Path) {
    let before = all(source);
    assert_eq!(source.look().unwrap(), SourceChange::Grown);
    complete(source);
    assert_eq!(source.look().unwrap(), SourceChange::Same);
    let (after, again) = (all(source), opened(path));
    assert!(after == all(&*again), "{:?}", after.iter().zip(all(&*again)).find(|(a, b)| *a != b));
    assert_eq!(source.progress(), again.progress());
    assert_eq!(source.streams(0, usize::MAX).unwrap(), again.streams(0, usize::MAX).unwrap());
    let readable = before.iter().take_while(|event| event.trouble.is_none()).count();
    assert!(after[..readable] == before[..readable], "ordinals stay");
    for stream in again.streams(0, usize::MAX).unwrap().streams {
        let query = EventQuery::first(Scope::Stream(stream.stream), usize::MAX);
        let page = |source: &dyn Source| source.events(&query, &Cancel::default()).unwrap();
        assert!(page(source) == page(&*again));
    }
}

#[test]
fn what_is_added_appears() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("dump.jsonl");
    fs::write(&path, lines(0..5000)).unwrap();
    let source = opened(&path);
    assert_eq!(source.look().unwrap(), SourceChange::Same);
    let mut number = 5000;
    let mut next = || {
        number += 1;
        line(number)
    };
    for added in [
        next() + "\n",
        lines(6000..9000),
        // Half a line is a trouble until its other half comes.
        next()[..20].to_owned(),
        next()[20..].to_owned() + "\n" + &next() + "\n",
        // A whole line without its end stays what it is.
        next(),
        "\n".to_owned() + &next(),
        "\n".to_owned(),
        // Blanks are a line that holds nothing, or the beginning of one that does.
        "  ".to_owned(),
        next() + "\n\n \t",
        "\r\n".to_owned() + &next() + "\r\n",
        "not JSON".to_owned(),
        " nor is this".to_owned(),
        "\n".to_owned(),
        lines(9000..9001),
    ] {
        add(&path, added.as_bytes());
        follows(&*source, &path);
    }
    // What was an event, and turns out not to be its whole line, is a trouble at its place.
    add(&path, next().as_bytes());
    follows(&*source, &path);
    let count = all(&*source).len();
    add(&path, format!("garbage\n{}\n", next()).as_bytes());
    assert_eq!(source.look().unwrap(), SourceChange::Grown);
    complete(&*source);
    let events = all(&*source);
    assert_eq!(events.len(), count + 1);
    assert!(events[count - 1].trouble.is_some() && events[count].trouble.is_none());
    assert_eq!(source.progress().troubles, opened(&path).progress().troubles);

    source.check(&Cancel::default(), &mut |_| ()).unwrap();
    add(&path, format!("{}\n", line(1).replace(":{", ":[")).as_bytes());
    assert_eq!(source.look().unwrap(), SourceChange::Grown);
    let before = source.progress();
    source.check(&Cancel::default(), &mut |_| ()).unwrap();
    let after = source.progress();
    assert_eq!(after.troubles, before.troubles + 1, "what was added is checked too");
}

#[test]
fn a_line_ended_by_a_later_write_is_not_lost() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("dump.jsonl");
    let whole = lines(0..40).into_bytes();
    for cut in whole.len() - 400..whole.len() {
        fs::write(&path, &whole[..cut]).unwrap();
        let source = opened(&path);
        add(&path, &whole[cut..]);
        follows(&*source, &path);
        assert_eq!(source.progress().events, 40, "cut at {cut}");
    }
}

#[test]
fn a_line_cut_behind_its_stream_stands_there_until_its_rest_comes() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("dump.jsonl");
    let whole = [
        r#"{"stream":"a-1","version":1,"type":"T","data":{}}"#,
        r#"{"stream":2,"version":1,"type":"T","data":{}}"#,
        r#"{"stream":"a-1","version":23,"type":"T","data":{}}"#,
        r#"{"stream":22,"version":1,"type":"T","data":{}}"#,
        r#"{"stream":"b-1","version":1,"type":"T","data":{}}"#,
        "",
    ];
    let ended = |line: usize, part: &str| whole[..line].join("\n").len() + 1 + part.len();
    let whole = whole.join("\n").into_bytes();
    for (cut, stream, version) in [
        (ended(2, r#"{"stream":"a-1"#), "", 0),
        (ended(2, r#"{"stream":"a-1""#), "a-1", 2),
        // What may go on is not taken for what it is so far.
        (ended(2, r#"{"stream":"a-1","version":2"#), "a-1", 2),
        (ended(2, r#"{"stream":"a-1","version":23"#), "a-1", 2),
        (ended(2, r#"{"stream":"a-1","version":23,"#), "a-1", 23),
        (ended(3, r#"{"stream":2"#), "", 0),
        // No stream begins with what cannot be read to its end.
        (ended(4, r#"{"stream":"b-1","version":1,"#), "", 0),
    ] {
        fs::write(&path, &whole[..cut]).unwrap();
        let source = opened(&path);
        let last = all(&*source).pop().unwrap();
        let text = String::from_utf8_lossy(&whole[..cut]);
        assert_eq!((last.stream.as_str(), last.version.0), (stream, version), "{text}");
        assert!(last.trouble.is_some() && source.progress().troubles == 1, "{text}");
        add(&path, &whole[cut..]);
        follows(&*source, &path);
        assert_eq!((source.progress().events, source.progress().troubles), (5, 0), "{text}");
    }
}

fn replaced(change: &dyn Fn(&Path), expected: SourceChange) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("dump.jsonl");
    fs::write(&path, lines(0..5000)).unwrap();
    let source = opened(&path);
    let before = all(&*source);
    change(&path);
    assert_eq!(source.look().unwrap(), expected);
    assert_eq!(source.look().unwrap(), SourceChange::Same, "it is told once");
    let after = all(&*source);
    assert_eq!(before.len(), after.len());
    for (before, after) in before.iter().zip(&after) {
        // What takes no role, and what is remarked, is read as it stands there now.
        let known = Event { fields: before.fields.clone(), notes: before.notes.clone(), ..Event::clone(after) };
        assert!(known == **before || after.trouble.is_some(), "{before:?}\n{after:?}");
    }
}

#[test]
fn what_no_longer_holds_is_told() {
    let reopened = |path: &Path| Options::new().write(true).open(path).unwrap();
    let other = |path: &Path| -> PathBuf { path.with_extension("other") };
    replaced(&|path| reopened(path).set_len(1000).unwrap(), SourceChange::Truncated);
    replaced(&|path| reopened(path).set_len(0).unwrap(), SourceChange::Truncated);
    replaced(&|path| fs::remove_file(path).unwrap(), SourceChange::Removed);
    replaced(&|path| fs::rename(path, other(path)).unwrap(), SourceChange::Removed);
    replaced(
        &|path| {
            fs::write(other(path), lines(0..5000)).unwrap();
            fs::rename(other(path), path).unwrap();
        },
        SourceChange::Replaced,
    );
    replaced(
        &|path| {
            fs::remove_file(path).unwrap();
            let mode = rustix::fs::Mode::from_raw_mode(0o600);
            rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        },
        SourceChange::Replaced,
    );
    // The times are set, for a write within the clock's grain leaves them as they are.
    let later = |file: &File| {
        let time = file.metadata().unwrap().modified().unwrap() + std::time::Duration::from_secs(1);
        file.set_modified(time).unwrap();
    };
    replaced(
        &|path| {
            let file = reopened(path);
            file.write_all_at(b"}{", 100).unwrap();
            later(&file);
        },
        SourceChange::Replaced,
    );
    replaced(
        &|path| {
            let file = reopened(path);
            file.set_len(0).unwrap();
            file.write_all_at(lines(10_000..20_000).as_bytes(), 0).unwrap();
        },
        SourceChange::Replaced,
    );
    // Only its time is another.
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("dump.jsonl");
    fs::write(&path, lines(0..10)).unwrap();
    let source = opened(&path);
    later(&reopened(&path));
    assert_eq!(source.look().unwrap(), SourceChange::Same);
}

#[test]
fn a_thousand_reads_while_everything_happens() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("dump.jsonl");
    let mut random = 0x9e37_79b9_u64;
    let mut below = move |limit: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random % limit as u64) as usize
    };
    let mut changes = std::collections::BTreeSet::new();
    let mut source = None;
    for round in 0..1000 {
        let source = match &mut source {
            Some(source) if round % 50 != 0 => source,
            source => {
                let _ = fs::remove_file(&path);
                fs::write(&path, lines(0..2000)).unwrap();
                source.insert(opened(&path))
            }
        };
        let write = || Options::new().write(true).open(&path);
        match below(60) {
            0 => drop(write().map(|file| file.set_len(below(400_000) as u64))),
            1 => drop(fs::rename(&path, path.with_extension("gone"))),
            2 => drop(fs::remove_file(&path)),
            3..6 => drop(write().map(|file| file.write_all_at(b"}{\n\"", below(100_000) as u64))),
            6 => drop(fs::write(&path, lines(0..100))),
            7..12 if path.exists() => add(&path, lines(0..below(50)).as_bytes()),
            12..14 if path.exists() => add(&path, &line(0).as_bytes()[..below(30)]),
            _ => {}
        }
        if below(4) == 0 {
            changes.insert(format!("{:?}", source.look().unwrap()));
        }
        let scope = [Scope::All, Scope::Stream("a-3".into()), Scope::Category("a".into())][below(3)].clone();
        let query = EventQuery { from: Anchor::Ordinal(below(2000) as u64), ..EventQuery::first(scope.clone(), 20) };
        if let Ok(page) = source.events(&query, &Cancel::default()) {
            for event in &page.events {
                assert!(event.trouble.is_some() || event.data.text().contains("Zoë"));
            }
        }
        if below(20) == 0 {
            let pattern = Pattern::Text("\"n\":19".into());
            let mut hits = Vec::new();
            let _ = source.search(&pattern, &scope, &Cancel::default(), &mut |step| {
                if let SearchStep::Hit(ordinal) = step {
                    hits.push(ordinal);
                }
                std::ops::ControlFlow::Continue(())
            });
            assert!(hits.is_sorted());
        }
    }
    for change in ["Grown", "Truncated", "Removed", "Replaced"] {
        assert!(changes.contains(change), "{change} was not seen: {changes:?}");
    }
}

#[test]
fn what_could_not_be_read_to_its_end_is_told_too() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("dump.jsonl");
    fs::write(&path, lines(0..5000)).unwrap();
    let source = open(path.to_str().unwrap(), &OpenOptions::default()).unwrap();
    Options::new().write(true).open(&path).unwrap().set_len(100_000).unwrap();
    assert_eq!(source.look().unwrap(), SourceChange::Same, "nothing is known of it yet");
    assert!(source.complete(&Cancel::default(), &mut |_| ()).is_err());
    assert_eq!(source.look().unwrap(), SourceChange::Truncated);
}
