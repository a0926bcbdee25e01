//! What is known of the opened source: what it is, how far it is read, its streams and categories.

use std::collections::HashMap;
use std::sync::Arc;

use crate::domain::{About, Progress, Scope, StreamKind, StreamName, StreamSummary};

/// The streams that share the part of their name that says what they are of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Category {
    /// That part.
    pub name: Arc<str>,
    /// How many streams.
    pub streams: u64,
    /// How many events they have together.
    pub events: u64,
}

/// Everything known of the source.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    /// What it is.
    pub about: Option<About>,
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
            self.index.insert(summary.stream.clone(), n as u32);
        }
        let mut sums = vec![(0, 0); self.category_names.len()];
        for (summary, category) in streams.iter().zip(&self.category_of) {
            let sum: &mut (u64, u64) = &mut sums[*category as usize];
            if summary.kind == StreamKind::Domain {
                sum.0 += 1;
            }
            sum.1 += summary.events;
        }
        self.categories = self
            .category_names
            .iter()
            .map(|(name, number)| (name, sums[*number as usize]))
            .filter(|(_, (streams, _))| *streams > 1)
            .map(|(name, (streams, events))| Category { name: name.clone(), streams, events })
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
        }
    }

    /// Whether it is known that the source holds no event at all.
    pub fn is_empty(&self) -> bool {
        self.progress.complete && self.listed && self.streams.is_empty() && self.progress.troubles == 0
    }

    /// How much of the source has been looked at, in percent; `None` when its size is unknown or all of it has been.
    pub fn percent_read(&self) -> Option<u64> {
        let Progress { done, total, complete, .. } = self.progress;
        (!complete && total > 0).then(|| super::words::percent(done, total).min(99))
    }
}
