//! `stepback state`: the state of a stream at a place.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::output::{self, Ended};
use super::place::{self, Place};
use super::source_args::SourceArgs;
use crate::domain::{Cancel, Failure, FailureKind, Json, Scope, text};
use crate::session::{Reached, Source, Walker};

/// Fold a stream into its state.
#[derive(Args, Debug)]
pub struct StateArgs {
    #[command(flatten)]
    source: SourceArgs,
    /// The stream
    stream: String,
    /// After this version, at this time, or at first, last or start (the initial state)
    #[arg(long, value_name = "N|TIME", default_value = "last")]
    at: Place,
    /// Fold with this JavaScript file
    #[arg(long, value_name = "FILE")]
    reducer: Option<PathBuf>,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &StateArgs, configuration: Option<PathBuf>, out: &mut dyn Write) -> Result<ExitCode, Ended> {
    let (source, mut walker) = open(&args.source, args.reducer.clone(), configuration)?;
    let reached = walk(&*source, &mut walker, &args.stream, &args.at)?;
    let moment = &reached.moment;
    if args.json {
        let mut line = String::from("{\"stream\":");
        output::push_text(&mut line, moment.stream.as_str());
        let version = moment.event.as_ref().map_or_else(|| "null".to_owned(), |event| event.version.to_string());
        line.push_str(&format!(",\"version\":{version},\"reducer\":"));
        output::push_text(&mut line, &moment.reducer.name);
        line.push_str(&format!(",\"approximate\":{},\"state\":", moment.reducer.approximate));
        writeln!(out, "{line}{}}}", moment.state.as_ref().unwrap_or(&Json::Null))?;
    } else {
        writeln!(out, "{}", heading(&reached))?;
        match &moment.state {
            Some(state) => super::tree::write(out, state)?,
            None => writeln!(out, "(absent: there is no such entity at this place)")?,
        }
    }
    out.flush()?;
    say_fault(&reached);
    Ok(ExitCode::SUCCESS)
}

/// Opens and reads a source and makes a walker for it.
pub(super) fn open(
    args: &SourceArgs,
    reducer: Option<PathBuf>,
    configuration: Option<PathBuf>,
) -> Result<(std::sync::Arc<dyn Source>, Walker), Ended> {
    let opening = crate::session::Opening { reducer, configuration, ..args.opening() };
    let source = opening.source()?;
    let walker = opening.walker(&source)?.for_one_answer();
    output::complete(&*source)?;
    Ok((source, walker))
}

/// Walks to a place of a stream.
///
/// # Errors
/// When there is no such stream or place, the source cannot be read, or the reducer gives no state there.
pub(super) fn walk(source: &dyn Source, walker: &mut Walker, name: &str, at: &Place) -> Result<Reached, Ended> {
    let stream = place::stream(source, name)?;
    let to = at.destination(source, &stream)?;
    let reached = walker.go(&Scope::Stream(stream.stream), 0, &to, &Cancel::default(), &mut |_, _| {})?;
    let cannot = |why: String| {
        let doing = format!("fold {}", place_of(&reached));
        Err(Failure::new(FailureKind::Malformed, &reached.moment.reducer.name, doing, why).into())
    };
    if let Some(sealed) = reached.moment.sealed() {
        return cannot(format!("its payload is {sealed}: its state cannot be folded"));
    }
    match &reached.moment.fault {
        // An unknown state must not pass for that of an entity that does not exist.
        Some(fault) if reached.moment.unknown => cannot(fault.to_string()),
        _ => Ok(reached),
    }
}

fn place_of(reached: &Reached) -> String {
    let stream = text::safe(reached.moment.stream.as_str());
    match &reached.moment.event {
        Some(event) => format!("{stream} to version {}", event.version),
        None => format!("{stream} before its first event"),
    }
}

/// Tells the person that the event of a place could not be folded.
pub(super) fn say_fault(reached: &Reached) {
    if let (Some(fault), Some(event)) = (&reached.moment.fault, &reached.moment.event) {
        output::say(&format!(
            "version {} ({}) could not be folded: {fault}\nthe state is that of the event before",
            event.version, event.event_type
        ));
    }
}

fn heading(reached: &Reached) -> String {
    let moment = &reached.moment;
    let place = match &moment.event {
        Some(event) => format!(
            "{} after version {} ({}, {})",
            moment.stream,
            event.version,
            event.event_type,
            output::time_cell(event.time)
        ),
        None => format!("{} before its first event", moment.stream),
    };
    let approximate = if moment.reducer.approximate { ", approximate" } else { "" };
    crate::domain::text::safe(&format!("{place}   reducer {}{approximate}", moment.reducer.name)).into_owned()
}
