//! Going somewhere: steps, jumps, other scopes, searches. Nothing moves before the walk has arrived; what is so there may
//! come later.

use std::sync::Arc;

use super::action::{Action, Stepping, Watching};
use super::effect::Effect;
use super::folding::Fold;
use super::goto::Goto;
use super::ids::Motion;
use super::ids::Pane;
use super::mode::{Asking, Mode, Prompt};
use super::panes::state::Against;
use super::panes::streams::{Narrowing, Row};
use super::panes::{self};
use super::walk::{Across, Pin, Play, Wanted};
use super::{App, Severity};
use crate::ask::{Ask, Generation};
use crate::domain::words::counted;
use crate::domain::{Destination, Direction, Place, Scope, StreamName, place};

impl App {
    /// Asks for a walk. `place` is where it leads, when that is known beforehand.
    pub(super) fn go(&mut self, scope: Scope, to: Destination, place: Option<u64>, out: &mut Vec<Effect>) {
        let here = self.walk.scope.as_ref() == Some(&scope);
        let from = if here { self.walk.place } else { 0 };
        let generation = self.jobs.number();
        if here {
            self.panes.events.incoming = None;
        } else if let Some(place) = place {
            let (total, height) = (self.total(&scope), self.height(Pane::Events) as u64);
            self.panes.events.expect(&scope, total, place, height);
        }
        let known = !matches!(to, Destination::Store(_) | Destination::InStore(_) | Destination::Id(_));
        let wanted = known.then(|| scope.clone());
        let leaves = place.is_none()
            && match to {
                Destination::Same(..) | Destination::Id(_) | Destination::InStore(_) => true,
                Destination::At(_) => !here,
                _ => false,
            };
        self.walk.wanted = Some(Wanted { generation, scope: wanted, place, steps: 0, leaves });
        out.push(Effect::Ask(Ask::Go { generation, scope, from, to }));
    }

    /// Goes to a place of a scope, unless one stands there or is on the way there.
    pub(super) fn go_to_place(&mut self, scope: Scope, place: u64, out: &mut Vec<Effect>) {
        let place = place.min(self.total(&scope));
        let (target, at) = self.walk.target();
        let is_there = target == Some(&scope) && at == place;
        let lost = self.walk.wanted.as_ref().is_some_and(|wanted| wanted.place.is_none());
        if !is_there || lost {
            self.walk.queued = None;
            self.go(scope, Destination::To(place), Some(place), out);
        }
    }

    /// Opens a scope where it was left, or at its end.
    pub(super) fn open(&mut self, scope: Scope, out: &mut Vec<Effect>) {
        if self.walk.target().0 == Some(&scope) {
            return;
        }
        let total = self.total(&scope);
        let place = self.walk.left.get(&scope).copied().unwrap_or(total).min(total);
        self.go_to_place(scope, place, out);
    }

    /// The first walk: as soon as there is something to walk to.
    pub(super) fn open_first(&mut self, out: &mut Vec<Effect>) {
        if self.opening.done {
            return self.open_to_the_end(out);
        }
        let complete = self.catalogue.progress.complete && self.catalogue.listed;
        let asked = self.opening.stream.clone();
        if asked.is_none()
            && !self.catalogue.streams.is_empty()
            && let Some(at) = self.opening.at.take()
        {
            self.opening.done = true;
            self.go(Scope::All, at, None, out);
            let height = self.height(Pane::Streams);
            self.panes.streams.select_scope(&self.catalogue, &Scope::All, height);
            return;
        }
        let summary = match &asked {
            Some(stream) => self.catalogue.summary(stream),
            None => self.catalogue.streams.first(),
        };
        match (summary, asked) {
            (Some(summary), _) => {
                let scope = Scope::Stream(summary.stream.clone());
                let end = summary.events;
                self.opening.done = true;
                match self.opening.at.take() {
                    Some(at) => self.go(scope, at, None, out),
                    None => {
                        self.opening.end = Some((scope.clone(), end));
                        self.go(scope, Destination::To(end), Some(end), out);
                    }
                }
                self.panes.streams.selected = 0;
                let target = self.walk.target().0.cloned();
                let height = self.height(Pane::Streams);
                if let Some(scope) = target {
                    self.panes.streams.select_scope(&self.catalogue, &scope, height);
                }
            }
            (None, Some(stream)) if complete => {
                self.opening.stream = None;
                self.opening.at = None;
                self.say(Severity::Error, format!("there is no stream {stream} here; this is the first one"));
                self.open_first(out);
            }
            (None, None) if complete && self.catalogue.progress.troubles > 0 => {
                self.opening.done = true;
                self.go(Scope::All, Destination::To(1), Some(1), out);
            }
            _ => {}
        }
    }

