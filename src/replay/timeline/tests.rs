//! What a caller can rely on beyond what the properties in `tests/replay_properties.rs` say.

use super::*;
use crate::domain::{Json, Payload, Position, Version};
use crate::replay::{Fingerprint, Start, State};

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
        let info = ReducerInfo { name: "count".into(), approximate: false, fingerprint: Fingerprint(1), cost };
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

    fn apply(&mut self, events: &[Arc<Event>], _: &mut Vec<(usize, FoldError)>) -> Result<(), Lost> {
        if self.dead {
            return Err(Lost { at: Some(0), why: FoldError::new("died") });
        }
        if self.cancel.is_cancelled() {
            return Err(Lost { at: None, why: FoldError::new("asked to stop") });
        }
        self.sent.lock().expect("unpoisoned").extend(events.iter().map(|event| event.version.0));
        self.count += events.len() as i64;
        Ok(())
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
    let event = |n| Event {
        stream: StreamName::from("s-1"),
        version: Version(n),
        position: Position::Number(n),
        id: None,
        event_type: "Happened".into(),
        time: None,
        data: Payload::default(),
        metadata: Payload::default(),
        correlation: None,
        causation: None,
        notes: Vec::new(),
        trouble: None,
    };
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
    assert_eq!(goal, Goal::To(3000));
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
    assert_eq!(go(&mut timeline, goal), 10);
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
