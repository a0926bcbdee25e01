//! Long work beside the walk: one slot for each kind, one thread for each slot.
//!
//! Answers carry the generation of their question; dropping late ones is the screen's business.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::mpsc::UnboundedSender;

use super::notice::{Notice, Opened, Outlet, Urgent};
use super::panics;
use super::replay::PROGRESS_EVERY;
use super::run::Reopen;
use super::slot::Slot;
use super::surveys::{self, Reducers};
use crate::app::panes::survey::Survey;
use crate::app::{Generation, Msg};
use crate::condition::Problem;
use crate::domain::{
    Destination, Direction, EventQuery, Failure, Pattern, Scope, SearchStep, StreamName, StreamSummary,
};
use crate::session::search::{Case, EventFilter, pattern};
use crate::session::{self, ReducerBook, StreamFilter, Walker};
use crate::sources::Source;

/// Hits that are told of one search: more than anybody walks through.
const MOST_HITS: usize = 1_000_000;

/// What is looked for, and where.
#[derive(Clone, Debug)]
pub(crate) struct LookedFor {
    /// What was typed.
    pub(crate) text: String,
    /// Whether that is a regular expression.
    pub(crate) expression: bool,
    /// Where.
    pub(crate) scope: Scope,
}

impl LookedFor {
    fn pattern(&self) -> Result<Pattern, Problem> {
        pattern(&self.text, self.expression, Case::Smart)
    }
}

/// The long work the screen can ask for besides walking.
pub(crate) struct Tasks {
    source: Arc<dyn Source>,
    outlet: Outlet,
    place: Slot,
    name: Slot,
    events: Slot,
    times: Slot,
    filter: Slot,
    find: Slot,
    search: Slot,
    sift: Slot,
    open: Slot,
    survey: Slot,
    reducers: Reducers,
    streams: Arc<Vec<StreamSummary>>,
    searched: Arc<Mutex<StreamFilter>>,
}

impl Tasks {
    /// Starts the slots.
    ///
    /// # Errors
    /// When the system refuses a thread.
    pub(crate) fn start(
        source: Arc<dyn Source>,
        reducers: Reducers,
        outlet: Outlet,
        urgent: &UnboundedSender<Urgent>,
    ) -> std::io::Result<Self> {
        let slot = |name| Slot::start(name, outlet.clone(), urgent.clone());
        Ok(Self {
            place: slot("place")?,
            name: slot("name")?,
            events: slot("events")?,
            times: slot("times")?,
            filter: slot("filter")?,
            find: slot("find")?,
            search: slot("search")?,
            sift: slot("sift")?,
            open: slot("open")?,
            survey: slot("survey")?,
            reducers,
            source,
            outlet,
            streams: Arc::default(),
            searched: Arc::default(),
        })
    }

    /// The list of streams that is shown from now on: what a filter's answers count in.
    pub(crate) fn listed(&mut self, streams: &Arc<Vec<StreamSummary>>) {
        self.streams = Arc::clone(streams);
    }

    /// Finds out where a walk leads.
    pub(crate) fn place(&self, generation: Generation, scope: Scope, from: u64, to: Destination) {
        let (source, outlet) = (Arc::clone(&self.source), self.outlet.clone());
        self.place.submit(move |cancel| {
            // It folds nothing, so that it needs no reducers.
            let walker = Walker::new(source, ReducerBook::empty());
            match walker.place(&scope, from, &to, cancel) {
                Ok(placed) => {
                    let notice = placed.notice.clone();
                    outlet.send(Notice::Placed(generation, placed))
                        && notice.is_none_or(|notice| outlet.say(Msg::PlaceNoticed(notice)))
                }
                Err(failure) => outlet.say(Msg::JobFailed { generation, failure }),
            };
        });
    }

    /// Tells how places of a stream are written.
    pub(crate) fn name(&self, generation: Generation, stream: StreamName, places: Vec<u64>) {
        let (source, outlet) = (Arc::clone(&self.source), self.outlet.clone());
        self.name.submit(move |cancel| {
            let names = places.iter().map(|at| session::places::named(&*source, &stream, *at, cancel)).collect();
            outlet.say(match names {
                Ok(names) => Msg::PlacesNamed { generation, names },
                Err(failure) => Msg::JobFailed { generation, failure },
            });
        });
    }

    /// Reads events.
    pub(crate) fn load(&self, generation: Generation, query: EventQuery) {
        let (source, outlet) = (Arc::clone(&self.source), self.outlet.clone());
        self.events.submit(move |cancel| {
            panics::inject("task");
            panics::inject_into_a_foreign_thread();
            outlet.say(match source.events(&query, cancel) {
                Ok(page) => Msg::EventsLoaded { generation, scope: query.scope, page },
                Err(failure) => Msg::JobFailed { generation, failure },
            });
        });
    }

