//! What a walk finds, over the reference source: at both ends, across streams, across records that are none, and whatever
//! walk came before.

use proptest::prelude::*;

use super::super::reducers::ReducerPlaces;
use super::driving::SLICE;
use super::*;
use crate::domain::{About, EventPage, Json, Payload, Position, Progress, StreamPage, StreamSummary, Trouble};
use crate::replay::StateCost;
use crate::sources::memory::Memory;

/// The `n`-th event of a store: in this stream, or a record that could not be read.
fn event(n: u64, stream: Option<(&str, u64)>) -> Event {
    let trouble = stream.is_none().then(|| Trouble { place: format!("record {n}"), reason: "it is no event".into() });
    let (stream, version) = stream.unwrap_or(("", 0));
    Event {
        id: Some(format!("id-{n}").into()),
        time: Some(at(n)),
        data: Payload::json_text(format!("{{\"n\":{n},\"of\":{{\"{stream}\":{version}}}}}")),
        correlation: trouble.is_none().then(|| format!("c-{}", n % 3).into()),
        trouble,
        ..Event::new(stream, Version(version), Position::Number(n), "Happened")
    }
}

/// One event a second.
fn at(n: u64) -> Timestamp {
    crate::domain::time::parse("2025-01-01T00:00:00Z")
        .and_then(|start| Timestamp::from_second(start.as_second() + i64::try_from(n).ok()?).ok())
        .expect("a time of this age")
}

/// A store from the streams of its events, `!` for a record that could not be read; versions count from 1.
fn store(streams: &[&str]) -> Vec<Event> {
    let mut versions = std::collections::HashMap::new();
    (0..)
        .zip(streams)
        .map(|(n, stream)| {
            let version: &mut u64 = versions.entry(*stream).or_default();
            *version += 1;
            event(n, (*stream != "!").then_some((*stream, *version)))
        })
        .collect()
}

fn walker(events: Vec<Event>) -> Walker {
    Walker::new(Arc::new(Memory::new("memory", events)), ReducerBook::empty())
}

fn go(walker: &mut Walker, scope: &Scope, from: u64, to: Destination) -> Result<Reached, Failure> {
    walker.go(scope, from, &to, &Cancel::default(), &mut |_| {})
}

fn stream(name: &str) -> Scope {
    Scope::Stream(name.into())
}

fn category(name: &str) -> Scope {
    Scope::Category(name.into())
}

/// Where a walk arrived: the scope, the place in it, and the number of the event in the store.
fn place(reached: Result<Reached, Failure>) -> (Scope, u64, Option<u64>) {
    let reached = reached.expect("there is such a place");
    let number = reached.moment.event.as_ref().map(|event| match event.position {
        Position::Number(number) => number,
        Position::Text(_) | Position::Nth(_) => panic!("positions are numbers here"),
    });
    (reached.scope, reached.scope_at, number)
}

fn why(result: Result<Reached, Failure>) -> Failure {
    match result {
        Ok(reached) => panic!("there is no such place, but {} of {:?}", reached.scope_at, reached.scope),
        Err(failure) => failure,
    }
}

const NEXT: Destination = Destination::Store(Direction::Forward);
const BACK: Destination = Destination::Store(Direction::Backward);

#[test]
fn neighbours_of_the_store_are_met_in_its_order_and_end_at_its_ends() {
    let mut walker = walker(store(&["a-1", "b-1", "a-1", "!", "!", "c-1"]));
    let mut there = (stream("a-1"), 1, Some(0));
    for expected in [
        (stream("b-1"), 1, Some(1)),
        (stream("a-1"), 2, Some(2)),
        // Records that are no events are passed over.
        (stream("c-1"), 1, Some(5)),
    ] {
        there = place(go(&mut walker, &there.0, there.1, NEXT));
        assert_eq!(there, expected);
    }
    assert!(why(go(&mut walker, &there.0, there.1, NEXT)).why.contains("last event"));
    for expected in [(stream("a-1"), 2, Some(2)), (stream("b-1"), 1, Some(1)), (stream("a-1"), 1, Some(0))] {
        there = place(go(&mut walker, &there.0, there.1, BACK));
        assert_eq!(there, expected);
    }
    assert!(why(go(&mut walker, &there.0, there.1, BACK)).why.contains("first event"));
}

