//! Reducers and events to try the replay engine with, and the plain fold it is compared with.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use proptest::prelude::*;
use stepback::domain::{Event, EventPage, Json, Patch, Payload, Position, State, StreamName, Trouble, Version};
use stepback::replay::{
    Advance, Budget, FaultCount, Fingerprint, FoldError, Goal, Limits, Lost, Moment, Per, Reducer, ReducerInfo,
    Spacing, Start, StateCost, Suspension, Timeline,
};

/// The stream of every test.
pub fn stream() -> StreamName {
    StreamName::from("thing-1")
}

/// What an event does to a state.
#[derive(Clone, Debug)]
pub enum Deed {
    /// Sets a key, or a key within a key.
    Set(&'static str, Option<&'static str>, String),
    /// Removes a key.
    Remove(&'static str),
    /// Adds to the list of a key.
    Push(&'static str, i64),
    /// Takes the first of the list of a key.
    Shift(&'static str),
    /// Ends the entity.
    End,
    /// Cannot be folded.
    Fail,
    /// Costs the reducer its state, and it knows which event it was.
    Kill,
    /// Costs the reducer its state, and it cannot say why.
    KillUnseen,
    /// From here on the state cannot be given.
    Hide,
    /// From here on the state can be given again.
    Show,
    /// Does nothing, and the reducer wants a pause after it.
    Pause,
    /// Takes too long.
    TimeOut,
    /// Could not be read from the store.
    Unreadable,
}

/// One of the keys of a state.
fn key() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["a", "b", "list", "zebra", "", "a/b~", "日本"])
}

/// A value as JSON text.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<i64>().prop_map(|n| n.to_string()),
        Just("0.10".to_owned()),
        Just("null".to_owned()),
        Just("\"text\"".to_owned()),
        Just(r#"{"x":1,"y":[1,{"z":"w"}],"x":2}"#.to_owned()),
        Just("[]".to_owned()),
    ]
}

/// Deeds that can always be folded and whose states can always be given.
pub fn harmless() -> impl Strategy<Value = Deed> {
    prop_oneof![
        6 => (key(), prop::option::of(key()), value()).prop_map(|(key, inner, value)| Deed::Set(key, inner, value)),
        2 => key().prop_map(Deed::Remove),
        4 => (key(), any::<i64>()).prop_map(|(key, n)| Deed::Push(key, n)),
        2 => key().prop_map(Deed::Shift),
        1 => Just(Deed::End),
    ]
}

/// Any deed.
pub fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        12 => harmless(),
        1 => Just(Deed::Fail),
        1 => Just(Deed::Kill),
        1 => Just(Deed::KillUnseen),
        1 => Just(Deed::Hide),
        2 => Just(Deed::Show),
        1 => Just(Deed::Unreadable),
        2 => Just(Deed::Pause),
        1 => Just(Deed::TimeOut),
    ]
}

/// Limits of every size, the smallest first.
pub fn limits() -> impl Strategy<Value = Limits> {
    let sizes = prop_oneof![Just(0usize), 1..5000usize, Just(1 << 20)];
    let counts = (1..30usize, 1..20usize, 1..12u64, 1..40usize);
    let spacing = (1..40u64, 0..6u64).prop_map(|(floor, volume)| Spacing { floor, volume });
    (sizes.clone(), sizes.clone(), sizes, counts, spacing).prop_map(
        |(log_bytes, ring_bytes, checkpoint_bytes, (ring_versions, batch, behind, page), spacing)| Limits {
            log_bytes,
            ring_versions,
            ring_bytes,
            checkpoint_bytes,
            spacing,
            batch,
            behind,
            page,
        },
    )
}

/// What a state costs.
pub fn cost() -> impl Strategy<Value = StateCost> {
    prop_oneof![Just(StateCost::Pointer), Just(StateCost::Copy)]
}

/// The deeds of a stream.
pub fn deeds(deed: impl Strategy<Value = Deed>) -> impl Strategy<Value = Arc<Vec<Deed>>> {
    prop::collection::vec(deed, 0..120).prop_map(Arc::new)
}

/// An event for a deed. It is found again by its index: what it does is not in its data.
pub fn event(index: usize, deed: &Deed) -> Arc<Event> {
    event_among(1, index, deed)
}

/// An event for a deed in one of so many streams.
pub fn event_among(streams: usize, index: usize, deed: &Deed) -> Arc<Event> {
    let stream = StreamName::from(format!("thing-{}", 1 + index * index / 3 % streams).as_str());
    let trouble = matches!(deed, Deed::Unreadable)
        .then(|| Trouble { place: format!("line {}", index + 1), reason: "not an event".into() });
    Arc::new(Event {
        data: Payload::json_text(format!("\"{}\"", "x".repeat(index % 50))),
        trouble,
        ..Event::new(stream, Version(index as u64), Position::Number(index as u64), "Done")
    })
}

