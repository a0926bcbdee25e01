//! What a caller can rely on beyond what the properties in `tests/headless/replay_properties.rs` say.

use super::*;
use crate::domain::{Json, Position, State, Version};
use crate::replay::{Fingerprint, Start};

/// Counts events; does not start, or dies, when told to.
struct Counter {
    count: i64,
    starts: bool,
    dead: bool,
    cancel: Cancel,
    info: ReducerInfo,
    /// Every event it was ever sent.
    sent: Arc<std::sync::Mutex<Vec<u64>>>,
}

impl Counter {
    fn new(cost: StateCost) -> Self {
        let info =
            ReducerInfo { name: "count".into(), approximate: false, fingerprint: Fingerprint(1), cost, stale: None };
        Self { count: 0, starts: true, dead: false, cancel: Cancel::default(), info, sent: Arc::default() }
    }
}

impl Reducer for Counter {
    fn start(&mut self, from: Start<'_>) -> Result<(), FoldError> {
        if !self.starts {
            return Err(FoldError::new("cannot be loaded"));
        }
        self.count = match from {
            Start::Resume(_, Some(state)) => state.as_i64().expect("a count"),
            _ => 0,
        };
        Ok(())
    }

    fn apply(&mut self, events: &[Arc<Event>], _: &mut Vec<(usize, FoldError)>) -> Result<usize, Lost> {
        if self.dead {
            return Err(Lost { at: Some(0), why: FoldError::new("died") });
        }
        if self.cancel.is_cancelled() {
            return Err(Lost { at: None, why: FoldError::new("asked to stop") });
        }
        self.sent.lock().expect("unpoisoned").extend(events.iter().map(|event| event.version.0));
        self.count += events.len() as i64;
        Ok(events.len())
    }

    fn heed(&mut self, cancel: &Cancel) {
        self.cancel = cancel.clone();
    }

    fn state(&mut self) -> Result<State, FoldError> {
        Ok(Some(Json::from(self.count)))
    }

    fn info(&self) -> &ReducerInfo {
        &self.info
    }
}

fn page(range: std::ops::Range<u64>, total: u64) -> EventPage {
    let event = |n| Event::new("s-1", Version(n), Position::Number(n), "Happened");
    EventPage { first: range.start, events: range.map(|n| Arc::new(event(n))).collect(), total, partial: false }
}

fn timeline(counter: Counter) -> Timeline {
    Timeline::new(StreamName::from("s-1"), Box::new(counter), Limits::default())
}

const PLENTY: Budget = Budget { events: u64::MAX };

fn go(timeline: &mut Timeline, goal: Goal) -> i64 {
    let mut goal = goal;
    assert_eq!(timeline.advance(&mut goal, PLENTY), Advance::Reached);
    timeline.moment().state.and_then(|state| state.as_i64()).expect("a count")
}

#[test]
fn a_timeline_can_be_sent_to_its_thread() {
    fn sent<T: Send>(_: &T) {}
    sent(&timeline(Counter::new(StateCost::Pointer)));
}

#[test]
fn it_asks_for_what_it_lacks_and_works_within_its_budget() {
    let mut timeline = timeline(Counter::new(StateCost::Pointer));
    let mut goal = Goal::Forward(3000);
    assert_eq!(timeline.advance(&mut goal, PLENTY), Advance::NeedEvents { from: 0, limit: 1024 });
    assert!(matches!(goal, Goal::To(3000)));
    timeline.feed(page(0..1000, 5000));
    let budget = Budget { events: 600 };
    assert_eq!(timeline.advance(&mut goal, budget), Advance::Working { folded: 600, to_fold: 3000 });
    assert_eq!(timeline.advance(&mut goal, budget), Advance::NeedEvents { from: 1000, limit: 1024 });
    assert_eq!(timeline.at(), 0, "the cursor moves when the goal is reached");
    timeline.feed(page(1000..5000, 5000));
    assert_eq!(timeline.advance(&mut goal, PLENTY), Advance::Reached);
    let moment = timeline.moment();
    assert_eq!((moment.at, moment.total), (3000, 5000));
    assert_eq!(moment.patch.counts().replaced, 1);
    assert_eq!(go(&mut timeline, Goal::Back(2999)), 1);
    assert_eq!(go(&mut timeline, Goal::Back(7)), 0);
    assert_eq!(go(&mut timeline, Goal::Forward(u64::MAX)), 5000);
    timeline.grow(5001);
    assert_eq!(timeline.moment().total, 5001);
    assert_eq!(timeline.advance(&mut Goal::Forward(1), PLENTY), Advance::NeedEvents { from: 5000, limit: 256 });
}

