//! What a filter of types, streams and times costs where an index answers it, against reading every event and looking at
//! it, as a filter must whose condition nobody but the event can answer. One process, wall time, both sides in turn; the
//! index is there already.
//!
//! `STEPBACK_BENCH_FILE` and `STEPBACK_BENCH_LARGE` name dumps of one and five million events.

mod rivals;

use std::ops::ControlFlow;
use std::time::Instant;

use rivals::Result;
use stepback::domain::{Cancel, EventQuery, Scope};
use stepback::session::search::{EventFilter, sift};
use stepback::sources::Source;
use stepback::sources::open::{OpenOptions, open};

const ROUNDS: usize = 3;
const PAGE: usize = 1024;
const LINES: [&str; 5] = [
    "type:HolderRenamed",
    "stream:account-hot",
    "before:2025-01-02",
    "!type:Money* stream:*-00001?",
    "type:AccountFrozen event.data.amount > 100",
];

fn main() -> Result<()> {
    for path in rivals::dumps() {
        println!("{}", path.display());
        let cache = tempfile::tempdir()?;
        let options = OpenOptions { cache: Some(cache.path().into()), ..OpenOptions::default() };
        let source = open(&path, &options)?;
        source.complete(&Cancel::default(), &mut |_| ())?;
        for line in LINES {
            let filter = EventFilter::parse(line).map_err(|problem| problem.why)?;
            let (mut by_index, mut by_events) = (f64::MAX, f64::MAX);
            for _ in 0..ROUNDS {
                let (asked, time) = timed(|| asked(&*source, &filter))?;
                by_index = by_index.min(time);
                let (read, time) = timed(|| read(&*source, &filter))?;
                by_events = by_events.min(time);
                assert_eq!(asked, read, "{line}");
            }
            let ratio = by_index / by_events;
            println!("{line}: {:.1} ms, reading all {:.0} ms: {ratio:.4}", by_index * 1e3, by_events * 1e3);
        }
    }
    Ok(())
}

fn timed(run: impl FnOnce() -> Result<usize>) -> Result<(usize, f64)> {
    let start = Instant::now();
    let found = run()?;
    Ok((found, start.elapsed().as_secs_f64()))
}

fn asked(source: &dyn Source, filter: &EventFilter) -> Result<usize> {
    let mut found = 0;
    sift(source, &Scope::All, filter, 0, &Cancel::default(), &mut |part| {
        found += part.passing.len();
        ControlFlow::Continue(())
    })?;
    Ok(found)
}

fn read(source: &dyn Source, filter: &EventFilter) -> Result<usize> {
    let mut sieve = filter.sieve(source, &Scope::All, &Cancel::default())?;
    let (mut found, mut next) = (0, 0);
    loop {
        let page = source.events(&EventQuery::at(Scope::All, next, PAGE), &Cancel::default())?;
        if page.events.is_empty() {
            return Ok(found);
        }
        next += page.events.len() as u64;
        found += page.events.iter().filter(|event| sieve.passes(event) == Ok(true)).count();
    }
}
