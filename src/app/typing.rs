//! Keys: counts, chords, prompts, and the typing inside the help.

use crate::ask::Ask;
use tui_input::Input;

use super::action::{ACTIONS, Action, Context, Editing, Session, Viewing};
use super::effect::Effect;
use super::goto::Goto;
use super::ids::Motion;
use super::ids::Pane;
use super::key::{Key, KeyCode};
use super::keymap::Meaning;
use super::mode::{self, Asking, Entry, Help, Mode, Prompt};
use super::panes::{keep_visible, moved};
use super::{App, Severity, layout};
use crate::domain::words::{count, counted, instant};
use crate::domain::{Direction, Place};

impl App {
    /// Takes a key, or holds it until the stream it is meant for is known: who types fast, or pastes, or sits behind a
    /// slow line gets what would have come of typing slowly. Esc and Ctrl+C never wait.
    pub(super) fn key_arrived(&mut self, key: Key, out: &mut Vec<Effect>) {
        let stops = key.code == KeyCode::Esc || (key.modifiers.control && key.code == KeyCode::Char('c'));
        match &mut self.keys.held {
            Some(_) if stops => self.keys.held = None,
            Some(held) => return held.push(key),
            None => {}
        }
        if stops {
            self.keys.waiting.clear();
        } else if self.waits(key) {
            self.keys.waiting.push(key);
            return self.say(Severity::Info, "going there first: Esc stops");
        }
        self.key_pressed(key, out);
    }

    /// Whether a key waits for the walk to another scope: it is meant for what will be there. What ends or draws again waits
    /// for nothing.
    fn waits(&self, key: Key) -> bool {
        let waits = matches!(self.mode, Mode::Normal) && self.walk.is_leaving();
        waits && !matches!(self.keys.map.meaning(&self.contexts(), &[key]), Meaning::Action(Action::Session(_)))
    }

    /// The walk has arrived: what was typed meanwhile is done there, in order.
    pub(super) fn take_waiting(&mut self, out: &mut Vec<Effect>) {
        for key in std::mem::take(&mut self.keys.waiting) {
            self.key_arrived(key, out);
        }
    }

    /// The answer that keys were held for is here.
    pub(super) fn release_held(&mut self, out: &mut Vec<Effect>) {
        let Some(keys) = self.keys.held.take() else { return };
        self.accept(out);
        for key in keys {
            self.key_arrived(key, out);
        }
    }

    fn key_pressed(&mut self, key: Key, out: &mut Vec<Effect>) {
        let said = self.notice.take_if(|notice| !notice.lasting);
        self.keys.pressed = true;
        let normal = matches!(self.mode, Mode::Normal);
        if normal && self.keys.begun.is_empty() && self.counted(key) {
            return;
        }
        let armed = std::mem::take(&mut self.keys.armed);
        self.keys.digit = None;
        let mut keys = std::mem::take(&mut self.keys.begun);
        let cancels = (!keys.is_empty() || self.keys.count.is_some()) && key.code == KeyCode::Esc;
        if cancels {
            self.keys.count = None;
            return;
        }
        keys.push(key);
        let contexts = self.contexts();
        match self.keys.map.meaning(&contexts, &keys) {
            Meaning::Begun => self.keys.begun = keys,
            Meaning::Action(action) => {
                let count = self.keys.count.take().map(|(count, _)| count);
                self.keys.armed = armed;
                // These two are about what was said.
                if matches!(action, Action::View(Viewing::Failure) | Action::Session(Session::Back)) {
                    self.notice = self.notice.take().or(said.filter(|said| said.severity == Severity::Error));
                }
                if let (Action::View(super::action::Viewing::Focus(_)), KeyCode::Char(c @ '1'..='9')) =
                    (action, key.code)
                {
                    self.keys.digit = Some((u64::from(c as u32 - '0' as u32), self.panes.focus));
                }
                self.perform(action, count, out);
                if action != Action::Session(super::action::Session::Stop) {
                    self.keys.armed = false;
                }
            }
            Meaning::Unbound => {
                let plain = !key.modifiers.control && !key.modifiers.alt;
                match key.code {
                    KeyCode::Char(c) if plain && !normal => self.typed(&c.to_string(), out),
                    _ if normal => self.unbound(&keys),
                    _ => {}
                }
                self.keys.count = None;
            }
        }
    }

