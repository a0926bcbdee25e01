//! What must hold of a walk through several streams.

use proptest::prelude::*;
use stepback::domain::{Direction, Event, Scope, StreamName};
use stepback::replay::{
    Advance, Branch, Budget, FoldError, Goal, Limits, Partition, Patience, Per, Scan, StateCost, Stop, Stops, Subject,
    Timeline, Track,
};

use crate::support::folds::{
    Deed, Edits, Found, Store, assert_counted, assert_plain, cost, count_on, deeds, go, harmless, limits, patch_at,
    plain_fold_among,
};

/// Deeds whose states can always be given: of those that a pointer is enough for.
fn given() -> impl Strategy<Value = Deed> {
    prop_oneof![
        12 => harmless(),
        1 => Just(Deed::Fail),
        1 => Just(Deed::Kill),
        1 => Just(Deed::KillUnseen),
        1 => Just(Deed::Unreadable),
        1 => Just(Deed::Pause),
        1 => Just(Deed::TimeOut),
    ]
}

#[derive(Clone, Debug)]
enum Move {
    Go(u64, u64),
    Back(u64),
    Count(usize),
    Other(usize, Vec<usize>),
    Replace(i64),
    Search,
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let step = prop_oneof![
        5 => (0..130u64, prop_oneof![1..20u64, Just(u64::MAX)]).prop_map(|(place, budget)| Move::Go(place, budget)),
        4 => (1..5u64).prop_map(Move::Back),
        2 => (1..12usize).prop_map(Move::Count),
        2 => (0..120usize, prop::collection::vec(any::<usize>(), 0..60)).prop_map(|(at, deeds)| Move::Other(at, deeds)),
        1 => (0..3i64).prop_map(Move::Replace),
        2 => Just(Move::Search),
    ];
    prop::collection::vec(step, 1..14)
}

/// The places where something changed, in this direction, each with whether nothing did at the place before.
fn changes(timeline: &mut Timeline, store: &Store, direction: Direction) -> Vec<(u64, bool)> {
    let changed = |subject: &Subject<'_>| (!subject.patch().is_empty()).into();
    let mut scan =
        Scan::new(Stops::new([Stop::at_each(changed), Stop::where_it_turns(changed)]), 0..u64::MAX, direction);
    let mut found = Vec::new();
    loop {
        match timeline.scan(&mut scan, Budget { events: 9 }) {
            Advance::Stopped(hit) => found.push((hit.place, hit.stops == [0, 1])),
            Advance::NotFound(_) => return found,
            Advance::Working { .. } => {}
            Advance::NeedEvents { from, limit } => timeline.feed_count(store.read(from, limit)),
            answer @ (Advance::Reached | Advance::Failed(_) | Advance::Suspended(_)) => panic!("{answer:?}"),
        }
    }
}

fn plain_changes(found: &[Found]) -> Vec<(u64, bool)> {
    let changed = |at: usize| !patch_at(found, at).is_empty();
    (1..found.len()).filter(|at| changed(*at)).map(|at| (at as u64, !changed(at - 1))).collect()
}

/// How many states: one for each stream, for each of a few keys that cut across the streams, or for all. Some events have
/// no key.
fn per() -> impl Strategy<Value = Per> {
    let key = |parts: u64| {
        let key = move |event: &Event| {
            let part = event.version.0 * 7 % parts;
            (part > 0).then(|| StreamName::from(format!("part {part}").as_str()))
        };
        Per::Partition(Partition::new(&format!("version in {parts} parts"), key))
    };
    prop_oneof![Just(Per::Entity), Just(Per::Whole), (2..6u64).prop_map(key)]
}

proptest! {
    #[test]
    fn a_track_over_several_streams_equals_a_plain_fold(
        deeds in deeds(given()),
        limits in limits(),
        cost in cost(),
        per in per(),
        streams in 1..6usize,
        moves in moves(),
        page in 1..40usize,
        flavour in 0..2i64,
    ) {
        let cost = if per == Per::Whole { cost } else { StateCost::Pointer };
        let reducer = |flavour| Box::new(Edits::new(deeds.clone(), cost, flavour).of_many());
        let mut store = Store { streams, ..Store::new(&deeds, deeds.len(), page) };
        let mut flavour = flavour;
        let plain = |store: &Store, flavour| plain_fold_among(&deeds, store.stream.iter().copied(), flavour, streams, &per);
        let mut found = plain(&store, flavour);
        let scope = if streams > 3 { Scope::Correlation("one".into()) } else { Scope::Category("thing".into()) };
        let track = Track::new(scope, per.clone());
        let mut timeline = Timeline::new(track, reducer(flavour), limits).with_patience(Patience::endless());
        for step in moves {
            let goal = match step {
                Move::Go(place, budget) => {
                    go(&mut timeline, &store, Goal::To(place), budget);
                    Goal::Forward(0)
                }
                Move::Back(events) => Goal::Back(events),
                Move::Count(calls) => {
                    count_on(&mut timeline, &store, calls, 5);
                    let counted = timeline.counted();
                    assert_counted(&counted.faults, &found, counted.events as usize)?;
                    Goal::Forward(0)
                }
                Move::Other(place, others) if !deeds.is_empty() => {
                    store.stream.truncate(place);
                    timeline.invalidate_from(store.stream.len() as u64);
                    store.stream.extend(others.iter().map(|deed| deed % deeds.len()));
                    store.written = store.stream.len();
                    found = plain(&store, flavour);
                    Goal::To(u64::MAX)
                }
                Move::Replace(other) => {
                    flavour = other;
                    timeline.replace_reducer(reducer(flavour));
                    found = plain(&store, flavour);
                    Goal::Forward(0)
                }
                Move::Search => {
                    let expected = plain_changes(&found);
                    prop_assert_eq!(&changes(&mut timeline, &store, Direction::Forward), &expected);
                    let mut back = changes(&mut timeline, &store, Direction::Backward);
                    back.reverse();
                    prop_assert_eq!(back, expected);
                    Goal::Forward(0)
                }
                Move::Other(..) => Goal::Forward(0),
            };
            let moment = go(&mut timeline, &store, goal, 11);
            assert_plain(&moment, &found)?;
            let stream = moment.event.as_ref().map_or(StreamName::from(""), |event| event.stream.clone());
            prop_assert_eq!(moment.stream, stream);
        }
    }
}

#[test]
fn a_fold_whose_states_cost_a_copy_says_that_it_keeps_only_one() {
    let deeds = std::sync::Arc::new(vec![Deed::Push("list", 1)]);
    let reducer = || Box::new(Edits::new(deeds.clone(), StateCost::Copy, 0).of_many());
    let track = Track { branch: Some(Branch(1)), ..Track::new(Scope::All, Per::Entity) };
    let mut timeline = Timeline::new(track.clone(), reducer(), Limits::default());
    timeline.grow(1);
    let said = FoldError::new("edits 0 keeps one state, not many at once");
    assert_eq!(timeline.advance(&mut Goal::To(1), Budget { events: 9 }), Advance::Failed(said));
    assert_eq!((timeline.track(), timeline.stream().as_str()), (&track, ""));
    let whole = Track { per: Per::Whole, ..track };
    let mut timeline = Timeline::new(whole, reducer(), Limits::default());
    assert_eq!(go(&mut timeline, &Store::new(&deeds, 1, 9), Goal::To(1), 9).fault, None);
}
