//! Writing frames.

use super::kind::*;
use super::{Answer, Cause, EventRecord, MAGIC, MAX_MESSAGE, PayloadRecord, PositionRecord, Problem, Request, Value};
use crate::domain::{Path, Step};

/// Appends one frame whose body `fill` writes; returns what `fill` does.
fn write_frame<T>(out: &mut Vec<u8>, kind: u8, fill: impl FnOnce(&mut Vec<u8>) -> T) -> T {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    out.push(kind);
    let filled = fill(out);
    let length = (out.len() - start - 4) as u32;
    out[start..start + 4].copy_from_slice(&length.to_le_bytes());
    filled
}

/// Appends an `Apply` whose events `fill` writes, each by [`write_event`]; returns what `fill` does.
pub fn write_apply<T>(out: &mut Vec<u8>, batch: u32, careful: bool, fill: impl FnOnce(&mut Vec<u8>) -> T) -> T {
    write_frame(out, APPLY, |out| {
        out.extend_from_slice(&batch.to_le_bytes());
        out.push(u8::from(careful));
        fill(out)
    })
}

fn write_text(out: &mut Vec<u8>, text: &str) {
    write_bytes(out, text.as_bytes());
}

fn write_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    out.extend_from_slice(bytes);
}

fn write_option(out: &mut Vec<u8>, text: Option<&str>) {
    match text {
        None => out.push(0),
        Some(text) => {
            out.push(1);
            write_text(out, text);
        }
    }
}

fn write_problem(out: &mut Vec<u8>, problem: &Problem) {
    let mut end = problem.message.len().min(MAX_MESSAGE);
    while !problem.message.is_char_boundary(end) {
        end -= 1;
    }
    write_text(out, &problem.message[..end]);
    let (line, column) = problem.place.unwrap_or_default();
    out.extend_from_slice(&line.to_le_bytes());
    out.extend_from_slice(&column.to_le_bytes());
    out.push(match problem.cause {
        Cause::Failed => 0,
        Cause::TimedOut => 1,
        Cause::TooMuch => 2,
    });
}

fn write_places(out: &mut Vec<u8>, places: &[u32]) {
    out.extend_from_slice(&(places.len() as u32).to_le_bytes());
    places.iter().for_each(|place| out.extend_from_slice(&place.to_le_bytes()));
}

fn write_state(out: &mut Vec<u8>, key: &str, text: Option<&str>, exact: &[u32]) {
    write_text(out, key);
    write_option(out, text);
    write_places(out, exact);
}

fn write_path(out: &mut Vec<u8>, path: &Path) {
    out.extend_from_slice(&(path.0.len() as u32).to_le_bytes());
    for step in &path.0 {
        match step {
            Step::Key(key) => {
                out.push(0);
                write_text(out, key);
            }
            Step::Index(index) => {
                out.push(1);
                out.extend_from_slice(&u32::try_from(*index).unwrap_or(u32::MAX).to_le_bytes());
            }
        }
    }
}

fn write_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Ok(None) => out.push(0),
        Ok(Some(text)) => {
            out.push(1);
            write_text(out, text);
        }
        Err(problem) => {
            out.push(2);
            write_problem(out, problem);
        }
    }
}

/// Appends an event to the events of an `Apply`.
pub fn write_event(out: &mut Vec<u8>, event: &EventRecord<'_>) {
    out.extend_from_slice(&event.index.to_le_bytes());
    write_option(out, event.key);
    write_option(out, event.stream);
    write_text(out, event.event_type);
    out.extend_from_slice(&event.version.to_le_bytes());
    match event.position {
        PositionRecord::Number(number) => {
            out.push(0);
            out.extend_from_slice(&number.to_le_bytes());
        }
        PositionRecord::Text(text) => {
            out.push(1);
            write_text(out, text);
        }
    }
    write_option(out, event.id);
    write_option(out, event.time);
    for payload in [event.data, event.metadata, event.fields] {
        match payload {
            PayloadRecord::Absent => out.push(0),
            PayloadRecord::Json(text) => {
                out.push(1);
                write_bytes(out, text);
            }
            PayloadRecord::Broken(reason) => {
                out.push(2);
                write_text(out, reason);
            }
        }
    }
}

