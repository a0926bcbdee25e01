//! An opened store in tables: the database, the layout its rows are read by, and what was learnt while they were scanned.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io;
use std::sync::{Arc, OnceLock};

use super::beside;
use super::catalogue::Catalogue;
use super::collected::Links;
use super::event::{Counts, EventReader};
use super::expression::{Expression, Origin};
use super::found::{self, Found, Tried, rules};
use super::generic::{self, Guessing};
use super::lookups::Lookups;
use super::mapped;
use super::reader;
use super::spec::{ColumnRule, Ordering, Sources};
use crate::domain::{
    About, Candidate, Caveat, Failure, FailureKind, LeftOut, NoteKind, OtherKey, ShownBy, StreamKey, StreamKind,
    StreamName, words,
};
use crate::sources::cache::{self, Kept, Sequence};
use crate::sources::files::mapping::{FieldPath, Overrides, Role};
use crate::sources::open::OpenOptions;
use crate::sources::tables::Database;

/// Tables listed in a message.
const LISTED: usize = 12;

/// An opened store.
pub struct Opened {
    /// Its tables.
    pub database: Box<dyn Database>,
    /// The layout, and which table is which.
    pub found: Found,
    /// What the layout says of the columns of events.
    pub rules: Vec<ColumnRule>,
    /// Rows of other tables.
    pub lookups: Arc<Lookups>,
    candidates: Vec<Candidate>,
    caveats: Vec<Caveat>,
    /// Wider keys of streams that are possible and were not taken.
    other_keys: Vec<OtherKey>,
    /// Streams that are declared archived or deleted.
    put_away: HashMap<String, NoteKind>,
    learnt: OnceLock<(Counts, Links)>,
}

impl Opened {
    /// Finds out what the tables of a database are.
    ///
    /// # Errors
    /// `Malformed` when no layout fits; `Usage` when the one asked for does not exist.
    pub fn recognise(
        database: Box<dyn Database>,
        options: &OpenOptions,
        name: &str,
        stem: &str,
        stopped: &dyn Fn() -> bool,
    ) -> Result<Self, Failure> {
        let overrides = match &options.map {
            None => None,
            Some(map) => Some(Overrides::parse(map).map_err(|why| {
                Failure::new(FailureKind::Usage, name, "map fields", why)
                    .hint("write `--map stream=.column,type=.column,…`")
            })?),
        };
        if let Some(overrides) = &overrides {
            mapped::check(overrides, &database.tables().iter().collect::<Vec<_>>(), name)?;
        }
        let catalogue = Catalogue::read(options.layouts.as_deref());
        let problems = catalogue.problems.iter();
        let mut caveats: Vec<Caveat> =
            problems.map(|problem| format!("a layout of yours is not used: {problem}").into()).collect();
        let (mut found, candidates, other_keys) = match &options.layout {
            Some(asked) => asked_for(&catalogue, asked, &*database, overrides.as_ref(), (name, stem), &mut caveats)?,
            None => best(&catalogue, &*database, overrides.as_ref(), (name, stem), &mut caveats)?,
        };
        if found.layout.name != generic::NAME {
            let is_asked = |table: usize| beside::is_unknown(&found, &*database, table);
            let looked = generic::beside(&*database, stem, &is_asked)?;
            found.also.extend(looked.sure());
            (found.unusual, found.unlooked) = (looked.unusual, looked.unlooked);
        }
        let found = match &overrides {
            Some(overrides) => {
                let tables: Vec<_> = found.events.iter().map(|&table| &database.tables()[table]).collect();
                mapped::check(overrides, &tables, name)?;
                let judged = mapped::judged(overrides, &*database, &found.events, name)?;
                caveats.extend(judged.into_iter().map(Caveat::from));
                overridden(found, overrides, stem)
            }
            None => found,
        };
        let lookups = Arc::new(Lookups::load(&found, &*database, stopped)?);
        let rules = rules(&found.layout);
        let mut opened = Self {
            database,
            found,
            rules,
            lookups,
            candidates,
            caveats,
            other_keys,
            put_away: HashMap::new(),
            learnt: OnceLock::new(),
        };
        opened.put_away = beside::put_away(&opened, stopped)?;
        Ok(opened)
    }

