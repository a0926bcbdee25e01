//! What becomes of the source while it is looked at: it grows, or it is no longer what was opened.
//!
//! Who follows is led to the newest event whenever one comes, as long as the cursor stands at the end; going elsewhere
//! leaves one alone, and going to the end again goes on. A source that changed otherwise is told of until it is opened
//! again: what is shown may then be old, and nothing of it is touched.

use super::effect::Effect;
use super::panes::{EventPane, EventsPane, StatePane, StreamsPane};
use super::walk::Walk;
use super::{App, Mode, Opening, Panes, Severity};
use crate::ask::Ask;
use crate::domain::words::count;
use crate::domain::{Destination, Scope, SourceChange};

/// What is known of it.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Follow {
    /// Whether the newest event is gone to when it comes.
    pub on: bool,
    /// Events that came since it was known whole, or since they were last gone to.
    pub new: u64,
    /// What it became, when it is no longer what was opened.
    pub changed: Option<SourceChange>,
    /// Events when it was last known whole.
    whole: Option<u64>,
    /// The end of the scope when it was last looked at.
    end: Option<(Scope, u64)>,
}

impl Follow {
    /// What is said of a change until the source is opened again.
    pub fn banner(&self, key: Option<&str>) -> Option<String> {
        let what = match self.changed? {
            SourceChange::Same | SourceChange::Grown => return None,
            SourceChange::Truncated => "the store changed",
            SourceChange::Replaced => "another store has its name now",
            SourceChange::Removed => "the store is gone",
        };
        let reopens = key.map_or(String::new(), |key| match self.changed {
            Some(SourceChange::Removed) => format!("; {key} opens it again once it is back"),
            _ => format!(": {key} reopens it"),
        });
        Some(format!("{what}{reopens}, what is shown may be old"))
    }
}

impl Panes {
    /// What they show of the source goes; how they are looked at stays. Each pane is named, so that none is forgotten here.
    fn forget(&mut self) {
        let Self { focus: _, zoomed: _, layout: _, room: _, streams, events, event, state, pace } = self;
        *streams = StreamsPane::default();
        let filter = events.sifted.take().map(|sifted| sifted.text);
        *events = EventsPane::default();
        events.refilter = filter;
        let views = (event.view, state.view);
        (*event, *state) = (EventPane::default(), StatePane::default());
        (event.view, state.view) = views;
        pace.forget();
    }
}

impl App {
    /// Follows, or no longer.
    pub(super) fn toggle_follow(&mut self, out: &mut Vec<Effect>) {
        self.follow.on = !self.follow.on;
        self.follow.new = 0;
        if !self.follow.on {
            return self.say(Severity::Info, "no longer following");
        }
        if let Some(scope) = self.walk.scope.clone() {
            let end = self.end_of(&scope);
            self.follow.end = Some((scope.clone(), end));
            self.go_to_place(scope, end, out);
        }
        self.say(Severity::Info, "following: what is new is gone to as it comes");
    }

    /// The last place that is shown of a scope.
    fn end_of(&self, scope: &Scope) -> u64 {
        match self.sifted_in(scope) {
            Some(sifted) => sifted.places.last().copied().unwrap_or(0),
            None => self.total(scope),
        }
    }

    /// The source is another one than it was.
    pub(super) fn source_changed(&mut self, change: SourceChange) {
        match change {
            SourceChange::Same => {}
            SourceChange::Grown => {
                // Who was led to the end when everything was read is not led on.
                self.opening.end = None;
                // What was away is back, and goes on where it ended. What was cut in place may have been read meanwhile.
                if matches!(self.follow.changed, Some(SourceChange::Removed | SourceChange::Replaced)) {
                    self.follow.changed = None;
                }
            }
            change => {
                self.follow.changed = Some(change);
                self.notice = None;
            }
        }
    }

