//! `stepback events`: the events of a stream or of the whole store.

use std::io::Write;
use std::ops::{ControlFlow, Range};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;

use super::filter_args::FilterArgs;
use super::folding::{self, FoldArgs, KEEP_GOING};
use super::meter::Meter;
use super::missing::{Lack, Missing};
use super::output::{self, Ended, Table};
use super::source_args::{self, SourceArgs};
use super::{interrupt, lines, place};
use crate::domain::{
    Cancel, Direction, Event, EventPage, EventQuery, FailureKind, Note, NoteKind, OtherKey, Place, Scope, text, words,
};
use crate::session::search::{self, EventFilter};
use crate::session::{Pages, Source, Walker};
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
    #[command(flatten)]
    fold: FoldArgs,
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

pub(super) fn run(args: &EventsArgs, configuration: Option<PathBuf>, out: &mut dyn Write) -> Result<ExitCode, Ended> {
    let filter = args.filter.any()?;
    let opening = args.fold.opening(&args.source, configuration)?;
    let (source, mut missing) = source_args::open(&opening)?;
    let limit = args.limit.unwrap_or(usize::MAX);
    let scope = match (&args.stream, &args.category) {
        (Some(name), _) => {
            output::complete(&*source)?;
            Scope::Stream(place::stream(&*source, name)?.stream)
        }
        (None, Some(name)) => Scope::Category(name.as_str().into()),
        (None, None) => Scope::All,
    };
    let folds = filter.needs().fold();
    let range = match (&args.from, &args.to) {
        (None, None) => 0..u64::MAX,
        (from, to) => {
            output::complete(&*source)?;
            place::range(&*source, &scope, from.as_ref(), to.as_ref())?
        }
    };
    let direction = if args.backward { Direction::Backward } else { Direction::Forward };
    let mut chosen = match folds {
        false => {
            if args.fold.reducer.is_some() {
                output::say("--reducer folds nothing here: no condition names a state");
            }
            let within = (scope, range, direction);
            match filter.is_empty() {
                true => Chosen::All(Walk::within(within.0, within.2, within.1)),
                false => Chosen::Passing(search::Passing::new(&*source, &filter, within, &interrupt::token())?.into()),
            }
        }
        true => {
            output::complete(&*source)?;
            let walker = args.fold.walker(&opening, &source)?;
            Chosen::Folded(Folded::find(args, (&source, walker), (scope, range, direction), &filter, &mut missing)?)
        }
    };
    let mut table = match args.stream {
        Some(_) => Table::new(&[">VERSION", "TIME", "TYPE", "DATA"]),
        None => Table::new(&[">POSITION", "STREAM", ">VERSION", "TIME", "TYPE", "DATA"]),
    };
    let payloads = if args.raw { Payloads::Stored } else { Payloads::Meaning };
    let written = Written { payloads, ..Written::default() };
    let (mut found, mut key, mut doubt) = (0, None, Doubt::default());
    while found < limit
        && let Some(event) = chosen.next(&*source)?
    {
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
    if let Chosen::Passing(passing) = chosen {
        args.filter.end(passing.refused(), passing.unjudged())?;
    }
    if found == 0 && limit > 0 {
        let why = format!("no event of {} matches", source.about().name);
        return Ok(missing.nothing(&*source, &why));
    }
    out.flush()?;
    Ok(missing.end(&*source))
}

/// The events that are listed.
enum Chosen {
    /// All of them.
    All(Walk),
    /// Those a filter lets through.
    Passing(Box<search::Passing>),
    /// Those that were found by folding.
    Folded(Folded),
}

impl Chosen {
    fn next(&mut self, source: &dyn Source) -> Result<Option<Arc<Event>>, Ended> {
        match self {
            Self::All(walk) => walk.next(source),
            Self::Passing(passing) => Ok(passing.next(source, &interrupt::token(), &mut || output::index(source))?),
            Self::Folded(folded) => folded.next(source),
        }
    }
}

/// Events found by folding: where they stand, in the order in which they are listed.
struct Folded {
    scope: Scope,
    ordinals: std::vec::IntoIter<u64>,
    direction: Direction,
    page: std::vec::IntoIter<Arc<Event>>,
}

impl Folded {
    /// Folds the streams of a scope and finds the events of this range for which the condition holds; what of it could not
    /// be folded or judged is said.
    fn find(
        args: &EventsArgs,
        (source, mut walker): (&Arc<dyn Source>, Walker),
        (scope, range, direction): (Scope, Range<u64>, Direction),
        filter: &EventFilter,
        missing: &mut Missing,
    ) -> Result<Self, Ended> {
        let mut meter = Meter::new();
        let within = (&scope, range);
        let found =
            search::sift_folded(&**source, &mut walker, within, filter, &interrupt::token(), &mut |done, of| {
                meter.tell("streams folded", done, of);
                if interrupt::is_stopped() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })?;
        drop(meter);
        args.filter.end(found.refused.clone(), &found.unjudged)?;
        output::say(&text::safe(&found.words()));
        if let Some(first) = &found.faults.first {
            let lack = if args.fold.allow_faults { Lack::Allowed } else { Lack::Data };
            missing.lacks(lack, folding::failed(&**source, found.faults.before, found.folded, first));
        }
        if let Some((count, stream, why)) = &found.unfolded {
            let streams = words::counted(*count, "stream");
            missing.lacks(Lack::Data, format!("{streams} not folded to the end, {stream} first: {why} ({KEEP_GOING})"));
        }
        let mut ordinals = found.passing;
        if direction == Direction::Backward {
            ordinals.reverse();
        }
        Ok(Self { scope, ordinals: ordinals.into_iter(), direction, page: Vec::new().into_iter() })
    }

    fn next(&mut self, source: &dyn Source) -> Result<Option<Arc<Event>>, Ended> {
        if let Some(event) = self.page.next() {
            return Ok(Some(event));
        }
        let mut ordinals: Vec<u64> = self.ordinals.by_ref().take(PAGE).collect();
        ordinals.sort_unstable();
        let mut events: Vec<_> = search::some(source, &self.scope, &ordinals, &Cancel::default())?
            .into_iter()
            .map(|(_, event)| event)
            .collect();
        if self.direction == Direction::Backward {
            events.reverse();
        }
        self.page = events.into_iter();
        Ok(self.page.next())
    }
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

/// A walk over events, in either direction.
pub(super) struct Walk {
    pages: Pages,
    page: std::vec::IntoIter<Arc<Event>>,
}

impl Walk {
    /// The events of a scope with these ordinals.
    fn within(scope: Scope, direction: Direction, range: Range<u64>) -> Self {
        Self { pages: Pages::within(scope, direction, range, PAGE), page: Vec::new().into_iter() }
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
        let page = match self.pages.next(|query| Self::read(source, query)) {
            Err(Ended::Failed(failure)) if failure.kind == FailureKind::Cancelled => return Ok(None),
            page => page?,
        };
        self.page = page.map(|page| page.events).unwrap_or_default().into_iter();
        Ok(self.page.next())
    }

    /// A page; when what is known so far does not fill it, the source is read to its end first.
    fn read(source: &dyn Source, query: &EventQuery) -> Result<EventPage, Ended> {
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
