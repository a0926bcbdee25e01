//! What the status line says of the place one stands at when there is nothing else to say.

use super::App;
use super::action::{Action, Context, Viewing};
use super::ids::Pane;
use super::layout::rows;
use super::panes::Tree;
use super::panes::state::StateView;
use crate::domain::Scope;
use crate::domain::words::{counted, instant};

impl App {
    /// What the status line says of the place one stands at when there is nothing else to say: what to be careful about
    /// before the first key, then the path of the selected value, the ids of the event, the times of a stream. Never
    /// nothing. The time of the event is left out where it is seen elsewhere: in the list, or in the header.
    pub fn here(&self, time_in_header: bool) -> Option<String> {
        let about = self.catalogue.about.as_ref()?;
        let gravest = about.caveats.iter().min_by_key(|caveat| caveat.is_common());
        let careful = gravest.filter(|_| !self.keys.pressed).map(|gravest| {
            let others = about.caveats.len() - 1;
            let key = self.keys.map.keys_of(&[Context::Everywhere], Action::View(Viewing::About)).into_iter().next();
            match key {
                Some(key) if others > 0 => format!("note: {gravest} ({others} more: {key})"),
                _ => format!("note: {gravest}"),
            }
        });
        careful
            .or_else(|| self.selected_words())
            .or_else(|| self.event_words(time_in_header))
            .or_else(|| self.scope_words())
    }

    /// Of what is selected in the pane that has the focus.
    fn selected_words(&self) -> Option<String> {
        let path = |tree: &Tree| {
            Some(tree.selected_path().to_string()).filter(|path| !path.is_empty()).map(|path| format!("path {path}"))
        };
        match self.panes.focus {
            Pane::State if self.panes.state.view == StateView::Tree => path(&self.panes.state.tree),
            Pane::State => {
                let change = self.panes.state.patch.0.get(self.panes.state.selected)?;
                Some(format!("path {}", change.path)).filter(|_| !change.path.0.is_empty())
            }
            Pane::Event => path(self.panes.event.tree()?),
            Pane::Events => None,
            Pane::Streams => self.scope_words(),
        }
    }

    /// Of the event of the cursor.
    fn event_words(&self, time_in_header: bool) -> Option<String> {
        let event = self.walk.event()?;
        let mut told = format!("position {}", event.position);
        if let Some(time) = event.time.filter(|_| !time_in_header && !self.shows_times()) {
            told.push_str(&format!("  {}", instant(time)));
        }
        for (name, value) in [("id", &event.id), ("correlation", &event.correlation)] {
            if let Some(value) = value {
                told.push_str(&format!("  {name} {value}"));
            }
        }
        Some(told)
    }

    /// Whether the list of events has the times.
    fn shows_times(&self) -> bool {
        let area = self.areas().and_then(|areas| areas.pane(Pane::Events));
        let columns = area
            .zip(self.panes.events.window.as_ref())
            .map(|(area, window)| self.columns_asked(window).within(usize::from(rows(Pane::Events, area).width)));
        columns.is_some_and(|columns| !columns.hides_time)
    }

    /// Of the scope: from when to when, or how much it is.
    fn scope_words(&self) -> Option<String> {
        let scope = self.walk.scope.as_ref().unwrap_or(&Scope::All);
        if let Some((first, last)) = self.catalogue.span_in(scope) {
            return Some(format!("{} to {}", instant(first), instant(last)));
        }
        let progress = &self.catalogue.progress;
        let so_far = if progress.complete { "" } else { " so far" };
        Some(format!("{}{so_far}", counted(self.total(scope), "event"))).filter(|_| self.catalogue.listed)
    }
}
