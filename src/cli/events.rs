//! `stepback events`: the events of a stream or of the whole store.

use std::io::Write;
use std::ops::Range;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;

use super::filter_args::{FilterArgs, Filtering};
use super::interrupt;
use super::lines;
use super::output::{self, Ended, Table};
use super::place;
use super::source_args::SourceArgs;
use crate::domain::{
    Anchor, Direction, Event, EventPage, EventQuery, FailureKind, Note, NoteKind, OtherKey, Place, Scope,
};
use crate::session::Source;
use crate::wire::{Payloads, Written};

/// Events read at once.
const PAGE: usize = 1024;

/// List events.
#[derive(Args, Debug)]
pub struct EventsArgs {
    #[command(flatten)]
    source: SourceArgs,
    /// Only this stream
    stream: Option<String>,
    /// Only streams of this category: `order` of `order-7`, of `order|7` and `order$7`
    #[arg(long, value_name = "NAME", conflicts_with = "stream")]
    category: Option<String>,
    /// From this version on (without a stream: this position), the N-th event (#N), a time, or first, last
    #[arg(long, value_name = "PLACE", allow_hyphen_values = true)]
    from: Option<Place>,
    /// Up to this version (without a stream: this position), and so on
    #[arg(long, value_name = "PLACE", allow_hyphen_values = true)]
    to: Option<Place>,
    #[command(flatten)]
    filter: FilterArgs,
    /// At most so many
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Newest first
    #[arg(long)]
    backward: bool,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
    /// With --json: data and metadata as they are stored, not as the JSON they stand for
    #[arg(long, requires = "json")]
    raw: bool,
}

pub(super) fn run(args: &EventsArgs, out: &mut dyn Write) -> Result<ExitCode, Ended> {
    let filter = args.filter.filter()?;
    let (source, mut missing) = args.source.open()?;
    let limit = args.limit.unwrap_or(usize::MAX);
    let scope = match (&args.stream, &args.category) {
        (Some(name), _) => {
            output::complete(&*source)?;
            Scope::Stream(place::stream(&*source, name)?.stream)
        }
        (None, Some(name)) => Scope::Category(name.as_str().into()),
        (None, None) => Scope::All,
    };
    let mut filtering = Filtering::new(&args.filter, &filter, &*source, &scope)?;
    let range = match (&args.from, &args.to) {
        (None, None) => 0..u64::MAX,
        (from, to) => {
            output::complete(&*source)?;
            place::range(&*source, &scope, from.as_ref(), to.as_ref())?
        }
    };
    let direction = if args.backward { Direction::Backward } else { Direction::Forward };
    let mut walk = Walk::within(scope, direction, range);
    let mut table = match args.stream {
        Some(_) => Table::new(&[">VERSION", "TIME", "TYPE", "DATA"]),
        None => Table::new(&[">POSITION", "STREAM", ">VERSION", "TIME", "TYPE", "DATA"]),
    };
    let payloads = if args.raw { Payloads::Stored } else { Payloads::Meaning };
    let written = Written { payloads, ..Written::default() };
    let (mut found, mut key, mut doubt) = (0, None, Doubt::default());
    while found < limit
        && let Some(event) = walk.next(&*source)?
    {
        if !filtering.wants(&event) {
            continue;
        }
        if args.json {
            // Of a store in tables it is known once events are.
            let key = key.get_or_insert_with(|| source.about().key);
            let event = doubt.noted(&*source, event);
            lines::write_event(out, &event, key.as_ref(), written, &mut missing)?;
        } else {
            table.row(out, cells(&event, args.stream.is_some()))?;
            if event.trouble.is_some() {
                missing.unreadable(&event);
            }
        }
        found += 1;
    }
    table.write(out)?;
    filtering.end()?;
    if found == 0 && limit > 0 {
        let why = format!("no event of {} matches", source.about().name);
        return Ok(missing.nothing(&*source, &why));
    }
    out.flush()?;
    Ok(missing.end(&*source))
}

/// What puts in doubt that each stream is one, as far as that is known when an event is written.
#[derive(Default)]
struct Doubt {
    note: Option<Note>,
    /// Whether the source was read to its end when it was asked.
    is_final: bool,
    is_asked: bool,
}

