//! Events that failed: how many of a stream, where they stand, and what is said of a state that lacks them.

use std::ops::Range;
use std::sync::Arc;

use super::action::Action;
use super::action::Stepping;
use super::effect::Effect;
use super::words::{self, count, counted, percent};
use super::{App, Severity};
use crate::domain::{Direction, Scope, StreamName};
use crate::replay::{Counted, Moment};

/// The events of a stream that failed, as far as they are counted.
#[derive(Clone, PartialEq, Debug)]
pub struct Failing {
    /// Of which stream.
    pub stream: StreamName,
    /// How many, and how far the count has come.
    pub counted: Counted,
    /// Their ordinals, as runs of neighbours.
    pub failed: Arc<Vec<Range<u64>>>,
}

impl Failing {
    /// Whether the event at a place failed.
    pub fn has(&self, place: u64) -> bool {
        let next = self.failed.partition_point(|run| run.end < place);
        place > 0 && self.failed.get(next).is_some_and(|run| run.contains(&(place - 1)))
    }

    /// The place of the next event that failed, or of the one before.
    fn beyond(&self, place: u64, direction: Direction) -> Option<u64> {
        match direction {
            Direction::Forward => {
                let next = self.failed.partition_point(|run| run.end <= place);
                self.failed.get(next).map(|run| run.start.max(place) + 1)
            }
            Direction::Backward => {
                let here = place.saturating_sub(1);
                let next = self.failed.partition_point(|run| run.start < here);
                next.checked_sub(1).and_then(|n| self.failed.get(n)).map(|run| run.end.min(here))
            }
        }
    }

    /// How many in all, or so far while they are being counted.
    fn in_all(&self) -> String {
        let so_far = if self.counted.is_whole() { "" } else { " so far" };
        format!("{}{so_far} in the whole stream", count(self.counted.faults.before))
    }
}

impl App {
    /// What is known of the failing events of the stream one stands in.
    pub fn failing(&self) -> Option<&Failing> {
        self.walk.failing.as_ref().filter(|failing| self.walk.stream() == Some(&failing.stream))
    }

    /// Whether the event at a place of a scope is known to have failed.
    pub fn has_failed(&self, scope: &Scope, place: u64) -> bool {
        self.walk.failing.as_ref().is_some_and(|failing| {
            matches!(scope, Scope::Stream(stream) if *stream == failing.stream) && failing.has(place)
        })
    }

    /// How many events the state at the cursor lacks, of how many: as short as can be.
    pub fn lacks(&self) -> Option<String> {
        let moment = lacking(self.walk.here()?)?;
        Some(format!("{} of {} failed", count(moment.faults.before), count(moment.at)))
    }

    /// What is said above a state that is not all it seems, in lines of so many cells: how bad it is, and the words.
    pub fn state_notes(&self, cells: usize) -> Vec<(Severity, String)> {
        // Of a fold that is suspended all is said where the state would stand.
        let Some(moment) = self.walk.here().filter(|moment| moment.suspended.is_none()) else { return Vec::new() };
        let mut notes = Vec::new();
        if let Some(stale) = &moment.reducer.stale {
            notes.push((Severity::Error, format!("! {stale}")));
            if let (Some(line), Some(place)) = (&stale.line, &stale.why.place) {
                let number = format!("{:>6} │ ", place.line);
                let room = cells.saturating_sub(number.chars().count());
                notes.push((Severity::Info, format!("{number}{}", words::around(line, place.column, room))));
            }
        }
        if let Some(moment) = lacking(moment) {
            let (failed, of) = (count(moment.faults.before), counted(moment.at, "event"));
            let here = if moment.fault.is_some() { "up to here" } else { "before here" };
            let failing = self.failing().filter(|failing| failing.counted.faults.before > moment.faults.before);
            notes.push((Severity::Warning, format!("! {failed} of {of} failed {here}")));
            notes.extend(failing.map(|failing| (Severity::Info, format!("  {}", failing.in_all()))));
        }
        notes
    }