#[test]
fn a_step_back_within_the_ring_folds_nothing() {
    let counter = Counter::new(StateCost::Pointer);
    let sent = counter.sent.clone();
    let mut timeline = timeline(counter);
    timeline.feed(page(0..10_000, 10_000));
    assert_eq!(go(&mut timeline, Goal::To(10_000)), 10_000);
    sent.lock().expect("unpoisoned").clear();
    for place in (9_400..10_000).rev() {
        assert_eq!(go(&mut timeline, Goal::Back(1)), place);
    }
    assert_eq!(sent.lock().expect("unpoisoned").len(), 0);
    for place in (1_400..9_400).rev() {
        assert_eq!(go(&mut timeline, Goal::Back(1)), place);
    }
    let folded = sent.lock().expect("unpoisoned").len();
    assert!(folded < 2 * 8_000, "{folded} folded again for 8,000 steps back");
}

#[test]
fn a_jump_folds_less_than_one_gap_between_checkpoints() {
    for (cost, most) in [(StateCost::Pointer, 64), (StateCost::Copy, 512)] {
        let counter = Counter::new(cost);
        let sent = counter.sent.clone();
        let mut timeline = timeline(counter);
        timeline.feed(page(0..20_000, 20_000));
        assert_eq!(go(&mut timeline, Goal::To(20_000)), 20_000);
        for n in 0..200 {
            let place = (n * 7919) % 20_000;
            sent.lock().expect("unpoisoned").clear();
            assert_eq!(go(&mut timeline, Goal::To(place)), place as i64);
            let folded = sent.lock().expect("unpoisoned").len();
            assert!(folded <= 2 * most, "{folded} folded to {place}");
        }
    }
}

#[test]
fn a_reducer_that_does_not_start_is_said() {
    let mut counter = Counter::new(StateCost::Pointer);
    counter.starts = false;
    let mut timeline = timeline(counter);
    assert_eq!(timeline.advance(&mut Goal::To(0), PLENTY), Advance::Failed(FoldError::new("cannot be loaded")));
    timeline.replace_reducer(Box::new(Counter::new(StateCost::Pointer)));
    assert_eq!(go(&mut timeline, Goal::To(0)), 0);
}

#[test]
fn a_reducer_that_always_dies_is_given_up_and_no_event_is_blamed() {
    let mut counter = Counter::new(StateCost::Copy);
    counter.dead = true;
    let mut timeline = timeline(counter);
    timeline.feed(page(0..1000, 1000));
    for _ in 0..2 {
        let mut goal = Goal::To(500);
        let answer = loop {
            match timeline.advance(&mut goal, Budget { events: 10 }) {
                Advance::Working { .. } => {}
                answer => break answer,
            }
        };
        assert_eq!(answer, Advance::Failed(FoldError::new("died")));
        assert!((0..1000).all(|ordinal| timeline.faults.get(ordinal).is_none()));
        assert_eq!((timeline.counted().faults.before, timeline.counted().events), (0, 0));
    }
    assert_eq!(timeline.at(), 0);
}

#[test]
fn a_page_without_the_event_asked_for_is_the_end_of_the_stream() {
    let mut timeline = timeline(Counter::new(StateCost::Pointer));
    timeline.feed(page(0..10, 20));
    let mut goal = Goal::To(20);
    assert_eq!(timeline.advance(&mut goal, PLENTY), Advance::NeedEvents { from: 10, limit: 256 });
    timeline.feed(EventPage { total: 20, ..EventPage::default() });
    assert_eq!(go(&mut timeline, goal.clone()), 10);
    assert_eq!(timeline.total(), Some(10));
    timeline.feed(page(10..20, 20));
    assert_eq!(go(&mut timeline, goal), 20);
    // A source that answers with other events for ever does not hang the walk.
    timeline.grow(30);
    goal = Goal::To(30);
    let mut asked = 0;
    while let Advance::NeedEvents { .. } = timeline.advance(&mut goal, PLENTY) {
        timeline.feed(page(0..10, 30));
        asked += 1;
        assert!(asked < 10);
    }
    assert_eq!(timeline.at(), 20);
}

#[test]
fn an_empty_stream_has_one_place() {
    let mut timeline = timeline(Counter::new(StateCost::Pointer));
    let mut goal = Goal::To(u64::MAX);
    assert!(matches!(timeline.advance(&mut goal, PLENTY), Advance::NeedEvents { from: 0, .. }));
    timeline.feed(EventPage::default());
    assert_eq!(go(&mut timeline, goal), 0);
    let moment = timeline.moment();
    assert_eq!((moment.at, moment.total, moment.event), (0, 0, None));
    assert!(moment.patch.is_empty());
}