    /// The first stream was opened at its end as it was known then: once its end is known, and as long as nobody has
    /// touched anything, that is where one stands.
    fn open_to_the_end(&mut self, out: &mut Vec<Effect>) {
        let Some((scope, end)) = self.opening.end.clone() else { return };
        let (untouched, total) = (!self.keys.pressed && self.walk.target() == (Some(&scope), end), self.total(&scope));
        if !untouched || (self.catalogue.progress.complete && total > end) {
            // The list of streams may come later than the word that all is read, and know of more.
            self.opening.end = untouched.then(|| (scope.clone(), total));
            if untouched {
                self.go_to_place(scope, total, out);
                match (self.opening.lost, self.walk.target().0) {
                    (true, Some(Scope::Stream(stream))) => {
                        let words = Self::lost_words(&format!("this is the end of {stream}"));
                        self.say(Severity::Warning, words);
                    }
                    _ => self.say(Severity::Info, "everything is read: this is the last event"),
                }
            }
        }
    }

    pub(super) fn step(&mut self, stepping: Stepping, count: Option<u64>, out: &mut Vec<Effect>) {
        let times = count.unwrap_or(1);
        match stepping {
            Stepping::Forward => self.step_by(Direction::Forward, times, out),
            Stepping::Back => self.step_by(Direction::Backward, times, out),
            Stepping::StoreForward => self.step_store(Direction::Forward, times, out),
            Stepping::StoreBack => self.step_store(Direction::Backward, times, out),
            Stepping::Open => self.open_selected(out),
            Stepping::WholeStore => self.whole_store(out),
            Stepping::FoldOn => self.fold_on(out),
            Stepping::NextFault => self.step_to_fault(Direction::Forward, times, out),
            Stepping::PreviousFault => self.step_to_fault(Direction::Backward, times, out),
        }
    }

    fn step_by(&mut self, direction: Direction, times: u64, out: &mut Vec<Effect>) {
        if let Some(wanted) = self.walk.wanted.as_mut().filter(|wanted| wanted.place.is_none()) {
            let steps = i64::try_from(times).unwrap_or(i64::MAX);
            wanted.steps = wanted.steps.saturating_add(if direction == Direction::Forward { steps } else { -steps });
            return;
        }
        let (Some(scope), place) = self.walk.target() else { return };
        let scope = scope.clone();
        let total = self.total(&scope);
        let motion = if direction == Direction::Forward { Motion::Down } else { Motion::Up };
        if let Some(to) = self.sifted_motion(&scope, place, motion, Some(times)) {
            if to == place && self.sifted_in(&scope).is_some_and(|sifted| sifted.running) {
                self.say(Severity::Info, "the filter has not come here yet");
            } else if to == place {
                let end = if direction == Direction::Forward { "this is the last" } else { "this is the first row" };
                self.say(Severity::Info, format!("{end} the filter shows"));
            }
            return self.go_to_place(scope, to, out);
        }
        let (to, end) = match direction {
            Direction::Forward if self.catalogue.progress.complete => {
                (place.saturating_add(times).min(total), "this is the last event")
            }
            Direction::Forward => (place.saturating_add(times).min(total), "this is the last event so far"),
            Direction::Backward => (place.saturating_sub(times), "this is the initial state, before the first event"),
        };
        if to == place {
            self.say(Severity::Info, end);
        }
        self.go_to_place(scope, to, out);
    }

    fn step_store(&mut self, direction: Direction, times: u64, out: &mut Vec<Effect>) {
        let Some(scope) = self.walk.scope.clone() else { return };
        let under_way = self.walk.wanted.as_ref().is_some_and(|wanted| wanted.place.is_none());
        match &mut self.walk.queued {
            // Where the step under way leads is not known: the next ones are made from there.
            Some((queued, more)) if under_way && *queued == direction => *more = more.saturating_add(times),
            _ if under_way => self.walk.queued = Some((direction, times)),
            _ => {
                self.walk.queued = (times > 1).then(|| (direction, times - 1));
                self.go(scope, Destination::Store(direction), None, out);
            }
        }
    }

