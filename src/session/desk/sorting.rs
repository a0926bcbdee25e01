//! Who works on a question: the one place that knows it, with threads and without.

use crate::ask::{Ask, Generation};
use crate::domain::{Destination, Scope, State, StreamName};

/// What is to be done about a question.
#[derive(Debug)]
pub(super) enum Work {
    /// Find out where a walk leads, then walk.
    Walk {
        /// Of the question.
        generation: Generation,
        /// In which scope.
        scope: Scope,
        /// Standing where.
        from: u64,
        /// Where to.
        to: Destination,
    },
    /// Tell the owner of the walker.
    Order(Order),
    /// Look at the source. A question replaces the one before it in the same slot.
    Read(Kind, Ask),
    /// Stop what is done in these slots, and the walk where that is said.
    Stop(&'static [Kind], Walks),
    /// Open the source again.
    Reopen(Generation),
}

/// What becomes of a walk when something is stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Walks {
    /// It goes on.
    GoOn,
    /// It stops too.
    Stop,
}

/// What the owner of the walker is told, in its place among the walks.
#[derive(Debug)]
pub(super) enum Order {
    /// Go on with a fold that is suspended.
    KeepGoing(StreamName),
    /// Keep a state to compare with.
    Pin(State),
    /// No longer compare.
    Unpin,
}

/// The kinds of long work, each with a slot of its own.
macro_rules! kinds {
    ($($kind:ident $name:literal,)*) => {
        /// A kind of long work beside the walk; it has a slot of its own.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub(super) enum Kind { $(#[doc = concat!("The slot called ", $name, ".")] $kind,)* }

        impl Kind {
            /// All of them with their names, in the order of their numbers.
            pub(super) const ALL: &[(Self, &str)] = &[$((Self::$kind, $name),)*];
        }
    };
}

kinds! {
    Place "place",
    Name "name",
    Events "events",
    Times "times",
    Narrow "narrow",
    Find "find",
    Search "search",
    Sift "sift",
    Open "open",
    Survey "survey",
}

/// What is to be done about a question.
pub(super) fn sort(ask: Ask) -> Work {
    let kind = match ask {
        Ask::Go { generation, scope, from, to } => return Work::Walk { generation, scope, from, to },
        Ask::KeepGoing(stream) => return Work::Order(Order::KeepGoing(stream)),
        Ask::Pin(state) => return Work::Order(Order::Pin(state)),
        Ask::Unpin => return Work::Order(Order::Unpin),
        Ask::Reopen { generation } => return Work::Reopen(generation),
        Ask::StopSift => return Work::Stop(&[Kind::Sift], Walks::GoOn),
        Ask::StopSearch => return Work::Stop(&[Kind::Find, Kind::Search], Walks::GoOn),
        Ask::StopSurvey => return Work::Stop(&[Kind::Survey], Walks::GoOn),
        // What the person waits for, and nothing else: pages and times are read on.
        Ask::StopJobs => {
            let waited = &[Kind::Place, Kind::Search, Kind::Survey, Kind::Narrow, Kind::Find, Kind::Sift];
            return Work::Stop(waited, Walks::Stop);
        }
        Ask::LoadEvents { .. } | Ask::LoadSome { .. } => Kind::Events,
        Ask::SampleTimes { .. } => Kind::Times,
        Ask::Sift { .. } => Kind::Sift,
        Ask::FilterStreams { .. } => Kind::Narrow,
        Ask::Find { .. } => Kind::Find,
        Ask::Search { .. } => Kind::Search,
        Ask::Survey { .. } => Kind::Survey,
        Ask::NamePlaces { .. } => Kind::Name,
    };
    Work::Read(kind, ask)
}
