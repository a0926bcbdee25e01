//! The half of the desk that owns the walker: it goes where it is told, counts the events that fail behind that, and looks
//! after the files of the reducers.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::sorting::Order;
use super::{PROGRESS_EVERY, Tell};
use crate::ask::{Failing, FoldProgress, Generation, Told};
use crate::domain::patch::Change;
use crate::domain::{Cancel, Destination, FailureKind, Patch, Scope, State, StreamName, text, words};
use crate::replay::{Counted, Moment};
use crate::session::{PROJECT_FILE, Reached, Refreshed, Walker};

/// How long events that fail are counted between two looks at what else is to be done.
const COUNT_FOR: Duration = Duration::from_millis(20);

/// So many runs of events that failed are told: more than anybody walks through.
const MOST_FAILED: usize = 65_536;

/// How often the reducer files are looked at.
const REFRESH_EVERY: Duration = Duration::from_secs(1);

/// Where the walk stood last: the stream, how many of its events are folded, and the state.
type Stand = (StreamName, u64, State);

/// A save of which it is not said yet what it changed.
struct Saved {
    /// What became of which files.
    happened: String,
    /// What of the project file is still wrong; nothing where nothing is.
    still: String,
    /// Where the walk stood before.
    before: Stand,
}

/// The walker, and what is known from one walk to the next.
pub struct Walking {
    walker: Walker,
    /// Of the last walk.
    generation: Generation,
    /// When the reducer files were looked at last.
    refreshed: Instant,
    stands: Option<Stand>,
    saved: Option<Saved>,
    /// Whether the events that fail are still to be counted where the walk stands.
    counting: bool,
    /// Whether they can be: not with a reducer that does not start.
    countable: bool,
    /// What was said last of them, and when.
    counted: Option<(StreamName, Counted)>,
    said: Instant,
}

impl Walking {
    /// Nothing was walked yet.
    pub fn new(walker: Walker) -> Self {
        Self {
            walker,
            generation: Generation::default(),
            refreshed: Instant::now(),
            stands: None,
            saved: None,
            counting: false,
            countable: true,
            counted: None,
            said: Instant::now(),
        }
    }

    /// Does what is ordered; gives what differs from a state that is kept from now on.
    pub(super) fn order(&mut self, order: Order) -> Option<Told> {
        match order {
            Order::KeepGoing(stream) => self.walker.keep_going(&stream),
            Order::Unpin => self.walker.unpin(),
            Order::Pin(state) => {
                self.walker.pin(state);
                return self.difference();
            }
        }
        None
    }

    /// Whether events that fail are still to be counted.
    pub fn has_to_count(&self) -> bool {
        self.counting
    }

    /// How long until the reducer files are to be looked at; zero when that is now.
    pub fn until_refresh(&self) -> Duration {
        REFRESH_EVERY.saturating_sub(self.refreshed.elapsed())
    }

    /// Counts events that fail for a moment, behind everything else.
    pub fn count(&mut self, cancel: &Cancel, tell: Tell<'_>) {
        let Some((stream, ..)) = &self.stands else {
            self.counting = false;
            return;
        };
        let stream = stream.clone();
        let (counted, why) = match self.walker.count_on(&stream, COUNT_FOR, cancel) {
            Ok(counted) => (counted, None),
            Err(failure) if failure.kind == FailureKind::Cancelled => return,
            // What was counted stays, and is said to be so far.
            Err(failure) => match self.walker.counted(&stream) {
                Some(counted) => (counted, Some(failure.to_string().into())),
                None => return (self.counting, self.countable) = (false, false),
            },
        };
        self.countable = counted.suspended.is_none() && why.is_none();
        self.counting = self.countable && !counted.is_whole();
        let failed = self.walker.failed(&stream, MOST_FAILED);
        self.tell_counted((stream, counted), failed, why, tell);
    }

    /// Says how many events failed so far, unless that was said, or something of the kind a moment ago.
    fn tell_counted(
        &mut self,
        known: (StreamName, Counted),
        failed: Vec<Range<u64>>,
        why: Option<Arc<str>>,
        tell: Tell<'_>,
    ) {
        if self.counted.as_ref() == Some(&known) && why.is_none()
            || self.counting && self.said.elapsed() < PROGRESS_EVERY
        {
            return;
        }
        self.said = Instant::now();
        self.counted = Some(known.clone());
        tell(Told::FaultsCounted(failing(known.0, known.1, failed, why)));
    }

    /// Looks at the reducer files, and whether the stream has grown. Gives what became of files that were saved.
    pub fn refresh(&mut self, tell: Tell<'_>) -> Option<Refreshed> {
        self.refreshed = Instant::now();
        self.counting = self.countable && self.stands.is_some();
        let refreshed = self.walker.refresh()?;
        (self.counted, self.countable) = (None, true);
        let mut still = String::new();
        if let Some(remarks) = self.walker.remarks() {
            still = still_wrong(&refreshed.happened, &remarks);
            tell(Told::ProjectRemarked(remarks));
        }
        if refreshed.refused.is_none() {
            // Of two saves the state before the first is compared.
            let before = self.saved.take().map(|saved| saved.before).or_else(|| self.stands.clone());
            self.saved = before.map(|before| Saved { happened: refreshed.happened.clone(), still, before });
        }
        Some(refreshed)
    }

