//! The embedded store from outside: as a source, taken over from one, and by command.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use stepback::domain::{
    About, Anchor, Cancel, Direction, Event, EventPage, EventQuery, Failure, FailureKind, Payload, Position, Progress,
    Scope, StreamName, StreamPage, StreamSummary, Timestamp, Trouble, Version,
};
use stepback::session::embedded::{ImportProgress, Imported, import};
use stepback::sources::embedded::Embedded;
use stepback::sources::{Source, open};
use stepback::store::{Expected, NewEvent, Options, Store};

/// A source that is a list.
struct Listed(Vec<Arc<Event>>);

impl Source for Listed {
    fn about(&self) -> About {
        About::default()
    }

    fn progress(&self) -> Progress {
        Progress { complete: true, events: self.0.len() as u64, ..Progress::default() }
    }

    fn begin(&self) {}

    fn complete(&self, _: &Cancel, told: &mut dyn FnMut(Progress)) -> Result<(), Failure> {
        told(self.progress());
        Ok(())
    }

    fn streams(&self, _: usize, _: usize) -> Result<StreamPage, Failure> {
        Ok(StreamPage::default())
    }

    fn stream(&self, _: &StreamName) -> Result<Option<StreamSummary>, Failure> {
        Ok(None)
    }

    fn events(&self, query: &EventQuery, cancel: &Cancel) -> Result<EventPage, Failure> {
        if cancel.is_cancelled() {
            return Err(Failure::new(FailureKind::Cancelled, "list", "read events", "cancelled"));
        }
        let Anchor::Ordinal(first) = query.from else { panic!("an import asks by ordinal") };
        let events = self.0.iter().skip(first as usize).take(query.limit).cloned().collect();
        Ok(EventPage { first, events, total: self.0.len() as u64, partial: false })
    }

    fn translate(&self, _: &Scope, _: u64, _: &Scope) -> Result<Option<u64>, Failure> {
        Ok(None)
    }
}

fn event(stream: &str, version: u64, id: Option<&str>, data: &str) -> Arc<Event> {
    Arc::new(Event {
        id: id.map(Arc::from),
        time: Timestamp::from_nanosecond(1_700_000_000_123_456_789 + i128::from(version)).ok(),
        data: Payload::json_text(data),
        causation: Some("c".into()),
        ..Event::new(stream, Version(version), Position::Text("0/17".into()), "T")
    })
}

fn broken(reason: &str) -> Arc<Event> {
    let trouble = Trouble { place: "line 3".into(), reason: reason.into() };
    Arc::new(Event { trouble: Some(trouble), ..(*event("", 0, None, "")).clone() })
}

fn take(events: &[Arc<Event>], store: &Path) -> Imported {
    import(&Listed(events.to_vec()), store, &Cancel::default(), &mut |_| {}).expect("imported")
}

fn stored(directory: &Path) -> Vec<Arc<Event>> {
    let source = Embedded::open(directory).expect("a store");
    source.complete(&Cancel::default(), &mut |_| {}).expect("readable");
    source.events(&EventQuery::first(Scope::All, usize::MAX), &Cancel::default()).expect("readable").events
}

fn versions(directory: &Path, stream: &str) -> Vec<u64> {
    stored(directory).iter().filter(|event| event.stream.as_str() == stream).map(|event| event.version.0).collect()
}

#[test]
fn an_import_keeps_what_the_source_says() {
    let directory = tempfile::tempdir().expect("a directory");
    let events = vec![
        event("zero-1", 0, Some("a"), "{ \"n\": 1.10 }"),
        event("gaps-1", 3, Some("b"), "1"),
        event("zero-1", 1, None, "2"),
        event("gaps-1", 7, None, "2"),
    ];
    let done = take(&events, directory.path());
    assert_eq!((done.taken.appended, done.taken.renumbered, done.total), (4, 0, 4));
    for (n, (stored, given)) in stored(directory.path()).iter().zip(&events).enumerate() {
        let expected = Event { position: Position::Number(n as u64 + 1), ..(**given).clone() };
        assert_eq!(**stored, expected);
    }
    let source = Embedded::open(directory.path()).expect("a store");
    let gaps = source.stream(&StreamName::from("gaps-1")).expect("readable").expect("there");
    assert_eq!((gaps.first_version, gaps.last_version, gaps.events), (Version(3), Version(7), 2));
    let at = |version| {
        let query = EventQuery {
            scope: Scope::Stream(StreamName::from("gaps-1")),
            from: Anchor::Version(Version(version)),
            direction: Direction::Forward,
            limit: 1,
        };
        let page = source.events(&query, &Cancel::default()).expect("readable");
        page.events.first().map(|event| event.version.0)
    };
    assert_eq!([at(0), at(3), at(4), at(7), at(8)], [Some(3), Some(3), Some(7), Some(7), None]);
    // What is appended later goes on behind the source's numbers.
    let store = Store::open(directory.path()).expect("opens");
    let appended = store.append(&StreamName::from("zero-1"), [NewEvent::new("T", "3")], Expected::Exact(1));
    assert_eq!(appended.expect("appended").first_version, 2);
}

