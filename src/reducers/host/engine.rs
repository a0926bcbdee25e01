//! One script and what it folds. Its states, and the way back when an event fails, stand in `states`.

use std::cell::Cell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rquickjs::function::Args;
use rquickjs::{Ctx, Function, Object, Value};

use super::console::Console;
use super::problems::type_name;
use super::script::{self, Script};
use super::states::{Entity, States};
use super::values::{Values, Written};
use super::watch::Timer;
use super::watched::Watch;
use super::{Output, exact};
use crate::reducers::protocol::{Answer, Body, EventRecord, Malformed, PayloadRecord, PositionRecord, Problem};
use crate::replay::Cause;

/// The time for reading a payload, added to that of its event.
pub(super) const NANOS_PER_BYTE: u64 = 50;

/// After so long events are no longer folded at one go.
const LONG: Duration = Duration::from_millis(250);

/// How much asynchronous work may be left behind before it counts as endless.
const MAX_JOBS: usize = 10_000;

/// A state of so many bytes is looked through after every batch: that takes less than sending the batch did.
const SMALL: usize = 32 << 10;

/// How many types of events are remembered as the engine's own strings.
const MAX_TYPES: usize = 1024;

/// How long the script may run.
#[derive(Clone, Copy)]
pub struct Limits {
    /// For one event.
    pub event: Duration,
    /// For anything else.
    pub call: Duration,
    /// The memory of the engine, in bytes.
    pub memory: usize,
}

/// The engine with at most one script.
pub struct Engine<'js> {
    pub(super) values: Values<'js>,
    pub(super) limits: Limits,
    output: Arc<Output>,
    pub(super) console: Rc<Console>,
    tools: Object<'js>,
    keep: Function<'js>,
    pub(super) script: Option<Script<'js>>,
    pub(super) states: States<'js>,
    pub(super) watch: Watch<'js>,
    types: HashMap<String, Value<'js>>,
    /// Why a state cannot be written, when it is too much.
    pub(super) heavy: Option<Problem>,
    /// How many batches were folded.
    pub(super) batches: u32,
    /// The batch that was stopped before its end.
    stopped: Option<u32>,
}

impl<'js> Engine<'js> {
    /// An engine without a script.
    ///
    /// # Errors
    /// When there is too little memory for it.
    pub fn new(ctx: Ctx<'js>, timer: Rc<Timer>, limits: Limits, output: Arc<Output>) -> Result<Self, Problem> {
        timer.begin(limits.call, None);
        let console = Rc::new(Console::default());
        let tools = prelude(&ctx, &console).map_err(|error| Problem::new(format!("no prelude: {error}")))?;
        let tool = |name: &str| tools.get::<_, Function<'js>>(name).map_err(|error| Problem::new(error.to_string()));
        Ok(Self {
            keep: tool("keep")?,
            tools: tools.clone(),
            script: None,
            states: States::one(Entity::new(Value::new_null(ctx.clone()), Ok(None))),
            watch: Watch::new(tool("at")?),
            types: HashMap::new(),
            heavy: None,
            batches: 0,
            stopped: None,
            values: Values {
                revive: tool("revive")?,
                replace: tool("replace")?,
                sparse: tool("sparse")?,
                holds_big: Cell::new(false),
                event_limit: limits.event,
                ctx,
                timer,
            },
            limits,
            output,
            console,
        })
    }

    /// Takes a script and looks what it exports.
    ///
    /// # Errors
    /// Where it is wrong, or which export is missing.
    pub fn load(&mut self, source: &str) -> Result<(), Problem> {
        self.values.timer.begin(self.limits.call, None);
        let exports = script::exports(&self.values, source)?;
        if !self.drain_jobs() {
            return Err(Problem::new("the script starts asynchronous work that does not end"));
        }
        self.values.timer.begin(self.limits.call, None);
        self.script = Some(Script::new(&self.values, &self.tools, &exports)?);
        Ok(())
    }

