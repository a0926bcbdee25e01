//! The promise: folding a stream with the user's JavaScript costs no more than node needs to do the same.
//!
//! Both sides are whole processes that read the same lines from a file and fold them with the same `evolve`; ours parses
//! the lines here and folds in the worker process. Processor time is that of the process and all its children. Rounds
//! are interleaved, medians compared.
//!
//! `cargo bench --bench javascript`, with `STEPBACK_BENCH_FILE=dump.jsonl` to take the lines of the stream `account-hot`
//! from a dump instead of making some, and `STEPBACK_BENCH_ROUNDS` for other than 5 rounds. Without node only our side
//! is measured.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use nix::sys::resource::{UsageWho, getrusage};
use serde_json::value::RawValue;
use stepback::domain::{Event, Form, Payload, Position, StreamName, Version, time};
use stepback::reducers::javascript::{JavaScript, JavaScriptConfig, Limits};
use stepback::replay::{Reducer, Start};

const EVENTS: usize = 200_000;

const REDUCER: &str = "
export const initialState = (stream) => ({ stream, holder: null, balance: 0, limit: 0, frozen: false, moves: 0, last: null });

export function evolve(state, event) {
  const { data } = event;
  switch (event.type) {
    case 'AccountOpened':
      return { ...state, holder: data.counterparty.name, balance: data.amount };
    case 'MoneyDeposited':
      return { ...state, balance: state.balance + data.amount, moves: state.moves + 1, last: data.note };
    case 'MoneyWithdrawn':
      return { ...state, balance: state.balance - data.amount, moves: state.moves + 1, last: data.note };
    case 'LimitChanged':
      return { ...state, limit: data.amount };
    case 'HolderRenamed':
      return { ...state, holder: data.counterparty.name };
    case 'AccountFrozen':
      return { ...state, frozen: !state.frozen };
    default:
      return state;
  }
}
";

const NODE: &str = "
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { readFileSync } from 'node:fs';
import { initialState, evolve } from './reducer.mjs';
let state = initialState('account-hot');
if (process.argv[3] === 'readline') {
  for await (const line of createInterface({ input: createReadStream(process.argv[2]) })) {
    state = evolve(state, JSON.parse(line));
  }
} else {
  for (const line of readFileSync(process.argv[2], 'utf8').split('\\n')) {
    if (line) state = evolve(state, JSON.parse(line));
  }
}
console.log(JSON.stringify(state));
";

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, mode, file] = arguments.as_slice()
        && mode == "--ours"
    {
        return ours(Path::new(file));
    }
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("hot.jsonl");
    let lines = prepare(&file);
    std::fs::write(directory.path().join("reducer.mjs"), REDUCER).expect("a file");
    let node = directory.path().join("fold.mjs");
    std::fs::write(&node, NODE).expect("a file");
    println!("{lines} events, {} MB", std::fs::metadata(&file).expect("a file").len() / 1_000_000);

    let rounds = std::env::var("STEPBACK_BENCH_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(5);
    let own = std::env::current_exe().expect("a path");
    let mut all: Vec<(&str, Vec<Run>)> = vec![("stepback", vec![]), ("node split", vec![]), ("node readline", vec![])];
    for _ in 0..rounds {
        for (name, runs) in &mut all {
            let mut command = match *name {
                "stepback" => Command::new(&own),
                _ => Command::new("node"),
            };
            match *name {
                "stepback" => command.arg("--ours").arg(&file),
                "node split" => command.arg(&node).arg(&file).arg("split"),
                _ => command.arg(&node).arg(&file).arg("readline"),
            };
            if let Some(run) = measure(&mut command) {
                runs.push(run);
            }
        }
    }
    let states: Vec<&str> = all.iter().flat_map(|(_, runs)| runs).filter_map(|run| run.output.lines().next()).collect();
    assert!(states.windows(2).all(|pair| pair[0] == pair[1]), "the folds differ: {states:#?}");
    let medians: Vec<(&str, f64, f64)> = all
        .iter()
        .filter(|(_, runs)| !runs.is_empty())
        .map(|(name, runs)| (*name, median(runs, |run| run.cpu), median(runs, |run| run.wall)))
        .collect();
    for (name, cpu, wall) in &medians {
        println!("{name:14} {cpu:6.3} s CPU  {wall:6.3} s wall  {:5.2} us/event", cpu * 1e6 / lines as f64);
    }
    if let [(_, cpu, wall), others @ ..] = medians.as_slice() {
        for (name, their_cpu, their_wall) in others {
            println!("ratio to {name}: {:.2} CPU, {:.2} wall", cpu / their_cpu, wall / their_wall);
        }
    }
    if let Some(run) = all[0].1.last() {
        println!("last run of stepback: {}", run.output.lines().nth(1).unwrap_or(""));
    }
}

struct Run {
    cpu: Duration,
    wall: Duration,
    output: String,
}

fn median(runs: &[Run], of: impl Fn(&Run) -> Duration) -> f64 {
    let mut times: Vec<Duration> = runs.iter().map(of).collect();
    times.sort();
    times[times.len() / 2].as_secs_f64()
}

fn cpu(who: UsageWho) -> Duration {
    let usage = getrusage(who).expect("usage");
    let of = |time: nix::sys::time::TimeVal| Duration::new(time.tv_sec() as u64, time.tv_usec() as u32 * 1000);
    of(usage.user_time()) + of(usage.system_time())
}

