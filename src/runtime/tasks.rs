//! Long work beside the walk: one slot for each kind of question, one thread for each slot.
//!
//! Answers carry the generation of their question; dropping late ones is the screen's business.

use std::sync::Arc;

use tokio::sync::mpsc::UnboundedSender;

use super::notice::{Notice, Opened, Outlet, Urgent};
use super::panics;
use super::run::Reopen;
use super::slot::Slot;
use crate::ask::{Ask, Generation, Told};
use crate::domain::{Destination, Scope, StreamSummary};
use crate::session::desk::{Answers, Reducers};
use crate::sources::Source;

/// The long work the screen can ask for besides walking.
pub(crate) struct Tasks {
    answers: Arc<Answers>,
    outlet: Outlet,
    place: Slot,
    name: Slot,
    events: Slot,
    times: Slot,
    filter: Slot,
    find: Slot,
    search: Slot,
    sift: Slot,
    open: Slot,
    survey: Slot,
}

impl Tasks {
    /// Starts the slots.
    ///
    /// # Errors
    /// When the system refuses a thread.
    pub(crate) fn start(
        source: Arc<dyn Source>,
        reducers: Reducers,
        outlet: Outlet,
        urgent: &UnboundedSender<Urgent>,
    ) -> std::io::Result<Self> {
        let slot = |name| Slot::start(name, outlet.clone(), urgent.clone());
        Ok(Self {
            place: slot("place")?,
            name: slot("name")?,
            events: slot("events")?,
            times: slot("times")?,
            filter: slot("filter")?,
            find: slot("find")?,
            search: slot("search")?,
            sift: slot("sift")?,
            open: slot("open")?,
            survey: slot("survey")?,
            answers: Arc::new(Answers::new(source, reducers)),
            outlet,
        })
    }

    /// The list of streams that is shown from now on: what a filter's answers count in.
    pub(crate) fn listed(&self, streams: &Arc<Vec<StreamSummary>>) {
        self.answers.listed(streams);
    }

    /// Answers a question about the source in the slot of its kind.
    pub(crate) fn answer(&self, ask: Ask) {
        let Some(slot) = self.slot_for(&ask) else { return };
        let (answers, outlet) = (Arc::clone(&self.answers), self.outlet.clone());
        slot.submit(move |cancel| {
            panics::inject("task");
            panics::inject_into_a_foreign_thread();
            answers.answer(ask, cancel, &mut |told| outlet.say(told));
        });
    }

    /// The slot of a question; `None` of one that the loop deals with itself.
    fn slot_for(&self, ask: &Ask) -> Option<&Slot> {
        match ask {
            Ask::LoadEvents { .. } | Ask::LoadSome { .. } => Some(&self.events),
            Ask::SampleTimes { .. } => Some(&self.times),
            Ask::Sift { .. } => Some(&self.sift),
            Ask::FilterStreams { .. } => Some(&self.filter),
            Ask::Find { .. } => Some(&self.find),
            Ask::Search { .. } => Some(&self.search),
            Ask::Survey { .. } => Some(&self.survey),
            Ask::NamePlaces { .. } => Some(&self.name),
            Ask::Go { .. }
            | Ask::KeepGoing(_)
            | Ask::Pin(_)
            | Ask::Unpin
            | Ask::Reopen { .. }
            | Ask::StopSift
            | Ask::StopSearch
            | Ask::StopSurvey
            | Ask::StopJobs => None,
        }
    }

    /// Stops the filter of events.
    pub(crate) fn stop_sift(&self) {
        self.sift.stop();
    }

    /// Stops looking for text.
    pub(crate) fn stop_search(&self) {
        self.find.stop();
        self.search.stop();
    }

    /// Stops the look at the whole store.
    pub(crate) fn stop_survey(&self) {
        self.survey.stop();
    }

    /// Finds out where a walk leads.
    pub(crate) fn place(&self, generation: Generation, scope: Scope, from: u64, to: Destination) {
        let (answers, outlet) = (Arc::clone(&self.answers), self.outlet.clone());
        self.place.submit(move |cancel| {
            match answers.place(&scope, from, &to, cancel) {
                Ok(placed) => {
                    let notice = placed.notice.clone();
                    outlet.send(Notice::Placed(generation, placed))
                        && notice.is_none_or(|notice| outlet.say(Told::PlaceNoticed(notice)))
                }
                Err(failure) => outlet.say(Told::JobFailed { generation, failure }),
            };
        });
    }

    /// Opens the source again.
    pub(crate) fn reopen(&self, generation: Generation, reopen: Reopen) {
        let outlet = self.outlet.clone();
        self.open.submit(move |_| match reopen() {
            Ok((source, walker)) => _ = outlet.send(Notice::Reopened(Box::new(Opened { source, walker }))),
            Err(failure) => _ = outlet.say(Told::JobFailed { generation, failure }),
        });
    }

    /// Stops what the person waits for: the way somewhere, the filters, the find, the search and the survey.
    pub(crate) fn stop(&self) {
        for slot in [&self.place, &self.search, &self.survey, &self.filter, &self.find, &self.sift] {
            slot.stop();
        }
    }

    fn slots(&self) -> [&Slot; 10] {
        [
            &self.place,
            &self.name,
            &self.events,
            &self.times,
            &self.filter,
            &self.find,
            &self.search,
            &self.sift,
            &self.open,
            &self.survey,
        ]
    }

    /// Whether nothing is under way and nothing waits.
    pub(crate) fn are_idle(&self) -> bool {
        self.slots().into_iter().all(Slot::is_idle)
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        for slot in self.slots() {
            slot.close();
        }
    }
}
