//! `stepback export`: events as JSON Lines that can be opened again.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::events::Walk;
use super::filter_args::{FilterArgs, Filtering};
use super::meter::Meter;
use super::output::{self, Ended};
use super::partition::{Format, Partition, PartitionBy};
use super::source_args::SourceArgs;
use super::{interrupt, lines, place};
use crate::domain::{NoteKind, Scope};
use crate::wire::Written;

/// Write events as JSON Lines.
#[derive(Args, Debug)]
pub struct ExportArgs {
    #[command(flatten)]
    source: SourceArgs,
    /// Only this stream
    #[arg(long, value_name = "STREAM")]
    stream: Option<String>,
    #[command(flatten)]
    filter: FilterArgs,
    /// Write so many parts, each stream whole in one of them, sorted by stream and version, and a manifest: stream/64
    #[arg(long, value_name = "stream/N", requires = "output")]
    partition_by: Option<PartitionBy>,
    /// How the parts are written
    #[arg(long, value_enum, default_value_t, requires = "partition_by")]
    format: Format,
    /// The folder for the parts: empty, or not there yet
    #[arg(long, short, value_name = "DIR", requires = "partition_by")]
    output: Option<PathBuf>,
}

pub(super) fn run(args: &ExportArgs, out: &mut dyn Write) -> Result<ExitCode, Ended> {
    let filter = args.filter.filter()?;
    let (source, mut missing) = args.source.open()?;
    output::complete(&*source)?;
    let scope = match &args.stream {
        Some(name) => Scope::Stream(place::stream(&*source, name)?.stream),
        None => Scope::All,
    };
    let mut filtering = Filtering::new(&args.filter, &filter, &*source, &scope)?;
    let mut partition = match (&args.output, args.partition_by) {
        (Some(folder), Some(by)) => Some(Partition::begin(folder, by, args.format)?),
        _ => None,
    };
    let mut walk = Walk::over(scope.clone());
    let (mut written, about, mut meter, mut line) = (0, source.about(), Meter::new(), Vec::new());
    let (key, total) = (about.key.clone(), source.progress().events);
    // What was counted here would be the store's own where the export is opened.
    let counts_all = about.counted_versions > 0 && about.counted_versions >= total;
    let mut ordinal = 0;
    while let Some(event) = walk.next(&*source)? {
        let at = ordinal;
        ordinal += 1;
        let without_version = counts_all || event.has(NoteKind::Counted);
        let how = Written { without_version, ..Written::default() };
        let belongs = !event.stream.as_str().is_empty();
        match &mut partition {
            // A fold over the part must know of what could not be read, where its stream is known.
            Some(partition) if belongs && (event.trouble.is_some() || filtering.wants(&event)) => {
                line.clear();
                lines::write_event(&mut line, &event, key.as_ref(), how, &mut missing)?;
                partition.add(&*source, &scope, (at, &event), &line)?;
                meter.tell("events", at, total);
            }
            // Alone it could not be opened again as an event.
            _ if event.trouble.is_some() => {
                missing.unreadable(&event);
                continue;
            }
            None if filtering.wants(&event) => lines::write_event(out, &event, key.as_ref(), how, &mut missing)?,
            _ => continue,
        }
        written += 1;
    }
    filtering.end()?;
    if written == 0 {
        let name = source.about().name;
        let why = match filter.is_empty() {
            true => format!("{name} has no event to export"),
            false => format!("no event of {name} matches"),
        };
        return Ok(missing.nothing(&*source, &why));
    }
    match partition {
        // Half of the parts would pass for all of them.
        Some(_) if interrupt::is_stopped() => {}
        Some(partition) => {
            let said = partition.end(&*source, &mut |done, of| meter.tell("parts", done, of))?;
            drop(meter);
            output::say(&said);
        }
        None => out.flush()?,
    }
    Ok(missing.end(&*source))
}
