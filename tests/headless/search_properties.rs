//! What must hold of every search, whatever the events, the faults, the limits, the windows and the slices.

use std::sync::Arc;

use proptest::prelude::*;
use stepback::domain::patch::written;
use stepback::domain::{Direction, Event, Patch, Path, State, Unjudged};
use stepback::replay::{
    Advance, Budget, FoldError, Goal, Patience, Scan, Stop, Stops, Subject, Timeline, Verdict, Written,
};

use crate::support::folds::{
    Deed, Edits, Found, Store, assert_plain, cost, deed, deeds, go, limits, patch_at, plain_fold, stream,
};

/// What to search for.
#[derive(Clone, Debug)]
enum Wanted {
    /// Every so manieth event.
    Event(u64, u64),
    /// A state that has a key.
    Has(&'static str),
    /// Events that failed.
    Faults,
    /// Events that changed so many places.
    Changes(usize),
    /// States that are equal to those before.
    Same,
    /// A value that was written.
    Writes(&'static str),
    /// Everything.
    All,
}

/// What there is to judge.
struct Place<'a> {
    event: Option<&'a Arc<Event>>,
    prev: Result<&'a State, &'a FoldError>,
    state: Result<&'a State, &'a FoldError>,
    patch: Arc<Patch>,
    fault: Option<&'a FoldError>,
}

fn path(key: &str) -> Path {
    Path::root().key(&key.into())
}

impl Wanted {
    fn judge(&self, place: &Place<'_>) -> Verdict {
        let unknown = |why: &FoldError| Verdict::Unjudged(why.to_string());
        match self {
            Self::Event(of, n) => match place.event {
                Some(event) => (event.version.0 % of == n % of).into(),
                None => Verdict::Unjudged("no event".into()),
            },
            Self::Has(key) => match place.state {
                Ok(Some(state)) => state.get(key).is_some().into(),
                Ok(None) => Verdict::Unjudged("no entity".into()),
                Err(why) => unknown(why),
            },
            Self::Faults => place.fault.is_some().into(),
            Self::Changes(places) => (place.patch.0.len() == *places).into(),
            Self::Same => match (place.prev, place.state) {
                (Ok(prev), Ok(state)) => (prev == state).into(),
                (Err(why), _) | (_, Err(why)) => unknown(why),
            },
            Self::Writes(key) => match (place.prev, place.state) {
                (Ok(prev), Ok(state)) => written(prev, state, &path(key)).into(),
                (Err(why), _) | (_, Err(why)) => Verdict::Unjudged(format!("the state is not known: {why}")),
            },
            Self::All => Verdict::Hit,
        }
    }

    fn stop(&self, turns: bool) -> Stop {
        let wanted = self.clone();
        let judge = move |subject: &Subject<'_>| {
            wanted.judge(&Place {
                event: subject.event(),
                prev: subject.prev(),
                state: subject.state(),
                patch: subject.patch(),
                fault: subject.fault(),
            })
        };
        match self {
            Self::Writes(key) if !turns => Stop::at_each(Written(path(key))),
            _ if turns => Stop::where_it_turns(judge),
            _ => Stop::at_each(judge),
        }
    }

    /// What it is of a place of a plain fold.
    fn plain(&self, found: &[Found], at: usize) -> Verdict {
        let here = &found[at];
        self.judge(&Place {
            event: here.event.as_ref(),
            prev: here.before.as_ref(),
            state: here.state.as_ref(),
            patch: Arc::new(patch_at(found, at)),
            fault: here.fault.as_ref(),
        })
    }
}

fn wanted() -> impl Strategy<Value = Vec<(Wanted, bool)>> {
    let key = || prop::sample::select(vec!["a", "b", "list", ""]);
    let wanted = prop_oneof![
        3 => (2..40u64, any::<u64>()).prop_map(|(of, n)| Wanted::Event(of, n)),
        3 => key().prop_map(Wanted::Has),
        1 => Just(Wanted::Faults),
        1 => (0..4usize).prop_map(Wanted::Changes),
        1 => Just(Wanted::Same),
        2 => key().prop_map(Wanted::Writes),
        1 => Just(Wanted::All),
    ];
    prop::collection::vec((wanted, any::<bool>()), 1..4)
}

/// What a plain search finds at every place, and which stops hold there.
struct Plain {
    hits: Vec<(u64, Vec<usize>)>,
    why: Vec<Option<(String, Arc<Event>)>>,
}

