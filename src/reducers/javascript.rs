//! A JavaScript module as a reducer. The script never runs here: this is the side that sends events to a worker process
//! and hears what became of them.
//!
//! Invariant: every call returns within the limits, whatever the script does. A script that loops is stopped by its
//! engine (an ordinary fault); one that hangs where the engine cannot see it is killed with its process (`Lost`), and the
//! next `start` begins a new one.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::protocol::{
    Answer, EventRecord, MAX_REQUEST, MAX_STATE, PayloadRecord, PositionRecord, Problem, Request, Sandbox, write_apply,
    write_event,
};
use super::worker::{Broken, Worker};
use crate::domain::State;
use crate::domain::{Cancel, Event, Form, Json, Payload, Position, StreamName};
use crate::replay::{Cause, Fingerprint, FoldError, Lost, Reducer, ReducerInfo, ScriptPlace, Start, StateCost};

/// What runs the scripts. A part of every fingerprint: states of another engine are not ours.
pub const ENGINE: &str = "quickjs-ng (rquickjs 0.14)";

/// What the script is promised (`docs/reducers.md`), counted up when it changes: a part of every fingerprint too.
const CONTRACT: u32 = 1;

/// The hidden first argument that makes this program a worker.
pub const HOST_ARGUMENT: &str = "reducer-host";

/// A request carries about this many bytes of events: enough to make turns rare, little enough to hear of life often.
const REQUEST: usize = 256 << 10;

/// So many requests are under way at once: one is folded while the next is written.
const UNDER_WAY: usize = 2;

/// How many states with small exact integers are remembered.
const MAX_EXACT: usize = 1 << 20;

/// The largest payload that crosses, in bytes. A larger one is told instead.
const MAX_PAYLOAD: usize = 64 << 20;

/// The largest script, in bytes.
const MAX_SOURCE: usize = 16 << 20;

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

/// What a JavaScript reducer is made of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JavaScriptConfig {
    /// The name of the file, as it is to be shown.
    pub file_name: String,
    /// What is in it.
    pub source: String,
    /// The program that hosts it: this one.
    pub host: PathBuf,
    /// How long and how large it may get.
    pub limits: Limits,
}

/// A JavaScript reducer. Its process is started by the first `start` and ends with it.
pub struct JavaScript {
    config: JavaScriptConfig,
    info: ReducerInfo,
    worker: Option<Worker>,
    sandbox: Option<Sandbox>,
    /// The stream of the fold; `None` when there is no state.
    stream: Option<StreamName>,
    /// Counts the batches.
    batch: u32,
    /// Whether each event is announced, because one of them killed the process and it is not known which.
    careful: bool,
    /// The small exact integers of states given earlier: their JSON text does not tell them from other numbers.
    exact: HashMap<u64, Arc<[u32]>>,
    /// Their places in the last one: most states of a script have the same.
    last_exact: Arc<[u32]>,
    console: String,
    /// Who asked for the fold may no longer want it.
    cancel: Cancel,
}

