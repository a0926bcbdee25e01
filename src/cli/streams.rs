//! `stepback streams`: the streams of a store.

use std::io::Write;
use std::process::ExitCode;

use clap::Args;

use super::output::{self, Ended, Table};
use super::source_args::SourceArgs;
use crate::domain::{Scope, StreamKind, StreamSummary};
use crate::session::Source;

/// Streams read at once.
const PAGE: usize = 4096;

/// List the streams of a store.
#[derive(Args, Debug)]
pub struct StreamsArgs {
    #[command(flatten)]
    source: SourceArgs,
    /// Only streams of this category: `order` of `order-7`, of `order|7` and `order$7`
    #[arg(long, value_name = "NAME")]
    category: Option<String>,
    /// Only streams whose name matches: `*` is any text, `?` any character
    #[arg(long = "match", value_name = "GLOB")]
    pattern: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &StreamsArgs, out: &mut dyn Write) -> Result<ExitCode, Ended> {
    let pattern = match &args.pattern {
        Some(text) => Some(glob::Pattern::new(text).map_err(|error| {
            super::usage(format!("`{text}` is no pattern: {error}"), "* is any text, ? any character, [ab] either")
        })?),
        None => None,
    };
    let (source, mut missing) = args.source.open()?;
    output::complete(&*source)?;
    let wanted = |stream: &StreamSummary| {
        args.category.as_deref().is_none_or(|category| stream.stream.category() == category)
            && pattern.as_ref().is_none_or(|pattern| pattern.matches(stream.stream.as_str()))
    };
    // Streams of the domain come first, and what they are is said only where there are others.
    let mut others = false;
    each(&*source, &mut |stream| {
        others = wanted(stream) && stream.kind != StreamKind::Domain;
        Ok(!others)
    })?;
    let header: &[&'static str] = &["STREAM", ">EVENTS", ">FIRST", ">LAST", "FIRST TIME", "LAST TIME", "KIND"];
    let mut table = Table::new(if others { header } else { &header[..header.len() - 1] });
    let (mut found, key) = (0, source.about().key);
    let limit = args.limit.unwrap_or(usize::MAX);
    for of_domain in if others { &[true, false][..] } else { &[true] } {
        each(&*source, &mut |stream| {
            if found >= limit {
                return Ok(false);
            }
            if wanted(stream) && (stream.kind == StreamKind::Domain) == *of_domain {
                found += 1;
                if args.json {
                    output::write_stream(out, stream, key.as_ref())?;
                } else {
                    table.row(out, cells(stream, others))?;
                }
            }
            Ok(true)
        })?;
    }
    table.write(out)?;
    missing.look_into(&*source, &Scope::All)?;
    if found == 0 {
        let why = format!("no stream of {} matches", source.about().name);
        return Ok(missing.nothing(&*source, &why));
    }
    out.flush()?;
    Ok(missing.end(&*source))
}

fn each(source: &dyn Source, visit: &mut dyn FnMut(&StreamSummary) -> Result<bool, Ended>) -> Result<(), Ended> {
    let mut from = 0;
    loop {
        let page = source.streams(from, PAGE)?;
        for stream in &page.streams {
            if !visit(stream)? {
                return Ok(());
            }
        }
        from += page.streams.len();
        if page.streams.is_empty() || from >= page.total {
            return Ok(());
        }
    }
}

fn cells(stream: &StreamSummary, with_kind: bool) -> Vec<String> {
    let mut cells = vec![
        stream.stream.to_string(),
        stream.events.to_string(),
        stream.first_version.to_string(),
        stream.last_version.to_string(),
        output::time_cell(stream.first_time),
        output::time_cell(stream.last_time),
    ];
    if with_kind {
        cells.push(stream.kind.name().into());
    }
    cells
}
