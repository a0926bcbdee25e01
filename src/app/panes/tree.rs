//! A JSON value as a folding list of rows, with the marks of what happened to it.
//!
//! Rows are made again when the value or a fold changes, and only for what is unfolded. Wide containers are folded into
//! ranges of a thousand, so that a row list is never as long as a huge array. Which nodes are open and which is selected
//! is kept by place, so that both survive a step to another state.

use super::rows::{Flattening, Folds, Inherited, NO_PARENT, Unfolding, label, step};
pub use super::rows::{Label, Mark, RANGE, ROWS, Row, label_width};
use crate::app::action::Folding;
use crate::app::ids::Motion;
use crate::app::overlay::{Happened, Overlay};
use crate::domain::{Direction, Json, Path, Step};

/// Changed containers up to this size are unfolded by themselves.
const REVEALED: usize = 64;

/// The list of rows, its folds, and where one stands in it.
#[derive(Clone, Debug)]
pub struct Tree {
    rows: Vec<Row>,
    value: Option<Json>,
    overlay: Overlay,
    folds: Folds,
    unfolding: Unfolding,
    selected: usize,
    top: usize,
    /// What was selected when there was nothing to select from any more.
    lost: Vec<Label>,
}

impl Default for Tree {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            value: None,
            overlay: Overlay::default(),
            folds: Folds::default(),
            unfolding: Unfolding::Usual,
            selected: 0,
            top: 0,
            lost: Vec::new(),
        }
    }
}

impl Tree {
    /// The rows.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The selected row.
    pub fn selected(&self) -> usize {
        self.selected
    }

    /// The first row shown.
    pub fn top(&self) -> usize {
        self.top
    }

    /// The value of the selected row.
    pub fn selected_value(&self) -> Option<&Json> {
        self.rows.get(self.selected).filter(|row| row.label != Label::Cut).map(|row| &row.value)
    }

    /// Whether nothing lies inside the selected value: it cannot be folded, and is shown whole instead.
    pub fn is_on_leaf(&self) -> bool {
        self.selected_value().is_some() && self.rows.get(self.selected).is_some_and(|row| row.open.is_none())
    }

    /// The path of the selected row.
    pub fn selected_path(&self) -> Path {
        let mut steps: Vec<Step> = self.labels(self.selected).into_iter().filter_map(step).collect();
        steps.reverse();
        Path(steps)
    }

    /// Shows another value with its marks. Small containers in which something happened are unfolded and stay so.
    pub fn show(&mut self, value: Option<Json>, overlay: Overlay) {
        if let Some(value) = &value {
            reveal(&mut self.folds, &overlay, value);
        }
        self.value = value;
        self.overlay = overlay;
        self.rebuild();
    }

    /// Forgets folds and place: what comes next has nothing to do with what was.
    pub fn reset(&mut self) {
        *self = Self { unfolding: self.unfolding, ..Self::default() };
    }

    /// Moves the selection.
    pub fn go(&mut self, motion: Motion, count: Option<u64>, height: usize) {
        let len = self.rows.len() as u64;
        self.selected = super::moved(motion, count, self.selected as u64, height as u64, len) as usize;
        self.keep_visible(height);
    }

    /// Selects a row.
    pub fn select(&mut self, row: usize) {
        self.selected = row.min(self.rows.len().saturating_sub(1));
    }

    /// Scrolls without moving the selection.
    pub fn scroll(&mut self, by: isize, height: usize) {
        self.top = self.top.saturating_add_signed(by).min(self.rows.len().saturating_sub(height));
    }

    /// Scrolls so that the selection is seen.
    pub fn keep_visible(&mut self, height: usize) {
        self.top = super::keep_visible(self.top as u64, self.selected as u64, height as u64, self.rows.len() as u64, 1)
            as usize;
    }

    /// Scrolls so that the window is not empty.
    pub fn fit(&mut self, height: usize) {
        self.top = self.top.min(self.rows.len().saturating_sub(height.max(1)));
    }

    /// How many rows from this one on something happened to.
    pub fn changes_from(&self, row: usize) -> usize {
        self.rows.iter().skip(row).filter(|row| is_change(row)).count()
    }

    /// Scrolls only so far that the row somebody selected is seen, and the changes beside it; where there is no room for
    /// all of them, the first.
    pub fn keep_in_sight(&mut self, height: usize) {
        if height == 0 {
            return;
        }
        let selected = (self.selected > 0).then_some(self.selected);
        if let Some(selected) = selected {
            self.show_rows(selected, selected, height);
        }
        let (Some(first), Some(last)) = (self.rows.iter().position(is_change), self.rows.iter().rposition(is_change))
        else {
            return;
        };
        let before = self.top;
        let last = if last - first < height { last } else { first };
        self.show_rows(first, last, height);
        if selected.is_some_and(|selected| !(self.top..self.top + height).contains(&selected)) {
            self.top = before;
        }
    }

