//! Stores where an event is in several streams: by rows of another table, by a list of tags, or by its identifiers.
//!
//! One of the streams is its home; in the others stands a link. Which rows belong together is known only when all were
//! read, so they are collected first, some 100 bytes each, and told to the walk in order.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::ops::ControlFlow::{self, Break, Continue};
use std::sync::Arc;

use super::cells;
use super::event::{Counts, EventReader};
use super::expression::Expression;
use super::found::rules;
use super::opened::Opened;
use super::reader::{Ground, Reader, column};
use super::records::{LAST, LINKS, ROW_BITS};
use super::spec::Membership;
use crate::domain::{Failure, StreamKind, Timestamp};
use crate::sources::cache::{Kept, Sequence};
use crate::sources::index::saved;
use crate::sources::sorted::{Draft, Order, Walk};
use crate::sources::tables::{Cell, Row, Table};

/// What stands in for the type of an event that is not there.
const MISSING: &str = "(missing event)";
/// The stream of events that are in none, where the layout names none.
const STREAMLESS: &str = "(no stream)";

/// What is kept of the links of a store, and of places in its global order that no row of events tells.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Links {
    /// For each link the place of its event, and the number and the version of that in its home stream.
    links: Vec<(Option<u64>, u32, u64)>,
    names: Vec<Arc<str>>,
    /// (place of an event, its position), sorted.
    positions: Vec<(u64, u64)>,
    /// Streams in which nothing but links stand.
    only: BTreeSet<Arc<str>>,
}

impl Links {
    /// No links.
    pub const fn none() -> Self {
        Self { links: Vec::new(), names: Vec::new(), positions: Vec::new(), only: BTreeSet::new() }
    }

    /// The place of the event a link leads to.
    pub fn target(&self, link: u64) -> Option<u64> {
        self.links.get(link as usize)?.0
    }

    /// What a link is: `link to 5 of order-1`.
    pub fn says(&self, link: u64) -> String {
        match self.links.get(link as usize) {
            Some(&(_, home, version)) => format!("link to {version} of {}", self.names[home as usize]),
            None => "link".into(),
        }
    }

    /// The position of an event.
    pub fn position(&self, row: u64) -> Option<u64> {
        let at = self.positions.binary_search_by_key(&row, |&(row, _)| row).ok()?;
        Some(self.positions[at].1)
    }

    /// Whether nothing but links stand in a stream.
    pub fn only_links(&self, stream: &str) -> bool {
        self.only.contains(stream)
    }

    /// Tells them.
    ///
    /// # Errors
    /// Of the operating system.
    pub fn save(&self, out: &mut Kept<'_>) -> io::Result<()> {
        out.list(&self.links, |out, &(to, home, version)| {
            // No place is the greatest number.
            out.number(to.unwrap_or(u64::MAX));
            out.number(u64::from(home));
            out.number(version);
        })?;
        out.list(&self.names, |out, name| out.bytes(name.as_bytes()))?;
        out.list(&self.positions, |out, &(place, position)| {
            out.number(place);
            out.number(position);
        })?;
        let only: Vec<_> = self.only.iter().collect();
        out.list(&only, |out, name| out.bytes(name.as_bytes()))
    }

    /// Reads back what was told, of so many tables of events.
    pub fn load(front: &mut Sequence, tables: usize) -> Option<Self> {
        let name = |read: &mut saved::Reader<'_>| Some(Arc::from(std::str::from_utf8(read.bytes()?).ok()?));
        let links = front.list(|read| {
            let to = Some(read.number()?).filter(|&to| to != u64::MAX);
            Some((to, u32::try_from(read.number()?).ok()?, read.number()?))
        })?;
        let names: Vec<Arc<str>> = front.list(name)?;
        let positions = front.list(|read| Some((read.number()?, read.number()?)))?;
        let only = front.list(name)?.into_iter().collect();
        let leads = |&(to, home, _): &(Option<u64>, u32, u64)| {
            (home as usize) < names.len() && to.is_none_or(|to| to >> ROW_BITS < tables as u64)
        };
        (links.iter().all(leads) && positions.is_sorted()).then_some(Self { links, names, positions, only })
    }
}

/// Names, each once.
#[derive(Default)]
struct Names {
    numbers: HashMap<Arc<str>, u32>,
    names: Vec<Arc<str>>,
}

