//! Looking at the whole store: the doctor and the types, asked for, shown, and gone from to an event.

use super::App;
use super::effect::Effect;
use super::ids::Motion;
use super::ids::Pane;
use super::key::{Mouse, MouseKind};
use super::layout;
use super::mode::Mode;
use super::panes::listing::{Goal, Target};
use super::panes::survey::Sheet;
use crate::ask::{Answer, Ask, Generation, Survey};
use crate::domain::{Destination, Place, Scope};

use ratatui::layout::{Position, Rect};

impl App {
    /// Shows a survey: the one that is known, or a new one when the source has grown since.
    pub(super) fn survey(&mut self, survey: Survey, out: &mut Vec<Effect>) {
        let events = self.catalogue.progress.events;
        let kept = self.surveys.remove(&survey);
        self.mode = Mode::Survey(match kept {
            Some(sheet) if sheet.asked_of == events => sheet,
            _ => {
                let generation = self.jobs.number();
                out.push(Effect::Ask(Ask::Survey { generation, survey }));
                Box::new(Sheet::asked(survey, generation, events))
            }
        });
    }

    /// Whether a survey is under way.
    pub(super) fn is_surveying(&self) -> bool {
        matches!(&self.mode, Mode::Survey(sheet) if sheet.running().is_some())
    }

    fn sheet(&mut self, generation: Generation) -> Option<&mut Sheet> {
        match &mut self.mode {
            Mode::Survey(sheet) if sheet.generation == generation => Some(sheet),
            _ => None,
        }
    }

    pub(super) fn survey_progressed(&mut self, generation: Generation, what: &'static str, done: u64, total: u64) {
        if let Some(sheet) = self.sheet(generation) {
            sheet.progressed(what, done, total);
        }
    }

    pub(super) fn surveyed(&mut self, generation: Generation, answer: Answer) {
        let events = self.catalogue.progress.events;
        if let Some(sheet) = self.sheet(generation) {
            // The source was read to its end for it.
            sheet.asked_of = events;
            sheet.answered(answer);
        }
    }

    /// A survey failed; `true` when it was one that is shown.
    pub(super) fn survey_failed(&mut self, generation: Generation, why: &str) -> bool {
        let sheet = self.sheet(generation);
        let ours = sheet.is_some();
        if let Some(sheet) = sheet {
            sheet.failed(why.to_owned());
        }
        ours
    }

    /// What was found is true no more: states are folded by another reducer.
    pub(super) fn forget_diagnosis(&mut self) {
        self.surveys.remove(&Survey::Doctor);
    }

    /// Leaves the survey, or the page that is open in it. One that runs is stopped.
    pub(super) fn leave_survey(&mut self, out: &mut Vec<Effect>) {
        let Mode::Survey(sheet) = &mut self.mode else { return };
        if sheet.close_page() {
            return;
        }
        if sheet.running().is_some() {
            out.push(Effect::Ask(Ask::StopSurvey));
        }
        self.keep_survey();
    }

    /// Puts the survey away as it is.
    fn keep_survey(&mut self) {
        if let Mode::Survey(sheet) = std::mem::take(&mut self.mode)
            && sheet.is_done()
        {
            self.surveys.insert(sheet.survey, sheet);
        }
    }

    pub(super) fn move_in_survey(&mut self, motion: Motion, count: Option<u64>) {
        if let Mode::Survey(sheet) = &mut self.mode {
            sheet.go(motion, count);
        }
    }

    /// Does what the selected row leads to.
    pub(super) fn open_in_survey(&mut self, out: &mut Vec<Effect>) {
        let Mode::Survey(sheet) = &mut self.mode else { return };
        match sheet.target().cloned() {
            Some(Target::Type(page)) => sheet.open(page),
            Some(Target::Event(goal)) => {
                self.keep_survey();
                self.go_to_goal(goal, out);
            }
            None => {}
        }
    }

    fn go_to_goal(&mut self, goal: Goal, out: &mut Vec<Effect>) {
        match (goal.stream, goal.version, goal.place) {
            // Its place leads to it and to nothing else; a version may stand twice.
            (Some(stream), _, Some(place)) => {
                self.go(Scope::Stream(stream), Destination::InStore(place), None, out);
            }
            (Some(stream), Some(version), None) => {
                self.go(Scope::Stream(stream), Destination::At(Place::Number(version.0)), None, out);
            }
            (None, _, Some(place)) => self.go(Scope::All, Destination::To(place), Some(place), out),
            (Some(stream), None, _) => self.open(Scope::Stream(stream), out),
            (None, _, None) => return,
        }
        self.focus(Pane::Events);
    }

    pub(super) fn click_in_survey(&mut self, mouse: Mouse, body: Rect, out: &mut Vec<Effect>) {
        let Mode::Survey(sheet) = &mut self.mode else { return };
        let inside = layout::inner(body);
        let at = Position::new(mouse.column, mouse.row);
        if mouse.kind == MouseKind::Pressed && inside.contains(at) && sheet.click(usize::from(at.y - inside.y)) {
            self.open_in_survey(out);
        }
    }
}