impl Plain {
    fn new(wanted: &[(Wanted, bool)], found: &[Found]) -> Self {
        let judge = |at: usize| wanted.iter().map(|(wanted, _)| wanted.plain(found, at)).collect::<Vec<_>>();
        let verdicts: Vec<Vec<Verdict>> = (0..found.len()).map(judge).collect();
        let (mut hits, mut why) = (Vec::new(), vec![None]);
        for at in 1..found.len() {
            let is_hit = |n: &usize| {
                let holds = |at: usize| verdicts[at][*n] == Verdict::Hit;
                holds(at) && !(wanted[*n].1 && holds(at - 1))
            };
            let stops: Vec<usize> = (0..wanted.len()).filter(is_hit).collect();
            if !stops.is_empty() {
                hits.push((at as u64, stops));
            }
            let reason = verdicts[at].iter().find_map(|verdict| match verdict {
                Verdict::Unjudged(why) => Some(why.clone()),
                Verdict::Hit | Verdict::Miss => None,
            });
            why.push(reason.zip(found[at].event.clone()));
        }
        Self { hits, why }
    }

    /// What could not be judged behind one place and up to another.
    fn unjudged(&self, low: u64, high: u64) -> Unjudged {
        let mut unjudged = Unjudged::default();
        for (why, event) in self.why[low as usize + 1..=high as usize].iter().flatten() {
            unjudged.count(why.clone(), event);
        }
        unjudged
    }

    /// The hits behind one place and up to another.
    fn between(&self, low: u64, high: u64) -> Vec<(u64, Vec<usize>)> {
        self.hits.iter().filter(|(place, _)| low < *place && *place <= high).cloned().collect()
    }
}

/// All hits of a scan, each with what could not be judged up to it, and what could not be judged in all. Now and then
/// somebody walks in between.
fn scan(
    timeline: &mut Timeline,
    store: &Store,
    mut scan: Scan,
    budget: u64,
    walks: &[u64],
) -> (Vec<(u64, Vec<usize>, Unjudged)>, Unjudged) {
    let mut hits = Vec::new();
    let mut walks = walks.iter();
    for call in 1..500_000 {
        match timeline.scan(&mut scan, Budget { events: budget }) {
            Advance::Stopped(hit) => hits.push((hit.place, hit.stops, hit.unjudged)),
            Advance::NotFound(unjudged) => return (hits, unjudged),
            Advance::Working { folded, to_fold } => assert!(folded <= to_fold),
            Advance::NeedEvents { from, limit } if call % 2 == 0 => timeline.feed(store.read(from, limit)),
            Advance::NeedEvents { from, limit } => timeline.feed_count(store.read(from, limit)),
            answer @ (Advance::Reached | Advance::Failed(_) | Advance::Suspended(_)) => panic!("{answer:?}"),
        }
        if call % 5 == 0
            && let Some(place) = walks.next()
        {
            go(timeline, store, Goal::To(*place), 7);
        }
    }
    panic!("the scan does not end");
}

/// Searches from the cursor: the hit, or what could not be judged.
fn search(
    timeline: &mut Timeline,
    store: &Store,
    goal: &mut Goal,
    budget: u64,
) -> Result<(u64, Vec<usize>, Unjudged), Unjudged> {
    for _ in 0..500_000 {
        match timeline.advance(goal, Budget { events: budget }) {
            Advance::Stopped(hit) => return Ok((hit.place, hit.stops, hit.unjudged)),
            Advance::NotFound(unjudged) => return Err(unjudged),
            Advance::Working { folded, to_fold } => assert!(folded <= to_fold),
            Advance::NeedEvents { from, limit } => timeline.feed(store.read(from, limit)),
            answer @ (Advance::Reached | Advance::Failed(_) | Advance::Suspended(_)) => panic!("{answer:?}"),
        }
    }
    panic!("the search does not end");
}

fn budget() -> impl Strategy<Value = u64> {
    prop_oneof![1..20u64, Just(u64::MAX)]
}