    /// Whether every row says by itself in which one stream it is.
    pub fn is_direct(&self) -> bool {
        let events = &self.found.layout.events;
        self.found.layout.membership.is_none() && events.tags.is_none() && !events.identifiers
    }

    /// Whether the store has an order of its own, which its rows say.
    pub fn is_ordered(&self) -> bool {
        let events = &self.found.layout.events;
        let read = |table: &usize| EventReader::scanning(self, *table).has_order;
        match &events.order {
            // What is the position of an event orders all of them.
            Ordering::By(first, second) => {
                let least = second.as_ref().unwrap_or(first);
                events.position.0.contains(least) && self.found.events.iter().all(read)
            }
            _ => false,
        }
    }

    /// By what the events of the whole store are shown.
    pub fn shown_by(&self) -> ShownBy {
        match (self.is_ordered(), &self.found.layout.events.order) {
            (true, _) => ShownBy::Position,
            (false, Ordering::Time) => ShownBy::Time,
            (false, Ordering::By(..) | Ordering::Rows) => ShownBy::Layout,
        }
    }

    /// A table by the layout's name for it, with what the layout says of its columns: what holds for those of events holds
    /// for others of the same name.
    pub fn table(&self, name: &str) -> Option<(usize, Vec<ColumnRule>)> {
        let (number, rules) = self.found.table(name)?;
        Some((number, rules.iter().chain(&self.rules).cloned().collect()))
    }

    /// Keeps what was learnt in the scan.
    pub fn finish(&self, counts: Counts, links: Links) {
        // A store is scanned once.
        let _ = self.learnt.set((counts, links));
    }

    /// Tells what was learnt in the scan, and by what.
    ///
    /// # Errors
    /// Of the operating system.
    pub fn save(&self, out: &mut Kept<'_>) -> io::Result<()> {
        let (counts, links) = self.learnt.get().ok_or_else(|| io::Error::other("nothing was scanned"))?;
        out.written(|out| out.number(self.fingerprint()))?;
        counts.save(out)?;
        links.save(out)
    }

    /// Takes what was learnt in a scan from where `save` told it, if it was learnt by the same layout from the same tables.
    pub fn restore(&self, front: &mut Sequence) -> Option<()> {
        if front.read(|read| read.number())? != self.fingerprint() {
            return None;
        }
        let counts = Counts::load(front, self.found.layout.notes.len())?;
        let links = Links::load(front, self.found.events.len())?;
        self.learnt.set((counts, links)).ok()
    }

    /// A number for how the tables are read: another layout, or other tables, have another.
    fn fingerprint(&self) -> u64 {
        let tables: Vec<_> =
            self.database.tables().iter().map(|table| (&table.schema, &table.name, &table.columns)).collect();
        let Found { layout, events, others, .. } = &self.found;
        cache::hash(format!("{layout:?} {events:?} {others:?} {tables:?}").as_bytes())
    }

    /// The links; none before the scan is over.
    pub fn links(&self) -> &Links {
        static NONE: Links = Links::none();
        self.learnt.get().map_or(&NONE, |(_, links)| links)
    }

    /// The place of a row in the global order, where that is not in the row.
    pub fn position(&self, row: u64) -> Option<u64> {
        self.links().position(row)
    }

    /// When the newest event was written, in seconds since 1970, of a store whose streams keep events for some time only.
    pub fn newest(&self) -> Option<i64> {
        self.learnt.get().and_then(|(counts, _)| i64::try_from(counts.newest).ok()).filter(|&newest| newest > 0)
    }

    /// What an event is outside of.
    pub fn outside(&self, row: u64) -> Option<&str> {
        let all = self.found.layout.membership.as_ref()?.all.as_ref()?;
        self.links().position(row).is_none().then_some(all.name.as_str())
    }

    /// Whether a stream is declared archived or deleted.
    pub fn put_away(&self, stream: &str) -> Option<NoteKind> {
        if self.put_away.is_empty() { None } else { self.put_away.get(stream).copied() }
    }

    /// What a stream is for.
    pub fn kind_of(&self, stream: &str) -> StreamKind {
        let rule = self.found.layout.kinds.iter().find(|rule| rule.stream.0.is_match(stream));
        match rule {
            Some(rule) => rule.kind.into(),
            None if self.links().only_links(stream) => StreamKind::Links,
            None => StreamKind::Domain,
        }
    }

