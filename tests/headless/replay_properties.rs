//! What must hold of every walk, whatever the events, the faults, the limits and the pages.

use crate::support::folds;

use proptest::prelude::*;
use stepback::domain::Json;
use stepback::domain::json::adopt;
use stepback::domain::{Patch, State};
use stepback::replay::{Advance, Budget, Goal, Patience, StateCost, Timeline};

use crate::support::folds::{
    Deed, Edits, Found, Store, assert_counted, assert_plain, cost, count_on, deed, deeds, failed_at, go, harmless,
    limits, plain_fold, plain_fold_of, step, stream, try_to_go,
};

/// A step of a user.
#[derive(Clone, Debug)]
enum Move {
    /// Walks, so many events a call.
    Go(Goal, u64),
    /// The store gets so many more events.
    Grow(usize),
    /// Counts faults for so many calls, of so many events each.
    Count(usize, u64),
    /// Another reducer, then the cursor's place again.
    Replace(StateCost, i64),
}

fn goal() -> impl Strategy<Value = Goal> {
    prop_oneof![
        3 => Just(Goal::Forward(1)),
        3 => Just(Goal::Back(1)),
        1 => (0..40u64).prop_map(Goal::Forward),
        2 => (0..40u64).prop_map(Goal::Back),
        3 => (0..130u64).prop_map(Goal::To),
        1 => Just(Goal::To(u64::MAX)),
        1 => Just(Goal::Forward(u64::MAX)),
    ]
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let step = prop_oneof![
        12 => (goal(), prop_oneof![1..20u64, Just(u64::MAX)]).prop_map(|(goal, budget)| Move::Go(goal, budget)),
        2 => (1..40usize).prop_map(Move::Grow),
        6 => (1..12usize, prop_oneof![1..20u64, Just(u64::MAX)]).prop_map(|(calls, budget)| Move::Count(calls, budget)),
        1 => (cost(), 0..3i64).prop_map(|(cost, flavour)| Move::Replace(cost, flavour)),
    ];
    prop::collection::vec(step, 1..40)
}

/// A step of a walk through a stream that becomes another one.
#[derive(Clone, Debug)]
enum Turn {
    /// Walks for so many calls, of so many events each.
    Walk(Goal, usize, u64),
    /// Counts faults for so many calls, of so many events each.
    Count(usize, u64),
    /// From this place on the stream has these deeds.
    Other(usize, Vec<usize>),
    /// From this event on these deeds stand in the place of as many.
    Replace(usize, Vec<usize>),
}

fn turn() -> impl Strategy<Value = Turn> {
    let budget = || prop_oneof![1..20u64, Just(u64::MAX)];
    let others = |most| prop::collection::vec(any::<usize>(), 0..most);
    prop_oneof![
        6 => (goal(), 1..40usize, budget()).prop_map(|(goal, calls, budget)| Turn::Walk(goal, calls, budget)),
        2 => (1..20usize, budget()).prop_map(|(calls, budget)| Turn::Count(calls, budget)),
        3 => (0..120usize, others(120)).prop_map(|(place, others)| Turn::Other(place, others)),
        3 => (any::<usize>(), others(12)).prop_map(|(first, others)| Turn::Replace(first, others)),
    ]
}

/// Asserts that what is counted so far is what a plain fold finds, every place of it, and reaches the cursor.
fn assert_count(timeline: &Timeline, found: &[Found]) -> Result<(), TestCaseError> {
    let counted = timeline.counted();
    let end = counted.events as usize;
    prop_assert!(timeline.at() <= counted.events && counted.events <= counted.total);
    assert_counted(&counted.faults, found, end)?;
    for place in 0..=end {
        assert_counted(&timeline.faults_before(place as u64), found, place)?;
    }
    let failed: Vec<u64> = timeline.failed().flatten().collect();
    let expected: Vec<u64> = (1..=end).filter(|place| failed_at(found, *place)).map(|place| place as u64 - 1).collect();
    prop_assert_eq!(failed, expected);
    Ok(())
}