#[test]
fn versions_that_do_not_grow_are_given_again_and_counted() {
    let directory = tempfile::tempdir().expect("a directory");
    let events: Vec<_> = [5, 5, 2, 9].into_iter().map(|version| event("s", version, None, "{}")).collect();
    let done = take(&events, directory.path());
    assert_eq!((done.taken.appended, done.taken.renumbered), (4, 2));
    assert_eq!(versions(directory.path(), "s"), [5, 6, 7, 9]);
}

#[test]
fn an_import_goes_on_when_the_source_grew_and_repeats_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut events: Vec<_> = (0..500)
        .map(|n| event(&format!("s-{}", n % 7), 1 + n / 7, (n % 2 == 0).then_some(&*n.to_string()), &n.to_string()))
        .collect();
    let grown = events.split_off(300);
    assert_eq!(take(&events, directory.path()).taken.appended, 300);
    let again = take(&events, directory.path());
    assert_eq!((again.earlier, again.taken.appended, again.taken.repeated), (300, 0, 0));
    events.extend(grown);
    let rest = take(&events, directory.path());
    assert_eq!((rest.earlier, rest.taken.appended), (300, 200));
    assert_eq!(stored(directory.path()).len(), 500);
}

#[test]
fn another_source_that_begins_alike_is_looked_at_as_a_whole() {
    let directory = tempfile::tempdir().expect("a directory");
    let first: Vec<_> = (0..50).map(|n| event("s", n, Some(&n.to_string()), &n.to_string())).collect();
    take(&first, directory.path());
    let mut other = first[..20].to_vec();
    other.extend((0..60).map(|n| event("t", n, Some(&format!("t{n}")), "{}")));
    // The same id in the same stream, but something else: not the same event.
    other.push(event("s", 90, Some("7"), "\"changed\""));
    let done = take(&other, directory.path());
    assert_eq!((done.earlier, done.taken.repeated, done.taken.appended), (0, 20, 61));
    assert!(done.notices.iter().any(|notice| notice.contains("another one")), "{:?}", done.notices);
    assert_eq!(stored(directory.path()).len(), 50 + 61);
}

#[test]
fn records_that_are_no_events_are_counted_and_told() {
    let directory = tempfile::tempdir().expect("a directory");
    let long = "x".repeat(70_000);
    let events = vec![
        event("s", 1, None, "1"),
        broken("expected `:`"),
        event("", 1, None, "no stream"),
        event(&long, 1, None, "2"),
        event("s", 2, None, "3"),
    ];
    let done = take(&events, directory.path());
    assert_eq!((done.taken.appended, done.refused, done.refusals.len()), (2, 3, 3));
    assert!(done.refusals[0].contains("line 3: expected `:`"), "{:?}", done.refusals);
    assert!(done.refusals[1].contains("record 3"), "{:?}", done.refusals);
    assert_eq!(take(&[], directory.path()), Imported::default(), "an empty source");
    // A source that begins with a record that is none is known again all the same.
    let events = [broken("nothing"), event("t", 1, None, "1")];
    assert_eq!(take(&events, directory.path()).taken.appended, 1);
    assert_eq!(take(&events, directory.path()).taken.appended, 0);
}

#[test]
fn an_import_says_how_far_it_is_and_can_be_cancelled() {
    let directory = tempfile::tempdir().expect("a directory");
    let source = Listed((0..9000).map(|n| event("s", n, None, "{}")).collect());
    let cancel = Cancel::default();
    let mut taking = Vec::new();
    let result = import(&source, directory.path(), &cancel, &mut |progress| {
        if let ImportProgress::Taking { done, total, rate, remaining } = progress {
            assert!(total == 9000 && rate > 0.0 && remaining.is_some());
            taking.push(done);
            if done >= 4000 {
                cancel.cancel();
            }
        }
    });
    assert_eq!(result.map_err(|failure| failure.kind), Err(FailureKind::Cancelled));
    let taken = *taking.last().expect("told");
    assert!((4000..9000).contains(&taken));
    assert_eq!(stored(directory.path()).len() as u64, taken);
    let done = import(&source, directory.path(), &Cancel::default(), &mut |_| {}).expect("imported");
    assert_eq!((done.earlier, done.earlier + done.taken.appended), (taken, 9000));
}

