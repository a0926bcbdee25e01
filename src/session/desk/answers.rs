//! Answers that come from the source alone: pages, filters, searches, surveys, and where a walk leads.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::{PROGRESS_EVERY, Reducers, Tell};
use crate::ask::{Answer, Ask, Generation, Survey, Told};
use crate::domain::words::percent;
use crate::domain::{Cancel, Destination, Direction, EventQuery, Failure, Pattern, Scope, SearchStep, StreamSummary};
use crate::replay::Patience;
use crate::session::doctor::{self, Questions};
use crate::session::search::{self, Case, EventFilter};
use crate::session::shapes::{self, Part};
use crate::session::{Placed, ReducerBook, StreamFilter, Walker, find, places};
use crate::sources::Source;

/// Hits that are told of one search: more than anybody walks through.
const MOST_HITS: usize = 1_000_000;

/// Answers questions about one source, from any number of threads.
pub struct Answers {
    source: Arc<dyn Source>,
    reducers: Reducers,
    /// The list of streams that is shown: what the answers of a filter count in.
    streams: Mutex<Arc<Vec<StreamSummary>>>,
    narrowed: Mutex<StreamFilter>,
}

impl Answers {
    /// Over a source; surveys fold with these reducers.
    pub fn new(source: Arc<dyn Source>, reducers: Reducers) -> Self {
        Self { source, reducers, streams: Mutex::default(), narrowed: Mutex::default() }
    }

    /// The list of streams that is shown from now on.
    pub fn listed(&self, streams: &Arc<Vec<StreamSummary>>) {
        *self.streams.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(streams);
    }

    /// Answers a question about the source. Of others (walks, pins, opening again, stopping) nothing is told.
    pub fn answer(&self, ask: Ask, cancel: &Cancel, tell: Tell<'_>) {
        let failed = |generation| move |failure| Told::JobFailed { generation, failure };
        let source = &*self.source;
        let last = match ask {
            Ask::LoadEvents { generation, query } => source
                .events(&query, cancel)
                .map_or_else(failed(generation), |page| Told::EventsLoaded { generation, scope: query.scope, page }),
            Ask::LoadSome { generation, scope, ordinals } => search::some(source, &scope, &ordinals, cancel)
                .map_or_else(failed(generation), |events| Told::SomeLoaded { generation, events }),
            Ask::SampleTimes { generation, scope, ordinals } => search::some(source, &scope, &ordinals, cancel)
                .map_or_else(failed(generation), |events| {
                    let times = events.into_iter().map(|(ordinal, event)| (ordinal, event.time)).collect();
                    Told::TimesSampled { generation, times }
                }),
            Ask::NamePlaces { generation, stream, places } => {
                let names = places.iter().map(|at| places::named(source, &stream, *at, cancel)).collect();
                Result::map_or_else(names, failed(generation), |names| Told::PlacesNamed { generation, names })
            }
            Ask::Sift { generation, scope, filter, from } => {
                self.sift(generation, &scope, &filter, from, cancel, tell).unwrap_or_else(failed(generation))
            }
            Ask::FilterStreams { generation, pattern } => self.narrow(generation, &pattern, cancel, tell),
            Ask::Find { generation, pattern, expression, scope, from, counted_in, direction } => {
                match search::pattern(&pattern, expression, Case::Smart) {
                    Ok(pattern) => self
                        .find(generation, &pattern, &scope, (&counted_in, from, direction), cancel, tell)
                        .unwrap_or_else(failed(generation)),
                    Err(problem) => Told::PatternRefused { generation, why: problem.why },
                }
            }
            Ask::Search { generation, pattern, expression, scope } => {
                match search::pattern(&pattern, expression, Case::Smart) {
                    Ok(pattern) => {
                        self.search(generation, &pattern, &scope, cancel, tell).unwrap_or_else(failed(generation))
                    }
                    Err(problem) => Told::PatternRefused { generation, why: problem.why },
                }
            }
            Ask::Survey { generation, survey } => self
                .survey(generation, survey, cancel, tell)
                .map_or_else(failed(generation), |answer| Told::Surveyed { generation, answer }),
            Ask::Go { .. }
            | Ask::KeepGoing(_)
            | Ask::Pin(_)
            | Ask::Unpin
            | Ask::Reopen { .. }
            | Ask::StopSift
            | Ask::StopSearch
            | Ask::StopSurvey
            | Ask::StopJobs => return,
        };
        tell(last);
    }