    /// Makes the next of several steps across the store.
    pub(super) fn step_queued(&mut self, out: &mut Vec<Effect>) {
        if let (Some((direction, times)), Some(scope)) = (self.walk.queued.take(), self.walk.scope.clone()) {
            self.walk.queued = (times > 1).then(|| (direction, times - 1));
            self.go(scope, Destination::Store(direction), None, out);
        }
    }

    fn open_selected(&mut self, out: &mut Vec<Effect>) {
        match self.panes.focus {
            Pane::Streams => {
                if let Some(scope) = self.panes.streams.scope(&self.catalogue, self.panes.streams.selected) {
                    self.open(scope, out);
                    self.panes.focus = Pane::Events;
                }
            }
            _ => match (&self.walk.scope, self.walk.event()) {
                (Some(Scope::All | Scope::Category(_) | Scope::Correlation(_)), Some(event)) if !event.is_loose() => {
                    let (scope, at) = (Scope::Stream(event.stream.clone()), self.walk.stream_at);
                    self.go(scope, Destination::To(at), Some(at), out);
                }
                (Some(Scope::All | Scope::Category(_) | Scope::Correlation(_)), Some(_)) => {
                    self.say(Severity::Warning, "this record belongs to no stream");
                }
                (Some(Scope::All | Scope::Category(_) | Scope::Correlation(_)), None) => {
                    self.say(Severity::Info, "this is before the first event: step on to open a stream");
                }
                _ => self.panes.focus = Pane::Event,
            },
        }
    }

    /// Goes on with a fold that was stopped or is suspended.
    fn fold_on(&mut self, out: &mut Vec<Effect>) {
        match (&self.walk.fold, self.walk.scope.clone()) {
            (Fold::Stopped { .. } | Fold::Failed { .. }, Some(scope)) => {
                let place = self.walk.place;
                self.go(scope, Destination::To(place), Some(place), out);
            }
            (Fold::Done, Some(scope)) if self.walk.here().is_some_and(|moment| moment.suspended.is_some()) => {
                let stream = self.walk.stream().cloned();
                self.walk.urged.extend(stream.clone());
                out.extend(stream.map(|stream| Effect::Ask(Ask::KeepGoing(stream))));
                let place = self.walk.place;
                self.go(scope, Destination::To(place), Some(place), out);
            }
            (Fold::Running { .. }, _) => self.say(Severity::Info, "the state is being folded already"),
            _ => self.say(Severity::Info, "the state is here: nothing was stopped"),
        }
    }

    fn whole_store(&mut self, out: &mut Vec<Effect>) {
        match (self.walk.scope.clone(), self.walk.event()) {
            (None | Some(Scope::All), _) => {}
            (Some(scope), Some(_)) => self.go(Scope::All, Destination::Same(scope, self.walk.place), None, out),
            (Some(_), None) => self.go(Scope::All, Destination::To(1), Some(1), out),
        }
    }

    /// Moves the cursor in Events: which is to step.
    pub(super) fn move_cursor(&mut self, motion: Motion, count: Option<u64>, out: &mut Vec<Effect>) {
        let (Some(scope), place) = self.walk.target() else { return };
        let scope = scope.clone();
        let total = self.total(&scope);
        match (motion, count) {
            (Motion::Down, _) => self.step_by(Direction::Forward, count.unwrap_or(1), out),
            (Motion::Up, _) => self.step_by(Direction::Backward, count.unwrap_or(1), out),
            _ if self.sifted_in(&scope).is_some() => {
                if let Some(to) = self.sifted_motion(&scope, place, motion, count) {
                    self.go_to_place(scope, to, out);
                    self.follow_cursor();
                }
            }
            // Row n is the n-th event, row 0 the initial state.
            (Motion::Last | Motion::First, Some(row)) => self.go_to_place(scope, row, out),
            _ => {
                if motion == Motion::Last {
                    self.follow.new = 0;
                }
                let to = panes::moved(motion, count, place, self.height(Pane::Events) as u64, total + 1);
                self.go_to_place(scope, to, out);
                self.follow_cursor();
            }
        }
    }