    /// Begins with the script's initial state.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn start(&mut self, stream: &str) -> Result<(), Problem> {
        self.values.timer.begin(self.limits.call, None);
        let Some(script) = &self.script else { return Err(Problem::new("no script is loaded")) };
        let text = script.initial(&self.values, stream)?;
        if !self.drain_jobs() {
            return Err(Problem::new("initialState started asynchronous work that does not end"));
        }
        self.values.timer.begin(self.limits.call, None);
        self.begin(stream, text)
    }

    /// Begins with a state that was given earlier.
    ///
    /// # Errors
    /// When its text is not JSON.
    pub fn resume(&mut self, stream: &str, state: Option<&str>, exact: &[u32]) -> Result<(), Problem> {
        if self.script.is_none() {
            return Err(Problem::new("no script is loaded"));
        }
        self.values.timer.begin(self.call_limit(state.map_or(0, str::len)), None);
        self.begin(stream, state.map(|text| (text.to_owned(), exact.to_vec())))
    }

    fn begin(&mut self, stream: &str, text: Written) -> Result<(), Problem> {
        // The state is always one that was JSON: what the script holds must not depend on where the fold began.
        let state = self.values.read(&text)?;
        self.describe(&state);
        let mut entity = Entity::new(self.values.string(stream)?, Ok(text));
        entity.state = Some(state);
        self.states = States::one(entity);
        Ok(())
    }

    /// Folds the events that stand in a frame from `start` on: up to the first that times out, and for about so long that
    /// somebody may want to hear of it. A batch that was stopped is not gone on with.
    ///
    /// # Errors
    /// When they cannot be read: the parent is not what it should be.
    pub fn apply(&mut self, frame: Rc<Vec<u8>>, start: usize, batch: u32, careful: bool) -> Result<Answer, Malformed> {
        self.console.take();
        let (mut faults, mut changed) = (Vec::new(), Vec::new());
        // Since which event the state has been one that would hang when it is written, and why.
        let mut unwritable: Option<(u32, Problem)> = None;
        let bytes = frame.clone();
        let mut body = Body::from(&bytes, start);
        if self.stopped == Some(batch) {
            let next = body.event()?.map(|event| event.index);
            return Ok(Answer::Applied { faults, next, console: String::new(), values: changed });
        }
        self.states.begin_frame(frame.len());
        self.watch.begin();
        let (begun, mut next, mut timed_out) = (Instant::now(), None, false);
        loop {
            let at = body.at() as u32;
            let Some(event) = body.event()? else { break };
            if timed_out || begun.elapsed() > LONG || self.watch.is_full() {
                next = Some(event.index);
                self.stopped = Some(batch);
                break;
            }
            if careful {
                self.output.send(&Answer::At(event.index));
            }
            let entered = match event.key {
                None => Ok(()),
                Some(key) => self.enter(key, Some(event.index)),
            };
            let is_entered = entered.is_ok();
            if is_entered {
                self.look_before(event.index);
            }
            match entered.and_then(|()| self.fold(&event)) {
                Ok(()) => {
                    self.states.folded(&frame, at);
                    // What killed an earlier process may be the state that an event leaves.
                    if careful {
                        let sparse = self.values.too_sparse(&self.state_here());
                        unwritable = match (sparse, unwritable) {
                            (Some(problem), None) => Some((event.index, problem)),
                            // The states of other keys are not better for it.
                            (None, found) if self.states.is_many() => found,
                            (None, _) => None,
                            (Some(_), found) => found,
                        };
                    }
                }
                Err(problem) => {
                    timed_out |= problem.cause == Cause::TimedOut;
                    let restored = if is_entered { self.go_back(&event) } else { Ok(None) };
                    if !self.drain_jobs() {
                        let message = format!("{}; it started asynchronous work that does not end", problem.message);
                        return Ok(Answer::Gone {
                            at: event.index,
                            problem: Problem { message, cause: Cause::TimedOut, ..problem },
                        });
                    }
                    if let Some(heavy) = self.heavy.take() {
                        return Ok(Answer::Heavy(heavy));
                    }
                    match restored {
                        Ok(None) => faults.push((event.index, problem)),
                        Ok(Some(note)) => {
                            let message = format!("{}; {note}", problem.message);
                            faults.push((event.index, Problem { message, ..problem }));
                        }
                        Err(why) => {
                            let message = format!("{}; the state before it is lost: {}", problem.message, why.message);
                            return Ok(Answer::Gone { at: event.index, problem: Problem { message, ..problem } });
                        }
                    }
                }
            }
            if is_entered {
                self.look_after(event.index, &mut changed);
            }
        }
        if let Some((at, problem)) = unwritable {
            return Ok(Answer::Gone { at, problem });
        }
        // Where it costs little it is found before anything hangs; which event it was is found by looking closely.
        if !careful
            && self.states.of_frame().any(|entity| {
                is_small(entity) && entity.state.as_ref().is_some_and(|state| self.values.too_sparse(state).is_some())
            })
        {
            return Ok(Answer::Stuck(None));
        }
        self.keep_in_bounds();
        if let Some(heavy) = self.heavy.take() {
            return Ok(Answer::Heavy(heavy));
        }
        if timed_out {
            self.stopped = Some(batch);
        }
        Ok(Answer::Applied { faults, next, console: self.console.take(), values: changed })
    }

    /// Folds one event into the state; on an error the state may be anything.
    pub(super) fn fold(&mut self, event: &EventRecord<'_>) -> Result<(), Problem> {
        let bytes = [event.data, event.metadata, event.fields].iter().map(payload_len).sum::<usize>();
        let limit = self.limits.event + Duration::from_nanos(NANOS_PER_BYTE * bytes as u64);
        self.values.timer.begin(limit, Some(event.index));
        let result = self.evolve(event, limit).map_err(|error| self.values.problem(error))?;
        if self.values.ctx.execute_pending_job() {
            return Err(Problem::new("evolve started asynchronous work: a reducer cannot wait"));
        }
        if result.is_undefined() {
            return Ok(());
        }
        if result.is_promise() {
            return Err(Problem::new("evolve returned a promise: a reducer cannot wait"));
        }
        if result.is_function() || result.is_symbol() {
            return Err(Problem::new(format!("evolve returned a {}: a state must be JSON", type_name(&result))));
        }
        self.states.here_mut().state = Some(result);
        Ok(())
    }

    fn evolve(&mut self, event: &EventRecord<'_>, limit: Duration) -> rquickjs::Result<Value<'js>> {
        let Some(step) = self.script.as_ref().map(|script| script.step.clone()) else {
            return Err(rquickjs::Error::Unknown);
        };
        let mut form = 0;
        let data = match event.data {
            PayloadRecord::Absent => Value::new_null(self.values.ctx.clone()),
            PayloadRecord::Broken(reason) => {
                form |= 2;
                self.values.js(reason)?
            }
            PayloadRecord::Json(text) => match self.values.parse(text) {
                Ok(value) => value,
                Err(reason) if self.values.timer.has_expired() => return Err(reason),
                Err(reason) => {
                    form |= 2;
                    let reason = self.values.reason(reason);
                    self.values.js(&reason)?
                }
            },
        };
        let metadata = match event.metadata {
            PayloadRecord::Absent => Value::new_null(self.values.ctx.clone()),
            PayloadRecord::Broken(reason) => {
                form |= 4;
                self.values.js(reason)?
            }
            PayloadRecord::Json(text) => match std::str::from_utf8(text) {
                // Read by the script's first look, by the engine's own reader: it must not be one that rounds.
                Ok(valid) if !exact::holds_large_integer(text) => {
                    form |= 1;
                    self.values.js(valid)?
                }
                _ => match self.values.parse(text) {
                    Ok(value) => value,
                    Err(reason) => {
                        form |= 4;
                        let reason = self.values.reason(reason);
                        self.values.js(&reason)?
                    }
                },
            },
        };
        let fields = match event.fields {
            PayloadRecord::Absent => None,
            PayloadRecord::Broken(reason) => {
                form |= 32;
                Some(self.values.js(reason)?)
            }
            PayloadRecord::Json(text) => match std::str::from_utf8(text) {
                Ok(valid) if !exact::holds_large_integer(text) => {
                    form |= 8;
                    Some(self.values.js(valid)?)
                }
                _ => match self.values.parse(text) {
                    Ok(value) => {
                        form |= 16;
                        Some(value)
                    }
                    Err(reason) => {
                        form |= 32;
                        let reason = self.values.reason(reason);
                        Some(self.values.js(&reason)?)
                    }
                },
            },
        };
        let known = self.types.len();
        let event_type = self.event_type(event.event_type)?;
        if self.types.len() > known && form & 2 == 0 {
            self.values.timer.begin(self.limits.call, Some(event.index));
            self.describe(&data);
            self.values.timer.begin(limit, Some(event.index));
        }
        let mut args = Args::new(self.values.ctx.clone(), 11);
        args.push_arg(self.state_here())?;
        args.push_arg(event_type)?;
        args.push_arg(data)?;
        args.push_arg(metadata)?;
        args.push_arg(form)?;
        match event.stream {
            None => args.push_arg(self.states.here().name.clone())?,
            Some(stream) => args.push_arg(self.values.js(stream)?)?,
        }
        args.push_arg(self.values.number(event.version)?)?;
        match event.position {
            PositionRecord::Number(number) => args.push_arg(self.values.number(number)?)?,
            PositionRecord::Text(text) => args.push_arg(self.values.js(text)?)?,
        }
        for text in [event.id, event.time] {
            match text {
                Some(text) => args.push_arg(self.values.js(text)?)?,
                None => args.push_arg(Value::new_null(self.values.ctx.clone()))?,
            }
        }
        if let Some(fields) = fields {
            args.push_arg(fields)?;
        }
        step.call_arg(args)
    }

    /// Lets the engine remember how this data is built, see the prelude.
    pub(super) fn describe(&self, data: &Value<'js>) {
        if self.keep.call::<_, ()>((data.clone(),)).is_err() {
            drop(self.values.ctx.catch());
        }
    }

    /// Runs what asynchronous code left behind, so that it cannot pile up; what it does reaches no state. Says whether
    /// it came to an end.
    pub(super) fn drain_jobs(&self) -> bool {
        self.values.timer.begin(self.limits.event, None);
        for _ in 0..MAX_JOBS {
            if !self.values.ctx.execute_pending_job() {
                return true;
            }
            if self.values.timer.is_over() {
                return false;
            }
        }
        false
    }

    /// The engine's own string of an event type: a million events share a few.
    fn event_type(&mut self, name: &str) -> rquickjs::Result<Value<'js>> {
        if let Some(value) = self.types.get(name) {
            return Ok(value.clone());
        }
        let value = self.values.js(name)?;
        if self.types.len() < MAX_TYPES {
            self.types.insert(name.to_owned(), value.clone());
        }
        Ok(value)
    }
}

/// Evaluates the prelude and takes its tools.
fn prelude<'js>(ctx: &Ctx<'js>, console: &Rc<Console>) -> rquickjs::Result<Object<'js>> {
    let console = console.clone();
    let note = Function::new(ctx.clone(), move |line: std::string::String| console.note(&line))?;
    let prelude: Function<'js> = ctx.eval(include_str!("prelude.js"))?;
    prelude.call((note,))
}

fn is_small(entity: &Entity<'_>) -> bool {
    entity.text_len() < SMALL
}

fn payload_len(payload: &PayloadRecord<'_>) -> usize {
    match payload {
        PayloadRecord::Json(text) => text.len(),
        _ => 0,
    }
}