    fn unbound(&mut self, keys: &[Key]) {
        let help = self.keys.map.keys_of(&[Context::Everywhere], Action::View(super::action::Viewing::Help));
        let help = help.into_iter().next().map_or(String::new(), |key| format!(": {key} lists the keys"));
        self.say(Severity::Info, format!("{} does nothing here{help}", super::notation::write(keys)));
    }

    /// Takes a digit of a count. The digits of panes go to their panes at once; when a digit follows that is no pane's,
    /// they were the beginning of a count, and the focus goes back.
    fn counted(&mut self, key: Key) -> bool {
        const MOST: u64 = 1_000_000_000;
        let KeyCode::Char(c @ '0'..='9') = key.code else { return false };
        if key.modifiers.control || key.modifiers.alt {
            return false;
        }
        let digit = u64::from(c as u32 - '0' as u32);
        if let Some((count, focus)) = self.keys.count {
            self.keys.count = Some(((count * 10 + digit).min(MOST), focus));
            return true;
        }
        let bound = self.keys.map.meaning(&self.contexts(), &[key]) != Meaning::Unbound;
        match self.keys.digit.take() {
            Some((first, focus)) if digit == 0 || !bound => {
                self.focus(focus);
                self.keys.count = Some((first * 10 + digit, focus));
                true
            }
            _ if !bound => {
                self.keys.count = Some((digit, self.panes.focus));
                true
            }
            _ => false,
        }
    }

    pub(super) fn pasted(&mut self, text: &str, out: &mut Vec<Effect>) {
        match self.mode {
            Mode::Prompt(_) | Mode::Help(_) => self.typed(text, out),
            Mode::Normal => self.say(Severity::Info, "press / or : first, then paste"),
            Mode::Popup(_) | Mode::Survey(_) | Mode::ConfirmQuit => {}
        }
    }

    fn typed(&mut self, text: &str, out: &mut Vec<Effect>) {
        let changed = match &mut self.mode {
            Mode::Prompt(prompt) => mode::insert(&mut prompt.line, text),
            Mode::Help(help) => mode::insert(&mut help.line, text),
            Mode::Normal | Mode::Popup(_) | Mode::Survey(_) | Mode::ConfirmQuit => false,
        };
        if changed {
            self.line_changed(out);
        }
    }

    pub(super) fn edit(&mut self, editing: Editing, out: &mut Vec<Effect>) {
        let changed = match &mut self.mode {
            Mode::Prompt(prompt) => {
                // Deleting in an empty line is the way out of it, as in a pager.
                if editing == Editing::DeleteBack && prompt.line.value().is_empty() {
                    return self.cancel_prompt(out);
                }
                mode::edit(&mut prompt.line, editing)
            }
            Mode::Help(help) => mode::edit(&mut help.line, editing),
            Mode::Normal | Mode::Popup(_) | Mode::Survey(_) | Mode::ConfirmQuit => false,
        };
        if changed {
            self.line_changed(out);
        }
    }

    /// Looks at what is typed while it is typed.
    fn line_changed(&mut self, out: &mut Vec<Effect>) {
        match &mut self.mode {
            Mode::Help(help) => {
                let line = help.line.clone();
                self.open_help(line);
            }
            Mode::Prompt(prompt) => {
                prompt.problem = None;
                let text = prompt.line.value().to_owned();
                match prompt.asking.clone() {
                    Asking::Filter { .. } => self.narrow(&text, out),
                    Asking::Find { .. } => self.find_typed(out),
                    Asking::GoTo | Asking::Sift => {}
                }
            }
            Mode::Normal | Mode::Popup(_) | Mode::Survey(_) | Mode::ConfirmQuit => {}
        }
    }