proptest! {
    #[test]
    fn any_walk_equals_a_plain_fold(
        deeds in deeds(deed()),
        limits in limits(),
        cost in cost(),
        moves in moves(),
        page in 1..40usize,
        written in 0..120usize,
    ) {
        let mut store = Store::new(&deeds, written.min(deeds.len()), page);
        let mut found = plain_fold(&deeds, 0);
        let mut timeline = Timeline::new(stream(), Box::new(Edits::new(deeds.clone(), cost, 0)), limits).with_patience(Patience::endless());
        let mut at = 0u64;
        for step in moves {
            let (goal, budget) = match step {
                Move::Go(goal, budget) => (goal, budget),
                Move::Grow(events) => {
                    store.written = (store.written + events).min(deeds.len());
                    timeline.grow(store.written as u64);
                    continue;
                }
                Move::Count(calls, budget) => {
                    let before = timeline.moment();
                    let whole = count_on(&mut timeline, &store, calls, budget);
                    let counted = timeline.counted();
                    prop_assert!(!whole || (counted.is_whole() && counted.events == store.written as u64));
                    let moment = timeline.moment();
                    prop_assert_eq!((moment.at, &moment.state, &moment.faults), (before.at, &before.state, &before.faults));
                    assert_count(&timeline, &found)?;
                    continue;
                }
                Move::Replace(cost, flavour) => {
                    let before = timeline.moment();
                    timeline.replace_reducer(Box::new(Edits::new(deeds.clone(), cost, flavour)));
                    prop_assert_eq!(timeline.moment(), before);
                    found = plain_fold(&deeds, flavour);
                    (Goal::To(at), 7)
                }
            };
            // What is not known yet to be written is learned on the way there.
            let known = timeline.total().unwrap_or(store.written as u64);
            at = match goal {
                Goal::Forward(events) => at.saturating_add(events).min(known),
                Goal::Back(events) => at.saturating_sub(events).min(known),
                Goal::To(place) => place.min(known),
                ref search => panic!("{search:?}"),
            };
            let moment = go(&mut timeline, &store, goal, budget);
            prop_assert!(moment.at >= at && moment.at <= store.written as u64, "{} {}", moment.at, at);
            at = moment.at;
            assert_plain(&moment, &found)?;
            prop_assert_eq!(timeline.moment(), moment);
            assert_count(&timeline, &found)?;
        }
    }

    #[test]
    fn forward_then_back_is_identity(
        deeds in deeds(deed()),
        limits in limits(),
        cost in cost(),
        start in 0..120u64,
        steps in 1..60u64,
        page in 1..40usize,
    ) {
        let store = Store::new(&deeds, deeds.len(), page);
        let mut timeline = Timeline::new(stream(), Box::new(Edits::new(deeds.clone(), cost, 0)), limits).with_patience(Patience::endless());
        timeline.grow(deeds.len() as u64);
        let start = go(&mut timeline, &store, Goal::To(start), 50);
        let mut seen = vec![start.clone()];
        for _ in 0..steps {
            seen.push(go(&mut timeline, &store, Goal::Forward(1), 50));
        }
        while let Some(moment) = seen.pop() {
            if moment.at < timeline.at() {
                let moment_again = go(&mut timeline, &store, Goal::Back(1), 50);
                prop_assert_eq!(&moment_again, &moment);
            }
        }
        prop_assert_eq!(go(&mut timeline, &store, Goal::To(u64::MAX), 50).at, deeds.len() as u64);
        prop_assert_eq!(go(&mut timeline, &store, Goal::To(start.at), 50), start);
    }

    #[test]
    fn a_replaced_reducer_finds_what_a_new_walk_finds(
        deeds in deeds(deed()),
        limits in limits(),
        costs in (cost(), cost()),
        places in (0..120u64, 0..120u64),
    ) {
        let store = Store::new(&deeds, deeds.len(), 16);
        let reducer = |cost, flavour| Box::new(Edits::new(deeds.clone(), cost, flavour));
        let mut used = Timeline::new(stream(), reducer(costs.0, 1), limits).with_patience(Patience::endless());
        let at = go(&mut used, &store, Goal::To(places.0), 10).at;
        used.replace_reducer(reducer(costs.1, 2));
        prop_assert_eq!(used.at(), at);
        let mut new = Timeline::new(stream(), reducer(costs.1, 2), limits).with_patience(Patience::endless());
        for goal in [Goal::To(at), Goal::To(places.1), Goal::Back(1)] {
            prop_assert_eq!(go(&mut used, &store, goal.clone(), 10), go(&mut new, &store, goal, 10));
        }
    }

    #[test]
    fn forgetting_from_a_place_on_equals_starting_over(
        deeds in deeds(prop_oneof![8 => deed(), 1 => Just(Deed::TimeOut)]),
        limits in limits(),
        cost in cost(),
        turns in prop::collection::vec(turn(), 1..30),
        page in 1..40usize,
        is_patient in any::<bool>(),
    ) {
        let patience = || if is_patient { Patience::endless() } else { Patience::default() };
        let new = || Timeline::new(stream(), Box::new(Edits::new(deeds.clone(), cost, 0)), limits).with_patience(patience());
        let mut store = Store::new(&deeds, deeds.len(), page);
        let mut found = plain_fold(&deeds, 0);
        let mut used = new();
        for turn in turns {
            let becomes_another = matches!(turn, Turn::Other(..) | Turn::Replace(..));
            match turn {
                Turn::Walk(mut goal, calls, budget) => {
                    // Whatever is under way is left where it is.
                    for _ in 0..calls {
                        if step(&mut used, &store, &mut goal, budget).is_break() {
                            break;
                        }
                    }
                }
                Turn::Count(calls, budget) => {
                    for _ in 0..calls {
                        let answer = used.count_on(Budget { events: budget });
                        let Advance::NeedEvents { from, limit } = answer else { continue };
                        used.feed_count(store.read(from, limit));
                    }
                }
                Turn::Other(place, tail) if !deeds.is_empty() => {
                    let place = place.min(store.written);
                    store.stream.truncate(place);
                    store.stream.extend(tail.iter().map(|deed| deed % deeds.len()));
                    store.written = store.stream.len();
                    used.invalidate_from(place as u64);
                }
                Turn::Replace(first, others) if store.written > 0 => {
                    let first = first % store.written;
                    let end = store.written.min(first + others.len());
                    for (ordinal, deed) in (first..end).zip(&others) {
                        store.stream[ordinal] = deed % deeds.len();
                    }
                    used.replace(first as u64, (first..end).map(|ordinal| store.event(ordinal)).collect());
                }
                Turn::Other(..) | Turn::Replace(..) => {}
            }
            if becomes_another {
                found = plain_fold_of(&deeds, store.stream[..store.written].iter().copied(), 0);
                if is_patient {
                    // The cursor stays, and what is counted holds.
                    let counted = used.counted();
                    assert_counted(&counted.faults, &found, counted.events as usize)?;
                }
            }
        }
        for place in [u64::MAX, 60, 3, 61] {
            let mut new = new();
            new.grow(store.written as u64);
            used.grow(store.written as u64);
            let (again, plain) = (try_to_go(&mut used, &store, Goal::To(place), 9), try_to_go(&mut new, &store, Goal::To(place), 9));
            match (again, plain) {
                (Ok(again), Ok(plain)) => {
                    prop_assert_eq!(&again, &plain);
                    assert_plain(&again, &found)?;
                }
                (Err(again), Err(plain)) => prop_assert_eq!(again, plain),
                // Records that are no events need no reducer: whether they are passed is another thing.
                (Ok(moment), Err(_)) | (Err(_), Ok(moment)) => {
                    let deeds: Vec<&Deed> = store.stream.iter().map(|deed| &deeds[*deed]).collect();
                    let is_spent = |index: &usize| matches!(deeds[*index], Deed::TimeOut);
                    let third = (0..deeds.len()).filter(is_spent).nth(2).expect("a third time-out");
                    prop_assert!(deeds[third + 1..moment.at as usize].iter().all(|deed| matches!(deed, Deed::Unreadable)));
                    assert_plain(&moment, &found)?;
                }
            }
        }
    }

    #[test]
    fn a_fold_is_suspended_after_three_time_outs_and_goes_on_when_told(
        deeds in deeds(prop_oneof![5 => deed(), 1 => Just(Deed::TimeOut)]),
        limits in limits(),
        cost in cost(),
        goals in prop::collection::vec((goal(), prop_oneof![1..20u64, Just(u64::MAX)]), 1..12),
        page in 1..40usize,
        counts in any::<bool>(),
    ) {
        let store = Store::new(&deeds, deeds.len(), page);
        let found = plain_fold(&deeds, 0);
        let timed_out = deeds.iter().enumerate().filter(|(_, deed)| matches!(deed, Deed::TimeOut));
        let third = timed_out.map(|(index, _)| index + 1).nth(2);
        // Records that are no events need no reducer.
        let untried = |third: usize, end: usize| {
            (third..end).all(|index| matches!(deeds[index], Deed::Unreadable))
        };
        let mut timeline = Timeline::new(stream(), Box::new(Edits::new(deeds.clone(), cost, 0)), limits);
        timeline.grow(deeds.len() as u64);
        if counts && third.is_none() {
            prop_assert!(count_on(&mut timeline, &store, 10_000, 7));
        }
        for (goal, budget) in goals {
            let before = timeline.moment();
            match try_to_go(&mut timeline, &store, goal, budget) {
                Ok(moment) => {
                    prop_assert!(third.is_none_or(|third| untried(third, moment.at as usize)));
                    assert_plain(&moment, &found)?;
                }
                Err(suspension) => {
                    let third = third.expect("three of them");
                    prop_assert_eq!(suspension.times, 3);
                    prop_assert_eq!(suspension.event, Some(folds::event(third - 1, &deeds[third - 1])));
                    prop_assert!(timeline.counted().events >= third as u64);
                    prop_assert!(untried(third, timeline.counted().events as usize));
                    prop_assert_eq!(timeline.moment(), before);
                    assert_count(&timeline, &found)?;
                }
            }
        }
        timeline.patience().go_on();
        let moment = go(&mut timeline, &store, Goal::To(u64::MAX), 30);
        assert_plain(&moment, &found)?;
    }

    #[test]
    fn kept_states_are_within_their_limits(
        deeds in deeds(harmless()),
        limits in limits(),
        cost in cost(),
        goals in prop::collection::vec(goal(), 1..20),
    ) {
        let store = Store::new(&deeds, deeds.len(), 16);
        let mut timeline = Timeline::new(stream(), Box::new(Edits::new(deeds.clone(), cost, 0)), limits).with_patience(Patience::endless());
        for goal in goals {
            go(&mut timeline, &store, goal, 100);
            let memory = timeline.memory();
            prop_assert!(memory.ring_versions <= limits.ring_versions);
            prop_assert!(memory.ring_bytes <= limits.ring_bytes || memory.ring_versions == 1);
            prop_assert!(memory.checkpoint_bytes <= limits.checkpoint_bytes);
        }
    }
}

