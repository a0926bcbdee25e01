//! The list of streams: the whole store and its categories first, then the streams, narrowed by what is typed.
//!
//! Rows are computed from their number, not stored: the list may have a million. The selection is kept by what it means,
//! so that it stays while the list grows above it.

use std::sync::Arc;

use crate::app::catalogue::Catalogue;
use crate::app::ids::Motion;
use crate::ask::Generation;
use crate::domain::{Scope, StreamKind};

/// So many categories stand in the list; the others are found by typing.
pub const CATEGORIES: usize = 6;

/// The order of the streams.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Order {
    /// As the store saw them first.
    #[default]
    FirstSeen,
    /// By name.
    Name,
    /// The longest first.
    Events,
    /// The most recently written first.
    LastEvent,
}

impl Order {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::FirstSeen => "by first event",
            Self::Name => "by name",
            Self::Events => "by events",
            Self::LastEvent => "by last event",
        }
    }

    fn next(self) -> Self {
        match self {
            Self::FirstSeen => Self::Name,
            Self::Name => Self::Events,
            Self::Events => Self::LastEvent,
            Self::LastEvent => Self::FirstSeen,
        }
    }
}

/// What a row stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Row {
    /// The whole store.
    All,
    /// A category, by its place in the catalogue.
    Category(u32),
    /// Categories that are not listed: how many.
    MoreCategories(u32),
    /// A stream, by its place in the catalogue.
    Stream(u32),
}

/// What narrows the list.
#[derive(Clone, Debug)]
pub struct Narrowing {
    /// What was typed.
    pub pattern: String,
    /// The streams that match, best first; `None` until an answer is there.
    pub matches: Option<Arc<Vec<u32>>>,
    /// Whether all streams have been looked at.
    pub complete: bool,
    /// The question that is waited for.
    pub generation: Generation,
    /// How many streams there were when it was asked.
    pub asked_of: usize,
    categories: Vec<u32>,
}

impl Narrowing {
    /// A question just asked; what an earlier one found stays until the answer comes.
    pub fn asked(pattern: &str, generation: Generation, catalogue: &Catalogue, earlier: Option<Self>) -> Self {
        let lower = pattern.to_lowercase();
        let named = |name: &str| name.to_lowercase().contains(&lower);
        let categories = (0..).zip(&catalogue.categories).filter(|(_, category)| named(&category.name));
        Self {
            pattern: pattern.into(),
            matches: earlier.and_then(|earlier| earlier.matches),
            complete: false,
            generation,
            asked_of: catalogue.streams.len(),
            categories: categories.map(|(n, _)| n).take(CATEGORIES).collect(),
        }
    }
}

/// The pane.
#[derive(Clone, Debug, Default)]
pub struct StreamsPane {
    /// The order of the streams while nothing narrows them.
    pub order: Order,
    /// What narrows the list.
    pub narrowing: Option<Narrowing>,
    /// The selected row.
    pub selected: usize,
    /// The first row shown.
    pub top: usize,
    sorted: Option<Arc<Vec<u32>>>,
}

impl StreamsPane {
    /// How many rows.
    pub fn len(&self, catalogue: &Catalogue) -> usize {
        match &self.narrowing {
            Some(Narrowing { matches: Some(matches), categories, .. }) => categories.len() + matches.len(),
            Some(Narrowing { matches: None, .. }) | None => self.head(catalogue) + catalogue.streams.len(),
        }
    }

    /// The row with this number.
    pub fn row(&self, catalogue: &Catalogue, number: usize) -> Option<Row> {
        if let Some(Narrowing { matches: Some(matches), categories, .. }) = &self.narrowing {
            return match number.checked_sub(categories.len()) {
                None => categories.get(number).map(|n| Row::Category(*n)),
                Some(number) => matches.get(number).map(|n| Row::Stream(*n)),
            };
        }
        let listed = catalogue.categories.len().min(CATEGORIES);
        match number.checked_sub(self.head(catalogue)) {
            Some(number) if number < catalogue.streams.len() => Some(Row::Stream(
                self.sorted.as_ref().and_then(|sorted| sorted.get(number)).map_or(number as u32, |n| *n),
            )),
            Some(_) => None,
            None if number == 0 => Some(Row::All),
            None if number <= listed => Some(Row::Category(number as u32 - 1)),
            None => Some(Row::MoreCategories((catalogue.categories.len() - listed) as u32)),
        }
    }

    /// The scope a row stands for.
    pub fn scope(&self, catalogue: &Catalogue, number: usize) -> Option<Scope> {
        match self.row(catalogue, number)? {
            Row::All => Some(Scope::All),
            Row::Category(n) => Some(Scope::Category(catalogue.categories.get(n as usize)?.name.clone())),
            Row::Stream(n) => Some(Scope::Stream(catalogue.streams.get(n as usize)?.stream.clone())),
            Row::MoreCategories(_) => None,
        }
    }

