//! `stepback state`: the state of a stream at a place.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::folding::{self, FoldArgs, KEEP_GOING};
use super::interrupt;
use super::missing::{Lack, Missing};
use super::output::{self, Ended};
use super::place;
use super::source_args::{self, SourceArgs};
use crate::condition::Expression;
use crate::domain::{Destination, Failure, FailureKind, Json, Place, Scope, text};
use crate::session::judging::subject_of;
use crate::session::{Reached, Source, Walker};
use crate::wire::{push_position, push_text};

/// Fold a stream into its state.
#[derive(Args, Debug)]
pub struct StateArgs {
    #[command(flatten)]
    source: SourceArgs,
    /// The stream
    stream: String,
    /// After this version (12) or the N-th event (#12), at this time (2025-03-01T14:03, or -2h before the last event), or at
    /// first, last or start (the initial state)
    #[arg(long, value_name = "PLACE", default_value = "last", allow_hyphen_values = true)]
    at: Place,
    /// What this gives there, in CEL over event, state, prev, patch, fault and changed(PATH), instead of the state:
    /// "state.items.size()"
    #[arg(long, value_name = "EXPR")]
    expr: Option<String>,
    #[command(flatten)]
    fold: FoldArgs,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &StateArgs, configuration: Option<PathBuf>, out: &mut dyn Write) -> Result<ExitCode, Ended> {
    let parsed = args.expr.as_deref().map(|written| {
        Expression::parse(written).map_err(|problem| super::filter_args::refused("--expr", &problem, written))
    });
    let expression = parsed.transpose()?;
    let (source, mut walker, mut missing) = open(&args.source, &args.fold, configuration)?;
    let reached = walk(&*source, &mut walker, &args.stream, &args.at)
        .inspect_err(|_| say_where_it_stood(&*source, &args.stream, &args.at))?;
    let moment = &reached.moment;
    let value = expression.map(|expression| expression.judge(&interrupt::token()).value(&subject_of(moment)));
    if let Some(Err(why)) = &value {
        missing.lacks(Lack::Data, format!("it gives nothing here: {why}"));
    }
    let unknown = matches!(value, Some(Err(_)));
    if args.json {
        let mut line = String::from("{\"stream\":");
        push_text(&mut line, moment.stream.as_str());
        line.push_str(",\"version\":");
        match &moment.event {
            Some(event) => {
                line.push_str(&format!("{},\"position\":", event.version));
                push_position(&mut line, &event.position);
            }
            None => line.push_str("null,\"position\":null"),
        }
        line.push(',');
        folding::push_folded(&mut line, &*source, &walker, &reached);
        match &value {
            None => write!(out, "{line},\"state\":{}", moment.state.as_ref().unwrap_or(&Json::Null))?,
            Some(Ok(value)) => write!(out, "{line},\"value\":{value}")?,
            Some(Err(why)) => {
                line.push_str(",\"value\":null,\"why\":");
                push_text(&mut line, why);
                write!(out, "{line}")?;
            }
        }
        writeln!(out, "}}")?;
    } else {
        writeln!(out, "{}", heading(&*source, &reached))?;
        match value.map_or_else(|| moment.state.clone(), Result::ok).as_ref() {
            _ if unknown => writeln!(out, "(unknown)")?,
            Some(state) => super::tree::write(out, state)?,
            None => writeln!(out, "(absent: there is no such entity at this place)")?,
        }
    }
    out.flush()?;
    say_where_it_stood(&*source, &args.stream, &args.at);
    say_what_names_no_reducer(&walker, &reached);
    args.fold.note(&mut missing, &*source, &reached, "here");
    Ok(missing.end(&*source))
}

/// Opens and reads a source and makes a walker for it.
pub(super) fn open(
    args: &SourceArgs,
    fold: &FoldArgs,
    configuration: Option<PathBuf>,
) -> Result<(std::sync::Arc<dyn Source>, Walker, Missing), Ended> {
    let opening = fold.opening(args, configuration)?;
    let (source, missing) = source_args::open(&opening)?;
    let walker = fold.walker(&opening, &source)?;
    output::index(&*source)?;
    Ok((source, walker, missing))
}

/// Walks to a place of a stream.
///
/// # Errors
/// When there is no such stream or place, the source cannot be read, or the reducer gives no state there.
pub(super) fn walk(source: &dyn Source, walker: &mut Walker, name: &str, at: &Place) -> Result<Reached, Ended> {
    let stream = place::stream(source, name)?;
    let scope = Scope::Stream(stream.stream);
    let to = Destination::To(place::locate(source, &scope, at)?);
    let reached = walker.go(&scope, 0, &to, &interrupt::token(), &mut |_| {})?;
    let cannot = |why: String| {
        let doing = format!("fold {}", place_of(&reached));
        Err(Failure::new(FailureKind::Malformed, &reached.moment.reducer.name, doing, why).into())
    };
    if let Some(sealed) = reached.moment.sealed() {
        return cannot(format!("its payload is {sealed}: its state cannot be folded"));
    }
    if reached.moment.suspended.is_some()
        && let Some(why) = &reached.moment.unknown
    {
        let doing = format!("fold {}", place_of(&reached));
        let reducer = &reached.moment.reducer.name;
        return Err(Failure::new(FailureKind::Malformed, reducer, doing, why.to_string()).hint(KEEP_GOING).into());
    }
    match &reached.moment.unknown {
        // An unknown state must not pass for that of an entity that does not exist.
        Some(why) => {
            let stream = text::safe(reached.moment.stream.as_str());
            let doing = match &reached.moment.event {
                Some(event) => format!("give the state of {stream} at version {}", event.version),
                None => format!("give the state of {stream} before its first event"),
            };
            let reducer = &reached.moment.reducer.name;
            Err(Failure::new(FailureKind::Malformed, reducer, doing, why.to_string()).into())
        }
        None => Ok(reached),
    }
}

/// Tells the person that the tool which wrote the store stood elsewhere than at the end.
fn say_where_it_stood(source: &dyn Source, stream: &str, at: &Place) {
    if let (Some((of, version)), Place::Last) = (source.about().stood_at, at)
        && of.as_str() == stream
        && source.stream(&of).ok().flatten().is_some_and(|summary| summary.last_version != version)
    {
        output::say(&format!("the tool that wrote it stood after version {version}: --at {version} goes there"));
    }
}

/// Says what in `stepback.toml` means nothing for the state.
pub(super) fn say_what_names_no_reducer(walker: &Walker, reached: &Reached) {
    folding::remarks(walker, reached).iter().for_each(|remark| output::say(remark));
}

fn place_of(reached: &Reached) -> String {
    let stream = text::safe(reached.moment.stream.as_str());
    match &reached.moment.event {
        Some(event) => format!("{stream} to version {}", event.version),
        None => format!("{stream} before its first event"),
    }
}

fn heading(source: &dyn Source, reached: &Reached) -> String {
    let moment = &reached.moment;
    let place = match &moment.event {
        Some(event) => format!(
            "{} after {} ({}, {})",
            moment.stream,
            folding::called(source, &moment.stream, moment.at, event),
            event.event_type,
            output::time_cell(event.time)
        ),
        None => format!("{} before its first event", moment.stream),
    };
    text::safe(&format!("{place}   {}", folding::heading(moment))).into_owned()
}
