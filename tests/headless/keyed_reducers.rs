//! A script that folds many states by key does with each what it does with it alone, and the values it watches are those of
//! its whole states.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use stepback::domain::{Event, EventPage, Path, Payload, Position, Scope, State, Step, StreamName, Version};
use stepback::reducers::hosted::Hosted;
use stepback::reducers::javascript::Limits;
use stepback::reducers::merge::Merge;
use stepback::replay::{
    Advance, Budget, Goal, Limits as Room, Partition, Per, Reducer, Start, Timeline, Track, ValueChange,
};

use crate::reducing::{apply_all, script_within};

/// Does what its events say: most of it in place, some of it before it fails.
const DEEDS: &str = r"
export const initialState = (key) => {
  if (key.endsWith('bad')) throw new Error('no beginning for ' + key);
  return key.endsWith('none') ? null : { of: key, count: 0, exact: 0n, list: [] };
};
export const evolve = (state, event) => {
  if (event.type === 'Begin') return { of: event.stream, count: 0, exact: 5n, list: [event.data] };
  state.count += 1;
  switch (event.type) {
    case 'Push': state.list.push(event.data); return;
    case 'Clear': return { ...state, list: [] };
    case 'Big': state.exact += 9007199254740993n; return state;
    case 'Small': state.exact = BigInt(event.data); return state;
    case 'Drop': delete state.count; return state;
    case 'Shown': return { ...state, shown: { toJSON: () => ({ inner: event.data }) }, gone: undefined };
    case 'End': return null;
    case 'Throw': state.list.push('spoilt'); state.exact = 1n; throw new Error('no ' + event.data);
    case 'Loop': state.list.length = 0; for (;;);
    case 'Hang': state.count = -1; return /^(a+)+$/.test('a'.repeat(40) + '!');
  }
};
";

const KEYS: [&str; 5] = ["a-1", "a-2", "b-1", "b-none", "b-bad"];

const KINDS: [&str; 9] = ["Begin", "Push", "Clear", "Big", "Small", "Drop", "Shown", "End", "Throw"];

fn limits() -> Limits {
    Limits { event: Duration::from_millis(200), call: Duration::from_secs(2), ..Limits::default() }
}

fn at(n: usize, stream: &str, kind: &str) -> Arc<Event> {
    Arc::new(Event {
        data: Payload::json_text((n % 7).to_string()),
        ..Event::new(StreamName::from(stream), Version(n as u64), Position::Number(n as u64), kind)
    })
}

fn history() -> impl Strategy<Value = Vec<Arc<Event>>> {
    prop::collection::vec((0..KEYS.len(), 0..KINDS.len()), 1..60)
        .prop_map(|list| list.into_iter().enumerate().map(|(n, (key, kind))| at(n, KEYS[key], KINDS[kind])).collect())
}

/// By stream, or by what a stream's name begins with.
fn partition(is_by_stream: bool) -> Partition {
    let name = if is_by_stream { "stream" } else { "beginning" };
    Partition::new(name, move |event| {
        let key = if is_by_stream { event.stream.as_str() } else { event.stream.as_str().split('-').next()? };
        Some(StreamName::from(key))
    })
}

fn keyed(limits: Limits, partition: &Partition) -> Hosted {
    let mut reducer = script_within(DEEDS, limits);
    assert!(reducer.keep_by(partition));
    reducer.start(Start::Initial(&StreamName::from(""))).expect("starts");
    reducer
}

type Faults = BTreeMap<usize, String>;

/// Every key folded by itself: its state, and what failed.
fn alone(events: &[Arc<Event>], partition: &Partition) -> (BTreeMap<StreamName, State>, Faults) {
    let mut by_key: BTreeMap<StreamName, Vec<(usize, Arc<Event>)>> = BTreeMap::new();
    for (n, event) in events.iter().enumerate() {
        by_key.entry(partition.key(event).expect("a key")).or_default().push((n, event.clone()));
    }
    let mut reducer = script_within(DEEDS, limits());
    let (mut states, mut faults) = (BTreeMap::new(), Faults::new());
    for (key, events) in by_key {
        if let Err(why) = reducer.start(Start::Initial(&key)) {
            faults.extend(events.iter().map(|(n, _)| (*n, why.to_string())));
            continue;
        }
        let list: Vec<_> = events.iter().map(|(_, event)| event.clone()).collect();
        let found = apply_all(&mut reducer, &list).expect("not lost");
        faults.extend(found.into_iter().map(|(n, why)| (events[n].0, why.to_string())));
        states.insert(key, reducer.state().expect("a state"));
    }
    (states, faults)
}

fn assert_states(reducer: &mut Hosted, expected: &BTreeMap<StreamName, State>) -> Result<(), TestCaseError> {
    for (key, state) in expected {
        // Of an event of this key, by either partition.
        let event = at(0, key.as_str(), "Push");
        prop_assert_eq!(&reducer.state_of(&event).expect("a state"), state, "of {}", key);
    }
    Ok(())
}