impl Names {
    fn number(&mut self, name: &str) -> u32 {
        if let Some(&number) = self.numbers.get(name) {
            return number;
        }
        let number = self.names.len() as u32;
        let name: Arc<str> = name.into();
        self.names.push(name.clone());
        self.numbers.insert(name, number);
        number
    }
}

/// A place of an event in a stream.
#[derive(Clone, Copy)]
struct Member {
    event: u128,
    stream: u32,
    version: Option<u64>,
    order: i64,
    home: bool,
    /// Whether the event was met.
    met: bool,
}

/// An event.
struct Entry {
    at: u64,
    order: Order,
    event_type: u32,
    time: Option<Timestamp>,
    outside: bool,
    /// Whether it is an event.
    readable: bool,
}

/// An event in a stream: the entry (none for one that is not there), and whether it is at home there.
struct Seat {
    entry: Option<u32>,
    stream: u32,
    version: Option<u64>,
    order: i64,
    home: bool,
}

/// Reads everything, and tells it to the walk in order.
///
/// # Errors
/// When a table cannot be read.
pub fn scan(opened: &Opened, walk: &mut Walk<'_>) -> Result<(Counts, Links), Failure> {
    let layout = &opened.found.layout;
    let mut collected = Collected::default();
    if let Some(membership) = &layout.membership {
        collected.members(opened, membership, walk)?;
    }
    for (slot, &table) in opened.found.events.iter().enumerate() {
        collected.events(opened, (slot as u64) << ROW_BITS, table, walk)?;
    }
    if walk.is_stopped() {
        return Ok((collected.counts, Links::none()));
    }
    collected.broken();
    collected.place_outsiders();
    collected.count_versions(layout.first_version.unwrap_or(1));
    Ok(collected.tell(walk, layout.membership.is_some()))
}

#[derive(Default)]
struct Collected {
    names: Names,
    types: Names,
    members: Vec<Member>,
    /// (event, position), sorted: the global order, where a table tells it.
    all: Option<Vec<(u128, u64)>>,
    entries: Vec<Entry>,
    seats: Vec<Seat>,
    positions: Vec<(u64, u64)>,
    /// Records that are no events.
    troubles: Vec<u64>,
    counts: Counts,
}

