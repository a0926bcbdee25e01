//! Doing what a key meant: each kind of action goes to the part it is about.

use super::action::{Action, Editing, Folding, Session, Viewing};
use super::effect::Effect;
use super::ids::Motion;
use super::ids::Pane;
use super::mode::{Mode, Popup};
use super::panes::state::{Against, StateView};
use super::{App, Severity, Times, layout};
use crate::domain::words::{count, counted};

impl App {
    /// Does something, so many times where it can be counted.
    pub(super) fn perform(&mut self, action: Action, count: Option<u64>, out: &mut Vec<Effect>) {
        match action {
            Action::Move(motion) => self.move_by(motion, count, out),
            Action::Fold(folding) => self.fold(folding),
            Action::Step(stepping) => self.step(stepping, count, out),
            Action::Find(finding) => self.find(finding, out),
            Action::Watch(watching) => self.watch(watching, out),
            Action::View(viewing) => self.view(viewing, out),
            Action::Copy(copying) => self.copy(copying, out),
            Action::Edit(Editing::Accept) => self.accept(out),
            Action::Edit(editing) => self.edit(editing, out),
            Action::Session(session) => self.session(session, out),
        }
    }

    fn move_by(&mut self, motion: Motion, count: Option<u64>, out: &mut Vec<Effect>) {
        match &mut self.mode {
            Mode::Prompt(_) => return self.move_in_prompt(motion, out),
            Mode::Help(_) => return self.move_in_help(motion, count),
            Mode::Survey(_) => return self.move_in_survey(motion, count),
            Mode::Popup(popup) => {
                let size = self.size;
                let areas = layout::arrange(
                    size.width,
                    size.height,
                    self.panes.focus,
                    false,
                    self.panes.layout,
                    &self.panes.room.asked,
                );
                let height = areas.map_or(10, |areas| layout::inner(layout::popup(&areas)).height);
                popup.lines.go(motion, count, usize::from(height));
                return;
            }
            Mode::Normal | Mode::ConfirmQuit => {}
        }
        let height = self.height(self.panes.focus);
        match self.panes.focus {
            Pane::Streams => {
                self.panes.streams.go(&self.catalogue, motion, count, height);
                self.preview(out);
            }
            Pane::Events => self.move_cursor(motion, count, out),
            Pane::Event => self.panes.event.go(motion, count, height),
            Pane::State => self.panes.state.go(motion, count, height),
        }
    }

    /// Folds; what cannot be folded is shown whole instead.
    fn fold(&mut self, folding: Folding) {
        let tree = match (folding, self.panes.focus) {
            (Folding::Toggle, Pane::State) => Some(&self.panes.state.tree),
            (Folding::Toggle, Pane::Event) => self.panes.event.tree(),
            _ => None,
        };
        if let Some(tree) = tree
            && let Some(value) = tree.selected_value().filter(|_| tree.is_on_leaf())
        {
            let path = tree.selected_path().to_string();
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            self.mode = Mode::Popup(Popup::new(if path.is_empty() { "The value".into() } else { path }, text));
            return;
        }
        match (folding, self.panes.focus) {
            (Folding::NextChange | Folding::PreviousChange, _) | (_, Pane::State) => {
                let height = self.height(Pane::State);
                self.panes.state.fold(folding, height);
            }
            (_, Pane::Event) => {
                let height = self.height(Pane::Event);
                self.panes.event.fold(folding, height);
            }
            (_, Pane::Streams | Pane::Events) => {}
        }
    }

