//! Events as rows, and how much room what was read of a list takes.

use std::sync::Arc;

use crate::app::walk::Fact;
use crate::app::words::{Span, has_fraction, together};
use crate::domain::names::Common;
use crate::domain::{Event, text};

/// One event as a row.
#[derive(Clone, Debug)]
pub struct EventRow {
    /// The event.
    pub event: Arc<Event>,
    /// Its data in one line, made once.
    pub digest: String,
    /// What is known of its effect.
    pub fact: Option<Fact>,
}

/// How wide what was read of a list is, and when it was recorded. It only grows, so that columns stay where they are.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Extent {
    /// The longest type.
    pub kind: usize,
    /// What all types share.
    pub common: Common,
    /// The longest name of a stream.
    pub stream: usize,
    /// The longest line of data.
    pub data: usize,
    /// The longest version.
    pub version: usize,
    /// The longest position.
    pub position: usize,
    /// The first and the last time.
    pub span: Span,
    /// Whether a time has a part of a second: to the millisecond the others would all end with `.000`.
    pub fractions: bool,
}

impl Extent {
    /// Takes another row in.
    pub fn see(&mut self, row: &EventRow) {
        let event = &row.event;
        let width = |part: &str| text::width(&text::safe(part));
        if event.trouble.is_none() {
            self.kind = self.kind.max(width(&event.event_type));
            self.common.see(&event.event_type);
        }
        self.stream = self.stream.max(width(event.stream.as_str()));
        self.data = self.data.max(width(&row.digest));
        self.version = self.version.max(event.version.0.checked_ilog10().unwrap_or(0) as usize + 1);
        self.position = self.position.max(width(&event.position.to_string()));
        self.span = together(self.span, event.time.map(|time| (time, time)));
        self.fractions |= event.time.is_some_and(has_fraction);
    }

    /// What two lists are together.
    pub fn and(self, other: &Self) -> Self {
        Self {
            kind: self.kind.max(other.kind),
            common: self.common.and(&other.common),
            stream: self.stream.max(other.stream),
            data: self.data.max(other.data),
            version: self.version.max(other.version),
            position: self.position.max(other.position),
            span: together(self.span, other.span),
            fractions: self.fractions || other.fractions,
        }
    }
}
