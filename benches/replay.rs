//! What the replay engine promises about speed, as ratios measured in one run (`cargo bench --bench replay`).
//!
//! A stream of 200,000 account events like those of a real dump is folded two ways: by the generic fold, whose state stays
//! small, and by a fold that keeps the last movement of each of 64 slots, whose state is about 20 KB of JSON. The rivals
//! are `node` folding the same lines the same way (when it is on the PATH), `json_patch::diff`, and cloning and comparing
//! `serde_json::Value`. Nothing is asserted: the table says what was promised and what was measured.

#[path = "replay/stream.rs"]
mod stream;

use std::hint::black_box;
use std::io::Write;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use stepback::domain::json::Object;
use stepback::domain::{Event, EventPage, Json, Parser, Patch, State, StreamName};
use stepback::reducers::merge::Merge;
use stepback::replay::{
    Advance, Budget, Fingerprint, FoldError, Goal, Limits, Lost, Reducer, ReducerInfo, Spacing, Start, StateCost, Stop,
    Stops, Subject, Timeline,
};

const EVENTS: usize = 200_000;
const ROUNDS: usize = 5;

/// Keeps the last event of each slot, and sums.
struct Slots {
    state: State,
    parser: Parser,
    info: ReducerInfo,
}

impl Slots {
    fn new() -> Self {
        let info = ReducerInfo {
            name: "slots".into(),
            approximate: false,
            fingerprint: Fingerprint(1),
            cost: StateCost::Pointer,
            stale: None,
        };
        Self { state: None, parser: Parser::default(), info }
    }
}

