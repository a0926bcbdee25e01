//! How it is with the state at the cursor: it is there, it is being folded, or it was given up.
//!
//! Invariant: a moment counts as that of the cursor only while nothing else is said here. Events never wait for it.

use crate::ask::{FoldProgress, Generation};
use crate::domain::words::{count, percent};

impl FoldProgress {
    /// From so many seconds on a fold is slow: what it did so far says more than a percentage.
    const SLOW: u64 = 5;

    /// How far it is, in words: `41 %`, and of a slow one what it did in which time.
    fn words(self) -> String {
        match self.seconds {
            0..Self::SLOW => format!("folding {} %", percent(self.folded, self.to_fold)),
            _ => format!("folding: {} of {} in {} s", count(self.folded), count(self.to_fold), count(self.seconds)),
        }
    }
}

/// How it is with the state at the cursor.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Fold {
    /// It is that of the moment.
    #[default]
    Done,
    /// It is being folded.
    Running {
        /// By this walk.
        generation: Generation,
        /// How far that is, once it says so.
        progress: Option<FoldProgress>,
    },
    /// Somebody stopped it.
    Stopped {
        /// How far it was.
        progress: Option<FoldProgress>,
    },
    /// It failed, for a reason that is not the reducer's.
    Failed {
        /// Why.
        why: String,
    },
}

impl Fold {
    /// Whether it is under way, for this question.
    pub fn is_running(&self, asked: Generation) -> bool {
        matches!(self, Self::Running { generation, .. } if *generation == asked)
    }

    /// What is said of it where the state would stand, in a line and with what helps under it. `stop` is the key that
    /// stops it, `go_on` the one that goes on. `None` when the state is there.
    pub fn words(&self, stop: &str, go_on: &str) -> Option<(String, String)> {
        Some(match self {
            Self::Done => return None,
            Self::Running { progress, .. } => {
                let words = progress.map_or_else(|| "folding …".to_owned(), FoldProgress::words);
                (format!("{words}, {stop} stops"), "Events can be read meanwhile.".into())
            }
            Self::Stopped { progress } => {
                let far = progress.map_or_else(String::new, |progress| {
                    format!(" after {} of {}", count(progress.folded), count(progress.to_fold))
                });
                (format!("no state here: folding was stopped{far}"), format!("{go_on} goes on with it."))
            }
            Self::Failed { why } => (format!("no state here: {why}"), format!("{go_on} tries again.")),
        })
    }

    /// It is stopped, if it is under way.
    pub fn stop(&mut self) {
        if let Self::Running { progress, .. } = self {
            *self = Self::Stopped { progress: *progress };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_far_a_fold_is_is_said_in_percent_and_of_a_slow_one_in_events() {
        let running = |folded, seconds| Fold::Running {
            generation: Generation(1),
            progress: Some(FoldProgress { folded, to_fold: 200_000, seconds }),
        };
        let said = |fold: Fold| fold.words("Esc", "+").map(|(first, _)| first);
        assert_eq!(said(Fold::Done), None);
        assert_eq!(said(running(82_000, 1)).as_deref(), Some("folding 41 %, Esc stops"));
        assert_eq!(said(running(250, 11)).as_deref(), Some("folding: 250 of 200,000 in 11 s, Esc stops"));
        let mut stopped = running(250, 11);
        stopped.stop();
        assert_eq!(
            stopped.words("Esc", "+"),
            Some((
                "no state here: folding was stopped after 250 of 200,000".to_owned(),
                "+ goes on with it.".to_owned()
            ))
        );
        let mut done = Fold::Done;
        done.stop();
        assert_eq!(done, Fold::Done);
    }
}