impl JavaScript {
    /// A reducer; nothing is started and the script not looked at.
    pub fn new(config: JavaScriptConfig) -> Self {
        let fingerprint = fingerprint(&config.source);
        let info = ReducerInfo {
            name: config.file_name.clone(),
            approximate: false,
            fingerprint,
            cost: StateCost::Copy,
            stale: None,
        };
        Self {
            config,
            info,
            worker: None,
            sandbox: None,
            stream: None,
            batch: 0,
            careful: false,
            exact: HashMap::new(),
            last_exact: Arc::default(),
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
        if cfg!(not(feature = "javascript")) {
            return Err(FoldError::new(format!(
                "{}: this build of stepback has no JavaScript engine (it was built without the feature `javascript`)",
                self.config.file_name
            )));
        }
        if self.config.source.len() > MAX_SOURCE {
            return Err(FoldError::new(format!("{} is too large for a script", self.config.file_name)));
        }
        let mut worker = Worker::start(&self.config.host, &[HOST_ARGUMENT]).map_err(|error| {
            FoldError::new(format!("cannot start the process for {}: {error}", self.config.file_name))
        })?;
        match worker.answer(self.config.limits.hello) {
            Ok(Answer::Hello { sandbox, .. }) => self.sandbox = Some(sandbox),
            Ok(_) => return Err(FoldError::new("the reducer's process does not introduce itself")),
            Err(broken) => return Err(self.broken(&broken)),
        }
        let limits = self.config.limits;
        let load = Request::Load {
            event_micros: micros(limits.event),
            call_micros: micros(limits.call),
            memory: limits.memory,
            source: &self.config.source,
        };
        load.write(worker.requests());
        self.worker = Some(worker);
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
                        self.config.file_name,
                        self.config.limits.call.as_millis()
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
        self.config.limits.call.max(self.config.limits.event) * 2 + Duration::from_secs(1)
    }

    fn end(&mut self) {
        self.worker = None;
        self.stream = None;
    }

    fn no_state(&self) -> FoldError {
        FoldError::new(format!("{} has no state: it must be started", self.config.file_name))
    }

    fn garbled(&mut self) -> FoldError {
        self.end();
        FoldError::new("the reducer's process gives answers to what was not asked")
    }

    fn broken(&self, broken: &Broken) -> FoldError {
        let name = &self.config.file_name;
        match broken {
            Broken::Silent(silence) => {
                FoldError::timed_out(format!("{name} was stopped: its process said nothing for {silence:.1?}"))
            }
            Broken::Ended(how) => FoldError::new(format!("the process of {name} is gone: {how}")),
            Broken::Garbled(why) => FoldError::new(format!("the process of {name} was stopped: {why}")),
        }
    }

    fn fold_error(&self, problem: Problem) -> FoldError {
        let file = self.config.file_name.clone();
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
        self.load()?;
        let Some(worker) = &mut self.worker else { return Err(self.no_state()) };
        let stream = match from {
            Start::Initial(stream) => {
                Request::StartInitial { stream: stream.as_str() }.write(worker.requests());
                stream
            }
            Start::Resume(stream, state) => {
                let text = state.as_ref().map(Json::to_string);
                if text.as_ref().is_some_and(|text| text.len() > MAX_STATE) {
                    return Err(FoldError::new("the state is too large to go on from"));
                }
                let exact = text.as_ref().and_then(|text| self.exact.get(&hash(text)));
                let exact = exact.map_or_else(Vec::new, |places| places.to_vec());
                Request::StartResume { stream: stream.as_str(), state: text.as_deref(), exact }
                    .write(worker.requests());
                stream
            }
        };
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
    ) -> Result<usize, Lost> {
        let (silence, careful) = (self.silence(), self.careful);
        self.batch = self.batch.wrapping_add(1);
        // Where the worker stopped, when it did before the end: the requests behind come back as they went.
        let mut stopped: Option<usize> = None;
        let (mut written, mut under_way, mut announced) = (0, 0, None);
        while let Some(worker) = &mut self.worker {
            if self.cancel.is_cancelled() {
                self.end();
                return Err(Lost { at: None, why: FoldError::new(format!("{} was stopped", self.config.file_name)) });
            }
            while stopped.is_none() && written < events.len() && under_way < UNDER_WAY {
                let oversized =
                    &mut |index| faults.push((index, FoldError::new("the event is too large to be folded")));
                written += write_request(
                    worker.requests(),
                    stream,
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
                Ok(Answer::Applied { faults: found, next, console }) => {
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
                    let room = MAX_CONSOLE.saturating_sub(self.console.len());
                    if console.len() <= room {
                        self.console.push_str(&console);
                    }
                }
                Ok(Answer::Stuck(at)) => {
                    let why = FoldError::timed_out(format!(
                        "it hangs: after {} ms it does not come back, and its process was ended",
                        self.config.limits.event.as_millis()
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

    fn lost_to_nonsense(&mut self) -> Lost {
        let why = self.garbled();
        Lost { at: None, why }
    }

    /// Remembers which small integers of a state are exact.
    fn remember(&mut self, state: &Json, exact: Vec<u32>) {
        if !exact.is_empty() {
            if self.exact.len() >= MAX_EXACT {
                self.exact.clear();
            }
            if *self.last_exact != *exact {
                self.last_exact = exact.into();
            }
            self.exact.insert(hash(&state.to_string()), self.last_exact.clone());
        }
    }
}

impl Reducer for JavaScript {
    fn start(&mut self, from: Start<'_>) -> Result<(), FoldError> {
        self.stream = None;
        self.begin(from)
    }

    fn heed(&mut self, cancel: &Cancel) {
        self.cancel = cancel.clone();
    }

    fn apply(&mut self, events: &[Arc<Event>], faults: &mut Vec<(usize, FoldError)>) -> Result<usize, Lost> {
        let Some(stream) = self.stream.clone() else {
            let why = self.no_state();
            return Err(Lost { at: None, why });
        };
        let mut found = Vec::new();
        let dealt = self.fold(&stream, events, &mut found)?;
        found.sort_by_key(|(index, _)| *index);
        faults.extend(found);
        Ok(dealt)
    }

    fn state(&mut self) -> Result<State, FoldError> {
        let (Some(worker), true) = (&mut self.worker, self.stream.is_some()) else { return Err(self.no_state()) };
        Request::State.write(worker.requests());
        let answer = self.final_answer().map_err(|why| self.unwritten(why))?;
        match answer {
            Answer::State { text: None, .. } => Ok(None),
            Answer::State { text: Some(text), exact } => {
                if text.len() > MAX_STATE {
                    return Err(self.garbled());
                }
                let state = Json::parse(text.as_bytes())
                    .map_err(|error| FoldError::new(format!("the state is not JSON: {error}")))?;
                self.remember(&state, exact);
                Ok(Some(state))
            }
            Answer::Failed(problem) => Err(self.fold_error(problem)),
            _ => Err(self.garbled()),
        }
    }

    fn info(&self) -> &ReducerInfo {
        &self.info
    }
}

/// Writes one request of as many events as fit; returns how many were taken.
fn write_request(
    out: &mut Vec<u8>,
    stream: &StreamName,
    events: &[Arc<Event>],
    first: usize,
    (batch, careful): (u32, bool),
    oversized: &mut impl FnMut(usize),
) -> usize {
    write_apply(out, batch, careful, |out| {
        let (begun, mut taken) = (out.len(), 0);
        for event in events {
            if out.len() - begun >= REQUEST {
                break;
            }
            // A record that could not be read says nothing to anybody.
            if event.trouble.is_none() {
                let before = out.len();
                write_record(out, stream, event, first + taken);
                // Its payloads are bounded; this is for one with an endless name.
                if out.len() - before > MAX_REQUEST - REQUEST {
                    out.truncate(before);
                    oversized(first + taken);
                }
            }
            taken += 1;
        }
        taken
    })
}

fn write_record(out: &mut Vec<u8>, stream: &StreamName, event: &Event, index: usize) {
    let mut time = [0; 64];
    let time = event.time.and_then(|moment| {
        let mut rest = time.as_mut_slice();
        write!(rest, "{moment}").ok()?;
        let left = rest.len();
        std::str::from_utf8(&time[..time.len() - left]).ok()
    });
    let (mut decoded_data, mut decoded_metadata, mut decoded_fields) = (Vec::new(), Vec::new(), Vec::new());
    write_event(
        out,
        &EventRecord {
            index: index as u32,
            stream: (event.stream != *stream).then_some(event.stream.as_str()),
            event_type: &event.event_type,
            version: event.version.0,
            position: match &event.position {
                Position::Number(number) => PositionRecord::Number(*number),
                Position::Text(text) => PositionRecord::Text(text),
            },
            id: event.id.as_deref(),
            time,
            data: payload(&event.data, &mut decoded_data),
            metadata: payload(&event.metadata, &mut decoded_metadata),
            fields: payload(&event.fields, &mut decoded_fields),
        },
    );
}

/// A payload as it crosses; what must be decoded is put into `room`.
fn payload<'a>(payload: &'a Payload, room: &'a mut Vec<u8>) -> PayloadRecord<'a> {
    match payload.form() {
        Form::Absent => PayloadRecord::Absent,
        _ if payload.stored().len() > MAX_PAYLOAD => PayloadRecord::Broken("it is larger than 64 MiB"),
        Form::Json => PayloadRecord::Json(payload.stored()),
        Form::Opaque => PayloadRecord::Broken("it is stored as bytes of unknown meaning"),
        Form::JsonText | Form::Encoded => match payload.json_bytes() {
            Ok(text) => {
                room.extend_from_slice(&text);
                PayloadRecord::Json(room)
            }
            Err(_) => PayloadRecord::Broken("it should be a string that holds JSON"),
        },
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// FNV-1a over everything that decides what a fold gives: it must be the same tomorrow and on another machine.
fn fingerprint(source: &str) -> Fingerprint {
    let contract = CONTRACT.to_le_bytes();
    let parts: [&[u8]; 4] = [b"javascript", &contract, ENGINE.as_bytes(), source.as_bytes()];
    Fingerprint(
        parts
            .into_iter()
            .flatten()
            .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_is_the_one_that_is_linked() {
        let (_, version) = ENGINE.split_once("rquickjs ").expect("its name");
        let locked = format!("name = \"rquickjs\"\nversion = \"{}.", version.trim_end_matches(')'));
        assert!(include_str!("../../Cargo.lock").contains(&locked), "another engine needs another fingerprint");
    }

    #[test]
    #[cfg(not(feature = "javascript"))]
    fn a_build_without_the_engine_says_so() {
        let mut reducer = JavaScript::new(JavaScriptConfig {
            file_name: "account.js".into(),
            source: String::new(),
            host: "/bin/true".into(),
            limits: Limits::default(),
        });
        let error = reducer.start(Start::Initial(&StreamName::from("account-1"))).expect_err("no engine");
        assert!(error.message.contains("account.js") && error.message.contains("no JavaScript engine"), "{error}");
    }

    #[test]
    fn fingerprints_are_the_same_everywhere() {
        assert_eq!(fingerprint("export {}"), Fingerprint(FINGERPRINT));
        assert_ne!(fingerprint("export {} "), Fingerprint(FINGERPRINT));
    }

    /// Changes with the contract and the engine, and with nothing else.
    const FINGERPRINT: u64 = 13_992_590_738_343_441_559;
}
