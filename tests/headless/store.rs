//! The embedded store as the textbook tells it: append, replay, expect, follow, project.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::{Arc, Barrier, mpsc};

use stepback::domain::{
    Anchor, Cancel, Direction, Event, EventQuery, Form, Json, Payload, Position, Scope, StreamName, Timestamp, Version,
};
use stepback::store::{
    Appended, Appender, Expected, History, NewEvent, Notice, Options, Snapshot, Store, StoreError, Taken, Viewer,
    verify,
};

fn stream(name: &str) -> StreamName {
    StreamName::from(name)
}

fn amount(event: &Event) -> i64 {
    let json = event.data.json().expect("test data is JSON");
    json.to_string().split(':').nth(1).and_then(|rest| rest.trim_end_matches('}').parse().ok()).expect("an amount")
}

fn all(history: &History, scope: Scope) -> Vec<Arc<Event>> {
    history.events(&EventQuery::first(scope, usize::MAX), &Cancel::default()).expect("readable").events
}

/// The account of the textbook.
fn balance(state: i64, event: &Event) -> i64 {
    match &*event.event_type {
        "MoneyDeposited" => state + amount(event),
        "MoneyWithdrawn" => state - amount(event),
        _ => state,
    }
}

fn money(kind: &str, amount: i64) -> NewEvent {
    NewEvent::new(kind, format!("{{\"amount\":{amount}}}"))
}

#[test]
fn an_account_survives_reopening_and_equals_its_snapshot_plus_later_events() {
    let directory = tempfile::tempdir().expect("a directory");
    let account = stream("account-1");
    {
        let store = Store::open(directory.path()).expect("a new store");
        let opened = store.append(&account, [NewEvent::new("AccountOpened", "{}")], Expected::NoStream);
        assert_eq!(opened.map(|it| (it.first_version, it.first_position)).expect("appended"), (1, 1));
        store.append(&account, [money("MoneyDeposited", 100)], Expected::Exact(1)).expect("appended");
        let batch = [money("MoneyWithdrawn", 30), money("MoneyDeposited", 5)];
        let appended = store.append(&account, batch, Expected::Exact(2)).expect("appended");
        assert_eq!((appended.first_version, appended.last_version, appended.last_position), (3, 4, 4));
        let state = all(store.history(), Scope::All).iter().fold(0, |state, event| balance(state, event));
        assert_eq!(state, 75);
        let snapshot = Snapshot { version: Version(4), state: state.to_string().into_bytes() };
        store.save_snapshot(&account, "balance", &snapshot).expect("saved");
        store.append(&account, [money("MoneyWithdrawn", 25)], Expected::Exact(4)).expect("appended");
    }
    let store = Store::open(directory.path()).expect("the same store");
    assert_eq!(store.notices(), []);
    let events = all(store.history(), Scope::Stream(account.clone()));
    let from_all = events.iter().fold(0, |state, event| balance(state, event));
    assert_eq!(from_all, 50);
    let snapshot = store.load_snapshot(&account, "balance", None).expect("readable").expect("saved");
    assert_eq!(snapshot.version, Version(4));
    let mut state: i64 = String::from_utf8_lossy(&snapshot.state).parse().expect("a number");
    let query = EventQuery {
        scope: Scope::Stream(account.clone()),
        from: Anchor::Version(Version(snapshot.version.0 + 1)),
        direction: Direction::Forward,
        limit: usize::MAX,
    };
    let later = store.history().events(&query, &Cancel::default()).expect("readable").events;
    assert_eq!(later.len(), 1);
    state = later.iter().fold(state, |state, event| balance(state, event));
    assert_eq!(state, from_all);
    assert_eq!(store.load_snapshot(&account, "balance", Some(Version(3))).expect("readable"), None);
    assert_eq!(store.load_snapshot(&account, "another fold", None).expect("readable"), None);
}