    pub(super) fn move_in_prompt(&mut self, motion: Motion, out: &mut Vec<Effect>) {
        let Mode::Prompt(prompt) = &mut self.mode else { return };
        let empty = prompt.line.value().is_empty();
        match (&prompt.asking, motion) {
            (Asking::Filter { .. }, _) => {
                let height = self.height(Pane::Streams);
                self.panes.streams.go(&self.catalogue, motion, None, height);
                self.preview(out);
            }
            (Asking::Find { .. }, Motion::Up) if empty => {
                prompt.line = prompt.line.clone().with_value(self.keys.found.clone());
                self.line_changed(out);
            }
            (Asking::Find { .. }, Motion::Down) => self.find_again(Direction::Forward, out),
            (Asking::Find { .. }, Motion::Up) => self.find_again(Direction::Backward, out),
            (Asking::GoTo, Motion::Up) => prompt.line = prompt.line.clone().with_value(self.keys.gone.clone()),
            (Asking::Sift, Motion::Up) => prompt.line = prompt.line.clone().with_value(self.keys.sifted.clone()),
            (Asking::GoTo | Asking::Sift | Asking::Find { .. }, _) => {}
        }
    }

    /// Takes what was typed.
    pub(super) fn accept(&mut self, out: &mut Vec<Effect>) {
        if let Mode::Survey(_) = self.mode {
            return self.open_in_survey(out);
        }
        match std::mem::take(&mut self.mode) {
            Mode::Prompt(prompt) => self.accept_prompt(prompt, out),
            Mode::Help(help) => {
                if let Some(entry) = help.entries.get(help.selected) {
                    self.perform(entry.spec.action, None, out);
                }
            }
            Mode::ConfirmQuit => out.push(Effect::Quit),
            Mode::Normal | Mode::Popup(_) | Mode::Survey(_) => {}
        }
    }

    fn accept_prompt(&mut self, mut prompt: Prompt, out: &mut Vec<Effect>) {
        let text = prompt.line.value().to_owned();
        match &prompt.asking {
            Asking::Find { .. } if text.is_empty() => self.jobs.drop_search(),
            Asking::Find { .. } => {
                self.keys.found = text;
                if self.panes.focus == Pane::Streams {
                    self.focus(Pane::Events);
                }
                self.say_what_was_not_found();
            }
            Asking::Filter { .. } if self.panes.streams.narrowing.as_ref().is_some_and(|found| !found.complete) => {
                self.keys.held = Some(Vec::new());
                self.mode = Mode::Prompt(prompt);
            }
            Asking::Filter { .. } => {
                self.preview(out);
                if self.panes.streams.len(&self.catalogue) > 0 {
                    self.focus(Pane::Events);
                }
            }
            Asking::Sift => self.accept_filter(prompt, out),
            Asking::GoTo => {
                let today = self.walk.event().and_then(|event| event.time);
                let gone = Goto::parse(&text, today).and_then(|goto| self.go_to(goto, out));
                match gone {
                    Ok(()) => {
                        self.keys.gone = text;
                        if self.panes.focus == Pane::Streams {
                            self.focus(Pane::Events);
                        }
                    }
                    Err(why) => {
                        prompt.problem = Some(why);
                        self.mode = Mode::Prompt(prompt);
                    }
                }
            }
        }
    }

    /// Leaves a prompt as if it had never been.
    pub(super) fn cancel_prompt(&mut self, out: &mut Vec<Effect>) {
        let Mode::Prompt(prompt) = std::mem::take(&mut self.mode) else { return };
        match prompt.asking {
            Asking::Find { scope, place, .. } => {
                if self.jobs.is_searching() {
                    out.push(Effect::Ask(Ask::StopSearch));
                }
                self.jobs.drop_search();
                self.go_to_place(scope, place, out);
            }
            Asking::Filter { scope, place } => {
                self.narrow("", out);
                if let Some(scope) = scope {
                    self.go_to_place(scope.clone(), place, out);
                    let height = self.height(Pane::Streams);
                    self.panes.streams.select_scope(&self.catalogue, &scope, height);
                }
            }
            Asking::Sift => {
                if self.jobs.sift.take().is_some() {
                    out.push(Effect::Ask(Ask::StopSift));
                }
            }
            Asking::GoTo => {}
        }
    }

    // The help