    /// Reads events that stand anywhere in a scope.
    pub(crate) fn load_some(&self, generation: Generation, scope: Scope, ordinals: Vec<u64>) {
        let (source, outlet) = (Arc::clone(&self.source), self.outlet.clone());
        self.events.submit(move |cancel| {
            outlet.say(match session::search::some(&*source, &scope, &ordinals, cancel) {
                Ok(events) => Msg::SomeLoaded { generation, events },
                Err(failure) => Msg::JobFailed { generation, failure },
            });
        });
    }

    /// Tells when events were recorded that stand anywhere in a scope.
    pub(crate) fn sample(&self, generation: Generation, scope: Scope, ordinals: Vec<u64>) {
        let (source, outlet) = (Arc::clone(&self.source), self.outlet.clone());
        self.times.submit(move |cancel| {
            outlet.say(match session::search::some(&*source, &scope, &ordinals, cancel) {
                Ok(events) => {
                    let times = events.into_iter().map(|(ordinal, event)| (ordinal, event.time)).collect();
                    Msg::TimesSampled { generation, times }
                }
                Err(failure) => Msg::JobFailed { generation, failure },
            });
        });
    }

    /// Tells which events a filter lets through.
    pub(crate) fn sift(&self, generation: Generation, scope: Scope, filter: String, from: u64) {
        let (source, outlet) = (Arc::clone(&self.source), self.outlet.clone());
        self.sift.submit(move |cancel| {
            let filter = match EventFilter::parse(&filter) {
                Ok(filter) => filter,
                Err(problem) => {
                    outlet.say(Msg::SiftRefused { generation, column: problem.column, why: problem.why });
                    return;
                }
            };
            outlet.say(Msg::SiftBegan { generation });
            let (mut said, mut found, mut first) = (Instant::now(), Vec::new(), true);
            let (mut looked, mut total) = (from, from);
            let ended = session::search::sift(&*source, &scope, &filter, from, cancel, &mut |part| {
                found.extend(part.passing);
                (looked, total) = (part.looked, part.total);
                // What is found first is seen at once.
                if (found.is_empty() || !first) && said.elapsed() < PROGRESS_EVERY {
                    return ControlFlow::Continue(());
                }
                first &= found.is_empty();
                said = Instant::now();
                let ordinals = std::mem::take(&mut found);
                match outlet.say(Msg::Sifted { generation, ordinals, looked, total }) {
                    true => ControlFlow::Continue(()),
                    false => ControlFlow::Break(()),
                }
            });
            outlet.say(Msg::Sifted { generation, ordinals: found, looked, total });
            outlet.say(match ended {
                Ok(unjudged) => Msg::SiftEnded { generation, unjudged },
                Err(failure) => Msg::JobFailed { generation, failure },
            });
        });
    }

    /// Opens the source again.
    pub(crate) fn reopen(&self, generation: Generation, reopen: Reopen) {
        let outlet = self.outlet.clone();
        self.open.submit(move |_| match reopen() {
            Ok((source, walker)) => _ = outlet.send(Notice::Reopened(Box::new(Opened { source, walker }))),
            Err(failure) => _ = outlet.say(Msg::JobFailed { generation, failure }),
        });
    }

    /// Stops the filter of events.
    pub(crate) fn stop_sift(&self) {
        self.sift.stop();
    }

    /// Narrows the list of streams.
    pub(crate) fn filter(&self, generation: Generation, pattern: String) {
        let (streams, outlet) = (Arc::clone(&self.streams), self.outlet.clone());
        let searched = Arc::clone(&self.searched);
        self.filter.submit(move |cancel| {
            // Nobody else takes this lock: the slot runs one job at a time.
            let mut filter = searched.lock().unwrap_or_else(PoisonError::into_inner);
            let found = filter.search(&streams, &pattern, cancel, &mut |matches| {
                if !outlet.say(Msg::StreamsFiltered { generation, matches: Arc::new(matches), complete: false }) {
                    cancel.cancel();
                }
            });
            outlet.say(match found {
                Some(matches) => Msg::StreamsFiltered { generation, matches: Arc::new(matches), complete: true },
                None => Msg::JobFailed { generation, failure: cancelled("filter the streams") },
            });
        });
    }