fn value<'a>(state: &'a State, path: &Path) -> Option<&'a stepback::domain::Json> {
    state.as_ref().and_then(|state| state.at(path))
}

fn paths() -> Vec<Path> {
    let key = |key: &str| Step::Key(key.into());
    [
        vec![],
        vec![key("count")],
        vec![key("exact")],
        vec![key("list")],
        vec![key("list"), Step::Index(1)],
        vec![key("list"), key("0")],
        vec![key("shown"), key("inner")],
        vec![key("gone")],
        vec![key("of"), Step::Index(0)],
        vec![key("nothing"), key("here")],
    ]
    .map(Path)
    .to_vec()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn many_states_are_each_what_they_are_alone(
        events in history(),
        is_by_stream in any::<bool>(),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 0..3), 0..5),
    ) {
        let partition = partition(is_by_stream);
        let (states, faults) = alone(&events, &partition);
        let mut reducer = keyed(limits(), &partition);
        let mut cuts: Vec<_> = cuts.into_iter().map(|(at, what)| (at.index(events.len()), what)).collect();
        cuts.sort_unstable();
        let (mut begun, mut found) = (0, Faults::new());
        for (end, what) in cuts.into_iter().chain([(events.len(), 3)]) {
            let raised = apply_all(&mut reducer, &events[begun..end]).expect("not lost");
            found.extend(raised.into_iter().map(|(n, why)| (begun + n, why.to_string())));
            begun = end;
            let none = StreamName::from("");
            match what {
                // As a checkpoint keeps them, for another process.
                0 => {
                    let kept = reducer.state_text().expect("states");
                    reducer = keyed(limits(), &partition);
                    reducer.start_from_text(&none, &kept).expect("resumes");
                }
                1 => {
                    let kept = reducer.state().expect("states");
                    reducer.start(Start::Resume(&none, &kept)).expect("resumes");
                }
                // Looking changes nothing.
                2 => drop(reducer.state_of(&at(0, "a-1", "Push"))),
                _ => {}
            }
        }
        prop_assert_eq!(found, faults);
        assert_states(&mut reducer, &states)?;
    }

    #[test]
    fn watched_values_are_those_of_whole_states(
        events in history(),
        is_by_stream in any::<bool>(),
        chosen in prop::collection::vec(any::<bool>(), 10),
    ) {
        let partition = partition(is_by_stream);
        let paths: Vec<_> = paths().into_iter().zip(chosen).filter(|(_, chosen)| *chosen).map(|(path, _)| path).collect();
        let mut whole = keyed(limits(), &partition);
        let (mut expected, mut failed) = (Vec::new(), Vec::new());
        for (n, event) in events.iter().enumerate() {
            let before = whole.state_of(event);
            failed.extend(apply_all(&mut whole, std::slice::from_ref(event)).expect("not lost").into_iter().map(|_| n));
            let (Ok(before), Ok(after)) = (before, whole.state_of(event)) else { continue };
            for (path, wanted) in paths.iter().enumerate() {
                let (before, after) = (value(&before, wanted), value(&after, wanted));
                if before != after {
                    let (before, after) = (Ok(before.cloned()), Ok(after.cloned()));
                    expected.push(ValueChange { event: n, path, before, after });
                }
            }
        }
        let mut watching = keyed(limits(), &partition);
        let (mut begun, mut changes, mut faults) = (0, Vec::new(), Vec::new());
        while begun < events.len() {
            let (mut said, mut raised) = (Vec::new(), Vec::new());
            let dealt = watching.watch(&paths, &events[begun..], &mut raised, &mut said).expect("not lost");
            changes.extend(said.into_iter().map(|change| ValueChange { event: begun + change.event, ..change }));
            faults.extend(raised.into_iter().map(|(n, _)| begun + n));
            begun += dealt;
        }
        prop_assert_eq!(changes, expected);
        prop_assert_eq!(faults, failed);
    }

    #[test]
    fn a_fold_of_ours_answers_from_its_states(kinds in prop::collection::vec(0..4u8, 1..20)) {
        let texts = [r#"{"n":1}"#, r#"{"n":2,"m":{"k":[1]}}"#, r#"{"m":{"k":[2]}}"#, r#"{"other":true}"#];
        let events: Vec<_> = kinds.iter().enumerate().map(|(n, kind)| Arc::new(Event {
            data: Payload::json_text(texts[usize::from(*kind)]),
            ..Event::new(StreamName::from("a-1"), Version(n as u64), Position::Number(n as u64), "Changed")
        })).collect();
        let paths = [Path(vec![Step::Key("n".into())]), Path(vec![Step::Key("m".into()), Step::Key("k".into())])];
        let (mut whole, mut watching) = (Merge::default(), Merge::default());
        let stream = StreamName::from("a-1");
        whole.start(Start::Initial(&stream)).expect("starts");
        watching.start(Start::Initial(&stream)).expect("starts");
        let mut expected = Vec::new();
        for (n, event) in events.iter().enumerate() {
            let before = whole.state().expect("a state");
            whole.apply(std::slice::from_ref(event), &mut Vec::new()).expect("not lost");
            let after = whole.state().expect("a state");
            for (path, wanted) in paths.iter().enumerate() {
                let (before, after) = (value(&before, wanted).cloned(), value(&after, wanted).cloned());
                if before != after {
                    expected.push(ValueChange { event: n, path, before: Ok(before), after: Ok(after) });
                }
            }
        }
        let mut changes = Vec::new();
        let dealt = watching.watch(&paths, &events, &mut Vec::new(), &mut changes).expect("not lost");
        prop_assert_eq!(dealt, events.len());
        prop_assert_eq!(changes, expected);
    }
}