#[test]
fn a_deleted_user_is_no_user() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = Store::open(directory.path()).expect("a new store");
    let user = stream("user-1");
    for (kind, data) in
        [("UserCreated", r#"{"name":"Ada"}"#), ("UserNameUpdated", r#"{"name":"Ada Lovelace"}"#), ("UserDeleted", "{}")]
    {
        store.append(&user, [NewEvent::new(kind, data)], Expected::Any).expect("appended");
    }
    let fold = |users: &mut BTreeMap<StreamName, String>, event: &Event| {
        match &*event.event_type {
            "UserDeleted" => drop(users.remove(&event.stream)),
            _ => drop(users.insert(event.stream.clone(), event.data.text().into_owned())),
        };
    };
    let mut users = BTreeMap::new();
    let events = all(store.history(), Scope::All);
    events[..2].iter().for_each(|event| fold(&mut users, event));
    assert_eq!(users.get("user-1").map(String::as_str), Some(r#"{"name":"Ada Lovelace"}"#));
    fold(&mut users, &events[2]);
    assert!(users.is_empty());
}

#[test]
fn what_is_stored_comes_back_byte_for_byte() {
    let directory = tempfile::tempdir().expect("a directory");
    let time: Timestamp = "2025-03-04T05:06:07.123456789Z".parse().expect("a time");
    let data = "{ \"big\": 9007199254740993, \"b\":1, \"b\":1.10 }";
    let event = NewEvent {
        id: Some("NOT-a-uuid \u{1f30d}".into()),
        correlation: Some("4CEAF1B6-df00-4592-ae33-7a77a5e1a559".into()),
        causation: Some("4ceaf1b6-df00-4592-ae33-7a77a5e1a559".into()),
        metadata: Payload::new(Form::Opaque, vec![0, 255, 10, 13].into()),
        ..NewEvent::new("Typ\u{fc}", data).time(time)
    };
    let name = stream("Str\u{f6}m \0 with everything");
    {
        let store = Store::open(directory.path()).expect("a new store");
        store.append(&name, [event.clone()], Expected::Any).expect("appended");
    }
    let viewer = Viewer::open(directory.path()).expect("a store");
    let stored = all(viewer.history(), Scope::Stream(name.clone())).remove(0);
    assert_eq!(stored.data, event.data);
    assert_eq!(stored.metadata, event.metadata);
    assert_eq!((&stored.id, &stored.correlation, &stored.causation), (&event.id, &event.correlation, &event.causation));
    assert_eq!((stored.time, &stored.event_type, &stored.stream), (Some(time), &event.event_type, &name));
    assert_eq!(viewer.history().stream(&name).and_then(|it| it.first_time), Some(time));
}

#[test]
fn expectations_are_kept() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = Store::open(directory.path()).expect("a new store");
    let name = stream("a-1");
    let append = |expected| store.append(&name, [NewEvent::new("T", "{}")], expected);
    let wrong = |result: Result<Appended, StoreError>| match result {
        Err(StoreError::WrongExpectedVersion { actual, .. }) => actual,
        other => panic!("{other:?}"),
    };
    assert_eq!(wrong(append(Expected::Exact(0))), None);
    assert_eq!(wrong(append(Expected::Exact(1))), None);
    append(Expected::NoStream).expect("there is none");
    assert_eq!(wrong(append(Expected::NoStream)), Some(1));
    assert_eq!(wrong(append(Expected::Exact(2))), Some(1));
    append(Expected::Exact(1)).expect("it is there");
    append(Expected::Any).expect("always");
    let none: [NewEvent; 0] = [];
    assert!(matches!(store.append(&name, none, Expected::Any), Err(StoreError::Refused(_))));
    assert!(matches!(store.append(&stream(""), [NewEvent::new("T", "")], Expected::Any), Err(StoreError::Refused(_))));
    let twice = [NewEvent::new("T", "1").id("x"), NewEvent::new("T", "2").id("x")];
    assert!(matches!(store.append(&name, twice, Expected::Any), Err(StoreError::Refused(_))));
    assert_eq!(store.history().events_known(), 3);
}

#[test]
fn the_same_batch_again_is_answered_as_the_first_time() {
    let directory = tempfile::tempdir().expect("a directory");
    let name = stream("a-1");
    let batch = || [NewEvent::new("T", "1").id("one"), NewEvent::new("T", "2").id("two")];
    let first = {
        let store = Store::open(directory.path()).expect("a new store");
        store.append(&name, [NewEvent::new("T", "0")], Expected::Any).expect("appended");
        let first = store.append(&name, batch(), Expected::Exact(1)).expect("appended");
        store.append(&name, [NewEvent::new("T", "3")], Expected::Any).expect("appended");
        first
    };
    for reopened in 0..2 {
        let store = Store::open(directory.path()).expect("the store");
        let again = store.append(&name, batch(), Expected::Exact(1)).expect("known");
        assert_eq!(again, Appended { repeated: true, ..first }, "after {reopened} more openings");
        let conflict = |events: Vec<NewEvent>| {
            let result = store.append(&name, events, Expected::Any);
            assert!(matches!(result, Err(StoreError::WrongExpectedVersion { actual: Some(4), .. })), "{result:?}");
            result.unwrap_err().to_string()
        };
        let [one, two] = batch();
        conflict(vec![two.clone(), one.clone()]);
        conflict(vec![one.clone(), NewEvent::new("T", "2")]);
        assert_eq!(
            conflict(vec![NewEvent::new("T", "other data").id("one")]),
            "stream `a-1`: the id `one` is taken by version 2 (T, position 2), which has another data"
        );
        let taken = conflict(vec![NewEvent::new("Other", "2").id("two").metadata("{}")]);
        assert!(taken.ends_with("version 3 (T, position 3), which has another type and metadata"), "{taken}");
        let (mut caused, mut correlated) = (one.clone(), one.clone());
        (caused.causation, correlated.correlation) = (Some("another".into()), Some("another".into()));
        assert!(conflict(vec![caused]).ends_with("version 2 (T, position 2), which has another causation"));
        assert!(conflict(vec![correlated]).ends_with("version 2 (T, position 2), which has another correlation"));
        conflict(vec![NewEvent::new("T", "new").id("three"), two]);
        // The half of a batch is a batch of its own, and it is there.
        assert!(store.append(&name, [one], Expected::Any).expect("known").repeated);
        assert_eq!(store.history().events_known(), 4);
    }
    // An id is one event's in the whole store, whichever stream it would go to.
    let store = Store::open(directory.path()).expect("the store");
    for batch in [batch().to_vec(), vec![NewEvent::new("T", "new").id("three"), NewEvent::new("T", "1").id("one")]] {
        let elsewhere = store.append(&stream("b-1"), batch, Expected::NoStream).expect_err("taken").to_string();
        assert_eq!(elsewhere, "stream `b-1`: the id `one` is taken by version 2 of stream `a-1` (T, position 2)");
    }
    assert_eq!(store.history().events_known(), 4);
    assert!(!store.append(&stream("b-1"), [NewEvent::new("T", "1").id("four")], Expected::Any).expect("free").repeated);
}

#[test]
fn two_streams_that_take_one_id_at_once_have_one_winner() {
    const THREADS: usize = 8;
    let directory = tempfile::tempdir().expect("a directory");
    let store = Arc::new(Store::open(directory.path()).expect("a new store"));
    let start = Arc::new(std::sync::Barrier::new(THREADS));
    let threads = (0..THREADS).map(|thread| {
        let (store, start) = (store.clone(), start.clone());
        std::thread::spawn(move || {
            start.wait();
            let name = stream(&format!("s-{thread}"));
            store.append(&name, [NewEvent::new("T", "1").id("mine")], Expected::Any).is_ok()
        })
    });
    let threads: Vec<_> = threads.collect();
    let won = threads.into_iter().map(|thread| thread.join().expect("no panic"));
    assert_eq!(won.filter(|won| *won).count(), 1);
    assert_eq!(store.history().events_known(), 1);
}

#[test]
fn a_clock_that_cannot_be_right_refuses_before_anything_is_made_or_moved() {
    let directory = tempfile::tempdir().expect("a directory");
    let (new, old) = (directory.path().join("new"), directory.path().join("old"));
    drop(Store::open(&old).expect("a new store").append(&stream("a"), [NewEvent::new("T", "1")], Expected::Any));
    let names = |of: &std::path::Path| {
        let names = std::fs::read_dir(of).expect("readable").map(|entry| entry.expect("readable").file_name());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    };
    let before = names(&old);
    let clocks: [fn() -> std::time::SystemTime; 2] = [
        || std::time::SystemTime::UNIX_EPOCH - std::time::Duration::from_secs(1),
        || std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(253_402_300_800),
    ];
    for clock in clocks {
        for path in [&new, &old] {
            let refused =
                Store::open_with(path, Options { clock, ..Options::default() }).map(drop).expect_err("refused");
            assert!(refused.to_string().contains("the clock of this machine"), "{refused}");
        }
    }
    assert!(!new.exists());
    assert_eq!(names(&old), before);
    assert!(Store::open(&old).expect("whole").notices().is_empty());
}

#[test]
fn concurrent_threads_with_expectations_have_one_winner_a_version() {
    const THREADS: usize = 8;
    const ROUNDS: u64 = 40;
    let directory = tempfile::tempdir().expect("a directory");
    let store = Arc::new(Store::open(directory.path()).expect("a new store"));
    let name = stream("contended-1");
    let barrier = Arc::new(Barrier::new(THREADS));
    let threads: Vec<_> = (0..THREADS)
        .map(|_| {
            let (store, barrier, name) = (store.clone(), barrier.clone(), name.clone());
            std::thread::spawn(move || {
                let mut won = 0;
                for round in 0..ROUNDS {
                    barrier.wait();
                    let expected = if round == 0 { Expected::NoStream } else { Expected::Exact(round) };
                    match store.append(&name, [NewEvent::new("T", round.to_string())], expected) {
                        Ok(appended) => {
                            assert_eq!(appended.first_version, round + 1);
                            won += 1;
                        }
                        Err(StoreError::WrongExpectedVersion { actual, .. }) => assert_eq!(actual, Some(round + 1)),
                        Err(error) => panic!("{error}"),
                    }
                    barrier.wait();
                }
                won
            })
        })
        .collect();
    let won: u64 = threads.into_iter().map(|thread| thread.join().expect("no panic")).sum();
    assert_eq!(won, ROUNDS);
    assert_eq!(all(store.history(), Scope::All).len() as u64, ROUNDS);
}

#[test]
fn the_same_batch_from_many_threads_is_appended_once() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = Store::open(directory.path()).expect("a new store");
    let results: Vec<Appended> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    let batch = [NewEvent::new("T", "1").id("x"), NewEvent::new("T", "2").id("y")];
                    store.append(&stream("a"), batch, Expected::NoStream).expect("the same for all")
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    assert_eq!(results.iter().filter(|result| !result.repeated).count(), 1);
    assert!(results.iter().all(|result| (result.first_version, result.last_position) == (1, 2)));
    assert_eq!(store.history().events_known(), 2);
}

#[test]
fn concurrent_processes_have_one_winner_and_the_others_are_told_who() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("store");
    drop(Store::open(&path).expect("a new store"));
    let mut won = 0;
    for version in 0..3_u64 {
        let expect = if version == 0 { "none".to_owned() } else { version.to_string() };
        let children: Vec<_> = (0..4)
            .map(|_| {
                Command::new(env!("CARGO_BIN_EXE_stepback"))
                    .args(["append", path.to_str().expect("a path"), "a-1", "--type", "T", "--data", "{}"])
                    .args(["--expect", &expect])
                    .stdout(std::process::Stdio::piped())
                    .stderr(std::process::Stdio::piped())
                    .spawn()
                    .expect("the program")
            })
            .collect();
        for child in children {
            let output = child.wait_with_output().expect("an end");
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            match output.status.success() {
                true => won += 1,
                false => assert!(said.contains("expected") || said.contains("is writing"), "{said}"),
            }
        }
        assert_eq!(won, version + 1, "one of four at {expect}");
    }
    let held = Store::open(&path).expect("the store");
    assert_eq!(held.history().events_known(), 3);
    assert!(matches!(Store::open(&path), Err(StoreError::Locked { pid, .. }) if pid == std::process::id()));
}