    /// Goes where was asked for by name. `Err` is what is wrong with it.
    pub(super) fn go_to(&mut self, goto: Goto, out: &mut Vec<Effect>) -> Result<(), String> {
        let (Some(scope), place) = self.walk.target() else { return Err("nothing is open yet".into()) };
        let scope = scope.clone();
        let total = self.total(&scope);
        match goto {
            Goto::Place(Place::Start) => self.go_to_place(scope, 0, out),
            Goto::Place(Place::First) => self.go_to_place(scope, total.min(1), out),
            Goto::Place(Place::Last) => self.go_to_place(scope, total, out),
            Goto::Place(place) => {
                self.walk.queued = None;
                self.go(scope, Destination::At(place), None, out);
            }
            Goto::By(by) => self.go_to_place(scope, place.saturating_add_signed(by), out),
            Goto::Part(part) => {
                self.go_to_place(scope, (u128::from(total) * u128::from(part) / 100_000) as u64, out);
            }
            Goto::Name(name) => match (self.catalogue.index_of(&Arc::clone(&name).into()), self.place_in_stream(&name))
            {
                (Some(_), _) => self.open(Scope::Stream(name.into()), out),
                (None, Some((stream, place))) => {
                    self.walk.queued = None;
                    self.go(stream, Destination::At(place), None, out);
                }
                (None, None) if name.chars().any(char::is_whitespace) => {
                    return Err(format!("{name} is no version, time or id"));
                }
                (None, None) => self.go(scope, Destination::Id(name), None, out),
            },
        }
        Ok(())
    }

    /// The stream and the place `STREAM@PLACE` names, where there is such a stream.
    pub(super) fn place_in_stream(&self, name: &str) -> Option<(Scope, Place)> {
        let (stream, place) = place::divided(name).ok()?;
        let stream = StreamName::from(stream);
        self.catalogue.index_of(&stream).map(|_| (Scope::Stream(stream), place))
    }

    // Streams

    /// Narrows the list of streams.
    pub(super) fn narrow(&mut self, pattern: &str, out: &mut Vec<Effect>) {
        let earlier = self.panes.streams.narrowing.take();
        if pattern.is_empty() {
            self.select_shown_scope();
            return;
        }
        let generation = self.jobs.number();
        self.panes.streams.narrowing = Some(Narrowing::asked(pattern, generation, &self.catalogue, earlier));
        out.push(Effect::Ask(Ask::FilterStreams { generation, pattern: pattern.into() }));
    }

    pub(super) fn streams_filtered(
        &mut self,
        generation: Generation,
        matches: Arc<Vec<u32>>,
        complete: bool,
        out: &mut Vec<Effect>,
    ) {
        let known = self.catalogue.streams.len();
        let Some(narrowing) = &mut self.panes.streams.narrowing else { return };
        if narrowing.generation != generation {
            return;
        }
        // The list the filter saw may be longer than the one that has come here.
        narrowing.matches = Some(match matches.iter().all(|n| (*n as usize) < known) {
            true => matches,
            false => Arc::new(matches.iter().copied().filter(|n| (*n as usize) < known).collect()),
        });
        narrowing.complete = complete;
        if matches!(self.mode, Mode::Prompt(Prompt { asking: Asking::Filter { .. }, .. })) {
            let streams = &mut self.panes.streams;
            let len = streams.len(&self.catalogue);
            // The best stream is what was meant; a category is only selected when no stream matches.
            let best = (0..len).find(|row| matches!(streams.row(&self.catalogue, *row), Some(Row::Stream(_))));
            streams.selected = best.unwrap_or(0);
            streams.top = 0;
            self.preview(out);
            if complete {
                self.release_held(out);
            }
        } else {
            self.select_shown_scope();
        }
    }

    /// Shows what is selected in Streams.
    pub(super) fn preview(&mut self, out: &mut Vec<Effect>) {
        if let Some(scope) = self.panes.streams.scope(&self.catalogue, self.panes.streams.selected) {
            self.open(scope, out);
        }
    }

    // Comparing and playing