    /// A table of events, and a reader of all its rows say.
    ///
    /// # Errors
    /// When there is no such table of events: the place is not one of ours.
    pub fn whole_reader(&self, slot: usize) -> Result<(usize, EventReader), Failure> {
        let Some(&table) = self.found.events.get(slot) else {
            return Err(Failure::new(FailureKind::Other, "the store", "read events", "the place is in no table"));
        };
        Ok((table, EventReader::whole(self, table)))
    }

    /// What is known of the store.
    pub fn about(&self) -> About {
        let layout = &self.found.layout;
        let mut caveats: Vec<Caveat> = self.database.caveats().into_iter().map(Caveat::from).collect();
        caveats.extend(self.caveats.iter().cloned());
        let rest = layout.caveats.iter().cloned().chain(self.counted());
        caveats.extend(rest.chain(self.left_out().iter().map(LeftOut::caveat)).map(Caveat::from));
        let mut reasons = self.database.reasons();
        reasons.push(format!("read as {} ({} %)", layout.title, self.found.score));
        reasons.extend(self.found.reasons.iter().cloned());
        About {
            name: String::new(),
            kind: format!("{}, {}", layout.title, self.database.kind()),
            reasons,
            caveats,
            doubts: self.database.losses(),
            layout: Some(layout.name.clone()),
            candidates: self.candidates.clone(),
            mapping: self.mapping(),
            beside: beside::listing(self),
            key: self.key(),
            other_keys: self.other_keys.clone(),
            spelled: mapped::spelled(layout),
            left_out: self.left_out(),
            normal: layout.normal.iter().map(|(finding, why)| (finding.name().to_owned(), why.clone())).collect(),
            first_version: layout.first_version,
            counts_positions: self.counts_positions(),
            reads_payloads: false,
            positions_ascend: self.is_direct() && self.is_ordered(),
            counted_versions: self.learnt.get().map_or(0, |(counts, _)| counts.counted),
            disorder: Arc::default(),
            stood_at: None,
        }
    }

    /// Whether no row says where it stands in the store.
    fn counts_positions(&self) -> bool {
        let is_all = self.found.layout.membership.as_ref().is_some_and(|membership| membership.all.is_some());
        let said = |table: &usize| EventReader::whole(self, *table).has_position();
        !is_all && !self.found.events.iter().any(said)
    }

    /// The caveats that have counts in them.
    fn counted(&self) -> Vec<String> {
        let Some((counts, _)) = self.learnt.get() else { return Vec::new() };
        let layout = &self.found.layout;
        let events = |count: u64| words::counted(count, "event");
        let mut told = Vec::new();
        if counts.outside > 0 {
            let all = layout.membership.as_ref().and_then(|membership| membership.all.as_ref());
            let name = all.map_or("the global order", |all| all.name.as_str());
            told.push(format!(
                "{} outside `{name}`: shown where their times and streams put them",
                events(counts.outside)
            ));
        }
        if counts.streamless > 0 {
            let name = layout.events.streamless.as_deref().unwrap_or_default();
            told.push(format!("{} without a stream: shown as the stream {name}", events(counts.streamless)));
        }
        if counts.homeless > 0 {
            told.push(format!("{} with no row that names their stream", events(counts.homeless)));
        }
        if counts.broken > 0 {
            told.push(format!("{} of {} links lead to no event", counts.broken, counts.links));
        }
        if counts.hidden > 0 {
            told.push(format!(
                "{} beyond the limits of their streams: a live reader does not see them",
                events(counts.hidden)
            ));
        }
        if counts.expired > 0 {
            told.push(format!(
                "{} older than their streams keep events for, when the newest event was written: a live reader does not \
                 see them",
                events(counts.expired)
            ));
        }
        for (&note, &count) in &counts.notes {
            let rule = &layout.notes[note];
            told.push(format!("{}: {}", events(count), rule.text.replace("{}", "…")));
        }
        for (kind, word) in [(NoteKind::Archived, "archived"), (NoteKind::Deleted, "deleted")] {
            match self.put_away.values().filter(|other| **other == kind).count() {
                0 => {}
                1 => told.push(format!("1 stream is declared {word}: its events are shown and noted")),
                n => told.push(format!("{n} streams are declared {word}: their events are shown and noted")),
            }
        }
        if !layout.events.time.0.is_empty() && counts.timed < counts.events {
            let missing = counts.events - counts.timed;
            told.push(format!("{} without a time", events(missing)));
        }
        told
    }