#[test]
fn before_a_stream_is_just_before_its_first_event() {
    let mut walker = walker(store(&["a-1", "!", "b-1", "a-1"]));
    assert_eq!(place(go(&mut walker, &stream("b-1"), 0, NEXT)), (stream("b-1"), 1, Some(2)));
    // The record between them is passed over, and does not hold the walk for ever.
    assert_eq!(place(go(&mut walker, &stream("b-1"), 0, BACK)), (stream("a-1"), 1, Some(0)));
    assert!(why(go(&mut walker, &stream("a-1"), 0, BACK)).why.contains("first event"));
    assert_eq!(place(go(&mut walker, &category("a"), 0, NEXT)), (stream("a-1"), 1, Some(0)));
    assert!(why(go(&mut walker, &stream("nosuch"), 0, NEXT)).why.contains("no event here"));
}

#[test]
fn only_bad_records_on_the_way_are_an_end() {
    let mut walker = walker(store(&["!", "!", "a-1", "!"]));
    assert!(why(go(&mut walker, &stream("a-1"), 1, NEXT)).why.contains("last event"));
    assert!(why(go(&mut walker, &stream("a-1"), 1, BACK)).why.contains("first event"));
    assert!(why(go(&mut walker, &stream("a-1"), 0, BACK)).why.contains("first event"));
    // In the whole store one can stand on such a record, and step from there.
    assert_eq!(place(go(&mut walker, &Scope::All, 1, NEXT)), (Scope::All, 3, Some(2)));
    assert_eq!(place(go(&mut walker, &Scope::All, 4, BACK)), (Scope::All, 3, Some(2)));
    let reached = go(&mut walker, &Scope::All, 0, Destination::To(4)).expect("a place");
    assert!(reached.moment.fault.is_some_and(|fault| fault.message.contains("no event")));
}

#[test]
fn the_whole_store_stays_the_whole_store() {
    let mut walker = walker(store(&["a-1", "b-1"]));
    assert_eq!(place(go(&mut walker, &Scope::All, 0, NEXT)), (Scope::All, 1, Some(0)));
    assert_eq!(place(go(&mut walker, &Scope::All, 1, NEXT)), (Scope::All, 2, Some(1)));
    assert!(why(go(&mut walker, &Scope::All, 2, NEXT)).why.contains("last event"));
    assert!(why(go(&mut walker, &Scope::All, 0, BACK)).why.contains("first event"));
    assert!(why(go(&mut walker, &Scope::All, u64::MAX, NEXT)).why.contains("last event"));
}

#[test]
fn more_bad_records_than_one_read_holds_are_passed_over() {
    let mut streams = vec!["!"; 3 * MOST_PASSED];
    streams.insert(0, "a-1");
    streams.push("b-1");
    let mut walker = walker(store(&streams));
    let last = streams.len() as u64 - 1;
    assert_eq!(place(go(&mut walker, &stream("a-1"), 1, NEXT)), (stream("b-1"), 1, Some(last)));
    assert_eq!(place(go(&mut walker, &stream("b-1"), 1, BACK)), (stream("a-1"), 1, Some(0)));
}

#[test]
fn a_place_beyond_the_end_is_the_end() {
    let mut walker = walker(store(&["a-1", "b-1", "a-1", "a-2"]));
    for (scope, end, number) in
        [(stream("a-1"), 2, 2), (category("a"), 3, 3), (Scope::All, 4, 3), (stream("b-1"), 1, 1)]
    {
        for beyond in [end, end + 1, u64::MAX] {
            assert_eq!(place(go(&mut walker, &scope, 0, Destination::To(beyond))), (scope.clone(), end, Some(number)));
        }
    }
}

#[test]
fn a_scope_without_events_has_one_place() {
    let mut walker = walker(store(&["a-1"]));
    for scope in [stream("b-1"), category("b")] {
        for to in [0, 1, u64::MAX] {
            assert_eq!(place(go(&mut walker, &scope, 0, Destination::To(to))), (scope.clone(), 0, None));
        }
        assert_eq!(place(go(&mut walker, &scope, 0, Destination::AsOf(at(9)))), (scope.clone(), 0, None));
    }
    let mut empty = self::walker(Vec::new());
    assert_eq!(place(go(&mut empty, &Scope::All, 0, Destination::To(5))), (Scope::All, 0, None));
    assert!(go(&mut empty, &Scope::All, 0, NEXT).is_err());
}

