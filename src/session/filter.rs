//! Narrows a long list of streams by a fuzzy pattern, as one types.
//!
//! The score is `fuzzy-matcher`'s; this module decides which names are scored at all, and shares them between threads.
//! Each name has a mask of the characters it contains, so that most names of a large store cost one comparison, and a
//! pattern that was grown by typing is looked for only among the hits of the shorter one. The invariant: the answer is
//! the one that scoring every name would give, best first, equal scores in the order of the list.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;

use fuzzy_matcher::FuzzyMatcher;
use fuzzy_matcher::skim::SkimMatcherV2;

use crate::domain::{Cancel, StreamSummary};

/// How many names a thread takes at a time, and looks at between two looks at the token.
const STRIDE: usize = 1_024;

/// After how many names a first part is told; each further part after four times as many.
const FIRST_PART: usize = 8_192;

/// How many threads score at most.
const THREADS: usize = 2;

/// The score takes time and memory by the length of a name times that of the pattern; above this it is a simpler one.
const ELEMENT_LIMIT: usize = 65_536;

/// Searches the streams of one source. It remembers masks and the last answer: the list it is asked about may grow
/// between two searches, but a stream keeps its index.
pub struct StreamFilter {
    matcher: SkimMatcherV2,
    /// By the index of the stream; 0 as long as it is not known.
    masks: Vec<AtomicU64>,
    last: Option<Last>,
}

/// A finished search.
struct Last {
    pattern: String,
    /// How many names were looked at.
    looked: usize,
    /// The hits, in no order.
    hits: Vec<u32>,
}

impl Default for StreamFilter {
    fn default() -> Self {
        let matcher = SkimMatcherV2::default().smart_case().element_limit(ELEMENT_LIMIT);
        Self { matcher, masks: Vec::new(), last: None }
    }
}

impl StreamFilter {
    /// Indices into `streams` of the names that match `pattern`, best first; `None` when cancelled. `told` hears earlier
    /// answers, each over a longer part of the list, while a long search goes on. Lower case letters of the pattern
    /// match both cases unless it has a capital one. An empty pattern matches everything.
    pub fn search(
        &mut self,
        streams: &Arc<Vec<StreamSummary>>,
        pattern: &str,
        cancel: &Cancel,
        told: &mut dyn FnMut(Vec<u32>),
    ) -> Option<Vec<u32>> {
        let streams = &streams[..streams.len().min(u32::MAX as usize)];
        let wanted = mask(pattern);
        // The hits of a pattern are among those of each of its prefixes: a subsequence of a name has its own prefixes
        // as subsequences, and a capital letter only makes the match stricter.
        let (narrowed, from) = match &self.last {
            Some(last) if pattern.starts_with(&last.pattern) && last.looked <= streams.len() => {
                (last.hits.as_slice(), last.looked)
            }
            _ => (&[][..], 0),
        };
        self.masks.resize_with(self.masks.len().max(streams.len()), AtomicU64::default);
        let candidates = Candidates { narrowed, from: from as u32, streams, masks: &self.masks };
        let total = narrowed.len() + streams.len() - from;
        let (mut scored, mut done) = (Vec::new(), 0);
        let mut next_part = FIRST_PART;
        while done < total {
            let end = next_part.min(total);
            candidates.score((done, end), &self.matcher, pattern, wanted, cancel, &mut scored);
            if cancel.is_cancelled() {
                return None;
            }
            done = end;
            if done == next_part {
                next_part *= 4;
                told(best_first(&scored));
            }
        }
        if cancel.is_cancelled() {
            return None;
        }
        let hits = scored.iter().map(|(_, index)| *index).collect();
        self.last = Some(Last { pattern: pattern.to_owned(), looked: streams.len(), hits });
        Some(best_first(&scored))
    }
}

/// The names that may match: earlier hits, then what was not looked at yet.
struct Candidates<'a> {
    narrowed: &'a [u32],
    from: u32,
    streams: &'a [StreamSummary],
    masks: &'a [AtomicU64],
}