    /// Tables that hold events too and are not read.
    fn left_out(&self) -> Vec<LeftOut> {
        let tables = self.found.also.iter().map(|&table| {
            let name = self.database.tables()[table].full_name();
            let layout =
                if self.found.fits.contains(&table) { self.found.layout.name.as_str() } else { generic::SHORT };
            let choose = format!("--layout {layout}:{name}");
            LeftOut { rows: self.database.rows(table), choose, name, is_known: true }
        });
        let unusual = self.found.unusual.iter().map(|unusual| LeftOut {
            name: self.database.tables()[unusual.0].full_name(),
            rows: self.database.rows(unusual.0),
            choose: generic::chosen(&*self.database, unusual),
            is_known: true,
        });
        let unlooked = (self.found.unlooked > 0).then(|| generic::unlooked(self.found.unlooked));
        tables.chain(unusual).chain(unlooked).collect()
    }

    /// A stream's name with where its category stands.
    pub fn stream_name(&self, name: &str) -> StreamName {
        match self.key() {
            Some(key) => key.name(name),
            None => StreamName::from(name),
        }
    }

    /// What the names of streams are made of, where that is several parts.
    pub fn key(&self) -> Option<StreamKey> {
        let events = &self.found.layout.events;
        let [first, ..] = &events.stream.0[..] else { return None };
        if events.qualify.iter().all(|qualifier| qualifier.is_kept) {
            return first.key();
        }
        let tables = self.database.tables();
        let there =
            |column: &str| self.found.events.iter().any(|&table| reader::column(&tables[table], column).is_some());
        let owners = events.qualify.iter().map(|qualifier| qualifier.value.to_string()).filter(|column| there(column));
        let parts: Vec<String> = owners.chain([first.to_string()]).collect();
        (parts.len() > 1).then_some(StreamKey { parts, category: None })
    }

    fn mapping(&self) -> Vec<(String, String)> {
        let layout = &self.found.layout;
        let events = &layout.events;
        let tables = self.database.tables();
        let Some(&table) = self.found.events.first() else { return Vec::new() };
        let table = tables[table].full_name();
        let named = |table: &str, source: &Expression| match source {
            Expression::Value(value) => match &value.source {
                Origin::Column(_) => format!("{table}.{value}"),
                Origin::Lookup(lookup, field) => {
                    let other = layout.lookups.get(lookup).and_then(|lookup| self.found.others.get(&lookup.table));
                    let name = other.map_or_else(|| lookup.clone(), |&other| tables[other].full_name());
                    format!("{name}.{field}")
                }
                _ => value.to_string(),
            },
            template => template.to_string(),
        };
        let mut mapping = Vec::new();
        let mut put = |role: &str, table: &str, sources: &[Expression]| {
            if !sources.is_empty() {
                let written: Vec<_> = sources.iter().map(|source| named(table, source)).collect();
                mapping.push((role.to_owned(), written.join(" or ")));
            }
        };
        put("stream", &table, &events.stream.0);
        if let Some(membership) = &layout.membership {
            let other = self.found.others.get(&membership.table).map(|&other| tables[other].full_name());
            let other = other.unwrap_or_else(|| membership.table.clone());
            put("stream", &other, std::slice::from_ref(&membership.stream));
            put("version", &other, &membership.version.0);
        }
        let rest: [(&str, &Sources); 9] = [
            ("type", &events.event_type),
            ("version", &events.version),
            ("position", &events.position),
            ("time", &events.time),
            ("id", &events.id),
            ("data", &events.data),
            ("metadata", &events.metadata),
            ("correlation", &events.correlation),
            ("causation", &events.causation),
        ];
        rest.into_iter().for_each(|(role, sources)| put(role, &table, &sources.0));
        mapping
    }
}