    /// How many rows stand before the streams.
    fn head(&self, catalogue: &Catalogue) -> usize {
        let categories = catalogue.categories.len();
        1 + categories.min(CATEGORIES) + usize::from(categories > CATEGORIES)
    }

    /// The row of a scope, if it is in the list.
    fn find(&self, catalogue: &Catalogue, scope: &Scope) -> Option<usize> {
        let wanted = match scope {
            Scope::All => Row::All,
            Scope::Category(name) => {
                Row::Category(catalogue.categories.iter().position(|category| category.name == *name)? as u32)
            }
            Scope::Stream(name) => Row::Stream(catalogue.index_of(name)?),
            Scope::Correlation(_) => return None,
        };
        match (wanted, &self.narrowing, &self.sorted) {
            // The usual case is arithmetic, not a search.
            (Row::Stream(n), None, None) => Some(self.head(catalogue) + n as usize),
            _ => (0..self.len(catalogue)).find(|number| self.row(catalogue, *number) == Some(wanted)),
        }
    }

    /// Selects the row of a scope, if it is in the list.
    pub fn select_scope(&mut self, catalogue: &Catalogue, scope: &Scope, height: usize) {
        if self.scope(catalogue, self.selected).as_ref() == Some(scope) {
            return;
        }
        if let Some(row) = self.find(catalogue, scope) {
            self.selected = row;
            self.keep_visible(catalogue, height);
        }
    }

    /// The list has changed: the selection stays at what it means.
    pub fn listed(&mut self, catalogue: &Catalogue, scope: Option<&Scope>, height: usize) {
        let known = self.sorted.as_ref().map_or(0, |sorted| sorted.len());
        // While the source is read a sorted list is sorted again only when it has grown by a tenth.
        if (self.order != Order::FirstSeen || catalogue.apart > 0)
            && (catalogue.progress.complete || catalogue.streams.len() > known + known / 10)
        {
            self.sort(catalogue);
        }
        match scope {
            Some(scope) => self.select_scope(catalogue, scope, height),
            None => self.selected = self.selected.min(self.len(catalogue).saturating_sub(1)),
        }
    }

    /// Takes the next order.
    pub fn next_order(&mut self, catalogue: &Catalogue) {
        self.order = self.order.next();
        self.sort(catalogue);
    }

    fn sort(&mut self, catalogue: &Catalogue) {
        let streams = &catalogue.streams;
        let mut numbers: Vec<u32> = (0..streams.len() as u32).collect();
        let of = |n: &u32| &streams[*n as usize];
        match self.order {
            Order::FirstSeen if catalogue.apart == 0 => {
                self.sorted = None;
                return;
            }
            Order::FirstSeen => {}
            Order::Name => numbers.sort_unstable_by(|a, b| of(a).stream.cmp(&of(b).stream)),
            Order::Events => numbers.sort_by_key(|n| std::cmp::Reverse(of(n).events)),
            Order::LastEvent => numbers.sort_by_key(|n| std::cmp::Reverse(of(n).last_time)),
        }
        // What is not of the domain stands apart, behind what is.
        if catalogue.apart > 0 {
            numbers.sort_by_key(|n| of(n).kind != StreamKind::Domain);
        }
        self.sorted = Some(Arc::new(numbers));
    }

    /// Moves the selection.
    pub fn go(&mut self, catalogue: &Catalogue, motion: Motion, count: Option<u64>, height: usize) {
        let len = self.len(catalogue) as u64;
        let mut to = super::moved(motion, count, self.selected as u64, height as u64, len) as usize;
        if matches!(self.row(catalogue, to), Some(Row::MoreCategories(_))) {
            to = if to > self.selected { to + 1 } else { to - 1 };
        }
        self.selected = to.min(len.saturating_sub(1) as usize);
        self.keep_visible(catalogue, height);
    }

    /// Scrolls without moving the selection.
    pub fn scroll(&mut self, catalogue: &Catalogue, by: isize, height: usize) {
        self.top = self.top.saturating_add_signed(by).min(self.len(catalogue).saturating_sub(height));
    }

    /// Scrolls so that the selection is seen.
    pub fn keep_visible(&mut self, catalogue: &Catalogue, height: usize) {
        let len = self.len(catalogue) as u64;
        self.top = super::keep_visible(self.top as u64, self.selected as u64, height as u64, len, 1) as usize;
    }

    /// Scrolls so that the window is not empty.
    pub fn fit(&mut self, catalogue: &Catalogue, height: usize) {
        self.top = self.top.min(self.len(catalogue).saturating_sub(height.max(1)));
    }
}
