//! `stepback events`: the events of a stream or of the whole store.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;

use super::filter_args::{FilterArgs, Filtering};
use super::output::{self, Ended, Table};
use super::place;
use super::source_args::SourceArgs;
use crate::domain::{Anchor, Cancel, Direction, Event, EventPage, EventQuery, Position, Scope, Version};
use crate::session::Source;

/// Events read at once.
const PAGE: usize = 1024;

/// List events.
#[derive(Args, Debug)]
pub struct EventsArgs {
    #[command(flatten)]
    source: SourceArgs,
    /// Only this stream
    stream: Option<String>,
    /// From this version on (without a stream: this position)
    #[arg(long, value_name = "N")]
    from: Option<u64>,
    /// Up to this version (without a stream: this position)
    #[arg(long, value_name = "N")]
    to: Option<u64>,
    #[command(flatten)]
    filter: FilterArgs,
    /// At most so many
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Newest first
    #[arg(long)]
    backward: bool,
    /// One JSON object a line, data and metadata as stored
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &EventsArgs, out: &mut dyn Write) -> Result<ExitCode, Ended> {
    let filter = args.filter.filter()?;
    let source = args.source.opening().source()?;
    let limit = args.limit.unwrap_or(usize::MAX);
    let scope = match &args.stream {
        Some(name) => {
            output::complete(&*source)?;
            Scope::Stream(place::stream(&*source, name)?.stream)
        }
        None => Scope::All,
    };
    let mut filtering = Filtering::new(&filter, &*source, &scope)?;
    let mut walk = Walk::new(args, scope);
    let mut table = match args.stream {
        Some(_) => Table::new(&[">VERSION", "TIME", "TYPE", "DATA"]),
        None => Table::new(&[">POSITION", "STREAM", ">VERSION", "TIME", "TYPE", "DATA"]),
    };
    let (mut found, mut skipped) = (0, 0);
    while found < limit
        && let Some(event) = walk.next(&*source)?
    {
        if !walk.in_range(&event) || !filtering.wants(&event) {
            continue;
        }
        match (args.json, &event.trouble) {
            // A record that is no event has no place among the objects; the count on standard error tells of it.
            (true, Some(_)) => {
                skipped += 1;
                continue;
            }
            (true, None) => output::write_event(out, &event)?,
            (false, _) => table.row(out, cells(&event, args.stream.is_some()))?,
        }
        found += 1;
    }
    table.write(out)?;
    filtering.say();
    if skipped > 0 && !walk.completed {
        output::say_troubles(skipped);
    }
    if found == 0 {
        return Err(Ended::Nothing(format!("no event of {} matches", source.about().name)));
    }
    Ok(ExitCode::SUCCESS)
}

/// A walk over pages, in either direction.
pub(super) struct Walk {
    scope: Scope,
    direction: Direction,
    from: Option<u64>,
    to: Option<u64>,
    page: std::vec::IntoIter<Arc<Event>>,
    next: Option<Anchor>,
    /// Whether the source was read to its end for it, which tells how many records could not be read.
    completed: bool,
}

impl Walk {
    fn new(args: &EventsArgs, scope: Scope) -> Self {
        let direction = if args.backward { Direction::Backward } else { Direction::Forward };
        let next = match (&scope, direction, args.from) {
            (Scope::Stream(_), Direction::Forward, Some(version)) => Anchor::Version(Version(version)),
            (_, Direction::Forward, _) => Anchor::Start,
            (_, Direction::Backward, _) => Anchor::End,
        };
        Self {
            scope,
            direction,
            from: args.from,
            to: args.to,
            page: Vec::new().into_iter(),
            next: Some(next),
            completed: false,
        }
    }

    /// Every event of a scope, oldest first.
    pub(super) fn over(scope: Scope) -> Self {
        Self {
            scope,
            direction: Direction::Forward,
            from: None,
            to: None,
            page: Vec::new().into_iter(),
            next: Some(Anchor::Start),
            completed: false,
        }
    }

    pub(super) fn next(&mut self, source: &dyn Source) -> Result<Option<Arc<Event>>, Ended> {
        if let Some(event) = self.page.next() {
            return Ok(Some(event));
        }
        let Some(from) = self.next.take() else { return Ok(None) };
        let query = EventQuery { scope: self.scope.clone(), from, direction: self.direction, limit: PAGE };
        let page = self.read(source, &query)?;
        let read = page.events.len() as u64;
        self.next = match self.direction {
            _ if read == 0 => None,
            Direction::Forward => Some(Anchor::Ordinal(page.first + read)),
            Direction::Backward => (page.first + 1).checked_sub(read + 1).map(Anchor::Ordinal),
        };
        self.page = page.events.into_iter();
        Ok(self.page.next())
    }

    /// A page; when what is known so far does not fill it, the source is read to its end first.
    fn read(&mut self, source: &dyn Source, query: &EventQuery) -> Result<EventPage, Ended> {
        if query.direction == Direction::Forward || source.progress().complete {
            let page = source.events(query, &Cancel::default())?;
            if !page.partial || !page.events.is_empty() {
                return Ok(page);
            }
        }
        output::complete(source)?;
        self.completed = true;
        Ok(source.events(query, &Cancel::default())?)
    }

    fn in_range(&self, event: &Event) -> bool {
        let number = match (&self.scope, &event.position) {
            (Scope::Stream(_), _) => event.version.0,
            (_, Position::Number(number)) => *number,
            (_, Position::Text(_)) => return self.from.is_none() && self.to.is_none(),
        };
        self.from.is_none_or(|from| number >= from) && self.to.is_none_or(|to| number <= to)
    }
}

fn cells(event: &Event, in_stream: bool) -> Vec<String> {
    let digest = match &event.trouble {
        Some(trouble) => format!("! {trouble}"),
        None => event.data.text().into_owned(),
    };
    let version = if event.trouble.is_some() { "-".to_owned() } else { event.version.to_string() };
    let mut cells = vec![version, output::time_cell(event.time), event.event_type.to_string(), digest];
    if !in_stream {
        cells.insert(0, event.stream.to_string());
        cells.insert(0, event.position.to_string());
    }
    cells
}
