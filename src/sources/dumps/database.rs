//! A dump as tables.

use std::io;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use super::catalogue::Stored;
use super::large::LargeObjects;
use super::rows::Section;
use super::window::{Halt, SIP, STRIDE, Window};
use crate::domain::{Failure, SourceChange};
use crate::sources::cache::Kept;
use crate::sources::feed::Feed;
use crate::sources::identity::Identity;
use crate::sources::input::Input;
use crate::sources::tables::{Database, Row, Table};

/// An opened dump.
pub struct Dump {
    /// What it is.
    pub kind: String,
    /// How it was recognised and what was found.
    pub reasons: Vec<String>,
    /// What the user must know.
    pub caveats: Vec<String>,
    /// Those of the caveats that say that rows are missing.
    pub losses: Vec<String>,
    pub(super) tables: Vec<Table>,
    pub(super) sections: Vec<Vec<Section>>,
    pub(super) large: LargeObjects,
    identities: Vec<Identity>,
    /// What it is read from, which may have come out of something damaged.
    feed: Arc<Feed>,
    /// What became known of each table by reading it.
    learnt: Vec<Learnt>,
}

/// What becomes known of a table when it is read.
#[derive(Default)]
struct Learnt {
    /// How many rows it has, when all of them were told once.
    rows: OnceLock<u64>,
    /// The last place of each of its sections, where they are counted as one run.
    ends: OnceLock<Vec<u64>>,
}

impl Dump {
    /// A dump of these tables in this input.
    pub fn new(kind: String, stored: Vec<Stored>, large: LargeObjects, input: &Input) -> Self {
        let (tables, sections): (Vec<_>, _) = stored.into_iter().map(|stored| (stored.table, stored.sections)).unzip();
        let identities = input.path.clone().and_then(Identity::of).into_iter().collect();
        let learnt = tables.iter().map(|_| Learnt::default()).collect();
        Self {
            kind,
            reasons: Vec::new(),
            caveats: Vec::new(),
            losses: Vec::new(),
            tables,
            sections,
            large,
            identities,
            feed: input.feed.clone(),
            learnt,
        }
    }

    /// The dump lies in these files, and not in the one it is called by.
    pub fn lies_in(&mut self, files: impl IntoIterator<Item = PathBuf>) {
        self.identities = files.into_iter().filter_map(Identity::of).collect();
    }

    fn sections(&self, table: usize) -> &[Section] {
        self.sections.get(table).map_or(&[], Vec::as_slice)
    }

    /// The section a place is in, and what is to be taken off it to have its offset in there.
    fn section(&self, table: usize, place: u64) -> Result<Option<(&Section, u64)>, Halt> {
        let sections = self.sections(table);
        if sections.first().is_some_and(|section| section.own) {
            if let Some(ends) = self.ends(table) {
                let at = ends.partition_point(|&end| end < place);
                let base = at.checked_sub(1).map_or(0, |before| ends[before] + 1);
                return Ok(sections.get(at).map(|section| (section, base)));
            }
            let mut base = 0;
            for section in sections {
                let length = length(section, place - base)?;
                // The end is a place too: there it is told why the rest is missing.
                if place - base <= length {
                    return Ok(Some((section, base)));
                }
                base += length + 1;
            }
            return Ok(None);
        }
        let at = sections.partition_point(|section| section.start <= place);
        let section = at.checked_sub(1).and_then(|at| sections.get(at)).filter(|section| place < section.end);
        Ok(section.map(|section| (section, 0)))
    }

    /// The last place of each section of its own, once all of them have been read to their ends.
    fn ends(&self, table: usize) -> Option<&[u64]> {
        let learnt = &self.learnt.get(table)?.ends;
        if let Some(ends) = learnt.get() {
            return Some(ends);
        }
        let mut base = 0_u64;
        let mut ends = Vec::new();
        for section in self.sections(table) {
            let end = base.checked_add(section.bytes.length()?)?;
            ends.push(end);
            base = end.checked_add(1)?;
        }
        Some(learnt.get_or_init(|| ends))
    }
}