#[test]
fn reading_goes_both_ways_from_any_place() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = Store::open(directory.path()).expect("a new store");
    let time = |n: u64| Timestamp::from_second(1_700_000_000 + n as i64).expect("in range");
    for n in 0..50_u64 {
        let event = NewEvent {
            correlation: Some(format!("corr-{}", n % 3).into()),
            ..NewEvent::new("T", n.to_string()).id(format!("id-{n}")).time(time(n))
        };
        store.append(&stream(&format!("c{}-{}", n % 2, n % 5)), [event], Expected::Any).expect("appended");
    }
    let viewer = Viewer::open(directory.path()).expect("beside the writer");
    for history in [store.history(), viewer.history()] {
        let translated = |from: &Scope, ordinal, to: &Scope| history.translate(from, ordinal, to).expect("readable");
        let scopes = [
            Scope::All,
            Scope::Category("c1".into()),
            Scope::Stream(stream("c0-4")),
            Scope::Correlation("corr-1".into()),
        ];
        for scope in scopes {
            let forward = all(history, scope.clone());
            if let Scope::Correlation(_) = scope {
                let third: Vec<_> = (1..50).step_by(3).map(|n| Some(format!("id-{n}").into())).collect();
                assert_eq!(forward.iter().map(|event| event.id.clone()).collect::<Vec<_>>(), third);
            }
            let ask = |from: Anchor, direction, limit| {
                let query = EventQuery { scope: scope.clone(), from, direction, limit };
                history.events(&query, &Cancel::default()).expect("readable")
            };
            let mut backward = ask(Anchor::End, Direction::Backward, usize::MAX).events;
            backward.reverse();
            assert_eq!(backward, forward);
            for limit in 1..7 {
                let mut paged = Vec::new();
                while paged.len() < forward.len() {
                    let page = ask(Anchor::Ordinal(paged.len() as u64), Direction::Forward, limit);
                    assert_eq!((page.first, page.total), (paged.len() as u64, forward.len() as u64));
                    paged.extend(page.events);
                }
                assert_eq!(paged, forward);
            }
            for (n, event) in forward.iter().enumerate() {
                let id = event.id.clone().expect("given");
                assert_eq!(ask(Anchor::Id(id), Direction::Forward, 1).first, n as u64);
                let at = event.time.expect("given");
                let later = Timestamp::from_nanosecond(at.as_nanosecond() + 1).expect("in range");
                let earlier = Timestamp::from_nanosecond(at.as_nanosecond() - 1).expect("in range");
                assert_eq!(ask(Anchor::AsOf(at), Direction::Forward, 1).events.first(), Some(event));
                assert_eq!(ask(Anchor::AsOf(later), Direction::Backward, 1).events.first(), Some(event));
                let before = ask(Anchor::AsOf(earlier), Direction::Forward, 1).events;
                assert_eq!(before.first(), n.checked_sub(1).map(|n| &forward[n]));
                let all_ordinal = translated(&scope, n as u64, &Scope::All).expect("in the store");
                assert_eq!(translated(&Scope::All, all_ordinal, &scope), Some(n as u64));
            }
            assert_eq!(ask(Anchor::Ordinal(1000), Direction::Forward, 1).events, []);
            assert_eq!(ask(Anchor::Id("unknown".into()), Direction::Forward, 1).events, []);
        }
        let unknown = EventQuery::first(Scope::Stream(stream("unknown")), 5);
        assert_eq!(history.events(&unknown, &Cancel::default()).expect("readable").total, 0);
        let query = EventQuery { from: Anchor::Version(Version(3)), ..EventQuery::first(Scope::All, 5) };
        assert!(matches!(history.events(&query, &Cancel::default()), Err(StoreError::Unsupported(_))));
        let cancelled = Cancel::default();
        cancelled.cancel();
        let result = history.events(&EventQuery::first(Scope::All, 5), &cancelled);
        assert!(matches!(result, Err(StoreError::Cancelled)));
        assert_eq!(
            history.streams(2, 2).streams.iter().map(|it| it.stream.as_str()).collect::<Vec<_>>(),
            ["c0-2", "c1-3"]
        );
    }
}

