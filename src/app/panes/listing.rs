//! Rows of a list over the panes: pieces of text in tones, and where Enter leads.

use crate::app::lines::Lines;
use crate::domain::{StreamName, Version};

/// An event to go to.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Goal {
    /// Its stream; the whole store when it has none.
    pub stream: Option<StreamName>,
    /// Its version, for where its place is not known; without either the stream is opened at its end.
    pub version: Option<Version>,
    /// Its place in the whole store, counted from 1.
    pub place: Option<u64>,
}

/// What a row leads to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Target {
    /// An event.
    Event(Goal),
    /// The page of this type.
    Type(usize),
}

/// How a piece of a row looks.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Tone {
    /// As text.
    Plain,
    /// As what matters less.
    Muted,
    /// As a heading.
    Title,
    /// As the name of an event type.
    Type,
    /// As a number.
    Number,
    /// As the path of a field.
    Key,
    /// As a rate over time.
    Rate,
    /// As an error.
    Error,
    /// As a warning.
    Warning,
    /// As something good to know.
    Info,
}

/// A row.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Row {
    /// What it says, from left to right.
    pub pieces: Vec<(String, Tone)>,
    /// Whether the cursor stops here; the rows up to the next such row belong to it.
    pub stop: bool,
    /// What Enter does here.
    pub target: Option<Target>,
}

impl Row {
    /// A row of one piece.
    pub fn of(text: impl Into<String>, tone: Tone) -> Self {
        Self { pieces: vec![(text.into(), tone)], ..Self::default() }
    }

    /// The same, where the cursor stops.
    pub fn stop(self, target: Option<Target>) -> Self {
        Self { stop: true, target, ..self }
    }
}

/// A text as rows of a width, broken between words, each after an indent.
pub(super) fn wrapped(text: &str, indent: &str, width: usize, tone: Tone) -> Vec<Row> {
    let lines = Lines::prose(text, width.saturating_sub(indent.len()).max(8));
    lines.all().iter().map(|line| Row::of(format!("{indent}{line}"), tone)).collect()
}