#[test]
fn times_ids_and_versions_are_found() {
    let mut walker = walker(store(&["a-1", "b-1", "a-1", "b-1"]));
    let before = Timestamp::from_second(at(0).as_second() - 1).expect("a time");
    for scope in [stream("b-1"), category("b"), Scope::All] {
        assert_eq!(place(go(&mut walker, &scope, 2, Destination::AsOf(before))), (scope.clone(), 0, None));
    }
    assert_eq!(place(go(&mut walker, &stream("b-1"), 0, Destination::AsOf(at(2)))), (stream("b-1"), 1, Some(1)));
    let id = |n: u64| Destination::Id(format!("id-{n}").into());
    assert_eq!(place(go(&mut walker, &stream("a-1"), 0, id(2))), (stream("a-1"), 2, Some(2)));
    // In another stream: there.
    assert_eq!(place(go(&mut walker, &stream("a-1"), 0, id(3))), (stream("b-1"), 2, Some(3)));
    assert_eq!(place(go(&mut walker, &Scope::All, 0, id(3))), (Scope::All, 4, Some(3)));
    assert_eq!(why(go(&mut walker, &stream("a-1"), 0, id(9))).kind, FailureKind::NotFound);
    let version = |version| Destination::Version { version, at: 0 };
    assert_eq!(place(go(&mut walker, &stream("a-1"), 0, version(2))), (stream("a-1"), 2, Some(2)));
    assert_eq!(why(go(&mut walker, &stream("a-1"), 0, version(3))).kind, FailureKind::NotFound);
    let same = |of, at| Destination::Same(of, at);
    assert_eq!(place(go(&mut walker, &Scope::All, 0, same(stream("b-1"), 2))), (Scope::All, 4, Some(3)));
    assert_eq!(place(go(&mut walker, &stream("b-1"), 0, same(Scope::All, 4))), (stream("b-1"), 2, Some(3)));
    assert_eq!(why(go(&mut walker, &stream("b-1"), 0, same(Scope::All, 1))).kind, FailureKind::NotFound);
}

#[test]
fn an_id_told_twice_is_that_of_the_scope_first() {
    let mut events = store(&["a-1", "b-1", "b-1"]);
    events.iter_mut().for_each(|event| event.id = Some("same".into()));
    let mut walker = walker(events);
    assert_eq!(place(go(&mut walker, &stream("b-1"), 0, Destination::Id("same".into()))), (stream("b-1"), 1, Some(1)));
    assert_eq!(place(go(&mut walker, &Scope::All, 0, Destination::Id("same".into()))), (Scope::All, 1, Some(0)));
    assert_eq!(place(go(&mut walker, &stream("c-1"), 0, Destination::Id("same".into()))), (stream("a-1"), 1, Some(0)));
}

#[test]
fn a_version_behind_a_later_one_is_found() {
    let versions = [1, 5, 2, 7, 4];
    let events = (0..).zip(versions).map(|(n, version)| event(n, Some(("a-1", version)))).collect();
    let mut walker = walker(events);
    for (n, version) in (0..).zip(versions) {
        let there = (stream("a-1"), n + 1, Some(n));
        assert_eq!(place(go(&mut walker, &stream("a-1"), 0, Destination::Version { version, at: 0 })), there);
    }
    // Where none has it nobody is led to another one.
    for version in [3, 8] {
        let failure = why(go(&mut walker, &stream("a-1"), 0, Destination::Version { version, at: 2 }));
        assert_eq!(failure.kind, FailureKind::NotFound);
    }
}

#[test]
fn of_a_version_that_stands_twice_the_one_of_before_is_gone_to() {
    let versions = [1, 2, 2, 3];
    let events = (0..).zip(versions).map(|(n, version)| event(n, Some(("a-1", version)))).collect();
    let mut walker = walker(events);
    for (at, there) in [(2, 2), (3, 3), (1, 3), (9, 3), (0, 3)] {
        let to = Destination::Version { version: 2, at };
        assert_eq!(place(go(&mut walker, &stream("a-1"), 0, to)), (stream("a-1"), there, Some(there - 1)), "{at}");
    }
}

