//! The panes: what each shows and where it stands, and how it changes. Drawing is `ui`.

pub mod columns;
pub mod doctor;
pub mod event;
pub mod event_rows;
pub mod events;
pub mod listing;
pub mod pace;
pub mod rows;
pub mod sifted;
pub mod state;
pub mod streams;
pub mod survey;
pub mod timeline;
pub mod tree;
pub mod types;

pub use event::EventPane;
pub use events::EventsPane;
pub use state::StatePane;
pub use streams::StreamsPane;
pub use tree::Tree;

use super::ids::Motion;

/// The top row of a list of `len` rows so that `selected` stands at least `margin` rows inside a window of `height` rows.
pub fn keep_visible(top: u64, selected: u64, height: u64, len: u64, margin: u64) -> u64 {
    let margin = margin.min(height.saturating_sub(1) / 2);
    let top = top.min(selected.saturating_sub(margin)).max((selected + margin + 1).saturating_sub(height));
    top.min(len.saturating_sub(height))
}

/// Where a motion leads from `selected` among `len` rows shown `height` at a time.
pub fn moved(motion: Motion, count: Option<u64>, selected: u64, height: u64, len: u64) -> u64 {
    let times = count.unwrap_or(1);
    let page = height.saturating_sub(1).max(1);
    let last = len.saturating_sub(1);
    let to = match motion {
        Motion::Down => selected.saturating_add(times),
        Motion::Up => selected.saturating_sub(times),
        Motion::HalfDown => selected.saturating_add((height / 2).max(1).saturating_mul(times)),
        Motion::HalfUp => selected.saturating_sub((height / 2).max(1).saturating_mul(times)),
        Motion::PageDown => selected.saturating_add(page.saturating_mul(times)),
        Motion::PageUp => selected.saturating_sub(page.saturating_mul(times)),
        Motion::First => count.unwrap_or(0),
        Motion::Last => count.map_or(last, |row| row.saturating_sub(1)),
    };
    to.min(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_selected_row_is_always_in_the_window() {
        for (top, selected, height, len) in
            [(0, 0, 10, 100), (0, 99, 10, 100), (50, 3, 10, 100), (90, 5, 1, 6), (0, 0, 0, 0), (7, 2, 40, 3)]
        {
            let top = keep_visible(top, selected, height, len, 2);
            assert!(top <= selected && (height == 0 || selected < top + height), "{top} {selected} {height}");
        }
    }
}