proptest! {
    #[test]
    fn forward_hits_reversed_are_backward_hits(
        deeds in deeds(deed()),
        limits in limits(),
        cost in cost(),
        wanted in wanted(),
        range in (0..120u64, 0..130u64),
        budgets in (budget(), budget()),
        walks in prop::collection::vec(0..130u64, 0..6),
        page in 1..40usize,
    ) {
        let store = Store::new(&deeds, deeds.len(), page);
        let found = plain_fold(&deeds, 0);
        let plain = Plain::new(&wanted, &found);
        let stops = Stops::new(wanted.iter().map(|(wanted, turns)| wanted.stop(*turns)));
        let total = deeds.len() as u64;
        let reducer = Box::new(Edits::new(deeds.clone(), cost, 0));
        let mut timeline = Timeline::new(stream(), reducer, limits).with_patience(Patience::endless());
        for (low, high) in [range, (0, u64::MAX)] {
            let (from, to) = (low.min(total), high.min(total).max(low.min(total)));
            let hits = plain.between(from, to);
            let before = timeline.moment();
            let forward = Scan::new(stops.clone(), low..high, Direction::Forward);
            let (found, unjudged) = scan(&mut timeline, &store, forward, budgets.0, &[]);
            let told: Vec<_> = found.iter().map(|(place, stops, _)| (*place, stops.clone())).collect();
            prop_assert_eq!(&told, &hits);
            for (place, _, unjudged) in found {
                prop_assert_eq!(unjudged, plain.unjudged(from, place));
            }
            prop_assert_eq!(&unjudged, &plain.unjudged(from, to));
            let moment = timeline.moment();
            prop_assert_eq!((moment.at, moment.state), (before.at, before.state));

            let backward = Scan::new(stops.clone(), low..high, Direction::Backward);
            let (found, unjudged) = scan(&mut timeline, &store, backward, budgets.1, &walks);
            let told: Vec<_> = found.iter().rev().map(|(place, stops, _)| (*place, stops.clone())).collect();
            prop_assert_eq!(told, hits);
            for (place, _, unjudged) in found {
                prop_assert_eq!(unjudged, plain.unjudged(place - 1, to));
            }
            prop_assert_eq!(unjudged, plain.unjudged(from, to));
        }
    }

    #[test]
    fn from_every_place_the_next_and_the_previous_hit_are_found(
        deeds in deeds(deed()),
        limits in limits(),
        cost in cost(),
        wanted in wanted(),
        places in prop::collection::vec((0..130u64, any::<bool>(), 1..4usize), 1..8),
        budget in budget(),
        page in 1..40usize,
    ) {
        let store = Store::new(&deeds, deeds.len(), page);
        let found = plain_fold(&deeds, 0);
        let plain = Plain::new(&wanted, &found);
        let writes = Plain::new(&[(Wanted::Writes("list"), false)], &found);
        let stops = Stops::new(wanted.iter().map(|(wanted, turns)| wanted.stop(*turns)));
        let total = deeds.len() as u64;
        let reducer = Box::new(Edits::new(deeds.clone(), cost, 0));
        let mut timeline = Timeline::new(stream(), reducer, limits).with_patience(Patience::endless());
        for (place, is_forward, hits) in places {
            for is_write in [false, true] {
                let mut at = go(&mut timeline, &store, Goal::To(place), budget).at;
                let begin = at;
                let (plain, mut goal) = match (is_write, is_forward) {
                    (false, true) => (&plain, Goal::Next(stops.clone())),
                    (false, false) => (&plain, Goal::Previous(stops.clone())),
                    (true, true) => (&writes, Goal::NextWrite(path("list"))),
                    (true, false) => (&writes, Goal::PreviousWrite(path("list"))),
                };
                // The same goal goes on to the one after that.
                for _ in 0..hits {
                    let (next, rest) = if is_forward {
                        (plain.between(at, total).first().cloned(), plain.unjudged(begin, total))
                    } else {
                        let before = at.saturating_sub(1);
                        (plain.between(0, before).last().cloned(), plain.unjudged(0, begin.saturating_sub(1)))
                    };
                    let answer = search(&mut timeline, &store, &mut goal, budget);
                    let moment = timeline.moment();
                    match next {
                        Some((place, stops)) => {
                            let unjudged = if is_forward {
                                plain.unjudged(begin, place)
                            } else {
                                plain.unjudged(place - 1, begin - 1)
                            };
                            prop_assert_eq!(answer, Ok((place, stops, unjudged)));
                            at = place;
                        }
                        None => prop_assert_eq!(answer, Err(rest)),
                    }
                    prop_assert_eq!(moment.at, at, "the cursor stands at the hit, or where it was");
                    assert_plain(&moment, &found)?;
                }
            }
        }
    }
}

#[test]
fn a_search_does_not_go_on_in_another_history() {
    let deeds = Arc::new(vec![Deed::Push("list", 1); 50]);
    let store = Store::new(&deeds, 50, 10);
    let reducer = Box::new(Edits::new(deeds.clone(), stepback::replay::StateCost::Pointer, 0));
    let mut timeline = Timeline::new(stream(), reducer, stepback::replay::Limits::default());
    go(&mut timeline, &store, Goal::To(5), 100);
    let all = || Stops::new([Stop::at_each(|_: &Subject<'_>| Verdict::Hit)]);
    let mut goal = Goal::Next(all());
    assert_eq!(search(&mut timeline, &store, &mut goal, 1).map(|(place, ..)| place), Ok(6));
    timeline.invalidate_from(20);
    assert!(matches!(timeline.advance(&mut goal, Budget { events: 1 }), Advance::Failed(_)));
    assert_eq!(timeline.at(), 6);
    assert_eq!(search(&mut timeline, &store, &mut Goal::Previous(all()), 1).map(|(place, ..)| place), Ok(5));
}