    /// Walks to a place of a scope; gives what is so there, and what differs from what is pinned. What is underway is told.
    pub fn go(
        &mut self,
        generation: Generation,
        scope: &Scope,
        place: u64,
        cancel: &Cancel,
        tell: Tell<'_>,
    ) -> Vec<Told> {
        self.generation = generation;
        let (begun, changed) = (Instant::now(), self.walker.watch());
        let (mut told, mut looked) = (begun, begun);
        let to = Destination::To(place);
        let reached = self.walker.go(scope, place, &to, cancel, &mut |underway| {
            if told.elapsed() >= PROGRESS_EVERY {
                told = Instant::now();
                let (folded, to_fold) = (underway.folded, underway.to_fold);
                let progress = FoldProgress { folded, to_fold, seconds: begun.elapsed().as_secs() };
                // What failed so far is known before there is a state.
                let counted = underway.counted();
                let failed = underway.failed(MOST_FAILED);
                let failing = failing(underway.stream().clone(), counted, failed, None);
                let said = tell(Told::WalkProgressed { generation, progress });
                if !said || !tell(Told::FaultsCounted(failing)) {
                    cancel.cancel();
                }
            }
            // A reducer that is repaired while it folds is not waited for.
            if looked.elapsed() >= REFRESH_EVERY {
                looked = Instant::now();
                if changed() {
                    cancel.cancel();
                }
            }
        });
        match reached {
            Ok(Reached { scope, scope_at, moment, .. }) => {
                let said = self.arrived(&moment);
                let moment = Told::MomentReached { generation, scope, scope_at, moment: Box::new(moment) };
                std::iter::once(moment).chain(self.difference()).chain(said).collect()
            }
            Err(failure) => {
                // What was stopped is not folded on behind anybody's back.
                (self.counting, self.countable) = (false, false);
                vec![Told::JobFailed { generation, failure }]
            }
        }
    }

    /// Remembers where the walk stands, and says what a save changed there.
    fn arrived(&mut self, moment: &Moment) -> Option<Told> {
        let (stream, at, state) = (moment.stream.clone(), moment.at, moment.state.clone());
        let said = self.saved.take().map(|Saved { happened, still, before }| match before {
            (stood, place, before) if stood == stream && place == at => {
                format!("{happened}: {}{still}", differing(&Patch::between(&before, &state)))
            }
            _ => format!("{happened}: folded again{still}"),
        });
        (self.counting, self.countable) = (!stream.as_str().is_empty(), true);
        self.stands = self.counting.then_some((stream, at, state));
        said.map(Told::SaveCompared)
    }

    fn difference(&self) -> Option<Told> {
        let generation = self.generation;
        self.walker.difference().map(|patch| Told::DiffMade { generation, patch: patch.into() })
    }
}

/// What is still wrong with a project file that was saved, as the end of a sentence about it.
fn still_wrong(happened: &str, remarks: &[String]) -> String {
    let (true, Some((first, others))) = (happened.contains(PROJECT_FILE), remarks.split_first()) else {
        return String::new();
    };
    let first = first.strip_prefix(PROJECT_FILE).and_then(|rest| rest.strip_prefix(": ")).unwrap_or(first);
    let more = if others.is_empty() { String::new() } else { format!(" (+{} more)", others.len()) };
    format!("; still: {first}{more}")
}

/// How many paths differ, and the first of them.
fn differing(patch: &Patch) -> String {
    const NAMED: usize = 3;
    let named = |change: &Change| match change.path.0.is_empty() {
        true => "(all)".to_owned(),
        false => text::fit(&change.path.to_string(), 40),
    };
    let first: Vec<String> = patch.0.iter().take(NAMED).map(named).collect();
    let paths = first.join(", ");
    match patch.0.len() {
        0 => "nothing differs here".into(),
        1 => format!("1 path differs here: {paths}"),
        all @ 2..=NAMED => format!("{all} paths differ here: {paths}"),
        all => format!(
            "{} paths differ here: {paths} +{} more",
            words::count(all as u64),
            words::count((all - NAMED) as u64)
        ),
    }
}

/// What the screen is told of events that failed. Of more than it is told it knows only those before the last of them.
fn failing(stream: StreamName, mut counted: Counted, failed: Vec<Range<u64>>, why: Option<Arc<str>>) -> Failing {
    if let Some(last) = failed.last().filter(|_| failed.len() == MOST_FAILED) {
        counted.events = last.end;
    }
    Failing { stream, counted, failed: failed.into(), why }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_save_names_the_first_paths_that_differ() {
        let state = |text: &str| Some(crate::domain::Json::parse(text.as_bytes()).expect("JSON"));
        let said = |before: &str, after: &str| differing(&Patch::between(&state(before), &state(after)));
        assert_eq!(said("{}", "{}"), "nothing differs here");
        assert_eq!(said(r#"{"total":1}"#, r#"{"total":2}"#), "1 path differs here: /total");
        assert_eq!(said("{}", r#"{"a":1,"b":2,"c":3,"d":4,"e":5}"#), "5 paths differ here: /a, /b, /c +2 more");
    }
    #[test]
    fn what_is_still_wrong_with_a_project_file_is_said_again_when_it_is_saved() {
        let remarks = |count: usize| vec!["stepback.toml: `ordr` is no category".to_owned(); count];
        assert_eq!(still_wrong("stepback.toml saved", &remarks(1)), "; still: `ordr` is no category");
        assert_eq!(still_wrong("stepback.toml saved", &remarks(3)), "; still: `ordr` is no category (+2 more)");
        assert_eq!(still_wrong("order.js saved", &remarks(1)), "");
        assert_eq!(still_wrong("stepback.toml saved", &[]), "");
    }
}