/// Any JSON text; `doubles` allows keys to occur twice.
fn json(doubles: bool) -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|value| value.to_string()),
        (-3..4i64).prop_map(|value| value.to_string()),
        Just("1.0".to_owned()),
        "[a-c]{0,2}".prop_map(|text| format!("\"{text}\"")),
        Just(r#""\ud800""#.to_owned()),
    ];
    leaf.prop_recursive(4, 60, 8, move |inner| {
        let array = prop::collection::vec(inner.clone(), 0..8).prop_map(|values| format!("[{}]", values.join(",")));
        let object = prop::collection::vec(("[a-e]{0,1}", inner), 0..8).prop_map(move |mut pairs| {
            let mut seen = std::collections::HashSet::new();
            pairs.retain(|(key, _)| doubles || seen.insert(key.clone()));
            let pairs: Vec<String> = pairs.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
            format!("{{{}}}", pairs.join(","))
        });
        prop_oneof![array, object]
    })
}

fn parse(text: &str) -> Json {
    Json::parse(text.as_bytes()).expect("JSON")
}

fn state(doubles: bool) -> impl Strategy<Value = State> {
    prop_oneof![1 => Just(None), 12 => json(doubles).prop_map(|text| Some(parse(&text)))]
}

/// The text with the keys of every object sorted, duplicates in their order.
fn sorted_text(json: &Json) -> String {
    match json {
        Json::Object(object) => {
            let entry =
                |entry: &stepback::domain::json::Entry| format!("{:?}:{}", entry.key, sorted_text(&entry.value));
            format!("{{{}}}", object.sorted().map(entry).collect::<Vec<_>>().join(","))
        }
        Json::Array(array) => format!("[{}]", array.iter().map(sorted_text).collect::<Vec<_>>().join(",")),
        other => other.to_string(),
    }
}

