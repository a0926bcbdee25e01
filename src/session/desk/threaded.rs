//! The desk with threads: questions are taken at once and answered as the answers come.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Instant;

use super::answers::Answers;
use super::slots::Slots;
use super::sorting::{self, Work};
use super::threads::{Heard, Opened, Outlet, Threads, Word};
use super::walks::Walks;
use super::{Reducers, Reopen, replaying, watching};
use crate::ask::{Ask, Generation, Told};
use crate::domain::{Cancel, Failure, FailureKind};
use crate::session::{Refreshed, Walker};
use crate::sources::Source;

/// An investigation on threads of its own. Its owner hands it what its threads say ([`Desk::hear`]), says when something
/// was shown ([`Desk::drawn`]), and lets it [`Desk::work`] when that is due.
pub struct Desk {
    outlet: Outlet,
    walks: Walks,
    slots: Slots,
    answers: Arc<Answers>,
    reopen: Option<Reopen>,
    /// Dropped by the last replay thread.
    walked_out: Sender<()>,
    /// Ends the thread that looks after the source.
    reading: Cancel,
    /// Until the first frame is shown.
    begin: Option<Sender<()>>,
    opened: bool,
    read: bool,
}

/// What works on one opening of a source.
struct Workers {
    walks: Walks,
    slots: Slots,
    answers: Arc<Answers>,
    reducers: Reducers,
}

impl Workers {
    fn start(
        source: &Arc<dyn Source>,
        walker: Walker,
        outlet: &Outlet,
        walked_out: Sender<()>,
    ) -> std::io::Result<Self> {
        let reducers: Reducers = Arc::new(walker.reducers());
        let answers = Arc::new(Answers::new(Arc::clone(source), Arc::clone(&reducers)));
        let walks = Walks::new(replaying::start(walker, outlet.clone(), walked_out)?);
        let slots = Slots::start(Arc::clone(&answers), outlet.clone())?;
        Ok(Self { walks, slots, answers, reducers })
    }
}

impl Desk {
    /// Starts the threads. The source is described at once and read to its end after [`Desk::begin`]. What is received last
    /// is that the last thread that walks has ended, and with it the processes of its reducers.
    ///
    /// # Errors
    /// When the system refuses a thread.
    pub fn start(
        source: Arc<dyn Source>,
        walker: Walker,
        reopen: Option<Reopen>,
        threads: Arc<dyn Threads>,
    ) -> std::io::Result<(Self, Receiver<()>)> {
        let (walked_out, ended) = channel();
        let outlet = Outlet { threads, opening: 0 };
        let Workers { walks, slots, answers, reducers } = Workers::start(&source, walker, &outlet, walked_out.clone())?;
        let (begin, begun) = channel();
        let reading = Cancel::default();
        watching::start((source, reducers), begun, reading.clone(), outlet.clone())?;
        let begin = Some(begin);
        let desk =
            Self { outlet, walks, slots, answers, reopen, walked_out, reading, begin, opened: false, read: false };
        Ok((desk, ended))
    }

    /// The first frame is shown: the source may be read.
    pub fn begin(&mut self) {
        if let Some(begin) = self.begin.take() {
            // Whoever waits for it may have ended.
            let _ = begin.send(());
        }
    }

    /// Takes a question; gives what can be said of it at once.
    pub fn ask(&mut self, ask: Ask, now: Instant) -> Option<Told> {
        match sorting::sort(ask) {
            Work::Walk { generation, scope, from, to } => {
                self.walks.asked(generation);
                self.slots.place(generation, scope, from, to);
            }
            Work::Order(order) => self.walks.order(order, now),
            Work::Read(kind, ask) => self.slots.answer(kind, ask),
            Work::Stop(kinds, walks) => {
                if walks == sorting::Walks::Stop {
                    self.walks.stop();
                }
                self.slots.stop(kinds);
            }
            Work::Reopen(generation) => match &self.reopen {
                Some(reopen) => self.slots.reopen(generation, Arc::clone(reopen)),
                None => {
                    let why = "it came through a pipe, which can be read only once";
                    let failure = Failure::new(FailureKind::Unsupported, "stepback", "open it again", why);
                    return Some(Told::JobFailed { generation, failure });
                }
            },
        }
        None
    }

