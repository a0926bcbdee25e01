//! The promise: folding a stream with the user's JavaScript costs no more than node needs to do the same.
//!
//! Both sides are whole processes that read the same lines from a file and fold them with the same `evolve`: ours is
//! `stepback state FILE STREAM --reducer … --json`, which indexes the file and folds in a worker process. Processor time
//! is that of the process and all its children, the worker included. Rounds are interleaved, medians compared.
//!
//! `cargo bench --bench javascript`, with `STEPBACK_BENCH_FILE=dump.jsonl` to take the lines of the stream `account-hot`
//! from a dump instead of making some, and `STEPBACK_BENCH_ROUNDS` for other than 5 rounds. Without node only our side
//! is measured.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::prctl::set_child_subreaper;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::wait::wait;
use serde_json::value::RawValue;

const EVENTS: usize = 200_000;

const STREAM: &str = "account-hot";

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
    // A worker that outlives the process it works for becomes a child of ours, so that its time is counted.
    set_child_subreaper(true).expect("the system hands over orphans");
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("hot.jsonl");
    let lines = prepare(&file);
    let reducer = directory.path().join("reducer.mjs");
    std::fs::write(&reducer, REDUCER).expect("a file");
    let node = directory.path().join("fold.mjs");
    std::fs::write(&node, NODE).expect("a file");
    println!("{lines} events, {} MB", std::fs::metadata(&file).expect("a file").len() / 1_000_000);

    let rounds = std::env::var("STEPBACK_BENCH_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(5);
    let mut all: Vec<(&str, Vec<Run>)> = vec![("stepback", vec![]), ("node split", vec![]), ("node readline", vec![])];
    for _ in 0..rounds {
        for (name, runs) in &mut all {
            let mut command = match *name {
                "stepback" => Command::new(env!("CARGO_BIN_EXE_stepback")),
                _ => Command::new("node"),
            };
            match *name {
                "stepback" => command.arg("state").arg(&file).arg(STREAM).arg("--reducer").arg(&reducer).arg("--json"),
                "node split" => command.arg(&node).arg(&file).arg("split"),
                _ => command.arg(&node).arg(&file).arg("readline"),
            };
            if let Some(run) = measure(&mut command) {
                runs.push(run);
            }
        }
    }
    let states: Vec<&str> = all.iter().flat_map(|(_, runs)| runs).map(|run| state(&run.output)).collect();
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
}

/// The state in what a side printed: the whole line of node's, a member of ours.
fn state(output: &str) -> &str {
    #[derive(serde::Deserialize)]
    struct Answer<'a> {
        #[serde(borrow)]
        state: &'a RawValue,
        /// Only ours has it.
        #[serde(rename = "approximate")]
        _approximate: bool,
    }
    serde_json::from_str(output).map_or(output.trim_end(), |answer: Answer<'_>| answer.state.get())
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
    let wall = begun.elapsed();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    while wait().is_ok() {}
    Some(Run {
        cpu: cpu(UsageWho::RUSAGE_CHILDREN) - before,
        wall,
        output: String::from_utf8_lossy(&output.stdout).into_owned(),
    })
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