/// Does a deed to a state.
///
/// # Errors
/// When it cannot be done; the state is then as before.
fn perform(deed: &Deed, state: &mut State) -> Result<(), FoldError> {
    if let Deed::End = deed {
        *state = None;
        return Ok(());
    }
    let Json::Object(object) = state.get_or_insert_with(|| Json::parse(b"{}").expect("JSON")) else {
        panic!("states are objects")
    };
    match deed {
        Deed::Set(key, inner, text) => {
            let value = Json::parse(text.as_bytes()).expect("JSON");
            match (inner, object.get_mut(key)) {
                (Some(inner), Some(Json::Object(object))) => object.insert((*inner).into(), value),
                _ => object.insert((*key).into(), value),
            }
        }
        Deed::Remove(key) => drop(object.remove(key)),
        Deed::Push(key, n) => match object.get_mut(key) {
            Some(Json::Array(list)) => list.push(Json::from(*n)),
            _ => object.insert((*key).into(), Json::parse(format!("[{n}]").as_bytes()).expect("JSON")),
        },
        Deed::Shift(key) => {
            if let Some(Json::Array(list)) = object.get_mut(key) {
                list.remove(0);
            }
        }
        Deed::Hide => object.insert("hidden".into(), Json::Bool(true)),
        Deed::Show => drop(object.remove("hidden")),
        Deed::End | Deed::Fail | Deed::Kill | Deed::KillUnseen | Deed::Unreadable | Deed::Pause | Deed::TimeOut => {}
    }
    Ok(())
}

/// What a reducer says of a state when asked for it.
fn give(state: &State) -> Result<State, FoldError> {
    match state.as_ref().and_then(|state| state.get("hidden")) {
        Some(_) => Err(FoldError::new("hidden")),
        None => Ok(state.clone()),
    }
}

/// Folds deeds. It watches over the engine: what must not happen is a panic.
pub struct Edits {
    deeds: Arc<Vec<Deed>>,
    state: State,
    alive: bool,
    info: ReducerInfo,
    /// Every state is given with this under `flavour`, so that two reducers can be told apart.
    flavour: i64,
    /// Whether it folds the events of any stream, and takes every state back.
    many: bool,
}

impl Edits {
    /// A fold of these deeds. One whose states cost a copy gives them without any sharing, as text would.
    pub fn new(deeds: Arc<Vec<Deed>>, cost: StateCost, flavour: i64) -> Self {
        let fingerprint = Fingerprint(flavour.unsigned_abs());
        let info = ReducerInfo { name: format!("edits {flavour}"), approximate: false, fingerprint, cost, stale: None };
        Self { deeds, state: None, alive: false, info, flavour, many: false }
    }

    /// The same for several streams.
    pub fn of_many(self) -> Self {
        Self { many: true, ..self }
    }
}