    /// Takes what a thread says; gives what the guest is told of it, in order. What is said of a source that was left is
    /// nobody's business.
    pub fn hear(&mut self, heard: Heard, now: Instant) -> Vec<Told> {
        if heard.opening != self.outlet.opening {
            return Vec::new();
        }
        match heard.word {
            Word::Told(told) => {
                if let Told::StreamsListed(streams) = &told {
                    self.answers.listed(streams);
                }
                vec![told]
            }
            Word::Opened => {
                self.opened = true;
                Vec::new()
            }
            Word::SourceRead => {
                self.read = true;
                Vec::new()
            }
            Word::Placed(generation, placed) => {
                self.walks.placed(generation, placed, now);
                Vec::new()
            }
            Word::Walked(answers) => {
                let place = self.walks.finished(&answers, now);
                place.into_iter().chain(answers).collect()
            }
            Word::Reloaded(Refreshed { happened, refused: None }) => {
                vec![Told::ReducerReloaded(format!("{happened}: folding again …"))]
            }
            Word::Reloaded(Refreshed { refused: Some(stale), .. }) => {
                vec![Told::ReducerRefused(format!("{stale}: this state is from before the save"))]
            }
            Word::Reopened(opened) => self.reopened(*opened),
            Word::SlotEmptied => Vec::new(),
        }
    }

    /// Goes on with a source that was opened again: other threads walk and read it, and everything is told again.
    fn reopened(&mut self, Opened { source, walker }: Opened) -> Vec<Told> {
        let failed = |doing, error| {
            let failure = Failure::io("stepback", doing, &error);
            Told::JobFailed { generation: Generation::default(), failure }
        };
        let outlet = Outlet { opening: self.outlet.opening + 1, ..self.outlet.clone() };
        let workers = match Workers::start(&source, walker, &outlet, self.walked_out.clone()) {
            Ok(workers) => workers,
            Err(error) => return vec![failed("go on with what was opened again", error)],
        };
        self.reading.cancel();
        let reducers = workers.reducers;
        (self.walks, self.slots, self.answers) = (workers.walks, workers.slots, workers.answers);
        (self.outlet, self.reading, self.read) = (outlet, Cancel::default(), false);
        let mut told = vec![Told::Reopened];
        let (begin, begun) = channel();
        // It is received as soon as there is somebody to receive it.
        let _ = begin.send(());
        if let Err(error) = watching::start((source, reducers), begun, self.reading.clone(), self.outlet.clone()) {
            told.push(failed("read what was opened again", error));
        }
        told
    }

    /// A frame with everything told so far is on its way.
    pub fn drawn(&mut self, now: Instant) {
        self.walks.drawn(now);
    }

    /// When [`Desk::work`] must be called at the latest.
    pub fn due(&self) -> Option<Instant> {
        self.walks.due()
    }

    /// Does what is due; gives what is to be told now.
    pub fn work(&mut self, now: Instant) -> Option<Told> {
        self.walks.work(now);
        self.walks.due_place(now)
    }

    /// Whether the source has said what is known of it at once.
    pub fn is_opened(&self) -> bool {
        self.opened
    }

    /// Whether the source has been read to its end, or cannot be.
    pub fn is_read(&self) -> bool {
        self.read
    }