    /// Where a walk leads. It folds nothing, so that it needs no reducers.
    ///
    /// # Errors
    /// As [`Walker::place`].
    pub fn place(&self, scope: &Scope, from: u64, to: &Destination, cancel: &Cancel) -> Result<Placed, Failure> {
        Walker::new(Arc::clone(&self.source), ReducerBook::empty()).place(scope, from, to, cancel)
    }

    /// Tells which events a filter lets through.
    fn sift(
        &self,
        generation: Generation,
        scope: &Scope,
        filter: &str,
        from: u64,
        cancel: &Cancel,
        tell: Tell<'_>,
    ) -> Result<Told, Failure> {
        let filter = match EventFilter::parse(filter) {
            Ok(filter) => filter,
            Err(problem) => {
                return Ok(Told::SiftRefused { generation, column: problem.column, why: problem.why });
            }
        };
        tell(Told::SiftBegan { generation });
        if filter.needs().fold() {
            return self.sift_folded(generation, scope, &filter, from, cancel, tell);
        }
        let (mut said, mut found, mut first) = (Instant::now(), Vec::new(), true);
        let (mut looked, mut total) = (from, from);
        let ended = search::sift(&*self.source, scope, &filter, from, cancel, &mut |part| {
            found.extend(part.passing);
            (looked, total) = (part.looked, part.total);
            // What is found first is seen at once.
            if (found.is_empty() || !first) && said.elapsed() < PROGRESS_EVERY {
                return ControlFlow::Continue(());
            }
            first &= found.is_empty();
            said = Instant::now();
            let ordinals = std::mem::take(&mut found);
            match tell(Told::Sifted { generation, ordinals, looked, total }) {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            }
        });
        tell(Told::Sifted { generation, ordinals: found, looked, total });
        ended.map(|unjudged| Told::SiftEnded { generation, unjudged, folded: String::new() })
    }

    /// The same by a condition that names states: what passes is known once all streams are folded.
    fn sift_folded(
        &self,
        generation: Generation,
        scope: &Scope,
        filter: &EventFilter,
        from: u64,
        cancel: &Cancel,
        tell: Tell<'_>,
    ) -> Result<Told, Failure> {
        let source = &*self.source;
        source.complete(cancel, &mut |_| {})?;
        let total = source.events(&EventQuery::first(scope.clone(), 1), cancel)?.total;
        let walker = Walker::new(Arc::clone(&self.source), (self.reducers)()?);
        let mut walker = walker.for_one_answer().with_patience(Patience::default());
        let mut said = Instant::now();
        let within = (scope, from..total.max(from));
        let found = search::sift_folded(source, &mut walker, within, filter, cancel, &mut |done, of| {
            if said.elapsed() < PROGRESS_EVERY {
                return ControlFlow::Continue(());
            }
            said = Instant::now();
            // Told in events, as everywhere: as many of them as of the streams.
            let looked = from + total.saturating_sub(from) * done / of.max(1);
            match tell(Told::Sifted { generation, ordinals: Vec::new(), looked, total }) {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            }
        })?;
        // Of what was not looked at nobody knows what passes.
        if cancel.is_cancelled() {
            return Err(Failure::cancelled(source.about().name, "fold"));
        }
        if let Some(problem) = found.refused {
            return Ok(Told::SiftRefused { generation, column: problem.column, why: problem.why });
        }
        let (folded, unjudged) = (found.summary(), found.unjudged);
        tell(Told::Sifted { generation, ordinals: found.passing, looked: total, total });
        Ok(Told::SiftEnded { generation, unjudged, folded })
    }

