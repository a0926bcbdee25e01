//! The promise about opening large files: indexing all of a dump against `rg -c` over it, the first screen against the
//! same, and jumps through the index.
//!
//! `STEPBACK_BENCH_FILE` names the dump; without it one of a million events is written to the temporary directory once.
//! Both sides run in processes of their own, one after the other, in several rounds; what counts is their CPU time
//! (user and system) and the ratio of the medians. Absolute times depend on the machine.

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use nix::sys::resource::{UsageWho, getrusage};
use stepback::domain::{Anchor, Cancel, Direction, EventQuery, Scope};
use stepback::sources::Source;
use stepback::sources::open::{OpenOptions, open};

const ROUNDS: usize = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    match (arguments.next().as_deref(), arguments.next()) {
        (Some("--whole"), Some(path)) => return whole(&path),
        (Some("--head"), Some(path)) => return head(&path),
        _ => {}
    }
    let path = match std::env::var_os("STEPBACK_BENCH_FILE") {
        Some(path) => PathBuf::from(path),
        None => generated()?,
    };
    let bytes = std::fs::metadata(&path)?.len();
    println!("{}: {:.0} MB", path.display(), bytes as f64 / 1e6);

    let myself = std::env::current_exe()?;
    let (mut rg, mut index, mut first) = (Vec::new(), Vec::new(), Vec::new());
    let mut said = String::new();
    for _ in 0..ROUNDS {
        rg.push(child(Command::new("rg").arg("-c").arg("NEEDLE").arg(&path))?.0);
        let (cpu, output) = child(Command::new(&myself).arg("--whole").arg(&path))?;
        index.push(cpu);
        said = output;
        first.push(child(Command::new(&myself).arg("--head").arg(&path))?.0);
    }
    let (rg, index, first) = (median(rg), median(index), median(first));
    print!("{said}");
    println!("rg -c                {:8.1} ms CPU", rg * 1e3);
    println!("whole index          {:8.1} ms CPU  {:.2} x rg (goal 2.0)", index * 1e3, index / rg);
    println!("first page           {:8.1} ms CPU  1/{:.0} of rg (goal 1/15 with its frame)", first * 1e3, rg / first);
    jumps(&path)
}

/// Indexes a file to its end and says what it cost beyond CPU time.
fn whole(path: &str) -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    let source = open(path, &OpenOptions::default())?;
    source.complete(&Cancel::default(), &mut |_| ())?;
    let wall = start.elapsed();
    let progress = source.progress();
    let peak = std::fs::read_to_string("/proc/self/status")?;
    let peak = peak.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("?").trim().to_owned();
    println!(
        "{} events, {} streams, {} troubles; {:.0} ms, peak {peak}",
        progress.events,
        progress.streams,
        progress.troubles,
        wall.as_secs_f64() * 1e3
    );
    println!("CPU per event        {:8.0} ns", cpu(UsageWho::RUSAGE_SELF)? * 1e9 / progress.events as f64);
    Ok(())
}

/// Reads what the first screen shows.
fn head(path: &str) -> Result<(), Box<dyn Error>> {
    let source = open(path, &OpenOptions::default())?;
    let streams = source.streams(0, 45)?;
    if let Some(stream) = streams.streams.first() {
        source.events(&EventQuery::first(Scope::Stream(stream.stream.clone()), 45), &Cancel::default())?;
    }
    source.events(&EventQuery::first(Scope::All, 45), &Cancel::default())?;
    Ok(())
}

/// Pages through the complete index.
fn jumps(path: &Path) -> Result<(), Box<dyn Error>> {
    let source = open(&path.to_string_lossy(), &OpenOptions::default())?;
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

fn page(source: &dyn Source, scope: Scope, at: u64) -> Result<(), Box<dyn Error>> {
    source.events(&EventQuery::at(scope, at, 45), &Cancel::default())?;
    Ok(())
}

fn timed(what: &str, times: u64, run: &dyn Fn(u64) -> Result<(), Box<dyn Error>>) -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    for i in 0..times {
        run(i)?;
    }
    println!("{what:<30} {:10.1} µs", start.elapsed().as_secs_f64() * 1e6 / times as f64);
    Ok(())
}

fn median(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}

fn cpu(who: UsageWho) -> Result<f64, Box<dyn Error>> {
    let usage = getrusage(who)?;
    let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    Ok(seconds(usage.user_time()) + seconds(usage.system_time()))
}

/// Runs a program; gives its CPU seconds and what it wrote.
fn child(command: &mut Command) -> Result<(f64, String), Box<dyn Error>> {
    let before = cpu(UsageWho::RUSAGE_CHILDREN)?;
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("{command:?} failed: {}", output.status).into());
    }
    Ok((cpu(UsageWho::RUSAGE_CHILDREN)? - before, String::from_utf8_lossy(&output.stdout).into_owned()))
}

/// A dump of a million events in about 50,000 streams of very different sizes; the same every time.
fn generated() -> Result<PathBuf, Box<dyn Error>> {
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
