//! The desk without threads: every question is answered before the next one is heard.

use std::sync::Arc;

use super::answers::Answers;
use super::sorting::{self, Work};
use super::walking::Walking;
use crate::ask::{Ask, Told};
use crate::domain::{Cancel, Failure};
use crate::session::Walker;
use crate::sources::Source;

/// An investigation that answers at once.
pub struct Inline {
    source: Arc<dyn Source>,
    answers: Answers,
    walking: Walking,
}

impl Inline {
    /// Over a source that was read to its end, and what walks it.
    pub fn new(source: Arc<dyn Source>, walker: Walker) -> Self {
        let answers = Answers::new(Arc::clone(&source), Arc::new(walker.reducers()));
        Self { source, answers, walking: Walking::new(walker) }
    }

    /// What is told without a question: what the source is, how far it was read, and its streams.
    ///
    /// # Errors
    /// When the source cannot be read.
    pub fn opened(&self) -> Result<Vec<Told>, Failure> {
        let streams = Arc::new(self.source.streams(0, usize::MAX)?.streams);
        self.answers.listed(&streams);
        let described = Told::SourceDescribed(Box::new(self.source.about()));
        Ok(vec![described, Told::SourceProgressed(self.source.progress()), Told::StreamsListed(streams)])
    }

    /// Answers a question: all that is told, in order. What runs has ended when this returns, so that there is nothing to
    /// stop; opening the source again is its owner's business.
    pub fn ask(&mut self, ask: Ask) -> Vec<Told> {
        let mut told = Vec::new();
        let tell = &mut |one| {
            told.push(one);
            true
        };
        let cancel = Cancel::default();
        match sorting::sort(ask) {
            Work::Walk { generation, scope, from, to } => match self.answers.place(&scope, from, &to, &cancel) {
                Ok(placed) => {
                    let walked = self.walking.go(generation, &placed.scope, placed.scope_at, &cancel, tell);
                    told.extend(walked);
                    told.extend(placed.notice.map(Told::PlaceNoticed));
                }
                Err(failure) => told.push(Told::JobFailed { generation, failure }),
            },
            Work::Order(order) => told.extend(self.walking.order(order)),
            Work::Read(_, ask) => self.answers.answer(ask, &cancel, tell),
            Work::Stop(..) | Work::Reopen(_) => {}
        }
        told
    }
}
