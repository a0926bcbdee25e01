//! Filtering the events of a scope: asking for it, and walking over what it lets through.
//!
//! A filter hides rows and changes nothing else: every state is still the fold over all events. It stays when another
//! scope is opened, and is looked for there again.

use super::effect::Effect;
use super::ids::Motion;
use super::ids::Pane;
use super::mode::{Asking, Mode, Prompt};
use super::panes::sifted::Sifted;
use super::panes::{self};
use super::{App, Severity};
use crate::ask::{Ask, Generation};
use crate::domain::words::{count, counted};
use crate::domain::{Scope, Unjudged};

/// A filter that was typed and has not been accepted yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Asked {
    generation: Generation,
    text: String,
}

impl App {
    /// The filtered list, when it is what is shown of a scope.
    pub fn sifted_in(&self, scope: &Scope) -> Option<&Sifted> {
        self.panes.events.sifted.as_ref().filter(|sifted| sifted.scope == *scope)
    }

    /// Asks for a filter.
    pub(super) fn ask_for_filter(&mut self) {
        if self.walk.scope.is_none() {
            return;
        }
        let before = self.panes.events.sifted.as_ref().map_or(String::new(), |sifted| sifted.text.clone());
        self.panes.focus = Pane::Events;
        self.mode = Mode::Prompt(Prompt::new(Asking::Sift, &before));
    }

    /// Takes the text of a filter: it is shown once it has proved to be one.
    pub(super) fn accept_filter(&mut self, mut prompt: Prompt, out: &mut Vec<Effect>) {
        let text = prompt.line.value().trim().to_owned();
        if text.is_empty() {
            return self.drop_filter(out);
        }
        let Some(scope) = self.walk.scope.clone() else { return };
        let generation = self.jobs.number();
        prompt.problem = None;
        self.mode = Mode::Prompt(prompt);
        self.keys.held = Some(Vec::new());
        self.jobs.sift = Some(Asked { generation, text: text.clone() });
        out.push(Effect::Ask(Ask::Sift { generation, scope, filter: text, from: 0 }));
    }

    /// Shows all events again.
    pub(super) fn drop_filter(&mut self, out: &mut Vec<Effect>) {
        self.jobs.sift = None;
        if self.panes.events.sifted.take().is_some() {
            out.push(Effect::Ask(Ask::StopSift));
            let total = self.walk.scope.as_ref().map_or(0, |scope| self.total(scope));
            self.say(Severity::Info, format!("all {} are shown", counted(total, "event")));
            self.follow_cursor();
        }
    }

    /// The filter was understood, and its answers will come.
    pub(super) fn sift_began(&mut self, generation: Generation, out: &mut Vec<Effect>) {
        let Some(asked) = self.jobs.sift.take_if(|asked| asked.generation == generation) else { return };
        let Some(scope) = self.walk.scope.clone() else { return };
        self.keys.sifted.clone_from(&asked.text);
        self.panes.events.sifted = Some(Sifted::new(generation, scope, asked.text, Some(self.walk.place)));
        if matches!(&self.mode, Mode::Prompt(Prompt { asking: Asking::Sift, .. })) {
            self.mode = Mode::Normal;
        }
        for key in self.keys.held.take().unwrap_or_default() {
            self.key_arrived(key, out);
        }
    }

    /// It was not understood: the prompt says why, and the cursor stands where.
    pub(super) fn sift_refused(&mut self, generation: Generation, column: usize, why: String) {
        if self.jobs.sift.take_if(|asked| asked.generation == generation).is_none() {
            return;
        }
        self.keys.held = None;
        if let Mode::Prompt(prompt) = &mut self.mode {
            if let Some(column) = column.checked_sub(1) {
                let blanks = prompt.line.value().chars().take_while(|c| c.is_whitespace()).count();
                prompt.line = prompt.line.clone().with_cursor(blanks + column);
            }
            prompt.problem = Some(why);
        }
    }

    /// Events were looked at.
    pub(super) fn sifted(&mut self, generation: Generation, ordinals: &[u64], looked: u64, total: u64) {
        let height = self.height(Pane::Events) as u64;
        let place = self.walk.place;
        let Some(sifted) = self.panes.events.sifted_of(generation) else { return };
        let at_cursor = sifted.row_of(place);
        sifted.take(ordinals, looked, total);
        if sifted.row_of(place) != at_cursor {
            sifted.follow(place, height);
        }
    }