fn sorted(state: Option<&State>) -> Option<Option<String>> {
    state.map(|state| state.as_ref().map(sorted_text))
}

/// An edit of a wide value, so that chunks split, shrink and are shared.
#[derive(Clone, Debug)]
enum Edit {
    Put(u32, i64),
    Drop(u32),
    Insert(usize, i64),
    Delete(usize),
    Replace(usize, i64),
}

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let edit = prop_oneof![
        (0..400u32, any::<i64>()).prop_map(|(key, value)| Edit::Put(key, value)),
        (0..400u32).prop_map(Edit::Drop),
        (0..400usize, any::<i64>()).prop_map(|(index, value)| Edit::Insert(index, value)),
        (0..400usize).prop_map(Edit::Delete),
        (0..400usize, any::<i64>()).prop_map(|(index, value)| Edit::Replace(index, value)),
    ];
    prop::collection::vec(edit, 0..30)
}

fn edited(state: &Json, edits: &[Edit]) -> Json {
    let mut state = state.clone();
    let Json::Object(root) = &mut state else { panic!("an object") };
    for edit in edits {
        let field = if matches!(edit, Edit::Put(..) | Edit::Drop(_)) { "wide" } else { "list" };
        match (root.get_mut(field), edit) {
            (Some(Json::Object(wide)), Edit::Put(key, value)) => {
                wide.insert(format!("k{key}").as_str().into(), Json::from(*value));
            }
            (Some(Json::Object(wide)), Edit::Drop(key)) => drop(wide.remove(&format!("k{key}"))),
            (Some(Json::Array(list)), Edit::Insert(index, value)) => list.insert(*index, Json::from(*value)),
            (Some(Json::Array(list)), Edit::Delete(index)) => drop(list.remove(*index)),
            (Some(Json::Array(list)), Edit::Replace(index, value)) => list.set(*index, Json::from(*value)),
            _ => panic!("{field}"),
        }
    }
    state
}

