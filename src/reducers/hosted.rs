//! A reducer in a process of its own, seen from here: the side that sends events to a worker and hears what became of
//! them. What runs in the process, and what a language promises its scripts, stands elsewhere (`host`, `javascript`).
//!
//! Invariant: every call returns within the limits, whatever the script does. A script that loops is stopped by its
//! engine (an ordinary fault); one that hangs where the engine cannot see it is killed with its process (`Lost`), and the
//! next `start` begins a new one.

mod exact;
mod many;
mod records;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use self::exact::Exact;
use self::records::{Keys, write_request};
use super::protocol::{Answer, MAX_STATE, Problem, Request, Sandbox};
use super::worker::{Broken, Worker};
use crate::domain::{Cancel, Event, Json, Path, State, StreamName};
use crate::replay::{
    Cause, FoldError, Lost, Partition, Reducer, ReducerInfo, ScriptPlace, Start, StateText, ValueChange,
};

/// So many requests are under way at once: one is folded while the next is written.
const UNDER_WAY: usize = 2;

/// What is kept of the script's console, in bytes.
const MAX_CONSOLE: usize = 256 << 10;

/// How long and how large a script may get.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Processor time for folding one event.
    pub event: Duration,
    /// Processor time for anything else it does at one go: loading, making an initial state, giving a state; and how
    /// long the process may be silent at work.
    pub call: Duration,
    /// How long a new process may take to say its first word.
    pub hello: Duration,
    /// The memory of the engine, in bytes.
    pub memory: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            event: Duration::from_millis(50),
            call: Duration::from_secs(2),
            hello: Duration::from_secs(10),
            memory: 256 << 20,
        }
    }
}

/// What is hosted, and how.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hosting {
    /// What it is called where something is said of it: the name of its file.
    pub name: String,
    /// The program that is started.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// What it is given to run.
    pub script: String,
    /// How long and how large it may get.
    pub limits: Limits,
    /// Why it cannot be hosted at all, where it cannot.
    pub refused: Option<String>,
}

/// A hosted reducer. Its process is started by the first `start` and ends with it.
pub struct Hosted {
    hosting: Hosting,
    info: ReducerInfo,
    worker: Option<Worker>,
    sandbox: Option<Sandbox>,
    /// The stream of the fold; `None` when there is no state.
    stream: Option<StreamName>,
    /// What states are told apart by, where there is one for each key.
    partition: Option<Partition>,
    /// The paths whose values the process watches.
    watched: Vec<Path>,
    /// Counts the batches.
    batch: u32,
    /// Whether each event is announced, because one of them killed the process and it is not known which.
    careful: bool,
    exact: Exact,
    console: String,
    /// Who asked for the fold may no longer want it.
    cancel: Cancel,
}

impl Hosted {
    /// A reducer; nothing is started and the script not looked at.
    pub fn new(hosting: Hosting, info: ReducerInfo) -> Self {
        Self {
            hosting,
            info,
            worker: None,
            sandbox: None,
            stream: None,
            partition: None,
            watched: Vec::new(),
            batch: 0,
            careful: false,
            exact: Exact::default(),
            console: String::new(),
            cancel: Cancel::default(),
        }
    }

    /// Starts the process and loads the script, when that is not done yet: tells what is wrong with it before a stream is
    /// chosen.
    ///
    /// # Errors
    /// When the process cannot be started, or the script is wrong.
    pub fn load(&mut self) -> Result<(), FoldError> {
        if self.worker.is_some() {
            return Ok(());
        }
        if let Some(why) = &self.hosting.refused {
            return Err(FoldError::new(why.clone()));
        }
        let mut worker = Worker::start(&self.hosting.program, &self.hosting.arguments)
            .map_err(|error| FoldError::new(format!("cannot start the process for {}: {error}", self.hosting.name)))?;
        match worker.answer(self.hosting.limits.hello) {
            Ok(Answer::Hello { sandbox, .. }) => self.sandbox = Some(sandbox),
            Ok(_) => return Err(FoldError::new("the reducer's process does not introduce itself")),
            Err(broken) => return Err(self.broken(&broken)),
        }
        let limits = self.hosting.limits;
        let load = Request::Load {
            event_micros: micros(limits.event),
            call_micros: micros(limits.call),
            memory: limits.memory,
            source: &self.hosting.script,
        };
        load.write(worker.requests());
        self.worker = Some(worker);
        self.watched.clear();
        match self.final_answer()? {
            Answer::Done => Ok(()),
            Answer::Failed(problem) => {
                // The next attempt looks at the script again.
                self.worker = None;
                Err(self.fold_error(problem))
            }
            _ => Err(self.garbled()),
        }
    }

