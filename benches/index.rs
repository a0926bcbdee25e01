//! The promises about opening large dumps: indexing all of one against `rg -c`, DuckDB and jq over it, its first screen
//! against the same, the memory that takes, and jumps through the index.
//!
//! `STEPBACK_BENCH_FILE` and `STEPBACK_BENCH_LARGE` name dumps of one and five million events; without either, one of a
//! million is written to the temporary directory once. All sides run in processes of their own, in turn, in several
//! rounds; what counts is their CPU time and the ratio of the medians. Absolute times depend on the machine.

mod rivals;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use nix::sys::resource::UsageWho;
use rivals::{Result, compare, cpu, duckdb, interleaved, jq, ourselves, rg};
use stepback::domain::{Anchor, Cancel, Direction, EventQuery, Scope};
use stepback::sources::Source;
use stepback::sources::open::{OpenOptions, open};

fn main() -> Result<()> {
    match &rivals::arguments()[..] {
        [how, path] if how == "--whole" => return whole(path),
        [how, path] if how == "--checked" => return checked(path),
        [how, path] if how == "--head" => return head(path),
        _ => {}
    }
    let mut dumps = rivals::dumps();
    if dumps.is_empty() {
        dumps.push(generated()?);
    }
    for (path, goal) in dumps.iter().zip([2.0, 3.5]) {
        let bytes = std::fs::metadata(path)?.len();
        println!("{}: {:.0} MB", path.display(), bytes as f64 / 1e6);
        let run = |name: &str, how: &str| ourselves(name, &[Path::new(how), path]);
        let group = "SELECT stream, count(*), min(version), max(version), min(timestamp), max(timestamp) FROM dump GROUP BY stream";
        let mut sides = vec![
            run("index", "--whole"),
            run("checked", "--checked"),
            run("head", "--head"),
            rg(path),
            duckdb("duckdb group by", path, group),
        ];
        // A dozen seconds a million events.
        if goal < 3.0 {
            sides.push(jq("jq", path, ".stream"));
        }
        let mut sides = interleaved(sides)?;
        let (checked, head) = (sides.remove(1), sides.remove(1));
        print!("{}", sides[0].said);
        compare("index", &sides, &[("rg -c", goal), ("duckdb group by", 0.2), ("jq", 1.0 / 40.0)]);
        let rg = sides.iter().find(|side| side.name == "rg -c").map(|side| side.again());
        for (what, side, goal) in [("index and check", checked, None), ("head only", head, Some(1.0 / 15.0))] {
            let goals: Vec<_> = goal.map(|goal| ("rg -c", goal)).into_iter().collect();
            let peak = rivals::said(&side.said, "peak");
            let pair: Vec<_> = std::iter::once(side).chain(rg.iter().map(|rg| rg.again())).collect();
            compare(what, &pair, &goals);
            if let (Some(peak), "head only") = (peak, what) {
                println!("  peak {peak:.1} MiB   goal 16: {}", if peak <= 16.0 { "met" } else { "MISSED" });
            }
        }
        if let Some(peak) = rivals::said(&sides[0].said, "peak") {
            let goal = bytes as f64 * 0.04 / f64::from(1 << 20) + 12.0;
            println!("peak {peak:.1} MiB   goal {goal:.1}: {}", if peak <= goal { "met" } else { "MISSED" });
        }
        jumps(path)?;
    }
    Ok(())
}

/// Indexes a file and checks all of it.
fn checked(path: &str) -> Result<()> {
    let source = open(path, &OpenOptions::default())?;
    source.check(&Cancel::default(), &mut |_| ())?;
    println!("checked: {} troubles", source.progress().troubles);
    Ok(())
}

/// Indexes a file to its end and says what it cost beyond CPU time.
fn whole(path: &str) -> Result<()> {
    let start = Instant::now();
    let source = open(path, &OpenOptions::default())?;
    source.complete(&Cancel::default(), &mut |_| ())?;
    let wall = start.elapsed();
    let progress = source.progress();
    println!(
        "{} events, {} streams, {} troubles; {:.0} ms, {:.0} ns CPU an event, peak {:.1} MiB",
        progress.events,
        progress.streams,
        progress.troubles,
        wall.as_secs_f64() * 1e3,
        cpu(UsageWho::RUSAGE_SELF)? * 1e9 / progress.events as f64,
        rivals::peak()?
    );
    Ok(())
}

/// Reads what the first screen shows.
fn head(path: &str) -> Result<()> {
    let source = open(path, &OpenOptions::default())?;
    let streams = source.streams(0, 45)?;
    if let Some(stream) = streams.streams.first() {
        source.events(&EventQuery::first(Scope::Stream(stream.stream.clone()), 45), &Cancel::default())?;
    }
    source.events(&EventQuery::first(Scope::All, 45), &Cancel::default())?;
    println!("peak {:.1} MiB", rivals::peak()?);
    Ok(())
}