    fn view(&mut self, viewing: Viewing, out: &mut Vec<Effect>) {
        match viewing {
            Viewing::Focus(pane) => self.focus(pane),
            Viewing::FocusNext | Viewing::FocusPrevious => {
                let by = if viewing == Viewing::FocusNext { 1 } else { Pane::ALL.len() - 1 };
                self.focus(Pane::ALL[(self.panes.focus as usize + by) % Pane::ALL.len()]);
            }
            Viewing::Zoom => self.panes.zoomed = !self.panes.zoomed,
            Viewing::NextLayout => {
                self.panes.layout = self.panes.layout.next();
                self.panes.zoomed = false;
                self.focus(self.panes.focus);
                self.say(Severity::Info, format!("layout: {}", self.panes.layout.words()));
            }
            Viewing::NextView => self.next_view(),
            Viewing::Times => {
                self.look.times = match self.look.times {
                    Times::Utc => Times::Gap,
                    Times::Gap => Times::Utc,
                };
            }
            Viewing::Theme => {
                self.look.theme = (self.look.theme + 1) % self.look.themes.len().max(1);
                let name = self.theme().to_owned();
                self.say(Severity::Info, format!("theme {name}"));
                out.push(Effect::Repaint);
            }
            Viewing::About => {
                let text = self.about();
                self.mode = Mode::Popup(Popup::new("About this source", text));
            }
            Viewing::Survey(survey) => self.survey(survey, out),
            Viewing::Failure => match self.whole_message() {
                Some(text) => self.mode = Mode::Popup(Popup::new("What went wrong", text)),
                None => self.say(Severity::Info, "nothing went wrong here"),
            },
            Viewing::Help => self.open_help(tui_input::Input::default()),
        }
    }

    /// Gives the focus to a pane; everything keeps its place in the new arrangement.
    pub(super) fn focus(&mut self, pane: Pane) {
        self.panes.focus = pane;
        self.follow_cursor();
        let height = self.height(Pane::Streams);
        self.panes.streams.keep_visible(&self.catalogue, height);
    }

    fn next_view(&mut self) {
        match self.panes.focus {
            Pane::Streams => {
                self.panes.streams.next_order(&self.catalogue);
                self.panes.streams.top = 0;
                self.select_shown_scope();
                let height = self.height(Pane::Streams);
                self.panes.streams.keep_visible(&self.catalogue, height);
                self.say(Severity::Info, format!("streams {}", self.panes.streams.order.words()));
            }
            Pane::Event => self.panes.event.next_view(),
            Pane::State => {
                self.panes.state.view = match self.panes.state.view {
                    StateView::Tree => StateView::Changes,
                    StateView::Changes => StateView::Tree,
                };
            }
            Pane::Events => self.say(Severity::Info, "Events has one view"),
        }
    }

    fn session(&mut self, session: Session, out: &mut Vec<Effect>) {
        match session {
            Session::Back => self.back(out),
            Session::Close => self.close(out),
            Session::Quit => out.push(Effect::Quit),
            Session::Suspend => out.push(Effect::Suspend),
            Session::Repaint => out.push(Effect::Repaint),
            Session::Reopen => self.ask_to_reopen(out),
            Session::Stop if self.is_busy() || self.walk.play.running => {
                self.stop_jobs(out);
                self.stop_playing(out);
                self.say(Severity::Info, "stopped");
            }
            Session::Stop if self.keys.armed => out.push(Effect::Quit),
            Session::Stop => {
                self.keys.armed = true;
                self.say(Severity::Info, "nothing is running; the same key again quits");
            }
        }
    }

    /// Cancels the nearest thing that can be cancelled; otherwise goes to the pane one came from.
    fn back(&mut self, out: &mut Vec<Effect>) {
        match &self.mode {
            Mode::Prompt(_) => return self.cancel_prompt(out),
            Mode::Survey(_) => return self.leave_survey(out),
            Mode::Help(_) | Mode::Popup(_) | Mode::ConfirmQuit => {
                self.mode = Mode::Normal;
                return;
            }
            Mode::Normal => {}
        }
        if self.is_busy() || self.walk.play.running {
            self.stop_jobs(out);
            self.stop_playing(out);
            self.say(Severity::Info, "stopped");
        } else if self.notice.is_some() {
            self.notice = None;
        } else if self.panes.zoomed {
            self.panes.zoomed = false;
        } else if self.panes.focus == Pane::Streams {
            self.narrow("", out);
        } else if self.panes.focus == Pane::Events {
            self.focus(Pane::Streams);
        } else {
            self.focus(Pane::Events);
        }
    }

