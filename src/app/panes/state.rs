//! The state after the cursor, marked with what the event changed or with what differs from a pinned state.

use std::sync::Arc;

use super::tree::{Mark, Row, Tree, label_width};
use crate::app::action::Folding;
use crate::app::ids::Motion;
use crate::app::overlay::{Happened, Overlay, Tally};
use crate::app::words;
use crate::domain::patch::Change;
use crate::domain::{Json, Patch, State, text};

/// No more changes than this are told above the tree.
const MOST_TOLD: u16 = 6;

/// How the state is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum StateView {
    /// As a folding tree with marks.
    #[default]
    Tree,
    /// As the list of changes alone.
    Changes,
}

/// What the marks compare the state with.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Against {
    /// The state before the event.
    #[default]
    Before,
    /// The pinned state.
    Pinned,
}

/// The pane.
#[derive(Clone, Debug, Default)]
pub struct StatePane {
    /// The rows.
    pub tree: Tree,
    /// How it is shown.
    pub view: StateView,
    /// What the marks mean.
    pub against: Against,
    /// What they are to mean where that can be: a pinned state is not compared with another stream unasked.
    pub asked: Against,
    /// How many changes are marked.
    pub tally: Tally,
    /// The changes that are marked.
    pub patch: Arc<Patch>,
    /// The selected row of the list of changes.
    pub selected: usize,
    /// Its first row shown.
    pub top: usize,
    /// Whether the entity does not exist here.
    pub absent: bool,
    /// How many changes had to be told at once so far: their rows stay, so that the tree below does.
    told: u16,
    /// How many columns its rows ask for, and where only the beginnings of values are seen.
    columns: [usize; 2],
}

impl StatePane {
    /// How many rows above a tree of so many rows are for telling the changes, a line under them included.
    pub fn told(&self, height: u16) -> u16 {
        let told = self.told_rows(height);
        told + u16::from(told > 0 && height >= 10)
    }

    /// In which of these rows a line divides the changes from the tree, if one does.
    pub fn line_under_told(&self, height: u16) -> Option<u16> {
        let told = self.told_rows(height);
        (self.told(height) > told).then_some(told)
    }

    /// How many changes are told above the tree. Never so many that little of it is left.
    pub fn told_changes(&self, height: u16) -> u16 {
        u16::try_from(self.patch.0.len()).unwrap_or(u16::MAX).min(self.told_rows(height))
    }

    fn told_rows(&self, height: u16) -> u16 {
        match self.view {
            StateView::Changes => 0,
            StateView::Tree => self.told.min(height / 3),
        }
    }

    /// Another scope is shown: how many changes are told at once there is not known yet.
    pub fn start_over(&mut self) {
        self.told = 0;
    }

    /// Shows a state and the changes to mark on it.
    pub fn show(&mut self, state: &State, patch: &Arc<Patch>) {
        let (mut overlay, tally) = Overlay::of(patch);
        // What came to be with this event was not there before: marking every row of it would say nothing.
        if overlay.happened == Happened::Added && overlay.marks == 0 {
            overlay.happened = Happened::Nothing;
        }
        self.absent = state.is_none();
        self.tally = tally;
        self.patch = patch.clone();
        self.told = self.told.max(u16::try_from(patch.0.len()).unwrap_or(MOST_TOLD).min(MOST_TOLD));
        self.selected = self.selected.min(patch.0.len().saturating_sub(1));
        self.tree.show(state.clone(), overlay);
        self.columns = [(44, 22), (22, 10)].map(|(value, before)| self.measured(value, before));
    }

    /// How many columns what is shown asks for, and where only the beginnings of values are seen.
    pub fn columns_asked(&self) -> [usize; 2] {
        self.columns
    }

    /// How wide the first rows and changes are, of a value and of one before it no more than so many cells.
    fn measured(&self, most: usize, most_before: usize) -> usize {
        const ROWS: usize = 100;
        let value = |value: &Json, most: usize| text::width(&words::value(value, most)).min(most);
        let row = |row: &Row| {
            let label = label_width(&row.label).max(usize::from(row.align)) + 1;
            let shown = if row.open.is_some() { 6 } else { value(&row.value, most) };
            let note = match &row.mark {
                Mark::Changed(before) => " was ".len() + value(before, most_before),
                Mark::Inside(_) if row.open == Some(false) => " 10 changes inside".len(),
                _ => 0,
            };
            4 + 2 * usize::from(row.depth) + label + shown + note
        };
        let told = |change: &Change| {
            let sides = [(&change.before, most_before), (&change.after, most)];
            let values = sides.into_iter().filter_map(|(side, most)| Some(value(side.as_ref()?, most) + 3));
            2 + text::width(&change.path.to_string()).min(44) + values.sum::<usize>()
        };
        let rows = self.tree.rows().iter().take(ROWS).map(row);
        rows.chain(self.patch.0.iter().take(MOST_TOLD.into()).map(told)).max().unwrap_or(0)
    }

    /// Moves the selection.
    pub fn go(&mut self, motion: Motion, count: Option<u64>, height: usize) {
        match self.view {
            StateView::Tree => self.tree.go(motion, count, height),
            StateView::Changes => {
                let len = self.patch.0.len() as u64;
                self.selected = super::moved(motion, count, self.selected as u64, height as u64, len) as usize;
                self.top = super::keep_visible(self.top as u64, self.selected as u64, height as u64, len, 1) as usize;
            }
        }
    }

    /// Folds, or goes to a change.
    pub fn fold(&mut self, folding: Folding, height: usize) {
        match (self.view, folding) {
            (StateView::Tree, _) => self.tree.fold(folding, height),
            (StateView::Changes, Folding::NextChange) => self.go(Motion::Down, None, height),
            (StateView::Changes, Folding::PreviousChange) => self.go(Motion::Up, None, height),
            (StateView::Changes, _) => {}
        }
    }

    /// Scrolls without moving the selection.
    pub fn scroll(&mut self, by: isize, height: usize) {
        match self.view {
            StateView::Tree => self.tree.scroll(by, height),
            StateView::Changes => {
                let last = self.patch.0.len().saturating_sub(height);
                self.top = self.top.saturating_add_signed(by).min(last);
            }
        }
    }

    /// Selects the row shown in this line of the window.
    pub fn click(&mut self, line: usize) {
        match self.view {
            StateView::Tree => self.tree.select(self.tree.top() + line),
            StateView::Changes => self.selected = (self.top + line).min(self.patch.0.len().saturating_sub(1)),
        }
    }

    /// Scrolls so that the window is not empty.
    pub fn fit(&mut self, height: usize) {
        self.tree.fit(height);
        self.top = self.top.min(self.patch.0.len().saturating_sub(height.max(1)));
    }
}