    /// Shows the actions whose name, key or documentation is what was typed. Who types a key asks for that key.
    pub(super) fn open_help(&mut self, line: Input) {
        let typed = line.value().trim().to_lowercase();
        let mut entries: Vec<(bool, Entry)> = Vec::new();
        for spec in ACTIONS {
            let mut keys: Vec<String> = Vec::new();
            for key in self.keys.map.places_of(spec.action).into_iter().flat_map(|(_, keys)| keys) {
                if !keys.contains(&key) {
                    keys.push(key);
                }
            }
            let is_key = keys.iter().any(|key| key.to_lowercase() == typed);
            let text = format!("{} {} {}", spec.name, spec.doc, spec.group).to_lowercase();
            if is_key || typed.split_whitespace().all(|word| text.contains(word)) {
                entries.push((!is_key, Entry { spec, keys: keys.join(" ") }));
            }
        }
        entries.sort_by_key(|(other, _)| *other);
        let entries = entries.into_iter().map(|(_, entry)| entry).collect();
        self.mode = Mode::Help(Help { entries, line, ..Help::default() });
    }

    pub(super) fn move_in_help(&mut self, motion: Motion, count: Option<u64>) {
        let height = self.areas().map_or(10, |areas| layout::help(layout::popup(&areas))[1].height);
        let Mode::Help(help) = &mut self.mode else { return };
        let (height, len) = (u64::from(height), help.entries.len() as u64);
        help.selected = moved(motion, count, help.selected as u64, height, len) as usize;
        help.top = keep_visible(help.top as u64, help.selected as u64, height, len, 1) as usize;
    }

    /// What the prompt says about what is typed: where it would lead, how far the search is, what is wrong.
    pub fn prompt_words(&self) -> Option<(Severity, String)> {
        let Mode::Prompt(prompt) = &self.mode else { return None };
        let text = prompt.line.value();
        if let Some(problem) = &prompt.problem {
            return Some((Severity::Error, problem.clone()));
        }
        match &prompt.asking {
            Asking::Find { .. } => self.find_words(text),
            Asking::Filter { .. } => {
                let narrowing = self.panes.streams.narrowing.as_ref()?;
                let found = narrowing.matches.as_ref().map_or(0, |matches| matches.len());
                let so_far = if narrowing.complete && self.catalogue.progress.complete { "" } else { " so far" };
                let severity = if found == 0 && narrowing.complete { Severity::Warning } else { Severity::Info };
                Some((severity, format!("{} match{so_far}", counted(found as u64, "stream"))))
            }
            Asking::Sift => Some(self.filter_words(text)),
            Asking::GoTo => {
                let today = self.walk.event().and_then(|event| event.time);
                match Goto::parse(text, today) {
                    Ok(goto) => Some((Severity::Info, self.goto_words(&goto))),
                    Err(why) => Some((if text.is_empty() { Severity::Info } else { Severity::Warning }, why)),
                }
            }
        }
    }

    fn goto_words(&self, goto: &Goto) -> String {
        let stream = matches!(self.walk.target().0, Some(crate::domain::Scope::Stream(_)));
        match goto {
            Goto::Place(Place::Number(n)) if stream => format!("version {n}"),
            Goto::Place(Place::Number(n)) => format!("position {n}"),
            Goto::Place(Place::Position(text)) => format!("position {text}"),
            Goto::Place(Place::Ordinal(n)) => format!("event {} of the scope", count(*n)),
            Goto::Place(Place::Time(time)) => format!("as of {}", instant(*time)),
            Goto::Place(Place::Clock(clock)) => format!("as of {clock}, on the day of the last event"),
            Goto::Place(Place::Ago(_)) => "so long before the last event".into(),
            Goto::Place(Place::Start) => "before the first event".into(),
            Goto::Place(Place::First) => "the first event".into(),
            Goto::Place(Place::Last) => "the last event".into(),
            Goto::By(by @ 0..) => format!("{} on", counted(*by as u64, "event")),
            Goto::By(by) => format!("{} back", counted(by.unsigned_abs(), "event")),
            Goto::Part(part) => format!("{} % of the scope", *part as f64 / 1_000.0),
            Goto::Name(name) if self.catalogue.index_of(&name.clone().into()).is_some() => "this stream".into(),
            Goto::Name(name) if self.place_in_stream(name).is_some() => "this place of that stream".into(),
            Goto::Name(_) if stream => "the event with this id".into(),
            Goto::Name(_) => "the event with this id, or at this position".into(),
        }
    }
}