    pub(super) fn watch(&mut self, watching: Watching, out: &mut Vec<Effect>) {
        match watching {
            Watching::Pin if self.walk.is_at_pin() => {
                self.walk.pin = None;
                self.walk.difference = None;
                self.panes.state.asked = Against::Before;
                self.say(Severity::Info, "unpinned");
                out.push(Effect::Ask(Ask::Unpin));
            }
            Watching::Pin => {
                let Some(moment) = self.walk.here() else {
                    return self.say(Severity::Warning, "there is no state here yet to pin");
                };
                if moment.unknown.is_some() {
                    return self.say(Severity::Warning, "there is no state here to pin");
                }
                let name = match &moment.event {
                    Some(event) => format!("{}@{}", moment.stream, event.version),
                    None => format!("{} at its start", moment.stream),
                };
                let state = moment.state.clone();
                self.walk.pin = Some(Pin {
                    stream: moment.stream.clone(),
                    at: moment.at,
                    version: moment.event.as_ref().map(|event| event.version),
                    name: name.clone(),
                    across: Across::No,
                });
                // A state does not differ from itself.
                self.walk.difference = Some((self.walk.shown, Arc::default()));
                self.say(Severity::Info, format!("pinned {name}: step away and compare"));
                out.push(Effect::Ask(Ask::Pin(state)));
            }
            Watching::Compare => self.compare(),
            Watching::Play if !self.walk.play.running && self.is_at_the_end() => {
                self.say(Severity::Info, "this is the last event: there is nothing to play");
            }
            Watching::Play => {
                self.walk.play.running = !self.walk.play.running;
                let every = self.walk.play.running.then(|| self.walk.play.every());
                out.push(Effect::Play(every));
            }
            Watching::Follow => self.toggle_follow(out),
            Watching::Slower | Watching::Faster => {
                let by = if watching == Watching::Faster { 1 } else { -1 };
                let play = &mut self.walk.play;
                play.speed = (play.speed + by).clamp(*Play::SPEEDS.start(), *Play::SPEEDS.end());
                let (running, every, words) = (play.running, play.every(), play.words());
                if running {
                    out.push(Effect::Play(Some(every)));
                }
                let doing = if running { "playing" } else { "not playing; it will play" };
                self.say(Severity::Info, format!("{doing} at {words}"));
            }
        }
        self.show_state();
        self.follow_changes();
    }

    /// Goes round what the state can be compared with: what was before the event, and the pinned state. That of another
    /// stream only when it is asked for twice.
    fn compare(&mut self) {
        let key = self.keys.map.keys_of(&self.contexts(), Action::Watch(Watching::Compare)).into_iter().next();
        let (Some(pin), Some(moment)) = (&mut self.walk.pin, &self.walk.moment) else {
            return self.say(Severity::Info, "nothing is pinned to compare with");
        };
        if self.panes.state.against == Against::Pinned {
            self.panes.state.asked = Against::Before;
        } else if pin.stream == moment.stream {
            self.panes.state.asked = Against::Pinned;
        } else if pin.across == Across::Offered(moment.stream.clone()) {
            pin.across = Across::Asked(moment.stream.clone());
            self.panes.state.asked = Against::Pinned;
        } else {
            pin.across = Across::Offered(moment.stream.clone());
            let key = key.unwrap_or_else(|| "the same key".into());
            let words = format!("the pin is of {}: {key} again compares all the same", pin.stream);
            self.say(Severity::Warning, words);
        }
    }

    /// Whether no event follows, now or later.
    fn is_at_the_end(&self) -> bool {
        let (scope, place) = self.walk.target();
        self.catalogue.progress.complete && scope.is_some_and(|scope| place >= self.total(scope))
    }

    pub(super) fn play_ticked(&mut self, out: &mut Vec<Effect>) {
        // A slow walk is not overtaken: the next tick steps on.
        if !self.walk.play.running || self.walk.is_under_way() {
            return;
        }
        let Some(scope) = self.walk.scope.clone() else { return };
        let next = match self.sifted_in(&scope) {
            Some(sifted) => sifted.step(self.walk.place, 1),
            None => self.walk.place + 1,
        };
        if self.walk.place < next && next <= self.total(&scope) {
            self.go_to_place(scope, next, out);
        } else if self.catalogue.progress.complete {
            self.stop_playing(out);
            let total = counted(self.walk.place, "event");
            self.say(Severity::Info, format!("played to the end: {total}"));
        }
    }

    pub(super) fn stop_playing(&mut self, out: &mut Vec<Effect>) {
        if std::mem::take(&mut self.walk.play.running) {
            out.push(Effect::Play(None));
        }
    }

    /// Stops everything under way. Where one stands stays.
    pub(super) fn stop_jobs(&mut self, out: &mut Vec<Effect>) {
        self.walk.wanted = None;
        self.walk.fold.stop();
        self.walk.queued = None;
        self.panes.events.incoming = None;
        if let Some(search) = &mut self.jobs.search {
            search.running = None;
        }
        if let Some(hits) = &mut self.jobs.hits {
            hits.running = false;
        }
        if let Some(narrowing) = &mut self.panes.streams.narrowing {
            narrowing.complete = true;
        }
        if let Some(sifted) = &mut self.panes.events.sifted {
            sifted.stop();
        }
        self.select_shown_scope();
        out.push(Effect::Ask(Ask::StopJobs));
    }
}