#[test]
fn a_source_knows_its_beginning_at_once_and_follows_what_grows() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = Store::open(directory.path()).expect("a new store");
    for n in 0..2000 {
        let data =
            format!("{{\"n\":{n},\"noise\":\"{:x}\"}}", u128::from(n as u64 + 1).pow(5).wrapping_mul(u128::MAX / 7));
        store.append(&StreamName::from("s"), [NewEvent::new("T", data)], Expected::Any).expect("appended");
    }
    let source = open::open(directory.path().to_str().expect("a path"), &open::OpenOptions::default()).expect("opens");
    assert_eq!(source.about().kind, "stepback store");
    assert!(!source.progress().complete);
    let page = source.events(&EventQuery::first(Scope::All, 45), &Cancel::default()).expect("readable");
    assert_eq!((page.events.len(), page.partial), (45, true));
    assert!(source.streams(0, 5).expect("readable").partial);
    let mut told = Vec::new();
    source.complete(&Cancel::default(), &mut |progress| told.push(progress)).expect("readable");
    let last = told.last().expect("told");
    assert!(last.complete && last.events == 2000 && last.done == last.total && last.streams == 1);
    let before = source.progress();
    store.append(&StreamName::from("t"), [NewEvent::new("T", "1")], Expected::Any).expect("appended");
    source.complete(&Cancel::default(), &mut |_| {}).expect("readable");
    let page = source.events(&EventQuery::first(Scope::All, 1), &Cancel::default()).expect("readable");
    assert_eq!((page.total, page.partial, source.progress().events), (2001, false, before.events + 1));
    assert_eq!(source.translate(&Scope::Stream("t".into()), 0, &Scope::All), Ok(Some(2000)));
}

#[test]
fn damage_stands_at_its_place_in_the_walk() {
    let directory = tempfile::tempdir().expect("a directory");
    {
        let store = Store::open(directory.path()).expect("a new store");
        for n in 0..10 {
            store.append(&StreamName::from("s"), [NewEvent::new("T", n.to_string())], Expected::Any).expect("appended");
        }
    }
    let segment = directory.path().join("journal/000001.evj");
    let mut bytes = fs::read(&segment).expect("readable");
    let at = bytes.len() / 2;
    bytes[at] ^= 4;
    fs::write(&segment, bytes).expect("written");
    let source = Embedded::open(directory.path()).expect("its beginning is readable");
    source.complete(&Cancel::default(), &mut |_| {}).expect("damage is no failure to read");
    assert_eq!(source.progress().troubles, 1);
    assert!(source.about().caveats.iter().any(|caveat| caveat.contains("000001.evj at byte")));
    let ask = |from: Anchor, direction, limit| {
        let query = EventQuery { scope: Scope::All, from, direction, limit };
        source.events(&query, &Cancel::default()).expect("readable")
    };
    let forward = ask(Anchor::Start, Direction::Forward, usize::MAX);
    let (last, sound) = forward.events.split_last().expect("events");
    assert!(last.trouble.is_some() && sound.iter().all(|event| event.trouble.is_none()));
    assert_eq!(forward.total, forward.events.len() as u64);
    assert!((1..10).contains(&sound.len()));
    let mut backward = ask(Anchor::End, Direction::Backward, usize::MAX).events;
    backward.reverse();
    assert_eq!(backward, forward.events);
    for limit in 1..5 {
        let mut paged = Vec::new();
        while (paged.len() as u64) < forward.total {
            paged.extend(ask(Anchor::Ordinal(paged.len() as u64), Direction::Forward, limit).events);
        }
        assert_eq!(paged, forward.events);
    }
    let stream = Scope::Stream("s".into());
    let in_stream = source.events(&EventQuery::first(stream.clone(), 99), &Cancel::default()).expect("readable");
    assert_eq!(in_stream.events, sound);
    assert_eq!(source.translate(&Scope::All, sound.len() as u64, &stream), Ok(None));
    // What can be read can be taken over.
    let rescued = directory.path().join("rescued");
    let done = import(&source, &rescued, &Cancel::default(), &mut |_| {}).expect("imported");
    assert_eq!((done.taken.appended as usize, done.refused), (sound.len(), 1));
    assert_eq!(stored(&rescued), sound);
}