/// How long a section of its own is, when that is not more than `enough`; else more than that.
fn length(section: &Section, enough: u64) -> Result<u64, Halt> {
    loop {
        let known = section.bytes.known();
        if known > enough || section.bytes.read(known, &mut [0])? == super::window::Got::End {
            return Ok(section.bytes.known());
        }
    }
}

impl Database for Dump {
    fn kind(&self) -> String {
        self.kind.clone()
    }

    fn reasons(&self) -> Vec<String> {
        self.reasons.clone()
    }

    fn caveats(&self) -> Vec<String> {
        [self.caveats.clone(), self.feed.remarks()].concat()
    }

    fn losses(&self) -> Vec<String> {
        [self.losses.clone(), self.feed.damage()].concat()
    }

    fn tables(&self) -> &[Table] {
        &self.tables
    }

    fn scan(
        &self,
        table: usize,
        looked: &mut dyn FnMut(u64, u64) -> ControlFlow<()>,
        told: &mut dyn FnMut(Row<'_>) -> ControlFlow<()>,
    ) -> Result<(), Failure> {
        let sections = self.sections(table);
        let size = |section: &Section| match section.own {
            true => section.bytes.known(),
            false => section.end - section.start,
        };
        let mut total: u64 = sections.iter().map(size).sum();
        let (mut base, mut done, mut rows) = (0, 0, 0_u64);
        let told = &mut |row: Row<'_>| {
            rows += 1;
            told(row)
        };
        for section in sections {
            let mut seen = |at: u64| {
                let done = done + at.saturating_sub(section.start);
                total = total.max(done);
                looked(done, total)
            };
            let mut window = Window::new(&*section.bytes, section.start, section.end, STRIDE, &mut seen);
            match section.scan(base, &mut window, told) {
                Ok(()) => {}
                Err(Halt::Unwanted) => {
                    section.bytes.rest();
                    return Ok(());
                }
                Err(Halt::Failed(failure)) => return Err(failure),
            }
            done += size(section);
            if section.own {
                base += section.bytes.known() + 1;
            }
        }
        if let Some(learnt) = self.learnt.get(table) {
            // However often it is read, it has as many.
            let _ = learnt.rows.set(rows);
        }
        Ok(())
    }

    fn rows(&self, table: usize) -> Option<u64> {
        let said = self.tables.get(table).and_then(|table| table.rows);
        said.or_else(|| self.learnt.get(table).and_then(|learnt| learnt.rows.get().copied()))
    }

    fn fetch(
        &self,
        table: usize,
        places: &[u64],
        told: &mut dyn FnMut(Row<'_>) -> ControlFlow<()>,
    ) -> Result<(), Failure> {
        let mut fetch = || -> Result<(), Halt> {
            let mut rest = places;
            while let Some(&first) = rest.first() {
                let Some((section, base)) = self.section(table, first)? else {
                    if told(Row::Bad(first, "no row begins here: the dump was changed".into())).is_break() {
                        return Ok(());
                    }
                    rest = &rest[1..];
                    continue;
                };
                // Rows that lie together are read together.
                let mut seen = |_| ControlFlow::Continue(());
                let mut window = Window::new(&*section.bytes, section.start, section.end, SIP, &mut seen);
                while let Some(&place) = rest.first() {
                    let inside = |end| place >= base && place - base >= section.start && place - base < end;
                    let end = if section.own { section.bytes.known() + 1 } else { section.end };
                    if place != first && !inside(end) {
                        break;
                    }
                    let at = place - base;
                    window.go(at.max(section.start + 1) - 1, section.end);
                    section.fetch(base, at, &mut window, told)?;
                    rest = &rest[1..];
                }
            }
            Ok(())
        };
        match fetch() {
            Ok(()) | Err(Halt::Unwanted) => Ok(()),
            Err(Halt::Failed(failure)) => Err(failure),
        }
    }

    fn large_object(&self, oid: u64) -> Result<Option<Vec<u8>>, Failure> {
        self.large.read(oid)
    }

    fn save(&self, out: &mut Kept<'_>) -> io::Result<()> {
        super::kept::save(self, out)
    }

    fn look(&self) -> Result<SourceChange, Failure> {
        for identity in &self.identities {
            match identity.look()? {
                SourceChange::Same => {}
                change => return Ok(change),
            }
        }
        Ok(SourceChange::Same)
    }
}