#[test]
fn a_subscription_misses_nothing_and_repeats_nothing_while_many_append() {
    const WRITERS: u64 = 4;
    const EACH: u64 = 150;
    let directory = tempfile::tempdir().expect("a directory");
    let store = Arc::new(Store::open(directory.path()).expect("a new store"));
    for n in 0..100 {
        store.append(&stream("before"), [NewEvent::new("T", n.to_string())], Expected::Any).expect("appended");
    }
    let viewer = Viewer::open(directory.path()).expect("beside the writer");
    let after = [(store.history().clone(), 0), (store.history().clone(), 60), (viewer.history().clone(), 0)];
    let total = 100 + WRITERS * EACH;
    let followers: Vec<_> = after
        .into_iter()
        .map(|(history, after)| {
            std::thread::spawn(move || {
                let cancel = Cancel::default();
                let mut positions = Vec::new();
                let mut last = BTreeMap::new();
                for event in history.subscribe(after, &cancel) {
                    let event = event.expect("readable");
                    positions.push(event.position.to_string().parse::<u64>().expect("a number"));
                    let version = last.entry(event.stream.clone()).or_insert(event.version.0 - 1);
                    assert_eq!(event.version.0, *version + 1, "in the order of {}", event.stream);
                    *version += 1;
                    if positions.len() as u64 == total - after {
                        cancel.cancel();
                    }
                }
                assert_eq!(positions, (after + 1..=total).collect::<Vec<_>>());
            })
        })
        .collect();
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let store = &store;
            scope.spawn(move || {
                for n in 0..EACH {
                    let name = stream(&format!("writer-{writer}"));
                    store.append(&name, [NewEvent::new("T", n.to_string())], Expected::Any).expect("appended");
                }
            });
        }
    });
    followers.into_iter().for_each(|follower| follower.join().expect("exact"));
}

