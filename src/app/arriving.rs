//! Answers arrive: about the source, from the walk, from jobs. One that nobody waits for any more changes nothing.

use std::sync::Arc;

use super::effect::Effect;
use super::folding::Fold;
use super::ids::Pane;
use super::panes::state::Against;
use super::panes::streams::Narrowing;
use super::walk::{Fact, Wanted};
use super::{App, Severity};
use crate::ask::{Arrival, Generation, Told};
use crate::domain::words::counted;
use crate::domain::{Caveat, Destination, Failure, FailureKind, Progress, Scope, StreamSummary};
use crate::replay::Moment;

impl App {
    /// Answers, and what became known without a question.
    pub(super) fn told(&mut self, told: Told, out: &mut Vec<Effect>) {
        match told {
            Told::SourceDescribed(mut about) => {
                about.caveats.extend(self.catalogue.remarks.iter().cloned().map(Caveat::from));
                self.catalogue.about = Some(*about);
            }
            Told::ProjectRemarked(remarks) => {
                if let Some(about) = &mut self.catalogue.about {
                    about.caveats.retain(|caveat| !self.catalogue.remarks.contains(&caveat.text));
                    about.caveats.extend(remarks.iter().cloned().map(Caveat::from));
                }
                self.catalogue.remarks = remarks;
            }
            Told::SourceProgressed(progress) => self.progressed(progress, out),
            Told::StreamsListed(streams) => self.streams_listed(streams, out),
            Told::StreamsFiltered { generation, matches, complete } => {
                self.streams_filtered(generation, matches, complete, out);
            }
            Told::EventsLoaded { generation, page, .. } => {
                let height = self.height(Pane::Events) as u64;
                self.panes.events.loaded(generation, page, &self.walk.facts, height);
            }
            Told::SomeLoaded { generation, events } => {
                let height = self.height(Pane::Events) as u64;
                if let Some(sifted) = &mut self.panes.events.sifted {
                    sifted.loaded(generation, events, &self.walk.facts, height);
                }
            }
            Told::TimesSampled { generation, times } => self.panes.pace.sampled(generation, &times),
            Told::SiftBegan { generation } => self.sift_began(generation, out),
            Told::SiftRefused { generation, column, why } => self.sift_refused(generation, column, why),
            Told::Sifted { generation, ordinals, looked, total } => self.sifted(generation, &ordinals, looked, total),
            Told::SiftEnded { generation, unjudged, folded } => self.sift_ended(generation, unjudged, &folded, out),
            Told::PlaceReached { generation, arrival } => self.place_reached(generation, arrival, out),
            Told::MomentReached { generation, scope, scope_at, moment } => {
                self.moment_reached(generation, scope, scope_at, moment, out);
            }
            Told::WalkProgressed { generation, progress } => self.walk.folded_so_far(generation, progress),
            Told::FaultsCounted(failing) => self.faults_counted(failing),
            // One for a walk that is no longer shown compares with nothing on the screen.
            Told::DiffMade { generation, patch } if generation >= self.walk.shown => {
                self.walk.difference = Some((generation, patch));
                self.show_state();
            }
            Told::Found { generation, scope_at } => self.found(generation, scope_at, out),
            Told::FindProgressed { generation, looked, total } => {
                if let Some(search) = self.jobs.search(generation) {
                    search.running = Some((looked, total));
                }
            }
            Told::NotFound { generation } => self.not_found(generation),
            Told::HitsFound { generation, ordinals, percent } => self.hits_found(generation, &ordinals, percent),
            Told::SearchEnded { generation, more } => self.search_ended(generation, more),
            Told::PatternRefused { generation, why } => self.pattern_refused(generation, why),
            Told::PlacesNamed { generation, names } => self.places_named(generation, &names, out),
            Told::Surveyed { generation, answer } => self.surveyed(generation, answer),
            Told::SurveyProgressed { generation, what, done, total } => {
                self.survey_progressed(generation, what, done, total);
            }
            // Its answer compares with nothing on the screen.
            Told::DiffMade { .. } => {}
            Told::PlaceNoticed(text) => self.say(Severity::Warning, text),
            Told::ReducerReloaded(text) => self.reducer_reloaded(text, out),
            Told::ReducerRefused(text) => self.reducer_refused(text, out),
            Told::SaveCompared(text) => self.say(Severity::Info, text),
            Told::JobFailed { generation, failure } => {
                self.job_failed(generation, &failure);
                self.open_elsewhere(out);
            }
            Told::SourceChanged(change) => self.source_changed(change),
            Told::Reopened => self.reopened(),
        }
    }

    fn progressed(&mut self, progress: Progress, out: &mut Vec<Effect>) {
        let finished = progress.complete && !self.catalogue.progress.complete;
        self.catalogue.progress = progress;
        self.count_new();
        if let Some(window) = &mut self.panes.events.window {
            window.grow(self.catalogue.events_in(&window.scope.clone()));
            if finished && window.partial {
                window.ask_again();
            }
        }
        self.sift_on(out);
        self.follow_growth(out);
        self.open_first(out);
    }

