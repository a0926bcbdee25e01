//! Events that failed: how many of a stream, where they stand, and what is said of a state that lacks them.

use crate::ask::Failing;

use super::action::Action;
use super::action::Stepping;
use super::effect::Effect;
use super::words;
use super::{App, Severity};
use crate::domain::words::{count, counted, percent};
use crate::domain::{Direction, Scope, names};
use crate::replay::Moment;

/// What is said of the events a state lacks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Lacking {
    failed: u64,
    /// Of how many.
    of: u64,
    up_to: UpTo,
}

/// How far failed events are counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum UpTo {
    /// Before the place: its own event did not fail.
    Before,
    /// Up to the place: its own event is among them.
    Here,
    /// As far as they are known.
    SoFar,
}

/// A step to the next event that failed, asked for before all of them were counted. Its answer is updated while the
/// count goes on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct AskedFailing {
    direction: Direction,
    /// Where it began, and where it ended.
    from: u64,
    place: u64,
    said: String,
}

impl Failing {
    /// What is known of them for a place whose state is not folded.
    fn lacking(&self, place: u64) -> Lacking {
        if self.counted.events < place {
            return Lacking { failed: self.counted.faults.before, of: self.counted.events, up_to: UpTo::SoFar };
        }
        let failed = self.failed.iter().map(|run| run.end.min(place).saturating_sub(run.start)).sum();
        Lacking { failed, of: place, up_to: if self.has(place) { UpTo::Here } else { UpTo::Before } }
    }

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
        let why = self.why.as_ref().map_or(String::new(), |why| format!(", not counted on: {why}"));
        format!("{}{so_far} in the whole stream{why}", count(self.counted.faults.before))
    }

    /// What is said of a step to the next event that failed, from a place to another, and whether that is so for good.
    fn said_of_step(&self, direction: Direction, start: u64, place: u64) -> (String, bool) {
        // What lies between the last one counted and the cursor may have failed as well.
        let is_known = match direction {
            Direction::Backward => self.counted.events >= start.saturating_sub(1),
            Direction::Forward => self.counted.is_whole(),
        };
        let counted = self.counted_words();
        let said = match direction {
            Direction::Backward if place != start && !is_known => format!("the last one known so far: {counted}"),
            _ if place != start => String::new(),
            _ if self.counted.is_whole() && self.failed.is_empty() => "no event of this stream failed".into(),
            Direction::Backward if is_known => "no event before this one failed".into(),
            Direction::Backward => format!("no event before this one failed so far: {counted}"),
            Direction::Forward if is_known => "no event after this one failed".into(),
            Direction::Forward => format!("no event after this one failed so far: {counted}"),
        };
        (said, is_known)
    }

    /// How much of the stream is counted.
    fn counted_words(&self) -> String {
        format!("{} % counted", percent(self.counted.events, self.counted.total))
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

    /// What is known of the events the state at the cursor lacks, also while there is none.
    fn lacking(&self) -> Option<Lacking> {
        let lacking = match self.walk.here() {
            // Of what lies behind the place where a fold is suspended nobody knows anything.
            Some(moment) if moment.suspended.is_none() => {
                let up_to = if moment.fault.is_some() { UpTo::Here } else { UpTo::Before };
                let moment = lacking(moment)?;
                Lacking { failed: moment.faults.before, of: moment.at, up_to }
            }
            _ => self.failing()?.lacking(self.walk.stream_at),
        };
        (lacking.failed > 0).then_some(lacking)
    }

    /// How many events the state at the cursor lacks, of how many: as short as can be. In a wider scope it is said of which
    /// stream that is.
    pub fn lacks(&self) -> Option<String> {
        let Lacking { failed, of, up_to } = self.lacking()?;
        let stream = match (&self.walk.scope, self.walk.stream()) {
            (Some(Scope::All | Scope::Category(_) | Scope::Correlation(_)), Some(stream)) => {
                format!("{}: ", names::cut(stream.as_str(), [], 24))
            }
            _ => String::new(),
        };
        let so_far = if up_to == UpTo::SoFar { " so far" } else { "" };
        Some(format!("{stream}{} of {} failed{so_far}", count(failed), count(of)))
    }

    /// How many they are, and no more.
    pub fn lacks_briefly(&self) -> Option<String> {
        let Lacking { failed, up_to, .. } = self.lacking()?;
        Some(format!("{} failed{}", count(failed), if up_to == UpTo::SoFar { " so far" } else { "" }))
    }

    /// What is said above a state that is not all it seems, in lines of so many cells: how bad it is, and the words.
    pub fn state_notes(&self, cells: usize) -> Vec<(Severity, String)> {
        let mut notes = Vec::new();
        // Of a fold that is suspended all else is said where the state would stand.
        let moment = self.walk.here().filter(|moment| moment.suspended.is_none());
        if let Some(stale) = moment.and_then(|moment| moment.reducer.stale.as_ref()) {
            notes.push((Severity::Error, format!("! {stale}")));
            if let (Some(line), Some(place)) = (&stale.line, &stale.why.place) {
                let number = format!("{:>6} │ ", place.line);
                let room = cells.saturating_sub(number.chars().count());
                notes.push((Severity::Info, format!("{number}{}", words::around(line, place.column, room))));
            }
        }
        if let Some(Lacking { failed, of, up_to }) = self.lacking() {
            let place = match up_to {
                UpTo::Before => "before here",
                UpTo::Here => "up to here",
                UpTo::SoFar => "so far",
            };
            notes.push((Severity::Warning, format!("! {} of {} failed {place}", count(failed), counted(of, "event"))));
            let failing =
                self.failing().filter(|failing| up_to != UpTo::SoFar && failing.counted.faults.before > failed);
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

    /// Events that failed are counted so far.
    pub(super) fn faults_counted(&mut self, failing: Failing) {
        // Where nothing folds at all State says why.
        let folds = self.walk.here().is_none_or(|moment| moment.unknown.is_none());
        if let Some(why) = failing.why.as_ref().filter(|_| folds && self.walk.stream() == Some(&failing.stream)) {
            self.say(Severity::Warning, format!("the events that fail are not counted on: {why}"));
        }
        self.walk.failing = Some(failing);
        self.answer_again();
    }

    /// What was said of a step to an event that failed is not true any longer than the count it speaks of.
    fn answer_again(&mut self) {
        let Some(asked) = self.walk.asked_failing.take() else { return };
        let stands =
            self.notice.as_ref().is_some_and(|notice| notice.text == asked.said) && self.walk.target().1 == asked.place;
        let Some(failing) = self.failing().filter(|_| stands) else { return };
        let nearer = match asked.direction {
            _ if asked.place == asked.from => failing.beyond(asked.from, asked.direction),
            Direction::Backward => failing.beyond(asked.place, Direction::Forward).filter(|at| *at < asked.from),
            Direction::Forward => None,
        };
        let key = |stepping| {
            let action = Action::Step(stepping);
            let key = self.keys.map.keys_of(&self.contexts(), action).into_iter().next();
            key.unwrap_or_else(|| action.spec().name.to_owned())
        };
        let said = match (asked.direction, nearer) {
            (Direction::Backward, Some(_)) if asked.place == asked.from => {
                format!("an event before this one failed: {} goes there", key(Stepping::PreviousFault))
            }
            (_, Some(_)) => format!("an event after this one failed: {} goes there", key(Stepping::NextFault)),
            (_, None) => failing.said_of_step(asked.direction, asked.from, asked.place).0,
        };
        if said.is_empty() {
            self.notice = None;
        } else {
            self.say(Severity::Info, said.clone());
            // The count goes on, so this answer may change again.
            self.walk.asked_failing = nearer.is_none().then_some(AskedFailing { said, ..asked });
        }
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
            let said = "the events that fail are not counted yet".to_owned();
            self.say(Severity::Info, said.clone());
            self.walk.asked_failing = Some(AskedFailing { direction, from: place, place, said });
            return;
        };
        for _ in 0..times {
            match failing.beyond(place, direction) {
                Some(next) => place = next,
                None => break,
            }
        }
        let (said, is_known) = failing.said_of_step(direction, start, place);
        if place != start {
            self.go_to_place(scope, place, out);
        }
        if !said.is_empty() {
            self.say(Severity::Info, said.clone());
        }
        self.walk.asked_failing =
            (!is_known && !said.is_empty()).then_some(AskedFailing { direction, from: start, place, said });
    }
}

/// A moment whose state lacks events. That nobody can read its payloads is said elsewhere.
fn lacking(moment: &Moment) -> Option<&Moment> {
    Some(moment).filter(|moment| !moment.faults.is_none() && moment.sealed().is_none())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::replay::{Counted, FaultCount};

    #[test]
    fn failing_events_are_walked_both_ways() {
        let failing = Failing {
            stream: "a-1".into(),
            counted: Counted { faults: FaultCount { before: 4, first: None }, events: 10, total: 12, suspended: None },
            failed: Arc::new(vec![0..1, 3..5, 8..9]),
            why: None,
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
        for (place, failed, of, up_to) in
            [(3, 1, 3, UpTo::Before), (5, 3, 5, UpTo::Here), (10, 4, 10, UpTo::Before), (11, 4, 10, UpTo::SoFar)]
        {
            assert_eq!(failing.lacking(place), Lacking { failed, of, up_to }, "{place}");
        }
    }
}
