//! The promises about questions to an indexed dump: listing a stream against `rg -F` for its name over the dump, and
//! counting the events of each type against DuckDB. The index is in memory, as it is while the program runs; a question is
//! asked many times and its time is the wall's.
//!
//! `STEPBACK_BENCH_FILE` and `STEPBACK_BENCH_LARGE` name dumps of one and five million events.

mod rivals;

use std::process::Command;
use std::time::Instant;

use rivals::{Result, duckdb, interleaved, side, times};
use stepback::domain::{Anchor, Cancel, Direction, EventQuery, Scope};
use stepback::sources::open::{OpenOptions, open};

/// Rows on a screen.
const SCREEN: usize = 45;

fn main() -> Result<()> {
    for path in rivals::dumps() {
        println!("{}", path.display());
        let source = open(&path, &OpenOptions::default())?;
        source.complete(&Cancel::default(), &mut |_| ())?;
        let mut streams = source.streams(0, usize::MAX)?.streams;
        streams.sort_by_key(|stream| stream.events);
        let middle = streams.iter().rev().find(|stream| stream.events <= 1000).ok_or("no stream")?;
        let largest = streams.last().ok_or("no stream")?;
        let name = format!("\"{}\"", middle.stream);
        let dump = path.clone();
        let rg = side("rg -F", move || {
            let mut command = Command::new("rg");
            command.args(["-c", "-F", &name]).arg(&dump);
            command
        });
        let count = duckdb("duckdb count by type", &path, "SELECT type, count(*) FROM dump GROUP BY type");
        let sides = interleaved(vec![rg, count])?;
        let against = |what: &str, rival: &str, goal: f64, run: &dyn Fn(usize) -> Result<()>| -> Result<()> {
            let rounds = 20;
            let start = Instant::now();
            for round in 0..rounds {
                run(round)?;
            }
            let took = start.elapsed().as_secs_f64() / rounds as f64;
            match sides.iter().find(|side| side.name == rival) {
                Some(side) => {
                    let ratio = took / side.seconds();
                    if goal.is_nan() {
                        println!("{what}: {:.3} ms, {} of {rival}", took * 1e3, times(ratio));
                        return Ok(());
                    }
                    let met = if ratio <= goal { "met" } else { "MISSED" };
                    println!("{what}: {:.3} ms, {} of {rival}   goal {}: {met}", took * 1e3, times(ratio), times(goal));
                }
                None => println!("{what}: {:.3} ms", took * 1e3),
            }
            Ok(())
        };
        let read = |scope: Scope, from: Anchor, limit: usize| -> Result<usize> {
            let query = EventQuery { scope, from, direction: Direction::Forward, limit };
            Ok(source.events(&query, &Cancel::default())?.events.len())
        };
        let scope = Scope::Stream(middle.stream.clone());
        against(&format!("a screen of the stream of {} events", middle.events), "rg -F", 0.01, &|round| {
            read(scope.clone(), Anchor::Ordinal(middle.events * round as u64 / 21), SCREEN)?;
            Ok(())
        })?;
        // A list reads what it shows; this is what walking through all of the stream reads.
        against(&format!("all {} events of it, read whole", middle.events), "rg -F", f64::NAN, &|_| {
            assert_eq!(read(scope.clone(), Anchor::Start, 1000)? as u64, middle.events);
            Ok(())
        })?;
        let scope = Scope::Stream(largest.stream.clone());
        against(&format!("a screen of the stream of {} events", largest.events), "rg -F", 0.002, &|round| {
            read(scope.clone(), Anchor::Ordinal(largest.events * round as u64 / 21), SCREEN)?;
            Ok(())
        })?;
        against("events by type", "duckdb count by type", 0.001, &|_| {
            let counts = source.types()?.ok_or("the index knows the types")?;
            assert_eq!(counts.iter().map(|(_, count)| count).sum::<u64>(), source.progress().events);
            Ok(())
        })?;
    }
    Ok(())
}