/// Pages through the complete index.
fn jumps(path: &Path) -> Result<()> {
    let source = open(path, &OpenOptions::default())?;
    source.complete(&Cancel::default(), &mut |_| ())?;
    let streams = source.streams(0, usize::MAX)?.streams;
    let largest = streams.iter().max_by_key(|stream| stream.events).ok_or("no streams")?;
    let name = largest.stream.clone();
    let category = Scope::Category(name.category().into());
    timed("a page of the largest stream", 1000, &|i| {
        page(&*source, Scope::Stream(name.clone()), i * 199 % largest.events)
    })?;
    timed("a page of the whole store", 1000, &|i| page(&*source, Scope::All, i * 997))?;
    timed("its category, the first page", 1, &|_| page(&*source, category.clone(), 0))?;
    timed("a page of its category", 1000, &|i| page(&*source, category.clone(), i * 199))?;
    timed("from a stream to the store", 1000, &|i| {
        source.translate(&Scope::Stream(name.clone()), i * 199 % largest.events, &Scope::All)?;
        Ok(())
    })?;
    timed("a list of all streams", 10, &|_| source.streams(0, usize::MAX).map(drop).map_err(Into::into))?;
    timed("all of the largest stream", 1, &|_| {
        let mut at = 0;
        while at < largest.events {
            let page = source.events(&EventQuery::at(Scope::Stream(name.clone()), at, 1024), &Cancel::default())?;
            at += page.events.len() as u64;
        }
        Ok(())
    })?;
    let last = EventQuery { scope: Scope::All, from: Anchor::End, direction: Direction::Backward, limit: 1 };
    let id = source.events(&last, &Cancel::default())?.events.first().and_then(|event| event.id.clone());
    if let Some(id) = id {
        timed("the last event by its id", 1, &|_| {
            let query = EventQuery { from: Anchor::Id(id.clone()), ..last.clone() };
            source.events(&query, &Cancel::default()).map(drop).map_err(Into::into)
        })?;
    }
    Ok(())
}

fn page(source: &dyn Source, scope: Scope, at: u64) -> Result<()> {
    source.events(&EventQuery::at(scope, at, 45), &Cancel::default())?;
    Ok(())
}

fn timed(what: &str, times: u64, run: &dyn Fn(u64) -> Result<()>) -> Result<()> {
    let start = Instant::now();
    for i in 0..times {
        run(i)?;
    }
    println!("{what:<30} {:10.1} µs", start.elapsed().as_secs_f64() * 1e6 / times as f64);
    Ok(())
}

/// A dump of a million events in about 50,000 streams of very different sizes; the same every time.
fn generated() -> Result<PathBuf> {
    let path = std::env::temp_dir().join("stepback-bench-1m.jsonl");
    if path.exists() {
        return Ok(path);
    }
    let part = path.with_extension("part");
    let mut out = BufWriter::new(File::create(&part)?);
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut versions = vec![0_u32; 50_000];
    for number in 0..1_000_000_u64 {
        // Every fifth event is of stream 0; of the others, small numbers are much more frequent.
        let stream = if number % 5 == 0 { 0 } else { (random() % 50_000 * (random() % 50_000) / 50_000) as usize };
        versions[stream] += 1;
        let needle = if random() % 10_000 == 0 { " NEEDLE" } else { "" };
        let milliseconds = 1_735_689_600_000 + number * 37;
        write!(
            out,
            r#"{{"id":"{:016x}-{number:08x}","stream":"account-{stream:06}","version":{},"type":"{}","timestamp":{milliseconds},"#,
            random(),
            versions[stream],
            ["MoneyDeposited", "MoneyWithdrawn", "InterestAccrued", "AddressChanged"][random() as usize % 4],
        )?;
        writeln!(
            out,
            r#""data":{{"amount":{}.{:02},"currency":"EUR","counterparty":{{"iban":"DE{:020}","name":"nómbre {}"}},"tags":["a{}","b{}"],"ok":true,"note":"{:016x} {:016x} {:016x}{needle}"}},"metadata":{{"correlationId":"{:016x}","causationId":null,"user":"u-{}"}}}}"#,
            random() % 100_000,
            random() % 100,
            random() % 10_000_000_000,
            random() % 1000,
            random() % 10,
            random() % 10,
            random(),
            random(),
            random(),
            random(),
            random() % 5000
        )?;
    }
    out.into_inner()?.sync_all()?;
    std::fs::rename(&part, &path)?;
    Ok(path)
}
