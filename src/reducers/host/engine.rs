//! One script, its state, and the way back when an event fails.
//!
//! The state lives in the engine and leaves it only when asked for. Invariant: after `apply` the state is that of the
//! events that did not fail. As a script may change its state in place before it throws, the host keeps the state of an
//! earlier moment as text and the events since; a fault goes back to that text, folds them again, and makes a new text,
//! so that no event is folded more than twice however many fail.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rquickjs::function::Args;
use rquickjs::{BigInt, Ctx, Function, IntoJs, Module, Object, Value};

use super::watch::Timer;
use super::{Output, exact};
use crate::reducers::protocol::{
    Answer, Body, EventRecord, MAX_STATE, Malformed, PayloadRecord, PositionRecord, Problem,
};

/// The script's name inside the engine; whoever shows a place knows the real one.
const SCRIPT: &str = "reducer";

/// What the console keeps of one batch, in bytes.
const MAX_CONSOLE: usize = 64 << 10;

/// Events since the last text of the state are kept up to this many bytes even when the state is small,
const KEEP_AT_LEAST: usize = 4 << 20;
/// or up to this many times the size of the state: writing it costs about as much as folding eight times its size,
const KEEP_PER_STATE: usize = 16;
/// but never beyond this.
const KEEP_AT_MOST: usize = 64 << 20;

/// The time for reading a payload, added to that of its event.
const NANOS_PER_BYTE: u64 = 50;

/// How much asynchronous work may be left behind before it counts as endless.
const MAX_JOBS: usize = 10_000;

/// After which batches of a script the engine is shown the shape its state has taken.
const DESCRIBED_AFTER: [u32; 2] = [1, 4];

/// How many types of events are remembered as the engine's own strings.
const MAX_TYPES: usize = 1024;

/// How long the script may run.
#[derive(Clone, Copy)]
pub struct Limits {
    /// For one event.
    pub event: Duration,
    /// For anything else.
    pub call: Duration,
}

/// A state as text; `None` when the entity does not exist.
type Written = Option<(String, Vec<u32>)>;

/// Where a fold begins.
enum Initial<'js> {
    Value(Written),
    Function { function: Function<'js>, holder: Value<'js> },
}

/// Events that were folded since the last text of the state.
struct Folded {
    frame: Rc<Vec<u8>>,
    /// Where those that did not fail begin in it.
    good: Vec<u32>,
}

/// The engine with at most one script.
pub struct Engine<'js> {
    ctx: Ctx<'js>,
    timer: Rc<Timer>,
    limits: Limits,
    output: Arc<Output>,
    console: Rc<Console>,
    bind: Function<'js>,
    hold: Function<'js>,
    revive: Function<'js>,
    replace: Function<'js>,
    keep: Function<'js>,

    initial: Initial<'js>,
    step: Option<Function<'js>>,

    state: Value<'js>,
    stream: Value<'js>,
    types: Vec<(String, Value<'js>)>,
    /// The text to go back to, or why there is none.
    text: Result<Written, Problem>,
    log: Vec<Folded>,
    /// Whether a state of this script held a BigInt.
    holds_big: Cell<bool>,
    /// How many batches were folded.
    batches: u32,
}

#[derive(Default)]
struct Console {
    text: RefCell<String>,
    muted: Cell<bool>,
}

