//! The events of a scope: a window of rows around what is seen, whatever the length of the scope.
//!
//! A row's number is a place: row 0 is the initial state, row n the n-th event. Only rows near the visible ones are kept;
//! what is missing is asked for in one read at a time, ahead of being seen. The cursor itself is the walk's.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use super::event_rows::{EventRow, Extent};
use super::sifted::Sifted;
use crate::app::effect::Effect;
use crate::app::walk::{Fact, Facts};
use crate::app::words;
use crate::ask::{Ask, Generation};
use crate::domain::{Event, EventPage, EventQuery, Scope};

/// So many rows beyond the visible ones are read ahead: enough to know a usual stream whole.
const AHEAD: u64 = 128;
/// So many rows on each side of the visible ones are kept.
const KEPT: u64 = 512;

/// A window on the events of a scope.
#[derive(Clone, Debug)]
pub struct Window {
    /// Which events.
    pub scope: Scope,
    /// How many there are as far as known.
    pub total: u64,
    /// Whether there may be more.
    pub partial: bool,
    /// The first place shown.
    pub top: u64,
    /// How wide what was read of it is.
    pub extent: Extent,
    first: u64,
    rows: VecDeque<EventRow>,
    /// What was asked last and when how many were known: an answer with less is not asked for again.
    asked: Option<(Range<u64>, u64)>,
}

impl Window {
    /// An empty window.
    pub fn new(scope: Scope, total: u64) -> Self {
        Self {
            scope,
            total,
            partial: true,
            top: 0,
            extent: Extent::default(),
            first: 0,
            rows: VecDeque::new(),
            asked: None,
        }
    }

    /// The row at a place; `None` for the initial state and for what has not been read.
    pub fn row(&self, place: u64) -> Option<&EventRow> {
        let ordinal = place.checked_sub(1)?.checked_sub(self.first)?;
        self.rows.get(usize::try_from(ordinal).ok()?)
    }

    /// The rows that are known, with their places.
    pub fn known(&self) -> impl Iterator<Item = (u64, &EventRow)> {
        self.rows.iter().enumerate().map(|(n, row)| (self.first + n as u64 + 1, row))
    }

    /// How many rows there are, the initial state included.
    pub fn len(&self) -> u64 {
        self.total + 1
    }

    /// Whether there is no event.
    pub fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// More events are known now.
    pub fn grow(&mut self, total: u64) {
        self.total = self.total.max(total);
    }

    /// Scrolls without moving the cursor.
    pub fn scroll(&mut self, by: i64, height: u64) {
        self.top = self.top.saturating_add_signed(by).min(self.len().saturating_sub(height));
    }

    /// Remembers what an event did.
    pub fn note(&mut self, place: u64, fact: Fact) {
        if let Some(row) = place.checked_sub(1 + self.first).and_then(|at| self.rows.get_mut(at as usize)) {
            row.fact = Some(fact);
        }
    }

    /// Forgets what events did.
    pub fn forget_facts(&mut self) {
        self.rows.iter_mut().for_each(|row| row.fact = None);
    }

    /// Asks again for what an answer did not give.
    pub fn ask_again(&mut self) {
        self.asked = None;
    }

    /// The ordinals to read now, if any.
    fn missing(&self, height: u64) -> Option<Range<u64>> {
        let clip = |from: u64, to: u64| from.min(self.total)..to.min(self.total);
        let seen = clip(self.top.saturating_sub(1 + height), self.top + 2 * height);
        let have = self.first..self.first + self.rows.len() as u64;
        if seen.is_empty() || (have.start <= seen.start && seen.end <= have.end) {
            return None;
        }
        let want = clip(self.top.saturating_sub(AHEAD + height), self.top + height + AHEAD);
        // Only what is new where it adjoins what is there.
        if have.contains(&want.start) {
            Some(have.end..want.end)
        } else if have.contains(&want.end) {
            Some(want.start..have.start)
        } else {
            Some(want)
        }
    }

    fn take(&mut self, page: EventPage, facts: &Facts, height: u64) {
        self.total = self.total.max(page.total);
        self.partial = page.partial;
        let mut extent = std::mem::take(&mut self.extent);
        let scope = self.scope.clone();
        let mut row = |(place, event): (u64, Arc<Event>)| {
            let fact = facts.of(&scope, place);
            let row = EventRow { digest: words::digest(&event), event, fact };
            extent.see(&row);
            row
        };
        let end = self.first + self.rows.len() as u64;
        let page_end = page.first + page.events.len() as u64;
        if self.rows.is_empty() || page.first > end || page_end < self.first {
            if !page.events.is_empty() {
                self.first = page.first;
                self.rows = (page.first + 1..).zip(page.events).map(row).collect();
            }
        } else {
            let before = self.first.saturating_sub(page.first) as usize;
            let after = end.saturating_sub(page.first) as usize;
            let mut placed: Vec<(u64, Arc<Event>)> = (page.first + 1..).zip(page.events).collect();
            let behind = placed.split_off(after.min(placed.len()));
            placed.truncate(before);
            self.rows.extend(behind.into_iter().map(&mut row));
            placed.into_iter().rev().for_each(|event| self.rows.push_front(row(event)));
            self.first = self.first.min(page.first);
        }
        self.extent = extent;
        let keep = self.top.saturating_sub(KEPT)..self.top + height + KEPT;
        while self.first < keep.start && !self.rows.is_empty() {
            self.rows.pop_front();
            self.first += 1;
        }
        let kept = keep.end.saturating_sub(self.first) as usize;
        self.rows.truncate(kept);
    }
}