impl Reducer for Slots {
    fn start(&mut self, from: Start<'_>) -> Result<(), FoldError> {
        self.state = match from {
            Start::Initial(_) => Some(Json::parse(br#"{"count":0,"slots":{}}"#).expect("JSON")),
            Start::Resume(_, state) => state.clone(),
        };
        Ok(())
    }

    fn apply(&mut self, events: &[Arc<Event>], _: &mut Vec<(usize, FoldError)>) -> Result<usize, Lost> {
        for event in events {
            let data = self.parser.parse(event.data.stored()).expect("JSON");
            let Some(Json::Object(state)) = &mut self.state else { panic!("an object") };
            if let Some(count) = state.get_mut("count") {
                *count = Json::from(count.as_i64().unwrap_or(0) + 1);
            }
            let slot = data.get("slot").and_then(Json::as_str).expect("a slot");
            let slot = self.parser.key(slot);
            if let Some(Json::Object(slots)) = state.get_mut("slots") {
                slots.insert(slot, data);
            }
        }
        Ok(events.len())
    }

    fn state(&mut self) -> Result<State, FoldError> {
        Ok(self.state.clone())
    }

    fn info(&self) -> &ReducerInfo {
        &self.info
    }
}

/// The same folds for node: reads the lines named by the first argument, folds the first so many.
const NODE: &str = r"
const fs = require('fs');
const [, file, mode, count] = process.argv;
const isObject = (value) => value !== null && typeof value === 'object' && !Array.isArray(value);
const merge = (into, from) => {
  for (const key in from) {
    if (isObject(into[key]) && isObject(from[key])) merge(into[key], from[key]);
    else into[key] = from[key];
  }
};
let state = mode === 'merge' ? {} : { count: 0, slots: {} };
const evolve = mode === 'merge'
  ? (event) => merge(state, event.data)
  : (event) => { state.count += 1; state.slots[event.data.slot] = event.data; };
const input = fs.openSync(file, 'r');
const chunk = Buffer.alloc(1 << 18);
let rest = '';
let left = Number(count);
const decoder = new (require('string_decoder').StringDecoder)('utf8');
while (left > 0) {
  const read = fs.readSync(input, chunk, 0, chunk.length, null);
  if (read === 0) break;
  const lines = (rest + decoder.write(chunk.subarray(0, read))).split('\n');
  rest = lines.pop();
  for (const line of lines) {
    if (left-- <= 0) break;
    evolve(JSON.parse(line));
  }
}
process.stdout.write(String(JSON.stringify(state).length));
";

fn main() {
    // Run by `cargo test` it only has to build.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let stream = stream::accounts(EVENTS);
    println!("{EVENTS} events, {} of JSON lines, {} a line\n", bytes(stream.line_bytes), stream.line_bytes / EVENTS);
    let mut table = Table::default();
    for mode in ["merge", "slots"] {
        fold(&stream, mode, &mut table);
    }
    neighbours(&mut table);
    table.print();
}

fn reducer(mode: &str) -> Box<dyn Reducer> {
    if mode == "merge" { Box::<Merge>::default() } else { Box::new(Slots::new()) }
}

/// Folds everything without an engine: CPU time.
fn plain(stream: &stream::Stream, mode: &str) -> Duration {
    let mut reducer = reducer(mode);
    let mut faults = Vec::new();
    let start = cpu(UsageWho::RUSAGE_SELF);
    reducer.start(Start::Initial(&StreamName::from("account-hot"))).expect("starts");
    for batch in stream.events.chunks(512) {
        reducer.apply(batch, &mut faults).expect("never lost");
    }
    black_box(reducer.state().expect("a state"));
    cpu(UsageWho::RUSAGE_SELF) - start
}

fn timeline(mode: &str, spacing: Spacing) -> Timeline {
    let limits = Limits { spacing, log_bytes: 1 << 30, ..Limits::default() };
    Timeline::new(StreamName::from("account-hot"), reducer(mode), limits)
}

/// Walks to a place; events come from memory, as from a source that has them at hand.
fn go(timeline: &mut Timeline, stream: &stream::Stream, mut goal: Goal) {
    loop {
        match timeline.advance(&mut goal, Budget { events: 10_000 }) {
            Advance::Reached | Advance::Stopped(_) | Advance::NotFound(_) => return,
            Advance::Working { .. } => {}
            Advance::NeedEvents { from, limit } => {
                let end = (from as usize + limit).min(EVENTS);
                let events = stream.events[from as usize..end].to_vec();
                timeline.feed(EventPage { first: from, events, total: EVENTS as u64, partial: false });
            }
            Advance::Failed(why) => panic!("{why}"),
            Advance::Suspended(suspension) => panic!("{suspension}"),
        }
    }
}

/// Walks from the beginning to the end: CPU time.
fn walked(stream: &stream::Stream, mode: &str, spacing: Spacing) -> (Duration, Timeline) {
    let mut timeline = timeline(mode, spacing);
    let start = cpu(UsageWho::RUSAGE_SELF);
    go(&mut timeline, stream, Goal::To(u64::MAX));
    (cpu(UsageWho::RUSAGE_SELF) - start, timeline)
}

/// Searches from the end back to the beginning for what holds nowhere: CPU time.
fn searched(stream: &stream::Stream, timeline: &mut Timeline, looks_at_patch: bool) -> Duration {
    go(timeline, stream, Goal::To(u64::MAX));
    let never = move |subject: &Subject<'_>| {
        let changes = if looks_at_patch { subject.patch().0.len() } else { 0 };
        let is_absent = subject.state().is_ok_and(Option::is_none) && subject.prev().is_ok_and(Option::is_some);
        (is_absent || changes > 1000).into()
    };
    let start = cpu(UsageWho::RUSAGE_SELF);
    go(timeline, stream, Goal::Previous(Stops::new([Stop::at_each(never)])));
    let time = cpu(UsageWho::RUSAGE_SELF) - start;
    assert_eq!(timeline.at(), EVENTS as u64, "nothing was found");
    time
}

fn node(stream: &stream::Stream, mode: &str, count: usize) -> Option<Duration> {
    let start = cpu(UsageWho::RUSAGE_CHILDREN);
    let mut command = Command::new("node");
    command.args(["-e", NODE, "--"]).arg(stream.file.path()).arg(mode).arg(count.to_string());
    let output = command.output().ok()?;
    output.status.success().then(|| cpu(UsageWho::RUSAGE_CHILDREN) - start)
}

fn fold(stream: &stream::Stream, mode: &str, table: &mut Table) {
    let never = Spacing { floor: u64::MAX, volume: 0 };
    let (mut folds, mut without, mut with, mut nodes, mut nodes_150k) = (vec![], vec![], vec![], vec![], vec![]);
    let mut kept = None;
    for _ in 0..ROUNDS {
        folds.push(plain(stream, mode));
        without.push(walked(stream, mode, never).0);
        let (time, timeline) = walked(stream, mode, Spacing::default());
        with.push(time);
        kept = Some(timeline);
        nodes.extend(node(stream, mode, EVENTS));
        nodes_150k.extend(node(stream, mode, 150_000));
    }
    let mut timeline = kept.expect("a round");
    let (folds, without, with) = (median(&mut folds), median(&mut without), median(&mut with));
    let state = timeline.moment().state.map_or(0, |state| state.text_len());
    let memory = timeline.memory();
    println!("{mode}: state {}, {:?}", bytes(state), memory);
    println!(
        "  plain fold {folds:.2?} ({:.2} us an event), walked without checkpoints {without:.2?}, with {with:.2?}",
        folds.as_secs_f64() * 1e6 / EVENTS as f64
    );
    let share = 100.0 * memory.checkpoint_bytes as f64 / stream.line_bytes as f64;
    table.row(mode, "11 checkpoints, of the stream's bytes", format!("{share:.2} %"), "<= 5 %", share <= 5.0);
    let extra = 100.0 * (with.as_secs_f64() / without.as_secs_f64() - 1.0);
    table.row(mode, "11 checkpoints, extra CPU over the walk", format!("{extra:.1} %"), "<= 15 %", extra <= 15.0);

    for (name, looks) in [("", false), (" with patch", true)] {
        let mut times: Vec<_> = (0..ROUNDS).map(|_| searched(stream, &mut timeline, looks)).collect();
        let time = median(&mut times);
        let ratio = |of: Duration| time.as_secs_f64() / of.as_secs_f64();
        println!("  search all the way back{name}: {time:.2?}, {:.2} x the walk", ratio(with));
        let name = format!("13 search all back{name}, of the plain fold");
        table.row(mode, &name, format!("{:.2} x", ratio(folds)), "<= 2.2 x", ratio(folds) <= 2.2);
    }

    // The machine may be shared: each jump is made in three rounds, and its fastest time counts.
    let mut random = stream::Random(7);
    let places: Vec<u64> = (0..2000).map(|_| random.below(EVENTS as u64 + 1)).collect();
    let mut jumps = vec![Duration::MAX; places.len()];
    for _ in 0..3 {
        for (place, fastest) in places.iter().zip(&mut jumps) {
            let start = Instant::now();
            go(&mut timeline, stream, Goal::To(*place));
            black_box(timeline.moment());
            *fastest = start.elapsed().min(*fastest);
        }
    }
    let (jump, jump_p99) = (median(&mut jumps), percentile(&mut jumps, 99.0));
    println!("  jump: median {jump:.1?}, p99 {jump_p99:.1?}, worst {:.1?}", percentile(&mut jumps, 100.0));
    let (mut forward, mut back) = (Vec::new(), Vec::new());
    for _ in 0..10 {
        go(&mut timeline, stream, Goal::To(random.below(EVENTS as u64 - 4000)));
        steps(&mut timeline, stream, Goal::Forward(1), 3000, &mut forward);
    }
    for _ in 0..10 {
        go(&mut timeline, stream, Goal::To(4000 + random.below(EVENTS as u64 - 4000)));
        steps(&mut timeline, stream, Goal::Back(1), 3000, &mut back);
    }
    for (name, times) in [("forward", &mut forward), ("back", &mut back)] {
        let (p50, p99, worst) = (median(times), percentile(times, 99.0), percentile(times, 100.0));
        println!("  step {name} with patch: p50 {p50:.1?}, p99 {p99:.1?}, worst {worst:.1?}");
        let name = format!("10 step {name} with patch, p99");
        table.row(mode, &name, format!("{p99:.1?}"), "<= 100 us", p99 <= Duration::from_micros(100));
    }
    if nodes.is_empty() {
        println!("  node is not on the PATH: no ratios to it\n");
        return;
    }
    let (node, node_150k) = (median(&mut nodes), median(&mut nodes_150k));
    let times = node.as_secs_f64() / folds.as_secs_f64();
    println!("  node, whole process: {node:.2?} for all ({times:.1} x the plain fold), {node_150k:.2?} to 150,000\n");
    table.ratio(mode, "9 jump, median, of node's refold to 150,000", jump, node_150k, 2500.0);
    table.ratio(mode, "9 jump, p99, of node's refold to 150,000", jump_p99, node_150k, 1000.0);
    let step = percentile(&mut forward, 99.0).max(percentile(&mut back, 99.0));
    table.ratio(mode, "10 step with patch, p99, of node's refold", step, node, 20_000.0);
}

fn steps(timeline: &mut Timeline, stream: &stream::Stream, goal: Goal, count: usize, times: &mut Vec<Duration>) {
    for _ in 0..count {
        let start = Instant::now();
        go(timeline, stream, goal.clone());
        black_box(timeline.moment());
        times.push(start.elapsed());
    }
}

/// Two neighbouring versions of a state of half a megabyte, and a thousand of them.
fn neighbours(table: &mut Table) {
    let text = stream::wide_state(1800);
    let mut state = Json::parse(text.as_bytes()).expect("JSON");
    let mut value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    println!("state of {}, one field of one of 1,800 entries changed", bytes(text.len()));
    let (mut ours, mut patches, mut values) = (vec![], vec![], vec![]);
    for n in 0..200i64 {
        let entry = format!("entry-{:05}", (n * 7919) % 1800);
        let before = state.clone();
        change(&mut state, &entry, n);
        let (before, after) = (Some(before), Some(state.clone()));
        let start = Instant::now();
        let patch = black_box(Patch::between(&before, &after));
        ours.push(start.elapsed());
        assert_eq!(patch.0.len(), 1);

        let before = value.clone();
        value["entries"][&entry]["amount"] = n.into();
        let start = Instant::now();
        black_box(json_patch::diff(&before, &value));
        patches.push(start.elapsed());
        let start = Instant::now();
        black_box(black_box(&before).clone() == value);
        values.push(start.elapsed());
    }
    let ours = median(&mut ours);
    table.ratio("0.5 MB", "12 diff of neighbours, of json_patch::diff", ours, median(&mut patches), 100.0);
    table.ratio("0.5 MB", "12 diff of neighbours, of Value clone + ==", ours, median(&mut values), 100.0);

    let before = resident();
    let copies: Vec<serde_json::Value> = (0..8).map(|_| value.clone()).collect();
    let one_value = resident().saturating_sub(before) as f64 / copies.len() as f64;
    let before = resident();
    let mut versions = vec![state.clone()];
    for n in 0..1000i64 {
        change(&mut state, &format!("entry-{:05}", (n * 104_729) % 1800), n + 1000);
        versions.push(state.clone());
    }
    let thousand = resident().saturating_sub(before) as f64;
    black_box((&copies, &versions));
    println!(
        "  {ours:.1?} a diff; 1,000 versions {}, one Value {}\n",
        bytes(thousand as usize),
        bytes(one_value as usize)
    );
    let times = thousand / one_value;
    table.row("0.5 MB", "12 1,000 versions, of one Value's memory", format!("{times:.2} x"), "<= 2 x", times <= 2.0);
}

fn change(state: &mut Json, entry: &str, n: i64) {
    let Json::Object(root) = state else { panic!("an object") };
    let Some(Json::Object(entries)) = root.get_mut("entries") else { panic!("an object") };
    let Some(Json::Object(entry)) = entries.get_mut(entry) else { panic!("an object") };
    Object::insert(entry, "amount".into(), Json::from(n));
}

#[derive(Default)]
struct Table(Vec<[String; 5]>);

impl Table {
    fn row(&mut self, of: &str, what: &str, measured: String, promised: &str, met: bool) {
        let met = if met { "met" } else { "MISSED" };
        self.0.push([of.into(), what.into(), measured, promised.into(), met.into()]);
    }