fn stepback(arguments: &[&str], input: &str) -> (Option<i32>, String, String) {
    use std::io::Write;
    let mut child = Command::new(env!("CARGO_BIN_EXE_stepback"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program");
    child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("taken");
    let Output { status, stdout, stderr } = child.wait_with_output().expect("an end");
    (status.code(), String::from_utf8_lossy(&stdout).into_owned(), String::from_utf8_lossy(&stderr).into_owned())
}

#[test]
fn the_commands_append_import_and_verify() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("store");
    let store = path.to_str().expect("a path");
    let id = "0190a5b2-0000-7000-8000-000000000001";
    let deposit = ["append", store, "account-1", "--type", "MoneyDeposited", "--data", "{\"amount\": 5}", "--id", id];
    let metadata = ["--metadata", "{\"$correlationId\":\"c-1\"}"];
    let (code, out, err) = stepback(&[&deposit[..], &metadata].concat(), "");
    assert_eq!((code, out.as_str(), err.as_str()), (Some(0), "account-1 version 1, position 1\n", ""));
    let (code, out, _) = stepback(&[&deposit[..], &metadata].concat(), "");
    assert_eq!((code, out.as_str()), (Some(0), "account-1 version 1, position 1 (it was there already)\n"));
    let piped = ["append", store, "account-1", "--type", "T", "--data", "-", "--expect", "1"];
    assert_eq!(stepback(&piped, "{ \"from\" : \"pipe\" }\n").0, Some(0));
    let (code, out, err) = stepback(&piped, "{}");
    assert_ne!(code, Some(0));
    assert_eq!(out, "");
    assert!(err.contains("expected version 1") && err.contains("version 2"), "{err}");
    let (code, _, err) = stepback(&["append", store, "s", "--type", "T", "--data", "{oops"], "");
    assert_eq!(code, Some(65), "{err}");
    let (code, _, err) = stepback(&["append", store, "s", "--type", "T", "--data", "1", "--expect", "maybe"], "");
    assert_eq!(code, Some(2), "{err}");
    let events = stored(&path);
    assert_eq!(events.len(), 2);
    assert_eq!((&*events[0].data.text(), events[0].correlation.as_deref()), ("{\"amount\": 5}", Some("c-1")));
    assert_eq!(&*events[1].data.text(), "{ \"from\" : \"pipe\" }");

    let copy = directory.path().join("copy");
    let arguments = ["import", store, copy.to_str().expect("a path")];
    assert_eq!(stepback(&arguments, "").1, "2 events imported\n");
    assert_eq!(stepback(&arguments, "").1, "0 events imported, 2 taken over by an earlier run\n");
    assert_eq!(stored(&copy), events);

    let (code, out, _) = stepback(&["verify", store], "");
    assert_eq!(code, Some(0));
    assert!(out.contains("2 events in 1 stream,") && out.contains("none: every record"), "{out}");
    let held = Store::open(&path).expect("opens");
    let (code, _, err) = stepback(&piped, "{}");
    assert_ne!(code, Some(0));
    assert!(err.contains(&format!("process {} on ", std::process::id())), "{err}");
    assert_eq!(stepback(&["verify", store], "").0, Some(0), "beside a writer");
    drop(held);
    let segment = path.join("journal/000001.evj");
    let mut bytes = fs::read(&segment).expect("readable");
    let at = bytes.len() - 20;
    bytes[at] ^= 1;
    fs::write(&segment, bytes).expect("written");
    let (code, out, _) = stepback(&["verify", store], "");
    assert_eq!(code, Some(1), "{out}");
    assert!(out.contains("damage    journal/000001.evj at byte"), "{out}");
    let (code, _, err) = stepback(&piped, "{}");
    assert_eq!(code, Some(65), "{err}");
    assert!(err.contains("is damaged") && err.contains("stepback verify"), "{err}");
    assert_eq!(stepback(&["verify", "/nowhere/at/all"], "").0, Some(69));
    let empty = directory.path().join("empty");
    fs::create_dir(&empty).expect("made");
    assert_eq!(stepback(&["verify", empty.to_str().expect("a path")], "").0, Some(69));
    assert_eq!(fs::read_dir(&empty).expect("readable").count(), 0, "nothing is left where no store is");
}

#[test]
fn data_without_an_end_is_refused_in_time() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = directory.path().join("store");
    let zero = fs::File::open("/dev/zero").expect("a device");
    let output = Command::new(env!("CARGO_BIN_EXE_stepback"))
        .args(["append", store.to_str().expect("a path"), "s", "--type", "T", "--data", "-"])
        .stdin(zero)
        .output()
        .expect("the program");
    assert_eq!(output.status.code(), Some(65));
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(err.contains("it is too large: at most 64"), "{err}");
    assert!(!store.exists(), "nothing was made");
}