impl Candidates<'_> {
    /// Scores the candidates of a range, by their number among the candidates. Ends early when cancelled.
    fn score(
        &self,
        (start, end): (usize, usize),
        matcher: &SkimMatcherV2,
        pattern: &str,
        wanted: u64,
        cancel: &Cancel,
        scored: &mut Vec<(i64, u32)>,
    ) {
        let next = AtomicUsize::new(start);
        let work = |scored: &mut Vec<(i64, u32)>| {
            loop {
                let first = next.fetch_add(STRIDE, Ordering::Relaxed);
                if first >= end || cancel.is_cancelled() {
                    return;
                }
                for number in first..end.min(first + STRIDE) {
                    let index = self.index(number);
                    if self.mask(index) & wanted != wanted {
                        continue;
                    }
                    if let Some(score) = matcher.fuzzy_match(self.streams[index as usize].stream.as_str(), pattern) {
                        scored.push((score, index));
                    }
                }
            }
        };
        let threads = THREADS.min((end - start) / (2 * STRIDE));
        if threads < 2 {
            return work(scored);
        }
        thread::scope(|scope| {
            let alongside = || {
                let mut scored = Vec::new();
                work(&mut scored);
                scored
            };
            // Where there is no thread to be had this one does all of it.
            let others: Vec<_> =
                (1..threads).filter_map(|_| thread::Builder::new().spawn_scoped(scope, alongside).ok()).collect();
            work(scored);
            for other in others {
                match other.join() {
                    Ok(found) => scored.extend(found),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
        });
    }

    fn index(&self, number: usize) -> u32 {
        match self.narrowed.get(number) {
            Some(&index) => index,
            None => self.from + (number - self.narrowed.len()) as u32,
        }
    }

    fn mask(&self, index: u32) -> u64 {
        let known = &self.masks[index as usize];
        match known.load(Ordering::Relaxed) {
            0 => {
                let mask = mask(self.streams[index as usize].stream.as_str());
                known.store(mask, Ordering::Relaxed);
                mask
            }
            mask => mask,
        }
    }
}

fn best_first(scored: &[(i64, u32)]) -> Vec<u32> {
    // Score and index in one number are sorted several times as fast as pairs of them; every usual score fits.
    let packed = |&(score, index): &(i64, u32)| {
        let rank = u32::try_from((1_i64 << 31).checked_sub(score)?).ok()?;
        Some(u64::from(rank) << 32 | u64::from(index))
    };
    if let Some(mut packed) = scored.iter().map(packed).collect::<Option<Vec<_>>>() {
        packed.sort_unstable();
        return packed.into_iter().map(|number| number as u32).collect();
    }
    let mut scored = scored.to_vec();
    scored.sort_unstable_by_key(|&(score, index)| (std::cmp::Reverse(score), index));
    scored.into_iter().map(|(_, index)| index).collect()
}

/// The characters of a text, one bit for a letter (either case) or digit, and the rest sharing the other bits. What
/// matches has all bits of the pattern.
fn mask(text: &str) -> u64 {
    text.chars().fold(0, |mask, c| {
        let bit = match c {
            'a'..='z' => c as u32 - 'a' as u32,
            'A'..='Z' => c as u32 - 'A' as u32,
            '0'..='9' => 26 + c as u32 - '0' as u32,
            _ => 36 + c as u32 % 28,
        };
        mask | 1 << bit
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::{StreamName, Version};

    fn list<S: AsRef<str>>(names: &[S]) -> Arc<Vec<StreamSummary>> {
        let summary = |name: &S| StreamSummary {
            stream: StreamName::from(name.as_ref()),
            events: 1,
            first_version: Version(0),
            last_version: Version(0),
            first_time: None,
            last_time: None,
            kind: crate::domain::StreamKind::Domain,
        };
        Arc::new(names.iter().map(summary).collect())
    }

    fn found(filter: &mut StreamFilter, streams: &Arc<Vec<StreamSummary>>, pattern: &str) -> Vec<u32> {
        filter.search(streams, pattern, &Cancel::default(), &mut |_| {}).unwrap()
    }

    #[test]
    fn the_best_comes_first_and_equals_keep_their_order() {
        let streams = list(&["reorder-10", "order-10", "order-20", "account-1", "ORDER-10"]);
        let mut filter = StreamFilter::default();
        assert_eq!(found(&mut filter, &streams, "order-"), [1, 2, 4, 0]);
        assert_eq!(found(&mut filter, &streams, "order-1"), [1, 4, 0]);
        assert_eq!(found(&mut filter, &streams, "ORD"), [4]);
        assert_eq!(found(&mut filter, &streams, "o1"), [1, 4, 3, 0]);
        assert_eq!(found(&mut filter, &streams, "x"), [0; 0]);
        assert_eq!(found(&mut filter, &streams, ""), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn a_list_may_grow_between_two_searches() {
        let names: Vec<String> = (0..500).map(|number| format!("order-{number}")).collect();
        let mut filter = StreamFilter::default();
        found(&mut filter, &list(&names[..100]), "r-4");
        let streams = list(&names);
        assert_eq!(found(&mut filter, &streams, "r-49"), found(&mut StreamFilter::default(), &streams, "r-49"));
    }

    #[test]
    fn a_long_search_tells_its_first_part_early_and_can_be_stopped() {
        let names: Vec<String> = (0..50_000).map(|number| format!("order-{number}")).collect();
        let streams = list(&names);
        let mut filter = StreamFilter::default();
        let mut parts = Vec::new();
        let all = filter.search(&streams, "o", &Cancel::default(), &mut |part| parts.push(part.len()));
        assert_eq!(all.map(|all| all.len()), Some(50_000));
        assert_eq!(parts, [FIRST_PART, FIRST_PART * 4]);

        let cancel = Cancel::default();
        let stopped = cancel.clone();
        let mut filter = StreamFilter::default();
        assert_eq!(filter.search(&streams, "o", &cancel, &mut |_| stopped.cancel()), None);
        assert_eq!(found(&mut filter, &streams, "o49999"), [49_999], "a stopped search is not narrowed");
    }

    #[test]
    fn threads_find_what_one_finds() {
        let kinds = ["order", "cart", "account", "Shipment", "reorder"];
        let names: Vec<String> = (0..40_000).map(|n| format!("{}-{:05}", kinds[n % 5], n * 7919 % 40_000)).collect();
        let streams = list(&names);
        let matcher = SkimMatcherV2::default().smart_case().element_limit(ELEMENT_LIMIT);
        let mut filter = StreamFilter::default();
        for pattern in ["o", "or", "or1", "or12", "S", "t0", "-"] {
            let scored = names.iter().enumerate();
            let scored = scored.filter_map(|(at, name)| Some((matcher.fuzzy_match(name, pattern)?, at as u32)));
            let mut expected: Vec<_> = scored.collect();
            expected.sort_by_key(|&(score, at)| (std::cmp::Reverse(score), at));
            let expected: Vec<_> = expected.into_iter().map(|(_, at)| at).collect();
            assert_eq!(found(&mut filter, &streams, pattern), expected, "{pattern}");
        }
    }

    #[test]
    fn scores_beyond_the_usual_are_in_order_too() {
        let scored = [(i64::MIN, 0), (5, 2), (i64::MAX, 3), (5, 1)];
        assert_eq!(best_first(&scored), [3, 1, 2, 0]);
        assert_eq!(best_first(&scored[1..2]), [2]);
        assert_eq!(best_first(&[(-1, 0), (0, 5), (0, 4)]), [4, 5, 0]);
    }

    #[test]
    fn a_huge_name_costs_no_huge_memory() {
        let streams = list(&["order-".repeat(50_000)]);
        assert_eq!(found(&mut StreamFilter::default(), &streams, &"order-".repeat(20)), [0]);
    }

    proptest! {
        #[test]
        fn the_answer_is_that_of_scoring_every_name(
            names in proptest::collection::vec("[a-dA-D0-2é_-]{0,8}", 0..40),
            typed in "[a-dA-D0-2é_-]{0,5}",
            seen in 0usize..40,
        ) {
            let streams = list(&names);
            let matcher = SkimMatcherV2::default().smart_case().element_limit(ELEMENT_LIMIT);
            let mut filter = StreamFilter::default();
            for end in typed.char_indices().map(|(start, _)| start).chain([typed.len()]) {
                let pattern = &typed[..end];
                let scored = names.iter().enumerate();
                let scored = scored.filter_map(|(at, name)| Some((matcher.fuzzy_match(name, pattern)?, at as u32)));
                let known = if end == 0 { list(&names[..seen.min(names.len())]) } else { Arc::clone(&streams) };
                let found = found(&mut filter, &known, pattern);
                if end > 0 {
                    let mut expected: Vec<_> = scored.collect();
                    expected.sort_by_key(|&(score, at)| (std::cmp::Reverse(score), at));
                    prop_assert_eq!(found, expected.into_iter().map(|(_, at)| at).collect::<Vec<_>>());
                }
            }
        }
    }
}