impl Console {
    fn note(&self, line: &str) {
        let mut text = self.text.borrow_mut();
        if !self.muted.get() && text.len() < MAX_CONSOLE {
            let mut end = line.len().min(MAX_CONSOLE - text.len());
            while !line.is_char_boundary(end) {
                end -= 1;
            }
            text.push_str(&line[..end]);
            text.push('\n');
        }
    }
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
            bind: tool("bind")?,
            hold: tool("hold")?,
            revive: tool("revive")?,
            replace: tool("replace")?,
            keep: tool("keep")?,
            initial: Initial::Value(None),
            step: None,
            state: Value::new_null(ctx.clone()),
            stream: Value::new_null(ctx.clone()),
            types: Vec::new(),
            text: Ok(None),
            log: Vec::new(),
            holds_big: Cell::new(false),
            batches: 0,
            ctx,
            timer,
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
        self.timer.begin(self.limits.call, None);
        let source = source.strip_prefix('\u{feff}').unwrap_or(source);
        let module = Module::declare(self.ctx.clone(), SCRIPT, source).map_err(|error| self.problem(error))?;
        let (module, promise) = module.eval().map_err(|error| self.problem(error))?;
        match promise.finish::<()>() {
            Ok(()) => (),
            Err(rquickjs::Error::WouldBlock) if !self.timer.has_expired() => {
                return Err(Problem::new("the script waits at its top level for something that never comes"));
            }
            Err(_) if self.timer.has_expired() => return Err(self.too_long()),
            Err(error) => return Err(self.problem(error)),
        }
        if !self.drain_jobs() {
            return Err(Problem::new("the script starts asynchronous work that does not end"));
        }
        let exports = module.namespace().map_err(|error| self.problem(error))?;
        let names: Vec<String> = exports.keys().flatten().collect();
        let default =
            exports.get::<_, Value<'js>>("default").unwrap_or_else(|_| Value::new_undefined(self.ctx.clone()));
        let mut holder = Value::new_undefined(self.ctx.clone());
        let mut holding = &exports;
        if !names.iter().any(|name| name == "evolve")
            && let Some(object) = default.as_object()
        {
            (holder, holding) = (default.clone(), object);
        }
        let evolve = holding.get::<_, Value<'js>>("evolve").map_err(|error| self.problem(error))?;
        let initial = holding.get::<_, Value<'js>>("initialState").map_err(|error| self.problem(error))?;
        let has_initial = holding.contains_key("initialState").map_err(|error| self.problem(error))?;
        let Some(evolve) = evolve.as_function() else {
            return Err(Problem::new(missing_export("evolve", "a function (state, event) => state", &evolve, &names)));
        };
        if !has_initial {
            let wanted = "a value, or a function of the stream's name";
            return Err(Problem::new(missing_export("initialState", wanted, &initial, &names)));
        }
        let evolve = if holder.is_undefined() {
            evolve.clone()
        } else {
            self.hold.call((evolve.clone(), holder.clone())).map_err(|error| self.problem(error))?
        };
        self.step = Some(self.bind.call((evolve,)).map_err(|error| self.problem(error))?);
        self.initial = match initial.into_function() {
            Some(function) => Initial::Function { function, holder },
            None => {
                let value = holding.get::<_, Value<'js>>("initialState").map_err(|error| self.problem(error))?;
                Initial::Value(self.write(&value)?)
            }
        };
        Ok(())
    }

    /// Begins with the script's initial state.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn start(&mut self, stream: &str) -> Result<(), Problem> {
        if self.step.is_none() {
            return Err(Problem::new("no script is loaded"));
        }
        self.timer.begin(self.limits.call, None);
        let name = self.string(stream)?;
        let text = match &self.initial {
            Initial::Value(text) => text.clone(),
            Initial::Function { function, holder } => {
                let mut args = Args::new(self.ctx.clone(), 1);
                let made = args
                    .this(holder.clone())
                    .and_then(|()| args.push_arg(name))
                    .and_then(|()| function.call_arg::<Value<'js>>(args))
                    .map_err(|error| self.problem(error))?;
                if !self.drain_jobs() {
                    return Err(Problem::new("initialState started asynchronous work that does not end"));
                }
                if made.is_promise() {
                    return Err(Problem::new("initialState returned a promise: a reducer cannot wait"));
                }
                self.write(&made)?
            }
        };
        self.begin(stream, text)
    }

    /// Begins with a state that was given earlier.
    ///
    /// # Errors
    /// When its text is not JSON.
    pub fn resume(&mut self, stream: &str, state: Option<&str>, exact: &[u32]) -> Result<(), Problem> {
        if self.step.is_none() {
            return Err(Problem::new("no script is loaded"));
        }
        self.timer.begin(self.call_limit(state.map_or(0, str::len)), None);
        self.begin(stream, state.map(|text| (text.to_owned(), exact.to_vec())))
    }

    fn begin(&mut self, stream: &str, text: Written) -> Result<(), Problem> {
        // The state is always one that was JSON: what the script holds must not depend on where the fold began.
        self.state = self.read(&text)?;
        self.describe(&self.state);
        self.stream = self.string(stream)?;
        self.text = Ok(text);
        self.log.clear();
        Ok(())
    }

    /// The state as an answer.
    pub fn state(&mut self) -> Answer {
        self.timer.begin(self.call_limit(self.text_len()), None);
        match self.write(&self.state) {
            Ok(None) => Answer::State { text: None, exact: Vec::new() },
            Ok(Some((text, exact))) => Answer::State { text: Some(text), exact },
            Err(problem) => Answer::Failed(problem),
        }
    }

    /// Folds the events that stand in a frame from `start` on.
    ///
    /// # Errors
    /// When they cannot be read: the parent is not what it should be.
    pub fn apply(&mut self, frame: Rc<Vec<u8>>, start: usize, careful: bool) -> Result<Answer, Malformed> {
        self.console.text.borrow_mut().clear();
        let mut faults = Vec::new();
        let bytes = frame.clone();
        let mut body = Body::from(&bytes, start);
        self.log.push(Folded { frame: frame.clone(), good: Vec::new() });
        loop {
            let at = body.at() as u32;
            let Some(event) = body.event()? else { break };
            if careful {
                self.output.send(&Answer::At(event.index));
            }
            match self.fold(&event) {
                Ok(()) => {
                    if let Some(last) = self.log.last_mut() {
                        last.good.push(at);
                    }
                }
                Err(problem) => {
                    let restored = self.go_back(&event);
                    if !self.drain_jobs() {
                        let message = format!("{}; it started asynchronous work that does not end", problem.message);
                        return Ok(Answer::Gone { at: event.index, problem: Problem { message, ..problem } });
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
        }
        self.keep_in_bounds();
        Ok(Answer::Applied { faults, console: std::mem::take(&mut *self.console.text.borrow_mut()) })
    }

    /// Folds one event into the state; on an error the state may be anything.
    fn fold(&mut self, event: &EventRecord<'_>) -> Result<(), Problem> {
        let bytes = payload_len(&event.data) + payload_len(&event.metadata);
        let limit = self.limits.event + Duration::from_nanos(NANOS_PER_BYTE * bytes as u64);
        self.timer.begin(limit, Some(event.index));
        let result = self.evolve(event, limit).map_err(|error| self.problem(error))?;
        if self.ctx.execute_pending_job() {
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
        self.state = result;
        Ok(())
    }

    fn evolve(&mut self, event: &EventRecord<'_>, limit: Duration) -> rquickjs::Result<Value<'js>> {
        let Some(step) = self.step.clone() else { return Err(rquickjs::Error::Unknown) };
        let mut form = 0;
        let data = match event.data {
            PayloadRecord::Absent => Value::new_null(self.ctx.clone()),
            PayloadRecord::Broken(reason) => {
                form |= 2;
                self.js(reason)?
            }
            PayloadRecord::Json(text) => match self.parse(text) {
                Ok(value) => value,
                Err(reason) if self.timer.has_expired() => return Err(reason),
                Err(reason) => {
                    form |= 2;
                    let reason = self.reason(reason);
                    self.js(&reason)?
                }
            },
        };
        let metadata = match event.metadata {
            PayloadRecord::Absent => Value::new_null(self.ctx.clone()),
            PayloadRecord::Broken(reason) => {
                form |= 4;
                self.js(reason)?
            }
            PayloadRecord::Json(text) => match std::str::from_utf8(text) {
                // Read by the script's first look, by the engine's own reader: it must not be one that rounds.
                Ok(valid) if !exact::holds_large_integer(text) => {
                    form |= 1;
                    self.js(valid)?
                }
                _ => match self.parse(text) {
                    Ok(value) => value,
                    Err(reason) => {
                        form |= 4;
                        let reason = self.reason(reason);
                        self.js(&reason)?
                    }
                },
            },
        };
        let known = self.types.len();
        let event_type = self.event_type(event.event_type)?;
        if self.types.len() > known && form & 2 == 0 {
            self.timer.begin(self.limits.call, Some(event.index));
            self.describe(&data);
            self.timer.begin(limit, Some(event.index));
        }
        let mut args = Args::new(self.ctx.clone(), 10);
        args.push_arg(self.state.clone())?;
        args.push_arg(event_type)?;
        args.push_arg(data)?;
        args.push_arg(metadata)?;
        args.push_arg(form)?;
        match event.stream {
            None => args.push_arg(self.stream.clone())?,
            Some(stream) => args.push_arg(self.js(stream)?)?,
        }
        args.push_arg(self.number(event.version)?)?;
        match event.position {
            PositionRecord::Number(number) => args.push_arg(self.number(number)?)?,
            PositionRecord::Text(text) => args.push_arg(self.js(text)?)?,
        }
        for text in [event.id, event.time] {
            match text {
                Some(text) => args.push_arg(self.js(text)?)?,
                None => args.push_arg(Value::new_null(self.ctx.clone()))?,
            }
        }
        step.call_arg(args)
    }

    /// Makes the state what it was before `failed`. Gives a note when the script did not do the same as the first time.
    ///
    /// # Errors
    /// When there is no text to go back to.
    fn go_back(&mut self, failed: &EventRecord<'_>) -> Result<Option<String>, Problem> {
        self.timer.begin(self.call_limit(self.text_len()), Some(failed.index));
        match &self.text {
            Ok(text) => self.state = self.read(text)?,
            Err(problem) => return Err(problem.clone()),
        }
        let log = std::mem::take(&mut self.log);
        let mut note = None;
        self.console.muted.set(true);
        for folded in &log {
            for &at in &folded.good {
                // These bytes were read before.
                let Ok(Some(event)) = Body::from(&folded.frame, at as usize).event() else { continue };
                if let Err(problem) = self.fold(&event) {
                    self.drain_jobs();
                    note = Some(format!(
                        "and the state before it may be wrong: folded once more, event {} fails ({})",
                        event.version, problem.message
                    ));
                }
            }
        }
        self.console.muted.set(false);
        self.timer.begin(self.call_limit(self.text_len()), Some(failed.index));
        if log.iter().all(|folded| folded.good.is_empty()) {
            self.log = log;
            self.forget_all_but_last();
        } else if let Ok(text) = self.write(&self.state) {
            self.text = Ok(text);
            self.log = log;
            self.forget_all_but_last();
        } else {
            // A state that cannot be written now may be writable later; until then the older text serves.
            self.log = log;
        }
        Ok(note)
    }

    fn forget_all_but_last(&mut self) {
        let last = self.log.pop();
        self.log.clear();
        self.log.extend(last.map(|last| Folded { frame: last.frame, good: Vec::new() }));
    }

    /// Makes a new text to go back to when the events since the last one take too much.
    fn keep_in_bounds(&mut self) {
        let kept: usize = self.log.iter().map(|folded| folded.frame.len()).sum();
        let size = self.text_len();
        self.batches = self.batches.saturating_add(1);
        let early = DESCRIBED_AFTER.contains(&self.batches);
        if !early && kept < (KEEP_PER_STATE * size).clamp(KEEP_AT_LEAST, KEEP_AT_MOST) {
            return;
        }
        self.timer.begin(self.call_limit(size), None);
        match self.write(&self.state) {
            Ok(text) => {
                // The state itself may be more than data; what was written is not.
                if early && let Ok(value) = self.read(&text) {
                    self.describe(&value);
                }
                self.text = Ok(text);
            }
            Err(_) if kept < 2 * KEEP_AT_MOST => return,
            Err(problem) => self.text = Err(problem),
        }
        self.log.clear();
    }

    /// The time for a call that reads or writes a state of this size.
    fn call_limit(&self, bytes: usize) -> Duration {
        self.limits.call + Duration::from_nanos(NANOS_PER_BYTE * bytes as u64)
    }

    /// The size of the last text of the state.
    fn text_len(&self) -> usize {
        match &self.text {
            Ok(Some((text, _))) => text.len(),
            _ => 0,
        }
    }

    /// Lets the engine remember how this data is built, see the prelude.
    fn describe(&self, data: &Value<'js>) {
        if self.keep.call::<_, ()>((data.clone(),)).is_err() {
            drop(self.ctx.catch());
        }
    }

    /// Runs what asynchronous code left behind, so that it cannot pile up; what it does reaches no state. Says whether
    /// it came to an end.
    fn drain_jobs(&self) -> bool {
        self.timer.begin(self.limits.event, None);
        for _ in 0..MAX_JOBS {
            if !self.ctx.execute_pending_job() {
                return true;
            }
            if self.timer.is_over() {
                return false;
            }
        }
        false
    }

    /// A value as text.
    fn write(&self, value: &Value<'js>) -> Result<Written, Problem> {
        if value.is_null() || value.is_undefined() {
            return Ok(None);
        }
        let mut written = None;
        if !self.holds_big.get() {
            match self.ctx.json_stringify(value.clone()) {
                Ok(text) => written = Some((text, false)),
                Err(error) if self.timer.has_expired() => return Err(self.problem(error)),
                // It may be a BigInt that cannot be written so.
                Err(_) => drop(self.ctx.catch()),
            }
        }
        let (text, marked) = match written {
            Some(written) => written,
            None => {
                let text = self.ctx.json_stringify_replacer(value.clone(), self.replace.clone());
                let text = text.map_err(|error| {
                    let problem = self.problem(error);
                    Problem { message: format!("the state cannot be written as JSON: {}", problem.message), ..problem }
                })?;
                self.holds_big.set(true);
                (text, true)
            }
        };
        let text =
            text.ok_or_else(|| Problem::new(format!("a {} is not a state: it must be JSON", type_name(value))))?;
        let text = text.to_string().map_err(|error| self.problem(error))?;
        if text.len() > MAX_STATE {
            return Err(Problem::new(format!(
                "the state is too large: {} MiB of JSON, at most {} are taken",
                text.len() >> 20,
                MAX_STATE >> 20
            )));
        }
        Ok(Some(if marked { exact::unmark(&text) } else { (exact::respell(&text).into_owned(), Vec::new()) }))
    }

    /// The value of a text.
    fn read(&self, text: &Written) -> Result<Value<'js>, Problem> {
        let Some((text, small)) = text else { return Ok(Value::new_null(self.ctx.clone())) };
        let value = if small.is_empty() {
            self.parse(text.as_bytes())
        } else {
            self.parse_marked(exact::mark(text.as_bytes(), small))
        };
        value.map_err(|error| self.problem(error))
    }

    /// The value of JSON text, its integers exact.
    fn parse(&self, text: &[u8]) -> rquickjs::Result<Value<'js>> {
        if let Err(error) = std::str::from_utf8(text) {
            return Err(rquickjs::Error::Utf8(error));
        }
        if exact::holds_large_integer(text) {
            return self.parse_marked(exact::mark(text, &[]));
        }
        // Room for the zero byte that the engine wants at the end.
        let mut owned = Vec::with_capacity(text.len() + 1);
        owned.extend_from_slice(text);
        self.ctx.json_parse(owned)
    }

    fn parse_marked(&self, text: Vec<u8>) -> rquickjs::Result<Value<'js>> {
        let value = self.ctx.json_parse(text)?;
        self.revive.call((value,))
    }

    fn js(&self, text: &str) -> rquickjs::Result<Value<'js>> {
        rquickjs::String::from_str(self.ctx.clone(), text).map(rquickjs::String::into_value)
    }

    fn string(&self, text: &str) -> Result<Value<'js>, Problem> {
        self.js(text).map_err(|error| self.problem(error))
    }

    fn number(&self, number: u64) -> rquickjs::Result<Value<'js>> {
        if number <= 1 << 53 {
            return Ok(Value::new_number(self.ctx.clone(), number as f64));
        }
        BigInt::from_u64(self.ctx.clone(), number)?.into_js(&self.ctx)
    }

    /// The engine's own string of an event type: a million events share a few.
    fn event_type(&mut self, name: &str) -> rquickjs::Result<Value<'js>> {
        if let Some((_, value)) = self.types.iter().find(|(known, _)| known == name) {
            return Ok(value.clone());
        }
        let value = self.js(name)?;
        if self.types.len() < MAX_TYPES {
            self.types.push((name.to_owned(), value.clone()));
        }
        Ok(value)
    }

    fn too_long(&self) -> Problem {
        Problem::new(format!("it takes too long: more than {} ms", self.timer.limit().as_millis()))
    }

    /// Why a payload is not JSON, in the words of the engine's reader.
    fn reason(&self, error: rquickjs::Error) -> String {
        let message = self.problem(error).message;
        message.strip_prefix("SyntaxError: ").map_or_else(|| message.clone(), str::to_owned)
    }

    /// What an error says, in words and with its place in the script.
    fn problem(&self, error: rquickjs::Error) -> Problem {
        if !error.is_exception() {
            return Problem::new(match error {
                rquickjs::Error::Utf8(error) => format!("not UTF-8 at byte {}", error.valid_up_to()),
                other => other.to_string(),
            });
        }
        let thrown = self.ctx.catch();
        let expired = self.timer.has_expired().then(|| self.too_long());
        // What was thrown is the script's own: looking at it may run its code.
        self.timer.begin(self.limits.event, None);
        let place = thrown.as_object().and_then(|object| self.text_of(object, "stack")).and_then(|stack| place(&stack));
        if let Some(problem) = expired {
            return Problem { place, ..problem };
        }
        Problem { message: friendly(self.words(&thrown)), place }
    }

    fn words(&self, thrown: &Value<'js>) -> String {
        if let Some(text) = thrown.as_string() {
            return text.to_string().map_or_else(|_| "a string that is not Unicode was thrown".into(), cut);
        }
        let Some(object) = thrown.as_object() else {
            let shown = match (thrown.as_number(), thrown.as_bool()) {
                (Some(number), _) => number.to_string(),
                (_, Some(value)) => value.to_string(),
                _ => type_name(thrown).to_owned(),
            };
            return format!("{shown} was thrown");
        };
        let message = self.text_of(object, "message").map(cut);
        let name = self.text_of(object, "name").map(cut);
        match (name, message) {
            (None, Some(message)) => message,
            (Some(name), Some(message)) if name == "Error" && !message.is_empty() => message,
            (Some(name), Some(message)) if message.is_empty() => name,
            (Some(name), Some(message)) => format!("{name}: {message}"),
            (Some(name), None) => name,
            (None, None) => match self.ctx.json_stringify(thrown.clone()) {
                Ok(Some(text)) => format!("{} was thrown", cut(text.to_string().unwrap_or_default())),
                Ok(None) => format!("a {} was thrown", type_name(thrown)),
                Err(_) => {
                    drop(self.ctx.catch());
                    "an object was thrown that cannot be shown".into()
                }
            },
        }
    }

    /// A property that is text; anything else, and anything that throws, is nothing.
    fn text_of(&self, object: &Object<'js>, name: &str) -> Option<String> {
        match object.get::<_, Value<'js>>(name) {
            Ok(value) => value.as_string().and_then(|text| text.to_string().ok()),
            Err(_) => {
                drop(self.ctx.catch());
                None
            }
        }
    }
}