impl Request<'_> {
    /// Appends the frame.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Load { event_micros, call_micros, memory, source } => write_frame(out, LOAD, |out| {
                for number in [event_micros, call_micros, memory] {
                    out.extend_from_slice(&number.to_le_bytes());
                }
                write_text(out, source);
            }),
            Self::StartInitial { stream } => write_frame(out, START_INITIAL, |out| write_text(out, stream)),
            Self::StartResume { stream, state, exact } => write_frame(out, START_RESUME, |out| {
                write_text(out, stream);
                write_option(out, *state);
                write_places(out, exact);
            }),
            Self::Apply { batch, careful, events } => {
                write_apply(out, *batch, *careful, |out| out.extend_from_slice(events));
            }
            Self::State => write_frame(out, STATE, |_| ()),
            Self::StartMany => write_frame(out, START_MANY, |_| ()),
            Self::Resume { states } => write_frame(out, RESUME, |out| {
                out.extend_from_slice(&(states.len() as u32).to_le_bytes());
                states.iter().for_each(|state| write_state(out, state.key, state.text, &state.exact));
            }),
            Self::StateOf { key } => write_frame(out, STATE_OF, |out| write_text(out, key)),
            Self::States { from } => write_frame(out, STATES, |out| out.extend_from_slice(&from.to_le_bytes())),
            Self::Watch { paths } => write_frame(out, WATCH, |out| {
                out.extend_from_slice(&(paths.len() as u32).to_le_bytes());
                paths.iter().for_each(|path| write_path(out, path));
            }),
        }
    }
}

impl Answer {
    /// Appends the frame.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Hello { version, engine, sandbox } => write_frame(out, HELLO, |out| {
                out.extend_from_slice(MAGIC);
                out.extend_from_slice(&version.to_le_bytes());
                write_text(out, engine);
                out.push(sandbox.level as u8);
                write_text(out, &sandbox.missing);
            }),
            Self::Done => write_frame(out, DONE, |_| ()),
            Self::Failed(problem) => write_frame(out, FAILED, |out| write_problem(out, problem)),
            Self::Applied { faults, next, console, values } => write_frame(out, APPLIED, |out| {
                out.extend_from_slice(&(faults.len() as u32).to_le_bytes());
                for (index, problem) in faults {
                    out.extend_from_slice(&index.to_le_bytes());
                    write_problem(out, problem);
                }
                out.extend_from_slice(&next.unwrap_or(u32::MAX).to_le_bytes());
                write_text(out, console);
                out.extend_from_slice(&(values.len() as u32).to_le_bytes());
                for value in values {
                    out.extend_from_slice(&value.index.to_le_bytes());
                    out.extend_from_slice(&value.path.to_le_bytes());
                    write_value(out, &value.before);
                    write_value(out, &value.after);
                }
            }),
            Self::State { text, exact } => write_frame(out, STATE_IS, |out| {
                write_option(out, text.as_deref());
                write_places(out, exact);
            }),
            Self::States { states, next } => write_frame(out, STATES_ARE, |out| {
                out.extend_from_slice(&(states.len() as u32).to_le_bytes());
                states.iter().for_each(|(key, state)| write_state(out, key, state.text.as_deref(), &state.exact));
                out.extend_from_slice(&next.unwrap_or(u32::MAX).to_le_bytes());
            }),
            Self::Working => write_frame(out, WORKING, |_| ()),
            Self::At(index) => write_frame(out, AT, |out| out.extend_from_slice(&index.to_le_bytes())),
            Self::Stuck(index) => {
                write_frame(out, STUCK, |out| out.extend_from_slice(&index.unwrap_or(u32::MAX).to_le_bytes()))
            }
            Self::Heavy(problem) => write_frame(out, HEAVY, |out| write_problem(out, problem)),
            Self::Gone { at, problem } => write_frame(out, GONE, |out| {
                out.extend_from_slice(&at.to_le_bytes());
                write_problem(out, problem);
            }),
        }
    }
}