    fn streams_listed(&mut self, streams: Arc<Vec<StreamSummary>>, out: &mut Vec<Effect>) {
        self.catalogue.list(streams);
        let height = self.height(Pane::Streams);
        let scope = self.walk.target().0.cloned();
        self.panes.streams.listed(&self.catalogue, scope.as_ref(), height);
        if let Some(window) = &mut self.panes.events.window {
            window.grow(self.catalogue.events_in(&window.scope.clone()));
        }
        let stale = |narrowing: &Narrowing| narrowing.complete && narrowing.asked_of < self.catalogue.streams.len();
        if let Some(narrowing) = self.panes.streams.narrowing.as_ref().filter(|narrowing| stale(narrowing)) {
            let pattern = narrowing.pattern.clone();
            self.narrow(&pattern, out);
        }
        self.sift_on(out);
        self.follow_growth(out);
        self.open_first(out);
    }

    /// The walk has arrived. What is so there is still being folded.
    fn place_reached(&mut self, generation: Generation, arrival: Arrival, out: &mut Vec<Effect>) {
        let Some(wanted) = self.walk.wanted.take_if(|wanted| wanted.generation == generation) else { return };
        self.stand(arrival, generation, out);
        self.go_on_from_here(&wanted, out);
    }

    fn moment_reached(
        &mut self,
        generation: Generation,
        scope: Scope,
        place: u64,
        moment: Box<Moment>,
        out: &mut Vec<Effect>,
    ) {
        let wanted = self.walk.wanted.take_if(|wanted| wanted.generation == generation);
        if wanted.is_some() {
            let total = match &scope {
                Scope::Stream(_) => moment.total,
                Scope::Category(_) | Scope::Correlation(_) | Scope::All => place,
            };
            let (event, stream_at) = (moment.event.clone(), moment.at);
            let arrival = Arrival { scope: scope.clone(), scope_at: place, event, stream_at, total };
            self.stand(arrival, generation, out);
        }
        let is_here = self.walk.fold.is_running(generation);
        // A key that is held down outruns a slow fold: the moments it passes are shown as what they are.
        let is_on_the_way =
            !is_here && matches!(self.walk.fold, Fold::Running { generation: last, .. } if generation < last);
        let is_awaited = is_on_the_way && generation > self.walk.shown;
        if !is_here && !is_awaited {
            return;
        }
        // A state of another kind has other folds; one of the same kind is read with the same ones.
        let category = |moment: &Moment| moment.stream.category().to_owned();
        if self.walk.moment.as_ref().is_none_or(|before| category(before) != category(&moment)) {
            self.panes.state.tree.reset();
        }
        self.note(&scope, place, &moment);
        if is_here {
            self.walk.fold = Fold::Done;
        }
        self.walk.shown = generation;
        self.walk.moment = Some(moment);
        self.show_state();
        self.follow_changes();
        if let Some(wanted) = wanted {
            self.go_on_from_here(&wanted, out);
        }
    }

    /// Stands at a place: every pane but State shows it.
    fn stand(&mut self, arrival: Arrival, generation: Generation, out: &mut Vec<Effect>) {
        let elsewhere = self.walk.scope.as_ref() != Some(&arrival.scope);
        if elsewhere {
            let total = self.walk.scope.as_ref().map_or(0, |scope| self.total(scope));
            self.walk.leave(total);
            self.panes.state.start_over();
        }
        let total = arrival.total.max(self.catalogue.events_in(&arrival.scope));
        self.panes.events.arrive(&arrival.scope, total);
        if elsewhere {
            let height = self.height(Pane::Streams);
            self.panes.streams.select_scope(&self.catalogue, &arrival.scope, height);
        }
        self.panes.event.show(arrival.event.clone());
        self.walk.stand(arrival, generation);
        self.sift_on(out);
        self.follow_cursor();
    }

    /// Makes the steps that waited for the walk to arrive.
    fn go_on_from_here(&mut self, wanted: &Wanted, out: &mut Vec<Effect>) {
        self.step_queued(out);
        if wanted.steps != 0
            && let Some(scope) = self.walk.scope.clone()
        {
            self.go_to_place(scope, self.walk.place.saturating_add_signed(wanted.steps), out);
        }
        self.take_waiting(out);
    }

    /// Remembers what the event of a moment did.
    fn note(&mut self, scope: &Scope, place: u64, moment: &Moment) {
        // Where a fold is suspended nobody has tried the event.
        let Some(event) = moment.event.as_ref().filter(|_| moment.suspended.is_none()) else { return };
        let fact = Fact::of(moment);
        self.walk.facts.note(scope.clone(), place, fact);
        if event.trouble.is_none() {
            self.walk.facts.note(Scope::Stream(moment.stream.clone()), moment.at, fact);
        }
        if let Some(window) = self.panes.events.window.as_mut().filter(|window| window.scope == *scope) {
            window.note(place, fact);
        }
        if let Some(sifted) = self.panes.events.sifted.as_mut().filter(|sifted| sifted.scope == *scope) {
            sifted.note(place, fact);
        }
    }