/// Evaluates the prelude and takes its tools.
fn prelude<'js>(ctx: &Ctx<'js>, console: &Rc<Console>) -> rquickjs::Result<Object<'js>> {
    let console = console.clone();
    let note = Function::new(ctx.clone(), move |line: std::string::String| console.note(&line))?;
    let prelude: Function<'js> = ctx.eval(include_str!("prelude.js"))?;
    prelude.call((note,))
}

/// What JavaScript calls the type of a value.
fn type_name(value: &Value<'_>) -> &'static str {
    match value.type_name() {
        "big_int" => "bigint",
        "bool" => "boolean",
        "int" | "float" => "number",
        "constructor" => "function",
        other => other,
    }
}

fn payload_len(payload: &PayloadRecord<'_>) -> usize {
    match payload {
        PayloadRecord::Json(text) => text.len(),
        _ => 0,
    }
}

fn missing_export(name: &str, wanted: &str, found: &Value<'_>, exports: &[String]) -> String {
    if !found.is_undefined() {
        return format!("`{name}` must be {wanted}; it is a {}", type_name(found));
    }
    let exports = match exports {
        [] => "it exports nothing".to_owned(),
        names => format!("it exports: {}", names.join(", ")),
    };
    format!("the script exports no `{name}`, {wanted} ({exports})")
}

/// Words for those errors that are better told in ours.
fn friendly(message: String) -> String {
    if let Some((_, name)) = message.split_once("could not load module ") {
        return format!("a reducer is one file and cannot import {}", name.trim());
    }
    if ["require", "module", "exports"].iter().any(|name| message.ends_with(&format!("{name} is not defined"))) {
        return format!("{message} (a reducer is an ES module: `export` what it gives, it cannot import)");
    }
    message
}

/// At most a screenful of somebody else's words.
fn cut(mut text: String) -> String {
    const MAX: usize = 1024;
    if text.len() > MAX {
        let mut end = MAX;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push('…');
    }
    text
}

/// The innermost place of a stack that is in the script: `    at evolve (reducer:12:9)`.
fn place(stack: &str) -> Option<(u32, u32)> {
    stack.lines().find_map(|line| {
        let line = line.trim().trim_end_matches(')');
        let line = line.rsplit_once('(').map_or(line, |(_, place)| place);
        let line = line.strip_prefix("at ").unwrap_or(line);
        let mut numbers = line.strip_prefix(SCRIPT)?.strip_prefix(':')?.split(':');
        let line = numbers.next()?.parse().ok()?;
        Some((line, numbers.next().and_then(|column| column.parse().ok()).unwrap_or(0)))
    })
}