    /// Closes the nearest thing that is open; with nothing open asks whether to quit.
    fn close(&mut self, out: &mut Vec<Effect>) {
        if !matches!(self.mode, Mode::Normal) {
            self.back(out);
        } else if self.panes.zoomed {
            self.panes.zoomed = false;
        } else if self.panes.state.against == Against::Pinned {
            self.panes.state.asked = Against::Before;
            self.show_state();
        } else if self.panes.streams.narrowing.is_some() && self.panes.focus == Pane::Streams {
            self.narrow("", out);
        } else if self.panes.events.sifted.is_some() && self.panes.focus == Pane::Events {
            self.drop_filter(out);
        } else {
            self.mode = Mode::ConfirmQuit;
        }
    }

    /// What is known of the source, in words.
    fn about(&self) -> String {
        let progress = &self.catalogue.progress;
        let so_far = if progress.complete { "" } else { " so far" };
        let mut text = String::new();
        let mut section = |title: &str, lines: &[String]| {
            if !lines.is_empty() {
                text.push_str(&format!("{title}\n"));
                lines.iter().for_each(|line| text.push_str(&format!("  {line}\n")));
                text.push('\n');
            }
        };
        if let Some(about) = &self.catalogue.about {
            section(
                "Source",
                &[about.name.clone(), about.kind.clone(), "opened read-only: nothing here writes".into()],
            );
            section("How it was recognised", &about.reasons);
            let here = self.cautions().into_iter().filter_map(|caution| caution.whole);
            section(
                "What to be careful about",
                &here.chain(about.caveats.iter().map(ToString::to_string)).collect::<Vec<_>>(),
            );
            let mapping = about.mapping.iter().map(|(part, from)| format!("{part} = {from}"));
            section("What is read from where", &mapping.collect::<Vec<_>>());
            let beside = about.beside.iter().map(|table| match table.rows {
                Some(rows) => format!("{}: {}, {}", table.name, table.role, counted(rows, "row")),
                None => format!("{}: {}", table.name, table.role),
            });
            section("Beside the events", &beside.collect::<Vec<_>>());
            let normal = about.normal.iter().map(|(finding, reason)| format!("{finding}: {reason}"));
            section("What is normal here", &normal.collect::<Vec<_>>());
            let others = about.candidates.iter().skip(1).take(5).map(|candidate| {
                let reason = candidate.reasons.first().map_or("", String::as_str);
                format!("{} ({} %): {reason}", candidate.layout, candidate.score)
            });
            section("Other layouts that were considered", &others.collect::<Vec<_>>());
        }
        let mut counts = vec![
            format!("{}{so_far}", counted(progress.events, "event")),
            format!("{}{so_far}", counted(self.catalogue.streams.len() as u64, "stream")),
        ];
        if progress.troubles > 0 {
            counts.push(format!("{} that could not be read{so_far}", counted(progress.troubles, "record")));
        }
        counts.extend(self.catalogue.categories.iter().take(20).map(|category| {
            format!("{}: {}, {}", category.name, counted(category.streams, "stream"), counted(category.events, "event"))
        }));
        if self.catalogue.categories.len() > 20 {
            counts.push(format!("… {} more categories", count(self.catalogue.categories.len() as u64 - 20)));
        }
        section("What it holds", &counts);
        if let Some(moment) = self.walk.here().filter(|moment| !moment.reducer.name.is_empty()) {
            let kind = if moment.reducer.approximate {
                "approximate: a generic fold, not the program's own reducer"
            } else {
                "the reducer that was given"
            };
            section("Reducer here", &[moment.reducer.name.clone(), kind.into()]);
        }
        text
    }
}