    /// Scrolls State only so far that what is selected in it or changed is seen.
    pub(super) fn follow_changes(&mut self) {
        let height = self.height(Pane::State);
        self.panes.state.tree.keep_in_sight(height);
    }

    /// Scrolls Events to the cursor.
    pub(super) fn follow_cursor(&mut self) {
        let height = self.height(Pane::Events) as u64;
        self.panes.events.follow(self.walk.place, height);
    }

    /// Shows the state of the moment with the marks that are asked for.
    pub(super) fn show_state(&mut self) {
        self.panes.state.against = match self.panes.state.asked {
            Against::Pinned if self.walk.compares_here() => Against::Pinned,
            _ => Against::Before,
        };
        let Some(moment) = &self.walk.moment else { return };
        let none = Arc::default();
        let patch = match self.panes.state.against {
            Against::Before => &moment.patch,
            Against::Pinned => self.walk.difference_here().unwrap_or(&none),
        };
        self.panes.state.show(&moment.state, patch);
    }

    pub(super) fn job_failed(&mut self, generation: Generation, failure: &Failure) {
        let why = if failure.kind == FailureKind::Cancelled { "stopped".into() } else { failure.to_string() };
        if self.survey_failed(generation, &why) {
            return;
        }
        let mut ours = self.panes.events.failed(generation);
        ours |= self.jobs.reopening.take_if(|asked| *asked == generation).is_some();
        if self.walk.wanted.take_if(|wanted| wanted.generation == generation).is_some() {
            ours = true;
            self.walk.queued = None;
            self.keys.waiting.clear();
            self.panes.events.incoming = None;
            self.select_shown_scope();
        }
        if self.walk.fold.is_running(generation) {
            ours = true;
            self.walk.fold.stop();
            if failure.kind != FailureKind::Cancelled {
                self.walk.fold = Fold::Failed { why: why.clone() };
            }
        }
        ours |= self.panes.pace.failed(generation);
        ours |= self.jobs.naming.take_if(|(asked, _)| *asked == generation).is_some();
        if let Some(sifted) = self.panes.events.sifted_of(generation) {
            ours = true;
            sifted.stop();
        }
        if let Some(search) = self.jobs.search(generation) {
            ours = true;
            search.running = None;
        }
        if let Some(hits) = self.jobs.hits(generation) {
            ours = true;
            hits.running = false;
        }
        if let Some(narrowing) = &mut self.panes.streams.narrowing
            && narrowing.generation == generation
        {
            ours = true;
            narrowing.complete = true;
            self.keys.held = None;
        }
        // Number 0 is of no question: reading the source itself failed.
        if failure.kind != FailureKind::Cancelled {
            match generation == Generation::default() {
                true => self.say_lasting(Severity::Error, failure.to_string()),
                // The header names the source; a long path before the words would hide them.
                false if ours => self.say(Severity::Error, failure.words()),
                false => {}
            }
        }
    }

    /// The selection in Streams goes back to what is shown.
    pub(super) fn select_shown_scope(&mut self) {
        let height = self.height(Pane::Streams);
        if let Some(scope) = &self.walk.scope {
            self.panes.streams.select_scope(&self.catalogue, scope, height);
        }
    }

    pub(super) fn reducer_reloaded(&mut self, text: String, out: &mut Vec<Effect>) {
        self.say(Severity::Info, text);
        self.forget_diagnosis();
        self.walk.failing = None;
        self.walk.urged.clear();
        self.walk.facts.clear();
        if let Some(window) = &mut self.panes.events.window {
            window.forget_facts();
        }
        if let Some(sifted) = &mut self.panes.events.sifted {
            sifted.forget_facts();
        }
        self.fold_here_again(out);
    }

    /// What was saved is not used: the state stays, and says so.
    pub(super) fn reducer_refused(&mut self, text: String, out: &mut Vec<Effect>) {
        self.say(Severity::Error, text);
        self.fold_here_again(out);
    }

    /// Asks again for the moment of the cursor.
    fn fold_here_again(&mut self, out: &mut Vec<Effect>) {
        if let Some(scope) = self.walk.scope.clone() {
            let place = self.walk.place;
            self.go(scope, Destination::To(place), Some(place), out);
        }
    }

    pub(super) fn copied(&mut self, result: Result<usize, String>) {
        match result {
            Ok(bytes) => {
                let text = self.copied.1.take().unwrap_or_else(|| counted(bytes as u64, "byte"));
                self.say(Severity::Info, format!("copied {}: {text}", self.copied.0));
            }
            Err(why) => self.say(Severity::Error, format!("cannot copy {}: {why}", self.copied.0)),
        }
    }
}