    /// Looks for what comes next from a place, counted in a scope that need not be the one that is searched.
    pub(crate) fn find(&self, generation: Generation, looked_for: LookedFor, from: (Scope, u64), direction: Direction) {
        let (source, outlet) = (Arc::clone(&self.source), self.outlet.clone());
        self.find.submit(move |cancel| {
            let mut said = Instant::now();
            let pattern = match looked_for.pattern() {
                Ok(pattern) => pattern,
                Err(problem) => {
                    outlet.say(Msg::PatternRefused { generation, why: problem.why });
                    return;
                }
            };
            let (counted_in, place) = from;
            let scope = looked_for.scope;
            let place = session::search::place_in(&*source, &counted_in, place, &scope);
            let from = match place {
                Ok(place) => place,
                Err(failure) => {
                    outlet.say(Msg::JobFailed { generation, failure });
                    return;
                }
            };
            let found = session::find(&*source, &scope, &pattern, from, direction, cancel, &mut |looked, total| {
                if said.elapsed() >= PROGRESS_EVERY {
                    said = Instant::now();
                    if !outlet.say(Msg::FindProgressed { generation, looked, total }) {
                        cancel.cancel();
                    }
                }
            });
            outlet.say(match found {
                Ok(Some(scope_at)) => Msg::Found { generation, scope_at },
                Ok(None) => Msg::NotFound { generation },
                Err(failure) => Msg::JobFailed { generation, failure },
            });
        });
    }

    /// Tells everything a scope holds of what is looked for.
    pub(crate) fn search(&self, generation: Generation, looked_for: LookedFor) {
        let (source, outlet) = (Arc::clone(&self.source), self.outlet.clone());
        self.search.submit(move |cancel| {
            let pattern = match looked_for.pattern() {
                Ok(pattern) => pattern,
                Err(problem) => {
                    outlet.say(Msg::PatternRefused { generation, why: problem.why });
                    return;
                }
            };
            let (mut said, mut found, mut all) = (Instant::now(), Vec::new(), 0);
            let mut percent = 0;
            let ended = source.search(&pattern, &looked_for.scope, cancel, &mut |step| {
                match step {
                    SearchStep::Hit(ordinal) => {
                        found.push(ordinal);
                        all += 1;
                    }
                    SearchStep::Searched(done, total) => {
                        percent = (u128::from(done) * 100 / u128::from(total.max(1))).min(100) as u64;
                    }
                }
                if said.elapsed() >= PROGRESS_EVERY {
                    said = Instant::now();
                    let ordinals = std::mem::take(&mut found);
                    if !outlet.say(Msg::HitsFound { generation, ordinals, percent }) {
                        cancel.cancel();
                    }
                }
                if all >= MOST_HITS || cancel.is_cancelled() {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            });
            outlet.say(Msg::HitsFound { generation, ordinals: found, percent });
            outlet.say(match ended {
                Ok(()) => Msg::SearchEnded { generation, more: all >= MOST_HITS || cancel.is_cancelled() },
                Err(failure) => Msg::JobFailed { generation, failure },
            });
        });
    }

    /// Looks at the whole store.
    pub(crate) fn survey(&self, generation: Generation, survey: Survey) {
        let (source, reducers, outlet) = (Arc::clone(&self.source), Arc::clone(&self.reducers), self.outlet.clone());
        self.survey.submit(move |cancel| {
            let mut said = Instant::now();
            let answer = surveys::survey(survey, &source, &reducers, cancel, &mut |what, done, total| {
                if said.elapsed() >= PROGRESS_EVERY {
                    said = Instant::now();
                    if !outlet.say(Msg::SurveyProgressed { generation, what, done, total }) {
                        cancel.cancel();
                    }
                }
            });
            outlet.say(match answer {
                Ok(answer) => Msg::Surveyed { generation, answer },
                Err(failure) => Msg::JobFailed { generation, failure },
            });
        });
    }

    /// Stops looking for text.
    pub(crate) fn stop_search(&self) {
        self.find.stop();
        self.search.stop();
    }

    /// Stops the look at the whole store.
    pub(crate) fn stop_survey(&self) {
        self.survey.stop();
    }

    /// Stops what the person waits for: the way somewhere, the filters, the find, the search and the survey.
    pub(crate) fn stop(&self) {
        self.place.stop();
        self.search.stop();
        self.survey.stop();
        self.filter.stop();
        self.find.stop();
        self.sift.stop();
    }

    fn slots(&self) -> [&Slot; 10] {
        [
            &self.place,
            &self.name,
            &self.events,
            &self.times,
            &self.filter,
            &self.find,
            &self.search,
            &self.sift,
            &self.open,
            &self.survey,
        ]
    }

    /// Whether nothing is under way and nothing waits.
    pub(crate) fn are_idle(&self) -> bool {
        self.slots().into_iter().all(Slot::is_idle)
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        for slot in self.slots() {
            slot.close();
        }
    }
}

fn cancelled(doing: &str) -> Failure {
    Failure::cancelled("stepback", doing)
}