#[test]
fn a_walk_that_is_no_longer_wanted_blames_no_event() {
    let mut timeline = timeline(Counter::new(StateCost::Copy));
    timeline.feed(page(0..10, 10));
    // More often than a reducer may be lost before it is given up.
    for _ in 0..100 {
        let cancel = Cancel::default();
        timeline.heed(&cancel);
        cancel.cancel();
        assert!(matches!(timeline.advance(&mut Goal::To(10), PLENTY), Advance::Failed(_)));
    }
    timeline.heed(&Cancel::default());
    assert_eq!(timeline.advance(&mut Goal::To(10), PLENTY), Advance::Reached);
    let moment = timeline.moment();
    assert_eq!((moment.state, moment.fault), (Some(Json::from(10)), None));
}

/// Fails at an event only once it has seen it so often: no two folds of it are the same.
struct Moody {
    counter: Counter,
    event: u64,
    seen: u32,
    fails_after: u32,
}

impl Reducer for Moody {
    fn start(&mut self, from: Start<'_>) -> Result<(), FoldError> {
        self.counter.start(from)
    }

    fn apply(&mut self, events: &[Arc<Event>], faults: &mut Vec<(usize, FoldError)>) -> Result<usize, Lost> {
        for (index, event) in events.iter().enumerate() {
            if event.version.0 == self.event {
                self.seen += 1;
                if self.seen > self.fails_after {
                    faults.push((index, FoldError::new("not again")));
                    continue;
                }
            }
            self.counter.count += 1;
        }
        Ok(events.len())
    }

    fn state(&mut self) -> Result<State, FoldError> {
        self.counter.state()
    }

    fn info(&self) -> &ReducerInfo {
        &self.counter.info
    }
}

#[test]
fn a_fold_that_changes_its_mind_leaves_no_count_and_no_state_of_before() {
    let moody = Moody { counter: Counter::new(StateCost::Copy), event: 300, seen: 0, fails_after: 1 };
    let mut timeline = Timeline::new(StreamName::from("s-1"), Box::new(moody), Limits::default());
    timeline.feed(page(0..2000, 2000));
    assert_eq!(go(&mut timeline, Goal::To(2000)), 2000);
    assert_eq!((timeline.counted().faults.before, timeline.counted().events), (0, 2000));
    // Folded once more it fails: all that was found behind it is found again.
    assert_eq!(go(&mut timeline, Goal::To(310)), 309);
    assert_eq!(timeline.moment().faults.before, 1);
    assert_eq!(timeline.counted().events, 310);
    assert_eq!(go(&mut timeline, Goal::To(2000)), 1999);
    let counted = timeline.counted();
    assert_eq!((counted.faults.before, counted.events, counted.is_whole()), (1, 2000, true));
    assert_eq!(counted.faults.first.map(|first| first.event.version.0), Some(300));
}

#[test]
fn counting_goes_on_where_it_was_whatever_is_walked_meanwhile() {
    let counter = Counter::new(StateCost::Copy);
    let sent = counter.sent.clone();
    // Every step back leaves the ring.
    let limits = Limits { ring_versions: 1, behind: 1, ..Limits::default() };
    let mut timeline = Timeline::new(StreamName::from("s-1"), Box::new(counter), limits);
    timeline.grow(20_000);
    timeline.feed(page(0..100, 20_000));
    assert_eq!(go(&mut timeline, Goal::To(50)), 50);
    let mut calls = 0;
    loop {
        match timeline.count_on(Budget { events: 100 }) {
            Advance::Reached => break,
            Advance::Working { .. } => {}
            Advance::NeedEvents { from, .. } => timeline.feed_count(page(from..(from + 1000).min(20_000), 20_000)),
            other => panic!("{other:?}"),
        }
        calls += 1;
        // A step there and back takes the reducer away from the count.
        assert_eq!(
            go(&mut timeline, if calls % 2 == 0 { Goal::To(51) } else { Goal::To(50) }),
            50 + i64::from(calls % 2 == 0)
        );
        assert!(calls < 10_000, "it gets nowhere");
    }
    assert!(timeline.counted().is_whole() && timeline.at() <= 51);
    assert!(timeline.memory().log_bytes < 100 * 1000, "the count keeps no events");
    let folded = sent.lock().expect("unpoisoned").len();
    assert!(folded < 2 * 20_000, "{folded} folded to count 20,000");
}