impl Collected {
    /// Reads the table that says in which streams events are.
    fn members(&mut self, opened: &Opened, membership: &Membership, walk: &Walk<'_>) -> Result<(), Failure> {
        let Some((number, rules)) = opened.found.table(&membership.table) else { return Ok(()) };
        let table = &opened.database.tables()[number];
        let none: &[Expression] = &[];
        let one = |expression: Option<&Expression>| expression.map_or(none, std::slice::from_ref).to_vec();
        let (event, stream) = ([membership.event.clone()], [membership.stream.clone()]);
        let order = one(membership.order.as_ref());
        let home = one(membership.home.as_ref().map(|home| &home.value));
        let same = one(membership.home.as_ref().map(|home| &home.same_as));
        let all = one(membership.all.as_ref().map(|all| &all.value));
        let ground = Ground { lookups: Some(&opened.lookups), ..Ground::of(table, rules) };
        let roles: [&[Expression]; 7] = [&event, &stream, &membership.version.0, &order, &home, &same, &all];
        let mut reader = Reader::new(ground, &roles);
        let mut positions = membership.all.as_ref().map(|_| Vec::new());
        let mut told = |row: Row<'_>| {
            let Row::Cells(place, cells) = row else { return Continue(()) };
            reader.row(place, cells);
            let Some(event) = reader.raw(0, cells).key() else { return Continue(()) };
            let version = reader.raw(2, cells).whole();
            if let (Some(all), Some(positions)) = (&membership.all, &mut positions)
                && reader.text(6, cells).is_some_and(|said| said == all.is)
            {
                positions.extend(version.map(|version| (event, version)));
                return Continue(());
            }
            let Some(stream) = reader.text(1, cells) else { return Continue(()) };
            let stream = self.names.number(&stream);
            let home = reader.raw(4, cells).key().is_some_and(|value| reader.raw(5, cells).key() == Some(value));
            let order = reader.raw(3, cells).order().unwrap_or(i64::MAX);
            self.members.push(Member { event, stream, version, order, home, met: false });
            Continue(())
        };
        opened.database.scan(number, &mut |done, total| looked(walk, done, total), &mut told)?;
        self.members.sort_by_key(|member| (member.event, member.order));
        if let Some(positions) = &mut positions {
            positions.sort_unstable();
        }
        self.all = positions;
        Ok(())
    }

    /// Reads a table of events.
    fn events(&mut self, opened: &Opened, slot: u64, table: usize, walk: &Walk<'_>) -> Result<(), Failure> {
        let layout = &opened.found.layout;
        let description = &opened.database.tables()[table];
        let rules = rules(layout);
        let of: Vec<Expression> = layout.membership.iter().map(|membership| membership.of.clone()).collect();
        let mut keys = Reader::new(Ground::of(description, &rules), &[&of]);
        let tags = layout.events.tags.as_deref().and_then(|name| column(description, name));
        let identifiers = match layout.events.identifiers {
            true => unnamed(description, &rules),
            false => Vec::new(),
        };
        let kinds: Vec<bool> = self.names.names.iter().map(|name| opened.kind_of(name) == StreamKind::Domain).collect();
        let mut reader = EventReader::scanning(opened, table);
        let mut counts = std::mem::take(&mut self.counts);
        let mut told = |row: Row<'_>| {
            let (place, cells) = match row {
                Row::Cells(place, cells) => (place, cells),
                Row::Bad(place, _) => {
                    self.troubles.push(slot | place);
                    return Continue(());
                }
            };
            keys.row(place, cells);
            let key = keys.raw(0, cells).key();
            let basics = match reader.basics(opened, place, cells, &mut counts) {
                Ok(basics) => basics,
                Err(_) => {
                    self.troubles.push(slot | place);
                    return Continue(());
                }
            };
            if self.entries.len() >= u32::MAX as usize {
                return Break(());
            }
            let number = self.entries.len() as u32;
            let at = slot | place;
            let position = key.and_then(|key| position(self.all.as_deref()?, key));
            let event_type = self.types.number(&basics.event_type);
            let order = match (&self.all, position) {
                (Some(_), Some(position)) => Order(i64::try_from(position).unwrap_or(i64::MAX), 0),
                (Some(_), None) => LAST,
                (None, _) => basics.order,
            };
            self.positions.extend(position.map(|position| (at, position)));
            let outside = self.all.is_some() && position.is_none();
            counts.outside += u64::from(outside);
            let readable = basics.unreadable.is_none();
            self.entries.push(Entry { at, order, event_type, time: basics.time, outside, readable });
            let before = self.seats.len();
            if let Some(key) = key {
                self.sit(number, key, &kinds);
            }
            let mut named = named_streams(cells, tags, &identifiers, description);
            named.dedup();
            for name in named {
                let stream = self.names.number(&name);
                if !self.seats[before..].iter().any(|seat| seat.stream == stream) {
                    let home = self.seats.len() == before;
                    self.seats.push(Seat { entry: Some(number), stream, version: None, order: 0, home });
                }
            }
            if self.seats.len() == before {
                let name = layout.events.streamless.as_deref();
                match name {
                    Some(_) => counts.streamless += 1,
                    None => counts.homeless += 1,
                }
                let stream = self.names.number(name.unwrap_or(STREAMLESS));
                self.seats.push(Seat { entry: Some(number), stream, version: None, order: 0, home: true });
            }
            Continue(())
        };
        opened.database.scan(table, &mut |done, total| looked(walk, done, total), &mut told)?;
        self.counts = counts;
        Ok(())
    }

    /// The seats of an event by the table of members.
    fn sit(&mut self, entry: u32, event: u128, kinds: &[bool]) {
        let first = self.members.partition_point(|member| member.event < event);
        let count = self.members[first..].iter().take_while(|member| member.event == event).count();
        let members = &mut self.members[first..first + count];
        let domain = |member: &Member| kinds.get(member.stream as usize).copied().unwrap_or(true);
        let home =
            members.iter().position(|member| member.home).or_else(|| members.iter().position(domain)).unwrap_or(0);
        for (at, member) in members.iter_mut().enumerate() {
            member.met = true;
            let Member { stream, version, order, .. } = *member;
            self.seats.push(Seat { entry: Some(entry), stream, version, order, home: at == home });
        }
    }

    /// Members whose events are not there are links that lead nowhere.
    fn broken(&mut self) {
        for member in self.members.iter().filter(|member| !member.met) {
            let Member { stream, version, order, .. } = *member;
            self.counts.broken += 1;
            self.seats.push(Seat { entry: None, stream, version, order, home: false });
        }
        self.members = Vec::new();
    }

    /// Finds places for events outside the global order: behind the last event of it that is not later, but never before an
    /// earlier event of their stream, nor behind a later one.
    fn place_outsiders(&mut self) {
        if self.counts.outside == 0 {
            return;
        }
        let mut inside: Vec<(i64, Timestamp)> = Vec::new();
        let mut sorted: Vec<&Entry> = self.entries.iter().filter(|entry| !entry.outside).collect();
        sorted.sort_by_key(|entry| entry.order);
        for entry in sorted {
            // The latest time so far: times in the global order go back now and then.
            let latest = inside.last().map(|&(_, time)| time);
            if let Some(time) = entry.time.max(latest) {
                inside.push((entry.order.0, time));
            }
        }
        let by_time = |time: Option<Timestamp>| match time {
            None => i64::MAX,
            Some(time) => match inside.partition_point(|&(_, other)| other <= time) {
                0 => i64::MIN + 1,
                after => inside[after - 1].0,
            },
        };
        // Each stream's events in their order, with their places in the global order.
        let mut homes: Vec<(u32, u64, u32)> = self
            .seats
            .iter()
            .filter(|seat| seat.home)
            .filter_map(|seat| Some((seat.stream, seat.version.unwrap_or(u64::MAX), seat.entry?)))
            .collect();
        homes.sort_unstable();
        let mut wanted: Vec<(i64, Option<Timestamp>, u32, u64, u32)> = Vec::new();
        for stream in homes.chunk_by(|a, b| a.0 == b.0) {
            // From behind: an event must not stand behind a later one of its stream.
            let mut limit = i64::MAX;
            let mut limits = vec![i64::MAX; stream.len()];
            for (at, &(_, _, entry)) in stream.iter().enumerate().rev() {
                limits[at] = limit;
                let entry = &self.entries[entry as usize];
                if !entry.outside {
                    limit = limit.min(entry.order.0.saturating_sub(1));
                }
            }
            let mut least = i64::MIN + 1;
            for (&(stream, version, entry), limit) in stream.iter().zip(limits) {
                let found = &self.entries[entry as usize];
                if !found.outside {
                    least = least.max(found.order.0);
                    continue;
                }
                let place = by_time(found.time).min(limit).max(least);
                least = place;
                wanted.push((place, found.time, stream, version, entry));
            }
        }
        wanted.sort_unstable();
        for ((place, _, _, _, entry), behind) in wanted.into_iter().zip(1..) {
            self.entries[entry as usize].order = Order(place, behind);
        }
    }

    /// Gives versions to those that have none, in the order of their streams.
    fn count_versions(&mut self, first: u64) {
        if self.seats.iter().all(|seat| seat.version.is_some()) {
            return;
        }
        let entries = &self.entries;
        let place = |seat: &Seat| seat.entry.map_or(LAST, |entry| entries[entry as usize].order);
        let mut by_stream: Vec<u32> = (0..self.seats.len() as u32).collect();
        by_stream.sort_by_key(|&seat| {
            let seat = &self.seats[seat as usize];
            (seat.stream, seat.order, place(seat))
        });
        let mut last: Option<(u32, u64)> = None;
        for seat in by_stream {
            let seat = &mut self.seats[seat as usize];
            let next = match last {
                Some((stream, version)) if stream == seat.stream => version.saturating_add(1),
                _ => first,
            };
            self.counts.counted += u64::from(seat.version.is_none());
            let version = *seat.version.get_or_insert(next);
            last = Some((seat.stream, version));
        }
    }

    /// Tells everything to the walk, events first.
    fn tell(mut self, walk: &mut Walk<'_>, has_links: bool) -> (Counts, Links) {
        let mut links = Links::none();
        let mut homes: Vec<Option<(u32, u64)>> = vec![None; self.entries.len()];
        let mut at_home = vec![false; self.names.names.len()];
        for seat in self.seats.iter().filter(|seat| seat.home) {
            if let Some(entry) = seat.entry {
                homes[entry as usize] = Some((seat.stream, seat.version.unwrap_or(0)));
                at_home[seat.stream as usize] = true;
            }
        }
        let name = |names: &Names, number: u32| names.names[number as usize].clone();
        for (entry, home) in self.entries.iter().zip(&homes) {
            let Some((stream, version)) = *home else { continue };
            if !entry.readable {
                let stream = name(&self.names, stream);
                walk.unreadable(entry.at, Some(entry.order), stream.as_bytes(), Some(version));
                continue;
            }
            walk.event(Draft {
                at: entry.at,
                order: entry.order,
                stream: name(&self.names, stream).as_bytes(),
                event_type: name(&self.types, entry.event_type).as_bytes(),
                version: Some(version),
                time: entry.time,
            });
        }
        self.troubles.iter().for_each(|&at| walk.trouble(at));
        for seat in self.seats.iter().filter(|seat| !seat.home) {
            let at = (LINKS << ROW_BITS) | links.links.len() as u64;
            let stream = name(&self.names, seat.stream);
            let linked = seat.entry.and_then(|entry| Some((&self.entries[entry as usize], homes[entry as usize]?)));
            let to = linked.map(|(entry, _)| entry.at);
            let (home, version) = linked.map_or((seat.stream, 0), |(_, home)| home);
            links.links.push((to, home, version));
            let event_type = linked.map_or(MISSING.into(), |(entry, _)| name(&self.types, entry.event_type));
            let order = match (seat.version, linked) {
                (Some(version), _) => Order(i64::try_from(version).unwrap_or(i64::MAX), 0),
                (None, Some((entry, _))) => entry.order,
                (None, None) => LAST,
            };
            let draft = Draft {
                at,
                order,
                stream: stream.as_bytes(),
                event_type: event_type.as_bytes(),
                version: seat.version,
                time: linked.and_then(|(entry, _)| entry.time),
            };
            walk.link(draft, to);
            if has_links && !at_home[seat.stream as usize] {
                links.only.insert(stream);
            }
        }
        self.counts.links = links.links.len() as u64;
        links.names = self.names.names;
        self.positions.sort_unstable();
        links.positions = self.positions;
        (self.counts, links)
    }
}