/// Walks through all streams to a place.
fn go(timeline: &mut Timeline, events: &[Arc<Event>], place: u64) {
    let mut goal = Goal::To(place);
    loop {
        match timeline.advance(&mut goal, Budget { events: 1000 }) {
            Advance::Reached => return,
            Advance::Working { .. } => {}
            Advance::NeedEvents { from, limit } => {
                let first = from as usize;
                let page = events[first..(first + limit).min(events.len())].to_vec();
                timeline.feed(EventPage { first: from, events: page, total: events.len() as u64, partial: false });
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn who_loops_or_kills_is_found_among_many_keys() {
    let kinds = ["Push", "Push", "Push", "Loop", "Push", "Push", "Hang", "Push", "Throw", "Push", "Big", "Small"];
    let keys = ["a-1", "a-2", "b-1"];
    let events: Vec<_> = kinds.iter().enumerate().map(|(n, kind)| at(n, keys[n % 3], kind)).collect();
    let culprits = [3, 6, 8];
    let sound: Vec<_> =
        events.iter().enumerate().filter(|(n, _)| !culprits.contains(n)).map(|(_, event)| event.clone()).collect();
    let track = Track::new(Scope::All, Per::Entity);
    let mut timeline = Timeline::new(track, Box::new(script_within(DEEDS, limits())), Room::default());
    // Forward, and back over the culprits again.
    for place in [12, 1, 7, 4, 12, 9] {
        go(&mut timeline, &events, place);
        let stream = &events[place as usize - 1].stream;
        let before: Vec<_> =
            sound.iter().filter(|event| event.version.0 < place && event.stream == *stream).cloned().collect();
        let mut plain = script_within(DEEDS, limits());
        plain.start(Start::Initial(stream)).expect("starts");
        assert_eq!(apply_all(&mut plain, &before).expect("not lost"), []);
        let moment = timeline.moment();
        assert_eq!(moment.state, plain.state().expect("a state"), "at {place}");
        assert_eq!(moment.fault.is_some(), culprits.contains(&(place as usize - 1)), "at {place}");
    }
}

#[test]
fn states_that_need_more_memory_than_there_is_wait_as_text() {
    let script = "export const initialState = { list: [] }; export const evolve = (s, e) => { s.list.push(e.data); };";
    let by_stream = partition(true);
    let data = format!("{:?}", "x".repeat(1000));
    let events: Vec<_> = (0..9000)
        .map(|n: u64| {
            let stream = StreamName::from(format!("a-{}", n % 300).as_str());
            Arc::new(Event {
                data: Payload::json_text(&data),
                ..Event::new(stream, Version(n), Position::Number(n), "Pushed")
            })
        })
        .collect();
    // All of it is 9 MB, which an engine with 10 MiB could not hold as values along with all else.
    let mut small = script_within(script, Limits { memory: 12 << 20, ..limits() });
    assert!(small.keep_by(&by_stream));
    small.start(Start::Initial(&StreamName::from(""))).expect("starts");
    assert_eq!(apply_all(&mut small, &events).expect("not lost"), []);
    for n in [0, 7, 299] {
        let state = small.state_of(&at(0, &format!("a-{n}"), "Pushed")).expect("a state").expect("one");
        assert_eq!(state.to_string().len(), r#"{"list":[]}"#.len() + 30 * 1003 - 1);
    }
    // More than that is said, and no event is to blame.
    let mut smaller = script_within(script, Limits { memory: 5 << 20, ..limits() });
    assert!(smaller.keep_by(&by_stream));
    smaller.start(Start::Initial(&StreamName::from(""))).expect("starts");
    let lost = apply_all(&mut smaller, &events).expect_err("too much");
    assert_eq!(lost.at, None);
    assert!(lost.why.message.contains("are too large together"), "{}", lost.why);
}