    fn ratio(&mut self, of: &str, what: &str, ours: Duration, theirs: Duration, times: f64) {
        let ratio = theirs.as_secs_f64() / ours.as_secs_f64();
        self.row(of, what, format!("1/{ratio:.1}"), &format!("<= 1/{times:.0}"), ratio >= times);
    }

    fn print(&self) {
        let mut out = std::io::stdout().lock();
        for [of, what, measured, promised, met] in &self.0 {
            let _ = writeln!(out, "{of:8} {what:48} {measured:>12} {promised:>12} {met}");
        }
    }
}

fn median(times: &mut [Duration]) -> Duration {
    percentile(times, 50.0)
}

fn percentile(times: &mut [Duration], percent: f64) -> Duration {
    times.sort_unstable();
    let last = times.len().saturating_sub(1);
    times.get((last as f64 * percent / 100.0).round() as usize).copied().unwrap_or_default()
}

fn cpu(who: UsageWho) -> Duration {
    let usage = getrusage(who).expect("the process knows its CPU time");
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Duration::from_micros(micros.unsigned_abs())
}

/// Resident memory of this process.
fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    pages.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or(0) * 4096
}

fn bytes(count: usize) -> String {
    match count {
        0..10_000 => format!("{count} B"),
        10_000..10_000_000 => format!("{:.1} KB", count as f64 / 1e3),
        _ => format!("{:.1} MB", count as f64 / 1e6),
    }
}