    /// Whether nothing that was asked is under way and nothing waits.
    pub fn is_idle(&self) -> bool {
        self.walks.is_idle() && self.slots.are_idle()
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.reading.cancel();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::Inline;
    use super::super::threads::testing;
    use super::*;
    use crate::ask::Survey;
    use crate::domain::{Destination, Direction, Event, EventQuery, Payload, Position, Scope, Version};
    use crate::session::ReducerBook;
    use crate::sources::memory::Memory;

    fn events(count: u64) -> Vec<Event> {
        let event = |n: u64| {
            let stream = if n.is_multiple_of(3) { "order-2" } else { "order-1" };
            let data = Payload::json_text(format!(r#"{{"n":{n}}}"#));
            Event { data, ..Event::new(stream, Version(n), Position::Number(n), "Counted") }
        };
        (1..=count).map(event).collect()
    }

    fn opened(count: u64) -> (Arc<dyn Source>, Walker) {
        let source: Arc<dyn Source> = Arc::new(Memory::new("memory", events(count)));
        (Arc::clone(&source), Walker::new(source, ReducerBook::empty()))
    }

    /// A desk, and what its threads say.
    struct Bench(Desk, Receiver<Heard>);

    impl Bench {
        /// Over so many events, and over others when it is opened again.
        fn open(count: u64, again: Option<u64>) -> Self {
            let (threads, heard) = testing::threads();
            let (source, walker) = opened(count);
            let reopen = again.map(|count| Arc::new(move || Ok(opened(count))) as Reopen);
            let (desk, _) = Desk::start(source, walker, reopen, threads).unwrap();
            let mut bench = Self(desk, heard);
            while !bench.0.is_opened() {
                bench.hear();
            }
            bench
        }

        fn hear(&mut self) -> Vec<Told> {
            self.0.hear(self.1.recv().unwrap(), Instant::now())
        }

        /// Asks, and hears all that is answered.
        fn ask(&mut self, ask: Ask) -> Vec<Told> {
            let mut told: Vec<Told> = self.0.ask(ask, Instant::now()).into_iter().collect();
            loop {
                // In this order: what a job says is there before it counts as ended.
                let idle = self.0.is_idle();
                match self.1.try_recv() {
                    Ok(heard) => told.extend(self.0.hear(heard, Instant::now())),
                    Err(_) if idle => return told,
                    Err(_) => told.extend(self.hear()),
                }
            }
        }
    }

    fn page(generation: u64) -> Ask {
        Ask::LoadEvents { generation: Generation(generation), query: EventQuery::first(Scope::All, 100) }
    }

    fn loaded(told: &[Told]) -> Vec<usize> {
        let loaded = |one: &Told| match one {
            Told::EventsLoaded { page, .. } => Some(page.events.len()),
            _ => None,
        };
        told.iter().filter_map(loaded).collect()
    }

    /// What was found, and the last answer; in how many parts it came, and what is counted meanwhile, depends on the clock.
    fn said(told: &[Told]) -> (Vec<u64>, Option<String>) {
        let found = |one: &Told| match one {
            Told::Sifted { ordinals, .. } | Told::HitsFound { ordinals, .. } => ordinals.clone(),
            _ => Vec::new(),
        };
        let last = told.iter().rfind(|one| !matches!(one, Told::FaultsCounted(_)));
        (told.iter().flat_map(found).collect(), last.map(|one| format!("{one:?}")))
    }

    #[test]
    fn threads_answer_what_is_answered_without_them() {
        let (source, walker) = opened(20);
        let mut inline = Inline::new(source, walker);
        inline.opened().unwrap();
        let mut bench = Bench::open(20, None);
        let generation = Generation(3);
        let (stream, scope) = ("order-1".into(), Scope::Stream("order-1".into()));
        let direction = Direction::Forward;
        let (pattern, expression) = ("4".to_owned(), false);
        let questions = [
            page(3),
            Ask::LoadSome { generation, scope: scope.clone(), ordinals: vec![1, 5] },
            Ask::SampleTimes { generation, scope: Scope::All, ordinals: vec![0] },
            Ask::Sift { generation, scope: Scope::All, filter: "n > 7".into(), from: 2 },
            Ask::Go { generation, scope: scope.clone(), from: 0, to: Destination::To(4) },
            Ask::Go { generation, scope: Scope::All, from: 0, to: Destination::Id("nowhere".into()) },
            Ask::FilterStreams { generation, pattern: "2".into() },
            Ask::Find {
                generation,
                pattern: pattern.clone(),
                expression,
                scope: scope.clone(),
                from: 1,
                counted_in: scope.clone(),
                direction,
            },
            Ask::Search { generation, pattern, expression, scope },
            Ask::Survey { generation, survey: Survey::Types },
            Ask::NamePlaces { generation, stream, places: vec![0, 2] },
            Ask::Pin(None),
            Ask::Unpin,
        ];
        for question in questions {
            let (with, without) = (bench.ask(question.clone()), inline.ask(question.clone()));
            bench.0.drawn(Instant::now());
            assert_eq!(said(&with), said(&without), "{question:?}");
            assert!(!without.is_empty() || matches!(question, Ask::Pin(_) | Ask::Unpin), "{question:?}");
        }
    }

    #[test]
    fn what_is_said_of_a_source_that_was_left_is_not_told() {
        let mut bench = Bench::open(5, Some(9));
        assert_eq!(loaded(&bench.ask(page(1))), [5]);
        let mut told = bench.ask(Ask::Reopen { generation: Generation(2) });
        while !told.iter().any(|one| matches!(one, Told::Reopened)) {
            told.extend(bench.hear());
        }
        let late = |opening| Heard { opening, word: Word::Told(Told::PlaceNoticed("late".into())) };
        assert!(bench.0.hear(late(0), Instant::now()).is_empty());
        assert_eq!(bench.0.hear(late(1), Instant::now()).len(), 1);
        let mut told = bench.ask(page(3));
        while loaded(&told).is_empty() {
            told.extend(bench.hear());
        }
        assert_eq!(loaded(&told), [9]);
    }

    #[test]
    fn what_cannot_be_opened_again_is_told_at_once() {
        let mut bench = Bench::open(1, None);
        let told = bench.ask(Ask::Reopen { generation: Generation(7) });
        assert!(matches!(&told[..], [Told::JobFailed { generation: Generation(7), .. }]), "{told:?}");
    }
}