    /// How far the process is locked in; known once it was started.
    pub fn sandbox(&self) -> Option<&Sandbox> {
        self.sandbox.as_ref()
    }

    /// The process, while there is one.
    pub fn process(&self) -> Option<u32> {
        self.worker.as_ref().and_then(Worker::process)
    }

    /// What the script wrote to its console since this was last asked, bounded.
    pub fn take_console(&mut self) -> String {
        std::mem::take(&mut self.console)
    }

    /// The answer to the only request under way.
    fn final_answer(&mut self) -> Result<Answer, FoldError> {
        let silence = self.silence();
        loop {
            let Some(worker) = &mut self.worker else { return Err(self.no_state()) };
            match worker.answer(silence) {
                Ok(Answer::Working) => (),
                Ok(Answer::Stuck(_)) => {
                    self.end();
                    // The next fold finds out which event did it.
                    self.careful = true;
                    return Err(FoldError::timed_out(format!(
                        "{} was stopped: it took more than {} ms",
                        self.hosting.name,
                        self.hosting.limits.call.as_millis()
                    )));
                }
                Ok(answer) => return Ok(answer),
                Err(broken) => {
                    self.end();
                    return Err(self.broken(&broken));
                }
            }
        }
    }

    /// How long the process may say nothing: its watchdog speaks long before.
    fn silence(&self) -> Duration {
        self.hosting.limits.call.max(self.hosting.limits.event) * 2 + Duration::from_secs(1)
    }

    fn end(&mut self) {
        self.worker = None;
        self.stream = None;
    }

    fn no_state(&self) -> FoldError {
        FoldError::new(format!("{} has no state: it must be started", self.hosting.name))
    }

    fn garbled(&mut self) -> FoldError {
        self.end();
        FoldError::new("the reducer's process gives answers to what was not asked")
    }

    fn broken(&self, broken: &Broken) -> FoldError {
        let name = &self.hosting.name;
        match broken {
            Broken::Silent(silence) => {
                FoldError::timed_out(format!("{name} was stopped: its process said nothing for {silence:.1?}"))
            }
            Broken::Ended(how) => FoldError::new(format!("the process of {name} is gone: {how}")),
            Broken::Garbled(why) => FoldError::new(format!("the process of {name} was stopped: {why}")),
        }
    }

    fn fold_error(&self, problem: Problem) -> FoldError {
        let file = self.hosting.name.clone();
        FoldError {
            message: problem.message,
            place: problem.place.map(|(line, column)| ScriptPlace { file, line, column }),
            cause: problem.cause,
        }
    }

    /// Why the process did not live to give its state: it had no script to run but for that.
    fn unwritten(&self, why: FoldError) -> FoldError {
        let cause = if why.is_timed_out() { Cause::TimedOut } else { Cause::TooMuch };
        FoldError { message: format!("the state cannot be written as JSON: {}", why.message), cause, ..why }
    }

    fn lost(&mut self, at: Option<usize>, why: FoldError) -> Lost {
        self.end();
        self.careful = at.is_none();
        Lost { at, why }
    }

    fn begin(&mut self, from: Start<'_>) -> Result<(), FoldError> {
        match from {
            Start::Initial(stream) => {
                self.load()?;
                let Some(worker) = &mut self.worker else { return Err(self.no_state()) };
                Request::StartInitial { stream: stream.as_str() }.write(worker.requests());
                self.begun(stream)
            }
            Start::Resume(stream, state) => {
                let text = state.as_ref().map(Json::to_string);
                let exact = text.as_ref().map_or_else(Vec::new, |text| self.exact.of(text));
                self.resume(stream, &StateText { text, exact })
            }
        }
    }