#[test]
fn a_cancelled_subscription_ends() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = Store::open(directory.path()).expect("a new store");
    let cancel = Cancel::default();
    let mut subscription = store.history().subscribe(0, &cancel);
    let (told, ended) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        let next = subscription.next();
        told.send(next.is_none()).expect("somebody waits");
    });
    cancel.cancel();
    assert!(ended.recv().expect("it ends"));
    thread.join().expect("no panic");
}

fn count_by_type(model: &mut stepback::store::ReadModel<'_>, event: &Event) -> Result<(), String> {
    let count = model.get(&event.event_type).map_or(0, |bytes| String::from_utf8_lossy(&bytes).parse().unwrap_or(0));
    model.put(&event.event_type, (count + 1_u64).to_string());
    Ok(())
}

fn counts(store: &Store) -> BTreeMap<String, String> {
    let model = store.read_model("types").expect("readable");
    model.into_iter().map(|(key, value)| (key, String::from_utf8_lossy(&value).into_owned())).collect()
}

#[test]
fn projections_resume_show_their_lag_and_can_be_rebuilt() {
    let directory = tempfile::tempdir().expect("a directory");
    let cancel = Cancel::default();
    {
        let store = Store::open(directory.path()).expect("a new store");
        for n in 0..1200 {
            let kind = if n % 3 == 0 { "A" } else { "B" };
            store.append(&stream("s"), [NewEvent::new(kind, "{}")], Expected::Any).expect("appended");
        }
        assert_eq!(store.projection("types").expect("readable").lag(), 1200);
        let mut folded = 0;
        let status = store.project("types", &cancel, &mut |model, event| {
            folded += 1;
            count_by_type(model, event)
        });
        assert_eq!((folded, status.expect("folded").lag()), (1200, 0));
        assert_eq!(counts(&store), [("A".to_owned(), "400".to_owned()), ("B".to_owned(), "800".to_owned())].into());
        store
            .append(&stream("s"), [NewEvent::new("C", "{}"), NewEvent::new("Bad", "{}")], Expected::Any)
            .expect("appended");
        assert_eq!(store.projection("types").expect("readable").lag(), 2);
    }
    let store = Store::open(directory.path()).expect("the store");
    let mut seen = Vec::new();
    let result = store.project("types", &cancel, &mut |model, event| {
        seen.push(event.event_type.to_string());
        count_by_type(model, event)?;
        model.remove("B");
        if &*event.event_type == "Bad" { Err("no such type".into()) } else { Ok(()) }
    });
    assert_eq!(seen, ["C", "Bad"], "it goes on where it was");
    assert!(matches!(result, Err(StoreError::Projection { position: 1202, .. })), "{result:?}");
    assert_eq!(store.projection("types").expect("readable").lag(), 1);
    let expected = [("A".to_owned(), "400".to_owned()), ("C".to_owned(), "1".to_owned())];
    assert_eq!(counts(&store), expected.into(), "what came before the failure is kept, what it did itself is not");
    store.rebuild_projection("types").expect("emptied");
    assert_eq!(store.projection("types").expect("readable").lag(), 1202);
    assert_eq!(counts(&store), BTreeMap::new());
    store.project("types", &cancel, &mut |model, event| count_by_type(model, event)).expect("folded");
    assert_eq!(counts(&store).values().map(|count| count.parse::<u64>().expect("a number")).sum::<u64>(), 1202);
}