#[test]
fn a_place_of_a_category_has_the_state_of_its_events_own_stream() {
    let mut walker = walker(store(&["a-1", "a-2", "b-1", "!", "a-1", "a-2"]));
    for (to, name, own) in [(1, "a-1", 1), (2, "a-2", 1), (3, "a-1", 2), (4, "a-2", 2)] {
        let reached = go(&mut walker, &category("a"), 0, Destination::To(to)).expect("a place");
        assert_eq!((reached.scope_at, reached.moment.stream.as_str(), reached.moment.at), (to, name, own));
        let alone = go(&mut walker, &stream(name), 0, Destination::To(own)).expect("a place");
        assert_eq!(alone.moment, reached.moment);
    }
}

#[test]
fn what_is_appended_can_be_walked_to() {
    let memory = Arc::new(Memory::new("memory", store(&["a-1", "b-1"])));
    let mut walker = Walker::new(memory.clone(), ReducerBook::empty());
    assert_eq!(place(go(&mut walker, &stream("a-1"), 0, Destination::To(9))), (stream("a-1"), 1, Some(0)));
    assert!(go(&mut walker, &stream("b-1"), 1, NEXT).is_err());
    memory.append(store(&["a-1", "b-1", "a-1", "!"]).split_off(2));
    let reached = go(&mut walker, &stream("a-1"), 1, Destination::To(9)).expect("the new end");
    assert_eq!((reached.scope_at, reached.moment.total), (2, 2));
    assert_eq!(place(go(&mut walker, &stream("b-1"), 1, NEXT)), (stream("a-1"), 2, Some(2)));
    assert_eq!(place(go(&mut walker, &Scope::All, 0, Destination::To(9))), (Scope::All, 4, Some(3)));
}

#[test]
fn what_may_still_come_is_not_denied() {
    let mut walker = Walker::new(Arc::new(Unfinished(Memory::new("memory", store(&["a-1"])))), ReducerBook::empty());
    for to in [Destination::Id("nosuch".into()), Destination::Version { version: 9, at: 0 }, NEXT] {
        let failure = why(go(&mut walker, &stream("a-1"), 1, to));
        assert!(failure.hint.contains("still being read"), "{failure}");
    }
    let mut walker = self::walker(store(&["a-1"]));
    assert!(why(go(&mut walker, &stream("a-1"), 1, NEXT)).hint.is_empty());
}

#[test]
fn a_walk_that_was_stopped_can_be_gone_on_with() {
    let events = store(&vec!["a-1"; 5 * SLICE as usize]);
    let mut fresh = walker(events.clone());
    let mut walker = walker(events);
    for (stop_after, to) in [(1, 4 * SLICE), (2, 5 * SLICE), (1, 3 * SLICE)] {
        let (cancel, mut heard) = (Cancel::default(), 0);
        let stopped = walker.go(&stream("a-1"), 0, &Destination::To(to), &cancel, &mut |far| {
            assert!(far.folded <= far.to_fold, "{} of {}", far.folded, far.to_fold);
            heard += 1;
            if heard == stop_after {
                cancel.cancel();
            }
        });
        if heard >= stop_after {
            assert_eq!(why(stopped).kind, FailureKind::Cancelled);
        }
        for place in [to, 1, to - 1, to] {
            let (found, expected) = (
                go(&mut walker, &stream("a-1"), 0, Destination::To(place)).expect("a place"),
                go(&mut fresh, &stream("a-1"), 0, Destination::To(place)).expect("a place"),
            );
            assert_eq!(found, expected);
        }
    }
    let cancelled = Cancel::default();
    cancelled.cancel();
    let stopped = walker.go(&stream("a-1"), 0, &Destination::To(1), &cancelled, &mut |_| {});
    assert_eq!(why(stopped).kind, FailureKind::Cancelled);
}