impl Doubt {
    /// The event, with a note where its stream may be several.
    fn noted(&mut self, source: &dyn Source, event: Arc<Event>) -> Arc<Event> {
        if !self.is_asked || !self.is_final && source.progress().complete {
            (self.is_asked, self.is_final) = (true, source.progress().complete);
            let about = source.about();
            let key = OtherKey::doubt(&about.other_keys);
            self.note = key.map(|key| Note::new(NoteKind::DoubtfulKey, key.caveat()));
        }
        let Some(note) = self.note.clone().filter(|_| event.trouble.is_none()) else { return event };
        let mut event = (*event).clone();
        event.notes.push(note);
        Arc::new(event)
    }
}

/// A walk over pages, in either direction.
pub(super) struct Walk {
    scope: Scope,
    direction: Direction,
    /// The ordinals it goes over.
    range: Range<u64>,
    page: std::vec::IntoIter<Arc<Event>>,
    next: Option<Anchor>,
}

impl Walk {
    /// The events of a scope with these ordinals.
    fn within(scope: Scope, direction: Direction, range: Range<u64>) -> Self {
        let next = match direction {
            _ if range.is_empty() => None,
            Direction::Forward => Some(Anchor::Ordinal(range.start)),
            Direction::Backward if range.end == u64::MAX => Some(Anchor::End),
            Direction::Backward => Some(Anchor::Ordinal(range.end - 1)),
        };
        Self { scope, direction, range, page: Vec::new().into_iter(), next }
    }

    /// Every event of a scope, oldest first.
    pub(super) fn over(scope: Scope) -> Self {
        Self::within(scope, Direction::Forward, 0..u64::MAX)
    }

    pub(super) fn next(&mut self, source: &dyn Source) -> Result<Option<Arc<Event>>, Ended> {
        // What was asked to stop ends with what it has.
        if interrupt::is_stopped() {
            return Ok(None);
        }
        if let Some(event) = self.page.next() {
            return Ok(Some(event));
        }
        let Some(from) = self.next.take() else { return Ok(None) };
        let query = EventQuery { scope: self.scope.clone(), from, direction: self.direction, limit: PAGE };
        let page = match self.read(source, &query) {
            Err(Ended::Failed(failure)) if failure.kind == FailureKind::Cancelled => return Ok(None),
            page => page?,
        };
        let read = page.events.len() as u64;
        let next = match self.direction {
            _ if read == 0 => None,
            Direction::Forward => Some(page.first + read),
            Direction::Backward => (page.first + 1).checked_sub(read + 1),
        };
        self.next = next.filter(|ordinal| self.range.contains(ordinal)).map(Anchor::Ordinal);
        let within = |n: u64| match self.direction {
            Direction::Forward => self.range.contains(&(page.first + n)),
            Direction::Backward => page.first.checked_sub(n).is_some_and(|ordinal| self.range.contains(&ordinal)),
        };
        let kept: Vec<_> = (0..).zip(page.events).filter(|(n, _)| within(*n)).map(|(_, event)| event).collect();
        self.page = kept.into_iter();
        Ok(self.page.next())
    }

    /// A page; when what is known so far does not fill it, the source is read to its end first.
    fn read(&mut self, source: &dyn Source, query: &EventQuery) -> Result<EventPage, Ended> {
        if query.direction == Direction::Forward || source.progress().complete {
            let page = source.events(query, &interrupt::token())?;
            if !page.partial || !page.events.is_empty() {
                return Ok(page);
            }
        }
        output::complete(source)?;
        Ok(source.events(query, &interrupt::token())?)
    }
}

fn cells(event: &Event, in_stream: bool) -> Vec<String> {
    let digest = match &event.trouble {
        Some(trouble) => format!("! {trouble}"),
        None => lines::meaning(&event.data).into_owned(),
    };
    let version = if event.trouble.is_some() { "-".to_owned() } else { event.version.to_string() };
    let mut cells = vec![version, output::time_cell(event.time), event.event_type.to_string(), digest];
    if !in_stream {
        cells.insert(0, event.stream.to_string());
        cells.insert(0, event.position.to_string());
    }
    cells
}
