//! States along the whole walk, as compressed JSON text: where a jump starts from.
//!
//! Their distance follows from what they cost: a state of many events' size is kept after many events, so that all of
//! them together are a small part of the stream and the fold between two of them takes about as long as reading one.
//! Over the byte budget every second one goes and the distance doubles. They are a cache: losing one costs time only.

use std::collections::BTreeMap;
use std::sync::Arc;

use lz4_flex::block::{CompressTable, compress_into_with_table, decompress, get_maximum_output_size};

use crate::domain::{Parser, State};
use crate::replay::StateText;

/// What keeping one costs besides its bytes: about.
const ENTRY: usize = 64;

/// How far apart checkpoints are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Spacing {
    /// At least so many events.
    pub floor: u64,
    /// At least so many events' bytes for each byte of a state.
    pub volume: u64,
}

impl Default for Spacing {
    /// Uncompressed a tenth of the stream at most, compressed about a third of that.
    fn default() -> Self {
        Self { floor: 64, volume: 10 }
    }
}

/// A state as text.
#[derive(Debug)]
struct Packed {
    bytes: Box<[u8]>,
    /// The length of the text; `None` when the state is absent.
    text: Option<usize>,
    /// As in [`StateText`]. States of one reducer mostly have the same.
    exact: Arc<[u32]>,
}

impl Packed {
    fn size(&self) -> usize {
        self.bytes.len() + ENTRY
    }

    /// The text; `None` when the state is absent, an error when it is no longer what was kept.
    fn unpack(&self) -> Result<Option<Vec<u8>>, ()> {
        let Some(len) = self.text else { return Ok(None) };
        if self.bytes.len() == len {
            return Ok(Some(self.bytes.to_vec()));
        }
        decompress(&self.bytes, len).map(Some).map_err(|_| ())
    }
}

/// States by place.
#[derive(Debug)]
pub(super) struct Checkpoints {
    kept: BTreeMap<u64, Packed>,
    bytes: usize,
    budget: usize,
    spacing: Spacing,
    /// Grows whenever the budget was too small.
    stretch: u64,
    /// The average size of the events of this stream.
    event_bytes: usize,
    /// Those of the state kept last.
    exact: Arc<[u32]>,
    scratch: Scratch,
}

/// What is needed to compress, kept between two times.
struct Scratch {
    text: String,
    packed: Vec<u8>,
    table: CompressTable,
}

impl std::fmt::Debug for Scratch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Scratch")
    }
}

impl Checkpoints {
    pub fn new(spacing: Spacing, budget: usize) -> Self {
        let scratch = Scratch { text: String::new(), packed: Vec::new(), table: CompressTable::default() };
        Self {
            kept: BTreeMap::new(),
            bytes: 0,
            budget,
            spacing,
            stretch: 1,
            event_bytes: 500,
            exact: Arc::default(),
            scratch,
        }
    }