impl Reducer for Edits {
    fn start(&mut self, from: Start<'_>) -> Result<(), FoldError> {
        self.state = match from {
            Start::Initial(name) => {
                assert!(self.many || *name == stream());
                (self.flavour != 0)
                    .then(|| Json::parse(format!(r#"{{"flavour":{}}}"#, self.flavour).as_bytes()).expect("JSON"))
            }
            // Some states cannot be taken back.
            Start::Resume(_, state)
                if !self.many && state.as_ref().is_some_and(|state| state.get("zebra") == Some(&Json::Null)) =>
            {
                self.alive = false;
                return Err(FoldError::new("too large to be sent"));
            }
            Start::Resume(_, state) => state.clone(),
        };
        self.alive = true;
        Ok(())
    }

    fn apply(&mut self, events: &[Arc<Event>], faults: &mut Vec<(usize, FoldError)>) -> Result<usize, Lost> {
        assert!(self.alive, "a lost reducer is started before it is used");
        assert!(!events.is_empty());
        for (index, event) in events.iter().enumerate() {
            assert!(event.trouble.is_none(), "an unreadable event is never folded");
            match &self.deeds[event.version.0 as usize] {
                Deed::Fail => faults.push((index, FoldError::new("failed"))),
                Deed::Kill => {
                    self.alive = false;
                    return Err(Lost { at: Some(index), why: FoldError::new("killed") });
                }
                Deed::KillUnseen => {
                    self.alive = false;
                    return Err(Lost { at: None, why: FoldError::new("killed unseen") });
                }
                Deed::TimeOut => {
                    faults.push((index, FoldError::timed_out("timed out")));
                    return Ok(index + 1);
                }
                deed => {
                    if let Err(why) = perform(deed, &mut self.state) {
                        faults.push((index, why));
                    }
                    if matches!(deed, Deed::Pause) {
                        return Ok(index + 1);
                    }
                }
            }
        }
        Ok(events.len())
    }

    fn state(&mut self) -> Result<State, FoldError> {
        assert!(self.alive, "a lost reducer is started before it is asked");
        let state = give(&self.state)?;
        Ok(match self.info.cost {
            StateCost::Pointer => state,
            StateCost::Copy => state.map(|state| Json::parse(state.to_string().as_bytes()).expect("JSON")),
        })
    }

    fn info(&self) -> &ReducerInfo {
        &self.info
    }
}

/// What a plain fold from the beginning finds at one place.
#[derive(Clone, Debug)]
pub struct Found {
    /// The event that led there.
    pub event: Option<Arc<Event>>,
    /// The state before that event, or why it is not known.
    pub before: Result<State, FoldError>,
    /// The state, or why it is not known.
    pub state: Result<State, FoldError>,
    /// Why the event could not be folded.
    pub fault: Option<FoldError>,
}

/// What a plain fold finds at every place, from before the first event on.
pub fn plain_fold(deeds: &[Deed], flavour: i64) -> Vec<Found> {
    plain_fold_of(deeds, 0..deeds.len(), flavour)
}

/// The same of a stream that has these of the deeds.
pub fn plain_fold_of(deeds: &[Deed], stream: impl IntoIterator<Item = usize>, flavour: i64) -> Vec<Found> {
    plain_fold_among(deeds, stream, flavour, 1, &Per::Whole)
}

/// The same of so many streams, into one state for each, one for each key, or one for all.
pub fn plain_fold_among(
    deeds: &[Deed],
    order: impl IntoIterator<Item = usize>,
    flavour: i64,
    streams: usize,
    per: &Per,
) -> Vec<Found> {
    let initial = (flavour != 0).then(|| Json::parse(format!(r#"{{"flavour":{flavour}}}"#).as_bytes()).expect("JSON"));
    let mut states = HashMap::new();
    let nowhere = match per {
        Per::Entity | Per::Partition(_) => None,
        Per::Whole => initial.clone(),
    };
    let mut found = vec![Found { event: None, before: give(&nowhere), state: give(&nowhere), fault: None }];
    for index in order {
        let deed = &deeds[index];
        let event = event_among(streams, index, deed);
        let key = match per {
            Per::Entity => Some(event.stream.clone()),
            Per::Partition(partition) => partition.key(&event),
            Per::Whole => None,
        };
        if key.is_none() && *per != Per::Whole {
            let fault = event.trouble.as_ref().map(|trouble| FoldError::new(trouble.to_string()));
            found.push(Found { event: Some(event), before: Ok(None), state: Ok(None), fault });
            continue;
        }
        let state = states.entry(key).or_insert_with(|| initial.clone());
        let before = give(state);
        let fault = match deed {
            Deed::Fail => Some(FoldError::new("failed")),
            Deed::Kill => Some(FoldError::new("killed")),
            Deed::KillUnseen => Some(FoldError::new("killed unseen")),
            Deed::TimeOut => Some(FoldError::timed_out("timed out")),
            Deed::Unreadable => Some(FoldError::new(format!("line {}: not an event", index + 1))),
            deed => perform(deed, state).err(),
        };
        found.push(Found { event: Some(event), before, state: give(state), fault });
    }
    found
}

/// Asserts that a moment is what a plain fold finds there.
pub fn assert_plain(moment: &Moment, found: &[Found]) -> Result<(), TestCaseError> {
    let at = moment.at as usize;
    let here = &found[at];
    prop_assert_eq!(&moment.state, &here.state.clone().unwrap_or_default(), "state at {}", at);
    prop_assert_eq!(&moment.fault, &here.fault, "fault at {}", at);
    prop_assert_eq!(&moment.unknown, &here.state.clone().err(), "why there is no state at {}", at);
    assert_counted(&moment.faults, found, at)?;
    prop_assert_eq!(&moment.event, &here.event, "event at {}", at);
    prop_assert_eq!(moment.patch.as_ref(), &patch_at(found, at), "patch at {}", at);
    let uncompared = at > 0 && (here.before.is_err() || here.state.is_err());
    prop_assert_eq!(moment.uncompared, uncompared, "whether anything was compared at {}", at);
    Ok(())
}

/// What changed at a place.
pub fn patch_at(found: &[Found], at: usize) -> Patch {
    match (&found[at].before, &found[at].state) {
        (Ok(before), Ok(after)) => Patch::between(before, after),
        _ => Patch::default(),
    }
}

/// Asserts that a count up to a place is that of a plain fold.
pub fn assert_counted(count: &FaultCount, found: &[Found], place: usize) -> Result<(), TestCaseError> {
    let failed = |index: &usize| found[*index + 1].fault.is_some();
    prop_assert_eq!(count.before, (0..place).filter(failed).count() as u64, "faults before {}", place);
    let first = count.first.as_ref().map(|first| (first.event.clone(), FoldError::clone(&first.error)));
    let plain = (0..place).find(failed);
    let plain = plain.and_then(|index| Some((found[index + 1].event.clone()?, found[index + 1].fault.clone()?)));
    prop_assert_eq!(first, plain, "the first fault before {}", place);
    Ok(())
}

/// Whether the event that led to a place failed in a plain fold.
pub fn failed_at(found: &[Found], place: usize) -> bool {
    found[place].fault.is_some()
}

/// Counts on for so many calls; says whether all is counted.
pub fn count_on(timeline: &mut Timeline, store: &Store, calls: usize, budget: u64) -> bool {
    for _ in 0..calls {
        match timeline.count_on(Budget { events: budget }) {
            Advance::Reached => return true,
            answer @ (Advance::Stopped(_) | Advance::NotFound(_)) => panic!("nothing was searched for: {answer:?}"),
            Advance::Working { folded, to_fold } => assert!(folded <= to_fold),
            Advance::NeedEvents { from, limit } => timeline.feed_count(store.read(from, limit)),
            Advance::Failed(why) => panic!("{why}"),
            Advance::Suspended(suspension) => panic!("{suspension}"),
        }
    }
    false
}

/// A store that answers in pages.
pub struct Store {
    /// What events do.
    pub deeds: Arc<Vec<Deed>>,
    /// Which of them there are, in their order.
    pub stream: Vec<usize>,
    /// So many of them are written so far.
    pub written: usize,
    /// At most so many a page.
    pub page: usize,
    /// How many streams they are of.
    pub streams: usize,
}

impl Store {
    /// A store whose stream has all these, of which so many are written.
    pub fn new(deeds: &Arc<Vec<Deed>>, written: usize, page: usize) -> Self {
        Self { deeds: deeds.clone(), stream: (0..deeds.len()).collect(), written, page, streams: 1 }
    }

    /// The event with this ordinal.
    pub fn event(&self, ordinal: usize) -> Arc<Event> {
        event_among(self.streams, self.stream[ordinal], &self.deeds[self.stream[ordinal]])
    }

    /// A page of it.
    pub fn read(&self, from: u64, limit: usize) -> EventPage {
        let from = (from as usize).min(self.written);
        let end = from.saturating_add(limit.min(self.page)).min(self.written);
        let events: Vec<_> = (from..end).map(|ordinal| self.event(ordinal)).collect();
        let first = if events.is_empty() { 0 } else { from as u64 };
        EventPage { first, events, total: self.written as u64, partial: false }
    }
}

/// Walks to a goal, feeding what is asked for.
pub fn go(timeline: &mut Timeline, store: &Store, goal: Goal, budget: u64) -> Moment {
    try_to_go(timeline, store, goal, budget).unwrap_or_else(|suspension| panic!("{suspension}"))
}

/// The same with a fold that may be suspended.
pub fn try_to_go(timeline: &mut Timeline, store: &Store, mut goal: Goal, budget: u64) -> Result<Moment, Suspension> {
    for _ in 0..200_000 {
        if let ControlFlow::Break(answer) = step(timeline, store, &mut goal, budget) {
            return answer.map(|()| timeline.moment());
        }
    }
    panic!("the walk does not end");
}

/// One call, and what is asked for by it.
pub fn step(
    timeline: &mut Timeline,
    store: &Store,
    goal: &mut Goal,
    budget: u64,
) -> ControlFlow<Result<(), Suspension>> {
    match timeline.advance(goal, Budget { events: budget }) {
        Advance::Reached => return ControlFlow::Break(Ok(())),
        answer @ (Advance::Stopped(_) | Advance::NotFound(_)) => panic!("nothing was searched for: {answer:?}"),
        Advance::Working { folded, to_fold } => assert!(folded <= to_fold),
        Advance::NeedEvents { from, limit } => {
            assert!(limit > 0 && timeline.total().is_none_or(|total| from < total));
            timeline.feed(store.read(from, limit));
        }
        Advance::Failed(why) => panic!("{why}"),
        Advance::Suspended(suspension) => return ControlFlow::Break(Err(suspension)),
    }
    ControlFlow::Continue(())
}