    /// All events were looked at, or nobody wanted more.
    pub(super) fn sift_ended(
        &mut self,
        generation: Generation,
        unjudged: Unjudged,
        folded: &str,
        out: &mut Vec<Effect>,
    ) {
        let place = self.walk.target().1;
        let Some(sifted) = self.panes.events.sifted_of(generation) else { return };
        sifted.running = false;
        sifted.unjudged.join(unjudged);
        sifted.folds |= !folded.is_empty();
        let (scope, shown, looked) = (sifted.scope.clone(), sifted.places.len() as u64, sifted.looked);
        let words = sifted.unjudged.words();
        let nearest = sifted.stood.take_if(|stood| *stood == place && !sifted.places.is_empty());
        let nearest = nearest.and_then(|place| sifted.nearest(place)).filter(|nearest| *nearest != place && place > 0);
        let hidden = count(looked.saturating_sub(shown));
        let mut told = format!("{} of {}, {hidden} hidden", count(shown), counted(looked, "event"));
        if !folded.is_empty() {
            told.push_str(&format!("; {folded}"));
        }
        if words.is_empty() {
            self.say(Severity::Info, format!("{told}; states are still those of all events"));
        } else {
            self.say(Severity::Warning, format!("{told}; {words}"));
        }
        if let Some(nearest) = nearest {
            self.go_to_place(scope, nearest, out);
        } else {
            self.follow_cursor();
        }
        self.follow_growth(out);
    }

    /// Another scope is shown, or it has grown: the filter looks at what it has not looked at.
    pub(super) fn sift_on(&mut self, out: &mut Vec<Effect>) {
        let Some(scope) = self.walk.scope.clone() else { return };
        let total = self.total(&scope);
        if let Some(text) = self.panes.events.refilter.take() {
            let generation = self.jobs.number();
            self.panes.events.sifted = Some(Sifted::new(generation, scope.clone(), text.clone(), None));
            return out.push(Effect::Ask(Ask::Sift { generation, scope, filter: text, from: 0 }));
        }
        let Some(sifted) = &mut self.panes.events.sifted else { return };
        if sifted.scope == scope && (sifted.running || sifted.stopped || sifted.looked >= total) {
            return;
        }
        let generation = self.jobs.number();
        let mut from = 0;
        if sifted.scope == scope {
            from = sifted.looked;
            sifted.generation = generation;
            sifted.running = true;
            sifted.stood = None;
        } else {
            *sifted = Sifted::new(generation, scope.clone(), std::mem::take(&mut sifted.text), None);
        }
        out.push(Effect::Ask(Ask::Sift { generation, scope, filter: sifted.text.clone(), from }));
    }

    /// Where a motion in the filtered list leads, when that is what is shown of the scope.
    pub(super) fn sifted_motion(&self, scope: &Scope, place: u64, motion: Motion, count: Option<u64>) -> Option<u64> {
        let sifted = self.sifted_in(scope)?;
        // What lies before is not known either.
        if sifted.running && sifted.looked < place && motion != Motion::First {
            return Some(place);
        }
        let times = i64::try_from(count.unwrap_or(1)).unwrap_or(i64::MAX);
        Some(match motion {
            Motion::Down => sifted.step(place, times),
            Motion::Up => sifted.step(place, -times),
            _ => {
                let row = sifted.row_of(place);
                let to = panes::moved(motion, count, row, self.height(Pane::Events) as u64, sifted.len());
                sifted.place(to).unwrap_or(place)
            }
        })
    }

    /// What is said of a filter while it is typed.
    pub(super) fn filter_words(&self, text: &str) -> (Severity, String) {
        if self.jobs.sift.is_some() {
            return (Severity::Info, "looking …".into());
        }
        let words = if text.is_empty() && self.panes.events.sifted.is_some() {
            "Enter shows all events again"
        } else {
            "type:Pay* stream:x-* after:2025-03-01 before:-2h, or event.data.n > 1"
        };
        (Severity::Info, words.into())
    }
}