fn looked(walk: &Walk<'_>, done: u64, total: u64) -> ControlFlow<()> {
    walk.progress(done, total);
    if walk.is_stopped() { Break(()) } else { Continue(()) }
}

fn position(all: &[(u128, u64)], event: u128) -> Option<u64> {
    let at = all.binary_search_by_key(&event, |&(event, _)| event).ok()?;
    Some(all[at].1)
}

/// The columns the layout does not name.
fn unnamed(table: &Table, rules: &[super::spec::ColumnRule]) -> Vec<usize> {
    let named: Vec<usize> = rules.iter().flat_map(|rule| &rule.names).filter_map(|name| column(table, name)).collect();
    (0..table.columns.len()).filter(|number| !named.contains(number)).collect()
}

/// The streams a row names: its tags, or its identifiers.
fn named_streams(cells: &[Cell<'_>], tags: Option<usize>, identifiers: &[usize], table: &Table) -> Vec<String> {
    let mut names = Vec::new();
    if let Some(cell) = tags.and_then(|tags| cells.get(tags)) {
        let bytes = cells::Raw::Cell(cell).bytes();
        names.extend(bytes.and_then(|bytes| cells::list(&bytes)).unwrap_or_default());
    }
    for &number in identifiers {
        if let Some(text) = cells.get(number).and_then(|cell| cells::Raw::Cell(cell).text(false)) {
            names.push(format!("{}-{text}", table.columns[number].name));
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::cache::told;

    #[test]
    fn links_come_back() {
        let some = Links {
            links: vec![(Some(3 | 1 << ROW_BITS), 1, 7), (None, 0, 0), (Some((1 << ROW_BITS) - 1), 2, u64::MAX)],
            names: ["a-1", "b-1", "❤"].map(Arc::from).to_vec(),
            positions: vec![(3, 9), (4, 1), (1 << ROW_BITS, 0)],
            only: [Arc::from("b-1")].into(),
        };
        let many = Links {
            links: (0..10_000).map(|number| (Some(number), 0, number)).collect(),
            names: vec!["s".into()],
            ..Links::none()
        };
        for links in [Links::none(), some, many] {
            let load = |tables| Links::load(&mut told(|out| links.save(out)), tables);
            assert_eq!(load(2).as_ref(), Some(&links));
            assert_eq!(load(1).is_some(), links.names.len() < 2, "one leads into the second table");
        }
    }

    #[test]
    fn links_that_lead_out_of_bounds_are_none() {
        let names = vec!["a-1".into()];
        for links in [
            Links { links: vec![(None, 1, 0)], names: names.clone(), ..Links::none() },
            Links { links: vec![(Some(LINKS << ROW_BITS), 0, 0)], names, ..Links::none() },
            Links { positions: vec![(4, 0), (3, 0)], ..Links::none() },
        ] {
            assert_eq!(Links::load(&mut told(|out| links.save(out)), 1), None, "{links:?}");
        }
    }
}