    fn resume(&mut self, stream: &StreamName, state: &StateText) -> Result<(), FoldError> {
        self.load()?;
        let Some(worker) = &mut self.worker else { return Err(self.no_state()) };
        let StateText { text, exact } = state;
        if text.as_ref().is_some_and(|text| text.len() > MAX_STATE) {
            return Err(FoldError::new("the state is too large to go on from"));
        }
        Request::StartResume { stream: stream.as_str(), state: text.as_deref(), exact: exact.clone() }
            .write(worker.requests());
        self.begun(stream)
    }

    /// Hears whether the process has begun with this stream.
    fn begun(&mut self, stream: &StreamName) -> Result<(), FoldError> {
        match self.final_answer()? {
            Answer::Done => {
                self.stream = Some(stream.clone());
                Ok(())
            }
            Answer::Failed(problem) => Err(self.fold_error(problem)),
            _ => Err(self.garbled()),
        }
    }

    fn fold(
        &mut self,
        stream: &StreamName,
        events: &[Arc<Event>],
        faults: &mut Vec<(usize, FoldError)>,
        changes: &mut Vec<ValueChange>,
    ) -> Result<usize, Lost> {
        let partition = self.partition.clone();
        let keys = Keys::of(stream, partition.as_ref());
        let (silence, careful) = (self.silence(), self.careful);
        self.batch = self.batch.wrapping_add(1);
        // Where the worker stopped, when it did before the end: the requests behind come back as they went.
        let mut stopped: Option<usize> = None;
        let (mut written, mut under_way, mut announced) = (0, 0, None);
        while let Some(worker) = &mut self.worker {
            if self.cancel.is_cancelled() {
                self.end();
                return Err(Lost { at: None, why: FoldError::new(format!("{} was stopped", self.hosting.name)) });
            }
            while stopped.is_none() && written < events.len() && under_way < UNDER_WAY {
                let oversized =
                    &mut |index| faults.push((index, FoldError::new("the event is too large to be folded")));
                written += write_request(
                    worker.requests(),
                    &keys,
                    &events[written..],
                    written,
                    (self.batch, careful),
                    oversized,
                );
                under_way += 1;
            }
            if under_way == 0 {
                let dealt = stopped.unwrap_or(events.len());
                faults.retain(|(index, _)| *index < dealt);
                return Ok(dealt);
            }
            match worker.answer(silence) {
                Ok(Answer::Working) => (),
                Ok(Answer::At(index)) => announced = Some(index as usize),
                Ok(Answer::Applied { faults: found, next, console, values }) => {
                    under_way -= 1;
                    let next = next.map(|next| next as usize);
                    if next.is_some_and(|next| next == 0 || next >= events.len()) {
                        return Err(self.lost_to_nonsense());
                    }
                    stopped = stopped.or(next);
                    for (index, problem) in found {
                        if index as usize >= events.len() {
                            return Err(self.lost_to_nonsense());
                        }
                        faults.push((index as usize, self.fold_error(problem)));
                    }
                    for value in values {
                        if value.index as usize >= events.len() || value.path as usize >= self.watched.len() {
                            return Err(self.lost_to_nonsense());
                        }
                        changes.push(self.value_change(value));
                    }
                    let room = MAX_CONSOLE.saturating_sub(self.console.len());
                    if console.len() <= room {
                        self.console.push_str(&console);
                    }
                }
                Ok(Answer::Stuck(at)) => {
                    let why = FoldError::timed_out(format!(
                        "it hangs: after {} ms it does not come back, and its process was ended",
                        self.hosting.limits.event.as_millis()
                    ));
                    return Err(self.lost(at.map(|at| at as usize).filter(|at| *at < events.len()), why));
                }
                Ok(Answer::Heavy(problem)) => {
                    let why = self.fold_error(problem);
                    return Err(self.lost(None, why));
                }
                Ok(Answer::Gone { at, problem }) if (at as usize) < events.len() => {
                    let why = self.fold_error(problem);
                    return Err(self.lost(Some(at as usize), why));
                }
                Ok(_) => return Err(self.lost_to_nonsense()),
                Err(broken) => {
                    let why = self.broken(&broken);
                    return Err(self.lost(announced, why));
                }
            }
        }
        let why = self.no_state();
        Err(Lost { at: None, why })
    }

