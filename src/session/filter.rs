//! Narrows a long list of streams by a fuzzy pattern, as one types.
//!
//! The score is `fuzzy-matcher`'s (`score`); this module decides which names are scored at all, and shares them between
//! threads.
//! Each name has a mask of the characters it contains, so that most names of a large store cost one comparison, and a
//! pattern that was grown by typing is looked for only among the hits of the shorter one. The invariant: the answer is
//! the one that scoring every name would give, best first, equal scores in the order of the list.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;

use super::score::Pattern;
use crate::domain::{Cancel, StreamSummary};

/// How many names a thread takes at a time, and looks at between two looks at the token.
const STRIDE: usize = 1_024;

/// After how many names a first part is told; each further part after four times as many.
const FIRST_PART: usize = 8_192;

/// How many threads score at most.
const THREADS: usize = 2;

/// Scores that lie within so many different ones are sorted by counting them.
const COUNTED: usize = 4_096;

/// Searches the streams of one source. It remembers masks and the last answer: the list it is asked about may grow
/// between two searches, but a stream keeps its index.
#[derive(Default)]
pub struct StreamFilter {
    /// By the index of the stream; 0 as long as it is not known.
    masks: Vec<AtomicU64>,
    last: Option<Last>,
}

/// A finished search.
struct Last {
    pattern: String,
    /// How many names were looked at.
    looked: usize,
    /// The hits, in the order of the list.
    hits: Vec<u32>,
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
            candidates.score((done, end), pattern, wanted, cancel, &mut scored);
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
    /// Scores the candidates of a range, by their number among the candidates. Ends early when cancelled. Both the
    /// candidates and `scored` are in the order of the list.
    fn score(
        &self,
        (start, end): (usize, usize),
        pattern: &str,
        wanted: u64,
        cancel: &Cancel,
        scored: &mut Vec<(i32, u32)>,
    ) {
        let next = AtomicUsize::new(start);
        let work = |scored: &mut Vec<(i32, u32)>| {
            let mut pattern = Pattern::new(pattern);
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
                    if let Some(score) = pattern.score(self.streams[index as usize].stream.as_str()) {
                        scored.push((score, index));
                    }
                }
            }
        };
        let threads = THREADS.min((end - start) / (2 * STRIDE));
        if threads < 2 {
            return work(scored);
        }
        let known = scored.len();
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
        // Each thread found its own in order, and this sort merges what is in order already.
        scored[known..].sort_by_key(|&(_, index)| index);
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

/// Indices by score, equal ones in the order given.
fn best_first(scored: &[(i32, u32)]) -> Vec<u32> {
    let scores = || scored.iter().map(|&(score, _)| i64::from(score));
    let (Some(least), Some(most)) = (scores().min(), scores().max()) else { return Vec::new() };
    let rank = |score: i32| (most - i64::from(score)) as usize;
    if most - least >= COUNTED as i64 {
        let mut scored = scored.to_vec();
        scored.sort_by_key(|&(score, _)| std::cmp::Reverse(score));
        return scored.into_iter().map(|(_, index)| index).collect();
    }
    // Where the next index of each score goes, the best score first.
    let mut places = vec![0; (most - least) as usize + 1];
    for &(score, _) in scored {
        places[rank(score)] += 1;
    }
    let mut total = 0;
    for place in &mut places {
        total += std::mem::replace(place, total);
    }
    let mut best = vec![0; scored.len()];
    for &(score, index) in scored {
        let place = &mut places[rank(score)];
        best[*place] = index;
        *place += 1;
    }
    best
}

/// The characters of a text, one bit for a letter (either case) or digit, and all other bytes sharing the other bits. What
/// matches has all bits of the pattern.
fn mask(text: &str) -> u64 {
    text.bytes().fold(0, |mask, byte| mask | BITS[usize::from(byte)])
}

const BITS: [u64; 256] = {
    let mut bits = [0; 256];
    let mut at = 0;
    while at < 256 {
        let byte = at as u8;
        bits[at] = 1
            << match byte {
                b'a'..=b'z' => byte - b'a',
                b'A'..=b'Z' => byte - b'A',
                b'0'..=b'9' => 26 + byte - b'0',
                _ => 36 + byte % 28,
            };
        at += 1;
    }
    bits
};

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use fuzzy_matcher::FuzzyMatcher;
    use fuzzy_matcher::skim::SkimMatcherV2;
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

    /// What scoring every name gives, each by a matcher that has scored nothing else.
    fn expected(names: &[String], pattern: &str) -> Vec<u32> {
        let alone = |name: &str| SkimMatcherV2::default().smart_case().fuzzy_match(name, pattern);
        let scored = names.iter().enumerate().filter_map(|(at, name)| Some((alone(name)?, at as u32)));
        let mut scored: Vec<_> = scored.collect();
        scored.sort_by_key(|&(score, at)| (std::cmp::Reverse(score), at));
        scored.into_iter().map(|(_, at)| at).collect()
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
        let mut filter = StreamFilter::default();
        for pattern in ["o", "or", "or1", "or12", "S", "t0", "-", "00"] {
            assert_eq!(found(&mut filter, &streams, pattern), expected(&names, pattern), "{pattern}");
        }
    }

    #[test]
    fn scores_far_apart_are_in_order_too() {
        let scored = [(i32::MIN, 0), (5, 1), (i32::MAX, 2), (5, 3)];
        assert_eq!(best_first(&scored), [2, 1, 3, 0]);
        assert_eq!(best_first(&scored[1..2]), [1]);
        assert_eq!(best_first(&[(-1, 0), (0, 4), (0, 5)]), [4, 5, 0]);
        let (span, beyond) = (COUNTED as i32 - 1, COUNTED as i32);
        assert_eq!(best_first(&[(0, 0), (span, 1), (0, 2)]), [1, 0, 2]);
        assert_eq!(best_first(&[(0, 0), (beyond, 1), (0, 2)]), [1, 0, 2]);
        assert_eq!(best_first(&[]), [0; 0]);
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
            let mut filter = StreamFilter::default();
            for end in typed.char_indices().map(|(start, _)| start).chain([typed.len()]) {
                let pattern = &typed[..end];
                let known = if end == 0 { list(&names[..seen.min(names.len())]) } else { Arc::clone(&streams) };
                let found = found(&mut filter, &known, pattern);
                if end > 0 {
                    prop_assert_eq!(found, expected(&names, pattern));
                }
            }
        }
    }
}
