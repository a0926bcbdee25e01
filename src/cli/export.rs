//! `stepback export`: events as JSON Lines that can be opened again.

use std::io::Write;
use std::process::ExitCode;

use clap::Args;

use super::events::Walk;
use super::filter_args::{FilterArgs, Filtering};
use super::lines;
use super::output::{self, Ended};
use super::place;
use super::source_args::SourceArgs;
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
    let mut walk = Walk::over(scope);
    let (mut written, about) = (0, source.about());
    let key = about.key.clone();
    // What was counted here would be the store's own where the export is opened.
    let counts_all = about.counted_versions > 0 && about.counted_versions >= source.progress().events;
    while let Some(event) = walk.next(&*source)? {
        if event.trouble.is_some() {
            // It could not be opened again as an event.
            missing.unreadable(&event);
        } else if filtering.wants(&event) {
            let without_version = counts_all || event.has(NoteKind::Counted);
            let how = Written { without_version, ..Written::default() };
            lines::write_event(out, &event, key.as_ref(), how, &mut missing)?;
            written += 1;
        }
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
    out.flush()?;
    Ok(missing.end(&*source))
}
