//! How much room the contents of the panes ask for.
//!
//! What is asked for grows with what is seen and does not shrink: panes that changed their size at every step could not be
//! looked at while a key is held down. Event starts over with streams of another category, whose events are others.

use std::sync::Arc;

use super::App;
use super::effect::Effect;
use super::ids::Pane;
use super::layout::{Room, track};
use super::panes::streams::CATEGORIES;
use crate::domain::words::count;
use crate::domain::{Scope, text};

/// The border of a pane.
const BORDER: usize = 2;

/// What is asked for, and for what it was seen to be needed.
#[derive(Clone, Debug, Default)]
pub struct Rooms {
    /// What is asked for.
    pub asked: Room,
    /// What Events asks for in a stream, and in a wider scope.
    events: [Option<(u16, u16)>; 2],
    /// Streams of which category Event is as high for.
    category: Option<Arc<str>>,
    /// Streams of which category State is as wide for.
    states: Option<Arc<str>>,
}

impl App {
    /// Cells of the numbers of events in Streams.
    pub fn digits(&self) -> usize {
        count(self.catalogue.progress.events.max(1)).len().clamp(6, 11)
    }

    /// Looks at what the panes show now. Where Events became lower its cursor stays in sight.
    pub(super) fn measure(&mut self) {
        let height = self.height(Pane::Events);
        self.panes.room.asked.streams = self.columns_of_streams();
        self.measure_events();
        self.measure_state();
        self.measure_event();
        if self.height(Pane::Events) < height {
            self.follow_cursor();
        }
    }

    fn columns_of_streams(&self) -> u16 {
        const SIGNS: usize = 2;
        let categories =
            self.catalogue.categories.iter().take(CATEGORIES).map(|category| text::width(&category.name) + 2);
        let names = categories.chain([self.catalogue.widest, "whole store".len()]).max().unwrap_or(0);
        cells(BORDER + SIGNS + names + 1 + self.digits() + 1)
    }

    fn measure_events(&mut self) {
        let Some(window) = &self.panes.events.window else { return };
        let asked = self.columns_asked(window);
        let kind = usize::from(!matches!(window.scope, Scope::Stream(_)));
        let (columns, data) = (cells(BORDER + asked.narrow()), cells(asked.data()));
        let milliseconds = cells(asked.milliseconds());
        let rooms = &mut self.panes.room;
        let (before, data_before) = rooms.events[kind].unwrap_or_default();
        let now = (columns.max(before), data.max(data_before));
        rooms.events[kind] = Some(now);
        // Of what there is now alone: for the length of a name that is gone no pane gives way.
        let telling = cells(BORDER + asked.telling());
        rooms.asked = Room { events: now.0, data: now.1, telling, milliseconds, ..rooms.asked };
    }

    fn measure_event(&mut self) {
        let Some(category) = self.category() else { return };
        let rows = cells(self.panes.event.rows_asked());
        let rooms = &mut self.panes.room;
        let same = rooms.category.as_ref() == Some(&category);
        rooms.asked.event = if same { rows.max(rooms.asked.event) } else { rows };
        rooms.category = Some(category);
    }

    /// What the rows of State ask for, in streams of one category; before there is a state it keeps its part.
    fn measure_state(&mut self) {
        let (Some(category), true) = (self.category(), self.walk.here().is_some()) else { return };
        // What is said above the state is not cut for the sake of the data.
        const MOST_SAID: usize = 60;
        const STALE: usize = " 4 State @1,234  from before the save ".len();
        let stale = self.walk.here().is_some_and(|moment| moment.reducer.stale.is_some());
        let said = self.state_notes(MOST_SAID).into_iter().map(|(_, words)| text::width(&words).min(MOST_SAID));
        let said = said.max().unwrap_or(0).max(if stale { STALE } else { 0 });
        let [whole, cut] = self.panes.state.columns_asked().map(|columns| cells(BORDER + columns.max(said)));
        let rooms = &mut self.panes.room;
        let same = rooms.states.as_ref() == Some(&category);
        rooms.asked.state = if same { whole.max(rooms.asked.state) } else { whole };
        rooms.asked.state_cut = if same { cut.max(rooms.asked.state_cut) } else { cut };
        rooms.states = Some(category);
    }

    /// Streams of which category are looked at.
    fn category(&self) -> Option<Arc<str>> {
        Some(match self.walk.scope.as_ref()? {
            Scope::Stream(name) => name.category().into(),
            Scope::Category(name) => name.clone(),
            Scope::Correlation(_) | Scope::All => "".into(),
        })
    }

    /// Asks for the times of the whole scope, where the timeline shows them.
    pub(super) fn ask_for_pace(&mut self, out: &mut Vec<Effect>) {
        let (Some(scope), Some(areas)) = (&self.walk.scope, self.areas()) else { return };
        if areas.timeline.height < 3 {
            return;
        }
        let complete = self.catalogue.progress.complete;
        let asked = (self.total(scope), track(areas.timeline).width, complete);
        let scope = scope.clone();
        let Self { panes, jobs, .. } = self;
        out.extend(panes.pace.ask(&scope, asked, || jobs.number()));
    }
}

fn cells(number: usize) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}