    /// Scrolls so far that these rows are seen, and one before and after them where there is room.
    fn show_rows(&mut self, first: usize, last: usize, height: usize) {
        let margin = usize::from(last - first + 3 <= height);
        let last = (last + margin).min(self.rows.len().saturating_sub(1));
        self.top = self.top.max((last + 1).saturating_sub(height)).min(first.saturating_sub(margin));
    }

    /// Folds.
    pub fn fold(&mut self, folding: Folding, height: usize) {
        let Some(row) = self.rows.get(self.selected) else { return };
        let open = row.open;
        match folding {
            Folding::Toggle => self.set_open(open.map(|open| !open)),
            Folding::Expand if open == Some(false) => self.set_open(Some(true)),
            Folding::Expand if open == Some(true) => self.selected = (self.selected + 1).min(self.rows.len() - 1),
            Folding::Expand => {}
            Folding::Collapse if open == Some(true) => self.set_open(Some(false)),
            Folding::Collapse | Folding::Parent => {
                if row.parent != NO_PARENT {
                    self.selected = row.parent as usize;
                }
            }
            Folding::ExpandAll | Folding::CollapseAll => {
                self.folds = Folds::default();
                self.unfolding = if folding == Folding::ExpandAll { Unfolding::All } else { Unfolding::None };
                self.rebuild();
            }
            Folding::NextChange => self.select_change(Direction::Forward),
            Folding::PreviousChange => self.select_change(Direction::Backward),
        }
        self.keep_visible(height);
    }

    fn select_change(&mut self, direction: Direction) {
        let here = self.selected;
        let mut changes = (0..self.rows.len()).filter(|row| is_change(&self.rows[*row]));
        let found = match direction {
            Direction::Forward => changes.find(|row| *row > here),
            Direction::Backward => changes.rfind(|row| *row < here),
        };
        if let Some(row) = found {
            self.selected = row;
        }
    }

    fn set_open(&mut self, open: Option<bool>) {
        let Some(open) = open else { return };
        let labels = self.labels(self.selected);
        let node = labels.into_iter().rev().fold(&mut self.folds, |here, label| here.inside.entry(label).or_default());
        node.open = Some(open);
        self.rebuild();
    }

    /// The labels of a row and of what it is in, inmost first, without the root.
    fn labels(&self, row: usize) -> Vec<Label> {
        let mut labels = Vec::new();
        let mut at = row;
        while let Some(row) = self.rows.get(at) {
            if row.label != Label::Root {
                labels.push(row.label.clone());
            }
            if row.parent == NO_PARENT {
                break;
            }
            at = row.parent as usize;
        }
        labels
    }

    fn rebuild(&mut self) {
        let place = match self.rows.is_empty() {
            true => std::mem::take(&mut self.lost),
            false => self.labels(self.selected),
        };
        // The selected row stays where it is on the screen; where it is above it, what is seen first does.
        let top = if self.selected < self.top { self.labels(self.top) } else { place.clone() };
        let offset = self.selected.saturating_sub(self.top);
        let mut rows = std::mem::take(&mut self.rows);
        rows.clear();
        let mut flattening = Flattening { rows, unfolding: self.unfolding };
        match (&self.value, &self.overlay.happened) {
            (None, Happened::Removed(before)) => {
                flattening.whole(before, &self.folds, &Overlay::default(), Inherited::Removed);
            }
            (None, _) => {}
            (Some(value), Happened::Added) => flattening.whole(value, &self.folds, &self.overlay, Inherited::Added),
            (Some(value), _) => flattening.whole(value, &self.folds, &self.overlay, Inherited::Nothing),
        }
        self.rows = flattening.rows;
        self.selected = self.find(&place);
        self.top = self.find(&top).saturating_sub(offset);
        if self.rows.is_empty() {
            self.lost = place;
        }
    }

    /// The row of a place, or of the nearest thing it was in.
    fn find(&self, place: &[Label]) -> usize {
        let mut found = 0;
        let mut parent = NO_PARENT;
        let mut wanted = place.iter().rev().peekable();
        for (n, row) in self.rows.iter().enumerate() {
            let Some(label) = wanted.peek() else { break };
            if row.parent == parent && row.label == **label {
                found = n;
                parent = n as u32;
                wanted.next();
            }
        }
        found
    }
}

fn is_change(row: &Row) -> bool {
    matches!(row.mark, Mark::Added | Mark::Changed(_) | Mark::Removed)
        || (matches!(row.mark, Mark::Inside(_)) && row.open == Some(false))
}

/// Opens the small containers in which something happened, unless the user closed them.
fn reveal(folds: &mut Folds, overlay: &Overlay, value: &Json) {
    for (step, inside) in &overlay.inside {
        let child = match (value, step) {
            (Json::Object(object), Step::Key(key)) => object.get(key),
            (Json::Array(array), Step::Index(index)) => array.get(*index),
            _ => None,
        };
        let Some(child) = child.filter(|child| inside.marks > 0 && child.children() <= REVEALED) else { continue };
        let node = folds.inside.entry(label(step)).or_default();
        node.open.get_or_insert(true);
        reveal(node, inside, child);
    }
}

#[cfg(test)]
#[path = "tree_tests.rs"]
mod tests;
