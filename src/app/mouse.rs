//! The mouse: what is under it is found in the same layout that is drawn.

use ratatui::layout::{Position, Rect};

use super::App;
use super::effect::Effect;
use super::hints;
use super::ids::Pane;
use super::key::{Mouse, MouseKind};
use super::layout;
use super::mode::Mode;

/// Rows a turn of the wheel scrolls.
const WHEEL: isize = 3;

impl App {
    pub(super) fn mouse_moved(&mut self, mouse: Mouse, out: &mut Vec<Effect>) {
        let Some(areas) = self.areas() else { return };
        let at = Position::new(mouse.column, mouse.row);
        match mouse.kind {
            MouseKind::Released => self.scrubbing = false,
            MouseKind::Dragged if self.scrubbing => self.scrub(areas.timeline, mouse.column, out),
            MouseKind::Dragged => {}
            MouseKind::Pressed if areas.hints.contains(at) => {
                let hit = hints::placed(self, areas.hints).into_iter().find(|(area, _)| area.contains(at));
                if let Some((_, hint)) = hit {
                    self.keys.begun.clear();
                    self.perform(hint.action, None, out);
                }
            }
            MouseKind::WheelUp | MouseKind::WheelDown => {
                let by = if mouse.kind == MouseKind::WheelUp { -WHEEL } else { WHEEL };
                self.wheel(at, by, areas);
            }
            MouseKind::Pressed => match &self.mode {
                Mode::Normal if areas.timeline.contains(at) => {
                    self.scrubbing = true;
                    self.scrub(areas.timeline, mouse.column, out);
                }
                Mode::Normal => {
                    if let Some((pane, area)) = areas.visible().find(|(_, area)| area.contains(at)) {
                        self.click(pane, area, at, out);
                    }
                }
                Mode::Survey(_) => self.click_in_survey(mouse, areas.body(), out),
                Mode::Help(_) | Mode::Popup(_) | Mode::ConfirmQuit if !layout::popup(&areas).contains(at) => {
                    self.mode = Mode::Normal;
                }
                _ => {}
            },
        }
    }

    /// Goes to the place of a column of the timeline.
    fn scrub(&mut self, timeline: Rect, column: u16, out: &mut Vec<Effect>) {
        let Some(scope) = self.walk.scope.clone() else { return };
        let track = layout::track(timeline);
        let place = layout::place_of(column.saturating_sub(track.x), self.total(&scope), track.width);
        self.go_to_place(scope, place, out);
    }

    fn wheel(&mut self, at: Position, by: isize, areas: layout::Areas) {
        match &mut self.mode {
            Mode::Popup(popup) => {
                let height = layout::inner(layout::popup(&areas)).height;
                popup.lines.scroll(by, usize::from(height));
                return;
            }
            Mode::Help(_) => {
                let motion = if by < 0 { super::ids::Motion::Up } else { super::ids::Motion::Down };
                return self.move_in_help(motion, Some(by.unsigned_abs() as u64));
            }
            Mode::Survey(sheet) => return sheet.scroll(by),
            Mode::Normal | Mode::Prompt(_) | Mode::ConfirmQuit => {}
        }
        let Some((pane, _)) = areas.visible().find(|(_, area)| area.contains(at)) else { return };
        let height = self.height(pane);
        match pane {
            Pane::Streams => self.panes.streams.scroll(&self.catalogue, by, height),
            Pane::Events => self.panes.events.scroll(by as i64, height as u64),
            Pane::Event => self.panes.event.scroll(by, height),
            Pane::State => self.panes.state.scroll(by, height),
        }
    }

    fn click(&mut self, pane: Pane, area: Rect, at: Position, out: &mut Vec<Effect>) {
        let rows = self.list(pane, area);
        // What is under the mouse is what was drawn, before the focus changes the arrangement.
        let line = rows.contains(at).then(|| usize::from(at.y - rows.y));
        let had_focus = self.panes.focus == pane;
        let (streams_top, events_top) = (self.panes.streams.top, self.panes.events.top());
        if !had_focus {
            self.focus(pane);
        }
        let Some(line) = line else { return };
        match pane {
            Pane::Streams => {
                let row = streams_top + line;
                if row >= self.panes.streams.len(&self.catalogue) {
                    return;
                }
                if had_focus && row == self.panes.streams.selected {
                    return self.step(super::action::Stepping::Open, None, out);
                }
                self.panes.streams.selected = row;
                self.preview(out);
            }
            Pane::Events => {
                let Some(scope) = self.walk.scope.clone() else { return };
                let Some(place) = self.panes.events.place(events_top + line as u64) else { return };
                if had_focus && place == self.walk.place && self.walk.wanted.is_none() {
                    return self.step(super::action::Stepping::Open, None, out);
                }
                self.go_to_place(scope, place, out);
            }
            Pane::Event => {
                let selected = self.panes.event.tree().map(super::panes::Tree::selected);
                self.panes.event.click(line);
                if had_focus && selected == self.panes.event.tree().map(super::panes::Tree::selected) {
                    self.perform(super::Action::Fold(super::action::Folding::Toggle), None, out);
                }
            }
            Pane::State => {
                let selected = self.panes.state.tree.selected();
                self.panes.state.click(line);
                if had_focus && selected == self.panes.state.tree.selected() {
                    self.perform(super::Action::Fold(super::action::Folding::Toggle), None, out);
                }
            }
        }
    }
}