#[test]
fn a_long_entry_is_kept_in_parts_and_replaced_whole() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = Store::open(directory.path()).expect("a new store");
    let long: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
    for n in 0..3 {
        store.append(&stream("s"), [NewEvent::new("T", n.to_string())], Expected::Any).expect("appended");
    }
    let mut lengths = [0, 200_000, 10].into_iter();
    let mut fold = |model: &mut stepback::store::ReadModel<'_>, _: &Event| {
        let length = lengths.next().unwrap_or_default();
        model.put("entry", &long[..length]);
        Ok(())
    };
    store.project("long", &Cancel::default(), &mut fold).expect("folded");
    assert_eq!(store.read_model("long").expect("readable")["entry"], &long[..10]);
    let snapshot = Snapshot { version: Version(9), state: long.clone() };
    store.save_snapshot(&stream("s"), "f", &snapshot).expect("saved");
    assert_eq!(store.load_snapshot(&stream("s"), "f", None).expect("readable"), Some(snapshot));
}

#[test]
fn many_events_come_back_after_the_index_is_lost_and_when_it_is_kept() {
    let directory = tempfile::tempdir().expect("a directory");
    {
        let store = Store::open(directory.path()).expect("a new store");
        for n in 0..300_u64 {
            let batch = (0..11).map(|m| NewEvent::new("T", format!("{{\"n\":{n},\"m\":{m}}}")).id(format!("{n}/{m}")));
            store.append(&stream(&format!("s-{}", n % 37)), batch, Expected::Any).expect("appended");
        }
    }
    let viewer = Viewer::open(directory.path()).expect("a store");
    viewer.read_all(&Cancel::default(), &mut |_| {}).expect("readable");
    let truth = all(viewer.history(), Scope::All);
    assert_eq!(truth.len(), 3300);
    let kept = Store::open(directory.path()).expect("the store");
    assert_eq!(kept.notices(), []);
    assert_eq!(all(kept.history(), Scope::All), truth);
    drop(kept);
    std::fs::remove_dir_all(directory.path().join("index")).expect("removed");
    let rebuilt = Store::open(directory.path()).expect("the store");
    assert_eq!(rebuilt.notices(), [Notice::IndexRebuilt]);
    assert_eq!(all(rebuilt.history(), Scope::All), truth);
    let repeated = rebuilt.append(&stream("s-0"), [NewEvent::new("T", r#"{"n":0,"m":3}"#).id("0/3")], Expected::Any);
    assert_eq!(repeated.map(|it| (it.repeated, it.first_position)).expect("known"), (true, 4));
    drop(rebuilt);
    let report = verify(directory.path(), &Cancel::default(), &mut |_| {}).expect("readable");
    assert!(!report.is_damaged(), "{report}");
    assert_eq!((report.events, report.streams, report.index), (3300, 37, stepback::store::IndexState::Whole));
}

#[test]
fn viewers_follow_a_writer_and_never_block_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = Store::open(directory.path()).expect("a new store");
    let viewers: Vec<Viewer> = (0..3).map(|_| Viewer::open(directory.path()).expect("beside the writer")).collect();
    for n in 1..=200_u64 {
        store.append(&stream("s"), [NewEvent::new("T", n.to_string())], Expected::Any).expect("appended");
        let viewer = &viewers[n as usize % 3];
        viewer.history().refresh().expect("readable");
        assert_eq!(viewer.history().events_known(), n, "what is acknowledged is seen");
    }
    for viewer in &viewers {
        viewer.history().refresh().expect("readable");
        assert_eq!(all(viewer.history(), Scope::All), all(store.history(), Scope::All));
        assert!(viewer.progress().complete);
    }
}

/// A store of so many streams of one event each, in several segments.
fn of_many_streams(directory: &std::path::Path, streams: usize) {
    let store = Store::open_with(directory, Options { segment: 256 << 10, ..Options::default() }).expect("a new store");
    let names: Vec<StreamName> = (0..streams).map(|n| stream(&format!("account-{n}"))).collect();
    for (at, chunk) in names.chunks(64).enumerate() {
        let taken = chunk.iter().enumerate().map(|(m, name)| {
            let number = at * 64 + m;
            let event = Event {
                id: Some(format!("id-{number}").into()),
                data: Payload::json_text(format!("{{\"n\":{number}}}")),
                ..Event::new(name.clone(), Version(1 + (m as u64 % 3)), Position::Number(0), "Opened")
            };
            Taken { event: Arc::new(event), next: number as u64 + 1 }
        });
        store.take_over(7, taken.collect()).expect("taken");
    }
}

fn copied(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).expect("made");
    for entry in std::fs::read_dir(from).expect("readable").flatten() {
        match entry.path() {
            path if path.is_dir() => copied(&path, &to.join(entry.file_name())),
            path => drop(std::fs::copy(path, to.join(entry.file_name())).expect("copied")),
        }
    }
}

#[test]
fn an_append_to_a_large_store_is_decided_as_by_the_store_itself() {
    let directory = tempfile::tempdir().expect("a directory");
    let (one, other) = (directory.path().join("one"), directory.path().join("other"));
    of_many_streams(&one, 22_000);
    copied(&one, &other);
    let event = |data: &str| NewEvent::new("T", data);
    let known = |data: &str| NewEvent::new("Opened", data);
    let cases = [
        ("account-7", event("1"), Expected::Any),
        ("account-7", event("2"), Expected::Exact(3)),
        ("account-7", event("2"), Expected::Exact(2)),
        ("account-7", event("3"), Expected::NoStream),
        ("account-21999", event("4"), Expected::Exact(1)),
        ("account-9", known("{\"n\":9}").id("id-9"), Expected::Any),
        ("account-9", known("{\"n\":8}").id("id-9"), Expected::Any),
        ("account-10", known("{\"n\":9}").id("id-9"), Expected::Any),
        ("nobody", known("{\"n\":9}").id("id-9"), Expected::NoStream),
        ("nobody", event("5").id("mine"), Expected::Exact(1)),
        ("nobody", event("5").id("mine"), Expected::NoStream),
        ("nobody", event("5").id("mine"), Expected::NoStream),
        ("nobody", event("6").id("mine"), Expected::Any),
        ("account-11", event("5").id("mine"), Expected::Any),
        ("nobody", event("7"), Expected::Exact(1)),
        ("", event("8"), Expected::Any),
    ];
    for (name, event, expected) in cases {
        let mut appender = Appender::open(&one).expect("opens").expect("there is a lookup");
        let swift = appender.append(&stream(name), &event, expected);
        let whole = Store::open(&other).expect("opens").append(&stream(name), [event.clone()], expected);
        let swift = swift.map(|appended| appended.expect("decided")).map_err(|error| error.to_string());
        assert_eq!(swift, whole.map_err(|error| error.to_string()), "{name} {event:?} {expected:?}");
    }
    let what = |directory: &std::path::Path| -> Vec<(String, u64, String)> {
        let store = Store::open(directory).expect("opens");
        assert!(store.notices().is_empty(), "{:?}", store.notices());
        let events = all(store.history(), Scope::All);
        events.iter().map(|event| (event.stream.to_string(), event.version.0, event.data.text().into_owned())).collect()
    };
    assert_eq!(what(&one), what(&other));
    let report = verify(&one, &Cancel::default(), &mut |_| {}).expect("readable");
    assert!(!report.is_damaged(), "{report}");
}

#[test]
fn an_append_to_a_large_store_reads_its_last_segment_and_little_else() {
    let directory = tempfile::tempdir().expect("a directory");
    of_many_streams(directory.path(), 30_000);
    let read = || {
        let counters = std::fs::read_to_string("/proc/thread-self/io").expect("counters");
        let line = counters.lines().find_map(|line| line.strip_prefix("rchar: ")).expect("bytes read").to_owned();
        line.parse::<u64>().expect("a number")
    };
    let journal: u64 = std::fs::read_dir(directory.path().join("journal"))
        .expect("readable")
        .map(|entry| entry.expect("readable").metadata().expect("known").len())
        .sum();
    let before = read();
    let mut appender = Appender::open(directory.path()).expect("opens").expect("there is a lookup");
    let appended = appender.append(&stream("account-3"), &NewEvent::new("T", "1"), Expected::Any);
    let bytes = read() - before;
    assert_eq!(appended.expect("appended").expect("decided").last_position, 30_001);
    // A segment, and of the lookup the first keys of its blocks and a few blocks.
    assert!(bytes < (256 << 10) + (96 << 10), "{bytes} bytes read for one append");
    assert!(journal > 3 * bytes, "{journal} bytes of journal: a test that shows something");
    // A lookup that is not what was written is not believed, and the store itself answers.
    drop(appender);
    let lookup = directory.path().join("index/lookup");
    let whole = std::fs::read(&lookup).expect("readable");
    for at in (0..whole.len()).step_by(whole.len() / 40) {
        let mut bytes = whole.clone();
        bytes[at] ^= 4;
        std::fs::write(&lookup, bytes).expect("written");
        if let Some(mut appender) = Appender::open(directory.path()).expect("opens") {
            let again =
                appender.append(&stream("account-5"), &NewEvent::new("T", "1"), Expected::Exact(7)).expect_err("6");
            assert!(again.to_string().ends_with("but it is at version 3"), "{again}");
        }
        let report = verify(directory.path(), &Cancel::default(), &mut |_| {}).expect("readable");
        assert!(report.is_damaged() || !lookup.exists(), "byte {at}\n{report}");
    }
}

#[test]
fn what_a_store_makes_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("above/store");
    let store = Store::open_with(&path, Options { segment: 1 << 10, ..Options::default() }).expect("a new store");
    for n in 0..20 {
        store
            .append(&stream("a-1"), [NewEvent::new("T", format!("[{n},\"{}\"]", "x".repeat(200)))], Expected::Any)
            .expect("appended");
    }
    store.project("counts", &Cancel::default(), &mut count_by_type).expect("folded");
    drop(store);
    fn modes(path: &std::path::Path, found: &mut Vec<(String, u32)>) {
        let metadata = std::fs::symlink_metadata(path).expect("known");
        found.push((path.display().to_string(), metadata.permissions().mode() & 0o777));
        if metadata.is_dir() {
            std::fs::read_dir(path).expect("readable").flatten().for_each(|entry| modes(&entry.path(), found));
        }
    }
    let mut found = Vec::new();
    modes(&directory.path().join("above"), &mut found);
    assert!(found.len() > 10, "{found:?}");
    for (name, mode) in &found {
        assert!(matches!(mode, 0o600 | 0o700), "{name} {mode:o}");
    }
    let said = || verify(&path, &Cancel::default(), &mut |_| {}).expect("readable").to_string();
    assert!(!said().contains("access"), "{}", said());
    // What is there keeps its rights, and it is said who has them.
    std::fs::set_permissions(path.join("journal/000001.evj"), std::fs::Permissions::from_mode(0o644)).expect("changed");
    Store::open(&path)
        .expect("opens")
        .append(&stream("a-1"), [NewEvent::new("T", "1")], Expected::Any)
        .expect("appended");
    assert_eq!(std::fs::metadata(path.join("journal/000001.evj")).expect("known").permissions().mode() & 0o777, 0o644);
    assert!(
        said().contains("access    1 of its files and folders are open to other users, first journal/000001.evj"),
        "{}",
        said()
    );
}

#[test]
fn other_directories_are_left_alone() {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("thesis.txt"), "years of work").expect("written");
    assert!(matches!(Store::open(directory.path()), Err(StoreError::NotAStore(name)) if name == "thesis.txt"));
    assert!(matches!(Viewer::open(directory.path()), Err(StoreError::NotFound(_))));
    assert_eq!(std::fs::read_dir(directory.path()).expect("readable").count(), 1);
    assert!(matches!(Viewer::open(directory.path().join("nowhere")), Err(StoreError::NotFound(_))));
}

#[test]
fn json_of_an_event_is_exact() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = Store::open(directory.path()).expect("a new store");
    let data = r#"{"n":12345678901234567890.10}"#;
    store.append(&stream("s"), [NewEvent::new("T", data)], Expected::Any).expect("appended");
    let event = store.history().event(1).expect("readable").expect("there");
    assert_eq!(event.data.json().as_ref().map(Json::to_string).as_deref(), Ok(data));
    assert_eq!(store.history().event(2).expect("readable"), None);
    assert_eq!(store.history().event(0).expect("readable"), None);
}
