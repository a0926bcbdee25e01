//! What every command that folds takes, and what it says of a state that is not whole.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::interrupt;
use super::missing::{Lack, Missing};
use super::source_args::SourceArgs;
use crate::domain::{Event, Failure, OtherKey, Place, StreamName, text, words};
use crate::replay::{Counted, FaultCount, FirstFault, FoldError, Moment, Patience, ReducerInfo, ScriptPlace};
use crate::session::places;
use crate::session::{Opening, Reached, Source, Walker};
use crate::wire::{push_named, push_optional, push_text};

/// What to do about a reducer that is suspended.
pub const KEEP_GOING: &str = "--keep-going goes on, however long it takes";

/// Cells of a stream's name in a message.
const NAME: usize = 120;

/// Which reducer folds, and what is done when it fails.
#[derive(Args, Debug, Default)]
pub struct FoldArgs {
    /// Fold with this JavaScript file
    #[arg(long, value_name = "FILE")]
    pub reducer: Option<PathBuf>,
    /// Take events that cannot be folded as decided: they are counted, and the exit code is that of a whole answer
    #[arg(long)]
    pub allow_faults: bool,
    /// Go on when the reducer has timed out three times, however long it takes
    #[arg(long)]
    pub keep_going: bool,
}

impl FoldArgs {
    /// What to open, with its reducers.
    ///
    /// # Errors
    /// As [`SourceArgs::opening`].
    pub fn opening(&self, source: &SourceArgs, configuration: Option<PathBuf>) -> Result<Opening, Failure> {
        let opening = source.opening()?;
        let configuration = configuration.or(opening.configuration);
        Ok(Opening { reducer: self.reducer.clone(), configuration, ..opening })
    }

    /// A walker over an opened source.
    ///
    /// # Errors
    /// As [`Opening::walker`].
    pub fn walker(&self, opening: &Opening, source: &Arc<dyn Source>) -> Result<Walker, Failure> {
        Ok(opening.walker(source)?.for_one_answer().with_patience(self.patience()))
    }

    /// How long its reducers may take.
    pub fn patience(&self) -> Patience {
        if self.keep_going { Patience::endless() } else { Patience::default() }
    }

    /// Notes that a state lacks events that failed up to its place, called so.
    pub fn note(&self, missing: &mut Missing, source: &dyn Source, reached: &Reached, here: &str) {
        let moment = &reached.moment;
        let Some(first) = &moment.faults.first else { return };
        let lack = if self.allow_faults { Lack::Allowed } else { Lack::Data };
        let (failed, events) = (moment.faults.before, words::counted(moment.at, "event"));
        let first_place = place_of(source, first);
        // The event of the place is among those counted.
        let up_to = if moment.fault.is_some() { "up to" } else { "before" };
        missing.lacks(lack, format!("{failed} of {events} failed {up_to} {here}, the first at {first_place}"));
        if let (Some(fault), Some(event)) = (&moment.fault, &moment.event) {
            let why = if moment.at == first.at { String::new() } else { format!(" ({fault})") };
            let place = format!("{} ({})", called(source, &moment.stream, moment.at, event), event.event_type);
            missing.lacks(lack, format!("{place} itself failed{why}: the state is that of the event before"));
        }
    }

    /// Notes that so many of the events that were folded failed.
    pub fn note_counted(&self, missing: &mut Missing, source: &dyn Source, counted: &Counted) {
        let Some(first) = &counted.faults.first else { return };
        let lack = if self.allow_faults { Lack::Allowed } else { Lack::Data };
        missing.lacks(lack, failed(source, counted.faults.before, counted.events, first));
    }
}

/// That so many of so many events failed, and where the first of them stands.
pub fn failed(source: &dyn Source, failed: u64, of: u64, first: &FirstFault) -> String {
    let events = words::counted(of, "event");
    format!("{} of {events} failed, the first at {}", words::count(failed), place_of(source, first))
}

/// How a place of a stream is written, so that it leads there and to nothing else.
pub fn named(source: &dyn Source, stream: &StreamName, at: u64) -> Place {
    places::named(source, stream, at, &interrupt::token()).unwrap_or(Place::Ordinal(at))
}

/// An event of a stream in a sentence: its version, or, where that stands twice, which of the events it is.
pub fn called(source: &dyn Source, stream: &StreamName, at: u64, event: &Event) -> String {
    match named(source, stream, at) {
        Place::Ordinal(at) => format!("#{at}, version {}", event.version),
        _ => format!("version {}", event.version),
    }
}

/// What in `stepback.toml` means nothing, where the generic fold was used: a reducer may have been meant.
pub fn remarks(walker: &Walker, reached: &Reached) -> Vec<String> {
    let is_guess = reached.moment.reducer.approximate;
    if is_guess { walker.remarks().unwrap_or_default() } else { Vec::new() }
}

/// Adds what everything folded carries: its reducer, what is to be said of the choice of it, how many events failed, and what
/// puts in doubt that its stream is one.
pub fn push_folded(line: &mut String, source: &dyn Source, walker: &Walker, reached: &Reached) {
    let moment = &reached.moment;
    push_counted(line, &moment.reducer, &moment.faults);
    let remarks = remarks(walker, reached);
    if !remarks.is_empty() {
        line.push_str(",\"remarks\":");
        line.push_str(&serde_json::json!(remarks).to_string());
    }
    if let Some(key) = OtherKey::doubt(&source.about().other_keys) {
        line.push_str(",\"key_doubt\":");
        push_text(line, &key.caveat());
    }
}

/// Adds which reducer folded, how many events failed, and the first of them.
pub fn push_counted(line: &mut String, reducer: &ReducerInfo, faults: &FaultCount) {
    line.push_str("\"reducer\":");
    push_text(line, &reducer.name);
    line.push_str(&format!(",\"approximate\":{},\"faults\":{}", reducer.approximate, faults.before));
    if let Some(FirstFault { event, error, .. }) = &faults.first {
        line.push_str(",\"first_fault\":");
        push_named(line, event);
        line.push_str(",\"message\":");
        push_text(line, &error.message);
        line.push_str(",\"line\":");
        push_optional(line, script_line(error).as_deref());
        line.push('}');
    }
}

fn script_line(error: &FoldError) -> Option<String> {
    error.place.as_ref().map(|place| match place {
        ScriptPlace { file, line, column: 0 } => format!("{file}:{line}"),
        ScriptPlace { file, line, column } => format!("{file}:{line}:{column}"),
    })
}

fn place_of(source: &dyn Source, FirstFault { event, at, error }: &FirstFault) -> String {
    let stream = text::fit(event.stream.as_str(), NAME);
    match &event.trouble {
        Some(_) => format!("position {}: {error}", event.position),
        None => {
            format!("{stream} {} ({}): {error}", called(source, &event.stream, *at, event), event.event_type)
        }
    }
}

/// How a state was made, for a heading: its reducer, and what the state lacks.
pub fn heading(moment: &Moment) -> String {
    let approximate = if moment.reducer.approximate { ", approximate" } else { "" };
    let faults = match moment.faults.before {
        0 => String::new(),
        failed => format!(", {failed} of {} events failed", moment.at),
    };
    format!("reducer {}{approximate}{faults}", moment.reducer.name)
}