    /// Counts what is new once all of it is known.
    pub(super) fn count_new(&mut self) {
        let progress = &self.catalogue.progress;
        if progress.complete {
            let known = progress.events + progress.troubles;
            if let Some(before) = self.follow.whole.replace(known) {
                self.follow.new += known.saturating_sub(before);
            }
        }
    }

    /// Goes to the newest event, when that is wanted and the cursor stood at the end.
    pub(super) fn follow_growth(&mut self, out: &mut Vec<Effect>) {
        let (Some(scope), place) = self.walk.target() else { return };
        let scope = scope.clone();
        let end = self.end_of(&scope);
        let before = self.follow.end.replace((scope.clone(), end));
        let stood = before.is_some_and(|(before, at)| before == scope && place >= at);
        if self.follow.on && stood && end > place && matches!(self.mode, Mode::Normal) {
            self.go_to_place(scope, end, out);
        }
    }

    /// Asks for the source to be opened again.
    pub(super) fn ask_to_reopen(&mut self, out: &mut Vec<Effect>) {
        let generation = self.jobs.number();
        self.jobs.reopening = Some(generation);
        self.say(Severity::Info, "opening it again …");
        out.push(Effect::Ask(Ask::Reopen { generation }));
    }

    /// The source has been opened again: everything known of the old one is forgotten, and the place is gone to again.
    pub(super) fn reopened(&mut self) {
        let stream = match &self.walk.scope {
            Some(Scope::Stream(_) | Scope::Category(_) | Scope::Correlation(_)) => self.walk.stream().cloned(),
            Some(Scope::All) | None => None,
        };
        let at = match (&stream, self.walk.event()) {
            (Some(_), Some(event)) => Some(Destination::Version { version: event.version.0, at: self.walk.stream_at }),
            (Some(_), None) => Some(Destination::To(0)),
            (None, _) => self.walk.scope.as_ref().map(|_| Destination::To(self.walk.place)),
        };
        self.opening = Opening { stream, at, ..Opening::default() };
        // Nobody has touched yet what is opened now.
        self.keys.pressed = false;
        self.catalogue = super::Catalogue::default();
        self.walk = Walk::default();
        self.panes.forget();
        self.jobs.drop_search();
        self.jobs.sift = None;
        self.jobs.reopening = None;
        self.follow = Follow { on: self.follow.on, ..Follow::default() };
        self.keys.held = None;
        self.keys.waiting.clear();
        self.surveys.clear();
        self.mode = Mode::Normal;
        self.say(Severity::Info, "opened again");
    }

    /// Where one stood is not there any more: the end of the stream is shown, or the first stream.
    pub(super) fn open_elsewhere(&mut self, out: &mut Vec<Effect>) {
        let lost = self.walk.scope.is_none() && self.walk.wanted.is_none() && self.opening.done;
        if lost && self.jobs.reopening.is_none() && !self.catalogue.streams.is_empty() && self.opening.stream.is_some()
        {
            let stream = self.opening.stream.take();
            self.opening.stream = stream.filter(|stream| self.catalogue.index_of(stream).is_some());
            self.opening.done = false;
            self.opening.at = None;
            self.open_first(out);
            self.opening.lost = self.opening.stream.is_some();
            // The list of streams may be from before the end was read: then one goes on to the end that is known later.
            let so_far = if self.catalogue.progress.complete { "" } else { " so far" };
            let end = match self.opening.stream.take() {
                Some(stream) => format!("this is the end of {stream}{so_far}"),
                None => "this is the first stream".into(),
            };
            self.say(Severity::Warning, Self::lost_words(&end));
        }
    }

    /// What is said where one stands somewhere else than before.
    pub(super) fn lost_words(end: &str) -> String {
        format!("where you stood is not there any more: {end}")
    }

    /// How many events are new, in words.
    pub fn new_words(&self) -> Option<String> {
        (self.follow.new > 0).then(|| format!("+{} new", count(self.follow.new)))
    }
}