    /// What is said of a fold that is suspended at the cursor, and what helps.
    pub fn suspended_words(&self) -> Option<(String, String)> {
        let suspension = self.walk.here()?.suspended.as_ref()?;
        let key = self.keys.map.keys_of(&self.contexts(), Action::Step(Stepping::FoldOn)).into_iter().next();
        let key = key.unwrap_or_else(|| Action::Step(Stepping::FoldOn).spec().name.to_owned());
        Some((suspension.to_string(), format!("{key} goes on with it, however long it takes")))
    }

    /// The whole text of what a state lacks.
    pub(super) fn what_is_lacking(&self) -> Option<String> {
        let moment = lacking(self.walk.here()?)?;
        let mut text = format!(
            "{} of the {} up to here failed: the state does not contain what they did.\n",
            count(moment.faults.before),
            counted(moment.at, "event")
        );
        if let Some(first) = &moment.faults.first {
            text.push_str(&format!(
                "\nThe first is @{} {}:\n\n{}\n",
                first.event.version, first.event.event_type, first.error
            ));
        }
        let contexts = self.contexts();
        let key = |action| self.keys.map.keys_of(&contexts, Action::Step(action)).into_iter().next();
        if let (Some(next), Some(previous)) = (key(Stepping::NextFault), key(Stepping::PreviousFault)) {
            text.push_str(&format!("\n{next} and {previous} go to the next and the previous one."));
        }
        Some(text)
    }

    /// Goes to the next event that failed, or to the one before.
    pub(super) fn step_to_fault(&mut self, direction: Direction, times: u64, out: &mut Vec<Effect>) {
        let (Some(scope), mut place) = self.walk.target() else { return };
        let scope = scope.clone();
        if !matches!(scope, Scope::Stream(_)) {
            return self.say(Severity::Info, "events that failed are counted stream by stream: Enter opens the stream");
        }
        let start = place;
        let Some(failing) = self.failing() else {
            return self.say(Severity::Info, "the events that fail are not counted yet");
        };
        for _ in 0..times {
            match failing.beyond(place, direction) {
                Some(next) => place = next,
                None => break,
            }
        }
        if place != start {
            return self.go_to_place(scope, place, out);
        }
        let (events, total) = (failing.counted.events, failing.counted.total);
        let words = match direction {
            _ if failing.counted.is_whole() && failing.failed.is_empty() => "no event of this stream failed".into(),
            Direction::Backward => "no event before this one failed".into(),
            Direction::Forward if failing.counted.is_whole() => "no event after this one failed".into(),
            Direction::Forward => {
                format!("no event after this one failed so far: {} % counted", percent(events, total))
            }
        };
        self.say(Severity::Info, words);
    }
}

/// A moment whose state lacks events. That nobody can read its payloads is said elsewhere.
fn lacking(moment: &Moment) -> Option<&Moment> {
    Some(moment).filter(|moment| !moment.faults.is_none() && moment.sealed().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::FaultCount;

    #[test]
    fn failing_events_are_walked_both_ways() {
        let failing = Failing {
            stream: "a-1".into(),
            counted: Counted { faults: FaultCount { before: 4, first: None }, events: 10, total: 12, suspended: None },
            failed: Arc::new(vec![0..1, 3..5, 8..9]),
        };
        let failed = [1, 4, 5, 9];
        for place in 0..12 {
            assert_eq!(failing.has(place), failed.contains(&place), "{place}");
            let next = failed.iter().copied().find(|at| *at > place);
            assert_eq!(failing.beyond(place, Direction::Forward), next, "{place}");
            let before = failed.iter().copied().rfind(|at| *at < place);
            assert_eq!(failing.beyond(place, Direction::Backward), before, "{place}");
        }
        assert_eq!(failing.in_all(), "4 so far in the whole stream");
    }
}
