//! `stepback append`: one event into an embedded store.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::domain::text::safe;
use crate::domain::{Failure, FailureKind};
use crate::regular;
use crate::session::embedded::{self, Entry, Expected};

/// The largest data of an event that is read from standard input.
const LARGEST: u64 = 64 << 20;

/// Append one event to a stream of an embedded store
#[derive(clap::Args, Debug)]
pub struct AppendArgs {
    /// The store: a directory, made when it is not there
    pub store: PathBuf,
    /// The stream, such as account-1
    pub stream: String,
    /// What happened, such as MoneyDeposited
    #[arg(long = "type", value_name = "TYPE")]
    pub event_type: String,
    /// What it says: JSON, stored byte for byte; `-` reads it from standard input
    #[arg(long, value_name = "JSON", allow_hyphen_values = true)]
    pub data: String,
    /// What is said about it: JSON, stored byte for byte; `-` reads it from standard input
    #[arg(long, value_name = "JSON", allow_hyphen_values = true)]
    pub metadata: Option<String>,
    /// Its identity, one in the whole store; appending the same event with the same id again changes nothing
    #[arg(long, value_name = "UUID", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub id: Option<String>,
    /// Append only if the stream is so: `any`, `none` (it has no event), or the version of its last event
    #[arg(long, value_name = "any|none|N", default_value = "any", value_parser = expected)]
    pub expect: Expected,
}

fn expected(text: &str) -> Result<Expected, String> {
    match text {
        "any" => Ok(Expected::Any),
        "none" => Ok(Expected::NoStream),
        number => number.parse().map(Expected::Exact).map_err(|_| "expected `any`, `none` or a version".to_owned()),
    }
}

/// Appends, and says where the event stands.
///
/// # Errors
/// When data is not JSON, the stream is elsewhere than expected, or the store cannot be written.
pub fn run(args: &AppendArgs, out: &mut dyn Write, err: &mut dyn Write) -> Result<ExitCode, Failure> {
    if args.data == "-" && args.metadata.as_deref() == Some("-") {
        return Err(super::usage("--data and --metadata cannot both come from standard input", ""));
    }
    let data = given(&args.data)?;
    let metadata = args.metadata.as_deref().map(given).transpose()?;
    let entry = Entry {
        stream: args.stream.clone(),
        event_type: args.event_type.clone(),
        data,
        metadata,
        id: args.id.clone(),
        expected: args.expect,
    };
    let done = embedded::append(&args.store, &entry)?;
    for notice in &done.notices {
        drop(writeln!(err, "stepback: {}", safe(notice)));
    }
    let there = if done.appended.repeated { " (it was there already)" } else { "" };
    let stream = safe(&args.stream);
    let (version, position) = (done.appended.last_version, done.appended.last_position);
    writeln!(out, "{stream} version {version}, position {position}{there}")
        .and_then(|()| out.flush())
        .or_else(quiet)?;
    Ok(ExitCode::SUCCESS)
}

/// JSON as it was given, or what standard input says.
fn given(text: &str) -> Result<String, Failure> {
    if text != "-" {
        return Ok(text.to_owned());
    }
    let read = regular::all(std::io::stdin(), LARGEST).and_then(regular::text);
    let mut text = read.map_err(|error| match error.kind() {
        std::io::ErrorKind::InvalidData | std::io::ErrorKind::FileTooLarge => {
            Failure::new(FailureKind::Malformed, "standard input", "read it as JSON", error.to_string())
        }
        _ => Failure::io("standard input", "read", &error),
    })?;
    text.truncate(text.trim_end_matches(['\n', '\r']).len());
    Ok(text)
}

/// Whoever closed our output has read enough; everything else is a failure.
pub(super) fn quiet(error: std::io::Error) -> Result<(), Failure> {
    match error.kind() {
        std::io::ErrorKind::BrokenPipe => Ok(()),
        _ => Err(Failure::io("standard output", "write", &error)),
    }
}