    /// The answer to a request for a state.
    fn asked_state(&mut self, request: Request<'_>) -> Result<StateText, FoldError> {
        match self.asked(request)? {
            Answer::State { text: Some(text), .. } if text.len() > MAX_STATE => Err(self.garbled()),
            Answer::State { text, exact } => Ok(StateText { text, exact }),
            Answer::Failed(problem) => Err(self.fold_error(problem)),
            _ => Err(self.garbled()),
        }
    }

    /// The answer to a request that only looks at what was folded.
    fn asked(&mut self, request: Request<'_>) -> Result<Answer, FoldError> {
        let (Some(worker), true) = (&mut self.worker, self.stream.is_some()) else { return Err(self.no_state()) };
        request.write(worker.requests());
        self.final_answer().map_err(|why| self.unwritten(why))
    }

    fn read_state(&mut self, StateText { text, exact }: StateText) -> Result<State, FoldError> {
        let Some(text) = text else { return Ok(None) };
        let state = Json::parse(text.as_bytes()).map_err(|error| not_json(&error))?;
        self.exact.remember(&state, exact);
        Ok(Some(state))
    }

    fn lost_to_nonsense(&mut self) -> Lost {
        let why = self.garbled();
        Lost { at: None, why }
    }
}

impl Reducer for Hosted {
    fn start(&mut self, from: Start<'_>) -> Result<(), FoldError> {
        self.stream = None;
        if self.partition.is_none() {
            return self.begin(from);
        }
        match from {
            Start::Initial(stream) => self.begin_many(stream),
            Start::Resume(stream, states) => self.resume_many(stream, states),
        }
    }

    fn start_from_text(&mut self, stream: &StreamName, state: &StateText) -> Result<(), FoldError> {
        self.stream = None;
        if self.partition.is_none() {
            return self.resume(stream, state);
        }
        let text = state.text.as_deref().unwrap_or_default();
        let states = Json::parse(text.as_bytes()).map_err(|error| FoldError::new(error.to_string()))?;
        self.resume_many(stream, &Some(states))
    }

    fn keep_by(&mut self, partition: &Partition) -> bool {
        self.stream = None;
        self.partition = Some(partition.clone());
        true
    }

    fn watch(
        &mut self,
        paths: &[Path],
        events: &[Arc<Event>],
        faults: &mut Vec<(usize, FoldError)>,
        changes: &mut Vec<ValueChange>,
    ) -> Result<usize, Lost> {
        let Some(stream) = self.stream.clone() else {
            let why = self.no_state();
            return Err(Lost { at: None, why });
        };
        if self.watched != paths {
            self.watch_from_now(paths).map_err(|why| self.lost(None, why))?;
        }
        let (mut found, mut changed) = (Vec::new(), Vec::new());
        let dealt = self.fold(&stream, events, &mut found, &mut changed)?;
        found.sort_by_key(|(index, _)| *index);
        faults.extend(found);
        changes.extend(changed.into_iter().filter(|change| change.event < dealt));
        Ok(dealt)
    }

    fn heed(&mut self, cancel: &Cancel) {
        self.cancel = cancel.clone();
    }

    fn apply(&mut self, events: &[Arc<Event>], faults: &mut Vec<(usize, FoldError)>) -> Result<usize, Lost> {
        self.watch(&[], events, faults, &mut Vec::new())
    }

    fn state(&mut self) -> Result<State, FoldError> {
        let text = self.state_text()?;
        self.read_state(text)
    }

    fn state_of(&mut self, event: &Event) -> Result<State, FoldError> {
        let Some(partition) = &self.partition else { return self.state() };
        let Some(key) = partition.key(event) else { return Ok(None) };
        let text = self.asked_state(Request::StateOf { key: key.as_str() })?;
        self.read_state(text)
    }

    fn state_text(&mut self) -> Result<StateText, FoldError> {
        if self.partition.is_some() { self.all_states() } else { self.asked_state(Request::State) }
    }

    fn info(&self) -> &ReducerInfo {
        &self.info
    }
}

fn not_json(error: &impl std::fmt::Display) -> FoldError {
    FoldError::new(format!("the state is not JSON: {error}"))
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
