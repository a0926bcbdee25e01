//! What is known of the opened source: what it is, how far it is read, its streams and categories.

use std::collections::HashMap;
use std::sync::Arc;

use super::words::{Span, has_fraction, together};
use crate::domain::words::percent;
use crate::domain::{About, Progress, Scope, StreamKind, StreamName, StreamSummary, text};

/// The streams that share the part of their name that says what they are of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Category {
    /// That part.
    pub name: Arc<str>,
    /// How many streams.
    pub streams: u64,
    /// How many events they have together.
    pub events: u64,
    /// Their first and their last time.
    pub span: Span,
}

/// Everything known of the source.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    /// What it is.
    pub about: Option<About>,
    /// What the project files say that means nothing for it; told among its caveats.
    pub remarks: Vec<String>,
    /// How far it is read.
    pub progress: Progress,
    /// Its streams, in the order of their first events.
    pub streams: Arc<Vec<StreamSummary>>,
    /// How many of them are not of the domain: commands, snapshots, links, book-keeping.
    pub apart: usize,
    /// Its categories of more than one stream of the domain, the one with the most events first.
    pub categories: Vec<Category>,
    /// Whether the list of streams has come at all.
    pub listed: bool,
    /// The first and the last time of all of them.
    pub span: Span,
    /// Whether the last time of one of them has a part of a second.
    pub fractions: bool,
    /// How wide the longest name is.
    pub widest: usize,
    index: HashMap<StreamName, u32>,
    category_of: Vec<u32>,
    category_names: HashMap<Arc<str>, u32>,
}

impl Catalogue {
    /// Takes a longer list of streams. Only what is new in it is looked at closely.
    pub fn list(&mut self, streams: Arc<Vec<StreamSummary>>) {
        self.listed = true;
        for (n, summary) in streams.iter().enumerate().skip(self.category_of.len()) {
            let category = summary.stream.category();
            let number = match self.category_names.get(category) {
                Some(number) => *number,
                None => {
                    let number = self.category_names.len() as u32;
                    self.category_names.insert(category.into(), number);
                    number
                }
            };
            self.category_of.push(number);
            self.apart += usize::from(summary.kind != StreamKind::Domain);
            self.widest = self.widest.max(text::width(&text::safe(summary.stream.as_str())));
            self.index.insert(summary.stream.clone(), n as u32);
        }
        let mut sums = vec![(0, 0, None); self.category_names.len()];
        for (summary, category) in streams.iter().zip(&self.category_of) {
            let sum: &mut (u64, u64, Span) = &mut sums[*category as usize];
            if summary.kind == StreamKind::Domain {
                sum.0 += 1;
            }
            sum.1 += summary.events;
            sum.2 = together(sum.2, span_of(summary));
            self.fractions |= summary.last_time.is_some_and(has_fraction);
        }
        self.span = sums.iter().fold(None, |all, (_, _, span)| together(all, *span));
        self.categories = self
            .category_names
            .iter()
            .map(|(name, number)| (name, sums[*number as usize]))
            .filter(|(_, (streams, ..))| *streams > 1)
            .map(|(name, (streams, events, span))| Category { name: name.clone(), streams, events, span })
            .collect();
        self.categories.sort_by(|a, b| b.events.cmp(&a.events).then_with(|| a.name.cmp(&b.name)));
        self.streams = streams;
    }

    /// The place of a stream in the list.
    pub fn index_of(&self, stream: &StreamName) -> Option<u32> {
        self.index.get(stream).copied()
    }

    /// A stream of the list.
    pub fn summary(&self, stream: &StreamName) -> Option<&StreamSummary> {
        self.streams.get(self.index_of(stream)? as usize)
    }

    /// How many events a scope has as far as known.
    pub fn events_in(&self, scope: &Scope) -> u64 {
        match scope {
            // A record that cannot be read has its place in the store.
            Scope::All => self.progress.events + self.progress.troubles,
            Scope::Stream(name) => self.summary(name).map_or(0, |summary| summary.events),
            Scope::Category(name) => {
                self.categories.iter().find(|category| category.name == *name).map_or(0, |category| category.events)
            }
            // The list of streams says nothing of it.
            Scope::Correlation(_) => 0,
        }
    }

    /// The first and the last time of a scope, as far as the list of streams tells.
    pub fn span_in(&self, scope: &Scope) -> Span {
        match scope {
            Scope::All => self.span,
            Scope::Stream(name) => self.summary(name).and_then(span_of),
            Scope::Category(name) => self.categories.iter().find(|category| category.name == *name)?.span,
            Scope::Correlation(_) => None,
        }
    }

    /// Whether it is known that the source holds no event at all.
    pub fn is_empty(&self) -> bool {
        self.progress.complete && self.listed && self.streams.is_empty() && self.progress.troubles == 0
    }

    /// How much of the source has been looked at, in percent; `None` when its size is unknown or all of it has been.
    pub fn percent_read(&self) -> Option<u64> {
        let Progress { done, total, complete, .. } = self.progress;
        (!complete && total > 0).then(|| percent(done, total).min(99))
    }
}

/// The times of a stream, the earlier one first.
fn span_of(summary: &StreamSummary) -> Span {
    let (first, last) = (summary.first_time?, summary.last_time?);
    Some((first.min(last), first.max(last)))
}