#[test]
fn the_address_of_a_server_is_not_made_a_folder_and_shows_no_password() {
    let folder = tempfile::tempdir().expect("a directory");
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_stepback"))
            .args(arguments)
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .output()
            .expect("runs");
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8_lossy(&said).into_owned())
    };
    let source = format!("{}/sample-data/accounts.jsonl", env!("CARGO_MANIFEST_DIR"));
    for address in [
        "postgres://u:sekrit@h/db",
        "mysql:/u:sekrit@h/db",
        "host=h user=u password='sekrit two'",
        "host:5432/db",
        "@prod",
    ] {
        for arguments in [&["append", address, "s", "--type", "T", "--data", "{}"][..], &["import", &source, address]] {
            let (code, said) = run(arguments);
            assert_eq!(code, Some(69), "{arguments:?}: {said}");
            assert!(said.contains("only files and folders are read") && !said.contains("sekrit"), "{said}");
        }
        let (_, said) = run(&["inspect", address]);
        assert!(said.contains("only files and folders are read") && !said.contains("sekrit"), "{said}");
    }
    assert_eq!(fs::read_dir(folder.path()).expect("read").count(), 0, "nothing was made");
    // One that is there, by whatever way, is named without the password too.
    let (code, _) = run(&["append", "./u:sekrit@h:1", "s", "--type", "T", "--data", "{}"]);
    assert_eq!(code, Some(0));
    for arguments in [&["inspect"][..], &["inspect", "--json"], &["doctor"], &["doctor", "--json"]] {
        let (_, said) = run(&[arguments, &["u:sekrit@h:1"]].concat());
        assert!(said.contains("u:***@h:1") && !said.contains("sekrit"), "{said}");
    }
}

#[test]
fn metadata_may_come_from_standard_input_too() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("store");
    let append = ["append", path.to_str().expect("a path"), "a-1", "--type", "T", "--metadata", "-", "--data"];
    assert_eq!(stepback(&[&append[..], &["{}"]].concat(), "{\"by\": \"me\"}\n").0, Some(0));
    assert_eq!(&*stored(&path)[0].metadata.text(), "{\"by\": \"me\"}");
    let (code, _, err) = stepback(&[&append[..], &["-"]].concat(), "{}");
    assert!(code == Some(2) && err.contains("both"), "{err}");
}

/// A store of five events, the last in a record of its own, that was closed.
fn five(path: &Path) {
    let store = Store::open(path).expect("a new store");
    for n in 1..=5 {
        let event = NewEvent::new("T", n.to_string());
        store.append(&StreamName::from("a-1"), [event], Expected::Any).expect("appended");
    }
}