/// A layout, those that were considered, and wider keys of streams.
type Recognised = (Found, Vec<Candidate>, Vec<OtherKey>);

/// The table that `generic:TABLE` names; every table is meant where none is named. None where another layout is asked for.
fn generic_table<'a>(catalogue: &Catalogue, asked: &'a str) -> Option<Option<&'a str>> {
    let (layout, table) = match asked.split_once(':') {
        Some((layout, table)) => (layout, Some(table)),
        None => (asked, None),
    };
    ([generic::NAME, generic::SHORT].contains(&layout) && catalogue.find(layout).is_none()).then_some(table)
}

/// A layout and the table it is asked for, if that was said.
fn parted<'a>(catalogue: &Catalogue, asked: &'a str) -> (&'a str, Option<&'a str>) {
    match asked.split_once(':') {
        Some((layout, table)) if catalogue.find(layout).is_some() => (layout, Some(table)),
        _ => (asked, None),
    }
}

/// Looks whether there is a layout that was asked for, whatever the source is.
///
/// # Errors
/// When there is none of that name.
pub fn exists(catalogue: &Catalogue, asked: &OsStr) -> Result<(), Failure> {
    let Some(asked) = asked.to_str() else { return catalogue.asked(asked).map(drop) };
    match generic_table(catalogue, asked) {
        Some(_) => Ok(()),
        None => catalogue.named(parted(catalogue, asked).0).map(drop),
    }
}

/// What was guessed, in front of what else was considered.
fn guessed(guess: generic::Guess, considered: Vec<Candidate>, caveats: &mut Vec<Caveat>) -> Recognised {
    let generic::Guess { found, caveats: more, other_keys } = guess;
    caveats.extend(more);
    let reasons = found.reasons.clone();
    let mut all = vec![Candidate { layout: found.layout.name.clone(), score: found.score, reasons }];
    all.extend(considered);
    (found, all, other_keys)
}

/// The layout that was asked for, and the table if that was said (`marten:shop.mt_events`).
fn asked_for(
    catalogue: &Catalogue,
    asked: &OsStr,
    database: &dyn Database,
    overrides: Option<&Overrides>,
    (name, stem): (&str, &str),
    caveats: &mut Vec<Caveat>,
) -> Result<Recognised, Failure> {
    if let Some(table) = asked.to_str().and_then(|asked| generic_table(catalogue, asked)) {
        return match generic::guess(database, overrides, (name, stem), table)? {
            Guessing::Found(guess) => Ok(guessed(*guess, Vec::new(), caveats)),
            Guessing::Nothing(_) => {
                let why = format!("no table it names looks like events\n{}", listing(database));
                Err(Failure::new(FailureKind::Malformed, name, "read it by that layout", why)
                    .hint("name the columns too: --map stream=.column,type=.column,…"))
            }
        };
    }
    let (layout, table) = match asked.to_str() {
        Some(text) => {
            let (layout, table) = parted(catalogue, text);
            (OsStr::new(layout), table)
        }
        None => (asked, None),
    };
    let entry = catalogue.asked(layout)?;
    match found::try_only(&entry.layout, database, table)? {
        Some(Tried::Fits(mut found)) => {
            found.reasons.insert(0, "you asked for this layout".into());
            let candidate =
                Candidate { layout: found.layout.name.clone(), score: found.score, reasons: found.reasons.clone() };
            Ok((found, vec![candidate], Vec::new()))
        }
        refused => {
            let why = match refused {
                Some(Tried::Refused(candidate)) => candidate.reasons.join("; "),
                _ => "none of its tables has the columns".into(),
            };
            let why = format!("it does not follow the layout `{}`: {why}\n{}", entry.layout.name, listing(database));
            Err(Failure::new(FailureKind::Malformed, name, "read it by that layout", why))
        }
    }
}