#[test]
fn a_place_is_found_without_folding_and_is_that_of_the_moment() {
    let source = store(&["a-1", "b-1", "a-1", "a-1", "b-1"]);
    let mut walker = walker(source);
    let cancel = Cancel::default();
    let ways = [
        (stream("a-1"), 0, Destination::To(0)),
        (stream("a-1"), 0, Destination::To(2)),
        (stream("a-1"), 0, Destination::To(99)),
        (stream("nosuch"), 0, Destination::To(7)),
        (stream("a-1"), 0, Destination::Version { version: 2, at: 0 }),
        (stream("b-1"), 0, Destination::InStore(3)),
        (stream("a-1"), 1, Destination::Store(Direction::Forward)),
        (Scope::All, 0, Destination::To(0)),
        (Scope::All, 0, Destination::To(3)),
        (Scope::All, 0, Destination::To(99)),
        (Scope::Category("a".into()), 0, Destination::To(2)),
    ];
    for (scope, from, to) in ways {
        let placed = walker.place(&scope, from, &to, &cancel).expect("a place");
        let reached = go(&mut walker, &scope, from, to.clone()).expect("a place");
        let moment = reached.moment;
        assert_eq!(
            (placed.scope, placed.scope_at, placed.event, placed.stream_at),
            (reached.scope, reached.scope_at, moment.event, moment.at),
            "{scope:?} {to:?}"
        );
    }
    let nowhere = walker.place(&stream("a-1"), 0, &Destination::Version { version: 99, at: 0 }, &cancel);
    assert_eq!(nowhere.expect_err("there is no such version").kind, FailureKind::NotFound);
}

#[test]
fn what_is_pinned_is_compared_with_whatever_is_reached_next() {
    let mut walker = walker(store(&["a-1", "b-1", "a-1"]));
    assert!(walker.difference().is_none());
    let first = go(&mut walker, &stream("a-1"), 0, Destination::To(1)).expect("a place");
    walker.pin(first.moment.state.clone());
    assert_eq!(walker.difference(), Some(Patch::default()));
    for (scope, to) in [(stream("a-1"), 2), (stream("b-1"), 1), (Scope::All, 3), (stream("b-1"), 0)] {
        let there = go(&mut walker, &scope, 0, Destination::To(to)).expect("a place");
        assert_eq!(walker.difference(), Some(Patch::between(&first.moment.state, &there.moment.state)));
    }
    // A walk that fails leaves one where one stood.
    let before = walker.difference();
    assert!(go(&mut walker, &stream("a-1"), 0, Destination::Id("nosuch".into())).is_err());
    assert_eq!(walker.difference(), before);
    walker.unpin();
    assert!(walker.difference().is_none());
}

#[test]
fn a_reducer_that_is_not_there_says_so_at_every_place_and_may_come_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join(super::super::PROJECT_FILE);
    std::fs::write(&file, "[reducers]\na = \"gone.js\"\n").expect("written");
    let places = ReducerPlaces { folders: vec![folder.path().to_path_buf()], ..ReducerPlaces::default() };
    let memory = Memory::new("memory", store(&["a-1", "b-1", "a-1"]));
    let mut walker = Walker::new(Arc::new(memory), ReducerBook::read(places).expect("a project file"));
    for to in [0, 1, 2, u64::MAX] {
        let reached = go(&mut walker, &stream("a-1"), 0, Destination::To(to)).expect("the walk goes on");
        assert_eq!((reached.scope_at, reached.moment.at), (to.min(2), to.min(2)));
        assert_eq!(reached.moment.event.is_some(), to > 0);
        assert!(reached.moment.fault.is_none() && reached.moment.state.is_none());
        assert!(reached.moment.unknown.is_some_and(|why| why.message.contains("gone.js")));
        assert_eq!(reached.moment.reducer.name, "gone.js");
    }
    let other = go(&mut walker, &stream("b-1"), 0, Destination::To(1)).expect("another category");
    assert!(other.moment.unknown.is_none() && other.moment.state.is_some());
    assert_eq!(walker.refresh(), None);
    std::fs::write(&file, "[reducers]\n").expect("written");
    assert!(walker.refresh().is_some());
    let mended = go(&mut walker, &stream("a-1"), 0, Destination::To(2)).expect("a place");
    assert!(mended.moment.unknown.is_none() && mended.moment.fault.is_none());
    assert_eq!(mended.moment.state.as_ref().and_then(|state| state.get("n")?.as_i64()), Some(2));
    std::fs::remove_file(&file).expect("removed");
    assert!(walker.refresh().is_some());
    assert!(go(&mut walker, &stream("a-1"), 0, Destination::To(1)).is_ok());
}

/// A fold that costs a copy, like that of a script, and counts how many events it is sent at once at most.
struct Counting {
    info: ReducerInfo,
    folded: i64,
    most: Arc<std::sync::atomic::AtomicUsize>,
}

