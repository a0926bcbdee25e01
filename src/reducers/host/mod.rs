//! What runs inside the worker process: the QuickJS engine, behind its locks, answering the requests of `protocol`.
//!
//! It is started by `hosted` as `stepback reducer-host` and by nobody else. It trusts its parent and nothing it is
//! given to run: a script gets values and gives values, and has no way to a file, a clock, or these pipes.

mod calls;
mod console;
mod engine;
mod exact;
mod problems;
mod sandbox;
mod script;
mod states;
mod values;
mod watch;
mod watched;

use std::io::{self, Read};
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rquickjs::context::intrinsic;
use rquickjs::{Context, Runtime};

use self::engine::Engine;
use self::watch::{Timer, Watchdog};
use super::protocol::{Answer, MAX_REQUEST, Problem, Request, VERSION};

/// The pipe to the parent, shared with the watchdog: frames go out whole.
pub struct Output(Mutex<Vec<u8>>);

impl Output {
    /// Sends one answer. A parent that does not listen any more ends this process.
    pub fn send(&self, answer: &Answer) {
        let mut buffer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        buffer.clear();
        answer.write(&mut buffer);
        let mut rest = buffer.as_slice();
        while !rest.is_empty() {
            match rustix::io::write(rustix::stdio::stdout(), rest) {
                Ok(written) => rest = &rest[written..],
                Err(rustix::io::Errno::INTR) => (),
                Err(_) => std::process::exit(1),
            }
        }
        // A large state must not stay twice in memory.
        buffer.shrink_to(64 << 10);
    }
}

/// Serves one parent until its pipe ends.
pub fn run() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn serve() -> Result<(), String> {
    let sandbox = sandbox::lock_in();
    let output = Arc::new(Output(Mutex::new(Vec::new())));
    let (watchdog, timer) = Watchdog::start(output.clone()).map_err(|error| format!("no thread: {error}"))?;
    let sandbox = sandbox::lock_up(sandbox);
    let mut processor_time = sandbox::ProcessorTime::new();
    output.send(&Answer::Hello { version: VERSION, engine: super::javascript::ENGINE.to_owned(), sandbox });

    let mut input = io::stdin().lock();
    let Some(frame) = read_frame(&mut input).map_err(|error| error.to_string())? else { return Ok(()) };
    let Ok(Request::Load { event_micros, call_micros, memory, source }) = Request::read(&frame) else {
        return Err("the first request must be a script".into());
    };
    let limits = engine::Limits {
        event: Duration::from_micros(event_micros),
        call: Duration::from_micros(call_micros),
        memory: usize::try_from(memory).unwrap_or(usize::MAX),
    };
    let timer = Rc::new(timer);
    let context = new_context(limits.memory, &timer).map_err(|error| format!("no engine: {error}"))?;
    context.with(|ctx| {
        watchdog.wake();
        let mut engine = Engine::new(ctx, timer, limits, output.clone()).map_err(|problem| problem.message)?;
        let loaded = engine.load(source);
        watchdog.rest();
        output.send(&answer(loaded));
        loop {
            let Some(frame) = read_frame(&mut input).map_err(|error| error.to_string())? else { return Ok(()) };
            processor_time.renew();
            watchdog.wake();
            let answer = match Request::read(&frame).map_err(|error| error.to_string())? {
                Request::Load { .. } => return Err("a worker takes one script".into()),
                Request::StartInitial { stream } => answer(engine.start(stream)),
                Request::StartResume { stream, state, exact } => answer(engine.resume(stream, state, &exact)),
                Request::StartMany => answer(engine.start_many()),
                Request::Resume { states } => answer(engine.resume_many(&states)),
                Request::State => engine.state(),
                Request::StateOf { key } => engine.state_of(key),
                Request::States { from } => engine.all_states(from),
                Request::Watch { paths } => answer(engine.watch(&paths)),
                Request::Apply { batch, careful, events } => {
                    let start = frame.len() - events.len();
                    engine.apply(Rc::new(frame), start, batch, careful).map_err(|error| error.to_string())?
                }
            };
            watchdog.rest();
            output.send(&answer);
        }
    })
}

fn answer(result: Result<(), Problem>) -> Answer {
    match result {
        Ok(()) => Answer::Done,
        Err(problem) => Answer::Failed(problem),
    }
}

/// An engine without module loader, weak references, and timers of its own.
fn new_context(memory: usize, timer: &Rc<Timer>) -> rquickjs::Result<Context> {
    let runtime = Runtime::new()?;
    runtime.set_memory_limit(memory);
    runtime.set_max_stack_size(sandbox::stack());
    // Folding makes no cycles to speak of: the collector need not look often.
    runtime.set_gc_threshold(8 << 20);
    let timer = timer.clone();
    runtime.set_interrupt_handler(Some(Box::new(move || timer.is_over())));
    Context::builder()
        .with::<intrinsic::Eval>()
        .with::<intrinsic::Date>()
        .with::<intrinsic::RegExpCompiler>()
        .with::<intrinsic::RegExp>()
        .with::<intrinsic::Json>()
        .with::<intrinsic::Proxy>()
        .with::<intrinsic::MapSet>()
        .with::<intrinsic::TypedArrays>()
        .with::<intrinsic::Promise>()
        .build(&runtime)
}

/// The next frame without its length; `None` at the end of the input.
fn read_frame(input: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    match input.read_exact(&mut length) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let length = u32::from_le_bytes(length) as usize;
    if length == 0 || length > MAX_REQUEST {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a frame has an impossible length"));
    }
    let mut frame = vec![0; length];
    input.read_exact(&mut frame)?;
    Ok(Some(frame))
}