fn wide_state() -> Json {
    let wide: Vec<String> = (0..300).map(|n| format!("\"k{n}\":{n}")).collect();
    let list: Vec<String> = (0..300).map(|n| (n % 7).to_string()).collect();
    parse(&format!(r#"{{"wide":{{{}}},"list":[{}]}}"#, wide.join(","), list.join(",")))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn a_patch_leads_there_and_back(before in state(true), after in state(true)) {
        let patch = Patch::between(&before, &after);
        prop_assert_eq!(sorted(patch.apply(&before).as_ref()), sorted(Some(&after)), "{:?}", patch);
        prop_assert_eq!(sorted(patch.invert().apply(&after).as_ref()), sorted(Some(&before)), "{:?}", patch);
        prop_assert_eq!(patch.is_empty(), sorted(Some(&before)) == sorted(Some(&after)));
        prop_assert!(Patch::between(&after, &after.clone()).is_empty());
    }

    #[test]
    fn a_patch_names_the_places_of_both_sides(before in state(false), after in state(false)) {
        let patch = Patch::between(&before, &after);
        for change in &patch.0 {
            match (&change.before, &change.after) {
                (_, Some(value)) => prop_assert_eq!(after.as_ref().and_then(|state| state.at(&change.path)), Some(value)),
                (Some(value), None) => {
                    prop_assert_eq!(before.as_ref().and_then(|state| state.at(&change.path)), Some(value));
                }
                (None, None) => prop_assert!(false, "a change changes"),
            }
            prop_assert!(patch.touches(&change.path));
        }
    }

    #[test]
    fn an_adopted_value_is_the_new_one(old in json(true), new in json(true)) {
        let (old, new) = (parse(&old), parse(&new));
        let adopted = adopt(&old, new.clone());
        prop_assert_eq!(&adopted, &new);
        prop_assert_eq!(adopted.to_string(), new.to_string());
        prop_assert!(adopt(&adopted, new).same(&adopted) || adopted.children() == 0);
    }
}

proptest! {
    #[test]
    fn wide_values_are_compared_and_adopted_exactly(first in edits(), second in edits()) {
        let before = edited(&wide_state(), &first);
        let after = edited(&before, &second);
        let read_again = parse(&after.to_string());
        let adopted = adopt(&before, read_again.clone());
        prop_assert_eq!(&adopted, &after);
        prop_assert_eq!(adopted.to_string(), after.to_string());
        let patch = Patch::between(&Some(before.clone()), &Some(after.clone()));
        // However much is shared, the same is found.
        for other in [read_again, adopted] {
            prop_assert_eq!(&Patch::between(&Some(before.clone()), &Some(other)), &patch);
        }
        prop_assert_eq!(sorted(patch.apply(&Some(before.clone())).as_ref()), sorted(Some(&Some(after.clone()))));
        prop_assert_eq!(sorted(patch.invert().apply(&Some(after)).as_ref()), sorted(Some(&Some(before))));
    }
}
