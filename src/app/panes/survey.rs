//! A list over the panes of what a look at the whole store gave: the doctor's findings, or the types and their fields.
//!
//! The answer is kept as it came and laid out as rows for a width, whenever that changes; nothing is cut that a person has
//! to read, only wrapped. Leaving keeps the list, so that coming back from an event is coming back to where one was.

use crate::ask::{Answer, Generation, Survey};

use super::listing::{Row, Target, Tone, wrapped};
use super::{doctor, types};
use super::{keep_visible, moved};
use crate::app::ids::Motion;

/// How far a survey is.
#[derive(Clone, PartialEq, Debug)]
enum State {
    /// What is being done, and how much of how much is.
    Running(&'static str, u64, u64),
    /// Why there is no answer.
    Failed(String),
    /// The answer.
    Done(Answer),
}

/// Where one stands in a list.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Stand {
    /// Which of the stops.
    selected: usize,
    /// The first row shown.
    top: usize,
}

/// A survey as a list.
#[derive(Clone, Debug)]
pub struct Sheet {
    /// Which survey.
    pub survey: Survey,
    /// The question.
    pub generation: Generation,
    /// How many events the source had when it was asked.
    pub asked_of: u64,
    state: State,
    /// The type whose page is open, and where one stood in the list before.
    page: Option<(usize, Stand)>,
    stand: Stand,
    rows: Vec<Row>,
    stops: Vec<usize>,
    width: u16,
    height: u16,
}

impl Sheet {
    /// A survey that was just asked for.
    pub fn asked(survey: Survey, generation: Generation, asked_of: u64) -> Self {
        Self {
            survey,
            generation,
            asked_of,
            state: State::Running("read", 0, 0),
            page: None,
            stand: Stand::default(),
            rows: Vec::new(),
            stops: Vec::new(),
            width: 0,
            height: 0,
        }
    }

    /// What is being done and how far it is, while it is.
    pub fn running(&self) -> Option<(&'static str, u64, u64)> {
        match self.state {
            State::Running(what, done, total) => Some((what, done, total)),
            _ => None,
        }
    }

    /// It has come so far.
    pub fn progressed(&mut self, what: &'static str, done: u64, total: u64) {
        if let State::Running(..) = self.state {
            self.state = State::Running(what, done, total);
        }
    }

    /// The answer is here.
    pub fn answered(&mut self, answer: Answer) {
        self.state = State::Done(answer);
        self.width = 0;
    }

    /// There is no answer.
    pub fn failed(&mut self, why: String) {
        self.state = State::Failed(why);
        self.width = 0;
    }

    /// Whether there is an answer.
    pub fn is_done(&self) -> bool {
        matches!(self.state, State::Done(_))
    }

    /// Its title: the survey, and the page that is open.
    pub fn title(&self) -> String {
        match (&self.state, self.page) {
            (State::Done(Answer::Types(shapes)), Some((page, _))) => {
                let name = shapes.types.get(page).map_or("", |entry| entry.name.as_str());
                format!("{} › {name}", self.survey.name())
            }
            _ => self.survey.name().into(),
        }
    }

    /// What it comes to, in a few words.
    pub fn note(&self) -> String {
        match &self.state {
            State::Done(Answer::Doctor(report)) => doctor::verdict(report),
            State::Done(Answer::Types(shapes)) => types::note(shapes, self.page.map(|(page, _)| page)),
            _ => String::new(),
        }
    }

    /// The rows, of which those from `top` on are shown.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The first row shown.
    pub fn top(&self) -> usize {
        self.stand.top
    }

    /// The rows the cursor is on.
    pub fn selected(&self) -> std::ops::Range<usize> {
        let Some(&first) = self.stops.get(self.stand.selected) else { return 0..0 };
        let next = self.stops.get(self.stand.selected + 1).copied().unwrap_or(self.rows.len());
        // What separates two of them belongs to none.
        let used = self.rows[first..next].iter().rposition(|row| !row.pieces.is_empty()).map_or(1, |last| last + 1);
        first..first + used
    }