    pub fn len(&self) -> usize {
        self.kept.len()
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Says how many bytes an event of this stream has on average.
    pub fn set_event_bytes(&mut self, bytes: usize) {
        self.event_bytes = bytes.max(1);
    }

    /// The latest one at or before a place, and how many events' folding reading it is worth.
    pub fn at_or_before(&self, place: u64) -> Option<(u64, u64)> {
        let (at, packed) = self.kept.range(..=place).next_back()?;
        Some((*at, 1 + self.events(packed.text.unwrap_or(0))))
    }

    /// About how many events' folding it is worth to read the latest state kept.
    pub fn cost(&self) -> u64 {
        self.events(self.latest_text())
    }

    /// The length of the text of the latest state kept; 0 when there is none.
    pub fn latest_text(&self) -> usize {
        self.kept.values().next_back().and_then(|packed| packed.text).unwrap_or(0)
    }

    /// The state kept at a place.
    pub fn restore(&self, place: u64, parser: &mut Parser) -> Option<State> {
        match self.kept.get(&place)?.unpack().ok()? {
            None => Some(None),
            Some(text) => parser.parse(&text).ok().map(Some),
        }
    }

    /// The same as text.
    pub fn restore_text(&self, place: u64) -> Option<StateText> {
        let packed = self.kept.get(&place)?;
        let text = packed.unpack().ok()?.map(String::from_utf8).transpose().ok()?;
        Some(StateText { text, exact: packed.exact.to_vec() })
    }

    /// The first place after `from`, and not after `until`, at which a state should be kept.
    pub fn next_due(&self, from: u64, until: u64) -> Option<u64> {
        let mut last = self.kept.range(..=from).next_back();
        loop {
            let distance = self.distance(last.and_then(|(_, packed)| packed.text).unwrap_or(0));
            let base = last.map_or(0, |(at, _)| *at);
            let due = base.saturating_add(distance).max(from + 1);
            if due > until {
                return None;
            }
            // One that follows soon will do.
            match self.kept.range(base + 1..).next() {
                Some(next) if *next.0 < due.saturating_add(distance.div_ceil(2)) => last = Some(next),
                _ => return Some(due),
            }
        }
    }

    /// Keeps a state.
    pub fn put(&mut self, place: u64, state: &State) {
        let mut text = std::mem::take(&mut self.scratch.text);
        text.clear();
        if let Some(state) = state {
            state.write_text(&mut text);
        }
        self.keep(place, state.as_ref().map(|_| text.as_str()), &[]);
        // A state of many megabytes must not leave its size behind.
        text.shrink_to(1 << 20);
        self.scratch.text = text;
    }

    /// Keeps a state that came as text.
    pub fn put_text(&mut self, place: u64, state: &StateText) {
        self.keep(place, state.text.as_deref(), &state.exact);
    }

    fn keep(&mut self, place: u64, text: Option<&str>, exact: &[u32]) {
        if *self.exact != *exact {
            self.exact = exact.into();
        }
        let packed = self.pack(text);
        self.bytes += packed.size();
        if let Some(old) = self.kept.insert(place, packed) {
            self.bytes -= old.size();
        }
        while self.bytes > self.budget && !self.kept.is_empty() {
            self.stretch = self.stretch.saturating_mul(2);
            let mut odd = false;
            let mut bytes = 0;
            self.kept.retain(|_, packed| {
                odd = !odd;
                bytes += if odd { 0 } else { packed.size() };
                !odd
            });
            self.bytes = bytes;
        }
    }

    /// Forgets the states of this place and of all behind it.
    pub fn forget_from(&mut self, place: u64) {
        let gone = self.kept.split_off(&place);
        self.bytes -= gone.values().map(Packed::size).sum::<usize>();
        if self.kept.is_empty() {
            self.stretch = 1;
        }
    }

    /// Keeps states so far apart from now on.
    pub fn set_spacing(&mut self, spacing: Spacing) {
        self.spacing = spacing;
    }

    /// How many events lie between a state of this size and the next.
    fn distance(&self, text: usize) -> u64 {
        let events = self.spacing.volume.saturating_mul(self.events(text));
        self.spacing.floor.max(1).max(events).saturating_mul(self.stretch)
    }

    /// How many events have the size of this text.
    fn events(&self, text: usize) -> u64 {
        (text / self.event_bytes) as u64
    }

    fn pack(&mut self, text: Option<&str>) -> Packed {
        let exact = self.exact.clone();
        let Some(text) = text else { return Packed { bytes: Box::default(), text: None, exact } };
        let Scratch { packed, table, .. } = &mut self.scratch;
        packed.resize(get_maximum_output_size(text.len()), 0);
        let bytes = match compress_into_with_table(text.as_bytes(), packed, table) {
            Ok(len) if len < text.len() => &packed[..len],
            _ => text.as_bytes(),
        };
        let kept = Packed { bytes: bytes.into(), text: Some(text.len()), exact };
        packed.shrink_to(1 << 20);
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Json;

    fn state(n: usize) -> State {
        let fields: Vec<String> = (0..n).map(|n| format!("\"field{n}\":\"{n}\"")).collect();
        Some(Json::parse(format!("{{{}}}", fields.join(",")).as_bytes()).expect("JSON"))
    }

    fn places(checkpoints: &Checkpoints) -> Vec<u64> {
        checkpoints.kept.keys().copied().collect()
    }

    #[test]
    fn text_comes_back_to_the_letter() {
        let mut checkpoints = Checkpoints::new(Spacing::default(), 1 << 20);
        let long = format!("{{ \"n\" : 1.0, \"text\": \"{}\" }}", "\\u0041".repeat(1000));
        for (place, text) in [None, Some("{ }".to_owned()), Some(long)].into_iter().enumerate() {
            let state = StateText { text, exact: vec![0; place] };
            checkpoints.put_text(place as u64, &state);
            assert_eq!(checkpoints.restore_text(place as u64), Some(state));
        }
        assert_eq!(checkpoints.restore(1, &mut Parser::default()), Some(state(0)), "and is read where somebody looks");
        assert_eq!(checkpoints.restore_text(99), None);
    }

    #[test]
    fn states_come_back_as_they_were() {
        let mut checkpoints = Checkpoints::new(Spacing::default(), usize::MAX);
        let mut parser = Parser::default();
        let states =
            [None, Some(Json::Null), Some(Json::string("")), state(0), state(1), state(1000), state(20_000), state(3)];
        for (place, state) in states.iter().enumerate() {
            checkpoints.put(place as u64, state);
        }
        for (place, state) in states.iter().enumerate() {
            assert_eq!(checkpoints.restore(place as u64, &mut parser).as_ref(), Some(state), "{place}");
        }
        assert_eq!(checkpoints.restore(99, &mut parser), None);
        assert!(checkpoints.bytes() < state(21_000).expect("a state").text_len());
    }

    #[test]
    fn the_distance_follows_the_size() {
        let mut checkpoints = Checkpoints::new(Spacing { floor: 10, volume: 2 }, usize::MAX);
        checkpoints.set_event_bytes(100);
        assert_eq!(checkpoints.next_due(0, 1000), Some(10));
        checkpoints.put(10, &state(0));
        assert_eq!(checkpoints.next_due(10, 1000), Some(20));
        let big = state(1000);
        let events = (big.as_ref().expect("a state").text_len() / 100) as u64;
        checkpoints.put(20, &big);
        assert_eq!(checkpoints.next_due(20, 10_000), Some(20 + 2 * events));
        assert_eq!(checkpoints.next_due(20, 20 + 2 * events - 1), None);
        assert_eq!(checkpoints.next_due(0, 10_000), Some(20 + 2 * events), "the ones that follow soon will do");
    }

    #[test]
    fn over_the_budget_every_second_goes_and_the_distance_doubles() {
        let mut checkpoints = Checkpoints::new(Spacing { floor: 10, volume: 0 }, 16 * (ENTRY + 2));
        let mut at = 0;
        while let Some(due) = checkpoints.next_due(at, 10_000) {
            checkpoints.put(due, &state(0));
            at = due;
            assert!(checkpoints.bytes() <= checkpoints.budget);
        }
        let places = places(&checkpoints);
        assert!(places.len() >= 7, "{places:?}");
        let gaps: Vec<u64> = places.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let (least, most) = (gaps.iter().min().expect("gaps"), gaps.iter().max().expect("gaps"));
        assert!(*most <= 2 * least, "{places:?}");
        let (len, last) = (checkpoints.len(), places.last().copied().expect("a place"));
        checkpoints.forget_from(last + 1);
        assert_eq!(checkpoints.len(), len);
        checkpoints.forget_from(last);
        assert_eq!(checkpoints.len(), len - 1);
        checkpoints.forget_from(0);
        assert_eq!((checkpoints.len(), checkpoints.bytes()), (0, 0));
        let mut checkpoints = Checkpoints::new(Spacing { floor: 10, volume: 0 }, 10);
        checkpoints.put(10, &state(9));
        assert_eq!((checkpoints.len(), checkpoints.bytes()), (0, 0));
    }
}