    /// Narrows the list of streams.
    fn narrow(&self, generation: Generation, pattern: &str, cancel: &Cancel, tell: Tell<'_>) -> Told {
        let streams = Arc::clone(&self.streams.lock().unwrap_or_else(PoisonError::into_inner));
        let mut filter = self.narrowed.lock().unwrap_or_else(PoisonError::into_inner);
        let found = filter.search(&streams, pattern, cancel, &mut |matches| {
            if !tell(Told::StreamsFiltered { generation, matches: Arc::new(matches), complete: false }) {
                cancel.cancel();
            }
        });
        match found {
            Some(matches) => Told::StreamsFiltered { generation, matches: Arc::new(matches), complete: true },
            None => Told::JobFailed { generation, failure: Failure::cancelled("stepback", "filter the streams") },
        }
    }

    /// Looks for what comes next from a place, counted in a scope that need not be the one that is searched.
    fn find(
        &self,
        generation: Generation,
        pattern: &Pattern,
        scope: &Scope,
        (counted_in, place, direction): (&Scope, u64, Direction),
        cancel: &Cancel,
        tell: Tell<'_>,
    ) -> Result<Told, Failure> {
        let mut said = Instant::now();
        let from = search::place_in(&*self.source, counted_in, place, scope)?;
        let found = find(&*self.source, scope, pattern, from, direction, cancel, &mut |looked, total| {
            if said.elapsed() >= PROGRESS_EVERY {
                said = Instant::now();
                if !tell(Told::FindProgressed { generation, looked, total }) {
                    cancel.cancel();
                }
            }
        })?;
        Ok(match found {
            Some(scope_at) => Told::Found { generation, scope_at },
            None => Told::NotFound { generation },
        })
    }

    /// Tells everything a scope holds of what is looked for.
    fn search(
        &self,
        generation: Generation,
        pattern: &Pattern,
        scope: &Scope,
        cancel: &Cancel,
        tell: Tell<'_>,
    ) -> Result<Told, Failure> {
        let (mut said, mut found, mut all, mut done_percent) = (Instant::now(), Vec::new(), 0, 0);
        let ended = self.source.search(pattern, scope, cancel, &mut |step| {
            match step {
                SearchStep::Hit(ordinal) => {
                    found.push(ordinal);
                    all += 1;
                }
                SearchStep::Searched(done, total) => done_percent = percent(done, total),
            }
            if said.elapsed() >= PROGRESS_EVERY {
                said = Instant::now();
                let ordinals = std::mem::take(&mut found);
                if !tell(Told::HitsFound { generation, ordinals, percent: done_percent }) {
                    cancel.cancel();
                }
            }
            if all >= MOST_HITS || cancel.is_cancelled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        tell(Told::HitsFound { generation, ordinals: found, percent: done_percent });
        ended.map(|()| Told::SearchEnded { generation, more: all >= MOST_HITS || cancel.is_cancelled() })
    }

    /// Looks at the whole store.
    fn survey(
        &self,
        generation: Generation,
        survey: Survey,
        cancel: &Cancel,
        tell: Tell<'_>,
    ) -> Result<Answer, Failure> {
        let mut said = Instant::now();
        let told = &mut |what, done, total| {
            if said.elapsed() >= PROGRESS_EVERY {
                said = Instant::now();
                if !tell(Told::SurveyProgressed { generation, what, done, total }) {
                    cancel.cancel();
                }
            }
        };
        Ok(match survey {
            Survey::Doctor => {
                let walker = Walker::new(Arc::clone(&self.source), (self.reducers)()?);
                let mut walker = walker.for_one_answer().with_patience(Patience::default());
                let report = doctor::examine(&*self.source, Some(&mut walker), &Questions::default(), cancel, told)?;
                Answer::Doctor(Arc::new(report))
            }
            Survey::Types => Answer::Types(Arc::new(shapes::gather(&*self.source, Part::Data, None, cancel, told)?)),
        })
    }
}