    /// What Enter does where the cursor is.
    pub fn target(&self) -> Option<&Target> {
        self.rows.get(*self.stops.get(self.stand.selected)?)?.target.as_ref()
    }

    /// Lays it out for a size.
    pub fn fit(&mut self, inner: ratatui::layout::Rect) {
        if self.width != inner.width {
            self.width = inner.width;
            self.lay_out();
        }
        self.height = inner.height;
        self.show_selected();
    }

    fn lay_out(&mut self) {
        let width = usize::from(self.width).saturating_sub(1);
        self.rows = match &self.state {
            State::Running(..) => Vec::new(),
            State::Failed(why) => wrapped(why, "", width, Tone::Error),
            State::Done(Answer::Doctor(report)) => doctor::rows(report, width),
            State::Done(Answer::Types(shapes)) => match self.page {
                Some((page, _)) => types::page(shapes, page, width),
                None => types::list(shapes, width),
            },
        };
        self.stops = (0..self.rows.len()).filter(|row| self.rows[*row].stop).collect();
        self.stand.selected = self.stand.selected.min(self.stops.len().saturating_sub(1));
    }

    /// Moves the cursor.
    pub fn go(&mut self, motion: Motion, count: Option<u64>) {
        let height = u64::from(self.height);
        let len = self.stops.len() as u64;
        match motion {
            Motion::HalfDown | Motion::HalfUp | Motion::PageDown | Motion::PageUp => {
                // By rows, to the next stop there: a finding takes several.
                let Some(&row) = self.stops.get(self.stand.selected) else { return };
                let to = moved(motion, count, row as u64, height, self.rows.len() as u64) as usize;
                let found = self.stops.partition_point(|stop| *stop <= to).saturating_sub(1);
                let least = match motion {
                    Motion::HalfDown | Motion::PageDown => found.max(self.stand.selected + 1),
                    _ => found.min(self.stand.selected.saturating_sub(1)),
                };
                self.stand.selected = least.min(self.stops.len() - 1);
            }
            motion => {
                self.stand.selected = moved(motion, count, self.stand.selected as u64, height, len) as usize;
            }
        }
        self.show_selected();
    }

    /// Scrolls, the cursor staying on the screen.
    pub fn scroll(&mut self, by: isize) {
        let height = usize::from(self.height);
        let last = self.rows.len().saturating_sub(height);
        self.stand.top = self.stand.top.saturating_add_signed(by).min(last);
        let (top, bottom) = (self.stand.top, self.stand.top + height.max(1));
        let first = self.stops.partition_point(|stop| *stop < top);
        let end = self.stops.partition_point(|stop| *stop < bottom);
        if first < end {
            self.stand.selected = self.stand.selected.clamp(first, end - 1);
        }
    }

    /// Puts the cursor on a line of the window; `true` when it was there.
    pub fn click(&mut self, line: usize) -> bool {
        let row = self.stand.top + line;
        if row >= self.rows.len() {
            return false;
        }
        let before = self.stand.selected;
        let at = self.stops.partition_point(|stop| *stop <= row).checked_sub(1);
        if let Some(at) = at {
            self.stand.selected = at;
        }
        at == Some(before)
    }

    /// Opens the page of a type.
    pub fn open(&mut self, page: usize) {
        self.page = Some((page, std::mem::take(&mut self.stand)));
        self.lay_out();
        self.show_selected();
    }

    /// Closes the page that is open; `false` when there is none.
    pub fn close_page(&mut self) -> bool {
        let Some((_, stand)) = self.page.take() else { return false };
        self.stand = stand;
        self.lay_out();
        self.show_selected();
        true
    }

    fn show_selected(&mut self) {
        let (rows, height) = (self.rows.len() as u64, u64::from(self.height));
        let selected = self.selected();
        // What stands above the first one is seen with it.
        let first = if self.stand.selected == 0 { 0 } else { selected.start };
        let last = selected.end.saturating_sub(1).max(first);
        let top = keep_visible(self.stand.top as u64, last as u64, height, rows, 0);
        let first = if (last - first) as u64 >= height { selected.start } else { first };
        self.stand.top = keep_visible(top, first as u64, height, rows, 0) as usize;
    }
}