/// The layout that fits best, or else the generic one.
fn best(
    catalogue: &Catalogue,
    database: &dyn Database,
    overrides: Option<&Overrides>,
    (name, stem): (&str, &str),
    caveats: &mut Vec<Caveat>,
) -> Result<Recognised, Failure> {
    let layouts: Vec<_> = catalogue.entries.iter().map(|entry| entry.layout.clone()).collect();
    let mut tried = found::try_all(&layouts, database)?;
    let candidates: Vec<Candidate> = tried.iter().map(Tried::candidate).collect();
    if let Some(Tried::Fits(_)) = tried.first()
        && let Tried::Fits(found) = tried.swap_remove(0)
    {
        return Ok((found, candidates, Vec::new()));
    }
    match generic::guess(database, overrides, (name, stem), None)? {
        Guessing::Found(guess) => Ok(guessed(*guess, candidates, caveats)),
        Guessing::Nothing(unusual) => Err(unknown(database, name, candidates.first(), &unusual)),
    }
}

/// Nothing fits.
fn unknown(database: &dyn Database, name: &str, nearest: Option<&Candidate>, unusual: &[(usize, String)]) -> Failure {
    // What could not be read may be why nothing was recognised.
    let mut why: String = database.losses().iter().map(|loss| format!("{loss}; ")).collect();
    why.push_str("its tables follow no layout of an event store that is known");
    let unlooked = generic::unlooked_at(database);
    if unlooked > 0 {
        why.push_str("; ");
        why.push_str(&generic::unlooked(unlooked).caveat());
    }
    if let Some(nearest) = nearest {
        why.push_str(&format!("; nearest is `{}`: {}", nearest.layout, nearest.reasons.join("; ")));
    }
    why.push('\n');
    why.push_str(&listing(database));
    let failure = Failure::new(FailureKind::Malformed, name, "read it as an event store", why);
    let ways: Vec<String> = unusual
        .iter()
        .map(|one| {
            format!("`{}` looks like events: {}", database.tables()[one.0].full_name(), generic::chosen(database, one))
        })
        .collect();
    failure.hint(match ways.is_empty() {
        false => ways.join("\n  "),
        true => "name the columns with --map stream=.column,type=.column,… or write a layout: `stepback layouts NAME` prints \
                 one to start from, and --layout FILE.toml reads by it"
            .into(),
    })
}

/// The tables with their columns.
fn listing(database: &dyn Database) -> String {
    let tables = database.tables();
    if tables.is_empty() {
        return "it has no tables".into();
    }
    let mut lines = vec!["its tables:".to_owned()];
    for table in tables.iter().take(LISTED) {
        let columns: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
        lines.push(crate::domain::text::fit(&format!("  {} ({})", table.full_name(), columns.join(", ")), 400));
    }
    if tables.len() > LISTED {
        lines.push(format!("  … and {} more", tables.len() - LISTED));
    }
    lines.join("\n")
}

/// The same layout, with what the user said about roles.
fn overridden(mut found: Found, overrides: &Overrides, stem: &str) -> Found {
    let mut layout = (*found.layout).clone();
    if layout.name == generic::NAME {
        return found;
    }
    for role in Role::ALL {
        let Some(said) = overrides.get(role) else { continue };
        let sources: Vec<Expression> =
            said.and_then(|path: &FieldPath| generic::expression(path)).into_iter().collect();
        let events = &mut layout.events;
        let place = match role {
            Role::Stream => &mut events.stream,
            Role::Type => &mut events.event_type,
            Role::Version => &mut events.version,
            Role::Time => &mut events.time,
            Role::Id => &mut events.id,
            Role::Data => &mut events.data,
            Role::Metadata => &mut events.metadata,
            Role::Correlation => &mut events.correlation,
            Role::Causation => &mut events.causation,
            Role::Position => &mut events.position,
        };
        place.0 = sources;
        if role == Role::Stream {
            layout.membership = None;
        }
        found.reasons.push(format!("{}: you said so", role.name()));
    }
    if let Some(stream) = overrides.stream().filter(|_| overrides.get(Role::Stream).is_none()) {
        layout.events.stream.0 = generic::stream(&stream).into_iter().collect();
        layout.events.qualify.clear();
        layout.membership = None;
        found.reasons.push(format!("stream = {stream}: you said so"));
    }
    match overrides.get(Role::Data) {
        None => {}
        // A row that has no column for it says it itself.
        Some(path) => layout.events.whole_row = path.is_none_or(|path| path.keys().is_empty()),
    }
    if overrides.get(Role::Stream) == Some(None) {
        layout.events.streamless = Some(stem.into());
    }
    found.layout = Arc::new(layout);
    found
}