#[derive(Clone, Debug)]
struct Loading {
    generation: Generation,
    scope: Scope,
    ordinals: Range<u64>,
}

/// The pane: the window that is shown, and the one of a scope that is being walked to.
#[derive(Clone, Debug, Default)]
pub struct EventsPane {
    /// The window that is shown.
    pub window: Option<Window>,
    /// The window of the scope to come: shown when the walk has arrived there, never before.
    pub incoming: Option<Window>,
    /// Those of them a filter lets through: shown instead, where there is one.
    pub sifted: Option<Sifted>,
    /// A filter that is to be used once there are events to use it on.
    pub refilter: Option<String>,
    loading: Option<Loading>,
}

impl EventsPane {
    /// Prepares the window of another scope, around a place.
    pub fn expect(&mut self, scope: &Scope, total: u64, place: u64, height: u64) {
        if self.incoming.as_ref().is_some_and(|window| window.scope == *scope) {
            return;
        }
        let mut window = Window::new(scope.clone(), total);
        window.top = place.saturating_sub(height / 2).min(window.len().saturating_sub(height));
        self.incoming = Some(window);
    }

    /// The walk has arrived in a scope: its window is shown.
    pub fn arrive(&mut self, scope: &Scope, total: u64) {
        if self.window.as_ref().is_none_or(|window| window.scope != *scope) {
            let incoming = self.incoming.take().filter(|window| window.scope == *scope);
            self.window = Some(incoming.unwrap_or_else(|| Window::new(scope.clone(), total)));
        }
        self.incoming = None;
        if let Some(window) = &mut self.window {
            window.grow(total);
        }
    }

    /// The filtered list, when it is what is shown.
    pub fn sifted(&self) -> Option<&Sifted> {
        let window = self.window.as_ref()?;
        self.sifted.as_ref().filter(|sifted| sifted.scope == window.scope)
    }

    /// The filtered list that waits for the answers to this question.
    pub fn sifted_of(&mut self, generation: Generation) -> Option<&mut Sifted> {
        self.sifted.as_mut().filter(|sifted| sifted.generation == generation)
    }

    /// The first row shown.
    pub fn top(&self) -> u64 {
        match self.sifted() {
            Some(sifted) => sifted.top,
            None => self.window.as_ref().map_or(0, |window| window.top),
        }
    }

    /// The place a row of the list stands for.
    pub fn place(&self, row: u64) -> Option<u64> {
        match self.sifted() {
            Some(sifted) => sifted.place(row),
            None => self.window.as_ref().filter(|window| row < window.len()).map(|_| row),
        }
    }

    /// Scrolls without moving the cursor.
    pub fn scroll(&mut self, by: i64, height: u64) {
        let scope = self.window.as_ref().map(|window| &window.scope);
        if let Some(sifted) = self.sifted.as_mut().filter(|sifted| Some(&sifted.scope) == scope) {
            sifted.scroll(by, height);
        } else if let Some(window) = &mut self.window {
            window.scroll(by, height);
        }
    }

    /// Scrolls to a place.
    pub fn follow(&mut self, place: u64, height: u64) {
        if let Some(sifted) = &mut self.sifted {
            sifted.follow(place, height);
        }
        if let Some(window) = &mut self.window {
            window.top = super::keep_visible(window.top, place, height, window.len(), 2);
        }
    }

    /// Reads what will be seen soon.
    pub fn load(&mut self, height: u64, next: impl FnOnce() -> Generation) -> Option<Effect> {
        let shown = self.window.as_ref().map(|window| &window.scope);
        if self.incoming.is_none()
            && let Some(sifted) = self.sifted.as_mut().filter(|sifted| Some(&sifted.scope) == shown)
        {
            return sifted.load(height, next);
        }
        let window = self.incoming.as_mut().or(self.window.as_mut())?;
        let ordinals = window.missing(height)?;
        let waiting = |loading: &Loading| {
            loading.scope == window.scope
                && loading.ordinals.start <= ordinals.start
                && ordinals.end.min(loading.ordinals.end) >= (window.top + height).min(window.total)
        };
        if self.loading.as_ref().is_some_and(waiting) || window.asked == Some((ordinals.clone(), window.total)) {
            return None;
        }
        window.asked = Some((ordinals.clone(), window.total));
        let generation = next();
        let limit = (ordinals.end - ordinals.start) as usize;
        let query = EventQuery::at(window.scope.clone(), ordinals.start, limit);
        self.loading = Some(Loading { generation, scope: window.scope.clone(), ordinals });
        Some(Effect::Ask(Ask::LoadEvents { generation, query }))
    }

    /// An answer. One that nobody waits for any more is dropped.
    pub fn loaded(&mut self, generation: Generation, page: EventPage, facts: &Facts, height: u64) {
        let Some(loading) = self.loading.take_if(|loading| loading.generation == generation) else { return };
        for window in [&mut self.incoming, &mut self.window].into_iter().flatten() {
            if window.scope == loading.scope {
                window.take(page, facts, height);
                return;
            }
        }
    }

    /// A read failed: it is not repeated until something else is asked for.
    pub fn failed(&mut self, generation: Generation) -> bool {
        if self.sifted.as_mut().is_some_and(|sifted| sifted.failed(generation)) {
            return true;
        }
        self.loading.take_if(|loading| loading.generation == generation).is_some()
    }
}