/// Runs a command to its end; `None` when there is no such program.
fn measure(command: &mut Command) -> Option<Run> {
    let (before, begun) = (cpu(UsageWho::RUSAGE_CHILDREN), Instant::now());
    let output = command.output().ok()?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(Run {
        cpu: cpu(UsageWho::RUSAGE_CHILDREN) - before,
        wall: begun.elapsed(),
        output: String::from_utf8_lossy(&output.stdout).into_owned(),
    })
}

#[derive(serde::Deserialize)]
struct Line<'a> {
    id: &'a str,
    stream: &'a str,
    version: u64,
    #[serde(rename = "type")]
    event_type: &'a str,
    timestamp: &'a str,
    #[serde(borrow)]
    data: &'a RawValue,
    #[serde(borrow)]
    metadata: &'a RawValue,
}

/// Our side: reads the lines, folds them in batches of 1,000, and prints the state.
fn ours(file: &Path) {
    let mut reducer = JavaScript::new(JavaScriptConfig {
        file_name: "reducer.mjs".into(),
        source: REDUCER.into(),
        host: PathBuf::from(env!("CARGO_BIN_EXE_stepback")),
        limits: Limits::default(),
    });
    let stream = StreamName::from("account-hot");
    reducer.start(Start::Initial(&stream)).expect("it starts");
    let whole = Bytes::from(std::fs::read(file).expect("a file"));
    let mut faults = Vec::new();
    let mut batch = Vec::with_capacity(1000);
    for (n, line) in whole.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).enumerate() {
        let line: Line<'_> = serde_json::from_slice(line).expect("an event");
        let payload = |text: &RawValue| Payload::new(Form::Json, whole.slice_ref(text.get().as_bytes()));
        batch.push(Arc::new(Event {
            stream: if line.stream == stream.as_str() { stream.clone() } else { StreamName::from(line.stream) },
            version: Version(line.version),
            position: Position::Number(n as u64 + 1),
            id: Some(line.id.into()),
            event_type: line.event_type.into(),
            time: time::parse(line.timestamp),
            data: payload(line.data),
            metadata: payload(line.metadata),
            correlation: None,
            causation: None,
            trouble: None,
        }));
        if batch.len() == 1000 {
            reducer.apply(&batch, &mut faults).expect("not lost");
            batch.clear();
        }
    }
    reducer.apply(&batch, &mut faults).expect("not lost");
    assert!(faults.is_empty(), "{faults:?}");
    println!("{}", reducer.state().expect("a state").expect("it exists"));
    drop(reducer);
    // The worker's time counts as ours when the system has handed it over.
    while cpu(UsageWho::RUSAGE_CHILDREN).is_zero() {
        std::thread::yield_now();
    }
    let [own, worker] = [UsageWho::RUSAGE_SELF, UsageWho::RUSAGE_CHILDREN].map(|who| cpu(who).as_secs_f64());
    println!("this side {own:.3} s, worker {worker:.3} s");
}

/// Writes the lines to fold; returns how many.
fn prepare(file: &Path) -> usize {
    let mut out = BufWriter::new(std::fs::File::create(file).expect("a file"));
    let mut count = 0;
    if let Some(dump) = std::env::var_os("STEPBACK_BENCH_FILE") {
        let dump = BufReader::with_capacity(1 << 20, std::fs::File::open(dump).expect("the dump"));
        for line in dump.split(b'\n') {
            let line = line.expect("a line");
            if memchr::memmem::find(&line, br#""stream":"account-hot""#).is_some() {
                out.write_all(&line).and_then(|()| out.write_all(b"\n")).expect("written");
                count += 1;
            }
        }
    } else {
        for n in 0..EVENTS {
            out.write_all(made(n).as_bytes()).expect("written");
        }
        count = EVENTS;
    }
    out.flush().expect("written");
    count
}

/// A line like those of a real account's stream: about 600 bytes, nested, with numbers, names and a note.
fn made(n: usize) -> String {
    const TYPES: [&str; 5] = ["MoneyDeposited", "MoneyWithdrawn", "LimitChanged", "HolderRenamed", "AccountFrozen"];
    const WORDS: [&str; 8] = ["alpha", "basil", "cedar", "delta", "echo", "fern", "golf", "hazel"];
    let word = |k: usize| WORDS[(n.wrapping_mul(31) + k * 7) % WORDS.len()];
    let event_type = if n == 0 { "AccountOpened" } else { TYPES[n * 7 / 3 % TYPES.len()] };
    let note = (0..4 + n % 12).map(word).collect::<Vec<_>>().join(" ");
    let mut line = String::with_capacity(700);
    let uuid = |k: usize| format!("{:08x}-55aa-48af-afaa-{:012x}", n.wrapping_mul(2_654_435_761) & 0xffff_ffff, n + k);
    writeln!(
        line,
        r#"{{"id":"{}","stream":"account-hot","version":{},"type":"{event_type}","timestamp":"2025-01-01T{:02}:{:02}:{:02}.{:03}Z","data":{{"accountId":"account-hot","amount":{}.{:02},"currency":"EUR","balanceHint":{}.{:02},"counterparty":{{"iban":"DE{:020}","name":"{} {}","bank":{{"bic":"{}DEFF","city":"München"}}}},"tags":["{}","{}"],"slot":"k{}","note":"{note}"}},"metadata":{{"correlationId":"{}","causationId":"{}","user":"u-{}"}}}}"#,
        uuid(0), n + 1, n / 3_600_000 % 24, n / 60_000 % 60, n / 1000 % 60, n % 1000,
        n * 17 % 1000, n % 100, n * 13 % 1000, n * 3 % 100, n * 1_000_003, word(1), word(2), word(3).to_uppercase(),
        word(4), word(5), n % 64, uuid(1), uuid(2), n % 5000,
    )
    .expect("text");
    line
}
