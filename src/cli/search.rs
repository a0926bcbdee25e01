//! `stepback search`: where a text or a regular expression stands in a store.

use std::io::{self, IsTerminal, Write};
use std::ops::ControlFlow;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;

use super::interrupt;
use super::lines;
use super::output::{self, Ended, Table};
use super::place;
use super::source_args::SourceArgs;
use crate::domain::{Cancel, Event, EventQuery, FailureKind, Pattern, Scope, SearchStep, words};
use crate::session::Source;
use crate::session::search::{Case, excerpt, pattern};

/// Hits that wait to be shown; they are shown at the latest when the search says how far it is.
const WAITING: usize = 256;

/// Find text in payloads, types and streams.
#[derive(Args, Debug)]
pub struct SearchArgs {
    #[command(flatten)]
    source: SourceArgs,
    /// What to look for; without capital letters both cases match
    #[arg(allow_hyphen_values = true)]
    pattern: String,
    /// It is a regular expression
    #[arg(long)]
    regex: bool,
    /// Both cases match even where it has capital letters
    #[arg(long)]
    ignore_case: bool,
    /// Only in this stream
    #[arg(long, value_name = "STREAM")]
    stream: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
    /// Only how many
    #[arg(long, conflicts_with = "json")]
    count: bool,
}

pub(super) fn run(args: &SearchArgs, out: &mut dyn Write) -> Result<ExitCode, Ended> {
    let case = if args.ignore_case { Case::Ignored } else { Case::Smart };
    let pattern = pattern(&args.pattern, args.regex, case)
        .map_err(|problem| super::usage(problem.to_string(), "without --regex it is looked for as it is"))?;
    let (source, mut missing) = args.source.open()?;
    output::complete(&*source)?;
    let scope = match &args.stream {
        Some(name) => Scope::Stream(place::stream(&*source, name)?.stream),
        None => Scope::All,
    };
    let limit = args.limit.unwrap_or(usize::MAX);
    let mut shown = Shown {
        source: &*source,
        scope: &scope,
        pattern: &pattern,
        json: args.json,
        out,
        table: Table::new(&[">POSITION", "STREAM", ">VERSION", "TIME", "TYPE", "WHERE", "TEXT"]),
    };
    let watched = io::stderr().is_terminal();
    let (mut found, mut waiting, mut ended) = (0_usize, Vec::new(), Ok(()));
    let cancel = interrupt::token();
    if limit > 0 {
        let searched = source.search(&pattern, &scope, &cancel, &mut |step| {
            let due = match step {
                SearchStep::Hit(ordinal) => {
                    found += 1;
                    if !args.count {
                        waiting.push(ordinal);
                    }
                    found >= limit || waiting.len() >= WAITING
                }
                SearchStep::Searched(done, total) => {
                    if watched {
                        // Nobody may be listening.
                        let _ = write!(io::stderr(), "\r\x1b[2Ksearched {} %", words::percent(done, total));
                    }
                    true
                }
            };
            if due && !waiting.is_empty() {
                if watched {
                    let _ = write!(io::stderr(), "\r\x1b[2K");
                }
                ended = shown.show(&std::mem::take(&mut waiting));
            }
            match found >= limit || ended.is_err() {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        });
        match searched {
            // What was found by then is shown.
            Err(failure) if failure.kind == FailureKind::Cancelled => {}
            searched => searched?,
        }
    }
    if watched {
        let _ = write!(io::stderr(), "\r\x1b[2K");
    }
    ended.and_then(|()| shown.show(&waiting))?;
    if args.count {
        writeln!(shown.out, "{}", counted(found, interrupt::is_stopped()))?;
    }
    shown.out.flush()?;
    missing.look_into(&*source, &scope)?;
    if found == 0 && limit > 0 {
        let what = if args.regex { "matches" } else { "contains" };
        let so_far = if interrupt::is_stopped() { " so far: the search was stopped" } else { "" };
        let why = format!("nothing in {} {what} {}{so_far}", source.about().name, args.pattern);
        return Ok(missing.nothing(&*source, &why));
    }
    Ok(missing.end(&*source))
}

/// How many hits there are, in words where there may be more.
fn counted(found: usize, stopped: bool) -> String {
    if stopped { format!("{found} so far") } else { found.to_string() }
}

/// Where hits are shown.
struct Shown<'a> {
    source: &'a dyn Source,
    scope: &'a Scope,
    pattern: &'a Pattern,
    json: bool,
    out: &'a mut dyn Write,
    table: Table,
}

impl Shown<'_> {
    /// Shows hits, and lets whoever reads along see them now.
    fn show(&mut self, ordinals: &[u64]) -> Result<(), Ended> {
        for ordinal in ordinals {
            // What was counted is shown even when the search was stopped since.
            let query = EventQuery::at(self.scope.clone(), *ordinal, 1);
            let page = self.source.events(&query, &Cancel::default())?;
            if let Some(event) = page.events.first() {
                self.one(event)?;
            }
        }
        self.table.write(self.out)?;
        Ok(self.out.flush()?)
    }

    fn one(&mut self, event: &Arc<Event>) -> Result<(), Ended> {
        let found = excerpt(self.pattern, event);
        let (path, text) = found.map_or_else(Default::default, |found| (found.path, found.text));
        if self.json {
            return Ok(lines::write_hit(self.out, event, &path, &text)?);
        }
        let (version, kind) = match &event.trouble {
            Some(trouble) => ("-".to_owned(), format!("! {}", trouble.place)),
            None => (event.version.to_string(), event.event_type.to_string()),
        };
        let cells = vec![
            event.position.to_string(),
            event.stream.to_string(),
            version,
            output::time_cell(event.time),
            kind,
            path,
            text,
        ];
        Ok(self.table.row(self.out, cells)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_that_was_stopped_says_so() {
        assert_eq!((counted(12, false).as_str(), counted(12, true).as_str()), ("12", "12 so far"));
    }
}
