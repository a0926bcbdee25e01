//! What lies in another order than it is shown in: counted where records are put in order, and kept with the index.

use std::collections::{HashMap, HashSet};
use std::io;

use super::rows::UNREADABLE;
use super::{NOTHING, Order, Walk};
use crate::domain::{Disorder, Moved, ShownBy, StreamKey, StreamName};
use crate::sources::cache::{Kept, Sequence};

/// The order of a record that says none.
const NO_ORDER: Order = Order(i64::MAX, i64::MAX);

impl Walk<'_> {
    /// What was told in another order than it is shown in. The streams that are `left` are shown as they lie.
    pub(super) fn disorder(&self, left: &HashSet<u32>, key: Option<&StreamKey>) -> Disorder {
        let Some((by, as_written)) = self.lies else { return Disorder::default() };
        let mut disorder = Disorder { by, as_written, ..Disorder::default() };
        let mut parts = self.parts.iter().copied().peekable();
        let mut last: Vec<Option<u64>> = vec![None; self.streams.len()];
        let mut moved: HashMap<u32, usize> = HashMap::new();
        let mut highest: Option<Order> = None;
        let rows = &self.rows;
        let name = |stream: u32| named(&String::from_utf8_lossy(self.streams.name(stream)), key);
        for row in 0..rows.len() {
            if parts.next_if(|&first| first <= row).is_some() {
                last.fill(None);
                highest = None;
            }
            let stream = rows.stream[row];
            if stream == NOTHING || rows.event_type[row] == UNREADABLE {
                continue;
            }
            let version = rows.version(row);
            let order = rows.order(row);
            if order != NO_ORDER {
                if highest.is_some_and(|highest| order < highest) {
                    disorder.places += 1;
                    disorder.first.get_or_insert_with(|| (name(stream), version));
                }
                highest = Some(order);
            }
            if !self.versions_decide || left.contains(&stream) {
                continue;
            }
            let Some(before) = last.get_mut(stream as usize) else { continue };
            if let (Some(before), Some(version)) = (*before, version)
                && version < before
            {
                disorder.versions += 1;
                let at = *moved.entry(stream).or_insert_with(|| {
                    disorder.in_streams += 1;
                    if disorder.streams.len() < Disorder::STREAMS {
                        disorder.streams.push(Moved { stream: name(stream), events: 0, version, before });
                        disorder.streams.len() - 1
                    } else {
                        usize::MAX
                    }
                });
                if let Some(moved) = disorder.streams.get_mut(at) {
                    moved.events += 1;
                }
            }
            *before = version.or(*before);
        }
        disorder
    }
}

fn named(name: &str, key: Option<&StreamKey>) -> StreamName {
    match key {
        Some(key) => key.name(name),
        None => StreamName::from(name),
    }
}

/// Tells the streams of what was kept where their categories stand.
pub fn name(disorder: &mut Disorder, key: Option<&StreamKey>) {
    for moved in &mut disorder.streams {
        moved.stream = named(moved.stream.as_str(), key);
    }
    if let Some((stream, _)) = &mut disorder.first {
        *stream = named(stream.as_str(), key);
    }
}

/// Keeps it.
///
/// # Errors
/// Of the operating system.
pub fn save(disorder: &Disorder, out: &mut Kept<'_>) -> io::Result<()> {
    let Disorder { streams, in_streams, versions, places, first, by, as_written } = disorder;
    out.written(|out| {
        for &number in [in_streams, versions, places, &(*by as u64), &u64::from(*as_written)] {
            out.number(number);
        }
        match first {
            None => out.number(0),
            Some((stream, version)) => {
                out.number(1 + u64::from(version.is_some()));
                out.number(version.unwrap_or(0));
                out.bytes(stream.as_str().as_bytes());
            }
        }
        for moved in streams {
            let Moved { stream, events, version, before } = moved;
            [events, version, before].into_iter().for_each(|&number| out.number(number));
            out.bytes(stream.as_str().as_bytes());
        }
    })
}

/// Reads back what was kept; `None` where it is something else.
pub fn load(front: &mut Sequence) -> Option<Disorder> {
    front.read(|read| {
        let (in_streams, versions, places) = (read.number()?, read.number()?, read.number()?);
        let by = read.number()?;
        let by = [ShownBy::Position, ShownBy::Time, ShownBy::Layout].into_iter().find(|&one| one as u64 == by)?;
        let as_written = read.number()? != 0;
        let first = match read.number()? {
            0 => None,
            said => {
                let version = read.number()?;
                let stream = std::str::from_utf8(read.bytes()?).ok()?;
                Some((StreamName::from(stream), (said > 1).then_some(version)))
            }
        };
        let mut streams = Vec::new();
        while !read.is_done() {
            let (events, version, before) = (read.number()?, read.number()?, read.number()?);
            let stream = StreamName::from(std::str::from_utf8(read.bytes()?).ok()?);
            streams.push(Moved { stream, events, version, before });
        }
        let fits = streams.len() <= Disorder::STREAMS;
        fits.then_some(Disorder { streams, in_streams, versions, places, first, by, as_written })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::cache::told;

    #[test]
    fn what_was_counted_comes_back() {
        let moved = Moved { stream: "a-1".into(), events: 2, version: 3, before: 7 };
        let some = Disorder {
            streams: vec![moved.clone(), Moved { stream: "❤".into(), ..moved }],
            in_streams: 2,
            versions: 4,
            places: 1,
            first: Some(("a-1".into(), Some(0))),
            by: ShownBy::Time,
            as_written: true,
        };
        for disorder in [Disorder::default(), Disorder { first: Some(("b".into(), None)), ..some.clone() }, some] {
            assert_eq!(load(&mut told(|out| save(&disorder, out))).as_ref(), Some(&disorder));
        }
    }
}
