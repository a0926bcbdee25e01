//! The promise about narrowing a list of streams while one types: over a million names all keystrokes of a word take at
//! most a third of what scoring every name with `SkimMatcherV2` takes, and over 50,000 names no keystroke takes longer
//! than a frame. One process, wall time, both sides in turn: ours scores on two threads, the rival on one.

use std::sync::Arc;
use std::time::Instant;

use fuzzy_matcher::FuzzyMatcher;
use fuzzy_matcher::skim::SkimMatcherV2;
use sha2::{Digest, Sha256};
use stepback::domain::{Cancel, StreamName, StreamSummary, Version};
use stepback::session::StreamFilter;
use uuid::Builder;

const ROUNDS: usize = 5;
const WORDS: [&str; 3] = ["acc12", "shp0421", "order-00"];

fn main() {
    for (count, tail) in
        [(50_000, Tail::Number), (50_000, Tail::Uuid), (1_000_000, Tail::Number), (1_000_000, Tail::Uuid)]
    {
        let streams = Arc::new(names(count, &tail));
        println!("{count} names like {}", streams[0].stream.as_str());
        let mut slowest = Vec::new();
        for word in WORDS {
            let (mut ours, mut theirs) = (Vec::new(), Vec::new());
            for _ in 0..ROUNDS {
                let mut filter = StreamFilter::default();
                // The masks of the names are made with the first keystroke.
                let mut hits = 0;
                ours.push(typed(word, |pattern| {
                    let start = Instant::now();
                    let found = filter.search(&streams, pattern, &Cancel::default(), &mut drop);
                    hits = found.map_or(0, |found| found.len());
                    slowest.push(start.elapsed().as_secs_f64());
                }));
                let matcher = SkimMatcherV2::default().smart_case();
                let mut expected = 0;
                theirs.push(typed(word, |pattern| {
                    let scored = streams
                        .iter()
                        .enumerate()
                        .filter_map(|(at, stream)| Some((matcher.fuzzy_match(stream.stream.as_str(), pattern)?, at)));
                    let mut scored: Vec<_> = scored.collect();
                    scored.sort_unstable_by_key(|(score, at)| (-score, *at));
                    expected = scored.len();
                }));
                assert_eq!(hits, expected, "both find the same");
            }
            let (ours, theirs) = (median(ours), median(theirs));
            let met = if count < 1_000_000 {
                ""
            } else if ours * 3.0 <= theirs {
                "   goal 1/3: met"
            } else {
                "   goal 1/3: MISSED"
            };
            println!(
                "  {word:<10} {:8.1} ms, SkimMatcherV2 {:8.1} ms: 1/{:.1}{met}",
                ours * 1e3,
                theirs * 1e3,
                theirs / ours
            );
        }
        slowest.sort_by(f64::total_cmp);
        let p99 = slowest[(slowest.len() * 99 / 100).min(slowest.len() - 1)] * 1e3;
        let goal = match count {
            50_000 if p99 <= 16.0 => "   goal 16 ms: met",
            50_000 => "   goal 16 ms: MISSED",
            _ => "",
        };
        println!("  slowest keystrokes (p99) {p99:.1} ms{goal}");
    }
}

/// The seconds of all keystrokes of a word.
fn typed(word: &str, mut press: impl FnMut(&str)) -> f64 {
    let start = Instant::now();
    for end in 1..=word.len() {
        press(&word[..end]);
    }
    start.elapsed().as_secs_f64()
}

/// What stands behind the category of a name.
enum Tail {
    Number,
    Uuid,
}

fn names(count: usize, tail: &Tail) -> Vec<StreamSummary> {
    let categories = ["order", "cart", "account", "shipment"];
    let name = |n: usize| {
        let tail = match tail {
            Tail::Number => format!("{n:06}"),
            // Digits as if by chance, and the same in each run.
            Tail::Uuid => {
                Builder::from_random_bytes(Sha256::digest(n.to_le_bytes())[..16].try_into().expect("16 bytes"))
                    .into_uuid()
                    .to_string()
            }
        };
        StreamName::from(&*format!("{}-{tail}", categories[n % 4]))
    };
    let summary = |n| StreamSummary {
        stream: name(n),
        events: 1,
        first_version: Version(1),
        last_version: Version(1),
        first_time: None,
        last_time: None,
        kind: Default::default(),
    };
    (0..count).map(summary).collect()
}

fn median(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}