#[test]
fn every_command_says_of_a_store_what_verify_says() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("store");
    let store = path.to_str().expect("a path");
    let (segment, head, lock) = (path.join("journal/000001.evj"), path.join("journal/head"), path.join("lock"));
    let cut = |bytes: u64| {
        let file = fs::File::options().write(true).open(&segment).expect("there");
        file.set_len(bytes).expect("cut");
    };
    let emptied = || {
        for entry in fs::read_dir(path.join("index")).expect("there") {
            let entry = entry.expect("readable").path();
            drop(if entry.is_dir() { fs::remove_dir_all(entry) } else { fs::remove_file(entry) });
        }
    };
    let headless = "journal/head is missing or unreadable";
    type Break<'a> = Box<dyn Fn() + 'a>;
    let without_head: Break<'_> = Box::new(|| fs::remove_file(&head).expect("there"));
    // What is done to it, what is said of it, and whether that is something wrong.
    let cases: Vec<(&str, Break<'_>, &str, bool)> = vec![
        ("nothing", Box::new(|| ()), "", false),
        ("the head is lost", without_head, headless, true),
        ("the head is no head", Box::new(|| fs::write(&head, "none").expect("written")), headless, true),
        ("the index is emptied", Box::new(emptied), "missing; it is built by the next writer", false),
        (
            "the last record and the head are lost",
            Box::new(|| {
                cut(last_record(&segment));
                fs::remove_file(&head).expect("there");
            }),
            "the journal ends here, but 1 more events were indexed",
            true,
        ),
        (
            "of the index, only what was told beside it is left",
            Box::new(|| {
                cut(last_record(&segment));
                fs::remove_file(&head).expect("there");
                fs::remove_file(path.join("index/lookup")).expect("there");
            }),
            "the journal ends here, but 1 more events were indexed",
            true,
        ),
        (
            "half a record and the head are lost",
            Box::new(|| {
                cut(fs::metadata(&segment).expect("there").len() - 3);
                fs::remove_file(&head).expect("there");
            }),
            "the journal ends here, but 1 more events were indexed",
            true,
        ),
        (
            "the lock is a folder",
            Box::new(|| {
                fs::remove_file(&lock).expect("there");
                fs::create_dir(&lock).expect("made");
            }),
            "whether somebody is writing cannot be told",
            true,
        ),
    ];
    for (what, broken, said, is_wrong) in cases {
        five(&path);
        broken();
        let (code, out, _) = stepback(&["verify", store], "");
        assert_eq!(code, Some(if is_wrong { 1 } else { 0 }), "{what}: {out}");
        assert!(out.contains(said), "{what}: {out}");
        let (code, out, err) = stepback(&["doctor", store], "");
        assert_eq!(code, Some(if is_wrong { 1 } else { 0 }), "{what}: {out} {err}");
        assert!(!is_wrong || out.contains(said), "{what}: {out}");
        assert!(stepback(&["inspect", store], "").1.contains(said), "{what}");
        for arguments in [&["events", store][..], &["streams", store], &["state", store, "a-1"], &["export", store]] {
            let (code, _, err) = stepback(arguments, "");
            assert_eq!(code, Some(if is_wrong { 65 } else { 0 }), "{what}: {arguments:?}: {err}");
            assert!(!is_wrong || err.contains(said), "{what}: {arguments:?}: {err}");
        }
        fs::remove_dir_all(&path).expect("removed");
    }
}

/// Where the last record of a segment begins.
fn last_record(segment: &Path) -> u64 {
    let bytes = fs::read(segment).expect("readable");
    let (mut at, mut last) = (56, 56);
    while at < bytes.len() {
        last = at;
        at += 16 + u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes")) as usize;
    }
    last as u64
}

#[test]
fn nothing_is_written_through_links() {
    let directory = tempfile::tempdir().expect("a directory");
    let (path, elsewhere) = (directory.path().join("store"), directory.path().join("elsewhere"));
    let store = path.to_str().expect("a path");
    for name in ["lock", "journal/head", "journal/000001.evj", "journal/000002.evj.new", "index/db"] {
        {
            let small = Options { segment: 512, ..Options::default() };
            let store = Store::open_with(&path, small).expect("a new store");
            store.append(&StreamName::from("a-1"), [NewEvent::new("T", "1")], Expected::Any).expect("appended");
        }
        let linked = path.join(name);
        let kept = fs::read(&linked).unwrap_or_else(|_| b"precious".to_vec());
        drop(fs::remove_file(&linked));
        fs::write(&elsewhere, &kept).expect("written");
        std::os::unix::fs::symlink(&elsewhere, &linked).expect("linked");
        let (_, out, _) = stepback(&["verify", store], "");
        assert!(out.contains(&format!("{name} is a link")), "{name}: {out}");
        assert!(stepback(&["inspect", store], "").1.contains(&format!("{name} is a link")), "{name}");
        let refused = stepback(&["append", store, "a-1", "--type", "T", "--data", "1"], "");
        // An index is built again, and so is a segment that was never finished.
        let goes_on = name == "index/db" || name.ends_with(".new");
        assert_eq!(refused.0, Some(if goes_on { 0 } else { 74 }), "{name}: {refused:?}");
        assert!(goes_on || refused.2.contains("is a link, and nothing is written through links"), "{refused:?}");
        let small = Options { segment: 64, ..Options::default() };
        let grown = Store::open_with(&path, small)
            .and_then(|store| store.append(&StreamName::from("a-1"), [NewEvent::new("T", "2")], Expected::Any));
        assert_eq!(grown.is_ok(), name == "index/db", "{name}: {grown:?}");
        assert_eq!(fs::read(&elsewhere).expect("there"), kept, "{name}");
        assert_eq!(stepback(&["events", store], "").0, Some(0), "{name}: it can be read");
        fs::remove_dir_all(&path).expect("removed");
    }
}