impl Reducer for Counting {
    fn start(&mut self, from: crate::replay::Start<'_>) -> Result<(), FoldError> {
        self.folded = match from {
            crate::replay::Start::Resume(_, Some(state)) => state.as_i64().expect("a count"),
            _ => 0,
        };
        Ok(())
    }

    fn apply(&mut self, events: &[Arc<Event>], _: &mut Vec<(usize, FoldError)>) -> Result<usize, crate::replay::Lost> {
        self.most.fetch_max(events.len(), std::sync::atomic::Ordering::Relaxed);
        self.folded += events.len() as i64;
        Ok(events.len())
    }

    fn state(&mut self) -> Result<State, FoldError> {
        Ok(Some(Json::from(self.folded)))
    }

    fn info(&self) -> &ReducerInfo {
        &self.info
    }
}

#[test]
fn a_script_is_looked_after_more_often_than_a_built_in_fold() {
    let events = 4 * SLICE;
    let memory = Memory::new("memory", store(&vec!["a-1"; events as usize]));
    let most = Arc::default();
    let info = ReducerInfo { cost: StateCost::Copy, ..crate::reducers::Definition::Merge.info() };
    let reducer = Box::new(Counting { info, folded: 0, most: Arc::clone(&most) });
    let batch = Limits::default().batch as u64;
    let mut kept =
        Kept { timeline: Timeline::new(StreamName::from("a-1"), reducer, Limits::default()), slice: 1, batch };
    let (mut looks, mut last) = (0, 0);
    let moment =
        drive(&memory, &mut kept, events, &Cancel::default(), &mut |&Underway { folded, to_fold: total, .. }| {
            assert!(last <= folded && folded <= total, "{last}, then {folded} of {total}");
            (looks, last) = (looks + 1, folded);
        })
        .expect("the end");
    assert_eq!(moment.state, Some(Json::from(events as i64)));
    assert!(looks >= events / batch - 1, "{looks} looks");
    assert!(most.load(std::sync::atomic::Ordering::Relaxed) as u64 <= batch);
}

#[test]
fn timelines_are_not_kept_without_end() {
    let names: Vec<String> = (0..5 * KEPT).map(|n| format!("a-{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut walker = walker(store(&names));
    for name in names.iter().chain(names.iter().rev()) {
        go(&mut walker, &stream(name), 0, Destination::To(1)).expect("a place");
        assert!(walker.timelines.len() <= KEPT);
    }
}

/// A source of which more may still be found.
struct Unfinished(Memory);

impl Source for Unfinished {
    fn about(&self) -> About {
        self.0.about()
    }

    fn progress(&self) -> Progress {
        Progress { complete: false, ..self.0.progress() }
    }

    fn begin(&self) {}

    fn complete(&self, cancel: &Cancel, told: &mut dyn FnMut(Progress)) -> Result<(), Failure> {
        self.0.complete(cancel, told)
    }

    fn streams(&self, from: usize, limit: usize) -> Result<StreamPage, Failure> {
        Ok(StreamPage { partial: true, ..self.0.streams(from, limit)? })
    }

    fn stream(&self, name: &StreamName) -> Result<Option<StreamSummary>, Failure> {
        self.0.stream(name)
    }

    fn events(&self, query: &EventQuery, cancel: &Cancel) -> Result<EventPage, Failure> {
        Ok(EventPage { partial: true, ..self.0.events(query, cancel)? })
    }

    fn translate(&self, from: &Scope, ordinal: u64, to: &Scope) -> Result<Option<u64>, Failure> {
        self.0.translate(from, ordinal, to)
    }
}

const NAMES: [&str; 6] = ["a-1", "a-2", "b-1", "!", "a-1", "lonely"];

fn scopes() -> impl Strategy<Value = Scope> {
    let streams = prop::sample::select(vec!["a-1", "a-2", "b-1", "lonely", "nosuch"]).prop_map(stream);
    let categories = prop::sample::select(vec!["a", "b", "lonely", "nosuch"]).prop_map(category);
    let correlations = (0..4).prop_map(|n| Scope::Correlation(format!("c-{n}").into()));
    prop_oneof![3 => streams, 2 => categories, 1 => correlations, 1 => Just(Scope::All)]
}

fn destinations() -> impl Strategy<Value = Destination> {
    prop_oneof![
        4 => (0_u64..45).prop_map(Destination::To),
        1 => Just(Destination::To(u64::MAX)),
        2 => (0_u64..20).prop_map(|version| Destination::Version { version, at: 0 }),
        2 => (0_u64..45).prop_map(|n| Destination::AsOf(at(n))),
        2 => (0_u64..45).prop_map(|n| Destination::Id(format!("id-{n}").into())),
        3 => Just(NEXT),
        3 => Just(BACK),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever walk came before, in whatever scope: what is found is what a walker that never walked finds, it is where
    /// it says it is, and it is what folding by hand gives.
    #[test]
    fn any_walk_finds_what_a_fresh_one_finds(
        streams in prop::collection::vec(0_usize..NAMES.len(), 0..40),
        walk in prop::collection::vec((scopes(), 0_u64..45, destinations(), any::<bool>()), 1..40),
    ) {
        let streams: Vec<&str> = streams.into_iter().map(|n| NAMES[n]).collect();
        let events = store(&streams);
        let reference = Memory::new("memory", events.clone());
        let mut walker = walker(events.clone());
        let mut stands: Option<(Scope, u64)> = None;
        for (scope, from, to, goes_on) in walk {
            let (scope, from) = stands.clone().filter(|_| goes_on).unwrap_or((scope, from));
            let found = go(&mut walker, &scope, from, to.clone());
            let fresh = go(&mut self::walker(events.clone()), &scope, from, to);
            prop_assert_eq!(&found, &fresh);
            let Ok(found) = found else { continue };
            let page = reference
                .events(&EventQuery::first(found.scope.clone(), usize::MAX), &Cancel::default())
                .expect("a scope");
            prop_assert!(found.scope_at <= page.total);
            let there = found.scope_at.checked_sub(1).map(|ordinal| page.events[ordinal as usize].clone());
            prop_assert_eq!(&found.moment.event, &there);
            if let Some(event) = there.filter(|event| event.trouble.is_none()) {
                prop_assert_eq!(&found.moment.stream, &event.stream);
                let n = found.moment.state.as_ref().and_then(|state| state.get("n").map(Json::to_string));
                let Position::Number(number) = event.position else { unreachable!("numbers") };
                prop_assert_eq!(n, Some(number.to_string()));
            }
            stands = Some((found.scope, found.scope_at));
        }
    }
}

/// A fold of which every tenth event times out.
struct Hot(Counting);

impl Reducer for Hot {
    fn start(&mut self, from: crate::replay::Start<'_>) -> Result<(), FoldError> {
        self.0.start(from)
    }

    fn apply(
        &mut self,
        events: &[Arc<Event>],
        faults: &mut Vec<(usize, FoldError)>,
    ) -> Result<usize, crate::replay::Lost> {
        match events.iter().position(|event| event.version.0.is_multiple_of(10)) {
            Some(index) => {
                self.0.apply(&events[..index], &mut Vec::new())?;
                faults.push((index, FoldError::timed_out("it takes too long")));
                Ok(index + 1)
            }
            None => self.0.apply(events, faults),
        }
    }

    fn state(&mut self) -> Result<State, FoldError> {
        self.0.state()
    }

    fn info(&self) -> &ReducerInfo {
        self.0.info()
    }
}

#[test]
fn a_suspended_fold_shows_the_event_and_goes_on_when_told() {
    let mut walker = walker(store(&["a-1"; 100]));
    let info = ReducerInfo { cost: StateCost::Copy, ..crate::reducers::Definition::Merge.info() };
    let reducer = Box::new(Hot(Counting { info, folded: 0, most: Arc::default() }));
    let timeline = Timeline::new(StreamName::from("a-1"), reducer, Limits::default());
    walker.timelines.push(Kept { timeline, slice: 1, batch: 64 });
    let name = StreamName::from("a-1");
    let at =
        |walker: &mut Walker, place| go(walker, &stream("a-1"), 0, Destination::To(place)).expect("a place").moment;
    let before = at(&mut walker, 29);
    assert_eq!((before.state, before.faults.before, before.suspended), (Some(Json::from(27)), 2, None));
    let behind = at(&mut walker, 80);
    assert!(behind.unknown.is_some() && behind.state.is_none(), "no state that lacks what was not tried");
    assert_eq!((behind.at, behind.event.map(|event| event.version)), (80, Some(Version(80))));
    let suspension = behind.suspended.expect("three times");
    assert_eq!((suspension.times, suspension.event.map(|event| event.version)), (3, Some(Version(30))));
    assert_eq!(behind.faults.before, 3);
    // Nobody counts on either, and it says so.
    let counted = walker.count_on(&name, Duration::from_secs(60), &Cancel::default()).expect("a count");
    assert!(!counted.is_whole() && counted.suspended.is_some() && counted.events == 30, "{counted:?}");
    walker.keep_going(&name);
    let last = at(&mut walker, 100);
    assert_eq!((last.state, last.faults.before, last.suspended), (Some(Json::from(90)), 10, None));
}

#[test]
fn faults_are_counted_behind_the_cursor_and_listed() {
    let mut events = store(&["a-1", "a-1", "b-1", "a-1", "a-1", "a-1"]);
    for n in [1, 4] {
        events[n].data = Payload::json_text("{");
    }
    let mut walker = walker(events);
    let name = StreamName::from("a-1");
    assert_eq!(walker.counted(&name), None, "it was not walked");
    go(&mut walker, &stream("a-1"), 0, Destination::To(1)).expect("a place");
    let known =
        |walker: &Walker| walker.counted(&name).map(|counted| (counted.faults.before, counted.events, counted.total));
    assert_eq!(known(&walker), Some((0, 1, 5)), "so far");
    assert_eq!(walker.failed(&name, 9), []);
    let cancelled = Cancel::default();
    cancelled.cancel();
    let so_far = walker.count_on(&name, Duration::from_secs(60), &cancelled).expect("what is known");
    assert!(!so_far.is_whole());
    let mut fresh = self::walker(store(&["a-1"; 2 * SLICE as usize]));
    let mut known_underway = None;
    let to = Destination::To(2 * SLICE);
    let reached = fresh.go(&stream("a-1"), 0, &to, &Cancel::default(), &mut |far| {
        known_underway = Some((far.stream().clone(), far.counted().events, far.failed(9)));
    });
    let (of, events, failed) = known_underway.expect("it was told");
    assert!(reached.is_ok() && of == name && events > 0 && failed.is_empty(), "{events}");
    let counted = walker.count_on(&name, Duration::from_secs(60), &Cancel::default()).expect("a count");
    assert!(counted.is_whole() && counted.faults.before == 2, "{counted:?}");
    assert_eq!(counted.faults.first.map(|first| first.event.version), Some(Version(2)));
    assert_eq!(walker.failed(&name, 9), [1..2, 3..4]);
    let moment = go(&mut walker, &stream("a-1"), 1, Destination::To(5)).expect("the end").moment;
    assert_eq!((moment.at, moment.faults.before), (5, 2));
}

#[test]
fn outside_of_streams_nothing_folds() {
    let mut walker = walker(store(&["a-1", "!"]));
    for place in [0, 2] {
        let moment = go(&mut walker, &Scope::All, 0, Destination::To(place)).expect("a place").moment;
        assert_eq!((moment.stream.as_str(), moment.reducer.name.as_str()), ("", ""), "{place}");
        assert!(!moment.reducer.approximate, "{place}");
    }
}

#[test]
fn a_record_that_could_not_be_read_is_no_sealed_payload() {
    let trouble = Trouble { place: "line 1".into(), reason: "it has no type".into() };
    let data = Payload::new(crate::domain::Form::Opaque, b"{\"stream\":\"a-1\"}".to_vec().into());
    let broken = Event { stream: "a-1".into(), ..Event::unreadable(Position::Number(1), trouble, data.clone()) };
    let sealed = Event { data, ..event(2, Some(("b-1", 1))) };
    let mut walker = walker(vec![broken, sealed]);
    let mut told = |name: &str| {
        let moment = go(&mut walker, &stream(name), 0, Destination::To(1)).expect("a place").moment;
        assert!(moment.fault.is_some() && moment.state.is_none(), "{name}");
        moment.sealed().map(str::to_owned)
    };
    assert_eq!(told("a-1"), None);
    assert_eq!(told("b-1").as_deref(), Some("bytes that are no JSON"));
}
